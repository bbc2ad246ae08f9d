"""Which hypothesis template a text gets: the caller's, a language's, the model's own, or the default."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from gristmill.errors import LabelError, ModelError
from gristmill.zeroshot.labels import DEFAULT_TEMPLATE, Template, parse_template
from gristmill.zeroshot.models.config import read_config
from gristmill.zeroshot.models.folder import CONFIG
from gristmill.zeroshot.models.model import Model

SECTION = "gristmill"
"""Object of a model's config.json for what concerns Gristmill alone."""
KEY = "hypothesis_template"


def own_template(model: Model) -> Template:
    """The template that the model's config.json names in its ``gristmill`` object, else the default.

    Raises: ModelError if what it names is no template.
    """
    config = read_config(model.folder / CONFIG)
    own = config.values.get(SECTION)
    named = own.get(KEY) if isinstance(own, dict) else None
    if named is None:
        return parse_template(DEFAULT_TEMPLATE)
    try:
        return parse_template(named)
    except LabelError as error:
        raise ModelError(f"{config.path}: {SECTION!r}: {error}") from error


def choose_template(
    own: Template, template: str | None, language: str | None
) -> tuple[Template | None, Callable[[str], Template]]:
    """The template if all texts have the same one, and the function that tells a text's template.

    Args:
        own: Where neither of the others is given.
        template: The caller's.
        language: A language with a template of its own, or ``auto`` for the one each text is in.

    Raises: LabelError for a template that cannot be used, an unknown language, or both given.
    """
    if language is None:
        return _fixed(own if template is None else parse_template(template))
    if template is not None:
        raise LabelError("hypothesis_template and language both name a template; give one of them")
    from gristmill.zeroshot.templates import template_for

    if language != "auto":
        return _fixed(parse_template(template_for(language)))
    from gristmill.zeroshot.language import detect_language

    @lru_cache(maxsize=256)
    def of_language(name: str) -> Template:
        return parse_template(template_for(name))

    return None, lambda text: of_language(detect_language(text))


def _fixed(template: Template) -> tuple[Template, Callable[[str], Template]]:
    return template, lambda text: template
