"""Command about lists that have only addresses: geocode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from carecircle.arguments import Json, Lang, Quiet, choice, refuse_overwriting
from carecircle.china import DATUMS
from carecircle.console import Session, session
from carecircle.errors import UsageError
from carecircle.geocoding import SERVICES, GeocodeOptions, address_sheet, geocode, merge_filled, write_list
from carecircle.geocoding.lists import GeocodeResult
from carecircle.language import text
from carecircle.outputs import whole_file
from carecircle.report.workbook import write_csv
from carecircle.sources.tables.reading import read_table


def geocode_command(
    facilities: Annotated[Path, typer.Argument(help="List with a column of addresses: .xlsx, .csv ...")],
    out: Annotated[Path, typer.Option("--out", help="Workbook (.xlsx) or .csv to write.")],
    service: Annotated[
        str, typer.Option("--service", help="tianditu or amap; its key is in the environment.")
    ] = "tianditu",
    city: Annotated[str | None, typer.Option("--city", help="City to look in.")] = None,
    areas: Annotated[
        Path | None, typer.Option("--areas", help="Counties: a place must be in the one its row states.")
    ] = None,
    sheet_only: Annotated[bool, typer.Option("--sheet-only", help="Ask nobody; write a sheet to fill in.")] = False,
    filled: Annotated[
        Path | None, typer.Option("--filled", help="Merge this sheet that was filled in; ask nobody.")
    ] = None,
    with_name: Annotated[bool, typer.Option("--with-name", help="Also send the facility's name.")] = False,
    accept_coarse: Annotated[
        bool, typer.Option("--accept-coarse", help="Take centres of counties and townships.")
    ] = False,
    datum: Annotated[str, typer.Option("--datum", help="Datum of coordinates that the list already has.")] = "wgs84",
    server: Annotated[str | None, typer.Option("--server", help="A gateway instead of the service's own host.")] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook with several.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Find coordinates for a list of addresses (sends them to a map service), or have people fill them in.

    Example: [bold]carecircle geocode list.xlsx --service amap --out with_coordinates.xlsx[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        refuse_overwriting(out, facilities, areas, filled)
        if sheet_only and filled is not None:
            raise UsageError(text("usage.sheet_or_filled"))
        if sheet_only:
            count = address_sheet(facilities, out, sheet=sheet)
            told.say(text("cli.geocode_sheet", count=count, path=out))
            told.done({"out": str(out), "to_fill_in": count})
            return
        known = choice("--datum", datum, DATUMS)
        if filled is not None:
            result = merge_filled(facilities, filled, sheet=sheet)
        else:
            options = GeocodeOptions(datum=known, with_name=with_name, accept_coarse=accept_coarse)
            choice("--service", service, tuple(SERVICES))
            result = _asked(told, facilities, sheet, service, city, areas, server, options)
        _write(result, out)
        told.note([*result.notes, *(found.message() for found in result.findings if found.action in _SHOWN)])
        told.note([result.stopped] if result.stopped else [])
        told.say(text("cli.geocode", rows=len(result.frame), missing=int(result.missing.sum()), path=out))
        told.done({"out": str(out), **result.counts, "stopped": result.stopped, "notes": list(result.notes)})
        if result.stopped or result.missing.all():
            raise typer.Exit(1)


_SHOWN = ("doubtful", "unmatched")


def _asked(told: Session, facilities: Path, sheet: str | None, service: str, city: str | None, areas: Path | None,
           server: str | None, options: GeocodeOptions) -> GeocodeResult:  # fmt: skip
    source = read_table(facilities, sheet)
    rows = len(source.frame)
    with told.progress(rows) as bar:
        tell: Callable[[int, int], None] = lambda done, total: bar("geocode", round(rows * done / max(total, 1)), rows)  # noqa: E731
        return geocode(
            source, service=service, city=city, areas=areas, server=server, options=replace(options, progress=tell)
        )


def _write(result: GeocodeResult, out: Path) -> None:
    if out.suffix.lower() == ".csv":
        with whole_file(out) as draft:
            write_csv(result.frame, draft)
    else:
        write_list(result.frame, out)
