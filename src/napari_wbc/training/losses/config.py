"""The table ``[loss]`` of a training configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_wbc.training.tables import require

CLASSIFICATION_LOSSES = (
    "cross_entropy",
    "per_domain",
    "domain_conditional",
    "focal",
    "class_balanced",
    "ldam",
)


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Which losses are summed, and how strongly. A weight of 0 leaves a term out.

    Attributes
    ----------
    classification : str
        ``cross_entropy`` (empirical risk minimisation), ``per_domain`` (the same, every domain of a batch counting
        alike), ``domain_conditional`` (logit-adjusted by the class mix of each domain), ``focal``,
        ``class_balanced`` or ``ldam``.
    tau, unlabelled_prior : float
        Of ``domain_conditional``: strength of the adjustment, and the share given to a class that a domain does not
        annotate.
    focal_gamma : float
        Of ``focal``: how far samples that are right already are played down.
    class_balanced_beta : float
        Of ``class_balanced``: the more it nears 1, the more the weights near one over the number of samples.
    ldam_margin : float
        Of ``ldam``: margin of the rarest class, in logits.
    group_dro : float
        Step size of the weights of domains (group distributionally robust optimisation); 0 leaves the reduction to
        ``classification``.
    boda : float
        Weight of the balanced domain-class distribution alignment.
    boda_nu, boda_temperature : float
        Its power of the ratio of sample numbers, and its temperature.
    boda_start, boda_refresh : int
        Steps before it begins, and steps from one refresh of the centroids to the next.
    boda_momentum : float
        Share of the old centroid at a refresh.
    macro, coral : float
        Weights of the alignment of means and covariances, and of covariances alone, between domains.
    supervised_contrastive, contrastive_temperature : float
        Weight and temperature of the contrast between classes with positives from other domains.
    """

    classification: str = "domain_conditional"
    tau: float = 1.0
    unlabelled_prior: float = 0.05
    focal_gamma: float = 2.0
    class_balanced_beta: float = 0.999
    ldam_margin: float = 15.0
    group_dro: float = 0.0
    boda: float = 0.0
    boda_nu: float = 0.5
    boda_temperature: float = 1.0
    boda_start: int = 500
    boda_refresh: int = 120
    boda_momentum: float = 0.2
    macro: float = 0.0
    coral: float = 0.0
    supervised_contrastive: float = 0.0
    contrastive_temperature: float = 0.1

    def __post_init__(self) -> None:
        require(
            self.classification in CLASSIFICATION_LOSSES,
            f"classification must be one of {', '.join(CLASSIFICATION_LOSSES)}, not {self.classification!r}",
        )
        for name in (
            "tau", "focal_gamma", "ldam_margin", "group_dro", "boda", "boda_start", "macro", "coral",
            "supervised_contrastive",
        ):  # fmt: skip
            require(getattr(self, name) >= 0, f"{name} must be 0 or more, not {getattr(self, name)}")
        for name in ("unlabelled_prior", "boda_temperature", "boda_refresh", "contrastive_temperature"):
            require(getattr(self, name) > 0, f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("class_balanced_beta", "boda_momentum"):
            value = getattr(self, name)
            require(0 <= value < 1, f"{name} must lie between 0 and 1, 1 excluded, not {value}")

    def classification_alone(self) -> LossConfig:
        """Give the same without the terms that shape the embeddings or weigh the domains."""
        return replace(self, boda=0.0, macro=0.0, coral=0.0, supervised_contrastive=0.0, group_dro=0.0)
