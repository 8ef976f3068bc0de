"""Make the folder of deliberately bad files, and the page that lists them.

Run ``python scripts/make_bad_files.py --out FOLDER``; ``--page`` writes docs/bad-files.md anew. The same files every
time, without a network.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bad_files.registry import CASES, make_all, page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "bad-files.md"


def main() -> None:
    """Read the command line, make what is asked for, and print what was made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="new folder for the files, one folder a case")
    parser.add_argument("--page", action="store_true", help="write docs/bad-files.md")
    parser.add_argument("names", nargs="*", help="only these cases")
    options = parser.parse_args()
    if options.page:
        PAGE.write_text(page(), "utf-8")
        print(f"{len(CASES)} cases: {PAGE.name}")
    if options.out is not None:
        chosen = tuple(case for case in CASES if not options.names or case.name in options.names)
        make_all(options.out, chosen)
        files = [path for path in options.out.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        print(f"{len(chosen)} cases, {len(files)} files, {size:,} bytes: {options.out}")


if __name__ == "__main__":
    main()
