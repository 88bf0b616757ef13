"""A folder of images counted from the dock widget: what the command line does, with a list that tells how far it is."""

import csv
import time

import pandas as pd
import pytest
from PIL import Image
from qtpy.QtCore import QItemSelectionModel, QPoint, Qt
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_wbc.batch_table import COUNTS_FILE
from napari_wbc.cell_table import read_cells_csv
from napari_wbc.cli import main
from napari_wbc.cohort import FILES as COHORT_FILES
from napari_wbc.cohort import PAGE_FILE
from napari_wbc.differential.count import differential
from napari_wbc.differential.profile import load_profile
from napari_wbc.gui.count.folder_counts import ImageState
from napari_wbc.gui.jobs import JobState
from napari_wbc.results import FILES

pytestmark = pytest.mark.gui

#: Files that do not tell the time.
LASTING = [name for name in FILES if name not in ("run.json", "report.html")]
#: What is in the folder of results: of each image its results, and its cells for a review.
ALL_THERE = sorted([*COHORT_FILES, "field1", "field1.wbcreview", "field10", "field10.wbcreview"])


@pytest.fixture
def folder(smear, tmp_path):
    """Two fields and, between them, a file that is cut off; and things that are no images."""
    place = tmp_path / "fields"
    place.mkdir()
    Image.fromarray(smear).save(place / "field1.png")
    Image.fromarray(smear[:, ::-1]).save(place / "field10.png")
    (place / "field2.png").write_bytes((place / "field1.png").read_bytes()[:4000])
    (place / "notes.txt").write_text("no image")
    (place / ".field3.png").write_text("no image")
    return place


@pytest.fixture
def panel(viewer, add_widget, folder, tmp_path, qtbot):
    """The window, as it opens from the form, with the folder chosen."""
    widget = add_widget(viewer)
    widget.form.scale.setValue(0.1)
    action = next(a for a in widget.form.open.menu().actions() if a.text() == "Folder of images…")
    action.trigger()
    assert widget.folder.isVisible()
    widget.folder.set_folders(str(folder), str(tmp_path / "out"))
    return widget.folder


@pytest.fixture
def finish_folder(qtbot):
    def wait(panel, seconds=180):
        qtbot.waitUntil(lambda: panel.runner.state is JobState.IDLE, timeout=1000 * seconds)

    return wait


@pytest.fixture
def picture(artifacts_dir, qtbot):
    """Keeps a picture of the window for somebody to look at."""

    def take(panel, name):
        qtbot.wait(200)
        panel.grab().save(str(artifacts_dir / f"{name}.png"))

    return take


def column(panel, number):
    return [panel.table.item(row, number).text() for row in range(panel.table.rowCount())]


def lasting(out):
    return {
        f"{name}/{file}": (out / name / file).read_bytes()
        for name in ("field1", "field10")
        for file in LASTING
    } | {name: (out / name).read_bytes() for name in COHORT_FILES if name != PAGE_FILE}


def test_a_folder_is_counted_as_by_the_command_line(
    panel, folder, tmp_path, viewer, qtbot, finish_folder, picture
):
    assert column(panel, 0) == ["field1.png", "field2.png", "field10.png"]
    assert column(panel, 1) == ["waiting"] * 3
    assert "0.1 µm per px for every image" in panel.choices_line.text()
    picture(panel, "folder_waiting")
    states = set()
    panel.runner.arrived.connect(lambda _: states.update(row.state for row in panel.counts.rows))
    panel.run.click()
    assert panel.run.text() == "Cancel"
    assert not panel.images.isEnabled()
    qtbot.waitUntil(lambda: panel.counts.rows[2].state is ImageState.COUNTING, timeout=120_000)
    picture(panel, "folder_counting")
    finish_folder(panel)
    assert ImageState.COUNTING in states

    assert column(panel, 1) == ["counted", "failed", "counted"]
    assert "truncated or broken" in column(panel, 4)[1]
    assert str(folder) not in column(panel, 4)[1]
    assert panel.total_line.text().startswith("2 of 3 images counted · 1 failed")
    assert "%" in column(panel, 4)[0]
    assert panel.error.text() == ""

    out, other = tmp_path / "out", tmp_path / "by_command"
    assert sorted(item.name for item in out.iterdir()) == ALL_THERE
    images = [str(folder / name) for name in column(panel, 0)]
    assert main(["count", *images, "--out", str(other), "--um-per-px", "0.1", "--quiet"]) == 1
    for name in ("field1", "field10"):
        for file in LASTING:
            assert (out / name / file).read_bytes() == (other / name / file).read_bytes(), file

    # The same tables, whoever counted.
    for name in COHORT_FILES:
        if name != PAGE_FILE:
            assert (out / name).read_bytes() == (other / name).read_bytes(), name
    assert "2 failed" not in (page := (out / PAGE_FILE).read_text(encoding="utf-8"))
    assert "field1/report.html" in page
    assert "1 failed" in page
    with (out / COUNTS_FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == column(panel, 0)
    assert [row["leukocytes"] for row in rows] == column(panel, 2)
    assert "truncated" in rows[1]["problem"]

    panel.table.selectRow(0)
    assert "field1/report.html" in panel.link.text()
    assert COUNTS_FILE in panel.link.text()
    assert PAGE_FILE in panel.link.text()
    picture(panel, "folder_counted")
    panel.copy.click()
    lines = QApplication.clipboard().text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["Image", *column(panel, 0), "Together"]

    # All fields together, below the list; two selected ones of three are told apart from all.
    n = sum(int(column(panel, 2)[row]) for row in (0, 2))
    assert panel.together.isVisible()
    assert panel.together.title.text() == f"2 images together: {n} leukocytes"
    assert lines[-1].split("\t")[1] == str(n)
    cells = pd.concat(
        [read_cells_csv(out / name / "cells.csv") for name in ("field1", "field10")], ignore_index=True
    )
    for row in differential(cells, load_profile(None)).table.to_dict("records"):
        if row["in_denominator"] and row["count"]:
            words = f"{row['percent']:.1f} % ({row['ci_low']:.1f}–{row['ci_high']:.1f})"
            assert words.replace(" ", "\N{NO-BREAK SPACE}") in panel.together.classes.text()
    panel.table.clearSelection()
    for number in (0, 2):
        panel.table.selectionModel().select(
            panel.table.model().index(number, 0),
            QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows,
        )
    assert panel.together.title.text().startswith("2 selected images together")
    picture(panel, "folder_together")
    assert lines[1].split("\t")[1] == column(panel, 2)[0]


def double_click(panel, qtbot, row):
    place = panel.table.visualItemRect(panel.table.item(row, 0)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))
    qtbot.mouseDClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))


def test_a_double_click_or_enter_shows_an_image_with_its_cells_to_review(
    panel, viewer, tmp_path, qtbot, finish_folder, screenshot
):
    panel.run.click()
    finish_folder(panel)
    widget = panel.parent()

    def opened(name):
        return widget.workspace.image is not None and (
            widget.workspace.image.name == name and widget.workspace.session is not None
        )

    # One that failed cannot be opened; two that are opened at once come one after the other.
    for row in (1, 2, 0):
        double_click(panel, qtbot, row)
    qtbot.waitUntil(lambda: opened("field1"), timeout=30_000)
    n = int(column(panel, 2)[2])
    session = widget.workspace.session
    assert session.differential().denominator == int(column(panel, 2)[0])
    assert session.folder == tmp_path / "out" / "field1.wbcreview"
    assert widget.message.text() == f"field1 opened with {len(session.cells)} cells"
    assert [layer.name for layer in viewer.layers if layer.visible and "field10" in layer.name] == []
    screenshot(viewer, "folder_image_opened")

    # Back to the other one: its cells, for it was passed over before.
    panel.table.setCurrentCell(2, 0)
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: opened("field10"), timeout=30_000)
    assert widget.workspace.session.differential().denominator == n
    layers = list(viewer.layers)
    assert {layer.name for layer in layers if layer.visible} == {
        "field10",
        "field10 classes",
        "field10 cells",
    }

    # Again: the same layers, and the same review with its change.
    double_click(panel, qtbot, 0)
    assert opened("field1")
    assert widget.workspace.session is session
    assert list(viewer.layers) == layers
    session.relabel([0], "basophil")

    # Taken out of the viewer and opened again, the change is there; and a new count leaves it alone.
    for layer in [layer for layer in viewer.layers if layer.name.startswith("field1")]:
        viewer.layers.remove(layer)
    double_click(panel, qtbot, 0)
    qtbot.waitUntil(lambda: opened("field1"), timeout=30_000)
    assert widget.workspace.session.cells["label"].iloc[0] == "basophil"
    assert "1 change of its review" in widget.message.text()
    panel.resume.setChecked(False)
    panel.run.click()
    finish_folder(panel)
    assert sorted(item.name for item in (tmp_path / "out").glob("*.wbcreview")) == [
        "field1-2.wbcreview",
        "field1.wbcreview",
        "field10.wbcreview",
    ]


def test_cancel_and_go_on_give_the_same_files(panel, folder, tmp_path, qtbot, finish_folder, picture):
    whole, out = tmp_path / "whole", tmp_path / "out"
    panel.out.setText(str(whole))
    panel.run.click()
    finish_folder(panel)

    panel.out.setText(str(out))
    panel.run.click()
    qtbot.waitUntil(lambda: panel.counts.rows[2].state is ImageState.COUNTING, timeout=120_000)
    # Our own second: on a machine that is busy with other things, the clock on the wall says little.
    started = time.process_time()
    panel.run.click()
    assert panel.run.text() == "Cancelling…"
    finish_folder(panel)
    assert time.process_time() - started < 1.0
    assert column(panel, 1) == ["counted", "failed", "waiting"]
    assert panel.stage_line.text() == "Cancelled."
    there = {item.name for item in out.iterdir()} - {"field10.journal"}
    assert there == {"field1", "field1.wbcreview", *COHORT_FILES}
    picture(panel, "folder_cancelled")

    before = (out / "field1" / "run.json").read_bytes()
    panel.run.click()
    finish_folder(panel)
    assert column(panel, 1) == ["counted before", "failed", "counted"]
    assert "1 of them before" in panel.total_line.text()
    assert (out / "field1" / "run.json").read_bytes() == before
    assert lasting(out) == lasting(whole)
    assert sorted(item.name for item in out.iterdir()) == ALL_THERE


def test_without_going_on_all_are_counted_again(panel, tmp_path, finish_folder):
    panel.run.click()
    finish_folder(panel)
    panel.resume.setChecked(False)
    panel.run.click()
    finish_folder(panel)
    assert column(panel, 1) == ["counted", "failed", "counted"]


def test_closing_the_window_asks_and_cancels(panel, tmp_path, qtbot, monkeypatch):
    asked = []

    def answer(button):
        monkeypatch.setattr(QMessageBox, "question", lambda *args: asked.append(args[2]) or button)

    panel.run.click()
    qtbot.waitUntil(lambda: panel.counts.rows[0].state is ImageState.COUNTING, timeout=60_000)
    answer(QMessageBox.StandardButton.No)
    panel.close()
    assert panel.isVisible()
    assert panel.runner.state is JobState.RUNNING
    answer(QMessageBox.StandardButton.Yes)
    panel.close()
    assert not panel.isVisible()
    assert panel.runner.state is JobState.IDLE
    assert len(asked) == 2
    assert column(panel, 1) == ["waiting"] * 3
    # Idle, it closes without a question, and opens again as it was.
    panel.show()
    panel.leave.click()
    assert not panel.isVisible()
    assert len(asked) == 2


def test_closing_the_dock_ends_the_count(viewer, panel, qtbot):
    panel.run.click()
    viewer.window.remove_dock_widget(panel.parent())
    assert panel.runner.state is JobState.IDLE
    assert not panel.isVisible()


def test_it_says_what_is_missing(viewer, add_widget, tmp_path, folder):
    widget = add_widget(viewer)
    widget.form.folder_clicked.emit()
    panel = widget.folder
    assert "Choose the folder of the images" in panel.reason.text()
    assert not panel.run.isEnabled()
    (tmp_path / "empty").mkdir()
    panel.set_folders(str(tmp_path / "empty"))
    assert "no image" in panel.reason.text()
    panel.set_folders(str(tmp_path / "nowhere"))
    assert "cannot be read" in panel.reason.text()
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "Doe_John.png").touch()
    panel.set_folders(str(tmp_path / "people"))
    assert "'Doe_John.png' looks like a name" in panel.names.text()
    panel.set_folders(str(folder))
    assert panel.names.text() == ""
    assert panel.out.text() == str(folder / "counts")
    assert panel.reason.text() == ""
    widget.form.scale.setValue(0.01)
    assert "cannot be" in panel.reason.text()
    widget.form.scale.setValue(0.0)
    assert "automatically" in panel.choices_line.text()
    panel.out.setText("")
    assert "folder for the results" in panel.reason.text()


def test_an_image_without_a_scale_says_what_to_do_in_the_form(viewer, add_widget, tmp_path, finish_folder):
    (tmp_path / "blank").mkdir()
    Image.new("RGB", (200, 200), (240, 238, 239)).save(tmp_path / "blank" / "blank.png")
    panel = add_widget(viewer).folder
    panel.set_folders(str(tmp_path / "blank"))
    panel.run.click()
    finish_folder(panel)
    assert column(panel, 1) == ["failed"]
    assert column(panel, 4)[0].endswith("type the µm per px in the form")


def test_a_place_that_cannot_be_written_to_is_one_line(panel, folder, finish_folder):
    panel.out.setText(str(folder / "notes.txt"))
    panel.run.click()
    finish_folder(panel)
    assert "a file is in the way" in panel.error.text()
    assert column(panel, 1) == ["waiting"] * 3


def test_choices_made_while_it_counts_hold_for_the_next_count(viewer, panel, finish_folder):
    form = panel.parent().form
    panel.run.click()
    form.scale.setValue(0.12)
    # What counts now is what it began with.
    assert "0.1 µm per px" in panel.choices_line.text()
    finish_folder(panel)
    assert "0.12 µm per px" in panel.choices_line.text()
    # Everything about an image is told wherever the mouse rests in its row.
    tooltips = {panel.table.item(0, number).toolTip() for number in range(panel.table.columnCount())}
    assert len(tooltips) == 1
    assert "leukocyte" in tooltips.pop()
