"""Freed memory goes back to the system when a process holds much, and only then."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gristmill.engine import memory


@pytest.mark.parametrize(("resident", "given"), [(memory.KEPT_BYTES, 0), (memory.KEPT_BYTES + 1, 1)])
def test_memory_is_given_back_from_a_bound_on(
    monkeypatch: pytest.MonkeyPatch, resident: int, given: int
) -> None:
    trimmed: list[int] = []

    class Library:
        malloc_trim = trimmed.append

    monkeypatch.setattr(memory, "_resident", lambda: resident)
    monkeypatch.setattr(memory, "_c_library", Library)
    memory.give_memory_back()
    assert len(trimmed) == given


def test_what_is_held_is_measured() -> None:
    before = memory._resident()
    held = pa.array(range(4 << 20))
    assert memory._resident() - before > held.nbytes // 2
