"""Maximum coverage: the most weight within limits (Church and ReVelle 1974, Papers of the Regional Science Assoc.)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csc_array, csr_array

from carecircle.siting.solvers.cover import CoverProblem, Limits, presolve
from carecircle.siting.solvers.kernels import empty_choice, fill
from carecircle.siting.solvers.lagrange import lagrangian
from carecircle.siting.solvers.maximum_run import EXACT, begin, together
from carecircle.siting.solvers.search import Found, annealing, compiled, greedy
from carecircle.siting.solvers.solution import Clock, Floats, Ints, Solution, Stopped


def maximum_coverage(  # noqa: PLR0913  a problem has many sides; all but two have a value to begin with
    matrix: csr_array,
    weights: ArrayLike,
    *,
    sites: int | None = None,
    groups: ArrayLike | None = None,
    quotas: ArrayLike | None = None,
    costs: ArrayLike | None = None,
    budget: float | None = None,
    forced: Iterable[int] = (),
    forbidden: Iterable[int] = (),
    seconds: float = 60.0,
    seed: int = 0,
    enough: float = 0.0,
) -> Solution:
    """Choose the sites that together cover the most weight.

    One of three limits: a number of sites, quotas of groups of sites, or a budget. Small problems are given to HiGHS
    while the search goes on; of larger ones a Lagrangian bound is made better by regions. The first call on a machine
    compiles the search for some seconds, outside the limit; the compiled code is kept on disk.

    Parameters
    ----------
    matrix
        Points by sites, an entry where the site covers the point; (points, sites).
    weights
        Of the points, >= 0; 0 for what is covered already.
    sites
        At most so many, forced ones included.
    groups, quotas
        Group of each site, 0 upwards, (sites,); and at most how many of each group, (groups,).
    costs, budget
        Of each site, >= 0, (sites,); and their sum at most.
    forced, forbidden
        Columns that are chosen in any case, or never.
    seconds
        Limit of wall-clock time.
    seed
        Of the search.
    enough
        Stop once objective and bound are proven to differ by no more than this share.

    Returns
    -------
    Solution
        Never worse than greedy adding; ``unreached`` are points of some weight that no allowed site reaches.

    Raises
    ------
    ValueError
        If the arguments do not fit together, or the forced sites alone break the limits.

    Examples
    --------
    >>> reach = csr_array(np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]]))
    >>> plan = maximum_coverage(reach, [5, 1, 5, 3], sites=2)
    >>> plan.chosen, plan.objective, plan.status
    (array([0, 1]), 11.0, 'optimal')
    """
    _compile()
    clock = Clock(seconds)
    matrix, weight = _checked(matrix, weights)
    limits = limits_of(matrix.shape[1], sites, (groups, quotas), (costs, budget))
    problem = presolve(matrix, weight, limits, forced=forced, forbidden=forbidden)
    if not len(problem.original):
        return _solution(problem, Found(np.empty(0, np.int64), 0.0), 0.0, clock, ("search", "proved"), seed)
    state = begin(problem, clock, seed, enough=enough, whole=bool(np.all(weight == np.round(weight))))
    if not state.closed and not clock.over():
        together(state)
    stopped: Stopped = "proved" if state.closed and not enough else "time" if clock.over() or state.cut else "search"
    return _solution(problem, state.best, state.bound, clock, ("+".join(state.ways), stopped), seed)


@cache
def _compile() -> None:
    """Have the loops compiled, or their compiled code loaded, by a problem of three sites."""
    limits = Limits(np.zeros(3, np.int64), np.ones(3), np.ones(1))
    problem = presolve(csr_array(np.eye(3)), np.ones(3), limits)
    cover = compiled(problem)
    start = greedy(problem, cover)
    lagrangian(problem, cover, 0.0, Clock(1.0))
    annealing(problem, cover, start, Clock(1.0), steps=100, seed=0)


def _checked(matrix: csr_array, weights: ArrayLike) -> tuple[csr_array, Floats]:
    rows, weight = csr_array(matrix), np.asarray(weights, dtype=np.float64)
    if weight.shape != (rows.shape[0],):
        raise ValueError(f"{rows.shape[0]} points have weights of shape {weight.shape}")
    if not np.all(np.isfinite(weight) & (weight >= 0)):
        raise ValueError("weights are numbers >= 0")
    if not np.all(rows.data):
        rows = rows.copy()
        rows.eliminate_zeros()
    return rows, weight


def limits_of(
    columns: int,
    sites: int | None,
    by_group: tuple[ArrayLike | None, ArrayLike | None],
    by_cost: tuple[ArrayLike | None, float | None],
) -> Limits:
    """Read the one limit that is given: a number, (groups, quotas) or (costs, budget)."""
    (groups, quotas), (costs, budget) = by_group, by_cost
    given = (sites is not None, quotas is not None, budget is not None)
    if sum(given) != 1 or (groups is None) != (quotas is None) or (costs is None) != (budget is None):
        raise ValueError("give one limit: sites, or groups with quotas, or costs with a budget")
    group = np.zeros(columns, np.int64) if groups is None else np.asarray(groups, dtype=np.int64)
    cost = np.ones(columns) if costs is None else np.asarray(costs, dtype=np.float64)
    room = np.asarray(quotas, np.float64) if quotas is not None else np.array([sites if given[0] else budget], float)
    if group.shape != (columns,) or cost.shape != (columns,):
        raise ValueError(f"{columns} sites have groups of shape {group.shape} and costs of shape {cost.shape}")
    if np.any(group < 0) or np.any(group >= len(room)) or np.any(cost < 0) or not np.all(np.isfinite(cost)):
        raise ValueError("groups are numbers with a quota each, costs are numbers >= 0")
    if np.any(room < 0) or np.any(np.isnan(room)):
        raise ValueError("a limit is a number >= 0")
    return Limits(group, cost, np.minimum(room, cost.sum()))


def _solution(
    problem: CoverProblem, best: Found, bound: float, clock: Clock, how: tuple[str, Stopped], seed: int
) -> Solution:
    """Put the forced sites and what they cover back in."""
    optimal = bound - best.value <= EXACT * abs(best.value)
    objective = best.value + problem.base
    return Solution(
        problem.restore(best.chosen),
        "optimal" if optimal else "feasible",
        objective,
        objective if optimal else bound + problem.base,
        clock.spent(),
        "proved" if optimal else how[1],
        how[0],
        seed,
        problem.unreached,
    )


def order_of_worth(matrix: csr_array, weights: ArrayLike, chosen: ArrayLike) -> tuple[Ints, Floats]:
    """Order chosen sites by what each adds to those before it, the most first; ties: the lowest column.

    Parameters
    ----------
    matrix, weights
        As in `maximum_coverage`.
    chosen
        Columns.

    Returns
    -------
    Ints, Floats
        The columns in order, and the weight that each adds, (chosen,).

    Examples
    --------
    >>> order_of_worth(csr_array(np.array([[1, 1], [0, 1]])), [2.0, 1.0], [0, 1])
    (array([1, 0]), array([3., 0.]))
    """
    rows, weight = _checked(matrix, weights)
    columns = np.unique(np.asarray(chosen, dtype=np.int64))
    limits = Limits(np.zeros(len(columns), np.int64), np.ones(len(columns)), np.array([float(len(columns))]))
    part = csr_array(rows[:, columns])
    part.sort_indices()
    by_column = csc_array(part)
    nothing = np.empty(0, np.int64)
    cover = compiled(CoverProblem(part, by_column, weight, limits, columns, nothing, 0.0, nothing))
    choice = empty_choice(cover)
    fill(cover, choice)
    useful = choice.members[: choice.size[0]]
    order = np.concatenate([useful, np.setdiff1d(np.arange(len(columns)), useful)]).astype(np.int64)
    return columns[order], _gains(part, weight, order)


def _gains(part: csr_array, weight: Floats, order: Ints) -> Floats:
    """Add up what each column covers that none before it does."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    reached = np.flatnonzero(np.diff(part.indptr))
    first = np.minimum.reduceat(rank[part.indices], part.indptr[reached]) if len(reached) else reached
    return np.bincount(first, weight[reached], minlength=len(order)).astype(np.float64)
