"""Minutes to the nearest facility as a grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.transform import Affine, from_origin
from scipy.ndimage import distance_transform_edt

from carecircle.contours import sample_edges
from carecircle.edit import split_at
from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.legs import Direction
from carecircle.network import RoadNetwork
from carecircle.reach import nearest_to_nodes
from carecircle.snap import snap

MAX_CELLS = 100_000_000
"""Largest grid that is made."""

NODATA = -9999.0

SAMPLES = 4
"""Points a cell's side along streets: a street that runs through less than this part of a cell's side may be missed."""


@dataclass(frozen=True)
class MinutesRaster:
    """A grid of minutes.

    Parameters
    ----------
    minutes
        (rows, columns) minutes from each cell to the nearest facility, NaN beyond the limit or the reach off the
        street.
    transform, crs
        Where it lies.
    """

    minutes: NDArray[np.float32]
    transform: Affine
    crs: CRS


def minutes_raster(
    facilities: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float = 15,
    cell_metres: float = 10.0,
    reach_metres: float = 25.0,
    direction: Direction = "to",
) -> MinutesRaster:
    """Return the minutes from every place near a street to its nearest facility.

    A cell has the time of the nearest street point plus the way to it at access speed; cells farther than
    `reach_metres` from every street have none.

    Parameters
    ----------
    facilities, network
        As for `carecircle.isochrones`.
    minutes
        Limit, inclusive.
    cell_metres, reach_metres
        Side of a cell, and how far off the street the grid has values.
    direction
        ``"to"`` the facility or ``"from"`` it.
    """
    network, _ = split_at(network, snap(facilities, network))
    nodes = nearest_to_nodes(facilities, network, minutes=minutes, direction=direction)["minutes"].to_numpy() * 60
    nodes = np.where(np.isnan(nodes), np.inf, nodes)
    edges = np.flatnonzero(np.isfinite(nodes[network.edge_u]) | np.isfinite(nodes[network.edge_v]))
    if len(edges) == 0:
        raise UsageError(text("usage.nothing_reached"))
    samples = sample_edges(network, edges, cell_metres / SAMPLES)
    edge = np.repeat(edges, np.diff(samples.first))
    toward_u, toward_v = network.backward_seconds[edge], network.forward_seconds[edge]
    if direction == "from":
        toward_u, toward_v = toward_v, toward_u
    with np.errstate(invalid="ignore"):
        seconds = np.fmin(
            nodes[network.edge_u[edge]] + samples.fraction * toward_u,
            nodes[network.edge_v[edge]] + (1 - samples.fraction) * toward_v,
        )
    return _grid(network, samples.cell // SAMPLES, seconds, minutes, cell_metres, reach_metres)


def _grid(
    network: RoadNetwork,
    cell: NDArray[np.int32],
    seconds: NDArray[np.float64],
    minutes: float,
    size: float,
    reach: float,
) -> MinutesRaster:
    border = int(np.ceil(reach / size)) + 1
    corner = cell.min(axis=1) - border
    width, height = (cell.max(axis=1) + border + 1 - corner).tolist()
    if width * height > MAX_CELLS:
        raise UsageError(text("usage.raster_size", cells=f"{width * height:,}", most=f"{MAX_CELLS:,}"))
    street = np.full((height, width), np.inf)
    np.minimum.at(street, (cell[1] - corner[1], cell[0] - corner[0]), seconds)
    away, (row, column) = distance_transform_edt(np.isinf(street), sampling=size, return_indices=True)
    found = street[row, column] + away / network.profile.access_mps
    found[(away > reach) | (found > minutes * 60)] = np.nan
    transform = from_origin(corner[0] * size, (corner[1] + height) * size, size, size)
    return MinutesRaster((found[::-1] / 60).astype(np.float32), transform, network.crs)


def write_minutes_raster(raster: MinutesRaster, path: str | Path) -> None:
    """Write the grid as a GeoTIFF (float32, deflate, minutes; -9999 where there is no value)."""
    values = np.where(np.isnan(raster.minutes), NODATA, raster.minutes).astype(np.float32)
    height, width = values.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=1,
        dtype="float32",
        crs=raster.crs,
        transform=raster.transform,
        nodata=NODATA,
        compress="deflate",
        predictor=3,
        tiled=True,
    ) as target:
        target.write(values, 1)
        target.set_band_description(1, "minutes")
