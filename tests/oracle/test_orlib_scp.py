"""Set cover against the optima of published instances (OR-Library), and the reader of their format.

Optima: J. E. Beasley (1987), "An algorithm for set covering problems", EJOR 31, 85-93 (4-6, A-E); instances: J. E.
Beasley (1990), "OR-Library: distributing test problems by electronic mail", JORS 41(11), 1069-1072. The files are
read from the folder named by the environment variable CARECIRCLE_ORLIB; without it these tests are skipped.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from carecircle.siting.published import read_scp, read_scp_by_columns
from carecircle.siting.solvers.setcover import set_cover

FOLDER = os.environ.get("CARECIRCLE_ORLIB")
OPTIMA = {
    "scp41": 429, "scp42": 512, "scp51": 253, "scp61": 138, "scpa1": 253, "scpb1": 69, "scpc1": 227, "scpd1": 60,
    "scpe1": 5,
}  # fmt: skip


@pytest.mark.parametrize(("name", "optimum"), OPTIMA.items())
def test_published_optima(name: str, optimum: int) -> None:
    path = Path(FOLDER or "") / f"{name}.txt"
    if not FOLDER or not path.is_file():
        pytest.skip("no OR-Library files: name their folder in CARECIRCLE_ORLIB")
    matrix, costs = read_scp(path)
    found = set_cover(matrix, costs=costs, seconds=60)
    covered = np.asarray(matrix[:, found.chosen].sum(axis=1)).ravel()
    assert covered.min() >= 1
    assert costs[found.chosen].sum() == found.objective == optimum
    assert found.bound <= optimum


def test_reader_by_rows(tmp_path: Path) -> None:
    path = tmp_path / "small.txt"
    path.write_text(" 3 4 \n 2 3 1 \n 9 \n 2 \n 1 2 \n 1 \n 3 \n 3 \n 2 3 4 \n", "ascii")
    matrix, costs = read_scp(path)
    assert costs.tolist() == [2, 3, 1, 9]
    assert matrix.toarray().tolist() == [[1, 1, 0, 0], [0, 0, 1, 0], [0, 1, 1, 1]]
    found = set_cover(matrix, costs=costs)
    assert (found.chosen.tolist(), found.objective, found.status) == ([0, 2], 3.0, "optimal")


def test_reader_by_columns(tmp_path: Path) -> None:
    path = tmp_path / "rail.txt"
    path.write_text(" 3 4 \n 2 1 1 \n 3 2 1 3 \n 1 2 2 3 \n 9 1 3 \n", "ascii")
    matrix, costs = read_scp_by_columns(path)
    assert costs.tolist() == [2, 3, 1, 9]
    assert matrix.toarray().tolist() == [[1, 1, 0, 0], [0, 0, 1, 0], [0, 1, 1, 1]]


@pytest.mark.parametrize("text", ["", "3", "a b", "2 2 1 1 1 1 5 1", "2 2 1 1 1 1 1 7", "1 1 1 1 1 1", "1 3 1"])
def test_broken_files_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.txt"
    path.write_text(text, "ascii")
    with pytest.raises(ValueError, match=r"broken\.txt"):
        read_scp(path)
