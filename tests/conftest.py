"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from git_environment import GIT_ENVIRONMENT

settings.register_profile("mill", deadline=None)  # the machine may be busy: time is never a test
settings.load_profile("mill")


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[..., Path]:
    """A function that commits files (path to bytes) to a new or existing repository and returns its folder."""

    def make(name: str, files: dict[str, bytes], message: str = "a commit", date: str | None = None) -> Path:
        folder = tmp_path / name
        environment = {**os.environ, **GIT_ENVIRONMENT}
        if date is not None:
            environment |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}

        def git(*arguments: str) -> None:
            subprocess.run(
                ["git", "-C", str(folder), *arguments], check=True, env=environment, capture_output=True
            )

        if not folder.exists():
            folder.mkdir()
            git("init", "-q", "-b", "main")
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        git("add", "-A", "-f")
        git("commit", "-q", "-m", message)
        return folder

    return make
