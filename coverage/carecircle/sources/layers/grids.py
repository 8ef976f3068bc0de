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
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from rasterio.windows import Window

from carecircle.china.coordinates import Datum, to_wgs84, wgs84_to_bd09, wgs84_to_gcj02
from carecircle.china.headers import match_headers
from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, Problem, problem, require_file
from carecircle.guards import refuse_many_cells, refuse_raster_bomb
from carecircle.language import text
from carecircle.schema import DEMAND, LEVELS
from carecircle.sources.layers.reading import CrsLike, datum_note, known_crs
from carecircle.sources.tables.reading import SourceTable, unreadable

Floats = NDArray[np.float64]

GRID_ENDINGS = (".tif", ".tiff")

_COUNTED = tuple(column.name for column in DEMAND.columns if column.kind == "number")
_STRIP_CELLS = 1 << 22  # cells of one band read at a time
_MARGIN_DEG = 0.02  # wider than the shift of any datum
_WHOLE_CELL = 1e-4  # a cell is whole when no more than this share of it is missing
_SLIVER = 1e-6  # what a wider area holds beyond its parts is a drawing error below this share
_BROKEN = (rasterio.errors.RasterioError, OSError, UnicodeDecodeError)


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
        Only people inside these areas are read, and a cell on their borders is shared out: each area gets the exact
        part of the cell that lies in it, as a point of its own there (``row-column/area_id``).
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
        with rasterio.open(file, driver="GTiff") as grid:
            columns = band_columns(grid, file, bands)
            system = grid_crs(grid, file, crs)
            window = _window(grid, areas, system)
            refuse_raster_bomb(grid, file, int(window.width * window.height))
            cells = _all_cells(grid, window, columns, file)
            x, y = _moved(grid.transform, cells["column"].to_numpy() + 0.5, cells["row"].to_numpy() + 0.5)
    except _BROKEN as error:
        raise unreadable(file, error) from error
    keys = cells["row"].astype(str) + "-" + cells["column"].astype(str)
    cells = cells.assign(demand_id=keys.astype(object), x=x, y=y)
    outside = 0.0
    if areas is not None and areas.geometry.notna().any():
        outside = float(cells[next(iter(columns))].sum())
        parts = _partition(_in_datum(areas, datum).to_crs(system))
        cells = _with_unknown(_shared(file, cells, list(columns), parts), file, parts, columns, system)
        outside -= float(cells[next(iter(columns))].sum())
    negative = int((cells[list(columns)] < 0).any(axis=1).sum())
    if negative:
        raise InputError(problem("negative_cells", file=file, count=negative))
    lon, lat = to_wgs84(
        *Transformer.from_crs(system, GEOGRAPHIC, always_xy=True).transform(
            cells["x"].to_numpy(), cells["y"].to_numpy()
        ),
        datum,
    )
    table = cells[[*columns, "demand_id"]].reset_index(drop=True)
    frame = gpd.GeoDataFrame(table, geometry=shapely.points(lon, lat), crs=GEOGRAPHIC)
    notes = (*datum_note(datum), *((text("note.outside_grid", people=f"{outside:,.1f}"),) if outside > 0.05 else ()))
    return SourceTable(frame, (cells["row"] + 1).reset_index(drop=True), file, None, notes)


def _in_datum(areas: gpd.GeoDataFrame, datum: Datum) -> gpd.GeoDataFrame:
    """Return areas with the shift that the grid's own coordinates have."""
    shift = {"gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}.get(datum)
    if shift is None:
        return areas
    moved = shapely.transform(areas.geometry.to_numpy(), lambda xy: np.column_stack(shift(xy[:, 0], xy[:, 1])))
    return areas.set_geometry(moved, crs=areas.crs)


def _with_unknown(
    cells: pd.DataFrame, file: Path, parts: gpd.GeoDataFrame, columns: Mapping[str, int], system: CRS
) -> pd.DataFrame:
    """Add a point with unknown people in each area of which the grid knows nothing: unknown is not nobody."""
    if cells.empty:
        return cells
    known = population_by_area(file, parts, bands=columns, crs=system).notna().any(axis=1).to_numpy()
    inside = shapely.point_on_surface(parts.geometry.to_numpy()[~known])
    blank = pd.DataFrame(
        {
            "demand_id": "?/" + parts["area_id"].to_numpy(dtype=object)[~known],
            "row": -1,
            "column": -1,
            "x": shapely.get_x(inside),
            "y": shapely.get_y(inside),
        }
    )
    return pd.concat([cells, blank], ignore_index=True) if len(blank) else cells


def _shared(file: Path, cells: pd.DataFrame, columns: list[str], parts: gpd.GeoDataFrame) -> pd.DataFrame:
    """Share cells out among the areas that hold a part of them; a part in no area is left out.

    A whole cell keeps its centre, a part has a point inside it.
    """
    if cells.empty:
        return cells
    with rasterio.open(file, driver="GTiff") as grid:
        a, b, _, d, e, _ = grid.transform[:6]
        if not (a > 0 > e and b == d == 0):
            raise InputError(problem("grid_orientation", file=file))
        step = (a, -e)
        row, column = cells["row"].min(), cells["column"].min()
        height, width = cells["row"].max() - row + 1, cells["column"].max() - column + 1
        west, north = grid.transform.c + column * a, grid.transform.f + row * e
    # Only the shape of the grid counts here: a cell without people of one age may have people of another.
    every = NumPyRasterSource(
        np.ones((height, width), np.uint8),
        west,
        north - height * step[1],
        west + width * step[0],
        north,
        srs_wkt=parts.crs.to_wkt(),
    )
    held = exact_extract(every, parts, ["cell_id", "coverage"], include_cols=["area_id"], output="pandas")
    shares = pd.DataFrame(
        {
            "area": np.repeat(np.arange(len(held)), held["cell_id"].str.len()),
            "cell": np.concatenate([*held["cell_id"], np.zeros(0)]).astype(np.int64),
            "share": np.concatenate([*held["coverage"], np.zeros(0)]).astype(float),
        }
    )
    shared = cells.assign(cell=(cells["row"] - row) * width + cells["column"] - column).merge(
        shares[shares["share"] > 0], on="cell"
    )
    shared = shared.sort_values(["row", "column", "area"], kind="stable").reset_index(drop=True)
    shared[columns] = shared[columns].mul(shared["share"], axis=0)
    part = (shared["share"] < 1 - _WHOLE_CELL).to_numpy()
    x, y = shared["x"].to_numpy(copy=True), shared["y"].to_numpy(copy=True)
    boxes = shapely.box(x[part] - step[0] / 2, y[part] - step[1] / 2, x[part] + step[0] / 2, y[part] + step[1] / 2)
    inside = shapely.point_on_surface(shapely.intersection(boxes, parts.geometry.to_numpy()[shared["area"][part]]))
    empty = shapely.is_empty(inside)
    x[part] = np.where(empty, x[part], shapely.get_x(inside))
    y[part] = np.where(empty, y[part], shapely.get_y(inside))
    owner = parts["area_id"].to_numpy(dtype=object)[shared["area"]]
    names = np.where(part, shared["demand_id"] + "/" + owner, shared["demand_id"])
    return shared.assign(demand_id=names, x=x, y=y)[~_none(part, empty)].reset_index(drop=True)


def _none(part: NDArray[np.bool_], empty: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which shares are parts too thin to hold a point."""
    thin = np.zeros(len(part), bool)
    thin[np.flatnonzero(part)[empty]] = True
    return thin


def _partition(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return areas that do not overlap: the narrowest level, and what wider ones hold besides."""
    pieces: list[gpd.GeoDataFrame] = []
    taken: shapely.Geometry = shapely.MultiPolygon()
    for level in reversed(LEVELS):
        own = areas[(areas["level"] == level) & areas.geometry.notna()]
        shapes = shapely.difference(own.geometry.to_numpy(), taken)
        keep = shapely.area(shapes) > _SLIVER * shapely.area(own.geometry.to_numpy())
        pieces.append(gpd.GeoDataFrame({"area_id": own["area_id"][keep]}, geometry=shapes[keep], crs=areas.crs))
        taken = shapely.union_all([taken, *own.geometry])
    return gpd.GeoDataFrame(pd.concat(pieces, ignore_index=True), crs=areas.crs)


def population_by_area(
    path: str | Path, areas: gpd.GeoDataFrame, *, bands: Mapping[str, int] | None = None, crs: CrsLike | None = None
) -> pd.DataFrame:
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
        with rasterio.open(file, driver="GTiff") as grid:
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
        problems = [
            *(problem("unknown_band", file=file, value=band, count=grid.count) for band in wrong),
            *(problem("unknown_band_column", file=file, value=column, known="、".join(_COUNTED)) for column in unknown),
        ]
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
    try:
        system = CRS.from_user_input(grid.crs)
        Transformer.from_crs(system, GEOGRAPHIC, always_xy=True)
    except ProjError as error:  # it says something, but nothing that leads to degrees
        raise InputError(problem("unknown_crs", file=file, value=str(grid.crs)[:80])) from error
    return system


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


def _all_cells(grid: rasterio.DatasetReader, window: Window, columns: Mapping[str, int], file: Path) -> pd.DataFrame:
    """Return the cells of a window as `_cells` does, strip by strip, or raise when they become too many."""
    parts, count = [], 0
    for strip in _strips(window):
        parts.append(_cells(grid, strip, columns))
        count += len(parts[-1])
        refuse_many_cells(count, file)
    return pd.concat(parts, ignore_index=True)


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
