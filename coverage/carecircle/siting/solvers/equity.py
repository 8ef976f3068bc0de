"""Equity: raise the rate of the worst unit (a township, say) as far as it goes, then cover as many people as can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from carecircle.siting.solvers.equity_model import Equity, allowed_rows, build_equity
from carecircle.siting.solvers.equity_proof import closed, linear_bound, raise_total, raise_worst, total_closed
from carecircle.siting.solvers.equity_search import search
from carecircle.siting.solvers.pairs import Bools, check_sites, people_of, struck
from carecircle.siting.solvers.solution import Clock, Ints, Solution, Stopped, no_rows


@dataclass(frozen=True, eq=False)
class EquitySolution(Solution):
    """A solution of equity; ``objective`` and ``bound`` are those of the total (people covered).

    Parameters
    ----------
    worst, worst_bound
        The lowest rate of the units that count, and what no choice can surpass, as exact fractions.
    units_at_worst
        Labels of the units with the lowest rate.
    units_stuck
        Labels of the units not wholly covered that no allowed site can raise.
    """

    worst: Fraction = Fraction(0)
    worst_bound: Fraction = Fraction(1)
    units_at_worst: Ints = field(default_factory=no_rows)
    units_stuck: Ints = field(default_factory=no_rows)


def equity(  # noqa: PLR0913  the head that all solvers of this room share
    matrix: Any,
    weights: ArrayLike,
    units: ArrayLike,
    sites: int,
    *,
    covered: ArrayLike | None = None,
    forced: ArrayLike = (),
    forbidden: ArrayLike = (),
    stuck: Literal["count", "skip"] = "count",
    seconds: float = 60.0,
    seed: int = 0,
) -> EquitySolution:
    """Choose at most `sites` columns: the worst unit's rate first, then the total.

    Parameters
    ----------
    matrix
        Sparse array (points, sites); an entry = within the limit.
    weights
        People at each point, (points,).
    units
        Whole number of the unit of each point, (points,).
    sites
        How many, forced ones included.
    covered
        Points that existing facilities cover already, (points,).
    forced, forbidden
        Columns that must, or must not, be chosen.
    stuck
        Whether units that no allowed site can raise count for the worst rate (and cap it) or are skipped.
    seconds
        Limit of wall-clock time.
    seed
        Of the search and of HiGHS.

    Returns
    -------
    EquitySolution
        Optimal when both the worst rate and the total are proven; ``unreached`` are the points neither covered nor
        reached by an allowed column. Units without people have no rate and do not count.

    Examples
    --------
    >>> matrix = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    >>> plan = equity(matrix, [9, 9, 5, 5], [0, 0, 1, 1], 2)
    >>> plan.chosen.tolist(), plan.worst, plan.objective
    ([0, 1], Fraction(1, 2), 23.0)
    """
    clock = Clock(seconds)
    points, count = matrix.shape
    which = check_sites(count, sites, forced, forbidden)
    done = np.zeros(points, dtype=bool) if covered is None else np.asarray(covered, dtype=bool)
    problem = build_equity(
        matrix, people_of(weights, points), units, sites, covered=done, which=which, skip=stuck == "skip"
    )
    bound = linear_bound(problem, Clock(0.3 * clock.left()))
    chosen = search(problem, float(bound), Clock(0.5 * clock.left()), seed)
    chosen, bound = raise_worst(problem, chosen, bound, clock, seed)
    chosen, total = raise_total(problem, chosen, clock, seed)
    return _solution(problem, chosen, (bound, total), _lost(matrix, done, which[1]), (clock, seed))


def _lost(matrix: Any, covered: Bools, allowed: Bools) -> Ints:
    """Return the points that are neither covered nor reached by an allowed column."""
    return np.flatnonzero(~covered & (np.diff(allowed_rows(matrix, allowed).indptr) == 0))


def _solution(
    problem: Equity, chosen: Ints, bounds: tuple[Fraction, float], lost: Ints, run: tuple[Clock, int]
) -> EquitySolution:
    worst, total = problem.value(chosen)
    best_worst = worst if closed(problem, chosen, bounds[0]) else bounds[0]
    optimal = best_worst == worst and total_closed(problem, total, bounds[1])
    clock, seed = run
    stopped: Stopped = "proved" if optimal else "time" if struck(clock) else "search"
    exact = [
        Fraction(a) / Fraction(b)
        for a, b in zip(problem.covered(chosen).tolist(), problem.people.tolist(), strict=True)
    ]
    at_worst = np.array([rate == worst for rate in exact], dtype=bool) & problem.counted
    return EquitySolution(
        chosen=chosen,
        status="optimal" if optimal else "feasible",
        objective=total,
        bound=total if optimal else bounds[1],
        seconds=clock.spent(),
        stopped=stopped,
        solver="search+highs",
        seed=seed,
        unreached=lost,
        worst=worst,
        worst_bound=best_worst,
        units_at_worst=problem.labels[at_worst],
        units_stuck=problem.labels[(problem.reachable <= problem.already) & (problem.already < problem.people)],
    )
