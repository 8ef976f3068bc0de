"""Make the built-in demo city: a fictional place in the file formats of a real office.

Run ``python scripts/make_demo_city.py --seed 2026 --out data``. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from demo_city.city import make_city, write_city
from demo_city.frame import CITY


def main() -> None:
    """Read the command line, make the city, and print what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "data")
    options = parser.parse_args()
    city = make_city(options.seed)
    people, facilities = city.people["people"].sum(), len(city.facilities)
    print(f"{CITY}: seed {options.seed}, {people} people, {facilities} facilities")
    for path in write_city(city, options.out):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:16]
        print(f"{digest}  {len(content):>9,}  {path.relative_to(options.out)}")


if __name__ == "__main__":
    main()
