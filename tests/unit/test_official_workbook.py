"""The official workbook: form, print set-up, numbers that stay numbers, text that cannot act, the same bytes."""

import runpy
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from carecircle.errors import OutputError
from carecircle.report.official import COLOURS, sheet_names, write_official
from carecircle.report.tables import Head, Table, tables

place = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "judged_place.py"))
study = place["study"]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    path = write_official(study(), tmp_path_factory.mktemp("official") / "tables.xlsx", "zh")
    return openpyxl.load_workbook(path)


def cells(sheet):
    return [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]


def find(sheet, words):
    return next(cell for cell in cells(sheet) if cell.value == words)


def test_a_sheet_for_each_table(book):
    assert len(book.sheetnames) == len(tables(study(), "zh"))
    assert book.sheetnames[0] == "表1 玉溪市养老服务高质量发展三年行动"
    assert book.sheetnames[1].startswith("表1 益阳市")
    assert "表2 分县（市、区）覆盖率表" in book.sheetnames
    assert all(len(name) <= 31 for name in book.sheetnames)


def test_names_of_sheets_are_allowed_and_differ():
    long = "：[某]市/县:*?" + "养老" * 30
    twins = tuple(Table("1", "表", (Head("a"),), (), pack=long) for _ in range(3))
    names = sheet_names(twins, "zh")
    assert len({name.casefold() for name in names}) == 3
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


def test_title_units_and_day_stand_over_the_headings(book):
    sheet = book.worksheets[0]
    assert sheet["A1"].value == "表1　指标完成情况表"
    assert sheet["A1"].font.sz == 16
    assert any(str(one).startswith("A1:") for one in sheet.merged_cells.ranges)
    said = [cell.value for cell in sheet[2] if cell.value]
    assert said == ["两县<b>研究</b> · 玉溪市养老服务高质量发展三年行动（虚构数据，仅供演示）", "数据截至2026年6月30日"]


def test_headings_in_two_rows_are_merged(book):
    sheet = book["表2 分县（市、区）覆盖率表"]
    group = find(sheet, "15分钟可达")
    across = next(one for one in sheet.merged_cells.ranges if group.coordinate in one)
    assert (across.max_col - across.min_col, across.max_row - across.min_row) == (2, 0)
    first = find(sheet, "县（市、区）")
    down = next(one for one in sheet.merged_cells.ranges if first.coordinate in one)
    assert (down.min_row, down.max_row) == (3, 4)


def test_print_set_up(book):
    for sheet in book.worksheets:
        assert sheet.page_setup.orientation == "landscape"
        assert int(sheet.page_setup.paperSize) == 9
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert int(sheet.page_setup.fitToHeight) == 0
        assert sheet.oddFooter.center.text == "第 &P 页 共 &N 页"
        assert sheet.print_title_rows.startswith("$3:$")
        assert sheet.freeze_panes is not None


def test_numbers_have_formats_and_states_are_words(book):
    sheet = book["表2 分县（市、区）覆盖率表"]
    row = find(sheet, "合计").row
    numbers = {cell.value: cell.number_format for cell in sheet[row] if isinstance(cell.value, int | float)}
    assert numbers[0.647] == "0.0%"
    assert numbers[3000] == "#,##0"
    assert "不适用" in [cell.value for cell in sheet[row - 1]]
    assert all(cell.border.left.style == "thin" for cell in sheet[row] if cell.value is not None)
    assert find(sheet, "合计").font.b


def test_verdicts_have_a_colour_and_a_word(book):
    sheet = book.worksheets[0]
    for word, said in (("met", "达标"), ("in_progress", "进行中"), ("no_data", "数据不足")):
        assert find(sheet, said).fill.fgColor.rgb[2:] == COLOURS[word][1:]


def test_nothing_from_a_file_is_a_formula(book):
    for sheet in book.worksheets:
        assert not [cell.coordinate for cell in cells(sheet) if cell.data_type == "f"]
        assert not [cell.coordinate for cell in cells(sheet) if cell.hyperlink]
    assert place["NASTY"] in {cell.value for cell in cells(book["表3 缺口清单"])}


def test_the_same_study_gives_the_same_bytes(tmp_path):
    first, second = (write_official(study(), tmp_path / name, "zh").read_bytes() for name in ("a.xlsx", "b.xlsx"))
    assert first == second
    assert write_official(study(), tmp_path / "a.xlsx", "en").read_bytes() != first


def test_english_sheets(tmp_path):
    book = openpyxl.load_workbook(write_official(study(), tmp_path / "a.xlsx", "en"))
    assert book.worksheets[0]["A1"].value == "Table 1  Attainment of targets"
    assert find(book.worksheets[0], "in progress").value


def test_a_folder_that_is_not_there_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(OutputError):
        write_official(study(), tmp_path / "missing" / "a.xlsx", "zh")
    assert list(tmp_path.iterdir()) == []


def test_a_study_with_nothing_but_its_data(tmp_path):
    bare = replace(
        study(), judgements=(), gaps=None, areas=place["areas"]().iloc[2:], facilities=place["facilities"]().iloc[4:]
    )
    book = openpyxl.load_workbook(write_official(bare, tmp_path / "a.xlsx", "zh"))
    assert [name[:2] for name in book.sheetnames] == ["表8"]
