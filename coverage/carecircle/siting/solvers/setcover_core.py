"""Set cover among few columns: those that are cheapest for some row at the prices of a relaxation.

Where columns are many times more than rows, nearly all good plans lie among few of them, and a search goes through
those far sooner. After the core problem of Caprara, Fischetti and Toth (1999), "A heuristic method for the set covering
problem", Operations Research 47(5), 730-743.
"""

from __future__ import annotations

import math

import numpy as np

from carecircle.siting.solvers.kernels_targets import Bools
from carecircle.siting.solvers.solution import Clock
from carecircle.siting.solvers.targets_model import Multipliers
from carecircle.siting.solvers.targets_presolve import Reduced, reduce_task
from carecircle.siting.solvers.targets_search import Engine, engine_of, improve, restart
from carecircle.siting.solvers.targets_task import Task, cut

_WIDTHS = (2, 3, 5, 10)  # columns of a row, in turn
_MOST = 0.5  # share of all columns from which on a core is no news
_EFFORT = 1.0  # of the search in each core


def core_columns(task: Task, prices: Multipliers, width: int) -> Bools:
    """Find the columns of least reduced cost of each row, as many as it needs and at least `width`, and negative ones.

    Parameters
    ----------
    task
        With m rows, n columns.
    prices
        Of the task.
    width
        Columns of each row.

    Returns
    -------
    Bools
        (n,). Of equal reduced costs the lowest numbers are kept.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> task = Task(csr_array(np.ones((1, 3))), np.ones(1, int), np.ones(1, bool), csr_array((1, 0)), np.empty(0),
    ...             np.array([3.0, 1.0, 2.0]), np.full(3, -1))
    >>> prices = Multipliers(np.ones(1), np.empty(0), 1.0, task.costs - 1.0)
    >>> core_columns(task, prices, 1)
    array([False,  True, False])
    """
    starts, columns = task.matrix.indptr, task.matrix.indices
    lengths = np.diff(starts)
    row = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((columns, prices.reduced[columns], row))
    rank = np.arange(len(order)) - np.repeat(starts[:-1], lengths)
    found = prices.reduced < 0
    found[columns[order[rank < np.repeat(np.maximum(task.need, width), lengths)]]] = True
    return found


def search_cores(engine: Engine, prices: Multipliers, clock: Clock, seed: int) -> None:
    """Search wider and wider cores; a plan better than the engine's becomes the engine's, which goes on from there.

    Parameters
    ----------
    engine
        Of a task without groups, changed in place; with groups nothing is done.
    prices
        Of its task.
    clock
        The search stops when it is over; otherwise each core ends by itself.
    seed
        Of the searches.
    """
    task = engine.task
    if len(task.required):
        return
    for width in _WIDTHS:
        keep = core_columns(task, prices, width)
        if keep.mean() > _MOST or clock.over():
            return
        _adopt(engine, _plan_of(task, keep, clock, seed))


def _plan_of(task: Task, keep: Bools, clock: Clock, seed: int) -> Bools | None:
    """Return the best plan found among some columns, (n,); None where none was found."""
    whole = Reduced(cut(task, np.ones(len(task.need), bool), keep), np.flatnonzero(keep), np.empty(0, np.int64))
    core = reduce_task(whole.task, forced=whole.taken, allowed=np.ones(len(whole.columns), bool))
    plan = np.zeros(len(task.costs), bool)
    if len(core.task.costs):
        engine = engine_of(core.task, seed)
        improve(engine, clock, _EFFORT)
        if not math.isfinite(engine.cost):
            return None
        plan[whole.columns[core.whole(engine.best)]] = True
    else:
        plan[whole.columns[core.taken]] = True
    return plan if task.holds(plan) else None


def _adopt(engine: Engine, plan: Bools | None) -> None:
    if plan is None or float(engine.task.costs[plan].sum()) > engine.cost - engine.saving:
        return
    engine.search.best[:] = plan
    engine.search.cost[0] = float(engine.net.cost[plan].sum())
    restart(engine)
