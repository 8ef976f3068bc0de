"""What is shown of a siting plan: table 4 cell by cell, words that never flatter, files that keep to themselves."""

import csv
import json
import runpy
import zipfile
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
from docx import Document
from hypothesis import given
from hypothesis import strategies as st

from carecircle.errors import OutputError
from carecircle.language import use_language
from carecircle.report import facts, figures, fonts, sitewords
from carecircle.report.figures import write_figures
from carecircle.report.official import write_official
from carecircle.report.siting import Surroundings, curve, sheets, sites_html
from carecircle.report.siting.plot import write_curve
from carecircle.report.siting.scene import MOST_CANDIDATES, scene
from carecircle.report.suppression import published
from carecircle.report.tables import site_table, sites, tables
from carecircle.report.word import write_report
from carecircle.schema import SITES, check
from carecircle.writing import RESULTS, write_sites

made = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "sited_town.py"))
TOTAL, NASTY = made["TOTAL"], made["NASTY"]
needs_font = pytest.mark.skipif(fonts.chinese_family() is None, reason="no font for Chinese (fonts-noto-cjk)")


@pytest.fixture(scope="module")
def sited():
    return made["sited"]()


@pytest.fixture(scope="module")
def study(sited):
    return sited[0]


@pytest.fixture(scope="module")
def plan(sited):
    return sited[1]


def column(table, heading, group=None):
    at = [n for n, one in enumerate(table.heads) if one.heading == heading and group in {None, one.group}]
    return [row[at[0]] for row in table.rows]


def without_sites(plan, **more):
    return replace(plan, chosen=plan.chosen.iloc[:0], assignment=plan.assignment.iloc[:0], **more)


# 表4

TABLE_4 = {
    "排序": [1.0, 2.0, 3.0, ""],
    "候选点": [
        "文林街道原第三小学\n示例县 城关镇 青云社区2（闲置资产清单）",
        "北营镇原粮管所\n示例县 北营镇 大营社区3（闲置资产清单）",
        "U-003\n示例县 西山乡（未覆盖人口中心）",
        "合计（3 处）",
    ],
    "坐标（CGCS2000）": ["102.486201\n24.302713", "102.508871\n24.313566", "102.512813\n24.291861", ""],
    "地类/用地性质": ["教育用地", "仓储用地", "", ""],
    "权属": ["国有（教体局）", "集体", "", ""],
    "现状": ["空置校舍", "闲置办公用房", "", ""],
    "面积（平方米）": [1250.0, 480.5, "无数据", ""],
    "新增覆盖60+人口": [1210.0, 641.0, 150.0, 2001.0],
    "新增覆盖社区（单元）数": [2.0, 1.0, 0.0, 3.0],
    "累计覆盖率": [0.629, 0.659, 0.666, 0.666],
    "服务半径": ["15 分钟（约 720 米）"] * 3 + [""],
    "冲突（红线/地灾/洪涝）": ["", "距一般地质灾害点 120 米", "", ""],
    "建议设施类": ["社区养老服务中心", "社区养老服务中心", "", ""],
    "投资（万元，填）": [180.0, "", "", ""],
    "理由": [*made["TEXTS"]["reason"], ""],
}


def test_the_plan_of_the_tests_keeps_the_contract(plan):
    check(plan.chosen, SITES)


def test_table_4_cell_by_cell(study):
    table = sites(study, "zh")
    assert {head.heading: column(table, head.heading) for head in table.heads} == TABLE_4
    assert list(TABLE_4) == [head.heading for head in table.heads]
    assert (table.key, table.title, table.totals) == ("4", "选址建议表", 1)
    assert table.foot[0] == "限定数量（预算）的最大覆盖：可行，距上界不超过 1.2%。"
    assert table in tables(study, "zh")


def test_a_phased_plan_has_years(study):
    table = site_table(made["plan"](study, phased=True), study, "zh")
    assert column(table, "年度") == ["2025", "2026", "2027", ""]


def test_rows_stand_by_rank(study, plan):
    mixed = replace(plan, chosen=plan.chosen.iloc[[2, 0, 1]])
    assert site_table(mixed, study, "zh") == site_table(plan, study, "zh")


def test_nobody_asked_for_sites(study):
    assert sites(replace(study, sites=None), "zh") is None


def test_a_plan_that_cannot_be_had_says_why(study, plan):
    reasons = ("河湾村4 到不了任何候选点",)
    infeasible = without_sites(plan, status="infeasible", objective=np.nan, gap=np.nan, reasons=reasons)
    table = site_table(infeasible, study, "zh")
    assert table.rows == ()
    assert table.foot[0] == "限定数量（预算）的最大覆盖：不可行：河湾村4 到不了任何候选点。"
    page = sites_html(infeasible, study)
    assert "河湾村4 到不了任何候选点" in page
    assert "没有建议的选址。" in page
    assert '<div class="card">' not in page
    themes = scene(infeasible, study, around(study), "zh")["themes"]
    assert [theme["label"] for theme in themes] == ["建设前服务圈", "不着色"]
    assert sheets.gap(infeasible, "zh") == "未得到"


def test_unknown_people_are_never_0(study, plan):
    chosen = plan.chosen.assign(people_60=[np.nan, 640.4, 150.4], units_count=np.nan, covered=[np.nan, np.nan, 14_000])
    table = site_table(replace(plan, chosen=chosen), study, "zh")
    assert column(table, "新增覆盖60+人口") == ["无数据", 640.0, 150.0, "无数据"]
    assert column(table, "新增覆盖社区（单元）数") == ["无数据"] * 4
    assert column(table, "累计覆盖率") == ["无数据", "无数据", 0.666, 0.666]


@given(st.lists(st.floats(0, 1e6), max_size=40))
def test_gains_add_up_to_the_sum_rounded(people):
    gains = sitewords.gains(people)
    assert sum(gains) == (np.floor(np.cumsum(people)[-1] + 0.5) if people else 0)
    assert all(abs(gain - one) <= 1 + 1e-6 for gain, one in zip(gains, people, strict=True))
    assert all(gain >= 0 for gain in gains)


def test_drivers_have_no_metres(study, plan):
    driving = replace(study, profile=replace(study.profile, name="drive", mode="drive"))
    assert sitewords.radius(plan, driving, "zh") == "15 分钟"
    assert sitewords.radius(replace(plan, parameters={}), study, "en") == "15 min (about 720 m)"


def test_the_table_is_in_the_workbook_and_the_report(study, tmp_path):
    write_official(study, tmp_path / "tables.xlsx")
    book = openpyxl.load_workbook(tmp_path / "tables.xlsx")
    sheet = book["表4 选址建议表"]
    assert [cell.value for cell in sheet[3]] == list(TABLE_4)
    assert sheet["H4"].value == 1210
    assert sheet["J4"].number_format == "0.0%"
    write_report(study, tmp_path / "report.docx")
    words = "\n".join(one.text for one in Document(tmp_path / "report.docx").paragraphs)
    assert "求解结论：可行，距上界不超过1.2%。" in words
    assert "1．文林街道原第三小学：新增覆盖1,210人" in words
    assert words.index("求解结论") < words.index("选址建议表") < words.index("七、")


# Words


@pytest.mark.parametrize(
    ("status", "gap", "sense", "words"),
    [
        ("optimal", 0.0, "max", "已证明最优"),
        ("feasible", 0.0121, "max", "可行，距上界不超过 1.3%"),
        ("feasible", 0.0, "min", "可行，距下界不超过 0.0%"),
        ("feasible", np.inf, "min", "可行，未能证明距最优多远"),
        ("feasible", np.nan, "max", "可行，未能证明距最优多远"),
    ],
)
def test_standing(plan, status, gap, sense, words):
    assert sitewords.standing(replace(plan, status=status, gap=gap, sense=sense), "zh") == words


def test_numbers_are_rounded_away_from_what_flatters(plan):
    best = replace(plan, objective=14_001.9, bound=14_159.1)
    assert sitewords.objective(best, "zh") == ("覆盖的60岁及以上人口", "14,001")
    assert sitewords.bound(best, "zh") == ("上界（任何方案都不能超过）", "14,160")
    least = replace(plan, problem="p_center", sense="min", objective=14.01, bound=13.19)
    assert sitewords.objective(least, "zh") == ("最远出行时间（分钟）", "14.1")
    assert sitewords.bound(least, "zh") == ("下界（任何方案都不能低于）", "13.1")
    assert sitewords.bound(replace(plan, bound=np.inf), "zh")[1] == "未得到"
    proven = replace(least, status="optimal", objective=807_991.998, bound=807_991.998)
    assert sitewords.bound(proven, "zh")[1] == sitewords.objective(proven, "zh")[1] == "807,992"
    fair = replace(plan, problem="equity", objective=0.6479, bound=0.6481)
    assert (sitewords.objective(fair, "zh")[1], sitewords.bound(fair, "zh")[1]) == ("64.7%", "64.9%")


def test_the_rate_before_is_that_of_the_curve(plan):
    assert sitewords.rate_before_after(plan) == ((12_000.0, TOTAL), (plan.chosen["covered"].iloc[-1], TOTAL))
    unknown = sitewords.rate_before_after(without_sites(plan, curve=plan.curve.iloc[:0]))
    assert np.isnan(np.array(unknown)).all()


def test_reached_is_what_stands_or_is_assigned_in_time(study, plan):
    before, after = sitewords.reached(plan, study)
    far = study.demand["minutes"].to_numpy() > 15
    assert (before == ~far).all()
    assert set(study.demand["demand_id"][after & ~before]) == set(plan.assignment["demand_id"])
    late = replace(plan, assignment=plan.assignment.assign(minutes=15.2))
    assert (sitewords.reached(late, study)[1] == before).all()
    assert sitewords.reached(replace(plan, assignment=plan.assignment.iloc[:0]), study) is None


# The other tables


def test_targets_that_are_not_known_neither_hold_nor_fail(plan):
    table = sheets.targets(plan, "zh")
    assert column(table, "建设前", "达到数") == [25.0, 3.0]
    assert column(table, "建设后", "达到数") == [28.0, "无数据"]
    assert column(table, "建设后", "覆盖率") == [0.583, "无数据"]
    assert column(table, "建设后", "是否达标") == ["否", "不能判断"]


def test_every_table_has_its_numbers(study):
    phased = made["plan"](study, phased=True)
    found = {table.title: table for table in sheets.every_sheet(phased, study, "zh")}
    assert list(found) == [
        "选址建议表", "新建处数与覆盖率", "政策指标建设前后", "备选方案", "其他出行速度和需求下的效果", "分年度效果",
        "未采用的候选点", "参数与求解结论",
    ]  # fmt: skip
    assert column(found["新建处数与覆盖率"], "建议方案") == ["", "", "", "●", "", ""] * 2
    assert column(found["新建处数与覆盖率"], "目标（%）") == [""] * 6 + ["60"] * 6
    assert column(found["备选方案"], "比建议方案差") == [0.0, 50.7]
    assert column(found["备选方案"], "名次是否已证明") == ["是", "否"]
    assert column(found["其他出行速度和需求下的效果"], "建设后", "覆盖率") == [0.666, 0.571, "无数据"]
    assert column(found["其他出行速度和需求下的效果"], "需求")[-1] == facts.label("fact.measure_", "people_80", "zh")
    assert column(found["分年度效果"], "做法") == ["逐年择优"] * 3 + ["兼顾末年"] * 3
    assert column(found["未采用的候选点"], "来源") == ["闲置资产清单", "闲置资产清单", "道路节点"]
    said = dict(found["参数与求解结论"].rows)
    assert said["求解结论"] == "可行，距上界不超过 1.2%"
    assert said["结束原因"] == "到达时间上限"
    assert (said["参数：时限（分钟）"], said["参数：覆盖对象"]) == ("15", "60 岁及以上人口")
    assert "参数：必选候选点" not in said


def test_tables_without_rows_are_left_out(study, plan):
    bare = replace(plan, **dict.fromkeys(("targets", "alternatives", "variants", "dropped"), pd.DataFrame()))
    titles = [table.title for table in sheets.every_sheet(replace(bare, curve=pd.DataFrame()), study, "zh")]
    assert titles == ["选址建议表", "参数与求解结论"]


def test_many_dropped_are_cut_and_it_says_so(plan, monkeypatch):
    monkeypatch.setattr(sheets, "MOST_DROPPED", 2)
    table = sheets.dropped(plan, "zh")
    assert len(table.rows) == 2
    assert table.foot == ("共 3 处，表中列前 2 处，全部见 sites_dropped.csv。",)


# Curve


def test_lines_of_the_curve_are_cut(plan):
    people, target = curve.lines(plan, "zh")
    assert people.rates == (57.1, 62.9, 65.9, 66.6, 67.0, 67.2)
    assert target.rates[4] == 60.4
    assert (people.chosen, target.threshold) == (3, 60.0)
    assert np.isnan(people.threshold)
    assert target.name == "社区养老服务设施覆盖率（含已建成）（YX-05）"


def test_points_that_are_not_known_are_left_out(plan):
    gone = plan.curve.assign(covered=plan.curve["covered"].where(plan.curve["sites"] != 2))
    assert curve.lines(replace(plan, curve=gone))[0].sites == (0, 1, 3, 4, 5)
    assert curve.lines(replace(plan, curve=gone))[0].chosen == 2
    nothing = replace(plan, curve=plan.curve.assign(total=np.nan))
    assert curve.lines(nothing) == ()
    assert curve.curve_svg(nothing) == ""


def test_a_plan_below_the_curve_stands_alone(plan):
    """A plan for another aim, such as least travel, may reach fewer people than the greedy curve."""
    lower = plan.curve.assign(covered=plan.curve["covered"].where(plan.curve["sites"] != 3, 13_000.0))
    people = curve.lines(replace(plan, curve=lower))[0]
    assert people.path == (0, 1, 2, 4, 5)
    assert people.chosen == 3
    assert curve.lines(plan)[0].path == (0, 1, 2, 3, 4, 5)


def test_the_svg_stands_where_the_numbers_are(plan):
    svg = curve.curve_svg(plan, "zh")
    assert svg.count("<polyline") == 2
    assert svg.count('r="7"') == 2
    assert "目标 60%" in svg
    assert "60岁及以上" not in svg.split("<title>")[0]
    assert "新建 3 处，66.6%" in svg
    nasty = made["plan"](made["town"](), nasty=True)
    assert NASTY[0] not in curve.curve_svg(nasty)


@needs_font
def test_the_curve_is_printed_the_same_twice(study, plan, tmp_path):
    one, two = (write_curve(plan, study, tmp_path / name, "zh") for name in ("one.png", "two.png"))
    assert one.read_bytes() == two.read_bytes()
    assert write_curve(replace(plan, curve=pd.DataFrame()), study, tmp_path / "none.png") is None
    assert not (tmp_path / "none.png").exists()


# The page's data


def around(study, **more):
    return Surroundings(rings_after=made["rings_after"](study), candidates=made["candidates"](), **more)


def test_themes_and_layers(study, plan):
    data = scene(plan, study, around(study), "zh")
    assert [theme["label"] for theme in data["themes"]] == [
        "前后对比（15 分钟）", "建设前服务圈", "建设后服务圈", "不着色",
    ]  # fmt: skip
    keys = [group["key"] for group in data["groups"]]
    assert keys == ["sites", "left", "before", "candidates", "facilities", "borders", "names", "streets"]
    assert len(data["candidates"]["name"]) == 60
    assert len(data["uncovered"]["after"]["people"]) < len(data["uncovered"]["before"]["people"])


def test_years_are_layers(study):
    phased = made["plan"](study, phased=True)
    after = made["rings_after"](study)
    data = scene(phased, study, Surroundings(rings_after=after, rings_by_year={2026: after, 2025: after}), "zh")
    assert [theme["label"] for theme in data["themes"]][1:4] == ["建设前服务圈", "2025 年底服务圈", "2026 年底服务圈"]
    assert [group["key"] for group in data["groups"]][:3] == ["year_0", "year_1", "year_2"]
    assert [site["year"] for site in data["sites"]] == [0, 1, 2]
    assert len({site["colour"] for site in data["sites"]}) == 3


def test_without_circles_or_assignment_nothing_is_made_up(study, plan):
    data = scene(replace(plan, assignment=plan.assignment.iloc[:0]), study, Surroundings(), "zh")
    assert [theme["label"] for theme in data["themes"]] == ["建设前服务圈", "不着色"]
    assert data["uncovered"]["after"] is None
    assert "left" not in [group["key"] for group in data["groups"]]


def test_many_candidates_are_cut_and_the_page_says_so(study, plan):
    many = made["candidates"](count=MOST_CANDIDATES + 5)
    page = sites_html(plan, study, Surroundings(candidates=many))
    assert f"地图只画前 {MOST_CANDIDATES:,d} 处未选候选点（共 {MOST_CANDIDATES + 5:,d} 处）。" in page


def test_a_window_says_why_first(study, plan):
    rows = scene(plan, study, Surroundings(), "zh")["sites"][1]["rows"]
    assert rows[0] == ["为什么选这里", made["TEXTS"]["reason"][1]]
    assert ["新增覆盖60+人口", "641"] in rows
    assert ["累计覆盖率", "13,850 / 21,000（65.9%）"] in rows


# Files


def written(plan, study, folder, **more):
    return write_sites(
        plan, study, folder, rings_after=made["rings_after"](study), candidates=made["candidates"](), **more
    )


def test_all_files_together_and_the_same_twice(study, plan, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "笔记.txt").write_text("mine", "utf-8")
    one, two = (written(plan, study, tmp_path / name) for name in ("one", "two"))
    names = ["sites.html", "sites.xlsx", "sites.csv", "sites.gpkg", "sites_dropped.csv", "sites.json"]
    assert [path.name for path in one if path.name != "sites_curve.png"] == names
    assert (tmp_path / "one" / "笔记.txt").read_text("utf-8") == "mine"
    for first, second in zip(one, two, strict=True):
        assert first.read_bytes() == second.read_bytes()
    said = json.loads((tmp_path / "one" / "sites.json").read_text("utf-8"))
    assert (said["status"], said["sites"]) == ("feasible", ["C-01", "C-02", "U-003"])
    layers = gpd.list_layers(tmp_path / "one" / "sites.gpkg")["name"].tolist()
    assert layers == ["sites", "candidates", "isochrones_after"]
    assert len(gpd.read_file(tmp_path / "one" / "sites.gpkg", layer="candidates")) == 60


def test_an_infeasible_plan_is_written_too(study, plan, tmp_path):
    bare = without_sites(plan, status="infeasible", objective=np.nan, gap=np.nan, curve=plan.curve.iloc[:0])
    paths = write_sites(replace(bare, dropped=bare.dropped.iloc[:0]), study, tmp_path / "out")
    assert [path.name for path in paths] == ["sites.html", "sites.xlsx", "sites.csv", "sites.gpkg", "sites.json"]


def test_files_of_others_are_not_lost(study, plan, tmp_path):
    (tmp_path / "sites.csv").write_text("mine", "utf-8")
    with pytest.raises(OutputError):
        written(plan, study, tmp_path)
    assert (tmp_path / "sites.csv").read_text("utf-8") == "mine"


def test_names_cannot_act(tmp_path):
    study, plan = made["sited"](nasty=True)
    write_sites(plan, study, tmp_path / "out", candidates=made["candidates"](nasty=True))
    page = (tmp_path / "out" / "sites.html").read_text("utf-8")
    assert NASTY[0] not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    with zipfile.ZipFile(tmp_path / "out" / "sites.xlsx") as book:
        assert not [name for name in book.namelist() if b"<f>" in book.read(name)]
    rows = list(csv.reader((tmp_path / "out" / "sites_dropped.csv").open(encoding="utf-8-sig")))
    assert rows[2][1] == f"'{NASTY[5]}"


def test_in_english_no_chinese_but_names(study, plan):
    with use_language("en"):
        table = site_table(plan, study)
        headings = "".join(head.heading for one in sheets.every_sheet(plan, study) for head in one.heads)
    assert not fonts.needs_chinese(headings + table.title + "".join(table.foot[:1]))
    assert table.foot[0] == "Most people with so many sites: feasible, within 1.2% of the upper bound."


# The figure


@needs_font
def test_the_figure_comes_last_and_only_with_a_plan(study, tmp_path):
    drawn = write_figures(study, tmp_path, language="zh")
    assert list(drawn.paths)[-1] == figures.SITES
    assert drawn.titles[figures.SITES] == "图4\u3000选址建议前后对比"
    assert drawn.paths[figures.SITES].name in RESULTS
    write_report(study, tmp_path / "report.docx", figures=drawn)
    words = [one.text for one in Document(tmp_path / "report.docx").paragraphs]
    assert words.index("图4\u3000选址建议前后对比") > words.index("六、下半年安排与选址建议")
    without = write_figures(replace(study, sites=None), tmp_path / "without", language="zh")
    assert figures.SITES not in without.paths
    assert not [note for note in without.notes if "选址" in note]


@needs_font
def test_without_an_assignment_the_figure_is_left_out_and_it_is_said(study, plan, tmp_path):
    bare = replace(study, sites=replace(plan, assignment=plan.assignment.iloc[:0]))
    drawn = write_figures(bare, tmp_path, language="zh")
    assert figures.SITES not in drawn.paths
    assert drawn.notes[-1] == "没有相应数据，未绘制“选址建议前后对比”图。"


# For publication


def test_what_a_site_adds_is_not_published(study):
    public = published(study, 10)
    table = sites(public, "zh")
    assert column(table, "新增覆盖60+人口") == ["不公布"] * 4
    assert column(table, "累计覆盖率") == ["不公布"] * 4
    assert column(table, "新增覆盖社区（单元）数") == [2.0, 1.0, 0.0, 3.0]
    assert column(table, "理由") == [""] * 4
    page = sites_html(public.sites, public)
    shown = page.split("<main>")[1].split('<script type="application/json"')[0]
    windows = str(scene(public.sites, public, Surroundings(), "zh")["sites"])
    for number in ("1,210", "13,210", "13,850", "57.1%", "66.6%"):
        assert number in sites_html(study.sites, study)
        assert number not in shown + windows


def test_for_publication_no_curve_and_no_remark_tells_single_places(study, plan):
    people_of_a_target = plan.curve.assign(measure="YX-20")
    told = replace(plan, curve=pd.concat([plan.curve, people_of_a_target]), reasons=("1 个居民点（2 人）：P31。",))
    shown = published(replace(study, sites=told), 10).sites
    assert not np.isfinite(shown.curve["covered"]).any()
    assert not any("2 人" in one for one in shown.reasons)
    assert shown.objective == plan.objective
    alone = replace(told, chosen=told.chosen.head(1), sense="max")
    hidden = published(replace(study, sites=alone), 10).sites
    assert np.isnan(hidden.objective)
    assert np.isnan(hidden.bound)
