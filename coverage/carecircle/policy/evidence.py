"""What a pack is judged on: tables, network, filled-in sheets and choices; and the place that the pack binds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from carecircle.china.codes import significant_code
from carecircle.china.units import CITIES, PILOT_COUNTIES
from carecircle.china.units import units as listed_units
from carecircle.cover import SERVED_SHARE, assign_areas, parents
from carecircle.language import text
from carecircle.network import RoadNetwork
from carecircle.policy.model import Pack, Target
from carecircle.policy.units import UNIT_KIND, kind_of_unit
from carecircle.schema import LEVELS
from carecircle.sources.matching.areas import match_areas

Choices = Mapping[str, str]

_MANY_PLACES = 10
"""A pack that binds more places than this binds the country: that some are not in the tables goes without saying."""


def _at_once(_name: str, function: Callable[..., Any], *given: Any, **options: Any) -> Any:
    return function(*given, **options)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of a place.

    Parameters
    ----------
    facilities, areas, demand
        From `read_facilities` (the whole registry: what counts is up to the targets), `read_areas`, `read_population`.
    as_of
        The day that the data stand for.
    network
        To travel on; without one nothing is known of people reached and of circles.
    inputs
        Sheets from `read_inputs_book`, by name.
    minutes
        Limit of "people reached".
    served_share
        Share of a unit's people that makes it reached.
    readings
        Readings other than the defaults: by name (``"coverage"``), or for one target (``"YX-03.coverage"``).
    lines
        Lines of the user's own for targets whose text gives no number, per cent: ``{"YX-20": Decimal(80)}``.
    centre
        Codes of the areas that make the centre of the city (中心城区); none: the whole place.
    stage
        Runs a long calculation: ``stage(name, function, *given, **options)``; `carecircle.stages.Stages.of` keeps what
        it gives for the next run.
    """

    facilities: gpd.GeoDataFrame
    areas: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    as_of: date
    network: RoadNetwork | None = None
    inputs: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    minutes: float = 15.0
    served_share: float = SERVED_SHARE
    readings: Choices = field(default_factory=dict)
    lines: Mapping[str, Decimal] = field(default_factory=dict)
    centre: tuple[str, ...] = ()
    stage: Callable[..., Any] = _at_once

    def chosen(self, target: Target) -> dict[str, str]:
        """Return the readings of a target: those chosen for it, else for all, else its defaults.

        What is chosen for all and is no option of this target's is left at its default.
        """
        found = {}
        for one in target.readings:
            general = self.readings.get(one.key, one.default)
            found[one.key] = self.readings.get(f"{target.id}.{one.key}", general if general in one.options else "")
            found[one.key] = found[one.key] or one.default
        return found


@dataclass(frozen=True, eq=False)
class Place:
    """The part of the evidence that a pack binds.

    Parameters
    ----------
    evidence
        With the areas and the people of the place only; facilities are all there, for neighbours serve too.
    within
        Whether each facility stands in the place.
    bound
        Whether the areas are the pack's; else all of them are judged, and a note says so.
    notes
        What a reader should know of the place.
    """

    evidence: Evidence
    within: pd.Series
    bound: bool
    notes: tuple[str, ...]
    _located: dict[tuple[str, str], pd.Series] = field(default_factory=dict)

    def area_of(self, table: Literal["facilities", "demand"], level: str) -> pd.Series:
        """Return the area of a level in which each facility or demand point lies; found out once."""
        key = table, level
        if key not in self._located:
            areas = self.evidence.areas[self.evidence.areas["level"] == level]
            code = "area_code" if table == "facilities" else "area_id"
            found = assign_areas(getattr(self.evidence, table), areas, code).astype(object)
            self._located[key] = found.where(found.notna(), None)
        return self._located[key]

    @cached_property
    def counties(self) -> pd.DataFrame:
        """``area_id`` and ``name`` of the counties."""
        areas = self.evidence.areas
        found: pd.DataFrame = pd.DataFrame(areas.loc[areas["level"] == "county", ["area_id", "name"]])
        return found.sort_values("area_id").reset_index(drop=True)

    @cached_property
    def county_of(self) -> pd.Series:
        """The county of each area, on ``area_id``; missing for wider ones and where there is none."""
        return area_above(self.evidence.areas, "county")

    @property
    def facilities(self) -> gpd.GeoDataFrame:
        """The facilities that stand in the place."""
        return self.evidence.facilities[self.within]


def area_above(areas: gpd.GeoDataFrame, level: str) -> pd.Series:
    """Return the area of a level that each area is or belongs to, on ``area_id``; missing where there is none."""
    areas = areas.reset_index(drop=True)
    above, at_level = parents(areas), (areas["level"] == level).to_numpy()
    here = np.arange(len(areas))
    for _ in LEVELS:
        climb = (here >= 0) & ~at_level[np.maximum(here, 0)]
        here = np.where(climb, above[np.maximum(here, 0)], here)
    names = areas["area_id"].to_numpy(dtype=object)[np.maximum(here, 0)]
    return pd.Series(np.where(here >= 0, names, None), index=pd.Index(areas["area_id"], name="area_id"), dtype=object)


def place_of(pack: Pack, evidence: Evidence) -> Place:
    """Return the place that a pack binds, out of all that is known.

    Areas outside it are left out. Where none of the areas is the pack's (a trial on another city), all are judged and
    a note says so. Units of a county that the user has no table of are taken from the list of 2023-06-30 (see
    `carecircle.china.units`), which has no polygons: facilities belong to them by code or name.
    """
    inside = _bound(pack, evidence.areas)
    bound = bool(inside.any())
    areas = evidence.areas[inside] if bound else evidence.areas
    notes = _place_notes(pack, areas, bound=bound)
    listed = _listed(areas, pack) if bound else areas.iloc[:0]
    facilities = evidence.facilities
    if len(listed):
        levels = "、".join(text(f"fact.level_{level}") for level in LEVELS if (listed["level"] == level).any())
        notes = (*notes, text("judge.listed_units", levels=levels, count=len(listed)))
        areas = gpd.GeoDataFrame(pd.concat([areas, listed], ignore_index=True), geometry="geometry", crs=areas.crs)
        facilities = _with_codes(facilities, areas)
    areas = areas.reset_index(drop=True)
    found = replace(evidence, areas=areas.assign(**{UNIT_KIND: kind_of_unit(areas)}), facilities=facilities)
    within = _inside(facilities, areas, "area_code")
    if bound and "area_code" in facilities:  # what belongs to the city itself has its code, and stands in no county's
        code = significant_code(facilities["area_code"]).astype("string").fillna("")
        of_city = code.ne("") & (code.str.len().le(4) | code.str.slice(4, 6).eq("00"))
        within |= _starts(facilities["area_code"], pack) & of_city.astype(bool)
    if areas.geometry.isna().all():  # what names no unit may stand anywhere in it
        within |= facilities["area_code"].isna() if "area_code" in facilities else True
    if bound:
        found = replace(found, demand=evidence.demand[_inside(evidence.demand, areas, "area_id")])
    return Place(found, within, bound, notes)


def _place_notes(pack: Pack, areas: gpd.GeoDataFrame, *, bound: bool) -> tuple[str, ...]:
    """Say that the areas are not the pack's, or which of the places that it binds they do not have."""
    if not bound:
        return (text("judge.other_place", pack=pack.title.said(), codes="、".join(pack.area_codes)),)
    codes = significant_code(areas["area_id"]).astype("string")
    absent = [code for code in pack.area_codes if not codes.str.startswith(code).fillna(value=False).any()]
    if len(pack.area_codes) > _MANY_PLACES:
        return ()
    places = (text("judge.absent_places", pack=pack.title.said(), codes="、".join(absent)),) if absent else ()
    return (*places, *_absent_counties(pack, codes))


def _absent_counties(pack: Pack, codes: pd.Series) -> tuple[str, ...]:
    """Say which listed counties of the cities that a pack binds the areas do not have: they are not judged."""
    cities = tuple(code for code in pack.area_codes if code in CITIES and codes.str.startswith(code).any())
    every = listed_units(cities) if cities else listed_units().iloc[:0]
    listed = every[every["level"] == "county"]
    lacking = listed[~listed["area_id"].isin(set(codes.str[:6]))]
    if lacking.empty:
        return ()
    names = text("fact.list_join").join(f"{name} ({code})" for code, name in lacking[["area_id", "name"]].to_numpy())
    return (text("judge.absent_counties", counties=names, count=len(lacking)),)


def _bound(pack: Pack, areas: gpd.GeoDataFrame) -> pd.Series:
    """Return which areas belong to what a pack binds: by their codes, or those of their counties."""
    own = _starts(areas["area_id"], pack)
    counties = set(areas.loc[own & areas["level"].eq("county"), "area_id"])
    return own | area_above(areas, "county").isin(counties).to_numpy()


def _starts(cells: pd.Series, pack: Pack) -> pd.Series:
    """Return which codes begin with one of a pack's."""
    codes = tuple(significant_code(pd.Series(pack.area_codes, dtype=object)))
    return significant_code(cells).astype("string").str.startswith(codes).fillna(value=False).astype(bool)


def _listed(areas: gpd.GeoDataFrame, pack: Pack) -> gpd.GeoDataFrame:
    """Return the listed units of each level and county that the user's table has none of."""
    codes = significant_code(areas["area_id"]).astype("string")
    counties = codes[codes.str.len().ge(6)].str[:6]
    cities = [] if len(counties) else [code for code in pack.area_codes if code.startswith((*CITIES, *PILOT_COUNTIES))]
    every = listed_units()
    known = every[every["area_id"].str[:6].isin(set(counties)) | every["area_id"].str.startswith(tuple(cities) or "-")]
    above = significant_code(area_above(areas, "county").astype(object)).astype("string").str[:6].to_numpy(object)
    holder = pd.Series(above, index=areas.index).fillna(counties)
    have = {level: set(holder[areas["level"].eq(level)].dropna()) for level in LEVELS}
    wanted = [county not in have[level] for county, level in zip(known["area_id"].str[:6], known["level"], strict=True)]
    found = known[np.array(wanted, dtype=bool)][["area_id", "name", "level", "parent_id"]]
    own = dict(zip(codes, areas["area_id"], strict=True))  # the user's table may pad its codes with zeros
    found = found.assign(parent_id=found["parent_id"].map(lambda code: own.get(code, code)))
    return gpd.GeoDataFrame(found, geometry=[None] * len(found), crs=areas.crs)


def _with_codes(facilities: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Fill in the code of the unit that a facility names, where its own is not given or less narrow."""
    names = {level: level for level in LEVELS if level in facilities}
    code = "area_code" if "area_code" in facilities else None
    if not (names or code):
        return facilities
    found = match_areas(facilities, areas, code=code, names=names).frame["area_id"]
    given = facilities[code] if code else pd.Series(None, index=facilities.index, dtype=object)
    return facilities.assign(area_code=found.where(found.notna(), given))


def _inside(points: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, code: str) -> pd.Series:
    """Return which points lie in an area, by its border or by their code."""
    return assign_areas(points, areas, code).notna()
