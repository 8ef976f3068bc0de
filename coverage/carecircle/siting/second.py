"""Of all plans that are as small as can be: most idle property first, and then most people."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array, hstack, vstack

from carecircle.siting.solvers.cover import same_rows
from carecircle.siting.solvers.milp import Milp, solve_milp
from carecircle.siting.solvers.solution import Clock, Floats, Ints, Solution
from carecircle.siting.solvers.targets import TargetProblem

_MOST_ENTRIES = 3_000_000
"""Entries of a program above which it is not tried."""


@dataclass(frozen=True, eq=False)
class Wishes:
    """What is wished for beside the targets.

    Parameters
    ----------
    welcome
        (columns,) which are to be taken before all others.
    people
        (points, columns) which points each column serves.
    weight
        (points,); 0 for points that are served already.
    """

    welcome: NDArray[np.bool_]
    people: csr_array
    weight: Floats


@dataclass(frozen=True, eq=False)
class _Program:
    """The targets, what may be spent on how many, and fixed columns; `floor`, so many welcome columns are kept."""

    problem: TargetProblem
    spent: float
    most: float
    fixed: tuple[Ints, Ints]
    welcome: Floats
    floor: float

    def model(self, worth: Floats, cover: csr_array, weight: Floats) -> Milp:
        """Return the program over columns, satisfied rows and served points."""
        problem = self.problem
        rows, columns = problem.matrix.shape
        points, groups = cover.shape[0], len(problem.required)
        lower, upper = np.zeros(columns + rows + points), np.ones(columns + rows + points)
        lower[self.fixed[0]] = 1.0
        upper[self.fixed[1]] = 0.0
        needs = csr_array((problem.need.astype(float), (np.arange(rows), np.arange(rows))), shape=(rows, rows))
        rest = csr_array((1, rows + points))
        parts = [
            hstack([problem.matrix, -needs, csr_array((rows, points))]),
            hstack([csr_array((groups, columns)), problem.groups, csr_array((groups, points))]),
            hstack([cover, csr_array((points, rows)), -eye_array(points)]),
            hstack([csr_array(problem.costs[None, :]), rest]),
            hstack([csr_array(np.ones((1, columns))), rest]),
            hstack([csr_array(self.welcome[None, :]), rest]),
        ]
        low = np.concatenate([np.zeros(rows), problem.required, np.zeros(points), [-np.inf, -np.inf, self.floor]])
        high = np.concatenate([np.full(rows + groups + points, np.inf), [self.spent + 1e-9, self.most, np.inf]])
        whole = np.concatenate([np.ones(columns, bool), problem.need > 1, np.zeros(points, bool)])
        cost = np.concatenate([worth, np.zeros(rows), weight])
        return Milp(cost, lower, upper, whole, csr_array(vstack(parts, format="csr")), low, high, maximise=True)

    def start(self, chosen: Ints, cover: csr_array) -> Floats:
        """Return a choice as a solution of the program."""
        taken = np.zeros(self.problem.matrix.shape[1])
        taken[chosen] = 1.0
        satisfied = (self.problem.matrix @ taken >= self.problem.need).astype(float)
        return np.concatenate([taken, satisfied, (cover @ taken > 0).astype(float)])


def best_of_the_smallest(
    problem: TargetProblem, best: Solution, wishes: Wishes, *, fixed: tuple[Ints, Ints], seconds: float, seed: int
) -> tuple[Ints, bool]:
    """Return columns that reach all targets at no higher cost than a choice that does, and how sure that is.

    Parameters
    ----------
    problem, best
        The targets, and a choice that reaches them.
    wishes
        What decides between choices of the same cost: welcome columns first, then people.
    fixed
        Columns that must, and that must not, be chosen.
    seconds, seed
        Of HiGHS, for both steps; what was found by then is taken, and the choice itself where nothing better was.

    Returns
    -------
    tuple
        The columns, and whether no choice of the same cost is proven to fulfil the wishes better.
    """
    clock, spent = Clock(seconds), math.fsum(problem.costs[best.chosen].tolist())
    most = float(len(best.chosen))
    welcome = wishes.welcome.astype(float)
    nobody = csr_array((0, problem.matrix.shape[1]))
    first = _Program(problem, spent, most, fixed, welcome, 0.0)
    chosen, sure = best.chosen, True
    if wishes.welcome.any() and len(chosen):
        chosen, sure = _better(first, chosen, (welcome, nobody, np.empty(0)), seconds / 3, seed)
    kept = _Program(problem, spent, most, fixed, welcome, float(welcome[chosen].sum()))
    cover, weight = _merged(wishes)
    if not len(chosen) or not len(weight):
        return chosen, sure
    people, also = _better(kept, chosen, (np.zeros_like(welcome), cover, weight), clock.left(), seed)
    return people, sure and also


def _merged(wishes: Wishes) -> tuple[csr_array, Floats]:
    """Return points that are not served yet, those with the same columns as one."""
    rows = np.flatnonzero((wishes.weight > 0) & (np.diff(wishes.people.indptr) > 0))
    cover = csr_array(wishes.people[rows])
    kind = same_rows(cover)
    first = np.unique(kind, return_index=True)[1]
    return csr_array(cover[first]), np.bincount(kind, wishes.weight[rows], len(first)).astype(float)


def _better(
    program: _Program, chosen: Ints, aim: tuple[Floats, csr_array, Floats], seconds: float, seed: int
) -> tuple[Ints, bool]:
    """Return the best columns that HiGHS found, and whether they are proven to be the best."""
    worth, cover, weight = aim
    if cover.nnz + program.problem.matrix.nnz > _MOST_ENTRIES:
        return chosen, False
    start = program.start(chosen, cover)
    model = program.model(worth, cover, weight)
    found = solve_milp(model, seconds=max(0.5, seconds), start=start, seed=seed, mip_abs_gap=0.5)
    if found.x is None or found.objective <= float(model.cost @ start):
        return chosen, found.status == "optimal"
    columns = np.flatnonzero(found.x[: program.problem.matrix.shape[1]] > 0.5)
    return columns.astype(np.int64), found.status == "optimal"
