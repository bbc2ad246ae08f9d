"""Git as a supervised child process in an environment where a hostile repository can start nothing.

Objects are never read through a repository's own configuration: `object_environment` combines a *neutral*
repository that we made (no remotes, no hooks, no replace objects, no grafts) with the object store of the one
to be read. Whatever a promisor remote, an ``ext::`` URL or a hook in its configuration says, git does not see
it. Only the list of refs is asked from the repository itself, with every transport refused.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from gristmill.errors import HostileInputError, OriginError

OLDEST_GIT = (2, 36)  # the first with `cat-file --batch-command`
CHILD_MEMORY = 4 << 30  # bytes of private memory a child may take: delta bases can be bombs

_SAFE_OPTIONS = (
    "--no-pager",
    *("-c", "safe.directory=*"),
    *("-c", "protocol.allow=never"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.commitGraph=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "submodule.recurse=false"),
)
# What a user may have set to reach a server. Everything else that starts with GIT_ could redirect us.
_NETWORK_VARIABLES = ("GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_", "GIT_ASKPASS", "GIT_CONFIG_")
_NETWORK_REFUSED = frozenset({"GIT_CONFIG", "GIT_CONFIG_PARAMETERS"})


@dataclass(frozen=True)
class Repository:
    """A repository to be read in place: where it is, where its objects are, and its hash algorithm.

    ``object_format`` is sha1 or sha256; ``shallow`` the file that names the commits whose parents were left
    out of a shallow clone (it need not exist); ``neutral`` our own empty repository of the same format.
    """

    git_dir: Path
    objects: Path
    shallow: Path
    object_format: str
    neutral: Path

    @property
    def id_bytes(self) -> int:
        """Bytes of an object id: 20 or 32."""
        return 20 if self.object_format == "sha1" else 32


def command(*arguments: str, git_dir: Path | None = None) -> list[str]:
    """The argument vector of a git command with the options that keep a repository harmless."""
    place = () if git_dir is None else (f"--git-dir={git_dir}",)
    return ["git", *_SAFE_OPTIONS, *place, *arguments]


def sealed_environment() -> dict[str, str]:
    """Environment of every reading command: no user or system configuration, no transport, no locks."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "none",  # a list of the transports allowed; no transport has this name
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


def object_environment(repository: Repository) -> dict[str, str]:
    """Sealed environment that reads the objects of ``repository`` without its configuration."""
    return sealed_environment() | {
        "GIT_DIR": str(repository.neutral),
        "GIT_OBJECT_DIRECTORY": str(repository.objects),
    }


def network_environment(protocols: str) -> dict[str, str]:
    """Environment for clone and fetch: the user's own configuration, only the ``protocols`` named (a:b:c)."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_")
        or (name.startswith(_NETWORK_VARIABLES) and name not in _NETWORK_REFUSED)
    }
    return kept | {
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


@dataclass(frozen=True)
class Result:
    """What a command left: exit status, standard output, and the last of standard error as text."""

    status: int
    output: bytes
    error: str


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    timeout: float,
    watch: Callable[[], None] | None = None,
) -> Result:
    """Run a git command to its end, without a terminal and without input.

    ``watch`` is called about twice a second and may raise to stop the command. The whole process group is
    ended on a time-out (``timeout`` in seconds), on an error in ``watch`` and on an interrupt.

    Raises:
        HostileInputError: the command took longer than ``timeout``.
    """
    deadline = time.monotonic() + timeout
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(arguments, environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            while True:
                try:
                    process.wait(min(0.5, max(0.0, deadline - time.monotonic())))
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() >= deadline:
                        message = f"git {_verb(arguments)} took longer than origin_timeout ({timeout:g} s)"
                        raise HostileInputError(f"{message}; raise the limit if this is expected") from None
                    if watch is not None:
                        watch()
        finally:
            end(process)
        out.seek(0)
        err.seek(max(0, err.seek(0, os.SEEK_END) - 4000))
        text = err.read().decode("utf-8", "replace").strip()
        return Result(process.returncode, out.read(), text)


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: int | IO[bytes],
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    """Start git in a session of its own (no terminal to prompt on) under a memory limit."""
    _check_git()
    process = subprocess.Popen(
        list(arguments),
        env=dict(environment),
        cwd="/",
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        bufsize=0,
        start_new_session=True,
    )
    if hasattr(resource, "prlimit"):  # Linux; private memory only, so that large packs can still be mapped
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (CHILD_MEMORY, CHILD_MEMORY))
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """End a child and whatever it started, and reap it. Harmless if it has ended already."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def open_repository(path: Path, cache: Path, timeout: float) -> Repository:
    """Find the repository at ``path``: a work tree's root, its ``.git``, or a bare repository.

    ``cache`` gets the neutral repository; nothing is ever written to ``path``.

    Raises:
        OriginError: there is nothing at ``path``, or it is no repository that git can open.
    """
    git_dir = _git_dir(path.absolute())  # git runs elsewhere
    asked = ("--path-format=absolute", "--git-path", "objects", "--git-path", "shallow")
    found = run(
        command("rev-parse", *asked, "--show-object-format", git_dir=git_dir), sealed_environment(), timeout
    )
    lines = os.fsdecode(found.output).splitlines()
    if found.status != 0 or len(lines) != 3:
        raise OriginError(f"git cannot open the repository {path}: {found.error or 'no answer'}")
    objects, shallow, object_format = lines
    if object_format not in ("sha1", "sha256"):
        raise OriginError(f"{path} uses the object format {object_format!r}; sha1 and sha256 can be read")
    neutral = _neutral_repository(cache, object_format)
    return Repository(git_dir, Path(objects), Path(shallow), object_format, neutral)


def _git_dir(path: Path) -> Path:
    if not path.exists():
        raise OriginError(f"{path} does not exist; give the path of a git repository")
    if (path / ".git").exists():
        return path / ".git"
    if (path / "HEAD").is_file() and (path / "objects").is_dir():
        return path
    raise OriginError(
        f"{path} is not a git repository: it has no .git and is not bare; give the repository's top folder, "
        "or use the scheme dir: for a plain folder"
    )


def _neutral_repository(cache: Path, object_format: str) -> Path:
    """An empty repository of ours, made once for each object format; it lends git a configuration to read."""
    neutral = cache.absolute() / "git" / f"neutral-{object_format}.git"
    if neutral.is_dir():
        return neutral
    neutral.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".neutral-", dir=neutral.parent))
    version, extension = (
        ("0", "") if object_format == "sha1" else ("1", "[extensions]\n\tobjectFormat = sha256\n")
    )
    (aside / "HEAD").write_text("ref: refs/heads/none\n")
    (aside / "config").write_text(
        f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = true\n{extension}"
    )
    (aside / "refs").mkdir()
    try:
        aside.rename(neutral)
    except OSError:  # another process was first; its repository is the same
        shutil.rmtree(aside)
    return neutral


@lru_cache(maxsize=1)
def _check_git() -> None:
    """Refuse to work without git, or with one that is too old."""
    wanted = ".".join(map(str, OLDEST_GIT))
    if shutil.which("git") is None:
        raise OriginError(f"git was not found on PATH; install git {wanted} or later")
    text = subprocess.run(
        ["git", "version"], env=sealed_environment(), capture_output=True, check=False
    ).stdout
    words = text.decode("ascii", "replace").split()
    numbers = words[2].split(".") if len(words) > 2 else []
    if not (len(numbers) >= 2 and all(n.isdigit() for n in numbers[:2])):
        raise OriginError(f"`git version` answered {text!r}; install git {wanted} or later")
    if (int(numbers[0]), int(numbers[1])) < OLDEST_GIT:
        raise OriginError(f"git {words[2]} is too old; install git {wanted} or later")


def _verb(arguments: Sequence[str]) -> str:
    known = ("clone", "fetch", "ls-remote", "for-each-ref", "rev-parse", "symbolic-ref")
    return next((a for a in arguments if a in known), "command")
