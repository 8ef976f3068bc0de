"""Headers as they are met in registries, statistics and layers, matched to the contract's column names."""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from itertools import zip_longest
from typing import Any

from carecircle.errors import Problem, problem

_BRACKET = re.compile(r"[(\[【〔{](.{0,100}?)[)\]】〕}]")  # bounded: thousands of open brackets take no time
_FILLER = re.compile(r"[\s_\-－—·:：*]+")
_SHAPEFILE_NAME_BYTES = 10
_CODE_HEADER = re.compile(r"编号|编码|代码|代号|code|(?<![a-z])f?id$", re.IGNORECASE)
_UNIT_BEHIND = re.compile(r"^(.+?)[/_]([^/_()（）]+)$")
_TABLES = ("facilities", "points", "areas", "demand", "candidates")
_ALIKE = 0.6  # the default of difflib.get_close_matches
_SUGGESTED = 3

JOINED = "_"
"""What stands between the parts of a merged header: ``街道_2025年``."""


@cache
def _lists() -> dict[str, dict[str, Any]]:
    """Return the lists of ``headers.toml``, section by section."""
    return tomllib.loads(resources.files("carecircle.china").joinpath("headers.toml").read_text("utf-8"))


@cache
def words(section: str) -> dict[str, str]:
    """Return a section of words as ``{normalised word: key of its list}``.

    Examples
    --------
    >>> words("levels")["街道"]
    'township'
    """
    return {plain(word): key for key, listed in _lists()[section].items() for word in listed}


def plain(value: str) -> str:
    """Return text without case, blanks, filler signs and full-width forms.

    Examples
    --------
    >>> plain(" ６０岁 以上_人口")
    '60岁以上人口'
    """
    return _FILLER.sub("", unicodedata.normalize("NFKC", value)).casefold()


@cache
def normal_header(header: str) -> str:
    """Return a header as it is compared: `plain`, and without a unit behind it, a remark in brackets, or 其中.

    Examples
    --------
    >>> normal_header("建筑面积（㎡）"), normal_header("人口(60岁以上)"), normal_header("床位数/张")
    ('建筑面积', '人口60岁以上', '床位数')
    """
    ignored = words("brackets")
    text = unicodedata.normalize("NFKC", header)
    kept = _BRACKET.sub(lambda found: "" if plain(found[1]).removeprefix("单位") in ignored else found[1], text)
    behind = None if header.isascii() else _UNIT_BEHIND.match(kept)
    name = plain(behind[1] if behind and plain(behind[2]) in ignored else kept)
    return name.replace("其中", "") or name


def is_personal(header: str) -> bool:
    """Whether a column of this name holds personal information.

    Examples
    --------
    >>> is_personal("联系人电话"), is_personal("机构名称")
    (True, False)
    """
    name, listed = normal_header(header), _lists()["personal"]
    if _counts(header, name):
        return False
    last = normal_header(header.rpartition(JOINED)[2]) if not header.isascii() else name
    whole = set(map(plain, listed["whole"]))
    return bool({name, last} & whole) or any(plain(part) in name for part in listed["within"])


def _counts(header: str, name: str) -> bool:
    """Whether a header counts (机构负责人数, 电话亭数量, 负责人（名）) rather than names."""
    units = {plain(found) for found in _BRACKET.findall(unicodedata.normalize("NFKC", header))}
    return name.endswith(tuple(_lists()["personal"]["counts"])) or bool(units & {"人", "名", "个"})


def is_code_header(header: str) -> bool:
    """Whether a column of this name holds codes or identifiers.

    Examples
    --------
    >>> is_code_header("行政区划代码"), is_code_header("osm_id"), is_code_header("床位数")
    (True, True, False)
    """
    return bool(_CODE_HEADER.search(normal_header(header))) or bool(_CODE_HEADER.search(header))


def known_headers(column: str, table: str) -> tuple[str, ...]:
    """Return the headers that are read as `column` in `table`, the contract's name last."""
    return (*(header for rank in _ranks(column, table) for header in rank), column)


def _ranks(column: str, table: str, *, weak: bool = False) -> list[list[str]]:
    """Return the usual headers of a column, rank by rank; with `weak`, those taken for want of better ones behind."""
    lists = _lists()
    own, shared = (_nested(lists.get(section, {}).get(column, [])) for section in (table, "shared"))
    nothing: list[str] = []
    ranks = [[*mine, *theirs] for mine, theirs in zip_longest(own, shared, fillvalue=nothing)]
    return [*ranks, *_nested(lists["weak"].get(column, []))] if weak else ranks


def _nested(listed: list[Any]) -> list[list[str]]:
    """Return ranks of headers: those that a list of lists holds, or one."""
    return listed if listed and isinstance(listed[0], list) else [listed]


@cache
def _all_known() -> frozenset[str]:
    """Return every header that means something in any table, as it is compared."""
    sections = [*_TABLES, "shared", "weak"]
    aliases = {alias for section in sections for column in _lists()[section].values() for alias in _flat(column)}
    columns = {column for section in sections for column in _lists()[section]}
    datum = _lists()["datum_header"]["datum"]
    return frozenset(map(normal_header, {*aliases, *columns, *datum})) - {"x", "y"}


def _flat(listed: list[Any]) -> list[str]:
    return [alias for rank in _nested(listed) for alias in rank]


def address_headers() -> tuple[str, ...]:
    """Return the headers of a column of addresses, the best first."""
    return (*known_headers("address", "facilities"), *_lists()["address_header"]["address"])


def address_header(headers: Iterable[str]) -> str | None:
    """Return the best header of a column of addresses, None when there is none.

    Examples
    --------
    >>> address_header(["机构名称", "注册地址", "详细地址"])
    '详细地址'
    """
    normal = {normal_header(header): header for header in reversed(list(headers))}
    ranked = map(normal_header, address_headers())
    return next((normal[name] for name in ranked if name in normal), None)


def is_datum_header(header: str) -> bool:
    """Whether a column of this name says the datum of each row's coordinates.

    Examples
    --------
    >>> is_datum_header("坐标系"), is_datum_header("位置_坐标系"), is_datum_header("坐标")
    (True, True, False)
    """
    return plain(header) in words("datum_header") or _telling_part(header) in words("datum_header")


def is_known_header(header: str) -> bool:
    """Whether any table has a column of this name.

    Examples
    --------
    >>> is_known_header("床位数（张）"), is_known_header("幸福养老院")
    (True, False)
    """
    return normal_header(header) in _all_known()


@dataclass(frozen=True)
class Scale:
    """A header's unit that is a multiple of the contract's: ``人口（万人）``.

    Parameters
    ----------
    unit, base
        The unit, and the one it is a multiple of.
    factor
        How many of the base one of the unit is, exactly.
    header
        The header with the base in the unit's place.
    """

    unit: str
    base: str
    factor: Fraction
    header: str


@cache
def scale_of(header: str) -> Scale | None:
    """Return the multiple a header's unit stands for, None where it stands for nothing else than the contract's unit.

    The unit is looked for in a bracket, or behind a stroke.

    Examples
    --------
    >>> found = scale_of("人口（万人）")
    >>> found.factor, found.header
    (Fraction(10000, 1), '人口（人）')
    >>> scale_of("人口（人）") is None
    True
    """
    text = header.translate(_BRACKETS)
    for found in _BRACKET.finditer(text):
        unit = found[1].removeprefix("单位").lstrip(":：")
        if plain(unit) in _scales():
            base, factor = _scales()[plain(unit)]
            return Scale(unit, base, factor, f"{header[: found.start(1)]}{base}{header[found.end(1) :]}")
    behind = None if header.isascii() else _UNIT_BEHIND.match(text)
    if behind and plain(behind[2]) in _scales():
        base, factor = _scales()[plain(behind[2])]
        return Scale(behind[2], base, factor, f"{header[: behind.start(2)]}{base}")
    return None


_BRACKETS = str.maketrans("（［｛）］｝／＿", "([{)]}/_")


@cache
def _scales() -> dict[str, tuple[str, Fraction]]:
    return {plain(unit): (base, Fraction(factor)) for unit, (base, factor) in _lists()["scales"].items()}


def is_unit(value: str) -> bool:
    """Whether text is a unit and nothing else, in brackets or not.

    Examples
    --------
    >>> is_unit("（张）"), is_unit("万人"), is_unit("张三")
    (True, True, False)
    """
    units = {*words("brackets"), *words("other_units"), *_scales()}
    return plain(unicodedata.normalize("NFKC", value).strip().strip("()[]")).removeprefix("单位") in units


def match_headers(
    headers: Iterable[str], columns: Iterable[str], table: str, given: Mapping[str, str] | None = None
) -> tuple[dict[str, str], list[Problem]]:
    """Find the header of each contract column.

    The user's own choice (`given`) comes first, then the contract's own name (whole, or cut to the ten bytes
    of a shapefile), then the usual headers, then the weak ones. Two headers of the same rank are a problem.

    Parameters
    ----------
    headers
        Headers of the file.
    columns
        Contract columns to look for.
    table
        Section of ``headers.toml``: facilities, points, areas, demand or candidates.
    given
        ``{contract column: header}`` chosen by the user.

    Returns
    -------
    matched, problems
        ``{contract column: header}`` and what is wrong (ambiguous headers, chosen headers that are not
        there).

    Examples
    --------
    >>> match_headers(["机构名称", "床位数（张）", "备注"], ["name", "beds", "kind"], "facilities")
    ({'name': '机构名称', 'beds': '床位数（张）'}, [])
    """
    present = list(headers)
    matched, problems = _as_chosen(present, given or {})
    for column in columns:
        if column in (given or {}):
            continue
        candidates = _candidates([h for h in present if h not in matched.values()], column, table)
        if len(candidates) > 1:
            problems.append(problem("ambiguous_headers", column=column, found="、".join(candidates)))
        elif candidates:
            matched[column] = candidates[0]
    return matched, problems


def _as_chosen(present: list[str], given: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Return the user's own choice; one in a multiple of the contract's unit is taken where it has been converted."""
    matched, problems = {}, []
    for column, header in given.items():
        scale = scale_of(header)
        if scale is not None and header in present:
            problems.append(problem("scaled_header", column=header, unit=scale.unit, base=scale.base))
        elif scale is not None and scale.header in present:
            matched[column] = scale.header
        elif header in present:
            matched[column] = header
        else:
            problems.append(problem("chosen_header", column=column, value=header, found="、".join(present)))
    return matched, problems


def _candidates(headers: list[str], column: str, table: str) -> list[str]:
    """Return the headers of the best rank at which any header fits."""
    if column in headers:
        return [column]
    ranks = [[column, column[:_SHAPEFILE_NAME_BYTES]], *_ranks(column, table, weak=True)]
    names = [set(map(normal_header, rank)) for rank in ranks]
    for rank in names:
        fitting = [header for header in headers if normal_header(header) in rank]
        if fitting:
            return fitting
    parts = {header: _telling_part(header) for header in headers}
    fitting = [header for header, part in parts.items() if part and any(part in rank for rank in names)]
    fitting = fitting or [header for header in headers if _cut_headers(table).get(header) == column]
    return fitting if len(fitting) == 1 else []


@cache
def _cut_headers(table: str) -> dict[str, str]:
    """Return what a shapefile's ten bytes leave of long headers, for those that are left of one column only.

    Examples
    --------
    >>> _cut_headers("areas")["行政区划代"]
    'area_id'
    """
    columns = {*_lists()["shared"], *_lists().get(table, {})}
    cut = {
        (header.encode(encoding)[:_SHAPEFILE_NAME_BYTES].decode(encoding, "ignore"), column)
        for column in columns
        for header in _flat(_ranks(column, table))
        for encoding in ("gbk", "utf-8")
        if len(header.encode(encoding, "ignore")) > _SHAPEFILE_NAME_BYTES and not header.isascii()
    }
    several = Counter(header for header, _ in cut)
    return {header: column for header, column in cut if several[header] == 1}


def _telling_part(header: str) -> str:
    """Return the part of a merged header that alone says what the column is, "" when none does.

    Examples
    --------
    >>> _telling_part("坐标_经度"), _telling_part("床位数_合计"), _telling_part("户籍人口_60岁以上")
    ('经度', '床位数', '')
    """
    upper, joined, last = header.rpartition(JOINED)
    if not joined or header.isascii():
        return ""
    if normal_header(last) in words("groups") and words("groups")[normal_header(last)] == "whole":
        return normal_header(upper)
    neutral = all(words("groups").get(normal_header(part)) == "neutral" for part in upper.split(JOINED))
    return normal_header(last) if neutral else ""


def suggest_headers(headers: Iterable[str], table: str) -> dict[str, list[str]]:
    """Return for headers that nothing is read from the contract columns they may mean, the likeliest first.

    Parameters
    ----------
    headers
        Headers that `match_headers` left.
    table
        Section of ``headers.toml``.

    Examples
    --------
    >>> suggest_headers(["护理型床位数量", "颜色"], "facilities")
    {'护理型床位数量': ['nursing_beds', 'beds'], '颜色': []}
    """
    lists = _lists()
    columns = dict.fromkeys([*lists.get(table, {}), *lists["shared"]])
    aliases = {column: [normal_header(alias) for alias in known_headers(column, table)] for column in columns}
    return {header: _likeliest(normal_header(header), aliases) for header in headers}


def _likeliest(name: str, aliases: Mapping[str, list[str]]) -> list[str]:
    scores = {column: max(_likeness(name, alias) for alias in listed) for column, listed in aliases.items()}
    fitting = sorted((column for column in scores if scores[column] >= _ALIKE), key=lambda column: -scores[column])
    return fitting[:_SUGGESTED]


def _likeness(name: str, alias: str) -> float:
    """Return how alike two headers are (0 to 1); one that holds the other is alike at least a little."""
    short, long = sorted((name, alias), key=len)
    held = _ALIKE + (1 - _ALIKE) * len(short) / len(long) if len(short) > 1 and short in long else 0.0
    return max(held, difflib.SequenceMatcher(None, name, alias).ratio())


@cache
def units_behind(unit: str | None) -> frozenset[str]:
    """Return what may stand behind a number in a column that counts in a unit, as it is compared.

    Parameters
    ----------
    unit
        `schema.Column.unit`; None for every unit that is known.

    Examples
    --------
    >>> sorted(units_behind("m2")), units_behind("degrees")
    (['m2', '平方米', '平米'], frozenset())
    """
    listed = _lists()["units"]
    known = [word for words in listed.values() for word in words] if unit is None else listed.get(unit, [])
    return frozenset(map(plain, known))


def is_weak(column: str, header: str) -> bool:
    """Whether a header is read as a column only for want of a better one, since it often means something else.

    Examples
    --------
    >>> is_weak("opened", "运营时间"), is_weak("opened", "建成时间")
    (True, False)
    """
    return normal_header(header) in map(normal_header, _flat(_lists()["weak"].get(column, [])))


@cache
def marks_of_nothing() -> frozenset[str]:
    """Return the cell texts (case-folded) that say that there is nothing, the blank included."""
    return frozenset({"", *(mark.casefold() for mark in _lists()["missing"]["marks"])})
