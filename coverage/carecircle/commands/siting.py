"""The command that says where new centres go: site."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carecircle import pipeline
from carecircle.arguments import Json, Lang, Quiet, pairs
from carecircle.commands.running import Settings
from carecircle.config import load_plan
from carecircle.console import Session, profile_words, session
from carecircle.language import text
from carecircle.model import SitingPlan
from carecircle.report import facts, sitewords
from carecircle.stages import Stages

if TYPE_CHECKING:
    from carecircle.placing import Placed

_NAMED = 12
"""How many sites are printed."""


def site_command(
    plan: Annotated[Path, typer.Argument(help="The plan file (TOML).")],
    problem: Annotated[
        str | None,
        typer.Option(
            "--problem",
            help="reach_target, maximum_coverage, set_cover, backup_cover, p_median, p_center, capacitated, equity or "
            "phased; default: what the plan says.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the results; default: what the plan says.")
    ] = None,
    sites: Annotated[int | None, typer.Option("--sites", help="Most new centres.")] = None,
    budget: Annotated[float | None, typer.Option("--budget", help="Most money instead, 10,000 yuan.")] = None,
    share: Annotated[
        float | None, typer.Option("--share", help="Per cent of people 60+ within the limit, for reach_target.")
    ] = None,
    packs: Annotated[
        list[str] | None, typer.Option("--pack", help="Policy pack whose targets must hold; may be repeated.")
    ] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", help="Time limit of the search.")] = None,
    settings: Settings = None,
    no_resume: Annotated[bool, typer.Option("--no-resume", help="Compute every stage anew.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Say where new centres go, how few are enough, and in which year; writes map, tables and curve.

    Everything else of the plan's section on siting can be given with --set, such as siting.minutes=10 or
    siting.seed=1. Ends with 1 when something is wrong with the files, and with 2 when no plan can do what is asked:
    the message says which units are out of reach.

    For example:

    [bold]carecircle site plan.toml --problem maximum_coverage --sites 5[/bold]
    [bold]carecircle site plan.toml --problem reach_target --share 90 --out sites[/bold]
    [bold]carecircle site plan.toml --problem reach_target --pack yuxi[/bold]
    [bold]carecircle site plan.toml --problem phased --pack yiyang[/bold]
    """
    given = _given(problem=problem, sites=sites, budget=budget, share=share, seconds=seconds)
    quoted = [f"policy.packs=[{', '.join(json.dumps(name) for name in packs)}]"] if packs else []
    with session(lang, as_json=as_json, quiet=quiet) as told:
        loaded = load_plan(plan, pairs([*given, *quoted, *(settings or [])]))
        stages = Stages(on=not no_resume)
        with told.progress(len(pipeline.stages_of(loaded))) as progress:
            placed = pipeline.site(loaded, out=out, progress=progress, resume=stages)
        _tell(told, placed, out if out is not None else loaded.output.folder, stages)
    if placed.plan.status == "infeasible":
        raise typer.Exit(2)


def _given(**options: Any) -> list[str]:
    return [f"siting.{name}={value}" for name, value in options.items() if value is not None]


def _tell(told: Session, placed: Placed, folder: Path, stages: Stages) -> None:
    plan = placed.plan
    if stages.resumed:
        names = text("fact.list_join").join(text(f"stage.{name}") for name in stages.resumed)
        told.note([text("cli.resumed", stages=names)])
    told.say(profile_words(placed.study.profile))
    told.say(text("cli.sites", problem=text(f"siting_report.problem_{plan.problem}"), count=len(plan.chosen)))
    told.say(sitewords.standing(plan))
    told.note(list(placed.study.notes))
    if plan.status != "infeasible":
        told.note(list(plan.reasons))
    for row in plan.chosen.head(_NAMED).itertuples():
        added = facts.count(float(row.gain)) if math.isfinite(row.gain) else ""
        kind = [row.built_as] if isinstance(row.built_as, str) and row.built_as else []
        kind += [f"{row.phase:.0f}"] if math.isfinite(row.phase) else []
        words = text("cli.site_kind", kind=" ".join(kind)) if kind else ""
        named = row.name if isinstance(row.name, str) and row.name else row.candidate_id
        told.say(text("cli.site", rank=row.rank, name=named, kind=words, people=added))
    if len(plan.chosen) > _NAMED:
        told.say(text("cli.more_sites", count=len(plan.chosen) - _NAMED))
    if len(plan.chosen):
        last = plan.chosen.iloc[-1]
        told.say(text("cli.sites_rate", share=facts.percent(float(last["covered"]), float(last["total"]))))
    told.say(text("cli.folder", folder=folder.resolve()))
    told.say(text("cli.map", path=(folder / "sites.html").resolve()))
    told.done(summary(plan) | {"folder": str(folder), "resumed": list(stages.resumed)})


def summary(plan: SitingPlan) -> dict[str, Any]:
    """Return a plan for machines; what is not known is null."""

    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "problem": plan.problem,
        "status": plan.status,
        "objective": number(plan.objective),
        "bound": number(plan.bound),
        "gap": number(plan.gap),
        "seconds": round(plan.seconds, 3),
        "seed": plan.seed,
        "solver": plan.solver,
        "stopped": plan.stopped,
        "sites": plan.chosen["candidate_id"].tolist(),
        "built_as": plan.chosen["built_as"].tolist(),
        "years": plan.chosen["phase"].tolist(),
        "gain": plan.chosen["gain"].tolist(),
        "covered": None if plan.chosen.empty else float(plan.chosen["covered"].iloc[-1]),
        "total": None if plan.chosen.empty else float(plan.chosen["total"].iloc[-1]),
        "reasons": list(plan.reasons),
    }
