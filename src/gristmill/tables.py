"""The shape of every table: the one vocabulary of the house.

Identifiers are lower-case hexadecimal strings of the object ids that Software Heritage and git use
(SWHID, ISO/IEC 18670): ``content_id`` is the ``sha1_git`` of a blob, so ``swh:1:cnt:<content_id>`` is its
SWHID. An *anchor* is a full SWHID of the object that a path is relative to (``swh:1:rev:``, ``swh:1:rel:``
or ``swh:1:dir:``), as in the SWHID qualifier of that name. Side-car tables join by key, never by row order.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")
STRINGS = pa.list_(pa.field("element", pa.string(), nullable=False))
EVIDENCE = pa.list_(
    pa.field(
        "element",
        pa.struct(
            [
                pa.field("reason", pa.string(), nullable=False),
                pa.field("rule", pa.string(), nullable=False),
                pa.field("evidence", pa.string(), nullable=False),
            ]
        ),
        nullable=False,
    )
)


@dataclass(frozen=True)
class Column:
    """A column: name, Arrow type, one-line meaning, and whether null is a legal value (and what it says)."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A table: its name, what one row is, the columns that identify a row, and all columns."""

    name: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, in column order."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    def empty(self) -> pa.Table:
        """A table of this shape with no rows."""
        return self.schema.empty_table()


_CONTENT_ID = Column("content_id", pa.string(), "sha1_git of the content (40 hex digits)")

# --------------------------------------------------------------------------------------------- collect

ORIGINS = Table(
    "origins",
    "One row an origin: a place that software is taken from.",
    ("origin_id",),
    (
        Column("origin_id", pa.string(), "SHA-1 of the URL, as Software Heritage identifies origins"),
        Column("url", pa.string(), "the origin's URL"),
        Column("kind", pa.string(), "git, dir, archive, pypi or npm"),
        Column("name", pa.string(), "short name: owner/repository, package name, or last path segment"),
        Column("declared_licence", pa.string(), "licence that the index or forge states, verbatim", True),
        Column("stars", pa.int64(), "stars, from the recipe's metadata file", True),
        Column("forks", pa.int64(), "forks, from the recipe's metadata file", True),
        Column("created_at", TIMESTAMP, "creation of the repository, from the recipe's metadata file", True),
        Column("github_id", pa.int64(), "GitHub's repository number, from the recipe's metadata file", True),
    ),
)

VISITS = Table(
    "visits",
    "One row a visit: an attempt to read an origin, also when it failed.",
    ("origin_id", "state"),
    (
        Column("origin_id", pa.string(), "the origin"),
        Column(
            "state", pa.string(), "what identifies the state seen (commit, archive digest); empty if none"
        ),
        Column("visit_date", TIMESTAMP, "when the origin was read"),
        Column("status", pa.string(), "full, partial (some objects missing), not_found or failed"),
        Column("snapshot_id", pa.string(), "snapshot that was seen", True),
        Column("anchor", pa.string(), "SWHID that the entries of the visit hang on", True),
        Column("branch", pa.string(), "branch, tag or version that was read", True),
        Column("message", pa.string(), "why the visit is not full", True),
    ),
)

SNAPSHOTS = Table(
    "snapshots",
    "One row a branch of a snapshot.",
    ("snapshot_id", "branch"),
    (
        Column("snapshot_id", pa.string(), "id of the snapshot"),
        Column("branch", pa.binary(), "name of the branch, as raw bytes"),
        Column(
            "target_type", pa.string(), "content, directory, revision, release, snapshot, alias or dangling"
        ),
        Column(
            "target",
            pa.string(),
            "object id; for an alias the hex of the branch name; null if dangling",
            True,
        ),
    ),
)

REVISIONS = Table(
    "revisions",
    "One row a revision (commit). People are pseudonyms by a keyed hash unless the recipe says otherwise.",
    ("revision_id",),
    (
        Column("revision_id", pa.string(), "id of the revision"),
        Column("directory_id", pa.string(), "id of its root directory"),
        Column("parents", STRINGS, "ids of its parents, in order"),
        Column(
            "author", pa.string(), "author: pseudonym, or name and e-mail if the recipe keeps people", True
        ),
        Column("author_date", TIMESTAMP, "author date; null if outside the range of the type", True),
        Column("author_offset", pa.string(), "author's time zone as written, for example +0200", True),
        Column("committer", pa.string(), "committer, as for author", True),
        Column("committer_date", TIMESTAMP, "committer date; null if outside the range of the type", True),
        Column("committer_offset", pa.string(), "committer's time zone as written", True),
        Column("message", pa.binary(), "message; identities in it replaced by pseudonyms as above", True),
        Column("verified", pa.bool_(), "the id was recomputed from the raw object and agrees"),
    ),
)

RELEASES = Table(
    "releases",
    "One row a release object: an annotated tag, or the synthetic release that stands for a package version.",
    ("release_id",),
    (
        Column("release_id", pa.string(), "id of the release"),
        Column("name", pa.binary(), "name of the tag or version"),
        Column("target_type", pa.string(), "revision, directory, content or release"),
        Column("target", pa.string(), "id of the target"),
        Column("date", TIMESTAMP, "date of the tag, or upload time of the package", True),
        Column("synthetic", pa.bool_(), "made by us for a package version, not read from a repository"),
    ),
)

DIRECTORIES = Table(
    "directories",
    "One row an entry of a directory (git tree).",
    ("directory_id", "name"),
    (
        Column("directory_id", pa.string(), "id of the directory"),
        Column("name", pa.binary(), "name of the entry, as raw bytes"),
        Column("type", pa.string(), "file, dir or rev (submodule)"),
        Column("target", pa.string(), "id of the target"),
        Column("perms", pa.int32(), "mode, for example 0o100644"),
    ),
)

ENTRIES = Table(
    "entries",
    "One row an occurrence: a path under an anchor. All occurrences of a content are kept.",
    ("origin_id", "anchor", "path"),
    (
        Column("origin_id", pa.string(), "the origin"),
        Column(
            "anchor", pa.string(), "SWHID of the revision, release or directory that the path is relative to"
        ),
        Column("directory_id", pa.string(), "id of the root directory of the anchor"),
        Column(
            "path", pa.string(), "path with '/' separators, no leading '/'; bytes that are not UTF-8 as \\xNN"
        ),
        Column("path_raw", pa.binary(), "the path's bytes where they are not UTF-8, else null", True),
        Column("name", pa.string(), "last segment of the path"),
        Column("type", pa.string(), "file, symlink or submodule"),
        Column("perms", pa.int32(), "mode, for example 0o100644"),
        Column(
            "content_id",
            pa.string(),
            "sha1_git of the content, 40 zeros if unknown; of a submodule the commit id",
        ),
        Column("length", pa.int64(), "size in bytes; -1 if unknown"),
        Column(
            "skipped",
            pa.string(),
            "why its bytes were not read: too_large, missing, corrupt, hostile_path (the path, shown escaped, "
            "leads out of the archive); else null",
            True,
        ),
        Column("head", pa.bool_(), "true in the anchor asked for; false where only history holds it"),
    ),
)

CONTENTS = Table(
    "contents",
    "One row a content (blob), stored and analysed once whatever the number of its occurrences.",
    ("content_id",),
    (
        _CONTENT_ID,
        Column("sha1", pa.string(), "plain SHA-1: the key of Software Heritage's object storage"),
        Column("sha256", pa.string(), "SHA-256"),
        Column("length", pa.int64(), "size in bytes"),
        Column("data", pa.binary(), "the bytes"),
    ),
)

SKIPPED_CONTENTS = Table(
    "skipped_contents",
    "One row a content whose bytes could not be read although its listing promised it.",
    ("content_id",),
    (
        _CONTENT_ID,
        Column("length", pa.int64(), "size in bytes; -1 if unknown"),
        Column("reason", pa.string(), "missing, corrupt, too_large or timeout"),
        Column("origin_id", pa.string(), "the origin it was asked from"),
    ),
)

# -------------------------------------------------------------------------------------------- annotate

TEXT = Table(
    "text",
    "One row a content: is it text, in which encoding.",
    ("content_id",),
    (
        _CONTENT_ID,
        Column("length", pa.int64(), "size in bytes"),
        Column("binary", pa.bool_(), "not text: a NUL byte, or no encoding fits"),
        Column(
            "encoding",
            pa.string(),
            "Python name of the encoding (utf-8, utf-16-le, cp1252 ...); null if binary",
            True,
        ),
    ),
)

LANGUAGES = Table(
    "languages",
    "One row a (content, file name): what language it is, since the name takes part in the decision.",
    ("content_id", "name"),
    (
        _CONTENT_ID,
        Column("name", pa.string(), "file name (last segment of the path)"),
        Column("language", pa.string(), "linguist's name of the language; null if unknown or binary", True),
        Column("generated", pa.bool_(), "linguist says that a program wrote it"),
    ),
)

PATHS = Table(
    "paths",
    "One row a path: what its place alone says.",
    ("path",),
    (
        Column("path", pa.string(), "path, as in entries"),
        Column(
            "extension", pa.string(), "text after the last dot of the name, lower case, no dot; may be empty"
        ),
        Column("vendored", pa.bool_(), "linguist says that it is a third party's"),
        Column("test", pa.bool_(), "linguist says that it is a test"),
        Column("documentation", pa.bool_(), "linguist says that it is documentation"),
    ),
)

SIGNALS = Table(
    "signals",
    "One row a text content: quality signals (StarCoder2, arXiv 2402.19173, section 2.1). Facts, no thresholds. "
    "Lengths and fractions count characters (Unicode code points).",
    ("content_id",),
    (
        _CONTENT_ID,
        Column("characters", pa.int64(), "characters in the text"),
        Column("lines", pa.int64(), "lines; a last line without line feed counts"),
        Column("mean_line_length", pa.float64(), "mean characters a line, line ends not counted; 0 if empty"),
        Column("max_line_length", pa.int64(), "characters of the longest line"),
        Column("alphabetic_fraction", pa.float64(), "share of characters that are letters; 0 if empty"),
        Column(
            "alphanumeric_fraction",
            pa.float64(),
            "share of characters that are letters or digits; 0 if empty",
        ),
        Column("base64_longest", pa.int64(), "longest run of 64 or more base64 characters"),
        Column("base64_fraction", pa.float64(), "share of characters in such runs"),
        Column(
            "hex_longest",
            pa.int64(),
            "longest run of 8 or more hexadecimal bytes (\\xNN, 0xNN, or bare pairs)",
        ),
        Column("hex_fraction", pa.float64(), "share of characters in such runs"),
        Column(
            "unicode_escape_longest", pa.int64(), "longest run of 8 or more \\uXXXX escapes, in characters"
        ),
        Column("unicode_escape_fraction", pa.float64(), "share of characters in such runs"),
        Column(
            "autogenerated_phrase", pa.bool_(), "one of StarCoder2's five phrases stands in the first 5 lines"
        ),
        Column(
            "visible_characters",
            pa.int64(),
            "characters of visible text if it looks like HTML, else null",
            True,
        ),
        Column(
            "visible_fraction", pa.float64(), "share of visible text if it looks like HTML, else null", True
        ),
        Column("xml_declaration", pa.bool_(), "'<?xml version=' stands in the first 100 characters"),
        Column("lfs_pointer", pa.bool_(), "the content is a Git LFS pointer, not the file itself"),
    ),
)

LICENCE_MATCHES = Table(
    "licence_matches",
    "One row a licence statement found in a content.",
    ("content_id", "start", "end", "rule"),
    (
        _CONTENT_ID,
        Column(
            "kind",
            pa.string(),
            "text (whole licence), tag (SPDX-License-Identifier), manifest, notice or reference",
        ),
        Column(
            "expression",
            pa.string(),
            "SPDX expression, normalised; LicenseRef-... for what SPDX does not list",
        ),
        Column("rule", pa.string(), "what matched, for example spdx-tag or package.json"),
        Column("start", pa.int64(), "first byte of the match in the UTF-8 text"),
        Column("end", pa.int64(), "byte after the match"),
        Column(
            "score",
            pa.float64(),
            "0 to 1: share of the content that licence texts cover; 1 for tags, manifests and notices",
        ),
        Column(
            "paths",
            STRINGS,
            "of a manifest the globs of the files that it speaks of, of a reference the files that it names; null if none",
            True,
        ),
        Column(
            "precedence",
            pa.string(),
            "of a statement with globs: closest, aggregate, override or default; null for others",
            True,
        ),
    ),
)

FINDINGS = Table(
    "findings",
    "One row a secret or piece of personal data found in a content. Never the value itself.",
    ("content_id", "start", "end", "rule"),
    (
        _CONTENT_ID,
        Column("type", pa.string(), "key, password, card, iban, email, phone, ip_address, name or username"),
        Column("start", pa.int64(), "first byte in the UTF-8 text"),
        Column("end", pa.int64(), "byte after the value"),
        Column("score", pa.float64(), "0 to 1: how sure the detector is"),
        Column("rule", pa.string(), "detector and rule, for example patterns/email or kingfisher/aws-key"),
        Column(
            "value_hash",
            pa.string(),
            "HMAC-SHA-256 of the value under the workspace's key, first 32 hex digits",
        ),
    ),
)

SIGNATURES = Table(
    "signatures",
    "One row a text content with enough words to shingle: its MinHash band keys.",
    ("content_id",),
    (
        _CONTENT_ID,
        Column("shingles", pa.int64(), "distinct word 5-shingles"),
        Column(
            "bands", pa.list_(pa.field("element", pa.uint64(), nullable=False)), "32 band keys of 8 rows each"
        ),
    ),
)

LABELS = Table(
    "labels",
    "One row a label of a label set for each text that the set is asked about: how sure a zero-shot model is that "
    "the label holds. A content without a row has no such text.",
    ("content_id", "set", "label"),
    (
        _CONTENT_ID,
        Column("set", pa.string(), "name of the label set in the recipe"),
        Column("label", pa.string(), "the label"),
        Column("score", pa.float64(), "0 to 1, rounded to 4 digits; without multi_label the labels share 1"),
        Column("multi_label", pa.bool_(), "each label was asked on its own"),
        Column("template", pa.string(), "hypothesis template; {} is the label's place"),
        Column("model", pa.string(), "model as the recipe names it: hub id or folder"),
        Column("revision", pa.string(), "commit of the hub, or sha256: and the digest of the model's files"),
        Column("engine", pa.string(), "engine and device that ran it, for example numpy cpu"),
        Column("precision", pa.string(), "what it computed in, for example float32"),
    ),
)

# ---------------------------------------------------------------------------------------------- decide

SIMILARITIES = Table(
    "similarities",
    "One row a candidate pair of near duplicates: the exact Jaccard index of their word 5-shingle sets.",
    ("content_a", "content_b"),
    (
        Column("content_a", pa.string(), "content_id, the smaller of the pair"),
        Column("content_b", pa.string(), "content_id, the larger of the pair"),
        Column("jaccard", pa.float64(), "size of the intersection over size of the union, exact"),
    ),
)

LICENCES = Table(
    "licences",
    "One row an entry: the licence that applies to it, and why.",
    ("origin_id", "anchor", "path"),
    (
        Column("origin_id", pa.string(), "the origin"),
        Column("anchor", pa.string(), "the anchor"),
        Column("path", pa.string(), "the path"),
        Column(
            "expression", pa.string(), "SPDX expression that applies; null if no evidence was found", True
        ),
        Column(
            "licence_class", pa.string(), "permissive, restricted, unknown (evidence not understood) or none"
        ),
        Column(
            "scope",
            pa.string(),
            "file, path (a glob that matches it), directory, or origin: how near the evidence stands; null if none",
            True,
        ),
        Column("evidence", STRINGS, "path, rule and score of each match that decided"),
    ),
)

VERDICTS = Table(
    "verdicts",
    "One row an entry: in or out, every reason, and the evidence.",
    ("origin_id", "anchor", "path"),
    (
        Column("origin_id", pa.string(), "the origin"),
        Column("anchor", pa.string(), "the anchor"),
        Column("path", pa.string(), "the path"),
        Column("content_id", pa.string(), "the content"),
        Column("kept", pa.bool_(), "true if the release holds this entry"),
        Column("reason", pa.string(), "first reason in the recipe's order of rules; null if kept", True),
        Column("reasons", EVIDENCE, "every reason with the rule and the evidence; empty if kept"),
        Column(
            "cluster_id",
            pa.string(),
            "content_id of the file kept for its near-duplicate cluster; null if alone",
            True,
        ),
        Column("similarity", pa.float64(), "exact Jaccard index to that file; null if alone", True),
    ),
)

TABLES: tuple[Table, ...] = (
    ORIGINS,
    VISITS,
    SNAPSHOTS,
    REVISIONS,
    RELEASES,
    DIRECTORIES,
    ENTRIES,
    CONTENTS,
    SKIPPED_CONTENTS,
    TEXT,
    LANGUAGES,
    PATHS,
    SIGNALS,
    LICENCE_MATCHES,
    FINDINGS,
    SIGNATURES,
    LABELS,
    SIMILARITIES,
    LICENCES,
    VERDICTS,
)
