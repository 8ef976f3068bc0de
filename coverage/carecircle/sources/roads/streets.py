"""`Streets`: the roads of a place as read, before any mode of travel is chosen.

Every reader of roads (`osm`, `graphs`, `lines`) ends here: vertices with an identity, ways as runs of vertices, and
one row per distinct combination of tags. Two ways meet where they share a vertex, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, problem

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Streets:
    """Roads as read.

    Parameters
    ----------
    lonlat
        (n, 2) longitude and latitude of each vertex, degrees, WGS 84.
    vertex_id
        (n,) identity in the source (OpenStreetMap node id, or a running number).
    sequence, offsets
        Vertex positions of all ways one behind the other, and where each of the w ways begins: (m,), (w + 1,).
    way_id, way_tags
        (w,) identity in the source, and row of `tags`.
    tags
        Distinct combinations of the tags that `carecircle.traffic` reads, as text.
    barrier_vertex, barrier_tags
        (b,) vertices that carry a barrier or gate, and their rows of `tags`.
    notes
        What a user should know of the reading.
    """

    lonlat: NDArray[np.float64]
    vertex_id: Ints
    sequence: Ints
    offsets: Ints
    way_id: Ints
    way_tags: Ints
    tags: pd.DataFrame
    barrier_vertex: Ints
    barrier_tags: Ints
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Streets: {len(self.way_id):,} ways, {len(self.lonlat):,} vertices>"

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return the ways as lines with their tags."""
        lines = shapely.linestrings(
            self.lonlat[self.sequence], indices=np.repeat(np.arange(len(self.way_id)), np.diff(self.offsets))
        )
        tags = self.tags.iloc[self.way_tags].reset_index(drop=True)
        return gpd.GeoDataFrame(tags.assign(way_id=self.way_id), geometry=lines, crs=GEOGRAPHIC)


def ranges(starts: Ints, lengths: Ints) -> Ints:
    """Return the concatenation of ``arange(start, start + length)``.

    Examples
    --------
    >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total, dtype=np.int64) + np.repeat(starts - ends + lengths, lengths)


def take_ways(streets: Streets, keep: NDArray[np.bool_]) -> Streets:
    """Return the streets with only the ways where `keep` is true; vertices no way uses go too."""
    lengths = np.diff(streets.offsets)[keep]
    sequence = streets.sequence[ranges(streets.offsets[:-1][keep], lengths)]
    used, sequence = np.unique(sequence, return_inverse=True)
    position = np.full(len(streets.lonlat), -1)
    position[used] = np.arange(len(used))
    barrier = position[streets.barrier_vertex]
    return Streets(
        streets.lonlat[used],
        streets.vertex_id[used],
        sequence.astype(np.int64),
        np.concatenate([[0], np.cumsum(lengths)]),
        streets.way_id[keep],
        streets.way_tags[keep],
        streets.tags,
        barrier[barrier >= 0],
        streets.barrier_tags[barrier >= 0],
        streets.notes,
    )


def clip_streets(streets: Streets, boundary: shapely.Geometry | None) -> Streets:
    """Return the streets whose ways touch a boundary (longitude and latitude), whole."""
    if boundary is None:
        return streets
    keep = shapely.intersects(boundary, streets.to_frame().geometry.to_numpy())
    if not keep.any():
        raise InputError(problem("no_roads_in_boundary"))
    return take_ways(streets, keep)


def require_on_earth(lonlat: NDArray[np.float64], file: str | Path | None) -> None:
    """Raise `InputError` for a vertex, of (n, 2) degrees, that is nowhere on earth."""
    wrong = np.flatnonzero(~(np.abs(lonlat) <= [180, 90]).all(axis=1))
    if len(wrong):
        lon, lat = (f"{value:.6g}" for value in lonlat[wrong[0]])
        raise InputError(problem("outside_coordinates", file=file, lon=lon, lat=lat))
