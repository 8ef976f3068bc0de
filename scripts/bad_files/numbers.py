"""Numbers and dates as people type them, and as spreadsheets turn them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from .case import FACILITIES, At, Case, reads, refused
from .writers import Date, Formula, cell, column, csv, homes, member, xlsx

_DAY = dt.datetime(2021, 5, 1)  # noqa: DTZ001  workbooks know no time zones


def _read(name: str, wrong: str, typed: Any, number: float | None) -> Case:
    """Return the case of a number of beds that can be read."""
    must = "nothing known" if number is None else f"read as {number:g}"
    return Case(
        f"number-{name}", wrong, must, csv(cell("F03", "床位数", typed)), FACILITIES, reads(12, F03={"beds": number})
    )


def _no_number(name: str, wrong: str, typed: Any) -> Case:
    """Return the case of what is no number of beds."""
    return Case(
        f"number-{name}",
        wrong,
        "refused, by cell",
        csv(cell("F03", "床位数", typed)),
        FACILITIES,
        refused(At("not_a_number", 4, "床位数", says=str(typed))),
    )


def _date(name: str, wrong: str, typed: Any, day: str | None) -> Case:
    """Return the case of a date that can be read."""
    must = "nothing known" if day is None else f"read as {day}"
    return Case(
        f"date-{name}", wrong, must, csv(cell("F03", "建成日期", typed)), FACILITIES, reads(12, F03={"opened": day})
    )


def _no_date(name: str, wrong: str, typed: Any) -> Case:
    """Return the case of what is no date."""
    return Case(
        f"date-{name}",
        wrong,
        "refused, by cell",
        csv(cell("F03", "建成日期", typed)),
        FACILITIES,
        refused(At("not_a_date", 4, "建成日期", says=str(typed))),
    )


def _error(name: str, shown: str) -> Case:
    return Case(
        f"excel-error-{name}",
        f"a formula that shows {shown}",
        "refused, by cell",
        xlsx(homes(cell("F03", "床位数", Formula("=1/0", shown)))),
        FACILITIES,
        refused(At("broken_formula", 4, "床位数", says=shown)),
    )


CASES = (
    _read("unit", "a unit behind the number", "120张", 120),
    _read("unit-blank", "a blank and a unit behind the number", "120 张", 120),
    _read("thousands", "thousands separated by commas", "1,234", 1234),
    _read("thousands-full-width", "thousands separated by full-width commas", "1，234", 1234),
    _read("full-width", "full-width digits", "１２０", 120),
    _read("dash", "a dash for nothing", "—", None),
    _read("none-in-words", "the word 无 for nothing", "无", None),
    _read("slash", "a slash for nothing", "/", None),
    _read("float", "a number with a needless decimal", "120.0", 120),
    _read("hard-blank", "hard blanks around the number", "\u00a0120\u00a0", 120),
    _read("zero-width", "an invisible sign before the number", "\u200b120", 120),
    _read("thousands-blank", "thousands separated by a blank", "1 234", 1234),
    _no_number("two", "two numbers in one cell", "120 80"),
    _no_number("two-lines", "two numbers, one below the other", "60\n30"),
    _no_number("households", "a number of households in the column of beds", "50户"),
    _no_number("metres", "metres in the column of beds", "30米"),
    _no_number("about", "约 before the number", "约120"),
    _no_number("range", "a range", "100-120"),
    _no_number("more-than", "余 behind the number", "120余"),
    _no_number("letter-o", "a letter O for a nought", "12O"),
    _no_number("european", "a point for thousands and a comma for decimals", "1.234,5"),
    _no_number("percent", "a percentage", "85%"),
    _no_number("sum", "a sum that was never worked out", "60+60"),
    _no_number("infinite", "a number too large for any computer", "1e999"),
    _no_number("words-after", "a remark behind the number", "120（含护理型60）"),
    Case(
        "number-ten-thousands",
        "a number in 万",
        "read as 12,000, or refused by cell",
        csv(cell("F03", "床位数", "1.2万")),
        FACILITIES,
        refused(At("not_a_number", 4, "床位数")),
    ),
    Case(
        "number-negative",
        "a negative number of beds",
        "refused, by cell",
        csv(cell("F03", "床位数", "-5")),
        FACILITIES,
        refused(At("below_minimum", 4, "床位数")),
    ),
    Case(
        "number-truth",
        "TRUE in a column of numbers",
        "refused, by cell",
        xlsx(homes(cell("F03", "床位数", True))),
        FACILITIES,
        refused(At("not_a_number", 4, "床位数")),
    ),
    Case(
        "number-as-text",
        "numbers stored as text, with the green corner",
        "read",
        xlsx(homes(column("床位数", str))),
        FACILITIES,
        reads(12, F03={"beds": 50}),
    ),
    _error("div", "#DIV/0!"),
    _error("ref", "#REF!"),
    _error("name", "#NAME?"),
    Case(
        "excel-error-na",
        "a formula that shows #N/A",
        "nothing known",
        xlsx(homes(cell("F03", "床位数", Formula("=NA()", "#N/A")))),
        FACILITIES,
        reads(12, F03={"beds": None}),
    ),
    Case(
        "excel-error-in-lon",
        "a formula that shows #VALUE! for a longitude",
        "refused, by cell",
        xlsx(homes(cell("F03", "经度", Formula("=1/0", "#VALUE!")))),
        FACILITIES,
        refused(At("not_a_position", 4, "经度")),
    ),
    Case(
        "hours-of-business",
        "a column 运营时间 with hours of business",
        "read; nothing is known of the opening",
        csv(column("运营时间", "8:00-18:00", after="机构名称")),
        FACILITIES,
        reads(12, F03={"运营时间": "8:00-18:00"}),
    ),
    _date("chinese", "2021年5月1日", "2021年5月1日", "2021-05-01"),
    _date("month", "a month without a day", "2021年5月", "2021-05-01"),
    _date("year", "a year alone", "2021", "2021-01-01"),
    _date("dots", "points between the parts", "2021.5.1", "2021-05-01"),
    _date("eight-digits", "eight digits", "20210501", "2021-05-01"),
    _date("with-time", "a time behind the date", "2021-05-01 00:00:00", "2021-05-01"),
    _date("full-width", "full-width digits", "２０２１年５月１日", "2021-05-01"),
    _date("dash", "a dash for nothing", "—", None),
    _no_date("two-digit-year", "a year of two digits", "21.5.1"),
    _no_date("month-13", "a thirteenth month", "2021-13-01"),
    _no_date("february-30", "the 30th of February", "2021-02-30"),
    _no_date("words", "words", "去年底"),
    _no_date("several", "two dates in one cell", "2019-05-01、2021-05-01"),
    Case(
        "date-cell",
        "dates as spreadsheets keep them",
        "read",
        xlsx(homes(column("建成日期", Date(_DAY)))),
        FACILITIES,
        reads(12, F03={"opened": "2021-05-01"}),
    ),
    Case(
        "date-serial",
        "dates that have lost their format: 44317",
        "read as 2021-05-01",
        xlsx(homes(column("建成日期", 44317))),
        FACILITIES,
        reads(12, F03={"opened": "2021-05-01"}),
    ),
    Case(
        "date-serial-text",
        "such a number as text",
        "read as 2021-05-01",
        csv(column("建成日期", "44317")),
        FACILITIES,
        reads(12, F03={"opened": "2021-05-01"}),
    ),
    Case(
        "date-1904",
        "a workbook from a Mac, whose days count from 1904",
        "the right day",
        xlsx(homes(column("建成日期", Date(_DAY))), options={"date_1904": True}),
        FACILITIES,
        reads(12, F03={"opened": "2021-05-01"}),
    ),
    Case(
        "numbers-scaled-header",
        "beds in 百张, which the header says",
        "read as 120 beds",
        csv(lambda table: table.rename(columns={"床位数": "床位数（百张）"}).assign(**{"床位数（百张）": "1.2"})),
        FACILITIES,
        reads(12, F03={"beds": 120}),
    ),
    Case(
        "shared-strings-lost",
        "a workbook whose texts are lost",
        "refused: the file is damaged",
        member(xlsx(homes()), "xl/sharedStrings.xml", lambda _: b""),
        FACILITIES,
        refused("unreadable_file", also=("empty_table", "missing_header")),
    ),
)
