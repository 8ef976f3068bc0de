"""Candidate sites from the user's own list: idle schools, offices, clinics, with area, owner, land use and cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import pandas as pd

from carecircle.china.headers import plain
from carecircle.findings import QualityLog
from carecircle.schema import CANDIDATES, LEVELS, SOURCES
from carecircle.sources.layers.reading import CrsLike
from carecircle.sources.matching.areas import match_areas, outside_declared
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
    load,
    with_keys,
)
from carecircle.sources.tables.reading import column_finding

_MONEY = re.compile(r"(亿|万|千)?元[)）\]】]?$")
_TEN_THOUSANDS = {"亿": 10_000.0, "万": 1.0, "千": 0.1, None: 0.0001}


def read_candidates(  # noqa: PLR0913  options as for read_facilities
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
    """Read the user's list of places where a centre could go.

    Parameters
    ----------
    path
        A table with longitude and latitude, a point layer or a frame, as for `read_facilities`.
    areas
        From `read_areas`: fills in the code of the area that a row names.
    crs, datum, layer, sheet, encoding, columns, bad_rows, streets, log
        As for `read_facilities`.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in EPSG:4326 that keep `schema.CANDIDATES`. `source` is ``"idle"``, unless the file's column ``source``
        holds nothing but `schema.SOURCES` (candidates that were saved). `cost` is in 万元 (10,000 yuan): a header in 元
        is divided, one without a unit is taken as 万元 and reported. Land in 亩 becomes m2. Columns with personal
        information are left out.

    Raises
    ------
    InputError
        Everything that is wrong with the file, row by row.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = {"资产名称": ["原中心小学"], "建筑面积": [820], "造价（元）": [350000], "坐标": ["102.5,24.3"]}
    >>> read_candidates(pd.DataFrame(cells))[["candidate_id", "source", "floor_m2", "cost"]].to_dict("records")
    [{'candidate_id': 'C0001', 'source': 'idle', 'floor_m2': 820.0, 'cost': 35.0}]
    """
    reading = Reading(crs, datum, layer, sheet, encoding, columns or {}, bad_rows, streets, areas, log)
    draft = with_points(with_keys(interpret(load(path, reading), CANDIDATES, reading), "C"))
    whole = draft.adding(filled(_with_source(draft.frame), ("name",)))
    return finish(_with_area(_in_ten_thousands(whole), areas))


def _with_source(frame: pd.DataFrame) -> pd.DataFrame:
    """Say where the rows come from; another use of the column's name is set aside."""
    if "source" not in frame.columns:
        return frame.assign(source="idle")
    if frame["source"].isin(SOURCES).all():
        return frame
    return frame.rename(columns={"source": "source (file)"}).assign(source="idle")


def _in_ten_thousands(draft: Draft) -> Draft:
    """Turn costs into 万元 by the unit that their header names."""
    if "cost" not in draft.frame.columns:
        return draft
    header = draft.headers["cost"]
    unit = _MONEY.search(header)
    if unit is not None:
        return draft.adding(draft.frame.assign(cost=draft.frame["cost"] * _TEN_THOUSANDS[unit[1]]))
    said = draft.frame["cost"].notna() & (plain(header) != "cost")
    return draft.adding(findings=column_finding("doubtful", "cost_without_unit", said, draft.source, header))


def _with_area(draft: Draft, areas: gpd.GeoDataFrame | None) -> Draft:
    """Fill in the code of the area that a row names, and point out rows that stand elsewhere."""
    frame = draft.frame
    names = {level: level for level in LEVELS if level in frame}
    if areas is None or areas.empty or not (names or "area_code" in frame):
        return draft
    code = "area_code" if "area_code" in frame else None
    found = match_areas(frame, areas, code=code, names=names, source=draft.source, headers=draft.headers)
    declared = found.frame["area_id"]
    coded = frame.get("area_code", declared).fillna(declared)
    elsewhere = outside_declared(gpd.GeoDataFrame(frame), declared, areas, draft.source)
    return draft.adding(frame.assign(area_code=coded), findings=(*found.findings, *elsewhere))
