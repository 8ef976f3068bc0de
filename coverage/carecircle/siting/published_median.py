"""Read the p-median problems of the OR-Library, to compare with published results.

The files are not part of this project: J. E. Beasley (1990), OR-Library: distributing test problems by electronic
mail, Journal of the Operational Research Society 41(11), 1069-1072; the problems are those of J. E. Beasley (1985), A
note on solving large p-median problems, European Journal of Operational Research 21, 270-273.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path


@dataclass(frozen=True, eq=False)
class PublishedMedian:
    """A problem whose points are also its sites.

    Parameters
    ----------
    distances
        Along the edges, (vertices, vertices), infinite where there is no way.
    sites
        How many are to be chosen.
    """

    distances: NDArray[np.float64]
    sites: int


def read_pmed(path: str | Path) -> PublishedMedian:
    """Read a file ``pmed*.txt``: vertices, edges, p, then two ends and the cost of each edge.

    Where an edge is given more than once, the last cost counts, not the least, as the OR-Library says.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ValueError
        It does not hold what its first line says.
    """
    values = np.array(Path(path).read_text(encoding="ascii").split(), dtype=float)
    if len(values) < 3 or len(values) != 3 + 3 * int(values[1]):
        raise ValueError(f"{path} is not a p-median problem of the OR-Library")
    vertices, sites = int(values[0]), int(values[2])
    edges = values[3:].reshape(-1, 3)
    ends = edges[:, :2].astype(int) - 1
    if np.any((ends < 0) | (ends >= vertices)):
        raise ValueError(f"{path} has an edge to a vertex that is not there")
    cost = np.full((vertices, vertices), np.inf)
    for (start, end), length in zip(ends.tolist(), edges[:, 2].tolist(), strict=True):
        cost[start, end] = cost[end, start] = length
    np.fill_diagonal(cost, np.inf)
    rows, columns = np.nonzero(np.isfinite(cost))
    graph = csr_array((cost[rows, columns], (rows, columns)), shape=cost.shape)
    return PublishedMedian(shortest_path(graph, directed=False), sites)
