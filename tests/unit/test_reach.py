"""Travel times on streets small enough to know the answers."""

import tracemalloc

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.errors import UsageError
from carecircle.model import profile
from carecircle.network import build_network
from carecircle.reach import Pairs, nearest, travel_matrix, travel_pairs, travel_times
from carecircle.snap import Places, snap

ROAD = {"highway": "residential"}
ONE_WAY = {**ROAD, "oneway": "yes"}


@pytest.fixture
def street(streets):
    """One straight street of 2 km along the x axis."""
    return build_network(streets({1: (0, 0), 2: (2000, 0)}, [([1, 2], ROAD)]), profile("elder"))


def metres(table):
    return table["metres"].round(4).tolist()


def on_edge(edge, fraction):
    """Places without access legs."""
    size = np.broadcast(edge, fraction).shape
    return Places(
        np.broadcast_to(edge, size).astype(np.int64),
        np.broadcast_to(fraction, size).astype(float),
        np.zeros(size),
        np.zeros(size, bool),
    )


def test_a_walk_along_one_street(street, at):
    table = travel_times(at((300, 30), (1500, -40), key="point_id"), at((500, 8)), street, minutes=60)
    assert metres(table) == [30 + 200 + 8, 40 + 1000 + 8]
    np.testing.assert_allclose(table["minutes"], np.array([238, 1048]) / 0.8 / 60)
    np.testing.assert_allclose(table["snap_metres"], [30, 40], atol=1e-6)
    assert table["point_id"].tolist() == ["p0", "p1"]
    assert table["facility_id"].tolist() == ["f0", "f0"]


def test_the_access_leg_is_walked_whatever_the_mode(streets, at):
    network = build_network(streets({1: (0, 0), 2: (2000, 0)}, [([1, 2], ROAD)]), profile("drive"))
    table = nearest(at((300, 80), key="point_id"), at((1300, 40)), network)
    assert table.minutes[0] * 60 == pytest.approx((80 + 40) / 0.8 + 1000 / (25 / 3.6))
    assert table.metres[0] == pytest.approx(1120)


def test_the_limit_is_inclusive(street, at):
    """720 m at 0.8 m/s are 15 minutes; 720.01 m are more."""
    facility, points = at((0, 0)), at((720, 0), (720.01, 0), (719.99, 0), key="point_id")
    reached = nearest(points, facility, street, minutes=15)["facility_id"]
    assert reached.notna().tolist() == [True, False, True]
    assert travel_times(points, facility, street, minutes=15)["facility_id"].notna().tolist() == [
        True,
        False,
        True,
    ]
    by_steps = at((0, 0), (100, 620), key="point_id")  # the access leg counts
    assert nearest(by_steps, facility, street, minutes=15)["facility_id"].notna().tolist() == [True, True]
    assert (
        nearest(at((100, 620.01), key="point_id"), facility, street, minutes=15)["facility_id"].isna().all()
    )


def test_minutes_of_the_facility_itself_count(street, at):
    facilities = at((0, 0), (1000, 0), added_minutes=[10.0, np.nan])
    table = nearest(at((400, 0), key="point_id"), facilities, street)
    assert table["facility_id"].tolist() == ["f1"]
    table = travel_times(at((100, 0), key="point_id"), facilities, street, minutes=12.1)
    assert table["facility_id"].tolist() == ["f0"]
    assert table.minutes[0] == pytest.approx(10 + 100 / 48)
    assert metres(table) == [100]
    assert (
        travel_times(at((100, 0), key="point_id"), facilities, street, minutes=12)["facility_id"].isna().all()
    )


def test_one_way_streets_have_two_directions(streets, at):
    """A square block driven clockwise: 1 to 2 is one side, 2 to 1 is three."""
    nodes = {1: (0, 0), 2: (100, 0), 3: (100, -100), 4: (0, -100)}
    plan = streets(nodes, [([1, 2, 3, 4, 1], ONE_WAY), ([1, 3], {"highway": "footway"})])
    drive = build_network(plan, profile("drive"))
    point, facility = at((20, 0), key="point_id"), at((80, 0))
    assert metres(nearest(point, facility, drive)) == [60]
    assert metres(nearest(point, facility, drive, direction="from")) == [340]
    assert metres(travel_times(point, facility, drive, direction="from")) == [340]
    elder = build_network(plan, profile("elder"))
    assert metres(nearest(point, facility, elder, direction="from")) == [60]


def test_a_one_way_street_out_of_town_leads_nowhere_back(streets, at):
    nodes = {1: (0, 0), 2: (500, 0), 3: (1500, 0)}
    network = build_network(streets(nodes, [([1, 2], ROAD), ([2, 3], ONE_WAY)]), profile("drive"))
    point, facility = at((1400, 0), key="point_id"), at((100, 0))
    assert nearest(point, facility, network)["facility_id"].isna().all()
    assert metres(nearest(point, facility, network, direction="from")) == [1300]


def test_contraflow_is_for_bicycles(streets, at):
    nodes = {1: (0, 0), 2: (600, 0), 3: (300, 900)}
    ways = [([1, 2], {**ONE_WAY, "cycleway": "opposite_lane"}), ([2, 3, 1], ROAD)]
    plan = streets(nodes, ways)
    round_about = 2 * float(np.hypot(300, 900))
    point, facility = at((600, 0), key="point_id"), at((0, 0))
    assert metres(nearest(point, facility, build_network(plan, profile("bike")))) == [600]
    assert metres(nearest(point, facility, build_network(plan, profile("drive")))) == [
        pytest.approx(round_about, abs=1e-3)
    ]


def test_a_locked_gate_means_the_long_way_round(streets, at):
    nodes = {1: (0, 0), 2: (100, 0), 3: (200, 0), 4: (100, 200)}
    ways = [([1, 2, 3], ROAD), ([3, 4, 1], ROAD)]
    point, facility = at((90, 0), key="point_id"), at((110, 0))
    free = build_network(streets(nodes, ways), profile("elder"))
    shut = build_network(streets(nodes, ways, {2: {"barrier": "gate", "locked": "yes"}}), profile("elder"))
    assert metres(nearest(point, facility, free)) == [20]
    assert metres(nearest(point, facility, shut)) == [pytest.approx(180 + 2 * np.hypot(100, 200), abs=1e-3)]


def test_steps_for_a_wheelchair(streets, at):
    nodes = {1: (0, 0), 2: (50, 0), 3: (25, 500)}
    plan = streets(nodes, [([1, 2], {"highway": "steps"}), ([1, 3, 2], {"highway": "footway"})])
    point, facility = at((0, 0), key="point_id"), at((50, 0))
    assert metres(nearest(point, facility, build_network(plan, profile("elder")))) == [50]
    chair = nearest(point, facility, build_network(plan, profile("wheelchair")))
    assert metres(chair) == [pytest.approx(2 * np.hypot(25, 500), abs=1e-3)]


def test_of_parallel_streets_the_quicker_is_taken(streets, at):
    nodes = {1: (0, 0), 2: (100, 0), 3: (50, 400), 4: (-50, 0), 5: (150, 0)}
    ways = [
        ([1, 3, 2], {"highway": "motorway", "oneway": "no"}),
        ([1, 2], {"highway": "living_street"}),
        ([4, 1], ROAD),
        ([2, 5], ROAD),
    ]
    network = build_network(streets(nodes, ways), profile("drive"))
    table = travel_times(at((-50, 0), key="point_id"), at((150, 0)), network)
    long_way = 2 * float(np.hypot(50, 400))
    assert metres(table) == [pytest.approx(100 + long_way, abs=1e-3)]
    assert table.minutes[0] * 60 == pytest.approx(100 / (25 / 3.6) + long_way / 25)


def test_both_ends_of_one_edge_may_be_quicker_than_the_edge(streets, at):
    """Two places on one long bow, near its ends: the chord beside it is shorter."""
    nodes = {1: (0, 0), 2: (0, 500), 3: (100, 500), 4: (100, 0)}
    network = build_network(streets(nodes, [([1, 2, 3, 4], ROAD), ([1, 4], ROAD)]), profile("elder"))
    assert metres(nearest(at((0, 50), key="point_id"), at((100, 60)), network)) == [50 + 100 + 60]
    assert metres(nearest(at((0, 450), key="point_id"), at((100, 460)), network)) == [50 + 100 + 40]


def test_a_ring_with_one_junction(streets, at):
    """A self-loop of 400 m: both ways round, and through the junction."""
    nodes = {1: (0, 0), 2: (0, 100), 3: (100, 100), 4: (100, 0), 5: (-200, 0)}
    ring, both = [1, 2, 3, 4, 1], ([1, 5], ROAD)
    network = build_network(streets(nodes, [(ring, ROAD), both]), profile("elder"))
    assert (network.edge_u == network.edge_v).sum() == 1
    points = at((0, 90), (100, 10), (60, 0), (-200, 0), key="point_id")
    assert metres(nearest(points, at((0, 10)), network)) == [80, 120, 70, 210]
    assert metres(nearest(points, at((-100, 0)), network)) == [190, 210, 160, 100]
    for direction, wanted in (("to", [320, 120, 70]), ("from", [80, 280, 330])):
        drive = build_network(streets(nodes, [(ring, ONE_WAY), both]), profile("drive"))
        assert metres(nearest(points[:3], at((0, 10)), drive, direction=direction)) == wanted
        assert metres(travel_times(points[:3], at((0, 10)), drive, direction=direction)) == wanted


def test_places_exactly_at_nodes(streets, at):
    nodes = {1: (0, 0), 2: (100, 0), 3: (200, 0), 4: (100, 100)}
    network = build_network(
        streets(nodes, [([1, 2], ROAD), ([2, 3], ROAD), ([2, 4], ROAD)]), profile("elder")
    )
    points = at(*nodes.values(), key="point_id")
    assert metres(nearest(points, at((100, 0)), network)) == [100, 0, 100, 100]
    assert metres(nearest(points, at((200, 0)), network)) == [200, 100, 0, 200]


def test_no_way_at_all_takes_no_time(network_of, scattered):
    for mode in ("elder", "drive"):
        network = network_of(mode)
        facilities = scattered(network, 40, 9)
        points = facilities.rename(columns={"facility_id": "point_id"})
        legs = snap(points, network).metres
        table = travel_times(points, facilities, network, minutes=1e6)
        own = table[table["point_id"].str[1:] == table["facility_id"].str[1:]]
        np.testing.assert_allclose(own["metres"], 2 * legs, atol=1e-6)
        np.testing.assert_allclose(own["minutes"] * 60, 2 * legs / network.profile.access_mps, atol=1e-6)


def test_streets_of_length_zero_are_crossed(streets, at):
    nodes = {1: (0, 0), 2: (100, 0), 3: (100, 0), 4: (200, 0)}
    ways = [([1, 2], ROAD), ([2, 3], ROAD), ([3, 4], ROAD)]
    for mode in ("elder", "drive"):
        network = build_network(streets(nodes, ways), profile(mode))
        for minutes in (30, 1e9):
            table = travel_times(
                at((50, 0), (100, 0), key="point_id"), at((150, 0)), network, minutes=minutes
            )
            assert metres(table) == [100, 50]


def test_a_long_street_without_junctions(streets, at):
    """Both ends of the edge lie outside the part of the network that is searched."""
    nodes = {1: (0, 0), 2: (4000, 0), **{n: (4000, 10 * n) for n in range(3, 30)}}
    ways = [([1, 2], ROAD), *[([2, n], ROAD) for n in range(3, 30)]]
    network = build_network(streets(nodes, ways), profile("elder"))
    table = travel_times(
        at((1900, 0), (2240, 0), (2241, 0), key="point_id"), at((2000, 0)), network, minutes=5
    )
    assert table["metres"].round(4).tolist()[:2] == [100, 240]
    assert np.isnan(table["metres"][2])


def test_same_edge_pairs_keep_to_one_way(streets):
    nodes = {1: (0, 0), 2: (1000, 0)}
    network = build_network(streets(nodes, [([1, 2], ONE_WAY), ([1, 2], ROAD)]), profile("drive"))
    to = _facilities_on(network, 0, 0.4)
    second = 1000 / (25 / 3.6)
    ahead = travel_pairs(on_edge(0, np.array([0.1, 0.4, 0.9])), to, network, minutes=60)
    np.testing.assert_allclose(ahead.seconds, [0.3 * second, 0, (0.1 + 1 + 0.4) * second], atol=1e-6)
    back = travel_pairs(on_edge(0, np.array([0.1, 0.4, 0.9])), to, network, minutes=60, direction="from")
    np.testing.assert_allclose(back.seconds, [(0.6 + 1 + 0.1) * second, 0, 0.5 * second], atol=1e-6)


def _facilities_on(network, edge, fraction):
    place = shapely.line_interpolate_point(network.lines()[edge], fraction, normalized=True)
    return gpd.GeoDataFrame({"facility_id": ["f0"]}, geometry=[place], crs=network.crs)


def test_off_the_network_and_on_islands(streets, at):
    nodes = {1: (0, 0), 2: (1000, 0), 3: (500, 800), 4: (510, 800)}
    network = build_network(streets(nodes, [([1, 2], ROAD), ([3, 4], ROAD)]), profile("elder"))
    points = at((100, 0), (500, 3100), (505, 801), key="point_id")
    facilities = at((300, 0), (500, -2100))
    for table in (
        nearest(points, facilities, network).reset_index(),
        travel_times(points, facilities, network, minutes=1e6),
    ):
        assert table["facility_id"].tolist()[0] == "f0"
        assert len(table) == 3
        assert table["facility_id"].isna().tolist() == [False, True, True]
        assert table["minutes"].isna().tolist() == table["metres"].isna().tolist() == [False, True, True]
        assert table["snap_metres"].round(3).tolist() == [0, 2300, 1]
    alone = at((500, -2100))
    assert nearest(points, alone, network)["facility_id"].isna().all()
    assert travel_times(points, alone, network)["point_id"].tolist() == ["p0", "p1", "p2"]
    on_island = nearest(points, at((508, 799)), network)
    assert on_island["metres"].round(3).tolist()[2] == 5
    assert on_island["facility_id"].isna().tolist() == [True, True, False]


def test_nothing_in_gives_nothing_out(street, at):
    points, facilities = at((1, 0), (2, 0), key="point_id"), at((3, 0))
    assert len(nearest(points[:0], facilities, street)) == 0
    assert travel_times(points[:0], facilities, street).columns.tolist() == [
        "point_id",
        "facility_id",
        "minutes",
        "metres",
        "snap_metres",
    ]
    assert nearest(points, facilities[:0], street)["facility_id"].isna().all()
    assert travel_times(points, facilities[:0], street)["minutes"].isna().tolist() == [True, True]


def test_facilities_at_one_place(street, at):
    facilities, points = at((3, 0), (3, 0), (3, 0)), at((103, 0), key="point_id")
    table = travel_times(points, facilities, street)
    assert table["facility_id"].tolist() == ["f0", "f1", "f2"]
    assert metres(table) == [100] * 3
    assert metres(nearest(points, facilities, street)) == [100]


@pytest.mark.parametrize("minutes", [0, -5, float("nan")])
def test_limits_are_above_zero(street, at, minutes):
    with pytest.raises(UsageError):
        travel_times(at((1, 0)), at((2, 0)), street, minutes=minutes)


def test_tables_keep_index_and_names(street, at):
    points = at((1, 0), (2, 0), key="demand_id").set_index(pd.Index([7, 3], name="row"))
    facilities = at((3, 0), (1500, 0))
    assert nearest(points, facilities, street).index.equals(points.index)
    assert travel_times(points, facilities, street, minutes=40)["point_id"].tolist() == [
        "d0",
        "d0",
        "d1",
        "d1",
    ]
    unnamed = points.drop(columns="demand_id")
    assert travel_times(unnamed, facilities, street, minutes=1)["point_id"].tolist() == ["7", "3"]


def test_the_matrix_holds_zeros(street, at):
    matrix = travel_matrix(
        at((1, 0), (700, 0), (1900, 0), key="point_id"), at((1, 0), (701, 0)), street, minutes=15
    )
    assert matrix.shape == (3, 2)
    assert np.diff(matrix.indptr).tolist() == [2, 2, 0]
    assert matrix.toarray()[1].round(6).tolist() == [
        pytest.approx(699 / 48, abs=1e-5),
        pytest.approx(1 / 48, abs=1e-3),
    ]


def table_of(found: Pairs, names):
    columns = {
        "point": found.point,
        "facility": names[found.facility],
        "seconds": found.seconds,
        "metres": found.metres,
    }
    return pd.DataFrame(columns).sort_values(["point", "facility"], ignore_index=True)


@pytest.mark.parametrize("direction", ["to", "from"])
@pytest.mark.parametrize(("mode", "minutes"), [("elder", 7), ("bike", 2.5), ("drive", 1.5)])
def test_blocks_and_order_do_not_matter(network_of, scattered, mode, minutes, direction):
    network = network_of(mode)
    at, facilities = snap(scattered(network, 250, 5, "point_id"), network), scattered(network, 70, 6)
    names = facilities["facility_id"].to_numpy(dtype=object)
    options = {"minutes": minutes, "direction": direction}
    wanted = table_of(travel_pairs(at, facilities, network, block_rows=1000, **options), names)
    assert 300 < len(wanted) < 0.8 * 250 * 70
    for rows in (1, 7, 32):
        found = table_of(travel_pairs(at, facilities, network, block_rows=rows, **options), names)
        pd.testing.assert_frame_equal(found, wanted, rtol=0, atol=1e-9)
    turned = facilities.sample(frac=1, random_state=3).reset_index(drop=True)
    found = table_of(
        travel_pairs(at, turned, network, **options), turned["facility_id"].to_numpy(dtype=object)
    )
    pd.testing.assert_frame_equal(found, wanted, rtol=0, atol=1e-9)


def test_pairs_are_sorted_and_each_is_there_once(network_of, scattered):
    network = network_of("elder")
    found = travel_pairs(
        snap(scattered(network, 200, 1), network), scattered(network, 50, 2), network, minutes=10
    )
    assert (np.diff(found.point) >= 0).all()
    assert (np.diff(found.seconds)[np.diff(found.point) == 0] >= 0).all()
    assert len(set(zip(found.point.tolist(), found.facility.tolist(), strict=True))) == len(found.point)


@pytest.mark.parametrize("direction", ["to", "from"])
@pytest.mark.parametrize("mode", ["elder", "drive"])
def test_the_nearest_is_the_least_of_all(network_of, scattered, mode, direction):
    network = network_of(mode)
    points, facilities = scattered(network, 300, 5, "point_id"), scattered(network, 30, 6)
    every = travel_times(points, facilities, network, minutes=1e7, direction=direction)
    least = every.groupby("point_id", sort=False)["minutes"].min()
    one = nearest(points, facilities, network, direction=direction)
    np.testing.assert_allclose(one["minutes"], least.loc[points["point_id"]], atol=1e-9)
    assert least.notna().sum() > 200


def test_memory_grows_with_the_answer(network_of, scattered):
    """Not with facilities x nodes: 600 x 3,432 x 8 bytes would be 16 MB for the times alone."""
    network = network_of("elder")
    points, few = scattered(network, 200, 1, "point_id"), scattered(network, 300, 2)
    many = pd.concat([few, few.assign(facility_id="g" + few["facility_id"])], ignore_index=True)
    at = snap(points, network)
    peaks = []
    for facilities in (few, few, many):  # the first run pays for what the network remembers
        tracemalloc.start()
        travel_pairs(at, facilities, network, minutes=2)
        peaks.append(tracemalloc.get_traced_memory()[1] / 2**20)
        tracemalloc.stop()
    assert peaks[1] < 6
    assert peaks[2] < peaks[1] * 1.3 + 0.5
