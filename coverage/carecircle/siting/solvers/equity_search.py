"""Search for equity: raise a target rate step by step, as far as swaps can follow."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from carecircle.siting.solvers import kernels_equity as kernels
from carecircle.siting.solvers.equity_model import Equity, new_rates
from carecircle.siting.solvers.kernels_equity import Rates
from carecircle.siting.solvers.solution import Clock, Ints

_STEPS = 14  # halvings of the target
_KICKS = 60  # random starts of one target
_STRETCH = 64  # sites between two looks at the clock


def search(problem: Equity, top: float, clock: Clock, seed: int) -> Ints:
    """Return a good choice: the worst rate first, then the total.

    Parameters
    ----------
    problem
        The problem.
    top
        A rate that the worst unit cannot surpass.
    clock
        The limit.
    seed
        Of the random kicks.
    """
    best = _greedy(problem, top)
    low, high = problem.value(best)[0], Fraction(top)
    random = np.random.default_rng(seed)
    for _ in range(_STEPS):
        if high <= low or clock.over():
            break
        target = (low + high) / 2
        best = _better(problem, best, _reach(problem, best, target, random, clock))
        low = max(low, problem.value(best)[0])
        high = target if low < target else high
    return _better(problem, best, _raise_total(problem, best, clock))


def _better(problem: Equity, one: Ints, other: Ints) -> Ints:
    return other if problem.value(other) > problem.value(one) else one


def _free(problem: Equity) -> Ints:
    return np.flatnonzero(problem.allowed & ~problem.forced)


def _extra(problem: Equity) -> float:
    """So little of the total that raising a unit below the target always counts more than this."""
    return 1e-3 / max(float(problem.people.sum()), 1.0)


def _greedy(problem: Equity, target: float) -> Ints:
    """Return the better of two greedy choices: for a rate that is hard to reach, and for the total."""
    choices = []
    for rate in (target, 0.0):
        rates = new_rates(problem, np.flatnonzero(problem.forced))
        kernels.greedy(rates, _free(problem), problem.sites - int(problem.forced.sum()), rate, _extra(problem))
        choices.append(np.flatnonzero(rates.opened))
    return _better(problem, choices[0], choices[1])


def _reach(problem: Equity, start: Ints, target: Fraction, random: np.random.Generator, clock: Clock) -> Ints:
    """Return a choice that reaches the target rate, or the best one seen on the way."""
    rates, best, kept, most = new_rates(problem, start), start, start, -np.inf
    for _ in range(_KICKS):
        descend(problem, rates, float(target), _extra(problem), clock)
        found = np.flatnonzero(rates.opened)
        best = _better(problem, best, found)
        if clock.over() or problem.value(best)[0] >= target:
            break
        score = _score(problem, rates, float(target))
        kept, most = (found, score) if score >= most else (kept, most)
        _go_to(rates, kept)
        _kick(problem, rates, random)
    return best


def _score(problem: Equity, rates: Rates, target: float) -> float:
    """Return what the swaps make large."""
    capped = np.minimum(rates.covered / rates.people, target)
    return float(capped.sum() + _extra(problem) * rates.covered.sum())


def _go_to(rates: Rates, chosen: Ints) -> None:
    """Make a choice the state's."""
    wanted = np.zeros(len(rates.opened), dtype=bool)
    wanted[chosen] = True
    for site in np.flatnonzero(rates.opened & ~wanted).tolist():
        kernels.set_site(rates, site, -1)
    for site in np.flatnonzero(wanted & ~rates.opened).tolist():
        kernels.set_site(rates, site, 1)


def _raise_total(problem: Equity, start: Ints, clock: Clock) -> Ints:
    """Return a choice with no lower worst rate and, if swaps find one, a larger total."""
    rates = new_rates(problem, start)
    target = float(problem.value(start)[0]) * (1 + 1e-12)
    descend(problem, rates, target, 1e-3 / max(float(problem.people.max(initial=1.0)), 1.0), clock)
    return np.flatnonzero(rates.opened)


def descend(problem: Equity, rates: Rates, target: float, extra: float, clock: Clock) -> None:
    """Swap while that pays, until no swap does or the time is over."""
    free, least = _free(problem), 1e-12
    paid = 1
    while paid and not clock.over():
        paid = 0
        for first in range(0, len(free), _STRETCH):
            if clock.over():
                break
            paid += kernels.pass_swaps(rates, free, first, min(first + _STRETCH, len(free)), target, extra, least)


def _kick(problem: Equity, rates: Rates, random: np.random.Generator) -> None:
    """Swap a few random sites."""
    free = _free(problem)
    opened, shut = free[rates.opened[free]], free[~rates.opened[free]]
    count = min(len(opened), len(shut), 1 + min(len(opened) // 10, 4))
    for closed in random.choice(opened, count, replace=False).tolist():
        kernels.set_site(rates, closed, -1)
    for site in random.choice(shut, count, replace=False).tolist():
        kernels.set_site(rates, site, 1)
