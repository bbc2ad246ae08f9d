"""From texts and their labels to results, as a stream: what was read, what is asked, what goes wrong, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gristmill.errors import GristmillError, LabelError, ModelError, TextError
from gristmill.zeroshot import hierarchy
from gristmill.zeroshot.contextual import CONTENT_FREE, correct_margins
from gristmill.zeroshot.inference import Inference, PairRow, Tokens
from gristmill.zeroshot.items import Item, Labels, chunks, in_row, text_error
from gristmill.zeroshot.labels import Template, check_single
from gristmill.zeroshot.layout import Ids
from gristmill.zeroshot.models.model import Floats
from gristmill.zeroshot.options import Options
from gristmill.zeroshot.results import Result, ranked_result
from gristmill.zeroshot.scores import Doubles, margins, probabilities
from gristmill.zeroshot.shortlist import Choice
from gristmill.zeroshot.windows import cut_windows, default_stride, most_tokens, pool

PAIRS = 4_000_000
"""Most pairs of one text (windows by labels), whose logits are held at the same time."""

Answer = tuple[object, Result | GristmillError]
"""The text as it was given, and its result or what is wrong with it."""


@dataclass(frozen=True)
class _Job:
    """A text on its way: what its logits are to become."""

    item: Item
    labels: Labels = ()
    hypotheses: Sequence[Tokens] = ()
    windows: Sequence[Ids] = ()
    free: Sequence[Ids] = ()
    """Content-free premises, for contextual calibration."""
    choice: Choice | None = None
    error: GristmillError | None = None


class Answers:
    """Answers items by one inference, with one set of options.

    ``template_of`` gives each text's hypothesis template. Both methods read the items as they go, a few dozen
    ahead, and answer in order; an item that is wrong is answered by its error.
    """

    def __init__(
        self, inference: Inference, options: Options, template_of: Callable[[str], Template]
    ) -> None:
        self._inference, self._options, self._template_of = inference, options, template_of
        ids = inference.model.ids
        if ids is None:
            raise ModelError(f"{inference.model.name} has no classifier; load it with classifier=True")
        self._ids = ids
        self._last: tuple[Labels, dict[str, list[Tokens]]] = ((), {})
        self._free: list[Ids] = []
        if options.contextual:
            self._free = inference.premises(CONTENT_FREE)

    def prepare(self, labels: Labels, template: Template) -> None:
        """Tokenise the hypotheses of labels that all texts share. Raises: LabelError for one that is too long."""
        hypotheses = self._inference.hypotheses([template.fill(label) for label in labels])
        self._last = (labels, {template.text: hypotheses})

    def flat(self, items: Iterable[Item]) -> Iterator[Answer]:
        """Each item with its labels ranked."""
        rows = ((self._pairs(job), job) for chunk in chunks(items) for job in self._flat_jobs(chunk))
        for logits, job in self._inference.logits(rows):
            yield job.item.text, self._flat_answer(logits, job)

    def tree(self, items: Iterable[Item], root: hierarchy.Node) -> Iterator[Answer]:
        """Each item walked down the tree; the items' own labels play no part."""
        options = self._options
        for chunk in chunks(items):
            jobs = list(self._readable(_Job(item) for item in chunk))
            good = [job for job in jobs if job.error is None]

            def ask(
                questions: Sequence[hierarchy.Question], good: list[_Job] = good
            ) -> Iterator[Doubles | GristmillError]:
                asked = [replace(good[text], labels=labels) for text, labels in questions]
                jobs = self._windowed(self._with_hypotheses(asked))
                for logits, job in self._inference.logits((self._pairs(job), job) for job in jobs):
                    yield job.error or self._scores(logits, job)[1]

            walks = iter(
                hierarchy.walk(
                    root,
                    len(good),
                    ask,
                    multi_label=options.multi_label,
                    threshold=options.threshold,
                    beam=options.beam,
                )
            )
            for job in jobs:
                if job.error is not None:
                    yield job.item.text, job.error
                    continue
                one = next(walks)
                text = str(job.item.text)
                result = hierarchy.tree_result(text, one, options.threshold, options.none_label)
                yield job.item.text, one.error or result

    def _flat_jobs(self, items: list[Item]) -> Iterator[_Job]:
        jobs = list(self._readable(_labelled(item, self._options.multi_label) for item in items))
        if self._options.shortlist is not None:
            jobs = list(self._shortened(jobs))
        return self._windowed(self._with_hypotheses(jobs))

    def _readable(self, jobs: Iterable[_Job]) -> Iterator[_Job]:
        for job in jobs:
            error = job.error or text_error(job.item.text, job.item.row)
            yield replace(job, error=error) if error else job

    def _shortened(self, jobs: list[_Job]) -> Iterator[_Job]:
        """The jobs with the labels near their texts; runs of texts with the same labels are ranked together."""
        shortlist = self._options.shortlist
        assert shortlist is not None
        start = 0
        while start < len(jobs):
            labels, stop = jobs[start].labels, start + 1
            while stop < len(jobs) and jobs[stop].labels is labels:
                stop += 1
            run = jobs[start:stop]
            choices = shortlist.choose([str(job.item.text) for job in run if job.error is None], labels)
            for job in run:
                if job.error is not None:
                    yield job
                    continue
                choice = next(choices)
                yield replace(job, labels=tuple(labels[place] for place in choice.kept), choice=choice)
            start = stop

    def _with_hypotheses(self, jobs: Iterable[_Job]) -> Iterator[_Job]:
        for job in jobs:
            if job.error is not None:
                yield job
                continue
            try:
                yield replace(job, hypotheses=self._hypotheses(job.labels, str(job.item.text)))
            except (LabelError, TextError) as error:
                yield replace(job, error=_named(error, job.item))

    def _hypotheses(self, labels: Labels, text: str) -> list[Tokens]:
        template = self._template_of(text)
        # Texts that share their labels share the tuple, so that nothing is looked up label by label.
        if self._last[0] is not labels:
            self._last = (labels, {})
        known = self._last[1].get(template.text)
        if known is None:
            known = self._inference.hypotheses([template.fill(label) for label in labels])
            self._last[1][template.text] = known
        return known

    def _windowed(self, jobs: Iterable[_Job]) -> Iterator[_Job]:
        """The jobs with their texts tokenised, as far as is needed, and cut into windows."""
        ready = list(jobs)
        good = [job for job in ready if job.error is None]
        stride, limit = self._options.window_stride, None
        if self._options.windows is not None and good:
            rooms = [self._inference.room(job.hypotheses) for job in good]
            # A token more than the longest text may have shows that a text is longer.
            limit = 1 + max(most_tokens(room, stride or default_stride(room)) for room in rooms)
        texts = iter(self._inference.premises([str(job.item.text) for job in good], limit))
        for job in ready:
            if job.error is not None:
                yield job
                continue
            try:
                yield replace(job, windows=self._cut(next(texts), job), free=self._free)
            except (LabelError, TextError) as error:
                yield replace(job, error=_named(error, job.item))

    def _cut(self, ids: Ids, job: _Job) -> list[Ids]:
        if not len(ids):
            raise TextError("the text has no letters that the model's tokenizer knows of")
        windows = [ids]
        if self._options.windows is not None:
            windows = cut_windows(ids, self._inference.room(job.hypotheses), self._options.window_stride)
        if len(windows) * len(job.hypotheses) > PAIRS:
            raise TextError(
                f"the text's {len(windows)} windows by {len(job.hypotheses)} labels are more than {PAIRS} pairs;"
                " use a larger window_stride, fewer labels, or windows=None"
            )
        return windows

    def _pairs(self, job: _Job) -> PairRow:
        return self._inference.pairs([*job.windows, *job.free], job.hypotheses)

    def _flat_answer(self, logits: Floats, job: _Job) -> Result | GristmillError:
        if job.error is not None:
            return job.error
        pooled, scores = self._scores(logits, job)
        if isinstance(scores, GristmillError):
            return scores
        result, places = ranked_result(str(job.item.text), job.labels, pooled, scores, self._options)
        choice = job.choice
        if choice is not None and not isinstance(job.item.labels, GristmillError):
            result["cut"] = [job.item.labels[place] for place in choice.cut]
            result["cut_similarities"] = [float(choice.similarities[place]) for place in choice.cut]
            result["kept_similarities"] = [float(choice.similarities[choice.kept[place]]) for place in places]
        return result

    def _scores(self, logits: Floats, job: _Job) -> tuple[Floats, Doubles | ModelError]:
        """Logits [labels, classes] of the text, and the scores of its labels."""
        if not np.isfinite(logits).all():
            return logits, not_finite(self._inference, job.item.row)
        options = self._options
        by_premise = logits.reshape(-1, len(job.hypotheses), logits.shape[1])
        windows = by_premise[: len(job.windows)]
        pooled = pool(windows, options.windows or "mean", self._ids, multi_label=options.multi_label)
        text_margins = margins(pooled, self._ids, multi_label=options.multi_label)
        if options.contextual:
            priors = margins(by_premise[len(job.windows) :], self._ids, multi_label=options.multi_label)
            text_margins = correct_margins(text_margins, priors, multi_label=options.multi_label)
        return pooled, probabilities(
            text_margins, multi_label=options.multi_label, temperature=options.temperature
        )


def not_finite(inference: Inference, row: int | None) -> ModelError:
    """The error for logits or states that are infinite or no numbers."""
    engine = inference.engine
    return ModelError(
        in_row(
            row,
            f"{inference.model.name} gives a value that is not finite on engine {engine.name} in"
            f" {engine.precision}; use float32, or another model if that is what it ran in",
        )
    )


def _labelled(item: Item, multi_label: bool) -> _Job:
    if isinstance(item.labels, GristmillError):
        return _Job(item, error=_named(item.labels, item))
    try:
        check_single(item.labels, multi_label)
    except LabelError as error:
        return _Job(item, error=_named(error, item))
    return _Job(item, labels=item.labels)


def _named(error: GristmillError, item: Item) -> GristmillError:
    return type(error)(in_row(item.row, str(error)))
