"""Rows of tables matched to areas by codes and names, in a county made up for it."""

import numpy as np
import pandas as pd
import pytest

from carecircle.errors import InputError, UsageError
from carecircle.language import use_language
from carecircle.sources.areas import read_areas
from carecircle.sources.matching.areas import match_areas
from carecircle.sources.matching.gazetteer import gazetteer
from carecircle.sources.matching.likeness import alike
from carecircle.sources.tables.reading import SourceTable

TABLE = {
    "5304": "玉溪市",
    "530402": "红塔区",
    "530428": "元江哈尼族彝族傣族自治县",
    "530402001": "玉兴街道",
    "530402002": "龙泉街道",
    "530402103": "双江镇",
    "530428001": "龙泉街道",
    "530428202": "大村彝族乡",
    "530402001001": "荷花社区居民委员会",
    "530402001002": "第一社区居民委员会",
    "530402001201": "李家村社区居民委员会",
    "530402002001": "新村社区居民委员会",
    "530402103001": "双江社区居委会",
    "530402103201": "双江村民委员会",
    "530428001001": "新村社区",
    "530428202201": "大村村民委员会",
    "530428202202": "新民村民委员会",
}
"""Codes and names of areas: two townships of one name, two communities of one name, one stem in two sorts."""


def areas(**changed):
    named = {**TABLE, **changed}
    return read_areas(pd.DataFrame({"代码": list(named), "名称": list(named.values())}))


def match(table=None, /, **columns):
    return match_areas(
        pd.DataFrame({key: pd.Series(cells, dtype=object) for key, cells in columns.items()}),
        areas() if table is None else table,
        code="code" if "code" in columns else None,
    )


def found(table=None, /, **columns):
    return match(table, **columns).frame[["area_id", "how"]].to_numpy().tolist()


def said(matches, language="en"):
    return [(f.action, f.key, f.row, f.column, f.message(language)) for f in matches.findings]


# Codes


@pytest.mark.parametrize(
    "code", ["530402001", "530402001000", 530402001, 530402001.0, "530402001.0", "５３０４０２００１"]
)
def test_codes_padded_or_not(code):
    assert found(code=[code]) == [["530402001", "code"]]


def test_padded_codes_in_the_table_and_other_keys():
    padded = read_areas(pd.DataFrame({"代码": ["530402000000", "530402001000"], "名称": ["红塔区", "玉兴街道"]}))
    assert found(padded, code=["530402", "530402001", "156530402"]) == [
        ["530402000000", "code"],
        ["530402001000", "code"],
        ["530402000000", "code"],
    ]
    own = padded.assign(area_id=["A", "B"], parent_id=[None, "A"])
    assert found(own, code=["B", None], township=[None, "红塔区玉兴街道"]) == [["B", "code"], ["B", "variant"]]


def test_codes_that_are_not_there():
    matches = match(code=["530402999", "999999", "5.304E+11", None], township=["玉兴街道", None, None, None])
    assert matches.frame["area_id"].tolist() == ["530402001", None, None, None]
    assert matches.frame["how"].tolist() == ["name", "unmatched", "unmatched", None]
    assert [(action, key, row, column) for action, key, row, column, _ in said(matches)] == [
        ("unmatched", "area_code_unknown", 2, "code"),
        ("unmatched", "area_code_unknown", 3, "code"),
        ("outdated", "area_code_outdated", 1, "code"),
    ]
    assert "by the name '玉兴街道' it is 红塔区玉兴街道(530402001)" in said(matches)[-1][-1]


def test_the_wider_area_is_suggested_for_an_unknown_code():
    assert match(code=["530402001777"]).frame["candidates"].tolist() == [("530402001",)]


def test_code_and_name_that_disagree_keep_the_code_and_are_reported():
    matches = match(code=["530402001", "530402001", "530402001001"], township=["双江镇", "玉兴路街道", "龙泉街道"])
    assert matches.frame["area_id"].tolist() == ["530402001", "530402001", "530402001001"]
    assert set(matches.frame["how"]) == {"code and name disagree"}
    assert [(action, row) for action, _, row, _, _ in said(matches)] == [
        ("doubtful", 1),
        ("doubtful", 2),
        ("doubtful", 3),
    ]
    assert said(matches)[0][-1] == (
        "the code 530402001 is 红塔区玉兴街道(530402001), which the name '双江镇' contradicts; the code is used. "
        "Check both."
    )


def test_code_and_name_that_agree():
    assert found(
        code=["530402001", "530402001001", "530402"],
        township=["红塔区玉兴街道办", "玉兴街道", None],
        county=[None, None, "红塔"],
    ) == [["530402001", "code"], ["530402001001", "code"], ["530402", "code"]]


def test_names_narrow_a_code_that_is_wider():
    matches = match(code=["530402001", "530402103", "530402002"], community=["荷花社区", "双江", "荷花社区"])
    assert matches.frame["area_id"].tolist() == ["530402001001", "530402103", "530402002"]
    assert matches.frame["how"].tolist() == ["variant", "code", "code and name disagree"]


# Names


def test_names_as_written_and_in_other_spellings():
    assert found(township=["玉兴街道", "玉兴街道办事处", "玉興街道", "大村乡", "玉兴"]) == [
        ["530402001", "name"],
        ["530402001", "variant"],
        ["530402001", "name"],
        ["530428202", "variant"],
        ["530402001", "variant"],
    ]
    assert found(county=["元江县", "红塔", "玉溪市红塔区"]) == [
        ["530428", "variant"],
        ["530402", "variant"],
        ["530402", "variant"],
    ]
    assert found(community=["第1社区", "荷花", "李家村", "荷花社区（玉兴）"]) == [
        ["530402001002", "variant"],
        ["530402001001", "variant"],
        ["530402001201", "variant"],
        ["530402001001", "variant"],
    ]


@pytest.mark.parametrize(
    "prefix", ["红塔区", "玉溪市红塔区", "云南省玉溪市红塔区", "云南红塔区", "云南省、玉溪市、红塔区 ", "红塔", "玉溪"]
)
def test_wider_areas_before_the_name(prefix):
    assert found(township=[prefix + "玉兴街道办事处"]) == [["530402001", "variant"]]
    assert found(community=[prefix + "玉兴街道荷花社区"]) == [["530402001001", "variant"]]


@pytest.mark.parametrize(
    "township",
    [
        "昆明市玉兴街道",
        "四川省玉兴街道",
        "元江县玉兴街道",
        "昆明市红塔区玉兴街道",
        "红塔区元江县玉兴街道",
        "元江县红塔区玉兴街道",
    ],
)
def test_other_wider_areas_before_the_name(township):
    assert found(township=[township]) == [[None, "unmatched"]]


@pytest.mark.parametrize("county", ["昆明市红塔区", "四川省红塔区", "四川省玉溪市红塔区"])
def test_other_wider_areas_before_a_county(county):
    assert found(county=[county]) == [[None, "unmatched"]]


def test_a_province_with_a_number_in_its_name():
    table = read_areas(pd.DataFrame({"代码": ["5113", "511302"], "名称": ["南充市", "顺庆区"]}))
    assert found(table, county=["四川省顺庆区", "四川南充市顺庆区", "云南省顺庆区"]) == [
        ["511302", "variant"],
        ["511302", "variant"],
        [None, "unmatched"],
    ]


def test_a_city_that_the_table_does_not_hold():
    table = (
        areas()
        .query("level != 'city'")
        .assign(parent_id=lambda part: part["parent_id"].mask(part["level"].eq("county")))
    )
    assert found(table, township=["玉溪市红塔区玉兴街道", "玉溪市玉兴街道"]) == [
        ["530402001", "variant"],
        [None, "unmatched"],
    ]
    assert found(table, county=["玉溪市红塔区"]) == [["530402", "variant"]]


def test_names_of_areas_that_hold_the_wider_ones():
    table = areas(
        **{
            "530402001": "云南省玉溪市红塔区玉兴街道",
            "530402001001": "玉兴街道荷花社区居民委员会",
            "530402472": "玉溪高新技术产业开发区",
        }
    )
    assert found(table, township=["玉兴街道", "玉溪市红塔区玉兴街道", "高新区", "玉溪高新区"]) == [
        ["530402001", "variant"],
        ["530402001", "variant"],
        ["530402472", "variant"],
        ["530402472", "variant"],
    ]
    assert found(table, community=["荷花社区"]) == [["530402001001", "variant"]]


def test_a_short_name_before_a_thin_rest_is_not_split():
    """红塔山社区 is no 山社区 of 红塔区."""
    assert found(areas(**{"530402001003": "山社区"}), community=["红塔山社区", "红塔区山社区"]) == [
        [None, "unmatched"],
        ["530402001003", "variant"],
    ]


def test_different_names_are_suggested_not_matched():
    matches = match(township=["玉兴路街道", "双江乡", "全新街道"], county=[None, None, "元江县"])
    assert matches.frame["how"].tolist() == ["unmatched"] * 3
    assert matches.frame["candidates"].tolist() == [("530402001",), ("530402103",), ()]
    assert [(key, row) for _, key, row, _, _ in said(matches)] == [
        ("area_unmatched", 1),
        ("area_unmatched", 2),
        ("area_unknown", 3),
    ]
    assert said(matches, "zh")[0][-1] == (
        "“玉兴路街道”不在区划表中，相近的有：红塔区玉兴街道(530402001)。请改正名称，或填写统计用区划代码。"
    )


def test_what_is_ambiguous_is_listed_and_what_is_wider_tells_it_apart():
    matches = match(
        township=["龙泉街道", None, "龙泉街道", "龙泉街道"],
        community=[None, "新村社区", "新村社区", None],
        county=[None, None, None, "元江县"],
    )
    assert matches.frame["area_id"].tolist() == [None, None, None, "530428001"]
    assert matches.frame["how"].tolist() == ["ambiguous"] * 3 + ["name"]
    assert matches.frame["candidates"].tolist() == [
        ("530402002", "530428001"),
        *[("530402002001", "530428001001")] * 2,
        (),
    ]
    assert "红塔区龙泉街道(530402002)、元江哈尼族彝族傣族自治县龙泉街道(530428001)" in said(matches)[0][-1]


def test_spelling_does_not_tell_areas_in_different_places_apart():
    """新村社区 is written so in one township only, but it may well mean the one of the other."""
    assert found(community=["新村社区"])[0][1] == "ambiguous"


def test_a_narrower_name_tells_ambiguous_wider_ones_apart():
    assert found(township=["龙泉街道"], community=["新村社区"], county=["红塔区"]) == [["530402002001", "variant"]]
    assert found(areas(**{"530428001001": "旧村社区"}), township=["龙泉街道"], community=["新村社区"]) == [
        ["530402002001", "variant"]
    ]


def test_one_stem_in_two_sorts():
    assert found(community=["双江社区", "双江村", "双江村委会", "双江"]) == [
        ["530402103001", "variant"],
        ["530402103201", "variant"],
        ["530402103201", "variant"],
        [None, "ambiguous"],
    ]


def test_of_names_side_by_side_the_closest_counts():
    table = areas(**{"530402001003": "新村", "530402001004": "新村社区居委会", "530402001005": "第3社区"})
    assert found(table, township=["玉兴街道"] * 4, community=["新村", "新村社区", "新村居委会", "第三社区"]) == [
        ["530402001003", "name"],
        ["530402001004", "variant"],
        ["530402001004", "variant"],
        ["530402001005", "variant"],
    ]
    both = areas(**{"530402001005": "第3社区", "530402001006": "第三社区居委会"})
    assert found(both, community=["第三社区", "第三社区居委会"]) == [
        ["530402001005", "variant"],
        ["530402001006", "name"],
    ]


def test_a_single_character_is_no_name_without_its_word():
    table = areas(**{"530429": "云县"})
    assert found(table, county=["云", "云县"]) == [[None, "unmatched"], ["530429", "name"]]


def test_half_alike_is_suggested_only_within_what_the_row_says():
    assert match(community=["荷塘社区", "荷塘社区"], township=[None, "玉兴街道"]).frame["candidates"].tolist() == [
        (),
        ("530402001001",),
    ]


def test_remarks_in_brackets_may_be_missing_but_not_contradict():
    table = areas(**{"530402001003": "第二社区(东)", "530402001004": "第二社区(西)"})
    assert found(table, community=["第二社区【西】", "第二社区", "第二社区(南)", "第二社区居委会(东)"]) == [
        ["530402001004", "name"],
        [None, "ambiguous"],
        [None, "unmatched"],
        ["530402001003", "variant"],
    ]


def test_a_wider_name_that_is_not_there_stops_the_search():
    matches = match(county=["澄江县", "红塔区"], township=["玉兴街道", "大村乡"], community=["荷花社区", "荷花社区"])
    assert matches.frame["how"].tolist() == ["unmatched"] * 2
    assert [(row, column) for _, _, row, column, _ in said(matches)] == [(1, "county"), (2, "township")]


def test_the_same_name_beside_is_suggested():
    """荷花社区 is of 玉兴街道, which the row should have said; the one of another county is not suggested."""
    table = areas(**{"530428202203": "荷花村民委员会"})
    matches = match(table, township=["红塔区龙泉街道"], community=["荷花社区"])
    assert matches.frame["candidates"].tolist() == [("530402001001",)]


def test_names_of_any_level():
    rows = pd.DataFrame({"地区": ["玉溪", "红塔区", "玉溪市红塔区龙泉街道", "荷花社区", "双江", None]})
    matches = match_areas(rows, areas(), names={"any": "地区"})
    assert matches.frame["area_id"].tolist() == ["5304", "530402", "530402002", "530402001001", None, None]
    assert matches.frame["how"].tolist()[-2:] == ["ambiguous", None]
    assert len(matches.frame["candidates"][4]) == 3


def test_only_within():
    rows = pd.DataFrame(
        {"township": ["龙泉街道", "玉溪市元江县龙泉街道", "玉兴街道"], "code": [None, None, "530402001"]}
    )
    matches = match_areas(rows, areas(), code="code", within="530428")
    assert matches.frame["area_id"].tolist() == ["530428001", "530428001", None]
    assert matches.frame["candidates"].tolist() == [(), (), ()]
    both = match_areas(rows, areas(), code="code", within=["530428", "530402"])
    assert both.frame["how"].tolist() == ["ambiguous", "variant", "code"]


def test_levels_that_the_table_does_not_hold_are_passed_over():
    table = areas().query("level in ('county', 'community')")
    assert found(table, township=["天上街道", "天上街道"], community=["荷花社区", None]) == [
        ["530402001001", "variant"],
        [None, None],
    ]


def test_parents_follow_from_parent_id_or_from_the_code():
    table = areas()
    assert (gazetteer(table).path == gazetteer(table.assign(parent_id=None)).path).all()
    moved = table.assign(parent_id=table["parent_id"].mask(table["area_id"].eq("530428001001"), "530402001"))
    assert found(moved, township=["玉兴街道"], community=["新村社区"]) == [["530428001001", "name"]]


def test_cities_without_counties():
    table = read_areas(
        pd.DataFrame(
            {
                "代码": ["4419", "441900000000", "441900003", "441900003002"],
                "名称": ["东莞市", "东莞市", "东城街道", "岗贝社区"],
                "级别": ["地级市", "县", "街道", "社区"],
            }
        )
    )
    for given in (table, table.assign(parent_id=None)):
        assert found(given, county=["东莞市", None], township=["东城街道", "东莞市东城街道"]) == [
            ["441900003", "name"],
            ["441900003", "variant"],
        ]


# Findings, tables, strange cells


def test_findings_are_addressed_and_spoken_in_the_words_of_the_file():
    rows = pd.DataFrame({"township": ["玉兴路街道", "玉兴街道办", "玉兴街道办事处"]}, index=[7, 3, 5])
    source = SourceTable(rows, pd.Series([4, 6, 9], index=rows.index), "登记.xlsx", "机构")
    matches = match_areas(rows, areas(), source=source, headers={"township": "所属乡镇"})
    assert matches.frame.index.tolist() == [7, 3, 5]
    first, second = matches.findings
    assert (first.action, first.file, first.sheet, first.row, first.column) == (
        "unmatched",
        "登记.xlsx",
        "机构",
        4,
        "所属乡镇",
    )
    assert (second.action, second.row, second.count) == ("mapped", 6, 2)
    with use_language("zh"):
        assert second.message().startswith(
            "第 6, 9 行的名称写法与区划表不同，已对应，例如“玉兴街道办”即红塔区玉兴街道(530402001)"
        )


def test_a_long_list_of_candidates_is_cut():
    many = {f"5304020010{number:02}": "东风社区" + f"({number})" for number in range(30, 40)}
    message = said(match(areas(**many), community=["东风社区"]))[0][-1]
    assert message.count("东风社区(") == 5
    assert "…" in message


def test_a_gazetteer_serves_many_tables_and_the_areas_are_left_alone():
    table = areas()
    before = table.copy()
    names = gazetteer(table)
    assert found(names, township=["玉兴街道"]) == found(table, township=["玉兴街道"])
    pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(before))


def test_equal_rows_get_equal_answers_and_order_does_not_matter():
    rng = np.random.default_rng(1)
    cells = rng.choice(["玉兴街道", "龙泉街道", "玉兴路街道", None, "双江镇"], 200)
    counties = rng.choice(["红塔区", "元江县", None], 200)
    rows = pd.DataFrame({"township": pd.Series(cells, dtype=object), "county": pd.Series(counties, dtype=object)})
    together = match_areas(rows, areas()).frame
    shuffled = rows.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(match_areas(shuffled, areas()).frame, together.loc[shuffled.index])
    for label in (0, 50, 150):
        alone = match_areas(rows.loc[[label]], areas()).frame
        pd.testing.assert_frame_equal(alone, together.loc[[label]])


STRANGE = [
    None,
    np.nan,
    pd.NA,
    pd.NaT,
    "",
    " ",
    "—",
    0,
    -1,
    5.5,
    10**400,
    float("inf"),
    True,
    [1],
    {"a": 1},
    np.array([1, 2]),
    b"x",
    object(),
    "\ud800",
    "🏠",
    "(",
    "()",
    "%s{0}{x}",
    "=1+1",
    "'; DROP",
    "村",
    "社区",
    "省",
    "a" * 9000,
    "玉溪市" * 900,
    "\x00",
    pd.Timestamp("2020-01-01"),
    1j,
]


@pytest.mark.parametrize("column", ["code", "city", "county", "township", "community", "any"])
def test_no_cell_makes_it_raise(column):
    rows = pd.DataFrame({"x": pd.Series(STRANGE, dtype=object)})
    names = {} if column == "code" else {column: "x"}
    matches = match_areas(rows, areas(), code="x" if column == "code" else None, names=names)
    assert matches.frame["area_id"].isna().all()
    assert set(matches.frame["how"].dropna()) <= {"unmatched"}
    assert all(finding.message("zh") and finding.message("en") for finding in matches.findings)


def test_nothing_to_match():
    assert match_areas(pd.DataFrame({"community": []}), areas()).frame.empty
    assert match_areas(pd.DataFrame({"x": ["玉兴街道"]}), areas()).frame["how"].tolist() == [None]


def test_wrong_arguments():
    rows = pd.DataFrame({"x": ["玉兴街道"]})
    with pytest.raises(UsageError, match="street"):
        match_areas(rows, areas(), names={"street": "x"})
    with pytest.raises(UsageError, match="999999"):
        match_areas(rows, areas(), names={}, within="999999")
    with pytest.raises(UsageError, match="parish"):
        gazetteer(areas().assign(level="parish"))
    with pytest.raises(InputError):
        gazetteer(areas().iloc[:0])


def test_likeness_against_sets():
    names = pd.Series(["莲池", "大湾", "甲", "新新"], index=list("abcd"))
    known = pd.Series(["莲花池", "大弯", "新", "甲乙丙丁", "", "池莲"])
    pairs = {(name, other): score for name, other, score in alike(names, known).to_numpy().tolist()}
    wanted = {}
    for name, ours in names.items():
        for other, theirs in known.items():
            score = 2 * len(set(ours) & set(theirs)) / (len(set(ours)) + len(set(theirs)))
            if score >= 0.5:
                wanted[name, other] = score
    assert pairs == wanted
    assert sorted(wanted) == [("a", 0), ("a", 5), ("b", 1), ("d", 2)]
