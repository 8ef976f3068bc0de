"""Layers: GeoJSON and KML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .case import AREA_LAYER, Case, reads, refused
from .layers_on_disk import areas, geojson, layer, projected, together
from .writers import cut, raw

CODE, NAME = "539901001001", "文昌社区"


def _bomb_of_brackets() -> bytes:
    return b'{"type":"FeatureCollection","features":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


def _without_crs(path: Path) -> Path:
    content = json.loads(path.read_bytes())
    content.pop("crs", None)
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return path


def _texts(content: dict[str, Any]) -> dict[str, Any]:
    for feature in content["features"]:
        rings = feature["geometry"]["coordinates"]
        feature["geometry"]["coordinates"] = [[[str(x), str(y)] for x, y in ring] for ring in rings]
    return content


CASES = (
    Case(
        "geojson-broken",
        "GeoJSON that breaks off",
        "refused: the file is damaged",
        cut(layer(areas, name="areas.geojson"), keep=0.6),
        AREA_LAYER,
        refused("unreadable_file"),
    ),
    Case(
        "geojson-no-features",
        "GeoJSON without features",
        "refused: no rows",
        geojson(lambda content: {**content, "features": []}),
        AREA_LAYER,
        refused("empty_table", also=("unreadable_file",)),
    ),
    Case(
        "geojson-other-json",
        "JSON that is no GeoJSON",
        "refused",
        raw("areas.json", json.dumps({"data": [1, 2]})),
        AREA_LAYER,
        refused("unreadable_file", also=("empty_table",)),
    ),
    Case(
        "geojson-bom",
        "GeoJSON with a byte order mark",
        "read",
        geojson(lambda content: content, encoding="utf-8-sig"),
        AREA_LAYER,
        reads(8, **{CODE: {"name": NAME}}),
    ),
    Case(
        "geojson-gbk",
        "GeoJSON in GBK",
        "read with names whole, or refused: never garbled",
        geojson(lambda content: content, encoding="gbk"),
        AREA_LAYER,
        reads(8, **{CODE: {"name": NAME}}),
    ),
    Case(
        "geojson-metres",
        "GeoJSON in metres that names its system",
        "read at its place",
        layer(areas, projected, name="areas.geojson"),
        AREA_LAYER,
        reads(14),
    ),
    Case(
        "geojson-metres-unsaid",
        "GeoJSON in metres that does not name its system",
        "refused: it is not what it says",
        together(layer(areas, projected, name="areas.geojson"), lambda folder: _without_crs(folder / "areas.geojson")),
        AREA_LAYER,
        refused("not_as_declared"),
    ),
    Case(
        "geojson-text-coordinates",
        "coordinates as text in quotes",
        "read as the numbers they are",
        geojson(_texts),
        AREA_LAYER,
        reads(8, **{CODE: {"inside": 1e-4}}),
    ),
    Case(
        "geojson-bomb-of-brackets",
        "200,000 brackets inside each other",
        "refused, in no time",
        raw("areas.geojson", _bomb_of_brackets),
        AREA_LAYER,
        refused("unreadable_file", also=("empty_table",)),
    ),
    Case(
        "geojson-is-a-list-of-sources",
        "a list of other files to read (VRT) called areas.geojson",
        "refused: nothing else is read",
        raw(
            "areas.geojson",
            '<OGRVRTDataSource><OGRVRTLayer name="passwd"><SrcDataSource>/etc/passwd</SrcDataSource>'
            "</OGRVRTLayer></OGRVRTDataSource>",
        ),
        AREA_LAYER,
        refused("disguised_file"),
    ),
    Case(
        "kml-empty",
        "an empty KML file",
        "refused",
        raw("areas.kml", "<kml/>"),
        AREA_LAYER,
        refused("unreadable_file", also=("empty_table",)),
    ),
)
