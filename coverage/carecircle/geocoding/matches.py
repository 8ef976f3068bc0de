"""Which of the places that a map service offers for an address is taken, and why another is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from carecircle.china.coordinates import to_wgs84
from carecircle.errors import InputError, problem
from carecircle.geocoding.lists import AddressList
from carecircle.geocoding.services import CHINA, COARSE, Answer, Said, Service
from carecircle.sources.areas import read_areas

PLACE = ["lon", "lat"]

_SAME_PLACE_M = 500.0
"""Candidates nearer to each other than this are one place: 6号 and 6号院."""
_BORDER_DEG = 0.005
"""About 500 m: how far outside its county a place may be, for boundaries are often simplified."""
_ELSEWHERE = -2
"""A row whose code names a county that is not among the areas: nothing can be said of its place."""
_ELLIPSOID = Geod(ellps="WGS84")


def polygons_of(areas: gpd.GeoDataFrame | str | Path | None) -> gpd.GeoDataFrame | None:
    """Return the areas to check by: the counties, where there are any."""
    if areas is None:
        return None
    given = areas if isinstance(areas, gpd.GeoDataFrame) else read_areas(areas)
    shaped = given[~(given.geometry.isna() | given.geometry.is_empty)]
    if shaped.empty:
        file = None if isinstance(areas, gpd.GeoDataFrame) else areas
        raise InputError(problem("wrong_geometry", file=file, wanted="polygon", found="-"))
    counties = shaped[shaped["level"].eq("county")]
    return shaped if counties.empty else counties


class Where:
    """Which area each row of a list says it is in, and whether a place is there."""

    def __init__(self, listing: AddressList, areas: gpd.GeoDataFrame | None) -> None:
        self.areas = areas
        self.named = pd.Series("", index=listing.cells.index, dtype=object)
        self._stated = pd.Series(-1, index=listing.cells.index)
        if areas is not None and areas["level"].eq("county").all():
            self._stated = _stated(listing.cells, areas)
            names = areas["name"].fillna(areas["area_id"]).to_numpy(object)
            known = self._stated >= 0
            self.named[known] = names[self._stated[known]]

    def holds(self, rows: pd.Series, lon: pd.Series, lat: pd.Series) -> NDArray[np.bool_]:
        """Return whether each place is in the area its row states, or in any where it states none."""
        if self.areas is None:
            return np.ones(len(rows), dtype=bool)
        points: NDArray[np.object_] = np.asarray(shapely.points(lon.to_numpy(), lat.to_numpy()), dtype=object)
        stated = self._stated.loc[rows].to_numpy()
        shapes = self.areas.geometry.to_numpy()
        outline = shapely.union_all(shapes)
        shapely.prepare(outline)
        inside = np.asarray(shapely.dwithin(points, outline, _BORDER_DEG), dtype=bool)
        own = stated >= 0
        inside[own] = shapely.dwithin(points[own], shapes[stated[own]], _BORDER_DEG)
        inside[stated == _ELSEWHERE] = True
        return inside


def _stated(cells: pd.DataFrame, counties: gpd.GeoDataFrame) -> pd.Series:
    """Return the position of the county each row states: by code, else by its column, else in its address."""
    names, codes = counties["name"].astype("string"), counties["area_id"].astype("string").str[:6]
    digits = cells["area_code"].astype("string").str.extract(r"^(\d{6})\d*$")[0]
    coded = digits.notna() & ~digits.str.endswith("00").fillna(value=True).astype(bool)
    coded &= bool(codes.str.fullmatch(r"\d{6}").any())  # else the areas have names of their own making
    position = {code: place for place, code in reversed(list(enumerate(codes)))}
    by_code = digits.map(position)
    by_column = cells["county"].map(_only_once(names))
    found = by_code.where(coded, by_column).where(coded | by_column.notna(), _named(cells["address"], names))
    return found.mask(coded & by_code.isna(), _ELSEWHERE).fillna(-1).astype(int)


def _only_once(names: pd.Series) -> dict[str, int]:
    """Return the position of each name that one county alone has."""
    single = names.notna() & ~names.duplicated(keep=False)
    return {str(name): place for place, (name, alone) in enumerate(zip(names, single, strict=True)) if alone}


def _named(addresses: pd.Series, names: pd.Series) -> pd.Series:
    """Return the position of the county whose name stands in each address: the longest name, NaN when none does."""
    words = addresses.astype("string").fillna("")
    found = pd.Series(np.nan, index=addresses.index)
    for name, place in sorted(_only_once(names).items(), key=lambda item: len(item[0])):
        found = found.mask(words.str.contains(name, regex=False).astype(bool), place)
    return found


def matches_of(
    queries: pd.Series, answers: Mapping[str, Said], service: Service, where: Where, *, coarse: bool
) -> pd.DataFrame:
    """Return one row for each row of the list that has candidates: the place chosen, and what is wrong with it.

    Columns: lon, lat (WGS 84), level, score, matched, count (of places that would do), reason (key of a sentence
    for a place that is not taken, else ""), county.
    """
    offered = _candidates(answers, service)
    asked = pd.DataFrame({"row": queries.index, "query": queries.to_numpy()})
    long = asked.merge(offered, on="query").sort_values(["row", "rank"], kind="stable")
    west, south, east, north = CHINA
    in_china = long["lon"].between(west, east) & long["lat"].between(south, north)
    there = where.holds(long["row"], long["lon"], long["lat"])
    too_wide = long["level"].isin(COARSE).to_numpy() & (not coarse)
    keys = ["geocode_outside_china", "geocode_elsewhere", "geocode_coarse"]
    long["reason"] = np.select([~in_china.to_numpy(bool), ~there, too_wide], keys, default="")
    long["fits"] = long["reason"].eq("")
    best = long.sort_values(["row", "fits", "rank"], ascending=[True, False, True], kind="stable")
    best = best.drop_duplicates("row").set_index("row")
    best["count"] = long.groupby("row")["fits"].sum()
    apart = _metres(long, best.loc[long["row"], PLACE])
    spread = pd.Series(np.where(long["fits"], apart, 0.0), index=long["row"]).groupby(level=0).max()
    best.loc[best["fits"] & spread.gt(_SAME_PLACE_M), "reason"] = "geocode_several"
    return best.assign(county=where.named.loc[best.index])


def _candidates(answers: Mapping[str, Said], service: Service) -> pd.DataFrame:
    """Return all places offered, in WGS 84: query, rank, lon, lat, level, score, matched."""
    columns = {"query": object, "rank": int, "lon": float, "lat": float, "level": object, "score": float,
               "matched": object}  # fmt: skip
    listed = [
        (query, rank, c.lon, c.lat, c.level, c.score, c.matched)
        for query, said in answers.items()
        if isinstance(said, Answer)
        for rank, c in enumerate(said.candidates)
    ]
    frame = pd.DataFrame(listed, columns=list(columns)).astype(columns)
    frame["lon"], frame["lat"] = to_wgs84(frame["lon"], frame["lat"], service.datum)
    return frame


def _metres(one: pd.DataFrame, other: pd.DataFrame) -> NDArray[np.float64]:
    """Return the distance between the places of two frames, row by row."""
    ends: list[Any] = [frame[column].to_numpy(float) for frame in (one, other) for column in PLACE]
    return np.asarray(_ELLIPSOID.inv(*ends)[2], dtype=np.float64)
