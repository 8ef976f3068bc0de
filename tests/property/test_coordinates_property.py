"""Laws of the coordinate shifts."""

import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carecircle.china import coordinates as shifts

LON, LAT = st.floats(73.1, 137), st.floats(1.1, 55)


def published_gcj02(lon, lat):
    """The algorithm as it was published in 2013, line by line, one point at a time."""
    x, y, pi = lon - 105.0, lat - 35.0, math.pi
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += (20.0 * math.sin(6.0 * x * pi) + 20.0 * math.sin(2.0 * x * pi)) * 2.0 / 3.0
    north += (20.0 * math.sin(y * pi) + 40.0 * math.sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * math.sin(y / 12.0 * pi) + 320 * math.sin(y * pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += (20.0 * math.sin(6.0 * x * pi) + 20.0 * math.sin(2.0 * x * pi)) * 2.0 / 3.0
    east += (20.0 * math.sin(x * pi) + 40.0 * math.sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * math.sin(x / 12.0 * pi) + 300.0 * math.sin(x / 30.0 * pi)) * 2.0 / 3.0
    latitude = lat / 180.0 * pi
    magic = 1 - 0.00669342162296594323 * math.sin(latitude) ** 2
    north = (north * 180.0) / ((6378245.0 * (1 - 0.00669342162296594323)) / (magic * math.sqrt(magic)) * pi)
    east = (east * 180.0) / (6378245.0 / math.sqrt(magic) * math.cos(latitude) * pi)
    return lon + east, lat + north


def published_bd09(lon, lat):
    """Baidu's shift as published."""
    frequency = math.pi * 3000.0 / 180.0
    z = math.sqrt(lon * lon + lat * lat) + 0.00002 * math.sin(lat * frequency)
    theta = math.atan2(lat, lon) + 0.000003 * math.cos(lon * frequency)
    return z * math.cos(theta) + 0.0065, z * math.sin(theta) + 0.006


@settings(max_examples=1000)
@given(LON, LAT)
@example(105.0, 35.0)
def test_the_shifts_are_the_published_ones(lon, lat):
    np.testing.assert_allclose(shifts.wgs84_to_gcj02(lon, lat), published_gcj02(lon, lat), rtol=0, atol=2e-13)
    np.testing.assert_allclose(shifts.gcj02_to_bd09(lon, lat), published_bd09(lon, lat), rtol=0, atol=2e-13)


@settings(max_examples=500)
@given(LON, LAT)
@example(105.0, 35.0)
@example(105.00001, 24.0)
def test_every_shift_has_its_inverse(lon, lat):
    for there, back in (
        (shifts.wgs84_to_gcj02, shifts.gcj02_to_wgs84),
        (shifts.gcj02_to_bd09, shifts.bd09_to_gcj02),
        (shifts.wgs84_to_bd09, shifts.bd09_to_wgs84),
    ):
        np.testing.assert_allclose(back(*there(lon, lat)), (lon, lat), rtol=0, atol=8e-12)
        np.testing.assert_allclose(there(*back(lon, lat)), (lon, lat), rtol=0, atol=8e-12)


@given(LON, LAT)
def test_a_shift_is_of_some_hundred_metres(lon, lat):
    x, y = shifts.wgs84_to_gcj02(lon, lat)
    assert np.hypot((x - lon) * np.cos(np.radians(lat)), y - lat) * 111_320 < 2_500


@given(st.lists(st.tuples(LON, LAT), min_size=1, max_size=20))
def test_points_do_not_depend_on_their_neighbours(points):
    lon, lat = np.array(points).T
    for shift in (shifts.gcj02_to_wgs84, shifts.bd09_to_wgs84):
        together = np.array(shift(lon, lat)).T
        alone = np.array([shift(*point) for point in points])
        np.testing.assert_allclose(together, alone, rtol=0, atol=8e-12)


@given(st.lists(st.tuples(LON, LAT, st.sampled_from(shifts.DATUMS)), min_size=1, max_size=20))
def test_rows_of_several_datums_are_each_undone(rows):
    there = {"wgs84": lambda *place: place, "gcj02": shifts.wgs84_to_gcj02, "bd09": shifts.wgs84_to_bd09}
    lon, lat = np.array([there[datum](x, y) for x, y, datum in rows], dtype=float).T
    found = np.array(shifts.to_wgs84_by_row(lon, lat, [datum for *_, datum in rows])).T
    np.testing.assert_allclose(found, [row[:2] for row in rows], rtol=0, atol=8e-12)


@given(st.floats(-180, 71.9), st.floats(-90, 90))
def test_nothing_is_shifted_outside(lon, lat):
    for name in ("wgs84_to_gcj02", "gcj02_to_wgs84", "gcj02_to_bd09", "bd09_to_gcj02"):
        assert getattr(shifts, name)(lon, lat) == (lon, lat)
