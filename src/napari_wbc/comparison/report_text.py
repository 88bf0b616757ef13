"""What the report of a comparison says about its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_wbc.comparison.compare import Comparison


def method_sentences(comparison: Comparison) -> list[tuple[str, str]]:
    """Say in paragraphs what each figure means, with a heading each; only of those that are in the report."""
    a, b = comparison.first.title, comparison.second.title
    many = len(comparison.slides) > 1
    told = [
        (
            "Percentages",
            "Of the leukocytes that each side counted on a slide; erythroblasts are per 100 leukocytes. Where one side "
            "tells less apart, the classes of the other are taken together.",
        )
    ]
    if many:
        told += [
            (
                "Differences (Bland and Altman)",
                f"{b} minus {a}. Most differences, 95 %, are expected between the two limits of agreement; all three "
                "lines carry 95 % intervals. They take the differences for normally distributed: where these grow with "
                "the level (marked ↗), the limits are too wide for low percentages and too narrow for high ones.",
            ),
            (
                "Line (Passing and Bablok)",
                "The slope stands for a proportional difference, the intercept for a constant one. Methods agree where "
                "the interval of the slope holds 1 and that of the intercept 0. A small p of linearity says that no "
                "straight line fits, and slope and intercept are of no use then. A class with few cells on every slide "
                "has no meaningful line.",
            ),
            (
                "Correlation and concordance",
                "Pearson’s r and Spearman’s ρ say how well the two go together, also where one is twice the other; "
                "Lin’s concordance falls with every distance from the line of identity. All of them rise with the "
                "range of the slides.",
            ),
        ]
    if any(s.counts is not None for c in comparison.by_class for s in c.slides):
        told.append(
            (
                "Counts and chance (after CLSI H20-A2)",
                "Two counts of the same slide differ by chance. The limits are those of Fisher’s exact test: if both "
                "sides see the same shares, a count beyond them comes up in at most 1 of 20. The expected standard "
                "deviation adds up the two sampling errors √(pq/n); a ratio of 1 says that chance explains all. If "
                "both sides counted the very same cells, their errors are not independent, and the ratio is below 1: "
                "the comparison cell by cell says more then.",
            )
        )
    if comparison.findings and many:
        told.append(
            (
                "Findings (after CLSI EP12)",
                f"Positive percent agreement: of the slides positive by {a}, those positive by {b}; negative percent "
                f"agreement likewise. If {a} is the truth, these are sensitivity and specificity. Wilson intervals.",
            )
        )
    if comparison.cells is not None:
        told.append(
            (
                "Cell by cell",
                "Cells are matched by their place. Kappa is the agreement beyond chance, of the cells that both found "
                "and gave a class; weighted, a confusion of neighbouring stages of the neutrophil (myeloblast to "
                "segmented) counts by its distance, any other in full.",
            )
        )
    return told
