import json
import sys

import pytest

from napari_wbc.errors import InputError
from napari_wbc.training.metrics_log import MetricsLog


def test_a_resumed_run_goes_on_where_its_state_was(tmp_path):
    path = tmp_path / "deep" / "m.jsonl"
    log = MetricsLog(path)
    log.begin(0)
    for step in (20, 40, 60):
        log.write(step, {"loss": step / 10})
    # Killed in the middle of a line.
    with path.open("a") as file:
        file.write('{"step": 80, "lo')
    log = MetricsLog(path)
    log.begin(40)
    log.write(60, {"loss": 9.0})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": 20, "loss": 2.0}, {"step": 40, "loss": 4.0}, {"step": 60, "loss": 9.0},
    ]  # fmt: skip


@pytest.mark.parametrize("damaged", ['{"loss": 1}', '{"step": "x"}', "[1]", "7"])
def test_what_stands_behind_a_line_without_a_step_is_dropped(tmp_path, damaged):
    path = tmp_path / "m.jsonl"
    path.write_text(f'{{"step": 20}}\n{damaged}\n{{"step": 40}}\n')
    MetricsLog(path).begin(60)
    assert path.read_text() == '{"step": 20}\n'


def test_tensorboard_gets_the_same_numbers(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="the extra train is not installed"
    )
    with MetricsLog(tmp_path / "m.jsonl", tmp_path / "board") as log:
        log.begin(0)
        log.write(20, {"loss": 0.5, "note": "a text stays in the file"})
    events = accumulator.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert events.Tags()["scalars"] == ["loss"]
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(20, 0.5)]


def test_a_missing_tensorboard_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r'TensorBoard is not installed; pip install "napari-wbc\[train\]"'):
        MetricsLog(tmp_path / "m.jsonl", tmp_path / "board")
