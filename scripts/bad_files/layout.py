"""Facility tables: what stands above, inside and below the list on a sheet."""

from __future__ import annotations

from typing import Any

from .case import FACILITIES, At, Case, reads, refused
from .writers import Rows, Sheet, cell, column, csv_text, dropped, homes, only, xlsx

HEADER = homes()[0]
WIDTH = len(HEADER)
GOOD = {"F01": {"name": "文昌社区日间照料", "beds": 30}, "F12": {"name": "上坝村第二养老院"}}
_BAD = cell("F05", "床位数", "若干")


def _above(*lines: Any, rows: Rows | None = None) -> Rows:
    """Return the list under other rows; a word stands in the first cell."""
    return [*[line if isinstance(line, list) else [line] for line in lines], *(rows or homes())]


def _into(at: int, *lines: Any) -> Rows:
    """Return the list with rows after its `at`-th."""
    rows = homes()
    return [*rows[: at + 1], *[line if isinstance(line, list) else [line] for line in lines], *rows[at + 1 :]]


def _sums(word: str) -> list[Any]:
    return [word, *[1020 if name == "床位数" else None for name in HEADER[1:]]]


def _two_rows() -> Sheet:
    """Return a header of two rows: 床位 over 床位数 and 护理型床位, 位置 over 经度 and 纬度."""
    header, *body = homes(whole=True)
    top: list[Any] = [None if name in {"床位数", "护理型床位", "经度", "纬度"} else name for name in header]
    low = [name if above is None else None for name, above in zip(header, top, strict=True)]
    beds, lon = header.index("床位数"), header.index("经度")
    top[beds], top[lon] = "床位", "位置"
    upright = tuple((0, at, 1, at) for at, name in enumerate(low) if name is None)
    return Sheet("名单", [top, low, *body], (*upright, (0, beds, 0, beds + 1), (0, lon, 0, lon + 1)))


def _wide_address() -> Sheet:
    """Return a header of one row with 地址 over two columns."""
    header, *body = homes(whole=True)
    at = header.index("地址")
    rows = [
        [*row[: at + 1], None if number == 0 else "一号", *row[at + 1 :]] for number, row in enumerate([header, *body])
    ]
    return Sheet("名单", rows, ((0, at, 0, at + 1),))


def _three_rows() -> Sheet:
    """Return a merged title above a header of two rows."""
    below = _two_rows()
    width = len(below.rows[0])
    merges = tuple((top + 1, left, bottom + 1, right) for top, left, bottom, right in below.merges)
    return Sheet("名单", [["养老机构名单", *[None] * (width - 1)], *below.rows], ((0, 0, 0, width - 1), *merges))


def _merged_counties() -> Sheet:
    """Return the list by county, each county's name in one merged cell."""
    header, *body = homes(whole=True)
    at = header.index("所属区县")
    body.sort(key=lambda row: (row[at] != "白塘区", row[0]))
    first = sum(row[at] == "白塘区" for row in body)
    merged = [
        [None if place == at and number not in {0, first} else value for place, value in enumerate(row)]
        for number, row in enumerate(body)
    ]
    return Sheet("名单", [header, *merged], ((1, at, first, at), (first + 1, at, len(body), at)))


def _side_by_side() -> Rows:
    return [[*row, None, *row] for row in homes()]


CASES = (
    Case(
        "title-row",
        "a title above the header",
        "read",
        xlsx(_above("白塘区、青溪县养老机构名单")),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "title-and-unit-rows",
        "title, office, date and unit above the header",
        "read",
        xlsx(_above("养老机构名单", "填报单位：某某市民政局", ["填报日期：2026年6月30日", None, "单位：张、㎡"])),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "title-row-bad-number",
        "a title above the header and a bad number below",
        "the number is reported by its row in Excel",
        xlsx(_above("养老机构名单", rows=homes(_BAD))),
        FACILITIES,
        refused(At("not_a_number", 7, "床位数")),
    ),
    Case(
        "title-in-csv",
        "a title above the header of a CSV file",
        "read",
        csv_text(lambda text: "养老机构名单,,,\r\n" + text),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "header-in-row-25",
        "twenty-four rows of remarks above the header",
        "read",
        xlsx(_above(*[f"说明{n}：请如实填报。" for n in range(1, 25)])),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "header-merged-two",
        "a header of two rows with merged cells",
        "read",
        xlsx(_two_rows()),
        FACILITIES,
        reads(12, F01={"name": "文昌社区日间照料", "beds": 30, "nursing_beds": 15}),
    ),
    Case(
        "header-merged-text",
        "地址 merged across two columns of text in a header of one row",
        "refused: the columns need names; the first row is never taken for a header",
        xlsx(_wide_address()),
        FACILITIES,
        refused(At("repeated_headers", says="地址")),
    ),
    Case(
        "header-merged-three",
        "a merged title above a header of two rows",
        "read",
        xlsx(_three_rows()),
        FACILITIES,
        reads(12, F01={"name": "文昌社区日间照料", "beds": 30, "nursing_beds": 15}),
    ),
    Case(
        "header-column-numbers",
        "column numbers (1, 2, 3 ...) under the header",
        "left out; read",
        xlsx(_into(0, list(range(1, WIDTH + 1)))),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "header-units-below",
        "a row of units under the header",
        "left out; read",
        xlsx(_into(0, ["张" if name == "床位数" else "度" if name in {"经度", "纬度"} else None for name in HEADER])),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "header-repeated",
        "the header again in the middle, as printed pages have it",
        "left out; read",
        xlsx(_into(6, homes()[0])),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "title-repeated",
        "title and header again in the middle",
        "left out; read",
        xlsx(_into(6, "养老机构名单（续）", homes()[0])),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "subtotals",
        "rows 小计 inside and 合计 at the end",
        "left out; read",
        xlsx([*_into(6, _sums("小计")), _sums("合计")]),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "subtotals-wide-blank",
        "rows 小　计 and 合　计 with an ideographic space",
        "left out; read",
        xlsx([*_into(6, _sums("小\u3000计")), _sums("合\u3000计")]),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "total-first",
        "the row 合计 straight under the header",
        "left out; read",
        xlsx(_into(0, _sums("合  计"))),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "group-rows",
        "a row 一、白塘区 above each county's facilities",
        "left out; read",
        xlsx(_into(6, "二、青溪县")),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "notes-below",
        "remarks and signatures below the list",
        "left out; read",
        xlsx([*homes(), [], ["注：床位数截至2026年6月30日。"], ["审核人：", None, "填表日期："]]),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "gap-of-30-rows",
        "thirty blank rows inside the list and a bad number below",
        "the number is reported by its row in Excel",
        xlsx([*homes()[:5], *[[]] * 30, *homes(_BAD)[5:]]),
        FACILITIES,
        refused(At("not_a_number", 36, "床位数")),
    ),
    Case(
        "blank-columns-behind",
        "blank columns with a stray blank behind the list",
        "read",
        xlsx([[*row, None, None, " "] for row in homes()]),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "blank-column-inside",
        "a blank column inside the list",
        "read",
        xlsx([[*row[:3], None, *row[3:]] for row in homes()]),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "blank-column-before",
        "the list begins in column C of row 4",
        "read",
        xlsx([[], [], [], *[[None, None, *row] for row in homes()]]),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "row-numbers",
        "a column 序号 before the keys",
        "read",
        xlsx([[n or "序号", *row] for n, row in enumerate(homes())]),
        FACILITIES,
        reads(12, **GOOD),
    ),
    Case(
        "counties-merged",
        "the county stands once, in a merged cell",
        "every row has its county",
        xlsx(_merged_counties()),
        FACILITIES,
        reads(12, F02={"county": "白塘区"}, F08={"county": "青溪县"}),
    ),
    Case(
        "two-lists-side-by-side",
        "the list stands twice, side by side",
        "refused: headers stand twice",
        xlsx(_side_by_side()),
        FACILITIES,
        refused("repeated_headers", also=("several_tables",)),
    ),
    Case(
        "turned-table",
        "headers down the first column, facilities across",
        "refused: no header can be found",
        xlsx([list(row) for row in zip(*homes(), strict=True)]),
        FACILITIES,
        refused(At("missing_header", column="lon"), also=("turned_table", "no_header")),
    ),
    Case(
        "cells-beyond-header",
        "a remark in a column without a header",
        "refused by row, or read with the remark kept apart",
        xlsx([row if n != 3 else [*row, "待核实"] for n, row in enumerate(homes())]),
        FACILITIES,
        refused(At("cells_without_header", 4)),
    ),
    Case(
        "title-only",
        "a title and nothing else",
        "refused: no rows",
        xlsx([["养老机构名单"]]),
        FACILITIES,
        refused("empty_table"),
    ),
    Case(
        "title-and-header-only",
        "a title and a header and no rows",
        "refused: no rows",
        xlsx([["养老机构名单"], homes()[0]]),
        FACILITIES,
        refused("empty_table", also=("missing_header",)),
    ),
    Case(
        "few-columns",
        "only key and coordinates",
        "read; names unknown",
        xlsx(homes(only("机构编号", "经度", "纬度"))),
        FACILITIES,
        reads(12, F01={"name": None}),
    ),
    Case(
        "extra-columns",
        "columns that nothing is known of",
        "read; they are carried along",
        xlsx(homes(column("备注", "虚构"), dropped("等级"))),
        FACILITIES,
        reads(12, F01={"备注": "虚构"}),
    ),
)
