"""The drawing board: local metres, their map projection, the datums, and the random streams.

All geometry is drawn in *local metres* (x east, y north) and kept on a lattice of one centimetre, so that two
points meant to be the same point are equal bit by bit. The local origin lies at (460 km, 2722 km) of
EPSG:4543 (CGCS2000, 3-degree Gauss-Kruger, central meridian 102 E), a multiple of 100 m, so that a 100 m
population grid fits it without a remainder.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt
import pyproj

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CITY = "云川市（虚构）"
NOTE = "虚构演示数据"
DATE = "2026-06-30"
GEOGRAPHIC = "EPSG:4490"  # CGCS2000 degrees; the same numbers serve as WGS84 to within centimetres
PROJECTED = "EPSG:4543"
ORIGIN = np.array([460_000.0, 2_722_000.0])

_to_degrees = pyproj.Transformer.from_crs(PROJECTED, GEOGRAPHIC, always_xy=True)
_to_metres = pyproj.Transformer.from_crs(GEOGRAPHIC, PROJECTED, always_xy=True)


def stream(seed: int, stage: str) -> np.random.Generator:
    """Return the random stream of one stage, so that a change in one stage leaves the others as they were."""
    return np.random.default_rng([seed, zlib.crc32(stage.encode())])


def centimetres(xy: Array) -> Array:
    """Round coordinates to whole centimetres (and turn -0.0 into 0.0)."""
    return np.asarray(np.round(np.asarray(xy, dtype=float), 2) + 0.0)


def to_degrees(xy: Array, digits: int = 7) -> Array:
    """Turn local metres, shape (n, 2), into longitude and latitude rounded to `digits` decimals."""
    shifted = np.asarray(xy, dtype=float).reshape(-1, 2) + ORIGIN
    degrees = np.column_stack(_to_degrees.transform(shifted[:, 0], shifted[:, 1]))
    return np.asarray(np.round(degrees, digits))


def to_metres(lonlat: Array) -> Array:
    """Turn longitude and latitude, shape (n, 2), into local metres."""
    return np.asarray(np.column_stack(_to_metres.transform(lonlat[:, 0], lonlat[:, 1])) - ORIGIN)


def wgs84_to_gcj02(lonlat: Array) -> Array:
    """Shift WGS84 degrees, shape (n, 2), to GCJ-02, the obfuscated datum of Chinese web maps.

    The polynomial and sine terms are the widely published ones (Krasovsky 1940 ellipsoid: a = 6378245 m,
    e2 = 0.00669342162296594323). At 101.6 E, 24.6 N the shift is some 300-400 m.
    """
    axis, eccentricity = 6378245.0, 0.00669342162296594323
    x, y = lonlat[:, 0] - 105.0, lonlat[:, 1] - 35.0
    root, pi = np.sqrt(np.abs(x)), np.pi
    waves = (20 * np.sin(6 * x * pi) + 20 * np.sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * root + waves
    north += (20 * np.sin(y * pi) + 40 * np.sin(y / 3 * pi)) * 2 / 3
    north += (160 * np.sin(y / 12 * pi) + 320 * np.sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * root + waves
    east += (20 * np.sin(x * pi) + 40 * np.sin(x / 3 * pi)) * 2 / 3
    east += (150 * np.sin(x / 12 * pi) + 300 * np.sin(x / 30 * pi)) * 2 / 3
    latitude = np.radians(lonlat[:, 1])
    magic = 1 - eccentricity * np.sin(latitude) ** 2
    east_degrees = np.degrees(east * np.sqrt(magic) / (axis * np.cos(latitude)))
    north_degrees = np.degrees(north * magic * np.sqrt(magic) / (axis * (1 - eccentricity)))
    return np.asarray(lonlat + np.column_stack([east_degrees, north_degrees]))
