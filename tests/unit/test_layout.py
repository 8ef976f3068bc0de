"""Sheets as offices lay them out: titles, merged headers, totals, notes, units; and the annex of Yiyang's plan."""

import datetime as dt

import openpyxl
import pytest
import xlwt

from carecircle.errors import InputError
from carecircle.sources.tables.reading import read_table

# The annex of 益政办发〔2024〕12号 as it is printed: a blank is a year without a target.
GROUPS = [
    "标准化街道综合 养老服务中心",
    "标准化乡镇综合养老 服务中心",
    "标准化社区居家 养老服务中心",
    "标准化农村养老服务站点",
]
PARTS = ["小计", "2025 年", "2026年", "2027年"]
ANNEX = {
    "市本级": "1 · · · · · · · · · · · · · · · ·",
    "赫山区": "1 3 1 1 1 3 1 1 1 10 3 4 3 10 3 4 3",
    "资阳区": "2 2 1 1 · 3 1 1 1 8 2 3 3 10 3 4 3",
    "沅江市": "1 1 · 1 · 2 · 1 1 8 2 3 3 10 3 4 3",
    "南 县": "1 · · · · 3 1 1 1 8 2 3 3 8 2 3 3",
    "桃江县": "1 · · · · 2 · 1 1 5 1 2 2 8 2 3 3",
    "安化县": "1 · · · · 2 · 1 1 5 1 2 2 8 2 3 3",
    "大通湖区": "· · · · · 1 · 1 · 2 · 1 1 3 1 1 1",
    "合 计": "8 6 2 3 1 16 3 7 6 46 11 18 17 57 16 22 19",
}
ANNEX_ROWS = {name: [None if said == "·" else int(said) for said in numbers.split()] for name, numbers in ANNEX.items()}
ANNEX_HEADERS = ["单位", "四星级 以上养老机构", *(f"{group}_{part}" for group in GROUPS for part in PARTS)]
ANNEX_MERGES = ["A1:R1", "A2:R2", "A3:A4", "B3:B4", "C3:F3", "G3:J3", "K3:N3", "O3:R3", "A14:R14"]


def annex_rows():
    top = ["单位", "四星级 以上养老机构", *(cell for group in GROUPS for cell in (group, None, None, None))]
    note = "备注：综合考虑现有养老设施基础，乡镇（街道）、村（社区）数量，制定目标任务。"
    return [
        ["益阳市“益老益养”养老服务体系建设三年行动目标一览表"],
        ["单位：个"],
        top,
        [None, None, *PARTS * 4],
        *([name, *numbers] for name, numbers in ANNEX_ROWS.items()),
        [note],
    ]


def write_xlsx(file, rows, merges=(), hidden=()):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(list(row))
    for merge in merges:
        sheet.merge_cells(merge)
    for row in hidden:
        sheet.row_dimensions[row].hidden = True
    book.save(file)
    return file


def write_xls(file, rows, merges=(), hidden=()):
    book = xlwt.Workbook()
    sheet = book.add_sheet("表")
    dates = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    spans = [openpyxl.utils.range_boundaries(merge) for merge in merges]
    inside = {
        (row, column): (left, top, right, bottom)
        for left, top, right, bottom in spans
        for row in range(top, bottom + 1)
        for column in range(left, right + 1)
    }
    for row, cells in enumerate(rows, start=1):
        for column, cell in enumerate(cells, start=1):
            span = inside.get((row, column))
            style = dates if isinstance(cell, dt.date) else xlwt.Style.default_style
            if span and span[:2] == (column, row):
                sheet.write_merge(row - 1, span[3] - 1, column - 1, span[2] - 1, cell, style)
            elif not span and cell is not None:
                sheet.write(row - 1, column - 1, cell, style)
    for row in hidden:
        sheet.row(row - 1).hidden = True
    book.save(str(file))
    return file


def write_html(file, rows, merges=()):
    spans = {(top, left): (bottom, right) for left, top, right, bottom in map(openpyxl.utils.range_boundaries, merges)}
    covered = {
        (row, column)
        for (top, left), (bottom, right) in spans.items()
        for row in range(top, bottom + 1)
        for column in range(left, right + 1)
    } - set(spans)
    width = max(map(len, rows))
    lines = []
    for row, cells in enumerate(rows, start=1):
        said = []
        for column, cell in enumerate([*cells, *[None] * (width - len(cells))], start=1):
            if (row, column) in covered:
                continue
            bottom, right = spans.get((row, column), (row, column))
            across, down = right - column + 1, bottom - row + 1
            said.append(f"<td colspan={across} rowspan='{down}'>{'&nbsp;' if cell is None else cell}</td>")
        lines.append(f"<tr>{''.join(said)}</tr>")
    file.write_text(f"<html><meta charset=utf-8><table border=1>{''.join(lines)}</table></html>", "utf-8")
    return file


def write_csv(file, rows, merges=()):  # noqa: ARG001  text has no merged cells
    width = max(map(len, rows))
    lines = [[*row, *[None] * (width - len(row))] for row in rows]
    file.write_text("\n".join(",".join("" if cell is None else str(cell) for cell in line) for line in lines), "gbk")
    return file


WRITERS = {"a.xlsx": write_xlsx, "a.xls": write_xls, "page.xls": write_html, "a.csv": write_csv}


def found(table, key):
    return [one for one in table.findings if one.key == key]


def gap(finding, name):
    return dict(finding.values)[name]  # what fills the gaps of a sentence


def rows_said(table, key):
    return [gap(one, "rows") for one in found(table, key)]


@pytest.fixture(params=WRITERS)
def written(request, tmp_path):
    """A function that writes rows in each kind of file."""
    return lambda rows, merges=(): WRITERS[request.param](tmp_path / request.param, rows, merges)


# The annex


def test_the_annex_of_yiyang_is_read_cell_by_cell(written):
    table = read_table(written(annex_rows(), ANNEX_MERGES))
    assert list(table.frame.columns) == ANNEX_HEADERS
    assert table.frame["单位"].tolist() == [name for name in ANNEX_ROWS if name != "合 计"]
    cells = table.frame.drop(columns="单位").to_numpy().tolist()
    numbers = [[None if cell is None else int(cell) for cell in row] for row in cells]
    assert numbers == [row for name, row in ANNEX_ROWS.items() if name != "合 计"]
    assert sum(cell is not None for row in numbers for cell in row) == 94
    assert table.rows.tolist() == [5, 6, 7, 8, 9, 10, 11, 12]


def test_the_totals_of_the_annex_are_right(written):
    table = read_table(written(annex_rows(), ANNEX_MERGES))
    numbers = table.frame.drop(columns="单位").astype(float)
    assert numbers.sum().tolist() == ANNEX_ROWS["合 计"]
    for group in GROUPS:
        years = numbers[[f"{group}_{part}" for part in PARTS[1:]]].sum(axis=1)
        assert numbers[f"{group}_小计"].fillna(0).tolist() == years.tolist()
    assert rows_said(table, "total_rows") == ["13"]
    assert rows_said(table, "note_rows") == ["14"]
    assert rows_said(table, "title_rows") == ["1-2"]
    assert not found(table, "total_differs")


def test_a_wrong_total_is_said(written):
    rows = annex_rows()
    rows[5][2] = 4  # 赫山区 街道 小计
    table = read_table(written(rows, ANNEX_MERGES))
    (wrong,) = found(table, "total_differs")
    assert (wrong.column, wrong.row) == ("标准化街道综合 养老服务中心_小计", 13)
    assert gap(wrong, "said") == "6"
    assert gap(wrong, "sum") == "7"


# Headers

HOMES = [["幸福", 120, 80, 102.5, 24.3], ["夕阳红", 60, 10, 102.6, 24.4], ["福寿", 50, 5, 102.7, 24.2]]


def test_a_header_of_two_rows(written):
    rows = [["机构名称", "床位", None, "坐标", None], [None, "总数", "护理型", "经度", "纬度"], *HOMES]
    table = read_table(written(rows, ["A1:A2", "B1:C1", "D1:E1"]))
    assert list(table.frame.columns) == ["机构名称", "床位_总数", "床位_护理型", "坐标_经度", "坐标_纬度"]
    assert table.frame["机构名称"].tolist() == ["幸福", "夕阳红", "福寿"]
    assert rows_said(table, "joined_headers") == ["1-2"]


def test_a_header_of_three_rows(written):
    rows = [
        ["单位", "养老机构", None, None, None],
        [None, "家数", "床位", None, None],
        [None, None, "小计", "2025年", "2026年"],
        ["红塔区", 3, 30, 10, 20],
        ["江川区", 2, 20, 10, 10],
        ["澄江市", 1, 9, 4, 5],
    ]
    table = read_table(written(rows, ["A1:A3", "B1:E1", "B2:B3", "C2:E2"]))
    expected = ["单位", "养老机构_家数", "养老机构_床位_小计", "养老机构_床位_2025年", "养老机构_床位_2026年"]
    assert list(table.frame.columns) == expected
    assert len(table.frame) == 3


@pytest.mark.parametrize("first", ["A1", 1])
def test_a_merged_header_does_not_swallow_the_first_record(tmp_path, first):
    """地址 merged across two columns of text, whose names the office has to tell apart."""
    rows = [
        ["机构编号", "机构名称", "地址", None, "等级"],
        [first, "福寿养老院", "红塔区", "玉兴路", "三级"],
        ["A2", "夕阳红养老院", "江川区", "大街", "二级"],
    ]
    with pytest.raises(InputError) as error:
        read_table(write_xlsx(tmp_path / "a.xlsx", rows, ["C1:D1"]))
    assert [(one.key, dict(one.values)["found"]) for one in error.value.problems] == [("repeated_headers", "地址")]
    plain = [[*row[:3], *row[4:]] for row in rows]
    assert len(read_table(write_xlsx(tmp_path / "b.xlsx", plain)).frame) == 2


def test_a_record_of_numbers_below_merged_headers_is_none(tmp_path):
    rows = [["地址", None, "坐标", None], ["红塔区", "玉兴路", 102.5, 24.3], ["江川区", "大街", 102.6, 24.4]]
    with pytest.raises(InputError) as error:
        read_table(write_xlsx(tmp_path / "a.xlsx", rows, ["A1:B1", "C1:D1"]))
    assert [one.key for one in error.value.problems] == ["repeated_headers"]


def test_headers_below_nothing_beside_merged_ones(tmp_path):
    """The upper row holds the groups only; the names of the other columns stand in the lower one."""
    rows = [[None, None, "床位", None, "坐标", None], ["机构编号", "机构名称", "总数", "护理型", "经度", "纬度"]]
    rows += [["A1", "幸福", 120, 80, 102.5, 24.3], ["A2", "福寿", 60, 10, 102.6, 24.4]]
    table = read_table(write_xlsx(tmp_path / "a.xlsx", rows, ["C1:D1", "E1:F1"]))
    expected = ["机构编号", "机构名称", "床位_总数", "床位_护理型", "坐标_经度", "坐标_纬度"]
    assert list(table.frame.columns) == expected
    assert table.frame["机构名称"].tolist() == ["幸福", "福寿"]


def test_years_as_numbers_below_a_merged_header(tmp_path):
    rows = [["单位", "街道", None, None], [None, "小计", 2025, 2026], ["红塔区", 3, 1, 2], ["江川区", 2, 1, 1]]
    table = read_table(write_xlsx(tmp_path / "a.xlsx", rows, ["A1:A2", "B1:D1"]))
    assert list(table.frame.columns) == ["单位", "街道_小计", "街道_2025", "街道_2026"]


def test_a_header_merged_down_only_stays_plain(tmp_path):
    rows = [["机构名称", "床位数"], [None, None], ["幸福", 1], ["福寿", 2]]
    table = read_table(write_xlsx(tmp_path / "a.xlsx", rows, ["A1:A2", "B1:B2"]))
    assert list(table.frame.columns) == ["机构名称", "床位数"]
    assert table.rows.tolist() == [3, 4]


def test_a_first_row_of_data_is_not_taken_for_a_header(written):
    rows = [["名称", "地址", "类别", "备注"], ["幸福", "某路", "养老院", "新"], ["福寿", "某街", "敬老院", None]]
    table = read_table(written(rows))
    assert list(table.frame.columns) == ["名称", "地址", "类别", "备注"]
    assert len(table.frame) == 2
    assert not table.findings or {one.key for one in table.findings} <= {"as_web_page"}


def test_headers_in_two_lines(tmp_path):
    rows = [["机构\n名称", "床位数\n（张）", "floor\narea"], ["幸福", 1, 2], ["福寿", 2, 3]]
    assert list(read_table(write_xlsx(tmp_path / "a.xlsx", rows)).frame.columns) == [
        "机构名称",
        "床位数（张）",
        "floor area",
    ]


def test_a_row_of_units_completes_the_header(written):
    rows = [
        ["机构名称", "床位数", "人口", "等级"],
        [None, "（张）", "万人", None],
        ["幸福", 1, 2, "一级"],
        ["福寿", 2, 3.5, "二级"],
    ]
    table = read_table(written(rows))
    assert list(table.frame.columns) == ["机构名称", "床位数（张）", "人口（人）", "等级"]
    assert table.frame["人口（人）"].tolist() == [20_000, 35_000]


@pytest.mark.parametrize("numbers", [[1, 2, 3, 4], ["甲", "乙", 1, 2], ["(1)", "(2)", "(3)", "(4)"]])
def test_a_row_of_column_numbers_is_left_out(written, numbers):
    rows = [["机构名称", "类别", "床位数", "护理型床位"], numbers, ["幸福", "养老院", 1, 1], ["福寿", "敬老院", 4, 2]]
    table = read_table(written(rows))
    assert table.frame["机构名称"].tolist() == ["幸福", "福寿"]
    assert table.rows.tolist() == [3, 4]


def test_a_row_of_data_that_counts_is_kept(written):
    table = read_table(written([["a", "b", "c"], [1, 2, 3], [4, 5, 6]]))
    assert len(table.frame) == 2


def test_titles_of_all_kinds(written):
    rows = [
        ["附件2"],
        ["全市养老机构一览表"],
        ["填报单位：玉溪市民政局", None, "填报日期：2024年5月1日"],
        ["填报日期", "2024-05-01"],
        ["机构名称", "床位数", "经度", "纬度", "等级"],
        *([name, beds, lon, lat, "一级"] for name, beds, _, lon, lat in HOMES),
    ]
    table = read_table(written(rows))
    assert list(table.frame.columns) == ["机构名称", "床位数", "经度", "纬度", "等级"]
    assert rows_said(table, "title_rows") == ["1-4"]
    assert not any("玉溪" in one.message() for one in table.findings), "titles name people and are not repeated"


@pytest.mark.parametrize(
    ("title", "unit"), [("单位：万人", "万人"), ("单位:张、亩", "张、亩"), ("（单位：万㎡）", "万㎡")]
)
def test_a_unit_in_a_title_that_changes_numbers_is_doubtful(written, title, unit):
    table = read_table(written([[title], ["县区", "人口", "床位"], ["红塔区", 1.5, 2], ["江川区", 2, 3]]))
    (doubt,) = found(table, "title_unit")
    assert (doubt.action, gap(doubt, "unit")) == ("doubtful", unit)
    assert unit in table.notes[0]
    assert [float(cell) for cell in table.frame["人口"]] == [1.5, 2], "nothing is guessed"


def test_a_unit_in_a_title_that_changes_nothing(written):
    table = read_table(written([["单位：张"], ["县区", "人口", "床位"], ["红塔区", 1, 2], ["江川区", 2, 3]]))
    assert not found(table, "title_unit")


def test_reporting_units_are_no_units_of_numbers(written):
    table = read_table(
        written([["填报单位：万人县民政局"], ["县区", "人口", "床位"], ["红塔区", 1, 2], ["江川区", 2, 3]])
    )
    assert not found(table, "title_unit")


# Rows that are no records


def test_totals_anywhere_are_left_out(written):
    rows = [
        ["县区", "机构名称", "床位数"],
        ["全市合计", None, 230],
        ["红塔区", "幸福", 120],
        ["红塔区", "夕阳红", 60],
        ["小 计", None, 180],
        ["江川区", "福寿", 50],
        ["江川区小计", None, 50],
        [None, "共计（3家）", 230],
        ["总 计：", None, 230],
    ]
    table = read_table(written(rows))
    assert table.frame["机构名称"].tolist() == ["幸福", "夕阳红", "福寿"]
    assert rows_said(table, "total_rows") == ["2, 5, 7-9"]
    assert not found(table, "total_differs")


def test_names_that_hold_the_words_are_kept(written):
    rows = [
        ["机构名称", "类别", "床位数"],
        ["设计院养老中心", "总计划", 1],
        ["合计养老院", "小计划", 2],
        ["统计局托老所", "x", 3],
    ]
    assert len(read_table(written(rows)).frame) == 3


def test_a_total_to_the_right_is_a_value(written):
    rows = [
        ["单位", "类别", "年份", "项目", "目标"],
        ["甲", "街道", "全部", "小计", 3],
        ["甲", "街道", "一年", "2025", 1],
    ]
    assert len(read_table(written(rows)).frame) == 2


def test_pages_printed_with_their_header(written):
    header, title = ["机构名称", "床位数", "等级"], ["全市养老机构一览表"]
    rows = [
        title,
        header,
        ["幸福", 1, "一级"],
        ["夕阳红", 2, None],
        title,
        header,
        ["福寿", 3, None],
        ["第 2 页 共 2 页"],
    ]
    table = read_table(written(rows))
    assert table.frame["机构名称"].tolist() == ["幸福", "夕阳红", "福寿"]
    assert rows_said(table, "header_rows") == ["5-6"]
    assert rows_said(table, "note_rows") == ["8"]


def test_notes_and_signatures_below_are_left_out_unread(written):
    rows = [
        ["机构名称", "床位数", "等级", "地址", "类别", "备注"],
        *([name, beds, "一级", "某路", "养老院", None] for name, beds, *_ in HOMES),
        ["注：1.数据截至2024年底。"],
        ["2.不含在建机构"],
        ["填表人：张三", None, "审核人：李四", None, "电话：13800138000", None],
    ]
    table = read_table(written(rows))
    assert len(table.frame) == 3
    assert rows_said(table, "note_rows") == ["5-7"]
    said = " ".join([*(one.message() for one in table.findings), *table.notes, str(table.frame.to_numpy())])
    assert not any(word in said for word in ("张三", "李四", "13800138000", "不含在建"))


def test_a_sparse_record_at_the_end_is_kept(written):
    rows = [
        ["机构名称", "床位数", "等级", "类别"],
        ["幸福", 1, "一级", "养老院"],
        ["玉溪市红塔区玉兴街道综合养老服务中心"],
    ]
    table = read_table(written(rows))
    assert table.frame["机构名称"].tolist()[-1] == "玉溪市红塔区玉兴街道综合养老服务中心"


def test_headings_of_groups_are_left_out(written):
    header = ["机构名称", "床位数", "等级", "类别"]
    rows = [header, ["一、红塔区"], ["幸福", 1, "一级", "养老院"], ["（二）江川区"], ["福寿", 2, "一级", "养老院"]]
    table = read_table(written(rows))
    assert table.frame["机构名称"].tolist() == ["幸福", "福寿"]
    assert rows_said(table, "heading_rows") == ["2, 4"]


def test_a_heading_merged_across_is_left_out(tmp_path):
    rows = [["机构名称", "床位数", "等级"], ["红塔区"], ["幸福", 1, "一级"], ["江川区"], ["福寿", 2, "一级"]]
    table = read_table(write_xlsx(tmp_path / "a.xlsx", rows, ["A2:C2", "A4:C4"]))
    assert table.frame["机构名称"].tolist() == ["幸福", "福寿"]
    assert len(read_table(write_xlsx(tmp_path / "b.xlsx", rows)).frame) == 4, "without the merge it may be a record"


def test_rows_called_part_of_others_are_doubtful(written):
    rows = [["县区", "床位数", "等级"], ["红塔区", 5, "x"], ["其中：公办", 2, "y"], ["江川区", 3, "z"]]
    table = read_table(written(rows))
    assert len(table.frame) == 3
    assert rows_said(table, "part_rows") == ["3"]


def test_blank_rows_and_columns_are_nothing(written):
    rows = [["机构名称", "床位数", None, "  "], [None, " "], ["幸福", 1, None, ""], [None], ["福寿", 2]]
    table = read_table(written(rows))
    assert table.frame.to_numpy().tolist() in ([["幸福", 1], ["福寿", 2]], [["幸福", "1"], ["福寿", "2"]])
    assert table.rows.tolist() == [3, 5]


# Cells merged down


@pytest.mark.parametrize("kind", ["a.xlsx", "a.xls", "page.xls"])
def test_text_merged_down_holds_for_all_rows(tmp_path, kind):
    rows = [
        ["县区", "代码", "机构名称", "共用床位"],
        ["红塔区", "530402", "幸福", 100],
        [None, None, "夕阳红", None],
        [None, None, "福寿", None],
        ["江川区", "530403", "安康", 20],
        [None, "530403", "长青", 30],
    ]
    table = read_table(WRITERS[kind](tmp_path / kind, rows, ["A2:A4", "B2:B4", "D2:D4"]))
    assert table.frame["县区"].tolist() == ["红塔区", "红塔区", "红塔区", "江川区", None], "a plain blank stays blank"
    assert table.frame["代码"].tolist() == ["530402"] * 3 + ["530403"] * 2
    assert [cell is None for cell in table.frame["共用床位"]] == [False, True, True, False, False]
    assert {one.column: gap(one, "rows") for one in found(table, "filled_down")} == {"县区": "3-4", "代码": "3-4"}
    (shared,) = found(table, "merged_numbers")
    assert (shared.action, shared.column, gap(shared, "rows")) == ("doubtful", "共用床位", "3-4")


def test_merged_cells_with_a_subtotal_inside(tmp_path):
    rows = [
        ["县区", "机构名称", "床位数"],
        ["红塔区", "幸福", 1],
        [None, "夕阳红", 2],
        [None, "小计", 3],
        ["江川区", "福寿", 4],
    ]
    table = read_table(write_xlsx(tmp_path / "a.xlsx", rows, ["A2:A4"]))
    assert table.frame["县区"].tolist() == ["红塔区", "红塔区", "江川区"]
    assert rows_said(table, "filled_down") == ["3"]


# What is hidden


@pytest.mark.parametrize("write", [write_xlsx, write_xls])
def test_hidden_rows_are_read_and_told(tmp_path, write):
    rows = [["机构名称", "床位数"], ["幸福", 1], ["福寿", 2], ["安康", 3]]
    table = read_table(write(tmp_path / ("a.xlsx" if write is write_xlsx else "a.xls"), rows, hidden=[3]))
    assert len(table.frame) == 3
    (told,) = found(table, "hidden_rows")
    assert (told.action, gap(told, "rows")) == ("doubtful", "3")


# Problems


def test_cells_beyond_the_header_are_a_problem(written):
    with pytest.raises(InputError) as error:
        read_table(written([["a", "b"], ["x", "y", "z"], ["x", "y"]]))
    assert [(one.key, one.row) for one in error.value.problems] == [("cells_without_header", 2)]


def test_a_sheet_of_nothing_but_a_head_is_a_problem(written):
    for rows in (annex_rows()[:4], [["机构名称", "床位数"], ["合计", 0]]):
        with pytest.raises(InputError) as error:
            read_table(written(rows))
        assert [one.key for one in error.value.problems] == ["empty_table"]


def test_a_header_merged_across_for_looks_is_one_column(tmp_path):
    rows = [["机构名称", "备注", None], ["幸福", "新", None], ["福寿", "旧", None]]
    table = read_table(write_xlsx(tmp_path / "a.xlsx", rows, ["B1:C1", "B2:C2", "B3:C3"]))
    assert list(table.frame.columns) == ["机构名称", "备注"]
    assert table.frame["备注"].tolist() == ["新", "旧"]


def test_the_totals_of_a_long_table_are_not_added_up(written):
    beds, people = (
        [["红塔区", "床位", 3], ["江川区", "床位", 4], ["合计", "床位", 7]],
        [["红塔区", "人", 1], ["合计", "人", 1]],
    )
    table = read_table(written([["县区", "项目", "数"], *beds, *people]))
    assert rows_said(table, "total_rows") == ["4, 6"]
    assert not found(table, "total_differs")
