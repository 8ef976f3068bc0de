"""Siting with beds as a problem: costs of the pairs, people, beds, and the transport of people to open sites."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from carecircle.siting.solvers.kernels_beds import Flow
from carecircle.siting.solvers.milp import Milp, solve_milp
from carecircle.siting.solvers.pairs import Bools, Pairs, pairs_of, row_starts
from carecircle.siting.solvers.solution import Clock, Floats, Ints

_CLEAN = 1e-6  # people: what HiGHS leaves of rounding


@dataclass(frozen=True, eq=False)
class Beds:
    """A siting problem with beds; columns are the candidate sites and, after them, the existing facilities.

    Parameters
    ----------
    pairs
        Within the limit, sorted by point and column.
    cost
        Of one person on each pair, (pairs,).
    demand
        People at each point, (points,).
    capacity
        Beds of each column, (columns,).
    unserved
        Cost of a person who is not served, infinite where all must be, (points,).
    candidates
        How many columns are candidate sites.
    sites
        How many of them may be chosen.
    forced, allowed
        Columns that are open in any case (existing ones too), and that may be open, (columns,).
    """

    pairs: Pairs
    cost: Floats
    demand: Floats
    capacity: Floats
    unserved: Floats
    candidates: int
    sites: int
    forced: Bools
    allowed: Bools

    @property
    def whole(self) -> bool:
        """Whether people and beds are whole numbers: then people need not be divided."""
        return bool(np.all(self.demand == np.round(self.demand)) and np.all(self.capacity == np.round(self.capacity)))

    @property
    def must(self) -> Bools:
        """Points whose people must all be served, (points,)."""
        return np.isinf(self.unserved)

    def opened(self, chosen: Ints) -> Bools:
        """Return chosen sites with all that is open in any case, (columns,)."""
        mask = self.forced.copy()
        mask[chosen] = True
        return mask


def beds_of(capacity: ArrayLike, count: int) -> Floats:
    """Return beds as floats; raises ValueError unless there is one number, 0 or more, for each site."""
    beds = np.asarray(capacity, dtype=float)
    if beds.shape != (count,) or np.any(np.isnan(beds)) or np.any(beds < 0):
        raise ValueError("beds must be one number, 0 or more, for each site")
    return beds


def join_existing(
    minutes: Any, capacity: ArrayLike, existing: tuple[Any, ArrayLike] | None
) -> tuple[Pairs, Floats, int]:
    """Return the pairs and beds of candidate sites and, after them, of existing facilities; and how many candidates."""
    new = pairs_of(minutes)
    points, count = new.shape
    beds = beds_of(capacity, count)
    if existing is None:
        return _sorted(new), beds, count
    old = pairs_of(existing[0])
    if old.shape[0] != points:
        raise ValueError("minutes to existing facilities must be given for the same points")
    both = Pairs(
        np.concatenate((new.point, old.point)),
        np.concatenate((new.site, old.site + count)),
        np.concatenate((new.minutes, old.minutes)),
        (points, count + old.shape[1]),
    )
    return _sorted(both), np.concatenate((beds, beds_of(existing[1], old.shape[1]))), count


def _sorted(pairs: Pairs) -> Pairs:
    order = np.lexsort((pairs.site, pairs.point))
    return Pairs(pairs.point[order], pairs.site[order], pairs.minutes[order], pairs.shape)


def new_flow(problem: Beds) -> Flow:
    """Return the flow with all sites closed."""
    pairs = problem.pairs
    points, sites = pairs.shape
    within = np.minimum(problem.capacity, float(problem.demand.sum()))
    return Flow(
        row_start=row_starts(pairs.point, points),
        entry_site=pairs.site,
        column_start=row_starts(pairs.site, sites),
        column_entry=np.argsort(pairs.site, kind="stable"),
        entry_point=pairs.point,
        people=np.zeros(len(pairs.point)),
        left=problem.demand.copy(),
        free=np.zeros(sites),
        capacity=within,
        seen=np.zeros(sites, dtype=bool),
        dead=np.zeros(sites, dtype=bool),
        way=np.zeros(sites, dtype=np.int64),
        parent=np.zeros(sites, dtype=np.int64),
        queue=np.zeros(max(sites, 1), dtype=np.int64),
    )


@dataclass(frozen=True, eq=False)
class Transport:
    """People on the pairs, their cost with that of the unserved (NaN where all must be served and cannot)."""

    people: Floats
    cost: float
    proved: bool


def transport(problem: Beds, opened: Bools, clock: Clock) -> Transport | None:
    """Take people to open columns at least cost, by a linear program; None when there was no time.

    People are served where that costs less than leaving them, and where they must be.
    """
    pairs = problem.pairs
    price = np.where(problem.must, dearest(problem), problem.unserved)
    used = np.flatnonzero(opened[pairs.site] & (problem.cost < price[pairs.point]) & (problem.demand[pairs.point] > 0))
    people = np.zeros(len(pairs.point))
    if len(used):
        model = _transport_model(problem, used, problem.cost[used] - price[pairs.point[used]])
        result = solve_milp(model, seconds=clock.left(), relax=True)
        if result.x is None:
            return None
        people[used] = result.x
        people = _clean(problem, people)
    return Transport(people, cost_of(problem, people), not len(used) or result.status == "optimal")


def dearest(problem: Beds) -> float:
    """Return more than it can cost to serve one person more: a way over all columns, each pair at the highest cost."""
    columns = min(problem.pairs.shape)
    return 1.0 + (columns + 1) * float(problem.cost.max(initial=0.0))


def _transport_model(problem: Beds, used: Ints, cost: Floats) -> Milp:
    pairs, count = problem.pairs, len(used)
    points, columns = pairs.shape
    rows = np.concatenate((pairs.point[used], points + pairs.site[used]))
    matrix = csr_array((np.ones(2 * count), (rows, np.tile(np.arange(count), 2))), shape=(points + columns, count))
    return Milp(
        cost=cost,
        lower=np.zeros(count),
        upper=np.minimum(problem.demand[pairs.point[used]], problem.capacity[pairs.site[used]]),
        integer=np.zeros(count, dtype=bool),
        matrix=matrix,
        row_lower=np.full(points + columns, -np.inf),
        row_upper=np.concatenate((problem.demand, problem.capacity)),
    )


def _clean(problem: Beds, people: Floats) -> Floats:
    """Take off what rounding left: whole people stay whole, nobody is served a millionth."""
    if problem.whole and np.all(np.abs(people - np.round(people)) < 1e-4):
        return np.round(people)
    people = np.where(people < _CLEAN, 0.0, people)
    for keys, most in ((problem.pairs.site, problem.capacity), (problem.pairs.point, problem.demand)):
        total = np.bincount(keys, weights=people, minlength=len(most))
        people = people * np.minimum(1.0, most / np.where(total > 0, total, 1.0))[keys]
    return people


def cost_of(problem: Beds, people: Floats) -> float:
    """Return the cost of people on the pairs and of those left; NaN where somebody is left who must be served."""
    left = left_over(problem, people)
    if np.any(left[problem.must] > 1e-6 * (1.0 + problem.demand[problem.must])):
        return math.nan
    waiting = np.where(problem.must, 0.0, np.where(np.isinf(problem.unserved), 0.0, problem.unserved) * left)
    return math.fsum((people * problem.cost).tolist()) + math.fsum(waiting.tolist())


def left_over(problem: Beds, people: Floats) -> Floats:
    """Return the people of each point that are not served, (points,)."""
    served = np.bincount(problem.pairs.point, weights=people, minlength=problem.pairs.shape[0])
    return np.maximum(problem.demand - served, 0.0)
