"""Facilities listed twice, shared points, and wrong credit codes."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.sources.matching.duplicates import find_duplicates
from carecircle.sources.tables.reading import SourceTable

CODE, OTHER = "91350100M000100Y43", "91512081MA62K0260E"


@pytest.fixture
def listed(lonlat_of):
    """Make a list of facilities: ``listed(names, metres, credit_code=...)``."""

    def make(names, metres, **columns):
        lonlat = lonlat_of(metres)
        return gpd.GeoDataFrame(
            {"name": pd.Series(names, dtype=object), **columns}, geometry=gpd.points_from_xy(*lonlat.T), crs=4326
        )

    return make


def keys(duplicates):
    return [(found.action, found.key, found.row) for found in duplicates.findings]


def test_the_same_name_nearby(listed):
    frame = listed(
        ["福寿养老院", "福寿（养老院）", "福寿养老院", "福寿养老服务有限公司", None],
        [(0, 0), (199, 0), (0, 201), (0, 5), (0, 0)],
    )
    found = find_duplicates(frame)
    assert found.frame.to_dict("index") == {
        0: {"group": 1, "same_code": False, "same_name": True},
        1: {"group": 1, "same_code": False, "same_name": True},
    }
    assert keys(found) == [("duplicate", "same_name_near", 1), ("duplicate", "same_name_near", 2)]
    assert found.findings[0].message("zh").startswith("第 1-2 行名称相同，彼此相距 200 米以内")
    assert find_duplicates(frame, near_metres=150).frame.empty
    assert find_duplicates(frame, near_metres=205).frame.index.tolist() == [0, 1, 2]


def test_the_same_credit_code_wherever_they_are(listed):
    frame = listed(
        list("甲乙丙丁"), [(0, 0), (9000, 0), (20, 0), (30, 0)], credit_code=[CODE, f" {CODE.lower()}", OTHER, None]
    )
    found = find_duplicates(frame, headers={"credit_code": "统一社会信用代码"})
    assert found.frame.index.tolist() == [0, 1]
    assert found.frame["same_code"].all()
    assert not found.frame["same_name"].any()
    assert {finding.column for finding in found.findings} == {"统一社会信用代码"}
    assert CODE in found.findings[0].message("en")


def test_codes_that_stand_for_nothing_make_no_duplicates_but_are_wrong(listed):
    codes = ["0" * 18, "0" * 18, "无", "无", "1234567", "1234567", CODE[:-1] + "4", None]
    found = find_duplicates(listed([f"机构{n}" for n in range(8)], [(9e3 * n, 0) for n in range(8)], credit_code=codes))
    assert found.frame.empty
    assert keys(found) == [("doubtful", "wrong_credit_code", row) for row in (1, 2, 5, 6, 7)]


def test_groups_join_what_code_and_name_link(listed):
    names, metres = (
        ["甲院", "甲院", "乙院", "丙院", "丁院", "丁院"],
        [(0, 0), (50, 0), (9000, 0), (7000, 0), (0, 900), (9, 900)],
    )
    found = find_duplicates(listed(names, metres, credit_code=[None, CODE, CODE, OTHER, None, None]))
    assert found.frame["group"].to_dict() == {0: 1, 1: 1, 2: 1, 4: 2, 5: 2}
    assert found.frame["same_code"].tolist() == [False, True, True, False, False]
    assert found.frame["same_name"].tolist() == [True, True, False, True, True]


def test_more_than_two_different_facilities_at_one_point(listed):
    two = listed(["甲", "乙", "乙", "丙"], [(0, 0), (0, 0), (0, 0), (50, 0)])
    assert [key for _, key, _ in keys(find_duplicates(two))] == ["same_name_near"] * 2
    three = listed(["甲", "乙", "乙", "丙", "丁"], [(0, 0)] * 4 + [(0, 3)])
    doubtful = [found for found in find_duplicates(three).findings if found.key == "same_point"]
    assert [found.row for found in doubtful] == [1, 2, 3, 4]
    assert "1-4" in doubtful[0].message("en")


def test_rows_are_those_of_the_file(listed):
    frame = listed(["甲", "甲"], [(0, 0), (0, 0)]).set_axis([5, 9])
    source = SourceTable(frame, pd.Series([12, 40], index=[5, 9]), "a.xlsx", "名册")
    found = find_duplicates(frame, source).findings
    assert [(one.file, one.sheet, one.row, one.message("en")[:12]) for one in found] == [
        ("a.xlsx", "名册", 12, "rows 12, 40 "),
        ("a.xlsx", "名册", 40, "rows 12, 40 "),
    ]


def test_rows_without_a_point_are_compared_by_code_only():
    shapes = [None, shapely.Point(), shapely.Point(102, 24), shapely.box(0, 0, 1, 1), shapely.Point(102, np.nan)]
    frame = gpd.GeoDataFrame(
        {"name": ["甲"] * 5, "credit_code": [CODE, CODE, None, None, None]}, geometry=shapes, crs=4326
    )
    assert find_duplicates(frame).frame.index.tolist() == [0, 1]
    assert find_duplicates(frame.drop(columns=["name", "credit_code"])).findings == ()
    assert find_duplicates(frame.iloc[:0]).frame.empty


def test_against_all_pairs(listed):
    """Components of the graph of all pairs of one name within 200 m, found by brute force."""
    rng = np.random.default_rng(3)
    metres = rng.uniform(0, 3000, (400, 2)).round(1)
    names = rng.choice(["甲", "乙", "丙"], 400)
    found = find_duplicates(listed(list(names), metres)).frame["group"]
    parent = np.arange(400)
    for one in range(400):
        for other in range(one):
            if names[one] == names[other] and np.hypot(*(metres[one] - metres[other])) <= 200:
                parent[parent == parent[one]] = parent[other]
    wanted = pd.Series(parent)
    wanted = wanted[wanted.duplicated(keep=False)]
    assert found.index.tolist() == wanted.index.tolist()
    assert (pd.factorize(wanted)[0] + 1).tolist() == found.tolist()
    assert found.nunique() > 20


def test_thousands_of_one_name_at_one_point_are_no_square(listed):
    found = find_duplicates(listed(["日间照料中心"] * 20_000, np.zeros((20_000, 2))))
    assert found.frame["group"].eq(1).all()
    assert len(found.findings) == 20_000
