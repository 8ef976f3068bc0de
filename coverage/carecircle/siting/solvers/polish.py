"""Exact improvement of a choice, region by region: all else stays, the region's own sites are chosen anew by HiGHS."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from carecircle.siting.solvers.cover import CoverProblem, merge_rows, rows_of
from carecircle.siting.solvers.maximum_model import limited_model, start_of
from carecircle.siting.solvers.milp import solve_milp
from carecircle.siting.solvers.regions import cut_regions
from carecircle.siting.solvers.search import Found
from carecircle.siting.solvers.solution import Clock, Ints

_EACH = 15.0  # seconds for a region at most
_LEAST = 0.5  # seconds below which no solver is started


def polish(problem: CoverProblem, found: Found, clock: Clock, *, size: int, seed: int) -> Found:
    """Choose anew in each region in turn (a large-neighbourhood search, Shaw 1998).

    Parameters
    ----------
    problem, found
        What is found is not worse.
    clock
        Regions for which no time is left stay as they are (``cut`` tells).
    size
        Columns of a region, about.
    seed
        Of HiGHS.
    """
    parts = max(1, round(len(problem.original) / size))
    region = cut_regions(problem, parts)
    cut = found.cut
    for part in range(parts):
        if clock.left() < _LEAST:
            return Found(found.chosen, found.value, cut=True)
        chosen, whole = _anew(problem, found.chosen, np.flatnonzero(region == part), clock, seed)
        cut, value = cut or not whole, problem.value(chosen)
        if value > found.value and problem.limits.allows(chosen):
            found = Found(chosen, value)
    return Found(found.chosen, found.value, cut)


def _anew(problem: CoverProblem, chosen: Ints, columns: Ints, clock: Clock, seed: int) -> tuple[Ints, bool]:
    """Choose among these columns anew; return all that is chosen then, and whether it was solved to the end."""
    others = np.setdiff1d(chosen, columns)
    open_rows = np.ones(len(problem.weights), dtype=bool)
    open_rows[rows_of(problem.columns, others)] = False
    part = csr_array(problem.columns[:, columns])
    open_rows &= np.diff(part.indptr) > 0
    if not open_rows.any():
        return chosen, True
    rows, weights = merge_rows(csr_array(part[open_rows]), problem.weights[open_rows])
    start = start_of(rows, np.flatnonzero(np.isin(columns, chosen)))
    model = limited_model(rows, weights, problem.limits.without(others).of(columns))
    gap = 1e-6 * float(weights.sum())
    found = solve_milp(model, seconds=min(_EACH, clock.left()), start=start, seed=seed, mip_abs_gap=gap)
    if found.x is None:
        return chosen, False
    new = columns[found.x[: len(columns)] > 0.5]
    return np.union1d(others, new).astype(np.int64), found.status == "optimal"
