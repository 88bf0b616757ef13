"""The drawings of the cohort page as inline SVG; place, hatching and shape carry what the colours say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from napari_wbc.differential.charts import FONT, INK, LINE, QUIET, SOFT, axis_position, hatched, hatches
from napari_wbc.differential.report_rows import ink
from napari_wbc.leukocytes import class_of

_ALARM = "#a3201d"
_BAR_WIDTH, _BAR_HEIGHT = 420.0, 18.0
# A label needs about this much room per character.
_PER_CHARACTER = 5.6
_STRIP_WIDTH, _STRIP_HEIGHT = 430.0, 76.0
_AXIS_Y, _PILE = 56.0, 38.0
# Dots of few slides and of many.
_DOT, _SMALL_DOT, _MANY = 3.6, 1.8, 120


def slide_bar(
    percents: Sequence[tuple[str, str, float]], classes: Sequence[str], *, thin: bool = False
) -> Markup:
    """Draw the differential of one slide as a bar.

    Parameters
    ----------
    percents : sequence of (class, title, percent)
        They sum to 100.
    classes : sequence of str
        Those of all bars of the page: a class has the same hatching in each of them.
    thin : bool, optional
        A bar of a third of the height, without letters: of so few cells that it says little.

    Returns
    -------
    markupsafe.Markup
        An ``svg`` element that says its numbers.
    """
    shown = [(name, title, percent) for name, title, percent in percents if percent > 0]
    parts, wanted, x = [], [], 0.0
    top, height = (_BAR_HEIGHT / 3, _BAR_HEIGHT / 3) if thin else (0.0, _BAR_HEIGHT)
    for name, title, percent in shown:
        shape, width = class_of(name), percent / 100 * _BAR_WIDTH
        number, dark = classes.index(name), ink(shape.colour)
        box = Markup('x="{:.2f}" y="{:g}" width="{:.2f}" height="{:g}"').format(x, top, width, height)
        parts.append(
            Markup('<g><title>{}: {:.1f} %</title><rect {} fill="{}"/>').format(
                title, percent, box, shape.colour
            )
        )
        parts.append(hatched(box, number, dark))
        wanted.append((number, dark))
        label = next(
            (
                text
                for text in (f"{shape.abbreviation} {percent:.0f}", shape.abbreviation)
                if not thin and width >= (len(text) + 1) * _PER_CHARACTER
            ),
            "",
        )
        if label:
            room, middle = len(label) * _PER_CHARACTER + 4, x + width / 2
            parts.append(
                Markup(
                    '<rect x="{:.2f}" y="3" width="{:.2f}" height="12" rx="2" fill="{}"/>'
                    '<text x="{:.2f}" y="12.6" fill="{}" text-anchor="middle" font-size="9.5">{}</text>'
                ).format(middle - room / 2, room, shape.colour, middle, dark, label)
            )
        parts.append(Markup('<path d="M{:.2f} {:g}v{:g}" stroke="#fff"/></g>').format(x + width, top, height))
        x += width
    return Markup(
        '<svg class="slide" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}" {}>{}{}</svg>'
    ).format(
        _BAR_WIDTH,
        _BAR_HEIGHT,
        "; ".join(f"{title} {percent:.1f} %" for _, title, percent in shown),
        FONT,
        hatches(wanted),
        Markup("").join(parts),
    )


def legend_swatch(name: str, classes: Sequence[str]) -> Markup:
    """Draw the colour and hatching that a class has in the bars."""
    colour, number = class_of(name).colour, classes.index(name)
    box = Markup('x="0" y="0" width="20" height="14"')
    return Markup(
        '<svg class="swatch" viewBox="0 0 20 14" aria-hidden="true">{}<rect {} fill="{}"/>{}</svg>'
    ).format(hatches([(number, ink(colour))]), box, colour, hatched(box, number, ink(colour)))


def target_bar(leukocytes: int, target: int) -> Markup:
    """Draw how many leukocytes were counted against the target, which is the line; twice the target fills the box.

    Parameters
    ----------
    leukocytes, target : int
        Cells.
    """
    width = min(leukocytes / (2 * max(1, target)), 1.0) * 60
    return Markup(
        '<svg class="target" viewBox="0 0 60 12" aria-hidden="true"><rect width="60" height="12" fill="{}"/>'
        '<rect y="3" width="{:.2f}" height="6" fill="{}"/><path d="M30 0V12" stroke="{}" stroke-width="1.5"/></svg>'
    ).format(SOFT, width, QUIET if leukocytes >= target else _ALARM, INK)


def dot_strip(
    values: Sequence[tuple[str, float]], limit: float, *, below: bool = False, title: str
) -> Markup:
    """Draw a figure of every slide as a dot over an axis, with its limit; dots of like value are piled up.

    Parameters
    ----------
    values : sequence of (str, float)
        Name and figure; not negative.
    limit : float
        A figure beyond it is drawn as a hollow diamond.
    below : bool, optional
        Figures below the limit are the ones beyond it.
    title : str
        Said to those who cannot see it.

    Returns
    -------
    markupsafe.Markup
        An ``svg`` element.
    """
    top = _rounded_up(max([limit * 1.25, *(value for _, value in values)]))
    scale = (_STRIP_WIDTH - 20) / top
    radius = _DOT if len(values) <= _MANY else _SMALL_DOT
    places = [round(value * scale / (2 * radius)) for _, value in values]
    # Dots of a high pile overlap, so that it stays on the paper.
    step = min(2 * radius, _PILE / max(Counter(places).values(), default=1))
    piles: Counter[int] = Counter()
    parts = []
    beyond = 0
    for (name, value), place in sorted(zip(values, places, strict=True), key=lambda item: item[0][1]):
        x, y = 10 + value * scale, _AXIS_Y - 1 - radius - step * piles[place]
        piles[place] += 1
        out = value < limit if below else value > limit
        beyond += out
        dot = _dot(x, y, radius, hollow=out)
        parts.append(Markup("<g><title>{}: {:g}</title>{}</g>").format(name, value, dot))
    ticks = [top * i / 4 for i in range(5)]
    axis = Markup('<path d="M10 {0:g}H{1:g}" stroke="{2}"/>').format(_AXIS_Y, _STRIP_WIDTH - 10, LINE)
    axis += Markup("").join(
        Markup('<text x="{:.2f}" y="{:g}" font-size="10" fill="{}" text-anchor="middle">{:g}</text>').format(
            10 + tick * scale, _AXIS_Y + 13, QUIET, tick
        )
        for tick in ticks
    )
    line = Markup(
        '<path d="M{0:.2f} 12V{1:g}" stroke="{2}" stroke-width="1.3" stroke-dasharray="4 2"/>'
        '<text x="{0:.2f}" y="9" font-size="10" fill="{2}" text-anchor="middle">{3} {4:g}</text>'
    ).format(10 + limit * scale, _AXIS_Y, INK, "target" if below else "limit", limit)
    side = "below" if below else "above"
    said = f"{title}: {len(values)} slides, {beyond} {side} {limit:g}"
    return Markup(
        '<svg class="strip" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}" {}>{}{}{}</svg>'
    ).format(_STRIP_WIDTH, _STRIP_HEIGHT, said, FONT, axis, line, Markup("").join(parts))


def class_strip(
    percents: Sequence[float], reference: tuple[float, float] | None, middle: float, colour: str
) -> Markup:
    """Draw the percentages of a class over its reference interval, on the square-root axis of the reports.

    Parameters
    ----------
    percents : sequence of float
        Of the slides.
    reference : tuple of float or None
        Percent.
    middle : float
        The median, a line.
    colour : str
        ``#rrggbb`` of the dots.
    """
    parts = [Markup('<path d="M0 9H120" stroke="{}"/>').format(LINE)]
    if reference is not None:
        left, right = map(axis_position, reference)
        box = Markup('<rect fill="{}" x="{:.2f}" y="1.5" width="{:.2f}" height="15" rx="2"/>')
        parts.append(box.format(SOFT, left, right - left))
    # Up and down in turn, in order of size, so that neighbours hide each other less.
    for i, percent in enumerate(sorted(percents)):
        parts.append(
            Markup('<circle cx="{:.2f}" cy="{:g}" r="2" fill="{}" fill-opacity="0.55"/>').format(
                axis_position(percent), 6.5 + 2.5 * (i % 3), colour
            )
        )
    parts.append(
        Markup('<path d="M{0:.2f} 1V17" stroke="{1}" stroke-width="1.8"/>').format(axis_position(middle), INK)
    )
    return Markup('<svg class="plot" viewBox="-5 0 130 18" aria-hidden="true">{}</svg>').format(
        Markup("").join(parts)
    )


def _dot(x: float, y: float, radius: float, *, hollow: bool) -> Markup:
    if not hollow:
        return Markup(
            '<circle cx="{:.2f}" cy="{:.2f}" r="{:g}" fill="{}" stroke="#fff" stroke-width="{:g}"/>'
        ).format(x, y, radius, QUIET, radius / 5)
    side = radius + 0.6
    path = f"M{x:.2f} {y - side:.2f}l{side:g} {side:g}l-{side:g} {side:g}l-{side:g} -{side:g}z"
    return Markup('<path d="{}" fill="#fff" stroke="{}" stroke-width="{:g}"/>').format(
        path, _ALARM, radius / 2.6
    )


def _rounded_up(value: float) -> float:
    """Give the end of an axis: four steps of 1, 2, 2.5 or 5 times a power of ten.

    Examples
    --------
    >>> _rounded_up(250), _rounded_up(7.1), _rounded_up(0.9)
    (400.0, 8.0, 1.0)
    """
    if value <= 0:
        return 1.0
    step = value / 4
    power = 10.0 ** math.floor(math.log10(step))
    return float(4 * power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= step * (1 - 1e-9)))
