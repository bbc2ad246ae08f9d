from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_in import Reply, Server, serve

from gristmill.collect import download as web
from gristmill.collect.download import Client, NotFoundError, TooLargeError, download, get_page
from gristmill.errors import HostileInputError, OriginError

BODY = hashlib.shake_256(b"body").digest(100_000)
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(web, "BACK_OFF", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve() as running:
        yield running


def fetch(server: Server, folder: Path, expected: dict[str, str], client: Client | None = None) -> Path:
    path, digest = download(client or Client(), f"{server.url}/f.tgz", folder, "f.tgz", expected)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    return path


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_is_kept_under_its_digest_and_fetched_once(server: Server, tmp_path: Path) -> None:
    server.put("/f.tgz", Reply(BODY))
    path = fetch(server, tmp_path, {"sha256": SHA256})
    assert path == tmp_path / SHA256 / "f.tgz"
    assert files(tmp_path) == [SHA256, f"{SHA256}/f.tgz"]
    fetch(server, tmp_path, {"sha256": SHA256.upper()})
    assert len(server.seen) == 1
    path.write_bytes(b"damaged")
    assert fetch(server, tmp_path, {"sha256": SHA256}).read_bytes() == BODY
    assert len(server.seen) == 2


def test_the_strongest_hash_is_checked(server: Server, tmp_path: Path) -> None:
    server.put("/f.tgz", Reply(BODY))
    right = hashlib.sha512(BODY).hexdigest()
    fetch(server, tmp_path, {"sha512": right, "sha1": "0" * 40})
    fetch(server, tmp_path, {})
    with pytest.raises(HostileInputError, match=r"f\.tgz: its md5 is .* the index states 00"):
        fetch(server, tmp_path, {"md5": "0" * 32})
    assert files(tmp_path) == [SHA256, f"{SHA256}/f.tgz"]


def test_transient_errors_are_tried_again(server: Server, tmp_path: Path) -> None:
    server.put(
        "/f.tgz", Reply(status=503, headers={"Retry-After": "0"}), Reply(BODY, cut_to=500), Reply(BODY)
    )
    assert fetch(server, tmp_path, {"sha256": SHA256}).read_bytes() == BODY
    assert len(server.seen) == 3


def test_a_body_that_always_breaks_off_is_an_error(server: Server, tmp_path: Path) -> None:
    server.put("/f.tgz", Reply(BODY, cut_to=500))
    with pytest.raises(OriginError, match=r"IncompleteRead.*tried 4 times"):
        fetch(server, tmp_path, {})
    assert files(tmp_path) == []


@pytest.mark.parametrize(("status", "words"), [(404, "404"), (403, "credentials"), (400, "400")])
def test_final_errors_are_not_tried_again(server: Server, tmp_path: Path, status: int, words: str) -> None:
    server.put("/f.tgz", Reply(status=status))
    with pytest.raises(NotFoundError if status == 404 else OriginError, match=words):
        fetch(server, tmp_path, {})
    assert len(server.seen) == 1


def test_a_server_that_is_gone(server: Server, tmp_path: Path) -> None:
    with pytest.raises(OriginError, match="ConnectionRefusedError"):
        download(Client(), "http://127.0.0.1:1/f", tmp_path, "f", {})


def test_sizes_and_times_are_bounded(server: Server, tmp_path: Path) -> None:
    server.put("/f.tgz", Reply(BODY))
    with pytest.raises(TooLargeError, match="more than 1000 bytes"):
        fetch(server, tmp_path, {}, Client(max_bytes=1000))
    with pytest.raises(TooLargeError):
        get_page(Client(), f"{server.url}/f.tgz", "*/*", max_bytes=1000)
    with pytest.raises(HostileInputError, match="origin_timeout"):
        fetch(server, tmp_path, {}, Client(total_time=-1))
    assert files(tmp_path) == []


def test_redirects_are_followed_to_http_only(server: Server, tmp_path: Path) -> None:
    server.put("/f.tgz", Reply(status=302, headers={"Location": "/g"}))
    server.put("/g", Reply(BODY))
    assert fetch(server, tmp_path, {"sha256": SHA256}).read_bytes() == BODY
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for target in (secret.as_uri(), "ftp://127.0.0.1/f"):
        server.put("/f.tgz", Reply(status=302, headers={"Location": target}))
        with pytest.raises(OriginError):
            fetch(server, tmp_path, {})


def test_file_urls_need_permission(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text("<html>")
    with pytest.raises(OriginError, match="only http and https"):
        get_page(Client(), page.as_uri(), "*/*")
    allowed = Client(files=True)
    assert get_page(allowed, page.as_uri(), "*/*").body == b"<html>"
    with pytest.raises(NotFoundError):
        get_page(allowed, (tmp_path / "nowhere").as_uri(), "*/*")


def test_credentials_go_to_their_host_only_and_into_no_message(server: Server, tmp_path: Path) -> None:
    with serve() as other:
        server.put("/f.tgz", Reply(status=302, headers={"Location": "/here"}))
        server.put("/here", Reply(status=302, headers={"Location": f"{other.url}/there"}))
        other.put("/there", Reply(BODY))
        url = f"{server.url}/f.tgz".replace("//", "//me:s%40cret@")
        download(Client(), url, tmp_path, "f.tgz", {"sha256": SHA256})
        assert [headers.get("authorization") for _, headers in server.seen] == ["Basic bWU6c0BjcmV0"] * 2
        assert "authorization" not in other.seen[0][1]
        server.put("/f.tgz", Reply(status=401))
        with pytest.raises(OriginError) as caught:
            download(Client(), url, tmp_path, "f.tgz", {})
        assert "cret" not in str(caught.value)


def test_file_names_cannot_lead_out(server: Server, tmp_path: Path) -> None:
    server.put("/f.tgz", Reply(BODY))
    path, _ = download(Client(), f"{server.url}/f.tgz", tmp_path / "cache", "../../evil", {})
    assert path == tmp_path / "cache" / SHA256 / "file"


def test_broken_authorities_are_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "nowhere.pem"))
    with pytest.raises(OriginError, match=r"nowhere\.pem"):
        get_page(Client(), f"{server.url}/f.tgz", "*/*")
