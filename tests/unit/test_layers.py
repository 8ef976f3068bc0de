"""Layers: encodings of shapefiles, coordinate systems, several layers, damage."""

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carecircle.china.coordinates import wgs84_to_gcj02
from carecircle.errors import InputError
from carecircle.findings import QualityLog
from carecircle.language import use_language
from carecircle.sources.layers.reading import layer_names, open_layer, read_layer

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
        tuple(vertex) for vertex in shapely.get_coordinates(east)
    }
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
    (tmp_path / name).write_bytes(whole[: len(whole) // 3])
    with pytest.raises(InputError) as error:
        read_layer(tmp_path / name)
    assert keys(error)[0] in {"unreadable_file", "cut_short", "empty_table"}


# Nothing but local files, and nothing that leads elsewhere


@pytest.fixture
def listener():
    """A server that nobody may call; gives its address and what was heard."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        done = threading.Event()

        def listen():
            while not done.is_set():
                try:
                    caller, _ = server.accept()
                except TimeoutError:
                    continue
                heard.append(caller.recv(100))
                caller.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        time.sleep(0.1)
        done.set()
        thread.join()
        assert heard == [], "the network was asked"


def disguises(url, other):
    """Contents that make GDAL open other sources, whatever the file is called."""
    vrt = '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
    steps = "gdal vector pipeline ! read {} ! write streamed_dataset --output-format stream"
    kml = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark/></Document></kml>'
    return {
        "vrt": vrt.format(f"/vsicurl/{url}/a.geojson"),
        "vrt file": vrt.format(other),
        "vrt later": f"<?xml version='1.0'?>\n<!-- {' ' * 500} -->" + vrt.format(f"/vsicurl/{url}/a.geojson"),
        "vrt in kml": kml.replace("<Placemark/>", vrt.format(other)),
        "vrt before kml": vrt.format(other) + kml,
        "vrt in tab": "!table\n!version 300\n" + vrt.format(f"/vsicurl/{url}/a.geojson"),
        "vrt in mif": "Version 300\n" + vrt.format(f"/vsicurl/{url}/a.geojson"),
        "wfs": f"<OGRWFSDataSource><URL>{url}/wfs</URL></OGRWFSDataSource>",
        "pipeline": json.dumps(
            {"type": "gdal_streamed_alg", "command_line": steps.format(f"/vsicurl/{url}/a.geojson")}
        ),
        "pipeline file": json.dumps({"type": "gdal_streamed_alg", "command_line": steps.format(other)}),
        "seamless": f'!table\n!version 300\nDefinition Table\nOpen Table "/vsicurl/{url}/b" Hide\n',
        "tab of a file": f'!table\n!version 300\nDefinition Table\nFile "{other}"\nType DBF Charset "Neutral"\n',
        "gml": '<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs" xmlns:gml="http://www.opengis.net/gml"/>',
        "text": "hello",
        "nothing": "",
    }


@pytest.mark.parametrize(
    "name", ["a.gpkg", "a.geojson", "a.json", "a.shp", "a.kml", "a.fgb", "a.tab", "a.mif", "a.gdb", "a.parquet"]
)
def test_files_that_are_something_else_are_refused(tmp_path, points, listener, name):
    url, _ = listener
    points.to_file(tmp_path / "other.geojson", driver="GeoJSON")
    for content in disguises(url, tmp_path / "other.geojson").values():
        (tmp_path / name).write_text(content)
        for call in (open_layer, layer_names, read_layer):
            if call is layer_names and name in {"a.shp", "a.parquet"}:
                continue  # these hold one layer: nothing is opened
            with pytest.raises(InputError) as error:
                call(tmp_path / name)
            assert keys(error)[0] in {"disguised_file", "unreadable_file"}


@pytest.mark.parametrize(
    "address",
    ["{}/a.geojson", "/vsicurl/{}/a.geojson", "/vsizip/vsicurl/{}/a.zip", "/vsimem/a.gpkg", "/VSICURL/{}/a.shp", "s3://b/a.gpkg",
     "ftp://h/a.shp", "file:///etc/passwd", "GeoJSON:{}/a.geojson", "zip+{}/a.zip", "WFS:{}/a.geojson"],
)  # fmt: skip
def test_addresses_are_refused(listener, address):
    for call in (open_layer, layer_names, read_layer):
        with pytest.raises(InputError) as error:
            call(address.format(listener[0]))
        assert keys(error)[0] in {"not_local", "missing_file"}


def test_a_folder_is_no_layer_and_a_file_no_geodatabase(tmp_path):
    for name in ("a.shp", "a.gpkg", "b.gdb", "a.geojson", "a.zip", "a.parquet"):
        (tmp_path / name).mkdir()
        with pytest.raises(InputError) as error:
            open_layer(tmp_path / name)
        assert keys(error)[0] in {"disguised_file", "unreadable_file"}
    (tmp_path / "b.gdb" / "a.vrt").write_text("<OGRVRTDataSource/>")
    with pytest.raises(InputError) as error:
        open_layer(tmp_path / "b.gdb")
    assert keys(error) == ["disguised_file"]


# GeoJSON


def collection(*geometries, **members):
    features = [
        {"type": "Feature", "properties": {"名称": f"点{at}"}, "geometry": one} for at, one in enumerate(geometries)
    ]
    return json.dumps({"type": "FeatureCollection", **members, "features": features}, ensure_ascii=False)


POINT = {"type": "Point", "coordinates": [102.5, 24.3]}


def named(name, kind="name", key="name"):
    return {"type": kind, "properties": {key: name}}


@pytest.mark.parametrize(("crs", "code"), [
    (named("urn:ogc:def:crs:EPSG::4543"), 4543), (named("EPSG:4490"), 4490), (named(4490, "EPSG", "code"), 4490),
    (named("urn:ogc:def:crs:OGC:1.3:CRS84"), 4326), (None, 4326),
])  # fmt: skip
def test_the_old_member_crs(tmp_path, crs, code):
    file = tmp_path / "a.geojson"
    file.write_text(collection(POINT, crs=crs), "utf-8")
    found = open_layer(file).frame.crs
    assert found.to_epsg() == code or found.equals("OGC:CRS84")


@pytest.mark.parametrize("where", ["collection", "geometry", "escaped"])
@pytest.mark.parametrize("kind", ["link", "url", "name", "Link"])
def test_a_crs_that_is_a_link_is_not_followed(tmp_path, listener, where, kind):
    file, url = tmp_path / "a.geojson", listener[0]
    crs = {"type": kind, "properties": {"href": f"{url}/crs", "url": f"{url}/crs", "name": f"{url}/crs"}}
    content = collection({**POINT, "crs": crs}) if where == "geometry" else collection(POINT, crs=crs)
    if where == "escaped":
        content = content.replace('"crs"', '"\\u0063rs"').replace(f'"{kind}"', f'"\\u00{ord(kind[0]):x}{kind[1:]}"')
        assert json.loads(content)["crs"]["type"] == kind
    file.write_text(content, "utf-8")
    with pytest.raises(InputError) as error:
        open_layer(file)
    assert keys(error) == ["linked_crs"]


def test_a_crs_that_nobody_knows_is_not_taken_for_degrees(tmp_path):
    (tmp_path / "a.geojson").write_text(collection(POINT, crs=named("EPSG:999999")), "utf-8")
    with pytest.raises(InputError) as error:
        open_layer(tmp_path / "a.geojson")
    assert keys(error) == ["unknown_crs"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
@pytest.mark.parametrize("name", ["a.geojson", "a.kml"])
def test_text_in_any_encoding(tmp_path, encoding, name):
    kml = (
        f'<?xml version="1.0" encoding="{encoding}"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark>'
        "<name>玉兴街道办事处</name><Point><coordinates>102.5,24.3,0</coordinates></Point></Placemark></Document></kml>"
    ).replace("utf-8-sig", "utf-8")
    content = kml if name == "a.kml" else collection(POINT).replace("点0", "玉兴街道办事处")
    (tmp_path / name).write_bytes(content.encode(encoding))
    before = (tmp_path / name).read_bytes()
    source = open_layer(tmp_path / name)
    column = "Name" if name == "a.kml" else "名称"
    assert source.frame[column].tolist() == ["玉兴街道办事处"]
    assert source.frame.geometry[0] == shapely.Point(102.5, 24.3)
    wanted = ["text_recoded"] if encoding == "gbk" or (encoding, name) == ("utf-16", "a.geojson") else []
    assert [found.key for found in source.findings] == wanted
    assert layer_names(tmp_path / name)
    assert (tmp_path / name).read_bytes() == before


def test_kml_in_gbk_that_says_utf8(tmp_path):
    kml = (
        '<?xml version="1.0" encoding="UTF-8"?><kml><Document><Placemark><name>玉兴街道</name>'
        "<Point><coordinates>102,24</coordinates></Point></Placemark></Document></kml>"
    )
    (tmp_path / "a.kml").write_bytes(kml.encode("gbk"))
    source = open_layer(tmp_path / "a.kml")
    assert source.frame["Name"].tolist() == ["玉兴街道"]
    assert [found.key for found in source.findings] == ["text_recoded"]


def test_coordinates_that_are_text_or_no_numbers(tmp_path):
    shapes = [
        {"type": "Point", "coordinates": ["102.5", " 24.30 "]},
        POINT,
        {"type": "Point", "coordinates": ["东经", "24.3"]},
        {"type": "Point", "coordinates": [None, 24.3]},
        {"type": "LineString", "coordinates": [["102", "24"], [103, 25]]},
        {"type": "Point", "coordinates": [float("nan"), 24.3]},
        None,
    ]
    (tmp_path / "a.geojson").write_text(collection(*shapes), "utf-8")
    source = open_layer(tmp_path / "a.geojson")
    assert source.frame.geometry.isna().tolist() == [False, False, True, True, False, True, True]
    assert source.frame.geometry[0] == shapely.Point(102.5, 24.3)
    assert source.frame["名称"].tolist() == [f"点{at}" for at in range(7)]
    found = {one.key: one for one in source.findings}
    assert set(found) == {"text_coordinates", "no_shape"}
    assert found["text_coordinates"].count == 2
    assert found["no_shape"].values["rows"] == "3-4, 6-7"
    (tmp_path / "b.geojson").write_text(
        collection(POINT, {"type": "Point", "coordinates": [float("nan"), 24]}), "utf-8"
    )
    assert [one.key for one in open_layer(tmp_path / "b.geojson").findings] == ["no_numbers"]


def test_rings_that_are_not_closed_are_closed(tmp_path):
    ring = [[102, 24], [103, 24], [103, 25], [102, 25]]
    shapes = [{"type": "Polygon", "coordinates": [ring]}, {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}, None]
    (tmp_path / "a.geojson").write_text(collection(*shapes), "utf-8")
    source = open_layer(tmp_path / "a.geojson")
    assert source.frame.geometry[0].equals(source.frame.geometry[1])
    assert source.frame["名称"].tolist() == ["点0", "点1", "点2"]
    assert [(one.key, one.row) for one in source.findings] == [("ring_closed", 1), ("no_shape", 3)]
    assert source.frame.crs.to_epsg() == 4326


@pytest.mark.parametrize("kind", ["esri", "topology", "sequence", "feature", "geometry"])
def test_kin_of_geojson(tmp_path, kind):
    features = [{"type": "Feature", "properties": {"n": at}, "geometry": POINT} for at in range(2)]
    esri = [{"attributes": {"n": at}, "geometry": {"x": 102.5, "y": 24.3}} for at in range(2)]
    objects = {"a": {"type": "GeometryCollection", "geometries": [POINT, POINT]}}
    content = {
        "esri": json.dumps({"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4490}, "features": esri}),
        "topology": json.dumps({"type": "Topology", "arcs": [], "objects": objects}),
        "sequence": "\n".join(map(json.dumps, features)),
        "feature": json.dumps(features[0]),
        "geometry": json.dumps(POINT),
    }[kind]
    (tmp_path / "a.json").write_text(content, "utf-8")
    frame = open_layer(tmp_path / "a.json").frame
    assert frame.geometry.tolist() == [shapely.Point(102.5, 24.3)] * (1 if kind in {"feature", "geometry"} else 2)


STARTS = {
    "a.geojson": b"{",
    "a.kml": b"<kml>",
    "a.tab": b"!table\n",
    "a.mif": b"Version 300\n",
    "a.shp": b"\x00\x00\x27\x0a",
    "a.gpkg": b"SQLite format 3\0",
    "a.fgb": b"fgb",
    "a.zip": b"PK\x03\x04",
    "a.parquet": b"PAR1",
}


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(STARTS)),
    st.one_of(
        st.binary(max_size=60), st.text(max_size=60).map(lambda text: ('"crs":' + text).encode("utf-8", "ignore"))
    ),
)
def test_any_bytes_are_a_layer_or_a_problem(name, content):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(STARTS[name] + content)
        with contextlib.suppress(InputError):
            open_layer(Path(folder) / name)


# KML, MapInfo, geodatabases


def test_kml_with_folders_and_without_its_columns_of_style(tmp_path, listener):
    place = (
        "<Placemark><name>{}</name><ExtendedData><Data name='床位数'><value>30</value></Data></ExtendedData>"
        "<Point><coordinates>102.5,24.3,0</coordinates></Point></Placemark>"
    )
    net = f"<NetworkLink><Link><href>{listener[0]}/a.kml</href></Link></NetworkLink>"
    icon = f"<Style id='s'><IconStyle><Icon><href>{listener[0]}/i.png</href></Icon></IconStyle></Style>"
    folder = "<Folder><name>{}</name>{}</Folder>"
    kml = "<kml xmlns='http://www.opengis.net/kml/2.2'><Document>{}</Document></kml>"
    one = folder.format("机构", place.format("甲") + net)
    (tmp_path / "a.kml").write_text(kml.format(icon + one + folder.format("空", "")), "utf-8")
    source = open_layer(tmp_path / "a.kml")
    assert list(source.frame.columns) == ["Name", "床位数", "geometry"]
    assert source.findings == (), "heights of 0 are no heights"
    (tmp_path / "b.kml").write_text(kml.format(one + folder.format("社区", place.format("乙"))), "utf-8")
    assert layer_names(tmp_path / "b.kml") == ["机构", "社区"]
    assert open_layer(tmp_path / "b.kml", layer="社区").frame["Name"].tolist() == ["乙"]


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
def test_kml_with_entities_is_refused(tmp_path, listener, encoding):
    kml = (
        f"<?xml version='1.0' encoding='{encoding}'?><!DOCTYPE kml [<!ENTITY x SYSTEM '{listener[0]}/e'>]>"
        "<kml><Document><Placemark><name>街&x;</name><Point><coordinates>102,24</coordinates></Point></Placemark></Document></kml>"
    )
    (tmp_path / "a.kml").write_bytes(kml.encode(encoding))
    with pytest.raises(InputError) as error:
        open_layer(tmp_path / "a.kml")
    assert keys(error) == ["xml_doctype"]


@pytest.mark.parametrize(
    ("charset", "encoding"), [("WindowsSimpChinese", "gbk"), ("Neutral", "gbk"), ("UTF-8", "utf-8")]
)
def test_mapinfo(tmp_path, charset, encoding):
    mif = (
        f'Version 300\nCharset "{charset}"\nDelimiter ","\nCoordSys Earth Projection 1, 104\nColumns 2\n'
        "  名称 Char(40)\n  代码 Char(12)\nData\n\nPoint 102.5 24.3\nPoint 102.6 24.4\n"
    )
    (tmp_path / "a.mif").write_bytes(mif.encode(encoding))
    (tmp_path / "a.mid").write_bytes('"玉兴街道办事处","530402001"\n"荷花社区","530402002"\n'.encode(encoding))
    source = open_layer(tmp_path / "a.mif")
    assert source.frame["名称"].tolist() == ["玉兴街道办事处", "荷花社区"]
    assert source.frame["代码"].tolist() == ["530402001", "530402002"]
    assert source.frame.crs.to_epsg() == 4326
    assert [found.key for found in source.findings] == (["text_recoded"] if charset == "Neutral" else [])


def test_mapinfo_tables_and_geodatabases(tmp_path, points):
    points.rename(columns={"名称": "name", "行政区划代码": "code"}).to_file(tmp_path / "a.tab", driver="MapInfo File")
    assert open_layer(tmp_path / "a.tab").frame["code"].tolist() == ["530402001", "530402002"]
    points.to_crs(4543).to_file(tmp_path / "a.gdb", driver="OpenFileGDB", layer="点")
    assert read_layer(tmp_path / "a.gdb")["名称"].tolist() == ["玉兴街道办事处", "荷花社区"]
    points.to_file(tmp_path / "a.gdb", driver="OpenFileGDB", layer="另一层", mode="a")
    assert sorted(layer_names(tmp_path / "a.gdb")) == ["另一层", "点"]


# GeoPackage


def test_tables_of_attributes_and_styles_are_no_layers(tmp_path, points):
    file = tmp_path / "a.gpkg"
    points.to_file(file, layer="机构")
    with contextlib.closing(sqlite3.connect(file)) as base, base:
        base.execute("CREATE TABLE layer_styles (id INTEGER PRIMARY KEY, styleQML TEXT)")
        base.execute("CREATE TABLE 名单 (id INTEGER PRIMARY KEY, 机构名称 TEXT)")
        base.execute("INSERT INTO 名单 VALUES (1, '玉兴养老院')")
        for name in ("layer_styles", "名单"):
            base.execute("INSERT INTO gpkg_contents (table_name, data_type) VALUES (?, 'attributes')", [name])
    assert layer_names(file) == ["机构"]
    assert len(open_layer(file).frame) == 2
    source = open_layer(file, layer="名单")
    assert not isinstance(source.frame, gpd.GeoDataFrame)
    assert source.frame["机构名称"].tolist() == ["玉兴养老院"]
    with pytest.raises(InputError) as error:
        read_layer(file, "名单")
    assert keys(error) == ["wrong_geometry"]


def test_a_geopackage_of_views_is_refused(tmp_path, points):
    file = tmp_path / "a.gpkg"
    points.to_file(file, layer="a")
    with contextlib.closing(sqlite3.connect(file)) as base, base:
        base.execute(
            "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        )
    with pytest.raises(InputError) as error:
        open_layer(file)
    assert keys(error) == ["layer_view"]


def test_reading_changes_nothing_beside_the_file(tmp_path, points):
    """Not even a GeoPackage that another program has open in write-ahead mode, with rows only in its log."""
    file = tmp_path / "a.gpkg"
    points.to_file(file, layer="a")
    script = (
        "import sqlite3, sys\n"
        f"base = sqlite3.connect({str(file)!r})\n"
        "base.execute('PRAGMA journal_mode=wal')\n"
        "base.execute('CREATE TABLE later (n)')\n"
        "base.execute('PRAGMA user_version = 10200')\n"
        "base.commit()\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"open\n" or os.name == "nt"
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.endswith("-shm")}
        assert "a.gpkg-wal" in before
        assert len(open_layer(file).frame) == 2
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.endswith("-shm")} == before
        writer.stdin.close()


@pytest.mark.parametrize(
    "name", ["a!b.gpkg", "a;b.geojson", "!;.kml", "a#b?c=d.fgb", "a.zip!x.geojson", "-a b.tab", "x!.gdb"]
)
def test_strange_names_of_files(tmp_path, points, name):
    drivers = {
        "gpkg": "GPKG",
        "geojson": "GeoJSON",
        "kml": "KML",
        "fgb": "FlatGeobuf",
        "tab": "MapInfo File",
        "gdb": "OpenFileGDB",
    }
    kind = name.rpartition(".")[2]
    plain = points.rename(columns={"名称": "name", "行政区划代码": "code"})
    plain.to_file(tmp_path / f"plain.{kind}", driver=drivers[kind], layer="places" if kind == "gdb" else None)
    for path in tmp_path.glob("plain.*"):
        path.rename(tmp_path / f"{name.rpartition('.')[0]}{path.suffix}")
    assert sorted(open_layer(tmp_path / name).frame["code"]) == ["530402001", "530402002"]
    assert len(layer_names(tmp_path / name)) == 1


# Several sources of findings


def test_findings_are_given_to_the_log(tmp_path, points):
    points.to_file(tmp_path / "a.shp", encoding="GBK")
    (tmp_path / "a.cpg").unlink()
    log = QualityLog()
    read_layer(tmp_path / "a.shp", log=log)
    assert [found.key for found in log.findings] == ["encoding_unsaid"]
    table = log.to_frame("en")
    assert table["file"].tolist() == ["a.shp"]
    assert "GB18030" in table["message"][0]


def test_other_kinds_of_archives_are_named(tmp_path):
    for ending in (".rar", ".7z", ".gz"):
        (tmp_path / f"a{ending}").write_bytes(b"x")
        with pytest.raises(InputError) as error:
            open_layer(tmp_path / f"a{ending}")
        assert keys(error) == ["archive_kind"]
