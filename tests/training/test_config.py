import json
from pathlib import Path

import pytest

from napari_wbc.errors import InputError
from napari_wbc.training.config import TrainingConfig

RECIPE = Path(__file__).resolve().parents[2] / "benchmarks" / "robust.toml"


def test_tables_fill_their_parts_and_leave_the_rest(tmp_path):
    (tmp_path / "c.toml").write_text(
        'manifests = ["a.csv"]\nsteps = 7\ninit = "start.safetensors"\n'
        "[optimizer]\nlr = 1\n[augmentation]\nscale = [0.9, 1]\n"
        '[selection]\nevery = 5\ncandidates = [{ "optimizer.lr" = 0.1 }, { network.dropout = 0.5 }]\n'
    )
    (tmp_path / "start.safetensors").touch()
    config = TrainingConfig.from_toml(tmp_path / "c.toml")
    assert config.manifests == (str(tmp_path / "a.csv"),)
    assert config.init == str(tmp_path / "start.safetensors")
    assert (config.steps, config.optimizer.lr, config.optimizer.lr_decay) == (7, 1.0, 0.6)
    assert config.augmentation.scale == (0.9, 1.0)
    assert [config.changed(c).network.dropout for c in config.selection.candidates] == [0.2, 0.5]
    # It travels in model.json, without the place of the files.
    assert json.loads(json.dumps(config.to_dict()))["manifests"] == ["a.csv"]


@pytest.mark.parametrize("init", ["", "torchvision", "robust"])
def test_a_start_that_is_no_file_keeps_its_name(tmp_path, init):
    (tmp_path / "c.toml").write_text(f'manifests = ["a.csv"]\ninit = "{init}"')
    assert TrainingConfig.from_toml(tmp_path / "c.toml").init == init


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 3", "names no manifests"),
        ("stepz = 3", "unknown key 'stepz'"),
        ("steps = [", "cannot be read"),
        ('steps = "many"', "steps must be a whole number, not 'many'"),
        ("steps = 0", "steps must be 1 or more"),
        ("steps = true", "steps must be a whole number"),
        ("optimizer = 3", "optimizer must be a table"),
        ("[optimizer]\nlrr = 3", "unknown key 'optimizer.lrr'"),
        ("[optimizer]\nlr = -1", "optimizer.lr must be above 0"),
        ("[augmentation]\nscale = [1]", "augmentation.scale must be a list of 2"),
        ('[network]\nnormalisation = "instance"', "network.normalisation must be"),
        ("[[selection.candidates]]\noptimizer.lrr = 1", "unknown key 'optimizer.lrr'"),
        ("leave_out = 'pbc'", "leave_out must be a list"),
        ("steps = 300\n[loss]\nboda = 0.1", "boda_start is 500, so that loss.boda would not begin"),
        ('[loss]\nclassification = "hinge"', "loss.classification must be one of .*, not 'hinge'"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path, text, message):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        TrainingConfig.from_toml(tmp_path / "c.toml")
    assert str(error.value).startswith(str(tmp_path / "c.toml"))


def test_dotted_keys_of_one_table_do_not_undo_each_other():
    config = TrainingConfig().changed({"optimizer.lr": 0.5, "optimizer.warmup": 3, "steps": 9})
    assert (config.optimizer.lr, config.optimizer.warmup, config.steps) == (0.5, 3, 9)


def test_the_fingerprint_goes_by_what_is_fitted():
    config = TrainingConfig()
    assert config.fingerprint() == config.changed({"manifests": ["x.csv"], "holdout": 0.3}).fingerprint()
    for change in ({"seed": 1}, {"optimizer.lr": 0.5}, {"augmentation.hue": 0.1}, {"loss.tau": 0.5}):
        assert config.fingerprint() != config.changed(change).fingerprint()


def test_the_recipe_of_the_documentation_is_a_proper_configuration(tmp_path):
    text = (RECIPE.parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    (tmp_path / "c.toml").write_text(text.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    config = TrainingConfig.from_toml(tmp_path / "c.toml")
    assert config.changed(config.selection.candidates[1]).optimizer.lr == 2e-4


def test_the_recipe_of_the_bundled_model_is_a_proper_configuration():
    assert TrainingConfig.from_toml(RECIPE).average.kind == "ema"


def test_a_start_is_known_by_its_content(tmp_path):
    places = [tmp_path / name for name in ("here.safetensors", "there.safetensors", "other.safetensors")]
    for place, content in zip(places, (b"one", b"one", b"two"), strict=True):
        place.write_bytes(content)
    here, there, other = (TrainingConfig(init=str(p)).fingerprint() for p in places)
    assert here == there != other
