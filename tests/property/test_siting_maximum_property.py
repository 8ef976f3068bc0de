"""What holds of maximum coverage whatever the case: feasible, not above the bound, monotone, blind to order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from carecircle.siting.solvers.cover import presolve
from carecircle.siting.solvers.lagrange import lagrangian
from carecircle.siting.solvers.maximum import limits_of, maximum_coverage, order_of_worth
from carecircle.siting.solvers.search import annealing, compiled, greedy
from carecircle.siting.solvers.solution import Clock

FEW = settings(max_examples=15, deadline=None)
MANY = settings(max_examples=60, deadline=None)
SEEDS = st.integers(0, 10_000)


def drawn(seed, points=25, sites=8):
    rng = np.random.default_rng(seed)
    matrix = csr_array(rng.uniform(size=(points, sites)) < rng.uniform(0.1, 0.5))
    return matrix, rng.integers(0, 9, points).astype(float), rng


def value(matrix, weights, chosen):
    return float(weights[matrix.toarray()[:, chosen].any(axis=1)].sum())


def drawn_limit(kind, sites, rng):
    if kind == "sites":
        return {"sites": int(rng.integers(0, sites + 1))}
    if kind == "quotas":
        return {"groups": rng.integers(0, 3, sites), "quotas": rng.integers(0, 3, 3)}
    return {"costs": rng.integers(0, 9, sites) / 4, "budget": float(rng.integers(0, 20) / 4)}


def kept(limit, chosen):
    if "sites" in limit:
        return len(chosen) <= limit["sites"]
    if "quotas" in limit:
        return np.all(np.bincount(limit["groups"][chosen], minlength=3) <= limit["quotas"])
    return limit["costs"][chosen].sum() <= limit["budget"]


def read(limit, columns):
    both = (limit.get("groups"), limit.get("quotas")), (limit.get("costs"), limit.get("budget"))
    return limits_of(columns, limit.get("sites"), *both)


@FEW
@given(SEEDS, st.sampled_from(["sites", "quotas", "budget"]))
def test_feasible_and_told_truly(seed, kind):
    matrix, weights, rng = drawn(seed)
    limit = drawn_limit(kind, 8, rng)
    found = maximum_coverage(matrix, weights, **limit, seconds=30)
    assert kept(limit, found.chosen)
    assert found.objective == value(matrix, weights, found.chosen) <= found.bound
    assert (found.status == "optimal") == (found.bound == found.objective)


@MANY
@given(SEEDS, st.sampled_from(["sites", "quotas", "budget"]))
def test_greedy_then_search_then_bound(seed, kind):
    matrix, weights, rng = drawn(seed, points=60, sites=20)
    limit = drawn_limit(kind, 20, rng)
    problem = presolve(matrix, weights, read(limit, 20))
    if len(problem.original):
        cover = compiled(problem)
        first = greedy(problem, cover)
        found = annealing(problem, cover, first, Clock(20), steps=3000, seed=seed)
        assert kept(limit, problem.restore(first.chosen))
        assert kept(limit, problem.restore(found.chosen))
        bound = lagrangian(problem, cover, 0.0, Clock(20)).bound
        assert first.value <= found.value <= bound * (1 + 1e-9)


@FEW
@given(SEEDS, st.integers(0, 7))
def test_more_sites_are_never_worse(seed, sites):
    matrix, weights, _ = drawn(seed)
    few, more = (maximum_coverage(matrix, weights, sites=n, seconds=30) for n in (sites, sites + 1))
    assert few.objective <= more.objective


@FEW
@given(SEEDS, st.integers(0, 7))
def test_another_candidate_is_never_worse(seed, column):
    matrix, weights, _ = drawn(seed)
    without = maximum_coverage(matrix, weights, sites=3, forbidden=[column], seconds=30)
    assert without.objective <= maximum_coverage(matrix, weights, sites=3, seconds=30).objective


@FEW
@given(SEEDS)
def test_the_order_of_points_and_sites_does_not_matter(seed):
    matrix, weights, rng = drawn(seed)
    rows, columns = rng.permutation(25), rng.permutation(8)
    mixed = maximum_coverage(csr_array(matrix.toarray()[rows][:, columns]), weights[rows], sites=3, seconds=30)
    plain = maximum_coverage(matrix, weights, sites=3, seconds=30)
    assert (mixed.objective, mixed.bound) == (plain.objective, plain.bound)
    assert value(matrix, weights, columns[mixed.chosen]) == plain.objective


@MANY
@given(SEEDS)
def test_gains_in_order_of_worth_fall_and_add_up(seed):
    matrix, weights, rng = drawn(seed)
    chosen = rng.choice(8, 4, replace=False)
    order, gains = order_of_worth(matrix, weights, chosen)
    assert sorted(order.tolist()) == sorted(chosen.tolist())
    assert np.all(np.diff(gains) <= 0)
    assert gains.sum() == value(matrix, weights, chosen)
