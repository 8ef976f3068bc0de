"""The vertex p-centre problem: p sites so that the farthest point is as near as can be.

The answer is one of the minutes that occur. Whether p sites reach everyone within so many minutes is a set covering
question [1]_; what is unknown is halved again and again. Most questions are answered by the search and the bound of
the p-median, every point that is not reached costing 1; the rest by HiGHS, after dominated points and sites have been
left out.

References
----------
.. [1] E. Minieka (1970), The m-center problem, SIAM Review 12(1), 138-139.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, vstack

from carecircle.siting.solvers.median_model import Median, build_median
from carecircle.siting.solvers.median_proof import raise_bound
from carecircle.siting.solvers.median_search import shake, start
from carecircle.siting.solvers.milp import Milp, solve_milp
from carecircle.siting.solvers.pairs import (
    Bools,
    Pairs,
    check_sites,
    column_mask,
    minutes_per_point,
    pairs_of,
    people_of,
    serve,
    struck,
)
from carecircle.siting.solvers.solution import Clock, Floats, Ints, Solution, Status, Stopped, no_rows

Answer = Ints | bool | None
"""Columns that reach everyone, False = proven that none do, None = not known."""
_Ask = Callable[["_Center", float, Clock], Answer]
_NAME = "search+lagrange+highs"
_ROUNDS = 400  # of the bound of one question
_PATIENCE = 150  # rounds of the search of one question
_REDUCTIONS = 6
_MOST_PAIRS = 3e7  # of sets that are compared


@dataclass(frozen=True, eq=False)
class _Center:
    """A p-centre problem.

    Parameters
    ----------
    pairs
        Allowed pairs of the points that count, their minutes times the points' weights, (pairs,).
    spare
        The same of existing facilities, infinite where none, (points,); 0 for points that do not count.
    sites
        How many may be chosen.
    forced, allowed
        Sites, (sites,).
    """

    pairs: Pairs
    spare: Floats
    sites: int
    forced: Bools
    allowed: Bools

    def values(self) -> Floats:
        """Return what the farthest point's value may be, sorted."""
        spare = self.spare[np.isfinite(self.spare)]
        return np.unique(np.concatenate(([0.0], self.pairs.minutes, spare)))


def p_center(
    minutes: Any,
    sites: int,
    *,
    weights: ArrayLike | None = None,
    base: ArrayLike | None = None,
    forced: ArrayLike = (),
    forbidden: ArrayLike = (),
    seconds: float = 60.0,
    seed: int = 0,
) -> Solution:
    """Choose at most `sites` columns so that the largest number of minutes to the nearest site is least.

    Parameters
    ----------
    minutes
        Sparse array (points, sites) of pairs within the limit, stored zeros being real; or dense, infinite = beyond.
    sites
        How many, forced ones included.
    weights
        Multiplies each point's minutes, (points,); None: all alike. Points of weight 0 do not count.
    base
        Minutes to the nearest existing facility, infinite where none, (points,).
    forced, forbidden
        Columns that must, or must not, be chosen.
    seconds
        Limit of wall-clock time.
    seed
        Of HiGHS and of the greedy covers.

    Returns
    -------
    Solution
        ``objective`` is the largest (weighted) number of minutes; ``bound`` the least that is not proven too small;
        ``unreached`` the points that neither a column nor an existing facility reaches, which are left out.
        Infeasible with ``stopped`` "proved": no such choice reaches all others within the limit; with "time": none
        was found.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))
    >>> plan = p_center(line, 2)
    >>> plan.objective, plan.status
    (2.0, 'optimal')
    """
    clock = Clock(seconds)
    pairs = pairs_of(minutes)
    points, count = pairs.shape
    forced_mask, allowed = check_sites(count, sites, forced, forbidden)
    pairs, near = pairs.only(allowed), minutes_per_point(base, points)
    people = np.ones(points) if weights is None else people_of(weights, points)
    lost = ~pairs.reached() & np.isinf(near)
    counts = ~lost & (people > 0)
    weighed = Pairs(pairs.point, pairs.site, pairs.minutes * people[pairs.point], pairs.shape)
    spare = np.where(counts, near * np.where(counts, people, 1.0), 0.0)
    problem = _Center(weighed.where(counts[pairs.point]), spare, sites, forced_mask, allowed)
    return _solution(problem, _search(problem, clock, seed), (pairs, near), np.flatnonzero(lost), (clock, seed))


@dataclass(frozen=True, eq=False)
class _Known:
    """What the questions so far told, as positions in the values.

    Parameters
    ----------
    low
        No choice reaches everyone within a value before this one.
    high
        `chosen` does within this one; the number of values where no choice is known.
    chosen
        Columns.
    """

    low: int
    high: int
    chosen: Ints

    def learn(self, problem: _Center, values: Floats, middle: int, answer: Answer) -> _Known:
        """Return what is known after an answer to the question of one value."""
        if answer is None:
            return self
        if isinstance(answer, bool):
            return _Known(max(self.low, middle + 1), self.high, self.chosen)
        high = int(np.searchsorted(values, _worst(problem, answer)))
        return _Known(self.low, high, answer) if high < self.high else self


def _search(problem: _Center, clock: Clock, seed: int) -> tuple[_Known, Floats]:
    """Halve what is unknown: by search and bound from both ends first, then by HiGHS."""
    values = problem.values()
    last = len(values) - 1
    anyhow = _quickly(problem, float(values[last]), clock, seed=seed)
    known = _Known(0, len(values), no_rows()).learn(problem, values, last, anyhow)
    quick, sure = partial(_quickly, seed=seed), partial(_by_milp, seed=seed)
    for ask, when_unknown in ((quick, False), (quick, True), (sure, True)):
        known = _halve(problem, values, known, (ask, when_unknown), clock)
    return known, values


def _halve(problem: _Center, values: Floats, known: _Known, asking: tuple[_Ask, bool], clock: Clock) -> _Known:
    """Ask about the middle of what is unknown; where there is no answer, go on above it, or below it."""
    ask, downward = asking
    low, high = known.low, known.high
    while low < high and not clock.over():
        middle = (low + high) // 2
        answer = ask(problem, float(values[middle]), clock)
        known = known.learn(problem, values, middle, answer)
        if answer is None and downward:
            high = middle
        elif answer is None or answer is False:
            low = middle + 1
        high = min(high, known.high)
    return known


def _worst(problem: _Center, chosen: Ints) -> float:
    """Return the largest value of all points."""
    _, value = serve(problem.pairs, problem.spare, column_mask(chosen, problem.pairs.shape[1]))
    return float(value.max(initial=0.0))


def _covering(problem: _Center, value: float) -> Median:
    """Return the question of one value as a p-median whose points cost 1 unless they are reached within it."""
    within = problem.pairs.where(problem.pairs.minutes <= value)
    near = Pairs(within.point, within.site, np.zeros(len(within.point)), within.shape)
    outside = (problem.spare > value).astype(float)
    which = problem.forced, problem.allowed
    return build_median(near, np.ones(near.shape[0]), outside, problem.sites, which)


def _quickly(problem: _Center, value: float, clock: Clock, *, seed: int) -> Answer:
    """Answer by search (sites that leave nobody out) or by bound (somebody is left out), or not at all."""
    median = _covering(problem, value)
    found = start(median, clock)
    for step in (partial(raise_bound, rounds=_ROUNDS), partial(shake, seed=seed, patience=_PATIENCE)):
        if found.total < 1 or found.proven >= 1:
            break
        found = step(median, found, clock)
    return found.opened if found.total < 1 else False if found.proven >= 1 else None


def _by_milp(problem: _Center, value: float, clock: Clock, *, seed: int) -> Answer:
    """Answer by HiGHS, dominated points and sites left out."""
    costs = _covering(problem, value).costs
    count = len(problem.allowed)
    everyone = csr_array(
        (np.ones(len(costs.row_site)), costs.row_site, costs.row_start), shape=(len(costs.fallback), count)
    )
    rows = everyone[np.flatnonzero(costs.fallback > 0)]
    reduced, columns = reduce_cover(rows, problem.forced)
    limit = csr_array(np.ones((1, len(columns))))
    model = Milp(
        cost=np.zeros(len(columns)),
        lower=problem.forced[columns].astype(float),
        upper=problem.allowed[columns].astype(float),
        integer=np.ones(len(columns), dtype=bool),
        matrix=vstack((reduced, limit), format="csr"),
        row_lower=np.append(np.ones(reduced.shape[0]), -np.inf),
        row_upper=np.append(np.full(reduced.shape[0], np.inf), float(problem.sites)),
    )
    result = solve_milp(model, seconds=clock.left(), seed=seed)
    if result.status == "infeasible":
        return False
    return None if result.x is None else columns[result.x > 0.5]


def reduce_cover(rows: csr_array, forced: Bools) -> tuple[csr_array, Ints]:
    """Leave out points that are reached whenever another one is, and sites that reach no more than another.

    Parameters
    ----------
    rows
        Points by sites; an entry = within reach.
    forced
        Sites that stay, (sites,).

    Returns
    -------
    tuple
        The points and sites that are left, and the positions of these sites.

    Examples
    --------
    >>> rows = csr_array(np.array([[1.0, 1, 0], [1, 1, 1]]))
    >>> reduce_cover(rows, np.zeros(3, dtype=bool))[1].tolist()
    [0]
    """
    columns = np.arange(rows.shape[1])
    for _ in range(_REDUCTIONS):
        before = rows.shape
        rows = rows[~_holds_another(rows)]
        stays = forced[columns] | ~_held_by_another(csr_array(rows.T))
        rows, columns = rows[:, np.flatnonzero(stays)], columns[stays]
        if rows.shape == before:
            break
    return rows, columns


def _common(sets: csr_array) -> tuple[Ints, Ints, Bools]:
    """Return pairs of different sets with something in common, and whether the first lies within the second."""
    size = np.diff(sets.indptr)
    if float((np.bincount(sets.indices, minlength=sets.shape[1]).astype(float) ** 2).sum()) > _MOST_PAIRS:
        return no_rows(), no_rows(), np.empty(0, dtype=bool)
    common = (sets @ sets.T).tocoo()
    one, other = common.coords
    apart = one != other
    inside = common.data[apart] == size[one[apart]]
    return one[apart], other[apart], inside


def _holds_another(sets: csr_array) -> Bools:
    """Whether another set lies within each one; of equal ones the first stays."""
    one, other, inside = _common(sets)
    size = np.diff(sets.indptr)
    drop = inside & ((size[one] < size[other]) | (one < other))
    return np.asarray(np.bincount(other[drop], minlength=sets.shape[0]) > 0)


def _held_by_another(sets: csr_array) -> Bools:
    """Whether each set lies within another one, or is empty; of equal ones the first stays."""
    one, other, inside = _common(sets)
    size = np.diff(sets.indptr)
    drop = inside & ((size[one] < size[other]) | (one > other))
    return np.asarray((np.bincount(one[drop], minlength=sets.shape[0]) > 0) | (size == 0))


def _solution(
    problem: _Center, known: tuple[_Known, Floats], raw: tuple[Pairs, Floats], lost: Ints, run: tuple[Clock, int]
) -> Solution:
    """Return the result; the bound is the first value that is not proven too small."""
    told, values = known
    (pairs, near), (clock, seed) = raw, run
    proved = told.low >= told.high
    stopped: Stopped = "proved" if proved else "time" if struck(clock) else "search"
    bound = float(values[told.low]) if told.low < len(values) else math.inf
    if told.high >= len(values):
        return Solution(no_rows(), "infeasible", math.nan, bound, clock.spent(), stopped, _NAME, seed, lost)
    chosen = np.union1d(told.chosen, np.flatnonzero(problem.forced)).astype(np.int64)
    column, _ = serve(pairs, near, column_mask(chosen, pairs.shape[1]))
    objective = _worst(problem, chosen)
    status: Status = "optimal" if proved else "feasible"
    return Solution(chosen, status, objective, bound, clock.spent(), stopped, _NAME, seed, lost, column)
