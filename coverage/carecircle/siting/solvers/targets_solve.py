"""Solve a task: search and proof side by side, until they meet or the time is over."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import numpy as np

from carecircle.siting.solvers.kernels_targets import Bools
from carecircle.siting.solvers.milp import solve_milp
from carecircle.siting.solvers.setcover_core import search_cores
from carecircle.siting.solvers.solution import Clock, Stopped
from carecircle.siting.solvers.targets_bound import ascend, linear
from carecircle.siting.solvers.targets_model import Multipliers, program, round_up
from carecircle.siting.solvers.targets_presolve import Reduced, reduce_task
from carecircle.siting.solvers.targets_search import Engine, engine_of, improve, set_prices
from carecircle.siting.solvers.targets_task import Task

_MARGIN = 0.02  # share of the limit that is kept for the end of processes
_LINEAR = 0.4  # share of the limit after which the search goes on without the linear relaxation
_LAST = 0.8  # and after which that is given up
_CORES = 0.2  # share of what is left that the search among few columns may take, each time
_ENDS = 0.04  # share of the limit that is left where it struck
_SHORT, _WHOLE = 0.02, 5.0  # efforts of the search


@dataclass(frozen=True, eq=False)
class Found:
    """A plan of a task and what is known of its worth.

    Parameters
    ----------
    chosen
        (n,), None where no plan was found.
    cost, bound
        Infinite where there is no plan, and where it is proven that there is none.
    stopped
        Why it ended.
    solver
        What found the plan.
    """

    chosen: Bools | None
    cost: float
    bound: float
    stopped: Stopped
    solver: str

    @property
    def closed(self) -> bool:
        """Whether no plan can be better."""
        return self.bound >= self.cost or self.bound >= self.cost * (1 - 1e-9) - 1e-9


def solve_task(task: Task, clock: Clock, seed: int) -> Found:
    """Find a cheap plan and a bound.

    Parameters
    ----------
    task
        Reduced already; empty ones are solved.
    clock
        The limit.
    seed
        Of the search.
    """
    if not len(task.need) and not len(task.required):
        return Found(np.zeros(len(task.costs), bool), 0.0, 0.0, "proved", "presolve")
    if not len(task.costs):
        return Found(None, math.inf, math.inf, "proved", "presolve")
    clock = Clock(clock.left() * (1 - _MARGIN))
    engine = engine_of(task, seed)
    simple = ascend(task, _aim(engine), Clock(clock.left() / 10))
    set_prices(engine, simple)
    with ThreadPoolExecutor(1) as pool:
        relaxed = pool.submit(linear, task, clock.left() * _LAST)
        search_cores(engine, simple, Clock(clock.left() * _CORES), seed)
        improve(engine, Clock(clock.left() * _LINEAR), _SHORT)
        wait([relaxed], clock.left() * _LINEAR)
        begun = _known(task, engine, round_up(task, simple.bound))
        if not relaxed.done() and not begun.closed:
            improve(engine, clock, _WHOLE, relaxed.done)
        prices = _better(task, engine, simple, relaxed.result(), clock)
        begun = _known(task, engine, round_up(task, prices.bound))
        if begun.closed or clock.over():
            return replace(begun, stopped="proved" if begun.closed else "time")
        set_prices(engine, prices)
        search_cores(engine, prices, Clock(clock.left() * _CORES), seed)
        improve(engine, Clock(clock.left() / 5), 0.1)
        begun = _known(task, engine, begun.bound)
        proof = pool.submit(exact, task, prices, begun, clock.left())
        improve(engine, clock, _WHOLE, proof.done)
        proven = proof.result()
    if proven.closed:
        return replace(proven, stopped="proved")
    best = _known(task, engine, proven.bound)
    best = proven if proven.cost < best.cost else best
    ended: Stopped = "time" if clock.left() < _ENDS * clock.limit else "search"
    return replace(best, stopped="proved" if best.closed else ended)


def _better(task: Task, engine: Engine, simple: Multipliers, relaxed: Multipliers | None, clock: Clock) -> Multipliers:
    """Return the better prices; those of the relaxation, which end a little short of its optimum, polished."""
    if relaxed is None or relaxed.bound <= simple.bound:
        return simple
    return ascend(task, _aim(engine), Clock(clock.left() / 20), relaxed)


def _aim(engine: Engine) -> float:
    return engine.cost if math.isfinite(engine.cost) else float(engine.task.costs.sum())


def _known(task: Task, engine: Engine, bound: float) -> Found:
    chosen = engine.best if math.isfinite(engine.cost) else None
    cost = math.inf if chosen is None else float(task.costs[chosen].sum())
    return Found(chosen, cost, min(bound, cost), "search", "search")


def _finite(cost: float, task: Task) -> float:
    return cost if math.isfinite(cost) else float(task.costs.sum())


def _with_bound(task: Task, known: Found, bound: float) -> Found:
    return replace(known, bound=min(known.cost, max(known.bound, round_up(task, bound))))


def worth_choosing(task: Task, prices: Multipliers, limit: float) -> tuple[Bools, Bools]:
    """Find the columns that a plan of at most a given cost may have, and those that it must have.

    Reduced costs on top of the bound (Beasley 1987, "An algorithm for set covering problems", EJOR 31).
    """
    slack = limit - prices.bound + 1e-6 * max(1.0, abs(limit))
    return prices.reduced <= slack, (prices.reduced < -slack) & (task.family < 0)


def exact(task: Task, prices: Multipliers, known: Found, seconds: float) -> Found:
    """Let HiGHS search among the plans that are better than the known one."""
    clock = Clock(seconds)
    saving = 1.0 if task.whole_costs else 0.0
    limit = known.cost - saving
    reduced = _fixed(task, prices, limit)
    spent = float(task.costs[reduced.taken].sum())
    left = reduced.task
    if spent > limit + 1e-9 or np.any(left.hard & (np.diff(left.matrix.indptr) < left.need)):
        return replace(known, bound=known.cost)
    below = limit - spent if math.isfinite(limit) else math.inf
    gap = (1 - 1e-6) if task.whole_costs else 1e-9 * max(1.0, abs(_finite(known.cost, task)))
    result = solve_milp(program(left, below=below), seconds=clock.left(), mip_abs_gap=gap)
    if result.status == "infeasible":
        return replace(known, bound=known.cost)
    known = _with_bound(task, known, spent + result.bound)
    if result.x is None:
        return known
    chosen = np.zeros(len(task.costs), bool)
    chosen[reduced.whole(result.x[: len(left.costs)] > 0.5)] = True
    cost = float(task.costs[chosen].sum())
    if not task.holds(chosen) or cost >= known.cost:
        return known
    bound = cost if result.status == "optimal" else known.bound
    return Found(chosen, cost, min(bound, cost), "time", "highs")


def _fixed(task: Task, prices: Multipliers, limit: float) -> Reduced:
    """Leave out columns that no better plan has, take those that each has, and reduce what is left."""
    whole = Reduced(task, np.arange(len(task.costs), dtype=np.int64), np.empty(0, dtype=np.int64))
    if not math.isfinite(limit):
        return whole
    may, must = worth_choosing(task, prices, limit)
    return reduce_task(task, forced=np.flatnonzero(must), allowed=may)
