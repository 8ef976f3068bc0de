"""What is fuzzed: for each kind of file its seeds, its mutation, and the readers that must hold."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import mutations
from .case import Maker
from .layers_on_disk import areas, graphml, grid, layer, osm, pbf, points, streets, zipped
from .plans import plan
from .writers import csv, homes, xls, xlsx

UNPACKED = "shp"
"""The kind whose bytes are an archive that is unpacked before it is read."""


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Parameters
    ----------
    file
        Name under which the bytes are written.
    seeds
        Makers of good files.
    mutate
        The mutation that knows the format.
    readers
        Names of `judge.READERS`.
    """

    file: str
    seeds: tuple[Maker, ...]
    mutate: mutations.Mutation
    readers: tuple[str, ...]


_AREAS = layer(areas, name="areas.shp")
TARGETS: dict[str, Target] = {
    "pbf": Target("roads.osm.pbf", (pbf(),), mutations.of_pbf, ("roads", "facilities")),
    "osm": Target("roads.osm", (osm(),), mutations.of_text, ("roads", "facilities")),
    "gz": Target("roads.osm.gz", (osm("roads.osm.gz"),), mutations.of_gzip, ("roads",)),
    "graphml": Target("roads.graphml", (graphml(),), mutations.of_text, ("roads",)),
    "excel": Target("homes.xlsx", (xlsx(homes()), xlsx(homes(whole=True))), mutations.of_zip, ("facilities", "people")),
    "xls": Target("homes.xls", (xls(homes()),), mutations.blind, ("facilities",)),
    "csv": Target(
        "homes.csv",
        (csv(), csv(encoding="gbk"), csv(people=True), csv(whole=True)),
        mutations.of_text,
        ("facilities", "people", "areas", "points"),
    ),
    "plan": Target("plan.toml", (plan(),), mutations.of_text, ("plan",)),
    "shp": Target(
        "areas.zip", (zipped(_AREAS), zipped(layer(streets, name="areas.shp"))), mutations.of_zip, ("areas", "roads")
    ),
    "zip": Target("areas.zip", (zipped(_AREAS),), mutations.of_zip, ("areas",)),
    "gpkg": Target(
        "areas.gpkg",
        (layer(areas, name="areas.gpkg"), layer(streets, name="areas.gpkg")),
        mutations.blind,
        ("areas", "roads"),
    ),
    "geojson": Target(
        "areas.geojson",
        (layer(areas, name="areas.geojson"), layer(points, name="areas.geojson")),
        mutations.of_text,
        ("areas", "facilities", "roads"),
    ),
    "fgb": Target("areas.fgb", (layer(areas, name="areas.fgb"),), mutations.blind, ("areas",)),
    "tif": Target("people.tif", (grid(), grid(compress="deflate")), mutations.blind, ("people",)),
}
_MOST_UNPACKED = 50 << 20


def seeds(kind: str) -> list[bytes]:
    """Return the good files of a kind, as bytes."""
    found = []
    for make in TARGETS[kind].seeds:
        with tempfile.TemporaryDirectory() as place:
            found.append(make(Path(place)).read_bytes())
    return found


def put(kind: str, content: bytes, folder: Path) -> Path | None:
    """Write bytes as a file of a kind into an empty folder; None when a shapefile's archive cannot be unpacked."""
    path = folder / TARGETS[kind].file
    if kind != UNPACKED:
        path.write_bytes(content)
        return path
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            held = {
                Path(info.filename).suffix.lower()[:6]: archive.read(info)
                for info in archive.infolist()
                if info.file_size < _MOST_UNPACKED
            }
    except Exception:  # noqa: BLE001  the archive itself is fuzzed elsewhere
        return None
    for ending in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
        if ending in held:
            (folder / f"areas{ending}").write_bytes(held[ending])
    return folder / "areas.shp"


def attempt(
    kind: str, content: bytes, readers: dict[str, Callable[..., Any]], folder: Path
) -> tuple[BaseException | None, str]:
    """Read bytes as a file of a kind, by `inspect_file` and by one of its readers (which one is decided by the bytes).

    Returns
    -------
    error, told
        The first error that is not meant for the user, None when all is well; and the reasons of refusals.
    """
    import carecircle as cc  # noqa: PLC0415  instrumented by its caller, when it is

    for path in folder.iterdir():
        path.unlink() if path.is_file() else shutil.rmtree(path)
    path = put(kind, content, folder)
    if path is None:
        return None, ""
    own = TARGETS[kind].readers
    told = []
    for name in ("inspect", own[zlib.crc32(content) % len(own)]):
        options = {"bad_rows": "drop"} if name in {"facilities", "people", "areas", "points"} else {}
        try:
            found = readers[name](path, **options)
            told.append(name)
            str(found) if name == "inspect" else None
        except cc.CarecircleError as error:
            str(error)
            told += [name, *sorted({item.key for item in getattr(error, "problems", ())})]
        except BaseException as error:  # noqa: BLE001  a panic of a Rust library is no Exception
            return error, ""
    return None, " ".join(told)
