"""Inside the blocks: estates with lanes, gates and footways, and the places where buildings stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import plan
from .frame import Array
from .lattice import Lattice, facing, side
from .roads import RoadSet
from .urban import Inserts, Streets

PLAIN = frozenset({"secondary", "tertiary", "residential", "unclassified", "primary"})
Cell = tuple[int, int]


@dataclass
class Homes:
    """Residential points: local metres, the block or hamlet they share, and a relative size."""

    points: list[Array]
    block: list[int]
    size: list[float]

    def add(self, points: Array, block: int, sizes: Array) -> None:
        """Append points (n, 2) of one block."""
        self.points += list(points)
        self.block += [block] * len(points)
        self.size += sizes.tolist()


def draw_estates(
    rng: np.random.Generator,
    roads: RoadSet,
    lattice: Lattice,
    streets: Streets,
    built: Array,
    homes: Homes,
    *,
    reserved: frozenset[Cell],
) -> Inserts:
    """Fill the blocks and return the joints made; `built` (rows, columns) is the intensity of each cell."""
    inserts: Inserts = {}
    rows, columns = lattice.shape
    for r, c in np.ndindex(rows, columns):
        level = float(built[r, c])
        sides = [k for k in range(4) if streets.get(side(k, r, c)[0]) in PLAIN]
        if level < 0.05 or not sides or (r, c) in reserved:
            continue
        if rng.random() < 0.25 + 0.75 * level:
            k = int(rng.choice(sides))
            others = [j for j in sides if j != k]
            drawer = _loop if rng.random() < 0.5 else _lane
            drawer(rng, roads, lattice, (r, c), k, others, inserts)
            _estate_homes(rng, lattice, (r, c), k, level, homes, ring=drawer is _loop)
        elif rng.random() < 1.2 * level:
            _street_homes(rng, lattice, (r, c), sides, level, homes)
    return inserts


def reserved_cells() -> frozenset[Cell]:
    """Return the cells that hold no ordinary estate."""
    park = {(r, c) for r in plan.PARK_ROWS for c in plan.PARK_COLUMNS}
    motorway = {(r, plan.MOTORWAY_COLUMN) for r in range(plan.BLOCKS)}
    return frozenset({*plan.RIVER_CELLS, *park, *motorway, plan.ISLAND_CELL, plan.PRIVATE_LINK_CELL})


def _join(lattice: Lattice, cell: Cell, k: int, a: float, inserts: Inserts) -> Array:
    """Make a joint on side `k` of a cell and return its point."""
    edge, backwards = side(k, *cell)
    t = round(1 - a if backwards else a, 3)
    inserts.setdefault(edge, []).append(t)
    return lattice.along(edge, t)


def _loop(
    rng: np.random.Generator,
    roads: RoadSet,
    lattice: Lattice,
    cell: Cell,
    k: int,
    others: list[int],
    inserts: Inserts,
) -> None:
    """Draw a ring lane behind one entrance, at times with a back gate for walkers."""
    a, low, high = rng.uniform(0.4, 0.6), rng.uniform(0.24, 0.3), rng.uniform(0.7, 0.76)
    door = _join(lattice, cell, k, a, inserts)
    gate, inner, *ring = lattice.inside(
        *cell, facing(k, np.array([(a, 0.1), (a, low), (high, low), (high, high), (low, high), (low, low)]))
    )
    roads.add([door, gate, inner], highway="service", service="driveway")
    roads.add([inner, *ring, inner], highway="service", service="driveway")
    if rng.random() < 0.35:
        roads.tag(gate, barrier="gate")
    if others and rng.random() < 0.4:
        j = int(rng.choice(others))
        _back_gate(rng, roads, lattice, cell, j, ring, inserts)


def _back_gate(
    rng: np.random.Generator,
    roads: RoadSet,
    lattice: Lattice,
    cell: Cell,
    j: int,
    ring: list[Array],
    inserts: Inserts,
) -> None:
    """Join a corner of the ring to another side by a footway with a gate, sometimes private."""
    middle = np.mean([lattice.along(side(j, *cell)[0], t) for t in (0.3, 0.7)], axis=0)
    corner = min(ring, key=lambda point: float(np.hypot(*(point - middle))))
    edge, backwards = side(j, *cell)
    start, end = lattice.ends(edge)
    t = float(np.clip((corner - start) @ (end - start) / ((end - start) @ (end - start)), 0.1, 0.9))
    door = _join(lattice, cell, j, 1 - t if backwards else t, inserts)
    gate = door + 0.3 * (corner - door)
    roads.add([corner, gate, door], highway="footway")
    die = rng.random()
    if die < 0.6:
        roads.tag(gate, barrier="gate", **({"access": "private"} if die < 0.2 else {}))


def _lane(
    rng: np.random.Generator,
    roads: RoadSet,
    lattice: Lattice,
    cell: Cell,
    k: int,
    others: list[int],
    inserts: Inserts,
) -> None:
    """Draw a lane into the block with a footway across its end, or right through to the opposite side."""
    a, depth = rng.uniform(0.35, 0.65), rng.uniform(0.55, 0.75)
    door = _join(lattice, cell, k, a, inserts)
    ab = np.array([(a, 0.1), (a, 0.45), (a, depth), (a - 0.25, depth), (a + 0.25, depth)])
    gate, half, end, left, right = lattice.inside(*cell, facing(k, ab))
    opposite = (k + 2) % 4
    if opposite in others and rng.random() < 0.45:
        out = _join(lattice, cell, opposite, 1 - a, inserts)
        roads.add(
            [door, gate, half, end, out], highway=str(rng.choice(["living_street", "service", "footway"]))
        )
        return
    roads.add([door, gate, half, end], highway="service", service="driveway")
    roads.add([left, end, right], highway="footway")
    if rng.random() < 0.3:
        roads.tag(gate, barrier="gate")


def _estate_homes(
    rng: np.random.Generator, lattice: Lattice, cell: Cell, k: int, level: float, homes: Homes, *, ring: bool
) -> None:
    """Stand buildings 10-30 m off an estate's lanes."""
    count = 1 + rng.poisson(1.9 * level)
    slots = [(0.15, 0.35), (0.85, 0.35), (0.15, 0.65), (0.85, 0.65), (0.35, 0.86), (0.65, 0.86), (0.5, 0.5)]
    if not ring:
        slots = [(0.3, 0.3), (0.7, 0.3), (0.3, 0.5), (0.7, 0.5), (0.4, 0.85), (0.65, 0.85), (0.2, 0.2)]
    chosen = np.array(slots)[rng.permutation(len(slots))[:count]] + rng.normal(0, 0.025, (min(count, 7), 2))
    sizes = (0.35 + level) * rng.lognormal(0, 0.45, len(chosen))
    homes.add(lattice.inside(*cell, facing(k, chosen)), cell[0] * plan.BLOCKS + cell[1], sizes)


def _street_homes(
    rng: np.random.Generator, lattice: Lattice, cell: Cell, sides: list[int], level: float, homes: Homes
) -> None:
    """Stand houses along the streets of a block without an estate."""
    count = 1 + rng.poisson(2.5 * level)
    for k in rng.choice(sides, count):
        ab = np.array([(rng.uniform(0.12, 0.88), rng.uniform(0.07, 0.14))])
        size = 0.5 * (0.35 + level) * rng.lognormal(0, 0.4, 1)
        homes.add(lattice.inside(*cell, facing(int(k), ab)), cell[0] * plan.BLOCKS + cell[1], size)


def draw_oddities(
    rng: np.random.Generator,
    roads: RoadSet,
    lattice: Lattice,
    streets: Streets,
    homes: Homes,
    inserts: Inserts,
) -> None:
    """Draw the park, the waterside, an island of footways, and a private link that walkers may use."""
    _park(roads, lattice, inserts)
    _waterside(roads, lattice, streets, inserts)
    ring = lattice.inside(
        *plan.ISLAND_CELL, np.array([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2)])
    )
    across = lattice.inside(*plan.ISLAND_CELL, np.array([(0.2, 0.5), (0.5, 0.5), (0.8, 0.5)]))
    roads.add(
        [ring[0], ring[1], across[2], ring[2], ring[3], across[0], ring[0]],
        highway="footway",
        name="听松苑步道",
    )
    roads.add(across, highway="footway")
    island = plan.ISLAND_CELL[0] * plan.BLOCKS + plan.ISLAND_CELL[1]
    homes.add(
        lattice.inside(*plan.ISLAND_CELL, np.array([(0.35, 0.35), (0.65, 0.65)])),
        island,
        np.array([1.2, 1.1]),
    )
    cell = plan.PRIVATE_LINK_CELL
    west, east = _join(lattice, cell, 3, 0.5, inserts), _join(lattice, cell, 1, 0.5, inserts)
    gates = lattice.inside(*cell, np.array([(0.12, 0.5), (0.88, 0.5)]))
    roads.add(
        [west, gates[0], gates[1], east],
        highway="service",
        access="private",
        foot="yes",
        name="职业学院内部路",
    )
    block = cell[0] * plan.BLOCKS + cell[1]
    homes.add(lattice.inside(*cell, np.array([(0.3, 0.65), (0.7, 0.35)])), block, rng.uniform(0.8, 1.2, 2))


def _park(roads: RoadSet, lattice: Lattice, inserts: Inserts) -> None:
    """Draw a park with crossing footways, a path and a flight of steps to a pavilion."""
    r, c = plan.PARK_ROWS[1], plan.PARK_COLUMNS[0]
    south, north = plan.PARK_ROWS[0], plan.PARK_ROWS[-1]
    west, east = _join(lattice, (r, c), 3, 0.5, inserts), _join(lattice, (r, c + 1), 1, 0.5, inserts)
    below, above = _join(lattice, (south, c), 0, 0.6, inserts), _join(lattice, (north, c), 2, 0.4, inserts)
    middle, bend = lattice.inside(r, c, np.array([(0.6, 0.5), (0.75, 0.2)]))
    pavilion = lattice.inside(r, c + 1, np.array([(0.35, 0.75)]))[0]
    pond = lattice.inside(r, c + 1, np.array([(0.4, 0.25)]))[0]
    roads.add([west, middle, pond, east], highway="footway", name="文庙公园步道")
    roads.add([below, bend, middle], highway="footway")
    roads.add([middle, above], highway="path", name="松林小径")
    roads.add([middle, pavilion], highway="steps", step_count="64")
    corners = [lattice.nodes[south, c], lattice.nodes[south, c + 2], lattice.nodes[north + 1, c + 2]]
    corners += [lattice.nodes[north + 1, c], lattice.nodes[south, c]]
    roads.add(corners, leisure="park", name="文庙公园")


def _waterside(roads: RoadSet, lattice: Lattice, streets: Streets, inserts: Inserts) -> None:
    """Draw a cycleway on the east bank below the quays, with steps and ramps up to the street."""
    column, rows = _straight_reach()
    points = lattice.inside(rows[0], column, np.array([(0.86, 0.3)]))
    for r in rows:
        here = lattice.inside(r, column, np.array([(0.86, 0.5)]))
        points = np.concatenate([points, here])
        if ("v", r, column + 1) in streets and (r % 2 == 0 or r in (rows[0], rows[-1])):
            top = _join(lattice, (r, column), 1, 0.5, inserts)
            kind = "footway" if r in (rows[0], rows[-1]) else "steps"
            roads.add([here[0], top], highway=kind, **({"step_count": "18"} if kind == "steps" else {}))
    roads.add(points, highway="cycleway", foot="yes", name="云川江滨江绿道")


def _straight_reach() -> tuple[int, list[int]]:
    """Return the column and the rows of the longest straight reach of the river."""
    by_column: dict[int, list[int]] = {}
    for r, c in plan.RIVER_CELLS:
        by_column.setdefault(c, []).append(r)
    runs = []
    for column, rows in by_column.items():
        once = [r for r in rows if sum(cell[0] == r for cell in plan.RIVER_CELLS) == 1]
        breaks = [k for k in range(1, len(once)) if once[k] != once[k - 1] + 1]
        runs += [(column, once[a:b]) for a, b in zip([0, *breaks], [*breaks, len(once)], strict=True)]
    inner = [(column, [r for r in rows if 6 < r < 29]) for column, rows in runs]
    return max(inner, key=lambda run: len(run[1]))
