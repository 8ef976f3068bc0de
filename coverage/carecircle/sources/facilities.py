"""Facilities and other points: registries (CSV, Excel), layers, OpenStreetMap files, frames in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from carecircle.china.headers import plain, words
from carecircle.errors import require_file
from carecircle.findings import QualityLog
from carecircle.language import text
from carecircle.schema import FACILITIES, POINTS
from carecircle.sources.layers import CrsLike
from carecircle.sources.places import is_osm, osm_facilities
from carecircle.sources.points import with_points
from carecircle.sources.records import (
    BadRows,
    DatumChoice,
    Draft,
    Reading,
    Source,
    filled,
    finish,
    interpret,
    load,
    with_keys,
)

OPEN = "open"
"""What the status of a facility in operation is read as."""


def read_facilities(
    path: Source,
    *,
    crs: CrsLike | None = None,
    datum: DatumChoice = "wgs84",
    layer: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    kind_column: str | None = None,
    columns: Mapping[str, str] | None = None,
    bad_rows: BadRows = "stop",
    streets: Any = None,
    areas: gpd.GeoDataFrame | None = None,
    log: QualityLog | None = None,
) -> gpd.GeoDataFrame:
    """Read care facilities as points.

    Parameters
    ----------
    path
        A table with longitude and latitude (``.csv .tsv .xlsx .xls .parquet`` ...), a point layer (``.shp
        .gpkg .geojson .fgb .parquet``), an OpenStreetMap file (``.osm .osm.gz .osm.pbf``: facilities for
        seniors, areas as a point inside) or a frame.
    crs
        Coordinate system, where the file does not say it; of a table: of its x and y columns (default
        EPSG:4326).
    datum
        ``"gcj02"`` (AMap, Tencent) or ``"bd09"`` (Baidu) when the coordinates are shifted; ``"auto"`` to find out
        by what the file says of each row (坐标系), else by `streets` and `areas` (`sources.datums.judge_datum`).
    layer, sheet
        Which layer or sheet, where there are several.
    encoding
        Of a CSV's or shapefile's text; found out when not given.
    kind_column
        Header of the column to take as `kind`.
    columns
        ``{contract column: header}`` for headers that are not known.
    bad_rows
        ``"stop"`` at rows that break the contract, or ``"drop"`` them; each is a finding then.
    streets, areas
        What the datum is judged by: a `RoadNetwork` or lines, and areas from `read_areas`.
    log
        Collects what was found, for the quality report.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in EPSG:4326 that keep `schema.FACILITIES`; `name` and `kind` are always there; all other
        columns of the file are kept, except those with personal information. A status in operation is
        ``"open"``, other words stay. What was done while reading is in ``attrs["notes"]``. Closed facilities
        are read too: see `open_facilities`. `coordinate_source` says of each row whether its coordinates are as given
        or converted.

    Raises
    ------
    InputError
        Everything that is wrong with the file, row by row.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = {"编号": ["A1"], "机构类别": ["养老院"], "经度": [102.5], "纬度": [24.3], "床位数": ["120张"]}
    >>> read_facilities(pd.DataFrame(cells))[["facility_id", "kind", "beds"]].to_dict("records")
    [{'facility_id': 'A1', 'kind': '养老院', 'beds': 120.0}]
    """
    chosen = {**(columns or {}), **({"kind": kind_column} if kind_column else {})}
    reading = Reading(crs, datum, layer, sheet, encoding, chosen, bad_rows, streets, areas, log)
    if not isinstance(path, pd.DataFrame) and is_osm(Path(path)):
        source = osm_facilities(require_file(path))
    else:
        source = load(path, reading)
    draft = with_points(with_keys(interpret(source, FACILITIES, reading), "F"))
    return finish(_with_status(draft.adding(filled(draft.frame, ("name", "kind")))))


def read_points(
    path: Source,
    *,
    crs: CrsLike | None = None,
    datum: DatumChoice = "wgs84",
    layer: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    columns: Mapping[str, str] | None = None,
    bad_rows: BadRows = "stop",
    streets: Any = None,
    areas: gpd.GeoDataFrame | None = None,
    log: QualityLog | None = None,
) -> gpd.GeoDataFrame:
    """Read points of any kind (estates, stops, places to compare); options as for `read_facilities`.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in EPSG:4326 with `point_id` and all other columns of the file.
    """
    reading = Reading(crs, datum, layer, sheet, encoding, columns or {}, bad_rows, streets, areas, log)
    return finish(with_points(with_keys(interpret(load(path, reading), POINTS, reading), "P")))


def open_facilities(facilities: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the facilities that count: in operation, or of unknown state.

    Examples
    --------
    >>> import pandas as pd
    >>> open_facilities(pd.DataFrame({"status": ["open", "在营", "停业", None]})).index.tolist()
    [0, 1, 3]
    """
    if "status" not in facilities.columns:
        return facilities
    status = facilities["status"]
    return facilities[status.isna() | _states(status).eq(OPEN)]


def _states(status: pd.Series) -> pd.Series:
    """Return ``open``, ``closed`` or NaN (a word that is not known) for each status."""
    known = words("status")
    return status.map(lambda word: known.get(plain(str(word))), na_action="ignore")


def _with_status(draft: Draft) -> Draft:
    if "status" not in draft.frame.columns:
        return draft
    status = draft.frame["status"]
    state = _states(status)
    unknown = sorted(set(status[status.notna() & state.isna()]))
    notes = (text("note.unknown_status", found="、".join(unknown)),) if unknown else ()
    return draft.adding(draft.frame.assign(status=status.mask(state.eq(OPEN), OPEN)), notes=notes)
