"""What another model says of the cells of a review: the cells, their masks and the labels of people stay."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.cell_table import UNLIKE_TRAINING, conform, probability_columns
from napari_wbc.confusion import Confusion
from napari_wbc.domain_shift import DomainShift
from napari_wbc.errors import InputError, OutputError, system_reason
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.execution.progress import CancelToken, ProgressCallback
from napari_wbc.found_cells import check_size
from napari_wbc.provenance import model_entry
from napari_wbc.review.description import domain_shift_of
from napari_wbc.review.flags import joined
from napari_wbc.slides.broken import DECODING_ERRORS, reason

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model
    from napari_wbc.count_result import CountResult
    from napari_wbc.review.session import ReviewSession


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What a model says of every cell of a review.

    Attributes
    ----------
    model : mapping
        ``name``, ``sha256``, ``classes`` and ``engine``, as in ``run.json``.
    device : str
        Where it ran.
    label, model_label : numpy.ndarray of object, shape (n,)
        As in the cell table; unsure cells are unidentified in the former.
    novel : numpy.ndarray of bool, shape (n,)
        Cells unlike those of its training.
    probabilities : numpy.ndarray of float32, shape (n, k)
        Of its classes, calibrated.
    confidence, novelty : numpy.ndarray of float64, shape (n,)
        As in the cell table.
    embeddings : numpy.ndarray of float16, shape (n, d)
        Its features.
    domain_shift : DomainShift or None
        How far the slide lies from those of its training.
    confusion : Confusion or None
        What it takes for what, where its bundle tells.
    file : str
        Name of the file in the folder of the review that holds all this; empty where it is in memory only.
    file_sha256 : str
        Of that file.
    """

    model: Mapping[str, Any]
    device: str
    label: NDArray[np.object_]
    model_label: NDArray[np.object_]
    novel: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    confidence: NDArray[np.float64]
    novelty: NDArray[np.float64]
    embeddings: NDArray[np.float16]
    domain_shift: DomainShift | None
    confusion: Confusion | None
    file: str = ""
    file_sha256: str = ""

    def __len__(self) -> int:
        return len(self.label)

    def applied(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Give a cell table as this model sees it; only cells that nobody has looked at change their label.

        Parameters
        ----------
        cells : pandas.DataFrame
            The cells that the model was asked about, or the first of them.
        """
        n = len(cells)
        is_open = (cells["status"] == "model").to_numpy()
        flags = [
            joined(
                ";".join(flag for flag in text.split(";") if flag != UNLIKE_TRAINING),
                UNLIKE_TRAINING if novel else "",
            )
            for text, novel in zip(cells["flags"], self.novel[:n], strict=True)
        ]
        said: dict[str, Any] = {
            "label": np.where(is_open, self.label[:n], cells["label"].to_numpy(object)),
            "model_label": self.model_label[:n],
            "confidence": self.confidence[:n],
            **{f"p_{name}": self.probabilities[:n, i] for i, name in enumerate(self.model["classes"])},
            "novelty": self.novelty[:n],
            "flags": np.array(flags, object),
            "model_sha256": self.model["sha256"],
        }
        return conform(cells.drop(columns=probability_columns(cells)).assign(**said))

    def count(self, first: CountResult) -> CountResult:
        """Give a count as it would be if this model had classified its cells."""
        from napari_wbc.differential.count import differential

        cells, of = self.applied(first.cells), first.differential
        return replace(
            first,
            cells=cells,
            embeddings=self.embeddings[: len(cells)],
            domain_shift=self.domain_shift,
            differential=differential(
                cells,
                of.profile,
                interval=of.interval_method,
                wbc_per_l=of.wbc_per_l,
                domain_shift=self.domain_shift,
                confusion=self.confusion,
            ),
            run={**first.run, "model": dict(self.model), "device": self.device},
        )

    def kept(self, folder: Path) -> Opinion:
        """Write it into the folder of its review, for the log tells only which file holds it.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        content = self._to_bytes()
        digest = sha256(content).hexdigest()
        file = f"opinion-{digest[:16]}.npz"
        try:
            with atomic_path(folder / file) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise OutputError(
                f"{folder / file}: what the model says cannot be kept ({system_reason(error)})"
            ) from None
        return replace(self, file=file, file_sha256=digest)

    @classmethod
    def read(cls, folder: Path, file: str, file_sha256: str) -> Opinion:
        """Read back what :meth:`kept` wrote.

        Raises
        ------
        InputError
            The file is gone, or another one.
        """
        path = folder / Path(file).name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({system_reason(error)})") from None
        if sha256(content).hexdigest() != file_sha256:
            raise InputError(f"{path}: damaged; take a copy of the folder from before")
        try:
            return cls._from_bytes(content, file, file_sha256)
        except (*DECODING_ERRORS, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: cannot be understood ({reason(error)})") from None

    @classmethod
    def _from_bytes(cls, content: bytes, file: str, file_sha256: str) -> Opinion:
        check_size(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            plain = json.loads(arrays["plain"].tobytes())
            names = np.array(plain["names"], object)
            shift, confusion = plain["domain_shift"], plain["confusion"]
            return cls(
                model=plain["model"],
                device=plain["device"],
                label=names[arrays["label"]],
                model_label=names[arrays["model_label"]],
                domain_shift=domain_shift_of(shift),
                confusion=None if confusion is None else Confusion.from_dict(confusion),
                file=file,
                file_sha256=file_sha256,
                **{name: arrays[name] for name in _ARRAYS},
            )

    def _to_bytes(self) -> bytes:
        names = sorted({*self.label, *self.model_label})
        plain = {
            "model": dict(self.model),
            "device": self.device,
            "names": names,
            "domain_shift": None if self.domain_shift is None else asdict(self.domain_shift),
            "confusion": None if self.confusion is None else self.confusion.to_dict(),
        }
        place = {name: i for i, name in enumerate(names)}
        arrays: dict[str, NDArray[Any]] = {
            "plain": np.frombuffer(json.dumps(plain).encode(), np.uint8),
            "label": np.array([place[name] for name in self.label], np.int32),
            "model_label": np.array([place[name] for name in self.model_label], np.int32),
            **{name: getattr(self, name) for name in _ARRAYS},
        }
        file = io.BytesIO()
        # Not compressed: features hardly shrink, and 10,000 cells would take seconds.
        np.savez(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()


_ARRAYS = ("novel", "probabilities", "confidence", "novelty", "embeddings")


def ask_model(
    session: ReviewSession,
    model: Model,
    *,
    device: str = "auto",
    cancel: CancelToken | None = None,
    progress: ProgressCallback | None = None,
) -> Opinion:
    """Let a model look at the cells of a review; the review stays as it is until it is given the answer.

    Parameters
    ----------
    session : ReviewSession
        Its slide is read again.
    model : Model
        The one to ask.
    device : {"auto", "cpu", "cuda"}, optional
        Where to run.
    cancel, progress : optional
        A token to stop and a callback.

    Returns
    -------
    Opinion
        For :meth:`ReviewSession.see_with`; kept in the folder of the review where it has one.

    Raises
    ------
    OutputError
        The answer cannot be kept.

    Examples
    --------
    >>> session = open_session("monday.wbcreview")  # doctest: +SKIP
    >>> session.see_with(ask_model(session, wbc.load_model("our-lab")))  # doctest: +SKIP
    """
    from napari_wbc.classification.domain_shift import slide_shift
    from napari_wbc.classification.predict import choose_device, label_predictions
    from napari_wbc.classification.slide_cells import predict_cells

    count, cells, place = session.count, session.cells, choose_device(device)
    said = predict_cells(
        model,
        count.slide,
        cells[["y_px", "x_px"]].to_numpy(float),
        um_per_px=count.scale.um_per_px,
        device=place,
        cancel=cancel,
        progress=progress,
    )
    labels = label_predictions(model, said)
    n = len(count.cells)
    opinion = Opinion(
        model=model_entry(model, place),
        device=place,
        label=np.array(labels.label, object),
        model_label=np.array(labels.model_label, object),
        novel=np.array([flag == UNLIKE_TRAINING for flag in labels.flags], bool),
        probabilities=np.asarray(said.probabilities, np.float32),
        confidence=np.asarray(labels.confidence, np.float64),
        novelty=np.asarray(said.novelty, np.float64),
        embeddings=np.asarray(said.embeddings, np.float16),
        domain_shift=slide_shift(model, said.embeddings[:n], labels.model_label[:n]),
        confusion=Confusion.of(model.info),
    )
    return opinion if session.folder is None else opinion.kept(session.folder)
