"""Labels in a tree, asked level by level: children only where their parent is likely, so few of many labels.

The score of a node is the product of the scores on its path: that of a child is taken as its probability given its
parent (Koller and Sahami 1997).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gristmill.errors import GristmillError, LabelError
from gristmill.zeroshot.labels import LABELS, check_label, shorten
from gristmill.zeroshot.results import Level, Result
from gristmill.zeroshot.scores import Doubles, ranking

DEPTH = 32
LIKELY = 0.5
"""With multi_label and no threshold: the score from which a node counts as holding."""

Question = tuple[int, tuple[str, ...]]
"""Number of the text, and the labels to score for it."""
Ask = Callable[[Sequence[Question]], Iterable[Doubles | GristmillError]]


@dataclass(frozen=True)
class Node:
    """A label and those below it; the root's label is empty."""

    label: str
    children: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Step:
    """A node that was reached."""

    node: Node
    path: tuple[str, ...]
    score: float


@dataclass
class Walk:
    """Where the walk of one text stands."""

    open: list[Step]
    ends: list[Step] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    best: float = 0.0
    """Highest score on the top level."""
    error: GristmillError | None = None


def parse_tree(tree: Mapping[str, object]) -> Node:
    """A tree from nested mappings; a mapping or a list under a label holds those below, None or {} none.

    Raises: LabelError for no labels, labels that are no strings or empty, one that is twice among its
    siblings, more than ``DEPTH`` levels or ``LABELS`` labels (a tree that holds itself has both).
    """
    root = Node("", _children(tree, (), [0]))
    if not root.children:
        raise LabelError(
            "the tree of labels is empty; give labels, as in {'animal': ['dog', 'cat'], 'plant': []}"
        )
    return root


def _children(below: object, path: tuple[str, ...], count: list[int]) -> tuple[Node, ...]:
    where = f"below {shorten(' / '.join(path))}" if path else "at the top"
    if below is None:
        return ()
    if len(path) >= DEPTH:
        raise LabelError(f"the tree of labels {where} has more than {DEPTH} levels")
    if isinstance(below, Mapping):
        items = list(below.items())
    elif isinstance(below, list | tuple):
        items = [(label, None) for label in below]
    else:
        raise LabelError(f"{where} of the tree of labels is {shorten(below)}; use a mapping, a list or None")
    count[0] += len(items)
    if count[0] > LABELS:
        raise LabelError(f"the tree has more than {LABELS} labels")
    nodes: dict[str, Node] = {}
    for label, rest in items:
        check_label(label, f"a label {where} of the tree")
        if label in nodes:
            raise LabelError(f"the label {shorten(label)} is twice {where} of the tree; give it once")
        nodes[label] = Node(label, _children(rest, (*path, label), count))
    return tuple(nodes.values())


def walk(
    root: Node,
    texts: int,
    ask: Ask,
    *,
    multi_label: bool = False,
    threshold: float | None = None,
    beam: int = 1,
) -> list[Walk]:
    """Walk down the tree for several texts at once; ``ask`` scores labels among their siblings.

    Without ``multi_label`` the ``beam`` best nodes of each level are entered (1: greedy), and only those
    whose score reaches the ``threshold``; with it all that reach the threshold, ``LIKELY`` by default. A
    walk ends in leaves, or in nodes of which no child is entered. An only child needs no question without
    ``multi_label``: its score is its parent's.
    """
    least = threshold if threshold is not None else (LIKELY if multi_label else 0.0)
    walks = [Walk([Step(root, (), 1.0)]) for _ in range(texts)]
    while True:
        asked = [
            (number, step)
            for number, one in enumerate(walks)
            for step in one.open
            if multi_label or len(step.node.children) > 1
        ]
        questions = [(number, tuple(child.label for child in step.node.children)) for number, step in asked]
        answers = iter(ask(questions) if questions else ())
        for one in walks:
            entered: list[Step] = []
            for step in one.open:
                answer = next(answers) if multi_label or len(step.node.children) > 1 else np.ones(1)
                if isinstance(answer, GristmillError):
                    one.error = answer
                    continue
                entered += _enter(one, step, answer, least)
            _advance(one, entered, multi_label, beam)
        if not any(one.open for one in walks):
            return walks


def _enter(one: Walk, step: Step, scores: Doubles, least: float) -> list[Step]:
    """The children of a node that reach ``least``; the node itself is an end if none does."""
    order = ranking(scores).tolist()
    children = step.node.children
    one.levels.append(
        {
            "path": list(step.path),
            "labels": [children[place].label for place in order],
            "scores": [float(scores[place]) for place in order],
        }
    )
    steps = [
        Step(children[place], (*step.path, children[place].label), step.score * float(scores[place]))
        for place in order
    ]
    if not step.path:
        one.best = steps[0].score
    entered = [child for child in steps if child.score >= least]
    if not entered and step.path:
        one.ends.append(step)
    return entered


def _advance(one: Walk, entered: list[Step], multi_label: bool, beam: int) -> None:
    """The next level: of the nodes entered the best, leaves among them being ends."""
    if one.error is not None:
        one.open = []
        return
    if not multi_label:
        entered = sorted(entered, key=lambda step: -step.score)[:beam]
    one.ends += [step for step in entered if not step.node.children]
    one.open = [step for step in entered if step.node.children]


def tree_result(text: str, one: Walk, threshold: float | None, none_label: str | None) -> Result:
    """The ends of a walk as labels with their paths, the best first; ties in the order of the tree."""
    ends = sorted(one.ends, key=lambda step: -step.score)
    result: Result = {
        "sequence": text,
        "labels": [step.node.label for step in ends],
        "scores": [step.score for step in ends],
        "paths": [list(step.path) for step in ends],
        "levels": one.levels,
    }
    if threshold is not None:
        result["abstained"] = not ends
        if not ends and none_label is not None:
            result["labels"], result["scores"], result["paths"] = [none_label], [1.0 - one.best], [[]]
    return result
