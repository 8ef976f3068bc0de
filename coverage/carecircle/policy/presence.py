"""The three readings of "coverage": a unit has one, is served by one, or its people reach one; side by side.

* has one (建有率): a facility that counts stands inside.
* is served (服务覆盖率): one stands inside, or names the unit in its column 服务乡镇列表 (民发〔2024〕20号 speaks of
  the share of towns that regional centres serve).
* people reached (可达覆盖率): older people within the limit, on the ways of the network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.cover import assign_areas
from carecircle.network import Floats, RoadNetwork
from carecircle.policy.evidence import Evidence, Place
from carecircle.policy.judge import GRAVITY, Tally, Verdict, judge
from carecircle.policy.model import Pack, Target
from carecircle.policy.units import (
    METRICS,
    Choices,
    count_in_units,
    counted_facilities,
    counted_units,
    is_listed,
    judge_units,
    units_are_known,
)
from carecircle.reach import TOLERANCE_SECONDS, nearest_of_places
from carecircle.snap import Places, snap
from carecircle.sources.matching.areas import match_areas

_BETWEEN = re.compile(r"[、，,;；/／+＋|\s]+")
WEIGHTS = ("people_60", "people")
"""What people are counted by: those of 60 and over where known anywhere, else all; else points."""


@dataclass(frozen=True, eq=False)
class Ways:
    """Minutes from every demand point to sets of facilities; each set is searched for once."""

    evidence: Evidence
    _places: dict[int, Places] = field(default_factory=dict)
    _known: dict[tuple[int, bytes], Floats] = field(default_factory=dict)

    def minutes(self, counts: pd.Series, network: RoadNetwork | None = None) -> Floats:
        """Return minutes to the nearest facility that counts, (points,); NaN where none is reached or known.

        Parameters
        ----------
        counts
            Boolean, on the index of the evidence's facilities.
        network
            At another speed; default: the evidence's.
        """
        network = network or self.evidence.network
        if network is None:
            return np.full(len(self.evidence.demand), np.nan)
        chosen = counts.to_numpy(bool)
        key = id(network), chosen.tobytes()
        if key not in self._known:
            at = self._places.setdefault(id(network), snap(self.evidence.demand, network))
            seconds, _, which = nearest_of_places(at, self.evidence.facilities[chosen], network)
            self._known[key] = np.where(which >= 0, seconds / 60, np.nan)
        return self._known[key]

    def within(self, counts: pd.Series, minutes: float, network: RoadNetwork | None = None) -> NDArray[np.bool_]:
        """Return which demand points reach a facility that counts within a limit, inclusive."""
        with np.errstate(invalid="ignore"):
            near: NDArray[np.bool_] = self.minutes(counts, network) <= minutes + TOLERANCE_SECONDS / 60
        return near


def people_of(demand: gpd.GeoDataFrame) -> pd.Series:
    """Return how much each demand point weighs: people of 60 and over, else all people, else 1 each."""
    for name in WEIGHTS:
        if name in demand and demand[name].notna().any():
            weight: pd.Series = demand[name].astype(float)
            return weight
    return pd.Series(1.0, index=demand.index)


def exact(value: float) -> Fraction:
    """Return a sum of people as a fraction of a millionth, so that sums in another order are the same.

    Examples
    --------
    >>> exact(0.1 + 0.2)
    Fraction(3, 10)
    """
    return Fraction(round(value * 10**6), 10**6)


def unit_table(
    target: Target, pack: Pack, place: Place, chosen: Choices, ways: Ways, *, day: date | None = None
) -> pd.DataFrame:
    """Return the units that a target counts, and what is known of each, by every reading of coverage.

    Parameters
    ----------
    target
        With metric ``share_of_units_with_facility``, ``facilities_per_unit`` or ``change``.
    pack, place, chosen, ways
        The pack, the place, the readings, and travel times.
    day
        An earlier day; default: the evidence's.

    Returns
    -------
    pandas.DataFrame
        On `area_id`: ``name``, ``found`` and ``unverified`` facilities, ``served`` and ``passes`` (True, False or None
        for what is not known), ``people`` and ``reached`` (NaN where not known).
    """
    evidence = place.evidence
    as_of = evidence.as_of if day is None else min(day, evidence.as_of)
    if not units_are_known(target, evidence.areas, chosen):
        return _unknown(counted_units(target, evidence.areas, {**chosen, "urban_community": "committee"}))
    units = counted_units(target, evidence.areas, chosen)
    if not is_listed(target, pack, evidence.facilities):
        return _unknown(units)
    counts = counted_facilities(target, pack, evidence.facilities, as_of, chosen, seen=evidence.as_of)
    table = count_in_units(units, evidence.facilities, counts)
    table.insert(0, "name", units.set_index("area_id")["name"] if "name" in units else None)
    table = table.assign(served=_served(table, units, evidence, counts.eq(True)))
    people, reached = _people(units, evidence, counts.eq(True), ways)
    table = table.assign(people=people, reached=reached)
    return table.assign(passes=_passes(target, table, chosen, evidence.served_share))


def _unknown(units: pd.DataFrame) -> pd.DataFrame:
    """Return the table of units of which nothing is known."""
    nothing = pd.Series(None, index=pd.Index(units["area_id"].to_numpy(), name="area_id"), dtype=object)
    names = units.set_index("area_id")["name"] if "name" in units else nothing
    return pd.DataFrame(
        {
            "name": names,
            "found": nothing,
            "unverified": 0,
            "served": nothing,
            "people": np.nan,
            "reached": np.nan,
            "passes": nothing,
        }
    )


def _served(table: pd.DataFrame, units: gpd.GeoDataFrame, evidence: Evidence, counts: pd.Series) -> pd.Series:
    """Return whether each unit has a facility or is named by one that counts; None where the registry does not say."""
    has = table["found"].gt(0).astype(object)
    facilities = evidence.facilities[counts]
    if "serves" not in facilities or facilities["serves"].isna().all():
        return has.where(has.eq(True), None)
    named = named_units(facilities, units, evidence.areas)
    return has.where(has.eq(True), table.index.isin(set(named)))


def named_units(facilities: pd.DataFrame, units: pd.DataFrame, areas: pd.DataFrame) -> list[str]:
    """Return the ``area_id`` of units that facilities name in their column ``serves`` (by name or code)."""
    cells = facilities["serves"].dropna().astype(str).map(_BETWEEN.split).explode()
    cells = cells[cells.str.strip() != ""]
    level = str(units["level"].iloc[0]) if len(units) else "township"
    rows = pd.DataFrame({level: cells.to_numpy(dtype=object)})
    rows["code"] = rows[level].where(rows[level].str.fullmatch(r"[0-9]{6,12}"), None)
    rows[level] = rows[level].where(rows["code"].isna(), None)
    names = {level: level}
    if "county" in facilities and level != "county":
        rows["county"] = facilities["county"].reindex(cells.index).to_numpy(dtype=object)
        names["county"] = "county"
    found = match_areas(rows, areas, code="code", names=names).frame["area_id"]
    return sorted(set(found.dropna()))


def _people(units: gpd.GeoDataFrame, evidence: Evidence, counts: pd.Series, ways: Ways) -> tuple[pd.Series, pd.Series]:
    """Return the people of each unit, and those of them within the limit; NaN without a network or people there."""
    index = pd.Index(units["area_id"], name="area_id")
    if evidence.network is None or not len(units):
        unknown = pd.Series(np.nan, index=index)
        return unknown, unknown
    weight = people_of(evidence.demand)
    where = assign_areas(evidence.demand, units, "area_id")
    near = ways.within(counts, evidence.minutes)
    people = weight.groupby(where).sum(min_count=1).reindex(index)
    reached = weight.where(near, 0.0).where(weight.notna()).groupby(where).sum(min_count=1).reindex(index)
    return people, reached


def _passes(target: Target, table: pd.DataFrame, chosen: Choices, share: float) -> pd.Series:
    """Return whether each unit is as it should be, by the reading that is judged."""
    coverage = chosen.get("coverage", "has_one")
    if coverage == "served":
        return table["served"]
    if coverage == "people":
        known = table["people"].gt(0)
        return table["reached"].ge(share * table["people"]).astype(object).where(known, None)
    need = int(target.threshold) if target.metric == "facilities_per_unit" and target.threshold else 1
    enough, may = table["found"].ge(need), (table["found"] + table["unverified"]).ge(need)
    return enough.astype(object).where(enough | ~may, None)


def tally_of(table: pd.DataFrame, chosen: Choices) -> Tally:
    """Return what the units of a table add up to, by the reading that is judged."""
    unknown = Tally(None, len(table))
    if len(table) and table["found"].isna().any():
        return unknown
    coverage = chosen.get("coverage", "has_one")
    if coverage == "people":
        if table["people"].notna().sum() == 0:
            return Tally(None, None if len(table) else 0)
        return Tally(exact(float(table["reached"].sum())), exact(float(table["people"].sum())))
    passes = table["passes"]
    if coverage == "served":
        return unknown if passes.isna().any() else Tally(int(passes.eq(True).sum()), len(table))
    return Tally(int(passes.eq(True).sum()), len(table), int(passes.isna().sum()))


def verdict_of(target: Target, table: pd.DataFrame, chosen: Choices, as_of: date) -> Verdict:
    """Return the verdict on the units of a table, by the reading that is judged."""
    if target.metric in METRICS and chosen.get("coverage", "has_one") == "has_one":
        return judge_units(target, table, as_of)
    tally = tally_of(table, chosen)
    return Verdict("no_data") if len(table) and tally.numerator is None else judge(target, tally, as_of)


def share_of(tally: Tally) -> Fraction | None:
    """Return a tally in per cent, None where it is not known or there is nothing to count."""
    if tally.numerator is None or not tally.denominator:
        return None
    return 100 * Fraction(tally.numerator) / Fraction(tally.denominator)


def worst(verdicts: Mapping[Any, Verdict]) -> Verdict:
    """Return the gravest of several verdicts."""
    return min(verdicts.values(), key=lambda one: GRAVITY.index(one.word))
