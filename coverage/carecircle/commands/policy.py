"""Commands about policies: list, show, check, new, schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from carecircle.arguments import Json, Lang, Quiet
from carecircle.console import session
from carecircle.errors import InputError, Problem, UsageError
from carecircle.language import text
from carecircle.outputs import write_json
from carecircle.policy import Pack, Target, check_quotes, json_schema, load_pack, load_packs, new_pack, vocabulary
from carecircle.policy.catalogue import BUILT_IN, NAMES, UNVERIFIED
from carecircle.policy.model import Cell, Schedule
from carecircle.policy.vocabulary import Kind, Reading

app = typer.Typer(no_args_is_help=True, help="The targets of policy documents: list, show, check, write a pack.")
Packs = Annotated[
    list[Path] | None, typer.Argument(metavar="[PACK.toml]...", help="Packs; default: the built-in ones.")
]

_SIGNS = {">=": "≥", "<=": "≤", "=": "=", ">": ">"}


@app.command("list")
def list_command(packs: Packs = None, as_json: Json = False, quiet: Quiet = False, lang: Lang = "zh") -> None:
    """List the packs; with --json every target with all its fields.

    Example: [bold]carecircle policy list --json[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        found = load_packs([*BUILT_IN, *(packs or [])])
        for pack in found:
            told.say(_line(pack))
        told.say(text("policy.unverified", packs=", ".join(UNVERIFIED)))
        told.done({"packs": [pack.model_dump(mode="json") for pack in found]})


@app.command("show")
def show_command(
    pack: Annotated[str, typer.Argument(help="Name of a built-in pack, or a TOML file.")],
    target: Annotated[str | None, typer.Argument(help="Id of a target; default: all.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Show a document and its targets, or one target with everything about it.

    Example: [bold]carecircle policy show yuxi YX-03[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        found = _named(pack)
        if target is None:
            told.say("\n".join([_line(found), *_head(found), *map(_short, found.targets), *_sums(found.schedule)]))
            told.done(found.model_dump(mode="json"))
            return
        one = _one(found, target)
        told.say(_cell(one, found) if isinstance(one, Cell) else "\n".join([_short(one), *_whole(one, found)]))
        told.done(one.model_dump(mode="json"))


@app.command("check")
def check_command(
    packs: Packs = None,
    texts: Annotated[
        Path | None, typer.Option("--texts", help="Folder with the texts, to find every quote in them.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Check packs: fields, references, sums, and with --texts that every quote stands literally in its text.

    Example: [bold]carecircle policy check city.toml --texts texts[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        found = load_packs(packs or BUILT_IN)
        wrong: list[Problem] = [one for pack in found for one in (check_quotes(pack, texts) if texts else ())]
        if wrong:
            raise InputError(wrong)
        for pack in found:
            told.say(text("policy.checked", pack=pack.id, targets=len(pack.targets), cells=_cells(pack)))
            if texts:
                told.say(text("policy.quoted", pack=pack.id, quotes=len(pack.targets)))
        told.done(
            {
                "packs": {pack.id: len(pack.targets) for pack in found},
                "cells": {pack.id: len(pack.schedule.cells) for pack in found if pack.schedule},
                "quotes_checked": texts is not None,
                "problems": [],
            }
        )


@app.command("new")
def new_command(
    out: Annotated[Path, typer.Argument(help="File to write, such as city.toml.")],
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Write the template of a pack for a new city, with comments.

    Example: [bold]carecircle policy new city.toml[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        path = new_pack(out)
        told.say(text("policy.written", path=path))
        told.done({"out": str(path)})


@app.command("schema")
def schema_command(
    out: Annotated[Path, typer.Argument(help="File to write, such as pack.schema.json.")],
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Write the JSON schema of packs, for editors that complete and check TOML.

    Example: [bold]carecircle policy schema pack.schema.json[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        write_json(json_schema(), out)
        told.say(text("policy.schema_written", path=out))
        told.done({"out": str(out)})


def _named(name: str) -> Pack:
    if name not in NAMES and not Path(name).exists():
        raise UsageError(text("policy.no_pack", value=name, known=", ".join(NAMES)))
    return load_pack(name)


def _one(pack: Pack, name: str) -> Target | Cell:
    targets: dict[str, Target | Cell] = {one.id: one for one in pack.targets}
    found = {**targets, **{one.id: one for one in (pack.schedule.cells if pack.schedule else ())}}
    if name not in found:
        raise UsageError(text("policy.no_target", pack=pack.id, target=name, known=", ".join(targets)))
    return found[name]


def _line(pack: Pack) -> str:
    """Return a pack in a line: how many targets, and how they are checked."""
    counts = Counter(target.check for target in pack.targets)
    checks = _joined(
        text("policy.checks", check=text(f"policy.check_{name}"), count=count) for name, count in counts.most_common()
    )
    return text(
        "policy.line",
        id=pack.id,
        title=pack.title.said(),
        targets=len(pack.targets),
        cells=_cells(pack),
        checks=checks,
        status=text(f"policy.status_{pack.status}"),
    )


def _cells(pack: Pack) -> str:
    return text("policy.cells", count=len(pack.schedule.cells)) if pack.schedule else ""


def _joined(parts: Iterable[str]) -> str:
    return text("policy.join").join(parts)


def _sums(schedule: Schedule | None) -> list[str]:
    """Return what a schedule asks for at the end of each year, a class a line."""
    if schedule is None:
        return []
    return [
        text(
            "policy.sums",
            name=one.title.said(),
            total=schedule.total.cells[one.key][0],
            years=_joined(f"{year}: {number}" for year, number in schedule.cumulative(one.key).items())
            or text("policy.no_years"),
        )
        for one in schedule.classes
    ]


def _cell(cell: Cell, pack: Pack) -> str:
    titles = {one.key: one.title.said() for one in pack.schedule.classes} if pack.schedule else {}
    return text(
        "policy.cell",
        id=cell.id,
        unit=cell.unit_name,
        name=titles[cell.facility_class],
        number=cell.number,
        year=cell.year or text("policy.total"),
        deadline=cell.deadline,
    )


def _rows(values: dict[str, Any]) -> list[str]:
    """Return fields that are not empty, a line each."""
    return [
        "  " + text("policy.field", name=text(f"policy.field_{name}"), value=value)
        for name, value in values.items()
        if value not in ("", None)
    ]


def _head(pack: Pack) -> list[str]:
    return _rows(
        {
            "document": pack.document,
            "number": pack.number,
            "status": text(f"policy.status_{pack.status}"),
            "issued": pack.issued,
            "area_codes": ", ".join(pack.area_codes),
            "note": pack.note.said() if pack.note else "",
        }
    )


def _short(target: Target) -> str:
    return f"{target.id}  {target.title.said()}  {_threshold(target)}  {target.deadline or ''}".rstrip()


def _whole(target: Target, pack: Pack) -> list[str]:
    words = vocabulary().with_kinds(pack.kinds)
    return _rows(
        {
            "document": pack.document,
            "clause": target.clause,
            "quote": target.quote,
            "description": target.description.said(),
            "force": " ".join([text(f"policy.force_{target.force}"), target.wording]).rstrip(),
            "check": text(f"policy.check_{target.check}"),
            "kinds": _titles(target.kinds, words.kinds),
            "functions": _titles(target.functions, words.functions),
            "unit": text(f"policy.unit_{target.unit}"),
            "threshold": _threshold(target),
            "deadline": target.deadline,
            "items": _joined(item.title.said() for item in target.items),
            "needs": _needs(target),
            "readings": "".join(f"\n    {_reading(one)}" for one in target.readings),
            "note": target.note.said() if target.note else "",
        }
    )


def _reading(one: Reading) -> str:
    return text(
        "policy.reading",
        key=one.key,
        default=one.default,
        option=one.options[one.default].said(),
        others=_joined(f"{key} {option.said()}" for key, option in one.options.items() if key != one.default),
        explanation=one.explanation.said(),
    )


def _titles(names: Iterable[str], known: dict[str, Kind]) -> str:
    return _joined(known[name].title.said() for name in names)


def _needs(target: Target) -> str:
    data, sheets = target.data, vocabulary().sheets
    columns = [f"{table}.{name}" for table in ("facilities", "areas", "people") for name in getattr(data, table)]
    names = dict.fromkeys(sheets[use.sheet].title.said() for use in data.sheets)
    return _joined([*columns, *(["roads"] if data.roads else []), *names])


def _threshold(target: Target) -> str:
    """Return what is demanded as a phrase: ``≥65%``."""
    if target.minutes is not None:
        return text("policy.of_minutes", value=_number(target.minutes))
    if target.threshold is None:
        return text("policy.no_threshold")
    sign, ends = _SIGNS.get(target.comparison, ""), [target.threshold, *([target.upper] if target.upper else [])]
    unit = "" if target.threshold_unit in {"none", "number"} else text(f"policy.per_{target.threshold_unit}")
    often = "" if target.period == "once" else " " + text(f"policy.period_{target.period}")
    return f"{sign}{'–'.join(map(_number, ends))}{unit}{often}"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"
