"""Headers as they are met in registries, statistics and layers, matched to the contract's column names."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from carecircle.errors import Problem, problem

_BRACKET = re.compile(r"[(\[【〔{](.*?)[)\]】〕}]")
_FILLER = re.compile(r"[\s_\-－—·:：*]+")
_SHAPEFILE_NAME_BYTES = 10


@cache
def _lists() -> dict[str, dict[str, list[str]]]:
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
    """Return a header as it is compared: `plain`, and without brackets that hold a unit or a remark.

    Examples
    --------
    >>> normal_header("建筑面积（㎡）"), normal_header("人口(60岁以上)")
    ('建筑面积', '人口60岁以上')
    """
    ignored = words("brackets")
    text = unicodedata.normalize("NFKC", header)
    kept = _BRACKET.sub(lambda found: "" if plain(found[1]) in ignored else found[1], text)
    return plain(kept)


def is_personal(header: str) -> bool:
    """Whether a column of this name holds personal information.

    Examples
    --------
    >>> is_personal("联系人电话"), is_personal("机构名称")
    (True, False)
    """
    name, listed = normal_header(header), _lists()["personal"]
    return name in map(plain, listed["whole"]) or any(plain(part) in name for part in listed["within"])


def known_headers(column: str, table: str) -> tuple[str, ...]:
    """Return the headers that are read as `column` in `table`, the contract's name last."""
    lists = _lists()
    return (*lists.get(table, {}).get(column, []), *lists["shared"].get(column, []), column)


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
        Section of ``headers.toml``: facilities, points, areas or demand.
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
    present, chosen = list(headers), dict(given or {})
    problems = [
        problem("chosen_header", column=column, value=header, found="、".join(present))
        for column, header in chosen.items()
        if header not in present
    ]
    matched = {column: header for column, header in chosen.items() if header in present}
    for column in columns:
        if column in chosen:
            continue
        candidates = _candidates([h for h in present if h not in matched.values()], column, table)
        if len(candidates) > 1:
            problems.append(problem("ambiguous_headers", column=column, found="、".join(candidates)))
        elif candidates:
            matched[column] = candidates[0]
    return matched, problems


def _candidates(headers: list[str], column: str, table: str) -> list[str]:
    """Return the headers of the best rank at which any header fits."""
    lists = _lists()
    if column in headers:
        return [column]
    for rank in (
        [column, column[:_SHAPEFILE_NAME_BYTES]],
        [*lists.get(table, {}).get(column, []), *lists["shared"].get(column, [])],
        lists["weak"].get(column, []),
    ):
        names = set(map(normal_header, rank))
        fitting = [header for header in headers if normal_header(header) in names]
        if fitting:
            return fitting
    return []


@cache
def marks_of_nothing() -> frozenset[str]:
    """Return the cell texts (case-folded) that say that there is nothing, the blank included."""
    return frozenset({"", *(mark.casefold() for mark in _lists()["missing"]["marks"])})
