from __future__ import annotations

from pathlib import Path

import pytest
from test_schema import file_row, stub_row, write_shard, write_shards

from gristmill.errors import ReleaseError
from gristmill.release.statistics import (
    ClusterCount,
    FunnelStep,
    LanguageCount,
    LicenceCount,
    OccurrenceCount,
    ReasonCount,
    compute_statistics,
    funnel,
    read_statistics,
    write_statistics,
)


def test_the_counts_of_a_small_release(tmp_path: Path) -> None:
    write_shards(tmp_path)
    found = compute_statistics(tmp_path)
    totals = found.totals
    assert (totals.entries, totals.kept, totals.dropped) == (11, 7, 4)
    assert (totals.origins, totals.languages) == (2, 3)
    assert (totals.redactions, totals.redacted_files) == (1, 1)
    sizes = [25, len("// grüße 🌾\n".encode()), 7, 11, 24, 0, 6]
    assert totals.bytes == sum(sizes)
    assert totals.released_bytes == sum(sizes) - 24 + len("mail = '<EMAIL>'\n")
    assert found.by_language == (
        LanguageCount("C++", 3, sum(sizes[:3])),
        LanguageCount("Python", 2, 24),
        LanguageCount("C#", 1, 11),
        LanguageCount(None, 1, 6),
    )
    assert found.by_licence[1:] == (
        LicenceCount("MIT OR Apache-2.0", "permissive", 1, 7),
        LicenceCount(None, "no_license", 1, 6),
    )
    assert [(c.license_type, c.files) for c in found.by_license_type] == [
        ("no_license", 1),
        ("permissive", 6),
    ]
    both = {(c.language, c.license_type): c.files for c in found.by_language_and_license_type}
    assert both == {
        ("C#", "permissive"): 1,
        ("C++", "permissive"): 3,
        ("Python", "permissive"): 2,
        (None, "no_license"): 1,
    }
    # A size of -1 is unknown and must not lower the sum.
    assert found.dropped[0] == ReasonCount("too_large", 2, 100)
    assert [c.reason for c in found.dropped] == ["too_large", "near_duplicate", "opted_out"]
    assert found.largest_clusters == (ClusterCount("a" * 40, 5),)


def test_occurrences_fall_into_powers_of_two(tmp_path: Path) -> None:
    numbers = [1, 2, 3, 4, 5, 8, 9, 2**40, 2**40 + 1]
    rows = [file_row(f"/{n}.c", f"{n}\n", "C", occurrences=n) for n in numbers]
    write_shard(tmp_path, "data/c/00000-of-00001.parquet", rows)
    buckets = compute_statistics(tmp_path).occurrences
    assert buckets[:5] == (
        OccurrenceCount(1, 1, 1),
        OccurrenceCount(2, 2, 1),
        OccurrenceCount(3, 4, 2),
        OccurrenceCount(5, 8, 2),
        OccurrenceCount(9, 16, 1),
    )
    assert buckets[5:] == (OccurrenceCount(2**39 + 1, 2**40, 1), OccurrenceCount(2**40 + 1, 2**41, 1))


def test_a_release_without_rows_counts_to_nothing(tmp_path: Path) -> None:
    found = compute_statistics(tmp_path)
    assert found.totals.entries == 0
    assert found.by_language == found.dropped == ()


def test_the_file_is_the_same_however_the_shards_are_cut(tmp_path: Path) -> None:
    folders = [tmp_path / "one [1]", tmp_path / "two"]  # brackets are no pattern
    rows = [file_row(f"/{n}.c", f"{n}\n", "C", licence_expression=f"L-{n % 3}") for n in range(12)]
    write_shard(folders[0], "data/c/00000-of-00001.parquet", rows)
    write_shard(folders[1], "data/c/00000-of-00002.parquet", rows[7:], row_group_size=2)
    write_shard(folders[1], "data/c/00001-of-00002.parquet", rows[:7], row_group_size=1)
    written = [write_statistics(folder, compute_statistics(folder)) for folder in folders]
    assert written[0].read_bytes() == written[1].read_bytes()
    assert sorted(p.name for p in folders[0].iterdir()) == ["data", "statistics.json"]
    assert read_statistics(folders[0]) == compute_statistics(folders[1])


def test_the_funnel_adds_up_in_the_recipes_order(tmp_path: Path) -> None:
    write_shards(tmp_path)
    statistics = compute_statistics(tmp_path)
    assert funnel(statistics, ["opted_out", "never_used", "near_duplicate"]) == [
        FunnelStep("files in", 11, 11),
        FunnelStep("opted_out", 1, 10),
        FunnelStep("near_duplicate", 1, 9),
        FunnelStep("too_large", 2, 7),
        FunnelStep("kept", 7, 7),
    ]
    assert [step.label for step in funnel(statistics)][1] == "too_large"


def test_a_damaged_shard_is_named_as_such(tmp_path: Path) -> None:
    write_shards(tmp_path)
    (tmp_path / "data/cpp/00000-of-00002.parquet").write_bytes(b"PAR1 not at all PAR1")
    with pytest.raises(ReleaseError, match="cannot be counted"):
        compute_statistics(tmp_path)


def test_impossible_numbers_are_refused(tmp_path: Path) -> None:
    write_shard(tmp_path, "data/c/00000-of-00001.parquet", [file_row("/a.c", "a", "C", length_bytes=-5)])
    with pytest.raises(ReleaseError, match="impossible number"):
        compute_statistics(tmp_path)
    huge = [file_row(f"/{n}.c", f"{n}", "C", length_bytes=2**63 - 1) for n in range(2)]
    write_shard(tmp_path, "data/c/00000-of-00001.parquet", huge)
    with pytest.raises(ReleaseError):
        compute_statistics(tmp_path)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"format_version": 1}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_statistics_file_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "statistics.json").write_bytes(text)
    with pytest.raises(ReleaseError, match=r"statistics\.json"):
        read_statistics(tmp_path)


def test_an_empty_table_may_stand_beside_a_full_one(tmp_path: Path) -> None:
    write_shard(tmp_path, "stubs/00000-of-00001.parquet", [stub_row("/a.c", "binary")])
    assert compute_statistics(tmp_path).totals.dropped == 1
