"""Published set-covering instances: the text formats of J. E. Beasley's OR-Library.

J. E. Beasley (1990), "OR-Library: distributing test problems by electronic mail", Journal of the Operational Research
Society 41(11), 1069-1072. The files themselves are not part of this package.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from carecircle.siting.solvers.solution import Floats, Ints


class Covering(NamedTuple):
    """Rows x columns (1 = the column covers the row), and what the columns cost."""

    matrix: csr_array
    costs: Floats


def read_scp(path: str | Path) -> Covering:
    """Read a file of the sets 4-6, A-E, NRE-NRH, CLR or CYC: costs, then the columns of each row.

    Parameters
    ----------
    path
        Text of whole numbers: rows, columns, the cost of each column; for each row how many columns cover it, and
        which (from 1).

    Raises
    ------
    ValueError
        The numbers do not add up to such a file.
    """
    path = Path(path)
    numbers = _numbers(path)
    rows, columns = int(numbers[0]), int(numbers[1])
    costs = numbers[2 : 2 + columns].astype(float)
    if len(costs) != columns:
        raise _broken(path)
    lists, _ = _lists(path, numbers[2 + columns :], rows, before=0)
    return Covering(_matrix(path, lists, (rows, columns)), costs)


def read_scp_by_columns(path: str | Path) -> Covering:
    """Read a file of the rail set: for each column its cost, how many rows it covers, and which (from 1).

    Parameters
    ----------
    path
        Text of whole numbers that begins with rows and columns.

    Raises
    ------
    ValueError
        The numbers do not add up to such a file.
    """
    path = Path(path)
    numbers = _numbers(path)
    rows, columns = int(numbers[0]), int(numbers[1])
    lists, costs = _lists(path, numbers[2:], columns, before=1)
    return Covering(csr_array(_matrix(path, lists, (columns, rows)).T), costs.astype(float))


def _numbers(path: Path) -> Ints:
    try:
        numbers = np.array(path.read_text("ascii").split(), dtype=np.int64)
    except ValueError:
        raise _broken(path) from None
    if len(numbers) < 2 or numbers[:2].min() < 0:
        raise _broken(path)
    return numbers


def _broken(path: Path) -> ValueError:
    return ValueError(f"{path}: not a set-covering file of the OR-Library")


def _lists(path: Path, numbers: Ints, count: int, *, before: int) -> tuple[list[Ints], Ints]:
    """Split into lists that begin with their length; `before` numbers stand in front of each, the first is returned."""
    found, fronts, at = [], [], 0
    for _ in range(count):
        start = at + before + 1
        if start > len(numbers):
            raise _broken(path)
        fronts.append(numbers[at])
        at = start + int(numbers[start - 1])
        found.append(numbers[start:at] - 1)
    if at != len(numbers):
        raise _broken(path)
    return found, np.array(fronts, dtype=np.int64)


def _matrix(path: Path, lists: list[Ints], shape: tuple[int, int]) -> csr_array:
    starts = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    entries = np.concatenate([*lists, np.empty(0, np.int64)]).astype(np.int64)
    if len(entries) and not 0 <= entries.min() <= entries.max() < shape[1]:
        raise _broken(path)
    matrix = csr_array((np.ones(len(entries)), entries, starts), shape=shape)
    matrix.sort_indices()
    return matrix
