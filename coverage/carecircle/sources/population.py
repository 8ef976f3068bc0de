"""People: residential points, polygons with people in them, and population grids (GeoTIFF).

What is not known stays unknown: a column of people that the file lacks is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from carecircle.china.coordinates import Datum
from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, problem
from carecircle.findings import QualityLog
from carecircle.language import text
from carecircle.schema import DEMAND, LEVELS, PEOPLE
from carecircle.sources.layers.databases import is_database
from carecircle.sources.layers.grids import GRID_ENDINGS, grid_points, population_by_area
from carecircle.sources.layers.reading import CrsLike
from carecircle.sources.matching.areas import match_areas, outside_declared
from carecircle.sources.positions.points import has_positions, with_points
from carecircle.sources.records import (
    BadRows,
    DatumChoice,
    Draft,
    Reading,
    Shapes,
    Source,
    filled,
    finish,
    interpret,
    larger_parts,
    load,
    missing_header,
    with_keys,
    with_shapes,
)
from carecircle.sources.tables.reading import column_finding, row_findings, row_problems

__all__ = ["narrowest_area", "population_by_area", "read_population"]

_COUNTED = (*PEOPLE, "households")


def read_population(
    path: Source,
    *,
    columns: Mapping[str, str] | None = None,
    bands: Mapping[str, int] | None = None,
    areas: gpd.GeoDataFrame | None = None,
    crs: CrsLike | None = None,
    datum: DatumChoice = "wgs84",
    layer: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    bad_rows: BadRows = "stop",
    streets: Any = None,
    log: QualityLog | None = None,
) -> gpd.GeoDataFrame:
    """Read where people live, as points.

    Parameters
    ----------
    path
        A table with longitude and latitude, a point or polygon layer, a population grid (``.tif``: people in
        each cell, not a density) or a frame. A polygon becomes a point inside it with all its people; a cell
        with people becomes a point at its centre.
    columns
        ``{contract column: header}``, for example ``{"people": "population"}``, where headers are not known.
    bands
        Of a grid: ``{"people_60": 1}``; not needed when the bands' descriptions say what they hold.
    areas
        From `read_areas`: only people inside are read, and those without an `area_id` get that of the
        narrowest area they are in.
    crs, datum, layer, sheet, encoding, bad_rows, streets, log
        As for `read_facilities`.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in EPSG:4326 that keep `schema.DEMAND`; all columns of people are there, NaN where unknown.

    Raises
    ------
    InputError
        Everything that is wrong with the file; or nobody lives in it.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"小区编号": ["X1"], "60岁以上人口": [120], "经度": [102.54], "纬度": [24.35]})
    >>> read_population(table)[["demand_id", "people", "people_60"]].to_dict("records")
    [{'demand_id': 'X1', 'people': nan, 'people_60': 120.0}]
    """
    if not (isinstance(path, pd.DataFrame) or is_database(path)) and Path(path).suffix.lower() in GRID_ENDINGS:
        return _from_grid(Path(path), bands, Reading(crs, datum, areas=areas, log=log))
    reading = Reading(crs, datum, layer, sheet, encoding, columns or {}, bad_rows, streets, areas, log)
    draft = larger_parts(_keyed(interpret(load(path, reading), DEMAND, reading)), *reversed(PEOPLE))
    if not set(_COUNTED) & set(draft.frame.columns):
        nobody = replace(missing_header(draft, "people"), key="missing_people", column=None)
        raise InputError([*draft.problems, nobody])
    located = draft if draft.is_layer or has_positions(draft) else _in_areas(draft, areas)
    draft = _inside(_represented(with_points(located)), areas)
    return finish(draft.adding(filled(draft.frame, PEOPLE, np.nan)))


def _keyed(draft: Draft) -> Draft:
    """Give rows without a key the code of their area where each has its own, else numbers."""
    frame = draft.frame
    if "demand_id" not in frame.columns and "area_id" in frame.columns:
        codes = frame["area_id"]
        if codes.notna().all() and codes.is_unique:
            return draft.adding(frame.assign(demand_id=codes))
    return with_keys(draft, "D")


def _in_areas(draft: Draft, areas: gpd.GeoDataFrame | None) -> Draft:
    """Give the rows of a table without coordinates the polygon of the area they name, by code or by name."""
    frame = draft.frame
    names = {level: level for level in LEVELS if level in frame}
    if areas is None or not (names or "area_id" in frame):
        return draft
    shaped = areas[areas.geometry.notna()]
    code = "area_id" if "area_id" in frame else None
    found = match_areas(frame, areas, code=code, names=names, source=draft.source, headers=draft.headers)
    area_id = found.frame["area_id"]
    lost = area_id.isna()
    what = {finding.row: finding.message() for finding in found.findings if finding.action == "unmatched"}
    why = draft.source.rows.map(lambda row: what.get(row, text("finding.no_area_named")))
    problems = row_problems("no_place", lost, draft.source, why=why)
    geometry = area_id.map(shaped.set_index("area_id").geometry).to_numpy()
    level = text(f"fact.level_{areas.loc[areas['area_id'].isin(area_id), 'level'].mode().get(0, 'community')}")
    placed = column_finding("doubtful", "placed_in_area", ~lost, draft.source, level=level)
    findings = tuple(finding for finding in found.findings if finding.action != "unmatched")
    note = text("note.placed_in_area", count=int((~lost).sum()), level=level)
    placed_draft = draft.adding(
        gpd.GeoDataFrame(frame.assign(area_id=area_id, coordinate_source="area"), geometry=geometry, crs=GEOGRAPHIC),
        problems,
        (note,),
        (*findings, *placed),
    )
    placed_draft = replace(placed_draft, reading=replace(draft.reading, datum="wgs84"))  # as the areas are
    return _without_wider(placed_draft, areas)


def _without_wider(draft: Draft, areas: gpd.GeoDataFrame) -> Draft:
    """Leave out rows of areas whose parts are in the table too, as the county's row above its townships."""
    own = draft.frame["area_id"]
    parent = areas.set_index("area_id")["parent_id"]
    above: set[str] = set()
    level = own.dropna()
    for _ in LEVELS:
        level = level.map(parent).dropna()
        above |= set(level)
    wider = own.isin(above)
    if not wider.any():
        return draft
    name = own.map(areas.set_index("area_id")["name"])
    findings = row_findings("dropped", "wider_area", wider, draft.source, name=name)
    notes = (text("note.wider_areas", count=int(wider.sum())),)
    return draft.only(~wider).adding(notes=notes, findings=findings)


def _represented(draft: Draft) -> Draft:
    """Put a point inside every polygon."""
    shapes = draft.frame.geometry.to_numpy()
    polygonal = np.isin(shapely.get_type_id(shapes), (3, 6))
    if not polygonal.any():
        return draft
    points: Shapes = shapes.copy()
    points[polygonal] = shapely.point_on_surface(shapely.make_valid(shapes[polygonal]))
    frame = with_shapes(draft.frame, points)
    return draft.adding(frame, notes=(text("note.polygons_to_points", count=int(polygonal.sum())),))


def _inside(draft: Draft, areas: gpd.GeoDataFrame | None) -> Draft:
    """Leave out the points outside the areas and fill in the area of those inside."""
    if areas is None:
        return draft
    narrowest = narrowest_area(draft.frame, areas)
    inside = narrowest.notna() | draft.frame.geometry.isna()
    draft = _coded(draft, areas)
    frame = draft.frame.assign(area_id=draft.frame["area_id"].where(draft.frame["area_id"].notna(), narrowest))
    if len(inside) and not inside.any():
        raise InputError(problem("all_outside_areas", file=draft.source.file))
    if inside.all():
        return draft.adding(frame)
    notes = (text("note.outside_areas", count=int((~inside).sum())),)
    findings = row_findings("outside", "outside_areas", ~inside, draft.source, name=frame["demand_id"])
    return draft.adding(frame, notes=notes, findings=findings).only(inside)


def _coded(draft: Draft, areas: gpd.GeoDataFrame) -> Draft:
    """Give rows with a code the key of its area; codes that no area has are pointed out and left out."""
    frame = filled(draft.frame, ("area_id",))
    if frame["area_id"].isna().all():
        return draft.adding(frame)
    found = match_areas(frame, areas, code="area_id", names={}, source=draft.source, headers=draft.headers)
    declared = found.frame["area_id"]
    elsewhere = outside_declared(gpd.GeoDataFrame(frame), declared, areas, draft.source)
    return draft.adding(frame.assign(area_id=declared), findings=(*found.findings, *elsewhere))


def narrowest_area(points: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> pd.Series:
    """Return the area of the narrowest level that each point lies in, None for points in no area.

    A point on a common border belongs to the area with the smaller code.
    """
    shaped = areas[areas.geometry.notna()]
    tree = shapely.STRtree(shaped.geometry.to_numpy())
    point, area = tree.query(points.geometry.to_numpy(), predicate="intersects")
    width = shaped["level"].map({level: place for place, level in enumerate(LEVELS)}).to_numpy()[area]
    pairs = pd.DataFrame({"point": point, "width": -width, "area_id": shaped["area_id"].to_numpy()[area]})
    first = pairs.sort_values(["point", "width", "area_id"]).drop_duplicates("point").set_index("point")["area_id"]
    found = first.reindex(range(len(points))).astype(object)
    return pd.Series(found.where(found.notna(), None).to_numpy(), index=points.index, dtype=object)


def _from_grid(path: Path, bands: Mapping[str, int] | None, reading: Reading) -> gpd.GeoDataFrame:
    datum: Datum = "wgs84" if reading.datum == "auto" else reading.datum  # grids are made on WGS 84 or CGCS2000
    source = grid_points(path, bands=bands, areas=reading.areas, crs=reading.crs, datum=datum)
    draft = _inside(Draft(source.frame, source, DEMAND, {}, reading, notes=source.notes), reading.areas)
    if draft.frame.empty:
        raise InputError(problem("no_people_in_grid", file=path))
    return gpd.GeoDataFrame(finish(draft.adding(filled(draft.frame, PEOPLE, np.nan))).reset_index(drop=True))
