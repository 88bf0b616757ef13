"""What a look at one part of the installation gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "note", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``napari-wbc doctor``.

    Attributes
    ----------
    name : str
        What was looked at.
    status : {"ok", "note", "failed"}
        ``note``: something optional is not there; the rest works.
    text : str
        What was found, and where it is not ok what to do; one line.
    details : mapping
        The same for programs, plain values.
    """

    name: str
    status: Status
    text: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Give the line.

        Examples
        --------
        >>> print(Check("Python", "ok", "3.13.1"))
        ok      Python               3.13.1
        """
        return f"{self.status:<7} {self.name:<20} {self.text}"
