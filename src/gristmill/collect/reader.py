"""The contract between the collect stages and the readers of each kind of source.

A reader is a module with three functions::

    resolve(source, context)             -> State                     # cheap: what is there now?
    list_objects(state, context)         -> Iterator[(table, batch)]  # the graph, no bodies kept
    read_contents(state, wanted, context)-> Iterator[ReadContent]     # the bodies asked for

``resolve`` may use the network and fill ``context.cache``; the other two read only what it left on disk.
Each raises OriginError (or HostileInputError) for an origin that cannot be read at all, and records what
is wrong with a single object as a skip.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True)
class Source:
    """One parsed source string: ``scheme:target#key=value&key=value``.

    ``scheme`` is git, dir, archive, pypi or npm; ``target`` a path, URL or package specification.
    """

    scheme: str
    target: str
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        options = "&".join(f"{k}={v}" for k, v in sorted(self.options.items()))
        return f"{self.scheme}:{self.target}" + (f"#{options}" if options else "")


@dataclass(frozen=True)
class Limits:
    """Bounds for hostile or outsized origins. Sizes in bytes, times in seconds."""

    max_content_bytes: int = 10_000_000
    max_origin_bytes: int = 20_000_000_000
    max_entries: int = 5_000_000
    max_path_bytes: int = 4096
    max_depth: int = 256
    max_compression_ratio: int = 200
    object_timeout: float = 60.0
    origin_timeout: float = 3600.0


@dataclass(frozen=True)
class Context:
    """What a reader needs beside the source.

    ``cache`` is a folder for clones and downloads, shared by all readers of the workspace. ``people_key``
    is the key of the pseudonyms; None keeps names and e-mails as they are.
    """

    cache: Path
    limits: Limits
    people_key: bytes | None


@dataclass(frozen=True)
class State:
    """A source as it stands now.

    ``state`` identifies what was seen (a commit with its options, the digest of an archive): equal state,
    equal listing. ``local`` is where the bytes are on this machine. ``origin`` is the row of table
    ``origins`` (missing keys are null). ``date`` is the upload time of a package, if the index states one.
    """

    source: Source
    state: str
    local: Path
    origin: Mapping[str, object]
    branch: str | None = None
    date: dt.datetime | None = None
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadContent:
    """One content as read: its bytes, or the reason why there are none (missing, corrupt, too_large, timeout).

    ``data`` has been hashed and agrees with ``content_id``.
    """

    content_id: str
    length: int
    data: bytes | None
    skipped: str | None = None


Listing = Iterator[tuple[str, pa.RecordBatch]]


class Reader(Protocol):
    """The three functions; modules ``git``, ``directory``, ``archive``, ``pypi`` and ``npm`` satisfy it."""

    resolve: Callable[[Source, Context], State]
    list_objects: Callable[[State, Context], Listing]
    read_contents: Callable[[State, Sequence[str], Context], Iterator[ReadContent]]
