"""The search among few columns, the merging of rows beside a plain loop, and a search that must not stand still."""

import time

import numpy as np
import pytest
from scipy.sparse import csr_array

from carecircle.siting.solvers.setcover import set_cover
from carecircle.siting.solvers.setcover_core import core_columns, search_cores
from carecircle.siting.solvers.solution import Clock
from carecircle.siting.solvers.targets_bound import ascend
from carecircle.siting.solvers.targets_search import compile_kernels, engine_of
from carecircle.siting.solvers.targets_task import Task, merge_rows


def covering(seed, rows=120, columns=4000, need=1):
    """Return a task of hard rows only, with columns of a few rows each; the first columns reach every row."""
    rng = np.random.default_rng(seed)
    table = np.zeros((rows, columns))
    for column in range(columns):
        table[rng.choice(rows, rng.integers(2, 9), replace=False), column] = 1.0
    table[:, :need] = 1.0
    costs = np.concatenate([np.full(need, 1000.0), rng.integers(1, 3, columns - need)])
    return Task(csr_array(table), np.full(rows, need), np.ones(rows, bool), csr_array((rows, 0)), np.empty(0), costs,
                np.full(columns, -1))  # fmt: skip


@pytest.mark.parametrize(("need", "width"), [(1, 1), (1, 3), (2, 1), (3, 5)])
def test_a_core_is_the_cheapest_columns_of_each_row(need, width):
    task = covering(1, rows=30, columns=200, need=need)
    prices = ascend(task, float(task.costs.sum()), Clock(1))
    keep = core_columns(task, prices, width)
    wanted = set(np.flatnonzero(prices.reduced < 0).tolist())
    for row in range(30):
        mine = task.matrix.indices[task.matrix.indptr[row] : task.matrix.indptr[row + 1]]
        ranked = sorted(mine.tolist(), key=lambda column: (prices.reduced[column], column))
        wanted |= set(ranked[: max(need, width)])
    assert set(np.flatnonzero(keep).tolist()) == wanted
    assert (task.counts(keep) >= task.need).all()


@pytest.mark.parametrize("need", [1, 2])
def test_cores_bring_better_plans_than_greedy_the_same_each_time(need):
    compile_kernels()
    task, plans = covering(2, need=need), []
    for _ in range(2):
        engine = engine_of(task, 7)
        greedy = engine.cost
        prices = ascend(task, greedy, Clock(60))
        search_cores(engine, prices, Clock(60), 7)
        assert prices.bound <= engine.cost < greedy
        assert task.holds(engine.best)
        assert task.costs[engine.best].sum() == engine.cost
        assert np.array_equal(engine.state.chosen, engine.best)
        plans.append(engine.best.tolist())
    assert plans[0] == plans[1]


def test_a_core_never_takes_a_plan_that_is_no_better():
    compile_kernels()
    task = covering(3)
    engine = engine_of(task, 0)
    prices = ascend(task, engine.cost, Clock(60))
    search_cores(engine, prices, Clock(60), 0)
    best, cost = engine.best, engine.cost
    search_cores(engine, prices, Clock(60), 0)
    assert (engine.cost, engine.best.tolist()) == (cost, best.tolist())
    search_cores(engine, prices, Clock(0), 1)
    assert (engine.cost, engine.best.tolist()) == (cost, best.tolist())


def test_families_stay_apart_in_cores():
    compile_kernels()
    task = covering(4, rows=40, columns=600)
    family = np.where(np.arange(600) % 3 == 1, np.arange(600) // 30, -1)
    task = Task(task.matrix, task.need, task.hard, task.shares, task.required, task.costs, family)
    engine = engine_of(task, 0)
    search_cores(engine, ascend(task, engine.cost, Clock(60)), Clock(60), 0)
    assert task.holds(engine.best)


def plainly(task):
    """Number the kinds of rows by a loop."""
    seen, found = {}, []
    for row, need in enumerate((task.need * 2 + task.hard).tolist()):
        parts = [one.indices[one.indptr[row] : one.indptr[row + 1]].tolist() for one in (task.matrix, task.shares)]
        found.append(seen.setdefault((*map(tuple, parts), need), len(seen)))
    return np.array(found)


@pytest.mark.parametrize("seed", range(60))
def test_rows_are_merged_as_by_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    rows, columns, groups = int(rng.integers(1, 60)), int(rng.integers(1, 5)), int(rng.integers(0, 4))
    matrix = csr_array((rng.random((rows, columns)) < 0.4).astype(float))
    shares = csr_array((rng.random((rows, groups)) < 0.4) * rng.integers(1, 9, (rows, groups)))
    task = Task(matrix, rng.integers(0, 3, rows), rng.random(rows) < 0.3, shares, np.ones(groups), np.ones(columns),
                np.full(columns, -1))  # fmt: skip
    merged, kind = merge_rows(task), plainly(task)
    first = np.unique(kind, return_index=True)[1]
    assert np.array_equal(merged.matrix.toarray(), matrix.toarray()[first])
    assert merged.need.tolist() == task.need[first].tolist()
    assert merged.hard.tolist() == task.hard[first].tolist()
    sums = np.zeros((len(first), groups))
    np.add.at(sums, kind, shares.toarray())
    assert np.array_equal(merged.shares.toarray(), sums)


def test_many_rows_are_merged_in_little_time():
    rng = np.random.default_rng(0)
    kinds, rows = 500, 300_000
    which = rng.integers(0, kinds, rows)
    table = csr_array((rng.random((kinds, 200)) < 0.05).astype(float))
    task = Task(csr_array(table[which]), np.ones(rows, int), np.zeros(rows, bool), csr_array(np.ones((rows, 1))),
                np.ones(1), np.ones(200), np.full(200, -1))  # fmt: skip
    started = time.monotonic()
    merged = merge_rows(task)
    assert time.monotonic() - started < 10
    assert len(merged.need) == len(np.unique(table.toarray(), axis=0))
    assert merged.shares.sum() == rows


def test_the_search_ends_where_all_that_is_chosen_rests():
    matrix = csr_array(np.array([[0, 1, 0, 1], [1, 1, 1, 0], [1, 0, 0, 1]]))
    started = time.monotonic()
    found = set_cover(matrix, costs=[0.86, 0.17, 0.14, 0.26], seconds=60)
    assert (found.status, found.chosen.tolist()) == ("optimal", [2, 3])
    assert time.monotonic() - started < 20
