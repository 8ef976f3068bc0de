"""The walk graph of an OSM extract, read with pyosmium.

It is the common ground of the reference and of the graph peers, independent of carecircle on purpose.
pandana, geosnap, city2graph and bare scipy have no reader for PBF; they are given this one, so that all of
them work on the same streets and are not charged for a slower reader.

Rules: every ``highway=*`` way is walkable, except `NOT_STREETS`, areas (``area=yes``), ``foot=no``, and
``access=no|private`` without ``foot=yes|designated|permissive`` (the meaning of these tags: OSM wiki,
"Key:access"). One-way tags do not bind people on foot. Ways are cut where they meet; only the largest
component is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import osmium
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

NOT_STREETS = frozenset(
    {
        *("motorway", "motorway_link", "raceway", "bus_guideway", "busway", "escape", "emergency_bay"),
        *("platform", "rest_area", "services", "elevator", "no"),
        *("construction", "proposed", "planned", "abandoned", "disused", "razed", "demolished"),
    }
)
WGS84_A, WGS84_E2 = 6378137.0, 0.00669437999014  # EPSG:7030


@dataclass(frozen=True)
class WalkGraph:
    """n nodes where ways meet or end, m undirected street edges, k shape points.

    Attributes
    ----------
    osm_id, lon, lat : (n,) nodes, degrees
    u, v : (m,) node positions
    metres : (m,) lengths on the WGS 84 ellipsoid
    shape : (k, 2) longitude and latitude of the edges' points, end nodes included
    starts : (m + 1,) edge i owns ``shape[starts[i]:starts[i + 1]]``
    """

    osm_id: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    u: NDArray[np.int64]
    v: NDArray[np.int64]
    metres: NDArray[np.float64]
    shape: NDArray[np.float64]
    starts: NDArray[np.int64]


def walkable(tags: Mapping[str, str] | Any) -> bool:
    """Whether people may walk along a way with these tags."""
    highway, foot = tags.get("highway"), tags.get("foot")
    if highway is None or highway in NOT_STREETS or tags.get("area") == "yes" or foot == "no":
        return False
    return tags.get("access") not in ("no", "private") or foot in ("yes", "designated", "permissive")


def read_walk_graph(path: str) -> WalkGraph:
    """Read, cut, measure and keep the largest component."""
    refs, lonlat, way = _read_ways(path)
    osm_id, node, uses = np.unique(refs, return_inverse=True, return_counts=True)
    way_ends = np.r_[True, way[1:] != way[:-1]] | np.r_[way[1:] != way[:-1], True]
    stops = np.flatnonzero(way_ends | (uses[node] > 1))
    same = way[stops[:-1]] == way[stops[1:]]
    first, last = stops[:-1][same], stops[1:][same]
    walked = np.r_[0.0, np.cumsum(ellipsoid_metres(lonlat[:-1], lonlat[1:]))]
    metres = walked[last] - walked[first]
    kept = _largest_component(node[first], node[last], len(osm_id))
    first, last, metres = first[kept], last[kept], metres[kept]
    counts = last - first + 1
    starts = np.r_[0, np.cumsum(counts)]
    points = np.repeat(first - starts[:-1], counts) + np.arange(starts[-1])
    ends, at, row = np.unique(node[np.r_[first, last]], return_index=True, return_inverse=True)
    place = lonlat[np.r_[first, last][at]]
    u, v = np.split(row, 2)
    return WalkGraph(osm_id[ends], place[:, 0], place[:, 1], u, v, metres, lonlat[points], starts)


def walkable_ways(path: str) -> Iterator[tuple[Any, list[Any]]]:
    """Read the walkable ways with those of their nodes that are here: a clipped way names others too."""
    ways = osmium.FileProcessor(path).with_locations().with_filter(osmium.filter.KeyFilter("highway"))
    for way in ways.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)):
        if walkable(way.tags):
            yield way, [n for n in way.nodes if n.location.valid()]


def _read_ways(path: str) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Node ids, positions and way numbers of all walkable ways' points, one after another."""
    refs: list[int] = []
    lonlat: list[tuple[float, float]] = []
    sizes: list[int] = []
    for _, known in walkable_ways(path):
        refs.extend(n.ref for n in known)
        lonlat.extend((n.lon, n.lat) for n in known)
        sizes.append(len(known))
    return np.array(refs), np.array(lonlat), np.repeat(np.arange(len(sizes)), sizes)


def _largest_component(u: NDArray[np.int64], v: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Mask of the edges of the component with the most nodes."""
    _, label = connected_components(coo_matrix((np.ones(len(u)), (u, v)), shape=(n, n)), directed=False)
    return np.asarray(label[u] == np.bincount(label).argmax())


def ellipsoid_metres(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres between (k, 2) longitudes and latitudes, near together, by the radii of curvature half-way."""
    middle = np.radians((a[:, 1] + b[:, 1]) / 2)
    bend = 1 - WGS84_E2 * np.sin(middle) ** 2
    north = np.radians(b[:, 1] - a[:, 1]) * WGS84_A * (1 - WGS84_E2) / bend**1.5
    east = np.radians(b[:, 0] - a[:, 0]) * WGS84_A / np.sqrt(bend) * np.cos(middle)
    return np.hypot(north, east)


def utm_epsg(lon: float, lat: float) -> int:
    """EPSG code of the UTM zone of a place."""
    return (32600 if lat >= 0 else 32700) + int((lon + 180) // 6) % 60 + 1
