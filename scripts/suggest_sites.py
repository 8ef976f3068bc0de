"""Suggest where new centres go, for a plan file: the fewest for a share of people, or the best few.

    python scripts/suggest_sites.py plan.toml --sites 5 --out sites
    python scripts/suggest_sites.py data/demo.toml --share 80 --out sites

Writes sites.html (open it), sites.xlsx, sites.csv, sites.gpkg and sites_curve.png, and prints the sites in order of
worth. Exit code 1: something is wrong with the plan or a file it names; the message says what. Edit the numbers below
to suit your question; every setting of the section [siting] of the plan can stand there.
"""

import argparse
import sys
from pathlib import Path

from carecircle import CarecircleError, load_plan, site

SETTINGS = {
    "siting.seconds": "30",  # of search; small cities need a second or two
    "siting.alternatives": "3",  # other plans that are nearly as good
    "siting.grid_metres": "500",  # width of the grid of proposed places
}


def suggest_sites(plan_file: Path, out: Path, sites: int | None, share: float | None) -> None:
    question = {"siting.problem": "maximum_coverage", "siting.sites": str(sites or 5)}
    if share is not None:
        question = {"siting.problem": "reach_target", "siting.share": str(share), "policy.packs": "[]"}
    plan = site(load_plan(plan_file, SETTINGS | question), out=out).plan
    print(f"{plan.status}: {len(plan.chosen)} sites, gap {plan.gap:.2%}, {plan.seconds:.1f} s")
    for reason in plan.reasons:
        print(reason)
    for row in plan.chosen.itertuples():
        rate = row.covered / row.total
        print(f"{row.rank:3d}. {row.name or row.candidate_id}: +{row.gain:,.0f}, {rate:.1%}. {row.reason}")
    print(out / "sites.html")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path, help="the plan file (TOML)")
    parser.add_argument("--out", type=Path, default=Path("sites"), help="folder to write to")
    parser.add_argument("--sites", type=int, help="so many new centres (default 5)")
    parser.add_argument("--share", type=float, help="the fewest centres for so many per cent of people 60+ instead")
    options = parser.parse_args()
    try:
        suggest_sites(options.plan, options.out, options.sites, options.share)
    except (CarecircleError, OSError) as error:
        sys.exit(str(error))
