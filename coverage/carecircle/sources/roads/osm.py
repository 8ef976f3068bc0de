"""Roads from OpenStreetMap files (.osm.pbf, .osm, .osm.gz, .osm.bz2), read and filtered in C++ by pyosmium."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import pandas as pd
import shapely
from numpy.typing import NDArray
from osmium.filter import KeyFilter
from osmium.geom import WKBFactory, use_nodes
from osmium.osm import NODE, WAY

from carecircle.errors import InputError, problem
from carecircle.guards import most_vertices, refuse_osm_bomb
from carecircle.language import text
from carecircle.sources.roads.streets import Streets
from carecircle.traffic import KEYS

DAMAGE = (RuntimeError, ValueError, OSError, osmium.InvalidLocationError)
"""What pyosmium raises for files that are damaged."""
_CLIP_EVERY = 20_000
"""Ways held before those outside the boundary are thrown away: bounds the memory of reading a province."""


_NAMES = sorted(KEYS)
_HIGHWAY, _BARRIER = _NAMES.index("highway"), _NAMES.index("barrier")


class _Ways:
    """Ways being collected; the boundary is applied as they come in, and no more are taken than the file can hold."""

    def __init__(self, path: Path, boundary: shapely.Geometry | None) -> None:
        self.path = path
        self.left = most_vertices(path)
        self.boundary = boundary
        self.refs = array("q")
        self.wkb: list[str] = []
        self.counts: list[int] = []
        self.ids: list[int] = []
        self.tags: list[int] = []
        self.pending = 0
        self.kept: list[tuple[NDArray[Any], ...]] = []

    def add(self, way_id: int, refs: list[int], wkb: str, tags: int) -> None:
        self.left -= len(refs)
        if self.left < 0:
            raise InputError(problem("osm_vertices", file=self.path, most=f"{most_vertices(self.path):,d}"))
        self.refs.extend(refs)
        self.counts.append(len(refs))
        self.wkb.append(wkb)
        self.ids.append(way_id)
        self.tags.append(tags)
        if self.boundary is not None and len(self.ids) >= _CLIP_EVERY:
            self.flush()

    def flush(self) -> None:
        """Turn what is held into arrays, without the ways that do not touch the boundary."""
        lines = shapely.from_wkb(np.array(self.wkb, dtype=object))
        counts = np.array(self.counts, dtype=np.int64)
        keep = np.ones(len(lines), dtype=bool) if self.boundary is None else shapely.intersects(self.boundary, lines)
        vertex = np.repeat(keep, counts)
        self.kept.append(
            (
                np.array(self.refs, dtype=np.int64)[vertex],
                shapely.get_coordinates(lines)[vertex],
                counts[keep],
                np.array(self.ids, dtype=np.int64)[keep],
                np.array(self.tags, dtype=np.int64)[keep],
            )
        )
        self.refs, self.wkb, self.counts, self.ids, self.tags = array("q"), [], [], [], []


def read_osm(path: Path, boundary: shapely.Geometry | None = None) -> Streets:
    """Read every highway of a file, whatever the mode of travel.

    Parameters
    ----------
    path
        ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``.
    boundary
        Polygon in longitude and latitude: ways that do not touch it are dropped while reading. Ways that cross
        it are kept whole, so that no route is cut off at the edge.

    Raises
    ------
    InputError
        The file is damaged or made to exhaust memory (`carecircle.guards`), or holds no road (inside the boundary).
    """
    if boundary is not None:
        shapely.prepare(boundary)
    refuse_osm_bomb(path)
    ways = _Ways(path, boundary)
    combinations: dict[Any, int] = {}
    barriers: dict[int, int] = {}
    try:
        lost = _read(path, ways, combinations, barriers)
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(problem("unreadable_file", file=path, why=str(error))) from error
    ways.flush()
    return _assemble(path, ways, combinations, barriers, lost)


def _read(path: Path, ways: _Ways, combinations: dict[Any, int], barriers: dict[int, int]) -> int:
    """Fill the collections; return how many ways had vertices that the file does not hold."""
    factory, every = WKBFactory(), use_nodes.ALL
    lost, drawn = 0, None
    reader = osmium.FileProcessor(str(path), NODE | WAY).with_locations().with_filter(KeyFilter("highway", "barrier"))
    item: Any
    for item in reader:
        tags = tuple(map(item.tags.get, _NAMES))
        number = combinations.setdefault(tags, len(combinations))
        if item.is_node():
            if tags[_BARRIER] is not None:
                barriers[item.id] = number
            continue
        refs = [node.ref for node in item.nodes]
        if len(refs) < 2 or tags[_HIGHWAY] is None:
            continue
        try:
            ways.add(item.id, refs, factory.create_linestring(item, every), number)
        except osmium.InvalidLocationError:
            if drawn is None and min(refs) < 0:
                drawn = _drawn_nodes(path)
            lost += _add_runs(ways, item, number, drawn or {})
    return lost


def _drawn_nodes(path: Path) -> dict[int, tuple[float, float]]:
    """Return the nodes that were drawn and not uploaded: numbered below zero, osmium's index leaves them out."""
    nodes: Any = osmium.FileProcessor(str(path), NODE)
    return {node.id: (node.lon, node.lat) for node in nodes if node.id < 0}


def _add_runs(ways: _Ways, way: Any, tags: int, drawn: dict[int, tuple[float, float]]) -> bool:
    """Add the parts of a way whose vertices the file holds (extracts cut ways at their border); return if any lack."""
    places = [(node.lon, node.lat) if node.location.valid() else drawn.get(node.ref) for node in way.nodes]
    run: list[tuple[int, tuple[float, float]]] = []
    for ref, place in [*zip((node.ref for node in way.nodes), places, strict=True), (0, None)]:
        if place is not None:
            run.append((ref, place))
            continue
        if len(run) > 1:
            line = shapely.LineString([xy for _, xy in run])
            ways.add(way.id, [one for one, _ in run], line.wkb_hex, tags)
        run = []
    return None in places


def _assemble(path: Path, ways: _Ways, combinations: dict[Any, int], barriers: dict[int, int], lost: int) -> Streets:
    refs, lonlat, counts, ids, tags = (np.concatenate(part) for part in zip(*ways.kept, strict=True))
    if len(ids) == 0:
        raise InputError(problem("no_roads" if ways.boundary is None else "no_roads_in_boundary", file=path))
    vertex_id, first, sequence = np.unique(refs, return_index=True, return_inverse=True)
    gate = np.array(sorted(barriers), dtype=np.int64)
    at = np.minimum(np.searchsorted(vertex_id, gate), len(vertex_id) - 1)
    on_street = vertex_id[at] == gate
    notes = (text("roads.incomplete_ways", count=lost),) if lost else ()
    return Streets(
        lonlat[first],
        vertex_id,
        sequence.astype(np.int64),
        np.concatenate([[0], np.cumsum(counts)]),
        ids,
        tags,
        pd.DataFrame(list(combinations), columns=_NAMES, dtype="str"),
        at[on_street],
        np.array([barriers[node] for node in gate[on_street].tolist()], dtype=np.int64),
        notes,
    )
