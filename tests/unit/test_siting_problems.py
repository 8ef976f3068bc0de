"""The problems on tables, against all choices one by one; and what their plans say."""

import runpy
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import carecircle as cc
from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.schema import SITES
from carecircle.siting import problems
from carecircle.siting.options import SiteOptions
from carecircle.siting.tables import nearest_new, site_table, units_of

made = runpy.run_path(str(Path(__file__).parents[1] / "siting_town.py"))
OPTIONS = SiteOptions(seconds=10)


@pytest.fixture(scope="module")
def town_of(at, streets, lonlat_of):
    network, areas = made["network_of"](streets), made["areas_of"](lonlat_of)

    def make(seed, count=7, **more):
        rng = np.random.default_rng(seed)
        nodes = rng.permutation(32)
        demand = made["demand_of"](at, rng.integers(0, 90, 32))
        candidates = made["candidates_of"](at, nodes[2 : 2 + count], **more)
        facilities = made["facilities_of"](at, nodes[:2], ["embedded"] * 2)
        return made["Town"](network, areas, facilities, demand, candidates)

    return make


def cover(reach):
    return reach.cover().toarray() > 0


def served(reach, chosen):
    return reach.near | cover(reach)[:, list(chosen)].any(axis=1)


def people(reach, chosen):
    return float(reach.weight[served(reach, chosen) & ~reach.near].sum())


def columns_of(reach, plan):
    return reach.columns(plan.chosen["candidate_id"])


def by_column(reach):
    """A unit for each column of the mesh."""
    node = reach.demand["demand_id"].str[1:].astype(int)
    names = pd.Series({f"{k}": f"第{k}列" for k in range(8)})
    return units_of((node % 8).astype(str), names, 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_maximum_coverage_and_its_tables(town_of, seed):
    reach = town_of(seed).reach()
    units = by_column(reach)
    plan = problems.maximum_coverage(reach, sites=3, options=OPTIONS, units=units)
    best = max(people(reach, one) for one in combinations(range(7), 3))
    assert (plan.status, plan.objective, plan.bound) == ("optimal", best, best)
    assert [column.name for column in SITES.columns] == [one for one in plan.chosen if one != "geometry"]
    standing = reach.near.copy()
    rest = set(columns_of(reach, plan).tolist())
    for row in plan.chosen.itertuples():
        column = int(reach.columns([row.candidate_id])[0])
        gains = {one: reach.weight[cover(reach)[:, one] & ~standing].sum() for one in rest}
        assert row.gain == row.people_60 == gains[column] == max(gains.values()), "in order of worth"
        before = rates(reach, standing)
        standing |= cover(reach)[:, column]
        passed = np.flatnonzero((rates(reach, standing) >= 0.5) & ~(before >= 0.5))
        assert row.units == "、".join(f"第{k}列" for k in passed)
        assert row.units_count == len(passed)
        assert (row.covered, row.total) == (reach.weight[standing].sum(), reach.weight.sum())
        rest.discard(column)
        assert f"{row.gain:,.0f} 人" in row.reason or row.gain == 0
    assert plan.chosen["rank"].tolist() == list(range(1, len(plan.chosen) + 1))
    for mine, others in tells(reach, plan):
        assert f"其中 {people(reach, [*others, mine]) - people(reach, others):,.0f} 人只有这里" in reason(
            plan, reach, mine
        )


def tells(reach, plan):
    chosen = columns_of(reach, plan).tolist()
    for one in chosen:
        if people(reach, chosen) and plan.chosen["gain"].iloc[chosen.index(one)] > 0:
            yield one, [other for other in chosen if other != one]


def reason(plan, reach, column):
    return plan.chosen["reason"].iloc[columns_of(reach, plan).tolist().index(column)]


def rates(reach, standing):
    node = reach.demand["demand_id"].str[1:].astype(int).to_numpy() % 8
    total = np.bincount(node, reach.weight, 8)
    return np.bincount(node[standing], reach.weight[standing], 8) / np.maximum(total, 1e-9)


def test_the_curve_has_the_plans_own_value_and_never_falls(town_of):
    reach = town_of(1).reach()
    plan = problems.maximum_coverage(reach, sites=3, options=OPTIONS)
    curve = plan.curve
    assert curve["covered"].is_monotonic_increasing
    assert curve.loc[curve["chosen"], ["sites", "covered"]].to_numpy().tolist() == [
        [len(plan.chosen), plan.chosen["covered"].iloc[-1]]
    ]
    assert curve["covered"].iloc[0] == reach.weight[reach.near].sum()
    for row in curve[~curve["chosen"]].itertuples():
        most = max(people(reach, one) for one in combinations(range(7), row.sites))
        assert row.covered <= reach.weight[reach.near].sum() + most


def test_who_is_served_where(town_of):
    town = town_of(2)
    reach = town.reach()
    plan = problems.maximum_coverage(reach, sites=3, options=OPTIONS)
    places = plan.chosen[["candidate_id", "geometry"]].rename(columns={"candidate_id": "facility_id"})
    times = cc.nearest(reach.demand, places, town.network, minutes=15)
    expected = times.assign(demand_id=reach.demand["demand_id"]).dropna(subset="minutes")
    table = plan.assignment.set_index("demand_id")
    assert sorted(table.index) == sorted(expected["demand_id"])
    assert np.allclose(table.loc[expected["demand_id"], "minutes"], expected["minutes"])
    at = reach.demand.set_index("demand_id")["people_60"]
    assert (table["people"] == at.loc[table.index]).all()
    assert (nearest_new(reach, plan.chosen) >= 0).sum() == len(table)


@pytest.mark.parametrize("seed", range(3))
def test_a_budget(town_of, seed):
    cost = np.random.default_rng(seed).integers(1, 9, 7).astype(float)
    reach = town_of(seed, cost=cost).reach()
    plan = problems.maximum_coverage(reach, budget=10, options=OPTIONS)
    costs = reach.candidates["cost"].to_numpy()
    fit = [one for n in range(8) for one in combinations(range(7), n) if costs[list(one)].sum() <= 10]
    assert (plan.status, plan.objective) == ("optimal", max(people(reach, one) for one in fit))
    assert plan.chosen["cost"].sum() <= 10


@pytest.mark.parametrize("seed", range(3))
def test_set_cover_leaves_out_whom_nobody_reaches_and_says_so(town_of, seed):
    reach = town_of(seed, 8).reach()
    plan = problems.set_cover(reach, options=OPTIONS)
    can = cover(reach).any(axis=1)
    open_ones = (reach.weight > 0) & ~reach.near
    fit = [one for n in range(9) for one in combinations(range(8), n) if served(reach, one)[open_ones & can].all()]
    assert (plan.status, len(plan.chosen)) == ("optimal", len(fit[0]))
    lost = open_ones & ~can
    assert bool(lost.any()) == bool(plan.reasons)
    if lost.any():
        assert f"{lost.sum()} 个居民点（{reach.weight[lost].sum():,.0f} 人）" in plan.reasons[0]


def test_backup_cover_counts_what_stands(town_of):
    reach = town_of(1, 9).reach()
    plan = problems.set_cover(reach, backup=2, options=OPTIONS)
    total = reach.standing + cover(reach).sum(axis=1)
    must = (reach.weight > 0) & (total >= 2)
    times = cover(reach).astype(int)

    def fits(one):
        return (reach.standing + times[:, list(one)].sum(axis=1))[must].min() >= 2

    fewest = next(n for n in range(10) for one in combinations(range(9), n) if fits(one))
    assert (plan.problem, plan.status, len(plan.chosen)) == ("backup_cover", "optimal", fewest)
    assert fits(columns_of(reach, plan))
    lost = (reach.weight > 0) & (total < 2)
    people_lost, names = f"{reach.weight[lost].sum():,.0f}", reach.demand["demand_id"][lost].tolist()
    listed = "、".join(names[:8]) + (text("siting.and_more", count=len(names)) if len(names) > 8 else "")
    assert plan.reasons == (
        text("siting.left_out_backup", points=lost.sum(), people=people_lost, names=listed, backup=2),
    )


def minutes_of(reach, chosen):
    table = reach.minutes.tocoo()
    dense = np.full(table.shape, np.inf)
    dense[table.row, table.col] = table.data
    return np.minimum(reach.base, dense[:, list(chosen)].min(axis=1, initial=np.inf))


@pytest.mark.parametrize("seed", range(3))
def test_p_median(town_of, seed):
    reach = town_of(seed).reach(bound=60)
    plan = problems.p_median(reach, sites=2, options=OPTIONS)
    best = min((reach.weight * np.minimum(minutes_of(reach, one), 60)).sum() for one in combinations(range(7), 2))
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(best)
    assert plan.bound <= plan.objective * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_p_center(town_of, seed):
    reach = town_of(seed).reach(bound=60)
    plan = problems.p_center(reach, sites=2, options=OPTIONS)
    people_there = reach.weight > 0
    best = min(minutes_of(reach, one)[people_there].max() for one in combinations(range(7), 2))
    if np.isinf(best):
        assert plan.status == "infeasible"
        assert plan.reasons
        return
    assert plan.status == "optimal"
    assert plan.objective == pytest.approx(best)


@pytest.mark.parametrize("seed", range(3))
def test_equity_raises_the_worst_and_then_all(town_of, seed):
    reach = town_of(seed).reach()
    units = by_column(reach)
    plan = problems.equity(reach, sites=3, units=units, options=OPTIONS)
    node = reach.demand["demand_id"].str[1:].astype(int).to_numpy() % 8
    can = np.array(
        [bool((cover(reach).any(axis=1) & ~reach.near & (reach.weight > 0))[node == k].any()) for k in range(8)]
    )
    full = np.array([reach.weight[(node == k) & ~reach.near].sum() == 0 for k in range(8)])
    compared = can | full
    rank = {
        one: (rates(reach, served(reach, one))[compared].min(), people(reach, one)) for one in combinations(range(7), 3)
    }
    best = max(rank.values())
    assert plan.objective == pytest.approx(best[0])
    if plan.status == "optimal":
        assert people(reach, columns_of(reach, plan)) == best[1]


def test_beds_are_never_more_than_there_are(town_of):
    town = town_of(3, beds=np.array([3.0, 2, 4, 1, 2, 3, 2]))
    reach = town.reach()
    facilities = town.facilities.to_crs(4326).assign(beds=[2.0, np.nan])
    existing = cc.travel_matrix(reach.demand, facilities, town.network, minutes=15)
    plan = problems.capacitated(reach, facilities, existing, sites=2, beds_per_1000=30, options=OPTIONS)
    assert plan.status == "optimal"
    assert len(plan.chosen) <= 2
    have = reach.candidates.set_index("candidate_id")["beds"]
    needed = plan.assignment.groupby("site_id")["people"].sum()
    per = 1.0 if needed.le(have.reindex(needed.index) + 1e-6).all() else 30 / 1000
    assert (needed * per <= have.reindex(needed.index) + 1e-6).all()
    assert plan.objective <= plan.bound + 1e-9
    assert any("1 家现有设施" in one for one in plan.reasons)


@pytest.mark.parametrize(
    "call",
    [
        problems.maximum_coverage,
        lambda reach: problems.maximum_coverage(reach, sites=1, budget=3),
        lambda reach: problems.maximum_coverage(reach, budget=3),
        lambda reach: problems.maximum_coverage(reach, sites=1, options=SiteOptions(force=("C00", "C01"))),
        lambda reach: problems.maximum_coverage(reach, sites=1, options=SiteOptions(force=("X",))),
        lambda reach: problems.set_cover(reach, options=SiteOptions(force=("C00",), forbid=("C00",))),
        lambda reach: problems.p_median(reach, sites=1, options=SiteOptions(force=("C00", "C01"))),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(town_of, call):
    with pytest.raises(UsageError) as told:
        call(town_of(1).reach())
    assert str(told.value)


def test_a_table_of_nothing(town_of):
    reach = town_of(1).reach()
    table = site_table(reach, np.empty(0, np.int64))
    assert len(table) == 0
    assert [column.name for column in SITES.columns] == [one for one in table if one != "geometry"]
    assert (nearest_new(reach, table) == -1).all()


@pytest.mark.parametrize("sites", [0, 7, 50])
def test_no_site_and_more_than_there_are(town_of, sites):
    reach = town_of(1).reach()
    plan = problems.maximum_coverage(reach, sites=sites, options=OPTIONS)
    assert plan.status == "optimal"
    assert plan.objective == (people(reach, range(7)) if sites else 0)
    assert len(plan.chosen) <= min(sites, 7)


def test_no_forbidden_site_is_said_to_stand_in_for_another(town_of):
    """The best other place of all is out of the question, so that another one is named."""
    reach = town_of(1).reach()
    first = problems.maximum_coverage(reach, sites=1, options=OPTIONS)
    rival = [name for name in reach.names if name in first.chosen["reason"].iloc[0]]
    assert rival
    barred = reach.candidates["candidate_id"][reach.names.index(rival[0])]
    again = problems.maximum_coverage(reach, sites=1, options=SiteOptions(forbid=(barred,), seconds=10))
    assert again.chosen["candidate_id"].tolist() == first.chosen["candidate_id"].tolist()
    assert rival[0] not in again.chosen["reason"].iloc[0]
