import json
import shutil

import pytest

import napari_wbc as wbc
from napari_wbc.adaptation.own_models import delete_model, free_name, own_folder, own_models, parent_of
from napari_wbc.classification.bundle import INFO_FILE
from napari_wbc.errors import InputError, ModelError

ADAPTED = {
    "parent": {"name": "robust", "sha256": "0" * 64},
    "date": "2026-03-02",
    "slides": 3,
    "verdict": {
        "labels": 96,
        "measures": {"balanced_accuracy": {"before": {"value": 0.713}, "after": {"value": 0.931}}},
    },
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Two own models: one adapted, one not; and a folder that is broken."""
    models = tmp_path / "models"
    monkeypatch.setenv("NAPARI_WBC_MODELS", str(models))
    robust = wbc.load_model("robust")
    for name, more in (("our-lab", {"adaptation": ADAPTED}), ("trained", {})):
        shutil.copytree(robust.folder, models / name, ignore=shutil.ignore_patterns("replay*"))
        info = {**robust.info, "name": name, **more}
        info.pop("replay", None)
        (models / name / INFO_FILE).write_text(json.dumps(info))
    (models / "broken").mkdir()
    (models / "broken" / INFO_FILE).write_text("{")
    return models


def test_each_says_what_it_was_made_of(own):
    adapted, trained = own_models()
    assert (adapted.name, adapted.parent, adapted.date) == ("our-lab", "robust", "2026-03-02")
    assert (adapted.labels, adapted.slides) == (96, 3)
    assert adapted.verdict.startswith("71 → 93 % recognised")
    assert adapted.folder == own / "our-lab"
    assert (trained.name, trained.parent, trained.verdict) == ("trained", "", "Not adapted here: no verdict.")
    assert parent_of("our-lab") == "robust"
    assert parent_of("trained") == "trained"


def test_only_own_models_can_be_taken_away(own):
    delete_model("our-lab")
    assert [model.name for model in own_models()] == ["trained"]
    assert not (own / "our-lab").exists()
    with pytest.raises(InputError, match="none of your own"):
        delete_model("robust")
    with pytest.raises(ModelError, match="no model"):
        delete_model("our-lab")
    assert wbc.load_model("robust").name == "robust"


@pytest.mark.parametrize("name", ["", " ", "../there", "a/b", "C:", ".hidden", "a\nb", "x" * 65])
def test_names_that_no_folder_can_have_are_refused(own, name):
    with pytest.raises(InputError, match="give the model a"):
        own_folder(name)


def test_a_name_of_the_program_is_refused_and_a_free_one_found(own):
    with pytest.raises(InputError, match="came with the program"):
        own_folder("robust")
    assert own_folder(" our-lab ") == own / "our-lab"
    assert free_name("next-lab") == "next-lab"
    assert free_name("our-lab") == "our-lab-2"
    assert free_name("../robust") == "-robust"
    assert free_name("...") == "our-lab-2"
