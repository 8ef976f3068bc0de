"""Who reaches which candidate: against `cc.nearest` and one by one, in whatever order the tables come."""

import runpy
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import carecircle as cc
from carecircle.errors import UsageError
from carecircle.model import profile
from carecircle.network import at_speed
from carecircle.siting.problems import maximum_coverage
from carecircle.siting.reach import SLACK, site_reach
from carecircle.siting.robust import variants

made = runpy.run_path(str(Path(__file__).parents[1] / "siting_town.py"))


@pytest.fixture(scope="module")
def network(streets):
    return made["network_of"](streets)


@pytest.fixture(scope="module")
def tables(network, scattered):
    """Points, candidates and facilities strewn over the town: (demand, candidates, facilities)."""
    rng = np.random.default_rng(4)
    demand = scattered(network, 60, 1, "demand_id").assign(people_60=rng.integers(0, 30, 60).astype(float))
    candidates = scattered(network, 25, 2, "candidate_id").assign(source=rng.choice(["idle", "road", "settlement"], 25))
    return demand.to_crs(4326), candidates.to_crs(4326), scattered(network, 4, 3, "facility_id").to_crs(4326)


def shuffled(table, seed):
    return table.sample(frac=1, random_state=seed).set_index(np.arange(len(table)) * 3 + 7)


def test_the_order_of_rows_never_matters(network, tables):
    one = site_reach(*tables, network, minutes=12, bound=30)
    other = site_reach(*(shuffled(table, k) for k, table in enumerate(tables)), network, minutes=12, bound=30)
    assert one.candidates["candidate_id"].tolist() == other.candidates["candidate_id"].tolist()
    assert one.demand["demand_id"].tolist() == other.demand["demand_id"].tolist()
    assert (one.minutes.indptr == other.minutes.indptr).all()
    assert (one.minutes.indices == other.minutes.indices).all()
    assert np.allclose(one.minutes.data, other.minutes.data, atol=1e-9)
    assert np.allclose(one.base, other.base)
    assert (one.standing == other.standing).all()
    assert (one.weight == other.weight).all()
    first, second = maximum_coverage(one, sites=4), maximum_coverage(other, sites=4)
    pd.testing.assert_frame_equal(pd.DataFrame(first.chosen), pd.DataFrame(second.chosen))


def test_every_pair_as_nearest_has_it(network, tables):
    demand, candidates, facilities = tables
    reach = site_reach(demand, candidates, facilities, network, minutes=12, bound=30)
    dense = np.full((60, 25), np.nan)
    entry = reach.minutes.tocoo()
    dense[entry.row, entry.col] = entry.data
    for column, name in enumerate(reach.candidates["candidate_id"]):
        place = candidates[candidates["candidate_id"] == name].rename(columns={"candidate_id": "facility_id"})
        alone = cc.nearest(reach.demand, place, network, minutes=30)["minutes"].to_numpy(float)
        assert np.allclose(dense[:, column], alone, equal_nan=True)


def test_what_stands_as_nearest_has_it(network, tables):
    demand, candidates, facilities = tables
    reach = site_reach(demand, candidates, facilities, network, minutes=12, bound=30)
    alone = [
        cc.nearest(reach.demand, facilities.iloc[[one]], network, minutes=30)["minutes"].to_numpy(float)
        for one in range(len(facilities))
    ]
    best = np.fmin.reduce(alone)
    assert np.allclose(np.where(np.isinf(reach.base), np.nan, reach.base), best, equal_nan=True)
    assert reach.standing.tolist() == (np.array(alone) <= 12 + SLACK).sum(axis=0).tolist()
    assert reach.near.tolist() == (reach.standing > 0).tolist()
    assert (reach.cover().toarray() > 0).sum() == (reach.minutes.data <= 12 + SLACK).sum()


def test_limits_are_inclusive_and_zero_minutes_are_a_way(network, at):
    demand = made["demand_of"](at, np.ones(32))
    candidates = made["candidates_of"](at, [0, 2])
    far = made["facilities_of"](at, [31], ["embedded"])
    reach = site_reach(demand, candidates, far, network, minutes=400 / 48)
    assert np.flatnonzero(reach.cover()[:, [0]].toarray()).tolist() == [0, 1, 8]
    assert np.flatnonzero(reach.cover()[:, [1]].toarray()).tolist() == [1, 2, 3, 10]
    assert maximum_coverage(reach, sites=2).objective == 6
    assert reach.minutes.nnz == 7


def test_nothing_that_stands(network, tables):
    reach = site_reach(tables[0], tables[1], tables[2].iloc[:0], network, minutes=12)
    assert not reach.near.any()
    assert (reach.standing == 0).all()
    assert np.isinf(reach.base).all()
    plan = maximum_coverage(reach, sites=1)
    assert plan.objective == (reach.cover().T @ reach.weight).max()


def test_of_equal_places_the_users_own_is_taken(network, at):
    demand = made["demand_of"](at, np.ones(32))
    far = made["facilities_of"](at, [31], ["embedded"])
    sources = ["road", "uncovered", "idle", "settlement", "idle"]
    candidates = made["candidates_of"](at, [9, 9, 9, 9, 9], sources)
    reach = site_reach(demand, candidates, far, network)
    assert reach.candidates["candidate_id"].tolist() == ["C02", "C04", "C03", "C01", "C00"]
    assert maximum_coverage(reach, sites=1).chosen["candidate_id"].tolist() == ["C02"]
    assert reach.columns(["C00", "C02"]).tolist() == [4, 0]


def test_keys_twice_and_unknown_names_are_told(network, tables):
    demand, candidates, facilities = tables
    twice = pd.concat([candidates, candidates.iloc[:2]], ignore_index=True)
    with pytest.raises(UsageError, match=candidates["candidate_id"][0]):
        site_reach(demand, gpd.GeoDataFrame(twice, crs=4326), facilities, network)
    reach = site_reach(demand, candidates, facilities, network)
    with pytest.raises(UsageError, match=r"X1.*X2"):
        reach.columns(["X1", candidates["candidate_id"][0], "X2"])


def test_names_are_told_apart(network, at):
    candidates = made["candidates_of"](at, [1, 2, 3, 4]).assign(name=["甲", "甲", None, " "])
    far = made["facilities_of"](at, [31], ["embedded"])
    reach = site_reach(made["demand_of"](at, np.ones(32)), candidates, far, network)
    assert reach.names == ["甲（C00）", "甲（C01）", "C02", "C03"]


@pytest.mark.parametrize(
    ("columns", "measure", "weight", "unknown"),
    [
        ({"people_60": [1.0, np.nan, 3.0], "people": [9.0, 9, 9]}, "people_60", [1, 0, 3], 1),
        ({"people": [9.0, 8, 7]}, "people", [9, 8, 7], 0),
        ({}, "points", [1, 1, 1], 0),
    ],
)
def test_what_points_weigh(network, at, columns, measure, weight, unknown):
    demand = at((0, 0), (400, 0), (800, 0), key="demand_id", **columns)
    far = made["facilities_of"](at, [31], ["embedded"])
    reach = site_reach(demand, made["candidates_of"](at, [1]), far, network)
    assert (reach.measure, reach.weight.tolist(), reach.unknown) == (measure, weight, unknown)
    plan = maximum_coverage(reach, sites=1)
    assert plan.objective == sum(weight)
    assert any("1 " in reason for reason in plan.reasons) == bool(unknown)


def test_other_travellers_as_nearest_has_them(network, tables):
    demand, candidates, facilities = tables
    demand = demand.assign(people_80=demand["people_60"] / 4)
    chosen = candidates.iloc[:3]
    found = variants(demand, facilities, chosen, network, minutes=12)
    assert sorted(found["speed_mps"].unique()) == [0.7, 0.8, 1.0, 1.11]
    both = pd.concat([facilities, chosen.rename(columns={"candidate_id": "facility_id"})], ignore_index=True)
    places = {"before": facilities, "covered": gpd.GeoDataFrame(both, crs=4326)}
    for row in found.itertuples():
        other = at_speed(network, profile(row.profile))
        weight = demand[row.demand].to_numpy()
        for name, table in places.items():
            near = cc.nearest(demand, table, other, minutes=12)["minutes"].notna().to_numpy()
            assert getattr(row, name) == pytest.approx(weight[near].sum())
        assert row.total == pytest.approx(weight.sum())
    by_speed = found[found["demand"] == "people_60"].sort_values("speed_mps")["covered"]
    assert by_speed.is_monotonic_increasing
    assert by_speed.iloc[0] < by_speed.iloc[-1]


def test_a_plan_without_sites_is_seen_as_it_stands(network, tables):
    found = variants(tables[0], tables[2], tables[1].iloc[:0], network, minutes=12)
    assert (found["before"] == found["covered"]).all()
