"""What sites add, in turn and by themselves, and what would stand in for them: against counting one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from carecircle.siting.worth import greedy_curve, worth_of


def random_case(seed, rows=25, columns=9):
    rng = np.random.default_rng(seed)
    matrix = csr_array((rng.random((rows, columns)) < 0.25).astype(float))
    return matrix, rng.integers(0, 9, rows).astype(float), np.sort(rng.choice(columns, 4, replace=False))


def people(matrix, weight, columns):
    reached = (
        np.asarray(matrix.toarray()[:, sorted(columns)].sum(axis=1)) > 0
        if len(columns)
        else np.zeros(len(weight), bool)
    )
    return float(weight[reached].sum())


@given(st.integers(0, 10_000))
def test_gains_add_up_and_each_is_the_best_of_what_is_left(seed):
    matrix, weight, chosen = random_case(seed)
    found = worth_of(matrix, weight, chosen)
    assert sorted(found.order) == sorted(chosen)
    assert found.gain.sum() == people(matrix, weight, chosen)
    for place in range(len(chosen)):
        before = list(found.order[:place])
        adds = {
            one: people(matrix, weight, [*before, one]) - people(matrix, weight, before) for one in found.order[place:]
        }
        assert adds[found.order[place]] == max(adds.values()) == found.gain[place]


@given(st.integers(0, 10_000))
def test_what_only_a_site_reaches_and_its_best_rival(seed):
    matrix, weight, chosen = random_case(seed)
    found = worth_of(matrix, weight, chosen)
    for place, one in enumerate(found.order):
        others = [other for other in chosen if other != one]
        assert found.own[place] == people(matrix, weight, chosen) - people(matrix, weight, others)
        free = [other for other in range(matrix.shape[1]) if other not in chosen]
        brings = {other: people(matrix, weight, [*others, other]) - people(matrix, weight, others) for other in free}
        assert found.rival_gain[place] == max(brings.values())
        if found.rival[place] >= 0:
            assert found.rival[place] == min(other for other in free if brings[other] == max(brings.values()))


def test_forbidden_sites_are_no_rivals():
    matrix = csr_array(np.array([[1.0, 1.0, 1.0]]))
    found = worth_of(matrix, np.array([3.0]), np.array([0]), allowed=np.array([True, False, True]))
    assert found.rival.tolist() == [2]


@given(st.integers(0, 10_000))
def test_the_curve_grows_ever_more_slowly_and_ends_with_all_that_can_be_reached(seed):
    matrix, weight, _ = random_case(seed)
    curve = greedy_curve(matrix, weight, 99)
    steps = np.diff(curve)
    assert (steps > 0).all()
    assert (np.diff(steps) <= 0).all()
    assert curve[-1] == people(matrix, weight, range(matrix.shape[1]))


def test_a_curve_is_cut_where_it_is_asked_to():
    assert greedy_curve(csr_array(np.eye(5)), np.arange(1.0, 6.0), 2).tolist() == [0.0, 5.0, 9.0]


@pytest.mark.parametrize("columns", [0, 3])
def test_nothing_chosen(columns):
    found = worth_of(csr_array((4, columns)), np.ones(4), np.empty(0, dtype=np.int64))
    assert len(found.order) == len(found.gain) == 0
