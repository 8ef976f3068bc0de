"""Names of counties in the sheets that counties fill in: which county a cell means, and which names no area has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from carecircle.china.codes import significant_code
from carecircle.china.names import name_keys, plain_name
from carecircle.findings import row_numbers
from carecircle.language import text
from carecircle.policy.model import Pack, Target
from carecircle.policy.vocabulary import vocabulary

TOTALS = frozenset({"全市", "全市合计", "合计", "总计", "全部", "全县", "全区"})
"""What stands for all counties together in a column of counties."""
OWN_LEVEL = frozenset({"市本级", "市级", "本级", "市直"})
"""What stands for the city's own, which belongs to no county."""
HIGH_TECH = ("430972", "430903")
"""The high-tech zone of Yiyang, and Heshan, with which it counts by the reading ``hightech_zone=merged``."""
_WIDER = ("省", "市", "州", "盟", "地区")
"""Ends of the names of wider units, which may stand before that of a county: 玉溪市红塔区."""


def unknown_counties_note(inputs: Mapping[str, pd.DataFrame], counties: pd.DataFrame, pack: Pack) -> tuple[str, ...]:
    """Return one sentence on the rows of all sheets whose counties no area has; none where there are no such rows.

    Parameters
    ----------
    inputs
        Sheets from `read_inputs_book`.
    counties
        ``area_id`` and ``name``; where there are none, nothing can be told.
    pack
        Of sheets that say for which target a row is, only the rows of its targets.

    Examples
    --------
    >>> from carecircle.policy import load_pack
    >>> counties = pd.DataFrame({"area_id": ["530402", "530403"], "name": ["红塔区", "江川区"]})
    >>> visits = pd.DataFrame({"county": ["红塔区", "江州区"], "row": [5, 6]})
    >>> unknown_counties_note({"visits": visits}, counties, load_pack("yuxi"))[0].partition("：")[2].partition("。")[0]
    '“月探访”第 6 行（江州区）'
    """
    if counties.empty:
        return ()
    known = known_counties(counties)
    found = [words for sheet, table in inputs.items() if (words := _strangers_of(sheet, table, known, pack))]
    return (text("inputs.unknown_counties", places="；".join(found)),) if found else ()


def _strangers_of(sheet: str, table: pd.DataFrame, known: Mapping[str, str], pack: Pack) -> str:
    """Return the rows of a sheet whose counties are not known, in words; "" where all are.

    The high-tech zone is known where the county is with which it counts by one of the readings.
    """
    if "target" in table:
        table = table[table["target"].isin([one.id for one in pack.targets if names_counties(one)])]
    if "county" not in table or table.empty:
        return ""
    cells = table["county"].astype(object)
    strange = {said for said in cells.dropna().unique() if matched_county(str(said), known, merged=True) is None}
    if not strange:
        return ""
    rows = row_numbers(table.loc[cells.isin(strange), "row"]) if "row" in table else "-"
    sheet, names = vocabulary().sheets[sheet].title.said(), "、".join(sorted(map(str, strange)))
    return text("inputs.unknown_county_rows", sheet=sheet, rows=rows, names=names)


def names_counties(target: Target) -> bool:
    """Whether rows of a target name counties, and not other places: pilot areas, a city and counties alike."""
    return target.metric != "share_of_units_with_document" or target.unit == "county"


def known_counties(counties: pd.DataFrame) -> dict[str, str]:
    """Return the codes of the counties by every form of their names and codes; forms of several are left out."""
    keys = name_keys(counties["name"].astype(object), "county")
    codes = significant_code(counties["area_id"].astype(object)).str[:6]
    found: dict[str, set[str]] = {}
    for forms in (keys["plain"], keys["bare"], keys["stem"], codes):
        for form, area in zip(forms, counties["area_id"].astype(str), strict=True):
            if isinstance(form, str) and form:
                found.setdefault(form, set()).add(area)
    return {form: next(iter(areas)) for form, areas in found.items() if len(areas) == 1}


def matched_county(said: str, known: Mapping[str, str], *, merged: bool) -> str | None:
    """Return the code of the county that a cell means, "" where it names none, None where it is not known."""
    plain = plain_name(said)
    if not plain or plain in TOTALS | OWN_LEVEL:
        return ""
    code = significant_code(pd.Series([plain], dtype=object)).iloc[0]
    keys = name_keys(pd.Series([said], dtype=object), "county").iloc[0]
    forms = [code[:6] if isinstance(code, str) else None, plain, keys["bare"], keys["stem"]]
    if merged and (zone := _zone(forms, known)):
        return zone
    whole = [area for form, area in known.items() if plain.endswith(form) and plain.removesuffix(form).endswith(_WIDER)]
    return next((known[form] for form in forms if form in known), whole[0] if len(set(whole)) == 1 else None)


def _zone(forms: Sequence[str | None], known: Mapping[str, str]) -> str | None:
    """Return the county with which the high-tech zone counts, where a cell means the zone."""
    zone, county = HIGH_TECH
    is_zone = forms[0] == zone or any("高新" in form for form in forms[1:] if form)
    return known.get(county) if is_zone else None
