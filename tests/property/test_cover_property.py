"""Laws of coverage: more facilities and more minutes never cover less; order and names do not matter."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carecircle.cover import coverage

TRIES = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def quarters(network_of):
    west, south, east, north = network_of("elder").bounds
    x, y = (west, (west + east) / 2, east), (south, (south + north) / 2, north)
    shapes = [shapely.box(x[i], y[j], x[i + 1], y[j + 1]) for i in (0, 1) for j in (0, 1)]
    codes = [f"53010100{k}" for k in range(1, 5)]
    whole = gpd.GeoDataFrame(
        {"area_id": ["530101"], "level": "county", "parent_id": None},
        geometry=[shapely.box(west, south, east, north)],
        crs=network_of("elder").crs,
    )
    parts = gpd.GeoDataFrame(
        {"area_id": codes, "level": "township", "parent_id": "530101"}, geometry=shapes, crs=network_of("elder").crs
    )
    return pd.concat([whole, parts], ignore_index=True)


@pytest.fixture(scope="module")
def homes(network_of, scattered):
    people = np.random.default_rng(1).integers(0, 50, 120).astype(float)
    return scattered(network_of("elder"), 120, 11, "demand_id").assign(people_60=people)


def covered(table):
    return table.set_index(["area_id", "kind", "minutes", "measure", "unit"])["covered"]


@TRIES
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 6),
    minutes=st.lists(st.floats(0.5, 20), min_size=1, max_size=3, unique=True),
)
def test_another_facility_never_lowers_what_is_covered(network_of, scattered, quarters, homes, seed, n, minutes):
    network = network_of("elder")
    facilities = scattered(network, n + 1, seed)
    fewer = covered(coverage(homes, facilities.iloc[:n], quarters, network, minutes=minutes))
    more = covered(coverage(homes, facilities, quarters, network, minutes=minutes))
    assert (more.loc[fewer.index] >= fewer).all()


@TRIES
@given(seed=st.integers(0, 10**6), low=st.floats(0.5, 10), step=st.floats(0.01, 10))
def test_more_minutes_never_cover_less_and_parts_add_up(network_of, scattered, quarters, homes, seed, low, step):
    network = network_of("elder")
    facilities = scattered(network, 4, seed).assign(kind=["A", "B", "A", "B"])
    table = coverage(homes, facilities, quarters, network, minutes=(low, low + step))
    timed = table[table["minutes"].notna()]
    short, long = (covered(timed[timed["minutes"] == limit]).droplevel("minutes") for limit in (low, low + step))
    assert (long >= short).all()
    assert (table["covered"] <= table["total"]).all()
    sums = table[~table["measure"].eq("facilities") & (table["unit"] != "county")].assign(
        minutes=table["minutes"].fillna(0)
    )
    keys = ["kind", "minutes", "measure", "unit"]
    whole, parts = (
        sums[sums["level"] == level].groupby(keys)[["covered", "total"]].sum() for level in ("county", "township")
    )
    pd.testing.assert_frame_equal(whole, parts)
    any_kind, each = (covered(timed[timed["kind"] == kind]).droplevel("kind") for kind in ("all", "A"))
    assert (any_kind >= each).all()


@TRIES
@given(seed=st.integers(0, 10**6))
def test_order_and_names_do_not_matter(network_of, scattered, quarters, homes, seed):
    network, rng = network_of("elder"), np.random.default_rng(seed)
    facilities = scattered(network, 5, seed).assign(kind=["A", "B", "A", None, "B"])
    table = coverage(homes, facilities, quarters, network, minutes=(4, 9))
    other = coverage(
        homes.iloc[rng.permutation(len(homes))].assign(demand_id=[f"x{k}" for k in range(len(homes))]),
        facilities.iloc[rng.permutation(5)].assign(facility_id=list("vwxyz")),
        quarters.iloc[rng.permutation(len(quarters))],
        network,
        minutes=(9, 4),
    )
    pd.testing.assert_frame_equal(other, table)
