"""The search for a good p-median: greedy, interchange, iterated local search."""

from __future__ import annotations

import math

import numpy as np

from carecircle.siting.solvers import kernels_median as kernels
from carecircle.siting.solvers.median_model import Found, Median, new_state
from carecircle.siting.solvers.solution import Clock, Ints

WORK = 20_000_000
"""Steps between two looks at the clock, about a tenth of a second."""


def start(problem: Median, clock: Clock) -> Found:
    """Return the greedy choice after descent."""
    free = problem.allowed & ~problem.forced
    opened = kernels.greedy(problem.costs, np.flatnonzero(problem.forced), free, problem.sites)
    return improve(problem, Found(opened, math.inf), opened, clock)


def improve(problem: Median, found: Found, opened: Ints, clock: Clock) -> Found:
    """Descend from a choice of sites to one that no swap betters; return the better of it and what was found."""
    state = new_state(problem, opened)
    while not kernels.descend(problem.costs, state, problem.least, WORK) and not clock.over():
        pass
    return found.better(state.opened, kernels.refresh(problem.costs, state), problem.least)


def shake(problem: Median, found: Found, clock: Clock, *, seed: int, patience: int) -> Found:
    """Shake the best choice and descend, again and again, until that has not paid for `patience` rounds."""
    state = new_state(problem, found.opened, seed)
    free = np.flatnonzero(state.movable)
    if not len(free) or not state.movable[state.opened].any():
        return found
    idle = 0
    while idle < patience and not clock.over():
        done, paid = kernels.iterate(problem.costs, state, free, problem.least, patience - idle, WORK)
        idle = done - paid if paid else idle + done
        found = found.better(state.opened, kernels.refresh(problem.costs, state), problem.least)
    return found
