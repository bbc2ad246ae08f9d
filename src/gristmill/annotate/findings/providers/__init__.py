"""Tokens of known providers: what each looks like, as a table of rules."""

from __future__ import annotations

from gristmill.annotate.findings.providers import named, platforms, services

RULES = (*platforms.RULES, *services.RULES, *named.RULES)
