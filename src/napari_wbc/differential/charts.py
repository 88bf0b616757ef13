"""Small charts of the report as inline SVG; patterns and labels carry what the colours say.

Every shape carries its looks itself: the program that makes the PDF gives a style sheet of the page no say in pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

#: The colours of the page that charts use as well.
INK, QUIET, LINE, SOFT = "#1c222b", "#66707c", "#dde1e6", "#e3e7ec"
FONT = Markup('font-family="Arial, Liberation Sans, Helvetica, sans-serif"')
_WIDTH, _BAR, _HEIGHT = 1000.0, 46.0, 84.0
# A label inside the bar needs about this much room per character, and one below it at least this much distance.
_PER_CHARACTER, _LABEL_GAP = 9.5, 74.0

# Hatching over the colour; neighbours in the bar never share one, so that the bar reads in grey.
_PATTERNS = (
    Markup(""),
    Markup('<path d="M-2 2 L2 -2 M0 10 L10 0 M8 12 L12 8"/>'),
    Markup('<circle cx="3" cy="3" r="1.3"/><circle cx="8" cy="8" r="1.3"/>'),
    Markup('<path d="M-2 8 L2 12 M0 0 L10 10 M8 -2 L12 2"/>'),
    Markup('<path d="M0 5 H10"/>'),
    Markup('<path d="M5 0 V10"/>'),
    Markup('<path d="M0 5 H10 M5 0 V10"/>'),
)


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of the stacked bar: the percentage of a class, its names and colour."""

    title: str
    abbreviation: str
    colour: str
    ink: str
    percent: float


def stacked_bar(segments: Sequence[Segment]) -> Markup:
    """Draw the differential as one bar; wide parts are labelled inside, narrow ones below with a line.

    Parameters
    ----------
    segments : sequence of Segment
        Their percentages sum to 100.

    Returns
    -------
    markupsafe.Markup
        An ``svg`` element; every text in it is escaped.
    """
    shown = [s for s in segments if s.percent > 0]
    parts, below = [], []
    x = 0.0
    for i, segment in enumerate(shown):
        width = segment.percent / 100 * _WIDTH
        described = Markup("{}: {:.1f} %").format(segment.title, segment.percent)
        box = Markup('x="{:.2f}" y="0" width="{:.2f}" height="{:g}"').format(x, width, _BAR)
        parts.append(
            Markup('<g><title>{}</title><rect {} fill="{}"/>').format(described, box, segment.colour)
        )
        parts.append(hatched(box, i, segment.ink))
        label = f"{segment.abbreviation} {segment.percent:.1f}"
        if width >= (len(label) + 2) * _PER_CHARACTER:
            # A plate of the plain colour keeps the label readable over the hatching.
            room, middle = len(label) * _PER_CHARACTER + 8, x + width / 2
            corner, base = (middle - room / 2, _BAR / 2 - 12), _BAR / 2 + 5.5
            plate = Markup('<rect x="{:.2f}" y="{:g}" width="{:.2f}" height="24" rx="3" fill="{}"/>')
            text = Markup(
                '<text x="{:.2f}" y="{:g}" fill="{}" text-anchor="middle" font-size="16" font-weight="600">{}</text>'
            )
            parts.append(
                plate.format(*corner, room, segment.colour) + text.format(middle, base, segment.ink, label)
            )
        else:
            below.append((x + width / 2, label))
        parts.append(
            Markup(
                '<line x1="{0:.2f}" x2="{0:.2f}" y1="0" y2="{1:g}" stroke="#fff" stroke-width="1.5"/></g>'
            ).format(x + width, _BAR)
        )
        x += width
    for (middle, label), at in zip(below, _spread([middle for middle, _ in below]), strict=True):
        line = Markup('<path fill="none" stroke="#9aa3ad" d="M{:.2f} {:g} V{:g} L{:.2f} {:g}"/>').format(
            middle, _BAR, _BAR + 5, at, _BAR + 16
        )
        text = Markup('<text x="{:.2f}" y="{:g}" fill="{}" text-anchor="middle" font-size="14">{}</text>')
        parts.append(line + text.format(at, _BAR + 31, INK, label))
    height = _HEIGHT if below else _BAR
    return Markup(
        '<svg class="bar" viewBox="-1 -1 1002 {:g}" role="img" aria-label="{}" {}>{}{}</svg>'
    ).format(
        height + 2,
        "; ".join(f"{s.title} {s.percent:.1f} %" for s in shown),
        FONT,
        hatches((i, s.ink) for i, s in enumerate(shown)),
        Markup("").join(parts),
    )


def interval_plot(
    percent: float,
    low: float,
    high: float,
    reference: tuple[float, float] | None,
    colour: str,
    wider: tuple[float, float] | None = None,
) -> Markup:
    """Draw a percentage with its interval over its reference interval, on a square-root axis from 0 to 100.

    Parameters
    ----------
    percent, low, high : float
        Percent; NaN gives an empty plot.
    reference : tuple of float or None
        Percent.
    colour : str
        ``#rrggbb`` of the dot.
    wider : tuple of float, optional
        A second interval, drawn as a whisker; the first one is a bar on it then.

    Returns
    -------
    markupsafe.Markup
        An ``svg`` element.
    """
    parts = [Markup('<line stroke="{}" x1="0" x2="120" y1="9" y2="9"/>').format(LINE)]
    if reference is not None:
        left, right = map(axis_position, reference)
        parts.append(
            Markup('<rect fill="{}" x="{:.2f}" y="1.5" width="{:.2f}" height="15" rx="2"/>').format(
                SOFT, left, right - left
            )
        )
    if not math.isnan(percent):
        left, right = (axis_position(end) for end in wider or (low, high))
        whisker = f"M{left:.2f} 9 H{right:.2f} M{left:.2f} 5.5 V12.5 M{right:.2f} 5.5 V12.5"
        parts.append(Markup('<path fill="none" stroke="{}" stroke-width="1.2" d="{}"/>').format(INK, whisker))
        if wider is not None:
            left, right = axis_position(low), axis_position(high)
            parts.append(
                Markup('<rect fill="{}" x="{:.2f}" y="7" width="{:.2f}" height="4"/>').format(
                    INK, left, right - left
                )
            )
        dot = Markup('<circle cx="{:.2f}" cy="9" r="4" fill="{}" stroke="#fff"/>')
        parts.append(dot.format(axis_position(percent), colour))
    return Markup('<svg class="plot" viewBox="-5 0 130 18" aria-hidden="true">{}</svg>').format(
        Markup("").join(parts)
    )


def axis_ticks() -> Markup:
    """Draw the scale above the interval plots."""
    texts = [
        Markup('<text x="{:.2f}" y="12" text-anchor="middle" font-size="9" fill="{}">{}</text>').format(
            axis_position(value), QUIET, value
        )
        for value in (0, 5, 20, 50, 100)
    ]
    return Markup('<svg class="plot" viewBox="-5 0 130 18" aria-hidden="true" {}>{}</svg>').format(
        FONT, Markup("").join(texts)
    )


def axis_position(percent: float) -> float:
    """Give the place of a percentage on the axis, which is 120 long: the square root opens the small ones.

    Examples
    --------
    >>> axis_position(0), axis_position(25), axis_position(100)
    (0.0, 60.0, 120.0)
    """
    return 12.0 * math.sqrt(percent)


def _spread(middles: Sequence[float]) -> list[float]:
    """Move labels apart until none covers another, as little as the edge of the bar allows."""
    half = _LABEL_GAP / 2
    places: list[float] = []
    for middle in middles:
        places.append(max(middle, half if not places else places[-1] + _LABEL_GAP))
    limit = _WIDTH - half
    for i in reversed(range(len(places))):
        places[i] = min(places[i], limit)
        limit = places[i] - _LABEL_GAP
    return places


def hatched(box: Markup, number: int, ink: str) -> Markup:
    """Give the hatching over a rectangle; the drawing must hold :func:`hatches`.

    Parameters
    ----------
    box : markupsafe.Markup
        Place and size, as attributes.
    number : int
        Neighbours have different ones; 0 is plain.
    ink : str
        ``#rrggbb``.
    """
    if number % len(_PATTERNS) == 0:
        return Markup("")
    return Markup('<rect {} fill="url(#hatch-{}-{})"/>').format(box, number % len(_PATTERNS), ink[1:])


def hatches(wanted: Iterable[tuple[int, str]]) -> Markup:
    """Give the definitions of hatchings, by number and ink."""
    return Markup("<defs>{}</defs>").format(
        Markup("").join(
            Markup(
                '<pattern id="hatch-{}-{}" width="10" height="10" patternUnits="userSpaceOnUse"><g stroke="{}" '
                'fill="{}" stroke-width="1" opacity="0.42">{}</g></pattern>'
            ).format(number, ink[1:], ink, ink, _PATTERNS[number])
            for number, ink in sorted({(number % len(_PATTERNS), ink) for number, ink in wanted})
            if number
        )
    )
