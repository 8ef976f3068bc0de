"""Commands that carry out a plan: run, demo."""

from __future__ import annotations

import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from carecircle import pipeline
from carecircle.arguments import Json, Lang, Quiet, pairs
from carecircle.config import load_plan
from carecircle.console import Session, profile_words, session
from carecircle.datasets import demo_file
from carecircle.errors import InputError
from carecircle.findings import QualityLog, as_findings
from carecircle.folders import whole_folder
from carecircle.intake import read_inputs
from carecircle.language import text
from carecircle.model import Study
from carecircle.outputs import write_json
from carecircle.policy.results import Judgement
from carecircle.report import facts
from carecircle.report.quality import DONE, NEED, quality_summary, write_quality
from carecircle.stages import Stages
from carecircle.writing import headline

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A setting instead of the plan's: reach.profile=adult, reach.minutes=[10,15], "
        "'policy.readings.\"YX-03.coverage\"=served'; repeat for more.",
    ),
]
MISSED = 2
"""Exit code when a hard target that is due is missed."""
CHECKED = ("quality.html", "quality.csv", "quality.xlsx", "check.json")
"""What `check` writes; the last one shows that a folder is its own."""


def run_plan(
    plan: Annotated[Path, typer.Argument(help="The plan file (TOML).")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the results; default: what the plan says.")
    ] = None,
    settings: Settings = None,
    no_resume: Annotated[
        bool, typer.Option("--no-resume", help="Compute every stage anew; default: go on behind finished stages.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="A hard target due of which too little is known is a miss, too.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Carry out a whole plan and write the results folder.

    With policy packs in the plan it ends with 0 when no hard target due is missed and with 2 when one is; with 1 when
    something is wrong with the files.

    Example: [bold]carecircle run plan.toml --out results[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        study = _run(told, plan, out, settings, resume=not no_resume, strict=strict)
    if any(one.missed_hard(strict=strict) for one in study.judgements):
        raise typer.Exit(MISSED)


def check_plan(
    plan: Annotated[Path, typer.Argument(help="The plan file (TOML).")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the report.")] = Path("quality"),
    settings: Settings = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Read all inputs of a plan and write the quality report, without computing anything.

    Everything that stops a run stands in the report too; the exit code is 1 then.

    Example: [bold]carecircle check plan.toml --out quality[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        loaded, log = load_plan(plan, pairs(settings or [])), QualityLog()
        wrong: InputError | None = None
        with told.progress(len(pipeline.STAGES)) as progress:
            try:
                read_inputs(loaded, log, lambda stage: progress(stage, pipeline.STAGES.index(stage), 0))
            except InputError as error:
                wrong = error
        log.add(as_findings(wrong.problems if wrong else ()))
        found = log.to_frame()
        sums = quality_summary(found)
        counts = {
            "files": len(sums),
            "problems": int(sums["problem"].sum()),
            "look": int(sums[[action for action in NEED if action != "problem"]].to_numpy().sum()),
            "mended": int(sums[list(DONE)].to_numpy().sum()),
        }
        with whole_folder(out, CHECKED, CHECKED[-1]) as draft:
            write_quality(found, draft, title=loaded.title, as_of=loaded.as_of, workbook=True)
            write_json({"carecircle": version("carecircle"), **counts}, draft / CHECKED[-1])
        told.say(text("cli.checked", **counts))
        told.say(text("cli.report", path=(out / "quality.html").resolve()))
        if wrong is not None:
            raise wrong
        told.done({"report": str(out / "quality.html"), **counts})


def run_demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("results/demo"),
    packs: Annotated[
        list[str] | None,
        typer.Option("--pack", help="Policy pack to judge the city by; may be repeated. Default: yuxi."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Run the built-in, made-up demo city.

    Its targets are missed or met like any other's; the command ends with 0 all the same.

    Example: [bold]carecircle demo --out results/demo --pack yuxi[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        quoted = ", ".join(json.dumps(name) for name in packs or ["yuxi"])
        inputs = json.dumps(str(demo_file("inputs")), ensure_ascii=False)
        _run(told, demo_file("plan"), out, [f"policy.packs=[{quoted}]", f"policy.inputs={inputs}"])


def _run(
    told: Session,
    plan_file: Path,
    out: Path | None,
    settings: list[str] | None = None,
    *,
    resume: bool = True,
    strict: bool = False,
) -> Study:
    started = time.perf_counter()
    plan = load_plan(plan_file, pairs(settings or []))
    folder = out if out is not None else plan.output.folder
    stages = Stages(on=resume)
    with told.progress(len(pipeline.STAGES)) as progress:
        study = pipeline.run(plan, out=folder, progress=progress, resume=stages)
    told.note(list(study.notes))
    if stages.resumed:
        names = "、".join(text(f"stage.{name}") for name in stages.resumed)
        told.note([text("cli.resumed", stages=names)])
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
    told.say(profile_words(study.profile))
    for judgement in study.judgements:
        told.say(_verdict_words(judgement, strict=strict))
    told.say(text("cli.folder", folder=folder.resolve()))
    told.say(text("cli.report", path=(folder / "quality.html").resolve()))
    if study.judgements:
        told.say(text("cli.dashboard", path=(folder / "dashboard.html").resolve()))
        told.say(text("cli.documents", path=(folder / "report.docx").resolve()))
    if study.sites is not None:
        told.say(text("cli.sites_page", path=(folder / "sites.html").resolve()))
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
            "headline": headline(study),
            "verdicts": {one.pack.id: one.counts() for one in study.judgements},
            "missed": {one.pack.id: list(one.missed_hard()) for one in study.judgements},
            "gaps": None if study.gaps is None else len(study.gaps),
            "sites": None if study.sites is None else study.sites.chosen["candidate_id"].tolist(),
            "notes": list(study.notes),
            "resumed": list(stages.resumed),
            "seconds": round(time.perf_counter() - started, 3),
        }
    )
    return study


def _verdict_words(judgement: Judgement, *, strict: bool) -> str:
    """Return how many targets there are of each verdict, and which hard ones are missed, as a sentence.

    With `strict` also those of which too little is known.
    """
    join = text("fact.list_join")
    counts = join.join(f"{text(f'table.verdict_{word}')} {count}" for word, count in judgement.counts().items())
    missed = judgement.missed_hard()
    words = text("cli.missed", targets=join.join(missed)) if missed else text("cli.none_missed")
    unknown = [name for name in judgement.missed_hard(strict=True) if name not in missed] if strict else []
    words += text("cli.unknown", targets=join.join(unknown)) if unknown else ""
    return text("cli.verdicts", title=judgement.pack.title.said(), counts=counts, missed=words)
