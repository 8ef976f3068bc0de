"""The workbook of inputs: written, filled in with another program, read back; and what people do to it."""

import csv
import json
import zipfile
from datetime import date

import numpy as np
import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from carecircle.china.headers import is_personal
from carecircle.cli import app
from carecircle.errors import InputError, MissingInputError, UsageError
from carecircle.findings import QualityLog
from carecircle.language import use_language
from carecircle.policy import built_in, load_pack, vocabulary
from carecircle.policy.sheets.cells import heading
from carecircle.policy.sheets.reading import KEYS, read_inputs_book
from carecircle.policy.sheets.tallies import tally_sheets
from carecircle.report.template import columns_needed, prefilled, sheets_needed, write_template

PACKS = {pack.id: pack for pack in built_in()}
YUXI = [PACKS["yuxi"]]
COUNTIES = ["红塔区", "江川区"]
MARCH = pd.Timestamp(2026, 3, 1).to_pydatetime()
VALUES = {"number": 7.5, "date": pd.Timestamp(2025, 3, 1).to_pydatetime(), "yes_no": "否", "text": "文字"}
FIRST = 5
"""Row of the first cells to fill in: title, line, headings and the example stand above."""


@pytest.fixture
def book(tmp_path):
    """A function that writes a template, has it changed, and returns its path."""

    def write(change, packs=YUXI, counties=COUNTIES, name="inputs.xlsx"):
        path = write_template(packs, tmp_path / name, counties=counties)
        opened = openpyxl.load_workbook(path)
        change(opened)
        opened.save(path)
        return path

    return write


def fill(sheet, *rows, start=FIRST):
    """Write rows of {heading: cell} below the example."""
    headings = {str(cell.value).split("\n")[0].rstrip("*"): cell.column for cell in sheet[3]}
    for number, row in enumerate(rows, start=start):
        for name, value in row.items():
            sheet.cell(number, headings[name], value)


def filled(key, *rows):
    return lambda opened: fill(opened[vocabulary().sheets[key].title.zh], *rows)


def wrong(path, packs=YUXI, language="zh"):
    with use_language(language), pytest.raises(InputError) as error:
        read_inputs_book(path, packs)
    with use_language(language):
        return str(error.value).splitlines()


HOME = {"县(市、区)": "红塔区", "机构名称": "一院", "机构类别": "养老院", "床位数": 100, "护理型床位数": 70}


# The template


@pytest.mark.parametrize("pack", PACKS.values(), ids=lambda pack: pack.id)
def test_an_untouched_template_holds_nothing(tmp_path, pack):
    path = write_template([pack], tmp_path / "a.xlsx", counties=COUNTIES)
    assert read_inputs_book(path, [pack]) == {}
    assert read_inputs_book(write_template([pack], tmp_path / "b.xlsx"), [pack]) == {}
    with use_language("en"):
        english = write_template([pack], tmp_path / "c.xlsx", counties=COUNTIES)
        assert read_inputs_book(english, [pack]) == {}
    assert read_inputs_book(english, [pack]) == {}


def test_same_bytes(tmp_path):
    first, second = (write_template(YUXI, tmp_path / name, counties=COUNTIES) for name in ("a.xlsx", "b.xlsx"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("pack", PACKS.values(), ids=lambda pack: pack.id)
def test_sheets_and_columns_that_targets_need(pack):
    assert set(sheets_needed([pack])) == {use.sheet for target in pack.targets for use in target.data.sheets}
    for target in pack.targets:
        for use in target.data.sheets:
            used = {*use.numerator, *use.denominator, *(one.column for one in (*use.rows, *use.passing))}
            assert used <= set(columns_needed([pack], use.sheet))
    assert "referral" not in columns_needed(YUXI, "institutions")


def test_headings_are_not_taken_for_personal_information():
    columns = [(name, one) for sheet in vocabulary().sheets.values() for name, one in sheet.columns.items()]
    assert [
        name for name, one in columns for said in (name, heading(one, "zh"), heading(one, "en")) if is_personal(said)
    ] == []


def test_what_is_prefilled():
    rows = prefilled(YUXI, "checklist", COUNTIES)
    assert [(row["target"][:5], row["item"], row.get("county")) for row in rows] == [
        ("YX-12", "已建成并承担市级失智照护", None),
        ("YX-14", "利用闲置资源的政策措施已出台", "红塔区"),
        ("YX-14", "利用闲置资源的政策措施已出台", "江川区"),
        ("YX-26", "民政部门为规划委员会成员单位", "红塔区"),
        ("YX-26", "民政部门为规划委员会成员单位", "江川区"),
    ]
    assert prefilled(YUXI, "institutions", COUNTIES) == ()
    assert prefilled(YUXI, "lottery", COUNTIES) == ({"level": "市本级"},)
    assert len(prefilled([PACKS["zhuzhou"]], "lottery", COUNTIES)) == 3
    adaptations = prefilled([PACKS["lincang"]], "adaptations", COUNTIES)
    assert [(row["county"], row["year"]) for row in adaptations][:5] == [
        *[("红塔区", year) for year in range(2022, 2026)],
        ("江川区", 2022),
    ]


def test_how_it_is_set_up(tmp_path):
    opened = openpyxl.load_workbook(write_template(YUXI, tmp_path / "a.xlsx", counties=COUNTIES))
    assert opened.sheetnames[:3] == ["填表说明", "机构台账", "居住区配建台账"]
    assert "YX-01 护理型床位占比" in {
        str(cell.value).split("；")[0] for row in opened["填表说明"].iter_rows() for cell in row
    }
    sheet = opened["机构台账"]
    assert (sheet.freeze_panes, sheet.print_title_rows, sheet.page_setup.orientation) == ("C4", "$1:$3", "landscape")
    assert (sheet.page_setup.paperSize, sheet.sheet_properties.pageSetUpPr.fitToPage) == (9, True)
    assert int(sheet.page_setup.fitToHeight) == 0
    assert sheet["A4"].value == "示例"
    assert sheet["B4"].font.italic
    assert all(cell.comment for cell in sheet[3][1:])
    assert {rule.type for rule in sheet.data_validations.dataValidation} == {"list", "date", "decimal"}
    heads = [cell.value for cell in sheet[3]]
    assert "床位数\n（张）" in heads
    assert "机构名称*" in heads


def test_no_sheet_is_needed(tmp_path):
    pack = PACKS["yuxi"].model_copy(update={"targets": (PACKS["yuxi"].target("YX-03"),)})
    with pytest.raises(UsageError):
        write_template([pack], tmp_path / "a.xlsx")
    assert not (tmp_path / "a.xlsx").exists()


def test_names_are_no_formulas(tmp_path):
    path = write_template(YUXI, tmp_path / "a.xlsx", counties=["=1+1", "@x"])
    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if b"<f>" in archive.read(name)]


# Filled in and read back


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("pack", PACKS.values(), ids=lambda pack: pack.id)
def test_every_sheet_comes_back(tmp_path, pack, language):
    """One row in every sheet of every pack, a value in every cell."""
    path = write_template([pack], tmp_path / "a.xlsx", language=language)
    opened, wanted = openpyxl.load_workbook(path), {}
    for key in sheets_needed([pack]):
        sheet, names = vocabulary().sheets[key], columns_needed([pack], key)
        target = next(one for one in pack.targets if key in {use.sheet for use in one.data.sheets})
        wanted[key] = {name: _value(name, sheet.columns[name], target) for name in names}
        for place, value in enumerate(wanted[key].values(), start=2):
            opened[sheet.title.said(language)].cell(20, place, value)
    opened.save(path)
    found = read_inputs_book(path, [pack])
    assert list(found) == list(wanted)
    for key, table in found.items():
        assert list(table.columns) == [*vocabulary().sheets[key].columns, "row"]
        assert table["row"].tolist() == [20]
        for name, value in wanted[key].items():
            kind = vocabulary().sheets[key].columns[name].type
            assert table[name].iloc[0] == ({"否": False}.get(value, value) if kind == "yes_no" else value), (key, name)
        left = set(vocabulary().sheets[key].columns) - set(wanted[key])
        assert table[list(left)].isna().all(axis=None)


def _value(name, column, target):
    special = {
        "target": target.id,
        "item": target.items[0].title.zh if target.items else "",
        "period": "2026",
        "year": 2025.0,
        "stars": 3.0,
    }
    if name in special:
        return special[name] or None
    return column.choices[1] if column.type == "choice" else VALUES[column.type]


def test_types_of_what_is_read(book):
    path = book(filled("institutions", {**HOME, "建成(验收)日期": date(2020, 5, 1), "所有制": "公办"}, HOME))
    table = read_inputs_book(path, YUXI)["institutions"]
    assert table.dtypes[["beds", "stars", "row"]].astype(str).tolist() == ["float64", "float64", "int64"]
    assert str(table["opened"].dtype).startswith("datetime64")
    assert table["ownership"].tolist() == ["公办", None]
    assert table["referral"].tolist() == [None, None]
    assert table["row"].tolist() == [5, 6]


def test_from_the_workbook_to_the_verdict(book):
    path = book(
        filled("institutions", HOME, {**HOME, "县(市、区)": "江川", "床位数": "1,000张", "护理型床位数": "７００"})
    )
    counties = pd.DataFrame({"area_id": ["530402", "530403"], "name": COUNTIES})
    inputs = read_inputs_book(path, YUXI)
    found = tally_sheets(YUXI[0].target("YX-01"), YUXI[0], inputs, counties, date(2026, 6, 30))
    assert (found.tally.numerator, found.tally.denominator, found.verdict.word) == (770, 1100, "met")
    assert [(line.area_name, line.tally.numerator) for line in found.lines] == [("红塔区", 70), ("江川区", 700)]


# What people do


@pytest.mark.parametrize(
    ("said", "value"),
    [("是", True), ("√", True), ("有", True), ("1", True), (1, True), (True, True), ("已出台", True), ("Ｙ", True),
     ("否", False), ("×", False), ("无", False), (0, False), (False, False), ("未完成", False), ("N", False)],
)  # fmt: skip
def test_ways_to_say_yes_and_no(book, said, value):
    path = book(filled("checklist", {"已完成": said}))
    table = read_inputs_book(path, YUXI)["checklist"]
    assert table[["target", "done"]].to_numpy().tolist() == [["YX-12", value]]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("120张", 120),
        ("１２０", 120),
        ("1,200", 1200),
        ("1 200 张", 1200),
        (" 12.5 ", 12.5),
        (0, 0),
        ("—", None),
        ("", None),
    ],
)
def test_ways_to_write_numbers(book, said, value):
    path = book(filled("institutions", {**HOME, "床位数": said, "护理型床位数": 0}))
    (beds,) = read_inputs_book(path, YUXI)["institutions"]["beds"]
    assert np.isnan(beds) if value is None else beds == value


@pytest.mark.parametrize("said", ["2026年3月", "2026-03", "2026/3/15", MARCH, "202603", "２０２６年３月"])
def test_ways_to_write_a_month(book, said):
    path = book(filled("visits", {"月份": said, "应探访人数": 5, "已探访人数": 5}))
    assert read_inputs_book(path, YUXI)["visits"]["month"].dt.strftime("%Y-%m").tolist() == ["2026-03"]


@pytest.mark.parametrize(
    ("said", "period"),
    [
        ("2026年上半年", "2026-H1"),
        ("2026H2", "2026-H2"),
        (2026, "2026"),
        ("2026年度", "2026"),
        (MARCH, "2026-03"),
        ("2026.3", "2026-03"),
    ],
)
def test_ways_to_write_a_period(book, said, period):
    path = book(filled("ratios", {"时期": said, "分子": 1, "分母": 1}))
    assert read_inputs_book(path, YUXI)["ratios"]["period"].tolist() == [period]


@pytest.mark.parametrize(("said", "grade"), [("四星级", 4), ("3星", 3), ("二级", 2), ("未评", 0), (5, 5)])
def test_ways_to_write_a_grade(book, said, grade):
    packs = [PACKS["yiyang"]]
    path = book(
        filled(
            "institutions",
            {"县(市、区)": "赫山区", "机构名称": "一", "机构类别": "敬老院", "评定等级(1–5，未评填0)": said},
        ),
        packs,
    )
    assert read_inputs_book(path, packs)["institutions"]["stars"].tolist() == [grade]


def test_choices_in_other_words(book):
    path = book(filled("institutions", {**HOME, "所有制": "公办民营", "建设性质": "改建", "运营状态": "正常运营"}))
    table = read_inputs_book(path, YUXI)["institutions"]
    assert table[["ownership", "construction", "status"]].to_numpy().tolist() == [["公建民营", "改扩建", "在营"]]


def test_renamed_and_reordered(book):
    def change(opened):
        sheet = opened["机构台账"]
        fill(sheet, HOME)
        sheet.move_range("I3:J5", cols=6)
        sheet["O3"], sheet["P3"] = "总床位", "其中：护理型床位（张）"
        sheet["C3"], sheet["D3"] = "名称", "机构类型"
        sheet.title = "2.养老机构台账(2026)"
        opened.move_sheet(sheet, 5)
        del opened["填表说明"], opened["月探访"]

    table = read_inputs_book(book(change), YUXI)["institutions"]
    assert table[["name", "kind", "beds", "nursing_beds"]].to_numpy().tolist() == [["一院", "养老院", 100, 70]]


def test_the_example_deleted_totals_and_merged_counties(book):
    def change(opened):
        sheet = opened["机构台账"]
        sheet.delete_rows(4)
        fill(
            sheet,
            HOME,
            {**HOME, "县(市、区)": None},
            {"县(市、区)": "合计", "床位数": 200, "护理型床位数": 140},
            start=4,
        )
        sheet.merge_cells("B4:B5")

    table = read_inputs_book(book(change), YUXI)["institutions"]
    assert table[["county", "beds", "row"]].to_numpy().tolist() == [["红塔区", 100, 4], ["红塔区", 100, 5]]


@pytest.mark.parametrize(
    ("total", "wrong_ones"), [(310, []), (430, ["合计行为 430，各行之和为 310，两者不符，请核对。"])]
)
def test_the_example_is_no_part_of_a_total(book, total, wrong_ones):
    rows = [{**HOME, "床位数": beds, "护理型床位数": None} for beds in (100, 210)]
    log = QualityLog()
    path = book(filled("institutions", *rows, {"县(市、区)": "合计", "床位数": total}))
    assert read_inputs_book(path, YUXI, log=log)["institutions"]["beds"].tolist() == [100, 210]
    assert [one.message("zh") for one in log.findings if one.key == "total_differs"] == wrong_ones


def test_numbers_written_over_the_example(book):
    def change(opened):
        fill(opened["机构台账"], {**HOME, "序号": 1}, start=4)

    assert len(read_inputs_book(book(change), YUXI)["institutions"]) == 1


def test_a_sheet_by_its_columns(tmp_path):
    path = tmp_path / "表.csv"
    with path.open("w", encoding="gb18030", newline="") as stream:
        csv.writer(stream).writerows(
            [["区县", "应探访人数", "已探访人数（人）", "月份"], ["红塔区", "10", "9", "2026-01"]]
        )
    table = read_inputs_book(path, YUXI)["visits"]
    assert table[["county", "due", "visited"]].to_numpy().tolist() == [["红塔区", 10, 9]]
    opened = openpyxl.Workbook()
    opened.active.append(["县(市、区)", "清查发现问题数", "已整改数"])
    opened.active.append(["红塔区", 3, 2])
    opened.save(tmp_path / "b.xlsx")
    assert list(read_inputs_book(tmp_path / "b.xlsx", YUXI)) == ["rectification"]


def test_percentages(book):
    path = book(filled("ratios", {"县(市、区)": "", "分子": "95%"}))
    assert read_inputs_book(path, YUXI)["ratios"][["numerator", "denominator"]].to_numpy().tolist() == [[95, 100]]
    (line,) = wrong(book(filled("ratios", {"分子": "95%"})))
    assert "列“分子”：“95%”是百分数，不能汇总" in line


def test_ids_of_targets(book):
    def change(opened):
        fill(
            opened["比率表"],
            *(
                {"指标编号": said, "县(市、区)": "红塔区", "分子": 1, "分母": 1}
                for said in ("yx9", "ＹＸ－０３", "YX-28 高龄", "YY-A-430903-ST-2025", "LC-01")
            ),
        )

    assert read_inputs_book(book(change), YUXI)["ratios"]["target"].tolist() == [
        "YX-09",
        "YX-03",
        "YX-28",
        "YY-A-430903-ST-2025",
        "LC-01",
    ]


def test_personal_columns_are_not_read_and_reported(book):
    def change(opened):
        sheet = opened["机构台账"]
        fill(sheet, HOME)
        sheet["L3"], sheet["L5"], sheet["M3"], sheet["M5"] = "联系人电话", "13800138000", "备用列", "甲"

    log = QualityLog()
    table = read_inputs_book(book(change), YUXI, log=log)["institutions"]
    assert "13800138000" not in table.to_string()
    found = {(one.key, one.column) for one in log.findings}
    assert {
        ("personal_column", "联系人电话"),
        ("unread_column", "备用列"),
        ("example_rows", None),
        ("rows_read", None),
    } <= found
    assert not {"other_sheets", "title_rows"} & {key for key, _ in found}
    for language in ("zh", "en"):
        assert len(log.to_frame(language)) == len(log.findings)


def test_other_sheets_are_left(book):
    def change(opened):
        fill(opened["机构台账"], HOME)
        opened.create_sheet("通讯录").append(["科室", "房间"])
        opened["通讯录"].append(["一", "二"])

    log = QualityLog()
    assert list(read_inputs_book(book(change), YUXI, log=log)) == ["institutions"]
    assert ("unknown_sheet", "通讯录") in {(one.key, one.sheet) for one in log.findings}


# What is wrong


def test_everything_wrong_is_told_at_once(book):
    def change(opened):
        fill(
            opened["机构台账"],
            {**HOME, "床位数": "约百", "所有制": "股份制", "建成(验收)日期": "去年"},
            {**HOME, "床位数": -5, "护理型床位数": None, "机构类别": None},
            {**HOME, "护理型床位数": 101},
        )
        fill(opened["比率表"], {"指标编号": "XX-01", "时期": "不久", "分子": 3, "分母": 2})
        fill(opened["文件与事项清单"], {"已完成": "大概", "事项": "别的事"}, {"完成日期": "2025-03-01"})

    path = book(change)
    lines, known = wrong(path), "、".join(one.id for one in YUXI[0].targets)
    assert [line.replace(f"文件 {path}，工作表 ", "") for line in lines] == [
        "机构台账，第 5 行，列“所有制”：“股份制”不在可选项中；可选：公办、公建民营、民办公助、民办、村集体。",
        "机构台账，第 5 行，列“建成(验收)日期”：“去年”不是日期。请写成 2026-06-30、2026年6月 或 2026。",
        "机构台账，第 5 行，列“床位数（张）”：“约百”不是数字。请只填数字，或留空（表示没有数据）。",
        "机构台账，第 6 行，列“床位数（张）”：“-5”小于 0。请更正。",
        "机构台账，第 6 行，列“机构类别*”：“机构类别”未填。请补填，或清空整行。",
        "机构台账，第 7 行，列“护理型床位数（张）”：“护理型床位数” 101 大于“床位数” 100。请核对这两列。",
        "比率表，第 5 行，列“分子”：“分子” 3 大于“分母” 2。请核对这两列。",
        "比率表，第 5 行，列“时期”：“不久”看不出是哪一期。请写成 2026、2026年上半年 或 2026-03。",
        f"比率表，第 5 行，列“指标编号*”：没有编号为“XX-01”的指标；可用：{known}。",
        "文件与事项清单，第 5 行，列“已完成*”：“大概”看不出是或否。请填“是”或“否”，不知道则留空。",
        "文件与事项清单，第 5 行，列“事项”：YX-12 没有事项“别的事”；可用：已建成并承担市级失智照护。",
        "文件与事项清单，第 6 行，列“已完成*”：“已完成”未填。请补填，或清空整行。",
    ]
    assert all(line.isascii() is False for line in wrong(path, language="en"))


def test_a_required_column_is_gone(book):
    def change(opened):
        sheet = opened["机构台账"]
        fill(sheet, HOME)
        sheet["D3"] = "别的"

    (line,) = wrong(book(change))
    assert "缺少“机构类别”一列" in line


def test_a_sheet_twice(book):
    def change(opened):
        fill(opened["机构台账"], HOME)
        opened.copy_worksheet(opened["机构台账"]).title = "机构台账 (2)"

    (line,) = wrong(book(change))
    assert "有几个工作表都是“机构台账”：机构台账、机构台账 (2)" in line


def test_several_columns_for_one(book):
    def change(opened):
        sheet = opened["机构台账"]
        fill(sheet, HOME)
        sheet["L3"], sheet["L5"] = "床位数", 3

    (line,) = wrong(book(change))
    assert "有几列都可以作为这一列" in line


def test_broken_formulas(book):
    (line,) = wrong(book(filled("institutions", {**HOME, "床位数": "#REF!"})))
    assert "公式出错，显示为“#REF!”" in line


def test_years_and_grades_out_of_range(book):
    lines = wrong(book(filled("lottery", {"年度": 25, "公益金总额": 1, "用于养老服务": 1})))
    assert "“25”不在 1949 至 2100 之间" in lines[0]


def test_files_that_are_no_workbook_of_inputs(tmp_path):
    with pytest.raises(MissingInputError):
        read_inputs_book(tmp_path / "none.xlsx", YUXI)
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 broken")
    assert len(wrong(tmp_path / "a.xlsx")) == 1
    (tmp_path / "b.csv").write_text("甲,乙\n1,2\n", "utf-8")
    assert "没有认得的填报表" in wrong(tmp_path / "b.csv")[0]


def test_keys_are_columns():
    for key, names in KEYS.items():
        assert set(names) <= set(vocabulary().sheets[key].columns)


# The command


def run(*words, code=0):
    result = CliRunner().invoke(app, ["template", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def test_command(tmp_path):
    out = tmp_path / "deep" / "inputs.xlsx"
    told = json.loads(run("yuxi", "yunnan", "--out", out, "--json"))
    assert told["sheets"] == list(sheets_needed([PACKS["yuxi"], PACKS["yunnan"]]))
    assert {"红塔区", "安宁市"} <= set(told["counties"])
    assert len(told["counties"]) == 12
    assert read_inputs_book(out, [PACKS["yuxi"]]) == {}
    assert "16 条指标" in run("yuxi", "--out", tmp_path / "a.xlsx", "--counties", "红塔区，江川区")
    table = tmp_path / "areas.csv"
    table.write_text("代码,名称,级别\n530402,红塔区,county\n530403,江川区,county\n", "utf-8")
    assert json.loads(run("yuxi", "--out", out, "--counties", table, "--json"))["counties"] == COUNTIES
    table.write_text("代码,名称,级别\n5304,玉溪市,city\n", "utf-8")
    assert "没有县级区域" in run("yuxi", "--out", out, "--counties", table, code=1)


def test_command_with_mistakes(tmp_path):
    assert "yuxi, zhuzhou" in run("kunming", "--out", tmp_path / "a.xlsx", code=1)
    assert ".xlsx" in run("yuxi", "--out", tmp_path / "a.csv", code=1)
    assert list(tmp_path.iterdir()) == []


def test_a_pack_of_ones_own(tmp_path):
    CliRunner().invoke(app, ["policy", "new", str(tmp_path / "city.toml")])
    pack = load_pack(tmp_path / "city.toml")
    words = run(tmp_path / "city.toml", "yuxi", "--out", tmp_path / "a.xlsx")
    assert str(len([one for one in (*pack.targets, *PACKS["yuxi"].targets) if one.data.sheets])) in words
