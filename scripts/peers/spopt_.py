"""Siting by PySAL spopt with HiGHS: maximum coverage and full cover on a dense matrix, as its manual shows.

Existing sites are dealt with before, as for the others: what they cover weighs nothing, and they are no candidates.
The limit is given to HiGHS; building the model comes on top. Memory is bounded, so that a matrix that does not fit
fails instead of taking the machine with it.
"""

from __future__ import annotations

import resource
from typing import Any

import numpy as np
import pulp
from harness import Job, Task, main
from scipy.sparse import csr_array
from siting_instances import instance
from siting_tables import Answer, left_over, note
from spopt.locate import LSCP, MCLP

MEMORY = 16 * 2**30


def begin(job: Job) -> dict[str, Any]:
    """Draw the instance."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    return instance(job["size"])


def maximum(job: Job, place: dict[str, Any]) -> Answer:
    """Most people with p new sites."""
    weights, columns = left_over(place), place["candidates"]
    rows = np.flatnonzero(weights > 0)
    model = MCLP.from_cost_matrix(_distances(place, rows), weights[rows], 0.5, p_facilities=place["p"])
    return _solved(model, job, columns)


def cover(job: Job, place: dict[str, Any]) -> Answer:
    """Fewest sites for all points that can be reached."""
    columns = place["candidates"]
    reached = np.diff(csr_array(place["matrix"][:, columns]).indptr) > 0
    model = LSCP.from_cost_matrix(_distances(place, np.flatnonzero(reached & ~place["covered"])), 0.5)
    return _solved(model, job, columns)


def _distances(place: dict[str, Any], rows: np.ndarray) -> np.ndarray:
    """Write 0 for within reach and 1 for beyond it, dense, as spopt wants it."""
    return 1.0 - csr_array(place["matrix"][rows][:, place["candidates"]]).astype(np.float64).toarray()


def _solved(model: Any, job: Job, columns: np.ndarray) -> Answer:
    model = model.solve(pulp.HiGHS(msg=False, timeLimit=job["limit_seconds"]), results=False)
    variables = model.fac_vars
    chosen = np.array([i for i, one in enumerate(variables) if one.varValue and one.varValue > 0.5], dtype=np.int64)
    bound = model.problem.solverModel.getInfo().mip_dual_bound
    says = pulp.LpStatus[model.problem.status].lower()
    return Answer(columns[chosen], float("nan"), abs(bound), says)


if __name__ == "__main__":
    main(
        packages=["spopt", "pulp", "highspy"],
        setup=begin,
        tasks={"maximum:spopt": Task(maximum, note), "cover:spopt": Task(cover, note)},
    )
