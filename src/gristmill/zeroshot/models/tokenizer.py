"""The tokenizer of a model folder, read within bounds, with its settings applied."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import Config, read_config
from gristmill.zeroshot.models.folder import TOKENIZER, TOKENIZER_SETTINGS, VOCABULARY
from gristmill.zeroshot.models.model import Encoder

TOKENIZER_BYTES = 256 << 20
LONGEST = 8192
"""Most tokens where only the tokenizer sets a limit (relative positions have none)."""
WITHOUT_TYPES = frozenset(
    {"DistilBertTokenizer", "RobertaTokenizer", "XLMRobertaTokenizer", "CamembertTokenizer"}
)
"""Tokenizers that give no token types in transformers, whatever the model could take."""


def read_settings(folder: Path) -> Config:
    """tokenizer_config.json, or no settings where it is missing. Raises: ModelError."""
    path = folder / TOKENIZER_SETTINGS
    return read_config(path) if path.is_file() else Config(path, {})


def longest_input(folder: Path, encoder: Encoder) -> int:
    """Most tokens of a pair: the encoder's, or ``model_max_length`` of the tokenizer where that is less.

    Without absolute positions the tokenizer may also say more, up to ``LONGEST``. Raises: ModelError.
    """
    length = read_settings(folder).values.get("model_max_length")
    # transformers writes 1e30 for "not known".
    if isinstance(length, bool) or not isinstance(length, int | float) or not 1 <= length <= LONGEST:
        return encoder.max_tokens
    return min(int(length), encoder.max_tokens) if encoder.absolute_positions else int(length)


def gives_types(settings: Config) -> bool:
    """Whether the tokenizer hands token types to its model at all."""
    inputs = settings.values.get("model_input_names")
    if isinstance(inputs, list):
        return "token_type_ids" in inputs
    return settings.text("tokenizer_class", "").removesuffix("Fast") not in WITHOUT_TYPES


def load_tokenizer(folder: Path, family: str) -> Tokenizer:
    """tokenizer.json of a folder, without padding or truncation; for BERT and DistilBERT vocab.txt will do.

    ``do_lower_case``, ``strip_accents`` and ``tokenize_chinese_chars`` of tokenizer_config.json win over a
    tokenizer.json of BERT's kind, as they do in transformers.
    Raises: ModelError if there is none, or it is too large or not valid.
    """
    path, settings = folder / TOKENIZER, read_settings(folder)
    if path.is_file():
        tokenizer = _parse(path)
    elif family in ("bert", "distilbert") and (folder / VOCABULARY).is_file():
        tokenizer = _wordpiece(folder / VOCABULARY, settings)
    else:
        raise ModelError(
            f"{path} is missing; write it once with transformers:"
            " AutoTokenizer.from_pretrained(NAME).save_pretrained(FOLDER)"
        )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if isinstance(tokenizer.normalizer, normalizers.BertNormalizer):
        tokenizer.normalizer = _bert_normalizer(settings, tokenizer.normalizer)
    return tokenizer


def longest_word(tokenizer: Tokenizer) -> int | None:
    """Letters beyond which BERT's tokenizer calls a word unknown whatever it is; None for other tokenizers."""
    plain = all(not token.content.isalnum() for token in tokenizer.get_added_tokens_decoder().values())
    if (
        plain  # else such a token would be found in the middle of a word
        and isinstance(tokenizer.model, models.WordPiece)
        and isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
        and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
    ):
        return int(tokenizer.model.max_input_chars_per_word)
    return None


def _parse(path: Path) -> Tokenizer:
    try:
        with path.open("rb") as file:
            data = file.read(TOKENIZER_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > TOKENIZER_BYTES:
        raise ModelError(f"{path} is larger than {TOKENIZER_BYTES} bytes")
    try:
        return Tokenizer.from_buffer(data)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # the binding raises bare Exception, and on a panic not even that
        raise ModelError(f"{path} is no valid tokenizer ({str(error)[:200]}); download it anew") from error


def _bert_normalizer(settings: Config, found: normalizers.BertNormalizer) -> normalizers.BertNormalizer:
    """BERT's normalisation: as ``found``, but for what the settings say."""
    state = json.loads(found.__getstate__())
    accents = settings.values.get("strip_accents", state.get("strip_accents"))
    return normalizers.BertNormalizer(
        clean_text=bool(state.get("clean_text", True)),
        handle_chinese_chars=settings.flag(
            "tokenize_chinese_chars", bool(state.get("handle_chinese_chars", True))
        ),
        strip_accents=None if accents is None else bool(accents),
        lowercase=settings.flag("do_lower_case", bool(state.get("lowercase", True))),
    )


def _wordpiece(path: Path, settings: Config) -> Tokenizer:
    """BERT's tokenizer from its list of pieces, one a line (Devlin et al. 2018)."""
    try:
        if path.stat().st_size > TOKENIZER_BYTES:
            raise ModelError(f"{path} is larger than {TOKENIZER_BYTES} bytes")
        lines = path.read_bytes().decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read as UTF-8: {error}") from error
    pieces = {
        line.rstrip("\r"): number for number, line in enumerate(lines) if line or number < len(lines) - 1
    }
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    missing = [token for token in special if token not in pieces]
    if missing:
        raise ModelError(f"{path} lacks {', '.join(missing)}; it is no vocabulary of BERT's kind")
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=settings.flag("do_lower_case", True))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", pieces["[SEP]"]), ("[CLS]", pieces["[CLS]"])
    )
    return tokenizer
