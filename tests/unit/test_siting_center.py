"""The vertex p-centre: by hand, against every choice there is, and at its edges."""

import itertools
import time

import numpy as np
import pytest
from scipy.sparse import csr_array

from carecircle.siting.solvers.center import p_center, reduce_cover

LINE = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0)))


def best_of_all(minutes, weights, base, sites, *, forced=(), forbidden=()):
    """Return the least farthest value of all choices, infinite where none reaches everybody who can be reached."""
    usable = minutes.copy()
    usable[:, list(forbidden)] = np.inf
    counts = (weights > 0) & (np.isfinite(usable).any(axis=1) | np.isfinite(base))
    values = []
    for count in range(sites + 1):
        for chosen in itertools.combinations(range(minutes.shape[1]), count):
            if set(forced) <= set(chosen) and not set(forbidden) & set(chosen):
                near = np.minimum(usable[:, list(chosen)].min(axis=1, initial=np.inf), base)
                values.append((near[counts] * weights[counts]).max(initial=0.0))
    return min(values)


def draw(seed, points=9, sites=6):
    random = np.random.default_rng(seed)
    minutes = random.integers(0, 30, (points, sites)).astype(float)
    minutes[random.random((points, sites)) < 0.35] = np.inf
    return minutes, random


def test_two_sites_on_a_line():
    plan = p_center(LINE, 2)
    assert (plan.objective, plan.bound, plan.status, plan.stopped) == (2.0, 2.0, "optimal", "proved")
    assert LINE[np.arange(7), plan.assigned].max() == 2.0


@pytest.mark.parametrize("seed", range(12))
def test_no_choice_is_better(seed):
    minutes, random = draw(seed)
    base = np.where(random.random(9) < 0.3, random.integers(0, 40, 9).astype(float), np.inf)
    weights = np.ones(9) if seed % 2 else random.integers(0, 4, 9).astype(float)
    sites = int(random.integers(1, 5))
    plan = p_center(minutes, sites, weights=weights, base=base, seconds=20)
    best = best_of_all(minutes, weights, base, sites)
    assert plan.status == ("infeasible" if np.isinf(best) else "optimal")
    assert plan.stopped == "proved"
    assert plan.objective == pytest.approx(best if np.isfinite(best) else np.nan, nan_ok=True)


@pytest.mark.parametrize("seed", range(4))
def test_forced_and_forbidden_sites(seed):
    minutes, random = draw(seed + 30)
    minutes = np.where(np.isinf(minutes), 40.0, minutes) + random.random(minutes.shape)
    plan = p_center(minutes, 3, forced=[2], forbidden=[0, 5], seconds=20)
    assert plan.objective == best_of_all(minutes, np.ones(9), np.full(9, np.inf), 3, forced=[2], forbidden=[0, 5])
    assert 2 in plan.chosen
    assert not {0, 5} & set(plan.chosen.tolist())


def test_points_that_no_site_reaches_are_listed_and_left_out():
    minutes = csr_array((np.array([0.0, 7.0]), np.array([1, 0]), np.array([0, 1, 1, 2])), shape=(3, 2))
    plan = p_center(minutes, 2)
    assert (plan.unreached.tolist(), plan.objective, plan.assigned.tolist()) == ([1], 7.0, [1, -1, 0])


def test_too_few_sites_is_proven():
    minutes = np.full((3, 3), np.inf)
    np.fill_diagonal(minutes, 1.0)
    plan = p_center(minutes, 2)
    assert (plan.status, plan.stopped, plan.chosen.tolist()) == ("infeasible", "proved", [])


def test_nothing_to_reach():
    assert p_center(np.empty((0, 3)), 1).objective == 0.0
    assert p_center(LINE, 0, base=np.full(7, 5.0)).objective == 5.0
    assert p_center(LINE, 0).status == "infeasible"


def test_the_same_again():
    minutes, _ = draw(7, 60, 30)
    plans = [p_center(minutes, 6, seed=4) for _ in range(2)]
    assert plans[0].chosen.tolist() == plans[1].chosen.tolist()


def test_without_time_there_is_still_a_choice():
    plan = p_center(np.random.default_rng(3).random((300, 100)), 10, seconds=0)
    assert (plan.status, plan.stopped, len(plan.chosen)) == ("feasible", "time", 10)


def test_the_limit_of_time_holds_and_is_told():
    minutes = np.random.default_rng(2).random((700, 400))
    p_center(minutes[:30, :20], 3)  # compile first
    began = time.monotonic()
    plan = p_center(minutes, 20, seconds=2)
    assert time.monotonic() - began < 2 * 1.05 + 0.5
    assert (plan.status, plan.stopped) == ("feasible", "time")
    assert plan.bound < plan.objective


@pytest.mark.parametrize("seed", range(10))
def test_reductions_keep_the_least_number_of_sites(seed):
    random = np.random.default_rng(seed)
    rows = random.random((8, 7)) < 0.35
    rows = rows[rows.any(axis=1)]
    forced = np.zeros(7, dtype=bool)

    def fewest(table):
        for count in range(table.shape[1] + 1):
            for chosen in itertools.combinations(range(table.shape[1]), count):
                if table[:, list(chosen)].any(axis=1).all():
                    return count
        return None

    reduced, columns = reduce_cover(csr_array(rows.astype(float)), forced)
    assert reduced.shape[1] == len(columns)
    assert fewest(reduced.toarray() > 0) == fewest(rows)
