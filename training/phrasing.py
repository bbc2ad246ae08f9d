"""How a label is put into words: the hypotheses of a text, varied so that no single wording is learnt."""

from __future__ import annotations

import random

MAIN_TEMPLATE = "This text is about {}."
"""What the shipped model is asked with, unless its user says otherwise."""

COMMON = (
    (MAIN_TEMPLATE, 8),
    ("This example is {}.", 4),
    ("This text is {}.", 2),
    ("The topic is {}.", 2),
    ("It is about {}.", 1),
    ("This is about {}.", 1),
    ("This is {}.", 1),
    ("The text describes {}.", 1),
    ("This example is about {}.", 1),
    ("The category is {}.", 1),
    ("Label: {}", 1),
    ("{}", 3),
)
_TEMPLATES = [template for template, weight in COMMON for _ in range(weight)]
OWN_SHARE = 0.3
"""Share of texts that are asked with a template of their task."""


def draw_template(own: tuple[str, ...], dice: random.Random) -> str:
    """One of the common templates, or of the task's own."""
    if own and dice.random() < OWN_SHARE:
        return dice.choice(own)
    return dice.choice(_TEMPLATES)


def draw_words(phrasings: tuple[str, ...], dice: random.Random) -> str:
    """One way to say a label: the plainest more often than each other, at times two with one explaining the other."""
    if len(phrasings) == 1 or dice.random() < 0.45:
        words = phrasings[0]
    elif dice.random() < 0.15:
        first, second = dice.sample(phrasings, 2)
        words = f"{first} ({second})" if dice.random() < 0.5 else f"{first}, {second}"
    else:
        words = dice.choice(phrasings[1:])
    form = dice.random()
    if form < 0.1:
        return words.lower()
    if form < 0.2:
        return words[:1].upper() + words[1:]
    return words


def blur(text: str, dice: random.Random) -> str:
    """The text, at times in lower case or without its final stop, as users type."""
    form = dice.random()
    if form < 0.1:
        text = text.lower()
    elif form < 0.13:
        text = text[:1].upper() + text[1:]
    if dice.random() < 0.15:
        text = text.rstrip(".!? ")
    return text or "."
