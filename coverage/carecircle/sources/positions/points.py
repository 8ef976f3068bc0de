"""Where the rows of a table are: coordinates in every shape people write them, turned into points in degrees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.china.coordinates import Datum
from carecircle.china.headers import address_header
from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, Problem, problem
from carecircle.findings import Action, Finding
from carecircle.language import text
from carecircle.sources.layers.reading import known_crs, to_lonlat
from carecircle.sources.positions.datums import DatumJudgement, judge_area_datum, street_lines
from carecircle.sources.positions.shifts import on_wgs84
from carecircle.sources.positions.written import (
    Why,
    guess_projection,
    layer_problem,
    parse_degrees,
    split_pair,
    swapped,
)
from carecircle.sources.records import POSITIONS, Draft, Reading, Shapes, missing_header, with_shapes
from carecircle.sources.roads.places import is_osm
from carecircle.sources.tables.reading import column_finding, row_problems

Floats = NDArray[np.float64]
_CGCS2000 = 4490
_GRIDS: dict[Why, str] = {"zone_prefix": "grid_zone_prefix", "zone_found": "grid_zone_found"}
_NOT_DEGREES: dict[Why, str] = {
    "zone_unknown": "not_degrees_zone_unknown",
    "web_mercator": "not_degrees_web_mercator",
    "scaled": "not_degrees_scaled",
    "unknown": "not_degrees_unknown",
}


def has_positions(draft: Draft) -> bool:
    """Whether a table has columns that say where its rows are."""
    return {"lon", "lat"} <= set(draft.frame.columns) or "lonlat" in draft.frame.columns


def with_points(draft: Draft) -> Draft:
    """Give every row its point in longitudes and latitudes on WGS 84 (polygons stay, for the check to refuse)."""
    return _single(on_wgs84(in_degrees(draft), official=is_official(draft)))


def in_degrees(draft: Draft) -> Draft:
    """Give every row its point in longitudes and latitudes as the file has them, in whatever datum."""
    if draft.is_layer:
        return in_lonlat(draft, replace(draft.reading, datum="wgs84"))
    placed = _points_of_columns(draft)
    return in_lonlat(placed, replace(draft.reading, crs=None, datum="wgs84"))


def _single(draft: Draft) -> Draft:
    """Turn multipoints of one point into it; several points in a row are a problem."""
    index = draft.frame.index
    geometry = gpd.GeoDataFrame(draft.frame).geometry.to_numpy()
    parts = shapely.get_num_geometries(geometry)
    multi = shapely.get_type_id(geometry) == shapely.GeometryType.MULTIPOINT
    several = pd.Series(multi & (parts > 1), index=index)
    problems = row_problems("several_parts", several, draft.source, count=pd.Series(parts, index=index))
    single = np.where(multi & (parts == 1), shapely.get_geometry(geometry, 0), geometry)
    return draft.adding(with_shapes(gpd.GeoDataFrame(draft.frame), single), problems)


def _points_of_columns(draft: Draft) -> Draft:
    """Turn the columns of a table that say where its rows are into points, none where one is missing."""
    draft, x, y = _numbers(draft)
    crs = None if draft.reading.crs is None else known_crs(draft.reading.crs, draft.source.file)
    found = guess_projection(x, y, _middle(draft.reading))
    if crs is None and found.why == "degrees":
        draft, x, y = _in_order(draft, x, y, swapped(x, y))
    elif crs is None and found.crs is None:
        raise InputError([*draft.problems, _not_degrees(draft, found.why, x, y)])
    elif found.swapped:
        draft, x, y = _in_order(draft, x, y, np.ones(len(x), dtype=bool))
    if crs is None and found.crs is not None:
        crs = found.crs
        key = _GRIDS[found.why]
        told = text(f"note.{key}", crs=crs.name)
        draft = draft.adding(notes=(told,), findings=_of_all("converted", key, draft, crs=crs.name))
    known = np.isfinite(x) & np.isfinite(y)
    points: Shapes = np.full(len(x), None, dtype=object)
    points[known] = shapely.points(x[known], y[known])
    kept = draft.frame.drop(columns=[name for name in (*POSITIONS, "geometry") if name in draft.frame])
    return draft.adding(gpd.GeoDataFrame(kept, geometry=points, crs=GEOGRAPHIC if crs is None else crs))


def _numbers(draft: Draft) -> tuple[Draft, Floats, Floats]:
    """Return the numbers in the columns of longitude and latitude, or in one column of pairs."""
    frame = draft.frame
    if {"lon", "lat"} <= set(frame.columns):
        draft, x = _degrees(draft, "lon")
        draft, y = _degrees(draft, "lat")
        return draft, x, y
    if "lonlat" in frame.columns:
        lon, lat, wrong = split_pair(frame["lonlat"])
        header = draft.headers["lonlat"]
        problems = row_problems("not_a_pair", wrong, draft.source, header, value=frame["lonlat"])
        findings = column_finding("mapped", "pair_in_cell", lon.notna(), draft.source, header)
        return draft.adding(problems=problems, findings=findings), lon.to_numpy(float), lat.to_numpy(float)
    absent = [name for name in ("lon", "lat") if name not in frame.columns]
    addresses = address_header([str(name) for name in draft.source.frame.columns])
    if addresses is not None and len(absent) == 2:
        lost = [problem("only_addresses", file=draft.source.file, sheet=draft.source.sheet, header=addresses)]
    else:
        known = {found.column for found in draft.problems}
        lost = [missing_header(draft, name) for name in absent if name not in known]
    raise InputError([*draft.problems, *lost])


def _degrees(draft: Draft, column: str) -> tuple[Draft, Floats]:
    cells, header = draft.frame[column], draft.headers[column]
    values, wrong, mended = parse_degrees(cells)
    problems = row_problems("not_a_position", wrong, draft.source, header, value=cells)
    findings = column_finding("mended", "degrees_in_words", mended, draft.source, header)
    return draft.adding(problems=problems, findings=findings), values.to_numpy(dtype=float)


def _in_order(draft: Draft, x: Floats, y: Floats, turned: NDArray[np.bool_]) -> tuple[Draft, Floats, Floats]:
    """Return x and y with those that stand in each other's place put right."""
    if not turned.any():
        return draft, x, y
    mask = pd.Series(turned, index=draft.frame.index)
    findings = column_finding("mended", "swapped_coordinates", mask, draft.source)
    notes = (text("note.swapped", count=int(turned.sum())),)
    return draft.adding(notes=notes, findings=findings), np.where(turned, y, x), np.where(turned, x, y)


def _not_degrees(draft: Draft, why: Why, x: Floats, y: Floats) -> Problem:
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))[0]
    shown = f"{x[known]:.10g}", f"{y[known]:.10g}"
    return problem(_NOT_DEGREES[why], file=draft.source.file, sheet=draft.source.sheet, x=shown[0], y=shown[1])


def _of_all(action: Action, key: str, draft: Draft, **gaps: object) -> tuple[Finding, ...]:
    everything = pd.Series(data=True, index=draft.frame.index)
    return column_finding(action, key, everything, draft.source, None, **gaps)


def _middle(reading: Reading) -> tuple[float, float] | None:
    """Return the middle of the areas or streets that the points should be near, None when none are given."""
    if reading.areas is not None and reading.areas.geometry.notna().any():
        west, south, east, north = reading.areas.total_bounds
    elif reading.streets is not None:
        west, south, east, north = shapely.total_bounds(street_lines(reading.streets))
    else:
        return None
    return float(west + east) / 2, float(south + north) / 2


def areas_on_wgs84(draft: Draft) -> Draft:
    """Turn the polygons of areas (with `area_id`) into EPSG:4326, on WGS 84.

    ``datum="auto"`` is judged by the borders of counties.

    Raises
    ------
    InputError
        The datum is not clear, with what was found before.
    """
    reading = draft.reading
    if reading.datum != "auto":
        return in_lonlat(draft, reading)
    plain = in_lonlat(draft, replace(reading, datum="wgs84"))
    if is_official(draft):
        return plain
    found = judge_area_datum(gpd.GeoDataFrame(plain.frame), codes=plain.frame["area_id"])
    if not found.sure or found.best is None:
        raise InputError([*draft.problems, _unclear(draft, found)])
    action: Action = "read" if found.best == "wgs84" else "converted"
    judged = Finding(action, "datum_judged", draft.source.file, draft.source.sheet, values={"said": found.sentence()})
    told = draft.adding(notes=(found.sentence(),), findings=(judged,))
    return in_lonlat(told, replace(reading, datum=found.best))


def _unclear(draft: Draft, found: DatumJudgement) -> Problem:
    return problem("datum_unclear", file=draft.source.file, sheet=draft.source.sheet, said=found.sentence())


def in_lonlat(draft: Draft, reading: Reading) -> Draft:
    """Turn the geometry into EPSG:4326 and mark the rows whose place cannot be on earth."""
    before = gpd.GeoDataFrame(draft.frame).geometry
    declared = before.crs if reading.crs is None else known_crs(reading.crs, draft.source.file)
    other = layer_problem(before, declared, draft.source.file)
    if other is not None:
        raise InputError([*draft.problems, other])
    datum: Datum = "wgs84" if reading.datum == "auto" else reading.datum
    frame, notes = to_lonlat(gpd.GeoDataFrame(draft.frame), draft.source.file, crs=reading.crs, datum=datum)
    west, south, east, north = shapely.bounds(frame.geometry.to_numpy()).T
    there = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    on_earth = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    nowhere = (west == 0) & (south == 0) & (east == 0) & (north == 0)
    wrong = pd.Series(there & (~on_earth | nowhere), index=frame.index)
    shown = before.bounds.round(6)
    problems = row_problems("outside_coordinates", wrong, draft.source, lon=shown["minx"], lat=shown["miny"])
    return draft.adding(frame, problems, notes)


def is_official(draft: Draft) -> bool:
    """Whether a layer or table says that it is in CGCS2000 or a projected system, or comes from OpenStreetMap.

    Shifted coordinates are only ever met as bare degrees, or as degrees that say they are WGS 84.
    """
    given = draft.reading.crs
    crs = known_crs(given) if given is not None else draft.frame.crs if draft.is_layer else None
    from_osm = draft.source.file is not None and is_osm(Path(draft.source.file))
    return from_osm or (crs is not None and (crs.is_projected or crs.to_epsg() == _CGCS2000))
