"""Commands about files: fetch, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from carecircle.arguments import Json, Lang, Quiet, Settings, reading_of
from carecircle.config import as_source
from carecircle.console import session
from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.network import read_network
from carecircle.sources import inspect_file, read_areas
from carecircle.sources.roads.live import fetch_roads


def fetch_command(
    out: Annotated[Path, typer.Option("--out", help="File to write: .osm.pbf, .osm or .graphml.")],
    place: Annotated[
        str | None, typer.Option("--place", help="Name of a place, as OpenStreetMap's Nominatim knows it.")
    ] = None,
    boundary: Annotated[Path | None, typer.Option("--boundary", help="Polygon layer instead of a name.")] = None,
    overpass_url: Annotated[str | None, typer.Option("--overpass-url", help="Another Overpass server.")] = None,
    nominatim_url: Annotated[str | None, typer.Option("--nominatim-url", help="Another Nominatim server.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Fetch the roads of a place from OpenStreetMap (needs a network; everything else works without).

    Example: [bold]carecircle fetch --place "红塔区, 玉溪市" --out roads.osm.pbf[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        if (place is None) == (boundary is None):
            raise UsageError(text("usage.place_or_boundary"))
        result = fetch_roads(
            place=place,
            boundary=boundary,
            out=out,
            overpass_url=overpass_url,
            nominatim_url=nominatim_url,
            quiet=quiet or as_json,
        )
        told.note(list(result.notes))
        told.say(text("cli.fetch", ways=result.ways, nodes=result.nodes, path=result.path))
        told.done(
            {
                "out": str(result.path),
                "ways": result.ways,
                "nodes": result.nodes,
                "from_cache": result.from_cache,
                "seconds": round(result.seconds, 3),
                "notes": list(result.notes),
            }
        )


def inspect_command(
    files: Annotated[list[Any], typer.Argument(parser=as_source, metavar="FILE...", help="Files to look into.")],
    roads: Annotated[Path | None, typer.Option("--roads", help="Roads, to judge the datum of points by.")] = None,
    areas: Annotated[
        list[Path] | None, typer.Option("--areas", help="Areas with codes, to judge the datum of points by.")
    ] = None,
    settings: Settings = None,
    as_json: Json = False,
    quiet: Quiet = False,
    lang: Lang = "zh",
) -> None:
    """Say what a file is: kind, reference system, datum, columns, counts, problems.

    Example: [bold]carecircle inspect facilities.xlsx --roads roads.osm.pbf --areas towns.shp[/bold]
    """
    with session(lang, as_json=as_json, quiet=quiet) as told:
        streets = None if roads is None else read_network(roads)
        how = reading_of(settings, known=("areas",))["areas"]
        places = read_areas(areas, **how) if areas else None
        found = [inspect_file(path, streets=streets, areas=places) for path in files]
        for item in found:
            told.say(str(item))
        plain = [item.as_dict() for item in found]
        told.done(plain[0] if len(plain) == 1 else {"files": plain})
        if any(item.kind == "unknown" for item in found):
            raise typer.Exit(1)
