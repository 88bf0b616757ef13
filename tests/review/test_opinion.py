"""A review seen with another model: the cells and what people said stay, and the way back is open."""

import json

import numpy as np
import pytest

from napari_wbc.adaptation.instant import in_memory
from napari_wbc.adaptation.start import start_of
from napari_wbc.cell_table import is_labelled, probability_columns
from napari_wbc.classification.bundle import load_model, save_bundle
from napari_wbc.errors import Cancelled, InputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.provenance import model_of_run
from napari_wbc.review.folder import open_session
from napari_wbc.review.new_cells import merged_cell
from napari_wbc.review.opinion import ask_model
from napari_wbc.review.session import ReviewSession

WANTED = "hairy_cell"


@pytest.fixture(scope="session")
def our_lab(model, tmp_path_factory):
    """A model that takes every cell for one of a class that the first one does not know."""
    start = start_of(model, [WANTED])
    head = start.head
    head.bias[list(start.classes).index(WANTED)] = 500.0
    made = in_memory(start, head)
    folder = tmp_path_factory.mktemp("models") / "our-lab"
    info = {key: value for key, value in made.info.items() if key != "confusion"}
    save_bundle(folder, made.tensors, {**info, "name": "our-lab"}, "# our-lab")
    return load_model(folder)


@pytest.fixture(scope="session")
def opinion(our_lab, count):
    return ask_model(ReviewSession(count), our_lab)


def said_by_people(session):
    rows = session.cells[is_labelled(session.cells)]
    return rows[["cell_id", "label", "status"]].to_numpy().tolist()


def test_the_same_model_says_the_same_again(session, model):
    """Crops are cut in another way on this path; it may cost a grey level or two."""
    before = session.cells
    session.see_with(ask_model(session, model))
    after = session.cells
    assert after["label"].tolist() == before["label"].tolist()
    assert after["flags"].tolist() == before["flags"].tolist()
    assert list(after.columns) == list(before.columns)
    assert (after.dtypes == before.dtypes).all()
    columns = probability_columns(before)
    assert np.abs(after[columns].to_numpy() - before[columns].to_numpy()).max() < 0.05


def test_labels_of_people_stay_and_all_else_is_the_other_models(session, count, opinion, our_lab):
    session.relabel([0, 1], "basophil")
    session.accept([2])
    session.exclude([3])
    by_people, fourth = said_by_people(session), session.cells["label"].iloc[3]
    session.see_with(opinion)
    cells = session.cells
    assert said_by_people(session) == by_people
    assert (cells["label"].iloc[3], cells["status"].iloc[3]) == (fourth, "excluded")
    left = (cells["status"] == "model").to_numpy()
    assert set(cells["model_label"]) == {WANTED}
    assert set(cells["label"][left]) <= {WANTED, "unidentified"}
    assert set(cells["model_sha256"]) == {our_lab.sha256}
    assert probability_columns(cells) == [f"p_{name}" for name in our_lab.classes]
    assert cells[f"p_{WANTED}"].min() > 0.99
    # Where the cells lie, and their masks, is the work of the segmentation.
    for name in ("y_px", "x_px", "bbox_y0", "nucleus_area_um2"):
        assert cells[name].equals(count.cells[name])
    assert session.masks == count.masks
    assert session.embeddings.shape == count.embeddings.shape
    # What others hold of the count is as it was.
    assert set(count.cells["model_label"]) != {WANTED}


def test_the_result_and_its_record_are_of_the_other_model(session, count, opinion, our_lab, tmp_path):
    session.relabel([0], "basophil")
    session.see_with(opinion)
    result = session.result()
    assert result.run["model"]["sha256"] == our_lab.sha256
    assert [m["sha256"] for m in result.run["review"]["models"]] == [
        count.run["model"]["sha256"],
        our_lab.sha256,
    ]
    written = result.write(tmp_path / "results")
    assert json.loads((written / "run.json").read_text())["model"]["name"] == "our-lab"
    table = result.differential.table.set_index("class")
    assert table.loc["basophil", "count"] == 1
    # Before the review: what this model alone would have counted.
    assert table["count_before_review"].sum() == len(count.cells)
    assert table.loc["basophil", "count_before_review"] == 0


def test_it_is_undone_and_done_again_like_every_edit(session, count, opinion):
    session.relabel([0], "basophil")
    before, heard = session.cells, []
    session.listeners.append(heard.append)
    session.see_with(opinion)
    assert heard[-1].by_model
    assert len(heard[-1].rows) == len(before)
    seen = session.cells
    session.relabel([1], "monocyte")
    assert session.undo() == "label of cell 2"
    assert session.undo() == "the view of the model our-lab"
    assert session.cells.equals(before)
    assert session.count is count
    assert (session.embeddings == count.embeddings).all()
    assert session.redo() == "the view of the model our-lab"
    assert session.cells.equals(seen)


def test_a_review_on_disk_keeps_it(session, opinion, our_lab, monkeypatch):
    session.relabel([0], "basophil")
    session.see_with(opinion)
    session.relabel([1], "monocyte")
    session.see_with(ask_model(session, load_model("robust")))
    session.undo()
    again = open_session(session.folder)
    assert again.cells.equals(session.cells)
    assert (again.embeddings == session.embeddings).all()
    assert again.result().run["model"] == session.result().run["model"]
    assert again.differential().table.equals(session.differential().table)
    monkeypatch.setenv("NAPARI_WBC_MODELS", str(our_lab.folder.parent))
    assert model_of_run(again.count.run).sha256 == our_lab.sha256
    assert again.redo() == "the view of the model robust"


def test_what_the_model_said_is_checked_when_it_is_read(session, opinion):
    session.see_with(opinion)
    (file,) = session.folder.glob("opinion-*.npz")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(InputError, match="damaged"):
        open_session(session.folder)
    file.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        open_session(session.folder)


def test_it_fits_its_cells_only_and_no_signed_review(session, opinion):
    session.sign("A. Reader")
    with pytest.raises(InputError, match="was signed"):
        session.see_with(opinion)
    session.unlock("A. Reader")
    session.merge([0, 1], merged_cell(session, load_model("robust"), [0, 1]))
    with pytest.raises(InputError, match="let it look again"):
        session.see_with(opinion)


def test_it_can_be_stopped(session, our_lab):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        ask_model(session, our_lab, cancel=cancel)
    assert not list(session.folder.glob("opinion-*"))
    assert session.changes == 0
