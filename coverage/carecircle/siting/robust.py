"""A plan seen again for other travellers and other people: those who walk slowly, and the oldest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from carecircle.model import Profile
from carecircle.network import RoadNetwork
from carecircle.policy.circles import SPEEDS, networks_of
from carecircle.policy.presence import people_of
from carecircle.reach import nearest_of_places
from carecircle.schema import PEOPLE
from carecircle.snap import snap

COLUMNS = ["profile", "speed_mps", "demand", "before", "covered", "total"]


def variants(
    demand: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    chosen: gpd.GeoDataFrame,
    network: RoadNetwork,
    *,
    minutes: float,
    speeds: Sequence[str | Profile] = SPEEDS,
) -> pd.DataFrame:
    """Return whom a plan serves at other speeds, by other ages.

    Parameters
    ----------
    demand
        Points with people.
    facilities, chosen
        Those that stand and stay, and the new ones.
    network
        To travel on; other speeds are taken of networks on foot only.
    minutes
        Limit, inclusive.
    speeds
        Travellers beside the network's own.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, one row a traveller and column of people that is known: people within the limit before and with the
        new centres, and in all. Points whose people are not known are not counted.
    """
    rows = [row for one in networks_of(network, speeds) for row in _of_speed(demand, facilities, chosen, one, minutes)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_speed(
    demand: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    chosen: gpd.GeoDataFrame,
    network: RoadNetwork,
    minutes: float,
) -> Iterator[dict[str, Any]]:
    at = snap(demand, network)
    places = gpd.GeoDataFrame(pd.concat([_bare(facilities), _bare(chosen)], ignore_index=True), crs=facilities.crs)
    before = nearest_of_places(at, facilities, network, minutes=minutes)[2] >= 0
    after = nearest_of_places(at, places, network, minutes=minutes)[2] >= 0
    known = [name for name in PEOPLE if name in demand and demand[name].notna().any()]
    weights = {name: demand[name].fillna(0.0).to_numpy(float) for name in known}
    weights = weights or {"points": people_of(demand).to_numpy(float)}
    for name, weight in weights.items():
        yield {
            "profile": network.profile.name,
            "speed_mps": network.profile.speed_mps,
            "demand": name,
            "before": float(np.sum(weight[before])),
            "covered": float(np.sum(weight[after])),
            "total": float(np.sum(weight)),
        }


def _bare(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return places with what they add to a way."""
    added = table["added_minutes"] if "added_minutes" in table else pd.Series(0.0, index=table.index)
    return gpd.GeoDataFrame({"added_minutes": added.to_numpy()}, geometry=table.geometry.to_numpy(), crs=table.crs)
