"""List the gaps of a plan: units in which a target is not met, with their people and the nearest facility.

    python scripts/gap_analysis.py plan.toml --out gaps
    python scripts/gap_analysis.py data/demo.toml --pack yuxi --out gaps

Writes gaps.csv (for Excel) and gaps.gpkg (for a GIS) and prints the first ten. Exit code 1: something is wrong with
the plan or a file it names; the message says what. Edit the numbers below to suit your question.
"""

import argparse
import sys
from pathlib import Path

from carecircle import CarecircleError, InputError, QualityLog, load_plan
from carecircle.errors import problem
from carecircle.gaps import find_gaps
from carecircle.intake import read_inputs
from carecircle.outputs import write_layer
from carecircle.policy.assessment import assess
from carecircle.policy.evidence import Evidence
from carecircle.report.gapwords import gap_lines
from carecircle.report.workbook import write_csv


def gap_analysis(plan_file: Path, out: Path, packs: list[str]) -> None:
    plan = load_plan(plan_file, {"policy.packs": str(packs)} if packs else None)
    if not plan.policy.packs:
        raise InputError([problem("plan_setting", setting="policy.packs", why="[]；--pack yuxi")])
    given = read_inputs(plan, QualityLog(), lambda _stage: None)  # network, facilities, areas, people, packs
    minutes, share = max(plan.reach.minutes), plan.reach.served_share
    tables = given.facilities, given.areas, given.demand
    evidence = Evidence(
        *tables, plan.as_of, given.network, given.policies.inputs, minutes, share,
        plan.policy.readings, plan.policy.lines, tuple(plan.policy.centre),
    )  # fmt: skip
    judgements = [assess(pack, evidence) for pack in given.policies.packs]
    # A neighbour may serve within `minutes`; a circle leaves a unit out when less than `served_share` of its people is
    # within reach; `min_floor_m2` says from which floor area on a facility is large enough.
    gaps = find_gaps(judgements, *tables, given.network, minutes=minutes, served_share=share,
                     min_floor_m2=plan.policy.min_floor_m2, centre=evidence.centre)  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    write_csv(gaps.drop(columns="geometry").assign(lon=gaps.geometry.x, lat=gaps.geometry.y), out / "gaps.csv")
    write_layer(gaps, out / "gaps.gpkg", "gaps", as_of=plan.as_of)
    print("\n".join(gap_lines(gaps, judgements, most=10)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path, help="the plan file (TOML)")
    parser.add_argument("--out", type=Path, default=Path("gaps"), help="folder to write to")
    parser.add_argument("--pack", action="append", default=[], help="a pack instead of the plan's; may be repeated")
    options = parser.parse_args()
    try:
        gap_analysis(options.plan, options.out, options.pack)
    except (CarecircleError, OSError) as error:
        sys.exit(str(error))
