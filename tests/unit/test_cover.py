"""Coverage tallies on one street of 8 km: two counties, four townships, eight communities with known answers."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from carecircle.cover import COLUMNS, assign_areas, coverage
from carecircle.errors import UsageError
from carecircle.model import profile
from carecircle.network import build_network
from carecircle.sources import open_facilities

ROAD = {"highway": "residential"}
COUNTIES = [f"53040{c}" for c in (1, 2)]
TOWNSHIPS = [f"{county}00{t}" for county in COUNTIES for t in (1, 2)]
COMMUNITIES = [f"{township}00{c}" for township in TOWNSHIPS for c in (1, 2)]


@pytest.fixture(scope="module")
def network(streets):
    return build_network(streets({1: (-100, 0), 2: (8100, 0)}, [([1, 2], ROAD)]), profile("elder"))


@pytest.fixture(scope="module")
def areas(plan_crs):
    """Communities of 1 km, townships of 2, counties of 4, side by side along the street."""
    crs, (east, north) = plan_crs
    parts = []
    for level, names, width in (
        ("county", COUNTIES, 4000),
        ("township", TOWNSHIPS, 2000),
        ("community", COMMUNITIES, 1000),
    ):
        shapes = [
            shapely.box(east + k * width, north - 500, east + (k + 1) * width, north + 500) for k in range(len(names))
        ]
        parents = [None if level == "county" else name[:-3] for name in names]
        parts.append(
            gpd.GeoDataFrame(
                {"area_id": names, "name": names, "level": level, "parent_id": parents}, geometry=shapes, crs=crs
            )
        )
    return pd.concat(parts, ignore_index=True).to_crs(4326)


@pytest.fixture(scope="module")
def demand(at):
    """In each community 10 people over 60 a quarter of the way along, and 20 three quarters of the way."""
    xy = [(1000 * k + metres, 0) for k in range(8) for metres in (250, 750)]
    return at(*xy, key="demand_id", people=[25.0, 45.0] * 8, people_60=[10.0, 20.0] * 8).to_crs(4326)


@pytest.fixture(scope="module")
def facilities(at):
    return at((250, 0), (4250, 0), kind=["A", "B"]).to_crs(4326)


@pytest.fixture(scope="module")
def table(demand, facilities, areas, network):
    return coverage(demand, facilities, areas, network, minutes=(5, 15))


def pick(table, measure, level, *, kind="all", minutes=None, unit=""):
    """(covered, total) of every area of a level, in the order of codes."""
    rows = table[
        (table["measure"] == measure) & (table["level"] == level) & (table["kind"] == kind) & (table["unit"] == unit)
    ]
    rows = rows[rows["minutes"].isna() if minutes is None else rows["minutes"] == minutes]
    assert rows["area_id"].is_monotonic_increasing
    return list(zip(rows["covered"].tolist(), rows["total"].tolist(), strict=True))


def test_people_and_points_within_reach(table):
    """720 m in 15 minutes: the first facility reaches 250 and 750, the second 3750, 4250 and 4750."""
    assert pick(table, "people_60", "county", minutes=15) == [(50, 120), (30, 120)]
    assert pick(table, "people_60", "township", minutes=15) == [(30, 60), (20, 60), (30, 60), (0, 60)]
    assert pick(table, "people_60", "community", minutes=15) == [
        (30, 30),
        (0, 30),
        (0, 30),
        (20, 30),
        (30, 30),
        (0, 30),
        (0, 30),
        (0, 30),
    ]
    assert pick(table, "people_60", "county", minutes=5) == [(10, 120), (10, 120)]
    assert pick(table, "people", "county", minutes=15) == [(25 + 45 + 45, 280), (70, 280)]
    assert pick(table, "points", "county", minutes=15) == [(3, 8), (2, 8)]
    assert pick(table, "people_60", "county", minutes=15, kind="A") == [(30, 120), (0, 120)]
    assert pick(table, "people_60", "county", minutes=15, kind="B") == [(20, 120), (30, 120)]


def test_presence_counts_units_with_a_facility_inside(table):
    assert pick(table, "presence", "county", unit="community") == [(1, 4), (1, 4)]
    assert pick(table, "presence", "county", unit="township") == [(1, 2), (1, 2)]
    assert pick(table, "presence", "county", unit="county") == [(1, 1), (1, 1)]
    assert pick(table, "presence", "township", unit="community") == [(1, 2), (0, 2), (1, 2), (0, 2)]
    assert pick(table, "presence", "community", unit="community") == [(n, 1) for n in (1, 0, 0, 0, 1, 0, 0, 0)]
    assert pick(table, "presence", "county", unit="community", kind="B") == [(0, 4), (1, 4)]


def test_served_units_have_half_their_people_within_reach(table, demand, facilities, areas, network):
    assert pick(table, "served", "community", minutes=15, unit="community") == [
        (n, 1) for n in (1, 0, 0, 1, 1, 0, 0, 0)
    ]
    assert pick(table, "served", "township", minutes=15, unit="township") == [(1, 1), (0, 1), (1, 1), (0, 1)]
    assert pick(table, "served", "county", minutes=15, unit="community") == [(2, 4), (1, 4)]
    assert pick(table, "served", "county", minutes=15, unit="county") == [(0, 1), (0, 1)]
    assert pick(table, "served", "county", minutes=5, unit="community") == [(0, 4), (0, 4)]
    strict = coverage(demand, facilities, areas, network, minutes=[15], served_share=0.7)
    assert pick(strict, "served", "county", minutes=15, unit="community") == [(1, 4), (1, 4)]


def test_facilities_within_reach_are_different_ones(table):
    assert pick(table, "facilities", "county", minutes=15) == [(2, 2), (1, 2)]
    assert pick(table, "facilities", "county", minutes=5) == [(1, 2), (1, 2)]
    assert pick(table, "facilities", "county", minutes=15, kind="B") == [(1, 1), (1, 1)]


def test_what_is_additive_adds_up(table):
    sums = table[table["measure"] != "facilities"].assign(minutes=table["minutes"].fillna(0))
    keys = ["area_id", "kind", "minutes", "measure", "unit"]
    for wider, narrower, digits in (("county", "township", 6), ("township", "community", 9)):
        inner = sums[sums["level"] == narrower]
        inner = inner.assign(area_id=inner["area_id"].str[:digits])
        added = inner.groupby(keys)[["covered", "total"]].sum()
        outer = sums[(sums["level"] == wider) & (sums["unit"] != wider)].set_index(keys)[["covered", "total"]]
        pd.testing.assert_frame_equal(outer.sort_index(), added.sort_index())


def test_the_table_is_tidy_and_sorted(table, areas, demand, facilities, network):
    assert list(table.columns) == COLUMNS
    assert not table.duplicated(["area_id", "kind", "minutes", "measure", "unit"]).any()
    assert table["level"].drop_duplicates().tolist() == ["county", "township", "community"]
    assert (table["covered"] <= table["total"]).all()
    shuffled = coverage(
        demand.sample(frac=1, random_state=1),
        facilities.iloc[::-1],
        areas.sample(frac=1, random_state=2),
        network,
        minutes=(15, 5),
    )
    pd.testing.assert_frame_equal(shuffled, table)


def test_names_of_facilities_and_of_points_do_not_matter(table, areas, demand, facilities, network):
    renamed = facilities.assign(facility_id=["甲", "乙"]).set_index(pd.Index([7, 3]))
    other = coverage(
        demand.assign(demand_id=[f"z{k}" for k in range(16)]).set_index(np.arange(100, 116)),
        renamed,
        areas,
        network,
        minutes=(5, 15),
    )
    pd.testing.assert_frame_equal(other, table)


def test_points_on_a_border_count_once(at, areas, facilities, network):
    """A point between two communities belongs to the smaller code, at every level; one outside to none."""
    border = at((2000, 0), (4000, 0), (8050, 0), key="demand_id", people_60=[1.0, 2.0, 4.0]).to_crs(4326)
    community = areas[areas["level"] == "community"]
    assert assign_areas(border, community).fillna("none").tolist() == [COMMUNITIES[1], COMMUNITIES[3], "none"]
    found = coverage(border, facilities, areas, network, minutes=[15])
    assert [total for _, total in pick(found, "people_60", "county", minutes=15)] == [3, 0]
    assert [total for _, total in pick(found, "people_60", "community", minutes=15)] == [0, 1, 0, 2, 0, 0, 0, 0]
    assert pick(found, "served", "community", minutes=15, unit="community")[0] == (0, 0), "nobody there: not applicable"
    assert pick(found, "presence", "community", unit="community")[0] == (1, 1)


def test_unknown_people_are_not_zero(demand, facilities, areas, network):
    unknown = demand.assign(people_60=[np.nan, np.nan, *demand["people_60"].iloc[2:]], people_80=np.nan)
    found = coverage(unknown, facilities, areas, network, minutes=[15])
    covered, total = pick(found, "people_60", "community", minutes=15)[0]
    assert np.isnan(covered) and np.isnan(total)  # noqa: PT018
    assert pick(found, "people_60", "county", minutes=15)[0] == (20, 90), "of what is known"
    assert np.isnan(pick(found, "people_80", "county", minutes=15)).all()
    assert pick(found, "points", "county", minutes=15) == [(3, 8), (2, 8)]


def test_without_people_points_are_judged(at, facilities, areas, network):
    points = at((250, 0), (750, 0), (3250, 0), (3750, 0), (3900, 0), key="demand_id").to_crs(4326)
    found = coverage(points, facilities, areas, network, minutes=[15])
    assert set(found["measure"]) == {"presence", "served", "points", "facilities"}
    assert pick(found, "served", "community", minutes=15, unit="community")[3] == (1, 1)


def test_closed_facilities_are_left_out_by_open_facilities(at, demand, areas, network, table):
    more = at((250, 0), (4250, 0), (2500, 0), kind=["A", "B", "B"], status=["open", None, "停业"]).to_crs(4326)
    pd.testing.assert_frame_equal(coverage(demand, open_facilities(more), areas, network, minutes=(5, 15)), table)
    counted = coverage(demand, more, areas, network, minutes=(5, 15))
    assert pick(counted, "people_60", "county", minutes=15)[0] == (50 + 30, 120)


def test_no_facility_covers_nobody(demand, facilities, areas, network):
    found = coverage(demand, facilities.iloc[:0], areas, network, minutes=[15])
    assert (found["covered"] == 0).all()
    assert pick(found, "people_60", "county", minutes=15) == [(0, 120), (0, 120)]
    assert pick(found, "facilities", "county", minutes=15) == [(0, 0), (0, 0)]


def test_areas_without_shape_take_points_by_code(areas, demand, facilities, network, table):
    """As statistical code lists are: codes padded to twelve digits, and no polygon."""
    bare = areas.assign(area_id=areas["area_id"].str.ljust(12, "0"), geometry=None).set_crs(4326)
    bare["parent_id"] = bare["parent_id"].str.ljust(12, "0")
    coded = demand.assign(area_id=np.repeat(COMMUNITIES, 2))
    known = facilities.assign(area_code=[COMMUNITIES[0], COMMUNITIES[4]])
    found = coverage(coded, known, bare, network, minutes=(5, 15))
    values = ["covered", "total", "measure", "kind", "unit"]
    pd.testing.assert_frame_equal(found[values], table[values])
    uncoded = coverage(demand, facilities, bare, network, minutes=[15])
    assert pick(uncoded, "people_60", "county", minutes=15) == [(0, 0), (0, 0)]


@pytest.mark.parametrize("shapes", [True, False])
def test_a_level_may_be_left_out(areas, demand, facilities, network, shapes):
    """Communities name townships as parents; without townships they count in the county that holds them."""
    two = areas[areas["level"] != "township"]
    if not shapes:
        two = two.assign(geometry=None).set_crs(4326)
    found = coverage(
        demand.assign(area_id=np.repeat(COMMUNITIES, 2)),
        facilities.assign(area_code=[COMMUNITIES[0], COMMUNITIES[4]]),
        two,
        network,
        minutes=[15],
    )
    assert pick(found, "presence", "county", unit="community") == [(1, 4), (1, 4)]
    assert pick(found, "served", "county", minutes=15, unit="community") == [(2, 4), (1, 4)]


def test_added_minutes_count(demand, facilities, areas, network):
    slow = facilities.assign(added_minutes=[10.0, 0.0])
    found = coverage(demand, slow, areas, network, minutes=[15])
    assert pick(found, "people_60", "county", minutes=15) == [(30, 120), (30, 120)]


def test_limits_are_inclusive(at, facilities, areas, network):
    edge = at((970, 0), (970.001, 0), key="demand_id", people_60=[1.0, 1.0]).to_crs(4326)
    found = coverage(edge, facilities, areas, network, minutes=[15.00001])
    assert pick(found, "points", "county", minutes=15.00001)[0] == (1, 2)


@pytest.mark.parametrize("share", [0, 1.5, -1])
def test_a_served_share_is_a_share(demand, facilities, areas, network, share):
    with pytest.raises(UsageError):
        coverage(demand, facilities, areas, network, served_share=share)


@pytest.mark.parametrize("minutes", [[], [0, 5], [-5], [float("nan")]])
def test_limits_are_positive(demand, facilities, areas, network, minutes):
    with pytest.raises(UsageError):
        coverage(demand, facilities, areas, network, minutes=minutes)
