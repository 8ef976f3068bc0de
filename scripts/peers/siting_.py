"""Siting on clustered instances by carecircle, and by HiGHS alone on the same model under the same limit.

Tasks are named ``problem:who``: ``maximum`` (most people with p new sites), ``cover`` (fewest sites for all that can be
reached) and ``targets`` (fewest sites so that each of 25 townships, and all together, reach 90 %). HiGHS alone gets
rows of the same sites added up, as any modeller would do, and no solution to begin with. It runs in a process that is
killed at the limit; what it had found by then counts. All objectives are counted anew from the whole matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Job, Task, main
from scipy.sparse import csr_array, eye_array, hstack, vstack
from siting_instances import instance
from siting_tables import Answer, covered, left_over, note, open_rows, townships_of

from carecircle.siting.solvers.maximum import maximum_coverage
from carecircle.siting.solvers.maximum_model import limited_model
from carecircle.siting.solvers.milp import Milp, MilpResult, solve_milp

SHARE = 0.9


def begin(job: Job) -> dict[str, Any]:
    """Draw the instance, and have the searches compiled."""
    tiny = csr_array(np.eye(3, dtype=bool))
    maximum_coverage(tiny, np.ones(3), sites=1, seconds=30)
    return instance(job["size"])


def maximum(job: Job, place: dict[str, Any]) -> Answer:
    """Most people with p new sites, by carecircle."""
    weights = left_over(place)
    built, seconds = place["existing"], job["limit_seconds"]
    found = maximum_coverage(place["matrix"], weights, sites=place["p"], forbidden=built, seconds=seconds)
    return Answer(found.chosen, found.objective, found.bound, found.status)


def maximum_highs(job: Job, place: dict[str, Any]) -> Answer:
    """Most people with p new sites, by HiGHS alone."""
    from carecircle.siting.solvers.cover import Limits  # noqa: PLC0415  beside its only use

    rows, weights, columns = open_rows(place)
    group = np.zeros(len(columns), np.int64)
    limits = Limits(group, np.ones(len(columns)), np.array([float(place["p"])]))
    found = solve_milp(limited_model(rows, weights, limits), seconds=job["limit_seconds"])
    chosen = _chosen(found, columns)
    return Answer(chosen, covered(place, chosen), found.bound, found.status)


def cover(job: Job, place: dict[str, Any]) -> Answer:
    """Fewest sites for all points that can be reached, by carecircle."""
    from carecircle.siting.solvers.setcover import set_cover  # noqa: PLC0415  compiles at its first use

    rows, _, columns = open_rows(place)
    found = set_cover(rows, seconds=job["limit_seconds"])
    return Answer(columns[found.chosen], found.objective, found.bound, found.status)


def cover_highs(job: Job, place: dict[str, Any]) -> Answer:
    """Fewest sites for all points that can be reached, by HiGHS alone."""
    rows, _, columns = open_rows(place)
    count, sites = rows.shape
    none, least = np.zeros(sites), np.ones(count)
    matrix = csr_array(rows.astype(np.float64))
    model = Milp(np.ones(sites), none, none + 1, none == 0, matrix, least, np.full(count, np.inf))
    found = solve_milp(model, seconds=job["limit_seconds"])
    return Answer(_chosen(found, columns), found.objective, found.bound, found.status)


def targets(job: Job, place: dict[str, Any]) -> Answer:
    """Fewest sites so that all targets hold, by carecircle."""
    from carecircle.siting.solvers.targets import TargetProblem, reach_targets  # noqa: PLC0415  compiles at first use

    groups, required = townships_of(place, SHARE)
    sites = place["matrix"].shape[1]
    need = np.where(place["covered"], 0, 1).astype(np.int64)
    problem = TargetProblem(place["matrix"], need, np.ones(sites), groups, required)
    found = reach_targets(problem, forbidden=place["existing"].tolist(), seconds=job["limit_seconds"])
    return Answer(found.chosen, found.objective, found.bound, found.status)


def targets_highs(job: Job, place: dict[str, Any]) -> Answer:
    """Fewest sites so that all targets hold, by HiGHS alone."""
    groups, required = townships_of(place, SHARE)
    columns, matrix = place["candidates"], csr_array(place["matrix"][:, place["candidates"]]).astype(np.float64)
    open_points = np.flatnonzero(~place["covered"] & (np.diff(matrix.indptr) > 0))
    rest = required - groups @ place["covered"].astype(np.float64)
    count, sites = len(open_points), len(columns)
    served = hstack([-matrix[open_points], eye_array(count)])
    held = hstack([csr_array((len(rest), sites)), groups[:, open_points]])
    none = np.zeros(sites + count)
    model = Milp(
        np.concatenate([np.ones(sites), np.zeros(count)]),
        none,
        none + 1,
        np.arange(sites + count) < sites,
        csr_array(vstack([served, held])),
        np.concatenate([np.full(count, -np.inf), rest]),
        np.concatenate([np.zeros(count), np.full(len(rest), np.inf)]),
    )
    found = solve_milp(model, seconds=job["limit_seconds"])
    return Answer(_chosen(found, columns), found.objective, found.bound, found.status)


def _chosen(found: MilpResult, columns: np.ndarray) -> np.ndarray:
    return columns[:0] if found.x is None else columns[found.x[: len(columns)] > 0.5]


if __name__ == "__main__":
    ways = {"maximum": (maximum, maximum_highs), "cover": (cover, cover_highs), "targets": (targets, targets_highs)}
    main(
        packages=["carecircle", "highspy"],
        setup=begin,
        tasks={
            f"{problem}:{who}": Task(way, note)
            for problem, both in ways.items()
            for who, way in zip(("carecircle", "highs"), both, strict=True)
        },
    )
