"""Executors: where tasks run. All of them satisfy the contract in ``base``."""

from __future__ import annotations

from gristmill.engine.executors.base import Executor, Outcome
from gristmill.engine.executors.local import LocalExecutor
from gristmill.errors import RecipeError

__all__ = ["Executor", "LocalExecutor", "Outcome", "open_executor"]


def open_executor(name: str, workers: int) -> Executor:
    """The executor of that name: ``local`` (processes of this machine) or ``ray`` (extra ``[ray]``)."""
    if name == "local":
        return LocalExecutor(workers)
    if name == "ray":
        from gristmill.engine.executors.ray import RayExecutor

        return RayExecutor(workers)
    raise RecipeError(f"unknown engine {name!r}; use local or ray")
