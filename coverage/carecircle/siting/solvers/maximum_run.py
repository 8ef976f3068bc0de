"""How a maximum-coverage problem is worked on: a search and a proof side by side, each in a thread of its own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from carecircle.siting.solvers.cover import CoverProblem
from carecircle.siting.solvers.kernels import Cover
from carecircle.siting.solvers.lagrange import Dual, lagrangian, outward
from carecircle.siting.solvers.maximum_model import limited_model, start_of
from carecircle.siting.solvers.milp import solve_milp
from carecircle.siting.solvers.polish import polish
from carecircle.siting.solvers.regions import cut_regions, improve
from carecircle.siting.solvers.search import Found, annealing, compiled, greedy
from carecircle.siting.solvers.solution import Clock

_DIRECT = 400
"""Columns up to which HiGHS is given the whole problem."""

_STEPS = 1_000
"""Proposals of a first search for each column; the later ones make ten times as many."""

_RUNS_WITHOUT = 1
"""Searches in vain after which there are no more."""

_POLISH = (160, 250)
"""Columns of a region that is chosen anew exactly."""

_SIZES = (40, 60, 80, 100, 130, 160, 200, 260, 340, 440)
"""Columns of a region of the bound."""

_ROUNDS = 3
"""Rounds with regions of a size."""

_ROUND_SECONDS, _GROWTH = 4e-4, 3.3
"""Time that regions of 100 columns take for an entry of the matrix, and its growth with their size, as measured."""

EXACT = 1e-9
"""Share by which bound and objective may differ in rounding and be the same."""


@dataclass
class State:
    """What two threads tell each other: the best choice and the least bound so far."""

    problem: CoverProblem
    cover: Cover
    clock: Clock
    seed: int
    whole: bool
    enough: float
    best: Found
    dual: Dual
    ways: list[str] = field(default_factory=list)
    cut: bool = False
    searching: bool = True

    def offer(self, found: Found, *, proven: bool = False) -> bool:
        """Take a choice if it is better; or as good and proven, so that it does not matter which thread was first."""
        self.cut = self.cut or found.cut
        better = found.value > self.best.value or (proven and found.value == self.best.value)
        self.best = found if better else self.best
        return better

    def prove(self, dual: Dual, way: str) -> None:
        """Take a bound if it is less."""
        if dual.bound < self.dual.bound:
            self.dual = dual
            self.ways = [*self.ways, way] if way not in self.ways else self.ways

    @property
    def bound(self) -> float:
        """What no choice surpasses; not below the best."""
        return max(self.best.value, outward(self.dual.bound, whole=self.whole))

    @property
    def closed(self) -> bool:
        """Whether best and bound are near enough."""
        return self.bound - self.best.value <= max(EXACT, self.enough) * abs(self.best.value)


def begin(problem: CoverProblem, clock: Clock, seed: int, *, enough: float, whole: bool) -> State:
    """Search greedily and by a first annealing, and find a first bound."""
    cover = compiled(problem)
    total = float(problem.weights.sum())
    trivial = Dual(total, problem.weights, np.zeros(len(problem.limits.room)))
    state = State(problem, cover, clock, seed, whole, enough, greedy(problem, cover), trivial, ["search"])
    if not state.closed:
        steps = _STEPS * len(problem.original)
        state.offer(annealing(problem, cover, state.best, _part(clock, 0.2), steps=steps, seed=seed))
        state.prove(lagrangian(problem, cover, state.best.value, _part(clock, 0.3)), "lagrange")
    return state


def _part(clock: Clock, share: float) -> Clock:
    """Return a clock of a share of what is left."""
    return Clock(clock.left() * share)


def together(state: State) -> None:
    """Search and prove at once, each in a thread of its own."""
    proving = _direct if len(state.problem.original) <= _DIRECT else _regions
    with ThreadPoolExecutor(2) as pool:
        proof: Future[None] = pool.submit(proving, state, state.best)
        search: Future[None] = pool.submit(_search, state)
        search.result()
        proof.result()


def _search(state: State) -> None:
    """Anneal from new seeds until nothing better is found some times in turn."""
    vain, run = 0, 0
    limit = _part(state.clock, 0.7)
    while vain < _RUNS_WITHOUT and not state.closed and not limit.over():
        run += 1
        steps = 10 * _STEPS * len(state.problem.original)
        start = greedy(state.problem, state.cover)
        found = annealing(state.problem, state.cover, start, limit, steps=steps, seed=state.seed + run)
        for size in _POLISH if len(state.problem.original) > _DIRECT else ():
            found = polish(state.problem, found, limit, size=size, seed=state.seed)
        vain = 0 if state.offer(found) else vain + 1
    state.searching = False


def _direct(state: State, known: Found) -> None:
    """Give HiGHS the whole problem."""
    problem, columns = state.problem, len(state.problem.original)
    model = limited_model(problem.rows, problem.weights, problem.limits)
    start = start_of(problem.rows, known.chosen)
    gap = 0.999 if state.whole else EXACT * state.best.value / 10
    found = solve_milp(model, seconds=state.clock.left(), start=start, seed=state.seed, mip_abs_gap=gap)
    if found.x is not None:
        chosen = np.flatnonzero(found.x[:columns] > 0.5)
        if problem.limits.allows(chosen):
            state.offer(Found(chosen, problem.value(chosen)), proven=found.status == "optimal")
    state.prove(replace(state.dual, bound=found.bound), "highs")


def _regions(state: State, known: Found) -> None:
    """Better the bound by regions that grow."""
    columns = len(state.problem.original)
    for size in _SIZES[first_size(state.problem.rows.nnz, state.clock.limit) :]:
        if state.closed or state.clock.left() < 1 or size * 2 > columns:
            return
        dual = improve(
            state.problem,
            state.dual,
            cut_regions(state.problem, round(columns / size)),
            known,
            rounds=_ROUNDS,
            clock=state.clock,
            workers=lambda: 1 if state.searching else 2,
        )
        state.prove(dual, "regions")


def first_size(entries: int, seconds: float) -> int:
    """Choose the size of the first regions: the largest of which one round takes a third of the time at most.

    By the limit, not by a clock, so that the same call does the same again.

    Examples
    --------
    >>> [_SIZES[first_size(entries, 300)] for entries in (60_000, 400_000, 10_000_000)]
    [130, 80, 40]
    """
    costs = [_ROUND_SECONDS * entries * (size / 100) ** _GROWTH for size in _SIZES]
    return max(0, int(sum(cost <= seconds / 3 for cost in costs)) - 1)
