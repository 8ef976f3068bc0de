"""Equity: by hand, against every choice there is in exact fractions, and at its edges."""

import itertools
import time
from fractions import Fraction

import numpy as np
import pytest
from scipy.sparse import csr_array

from carecircle.siting.solvers.equity import equity
from carecircle.siting.solvers.equity_model import merge_rows


def value_of(reach, weights, units, covered, chosen, counted):
    """Return the worst rate of the units that count, and the total, exactly."""
    hit = reach[:, list(chosen)].any(axis=1) | covered
    people = [Fraction(one) for one in weights.tolist()]
    sums = {unit: [Fraction(0), Fraction(0)] for unit in set(units.tolist())}
    for row, unit in enumerate(units.tolist()):
        sums[unit][0] += people[row] * int(hit[row])
        sums[unit][1] += people[row]
    rates = [part / whole for unit, (part, whole) in sums.items() if whole > 0 and unit in counted]
    return min(rates, default=Fraction(1)), sum(part for part, _ in sums.values())


def best_of_all(reach, weights, units, covered, sites, counted=None):
    counted = set(units.tolist()) if counted is None else counted
    return max(
        value_of(reach, weights, units, covered, chosen, counted)
        for count in range(sites + 1)
        for chosen in itertools.combinations(range(reach.shape[1]), count)
    )


def draw(seed, points=14, sites=7):
    random = np.random.default_rng(seed)
    reach = random.random((points, sites)) < 0.25
    weights, units = random.integers(0, 20, points).astype(float), random.integers(0, 3, points)
    return reach, weights, units, random.random(points) < 0.15, int(random.integers(0, 5))


@pytest.mark.parametrize("seed", range(10))
def test_no_choice_is_better(seed):
    reach, weights, units, covered, sites = draw(seed)
    plan = equity(csr_array(reach), weights, units, sites, covered=covered, seconds=20)
    worst, total = best_of_all(reach, weights, units, covered, sites)
    assert (plan.worst, plan.objective) == (worst, float(total))
    assert (plan.status, plan.worst_bound, plan.bound) == ("optimal", worst, float(total))
    assert len(plan.chosen) <= sites


def test_people_that_are_not_whole():
    reach, _, units, covered, _ = draw(4)
    weights = np.random.default_rng(4).random(14)
    plan = equity(reach, weights, units, 3, covered=covered, seconds=20)
    worst, total = best_of_all(reach, weights, units, covered, 3)
    assert float(plan.worst) == pytest.approx(float(worst))
    assert plan.objective == pytest.approx(float(total))
    assert plan.status == "optimal"


def test_the_worst_unit_goes_before_the_total():
    reach = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=bool)
    plan = equity(reach, [100, 90, 1], [0, 0, 1], 1)
    assert (plan.worst, plan.objective) == (Fraction(0), 100.0)
    plan = equity(reach, [100, 90, 1], [0, 0, 1], 2)
    assert (plan.chosen.tolist(), plan.worst, plan.objective) == ([0, 2], Fraction(100, 190), 101.0)
    assert plan.units_at_worst.tolist() == [0]


def test_rates_are_compared_exactly():
    """The second site gives the worst unit one person in a million more, and the total 49 fewer."""
    reach = np.array([[1, 0], [0, 1], [0, 0], [1, 0], [1, 1]], dtype=bool)
    plan = equity(reach, [333333, 333334, 333333, 50, 50], [0, 0, 0, 1, 1], 1)
    assert (plan.chosen.tolist(), plan.worst) == ([1], Fraction(333334, 1000000))
    assert (plan.status, plan.objective, plan.units_at_worst.tolist()) == ("optimal", 333384.0, [0])


def test_a_unit_that_no_site_can_raise_is_named():
    reach = np.array([[1, 0], [0, 1], [0, 0], [0, 0]], dtype=bool)
    given = (reach, [5, 5, 2, 8], [1, 2, 2, 7], 1)
    plan = equity(*given)
    assert (plan.worst, plan.worst_bound, plan.units_stuck.tolist()) == (0, 0, [7])
    assert plan.unreached.tolist() == [2, 3]
    skipped = equity(reach, [5, 5, 2, 8], [1, 2, 2, 7], 2, stuck="skip")
    assert (skipped.worst, skipped.units_stuck.tolist(), skipped.units_at_worst.tolist()) == (Fraction(5, 7), [7], [2])


def test_what_is_covered_already_counts():
    reach = np.array([[0, 0], [1, 0], [0, 1]], dtype=bool)
    plan = equity(reach, [3, 3, 3], [0, 0, 1], 1, covered=[True, False, False])
    assert (plan.chosen.tolist(), plan.worst) == ([1], Fraction(1, 2))


def test_forced_and_forbidden_sites():
    reach = np.eye(3, dtype=bool)
    plan = equity(reach, [5, 4, 3], [0, 0, 0], 2, forced=[2], forbidden=[0])
    assert (plan.chosen.tolist(), plan.objective) == ([1, 2], 7.0)


def test_units_without_people_have_no_rate():
    plan = equity(np.eye(2, dtype=bool), [4, 0], [0, 1], 1)
    assert (plan.worst, plan.units_at_worst.tolist()) == (1, [0])


def test_nothing_to_do():
    plan = equity(np.zeros((0, 2), dtype=bool), [], [], 1)
    assert (plan.worst, plan.objective, plan.status) == (1, 0.0, "optimal")
    plan = equity(np.zeros((2, 2), dtype=bool), [1, 1], [0, 1], 1)
    assert (plan.worst, plan.objective, plan.unreached.tolist()) == (0, 0.0, [0, 1])


def town(points, sites):
    random = np.random.default_rng(6)
    homes, places = random.random((points, 2)), random.random((sites, 2))
    near = np.hypot(*(homes[:, None] - places).transpose(2, 0, 1)) < 0.12
    units = (homes[:, 0] * 4).astype(int) * 4 + (homes[:, 1] * 4).astype(int)
    return csr_array(near), random.integers(1, 50, points).astype(float), units


def test_the_same_again():
    plans = [equity(*town(300, 40), 6, seconds=60) for _ in range(2)]
    assert plans[0].chosen.tolist() == plans[1].chosen.tolist()
    assert plans[0].worst == plans[1].worst


def test_without_time_there_is_still_a_choice():
    plan = equity(*town(300, 60), 8, seconds=0)
    assert (plan.status, plan.stopped, len(plan.chosen)) == ("feasible", "time", 8)


def test_the_limit_of_time_holds_and_is_told():
    equity(*town(50, 10), 2)  # compile first
    began = time.monotonic()
    plan = equity(*town(6000, 300), 25, seconds=3)
    assert time.monotonic() - began < 3 * 1.05 + 0.7
    assert (plan.status, plan.stopped) == ("feasible", "time")
    assert plan.worst <= plan.worst_bound
    assert plan.objective <= plan.bound


def test_rows_of_one_unit_and_the_same_sites_are_one():
    rows = csr_array(np.array([[1, 1], [1, 0], [1, 1], [1, 1]]))
    first, group = merge_rows(rows, np.array([0, 0, 1, 0]))
    assert (first.tolist(), group.tolist()) == ([0, 1, 2], [0, 1, 2, 0])
