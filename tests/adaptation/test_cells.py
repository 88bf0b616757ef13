import numpy as np
import pytest
from PIL import Image
from tests.adaptation.drawn import drawn_cells, drawn_manifest

import napari_wbc as wbc
from napari_wbc.adaptation.cells import FOLDS, LabelledCells, find_copies, joined, split_into_folds
from napari_wbc.adaptation.sources import cells_of_review, labelled_cells
from napari_wbc.classification.predict import predict_crops
from napari_wbc.errors import InputError


def relabelled(cells, labels):
    return LabelledCells(cells.crops, np.array(labels), cells.slides, cells.names, cells.sources)


def test_a_cell_labelled_twice_counts_once():
    cells = drawn_cells(6, 3)
    twice = cells.rows(np.array([0, 1, 2, 3, 1, 1, 4, 5]))
    copies = find_copies(twice)
    assert copies.kept.tolist() == [0, 1, 2, 3, 6, 7]
    assert copies.dropped == 2
    assert copies.contradicting == ()


def test_a_cell_with_two_labels_is_left_out_and_named():
    cells = drawn_cells(4, 3).rows(np.array([0, 1, 2, 1]))
    copies = find_copies(relabelled(cells, ["lymphocyte", "eosinophil", "monocyte", "basophil"]))
    assert copies.kept.tolist() == [0, 2]
    assert "cell-1" in copies.contradicting[0]


def test_folds_keep_slides_whole_and_cells_where_they_were():
    cells = drawn_cells(90, 5, slides=12)
    folds = split_into_folds(cells)
    assert folds.torn == ()
    assert len(set(folds.fold)) == FOLDS
    for slide in np.unique(cells.slides):
        assert len(set(folds.fold[cells.slides == slide])) == 1
    some = np.arange(0, 90, 2)
    assert (split_into_folds(cells.rows(some)).fold == folds.fold[some]).all()


def test_a_class_of_one_slide_is_split_by_cell_and_named():
    cells = drawn_cells(90, 5, slides=12)
    slides = np.where(cells.labels == "monocyte", "the one", cells.slides)
    cells = LabelledCells(cells.crops, cells.labels, slides, cells.names)
    folds = split_into_folds(cells)
    assert folds.torn == ("monocyte",)
    assert len(set(folds.fold[cells.labels == "monocyte"])) == FOLDS
    others = cells.labels != "monocyte"
    assert all(len(set(folds.fold[others & (slides == s)])) == 1 for s in np.unique(slides[others]))


def test_cells_come_from_manifests_and_class_folders(tmp_path):
    manifest = drawn_manifest(tmp_path, 8, 1)
    crops = drawn_cells(3, 9)
    for i, label in enumerate(crops.labels):
        place = tmp_path / "lab" / label / "slide A"
        place.mkdir(parents=True)
        Image.fromarray(crops.crops[i]).save(place / f"{i}.png")
    cells = labelled_cells([manifest, tmp_path / "lab"], um_per_px=25 / 160)
    assert cells.counts() == {"eosinophil": 4, "lymphocyte": 4, "monocyte": 3}
    assert (cells.crops[8:] == crops.crops[[1, 0, 2]]).all()
    assert set(cells.slides[8:]) == {"lab/slide A"}
    assert len(set(cells.slides[:8])) == 4
    assert not any(str(tmp_path) in text for text in (*cells.sources, *cells.names))


def test_what_is_no_place_of_labels_is_told(tmp_path):
    with pytest.raises(InputError, match="not there"):
        labelled_cells([tmp_path / "gone.csv"])
    with pytest.raises(InputError, match="um_per_px"):
        labelled_cells([tmp_path])
    with pytest.raises(InputError, match="no labelled cell"):
        joined([drawn_cells(3, 1).rows(np.zeros(0, np.intp))])


def test_a_review_gives_the_cells_that_a_person_looked_at(session):
    session.relabel([0], "plasma_cell")
    session.accept([1])
    session.relabel([2], "unidentified")
    session.relabel([3], "monocyte")
    session.exclude([3])
    cells = cells_of_review(session)
    assert cells.labels.tolist() == ["plasma_cell", session.cells["label"][1]]
    assert set(cells.slides) == {session.count.run["image"]["sha256"]}
    again = labelled_cells([session.folder])
    assert (again.crops == cells.crops).all()
    assert again.labels.tolist() == cells.labels.tolist()
    # The crop is the one that the count classified: the model sees the same in it.
    said = predict_crops(wbc.load_model("robust"), cells.crops, device="cpu").embeddings
    assert np.allclose(said, session.embeddings[:2].astype(np.float32), atol=0.01)
