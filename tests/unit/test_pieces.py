"""Reached pieces of street: cut exactly at the limit."""

import numpy as np
import pytest
import shapely

from carecircle.model import profile
from carecircle.network import build_network
from carecircle.pieces import merged, piece_lines, reached_pieces, touched_edges
from carecircle.reach import travel_pairs
from carecircle.search import facility_seconds, search_blocks
from carecircle.snap import Places, snap

ROAD = {"highway": "residential"}
ONE_WAY = {**ROAD, "oneway": "yes"}


def pieces_of(network, facilities, metres=None, *, seconds=None, direction="to"):
    """All pieces as rows (facility, edge, start, end), sorted."""
    limit = metres / network.profile.speed_mps if seconds is None else seconds
    to = snap(facilities, network)
    added = facility_seconds(facilities, network, to)
    rows = []
    for block in search_blocks(network, to, added, limit, direction):
        found = reached_pieces(
            network, block, touched_edges(network, block, limit), to, added, limit, direction
        )
        rows += zip(
            block.rows[found.owner].tolist(),
            found.edge.tolist(),
            found.start.tolist(),
            found.end.tolist(),
            strict=True,
        )
    return sorted((owner, edge, round(start, 12), round(end, 12)) for owner, edge, start, end in rows)


def near(rows):
    """Rows to a hundred-thousandth of a metre: the lattice of scales is as good as that here."""
    return [
        (owner, edge, pytest.approx(start, abs=1e-7), pytest.approx(end, abs=1e-7))
        for owner, edge, start, end in rows
    ]


@pytest.fixture
def cross(streets):
    """Four streets of 1 km from the middle: east, north, west, south."""
    nodes = {1: (0, 0), 2: (1000, 0), 3: (0, 1000), 4: (-1000, 0), 5: (0, -1000)}
    return build_network(
        streets(nodes, [([1, 2], ROAD), ([1, 3], ROAD), ([4, 1], ROAD), ([1, 5], ROAD)]), profile("elder")
    )


def test_streets_are_cut_where_the_limit_is(cross, at):
    found = pieces_of(cross, at((200, 0)), 500)
    assert found == near([(0, 0, 0, 0.7), (0, 1, 0, 0.3), (0, 2, 0.7, 1), (0, 3, 0, 0.3)])


def test_the_access_leg_and_minutes_of_its_own_shorten_the_way(cross, at):
    assert pieces_of(cross, at((200, 100)), 500)[0] == near([(0, 0, 0, 0.6)])[0]
    assert pieces_of(cross, at((200, 0), added_minutes=[100 / 48]), 500)[0] == near([(0, 0, 0, 0.6)])[0]
    assert pieces_of(cross, at((200, 0), added_minutes=[60.0]), 500) == []


def test_its_own_street_alone(cross, at):
    assert pieces_of(cross, at((500, 0)), 300) == near([(0, 0, 0.2, 0.8)])
    assert pieces_of(cross, at((500, 0)), 499.99999) == near([(0, 0, 0, 1)])
    assert pieces_of(cross, at((0, 0)), 250) == near(
        [(0, 0, 0, 0.25), (0, 1, 0, 0.25), (0, 2, 0.75, 1), (0, 3, 0, 0.25)]
    )


def test_two_facilities_on_one_street(cross, at):
    assert pieces_of(cross, at((300, 0), (600, 0)), 200) == near([(0, 0, 0.1, 0.5), (1, 0, 0.4, 0.8)])


def test_both_ends_reached_leave_a_gap_in_the_middle(streets, at):
    """A bow of 1,100 m beside a chord of 100 m."""
    nodes = {1: (0, 0), 2: (0, 500), 3: (100, 500), 4: (100, 0)}
    network = build_network(streets(nodes, [([1, 2, 3, 4], ROAD), ([1, 4], ROAD)]), profile("elder"))
    assert pieces_of(network, at((50, 0)), 270) == near([(0, 0, 0, 0.2), (0, 0, 0.8, 1), (0, 1, 0, 1)])
    assert pieces_of(network, at((50, 0)), 600) == near([(0, 0, 0, 1), (0, 1, 0, 1)])


def test_pieces_from_the_ends_join_the_piece_around_the_facility(streets, at):
    """The facility stands on the bow, 110 m from its beginning: its own piece joins what that end brings."""
    nodes = {1: (0, 0), 2: (0, 500), 3: (100, 500), 4: (100, 0)}
    network = build_network(streets(nodes, [([1, 2, 3, 4], ROAD), ([1, 4], ROAD)]), profile("elder"))
    found = pieces_of(network, at((0, 110)), 320)
    assert found == near([(0, 0, 0, 430 / 1100), (0, 0, 990 / 1100, 1), (0, 1, 0, 1)])


def test_one_way_streets_are_reached_from_behind(streets, at):
    nodes = {1: (0, 0), 2: (1000, 0), 3: (2000, 0)}
    network = build_network(streets(nodes, [([1, 2], ONE_WAY), ([2, 3], ONE_WAY)]), profile("drive"))
    second = 600 / (25 / 3.6)
    assert pieces_of(network, at((1200, 0)), seconds=second) == near([(0, 0, 0.6, 1), (0, 1, 0, 0.2)])
    assert pieces_of(network, at((1200, 0)), seconds=second, direction="from") == near([(0, 1, 0.2, 0.8)])
    two_way = build_network(streets(nodes, [([1, 2], ROAD), ([2, 3], ONE_WAY)]), profile("drive"))
    assert pieces_of(two_way, at((800, 0)), seconds=second) == near([(0, 0, 0.2, 1)])
    assert pieces_of(two_way, at((800, 0)), seconds=second, direction="from") == near(
        [(0, 0, 0.2, 1), (0, 1, 0, 0.4)]
    )


def test_a_ring_is_reached_both_ways_round(streets, at):
    nodes = {1: (0, 0), 2: (0, 100), 3: (100, 100), 4: (100, 0), 5: (-200, 0)}
    network = build_network(streets(nodes, [([1, 2, 3, 4, 1], ROAD), ([1, 5], ROAD)]), profile("elder"))
    assert pieces_of(network, at((-50, 0)), 150) == near([(0, 0, 0, 0.25), (0, 0, 0.75, 1), (0, 1, 0, 1)])
    assert pieces_of(network, at((-50, 0)), 250.0001) == near([(0, 0, 0, 1), (0, 1, 0, 1)])
    assert pieces_of(network, at((0, 50)), 100) == near([(0, 0, 0, 0.375), (0, 0, 0.875, 1), (0, 1, 0, 0.25)])


def test_touched_edges_are_listed_once(streets, at):
    nodes = {1: (0, 0), 2: (0, 100), 3: (100, 100), 4: (100, 0), 5: (-200, 0), 6: (0, -100)}
    ways = [([1, 2, 3, 4, 1], ROAD), ([1, 5], ROAD), ([6, 1], ROAD), ([5, 6], ROAD)]
    network = build_network(streets(nodes, ways), profile("elder"))
    facilities = at((-50, 0), (0, -20))
    to = snap(facilities, network)
    added = facility_seconds(facilities, network, to)
    for limit in (10.0, 100.0, 1000.0):
        (block,) = search_blocks(network, to, added, limit, "to")
        owner, edge = touched_edges(network, block, limit)
        pairs = list(zip(owner.tolist(), edge.tolist(), strict=True))
        assert len(pairs) == len(set(pairs))
        reached = block.seconds <= limit
        wanted = {
            (row, number)
            for row in range(2)
            for number in range(4)
            if reached[row, block.local[network.edge_u[number]]]
            or reached[row, block.local[network.edge_v[number]]]
        }
        assert set(pairs) == wanted


def test_merging_joins_what_overlaps_or_touches():
    rows = [
        (0, 3, 0.5, 0.7),
        (0, 3, 0.0, 0.2),
        (0, 3, 0.6, 0.9),
        (0, 3, 0.2, 0.3),
        (1, 3, 0.1, 0.2),
        (0, 4, 0.4, 0.4),
        (0, 5, 0.0, 0.9),
        (0, 5, 0.1, 0.2),
        (0, 5, 0.3, 0.4),
    ]
    found = merged(*(np.array(column) for column in zip(*rows, strict=True)))
    assert list(zip(found.owner, found.edge, found.start, found.end.round(12), strict=True)) == [
        (0, 3, 0.0, 0.3),
        (0, 3, 0.5, 0.9),
        (0, 5, 0.0, 0.9),
        (1, 3, 0.1, 0.2),
    ]


def test_lines_of_pieces_follow_the_street(streets):
    nodes = {1: (0, 0), 2: (300, 0), 3: (300, 400), 4: (300, 1000)}
    network = build_network(streets(nodes, [([1, 2, 3, 4], ROAD)]), profile("elder"))
    parts = [
        (0.0, 1.0),
        (0.0, 0.3),
        (0.1, 0.6),
        (350 / 1300, 400 / 1300),
        (0.9, 1.0),
        (300 / 1300, 700 / 1300),
    ]
    start, end = np.array(parts).T
    pieces = merged(np.arange(6), np.zeros(6, int), start, end)
    lines, whole = piece_lines(network, pieces), network.lines()[0]
    assert shapely.is_valid(lines).all()
    np.testing.assert_allclose(shapely.length(lines), (end - start) * 1300, atol=1e-6)
    np.testing.assert_allclose(pieces.metres(network), (end - start) * 1300, atol=1e-5)
    assert shapely.distance(whole, shapely.points(shapely.get_coordinates(lines))).max() < 1e-6
    ends = shapely.get_point(lines, 0), shapely.get_point(lines, -1)
    np.testing.assert_allclose(shapely.line_locate_point(whole, ends[0]), start * 1300, atol=1e-6)
    np.testing.assert_allclose(shapely.line_locate_point(whole, ends[1]), end * 1300, atol=1e-6)
    assert shapely.get_num_points(lines[2]) == 4
    only_whole = merged(np.zeros(1, int), np.zeros(1, int), np.zeros(1), np.ones(1))
    assert piece_lines(network, only_whole)[0].equals(whole)


@pytest.mark.parametrize("direction", ["to", "from"])
@pytest.mark.parametrize(("mode", "minutes"), [("elder", 6), ("drive", 1)])
def test_a_place_is_in_a_piece_exactly_when_it_is_within_reach(
    network_of, scattered, mode, minutes, direction
):
    """Against travel times of 4,000 places anywhere on the streets of Helsinki."""
    network = network_of(mode)
    facilities = scattered(network, 9, 3)
    rng = np.random.default_rng(4)
    edge, fraction = rng.integers(0, network.n_edges, 4000), rng.random(4000)
    places = Places(edge, fraction, np.zeros(4000), np.zeros(4000, bool))
    pairs = travel_pairs(places, facilities, network, minutes=minutes, direction=direction)
    reached = np.zeros((9, 4000), bool)
    reached[pairs.facility, pairs.point] = True
    inside = np.zeros((9, 4000), bool)
    for owner, number, start, end in pieces_of(
        network, facilities, seconds=minutes * 60, direction=direction
    ):
        inside[owner] |= (edge == number) & (fraction >= start - 1e-9) & (fraction <= end + 1e-9)
    assert reached.sum() > 100
    np.testing.assert_array_equal(inside, reached)


@pytest.mark.parametrize("mode", ["elder", "drive"])
def test_pieces_grow_with_the_limit(network_of, scattered, mode):
    network = network_of(mode)
    facilities = scattered(network, 5, 3)
    before, lengths = [], []
    for minutes in (1, 2, 3, 5, 8):
        found = pieces_of(network, facilities, seconds=minutes * 60)
        for owner, edge, start, end in before:
            assert any(
                o == owner and e == edge and a <= start + 1e-9 and b >= end - 1e-9 for o, e, a, b in found
            )
        lengths.append(sum((end - start) * network.metres[edge] for _, edge, start, end in found))
        before = found
    assert (np.diff(lengths) > 0).all()
    assert lengths[-1] <= 5 * network.metres.sum()
