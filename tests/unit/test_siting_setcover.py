"""Set cover and backup cover beside enumeration of all choices."""

import itertools
import time

import numpy as np
import pytest
from scipy.sparse import csr_array

from carecircle.siting.solvers.setcover import coverable, set_cover


def cheapest(matrix, costs, need, forced=(), forbidden=()):
    """Return the least cost of all choices that satisfy every row, infinite if there is none."""
    best = np.inf
    free = [j for j in range(matrix.shape[1]) if j not in forbidden and j not in forced]
    for size in range(len(free) + 1):
        for choice in itertools.combinations(free, size):
            columns = [*choice, *forced]
            if (matrix[:, columns].sum(axis=1) >= need).all():
                best = min(best, costs[columns].sum())
    return best


@pytest.mark.parametrize("seed", range(40))
def test_small_cases_are_optimal(seed):
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(1, 15)), int(rng.integers(1, 10))
    matrix = (rng.random((rows, columns)) < 0.4).astype(int)
    costs = rng.choice([np.ones(columns), rng.integers(0, 5, columns), rng.random(columns).round(3)])
    need = rng.integers(0, 3, rows)
    forced = tuple(rng.permutation(columns)[: rng.integers(0, 2)].tolist())
    forbidden = tuple(j for j in rng.permutation(columns)[: rng.integers(0, 3)].tolist() if j not in forced)
    found = set_cover(csr_array(matrix), costs=costs, need=need, forced=forced, forbidden=forbidden, seed=seed)
    best = cheapest(matrix, costs, need, forced, forbidden)
    if np.isinf(best):
        assert (found.status, found.stopped) == ("infeasible", "proved")
        short = ~coverable(csr_array(matrix), need, forbidden)
        assert found.unreached.tolist() == np.flatnonzero(short).tolist()
        assert short.any()
    else:
        assert found.status == "optimal"
        assert found.objective == pytest.approx(best)
        assert set(forced) <= set(found.chosen.tolist())
        assert not set(forbidden) & set(found.chosen.tolist())
        assert (matrix[:, found.chosen].sum(axis=1) >= need).all()


def test_infeasible_names_its_rows_and_leaving_them_out_solves_the_rest():
    matrix = csr_array(np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]))
    need = np.array([2, 1, 1, 1])
    found = set_cover(matrix, need=need, forbidden=[1])
    assert found.status == "infeasible"
    assert found.unreached.tolist() == [0, 1]
    assert np.isnan(found.objective)
    keep = coverable(matrix, need, forbidden=[1])
    assert set_cover(csr_array(matrix[keep]), need=need[keep], forbidden=[1]).chosen.tolist() == [0, 2]


def test_entries_count_whatever_their_value():
    minutes = csr_array((np.array([7.5, 0.0, 3.0]), ([0, 1, 1], [0, 0, 1])), shape=(2, 2))
    assert set_cover(minutes.astype(bool).astype(float), need=[1, 1]).objective == 2


@pytest.mark.parametrize("rows", [0, 3])
def test_nothing_to_cover_costs_nothing(rows):
    found = set_cover(csr_array((rows, 4)), need=np.zeros(rows))
    assert (found.status, found.objective, found.chosen.tolist()) == ("optimal", 0.0, [])


def test_forced_sites_stay_even_where_nothing_needs_them():
    found = set_cover(csr_array(np.array([[1, 0, 1]])), forced=[1])
    assert found.chosen.tolist() == [0, 1]
    assert found.objective == 2


@pytest.mark.parametrize(
    "wrong",
    [{"costs": [1.0, -1.0]}, {"costs": [1.0]}, {"need": [1, 1]}, {"forced": [2]}, {"forced": [0], "forbidden": [0]}],
)
def test_wrong_arguments_raise(wrong):
    with pytest.raises(ValueError, match=r"."):
        set_cover(csr_array(np.array([[1, 1]])), **wrong)


def scattered(rows, columns, seed, reach=4):
    """Return a random matrix with so many columns in reach of each row."""
    rng = np.random.default_rng(seed)
    at = np.concatenate([rng.choice(columns, reach, replace=False) for _ in range(rows)])
    return csr_array((np.ones(rows * reach), (np.repeat(np.arange(rows), reach), at)), shape=(rows, columns))


def test_the_limit_of_time_holds_and_is_not_called_optimal():
    matrix = scattered(1500, 400, 1)
    set_cover(matrix[:5], seconds=5)  # compiles
    started = time.monotonic()
    found = set_cover(matrix, seconds=4)
    assert time.monotonic() - started < 4 * 1.05 + 0.2
    assert found.status == "feasible"
    assert found.stopped == "time"
    assert found.bound < found.objective
    assert np.asarray(matrix[:, found.chosen].sum(axis=1)).min() >= 1


def test_the_same_again():
    matrix = scattered(120, 60, 2)
    once, again = (set_cover(matrix, seconds=30, seed=3) for _ in range(2))
    assert once.stopped == "proved"
    assert once.chosen.tolist() == again.chosen.tolist()
    assert once.objective == again.objective == once.bound
