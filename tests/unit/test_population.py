"""People: tables, polygons, grids; exact sums against brute force."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from carecircle.errors import InputError
from carecircle.findings import QualityLog
from carecircle.schema import PEOPLE
from carecircle.sources.areas import read_areas
from carecircle.sources.population import population_by_area, read_population


def keys(error):
    return sorted({found.key for found in error.value.problems})


def write_grid(file, values, descriptions=(), crs=4326, transform=None, nodata=-9.0):
    values = np.asarray(values, dtype="float32")
    profile = {
        "driver": "GTiff",
        "count": values.shape[0],
        "height": values.shape[1],
        "width": values.shape[2],
        "dtype": "float32",
        "nodata": nodata,
        "crs": crs,
        "transform": transform or from_origin(102, 25, 0.01, 0.01),
    }
    with rasterio.open(file, "w", **profile) as grid:
        grid.write(values)
        for band, said in enumerate(descriptions, start=1):
            grid.set_band_description(band, said)
    return file


@pytest.fixture
def grid(tmp_path):
    values = np.arange(24.0).reshape(2, 3, 4)
    values[0, 0, 1], values[1, 2, 3] = -9, np.nan
    return write_grid(tmp_path / "a.tif", values, ["总人口", "60岁及以上(人)"])


def test_only_what_is_known_is_filled():
    frame = pd.DataFrame(
        {"小区编号": ["a", "b"], "60岁以上": ["1,200", ""], "户数": [1, 2], "经度": 102.5, "纬度": 24.3}
    )
    found = read_population(frame)
    assert found["people_60"].fillna(-1).tolist() == [1200, -1]
    assert found[["people", "people_65", "people_80"]].isna().all(axis=None)
    assert list(found.columns[:6]) == ["demand_id", *PEOPLE, "households"]


def test_columns_can_be_chosen_and_nobody_is_a_problem():
    frame = pd.DataFrame({"id": ["a"], "jobs": [3], "lon": [102.5], "lat": [24.3]})
    assert read_population(frame, columns={"people": "jobs"})["people"].tolist() == [3]
    with pytest.raises(InputError) as error:
        read_population(frame)
    assert keys(error) == ["missing_people"]


def test_polygons_become_points_inside_with_their_people():
    ring = shapely.box(102, 24, 103, 25) - shapely.box(102.1, 24.1, 102.9, 24.9)
    frame = gpd.GeoDataFrame({"社区代码": ["530402001001"], "常住人口": [500]}, geometry=[ring], crs=4490)
    found = read_population(frame)
    assert ring.contains(found.geometry[0])
    assert found.loc[0, ["demand_id", "area_id", "people"]].tolist() == ["530402001001", "530402001001", 500]
    assert len(found.attrs["notes"]) == 1


def test_negative_people_are_a_problem(tmp_path):
    with pytest.raises(InputError) as error:
        read_population(pd.DataFrame({"id": ["a"], "人口": [-3], "lon": [102.5], "lat": [24.3]}))
    assert keys(error) == ["below_minimum"]
    file = write_grid(tmp_path / "a.tif", np.full((1, 2, 2), -99999.0), ["people"], nodata=None)
    with pytest.raises(InputError) as error:
        read_population(file)
    assert keys(error) == ["negative_cells"]


def test_cells_with_people_become_points(grid):
    found = read_population(grid)
    assert found["people"].sum() == pytest.approx(np.arange(12).sum() - 1)
    assert found["people_60"].sum() == pytest.approx(np.arange(12, 24).sum() - 23)
    first = found[found["demand_id"] == "0-1"]
    assert first["people"].isna().all()
    assert first.geometry.iloc[0].equals_exact(shapely.Point(102.015, 24.995), 1e-9)


def test_bands_have_to_be_known(tmp_path):
    file = write_grid(tmp_path / "a.tif", np.ones((2, 2, 2)))
    with pytest.raises(InputError) as error:
        read_population(file)
    assert keys(error) == ["missing_bands"]
    found = read_population(file, bands={"people_80": 2})
    assert found["people_80"].tolist() == [1] * 4
    with pytest.raises(InputError) as error:
        read_population(file, bands={"people": 3, "x": 1})
    assert keys(error) == ["unknown_band", "unknown_band_column"]


def test_projected_grids_and_grids_without_a_system(tmp_path):
    corner = from_origin(500_000, 2_700_000, 100, 100)
    file = write_grid(tmp_path / "a.tif", np.ones((1, 2, 2)), ["people"], crs=4543, transform=corner)
    bounds = read_population(file).to_crs(4543).total_bounds
    np.testing.assert_allclose(bounds, [500_050, 2_699_850, 500_150, 2_699_950], atol=1e-3)
    bare = write_grid(tmp_path / "b.tif", np.ones((1, 2, 2)), ["people"], crs=None, transform=corner)
    with pytest.raises(InputError) as error:
        read_population(bare)
    assert keys(error) == ["missing_crs"]
    np.testing.assert_allclose(read_population(bare, crs=4543).to_crs(4543).total_bounds, bounds, atol=1e-6)


def test_areas_limit_the_people_and_name_their_area(grid):
    areas = read_areas(gpd.GeoDataFrame(
        {"code": ["530402", "530402001"]}, crs=4326,
        geometry=[shapely.box(102, 24.97, 102.02, 25), shapely.box(102, 24.97, 102.01, 25)]))
    found = read_population(grid, areas=areas)
    assert found.set_index("demand_id")["area_id"].to_dict() == {
        "0-0": "530402001",
        "1-0": "530402001",
        "2-0": "530402001",
        "0-1": "530402",
        "1-1": "530402",
        "2-1": "530402",
    }
    table = pd.DataFrame({"id": ["in", "out"], "人口": 1, "lon": [102.005, 110], "lat": [24.98, 30]})
    found = read_population(table, areas=areas)
    assert found["demand_id"].tolist() == ["in"]
    assert len(found.attrs["notes"]) == 1


def test_areas_beside_the_grid_hold_nobody(grid):
    areas = read_areas(
        gpd.GeoDataFrame({"code": ["530402"]}, geometry=[shapely.box(110, 20, 111, 21)], crs=4326)
    )
    with pytest.raises(InputError) as error:
        read_population(grid, areas=areas)
    assert keys(error) == ["no_people_in_grid"]
    assert population_by_area(grid, areas).isna().all(axis=None)


def test_a_damaged_grid_is_a_problem(tmp_path, grid):
    (tmp_path / "b.tif").write_bytes(grid.read_bytes()[:100])
    with pytest.raises(InputError) as error:
        read_population(tmp_path / "b.tif", bands={"people": 1})
    assert keys(error) == ["unreadable_file"]


def test_sums_over_areas_equal_brute_force(grid):
    rng = np.random.default_rng(2)
    shapes = [
        shapely.convex_hull(shapely.multipoints(rng.uniform([102, 24.97], [102.04, 25], (6, 2))))
        for _ in range(5)
    ]
    codes = [f"53040200100{place}" for place in range(5)]
    areas = read_areas(gpd.GeoDataFrame({"code": codes}, geometry=shapes, crs=4326)).set_index(
        "area_id", drop=False
    )
    with rasterio.open(grid) as opened:
        values = opened.read(masked=True).filled(np.nan)
    row, column = np.mgrid[0:3, 0:4]
    cells = shapely.box(
        102 + column * 0.01, 25 - (row + 1) * 0.01, 102 + (column + 1) * 0.01, 25 - row * 0.01
    )
    share = np.array(
        [shapely.area(shapely.intersection(cells, shape)) / shapely.area(cells) for shape in shapes]
    )
    expected = np.nansum(share[:, None] * values[None], axis=(2, 3))
    found = population_by_area(grid, areas)
    assert found.index.tolist() == codes
    np.testing.assert_allclose(found[["people", "people_60"]], expected, rtol=1e-5)


def test_areas_that_share_out_the_grid_hold_all_of_it(grid):
    halves = [shapely.box(101, 20, 102.0137, 30), shapely.box(102.0137, 20, 110, 30)]
    areas = read_areas(gpd.GeoDataFrame({"code": ["530402", "530403"]}, geometry=halves, crs=4326))
    whole = read_population(grid)[["people", "people_60"]].sum()
    np.testing.assert_allclose(population_by_area(grid, areas).sum(), whole, rtol=1e-6)


@pytest.fixture
def places():
    """A county of two townships side by side."""
    boxes = [shapely.box(102, 24, 104, 25), shapely.box(102, 24, 103, 25), shapely.box(103, 24, 104, 25)]
    cells = {"代码": ["530402", "530402001", "530402002"], "名称": ["红塔区", "玉兴街道", "凤凰街道"]}
    return read_areas(gpd.GeoDataFrame(cells, geometry=boxes, crs=4326))


def test_a_county_above_its_townships_is_not_counted_twice(places):
    table = pd.DataFrame({"区划代码": ["530402", "530402001", "530402002"], "60岁以上人口": [300, 100, 200]})
    log = QualityLog()
    found = read_population(table, areas=places, log=log)
    assert found["people_60"].sum() == 300
    assert [(one.row, one.action) for one in log.findings if one.key == "wider_area"] == [(1, "dropped")]
    alone = read_population(table.iloc[:1], areas=places)
    assert alone["people_60"].tolist() == [300]


def test_rows_placed_in_areas_are_where_the_areas_are(places):
    """Areas are on WGS 84: a datum said of the file's coordinates does not move them."""
    table = pd.DataFrame({"区划代码": ["530402001"], "60岁以上人口": [100]})
    plain, shifted, judged = (read_population(table, areas=places, datum=name) for name in ("wgs84", "gcj02", "auto"))
    assert plain.geometry.equals(shifted.geometry)
    assert plain.geometry.equals(judged.geometry)
    assert shifted["coordinate_source"].tolist() == ["area"]


def test_people_elsewhere_are_told_by_row(places):
    table = pd.DataFrame(
        {
            "小区编号": ["X1", "X2", "X3", "X4"],
            "区划代码": ["530402001", "530402001", "530499", None],
            "60岁以上人口": [1, 2, 3, 4],
            "经度": [102.5, 103.5, 102.5, 110.0],
            "纬度": 24.5,
        }
    )
    log = QualityLog()
    found = read_population(table, areas=places, log=log)
    told = {(one.action, one.key, one.row) for one in log.findings if one.row is not None}
    assert told == {
        ("doubtful", "outside_declared", 2),
        ("unmatched", "area_code_unknown", 3),
        ("outside", "outside_areas", 4),
    }
    assert found["area_id"].tolist() == ["530402001", "530402001", "530402001"]
