"""What holds of p-median, p-centre, beds and equity on any minutes."""

import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from carecircle.siting.solvers.beds import assign_beds, capacitated_coverage, capacitated_median
from carecircle.siting.solvers.center import p_center
from carecircle.siting.solvers.equity import equity
from carecircle.siting.solvers.median import p_median

BEYOND = 20.0
ABSENT = np.inf
# No shrinking: each trial starts HiGHS a few times.
trial = settings(max_examples=15, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])


@st.composite
def towns(draw):
    """Minutes with gaps, people, beds, units, and a number of sites."""
    points, sites = draw(st.integers(1, 8)), draw(st.integers(1, 6))
    cell = st.one_of(st.just(ABSENT), st.integers(0, 15).map(float))
    minutes = np.array([[draw(cell) for _ in range(sites)] for _ in range(points)])
    people = np.array([draw(st.integers(0, 9)) for _ in range(points)], dtype=float)
    beds = np.array([draw(st.integers(0, 20)) for _ in range(sites)], dtype=float)
    units = np.array([draw(st.integers(0, 2)) for _ in range(points)])
    return minutes, people, beds, units, draw(st.integers(0, sites))


def reach(minutes):
    return csr_array(np.isfinite(minutes))


def any_choice(sites, count, seed):
    return np.sort(np.random.default_rng(seed).permutation(sites)[:count])


def median_cost(minutes, people, chosen):
    return float(people @ np.minimum(minutes[:, chosen].min(axis=1, initial=ABSENT), BEYOND))


@given(towns(), st.integers(0, 99))
@trial
def test_median_is_no_worse_than_any_choice_and_no_better_than_its_bound(town, seed):
    minutes, people, _, _, sites = town
    plan = p_median(minutes, people, sites, beyond=BEYOND, seed=seed)
    assert len(plan.chosen) <= sites
    assert plan.bound <= plan.objective + 1e-9
    assert plan.objective == pytest.approx(median_cost(minutes, people, plan.chosen))
    assert plan.objective <= median_cost(minutes, people, any_choice(minutes.shape[1], sites, seed)) + 1e-9
    served = plan.assigned >= 0
    assert np.isfinite(minutes[served, plan.assigned[served]]).all()
    assert set(plan.assigned[served].tolist()) <= set(plan.chosen.tolist())


@given(towns())
@trial
def test_more_sites_and_more_candidates_never_lengthen_the_way(town):
    minutes, people, _, _, sites = town
    plan = p_median(minutes, people, sites, beyond=BEYOND)
    assert p_median(minutes, people, sites + 1, beyond=BEYOND).objective <= plan.objective + 1e-9
    fewer = p_median(minutes[:, :-1], people, sites, beyond=BEYOND)
    assert plan.objective <= fewer.objective + 1e-9
    base = np.full(len(people), 7.0)
    assert p_median(minutes, people, sites, beyond=BEYOND, base=base).objective <= plan.objective + 1e-9


@given(towns(), st.randoms(use_true_random=False))
@trial
def test_the_order_of_points_and_sites_does_not_matter(town, random):
    minutes, people, beds, units, sites = town
    rows, columns = list(range(minutes.shape[0])), list(range(minutes.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    other = minutes[rows][:, columns]
    one, two = p_median(minutes, people, sites, beyond=BEYOND), p_median(other, people[rows], sites, beyond=BEYOND)
    assert one.objective == pytest.approx(two.objective)
    far, far_too = p_center(minutes, sites), p_center(other, sites)
    assert far.status == far_too.status
    assert far.objective == pytest.approx(far_too.objective, nan_ok=True)
    served = capacitated_coverage(minutes, people, beds, sites)
    assert served.objective == capacitated_coverage(other, people[rows], beds[columns], sites).objective
    equal = equity(reach(minutes), people, units, sites)
    equal_too = equity(reach(other), people[rows], units[rows], sites)
    assert (equal.worst, equal.objective) == (equal_too.worst, equal_too.objective)


@given(towns(), st.integers(0, 99))
@trial
def test_center_is_no_farther_than_any_choice(town, seed):
    minutes, _, _, _, sites = town
    plan = p_center(minutes, sites, seed=seed)
    reached = np.isfinite(minutes).any(axis=1)
    near = minutes[:, any_choice(minutes.shape[1], sites, seed)].min(axis=1, initial=ABSENT)[reached]
    other = near.max(initial=0.0)
    if plan.status == "infeasible":
        assert math.isinf(other)
        return
    assert plan.objective <= other
    assert plan.bound <= plan.objective
    assert minutes[:, plan.chosen].min(axis=1, initial=ABSENT)[reached].max(initial=0.0) == plan.objective
    assert p_center(minutes, sites + 1).objective <= plan.objective


@given(towns())
@trial
def test_people_and_beds_are_kept(town):
    minutes, people, beds, _, sites = town
    plan = capacitated_coverage(minutes, people, beds, sites)
    served = plan.people.toarray()
    assert (served.sum(axis=0) <= beds + 1e-6).all()
    assert served.sum(axis=1) + plan.waiting == pytest.approx(people)
    assert served.sum() == pytest.approx(plan.objective)
    assert (served[~np.isfinite(minutes)] == 0).all()
    assert plan.objective <= plan.bound <= people.sum()
    assert plan.objective <= assign_beds(minutes, people, beds).served + 1e-6
    assert capacitated_coverage(minutes, people, beds, sites + 1).objective >= plan.objective
    assert capacitated_coverage(minutes, people, beds * 2, sites).objective >= plan.objective


@given(towns())
@trial
def test_enough_beds_are_no_limit(town):
    minutes, people, _, _, sites = town
    beds = np.full(minutes.shape[1], people.sum() + 1)
    plan = capacitated_median(minutes, people, beds, sites, beyond=BEYOND)
    free = p_median(minutes, people, sites, beyond=BEYOND)
    assert plan.objective == pytest.approx(free.objective)


@given(towns(), st.integers(0, 99))
@trial
def test_equity_raises_the_worst_unit_first(town, seed):
    minutes, people, _, units, sites = town
    plan = equity(reach(minutes), people, units, sites, seed=seed)
    assert len(plan.chosen) <= sites
    assert plan.worst <= plan.worst_bound
    assert plan.objective <= plan.bound
    more = equity(reach(minutes), people, units, sites + 1)
    assert (more.worst, more.objective) >= (plan.worst, plan.objective)
    fewer = equity(reach(minutes[:, :-1]), people, units, sites)
    assert (fewer.worst, fewer.objective) <= (plan.worst, plan.objective)
