"""From a sheet as offices lay it out to a plain table: one header, one row a record, nothing else.

What is no record is left out, each with a finding: titles, headers printed again on every page, totals, headings of
groups, notes below. Text in cells that are merged down over several rows holds for all of them; numbers do not, since
what they count would be counted again. What such rows say is never repeated in a finding: they name people.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.china.headers import is_code_header, scale_of
from carecircle.errors import InputError, problem
from carecircle.findings import Finding
from carecircle.language import text
from carecircle.sources.tables.cells import as_number
from carecircle.sources.tables.headings import Heading, find_heading
from carecircle.sources.tables.sheets import Sheet, texts_matching

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

_LABEL_COLUMNS = 3
"""Total words are looked for in so many columns from the left: further right they are values (a year 小计)."""
_BLANK = r"[\s\pZ]*"  # RE2 does not take the ideographic space for a blank
_SUMS = rf"[合小总共]{_BLANK}计"
_TOTAL = (
    rf"(?i)^{_BLANK}(?:\pL{{0,12}}?(?:{_SUMS})|(?:全[省市州县区镇乡])?总数|(?:grand{_BLANK}|sub)?-?total)"
    rf"数?{_BLANK}(?:[（(].{{0,20}}[)）])?{_BLANK}[:：]?{_BLANK}$"
)
_GRAND = rf"(?i)^{_BLANK}(?:(?:全[省市州县区镇乡])?(?:[合总共]{_BLANK}计|总数)|(?:grand{_BLANK})?total)"
_EXAMPLE = rf"(?i)^{_BLANK}[（(【\[]?(?:示例|样例|example)[）)】\]]?{_BLANK}$"
"""Mark of the row that shows how a form is filled in; it is none of what a total adds up."""
_PART = rf"^{_BLANK}其{_BLANK}中(?:{_BLANK}[:：]|{_BLANK}$)"
_NOTE = re.compile(
    r"\s*(?:注|备注|附注|说明|填表说明|数据来源|资料来源|来源|单位负责人|统计负责人|部门负责人|负责人|联系人|联系电话|电话|填报单位|填报|填表|制表|审核|复核|经办|统计"
    r"|报出|报送|上报|打印|盖章|note|source)(?:人|人员|者|时间|日期|单位)?\s*(?:\d{0,2}\s*[:：.．、]|[（(]|\Z)"
    r"|\s*第\s*\d+\s*页",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[。；;]\s*\Z")
_HEADING = re.compile(r"\s*(?:[（(][一二三四五六七八九十]+[)）]|[一二三四五六七八九十]+\s*[、.．])")
_NOT_ADDITIVE = re.compile(r"率|比|均|%|％|度|年份|序号|等级|日期|时间|邮编")
_SAID_UNIT = re.compile(r"(?<![^\W\d_])(?:计量|数量|人口|面积|金额)?单位\s*[:：]\s*([^\s,，;；。]+)")


@dataclass(frozen=True)
class Layout:
    """A plain table.

    Parameters
    ----------
    frame
        The records under their headers, on 0, 1, 2 ...
    rows
        Number of each record's row.
    findings, notes
        What was left out, filled in, or is doubtful.
    """

    frame: pd.DataFrame
    rows: pd.Series
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def lay_out(sheet: Sheet) -> Layout:
    """Return the table in a sheet.

    Raises
    ------
    InputError
        No record is there, headers are repeated, or cells stand beyond the last header.
    """
    if len(sheet.cells) < 2:
        raise InputError(problem("empty_table", file=sheet.file, sheet=sheet.name))
    heading = find_heading(sheet)
    first = int(np.searchsorted(sheet.cells.index.to_numpy(), heading.end, side="right"))
    body, there = sheet.cells.iloc[first:], sheet.there[first:]
    used = heading.names.notna().to_numpy() | there.any(axis=0)
    body, there = (body, there) if used.all() else (body.loc[:, used], there[:, used])
    kinds = _kinds(sheet, heading, body, there)
    records = kinds == ""
    if not records.any():
        raise InputError(problem("empty_table", file=sheet.file, sheet=sheet.name))
    names = _headers(sheet, heading.names.loc[body.columns], there & records.to_numpy()[:, None], body.index)
    filled, filling = _filled_down(sheet, body, names, records)
    frame = (filled if records.all() else filled[records]).set_axis(names, axis=1)
    findings = [*_head_findings(sheet, heading), *_left_out(sheet, kinds), *filling]
    findings += [*_parts(sheet, body[records]), *_wrong_totals(sheet, body, kinds, names)]
    rows = pd.Series(frame.index.to_numpy())
    return Layout(frame.reset_index(drop=True), rows, tuple(findings), _notes(sheet, heading))


def _kinds(sheet: Sheet, heading: Heading, body: pd.DataFrame, there: Mask) -> pd.Series:
    """Return for each row below the head what it is: header, total, note, heading, or "" for a record."""
    kinds = pd.Series("", index=body.index, dtype=object)
    rows = _Rows(there.sum(axis=1), _first_texts(body, there), body.shape[1], _label_matches(body, _TOTAL))
    headings = (rows.counts == 1) & (rows.saying(_HEADING.match) | body.index.isin(_across(sheet, body)))
    notes = _note_rows(rows)
    for mask, kind in ((headings & ~notes, "heading"), (notes, "note"), (rows.totals, "total")):
        kinds[mask] = kind
    again = _printed_again(sheet, heading, body, rows.counts)
    kinds[(rows.counts == 1) & np.append(again[1:], False)] = "heading"
    kinds[again] = "header"
    return kinds


@dataclass(frozen=True)
class _Rows:
    """Rows of the body: number of filled cells, first text of sparse ones ("" else), width, which are totals."""

    counts: Counts
    first: list[str]
    width: int
    totals: Mask

    @property
    def sparse(self) -> Mask:
        """Which rows have half of their cells at most."""
        return self.counts <= _sparse(self.width)

    def saying(self, judge: Callable[[str], object]) -> Mask:
        """Which sparse rows begin with a text that `judge` accepts."""
        return np.fromiter((said != "" and bool(judge(said)) for said in self.first), bool, len(self.first))


def _sparse(width: int) -> int:
    return max(1, width // 2)


def _first_texts(body: pd.DataFrame, there: Mask) -> list[str]:
    """Return the first filled cell of each sparse row where it is text, "" for all others."""
    rows = np.flatnonzero(there.sum(axis=1) <= _sparse(body.shape[1]))
    cells = body.to_numpy()[rows, there[rows].argmax(axis=1)]
    first = np.full(len(body), "", dtype=object)
    first[rows] = [cell if isinstance(cell, str) else "" for cell in cells]
    return list(first)


def _label_matches(body: pd.DataFrame, pattern: str) -> Mask:
    """Return which rows match in one of the columns at the left that are read as labels."""
    found = np.zeros(len(body), dtype=bool)
    for column in body.columns[:_LABEL_COLUMNS]:
        found |= texts_matching(body[column], pattern)
    return found


def _across(sheet: Sheet, body: pd.DataFrame) -> list[int]:
    """Return the rows in which one cell is merged across half of the table or more."""
    half = max(2.0, body.shape[1] / 2)
    return [top for top, left, bottom, right in sheet.marks.merges if top == bottom and right - left + 1 >= half]


def _note_rows(rows: _Rows) -> Mask:
    """Return which rows are notes: those that begin as notes do, and sparse rows behind them at the end."""
    said = rows.saying(_NOTE.match) & rows.sparse
    sentences = (rows.counts == 1) & rows.saying(_SENTENCE_END.search) & (rows.width > 2)
    tail = np.logical_and.accumulate((rows.sparse | rows.totals)[::-1])[::-1]
    begun = np.logical_or.accumulate((said | sentences) & tail)
    return said | (begun & tail & (rows.counts <= 2) & ~rows.totals)


def _printed_again(sheet: Sheet, heading: Heading, body: pd.DataFrame, counts: Counts) -> Mask:
    """Return which rows repeat a row of the head cell for cell, as tables do that are printed page by page."""
    again = np.zeros(len(body), dtype=bool)
    columns = list(body.columns)
    for number in (*heading.titles, *heading.rows):
        said = sheet.cells.loc[number, columns].dropna()
        if said.empty or (len(said) == 1 and (len(columns) == 1 or len(str(said.iloc[0])) < 4)):
            continue
        alike = np.flatnonzero(counts == len(said))
        for column, cell in said.items():
            alike = alike[(body[column].to_numpy()[alike] == cell).astype(bool)]
        again[alike] = True
    return again


def _headers(sheet: Sheet, header: pd.Series, there: Mask, rows: pd.Index) -> list[str]:
    """Return the headers, or raise when cells stand beyond the last of them or two are the same.

    A column without a header between others (the row numbers that pandas writes) is called ``column 1``.
    """
    beyond = header[::-1].isna().cummin()[::-1].to_numpy()
    wrong = there[:, beyond].any(axis=1)
    if wrong.any():
        count = int((~beyond).sum())
        numbers = rows.to_numpy()[wrong].tolist()
        raise InputError(
            [
                problem("cells_without_header", file=sheet.file, sheet=sheet.name, row=row, count=count)
                for row in numbers
            ]
        )
    names = [f"column {number}" if pd.isna(name) else str(name) for number, name in header.items()]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(problem("repeated_headers", file=sheet.file, sheet=sheet.name, found="、".join(repeated)))
    return names


def _filled_down(
    sheet: Sheet, body: pd.DataFrame, names: list[str], records: pd.Series
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the body with the text of merged cells in all their rows, and what was filled or left."""
    merged = [m for m in sheet.marks.merges if m[2] > m[0] >= body.index[0] and m[1] in body.columns]
    if not merged:
        return body, []
    filled, findings = body.copy(), []
    spans = pd.DataFrame(merged, columns=["top", "left", "bottom", "right"])
    named: dict[Any, str] = dict(zip(body.columns, names, strict=True))
    for column, group in spans.groupby("left"):
        name = named[column]
        tops, below = _rows_below(group, body.index)
        said = body[column].reindex(tops).to_numpy()
        empty = body[column].reindex(below).isna().to_numpy() & pd.notna(said)
        counted = _is_counted(said, name)
        chosen = empty & ~counted
        filled.loc[below[chosen], column] = said[chosen]
        findings += _about(sheet, "mended", "filled_down", name, below[chosen], records)
        findings += _about(sheet, "doubtful", "merged_numbers", name, below[empty & counted], records)
    return filled, findings


def _rows_below(spans: pd.DataFrame, rows: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row that merged cells cover, but for their first: the first row, and the row itself."""
    top, bottom = spans["top"].to_numpy(), np.minimum(spans["bottom"].to_numpy(), int(rows[-1]))
    length = np.maximum(bottom - top, 0)
    tops = np.repeat(top, length)
    below = tops + 1 + np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    there = np.isin(below, rows.to_numpy()) & np.isin(tops, rows.to_numpy())
    return tops[there], below[there]


def _is_counted(said: np.ndarray, name: str) -> np.ndarray:
    """Return which cells hold numbers that count something, and are neither codes nor dates."""
    if is_code_header(name) or re.search("日期|时间|年份", name):
        return np.zeros(len(said), dtype=bool)
    numbers, _ = as_number(pd.Series(said, dtype=object), None)
    return numbers.notna().to_numpy()


def _about(sheet: Sheet, action: str, key: str, column: str, numbers: np.ndarray, records: pd.Series) -> list[Finding]:
    rows = pd.Series(numbers[records.reindex(numbers).to_numpy(dtype=bool)])
    if rows.empty:
        return []
    if action == "mended":
        return [sheet.finding("mended", key, column, rows=rows)]
    return [sheet.finding("doubtful", key, column, rows=rows)]


def _head_findings(sheet: Sheet, heading: Heading) -> list[Finding]:
    titles = pd.Series(heading.titles, dtype=int)
    found = [sheet.finding("aside", "title_rows", rows=titles)] if len(titles) else []
    header = [row for row in heading.rows if row not in {heading.units, heading.numbers}]
    if len(header) > 1:
        found.append(sheet.finding("mended", "joined_headers", rows=pd.Series(header)))
    unit = _title_unit(sheet, heading)
    return [*found, sheet.finding("doubtful", "title_unit", unit=unit)] if unit else found


def _title_unit(sheet: Sheet, heading: Heading) -> str:
    """Return the unit that a title says and that would change the numbers (万人), "" where none does."""
    titles = sheet.cells.loc[list(heading.titles)].to_numpy().ravel().tolist()
    for title in titles:
        for said in _SAID_UNIT.findall(title) if isinstance(title, str) else []:
            unit = said.strip("()[]（）【】")
            if any(scale_of(f"单位({part})") for part in re.split(r"[、/,，]|和", unit)):
                return str(unit)
    return ""


def _notes(sheet: Sheet, heading: Heading) -> tuple[str, ...]:
    unit = _title_unit(sheet, heading)
    return (text("finding.title_unit", unit=unit),) if unit else ()


_LEFT_OUT = {"header": "header_rows", "total": "total_rows", "heading": "heading_rows", "note": "note_rows"}


def _left_out(sheet: Sheet, kinds: pd.Series) -> list[Finding]:
    found = []
    for kind, key in _LEFT_OUT.items():
        rows = pd.Series(kinds.index[kinds == kind])
        if len(rows):
            found.append(sheet.finding("aside", key, rows=rows))
    return found


def _parts(sheet: Sheet, records: pd.DataFrame) -> list[Finding]:
    """Return a finding on rows that call themselves part (其中：...) of the row above and may count twice."""
    rows = pd.Series(records.index[_label_matches(records, _PART)])
    return [sheet.finding("doubtful", "part_rows", rows=rows)] if len(rows) else []


def _wrong_totals(sheet: Sheet, body: pd.DataFrame, kinds: pd.Series, names: list[str]) -> list[Finding]:
    """Return a finding for each column of the one grand total that is not the sum of the records.

    Several totals are of a long table, one for each of its measures.
    """
    totals = body[(kinds == "total") & _label_matches(body, _GRAND)]
    if len(totals) != 1:
        return []
    found, records = [], body[(kinds == "") & ~_label_matches(body, _EXAMPLE)]
    numbers, _ = as_number(pd.Series(totals.to_numpy()[-1], dtype=object), None)
    for place, (name, said) in enumerate(zip(names, numbers.tolist(), strict=True)):
        if np.isnan(said) or _NOT_ADDITIVE.search(name) or is_code_header(name):
            continue
        values, wrong = as_number(records[body.columns[place]], None)
        total = float(values.sum())
        if values.notna().any() and not wrong.any() and not np.isclose(total, said, rtol=1e-6, atol=0.005):
            gaps = {"rows": pd.Series(totals.index[-1:]), "said": _short(said), "sum": _short(total)}
            found.append(sheet.finding("doubtful", "total_differs", name, **gaps))
    return found


def _short(value: float) -> str:
    return f"{value:.10g}"
