"""What must hold of every plan for targets: feasible, between bound and greedy, better with more sites, any order."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from carecircle.siting.solvers.setcover import coverable, set_cover
from carecircle.siting.solvers.targets import TargetProblem, reach_targets, targets_hold

_FEW = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10**6)


def drawn(seed: int) -> TargetProblem:
    """Draw a problem whose targets can be reached."""
    rng = np.random.default_rng(seed)
    rows, sites, groups = int(rng.integers(3, 40)), int(rng.integers(2, 14)), int(rng.integers(1, 5))
    matrix = (rng.random((rows, sites)) < 0.25).astype(float)
    need = rng.integers(0, 3, rows) if rng.random() < 0.3 else np.ones(rows, dtype=np.int64)
    weights = np.zeros((groups, rows))
    weights[rng.integers(0, groups, rows), np.arange(rows)] = rng.integers(1, 50, rows)
    required = np.floor(weights @ (matrix.sum(axis=1) >= need) * rng.uniform(0.5, 1.0, groups))
    costs = rng.integers(1, 6, sites).astype(float) if rng.random() < 0.5 else np.ones(sites)
    return TargetProblem(csr_array(matrix), need, costs, csr_array(weights), required)


def greedily(problem: TargetProblem) -> float:
    """Choose the site that adds most weight for its cost again and again (plain, one step ahead); its cost."""
    chosen: list[int] = []
    weights, matrix = problem.groups.toarray(), problem.matrix.toarray()
    while not targets_hold(problem, chosen):

        def worth(site: int) -> float:
            count = matrix[:, [*chosen, site]].sum(axis=1)
            part = np.minimum(1.0, count / np.maximum(problem.need, 1))
            return float(np.minimum(weights @ part, problem.required).sum() / problem.costs[site])

        left = [site for site in range(len(problem.costs)) if site not in chosen]
        chosen.append(max(left, key=worth))
    return float(problem.costs[chosen].sum())


@_FEW
@given(seeds)
def test_feasible_and_between_bound_and_greedy(seed: int) -> None:
    problem = drawn(seed)
    found = reach_targets(problem, seconds=20, seed=seed)
    assert targets_hold(problem, found.chosen)
    assert found.objective == problem.costs[found.chosen].sum()
    assert found.bound <= found.objective <= greedily(problem)
    assert (found.status == "optimal") == (found.bound == found.objective)


@_FEW
@given(seeds)
def test_a_further_candidate_is_never_worse(seed: int) -> None:
    problem = drawn(seed)
    rng = np.random.default_rng(seed)
    matrix = np.hstack([problem.matrix.toarray(), (rng.random((len(problem.need), 1)) < 0.3).astype(float)])
    more = replace(problem, matrix=csr_array(matrix), costs=np.append(problem.costs, 1.0))
    assert reach_targets(more, seconds=20).objective <= reach_targets(problem, seconds=20).objective


@_FEW
@given(seeds)
def test_lower_targets_are_never_dearer(seed: int) -> None:
    problem = drawn(seed)
    lower = replace(problem, required=np.floor(problem.required * 0.8))
    assert reach_targets(lower, seconds=20).objective <= reach_targets(problem, seconds=20).objective


@_FEW
@given(seeds)
def test_order_does_not_matter(seed: int) -> None:
    problem = drawn(seed)
    rng = np.random.default_rng(seed)
    rows, sites = rng.permutation(len(problem.need)), rng.permutation(len(problem.costs))
    groups = rng.permutation(len(problem.required))
    other = TargetProblem(
        csr_array(problem.matrix.toarray()[rows][:, sites]),
        problem.need[rows],
        problem.costs[sites],
        csr_array(problem.groups.toarray()[groups][:, rows]),
        problem.required[groups],
    )
    assert reach_targets(other, seconds=20).objective == reach_targets(problem, seconds=20).objective


@_FEW
@given(seeds)
def test_set_cover_is_feasible_and_bounded(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = csr_array((rng.random((int(rng.integers(2, 60)), int(rng.integers(2, 25)))) < 0.15).astype(float))
    need = rng.integers(0, 3, matrix.shape[0])
    keep = coverable(matrix, need)
    found = set_cover(csr_array(matrix[keep]), need=need[keep], seconds=20, seed=seed)
    assert np.all(np.asarray(matrix[keep][:, found.chosen].sum(axis=1)) >= need[keep])
    assert found.bound <= found.objective <= matrix.shape[1]
    backup = set_cover(csr_array(matrix[keep]), need=np.minimum(need[keep], 1), seconds=20, seed=seed)
    assert backup.objective <= found.objective
