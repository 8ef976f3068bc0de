"""Where new centres could go when no list names enough places: settlements, homes, people out of reach, roads.

Everything is counted on arrays in the network's metres. Grids are anchored at the coordinate system's origin and demand
points are taken in the order of their keys, so the same places come out whatever the order of the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from carecircle.cover import assign_areas
from carecircle.crs import GEOGRAPHIC, to_geographic, unproject
from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.schema import CANDIDATES, LEVELS, SOURCES, check
from carecircle.snap import Places, snap_xy
from carecircle.sources.roads.streets import ranges

PROPOSED = tuple(source for source in SOURCES if source != "idle")
"""Sources that candidates can be proposed from."""

LINK_METRES = 100.0
"""Homes in cells of this size that touch, corners included, belong to one settlement."""

_WEIGHTS = ("people_60", "people")
_SEATS = ("township", "community")
_NO_SITES = ("motorway", "motorway_link")
_MILLIMETRE = 3
_COLUMN = 2**32


@dataclass(frozen=True, eq=False)
class _Homes:
    """Demand points with older people (or of unknown numbers), in the order of their keys; metres."""

    frame: gpd.GeoDataFrame
    xy: Floats
    people: Floats
    reached: NDArray[np.bool_]

    def take(self, rows: NDArray[np.bool_]) -> _Homes:
        return _Homes(self.frame[rows], self.xy[rows], self.people[rows], self.reached[rows])


@dataclass(frozen=True, eq=False)
class _Setting:
    """What every source of candidates works on."""

    homes: _Homes
    network: RoadNetwork
    areas: gpd.GeoDataFrame
    metres: dict[str, float]


def propose_candidates(
    demand: gpd.GeoDataFrame,
    network: RoadNetwork,
    areas: gpd.GeoDataFrame | None = None,
    *,
    sources: Sequence[str] = PROPOSED,
    reached: ArrayLike | None = None,
    grid_metres: float = 500.0,
    settlement_metres: float = 1000.0,
    uncovered_metres: float = 1000.0,
) -> gpd.GeoDataFrame:
    """Propose places for new centres.

    Parameters
    ----------
    demand
        Where people live, from `read_population`. Places are weighed by people of 60 and over, where none are known by
        all people, else every point counts the same. Points where nobody lives give no candidate.
    network
        Streets; candidates of the sources ``"uncovered"`` and ``"road"`` stand on them.
    areas
        From `read_areas`: seats of townships and communities, names, and the border for places on roads.
    sources
        Some of `PROPOSED`. ``"settlement"``: for each township, community and settlement the demand point nearest to
        the middle of its people. ``"residential"``: the demand point with most people in each cell of a grid.
        ``"uncovered"``: the middles of people out of reach, moved to the nearest street; where that is 2 km away or
        outside the areas, the home nearest to the middle. ``"road"``: the junction
        nearest to the middle of each cell, or another vertex of a street where the cell has no junction; motorways and
        islands are left out.
    reached
        For each demand point, whether it is within reach already (a Series is taken by its index); None: nobody is.
    grid_metres, settlement_metres, uncovered_metres
        Size of a cell of the grid; a settlement (see `clusters`) or group of people out of reach that is wider than
        this is cut up.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in EPSG:4326 that keep `schema.CANDIDATES`, with the columns of a list of idle property, so that both can
        be put together by `pandas.concat`. Numbered within each source, most people first, then north to south. `note`
        says in words how a place was found. A place that two sources propose is listed once, under the first in the
        order of `schema.SOURCES`. May be empty.

    Raises
    ------
    UsageError
        An unknown source, a size that is not above 0, or `reached` of another length.
    """
    metres = {"grid": grid_metres, "settlement": settlement_metres, "uncovered": uncovered_metres}
    _refuse(sources, metres)
    there = to_geographic(areas) if areas is not None else _no_areas()
    setting = _Setting(_homes(demand, network, reached), network, there, metres)
    found = [_SOURCES[source](setting).assign(source=source) for source in PROPOSED if source in sources]
    return _finished(pd.concat([_nothing(), *found], ignore_index=True), setting)


def _refuse(sources: Sequence[str], metres: dict[str, float]) -> None:
    strange = sorted(set(sources) - set(PROPOSED))
    if strange:
        raise UsageError(text("candidate.unknown_source", value="、".join(strange), known="、".join(PROPOSED)))
    for size in metres.values():
        if not 0 < size < np.inf:
            raise UsageError(text("candidate.size", value=size))


def _homes(demand: gpd.GeoDataFrame, network: RoadNetwork, reached: ArrayLike | None) -> _Homes:
    within = _reached(demand, reached)
    at = demand.to_crs(network.crs).geometry
    known = next((column for column in _WEIGHTS if column in demand and demand[column].notna().any()), None)
    people = np.ones(len(demand)) if known is None else demand[known].to_numpy(float)
    homes = _Homes(demand, np.column_stack([at.x, at.y]), np.nan_to_num(people), within)
    order = np.argsort(demand["demand_id"].astype(str).to_numpy(object), kind="stable")
    order = order[(np.isnan(people) | (people > 0))[order]]
    return _Homes(demand.iloc[order], homes.xy[order], homes.people[order], homes.reached[order])


def _reached(demand: gpd.GeoDataFrame, reached: ArrayLike | None) -> NDArray[np.bool_]:
    """Return (n,) whether each demand point is reached; a Series is taken by its index."""
    if reached is None:
        return np.zeros(len(demand), bool)
    if isinstance(reached, pd.Series) and reached.index.is_unique:
        reached = reached.reindex(demand.index)
    within = np.asarray(reached)
    if within.shape != (len(demand),) or pd.isna(within).any():
        raise UsageError(text("candidate.reached", count=np.size(reached), points=len(demand)))
    return within.astype(bool)


def _no_areas() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({name: [] for name in ("area_id", "name", "level")}, geometry=[], crs=GEOGRAPHIC)


def _nothing() -> pd.DataFrame:
    return _table(np.empty((0, 2)), np.empty(0), [], []).assign(source=pd.Series(dtype=object))


def _table(xy: Floats, people: Floats, name: list[object], note: list[object]) -> pd.DataFrame:
    """Return candidates of one source: place in metres, people it was weighed by, name where it has one, and note."""
    columns = {"x": xy[:, 0], "y": xy[:, 1], "people": people}
    return pd.DataFrame({**columns, "name": _objects(name), "note": _objects(note)})


def _objects(values: Iterable[object]) -> pd.Series:
    return pd.Series(np.array([*values, None], dtype=object)[:-1], dtype=object)


# Groups of points


def clusters(xy: Floats, metres: float) -> Ints:
    """Return the group of each point.

    Points in touching cells of `LINK_METRES` are one group; where a group is wider than `metres`, it is cut by a grid
    of that size. So a village stays whole wherever the grid runs, and a town becomes pieces.

    Parameters
    ----------
    xy
        (n, 2) metres.
    metres
        Greatest width of a group, not counting the rest of a cell.

    Returns
    -------
    numpy.ndarray
        (n,) numbers from 0.

    Examples
    --------
    >>> clusters(np.array([[0.0, 0], [90, 0], [5000, 0]]), 1000).tolist()
    [0, 0, 1]
    """
    if len(xy) == 0:
        return np.empty(0, np.int64)
    cells, cell = np.unique(_cell(xy, LINK_METRES), return_inverse=True)
    group = _touching(cells)[cell]
    piece = np.where(_width(xy, group)[group] > metres, _cell(xy, metres), -1)
    return np.unique(np.column_stack([group, piece]), axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def _cell(xy: Floats, metres: float) -> Ints:
    """Return (n,) one number for each cell of a grid."""
    place = np.floor(xy / metres).astype(np.int64)
    return np.asarray(place[:, 1] * _COLUMN + place[:, 0])


def _touching(cells: Ints) -> Ints:
    """Return the connected part of each of the sorted cells."""
    start, end = [], []
    for step in (1, _COLUMN - 1, _COLUMN, _COLUMN + 1):
        at = np.minimum(np.searchsorted(cells, cells + step), len(cells) - 1)
        there = cells[at] == cells + step
        start.append(np.flatnonzero(there))
        end.append(at[there])
    tail, head = np.concatenate(start), np.concatenate(end)
    graph = coo_array((np.ones(len(tail), bool), (tail, head)), shape=(len(cells), len(cells)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _width(xy: Floats, group: Ints) -> Floats:
    """Return the longer side of the box around each group."""
    low, high = np.full((group.max() + 1, 2), np.inf), np.full((group.max() + 1, 2), -np.inf)
    np.minimum.at(low, group, xy)
    np.maximum.at(high, group, xy)
    return np.asarray((high - low).max(axis=1))


def _middles(homes: _Homes, group: Ints) -> tuple[Floats, Floats]:
    """Return the middle of the people of each group (of its points where nobody is known), and the people."""
    people: Floats = np.bincount(group, weights=homes.people).astype(float)
    weight = np.where(people[group] > 0, homes.people, 1.0)
    total = np.bincount(group, weights=weight)
    sums = [np.bincount(group, weights=weight * along) for along in homes.xy.T]
    return np.column_stack(sums) / total[:, None], people


def _best(group: Ints, cost: Floats) -> Ints:
    """Return for each group the position of the member with the least cost, the first of equals."""
    order = np.lexsort((np.arange(len(group)), cost, group))
    first = np.ones(len(order), bool)
    first[1:] = np.diff(group[order]) > 0
    return np.asarray(order[first])


def _apart(xy: Floats, to: Floats) -> Floats:
    """Return distances in whole millimetres, so that equals are equal."""
    return np.asarray(np.round(np.hypot(*(xy - to).T), _MILLIMETRE))


# Sources


def _settlements(setting: _Setting) -> pd.DataFrame:
    homes = setting.homes
    group = clusters(homes.xy, setting.metres["settlement"])
    parts = [_seats(setting, level) for level in _SEATS]
    return pd.concat([*parts, _central(homes, group, "settlement")], ignore_index=True)


def _seats(setting: _Setting, level: str) -> pd.DataFrame:
    """Return the demand point nearest to the middle of the people of each area of a level, under the area's name."""
    homes, areas = setting.homes, setting.areas[setting.areas["level"] == level]
    code = "area_id" if "area_id" in homes.frame else None
    own = assign_areas(homes.frame, areas, code)
    there = own.notna().to_numpy()
    if not there.any():
        return _table(np.empty((0, 2)), np.empty(0), [], [])
    group, codes = pd.factorize(own[there].astype(object), sort=True)
    named = areas.set_index("area_id")["name"].reindex(codes)
    found = _central(homes.take(there), np.asarray(group, np.int64), level)
    names = [text("candidate.middle_of", name=name) if isinstance(name, str) else None for name in named]
    return found.assign(name=pd.Series(names, dtype=object))


def _central(homes: _Homes, group: Ints, note: str) -> pd.DataFrame:
    """Return the member of each group nearest to the middle of its people."""
    if len(group) == 0:
        return _table(np.empty((0, 2)), np.empty(0), [], [])
    middle, people = _middles(homes, group)
    at = _best(group, _apart(homes.xy, middle[group]))
    return _table(homes.xy[at], people, _names(homes, at), [text(f"candidate.from_{note}")] * len(at))


def _names(homes: _Homes, at: Ints) -> list[object]:
    if "name" not in homes.frame:
        return [None] * len(at)
    return list(homes.frame["name"].astype(object).to_numpy()[at])


def _residential(setting: _Setting) -> pd.DataFrame:
    homes, metres = setting.homes, setting.metres["grid"]
    at = _best(_cell(homes.xy, metres), -homes.people)
    note = text("candidate.from_residential", metres=f"{metres:g}")
    return _table(homes.xy[at], homes.people[at], _names(homes, at), [note] * len(at))


def _uncovered(setting: _Setting) -> pd.DataFrame:
    """Return the middles of the people out of reach, on a street where one is near and inside the areas."""
    homes = setting.homes.take(~setting.homes.reached)
    if len(homes.xy) == 0:
        return _table(np.empty((0, 2)), np.empty(0), [], [])
    group = clusters(homes.xy, setting.metres["uncovered"])
    middle, people = _middles(homes, group)
    at = snap_xy(middle, setting.network)
    street = on_street(setting.network, at)
    good = at.on_network & _inside(setting.areas, setting.network, np.where(at.on_network[:, None], street, middle))
    home = homes.xy[_best(group, _apart(homes.xy, middle[group]))]
    said = np.where(good, text("candidate.from_uncovered"), text("candidate.from_uncovered_home"))
    return _table(np.where(good[:, None], street, home), people, [None] * len(home), list(said))


def on_street(network: RoadNetwork, places: Places) -> Floats:
    """Return (n, 2) metres of places on edges; NaN for those off the network."""
    xy = np.full((len(places), 2), np.nan)
    rows = np.flatnonzero(places.on_network)
    edge = places.edge[rows]
    counts = np.diff(network.edge_offsets)[edge]
    vertices = network.edge_xy[ranges(network.edge_offsets[:-1][edge], counts)]
    lines = shapely.linestrings(vertices, indices=np.repeat(np.arange(len(rows)), counts))
    points = shapely.line_interpolate_point(lines, places.fraction[rows], normalized=True)
    xy[rows] = shapely.get_coordinates(points)
    return xy


def _on_roads(setting: _Setting) -> pd.DataFrame:
    """Return the best place on a street in each cell of the grid: on the main network, inside the areas.

    A junction (or end of a street) is taken before any other vertex, then what is nearest to the middle of the cell.
    """
    network, metres = setting.network, setting.metres["grid"]
    xy, junction = _vertices(network)
    within = _inside(setting.areas, network, xy)
    xy, junction = xy[within], junction[within]
    if len(xy) == 0:
        return _table(xy, np.empty(0), [], [])
    away = _apart(xy, (np.floor(xy / metres) + 0.5) * metres)
    at = _best(_cell(xy, metres), np.where(junction, away, away + 2 * metres))
    note = text("candidate.from_road", metres=f"{metres:g}")
    return _table(xy[at], np.zeros(len(at)), [None] * len(at), [note] * len(at))


def _vertices(network: RoadNetwork) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the places of vertices of streets that can be built on, each once, and whether each is a junction."""
    usable = network.on_main & ~np.isin(np.asarray(network.edge_class, dtype=object).astype(str), _NO_SITES)
    vertices = network.edge_xy[np.repeat(usable, np.diff(network.edge_offsets))]
    ends = network.node_xy[np.concatenate([network.edge_u[usable], network.edge_v[usable]])]
    whole = np.unique(vertices[:, 0] + 1j * vertices[:, 1])
    junction = np.isin(whole, ends[:, 0] + 1j * ends[:, 1])
    return np.column_stack([whole.real, whole.imag]), junction


def _inside(areas: gpd.GeoDataFrame, network: RoadNetwork, xy: Floats) -> NDArray[np.bool_]:
    """Return whether places lie in any area of the widest level that has polygons; all do where none has."""
    shapes = areas[~(areas.geometry.isna() | areas.geometry.is_empty)]
    widest = next((level for level in LEVELS if (shapes["level"] == level).any()), None)
    if widest is None:
        return np.ones(len(xy), bool)
    whole = shapely.union_all(shapes.geometry[shapes["level"] == widest].to_numpy())
    shapely.prepare(whole)
    return np.asarray(shapely.intersects_xy(whole, *unproject(xy, network.crs).T))


_SOURCES: dict[str, Callable[[_Setting], pd.DataFrame]] = {
    "settlement": _settlements,
    "residential": _residential,
    "uncovered": _uncovered,
    "road": _on_roads,
}


# From places to the contract


def _finished(found: pd.DataFrame, setting: _Setting) -> gpd.GeoDataFrame:
    """Give the places numbers, names, and all columns of the contract."""
    found = _numbered(_ranked(found))
    lonlat = unproject(found[["x", "y"]].to_numpy(float), setting.network.crs)
    frame = gpd.GeoDataFrame(found, geometry=shapely.points(lonlat), crs=GEOGRAPHIC)
    frame = _named(_located(frame, setting.areas), setting)
    frame = frame.assign(coordinate_source="computed")
    for column in CANDIDATES.columns:
        if column.name not in frame:
            frame[column.name] = np.nan if column.kind == "number" else None
    frame = frame[[*(column.name for column in CANDIDATES.columns), "geometry"]]
    return check(frame, CANDIDATES) if len(frame) else frame


def _ranked(found: pd.DataFrame) -> pd.DataFrame:
    """Leave out places that are listed before (seats come before settlements), and sort by source, people, place."""
    place = found[["x", "y"]].round(_MILLIMETRE)
    rank = found["source"].map({source: position for position, source in enumerate(SOURCES)}).to_numpy(float)
    order: Ints = np.lexsort((place["x"], -place["y"], -found["people"], rank))
    once: NDArray[np.bool_] = ~place.duplicated().to_numpy(bool)
    return found.iloc[order[once[order]]].reset_index(drop=True)


def _numbered(found: pd.DataFrame) -> pd.DataFrame:
    """Give ids such as ``settlement-001``, with as many digits as the source needs, at least three."""
    number = found.groupby("source").cumcount() + 1
    width = found.groupby("source")["x"].transform("size").astype(str).str.len().clip(lower=3)
    names = zip(found["source"], number.astype(str), width.to_list(), strict=True)
    keys = [f"{source}-{count.zfill(digits)}" for source, count, digits in names]
    return found.assign(candidate_id=pd.Series(keys, dtype=object))


def _located(frame: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Say in which areas the places lie: the names by level, and the code of the narrowest."""
    names = areas.set_index("area_id")["name"]
    code = pd.Series(None, index=frame.index, dtype=object)
    for level in LEVELS[1:]:
        own = assign_areas(frame, areas[areas["level"] == level]).astype(object)
        there = own.notna()
        frame[level] = own.map(names, na_action="ignore").astype(object).where(there, None)
        code = own.where(there, code)
    return frame.assign(area_code=code)


def _named(frame: gpd.GeoDataFrame, setting: _Setting) -> gpd.GeoDataFrame:
    """Name the places that have no name after the narrowest area they lie in or near, else by their coordinates."""
    near = _nearest_area(frame, setting)
    nameless = frame["name"].isna()
    places = zip(near, frame.geometry.x, frame.geometry.y, strict=True)
    made = [
        text("candidate.near", name=name)
        if isinstance(name, str)
        else text("candidate.at", lon=f"{x:.5f}", lat=f"{y:.5f}")
        for name, x, y in places
    ]
    return frame.assign(name=frame["name"].where(~nameless, pd.Series(made, index=frame.index, dtype=object)))


def _nearest_area(frame: gpd.GeoDataFrame, setting: _Setting) -> pd.Series:
    """Return the name of the area of the narrowest level with polygons that is nearest to each place."""
    areas = setting.areas[~(setting.areas.geometry.isna() | setting.areas.geometry.is_empty)]
    narrowest = next((level for level in reversed(LEVELS) if (areas["level"] == level).any()), None)
    if narrowest is None or frame.empty:
        return pd.Series(None, index=frame.index, dtype=object)
    own = areas[areas["level"] == narrowest].sort_values("area_id").to_crs(setting.network.crs)
    points = shapely.points(frame[["x", "y"]].to_numpy(float))
    point, area = shapely.STRtree(own.geometry.to_numpy()).query_nearest(points)
    first = pd.Series(area).groupby(point).min()
    return pd.Series(own["name"].to_numpy(object)[first.to_numpy()], index=frame.index, dtype=object)
