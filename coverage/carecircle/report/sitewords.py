"""What tables, figures and pages say of a siting plan: numbers that add up, and how good it is proven to be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from carecircle.language import Language, catalogue, text
from carecircle.reach import TOLERANCE_SECONDS
from carecircle.report import facts
from carecircle.schema import SITES

if TYPE_CHECKING:
    from carecircle.model import SitingPlan, Study

_TINY = TOLERANCE_SECONDS / 60


def said(key: str, language: Language | None = None, /, **values: object) -> str:
    """Return a sentence of the section ``siting_report``."""
    return text(f"siting_report.{key}", language, **values)


def words(value: object) -> str:
    """Return a name as text, "" where there is none."""
    return "" if value is None or value is pd.NA or value != value else str(value)  # noqa: PLR0124


def number(value: object) -> float:
    """Return a number, not-a-number where there is none."""
    return math.nan if words(value) == "" else float(value)  # type: ignore[arg-type]


def records(plan: SitingPlan) -> list[dict[str, Any]]:
    """Return the chosen sites in order of worth, each with every column of `carecircle.schema.SITES` and its place."""
    frame = plan.chosen.sort_values(["rank", "candidate_id"], kind="stable")
    columns: dict[str, Any] = {
        one.name: frame[one.name].tolist() if one.name in frame else [None] * len(frame) for one in SITES.columns
    }
    columns |= {"lon": frame.geometry.x.tolist(), "lat": frame.geometry.y.tolist()}
    columns["people_60"] = gains([number(value) for value in columns["people_60"]])
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def gains(people: ArrayLike) -> list[float]:
    """Return people as whole numbers whose sums are the sums rounded; with an unknown one among them, each by itself.

    Examples
    --------
    >>> gains([10.4, 10.4, 10.4]), gains([10.6, float("nan")])
    ([10.0, 11.0, 10.0], [11.0, nan])
    """
    values = np.asarray(people, float)
    if not np.isfinite(values).all():
        return [float(one) for one in np.floor(values + 0.5)]
    return [float(one) for one in np.diff(np.floor(np.cumsum(values) + 0.5), prepend=0.0)]


def name_of(site: dict[str, Any]) -> str:
    """Return what a site is called: its name, else its id."""
    return words(site["name"]) or words(site["candidate_id"])


def place_of(site: dict[str, Any]) -> str:
    """Return county, township and community of a site, as far as they are known."""
    return " ".join(filter(None, (words(site[level]) for level in ("county", "township", "community"))))


def source_of(site: dict[str, Any], language: Language | None = None) -> str:
    """Return where a candidate comes from, in words."""
    return facts.label("siting_report.source_", site["source"], language)


def year_of(site: dict[str, Any]) -> str:
    """Return the year that a site is built in, "" where there is none."""
    year = number(site["phase"])
    return "" if math.isnan(year) else f"{year:.0f}"


def years(plan: SitingPlan) -> list[str]:
    """Return the years of a phased plan, in their order; none where it has no phases."""
    return sorted({year_of(site) for site in records(plan)} - {""})


def limit(plan: SitingPlan, study: Study) -> float:
    """Return the minutes within which a site serves: what was asked, else the study's largest limit."""
    asked = plan.parameters.get("minutes")
    return float(asked) if isinstance(asked, int | float) and not isinstance(asked, bool) else max(study.minutes)


def radius(plan: SitingPlan, study: Study, language: Language | None = None) -> str:
    """Return how far a site serves: minutes, and metres on the level where people walk (cut)."""
    minutes = limit(plan, study)
    if not study.profile.on_foot:
        return said("radius_ride", language, minutes=f"{minutes:g}")
    metres = facts.down(minutes * 60 * study.profile.speed_mps, 0)
    return said("radius_walk", language, minutes=f"{minutes:g}", metres=f"{metres:,.0f}")


def measure(plan: SitingPlan) -> str:
    """Return what the shares of a plan are of: one of `carecircle.report.facts.MEASURES`."""
    asked = plan.parameters.get("measure")
    return asked if asked in facts.MEASURES else facts.MEASURES[0]


def measure_words(plan: SitingPlan, language: Language | None = None) -> str:
    """Return what the shares of a plan are of, in words."""
    return facts.label("fact.measure_", measure(plan), language)


def rate_before_after(plan: SitingPlan) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return who is reached, and all, before the first site and after the last one; NaN where that is not known."""
    unknown = (math.nan, math.nan)
    start = None
    if len(plan.curve):
        start = plan.curve[(plan.curve["measure"] == measure(plan)) & (plan.curve["sites"] == 0)]
    before = unknown if start is None or start.empty else tuple(start[["covered", "total"]].iloc[0].astype(float))
    found = records(plan)
    after = (number(found[-1]["covered"]), number(found[-1]["total"])) if found else before
    return (before[0], before[1]), (after[0], after[1])


# How good a plan is


def standing(plan: SitingPlan, language: Language | None = None) -> str:
    """Say how good a plan is proven to be; a gap is rounded up, and never said to be proven where it is not."""
    if plan.status == "infeasible":
        why = " ".join(plan.reasons)
        return said("infeasible_why", language, why=why) if why else said("infeasible", language)
    if plan.status == "optimal":
        return said("optimal", language)
    if not math.isfinite(plan.gap):
        return said("feasible_unbounded", language)
    return text(f"siting_report.feasible_{plan.sense}", language, gap=gap_words(plan.gap))


def gap_words(gap: float) -> str:
    """Return a gap in per cent, rounded up.

    Examples
    --------
    >>> gap_words(0.0121), gap_words(0.0)
    ('1.3%', '0.0%')
    """
    return f"{facts.up(gap * 100, 1):,.1f}%"


def amount(value: float, *, upward: bool, digits: int = 1) -> str:
    """Return a number without decimals where it is whole, else with some, rounded away from what flatters.

    Examples
    --------
    >>> amount(12345.0, upward=True), amount(7.21, upward=True), amount(14001.2, upward=False, digits=0)
    ('12,345', '7.3', '14,001')
    """
    turned = facts.up(value, digits) if upward else facts.down(value, digits)
    return f"{turned:,.0f}" if turned.is_integer() else f"{turned:,.{digits}f}"


def objective(plan: SitingPlan, language: Language | None = None) -> tuple[str, str]:
    """Return what the plan is worth: what the number is, and the number."""
    name = said("objective_other", language)
    if f"siting_report.objective_{plan.problem}" in catalogue():
        name = text(f"siting_report.objective_{plan.problem}", language)
    if not math.isfinite(plan.objective):
        return name, text("table.none", language)
    return name, _worth(plan, plan.objective, upward=plan.sense == "min")


def bound(plan: SitingPlan, language: Language | None = None) -> tuple[str, str]:
    """Return what no plan can surpass: which side it is on, and the number."""
    name = text(f"siting_report.bound_{plan.sense}", language)
    if not math.isfinite(plan.bound):
        return name, said("bound_none", language)
    if plan.status == "optimal":  # both are one number, which must not be rounded two ways
        return name, objective(plan, language)[1]
    return name, _worth(plan, plan.bound, upward=plan.sense == "max")


def _worth(plan: SitingPlan, value: float, *, upward: bool) -> str:
    """Return a value of the objective: a share in per cent, people whole, costs and times with a decimal."""
    if plan.problem == "equity" and 0 <= plan.objective <= 1:
        return f"{facts.up(value * 100, 1) if upward else facts.down(value * 100, 1):.1f}%"
    return amount(value, upward=upward, digits=0 if plan.sense == "max" else 1)


# Who is reached


def reached(plan: SitingPlan, study: Study) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Return which demand points are within the limit before, and after; None where the plan assigns nobody.

    Before is the study's own nearest facility; after are also those that the plan assigns to a site in time.
    """
    if plan.assignment.empty or "minutes" not in study.demand:
        return None
    most = limit(plan, study) + _TINY
    before = study.demand["minutes"].to_numpy(float) <= most
    near = plan.assignment.groupby("demand_id")["minutes"].min()
    after = study.demand["demand_id"].map(near).to_numpy(float) <= most
    return before, before | after
