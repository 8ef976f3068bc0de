"""The shifts of Chinese map services against published offsets and their own inverses."""

import time

import numpy as np
import pytest
from pyproj import Geod

from carecircle.china import coordinates as shifts
from carecircle.errors import UsageError

HONGTA, TIANYUAN = (102.5449, 24.3541), (113.0823, 27.8266)


def metres(one, other):
    return Geod(ellps="WGS84").inv(*one, *other)[2]


@pytest.mark.parametrize(("place", "gcj", "bd"), [(HONGTA, 362, 845), (TIANYUAN, 671, 1254)])
def test_offsets_are_the_measured_ones(place, gcj, bd):
    assert metres(place, shifts.wgs84_to_gcj02(*place)) == pytest.approx(gcj, abs=6)
    assert metres(place, shifts.wgs84_to_bd09(*place)) == pytest.approx(bd, abs=6)


def test_the_published_point_of_tiananmen():
    lon, lat = shifts.wgs84_to_gcj02(116.404, 39.915)
    assert (float(lon), float(lat)) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-12)
    lon, lat = shifts.gcj02_to_bd09(116.404, 39.915)
    assert (float(lon), float(lat)) == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-12)


@pytest.mark.parametrize("pair", ["wgs84_to_gcj02 gcj02_to_wgs84", "gcj02_to_bd09 bd09_to_gcj02",
                                  "wgs84_to_bd09 bd09_to_wgs84"])
def test_there_and_back_is_within_a_micrometre(pair):
    there, back = (getattr(shifts, name) for name in pair.split())
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(73.1, 137, 20_000), rng.uniform(1.1, 55, 20_000)
    x, y = back(*there(lon, lat))
    assert np.abs(x - lon).max() * 111_320 < 1e-6
    assert np.abs(y - lat).max() * 111_320 < 1e-6


def test_outside_china_and_nan_stay_as_they_are():
    lon, lat = np.array([-8.6, 102.5, np.nan]), np.array([41.1, np.nan, 24.0])
    for name in ("wgs84_to_gcj02", "gcj02_to_wgs84", "gcj02_to_bd09", "bd09_to_gcj02"):
        x, y = getattr(shifts, name)(lon, lat)
        np.testing.assert_array_equal(x, lon)
        np.testing.assert_array_equal(y, lat)


def test_shape_is_kept_and_input_is_not_changed():
    lon, lat = np.full((2, 3), 102.5), np.full((2, 3), 24.3)
    x, _ = shifts.gcj02_to_wgs84(lon, lat)
    assert x.shape == (2, 3)
    assert (lon == 102.5).all()


def test_a_hundred_thousand_points_take_a_moment():
    lon, lat = np.linspace(98, 115, 100_000), np.linspace(21, 31, 100_000)
    start = time.perf_counter()
    shifts.gcj02_to_wgs84(lon, lat)
    assert time.perf_counter() - start < 1


def test_an_unknown_datum_is_refused():
    with pytest.raises(UsageError):
        shifts.to_wgs84(102.5, 24.3, "gcj-02")
