"""The fifteen-minute circle: what lies within 5, 10 and 15 minutes, at several speeds, by several measures.

The texts give a time and no percentage (YX-20, ZZ-05, YN-11), so values are given and nothing is judged, unless the
user sets a line. Speeds: GB 50180-2018's 1,000 m in 15 minutes (1.11 m/s) and slower ones of older people (see
`carecircle.model`); the measure "land" is that of planning institutes: share of an area's land within reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.china.codes import significant_code
from carecircle.cover import assign_areas
from carecircle.crs import metric_crs
from carecircle.isochrones import ALL, isochrones
from carecircle.language import text
from carecircle.model import Profile, profile
from carecircle.network import RoadNetwork, at_speed
from carecircle.policy.evidence import Evidence, Place, area_above
from carecircle.policy.judge import Tally, Verdict, judge
from carecircle.policy.model import Pack, Target
from carecircle.policy.presence import WEIGHTS, Ways, exact
from carecircle.policy.results import WHOLE, Line, Outcome
from carecircle.policy.units import counted_facilities

LIMITS = (5.0, 10.0, 15.0)
SPEEDS = ("oldest", "elder", "young-old", "adult")
"""Profiles whose speeds are shown beside the plan's own, where that is on foot: 0.70, 0.80, 1.00 and 1.11 m/s."""
MEASURES = ("people_60", "people_80", "people", "points")
COLUMNS = ["profile", "speed_mps", "minutes", "measure", "area_id", "covered", "total"]


def judge_circle(target: Target, pack: Pack, place: Place, ways: Ways) -> Outcome:
    """Return the values of a circle, and a verdict where the user has set a line.

    The line is compared with the people of 60 and over within the target's minutes at the plan's own speed.
    """
    evidence, chosen = place.evidence, place.evidence.chosen(target)
    if evidence.network is None or not len(evidence.demand):
        return Outcome(target, Verdict("no_data"), readings=chosen, reasons=(text("judge.no_ways"),))
    counts = counted_facilities(target, pack, evidence.facilities, evidence.as_of, chosen).eq(True)
    inside, reasons = _extent(evidence)
    limits = sorted({*LIMITS, float(target.minutes or 15)})
    parts = [
        part
        for network in networks_of(evidence.network)
        for part in (
            *_people(evidence, counts, inside, ways, network, limits),
            *_land(evidence, counts, inside, network, limits),
        )
    ]
    table = pd.concat(parts, ignore_index=True)[COLUMNS]
    judged = _with_line(target, evidence)
    own = table[
        table["profile"].eq(evidence.network.profile.name)
        & table["speed_mps"].eq(evidence.network.profile.speed_mps)
        & table["minutes"].eq(float(target.minutes or 15))
        & table["measure"].eq(_weight(evidence))
    ].drop_duplicates("area_id")
    lines = tuple(_lines(judged, own, place))
    whole = next(one for one in lines if one.area_id == WHOLE)
    return Outcome(
        target,
        whole.verdict,
        whole.tally,
        chosen,
        tuple(one for one in lines if one.area_id != WHOLE),
        ("registry", "times"),
        reasons,
        circle=table,
    )


def _weight(evidence: Evidence) -> str:
    """Return what the judged share is of: people of 60 and over where known, else all people, else points."""
    demand = evidence.demand
    return next((name for name in WEIGHTS if name in demand and demand[name].notna().any()), "points")


def networks_of(network: RoadNetwork, speeds: Iterable[str | Profile] = SPEEDS) -> Iterator[RoadNetwork]:
    """Yield the network at its own speed, and on foot at those of other travellers."""
    yield network
    own = network.profile
    if own.mode == "walk":
        others = (profile(name) for name in speeds)
        yield from (at_speed(network, other) for other in others if other.speed_mps != own.speed_mps)


def _extent(evidence: Evidence) -> tuple[pd.Series, tuple[str, ...]]:
    """Return which areas make the centre, and what to say of it."""
    areas = evidence.areas
    if not evidence.centre:
        return pd.Series(data=True, index=areas.index), (text("judge.no_centre"),)
    centre = significant_code(pd.Series(evidence.centre, dtype=object)).dropna()
    codes = significant_code(areas["area_id"]).astype("string")
    inside = codes.str.startswith(tuple(centre)).fillna(value=False).astype(bool) | areas["area_id"].isin(
        evidence.centre
    )
    named = areas.loc[codes.isin(centre) | areas["area_id"].isin(evidence.centre), "name"]
    return inside, (text("judge.centre", names="、".join(map(str, named)) or "、".join(evidence.centre)),)


def _people(
    evidence: Evidence,
    counts: pd.Series,
    inside: pd.Series,
    ways: Ways,
    network: RoadNetwork,
    limits: Iterable[float],
) -> Iterator[pd.DataFrame]:
    """Yield people and points within each limit, by county and in all."""
    demand = evidence.demand
    county = assign_areas(demand, evidence.areas[evidence.areas["level"] == "county"], "area_id")
    kept = _kept(evidence, inside)
    for limit in limits:
        near = ways.within(counts, limit, network)
        for measure in MEASURES:
            if measure != "points" and measure not in demand:
                continue
            weight = pd.Series(1.0, index=demand.index) if measure == "points" else demand[measure].astype(float)
            pair = pd.DataFrame({"covered": weight.where(near, weight * 0), "total": weight})[kept]
            by_county = pair.groupby(county[kept]).sum(min_count=1).rename_axis("area_id").reset_index()
            whole = pair.sum(min_count=1).to_frame().T.assign(area_id=WHOLE)
            yield pd.concat([whole, by_county]).assign(**_about(network.profile, limit, measure))


def in_centre(evidence: Evidence) -> NDArray[np.bool_]:
    """Return which demand points circles are about, (n,): those of the centre, else all."""
    return _kept(evidence, _extent(evidence)[0]).to_numpy(bool)


def _kept(evidence: Evidence, inside: pd.Series) -> pd.Series:
    if not evidence.centre:
        return pd.Series(data=True, index=evidence.demand.index)
    return assign_areas(evidence.demand, _outermost(evidence.areas[inside]), "area_id").notna()


def _about(traveller: Profile, limit: float, measure: str) -> dict[str, Any]:
    return {"profile": traveller.name, "speed_mps": traveller.speed_mps, "minutes": limit, "measure": measure}


def _outermost(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the widest of some areas; those that belong to another of them are left out."""
    return areas[~areas["parent_id"].isin(set(areas["area_id"]))] if "parent_id" in areas else areas


def _land(
    evidence: Evidence, counts: pd.Series, inside: pd.Series, network: RoadNetwork, limits: list[float]
) -> Iterator[pd.DataFrame]:
    """Yield the land within each limit and all land, square metres on the ground, by county and in all."""
    tiles = _outermost(evidence.areas[inside & evidence.areas.geometry.notna() & evidence.areas["level"].ne("city")])
    if not len(tiles) or not counts.any():
        return
    facilities = evidence.facilities[counts]
    rings = evidence.stage("isochrones", isochrones, facilities, network, minutes=tuple(limits), union=True)
    rings = rings[rings["facility_id"] == ALL]
    west, south, east, north = tiles.total_bounds
    crs = metric_crs((west + east) / 2, (south + north) / 2)
    ground, rings = tiles.to_crs(crs), rings.to_crs(crs)
    county = tiles["area_id"].map(area_above(evidence.areas, "county"))
    for limit, shape in zip(rings["minutes"], rings.geometry, strict=True):
        shapes = ground.geometry.to_numpy()
        covered = shapely.area(shapely.intersection(shapes, shapely.make_valid(shape)))
        pair = pd.DataFrame({"covered": covered, "total": shapely.area(shapes)}, index=tiles.index)
        by_county = pair.groupby(county).sum().rename_axis("area_id").reset_index()
        whole = pair.sum().to_frame().T.assign(area_id=WHOLE)
        yield pd.concat([whole, by_county]).assign(**_about(network.profile, float(limit), "land_m2"))


def _with_line(target: Target, evidence: Evidence) -> Target:
    """Return the target in per cent, with the user's own line where there is one."""
    line = evidence.lines.get(target.id)
    change = {"threshold_unit": "percent", "comparison": "none" if line is None else ">=", "threshold": line}
    return target.model_copy(update=change)


def _lines(judged: Target, own: pd.DataFrame, place: Place) -> Iterator[Line]:
    names = place.counties.set_index("area_id")["name"]
    for area, covered, total in own[["area_id", "covered", "total"]].itertuples(index=False):
        known = np.isfinite(covered) and np.isfinite(total)
        tally = Tally(exact(covered), exact(total)) if known else Tally(None, None)
        verdict = judge(judged, tally, place.evidence.as_of) if known else Verdict("no_data")
        yield Line(tally, verdict, area, str(names.get(area, "")))
