"""What the tests of this room share: a small HTTP server that stands in for an index, and archive makers."""

from __future__ import annotations

import io
import tarfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa

from gristmill import tables
from gristmill.collect.reader import Context, Limits, Listing


@dataclass(frozen=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_to: int | None = None


@dataclass
class Server:
    """Routes map a path to its replies in turn; the last one is repeated. ``seen`` keeps (path, headers)."""

    url: str = ""
    routes: dict[str, list[Reply]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def put(self, path: str, *replies: Reply) -> None:
        self.routes[path] = list(replies)

    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


@contextmanager
def serve() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.seen.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
            replies = server.routes.get(self.path, [Reply(b"no", 404)])
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut_to])

        def log_message(self, *arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def make_context(cache: Path, **limits: float) -> Context:
    return Context(cache, Limits(**limits), None)  # type: ignore[arg-type]


def tar_bytes(*members: tuple[str, bytes] | tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    """A tar of (name, body) files and of ready headers (links, devices)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                info.mode = 0o755 if member[0].endswith(".sh") else 0o644
                tar.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def tar_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def collect_tables(listing: Listing) -> dict[str, list[dict[str, object]]]:
    """The rows of a listing by table; fails if a batch does not have its table's schema, or is too large."""
    schemas = {table.name: table.schema for table in tables.TABLES}
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for name, batch in listing:
        assert isinstance(batch, pa.RecordBatch)
        assert batch.schema == schemas[name]
        assert batch.num_rows <= 10_000
        batch.validate(full=True)
        assert not [f.name for f in batch.schema if not f.nullable and batch[f.name].null_count]
        rows[name] += batch.to_pylist()
    assert len(rows["visits"]) == 1
    return rows
