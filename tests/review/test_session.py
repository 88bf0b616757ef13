"""Edits of a review: undone and done again, kept through crashes, and the same in every file."""

import json
import os
import random
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from napari_wbc.cell_table import read_cells_csv
from napari_wbc.errors import InputError, OutputError
from napari_wbc.review.flags import joined
from napari_wbc.review.folder import (
    discard_unchanged,
    keep_beside,
    new_folder,
    open_session,
    read_description,
    review_beside,
    reviews_of,
    save_session,
)
from napari_wbc.review.log import ChangeLog
from napari_wbc.review.new_cells import drawn_cell, merged_cell, split_cell
from napari_wbc.review.next_cells import CellSpace
from napari_wbc.review.session import ReviewSession

LABELS = ["lymphocyte", "monocyte", "basophil", "neutrophil_segmented", "artifact", "my own class"]


def states(session):
    return session.cells[["cell_id", "label", "status", "flags"]].to_numpy().tolist()


def test_an_edit_changes_its_cells_only_and_is_undone(session, count):
    before, heard = states(session), []
    session.listeners.append(heard.append)
    session.relabel([1, 4], "basophil")
    assert session.cells["label"].iloc[[1, 4]].tolist() == ["basophil", "basophil"]
    assert session.cells["status"].iloc[[1, 4]].tolist() == ["reviewed", "reviewed"]
    others = [row for row in range(len(before)) if row not in (1, 4)]
    assert [states(session)[row] for row in others] == [before[row] for row in others]
    assert (heard[-1].rows, heard[-1].n_before, heard[-1].n_cells) == ((1, 4), len(before), len(before))
    # What the model said, and what others hold of the table, stays.
    assert session.cells["model_label"].equals(count.cells["model_label"])
    assert count.cells["status"].eq("model").all()
    assert session.undo() == "label of 2 cells"
    assert states(session) == before
    assert session.redo() == "label of 2 cells"
    assert session.cells["label"].iloc[1] == "basophil"
    session.undo()
    session.exclude([0])
    assert session.redo_text == ""
    assert session.undo() == "exclusion of cell 1"
    assert session.undo() == ""


def test_what_changes_nothing_is_no_edit(session):
    session.relabel([0], "monocyte")
    session.relabel([0], "monocyte")
    session.relabel([], "monocyte")
    assert session.changes == 1
    with pytest.raises(InputError, match="no cell 9999"):
        session.relabel([9998], "monocyte")
    with pytest.raises(InputError, match="no name of a class"):
        session.relabel([0], " ")
    assert session.changes == 1


def test_the_differential_follows(session, count):
    table = count.differential.table.set_index("class")["count"]
    rows = session.cells.index[session.cells["label"] == session.cells["label"].iloc[0]].tolist()
    session.exclude(rows)
    assert session.differential().excluded == len(rows)
    session.undo()
    session.relabel([0], "basophil")
    now = session.differential().table.set_index("class")
    assert now.loc["basophil", "count"] == table.get("basophil", 0) + (
        count.cells["label"].iloc[0] != "basophil"
    )
    assert now.loc["basophil", "count_before_review"] == table.get("basophil", 0)


def test_how_cells_lie_is_measured_anew_where_another_cell_came(session, model):
    """As many cells as before are not the same cells."""
    corners = np.array([[0, 0], [0, 80], [80, 80], [80, 0]], float)
    first, second = (drawn_cell(session, model, corners + at) for at in ([60, 60], [300, 500]))
    session.add(first)
    session.space()
    assert session.knows_space
    session.undo()
    session.add(second)
    assert not session.knows_space
    np.testing.assert_array_equal(session.space().points, CellSpace.of(session.embeddings).points)
    # A label moves no cell.
    session.relabel([0], "basophil")
    assert session.knows_space


def one_random_edit(session, model, rng):
    """Do something that a person may do; give whether it was taken."""
    n = len(session.cells)
    free = [r for r in range(n) if session.cells["status"].iloc[r] != "excluded"]
    some = rng.sample(range(n), k=min(n, rng.randint(1, 4)))
    kind = rng.choice(
        ["relabel"] * 5
        + ["accept", "exclude", "include", "add", "split", "merge"]
        + ["undo"] * 4
        + ["redo"] * 3
    )
    try:
        if kind == "relabel":
            session.relabel(some, rng.choice(LABELS))
        elif kind in ("accept", "exclude", "include"):
            getattr(session, kind)(some)
        elif kind == "add":
            y, x = rng.uniform(60, 700), rng.uniform(60, 1100)
            corners = [[y - 40, x - 40], [y - 40, x + 40], [y + 40, x + 40], [y + 40, x - 40]]
            session.add(drawn_cell(session, model, corners))
        elif kind == "split":
            row = rng.choice(free)
            mask = session.masks[row]
            y = mask.y0 + mask.height / 2
            line = pd.DataFrame([[y, mask.x0 - 3], [y + 1, mask.x0 + mask.width + 3]]).to_numpy(float)
            session.split(row, split_cell(session, model, row, line))
        elif kind == "merge":
            rows = rng.sample(free, k=2)
            session.merge(rows, merged_cell(session, model, rows))
        else:
            return bool(getattr(session, kind)())
    except InputError:
        return False  # two cells at both ends of the image are no cell: said, and nothing changed
    return True


def test_screen_csv_and_report_agree_after_fifty_random_edits(session, model, tmp_path, count):
    rng, done = random.Random(4), 0
    while done < 50:
        done += one_random_edit(session, model, rng)
    folder = session.result().write(tmp_path / "out")
    written = read_cells_csv(folder / "cells.csv")
    assert written[["cell_id", "label", "status", "flags"]].to_numpy().tolist() == states(session)
    table = pd.read_csv(folder / "differential.csv")
    assert table["count"].tolist() == session.differential().table["count"].tolist()
    said = json.loads((folder / "differential.json").read_text())
    assert said["excluded"] == int((session.cells["status"] == "excluded").sum())
    run = json.loads((folder / "run.json").read_text())
    assert run["review"]["changes"] == session.changes
    assert run["cells"] == len(session.cells) == len(session.masks) == len(session.embeddings)
    report = (folder / "report.html").read_text()
    changes = session.changes
    assert f"{changes} change{'s' * (changes != 1)}" in report
    excluded = int((session.cells["status"] == "excluded").sum())
    assert f"Excluded by a person</th><td>{excluded}</td>" in report
    # Reopened, every change is there again, and all of it can be taken back.
    again = open_session(session.folder)
    pd.testing.assert_frame_equal(again.cells, session.cells, check_exact=True)
    assert [m.bbox for m in again.masks] == [m.bbox for m in session.masks]
    assert (again.embeddings == session.embeddings).all()
    assert again.differential().to_dict() == session.differential().to_dict()
    while again.undo():
        pass
    pd.testing.assert_frame_equal(again.cells, count.cells, check_exact=True)


KILLED = """
import sys
from napari_wbc.review.folder import open_session
session = open_session(sys.argv[1])
for number in range(100_000):
    session.relabel([number % len(session.cells)], f"class {number}")
    print(number, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_process_loses_no_edit(session):
    command = [sys.executable, "-c", KILLED, str(session.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(25):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        told = int((process.stdout.read().split() or [told])[-1])
    again = open_session(session.folder)
    assert told + 1 <= again.changes <= told + 2
    assert f"class {told}" in set(again.cells["label"])


def test_half_a_line_is_dropped_and_the_review_goes_on(session):
    session.relabel([0], "monocyte")
    session.relabel([1], "basophil")
    log = session.folder / "changes.jsonl"
    log.write_bytes(log.read_bytes()[:-9])
    again = open_session(session.folder)
    assert again.changes == 1
    again.relabel([2], "eosinophil")
    assert open_session(session.folder).cells["label"].iloc[2] == "eosinophil"


def test_an_altered_log_is_not_believed(session):
    session.relabel([0], "monocyte")
    session.relabel([1], "basophil")
    log = session.folder / "changes.jsonl"
    log.write_text(log.read_text().replace("monocyte", "lymphocyte", 1))
    with pytest.raises(InputError, match="line 1 was altered"):
        open_session(session.folder)
    lines = log.read_text().replace("lymphocyte", "monocyte", 1).splitlines(keepends=True)
    log.write_text(lines[1])
    with pytest.raises(InputError, match="line 1 was altered"):
        open_session(session.folder)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"[1]",
        b'"text"',
        b"7",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"do":"\\ud800","chain":"0"}',
        b"\xff",
    ],
)
def test_a_line_that_is_no_change_is_told_of(tmp_path, line):
    path = tmp_path / "changes.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(InputError, match="line 1 was altered after it was written"):
        ChangeLog(path)


def test_a_login_of_bytes_that_are_no_text_is_kept(tmp_path):
    entry = {"do": "undo", "by": b"ann\xff".decode("utf-8", "surrogateescape")}
    ChangeLog(tmp_path / "changes.jsonl").append(entry)
    assert ChangeLog(tmp_path / "changes.jsonl").entries == [entry]


def test_two_programs_do_not_overwrite_each_other(session):
    other = open_session(session.folder)
    other.relabel([0], "monocyte")
    before = states(session)
    with pytest.raises(OutputError, match="another program"):
        session.relabel([1], "basophil")
    assert states(session) == before


def test_what_cannot_be_saved_is_not_done(session):
    before = states(session)
    (session.folder / "changes.jsonl").mkdir()
    with pytest.raises(OutputError, match=r"could not be saved .*, so it was not made"):
        session.relabel([0], "monocyte")
    assert states(session) == before
    (session.folder / "changes.jsonl").rmdir()
    session.relabel([0], "monocyte")
    assert open_session(session.folder).changes == 1


def test_a_signed_review_is_locked_until_it_is_unlocked(session):
    session.relabel([0], "monocyte")
    with pytest.raises(InputError, match="needs a name"):
        session.sign("  ")
    session.sign("Dr. A. Example", "two hundred cells")
    for edit in (lambda: session.relabel([1], "basophil"), session.undo, lambda: session.exclude([0])):
        with pytest.raises(InputError, match=r"signed by Dr\. A\. Example"):
            edit()
    again = open_session(session.folder)
    assert again.signature["cells_sha256"] == again.cells_sha256()
    assert again.result().run["review"]["signed"]["by"] == "Dr. A. Example"
    again.unlock("B")
    again.relabel([1], "basophil")
    assert again.signature is None
    said = [json.loads(line)["do"] for line in (session.folder / "changes.jsonl").read_text().splitlines()]
    assert said == ["relabel", "sign", "unlock", "relabel"]


def test_a_review_knows_its_image(session, smear_file, tmp_path, smear_image):
    session.relabel([0], "monocyte")
    other = tmp_path / "other.png"
    from PIL import Image

    Image.fromarray(smear_image[::-1].copy()).save(other)
    with pytest.raises(InputError, match="not the image that was reviewed"):
        open_session(session.folder, image=other)
    description = read_description(session.folder)
    assert description["image"]["path"] == str(smear_file.resolve())
    description["image"]["path"] = str(tmp_path / "gone" / smear_file.name)
    (session.folder / "review.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="the image of the review is gone"):
        open_session(session.folder)
    (session.folder.parent / smear_file.name).write_bytes(smear_file.read_bytes())
    assert open_session(session.folder).changes == 1


def test_reviews_of_an_image_are_found_and_empty_ones_go(count, tmp_path, smear_file):
    first = save_session(count, new_folder(count.slide, tmp_path / "all"))
    second = save_session(count, new_folder(count.slide, tmp_path / "all"))
    assert first.folder != second.folder
    assert reviews_of(smear_file, tmp_path / "all") == []
    second.relabel([0], "monocyte")
    assert reviews_of(smear_file, tmp_path / "all") == [second.folder]
    for session in (first, second):
        discard_unchanged(session.folder)
        assert session.folder.exists()
        discard_unchanged(session.folder, tmp_path / "all")
    assert not first.folder.exists()
    assert second.folder.exists()
    with pytest.raises(OutputError, match="there already"):
        save_session(count, second.folder)


def test_a_count_is_kept_beside_its_results_and_changes_in_it_are_never_lost(count, tmp_path):
    results = tmp_path / "field.1"
    assert review_beside(results) is None
    first = keep_beside(count, results)
    assert first == tmp_path / "field.1.wbcreview"
    assert keep_beside(count, results) == first == review_beside(results)
    session = open_session(first)
    pd.testing.assert_frame_equal(session.cells, count.cells)
    session.relabel([0], "monocyte")
    second = keep_beside(count, results)
    assert second != first
    assert review_beside(results) == second
    assert open_session(first).changes == 1
    assert open_session(second).changes == 0


@pytest.mark.parametrize("damage", ["review.json", "count.npz"])
def test_a_damaged_review_says_so(session, damage):
    (session.folder / damage).write_bytes(b"{")
    with pytest.raises(InputError, match="damaged"):
        open_session(session.folder)
    with pytest.raises(InputError, match="no review"):
        open_session(session.folder.parent)


def test_without_a_folder_it_is_kept_in_memory(count):
    session = ReviewSession(count, user="someone")
    session.relabel([0], "monocyte")
    assert session.record()["by"] == ["someone"]
    assert session.undo() == "label of cell 1"


def test_flags_are_joined_once():
    assert joined("smudge", "drawn") == "smudge;drawn"
    assert joined("smudge;drawn", "drawn") == "smudge;drawn"
