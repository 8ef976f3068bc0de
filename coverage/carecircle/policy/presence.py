"""The three readings of "coverage": a unit has one, is served by one, or its people reach one; side by side.

* has one (建有率): a facility that counts stands inside.
* is served (服务覆盖率): one stands inside, or names the unit in its column 服务乡镇列表 (民发〔2024〕20号 speaks of
  the share of towns that regional centres serve).
* people reached (可达覆盖率): older people within the limit, on the ways of the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.model import Profile
from carecircle.network import Floats, RoadNetwork
from carecircle.policy.evidence import Evidence, Place
from carecircle.policy.judge import GRAVITY, Tally, Verdict, judge
from carecircle.policy.model import Pack, Target
from carecircle.policy.serving import says_whom, served
from carecircle.policy.units import (
    Choices,
    count_in_units,
    counted_facilities,
    counted_units,
    is_listed,
    judge_units,
    level_of,
    unknown_counties,
)
from carecircle.reach import TOLERANCE_SECONDS, nearest_of_places
from carecircle.snap import Places, snap

WEIGHTS = ("people_60", "people")
"""What people are counted by: those of 60 and over where known anywhere, else all; else points."""


@dataclass(frozen=True, eq=False)
class Ways:
    """Minutes from every demand point to sets of facilities; each set is searched for once.

    Networks are told apart by their travellers: all of one place are the evidence's, at several speeds.
    """

    evidence: Evidence
    _places: dict[Profile, Places] = field(default_factory=dict)
    _known: dict[tuple[Profile, bytes], Floats] = field(default_factory=dict)

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
        key = network.profile, chosen.tobytes()
        if key not in self._known:
            at = self._places.get(network.profile)
            if at is None:
                at = self._places[network.profile] = snap(self.evidence.demand, network)
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


def people_reached(units: gpd.GeoDataFrame, place: Place, counts: pd.Series, ways: Ways) -> dict[str, pd.Series]:
    """Return the people of each unit, those within the limit, and those that may be: of facilities that may count.

    NaN without a network, where nobody's place is known, and in units with people whose number is not known.
    """
    index = pd.Index(units["area_id"], name="area_id")
    names = ("people", "reached", "reached_may")
    evidence = place.evidence
    if evidence.network is None or not len(units):
        return dict.fromkeys(names, pd.Series(np.nan, index=index))
    where = place.area_of("demand", str(units["level"].iloc[0]))
    where = where.where(where.isin(index), None)
    if not where.notna().any():
        return dict.fromkeys(names, pd.Series(np.nan, index=index))
    weight = people_of(evidence.demand)
    sure = ways.within(counts.eq(True), evidence.minutes)
    may = ways.within(counts.ne(False), evidence.minutes) if counts.isna().any() else sure
    parts = (weight, weight.where(sure, weight * 0), weight.where(may, weight * 0))
    has_points = pd.Series(index.isin(set(where.dropna())), index=index)
    return {
        name: part.groupby(where).sum(min_count=1).reindex(index).where(has_points, 0.0)
        for name, part in zip(names, parts, strict=True)
    }


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
        On `area_id`: ``name``, ``county``, ``known`` (False: a county whose units are not known, in a
        row of its own), ``found`` and ``unverified`` facilities, ``elsewhere`` (facilities that may stand in it, as it
        is not known where they stand), ``told`` (whether the registry says whom facilities serve), ``served`` and
        ``passes`` (True, False or None for what is not known), ``people``, ``reached`` and ``reached_may`` (NaN where
        not known).
    """
    evidence = place.evidence
    as_of = evidence.as_of if day is None else min(day, evidence.as_of)
    units = counted_units(target, evidence.areas, chosen)
    absent = _rows_of_absent(target, place, chosen)
    if not is_listed(target, pack, evidence.facilities):
        return _joined(_unknown(units, place), absent)
    counts = counted_facilities(target, pack, evidence.facilities, as_of, chosen, seen=evidence.as_of)
    table = count_in_units(units, evidence.facilities, counts, place.area_of("facilities", level_of(target)))
    table.insert(0, "name", units.set_index("area_id")["name"] if "name" in units else None)
    table = table.assign(county=place.county_of.reindex(table.index), known=True)
    table = table.assign(
        elsewhere=_elsewhere(table, target, place, counts), told=says_whom(evidence.facilities, counts)
    )
    table = table.assign(served=served(table, units, place, counts), **people_reached(units, place, counts, ways))
    return _joined(table.assign(passes=_passes(target, table, chosen, evidence.served_share)), absent)


def _joined(table: pd.DataFrame, absent: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table.astype(object), absent.astype(object)]) if len(absent) else table


def _unknown(units: pd.DataFrame, place: Place, *, known: bool = True) -> pd.DataFrame:
    """Return the table of units of which nothing is known."""
    index = pd.Index(units["area_id"].to_numpy(), name="area_id")
    nothing = pd.Series(None, index=index, dtype=object)
    columns = {
        "name": units.set_index("area_id")["name"] if "name" in units else nothing,
        "found": nothing,
        "unverified": 0,
        "county": place.county_of.reindex(index),
        "known": known,
        "elsewhere": 0,
        "told": False,
        "served": nothing,
        "people": np.nan,
        "reached": np.nan,
        "reached_may": np.nan,
        "passes": nothing,
    }
    return pd.DataFrame(columns, index=index)


def _rows_of_absent(target: Target, place: Place, chosen: Choices) -> pd.DataFrame:
    """Return a row for each county of which it is not known which units it has; one for the place without counties."""
    areas, counties = place.evidence.areas, place.counties
    county_of = place.county_of if len(counties) else pd.Series("", index=place.county_of.index)
    absent = unknown_counties(target, areas, county_of, chosen, counties["area_id"].tolist() or [""])
    if not absent:
        return pd.DataFrame()
    names = counties.set_index("area_id")["name"]
    rows = pd.DataFrame({"area_id": absent, "name": [names.get(one, "") for one in absent]})
    return _unknown(rows, place, known=False)


def _elsewhere(table: pd.DataFrame, target: Target, place: Place, counts: pd.Series) -> pd.Series:
    """Return for each unit how many facilities of its county count, or may, and are in no area of the level."""
    candidates = counts.ne(False).to_numpy() & place.within.to_numpy(bool)
    lost = candidates & place.area_of("facilities", level_of(target)).isna().to_numpy()
    county = place.area_of("facilities", "county")[lost]
    numbers = county.value_counts()
    return table["county"].map(numbers).fillna(0).astype(int) + int(county.isna().sum())


def _passes(target: Target, table: pd.DataFrame, chosen: Choices, share: float) -> pd.Series:
    """Return whether each unit is as it should be, by the reading that is judged."""
    coverage = chosen.get("coverage", "has_one")
    if coverage == "served":
        return table["served"]
    if coverage == "people":
        known, least = table["people"].gt(0), share * table["people"]
        sure, may = table["reached"].ge(least), table["reached_may"].ge(least)
        return sure.astype(object).where(known & (sure | ~may), None)
    need = int(target.threshold) if target.metric == "facilities_per_unit" and target.threshold else 1
    enough = table["found"].ge(need)
    may = (table["found"] + table["unverified"] + table["elsewhere"]).ge(need)
    return enough.astype(object).where(enough | ~may, None)


def tally_of(table: pd.DataFrame, chosen: Choices) -> Tally:
    """Return what the units of a table add up to, by the reading that is judged."""
    if not table["known"].astype(bool).all():
        return Tally(None, None)
    if len(table) and (table["found"].isna().any() or _nowhere(table)):
        return Tally(None, len(table))
    coverage = chosen.get("coverage", "has_one")
    if coverage == "people":
        return _people_tally(table)
    passes = table["passes"]
    if coverage == "served" and not table["told"].astype(bool).all():
        return Tally(None, len(table))
    may = int(passes.isna().sum()) if coverage == "served" else _may(table)
    return Tally(int(passes.eq(True).sum()), len(table), may)


def _nowhere(table: pd.DataFrame) -> bool:
    """Whether it is not known of any facility that counts in which unit it stands."""
    return bool(table["elsewhere"].gt(0).any() and table["found"].eq(0).all() and table["unverified"].eq(0).all())


def _may(table: pd.DataFrame) -> int:
    """Return how many more units may pass: those that say too little, and as many as facilities are without a unit."""
    open_ones = table[table["passes"].isna()]
    own = open_ones["unverified"].gt(0)
    others = open_ones[~own].groupby("county", dropna=False)["elsewhere"].agg(["size", "max"])
    return int(own.sum()) + int(others.min(axis=1).sum())


def _people_tally(table: pd.DataFrame) -> Tally:
    if len(table) == 0:
        return Tally(0, 0)
    if table[["people", "reached", "reached_may"]].isna().to_numpy().any():
        return Tally(None, None)
    people, reached, may = (exact(float(table[name].sum())) for name in ("people", "reached", "reached_may"))
    return Tally(reached, people, may - reached)


def verdict_of(target: Target, table: pd.DataFrame, chosen: Choices, as_of: date) -> Verdict:
    """Return the verdict on the units of a table, by the reading that is judged."""
    tally = tally_of(table, chosen)
    if len(table) and tally.numerator is None:
        return Verdict("no_data")
    if target.metric == "facilities_per_unit" and chosen.get("coverage", "has_one") == "has_one":
        return judge_units(target, table.assign(unverified=table["unverified"] + table["elsewhere"]), as_of)
    return judge(target, tally, as_of)


def share_of(tally: Tally) -> Fraction | None:
    """Return a tally in per cent, None where it is not known or there is nothing to count."""
    if tally.numerator is None or not tally.denominator:
        return None
    return 100 * Fraction(tally.numerator) / Fraction(tally.denominator)


def worst(verdicts: Mapping[Any, Verdict]) -> Verdict:
    """Return the gravest of several verdicts."""
    return min(verdicts.values(), key=lambda one: GRAVITY.index(one.word))
