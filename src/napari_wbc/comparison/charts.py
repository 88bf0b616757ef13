"""The two plots of a method comparison as inline SVG; they read without colour.

Every shape carries its looks itself, as in :mod:`napari_wbc.differential.charts`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup

from napari_wbc.comparison.by_class import ComparedClass, OnSlide
from napari_wbc.differential.charts import FONT, INK, LINE, QUIET, SOFT

_WIDTH, _HEIGHT = 400.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 8.0, 10.0, 40.0


class _Frame:
    """A box with two linear axes, which shapes are put into."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], of_x: str, of_y: str) -> None:
        self.x, self.y = x, y
        self.parts: list[Markup] = []
        for value in _ticks(*x):
            at = self.to_x(value)
            self.parts.append(
                Markup(
                    '<path d="M{0:.1f} {1:.1f} V{2:.1f}" stroke="{3}"/><text x="{0:.1f}" y="{4:.1f}" fill="{5}" '
                    'font-size="11" text-anchor="middle">{6}</text>'
                ).format(at, _TOP, _HEIGHT - _BOTTOM, LINE, _HEIGHT - _BOTTOM + 15, QUIET, _plain(value))
            )
        for value in _ticks(*y):
            at = self.to_y(value)
            self.parts.append(
                Markup(
                    '<path d="M{0:.1f} {1:.1f} H{2:.1f}" stroke="{3}"/><text x="{4:.1f}" y="{5:.1f}" fill="{6}" '
                    'font-size="11" text-anchor="end">{7}</text>'
                ).format(_LEFT, at, _WIDTH - _RIGHT, LINE, _LEFT - 6, at + 4, QUIET, _plain(value))
            )
        self.parts.append(
            Markup(
                '<text x="{:.1f}" y="{:.1f}" fill="{}" font-size="12" text-anchor="middle">{}</text>'
            ).format((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, INK, of_x)
        )
        self.parts.append(
            Markup(
                '<text transform="translate(12 {:.1f}) rotate(-90)" fill="{}" font-size="12" text-anchor="middle">'
                "{}</text>"
            ).format((_TOP + _HEIGHT - _BOTTOM) / 2, INK, of_y)
        )

    def to_x(self, value: float) -> float:
        low, high = self.x
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def to_y(self, value: float) -> float:
        low, high = self.y
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    def curve(self, points: Sequence[tuple[float, float]], looks: str) -> None:
        """Draw a line through points, cut off at the box."""
        path = " ".join(
            f"{'L' if i else 'M'}{self.to_x(x):.1f} {self.to_y(y):.1f}" for i, (x, y) in enumerate(points)
        )
        self.parts.append(
            Markup('<path d="{}" fill="none" {} clip-path="url(#box)"/>').format(path, Markup(looks))  # noqa: S704
        )

    def level(self, y: float, looks: str) -> None:
        """Draw a level line."""
        self.curve([(self.x[0], y), (self.x[1], y)], looks)

    def area(self, points: Sequence[tuple[float, float]]) -> None:
        """Fill a polygon in grey, cut off at the box."""
        path = " ".join(f"{self.to_x(x):.1f},{self.to_y(y):.1f}" for x, y in points)
        self.parts.append(
            Markup('<polygon points="{}" fill="{}" fill-opacity="0.8" clip-path="url(#box)"/>').format(
                path, SOFT
            )
        )

    def dot(self, x: float, y: float, colour: str, about: str, *, apart: bool) -> None:
        """Draw a slide: a disc, or a hollow square where the counts differ by more than chance."""
        at_x, at_y = self.to_x(x), self.to_y(y)
        if apart:
            square = Markup(
                '<rect x="{:.1f}" y="{:.1f}" width="9" height="9" fill="#fff" stroke="{}" stroke-width="2.2">'
                "<title>{}</title></rect>"
            )
            self.parts.append(square.format(at_x - 4.5, at_y - 4.5, INK, about))
        else:
            disc = Markup(
                '<circle cx="{:.1f}" cy="{:.1f}" r="4" fill="{}" stroke="{}" stroke-width="0.8">'
                "<title>{}</title></circle>"
            )
            self.parts.append(disc.format(at_x, at_y, colour, INK, about))

    def svg(self, label: str) -> Markup:
        """Give the picture."""
        return Markup(
            '<svg class="comparison" viewBox="0 0 {0:g} {1:g}" role="img" aria-label="{2}" {3}><defs>'
            '<clipPath id="box"><rect x="{4:g}" y="{5:g}" width="{6:g}" height="{7:g}"/></clipPath></defs>{8}</svg>'
        ).format(
            _WIDTH,
            _HEIGHT,
            label,
            FONT,
            _LEFT,
            _TOP,
            _WIDTH - _LEFT - _RIGHT,
            _HEIGHT - _TOP - _BOTTOM,
            Markup("").join(self.parts),
        )


def scatter(
    compared: ComparedClass, titles: tuple[str, str], names: Callable[[str], str], colour: str
) -> Markup:
    """Draw the second method over the first, with the line of identity and that of Passing and Bablok.

    Parameters
    ----------
    compared : ComparedClass
        A class over slides.
    titles : tuple of str
        Of the two sides.
    names : callable
        Gives the name of a slide from its key.
    colour : str
        ``#rrggbb`` of the dots.

    Returns
    -------
    markupsafe.Markup
        An ``svg`` element: solid the line with its interval in grey, dashed the line of identity; a hollow square is a
        slide on which the counts differ by more than chance.
    """
    end = _end(max(max(s.first, s.second) for s in compared.slides))
    frame = _Frame((0, end), (0, end), f"{_short(titles[0])}, %", f"{_short(titles[1])}, %")
    line = compared.line
    if line is not None:
        across = np.linspace(0, end, 30)
        if all(map(math.isfinite, (line.slope_low, line.slope_high))):
            edges = (
                line.intercept_high + line.slope_low * across,
                line.intercept_low + line.slope_high * across,
            )
            low, high = np.minimum(*edges), np.maximum(*edges)
            frame.area([*zip(across, high, strict=True), *zip(across[::-1], low[::-1], strict=True)])
        frame.curve(
            [(x, line.intercept + line.slope * x) for x in (0.0, end)], f'stroke="{INK}" stroke-width="1.6"'
        )
    frame.curve([(0, 0), (end, end)], f'stroke="{QUIET}" stroke-dasharray="5 4"')
    for slide in compared.slides:
        frame.dot(slide.first, slide.second, colour, _about(slide, names), apart=_is_apart(slide))
    return frame.svg(f"{compared.title}: {titles[1]} over {titles[0]}, {len(compared.slides)} slides")


def difference_plot(
    compared: ComparedClass, titles: tuple[str, str], names: Callable[[str], str], colour: str
) -> Markup:
    """Draw the differences over the means, as Bland and Altman do; parameters as for :func:`scatter`.

    Returns
    -------
    markupsafe.Markup
        An ``svg`` element: solid the mean difference, dashed the limits of agreement, both with their intervals in
        grey; dotted the limits that counting alone gives, for the median number of cells.
    """
    means = [(s.first + s.second) / 2 for s in compared.slides]
    gaps = [s.second - s.first for s in compared.slides]
    d = compared.differences
    shown = [*gaps, 0.0, *((d.lower, d.upper) if d is not None else ())]
    reach = _end(max(map(abs, shown)) * 1.05)
    end = _end(max(means))
    frame = _Frame(
        (0, end), (-reach, reach), "mean of both, %", f"{_short(titles[1])} − {_short(titles[0])}, %"
    )
    if d is not None:
        for low, high in (
            (d.lower_low, d.lower_high),
            (d.bias_low, d.bias_high),
            (d.upper_low, d.upper_high),
        ):
            frame.area([(0, high), (end, high), (end, low), (0, low)])
    frame.level(0, f'stroke="{QUIET}"')
    if d is not None:
        frame.level(d.bias, f'stroke="{INK}" stroke-width="1.6"')
        for limit in (d.lower, d.upper):
            frame.level(limit, f'stroke="{INK}" stroke-dasharray="6 4" stroke-width="1.3"')
    counted = [s.counts for s in compared.slides if s.counts is not None]
    if counted:
        spread = np.median([1 / c.n_first + 1 / c.n_second for c in counted])
        across = np.linspace(0, min(end, 100), 60)
        by_chance = 1.96 * np.sqrt(across * (100 - across) * spread)
        for sign in (-1, 1):
            frame.curve(
                list(zip(across, sign * by_chance, strict=True)), f'stroke="{INK}" stroke-dasharray="1.5 3"'
            )
    for slide, x, y in zip(compared.slides, means, gaps, strict=True):
        frame.dot(x, y, colour, _about(slide, names), apart=_is_apart(slide))
    return frame.svg(f"{compared.title}: differences over means, {len(compared.slides)} slides")


def _is_apart(slide: OnSlide) -> bool:
    return slide.counts is not None and not slide.counts.agree


def _about(slide: OnSlide, names: Callable[[str], str]) -> str:
    return f"{names(slide.slide)}: {slide.first:.1f} and {slide.second:.1f}"


def _short(title: str) -> str:
    return title if len(title) <= 32 else title[:31] + "…"


def _end(largest: float) -> float:
    """Give a round number that is no less than the largest value."""
    if largest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next(
        step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= largest * (1 - 1e-9)
    )


def _ticks(low: float, high: float) -> list[float]:
    """Give five or so round numbers of an axis."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "−")
