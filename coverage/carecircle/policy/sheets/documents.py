"""Documents and matters that are done or not: checklists, and units in which every item of a target is done.

An item without a row, or whose row does not say, is unverified and never "not done". What was done after the day is
not done yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

import pandas as pd

from carecircle.china.names import plain_name
from carecircle.language import text
from carecircle.policy.judge import Tally, Verdict
from carecircle.policy.model import Target
from carecircle.policy.results import Line
from carecircle.policy.sheets.counties import names_counties
from carecircle.policy.sheets.goals import SheetResult, judged, no_data, unsure
from carecircle.policy.sheets.rows import Case, Truth, all_of, any_of, expected_counties, match_counties, title

_ANY = ""
"""Key of the only item of a target that lists none."""

States = dict[str, Truth]


def item_key(target: Target, said: str | None) -> str | None:
    """Return the key of the item that a cell names, by its key or title; None where it names none of the target's.

    A target with one item, or none, needs no name.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> target = load_pack("lincang").target("LC-32")
    >>> item_key(target, "“十四五”养老服务专项规划"), item_key(target, "solution"), item_key(target, "别的")
    ('care_plan', 'solution', None)
    """
    if len(target.items) < 2 and not said:
        return target.items[0].key if target.items else _ANY
    if not target.items:
        return _ANY
    plain = plain_name(said or "")
    for one in target.items:
        if plain in {plain_name(one.key), plain_name(one.title.zh), plain_name(one.title.en)} - {""}:
            return one.key
    return None


def of_checklist(case: Case) -> SheetResult:
    """Judge a target by the rows of the checklist."""
    table = case.inputs.get("checklist")
    if table is None:
        return no_data(text("inputs.no_sheet", sheet=title("checklist")))
    rows = table[(table["target"] == case.target.id) & table["done"].notna()].reset_index(drop=True)
    if rows.empty:
        return no_data(text("inputs.no_rows", sheet=title("checklist"), target=case.target.id))
    found = (_units if case.target.metric == "share_of_units_with_document" else _items)(case, rows)
    strangers = _strangers(case, rows)
    if not strangers:
        return found
    reason = text("inputs.unmatched", sheet=title("checklist"), names="、".join(strangers))
    return unsure(replace(found, reasons=(reason, *found.reasons)))


def _strangers(case: Case, rows: pd.DataFrame) -> list[str]:
    """Return the names in the column of counties that no area has."""
    if "county" not in rows or not names_counties(case.target):
        return []
    pairs = zip(rows["county"], _counties(case, rows), strict=True)
    return sorted({str(said) for said, area in pairs if area is None})


def _done(rows: pd.DataFrame, case: Case) -> list[bool]:
    days = pd.to_datetime(rows["on"] if "on" in rows else pd.Series(None, index=rows.index), errors="coerce")
    later = [bool(one) for one in days > pd.Timestamp(case.as_of)]
    return [bool(said) and not after for said, after in zip(rows["done"], later, strict=True)]


def _keys(target: Target) -> list[str]:
    return [one.key for one in target.items] or [_ANY]


def _states(case: Case, rows: pd.DataFrame, units: Iterable[str | None]) -> dict[str | None, States]:
    """Return for each unit what is known of each item."""
    items = rows["item"] if "item" in rows else [None] * len(rows)
    keys = [item_key(case.target, None if said is None else str(said)) for said in items]
    said: dict[tuple[str | None, str | None], list[Truth]] = {}
    for unit, key, done in zip(units, keys, _done(rows, case), strict=True):
        said.setdefault((unit, key), []).append(done)
    places = dict.fromkeys(unit for unit, _ in said)
    return {
        unit: {key: any_of(said[unit, key]) if (unit, key) in said else None for key in _keys(case.target)}
        for unit in places
    }


def _counties(case: Case, rows: pd.DataFrame) -> list[str | None]:
    cells = rows["county"] if "county" in rows else pd.Series(None, index=rows.index, dtype=object)
    return match_counties(cells.astype(object).where(cells.notna(), None), case)


# Items


def _items(case: Case, rows: pd.DataFrame) -> SheetResult:
    """Return how many items are done: for the whole as it is said, else in every county that is named."""
    states = _states(case, rows, _counties(case, rows))
    own, parts = states.get(""), [state for area, state in states.items() if area != ""]
    whole = {key: _of_all(key, own, parts) for key in _keys(case.target)}
    tally, names = _count(whole), case.names()
    lines = [_item_line(case, key, truth) for key, truth in whole.items() if key]
    for area, state in sorted((area, state) for area, state in states.items() if area):
        found = _count(state)
        lines.append(Line(found, judged(case.target, found, case.as_of), area, names.get(area, "")))
    verdict = judged(case.target, tally, case.as_of)
    return SheetResult(tally, verdict, tuple(lines), _unknown(case, whole), ("inputs",))


def _of_all(key: str, own: States | None, parts: list[States]) -> Truth:
    if own and own[key] is not None:
        return own[key]
    return all_of(state[key] for state in parts) if parts else None


def _count(states: Mapping[str, Truth]) -> Tally:
    truths = list(states.values())
    return Tally(truths.count(True), None, truths.count(None))


def _item_line(case: Case, key: str, truth: Truth) -> Line:
    one = {"comparison": ">=", "threshold": Decimal(1), "upper": None, "threshold_unit": "number"}
    tally = Tally(int(truth is True), None, int(truth is None))
    return Line(tally, judged(case.target.model_copy(update=one), tally, case.as_of), item=key)


def _unknown(case: Case, states: Mapping[str, Truth]) -> tuple[str, ...]:
    titles = {one.key: one.title.said() for one in case.target.items}
    names = [titles.get(key, key) for key, truth in states.items() if truth is None]
    return (text("inputs.unknown_items", items="、".join(names)),) if names else ()


# Units


def _units(case: Case, rows: pd.DataFrame) -> SheetResult:
    """Return in how many units every item is done."""
    if case.target.unit == "county":
        units, names = _counties(case, rows), expected_counties(case)
    else:
        units, names = _places(rows), dict[str, str]()
    states = _states(case, rows, units)
    named = [unit for unit in states if unit]
    wanted = list(dict.fromkeys([*names, *named])) if named else [*states]
    done = {unit: all_of(states[unit].values()) if unit in states else None for unit in wanted}
    tally = Tally(sum(one is True for one in done.values()), len(done), sum(one is None for one in done.values()))
    verdict = judged(case.target, tally, case.as_of)
    lines = tuple(_unit_line(case, unit, truth, names) for unit, truth in done.items() if unit)
    return SheetResult(tally, verdict, lines, _unknown_units(done, names, states), ("inputs",))


def _places(rows: pd.DataFrame) -> list[str | None]:
    """Return the places that rows name, which are no counties of the study: pilot areas, a city and counties alike."""
    cells = rows["county"] if "county" in rows else [None] * len(rows)
    return ["" if cell is None else str(cell).strip() for cell in cells]


def _unit_line(case: Case, unit: str, truth: Truth, names: Mapping[str, str]) -> Line:
    tally = Tally(int(truth is True), 1, int(truth is None))
    verdict: Verdict = judged(case.target, tally, case.as_of)
    if unit in names:
        return Line(tally, verdict, unit, names[unit])
    return Line(tally, verdict, item=unit)


def _unknown_units(
    done: Mapping[str | None, Truth], names: Mapping[str, str], states: Mapping[str | None, States]
) -> tuple[str, ...]:
    unknown = [names.get(unit or "", unit or "") for unit, truth in done.items() if truth is None and unit]
    found = [text("inputs.unknown_units", units="、".join(unknown))] if unknown else []
    return (*found, *([text("inputs.stranger_units")] if None in states else []))
