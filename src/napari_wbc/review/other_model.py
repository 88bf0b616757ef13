"""An edit of a review: another model sees its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from napari_wbc.count_result import CountResult
    from napari_wbc.review.opinion import Opinion


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What of a review depends on the model that sees its cells.

    Attributes
    ----------
    count : CountResult
        As that model would have counted.
    cells : pandas.DataFrame
        The cell table, with what people said.
    embeddings : numpy.ndarray of float16, shape (n, d)
        Features of the model.
    """

    count: CountResult
    cells: pd.DataFrame
    embeddings: NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class OtherModel:
    """The gesture of seeing all cells with another model.

    Later edits are always undone before this one, so that what was before it fits again as it was.

    Attributes
    ----------
    opinion : Opinion
        What the other model says.
    before : Seen
        What there was.
    """

    opinion: Opinion
    before: Seen

    kind: ClassVar[str] = "model"

    @property
    def after(self) -> Seen:
        """What there is then."""
        opinion, before = self.opinion, self.before
        return Seen(opinion.count(before.count), opinion.applied(before.cells), opinion.embeddings)

    @property
    def text(self) -> str:
        """What was done, for people."""
        return f"the view of the model {self.opinion.model['name']}"

    def to_plain(self) -> dict[str, Any]:
        """Give values for JSON."""
        return {
            "do": self.kind,
            "model": {name: self.opinion.model[name] for name in ("name", "sha256")},
            "file": self.opinion.file,
            "file_sha256": self.opinion.file_sha256,
        }
