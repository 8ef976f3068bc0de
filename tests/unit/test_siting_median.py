"""The p-median: by hand, against every choice there is, and at its edges."""

import itertools
import time

import numpy as np
import pytest
from scipy.sparse import csr_array

from carecircle.siting.solvers.median import p_median
from carecircle.siting.solvers.pairs import pairs_of, serve

LINE = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))


def sparse(minutes):
    """Return dense minutes as a sparse array that keeps its zeros, infinite ones absent."""
    point, site = np.nonzero(np.isfinite(minutes))
    starts = np.concatenate(([0], np.cumsum(np.isfinite(minutes).sum(axis=1))))
    assert (np.diff(point) >= 0).all()
    return csr_array((minutes[point, site], site, starts), shape=minutes.shape)


def cost_of(minutes, weights, spare, chosen):
    """Return the cost of a choice by brute force; NaN where somebody who could be served is not."""
    best = np.minimum(minutes[:, list(chosen)].min(axis=1, initial=np.inf), spare)
    left_out = ~np.isfinite(minutes).any(axis=1) & np.isinf(spare)
    best = np.where(left_out | (weights == 0), 0.0, best)
    return float(weights @ best) if np.isfinite(best).all() else np.nan


def best_of_all(minutes, weights, spare, sites, *, forced=(), forbidden=()):
    """Return the least cost of all choices; NaN where none serves everybody."""
    usable = minutes.copy()
    usable[:, list(forbidden)] = np.inf
    costs = [
        cost_of(usable, weights, spare, chosen)
        for count in range(sites + 1)
        for chosen in itertools.combinations(range(minutes.shape[1]), count)
        if set(forced) <= set(chosen) and not set(forbidden) & set(chosen)
    ]
    return min((cost for cost in costs if not np.isnan(cost)), default=np.nan)


def draw(seed, points=9, sites=6):
    """Return random minutes with gaps and zeros, and people, some of them none."""
    random = np.random.default_rng(seed)
    minutes = random.integers(0, 15, (points, sites)).astype(float)
    minutes[random.random((points, sites)) < 0.4] = np.inf
    return minutes, random.integers(0, 9, points).astype(float), random


def test_two_sites_on_a_line():
    plan = p_median(LINE, np.ones(7), 2)
    assert (plan.objective, plan.bound, plan.status, plan.stopped) == (6.0, 6.0, "optimal", "proved")
    assert plan.assigned.tolist() == [plan.chosen[0]] * 3 + [plan.assigned[3]] + [plan.chosen[1]] * 3


def test_ties_go_to_the_lowest_column():
    assert p_median(np.ones((3, 4)), np.ones(3), 1).chosen.tolist() == [0]


@pytest.mark.parametrize("seed", range(12))
def test_no_choice_is_better(seed):
    minutes, weights, random = draw(seed)
    sites = int(random.integers(1, 5))
    base = np.where(random.random(9) < 0.3, random.integers(0, 20, 9).astype(float), np.inf)
    charge = 25.0 if seed % 2 else np.inf
    plan = p_median(
        sparse(minutes), weights, sites, base=base, beyond=None if np.isinf(charge) else charge, seconds=20, seed=seed
    )
    best = best_of_all(minutes, weights, np.minimum(base, charge), sites)
    assert plan.status == ("infeasible" if np.isnan(best) else "optimal")
    assert plan.objective == pytest.approx(best, nan_ok=True)


@pytest.mark.parametrize("seed", range(6))
def test_forced_and_forbidden_sites(seed):
    minutes, weights, _ = draw(seed + 50)
    plan = p_median(minutes, weights, 3, beyond=30.0, forced=[1], forbidden=[0, 4], seconds=20)
    best = best_of_all(minutes, weights, np.full(9, 30.0), 3, forced=[1], forbidden=[0, 4])
    assert plan.objective == pytest.approx(best)
    assert 1 in plan.chosen
    assert not {0, 4} & set(plan.chosen.tolist())


def test_weights_that_are_not_whole():
    minutes, _, random = draw(3)
    minutes, weights = minutes + random.random(minutes.shape), random.random(9)
    plan = p_median(minutes, weights, 3, beyond=40.0, seconds=20)
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(best_of_all(minutes, weights, np.full(9, 40.0), 3))


def test_zeros_that_are_stored_are_minutes():
    minutes = csr_array((np.array([0.0, 3.0]), np.array([1, 0]), np.array([0, 1, 2])), shape=(2, 2))
    plan = p_median(minutes, [1, 1], 2)
    assert (plan.objective, plan.assigned.tolist()) == (3.0, [1, 0])


def test_points_that_no_site_reaches_are_listed_and_left_out():
    minutes = np.array([[1.0, np.inf], [np.inf, np.inf], [np.inf, 2.0]])
    plan = p_median(minutes, [1, 5, 1], 2)
    assert (plan.unreached.tolist(), plan.objective, plan.assigned.tolist()) == ([1], 3.0, [0, -1, 1])
    charged = p_median(minutes, [1, 5, 1], 2, beyond=10)
    assert (charged.unreached.tolist(), charged.objective) == ([1], 53.0)


def test_too_few_sites_to_serve_everybody_is_proven():
    minutes = np.full((3, 3), np.inf)
    np.fill_diagonal(minutes, 1.0)
    plan = p_median(minutes, np.ones(3), 2)
    assert (plan.status, plan.stopped, plan.chosen.tolist()) == ("infeasible", "proved", [])
    assert np.isnan(plan.objective)
    assert p_median(minutes, np.ones(3), 3).status == "optimal"


def test_existing_facilities_serve_too():
    plan = p_median(LINE, np.ones(7), 1, base=[0, 1, 2, 9, 9, 9, 9])
    assert plan.objective == best_of_all(LINE, np.ones(7), np.array([0, 1, 2, 9, 9, 9, 9.0]), 1)
    assert plan.assigned[0] == -1
    assert (plan.assigned[3:] == plan.chosen[0]).all()


def test_sites_that_serve_nobody_are_not_chosen():
    assert p_median(np.array([[0.0, 1.0, 2.0]]), [4], 3).chosen.tolist() == [0]
    assert p_median(LINE, np.ones(7), 2, base=np.zeros(7)).chosen.tolist() == []


@pytest.mark.parametrize(
    ("minutes", "weights", "sites"),
    [(np.empty((0, 3)), [], 2), (np.ones((2, 2)), [0, 0], 1), (np.full((2, 2), np.inf), [1, 1], 1)],
)
def test_nothing_to_serve(minutes, weights, sites):
    plan = p_median(minutes, weights, sites)
    assert (plan.status, plan.objective, plan.chosen.tolist()) == ("optimal", 0.0, [])


def test_no_sites_at_all():
    assert p_median(LINE, np.ones(7), 0).status == "infeasible"
    assert p_median(LINE, np.ones(7), 0, beyond=4).objective == 28.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sites": 1, "forced": [0, 1]}, "2 sites are forced"),
        ({"forced": [7]}, "from 0 to 6"),
        ({"forced": [1], "forbidden": [1]}, "both forced and forbidden"),
        ({"weights": [1, 2]}, "one number"),
        ({"weights": [-1] * 7}, "0 or more"),
        ({"minutes": -LINE}, "cannot be negative"),
    ],
)
def test_arguments_that_cannot_be(changed, said):
    given = {"minutes": LINE, "weights": np.ones(7), "sites": 2} | changed
    with pytest.raises(ValueError, match=said):
        p_median(given.pop("minutes"), given.pop("weights"), given.pop("sites"), **given)


def test_the_same_again():
    random = np.random.default_rng(5)
    places, homes = random.random((60, 2)), random.random((300, 2))
    minutes = np.round(100 * np.hypot(*(homes[:, None] - places).transpose(2, 0, 1)), 1)
    plans = [p_median(minutes, np.ones(300), 8, seed=3) for _ in range(2)]
    assert plans[0].chosen.tolist() == plans[1].chosen.tolist()
    assert plans[0].objective == plans[1].objective


def test_the_limit_of_time_holds_and_is_told():
    random = np.random.default_rng(1)
    minutes = random.random((3000, 400))
    p_median(minutes[:20, :20], np.ones(20), 3)  # compile first
    began = time.monotonic()
    plan = p_median(minutes, np.ones(3000), 20, seconds=2)
    assert time.monotonic() - began < 2 * 1.05 + 1.0  # reading the pairs comes before the search
    assert (plan.status, plan.stopped) == ("feasible", "time")
    assert plan.bound <= plan.objective


def test_without_time_there_is_still_a_choice():
    plan = p_median(np.random.default_rng(3).random((300, 100)), np.ones(300), 10, seconds=0)
    assert (plan.status, plan.stopped, len(plan.chosen)) == ("feasible", "time", 10)


def test_serve_prefers_what_is_there_already():
    column, minutes = serve(pairs_of(LINE), np.full(7, 1.0), np.arange(7) == 3)
    assert column.tolist() == [-1, -1, -1, 3, -1, -1, -1]
    assert minutes.tolist() == [1, 1, 1, 0, 1, 1, 1]
