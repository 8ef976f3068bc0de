"""The two shifted coordinate systems of Chinese map services: GCJ-02 and BD-09.

Maps published in China carry coordinates shifted by a few hundred metres: GCJ-02 (AMap, Tencent) and, on top
of it, BD-09 (Baidu). The transformations below are the public ones; every inverse is iterated, so that a
round trip comes back to within a micrometre and nothing but the source's own error is left.

Longitudes and latitudes are in decimal degrees, arrays of any shape or plain numbers. NaN stays NaN. Outside
the rectangle that the public algorithm takes for China nothing is shifted.

Sources
-------
GCJ-02: the algorithm published as ``EvilTransform`` (Maxime Guilbot's C# code of 2013, carried on in
github.com/googollee/eviltransform, MIT): ellipsoid of Krasovsky 1940, semi-major axis 6378245 m and first
eccentricity squared 0.00669342162296594323; rectangle 72.004-137.8347 E, 0.8293-55.8271 N.
BD-09: Baidu's additional shift as published in github.com/wandergis/coordtransform (MIT): 0.0065 and 0.006
degrees, ripples of 2e-5 and 3e-6 at a frequency of 3000 pi / 180.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carecircle.errors import UsageError
from carecircle.language import text

Floats = NDArray[np.float64]
LonLat = tuple[Floats, Floats]
Datum = Literal["wgs84", "gcj02", "bd09"]

DATUMS: tuple[Datum, ...] = ("wgs84", "gcj02", "bd09")
"""Names of the coordinate systems a file may be in; CGCS2000 counts as wgs84 (the same to within a metre)."""

_AXIS_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
_BD_FREQUENCY = np.pi * 3000.0 / 180.0
_BD_LON, _BD_LAT = 0.0065, 0.006
_TWO_THIRDS, _TWELFTH, _THIRTIETH = 2.0 / 3.0, np.pi / 12.0, np.pi / 30.0
# Each round of the fixed-point iteration shrinks the residual at least 100-fold (700 m, 2 m, 5 mm, 20 um).
# The round that measures a residual below the tolerance (20 um) still corrects it, so less than 1 um is
# left; only near 105 E, where the formula holds the square root of the way to that meridian, it takes more.
_ROUNDS, _TOLERANCE_DEG, _FINE_TOLERANCE_DEG = 12, 2e-10, 1e-12
_ROOT_MERIDIAN, _NEAR_DEG = 105.0, 0.02
_BLOCK = 1 << 14  # points worked on at a time: what stays in the processor's cache


def inside_shifted_region(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Return where the shift applies: the rectangle of the public algorithm."""
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    inside: NDArray[np.bool_] = (x >= _WEST) & (x <= _EAST) & (y >= _SOUTH) & (y <= _NORTH)
    return inside


def wgs84_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """Shift WGS 84 to GCJ-02.

    Examples
    --------
    >>> lon, lat = wgs84_to_gcj02(116.404, 39.915)
    >>> f"{lon:.6f} {lat:.6f}"
    '116.410244 39.916404'
    """
    return _inside_only(_forward, lon, lat)


def gcj02_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """Undo the shift of GCJ-02: the inverse of `wgs84_to_gcj02`, to within a micrometre."""
    return _inside_only(_inverse(_forward), lon, lat)


def gcj02_to_bd09(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """Shift GCJ-02 to BD-09."""
    return _inside_only(_to_baidu, lon, lat)


def bd09_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """Undo the shift of BD-09 over GCJ-02: the inverse of `gcj02_to_bd09`, to within a micrometre."""
    return _inside_only(_inverse(_to_baidu), lon, lat)


def wgs84_to_bd09(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """Shift WGS 84 to BD-09."""
    return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))


def bd09_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """Undo both shifts: the inverse of `wgs84_to_bd09`."""
    return gcj02_to_wgs84(*bd09_to_gcj02(lon, lat))


def to_wgs84(lon: ArrayLike, lat: ArrayLike, datum: Datum) -> LonLat:
    """Return WGS 84 longitudes and latitudes of points given in `datum`."""
    if datum not in DATUMS:
        raise UsageError(text("usage.datum", value=datum, known="、".join(DATUMS)))
    if datum == "gcj02":
        return gcj02_to_wgs84(lon, lat)
    if datum == "bd09":
        return bd09_to_wgs84(lon, lat)
    return np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)


def _inside_only(shift: Callable[[Floats, Floats], LonLat], lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """Apply `shift` in blocks to the points inside the region, leave the others."""
    x, y = np.broadcast_arrays(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    flat_x, flat_y = x.flatten(), y.flatten()
    chosen = np.flatnonzero(inside_shifted_region(flat_x, flat_y))
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        flat_x[block], flat_y[block] = shift(flat_x[block], flat_y[block])
    return flat_x.reshape(x.shape), flat_y.reshape(y.shape)


def _forward(lon: Floats, lat: Floats) -> LonLat:
    """Shift WGS 84 to GCJ-02, all points inside the region."""
    x, y = lon - _ROOT_MERIDIAN, lat - 35.0
    root, product = np.sqrt(np.abs(x)), 0.1 * x * y
    third, whole, ripple = _harmonics(x)
    north_third, north_whole, _ = _harmonics(y)
    north = (
        -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + product
        + 0.2 * root
        + _TWO_THIRDS
        * (
            ripple
            + 20.0 * north_whole
            + 40.0 * north_third[0]
            + 160.0 * north_third[1]
            + 320.0 * np.sin(y * _THIRTIETH)
        )
    )
    east = (
        300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + product
        + 0.1 * root
        + _TWO_THIRDS * (ripple + 20.0 * whole + 40.0 * third[0] + 150.0 * third[1] + 300.0 * np.sin(x * _THIRTIETH))
    )
    sine_squared = np.sin(np.radians(lat)) ** 2
    magic = 1.0 - _ECCENTRICITY_SQUARED * sine_squared
    degree = _AXIS_M * np.pi / 180.0 / np.sqrt(magic)
    return (
        lon + east / (degree * np.sqrt(1.0 - sine_squared)),
        lat + north * magic / (degree * (1.0 - _ECCENTRICITY_SQUARED)),
    )


def _harmonics(x: Floats) -> tuple[tuple[Floats, Floats], Floats, Floats]:
    """Return ((sin pi x/3, sin pi x/12), sin pi x, 20 sin 6 pi x + 20 sin 2 pi x).

    One sine and one cosine are evaluated and the rest follows from double and triple angles, which halves the
    time; with u = pi x / 12 the others are at 4 u, 12 u, 24 u and 72 u.
    """
    sine, cosine = np.sin(x * _TWELFTH), np.cos(x * _TWELFTH)
    sine_2, cosine_2 = 2.0 * sine * cosine, 1.0 - 2.0 * sine * sine
    sine_4, cosine_4 = 2.0 * sine_2 * cosine_2, 1.0 - 2.0 * sine_2 * sine_2
    sine_12 = sine_4 * (3.0 - 4.0 * sine_4 * sine_4)
    cosine_12 = cosine_4 * (4.0 * cosine_4 * cosine_4 - 3.0)
    sine_24 = 2.0 * sine_12 * cosine_12
    return (sine_4, sine), sine_12, 80.0 * sine_24 * (1.0 - sine_24 * sine_24)


def _to_baidu(lon: Floats, lat: Floats) -> LonLat:
    """Shift GCJ-02 to BD-09."""
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * _BD_FREQUENCY)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * _BD_FREQUENCY)
    return radius * np.cos(angle) + _BD_LON, radius * np.sin(angle) + _BD_LAT


def _inverse(shift: Callable[[Floats, Floats], LonLat]) -> Callable[[Floats, Floats], LonLat]:
    """Return the inverse of a shift that is nearly constant over its own length, by fixed-point iteration."""

    def inverse(lon: Floats, lat: Floats) -> LonLat:
        x, y = lon, lat
        near_root = np.abs(lon - _ROOT_MERIDIAN) < _NEAR_DEG
        tolerance = np.where(near_root, _FINE_TOLERANCE_DEG, _TOLERANCE_DEG)
        moving = np.ones(lon.shape, dtype=bool)  # each point stops by itself: its neighbours do not matter
        for _ in range(_ROUNDS):
            shifted_x, shifted_y = shift(x, y)
            error_x, error_y = np.where(moving, lon - shifted_x, 0.0), np.where(moving, lat - shifted_y, 0.0)
            x, y = x + error_x, y + error_y
            moving = np.maximum(np.abs(error_x), np.abs(error_y)) >= tolerance
            if not moving.any():
                break
        return x, y

    return inverse
