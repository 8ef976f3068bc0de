"""The whole program of siting with beds for HiGHS, which begins with the best choice known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from carecircle.siting.solvers.beds_model import Beds, Transport, cost_of, transport
from carecircle.siting.solvers.milp import Milp, MilpResult, solve_milp
from carecircle.siting.solvers.pairs import Bools, struck
from carecircle.siting.solvers.solution import Clock, Floats, Ints, Stopped

_MOST_PAIRS = 400_000  # of a program for HiGHS
_TIGHT_PAIRS = 60_000  # up to which each pair has a row of its own, which makes the bound better


@dataclass(frozen=True, eq=False)
class Told:
    """The best choice, who is served where, its cost (NaN = none serves all that must be served), and the bound."""

    chosen: Ints
    people: Floats
    cost: float
    bound: float = -math.inf
    stopped: Stopped = "search"

    def better(self, chosen: Ints, other: Transport | None) -> Told:
        """Return this or, if it costs less, another choice."""
        if other is None or math.isnan(other.cost) or other.cost >= self.cost:
            return self
        return replace(self, chosen=chosen, people=other.people, cost=other.cost)


def with_forced(problem: Beds, chosen: Ints) -> Ints:
    """Return a choice with the forced sites."""
    return np.union1d(chosen, np.flatnonzero(problem.forced[: problem.candidates])).astype(np.int64)


def rounded(problem: Beds, bound: float) -> float:
    """Return the bound, up to the next whole number where all costs are whole."""
    costs = np.concatenate((problem.cost, problem.unserved[~problem.must]))
    if problem.whole and np.all(costs == np.round(costs)) and math.isfinite(bound):
        return float(math.ceil(bound - 1e-6))
    return bound


def closed(told: Told) -> bool:
    """Whether nothing better can exist; also where nothing at all can."""
    if math.isnan(told.cost):
        return told.bound == math.inf
    return told.bound >= told.cost - 1e-9 * max(1.0, abs(told.cost))


def why(told: Told, clock: Clock) -> Stopped:
    """Return why the work ended."""
    if closed(told):
        return "proved"
    return "time" if struck(clock) else "search"


def by_milp(problem: Beds, told: Told, clock: Clock, seed: int) -> Told:
    """Let HiGHS solve the whole program, beginning with the best choice."""
    used = np.flatnonzero(
        (problem.cost < problem.unserved[problem.pairs.point]) & (problem.demand[problem.pairs.point] > 0)
    )
    if len(used) > _MOST_PAIRS or clock.left() < 0.2:
        return told
    model, already = _model(problem, used)
    begin = None if math.isnan(told.cost) else _begin(problem, told, used)
    result = solve_milp(model, seconds=clock.left(), start=begin, seed=seed)
    if result.status == "infeasible":
        return replace(told, bound=math.inf if math.isnan(told.cost) else told.cost)
    if result.x is not None:
        told = _take(problem, told, (result.x[: problem.candidates] > 0.5, used, result), clock)
    if result.status == "optimal" and not math.isnan(told.cost):
        return replace(told, bound=told.cost)
    return replace(told, bound=max(told.bound, rounded(problem, result.bound + already)))


def _take(problem: Beds, told: Told, found: tuple[Bools, Ints, MilpResult], clock: Clock) -> Told:
    """Return the better of what was known and HiGHS's choice, its people taken by a transport of their own."""
    mask, used, result = found
    chosen = np.flatnonzero(mask)
    again = transport(problem, problem.opened(chosen), clock)
    if again is None and result.x is not None:
        people = np.zeros(len(problem.pairs.point))
        people[used] = np.maximum(result.x[problem.candidates :], 0.0)
        again = Transport(people, cost_of(problem, people), proved=False)
    known = told if not math.isnan(told.cost) else replace(told, cost=math.inf)
    better = known.better(chosen, again)
    return told if math.isinf(better.cost) else better


def _begin(problem: Beds, told: Told, used: Ints) -> Floats:
    opened = np.zeros(problem.candidates)
    opened[told.chosen] = 1.0
    return np.concatenate((opened, told.people[used]))


def _model(problem: Beds, used: Ints) -> tuple[Milp, float]:
    """Return the program of sites and people on the pairs, and the cost when nobody is served, which it leaves out."""
    pairs, count, sites = problem.pairs, len(used), problem.candidates
    point, column = pairs.point[used], pairs.site[used]
    must = problem.must & (problem.demand > 0)
    spare = np.where(must, 0.0, problem.unserved)
    most = np.minimum(problem.demand[point], problem.capacity[column])
    rows, limits = _rows(problem, (point, column, most), must)
    model = Milp(
        cost=np.concatenate((np.zeros(sites), problem.cost[used] - spare[point])),
        lower=np.concatenate((problem.forced[:sites].astype(float), np.zeros(count))),
        upper=np.concatenate((problem.allowed[:sites].astype(float), most)),
        integer=np.arange(sites + count) < sites,
        matrix=rows,
        row_lower=limits[0],
        row_upper=limits[1],
    )
    return model, math.fsum((spare * problem.demand).tolist())


def _rows(problem: Beds, used: tuple[Ints, Ints, Floats], must: Bools) -> tuple[csr_array, tuple[Floats, Floats]]:
    """Return the rows: people of a point, beds of a column, number of sites, and where few, people of a pair."""
    point, column, most = used
    points, columns = problem.pairs.shape
    count, sites = len(point), problem.candidates
    beds = np.minimum(problem.capacity, float(problem.demand.sum()))
    pair, new = sites + np.arange(count), np.arange(sites)
    tight = np.flatnonzero(column < sites) if count <= _TIGHT_PAIRS else np.empty(0, dtype=np.int64)
    last = points + columns
    at = np.concatenate(
        (point, points + column, points + new, np.full(sites, last), *2 * [last + 1 + np.arange(len(tight))])
    )
    to = np.concatenate((pair, pair, new, new, sites + tight, column[tight]))
    ones = np.ones(count)
    value = np.concatenate((ones, ones, -beds[:sites], np.ones(sites), np.ones(len(tight)), -most[tight]))
    lower = np.full(last + 1 + len(tight), -np.inf)
    lower[:points][must] = problem.demand[must]
    full = np.where(np.arange(columns) < sites, 0.0, beds)
    upper = np.concatenate((problem.demand, full, [float(problem.sites)], np.zeros(len(tight))))
    return csr_array((value, (at, to)), shape=(len(upper), sites + count)), (lower, upper)
