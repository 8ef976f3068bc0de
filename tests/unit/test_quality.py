"""The quality report: every finding is there, counted, addressed, and inert."""

import re
from datetime import date

import openpyxl
import pandas as pd
import pytest

from carecircle.errors import OutputError
from carecircle.findings import ACTIONS, Finding, QualityLog
from carecircle.report import quality, quality_html, quality_summary, write_quality

TEXT = "<script>alert(1)</script>\"'{{7*7}}{% raw %}<!-- policy -->"


def table(*rows):
    """Findings as (action, file, sheet, row, column, count, message)."""
    names = ["action", "file", "sheet", "row", "column", "count", "message"]
    return pd.DataFrame(rows, columns=names).astype({"row": "Int64", "count": "Int64"})


FOUND = table(
    ("far", "b.csv", None, 12, None, 1, "远"),
    ("read", "b.csv", None, None, None, 40, "读入 40 行。"),
    ("dropped", "a.xlsx", "在营", 7, "经度", 1, "略去"),
    ("mended", "a.xlsx", "在营", 3, "床位", 5, "修正"),
    ("read", "a.xlsx", "在营", None, None, 9, "读入 9 行。"),
    ("far", None, None, None, None, 2, "结果"),
)


def details(page):
    """The page's rows as lists of words."""
    body = re.search(r'<tbody id="rows">(.*?)</tbody>', page, re.DOTALL)[1]
    rows = re.findall(r"<tr [^>]*>(.*?)</tr>", body, re.DOTALL)
    return [[re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows]


def test_counts_by_file():
    found = quality_summary(FOUND)
    assert list(found.index) == ["a.xlsx", "b.csv", ""]
    assert list(found.columns) == list(ACTIONS)
    assert found.loc["a.xlsx", ["read", "mended", "dropped", "far"]].tolist() == [9, 5, 1, 0]
    assert found.loc["", "far"] == 2
    assert found.to_numpy().sum() == FOUND["count"].sum()


def test_rows_to_be_checked_come_first_and_then_by_file_sheet_and_row():
    rows = details(quality_html(FOUND, title="例"))
    assert [row[0] for row in rows] == ["已略去", "远离道路", "远离道路", "读入", "已修正", "读入"]
    assert [row[3] for row in rows] == ["7", "12", "", "", "3", ""]
    assert rows[0] == ["已略去", "a.xlsx", "在营", "7", "经度", "1", "略去"]
    assert rows[2][1] == "（汇总或计算结果）"


def test_the_lead_says_how_much_there_is_to_do():
    assert "有 4 处需要核改" in quality_html(FOUND, title="例")
    assert "共读入 49 行，程序已自动处理 5 处" in quality_html(FOUND, title="例")
    clean = quality_html(FOUND[FOUND["action"] == "read"], title="例")
    assert "没有发现需要核改的问题" in clean
    assert "自动处理" not in clean
    assert '<section class="lead good">' in clean


def test_nothing_at_all():
    page = quality_html(FOUND.iloc[:0], title="例", language="en")
    assert "nothing to report" in page
    assert "<table" not in page
    assert 'lang="en"' in page


@pytest.mark.parametrize("action", quality.NEED)
def test_every_action_that_needs_someone_has_a_hint(action):
    for language in ("zh", "en"):
        page = quality_html(table((action, "a.csv", None, 1, None, 1, "x")), title="例", language=language)
        assert '<table class="hints">' in page
        assert 'class="mark need"' in page


def test_the_groups_hold_every_action_once():
    assert sorted(("read", "mapped", *quality.NEED, *quality.DONE)) == sorted(ACTIONS)


def test_what_is_written_on_it_stays_text():
    nasty = table(*(("far", TEXT, TEXT, 3, TEXT, 1, TEXT) for _ in range(3)))
    page = quality_html(nasty, title=TEXT, basis=[(TEXT, TEXT)], files={TEXT: {"sha256": TEXT}})
    plain = quality_html(FOUND, title="例")
    for mark in ("<script", "<!--", "<img", "http-equiv"):
        assert page.count(mark) == plain.count(mark)
    assert "49" not in details(page)[0][1]
    assert "{{7*7}}" in page


def test_no_address_in_the_page():
    page = quality_html(FOUND, title="例")
    assert re.findall(r"https?://[^\"' ]*", page) == []
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_too_many_rows_for_a_page(tmp_path):
    many = pd.concat([FOUND.iloc[[1]]] * 3000 + [FOUND.iloc[[0]]] * 50, ignore_index=True)
    page = quality_html(many, title="例")
    rows = details(page)
    assert len(rows) == quality.MOST_ROWS
    assert sum(row[0] == "远离道路" for row in rows) == 50
    assert "共 3,050 条，本页只列前 2,000 条" in page
    write_quality(many, tmp_path, title="例")
    assert len(pd.read_csv(tmp_path / "quality.csv")) == 3050


def test_a_long_cell_is_cut_on_the_page():
    page = quality_html(table(("far", "a.csv", None, 1, None, 1, "长" * 40_000)), title="例")
    assert "长" * 999 + "…" in page
    assert len(page) < 40_000


def test_the_basis_and_checksums_are_said():
    page = quality_html(FOUND, title="例", basis=[("坐标系", "WGS 84")], files={"a.xlsx": {"sha256": "ab" * 32}})
    assert "<dt>坐标系</dt><dd>WGS 84</dd>" in page
    assert ">abababababab<" in page
    assert "2026 年 6 月 30 日" in quality_html(FOUND, title="例", as_of=date(2026, 6, 30))


def test_files_for_a_check(tmp_path):
    written = write_quality(FOUND, tmp_path, title="检查", workbook=True)
    assert [path.name for path in written] == ["quality.html", "quality.csv", "quality.xlsx"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quality.csv", "quality.html", "quality.xlsx"]
    sheet = openpyxl.load_workbook(tmp_path / "quality.xlsx")["数据质量"]
    head, *rows = sheet.iter_rows(values_only=True)
    assert head == ("处理", "文件", "工作表", "行", "列", "数量", "说明")
    assert rows[2] == ("已略去", "a.xlsx", "在营", 7, "经度", 1, "略去")
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:G7")
    assert (sheet.page_setup.orientation, sheet.print_title_rows) == ("landscape", "$1:$1")
    back = pd.read_csv(tmp_path / "quality.csv")
    assert back["action"].tolist() == ["远离道路", "读入", "已略去", "已修正", "读入", "远离道路"]
    assert back["row"].tolist()[0] == 12


def test_the_same_findings_give_the_same_bytes(tmp_path):
    before = {path.name: path.read_bytes() for path in write_quality(FOUND, tmp_path, title="例", workbook=True)}
    after = {path.name: path.read_bytes() for path in write_quality(FOUND.copy(), tmp_path, title="例", workbook=True)}
    assert before == after


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError):
        write_quality(FOUND, tmp_path / "no", title="例")


def test_a_log_becomes_a_report():
    log = QualityLog()
    log.add([Finding("read", "rows_read", "部/台账.xlsx", "一", count=3)])
    page = quality_html(log.to_frame("zh"), title="例")
    assert details(page) == [["读入", "台账.xlsx", "一", "", "", "3", "读入 3 行。"]]
