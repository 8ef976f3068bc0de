"""Commands that carry out a plan: run, demo."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from carecircle import pipeline
from carecircle.arguments import Json, Lang, Quiet, pairs
from carecircle.config import load_plan
from carecircle.console import Session, session
from carecircle.datasets import demo_file
from carecircle.language import text
from carecircle.report import facts


def run_plan(
    plan: Annotated[Path, typer.Argument(help="The plan file (TOML).")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the results; default: what the plan says.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting instead of the plan's: reach.profile=adult, reach.minutes=[10,15]."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Carry out a whole plan and write the results folder.

    Example: [bold]carecircle run plan.toml --out results[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        _run(told, plan, out, settings)


def run_demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("results/demo"),
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Run the built-in, made-up demo city.

    Example: [bold]carecircle demo --out results/demo[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        _run(told, demo_file("plan"), out)


def _run(told: Session, plan_file: Path, out: Path | None, settings: list[str] | None = None) -> None:
    started = time.perf_counter()
    plan = load_plan(plan_file, pairs(settings or []))
    folder = out if out is not None else plan.output.folder
    with told.progress(len(pipeline.STAGES)) as progress:
        study = pipeline.run(plan, out=folder, progress=progress)
    told.note(list(study.notes))
    covered, total = facts.headline(study)
    limit = max(study.minutes)
    told.say(
        text(
            "cli.headline",
            title=study.title,
            minutes=f"{limit:g}",
            share=facts.percent(covered, total),
            covered=facts.count(covered),
            total=facts.count(total),
            measure=facts.label("fact.measure_", facts.headline_measure(study)),
        )
    )
    told.say(text("cli.profile", profile=study.profile.name, speed=f"{study.profile.speed_mps:.2f}"))
    told.say(text("cli.folder", folder=folder.resolve()))
    told.say(text("cli.map", path=(folder / "map.html").resolve()))
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    told.done(
        {
            "folder": str(folder),
            "map": str(folder / "map.html"),
            "files": files,
            "title": study.title,
            "minutes": list(study.minutes),
            "profile": study.profile.name,
            "speed_mps": study.profile.speed_mps,
            "facilities": len(study.facilities),
            "areas": len(study.areas),
            "demand_points": len(study.demand),
            "headline": pipeline.headline(study),
            "notes": list(study.notes),
            "seconds": round(time.perf_counter() - started, 3),
        }
    )
