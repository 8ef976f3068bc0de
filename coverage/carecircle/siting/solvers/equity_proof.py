"""How equal units can be at best: linear bounds, and HiGHS in two stages, the worst rate and then the total."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from scipy.sparse import csr_array, diags_array, hstack, vstack

from carecircle.siting.solvers.equity_model import Equity
from carecircle.siting.solvers.median_model import build_median
from carecircle.siting.solvers.median_proof import raise_bound
from carecircle.siting.solvers.median_search import start
from carecircle.siting.solvers.milp import Milp, solve_milp
from carecircle.siting.solvers.pairs import Pairs
from carecircle.siting.solvers.solution import Clock, Floats, Ints

_MOST_ENTRIES = 600_000  # of a program for HiGHS
_SLACK = 1e-6  # tolerance of HiGHS for rows: bounds are given so much away


def fits(problem: Equity) -> bool:
    """Whether the problem is small enough for HiGHS."""
    return int(problem.rows.nnz) <= _MOST_ENTRIES


def simple_bound(problem: Equity) -> Fraction:
    """Return the worst rate when all allowed sites are open."""
    return problem.worst(problem.reachable)


def linear_bound(problem: Equity, clock: Clock) -> Fraction:
    """Return a bound on the worst rate by the linear relaxation, its duals evaluated anew.

    With prices on rows and units (not negative, the units' of sum 1) the worst rate is at most what the best sites
    collect at these prices; that holds for any prices, so that it needs no trust in the solver's tolerances.
    """
    simple = simple_bound(problem)
    if not fits(problem) or not len(problem.weight) or not problem.counted.any():
        return simple
    result = solve_milp(_worst_model(problem), seconds=clock.left(), relax=True)
    if result.duals is None:
        return simple
    rows, units = len(problem.weight), len(problem.people)
    price, unit = np.abs(result.duals[:rows]), np.where(problem.counted, np.abs(result.duals[rows : rows + units]), 0.0)
    return min(simple, Fraction(_collected(problem, price, unit))) if unit.sum() > 0 else simple


def _collected(problem: Equity, price: Floats, unit: Floats) -> float:
    """Return the bound of given prices, rounded up."""
    unit = unit / unit.sum() / problem.people
    worth = unit[problem.unit] * problem.weight
    price = np.minimum(price, worth)
    values = np.where(problem.allowed & ~problem.forced, problem.rows.T @ price, 0.0)
    count = problem.sites - int(problem.forced.sum())
    best = np.sort(values)[::-1][:count]
    total = (
        math.fsum((worth - price).tolist()) + math.fsum(best.tolist()) + math.fsum((unit * problem.already).tolist())
    )
    return (total + math.fsum((problem.rows.T @ price)[problem.forced].tolist())) * (1 + 1e-12)


def _worst_model(problem: Equity) -> Milp:
    """Columns: sites, rows covered, the worst rate. Rows: cover, rates of the units, number of sites."""
    sites, rows, units = len(problem.allowed), len(problem.weight), len(problem.people)
    rates = csr_array(
        (problem.weight / problem.people[problem.unit], (problem.unit, np.arange(rows))), shape=(units, rows)
    )
    matrix = vstack(
        (
            hstack((problem.rows, -diags_array(np.ones(rows)), csr_array((rows, 1)))),
            hstack((csr_array((units, sites)), rates, -csr_array(problem.counted.astype(float)[:, None]))),
            hstack((csr_array(np.ones((1, sites))), csr_array((1, rows + 1)))),
        ),
        format="csr",
    )
    lower = np.concatenate((np.zeros(rows), -problem.already / problem.people, [-np.inf]))
    return _model(problem, matrix, lower, np.append(np.zeros(sites + rows), 1.0))


def _total_model(problem: Equity, needed: Floats, cost: Floats) -> Milp:
    """Columns: sites, rows covered. Rows: cover, people needed in each unit, number of sites.

    Whole people are asked for as half a person fewer: one person more or less is then far beyond HiGHS's tolerance.
    """
    sites, rows, units = len(problem.allowed), len(problem.weight), len(problem.people)
    scale = np.ones(units) if problem.whole else 1.0 / problem.people
    people = csr_array((problem.weight * scale[problem.unit], (problem.unit, np.arange(rows))), shape=(units, rows))
    matrix = vstack(
        (
            hstack((problem.rows, -diags_array(np.ones(rows)))),
            hstack((csr_array((units, sites)), people)),
            hstack((csr_array(np.ones((1, sites))), csr_array((1, rows)))),
        ),
        format="csr",
    )
    lower = np.concatenate((np.zeros(rows), (needed - problem.already) * scale - 0.5 * problem.whole, [-np.inf]))
    return _model(problem, matrix, lower, np.concatenate((np.zeros(sites), cost)))


def _model(problem: Equity, matrix: csr_array, lower: Floats, cost: Floats) -> Milp:
    sites, columns = len(problem.allowed), len(cost)
    first = np.append(problem.forced.astype(float), np.zeros(columns - sites))
    last = np.append(problem.allowed.astype(float), np.ones(columns - sites))
    upper = np.append(np.full(len(lower) - 1, np.inf), float(problem.sites))
    return Milp(cost, first, last, np.arange(columns) < sites, csr_array(matrix), lower, upper, maximise=True)


def _start(problem: Equity, chosen: Ints, *rest: float) -> Floats:
    """Return a whole solution of a program from a choice."""
    opened = np.zeros(len(problem.allowed))
    opened[chosen] = 1.0
    return np.concatenate((opened, (problem.rows @ opened > 0).astype(float), rest))


def _sites(problem: Equity, x: Floats) -> Ints:
    return np.flatnonzero(x[: len(problem.allowed)] > 0.5)


def raise_worst(problem: Equity, chosen: Ints, bound: Fraction, clock: Clock, seed: int) -> tuple[Ints, Fraction]:
    """Let HiGHS raise the worst rate; returns the better choice and the better bound."""
    if not fits(problem) or closed(problem, chosen, bound):
        return chosen, bound
    rate = float(problem.value(chosen)[0])
    half = Clock(0.6 * clock.left())
    result = solve_milp(_worst_model(problem), seconds=half.left(), start=_start(problem, chosen, rate), seed=seed)
    if result.x is not None and problem.value(_sites(problem, result.x)) > problem.value(chosen):
        chosen = _sites(problem, result.x)
    if math.isfinite(result.bound):
        bound = min(bound, Fraction(result.bound + _SLACK))
    if result.status == "optimal" and not closed(problem, chosen, bound):
        return _surpass(problem, chosen, bound, clock, seed)
    return chosen, bound


def _surpass(problem: Equity, chosen: Ints, bound: Fraction, clock: Clock, seed: int) -> tuple[Ints, Fraction]:
    """Ask for any choice above the worst rate, people counted whole: what tolerances of rates cannot tell apart."""
    needed = problem.needed(problem.value(chosen)[0], above=True)
    model = _total_model(problem, needed, np.zeros(len(problem.weight)))
    result = solve_milp(model, seconds=clock.left(), seed=seed)
    if result.status == "infeasible":
        return chosen, problem.value(chosen)[0]
    if result.x is not None and problem.value(_sites(problem, result.x)) > problem.value(chosen):
        chosen = _sites(problem, result.x)
    return chosen, bound


def closed(problem: Equity, chosen: Ints, bound: Fraction) -> bool:
    """Whether no choice has a better worst rate: the bound is below the next rate that some unit could have.

    Where people are not whole numbers there is no next rate: then a difference within HiGHS's tolerance is none.
    """
    rate = problem.value(chosen)[0]
    if bound <= rate:
        return True
    if not problem.whole:
        return float(bound - rate) <= 2 * _SLACK
    needed = problem.needed(rate, above=True)
    pairs = zip(needed[problem.counted].tolist(), problem.people[problem.counted].tolist(), strict=True)
    return min(Fraction(part) / Fraction(whole) for part, whole in pairs) > bound


def total_closed(problem: Equity, total: float, bound: float) -> bool:
    """Whether no choice covers more people; where people are not whole numbers, within HiGHS's tolerance."""
    return bound <= total + (0.0 if problem.whole else 2 * _rounding(total))


def raise_total(problem: Equity, chosen: Ints, clock: Clock, seed: int) -> tuple[Ints, float]:
    """Let HiGHS raise the total without lowering the worst rate; returns the better choice and a bound on the total.

    The bound holds for every choice whose worst rate is no lower, so for the best one too.
    """
    reachable = total_bound(problem, Clock(0.3 * clock.left()))
    if not fits(problem) or clock.left() < 0.2 or problem.value(chosen)[1] >= reachable:
        return chosen, reachable
    model = _total_model(problem, problem.needed(problem.value(chosen)[0]), problem.weight)
    result = solve_milp(model, seconds=clock.left(), start=_start(problem, chosen), seed=seed)
    if result.x is not None and problem.value(_sites(problem, result.x)) > problem.value(chosen):
        chosen = _sites(problem, result.x)
    if not math.isfinite(result.bound):
        return chosen, reachable
    bound = result.bound + math.fsum(problem.already.tolist())
    bound = float(math.floor(bound + _rounding(bound))) if problem.whole else bound + _rounding(bound)
    return chosen, min(reachable, bound)


def total_bound(problem: Equity, clock: Clock) -> float:
    """Return the most people that any choice covers, whatever its worst rate: a p-median of people not covered."""
    rows, columns = problem.rows.nonzero()
    pairs = Pairs(rows.astype(np.int64), columns.astype(np.int64), np.zeros(len(rows)), problem.rows.shape)
    which = problem.forced, problem.allowed
    median = build_median(pairs, problem.weight, np.ones(len(problem.weight)), problem.sites, which)
    found = raise_bound(median, start(median, clock), clock, rounds=1000)
    return math.fsum(problem.reachable.tolist()) - max(found.proven, 0.0)


def _rounding(value: float) -> float:
    """Return what a sum of people may be off."""
    return 1e-5 + 1e-9 * abs(value)
