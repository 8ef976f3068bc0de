"""Where the rows of a table are: coordinates in every shape people write them, turned into points in degrees."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from carecircle.china.coordinates import Datum
from carecircle.china.headers import plain, words
from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError
from carecircle.language import text
from carecircle.sources.cells import as_text
from carecircle.sources.layers import known_crs, to_lonlat
from carecircle.sources.records import Draft, Reading, Shapes, missing_header, with_shapes
from carecircle.sources.tables import row_problems


def with_points(draft: Draft) -> Draft:
    """Give every row its point in longitudes and latitudes (polygons stay, for the check to refuse)."""
    reading = draft.reading
    if not draft.is_layer:
        absent = [column for column in ("lon", "lat") if column not in draft.frame.columns]
        known = {found.column for found in draft.problems}
        if absent:
            raise InputError([*draft.problems, *(missing_header(draft, c) for c in absent if c not in known)])
        draft = _points_of_columns(draft, reading)
    located = in_lonlat(draft, reading).adding(notes=_said_otherwise(draft, reading.datum))
    geometry = located.frame.geometry.to_numpy()
    parts = shapely.get_num_geometries(geometry)
    multi = shapely.get_type_id(geometry) == shapely.GeometryType.MULTIPOINT
    index = located.frame.index
    several = row_problems(
        "several_parts",
        pd.Series(multi & (parts > 1), index=index),
        located.source,
        count=pd.Series(parts, index=index),
    )
    single = np.where(multi & (parts == 1), shapely.get_geometry(geometry, 0), geometry)
    return located.adding(with_shapes(located.frame, single), several)


def _said_otherwise(draft: Draft, datum: Datum) -> tuple[str, ...]:
    """Return a note when a column of the file says another datum than the one it is read in."""
    headers, known = words("datum_header"), words("datums")
    saying = [column for column in draft.frame.columns if plain(str(column)) in headers]
    notes = []
    for column in saying:
        said = as_text(draft.frame[column]).dropna()
        other = said[~said.map(lambda word: known.get(plain(str(word)), datum)).eq(datum)]
        if len(other):
            found = "、".join(sorted(set(other)))
            notes.append(text("note.datum_said", column=column, found=found, datum=datum))
    return tuple(notes)


def _points_of_columns(draft: Draft, reading: Reading) -> Draft:
    """Turn longitude and latitude (or x and y of the system given) into points, none where one is missing."""
    lon, lat = (draft.frame[column].to_numpy(dtype=float) for column in ("lon", "lat"))
    known = np.isfinite(lon) & np.isfinite(lat)
    points: Shapes = np.full(len(lon), None, dtype=object)
    points[known] = shapely.points(lon[known], lat[known])
    crs = GEOGRAPHIC if reading.crs is None else known_crs(reading.crs, draft.source.file)
    plain = draft.frame.drop(columns=["lon", "lat"] + [c for c in ["geometry"] if c in draft.frame])
    return draft.adding(gpd.GeoDataFrame(plain, geometry=points, crs=crs))


def in_lonlat(draft: Draft, reading: Reading) -> Draft:
    """Turn the geometry into EPSG:4326 and mark the rows whose place cannot be on earth."""
    before = draft.frame.geometry
    frame, notes = to_lonlat(draft.frame, draft.source.file, crs=reading.crs, datum=reading.datum)
    west, south, east, north = shapely.bounds(frame.geometry.to_numpy()).T
    there = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    on_earth = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    nowhere = (west == 0) & (south == 0) & (east == 0) & (north == 0)
    wrong = pd.Series(there & (~on_earth | nowhere), index=frame.index)
    shown = before.bounds.round(6)
    problems = row_problems("outside_coordinates", wrong, draft.source, lon=shown["minx"], lat=shown["miny"])
    return draft.adding(frame, problems, notes)
