"""`RoadNetwork`: streets one mode can use, as an immutable graph with the geometry of every edge.

An edge is a piece of street between two nodes (junctions, ends of ways, closed gates); its vertices in between stay in
the geometry. Times are per edge and direction; infinity is a closed direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Proj
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from carecircle.crs import metric_crs, project
from carecircle.errors import InputError, UsageError, problem
from carecircle.language import text
from carecircle.model import Profile
from carecircle.model import profile as get_profile
from carecircle.sources.roads.reading import read_streets
from carecircle.sources.roads.streets import Streets, ranges, take_ways
from carecircle.traffic import passable, rules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ISLAND_SHARE = 0.05
"""A connected part of the network is an island when its streets are shorter than this share of the longest part's."""


@dataclass(frozen=True, eq=False, repr=False)
class RoadNetwork:
    """A road network for one profile.

    Parameters
    ----------
    crs
        Projected system of all coordinates, metres.
    profile
        Whose network it is.
    node_xy, node_id
        (n, 2) place of each node and (n,) its identity in the source; the copies of a closed gate have -1.
    edge_u, edge_v
        (e,) nodes at the two ends; "forward" is from u to v.
    metres
        (e,) length on the ground (projected length divided by the projection's scale there).
    forward_seconds, backward_seconds
        (e,) time from u to v and from v to u; inf = not allowed.
    edge_xy, edge_offsets
        (m, 2) vertices of all edges one behind the other, and (e + 1,) where each begins.
    edge_class, way_id
        (e,) value of ``highway`` and identity of the way in the source.
    notes
        What a user should know of the reading.
    """

    crs: CRS
    profile: Profile
    node_xy: Floats
    node_id: Ints
    edge_u: Ints
    edge_v: Ints
    metres: Floats
    forward_seconds: Floats
    backward_seconds: Floats
    edge_xy: Floats
    edge_offsets: Ints
    edge_class: pd.Categorical
    way_id: Ints
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<RoadNetwork {self.profile.mode} {self.profile.speed_mps:g} m/s: {self.n_nodes:,} nodes, "
            f"{self.n_edges:,} edges, {self.metres.sum() / 1000:,.1f} km, EPSG:{self.crs.to_epsg()}>"
        )

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_xy)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.edge_u)

    @cached_property
    def symmetric(self) -> bool:
        """Whether every edge takes the same time both ways."""
        return bool(np.array_equal(self.forward_seconds, self.backward_seconds))

    @cached_property
    def arcs_from(self) -> csr_array:
        """Seconds along each arc, (n, n): row = where it starts. The least of parallel edges."""
        return _arcs(self, self.forward_seconds, self.backward_seconds)

    @cached_property
    def arcs_to(self) -> csr_array:
        """The same with every arc turned round: a search on it finds times *to* its source."""
        return self.arcs_from if self.symmetric else _arcs(self, self.backward_seconds, self.forward_seconds)

    @cached_property
    def incident(self) -> tuple[Ints, Ints]:
        """Edges at each node as ``(indptr, edges)``; a loop is listed twice."""
        ends = np.concatenate([self.edge_u, self.edge_v])
        order = np.argsort(ends, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=self.n_nodes))])
        return indptr, order % self.n_edges

    @cached_property
    def part(self) -> Ints:
        """(n,) number of the connected part of each node; for one-way modes, connected in both directions."""
        return np.asarray(connected_components(self.arcs_from, directed=not self.symmetric, connection="strong")[1])

    @cached_property
    def on_main(self) -> NDArray[np.bool_]:
        """(e,) whether an edge belongs to the main network rather than to an island (see `ISLAND_SHARE`)."""
        inside = self.part[self.edge_u] == self.part[self.edge_v]
        length = np.bincount(self.part[self.edge_u], weights=np.where(inside, self.metres, 0.0))
        main = length >= ISLAND_SHARE * length.max()
        return np.asarray(main[self.part[self.edge_u]] & inside)

    @cached_property
    def uniform(self) -> bool:
        """Whether all streets are travelled at the profile's speed both ways, so that metres follow from seconds."""
        return self.symmetric and bool(
            np.allclose(self.forward_seconds * self.profile.speed_mps, self.metres, rtol=1e-12, atol=0)
        )

    @cached_property
    def fastest(self) -> float:
        """Greatest speed over the map, metres of the projection per second."""
        planar = _planar_lengths(self.edge_xy, self.edge_offsets)
        quickest = np.minimum(self.forward_seconds, self.backward_seconds)
        return float(np.divide(planar, quickest, out=np.zeros_like(planar), where=quickest > 0).max() * (1 + 1e-9))

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in metres of `crs`."""
        (west, south), (east, north) = self.edge_xy.min(axis=0), self.edge_xy.max(axis=0)
        return float(west), float(south), float(east), float(north)

    def lines(self) -> NDArray[Any]:
        """(e,) edges as shapely lines in metres of `crs`."""
        return np.asarray(
            shapely.linestrings(self.edge_xy, indices=np.repeat(np.arange(self.n_edges), np.diff(self.edge_offsets)))
        )

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return the edges as a table, for looking at (``.explore()``) and for saving."""
        return gpd.GeoDataFrame(
            {
                "u": self.edge_u,
                "v": self.edge_v,
                "way_id": self.way_id,
                "highway": np.asarray(self.edge_class, dtype=object),
                "metres": self.metres,
                "forward_seconds": self.forward_seconds,
                "backward_seconds": self.backward_seconds,
                "island": ~self.on_main,
            },
            geometry=self.lines(),
            crs=self.crs,
        )

    def to_networkx(self) -> nx.MultiDiGraph:
        """Return the graph for networkx, with ``seconds`` and ``metres`` on every arc."""
        graph: nx.MultiDiGraph = nx.MultiDiGraph(crs=self.crs)
        graph.add_nodes_from((node, {"x": x, "y": y}) for node, (x, y) in enumerate(self.node_xy.tolist()))
        for tail, head, seconds in (
            (self.edge_u, self.edge_v, self.forward_seconds),
            (self.edge_v, self.edge_u, self.backward_seconds),
        ):
            allowed = np.isfinite(seconds)
            graph.add_edges_from(
                (u, v, {"seconds": s, "metres": m, "edge": e})
                for u, v, s, m, e in zip(
                    tail[allowed].tolist(),
                    head[allowed].tolist(),
                    seconds[allowed].tolist(),
                    self.metres[allowed].tolist(),
                    np.flatnonzero(allowed).tolist(),
                    strict=True,
                )
            )
        return graph

    def summary(self) -> dict[str, Any]:
        """Return counts for reports: nodes, edges, kilometres, and the kilometres on islands."""
        return {
            "mode": self.profile.mode,
            "speed_mps": self.profile.speed_mps,
            "nodes": self.n_nodes,
            "edges": self.n_edges,
            "km": round(float(self.metres.sum()) / 1000, 3),
            "parts": int(self.part.max()) + 1,
            "island_km": round(float(self.metres[~self.on_main].sum()) / 1000, 3),
            "crs": f"EPSG:{self.crs.to_epsg()}",
        }


def at_speed(network: RoadNetwork, traveller: Profile) -> RoadNetwork:
    """Return the network of a mode for another of its travellers: every time grows as the speed falls.

    Raises
    ------
    UsageError
        The traveller is of another mode, which may use other streets, or goes by vehicle, whose speed the streets cap.
    """
    own = network.profile
    if traveller.mode != own.mode or not own.on_foot:
        raise UsageError(text("usage.other_mode", own=own.mode, other=traveller.mode))
    slower = own.speed_mps / traveller.speed_mps
    return replace(
        network,
        profile=traveller,
        forward_seconds=network.forward_seconds * slower,
        backward_seconds=network.backward_seconds * slower,
    )


def read_network(
    source: str | Path | nx.MultiDiGraph | gpd.GeoDataFrame | Streets,
    *,
    profile: str | Profile = "elder",
    boundary: Any = None,
    speeds: Mapping[str, float] | None = None,
    cache: bool = True,
) -> RoadNetwork:
    """Read roads and make the network of a profile.

    Parameters
    ----------
    source
        An OpenStreetMap file, an OSMnx GraphML file or graph, a line layer, or `Streets` already read.
    profile
        Name of a profile or mode, or a `Profile`.
    boundary
        Polygon (shapely, GeoSeries, GeoDataFrame or file) in which to read; ways that touch it are kept whole.
    speeds
        km/h by highway class, laid over the mode's own table (`carecircle.traffic`).
    cache
        Keep what was read under the user's cache folder, found again by the content of the file.

    Raises
    ------
    InputError
        The source cannot be read, or holds no street that the mode may use.

    Examples
    --------
    >>> from carecircle.datasets import demo_file
    >>> read_network(demo_file("roads"), profile="drive").profile.mode
    'drive'
    """
    streets = read_streets(source, boundary=boundary, cache=cache)
    name = source if isinstance(source, str | Path) else None
    return build_network(streets, get_profile(profile), speeds=speeds, file=name)


def build_network(
    streets: Streets, profile: Profile, *, speeds: Mapping[str, float] | None = None, file: str | Path | None = None
) -> RoadNetwork:
    """Make the network of a profile from streets."""
    way_rules = rules(streets.tags, profile, speeds)
    usable = (way_rules.forward | way_rules.backward)[streets.way_tags]
    if not usable.any():
        raise InputError(problem("no_streets_for_mode", file=file, mode=profile.mode))
    streets = take_ways(streets, usable)
    start, end, tail, head = _split(streets, profile)
    crs = metric_crs(*np.median(streets.lonlat, axis=0).tolist())
    xy = project(streets.lonlat, crs)
    lengths = end - start + 1
    edge_xy = xy[streets.sequence[ranges(start, lengths)]]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    way = np.searchsorted(streets.offsets, start, side="right") - 1
    row = streets.way_tags[way]
    metres = _planar_lengths(edge_xy, offsets) / _scale(crs, xy, edge_xy[offsets[:-1]])
    seconds = metres / (way_rules.kmh[row] / 3.6)
    nodes, ends = np.unique(np.concatenate([tail, head]), return_inverse=True)
    vertex = np.where(nodes < len(xy), nodes, _gate_vertex(streets, nodes))
    return RoadNetwork(
        crs,
        profile,
        xy[vertex],
        np.where(nodes < len(xy), streets.vertex_id[vertex], -1),
        ends[: len(start)].astype(np.int64),
        ends[len(start) :].astype(np.int64),
        metres,
        np.where(way_rules.forward[row], seconds, np.inf),
        np.where(way_rules.backward[row], seconds, np.inf),
        edge_xy,
        offsets,
        pd.Categorical(streets.tags["highway"].fillna("road").to_numpy()[row]),
        streets.way_id[way],
        streets.notes,
    )


def _split(streets: Streets, profile: Profile) -> tuple[Ints, Ints, Ints, Ints]:
    """Return where each edge starts and ends in the sequence, and the nodes there.

    A closed gate cuts its street in two: the edges before and after it get nodes of their own, numbered from the number
    of vertices upwards by position in the sequence (even before, odd after).
    """
    sequence, n = streets.sequence, len(streets.lonlat)
    first, last = np.zeros(len(sequence), bool), np.zeros(len(sequence), bool)
    first[streets.offsets[:-1]], last[streets.offsets[1:] - 1] = True, True
    closed = np.zeros(n, bool)
    closed[streets.barrier_vertex] = ~passable(streets.tags, profile.mode)[streets.barrier_tags]
    at_gate = closed[sequence]
    stop = first | last | at_gate | (np.bincount(sequence, minlength=n) > 1)[sequence]
    stops = np.flatnonzero(stop)
    begins = ~last[stops]
    start, end = stops[begins], stops[1:][begins[:-1]]
    tail = np.where(at_gate[start], n + 2 * start + 1, sequence[start])
    head = np.where(at_gate[end], n + 2 * end, sequence[end])
    return start, end, tail, head


def _gate_vertex(streets: Streets, nodes: Ints) -> Ints:
    position = np.maximum(nodes - len(streets.lonlat), 0) // 2
    return np.asarray(streets.sequence[np.minimum(position, len(streets.sequence) - 1)])


def _planar_lengths(xy: Floats, offsets: Ints) -> Floats:
    steps = np.append(np.hypot(*np.diff(xy, axis=0).T), 0.0)
    steps[offsets[1:] - 1] = 0.0  # the step from the last vertex of an edge to the first of the next
    return np.asarray(np.add.reduceat(steps, offsets[:-1]))


def _scale(crs: CRS, xy: Floats, at: Floats) -> Floats:
    """Return the projection's scale at places, from a 9 x 9 lattice over the extent (error below 1e-6)."""
    (west, south), (east, north) = xy.min(axis=0) - 1.0, xy.max(axis=0) + 1.0
    eastings, northings = np.linspace(west, east, 9), np.linspace(south, north, 9)
    lattice = np.stack(np.meshgrid(eastings, northings, indexing="ij"), axis=-1).reshape(-1, 2)
    lon, lat = Proj(crs)(lattice[:, 0], lattice[:, 1], inverse=True)
    scale = np.asarray(Proj(crs).get_factors(lon, lat).meridional_scale).reshape(9, 9)
    return np.asarray(RegularGridInterpolator((eastings, northings), scale)(at))


def _arcs(network: RoadNetwork, forward: Floats, backward: Floats) -> csr_array:
    """Return the graph; of parallel edges the quickest counts (a sparse matrix would add them up)."""
    tail = np.concatenate([network.edge_u, network.edge_v])
    head = np.concatenate([network.edge_v, network.edge_u])
    seconds = np.concatenate([forward, backward])
    keep = np.isfinite(seconds) & (tail != head)
    tail, head, seconds = tail[keep], head[keep], seconds[keep]
    pair = tail * network.n_nodes + head
    order = np.lexsort((seconds, pair))
    order = order[np.concatenate([[True], np.diff(pair[order]) > 0])] if len(order) else order
    indptr = np.concatenate([[0], np.cumsum(np.bincount(tail[order], minlength=network.n_nodes))])
    return csr_array(
        (seconds[order], head[order].astype(np.int32), indptr.astype(np.int32)),
        shape=(network.n_nodes, network.n_nodes),
    )


def island_note(network: RoadNetwork) -> str | None:
    """Return a sentence on the islands of the network, None when there are none."""
    if network.on_main.all():
        return None
    return text(
        "roads.islands",
        parts=len(np.unique(network.part[network.edge_u[~network.on_main]])),
        km=f"{network.metres[~network.on_main].sum() / 1000:.1f}",
    )
