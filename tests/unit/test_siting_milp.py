"""Programs under a wall clock: small ones here, others in a process that is stopped; what was found by then is kept."""

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array

from carecircle.siting.solvers import milp
from carecircle.siting.solvers.milp import Milp, solve_milp


def cover(rows=40, columns=14, share=0.25, seed=0):
    """A weighted set cover that can be solved."""
    rng = np.random.default_rng(seed)
    dense = rng.random((rows, columns)) < share
    dense[np.arange(rows), rng.integers(0, columns, rows)] = True
    cost = rng.integers(1, 20, columns).astype(float)
    size = np.ones(columns)
    return Milp(cost, 0 * size, size, size > 0, csr_array(dense.astype(float)), np.ones(rows), np.full(rows, np.inf))


def cheapest(model):
    """By trying every choice."""
    columns = len(model.cost)
    choices = (np.arange(2**columns)[:, None] >> np.arange(columns)) & 1
    fits = (choices @ model.matrix.toarray().T >= model.row_lower).all(axis=1)
    return float((choices[fits] @ model.cost).min())


@pytest.fixture(params=["here", "process"])
def _way(request, monkeypatch):
    monkeypatch.setattr(milp, "_SMALL", 10**9 if request.param == "here" else -1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("_way")
def test_the_optimum(seed):
    model = cover(seed=seed)
    found = solve_milp(model, seconds=30)
    assert (found.status, found.objective) == ("optimal", cheapest(model))
    assert found.bound == pytest.approx(found.objective)
    assert (model.matrix @ found.x >= 1).all()


@pytest.mark.usefixtures("_way")
def test_a_maximum():
    one = np.ones(4)
    least, most = np.array([-np.inf]), np.array([2.0])
    model = Milp(np.arange(4.0), 0 * one, one, one > 0, csr_array(np.ones((1, 4))), least, most, maximise=True)
    found = solve_milp(model, seconds=30)
    assert (found.objective, found.x.tolist()) == (5.0, [0, 0, 1, 1])


@pytest.mark.usefixtures("_way")
def test_the_relaxation_and_its_duals():
    model = cover()
    found = solve_milp(model, seconds=30, relax=True)
    oracle = linprog(model.cost, A_ub=-model.matrix.toarray(), b_ub=-model.row_lower, bounds=(0, 1))
    assert found.objective == pytest.approx(oracle.fun)
    assert len(found.duals) == model.matrix.shape[0]
    assert found.objective <= cheapest(model)


@pytest.mark.usefixtures("_way")
def test_what_cannot_be():
    model = cover()
    found = solve_milp(replace(model, upper=0 * model.upper), seconds=30)
    assert (found.status, found.x) == ("infeasible", None)


def test_a_start_is_never_lost():
    model = cover(rows=600, columns=300, share=0.03, seed=2)
    start = np.ones(300)
    found = solve_milp(model, seconds=0.6, start=start)
    assert found.status in {"feasible", "optimal"}
    assert found.objective <= model.cost.sum()
    assert found.bound <= found.objective + 1e-6


def test_half_a_start_is_refused():
    with pytest.raises(ValueError, match="each column"):
        solve_milp(cover(), seconds=1, start=np.full(14, np.nan))


def test_the_wall_clock_holds_and_nothing_is_called_optimal():
    model = cover(rows=900, columns=450, share=0.03, seed=3)
    started = time.monotonic()
    found = solve_milp(model, seconds=1.5)
    assert time.monotonic() - started < 1.5 * 1.05 + 0.3  # stopping a process and reading its files
    assert found.status != "optimal"
    assert found.bound < found.objective or found.x is None


def test_a_worker_that_fails_says_why(monkeypatch, tmp_path):
    broken = tmp_path / "worker.py"
    broken.write_text("raise SystemExit('no licence')", "utf-8")
    monkeypatch.setattr(milp, "_SMALL", -1)
    monkeypatch.setattr(milp, "_WORKER", broken)
    with pytest.raises(RuntimeError, match="no licence"):
        solve_milp(cover(), seconds=10)


def test_nothing_to_choose():
    nothing = np.empty(0)
    model = Milp(nothing, nothing, nothing, nothing > 0, csr_array((1, 0)), np.array([1.0]), np.array([np.inf]))
    assert solve_milp(model, seconds=1).status == "infeasible"
