"""Layers: encodings of shapefiles, coordinate systems, several layers, damage."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from carecircle.china.coordinates import wgs84_to_gcj02
from carecircle.errors import InputError
from carecircle.language import use_language
from carecircle.sources.layers import read_layer

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")


@pytest.fixture
def points():
    columns = {"名称": ["玉兴街道办事处", "荷花社区"], "行政区划代码": ["530402001", "530402002"]}
    return gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy([102.5, 102.6], [24.3, 24.4]), crs=4326)


def keys(error):
    return [found.key for found in error.value.problems]


@pytest.mark.parametrize("cpg", ["right", "none", "lying"])
@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_shapefiles_speak_chinese(tmp_path, points, encoding, cpg):
    points.to_file(tmp_path / "a.shp", encoding=encoding)
    if cpg == "none":
        (tmp_path / "a.cpg").unlink()
    if cpg == "lying":
        (tmp_path / "a.cpg").write_text({"GBK": "UTF-8", "UTF-8": "GBK"}[encoding])
    layer = read_layer(tmp_path / "a.shp")
    assert layer["名称"].tolist() == ["玉兴街道办事处", "荷花社区"]
    # Field names are cut at ten bytes: five characters of GBK, three of UTF-8.
    assert list(layer.columns)[1] == {"GBK": "行政区划代", "UTF-8": "行政区"}[encoding]


def test_an_encoding_can_be_given(tmp_path, points):
    points.to_file(tmp_path / "a.shp", encoding="GBK")
    assert read_layer(tmp_path / "a.shp", encoding="gbk")["名称"][1] == "荷花社区"
    with pytest.raises(InputError) as error:
        read_layer(tmp_path / "a.shp", encoding="klingon")
    assert keys(error) == ["unknown_encoding"]


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.fgb", "a.parquet"])
def test_other_formats(tmp_path, points, name):
    projected = points if name == "a.geojson" else points.to_crs(4543)
    projected.to_parquet(tmp_path / name) if name.endswith("parquet") else projected.to_file(tmp_path / name)
    layer = read_layer(tmp_path / name)
    assert layer.crs.to_epsg() == 4326
    np.testing.assert_allclose(sorted(layer.geometry.x), [102.5, 102.6], atol=1e-8)


def test_a_missing_coordinate_system_has_to_be_given(tmp_path, points):
    points.to_crs(4543).to_file(tmp_path / "a.shp", encoding="UTF-8")
    (tmp_path / "a.prj").unlink()
    with pytest.raises(InputError) as error, use_language("en"):
        read_layer(tmp_path / "a.shp")
    assert keys(error) == ["missing_crs"]
    assert "crs=" in str(error.value)
    layer = read_layer(tmp_path / "a.shp", crs="EPSG:4543")
    np.testing.assert_allclose(layer.geometry.y, [24.3, 24.4], atol=1e-8)
    with pytest.raises(InputError) as error:
        read_layer(tmp_path / "a.shp", crs="EPSG:nonsense")
    assert keys(error) == ["unknown_crs"]


def test_a_shifted_datum_is_undone_and_noted(tmp_path, points):
    lon, lat = wgs84_to_gcj02(points.geometry.x, points.geometry.y)
    points.set_geometry(gpd.points_from_xy(lon, lat), crs=4326).to_file(tmp_path / "a.gpkg")
    layer = read_layer(tmp_path / "a.gpkg", datum="gcj02")
    np.testing.assert_allclose(layer.geometry.x, points.geometry.x, atol=1e-10)
    assert "GCJ-02" in layer.attrs["notes"][-1]


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_polygons_stay_closed_and_share_their_borders(tmp_path, datum):
    # A border of tens of thousands of vertices on both sides of the meridian where the inverse takes longer.
    wave = np.linspace(24, 25, 40_000)
    border = np.column_stack([105 + 0.03 * np.sin(wave * 40), wave])
    west = shapely.Polygon([*border, (104, 25), (104, 24)])
    east = shapely.Polygon([*border, (106, 25), (106, 24)])
    frame = gpd.GeoDataFrame({"n": [1, 2]}, geometry=[west, east], crs=4326)
    frame.to_file(tmp_path / "a.gpkg")
    west, east = read_layer(tmp_path / "a.gpkg", datum=datum).geometry
    shared = {tuple(vertex) for vertex in shapely.get_coordinates(west)} & {
        tuple(vertex) for vertex in shapely.get_coordinates(east)}
    assert len(shared) == 40_000
    assert shapely.intersection(west, east).area == 0


def test_heights_are_left_out_and_personal_columns_too(tmp_path):
    frame = gpd.GeoDataFrame({"电话": ["1"]}, geometry=[shapely.Point(102, 24, 1900)], crs=4490)
    frame.to_file(tmp_path / "a.gpkg")
    layer = read_layer(tmp_path / "a.gpkg")
    assert list(layer.columns) == ["geometry"]
    assert not layer.geometry.has_z.any()


def test_layers_have_to_be_chosen(tmp_path, points):
    for name in ("甲", "乙"):
        points.to_file(tmp_path / "a.gpkg", layer=name)
    for layer, key in ((None, "several_layers"), ("丙", "missing_layer")):
        with pytest.raises(InputError) as error:
            read_layer(tmp_path / "a.gpkg", layer)
        assert keys(error) == [key]
    assert len(read_layer(tmp_path / "a.gpkg", "乙")) == 2


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.fgb", "a.parquet", "a.shp"])
def test_half_a_file_is_a_problem_not_a_traceback(tmp_path, points, name):
    points.to_parquet(tmp_path / name) if name.endswith("parquet") else points.to_file(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:len(whole) // 3])
    with pytest.raises(InputError) as error:
        read_layer(tmp_path / name)
    assert keys(error)[0] in {"unreadable_file", "cut_short", "empty_table"}
