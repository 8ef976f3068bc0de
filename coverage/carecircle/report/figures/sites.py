"""图 选址建议前后对比: who is not reached before and after, side by side, and the proposed sites by their numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
from matplotlib import patheffects
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from carecircle.language import text
from carecircle.report import facts, mapdata, sitewords
from carecircle.report.figures.plate import (
    DPI,
    Plate,
    Sheet,
    apart,
    by_size,
    close_sheet,
    draw_borders,
    draw_labels,
    draw_streets,
    open_pair,
    swatch,
)
from carecircle.report.fonts import wide
from carecircle.report.sitewords import said
from carecircle.sources.facilities import in_operation

if TYPE_CHECKING:
    from carecircle.model import SitingPlan

_RING, _OUTSIDE, _WON, _SITE = "#9ec5e8", "#d7301f", "#1a9850", "#542788"
_WIDEST, _LEAST, _CROWD = 4.5, 2.4, 600
"""Points across the largest mark: of few points, of many, and how many are few."""
_MOST_NUMBERS = 150
_LABELS = 6.0


def can_draw(plate: Plate) -> bool:
    """Whether the study has a plan with sites, and knows whom they reach."""
    plan = plate.study.sites
    if plan is None or plan.chosen.empty:
        return False
    return sitewords.reached(plan, plate.study) is not None and len(mapdata.drawable(plate.study.demand)) > 0


def draw_sites(plate: Plate, title: str, path: Path) -> None:
    """Draw people not reached before on the left; on the right those still not reached, and won by the sites."""
    plan = plate.study.sites
    both = None if plan is None else sitewords.reached(plan, plate.study)
    if plan is None or both is None:
        raise ValueError("no plan that says whom it reaches")
    homes = plate.metric(plate.study.demand.assign(before=both[0], after=both[1]))
    left, right = open_pair(plate, title)
    limit = sitewords.limit(plan, plate.study)
    for sheet in (left, right):
        _draw_ground(sheet, limit)
    _draw_homes(left, homes, ~homes["before"].to_numpy(bool), _OUTSIDE)
    _draw_homes(right, homes, (homes["after"] & ~homes["before"]).to_numpy(bool), _WON)
    _draw_homes(right, homes, ~homes["after"].to_numpy(bool), _OUTSIDE)
    _draw_numbers(right, plan)
    draw_borders(left, "county")
    left.map.set(xlabel="", ylabel="")
    for sheet, key in ((left, "before"), (right, "after")):
        _caption(sheet, text(f"siting_report.figure_{key}", plate.language, count=_left_out(homes, key, plate)))
    foot = said("figure_foot", plate.language, standing=sitewords.standing(plan, plate.language))
    close_sheet(right, path, _entries(plate, limit), [foot, _travel(plate)], columns=3)


def _draw_ground(sheet: Sheet, limit: float) -> None:
    """Draw what existing facilities reach within the limit, streets, borders, facilities and names."""
    plate = sheet.plate
    rings = plate.metric(plate.study.isochrones)
    ring = rings[(rings["facility_id"] == "all") & np.isclose(rings["minutes"], limit)]
    if len(ring):
        ring.plot(ax=sheet.map, color=_RING, aspect=None, zorder=1.5)
    draw_streets(sheet, "#c9c4b8")
    draw_borders(sheet)
    found = plate.metric(plate.study.facilities)
    found = found[in_operation(found)]
    sheet.map.scatter(found.geometry.x, found.geometry.y, s=4, facecolor="#1f2430", edgecolor="none", zorder=4.5)
    names = plate.level("township") if 0 < len(plate.level("township")) <= 60 else plate.level("county")
    draw_labels(sheet, by_size(names), 5.0)


def _draw_homes(sheet: Sheet, homes: gpd.GeoDataFrame, part: NDArray[np.bool_], colour: str) -> None:
    """Draw demand points, their area the people; the scale is that of all points, so that both maps compare."""
    people = _people(homes)
    known = people[np.isfinite(people)]
    reference = mapdata.nice(float(np.quantile(known, 0.98))) if len(known) else 1.0
    widest = max(_LEAST, _WIDEST * min(1.0, math.sqrt(_CROWD / len(homes))))
    across = mapdata.radius(people, reference, widest)[part]
    at = homes.geometry[part]
    sheet.map.scatter(
        at.x, at.y, s=across**2, facecolor=colour, edgecolor="white", alpha=0.7, linewidths=0.15, zorder=5
    )


def _people(homes: gpd.GeoDataFrame) -> NDArray[np.float64]:
    people = homes["people_60"].to_numpy(float) if "people_60" in homes else np.full(len(homes), np.nan)
    return np.where(np.isfinite(people), people, np.nan)


def _draw_numbers(sheet: Sheet, plan: SitingPlan) -> None:
    """Draw the sites, and beside each its number in table 4; a number that would lie on another one is left out."""
    sites = sheet.plate.metric(plan.chosen.sort_values(["rank", "candidate_id"]))
    at = np.column_stack([sites.geometry.x, sites.geometry.y])
    sheet.map.scatter(
        at[:, 0], at[:, 1], s=26, marker="D", facecolor=_SITE, edgecolor="white", linewidths=0.5, zorder=7
    )
    names = [f"{rank:.0f}" for rank in sites["rank"]][:_MOST_NUMBERS]
    up = at[:_MOST_NUMBERS] + np.array([0.0, (sheet.plate.view[3] - sheet.plate.view[1]) * 0.022])
    points = sheet.map.transData.transform(up) * 72 / DPI
    kept = apart(points, np.array([wide(name) for name in names]) * _LABELS, _LABELS)
    for place in np.flatnonzero(kept):
        x, y = up[place].tolist()
        shown = sheet.map.text(
            x, y, names[place], ha="center", va="center", color=_SITE, fontproperties=sheet.plate.font(7, "bold"),
            zorder=9, clip_on=True,
        )  # fmt: skip
        shown.set_path_effects([patheffects.withStroke(linewidth=1.6, foreground="white")])


def _caption(sheet: Sheet, words: str) -> None:
    font = sheet.plate.font(8.5, "bold")
    sheet.map.text(
        0.5, 1.025, words, transform=sheet.map.transAxes, ha="center", va="bottom", fontproperties=font,
        parse_math=False,
    )  # fmt: skip


def _left_out(homes: gpd.GeoDataFrame, key: str, plate: Plate) -> str:
    """Return how many people are not reached; points where their number is not known, or not published."""
    outside = ~homes[key].to_numpy(bool)
    people = _people(homes)[outside]
    if np.isfinite(people).all():
        return said("figure_people", plate.language, count=facts.count(float(people.sum()), plate.language))
    return said("figure_points", plate.language, count=f"{int(outside.sum()):,d}")


def _entries(plate: Plate, limit: float) -> list[Artist]:
    language = plate.language
    return [
        swatch(said("figure_ring", language, minutes=f"{limit:g}"), _RING),
        _mark(said("figure_facility", language), "#1f2430", "o", 3),
        _mark(said("figure_outside", language), _OUTSIDE, "o", 5),
        _mark(said("figure_won", language), _WON, "o", 5),
        _mark(said("figure_site", language), _SITE, "D", 5),
    ]


def _mark(words: str, colour: str, marker: str, size: float) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker=marker, label=words, markerfacecolor=colour, markeredgecolor="white",
        markeredgewidth=0.3, markersize=size,
    )  # fmt: skip


def _travel(plate: Plate) -> str:
    """Return how people travel, and at which speed."""
    traveller = facts.label("fact.profile_", plate.study.profile.name, plate.language)
    speed = facts.speed(plate.study.profile, plate.language)
    return text("map.profile", plate.language, profile=traveller, speed=speed)
