"""The siting of a plan: candidates gathered and screened, the problem solved, circles before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import pandas as pd

from carecircle.config import Plan, Siting
from carecircle.cover import assign_areas
from carecircle.crs import to_geographic
from carecircle.errors import PlanError, Problem, problem
from carecircle.intake import Inputs
from carecircle.isochrones import IsochroneOptions, isochrones
from carecircle.judging import Policies, evidence_of
from carecircle.language import text
from carecircle.model import SitingPlan, Study, profile
from carecircle.network import RoadNetwork, at_speed
from carecircle.policy.evidence import Evidence
from carecircle.policy.model import Pack, Target
from carecircle.policy.vocabulary import vocabulary
from carecircle.reach import nearest, travel_matrix
from carecircle.schema import LEVELS, SOURCES
from carecircle.siting import problems
from carecircle.siting.aims import PackCase, kinds_needed, labels_of, new_centres, pack_case, sited_targets
from carecircle.siting.candidates import propose_candidates
from carecircle.siting.options import SiteOptions
from carecircle.siting.phased import phased
from carecircle.siting.reach import SiteReach, site_reach
from carecircle.siting.reaching import Share, reach_target
from carecircle.siting.robust import variants
from carecircle.siting.screening import screen_candidates
from carecircle.siting.tables import Units, units_of
from carecircle.sources import open_facilities
from carecircle.writing import beside

_FARTHEST = 4.0
"""Problems that weigh minutes look this many times farther than the limit."""
_NEEDS = {
    "maximum_coverage": "sites",
    "p_median": "sites",
    "p_center": "sites",
    "equity": "sites",
    "capacitated": "sites",
}


@dataclass(frozen=True, eq=False)
class Placed:
    """A plan for new centres, and what is drawn with it.

    Parameters
    ----------
    plan
        Where they go.
    study
        As the plan's traveller sees it.
    candidates
        All that were considered.
    before, after
        Areas within reach of what stands, and of the new centres too.
    by_year
        The same at the end of each year of a phased plan.
    """

    plan: SitingPlan
    study: Study
    candidates: gpd.GeoDataFrame
    before: gpd.GeoDataFrame
    after: gpd.GeoDataFrame
    by_year: Mapping[int, gpd.GeoDataFrame] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Case:
    """Everything that a problem is asked with."""

    study: Study
    plan: Plan
    network: RoadNetwork
    standing: gpd.GeoDataFrame
    policies: Policies
    reach: SiteReach
    units: Units
    options: SiteOptions

    @property
    def siting(self) -> Siting:
        return self.plan.siting


def place_centres(study: Study, plan: Plan, found: Inputs, stage: Callable[..., Any]) -> Placed:
    """Carry out the section ``[siting]`` of a plan.

    Parameters
    ----------
    study
        From `carecircle.pipeline.make_study`.
    plan
        With a problem.
    found
        What the plan names: network, packs, candidates and exclusions.
    stage
        Keeps long calculations (`carecircle.stages.Stages.of`).

    Raises
    ------
    PlanError, UsageError
        Something that the problem needs is not given, or names something unknown.
    """
    wrong = list(_wrong(plan, study, found.policies))
    if wrong:
        raise PlanError(wrong)
    study, network = _as_seen(study, plan, found.network, stage)
    case, dropped = _case(study, plan, found, network, _standing(study, plan))
    sites = _PROBLEMS[str(plan.siting.problem)](case)
    seen = variants(study.demand, case.standing, sites.chosen, network, minutes=case.reach.limit)
    traveller = {"profile": network.profile.name, "speed_mps": network.profile.speed_mps}
    reasons = (*sites.reasons, *_remarks(case, dropped))
    sites = replace(sites, dropped=dropped, variants=seen, reasons=reasons, parameters=sites.parameters | traveller)
    return _drawn(sites, case, stage)


def _remarks(case: _Case, dropped: pd.DataFrame) -> Iterator[str]:
    """Yield what a reader of the plan should know: whom it counts, settings without effect, what was thinned out."""
    siting = case.siting
    if case.reach.measure != "people_60":
        yield text("siting.counted_by", measure=text(f"fact.measure_{case.reach.measure}"))
    if siting.sites is not None and str(siting.problem) not in _NEEDS:
        yield text("siting.sites_unused", sites=siting.sites)
    if siting.spacing_metres:
        yield text("siting.thinned", metres=f"{siting.spacing_metres:g}", count=len(dropped))


def _wrong(plan: Plan, study: Study, policies: Policies) -> Iterator[Problem]:
    """Yield what a problem needs and the plan does not say, and names that nothing has."""
    siting, packs = plan.siting, policies.packs
    needed = _NEEDS.get(str(siting.problem))
    with_budget = siting.problem == "maximum_coverage" and siting.budget is not None
    if needed and getattr(siting, needed) is None and not with_budget:
        yield problem("plan_missing", setting=f"siting.{needed}")
    if siting.problem == "phased" and not packs:
        yield problem("plan_missing", setting="policy.packs")
    if siting.problem == "reach_target":
        yield from _wrong_targets(siting, study, packs)
    if siting.problem == "maximum_coverage" and siting.budget is not None and siting.sites is not None:
        yield problem("plan_setting", setting="siting.budget", why=text("usage.sites_or_budget"))
    yield from _strange(plan, study, packs)


def _wrong_targets(siting: Siting, study: Study, packs: Sequence[Pack]) -> Iterator[Problem]:
    """Yield what lacks for targets: a pack or a share, the pack of named targets, areas in which a share must hold."""
    if not packs and (siting.targets or siting.share is None):
        yield problem("plan_missing", setting="policy.packs" if siting.targets else "siting.share")
    if siting.share is not None and siting.each != "city" and not study.areas["level"].eq(siting.each).any():
        level = text(f"fact.level_{siting.each}")
        yield problem("plan_setting", setting="siting.each", why=text("siting.no_level", level=level))


def _strange(plan: Plan, study: Study, packs: Sequence[Pack]) -> Iterator[Problem]:
    """Yield facilities and kinds that nothing has."""
    siting = plan.siting
    kinds = {name for pack in packs for name in pack.kinds} | set(vocabulary().kinds)
    odd = [name for name in siting.built_as if name not in kinds]
    if odd:
        why = text("siting.no_kind", names="、".join(odd), known="、".join(sorted(kinds)))
        yield problem("plan_setting", setting="siting.built_as", why=why)
    known = set(study.facilities["facility_id"].astype(str))
    lost = [name for name in siting.close if name not in known]
    if lost:
        yield problem("plan_setting", setting="siting.close", why=text("siting.no_facility", names="、".join(lost)))


def _as_seen(study: Study, plan: Plan, network: RoadNetwork, stage: Callable[..., Any]) -> tuple[Study, RoadNetwork]:
    """Return the study and the network of the traveller for whom sites are sought, without what will close.

    Tallies by area are those of the plan's own traveller and are left out then.
    """
    name = plan.siting.profile
    if name is None and not plan.siting.close:
        return study, network
    other = network if name is None else at_speed(network, profile(name))
    counted = _standing(study, plan)
    ways = ["facility_id", "minutes", "metres", "snap_metres"]
    bare = study.demand.drop(columns=[one for one in ways if one in study.demand])
    demand = beside(bare, stage("times", nearest, bare, counted, other))
    rings = _rings(plan, counted, other, study.minutes, stage)
    cover = study.cover.iloc[:0]
    return replace(study, profile=other.profile, demand=demand, isochrones=rings, cover=cover), other


def _standing(study: Study, plan: Plan) -> gpd.GeoDataFrame:
    """Return the facilities that stand, count and stay."""
    counted = study.facilities if plan.facilities.count_closed else open_facilities(study.facilities)
    return counted[~counted["facility_id"].astype(str).isin(plan.siting.close)]


def _case(
    study: Study, plan: Plan, found: Inputs, network: RoadNetwork, standing: gpd.GeoDataFrame
) -> tuple[_Case, pd.DataFrame]:
    """Return what a problem is asked with, and the candidates that were left out."""
    siting = plan.siting
    minutes = siting.minutes or max(study.minutes)
    bound = minutes * _FARTHEST if siting.problem in {"p_median", "p_center"} else minutes
    candidates, dropped = _candidates(study, plan, found, network, standing, minutes)
    if candidates.empty:
        raise PlanError(problem("no_candidates", sources="、".join(siting.sources), dropped=len(dropped)))
    reach = site_reach(study.demand, candidates, standing, network, minutes=minutes, bound=bound)
    gone = dict(zip(dropped["candidate_id"].astype(str), dropped["why"].astype(str), strict=True))
    lost = text("fact.list_join").join(f"{name}（{gone[name]}）" for name in siting.force if name in gone)
    if lost:
        raise PlanError(problem("plan_setting", setting="siting.force", why=text("siting.force_dropped", names=lost)))
    forbid = tuple(name for name in siting.forbid if name not in gone)
    options = SiteOptions(tuple(siting.force), forbid, siting.seconds, siting.seed)
    units = _units(reach.demand, study.areas, plan.reach.served_share, _narrowest(reach.demand, study.areas))
    return _Case(study, plan, network, standing, found.policies, reach, units, options), dropped


def _candidates(
    study: Study,
    plan: Plan,
    found: Inputs,
    network: RoadNetwork,
    standing: gpd.GeoDataFrame,
    minutes: float,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Return the candidates that can be built on, and the others with why."""
    siting, parts = plan.siting, []
    if found.idle is not None and "idle" in siting.sources:
        parts.append(found.idle)
    proposed = [source for source in SOURCES if source in siting.sources and source != "idle"]
    if proposed:
        reached = study.demand["minutes"].le(minutes + 1e-9)
        parts.append(
            propose_candidates(
                study.demand, network, study.areas, sources=proposed, reached=reached, grid_metres=siting.grid_metres
            )
        )
    filled = [part for part in parts if len(part)]
    if not filled:
        return gpd.GeoDataFrame({"candidate_id": []}, geometry=[], crs="EPSG:4326"), pd.DataFrame()
    every = gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=filled[0].crs)
    screened = screen_candidates(
        every,
        exclusions=found.exclusions,
        min_floor_m2=siting.min_floor_m2,
        spacing_metres=siting.spacing_metres,
        facilities=standing,
        network=network,
    )
    return _telling(screened.kept, screened.dropped[["candidate_id", "name", "source", "why"]], siting)


def _telling(kept: gpd.GeoDataFrame, dropped: pd.DataFrame, siting: Siting) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Leave out candidates that do not say what the problem counts: money or beds."""
    silent = pd.Series(data=False, index=kept.index)
    words = ""
    if siting.budget is not None or siting.least == "cost":
        silent, words = kept["cost"].isna(), text("siting.no_cost")
    elif siting.problem == "capacitated" and siting.beds is None:
        silent, words = kept["beds"].isna(), text("siting.without_beds")
    more = pd.DataFrame(kept.loc[silent, ["candidate_id", "name", "source"]]).assign(why=words)
    left_out = pd.concat([dropped, more], ignore_index=True)
    return kept[~silent].reset_index(drop=True), left_out.sort_values("candidate_id", kind="stable", ignore_index=True)


def _narrowest(demand: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> str:
    """Return the narrowest level that demand points lie in."""
    for level in reversed(LEVELS):
        if (areas["level"] == level).any() and _labels(demand, areas, level).notna().any():
            return level
    return LEVELS[0]


def _labels(demand: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, level: str) -> pd.Series:
    """Return the area of a level of each point, on the points' own order."""
    found = assign_areas(demand, to_geographic(areas[areas["level"] == level]), "area_id")
    return pd.Series(found.to_numpy(object), dtype=object)


def _units(demand: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, share: float, level: str) -> Units:
    labels = _labels(demand, areas, level)
    return units_of(labels, areas.drop_duplicates("area_id").set_index("area_id")["name"], share)


# Problems


def _maximum(case: _Case) -> SitingPlan:
    siting = case.siting
    return problems.maximum_coverage(
        case.reach,
        sites=siting.sites,
        budget=siting.budget,
        options=case.options,
        units=case.units,
        alternatives=siting.alternatives,
    )


def _cover(case: _Case, backup: int) -> SitingPlan:
    return problems.set_cover(
        case.reach, backup=backup, options=case.options, units=case.units, alternatives=case.siting.alternatives
    )


def _backup(case: _Case) -> SitingPlan:
    return _cover(case, case.siting.backup)


def _every(case: _Case) -> SitingPlan:
    return _cover(case, 1)


def _median(case: _Case) -> SitingPlan:
    return problems.p_median(case.reach, sites=case.siting.sites or 0, options=case.options, units=case.units)


def _center(case: _Case) -> SitingPlan:
    return problems.p_center(case.reach, sites=case.siting.sites or 0, options=case.options, units=case.units)


def _equity(case: _Case) -> SitingPlan:
    level = "township" if (case.study.areas["level"] == "township").any() else _narrowest_of(case)
    townships = _units(case.reach.demand, case.study.areas, case.plan.reach.served_share, level)
    return problems.equity(case.reach, sites=case.siting.sites or 0, units=townships, options=case.options)


def _narrowest_of(case: _Case) -> str:
    return _narrowest(case.reach.demand, case.study.areas)


def _beds(case: _Case) -> SitingPlan:
    siting, reach = case.siting, case.reach
    with_beds = case.standing
    existing = travel_matrix(reach.demand, with_beds, case.network, minutes=reach.limit)
    return problems.capacitated(
        reach,
        with_beds,
        existing,
        sites=siting.sites or 0,
        beds_per_1000=siting.beds_per_1000,
        beds=siting.beds,
        options=case.options,
        units=case.units,
    )


def _targets(case: _Case) -> SitingPlan:
    siting, reach = case.siting, case.reach
    share = None
    if siting.share is not None:
        labels = None if siting.each == "city" else _labels(reach.demand, case.study.areas, siting.each)
        names = case.study.areas.drop_duplicates("area_id").set_index("area_id")["name"]
        share = Share(siting.share, labels, names)
    cases = list(_pack_cases(case))
    return reach_target(
        reach,
        cases,
        share=share,
        cheapest=siting.least == "cost",
        idle_first=siting.idle_first,
        options=case.options,
        units=case.units,
        alternatives=siting.alternatives,
    )


def _evidence(case: _Case) -> Evidence:
    closed = case.study.facilities["facility_id"].astype(str).isin(case.siting.close)
    tables = case.study.facilities[~closed], case.study.areas, case.reach.demand
    return evidence_of(case.plan, case.policies, tables, case.network)


def _pack_cases(case: _Case) -> Iterator[tuple[PackCase, Sequence[Target]]]:
    """Yield the packs with the targets that must hold; all have the same new centres."""
    evidence = _evidence(case) if case.policies.packs else None
    if evidence is None:
        return
    wanted = [(pack, _wanted(pack, evidence, case.siting.targets)) for pack in case.policies.packs]
    known = [target.id for pack in case.policies.packs for target in sited_targets(pack, evidence)]
    strange = [name for name in case.siting.targets if name not in known]
    if strange:
        why = text("siting.no_target", names="、".join(strange), known="、".join(known))
        raise PlanError(problem("plan_setting", setting="siting.targets", why=why))
    kinds = list(case.siting.built_as)
    for pack, targets in wanted:
        kinds += kinds_needed(targets, pack, case.reach.candidates, evidence) if not case.siting.built_as else []
    words = vocabulary().with_kinds({name: kind for pack in case.policies.packs for name, kind in pack.kinds.items()})
    labels = labels_of([target for _, targets in wanted for target in targets])
    columns = new_centres(case.reach.candidates, list(dict.fromkeys(kinds)), evidence, words, labels)
    for pack, targets in wanted:
        yield pack_case(pack, evidence, columns), targets


def _wanted(pack: Pack, evidence: Evidence, named: Sequence[str]) -> list[Target]:
    every = sited_targets(pack, evidence)
    return [target for target in every if not named or target.id in named]


def _phased(case: _Case) -> SitingPlan:
    evidence = _evidence(case)
    pack = next((pack for pack in case.policies.packs if pack.schedule is not None), None)
    if pack is None:
        names = "、".join(pack.id for pack in case.policies.packs)
        raise PlanError(problem("plan_setting", setting="policy.packs", why=text("siting.no_schedule", names=names)))
    return phased(case.reach, pack, evidence, rows=case.siting.rows, options=case.options, units=case.units)


_PROBLEMS: Mapping[str, Callable[[_Case], SitingPlan]] = {
    "reach_target": _targets,
    "maximum_coverage": _maximum,
    "set_cover": _every,
    "backup_cover": _backup,
    "p_median": _median,
    "p_center": _center,
    "capacitated": _beds,
    "equity": _equity,
    "phased": _phased,
}


# What is drawn


def _drawn(plan: SitingPlan, case: _Case, stage: Callable[..., Any]) -> Placed:
    """Return a plan with areas within reach before, after and by year."""
    minutes = tuple(sorted({*case.study.minutes, case.reach.limit}))
    before = case.study.isochrones
    if case.reach.limit not in case.study.minutes:
        before = _rings(case.plan, case.standing, case.network, minutes, stage)

    def with_new(chosen: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return _rings(case.plan, _together(case.standing, chosen), case.network, minutes, stage)

    years = sorted(int(one) for one in plan.chosen["phase"].dropna().unique())
    by_year = {year: with_new(plan.chosen[plan.chosen["phase"] <= year]) for year in years[:-1]}
    after = with_new(plan.chosen) if len(plan.chosen) else before
    by_year |= {years[-1]: after} if years else {}
    return Placed(plan, case.study, case.reach.candidates, before, after, by_year)


def _together(standing: gpd.GeoDataFrame, chosen: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return facilities that stand and new centres as places to be reached."""
    fresh = chosen.drop_duplicates("candidate_id").rename(columns={"candidate_id": "facility_id"})
    parts = [
        frame[[name for name in ("facility_id", "added_minutes", "geometry") if name in frame]]
        for frame in (standing, fresh)
    ]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=standing.crs)


def _rings(
    plan: Plan, facilities: gpd.GeoDataFrame, network: RoadNetwork, minutes: Sequence[float], stage: Callable[..., Any]
) -> gpd.GeoDataFrame:
    options = IsochroneOptions(reach_metres=plan.isochrones.reach_metres, min_hole_m2=plan.isochrones.min_hole_m2)
    rings: gpd.GeoDataFrame = stage(
        "isochrones", isochrones, facilities, network, minutes=tuple(minutes), union=True, options=options
    )
    return rings
