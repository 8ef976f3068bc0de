"""The workbook and the CSV file: read back, inert, and the same bytes each time."""

import runpy
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import python_calamine as calamine

from carecircle.errors import OutputError
from carecircle.report import facts, write_csv, write_workbook

made = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "town.py"))
town, NASTY = made["town"], made["NASTY"]


@pytest.fixture(scope="module")
def study():
    return town()


@pytest.fixture(scope="module")
def book(study, tmp_path_factory):
    return openpyxl.load_workbook(write_workbook(study, tmp_path_factory.mktemp("book") / "study.xlsx"))


def table(sheet):
    head, *rows = sheet.iter_rows(values_only=True)
    return pd.DataFrame(rows, columns=head)


def test_sheets_and_their_heads(book):
    assert book.sheetnames == ["说明", "覆盖率", "设施", "未覆盖"]
    assert book["覆盖率"].freeze_panes == "C2"
    assert list(table(book["覆盖率"]).columns)[:7] == [
        "区划代码",
        "名称",
        "层级",
        "上级",
        "60 岁及以上人口",
        "5 分钟内（60 岁及以上人口）",
        "5 分钟覆盖率",
    ]


def test_numbers_are_numbers_and_cut(book, study):
    cells = table(book["覆盖率"]).set_index("区划代码")
    numbers = facts.coverage_numbers(study, "county").iloc[0]
    assert cells.loc["530100", "60 岁及以上人口"] == numbers["total"]
    share = cells.loc["530100", "15 分钟覆盖率"]
    assert share == np.floor(1000 * numbers["covered_15"] / numbers["total"]) / 1000
    place = list(cells.columns).index("15 分钟覆盖率") + 2
    assert book["覆盖率"].cell(2, place).number_format == "0.0%"


def test_states_are_words(book):
    shown = table(book["覆盖率"])["15 分钟覆盖率"]
    assert {"无数据", "不适用"} == {cell for cell in shown if isinstance(cell, str)}


def test_every_facility_and_the_worst_points(book, study):
    assert len(table(book["设施"])) == len(study.facilities)
    outside = table(book["未覆盖"])
    assert list(outside["居民点编号"]) == list(facts.uncovered(study)["demand_id"][:500])
    assert (outside["到达时间（分钟）"] > 15).all()


def test_text_stays_text(tmp_path):
    path = write_workbook(town(nasty=True), tmp_path / "nasty.xlsx")
    sheets = openpyxl.load_workbook(path)
    cells = [cell for sheet in sheets for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert '=HYPERLINK("x")' in [cell.value for cell in cells]
    assert not [name for name in zipfile.ZipFile(path).namelist() if "rels" in name and "sheet" in name]


def test_same_study_same_bytes(study, tmp_path):
    one, two = write_workbook(study, tmp_path / "one.xlsx"), write_workbook(town(), tmp_path / "two.xlsx")
    assert one.read_bytes() == two.read_bytes()
    undated = replace(study, as_of=None)
    assert write_workbook(undated, one).read_bytes() == write_workbook(undated, two).read_bytes()


def test_nothing_is_left_behind(study, tmp_path):
    with pytest.raises(OutputError, match="no"):
        write_workbook(study, tmp_path / "no" / "study.xlsx")
    write_workbook(study, tmp_path / "study.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["study.xlsx"]


def test_signs_that_xml_cannot_say(study, tmp_path):
    """Files from elsewhere hold NULs and halves of pairs; a cell holds 32,767 signs."""
    words = "a\x00b\x0bc\ud800d\uffffe_x0041_\r\nf" + "长" * 40_000
    path = write_workbook(replace(study, title=words), tmp_path / "odd.xlsx")
    shown = openpyxl.load_workbook(path)["说明"]["B3"].value
    assert shown.startswith("a�b�c�d�e_x0041_\nf长长")
    assert len(shown) == 32_767
    assert calamine.load_workbook(str(path)).get_sheet_by_name("说明").height > 10


def test_a_sheet_of_findings(study, tmp_path):
    found = pd.DataFrame({
        "action": ["far", "read"], "file": ["=a.csv", None], "sheet": [None, "一"], "row": [3, None],
        "column": ["+x", None], "count": [1, 2], "message": ["@SUM(1)", "读入"],
    })  # fmt: skip
    book = openpyxl.load_workbook(write_workbook(study, tmp_path / "q.xlsx", quality=found))
    assert book.sheetnames[-1] == "数据质量"
    assert list(book["数据质量"].values)[1:] == [
        ("远离道路", "=a.csv", None, 3, "+x", 1, "@SUM(1)"),
        ("读入", None, "一", None, None, 2, "读入"),
    ]
    assert {cell.data_type for row in book["数据质量"].iter_rows() for cell in row} <= {"s", "n"}
    assert book["数据质量"].auto_filter.ref == "A1:G3"


def test_english(study, tmp_path):
    sheets = openpyxl.load_workbook(write_workbook(study, tmp_path / "en.xlsx", "en"))
    assert sheets.sheetnames == ["Notes", "Coverage", "Facilities", "Not covered"]


def test_csv_is_for_excel_and_inert(tmp_path):
    cover = pd.DataFrame(
        {
            "area_id": ["=1+1", "+x", "-1", "@y", "\tz", "翠湖", None],
            "covered": [-1.5, np.nan, 3, 4, 5, 6, 7],
        }
    )
    path = write_csv(cover, tmp_path / "cover.csv")
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    lines = raw.decode("utf-8-sig").split("\r\n")
    assert lines[:8] == [
        "area_id,covered",
        "'=1+1,-1.5",
        "'+x,",
        "'-1,3.0",
        "'@y,4.0",
        "'\tz,5.0",
        "翠湖,6.0",
        ",7.0",
    ]


def test_csv_of_a_cover_reads_back(study, tmp_path):
    back = pd.read_csv(
        write_csv(study.cover, tmp_path / "cover.csv"),
        dtype={"area_id": str},
        keep_default_na=False,
        na_values={"covered": [""], "total": [""], "minutes": [""]},
    )
    pd.testing.assert_frame_equal(back, study.cover, check_dtype=False)
