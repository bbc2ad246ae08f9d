"""The files of a project in a Python package index: the simple repository API, JSON (PEP 691) or HTML (PEP 503)."""

from __future__ import annotations

import html.parser
import urllib.parse
from dataclasses import dataclass, field

import msgspec

from gristmill.collect.download import Client, Page, get_page, public_url
from gristmill.errors import OriginError

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPES = ("application/vnd.pypi.simple.v1+html", "text/html")
ACCEPT = f"{JSON_TYPE}, {HTML_TYPES[0]};q=0.2, {HTML_TYPES[1]};q=0.1"
URL_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"


@dataclass(frozen=True)
class IndexFile:
    """One file of a project: name, absolute URL, hexadecimal digests by algorithm, and what the index says of it."""

    filename: str
    url: str
    hashes: dict[str, str] = field(default_factory=dict)
    yanked: bool = False
    uploaded: str | None = None


class _JsonFile(msgspec.Struct):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    yanked: bool | str = False
    uploaded: str | None = msgspec.field(name="upload-time", default=None)


class _JsonProject(msgspec.Struct):
    files: list[_JsonFile]


def read_project(client: Client, index: str, name: str) -> list[IndexFile]:
    """All files of a project, in the index's order.

    ``index`` is the index's URL without credentials or trailing '/', ``name`` the normalised project name.
    Raises NotFoundError if the index has no such project, OriginError if its page cannot be had or read.
    """
    url = f"{index}/{name}/" + ("index.html" if index.startswith("file:") else "")
    page = get_page(client, url, ACCEPT)
    if page.media_type == JSON_TYPE:
        return _read_json(page)
    if page.media_type in HTML_TYPES:
        return _read_html(page)
    raise OriginError(f"{public_url(page.url)}: {page.media_type} is not a page of a package index")


def _read_json(page: Page) -> list[IndexFile]:
    try:
        project = msgspec.json.decode(page.body, type=_JsonProject)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise OriginError(f"{public_url(page.url)}: not the JSON of a package index: {error}") from error
    return [
        IndexFile(
            file.filename, _absolute(page, file.url)[0], file.hashes, file.yanked is not False, file.uploaded
        )
        for file in project.files
    ]


def _read_html(page: Page) -> list[IndexFile]:
    links = _Links()
    links.feed(page.body.decode("utf-8", errors="replace"))
    files = []
    for href, yanked in links.found:
        url, fragment = _absolute(page, href)
        algorithm, equals, digest = fragment.partition("=")
        filename = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])
        files.append(IndexFile(filename, url, {algorithm: digest} if equals else {}, yanked))
    return files


class _Links(html.parser.HTMLParser):
    """Collects the anchors of a page: target, and whether they are marked as yanked (PEP 592)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            values = dict(attrs)
            if values.get("href"):
                self.found.append((values["href"] or "", "data-yanked" in values))


def _absolute(page: Page, link: str) -> tuple[str, str]:
    """A link of a page as an absolute URL without fragment, and the fragment."""
    try:
        url, fragment = urllib.parse.urldefrag(urllib.parse.urljoin(page.url, link.strip()))
    except ValueError as error:
        raise OriginError(f"{public_url(page.url)}: {link[:200]!r} is not a URL") from error
    return urllib.parse.quote(url, safe=URL_CHARACTERS), fragment
