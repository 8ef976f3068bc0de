"""People by building: whole numbers that add up by township, and older people among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from .areas import Areas
from .estates import Homes
from .frame import Array, Ints, to_degrees, to_metres
from .names import ESTATE_FIRST, ESTATE_LAST, TOWNSHIPS

SHARE_65_OF_60, SHARE_80_OF_65 = 0.72, 0.20
COUNTS = ("people", "people_60", "people_65", "people_80")


def make_people(rng: np.random.Generator, homes: Homes, areas: Areas) -> pd.DataFrame:
    """Return one row per residential point.

    Columns: building_id, estate, households, people, people_60, people_65, people_80, lon, lat, x, y (local
    metres, from the rounded degrees) and community (number in `areas.communities`). Every township has
    exactly its people; older people are binomial draws, fewer in large new blocks than in small old ones.
    """
    lonlat = to_degrees(np.array(homes.points), digits=6)
    xy = to_metres(lonlat)
    block, size = np.array(homes.block), np.array(homes.size)
    point, community = shapely.STRtree(areas.communities.geometry.to_numpy()).query(
        shapely.points(xy), predicate="within"
    )
    lonlat, xy, block, size = lonlat[point], xy[point], block[point], size[point]
    parent = areas.communities["parent"].to_numpy()[community]
    people, people_60 = np.zeros(len(point), int), np.zeros(len(point), int)
    for township in TOWNSHIPS:
        own = parent == township.code
        people[own] = _share_out(size[own], township.people)
        age = (
            township.share_60
            * (size[own] / np.median(size[own])) ** -0.12
            * rng.lognormal(0, 0.18, own.sum())
        )
        people_60[own] = rng.binomial(people[own], np.clip(age, 0.03, 0.6))
    people_65 = rng.binomial(people_60, SHARE_65_OF_60)
    table = pd.DataFrame(
        {
            "estate": _estates(rng, areas, community, block),
            "households": np.maximum(1, np.round(people / rng.normal(2.75, 0.15, len(people)))).astype(int),
            "people": people,
            "people_60": people_60,
            "people_65": people_65,
            "people_80": rng.binomial(people_65, SHARE_80_OF_65),
            "lon": lonlat[:, 0],
            "lat": lonlat[:, 1],
            "x": xy[:, 0],
            "y": xy[:, 1],
            "community": community,
        }
    )
    table = table.iloc[np.lexsort((table["lon"], block, community))].reset_index(drop=True)
    table.insert(0, "building_id", [f"B{k + 1:05d}" for k in range(len(table))])
    return table


def _share_out(size: Array, total: int) -> Ints:
    """Share `total` people out by size in whole numbers (largest remainders)."""
    exact = size / size.sum() * total
    whole = np.floor(exact).astype(int)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: total - whole.sum()]] += 1
    return np.asarray(whole)


def _estates(rng: np.random.Generator, areas: Areas, community: Ints, block: Ints) -> list[str]:
    """Name blocks in town by invented estates, hamlets by their village and a group number."""
    names = [first + last + part for part in ("", "二期") for first in ESTATE_FIRST for last in ESTATE_LAST]
    urban = np.unique(block[block < 10_000])
    estate = dict(zip(urban.tolist(), rng.permutation(names)[: len(urban)].tolist(), strict=True))
    village = areas.communities["name"].to_numpy()[community]
    return [estate.get(int(b)) or f"{name}第{b % 100 + 1}组" for b, name in zip(block, village, strict=True)]
