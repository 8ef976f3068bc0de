"""The made-up town with a gap list, for tests of the map's gap layer."""

import runpy
from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from carecircle.gaps import KINDS, MEASURES, ranked
from carecircle.policy import load_pack
from carecircle.policy.results import Judgement

made = runpy.run_path(str(Path(__file__).with_name("town.py")))
town, NASTY = made["town"], made["NASTY"]


def gap_town(*, nasty=False, units=12, **options):
    """Return the town's study with gaps of YX-05 in `units` communities, and of YX-20 in the first three of them."""
    study = town(nasty=nasty, **options)
    areas = study.areas[study.areas["level"] == "community"]
    rounds = np.arange(units) // len(areas)
    areas = areas.iloc[np.arange(units) % len(areas)].reset_index(drop=True)
    points = areas.geometry.representative_point()
    near, places = study.facilities.iloc[0], np.arange(units)
    codes = [f"{code}{number}" for code, number in zip(areas["area_id"], rounds, strict=True)]
    both = [
        gpd.GeoDataFrame(
            {
                "gap_id": [f"{target}-{code}" for code in codes],
                "pack": "yuxi",
                "target_id": target,
                "also": "",
                "gap": [kinds[k % len(kinds)] for k in places],
                "area_id": codes,
                "level": "community",
                "name": areas["name"].astype(object),
                "county": "示例县",
                "township": NASTY[0] if nasty else "城关镇",
                "community": areas["name"].astype(object),
                "people_60": 500.0 - places,
                "people_80": np.where(places == 1, np.nan, 60.0),
                "people_60_out": 77.0 if target == "YX-20" else np.nan,
                "nearest_facility": near["facility_id"],
                "nearest_name": near["name"],
                "metres": np.where(places == 2, np.nan, 900.4),
                "minutes": np.where(places == 2, np.nan, 18.71),
                "measure": [MEASURES[k % len(MEASURES)] for k in places],
                "year": 2026,
                "rank": 1,
            },
            geometry=points.to_numpy(),
            crs="EPSG:4326",
        )
        for target, kinds in (("YX-05", [kind for kind in KINDS if kind != "beyond"]), ("YX-20", ["beyond"]))
    ]
    both[1] = both[1].iloc[:3]
    gaps = gpd.GeoDataFrame(pd.concat(both, ignore_index=True), crs="EPSG:4326")
    judged = Judgement(load_pack("yuxi"), date(2024, 6, 30), (), areas.iloc[:0])
    return replace(study, gaps=ranked(gaps), judgements=(judged,))
