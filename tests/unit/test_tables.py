"""Tables as they come: encodings, sheets, codes, personal columns."""

import datetime as dt

import pandas as pd
import pytest

from carecircle.china.headers import is_personal, match_headers
from carecircle.errors import InputError, MissingInputError, Problem
from carecircle.sources.cells import as_code, as_it_is, as_number, as_text
from carecircle.sources.tables import SourceTable, read_table, row_problems

ROWS = "编号,名称,床位数\n001,幸福养老院,\"1,200\"\n\n002,夕阳红,80\n"


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
    cells = pd.DataFrame({"编号": ["007", "008"], "代码": [530402001001, 530402001002],
                          "建成": [dt.date(2020, 5, 1)] * 2})
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


@pytest.mark.parametrize(("content", "key"), [
    ("", "empty_table"), ("a,b\n", "empty_table"), ("a,b\n1,2,3\n", "cells_without_header"),
    ("a,a\n1,2\n", "repeated_headers"), ('a,b\n"1,2\n', "unreadable_file")])
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
    numbers, wrong = as_number(cells)
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
    found = row_problems("not_a_number", frame["a"] >= 0, source, "a", value=frame["a"])
    assert len(found) == 51
    assert found[0].row == 2
    assert found[-1] == Problem("more_alike", column="a", values={"count": 150})
