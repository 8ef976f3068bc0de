"""Pairs of points and sites within the limit, and the checks that all solvers of minutes share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from carecircle.siting.solvers.solution import Clock, Floats, Ints

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which point is within the limit of which site, and in how many minutes: one entry a pair, sorted by point.

    Parameters
    ----------
    point, site
        Positions, (pairs,).
    minutes
        (pairs,).
    shape
        Number of points and of sites.
    """

    point: Ints
    site: Ints
    minutes: Floats
    shape: tuple[int, int]

    def only(self, sites: Bools) -> Pairs:
        """Return the pairs of some sites, (sites,); positions stay."""
        return self.where(sites[self.site])

    def where(self, keep: Bools) -> Pairs:
        """Return some of the pairs, (pairs,)."""
        return Pairs(self.point[keep], self.site[keep], self.minutes[keep], self.shape)

    def reached(self) -> Bools:
        """Whether each point has a pair, (points,)."""
        return np.bincount(self.point, minlength=self.shape[0]) > 0


def pairs_of(minutes: Any) -> Pairs:
    """Take minutes apart into pairs; zeros that are stored are real, and a dense array holds every pair.

    Parameters
    ----------
    minutes
        Sparse array (points, sites) of the pairs within the limit, or dense, where infinite or NaN = beyond the limit.

    Examples
    --------
    >>> pairs_of(np.array([[0.0, np.inf], [3.0, 1.0]])).site.tolist()
    [0, 0, 1]
    """
    if isinstance(minutes, np.ndarray):
        point, site = np.nonzero(np.isfinite(minutes))
        found = Pairs(point, site, minutes[point, site].astype(float), minutes.shape)
    else:
        rows = csr_array(minutes)
        point = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        every = Pairs(point, rows.indices.astype(np.int64), rows.data.astype(float), rows.shape)
        found = every.where(np.isfinite(every.minutes))
    if np.any(found.minutes < 0):
        raise ValueError("minutes cannot be negative")
    return found


def column_mask(columns: ArrayLike, count: int) -> Bools:
    """Return whether each of `count` columns is among `columns`."""
    given = np.asarray(columns, dtype=np.int64).reshape(-1)
    if np.any((given < 0) | (given >= count)):
        raise ValueError(f"columns must be from 0 to {count - 1}")
    mask = np.zeros(count, dtype=bool)
    mask[given] = True
    return mask


def check_sites(count: int, sites: int, forced: ArrayLike, forbidden: ArrayLike) -> tuple[Bools, Bools]:
    """Return the forced and the allowed columns as masks, (sites,); raises ValueError where they do not go together."""
    must, not_allowed = column_mask(forced, count), column_mask(forbidden, count)
    if np.any(must & not_allowed):
        raise ValueError("a column cannot be both forced and forbidden")
    if sites < must.sum():
        raise ValueError(f"{must.sum()} sites are forced, but only {sites} may be chosen")
    return must, ~not_allowed


def people_of(weights: ArrayLike, points: int) -> Floats:
    """Return people at each point as floats; raises ValueError unless there is one number, 0 or more, for each."""
    people = np.asarray(weights, dtype=float)
    if people.shape != (points,) or not np.all(np.isfinite(people)) or np.any(people < 0):
        raise ValueError("people must be one number, 0 or more, for each point")
    return people


def minutes_per_point(values: ArrayLike | None, points: int) -> Floats:
    """Return minutes of each point, (points,), infinite where there are none; one number stands for all."""
    filled = np.broadcast_to(np.asarray(np.inf if values is None else values, dtype=float), (points,))
    if np.any(filled < 0):
        raise ValueError("minutes cannot be negative")
    return np.where(np.isnan(filled), np.inf, filled)


def row_starts(keys: Ints, count: int) -> Ints:
    """Return where each of `count` groups starts in sorted keys, (count + 1,)."""
    return np.concatenate(([0], np.cumsum(np.bincount(keys, minlength=count)))).astype(np.int64)


def serve(pairs: Pairs, spare: Floats, chosen: Bools) -> tuple[Ints, Floats]:
    """Return the nearest chosen column of each point, ties to the lowest, and its minutes.

    Where `spare` (minutes without a new site) is no more, the column is -1 and the minutes are `spare`.
    """
    here = pairs.only(chosen)
    order = np.lexsort((here.site, here.minutes, here.point))
    point, first = np.unique(here.point[order], return_index=True)
    column, minutes = np.full(pairs.shape[0], -1, dtype=np.int64), spare.copy()
    column[point], minutes[point] = here.site[order][first], here.minutes[order][first]
    stays = minutes >= spare
    return np.where(stays, -1, column), np.where(stays, spare, minutes)


def struck(clock: Clock) -> bool:
    """Whether the limit ended the work: HiGHS stops a little before it."""
    return clock.left() <= 0.05 * clock.limit
