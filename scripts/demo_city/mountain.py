"""Roads of the mountain county: least-cost routes over the terrain, village lanes, and the county town."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from . import plan
from .areas import Areas
from .estates import Homes, draw_estates
from .frame import Array, Bools, Ints, centimetres
from .lattice import Lattice, make_lattice
from .names import COUNTY_TOWN_COLUMNS, COUNTY_TOWN_ROWS, MOUNTAIN, TOWNSHIPS
from .roads import RoadSet, Tags, share_crossings
from .terrain import Terrain
from .urban import Streets, chaikin

CELL = 85.0
GRADE = {"road": 0.075, "foot": 0.30}  # gradients beyond which a detour pays
RANK = ("secondary", "tertiary", "unclassified", "track", "path")
COUNTY_TOWN = "539921100"
TUNNEL = np.array([(-2300.0, 2450.0), (-1050.0, 2600.0)])


@dataclass(frozen=True)
class Ground:
    """A grid of route points in local metres (n, 2), which of them are open, and a cost graph by mode."""

    points: Array
    open: Bools
    graphs: dict[str, sparse.csr_array]

    def nearest(self, xy: Array) -> Ints:
        """Return the open grid points nearest to `xy`, shape (n, 2)."""
        where = np.flatnonzero(self.open)
        tree = shapely.STRtree(np.asarray(shapely.points(self.points[where])))
        return where[tree.nearest(shapely.points(np.asarray(xy, dtype=float).reshape(-1, 2)))]

    def routes(self, mode: str, sources: Ints, targets: Ints) -> list[Ints]:
        """Return the cheapest route from the nearest source to every target, as rows of grid numbers."""
        _, before, _ = dijkstra(
            self.graphs[mode],
            directed=False,
            indices=np.unique(sources),
            min_only=True,
            return_predecessors=True,
        )
        routes = []
        for target in targets:
            route = [int(target)]
            while before[route[-1]] >= 0:
                route.append(int(before[route[-1]]))
            routes.append(np.array(route[::-1]))
        return routes


@dataclass(frozen=True)
class Village:
    """Where a community's lanes begin, and its hamlets: points, and whether a road reaches them."""

    seat: Array
    hamlets: Array
    linked: Bools


def county_town(rng: np.random.Generator) -> Lattice:
    """Draw the small street lattice of the county town."""
    seat = next(t.seat for t in TOWNSHIPS if t.code == COUNTY_TOWN)
    return make_lattice(
        rng,
        (5, 8),
        centre=(seat[0] + 60, seat[1] + 20),
        size=(1150.0, 660.0),
        turn=14.0,
        rounding=0.3,
        wave=18.0,
        jitter=5.0,
    )


def draw_mountains(
    rng: np.random.Generator, roads: RoadSet, areas: Areas, terrain: Terrain, city: Lattice, homes: Homes
) -> None:
    """Add all roads and homes of the mountain county; homes' blocks are numbered from 10 000 by community."""
    town = county_town(rng)
    county = areas.counties.set_index("code").geometry[MOUNTAIN]
    ground = _ground(rng, terrain, county, town)
    mine = areas.communities["code"].str.startswith(MOUNTAIN).to_numpy()
    numbers = np.flatnonzero(mine)
    shapes = areas.communities.geometry.to_numpy()
    rural = numbers[~_in_county_town(areas, numbers)]
    villages = [_village(rng, ground, terrain, shapes[k], areas.seats[k]) for k in rural]
    wild = RoadSet()
    _draw_routes(rng, wild, ground, areas.communities["parent"].to_numpy()[rural], villages, town, city)
    _draw_county_town(rng, wild, town, homes)
    for k, village in zip(rural, villages, strict=True):
        _draw_village(rng, wild, areas.communities["code"].iloc[k], village, homes, int(k))
        wild.place(village.seat + np.array([18, 12]), place="village", name=areas.communities["name"].iloc[k])
    roads.ways += share_crossings(wild.ways)
    roads.node_tags |= wild.node_tags
    roads.places += wild.places


def _in_county_town(areas: Areas, numbers: Ints) -> Bools:
    """Tell which communities lie in the streets of the county town and need no road of their own."""
    row = areas.communities.iloc[numbers]
    return np.asarray((row["parent"] == COUNTY_TOWN) & (row["level"] == "社区"))


def _ground(rng: np.random.Generator, terrain: Terrain, county: shapely.Polygon, town: Lattice) -> Ground:
    """Lay the grid over the county; it is open away from the border and outside the county town."""
    west, south, east, north = county.bounds
    x, y = np.meshgrid(np.arange(west, east, CELL), np.arange(south, north, CELL))
    shape = x.shape
    points = np.stack([x, y], axis=-1) + rng.uniform(-0.2 * CELL, 0.2 * CELL, (*shape, 2))
    points += 26.0 * np.stack([np.sin(y / 71 + x / 190), np.sin(x / 63 - y / 170)], axis=-1)  # roads wind
    flat = shapely.points(points)
    inner = shapely.difference(county.buffer(-70), town.outline().buffer(25))
    shapely.prepare(inner)
    free = np.asarray(shapely.contains(inner, flat))
    height = terrain.height(points)
    graphs = {mode: _graph(points, height, free, grade) for mode, grade in GRADE.items()}
    return Ground(centimetres(points.reshape(-1, 2)), free.ravel(), graphs)


def _graph(points: Array, height: Array, free: Bools, grade: float) -> sparse.csr_array:
    """Join every grid point to sixteen others; cost is length, rising with the cube of the gradient."""
    rows, columns = free.shape
    number = np.arange(free.size).reshape(free.shape)
    heads, tails, costs = [], [], []
    for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (2, -1), (1, -2)):
        here = (slice(0, rows - dr), slice(max(0, -dc), columns - max(0, dc)))
        there = (slice(dr, rows), slice(max(0, dc), columns + min(0, dc)))
        both = free[here] & free[there]
        length = np.hypot(*(points[there] - points[here])[both].T)
        slope = np.abs(height[there] - height[here])[both] / length
        heads.append(number[here][both])
        tails.append(number[there][both])
        costs.append(length * (1 + (slope / grade) ** 3))
    ends = (np.concatenate(heads), np.concatenate(tails))
    return sparse.csr_array((np.concatenate(costs), ends), shape=(free.size, free.size))


def _village(
    rng: np.random.Generator, ground: Ground, terrain: Terrain, shape: shapely.Polygon, seat: Array
) -> Village:
    """Seat a village on level ground near its growing point, and scatter hamlets about it."""
    shapely.prepare(shape)
    flat = np.asarray(shapely.points(ground.points))
    points = ground.points[ground.open & shapely.contains(shape, flat)]
    if not len(points):
        raise ValueError("a village found no open ground; choose another seed")
    edge = shapely.distance(shapely.points(points), shape.boundary) < 90
    away = np.hypot(*(points - seat).T)
    steps = np.array([(40.0, 0.0), (0.0, 40.0)])
    rise = sum(np.abs(terrain.height(points + step) - terrain.height(points - step)) for step in steps)
    middle = points[np.argmin(away / 700 + rise / 8 + 100 * edge)]
    away = np.hypot(*(points - middle).T)
    ring = np.flatnonzero(~edge & (away > 450) & (away < 1900))
    count = min(len(ring), 1 + rng.poisson(1.9))
    hamlets = points[rng.choice(ring, count, replace=False)] if count else np.empty((0, 2))
    return Village(middle, hamlets, rng.random(count) > 0.22)


def _draw_routes(
    rng: np.random.Generator,
    wild: RoadSet,
    ground: Ground,
    parents: np.ndarray,
    villages: list[Village],
    town: Lattice,
    city: Lattice,
) -> None:
    """Route trunk roads, the tunnel and the old pass, village roads, tracks and paths, in this order."""
    middle = plan.COUNTY_TOWN_MAIN_ROW
    doors = np.array([town.nodes[middle, 0], town.nodes[middle, -1], town.nodes[0, 3], town.nodes[-1, 5]])
    gateways = np.array([city.nodes[row, 0] for row in plan.GATEWAY_ROWS])
    gates, stubs, portals = ground.nearest(doors), ground.nearest(gateways), ground.nearest(TUNNEL)
    seats = ground.nearest(np.array([village.seat for village in villages]))
    hamlets = ground.nearest(np.concatenate([village.hamlets[village.linked] for village in villages]))
    first = np.flatnonzero(parents[1:] != parents[:-1]) + 1  # the first community of every further township
    plans: list[tuple[str, Ints]] = [("secondary", portals[:1]), *(("tertiary", seats[[k]]) for k in first)]
    plans += [("unclassified", stubs[[k]]) for k in (2, 1, 0)]  # over the old pass
    plans += [("unclassified", part) for part in _near_first(ground, seats, gates, 6)]
    plans += [
        (str(rng.choice(["track", "path"], p=[0.6, 0.4])), part)
        for part in _near_first(ground, hamlets, gates, 8)
    ]
    steps = [("secondary", ground.routes("road", stubs[1:2], portals[1:]))]
    reached = gates
    for highway, targets in plans:
        steps.append(
            (highway, ground.routes("foot" if highway in {"track", "path"} else "road", reached, targets))
        )
        reached = np.unique(np.concatenate([reached, *steps[-1][1]]))
    _draw_chains(wild, ground, steps, np.concatenate([seats, hamlets, portals]))
    used = np.unique(np.concatenate([route for _, routes in steps for route in routes if len(route) > 1]))
    for start, stop in zip(np.concatenate([doors, gateways]), np.concatenate([gates, stubs]), strict=True):
        if stop in used:
            wild.add([start, ground.points[stop]], highway="tertiary", name="连接线")
    ends = ground.points[portals[::-1]]
    wild.add(
        ends,
        highway="secondary",
        name="云岚隧道",
        ref="S321",
        tunnel="yes",
        layer="-1",
        foot="no",
        bicycle="no",
    )


def _near_first(ground: Ground, targets: Ints, sources: Ints, parts: int) -> list[Ints]:
    """Split targets into parts, nearest first, so that later roads branch off earlier ones."""
    middle = ground.points[sources].mean(axis=0)
    order = np.argsort(np.hypot(*(ground.points[targets] - middle).T), kind="stable")
    return np.array_split(targets[order], parts)


def _draw_chains(wild: RoadSet, ground: Ground, steps: list[tuple[str, list[Ints]]], keep: Ints) -> None:
    """Merge routes into chains between junctions, smooth them, and add them as ways."""
    kind: dict[tuple[int, int], str] = {}
    for highway, routes in steps:
        for route in routes:
            for a, b in pairwise(route.tolist()):
                kind.setdefault((min(a, b), max(a, b)), highway)
    around: dict[int, list[int]] = {}
    for a, b in sorted(kind):
        around.setdefault(a, []).append(b)
        around.setdefault(b, []).append(a)
    fixed = set(keep.tolist())
    ends = {
        n
        for n, others in around.items()
        if n in fixed or len(others) != 2 or len({kind[min(n, o), max(n, o)] for o in others}) > 1
    }
    for chain, highway in _chains(around, kind, ends):
        line = shapely.simplify(shapely.LineString(chaikin(ground.points[chain], 2)), 5.0)
        wild.add(shapely.get_coordinates(line), **_route_tags(highway, len(wild.ways)))


def _chains(
    around: dict[int, list[int]], kind: dict[tuple[int, int], str], ends: set[int]
) -> list[tuple[list[int], str]]:
    """Walk from junction to junction."""
    chains, done = [], set()
    for start in sorted(ends):
        for following in around[start]:
            chain = [start, following]
            while chain[-1] not in ends:
                a, b = around[chain[-1]]
                chain.append(b if a == chain[-2] else a)
            step = (min(chain[:2]), max(chain[:2]))
            if step not in done:
                done |= {(min(a, b), max(a, b)) for a, b in pairwise(chain)}
                chains.append((chain, kind[step]))
    return chains


def _route_tags(highway: str, number: int) -> Tags:
    """Return the tags of a mountain way."""
    tags = {"highway": highway}
    if highway == "secondary":
        tags |= {"name": "云岚公路", "ref": "S321", "lanes": "2"}
    if highway == "tertiary":
        tags |= {"name": f"岚岭县道{number % 9 + 1}号", "ref": f"X{number % 9 + 901}"}
    if highway == "unclassified":
        tags |= {"name": "通村路", "surface": "concrete"}
    if highway == "track":
        tags |= {"tracktype": "grade3", "surface": "unpaved"}
    return tags


def _draw_county_town(rng: np.random.Generator, wild: RoadSet, town: Lattice, homes: Homes) -> None:
    """Draw the streets and estates of the county town."""
    rows, columns = town.shape
    streets: Streets = {("h", r, c): "residential" for r in range(rows + 1) for c in range(columns)}
    streets |= {("v", r, c): "residential" for r in range(rows) for c in range(columns + 1)}
    for c in range(columns):
        streets["h", plan.COUNTY_TOWN_MAIN_ROW, c] = "tertiary"
    for r, c in ((1, 2), (3, 6), (4, 1)):
        streets.pop(("v", r, c))
    middles = np.array(
        [[town.inside(r, c, np.array([[0.5, 0.5]]))[0] for c in range(columns)] for r in range(rows)]
    )
    built = 0.25 + 0.5 * np.exp(
        -((np.hypot(*(middles - middles.mean(axis=(0, 1))).transpose(2, 0, 1)) / 380) ** 2)
    )
    own = Homes([], [], [])
    inserts = draw_estates(rng, wild, town, streets, built, own, reserved=frozenset())
    homes.points += own.points
    homes.block += [9000 + block for block in own.block]
    homes.size += [1.1 * size for size in own.size]
    for edge, highway in streets.items():
        points = [
            town.ends(edge)[0],
            *(town.along(edge, t) for t in sorted(inserts.get(edge, []))),
            town.ends(edge)[1],
        ]
        name = COUNTY_TOWN_ROWS[edge[1]] if edge[0] == "h" else COUNTY_TOWN_COLUMNS[edge[2]]
        wild.add(points, highway=highway, name=name)


def _draw_village(
    rng: np.random.Generator, wild: RoadSet, code: str, village: Village, homes: Homes, k: int
) -> None:
    """Draw the lanes and homes of one community and its hamlets."""
    large = code[9:] in {"001", "200"} and not code.startswith(COUNTY_TOWN)  # mostly the seat of a township
    block = 10_000 + 100 * k
    _cluster(
        rng,
        wild,
        village.seat,
        8 if large else int(rng.integers(4, 7)),
        "residential",
        homes,
        block,
        1.6 if large else 1.0,
    )
    for j, (point, linked) in enumerate(zip(village.hamlets, village.linked, strict=True), start=1):
        if linked:
            _cluster(rng, wild, point, 2, "path", homes, block + j, 0.7)
        else:
            count = int(rng.integers(1, 3))
            homes.add(
                centimetres(point + rng.normal(0, 18, (count, 2))),
                block + j,
                0.5 * rng.lognormal(0, 0.3, count),
            )


def _cluster(
    rng: np.random.Generator,
    wild: RoadSet,
    centre: Array,
    spokes: int,
    highway: str,
    homes: Homes,
    block: int,
    scale: float,
) -> None:
    """Draw bent lanes out of a centre with side paths, and homes beside them."""
    turn = rng.uniform(0, 2 * np.pi)
    for k in range(spokes):
        heading = turn + 2 * np.pi * (k + rng.uniform(-0.25, 0.25)) / spokes
        steps = int(rng.integers(2, 4 if spokes < 8 else 6))
        headings = heading + np.cumsum(rng.normal(0, 0.28, steps))
        lengths = rng.uniform(38, 62, steps)
        move = np.column_stack([np.cos(headings), np.sin(headings)]) * lengths[:, None]
        points = np.concatenate([centre[None], centre + np.cumsum(move, axis=0)])
        wild.add(points, highway=highway)
        if highway == "residential" and rng.random() < 0.5:
            aside = points[-2] + 34 * np.array([-np.sin(headings[-1]), np.cos(headings[-1])])
            wild.add(
                [points[-2], aside], highway=str(rng.choice(["footway", "path", "steps"], p=[0.5, 0.3, 0.2]))
            )
        across = np.column_stack([-move[:, 1], move[:, 0]]) / lengths[:, None]
        sides = rng.choice([-1.0, 1.0], steps) * rng.uniform(8, 22, steps)
        spots = points[1:] - 0.4 * move + across * sides[:, None]
        homes.add(centimetres(spots), block, scale * rng.lognormal(0, 0.4, steps))
