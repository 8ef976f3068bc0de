"""What is lacking: the units in which a target is not met, by name, with their people, and what could mend it.

A row is a unit and a target. Targets that count units give the units that do not pass; circles give the units of the
narrowest level most of whose people are beyond the limit. Nothing is made up where nothing is known: a target without
data has no gaps, and a unit without known people has none for a number. See ``docs/gaps.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd

from carecircle.china.codes import code_level, parent_code
from carecircle.china.units import units
from carecircle.cover import SERVED_SHARE, assign_areas
from carecircle.crs import GEOGRAPHIC, metric_crs, project, to_geographic
from carecircle.network import RoadNetwork
from carecircle.policy.evidence import area_above
from carecircle.policy.model import Pack, Target
from carecircle.policy.presence import people_of
from carecircle.policy.registry import names_in
from carecircle.policy.results import Judgement, Outcome
from carecircle.policy.units import counted_facilities, of_kinds, readings_of
from carecircle.policy.vocabulary import Vocabulary, vocabulary
from carecircle.reach import TOLERANCE_SECONDS, nearest
from carecircle.schema import GAPS, LEVELS
from carecircle.sources.facilities import in_operation, is_coming

KINDS = ("none", "few", "beyond", "closed", "functions", "too_small")
"""What is lacking, the gravest first: no facility; fewer than asked; most people beyond the limit; closed or not open
yet; open, but without functions, grade or label, or it does not say; too small."""
MEASURES = ("build", "extend", "reuse", "reopen", "neighbour")
"""新建, 改扩建, 盘活闲置, 恢复运营, 邻近服务."""

_WEIGHTS = ("people_60", "people")
_NAMED = ("county", "township", "community")


@dataclass(frozen=True)
class _Options:
    """What a user may set; floors by kind of the vocabulary, m2."""

    minutes: float
    served_share: float
    floors: Mapping[str, float]
    centre: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Place:
    """The tables in degrees, and what all targets ask of them; areas have a plain index and all units."""

    facilities: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    network: RoadNetwork | None

    @cached_property
    def levels(self) -> tuple[str, ...]:
        return tuple(level for level in LEVELS if (self.areas["level"] == level).any())

    @cached_property
    def homes(self) -> dict[str, pd.Series]:
        """The unit of each demand point, by level."""
        return {level: self._within(self.demand, level, "area_id") for level in self.levels}

    @cached_property
    def narrowest(self) -> str:
        """The narrowest level that demand points are known to lie in; units of a bare list may hold none."""
        return next((level for level in reversed(self.levels) if self.homes[level].notna().any()), self.levels[-1])

    @cached_property
    def stands(self) -> dict[str, pd.Series]:
        """The unit in which each facility stands, by level."""
        return {level: self._within(self.facilities, level, "area_code") for level in self.levels}

    @cached_property
    def county(self) -> pd.Series:
        """The county of each unit, on `area_id`."""
        return area_above(self.areas, "county")

    def _within(self, points: gpd.GeoDataFrame, level: str, code: str) -> pd.Series:
        return assign_areas(points, self.areas[self.areas["level"] == level], code)

    @cached_property
    def table(self) -> gpd.GeoDataFrame:
        """Name, level, names of the units around, people and middle of every unit, on `area_id`."""
        areas = self.areas.set_index("area_id")
        around = {level: area_above(self.areas, level).map(areas["name"]) for level in _NAMED}
        about = pd.DataFrame({"level": areas["level"], "name": areas["name"], **around})
        people = pd.concat([_people(self, level) for level in self.levels])
        middle = pd.concat([_middles(self, level) for level in self.levels])
        joined = about.join(people)
        return gpd.GeoDataFrame(joined, geometry=middle.reindex(joined.index).to_numpy(object), crs=GEOGRAPHIC)


def find_gaps(  # noqa: PLR0913  tables and limits of several stages meet here
    judgements: Sequence[Judgement],
    facilities: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    network: RoadNetwork | None,
    *,
    minutes: float = 15.0,
    served_share: float = SERVED_SHARE,
    min_floor_m2: Mapping[str, float] | None = None,
    centre: Sequence[str] = (),
) -> gpd.GeoDataFrame:
    """List the units in which targets are not met, with their people and the nearest facility that counts.

    Parameters
    ----------
    judgements
        From `carecircle.policy.assessment`.
    facilities, areas, demand
        As they were judged; of facilities the whole registry, closed ones too.
    network
        To travel on; without one no facility is near, and circles have no gaps.
    minutes
        A facility of a neighbour within this time may serve a unit that has none.
    served_share
        A circle leaves a unit out when less than this share of its people (60 and over where known, else all, else
        points) is within the target's own limit.
    min_floor_m2
        Least floor area by kind of the vocabulary, m2: ``{"day_care": 300}``; a kind that includes others sets theirs.
        Facilities that do not say theirs are taken as large enough.
    centre
        Codes of the areas that circles are about; none: the whole place.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a unit and target, by rank; the columns of `schema.GAPS` and a point in EPSG:4326, the demand point of
        the unit that is nearest to the mean place of its people (without any: a point inside its border, or nothing).
        `people_60` and `people_80` are those of the unit, `people_60_out` those beyond the limit of a circle; NaN =
        not known. `metres` and `minutes` lead from the point to the nearest facility that counts; NaN = not reached.
        `rank` goes by people of 60 and over, then by the longer way (not reached first), then by code; units of unknown
        people come last. `also` names targets that say the same.

    Examples
    --------
    >>> import geopandas as gpd
    >>> nothing = gpd.GeoDataFrame({"facility_id": [], "area_id": [], "level": [], "name": []}, geometry=[], crs=4326)
    >>> find_gaps([], nothing, nothing, nothing, None).empty
    True
    """
    options = _Options(minutes, served_share, min_floor_m2 or {}, tuple(centre))
    place = _Place(
        to_geographic(facilities).reset_index(drop=True),
        _with_units(to_geographic(areas), judgements),
        to_geographic(demand).reset_index(drop=True),
        network,
    )
    parts = [
        part
        for judgement in judgements
        for outcome in judgement.outcomes
        for part in _of_outcome(place, judgement, outcome, options)
    ]
    return ranked(_once(pd.concat(parts, ignore_index=True)) if parts else _nothing())


def ranked(gaps: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return gaps in their order, ranked from 1; numbers of people that are not known or not published come last."""
    people = gaps["people_60"].where(np.isfinite(gaps["people_60"]))
    order = pd.DataFrame({"people": -people, "minutes": -gaps["minutes"].fillna(np.inf), "code": gaps["area_id"]})
    order["target"] = gaps["target_id"]
    found = gaps.loc[order.sort_values(list(order.columns), na_position="last", kind="stable").index]
    found = found.assign(rank=np.arange(1, len(gaps) + 1))[[*(column.name for column in GAPS.columns), "geometry"]]
    return found.reset_index(drop=True)


# The place


def _with_units(areas: gpd.GeoDataFrame, judgements: Sequence[Judgement]) -> gpd.GeoDataFrame:
    """Return areas with the units that were judged and are not among them: those of the official list."""
    known = set(areas["area_id"])
    tables = [one.units for judgement in judgements for one in judgement.outcomes if one.units is not None]
    missing = sorted({str(code) for table in tables for code in table.index} - known)
    areas = areas.reset_index(drop=True)
    if not missing:
        return areas
    listed = units().set_index("area_id")
    above = {code[:length] for code in missing for length in (6, 9, 12)}
    codes = pd.Series(sorted((above & set(listed.index) | set(missing)) - known), dtype=object)
    more = {
        "area_id": codes,
        "name": codes.map(listed["name"]),
        "level": codes.map(listed["level"]).fillna(code_level(codes)),
        "parent_id": parent_code(codes),
    }
    added = gpd.GeoDataFrame(more, geometry=[None] * len(codes), crs=areas.crs)
    return gpd.GeoDataFrame(pd.concat([areas, added], ignore_index=True), crs=areas.crs)


def _people(place: _Place, level: str) -> pd.DataFrame:
    """Return the people of 60 and 80 and over of each unit; 0 where nobody lives, NaN where it is not known.

    Units without a border have nobody only where people's codes say of others of the kind that they live there.
    """
    at, index = place.homes[level], _ids(place, level)
    own = place.areas[place.areas["level"] == level].set_index("area_id")
    bare = own.index[own.geometry.isna().to_numpy()]
    told = ~index.isin(bare) | bool(at.isin(bare).any())
    columns = {}
    for name in ("people_60", "people_80"):
        known = place.demand[name].astype(float) if name in place.demand else pd.Series(np.nan, place.demand.index)
        sums = known.groupby(at).sum(min_count=1).reindex(index)
        columns[name] = sums.where(index.isin(at.dropna()) | ~told | (name not in place.demand), 0.0)
    return pd.DataFrame(columns, index=index)


def _ids(place: _Place, level: str) -> pd.Index:
    ids: pd.Index = pd.Index(place.areas.loc[place.areas["level"] == level, "area_id"], name="area_id")
    return ids


def _middles(place: _Place, level: str) -> pd.Series:
    """Return the demand point nearest to the mean place of each unit's people, else a point inside the unit."""
    areas = place.areas[place.areas["level"] == level].set_index("area_id")
    inside = pd.Series(areas.geometry.representative_point().to_numpy(object), index=areas.index, dtype=object)
    at = place.homes[level].dropna()
    if at.empty:
        return inside
    points = place.demand.loc[at.index]
    lon, lat = points.geometry.x.to_numpy(), points.geometry.y.to_numpy()
    xy = project(np.column_stack([lon, lat]), metric_crs(float(lon.mean()), float(lat.mean())))
    weight = _weight(place.demand, place.homes[level])[at.index]
    table = pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "unit": at.to_numpy(object), "weight": weight}, index=at.index)
    sums = table[["x", "y"]].mul(table["weight"], axis=0).groupby(table["unit"]).transform("sum")
    mean = sums.div(table.groupby("unit")["weight"].transform("sum"), axis=0)
    table["off"] = np.hypot(*(table[["x", "y"]] - mean).to_numpy().T).round(3)
    table["key"] = points["demand_id"].astype(str) if "demand_id" in points else table.index.astype(str)
    first = table.sort_values(["unit", "off", "key"]).drop_duplicates("unit")
    chosen = pd.Series(points.geometry.loc[first.index].to_numpy(object), index=first["unit"], dtype=object)
    return chosen.reindex(areas.index).where(areas.index.isin(chosen.index), inside)


def _weight(demand: pd.DataFrame, home: pd.Series) -> pd.Series:
    """Return how much each point weighs in its unit: people of 60 and over, else all people, else 1."""
    weight = pd.Series(np.nan, index=demand.index)
    for name in (name for name in _WEIGHTS if name in demand):
        known = demand[name].astype(float)
        sums = known.groupby(home).transform("sum")
        weight = weight.where(weight.notna(), known.fillna(0.0).where(sums > 0))
    return weight.fillna(1.0)


# Facilities


def _floors(kinds: Vocabulary, given: Mapping[str, float]) -> dict[str, float]:
    """Return the least floor areas by kind; what a wider kind asks for holds for narrower ones without their own."""
    wide = {kind: floor for name, floor in given.items() for kind in kinds.narrower([name])}
    return {**wide, **given}


def _examined(place: _Place, judgement: Judgement, outcome: Outcome, options: _Options) -> pd.DataFrame:
    """Return for each facility whether it counts, and what it lacks if it is of the kinds of a target."""
    target, pack, facilities = outcome.target, judgement.pack, place.facilities
    chosen = readings_of(target, outcome.readings)
    fits = of_kinds(target, pack, facilities, chosen)
    counts = counted_facilities(target, pack, facilities, judgement.as_of, chosen).eq(True)
    stands = counted_facilities(_bare(target), pack, facilities, judgement.as_of, chosen).eq(True)
    coming = _coming(facilities, judgement)
    small = counts & _too_small(target, pack, facilities, options)
    return pd.DataFrame(
        {
            "counts": counts & ~small,
            "small": small,
            "lacking": fits & stands & ~counts,
            "closed": fits & ~stands & ~coming,
            "coming": fits & ~stands & coming,
            "idle": ~fits & ~in_operation(facilities) & ~coming,
        }
    )


def _bare(target: Target) -> Target:
    """Return a target that asks for the kind and the state only."""
    readings = tuple(one for one in target.readings if one.key != "built")
    return target.model_copy(update={"functions": (), "stars_min": None, "label": "", "readings": readings})


def _coming(facilities: pd.DataFrame, judgement: Judgement) -> pd.Series:
    """Return which facilities are planned, being built, or open after the day."""
    nothing = pd.Series(None, index=facilities.index, dtype=object)
    opened = pd.to_datetime(facilities.get("opened", nothing), errors="coerce")
    return is_coming(facilities) | (opened > pd.Timestamp(judgement.as_of))


def _too_small(target: Target, pack: Pack, facilities: pd.DataFrame, options: _Options) -> pd.Series:
    """Return which facilities are known to be smaller than the least that any of their kinds may have."""
    if not options.floors or "floor_m2" not in facilities or "kind" not in facilities:
        return pd.Series(data=False, index=facilities.index)
    kinds = vocabulary().with_kinds(pack.kinds)
    wanted, least = set(kinds.narrower(target.kinds)), _floors(kinds, options.floors)
    named = names_in(facilities["kind"], kinds.kinds)
    need = named.map(
        lambda found: min((least.get(one, 0.0) for one in found & wanted), default=0.0), na_action="ignore"
    )
    return facilities["floor_m2"] < need.astype(float).fillna(0.0)


# Gaps


def _of_outcome(place: _Place, judgement: Judgement, outcome: Outcome, options: _Options) -> Iterator[gpd.GeoDataFrame]:
    """Yield the gaps of a target where something is known of it."""
    check, table, network = outcome.target.check, outcome.units, place.network
    if outcome.verdict.word == "no_data" or check not in {"units", "circle"}:
        return
    facts, found = _examined(place, judgement, outcome, options), pd.DataFrame()
    if check == "units" and table is not None and len(table):
        found = _unit_gaps(place, table, facts, by_people=outcome.readings.get("coverage") == "people")
    if check == "circle" and network is not None and len(place.demand):
        limit = float(outcome.target.minutes or options.minutes)
        counting = place.facilities[facts["counts"]]
        near = nearest(place.demand, counting, network, minutes=limit)["facility_id"].notna()
        found = _circle_gaps(place, _judged(place, judgement, options), facts, near, options.served_share)
    if len(found):
        yield _rows(place, judgement, outcome, found, facts, options)


def _unit_gaps(place: _Place, table: pd.DataFrame, facts: pd.DataFrame, *, by_people: bool) -> pd.DataFrame:
    """Return the units that do not pass: kind of gap, people left out, and which facilities stand inside.

    A unit of which the registry does not say enough to pass is a gap too: somebody has to look. One of which it says
    nothing at all (no such facilities are listed) is none.
    """
    inside = _inside(place, table.index, facts)
    passes = table["passes"].eq(True)
    fails = table["passes"].eq(False) if by_people else ~passes & table["found"].notna()
    inside["lacking"] |= table["unverified"].fillna(0).gt(0)
    small = passes & inside["small"] & ~inside["counts"]
    kinds = {
        "too_small": small,
        "beyond": pd.Series(by_people, index=table.index),
        "functions": inside["lacking"],
        "closed": inside["closed"] | inside["coming"],
        "few": table["found"].fillna(0).gt(0),
    }
    inside["gap"] = np.select(list(kinds.values()), list(kinds), "none")
    counted = by_people and people_of(place.demand).name == "people_60"
    inside["people_60_out"] = table["people"] - table["reached"] if counted else np.nan
    return inside[fails | small]


def _inside(place: _Place, ids: pd.Index, facts: pd.DataFrame) -> pd.DataFrame:
    """Return for each unit whether a facility of each sort stands inside."""
    level = str(place.table.loc[ids[0], "level"])
    where = place.stands[level]
    return pd.DataFrame({name: ids.isin(where[facts[name]].dropna()) for name in facts.columns}, index=ids)


def _judged(place: _Place, judgement: Judgement, options: _Options) -> pd.Index:
    """Return the units of the narrowest level in the counties that were judged, and in the centre."""
    ids = _ids(place, place.narrowest)
    if len(judgement.counties):
        ids = ids[place.county.reindex(ids).isin(set(judgement.counties["area_id"])).to_numpy()]
    return ids[ids.astype(str).str.startswith(options.centre)] if options.centre else ids


def _circle_gaps(place: _Place, ids: pd.Index, facts: pd.DataFrame, near: pd.Series, share: float) -> pd.DataFrame:
    """Return the units of whose people less than a share is near."""
    home = place.homes[place.narrowest]
    people, reached = _reached(place.demand, home, near)
    beyond = (people > 0) & (reached < share * people)
    ids = ids[ids.isin(beyond.index[beyond])]
    if not len(ids):
        return pd.DataFrame()
    found = _inside(place, ids, facts).assign(gap="beyond", people_60_out=np.nan)
    if "people_60" in place.demand:
        out = place.demand["people_60"].astype(float)
        found["people_60_out"] = out.where(~near, out * 0).groupby(home).sum(min_count=1).reindex(ids)
    return found


def _reached(demand: pd.DataFrame, home: pd.Series, near: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return (people, people within reach) of each unit, by the best weight known there, as `carecircle.cover` does."""
    ones = pd.Series(1.0, index=demand.index)
    people = reached = pd.Series(np.nan, index=pd.Index(sorted(set(home.dropna())), name="area_id"))
    for weight in (*(demand[name].astype(float) for name in _WEIGHTS if name in demand), ones):
        sums = weight.groupby(home).sum(min_count=1)
        inside = weight.where(near, weight * 0).groupby(home).sum(min_count=1)
        people, reached = people.fillna(sums), reached.where(people.notna() & reached.notna(), inside)
    return people, reached


def _rows(
    place: _Place, judgement: Judgement, outcome: Outcome, found: pd.DataFrame, facts: pd.DataFrame, options: _Options
) -> gpd.GeoDataFrame:
    """Return the gaps of a target as rows of the table."""
    target, about = outcome.target, place.table.loc[found.index]
    ways = _nearest(place, about, facts["counts"])
    near = ways["minutes"] <= options.minutes + TOLERANCE_SECONDS / 60
    ahead = target.deadline is not None and target.deadline >= judgement.as_of
    day = target.deadline if ahead and target.deadline else judgement.as_of
    rows = about.join(found[["gap", "people_60_out"]]).join(ways).reset_index()
    return rows.assign(
        gap_id=target.id + "-" + rows["area_id"].astype(str),
        pack=judgement.pack.id,
        target_id=target.id,
        same=_same(target, judgement.pack),
        measure=_measures(found, near).to_numpy(),
        year=day.year,
    )


def _nearest(place: _Place, about: gpd.GeoDataFrame, counts: pd.Series) -> pd.DataFrame:
    """Return the nearest facility that counts of each unit's middle, along the network."""
    located = about[about.geometry.notna()]
    unknown = pd.DataFrame({"metres": np.nan, "minutes": np.nan}, index=about.index)
    unknown = unknown.assign(nearest_facility=None, nearest_name=None)
    if place.network is None or located.empty or not counts.any():
        return unknown
    found = nearest(located, place.facilities[counts], place.network).reindex(about.index)
    named = place.facilities.drop_duplicates("facility_id").set_index("facility_id")
    names = found["facility_id"].map(named["name"]) if "name" in named else None
    return unknown.assign(
        metres=found["metres"], minutes=found["minutes"], nearest_facility=found["facility_id"], nearest_name=names
    )


def _measures(found: pd.DataFrame, near: pd.Series) -> pd.Series:
    """Return what could mend each gap: first what stands in the unit itself, then a neighbour, then other premises."""
    ways = {
        "extend": found["lacking"] | found["gap"].eq("too_small"),
        "reopen": found["closed"],
        "build": found["coming"],
        "neighbour": found["gap"].eq("none") & near,
        "reuse": found["idle"],
    }
    return pd.Series(np.select(list(ways.values()), list(ways), "build"), index=found.index)


def _same(target: Target, pack: Pack) -> str:
    """Return the first target of the pack that says the same as a target."""
    said = {target.id, *target.same_as, *(one.id for one in pack.targets if target.id in one.same_as)}
    return next(one.id for one in pack.targets if one.id in said)


def _once(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return one row for targets that say the same of a unit, with the others named."""
    keys = ["pack", "same", "area_id"]
    others = rows.groupby(keys, sort=False)["target_id"].agg(lambda ids: "、".join(ids.iloc[1:]))
    first = rows.drop_duplicates(keys)
    return _typed(first.assign(also=others.loc[pd.MultiIndex.from_frame(first[keys])].to_numpy()))


def _typed(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a table with the types of its contract: text (missing where there is none), numbers, a whole year."""
    types = {
        column.name: "float" if column.kind == "number" else "str" for column in GAPS.columns if column.name in rows
    }
    return rows.astype({**types, "year": "int64"})


def _nothing() -> gpd.GeoDataFrame:
    """Return a list without a gap."""
    empty = gpd.GeoDataFrame({column.name: [] for column in GAPS.columns}, geometry=[], crs=GEOGRAPHIC)
    return _typed(empty)
