"""Population grids: undeclared, turned, empty, too large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from .case import AREAS, PEOPLE, Case, reads, refused
from .layers_on_disk import CELL, grid
from .town import SOUTH, STEP, WEST
from .writers import cut, named, raw, spoilt, xlsx

INSIDE = PEOPLE(areas=AREAS)
_NORTH = SOUTH + 2 * STEP
_TURNED = rasterio.Affine(CELL, CELL / 5, WEST, CELL / 5, -CELL, _NORTH)
_UPWARDS = rasterio.Affine(CELL, 0, WEST, 0, CELL, SOUTH)
_ELSEWHERE = rasterio.transform.from_origin(10, 50, CELL, CELL)


def _holes(value: float) -> Any:
    """Return the change of a corner of the cells to one value."""

    def change(cells: np.ndarray) -> np.ndarray:
        cells = cells.copy()
        cells[:, :5, :5] = value
        return cells

    return change


def _giant(folder: Path) -> Path:
    """Write a GeoTIFF of 40 billion cells, none of which is in the file."""
    path = folder / "people.tif"
    size = {"width": 200_000, "height": 200_000, "count": 1, "dtype": "uint8", "crs": "EPSG:4490"}
    tiles = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True}
    where = rasterio.transform.from_origin(WEST, _NORTH, 1e-6, 1e-6)
    with rasterio.open(path, "w", driver="GTiff", transform=where, **size, **tiles) as grid:
        grid.descriptions = ("people",)
    return path


CASES = (
    Case(
        "grid-no-nodata",
        "-9999 for nothing, and the grid does not say so",
        "refused: negative people",
        grid(_holes(-9999), nodata=None),
        PEOPLE,
        refused("negative_cells"),
    ),
    Case(
        "grid-nodata-255",
        "255 for nothing in a grid of bytes, and the grid says so",
        "read without those cells",
        grid(lambda cells: _holes(255)(cells.astype("uint8")), nodata=255),
        PEOPLE,
        reads(),
    ),
    Case(
        "grid-nan",
        "NaN for nothing, undeclared",
        "read without those cells",
        grid(_holes(np.nan), nodata=None),
        PEOPLE,
        reads(),
    ),
    Case(
        "grid-infinite",
        "infinite people in a cell",
        "refused, or read without it",
        grid(_holes(np.inf)),
        PEOPLE,
        reads(),
    ),
    Case(
        "grid-no-crs",
        "a grid that does not say its coordinate system",
        "refused: which coordinate system?",
        grid(crs=None),
        PEOPLE,
        refused("missing_crs"),
    ),
    Case(
        "grid-bands-unsaid",
        "a grid whose band does not say what it holds",
        "refused: which people?",
        grid(described=()),
        PEOPLE,
        refused("missing_bands"),
    ),
    Case(
        "grid-bands-given",
        "the same, and the user says",
        "read",
        grid(described=()),
        PEOPLE(bands={"people_60": 1}),
        reads(),
    ),
    Case(
        "grid-band-missing",
        "band 4 of a grid with one",
        "refused, with the number of bands",
        grid(),
        PEOPLE(bands={"people_60": 4}),
        refused("unknown_band"),
    ),
    Case(
        "grid-band-unknown",
        "a band called pensioners",
        "refused, with the names that will do",
        grid(),
        PEOPLE(bands={"pensioners": 1}),
        refused("unknown_band_column"),
    ),
    Case(
        "grid-turned",
        "a grid that is turned by some degrees, to be shared out among areas",
        "refused: resample it",
        grid(transform=_TURNED),
        INSIDE,
        refused("grid_orientation"),
    ),
    Case(
        "grid-upside-down",
        "a grid whose rows go from south to north, to be shared out among areas",
        "refused: resample it",
        grid(transform=_UPWARDS),
        INSIDE,
        refused("grid_orientation"),
    ),
    Case(
        "grid-nobody",
        "a grid of noughts",
        "refused: nobody lives there",
        grid(np.zeros_like),
        PEOPLE,
        refused("no_people_in_grid", also=("empty_table",)),
    ),
    Case(
        "grid-elsewhere",
        "a grid of another country",
        "refused: nobody of it lives in the areas",
        grid(transform=_ELSEWHERE),
        INSIDE,
        refused("no_people_in_grid", also=("empty_table", "all_outside_areas")),
    ),
    Case(
        "grid-density",
        "people per square kilometre, as the band says",
        "refused: numbers of people are needed",
        grid(described=("population density per km2",)),
        PEOPLE,
        refused("missing_bands"),
    ),
    Case(
        "grid-cut",
        "a grid of which the end is missing",
        "refused: the file is damaged",
        cut(grid(), keep=0.4),
        PEOPLE,
        refused("unreadable_file"),
    ),
    Case(
        "grid-empty-file",
        "a grid of no bytes",
        "refused",
        raw("people.tif", b""),
        PEOPLE,
        refused("unreadable_file", also=("empty_table",)),
    ),
    Case(
        "grid-is-png",
        "a picture called .tif",
        "refused: it is no GeoTIFF",
        raw("people.tif", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        PEOPLE,
        refused("disguised_file|unreadable_file"),
    ),
    Case(
        "grid-is-workbook",
        "a workbook called .tif",
        "refused: it is no GeoTIFF",
        named(xlsx([["a"], [1]]), "people.tif"),
        PEOPLE,
        refused("disguised_file|unreadable_file"),
    ),
    Case(
        "grid-giant",
        "a small file that claims 40 billion cells",
        "refused before room is made for them",
        _giant,
        PEOPLE,
        refused("grid_size", also=("grid_block",)),
    ),
    Case(
        "grid-bytes-turned",
        "a grid with bytes turned over in its head",
        "refused: the file is damaged",
        spoilt(grid(), lambda content: content[:4] + bytes(255 - b for b in content[4:60]) + content[60:]),
        PEOPLE,
        refused("unreadable_file", also=("missing_bands", "missing_crs")),
    ),
)
