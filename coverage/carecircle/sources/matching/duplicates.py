"""Facilities that seem to stand in a list more than once, and places that seem to be nobody's.

Nothing is taken out: what is found is reported, for the user to mend the list. Facilities are the same when they have
the same credit code, or the same name and stand within 200 m of each other; more than two different ones at exactly
one point were most likely placed there by a geocoder that knew nothing better (the centre of a county).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import KDTree

from carecircle.china.codes import credit_code, is_credit_code
from carecircle.china.names import facility_keys
from carecircle.crs import metric_crs, project
from carecircle.findings import Action, Finding, row_numbers
from carecircle.sources.tables.reading import SourceTable, row_findings

NEAR_METRES = 200.0
"""Facilities of one name that are no further apart are taken for the same."""

MOST_AT_A_POINT = 2
"""Different facilities that may stand at exactly one point."""

_DIGITS = 7  # of a degree: a centimetre
_SHORTEST_CODE, _FEWEST_CHARACTERS = 15, 4  # of a credit code (or an old registration number): no 000000, no 无

_Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Facilities that are in a list more than once.

    Parameters
    ----------
    frame
        On the index of the facilities, those that are the same as another only: `group` (1, 2 ... by the first row),
        `same_code` and `same_name` (whether they share a credit code, or a name and the place, with another).
    findings
        One for each row and reason, which names the rows of the others.
    """

    frame: pd.DataFrame
    findings: tuple[Finding, ...]


def find_duplicates(
    facilities: gpd.GeoDataFrame,
    source: SourceTable | None = None,
    *,
    near_metres: float = NEAR_METRES,
    headers: Mapping[str, str] | None = None,
) -> Duplicates:
    """Find facilities that are the same, points that many share, and credit codes that cannot be right.

    Parameters
    ----------
    facilities
        From `read_facilities`, or on the way there: geometry in EPSG:4326, `name`, and `credit_code` where it is
        known; rows without a point are compared by their code only.
    source, headers
        Where the rows come from (by default they are numbered from 1), and the file's own headers by column.
    near_metres
        Up to which distance facilities of one name are the same.

    Examples
    --------
    >>> places = gpd.points_from_xy([102.54, 102.541, 102.54], [24.35, 24.35, 24.4])
    >>> frame = gpd.GeoDataFrame({"name": ["福寿养老院", "福寿 养老院", "福寿养老院"]}, geometry=places, crs=4326)
    >>> find_duplicates(frame).frame["group"].to_dict()
    {0: 1, 1: 1}
    """
    index, shown = facilities.index, headers or {}
    origin = source or SourceTable(facilities, pd.Series(range(1, len(index) + 1), index=index))
    names = _numbers(facility_keys(_column(facilities, "name")))
    codes = credit_code(_column(facilities, "credit_code"))
    lonlat = _lonlat(facilities)
    by_code = _groups(_chained(_numbers(codes.where(_is_telling(codes)))), index)
    by_name = _groups(_near(lonlat, names, near_metres), index)
    group = _groups(np.vstack([_chained(by_code.to_numpy()), _chained(by_name.to_numpy())]), index)
    same = pd.DataFrame({"group": group, "same_code": _repeats(by_code), "same_name": _repeats(by_name)})
    frame = same[same["same_code"] | same["same_name"]]
    code_header, name_header = (shown.get(column, column) for column in ("credit_code", "name"))
    wrong = codes.notna() & ~(is_credit_code(codes) & _is_telling(codes))
    findings = (
        *_said("duplicate", "same_credit_code", by_code, origin, code_header, value=codes),
        *_said("duplicate", "same_name_near", by_name, origin, name_header, metres=round(near_metres)),
        *_said("doubtful", "same_point", _crowded(lonlat, names, index), origin, None),
        *row_findings("doubtful", "wrong_credit_code", wrong, origin, code_header, value=codes),
    )
    return Duplicates(frame.assign(group=pd.factorize(frame["group"])[0] + 1), findings)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame[name] if name in frame.columns else pd.Series(None, index=frame.index, dtype=object)


def _is_telling(codes: pd.Series) -> pd.Series:
    """Return which codes tell organisations apart: long, and not the same few characters over and over."""
    return codes.map(lambda code: isinstance(code, str) and len(code) >= _SHORTEST_CODE
                     and len(set(code)) >= _FEWEST_CHARACTERS).astype(bool)  # fmt: skip


def _numbers(keys: pd.Series) -> _Integers:
    """Return a number for each different key, -1 for None."""
    return np.asarray(pd.factorize(keys.to_numpy(dtype=object))[0], dtype=np.int64)


def _lonlat(facilities: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return longitudes and latitudes, shape (n, 2), NaN where there is no point on earth."""
    shapes = facilities.geometry.to_numpy()
    point = (shapely.get_type_id(shapes) == shapely.GeometryType.POINT) & ~shapely.is_empty(shapes)
    points = np.where(point, shapes, None)
    lonlat = np.column_stack([shapely.get_x(points), shapely.get_y(points)]).astype(float)
    return np.where((np.abs(lonlat) <= [180, 90]).all(axis=1, keepdims=True), lonlat, np.nan)


def _chained(numbers: _Integers) -> _Integers:
    """Return pairs of rows, shape (m, 2), that link all rows of a number one after another; none for -1."""
    order = np.argsort(numbers, kind="stable")
    linked = (numbers[order[1:]] == numbers[order[:-1]]) & (numbers[order[1:]] >= 0)
    return np.column_stack([order[:-1][linked], order[1:][linked]])


def _near(lonlat: NDArray[np.float64], names: _Integers, metres: float) -> _Integers:
    """Return pairs of rows of one name within `metres`.

    The name is a third coordinate, so far apart that only points of one name are near each other. Rows of one name at
    one point are linked in a chain, and only the first of them is looked up.
    """
    spot = pd.DataFrame({"name": names, "x": lonlat[:, 0].round(_DIGITS), "y": lonlat[:, 1].round(_DIGITS)})
    known = spot.dropna()[lambda part: part["name"].ge(0)]
    if known.empty:
        return np.empty((0, 2), dtype=np.int64)
    number = np.full(len(spot), -1)
    number[known.index] = known.groupby(list(known)).ngroup()
    first = known.drop_duplicates().index.to_numpy()
    xy = project(lonlat[first], metric_crs(*lonlat[first].mean(axis=0)))
    places = np.column_stack([xy, names[first] * metres * 10.0])
    finite = np.isfinite(places).all(axis=1)
    pairs = KDTree(places[finite]).query_pairs(metres, output_type="ndarray")
    return np.vstack([_chained(number), first[finite][pairs].reshape(-1, 2)])


def _groups(pairs: _Integers, index: pd.Index) -> pd.Series:
    """Return the number of the connected group that each row is in, by pairs of rows."""
    count = len(index)
    links = sparse.coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return pd.Series(csgraph.connected_components(links, directed=False)[1], index=index)


def _repeats(groups: pd.Series) -> pd.Series:
    """Return which rows share their group with another; -1 is no group."""
    return groups.duplicated(keep=False) & groups.ge(0)


def _crowded(lonlat: NDArray[np.float64], names: _Integers, index: pd.Index) -> pd.Series:
    """Return the number of each point where too many different facilities are, -1 for all other rows."""
    spot = pd.DataFrame({"x": lonlat[:, 0].round(_DIGITS), "y": lonlat[:, 1].round(_DIGITS), "name": names})
    by_point = spot.groupby(["x", "y"])
    number = by_point.ngroup().where(by_point["name"].transform("nunique").gt(MOST_AT_A_POINT), -1)
    return pd.Series(number.fillna(-1).to_numpy(np.int64), index=index)


def _said(
    action: Action, key: str, groups: pd.Series, source: SourceTable, header: str | None, **values: object
) -> tuple[Finding, ...]:
    """Return one finding for each row of a group of several, with the numbers of all rows of the group."""
    many = _repeats(groups)
    listed = source.rows[many].groupby(groups[many]).agg(row_numbers)
    gaps = {gap: value if isinstance(value, pd.Series) else pd.Series(value, groups.index)
            for gap, value in values.items()}  # fmt: skip
    return row_findings(action, key, many, source, header, rows=groups.map(listed), **gaps)
