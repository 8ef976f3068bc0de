"""Siting with beds, a neighbourhood at a time: HiGHS chooses anew among sites close together, all else staying.

References
----------
P. Shaw (1998), Using constraint programming and local search methods to solve vehicle routing problems, CP98, LNCS
1520, 417-431: large neighbourhood search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from carecircle.siting.solvers.beds_model import Beds
from carecircle.siting.solvers.beds_proof import Told, by_milp
from carecircle.siting.solvers.pairs import Bools, Pairs
from carecircle.siting.solvers.solution import Clock, Ints

_FREED = 40  # sites that are chosen anew
_PATIENCE = 25  # neighbourhoods in a row that bring nothing
_SECONDS = 10.0  # of HiGHS for one neighbourhood


@dataclass(frozen=True, eq=False)
class _Part:
    """A neighbourhood as a problem of its own.

    Parameters
    ----------
    problem
        Its sites as candidates, the other open sites with the beds that other people leave as existing ones.
    columns
        Column of the whole problem for each of its columns.
    pairs
        Position in the whole problem for each of its pairs.
    points
        Points of the whole problem for each of its points.
    """

    problem: Beds
    columns: Ints
    pairs: Ints
    points: Ints


def rework(problem: Beds, told: Told, clock: Clock, seed: int) -> Told:
    """Choose anew around random sites until that has not paid for long; the better of it and what was known."""
    free = np.flatnonzero(problem.allowed & ~problem.forced)
    if math.isnan(told.cost) or len(free) <= _FREED:
        return told
    random, idle = np.random.default_rng(seed), 0
    within = csr_array(
        (np.ones(len(problem.pairs.point)), (problem.pairs.point, problem.pairs.site)), problem.pairs.shape
    )
    while idle < _PATIENCE and not clock.over():
        around = _around(problem, within, free[random.integers(len(free))])
        better = _again(problem, told, around, clock, seed)
        idle = 0 if better.cost < told.cost - 1e-9 * abs(told.cost) else idle + 1
        told = better
    return told


def _around(problem: Beds, within: csr_array, site: int) -> Ints:
    """Return the free sites that share most points with a site, directly or by way of others, sorted."""
    score = np.zeros(within.shape[1])
    score[site] = 1.0
    for _ in range(4):
        score = within.T @ (within @ score)
        score /= max(score.max(), 1.0)
        if np.count_nonzero(score[problem.allowed & ~problem.forced]) >= _FREED:
            break
    score[site] = 2.0
    order = np.argsort(np.where(problem.allowed & ~problem.forced, -score, np.inf), kind="stable")[:_FREED]
    return np.sort(order[(score[order] > 0) & problem.allowed[order] & ~problem.forced[order]])


def _again(problem: Beds, told: Told, around: Ints, clock: Clock, seed: int) -> Told:
    """Choose anew among some sites."""
    part = _part(problem, told, around)
    inside = np.flatnonzero(np.isin(around, told.chosen))
    before = part.problem.cost @ told.people[part.pairs]
    left = part.problem.demand - np.bincount(
        part.problem.pairs.point, weights=told.people[part.pairs], minlength=len(part.points)
    )
    waiting = np.where(part.problem.must, 0.0, part.problem.unserved)
    known = Told(inside, told.people[part.pairs], float(before + waiting @ np.maximum(left, 0.0)))
    found = by_milp(part.problem, known, Clock(min(_SECONDS, clock.left())), seed)
    if not found.cost < known.cost - 1e-9 * abs(told.cost):
        return told
    people = told.people.copy()
    people[np.isin(problem.pairs.point, part.points)] = 0.0
    people[part.pairs] = found.people
    chosen = np.union1d(np.setdiff1d(told.chosen, around), part.columns[found.chosen])
    return replace(told, chosen=chosen.astype(np.int64), people=people, cost=told.cost - known.cost + found.cost)


def _part(problem: Beds, told: Told, around: Ints) -> _Part:
    """Cut out some sites, whoever they reach, and the open sites that reach these people too."""
    pairs = problem.pairs
    freed = np.zeros(len(problem.capacity), dtype=bool)
    freed[around] = True
    usable = problem.opened(told.chosen) | freed
    played = np.bincount(pairs.point[freed[pairs.site]], minlength=pairs.shape[0]) > 0
    inside = played[pairs.point]
    used = np.flatnonzero(inside & usable[pairs.site])
    taken = np.bincount(pairs.site, weights=told.people * ~inside, minlength=len(freed))
    others = np.setdiff1d(np.unique(pairs.site[used]), around)
    columns, points = np.concatenate((around, others)), np.flatnonzero(played)
    open_candidates = problem.opened(told.chosen)[: problem.candidates] & ~freed[: problem.candidates]
    return _Part(
        _cut(problem, (used, columns, points), taken, len(around), int(open_candidates.sum())), columns, used, points
    )


def _cut(problem: Beds, part: tuple[Ints, Ints, Ints], taken: Ints, freed: int, elsewhere: int) -> Beds:
    """Return the problem of a part: its pairs, columns and points, with the beds that are not taken."""
    used, columns, points = part
    new_column, new_point = (
        np.zeros(len(problem.capacity), dtype=np.int64),
        np.zeros(len(problem.demand), dtype=np.int64),
    )
    new_column[columns], new_point[points] = np.arange(len(columns)), np.arange(len(points))
    old: Bools = np.arange(len(columns)) >= freed
    return Beds(
        Pairs(
            new_point[problem.pairs.point[used]],
            new_column[problem.pairs.site[used]],
            problem.pairs.minutes[used],
            (len(points), len(columns)),
        ),
        problem.cost[used],
        problem.demand[points],
        np.maximum(problem.capacity - taken, 0.0)[columns],
        problem.unserved[points],
        freed,
        max(problem.sites - elsewhere, 0),
        old,
        np.ones(len(columns), dtype=bool),
    )
