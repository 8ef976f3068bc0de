"""Siting with beds: by hand, against every choice with a transport of its own, and at its edges."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array

from carecircle.siting.solvers.beds import _problem, assign_beds, capacitated_coverage, capacitated_median
from carecircle.siting.solvers.beds_model import cost_of, join_existing, new_flow
from carecircle.siting.solvers.beds_proof import Told
from carecircle.siting.solvers.beds_rework import rework
from carecircle.siting.solvers.beds_search import chosen_of
from carecircle.siting.solvers.kernels_beds import open_site
from carecircle.siting.solvers.solution import Clock


def least_cost(cost, demand, capacity):
    """Return the least sum of cost x people by a linear program of scipy's; infinite cost = not allowed."""
    points, sites = cost.shape
    if not sites:
        return 0.0
    rows = np.zeros((points + sites, points * sites))
    for point, site in itertools.product(range(points), range(sites)):
        rows[point, point * sites + site] = rows[points + site, point * sites + site] = 1
    allowed = np.isfinite(cost).ravel()
    told = linprog(
        np.where(allowed, cost.ravel(), 0.0),
        A_ub=rows,
        b_ub=np.concatenate((demand, capacity)),
        bounds=[(0, None if one else 0) for one in allowed],
    )
    return told.fun


def best_of_all(minutes, demand, capacity, sites, existing, value):
    """Return the least cost over all choices; `value` turns minutes into the cost of a person."""
    values = []
    for count in range(sites + 1):
        for chosen in itertools.combinations(range(minutes.shape[1]), count):
            table = np.hstack((minutes[:, list(chosen)], existing[0]))
            beds = np.concatenate((capacity[list(chosen)], existing[1]))
            values.append(least_cost(np.where(np.isfinite(table), value(table), np.inf), demand, beds))
    return min(values)


def draw(seed, points=6, sites=5):
    random = np.random.default_rng(seed)
    minutes = random.integers(0, 10, (points, sites)).astype(float)
    minutes[random.random((points, sites)) < 0.4] = np.inf
    there = random.integers(0, 10, (points, 2)).astype(float)
    there[random.random((points, 2)) < 0.5] = np.inf
    demand, capacity = random.integers(0, 9, points).astype(float), random.integers(0, 15, sites).astype(float)
    return minutes, demand, capacity, (there, random.integers(0, 8, 2).astype(float)), int(random.integers(1, 4))


def assert_fits(plan, minutes, demand, capacity, existing=None):
    """Nobody is served beyond the limit or twice, no site has more people than beds, and everybody is counted."""
    people, elsewhere = plan.people.toarray(), plan.elsewhere.toarray()
    assert (people[~np.isfinite(minutes)] == 0).all()
    assert (people >= 0).all()
    assert (people.sum(axis=0) <= capacity + 1e-6).all()
    assert (np.delete(people, plan.chosen, axis=1) == 0).all()
    if existing is not None:
        assert (elsewhere.sum(axis=0) <= existing[1] + 1e-6).all()
        assert (elsewhere[~np.isfinite(existing[0])] == 0).all()
    assert people.sum(axis=1) + elsewhere.sum(axis=1) + plan.waiting == pytest.approx(demand)


@pytest.mark.parametrize("seed", range(8))
def test_no_choice_serves_more(seed):
    minutes, demand, capacity, existing, sites = draw(seed)
    plan = capacitated_coverage(minutes, demand, capacity, sites, existing=existing, seconds=20)
    most = -best_of_all(minutes, demand, capacity, sites, existing, lambda table: -np.ones(table.shape))
    assert plan.objective == pytest.approx(most)
    assert plan.status == "optimal"
    assert plan.bound == plan.objective
    assert_fits(plan, minutes, demand, capacity, existing)
    served = plan.people.sum() + plan.elsewhere.sum()
    assert served == pytest.approx(plan.objective)


@pytest.mark.parametrize("seed", range(8))
def test_no_choice_takes_fewer_minutes(seed):
    minutes, demand, capacity, existing, sites = draw(seed + 20)
    plan = capacitated_median(minutes, demand, capacity, sites, existing=existing, beyond=12, seconds=20)
    cost = best_of_all(minutes, demand, capacity, sites, existing, lambda table: table - 12) + 12 * demand.sum()
    assert plan.objective == pytest.approx(cost)
    assert plan.status == "optimal"
    assert_fits(plan, minutes, demand, capacity, existing)


@pytest.mark.parametrize("seed", range(8))
def test_everybody_must_be_served(seed):
    minutes, demand, capacity, existing, sites = draw(seed + 40)
    capacity = capacity * 2 + 3
    plan = capacitated_median(minutes, demand, capacity, sites, existing=existing, seconds=20)
    reached = np.isfinite(np.hstack((minutes, existing[0]))).any(axis=1)
    wanted = demand * reached
    cost = best_of_all(minutes, wanted, capacity, sites, existing, lambda table: table - 1e4) + 1e4 * wanted.sum()
    if cost > 9000:
        assert (plan.status, plan.stopped) == ("infeasible", "proved")
    else:
        assert plan.objective == pytest.approx(cost, abs=1e-5)
        assert plan.status == "optimal"
        assert_fits(plan, minutes, demand, capacity, existing)
        assert plan.waiting[reached].max(initial=0.0) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_assignment_serves_most_then_in_fewest_minutes(seed):
    minutes, demand, capacity, _, _ = draw(seed + 60)
    told = assign_beds(minutes, demand, capacity, seconds=20)
    most = -least_cost(np.where(np.isfinite(minutes), -1.0, np.inf), demand, capacity)
    assert told.served == pytest.approx(most)
    fewest = least_cost(minutes - 1e4, demand, capacity) + 1e4 * most
    assert told.people_minutes == pytest.approx(fewest, abs=1e-5)
    assert told.proved
    assert (told.people.toarray() == np.round(told.people.toarray())).all()


def test_people_of_a_point_may_be_divided():
    told = assign_beds(np.array([[1.0, 5.0], [2.0, np.inf]]), [3, 3], [4, 2])
    assert told.people.toarray().tolist() == [[1, 2], [3, 0]]


def test_beds_decide_not_reach():
    minutes = np.array([[1.0, 1.0], [1.0, np.inf], [1.0, np.inf]])
    plan = capacitated_coverage(minutes, [5, 5, 5], [4, 5], 1)
    assert (plan.chosen.tolist(), plan.objective, plan.status) == ([1], 5.0, "optimal")


def test_people_and_beds_that_are_not_whole():
    random = np.random.default_rng(8)
    minutes, demand, capacity = random.random((6, 5)) * 9, random.random(6), random.random(5)
    nothing = (np.empty((6, 0)), np.empty(0))
    plan = capacitated_coverage(minutes, demand, capacity, 2, seconds=20)
    most = -best_of_all(minutes, demand, capacity, 2, nothing, lambda table: -np.ones(table.shape))
    assert plan.objective == pytest.approx(most)
    assert plan.status == "optimal"
    assert_fits(plan, minutes, demand, capacity)


def test_forced_and_forbidden_sites():
    minutes = np.ones((4, 4))
    plan = capacitated_coverage(minutes, [9, 9, 9, 9], [20, 1, 15, 2], 2, forced=[1], forbidden=[0])
    assert (plan.chosen.tolist(), plan.objective) == ([1, 2], 16.0)


def test_points_that_nobody_reaches_wait():
    minutes = csr_array((np.array([0.0]), np.array([0]), np.array([0, 1, 1])), shape=(2, 1))
    plan = capacitated_median(minutes, [2, 3], [9], 1)
    assert (plan.unreached.tolist(), plan.waiting.tolist(), plan.objective) == ([1], [0.0, 3.0], 0.0)


def test_nothing_to_do():
    assert capacitated_coverage(np.empty((0, 2)), [], [1, 1], 1).objective == 0.0
    assert capacitated_coverage(np.ones((2, 2)), [1, 1], [0, 0], 2).objective == 0.0
    assert capacitated_coverage(np.ones((2, 2)), [1, 1], [5, 5], 0).objective == 0.0
    assert assign_beds(np.full((2, 2), np.inf), [1, 1], [5, 5]).served == 0.0


def test_arguments_that_cannot_be():
    with pytest.raises(ValueError, match="beds"):
        capacitated_coverage(np.ones((2, 2)), [1, 1], [1], 1)
    with pytest.raises(ValueError, match="people"):
        assign_beds(np.ones((2, 2)), [1, -1], [1, 1])
    with pytest.raises(ValueError, match="same points"):
        capacitated_median(np.ones((2, 2)), [1, 1], [1, 1], 1, existing=(np.ones((3, 1)), [1]))


def town(points, sites):
    random = np.random.default_rng(11)
    homes, places = random.random((points, 2)), random.random((sites, 2))
    minutes = np.round(60 * np.hypot(*(homes[:, None] - places).transpose(2, 0, 1)))
    minutes[minutes > 12] = np.inf
    return minutes, random.integers(1, 30, points).astype(float), random.integers(20, 200, sites).astype(float)


def test_the_same_again():
    plans = [capacitated_coverage(*town(80, 20), 5, seconds=30) for _ in range(2)]
    assert plans[0].chosen.tolist() == plans[1].chosen.tolist()
    assert (plans[0].people != plans[1].people).nnz == 0


def test_without_time_there_is_still_a_choice():
    minutes, demand, capacity = town(200, 60)
    plan = capacitated_coverage(minutes, demand, capacity, 8, seconds=0)
    assert (plan.status, plan.stopped) == ("feasible", "time")
    assert plan.objective > 0
    assert_fits(plan, minutes, demand, capacity)
    told = assign_beds(minutes, demand, capacity, seconds=0)
    assert not told.proved
    assert told.served > plan.objective


def test_the_limit_of_time_holds_and_is_told():
    capacitated_coverage(*town(30, 8), 2)  # compile first
    began = time.monotonic()
    plan = capacitated_coverage(*town(3000, 300), 30, seconds=3)
    assert time.monotonic() - began < 3 * 1.05 + 0.5
    assert (plan.status, plan.stopped) == ("feasible", "time")
    assert plan.bound > plan.objective


@pytest.mark.parametrize("charge", [None, 30.0])
def test_choosing_anew_around_sites_keeps_people_and_beds(charge):
    """From the first eight of more sites than one neighbourhood has."""
    minutes, demand, capacity = town(250, 60)
    problem = _problem(join_existing(minutes, capacity, None), demand, 8, ((), ()))
    if charge is None:
        problem = replace(problem, cost=np.zeros_like(problem.cost), unserved=problem.must.astype(float))
    else:
        problem = replace(problem, unserved=np.where(problem.must, charge, 0.0))
    flow = new_flow(problem)
    for site in range(8):
        open_site(flow, site)
    known = Told(chosen_of(problem, flow), flow.people, cost_of(problem, flow.people))
    better = rework(problem, known, Clock(6), 0)
    assert better.cost < known.cost
    assert better.cost == pytest.approx(cost_of(problem, better.people))
    assert len(better.chosen) <= 8
    beds = np.bincount(problem.pairs.site, weights=better.people, minlength=60)
    assert (beds <= capacity + 1e-6).all()
    assert (np.delete(beds, better.chosen) == 0).all()
    assert (np.bincount(problem.pairs.point, weights=better.people, minlength=250) <= demand + 1e-6).all()
