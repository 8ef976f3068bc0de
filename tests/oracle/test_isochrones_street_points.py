"""Isochrones against travel times: every street is cut into points, each with its own time along the network.

What is shown of real Helsinki (and Panzhihua, where its extract is there):

* every street point within the limit lies in the polygon;
* no place in the polygon is farther than the stated reach from a reached street. Filling holes is the one exception:
  what is farther than the reach lies in filled holes, each smaller than `min_hole_m2`;
* in shares ("split"), every reached street point belongs to the facility that `nearest` names.
"""

from functools import cache

import geopandas as gpd
import numpy as np
import pytest
import shapely

from carecircle.isochrones import IsochroneOptions, isochrones, reached_streets
from carecircle.pieces import reached_pieces, touched_edges
from carecircle.reach import TOLERANCE_SECONDS, nearest, travel_pairs
from carecircle.search import facility_seconds, search_blocks
from carecircle.snap import Places, snap

CITIES = ["helsinki", pytest.param("panzhihua", marks=pytest.mark.real)]
MINUTES = {"elder": (3, 8, 15), "wheelchair": (10,), "bike": (1, 3), "drive": (0.5, 1.5, 3)}
TRIPS = [("elder", "to"), ("drive", "to"), ("drive", "from"), ("wheelchair", "to"), ("bike", "from")]
GRIDS = [(25, None), (25, 25 / 7), (10, None), (5, None), (50, 10), (100, 100 / 7)]
STEP = 3.0


@cache
def street_points(network):
    """Places every 3 m along all streets, ends included, and where they are."""
    parts = np.maximum(1, np.ceil(network.metres / STEP)).astype(int)
    edge = np.repeat(np.arange(network.n_edges), parts + 1)
    first = np.cumsum(parts + 1) - (parts + 1)
    fraction = (np.arange(len(edge)) - first[edge]) / parts[edge]
    xy = shapely.get_coordinates(shapely.line_interpolate_point(network.lines()[edge], fraction, normalized=True))
    return Places(edge, fraction, np.zeros(len(edge)), np.zeros(len(edge), bool)), xy


def times(network, facilities, limit, direction):
    """Seconds between every street point and every facility, (facilities, points); inf beyond the limit."""
    places, xy = street_points(network)
    found = travel_pairs(places, facilities, network, minutes=limit, direction=direction)
    seconds = np.full((len(facilities), len(xy)), np.inf)
    seconds[found.facility, found.point] = found.seconds
    return seconds


def probes(shape, rng):
    """Points all along the outline of a polygon, and 300 anywhere in it."""
    west, south, east, north = shape.bounds
    inside = rng.uniform([west, south], [east, north], (6000, 2))
    inside = inside[shapely.intersects_xy(shape, inside[:, 0], inside[:, 1])][:300]
    return np.concatenate([shapely.get_coordinates(shapely.segmentize(shape.boundary, 2.0)), inside])


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize(("mode", "direction"), TRIPS)
@pytest.mark.parametrize(("reach", "cell"), GRIDS)
def test_polygons_hold_what_is_reached_and_nothing_far_from_it(
    network_of, scattered, city, mode, direction, reach, cell
):
    network, rng = network_of(mode, city), np.random.default_rng(1)
    facilities, limits = scattered(network, 6, 5), MINUTES[mode]
    options = IsochroneOptions(reach_metres=reach, cell_metres=cell, min_hole_m2=0, direction=direction)
    seconds, (_, xy) = times(network, facilities, limits[-1], direction), street_points(network)
    areas = isochrones(facilities, network, minutes=limits, options=options).to_crs(network.crs)
    streets = reached_streets(facilities, network, minutes=limits, options=options).to_crs(network.crs)
    drawn = 0
    for row, (name, limit, shape) in enumerate(
        zip(areas["facility_id"], areas["minutes"], areas.geometry, strict=True)
    ):
        reached = seconds[row // len(limits)] <= limit * 60 + TOLERANCE_SECONDS
        if shape.is_empty:
            assert not reached.any()
            continue
        drawn += 1
        shapely.prepare(shape)
        assert shapely.intersects_xy(shape, *xy[reached].T).all()
        own = streets.geometry[(streets["facility_id"] == name) & (streets["minutes"] == limit)].to_numpy()
        at = shapely.points(probes(shape, rng))
        _, away = shapely.STRtree(own).query_nearest(at, return_distance=True, all_matches=False)
        assert away.max() <= reach
    assert drawn >= len(limits)


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize(("mode", "direction"), TRIPS[:3])
@pytest.mark.parametrize("min_hole", [2_500.0, 40_000.0])
def test_beyond_the_reach_there_are_only_filled_holes(network_of, scattered, city, mode, direction, min_hole):
    network = network_of(mode, city)
    facilities, limits = scattered(network, 4, 6), MINUTES[mode]
    options = IsochroneOptions(min_hole_m2=min_hole, direction=direction)
    seconds, (_, xy) = times(network, facilities, limits[-1], direction), street_points(network)
    areas = isochrones(facilities, network, minutes=limits, options=options).to_crs(network.crs)
    streets = reached_streets(facilities, network, minutes=limits, options=options).to_crs(network.crs)
    beyond = 0
    for row, (name, limit, shape) in enumerate(
        zip(areas["facility_id"], areas["minutes"], areas.geometry, strict=True)
    ):
        if shape.is_empty:
            continue
        own = streets.geometry[(streets["facility_id"] == name) & (streets["minutes"] == limit)].to_numpy()
        far = shapely.difference(shape, shapely.union_all(shapely.buffer(own, options.reach_metres, quad_segs=32)))
        sizes = shapely.area(shapely.get_parts(far))
        assert (sizes < min_hole).all()
        assert all(
            shapely.area(shapely.polygons(hole)) > min_hole * 0.9 for part in shape.geoms for hole in part.interiors
        )
        reached = seconds[row // len(limits)] <= limit * 60 + TOLERANCE_SECONDS
        others = xy[~reached][shapely.intersects_xy(shape, *xy[~reached].T)]
        _, away = shapely.STRtree(own).query_nearest(shapely.points(others), return_distance=True, all_matches=False)
        lost = others[away > options.reach_metres]
        beyond += len(lost)
        assert shapely.distance(far, shapely.points(lost)).max(initial=0) < 0.05
    assert beyond > 0 or min_hole < 10_000 or city != "helsinki" or mode != "elder", (
        "a trial without such points shows nothing"
    )


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize(("mode", "direction"), TRIPS[:3])
def test_cut_ends_are_at_the_limit(network_of, scattered, city, mode, direction):
    """Every end of a piece inside an edge takes exactly the limit, and just beyond it takes longer."""
    network = network_of(mode, city)
    facilities, limit = scattered(network, 6, 7), MINUTES[mode][-1]
    cut = _cut_ends(network, facilities, limit, direction)
    at = Places(cut[:, 1].astype(int), cut[:, 2], np.zeros(len(cut)), np.zeros(len(cut), bool))
    found = travel_pairs(at, facilities, network, minutes=limit + 0.01, direction=direction)
    seconds = np.full((len(cut), len(facilities)), np.inf)
    seconds[found.point, found.facility] = found.seconds
    own = seconds[np.arange(len(cut)), cut[:, 0].astype(int)]
    assert len(cut) > 10
    assert np.abs(own - limit * 60).max() < 2e-6


def _cut_ends(network, facilities, limit, direction):
    """(facility, edge, fraction) of every end of a reached piece that lies inside an edge."""
    to, seconds, rows = snap(facilities, network), limit * 60 + TOLERANCE_SECONDS, []
    added = facility_seconds(facilities, network, to)
    for block in search_blocks(network, to, added, seconds, direction):
        found = reached_pieces(network, block, touched_edges(network, block, seconds), to, added, seconds, direction)
        for ends in (found.start, found.end):
            # A closed direction ends a piece where the facility stands: that end is not at the limit.
            inner = (ends > 0) & (ends < 1) & (np.abs(ends - to.fraction[block.rows[found.owner]]) > 1e-12)
            rows.append(np.column_stack([block.rows[found.owner], found.edge, ends])[inner])
    return np.concatenate(rows)


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize(("mode", "direction"), TRIPS[:3])
def test_shares_follow_the_nearest_facility(network_of, scattered, city, mode, direction):
    network = network_of(mode, city)
    facilities, limits = scattered(network, 9, 8), MINUTES[mode]
    seconds, (_, xy) = times(network, facilities, limits[-1], direction), street_points(network)
    options = IsochroneOptions(overlap="split", direction=direction)
    streets = reached_streets(facilities, network, minutes=limits, options=options).to_crs(network.crs)
    first, second = np.sort(seconds, axis=0)[:2]
    best = np.array(facilities["facility_id"])[seconds.argmin(axis=0)]
    for limit in limits:
        pieces = streets[streets["minutes"] == limit]
        clear = (first <= limit * 60) & (second > first + 1e-3)
        pick = np.random.default_rng(9).choice(np.flatnonzero(clear), 1500)
        tree = shapely.STRtree(pieces.geometry.to_numpy())
        point, piece = tree.query(shapely.points(xy[pick]), predicate="dwithin", distance=1e-4)
        claims = {k: set() for k in range(len(pick))}
        for at, owner in zip(point.tolist(), pieces["facility_id"].to_numpy()[piece].tolist(), strict=True):
            claims[at].add(owner)
        assert all(best[pick[at]] in owners for at, owners in claims.items())
        inner = [at for at, owners in claims.items() if len(owners) > 1]
        # Only at crossings (bridges, junctions beside a border) does a place lie on streets of two facilities.
        assert len(inner) < 0.02 * len(pick)
    shown = gpd_points(xy[pick], network)
    names = nearest(shown, facilities, network, direction=direction)["facility_id"].to_numpy()
    assert (names == best[pick]).mean() > 0.95  # a point at a junction or under a bridge may be put on another edge


def gpd_points(xy, network):
    return gpd.GeoDataFrame(
        {"point_id": np.arange(len(xy)).astype(str)}, geometry=gpd.points_from_xy(*xy.T), crs=network.crs
    )


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize("mode", ["elder", "drive"])
def test_shares_do_not_overlap_and_leave_nothing_out(network_of, scattered, city, mode):
    """For each limit by itself. Several limits at once must also nest, which lets shares overlap by up to 1.5 %."""
    network = network_of(mode, city)
    facilities, (_, xy) = scattered(network, 9, 8), street_points(network)
    seconds = np.sort(times(network, facilities, MINUTES[mode][-1], "to"), axis=0)
    owner = times(network, facilities, MINUTES[mode][-1], "to").argmin(axis=0)
    for limit in MINUTES[mode]:
        plain, split = (
            isochrones(facilities, network, minutes=[limit], options=IsochroneOptions(min_hole_m2=0, overlap=overlap))
            .to_crs(network.crs)
            .geometry.to_numpy()
            for overlap in ("overlap", "split")
        )
        whole, together = shapely.union_all(plain), shapely.union_all(split)
        assert shapely.area(split).sum() - together.area < 0.0005 * together.area
        assert abs(together.area / whole.area - 1) < 0.01
        assert shapely.is_valid(split).all()
        reached = (seconds[0] <= limit * 60) & (seconds[1] > seconds[0] + 1e-3)
        at = shapely.points(xy[reached])
        assert shapely.distance(together, at).max() < 9  # no farther than a cell: a border can run beside a street
        own = shapely.intersects(split[owner[reached]], at)
        assert own.mean() > 0.95


def test_shares_of_several_limits_nest_and_overlap_little(network_of, scattered):
    network = network_of("elder")
    facilities = scattered(network, 12, 8)
    areas = isochrones(facilities, network, minutes=(4, 8, 12), options=IsochroneOptions(overlap="split"))
    shapes = areas.geometry.to_numpy().reshape(len(facilities), 3)
    for inner, outer in ((0, 1), (1, 2)):
        there = ~shapely.is_empty(shapes[:, inner])
        assert shapely.covers(shapes[there, outer], shapes[there, inner]).all()
    for column in range(3):
        own = shapes[:, column]
        assert shapely.area(own).sum() < 1.015 * shapely.union_all(own).area
