"""What the workers of the siting stage share: what is left to cover, and the judge of their answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack


@dataclass(frozen=True)
class Answer:
    """Columns of the instance, and what the solver says of them."""

    chosen: np.ndarray
    objective: float
    bound: float
    status: str


def left_over(place: dict[str, Any]) -> np.ndarray:
    """Weigh the points: 0 where an existing site covers them."""
    return np.where(place["covered"], 0.0, place["weights"])


def open_rows(place: dict[str, Any]) -> tuple[csr_array, np.ndarray, np.ndarray]:
    """Find the points that can be reached and are not, those of the same candidates added up; and the candidates."""
    columns = place["candidates"]
    matrix = csr_array(place["matrix"][:, columns])
    some = np.flatnonzero(~place["covered"] & (np.diff(matrix.indptr) > 0))
    matrix = csr_array(matrix[some])
    tokens = np.random.default_rng(0).integers(1, 2**63, len(columns), dtype=np.uint64)
    names = np.add.reduceat(tokens[matrix.indices], matrix.indptr[:-1])
    _, first, kind = np.unique(names, return_index=True, return_inverse=True)
    return csr_array(matrix[first]), np.bincount(kind, place["weights"][some]), columns


def covered(place: dict[str, Any], chosen: np.ndarray) -> float:
    """Add up the people that these columns cover and no existing site does."""
    reached = np.diff(csr_array(place["matrix"][:, chosen]).indptr) > 0
    return float(left_over(place)[reached].sum())


def townships_of(place: dict[str, Any], share: float) -> tuple[csr_array, np.ndarray]:
    """Give the groups (25 townships, then all) by points, and the people that each needs: a share, or all in reach.

    What cannot be reached is not asked for: where a township's candidates and existing sites reach fewer, that many.
    """
    points, weights = len(place["weights"]), place["weights"]
    labels = place["townships"]
    by_township = csr_array((weights, (labels, np.arange(points))), shape=(int(labels.max()) + 1, points))
    groups = csr_array(vstack([by_township, csr_array(weights[None])]))
    within = (np.diff(place["matrix"].indptr) > 0).astype(np.float64)
    return groups, np.minimum(np.ceil(share * groups.sum(axis=1) - 1e-6), groups @ within)


def holds(place: dict[str, Any], problem: str, chosen: np.ndarray) -> bool:
    """Judge a choice from the whole matrix."""
    reached = place["covered"] | (np.diff(csr_array(place["matrix"][:, chosen]).indptr) > 0)
    if problem == "maximum":
        return len(chosen) <= place["p"] and not set(chosen.tolist()) & set(place["existing"].tolist())
    if problem == "cover":
        return bool(np.all(reached[np.diff(place["matrix"][:, place["candidates"]].indptr) > 0]))
    groups, required = townships_of(place, 0.9)
    return bool(np.all(groups @ reached.astype(np.float64) >= required - 1e-6))


def note(job: dict[str, Any], place: dict[str, Any], answer: Answer) -> dict[str, str]:
    """Say in a few words what was found, by an objective counted anew."""
    problem = job["problem"]
    if not len(answer.chosen) or not holds(place, problem, answer.chosen):
        return {"note": f"no choice that holds, bound {_number(answer.bound)}, says {answer.status}"}
    value = covered(place, answer.chosen) if problem == "maximum" else float(len(answer.chosen))
    gap = abs(answer.bound - value) / value
    told = "no bound" if math.isinf(answer.bound) else f"bound {_number(answer.bound)}, gap {gap:.2%}"
    return {"note": f"{_number(value)}, {told}, says {answer.status}"}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value > 10_000 or value == round(value) else f"{value:,.1f}"
