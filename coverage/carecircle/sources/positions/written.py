"""Coordinates as people type them: degrees in words, pairs in one cell, swapped columns, metres of a map grid.

Every function works on whole columns and says for each cell whether it was understood. What has two meanings is never
guessed: it comes back as wrong, or without a coordinate system, for the reader to refuse with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS

from carecircle.crs import unproject
from carecircle.errors import Problem, problem
from carecircle.language import text
from carecircle.sources.tables.cells import as_number, cleaned, is_text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Why = Literal["degrees", "zone_prefix", "zone_found", "zone_unknown", "web_mercator", "scaled", "unknown"]

# Longitudes and latitudes of China do not overlap: a pair in them has one order only.
_CHINA_LON, _CHINA_LAT = (70.0, 140.0), (0.0, 56.0)
# Latitudes of 73 to 90 degrees may be meant so. With these longitudes nobody lives there, but many in western China.
_ARCTIC, _WESTERN_LAT = (73.0, 90.0), (26.0, 50.0)

_SIGNS = str.maketrans(dict.fromkeys("度º˚⁰∘", "°") | dict.fromkeys("分′’‘ʹ´`＇", "'") | dict.fromkeys("秒″”“ʺ＂", '"'))
_SEPARATORS = str.maketrans(dict.fromkeys("，；;、|/", ","))
_WORDS = {"东经": "e", "西经": "w", "北纬": "n", "南纬": "s"} | dict.fromkeys(("经度", "longitude", "lng", "lon"), "l")
_WORDS |= dict.fromkeys(("纬度", "latitude", "lat"), "b")  # surveyors write L and B for longitude and latitude
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_ONE = (
    r"^(?:(?P<label>[lb])\s*[:=]?\s*)?(?:(?P<before>[ewns])\s*[:=]?\s*)?(?P<sign>[+-]?)"
    rf"(?P<degrees>{_NUMBER})"
    rf"(?:\s*°\s*(?:(?P<minutes>{_NUMBER})\s*'?\s*(?:(?P<seconds>{_NUMBER})\s*(?:\"|'')?)?)?"
    rf"|(?P<mark>[ :])(?P<minutes_2>\d+)(?P=mark)(?P<seconds_2>{_NUMBER})"
    rf"| (?P<minutes_3>{_NUMBER}))?"
    r"\s*(?P<after>[ewns])?$"
)
_SPACED = r"(?<=°)\s+(?=\d)|(?<=')\s+(?=\d+(?:\.\d*)?\s*(?:\"|''))"
_BEFORE_SIDE = r"(?<=[\d°'\"])\s*(?=[lbewns]\s*[:=]?\s*[\d.+-])"
_BEHIND_SIDE = r"(?<=[ewns])\s*(?=[\d.+-])"
_POINT = r"^(?:srid\s*=\s*\d+\s*,\s*)?(?:point\s*(?:zm|z|m)?\s*\(|\{.*\[)"
_HEIGHT = r"^([^ ,]+)[ ,]+([^ ,]+)[ ,]+[^ ,]+$"
_BRACKETS = " ()[]{}<>"
_LONGEST = 300  # signs; what is longer is no position, and takes ever longer to look through

# CGCS2000 Gauss-Krueger (GB 22021-2008): EPSG:4513 is the 3-degree zone 25, EPSG:4491 the 6-degree zone 13, both with
# the zone number before the easting; EPSG:4534 is the central meridian 75 E without it.
_THREE, _SIX, _BARE = 4513 - 25, 4491 - 13, 4534
_EASTING, _NORTHING = (100_000.0, 900_000.0), (300_000.0, 6_200_000.0)
_MERCATOR_X, _MERCATOR_Y = (7.9e6, 15.4e6), (0.0, 7.6e6)  # web Mercator of China; Baidu's own is much the same
_SCALES = (1e3, 1e5, 1e6, 1e7)
_MILLION = 1e6
_LON_OF_ZONE, _NEAR_LAT = 1.5, 2.0  # degrees; a zone reaches 1.5 to either side of its meridian
_MOST = 0.9  # share of the rows that must be of a kind; the others are wrong by themselves
_FULL_TURN = 360.0


@dataclass(frozen=True, eq=False)
class Projection:
    """What the numbers of two columns are.

    Parameters
    ----------
    crs
        The grid, None when it is not known.
    swapped
        Whether the first column is the northing (as Chinese surveyors write x).
    why
        ``zone_prefix``: the easting says the zone; ``zone_found``: only one zone puts the points where the others
        are; ``zone_unknown``: metres of a zone that nothing names; ``web_mercator``, ``scaled`` (degrees times a
        power of ten), ``unknown``; ``degrees``.
    fits
        (n,) which rows are so; a row that is not has a mistake of its own. Rows without numbers fit.
    """

    crs: CRS | None
    swapped: bool
    why: Why
    fits: Flags


def parse_degrees(cells: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return degrees, which cells cannot be read, and which were written in another way than as a number.

    Read are decimal degrees (also full-width, with ``°`` or a side), and degrees, minutes and seconds with signs or
    in words, or with blanks or colons between; ``102.3015`` is a number, never degrees and minutes. South and west
    are negative.

    Examples
    --------
    >>> cells = pd.Series(["102°30′15.5″E", "东经102度30分", 102.5, "24 18 36", "102°75′", "—"], dtype=object)
    >>> values, wrong, mended = parse_degrees(cells)
    >>> values.round(6).tolist(), wrong.tolist()
    ([102.504306, 102.5, 102.5, 24.31, nan, nan], [False, False, False, False, True, False])
    """
    raw = cleaned(cells)
    legible = raw.map(lambda cell: isinstance(cell, str | Real) and not isinstance(cell, bool)).astype(bool)
    blanks = raw.astype("string").str.contains(r"\d\s+\d", regex=True).fillna(value=False).astype(bool)
    values, wrong = _numbers_or_metres(_without_blank_at_point(raw.mask(blanks | ~legible, None)))
    words = is_text(raw) & values.isna()
    if not words.any():
        return values, wrong | (raw.notna() & ~legible), pd.Series(data=False, index=cells.index)
    values[words] = _sexagesimal(_plain(raw[words]))
    return values, raw.notna() & values.isna(), words & values.notna()


def _numbers_or_metres(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return numbers, also metres that say so unless they could be degrees, and which cells are none."""
    values, wrong = as_number(cells)
    metres = as_number(cells, "m")[0]
    values = values.fillna(metres.where(metres.abs().gt(_FULL_TURN)))
    return values, wrong & values.isna()


def _without_blank_at_point(cells: pd.Series) -> pd.Series:
    """Return the cells with texts such as ``24. 3066`` put together."""
    texts = cells[is_text(cells)].astype(str)
    together = texts.str.replace(r"\.\s+", ".", regex=True).str.replace(r"\s\.", ".", regex=True)
    result = cells.copy()
    result[texts.index] = together.astype(object)
    return result


def _sexagesimal(texts: pd.Series) -> pd.Series:
    """Return degrees of texts in degrees, minutes and seconds, NaN for what is none or goes beyond 60."""
    parts = texts.str.extract(_ONE)
    degrees = _numbers(parts["degrees"])
    minutes = _numbers(parts["minutes"].fillna(parts["minutes_2"]).fillna(parts["minutes_3"]))
    seconds = _numbers(parts["seconds"].fillna(parts["seconds_2"]))
    side = parts["before"].fillna(parts["after"])
    negative = parts["sign"].eq("-")
    broken = (
        (minutes.ge(60) | seconds.ge(60))
        | (minutes.notna() & degrees.mod(1).ne(0))
        | (seconds.notna() & minutes.mod(1).ne(0))
        | (parts["before"].notna() & parts["after"].notna())
        | (parts["minutes_3"].notna() & side.isna())  # two numbers could be a pair
        | (negative & side.notna())
    )
    value = degrees + minutes.fillna(0) / 60 + seconds.fillna(0) / 3600
    return value.where(~(negative | side.isin(["w", "s"])), -value).mask(broken)


def _numbers(texts: pd.Series) -> pd.Series:
    return pd.to_numeric(texts, errors="coerce").astype(float)


def _plain(texts: pd.Series) -> pd.Series:
    """Return text with one sign for each thing: ``° ' "``, e w n s for sides, l and b for the names of the axes."""
    plain = texts.astype(str).str.casefold()
    for word, letter in _WORDS.items():
        plain = plain.str.replace(word, letter, regex=False)
    plain = plain.str.translate(_SIGNS).str.normalize("NFKC").str.casefold()
    plain = plain.str.replace(r"\s+", " ", regex=True).str.strip()
    return plain.where(plain.str.len().le(_LONGEST), "")


def split_pair(cells: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return longitudes and latitudes of pairs in one cell, and which cells cannot be read.

    Between the two stands a comma or a blank; brackets, ``POINT(...)`` and GeoJSON around them are understood. The
    order is what the sides or names say (东经, N, 经度 ...), else what the values allow, else that of the other cells
    of the column where these agree.

    Examples
    --------
    >>> lon, lat, wrong = split_pair(pd.Series(["102.5,24.3", "24.3，102.5", "POINT (102.5 24.3)", "102.5"]))
    >>> lon.tolist(), lat.tolist(), wrong.tolist()
    ([102.5, 102.5, 102.5, nan], [24.3, 24.3, 24.3, nan], [False, False, False, True])
    """
    raw = cleaned(cells)
    plain = _plain(raw[is_text(raw)]).str.translate(_SEPARATORS)
    point = plain.str.contains(_POINT, regex=True).astype(bool)
    halves = _halves(plain, point)
    first, second = (_half(halves[part]) for part in (0, 1))
    order = _order(halves, first, second).mask(point, 1)
    known = order[order.ne(0)].unique()
    order = order.mask(order.eq(0), known[0] if len(known) == 1 else 0)
    fits = halves[2].isna() & first.notna() & second.notna() & order.ne(0)
    lon, lat = first.where(order.eq(1), second), second.where(order.eq(1), first)
    wrong = raw.notna()
    wrong[fits.index[fits]] = False
    lon, lat = (values.where(fits).reindex(cells.index).astype(float) for values in (lon, lat))
    return lon, lat, wrong.astype(bool)


def _halves(plain: pd.Series, point: pd.Series) -> pd.DataFrame:
    """Return the two parts of each text in columns 0 and 1, and what is too much in column 2."""
    bare = plain.str.replace(_POINT, "", regex=True).str.strip(_BRACKETS)
    bare = bare.mask(point, bare.str.replace(_HEIGHT, r"\1,\2", regex=True))
    bare = bare.str.replace(_SPACED, "", regex=True)
    sides_first = bare.str.contains(r"^[lbewns]", regex=True).astype(bool)
    before = bare.str.replace(_BEFORE_SIDE, ",", regex=True)
    behind = bare.str.replace(_BEHIND_SIDE, ",", regex=True)
    comma = before.where(sides_first, behind).str.replace(r"\s*,[\s,]*", ",", regex=True).str.strip(",")
    spaced = ~comma.str.contains(",", regex=False).astype(bool) & comma.str.count(" ").eq(1)
    comma = comma.mask(spaced, comma.str.replace(" ", ",", regex=False))
    return comma.str.split(",", n=2, expand=True).reindex(columns=range(3)).astype(object)


def _half(texts: pd.Series) -> pd.Series:
    return parse_degrees(texts.where(texts.notna(), None))[0]


def _order(halves: pd.DataFrame, first: pd.Series, second: pd.Series) -> pd.Series:
    """Return 1 where longitude stands first, -1 where latitude does, 0 where it is not clear or contradicts itself."""
    east, north = (halves[[0, 1]].apply(_has(letters)) for letters in ("[ewl]", "[nsb]"))
    said = np.select([east[0] & ~east[1] | north[1] & ~north[0], east[1] & ~east[0] | north[0] & ~north[1]], [1, -1], 0)
    silent = ~(east | north).any(axis=1)
    china = first.between(*_CHINA_LON) & second.between(*_CHINA_LAT)
    turned = second.between(*_CHINA_LON) & first.between(*_CHINA_LAT)
    able = np.select([china | first.abs().gt(90), turned | second.abs().gt(90)], [1, -1], 0)
    return pd.Series(np.where(silent, able, said), index=first.index)


def _has(letters: str) -> Callable[[pd.Series], pd.Series]:
    return lambda column: column.astype("string").str.contains(letters, regex=True).fillna(value=False).astype(bool)


def swapped(lon: Floats, lat: Floats) -> Flags:
    """Return which points have longitude and latitude in each other's place.

    Only what can be nothing else: the "latitude" is a longitude of China and the "longitude" a latitude of it; read
    as they stand such points lie beyond the pole, or in the Arctic Ocean where nobody lives.

    Examples
    --------
    >>> swapped(np.array([24.3, 102.5, 24.9, 39.5]), np.array([102.5, 24.3, 60.2, 76.0]))
    array([ True, False, False,  True])
    """
    beyond = _between(lon, _CHINA_LAT) & _between(lat, _CHINA_LON) & (lat > 90)
    return np.asarray(beyond | (_between(lon, _WESTERN_LAT) & _between(lat, _ARCTIC)))


def _between(values: Floats, limits: tuple[float, float]) -> Flags:
    return np.asarray((values >= limits[0]) & (values <= limits[1]))


def guess_projection(x: Floats, y: Floats, near: tuple[float, float] | None = None) -> Projection:
    """Tell what two columns of numbers are: degrees, or metres of a Gauss-Krueger zone of CGCS2000.

    Half of the rows decide for degrees, nine tenths for metres. Metres of a zone are taken for CGCS2000, which
    replaced the systems Xi'an 1980 and Beijing 1954 for all official data from July 2018 on; those two, and UTM, have
    the same numbers to within some hundred metres to a kilometre, so that the user must be told.

    Parameters
    ----------
    x, y
        (n,) the columns as they stand; NaN is passed over.
    near
        Longitude and latitude where the points should be, to find the zone when the easting does not say it.

    Examples
    --------
    >>> found = guess_projection(np.array([34_449_000.0]), np.array([2_690_000.0]))
    >>> found.crs.to_epsg(), found.swapped, found.why
    (4522, False, 'zone_prefix')
    """
    known = np.isfinite(x) & np.isfinite(y)
    small = (np.abs(x) <= _FULL_TURN) & (np.abs(y) <= _FULL_TURN)
    if not known.any() or small[known].mean() >= 0.5:
        return Projection(None, swapped=False, why="degrees", fits=small | ~known)
    for first, second, turned in ((x, y, False), (y, x, True)):
        found = _grid(first, second, known, near)
        if found is not None:
            return Projection(found[0], swapped=turned, why=found[1], fits=found[2] | ~known)
    return Projection(None, swapped=False, why=_what(x[known], y[known]), fits=np.ones(len(x), dtype=bool))


def _grid(
    east: Floats, north: Floats, known: Flags, near: tuple[float, float] | None
) -> tuple[CRS | None, Why, Flags] | None:
    """Return the grid of eastings and northings and the rows that are in it, None when they are none."""
    zone, rest = np.divmod(np.where(known, east, -1.0), _MILLION)
    fits = _between(rest, _EASTING) & _between(north, _NORTHING) & known
    numbers, counts = np.unique(zone[fits], return_counts=True)
    if not len(counts) or counts.max() < _MOST * known.sum():
        return None
    number = int(numbers[counts.argmax()])
    fits &= zone == number
    middle = np.array([[np.median(east[fits]), np.median(north[fits])]])
    if number == 0:
        return (*_zone_near(middle, near), fits)
    epsg = _THREE + number if 25 <= number <= 45 else _SIX + number if 13 <= number <= 23 else None
    mercator = _between(middle[:, 0], _MERCATOR_X).all()
    if epsg is None or (mercator and not _is_near(middle, epsg, near)):
        return None
    return CRS.from_epsg(epsg), "zone_prefix", fits


def _zone_near(middle: Floats, near: tuple[float, float] | None) -> tuple[CRS | None, Why]:
    zones = [epsg for epsg in range(_BARE, _BARE + 21) if _is_near(middle, epsg, near)]
    return (CRS.from_epsg(zones[0]), "zone_found") if len(zones) == 1 else (None, "zone_unknown")


def _is_near(middle: Floats, epsg: int, near: tuple[float, float] | None) -> bool:
    """Whether a grid puts the middle of the points where they should be."""
    if near is None:
        return False
    lon, lat = unproject(middle, CRS.from_epsg(epsg))[0]
    return bool(abs(lon - near[0]) < _LON_OF_ZONE and abs(lat - near[1]) < _NEAR_LAT)


def _what(x: Floats, y: Floats) -> Why:
    """Say what numbers that are neither degrees nor metres of a zone may be, in either order."""
    for first, second in ((x, y), (y, x)):
        if _mostly(first, _MERCATOR_X) and _mostly(second, _MERCATOR_Y):
            return "web_mercator"
        if any(_mostly(first / scale, _CHINA_LON) and _mostly(second / scale, _CHINA_LAT) for scale in _SCALES):
            return "scaled"
    return "unknown"


def _mostly(values: Floats, limits: tuple[float, float]) -> bool:
    return bool(_between(values, limits).mean() >= _MOST)


def contradicts(x: Floats, y: Floats, crs: CRS) -> Projection | None:
    """Return what the coordinates of a layer are when they cannot be what its system says, else None.

    Metres in a layer that says degrees, degrees in one that says metres, and metres of Gauss-Krueger with the zone
    before the easting in one that says without (or the other way round), or with northing and easting swapped.

    Examples
    --------
    >>> contradicts(np.array([34_449_000.0]), np.array([2_690_000.0]), CRS.from_epsg(4326)).why
    'zone_prefix'
    """
    found = guess_projection(x, y)
    if crs.is_geographic or found.why == "degrees":
        return None if crs.is_geographic == (found.why == "degrees") else found
    said = crs.to_epsg() or 0
    if found.why == "unknown" or not _SIX + 13 <= said <= _BARE + 20:  # other than Gauss-Krueger of CGCS2000
        return None
    without = said >= _BARE or _SIX + 24 <= said < _THREE + 25
    right = found.why == ("zone_unknown" if without else "zone_prefix") and not found.swapped
    return None if right and (found.crs is None or found.crs.to_epsg() == said) else found


def layer_problem(shapes: gpd.GeoSeries, declared: CRS | None, file: str | Path | None = None) -> Problem | None:
    """Return the problem that coordinates are not in the system that is declared, None when they may be."""
    box = shapes.bounds.to_numpy()
    x, y = (box[:, :2] + box[:, 2:]).T / 2
    found = None if declared is None else contradicts(x, y, declared)
    if declared is None or found is None:
        return None
    like = text(f"position.{found.why}", crs="" if found.crs is None else f"EPSG:{found.crs.to_epsg()}")
    like += text("position.swapped") if found.swapped else ""
    some = np.flatnonzero(found.fits & np.isfinite(x) & np.isfinite(y))[:1]
    first, second = (f"{values[some].sum():.10g}" for values in (x, y))
    return problem("not_as_declared", file=file, declared=declared.name, like=like, x=first, y=second)
