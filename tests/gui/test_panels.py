"""The parts of the widget by themselves, and how fast they are with many cells."""

import time

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QModelIndex, Qt

from napari_wbc import cell_table
from napari_wbc.differential.count import differential
from napari_wbc.gui.cell_table_model import COLUMNS, CellTableModel
from napari_wbc.gui.count.choices import Choices, ScaleNote, scale_text
from napari_wbc.gui.differential_panel import DifferentialPanel
from napari_wbc.gui.legend import Legend
from napari_wbc.gui.marks import outline, paint
from napari_wbc.gui.stacked_bar import Piece, StackedBar
from napari_wbc.masks import CellMask
from napari_wbc.slides import Scale

pytestmark = pytest.mark.gui


def table_of(labels, seed=0):
    rng = np.random.default_rng(seed)
    n = len(labels)
    return cell_table.conform(
        pd.DataFrame(
            {
                "cell_id": np.arange(1, n + 1),
                "y_px": rng.uniform(0, 1e4, n),
                "x_px": rng.uniform(0, 1e4, n),
                **{name: np.arange(n) for name in ("bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1")},
                "nucleus_area_um2": rng.uniform(20, 90, n),
                "cell_area_um2": rng.uniform(60, 200, n),
                "touches_border": False,
                "label": labels,
                "model_label": labels,
                "confidence": rng.uniform(0.5, 1, n),
                "p_lymphocyte": rng.uniform(0, 1, n),
                "novelty": rng.uniform(0, 1, n),
                "status": "model",
                "flags": "",
                "slide": "s",
                "model_sha256": "x",
            }
        )
    )


def test_the_table_sorts_stably_both_ways(qapp):
    cells = table_of(["monocyte", "lymphocyte", "monocyte", "basophil", "lymphocyte"])
    model = CellTableModel()
    model.set_cells(cells)
    names = [name for name, _ in COLUMNS]
    model.sort(names.index("label"), Qt.SortOrder.AscendingOrder)
    assert [model.table_row(i) for i in range(5)] == [3, 1, 4, 0, 2]
    model.sort(names.index("label"), Qt.SortOrder.DescendingOrder)
    assert [model.table_row(i) for i in range(5)] == [0, 2, 1, 4, 3]
    assert [model.view_row(model.table_row(i)) for i in range(5)] == list(range(5))
    model.sort(names.index("confidence"), Qt.SortOrder.AscendingOrder)
    shown = [float(model.data(model.index(i, names.index("confidence")))) for i in range(5)]
    assert shown == sorted(shown)
    assert model.data(QModelIndex()) is None


def test_a_hundred_thousand_cells_sort_at_once(qapp):
    cells = table_of(
        np.random.default_rng(0).choice(["lymphocyte", "monocyte", "eosinophil"], 100_000).tolist()
    )
    model = CellTableModel()
    started = time.process_time()
    model.set_cells(cells)
    for column in range(len(COLUMNS)):
        model.sort(column, Qt.SortOrder.DescendingOrder)
    assert time.process_time() - started < 5
    assert model.rowCount() == 100_000


def test_the_panel_shows_the_differential(qtbot):
    counts = {
        "neutrophil_segmented": 60,
        "lymphocyte": 25,
        "monocyte": 10,
        "erythroblast": 4,
        "unidentified": 6,
    }
    labels = [label for label, count in counts.items() for _ in range(count)]
    result = differential(table_of(labels), wbc_per_l=7.2e9)
    panel = DifferentialPanel()
    qtbot.addWidget(panel)
    panel.show_differential(result)
    rows = {
        panel.table.item(i, 0).text(): [
            panel.table.item(i, c).text() for c in range(1, panel.table.columnCount())
        ]
        for i in range(panel.table.rowCount())
    }
    assert rows["Neutrophil"][:2] == ["60", "63.2"]
    assert rows["Lymphocyte"][:2] == ["25", "26.3"]
    nrbc = next(values for name, values in rows.items() if name.startswith("Erythroblast"))
    assert nrbc[0] == "4"
    assert nrbc[1] == "4.2/100"
    assert not panel.table.isColumnHidden(6)
    assert panel.target.value() == 95
    assert panel.summary.text() == result.summary
    assert sum(p.percent for p in panel.bar.pieces) == pytest.approx(100)
    for flag in result.flags:
        assert flag in panel.notes.text()
    panel.show_differential(differential(table_of(["unidentified"] * 5 + ["lymphocyte"] * 5)))
    assert panel.alarms.text()
    assert panel.table.isColumnHidden(6)
    panel.clear()
    assert panel.table.rowCount() == 0
    assert not panel.alarms.text()


def test_an_empty_count_has_no_percentages(qtbot):
    panel = DifferentialPanel()
    qtbot.addWidget(panel)
    panel.show_differential(differential(cell_table.empty_table(["lymphocyte"])))
    assert "No leukocyte" in panel.summary.text()
    assert panel.bar.pieces == ()
    panel.bar.grab()


def test_the_legend_keeps_what_is_hidden_while_counts_go_on(qtbot):
    legend = Legend()
    qtbot.addWidget(legend)
    heard = []
    legend.hidden_changed.connect(heard.append)
    legend.set_counts({"monocyte": 1, "lymphocyte": 3, "blast": 1})
    assert [legend._grid.itemAtPosition(r, c).widget().label for c, r in ((0, 0), (0, 1), (1, 0))] == [
        "lymphocyte",
        "monocyte",
        "blast",
    ]
    legend._chips["monocyte"].click()
    assert heard == [frozenset({"monocyte"})]
    legend.set_counts({"monocyte": 2, "lymphocyte": 3, "eosinophil": 1})
    assert legend.hidden == frozenset({"monocyte"})
    assert legend.counts == {"monocyte": 2, "lymphocyte": 3, "eosinophil": 1}
    legend.set_counts({"lymphocyte": 3})
    assert legend.hidden == frozenset()


def test_the_bar_tells_its_pieces_in_words(qtbot):
    bar = StackedBar()
    qtbot.addWidget(bar)
    bar.resize(300, 24)
    bar.set_pieces([Piece("neutrophil", 60.0), Piece("lymphocyte", 40.0), Piece("basophil", 0.0)])
    assert bar.accessibleDescription() == "Neutrophil 60.0 %, Lymphocyte 40.0 %"
    image = bar.grab().toImage()
    ratio = image.width() / 300
    assert image.pixelColor(int(20 * ratio), 3).name() == "#2b93cf"
    assert image.pixelColor(int(280 * ratio), 3).name() == "#009e73"


def test_outlines_run_around_the_cell_and_fill_fills_it():
    disc = np.hypot(*np.mgrid[-12:13, -12:13]) <= 12
    mask = CellMask(20, 30, disc, disc)
    filled, lined = np.zeros((80, 90), np.uint8), np.zeros((80, 90), np.uint8)
    paint(filled, [mask], [4], None)
    paint(lined, [mask], [4], 3)
    assert (filled[20:45, 30:55][disc] == 4).all()
    assert filled.sum() == 4 * disc.sum()
    assert not lined[20:45, 30:55][disc].any()
    assert lined[17, 42] == lined[19, 42] == 4
    assert lined[16, 42] == 0
    assert outline(disc, 3).shape == (31, 31)
    # A cell at the border of the image is cut.
    edge = np.zeros((30, 30), np.uint8)
    paint(edge, [CellMask(-10, 20, disc, disc)], [2], 3)
    assert edge.any()


@pytest.mark.parametrize(
    ("typed", "scale", "text", "warning"),
    [
        (None, Scale(0.25, "metadata", 1.0), "0.25 µm per px, from the file", False),
        (None, Scale(0.07, "red_cells", 0.3, 5), "0.07 µm per px, from 5 red cells (confidence 30 %)", True),
        (0.1, None, "0.1 µm per px, typed", False),
        (0.1, Scale(0.104, "red_cells", 0.9, 60), "0.1 µm per px, typed", False),
        (
            0.25,
            Scale(0.07, "red_cells", 0.9, 60),
            "0.25 µm per px, typed; but from 60 red cells it would be 0.07",
            True,
        ),
        (None, None, "not known: type the µm per px", True),
    ],
)
def test_the_scale_is_told_with_its_origin(typed, scale, text, warning):
    assert scale_text(Choices(image=object(), um_per_px=typed), ScaleNote(scale)) == (text, warning)
