import random
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path

import platformdirs
import pytest
from tests.adaptation.drawn import drawn_manifest

import napari_wbc as wbc
from napari_wbc.adaptation.label_places import LabelPlace, labels_at, remember_places, remembered_places
from napari_wbc.cell_table import is_labelled
from napari_wbc.errors import InputError
from napari_wbc.review.new_cells import merged_cell, split_cell
from napari_wbc.review.opinion import ask_model


def counted(session):
    return Counter(session.cells.loc[is_labelled(session.cells), "label"])


def test_labels_of_a_review_are_counted_without_its_image(session):
    """As often as a person changes their mind, the folder tells what the cells do."""
    place = LabelPlace(session.folder)
    assert labels_at(place) == {}
    draw, robust = random.Random(5), wbc.load_model("robust")
    opinion = ask_model(session, robust)
    gestures = [
        lambda rows: session.relabel(rows, draw.choice(["lymphocyte", "basophil", "unidentified"])),
        session.accept,
        session.exclude,
        session.include,
        lambda _: session.undo(),
        lambda _: session.undo(),
        lambda _: session.redo(),
        lambda _: session.see_with(opinion),
        lambda _: (session.sign("A. Reader"), session.unlock("A. Reader")),
    ]
    for _ in range(30):
        draw.choice(gestures)(draw.sample(range(len(session.cells)), 2))
        assert labels_at(place) == counted(session)
    rows = (0, 1)
    session.merge(rows, merged_cell(session, robust, rows))
    assert labels_at(place) == counted(session)
    session.relabel([len(session.cells) - 1], "monocyte")
    with suppress(InputError):
        session.split(2, split_cell(session, robust, 2))
    assert labels_at(place) == counted(session)
    description = session.folder / "review.json"
    description.write_text(description.read_text().replace("smear.png", "gone.png"))
    with pytest.raises(InputError, match="the image of the review is gone"):
        labels_at(place)
    shutil.rmtree(session.folder)
    with pytest.raises(InputError, match="not there any more"):
        labels_at(place)


def test_labels_of_a_table_and_of_folders(tmp_path):
    manifest = drawn_manifest(tmp_path, 12, seed=3)
    assert labels_at(LabelPlace(manifest)) == {"lymphocyte": 4, "monocyte": 4, "eosinophil": 4}
    for name in ("Basophil", "monocytes"):
        (tmp_path / "lab" / name).mkdir(parents=True)
        shutil.copy(next(tmp_path.rglob("*.png")), tmp_path / "lab" / name / "1.png")
    assert labels_at(LabelPlace(tmp_path / "lab", 0.1)) == {"monocyte": 1, "basophil": 1}


def test_places_are_remembered_until_they_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_, **__: tmp_path / "user")
    assert remembered_places() == []
    places = [LabelPlace(tmp_path / "a"), LabelPlace(tmp_path / "b", 0.12)]
    for place in places:
        place.path.mkdir()
    remember_places(places)
    assert remembered_places() == places
    Path(tmp_path / "a").rmdir()
    assert remembered_places() == places[1:]
    (file,) = (tmp_path / "user").iterdir()
    file.write_text("no list")
    assert remembered_places() == []
