"""What holds of travel times on any network: a random one-way town for each example."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from carecircle.model import profile
from carecircle.network import build_network
from carecircle.reach import nearest, travel_pairs, travel_times
from carecircle.snap import snap

SIDE = 5
SPACING = 150.0
place = st.tuples(st.floats(-200, 800, width=32), st.floats(-200, 800, width=32))
places = st.lists(place, min_size=1, max_size=6)
kinds = st.sampled_from(
    [
        None,
        {"highway": "residential"},
        {"highway": "residential", "oneway": "yes"},
        {"highway": "steps"},
        {"highway": "living_street", "oneway": "-1"},
    ]
)
tens = st.lists(kinds, min_size=2 * SIDE * (SIDE - 1), max_size=2 * SIDE * (SIDE - 1))
mode = st.sampled_from(["elder", "bike", "drive"])
direction = st.sampled_from(["to", "from"])
# No shrinking: a town of forty streets shrinks for minutes.
trial = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="session")
def lattice(streets):
    """A function from kinds of street (None = no street there) to the network of a 5 x 5 lattice."""
    nodes = {
        SIDE * row + column: (SPACING * column, SPACING * row)
        for row in range(SIDE)
        for column in range(SIDE)
    }
    pairs = [(n, n + 1) for n in nodes if n % SIDE < SIDE - 1] + [
        (n, n + SIDE) for n in nodes if n + SIDE in nodes
    ]

    def make(chosen, mode):
        ways = [(list(pair), tags) for pair, tags in zip(pairs, chosen, strict=True) if tags]
        always = ([0, 1, 6, 5, 0], {"highway": "residential"})
        return build_network(streets(nodes, [always, *ways]), profile(mode))

    return make


@trial
@given(tens, places, places, place, mode, direction)
def test_one_more_facility_never_makes_it_longer(
    lattice, at, kinds, points, facilities, extra, mode, direction
):
    network = lattice(kinds, mode)
    points = at(*points, key="point_id")
    before = nearest(points, at(*facilities), network, direction=direction)["minutes"].fillna(np.inf)
    after = nearest(points, at(*facilities, extra), network, direction=direction)["minutes"].fillna(np.inf)
    assert (after <= before + 1e-9).all()


@trial
@given(tens, places, places, mode, direction, st.floats(0.1, 20), st.floats(0.1, 20))
def test_more_minutes_reach_more(  # noqa: PLR0917
    lattice, at, kinds, points, facilities, mode, direction, one, other
):
    network = lattice(kinds, mode)
    where = snap(at(*points), network)
    less, more = (
        travel_pairs(where, at(*facilities), network, minutes=m, direction=direction)
        for m in sorted((one, other))
    )
    found = {
        (p, f): s
        for p, f, s in zip(more.point.tolist(), more.facility.tolist(), more.seconds.tolist(), strict=True)
    }
    for p, f, s in zip(less.point.tolist(), less.facility.tolist(), less.seconds.tolist(), strict=True):
        assert found[p, f] == pytest.approx(s, abs=1e-9)
    limit = min(one, other) * 60 + 1e-6
    assert sum(s <= limit for s in found.values()) == len(less.point)


@trial
@given(tens, places, places, mode, direction)
def test_the_nearest_is_the_least_of_all_pairs(lattice, at, kinds, points, facilities, mode, direction):
    network = lattice(kinds, mode)
    points, facilities = at(*points, key="point_id"), at(*facilities)
    every = travel_times(points, facilities, network, minutes=1e6, direction=direction)
    least = every.groupby("point_id", sort=False)["minutes"].min().loc[points["point_id"]]
    np.testing.assert_allclose(
        nearest(points, facilities, network, direction=direction)["minutes"], least, atol=1e-9
    )


@trial
@given(tens, places, places, mode)
def test_there_and_back_change_places(lattice, at, kinds, points, facilities, mode):
    """The way from a to b does not depend on which of the two is called the facility."""
    network = lattice(kinds, mode)
    a, b = at(*points), at(*facilities)
    to = travel_pairs(snap(a, network), b, network, minutes=1e6, direction="to")
    back = travel_pairs(snap(b, network), a, network, minutes=1e6, direction="from")
    one = pd.Series(to.seconds, pd.MultiIndex.from_arrays([to.point, to.facility])).sort_index()
    other = pd.Series(back.seconds, pd.MultiIndex.from_arrays([back.facility, back.point])).sort_index()
    pd.testing.assert_series_equal(one, other, rtol=0, atol=1e-6)


@trial
@given(tens, places, mode)
def test_no_shorter_than_the_air_line(lattice, at, kinds, points, mode):
    network = lattice(kinds, mode)
    frame = at(*points)
    found = travel_pairs(snap(frame, network), frame, network, minutes=1e6)
    line = gpd.GeoSeries(frame.geometry.to_numpy()[found.point]).distance(
        gpd.GeoSeries(frame.geometry.to_numpy()[found.facility])
    )
    assert (found.metres >= line.to_numpy() - 1e-3).all()
