"""Clustered siting instances: towns, people and candidate sites, the same on every machine.

Towns lie anywhere in a square, a few are large and most are small; people live around them (heavy-tailed whole
numbers), with some scattered between. Candidates stand beside people. One radius for all, so that ten candidates are in
reach of a point on average; one site in a hundred is built already; 25 townships are a grid of 5 x 5 whose lines leave
the same number of points on either side. numpy and scipy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

SIZES = {"S": (200, 2_000), "M": (1_000, 10_000), "L": (3_000, 100_000), "XL": (5_000, 1_000_000)}
SEED = 20_260_101
REACH, ROWS_OF_TOWNSHIPS = 10.0, 5


@dataclass(frozen=True)
class Shape:
    """How clustered: sites to a town, a town's spread beside the distance between towns, who lives between towns."""

    sites_of_town: float = 20.0
    spread: float = 0.5
    between: float = 0.3
    town_tail: float = 0.8
    people_tail: float = 1.0
    mean_people: float = 200.0


def instance(name: str) -> dict[str, Any]:
    """Make one of the fixed instances S, M, L or XL.

    Parameters
    ----------
    name
        ``"S"`` 200 x 2k, ``"M"`` 1,000 x 10k, ``"L"`` 3,000 x 100k or ``"XL"`` 5,000 x 1M (candidates x points).

    Returns
    -------
    dict
        See `clustered`.
    """
    sites, points = SIZES[name]
    return clustered(sites, points, SEED)


def clustered(sites: int, points: int, seed: int, shape: Shape | None = None) -> dict[str, Any]:
    """Draw towns, people and sites.

    Parameters
    ----------
    sites, points
        How many of each.
    seed
        Of the drawing.
    shape
        How clustered; the default is calibrated on the published figures of this project.

    Returns
    -------
    dict
        ``matrix`` (csr_array of bool, points x sites: within reach), ``weights`` (float64 whole people),
        ``townships`` (int64 0..24 for each point), ``existing`` (int64 columns built already), ``covered`` (bool for
        each point: reached by an existing one), ``candidates`` (int64 columns that are not built), ``p`` (sites // 10),
        ``radius``, ``points`` and ``sites`` (float64 x, y in a unit square).
    """
    shape = shape or Shape()
    rng = np.random.default_rng(seed)
    homes = settle(points, round(sites / shape.sites_of_town), rng, shape)
    places = homes[rng.choice(points, sites, replace=False)] + rng.normal(0, 0.002 / np.sqrt(sites / 1000), (sites, 2))
    radius = reach_of(homes, places)
    matrix = within(homes, places, radius)
    weights = heavy(points, rng, shape)
    existing = np.sort(rng.choice(sites, max(1, sites // 100), replace=False)).astype(np.int64)
    return {
        "matrix": matrix,
        "weights": weights,
        "townships": townships(homes),
        "existing": existing,
        "covered": matrix[:, existing].sum(axis=1) > 0,
        "candidates": np.setdiff1d(np.arange(sites), existing),
        "p": sites // 10,
        "radius": radius,
        "points": homes,
        "sites": places,
    }


def settle(points: int, towns: int, rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw where people live: around towns of very different size, and some between them; (points, 2)."""
    middle = rng.uniform(0, 1, (towns, 2))
    size = rng.lognormal(0, shape.town_tail, towns)
    which = rng.choice(towns, points, p=size / size.sum())
    spread = shape.spread / np.sqrt(towns) * np.sqrt(size / size.mean())
    homes = middle[which] + rng.normal(0, 1, (points, 2)) * spread[which, None]
    scattered = rng.uniform(size=points) < shape.between
    homes[scattered] = rng.uniform(0, 1, (int(scattered.sum()), 2))
    return homes


def heavy(points: int, rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw whole people, at least one, of a heavy-tailed (log-normal) distribution; (points,)."""
    drawn = rng.lognormal(-(shape.people_tail**2) / 2, shape.people_tail, points)
    return np.maximum(1.0, np.round(drawn * shape.mean_people))


def reach_of(homes: np.ndarray, places: np.ndarray) -> float:
    """Find the radius that has `REACH` candidates around a point on average (bisection)."""
    tree, some = cKDTree(places), homes[:: max(1, len(homes) // 20_000)]
    low, high = 0.0, 2.0
    for _ in range(40):
        middle = (low + high) / 2
        mean = tree.query_ball_point(some, middle, return_length=True).mean()
        low, high = (middle, high) if mean < REACH else (low, middle)
    return float(high)


def within(homes: np.ndarray, places: np.ndarray, radius: float, chunk: int = 50_000) -> csr_array:
    """Find all pairs within the radius, the limit included; (points, sites) of bool."""
    tree = cKDTree(places)
    counts, columns = [], []
    for start in range(0, len(homes), chunk):
        near = tree.query_ball_point(homes[start : start + chunk], radius, return_sorted=True)
        counts.append(np.fromiter(map(len, near), np.int64, len(near)))
        columns.append(np.concatenate([np.asarray(found, np.int32) for found in near]))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    indices = np.concatenate(columns)
    kind = np.int32 if indptr[-1] < 2**31 else np.int64
    shape = (len(homes), len(places))
    return csr_array((np.ones(len(indices), bool), indices.astype(kind), indptr.astype(kind)), shape=shape)


def townships(homes: np.ndarray) -> np.ndarray:
    """Cut the square into 5 x 5 townships of about as many points each; (points,) of 0..24."""
    steps = np.linspace(0, 1, ROWS_OF_TOWNSHIPS + 1)[1:-1]
    east = np.searchsorted(np.quantile(homes[:, 0], steps), homes[:, 0])
    north = np.zeros(len(homes), np.int64)
    for strip in range(ROWS_OF_TOWNSHIPS):
        here = east == strip
        north[here] = np.searchsorted(np.quantile(homes[here, 1], steps), homes[here, 1])
    return (east * ROWS_OF_TOWNSHIPS + north).astype(np.int64)
