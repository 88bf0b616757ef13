"""The layer with the quality of the regions: off at first, over the image, with the numbers of the cell table."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_wbc.gui.region_layer import region_blocks
from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear

pytestmark = pytest.mark.gui


def region_layers(viewer):
    return [x for x in viewer.layers if isinstance(x, Labels) and x.name.endswith("region quality")]


def test_it_is_off_until_asked_for(counted, qtbot, screenshot):
    viewer, widget = counted
    assert widget.regions.isVisible()
    assert not widget.regions.legend.isVisible()
    assert region_layers(viewer) == []
    active = viewer.layers.selection.active
    widget.regions.box.click()
    (layer,) = region_layers(viewer)
    assert widget.regions.legend.isVisible()
    assert viewer.layers.index(layer) == 1
    assert viewer.layers.selection.active is active
    # One block covers the small image exactly.
    image = viewer.layers["smear"]
    for corner, there in (((-0.5, -0.5), (-0.5, -0.5)), ((479.5, 639.5), (0.5, 0.5))):
        np.testing.assert_allclose(layer.world_to_data(image.data_to_world(corner)), there)
    assert "region" in layer.get_status((240, 320), world=True)["value"]
    screenshot(viewer, "region_quality")
    widget.regions.box.click()
    assert region_layers(viewer) == []


def test_blocks_agree_with_the_cells(viewer, add_widget, finish, screenshot, qtbot):
    """A smear that is crowded on one side and blurred on the other, placed and turned in the viewer."""
    from scipy import ndimage

    parameters = SmearParameters(height=1300, width=3000, seed=7, leukocytes_per_mm2=150, vignetting=0.0)
    image = SyntheticSmear(parameters).draw(0, 0, 1300, 3000)
    image[:, 2000:] = ndimage.gaussian_filter(image[:, 2000:], (9, 9, 0))
    # The left third is covered twice.
    image[:, :900] = (image[:, :900].astype(float) * image[::-1, 900:1800] / 240).clip(0, 255)
    viewer.add_image(image, rgb=True, name="strip", scale=(2.0, 2.0), translate=(50, -30), rotate=20)
    widget = add_widget(viewer)
    widget.form.scale.setValue(0.1)
    widget.regions.box.setChecked(True)
    widget.run.click()
    finish(widget)
    result = widget.controller.result
    (layer,) = region_layers(viewer)
    blocks, features = region_blocks(result)
    assert blocks.shape == (1, 2)
    np.testing.assert_array_equal(layer.data, blocks)
    assert "out of focus" in features["region"][2]
    assert "out of focus" not in features["region"][1]
    # Every cell lies in the viewer on the block whose numbers it has in the table.
    points = widget.controller.shown[viewer.layers["strip"]].layers.points
    assert len(result.cells) > 3
    for row, position in enumerate(points.data):
        block = layer.get_value(points.data_to_world(position), world=True)
        assert features["sharpness"][block] == pytest.approx(
            result.cells["region_sharpness"][row], abs=0.0051
        )
    screenshot(viewer, "region_quality_strip")
    # A new count takes the blocks away; a removed layer comes back with the switch.
    viewer.layers.remove(layer)
    widget.regions.box.click()
    widget.regions.box.click()
    assert len(region_layers(viewer)) == 1
