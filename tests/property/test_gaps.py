"""Laws of gap lists: each failing unit once, ranks a permutation, people add up, more facilities never lack more."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import carecircle as cc
from carecircle.cover import assign_areas
from carecircle.gaps import find_gaps
from carecircle.policy import load_pack
from carecircle.policy.assessment import assess
from carecircle.policy.evidence import Evidence
from carecircle.policy.units import counted_units

TRIES = settings(max_examples=6, deadline=None)
YUXI = load_pack("yuxi")
NAMES = ("YX-03", "YX-05", "YX-24")
PACK = YUXI.model_copy(update={"targets": tuple(YUXI.target(name) for name in NAMES)})
DAY = cc.load_plan(cc.demo_file("plan")).as_of
LEVELS = {"YX-03": "township", "YX-05": "community", "YX-24": "township"}


@pytest.fixture(scope="module")
def city():
    """The demo city: registry, areas, people (some unknown) and network."""
    areas = cc.read_areas([cc.demo_file(level) for level in ("counties", "townships", "communities")])
    demand = cc.read_population(cc.demo_file("people"))
    network = cc.read_network(cc.demo_file("roads"), profile="elder")
    return cc.read_facilities(cc.demo_file("facilities"), datum="gcj02"), areas, demand, network


def gaps_of(registry, areas, demand, network):
    judged = assess(PACK, Evidence(registry, areas, demand, DAY, network))
    return judged, find_gaps([judged], registry, areas, demand, network)


@TRIES
@given(seed=st.integers(0, 10**6), share=st.floats(0, 1))
def test_every_failing_unit_once_and_people_add_up(city, seed, share):
    registry, areas, demand, network = city
    chosen = np.random.default_rng(seed).random(len(registry)) < share
    some = registry[chosen | (np.arange(len(registry)) == 0)]  # of an empty registry nothing is known
    judged, gaps = gaps_of(some, areas, demand, network)
    assert sorted(gaps["rank"]) == list(range(1, len(gaps) + 1))
    assert not gaps["gap_id"].duplicated().any()
    for outcome in judged.outcomes:
        table, name = outcome.units, outcome.target.id
        failing = table.index[~table["passes"].eq(True)]
        own = gaps[gaps["target_id"] == name]
        assert sorted(own["area_id"]) == sorted(failing)
        units = counted_units(outcome.target, areas)
        level = areas[areas["level"] == LEVELS[name]]
        people = demand["people_60"].groupby(assign_areas(demand, level, "area_id")).sum()
        passing = people.reindex(table.index[table["passes"].eq(True)]).fillna(0).sum()
        everybody = people.reindex(units["area_id"]).fillna(0).sum()
        assert own["people_60"].sum() + passing == pytest.approx(everybody)


@TRIES
@given(seed=st.integers(0, 10**6), kept=st.floats(0, 0.9))
def test_another_facility_that_counts_never_adds_a_gap(city, seed, kept):
    registry, areas, demand, network = city
    rng = np.random.default_rng(seed)
    chosen = (rng.random(len(registry)) < kept) | (np.arange(len(registry)) == 0)
    fewer, more = registry[chosen], registry[chosen | (rng.random(len(registry)) < 0.3)]
    lacking = [set(gaps_of(part, areas, demand, network)[1]["gap_id"]) for part in (fewer, more)]
    assert lacking[1] <= lacking[0]


@TRIES
@given(seed=st.integers(0, 10**6))
def test_order_and_index_of_tables_do_not_matter(city, seed):
    registry, areas, demand, network = city
    rng = np.random.default_rng(seed)
    mixed = [
        frame.sample(frac=1, random_state=rng).rename(lambda at: at * 7 + 3) for frame in (registry, areas, demand)
    ]
    one, two = gaps_of(*city)[1], gaps_of(*mixed, network)[1]
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(two), rtol=1e-9)


@TRIES
@given(low=st.floats(1, 30), step=st.floats(0.1, 30))
def test_more_minutes_make_more_neighbours_and_change_nothing_else(city, low, step):
    registry, areas, demand, network = city
    judged, _ = gaps_of(*city)
    short, long = (
        find_gaps([judged], registry, areas, demand, network, minutes=minutes) for minutes in (low, low + step)
    )
    near = [set(found.loc[found["measure"] == "neighbour", "gap_id"]) for found in (short, long)]
    assert near[0] <= near[1]
    pd.testing.assert_frame_equal(
        pd.DataFrame(short.drop(columns="measure")), pd.DataFrame(long.drop(columns="measure"))
    )
