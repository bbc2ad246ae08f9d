"""The hub, played by a local server that speaks its protocol to the real client: what is fetched, pinned and kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tiny_models import make_checkpoint

from gristmill.errors import ModelError
from gristmill.zeroshot.models.hub import locate

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DRIVER = """
import json, sys, logging
logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
from pathlib import Path
from gristmill.errors import ModelError
from gristmill.zeroshot.models.load import load_model
assert "huggingface_hub" not in sys.modules
for arguments in json.loads(sys.argv[1]):
    try:
        model = load_model(arguments.pop("name"), cache=Path(sys.argv[2]), **arguments)
        print(json.dumps([model.revision, str(model.folder)]))
    except ModelError as error:
        print(json.dumps(str(error)))
"""


class Hub(BaseHTTPRequestHandler):
    """Two calls of the hub's protocol: what a model holds at a revision, and one file at a commit."""

    repositories: dict[str, dict[str, bytes]]
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, body: bool) -> None:
        type(self).asked.append(f"{self.command} {self.path}")
        path = self.path.split("?")[0]
        if path.startswith("/api/models/"):
            name, _, revision = path.removeprefix("/api/models/").partition("/revision/")
            if name == "o/gated":
                return self._fail(403, "GatedRepo")
            if name not in self.repositories:
                return self._fail(401, "RepoNotFound")
            if revision not in ("", "main", COMMIT):
                return self._fail(404, "RevisionNotFound")
            files = [{"rfilename": file} for file in self.repositories[name]]
            data = json.dumps({"id": name, "sha": COMMIT, "siblings": files}).encode()
            return self._send(data, body, {"Content-Type": "application/json"})
        name, _, rest = path[1:].partition("/resolve/")
        content = self.repositories[name].get(rest.partition("/")[2])
        if content is None:
            return self._fail(404, "EntryNotFound")
        etag = hashlib.sha256(content).hexdigest()
        return self._send(
            content, body, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "none"}
        )

    def _send(self, data: bytes, body: bool, headers: dict[str, str]) -> None:
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _fail(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from transformers import AutoModelForSequenceClassification

    folder = make_checkpoint(
        tmp_path_factory.mktemp("hub") / "m", "distilbert", width=8, heads=2, inner=8, layers=1
    )
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    extra = {
        "pytorch_model.bin": b"pickle",
        "README.md": b"",
        "onnx/model.onnx": b"x",
        "gristmill.json": b"{}",
    }
    shards = tmp_path_factory.mktemp("shards")
    AutoModelForSequenceClassification.from_pretrained(folder).save_pretrained(shards, max_shard_size="4KB")
    sharded = files | {path.name: path.read_bytes() for path in shards.iterdir()}
    del sharded["model.safetensors"]
    Hub.repositories = {
        "o/tiny": files | extra,
        "o/sharded": sharded,
        "o/pickle": {"config.json": files["config.json"], "pytorch_model.bin": b"pickle"},
        "o/empty": {"README.md": b""},
    }
    Hub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def load(
    endpoint: str, cache: Path, *calls: dict[str, Any], **environment: str
) -> tuple[list[Any], list[str], str]:
    """Answers of ``load_model`` in a fresh process, what the hub was asked for, and what was logged."""
    Hub.asked = []
    quiet = {
        key: value for key, value in os.environ.items() if "PROXY" not in key.upper() and "HF_" not in key
    }
    settings = {
        "HF_ENDPOINT": endpoint,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": str(cache),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(calls), str(cache)],
        env=quiet | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], Hub.asked, done.stderr


def test_a_model_is_fetched_once_pinned_and_used_offline(hub: str, tmp_path: Path) -> None:
    (answer, shards), asked, _ = load(hub, tmp_path, {"name": "o/tiny"}, {"name": "o/sharded"})
    assert answer[0] == COMMIT
    fetched = {path.name for path in Path(answer[1]).iterdir()}
    wanted = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "gristmill.json"}
    assert fetched == wanted
    assert not any("pytorch_model" in call or "onnx" in call for call in asked)
    assert shards[0] == COMMIT and len(list(Path(shards[1]).glob("model-*.safetensors"))) > 1

    answers, asked, _ = load(
        hub,
        tmp_path,
        {"name": "o/tiny", "offline": True},
        {"name": "o/tiny", "revision": COMMIT},
        {"name": "o/pickle", "offline": True},
    )
    assert answers[:2] == [answer, answer] and asked == []
    assert "offline mode forbids" in answers[2]
    answers, asked, _ = load(hub, tmp_path, {"name": "o/tiny"}, HF_HUB_OFFLINE="1")
    assert answers == [answer] and asked == []

    # Nobody listens on port 9: the branch is taken from the cache, and that is said.
    nowhere = "http://127.0.0.1:9"
    (again, missing), _, logged = load(nowhere, tmp_path, {"name": "o/tiny"}, {"name": "o/other"})
    assert again == answer and f"o/tiny is used as it is in the cache, commit {COMMIT}" in logged
    assert "o/other cannot be downloaded" in missing and "check the network" in missing


def test_what_the_hub_refuses_is_said(hub: str, tmp_path: Path) -> None:
    answers, asked, _ = load(
        hub,
        tmp_path,
        {"name": "o/pickle"},
        {"name": "o/nothing"},
        {"name": "o/gated"},
        {"name": "o/tiny", "revision": "v9"},
        {"name": "o/empty"},
    )
    wanted = [
        "only pytorch_model.bin",
        "neither a local folder nor a model",
        "is gated",
        "no revision 'v9'",
        "no config",
    ]
    for answer, words in zip(answers, wanted, strict=True):
        assert words in answer
    assert not any("/resolve/" in call for call in asked)


def test_a_folder_wins_over_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "o" / "tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert locate("o/tiny") == (Path("o/tiny"), None)
    with pytest.raises(ModelError, match="no folder"):
        locate(Path("o/other"))  # a path is never an id
    for revision in ("../x", "a b", ""):
        with pytest.raises(ModelError, match="no branch, tag or commit"):
            locate("o/other", revision=revision)
