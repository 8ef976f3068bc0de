"""Command about the workbook of inputs: template."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from carecircle.arguments import Json, Lang, Quiet, refuse_overwriting
from carecircle.china.units import CITIES, PILOT_COUNTIES, units
from carecircle.console import session
from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.policy import Pack, load_packs
from carecircle.policy.catalogue import NAMES
from carecircle.report.template import sheets_needed, write_template
from carecircle.sources import read_areas


def template_command(
    packs: Annotated[list[str], typer.Argument(metavar="PACK...", help="Names of built-in packs, or TOML files.")],
    out: Annotated[Path, typer.Option("--out", help="Workbook to write: .xlsx.")],
    counties: Annotated[
        str | None,
        typer.Option("--counties", help="Areas with counties, or names with commas between; default: the packs' own."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Write the workbook that counties fill in: what the targets of packs need beyond the registry.

    Example: [bold]carecircle template yuxi --out inputs.xlsx --counties 红塔区,江川区[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        _refuse_unknown(packs)
        if out.suffix.lower() != ".xlsx":
            raise UsageError(text("usage.choice", option="--out", value=out.name, known=".xlsx"))
        refuse_overwriting(out, *packs, counties)
        found = load_packs(packs)
        names = _counties(counties, found)
        path = write_template(found, out, counties=names)
        sheets = sheets_needed(found)
        targets = sum(bool(one.data.sheets) for pack in found for one in pack.targets)
        told.say(text("inputs.out_written", path=path, sheets=len(sheets), targets=targets))
        told.done({"out": str(path), "sheets": list(sheets), "counties": list(names), "targets": targets})


def _refuse_unknown(packs: Sequence[str]) -> None:
    unknown = [name for name in packs if name not in NAMES and not Path(name).exists()]
    if unknown:
        raise UsageError(text("policy.no_pack", value=unknown[0], known=", ".join(NAMES)))


def _counties(given: str | None, packs: Sequence[Pack]) -> list[str]:
    """Return names of counties: those given, those of a file of areas, else those that the packs bind."""
    if given is None:
        codes = [code for pack in packs for code in pack.area_codes if code.startswith((*CITIES, *PILOT_COUNTIES))]
        found = units(codes) if codes else units().iloc[:0]
        return list(dict.fromkeys(found.loc[found["level"] == "county", "name"]))
    if not Path(given).exists():
        return [name.strip() for name in given.replace("，", ",").replace("、", ",").split(",") if name.strip()]
    areas = read_areas(given)
    names: list[str] = (
        areas.loc[areas["level"] == "county"].sort_values("area_id")["name"].dropna().astype(str).tolist()
    )
    if not names:
        raise UsageError(text("inputs.no_counties", file=given))
    return names
