"""Who reaches which candidate, and the nearest facility that stands: the sparse table that all siting problems share.

Points are in the order of their keys, candidates in that of their sources (the user's list first) and then of their
keys, whatever the order of the tables: ties are broken the same way each time, and for the user's own list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.network import RoadNetwork
from carecircle.policy.presence import people_of
from carecircle.reach import TOLERANCE_SECONDS, nearest_of_places, travel_pairs
from carecircle.schema import SOURCES
from carecircle.siting.solvers.solution import Floats, Ints
from carecircle.snap import snap

SLACK = TOLERANCE_SECONDS / 60
"""Minutes by which a time may surpass a limit and still be at it."""


@dataclass(frozen=True, eq=False, repr=False)
class SiteReach:
    """Minutes from every demand point to every candidate within a bound, and to the nearest facility that stands.

    Parameters
    ----------
    demand, candidates
        The tables, n and m rows, in the order of ``demand_id``, and of `SOURCES` and ``candidate_id``.
    minutes
        (n, m), sparse; an absent entry is beyond the bound, and zeros are kept as entries.
    base
        (n,) minutes to the nearest facility that stands and stays; inf where there is none within the bound.
    standing
        (n,) how many of them are within the limit.
    weight
        (n,) people of 60 and over (else all people, else 1); 0 where their number is not known.
    measure
        What `weight` counts: ``"people_60"``, ``"people"`` or ``"points"``.
    limit, bound
        Minutes within which a point is served, inclusive; longest time that was measured.
    unknown
        How many points have people whose number is not known.
    """

    demand: gpd.GeoDataFrame
    candidates: gpd.GeoDataFrame
    minutes: csr_array
    base: Floats
    standing: Ints
    weight: Floats
    measure: str
    limit: float
    bound: float
    unknown: int = 0

    def __repr__(self) -> str:
        return (
            f"<SiteReach {len(self.demand)} points, {len(self.candidates)} candidates, {self.minutes.nnz:,} pairs, "
            f"limit {self.limit:g} min>"
        )

    @property
    def near(self) -> NDArray[np.bool_]:
        """Which points a facility that stands serves within the limit, (n,)."""
        return np.asarray(self.base <= self.limit + SLACK)

    @property
    def names(self) -> list[str]:
        """What candidates are called: their name, with the id where others are called so too; else the id."""
        keys = self.candidates["candidate_id"].astype(str)
        if "name" not in self.candidates:
            return [str(key) for key in keys]
        said = self.candidates["name"].fillna("").astype(str).str.strip()
        named = said.mask(said.duplicated(keep=False), said + "（" + keys + "）")
        return [str(name) for name in named.where(said.ne(""), keys)]

    def cover(self, limit: float | None = None) -> csr_array:
        """Return which candidates serve which points within the limit, (n, m), entries 1."""
        minutes = self.within(limit)
        return csr_array((np.ones(minutes.nnz), minutes.indices, minutes.indptr), shape=minutes.shape)

    def within(self, limit: float | None = None) -> csr_array:
        """Return the minutes of pairs within the limit, (n, m); zeros stay entries."""
        kept = self.minutes.data <= (self.limit if limit is None else limit) + SLACK
        indptr = np.concatenate([[0], np.cumsum(kept)])[self.minutes.indptr]
        return csr_array((self.minutes.data[kept], self.minutes.indices[kept], indptr), shape=self.minutes.shape)

    def columns(self, names: Sequence[str]) -> Ints:
        """Return the positions of candidates by their ``candidate_id``.

        Raises
        ------
        UsageError
            There is no such candidate; all that are missing are named.
        """
        known = pd.Index(self.candidates["candidate_id"].astype(str))
        found = known.get_indexer(pd.Index(list(names), dtype=object))
        if (found < 0).any():
            lost = "、".join(name for name, at in zip(names, found, strict=True) if at < 0)
            raise UsageError(text("usage.candidates", names=lost))
        return np.asarray(found, dtype=np.int64)

    def take(self, columns: Ints) -> SiteReach:
        """Return the same for some of the candidates."""
        part = csr_array(self.minutes[:, columns])
        return replace(self, candidates=self.candidates.iloc[columns].reset_index(drop=True), minutes=part)


def site_reach(
    demand: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float = 15.0,
    bound: float | None = None,
) -> SiteReach:
    """Measure who reaches which candidate, and who reaches a facility that stands.

    Parameters
    ----------
    demand
        Points with ``demand_id`` and people.
    candidates
        By the contract `carecircle.schema.CANDIDATES`.
    facilities
        Those that stand, count and stay.
    network
        To travel on.
    minutes
        Limit, inclusive.
    bound
        Longest time that is measured, at least the limit; for problems that weigh minutes.

    Raises
    ------
    UsageError
        Keys of candidates or demand points occur twice.
    """
    demand, candidates = _sorted(demand, "demand_id"), _welcome_first(_sorted(candidates, "candidate_id"))
    reach = max(minutes, bound or minutes)
    at = snap(demand, network)
    pairs = travel_pairs(at, candidates, network, minutes=reach)
    order = np.lexsort((pairs.facility, pairs.point))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(pairs.point, minlength=len(demand)))])
    matrix = csr_array((pairs.seconds[order] / 60, pairs.facility[order], indptr), shape=(len(demand), len(candidates)))
    seconds, _, which = nearest_of_places(at, facilities, network, minutes=reach)
    ways = travel_pairs(at, facilities, network, minutes=minutes)
    weight = people_of(demand)
    known = weight.name is not None
    return SiteReach(
        demand,
        candidates,
        matrix,
        np.where(which >= 0, seconds / 60, np.inf),
        np.bincount(ways.point, minlength=len(demand)).astype(np.int64),
        weight.fillna(0.0).to_numpy(float),
        str(weight.name) if known else "points",
        minutes,
        reach,
        int(weight.isna().sum()),
    )


def _sorted(table: gpd.GeoDataFrame, key: str) -> gpd.GeoDataFrame:
    keys = table[key].astype(str)
    twice = sorted(set(keys[keys.duplicated()]))
    if twice:
        raise UsageError(text("usage.twice", key=key, names="、".join(twice[:20])))
    return table.iloc[np.argsort(keys.to_numpy(object), kind="stable")].reset_index(drop=True)


def _welcome_first(candidates: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return sorted candidates with the user's own list before what is proposed."""
    if "source" not in candidates:
        return candidates
    rank = candidates["source"].map({source: place for place, source in enumerate(SOURCES)}).fillna(len(SOURCES))
    return candidates.iloc[np.argsort(rank.to_numpy(float), kind="stable")].reset_index(drop=True)
