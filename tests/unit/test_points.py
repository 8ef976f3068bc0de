"""Where the rows of a table are: everything people type into columns of coordinates."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.china.coordinates import wgs84_to_bd09, wgs84_to_gcj02
from carecircle.errors import InputError, UsageError
from carecircle.findings import QualityLog
from carecircle.sources import open_facilities, read_areas, read_facilities, read_points, read_population

LON, LAT = 102.5432, 24.3517


def table(lon, lat, **more):
    return pd.DataFrame({"编号": [f"A{i}" for i in range(len(lon))], "经度": lon, "纬度": lat, **more})


def place(found, row=0):
    return found.geometry.x.iloc[row], found.geometry.y.iloc[row]


def keys(error):
    return [found.key for found in error.value.problems]


@pytest.mark.parametrize(("lon", "lat"), [
    ("102°32′35.52″E", "24°21′06.12″N"), ("东经102.5432", "北纬24.3517"), ("１０２．５４３２", "２４．３５１７"),
    ("102 32 35.52", "24 21 6.12"), (102.5432, "24.3517°"), ("24.3517", "102.5432"),
])  # fmt: skip
def test_one_place_in_many_ways(lon, lat):
    assert place(read_points(table([lon], [lat]))) == pytest.approx((LON, LAT), abs=1e-9)


@pytest.mark.parametrize("cell", ["102.5432,24.3517", "24.3517，102.5432", "POINT(102.5432 24.3517)",
                                  "102°32′35.52″, 24°21′06.12″", "N24.3517 E102.5432"])  # fmt: skip
def test_both_in_one_cell(cell):
    log = QualityLog()
    found = read_points(pd.DataFrame({"编号": ["a"], "坐标": [cell]}), log=log)
    assert place(found) == pytest.approx((LON, LAT), abs=1e-9)
    assert "pair_in_cell" in [finding.key for finding in log.findings]


def test_what_has_two_meanings_is_refused():
    with pytest.raises(InputError) as error:
        read_points(pd.DataFrame({"编号": ["a"], "坐标": ["10.5,20.5"]}))
    assert keys(error) == ["not_a_pair"]


@pytest.mark.parametrize(("epsg", "swap"), [(4522, False), (4522, True), (4496, False)])
def test_grids_that_say_their_zone(epsg, swap):
    points = gpd.GeoSeries(shapely.points([LON, LON + 0.1], [LAT, LAT]), crs=4490).to_crs(epsg)
    x, y = points.x, points.y
    found = read_points(table(*((y, x) if swap else (x, y))))
    assert place(found) == pytest.approx((LON, LAT), abs=1e-7)
    assert "换算" in "".join(found.attrs["notes"])


def test_a_grid_without_its_zone_needs_a_neighbourhood():
    points = gpd.GeoSeries(shapely.points([LON], [LAT]), crs=4490).to_crs(4543)
    rows = table(points.x, points.y)
    with pytest.raises(InputError) as error:
        read_points(rows)
    assert keys(error) == ["not_degrees_zone_unknown"]
    near = gpd.GeoDataFrame({"area_id": ["530402"]}, geometry=[shapely.Point(LON, LAT).buffer(0.2)], crs=4326)
    assert place(read_points(rows, areas=near)) == pytest.approx((LON, LAT), abs=1e-7)
    assert place(read_points(rows, crs="EPSG:4543")) == pytest.approx((LON, LAT), abs=1e-7)


@pytest.mark.parametrize(("x", "y", "key"), [
    (11_414_000.0, 2_797_000.0, "not_degrees_web_mercator"), (102_543_200.0, 24_351_700.0, "not_degrees_scaled"),
    (7e5, 9e9, "not_degrees_unknown"),
])  # fmt: skip
def test_numbers_that_are_no_degrees(x, y, key):
    with pytest.raises(InputError) as error:
        read_points(table([x], [y]))
    assert keys(error) == [key]


def test_rows_say_their_own_datum():
    gcj, bd = wgs84_to_gcj02(LON, LAT), wgs84_to_bd09(LON, LAT)
    rows = table([LON, float(gcj[0]), float(bd[0])], [LAT, float(gcj[1]), float(bd[1])],
                 坐标系=["国家2000", "高德", "百度坐标"])  # fmt: skip
    found = read_facilities(rows, datum="auto")
    assert np.allclose(found.geometry.x, LON, atol=1e-9)
    assert np.allclose(found.geometry.y, LAT, atol=1e-9)
    assert found["coordinate_source"].tolist() == ["given", "converted:gcj02", "converted:bd09"]


def test_without_evidence_the_user_is_asked():
    with pytest.raises(InputError) as error:
        read_facilities(table([LON], [LAT]), datum="auto")
    assert keys(error) == ["datum_unclear"]
    assert "gcj02" in str(error.value)
    assert place(read_facilities(table([-8.6], [41.1]), datum="auto")) == (-8.6, 41.1)


def test_official_layers_are_not_asked_about(tmp_path):
    layer = gpd.GeoDataFrame({"编号": ["a"]}, geometry=[shapely.Point(LON, LAT)], crs=4490)
    layer.to_file(tmp_path / "a.gpkg")
    found = read_facilities(tmp_path / "a.gpkg", datum="auto")
    assert place(found) == pytest.approx((LON, LAT))
    assert found["coordinate_source"].tolist() == ["given"]


def test_a_list_of_addresses_says_what_to_do():
    with pytest.raises(InputError) as error:
        read_facilities(pd.DataFrame({"编号": ["a"], "机构名称": ["甲"], "地址": ["玉兴路 1 号"]}))
    assert keys(error) == ["only_addresses"]
    assert "carecircle geocode" in str(error.value)


def squares():
    return gpd.GeoDataFrame(
        {"area_id": ["530402001001", "530402001002"], "name": ["荷花社区居民委员会", "新兴社区居民委员会"],
         "level": ["community"] * 2, "parent_id": ["530402001"] * 2},
        geometry=[shapely.box(102.5, 24.3, 102.6, 24.4), shapely.box(102.6, 24.3, 102.7, 24.4)], crs=4326)  # fmt: skip


def test_people_of_areas_are_placed_in_them():
    rows = pd.DataFrame({"社区名称": ["荷花社区", "新兴居委会"], "60岁以上人口": [120, 80]})
    log = QualityLog()
    found = read_population(rows, areas=squares(), log=log)
    assert found["area_id"].tolist() == ["530402001001", "530402001002"]
    assert squares().geometry.contains(found.geometry.set_axis(squares().index)).all()
    assert "placed_in_area" in [finding.key for finding in log.findings]


def test_people_of_unknown_areas_are_a_problem_by_row():
    rows = pd.DataFrame({"社区名称": ["荷花社区", "没有的社区"], "60岁以上人口": [120, 80]})
    with pytest.raises(InputError) as error:
        read_population(rows, areas=squares())
    assert [(found.key, found.row) for found in error.value.problems] == [("no_place", 2)]
    kept = read_population(rows, areas=squares(), bad_rows="drop")
    assert kept["people_60"].tolist() == [120]


def test_a_facility_outside_the_area_it_names_is_doubtful():
    log = QualityLog()
    rows = table([102.55, 102.55], [24.35, 24.35], 机构名称=["甲", "乙"], 所属社区=["荷花社区", "新兴社区"])
    found = read_facilities(rows, areas=squares(), log=log)
    assert found["area_code"].tolist() == ["530402001001", "530402001002"]
    doubtful = [finding for finding in log.findings if finding.key == "outside_declared"]
    assert [(finding.row, dict(finding.values)["name"]) for finding in doubtful] == [(2, "乙")]


# Whatever shape a place has, its shift is undone


SHAPES = {
    "point": shapely.Point,
    "multipoint": lambda x, y: shapely.MultiPoint([(x, y)]),
    "polygon": lambda x, y: shapely.box(x - 1e-4, y - 1e-4, x + 1e-4, y + 1e-4),
}


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_shift_of_every_shape_is_undone(shape, datum):
    x, y = (wgs84_to_gcj02 if datum == "gcj02" else wgs84_to_bd09)(LON, LAT)
    layer = gpd.GeoDataFrame({"编号": ["A"], "常住人口": [5]}, geometry=[SHAPES[shape](float(x), float(y))], crs=4326)
    found = read_population(layer, datum=datum)
    assert place(found) == pytest.approx((LON, LAT), abs=2e-6)
    assert found["coordinate_source"].tolist() == [f"converted:{datum}"]
    if shape != "polygon":
        assert place(read_facilities(layer, datum=datum)) == pytest.approx((LON, LAT), abs=2e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_datum_that_nothing_shows_is_asked_for(shape):
    layer = gpd.GeoDataFrame({"编号": ["A"], "常住人口": [5]}, geometry=[SHAPES[shape](LON, LAT)], crs=4326)
    with pytest.raises(InputError) as caught:
        read_population(layer, datum="auto")
    assert keys(caught) == ["datum_unclear"]


def test_empty_shapes_are_reported_in_every_datum():
    layer = gpd.GeoDataFrame({"编号": ["A", "B"]}, geometry=[shapely.Point(), shapely.Point(LON, LAT)], crs=4326)
    for datum in ("wgs84", "gcj02"):
        with pytest.raises(InputError) as caught:
            read_facilities(layer, datum=datum)
        assert keys(caught) == ["empty_geometry"]
        assert len(read_facilities(layer, datum=datum, bad_rows="drop")) == 1


@pytest.mark.parametrize("read", [read_facilities, read_points, read_population, read_areas])
def test_a_datum_that_does_not_exist(read):
    with pytest.raises(UsageError, match=r"GCJ02.*gcj02"):
        read(table([LON], [LAT]), datum="GCJ02")


# Rows that are left out, and how they are told


def test_any_number_of_bad_rows_can_be_left_out():
    count = 120
    places = table([LON] * count, [LAT] * count, 床位数=[-1] * 110 + [5] * 10)
    log = QualityLog()
    assert len(read_facilities(places, bad_rows="drop", log=log)) == 10
    assert sum(found.key == "bad_row" for found in log.findings) == 110
    with pytest.raises(InputError) as caught:
        read_facilities(places)
    assert keys(caught) == [*["below_minimum"] * 50, "more_alike"]
    assert "60" in caught.value.problems[-1].message()


def test_of_a_repeated_key_the_first_row_stays():
    places = table([LON] * 4, [LAT] * 4).assign(编号=["A", "A", "B", "A"], 名称=["一", "二", "三", "四"])
    found = read_facilities(places, bad_rows="drop")
    assert found["name"].tolist() == ["一", "三"]


def test_columns_of_one_name():
    for names in (["编号", "经度", "纬度", "备注", "备注"], ["编号", "经度", "纬度", 2020, "2020"]):
        with pytest.raises(InputError) as caught:
            read_facilities(pd.DataFrame([["A", LON, LAT, 1, 2]], columns=names))
        assert keys(caught) == ["repeated_headers"]


def test_words_for_the_state_of_a_facility():
    words = ["试运营", "开业", "存续", "已投入使用", "停业", "说不清", None]
    log = QualityLog()
    found = read_facilities(table([LON] * 7, [LAT] * 7, 运营状态=words), log=log)
    assert open_facilities(found).index.tolist() == [0, 1, 2, 3, 6]
    (strange,) = (one for one in log.findings if one.key == "unknown_status")
    assert strange.row == 6
    assert "说不清" in strange.message()
