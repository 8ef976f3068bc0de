"""Targets that count units: which streets, towns, communities ... there are, and which have a facility that counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import geopandas as gpd
import pandas as pd

from carecircle.china.codes import unit_kind
from carecircle.cover import assign_areas
from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.policy.judge import GRAVITY, Tally, Verdict, judge
from carecircle.policy.model import Pack, Target
from carecircle.policy.registry import grades_in, names_in
from carecircle.policy.vocabulary import vocabulary
from carecircle.sources.facilities import in_operation, is_coming

METRICS = ("share_of_units_with_facility", "facilities_per_unit")
_STREET, _TOWNS, _COMMITTEE, _VILLAGE = ("街道",), ("镇", "乡"), ("居民委员会",), ("村民委员会",)
_SIMILAR = {"township": ("类似乡级单位",), "community": ("类似居民委员会", "类似村民委员会")}
_UNITS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "county": ("county", ()),
    "street": ("township", _STREET),
    "town": ("township", _TOWNS),
    "township_level": ("township", (*_STREET, *_TOWNS)),
    "urban_community": ("community", _COMMITTEE),
    "community": ("community", _COMMITTEE),
    "village": ("community", _VILLAGE),
    "community_or_village": ("community", (*_COMMITTEE, *_VILLAGE)),
}
_URBAN_CLASSES = ("111", "112")
UNIT_KIND = "unit_kind"
"""Column of areas in which what `kind_of_unit` finds is kept."""
_ENDINGS = {
    "街道|街道办事处|街道办": "街道",
    "镇": "镇",
    "乡": "乡",
    "社区|居委会|居民委员会": "居民委员会",
    "村|村委会|村民委员会": "村民委员会",
}
"""Ends of names of units, and the kind that they say where a code does not."""

Choices = Mapping[str, str]


def readings_of(target: Target, given: Choices | None = None) -> dict[str, str]:
    """Return the reading of each thing that a target leaves open: the one given, else its default.

    Raises
    ------
    UsageError
        There is no such option.
    """
    chosen = {one.key: (given or {}).get(one.key, one.default) for one in target.readings}
    for one in target.readings:
        if chosen[one.key] not in one.options:
            known = "、".join(one.options)
            raise UsageError(text("usage.choice", option=one.key, value=chosen[one.key], known=known))
    return chosen


def counted_units(target: Target, areas: gpd.GeoDataFrame, given: Choices | None = None) -> gpd.GeoDataFrame:
    """Return the areas that a target counts, by the kind that their codes say.

    Parameters
    ----------
    target
        Of check ``units``.
    areas
        From `read_areas`.
    given
        Readings other than the defaults: ``{"urban_community": "in_street"}``.

    Raises
    ------
    UsageError
        The target counts something else, or there is no such reading.
    """
    if target.unit not in _UNITS:
        raise UsageError(text("usage.choice", option=target.id, value=target.unit, known="、".join(_UNITS)))
    chosen = readings_of(target, given)
    level, kinds = _UNITS[target.unit]
    if chosen.get("similar_units") == "in":
        kinds = (*kinds, *_SIMILAR.get(level, ()))
    if chosen.get("rural_community") == "with_town_communities":
        kinds = (*kinds, *_COMMITTEE)
    at_level = areas[areas["level"] == level]
    if _by_class(target, chosen):
        classes = at_level["urban_class"] if "urban_class" in at_level else pd.Series(None, index=at_level.index)
        return at_level[classes.astype("string").isin(_URBAN_CLASSES)]
    kept = at_level[kind_of_unit(at_level).isin(kinds)] if kinds else at_level
    return kept[_in_right_township(kept, target, chosen)]


def kind_of_unit(areas: pd.DataFrame) -> pd.Series:
    """Return what kind of unit each area is: by its code, else by the end of its name; missing where neither says it.

    Examples
    --------
    >>> kind_of_unit(pd.DataFrame({"area_id": ["530402001", "T1", "T2"], "name": ["", "大营镇", "甲"]})).tolist()
    ['街道', '镇', None]
    """
    if UNIT_KIND in areas:
        return areas[UNIT_KIND]
    found = unit_kind(areas["area_id"]).astype(object)
    names = areas["name"].astype("string").str.strip() if "name" in areas else pd.Series("", index=areas.index)
    for ending, kind in _ENDINGS.items():
        ends = names.str.contains(f"(?:{ending})$", regex=True).fillna(value=False).astype(bool)
        found = found.mask(found.isna() & ends, kind)
    return found.where(found.notna(), None)


def level_of(target: Target) -> str:
    """Return the level of areas that a target's units are of."""
    return _UNITS[target.unit][0]


def unknown_counties(
    target: Target, areas: pd.DataFrame, county_of: pd.Series, chosen: Choices, counties: Sequence[str]
) -> list[str]:
    """Return the counties of which it is not known which units of a target's kind they have.

    The table of areas has none of the level there, or some whose kind neither code nor name says.
    """
    at_level = areas[areas["level"] == level_of(target)]
    if level_of(target) == "county":
        return []
    if _by_class(target, chosen):
        told = at_level[at_level["urban_class"].notna()] if "urban_class" in at_level else at_level.iloc[:0]
        strange = at_level.iloc[:0]
    else:
        silent = kind_of_unit(at_level).isna()
        told, strange = at_level[~silent], at_level[silent]
    with_units = set(told["area_id"].map(county_of).dropna())
    doubtful = set(strange["area_id"].map(county_of).dropna())
    return [county for county in counties if county not in with_units or county in doubtful]


def _by_class(target: Target, chosen: Choices) -> bool:
    return target.unit == "urban_community" and chosen.get("urban_community") == "urban_class"


def _in_right_township(units: gpd.GeoDataFrame, target: Target, chosen: Choices) -> pd.Series:
    """Return which communities lie in townships of the kind that the reading asks for."""
    in_street = target.unit == "urban_community" and chosen.get("urban_community") == "in_street"
    with_towns = chosen.get("rural_community") == "with_town_communities"
    if in_street or with_towns:
        above = unit_kind(units["area_id"].astype(str).str[:9])
        return above.isin(_STREET) if in_street else kind_of_unit(units).isin(_VILLAGE) | ~above.isin(_STREET)
    return pd.Series(data=True, index=units.index)


def counted_facilities(
    target: Target,
    pack: Pack,
    facilities: gpd.GeoDataFrame,
    as_of: date,
    given: Choices | None = None,
    *,
    seen: date | None = None,
) -> pd.Series:
    """Return for each facility whether it counts: True, False, or None where the registry does not say enough.

    Kind and state decide first; then the functions, grade and label that the target asks for. A facility that opened
    after `as_of` does not count yet. Where the registry is of a later day (`seen`), one without a day of opening may
    have stood at `as_of` or not.
    """
    chosen = readings_of(target, given)
    stands = _stands(facilities, as_of, chosen)
    result = pd.Series(of_kinds(target, pack, facilities, chosen) & stands, index=facilities.index, dtype=object)
    result = result.mask(stands & kinds_of(facilities, pack).isna(), None)
    for unknown, passes in (
        *_demands(target, facilities, chosen),
        *_times(pack, facilities, chosen, past=seen is not None and as_of < seen),
    ):
        result = result.mask(result.eq(True) & unknown, None)
        result = result.mask(result.notna() & ~unknown & ~passes, False)
    return result


def kinds_of(facilities: pd.DataFrame, pack: Pack) -> pd.Series:
    """Return the kinds that each facility is registered as, as sets; None where the registry says nothing."""
    return names_in(_column(facilities, "kind"), vocabulary().with_kinds(pack.kinds).kinds)


def of_kinds(target: Target, pack: Pack, facilities: pd.DataFrame, chosen: Choices) -> pd.Series:
    """Return which facilities are of the kinds that a target counts, as the readings have them."""
    wanted, barred = wanted_kinds(target, pack, chosen)
    fits = kinds_of(facilities, pack).map(lambda found: bool(wanted & found) and not barred & found, na_action="ignore")
    return fits.fillna(value=False).astype(bool)


def wanted_kinds(target: Target, pack: Pack, chosen: Choices) -> tuple[set[str], set[str]]:
    """Return the kinds that count, and those that bar a facility that is registered as both.

    A facility of a higher level is not one of a lower level, by GB 50180-2018's explanation (the tiers do not include
    each other), unless the reading ``nested`` says so.
    """
    kinds = vocabulary().with_kinds(pack.kinds)
    wanted = set(kinds.narrower(target.kinds))
    if chosen.get("guarantee") == "with_poverty_homes":
        wanted |= set(kinds.narrower(["poverty_home"]))
    if "nested" not in chosen:
        return wanted, set()
    higher = {name for name, kind in kinds.kinds.items() if kind.tier == "township"}
    return (wanted | higher, set()) if chosen["nested"] == "yes" else (wanted - higher, higher)


def _times(pack: Pack, facilities: pd.DataFrame, chosen: Choices, *, past: bool) -> list[tuple[pd.Series, pd.Series]]:
    """Return where it is not known when a facility opened, and where it did so in time, if that matters."""
    opened = pd.to_datetime(_column(facilities, "opened"), errors="coerce")
    found = [(opened.isna(), opened.notna())] if past else []
    if chosen.get("built") == "new":
        found.append((opened.isna(), opened.dt.year.ge(first_year(pack)).fillna(value=False).astype(bool)))
    return found


def first_year(pack: Pack) -> int:
    """Return the first year in which something counts as newly built: the schedule's, else that of issue."""
    if pack.schedule:
        return min(pack.schedule.years)
    years = [year for target in pack.targets for year in target.years]
    return pack.issued.year if pack.issued else min(years, default=1990)


def _column(facilities: pd.DataFrame, name: str) -> pd.Series:
    return facilities[name] if name in facilities.columns else pd.Series(None, index=facilities.index, dtype=object)


def _stands(facilities: pd.DataFrame, as_of: date, chosen: Choices) -> pd.Series:
    """Return which facilities are there on a day, and in operation unless closed ones count too."""
    opened = pd.to_datetime(_column(facilities, "opened"), errors="coerce")
    there = ~(opened > pd.Timestamp(as_of))
    if chosen.get("operating") == "all":
        return there & ~is_coming(facilities)
    return there & in_operation(facilities)


def _demands(target: Target, facilities: pd.DataFrame, chosen: Choices) -> list[tuple[pd.Series, pd.Series]]:
    """Return for each further demand of a target where the registry is silent, and where it is fulfilled."""
    found = []
    if target.functions:
        offered = names_in(_column(facilities, "functions"), vocabulary().functions)
        every = target.functions_need == "all" and chosen.get("all_functions", "yes") == "yes"
        need = set(target.functions)
        if chosen.get("six_aids") == "day_and_any":  # residential care, and any one aid
            passes = offered.map(lambda has: "full_day" in has and bool(need - {"full_day"} & has), na_action="ignore")
        else:
            passes = offered.map(lambda has: need <= has if every else bool(need & has), na_action="ignore")
        found.append((offered.isna(), passes.fillna(value=False).astype(bool)))
    if target.stars_min is not None:
        grades = grades_in(_column(facilities, "stars"))
        found.append((grades.isna(), grades.ge(target.stars_min)))
    if target.label:
        kind = _column(facilities, "kind").astype("string").fillna("")
        name = _column(facilities, "name").astype("string").fillna("") + " " + kind
        found.append(
            (name.str.strip().eq(""), name.str.contains(target.label, regex=False).fillna(value=False).astype(bool))
        )
    return found


def tally_units(
    target: Target,
    pack: Pack,
    facilities: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    as_of: date,
    given: Choices | None = None,
    *,
    seen: date | None = None,
) -> pd.DataFrame:
    """Count the facilities of each unit (the reading "has one": a facility stands inside).

    Parameters
    ----------
    target, pack
        The target, and its pack for kinds of its own.
    facilities, areas
        From `read_facilities` and `read_areas`.
    as_of
        The day.
    given
        Readings other than the defaults.
    seen
        The later day that the registry is of (see `counted_facilities`).

    Returns
    -------
    pandas.DataFrame
        One row a unit, on its `area_id`: `found` facilities that count (missing where the registry says nothing of such
        facilities: schools are not in a list of care homes), `unverified` ones that may.
    """
    units = counted_units(target, areas, given)
    if not is_listed(target, pack, facilities):
        return pd.DataFrame({"found": pd.NA, "unverified": 0}, index=pd.Index(units["area_id"], name="area_id"))
    return count_in_units(units, facilities, counted_facilities(target, pack, facilities, as_of, given, seen=seen))


def count_in_units(
    units: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame, counts: pd.Series, where: pd.Series | None = None
) -> pd.DataFrame:
    """Return how many facilities that count (True), or may (None), each unit has: ``found`` and ``unverified``.

    `where` is the unit of each facility, where that is known already.
    """
    index = pd.Index(units["area_id"].to_numpy(), name="area_id")
    may = counts.ne(False).to_numpy()
    candidates, sure = facilities[may], counts[may].eq(True).to_numpy()
    if where is None:
        where = assign_areas(candidates, units, "area_code") if len(units) else pd.Series(None, index=candidates.index)
    else:
        where = where[may]
    numbers = {"found": where[sure].value_counts(), "unverified": where[~sure].value_counts()}
    columns = {name: part.reindex(index).fillna(0).astype(int) for name, part in numbers.items()}
    return pd.DataFrame(columns, index=index)


def is_listed(target: Target, pack: Pack, facilities: pd.DataFrame) -> bool:
    """Whether a registry speaks of facilities that a target counts: of kinds that others list, only if it has one.

    A registry that gives no kinds at all speaks of none.
    """
    if kinds_of(facilities, pack).isna().all():
        return False
    kinds = vocabulary().with_kinds(pack.kinds)
    wanted = set(kinds.narrower(target.kinds))
    if not all(kinds.kinds[name].elsewhere for name in wanted):
        return True
    named = names_in(_column(facilities, "kind"), kinds.kinds).dropna()
    return bool(named.map(lambda found: bool(wanted & found)).any())


def judge_count(
    target: Target, pack: Pack, facilities: gpd.GeoDataFrame, as_of: date, given: Choices | None = None
) -> Verdict:
    """Return the verdict on a number of facilities, wherever they are: 8 institutions of four stars and more."""
    if target.metric != "count":
        raise UsageError(text("usage.choice", option=target.id, value=target.metric, known="count"))
    if not is_listed(target, pack, facilities):
        return Verdict("no_data")
    counts = counted_facilities(target, pack, facilities, as_of, given)
    return judge(target, Tally(int(counts.eq(True).sum()), None, int(counts.isna().sum())), as_of)


def judge_units(target: Target, table: pd.DataFrame, as_of: date) -> Verdict:
    """Return the verdict on the units of `tally_units`, all of them or those of a county.

    A share is that of the units with one facility at least; a number in each unit must be reached in every one of them,
    and the shortfall is the sum of theirs.

    Raises
    ------
    UsageError
        The target measures something else.
    """
    if target.metric not in METRICS:
        raise UsageError(text("usage.choice", option=target.id, value=target.metric, known="、".join(METRICS)))
    if len(table) and table["found"].isna().all():
        return Verdict("no_data")
    if target.metric == "share_of_units_with_facility":
        has, may = table["found"].gt(0), table["unverified"].gt(0)
        return judge(target, Tally(int(has.sum()), len(table), int((may & ~has).sum())), as_of)
    if table.empty:
        return Verdict("not_applicable")
    each = [
        judge(target, Tally(Decimal(int(found)), None, int(may)), as_of)
        for found, may in table[["found", "unverified"]].to_numpy()
    ]
    word = min((one.word for one in each), key=GRAVITY.index)
    return Verdict(word, None, sum(one.shortfall or 0 for one in each))
