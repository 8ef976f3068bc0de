"""Facilities and other points: registries (CSV, Excel), layers, OpenStreetMap files, frames in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from carecircle.china.headers import plain, words
from carecircle.errors import require_file
from carecircle.findings import QualityLog
from carecircle.language import text
from carecircle.schema import FACILITIES, LEVELS, POINTS
from carecircle.sources.layers.databases import is_database
from carecircle.sources.layers.reading import CrsLike
from carecircle.sources.matching.areas import match_areas, outside_declared
from carecircle.sources.matching.duplicates import find_duplicates
from carecircle.sources.positions.points import with_points
from carecircle.sources.records import (
    BadRows,
    DatumChoice,
    Draft,
    Reading,
    Source,
    filled,
    finish,
    interpret,
    larger_parts,
    load,
    with_keys,
)
from carecircle.sources.roads.places import is_osm, osm_facilities
from carecircle.sources.tables.reading import row_findings

OPEN = "open"
"""What the status of a facility in operation is read as."""


_COMING = "(?i:在建|拟建|筹建|待建|建设中|规划|planned|construction|proposed)"
"""What words for facilities that are not there yet have in common."""


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
        by what the file says of each row (坐标系), else by `streets` and `areas` (`sources.positions.datums`).
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
    if not isinstance(path, pd.DataFrame) and not is_database(path) and is_osm(Path(path)):
        source = osm_facilities(require_file(path))
    else:
        source = load(path, reading)
    draft = with_points(with_keys(interpret(source, FACILITIES, reading), "F"))
    whole = _with_status(draft.adding(filled(draft.frame, ("name", "kind"))))
    return finish(_examined(_with_area(whole, areas)))


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
    """Return the facilities that count: those in operation, and those of which nothing is said.

    A word for the state that is not known does not count; `read_facilities` points such rows out.

    Examples
    --------
    >>> import pandas as pd
    >>> open_facilities(pd.DataFrame({"status": ["open", "在营", "停业", None]})).index.tolist()
    [0, 1, 3]
    """
    return facilities[in_operation(facilities)]


def in_operation(facilities: pd.DataFrame) -> pd.Series:
    """Return which facilities `open_facilities` takes."""
    if "status" not in facilities.columns:
        return pd.Series(data=True, index=facilities.index)
    status = facilities["status"]
    return status.isna() | _states(status).eq(OPEN)


def is_coming(facilities: pd.DataFrame) -> pd.Series:
    """Return which facilities are not there yet by their own word: 拟建, 在建, 筹建, 规划, planned.

    Examples
    --------
    >>> is_coming(pd.DataFrame({"status": ["拟建", "停业", None, "construction"]})).tolist()
    [True, False, False, True]
    """
    if "status" not in facilities.columns:
        return pd.Series(data=False, index=facilities.index)
    said = facilities["status"].astype("string").str.contains(_COMING, regex=True)
    return said.fillna(value=False).astype(bool)


def _states(status: pd.Series) -> pd.Series:
    """Return ``open``, ``closed`` or NaN (a word that is not known) for each status."""
    known = words("status")
    meant = {word: known.get(plain(str(word))) for word in status.dropna().unique()}
    return status.map(meant, na_action="ignore")


def _with_status(draft: Draft) -> Draft:
    if "status" not in draft.frame.columns:
        return draft
    status = draft.frame["status"]
    state = _states(status)
    unknown = sorted(set(status[status.notna() & state.isna()]))
    notes = (text("note.unknown_status", found="、".join(unknown)),) if unknown else ()
    strange = status.notna() & state.isna()
    findings = row_findings("doubtful", "unknown_status", strange, draft.source, value=status)
    return draft.adding(draft.frame.assign(status=status.mask(state.eq(OPEN), OPEN)), notes=notes, findings=findings)


def _with_area(draft: Draft, areas: gpd.GeoDataFrame | None) -> Draft:
    """Fill in the code of the area that a row names, and point out rows that stand elsewhere."""
    frame = draft.frame
    names = {level: level for level in LEVELS if level in frame}
    if areas is None or areas.empty or not (names or "area_code" in frame):
        return draft
    code = "area_code" if "area_code" in frame else None
    found = match_areas(frame, areas, code=code, names=names, source=draft.source, headers=draft.headers)
    declared = found.frame["area_id"]
    given = frame["area_code"] if code else pd.Series(None, index=frame.index, dtype=object)
    filled_in = frame.assign(area_code=given.where(given.notna(), declared))
    elsewhere = outside_declared(gpd.GeoDataFrame(frame), declared, areas, draft.source)
    return draft.adding(filled_in, findings=(*found.findings, *elsewhere))


def _examined(draft: Draft) -> Draft:
    """Point out facilities that are in the list twice, and places that are nobody's."""
    shapes = gpd.GeoDataFrame(draft.frame).geometry.to_numpy()
    located = draft.frame[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    rows = replace(draft.source, rows=draft.source.rows.loc[located.index])
    found = find_duplicates(gpd.GeoDataFrame(located), rows, headers=draft.headers)
    groups = found.frame["group"].nunique()
    notes = (text("note.duplicates", count=len(found.frame), groups=groups),) if groups else ()
    return larger_parts(draft.adding(notes=notes, findings=found.findings), "nursing_beds", "beds")
