"""Saying what is in a file, for every type, without ever failing."""

import json

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from carecircle.language import use_language
from carecircle.sources.inspection import inspect_file

OSM = """<osm version="0.6"><bounds minlat="24" minlon="102" maxlat="25" maxlon="103"/>
<node id="1" lat="24.30" lon="102.50"/><node id="2" lat="24.31" lon="102.51"/>
<way id="7"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way>
<way id="8"><nd ref="1"/><nd ref="2"/></way></osm>"""


@pytest.fixture
def points():
    return gpd.GeoDataFrame({"编号": ["a"], "床位": [1]}, geometry=[shapely.Point(102, 24)], crs=4490)


def test_tables_and_sheets(tmp_path):
    pd.DataFrame({"编号": ["a"], "床位": [1], "经度": [102], "纬度": [24], "电话": [1]}).to_csv(
        tmp_path / "a.csv", index=False
    )
    found = inspect_file(tmp_path / "a.csv")
    assert (found.kind, found.rows, found.columns) == ("table", 1, ("编号", "床位", "经度", "纬度"))
    assert "电话" in found.notes[0]
    assert "read_facilities" in found.suggestion
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        for name in ("甲", "乙"):
            pd.DataFrame({"代码": ["530402"], "名称": [name]}).to_excel(book, sheet_name=name, index=False)
    found = inspect_file(tmp_path / "a.xlsx")
    assert [(part.name, part.rows) for part in found.parts] == [("甲", 1), ("乙", 1)]
    assert "read_areas" in found.parts[0].suggestion


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.geojson", "a.parquet"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_layers(tmp_path, points, name):
    frame = points.to_crs(4326) if name == "a.geojson" else points
    frame.to_parquet(tmp_path / name) if name == "a.parquet" else frame.to_file(tmp_path / name)
    found = inspect_file(tmp_path / name)
    assert (found.kind, found.rows, found.geometry_types) == ("layer", 1, ("Point",))
    assert found.crs in {"EPSG:4490", "EPSG:4326"}
    assert found.bounds == (102, 24, 102, 24)
    assert "read_facilities" in found.suggestion


def test_several_layers_and_shapes(tmp_path, points):
    points.to_file(tmp_path / "a.gpkg", layer="点")
    bow = shapely.Polygon([(102, 24), (103, 25), (103, 24), (102, 25)])
    gpd.GeoDataFrame({"code": ["1"]}, geometry=[bow], crs=4326).to_file(tmp_path / "a.gpkg", layer="面")
    gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.LineString([(1, 1), (2, 2)])], crs=4326).to_file(
        tmp_path / "a.gpkg", layer="线")
    found = {part.name: part for part in inspect_file(tmp_path / "a.gpkg").parts}
    assert set(found) == {"点", "面", "线"}
    assert found["面"].counts == {"invalid": 1}
    assert "read_areas" in found["面"].suggestion
    assert "read_network" in found["线"].suggestion


def test_a_layer_without_a_system(tmp_path, points):
    points.set_crs(None, allow_override=True).to_parquet(tmp_path / "a.parquet")
    found = inspect_file(tmp_path / "a.parquet")
    assert found.crs is None
    assert [problem.key for problem in found.problems] == ["missing_crs"]


def test_grids(tmp_path):
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", count=1, height=2, width=3, dtype="float32",
                       crs=4326, transform=from_origin(102, 25, 0.01, 0.01)) as grid:
        grid.write(np.ones((1, 2, 3), "float32"))
    found = inspect_file(tmp_path / "a.tif")
    assert found.counts == {"bands": 1, "width": 3, "height": 2}
    assert [problem.key for problem in found.problems] == ["missing_bands"]
    assert found.bounds == pytest.approx((102, 24.98, 102.03, 25))


def test_openstreetmap_and_graphs(tmp_path):
    (tmp_path / "a.osm").write_text(OSM)
    found = inspect_file(tmp_path / "a.osm")
    assert found.counts == {"nodes": 2, "ways": 2, "highways": 1, "relations": 0, "seniors": 0}
    assert found.bounds == (102, 24, 103, 25)
    graph = nx.MultiDiGraph(crs="epsg:4326")
    graph.add_edge(1, 2, length=3.0)
    nx.write_graphml(graph, tmp_path / "a.graphml")
    found = inspect_file(tmp_path / "a.graphml")
    assert (found.kind, found.crs, found.counts) == ("graph", "epsg:4326", {"nodes": 2, "edges": 1})


@pytest.mark.parametrize(
    "name",
    [
        "a.csv",
        "a.xlsx",
        "a.xls",
        "a.shp",
        "a.gpkg",
        "a.geojson",
        "a.fgb",
        "a.parquet",
        "a.tif",
        "a.osm",
        "a.osm.pbf",
        "a.osm.gz",
        "a.graphml",
        "a.docx",
        "missing.csv",
    ],
)
@pytest.mark.parametrize("content", [b"", b"\x00\xff nonsense \x80" * 40])
def test_nothing_makes_it_fail(tmp_path, name, content):
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(content)
    found = inspect_file(tmp_path / name)
    assert found.problems
    assert json.loads(json.dumps(found.as_dict()))["problems"][0]["problem"]
    for language in ("zh", "en"):
        with use_language(language):
            assert found.problems[0].message() in str(found)
