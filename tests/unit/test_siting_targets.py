"""Fewest sites for all targets at once, beside enumeration of all choices."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from carecircle.siting.solvers.targets import TargetProblem, reach_targets, targets_hold, unreachable_groups


def problem_of(matrix, groups, required, **more):
    """Return a problem of lists, needs and costs 1 by default."""
    matrix, groups = np.asarray(matrix, dtype=float), np.asarray(groups, dtype=float)
    given = {"need": np.ones(len(matrix), dtype=np.int64), "costs": np.ones(matrix.shape[1])} | more
    return TargetProblem(csr_array(matrix), groups=csr_array(groups), required=np.asarray(required, float), **given)


def holds(problem, columns):
    """Whether a choice reaches all targets, written out."""
    matrix, groups = problem.matrix.toarray() != 0, problem.groups.toarray()
    satisfied = matrix[:, list(columns)].sum(axis=1) >= problem.need
    reached = groups @ satisfied >= problem.required * (1 - 1e-9)
    optional = {int(g) for one, _ in problem.at_least for g in one}
    if any(not reached[g] for g in range(len(reached)) if g not in optional):
        return False
    if any(reached[one].sum() < number for one, number in problem.at_least):
        return False
    families = [] if problem.exclusive is None else [f for f in problem.exclusive[list(columns)].tolist() if f >= 0]
    return len(set(families)) == len(families)


def cheapest(problem, forced=(), forbidden=()):
    """Return the least cost of all choices that reach the targets, infinite if there is none."""
    free = [j for j in range(len(problem.costs)) if j not in forced and j not in forbidden]
    choices = ([*forced, *choice] for size in range(len(free) + 1) for choice in itertools.combinations(free, size))
    return min((problem.costs[one].sum() for one in choices if holds(problem, one)), default=np.inf)


def drawn(seed):
    """Draw a small problem with everything in it."""
    rng = np.random.default_rng(seed)
    rows, sites, groups = int(rng.integers(2, 16)), int(rng.integers(2, 10)), int(rng.integers(1, 5))
    matrix = rng.random((rows, sites)) < 0.35
    weights = rng.integers(0, 9, (groups, rows)) * (rng.random((groups, rows)) < rng.choice([0.4, 1.0]))
    weights = weights * 0.1 if rng.random() < 0.3 else weights.astype(float)
    need = rng.integers(0, 3, rows) if rng.random() < 0.5 else np.ones(rows, dtype=np.int64)
    reach = weights @ (matrix.sum(axis=1) >= need)
    required = np.floor(reach * rng.uniform(0.5, 1.05, groups) * 10) / 10
    costs = [np.ones(sites), rng.integers(0, 5, sites).astype(float), rng.random(sites).round(2)][rng.integers(3)]
    sets = ((np.arange(groups - 1), int(rng.integers(0, groups))),) if groups > 1 and rng.random() < 0.5 else ()
    exclusive = rng.integers(-1, 3, sites) if rng.random() < 0.4 else None
    forced = tuple(rng.permutation(sites)[: rng.integers(0, 2)].tolist())
    forbidden = tuple(j for j in rng.permutation(sites)[: rng.integers(0, 3)].tolist() if j not in forced)
    made = problem_of(matrix, weights, required, need=need, costs=costs, at_least=sets, exclusive=exclusive)
    return made, forced, forbidden


@pytest.mark.parametrize("seed", range(120))
def test_small_cases_are_optimal(seed):
    problem, forced, forbidden = drawn(seed)
    found = reach_targets(problem, forced=forced, forbidden=forbidden, seed=seed)
    best = cheapest(problem, forced, forbidden)
    assert found.stopped == "proved"
    if np.isinf(best):
        assert found.status == "infeasible"
        assert np.isnan(found.objective)
    else:
        assert found.status == "optimal"
        assert found.objective == pytest.approx(best)
        assert holds(problem, found.chosen)
        assert targets_hold(problem, found.chosen)
        assert set(forced) <= set(found.chosen.tolist())
        assert not set(forbidden) & set(found.chosen.tolist())


@pytest.mark.parametrize("seed", range(120, 160))
def test_unreachable_groups_are_the_reason(seed):
    problem, _, forbidden = drawn(seed)
    problem = replace(problem, required=problem.required * 1.2, exclusive=None)
    found = reach_targets(problem, forbidden=forbidden)
    assert (found.status == "infeasible") == bool(unreachable_groups(problem, forbidden))


def test_infeasible_names_groups_and_rows():
    matrix = [[1, 0], [0, 0], [0, 1], [0, 1]]
    problem = problem_of(matrix, [[60, 40, 0, 0], [0, 0, 10, 10]], [90, 20])
    assert unreachable_groups(problem) == [(0, 60.0, 90.0)]
    assert unreachable_groups(problem, forbidden=[1]) == [(0, 60.0, 90.0), (1, 0.0, 20.0)]
    assert reach_targets(problem).unreached.tolist() == [1]
    assert reach_targets(problem, forbidden=[1]).unreached.tolist() == [1, 2, 3]


def test_of_sets_only_those_are_named_of_which_too_few_can_hold():
    matrix, groups = [[1], [0], [0]], np.eye(3)
    problem = problem_of(matrix, groups, np.ones(3), at_least=((np.arange(3), 1),))
    assert unreachable_groups(problem) == []
    assert reach_targets(problem).chosen.tolist() == [0]
    problem = replace(problem, at_least=((np.arange(3), 2),))
    assert [group for group, _, _ in unreachable_groups(problem)] == [1, 2]
    assert reach_targets(problem).status == "infeasible"


def test_a_required_weight_just_reached_counts():
    weights = [[0.1, 0.2, 0.3]]
    problem = problem_of(np.eye(3), weights, [0.6])
    assert reach_targets(problem).objective == 3
    assert reach_targets(replace(problem, required=np.array([0.6 + 1e-12]))).objective == 3
    assert reach_targets(replace(problem, required=np.array([0.6 + 1e-6]))).status == "infeasible"


def test_families_exclude_each_other():
    problem = problem_of([[1, 0, 0], [0, 1, 1]], [[1, 1]], [2], exclusive=np.array([0, 0, -1]))
    assert reach_targets(problem).chosen.tolist() == [0, 2]
    assert reach_targets(problem, forbidden=[2]).status == "infeasible"
    with pytest.raises(ValueError, match="exclude"):
        reach_targets(problem, forced=[0, 1])


def test_targets_that_hold_already_need_nothing():
    problem = problem_of([[1], [1]], [[5, 5]], [5], need=np.array([0, 1]))
    found = reach_targets(problem)
    assert (found.status, found.objective, found.bound, found.chosen.tolist()) == ("optimal", 0.0, 0.0, [])


def test_rows_that_stay_out_are_listed():
    problem = problem_of([[1], [0]], [[9, 1]], [9])
    found = reach_targets(problem)
    assert (found.status, found.unreached.tolist()) == ("optimal", [1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"costs": np.array([-1.0])}, {"costs": np.ones(2)}, {"need": np.ones(3, int)}, {"required": np.array([np.inf])},
        {"at_least": ((np.array([4]), 1),)}, {"exclusive": np.zeros(5, int)},
    ],
)  # fmt: skip
def test_problems_that_do_not_fit_raise(wrong):
    good = problem_of([[1], [1]], [[1, 1]], [1])
    with pytest.raises(ValueError, match=r"."):
        replace(good, **wrong)


def towns(points, sites, seed, townships=9):
    """Return people in a square, and the problem that each township of a grid is served to 90 % of what can be."""
    rng = np.random.default_rng(seed)
    homes, places = rng.random((points, 2)), rng.random((sites, 2))
    near = 1.6 / np.sqrt(sites) > np.hypot(*(homes[:, None] - places[None]).T).T
    people = np.maximum(1, rng.lognormal(3, 1, points).round())
    side = round(townships**0.5)
    where = (homes * side).astype(int) @ [side, 1]
    weights = csr_array((people, (where, np.arange(points))), shape=(townships, points))
    required = np.floor(0.9 * (weights @ near.any(axis=1)))
    return TargetProblem(csr_array(near.astype(float)), np.ones(points, int), np.ones(sites), weights, required)


def test_the_limit_of_time_holds_and_is_not_called_optimal():
    problem = towns(6000, 500, 1)
    reach_targets(towns(50, 10, 1), seconds=5)  # compiles
    started = time.monotonic()
    found = reach_targets(problem, seconds=5)
    assert time.monotonic() - started < 5 * 1.05 + 0.2
    assert (found.status, found.stopped) == ("feasible", "time")
    assert found.bound < found.objective
    assert found.gap < 0.25
    assert targets_hold(problem, found.chosen)


def test_the_same_again():
    problem = towns(400, 60, 2)
    once, again = (reach_targets(problem, seconds=40, seed=5) for _ in range(2))
    assert once.stopped == "proved"
    assert once.chosen.tolist() == again.chosen.tolist()


def test_a_total_that_follows_from_its_parts_changes_nothing():
    problem = towns(300, 40, 3, townships=4)
    total = csr_array(np.asarray(problem.groups.sum(axis=0)).reshape(1, -1))
    whole = csr_array(np.vstack([problem.groups.toarray(), total.toarray()]))
    both = replace(problem, groups=whole, required=np.append(problem.required, problem.required.sum()))
    more = replace(both, required=np.append(problem.required, 0.97 * (total @ np.asarray(problem.matrix.sum(1) > 0))))
    assert reach_targets(both).objective == reach_targets(problem).objective
    assert reach_targets(more).objective > reach_targets(problem).objective
