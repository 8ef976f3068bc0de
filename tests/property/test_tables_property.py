"""Laws of tables: what is written is read, whatever stands around it; and nothing makes reading fail without words."""

import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path

import openpyxl
import pandas as pd
import xlwt
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carecircle.errors import InputError
from carecircle.sources.tables.cells import as_code, as_date, as_it_is, as_number, as_text, mended_cells
from carecircle.sources.tables.reading import TABLE_ENDINGS, read_table

SIGNS = "红塔江川澄通华宁易峨新平元幸福夕阳安康长青颐乐松柏春晖"
WORDS = st.text(SIGNS, min_size=2, max_size=6)
CELLS = st.one_of(st.none(), WORDS, st.integers(0, 9999), st.floats(0, 500, width=16).map(lambda x: round(x, 2)))
QUICK = settings(max_examples=40, deadline=None)


@st.composite
def layouts(draw):
    """Return (rows to write, merged ranges, headers, records, row numbers): a table with all that stands around it."""
    titles = [
        [title] for title in draw(st.lists(st.sampled_from(["附件2", "全市养老机构一览表", "单位：张"]), max_size=2))
    ]
    sizes = draw(st.lists(st.sampled_from([1, 1, 1, 2, 3]), min_size=2, max_size=5))
    names = draw(st.lists(WORDS, min_size=sum(sizes) + len(sizes), max_size=sum(sizes) + len(sizes), unique=True))
    sizes[0] = 1  # the first column names the records
    labels, top, below, headers, merges, deep = iter(names), [], [], [], [], max(sizes) > 1
    head = len(titles) + 1
    for size in sizes:
        group, first = next(labels), len(top) + 1
        parts = [next(labels) for _ in range(size)] if size > 1 else []
        top += [group] + [None] * (size - 1)
        below += parts or [None]
        headers += [f"{group}_{part}" for part in parts] or [group]
        if deep:
            merges.append((head, first, head, first + size - 1) if parts else (head, first, head + 1, first))
    width = len(top)
    records = draw(st.lists(st.lists(CELLS, min_size=width - 1, max_size=width - 1), min_size=1, max_size=6))
    keys = draw(st.lists(WORDS, min_size=len(records), max_size=len(records)))
    table = [[key, *cells] for key, cells in zip(keys, records, strict=True)]
    assume(all(any(row[at] is not None for row in table) for at in range(width)))
    assume(all(sum(cell is not None for cell in row) > 1 for row in table))
    rows, kept, numbers = [*titles, top, *([below] if deep else [])], [], []
    for row in table:
        rows += [[None] * width] * draw(st.integers(0, 1))
        if draw(st.booleans()):
            rows.append([draw(st.sampled_from(["小计", "合 计"])), *[1] * (width - 1)])
        rows.append(row)
        kept.append(row)
        numbers.append(len(rows))
    rows += [["总计", *[7] * (width - 1)]] * draw(st.integers(0, 1))
    rows += [["注：数据截至年底。"]] * draw(st.integers(0, 1))
    return rows, merges, headers, kept, numbers


def as_xlsx(rows, merges):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for top, left, bottom, right in merges:
        book.active.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)
    return "xlsx", book.save


def as_xls(rows, merges):
    book = xlwt.Workbook()
    sheet = book.add_sheet("a")
    starts = {(top, left): (bottom, right) for top, left, bottom, right in merges}
    for row, cells in enumerate(rows, start=1):
        for column, cell in enumerate(cells, start=1):
            if (row, column) in starts:
                bottom, right = starts[row, column]
                sheet.write_merge(row - 1, bottom - 1, column - 1, right - 1, cell)
            elif cell is not None:
                sheet.write(row - 1, column - 1, cell)
    return "xls", lambda file: book.save(str(file))


def as_csv(rows, merges):  # noqa: ARG001  text has no merged cells
    width = max(map(len, rows))
    frame = pd.DataFrame([[*row, *[None] * (width - len(row))] for row in rows], dtype=object)
    return "csv", lambda file: frame.to_csv(file, header=False, index=False, encoding="gb18030")


def read_back(write, rows, merges=()):
    with tempfile.TemporaryDirectory() as folder:
        ending, save = write(rows, merges)
        file = Path(folder) / f"a.{ending}"
        save(file)
        return read_table(file)


@QUICK
@given(layouts(), st.sampled_from([as_xlsx, as_xls, as_csv]))
def test_what_is_written_is_read_back(layout, write):
    rows, merges, headers, records, numbers = layout
    table = read_back(write, rows, merges)
    assert list(table.frame.columns) == headers
    assert table.rows.tolist() == numbers
    text = write is as_csv
    expected = [[str(cell) if text and cell is not None else cell for cell in row] for row in records]
    assert [list(row) for row in table.frame.itertuples(index=False)] == expected


@QUICK
@given(layouts())
def test_every_row_is_read_or_told(layout):
    rows, merges, _, _, numbers = layout
    table = read_back(as_xlsx, rows, merges)
    told = [one for one in table.findings if one.key in {"title_rows", "header_rows", "total_rows", "note_rows"}]
    filled = sum(any(cell is not None for cell in row) for row in rows)
    header = 1 + bool(merges)
    assert len(numbers) + header + sum(one.count for one in told) == filled


CODES = st.lists(st.from_regex(r"0[0-9]{2,11}|[1-9][0-9]{5,17}", fullmatch=True), min_size=2, max_size=8)


@QUICK
@given(CODES, st.sampled_from([as_xlsx, as_xls, as_csv]))
def test_codes_as_text_keep_every_digit(codes, write):
    table = read_back(write, [["编号", "名称"], *([code, "甲"] for code in codes)])
    found, lost = as_code(table.frame["编号"])
    assert found.tolist() == codes
    assert not lost.any()


@QUICK
@given(
    st.lists(st.integers(110_000_000_000, 659_999_999_999), min_size=1, max_size=8), st.sampled_from([as_xlsx, as_xls])
)
def test_codes_as_numbers_keep_every_digit(codes, write):
    table = read_back(write, [["代码", "名称"], *([code, "甲"] for code in codes)])
    found, lost = as_code(table.frame["代码"])
    assert found.tolist() == [str(code) for code in codes]
    assert not lost.any()


SPELLINGS = (
    str,
    lambda number: f"{number:,}",
    lambda number: f"{number:,}".replace(",", "，"),
    lambda number: str(number).translate(str.maketrans("0123456789.", "０１２３４５６７８９．")),
    lambda number: f" {number} 张",
    lambda number: f"{number:,}床".replace(",", " "),
)


@QUICK
@given(
    st.lists(st.one_of(st.integers(0, 10**9), st.decimals(0, 10**6, places=2)), min_size=1), st.sampled_from(SPELLINGS)
)
def test_numbers_are_the_same_in_every_spelling(numbers, spelling):
    found, wrong = as_number(pd.Series([spelling(number) for number in numbers], dtype=object), "beds")
    assert found.tolist() == [float(number) for number in numbers]
    assert not wrong.any()


@QUICK
@given(st.lists(st.dates(pd.Timestamp("1960-01-01").date(), pd.Timestamp("2099-12-31").date()), min_size=1))
def test_dates_are_the_same_in_every_spelling(days):
    serial = [(pd.Timestamp(day) - pd.Timestamp("1899-12-30")).days for day in days]
    spellings = [
        days,
        serial,
        [f"{day:%Y}年{day.month}月{day.day}日" for day in days],
        [f"{day:%Y.%m.%d}" for day in days],
        [int(f"{day:%Y%m%d}") for day in days],
    ]
    for said in spellings:
        found, wrong = as_date(pd.Series(said, dtype=object))
        assert found.dt.date.tolist() == days
        assert not wrong.any()


ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=12),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.datetimes(),
    st.sampled_from(["—", "５３０４０２", "'007", "1e999", "2024.1", "#REF!", "1,000,", "٣", "²"]),
)


@QUICK
@given(st.lists(ANY, max_size=8))
def test_cells_of_any_kind_are_read_or_refused(cells):
    raw = pd.Series(cells, dtype=object, name="备注")
    for read in (as_number, as_date, as_code):
        values, wrong = read(raw)
        assert values.index.equals(raw.index)
        assert wrong.dtype == bool
        assert not (values.notna() & wrong & (read is not as_code)).any()
    assert as_text(raw).index.equals(as_it_is(raw).index)
    for kind in ("number", "date", "code", "text"):
        assert all(mask.any() for mask in mended_cells(raw, kind).values())


# Nothing makes it fail


@cache
def seeds():
    """Return good files of every kind, to be damaged."""
    rows = [
        ["全市一览表"],
        ["编号", "床位", None],
        [None, "总数", "护理型"],
        ["001", 3, 2],
        ["002", 5, 1],
        ["合计", 8, 3],
    ]
    merges = [(2, 1, 3, 1), (2, 2, 2, 3)]
    page = "<html><table><tr><td rowspan=2>编号<td>床位<tr><td>总数<tr><td>1<td>2</table>".encode()
    made = [page, '编号,名称\n1,"甲\n乙"\n'.encode("gbk"), "编号\t名称\n1\t甲\n".encode("utf-16")]
    with tempfile.TemporaryDirectory() as folder:
        for write in (as_xlsx, as_xls):
            ending, save = write(rows, merges)
            save(Path(folder) / f"a.{ending}")
            made.append((Path(folder) / f"a.{ending}").read_bytes())
        pd.DataFrame({"编号": ["1"], "备注": ["13800138000"]}).to_parquet(Path(folder) / "a.parquet")
        made.append((Path(folder) / "a.parquet").read_bytes())
    return made


@st.composite
def damaged(draw):
    """Return bytes: of a good file with some changed, cut or repeated, or of nothing sensible."""
    raw = bytearray(draw(st.sampled_from(seeds())))
    for at, value in draw(st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)), max_size=12)):
        raw[at] = value
    cut = draw(st.one_of(st.just(len(raw)), st.integers(0, len(raw))))
    return bytes(raw[:cut]) + draw(st.binary(max_size=16))


def reads_or_says(raw, ending):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"a{ending}"
        file.write_bytes(raw)
        try:
            table = read_table(file)
        except InputError as error:
            said = [(found.message(), found.message("en")) for found in error.problems]
        else:
            assert len(table.frame) == len(table.rows) > 0
            assert all(before < after for before, after in pairwise(table.rows))
            said = [(found.message(), found.message("en")) for found in table.findings] or [("", "")]
    assert said


@settings(max_examples=150, deadline=None)
@given(damaged(), st.sampled_from(TABLE_ENDINGS))
def test_damaged_files_are_read_or_refused_with_words(raw, ending):
    reads_or_says(raw, ending)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(TABLE_ENDINGS))
def test_any_bytes_are_read_or_refused_with_words(raw, ending):
    reads_or_says(raw, ending)


@settings(max_examples=100, deadline=None)
@given(
    st.text("编号名称,;\t\n\"'=＝#1２.合计单位：注（）<table>tr td ", max_size=120),
    st.sampled_from([".csv", ".xls", ".txt"]),
)
def test_any_text_is_read_or_refused_with_words(text, ending):
    reads_or_says(text.encode(), ending)
