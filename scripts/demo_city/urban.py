"""Streets of the urban district: which lattice lines are built, their tags, and what crosses them."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import shapely
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from . import plan
from .frame import Array
from .lattice import Edge, Lattice, make_lattice
from .names import ROADS_EW, ROADS_NS
from .roads import RoadSet, Tags

Streets = dict[Edge, str]  # built streets and their class; "bridge:" or "tunnel:" may go before the class
Inserts = dict[Edge, list[float]]  # shares along a street where something joins it


def urban_lattice(rng: np.random.Generator) -> Lattice:
    """Draw the urban district's lattice, about 6 x 6 km."""
    return make_lattice(
        rng,
        (plan.BLOCKS, plan.BLOCKS),
        centre=plan.MIDDLE,
        size=(6300.0, 6200.0),
        turn=6.0,
        rounding=0.42,
        wave=95.0,
        jitter=7.0,
    )


def intensity(xy: Array, villages: Array) -> Array:
    """Return how built-up a place of the urban district is, 0 to 1; `villages` (n, 2) are small centres."""
    value = np.zeros(xy.shape[:-1])
    for x, y, reach in (*plan.CENTRES, *((x, y, 270.0) for x, y in villages)):
        value = np.maximum(value, np.exp(-((np.hypot(xy[..., 0] - x, xy[..., 1] - y) / reach) ** 2)))
    return value


def choose_streets(rng: np.random.Generator, lattice: Lattice, villages: Array) -> Streets:
    """Choose the streets that are built; where nobody lives the mesh is wide."""
    rows, columns = lattice.shape
    edges: list[Edge] = [("h", r, c) for r in range(1, rows) for c in range(columns)]
    edges += [("v", r, c) for r in range(rows) for c in range(1, columns)]
    middles = np.array([lattice.along(edge, 0.5) for edge in edges])
    built = intensity(middles, villages)
    dice = rng.uniform(0.06, 0.55, len(edges))
    streets = {}
    for edge, level, die in zip(edges, built, dice, strict=True):
        kind = plan.line_class(edge[1] if edge[0] == "h" else edge[2])
        if kind == "tertiary" and level < 0.10:
            kind = "unclassified"
        if kind in {"primary", "secondary", "tertiary"} or level > (0.02 if kind == "unclassified" else die):
            streets[edge] = kind
    _special(streets)
    _ring_off(streets, plan.PARK_ROWS, plan.PARK_COLUMNS)
    for r, c in (plan.PRIVATE_LINK_CELL, plan.ISLAND_CELL):
        _ring_off(streets, range(r, r + 1), range(c, c + 1))
    return _connected(lattice, streets)


def _special(streets: Streets) -> None:
    """Cut streets at the river and the motorway; put in bridges, the underpass and one-way pairs."""
    for edge in (*plan.RIVER_EDGES, *plan.MOTORWAY_EDGES):
        streets.pop(edge, None)
    crossed = {edge[1]: edge for edge in plan.RIVER_EDGES if edge[0] == "h"}
    streets |= {crossed[row]: "bridge:" + plan.line_class(row) for row in plan.ROAD_BRIDGES}
    streets[crossed[plan.FOOT_BRIDGE]] = "bridge:footway"
    streets |= {("h", row, plan.MOTORWAY_COLUMN): plan.line_class(row) for row in plan.MOTORWAY_ROWS}
    streets["h", plan.UNDERPASS_ROW, plan.MOTORWAY_COLUMN] = "tunnel:footway"
    for (axis, line), (first, last, _, _) in plan.ONE_WAY.items():
        for k in range(first, last):
            streets[(axis, k, line) if axis == "v" else (axis, line, k)] = "tertiary"
    streets |= dict.fromkeys(plan.PEDESTRIAN, "pedestrian")


def _ring_off(streets: Streets, rows: range, columns: range) -> None:
    """Clear a rectangle of cells of streets and put streets all around it."""
    for edge in [("h", r, c) for r in rows[1:] for c in columns] + [
        ("v", r, c) for r in rows for c in columns[1:]
    ]:
        streets.pop(edge, None)
    around: list[Edge] = [("h", r, c) for r in (rows.start, rows.stop) for c in columns]
    around += [("v", r, c) for r in rows for c in (columns.start, columns.stop)]
    for edge in around:
        streets.setdefault(edge, "residential")


def _connected(lattice: Lattice, streets: Streets) -> Streets:
    """Keep the largest connected part."""
    width = lattice.nodes.shape[1]
    count = lattice.nodes.shape[0] * width
    a = np.array([r * width + c for _, r, c in streets])
    b = np.array([(r + (axis == "v")) * width + c + (axis == "h") for axis, r, c in streets])
    _, part = connected_components(
        sparse.coo_array((np.ones(len(a)), (a, b)), shape=(count, count)), directed=False
    )
    largest = np.bincount(part[a]).argmax()
    return {edge: kind for (edge, kind), k in zip(streets.items(), part[a], strict=True) if k == largest}


def draw_streets(roads: RoadSet, lattice: Lattice, streets: Streets, inserts: Inserts) -> None:
    """Turn street stretches into ways: neighbouring stretches with the same tags become one way."""
    lines: dict[tuple[str, int], list[Edge]] = {}
    for axis, r, c in sorted(streets):
        lines.setdefault((axis, r if axis == "h" else c), []).append((axis, r, c))
    for (axis, line), edges in sorted(lines.items()):
        edges.sort(key=lambda edge: edge[2] if edge[0] == "h" else edge[1])
        steps = [edge[2] if axis == "h" else edge[1] for edge in edges]
        keys = [
            (streets[edge], _one_way(axis, line, k), k - i)
            for i, (edge, k) in enumerate(zip(edges, steps, strict=True))
        ]
        for (kind, one_way, _), group in groupby(range(len(edges)), key=lambda i: keys[i]):
            points = _stretch(lattice, [edges[i] for i in group], inserts)
            reverse = one_way is not None and one_way[0]
            roads.add(points[::-1] if reverse else points, **_tags(axis, line, kind, one_way))


def _stretch(lattice: Lattice, edges: list[Edge], inserts: Inserts) -> Array:
    """Join the points of consecutive street stretches together."""
    points = [lattice.ends(edges[0])[0]]
    for edge in edges:
        points += [lattice.along(edge, t) for t in sorted(inserts.get(edge, []))]
        points.append(lattice.ends(edge)[1])
    return np.array(points)


def _one_way(axis: str, line: int, step: int) -> tuple[bool, bool] | None:
    """Return (backwards, bicycles both ways) where a street is one-way."""
    first, last, backwards, bicycles = plan.ONE_WAY.get((axis, line), (0, 0, False, False))
    return (backwards, bicycles) if first <= step < last else None


def _tags(axis: str, line: int, kind: str, one_way: tuple[bool, bool] | None) -> Tags:
    """Return the tags of a street."""
    special, _, highway = kind.rpartition(":")
    ending = {"primary": "大道", "secondary": "路", "tertiary": "路"}.get(plan.line_class(line), "街")
    name = (ROADS_EW if axis == "h" else ROADS_NS)[line] + ending
    tags = {"highway": highway, "name": name}
    if highway == "pedestrian":
        tags["name"] = "老街步行街"
    if special == "bridge":
        tags |= {"name": ROADS_EW[line] + "桥", "bridge": "yes", "layer": "1"}
    if special == "tunnel":
        tags |= {"name": "高速公路人行通道", "tunnel": "yes", "layer": "-1"}
    if one_way and highway == "tertiary":
        tags |= {"oneway": "yes"} | ({"oneway:bicycle": "no"} if one_way[1] else {})
    if highway in {"primary", "secondary"}:
        tags |= {"lanes": "4" if highway == "primary" else "2", "sidewalk": "both"}
    return tags


def draw_river(roads: RoadSet, lattice: Lattice) -> shapely.LineString:
    """Draw the river from north to south and return its line."""
    start = lattice.inside(*plan.RIVER_CELLS[0], np.array([[0.5, 0.0]]))
    end = lattice.inside(*plan.RIVER_CELLS[-1], np.array([[0.5, 1.0]]))
    middles = [lattice.inside(r, c, np.array([[0.5, 0.5]])) for r, c in plan.RIVER_CELLS]
    line = chaikin(np.concatenate([start, *middles, end]), 2)[::-1]
    roads.add(line, waterway="river", name="云川江")
    return shapely.LineString(line)


def chaikin(points: Array, rounds: int) -> Array:
    """Cut the corners of a line (Chaikin 1974); both ends stay."""
    for _ in range(rounds):
        a, b = points[:-1], points[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut[1:-1], points[-1:]])
    return points


def draw_motorway(roads: RoadSet, lattice: Lattice, inserts: Inserts) -> None:
    """Draw two carriageways, bridges where streets pass below, and four ramps at the junction."""
    column, rows = plan.MOTORWAY_COLUMN, plan.BLOCKS
    middle = np.array([lattice.along(("h", r, column), 0.5) for r in range(rows + 1)])
    heading = np.gradient(middle, axis=0)
    heading /= np.hypot(*heading.T)[:, None]
    right = np.column_stack([heading[:, 1], -heading[:, 0]])
    for northbound in (True, False):
        shift = 11.0 if northbound else -11.0
        lane = middle + shift * right
        points, raised = [], []
        for r in range(rows + 1):
            crossed = r in (*plan.MOTORWAY_ROWS, plan.UNDERPASS_ROW)
            ends = (-28.0, 28.0) if crossed else (0.0,)
            points += [lane[r] + d * heading[r] for d in ends]
            raised += [r in plan.MOTORWAY_ROWS, False] if crossed else [False]
        _carriageway(roads, np.array(points), raised, northbound=northbound)
    _ramps(roads, lattice, middle, right, inserts)


def _carriageway(roads: RoadSet, points: Array, raised: list[bool], *, northbound: bool) -> None:
    """Add one carriageway, split at its bridges, in its driving direction."""
    for bridge, group in groupby(range(len(points) - 1), key=lambda i: raised[i]):
        run = list(group)
        stretch = points[run[0] : run[-1] + 2]
        extra = {"bridge": "yes", "layer": "1"} if bridge else {}
        tags = {"highway": "motorway", "name": "云岚高速", "ref": "S99", "oneway": "yes", "maxspeed": "100"}
        roads.add(stretch if northbound else stretch[::-1], **tags, **extra)


def _ramps(roads: RoadSet, lattice: Lattice, middle: Array, right: Array, inserts: Inserts) -> None:
    """Join both carriageways to the street at the junction row, leaving and entering."""
    row, edge = plan.JUNCTION_ROW, ("h", plan.JUNCTION_ROW, plan.MOTORWAY_COLUMN)
    for east in (True, False):
        t, shift = (0.82, 11.0) if east else (0.18, -11.0)
        inserts.setdefault(edge, []).append(t)
        street = lattice.along(edge, t)
        for r in (row - 2, row + 2):
            lane = middle[r] + shift * right[r]
            beside = middle[(r + row) // 2] + 3.2 * shift * right[(r + row) // 2]
            leaving = (r < row) == east
            ramp = np.array([lane, beside, street] if leaving else [street, beside, lane])
            roads.add(ramp, highway="motorway_link", oneway="yes", name="澄溪立交匝道")
