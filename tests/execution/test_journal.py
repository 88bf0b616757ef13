"""A journal holds what was added, and nothing that is torn, altered or of another job."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_wbc.errors import OutputError
from napari_wbc.execution.journal import Journal
from skips import needs_posix_signals

RECORDS = [b"first", b"", b"x" * 100_000, b"last"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "smear.journal"
    with Journal(path, "job") as journal:
        assert list(journal.records()) == []
        for record in RECORDS:
            journal.add(record)
    return path


def records(path: Path, fingerprint: str = "job") -> list[bytes]:
    with Journal(path, fingerprint) as journal:
        return list(journal.records())


def test_records_come_back_and_more_can_be_added(path: Path) -> None:
    with Journal(path, "job") as journal:
        assert list(journal.records()) == RECORDS
        journal.add(b"more")
        assert list(journal.records()) == RECORDS, "what this run adds is no news to it"
    assert records(path) == [*RECORDS, b"more"]


def test_every_cut_leaves_whole_records(path: Path) -> None:
    whole = path.read_bytes()
    for length in [*range(0, 200, 7), *range(len(whole) - 60, len(whole))]:
        path.write_bytes(whole[:length])
        left = records(path)
        assert left == RECORDS[: len(left)]
        assert len(left) < len(RECORDS)


def test_what_follows_a_torn_end_is_kept(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    with Journal(path, "job") as journal:
        assert list(journal.records()) == RECORDS[:-1]
        journal.add(b"again")
    assert records(path) == [*RECORDS[:-1], b"again"]


def test_an_altered_record_and_what_follows_it_do_not_count(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-50_000] ^= 1
    path.write_bytes(content)
    assert records(path) == RECORDS[:2]


@pytest.mark.parametrize("content", [b"", b"napari-wbc journal 0 job\n", b"a letter to somebody", bytes(500)])
def test_a_foreign_file_is_begun_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with Journal(path, "job") as journal:
        assert list(journal.records()) == []
        journal.add(b"new")
    assert records(path) == [b"new"]


def test_a_journal_of_another_job_is_begun_anew(path: Path) -> None:
    assert records(path, "other") == []
    assert not path.exists()


@needs_posix_signals
def test_a_journal_that_somebody_deletes_is_still_read(path: Path) -> None:
    with Journal(path, "job") as journal:
        path.unlink()
        assert list(journal.records()) == RECORDS


def test_an_empty_journal_leaves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "empty.journal", "job"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"away.*journal cannot be written"):
        Journal(tmp_path / "away" / "smear.journal", "job")
