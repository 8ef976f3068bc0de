"""The six maps of a report: facilities, townships, communities, circles, people not covered, and gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from carecircle.gaps import KINDS
from carecircle.language import text
from carecircle.policy.results import Judgement, Outcome
from carecircle.report import facts, mapdata
from carecircle.report.figures.plate import (
    Plate,
    Sheet,
    by_size,
    close_sheet,
    draw_borders,
    draw_labels,
    draw_streets,
    fill,
    open_sheet,
    swatch,
)
from carecircle.schema import LEVELS
from carecircle.sources.facilities import in_operation

# Shapes and colours of the marks of kinds, as on the page's map (`mapdata`): told apart without colour too.
_MARKERS = ("o", "s", "^", "D", "p", "h", "*", "P")
_COLOURS = ("#6a1b9a", "#00695c", "#b35900", "#ad1457", "#37474f", "#5d4037", "#1b5e20", "#880e4f")
_MOST_KINDS = 18
"""Kinds beyond the most frequent ones share one mark."""
_CLOSED = "#7d828b"

UNIT_STATES = {
    "has": ("#2c7fb8", ""),
    "served": ("#a8d5e5", "////"),
    "unverified": ("#fff3b0", "...."),
    "none": ("#f4a582", "\\\\\\\\"),
    "no_data": ("#d9d9d9", "xxxx"),
}
"""Colour and pattern of what becomes of a unit."""
GAP_MARKS = {
    "none": ("#b2182b", "o"),
    "few": ("#8c4a00", "p"),
    "beyond": ("#2166ac", "^"),
    "closed": ("#4d4d4d", "X"),
    "functions": ("#e08214", "s"),
    "too_small": ("#8073ac", "D"),
}
"""Colour and shape of the marks of `carecircle.gaps.KINDS`."""
_RINGS = (0.75, 0.5, 0.28, 0.16, 0.1)
"""Places in ColorBrewer's Blues, the innermost ring the darkest."""
_CLASSES = 5
_UNCOVERED = "#d7301f"
_WIDEST = 5.5  # points across the largest circle
_UNIT_METRICS = ("share_of_units_with_facility", "facilities_per_unit")
_NAMED_GAPS = 20


def draw_facilities(plate: Plate, title: str, path: Path) -> None:
    """Draw where the facilities are: shape and colour for the kind, hollow and grey when not in operation."""
    sheet = open_sheet(plate, title)
    draw_streets(sheet)
    draw_borders(sheet)
    found = plate.metric(plate.study.facilities)
    kinds = mapdata.facility_kinds(found, plate.language)
    counts = kinds.value_counts().rename_axis("kind").reset_index(name="count")
    ordered = counts.sort_values(["count", "kind"], ascending=[False, True])["kind"].tolist()
    shown = ordered if len(ordered) <= _MOST_KINDS else ordered[: _MOST_KINDS - 1]
    place, works = pd.Index(shown).get_indexer(pd.Index(kinds)), in_operation(found).to_numpy(bool)
    for number in np.unique(place):
        _facility_marks(sheet, found[(place == number) & works], int(number), works=True)
        _facility_marks(sheet, found[(place == number) & ~works], int(number), works=False)
    draw_labels(sheet, by_size(plate.level(_label_level(plate))), 6.5)
    entries: list[Artist] = [
        _mark(_counted(plate, kind, int((place == number).sum())), *_kind_style(number))
        for number, kind in enumerate(shown)
    ]
    if len(shown) < len(ordered):
        entries.append(_mark(_counted(plate, plate.said("other"), int((place < 0).sum()))))
    if not works.all():
        hollow = {"markeredgecolor": _CLOSED, "markeredgewidth": 0.9}
        entries.append(_mark(_counted(plate, plate.said("not_working"), int((~works).sum())), "white", "o", **hollow))
    close_sheet(sheet, path, entries, [plate.said("foot_facilities", count=len(found))])


def _counted(plate: Plate, name: str, count: int) -> str:
    return plate.said("counted", name=name, count=f"{count:,d}")


def _kind_style(number: int) -> tuple[str, str]:
    if number < 0:
        return "#9a9a9a", "o"
    return _COLOURS[(number + number // len(_MARKERS)) % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]


def _facility_marks(sheet: Sheet, found: gpd.GeoDataFrame, number: int, *, works: bool) -> None:
    """Draw facilities of a kind."""
    colour, marker = _kind_style(number)
    face, edge, width = (colour, "white", 0.35) if works else ("white", _CLOSED, 0.9)
    sheet.map.scatter(
        found.geometry.x, found.geometry.y, s=30 if marker == "*" else 20, marker=marker, facecolor=face,
        edgecolor=edge, linewidths=width, zorder=6 if works else 7,
    )  # fmt: skip


def _mark(words: str, colour: str = "#9a9a9a", marker: str = "o", **options: Any) -> Line2D:
    looks: dict[str, Any] = {
        "markerfacecolor": colour,
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
        "markersize": 6,
    } | options
    return Line2D([], [], linestyle="none", marker=marker, label=words, **looks)


def _label_level(plate: Plate) -> str:
    """Return the finest of the wide levels, whose names find room: townships where they are not too many."""
    present = [level for level in LEVELS if len(plate.level(level))]
    wide = [level for level in present if level != "community"]
    few = [level for level in wide if len(plate.level(level)) <= 150]
    return (few or wide or present or ["county"])[-1]


def judged_units(judgement: Judgement, areas: pd.DataFrame, level: str) -> tuple[pd.Series, tuple[Outcome, ...]]:
    """Return what became of each unit of a level, and of which targets.

    A pack may count streets by one target and towns by another: each unit is shown by the first target that counts it,
    and targets that add nothing are left out.

    Returns
    -------
    pandas.Series
        One of `UNIT_STATES` on ``area_id``; units that no target counts are not in it.
    tuple of Outcome
        The targets.
    """
    of_level = pd.Index(areas.loc[areas["level"] == level, "area_id"])
    found: pd.Series = pd.Series(dtype=object)
    used: list[Outcome] = []
    for one in judgement.outcomes:
        if one.units is None or one.target.metric not in _UNIT_METRICS:
            continue
        new = one.units.index[one.units.index.isin(of_level) & ~one.units.index.isin(found.index)]
        if len(new):
            found = pd.concat([found, unit_states(one.units.loc[new])])
            used.append(one)
    return found, tuple(used)


def unit_states(units: pd.DataFrame) -> pd.Series:
    """Return one of `UNIT_STATES` for each unit: a neighbour's service comes after an own facility.

    Examples
    --------
    >>> served = [False, True, None, None]
    >>> table = pd.DataFrame({"found": [1, 0, 0, None], "unverified": [0, 0, 1, 0], "served": served})
    >>> unit_states(table).tolist()
    ['has', 'served', 'unverified', 'no_data']
    """
    count = pd.to_numeric(units["found"], errors="coerce").astype(float)
    served = units["served"].eq(True).fillna(value=False) if "served" in units else pd.Series(False, index=units.index)
    may = pd.to_numeric(units["unverified"], errors="coerce").astype(float).gt(0)
    cases = [count.gt(0), served.astype(bool), may, count.eq(0)]
    words = np.select([case.to_numpy(bool) for case in cases], ["has", "served", "unverified", "none"], "no_data")
    return pd.Series(words, index=units.index, dtype=object)


def draw_units(plate: Plate, title: str, path: Path, judgement: Judgement, level: str) -> None:
    """Draw which units of a level have a facility, are served by a neighbour's, or have none."""
    states, used = judged_units(judgement, plate.areas, level)
    sheet = open_sheet(plate, title)
    areas = plate.level(level)
    state = areas["area_id"].map(states)
    entries: list[Artist] = []
    for word, (colour, hatch) in UNIT_STATES.items():
        part = areas[state == word]
        fill(sheet, part, colour, hatch)
        if len(part) or word in {"has", "none"}:
            entries.append(swatch(_counted(plate, plate.said(f"unit_{word}"), len(part)), colour, hatch))
    outside = int(state.isna().sum())
    if outside:
        fill(sheet, areas[state.isna()], "#ffffff")
        entries.append(swatch(_counted(plate, plate.said("unit_outside"), outside), "#ffffff"))
    draw_streets(sheet, "#ffffff")
    draw_borders(sheet, level)
    draw_labels(sheet, by_size(areas[state.notna()]), 6.5 if level != "community" else 5.0)
    lines = [plate.said("foot_target", title=one.target.title.said(plate.language), id=one.target.id) for one in used]
    joined = plate.said("join").join(lines[:4])
    close_sheet(sheet, path, entries, [plate.said("foot_units", targets=joined), plate.said("foot_served")])


def draw_circles(plate: Plate, title: str, path: Path) -> None:
    """Draw the areas within each limit, and the facilities they lead to."""
    sheet = open_sheet(plate, title)
    rings = plate.metric(plate.study.isochrones)
    rings = rings[rings["facility_id"] == "all"].sort_values("minutes", ascending=False)
    limits = sorted(rings["minutes"].unique())
    colours = {limit: to_hex(colormaps["Blues"](_RINGS[min(n, len(_RINGS) - 1)])) for n, limit in enumerate(limits)}
    for limit, shape in zip(rings["minutes"], rings.geometry, strict=True):
        gpd.GeoSeries([shape], crs=plate.crs).plot(ax=sheet.map, color=colours[limit], aspect=None, zorder=1.5)
    draw_streets(sheet, "#8f8a80")
    draw_borders(sheet)
    open_ones = plate.metric(plate.study.facilities)
    open_ones = open_ones[in_operation(open_ones)]
    sheet.map.scatter(
        open_ones.geometry.x,
        open_ones.geometry.y,
        s=7,
        facecolor="#1f2430",
        edgecolor="white",
        linewidths=0.3,
        zorder=6,
    )
    draw_labels(sheet, by_size(plate.level(_label_level(plate))), 6.5)
    entries: list[Artist] = [
        swatch(text("map.legend_within", plate.language, minutes=f"{limit:g}"), colours[limit]) for limit in limits
    ]
    entries.append(_mark(plate.said("open_facility"), "#1f2430", markersize=4))
    close_sheet(sheet, path, entries, [_travel(plate), plate.said("foot_circle")])


def _travel(plate: Plate) -> str:
    """Return how people travel, at which speed, and whether slopes count."""
    traveller = facts.label("fact.profile_", plate.study.profile.name, plate.language)
    speed = facts.speed(plate.study.profile, plate.language)
    slope = "map.with_slope" if plate.study.provenance.get("elevation") else "map.no_slope"
    how = text("map.profile", plate.language, profile=traveller, speed=speed)
    return plate.said("join").join([how, text(slope, plate.language)])


def draw_people(plate: Plate, title: str, path: Path) -> None:
    """Draw how many people of 60 and over live on a square kilometre, and those whom no facility reaches."""
    sheet = open_sheet(plate, title)
    level = _people_level(plate)
    areas = plate.level(level)
    density = areas["area_id"].map(_people(plate, level)) / (areas.geometry.area / 1e6)
    entries = _draw_density(sheet, areas, density)
    draw_streets(sheet, "#ffffff")
    draw_borders(sheet, level)
    entries += _draw_uncovered(sheet)
    draw_labels(sheet, by_size(plate.level(_label_level(plate))), 6.5)
    lines = [_foot_people(plate, level), _travel(plate)]
    close_sheet(sheet, path, entries, lines)


def _foot_people(plate: Plate, level: str) -> str:
    """Say what colours and marks mean; where numbers are not known, or not published, marks have one size."""
    people = facts.uncovered(plate.study)["people_60"].to_numpy(float)
    key = "foot_people" if np.isfinite(people).any() else "foot_people_alike"
    return plate.said(key, level=text(f"fact.level_{level}", plate.language))


def _people_level(plate: Plate) -> str:
    """Return the finest level that has shapes."""
    return next(level for level in reversed(LEVELS) if len(plate.level(level)))


def _people(plate: Plate, level: str) -> pd.Series:
    """Return the people of 60 and over on ``area_id``: missing where unknown, infinite where not published."""
    cover = plate.study.cover
    rows = cover[(cover["level"] == level) & (cover["kind"] == "all") & (cover["measure"] == "people_60")]
    return rows.drop_duplicates("area_id").set_index("area_id")["total"].astype(float)


def _draw_density(sheet: Sheet, areas: gpd.GeoDataFrame, density: pd.Series) -> list[Artist]:
    plate, known = sheet.plate, np.isfinite(density.to_numpy(float))
    breaks = density_breaks(density.to_numpy(float)[known])
    place = np.searchsorted(breaks, density.to_numpy(float), side="right")
    edges = [0.0, *breaks]
    entries: list[Artist] = []
    for number, low in enumerate(edges):
        colour = mapdata.CLASS_COLOURS[number]
        fill(sheet, areas[known & (place == number)], colour)
        key = "density_from" if number == len(breaks) else "density_between"
        high = f"{edges[number + 1]:,g}" if number < len(breaks) else ""
        entries.append(swatch(plate.said(key, low=f"{low:,g}", high=high), colour))
    for state, part in (("no_data", density.isna()), ("withheld", np.isinf(density))):
        if part.any():
            fill(sheet, areas[part], *UNIT_STATES["no_data"])
            entries.append(swatch(text(f"fact.{state}", plate.language), *UNIT_STATES["no_data"]))
    return entries


def density_breaks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return round numbers that part values into at most five classes of about one size.

    Examples
    --------
    >>> density_breaks(np.arange(1.0, 1000.0))
    array([200., 500.])
    """
    some = values[values > 0]
    if not len(some):
        return np.array([])
    wanted = np.quantile(some, np.arange(1, _CLASSES) / _CLASSES)
    return np.unique([mapdata.nice(float(value)) for value in wanted])


def _draw_uncovered(sheet: Sheet) -> list[Artist]:
    plate = sheet.plate
    outside = plate.metric(facts.uncovered(plate.study))
    people = outside["people_60"].where(np.isfinite(outside["people_60"])).to_numpy(float)
    if not len(outside):
        return [_mark(plate.said("nobody_outside"), "white", markeredgecolor=_UNCOVERED)]
    known = people[np.isfinite(people)]
    reference = mapdata.nice(float(np.quantile(known, 0.98))) if len(known) else 1.0
    across = mapdata.radius(people, reference, _WIDEST)
    sheet.map.scatter(
        outside.geometry.x, outside.geometry.y, s=across**2, facecolor=_UNCOVERED, edgecolor="white", alpha=0.55,
        linewidths=0.2, zorder=5,
    )  # fmt: skip
    if not len(known):
        return [_mark(plate.said("outside"), _UNCOVERED, markersize=float(across[0]), alpha=0.55)]
    steps = sorted({mapdata.nice(reference / part) for part in (20, 4, 1)})
    sizes = mapdata.radius(np.array(steps), reference, _WIDEST)
    return [
        _mark(
            plate.said("outside_of", count=facts.count(step, plate.language)), _UNCOVERED, markersize=size, alpha=0.55
        )
        for step, size in zip(steps, sizes.tolist(), strict=True)
    ]


def draw_gaps(plate: Plate, title: str, path: Path) -> None:
    """Draw what is lacking, by its kind; the names are those of the places with the most older people."""
    sheet = open_sheet(plate, title)
    draw_streets(sheet)
    draw_borders(sheet)
    gaps = plate.metric(plate.study.gaps if plate.study.gaps is not None else gpd.GeoDataFrame())
    gaps = gaps.sort_values("rank").drop_duplicates(["area_id", "gap"])
    entries: list[Artist] = []
    for order, kind in enumerate(KINDS):
        colour, marker = GAP_MARKS[kind]
        part = gaps[gaps["gap"] == kind]
        size = 5.5 - 0.5 * order  # places with several gaps show all of them
        sheet.map.scatter(
            part.geometry.x, part.geometry.y, s=size**2, marker=marker, facecolor=colour, edgecolor="white",
            linewidths=0.35, zorder=6 + 0.1 * order,
        )  # fmt: skip
        if len(part):
            words = _counted(plate, text(f"gap.kind_{kind}", plate.language), part["area_id"].nunique())
            entries.append(_mark(words, colour, marker))
    named = gaps.drop_duplicates("area_id").head(_NAMED_GAPS)
    above = named.set_geometry(named.geometry.translate(yoff=(plate.view[3] - plate.view[1]) * 0.02))
    draw_labels(sheet, above, 6.0)
    count = gaps["area_id"].nunique()
    close_sheet(sheet, path, entries, [plate.said("foot_gaps", units=count, named=len(named)), _travel(plate)])
