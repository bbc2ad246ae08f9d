"""Repositories for tests, with the same commits each time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from git_environment import GIT_ENVIRONMENT


def new(root: Path, *options: str) -> Path:
    """An empty repository with the branch main."""
    root.mkdir()
    git(root, "init", "-q", "-b", "main", *options)
    return root


def git(root: Path, *words: str, at: int | None = None, author: str | None = None) -> str:
    environment = {"PATH": os.environ["PATH"], **GIT_ENVIRONMENT}
    if at is not None:
        environment["GIT_COMMITTER_DATE"] = f"{1_700_000_000 + at} +0000"
        environment["GIT_AUTHOR_DATE"] = author or f"{1_700_000_000 + at} +0130"
    done = subprocess.run(
        ["git", *words], cwd=root, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(root: Path, files: dict[str, str], at: int) -> str:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x", at=at)
    return git(root, "rev-parse", "HEAD")
