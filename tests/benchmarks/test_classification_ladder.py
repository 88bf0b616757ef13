import dataclasses

import pytest

pytest.importorskip("fcntl", reason="runs are claimed by POSIX file locks")
from benchmarks.classification.ladder import claimed, read_ladder


@pytest.fixture(scope="module")
def ladder():
    return read_ladder()


def test_each_row_changes_one_part_and_nothing_of_the_budget(ladder):
    rows = {row.name: row for row in ladder.rows}
    assert ladder.reference in rows
    for row in ladder.rows:
        assert row.config.steps == ladder.rows[0].config.steps
        assert row.config.batch == ladder.rows[0].config.batch
        if not row.after:
            continue
        before, now = (dataclasses.asdict(rows[r].config) for r in (row.after, row.name))
        changed = {k for k in now if now[k] != before[k]}
        assert len(changed) == 1 or row.name == "scratch"


def test_a_run_is_claimed_by_one_process_at_a_time(tmp_path):
    with claimed(tmp_path / "a" / "x.lock") as first:
        assert first
        with claimed(tmp_path / "a" / "x.lock") as second:
            assert not second
    with claimed(tmp_path / "a" / "x.lock") as third:
        assert third
