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
Slopes = tuple[Floats, Floats, Floats, Floats]
Datum = Literal["wgs84", "gcj02", "bd09"]

DATUMS: tuple[Datum, ...] = ("wgs84", "gcj02", "bd09")
"""Names of the coordinate systems a file may be in; CGCS2000 counts as wgs84 (the same to within a metre)."""

_AXIS_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
_BD_FREQUENCY = np.pi * 3000.0 / 180.0
_BD_LON, _BD_LAT = 0.0065, 0.006
_TWO_THIRDS = 2.0 / 3.0
_BASE = np.pi / 180.0  # all harmonics of the formula are whole multiples of this angle per degree
_SINE_35, _COSINE_35 = np.sin(np.radians(35.0)), np.cos(np.radians(35.0))
_RADIAL, _TANGENTIAL = 2e-5, 3e-6
# Newton's method squares the error in each round: 700 m, 0.15 m, 5 nm for GCJ-02, 50 m, 10 mm, 1 nm for BD-09.
# Only near 105 E, where the formula holds the square root of the way to that meridian, it takes more.
_ROUNDS, _MOST_ROUNDS, _TOLERANCE_DEG = 2, 12, 1e-12
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
    return _inside_only(_backward, lon, lat)


def gcj02_to_bd09(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """Shift GCJ-02 to BD-09."""
    return _inside_only(_to_baidu, lon, lat)


def bd09_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """Undo the shift of BD-09 over GCJ-02: the inverse of `gcj02_to_bd09`, to within a micrometre."""
    return _inside_only(_from_baidu, lon, lat)


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


def to_wgs84_by_row(lon: ArrayLike, lat: ArrayLike, datums: ArrayLike) -> LonLat:
    """Return WGS 84 longitudes and latitudes of points that are each in a datum of their own.

    Parameters
    ----------
    lon, lat
        (n,) degrees.
    datums
        (n,) names of `DATUMS`.

    Examples
    --------
    >>> lon, lat = to_wgs84_by_row([102.5, 102.5], [24.3, 24.3], ["wgs84", "gcj02"])
    >>> lon.round(4).tolist()
    [102.5, 102.4986]
    """
    named = np.asarray(datums, dtype=object)
    x, y = np.array(lon, dtype=float), np.array(lat, dtype=float)
    unknown = sorted({str(name) for name in named.tolist() if name not in DATUMS})
    if unknown:
        raise UsageError(text("usage.datum", value="、".join(unknown), known="、".join(DATUMS)))
    for datum in DATUMS[1:]:
        rows = named == datum
        x[rows], y[rows] = to_wgs84(x[rows], y[rows], datum)
    return x, y


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
    east, north, _ = _offsets(lon, lat)
    return lon + east, lat + north


def _offsets(lon: Floats, lat: Floats, *, slopes: bool = False) -> tuple[Floats, Floats, Slopes | None]:
    """Return how far GCJ-02 lies east and north of WGS 84 in degrees, and if asked how fast that changes.

    The slopes are (east by lon, east by lat, north by lon, north by lat); they leave out what is too small to
    matter in an iteration: the change of the ellipsoid's radii, and that of the root near its meridian.
    """
    x, y = lon - _ROOT_MERIDIAN, lat - 35.0
    root = np.sqrt(np.abs(x))
    sine_y, cosine_y = np.sin(y * _BASE), np.cos(y * _BASE)
    waves_x, waves_y = _Waves(np.sin(x * _BASE), np.cos(x * _BASE)), _Waves(sine_y, cosine_y)
    ripple = waves_x.ripple()
    product = 0.1 * x * y
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + product + 0.2 * root
    north += _TWO_THIRDS * (ripple + waves_y.sum(160.0, 320.0))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + product + 0.1 * root
    east += _TWO_THIRDS * (ripple + waves_x.sum(150.0, 300.0))
    sine, cosine = sine_y * _COSINE_35 + cosine_y * _SINE_35, cosine_y * _COSINE_35 - sine_y * _SINE_35
    magic = 1.0 - _ECCENTRICITY_SQUARED * sine * sine
    degree = _AXIS_M * np.pi / 180.0 / np.sqrt(magic)
    per_east, per_north = 1.0 / (degree * cosine), magic / (degree * (1.0 - _ECCENTRICITY_SQUARED))
    east, north = east * per_east, north * per_north
    if not slopes:
        return east, north, None
    ripples = _TWO_THIRDS * waves_x.ripple_slope()
    by_lon = 1.0 + 0.2 * x + 0.1 * y + ripples + _TWO_THIRDS * waves_x.slope(150.0, 300.0)
    by_lat = 3.0 + 0.4 * y + 0.1 * x + _TWO_THIRDS * waves_y.slope(160.0, 320.0)
    return (
        east,
        north,
        (
            by_lon * per_east,
            (2.0 + 0.1 * x) * per_east + east * _BASE * sine / cosine,
            (2.0 + 0.1 * y + ripples) * per_north,
            by_lat * per_north,
        ),
    )


class _Waves:
    """The harmonics of the formula for one coordinate, all from one sine and one cosine.

    With u = pi x / 180 the formula holds sines of 6 u, 15 u, 60 u and 180 u, and its ripple those of 360 u and
    1080 u. They follow by double, triple and fivefold angles, which takes a third of the time of as many sines;
    the rounding errors they pick up stay below a picometre.
    """

    def __init__(self, sine: Floats, cosine: Floats) -> None:
        self.at_3 = _triple(sine, cosine)
        self.at_6 = _double(*self.at_3)
        self.at_15 = _fivefold(*self.at_3)
        self.at_60 = _double(*_double(*self.at_15))
        self.at_180 = _triple(*self.at_60)

    def sum(self, twelfth: float, thirtieth: float) -> Floats:
        """20 sin pi x + 40 sin pi x/3 + `twelfth` sin pi x/12 + `thirtieth` sin pi x/30."""
        longer = twelfth * self.at_15[0] + thirtieth * self.at_6[0]
        return np.asarray(20.0 * self.at_180[0] + 40.0 * self.at_60[0] + longer)

    def slope(self, twelfth: float, thirtieth: float) -> Floats:
        """How fast `sum` changes with x."""
        longer = 15.0 * twelfth * self.at_15[1] + 6.0 * thirtieth * self.at_6[1]
        return np.asarray(_BASE * (3600.0 * self.at_180[1] + 2400.0 * self.at_60[1] + longer))

    def ripple(self) -> Floats:
        """20 sin 6 pi x + 20 sin 2 pi x."""
        sine, _ = _double(*self.at_180)
        return np.asarray(80.0 * sine * (1.0 - sine * sine))

    def ripple_slope(self) -> Floats:
        """How fast `ripple` changes with x."""
        sine, cosine = _double(*self.at_180)
        return np.asarray(28800.0 * _BASE * cosine * (1.0 - 3.0 * sine * sine))


def _double(sine: Floats, cosine: Floats) -> tuple[Floats, Floats]:
    return 2.0 * sine * cosine, 1.0 - 2.0 * sine * sine


def _triple(sine: Floats, cosine: Floats) -> tuple[Floats, Floats]:
    return sine * (3.0 - 4.0 * sine * sine), cosine * (4.0 * cosine * cosine - 3.0)


def _fivefold(sine: Floats, cosine: Floats) -> tuple[Floats, Floats]:
    s, c = sine * sine, cosine * cosine
    return sine * (5.0 - s * (20.0 - 16.0 * s)), cosine * (5.0 - c * (20.0 - 16.0 * c))


def _backward(lon: Floats, lat: Floats) -> LonLat:
    """Undo `_forward` by Newton's method."""
    x, y = lon, lat
    for _ in range(_ROUNDS):
        x, y, _ = _newton(lon, lat, x, y)
    moving = np.flatnonzero(np.abs(lon - _ROOT_MERIDIAN) < _NEAR_DEG)
    for _ in range(_ROUNDS, _MOST_ROUNDS):
        if not len(moving):
            break
        x[moving], y[moving], step = _newton(lon[moving], lat[moving], x[moving], y[moving])
        moving = moving[step >= _TOLERANCE_DEG]  # each point stops by itself: its neighbours do not matter
    return x, y


def _newton(lon: Floats, lat: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Return a better guess at what `_forward` shifts to lon and lat than (x, y), and the length of the step."""
    east, north, slopes = _offsets(x, y, slopes=True)
    step_x, step_y = _solve(lon - x - east, lat - y - north, slopes)
    return x + step_x, y + step_y, np.maximum(np.abs(step_x), np.abs(step_y))


def _solve(right_x: Floats, right_y: Floats, slopes: Slopes | None) -> LonLat:
    """Return the step d with d + slopes d = right."""
    xx, xy, yx, yy = slopes or (0.0, 0.0, 0.0, 0.0)
    a, d = 1.0 + xx, 1.0 + yy
    inverse = 1.0 / (a * d - xy * yx)
    return (right_x * d - right_y * xy) * inverse, (right_y * a - right_x * yx) * inverse


def _to_baidu(lon: Floats, lat: Floats) -> LonLat:
    """Shift GCJ-02 to BD-09."""
    radius = np.hypot(lon, lat) + _RADIAL * np.sin(lat * _BD_FREQUENCY)
    angle = np.arctan2(lat, lon) + _TANGENTIAL * np.cos(lon * _BD_FREQUENCY)
    return radius * np.cos(angle) + _BD_LON, radius * np.sin(angle) + _BD_LAT


def _from_baidu(lon: Floats, lat: Floats) -> LonLat:
    """Undo `_to_baidu` by Newton's method on its small change of radius and angle."""
    u, v = lon - _BD_LON, lat - _BD_LAT
    radius = np.hypot(u, v)
    x, y = u, v
    for _ in range(_ROUNDS):
        turn = _TANGENTIAL * np.cos(x * _BD_FREQUENCY)
        shrink = 1.0 - _RADIAL * np.sin(y * _BD_FREQUENCY) / radius
        even = 1.0 - 0.5 * turn * turn  # cosine of the turn; its sine is the turn, both to the last digit
        right_x, right_y = shrink * (u * even + v * turn) - x, shrink * (v * even - u * turn) - y
        turning = _TANGENTIAL * _BD_FREQUENCY * np.sin(x * _BD_FREQUENCY)
        shrinking = _RADIAL * _BD_FREQUENCY * np.cos(y * _BD_FREQUENCY) / radius
        slopes = (v * turning, u * shrinking, -u * turning, v * shrinking)
        step_x, step_y = _solve(right_x, right_y, slopes)
        x, y = x + step_x, y + step_y
    return x, y
