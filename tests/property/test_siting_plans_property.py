"""What holds of every plan, whatever the place: random tables of who reaches whom, without a network."""

from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from carecircle.siting import problems
from carecircle.siting.options import SiteOptions
from carecircle.siting.phasing import Quota, phase
from carecircle.siting.reach import SiteReach
from carecircle.siting.reaching import Share, reach_target
from carecircle.siting.tables import assignment_table, site_table, units_of

OPTIONS = SiteOptions(seconds=10)
seeds = st.integers(0, 100_000)
few = settings(max_examples=12, deadline=None)


def random_reach(seed, points=14, places=6):
    rng = np.random.default_rng(seed)
    near = rng.random((points, places)) < 0.3
    minutes = csr_array(np.where(near, rng.integers(1, 16, (points, places)), 0).astype(float))
    base = np.where(rng.random(points) < 0.2, 5.0, np.inf)
    return SiteReach(
        gpd.GeoDataFrame({"demand_id": [f"P{k:02}" for k in range(points)]}, geometry=spots(points), crs=4326),
        gpd.GeoDataFrame(
            {
                "candidate_id": [f"C{k}" for k in range(places)],
                "name": [None] * places,
                "source": rng.choice(["idle", "road"], places),
            },
            geometry=spots(places),
            crs=4326,
        ),
        minutes,
        base,
        np.isfinite(base).astype(np.int64),
        rng.integers(0, 30, points).astype(float),
        "people_60",
        15.0,
        15.0,
    )


def spots(count):
    return gpd.points_from_xy(102 + np.arange(count) / 100, np.full(count, 24.3))


def relabelled(reach, order):
    """The same with candidates in another order; their ids go with them."""
    return reach.take(np.asarray(order))


def people(reach, chosen):
    served = (reach.cover().toarray()[:, list(chosen)] > 0).any(axis=1)
    return float(reach.weight[served & ~reach.near].sum())


@few
@given(seeds, st.integers(0, 6))
def test_more_sites_are_never_worse_and_bounds_hold(seed, sites):
    reach = random_reach(seed)
    plans = [problems.maximum_coverage(reach, sites=n, options=OPTIONS) for n in (sites, sites + 1)]
    assert plans[0].objective <= plans[1].objective
    for n, plan in zip((sites, sites + 1), plans, strict=True):
        chosen = reach.columns(plan.chosen["candidate_id"])
        best = max(people(reach, one) for one in combinations(range(6), min(n, 6)))
        assert people(reach, chosen) == plan.objective == plan.chosen["gain"].sum() == best <= plan.bound
        assert len(set(chosen)) == len(chosen) <= n


@few
@given(seeds)
def test_one_more_candidate_is_never_worse(seed):
    reach = random_reach(seed)
    fewer = reach.take(np.arange(5))
    options = {"sites": 2, "options": OPTIONS}
    assert (
        problems.maximum_coverage(reach, **options).objective >= problems.maximum_coverage(fewer, **options).objective
    )
    some, all_ = (reach_target(one, share=Share(60.0), options=OPTIONS) for one in (fewer, reach))
    assert some.status == "infeasible" or all_.objective <= some.objective


@few
@given(seeds, st.permutations(range(6)))
def test_the_order_of_candidates_changes_no_value(seed, order):
    reach = random_reach(seed)
    other = relabelled(reach, order)
    for ask in (
        lambda one: problems.maximum_coverage(one, sites=2, options=OPTIONS),
        lambda one: reach_target(one, share=Share(55.0), options=OPTIONS),
        lambda one: problems.set_cover(one, options=OPTIONS),
    ):
        first, second = ask(reach), ask(other)
        assert first.status == second.status
        assert first.objective == second.objective or (np.isnan(first.objective) and np.isnan(second.objective))
        assert first.bound == second.bound


@few
@given(seeds, st.integers(1, 100))
def test_the_fewest_for_a_share_of_each_unit(seed, share):
    reach = random_reach(seed)
    labels = pd.Series(np.arange(14) % 2).map({0: "A", 1: "B"})
    plan = reach_target(reach, share=Share(float(share), labels), options=OPTIONS)

    def holds(chosen):
        served = reach.near | (reach.cover().toarray()[:, list(chosen)] > 0).any(axis=1)
        return all(
            100 * reach.weight[served & mine].sum() >= share * reach.weight[mine].sum()
            for mine in (labels.eq("A").to_numpy(), labels.eq("B").to_numpy())
        )

    fit = [one for n in range(7) for one in combinations(range(6), n) if holds(one)]
    if not fit:
        assert (plan.status, len(plan.chosen)) == ("infeasible", 0)
        assert plan.reasons
        return
    assert (plan.status, plan.objective, len(plan.chosen)) == ("optimal", len(fit[0]), len(fit[0]))
    chosen = reach.columns(plan.chosen["candidate_id"])
    assert holds(chosen)
    kept = [one for one in fit if len(one) == len(fit[0])]
    assert worth(reach, chosen) == max(worth(reach, one) for one in kept)


def worth(reach, chosen):
    return int(reach.candidates["source"].iloc[list(chosen)].eq("idle").sum()), people(reach, chosen)


@few
@given(seeds)
def test_tables_add_up(seed):
    reach = random_reach(seed)
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(rng.random(6) < 0.5)
    units = units_of(pd.Series(rng.choice(["A", "B", "C"], 14)), pd.Series({"A": "甲", "B": "乙", "C": "丙"}), 0.5)
    table = site_table(reach, chosen, units=units)
    assert sorted(reach.columns(table["candidate_id"])) == chosen.tolist()
    assert table["gain"].sum() == people(reach, chosen)
    assert (np.diff(table["gain"]) <= 0).all(), "each adds most of what those before it left"
    start = reach.weight[reach.near].sum()
    assert table["covered"].tolist() == (start + table["gain"].cumsum()).tolist()
    named = [name for row in table["units"] for name in row.split("、") if name]
    assert len(set(named)) == len(named) == table["units_count"].sum()


@few
@given(seeds)
def test_an_assignment_has_the_minutes_of_its_pairs(seed):
    reach = random_reach(seed)
    rng = np.random.default_rng(seed)
    assigned = rng.integers(-1, 6, 14)
    table = assignment_table(reach, assigned)
    assert len(table) == (assigned >= 0).sum()
    dense = reach.minutes.toarray()
    for row in table.itertuples():
        point, column = int(row.demand_id[1:]), int(row.site_id[1:])
        assert assigned[point] == column
        assert row.people == reach.weight[point]
        assert row.minutes == dense[point, column] or (dense[point, column] == 0 and np.isnan(row.minutes))


@few
@given(seeds)
def test_years_never_take_back_a_site_nor_surpass_a_quota(seed):
    reach = random_reach(seed)
    rng = np.random.default_rng(seed)
    units = rng.choice(list("abc"), 6).astype(object)
    quotas = tuple(
        Quota(
            f"{k}", f"{k}", "SQ", "x", np.arange(3 * k, 3 * k + 3), units[3 * k : 3 * k + 3],
            tuple(int(n) for n in np.cumsum(rng.integers(0, 2, 3))),
        )
        for k in range(2)
    )  # fmt: skip
    found = phase(reach, np.arange(6), quotas, (2025, 2026, 2027), OPTIONS)
    for phases in found.ways.values():
        before: set[int] = set()
        for year, one in enumerate(phases):
            now = set(one.columns.tolist())
            assert before <= now
            before = now
            for asked in quotas:
                mine = [k for k in now if k in asked.columns]
                assert len(mine) == min(asked.by_year[year], asked.room)
                assert len({units[k] for k in mine}) == len(mine)
    ends = {way: people(reach, phases[-1].columns) for way, phases in found.ways.items()}
    assert ends["far_sighted"] >= ends["myopic"]
    assert found.end.bound >= ends["far_sighted"] == found.end.objective
    lacking = [one for one in quotas if one.by_year[-1] > one.room]
    assert len(found.reasons) == len(lacking)
