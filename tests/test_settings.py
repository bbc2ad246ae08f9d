"""Settings: sizes a person types, and what they leave for each worker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import RecipeError
from gristmill.settings import SMALLEST, make_settings, parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("900MB", 900_000_000), ("1.5GB", 1_500_000_000), ("1GiB", 1 << 30), ("2g", 2_000_000_000), ("640 MiB", 640 << 20),
     ("12", 12), ("7b", 7), ("3KB", 3000), ("1tib", 1 << 40)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "GB", "many", "1.2.3GB", "5ib", "1e400MB", "nan", "inf", "5 apples", "1GBGB"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(RecipeError, match="write a number with a unit"):
        parse_bytes(text)


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_a_recipe_error(text: str) -> None:
    try:
        assert isinstance(parse_bytes(text), int)
    except RecipeError as error:
        assert "number with a unit" in str(error)


@pytest.mark.parametrize("memory", ["100MB", "-5GB", "0", f"{SMALLEST - 1}"])
def test_too_little_memory(memory: str) -> None:
    with pytest.raises(RecipeError, match="one worker needs"):
        make_settings(memory, 1)


@pytest.mark.parametrize("workers", [0, -3])
def test_too_few_workers(workers: int) -> None:
    with pytest.raises(RecipeError, match="give at least 1"):
        make_settings("2GB", workers)


def test_memory_lowers_the_workers_first() -> None:
    assert make_settings("64GB", 8).workers == 8
    assert make_settings(f"{SMALLEST}", 8).workers == 1
    assert 1 < make_settings("1500MB", 8).workers < 8


@given(st.integers(SMALLEST, 1 << 40), st.integers(1, 256))
def test_the_parts_fit_the_whole(memory: int, workers: int) -> None:
    settings = make_settings(str(memory), workers)
    assert 1 <= settings.workers <= workers
    assert settings.workers * settings.segment_bytes + settings.sql_memory <= memory
    assert settings.segment_bytes > 10_000_000


def test_defaults_are_of_this_machine() -> None:
    settings = make_settings()
    assert settings.workers >= 1
    assert settings.memory >= SMALLEST
    assert settings.engine == "local"
