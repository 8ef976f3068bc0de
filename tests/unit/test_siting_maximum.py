"""Maximum coverage beside all choices that there are, on cases small enough for that; limits of every kind."""

import time
from itertools import chain, combinations

import numpy as np
import pytest
from scipy.sparse import csr_array

from carecircle.siting.solvers.cover import Limits, merge_rows, presolve, useful_columns
from carecircle.siting.solvers.kernels import empty_choice, fill
from carecircle.siting.solvers.lagrange import Dual, lagrangian, outward, relaxed, tolls_of
from carecircle.siting.solvers.maximum import limits_of, maximum_coverage, order_of_worth
from carecircle.siting.solvers.polish import polish
from carecircle.siting.solvers.regions import cut_regions, evaluate, improve
from carecircle.siting.solvers.search import Found, annealing, choice_of, compiled, greedy
from carecircle.siting.solvers.solution import Clock


def drawn(seed, points=30, sites=9, share=0.25):
    rng = np.random.default_rng(seed)
    matrix = csr_array(rng.uniform(size=(points, sites)) < share)
    return matrix, rng.integers(1, 50, points).astype(float), rng


def line(points, sites, seed, reach=0.02):
    rng = np.random.default_rng(seed)
    homes, places = rng.uniform(size=points), rng.uniform(size=sites)
    return csr_array(np.abs(homes[:, None] - places) <= reach), rng.integers(1, 100, points).astype(float)


def city(points, sites, seed, reach):
    rng = np.random.default_rng(seed)
    homes, places = rng.uniform(size=(points, 2)), rng.uniform(size=(sites, 2))
    apart = np.hypot(*(homes[:, None] - places).transpose(2, 0, 1))
    return csr_array(apart <= reach), rng.integers(1, 100, points).astype(float)


def covered(matrix, weights, chosen):
    return float(weights[(matrix.toarray()[:, list(chosen)]).any(axis=1)].sum())


def best_of_all(matrix, weights, allowed, *, forced=(), forbidden=()):
    """Enumerate the subsets of the columns; the most weight that an allowed one covers."""
    columns = matrix.shape[1]
    subsets = chain.from_iterable(combinations(range(columns), size) for size in range(columns + 1))
    fair = (s for s in subsets if set(forced) <= set(s) and not set(forbidden) & set(s) and allowed(s))
    return max(covered(matrix, weights, s) for s in fair)


def small(matrix, weights, sites):
    return presolve(matrix, weights, limits_of(matrix.shape[1], sites, (None, None), (None, None)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sites", [1, 3, 5])
def test_number_of_sites(seed, sites):
    matrix, weights, _ = drawn(seed)
    found = maximum_coverage(matrix, weights, sites=sites, seconds=30)
    best = best_of_all(matrix, weights, lambda s: len(s) <= sites)
    assert (found.status, found.objective, found.bound) == ("optimal", best, best)
    assert covered(matrix, weights, found.chosen) == best
    assert len(found.chosen) <= sites
    assert found.stopped == "proved"
    assert found.gap == 0


@pytest.mark.parametrize("seed", range(4))
def test_quotas_of_groups(seed):
    matrix, weights, rng = drawn(seed)
    groups, quotas = rng.integers(0, 3, 9), np.array([1, 2, 0])
    found = maximum_coverage(matrix, weights, groups=groups, quotas=quotas, seconds=30)

    def allowed(s):
        return np.all(np.bincount(groups[list(s)], minlength=3) <= quotas)

    assert found.objective == best_of_all(matrix, weights, allowed)
    assert found.status == "optimal"
    assert allowed(found.chosen)


@pytest.mark.parametrize("seed", range(4))
def test_budget(seed):
    matrix, weights, rng = drawn(seed)
    costs = rng.integers(1, 20, 9) / 10
    found = maximum_coverage(matrix, weights, costs=costs, budget=3.0, seconds=30)
    assert found.objective == best_of_all(matrix, weights, lambda s: costs[list(s)].sum() <= 3.0 + 1e-9)
    assert found.status == "optimal"
    assert costs[found.chosen].sum() <= 3.0 + 1e-9


def test_a_budget_that_is_met_exactly_in_decimals_is_kept():
    found = maximum_coverage(csr_array(np.eye(3)), [1, 1, 1], costs=[0.1, 0.2, 0.3], budget=0.3, seconds=20)
    assert found.chosen.tolist() == [0, 1]


def test_a_site_that_costs_nothing_is_taken_with_no_budget():
    found = maximum_coverage(csr_array(np.eye(2)), [1, 5], costs=[0.0, 1.0], budget=0.0, seconds=20)
    assert (found.chosen.tolist(), found.status) == ([0], "optimal")


@pytest.mark.parametrize("seed", range(3))
def test_forced_and_forbidden(seed):
    matrix, weights, _ = drawn(seed)
    found = maximum_coverage(matrix, weights, sites=4, forced=[2, 7], forbidden=[0, 5], seconds=30)
    best = best_of_all(matrix, weights, lambda s: len(s) <= 4, forced=[2, 7], forbidden=[0, 5])
    assert (found.status, found.objective) == ("optimal", best)
    assert {2, 7} <= set(found.chosen.tolist())
    assert not {0, 5} & set(found.chosen.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_weights_that_are_not_whole(seed):
    matrix, weights, rng = drawn(seed)
    weights = weights * rng.uniform(0.01, 1, len(weights))
    found = maximum_coverage(matrix, weights, sites=3, seconds=30)
    assert found.objective == pytest.approx(best_of_all(matrix, weights, lambda s: len(s) <= 3), rel=1e-9)
    assert found.status == "optimal"


def test_nothing_to_choose_or_to_cover():
    matrix, weights, _ = drawn(0)
    for found in (
        maximum_coverage(matrix, weights, sites=0),
        maximum_coverage(matrix, weights * 0, sites=3),
        maximum_coverage(csr_array((0, 4)), [], sites=3),
        maximum_coverage(csr_array((3, 0)), [1, 1, 1], sites=3),
        maximum_coverage(csr_array((3, 4)), [1, 1, 1], sites=3),
    ):
        assert (found.objective, found.bound, found.status, len(found.chosen)) == (0, 0, "optimal", 0)


def test_more_sites_than_there_are():
    matrix, weights, _ = drawn(1)
    found = maximum_coverage(matrix, weights, sites=99)
    assert found.objective == covered(matrix, weights, range(9))
    assert found.status == "optimal"


def test_rows_that_nobody_reaches_are_listed_and_stay_out():
    matrix = csr_array(np.array([[1, 0], [0, 0], [0, 1], [0, 0]]))
    found = maximum_coverage(matrix, [1, 5, 1, 0], sites=1, forbidden=[1])
    assert found.unreached.tolist() == [1, 2]
    assert found.objective == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "one limit"),
        ({"sites": 1, "costs": np.ones(9), "budget": 2}, "one limit"),
        ({"quotas": [1]}, "one limit"),
        ({"groups": np.zeros(9, int), "quotas": [-1]}, "limit is a number"),
        ({"groups": np.full(9, 3), "quotas": [1]}, "a quota each"),
        ({"groups": np.zeros(4, int), "quotas": [1]}, "groups of shape"),
        ({"costs": -np.ones(9), "budget": 2}, "costs are numbers"),
        ({"sites": 1, "forced": [1, 2]}, "forced columns alone"),
        ({"sites": 3, "forced": [1, 2], "forbidden": [2]}, "forced and forbidden"),
        ({"sites": 3, "forced": [9]}, "no such columns"),
        ({"sites": 3, "forbidden": [-1]}, "no such columns"),
    ],
)
def test_arguments_that_do_not_fit(arguments, words):
    matrix, weights, _ = drawn(0)
    with pytest.raises(ValueError, match=words):
        maximum_coverage(matrix, weights, **arguments)


@pytest.mark.parametrize("weights", [np.ones(4), np.full(30, -1.0), np.full(30, np.nan)])
def test_weights_that_do_not_fit(weights):
    with pytest.raises(ValueError, match="weights"):
        maximum_coverage(drawn(0)[0], weights, sites=1)


def test_explicit_zeros_cover_nothing():
    matrix = csr_array((np.array([0, 1]), np.array([0, 1]), np.array([0, 1, 2])), shape=(2, 2))
    assert maximum_coverage(matrix, [9, 1], sites=1).objective == 1


def test_merged_rows_are_the_same_cover_sets():
    matrix, weights, _ = drawn(3, points=200, sites=5)
    rows, merged = merge_rows(matrix, weights)
    sets = {}
    for row, weight in zip(matrix.toarray(), weights, strict=True):
        sets[tuple(row)] = sets.get(tuple(row), 0) + weight
    assert {tuple(row): weight for row, weight in zip(rows.toarray(), merged, strict=True)} == sets


def test_needless_columns_go_unless_they_are_cheaper_or_of_another_group():
    matrix = csr_array(np.array([[1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 1, 0]]))
    one, costs = np.zeros(4, np.int64), np.ones(4)
    assert useful_columns(matrix, Limits(one, costs, np.ones(1))).tolist() == [0, 2]
    assert useful_columns(matrix, Limits(one, np.array([2.0, 1, 1, 1]), np.ones(1))).tolist() == [2, 3]
    groups = np.array([0, 1, 0, 1])
    assert useful_columns(matrix, Limits(groups, costs, np.ones(2))).tolist() == [0, 2, 3]


def test_presolve_keeps_the_value_of_every_choice():
    matrix, weights, rng = drawn(5, points=60, sites=12)
    problem = presolve(matrix, weights, Limits(np.zeros(12, np.int64), np.ones(12), np.array([6.0])), forced=[3])
    for _ in range(20):
        chosen = np.flatnonzero(rng.uniform(size=len(problem.original)) < 0.3)
        assert problem.value(chosen) + problem.base == covered(matrix, weights, problem.restore(chosen))


def test_sums_of_a_choice_stay_right_while_it_changes():
    matrix, weights = city(300, 40, 2, 0.2)
    problem = small(matrix, weights, 8)
    cover = compiled(problem)
    found = annealing(problem, cover, greedy(problem, cover), Clock(20), steps=5000, seed=3)
    choice, again = choice_of(cover, found.chosen), problem.rows.toarray()
    times = again[:, found.chosen].sum(axis=1)
    assert choice.value[0] == found.value == problem.weights[times > 0].sum()
    assert np.array_equal(choice.gain, (again * problem.weights[:, None])[times == 0].sum(axis=0))
    alone = (again * problem.weights[:, None])[times == 1].sum(axis=0)
    assert np.array_equal(choice.loss[found.chosen], alone[found.chosen])


def test_greedy_takes_the_lowest_column_of_equals():
    problem = small(csr_array(np.kron(np.eye(4), np.ones((2, 1)))), np.ones(8), 2)
    choice = empty_choice(compiled(problem))
    fill(compiled(problem), choice)
    assert choice.members[: choice.size[0]].tolist() == [0, 1]


def test_the_lagrangian_bound_is_that_of_the_linear_relaxation():
    cycle = csr_array(np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]]))
    problem = small(cycle, np.ones(3), 1)
    assert lagrangian(problem, compiled(problem), 0.0, Clock(20)).bound == pytest.approx(2.0, rel=1e-3)


def test_relaxed_choices_fill_each_group_to_its_room():
    limits = Limits(np.array([0, 1, 0, 1]), np.array([2.0, 1, 1, 1]), np.array([2.0, 1.0]))
    prices = np.array([4.0, 1.0, 3.0, -2.0])
    assert relaxed(prices, limits).tolist() == [0.5, 1.0, 1.0, 0.0]
    assert tolls_of(prices, limits).tolist() == [2.0, 0.0]


def test_bounds_are_rounded_to_the_safe_side():
    assert outward(100 - 1e-9, whole=True) == 100
    assert outward(100.0, whole=False) > 100


def cycles(count):
    """Three sites of which any two cover a third of the points each, over and over: the relaxation chooses halves."""
    return csr_array(np.kron(np.eye(count), np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]])))


def test_regions_bound_below_the_relaxation_and_not_below_the_truth():
    matrix, weights = cycles(3), np.ones(9)
    problem = small(matrix, weights, 4)
    cover = compiled(problem)
    dual = lagrangian(problem, cover, 0.0, Clock(20))
    assert dual.bound == pytest.approx(8.0, rel=5e-3)
    region = cut_regions(problem, 3)
    assert sorted(map(tuple, np.sort(region.reshape(3, 3)))) == [(0,) * 3, (1,) * 3, (2,) * 3]
    known = greedy(problem, cover)
    fair = Dual(dual.bound, dual.multipliers, np.ones(1))
    found = evaluate(problem, fair, region, known.chosen, Clock(60), workers=2)
    assert 7.0 <= found.bound <= 7.01
    assert found.whole
    better = improve(problem, dual, region, known, rounds=6, clock=Clock(60), workers=lambda: 2)
    assert 7.0 <= better.bound < 7.9


@pytest.mark.parametrize("seed", range(3))
def test_regions_with_borders_bound_from_above_with_any_multipliers(seed):
    matrix, weights = city(300, 24, seed, 0.25)
    best = maximum_coverage(matrix, weights, sites=4, seconds=60)
    problem = small(matrix, weights, 4)
    rng = np.random.default_rng(seed)
    dual = Dual(np.inf, problem.weights * rng.uniform(size=len(problem.weights)), rng.uniform(0, 500, 1))
    found = evaluate(problem, dual, cut_regions(problem, 3), np.array([0]), Clock(60), workers=2)
    assert best.status == "optimal"
    assert best.objective <= found.bound


def test_regions_without_time_fall_back_on_what_the_multipliers_prove():
    problem = small(*city(600, 60, 1, 0.12), 8)
    dual = lagrangian(problem, compiled(problem), 0.0, Clock(20))
    found = evaluate(problem, dual, cut_regions(problem, 3), np.array([0]), Clock(0.0), workers=1)
    assert found.bound == pytest.approx(dual.bound, rel=1e-3)
    assert not found.whole


def test_polishing_is_exact_where_the_region_is_all():
    matrix, weights = city(400, 40, 4, 0.15)
    problem = small(matrix, weights, 6)
    poor = Found(np.arange(6), problem.value(np.arange(6)))
    best = maximum_coverage(matrix, weights, sites=6, seconds=60)
    assert polish(problem, poor, Clock(60), size=100, seed=0).value == best.objective
    assert poor.value < polish(problem, poor, Clock(60), size=20, seed=0).value <= best.objective


def test_never_worse_than_greedy_and_bounded_where_time_is_short():
    matrix, weights = city(8000, 700, 1, 0.05)
    problem = small(matrix, weights, 70)
    least = greedy(problem, compiled(problem)).value
    maximum_coverage(*line(200, 30, 1), sites=3, seconds=20)  # compiled now
    for seconds in (0.5, 3.0):
        begun = time.monotonic()
        found = maximum_coverage(matrix, weights, sites=70, seconds=seconds)
        assert time.monotonic() - begun < seconds * 1.05 + 0.3
        assert least <= found.objective <= found.bound
        assert (found.status, found.stopped) == ("feasible", "time")


def test_the_same_again():
    matrix, weights = city(2000, 150, 3, 0.1)
    one, two = (maximum_coverage(matrix, weights, sites=12, seconds=60, seed=5, enough=0.02) for _ in range(2))
    assert one.chosen.tolist() == two.chosen.tolist()
    assert one.bound == two.bound
    assert one.gap <= 0.02


def test_order_of_worth_adds_up():
    matrix, weights, _ = drawn(2)
    order, gains = order_of_worth(matrix, weights, [8, 1, 4, 6])
    assert sorted(order.tolist()) == [1, 4, 6, 8]
    assert gains.tolist() == sorted(gains.tolist(), reverse=True)
    steps = [covered(matrix, weights, order[: n + 1]) for n in range(4)]
    assert np.cumsum(gains).tolist() == steps
    assert order_of_worth(matrix, weights, [])[0].tolist() == []
