"""Every number that a planner reads is worded here: rounding, units, and the states that are not numbers.

Two rules hold throughout. A display never makes a miss look like a pass: shares are cut to one decimal, times
and distances are rounded up. And absence is a state: an unknown population is "no data", nothing to count is
"not applicable", a place that no way leads to is "not reached", a count that is not published is "withheld"; none
of them is a 0.
"""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from carecircle.language import Language, catalogue, text
from carecircle.model import Profile
from carecircle.reach import TOLERANCE_SECONDS
from carecircle.schema import LEVELS

if TYPE_CHECKING:
    import geopandas as gpd

    from carecircle.model import Study

State = Literal["known", "no_data", "not_applicable", "withheld"]
WITHHELD = math.inf
"""A count that is not published (see `carecircle.report.suppression`): sums with it are not published either."""
MEASURES = ("people_60", "people", "points")
"""What a share can be of: `headline_measure` takes the first that is known anywhere."""

FACILITY_WORDS = {"kind": "kind.", "status": "fact.status_", "stars": "", "ownership": ""}
"""Columns of facilities that hold words, and the part of the catalogue that words them."""
FACILITY_NUMBERS = ("beds", "nursing_beds")

# Binary fractions: 0.7 / 1 is a hair under 700 thousandths. Counts of people below 1e9 differ from a round
# share by at least 1e-6 thousandths when they differ at all, so this can never lift a miss to a pass.
_NOISE = 1e-9


def state(covered: float, total: float) -> State:
    """Say whether a share can be told.

    Examples
    --------
    >>> state(0, 0), state(float("nan"), 12), state(0, 12), state(WITHHELD, 12)
    ('not_applicable', 'no_data', 'known', 'withheld')
    """
    if total == 0:
        return "not_applicable"
    if math.isinf(covered) or math.isinf(total):
        return "withheld"
    return "no_data" if math.isnan(covered) or math.isnan(total) else "known"


def thousandths(covered: ArrayLike, total: ArrayLike) -> NDArray[np.float64]:
    """Return shares as whole thousandths, cut and not rounded; NaN where a share cannot be told.

    Examples
    --------
    >>> thousandths([8996, 9000, 0.7], [10000, 10000, 1])
    array([899., 900., 700.])
    """
    over, under = np.asarray(covered, float), np.asarray(total, float)
    share = np.full(np.broadcast(over, under).shape, np.nan)
    np.divide(over * 1000, under, out=share, where=(under != 0) & np.isfinite(over) & np.isfinite(under))
    cut: NDArray[np.float64] = np.floor(share + _NOISE)
    return cut


def percent(covered: float, total: float, language: Language | None = None) -> str:
    """Return a share in percent with one decimal, or the state that stands in for it.

    Examples
    --------
    >>> percent(8996, 10000), percent(1, 100000), percent(0, 10), percent(0, 0)
    ('89.9%', '<0.1%', '0.0%', '不适用')
    """
    known = state(covered, total)
    if known != "known":
        return text(f"fact.{known}", language)
    cut = float(thousandths(covered, total))
    return "<0.1%" if cut == 0 and covered > 0 else f"{cut / 10:.1f}%"


def share(covered: float, total: float, language: Language | None = None) -> str:
    """Return covered, total and percent in one phrase, or the state that stands in for it.

    Examples
    --------
    >>> share(8996, 10000), share(0, 0)
    ('8,996 / 10,000（89.9%）', '不适用')
    """
    shown = percent(covered, total, language)
    if state(covered, total) != "known":
        return shown
    inside, everything, _ = whole_covered(covered, total)
    return text("fact.share", language, covered=f"{inside:,d}", total=f"{everything:,d}", percent=shown)


def count(value: float, language: Language | None = None) -> str:
    """Return a count to the nearest whole with thousands separators.

    Examples
    --------
    >>> count(12345.5), count(float("nan")), count(WITHHELD)
    ('12,346', '无数据', '不公布')
    """
    absent = absence(value)
    return text(f"fact.{absent}", language) if absent else f"{whole(value):,d}"


def absence(value: float) -> Literal["", "no_data", "withheld"]:
    """Say why there is no number, "" where there is one."""
    if math.isnan(value):
        return "no_data"
    return "withheld" if math.isinf(value) else ""


def whole(value: float) -> int:
    """Return the nearest whole number, halves up."""
    return math.floor(value + 0.5)


def whole_covered(covered: float, total: float) -> tuple[int, int, int]:
    """Return covered, total and the rest as whole numbers that add up; covered is cut.

    Examples
    --------
    >>> whole_covered(9.8, 10.2)
    (9, 10, 1)
    """
    all_of_them, inside = whole(total), math.floor(covered + _NOISE)
    return inside, all_of_them, all_of_them - inside


def minutes(value: float, language: Language | None = None) -> str:
    """Return a travel time with one decimal, rounded up, so that 15.04 min does not look like 15.

    Examples
    --------
    >>> minutes(15.04), minutes(15.0), minutes(float("nan"))
    ('15.1 分钟', '15.0 分钟', '未到达')
    """
    if not math.isfinite(value):
        return text("fact.not_reached", language)
    return text("fact.minutes", language, value=f"{up(value, 1):,.1f}")


def metres(value: float, language: Language | None = None) -> str:
    """Return a distance to the next whole metre."""
    if not math.isfinite(value):
        return text("fact.not_reached", language)
    return text("fact.metres", language, value=f"{up(value, 0):,.0f}")


def up(value: float, digits: int) -> float:
    """Round up to `digits` decimals."""
    scale = 10.0**digits
    return math.ceil(value * scale - _NOISE) / scale


def down(value: float, digits: int) -> float:
    """Round down to `digits` decimals."""
    scale = 10.0**digits
    return math.floor(value * scale + _NOISE) / scale


def exact(value: Fraction | Decimal | int, digits: int = 1, *, upward: bool = False) -> str:
    """Return an exact number with so many decimals, cut, or rounded up; a whole number has none.

    Examples
    --------
    >>> exact(Fraction(1100, 17)), exact(Fraction(5, 17), upward=True), exact(33), exact(Fraction(249, 1000), 2)
    ('64.7', '0.3', '33', '0.24')
    """
    number = Fraction(value)
    if number.denominator == 1:
        return f"{number.numerator:,d}"
    scaled = number * 10**digits
    whole_part = math.ceil(scaled) if upward else math.floor(scaled)
    return f"{Decimal(whole_part).scaleb(-digits):,.{digits}f}"


def exact_percent(value: Fraction | Decimal | int, *, upward: bool = False) -> str:
    """Return a number of per cent with one decimal, cut: what is below 100 never reads 100.

    Examples
    --------
    >>> exact_percent(Fraction(1100, 17)), exact_percent(100), exact_percent(Fraction(99_999, 1000))
    ('64.7%', '100.0%', '99.9%')
    """
    shown = exact(value, upward=upward)
    if "." not in shown:
        shown = f"{shown}.0"
    return "<0.1%" if shown == "0.0" and value > 0 else f"{shown}%"


def limits(values: tuple[float, ...], language: Language | None = None) -> str:
    """Return the limits of the rings as a list without unit: ``5、10、15``."""
    return text("fact.list_join", language).join(f"{value:g}" for value in values)


def speed(profile: Profile, language: Language | None = None) -> str:
    """Return a profile's speed in both units."""
    return text("fact.speed", language, mps=f"{profile.speed_mps:.2f}", kmh=f"{profile.speed_mps * 3.6:.2f}")


def day(value: date | None, language: Language | None = None) -> str:
    """Return a date in words."""
    if value is None:
        return text("fact.undated", language)
    return text("fact.date", language, year=value.year, month=value.month, day=value.day)


def label(section: str, key: object, language: Language | None = None) -> str:
    """Return the catalogue's word for a key such as a status or kind, the key itself where it has none.

    Examples
    --------
    >>> label("fact.status_", "planned"), label("kind.", None), label("kind.", "幸福院")
    ('规划/在建', '未注明', '幸福院')
    """
    if not isinstance(key, str) or not key.strip():
        return text("kind.unknown", language)
    return text(f"{section}{key}", language) if f"{section}{key}" in catalogue() else key


def names(values: pd.Series, language: Language | None = None) -> pd.Series:
    """Return names as text, with a word for the missing ones."""
    return (
        values.astype(object)
        .where(values.notna() & (values.astype(str).str.strip() != ""), text("fact.unnamed", language))
        .astype(str)
    )


def levels(study: Study) -> list[str]:
    """Return the levels of areas that the study has, from the widest."""
    present = set(study.areas["level"]) if len(study.areas) else set()
    return [level for level in LEVELS if level in present]


def headline_measure(study: Study) -> str:
    """Return what the shares of this study are of: people over 60, or points where no people are known."""
    rows = study.cover[(study.cover["kind"] == "all") & (study.cover["total"] > 0)]
    return next((measure for measure in MEASURES if (rows["measure"] == measure).any()), MEASURES[0])


def headline(study: Study) -> tuple[float, float]:
    """Return covered and total within the largest minutes: the areas of the widest level added up."""
    level = next(iter(levels(study)), "")
    rows = _rows(study, level, headline_measure(study))
    rows = rows[rows["minutes"] == max(study.minutes)]
    if rows.empty:
        return math.nan, math.nan
    return float(rows["covered"].sum(skipna=False)), float(rows["total"].sum(skipna=False))


def _rows(study: Study, level: str, measure: str) -> pd.DataFrame:
    cover: pd.DataFrame = study.cover
    return cover[(cover["level"] == level) & (cover["kind"] == "all") & (cover["measure"] == measure)]


def coverage_numbers(study: Study, level: str) -> pd.DataFrame:
    """Return one row per area of a level, on `area_id`, as unrounded numbers.

    Columns: name, level, parent (name), total, and for each limit m ``covered_{m}``; for each level of units
    u ``presence_{u}``, ``presence_{u}_total``, and within the largest minutes ``served_{u}``,
    ``served_{u}_total``.
    """
    areas = study.areas[study.areas["level"] == level].set_index("area_id")
    columns = {"name": areas["name"], "level": level, "parent": _parents(study, areas)}
    table = pd.DataFrame(columns, index=areas.index)
    people = _rows(study, level, headline_measure(study))
    # Not pivot_table, which would quietly take the mean of rows that repeat.
    wide = people.pivot(index="area_id", columns="minutes", values=["covered", "total"])
    for limit in study.minutes:
        table[f"covered_{limit:g}"] = _column(wide, ("covered", limit), table.index)
    table["total"] = _column(wide, ("total", max(study.minutes)), table.index)
    return table.join([part for part in _unit_columns(study, level) if len(part.columns)])


def _parents(study: Study, areas: pd.DataFrame) -> pd.Series:
    if "parent_id" not in areas:
        return pd.Series(index=areas.index, dtype=object)
    return areas["parent_id"].map(study.areas.set_index("area_id")["name"])


def _column(wide: pd.DataFrame, name: tuple[str, float], index: pd.Index) -> pd.Series:
    if name not in wide.columns:
        return pd.Series(np.nan, index=index)
    return wide[name].reindex(index)


def _unit_columns(study: Study, level: str) -> list[pd.DataFrame]:
    found = []
    for measure in ("presence", "served"):
        rows = _rows(study, level, measure)
        if measure == "served":
            rows = rows[rows["minutes"] == max(study.minutes)]
        for unit in [known for known in LEVELS if known in set(rows["unit"])]:
            part = rows[rows["unit"] == unit].set_index("area_id")[["covered", "total"]]
            found.append(part.set_axis([f"{measure}_{unit}", f"{measure}_{unit}_total"], axis=1))
    return found


def coverage_table(study: Study, level: str, language: Language | None = None) -> pd.DataFrame:
    """Return the table of a level as a report prints it: headings and cells worded.

    Parameters
    ----------
    study
        The study.
    level
        One of `carecircle.schema.LEVELS`.
    language
        Defaults to the language in force.

    Returns
    -------
    pandas.DataFrame
        On `area_id`: name, total of `headline_measure`, then count and share within each limit.
    """
    numbers = coverage_numbers(study, level)
    measure = label("fact.measure_", headline_measure(study), language)
    table = names(numbers["name"], language).to_frame(text("workbook.name", language))
    table[measure] = [count(value, language) for value in numbers["total"]]
    for limit in (f"{value:g}" for value in study.minutes):
        pairs = list(zip(numbers[f"covered_{limit}"], numbers["total"], strict=True))
        heading = text("workbook.covered", language, minutes=limit, measure=measure)
        table[heading] = [covered_count(*pair, language) for pair in pairs]
        table[text("workbook.rate", language, minutes=limit)] = [percent(*pair, language) for pair in pairs]
    return table


def covered_count(covered: float, total: float, language: Language | None = None) -> str:
    """Return the covered part as a whole number, cut, or the state that stands in for it."""
    known = state(covered, total)
    return f"{whole_covered(covered, total)[0]:,d}" if known == "known" else text(f"fact.{known}", language)


def served_people(study: Study) -> pd.Series:
    """Return the people over 60 whose nearest a facility is, within the largest minutes, on `facility_id`."""
    demand, index = study.demand, pd.Index(study.facilities["facility_id"])
    if "people_60" not in demand or demand["people_60"].notna().sum() == 0:
        return pd.Series(np.nan, index=index)
    reached = demand[_within(study)]
    people: pd.Series = reached.groupby("facility_id")["people_60"].sum(min_count=1).reindex(index)
    return people.where(index.isin(reached["facility_id"]), 0.0)


def _within(study: Study) -> pd.Series:
    """Return whether each demand point is reached within the largest minutes, as `carecircle.cover` counts it."""
    within: pd.Series = study.demand["minutes"] <= max(study.minutes) + TOLERANCE_SECONDS / 60
    return within


def uncovered(study: Study) -> gpd.GeoDataFrame:
    """Return the demand that no facility reaches within the largest minutes, most people over 60 first."""
    demand = study.demand
    outside = demand[~_within(study)]
    people = outside["people_60"] if "people_60" in outside else pd.Series(np.nan, index=outside.index)
    order = pd.DataFrame({"people": -people, "key": outside["demand_id"]}).sort_values(["people", "key"])
    return outside.assign(people_60=people).loc[order.index]
