"""表1 to 表8: columns, exact numbers, sums that add up, states in words, and a line for every target and unit."""

import re
import runpy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carecircle.policy.judge import Tally, Verdict
from carecircle.policy.results import Line
from carecircle.policy.vocabulary import Kind
from carecircle.report import judged
from carecircle.report.tables import (
    attainment,
    beds,
    by_county,
    estates,
    gap_list,
    quality_basis,
    sites,
    tables,
    yearly,
)
from carecircle.report.tables.estates import required

place = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "judged_place.py"))
study, outcome, DAY = place["study"], place["outcome"], place["DAY"]
YUXI, LINCANG, ZHUZHOU, YIYANG = (place[name] for name in ("YUXI", "LINCANG", "ZHUZHOU", "YIYANG"))


def column(table, heading, group=None):
    at = [n for n, one in enumerate(table.heads) if one.heading == heading and group in {None, one.group}]
    return [row[at[0]] for row in table.rows]


def cell(table, row, heading, group=None):
    """Return a cell by the first words of its row, whichever column they stand in."""
    number = next(n for n, cells in enumerate(table.rows) if any(str(one).startswith(row) for one in cells))
    return column(table, heading, group)[number]


def one_row(target, tally, pack=YUXI, **more):
    judgement = replace(place["yuxi"](), outcomes=(outcome(pack, target, tally, **more),), pack=pack)
    (row,) = attainment(study(), judgement, "zh").rows
    return dict(zip(HEADINGS, row, strict=True))


HEADINGS = [
    "序号",
    "文件条款",
    "指标名称",
    "计算口径",
    "分子",
    "分母",
    "现状值",
    "目标值",
    "期限",
    "差距",
    "判定",
    "力度",
    "数据来源与截止日",
    "备注",
]


# 表1


def test_attainment_has_the_columns_of_the_form():
    table = attainment(study(), place["yuxi"](), "zh")
    assert [head.heading for head in table.heads] == HEADINGS
    assert column(table, "序号") == [float(n) for n in range(1, 10)]
    assert table.pack == "玉溪市养老服务高质量发展三年行动"
    assert table.colours[1] == "in_progress"
    assert table.heads[table.verdict].heading == "判定"
    assert "征求意见稿" in table.foot[2]


def test_a_row_of_attainment():
    row = one_row("YX-03", Tally(33, 51))
    assert (row["分子"], row["分母"], row["现状值"], row["目标值"]) == (33.0, 51.0, "64.7%", "≥65%")
    assert row["差距"] == "差 0.3 个百分点（还需 1 个）"
    assert (row["判定"], row["力度"]) == ("进行中", "刚性")
    assert row["文件条款"] == "二 发展目标（YX-03）"
    assert row["期限"] == "2026年12月31日（期内持续）"
    assert row["数据来源与截止日"] == "设施名录，截至2026年6月30日"
    assert "口径：建有率：境内有设施的单元占比；" in row["计算口径"]


@pytest.mark.parametrize(
    ("target", "tally", "value", "gap", "word"),
    [
        ("YX-04", Tally(9999, 10000), "99.9%", "差 0.1 个百分点（还需 1 个）", "进行中"),
        ("YX-04", Tally(5, 5), "100.0%", "—", "达标"),
        ("YX-04", Tally(0, 5), "0.0%", "差 100 个百分点（还需 5 个）", "进行中"),
        ("YX-04", Tally(1, 100000), "<0.1%", "差 100.0 个百分点（还需 99,999 个）", "进行中"),
        ("YX-05", Tally(8, 10, 1), "80.0%", "差 10 个百分点（还需 1 个）", "待核实"),
        ("YX-04", Tally(0, 0), "不适用", "—", "不适用"),
        ("YX-04", Tally(None, 5), "无数据", "—", "数据不足"),
        ("YX-01", Tally(699, 1000), "69.9%", "差 0.1 个百分点（还需 1 张）", "进行中"),
        ("YX-18", Tally(2, None), "2 个", "超出 2 个", "未达标"),
        ("YX-20", Tally(Fraction(8007, 10), 3000), "26.6%", "—", "监测"),
        ("YX-29", Tally(Fraction(549, 10), 100), "54.9%", "差 0.1 个百分点（还需 1 万元）", "未达标"),
    ],
)
def test_values_are_cut_and_gaps_counted(target, tally, value, gap, word):
    row = one_row(target, tally)
    assert (row["现状值"], row["差距"], row["判定"]) == (value, gap, word)


def test_rows_judged_one_by_one_say_how_many_pass():
    row = one_row("YX-11", Tally(1, 2), verdict=Verdict("missed", None, 1))
    assert (row["现状值"], row["目标值"], row["差距"]) == ("达标 1/2（50.0%）", "逐个≥80%", "还需 1 个")


def test_numbers_of_counts_have_no_denominator():
    row = one_row("YY-01", Tally(3, None), pack=YIYANG)
    assert (row["分子"], row["分母"], row["现状值"], row["目标值"]) == (3.0, "—", "3 个", "≥8 个")
    assert row["差距"] == "还需 5 个"


def test_remarks_hold_reasons_years_and_other_readings():
    said = cell(attainment(study(), place["yuxi"](), "zh"), "二 发展目标（YX-03", "备注").split("\n")
    assert said == [
        "有一家机构缺功能。",
        "2024年（推算）：30/51（58.8%），未达标",
        "按“服务覆盖率”：34/51（66.6%），达标",
        "按“可达覆盖率”：3/51（5.8%），进行中",
    ]


def test_kin_of_targets_is_named():
    kin = [one for one in (*LINCANG.targets, *ZHUZHOU.targets) if one.same_as or one.conflicts_with]
    assert kin
    for target in kin:
        pack = LINCANG if target in LINCANG.targets else ZHUZHOU
        said = "\n".join(judged.remarks(outcome(pack, target.id, None, verdict=Verdict("no_data")), "zh"))
        assert all(name in said for name in (*target.same_as, *target.conflicts_with))


LATE = Verdict("missed", Fraction(1000, 17), 4, 2024)


def test_numbers_of_a_year_that_decided_belong_together():
    years = tuple(Line(Tally(n, 51), Verdict("missed"), period=year) for n, year in ((30, "2024"), (34, "2026")))
    row = one_row("YX-03", Tally(34, 51), verdict=LATE, lines=years)
    assert (row["分子"], row["分母"], row["现状值"]) == (30.0, 51.0, "58.8%（2024年）")
    assert row["差距"] == "差 6.2 个百分点（还需 4 个）"
    assert row["判定"] == "未达标（2024年）"
    assert "2026年：34/51（66.6%）" in row["备注"]


def test_the_year_of_the_data_is_not_said():
    row = one_row("YX-03", Tally(30, 51), verdict=replace(LATE, year=2026))
    assert (row["现状值"], row["判定"]) == ("58.8%", "未达标")


def test_what_the_worst_county_lacks_is_not_said_of_the_whole():
    row = one_row("YX-03", Tally(33, 51), verdict=Verdict("missed", Fraction(50), 1))
    assert row["差距"] == "差 0.3 个百分点"


def test_failing_rows_are_named_and_cut():
    rows = tuple(Line(Tally(0, 1), Verdict("missed"), item=f"院{n}") for n in range(20))
    said = judged.remarks(outcome(YUXI, "YX-11", Tally(0, 20), verdict=Verdict("missed", None, 20), lines=rows), "zh")
    assert said[0].startswith("未达标：院0、院1、")
    assert said[0].endswith("院7等 20 个")


def test_every_target_of_every_pack_has_words_for_what_it_demands():
    for pack in (YUXI, LINCANG, ZHUZHOU, YIYANG):
        for target in pack.targets:
            zh, en = judged.demanded(target, "zh"), judged.demanded(target, "en")
            assert zh
            assert not re.search(r"[一-鿿]", en), (target.id, en)
            if target.threshold is not None:
                assert f"{target.threshold:f}" in zh or (target.upper and f"{target.upper:f}" in zh)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_shown_share_never_reaches_a_threshold_that_is_missed(part, more):
    whole = part + more
    target = YUXI.target("YX-05")
    shown = judged.value(target, Tally(part, whole), Verdict("missed"), "zh")
    if Fraction(part, whole) < Fraction(9, 10):
        assert shown.startswith("<") or float(shown.rstrip("%")) < 90
    assert shown != "100.0%"


# 表2


def test_counties_add_up_and_rates_are_computed_anew():
    table = by_county(study(), "zh")
    group = "乡镇区域养老服务中心覆盖率"
    assert [row[0] for row in table.rows] == ["东县", "西县", "合计"]
    assert table.totals == 1
    assert column(table, "总数", group) == [2.0, 49.0, 51.0]
    assert column(table, "达到数", group) == [1.0, 32.0, 33.0]
    assert column(table, "占比", group) == [0.5, 0.653, 0.647]  # the mean of the rates would be 0.576
    assert column(table, "占比", "街道综合功能养老机构覆盖") == [1.0, "不适用", 1.0]


def test_people_and_beds_of_counties():
    table = by_county(study(), "zh")
    assert column(table, "60 岁及以上人口", "15分钟可达") == [1000.0, 2000.0, 3000.0]
    assert column(table, "可达人数", "15分钟可达") == [600.0, 199.0, 799.0]
    assert column(table, "可达率", "15分钟可达") == [0.6, 0.099, 0.266]
    assert column(table, "护理型床位") == [100.0, 60.0, 160.0]  # closed ones and day care do not count
    assert column(table, "总床位") == [150.0, 60.0, 210.0]
    assert column(table, "护理型占比") == [0.666, 1.0, 0.761]
    assert column(table, "每千名老年人床位") == [150.0, 30.0, 70.0]


def test_what_is_unknown_of_a_county_is_unknown_of_all():
    lines = place["lines"](YUXI, "YX-03", Tally(1, 2), Tally(None, 49))
    found = outcome(YUXI, "YX-03", Tally(None, 51), lines=lines)
    table = by_county(study(place["yuxi"](**{"YX-03": found})), "zh")
    assert column(table, "达到数", "乡镇区域养老服务中心覆盖率") == [1.0, "无数据", "无数据"]
    assert column(table, "占比", "乡镇区域养老服务中心覆盖率") == [0.5, "无数据", "无数据"]


def test_verdicts_of_counties_are_the_gravest():
    table = by_county(study(), "zh")
    assert column(table, "是否达标") == ["进行中", "进行中", "待核实"]
    assert table.colours == {0: "in_progress", 1: "in_progress", 2: "to_be_verified"}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=2))
def test_the_last_line_is_the_sum(pairs):
    tallies = [Tally(min(pair), max(pair)) for pair in pairs]
    found = outcome(YUXI, "YX-03", tallies[0] + tallies[1], lines=place["lines"](YUXI, "YX-03", *tallies))
    table = by_county(study(place["yuxi"](**{"YX-03": found})), "zh")
    group = "乡镇区域养老服务中心覆盖率"
    *parts, whole = zip(column(table, "达到数", group), column(table, "总数", group), strict=True)
    assert whole == tuple(map(sum, zip(*parts, strict=True)))
    share = column(table, "占比", group)[-1]
    if whole[1] == 0:
        assert share == "不适用"
    elif whole[0] and share != "<0.1%":
        assert share == pytest.approx(int(whole[0] * 1000 // whole[1]) / 1000)


def test_units_that_have_one_stand_beside_those_that_are_served():
    served = tuple(
        Line(tally, Verdict("met"), code, name, reading="coverage=served")
        for (code, name), tally in zip(place["COUNTIES"].items(), (Tally(2, 2), Tally(39, 49)), strict=True)
    )
    lines = place["lines"](YUXI, "YX-03", Tally(1, 2), Tally(32, 49))
    found = outcome(YUXI, "YX-03", Tally(33, 51), lines=(*lines, *served))
    table = by_county(study(place["yuxi"](**{"YX-03": found})), "zh")
    group = "乡镇区域养老服务中心覆盖率"
    assert column(table, "占比", group) == [0.5, 0.653, 0.647]
    assert column(table, "服务覆盖率", group) == [1.0, 0.795, 0.803]
    assert [one.area_id for one in found.by_area()] == list(place["COUNTIES"])


def two_cities():
    """Return a study of two packs, each of a county of its own."""
    names = pd.DataFrame({"area_id": list(place["COUNTIES"]), "name": list(place["COUNTIES"].values())})
    one, other = place["lines"](YUXI, "YX-03", Tally(1, 2), Tally(32, 49))
    found = replace(outcome(YUXI, "YX-03", Tally(1, 2), lines=(one,)))
    yuxi = replace(place["yuxi"](), outcomes=(found,), counties=names.iloc[:1])
    found = replace(outcome(LINCANG, "LC-27", Tally(32, 49)), lines=(other,))
    return study(yuxi, replace(yuxi, pack=LINCANG, outcomes=(found,), counties=names.iloc[1:]))


def test_counties_are_those_of_all_packs():
    two = two_cities()
    table = by_county(two, "zh")
    assert [row[0] for row in table.rows] == ["东县", "西县", "合计"]
    assert column(table, "总床位") == [150.0, 60.0, 210.0]
    assert [row[0] for row in beds(two, "zh").rows] == ["东县", "西县", "合计"]


def test_each_county_has_the_target_of_its_own_pack():
    two = two_cities()
    units = {one.target.id: one.target.unit for judgement in two.judgements for one in judgement.outcomes}
    assert set(units.values()) <= {"town", "township_level"}
    table = by_county(two, "zh")
    titles = [pack.target(name).title.said("zh") for pack, name in ((YUXI, "YX-03"), (LINCANG, "LC-27"))]
    assert [column(table, "总数", one) for one in titles] == [[2.0, "—", 2.0], ["—", 49.0, 49.0]]
    assert "YX-03、LC-27" in table.foot[-1]


def test_without_counties_there_is_no_table_of_them():
    assert by_county(replace(study(), areas=place["areas"]().iloc[2:], judgements=()), "zh") is None


# 表3, 表4


def test_gaps_by_rank_with_states_in_words():
    table = gap_list(study(), "zh")
    assert column(table, "乡镇（街道）") == ["城关街道", "河口镇"]
    assert column(table, "缺口类型") == ["超出时限（40 人）", "无设施"]
    assert column(table, "60岁及以上") == [950.0, 900.0]
    assert column(table, "80岁及以上") == ["无数据", 80.0]
    assert column(table, "路程（米）") == ["没有这类设施", 1235.0]
    assert column(table, "步行（分钟）") == ["没有这类设施", 25.8]
    assert column(table, "建议措施") == ["盘活闲置", "新建"]
    assert column(table, "责任单位") == ["", ""]
    assert column(table, "计划年度") == ["2026", "2026"]
    assert column(table, "对应指标")[1].endswith("同 YX-99")


def test_nothing_judged_and_nothing_sited_give_no_tables():
    assert gap_list(study(gaps=None), "zh") is None
    assert sites(study(), "zh") is None
    assert not [one for one in tables(study(), "zh") if one.key == "4"]


def test_no_gaps_are_an_empty_list():
    table = gap_list(study(gaps=place["gaps"]().iloc[:0]), "zh")
    assert table.rows == ()
    assert table.foot[0].startswith("共 0 处")


# 表5


def test_yearly_tasks_are_the_documents():
    tasks, _ = yearly(study(), place["yiyang"](), "zh")
    group = "标准化街道综合养老服务中心"
    assert cell(tasks, "赫山区", "小计", group) == 3.0
    assert cell(tasks, "沅江市", "2025年", group) == "—"
    whole = tasks.rows[-1]
    for at in range(1, len(tasks.heads)):
        assert whole[at] == sum(row[at] for row in tasks.rows[:-1] if row[at] != "—")


def test_yearly_progress_states():
    _, progress = yearly(study(), place["yiyang"](), "zh")
    group = "标准化社区居家养老服务中心"
    assert [cell(progress, "赫山区", one, group) for one in ("累计完成", "累计目标", "完成率", "序时")] == [
        5.0, 7.0, 0.714, "是",
    ]  # fmt: skip
    assert cell(progress, "南县", "累计完成", group) == "无数据"
    assert cell(progress, "南县", "序时", group) == "无数据"
    assert cell(progress, "南县", "完成率", "标准化街道综合养老服务中心") == "不适用"
    assert cell(progress, "合计", "累计目标", "四星级以上养老机构") == 8.0
    assert cell(progress, "合计", "序时", "四星级以上养老机构") == "—"
    assert cell(progress, "资阳区", "序时", "标准化街道综合养老服务中心") == "是"


def test_a_pack_without_a_schedule_has_no_yearly_table():
    assert yearly(study(), place["yuxi"](), "zh") == ()


# 表6


def sized(pack, *names):
    return [(pack.target(name), pack.target(name).data.sheets[0]) for name in names]


@pytest.mark.parametrize(
    ("pack", "names", "row", "choices", "wanted"),
    [
        (LINCANG, ("LC-19", "LC-20"), {"built": "新建", "households": 1200.0}, {}, 300),
        (LINCANG, ("LC-19", "LC-20"), {"built": "新建", "households": 2000.0}, {}, 400),
        (YUXI, ("YX-16", "YX-17"), {"built": "新建", "households": 1200.0}, {}, 240),
        (YUXI, ("YX-16", "YX-17"), {"built": "已建成", "households": 1200.0}, {}, 180),
        (ZHUZHOU, ("ZZ-09",), {"built": "新建", "households": 1200.0}, {}, 786),
        (ZHUZHOU, ("ZZ-09",), {"built": "新建", "households": 1200.0}, {"household_size": "persons_3_2"}, 960),
        (ZHUZHOU, ("ZZ-09",), {"built": "新建", "households": 1200.0, "people": 4000.0}, {}, 1000),
        (YIYANG, ("YY-09",), {"built": "新建", "required_m2": 123.4}, {}, Fraction("123.4")),
        (YUXI, ("YX-16",), {"built": "新建", "households": None}, {}, None),
    ],
)
def test_what_an_estate_must_have(pack, names, row, choices, wanted):
    assert required(row, sized(pack, *names), choices) == wanted


def estates_of(pack, *rows, names=("LC-19", "LC-20")):
    columns = ["name", "county", "built", "households", "premises_m2", "smallest_m2", "planned", "transferred"]
    given = pd.DataFrame([dict(zip(columns, row, strict=True)) for row in rows]).astype({"households": float})
    found = tuple(outcome(pack, name, None, verdict=Verdict("no_data")) for name in names)
    return estates(study(), replace(place["yuxi"](), pack=pack, outcomes=found, inputs={"estates": given}), "zh")


def test_estates_against_rate_and_single_site():
    table = estates_of(
        LINCANG,
        ("够", "东县", "新建", 1200, 300.0, 300.0, True, True),
        ("总面积少", "东县", "新建", 1600, 319.96, 319.96, True, False),
        ("单处小", "东县", "新建", 1200, 400.0, 200.0, False, None),
        ("没填", "东县", "新建", 1200, np.nan, np.nan, None, None),
        ("旧的", "东县", "已建成", 1200, 10.0, 10.0, None, None),
    )
    assert column(table, "应配") == [300.0, 320.0, 300.0, 300.0, "无数据"]
    assert column(table, "实配") == [300.0, 319.9, 400.0, "无数据", 10.0]
    assert column(table, "是否达标") == ["达标", "未达标", "未达标", "待核实", "不适用"]
    assert column(table, "差额")[:2] == [0.0, -0.1]  # 0.04 short is short
    assert column(table, "已移交") == ["是", "否", "无数据", "无数据", "无数据"]


def shared_estates(shared, *areas_m2):
    """Return table 6 of estates of one township, each of 100 households that need 20 m2."""
    rows = [("甲镇", name, "东县", "新建", 100.0, area) for name, area in zip("甲乙丙", areas_m2, strict=False)]
    given = pd.DataFrame(rows, columns=["township", "name", "county", "built", "households", "premises_m2"])
    found = outcome(YUXI, "YX-16", None, verdict=Verdict("no_data"))
    found = replace(found, readings={"shared_premises": shared})
    return estates(study(), replace(place["yuxi"](), outcomes=(found,), inputs={"estates": given}), "zh")


@pytest.mark.parametrize(
    ("shared", "areas_m2", "words"),
    [
        ("yes", (0.0, 40.0), ["达标", "达标"]),
        ("no", (0.0, 40.0), ["未达标", "达标"]),
        ("yes", (0.0, 39.9), ["未达标", "未达标"]),
    ],
)
def test_estates_that_may_share_are_judged_by_township(shared, areas_m2, words):
    table = shared_estates(shared, *areas_m2)
    assert column(table, "是否达标") == words
    assert column(table, "差额") == [-20.0, pytest.approx(areas_m2[1] - 20)]
    assert any("同一乡镇（街道）" in one for one in table.foot) == (shared == "yes")


def test_an_estate_of_a_county_that_is_not_known_is_to_be_verified():
    table = estates_of(LINCANG, ("甲", "别处县", "新建", 1200, 300.0, 300.0, True, True))
    assert column(table, "是否达标") == ["待核实"]


def test_no_sheet_of_estates_no_table():
    assert estates(study(), place["yuxi"](), "zh") is None


# 表7, 表8


def test_beds_by_county_ownership_and_grade():
    table = beds(study(), "zh")
    assert [row[0] for row in table.rows] == ["东县", "西县", "合计"]
    assert column(table, "机构数") == [2.0, 1.0, 3.0]
    assert column(table, "公办") == [100.0, 60.0, 160.0]
    assert column(table, "民办") == [50.0, 0.0, 50.0]
    assert column(table, "4级") == [1.0, 0.0, 1.0]
    assert column(table, "未评", "按评定等级分的机构数") == [0.0, 1.0, 1.0]
    assert column(table, "平均每家床位") == [75.0, 60.0, 70.0]


def test_beds_that_are_not_said_are_no_data():
    frame = place["facilities"]()
    frame.loc[0, "nursing_beds"] = np.nan
    table = beds(study(facilities=frame), "zh")
    assert column(table, "护理型床位") == ["无数据", 60.0, "无数据"]
    assert column(table, "护理型占比") == ["无数据", 1.0, "无数据"]
    assert column(table, "总床位") == [150.0, 60.0, 210.0]


def test_institutions_count_as_the_verdicts_count_them():
    frame = place["facilities"]()
    frame["opened"] = pd.to_datetime(["2027-01-01", "2020-01-01", None, None, None])
    frame["stars"] = ["二级", "★★★★", "4星", None, None]
    table = beds(study(facilities=frame), "zh")
    assert column(table, "机构数") == [1.0, 1.0, 2.0]
    assert column(table, "总床位") == [50.0, 60.0, 110.0]
    assert column(table, "4级") == [1.0, 1.0, 2.0]


def test_institutions_of_a_sheet_that_open_later_do_not_count():
    columns = {"county": ["东县"] * 2, "kind": ["敬老院"] * 2, "beds": [10.0, 20.0], "nursing_beds": [1.0, 2.0]}
    given = pd.DataFrame({**columns, "opened": pd.to_datetime(["2027-01-01", None])})
    table = beds(study(replace(place["yuxi"](), inputs={"institutions": given})), "zh")
    assert column(table, "总床位") == [20.0, 0.0, 20.0]


def test_kinds_of_a_packs_own_are_institutions():
    kind = YUXI.kinds | {"hall": Kind(title={"zh": "颐养堂", "en": "hall"}, words=("颐养堂",))}
    bed_target = YUXI.target("YX-01").model_copy(update={"kinds": ("institution", "hall")})
    pack = YUXI.model_copy(update={"kinds": kind})
    own = replace(outcome(YUXI, "YX-01", Tally(1, 2)), target=bed_target)
    frame = place["facilities"]().assign(kind=["颐养堂", "养老院", "敬老院", "敬老院", "茶馆"])
    table = beds(study(replace(place["yuxi"](), pack=pack, outcomes=(own,)), facilities=frame), "zh")
    assert column(table, "机构数") == [2.0, 1.0, 3.0]


def test_a_filled_in_sheet_goes_before_the_registry():
    given = pd.DataFrame(
        {
            "county": ["东县", "别处", "西县"],
            "kind": ["敬老院", "养老院", "敬老院"],
            "beds": [10.0, 20.0, 40.0],
            "nursing_beds": [1.0, 2.0, 4.0],
            "stars": [5.0, 0.0, np.nan],
            "status": ["在营", None, "停业"],
            "ownership": ["公办", "村集体", "公办"],
        }
    )
    table = beds(study(replace(place["yuxi"](), inputs={"institutions": given})), "zh")
    assert [row[0] for row in table.rows] == ["东县", "西县", "所在县不明", "合计"]
    assert column(table, "总床位") == [10.0, 0.0, 20.0, 30.0]
    assert column(table, "5级") == [1.0, 0.0, 0.0, 1.0]
    assert "机构台账" in table.foot[0]


def test_the_basis_names_files_notes_parameters_and_every_reading():
    table = quality_basis(study(), "zh")
    said = "\n".join(str(one) for row in table.rows for one in row)
    assert "1,234 字节，校验码 abababababab" in said
    assert "路网有一个孤岛。" in said
    assert ("计算参数", "时距（分钟）", "5、15") in table.rows
    for judgement in study().judgements:
        for one in judgement.outcomes:
            for _, words in judged.readings(one, "zh"):
                assert any(words in row[2] and one.target.id in row[1] for row in table.rows)


# All


def test_every_row_has_a_cell_for_every_heading():
    found = tables(study(), "zh")
    assert [(one.key, one.part) for one in found] == [
        ("1", 0), ("1", 0), ("2", 0), ("3", 0), ("5", 1), ("5", 2), ("7", 0), ("8", 0),
    ]  # fmt: skip
    for table in found:
        assert all(len(row) == len(table.heads) for row in table.rows)
        assert all(isinstance(one, str | float) for row in table.rows for one in row)
        assert all(np.isfinite(one) for row in table.rows for one in row if isinstance(one, float))


def test_english_tables_have_english_headings():
    for table in tables(study(), "en"):
        words = [table.title, *(part for head in table.heads for part in (head.heading, head.group))]
        assert not re.search(r"[一-鿿]", "".join(words)), words


def test_a_study_without_judgements_has_the_tables_of_its_data():
    assert [one.key for one in tables(replace(study(), judgements=(), gaps=None), "zh")] == ["2", "7", "8"]
