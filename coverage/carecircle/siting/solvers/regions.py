"""A bound below that of the linear relaxation: sites cut into regions, each solved exactly with what its border costs.

A row whose columns lie in one region counts there as it is. A row of several regions, of weight w and multiplier v,
counts w - v in any case and v in each region that covers it: whether none, one or more do, that is no less than what
the row is worth. So for any multipliers and any tolls on the sites, the sum of the regions' optima (or of what a
solver proved about them), the border's w - v and the tolls' worth of the limits is a proven bound; with the multipliers
of `lagrange` it is no worse than theirs, as whole choices are worth no more than parts. This is Lagrangian
decomposition (Guignard and Kim 1987, Mathematical Programming 39, 215-228) with integer subproblems.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from carecircle.siting.solvers.cover import CoverProblem, merge_rows
from carecircle.siting.solvers.lagrange import Dual
from carecircle.siting.solvers.maximum_model import start_of, toll_model
from carecircle.siting.solvers.milp import solve_milp
from carecircle.siting.solvers.search import Found
from carecircle.siting.solvers.solution import Clock, Floats, Ints

_FAR = 1e9
_NEAR_ENOUGH = 3e-4  # a region's solver may stop this close to its optimum, as a share of it
_LEAST = 0.5  # seconds below which no solver is started
_DAMPED = 0.3  # of a step, for the tolls: a little more toll, and many sites go at once
_SAFE = 1e-7  # a solver's bound is moved outward by this share, against its tolerances


@dataclass(frozen=True, eq=False)
class Round:
    """One evaluation of the bound.

    Parameters
    ----------
    bound
        Proven.
    chosen
        Columns that the regions chose; they may break the limits.
    covers
        How many regions cover each row, (rows,).
    whole
        Whether all regions were solved to the end.
    """

    bound: float
    chosen: Ints
    covers: Ints
    whole: bool


def cut_regions(problem: CoverProblem, parts: int) -> Ints:
    """Cut the columns into regions of about the same number, so that few rows have columns in several.

    Halves by halves: two columns far apart are found, and the columns are sorted by how much nearer they are to the
    one than to the other. Columns are near that share much of their weight.

    Returns
    -------
    Ints
        Region of each column, 0 to parts - 1.
    """
    region = np.zeros(len(problem.original), dtype=np.int64)
    waiting = [(np.arange(len(region)), parts, 0)]
    lengths = column_distances(problem)
    while waiting:
        columns, count, first = waiting.pop()
        region[columns] = first
        if count > 1:
            order = columns[np.argsort(_side(lengths[columns][:, columns]), kind="stable")]
            half = count // 2
            cut = len(columns) * half // count
            waiting += [(np.sort(order[:cut]), half, first), (np.sort(order[cut:]), count - half, first + half)]
    return region


def column_distances(problem: CoverProblem) -> csr_array:
    """Find how far columns are from each other that share a row: 1 less the share of weight in common."""
    weights = np.repeat(np.sqrt(problem.weights), np.diff(problem.rows.indptr))
    rows = csr_array((weights, problem.rows.indices, problem.rows.indptr), shape=problem.rows.shape)
    shared = (rows.T @ rows).tocoo()
    one, other = shared.coords
    apart = one != other
    weight = np.asarray(shared.diagonal())
    likeness = shared.data / np.minimum(weight[one], weight[other])
    return csr_array((1.01 - likeness[apart], (one[apart], other[apart])), shape=shared.shape)


def _side(lengths: csr_array) -> Floats:
    """Tell how much nearer columns are to one end than to the other."""
    ends = _distances(lengths, 0)
    one = _distances(lengths, int(np.argmax(ends)))
    other = _distances(lengths, int(np.argmax(one)))
    return np.asarray(one - other)


def _distances(lengths: csr_array, start: int) -> Floats:
    return np.asarray(np.minimum(dijkstra(lengths, indices=start), _FAR))


@dataclass(frozen=True, eq=False)
class _Task:
    """What all regions of one evaluation share: weights with the border's replaced, which rows those are, a choice."""

    problem: CoverProblem
    dual: Dual
    weight: Floats
    border: NDArray[np.bool_]
    hint: Ints

    def toll(self, columns: Ints) -> Floats:
        limits = self.problem.limits
        return np.asarray((self.dual.tolls[limits.groups] * limits.costs)[columns])


def evaluate(problem: CoverProblem, dual: Dual, region: Ints, hint: Ints, clock: Clock, *, workers: int) -> Round:
    """Solve all regions, some at a time, and add up what is proven.

    Parameters
    ----------
    problem
        Small.
    dual
        Multipliers and tolls.
    region
        Of each column.
    hint
        A good choice for the solvers to begin with.
    clock
        Shared out among the regions; one that is not solved in time counts with what is proven about it.
    workers
        How many regions at a time.
    """
    parts = int(region.max()) + 1
    touched = regions_of_rows(problem, region)
    border = touched > 1
    task = _Task(problem, dual, np.where(border, dual.multipliers, problem.weights), border, hint)

    def solve(part: int) -> tuple[float, Ints, bool]:
        columns = np.flatnonzero(region == part)
        if clock.left() < _LEAST:
            return _plain_bound(task, columns), columns[:0], False
        seconds = min(clock.left(), max(2 * _LEAST, clock.left() * workers / (parts - part)))
        return _solve_region(task, columns, seconds)

    with ThreadPoolExecutor(workers) as pool:
        solved = list(pool.map(solve, range(parts)))
    rest = float((problem.weights - dual.multipliers)[border].sum()) + float(dual.tolls @ problem.limits.room)
    chosen = np.sort(np.concatenate([columns for _, columns, _ in solved]))
    return Round(
        rest + sum(bound for bound, _, _ in solved),
        chosen,
        _covers(problem, region, chosen),
        all(whole for _, _, whole in solved),
    )


def regions_of_rows(problem: CoverProblem, region: Ints) -> Ints:
    """Count in how many regions a row has columns, (rows,)."""
    return _covers(problem, region, np.arange(len(region)))


def _covers(problem: CoverProblem, region: Ints, chosen: Ints) -> Ints:
    """Count in how many regions a row has one of these columns, (rows,)."""
    member = csr_array((np.ones(len(chosen)), (chosen, region[chosen])), shape=(len(region), int(region.max()) + 1))
    return np.asarray(np.diff((problem.rows.astype(np.float64) @ member).tocsr().indptr), dtype=np.int64)


def _solve_region(task: _Task, columns: Ints, seconds: float) -> tuple[float, Ints, bool]:
    rows = csr_array(task.problem.columns[:, columns])
    used = (np.diff(rows.indptr) > 0) & (task.weight > 0)
    rows, weights = merge_rows(csr_array(rows[used]), task.weight[used])
    size, plain = float(weights.sum()), _plain_bound(task, columns)
    start = start_of(rows, np.flatnonzero(np.isin(columns, task.hint)))
    model = toll_model(rows, weights, task.toll(columns))
    found = solve_milp(model, seconds=seconds, start=start, mip_abs_gap=_NEAR_ENOUGH * size)
    chosen = columns[:0] if found.x is None else columns[found.x[: len(columns)] > 0.5]
    return min(plain, found.bound + _SAFE * size), chosen, found.status == "optimal"


def _plain_bound(task: _Task, columns: Ints) -> float:
    """Return what the multipliers alone prove about a region."""
    part = csr_array(task.problem.columns[:, columns])
    prices = np.asarray(part.astype(np.float64).T @ task.dual.multipliers)
    own = (np.diff(part.indptr) > 0) & ~task.border
    left = float((task.weight - task.dual.multipliers)[own].sum())
    return left + float(np.maximum(0.0, prices - task.toll(columns)).sum())


def improve(
    problem: CoverProblem,
    dual: Dual,
    region: Ints,
    known: Found,
    *,
    rounds: int,
    clock: Clock,
    workers: Callable[[], int],
) -> Dual:
    """Better the multipliers of the border and the tolls by some rounds of subgradients, all of them proven bounds.

    Parameters
    ----------
    problem, dual, region
        As in `evaluate`.
    known
        The best choice so far: the bound cannot come below its value.
    rounds, clock
        When to stop.
    workers
        Tells how many regions may be solved at a time.
    """
    border = regions_of_rows(problem, region) > 1
    now, best, length = dual, dual, 0.3
    for _ in range(rounds):
        found = evaluate(problem, now, region, known.chosen, clock, workers=workers())
        if found.bound < best.bound:
            best = Dual(found.bound, now.multipliers, now.tolls)
        else:
            length *= 0.7
        if clock.over() or best.bound <= known.value:
            break
        now = _next(problem, now, found, border, length * max(0.0, found.bound - known.value))
    return best


def _next(problem: CoverProblem, dual: Dual, found: Round, border: NDArray[np.bool_], worth: float) -> Dual:
    slope = np.where(border, 1.0 - found.covers, 0.0)
    over = problem.limits.used(found.chosen) - problem.limits.room
    over = _DAMPED * np.where((dual.tolls <= 0) & (over < 0), 0.0, over)
    size = float(slope @ slope + over @ over)
    step = worth / size if size > 0 else 0.0
    multipliers = np.clip(dual.multipliers + step * slope, 0.0, problem.weights)
    return Dual(np.inf, multipliers, np.maximum(0.0, dual.tolls + step * over))
