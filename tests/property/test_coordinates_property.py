"""Laws of the coordinate shifts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from carecircle.china import coordinates as shifts

LON, LAT = st.floats(73.1, 137), st.floats(1.1, 55)


@given(LON, LAT)
def test_every_shift_has_its_inverse(lon, lat):
    for there, back in ((shifts.wgs84_to_gcj02, shifts.gcj02_to_wgs84),
                        (shifts.gcj02_to_bd09, shifts.bd09_to_gcj02),
                        (shifts.wgs84_to_bd09, shifts.bd09_to_wgs84)):
        np.testing.assert_allclose(back(*there(lon, lat)), (lon, lat), rtol=0, atol=8e-12)


@given(LON, LAT)
def test_a_shift_is_of_some_hundred_metres(lon, lat):
    x, y = shifts.wgs84_to_gcj02(lon, lat)
    assert np.hypot((x - lon) * np.cos(np.radians(lat)), y - lat) * 111_320 < 2_500


@given(st.lists(st.tuples(LON, LAT), min_size=1, max_size=20))
def test_points_do_not_depend_on_their_neighbours(points):
    lon, lat = np.array(points).T
    together = np.array(shifts.gcj02_to_wgs84(lon, lat)).T
    alone = np.array([shifts.gcj02_to_wgs84(*point) for point in points])
    np.testing.assert_allclose(together, alone, rtol=0, atol=8e-12)


@given(st.floats(-180, 71.9), st.floats(-90, 90))
def test_nothing_is_shifted_outside(lon, lat):
    assert shifts.wgs84_to_gcj02(lon, lat) == (lon, lat)
