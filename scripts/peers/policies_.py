"""Four coverage targets of Yuxi's document, on 718 communities and 5,000 facilities: by carecircle, and by hand.

What a planner would write instead is a spatial join and a count in geopandas for each target. Both find the same
numbers, which the note says; carecircle's also tells apart who counts by kind, functions, state and day, and which of a
unit's people reach one. `whole` is what carecircle does of itself with all 29 targets: other readings, years and
counties beside each.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from harness import Job, Task, main

from carecircle.china.units import units
from carecircle.policy import load_pack
from carecircle.policy.evidence import Evidence, place_of
from carecircle.policy.presence import Ways, tally_of, unit_table

DAY = date(2026, 6, 30)
FUNCTIONS = "失能照护、医疗护理、康复服务、全托、日托、上门服务、对下指导"
WANTED = {
    "YX-03": ("农村区域养老服务中心", "township", range(100, 400)),
    "YX-04": ("街道综合养老服务中心", "township", range(1, 100)),
    "YX-05": ("社区日间照料中心", "community", range(1, 200)),
    "YX-24": ("老年助餐点", "township", range(1, 100)),
}
SIDE, ACROSS, FACILITIES = 0.02, 27, 5000


def city(_job: Job) -> Evidence:
    """Draw Yuxi's units as squares, and facilities in them."""
    listed = units(["5304"])
    communities = listed[listed["level"] == "community"].reset_index(drop=True)
    row, column = np.divmod(np.arange(len(communities)), ACROSS)
    west, south = 101.9 + SIDE * column, 23.9 + SIDE * row
    squares = gpd.GeoSeries(shapely.box(west, south, west + SIDE, south + SIDE), crs="EPSG:4326")
    parts = [gpd.GeoDataFrame(communities, geometry=squares)]
    for level, digits in (("township", 9), ("county", 6)):
        shapes = squares.groupby(communities["area_id"].str[:digits].to_numpy()).agg(lambda found: found.union_all())
        above = listed[listed["level"] == level].set_index("area_id")
        above = above[above.index.isin(shapes.index)].assign(geometry=shapes)
        parts.append(gpd.GeoDataFrame(above.rename_axis("area_id").reset_index(), geometry="geometry", crs="EPSG:4326"))
    areas = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs="EPSG:4326")
    rng = np.random.default_rng(1)
    home = rng.integers(0, len(communities), FACILITIES)
    xy = np.column_stack([west, south])[home] + SIDE * rng.uniform(0.05, 0.95, (FACILITIES, 2))
    facilities = gpd.GeoDataFrame(
        {
            "facility_id": np.arange(FACILITIES).astype(str),
            "kind": rng.choice([kind for kind, _, _ in WANTED.values()], FACILITIES),
            "functions": FUNCTIONS,
            "status": rng.choice(["open", "停业"], FACILITIES, p=[0.2, 0.8]),
        },
        geometry=shapely.points(xy),
        crs="EPSG:4326",
    )
    people = gpd.GeoDataFrame({"demand_id": ["P"]}, geometry=[squares[0].centroid], crs="EPSG:4326")
    return Evidence(facilities, areas, people, DAY)


def carecircle(_job: Job, evidence: Evidence) -> list[tuple[int, int]]:
    """Count by the reading "has one", with all columns of the table of units."""
    pack = load_pack("yuxi")
    place = place_of(pack, evidence)
    found = []
    for name in WANTED:
        target = pack.target(name)
        chosen = place.evidence.chosen(target)
        tally = tally_of(unit_table(target, pack, place, chosen, Ways(place.evidence)), chosen)
        found.append((int(tally.numerator or 0), int(tally.denominator or 0)))
    return found


def by_hand(_job: Job, evidence: Evidence) -> list[tuple[int, int]]:
    """Count with a spatial join and a count for each target."""
    facilities, areas = evidence.facilities, evidence.areas
    found = []
    for kind, level, numbers in WANTED.values():
        digits = {"township": (6, 9), "community": (9, 12)}[level]
        own = areas[areas["level"] == level]
        own = own[own["area_id"].str[slice(*digits)].astype(int).isin(numbers)]
        counted = facilities[(facilities["kind"] == kind) & (facilities["status"] == "open")]
        joined = gpd.sjoin(counted, own, predicate="within")
        found.append((joined["area_id"].nunique(), len(own)))
    return found


def whole(_job: Job, evidence: Evidence) -> list[str]:
    """All 29 targets with everything beside them."""
    from carecircle.policy.assessment import assess  # noqa: PLC0415  loads more than the other tasks need

    return [one.verdict.word for one in assess(load_pack("yuxi"), evidence).outcomes]


def told(_job: Job, _evidence: Evidence, found: list[Any]) -> dict[str, str]:
    """Say what was found."""
    if isinstance(found[0], str):
        return {"note": f"{len(found)} targets, {found.count('no_data')} without data"}
    return {"note": ", ".join(f"{have} of {of}" for have, of in found)}


if __name__ == "__main__":
    main(
        packages=["carecircle", "geopandas"],
        setup=city,
        tasks={"units": Task(carecircle, told), "by_hand": Task(by_hand, told), "whole": Task(whole, told)},
    )
