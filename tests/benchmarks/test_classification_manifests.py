import pandas as pd
from benchmarks.classification.manifests import READ_PLACES, artifact_places


def test_places_that_are_trained_as_artifacts_were_read_and_lie_in_no_marked_leukocyte(data_dir):
    fields = pd.read_csv(data_dir / "fields.csv", keep_default_na=False)
    boxes = pd.read_csv(data_dir / "boxes.csv", keep_default_na=False)
    read = pd.read_csv(READ_PLACES)
    assert set(read["reading"]) == {"artifact", "leukocyte", "leukocyte near", "unsure"}
    assert not read.duplicated(["path", "y_px", "x_px"]).any()
    places = artifact_places(fields)
    assert set(places["path"]) <= set(fields["path"])
    artifacts = places[places["label"] == "artifact"]
    assert (artifacts["domain"].value_counts() > 250).all()
    assert set(artifacts["domain"]) == {"pbc", "raabin", "chula", "bccd"}
    # Marked red cells may lie in a corner of a large box; they keep clear of its middle.
    here = artifacts[artifacts["label_raw"] == "read"].merge(boxes[boxes["kind"] == "wbc"], on="path")
    inside = here["y_px"].between(here["y0"], here["y1"]) & here["x_px"].between(here["x0"], here["x1"])
    assert not inside.any()
