"""The curve of a siting plan for print: PNG, 300 dots an inch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D

from carecircle.language import Language, current_language
from carecircle.outputs import whole_file
from carecircle.report.figures.plate import plain
from carecircle.report.fonts import families
from carecircle.report.sitewords import said
from carecircle.report.siting import curve
from carecircle.report.siting.curve import INK, QUIET, TARGET, Line

if TYPE_CHECKING:
    from carecircle.model import SitingPlan, Study

_MM = 1 / 25.4
_WIDTH_MM, _HEIGHT_MM, _KEY_MM = 170.0, 105.0, 4.6
_LEFT, _ACROSS = 0.085, 0.885


def write_curve(plan: SitingPlan, study: Study, path: str | Path, language: Language | None = None) -> Path | None:
    """Write the curve as PNG; None where there is nothing to draw, or no font for its words.

    Parameters
    ----------
    plan
        Its ``curve`` is drawn.
    study
        Its title stands under that of the figure.
    path
        Where to.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.
    """
    language = language or current_language()
    drawn = curve.lines(plan, language)
    fonts = families("".join([study.title, said("curve", language), *(line.name for line in drawn)]))
    if not drawn or not fonts:
        return None
    figure = _figure(drawn, study.title, fonts, language)
    with whole_file(path) as draft:
        figure.savefig(draft, format="png", dpi=300, metadata={"Software": None})
    return Path(path)


def _figure(drawn: tuple[Line, ...], place: str, fonts: tuple[str, ...], language: Language) -> Figure:
    """Return the figure: title, axes, and under them the names of the lines."""
    height = _HEIGHT_MM + _KEY_MM * len(drawn)
    figure = Figure(figsize=(_WIDTH_MM * _MM, height * _MM), dpi=300, facecolor="white")
    FigureCanvasAgg(figure)
    low, high = (20.0 + _KEY_MM * len(drawn)) / height, 1 - 16.0 / height
    axes = figure.add_axes((_LEFT, low, _ACROSS, high - low))
    _set_axes(axes, drawn, fonts, language)
    for number, line in enumerate(drawn):
        _draw(axes, line, number)
        _name(figure, line, number, (4.0 + _KEY_MM * (len(drawn) - number)) / height, fonts)
    title, under = _font(fonts, 12, "bold"), _font(fonts, 8)
    _write(figure, 0.5, 1 - 5.0 / height, said("curve", language), title, ha="center", color=INK)
    _write(figure, 0.5, 1 - 11.0 / height, plain(place), under, ha="center", color=QUIET)
    _write(figure, _LEFT, 3.0 / height, said("curve_few", language), _font(fonts, 7), color=QUIET)
    return figure


def _font(fonts: tuple[str, ...], size: float, weight: str = "normal") -> FontProperties:
    return FontProperties(family=list(fonts), size=size, weight=weight)


def _write(figure: Figure, x: float, y: float, words: str, font: FontProperties, **looks: Any) -> None:
    figure.text(x, y, words, va="center", fontproperties=font, parse_math=False, **looks)


def _set_axes(axes: Axes, drawn: tuple[Line, ...], fonts: tuple[str, ...], language: Language) -> None:
    most, low, high = curve.ends(drawn)
    across, up = curve.site_ticks(most), curve.share_ticks(low, high)
    axes.set(xlim=(0, most * 1.01), ylim=(low, high + (high - low) * 0.02))
    axes.set_xticks(across, [f"{one:d}" for one in across], fontproperties=_font(fonts, 8))
    axes.set_yticks(up, [f"{one:g}" for one in up], fontproperties=_font(fonts, 8))
    axes.set_xlabel(said("curve_x", language), fontproperties=_font(fonts, 9))
    axes.set_ylabel(said("curve_y", language), fontproperties=_font(fonts, 9))
    axes.grid(axis="y", color="#e3e6ea", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    for one in curve.thresholds(drawn):
        axes.axhline(one, color=TARGET, linewidth=0.9, linestyle=(0, (5, 3)))
        words, font = said("curve_target", language, value=f"{one:g}"), _font(fonts, 8)
        axes.text(most, one, words, ha="right", va="bottom", color=TARGET, fontproperties=font)


def _draw(axes: Axes, line: Line, number: int) -> None:
    """Draw a line, and a ring round the plan proposed."""
    dots = "o" if len(line.sites) <= curve.MOST_DOTS else None
    path = [line.sites[place] for place in line.path], [line.rates[place] for place in line.path]
    axes.plot(*path, linewidth=1.4, marker=dots, markersize=2.6, **_looks(number))
    if line.chosen >= 0:
        at = [line.sites[line.chosen]], [line.rates[line.chosen]]
        axes.scatter(*at, s=7, color=curve.looks(number)[0], clip_on=False, zorder=4)
        axes.scatter(*at, s=64, facecolor="none", edgecolor=INK, linewidths=1.2, clip_on=False, zorder=5)


def _looks(number: int) -> dict[str, Any]:
    colour, dash = curve.looks(number)
    return {"color": colour, "linestyle": (0, dash) if dash else "solid"}


def _name(figure: Figure, line: Line, number: int, y: float, fonts: tuple[str, ...]) -> None:
    figure.add_artist(Line2D([_LEFT, _LEFT + 0.05], [y, y], linewidth=1.4, **_looks(number)))
    _write(figure, _LEFT + 0.06, y, plain(line.name), _font(fonts, 7.5), color=INK)
