"""Tables as they come: encodings, sheets, codes, personal columns."""

import datetime as dt
import shutil
import struct
import time
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import xlwt
from xlwt.CompoundDoc import XlsDoc

from carecircle.china.headers import (
    is_code_header,
    is_known_header,
    is_personal,
    match_headers,
    normal_header,
    scale_of,
    suggest_headers,
    units_behind,
)
from carecircle.errors import InputError, MissingInputError, Problem
from carecircle.guards import workbooks
from carecircle.schema import AREAS, DEMAND, FACILITIES, POINTS
from carecircle.sources.facilities import read_facilities
from carecircle.sources.positions.written import parse_degrees
from carecircle.sources.tables.cells import (
    as_code,
    as_date,
    as_it_is,
    as_number,
    as_text,
    broken_formulas,
    mended_cells,
)
from carecircle.sources.tables.headings import tidy
from carecircle.sources.tables.marks import _failed, _hidden_rows
from carecircle.sources.tables.reading import (
    SourceTable,
    cell_findings,
    cell_problems,
    mapping_findings,
    open_workbook,
    read_table,
    row_problems,
    sheet_names,
    sheets_with_data,
    without_personal,
)
from carecircle.sources.tables.webtables import _in_whole_tags, is_web_page, page_encoding, page_sheet

ROWS = '编号,名称,床位数\n001,幸福养老院,"1,200"\n\n002,夕阳红,80\n'


def keys(error):
    return [found.key for found in error.value.problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_csv_in_any_encoding(tmp_path, encoding):
    file = tmp_path / "a.csv"
    file.write_bytes(ROWS.encode(encoding))
    table = read_table(file)
    assert table.frame["名称"].tolist() == ["幸福养老院", "夕阳红"]
    assert table.frame["编号"].tolist() == ["001", "002"]
    assert table.rows.tolist() == [2, 4]


@pytest.mark.parametrize("separator", [",", ";", "\t", "，"])
def test_csv_with_other_separators(tmp_path, separator):
    file = tmp_path / "a.csv"
    file.write_text(separator.join(["a", "b"]) + "\n" + separator.join(["1", "2"]) + "\n", "utf-8")
    assert read_table(file).frame.to_numpy().tolist() == [["1", "2"]]


def test_excel_keeps_text_codes_and_row_numbers(tmp_path):
    file = tmp_path / "a.xlsx"
    cells = pd.DataFrame(
        {"编号": ["007", "008"], "代码": [530402001001, 530402001002], "建成": [dt.date(2020, 5, 1)] * 2}
    )
    with pd.ExcelWriter(file) as book:
        cells.to_excel(book, sheet_name="机构", index=False, startrow=2, startcol=1)
        pd.DataFrame().to_excel(book, sheet_name="空表")
    table = read_table(file)
    assert (table.sheet, table.rows.tolist()) == ("机构", [4, 5])
    assert table.frame["编号"].tolist() == ["007", "008"]
    assert as_text(table.frame["代码"]).tolist() == ["530402001001", "530402001002"]


def test_excel_sheets_have_to_be_chosen(tmp_path):
    file = tmp_path / "a.xlsx"
    with pd.ExcelWriter(file) as book:
        for name in ("甲", "乙"):
            pd.DataFrame({"编号": [name]}).to_excel(book, sheet_name=name, index=False)
    with pytest.raises(InputError) as error:
        read_table(file)
    assert keys(error) == ["several_sheets"]
    assert read_table(file, "乙").frame["编号"].tolist() == ["乙"]
    with pytest.raises(InputError) as error:
        read_table(file, "丙")
    assert keys(error) == ["missing_sheet"]


def test_hidden_sheets_are_not_in_the_way(tmp_path):
    file = tmp_path / "a.xlsx"
    with pd.ExcelWriter(file, engine="openpyxl") as book:
        for name in ("甲", "字典"):
            pd.DataFrame({"编号": [name]}).to_excel(book, sheet_name=name, index=False)
        book.sheets["字典"].sheet_state = "hidden"
    assert read_table(file).sheet == "甲"


def test_parquet(tmp_path):
    pd.DataFrame({"编号": ["01"], "联系人": ["某"]}).to_parquet(tmp_path / "a.parquet")
    assert list(read_table(tmp_path / "a.parquet").frame.columns) == ["编号"]


def test_personal_columns_are_never_read(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("编号,姓名,联系人电话,身份证号,门牌,地址\n1,某,139,53,1,路\n", "utf-8")
    table = read_table(file)
    assert list(table.frame.columns) == ["编号", "地址"]
    assert "身份证号" in table.notes[0]
    assert all(map(is_personal, ("手机", "法定代表人", "联系方式（电话）")))
    assert not any(map(is_personal, ("机构名称", "automobile", "地址")))


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("", "empty_table"),
        ("a,b\n", "empty_table"),
        ("a,b\n1,2,3\n", "cells_without_header"),
        ("a,a\n1,2\n", "repeated_headers"),
        ('a,b\n"1,2\n', "broken_quotes"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said(tmp_path, content, key):
    file = tmp_path / "a.csv"
    file.write_text(content, "utf-8")
    with pytest.raises(InputError) as error:
        read_table(file)
    assert keys(error) == [key]
    assert str(file) in str(error.value)


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.parquet"])
def test_damaged_files_are_problems_not_tracebacks(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(InputError) as error:
        read_table(tmp_path / name)
    assert keys(error) == ["unreadable_file"]


def test_trailing_commas_and_index_columns_do_no_harm(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("a,b,,\n1,2,,\n", "utf-8")
    assert list(read_table(file).frame.columns) == ["a", "b"]
    pd.DataFrame({"a": [1]}).to_csv(file)
    assert list(read_table(file).frame.columns) == ["column 1", "a"]


def test_a_missing_file_and_an_unknown_ending(tmp_path):
    with pytest.raises(MissingInputError):
        read_table(tmp_path / "no.csv")
    (tmp_path / "a.docx").write_text("x")
    with pytest.raises(InputError) as error:
        read_table(tmp_path / "a.docx")
    assert keys(error) == ["unknown_format"]


def test_numbers_as_people_type_them():
    said = ["１２", "1,234.5", "3500㎡", "1，000", "1,5", "-3", "无", None, True, "nan", "inf"]
    cells = pd.Series(said, dtype=object)
    numbers, wrong = as_number(cells, "m2")
    assert numbers.fillna(-99).tolist() == [12, 1234.5, 3500, 1000, -99, -3, -99, -99, -99, -99, -99]
    assert wrong.tolist() == [False] * 4 + [True] + [False] * 3 + [True, False, True]


def test_codes_keep_their_digits_or_say_that_they_lost_them():
    cells = pd.Series(["007", 7.0, "12.0", "5.30402001001E+11", "5.3E+11", 2.0**60, None], dtype=object)
    codes, lost = as_code(cells)
    assert codes.tolist()[:5] == ["007", "7", "12", "530402001001", "5.3E+11"]
    assert lost.tolist() == [False] * 4 + [True, True, False]


def test_columns_without_a_contract_become_numbers_only_when_they_are():
    assert as_it_is(pd.Series(["1", "2"], name="座", dtype=object)).tolist() == [1, 2]
    assert as_it_is(pd.Series(["1", "2"], name="片区代码", dtype=object)).tolist() == ["1", "2"]
    assert as_it_is(pd.Series(["01", "2"], name="x", dtype=object)).tolist() == ["01", "2"]
    assert as_it_is(pd.Series(["530402001", None], name="x", dtype=object)).tolist() == ["530402001", None]


def test_headers_by_rank():
    def match(headers, *columns, table="facilities", **given):
        return match_headers(headers, columns, table, given)

    assert match(["床 位 数(张)"], "beds") == ({"beds": "床 位 数(张)"}, [])
    assert match(["lon", "经度"], "lon") == ({"lon": "lon"}, [])
    assert match(["x", "经度"], "lon") == ({"lon": "经度"}, [])
    assert match(["nursing_be"], "nursing_beds")[0] == {"nursing_beds": "nursing_be"}
    assert match(["人口(万人)"], "people", table="demand") == ({}, [])
    assert match(["人口(60岁以上)"], "people", "people_60", table="demand")[0] == {}
    matched, problems = match(["经度", "lng"], "lon")
    assert matched == {}
    assert problems[0].as_dict()["problem"] == "ambiguous_headers"
    assert "经度、lng" in str(InputError(problems))
    assert match(["甲"], "lon", lon="乙")[1][0].key == "chosen_header"
    assert match(["经度", "甲"], "lon", lon="甲")[0] == {"lon": "甲"}


def test_many_problems_are_listed_in_part():
    frame = pd.DataFrame({"a": range(200)})
    source = SourceTable(frame, frame["a"] + 2)
    found = InputError(row_problems("not_a_number", frame["a"] >= 0, source, "a", value=frame["a"])).problems
    assert len(found) == 51
    assert found[0].row == 2
    assert found[-1] == Problem("more_alike", column="a", values={"count": 150})


def refused(file, **options):
    with pytest.raises(InputError) as error:
        read_table(file, **options)
    assert all(found.file == file for found in error.value.problems)
    return error.value.problems


def found(table, key):
    return [one for one in table.findings if one.key == key]


def gap(finding, name):
    return dict(finding.values)[name]  # what fills the gaps of a sentence


# Files that are not what they are called


def test_text_called_a_workbook_is_read_as_text(tmp_path):
    for name, content in (
        ("a.xls", ROWS.encode("gbk")),
        ("b.xls", ROWS.replace(",", "\t").encode("utf-16")),
        ("c.xlsx", ROWS.encode("utf-8-sig")),
    ):
        (tmp_path / name).write_bytes(content)
        table = read_table(tmp_path / name)
        assert table.frame["编号"].tolist() == ["001", "002"]
        assert gap(found(table, "as_text")[0], "suffix") == (tmp_path / name).suffix


@pytest.mark.parametrize("content", [b"", b"hello", b"one\ntwo\nthree\n", b"\x00\xff nonsense \x80" * 40])
def test_what_is_no_table_is_no_workbook(tmp_path, content):
    (tmp_path / "a.xls").write_bytes(content)
    assert [one.key for one in refused(tmp_path / "a.xls")] == ["not_a_workbook"]


def test_workbooks_under_other_names(tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("表")
    for row, cells in enumerate([["编号", "床位数"], ["001", 3]]):
        for column, cell in enumerate(cells):
            sheet.write(row, column, cell)
    book.save(str(tmp_path / "a.xls"))
    pd.DataFrame({"编号": ["001"], "床位数": [3]}).to_excel(tmp_path / "b.xlsx", index=False)
    for source, names in (("a.xls", ("1.xlsx", "2.csv", "3.et")), ("b.xlsx", ("4.xls", "5.csv", "6.xlsm"))):
        for name in names:
            shutil.copy(tmp_path / source, tmp_path / name)
            assert read_table(tmp_path / name).frame.to_numpy().tolist() == [["001", 3]]
    (tmp_path / "7.et").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000))
    assert [one.key for one in refused(tmp_path / "7.et")] == ["save_as_xlsx"]


@pytest.mark.parametrize("declared", ["utf-8", "gb2312", ""])
def test_a_web_page_called_a_workbook(tmp_path, declared):
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={declared}">' if declared else ""
    page = f"""<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head>{head}<style>td {{color:red}}</style>
    <script>alert("1,2")</script></head><body><table><tr><td>only a frame<table border=1>
    <tr><th>编号<th>代码<th>名称<td>床位数</tr><tr><td>001<td x:num="530402001001">5.304E+11<td>幸福&amp;夕阳<br>红
    <td>&nbsp;3&nbsp;</tr></table></td></tr></table></body></html>"""
    (tmp_path / "a.xls").write_bytes(page.encode("gbk" if declared == "gb2312" else "utf-8"))
    table = read_table(tmp_path / "a.xls")
    assert table.frame.iloc[0].tolist() == ["001", "530402001001", "幸福&夕阳\n红", "3"]
    assert found(table, "as_web_page")


def test_pages_with_absurd_spans_and_several_tables(tmp_path):
    page = (
        "<table><tr><td colspan=999999999 rowspan=99999999>a</td></tr><tr><td>b</td></tr></table>"
        "<table><tr><td>编号</td><td>名称</td></tr><tr><td>1</td><td>x</td></tr><tr><td>2</td><td>y</td></tr></table>"
        "<table><tr><td>c</td></tr><tr><td>d</td><td>e</td></tr></table>"
    )
    (tmp_path / "a.xls").write_text(page, "utf-8")
    table = read_table(tmp_path / "a.xls")
    assert table.frame["名称"].tolist() == ["x", "y"]
    assert gap(found(table, "other_tables")[0], "found") == 1


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"%PDF-1.7 ...", "not_a_table"),
        (b"\x89PNG\r\n\x1a\n", "not_a_table"),
        (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>', "save_as_xlsx"),
        (b"MIME-Version: 1.0\nContent-Type: multipart/related", "save_as_xlsx"),
        (b"\x09\x08\x10\x00 BIFF without its container", "unreadable_file"),
    ],
)
@pytest.mark.parametrize("name", ["a.xls", "a.csv"])
def test_other_kinds_are_named(tmp_path, content, key, name):
    (tmp_path / name).write_bytes(content)
    expected = "broken_bytes" if key == "unreadable_file" and name == "a.csv" else key
    assert [one.key for one in refused(tmp_path / name)] == [expected]


def locked_by_agile_encryption(file):
    """Write the outside of an encrypted workbook: a compound file with a stream of that name ([MS-OFFCRYPTO] 2.3.4)."""
    XlsDoc().save(str(file), bytes(5000))
    name = "EncryptedPackage".encode("utf-16-le")
    entry = name.ljust(64, b"\0") + struct.pack("<H", len(name) + 2)
    raw = file.read_bytes()
    at = raw.index("Workbook".encode("utf-16-le"))
    file.write_bytes(raw[:at] + entry + raw[at + 66 :])


def locked_by_rc4(file):
    """Write a workbook of Excel 97 whose first record but one says that the rest is encrypted ([MS-XLS] 2.4.117)."""
    book = xlwt.Workbook()
    book.add_sheet("a").write(0, 0, "x")
    stream = book.get_biff_data()
    begin = 4 + struct.unpack_from("<H", stream, 2)[0]
    XlsDoc().save(str(file), stream[:begin] + struct.pack("<HH3H", 0x2F, 6, 1, 1, 1) + stream[begin:])


@pytest.mark.parametrize(("name", "lock"), [("a.xlsx", locked_by_agile_encryption), ("a.xls", locked_by_rc4)])
def test_a_locked_workbook_says_so(tmp_path, name, lock):
    lock(tmp_path / name)
    problems = refused(tmp_path / name)
    assert [one.key for one in problems] == ["locked_workbook"]
    assert "有密码" in problems[0].message()
    with pytest.raises(InputError):
        open_workbook(tmp_path / name)


# Workbooks


def test_an_old_workbook_keeps_dates_errors_and_codes(tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("台账")
    for column, header in enumerate(["编号", "代码", "床位数", "建成日期"]):
        sheet.write(0, column, header)
    day = xlwt.easyxf(num_format_str="yyyy-mm-dd")
    sheet.write(1, 0, "007")
    sheet.write(1, 1, 530402001001)
    sheet.row(1).set_cell_error(2, 0x17)
    sheet.write(1, 3, dt.date(2024, 5, 1), day)
    sheet.write(2, 0, "008")
    sheet.row(2).set_cell_error(1, 0x2A)
    sheet.write(2, 2, xlwt.Formula("1/0"))
    sheet.write(2, 3, 44927)
    book.save(str(tmp_path / "a.xls"))
    table = read_table(tmp_path / "a.xls")
    assert table.frame["编号"].tolist() == ["007", "008"]
    assert as_code(table.frame["代码"])[0].tolist() == ["530402001001", None]
    assert table.frame["床位数"].tolist()[0] == "#REF!"
    dates, wrong = as_date(table.frame["建成日期"])
    assert dates.dt.strftime("%Y-%m-%d").tolist() == ["2024-05-01", "2023-01-01"]
    assert not wrong.any()
    assert [(one.column, one.row) for one in found(table, "broken_formulas")] == [("床位数", 2)]


def test_failed_formulas_of_a_workbook_are_not_blank(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["编号", "床位数", "等级", "末列"], ["1", "#REF!", "#N/A", "x"], ["2", 3, "#DIV/0!", "#NAME?"]):
        sheet.append(row)
    for cell in (sheet["B2"], sheet["C2"], sheet["C3"], sheet["D3"]):
        cell.data_type = "e"
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert table.frame.to_numpy().tolist() == [["1", "#REF!", "#N/A", "x"], ["2", 3, "#DIV/0!", "#NAME?"]]
    assert {one.column: gap(one, "rows") for one in found(table, "broken_formulas")} == {
        "床位数": "2",
        "等级": "3",
        "末列": "3",
    }
    cells = table.frame["床位数"]
    problems = cell_problems("not_a_number", as_number(cells)[1], table, "床位数", cells)
    assert [(one.key, one.row) for one in problems] == [("broken_formula", 2)]
    assert not broken_formulas(pd.Series(["#1 院", "#N/A", None, 3], dtype=object)).any()


@pytest.mark.parametrize("date1904", [False, True])
def test_days_are_counted_from_1904_where_the_workbook_says_so(tmp_path, date1904):
    book = openpyxl.Workbook()
    if date1904:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = book.active
    day = 44927 - 1462 * date1904
    for row in (["编号", "建成日期", "床位数"], ["1", dt.date(2023, 1, 1), day], ["2", day, 5]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert as_date(table.frame["建成日期"])[0].dt.strftime("%Y-%m-%d").tolist() == ["2023-01-01"] * 2
    assert table.frame["床位数"].tolist() == [day, 5], "numbers of beds are no days"
    assert len(found(table, "days_from_1904")) == date1904


def ods(file, rows):
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="{space}office:1.0" '
        f'xmlns:table="{space}table:1.0" xmlns:text="{space}text:1.0" office:version="1.3"><office:body>'
        f'<office:spreadsheet><table:table table:name="表">{rows}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    manifest = f'<manifest:manifest xmlns:manifest="{space}manifest:1.0"/>'
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)


def test_opendocument_with_merged_and_hidden_rows(tmp_path):
    def cell(said, more=""):
        return f'<table:table-cell office:value-type="string" {more}><text:p>{said}</text:p></table:table-cell>'

    covered = "<table:covered-table-cell/>"
    rows = [
        cell("县区", 'table:number-rows-spanned="2"') + cell("床位", 'table:number-columns-spanned="2"') + covered,
        covered + cell("总数") + cell("护理型"),
        cell("红塔区", 'table:number-rows-spanned="2"') + cell(3) + cell(2),
        covered + cell(5) + cell(4),
        cell("江川区") + cell(1) + cell(1),
    ]
    hidden = ["", "", "", ' table:visibility="filter"', ""]
    ods(
        tmp_path / "a.ods",
        "".join(f"<table:table-row{more}>{row}</table:table-row>" for row, more in zip(rows, hidden, strict=True)),
    )
    table = read_table(tmp_path / "a.ods")
    assert list(table.frame.columns) == ["县区", "床位_总数", "床位_护理型"]
    assert table.frame["县区"].tolist() == ["红塔区", "红塔区", "江川区"]
    assert gap(found(table, "hidden_rows")[0], "rows") == "4"


def test_only_the_sheet_that_is_a_table_is_read(tmp_path):
    file = tmp_path / "a.xlsx"
    with pd.ExcelWriter(file) as book:
        pd.DataFrame([["填表说明"], ["一、本表由各县（市、区）民政局填写。"], ["二、床位数填实有床位。"]]).to_excel(
            book, sheet_name="说明", index=False, header=False
        )
        pd.DataFrame({"机构名称": ["幸福"], "床位数": [3]}).to_excel(book, sheet_name="机构", index=False)
        pd.DataFrame([["公办", "甲"], ["民办", "乙"]]).to_excel(book, sheet_name="字典", index=False, header=False)
    table = read_table(file)
    assert table.sheet == "机构"
    assert gap(found(table, "other_sheets")[0], "found") == "说明、字典"
    assert sheets_with_data(open_workbook(file)) == ["机构", "字典"]
    assert sheet_names(file) == ["机构", "字典"]
    (tmp_path / "b.xls").write_text(ROWS, "utf-8")
    assert sheet_names(tmp_path / "b.xls") == []


# Text


@pytest.mark.parametrize("said", ["sep=;\n", '"sep=;"\r\n', "SEP=;\n"])
def test_a_line_that_names_the_separator(tmp_path, said):
    (tmp_path / "a.csv").write_text(said + "编号;名称，别名\n1;a，b\n", "utf-8", newline="")
    table = read_table(tmp_path / "a.csv")
    assert table.frame.to_numpy().tolist() == [["1", "a，b"]]
    assert table.rows.tolist() == [2], "spreadsheet programs do not show that line"


def test_separators_below_a_title(tmp_path):
    (tmp_path / "a.csv").write_text("一览表，单位：张，全市\n编号\t名称\t床位\n1\ta，b，c，d\t2\n2\tx\t3\n", "utf-8")
    assert list(read_table(tmp_path / "a.csv").frame.columns) == ["编号", "名称", "床位"]


def test_mixed_line_ends_and_uneven_commas(tmp_path):
    (tmp_path / "a.csv").write_bytes("编号,名称,,\r\n1,甲,,,,\n2,乙\r3,丙,\r\n".encode())
    assert read_table(tmp_path / "a.csv").frame.to_numpy().tolist() == [["1", "甲"], ["2", "乙"], ["3", "丙"]]


def test_nul_signs_are_taken_out_and_told(tmp_path):
    (tmp_path / "a.csv").write_bytes(("编号,名称\n" + "1,甲乙丙丁\n" * 50).encode() + b"2\x00,x\n")
    table = read_table(tmp_path / "a.csv")
    assert table.frame["编号"].tolist()[-1] == "2"
    assert gap(found(table, "control_signs")[0], "found") == 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_without_a_mark(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes(ROWS.encode(encoding))
    assert read_table(tmp_path / "a.csv").frame["名称"].tolist() == ["幸福养老院", "夕阳红"]


@pytest.mark.parametrize(
    ("encoding", "broken"), [("utf-8", b"\xe5\xb9"), ("utf-8-sig", b"\xff"), ("gb18030", b"\xff\xff")]
)
def test_broken_bytes_are_told_by_their_line(tmp_path, encoding, broken):
    lines = ["编号,名称", *(f"{number},幸福养老院" for number in range(200))]
    raw = [line.encode(encoding if place == 0 else encoding.removesuffix("-sig")) for place, line in enumerate(lines)]
    raw[100] += broken
    (tmp_path / "a.csv").write_bytes(b"\n".join(raw))
    (problem,) = refused(tmp_path / "a.csv")
    assert (problem.key, problem.row) == ("broken_bytes", 101)


def test_a_wrong_encoding_given(tmp_path):
    (tmp_path / "a.csv").write_bytes(ROWS.encode("gbk"))
    assert [one.key for one in refused(tmp_path / "a.csv", encoding="utf-8")] == ["broken_bytes"]
    assert [one.key for one in refused(tmp_path / "a.csv", encoding="klingon")] == ["unknown_encoding"]


def test_quotes_that_do_not_pair_are_told_by_their_row(tmp_path):
    (tmp_path / "a.csv").write_text('编号,名称\n1,"甲,\n乙"\n2,"丙\n3,丁\n', "utf-8")
    (problem,) = refused(tmp_path / "a.csv")
    assert (problem.key, problem.row) == ("broken_quotes", 3)


def test_cells_that_keep_programs_from_making_numbers(tmp_path):
    (tmp_path / "a.csv").write_text('编号,代码\n="007",\t530402\n="008",530403\n', "utf-8")
    table = read_table(tmp_path / "a.csv")
    assert table.frame["编号"].tolist() == ["007", "008"]
    assert as_code(table.frame["代码"])[0].tolist() == ["530402", "530403"]
    assert found(table, "text_formulas")


# Personal information


@pytest.mark.parametrize(
    "header",
    [
        "联系人_姓名",
        "联系人_电话",
        "机构负责人",
        "机构情况_院长",
        "身份证号码",
        "老人姓名",
        "监护人（必填）",
        "手机号",
        "contact:phone",
        "家庭住址",
        "出生年月",
    ],
)
def test_personal_headers(header):
    assert is_personal(header)


@pytest.mark.parametrize(
    "header",
    ["机构负责人数", "电话亭数量", "负责人（名）", "手机用户比例", "机构地址", "院长培训人数", "名称", "床位数"],
)
def test_headers_that_count_are_not_personal(header):
    assert not is_personal(header)


def test_personal_numbers_anywhere_are_masked(tmp_path):
    secret = ["530402194001011234", "13800138000", "139 1234 5678", "１３８００１３８０００", "53040219400101123X"]
    rows = pd.DataFrame(
        {
            "编号": [f"1380013800{n}" for n in range(6)],
            "备注": [*(f"找{one}，急" for one in secret), "无"],
            "数": [13800138000, 1, 2, 3, 4, 5],
            "经度": [102.13800138000, *[102.5] * 5],
            "信用代码": ["52530402MJ00000001", *["115304000151770000"] * 5],
        }
    )
    rows.to_csv(tmp_path / "a.csv", index=False)
    rows.to_excel(tmp_path / "a.xlsx", index=False)
    for name in ("a.csv", "a.xlsx"):
        table = read_table(tmp_path / name)
        assert table.frame["备注"].tolist() == ["找***，急"] * 5 + ["无"]
        assert table.frame["数"].tolist()[0] == "***"
        assert table.frame["编号"].tolist() == rows["编号"].tolist(), "codes are codes"
        assert as_number(table.frame["经度"])[0].tolist() == rows["经度"].tolist()
        assert table.frame["信用代码"].tolist() == rows["信用代码"].tolist()
        masks = {one.column: (one.action, gap(one, "rows")) for one in found(table, "personal_numbers")}
        assert masks == {"备注": ("aside", "2-6"), "数": ("aside", "2")}
        said = " ".join([*(one.message() for one in table.findings), *table.notes])
        assert not any(number in said for number in secret)


def test_personal_columns_are_findings(tmp_path):
    (tmp_path / "a.csv").write_text("编号,院长,电话\n1,张三,139\n2,李四,138\n", "utf-8")
    table = read_table(tmp_path / "a.csv")
    assert [(one.action, one.column) for one in found(table, "personal_column")] == [
        ("aside", "院长"),
        ("aside", "电话"),
    ]
    frame = pd.DataFrame({"备注": ["13800138000", None]})
    masked = without_personal(SourceTable(frame, pd.Series([1, 2])))
    assert masked.frame["备注"].tolist()[0] == "***"
    assert frame["备注"].tolist()[0] == "13800138000", "a frame of the user is not changed"


# Cells


NO_NUMBERS = ["约120", "50-60", "120张以上", "1,23", "12 0人左右", "#REF!", "5亩", "1.2万"]
TWO_NUMBERS = ["120 80", "60\n30", "1 23", "12 3456", "1 2 3", "1,234 567", "60\n300", "1,\n234", "60\t300", "1 234 5"]


@pytest.mark.parametrize("said", [*NO_NUMBERS, *TWO_NUMBERS])
def test_what_is_no_number(said):
    numbers, wrong = as_number(pd.Series([said], dtype=object), None)
    assert numbers.isna().all()
    assert wrong.all()


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("120张", 120),
        ("1,200㎡", 1200),
        ("１，２００．５", 1200.5),
        (" 1 200 ", 1200),
        ("1\u00a0234\u2009567.5", 1234567.5),
        ("120\n张", 120),
        ("12 345 人", 12345),
        ("500米", 500),
        ("３０ 名", 30),
        ("+5", 5),
        (".5", 0.5),
        ("1e3", 1000),
        ("\u200b7\ufeff", 7),
    ],
)
def test_numbers_in_all_spellings(said, number):
    assert as_number(pd.Series([said], dtype=object), None)[0].tolist() == [number]


@pytest.mark.parametrize(
    ("unit", "fitting", "others"),
    [
        ("beds", ["50张", "50 床", "50个", "50张床"], ["50户", "50人", "50米", "50分钟", "50㎡"]),
        ("people", ["50人", "50名"], ["50户", "50张", "50m"]),
        ("households", ["50户"], ["50人", "50张"]),
        ("m", ["50米", "50M"], ["50㎡", "50分钟"]),
        ("m2", ["50㎡", "50m²", "50M2", "50平方米", "50 平米"], ["50米", "50m", "50亩", "50张"]),
        ("min", ["50分钟", "50分", "50min"], ["50米", "50m", "50人"]),
        ("", ["50"], ["50人", "50米"]),
        ("degrees", ["50"], ["50米", "50m"]),
    ],
)
def test_only_units_of_the_column_stand_behind_numbers(unit, fitting, others):
    assert as_number(pd.Series(fitting, dtype=object), unit)[0].eq(50).all()
    numbers, wrong = as_number(pd.Series(others, dtype=object), unit)
    assert numbers.isna().all()
    assert wrong.all()
    mended = mended_cells(pd.Series([*fitting, *others], dtype=object), "number", unit).get("units_in_cells")
    assert mended is None or mended.tolist()[len(fitting) :] == [False] * len(others)


def test_every_unit_of_the_contract_is_known():
    counted = {column.unit for table in (FACILITIES, POINTS, AREAS, DEMAND) for column in table.columns}
    assert all(units_behind(unit) for unit in counted - {""})
    assert as_it_is(pd.Series(["50户", "30户"], dtype=object)).tolist() == [50, 30]
    assert as_it_is(pd.Series(["50户", "30米"], dtype=object)).tolist() == ["50户", "30米"], (
        "these count several things"
    )


def test_units_of_cells_in_a_whole_table():
    table = pd.DataFrame({"编号": ["a", "b"], "经度": [102.5, 102.6], "纬度": [24.3, 24.4]})
    fine = table.assign(
        **{"床位数（张）": ["50张", "60"], "建筑面积/㎡": ["500平方米", "1 200"], "附加分钟": ["5分钟", 2]}
    )
    read = read_facilities(fine)
    assert read[["beds", "floor_m2", "added_minutes"]].to_numpy().tolist() == [[50, 500, 5], [60, 1200, 2]]
    with pytest.raises(InputError) as error:
        read_facilities(
            table.assign(床位数=["50户", "120 80"], 建筑面积=["500m", "1"], 附加分钟=["5米", "2"], 经度=["102.5米", 1])
        )
    wrong = {(one.row, one.column) for one in error.value.problems if one.key in {"not_a_number", "not_a_position"}}
    assert wrong == {(1, "床位数"), (2, "床位数"), (1, "建筑面积"), (1, "附加分钟"), (1, "经度")}


def test_hours_of_business_are_no_dates():
    table = pd.DataFrame({"编号": ["a", "b"], "经度": [102.5, 102.6], "纬度": [24.3, 24.4]})
    hours = table.assign(运营时间=["8:00-18:00", "全天"])
    assert read_facilities(hours)["运营时间"].tolist() == ["8:00-18:00", "全天"]
    assert "opened" not in read_facilities(hours).columns
    dates = read_facilities(table.assign(运营时间=["2020年5月", "2021"]))
    assert dates["opened"].dt.year.tolist() == [2020, 2021]
    both = read_facilities(hours.assign(开业时间=["2020年5月", "2021"]))
    assert both["opened"].dt.year.tolist() == [2020, 2021]
    with pytest.raises(InputError):
        read_facilities(hours, columns={"opened": "运营时间"})
    with pytest.raises(InputError) as error:
        read_facilities(table.assign(运营时间=["2020年5月", "8:00"]))
    assert keys(error) == ["not_a_date"]


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2024.5.1", "2024-05-01"),
        ("2024年5月", "2024-05-01"),
        ("2024年5月1日", "2024-05-01"),
        ("20240501", "2024-05-01"),
        (20240501, "2024-05-01"),
        (202405, "2024-05-01"),
        (2024, "2024-01-01"),
        ("2024", "2024-01-01"),
        (45413, "2024-05-01"),
        ("45413", "2024-05-01"),
        (45413.75, "2024-05-01"),
        ("2024-5-1 08:30:00", "2024-05-01"),
        ("２０２４／５／１", "2024-05-01"),
        ("2024-05-01T00:00:00+08:00", "2024-05-01"),
        (pd.Timestamp("2024-05-01 07:30"), "2024-05-01"),
        (2024.5, "2024-05-01"),
        ("2024.10", "2024-10-01"),
        ("2024 年 5 月 1 日", "2024-05-01"),
        ("2024年12月31号", "2024-12-31"),
    ],
)
def test_dates_in_all_spellings(said, day):
    dates, wrong = as_date(pd.Series([said], dtype=object))
    assert dates.dt.strftime("%Y-%m-%d").tolist() == [day]
    assert not wrong.any()


@pytest.mark.parametrize(
    "said",
    [
        "24/5/1",
        "5/1/2024",
        "2023111",
        "20235",
        20235,
        2024.1,
        "2024-13-01",
        "2024-02-30",
        5,
        999999,
        "1815-01-01",
        "2150",
        "去年",
        "2024年5月建成",
        120000,
        0,
    ],
)
def test_what_is_no_date_or_could_be_two(said):
    dates, wrong = as_date(pd.Series([said], dtype=object))
    assert dates.isna().all()
    assert wrong.all()


def test_whole_numbers_keep_all_their_digits():
    """Parquet and databases give codes as whole numbers; floats would lose the last digits of long ones."""
    cells = pd.Series([110101199003070011, -3, 10**25, 10**5000, None], dtype=object)
    codes, lost = as_code(cells)
    assert codes.tolist()[:3] == ["110101199003070011", "-3", str(10**25)]
    assert codes.isna().tolist() == [False, False, False, False, True]
    assert not lost.any()
    assert as_number(cells)[0].tolist()[1] == -3
    assert as_text(pd.Series(["养\ud800老"], dtype=object)).tolist() == ["养\ufffd老"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("'530402", "530402"),
        ("‘007", "007"),
        ("５３０４０２００１", "530402001"),
        ("530402 001 001", "530402001001"),
        ("53-04-02-001", "530402001"),
        ("A-001", "A-001"),
        ("2024-001", "2024-001"),
        ("123456-789", "123456-789"),
        ("99 99 99", "99 99 99"),
        ("Ａ００１", "A001"),
        ("幸福 1", "幸福 1"),
        ("530402001001.0", "530402001001"),
        ("'", None),
    ],
)
def test_codes_in_all_spellings(said, code):
    codes, lost = as_code(pd.Series([said], dtype=object))
    assert codes.tolist() == [code]
    assert not lost.any()


def test_truths_are_words():
    assert as_text(pd.Series([True, False, "是"], dtype=object)).tolist() == ["是", "否", "是"]


def mends(cells, kind):
    return {key: mask.tolist() for key, mask in mended_cells(pd.Series(cells, dtype=object), kind, "beds").items()}


def test_mends_of_codes():
    assert mends(["530402", 530403.0], "code") == {}
    assert mends(["'530402", "53 04 03", "5.30402001001E+11", "５３０４０２", "5.3E+11"], "code") == {
        "quoted_codes": [True, False, False, False, False],
        "spaced_codes": [False, True, False, False, False],
        "scientific_codes": [False, False, True, False, False],
        "full_width": [False, False, False, True, False],
    }


def test_lost_zeros_are_doubtful_only_where_zeros_stand():
    assert mends(["001", "002", 3, "4", None], "code") == {"short_codes": [False, False, True, True, False]}
    assert mends(["8", "9", "10", "11"], "code") == {}, "plain numbering"
    assert mends(["001", "2", "3", "4"], "code") == {}, "one of many is no rule"
    cells = pd.Series(["001", "002", 3], dtype=object)
    table = SourceTable(cells.to_frame("编号"), pd.Series([2, 3, 4]))
    assert [(one.action, one.row) for one in cell_findings(cells, "code", table, "编号")] == [("doubtful", 4)]


def test_mends_of_dates_and_numbers():
    assert mends(["2024年5月", 45413, "2024-05-01", dt.date(2024, 5, 1), "x"], "date") == {
        "partial_dates": [True, False, False, False, False],
        "serial_dates": [False, True, False, False, False],
    }
    assert mends(["1,200", "３", "5张", "无", 7, "约5张"], "number") == {
        "thousands_marks": [True, *[False] * 5],
        "full_width": [False, True, *[False] * 4],
        "units_in_cells": [False, False, True, *[False] * 3],
        "nothing_marks": [*[False] * 3, True, False, False],
    }
    assert mends(["任", "何"], "text") == {}
    assert mended_cells(pd.Series([1.0, 2.0]), "number") == {}


# Headers


REGISTRY = {
    "机构名称": "name",
    "统一社会信用代码": "credit_code",
    "机构类别": "kind",
    "所有制": "ownership",
    "等级": "stars",
    "备案状态": "filing",
    "运营状态": "status",
    "建成（验收）日期": "opened",
    "设计床位": "designed_beds",
    "备案床位": "filed_beds",
    "实有床位（张）": "beds",
    "护理型床位": "nursing_beds",
    "在住人数": "residents",
    "建筑面积（㎡）": "floor_m2",
    "功能": "functions",
    "服务半径（米）": "service_metres",
    "服务乡镇列表": "serves",
    "村代码": "area_code",
    "所属县区": "county",
    "所属乡镇（街道）": "township",
    "所属社区": "community",
    "地址": "address",
    "经度": "lon",
    "纬度": "lat",
    "坐标来源": "coordinate_source",
    "数据截止日": "data_date",
    "机构编号": "facility_id",
}


def test_the_columns_of_a_registry_are_known():
    columns = [*REGISTRY.values()]
    assert match_headers(REGISTRY, columns, "facilities") == (
        {column: header for header, column in REGISTRY.items()},
        [],
    )
    assert all(map(is_known_header, [*REGISTRY, "坐标系"]))


def test_ranks_of_headers():
    def beds(*headers):
        return match_headers(headers, ["beds"], "facilities")[0].get("beds")

    assert beds("床位数", "实有床位") == "实有床位"
    assert beds("床位数", "设计床位") == "床位数"
    assert beds("设计床位", "备案床位") is None
    codes = match_headers(["县代码", "乡镇代码", "村代码"], ["area_code"], "facilities")[0]
    assert codes == {"area_code": "村代码"}
    assert match_headers(["序号", "编号"], ["facility_id"], "facilities")[0] == {"facility_id": "编号"}


def test_parts_of_merged_headers():
    def match(column, *headers, table="facilities"):
        return match_headers(headers, [column], table)[0].get(column)

    assert match("lon", "坐标_经度", "坐标_纬度") == "坐标_经度"
    assert match("beds", "床位数_合计", "床位数_护理型床位") == "床位数_合计"
    assert match("nursing_beds", "床位情况_护理型床位") == "床位情况_护理型床位"
    assert match("people_60", "户籍人口_60岁以上", table="demand") is None
    assert match("beds", "2025年_床位数") is None
    assert match("people_60", "人口_60岁以上", "老年人口_60岁以上", table="demand") is None, "one of two is not guessed"
    assert match("beds", "nursing_beds") is None


def test_multiples_of_units(tmp_path):
    assert scale_of("人口（万人）").header == "人口（人）"
    assert scale_of("服务半径（公里）").factor == 1000
    assert scale_of("面积/公顷").header == "面积/㎡"
    assert scale_of("人口（单位：千人）").factor == 1000
    assert [scale_of(header) for header in ("人口（人）", "area_ha", "万人小区", "备注（略）", "亩")] == [None] * 5
    cells = pd.DataFrame(
        {
            "编号": ["a", "b", "c"],
            "人口（万人）": ["12.3", "—", "约5"],
            "建筑面积（亩）": [15, 1.5, None],
            "床位（张）": [1, 2, 3],
        }
    )
    cells.to_excel(tmp_path / "a.xlsx", index=False)
    table = read_table(tmp_path / "a.xlsx")
    assert table.frame["人口（人）"].tolist() == [123_000, "—", "约5"]
    assert table.frame["建筑面积（㎡）"].tolist()[:2] == [10_000, 1_000]
    told = {one.column: (one.action, gap(one, "unit")) for one in found(table, "converted_unit")}
    assert told == {"人口（万人）": ("mended", "万人"), "建筑面积（亩）": ("mended", "亩")}
    assert len(table.notes) == 2
    matched, problems = match_headers(table.frame.columns, ["people"], "demand", {"people": "人口（万人）"})
    assert (matched, problems) == ({"people": "人口（人）"}, []), "the user may name it as it stands in the file"
    matched, problems = match_headers(["人口（万人）"], ["people"], "demand", {"people": "人口（万人）"})
    assert [one.key for one in problems] == ["scaled_header"], "in a layer nothing has been converted"
    assert match_headers(["人口（万人）"], ["people"], "demand") == ({}, [])


def test_both_a_multiple_and_its_base(tmp_path):
    (tmp_path / "a.csv").write_text("编号,人口（万人）,人口（人）\n1,1.2,12000\n", "utf-8")
    assert list(read_table(tmp_path / "a.csv").frame.columns) == ["编号", "人口（万人）", "人口（人）"]


def test_suggestions():
    suggested = suggest_headers(["护理型床位数量", "机构所属街道", "颜色"], "facilities")
    assert suggested["护理型床位数量"][0] == "nursing_beds"
    assert "township" in suggested["机构所属街道"]
    assert suggested["颜色"] == []
    assert suggest_headers(["60岁以上老人"], "demand")["60岁以上老人"][0] == "people_60"


def test_what_is_mapped_how_is_told():
    frame = pd.DataFrame({"床位数（张）": [1], "护理型床位数量": [1], "颜色": [1]})
    told = mapping_findings(SourceTable(frame, pd.Series([2])), {"beds": "床位数（张）"}, "facilities")
    assert [(one.action, one.key, one.column) for one in told] == [
        ("mapped", "mapped_column", "床位数（张）"),
        ("unmapped", "unmapped_similar", "护理型床位数量"),
        ("mapped", "unmapped_column", "颜色"),
    ]
    assert told[0].message() == "列“床位数（张）”作为 beds（床位）读取。"
    assert "nursing_beds（护理型床位）" in told[1].message()
    assert "beds（床位）" not in told[1].message(), "what is mapped already is not suggested"
    assert all(one.message("en") for one in told)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("行政区划代码", True),
        ("osm_id", True),
        ("ID", True),
        ("编号", True),
        ("fid", True),
        ("床位数", False),
        ("android", False),
        ("paid", False),
    ],
)
def test_headers_of_codes(header, expected):
    assert is_code_header(header) is expected


def test_a_container_whose_sectors_go_round_in_circles_is_refused(tmp_path):
    """The reader of cells would follow them until the memory is full."""
    book = xlwt.Workbook()
    book.add_sheet("a").write(0, 0, "x" * 10_000)
    book.save(str(tmp_path / "a.xls"))
    raw = bytearray((tmp_path / "a.xls").read_bytes())
    table = 512 + 512 * struct.unpack_from("<I", raw, 76)[0]
    struct.pack_into("<II", raw, table, 1, 0)
    (tmp_path / "a.xls").write_bytes(raw)
    assert [one.key for one in refused(tmp_path / "a.xls")] == ["unreadable_file"]


# Hostile tables


def page_of(cells):
    return "<html><table><tr><td>名称<td>人口</tr>" + cells + "</table></html>"


def test_small_files_that_would_fill_the_memory(tmp_path, monkeypatch):
    """One long row among many short ones, and cells that span all columns and rows."""
    monkeypatch.setattr(workbooks, "MAX_SHEET_CELLS", 100_000)
    for name, content in (
        ("a.csv", "名称,人口\n" + "a,1\n" * 1000 + "," * 1000 + "\n"),
        ("b.xls", page_of("<tr><td colspan=16384>x" * 20)),
        ("c.xls", page_of("<tr><td rowspan=99999 colspan=16384>x" + "<tr><td>" * 20)),
        ("d.xls", page_of("<tr><td>" + "<table><tr><td colspan=16000>x</table>" * 20)),
        ("e.xls", page_of("<tr><td colspan=300>x" + "<tr><td>x" * 1000)),
    ):
        (tmp_path / name).write_text(content, "utf-8")
        assert [one.key for one in refused(tmp_path / name)] == ["sheet_size"], name
    (tmp_path / "f.csv").write_text("名称,人口\n" + "a,1\n" * 10_000, "utf-8")
    assert len(read_table(tmp_path / "f.csv").frame) == 10_000


def test_cells_of_a_page_that_span_rows_and_columns(tmp_path):
    (tmp_path / "a.xls").write_text(
        page_of("<tr><td rowspan=2>甲<td>1<tr><td>2<tr><td colspan=2>乙<tr><td>丙<td rowspan=9>4<tr><td>丁"), "utf-8"
    )
    cells = read_table(tmp_path / "a.xls").frame
    assert cells["名称"].tolist() == ["甲", "甲", "丙", "丁"]
    assert cells["人口"].tolist()[:3] == ["1", "2", "4"]


def seen_page(content):
    return page_sheet(Path("a.xls"), "<table><tr><td>甲<tr><td>乙" + content)


def test_pages_that_end_in_the_middle():
    assert seen_page("丙").cells[1].tolist() == ["甲", "乙丙"]
    assert seen_page("丙<td").cells[1].tolist() == ["甲", "乙丙"]
    assert seen_page("<!-- x <td>丁 -->丙<!-- <td>").cells[1].tolist() == ["甲", "乙丙"]
    assert seen_page("<![if !a]>丙<![endif]>").cells[1].tolist() == ["甲", "乙丙"]


LONG = 40_000
PATTERNS = [
    (is_web_page, b"<!---->" * LONG + b"x"),
    (is_web_page, b"<!--" * LONG),
    (_in_whole_tags, "<!--" * LONG),
    (seen_page, "<a " * LONG),
    (seen_page, "<!-- >" * LONG),
    (seen_page, "<![CDATA[ >" * LONG),
    (seen_page, "</a " * LONG),
    (page_encoding, b"<meta" * LONG),
    (page_encoding, b"<meta" * 1000 + b" charset=" + b" " * 4000),
    (lambda raw: list(_failed(raw)), b'<c r="A1" t="e">' * LONG),
    (lambda raw: list(_failed(raw)), b"<c " + b't="e" ' * LONG),
    (lambda raw: list(_failed(raw)), b'<c t="e" ' + b'r="A1" ' * LONG + b"/>"),
    (lambda raw: list(_failed(raw)), b'<c t="e" r="A1">' + b"<f>" * LONG),
    (lambda raw: list(_hidden_rows(raw)), b"<row hidden='1' " * LONG),
    (lambda raw: list(_hidden_rows(raw)), b"<row " + b"hidden='1' " * LONG),
    (tidy, "a" + "\n" * LONG + "b"),
    (tidy, "a" + " " * LONG + "b"),
    (normal_header, "（" * LONG),
    (lambda said: as_date(pd.Series([said], dtype=object)), "1" + " " * LONG + "1"),
    (lambda said: as_number(pd.Series([said], dtype=object), None), "1 " * LONG + "x"),
    (lambda said: mended_cells(pd.Series([said], dtype=object), "code"), "1" * LONG + "x"),
    (lambda said: parse_degrees(pd.Series([said], dtype=object)), "1°" + "2024" * LONG + "x"),
]


@pytest.mark.parametrize("place", range(len(PATTERNS)))
def test_no_text_takes_long_to_look_through(place):
    """Each took minutes, or for ever, with patterns that try the same signs again and again."""
    read, hostile = PATTERNS[place]
    start = time.process_time()
    read(hostile)
    assert time.process_time() - start < 3


def test_comments_before_a_page():
    assert is_web_page(b"\xef\xbb\xbf\n<!-- a > b --> <!--\n-->\n<HTML>")
    assert is_web_page(b"  <!DOCTYPE html><p>")
    assert not is_web_page(b"<!-- <html>")
    assert not is_web_page(b"<!-- a --> x <html>")
    assert page_encoding(b'<meta http-equiv="x" content="text/html; charset = \'GB2312">') == "gb18030"


def test_failed_formulas_and_hidden_rows_of_a_sheet():
    content = (
        b'<row r="2" hidden="1"><c t="e" r="B2" s="1"><f t="shared">A1/0 &gt; 1</f><v>#DIV/0!</v></c>'
        b'<c r="C2" t="e"/><c r="D2"><v>1</v></c><x:c r="AA2" t=\'e\'><x:v>#REF!</x:v></x:c>'
        b'<c r="E2" t="e"></c><c r="F2"><v>#N/A</v></c></row><row hidden="0" r="3"></row><row r="4" hidden=\'true\'/>'
    )
    assert list(_failed(content)) == [(2, 2, "#DIV/0!"), (2, 27, "#REF!")]
    assert list(_hidden_rows(content)) == [2, 4]
