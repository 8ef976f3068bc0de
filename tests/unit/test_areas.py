"""Areas: levels, parents, codes, mending."""

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from carecircle.errors import InputError, UsageError
from carecircle.sources.areas import code_level, read_areas

CODES = ["5304", "530402", "530402001", "530402001001"]
SQUARES = [shapely.box(102, 24, 102 + size, 24 + size) for size in (0.8, 0.4, 0.2, 0.1)]


def squares(**columns):
    return gpd.GeoDataFrame(columns, geometry=SQUARES[:len(next(iter(columns.values())))], crs=4490)


def keys(error):
    return sorted({found.key for found in error.value.problems})


def test_levels_and_parents_follow_from_the_codes():
    found = read_areas(squares(行政区划代码=CODES, 名称=list("市区街居")))
    assert found["level"].tolist() == ["city", "county", "township", "community"]
    assert found["parent_id"].tolist() == [None, "5304", "530402", "530402001"]
    assert found.crs.to_epsg() == 4326
    assert found["urban_class"].isna().all()
    assert found["level_name"].isna().all()


def test_padded_codes_stay_and_are_understood():
    found = read_areas(squares(code=["530400000000", "530402000000", "530402001000", "530402001001"]))
    assert found["level"].tolist() == ["city", "county", "township", "community"]
    assert found["parent_id"].tolist() == [None, "530400000000", "530402000000", "530402001000"]
    assert code_level(pd.Series(["441900", "441900001", "53", "ABCD", None])).tolist() == [
        "city", "township", None, None, None]


def test_codes_that_became_numbers_are_mended(tmp_path):
    found = read_areas(squares(code=[5304.0, 530402.0, 530402001.0, 530402001001.0]))
    assert found["area_id"].tolist() == CODES
    pd.DataFrame({"代码": ["530402001001.0", "5.304E+11"]}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError) as error:
        read_areas(tmp_path / "a.csv")
    assert "lost_digits" in keys(error)


def test_words_for_levels_and_own_parents():
    frame = squares(
        id=["A", "B", "C", "D"],
        级别=["地级市", "县", "镇", "村"],
        上级代码=[None, "A", "B", "C"],
        城乡分类=[None, None, None, 220],
    )
    found = read_areas(frame)
    assert found["level"].tolist() == ["city", "county", "township", "community"]
    assert found["level_name"].tolist() == ["地级市", "县", "镇", "村"]
    assert found["parent_id"].tolist() == [None, "A", "B", "C"]
    assert found["urban_class"].tolist()[3] == "220"


def test_a_city_of_six_digits_is_a_county():
    found = read_areas(squares(code=["5304", "530181"], level=["市", "市"]))
    assert found["level"].tolist() == ["city", "county"]


def test_an_unclear_level_is_a_problem_unless_given():
    frame = squares(id=["A", "B"])
    with pytest.raises(InputError) as error:
        read_areas(frame)
    assert "unknown_level" in keys(error)
    assert read_areas(frame, level="township")["level"].tolist() == ["township"] * 2
    with pytest.raises(UsageError):
        read_areas(frame, level="街道")


def test_several_files_a_level_each_and_a_table(tmp_path):
    squares(code=CODES[:2]).iloc[1:].to_file(tmp_path / "county.gpkg")
    squares(code=CODES[:2]).iloc[:1].to_file(tmp_path / "city.geojson")
    pd.DataFrame({"代码": CODES[2:], "名称": ["玉兴街道", "荷花社区"]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    found = read_areas([tmp_path / "t.csv", tmp_path / "county.gpkg", tmp_path / "city.geojson"])
    assert found["area_id"].tolist() == CODES
    assert found["parent_id"].tolist() == [None, *CODES[:3]]
    assert found.geometry.isna().tolist() == [False, False, True, True]
    with pytest.raises(InputError) as error:
        read_areas([tmp_path / "t.csv", tmp_path / "t.csv"])
    assert keys(error) == ["repeated_key"]


def test_polygons_that_cross_themselves_are_mended_and_noted():
    bow = shapely.Polygon([(102, 24), (103, 25), (103, 24), (102, 25)])
    found = read_areas(gpd.GeoDataFrame({"code": ["530402"]}, geometry=[bow], crs=4326))
    assert found.geometry.is_valid.all()
    assert found.geometry[0].area > 0
    assert "530402" in found.attrs["notes"][0]


def test_points_no_code_and_no_crs_are_problems():
    with pytest.raises(InputError) as error:
        read_areas(gpd.GeoDataFrame({"code": ["530402"]}, geometry=[shapely.Point(102, 24)], crs=4326))
    assert keys(error) == ["wrong_geometry"]
    with pytest.raises(InputError) as error:
        read_areas(squares(甲=["1"]))
    assert keys(error) == ["missing_header"]
    with pytest.raises(InputError) as error:
        read_areas(squares(code=["530402"]).set_crs(None, allow_override=True))
    assert keys(error) == ["missing_crs"]
