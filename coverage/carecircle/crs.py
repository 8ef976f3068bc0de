"""The metric reference system of a study: the only place that chooses one."""

from __future__ import annotations

import re
from functools import lru_cache

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from pyproj.exceptions import ProjError

from carecircle.errors import UsageError
from carecircle.language import text

GEOGRAPHIC = "EPSG:4326"
"""What every table in memory is in. CGCS2000 (EPSG:4490) is the same to within a metre and read as such."""

# GB 22021-2008: CGCS2000 3-degree Gauss-Krueger zones; EPSG:4534 has the central meridian 75 E and no zone number
# in the easting, 4535 has 78 E, ... 4554 has 135 E.
_FIRST_EPSG, _FIRST_MERIDIAN, _LAST_MERIDIAN = 4534, 75, 135
_SHIFT_UNKNOWN = re.compile(r"beijing|xi'?an", re.IGNORECASE)
"""Datums whose shift differs from county to county and is not published; what PROJ has is of single oil fields."""
_CHINA = (73.0, 3.0, 136.0, 54.0)


def metric_crs(lon: float, lat: float) -> CRS:
    """Return the projected system in metres for a place.

    In China's longitudes and latitudes the CGCS2000 3-degree zone (scale error below 0.03 % at the zone's edge),
    elsewhere the UTM zone.

    Examples
    --------
    >>> metric_crs(102.5, 24.3).to_epsg()
    4543
    >>> metric_crs(24.9, 60.2).to_epsg()
    32635
    """
    west, south, east, north = _CHINA
    if west <= lon <= east and south <= lat <= north:
        meridian = min(max(3 * round(lon / 3), _FIRST_MERIDIAN), _LAST_MERIDIAN)
        return CRS.from_epsg(_FIRST_EPSG + (meridian - _FIRST_MERIDIAN) // 3)
    place = AreaOfInterest(west_lon_degree=lon, south_lat_degree=lat, east_lon_degree=lon, north_lat_degree=lat)
    return CRS.from_epsg(int(query_utm_crs_info(datum_name="WGS 84", area_of_interest=place)[0].code))


def project(lonlat: NDArray[np.float64], crs: CRS) -> NDArray[np.float64]:
    """Turn (n, 2) longitudes and latitudes into metres of `crs`."""
    return _transform(lonlat, GEOGRAPHIC, crs)


def unproject(xy: NDArray[np.float64], crs: CRS) -> NDArray[np.float64]:
    """Turn (n, 2) metres of `crs` into longitudes and latitudes."""
    return _transform(xy, crs, GEOGRAPHIC)


def _transform(points: NDArray[np.float64], source: CRS | str, target: CRS | str) -> NDArray[np.float64]:
    return np.column_stack(_transformer(source, target).transform(points[:, 0], points[:, 1]))


@lru_cache(maxsize=64)
def _transformer(source: CRS | str, target: CRS | str) -> Transformer:
    """Return the way from one system to another; finding it takes PROJ some 40 ms."""
    return Transformer.from_crs(source, target, always_xy=True)


def _is_cgcs2000(datum: CRS) -> bool:
    """Whether a geographic system is CGCS2000: by its code, or by its ellipsoid, which no other system has."""
    return datum.to_epsg() == 4490 or (datum.ellipsoid is not None and datum.ellipsoid.name == "CGCS2000")


def to_geographic(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the frame in longitudes and latitudes (CGCS2000 is taken as it is: within a metre of WGS 84).

    Raises
    ------
    UsageError
        The frame does not say its reference system, or the shift from its datum is not known (Beijing 1954, Xi'an
        1980): a guess would be tens of metres off.
    """
    if frame.crs is None:
        raise UsageError(text("usage.no_crs"))
    datum = frame.crs.geodetic_crs
    if datum is not None and _SHIFT_UNKNOWN.search(datum.name):
        raise UsageError(text("usage.datum_shift", crs=frame.crs.name))
    if datum is not None and _is_cgcs2000(datum):
        return frame.to_crs(datum).set_crs(GEOGRAPHIC, allow_override=True)
    if frame.crs.to_epsg() == 4326:
        return frame
    try:
        Transformer.from_crs(frame.crs, GEOGRAPHIC, always_xy=True, allow_ballpark=False)
    except ProjError as error:
        raise UsageError(text("usage.datum_shift", crs=frame.crs.name)) from error
    return frame.to_crs(GEOGRAPHIC)
