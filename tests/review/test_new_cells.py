"""Cells that a person draws, splits and merges."""

import numpy as np
import pytest

from napari_wbc.errors import InputError
from napari_wbc.masks import CellMask
from napari_wbc.review.new_cells import drawn_cell, merged_cell, split_cell
from napari_wbc.segmentation.drawn import merged_mask, polygon_mask, split_mask


def outline_of(mask):
    """A polygon around a cell, as a careful person would draw it."""
    from skimage.measure import approximate_polygon, find_contours

    contour = max(find_contours(np.pad(mask.cell, 1).astype(float), 0.5), key=len)
    return approximate_polygon(contour, 1.5) + np.array([mask.y0 - 1, mask.x0 - 1])


def test_a_drawn_cell_is_measured_and_classified_as_a_found_one(session, model, count):
    sure = int(count.cells["confidence"].to_numpy().argmax())
    mask, row = count.masks[sure], count.cells.iloc[sure]
    cell = drawn_cell(session, model, outline_of(mask))
    assert cell.columns["model_label"] == row["model_label"]
    assert cell.columns["cell_area_um2"] == pytest.approx(row["cell_area_um2"], rel=0.25)
    assert cell.columns["nucleus_area_um2"] == pytest.approx(row["nucleus_area_um2"], rel=0.2)
    assert np.hypot(cell.columns["y_px"] - row["y_px"], cell.columns["x_px"] - row["x_px"]) < 6
    assert (cell.mask.nucleus <= cell.mask.cell).all()
    n = len(session.cells)
    assert session.add(cell) == n
    added = session.cells.iloc[n]
    assert (added["cell_id"], added["status"], added["flags"].split(";")[-1]) == (n + 1, "reviewed", "drawn")
    assert not session.cells.isna().any().drop([c for c in session.cells if c.startswith("region_")]).any()
    assert session.undo() == "added cell"
    assert len(session.cells) == len(session.masks) == len(session.embeddings) == n


@pytest.mark.parametrize(
    "corners",
    [
        [[5, 5], [5, 9], [9, 9]],
        [[0, 0], [0, 1100], [780, 1100], [780, 0]],
        [[-90, -90], [-90, -10], [-10, -10], [-10, -90]],
        [[100, 100], [200, 200]],
    ],
)
def test_what_cannot_be_a_cell_is_refused(session, model, corners):
    with pytest.raises(InputError, match="draw around one cell"):
        drawn_cell(session, model, np.array(corners, float))


def test_a_cell_at_the_border_is_cut(session, model):
    cell = drawn_cell(session, model, np.array([[-50, -50], [-50, 60], [60, 60], [60, -50]], float))
    assert cell.mask.bbox[:2] == (0, 0)
    assert cell.columns["touches_border"]


def test_split_along_a_line_and_merged_again(session, model):
    row = 0
    mask = session.masks[row]
    y = mask.y0 + mask.height / 2
    parts = split_cell(session, model, row, np.array([[y, mask.x0], [y, mask.x0 + mask.width]]))
    rows = session.split(row, parts)
    assert len(rows) == 2
    assert session.cells["status"].iloc[row] == "excluded"
    assert "split" in session.cells["flags"].iloc[row]
    pixels = sum(session.masks[r].cell.sum() for r in rows)
    assert pixels == mask.cell.sum()
    # Its parts take its place: it cannot be counted beside them.
    session.include([row])
    assert session.cells["status"].iloc[row] == "excluded"
    whole = session.merge(rows, merged_cell(session, model, rows))
    assert session.masks[whole].bbox == mask.bbox
    assert (session.masks[whole].cell == mask.cell).all()
    counted = session.cells["status"] != "excluded"
    assert counted.sum() == len(session.count.cells)
    for _ in range(2):
        session.undo()
    assert len(session.cells) == len(session.count.cells)
    with pytest.raises(InputError, match="two or more"):
        session.merge([0, 0], whole)


def test_the_cut_finds_the_neck_of_two_touching_cells():
    y, x = np.mgrid[:61, :101]
    two = (np.hypot(y - 30, x - 30) <= 26) | (np.hypot(y - 30, x - 70) <= 26)
    nuclei = (
        (np.hypot(y - 30, x - 30) <= 17)
        | (np.hypot(y - 30, x - 70) <= 17)
        | ((abs(y - 30) < 4) & (x > 30) & (x < 70))
    )
    left, right = split_mask(CellMask(10, 20, two, nuclei & two))
    assert left[1][1] == 20 + 4
    assert abs(left[0].sum() - right[0].sum()) < 0.1 * two.sum()
    assert left[0].sum() + right[0].sum() == two.sum()
    round_ = np.hypot(y - 30, x - 50) <= 26
    with pytest.raises(InputError, match="no narrow place"):
        split_mask(CellMask(0, 0, round_, round_))
    with pytest.raises(InputError, match="right across"):
        split_mask(CellMask(0, 0, round_, round_), np.array([[-5.0, -5.0], [-5.0, 120.0]]))


def test_masks_are_laid_together():
    square = np.ones((3, 3), bool)
    whole, corner = merged_mask([CellMask(4, 4, square, square), CellMask(6, 8, square, square)])
    assert corner == (4, 4)
    assert whole.shape == (5, 7)
    assert whole.sum() == 18


def test_a_polygon_is_filled_within_the_slide():
    mask, corner = polygon_mask(np.array([[-5.0, -5.0], [-5.0, 4.0], [4.0, 4.0], [4.0, -5.0]]), (100, 100))
    assert corner == (0, 0)
    assert mask.shape == (5, 5)
