"""Set cover: cheapest sites so that every row is reached, once or as often as it needs (backup cover)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from carecircle.siting.solvers.kernels_targets import Bools
from carecircle.siting.solvers.solution import Floats, Ints, Solution
from carecircle.siting.solvers.targets import TargetProblem, reach_targets

Columns = Sequence[int] | Ints


def set_cover(
    matrix: csr_array,
    *,
    costs: ArrayLike | None = None,
    need: ArrayLike | None = None,
    forced: Columns = (),
    forbidden: Columns = (),
    seconds: float = 60.0,
    seed: int = 0,
) -> Solution:
    """Choose the fewest or cheapest columns so that each row has as many of them as it needs.

    The location set covering problem (Toregas, Swain, ReVelle and Bergman 1971, "The location of emergency service
    facilities", Operations Research 19(6)); weighted; with `need` 2, backup cover (Hogan and ReVelle 1986, Management
    Science 32(11)).

    Parameters
    ----------
    matrix
        Rows x columns; an entry other than 0 = within reach.
    costs
        Of the columns, at least 0; 1 each by default.
    need
        Columns that each row needs; 1 by default, 0 for rows covered already.
    forced, forbidden
        Columns that must, that must not be chosen.
    seconds
        Limit of wall-clock time.
    seed
        Of the search.

    Returns
    -------
    Solution
        ``"infeasible"`` with the rows in `unreached` where a row cannot have what it needs: leave them out with
        `coverable` and solve again.

    Raises
    ------
    ValueError
        Arguments that do not fit the matrix.

    Examples
    --------
    >>> matrix = csr_array(np.array([[1, 1, 0], [0, 1, 1], [0, 1, 0]]))
    >>> set_cover(matrix).chosen
    array([1])
    """
    matrix = csr_array(matrix)
    rows, columns = matrix.shape
    problem = TargetProblem(
        matrix,
        np.ones(rows, dtype=np.int64) if need is None else np.asarray(need, dtype=np.int64),
        np.ones(columns) if costs is None else np.asarray(costs, dtype=float),
        csr_array(np.ones((1, rows))),
        np.full(1, float(rows)),
    )
    return reach_targets(problem, forced=forced, forbidden=forbidden, seconds=seconds, seed=seed)


def coverable(matrix: csr_array, need: ArrayLike | None = None, forbidden: Columns = ()) -> Bools:
    """Find the rows that can have as many columns as they need.

    Parameters
    ----------
    matrix
        Rows x columns; an entry other than 0 = within reach.
    need
        Columns that each row needs; 1 by default.
    forbidden
        Columns that must not be chosen.

    Examples
    --------
    >>> coverable(csr_array(np.array([[1, 1], [1, 0], [0, 0]])), [2, 1, 1]).tolist()
    [True, True, False]
    """
    matrix = csr_array(matrix)
    allowed = np.ones(matrix.shape[1], dtype=np.int64)
    allowed[np.asarray(forbidden, dtype=np.int64)] = 0
    wanted: Floats | Ints = np.ones(matrix.shape[0]) if need is None else np.asarray(need)
    reached: Bools = np.asarray((matrix != 0).astype(np.int64) @ allowed) >= wanted
    return reached
