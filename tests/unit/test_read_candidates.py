"""The user's list of places where a centre could go, as offices keep it."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from carecircle.datasets import demo_path
from carecircle.errors import InputError
from carecircle.findings import QualityLog
from carecircle.schema import CANDIDATES, check
from carecircle.sources.areas import read_areas
from carecircle.sources.candidates import read_candidates

LIST = pd.DataFrame(
    {
        "资产编号": ["X-1", "X-2"],
        "资产名称": ["原中心小学", "=cmd()"],
        "现状": ["空置校舍", "闲置办公楼"],
        "建筑面积（㎡）": ["1,860", "—"],
        "占地面积（亩）": [6, 1.5],
        "产权单位": ["县教育体育局", "街道办事处"],
        "土地用途": ["教育用地", "机关团体用地"],
        "改造费用（万元）": [180, "35万元"],
        "可设床位": [48, None],
        "拟改造为": ["农村区域养老服务中心", None],
        "详细地址": ["甲镇1号", "乙街2号"],
        "备注": ["屋后陡坡", None],
        "联系电话": ["000", "000"],
        "负责人": ["某", "某"],
        "经度": [102.5449, 102.55],
        "纬度": [24.3541, 24.36],
    }
)


def keys(error):
    return sorted({found.key for found in error.value.problems})


def only(**columns):
    return pd.DataFrame({"名称": ["甲"], "经度": [102.5], "纬度": [24.3], **columns})


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_a_list_reads_the_same_from_every_table_format(tmp_path, name):
    file = tmp_path / name
    if name == "a.csv":
        LIST.to_csv(file, index=False, encoding="gbk")
    else:
        LIST.replace("=cmd()", "甲").to_excel(file, index=False)
    found = read_candidates(file)
    check(found, CANDIDATES)
    assert found.crs.to_epsg() == 4326
    assert found["candidate_id"].tolist() == ["X-1", "X-2"]
    assert found["source"].tolist() == ["idle", "idle"]
    assert found["status"].tolist() == ["空置校舍", "闲置办公楼"]
    assert found["floor_m2"].fillna(-1).tolist() == [1860, -1]
    assert found["site_m2"].tolist() == [4000, 1000]  # 15 mu are a hectare
    assert found["cost"].tolist() == [180, 35]
    assert found["beds"].fillna(-1).tolist() == [48, -1]
    assert found["kind"].tolist()[0] == "农村区域养老服务中心"
    assert found["ownership"].tolist() == ["县教育体育局", "街道办事处"]
    assert found["land_use"].tolist() == ["教育用地", "机关团体用地"]
    assert found["address"].tolist() == ["甲镇1号", "乙街2号"]
    assert found["note"].tolist()[0] == "屋后陡坡"
    np.testing.assert_allclose(found.geometry.x, LIST["经度"])


def test_personal_columns_are_left_out_and_named():
    found = read_candidates(LIST)
    assert not {"联系电话", "负责人"} & set(found.columns)
    assert "联系电话" in found.attrs["notes"][0]
    assert "负责人" in found.attrs["notes"][0]


def test_rows_without_numbers_are_numbered():
    found = read_candidates(only())
    assert found["candidate_id"].tolist() == ["C0001"]
    assert "C0001" in " ".join(found.attrs["notes"])


@pytest.mark.parametrize(
    ("header", "factor", "doubted"),
    [("改造费用（元）", 1e-4, False), ("投资估算(万元)", 1, False), ("造价（元）", 1e-4, False), ("cost", 1, False),
     ("改造费用", 1, True)],
)  # fmt: skip
def test_costs_become_ten_thousand_yuan(header, factor, doubted):
    log = QualityLog()
    found = read_candidates(only(**{header: [300_000]}), log=log)
    assert found["cost"].tolist() == pytest.approx([300_000 * factor])
    assert ("cost_without_unit" in {one.key for one in log.findings}) is doubted


def test_a_header_of_the_users_choice_says_the_unit_too():
    found = read_candidates(only(投入千元=[50]), columns={"cost": "投入千元"})
    assert found["cost"].tolist() == [5]


def test_coordinates_of_a_web_map_are_put_right():
    given, mended = only(), read_candidates(only(), datum="gcj02")
    away = np.hypot((mended.geometry.x - given["经度"]) * 101_000, (mended.geometry.y - given["纬度"]) * 111_000)
    assert 200 < away.item() < 700
    assert mended["coordinate_source"].tolist() == ["converted:gcj02"]


def test_every_problem_is_told_at_once_and_bad_rows_can_be_dropped():
    table = LIST.assign(资产编号=["X-1", "X-1"], 可设床位=["许多", -3])
    with pytest.raises(InputError) as error:
        read_candidates(table)
    assert keys(error) == ["below_minimum", "not_a_number", "repeated_key"]
    three = pd.concat([table, LIST.iloc[[0]].assign(资产编号="X-9")], ignore_index=True)
    assert read_candidates(three, bad_rows="drop")["candidate_id"].tolist() == ["X-9"]


def test_a_table_without_places_is_refused():
    with pytest.raises(InputError):
        read_candidates(LIST.drop(columns=["经度", "纬度"]))


def test_saved_candidates_keep_their_source_and_other_words_do_not_become_one(tmp_path):
    saved = read_candidates(only()).assign(source="road")
    saved.to_file(tmp_path / "a.geojson")
    assert read_candidates(tmp_path / "a.geojson")["source"].tolist() == ["road"]
    other = read_candidates(only(source=["国资局"]))
    assert other[["source", "source (file)"]].to_numpy().tolist() == [["idle", "国资局"]]


def test_the_area_that_a_row_names_is_filled_in():
    areas = read_areas(pd.DataFrame({"代码": ["530402", "530402001"], "名称": ["红塔区", "玉兴街道"]}))
    rows = pd.concat([only(所属乡镇=["玉兴街道"]), only(所属乡镇=["无名街道"])], ignore_index=True)
    found = read_candidates(rows, areas=areas)
    assert found["area_code"].tolist()[0] == "530402001"
    assert pd.isna(found["area_code"].tolist()[1])
    kept = read_candidates(rows.assign(行政区划代码=["530402", None]), areas=areas)
    assert kept["area_code"].tolist()[0] == "530402"


def test_a_row_that_stands_outside_its_area_is_pointed_out():
    log = QualityLog()
    folder = demo_path()
    areas = read_areas(folder / "boundaries" / "communities.shp")
    sites = folder / "facilities" / "idle.xlsx"
    read_candidates(sites, areas=areas, datum="gcj02", log=log)
    assert not {"outside_declared"} & {one.key for one in log.findings}
    shifted = QualityLog()
    read_candidates(sites, areas=areas, log=shifted)  # as if the web map's coordinates were true
    assert {"outside_declared"} <= {one.key for one in shifted.findings}


def test_the_demo_citys_list_is_messy_and_is_read():
    found = read_candidates(demo_path() / "facilities" / "idle.xlsx", datum="auto")
    assert isinstance(found, gpd.GeoDataFrame)
    assert len(found) == 25
    assert found["floor_m2"].isna().sum() == 1
    assert found["cost"].sum() == 2285
    assert found[["name", "status", "ownership", "land_use", "kind", "community"]].notna().all().all()
