"""The main job in a real viewer: open, run, look, cancel, run again."""

import threading
import time

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels, Points

from napari_wbc.gui.jobs import JobState
from napari_wbc.gui.marks import Style, class_value
from napari_wbc.leukocytes import class_of

pytestmark = pytest.mark.gui


def layers_of(viewer, kind):
    return [layer for layer in viewer.layers if isinstance(layer, kind)]


def test_it_opens_from_the_menus(viewer, qtbot):
    from napari._app_model import get_app_model

    app = get_app_model()
    for menu in ("napari/plugins/napari-wbc", "napari/layers/segment", "napari/layers/classify"):
        commands = {item.command.id for item in app.menus.get_menu(menu) if hasattr(item, "command")}
        assert "napari-wbc.count" in commands, menu
    app.commands.execute_command("napari-wbc.count").result()
    docked = [dock for name, dock in viewer.window.dock_widgets.items() if "Count leukocytes" in name]
    assert len(docked) == 1


def test_the_form_says_why_it_cannot_run(viewer, add_widget, smear, qtbot):
    widget = add_widget(viewer)
    assert "Open an RGB image" in widget.reason.text()
    assert not widget.run.isEnabled()
    viewer.add_image(smear[..., 0], name="grey")
    assert "'grey' is no RGB image" in widget.reason.text()
    # A blank image has neither metadata nor red cells.
    viewer.add_image(np.full((200, 200, 3), 235, np.uint8), rgb=True, name="blank")
    qtbot.waitUntil(lambda: not widget.controller.scale_finder.note.looking, timeout=20_000)
    assert "scale is not known" in widget.reason.text()
    assert not widget.run.isEnabled()
    widget.form.scale.setValue(0.1)
    assert widget.reason.text() == ""
    assert widget.run.isEnabled()
    widget.form.scale.setValue(0.01)
    assert "cannot be" in widget.reason.text()


def test_screen_and_result_agree(counted, screenshot, qtbot):
    viewer, widget = counted
    result = widget.controller.result
    cells = result.cells
    assert len(cells) > 2
    (points,), (classes,) = layers_of(viewer, Points), layers_of(viewer, Labels)

    assert np.allclose(points.data, cells[["y_px", "x_px"]])
    assert list(points.features["label"]) == list(cells["label"])
    assert list(points.features["cell_id"]) == list(cells["cell_id"])
    assert widget.legend.counts == cells["label"].value_counts().to_dict()
    assert widget.table.cells.rowCount() == len(cells)

    shown = {
        widget.panel.table.item(row, 0).text(): widget.panel.table.item(row, 1).text()
        for row in range(widget.panel.table.rowCount())
    }
    table = result.differential.table
    for row in table[(table["in_denominator"] == 1) | (table["count"] > 0)].to_dict("records"):
        assert shown[result.differential.titles[row["class"]]] == str(row["count"])
    assert [p.label for p in widget.panel.bar.pieces] == list(table[table["percent"] > 0]["class"])

    screenshot(viewer, "count_outlines")
    widget.style_box.setCurrentIndex(list(Style).index(Style.FILLED))
    for mask, label in zip(result.masks, cells["label"], strict=True):
        inside = classes.data[mask.y0 : mask.y0 + mask.cell.shape[0], mask.x0 : mask.x0 + mask.cell.shape[1]]
        painted = inside[mask.cell]
        # Uncertain cells are hatched; where two cells touch, a few px may be the neighbour's.
        assert (painted > 0).mean() > 0.4
        assert (painted[painted > 0] == class_value(label, {})).mean() > 0.9
    assert classes.dtype == np.uint8
    screenshot(viewer, "count_filled")
    widget.style_box.setCurrentIndex(list(Style).index(Style.CIRCLES))
    assert not classes.visible
    assert (points.border_color[:, 3] == 1).all()
    screenshot(viewer, "count_circles")


def test_the_stain_that_the_count_goes_by_is_shown(counted, smear, screenshot, finish):
    viewer, widget = counted
    model = widget.controller.result.slide_model
    shown = widget.stain if model.confidence >= 0.5 else widget.stain_warning
    assert shown.text().startswith("Stain: confidence")
    assert f"{model.confidence:.0%}".replace("%", " %") in shown.text()
    assert f"nuclei from {model.threshold_nucleus:.3f}" in shown.toolTip()
    screenshot(viewer, "count_stain")
    # Without a red cell there is no sample of a stain.
    viewer.add_image(np.full((300, 300, 3), 235, np.uint8), rgb=True, name="blank")
    widget.form.image.setCurrentIndex(widget.form.image.findText("blank"))
    assert widget.stain.text() == widget.stain_warning.text() == ""
    widget.form.scale.setValue(0.1)
    widget.run.click()
    finish(widget)
    assert "typical values" in widget.stain_warning.text()
    assert widget.stain.text() == ""


def test_a_class_is_hidden_by_a_click_in_the_legend(counted):
    viewer, widget = counted
    (points,), (classes,) = layers_of(viewer, Points), layers_of(viewer, Labels)
    cells = widget.controller.result.cells
    label = cells["label"].iloc[0]
    chip = widget.legend._chips[label]
    chip.click()
    assert (points.shown == (cells["label"] != label)).all()
    assert classes.colormap.color_dict[class_value(label, {})][3] == 0
    assert widget.controller.result.cells is cells
    chip.click()
    assert points.shown.all()
    widget.legend.show_only(label)
    assert (points.shown == (cells["label"] == label)).all()
    widget.legend.show_only(label)
    assert points.shown.all()


def test_table_and_image_select_each_other(counted, qtbot, screenshot):
    viewer, widget = counted
    (points,) = layers_of(viewer, Points)
    cells = widget.controller.result.cells
    widget.tabs.setCurrentIndex(1)
    widget.table.sortByColumn(2, widget.table.horizontalHeader().sortIndicatorOrder().DescendingOrder)
    confidence = [cells["confidence"].iloc[widget.table.cells.table_row(i)] for i in range(len(cells))]
    assert confidence == sorted(confidence, reverse=True)

    widget.table.setCurrentIndex(widget.table.cells.index(1, 0))
    row = widget.table.cells.table_row(1)
    assert set(points.selected_data) == {row}
    assert viewer.camera.center[-2:] == pytest.approx(cells[["y_px", "x_px"]].iloc[row].tolist())
    screenshot(viewer, "count_cells")

    other = (row + 1) % len(cells)
    widget.workspace._on_click(cells[["y_px", "x_px"]].iloc[other].tolist())
    assert widget.table.selected == (other,)
    assert set(points.selected_data) == {other}
    widget.workspace._on_click((1.0, -50.0))
    assert set(points.selected_data) == set()
    assert widget.table.selected == ()


def test_the_status_bar_tells_about_the_cell_under_the_cursor(counted):
    viewer, widget = counted
    (points,) = layers_of(viewer, Points)
    cell = widget.controller.result.cells.iloc[0]
    assert viewer.layers.selection.active is points
    status = points.get_status((cell["y_px"], cell["x_px"]), world=True)["coordinates"]
    for part in ("label: ", "confidence: ", "novelty: ", "cell_id: 1"):
        assert part in status


def test_cells_appear_while_it_runs(viewer, add_widget, smear, finish):
    widget = add_widget(viewer)
    viewer.add_image(smear, rgb=True, name="smear")
    widget.form.scale.setValue(0.1)
    seen, lines = [], []
    widget.controller.counts_changed.connect(lambda counts: seen.append(sum(counts.values())))
    widget.controller.progress_changed.connect(lambda line, *_: lines.append(line))
    widget.run.click()
    assert widget.run.text() == "Cancel"
    assert not widget.form.isEnabled()
    finish(widget)
    assert widget.run.text() == "Run"
    assert any(line.startswith("Finding and classifying cells") for line in lines)
    assert seen[-1] == len(widget.controller.result.cells)


def test_cancel_works_within_a_second_and_the_last_result_stays(counted, monkeypatch, finish, qtbot):
    viewer, widget = counted
    before = widget.controller.result
    (points,) = layers_of(viewer, Points)
    positions = points.data.copy()
    widget.run.click()
    assert widget.controller.runner.state is JobState.RUNNING
    qtbot.wait(100)
    # Our own second: on a machine that is busy with other things, the clock on the wall says little.
    started = time.process_time()
    widget.run.click()
    assert widget.run.text() == "Cancelling…"
    assert not widget.run.isEnabled()
    finish(widget)
    assert time.process_time() - started < 1.0
    assert widget.controller.result is before
    assert widget.message.text() == "Cancelled."
    assert np.array_equal(points.data, positions)
    assert widget.legend.counts == before.cells["label"].value_counts().to_dict()


def test_a_cancelled_first_run_leaves_nothing(viewer, add_widget, smear, finish):
    widget = add_widget(viewer)
    viewer.add_image(smear, rgb=True, name="smear")
    widget.form.scale.setValue(0.1)
    widget.run.click()
    widget.run.click()
    finish(widget)
    assert [layer.name for layer in viewer.layers] == ["smear"]
    assert widget.controller.result is None
    assert not widget.tabs.isVisible()


def test_a_second_run_takes_the_place_of_the_first(counted, finish):
    viewer, widget = counted
    first, names = widget.controller.result, [layer.name for layer in viewer.layers]
    widget.run.click()
    # A run during a run is not possible: the button is a Cancel now, and the controller refuses as well.
    widget.controller.run()
    finish(widget)
    assert widget.controller.result is not first
    assert widget.controller.result.cells.equals(first.cells)
    assert [layer.name for layer in viewer.layers] == names


def test_what_the_user_removed_comes_back_with_the_next_run(counted, finish):
    viewer, widget = counted
    viewer.layers.remove(layers_of(viewer, Labels)[0])
    (points,) = layers_of(viewer, Points)
    assert (points.border_color[:, 3] == 1).all()
    viewer.layers.remove(points)
    widget.run.click()
    finish(widget)
    assert len(layers_of(viewer, Labels)) == len(layers_of(viewer, Points)) == 1


def test_layers_lie_on_an_image_with_a_scale(viewer, add_widget, smear, finish):
    widget = add_widget(viewer)
    image = viewer.add_image(
        smear, rgb=True, name="smear", scale=(0.1, 0.1), translate=(30, -20), units=("um", "um")
    )
    assert "0.1 µm per px, from the layer" in widget.form.scale_line.text()
    widget.run.click()
    finish(widget)
    result = widget.controller.result
    assert result.scale.um_per_px == pytest.approx(0.1)
    for layer in layers_of(viewer, (Labels, Points)):
        assert np.allclose(layer.scale, image.scale)
        assert np.allclose(layer.translate, image.translate)
        assert layer.units == image.units
    y, x = result.cells[["y_px", "x_px"]].iloc[0]
    assert widget.controller.shown[image].layers.cell_at((30 + 0.1 * y, -20 + 0.1 * x)) == 0
    widget.workspace.pick((0,))
    assert viewer.camera.center[-2:] == pytest.approx((30 + 0.1 * y, -20 + 0.1 * x))


def test_rectangles_restrict_the_count(counted, finish):
    viewer, widget = counted
    everywhere = widget.controller.result
    target = everywhere.cells.iloc[0]
    y, x = target["y_px"], target["x_px"]
    viewer.add_shapes([[[y - 30, x - 30], [y - 30, x + 30], [y + 30, x + 30], [y + 30, x - 30]]], name="here")
    widget.form.regions.setCurrentIndex(widget.form.regions.findText("here"))
    widget.run.click()
    finish(widget)
    inside = widget.controller.result
    assert 1 <= len(inside.cells) < len(everywhere.cells)
    assert (abs(inside.cells["y_px"] - y) <= 31).all()
    viewer.layers["here"].data = []
    assert "has no rectangle on the image" in widget.reason.text()


def test_a_region_is_drawn_with_a_button(viewer, add_widget, smear, screenshot):
    widget = add_widget(viewer)
    assert not widget.form.draw.isEnabled()
    image = viewer.add_image(smear, rgb=True, name="smear")
    widget.form.draw.click()
    layer = widget.controller.choices.regions
    assert viewer.layers.selection.active is layer
    assert layer.mode == "add_rectangle"
    assert "has no rectangle on the image" in widget.reason.text()
    layer.add_rectangles([[50, 40], [250, 300]])
    assert widget.reason.text() == ""
    assert np.allclose(layer.face_color[:, 3], 0)
    screenshot(viewer, "count_region_drawn")
    # About two px of the screen, wherever one looks.
    for zoom in (0.03, 1.5):
        viewer.camera.zoom = zoom
        assert layer.edge_width == pytest.approx([2 / zoom])
        assert layer.current_edge_width == pytest.approx(2 / zoom)
    # Again, in the same layer.
    layer.mode = "pan_zoom"
    widget.form.draw.click()
    assert layer.mode == "add_rectangle"
    assert list(viewer.layers) == [image, layer]
    viewer.layers.remove(layer)
    viewer.camera.zoom = 3.0
    assert layer.current_edge_width == pytest.approx(2 / 1.5)


def test_a_stage_of_unknown_length_tells_its_seconds_and_moves_no_bar(viewer, add_widget, qtbot):
    widget = add_widget(viewer)
    widget.controller.progress_changed.emit("Learning the stain …", 0, 0)
    # Qt moves a bar from 0 to 0 by itself, many times a second.
    assert widget.progress.maximum() > 0
    qtbot.waitUntil(lambda: widget.progress_line.text().endswith(" s"), timeout=5000)
    assert widget.progress_line.text().startswith("Learning the stain …")
    widget.controller.progress_changed.emit("Finding cells", 1, 4)
    assert (widget.progress.value(), widget.progress.maximum()) == (1, 4)
    assert widget.progress_line.text() == "Finding cells"


def test_what_a_count_came_to_stays_to_be_read(counted):
    _, widget = counted
    found = widget.message.text()
    assert "cells found in smear" in found
    widget.workspace.message.emit("Select a cell first.", False)
    assert widget.message.text() == "Select a cell first."
    widget.workspace.edit(lambda session: session.accept([0]))
    assert widget.message.text() == found


def test_results_are_saved_as_the_command_line_does(counted, tmp_path, finish):
    from napari_wbc.cell_table import read_cells_csv
    from napari_wbc.results import FILES

    _, widget = counted
    widget.controller.save(tmp_path / "smear")
    finish(widget)
    assert {path.name for path in (tmp_path / "smear").iterdir()} == set(FILES)
    saved = read_cells_csv(tmp_path / "smear" / "cells.csv")
    assert list(saved["label"]) == list(widget.controller.result.cells["label"])
    assert "Saved in" in widget.message.text()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.docx").write_text("mine")
    widget.controller.save(foreign)
    finish(widget)
    assert "thesis.docx" in widget.error.text()


def test_one_file_for_another_program(counted, tmp_path, finish, monkeypatch):
    import json

    from qtpy.QtWidgets import QFileDialog

    from napari_wbc.exchange.formats import FORMATS

    _, widget = counted
    asked = []

    def chosen(parent, title, start, kinds):
        asked.append(start)
        return str(tmp_path / "mine.json"), kinds

    monkeypatch.setattr(QFileDialog, "getSaveFileName", chosen)
    actions = {action.text(): action for action in widget.panel.export.menu().actions()}
    assert list(actions) == [f"{fmt.title}…" for fmt in FORMATS.values()]
    actions["Training data (COCO)…"].trigger()
    finish(widget)
    assert asked[0].endswith("smear.cells.coco.json")
    content = json.loads((tmp_path / "mine.json").read_text("utf-8"))
    assert len(content["annotations"]) == len(widget.controller.result.cells)
    assert "mine.json" in widget.message.text()
    actions["Annotations of a DICOM slide…"].trigger()
    finish(widget)
    assert "DICOM slides only" in widget.error.text()


def test_an_image_called_like_a_patient_is_warned_about(viewer, add_widget, smear):
    widget = add_widget(viewer)
    viewer.add_image(smear, rgb=True, name="smear")
    assert widget.name_warning.text() == ""
    viewer.add_image(smear, rgb=True, name="Doe_John_2024")
    widget.form.choose_image(viewer.layers["Doe_John_2024"])
    assert "'Doe_John_2024' looks like a name" in widget.name_warning.text()
    widget.form.choose_image(viewer.layers["smear"])
    assert widget.name_warning.text() == ""


def test_the_differential_is_copied_as_text(counted, qtbot):
    from qtpy.QtWidgets import QApplication

    _, widget = counted
    widget.panel.copy.click()
    assert QApplication.clipboard().text() == widget.controller.result.differential.to_text()


def test_an_error_is_one_line(viewer, add_widget, tmp_path, smear):
    from napari.utils.notifications import notification_manager

    widget = add_widget(viewer)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    widget.controller.opener.open_path(broken)
    assert "broken.png" in widget.error.text()
    assert "\n" not in widget.error.text()
    assert "broken.png" in notification_manager.records[-1].message
    assert len(viewer.layers) == 0


def test_a_file_gives_the_same_as_the_command_line(viewer, add_widget, smear_file, finish):
    import napari_wbc as wbc

    widget = add_widget(viewer)
    # Once through our reader, once through napari's own: both are the same file with the same pixels.
    widget.controller.opener.open_path(smear_file)
    viewer.open(smear_file, plugin="napari")
    widget.form.scale.setValue(0.1)
    expected = wbc.count(smear_file, um_per_px=0.1)
    for index in range(2):
        widget.form.image.setCurrentIndex(index)
        widget.run.click()
        finish(widget)
        result = widget.controller.result
        pd.testing.assert_frame_equal(result.cells, expected.cells, check_exact=True)
        assert result.run["image"] == expected.run["image"]


def test_choices_are_remembered(make_napari_viewer, add_widget, qtbot):
    first = add_widget(make_napari_viewer())
    first.form.device.setCurrentText("cpu")
    first.style_box.setCurrentIndex(list(Style).index(Style.CIRCLES))
    first.opacity.setValue(55)
    first._remember()
    second = add_widget(make_napari_viewer())
    assert second.form.choices().device == "cpu"
    assert second.workspace.style is Style.CIRCLES
    assert second.workspace.opacity == pytest.approx(0.55)


def test_classes_have_their_colours(counted):
    viewer, widget = counted
    (classes,) = layers_of(viewer, Labels)
    for label in widget.legend.counts:
        red, green, blue = (int(class_of(label).colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        assert classes.colormap.color_dict[class_value(label, {})][:3] == pytest.approx(
            (red, green, blue), abs=1e-3
        )
    assert len(classes.colormap.color_dict) <= 22


def test_no_worker_is_left(counted):
    assert not [t.name for t in threading.enumerate() if t.name.startswith("napari-wbc job") and t.is_alive()]
