"""How sure a model is of its own scores, by Monte-Carlo dropout (Gal and Ghahramani 2016, arXiv 1506.02142).

Dropout, which training used, stays on: each sample is a thinned network with scores of its own, and their spread is
the model's uncertainty. The ``head`` form drops out inputs of the classifier's layers only, as training did, on states
that are computed once; the ``full`` form drops out in the encoder, too, at the price of a whole pass a sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from typing import TYPE_CHECKING, Literal

import numpy as np

from gristmill.errors import LabelError, ModelError, TextError
from gristmill.zeroshot import head
from gristmill.zeroshot.engines.base import Dropout, Engine, Pack
from gristmill.zeroshot.items import text_error
from gristmill.zeroshot.labels import check_single, parse_labels, parse_template
from gristmill.zeroshot.layout import Ids
from gristmill.zeroshot.models.model import Floats, Model
from gristmill.zeroshot.packs import build_pack, cut_packs
from gristmill.zeroshot.scores import Doubles, margins, probabilities
from gristmill.zeroshot.tokens import PairEncoder

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier

Form = Literal["head", "full"]

PACK_TOKENS = 512
"""Of the full form's packs, on every engine: what is packed together decides which random numbers a pair gets."""
SAMPLES = 10_000
SCORES = 1 << 24
"""Most scores of one text, samples by labels, which are held at the same time."""


@dataclass(frozen=True)
class Uncertainty:
    """Scores of one text's labels, in the order of the labels, over the samples. Entropies are in nats."""

    labels: tuple[str, ...]
    mean: Doubles
    """Mean score of each label."""
    deviation: Doubles
    """Standard deviation of each label's score."""
    entropy: Doubles
    """Predictive entropy, of the mean scores: one number (a 0-d array) where labels share a probability of 1,
    one a label with ``multi_label``."""
    mutual_information: Doubles
    """What of ``entropy`` comes from the samples' disagreement, thus from the model and not from the text
    (Houlsby et al. 2011, arXiv 1112.5745). Of the shape of ``entropy``."""


def uncertainty(
    classifier: ZeroShotClassifier,
    texts: Iterable[str],
    labels: str | Sequence[str],
    *,
    form: Form = "head",
    samples: int = 50,
    seed: int = 0,
    multi_label: bool = False,
    hypothesis_template: str | None = None,
    temperature: float | None = None,
) -> Iterator[Uncertainty]:
    """The uncertainty of each text's scores, as a stream.

    Args:
        classifier: Its model, engine, template and calibration are used.
        texts: Any number; of a long one the beginning counts.
        labels: Candidate labels of all texts.
        form: ``head`` costs little more than classifying; ``full`` costs ``samples`` times as much and sees all
            of the model. Not every engine can do ``full``.
        samples: Thinned networks, 2 or more. The deviation's own error is about 0.7 / sqrt(samples) of it.
        seed: The same seed gives the same numbers, whatever other texts there are and however many workers.
        multi_label: Each label on its own.
        hypothesis_template: By default the classifier's.
        temperature: By default the classifier's calibration.

    Raises: LabelError for labels or options; ModelError if the form is ``head`` and the head was trained without
    dropout, or ``full`` and neither head nor encoder has any, or the engine cannot; TextError naming the row of a
    text that is empty or no string.
    """
    if form not in ("head", "full"):
        raise LabelError(f"form={form!r}: use 'head' or 'full'")
    if isinstance(seed, bool) or seed < 0:
        raise LabelError(f"seed={seed}: use a whole number, 0 or more")
    if isinstance(samples, bool) or not 2 <= samples <= SAMPLES:
        raise LabelError(f"samples={samples}: use 2 to {SAMPLES}")
    if isinstance(texts, str | bytes):
        raise TextError("texts must be a list or an iterable of strings; put a single text in a list")
    names = parse_labels(labels)
    check_single(names, multi_label)
    if samples * len(names) > SCORES:
        raise LabelError(f"{samples} samples of {len(names)} labels are more than {SCORES} scores; use fewer")
    template = parse_template(hypothesis_template or classifier.hypothesis_template)
    if temperature is None:
        calibration = classifier.calibration
        temperature = 1.0 if calibration is None else calibration.multi if multi_label else calibration.single
    check_dropout(classifier.model, form)
    hypotheses = [template.fill(label) for label in names]
    drawn = (_head if form == "head" else _full)(classifier, _checked(texts), hypotheses, samples, seed)
    return _summaries(classifier, drawn, names, multi_label, temperature)


def _summaries(
    classifier: ZeroShotClassifier,
    drawn: Iterator[Floats],
    labels: tuple[str, ...],
    multi_label: bool,
    temperature: float,
) -> Iterator[Uncertainty]:
    for row, logits in enumerate(drawn):
        if not np.isfinite(logits).all():
            raise ModelError(
                f"row {row}: {classifier.model.name} gives a value that is not finite under dropout"
            )
        found = margins(logits, classifier.ids, multi_label=multi_label)
        scores = [probabilities(one, multi_label=multi_label, temperature=temperature) for one in found]
        yield summarise(labels, np.stack(scores), multi_label=multi_label)


def check_dropout(model: Model, form: Form) -> None:
    """Raises: ModelError if the model was trained without dropout where this form would use it."""
    rates = [model.head.dropout_before_dense, model.head.dropout_before_output]
    if form == "full":
        rates += [model.encoder.dropout, model.encoder.attention_dropout]
    if not any(rates):
        where, mend = ("head", "; use form='full'") if form == "head" else ("encoder and head", "")
        raise ModelError(
            f"{model.name} was trained without dropout in its {where}, so every sample would be the same{mend}"
        )


def sample_head(model: Model, states: Floats, samples: int, seed: int) -> Floats:
    """Logits [samples, pairs, classes] of class-token states [pairs, width] under dropout in the head.

    A sample is one thinned head: it drops the same units for all pairs and all texts, so that a pair's logits
    depend on the seed alone, and labels of one text are compared under the same head.
    """
    dense, output = head_masks(model, samples, seed)
    if model.head.dropout_before_dense:
        features: Iterable[Floats] = (head.hidden(model, states * mask) for mask in dense)
    else:
        features = repeat(head.hidden(model, states), samples)
    return np.stack([head.output(model, one * mask) for one, mask in zip(features, output, strict=True)])


def head_masks(model: Model, samples: int, seed: int) -> tuple[Floats, Floats]:
    """Factors [samples, width] for the inputs of the head's dense and of its output layer."""
    rates = model.head.dropout_before_dense, model.head.dropout_before_output
    dense, output = (
        _masks(model.encoder.width, rate, samples, seed, layer) for layer, rate in enumerate(rates)
    )
    return dense, output


def summarise(labels: tuple[str, ...], scores: Doubles, *, multi_label: bool) -> Uncertainty:
    """The moments and entropies of scores [samples, labels]."""
    mean = scores.mean(axis=0)
    entropy = _entropy(mean, multi_label=multi_label)
    within = _entropy(scores, multi_label=multi_label).mean(axis=0)
    # The difference is never negative but by rounding.
    return Uncertainty(labels, mean, scores.std(axis=0), entropy, np.maximum(entropy - within, 0.0))


def _entropy(scores: Doubles, *, multi_label: bool) -> Doubles:
    parts = _surprise(scores)
    result: Doubles = parts + _surprise(1 - scores) if multi_label else parts.sum(axis=-1)
    return result


def _surprise(scores: Doubles) -> Doubles:
    """``-p log p``, which is 0 for 0."""
    result: Doubles = -scores * np.log(np.where(scores > 0, scores, 1.0))
    return result


def _masks(width: int, rate: float, samples: int, seed: int, layer: int) -> Floats:
    """Factors [samples, width]: 0 for dropped units, 1 / (1 - rate) for the others."""
    generator = np.random.default_rng((seed, layer))
    if not rate:
        return np.ones((samples, width), np.float32)
    keep = generator.random((samples, width), np.float32) >= np.float32(rate)
    return keep.astype(np.float32) / np.float32(1 - rate)


def _checked(texts: Iterable[str]) -> Iterator[str]:
    for row, text in enumerate(texts):
        error = text_error(text, row)
        if error is not None:
            raise error
        yield text


def _head(
    classifier: ZeroShotClassifier, texts: Iterable[str], hypotheses: list[str], samples: int, seed: int
) -> Iterator[Floats]:
    """Logits [samples, hypotheses, classes] of each text."""
    for states in classifier.states(zip(texts, repeat(hypotheses), strict=False)):
        yield sample_head(classifier.model, states, samples, seed)


def _full(
    classifier: ZeroShotClassifier, texts: Iterable[str], hypotheses: list[str], samples: int, seed: int
) -> Iterator[Floats]:
    """Logits [samples, hypotheses, classes] of each text."""
    model, engine = classifier.model, classifier.engine
    encoder = PairEncoder(model.folder, model.encoder)
    ends = encoder.hypotheses(hypotheses)
    with ThreadPoolExecutor(max(engine.workers, 1), thread_name_prefix="uncertainty") as threads:
        for text in texts:
            premise = encoder.premises([text], limit_tokens=encoder.max_tokens)[0]
            pairs = [encoder.join(premise, end) for end in ends]
            yield np.stack(list(_samples(model, engine, pairs, samples, seed, threads)))


def _samples(
    model: Model,
    engine: Engine,
    pairs: list[tuple[Ids, Ids]],
    samples: int,
    seed: int,
    threads: ThreadPoolExecutor,
) -> Iterator[Floats]:
    """Logits [pairs, classes] of each sample, which has a seed of its own for the encoder and masks for the head."""
    chosen = cut_packs(np.array([len(ids) for ids, _ in pairs], np.int64), PACK_TOKENS)
    packs = [build_pack(pairs, one) for one in chosen]
    places = np.argsort(np.concatenate(chosen))
    seeds = np.random.SeedSequence(seed).generate_state(samples, np.uint32).tolist()
    dense, output = head_masks(model, samples, seed)

    def run(sample: int, pack: Pack) -> Floats:
        return engine.states(
            pack, Dropout(seeds[sample], model.encoder.dropout, model.encoder.attention_dropout)
        )

    together = max(engine.workers, 1)
    for start in range(0, samples, together):
        numbers = range(start, min(start + together, samples))
        states = threads.map(
            run, *zip(*((number, pack) for number in numbers for pack in packs), strict=True)
        )
        for number in numbers:
            own = np.concatenate(list(islice(states, len(packs))))[places]
            yield head.output(model, head.hidden(model, own * dense[number]) * output[number])
