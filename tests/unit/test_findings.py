"""Findings: addressed by file, sheet, row and column, worded in two languages, and collected by readers."""

import pandas as pd
import pytest

from carecircle.errors import InputError
from carecircle.findings import Finding, Place, QualityLog, row_numbers
from carecircle.sources import read_areas, read_facilities, read_population

LIST = pd.DataFrame(
    {
        "编号": ["A1", "A2", "A3", "A4"],
        "机构名称": ["甲", "乙", "丙", "丁"],
        "经度": [102.5, 102.6, 102.7, "没有"],
        "纬度": [24.3, None, 24.3, 24.3],
        "床位数": [10, 20, -3, 5],
    }
)


@pytest.fixture
def bad_list(tmp_path):
    file = tmp_path / "名单.xlsx"
    LIST.to_excel(file, index=False, sheet_name="在营")
    return file


def test_rows_with_mistakes_stop_the_reader_unless_asked(bad_list):
    with pytest.raises(InputError) as error:
        read_facilities(bad_list)
    assert {found.row for found in error.value.problems} == {3, 4, 5}
    log = QualityLog()
    kept = read_facilities(bad_list, bad_rows="drop", log=log)
    assert kept["facility_id"].tolist() == ["A1"]
    table = log.to_frame("zh")
    dropped = table[table["action"] == "dropped"]
    assert sorted(set(dropped["row"])) == [3, 4, 5]
    assert set(dropped["file"]) == {"名单.xlsx"}
    assert set(dropped["sheet"]) == {"在营"}
    assert not dropped["message"].str.contains("名单.xlsx").any(), "the address has columns of its own"
    assert any("略去" in note for note in kept.attrs["notes"])
    assert table.loc[table["action"] == "read", "count"].tolist() == [1]


def test_a_file_without_one_good_row_stops_even_so(tmp_path):
    file = tmp_path / "a.csv"
    LIST.iloc[1:].to_csv(file, index=False)
    with pytest.raises(InputError):
        read_facilities(file, bad_rows="drop")


def test_a_missing_column_is_never_dropped_away(tmp_path):
    file = tmp_path / "a.csv"
    LIST.drop(columns="经度").to_csv(file, index=False)
    with pytest.raises(InputError) as error:
        read_facilities(file, bad_rows="drop")
    assert "missing_header" in [found.key for found in error.value.problems]


def test_rows_are_found_again_by_key(bad_list):
    log = QualityLog()
    read_facilities(bad_list, bad_rows="drop", log=log)
    log.by_row("far", "far_from_street", "facilities", pd.Series(["A1", "nobody"]), metres=["120", "130"])
    first, second = log.findings[-2:]
    assert (first.row, first.sheet) == (2, "在营")
    assert first.file.name == "名单.xlsx"
    assert "120" in first.message("zh")
    assert "130" in second.message("en")
    assert second.row is None


def test_every_reader_fills_the_log(tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("小区编号,60岁以上人口,经度,纬度\nX,12,102.5,24.3\n", "utf-8")
    areas = tmp_path / "areas.csv"
    areas.write_text("代码,名称\n530402,红塔区\n", "utf-8")
    log = QualityLog()
    read_population(people, log=log)
    read_areas(areas, log=log)
    read = [found for found in log.findings if found.action == "read"]
    assert [(found.file.name, found.count) for found in read] == [("people.csv", 1), ("areas.csv", 1)]
    assert log.where("demand", pd.Series(["X"])) == [(people, None, 2)]


def test_an_empty_log_is_an_empty_table():
    table = QualityLog().to_frame()
    assert table.empty
    assert list(table) == ["action", "file", "sheet", "row", "column", "count", "message"]


def test_braces_in_values_are_data():
    finding = Finding("far", "far_from_street", values={"name": "{0.__class__}", "metres": "{x}"})
    assert "{0.__class__}" in finding.message("zh")


def test_row_numbers_of_many_rows_stay_short():
    assert row_numbers(pd.Series(range(2, 5000))) == "2-4999"
    assert row_numbers(pd.Series(range(2, 100, 2))).endswith("…")


def test_a_place_without_such_rows():
    log = QualityLog()
    log.place("facilities", Place("a.csv", None, pd.Series([2], index=["A"])))
    assert log.where("facilities", pd.Series([], dtype=object)) == []
