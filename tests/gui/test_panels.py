"""The parts of the widget by themselves."""

import pytest
from tests.gui.tables import table_of

from napari_wbc import cell_table
from napari_wbc.differential.count import differential
from napari_wbc.gui.count.choices import Choices, ScaleNote, scale_text
from napari_wbc.gui.differential_panel import DifferentialPanel
from napari_wbc.gui.legend import Legend
from napari_wbc.gui.stacked_bar import Piece, StackedBar
from napari_wbc.slides import Scale

pytestmark = pytest.mark.gui


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
    # A number stays on the line of its unit.
    notes = panel.notes.text().replace("\u00a0", " ")
    assert result.flags
    for flag in result.flags:
        assert flag in notes
        flagged = next(values for name, values in rows.items() if flag.startswith(f"{name}:"))
        assert flagged[4].endswith("?") == ("not settled" in flag)
    panel.show_differential(differential(table_of(["unidentified"] * 5 + ["lymphocyte"] * 5)))
    assert panel.alarms.text()
    assert panel.table.isColumnHidden(6)
    panel.clear()
    assert panel.table.rowCount() == 0
    assert not panel.alarms.text()


def test_where_a_pointer_rests_the_interval_holds_the_errors_of_the_model(qtbot):
    cells = table_of(["lymphocyte"] * 60 + ["monocyte"] * 40)
    result = differential(cells)
    panel = DifferentialPanel()
    qtbot.addWidget(panel)
    panel.show_differential(result)
    assert "propagated" not in vars(result)  # 0.2 s: not with every edit of a review
    told = {
        panel.table.item(i, 0).text(): panel.table.item(i, 3).toolTip() for i in range(panel.table.rowCount())
    }
    low, high = result.propagated.intervals["lymphocyte"]
    assert told["Lymphocyte"] == f"With the errors of the model: {low:.1f}–{high:.1f} %"
    assert low < float(result.table.set_index("class").loc["lymphocyte", "ci_low"]) + 0.05
    # What people labelled has no errors of a model.
    panel.show_differential(differential(cells.assign(status="reviewed")))
    assert panel.table.item(0, 3).toolTip() == ""


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
