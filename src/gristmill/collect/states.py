"""The last good state of every source, kept so that an origin out of reach does not empty a corpus."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gristmill.collect.reader import Source, State
from gristmill.workspace import write_text


def save_state(folder: Path, state: State) -> None:
    """Remember a state as the last good one of its source; one that is remembered already is not written again."""
    path, text = _file(folder, state.source), json.dumps(_to_json(state), sort_keys=True) + "\n"
    with suppress(OSError, ValueError):
        if path.read_text(encoding="utf-8") == text:
            return
    write_text(path, text)


def load_state(folder: Path, source: Source) -> State | None:
    """The last good state of a source whose bytes are still on this machine, else None."""
    try:
        state = _from_json(json.loads(_file(folder, source).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state if state.source == source and state.local.exists() else None


def _file(folder: Path, source: Source) -> Path:
    return folder / f"{hashlib.sha256(str(source).encode()).hexdigest()[:32]}.json"


def _to_json(state: State) -> dict[str, Any]:
    return {
        "source": [state.source.scheme, state.source.target, dict(state.source.options)],
        "state": state.state,
        "local": str(state.local),
        "origin": {
            name: {"date": value.isoformat()} if isinstance(value, dt.datetime) else value
            for name, value in state.origin.items()
        },
        "branch": state.branch,
        "date": state.date.isoformat() if state.date else None,
        "details": dict(state.details),
    }


def _from_json(values: Mapping[str, Any]) -> State:
    scheme, target, options = values["source"]
    return State(
        Source(scheme, target, options),
        values["state"],
        Path(values["local"]),
        {
            name: dt.datetime.fromisoformat(value["date"]) if isinstance(value, dict) else value
            for name, value in values["origin"].items()
        },
        values["branch"],
        dt.datetime.fromisoformat(values["date"]) if values["date"] else None,
        values["details"],
    )
