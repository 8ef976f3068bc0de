"""The workbook of inputs, read back: what counties filled in, whatever they did to the sheets.

Sheets and columns are known by their names, also somewhat changed, and in any order. The example row, totals and rows
in which only the prefilled cells stand say nothing. What is left is given by sheet under the vocabulary's names;
everything that is wrong is told together, by sheet, row and column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

import pandas as pd

from carecircle.china.headers import JOINED, known_headers, normal_header, plain
from carecircle.errors import InputError, Problem, require_file
from carecircle.findings import Finding, QualityLog, row_numbers
from carecircle.language import Language, text
from carecircle.policy.catalogue import built_in
from carecircle.policy.model import Pack, Target
from carecircle.policy.sheets.cells import heading, part_columns, read_cells
from carecircle.policy.sheets.documents import item_key
from carecircle.policy.sheets.periods import period_of
from carecircle.policy.vocabulary import Column, Sheet, vocabulary
from carecircle.sources.tables.cells import as_text, cleaned
from carecircle.sources.tables.reading import SourceTable, read_table, sheet_names

__all__ = ["KEYS", "NOTES_SHEETS", "SheetFinding", "SheetProblem", "read_inputs_book"]

KEYS: Mapping[str, tuple[str, ...]] = {
    "counts": ("target", "county", "period"),
    "ratios": ("target", "county", "period"),
    "checklist": ("target", "item", "county"),
    "visits": ("county", "month"),
    "lottery": ("level", "county", "year"),
    "adaptations": ("county", "year"),
}
"""Columns that say what a row is about and may be prefilled: a row in which nothing else stands says nothing."""
NOTES_SHEETS = re.compile("说明|须知|目录|封面|^readme|notes?$", re.IGNORECASE)
_EXAMPLE = re.compile(r"^[（(【\[]?(?:示例|样例|例[:：]|example)", re.IGNORECASE)
_LABELS = 4
"""In so many columns from the left the mark of the example row is looked for."""
_ALIKE, _SAME_COLUMNS = 0.75, 0.6
_OWN_LAYOUT = {"other_sheets", "title_rows"}
"""Findings that are of every sheet of the workbook."""
_NUMBERING = {"序号", "编号", "no", "行号", "备注", "说明"}
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "county": ("县区", "县市区", "区县", "所属县市区", "责任单位", "填报县区"),
    "target": ("指标", "指标代码", "目标编号", "指标编码"),
    "item": ("事项名称", "内容", "任务", "文件名称"),
    "period": ("期间", "时间", "年度", "月份", "统计时期"),
    "number": ("数量", "数", "合计个数"),
    "numerator": ("分子数",),
    "denominator": ("分母数",),
    "done": ("是否完成", "完成情况", "已完成(是/否)", "是否已完成", "完成"),
    "on": ("日期", "完成时间", "出台日期", "印发日期"),
    "evidence": ("佐证", "佐证材料", "文号", "证明材料", "备注"),
    "beds": ("总床位", "床位总数", "实有床位"),
    "year": ("年份",),
    "month": ("时间", "探访月份"),
    "name": ("名称",),
    "built": ("类型", "新建/已建成", "新建或老旧"),
    "premises_m2": ("养老用房面积", "养老服务用房面积", "配建面积", "实配面积"),
    "smallest_m2": ("单处最小面积", "最小单处面积", "单处面积"),
    "people": ("人口", "规划人数"),
    "households": ("总户数", "住户数"),
}


@dataclass(frozen=True)
class SheetProblem(Problem):
    """A problem whose sentence stands in the catalogue's section ``inputs``."""

    def sentence(self, language: Language | None = None) -> str:
        """Return what is wrong and how to mend it, without the address."""
        return text(f"inputs.{self.key}", language, **self.values)


@dataclass(frozen=True)
class SheetFinding(Finding):
    """A finding whose sentence stands in the catalogue's section ``inputs``."""

    def message(self, language: Language | None = None) -> str:
        """Return what was found."""
        return text(f"inputs.{self.key}", language, **{"count": self.count, **self.values})


@dataclass(frozen=True, eq=False)
class _Draft:
    """A sheet on its way: its name in the vocabulary, the table as read, columns, problems, findings."""

    key: str
    source: SourceTable
    headers: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def sheet(self) -> Sheet:
        return vocabulary().sheets[self.key]

    def wrong(self, problem: str, row: int | None, column: str | None, **values: object) -> SheetProblem:
        header = self.headers.get(column, self.sheet.columns[column].title.said()) if column else None
        return SheetProblem(problem, self.source.file, self.source.sheet, row, header, values)


def read_inputs_book(
    path: str | Path, packs: Sequence[Pack], *, log: QualityLog | None = None
) -> dict[str, pd.DataFrame]:
    """Read a filled-in workbook of inputs.

    Parameters
    ----------
    path
        The workbook that `carecircle.report.template.write_template` wrote, filled in; or a table of any kind that
        holds one of its sheets (``.xlsx .xls .et .ods .csv`` ...).
    packs
        The packs whose targets it is for; rows of the targets of built-in packs are kept besides.
    log
        Collects what was found: columns not read, personal information, cells mended, example rows.

    Returns
    -------
    dict
        By the names of the vocabulary's sheets: a frame with all of the sheet's columns and `row`, the number of the
        row in the file. Numbers are float64 (NaN: not given), dates datetime64, yes and no the objects True, False and
        None, text and choices str or None. A sheet that is not there, or in which nothing is filled in, is left out.

    Raises
    ------
    MissingInputError
        There is no such file.
    InputError
        Everything that is wrong, with file, sheet, row and column.
    """
    file = require_file(path)
    drafts, problems, findings = _drafts(file)
    found: dict[str, pd.DataFrame] = {}
    for draft in drafts:
        frame, wrong, noted = _read(draft, packs)
        problems += wrong
        findings += noted
        if len(frame):
            found[draft.key] = frame
    if problems:
        raise InputError(problems)
    if log is not None:
        log.add(findings)
    return {key: found[key] for key in vocabulary().sheets if key in found}


# Which sheet is which


def _drafts(file: Path) -> tuple[list[_Draft], list[Problem], list[Finding]]:
    """Return the sheets of a file that are known, what is wrong, and what was found of the others."""
    tables: dict[str | None, SourceTable | None] = {}
    problems: list[Problem] = []
    names: list[str | None] = [*sheet_names(file)]
    for name in names or [None]:
        if name is not None and NOTES_SHEETS.search(name):
            continue
        try:
            tables[name] = read_table(file, name)
        except InputError as error:
            if name is None or _by_name(name):
                problems += [one for one in error.found if one.key != "empty_table"]
            tables[name] = None
    keys = {name: _by_name(name) or _by_columns(table) for name, table in tables.items() if table is not None}
    problems += _twice(file, keys)
    findings: list[Finding] = [
        SheetFinding("aside", "unknown_sheet", file, name) for name, key in keys.items() if key is None
    ]
    if not problems and not any(keys.values()):
        known = "、".join(one.title.said() for one in vocabulary().sheets.values())
        problems = [] if _only_empty(tables) else [SheetProblem("no_known_sheet", file, values={"known": known})]
    drafts = [_Draft(key, table) for name, key in keys.items() if key and (table := tables[name]) is not None]
    return drafts, problems, findings


def _only_empty(tables: Mapping[str | None, SourceTable | None]) -> bool:
    """Whether there are sheets of known names and none of them holds a row."""
    return any(table is None and name is not None and _by_name(name) for name, table in tables.items())


def _by_name(name: str | None) -> str | None:
    """Return the sheet that a name means: its title or key, with additions, or nearly so."""
    if name is None:
        return None
    said = re.sub(
        r"^(?:附?[表件]\s*)?[\d一二三四五六七八九十]*\s*[.、．\-]?\s*", "", unicodedata.normalize("NFKC", name)
    )
    said = plain(re.sub(r"\(\d+\)$", "", said.strip()))
    names = {key: {plain(one.title.zh), plain(one.title.en), plain(key)} for key, one in vocabulary().sheets.items()}
    for fits in (lambda known: said == known, lambda known: len(known) > 2 and known in said):
        found = [key for key, known in names.items() if any(map(fits, known))]
        if len(found) == 1:
            return found[0]
    scores = {key: max(SequenceMatcher(None, said, one).ratio() for one in known) for key, known in names.items()}
    best = max(scores, key=lambda key: scores[key])
    return best if scores[best] >= _ALIKE else None


def _by_columns(table: SourceTable | None) -> str | None:
    """Return the sheet whose columns a table has, where one fits clearly better than all others."""
    if table is None:
        return None
    headers = [name for name in map(str, table.frame.columns) if normal_header(name) not in _NUMBERING]
    scores: dict[str, float] = {}
    for key, sheet in vocabulary().sheets.items():
        matched = _matched(headers, key)[0]
        required = all(name in matched for name, column in sheet.columns.items() if column.required)
        scores[key] = len(matched) / max(len(headers), 1) if required and len(matched) > 1 else 0.0
    best, second = sorted(scores, key=lambda key: -scores[key])[:2]
    return best if scores[best] >= _SAME_COLUMNS and scores[best] > scores[second] else None


def _twice(file: Path, keys: Mapping[str | None, str | None]) -> list[Problem]:
    """Return a problem for each sheet that is there more than once: its rows would count twice."""
    groups: dict[str, list[str]] = {}
    for name, key in keys.items():
        if key and name:
            groups.setdefault(key, []).append(name)
    return [
        SheetProblem("twice", file, values={"sheet": vocabulary().sheets[key].title.said(), "found": "、".join(names)})
        for key, names in groups.items()
        if len(names) > 1
    ]


# Columns


def _matched(headers: Iterable[str], key: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the header of each column, and headers of which several mean the same."""
    left, matched, several = list(headers), dict[str, str](), dict[str, list[str]]()
    for rank in (_own_names, _other_names, _last_parts):
        for name, column in vocabulary().sheets[key].columns.items():
            if name in matched:
                continue
            known = {normal_header(one) for one in rank(key, name, column)}
            fitting = [header for header in left if _compared(header, rank) in known]
            if len(fitting) > 1:
                several[name] = fitting
            if fitting:
                matched[name] = fitting[0]
                left.remove(fitting[0])
    return matched, several


def _compared(header: str, rank: Callable[..., Iterable[str]]) -> str:
    return normal_header(header.rpartition(JOINED)[2] if rank is _last_parts else header)


def _own_names(_key: str, name: str, column: Column) -> Iterable[str]:
    return (name, column.title.zh, column.title.en, heading(column, "zh"), heading(column, "en"))


def _other_names(key: str, name: str, _column: Column) -> Iterable[str]:
    listed = known_headers(name, "facilities") if key == "institutions" or name in {"county", "township"} else ()
    return (*_ALIASES.get(name, ()), *listed)


def _last_parts(key: str, name: str, column: Column) -> Iterable[str]:
    """Return the names that may stand as the last part of a merged header: 床位_护理型床位数."""
    return (*_own_names(key, name, column), *_other_names(key, name, column))


# Rows and cells


def _read(draft: _Draft, packs: Sequence[Pack]) -> tuple[pd.DataFrame, list[Problem], list[Finding]]:
    """Return a sheet's filled rows, what is wrong with them, and what was found."""
    headers = [str(name) for name in draft.source.frame.columns]
    matched, several = _matched(headers, draft.key)
    draft = _Draft(draft.key, draft.source, matched)
    frame, row = _filled(draft)
    told = (one for one in draft.source.findings if one.key not in _OWN_LAYOUT)
    findings = [*told, *_unread(draft), *_examples(draft)]
    if frame.empty:
        return frame, [], findings
    problems: list[Problem] = [
        draft.wrong("several_columns", None, name, found="、".join(found)) for name, found in several.items()
    ]
    frame = _percents(frame) if draft.key == "ratios" else frame
    columns: dict[str, pd.Series] = {}
    for name, column in draft.sheet.columns.items():
        cells = frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)
        values, wrong = read_cells(cells, column, name)
        problems += [draft.wrong(key, int(row.loc[at]), name, **gaps) for key, at, gaps in wrong]
        columns[name] = values
    table = pd.DataFrame(columns, index=frame.index).assign(row=row.astype("int64"))
    table, wrong_cells = _checked(draft, table, frame, packs)
    findings.append(Finding("read", "rows_read", draft.source.file, draft.source.sheet, count=len(table)))
    return table.reset_index(drop=True), _sorted([*problems, *wrong_cells]), findings


def _percents(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ratios with a percentage of the whole place (95%, no county, no denominator) as 95 of 100.

    Percentages of counties do not add up: they stay what they are, and are refused.
    """
    if "numerator" not in frame:
        return frame
    empty = pd.Series(None, index=frame.index, dtype=object)
    share = (
        frame["numerator"]
        .astype("string")
        .str.strip()
        .str.fullmatch(r"[\d.]+\s*[%％]")
        .fillna(value=False)
        .astype(bool)
    )
    alone = as_text(frame.get("denominator", empty)).isin([None, "100", "100%", "1"])
    whole = share & alone & as_text(frame.get("county", empty)).isna()
    number = frame["numerator"].where(~whole, frame["numerator"].astype("string").str.strip().str.rstrip("%％"))
    return frame.assign(numerator=number, denominator=frame.get("denominator", empty).where(~whole, 100))


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda one: one.row or 0)


def _is_example(draft: _Draft) -> pd.Series:
    frame = draft.source.frame
    found = pd.Series(data=False, index=frame.index)
    for name in frame.columns[:_LABELS]:
        found |= frame[name].map(lambda cell: isinstance(cell, str) and bool(_EXAMPLE.match(cell.strip()))).astype(bool)
    return found


def _filled(draft: _Draft) -> tuple[pd.DataFrame, pd.Series]:
    """Return the raw cells of rows in which more stands than what was prefilled, and the numbers of the rows."""
    frame = draft.source.frame[list(draft.headers.values())].set_axis(list(draft.headers), axis=1)
    keys = KEYS.get(draft.key, ("county",))
    told = [name for name in draft.headers if name not in keys]
    said = pd.DataFrame({name: _says(frame[name], draft.sheet.columns[name]) for name in told}, index=frame.index)
    kept = said.any(axis=1).astype(bool) & ~_is_example(draft) if told else pd.Series(data=False, index=frame.index)
    return frame[kept], draft.source.rows[kept]


def _says(cells: pd.Series, column: Column) -> pd.Series:
    """Return which cells say something; 无 is a no, and nothing elsewhere."""
    if column.type == "yes_no":
        return cells.map(
            lambda cell: cell is not None and not pd.isna(cell) and str(cell).strip() not in {"", "—", "-"}
        )
    return cleaned(cells).notna()


def _unread(draft: _Draft) -> Iterator[Finding]:
    source = draft.source
    read = set(draft.headers.values())
    for header in map(str, source.frame.columns):
        if header not in read and normal_header(header) not in _NUMBERING and not header.startswith("column "):
            yield SheetFinding("unmapped", "unread_column", source.file, source.sheet, None, header)


def _examples(draft: _Draft) -> Iterator[Finding]:
    rows = draft.source.rows[_is_example(draft)]
    if len(rows):
        at, gaps = (draft.source.file, draft.source.sheet), {"rows": row_numbers(rows)}
        yield SheetFinding("aside", "example_rows", *at, int(rows.min()), None, len(rows), gaps)


# What rows must keep


def _checked(
    draft: _Draft, table: pd.DataFrame, raw: pd.DataFrame, packs: Sequence[Pack]
) -> tuple[pd.DataFrame, list[Problem]]:
    problems = [*_missing(draft, table, raw), *_larger(draft, table, packs)]
    if "period" in table:
        periods = [None if said is None else period_of(said) for said in table["period"]]
        problems += [
            draft.wrong("period", int(row), "period", value=said)
            for row, said, period in zip(table["row"], table["period"], periods, strict=True)
            if said is not None and period is None
        ]
        table = table.assign(period=pd.Series([one or None for one in periods], index=table.index, dtype=object))
    if "target" not in table:
        return table, problems
    targets = {one.id: one for pack in (*built_in(), *packs) for one in pack.targets}
    cells = {name for pack in (*built_in(), *packs) for name in pack.target_ids()}
    ids = [None if said is None else _target_id(said, cells) for said in table["target"]]
    known = "、".join(one.id for pack in packs for one in pack.targets)
    problems += [
        draft.wrong("unknown_target", int(row), "target", value=said, known=known)
        for row, said, name in zip(table["row"], table["target"], ids, strict=True)
        if said is not None and name is None
    ]
    table = table.assign(target=pd.Series(ids, index=table.index, dtype=object))
    return table, [*problems, *_unknown_items(draft, table, targets)]


def _target_id(said: str, known: Iterable[str]) -> str | None:
    """Return the id that a cell means: yx01, YX－1 and YX-01 银铃计划 are YX-01."""
    names = set(known)
    plain_id = re.sub(r"\s", "", unicodedata.normalize("NFKC", said)).upper().replace("—", "-").replace("–", "-")
    if plain_id in names:
        return plain_id
    found = re.match(r"([A-Z]+)-?(\d+)(?![\d-])", plain_id)
    name = f"{found[1]}-{int(found[2]):02}" if found else ""
    return name if name in names else None


def _unknown_items(draft: _Draft, table: pd.DataFrame, targets: Mapping[str, Target]) -> Iterator[Problem]:
    if "item" not in table:
        return
    for row, name, said in zip(table["row"], table["target"], table["item"], strict=True):
        target = targets.get(name)
        if target is not None and item_key(target, said) is None:
            known = "、".join(one.title.said() for one in target.items)
            yield draft.wrong("unknown_item", int(row), "item", target=name, value=said or "", known=known)


def _missing(draft: _Draft, table: pd.DataFrame, raw: pd.DataFrame) -> Iterator[Problem]:
    """Give a problem for each required column, or cell of it, that is not there."""
    for name, column in draft.sheet.columns.items():
        if not column.required:
            continue
        if name not in raw:
            found = "、".join(map(str, draft.source.frame.columns))
            yield draft.wrong("missing_column", None, name, title=column.title.said(), found=found)
            continue
        empty = as_text(raw[name]).isna() if column.type != "yes_no" else table[name].isna() & ~_says(raw[name], column)
        for row in table.loc[empty, "row"]:
            yield draft.wrong("required", int(row), name, title=column.title.said())


def _larger(draft: _Draft, table: pd.DataFrame, packs: Sequence[Pack]) -> Iterator[Problem]:
    """Give a problem for each row in which a part is larger than its whole."""
    rates = {one.id for pack in (*built_in(), *packs) for one in pack.targets if one.threshold_unit in _NO_SHARES}
    for part, whole in part_columns(draft.key):
        wrong = table[part] > table[whole]
        if draft.key == "ratios":
            wrong &= ~table["target"].isin(rates)
        titles = {name: draft.sheet.columns[name].title.said() for name in (part, whole)}
        for row, less, more in table.loc[wrong, ["row", part, whole]].itertuples(index=False):
            gaps = {"part": titles[part], "value": f"{less:g}", "whole": titles[whole], "total": f"{more:g}"}
            yield draft.wrong("part_larger", int(row), part, **gaps)


_NO_SHARES = {"m2", "m2_per_person", "m2_per_100_households", "places_per_1000_people"}
"""Units of ratios whose numerator may be larger than their denominator."""
