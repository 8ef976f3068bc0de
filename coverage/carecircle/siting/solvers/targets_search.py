"""The search for a plan: greedy, then row weighting where all rows are hard, else annealing at the groups' prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.sparse import csr_array

from carecircle.siting.solvers.kernels_anneal import Scratch, anneal, scratch_of
from carecircle.siting.solvers.kernels_draw import source
from carecircle.siting.solvers.kernels_greedy import greedy, prune
from carecircle.siting.solvers.kernels_rows import row_search
from carecircle.siting.solvers.kernels_targets import Bools, Net, Search, State, add, clear
from carecircle.siting.solvers.solution import Clock
from carecircle.siting.solvers.targets_model import Multipliers
from carecircle.siting.solvers.targets_task import Task, net_of, state_of

_HOT, _COLD = 0.03, 0.003  # temperatures of annealing, in mean costs of a column
_ROUND = 250  # steps of the first round of annealing for each column; each round is twice as long as the one before
_LONGEST = 2_000  # and of the longest round


@dataclass(frozen=True, eq=False)
class Engine:
    """A search that can go on: the laid-out task, its state, and how much cheaper a plan must be to count."""

    task: Task
    net: Net
    state: State
    search: Search
    scratch: Scratch
    saving: float

    @property
    def cost(self) -> float:
        """Cost of the best plan, infinite where there is none."""
        return float(self.search.cost[0])

    @property
    def best(self) -> Bools:
        """The best plan, (n,)."""
        return self.search.best.copy()


def engine_of(task: Task, seed: int) -> Engine:
    """Lay out a task and choose greedily; optional groups are pursued as `chase` says."""
    net = net_of(task)
    state = state_of(task, net)
    columns = len(task.costs)
    saving = 1.0 if task.whole_costs else 1e-9 * max(1.0, float(task.costs.sum()))
    search = Search(
        np.zeros(columns, bool),
        np.full(1, np.inf),
        np.zeros(columns, np.int64),
        np.zeros(columns, bool),
        source(seed),
        np.zeros(2, np.int64),
    )
    engine = Engine(task, net, state, search, scratch_of(net), saving)
    _greedily(engine)
    return engine


def _greedily(engine: Engine) -> None:
    """Greedy choice for all groups; then only as many optional ones as are asked for, those that were cheapest."""
    net, state = engine.net, engine.state
    order = _cheapest_options(engine)
    state.active[:] = ~engine.task.optional
    for (groups, number), ranked in zip(engine.task.options, order, strict=True):
        state.active[groups[ranked[:number]]] = True
    clear(net, state)
    if greedy(net, state):
        prune(net, state)
        remember(engine)


def _cheapest_options(engine: Engine) -> list[np.ndarray]:
    """Rank the groups of each set by what it costs greedily to satisfy each alone."""
    net, state = engine.net, engine.state
    ranks = []
    for groups, _ in engine.task.options:
        prices = []
        for group in groups.tolist():
            state.active[:] = ~engine.task.optional
            state.active[group] = True
            clear(net, state)
            prices.append(state.total[0] if greedy(net, state) else np.inf)
        ranks.append(np.argsort(prices, kind="stable"))
    return ranks


def remember(engine: Engine) -> None:
    """Keep the plan that stands, if it is the best."""
    if engine.state.total[0] < engine.cost:
        engine.search.best[:] = engine.state.chosen
        engine.search.cost[0] = engine.state.total[0]


def restart(engine: Engine) -> None:
    """Go on from the best plan."""
    satisfied = (engine.task.counts(engine.search.best) >= engine.task.need).astype(float)
    holds = engine.task.shares.T @ satisfied >= engine.net.required
    engine.state.active[:] = ~engine.task.optional
    for groups, number in engine.task.options:
        engine.state.active[groups[np.argsort(~holds[groups], kind="stable")[:number]]] = True
    clear(engine.net, engine.state)
    for column in np.flatnonzero(engine.search.best).tolist():
        add(engine.net, engine.state, column)


def set_prices(engine: Engine, prices: Multipliers) -> None:
    """Let annealing weigh groups and hard rows by the prices of a relaxation; none is left without a price."""
    task, state = engine.task, engine.state
    mean = float(task.costs.mean())
    known = prices.groups[prices.groups > 0]
    state.group_penalty[:] = np.maximum(prices.groups, 0.2 * float(np.median(known)) if len(known) else 1.0)
    state.row_penalty[:] = np.where(task.hard, np.maximum(prices.rows, 0.3 * mean), 1.0)
    restart(engine)


def improve(engine: Engine, clock: Clock, effort: float, done: Callable[[], bool] = lambda: False) -> bool:
    """Search on until an effort brought nothing better, the clock is over, or it is told to end.

    Parameters
    ----------
    engine
        Changed in place.
    clock
        The limit.
    effort
        How long without success, 1 being the usual.
    done
        Looked at as often as the clock.

    Returns
    -------
    bool
        Whether the search came to its own end.
    """
    if not np.isfinite(engine.cost):
        return True
    search = _improve_rows if engine.task.hard.all() else _improve_groups
    return search(engine, clock, effort, done)


def _improve_rows(engine: Engine, clock: Clock, effort: float, done: Callable[[], bool]) -> bool:
    net, state, search = engine.net, engine.state, engine.search
    chunk = max(20, int(2e6 / (state.size[0] + 4 * _work(engine) + 50)))
    limit = int(effort * (20_000 + 1_000 * len(engine.task.costs) ** 0.5))
    search.steps[1] = search.steps[0]
    while not clock.over() and not done():
        row_search(net, state, search, engine.saving, chunk)
        if search.steps[0] - search.steps[1] >= limit or state.size[0] == 0:
            return True
    return False


def _work(engine: Engine) -> float:
    """Return how many entries the rows of a column have on average."""
    rows = np.diff(engine.task.matrix.indptr).astype(float)
    return float((rows**2).sum()) / max(1, len(engine.task.costs))


def _improve_groups(engine: Engine, clock: Clock, effort: float, done: Callable[[], bool]) -> bool:
    columns = len(engine.task.costs)
    size, idle = _ROUND * columns, 0
    while idle < max(1, round(3 * effort)):
        before = engine.cost
        if not _round(engine, clock, done, size):
            return False
        idle = 0 if engine.cost < before else idle + 1
        if size >= _LONGEST * columns * min(1.0, effort):
            _press(engine)
        else:
            size, idle = size * 2, 0
    return True


def _round(engine: Engine, clock: Clock, done: Callable[[], bool], size: int) -> bool:
    """Cool down once; False when the clock is over."""
    mean = float(engine.task.costs.mean())
    heat = np.array([_HOT * mean, (_COLD / _HOT) ** (1 / size)])
    chunk = max(200, int(1e7 / (2 * _work(engine) + 300)))
    for start in range(0, size, chunk):
        if clock.over() or done():
            return False
        steps = min(chunk, size - start)
        anneal(engine.net, engine.state, engine.search, engine.scratch, engine.saving, heat, steps)
    return True


def _press(engine: Engine) -> None:
    """After a round in vain: what it left unsatisfied costs more from now on, the rest a little less."""
    state, net = engine.state, engine.net
    lacking = state.active & (state.held < net.required)
    penalty = state.group_penalty
    mean = float(penalty.mean()) if len(penalty) else 1.0
    penalty[:] = np.where(lacking, penalty * 1.15, penalty)
    penalty *= mean / (float(penalty.mean()) if len(penalty) else 1.0)
    lacks = engine.task.hard & (state.times < engine.task.need)
    state.row_penalty[lacks] *= 1.15
    _recount(engine)


def _recount(engine: Engine) -> None:
    """Count all scores anew after penalties changed."""
    chosen = np.flatnonzero(engine.state.chosen)
    clear(engine.net, engine.state)
    for column in chosen.tolist():
        add(engine.net, engine.state, column)


@cache
def compile_kernels() -> None:
    """Compile all kernels, or load them, on a task of one row: so that no limit of time pays for it."""
    for hard in (True, False):
        groups = 0 if hard else 1
        task = Task(
            csr_array(np.ones((1, 2))),
            np.ones(1, dtype=np.int64),
            np.full(1, hard),
            csr_array(np.ones((1, groups))),
            np.ones(groups),
            np.ones(2),
            np.full(2, -1, dtype=np.int64),
        )
        engine = engine_of(task, 0)
        restart(engine)
        improve(engine, Clock(60.0), 0.001)
