"""Laws of isochrones: valid, nested, more with more minutes, the same whatever the company or the order."""

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carecircle.isochrones import IsochroneOptions, isochrones, reached_streets

TRIES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
SEEDS = st.integers(0, 10**6)
LIMITS = st.lists(st.integers(4, 80).map(lambda k: k / 4), min_size=2, max_size=4, unique=True)
REACHES = st.sampled_from([5.0, 10.0, 25.0, 40.0, 100.0])


@TRIES
@given(
    seed=SEEDS,
    minutes=LIMITS,
    grid=st.tuples(REACHES, st.floats(3, 7)),
    hole=st.sampled_from([0.0, 2500.0, np.inf]),
    overlap=st.sampled_from(["overlap", "split"]),
    trip=st.sampled_from([("elder", "to"), ("drive", "to"), ("drive", "from")]),
)
def test_areas_are_valid_and_nested(network_of, scattered, seed, minutes, grid, hole, overlap, trip):
    (reach, finer), (mode, direction) = grid, trip
    network = network_of(mode)
    options = IsochroneOptions(
        reach_metres=reach, cell_metres=reach / finer, min_hole_m2=hole, overlap=overlap, direction=direction
    )
    facilities, minutes = scattered(network, 4, seed), [m if mode == "elder" else m / 5 for m in minutes]
    areas = isochrones(facilities, network, minutes=minutes, options=options)
    assert areas["minutes"].tolist() == sorted(minutes) * 4
    assert areas["facility_id"].tolist() == np.repeat(facilities["facility_id"], len(minutes)).tolist()
    assert areas.geometry.is_valid.all()
    shapes = areas.geometry.to_numpy().reshape(4, -1)
    inner, outer = shapes[:, :-1], shapes[:, 1:]
    assert (shapely.covers(outer, inner) | shapely.is_empty(inner)).all()
    assert (np.diff(areas["reached_km"].to_numpy().reshape(4, -1), axis=1) >= -1e-9).all()
    assert (areas["area_km2"] >= 0).all()
    assert (areas.geometry.is_empty == (areas["note"] != "")).all()
    if hole == np.inf and overlap == "overlap":
        assert (shapely.get_num_interior_rings(shapely.get_parts(shapes.ravel())) == 0).all()


@TRIES
@given(seed=SEEDS, minutes=st.floats(1, 15))
def test_company_and_order_do_not_matter(network_of, scattered, seed, minutes):
    network = network_of("elder")
    facilities = scattered(network, 5, seed)
    together = isochrones(facilities, network, minutes=[minutes])
    turned = isochrones(facilities.iloc[::-1], network, minutes=[minutes])
    alone = isochrones(facilities.iloc[[2]], network, minutes=[minutes])
    # Thinning starts anew in company: outlines differ by at most two tolerances.
    there = ~together.geometry.is_empty
    shapes = (frame.to_crs(network.crs).geometry.to_numpy() for frame in (together, turned.iloc[::-1]))
    first, second = (own[there] for own in shapes)
    assert shapely.hausdorff_distance(first, second).max(initial=0) < 5
    assert together["reached_km"].to_numpy() == pytest.approx(turned["reached_km"].to_numpy()[::-1])
    assert together["reached_km"].iloc[2] == pytest.approx(alone["reached_km"].iloc[0])


@TRIES
@given(
    seed=SEEDS,
    minutes=st.floats(1, 15),
    mode=st.sampled_from(["elder", "drive"]),
    overlap=st.sampled_from(["overlap", "split"]),
)
def test_the_streets_are_as_long_as_the_table_says(network_of, scattered, seed, minutes, mode, overlap):
    network, minutes = network_of(mode), minutes if mode == "elder" else minutes / 5
    facilities, options = scattered(network, 5, seed), IsochroneOptions(overlap=overlap)
    areas = isochrones(facilities, network, minutes=[minutes], options=options)
    streets = reached_streets(facilities, network, minutes=[minutes], options=options)
    kilometres = streets.groupby("facility_id")["metres"].sum().reindex(areas["facility_id"]).fillna(0) / 1000
    assert kilometres.to_numpy() == pytest.approx(areas["reached_km"].to_numpy())
    assert streets.to_crs(network.crs).length.to_numpy() == pytest.approx(
        streets["metres"].to_numpy(), rel=2e-3, abs=1e-6
    )
