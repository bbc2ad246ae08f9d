"""The environment in which tests run git: nothing of the user's own, and the same commits each time."""

from __future__ import annotations

GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@mill.example",
    "GIT_AUTHOR_DATE": "2024-01-02T03:04:05+0100",
    "GIT_COMMITTER_NAME": "Cid Committer",
    "GIT_COMMITTER_EMAIL": "cid@mill.example",
    "GIT_COMMITTER_DATE": "2024-01-02T03:04:05+0100",
}
