"""The p-median and p-centre problems of the OR-Library against their published optima.

The files are not part of this project. Where the folder named by CARECIRCLE_ORLIB holds ``pmed1.txt`` and so on (from
J. E. Beasley's OR-Library), they are solved; a file in the same format written here always is.

Sources: p-median, file ``pmedopt`` of the OR-Library (J. E. Beasley 1990, OR-Library: distributing test problems by
electronic mail, Journal of the Operational Research Society 41(11), 1069-1072). p-centre, the same files: M. S. Daskin
(2000), A new approach to solving the vertex p-center problem to optimality, Communications of the Operations Research
Society of Japan 45(9), 428-436; also W. Pullan (2008), A memetic genetic algorithm for the vertex p-center problem,
Evolutionary Computation 16(3), 417-436.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from carecircle.siting.published_median import read_pmed
from carecircle.siting.solvers.center import p_center
from carecircle.siting.solvers.median import p_median

# fmt: off
MEDIANS = {
    1: 5819, 2: 4093, 3: 4250, 4: 3034, 5: 1355, 6: 7824, 7: 5631, 8: 4445, 9: 2734, 10: 1255,
    11: 7696, 12: 6634, 13: 4374, 14: 2968, 15: 1729, 16: 8162, 17: 6999, 18: 4809, 19: 2845, 20: 1789,
    21: 9138, 22: 8579, 23: 4619, 24: 2961, 25: 1828, 26: 9917, 27: 8307, 28: 4498, 29: 3033, 30: 1989,
    31: 10086, 32: 9297, 33: 4700, 34: 3013, 35: 10400, 36: 9934, 37: 5057, 38: 11060, 39: 9423, 40: 5128,
}
CENTERS = {
    1: 127, 2: 98, 3: 93, 4: 74, 5: 48, 6: 84, 7: 64, 8: 55, 9: 37, 10: 20,
    11: 59, 12: 51, 13: 36, 14: 26, 15: 18, 16: 47, 17: 39, 18: 28, 19: 18, 20: 13,
    21: 40, 22: 38, 23: 22, 24: 15, 25: 11, 26: 38, 27: 32, 28: 18, 29: 13, 30: 9,
    31: 30, 32: 29, 33: 15, 34: 11, 35: 30, 36: 27, 37: 15, 38: 29, 39: 23, 40: 13,
}
# fmt: on
# Proven within seconds; for the others the optimum must be reached.
QUICK_MEDIANS = [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 25, 30, 34, 37, 40]
QUICK_CENTERS = [1, 2, 3, 4, 5, 6, 10, 11, 16, 20, 21, 25, 30, 31, 40]
slow = pytest.mark.slow


def numbers(quick, every):
    return [number if number in quick else pytest.param(number, marks=slow) for number in every]


@pytest.fixture
def problem():
    """A function from a number to the problem; skips where there is no file."""
    folder = os.environ.get("CARECIRCLE_ORLIB")
    if not folder:
        pytest.skip("no files of the OR-Library: set CARECIRCLE_ORLIB")

    def read(number):
        path = Path(folder) / f"pmed{number}.txt"
        if not path.exists():
            pytest.skip(f"no {path.name} in CARECIRCLE_ORLIB")
        return read_pmed(path)

    return read


@pytest.mark.parametrize("number", numbers(QUICK_MEDIANS, MEDIANS))
def test_p_median(problem, number):
    given = problem(number)
    plan = p_median(given.distances, np.ones(len(given.distances)), given.sites, seconds=60)
    assert plan.objective == MEDIANS[number]
    assert plan.bound <= MEDIANS[number]
    if number in QUICK_MEDIANS:
        assert plan.status == "optimal"


@pytest.mark.parametrize("number", numbers(QUICK_CENTERS, CENTERS))
def test_p_center(problem, number):
    given = problem(number)
    plan = p_center(given.distances, given.sites, seconds=120)
    assert plan.bound <= CENTERS[number] <= plan.objective
    if number in QUICK_CENTERS:
        assert (plan.status, plan.objective) == ("optimal", CENTERS[number])


def test_of_an_edge_given_twice_the_last_cost_counts(tmp_path):
    path = tmp_path / "pmed.txt"
    path.write_text(" 5 6 2\n 1 2 3\n 2 3 1 \n 3 4 4\n4 5 2\n 1 2 9\n 4 3 1\n", encoding="ascii")
    given = read_pmed(path)
    assert given.sites == 2
    assert given.distances[0].tolist() == [0, 9, 10, 11, 13]
    assert given.distances[2, 3] == given.distances[3, 2] == 1
    assert p_median(given.distances, np.ones(5), given.sites).objective == 5
    assert p_center(given.distances, given.sites).objective == 2


def test_a_problem_in_two_parts_has_no_way_between_them(tmp_path):
    path = tmp_path / "pmed.txt"
    path.write_text("4 2 1\n1 2 5\n3 4 0\n", encoding="ascii")
    distances = read_pmed(path).distances
    assert np.isinf(distances[0, 2])
    assert distances[2, 3] == 0


@pytest.mark.parametrize("content", ["", "5 2 1\n1 2 3\n", "2 1 1\n1 3 4\n"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "pmed.txt"
    path.write_text(content, encoding="ascii")
    with pytest.raises(ValueError, match="pmed"):
        read_pmed(path)
