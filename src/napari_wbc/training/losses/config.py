"""The table ``[loss]`` of a training configuration."""

from __future__ import annotations

from dataclasses import dataclass

from napari_wbc.errors import InputError

CLASSIFICATION_LOSSES = ("cross_entropy", "per_domain", "domain_conditional")


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Which losses are summed, and how strongly.

    Attributes
    ----------
    classification : str
        ``cross_entropy`` (empirical risk minimisation), ``per_domain`` (the same, every domain of a batch counting
        alike) or ``domain_conditional`` (logit-adjusted by the class mix of each domain).
    tau, unlabelled_prior : float
        Of ``domain_conditional``: strength of the adjustment, and the share given to a class that a domain does not
        annotate.
    """

    classification: str = "domain_conditional"
    tau: float = 1.0
    unlabelled_prior: float = 0.05

    def __post_init__(self) -> None:
        if self.classification not in CLASSIFICATION_LOSSES:
            raise InputError(
                f"unknown classification loss {self.classification!r}; it is one of "
                + ", ".join(CLASSIFICATION_LOSSES)
            )
