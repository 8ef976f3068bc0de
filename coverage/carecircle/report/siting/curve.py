"""How much each further centre brings: shares against the number of new sites, as data and as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from carecircle.language import Language, current_language, text
from carecircle.report import facts
from carecircle.report.sitewords import said, words

if TYPE_CHECKING:
    from carecircle.model import SitingPlan

COLOURS = ("#1f6fb4", "#c4500c", "#00795c", "#6a1b9a", "#7a5200", "#37474f")
DASHES = ((), (7, 3), (2, 3), (9, 3, 2, 3))
"""Lines are told apart by colour, and in print by their dashes."""
_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 18, 36, 46
MOST_DOTS = 40
"""Lines of more points than this have no dots."""
INK, QUIET, TARGET = "#1f2a37", "#566170", "#b3261e"


@dataclass(frozen=True)
class Line:
    """A line of the curve.

    Parameters
    ----------
    name
        What the shares are of.
    sites, rates
        Numbers of new sites, and shares in per cent, cut to one decimal.
    threshold
        What is demanded in per cent, NaN where nothing is.
    chosen
        The place of the plan proposed in them, -1 where it is not in them.
    """

    name: str
    sites: tuple[int, ...]
    rates: tuple[float, ...]
    threshold: float
    chosen: int

    @property
    def path(self) -> tuple[int, ...]:
        """Places that the line runs through: a plan for another aim may lie below the curve, and stands alone."""
        below = self.chosen > 0 and self.rates[self.chosen] < self.rates[self.chosen - 1]
        return tuple(place for place in range(len(self.sites)) if not (below and place == self.chosen))


def lines(plan: SitingPlan, language: Language | None = None) -> tuple[Line, ...]:
    """Return the lines of a plan's curve, one a measure, in the order of the table; points that are not known go."""
    if plan.curve.empty:
        return ()
    found = [
        _line(measure_name(plan, measure, language), part.sort_values("sites"))
        for measure, part in plan.curve.groupby("measure", sort=False)
    ]
    return tuple(line for line in found if line.sites)


def _line(name: str, frame: pd.DataFrame) -> Line:
    cut = facts.thousandths(frame["covered"], frame["total"]) / 10
    known = np.isfinite(cut)
    chosen = frame["chosen"].eq(True).to_numpy()[known] if "chosen" in frame else np.zeros(int(known.sum()), bool)
    demanded = frame["threshold"].dropna().astype(float).tolist() if "threshold" in frame else []
    return Line(
        name,
        tuple(int(one) for one in frame["sites"].to_numpy()[known]),
        tuple(float(one) for one in cut[known]),
        demanded[0] if demanded else math.nan,
        int(np.flatnonzero(chosen)[0]) if chosen.any() else -1,
    )


def measure_name(plan: SitingPlan, measure: object, language: Language | None = None) -> str:
    """Return what a measure of the curve is called: a share of people, or a policy's target by its title."""
    key = words(measure)
    if {"target_id", "title"} <= set(plan.targets.columns):
        titles = plan.targets.loc[plan.targets["target_id"] == key, "title"].tolist()
        if titles and words(titles[0]):
            return text("table.clause_id", language, clause=words(titles[0]), id=key)
    return facts.label("fact.measure_", key, language)


def ends(drawn: tuple[Line, ...]) -> tuple[int, float, float]:
    """Return the most sites, and the lowest and highest share of the axes in whole tens.

    Examples
    --------
    >>> ends((Line("", (0, 3), (52.3, 71.0), 90.0, 1),))
    (3, 50.0, 90.0)
    """
    shares = [one for line in drawn for one in (*line.rates, line.threshold) if not math.isnan(one)]
    low, high = math.floor(min(shares) / 10) * 10.0, math.ceil(max(shares) / 10) * 10.0
    return max(1, *(line.sites[-1] for line in drawn)), low, max(high, low + 10.0)


def site_ticks(most: int) -> list[int]:
    """Return whole numbers of sites for an axis, ten or so.

    Examples
    --------
    >>> site_ticks(3), site_ticks(133)[:3]
    ([0, 1, 2, 3], [0, 20, 40])
    """
    steps = (part * 10**power for power in range(9) for part in (1, 2, 5))
    return list(range(0, most + 1, next(step for step in steps if most <= 10 * step)))


def share_ticks(low: float, high: float) -> list[float]:
    """Return shares for an axis, in steps of 5, 10 or 20."""
    step = 5.0 if high - low <= 30 else 10.0 if high - low <= 60 else 20.0
    return [low + step * place for place in range(int((high - low) / step) + 1)]


def curve_svg(plan: SitingPlan, language: Language | None = None) -> str:
    """Return the curve as an SVG element; "" where there is nothing to draw. Names are escaped.

    Parameters
    ----------
    plan
        Its ``curve`` is drawn.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.
    """
    language = language or current_language()
    drawn = lines(plan, language)
    if not drawn:
        return ""
    axes = ends(drawn)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(said("curve", language))}">',
        *(_grid_across(_at(axes, 0, share)[1], share) for share in share_ticks(axes[1], axes[2])),
        *(_grid_down(_at(axes, sites, axes[1])[0], sites) for sites in site_ticks(axes[0])),
        _words((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, said("curve_x", language), "middle", QUIET),
        _words(_LEFT - 44, 16, said("curve_y", language), "start", QUIET),
        *(_target(_at(axes, 0, one)[1], one, language) for one in thresholds(drawn)),
    ]
    for place, line in enumerate(drawn):
        at = [_at(axes, sites, rate) for sites, rate in zip(line.sites, line.rates, strict=True)]
        parts += _drawn(line, at, place, language)
    return "".join([*parts, "</svg>"])


def thresholds(drawn: tuple[Line, ...]) -> list[float]:
    """Return what is demanded by any line, each once."""
    return sorted({line.threshold for line in drawn if not math.isnan(line.threshold)})


def _at(axes: tuple[int, float, float], sites: float, share: float) -> tuple[float, float]:
    """Return where a point of the curve stands in the picture."""
    most, low, high = axes
    x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * sites / most
    y = _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - share) / (high - low)
    return round(x, 1), round(y, 1)


def _grid_across(y: float, share: float) -> str:
    line = f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#e3e6ea"/>'
    return line + _words(_LEFT - 8, y + 4, f"{share:g}", "end", QUIET)


def _grid_down(x: float, sites: int) -> str:
    bottom = _HEIGHT - _BOTTOM
    line = f'<line x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 5}" stroke="{QUIET}"/>'
    return line + _words(x, bottom + 19, f"{sites:d}", "middle", QUIET)


def _target(y: float, threshold: float, language: Language) -> str:
    line = f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="{TARGET}" stroke-dasharray="6 4"/>'
    said_so = said("curve_target", language, value=f"{threshold:g}")
    return line + _words(_WIDTH - _RIGHT - 4, y - 5, said_so, "end", TARGET)


def _words(x: float, y: float, shown: str, anchor: str, colour: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}" font-size="13">{escape(shown)}</text>'


def _drawn(line: Line, at: list[tuple[float, float]], place: int, language: Language) -> Iterator[str]:
    colour, dash = looks(place)
    points = " ".join("{:g},{:g}".format(*at[place]) for place in line.path)
    dashed = f' stroke-dasharray="{" ".join(map(str, dash))}"' if dash else ""
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.2"{dashed}/>'
    for number, (x, y) in enumerate(at):
        if number == line.chosen:
            yield f'<circle cx="{x}" cy="{y}" r="7" fill="none" stroke="{INK}" stroke-width="2"/>'
        if number == line.chosen or len(at) <= MOST_DOTS:
            said_so = said(
                "curve_point", language, name=line.name, sites=line.sites[number], rate=f"{line.rates[number]:.1f}%"
            )
            yield f'<circle cx="{x}" cy="{y}" r="3.4" fill="{colour}"><title>{escape(said_so)}</title></circle>'


def looks(place: int) -> tuple[str, tuple[int, ...]]:
    """Return colour and dashes of a line."""
    return COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]


def keys(plan: SitingPlan, language: Language | None = None) -> list[dict[str, str]]:
    """Return what the legend of the curve says: name, colour, and dashes as CSS has them."""
    named = enumerate(lines(plan, language))
    return [
        {"name": line.name, "colour": looks(place)[0], "dash": " ".join(map(str, looks(place)[1]))}
        for place, line in named
    ]
