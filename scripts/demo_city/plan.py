"""The town plan of the urban district in lattice numbers: what runs along a line and what cuts across."""

from __future__ import annotations

from itertools import pairwise

from .lattice import Edge

BLOCKS = 36
MIDDLE = (3000.0, 3000.0)
PRIMARY, SECONDARY = {18}, {7, 27}
TERTIARY = {3, 11, 14, 22, 31}

# The river flows south through one cell after another; only these streets cross it.
_RIVER_COLUMNS = [13] * 9 + [12] * 15 + [13] * (BLOCKS - 24)
ROAD_BRIDGES, FOOT_BRIDGE = (7, 18, 27), 22

# The motorway fills one column of cells; it rises over these rows, one row dives below it for walkers.
MOTORWAY_COLUMN, MOTORWAY_ROWS, UNDERPASS_ROW = 4, (7, 11, 18, 27), 22
JUNCTION_ROW = 18

ONE_WAY = {  # (axis, line): (first, last cell, against the drawing direction, bicycles may go against it)
    ("v", 20): (11, 24, False, False),
    ("v", 23): (11, 24, True, True),
    ("h", 15): (15, 27, False, False),
    ("h", 16): (15, 27, True, True),
}
PEDESTRIAN = [("h", 19, c) for c in (18, 19, 20)]
PARK_ROWS, PARK_COLUMNS = range(19, 22), range(15, 17)
ISLAND_CELL, PRIVATE_LINK_CELL = (24, 24), (13, 28)
GATEWAY_ROWS = (7, 18, 27)  # streets that leave the district for the mountains
COUNTY_TOWN_MAIN_ROW = 2

# Where people live: (x, y, reach in metres) in local metres; villages of the fringe are added to these.
CENTRES = (
    (3350.0, 3250.0, 1500.0),
    (1250.0, 3100.0, 800.0),
    (2900.0, 1300.0, 900.0),
    (4600.0, 3900.0, 1000.0),
    (2900.0, 4900.0, 850.0),
    (5000.0, 1300.0, 450.0),
)


def line_class(line: int) -> str:
    """Return the class of the street along a lattice line of the urban district."""
    if line in PRIMARY:
        return "primary"
    if line in SECONDARY:
        return "secondary"
    return "tertiary" if line in TERTIARY else "residential"


def _river_cells() -> list[tuple[int, int]]:
    """Return the cells (row, column) of the river from south to north, each touching the next."""
    cells = []
    for row, column in enumerate(_RIVER_COLUMNS):
        previous = _RIVER_COLUMNS[row - 1] if row else column
        step = 1 if column >= previous else -1
        cells += [(row, c) for c in range(previous, column + step, step)]
    return cells


def shared_edge(cell: tuple[int, int], following: tuple[int, int]) -> Edge:
    """Return the street between two neighbouring cells."""
    (r, c), (r2, c2) = cell, following
    return ("v", r, max(c, c2)) if r == r2 else ("h", max(r, r2), c)


RIVER_CELLS = _river_cells()
RIVER_EDGES = [shared_edge(a, b) for a, b in pairwise(RIVER_CELLS)]
MOTORWAY_EDGES: list[Edge] = [("h", r, MOTORWAY_COLUMN) for r in range(BLOCKS + 1)]
