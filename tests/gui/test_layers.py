"""The marks of cells in a real viewer: after edits they are what they would be if all was painted anew."""

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels, Points
from qtpy.QtCore import QTimer
from tests.gui.tables import discs, placed, table_of

from napari_wbc.gui.image_layers import METADATA_KEY
from napari_wbc.gui.layers import CellLayers
from napari_wbc.gui.marks import EXCLUDED_VALUE, Mark, Style, class_value, mark_pixels, outline, paint
from napari_wbc.leukocytes import class_of
from napari_wbc.masks import CellMask

pytestmark = pytest.mark.gui

LABELS = ("lymphocyte", "monocyte", "eosinophil", "unidentified", "blast", "of_my_own")
SIDE, RADIUS = 400, 16


def disc_cells(n=60, seed=0):
    masks = discs(n, SIDE, RADIUS, seed)
    rng = np.random.default_rng(seed)
    return table_of(rng.choice(LABELS[:3], n), seed, **placed(masks)), masks


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.full((SIDE, SIDE, 3), 220, np.uint8), rgb=True, name="smear")


@pytest.fixture
def make(viewer, image, request):
    def make(cells=None, masks=(), shape=(SIDE, SIDE), **options):
        picked = []
        layers = CellLayers(viewer, image, shape, later=QTimer.singleShot, selected=picked.append, **options)
        layers.set_scale(0.1)
        layers.picked = picked
        request.addfinalizer(layers.disconnect)
        if cells is not None:
            layers.show(cells, masks)
        return layers

    return make


def state_of(layers):
    points = layers.points
    return {
        "data": points.data,
        "border_color": points.border_color,
        "border_width": points.border_width,
        "size": points.size,
        "symbol": [str(symbol) for symbol in points.symbol],
        "shown": points.shown,
        "features": points.features.to_dict("list"),
        "pixels": None if layers.classes is None else layers.classes.data,
        "colours": None if layers.classes is None else layers.classes.colormap.color_dict,
    }


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        if name == "colours" and value is not None:
            # The values of the user's own classes depend on their coming.
            continue
        np.testing.assert_equal(value, other[name], err_msg=name)


def edited(cells, masks, further, rng):
    """One edit by chance: the table and the masks then, and the rows."""
    n = len(cells)
    kind = rng.choice(["relabel", "relabel", "exclude", "include", "split", "add", "undo"])
    rows = tuple(int(row) for row in rng.choice(n, int(rng.integers(1, 4)), replace=False))
    cells, masks = cells.copy(), list(masks)
    if kind == "relabel":
        cells.loc[list(rows), ["label", "status"]] = [rng.choice(LABELS), "reviewed"]
    elif kind == "exclude":
        cells.loc[list(rows), "status"] = "excluded"
    elif kind == "include":
        cells.loc[list(rows), "status"] = "model"
    elif kind == "split":
        cells.loc[list(rows), ["status", "flags"]] = ["excluded", "blurred;split"]
    if kind in ("split", "add") and n < len(further[1]):
        cells = pd.concat([cells, further[0].iloc[n : n + 1]], ignore_index=True)
        masks.append(further[1][n])
    elif kind == "undo" and n > 55:
        cells, masks = cells.iloc[:-1], masks[:-1]
        rows = tuple(row for row in rows if row < n - 1)
    return cells, masks, rows


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("show_excluded", [True, False])
def test_random_edits_look_as_if_all_was_painted_anew(make, viewer, style, show_excluded):
    rng = np.random.default_rng(1)
    further = disc_cells(90)
    cells, masks = further[0].iloc[:60], further[1][:60]
    layers = make(cells, masks, style=style, show_excluded=show_excluded)
    for _ in range(60):
        cells, masks, rows = edited(cells, masks, further, rng)
        layers.update_rows(cells, masks, rows)
    fresh = make(style=style, show_excluded=show_excluded)
    # Classes of one's own have their values by their coming.
    fresh._make_layers()
    fresh._overlay._own_values.update(layers._overlay._own_values)
    fresh.show(cells, masks)
    same(state_of(layers), state_of(fresh))
    layers.classes.visible = True
    assert np.shares_memory(layers.classes._slice.image.view, layers.classes.data)
    assert layers.points.metadata[METADATA_KEY]["cells"] is cells
    assert list(layers.points.features["label"]) == list(cells["label"])
    assert list(layers.points.features["status"]) == list(cells["status"])


def test_one_edit_sends_only_the_place_of_its_cell(make, viewer, qtbot):
    cells, masks = disc_cells()
    layers = make(cells, masks, style=Style.FILLED)
    qtbot.wait(50)
    sent, all_of_it = [], []
    layers.classes.events.labels_update.connect(lambda event: sent.append((event.offset, event.data.shape)))
    layers.classes.events.set_data.connect(lambda event: all_of_it.append(event))
    layers.classes.events.colormap.connect(lambda event: all_of_it.append(event))
    now = cells.copy()
    now.loc[7, "label"] = "eosinophil" if cells["label"][7] != "eosinophil" else "monocyte"
    layers.update_rows(now, masks, (7,))
    assert len(sent) == 1
    assert all_of_it == []
    (y, x), (height, width) = sent[0]
    y0, x0, y1, x1 = masks[7].bbox
    assert y <= max(0, y0)
    assert x <= max(0, x0)
    assert y + height >= min(SIDE, y1)
    assert x + width >= min(SIDE, x1)
    assert height * width < 0.05 * SIDE * SIDE


def test_the_screen_follows_an_edit(make, viewer, qtbot):
    cells, masks = disc_cells(5)
    layers = make(cells, masks, style=Style.FILLED, opacity=1.0)
    cells = cells.assign(confidence=1.0, flags="")
    layers.update_rows(cells, masks, range(5))
    layers.points.visible = False
    viewer.camera.center, viewer.camera.zoom = layers.world_position(2), 4

    def middle():
        picture = viewer.screenshot(canvas_only=True, flash=False)
        return picture[picture.shape[0] // 2, picture.shape[1] // 2, :3].astype(float)

    seen = {}
    for label in ("lymphocyte", "eosinophil", "lymphocyte"):
        cells = cells.assign(label=[*cells["label"][:2], label, *cells["label"][3:]])
        layers.update_rows(cells, masks, (2,))
        qtbot.wait(50)
        colour = class_of(label).colour
        wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        # Filled cells are clear by half.
        assert np.abs(middle() - (0.45 * wanted + 0.55 * 220)).max() < 12
        seen.setdefault(label, middle())
        np.testing.assert_allclose(middle(), seen[label], atol=2)


def test_cells_that_come_one_after_the_other_end_as_the_whole(make):
    cells, masks = disc_cells()
    live, whole = make(), make(cells, masks)
    order = np.random.default_rng(5).permutation(len(cells))
    for part in np.array_split(order, 7):
        live.add(cells.iloc[part].reset_index(drop=True), [masks[i] for i in part])
        live.refresh()
    assert (live.classes.data == whole.classes.data).all()
    # The table in its order: nothing is painted anew for it, and the points follow.
    painted = []
    live.classes.events.labels_update.connect(painted.append)
    live.show(cells, masks)
    assert painted == []
    same(state_of(live), state_of(whole))


def test_many_cells_are_painted_in_turns(make, qtbot):
    further = disc_cells(1600)
    cells, masks = further[0].iloc[:1500], further[1][:1500]
    layers, whole = make(cells, masks), make()
    assert layers.painting
    # Edits do not wait for it, and what is painted later does not undo them; nor do cells that come or go.
    rng, turns = np.random.default_rng(7), 0
    while layers.painting:
        turns += 1
        cells, masks, rows = edited(cells, masks, further, rng)
        layers.update_rows(cells, masks, rows)
        qtbot.wait(1)
    assert turns > 1
    whole.show(cells, masks)
    qtbot.waitUntil(lambda: not whole.painting)
    assert (layers.classes.data == whole.classes.data).all()
    # Another style in the middle of it, and a pause.
    layers.set_style(Style.FILLED)
    qtbot.wait(5)
    layers.pause()
    assert not layers.painting
    layers.resume()
    qtbot.waitUntil(lambda: not layers.painting)
    whole.set_style(Style.FILLED)
    qtbot.waitUntil(lambda: not whole.painting)
    assert (layers.classes.data == whole.classes.data).all()


def test_nothing_is_painted_into_layers_that_are_gone(make, viewer, qtbot):
    cells, masks = disc_cells(400)
    layers = make(cells, masks)
    overlay = layers.classes
    viewer.layers.remove(overlay)
    before = overlay.data.copy()
    qtbot.wait(100)
    assert (overlay.data == before).all()
    assert not layers.painting


def test_uncertain_and_excluded_cells_have_shapes_of_their_own(make, image):
    cells, masks = disc_cells(40)
    cells.loc[:, "confidence"] = 0.9
    cells.loc[[3, 4, 5], "confidence"] = 0.2
    cells.loc[[5, 6, 7], "status"] = ["excluded", "excluded", "excluded"]
    cells.loc[7, "flags"] = "merged"
    layers = make(cells, masks, style=Style.CIRCLES)
    symbols = [str(symbol) for symbol in layers.points.symbol]
    assert symbols[:8] == ["disc", "disc", "disc", "diamond", "diamond", "x", "x", "x"]
    assert layers.points.shown[:8].tolist() == [True] * 7 + [False]
    layers.set_show_excluded(False)
    assert layers.points.shown[:8].tolist() == [True] * 5 + [False] * 3
    assert layers.classes.colormap.color_dict[EXCLUDED_VALUE][3] == 0
    # A hidden class hides those that count; an excluded cell is of no class.
    layers.set_show_excluded(True)
    layers.set_hidden(frozenset(LABELS))
    assert layers.points.shown.tolist() == [row in (5, 6) for row in range(40)]
    assert layers.classes.colormap.color_dict[EXCLUDED_VALUE][3] == 1


def test_an_excluded_cell_never_covers_one_that_counts(make):
    disc = np.hypot(*np.mgrid[-20:21, -20:21]) <= 20
    masks = [CellMask(50, 50, disc, disc), CellMask(60, 60, disc, disc)]
    cells = table_of(["monocyte", "lymphocyte"], **placed(masks), confidence=0.9)
    layers = make(cells, masks, style=Style.FILLED)
    value = class_value("lymphocyte", {})
    assert (layers.classes.data[60:101, 60:101][disc] == value).mean() < 1
    layers.update_rows(cells.assign(status=["excluded", "model"]), masks, (0,))
    assert (layers.classes.data[60:101, 60:101][disc] == value).all()
    assert layers.cell_at((75, 75)) == 1
    assert (layers.classes.data == EXCLUDED_VALUE).any()


def test_several_cells_are_selected(make, viewer):
    cells, masks = disc_cells()
    layers = make(cells, masks)
    layers.select((3, 9, 11, 5000))
    assert set(layers.points.selected_data) == {3, 9, 11}
    layers.update_rows(cells.assign(status="reviewed"), masks, range(60))
    layers.set_style(Style.CIRCLES)
    assert set(layers.points.selected_data) == {3, 9, 11}
    assert layers.picked == []
    layers.points.selected_data = {8, 2}
    assert layers.picked[-1] == (2, 8)
    layers.select(())
    assert set(layers.points.selected_data) == set()
    assert layers.picked[-1] == (2, 8)


def test_points_cannot_be_moved_by_hand(make):
    cells, masks = disc_cells()
    layers = make(cells, masks)
    layers.update_rows(cells, masks, (1,))
    assert not layers.points.editable
    assert not layers.classes.editable


def test_layers_are_known_by_themselves_not_by_name(make, viewer):
    cells, masks = disc_cells()
    layers = make(cells, masks)
    layers.classes.name, layers.points.name = "mine", "also mine"
    now = cells.assign(label="basophil")
    layers.update_rows(now, masks, range(60))
    assert set(np.unique(layers.classes.data)) == {0, class_value("basophil", {})}
    assert set(layers.points.features["label"]) == {"basophil"}
    viewer.layers.remove(layers.classes)
    layers.update_rows(cells, masks, range(60))
    layers.refresh()
    assert layers.classes is None
    assert (layers.points.border_color[:, 3] == 1).all()
    viewer.layers.remove(layers.points)
    layers.update_rows(now, masks, range(60))
    layers.show(cells, masks)
    assert [layer.name for layer in viewer.layers] == ["smear"]
    assert not layers.complete


def test_slides_have_points_alone(make, viewer):
    n = 10_000
    cells = table_of(np.random.default_rng(0).choice(LABELS[:3], n), bbox_y1=np.arange(n) + 80)
    layers = make(cells, [None] * n, shape=(20_000, 20_000))
    assert layers.classes is None
    assert not [layer for layer in viewer.layers if isinstance(layer, Labels)]
    (points,) = [layer for layer in viewer.layers if isinstance(layer, Points)]
    for label in LABELS[:3]:
        colour = class_of(label).colour
        wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        assert np.ptp(points.border_color[cells["label"] == label], axis=0).max() == 0
        first = int((cells["label"] == label).idxmax())
        np.testing.assert_allclose(points.border_color[first, :3], wanted, atol=1e-3)
    now = cells.copy()
    now.loc[77, "status"] = "excluded"
    layers.update_rows(now, [None] * n, (77,))
    assert str(points.symbol[77]) == "x"


@pytest.mark.parametrize("active", ["image", "classes", "points"])
def test_the_status_tells_the_cell_whichever_layer_is_active(make, viewer, image, active):
    cells, masks = disc_cells()
    cells.loc[4, ["label", "status", "flags"]] = ["basophil", "reviewed", "unlike_training"]
    layers = make(cells, masks)
    viewer.layers.selection.active = {"image": image, "classes": layers.classes, "points": layers.points}[
        active
    ]
    viewer.mouse_over_canvas = True
    viewer.tooltip.visible = True
    row = layers.cell_at(layers.world_position(4))
    viewer.cursor.position = layers.world_position(4)
    viewer.update_status_from_cursor()
    line = viewer.status["coordinates"]
    assert f"cell {row + 1}: " in line
    if row == 4:
        for part in (
            "Basophil",
            "by the model",
            "confidence 0.",
            "else ",
            "novelty 0.",
            "reviewed",
            "unlike training",
        ):
            assert part in line
    assert viewer.tooltip.text.splitlines()[0] == f"cell {row + 1}: {class_of(cells['label'][row]).title}"
    # Beside the cells there is only what napari says.
    empty = np.argwhere(~_covered(cells))[0]
    viewer.cursor.position = tuple(empty)
    viewer.update_status_from_cursor()
    assert "cell " not in str(viewer.status)
    assert "cell " not in viewer.tooltip.text
    layers.disconnect()
    viewer.cursor.position = layers.world_position(4)
    viewer.update_status_from_cursor()
    assert "confidence 0." not in str(viewer.status) or active == "points"


def _covered(cells):
    covered = np.zeros((SIDE, SIDE), bool)
    for y0, x0, y1, x1 in cells[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy():
        # napari's points have a margin beyond the box.
        covered[max(0, y0 - 8) : y1 + 8, max(0, x0 - 8) : x1 + 8] = True
    return covered


# ---- marks ---------------------------------------------------------------------------------------------------


def test_outlines_run_around_the_cell_and_fill_fills_it():
    disc = np.hypot(*np.mgrid[-12:13, -12:13]) <= 12
    mask = CellMask(20, 30, disc, disc)
    filled, lined = np.zeros((80, 90), np.uint8), np.zeros((80, 90), np.uint8)
    paint(filled, [mask], [Mark(4)])
    paint(lined, [mask], [Mark(4, 3)])
    assert (filled[20:45, 30:55][disc] == 4).all()
    assert filled.sum() == 4 * disc.sum()
    assert not lined[20:45, 30:55][disc].any()
    assert lined[17, 42] == lined[19, 42] == 4
    assert lined[16, 42] == 0
    assert outline(disc, 3).shape == (31, 31)
    # A cell at the border of the image is cut; a part of the image has what the whole has there.
    edge = np.zeros((30, 30), np.uint8)
    paint(edge, [CellMask(-10, 20, disc, disc)], [Mark(2, 3)])
    assert edge.any()
    part = np.zeros((30, 40), np.uint8)
    paint(part, [mask], [Mark(4, 3)], origin=(10, 25))
    assert (part == lined[10:40, 25:65]).all()


@pytest.mark.parametrize("rim", [None, 1, 3, 8])
@pytest.mark.parametrize("radius", [4, 20, 60])
def test_a_broken_mark_is_the_whole_one_with_gaps(rim, radius):
    disc = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
    mask = CellMask(0, 0, disc, disc)
    whole, broken = mark_pixels(mask, Mark(1, rim)), mark_pixels(mask, Mark(1, rim, broken=True))
    assert not (broken & ~whole).any()
    assert 0.4 < broken.sum() / whole.sum() < 0.75


def test_circles_of_a_hidden_class_are_not_drawn(viewer, make):
    cells, masks = disc_cells(12)
    layers = make(cells, masks, style=Style.CIRCLES)
    layers.set_hidden(frozenset(LABELS))
    layers.points.visible, layers.image.visible = True, False
    layers.classes.visible = False
    assert viewer.screenshot(canvas_only=True, flash=False)[..., :3].max() < 60
    layers.set_hidden(frozenset())
    assert viewer.screenshot(canvas_only=True, flash=False)[..., :3].max() > 120
