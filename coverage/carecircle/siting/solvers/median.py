"""The p-median problem: p sites so that people travel as few minutes as possible in all.

Greedy and interchange search for good sites; a Lagrangian bound says how good they are; what the bound leaves open is
given to HiGHS as a small program with one variable for each radius of a point (`median_proof`). Everything works on
the sparse pairs within the limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from carecircle.siting.solvers.median_model import Found, Median, build_median, closed
from carecircle.siting.solvers.median_proof import cover, prove, raise_bound
from carecircle.siting.solvers.median_search import shake, start
from carecircle.siting.solvers.pairs import (
    check_sites,
    column_mask,
    minutes_per_point,
    pairs_of,
    people_of,
    serve,
    struck,
)
from carecircle.siting.solvers.solution import Clock, Ints, Solution, Stopped, no_rows

_Step = Callable[[Median, Found, Clock], Found]


def p_median(  # noqa: PLR0913  the head that all solvers of this room share
    minutes: Any,
    weights: ArrayLike,
    sites: int,
    *,
    base: ArrayLike | None = None,
    beyond: ArrayLike | None = None,
    forced: ArrayLike = (),
    forbidden: ArrayLike = (),
    seconds: float = 60.0,
    seed: int = 0,
) -> Solution:
    """Choose at most `sites` columns so that the sum of people times minutes to the nearest site is least.

    Parameters
    ----------
    minutes
        Sparse array (points, sites) of pairs within the limit, stored zeros being real; or dense, infinite = beyond.
    weights
        People at each point, (points,).
    sites
        How many, forced ones included. Sites that would serve nobody are not chosen.
    base
        Minutes to the nearest existing facility, infinite where none, (points,). Existing ones serve too.
    beyond
        Minutes charged for a point that nobody serves within the limit, one number or (points,). None: such points
        are not allowed, except those that no site reaches, which are left out.
    forced, forbidden
        Columns that must, or must not, be chosen.
    seconds
        Limit of wall-clock time; the search ends by itself after a fixed effort.
    seed
        Of the random steps of the search.

    Returns
    -------
    Solution
        ``assigned`` has the chosen column of each point, -1 where an existing facility is no farther, where nobody
        serves it, or where it was left out; ``unreached`` the points that neither a column nor an existing facility
        reaches. Infeasible with ``stopped`` "proved": no such choice serves all that must be served; with "time":
        none was found.

    Raises
    ------
    ValueError
        Negative minutes or people, columns out of range, more forced sites than `sites`.

    References
    ----------
    S. L. Hakimi (1964), Optimum locations of switching centers and the absolute centers and medians of a graph,
    Operations Research 12(3), 450-459.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))
    >>> plan = p_median(line, np.ones(7), 2)
    >>> plan.objective, plan.status
    (6.0, 'optimal')
    """
    clock = Clock(seconds)
    pairs = pairs_of(minutes)
    points, count = pairs.shape
    people, near = people_of(weights, points), minutes_per_point(base, points)
    forced_mask, allowed = check_sites(count, sites, forced, forbidden)
    pairs = pairs.only(allowed)
    lost = ~pairs.reached() & np.isinf(near)
    spare = np.minimum(near, minutes_per_point(beyond, points))
    found, stopped = _solve(build_median(pairs, people, spare, sites, (forced_mask, allowed)), clock, seed)
    if math.isnan(found.total):
        return _nothing(found, stopped, clock, seed, np.flatnonzero(lost))
    chosen = column_mask(found.opened, count)
    column, _ = serve(pairs, spare, chosen)
    chosen = forced_mask | column_mask(np.unique(column[(column >= 0) & (people > 0)]), count)
    column, spent = serve(pairs, spare, chosen)
    objective = math.fsum((people * np.where(np.isfinite(spent), spent, 0.0)).tolist())
    optimal = stopped == "proved"
    return Solution(
        chosen=np.flatnonzero(chosen),
        status="optimal" if optimal else "feasible",
        objective=objective,
        bound=objective if optimal else min(found.proven, objective),
        seconds=clock.spent(),
        stopped=stopped,
        solver="search+lagrange+highs",
        seed=seed,
        unreached=np.flatnonzero(lost),
        assigned=column,
    )


def _nothing(found: Found, stopped: Stopped, clock: Clock, seed: int, lost: Ints) -> Solution:
    """No choice serves all that must be served, or none was found."""
    return Solution(no_rows(), "infeasible", math.nan, found.proven, clock.spent(), stopped, "search+highs", seed, lost)


def _solve(problem: Median, clock: Clock, seed: int) -> tuple[Found, Stopped]:
    """Search, bound, and prove; a total of NaN where no choice serves all that must be served."""
    found = start(problem, clock)
    patience = 200 + 20 * problem.sites
    steps: tuple[_Step, ...] = (cover, raise_bound, partial(shake, seed=seed, patience=patience), raise_bound, prove)
    for step in steps:
        if closed(problem, found) or clock.over():
            break
        found = step(problem, found, clock)
    stopped: Stopped = "proved" if closed(problem, found) else "time" if struck(clock) else "search"
    return (replace(found, total=math.nan) if found.total >= problem.penalty else found), stopped
