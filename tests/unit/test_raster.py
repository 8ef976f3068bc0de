"""Minutes as a grid: against travel times, and on a street with known answers."""

import numpy as np
import pytest
import rasterio
import shapely

from carecircle.errors import UsageError
from carecircle.model import profile
from carecircle.network import build_network
from carecircle.raster import NODATA, minutes_raster, write_minutes_raster
from carecircle.reach import travel_pairs
from carecircle.snap import Places

ROAD = {"highway": "residential"}


@pytest.fixture(scope="module")
def line(streets):
    return build_network(streets({1: (0, 0), 2: (2000, 0)}, [([1, 2], ROAD)]), profile("elder"))


def value_at(raster, xy):
    columns, rows = (~raster.transform) * np.asarray(xy, float).T
    rows, columns = np.floor(rows).astype(int), np.floor(columns).astype(int)
    height, width = raster.minutes.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    found = np.full(len(rows), np.nan)
    found[inside] = raster.minutes[rows[inside], columns[inside]]
    return found


def test_minutes_along_and_beside_a_street(line, at, plan_crs):
    _, origin = plan_crs
    raster = minutes_raster(at((1000, 0)), line, minutes=15, cell_metres=10, reach_metres=25)
    along = np.array([[x, 0.5] for x in (400, 700, 1000, 1300, 1600)]) + origin
    assert value_at(raster, along) == pytest.approx(
        np.abs(np.array([400, 700, 1000, 1300, 1600]) - 1000) / 48, abs=10 / 48
    )
    assert np.isnan(value_at(raster, np.array([[250, 0.5], [1750, 0.5], [1000, 60], [1000, -60]]) + origin)).all()
    aside = value_at(raster, np.array([[1000, 20]]) + origin)[0]
    assert aside == pytest.approx(20 / 48, abs=15 / 48)
    assert np.nanmax(raster.minutes) <= 15
    assert np.nanmin(raster.minutes) >= 0


@pytest.mark.parametrize(
    ("mode", "minutes", "direction"), [("elder", 10, "to"), ("drive", 2, "to"), ("drive", 2, "from")]
)
def test_street_cells_have_the_time_of_the_street(network_of, scattered, mode, minutes, direction):
    """Within a cell's walking time, for a cell has the least time of the street points in it."""
    network = network_of(mode)
    facilities = scattered(network, 8, 2)
    raster = minutes_raster(facilities, network, minutes=minutes, cell_metres=5, direction=direction)
    rng = np.random.default_rng(1)
    edge = rng.integers(0, network.n_edges, 3000)
    lines = network.lines()[edge]
    share = rng.random(3000)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines, share, normalized=True))
    places = Places(edge, share, np.zeros(3000), np.zeros(3000, bool))
    pairs = travel_pairs(places, facilities, network, minutes=minutes + 1, direction=direction)
    exact = np.full(3000, np.nan)
    np.fmin.at(exact, pairs.point, pairs.seconds / 60)
    found = value_at(raster, xy)
    cell_time = 5 * np.sqrt(2) / network.profile.access_mps / 60
    both = ~np.isnan(found) & (exact <= minutes)
    assert both.sum() > 200
    assert (found[both] <= exact[both] + 2 * cell_time).all()
    assert (found[both] <= exact[both] + cell_time).mean() > 0.999
    # A cell under a bridge, or where two streets pass each other, has the time of the nearer one.
    assert (np.abs(found[both] - exact[both]) <= cell_time).mean() > 0.95
    missing = np.isnan(found) & (exact <= minutes - cell_time)
    assert not missing.any()
    assert np.nanmax(raster.minutes) <= minutes


def test_facilities_on_nodes_and_far_away(line, at):
    raster = minutes_raster(at((0, 0), (99_999, 0)), line, minutes=5)
    assert np.nanmax(raster.minutes) <= 5
    with pytest.raises(UsageError, match="没有到达任何道路"):
        minutes_raster(at((99_999, 0)), line)
    with pytest.raises(UsageError):
        minutes_raster(at((0, 0)), line, minutes=0)
    with pytest.raises(UsageError, match="超过上限"):
        minutes_raster(at((0, 0)), line, minutes=600, cell_metres=0.01)


def test_a_geotiff_comes_back(line, at, tmp_path):
    raster = minutes_raster(at((1000, 0)), line)
    for name in ("a.tif", "b.tif"):
        write_minutes_raster(raster, tmp_path / name)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    with rasterio.open(tmp_path / "a.tif") as source:
        assert source.crs.to_epsg() == 4543
        assert source.nodata == NODATA
        assert source.transform == raster.transform
        assert source.dtypes == ("float32",)
        values = source.read(1, masked=True)
    assert np.array_equal(values.mask, np.isnan(raster.minutes))
    assert np.array_equal(values.compressed(), raster.minutes[~np.isnan(raster.minutes)])
