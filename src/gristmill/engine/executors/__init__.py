"""Executors: where tasks run. All of them satisfy the contract in ``base``."""

from __future__ import annotations

from gristmill.engine.executors.base import Executor, Outcome
from gristmill.engine.executors.local import LocalExecutor
from gristmill.errors import RecipeError

__all__ = ["Executor", "LocalExecutor", "Outcome", "open_executor"]


def open_executor(name: str, workers: int, *, frugal: bool = False, alone: float = 0.0) -> Executor:
    """The executor of that name: ``local`` (processes of this machine) or ``ray`` (extra ``[ray]``).

    ``frugal`` makes the local one give idle workers' memory back, and ``alone`` is for how many seconds of a
    stage it goes without workers; Ray manages its own.
    """
    if name == "local":
        return LocalExecutor(workers, frugal=frugal, alone=alone)
    if name == "ray":
        from gristmill.engine.executors.ray import RayExecutor

        return RayExecutor(workers)
    raise RecipeError(f"unknown engine {name!r}; use local or ray")
