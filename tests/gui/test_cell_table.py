"""The cell table: sorted, filtered, selected and changed by edits."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtTest import QTest
from tests.gui.tables import table_of

from napari_wbc.cell_table import conform
from napari_wbc.differential.overlay import uncertain
from napari_wbc.gui.cell_rows import CellFilter
from napari_wbc.gui.cell_table_model import COLUMNS, CellTableModel
from napari_wbc.gui.cell_table_panel import CellTablePanel
from napari_wbc.leukocytes import class_of

pytestmark = pytest.mark.gui

NAMES = [name for name, _ in COLUMNS]
LABELS = ("lymphocyte", "monocyte", "neutrophil_segmented", "erythroblast", "unidentified")


def random_table(n, seed=0):
    rng = np.random.default_rng(seed)
    return table_of(
        rng.choice(LABELS, n),
        seed,
        confidence=rng.uniform(0.2, 1, n).round(3),
        status=rng.choice(["model", "model", "reviewed", "excluded"], n),
        flags=rng.choice(["", "", "smudge", "smudge;blurred", "unlike_training"], n),
    )


def listed(model):
    return [model.table_row(i) for i in range(model.rowCount())]


def shown(model, view_row, column):
    return model.data(model.index(view_row, NAMES.index(column)))


@pytest.fixture
def panel(qtbot):
    panel = CellTablePanel()
    qtbot.addWidget(panel)
    panel.resize(420, 500)
    panel.show()
    return panel


def picked_by(view):
    picked = []
    view.rows_picked.connect(picked.append)
    return picked


def click(view, view_row, modifier=Qt.KeyboardModifier.NoModifier):
    place = view.visualRect(view.cells.index(view_row, 1)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def test_it_sorts_stably_both_ways(qapp):
    cells = table_of(["monocyte", "lymphocyte", "monocyte", "basophil", "lymphocyte"])
    model = CellTableModel()
    model.set_cells(cells)
    model.sort(NAMES.index("label"), Qt.SortOrder.AscendingOrder)
    assert listed(model) == [3, 1, 4, 0, 2]
    model.sort(NAMES.index("label"), Qt.SortOrder.DescendingOrder)
    assert listed(model) == [0, 2, 1, 4, 3]
    assert [model.view_row(model.table_row(i)) for i in range(5)] == list(range(5))
    assert model.data(QModelIndex()) is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", [Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder])
def test_it_sorts_as_pandas_does(qapp, name, order):
    cells = random_table(300)
    cells.loc[7, ["confidence", "novelty"]] = np.nan
    model = CellTableModel()
    model.set_cells(cells)
    model.sort(NAMES.index(name), order)
    if name == "second":
        key = pd.Series([float(model._rows.value(name, row)[1]) for row in range(len(cells))])
    elif name == "label":
        key = cells[name].map(lambda label: class_of(label).title)
    else:
        key = cells[name]
    expected = key.sort_values(ascending=order == Qt.SortOrder.AscendingOrder, kind="stable")
    assert listed(model) == expected.index.tolist()


@pytest.mark.parametrize(
    "chosen",
    [
        CellFilter(),
        CellFilter("lympho"),
        CellFilter("SEG"),
        CellFilter("smudge excl"),
        CellFilter("unlike training"),
        CellFilter("12"),
        CellFilter("0"),
        CellFilter("nothing of the kind"),
        CellFilter(label="monocyte"),
        CellFilter(unsure=True),
        CellFilter(below=0.5),
        CellFilter("blurred", "lymphocyte", unsure=True, below=0.9),
    ],
)
def test_a_filter_gives_what_a_plain_query_gives(qapp, chosen):
    cells = random_table(1500)
    model = CellTableModel()
    model.set_cells(cells)
    model.set_filter(chosen)
    title = cells["label"].map(lambda name: f"{class_of(name).title} {name} {class_of(name).abbreviation}")
    texts = (title + " " + cells["status"] + " " + cells["flags"]).str.lower()
    spaced = texts.str.replace("_", " ")
    wanted = pd.Series(True, cells.index)
    for word in chosen.text.lower().split():
        number = cells["cell_id"].astype(str).str.startswith(word) & word.isdigit()
        holds = texts.str.contains(word, regex=False) | spaced.str.contains(word, regex=False)
        wanted &= holds | number
    if chosen.label:
        wanted &= cells["label"] == chosen.label
    if chosen.unsure:
        wanted &= uncertain(cells) & (cells["status"] != "excluded")
    if chosen.below:
        wanted &= cells["confidence"] < chosen.below
    assert listed(model) == cells.index[wanted].tolist()
    hidden = cells.index[~wanted]
    assert all(model.view_row(int(row)) is None for row in hidden)


def test_a_hundred_thousand_rows_are_all_there(panel):
    cells = random_table(100_000)
    panel.set_cells(cells)
    assert panel.filter.count.text() == "100,000 cells"
    panel.filter.label.setCurrentIndex(panel.filter.label.findData("monocyte"))
    n = int((cells["label"] == "monocyte").sum())
    assert panel.filter.count.text() == f"{n:,} of 100,000 cells"
    panel.view.sortByColumn(NAMES.index("confidence"), Qt.SortOrder.DescendingOrder)
    assert panel.view.cells.table_row(0) == cells["confidence"][cells["label"] == "monocyte"].idxmax()
    panel.view.selectAll()
    assert len(panel.view.selected) == n
    panel.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert len(panel.view.selected) == n
    assert len(panel.view.selectionModel().selectedRows()) == n


def test_words_and_marks_tell_the_state_of_a_cell(qapp):
    cells = table_of(
        ["monocyte", "lymphocyte", "unidentified", "monocyte"],
        confidence=[0.9, 0.3, 0.3, 0.3],
        p_lymphocyte=[0.1, 0.3, 0.2, 0.6],
        p_monocyte=[0.9, 0.25, 0.1, 0.3],
        status=["model", "model", "model", "excluded"],
    )
    model = CellTableModel()
    model.set_cells(cells)
    assert [shown(model, row, "label") for row in range(4)] == [
        "Monocyte",
        "Lymphocyte ?",
        "Unidentified",
        "Monocyte",
    ]
    assert [shown(model, row, "status") for row in range(4)] == ["model", "model", "model", "excluded"]
    assert [shown(model, row, "second") for row in range(2)] == ["Lymphocyte 0.10", "Monocyte 0.25"]
    fonts = [model.data(model.index(row, 1), Qt.ItemDataRole.FontRole) for row in range(4)]
    assert fonts[0] is None
    assert [(font.italic(), font.strikeOut()) for font in fonts[1:]] == [
        (True, False),
        (True, False),
        (False, True),
    ]


def test_several_rows_are_picked(panel):
    cells = random_table(60)
    panel.set_cells(cells)
    view, picked = panel.view, picked_by(panel.view)
    view.sortByColumn(NAMES.index("confidence"), Qt.SortOrder.AscendingOrder)
    order = listed(view.cells)
    click(view, 2)
    click(view, 5, Qt.KeyboardModifier.ShiftModifier)
    click(view, 8, Qt.KeyboardModifier.ControlModifier)
    assert picked == [
        (order[2],),
        tuple(sorted(order[2:6])),
        tuple(sorted([*order[2:6], order[8]])),
    ]
    assert view.selected == picked[-1]
    # A new order moves the rows, not what is selected.
    view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert view.selected == picked[-1]
    rows = {view.cells.table_row(index.row()) for index in view.selectionModel().selectedRows()}
    assert rows == set(picked[-1])
    assert len(picked) == 3


def test_selecting_from_elsewhere_tells_nobody(panel, qtbot):
    panel.set_cells(random_table(500))
    view, picked = panel.view, picked_by(panel.view)
    view.select((450, 17, 9999))
    assert view.selected == (17, 450)
    assert picked == []
    view.select((490,))
    qtbot.wait(10)
    assert view.viewport().rect().contains(view.visualRect(view.cells.index(490, 0)).center())
    view.select(())
    assert not view.selectionModel().hasSelection()
    assert picked == []
    # What a filter hides stays selected, and is seen again without it.
    view.select((3, 4))
    panel.filter.text.setText("nothing of the kind")
    assert view.cells.rowCount() == 0
    assert view.selected == (3, 4)
    panel.filter.text.clear()
    assert [index.row() for index in view.selectionModel().selectedRows()] == [3, 4]
    assert picked == []


def test_an_edit_leaves_rows_where_they_are(panel, qtbot):
    cells = random_table(400)
    panel.set_cells(cells)
    view, picked = panel.view, picked_by(panel.view)
    view.sortByColumn(NAMES.index("label"), Qt.SortOrder.AscendingOrder)
    panel.filter.label.setCurrentIndex(panel.filter.label.findData("lymphocyte"))
    before = listed(view.cells)
    row = before[30]
    view.select((row, before[31]))
    view.verticalScrollBar().setValue(12)
    told = []
    view.cells.dataChanged.connect(lambda a, b: told.append((a.row(), b.row())))
    edited = cells.copy()
    edited.loc[row, ["label", "status", "flags"]] = ["blast", "reviewed", "seen"]
    view.update_rows(edited, (row,))
    assert told == [(30, 30)]
    assert listed(view.cells) == before
    assert shown(view.cells, 30, "label") == "Blast"
    assert shown(view.cells, 30, "status") == "reviewed"
    assert shown(view.cells, 30, "flags") == "seen"
    assert view.verticalScrollBar().value() == 12
    assert view.selected == tuple(sorted((row, before[31])))
    assert picked == []
    assert panel.filter.label.findData("blast") > 0
    # The next choice of order or filter goes by what the cell is now.
    panel.filter.unsure.setChecked(True)
    panel.filter.unsure.setChecked(False)
    assert listed(view.cells) == [r for r in before if r != row]


def test_appended_rows_come_to_the_end_and_go_again(panel):
    cells = random_table(50)
    panel.set_cells(cells.iloc[:40].reset_index(drop=True))
    view = panel.view
    view.sortByColumn(NAMES.index("novelty"), Qt.SortOrder.DescendingOrder)
    before = listed(view.cells)
    view.select((4, 39))
    view.update_rows(cells, (4, 40))
    assert listed(view.cells) == [*before, *range(40, 50)]
    assert panel.filter.count.text() == "50 cells"
    assert shown(view.cells, 45, "cell_id") == "46"
    view.select((4, 45))
    view.update_rows(cells.iloc[:42].reset_index(drop=True), ())
    assert listed(view.cells) == [*before, 40, 41]
    assert view.selected == (4,)
    view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert listed(view.cells) == list(range(42))


def test_random_edits_end_as_if_the_table_was_set(qapp):
    rng = np.random.default_rng(3)
    cells = random_table(80)
    model = CellTableModel()
    model.set_cells(cells.iloc[:60].reset_index(drop=True))
    now = cells.iloc[:60].reset_index(drop=True)
    for _ in range(60):
        n = len(now)
        rows = rng.choice(n, 3, replace=False)
        now = now.copy()
        now.loc[rows, "label"] = rng.choice([*LABELS, "blast"])
        now.loc[rows, "status"] = rng.choice(["reviewed", "excluded", "model"])
        longer = int(rng.integers(0, 3))
        if longer and n < 80:
            now = pd.concat([now, cells.iloc[n : n + longer]], ignore_index=True)
        elif n > 60:
            now = now.iloc[: n - 1]
        model.update_rows(now, tuple(int(row) for row in rows if row < len(now)))
    fresh = CellTableModel()
    fresh.set_cells(conform(now))
    for chosen in (CellFilter(), CellFilter("blast"), CellFilter(unsure=True), CellFilter("excluded")):
        model.set_filter(chosen)
        fresh.set_filter(chosen)
        assert listed(model) == listed(fresh)
        for column in range(len(COLUMNS)):
            assert [shown(model, i, NAMES[column]) for i in range(model.rowCount())] == [
                shown(fresh, i, NAMES[column]) for i in range(fresh.rowCount())
            ]


def test_keys_without_a_use_are_passed_on(panel, qtbot):
    panel.set_cells(random_table(20))
    view, picked = panel.view, picked_by(panel.view)
    keys = []
    view.key_pressed.connect(lambda event: keys.append(event.key()))
    click(view, 0)
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert picked[-1] == (1, 2)
    assert keys == []
    QTest.keyClick(view, Qt.Key.Key_5)
    QTest.keyClick(view, Qt.Key.Key_M)
    QTest.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert keys == [Qt.Key.Key_5, Qt.Key.Key_M, Qt.Key.Key_Z]
    assert view.selected == (1, 2)


def test_columns_come_and_go(panel):
    panel.set_cells(random_table(5))
    view = panel.view
    assert view.isColumnHidden(NAMES.index("second"))
    view.setColumnHidden(NAMES.index("second"), False)
    view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    panel.set_cells(random_table(7))
    assert not view.isColumnHidden(NAMES.index("second"))
    assert view.columnWidth(NAMES.index("label")) > 100
