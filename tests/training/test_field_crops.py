import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_wbc.errors import Cancelled, InputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.training.field_crops import cut_places, marked_places

UM = 0.1


@pytest.fixture
def field(tmp_path):
    """A field that shows its own coordinates as colours."""
    y, x = np.mgrid[0:300, 0:400]
    Image.fromarray(np.stack([y // 2, x // 2, 0 * x], axis=2).astype(np.uint8)).save(tmp_path / "a.png")
    return tmp_path


def table(**boxes):
    fields = pd.DataFrame([{"path": "a.png", "domain": "lab", "um_per_px": UM, "group": "s1"}])
    rows = [
        {
            "path": "a.png",
            "kind": kind,
            "x0": x - side / 2,
            "x1": x + side / 2,
            "y0": y - side / 2,
            "y1": y + side / 2,
        }
        for kind, places in boxes.items()
        for y, x, side in places
    ]
    return fields, pd.DataFrame(rows)


def test_places_keep_clear_of_leukocytes_and_of_large_platelets():
    fields, boxes = table(
        wbc=[(100, 100, 120)],
        rbc=[(150, 160, 70), (250, 300, 70), (60, 330, 70), (200, 200, 70)],
        platelets=[(250, 60, 25), (40, 300, 80), (110, 120, 20)],
    )
    places = marked_places(fields, boxes)
    assert places["label"].tolist() == ["platelet", "artifact", "artifact"]
    assert places.loc[0, ["y_px", "x_px"]].tolist() == [250, 60]
    away = np.hypot(places["y_px"] - 100, places["x_px"] - 100)
    assert (away * UM > 9).all()
    pd.testing.assert_frame_equal(places, marked_places(fields, boxes))
    assert len(marked_places(fields, boxes, red_cells=0)) == 1


def test_windows_are_centred_on_their_places_in_the_order_of_the_rows(field):
    places = pd.DataFrame(
        {"path": "a.png", "um_per_px": UM, "y_px": [150.0, 140.0], "x_px": [200.0, 260.0]}, index=[7, 3]
    )
    crops = cut_places(places, field)
    assert crops.shape == (2, 160, 160, 3)
    middle = crops[:, 78:82, 78:82].mean(axis=(1, 2))
    np.testing.assert_allclose(middle[:, 0] * 2, places["y_px"], atol=2.5)
    np.testing.assert_allclose(middle[:, 1] * 2, places["x_px"], atol=2.5)


def test_a_missing_field_is_named_and_a_cancel_stops(field):
    places = pd.DataFrame({"path": ["none.png"], "um_per_px": UM, "y_px": 1.0, "x_px": 1.0})
    with pytest.raises(InputError, match=r"none\.png is missing"):
        cut_places(places, field)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        cut_places(places, field, cancel=token)
