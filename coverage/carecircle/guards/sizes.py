"""Files judged by their size or what their heads declare."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from carecircle.errors import InputError, problem
from carecircle.guards.archives import readable

MAX_PLAN_BYTES = 5 << 20
"""A plan with every setting has some 2 KB."""
MAX_TABLE_BYTES = 1 << 30
"""Text of a CSV file. A province's buildings are about 200 MB, and reading takes some ten times the file."""
MAX_GRID_CELLS = 1_000_000_000
"""Cells (times bands) that are read of a grid. The box around the widest province has 4e8 cells of 100 m."""
MAX_GRID_BLOCK = 512 << 20
"""Bytes of one tile or strip, which is unpacked as a whole; usual tiles have 256 or 512 cells a side."""
MAX_POINTS = 50_000_000
"""Cells with people, which become rows of a table of some 100 bytes each."""
MAX_PARQUET_CELLS, MAX_PARQUET_BYTES = 1_000_000_000, 8 << 30
"""Rows times columns, and unpacked bytes: runs of one value take no space in the file, but do in memory."""

_COMPUTED = """
    SELECT name FROM sqlite_master
    WHERE type = 'view'
        OR (type = 'table' AND sql LIKE '%CREATE%VIRTUAL%TABLE%' AND sql NOT LIKE '%USING%rtree%')
    ORDER BY name LIMIT 20
"""


def refuse_large(file: Path, most: int) -> None:
    """Raise when a file has more than `most` bytes."""
    size = file.stat().st_size
    if size > most:
        raise InputError(problem("file_size", file=file, size=readable(size), most=readable(most)))


def refuse_raster_bomb(grid: Any, file: Path, cells: int | None = None) -> None:
    """Raise when a grid declares more than can be read.

    Parameters
    ----------
    grid
        An open rasterio dataset; nothing is read of it.
    file
        Its name, for the message.
    cells
        Width times height of the part that is to be read; default: the whole grid.
    """
    cells = (grid.width * grid.height if cells is None else cells) * grid.count
    if cells > MAX_GRID_CELLS:
        raise InputError(problem("grid_size", file=file, cells=f"{cells:,d}", most=f"{MAX_GRID_CELLS:,d}"))
    block = max(height * width for height, width in grid.block_shapes) * 8  # at most eight bytes a cell
    if block > MAX_GRID_BLOCK:
        raise InputError(problem("grid_block", file=file, size=readable(block), most=readable(MAX_GRID_BLOCK)))


def refuse_many_cells(count: int, file: Path) -> None:
    """Raise when more cells with people have come together than can become points."""
    if count > MAX_POINTS:
        raise InputError(problem("grid_size", file=file, cells=f"{count:,d}", most=f"{MAX_POINTS:,d}"))


def refuse_parquet_bomb(metadata: Any, file: Path) -> None:
    """Raise when a Parquet file (`pyarrow.parquet.FileMetaData`) declares more than can be held."""
    cells = metadata.num_rows * metadata.num_columns
    if cells > MAX_PARQUET_CELLS:
        raise InputError(problem("parquet_size", file=file, cells=f"{cells:,d}", most=f"{MAX_PARQUET_CELLS:,d}"))
    size = sum(metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups))
    if size > MAX_PARQUET_BYTES:
        raise InputError(problem("file_size", file=file, size=readable(size), most=readable(MAX_PARQUET_BYTES)))


def refuse_endless_views(file: Path) -> None:
    """Raise when a GeoPackage computes its rows: a view may have no end, a virtual table read other files."""
    found: list[str] = []
    address = f"file:{quote(str(file.resolve()))}?mode=ro&immutable=1"
    with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True)) as base:
        found = [str(name) for (name,) in base.execute(_COMPUTED)]
    if found:
        raise InputError(problem("layer_view", file=file, found="、".join(found)))
