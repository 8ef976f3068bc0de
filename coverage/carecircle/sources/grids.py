"""Population grids (GeoTIFF): cells with people as points, and exact sums over areas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import rasterio.errors
import shapely
from exactextract import exact_extract
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.windows import Window

from carecircle.china.coordinates import Datum, to_wgs84
from carecircle.china.headers import match_headers
from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, Problem, problem, require_file
from carecircle.schema import DEMAND
from carecircle.sources.layers import CrsLike, datum_note, known_crs
from carecircle.sources.tables import SourceTable, unreadable

Floats = NDArray[np.float64]

GRID_ENDINGS = (".tif", ".tiff")

_COUNTED = tuple(column.name for column in DEMAND.columns if column.kind == "number")
_STRIP_CELLS = 1 << 22  # cells of one band read at a time
_MARGIN_DEG = 0.02  # wider than the shift of any datum
_BROKEN = (rasterio.errors.RasterioError, OSError)


def grid_points(
    path: str | Path,
    *,
    bands: Mapping[str, int] | None = None,
    areas: gpd.GeoDataFrame | None = None,
    crs: CrsLike | None = None,
    datum: Datum = "wgs84",
) -> SourceTable:
    """Return the cells with people as points at their centres, in longitudes and latitudes.

    Parameters
    ----------
    path
        GeoTIFF whose cells hold numbers of people (not people per square kilometre).
    bands
        ``{"people": 1, "people_60": 2}``; by default what the bands' descriptions say.
    areas
        Only the part of the grid within the bounds of these areas is read.
    crs, datum
        As for `read_facilities`.

    Returns
    -------
    SourceTable
        Frame with `demand_id` (``row-column`` of the cell in the grid, from 0) and a column for each band. A
        cell is kept when any band has people in it; what is not known of it is NaN. A row's number is the
        grid's, from 1.

    Raises
    ------
    InputError
        The file is damaged, does not say its coordinate system or its bands, or holds negative numbers.
    """
    file = require_file(path)
    try:
        with rasterio.open(file) as grid:
            columns = band_columns(grid, file, bands)
            system = grid_crs(grid, file, crs)
            strips = _strips(_window(grid, areas, system))
            cells = pd.concat([_cells(grid, strip, columns) for strip in strips], ignore_index=True)
            x, y = _moved(grid.transform, cells["column"].to_numpy() + 0.5, cells["row"].to_numpy() + 0.5)
    except _BROKEN as error:
        raise unreadable(file, error) from error
    negative = int((cells[list(columns)] < 0).any(axis=1).sum())
    if negative:
        raise InputError(problem("negative_cells", file=file, count=negative))
    lon, lat = to_wgs84(*Transformer.from_crs(system, GEOGRAPHIC, always_xy=True).transform(x, y), datum)
    keys = cells["row"].astype(str) + "-" + cells["column"].astype(str)
    table = cells[list(columns)].assign(demand_id=keys.astype(object))
    frame = gpd.GeoDataFrame(table, geometry=shapely.points(lon, lat), crs=GEOGRAPHIC)
    return SourceTable(frame, cells["row"] + 1, file, None, datum_note(datum))


def population_by_area(path: str | Path, areas: gpd.GeoDataFrame, *, bands: Mapping[str, int] | None = None,
                       crs: CrsLike | None = None) -> pd.DataFrame:
    """Return the people of a grid in each area, every cell shared out by the exact part of it inside.

    Parameters
    ----------
    path, bands, crs
        As for `grid_points`.
    areas
        From `read_areas`.

    Returns
    -------
    pandas.DataFrame
        On the areas' index: one column of people for each band; NaN where the grid knows nothing of the area.

    Notes
    -----
    Exact coverage fractions by exactextract (Baston, https://github.com/isciences/exactextract).
    """
    file = require_file(path)
    shaped = areas.geometry.notna() & ~areas.geometry.is_empty
    try:
        with rasterio.open(file) as grid:
            columns = band_columns(grid, file, bands)
            shapes = areas.loc[shaped, [areas.geometry.name]].to_crs(grid_crs(grid, file, crs))
            single = grid.count == 1
            if grid.crs is None:
                shapes = shapes.set_crs(None, allow_override=True)
            sums = exact_extract(grid, shapes.reset_index(drop=True), ["sum", "count"], output="pandas")
    except _BROKEN as error:
        raise unreadable(file, error) from error
    result = pd.DataFrame(np.nan, index=areas.index, columns=list(columns))
    for column, band in columns.items():
        prefix = "" if single else f"band_{band}_"
        known = sums[f"{prefix}sum"].where(sums[f"{prefix}count"] > 0)
        result.loc[shaped.to_numpy(), column] = known.to_numpy(dtype=float)
    return result


def band_columns(grid: rasterio.DatasetReader, file: Path, bands: Mapping[str, int] | None) -> dict[str, int]:
    """Return ``{contract column: band}``: as the user says, else by the bands' descriptions."""
    if bands is not None:
        wrong = [band for band in bands.values() if not 1 <= band <= grid.count]
        unknown = [column for column in bands if column not in _COUNTED]
        problems = [*(problem("unknown_band", file=file, value=band, count=grid.count) for band in wrong),
                    *(problem("unknown_band_column", file=file, value=column, known="、".join(_COUNTED))
                      for column in unknown)]
        if problems or not bands:
            raise InputError(problems or [_missing_bands(grid, file)])
        return dict(bands)
    described = {said: band for band, said in enumerate(grid.descriptions, start=1) if said}
    matched, problems = match_headers(described, _COUNTED, DEMAND.name)
    if problems or not matched:
        raise InputError(problems or [_missing_bands(grid, file)])
    return {column: described[said] for column, said in matched.items()}


def _missing_bands(grid: rasterio.DatasetReader, file: Path) -> Problem:
    found = "、".join(f"{band}={said or '-'}" for band, said in enumerate(grid.descriptions, start=1))
    return problem("missing_bands", file=file, found=found, example='{"people_60": 1}')


def grid_crs(grid: rasterio.DatasetReader, file: Path, crs: CrsLike | None = None) -> CRS:
    """Return the grid's coordinate system, or the one the user gives, or raise."""
    if crs is not None:
        return known_crs(crs, file)
    if grid.crs is None:
        raise InputError(problem("missing_crs", file=file))
    return CRS.from_user_input(grid.crs)


def _window(grid: rasterio.DatasetReader, areas: gpd.GeoDataFrame | None, system: CRS) -> Window:
    """Return the part of the grid that the areas' bounds touch, all of it without areas."""
    if areas is None:
        return Window(0, 0, grid.width, grid.height)
    west, south, east, north = areas.total_bounds + np.array([-1, -1, 1, 1]) * _MARGIN_DEG
    to_grid = Transformer.from_crs(GEOGRAPHIC, system, always_xy=True)
    left, bottom, right, top = to_grid.transform_bounds(west, south, east, north, densify_pts=21)
    x, y = np.array([left, left, right, right]), np.array([bottom, top, bottom, top])
    corners = np.column_stack(_moved(~grid.transform, x, y))
    first = np.clip(np.floor(corners.min(axis=0)), 0, [grid.width, grid.height]).astype(int)
    last = np.clip(np.ceil(corners.max(axis=0)), 0, [grid.width, grid.height]).astype(int)
    return Window(int(first[0]), int(first[1]), int(last[0] - first[0]), int(last[1] - first[1]))


def _moved(transform: rasterio.Affine, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Apply an affine transformation to arrays."""
    a, b, c, d, e, f = tuple(transform)[:6]
    return a * x + b * y + c, d * x + e * y + f


def _strips(window: Window) -> Iterator[Window]:
    """Cut a window into strips of whole rows that fit into memory; an empty window is one empty strip."""
    height = max(1, _STRIP_CELLS // max(1, window.width))
    for start in range(0, max(1, window.height), height):
        yield Window(window.col_off, window.row_off + start, window.width, min(height, window.height - start))


def _cells(grid: rasterio.DatasetReader, window: Window, columns: Mapping[str, int]) -> pd.DataFrame:
    """Return row, column and values of the cells of a window that hold something other than 0 or nothing."""
    values = np.zeros((len(columns), 0, 0))
    if window.width and window.height:
        values = grid.read(list(columns.values()), window=window, masked=True).astype(float).filled(np.nan)
    values[~np.isfinite(values)] = np.nan
    there: NDArray[np.bool_] = (np.nan_to_num(values) != 0).any(axis=0)
    row, column = np.nonzero(there)
    place = {"row": row + window.row_off, "column": column + window.col_off}
    return pd.DataFrame({**place, **dict(zip(columns, values[:, row, column], strict=True))})
