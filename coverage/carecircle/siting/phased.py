"""A schedule's new centres as a plan: which ones, in which year, by both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd

from carecircle.language import text
from carecircle.model import SitingPlan
from carecircle.policy.evidence import Evidence
from carecircle.policy.model import Pack, Schedule
from carecircle.policy.vocabulary import vocabulary
from carecircle.siting.aims import kinds_needed, labels_of, new_centres, pack_case
from carecircle.siting.options import SiteOptions
from carecircle.siting.phasing import Phasing, phase, quotas_of, schedule_years
from carecircle.siting.problems import Asked, plan_of
from carecircle.siting.reach import SiteReach
from carecircle.siting.solvers.solution import Status
from carecircle.siting.tables import Listing, Units, site_table

_WAYS = ("myopic", "far_sighted")


def phased(
    reach: SiteReach,
    pack: Pack,
    evidence: Evidence,
    *,
    rows: Mapping[str, str] | None = None,
    options: SiteOptions = SiteOptions(),  # noqa: B008  frozen
    units: Units | None = None,
) -> SitingPlan:
    """Choose the new centres that a pack's schedule still asks for, year by year.

    Parameters
    ----------
    reach
        From `site_reach`.
    pack
        With a schedule.
    evidence
        With the facilities that stand and stay; `demand` in the order of `reach`.
    rows
        Row of the schedule for counties that it does not name; without it a place that is not the pack's takes the
        sums of all rows.
    options, units
        As for the other problems.

    Returns
    -------
    SitingPlan
        `phases` has both ways; ``"infeasible"`` with what could be placed where units or candidates do not fill a
        quota, which `reasons` name.
    """
    schedule = _schedule(pack)
    centres = _kinds(pack, schedule, reach, evidence)
    labels = labels_of([pack.target(one.target) for one in schedule.classes])
    columns = new_centres(
        reach.candidates, list(dict.fromkeys(centres.values())), evidence, vocabulary().with_kinds(pack.kinds), labels
    )
    case = pack_case(pack, evidence, columns)
    quotas = quotas_of(case, rows or {}, centres)
    years = schedule_years(schedule, evidence.as_of.year)
    found = phase(reach, columns.candidate, quotas, years, options)
    chosen = _chosen(found, reach, columns.candidate, columns.kind, pack, units)
    solution = replace(found.end, chosen=columns.candidate[found.ways[found.best][-1].columns])
    best = float(chosen["gain"].sum())
    closed = found.reasons == () and found.end.status == "optimal" and best >= found.end.bound - 1e-6
    status: Status = "infeasible" if found.reasons else "optimal" if closed else "feasible"
    solution = replace(solution, objective=best, status=status, bound=max(found.end.bound, best))
    notes = () if case.place.bound or rows else (text("siting.sums_of_rows"),)
    asked = Asked("phased", "max", solution, {"years": list(years), "way": found.best}, (*found.reasons, *notes))
    return replace(plan_of(reach, asked, options, chosen=chosen), phases=_phases(found, reach, columns.candidate))


def _schedule(pack: Pack) -> Schedule:
    if pack.schedule is None:
        raise ValueError(f"{pack.id} has no schedule")
    return pack.schedule


def _kinds(pack: Pack, schedule: Schedule, reach: SiteReach, evidence: Evidence) -> dict[str, str]:
    """Return the kind of new centre for each class that has years."""
    found = {}
    for one in schedule.classes:
        kinds = kinds_needed([pack.target(one.target)], pack, reach.candidates, evidence) if one.yearly else []
        found.update({one.key: kinds[0]} if kinds else {})
    return found


def _chosen(
    found: Phasing, reach: SiteReach, candidate: np.ndarray, kind: np.ndarray, pack: Pack, units: Units | None
) -> gpd.GeoDataFrame:
    """Return the sites year by year, and within a year in order of worth."""
    titles = vocabulary().with_kinds(pack.kinds).kinds
    standing = np.empty(0, dtype=np.int64)
    order: list[int] = []
    years: list[int] = []
    for one in found.ways[found.best]:
        fresh = np.setdiff1d(one.columns, standing)
        served = _served(reach, candidate[standing])
        gain = np.asarray(reach.cover()[:, candidate[fresh]].T @ np.where(served, 0.0, reach.weight))
        order += [int(fresh[at]) for at in np.lexsort((fresh, -gain))]
        years += [one.year] * len(fresh)
        standing = one.columns
    columns = np.array(order, dtype=np.int64)
    built = [titles[str(kind[one])].title.said() for one in columns]
    listing = Listing(candidate[columns], built, years)
    return site_table(reach, candidate[columns], units=units, listing=listing)


def _served(reach: SiteReach, candidates: np.ndarray) -> np.ndarray:
    """Return which points are within the limit of what stands or of these candidates."""
    new = np.asarray(reach.cover()[:, candidates].sum(axis=1)).ravel() > 0
    return np.asarray(reach.near | new)


def _phases(found: Phasing, reach: SiteReach, candidate: np.ndarray) -> pd.DataFrame:
    """Return what stands and whom it serves at the end of each year, by both ways."""
    total = float(reach.weight.sum())
    return pd.DataFrame(
        {
            "way": way,
            "year": one.year,
            "built": len(one.columns),
            "covered": float(reach.weight[_served(reach, candidate[one.columns])].sum()),
            "total": total,
        }
        for way in _WAYS
        for one in found.ways[way]
    )
