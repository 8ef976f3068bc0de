"""The sheet that every figure is drawn on: map, title, legend, scale, north, date, reference system and notes.

Everything is drawn in metres of the study's own zone (`carecircle.crs.metric_crs`) with matplotlib's objects; there
is no state between figures, and the same study gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from matplotlib import patheffects
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Patch, Polygon, Rectangle
from numpy.typing import NDArray
from pyproj import CRS, Proj

from carecircle.crs import metric_crs
from carecircle.language import Language, text
from carecircle.outputs import speakable
from carecircle.report import facts, mapdata
from carecircle.report.fonts import families, wide
from carecircle.schema import LEVELS
from carecircle.sources.facilities import in_operation

if TYPE_CHECKING:
    from carecircle.model import Study

DPI = 300
_MM = 1 / 25.4
_WIDTH_MM, _HEIGHT_MM = 210, 148
"""A5 across: on a page of A4 it is shown at three quarters of its size, and small words stay readable."""
_MAP_BOX = (0.02, 0.155, 0.725, 0.74)
_PANEL_BOX = (0.757, 0.155, 0.23, 0.74)
_PAIR_BOXES = ((0.02, 0.255, 0.475, 0.605), (0.505, 0.255, 0.475, 0.605))
_BELOW_BOX = (0.036, 0.15, 0.96, 0.09)
_Box = tuple[float, float, float, float]
_MARGIN = 0.03
_MOST_STREETS, _MOST_MAIN = 20_000, 60_000
"""From how many streets on only main ones, and of these only the first class, are drawn."""
_MAIN = ("motorway", "trunk", "primary")
_MIDDLE = ("secondary", "tertiary")
_STREET_TOLERANCE = 1 / 2000
"""Streets are drawn to a two-thousandth of the map's width: about a dot of a printer."""
_MOST_LABELS = 400
_MOST_OF_VIEW = 0.7
"""A county wider than this part of the whole is not drawn by itself."""
_LEGEND_POINTS = 108.0
"""Room for the words of the legend."""
_BORDERS = {"city": ("#4d4d4d", 1.1), "county": ("#4d4d4d", 0.9), "township": ("#7a7a7a", 0.5)}
_FINE_BORDER = ("#a8a8a8", 0.25)
_INK, _QUIET, _WARNING = "#1f2430", "#5a6170", "#b2182b"


@dataclass(frozen=True, eq=False, repr=False)
class Plate:
    """What all figures of a study share.

    Parameters
    ----------
    study, language, note
        What is drawn, in which language, and the line on how it may be used.
    crs
        The system of the sheet, in metres.
    areas, streets
        Of the study, in metres; streets as few as can be told apart.
    view
        West, south, east, north of the map in metres.
    fonts
        Families, from `carecircle.report.fonts.families`.
    place
        Name of the county that the sheet is of, "" for the whole study.
    """

    study: Study
    language: Language
    note: str
    crs: CRS
    areas: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    view: tuple[float, float, float, float]
    fonts: tuple[str, ...]
    place: str = ""

    def font(self, size: float, weight: str = "normal") -> FontProperties:
        """Return the plate's font in a size in points."""
        return FontProperties(family=list(self.fonts), size=size, weight=weight)

    def said(self, key: str, **values: object) -> str:
        """Return a sentence of the section ``figure``."""
        return text(f"figure.{key}", self.language, **values)

    def metric(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return the rows of a table that can be drawn, in metres."""
        found: gpd.GeoDataFrame = mapdata.drawable(frame).to_crs(self.crs)
        return found

    def level(self, name: str) -> gpd.GeoDataFrame:
        """Return the areas of a level."""
        return self.areas[self.areas["level"] == name]


@dataclass(frozen=True, eq=False, repr=False)
class Sheet:
    """A figure that is being drawn: its map and the panel beside it."""

    plate: Plate
    figure: Figure
    map: Axes
    panel: Axes


def make_plate(study: Study, language: Language, note: str | None = None) -> Plate:
    """Return what all figures of a study share.

    Raises
    ------
    ValueError
        The study holds nothing that can be drawn.
    """
    west, south, east, north = mapdata.view(study)
    if (west, south, east, north) == (0.0, 0.0, 1.0, 1.0):
        raise ValueError("nothing to draw")
    crs = metric_crs((west + east) / 2, (south + north) / 2)
    areas = mapdata.drawable(study.areas).to_crs(crs)
    first = next(frame for frame in (areas, study.isochrones, study.facilities, study.streets) if len(frame))
    view = _view(*mapdata.drawable(first).to_crs(crs).total_bounds)
    words = "".join([study.title, text("figure.legend", language), *_names(study.areas), *_names(study.facilities)])
    line = note or text("map.internal", language)
    streets = _streets(study.streets, crs, view[2] - view[0])
    return Plate(study, language, line, crs, areas, streets, view, families(words))


def of_centre(plate: Plate) -> Plate | None:
    """Return the plate of the county with the most facilities in operation, None where it is not much smaller."""
    counties = plate.level("county")
    found = plate.metric(plate.study.facilities)
    found = found[in_operation(found)]
    if len(counties) < 2 or found.empty:
        return None
    inside = counties.sindex.query(found.geometry, predicate="within")[1]
    row = counties.iloc[int(np.bincount(inside, minlength=len(counties)).argmax())]
    view = _view(*row.geometry.bounds)
    if view[2] - view[0] > _MOST_OF_VIEW * (plate.view[2] - plate.view[0]):
        return None
    streets = _streets(plate.study.streets, plate.crs, view[2] - view[0])
    return replace(plate, view=view, streets=streets, place=str(row["name"]))


def _names(frame: gpd.GeoDataFrame) -> list[str]:
    return frame["name"].dropna().astype(str).tolist() if "name" in frame else []


def _view(
    west: float, south: float, east: float, north: float, box: tuple[float, float, float, float] = _MAP_BOX
) -> tuple[float, float, float, float]:
    """Return a box around another, with a margin, of the shape of the map's place on the sheet."""
    shape = (box[2] * _WIDTH_MM) / (box[3] * _HEIGHT_MM)
    height = max(north - south, (east - west) / shape, 100.0) * (1 + 2 * _MARGIN)
    middle, width = ((west + east) / 2, (south + north) / 2), height * shape
    return middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2, middle[1] + height / 2


def _streets(streets: gpd.GeoDataFrame, crs: CRS, width: float) -> gpd.GeoDataFrame:
    """Return the streets in metres: of many only main ones, none finer than the sheet can show."""
    kind = streets["highway"].astype("string").str.removesuffix("_link").fillna("")
    rank = kind.map(dict.fromkeys(_MIDDLE, 1) | dict.fromkeys(_MAIN, 0)).fillna(2).astype(int)
    limit = 2 if len(rank) <= _MOST_STREETS else 1 if (rank <= 1).sum() <= _MOST_MAIN else 0
    kept = mapdata.drawable(streets.assign(rank=rank)[rank <= limit]).to_crs(crs)
    return kept.set_geometry(shapely.simplify(kept.geometry.to_numpy(), width * _STREET_TOLERANCE), crs=crs)


def open_sheet(plate: Plate, title: str, *, ground: str = "#f6f5f1") -> Sheet:
    """Return a sheet with its title, the ground, and an empty panel."""
    figure, axes, panel = _empty(plate, title, _MAP_BOX, _PANEL_BOX)
    _lay_ground(plate, axes, ground)
    return Sheet(plate, figure, axes, panel)


def open_pair(plate: Plate, title: str, *, ground: str = "#f6f5f1") -> tuple[Sheet, Sheet]:
    """Return two maps side by side on one sheet, with a panel below them; only the second is to be closed."""
    first = next((plate.level(level) for level in LEVELS if len(plate.level(level))), None)
    west, south, east, north = plate.view if first is None else first.total_bounds
    view = _view(west, south, east, north, _PAIR_BOXES[0])
    narrow = replace(plate, view=view)
    figure, left, panel = _empty(narrow, title, _PAIR_BOXES[0], _BELOW_BOX)
    right = figure.add_axes(_PAIR_BOXES[1])
    for axes in (left, right):
        _lay_ground(narrow, axes, ground)
    return Sheet(narrow, figure, left, panel), Sheet(narrow, figure, right, panel)


def _empty(plate: Plate, title: str, box: _Box, beside: _Box) -> tuple[Figure, Axes, Axes]:
    """Return a sheet with its title, a place for a map and one for a panel."""
    figure = Figure(figsize=(_WIDTH_MM * _MM, _HEIGHT_MM * _MM), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes, panel = figure.add_axes(box), figure.add_axes(beside)
    panel.set_axis_off()
    figure.text(
        0.5,
        0.965,
        plain(title),
        ha="center",
        va="center",
        color=_INK,
        fontproperties=plate.font(13, "bold"),
        parse_math=False,
    )
    figure.text(
        0.5,
        0.92,
        plain(plate.study.title),
        ha="center",
        va="center",
        color=_QUIET,
        fontproperties=plate.font(8),
        parse_math=False,
    )
    return figure, axes, panel


def _lay_ground(plate: Plate, axes: Axes, ground: str) -> None:
    """Give a map its view, and the widest areas as its ground."""
    axes.set(xlim=(plate.view[0], plate.view[2]), ylim=(plate.view[1], plate.view[3]), xticks=[], yticks=[])
    axes.set_facecolor("#ffffff")
    widest = next((level for level in LEVELS if len(plate.level(level))), None)
    if widest is not None:
        plate.level(widest).geometry.plot(ax=axes, color=ground, aspect=None, zorder=1)


def draw_streets(sheet: Sheet, colour: str = "#c9c4b8") -> None:
    """Draw the streets, main ones a little wider."""
    streets = sheet.plate.streets
    for rank, width in ((2, 0.18), (1, 0.4), (0, 0.7)):
        parts = shapely.get_parts(streets.geometry.to_numpy()[streets["rank"].to_numpy() == rank])
        coordinates, line = shapely.get_coordinates(parts, return_index=True)
        lines = np.split(coordinates, np.flatnonzero(np.diff(line)) + 1) if len(parts) else []
        sheet.map.add_collection(LineCollection(lines, colors=colour, linewidths=width, zorder=2), autolim=False)


def draw_borders(sheet: Sheet, finest: str = "township") -> None:
    """Draw the borders of all levels down to one, the widest on top."""
    shown = [level for level in LEVELS[: LEVELS.index(finest) + 1] if len(sheet.plate.level(level))]
    for level in reversed(shown):
        colour, width = _BORDERS.get(level, _FINE_BORDER)
        sheet.plate.level(level).geometry.boundary.plot(
            ax=sheet.map, color=colour, linewidth=width, aspect=None, zorder=4
        )


def fill(sheet: Sheet, areas: gpd.GeoDataFrame, colour: str, hatch: str = "", *, line: str = "#8c8c8c") -> None:
    """Fill areas with a colour, and a pattern that black and white printers show."""
    if len(areas):
        areas.geometry.plot(
            ax=sheet.map, facecolor=colour, edgecolor=line, hatch=hatch or None, linewidth=0.2, aspect=None, zorder=2
        )


def swatch(words: str, colour: str, hatch: str = "", *, line: str = "#8c8c8c") -> Patch:
    """Return the entry of a legend for areas that `fill` has filled."""
    return Patch(facecolor=colour, edgecolor=line, hatch=hatch or None, linewidth=0.3, label=words)


def draw_labels(sheet: Sheet, areas: gpd.GeoDataFrame, size: float, *, column: str = "name") -> None:
    """Write the names of places, the first rows first; a name that would lie on another one is left out."""
    frame = areas[areas[column].notna()].head(_MOST_LABELS)
    if frame.empty:
        return
    at = shapely.get_coordinates(shapely.point_on_surface(frame.geometry.to_numpy()))
    names = [plain(name) for name in frame[column]]
    points = sheet.map.transData.transform(at) * 72 / DPI
    kept = apart(points, np.array([wide(name) for name in names]) * size, size * 1.25)
    kept &= (at >= sheet.plate.view[:2]).all(axis=1) & (at <= sheet.plate.view[2:]).all(axis=1)
    font = sheet.plate.font(size)
    for place in np.flatnonzero(kept):
        x, y = at[place].tolist()
        words = sheet.map.text(
            x, y, names[place], ha="center", va="center", color=_INK, fontproperties=font, zorder=8, clip_on=True,
            parse_math=False,
        )  # fmt: skip
        words.set_path_effects([patheffects.withStroke(linewidth=1.4, foreground="white")])


def apart(middles: NDArray[np.float64], widths: NDArray[np.float64], height: float) -> NDArray[np.bool_]:
    """Return which boxes to keep so that none lies on one before it.

    Parameters
    ----------
    middles
        (n, 2) middles of the boxes.
    widths
        (n,) widths; all have one height.
    height
        In the same unit.

    Examples
    --------
    >>> apart(np.array([[0.0, 0], [5, 0], [20, 0]]), np.array([10.0, 10, 10]), 4)
    array([ True, False,  True])
    """
    kept = np.zeros(len(middles), bool)
    for place, middle in enumerate(middles):
        gap = np.abs(middles[kept] - middle)
        kept[place] = not ((gap[:, 0] < (widths[kept] + widths[place]) / 2) & (gap[:, 1] < height)).any()
    return kept


def close_sheet(sheet: Sheet, path: Path, entries: Sequence[Artist], lines: Sequence[str], *, columns: int = 1) -> None:
    """Add legend, scale, north and notes, and write the sheet as PNG.

    Parameters
    ----------
    sheet
        From `open_sheet`, drawn upon.
    path
        Where to.
    entries
        Of the legend; each has its words as label.
    lines
        What the numbers mean, for the foot; the date and the reference system are added.
    columns
        Of the legend.
    """
    plate = sheet.plate
    draw_borders(sheet, "county")
    sheet.map.set(xlabel="", ylabel="")
    _legend(sheet, entries, columns)
    _scale(sheet)
    _north(sheet)
    _foot(sheet, lines)
    if plate.study.fictional:
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": _WARNING, "linewidth": 0.8}
        words = text("map.fictional", plate.language)
        font = plate.font(7.5, "bold")
        sheet.map.text(
            0.015, 0.972, words, transform=sheet.map.transAxes, va="top", color=_WARNING, fontproperties=font, bbox=box,
            zorder=10,
        )  # fmt: skip
    # The version of matplotlib is not part of the picture.
    sheet.figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def _legend(sheet: Sheet, entries: Sequence[Artist], columns: int) -> None:
    """Add the legend; words are put in afterwards, for some signs in them would mean something to matplotlib."""
    size = 7.0 if len(entries) <= 20 else 5.6
    shown = sheet.panel.legend(
        handles=list(entries), labels=[str(place) for place in range(len(entries))], loc="upper left",
        bbox_to_anchor=(-0.02, 1.01), frameon=False, handlelength=1.7, prop=sheet.plate.font(size), labelspacing=0.5,
        title=sheet.plate.said("legend"), title_fontproperties=sheet.plate.font(8.5, "bold"), borderaxespad=0.0,
        alignment="left", ncols=columns, columnspacing=1.6,
    )  # fmt: skip
    for words, entry in zip(shown.get_texts(), entries, strict=True):
        words.set(text=folded(plain(entry.get_label()), _LEGEND_POINTS / size), color=_INK, parse_math=False)


def plain(words: object) -> str:
    """Return words as one line of signs that can be drawn."""
    return " ".join(speakable(str(words)).split())


def folded(words: str, width: float) -> str:
    r"""Return words broken into lines that are no wider than so many signs of Chinese, at a space where there is one.

    Examples
    --------
    >>> folded("失能特困人员供养服务机构（2）", 12)
    '失能特困人员供养服务机构\n（2）'
    >>> folded("no facility", 5)
    'no\nfacility'
    """
    lines, line = [], ""
    for sign in words:
        if wide(line + sign) > width:
            head, space, tail = line.rpartition(" ")
            line, tail = (head, tail) if space and head else (line, "")
            lines.append(line)
            line = tail
        line += sign
    return "\n".join([*lines, line])


def _scale(sheet: Sheet) -> None:
    """Draw a bar whose length is right on the ground: metres of the zone are longer or shorter by its scale there."""
    west, south, east, north = sheet.plate.view
    length = mapdata.nice((east - west) / 5)
    on_sheet = length * scale_and_turn(sheet.plate)[0]
    x, y, thick = west + (east - west) * 0.025, south + (north - south) * 0.035, (north - south) * 0.009
    for part, colour in enumerate((_INK, "white")):
        half = Rectangle((x + part * on_sheet / 2, y), on_sheet / 2, thick, facecolor=colour, edgecolor=_INK)
        half.set(linewidth=0.6, zorder=9)
        sheet.map.add_patch(half)
    unit = "metres" if length < 2000 else "kilometres"
    step = length if unit == "metres" else length / 1000
    for portion, words in ((0.0, "0"), (0.5, f"{step / 2:g}"), (1.0, sheet.plate.said(unit, value=f"{step:g}"))):
        shown = sheet.map.text(
            x + portion * on_sheet, y + 1.6 * thick, words, ha="center", va="bottom", zorder=9, color=_INK,
            fontproperties=sheet.plate.font(6.5),
        )  # fmt: skip
        shown.set_path_effects([patheffects.withStroke(linewidth=1.6, foreground="white")])


def scale_and_turn(plate: Plate) -> tuple[float, float]:
    """Return scale and convergence (degrees) of the zone in the middle of the sheet."""
    projection = Proj(plate.crs)
    lon, lat = projection((plate.view[0] + plate.view[2]) / 2, (plate.view[1] + plate.view[3]) / 2, inverse=True)
    found = projection.get_factors(lon, lat)
    return float(found.meridional_scale), float(found.meridian_convergence)


def _north(sheet: Sheet) -> None:
    """Draw an arrow to the true north, which the zone's own north differs from by its convergence."""
    turn = np.deg2rad(scale_and_turn(sheet.plate)[1])
    box = sheet.map.get_position()
    width, height = box.width * _WIDTH_MM, box.height * _HEIGHT_MM
    arrow = np.array([[0.0, 4.6], [2.1, -2.6], [0.0, -0.9], [-2.1, -2.6]])  # millimetres
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    at = (arrow @ spin.T + [width - 7, height - 12]) / [width, height]
    for corners, colour in ((at[[0, 1, 2]], _INK), (at[[0, 2, 3]], "white")):
        sheet.map.add_patch(
            Polygon(corners, transform=sheet.map.transAxes, facecolor=colour, edgecolor=_INK, linewidth=0.5, zorder=9)
        )
    font = sheet.plate.font(8, "bold")
    place = (at[0, 0], at[0, 1] + 0.008)
    words = text("map.north", sheet.plate.language)
    sheet.map.text(
        *place, words, transform=sheet.map.transAxes, ha="center", va="bottom", fontproperties=font, zorder=9
    )


def _foot(sheet: Sheet, lines: Sequence[str]) -> None:
    plate = sheet.plate
    date = text("map.as_of", plate.language, date=facts.day(plate.study.as_of, plate.language))
    every = [plate.said("join").join([date, _system(plate)]), *lines]
    font = plate.font(6.2)
    every += [plate.said("foot_place")] if plate.place else []
    for place, words in enumerate(every[:4]):
        sheet.figure.text(
            0.02, 0.128 - place * 0.03, plain(words), va="center", color=_QUIET, fontproperties=font, parse_math=False
        )
    note = plain(plate.note)
    sheet.figure.text(0.757, 0.128, note, color=_WARNING, va="center", fontproperties=plate.font(7), parse_math=False)
    for place, key in enumerate(("maker", "made_on")):
        y = 0.092 - place * 0.036
        sheet.figure.text(0.757, y, plate.said(key), color=_INK, va="center", fontproperties=plate.font(7))


def _system(plate: Plate) -> str:
    """Return the reference system in words."""
    operation = plate.crs.coordinate_operation
    parameters = {one.name: one.value for one in operation.params} if operation is not None else {}
    meridian = parameters.get("Longitude of natural origin", 0.0)
    gauss = "CGCS2000" in plate.crs.name
    return plate.said("gauss" if gauss else "utm", meridian=f"{meridian:g}", name=plate.crs.name)


def by_size(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return areas with the largest first, by code where they are as large."""
    order = pd.DataFrame({"size": -areas.geometry.area, "code": areas["area_id"].astype(str)})
    return areas.loc[order.sort_values(["size", "code"]).index]
