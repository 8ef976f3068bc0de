"""Facilities and points from tables, layers, OpenStreetMap and memory."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.china.coordinates import wgs84_to_bd09
from carecircle.errors import InputError
from carecircle.findings import QualityLog
from carecircle.language import use_language
from carecircle.sources.facilities import open_facilities, read_facilities, read_points

REGISTRY = pd.DataFrame(
    {
        "机构编号": ["001", "002"],
        "机构名称": ["幸福养老院", "夕阳红"],
        "机构类别": ["养老院", "日间照料"],
        "功能": ["全托", "日托"],
        "床位数（张）": ["1,200", "—"],
        "护理型床位": [600, None],
        "星级": ["三星", None],
        "所有制": ["公办", "民办"],
        "运营状态": ["在营", "停业"],
        "建成日期": ["2019年5月", "2020"],
        "建筑面积(㎡)": [3500, 200],
        "行政区划代码": [530402001001, 530402001002],
        "备注": ["好", None],
        "联系人": ["某", "某"],
        "经度": [102.5449, 102.55],
        "纬度": [24.3541, 24.36],
    }
)

OSM = """<osm version="0.6">
<node id="1" lat="24.30" lon="102.50"><tag k="amenity" v="social_facility"/><tag k="social_facility:for"
v="senior;disabled"/>
 <tag k="social_facility" v="day_care"/><tag k="name" v="甲"/><tag k="capacity" v="~50"/><tag
 k="contact:phone" v="1"/></node>
<node id="2" lat="24.31" lon="102.51"><tag k="amenity" v="social_facility"/><tag k="social_facility:for"
v="child"/></node> <node id="3" lat="24.30" lon="102.50"/><node id="4" lat="24.30" lon="102.51"/><node id="5"
lat="24.31" lon="102.51"/> <node id="6" lat="24.32" lon="102.52"><tag k="shop" v="bakery"/></node> <way
id="7"><nd ref="3"/><nd ref="4"/><nd ref="5"/><nd ref="3"/><tag k="amenity" v="nursing_home"/><tag
k="building" v="yes"/></way> </osm>"""


def keys(error):
    return sorted({found.key for found in error.value.problems})


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.parquet"])
def test_a_registry_reads_the_same_from_every_table_format(tmp_path, name):
    file = tmp_path / name
    if name == "a.csv":
        REGISTRY.to_csv(file, index=False, encoding="gbk")
    elif name == "a.xlsx":
        REGISTRY.to_excel(file, index=False)
    else:
        REGISTRY.astype({"床位数（张）": str}).to_parquet(file)
    found = read_facilities(file)
    assert found.crs.to_epsg() == 4326
    assert found["facility_id"].tolist() == ["001", "002"]
    assert found["kind"].tolist() == ["养老院", "日间照料"]
    assert found["beds"].fillna(-1).tolist() == [1200, -1]
    assert found["nursing_beds"].fillna(-1).tolist() == [600, -1]
    assert found["opened"].dt.strftime("%Y-%m-%d").tolist() == ["2019-05-01", "2020-01-01"]
    assert found["floor_m2"].tolist() == [3500, 200]
    assert found["area_code"].tolist() == ["530402001001", "530402001002"]
    assert found["status"].tolist() == ["open", "停业"]
    assert found["备注"].tolist()[0] == "好"
    assert "联系人" not in found.columns
    assert "联系人" in found.attrs["notes"][0]
    np.testing.assert_allclose(found.geometry.x, REGISTRY["经度"])


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.shp", "a.parquet"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_layers_without_a_key_are_numbered(tmp_path, name):
    frame = gpd.GeoDataFrame(
        {"类型": ["养老院", "助餐点"]}, geometry=gpd.points_from_xy([102.5, 102.6], [24.3, 24.4]), crs=4326
    )
    file = tmp_path / name
    frame.to_parquet(file) if name == "a.parquet" else frame.to_file(file)
    found = read_facilities(file)
    assert found["facility_id"].tolist() == ["F0001", "F0002"]
    assert found["kind"].tolist() == ["养老院", "助餐点"]
    assert found["name"].isna().all()
    assert "F0002" in " ".join(found.attrs["notes"])


@pytest.mark.parametrize("name", ["a.osm", "a.osm.gz", "a.osm.pbf"])
def test_openstreetmap_facilities_for_seniors(tmp_path, name):
    osmium = pytest.importorskip("osmium")
    (tmp_path / "in.osm").write_text(OSM, "utf-8")
    if name != "in.osm":
        with osmium.SimpleWriter(str(tmp_path / name)) as writer:
            for item in osmium.FileProcessor(str(tmp_path / "in.osm")):
                writer.add(item)
    found = read_facilities(tmp_path / name)
    assert found["facility_id"].tolist() == ["node/1", "way/7"]
    assert found["kind"].tolist() == ["day_care", "nursing_home"]
    assert "beds" not in found or found["beds"].isna().all()
    triangle = shapely.Polygon([(102.50, 24.30), (102.51, 24.30), (102.51, 24.31)])
    assert triangle.contains(found.geometry[1])


def test_an_osm_file_without_facilities_or_damaged(tmp_path):
    (tmp_path / "a.osm").write_text('<osm version="0.6"><node id="1" lat="1" lon="1"/></osm>')
    (tmp_path / "b.osm").write_text('<osm version="0.6"><node id="1" lat="x')
    for name, key in (("a.osm", "no_osm_facilities"), ("b.osm", "unreadable_file")):
        with pytest.raises(InputError) as error:
            read_facilities(tmp_path / name)
        assert keys(error) == [key]


def test_all_problems_come_together_with_their_places(tmp_path):
    frame = pd.DataFrame(
        {
            "编号": ["a", "a", "", "d", "e"],
            "经度": [102.5, "", 224, "东", 0],
            "纬度": [24.3, 1, 102, 3, 0],
            "床位": [1, -5, "许多", 2, 3],
            "建成日期": ["去年", "", "", "", ""],
        }
    )
    frame.to_excel(tmp_path / "a.xlsx", index=False, sheet_name="机构")
    with pytest.raises(InputError) as error, use_language("en"):
        read_facilities(tmp_path / "a.xlsx")
    places = {(found.key, found.row, found.column) for found in error.value.problems}
    assert places >= {
        ("repeated_key", 2, "编号"),
        ("repeated_key", 3, "编号"),
        ("empty_key", 4, "编号"),
        ("not_a_date", 2, "建成日期"),
        ("empty_geometry", 3, None),
        ("below_minimum", 3, "床位"),
        ("outside_coordinates", 4, None),
        ("not_a_number", 4, "床位"),
        ("not_a_position", 5, "经度"),
        ("outside_coordinates", 6, None),
    }
    assert {found.sheet for found in error.value.problems} == {"机构"}
    assert [found.row for found in error.value.problems] == sorted(
        found.row for found in error.value.problems
    )


def test_missing_columns_are_named_with_what_would_do():
    with pytest.raises(InputError) as error:
        read_facilities(pd.DataFrame({"甲": [1]}))
    assert [found.column for found in error.value.problems] == ["lon", "lat"]
    assert "经度坐标" in str(error.value)
    assert "甲" in str(error.value)


def test_headers_can_be_chosen():
    frame = pd.DataFrame({"甲": ["1"], "kind": ["x"], "小类": ["y"], "X": [102.5], "Y": [24.3]})
    found = read_facilities(frame, columns={"facility_id": "甲"}, kind_column="小类")
    assert found.loc[0, ["facility_id", "kind", "kind (file)"]].tolist() == ["1", "y", "x"]
    with pytest.raises(InputError) as error:
        read_facilities(frame, columns={"facility_id": "乙"})
    assert keys(error) == ["chosen_header"]


def test_two_headers_for_one_column_are_a_problem():
    with pytest.raises(InputError) as error:
        read_facilities(REGISTRY.assign(编号=["x", "y"]))
    assert keys(error) == ["ambiguous_headers"]
    assert "机构编号、编号" in str(error.value)


def test_projected_and_shifted_coordinates():
    x, y = shapely.get_coordinates(gpd.GeoSeries.from_xy([102.5], [24.3], crs=4326).to_crs(4543).to_numpy())[
        0
    ]
    found = read_facilities(pd.DataFrame({"编号": ["1"], "x": [x], "y": [y]}), crs="EPSG:4543")
    assert found.geometry[0].equals_exact(shapely.Point(102.5, 24.3), 1e-8)
    lon, lat = wgs84_to_bd09(102.5, 24.3)
    found = read_facilities(
        pd.DataFrame({"编号": ["1"], "经度": [float(lon)], "纬度": [float(lat)]}), datum="bd09"
    )
    assert found.geometry[0].equals_exact(shapely.Point(102.5, 24.3), 1e-10)
    assert "BD-09" in found.attrs["notes"][0]
    with pytest.raises(InputError) as error:
        read_facilities(pd.DataFrame({"编号": ["1"], "x": [x], "y": [y]}), crs="EPSG:nonsense")
    assert keys(error) == ["unknown_crs"]


def test_geometry_that_is_no_point_is_refused():
    square = gpd.GeoDataFrame({"id": ["1"]}, geometry=[shapely.box(102, 24, 103, 25)], crs=4326)
    with pytest.raises(InputError) as error:
        read_facilities(square)
    assert keys(error) == ["wrong_geometry"]


def test_a_multipoint_of_one_is_a_point_and_of_two_a_problem():
    one = shapely.MultiPoint([(102, 24)])
    frame = gpd.GeoDataFrame({"id": ["1"]}, geometry=[one], crs=4326)
    assert read_facilities(frame).geometry.geom_type.tolist() == ["Point"]
    with pytest.raises(InputError) as error:
        read_facilities(frame.set_geometry([shapely.MultiPoint([(102, 24), (103, 24)])], crs=4326))
    assert keys(error) == ["several_parts"]


def test_closed_facilities_are_read_but_do_not_count():
    states = ["在营", "正常运营", "停业", "在建", None, "Operating", "已备案"]
    frame = pd.DataFrame({"编号": list("abcdefg"), "状态": states, "经度": 102.5, "纬度": 24.3})
    found = read_facilities(frame)
    assert len(found) == 7
    assert open_facilities(found)["facility_id"].tolist() == ["a", "b", "e", "f"]
    assert "已备案" in found.attrs["notes"][0]
    assert len(open_facilities(found.drop(columns="status"))) == 7


def test_frames_keep_their_index_and_are_not_changed():
    frame = gpd.GeoDataFrame({"id": [7, 8], "kind": ["a", "b"]}, index=[3, 5],
                             geometry=gpd.points_from_xy([102.5, 102.6], [24.3, 24.4]), crs=4326)
    before = frame.copy()
    points = read_points(frame)
    assert points.index.tolist() == [3, 5]
    assert points["point_id"].tolist() == ["7", "8"]
    assert "kind" in points.columns
    pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(before))
    doubled = pd.concat([frame, frame.assign(id=[9, 10])])
    assert read_points(doubled)["point_id"].tolist() == ["7", "8", "9", "10"]


def test_an_empty_layer_is_a_problem():
    with pytest.raises(InputError) as error:
        read_facilities(gpd.GeoDataFrame({"id": []}, geometry=[], crs=4326))
    assert keys(error) == ["empty_table"]


def test_a_column_that_says_another_datum_is_noted():
    frame = pd.DataFrame({"编号": ["1"], "经度": [102.5], "纬度": [24.3], "坐标系": ["GCJ-02"]})
    log = QualityLog()
    assert "坐标系" in read_facilities(frame, log=log).attrs["notes"][0]
    assert [(found.action, found.row) for found in log.findings if found.key == "datum_said"] == [("doubtful", 1)]
    assert len(read_facilities(frame, datum="gcj02").attrs["notes"]) == 1
    assert read_facilities(frame.assign(坐标系="CGCS2000")).attrs["notes"] == []
