"""Who is within reach: additive tallies by area, kind of facility and minutes.

People are counted at their own travel time along the network, never by a polygon. Every tally is a pair (covered,
total) that adds up over areas; a share is only ever made from summed pairs. A total of 0 means that there is nothing
to cover (not applicable); NaN means that it is not known (no data).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.crs import to_geographic
from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.legs import check_limits
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.reach import TOLERANCE_SECONDS, nearest_of_places, pair_chunks
from carecircle.schema import LEVELS, PEOPLE
from carecircle.snap import Places, snap

ALL_KINDS = "all"
"""The `kind` of rows that count any facility."""

SERVED_SHARE = 0.5
"""A unit is served when at least this share of its people is within reach (60+ where known, else all people, else
points)."""

COLUMNS = ["area_id", "level", "name", "kind", "minutes", "measure", "unit", "covered", "total"]


@dataclass(frozen=True)
class _Setting:
    """What all tallies of one call share: areas by level, and in which area of each level every point lies."""

    areas: gpd.GeoDataFrame
    levels: tuple[str, ...]
    demand: gpd.GeoDataFrame
    at: Places
    weights: list[Floats]
    demand_area: dict[str, Ints]
    facility_area: dict[str, Ints]
    served_share: float
    parent: Ints


def coverage(
    demand: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float | Sequence[float] = (5, 10, 15),
    by_kind: bool = True,
    served_share: float = SERVED_SHARE,
) -> pd.DataFrame:
    """Tally presence, service and people within reach, for every area of every level.

    Parameters
    ----------
    demand
        Points where people live, with any of ``people``, ``people_60``, ``people_65``, ``people_80``.
    facilities
        The facilities that count (see `carecircle.open_facilities`), with ``facility_id`` and optionally ``kind``.
    areas
        ``area_id``, ``level``, ``name``, ``parent_id`` and polygons; an area without polygon takes its points by code
        (``area_id`` of demand, ``area_code`` of facilities).
    network
        The network on which people travel.
    minutes
        Limits, inclusive.
    by_kind
        Also tally each kind of facility by itself.
    served_share
        A unit counts as served when at least this share of its people is within reach.

    Returns
    -------
    DataFrame
        Tidy: ``area_id, level, name, kind, minutes, measure, unit, covered, total``. Measures: ``presence`` (units
        of level `unit` with a facility inside; no minutes), ``served`` (units whose people reach one), ``people*`` and
        ``points`` within reach, ``facilities`` (how many different ones are within reach; of how many). In rows of
        an area itself `unit` is its own level and the tally 0 or 1 of 1; wider areas hold the sums of those inside
        them.
    """
    limits = check_limits(minutes)
    if not limits or not all(0 < limit < np.inf for limit in limits):
        raise UsageError(text("usage.limits", value=minutes))
    setting = _setting(demand, facilities, areas, network, served_share)
    kinds = _kinds(facilities, by_kind=by_kind)
    parts = []
    for kind in kinds:
        chosen = np.ones(len(facilities), bool) if kind == ALL_KINDS else (facilities["kind"] == kind).to_numpy(bool)
        seconds, _, which = nearest_of_places(setting.at, facilities[chosen], network)
        times = np.where(which >= 0, seconds / 60, np.nan)
        parts.append(_presence(setting, chosen, kind))
        parts += [_within(setting, times <= limit + TOLERANCE_SECONDS / 60, kind, limit) for limit in limits]
    parts.append(_choices(setting, facilities, network, kinds, limits))
    return _ordered(pd.concat(parts, ignore_index=True), setting, kinds)


def assign_areas(points: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, code: str | None = None) -> pd.Series:
    """Return the ``area_id`` in which each point lies, on the points' index; missing where there is none.

    A point on a border belongs to the area with the smallest ``area_id``, so that no point is counted twice. Areas
    without a polygon take the points whose code (column `code`) begins with their ``area_id``.
    """
    points, areas = to_geographic(points), to_geographic(areas)
    found = pd.Series(pd.NA, index=points.index, dtype="str")
    with_shape = areas[~(areas.geometry.isna() | areas.geometry.is_empty)].sort_values("area_id")
    if len(with_shape) and len(points):
        at = shapely.points(np.column_stack([points.geometry.x, points.geometry.y]))
        point, area = shapely.STRtree(with_shape.geometry.to_numpy()).query(at, predicate="intersects")
        first = pd.Series(area).groupby(point).min()
        found.iloc[first.index.to_numpy()] = with_shape["area_id"].to_numpy(dtype=object)[first.to_numpy()]
    without = areas[areas.geometry.isna() | areas.geometry.is_empty]
    if code is not None and code in points.columns and len(without):
        codes = points[code].astype("str")
        names = pd.Series(without["area_id"].to_numpy(dtype=object), index=_unpadded(without["area_id"]))
        for length in sorted(set(names.index.str.len()), reverse=True):
            found = found.fillna(codes.str[:length].map(names[~names.index.duplicated()]))
    return found


def _unpadded(codes: pd.Series) -> pd.Index:
    """Return statistical codes without the zeros they are padded with: 530402000000 is 530402."""
    return pd.Index(
        codes.astype("str").str.replace(r"^(\d{4}|\d{6}|\d{9})(?:00|(?:000){1,2}|00(?:000){1,2})$", r"\1", regex=True)
    )


def _setting(
    demand: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    network: RoadNetwork,
    served_share: float,
) -> _Setting:
    if not 0 < served_share <= 1:
        raise UsageError(text("usage.served_share", value=served_share))
    _refuse_unusable(areas, facilities)
    areas = areas.sort_values(["level", "area_id"]).reset_index(drop=True)
    levels = tuple(level for level in LEVELS if (areas["level"] == level).any())
    position = pd.Series(areas.index, index=areas["area_id"])
    where: list[dict[str, Ints]] = []
    for points, code in ((demand, "area_id"), (facilities, "area_code")):
        by_level = {}
        for level in levels:
            names = assign_areas(points, areas[areas["level"] == level], code)
            by_level[level] = names.map(position).fillna(-1).to_numpy(np.int64)
        where.append(by_level)
    at, weights, (own, theirs) = snap(demand, network), _weights(demand), where
    return _Setting(areas, levels, demand, at, weights, own, theirs, served_share, parents(areas))


def _refuse_unusable(areas: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame) -> None:
    """Raise `UsageError` for areas that cannot be told apart or placed, and for a kind with a reserved name."""
    if areas["area_id"].duplicated().any():
        raise UsageError(
            text("usage.area_twice", areas="、".join(sorted(set(areas["area_id"][areas["area_id"].duplicated()]))))
        )
    unknown = sorted(set(areas["level"].astype("str")) - set(LEVELS))
    if unknown or len(areas) == 0:
        raise UsageError(text("usage.levels", levels="、".join(unknown) or "-", known=", ".join(LEVELS)))
    if "kind" in facilities and (facilities["kind"] == ALL_KINDS).any():
        raise UsageError(text("usage.reserved", column="kind", value=ALL_KINDS))


def _weights(demand: gpd.GeoDataFrame) -> list[Floats]:
    """Return the ways to weigh a unit's people, best first: 60 and over, all, points."""
    return [*(demand[name].to_numpy(float) for name in ("people_60", "people") if name in demand), np.ones(len(demand))]


def _kinds(facilities: gpd.GeoDataFrame, *, by_kind: bool) -> list[str]:
    named = sorted(facilities["kind"].dropna().unique()) if by_kind and "kind" in facilities else []
    return [ALL_KINDS, *named]


def _sums(setting: _Setting, level: str, values: Floats) -> Floats:
    """Sum values of demand points by area of a level, (areas,); NaN where all values of an area are unknown."""
    at, n = setting.demand_area[level], len(setting.areas)
    inside = at >= 0
    known = inside & ~np.isnan(values)
    total = np.bincount(at[known], weights=values[known], minlength=n)
    unknown = (np.bincount(at[inside], minlength=n) > 0) & (np.bincount(at[known], minlength=n) == 0)
    return np.where(unknown, np.nan, total)


def _rows(
    setting: _Setting, level: str, kind: str, minutes: float, measure: str, unit: str, covered: Floats, total: Floats
) -> pd.DataFrame:
    own = setting.areas[setting.areas["level"] == level]
    return pd.DataFrame(
        {
            "area_id": own["area_id"],
            "kind": kind,
            "minutes": minutes,
            "measure": measure,
            "unit": unit,
            "covered": covered[own.index],
            "total": total[own.index],
        }
    )


def _within(setting: _Setting, within: NDArray[np.bool_], kind: str, minutes: float) -> pd.DataFrame:
    """Tally people, points and served units for one kind and limit."""
    measures = {name: setting.demand[name].to_numpy(float) for name in PEOPLE if name in setting.demand}
    measures["points"] = np.ones(len(within))
    parts = [
        _rows(
            setting,
            level,
            kind,
            minutes,
            name,
            "",
            _sums(setting, level, np.where(within, values, values * 0)),
            _sums(setting, level, values),
        )
        for level in setting.levels
        for name, values in measures.items()
    ]
    for level in setting.levels:
        people, reached = _served(setting, level, within)
        parts.append(
            _units(setting, level, kind, minutes, "served", reached >= setting.served_share * people, people > 0)
        )
    return pd.concat(parts, ignore_index=True)


def _served(setting: _Setting, level: str, within: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return (people, people within reach) of each area, by the best weight that is known there."""
    people = np.full(len(setting.areas), np.nan)
    reached = people.copy()
    for weight in setting.weights:
        unknown = np.isnan(people)
        people = np.where(unknown, _sums(setting, level, weight), people)
        reached = np.where(unknown, _sums(setting, level, np.where(within, weight, weight * 0)), reached)
    return people, reached


def _presence(setting: _Setting, chosen: NDArray[np.bool_], kind: str) -> pd.DataFrame:
    """Tally units with a facility inside."""
    parts = []
    for level in setting.levels:
        at = setting.facility_area[level][chosen]
        count = np.bincount(at[at >= 0], minlength=len(setting.areas))
        parts.append(_units(setting, level, kind, np.nan, "presence", count > 0, np.ones(len(count), bool)))
    return pd.concat(parts, ignore_index=True)


def _units(
    setting: _Setting,
    level: str,
    kind: str,
    minutes: float,
    measure: str,
    covered: NDArray[np.bool_],
    counts: NDArray[np.bool_],
) -> pd.DataFrame:
    """Tally units of a level: one row for each unit itself, and the sums in every wider area that holds it."""
    pair = (covered & counts).astype(float), counts.astype(float)
    parts = [_rows(setting, level, kind, minutes, measure, level, *pair)]
    holder = np.arange(len(setting.areas))
    own = (setting.areas["level"] == level).to_numpy()
    for wider in reversed(setting.levels[: setting.levels.index(level)]):
        holder = _climb(setting.areas, setting.parent, holder, wider)
        inside = own & (holder >= 0)
        sums = [
            np.bincount(holder[inside], weights=values[inside], minlength=len(holder)).astype(float) for values in pair
        ]
        parts.append(_rows(setting, wider, kind, minutes, measure, level, *sums))
    return pd.concat(parts, ignore_index=True)


def parents(areas: gpd.GeoDataFrame) -> Ints:
    """Return the position of each area's parent, -1 where it has none in the table.

    Where the parent named is not in the table (a level is left out), it is the wider area that holds it, by place or
    code.
    """
    position = pd.Series(areas.index, index=areas["area_id"])
    parent = np.full(len(areas), -1)
    if "parent_id" in areas:
        parent = areas["parent_id"].map(position).fillna(-1).to_numpy(np.int64)
    inside = gpd.GeoDataFrame(areas[["area_id"]], geometry=areas.geometry.representative_point())
    rank = areas["level"].map({level: number for number, level in enumerate(LEVELS)}).to_numpy()
    for number in range(len(LEVELS) - 2, -1, -1):
        orphans = (parent < 0) & (rank > number)
        holder = assign_areas(inside[orphans], areas[rank == number], "area_id")
        parent[orphans] = holder.map(position).fillna(-1).to_numpy(np.int64)
    return parent


def _climb(areas: gpd.GeoDataFrame, parent: Ints, holder: Ints, level: str) -> Ints:
    """Return the ancestor of each area at a level; -1 where there is none."""
    at_level = (areas["level"] == level).to_numpy()
    for _ in LEVELS:
        move = (holder >= 0) & ~at_level[np.maximum(holder, 0)]
        holder = np.where(move, parent[np.maximum(holder, 0)], holder)
    return np.where((holder >= 0) & at_level[np.maximum(holder, 0)], holder, -1)


def _choices(
    setting: _Setting, facilities: gpd.GeoDataFrame, network: RoadNetwork, kinds: list[str], minutes: Sequence[float]
) -> pd.DataFrame:
    """Count the different facilities within reach of each area's people."""
    best_times = _area_times(setting, facilities, network, max(minutes))
    kind_of = facilities["kind"].to_numpy(dtype=object) if "kind" in facilities else np.full(len(facilities), None)
    parts = []
    for level, best in best_times.items():
        for kind in kinds:
            of_kind = np.ones(len(facilities), bool) if kind == ALL_KINDS else kind_of == kind
            own = best[of_kind[best["facility"]]]
            total = np.full(len(setting.areas), float(of_kind.sum()))
            for limit in minutes:
                near = own["area"][own["seconds"] <= limit * 60 + TOLERANCE_SECONDS]
                count = np.bincount(near, minlength=len(setting.areas)).astype(float)
                parts.append(_rows(setting, level, kind, float(limit), "facilities", "", count, total))
    return pd.concat(parts, ignore_index=True)


def _area_times(
    setting: _Setting, facilities: gpd.GeoDataFrame, network: RoadNetwork, minutes: float
) -> dict[str, pd.DataFrame]:
    """Return the least seconds between each area's people and each facility, by level, reduced as pairs come in."""
    parts: dict[str, list[pd.DataFrame]] = {level: [] for level in setting.levels}
    for pairs in pair_chunks(setting.at, facilities, network, minutes=minutes):
        for level, found in parts.items():
            at = setting.demand_area[level][pairs.point]
            table = pd.DataFrame({"area": at, "facility": pairs.facility, "seconds": pairs.seconds})
            found.append(_least(table[at >= 0]))
    empty = pd.DataFrame({"area": np.zeros(0, int), "facility": np.zeros(0, int), "seconds": np.zeros(0)})
    return {level: _least(pd.concat([empty, *found])) for level, found in parts.items()}


def _least(table: pd.DataFrame) -> pd.DataFrame:
    return table.groupby(["area", "facility"])["seconds"].min().reset_index()


def _ordered(cover: pd.DataFrame, setting: _Setting, kinds: list[str]) -> pd.DataFrame:
    """Give rows their area's name and level, and an order that does not depend on how they were made."""
    about = setting.areas.set_index("area_id")[[name for name in ("level", "name") if name in setting.areas]]
    cover = cover.join(about, on="area_id")
    if "name" not in cover:
        cover["name"] = pd.NA
    measures = ["presence", "served", *PEOPLE, "points", "facilities"]
    order = pd.DataFrame(
        {
            "level": cover["level"].map({level: k for k, level in enumerate(LEVELS)}),
            "area": cover["area_id"],
            "kind": cover["kind"].map({kind: k for k, kind in enumerate(kinds)}),
            "measure": cover["measure"].map({name: k for k, name in enumerate(measures)}),
            "unit": cover["unit"],
            "minutes": cover["minutes"].fillna(0),
        }
    )
    return cover.loc[order.sort_values(list(order.columns)).index, COLUMNS].reset_index(drop=True)
