"""Siting with beds from search to proof: good choices first, then HiGHS, by neighbourhoods and on the whole."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from carecircle.siting.solvers import beds_search as search
from carecircle.siting.solvers.beds_model import Beds, cost_of, transport
from carecircle.siting.solvers.beds_proof import Told, by_milp, closed, rounded, why, with_forced
from carecircle.siting.solvers.beds_rework import rework
from carecircle.siting.solvers.median_model import build_median
from carecircle.siting.solvers.median_search import start
from carecircle.siting.solvers.solution import Clock, Ints

_SWAPS, _REWORK = 0.3, 0.6  # of the time that is left


def solve(problem: Beds, clock: Clock, seed: int) -> Told:
    """Search, bound, and prove."""
    flow = search.swap(problem, search.greedy(problem, clock), Clock(_SWAPS * clock.left()))
    chosen = search.chosen_of(problem, flow)
    told = Told(with_forced(problem, chosen), flow.people, cost_of(problem, flow.people))
    for sites in _tries(problem, chosen, clock):
        told = told.better(sites, transport(problem, problem.opened(sites), clock))
    best = math.inf if math.isnan(told.cost) else told.cost
    bound, likes = search.raise_bound(problem, best, Clock(0.3 * clock.left()))
    told = replace(told, bound=rounded(problem, bound))
    if not closed(told) and not clock.over():
        told = told.better(with_forced(problem, likes), transport(problem, problem.opened(likes), clock))
        told = rework(problem, told, Clock(_REWORK * clock.left()), seed)
        told = by_milp(problem, told, clock, seed)
    return replace(told, stopped=why(told, clock))


def _tries(problem: Beds, chosen: Ints, clock: Clock) -> list[Ints]:
    """Return choices worth a transport: the one that serves most and, where pairs have costs, the p-median's."""
    if not problem.cost.any():
        return []
    free = problem.allowed & ~problem.forced
    new = problem.pairs.only(problem.allowed)
    every = int(problem.forced.sum()) + problem.sites - int(problem.forced[: problem.candidates].sum())
    median = build_median(new, problem.demand, problem.unserved, every, (problem.forced, problem.allowed))
    opened = np.sort(start(median, clock).opened)
    return [with_forced(problem, chosen), with_forced(problem, opened[free[opened]])]
