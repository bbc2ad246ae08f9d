"""Fetch over HTTP: pages into memory, files into the cache, hash-checked, written aside and renamed.

Proxies come from the usual environment variables; certificate authorities from the system and from
SSL_CERT_FILE, REQUESTS_CA_BUNDLE, PIP_CERT, CURL_CA_BUNDLE and NODE_EXTRA_CA_CERTS. Credentials go only to
the scheme, host and port that they were given for, and into no message.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import http.client
import os
import re
import socket
import ssl
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from gristmill import __version__
from gristmill.collect.reader import Limits
from gristmill.errors import HostileInputError, OriginError

CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
TRIES = 4
BACK_OFF = 0.5
LONGEST_WAIT = 20.0
PAGE_BYTES = 100_000_000
CHUNK = 1 << 20
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!@-]{0,199}")


T = TypeVar("T")
USER_AGENT = f"gristmill/{__version__}"


class NotFoundError(OriginError):
    """The server says that there is no such page, package or version."""


class TooLargeError(HostileInputError):
    """A response passes the number of bytes that its reader allows."""


@dataclass(frozen=True)
class Client:
    """How to reach servers: Authorization headers by origin (``scheme://host:port``), times, and sizes.

    ``files`` allows file: URLs, which only a configured local index may ask for.
    """

    logins: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 60.0
    total_time: float = 3600.0
    max_bytes: int = 20_000_000_000
    files: bool = False

    @staticmethod
    def for_limits(limits: Limits, logins: Mapping[str, str] | None = None) -> Client:
        """A client that keeps to the limits of a workspace."""
        return Client(logins or {}, limits.object_timeout, limits.origin_timeout, limits.max_origin_bytes)


@dataclass(frozen=True)
class Page:
    """A page: its URL after redirects, media type in lower case, and bytes."""

    url: str
    media_type: str
    body: bytes


def get_page(client: Client, url: str, accept: str, max_bytes: int = PAGE_BYTES) -> Page:
    """Fetch a page into memory.

    Raises NotFoundError, OriginError if it cannot be had after a few tries, TooLargeError beyond ``max_bytes``.
    """

    def read(response: Any) -> Page:
        body = b"".join(_chunks(response, url, max_bytes, time.monotonic() + client.total_time))
        return Page(response.geturl(), response.headers.get_content_type().lower(), body)

    return _with_retries(client, url, {"Accept": accept}, read)


def download(
    client: Client, url: str, folder: Path, filename: str, expected: Mapping[str, str]
) -> tuple[Path, str]:
    """Fetch a file to ``folder/SHA256/filename``; returns its path and SHA-256.

    ``expected`` maps names of hash algorithms to hexadecimal digests; the strongest that is known here is
    checked. A file that is there and has the expected SHA-256 is not fetched again.
    Raises NotFoundError, HostileInputError if the file is not the expected one or passes
    ``client.max_bytes``, and OriginError if it cannot be had after a few tries.
    """
    name = filename if SAFE_NAME.fullmatch(filename) else "file"
    known = expected.get("sha256", "").lower()
    if re.fullmatch(r"[0-9a-f]{64}", known):
        path = folder / known / name
        if path.is_file() and file_sha256(path) == known:
            return path, known
    folder.mkdir(parents=True, exist_ok=True)

    def read(response: Any) -> tuple[Path, str]:
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as aside:
            part = Path(aside) / name
            with part.open("wb") as file:
                digest = _copy(client, response, url, expected, file)
                file.flush()
                os.fsync(file.fileno())
            path = folder / digest / name
            path.parent.mkdir(exist_ok=True)
            part.replace(path)
            return path, digest

    return _with_retries(client, url, {"Accept": "*/*"}, read)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises OriginError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise OriginError(f"{path} cannot be read: {error.strerror or error}") from error


def split_login(url: str) -> tuple[str, dict[str, str]]:
    """A URL without its user and password, and the Authorization header for its origin if it had them."""
    parts = urllib.parse.urlsplit(url)
    if "@" not in parts.netloc:
        return url, {}
    user_password, _, host = parts.netloc.rpartition("@")
    bare = urllib.parse.urlunsplit(parts._replace(netloc=host))
    token = base64.b64encode(
        urllib.parse.unquote_to_bytes(user_password + ("" if ":" in user_password else ":"))
    )
    return bare, {origin_of(bare): f"Basic {token.decode()}"}


def public_url(url: str) -> str:
    """A URL without user and password, fit for tables and messages."""
    return split_login(url)[0]


def origin_of(url: str) -> str:
    """``scheme://host:port`` of a URL, the port always written."""
    parts = urllib.parse.urlsplit(url)
    scheme = parts.scheme.lower()
    port = parts.port or {"http": 80, "https": 443}.get(scheme, 0)
    return f"{scheme}://{(parts.hostname or '').lower()}:{port}"


def _copy(client: Client, response: Any, url: str, expected: Mapping[str, str], file: IO[bytes]) -> str:
    """Write a response to a file, check it, and return its SHA-256."""
    digests = {"sha256": hashlib.sha256()}
    check = next((name for name in ("sha512", "sha384", "sha256", "sha1", "md5") if name in expected), None)
    if check is not None:
        digests.setdefault(check, hashlib.new(check, usedforsecurity=False))
    for chunk in _chunks(response, url, client.max_bytes, time.monotonic() + client.total_time):
        for digest in digests.values():
            digest.update(chunk)
        file.write(chunk)
    if check is not None and digests[check].hexdigest() != expected[check].lower():
        raise HostileInputError(
            f"{public_url(url)}: its {check} is {digests[check].hexdigest()}, the index states "
            f"{expected[check].lower()}; the file was not kept"
        )
    return digests["sha256"].hexdigest()


def _chunks(response: Any, url: str, max_bytes: int, deadline: float) -> Iterator[bytes]:
    """The body in pieces; a body shorter than its Content-Length is an IncompleteRead."""
    stated = response.headers.get("Content-Length", "")
    length = int(stated) if stated.isdigit() else None
    seen = 0
    while chunk := response.read(CHUNK):
        seen += len(chunk)
        if seen > max_bytes:
            raise TooLargeError(f"{public_url(url)}: more than {max_bytes} bytes (limit)")
        if time.monotonic() > deadline:
            raise HostileInputError(f"{public_url(url)}: not read in time (limit origin_timeout)")
        yield chunk
    if length is not None and seen < length:
        raise http.client.IncompleteRead(b"", length - seen)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects to http and https, never from https down to http, each with its own login."""

    def __init__(self, logins: Mapping[str, str]) -> None:
        self._logins = logins

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urllib.parse.urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            raise OriginError(f"{public_url(req.full_url)} redirects to {scheme}:, which is not followed")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None:
            _sign(request, self._logins)
        return request


def _sign(request: urllib.request.Request, logins: Mapping[str, str]) -> None:
    header = logins.get(origin_of(request.full_url))
    if header:  # unredirected: urllib must not carry it to another host
        request.add_unredirected_header("Authorization", header)


def _with_retries(client: Client, url: str, headers: Mapping[str, str], read: Callable[[Any], T]) -> T:
    """Open a URL and read the response; what looks transient is tried again after a growing pause."""
    bare, login = split_login(url)
    scheme = urllib.parse.urlsplit(bare).scheme.lower()
    if scheme not in ("http", "https") and not (scheme == "file" and client.files):
        raise OriginError(f"{bare}: {scheme or 'no'} scheme; only http and https are fetched")
    logins = {**client.logins, **login}
    authorities = tuple(sorted({os.environ.get(name, "") for name in CA_VARIABLES} - {""}))
    tls = urllib.request.HTTPSHandler(context=_tls_context(authorities))
    opener = urllib.request.build_opener(_Redirects(logins), tls)
    for attempt in range(TRIES):
        request = urllib.request.Request(bare, headers={"User-Agent": USER_AGENT, **headers})  # noqa: S310
        _sign(request, logins)
        wait = BACK_OFF * 2**attempt
        try:
            with opener.open(request, timeout=client.timeout) as response:
                return read(response)
        except urllib.error.HTTPError as error:
            problem = f"HTTP {error.code} {error.reason}"
            after = error.headers.get("Retry-After", "") if error.headers else ""
            error.close()
            if error.code in (404, 410):
                raise NotFoundError(f"{bare}: {problem}") from None
            if error.code not in TRANSIENT:
                mend = "; check the credentials in the client's configuration" * (error.code in (401, 403))
                raise OriginError(f"{bare}: {problem}{mend}") from None
            wait = max(wait, float(after)) if after.isdigit() else wait
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            problem = _explain(bare, error)
        if attempt + 1 < TRIES:
            time.sleep(min(wait, LONGEST_WAIT))
    raise OriginError(f"{bare}: {problem} (tried {TRIES} times)")


def _explain(url: str, error: Exception) -> str:
    """What went wrong, in words; raises OriginError at once where another try cannot help."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, FileNotFoundError):
        raise NotFoundError(f"{url}: no such file") from None
    if isinstance(reason, ssl.SSLCertVerificationError):
        raise OriginError(
            f"{url}: its certificate is not trusted ({reason.verify_message}); "
            "name your authority's file in SSL_CERT_FILE"
        ) from None
    final = isinstance(reason, http.client.InvalidURL) or (
        isinstance(reason, socket.gaierror) and reason.errno != socket.EAI_AGAIN
    )
    text = f"{type(reason).__name__}: {reason}"
    if final:
        raise OriginError(f"{url}: {text}") from None
    return text


@functools.lru_cache(maxsize=4)
def _tls_context(authorities: tuple[str, ...]) -> ssl.SSLContext:
    """A context that trusts the system's authorities and those in these files and folders."""
    context = ssl.create_default_context()
    for path in authorities:
        try:
            context.load_verify_locations(
                path if Path(path).is_file() else None, path if Path(path).is_dir() else None
            )
        except (OSError, TypeError) as error:
            raise OriginError(f"certificate authorities in {path} cannot be read: {error}") from error
    return context
