"""Codes: what spreadsheets and typing do to them."""

from __future__ import annotations

from typing import Any

from .case import FACILITIES, PEOPLE, At, Case, reads, refused
from .town import credit_code
from .writers import cell, column, csv, homes, xlsx

CODE = "539901100001"  # of F03


def _mended(name: str, wrong: str, typed: Any) -> Case:
    """Return the case of an area code that can be mended."""
    return Case(
        f"code-{name}",
        wrong,
        f"read as {CODE}",
        csv(cell("F03", "行政区划代码", typed)),
        FACILITIES,
        reads(12, F03={"area_code": CODE}),
    )


CASES = (
    Case(
        "code-number",
        "codes kept as numbers",
        "read as text, all digits",
        xlsx(homes(column("行政区划代码", float))),
        FACILITIES,
        reads(12, F03={"area_code": CODE}),
    ),
    _mended("decimal", "a code with .0 behind it", f"{CODE}.0"),
    _mended("exponent", "a code as 5.39901100001E+11", "5.39901100001E+11"),
    _mended("apostrophe", "an apostrophe before the code", f"'{CODE}"),
    _mended("full-width", "full-width digits", "５３９９０１１００００１"),
    _mended("blanks", "blanks between the digits", "5399 0110 0001"),
    _mended("hard-blanks", "hard blanks around the code", f"\u00a0{CODE}\u00a0"),
    _mended("zero-width", "an invisible sign before the code", f"\u200b{CODE}"),
    Case(
        "code-lost-digits",
        "a code of which only 5.399E+11 is left",
        "refused, by cell: the digits are lost",
        csv(cell("F03", "行政区划代码", "5.399E+11")),
        FACILITIES,
        refused(At("lost_digits", 4, "行政区划代码")),
    ),
    Case(
        "key-lost-digits",
        "keys of 18 digits kept as numbers",
        "refused, by cell: the digits are lost",
        xlsx(homes(column("机构编号", lambda key: 530402202406010000 + int(key[1:])))),
        FACILITIES,
        refused(At("lost_digits", 2, "机构编号"), also=("repeated_key",)),
    ),
    Case(
        "credit-code-lost-digits",
        "a credit code of 18 digits kept as a number",
        "refused, by cell: the digits are lost",
        xlsx(homes(cell("F03", "统一社会信用代码", 52539901000000312.0 * 10))),
        FACILITIES,
        refused(At("lost_digits", 4, "统一社会信用代码")),
    ),
    Case(
        "credit-code-lower-case",
        "a credit code in lower case with a blank",
        "read, as it is written officially",
        csv(cell("F03", "统一社会信用代码", " " + credit_code(3).lower())),
        FACILITIES,
        reads(12, F03={"credit_code": credit_code(3)}),
    ),
    Case(
        "key-leading-zeros",
        "keys such as 007 in a CSV file",
        "the noughts stay",
        csv(column("机构编号", lambda key: f"00{key[1:]}")),
        FACILITIES,
        reads(12, **{"0003": {"beds": 50}}),
    ),
    Case(
        "key-numbers",
        "keys kept as the numbers 1, 2, 3",
        "read as text without a decimal",
        xlsx(homes(column("机构编号", lambda key: float(key[1:])))),
        FACILITIES,
        reads(12, **{"3": {"beds": 50}}),
    ),
    Case(
        "key-blanks-differ",
        "two keys that differ by a blank",
        "refused, both rows named",
        csv(cell("F04", "机构编号", " F03 ")),
        FACILITIES,
        refused(At("repeated_key", 4), At("repeated_key", 5)),
    ),
    Case(
        "people-code-number",
        "area codes of residential points kept as numbers",
        "read as text, all digits",
        csv(column("行政区划代码", lambda code: f"{code}.0"), people=True),
        PEOPLE,
        reads(30, D03={"area_id": CODE}),
    ),
)
