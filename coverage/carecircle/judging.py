"""The policies of a plan: packs and filled-in sheets read, choices checked, the study judged, gaps listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import geopandas as gpd
import pandas as pd

from carecircle.china.codes import significant_code
from carecircle.config import Plan
from carecircle.errors import InputError, PlanError, Problem, problem
from carecircle.findings import QualityLog
from carecircle.gaps import find_gaps
from carecircle.language import text
from carecircle.model import Study
from carecircle.network import RoadNetwork
from carecircle.policy import Evidence, Judgement, Pack, Target, assess, load_packs, read_inputs_book, vocabulary

Tables = tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]


@dataclass(frozen=True)
class Policies:
    """The packs of a plan and the sheets that were filled in for them."""

    packs: tuple[Pack, ...] = ()
    inputs: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_policies(plan: Plan, log: QualityLog) -> Policies:
    """Read the packs and the workbook of inputs that a plan names.

    Raises
    ------
    InputError
        Everything that is wrong with packs, choices and sheets, together.
    """
    if not plan.policy.packs:
        return Policies()
    packs = load_packs(plan.policy.packs)
    problems = [*_choice_problems(plan, packs)]
    inputs: Mapping[str, pd.DataFrame] = {}
    own = QualityLog()
    if plan.policy.inputs is not None:
        try:
            inputs = read_inputs_book(plan.policy.inputs, packs, log=own)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    log.add(own.findings)
    return Policies(packs, inputs, tuple(_unread_sheets(own)))


def _unread_sheets(log: QualityLog) -> Iterator[str]:
    """Yield the note that sheets of the workbook of inputs are not known and say nothing."""
    names = [one.sheet for one in log.findings if one.key == "unknown_sheet" and one.sheet]
    if names:
        yield text("inputs.unread_sheets", sheets="、".join(names))


def _choice_problems(plan: Plan, packs: tuple[Pack, ...]) -> Iterator[Problem]:
    """Yield what is wrong with a plan's choices: a missing day, readings and lines of nothing that the packs have."""
    if plan.as_of is None:
        yield problem("plan_setting", setting="as_of", why=text("judge.needs_day"))
    targets = [target for pack in packs for target in pack.targets]
    options = _options(targets)
    general = [key for key in options if "." not in key]
    for key, value in plan.policy.readings.items():
        if key not in options:
            yield _unknown_reading(key, targets, general)
        elif value not in options[key]:
            yield _unknown(f"policy.readings.{key}", value, sorted(options[key]))
    circles = [target.id for target in targets if target.check == "circle"]
    kinds = sorted({name for pack in packs for name in vocabulary().with_kinds(pack.kinds).kinds})
    yield from _not_among("lines", plan.policy.lines, circles)
    yield from _not_among("min_floor_m2", plan.policy.min_floor_m2, kinds)


def centre_problems(plan: Plan, areas: gpd.GeoDataFrame) -> Iterator[Problem]:
    """Yield the codes of the plan's centre that no area has."""
    codes = {*significant_code(areas["area_id"]).dropna(), *areas["area_id"]}
    given = significant_code(pd.Series(plan.policy.centre, dtype=object))
    absent = [said for said, code in zip(plan.policy.centre, given, strict=True) if not {said, code} & codes]
    if absent:
        yield problem("plan_setting", setting="policy.centre", why=text("judge.bad_centre", codes=", ".join(absent)))


def _options(targets: Sequence[Target]) -> dict[str, set[str]]:
    """Return the options of each reading, by its name for all targets and for each that has it."""
    found: dict[str, set[str]] = {}
    for target in targets:
        for one in target.readings:
            found.setdefault(one.key, set()).update(one.options)
            found[f"{target.id}.{one.key}"] = set(one.options)
    return found


def _unknown_reading(key: str, targets: Sequence[Target], general: list[str]) -> Problem:
    """Say that there is no such target, or which readings it has."""
    name, _, reading = key.rpartition(".")
    own = next((target for target in targets if target.id == name), None)
    setting = f"policy.readings.{key}"
    if not name:
        return _unknown(setting, reading, general)
    if own is None:
        return _unknown(setting, name, [target.id for target in targets if target.readings])
    return _unknown(setting, reading, [one.key for one in own.readings])


def _not_among(section: str, given: Iterable[str], known: list[str]) -> Iterator[Problem]:
    for name in given:
        if name not in known:
            yield _unknown(f"policy.{section}.{name}", name, known)


def _unknown(setting: str, value: str, known: list[str]) -> Problem:
    near = get_close_matches(value, known, 1)
    words = text("judge.unknown_choice", value=value, known=", ".join(known) or "-")
    return problem("plan_setting", setting=setting, why=words + (text("judge.meant", near=near[0]) if near else ""))


def evidence_of(
    plan: Plan, policies: Policies, tables: Tables, network: RoadNetwork, stage: Callable[..., Any] | None = None
) -> Evidence:
    """Return what a plan's packs are judged on.

    Parameters
    ----------
    plan, policies
        The plan, with its day, and what `read_policies` gave.
    tables
        Facilities, areas and demand.
    network
        To travel on.
    stage
        Keeps long calculations (`carecircle.stages.Stages.of`); default: each is done anew.

    Raises
    ------
    PlanError
        The plan has no day.
    """
    if plan.as_of is None:
        raise PlanError(problem("plan_setting", setting="as_of", why=text("judge.needs_day")))
    given = plan.policy
    evidence = Evidence(
        *tables,
        plan.as_of,
        network,
        policies.inputs,
        max(plan.reach.minutes),
        plan.reach.served_share,
        given.readings,
        given.lines,
        tuple(given.centre),
    )
    return evidence if stage is None else replace(evidence, stage=stage)


def _placed(facilities: gpd.GeoDataFrame, judgements: Sequence[Judgement]) -> gpd.GeoDataFrame:
    """Return the registry with the codes of the units that it was judged by, where names were matched for them."""
    for one in judgements:
        if one.placed is not None:
            facilities = facilities.assign(area_code=one.placed)
    return facilities


def judge_study(study: Study, plan: Plan, policies: Policies, network: RoadNetwork, stage: Callable[..., Any]) -> Study:
    """Return a study with its judgements and gaps; the same study where its plan names no pack."""
    if not policies.packs:
        return study
    tables = study.facilities, study.areas, study.demand
    evidence = evidence_of(plan, policies, tables, network, stage)
    judgements = tuple(assess(pack, evidence) for pack in policies.packs)
    gaps = find_gaps(
        judgements,
        _placed(study.facilities, judgements),
        study.areas,
        study.demand,
        network,
        minutes=evidence.minutes,
        served_share=evidence.served_share,
        min_floor_m2=plan.policy.min_floor_m2,
        centre=evidence.centre,
    )
    notes = tuple(dict.fromkeys((*study.notes, *policies.notes, *(note for one in judgements for note in one.notes))))
    return replace(study, judgements=judgements, gaps=gaps, notes=notes)
