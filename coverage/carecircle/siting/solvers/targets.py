"""The fewest or cheapest sites so that all targets hold at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from carecircle.siting.solvers.kernels_targets import Bools
from carecircle.siting.solvers.solution import Clock, Floats, Ints, Solution, Status, no_rows
from carecircle.siting.solvers.targets_presolve import Reduced, implied_groups, reduce_task
from carecircle.siting.solvers.targets_search import compile_kernels
from carecircle.siting.solvers.targets_solve import Found, solve_task
from carecircle.siting.solvers.targets_task import TOLERANCE, Task

Columns = Sequence[int] | Ints
Unreachable = tuple[int, float, float]


@dataclass(frozen=True, eq=False)
class TargetProblem:
    """Rows that sites satisfy, and groups of rows of which so much must be satisfied.

    A township whose people must be served to 90 % is a group: its rows are the demand points, the weights their
    people, `required` 0.9 times their sum. Nine of ten communities of a county: rows are communities, weights 1. One
    in every street: all rows are required.

    Parameters
    ----------
    matrix
        Rows x sites; an entry other than 0 = the site helps the row.
    need
        Chosen sites that satisfy a row; 0 = satisfied already; (rows,).
    costs
        At least 0; (sites,).
    groups
        Weights at least 0; (groups, rows). Group g holds when ``groups[g] @ satisfied >= required[g]``, to 1e-9 of it.
    required
        (groups,).
    at_least
        Sets of groups, and how many of each must hold; its groups are then not required by themselves.
    exclusive
        Sites with the same number >= 0 exclude each other, as one place built in one of several classes; (sites,).

    Raises
    ------
    ValueError
        Lengths that do not fit, and numbers below 0 or not finite.
    """

    matrix: csr_array
    need: Ints
    costs: Floats
    groups: csr_array
    required: Floats
    at_least: tuple[tuple[Ints, int], ...] = ()
    exclusive: Ints | None = None

    def __post_init__(self) -> None:
        rows, sites = self.matrix.shape
        groups = self.groups.shape[0]
        lengths = ((self.need, rows), (self.costs, sites), (self.required, groups))
        if any(len(values) != length for values, length in lengths) or self.groups.shape[1] != rows:
            raise ValueError(f"need, costs, groups and required do not fit {rows} rows, {sites} sites, {groups} groups")
        if self.exclusive is not None and len(self.exclusive) != sites:
            raise ValueError(f"exclusive has {len(self.exclusive)} numbers for {sites} sites")
        numbers = (self.need, self.costs, self.groups.data)
        if any(not np.all((np.asarray(one) >= 0) & np.isfinite(one)) for one in numbers):
            raise ValueError("needs, costs and weights are finite and at least 0")
        if not np.isfinite(self.required).all():
            raise ValueError("required weights are finite")
        if any(np.any((np.asarray(one) < 0) | (np.asarray(one) >= groups)) for one, _ in self.at_least):
            raise ValueError(f"at_least names groups outside 0..{groups - 1}")


def reach_targets(
    problem: TargetProblem,
    *,
    forced: Columns = (),
    forbidden: Columns = (),
    seconds: float = 60.0,
    seed: int = 0,
) -> Solution:
    """Choose the fewest or cheapest sites so that all groups hold.

    A search (greedy, then row weighting or annealing at the prices of the linear relaxation) runs beside a proof
    (Lagrangian bound, columns fixed by reduced costs, HiGHS on what is left). The first call on a machine compiles the
    search for some ten seconds, outside the limit; the result is kept on disk.

    Parameters
    ----------
    problem
        Rows, sites, groups.
    forced, forbidden
        Sites that must, that must not be chosen.
    seconds
        Limit of wall-clock time.
    seed
        Of the search.

    Returns
    -------
    Solution
        ``"infeasible"`` and stopped ``"proved"`` where no choice does it: `unreachable_groups` and `unreached` (rows
        that lack sites in such groups) say why. Stopped ``"time"`` or ``"search"`` with it: nothing was found, nothing
        proven (only where sites exclude each other).

    Raises
    ------
    ValueError
        Forced sites that are forbidden or exclude each other; columns that do not exist.

    Examples
    --------
    >>> problem = TargetProblem(csr_array(np.array([[1, 0], [1, 0], [0, 1]])), np.ones(3, int), np.ones(2),
    ...                         csr_array(np.array([[60.0, 30.0, 10.0]])), np.array([90.0]))
    >>> reach_targets(problem).chosen
    array([0])
    """
    compile_kernels()
    clock = Clock(seconds)
    taken, barred = _columns(problem, forced), _columns(problem, forbidden)
    _check_forced(problem, taken, barred)
    allowed = np.ones(problem.matrix.shape[1], dtype=bool)
    allowed[barred] = False
    lacking = unreachable_groups(problem, barred)
    if lacking or not _sets_can_hold(problem, allowed):
        return _nothing(clock, seed, _short_rows(problem, allowed, [group for group, _, _ in lacking]))
    reduced = reduce_task(_task(problem), forced=taken, allowed=allowed)
    found = solve_task(reduced.task, clock, seed)
    return _solution(problem, reduced, found, clock, seed)


def unreachable_groups(problem: TargetProblem, forbidden: Columns = ()) -> list[Unreachable]:
    """Find the groups that cannot hold even if all allowed sites are chosen: the reason why a target is out of reach.

    Parameters
    ----------
    problem
        Rows, sites, groups. Sites that exclude each other are not looked at.
    forbidden
        Sites that must not be chosen.

    Returns
    -------
    list of (group, most reachable weight, required weight)
        Groups of `at_least` only where too few of their set can hold.

    Examples
    --------
    >>> problem = TargetProblem(csr_array(np.array([[1], [0]])), np.ones(2, int), np.ones(1),
    ...                         csr_array(np.array([[60.0, 40.0]])), np.array([90.0]))
    >>> unreachable_groups(problem)
    [(0, 60.0, 90.0)]
    """
    allowed = np.ones(problem.matrix.shape[1], dtype=bool)
    allowed[_columns(problem, forbidden)] = False
    most, holds = _held(problem, _counts(problem, allowed) >= problem.need)
    asked = np.ones(len(holds), dtype=bool)
    for groups, _ in problem.at_least:
        asked[groups] = False
    for groups, number in problem.at_least:
        if holds[groups].sum() < number:
            asked[groups] = True
    return [(int(g), float(most[g]), float(problem.required[g])) for g in np.flatnonzero(asked & ~holds)]


def targets_hold(problem: TargetProblem, chosen: Columns) -> bool:
    """Whether a choice reaches all targets, by exact sums."""
    mask = np.zeros(problem.matrix.shape[1], dtype=bool)
    mask[np.asarray(chosen, dtype=np.int64)] = True
    _, holds = _held(problem, _counts(problem, mask) >= problem.need)
    optional = np.zeros(len(holds), dtype=bool)
    for groups, _ in problem.at_least:
        optional[groups] = True
    enough = all(int(holds[groups].sum()) >= number for groups, number in problem.at_least)
    return bool(holds[~optional].all()) and enough and not _clashes(problem, np.flatnonzero(mask))


def _held(problem: TargetProblem, satisfied: Bools) -> tuple[Floats, Bools]:
    """Return the satisfied weight of each group, summed exactly, and whether it is enough."""
    groups = csr_array(problem.groups)
    held = np.empty(groups.shape[0])
    for group in range(groups.shape[0]):
        part = slice(groups.indptr[group], groups.indptr[group + 1])
        held[group] = math.fsum(groups.data[part][satisfied[groups.indices[part]]].tolist())
    return held, held >= problem.required - TOLERANCE * np.abs(problem.required)


def _counts(problem: TargetProblem, chosen: Bools) -> Ints:
    return np.asarray((csr_array(problem.matrix) != 0).astype(np.int64) @ chosen.astype(np.int64), dtype=np.int64)


def _columns(problem: TargetProblem, columns: Columns) -> Ints:
    found = np.unique(np.asarray(columns, dtype=np.int64))
    if len(found) and (found[0] < 0 or found[-1] >= problem.matrix.shape[1]):
        raise ValueError(f"columns are 0..{problem.matrix.shape[1] - 1}, not {found[0]}..{found[-1]}")
    return found.astype(np.int64)


def _clashes(problem: TargetProblem, columns: Ints) -> bool:
    if problem.exclusive is None:
        return False
    families = np.asarray(problem.exclusive)[columns]
    families = families[families >= 0]
    return len(np.unique(families)) < len(families)


def _check_forced(problem: TargetProblem, forced: Ints, forbidden: Ints) -> None:
    if np.isin(forced, forbidden).any():
        raise ValueError("a site is forced and forbidden at once")
    if _clashes(problem, forced):
        raise ValueError("forced sites exclude each other")


def _sets_can_hold(problem: TargetProblem, allowed: Bools) -> bool:
    """Whether each set has as many groups as must hold."""
    _, holds = _held(problem, _counts(problem, allowed) >= problem.need)
    return all(int(holds[groups].sum()) >= number for groups, number in problem.at_least)


def _short_rows(problem: TargetProblem, allowed: Bools, groups: list[int]) -> Ints:
    """Find the rows of groups that lack sites even if all are chosen."""
    short = _counts(problem, allowed) < problem.need
    within = np.zeros(len(short), dtype=bool)
    within[csr_array(problem.groups)[groups].indices] = True
    return np.flatnonzero(short & within).astype(np.int64)


def _task(problem: TargetProblem) -> Task:
    """Turn a problem into a task; groups that follow from others are left out."""
    rows, sites = problem.matrix.shape
    groups = csr_array(problem.groups, dtype=float)
    groups.eliminate_zeros()
    groups.sort_indices()
    matrix = csr_array((csr_array(problem.matrix) != 0).astype(float))
    matrix.sort_indices()
    family = np.full(sites, -1) if problem.exclusive is None else np.asarray(problem.exclusive)
    required = np.asarray(problem.required, dtype=float).copy()
    options = tuple((np.unique(np.asarray(one, dtype=np.int64)), int(number)) for one, number in problem.at_least)
    task = Task(
        matrix,
        np.asarray(problem.need, dtype=np.int64),
        np.zeros(rows, dtype=bool),
        csr_array(groups.T),
        required,
        np.asarray(problem.costs, dtype=float),
        np.maximum(family.astype(np.int64), -1),
        options,
    )
    required[implied_groups(groups, required, task.optional)] = 0.0
    return task


def _nothing(clock: Clock, seed: int, unreached: Ints) -> Solution:
    return Solution(
        no_rows(), "infeasible", math.nan, math.inf, clock.spent(), "proved", "presolve", seed, unreached=unreached
    )


def _solution(problem: TargetProblem, reduced: Reduced, found: Found, clock: Clock, seed: int) -> Solution:
    """Return what was found, checked by exact sums and counted in the problem's own columns."""
    if found.chosen is None:
        empty = _nothing(clock, seed, no_rows())
        proven = math.isinf(found.bound)
        return empty if proven else replace(empty, bound=found.bound, stopped=found.stopped, solver=found.solver)
    chosen = reduced.whole(found.chosen)
    if not targets_hold(problem, chosen):
        raise RuntimeError("the plan found does not reach the targets by exact sums")
    cost = math.fsum(problem.costs[chosen].tolist())
    taken = math.fsum(problem.costs[reduced.taken].tolist())
    bound = cost if found.closed else min(cost, found.bound + taken)
    status: Status = "optimal" if found.closed else "feasible"
    return Solution(chosen, status, cost, bound, clock.spent(), found.stopped, found.solver, seed, _left_out(problem))


def _left_out(problem: TargetProblem) -> Ints:
    """Find the rows that no site can satisfy: they stay out of a plan that holds all the same."""
    return np.flatnonzero(_counts(problem, np.ones(problem.matrix.shape[1], dtype=bool)) < problem.need)
