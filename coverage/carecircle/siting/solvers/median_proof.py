"""How good a p-median can be at best: a Lagrangian bound, and a small program of what the bound leaves open.

References
----------
.. [1] J. E. Beasley (1985), A note on solving large p-median problems, European Journal of Operational Research 21,
   270-273.
.. [2] S. Garcia, M. Labbe, A. Marin (2011), Solving large p-median problems with a radius formulation, INFORMS
   Journal on Computing 23(4), 546-556.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array, vstack

from carecircle.siting.solvers import kernels_median as kernels
from carecircle.siting.solvers.median_model import Bound, Found, Median, closed, new_state
from carecircle.siting.solvers.median_search import improve
from carecircle.siting.solvers.milp import Milp, solve_milp
from carecircle.siting.solvers.pairs import Bools
from carecircle.siting.solvers.solution import Clock, Floats, Ints

_PATIENCE = 20  # rounds of the bound without growth before its steps are halved
_SMALLEST = 1e-3  # share of the gap that a step aims at, when it ends
_POLISH = 40  # rounds between two descents from the sites that the bound likes
_MOST_ENTRIES = 600_000  # of a program for HiGHS
_ROUNDING = 1e-10


def raise_bound(problem: Median, found: Found, clock: Clock, *, rounds: int = 3000) -> Found:
    """Raise the bound by subgradient steps [1]_; sites that it likes are tried as choices."""
    prices = found.bound.prices.copy() if len(found.bound.prices) else _first_prices(problem, found)
    direction, reduced = np.zeros_like(prices), np.zeros(len(problem.allowed))
    share, idle = 1.0, 0
    for number in range(rounds):
        total = kernels.reduced_costs(problem.costs, prices, reduced)
        chosen = _cheapest(problem, reduced)
        value = total + float(reduced[chosen].sum())
        grown = value > found.bound.value
        if grown:
            bound = Bound(value, prices.copy(), reduced.copy())
            found = replace(found, bound=bound, proven=max(found.proven, _outward(problem, value)))
        if number % _POLISH == 0:
            found = improve(problem, found, np.flatnonzero(chosen), clock)
        idle = 0 if grown else idle + 1
        if idle >= _PATIENCE:
            share, idle, direction = share / 2, 0, np.zeros_like(prices)
            prices = found.bound.prices.copy()
        if share < _SMALLEST or closed(problem, found) or clock.over():
            break
        kernels.step_prices(problem.costs, prices, chosen, direction, share * _hope(problem, found, value))
    return found


def _first_prices(problem: Median, found: Found) -> Floats:
    """Between what the best site and the second best one of the choice cost."""
    state = new_state(problem, found.opened)
    return np.asarray((state.first + state.second) / 2)


def _cheapest(problem: Median, reduced: Floats) -> Bools:
    """Return the forced sites and those that lower the bound most, ties to the lowest column, (sites,)."""
    order = np.argsort(np.where(problem.forced, -np.inf, np.where(problem.allowed, reduced, np.inf)), kind="stable")
    chosen = np.zeros(len(reduced), dtype=bool)
    chosen[order[: problem.sites]] = True
    return chosen


def _outward(problem: Median, value: float) -> float:
    """Return the bound less what rounding may have added; up to the next whole number where costs are whole."""
    safe = value - _ROUNDING * max(abs(value), 1.0)
    return float(math.ceil(safe - 1e-6)) if problem.whole else safe


def _hope(problem: Median, found: Found, value: float) -> float:
    """Return how far the bound may rise: up to the best choice, or a tenth while there is none."""
    top = found.total if found.total < problem.penalty else value + 0.1 * abs(value) + 1.0
    return max(top - value, 1e-6 * abs(value)) * 1.02


@dataclass(frozen=True, eq=False)
class _Rest:
    """What the bound leaves open: what a choice better than the best one may look like.

    Parameters
    ----------
    free, fixed
        Sites that may be chosen, and that must be, (sites,).
    dearest
        The most that a point may cost, (points,).
    """

    free: Bools
    fixed: Bools
    dearest: Floats


def _rest(problem: Median, found: Found) -> _Rest:
    """Fix sites and radii by reduced costs: a choice that goes against it cannot be better than the best one."""
    bound, reduced = found.bound, found.bound.reduced
    room = found.total - (1.0 - 1e-6 if problem.whole else 0.0) - bound.value
    room += _ROUNDING * max(abs(found.total), 1.0)
    chosen = _cheapest(problem, reduced) & ~problem.forced
    others = problem.allowed & ~problem.forced & ~chosen
    last = float(reduced[chosen].max()) if chosen.any() else -np.inf
    after = float(reduced[others].min()) if others.any() else 0.0
    fixed = problem.forced | (chosen & (after - reduced > room))
    free = (chosen & ~fixed) | (others & (reduced - last <= room))
    return _Rest(free, fixed, bound.prices + room)


def prove(problem: Median, found: Found, clock: Clock) -> Found:
    """Let HiGHS look for a better choice in what the bound leaves open [2]_; none there means that there is none."""
    if not len(found.bound.prices) or found.total >= problem.penalty:
        return found
    rest = _rest(problem, found)
    entries = _kept_entries(problem, rest)
    if len(np.unique(entries.point)) < len(problem.must):
        return replace(found, proven=found.total)
    if len(entries.site) > _MOST_ENTRIES or clock.left() < 0.5:
        return found
    columns = np.flatnonzero(rest.free)
    model, already = _radius_model(problem, rest, entries)
    result = solve_milp(model, seconds=clock.left(), mip_abs_gap=0.99 if problem.whole else 1e-6)
    if result.x is not None:
        opened = np.union1d(np.flatnonzero(rest.fixed), columns[result.x[: len(columns)] > 0.5])
        found = improve(problem, found, fill(problem, opened), clock)
    outside = found.total if result.status == "infeasible" else min(already + result.bound, found.total)
    value = math.ceil(outside - 1e-6) if problem.whole and math.isfinite(outside) else outside
    return replace(found, proven=max(found.proven, value))


def fill(problem: Median, opened: Ints) -> Ints:
    """Return a choice filled up with the lowest columns that are allowed."""
    spare = problem.allowed.copy()
    spare[opened] = False
    return np.concatenate((opened, np.flatnonzero(spare)[: problem.sites - len(opened)]))


@dataclass(frozen=True, eq=False)
class _Entries:
    """Pairs of the rest, sorted by point and cost; the fallback, where it may be used, is site -1."""

    point: Ints
    site: Ints
    cost: Floats


def _kept_entries(problem: Median, rest: _Rest) -> _Entries:
    """Return the pairs that a better choice may use, down to each point's first site that is open anyway."""
    costs = problem.costs
    points = len(costs.fallback)
    point = np.repeat(np.arange(points), np.diff(costs.row_start))
    keep = (costs.row_cost <= rest.dearest[point]) & (rest.free | rest.fixed)[costs.row_site]
    spare = np.flatnonzero(~problem.must & (costs.fallback <= rest.dearest))
    every = _Entries(
        np.concatenate((point[keep], spare)),
        np.concatenate((costs.row_site[keep].astype(np.int64), np.full(len(spare), -1))),
        np.concatenate((costs.row_cost[keep], costs.fallback[spare])),
    )
    order = np.lexsort((every.site, every.cost, every.point))
    every = _Entries(every.point[order], every.site[order], every.cost[order])
    sure = (every.site < 0) | rest.fixed[every.site]
    first = np.full(points, np.inf)
    np.minimum.at(first, every.point[sure], every.cost[sure])
    useful = ~sure & (every.cost < first[every.point])
    at = np.flatnonzero(np.isfinite(first))
    return _sorted(
        np.concatenate((every.point[useful], at)),
        np.concatenate((every.site[useful], np.full(len(at), -1))),
        np.concatenate((every.cost[useful], first[at])),
    )


def _sorted(point: Ints, site: Ints, cost: Floats) -> _Entries:
    order = np.lexsort((site, cost, point))
    return _Entries(point[order], site[order], cost[order])


def _radius_model(problem: Median, rest: _Rest, entries: _Entries) -> tuple[Milp, float]:
    """Return the program of free sites and radii, and the cost of every point's first radius, which it leaves out.

    A column of a radius says that the point is not served within the radius before; the row of a radius says that it
    is then served at this radius, or at the next or later.
    """
    start = np.diff(entries.point, prepend=-1) != 0
    opens = start | (np.diff(entries.cost, prepend=-1.0) != 0)
    level = np.cumsum(opens) - 1
    first, point, cost = start[opens], entries.point[opens], entries.cost[opens]
    real = entries.site[opens] >= 0
    sites = int(rest.free.sum())
    column = np.where(first, -1, sites + np.cumsum(~first) - 1)
    row = np.where(real, np.cumsum(real) - 1, -1)
    has_next = np.append(point[1:] == point[:-1], False)
    steps = np.diff(cost, prepend=0.0)[~first]
    matrix, rows = _radius_rows(rest, entries, level, (column, row, has_next), sites + len(steps))
    count = sites + len(steps)
    model = Milp(
        cost=np.concatenate((np.zeros(sites), steps)),
        lower=np.zeros(count),
        upper=np.ones(count),
        integer=np.arange(count) < sites,
        matrix=matrix,
        row_lower=np.append(first[real].astype(float), -np.inf),
        row_upper=np.append(np.full(rows, np.inf), float(problem.sites - rest.fixed.sum())),
    )
    return model, float(cost[first].sum())


def _radius_rows(
    rest: _Rest, entries: _Entries, level: Ints, levels: tuple[Ints, Ints, Bools], columns: int
) -> tuple[csr_array, int]:
    """Return the matrix of the rows of all radii and of the number of sites, and how many radii have a row."""
    column, row, has_next = levels
    position = np.cumsum(rest.free) - 1
    served = entries.site >= 0
    later, goes_on = np.flatnonzero((row >= 0) & (column >= 0)), np.flatnonzero((row >= 0) & has_next)
    sites, rows = int(rest.free.sum()), int((row >= 0).sum())
    at = np.concatenate((row[level[served]], row[later], row[goes_on], np.full(sites, rows)))
    to = np.concatenate((position[entries.site[served]], column[later], column[goes_on + 1], np.arange(sites)))
    sign = np.concatenate((np.ones(served.sum()), -np.ones(len(later)), np.ones(len(goes_on) + sites)))
    return csr_array((sign, (at, to)), shape=(rows + 1, columns)), rows


def cover(problem: Median, found: Found, clock: Clock) -> Found:
    """Where points that must be served are not, let HiGHS find sites that serve them all, or prove that none do."""
    if found.total < problem.penalty:
        return found
    costs, must = problem.costs, np.flatnonzero(problem.must)
    everyone = csr_array(
        (np.ones(len(costs.row_site)), costs.row_site, costs.row_start), shape=(len(problem.must), len(problem.allowed))
    )
    count = len(problem.allowed)
    rows = vstack((everyone[must], csr_array(np.ones((1, count)))), format="csr")
    model = Milp(
        cost=np.zeros(count),
        lower=problem.forced.astype(float),
        upper=problem.allowed.astype(float),
        integer=np.ones(count, dtype=bool),
        matrix=rows,
        row_lower=np.append(np.ones(len(must)), -np.inf),
        row_upper=np.append(np.full(len(must), np.inf), float(problem.sites)),
    )
    result = solve_milp(model, seconds=clock.left())
    if result.status == "infeasible":
        return replace(found, proven=math.inf)
    return found if result.x is None else improve(problem, found, fill(problem, np.flatnonzero(result.x > 0.5)), clock)
