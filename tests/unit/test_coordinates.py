"""The shifts of Chinese map services against published offsets and their own inverses."""

import time

import numpy as np
import pytest
from pyproj import Geod

from carecircle.china import coordinates as shifts
from carecircle.errors import UsageError

HONGTA, TIANYUAN = (102.5449, 24.3541), (113.0823, 27.8266)
PLACES = {
    "玉溪红塔": (HONGTA, 362, 917, 845),
    "临沧临翔": ((100.0889, 23.8840), 314, 956, 883),
    "株洲天元": (TIANYUAN, 671, 905, 1254),
    "益阳赫山": ((112.3740, 28.5790), 659, 897, 1236),
    "安宁": ((102.4784, 24.9195), 353, 951, 880),
    "丽江古城": ((100.2257, 26.8774), 407, 929, 805),
    "开远": ((103.2670, 23.7140), 349, 920, 914),
}
"""Place, and metres from WGS 84 to GCJ-02, from there to BD-09, and from WGS 84 to BD-09, measured with the public
formula by another program."""


def metres(one, other):
    return Geod(ellps="WGS84").inv(*one, *other)[2]


@pytest.mark.parametrize("name", PLACES)
def test_offsets_are_the_measured_ones(name):
    place, gcj, bd_from_gcj, bd = PLACES[name]
    in_gcj, in_bd = shifts.wgs84_to_gcj02(*place), shifts.wgs84_to_bd09(*place)
    assert metres(place, in_gcj) == pytest.approx(gcj, abs=8)
    assert metres(in_gcj, in_bd) == pytest.approx(bd_from_gcj, abs=8)
    assert metres(place, in_bd) == pytest.approx(bd, abs=8)


def test_offsets_in_the_south_west():
    """271 to 678 m, 477 m on average, over 200,000 points of 97.5-114.5 E, 21.1-30.2 N."""
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(97.5, 114.5, 200_000), rng.uniform(21.1, 30.2, 200_000)
    away = Geod(ellps="WGS84").inv(lon, lat, *shifts.wgs84_to_gcj02(lon, lat))[2]
    assert (away.min(), away.mean(), away.max()) == pytest.approx((271, 477, 678), abs=1)
    x, y = shifts.gcj02_to_wgs84(lon, lat)
    once = Geod(ellps="WGS84").inv(
        x, y, *(2 * was - now for was, now in zip((lon, lat), shifts.wgs84_to_gcj02(lon, lat), strict=True))
    )[2]
    assert (once.mean(), once.max()) == pytest.approx((0.76, 3.0), abs=0.05)


def test_the_published_point_of_tiananmen():
    lon, lat = shifts.wgs84_to_gcj02(116.404, 39.915)
    assert (float(lon), float(lat)) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-12)
    lon, lat = shifts.gcj02_to_bd09(116.404, 39.915)
    assert (float(lon), float(lat)) == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-12)


@pytest.mark.parametrize(
    "pair", ["wgs84_to_gcj02 gcj02_to_wgs84", "gcj02_to_bd09 bd09_to_gcj02", "wgs84_to_bd09 bd09_to_wgs84"]
)
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


def test_near_the_meridian_of_the_root_too():
    """Around 105 E the formula has no slope; there the inverse takes more rounds."""
    lon = np.concatenate([105 + np.linspace(-0.03, 0.03, 20_001), np.nextafter(105, [104, 106]), [105.0]])
    lat = np.linspace(18, 53, len(lon))
    for there, back in ((shifts.wgs84_to_gcj02, shifts.gcj02_to_wgs84), (shifts.wgs84_to_bd09, shifts.bd09_to_wgs84)):
        x, y = back(*there(lon, lat))
        assert np.abs(np.concatenate([x - lon, y - lat])).max() * 111_320 < 1e-6


@pytest.mark.parametrize(
    "name", ["wgs84_to_gcj02", "gcj02_to_wgs84", "gcj02_to_bd09", "bd09_to_gcj02", "wgs84_to_bd09", "bd09_to_wgs84"]
)
def test_a_million_points_take_well_under_a_second(name):
    """Of processor time, so that a busy machine does not matter; about 0.07 to 0.35 s on one core of 2.5 GHz."""
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(73, 135, 1_000_000), rng.uniform(18, 53, 1_000_000)
    start = time.process_time()
    getattr(shifts, name)(lon, lat)
    assert time.process_time() - start < 0.9


def test_each_row_in_its_own_datum():
    lon, lat = np.full(4, 102.5), np.full(4, 24.3)
    x, y = shifts.to_wgs84_by_row(lon, lat, ["wgs84", "gcj02", "bd09", "gcj02"])
    for row, datum in enumerate(["wgs84", "gcj02", "bd09", "gcj02"]):
        assert (x[row], y[row]) == tuple(map(float, shifts.to_wgs84(102.5, 24.3, datum)))
    assert (lon == 102.5).all()


@pytest.mark.parametrize("wrong", ["gcj-02", None, np.nan])
def test_a_row_without_a_known_datum_is_refused(wrong):
    with pytest.raises(UsageError):
        shifts.to_wgs84_by_row([102.5], [24.3], [wrong])


def test_an_unknown_datum_is_refused():
    with pytest.raises(UsageError):
        shifts.to_wgs84(102.5, 24.3, "gcj-02")
