"""The zero-shot classifier: texts and labels in, ranked labels out, as transformers' pipeline gives them and more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack, overload

import numpy as np

from gristmill.errors import GristmillError, ModelError, TextError
from gristmill.zeroshot.answers import Answer, Answers, not_finite
from gristmill.zeroshot.default import default_folder
from gristmill.zeroshot.engines.base import Dropout, Engine
from gristmill.zeroshot.hierarchy import parse_tree
from gristmill.zeroshot.hypotheses import choose_template, own_template
from gristmill.zeroshot.inference import Inference, PairRow
from gristmill.zeroshot.items import in_row, items, items_with_sets
from gristmill.zeroshot.labels import (
    Template,
    check_single,
    parse_labels,
    parse_template,
    per_text,
)
from gristmill.zeroshot.models.model import EntailmentIds, Floats, Model
from gristmill.zeroshot.options import CallOptions, Options
from gristmill.zeroshot.pair_scores import score_pairs
from gristmill.zeroshot.results import Result, error_result
from gristmill.zeroshot.scores import margins
from gristmill.zeroshot.windows import Pool

if TYPE_CHECKING:
    from gristmill.zeroshot.calibration import Calibration
    from gristmill.zeroshot.shortlist import Shortlist

Labels = str | Sequence[str] | Sequence[Sequence[str]] | Iterator[Sequence[str]] | Mapping[str, object]


class ZeroShotClassifier:
    """Classifies texts into any labels by natural language inference. Threads may share it.

    Made by ``from_pretrained``; close it, or use it in a ``with`` block, to free its threads and memory early.
    """

    def __init__(
        self,
        model: Model,
        engine: Engine,
        *,
        hypothesis_template: str | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        if model.ids is None:
            raise ModelError(f"{model.name} was loaded without its classifier; load it with classifier=True")
        self._ids = model.ids
        self._inference = Inference(model, engine)
        self._calibration = calibration
        self._template = parse_template(hypothesis_template) if hypothesis_template else own_template(model)

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        cache: Path | None = None,
        offline: bool | None = None,
        label2id: Mapping[str, int] | None = None,
        engine: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        workers: int | None = None,
        hypothesis_template: str | None = None,
    ) -> Self:
        """A classifier of a model of natural language inference.

        Args:
            model: Id on the hub or a local folder; a folder of that name wins.
            revision: Branch, tag or commit of the hub; the digest that a folder must have.
            cache: Where downloads are kept.
            offline: Touch no network.
            label2id: What the model's classes mean, where its config.json does not say.
            engine: numpy, openvino, torch, or auto.
            precision: float32, bfloat16, float16, int8, int4; auto gives what the model is stored for, exactly.
            device: cpu, cuda, cuda:0 and so on, or auto.
            workers: Packs at the same time; by default what suits the machine.
            hypothesis_template: Used where a call names none. By default ``hypothesis_template`` in the
                ``gristmill`` object of the model's config.json, else ``DEFAULT_TEMPLATE``.

        A calibration saved beside the model is applied.
        Raises: ModelError, LabelError for the template, MissingExtraError for an engine not installed,
        CalibrationError for a calibration that is damaged or another model's.
        """
        from gristmill.zeroshot.calibration import load_calibration
        from gristmill.zeroshot.engines.choose import choose_engine
        from gristmill.zeroshot.models.load import load_model

        loaded = load_model(model, revision=revision, cache=cache, offline=offline, label2id=label2id)
        chosen = choose_engine(loaded, engine=engine, precision=precision, device=device, workers=workers)
        calibration = load_calibration(loaded.folder, revision=loaded.revision)
        return cls(loaded, chosen, hypothesis_template=hypothesis_template, calibration=calibration)

    @classmethod
    def default(
        cls,
        *,
        engine: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        workers: int | None = None,
        hypothesis_template: str | None = None,
    ) -> Self:
        """A classifier of the model that comes with the package (English); arguments as ``from_pretrained``'s.

        Raises: ModelError if this copy of the package lacks it, MissingExtraError for an engine not installed.
        """
        return cls.from_pretrained(
            default_folder(),
            engine=engine,
            precision=precision,
            device=device,
            workers=workers,
            hypothesis_template=hypothesis_template,
        )

    @property
    def model(self) -> Model:
        """The model as it was loaded."""
        return self._inference.model

    @property
    def engine(self) -> Engine:
        """What runs it."""
        return self._inference.engine

    @property
    def ids(self) -> EntailmentIds:
        """Which logit means what."""
        return self._ids

    @property
    def calibration(self) -> Calibration | None:
        """Temperatures that are applied, if the model has been calibrated."""
        return self._calibration

    @property
    def hypothesis_template(self) -> str:
        """The template of calls that name none."""
        return self._template.text

    @overload  # a str is an iterable of str, too
    def __call__(  # type: ignore[overload-overlap]
        self, sequences: str, candidate_labels: Labels, **options: Unpack[CallOptions]
    ) -> Result: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, sequences: list[str] | tuple[str, ...], candidate_labels: Labels, **options: Unpack[CallOptions]
    ) -> list[Result]: ...
    @overload
    def __call__(
        self, sequences: Iterable[str], candidate_labels: Labels, **options: Unpack[CallOptions]
    ) -> Iterator[Result]: ...
    def __call__(
        self,
        sequences: str | Iterable[str],
        candidate_labels: Labels,
        *,
        multi_label: bool = False,
        hypothesis_template: str | None = None,
        language: str | None = None,
        threshold: float | None = None,
        none_label: str | None = None,
        windows: Pool | None = None,
        window_stride: int | None = None,
        return_logits: bool = False,
        return_probabilities: bool = False,
        contextual: bool = False,
        temperature: float | None = None,
        shortlist: Shortlist | None = None,
        beam: int = 1,
        batch_size: int | None = None,
    ) -> Result | list[Result] | Iterator[Result]:
        """Classify a text, several, or a stream of them.

        Args:
            sequences: A string gives one result; a list or tuple a list of results; any other iterable an
                iterator of results in its order, which reads a few dozen texts ahead and holds no more.
            candidate_labels: A list of labels, or one string with commas between them; a list of such lists
                (or an iterator of them), one for each text; or a tree as nested mappings and lists, which is
                asked level by level (see ``hierarchy``).
            multi_label: Each label on its own, entailment against contradiction; else the labels share 1.
            hypothesis_template: The sentence that a label makes, with ``{}`` in its place.
            language: Take the template of this language (``de``), or with ``auto`` of each text's own.
            threshold: Keep only labels of this score or more; the result says whether it ``abstained``.
            none_label: What a text is called that no label reaches the threshold for; its score is what
                the best label lacks to 1.
            windows: Read texts that are too long in overlapping windows and pool them label by label:
                ``max`` (anywhere in the text) or ``mean`` (the whole of it). By default what does not fit is
                cut off, as the pipeline does.
            window_stride: Tokens from one window to the next; by default half a window.
            return_logits: Add the model's logits of each label, pooled over windows, not calibrated.
            return_probabilities: Add the softmax of those logits over the model's classes.
            contextual: Correct for what the model says of the labels without a text (``contextual``).
            temperature: Divides what the scores are made of; by default the model's calibration, 1 for none.
            shortlist: Ask only for the labels nearest to the text; the result says which were ``cut``.
            beam: How many branches of a tree are followed where labels share 1.
            batch_size: Taken for the pipeline's sake, without effect: packs are made by tokens.

        A text in a batch that cannot be classified (empty, no string, bad labels of its own) is answered with no
        labels and an ``error``; the others are answered as if it were not there. Equal scores keep the order of
        their labels. Scores do not depend on what else is in the batch, but for float rounding.

        Raises: LabelError for labels, template or options that cannot be used, before any text is read;
        TextError, or whatever else is wrong with it, for a text given as a string; ModelError.
        """
        chosen = Options(
            multi_label=multi_label,
            temperature=self._temperature(multi_label) if temperature is None else temperature,
            threshold=threshold,
            none_label=none_label,
            windows=windows,
            window_stride=window_stride,
            return_logits=return_logits,
            return_probabilities=return_probabilities,
            contextual=contextual,
            shortlist=shortlist,
            beam=beam,
        )
        if multi_label:  # refused here if the model cannot do it, not at the first text
            margins(np.zeros((1, self.model.head.classes), np.float32), self._ids, multi_label=True)
        template, template_of = choose_template(self._template, hypothesis_template, language)
        answers = Answers(self._inference, chosen, template_of)
        if isinstance(sequences, set | frozenset | Mapping | bytes | bytearray) or not isinstance(
            sequences, Iterable
        ):
            raise TextError(
                f"texts must be a string, a list or an iterable of strings, not {type(sequences).__name__}"
            )
        found = self._answer(answers, chosen, sequences, candidate_labels, template)
        if isinstance(sequences, str):
            _, result = next(found)
            if isinstance(result, GristmillError):
                raise result
            return result
        results = (error_result(text, one) if isinstance(one, GristmillError) else one for text, one in found)
        return list(results) if isinstance(sequences, list | tuple) else results

    def logits(self, pairs: Iterable[tuple[str, Sequence[str]]]) -> Iterator[Floats]:
        """The model's logits [hypotheses, classes] for each (premise, hypotheses), in order, as a stream.

        Hypotheses are whole sentences; a premise may be empty, and of a long one the beginning counts.
        Raises: TextError, LabelError or ModelError naming the row, counted from 0.
        """
        found = self._inference.logits(self._low_level(pairs))
        return (self._finite(values, row) for values, row in found)

    def score_pairs(self, pairs: Iterable[tuple[str, str]]) -> Iterator[Floats | GristmillError]:
        """The model's logits [classes] for each (premise, hypothesis), in order, as a stream of bounded memory.

        A pair that cannot be scored is answered by its error, which names the row, counted from 0, and the
        others are scored as if it were not there. Of a premise that is too long the beginning counts.
        """
        return score_pairs(self._inference, pairs)

    def states(
        self, pairs: Iterable[tuple[str, Sequence[str]]], dropout: Dropout | None = None
    ) -> Iterator[Floats]:
        """As ``logits``, but the class-token states [hypotheses, width] that the classifier's head works on.

        With ``dropout`` one sample of Monte-Carlo dropout inside the encoder; its noise depends on what is
        packed together.
        """
        found = self._inference.states(self._low_level(pairs), dropout)
        return (self._finite(values, row) for values, row in found)

    def close(self) -> None:
        """End the threads and free the engine's memory; the classifier cannot be used any more."""
        self._inference.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(
        self,
        answers: Answers,
        options: Options,
        texts: Iterable[object],
        labels: Labels,
        template: Template | None,
    ) -> Iterator[Answer]:
        """Check the labels now, and give the iterator that reads the texts."""
        if isinstance(labels, Mapping):
            options.check_tree()
            return answers.tree(items(texts, ()), parse_tree(labels))
        options.check_flat()
        if per_text(labels):
            return answers.flat(items_with_sets(texts, labels))
        shared = parse_labels(labels)
        check_single(shared, options.multi_label)
        if template is not None and options.shortlist is None:
            answers.prepare(shared, template)
        return answers.flat(items(texts, shared))

    def _temperature(self, multi_label: bool) -> float:
        if self._calibration is None:
            return 1.0
        return self._calibration.multi if multi_label else self._calibration.single

    def _low_level(self, pairs: Iterable[tuple[str, Sequence[str]]]) -> Iterator[tuple[PairRow, int]]:
        for row, (premise, hypotheses) in enumerate(pairs):
            if not isinstance(premise, str):
                raise TextError(in_row(row, f"a premise must be a string, not {type(premise).__name__}"))
            tokens = self._inference.hypotheses(list(hypotheses))
            yield self._inference.pairs(self._inference.premises([premise]), tokens), row

    def _finite(self, values: Floats, row: int) -> Floats:
        if not np.isfinite(values).all():
            raise not_finite(self._inference, row)
        return values
