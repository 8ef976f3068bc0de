"""Of the smallest plans: idle property first, then people; and never more centres than the smallest plan has."""

import numpy as np
from scipy.sparse import csr_array

from carecircle.siting.second import Wishes, best_of_the_smallest
from carecircle.siting.solvers.solution import Solution
from carecircle.siting.solvers.targets import TargetProblem

NONE = np.empty(0, dtype=np.int64)


def asked(matrix, costs):
    """All rows must be satisfied."""
    rows = len(matrix)
    one, cost, everything = np.ones(rows, np.int64), np.array(costs, float), csr_array(np.ones((1, rows)))
    return TargetProblem(csr_array(np.array(matrix, float)), one, cost, everything, np.array([float(rows)]))


def better(problem, chosen, welcome, people, weight):
    best = Solution(np.array(chosen), "optimal", float(problem.costs[chosen].sum()), 0.0, 0.0, "proved", "test")
    wishes = Wishes(np.array(welcome, bool), csr_array(np.array(people, float)), np.array(weight, float))
    return best_of_the_smallest(problem, best, wishes, fixed=(NONE, NONE), seconds=10, seed=0)


def test_idle_property_that_helps_nobody_is_not_built_because_it_is_free():
    chosen, sure = better(asked([[1, 0, 0, 0]], [5, 0, 0, 0]), [0], [0, 1, 1, 1], np.zeros((1, 4)), [0])
    assert (chosen.tolist(), sure) == ([0], True)


def test_idle_property_goes_before_people():
    people = [[0, 1, 0], [0, 0, 1]]
    chosen, sure = better(asked([[1, 1, 1]], [1, 1, 1]), [0], [0, 1, 0], people, [3, 900])
    assert (chosen.tolist(), sure) == ([1], True)


def test_then_people_decide():
    people = [[0, 1, 0], [0, 0, 1]]
    chosen, sure = better(asked([[1, 1, 1]], [1, 1, 1]), [0], [0, 0, 0], people, [3, 900])
    assert (chosen.tolist(), sure) == ([2], True)


def test_a_dearer_choice_is_none():
    people = [[0, 1], [0, 1]]
    chosen, _ = better(asked([[1, 1]], [1, 2]), [0], [0, 1], people, [3, 900])
    assert chosen.tolist() == [0]
