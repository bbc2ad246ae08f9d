"""The errors that Gristmill raises; every message names what is wrong, where, and how to mend it."""

from __future__ import annotations


class GristmillError(Exception):
    """Base of all errors meant for the user. The command line prints the message without a traceback."""


class RecipeError(GristmillError):
    """The recipe file is not valid: unknown key, duplicate key, wrong type or value."""


class SourceError(GristmillError):
    """A source string or its list file cannot be understood, or the source does not exist."""


class OriginError(GristmillError):
    """One origin could not be read. Recorded as a failed visit; it never stops the other origins."""


class HostileInputError(OriginError):
    """An origin tried to leave its bounds (path escape, decompression bomb, size, count or time limit)."""


class WorkspaceError(GristmillError):
    """The workspace folder cannot be used: locked by another build, made by another version, or damaged."""


class StageError(GristmillError):
    """A stage of the build failed; names the stage and the shard."""


class BalanceError(StageError):
    """Rows in do not equal rows out plus rows dropped by reason: a bug, never to be published."""


class MissingExtraError(GristmillError):
    """An optional feature was asked for and its package is not installed; names the extra to install."""


class ReleaseError(GristmillError):
    """A release is damaged, incomplete, or does not match its manifest."""


class ModelError(GristmillError):
    """A model cannot be used: missing or hostile files, unknown architecture, no entailment label, bad weights."""


class LabelError(GristmillError):
    """Candidate labels or a hypothesis template cannot be used."""


class TextError(GristmillError):
    """A text cannot be classified; in a batch it is reported with its row and the others are answered."""


class LicenceIndexError(GristmillError):
    """The index of licence texts and rules is missing, damaged or of another version."""
