"""Coordinates as people type them: what is read, what is refused, and never a third thing."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from carecircle.language import use_language
from carecircle.sources.positions.written import (
    contradicts,
    guess_projection,
    layer_problem,
    parse_degrees,
    split_pair,
    swapped,
)

YUXI = (102.5449, 24.3541)


def parsed(*cells):
    values, wrong, mended = parse_degrees(pd.Series(cells, dtype=object))
    return values.tolist(), wrong.tolist(), mended.tolist()


@pytest.mark.parametrize(
    ("cell", "degrees"),
    [
        ("102.5", 102.5),
        (102.5, 102.5),
        (102, 102.0),
        ("１０２．５", 102.5),
        (" 102.5 ", 102.5),
        ("102. 5", 102.5),
        ("102.3015", 102.3015),
        ("-8.61", -8.61),
        ("102.5°", 102.5),
        ("102.5度", 102.5),
        ("102°30′15.5″E", 102 + 30 / 60 + 15.5 / 3600),
        ("102°30′15.5″", 102 + 30 / 60 + 15.5 / 3600),
        ("102°30'15\"", 102 + 30 / 60 + 15 / 3600),
        ("102°30'15''", 102 + 30 / 60 + 15 / 3600),
        ("102°30’15”", 102 + 30 / 60 + 15 / 3600),
        ("102º30'15\"", 102 + 30 / 60 + 15 / 3600),
        ("102˚30ʹ15ʺ", 102 + 30 / 60 + 15 / 3600),
        ("102⁰30′", 102.5),
        ("１０２°３０′１５″", 102 + 30 / 60 + 15 / 3600),
        ("102° 30′ 15″", 102 + 30 / 60 + 15 / 3600),
        ("102度30分15秒", 102 + 30 / 60 + 15 / 3600),
        ("东经102度30分", 102.5),
        ("东经102.5", 102.5),
        ("经度：102.5", 102.5),
        ("经度：东经102.5°", 102.5),
        ("E102.5", 102.5),
        ("102.5E", 102.5),
        ("lng=102.5", 102.5),
        ("N 24 18 36", 24.31),
        ("24 18 36", 24.31),
        ("24:18:36", 24.31),
        ("N 24 18.6", 24.31),
        ("北纬24°18.6′", 24.31),
        ("L102.5", 102.5),
        ("南纬8°30′", -8.5),
        ("8°30′W", -8.5),
        ("-8°30′", -8.5),
        ("-0°30′", -0.5),
        ("34500123.4", 34500123.4),
        ("2,690,123.4米", 2690123.4),
    ],
)
def test_what_is_read(cell, degrees):
    values, wrong, _ = parsed(cell)
    assert values == pytest.approx([degrees], abs=1e-12)
    assert wrong == [False]


@pytest.mark.parametrize(
    "cell",
    [
        "102°60′",
        "102°75′10″",
        "102°30′60″",
        "102.5°30′",
        "102°30.5′15″",
        "102 30",
        "102.5 24.3",
        "102.5,24.3",
        "E102.5E",
        "-102.5W",
        "102..5",
        "102.30.15",
        "一百零二度",
        "玉溪市红塔区",
        "inf",
        "1e400",
        "102°30′15″10",
        True,
        pd.Timestamp("2024-05-01"),
    ],
)
def test_what_is_refused(cell):
    values, wrong, mended = parsed(cell)
    assert np.isnan(values).all()
    assert (wrong, mended) == ([True], [False])


def test_nothing_is_neither_wrong_nor_mended():
    values, wrong, mended = parsed(None, "", "—", "无", np.nan)
    assert np.isnan(values).all()
    assert not any(wrong + mended)


def test_mended_are_those_written_in_another_way():
    assert parsed("102.5", 102.5, "102°30′", "E102.5", "102°61′")[2] == [False, False, True, True, False]


def test_index_and_numbers_are_kept():
    cells = pd.Series([102.5, 24.5], index=[7, 3])
    values, wrong, _ = parse_degrees(cells)
    assert values.index.tolist() == [7, 3]
    assert not wrong.any()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 179), st.integers(0, 59), st.integers(0, 5999), st.sampled_from(["", "-"]),
    st.sampled_from(["°′″", "度分秒", "º'\"", "  ", "::", ("° ", "' ", "''")]),
)  # fmt: skip
def test_degrees_minutes_seconds_come_back(degrees, minutes, hundredths, sign, marks):
    """Whatever marks stand between them, to the last digit of the seconds."""
    after = marks[2] if len(marks) > 2 else ""
    text = f"{sign}{degrees}{marks[0]}{minutes}{marks[1]}{hundredths / 100:.2f}{after}"
    values, wrong, _ = parsed(text)
    exact = degrees + minutes / 60 + hundredths / 100 / 3600
    assert values == pytest.approx([-exact if sign else exact], abs=1e-11)
    assert wrong == [False]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="0123456789.,-+°′″'\"度分秒东经北纬ENWS :;()[]{}POINTsrid=，；、／|", max_size=30))
def test_any_text_is_read_or_wrong(text):
    """Nothing raises; a cell is read, or wrong, or empty."""
    cells = pd.Series([text, "102.5"], dtype=object)
    values, wrong, mended = parse_degrees(cells)
    assert not (wrong & values.notna()).any()
    assert not (wrong & mended).any()
    assert values.iloc[1] == 102.5
    lon, lat, bad = split_pair(cells)
    assert not (bad & lon.notna()).any()
    assert lon.isna().equals(lat.isna())


def pair(*cells):
    lon, lat, wrong = split_pair(pd.Series(cells, dtype=object))
    return list(zip(lon.tolist(), lat.tolist(), strict=True)), wrong.tolist()


@pytest.mark.parametrize(
    "cell",
    [
        "102.5,24.3",
        "102.5，24.3",
        "102.5 24.3",
        "102.5、24.3",
        "102.5;24.3",
        "102.5；24.3",
        "102.5/24.3",
        "102.5 , 24.3",
        "24.3,102.5",
        "24.3 102.5",
        "（102.5，24.3）",
        "[102.5, 24.3]",
        "[24.3, 102.5]",
        "POINT(102.5 24.3)",
        "POINT (102.5 24.3)",
        "Point Z (102.5 24.3 1890.5)",
        "SRID=4326;POINT(102.5 24.3)",
        '{"type":"Point","coordinates":[102.5,24.3]}',
        '{"type":"Point","coordinates":[102.5, 24.3, 1890]}',
        "102°30′,24°18′",
        "102°30′ 24°18′",
        "102° 30′ 0″, 24° 18′ 0″",
        "102°30′0″E 24°18′0″N",
        "102° 30′ 0″ E 24° 18′ 0″ N",
        "24°18′N 102°30′E",
        "E102.5 N24.3",
        "E102.5N24.3",
        "N24.3E102.5",
        "N24.3,E102.5",
        "102.5E24.3N",
        "东经102.5，北纬24.3",
        "东经102度30分 北纬24度18分",
        "北纬24度18分 东经102度30分",
        "经度：102.5 纬度：24.3",
        "经度102.5纬度24.3",
        "纬度：24.3，经度：102.5",
        "lng:102.5,lat:24.3",
        "B=24.3 L=102.5",
        "N 24 18 0, E 102 30 0",
        "N 24 18 0 E 102 30 0",
    ],
)
def test_pairs_in_one_cell(cell):
    found, wrong = pair(cell)
    assert found == [pytest.approx((102.5, 24.3), abs=1e-9)]
    assert wrong == [False]


@pytest.mark.parametrize(
    "cell",
    [
        "102.5",
        "102.5,",
        "102.5,24.3,1890",
        "102,5,24,3",
        "41.1,-8.6",
        "30,20",
        "E102.5,E24.3",
        "102.5,24°75′",
        "红塔区,玉溪",
        "102.5-24.3",
        "POINT EMPTY",
        102.5,
    ],
)
def test_pairs_that_are_none_or_have_two_orders(cell):
    found, wrong = pair(cell)
    assert np.isnan(found).all()
    assert wrong == [True]


def test_the_order_of_a_column_settles_its_unclear_cells():
    found, wrong = pair("139.7,35.6", "41.1,-8.6")
    assert found == [(139.7, 35.6), (41.1, -8.6)]
    assert wrong == [False, False]


def test_a_column_of_both_orders_settles_nothing():
    found, wrong = pair("102.5,24.3", "24.3,102.5", "30,20", None)
    assert found[:2] == [(102.5, 24.3)] * 2
    assert wrong == [False, False, True, False]


def test_no_pairs_at_all():
    for cells in ([], [None, "—"]):
        lon, lat, wrong = split_pair(pd.Series(cells, dtype=object))
        assert len(lon) == len(lat) == len(cells)
        assert not wrong.any()


@settings(max_examples=60, deadline=None)
@given(st.floats(73.5, 135), st.floats(3.5, 53.5), st.sampled_from([",", "，", " ", ";", "、"]), st.booleans())
def test_a_pair_in_china_is_read_in_either_order(lon, lat, separator, turned):
    first, second = (lat, lon) if turned else (lon, lat)
    found, wrong = pair(f"{first:.6f}{separator}{second:.6f}")
    assert wrong == [False]
    assert found[0] == pytest.approx((lon, lat), abs=1e-6)


@pytest.mark.parametrize(
    ("place", "turned"),
    [
        ((24.3, 102.5), True),
        ((39.5, 76.0), True),  # 喀什, its longitude could be a latitude
        ((35.6, 139.7), True),  # Tokyo
        ((102.5, 24.3), False),
        ((24.9, 60.2), False),  # Helsinki
        ((23.7, 70.7), False),  # Hammerfest
        ((15.6, 78.2), False),  # Longyearbyen
        ((-8.6, 41.1), False),
        ((np.nan, 102.5), False),
        ((0.0, 0.0), False),
    ],
)
def test_swapped(place, turned):
    assert swapped(*(np.array([value]) for value in place)).tolist() == [turned]


@settings(max_examples=60, deadline=None)
@given(st.floats(73.5, 135), st.floats(18, 53.5))
def test_what_is_right_in_china_is_never_swapped(lon, lat):
    assert not swapped(np.array([lon]), np.array([lat])).any()


@settings(max_examples=60, deadline=None)
@given(st.floats(90.1, 135), st.floats(18, 53.5))
def test_what_is_swapped_in_china_is_seen(lon, lat):
    assert swapped(np.array([lat]), np.array([lon])).all()


def metres(epsg, lon=YUXI[0], lat=YUXI[1], n=20):
    rng = np.random.default_rng(1)
    place = np.array([lon, lat]) + rng.uniform(-0.2, 0.2, (n, 2))
    return Transformer.from_crs(4490, epsg, always_xy=True).transform(*place.T)


def place_of(meridian):
    return meridian + 0.3, 30.0


@pytest.mark.parametrize("zone", range(25, 46))
def test_three_degree_zones_with_their_number(zone):
    x, y = metres(4488 + zone, *place_of(3 * zone))
    found = guess_projection(np.array(x), np.array(y))
    assert (found.crs.to_epsg(), found.swapped, found.why) == (4488 + zone, False, "zone_prefix")
    assert found.fits.all()


@pytest.mark.parametrize("zone", range(13, 24))
def test_six_degree_zones_with_their_number(zone):
    place = place_of(6 * zone - 3)
    x, y = metres(4478 + zone, *place)
    found = guess_projection(np.array(x), np.array(y), place)
    assert (found.crs.to_epsg(), found.why) == (4478 + zone, "zone_prefix")


@pytest.mark.parametrize("zone", [13, 14])
def test_zones_whose_metres_could_be_web_mercator_are_refused_without_a_place(zone):
    x, y = metres(4478 + zone, *place_of(6 * zone - 3))
    assert guess_projection(np.array(x), np.array(y)).why == "web_mercator"


@pytest.mark.parametrize("meridian", range(75, 136, 3))
def test_zones_without_number_are_found_by_the_place(meridian):
    epsg, place = 4534 + (meridian - 75) // 3, place_of(meridian)
    x, y = (np.array(values) for values in metres(epsg, *place))
    assert (guess_projection(x, y).crs, guess_projection(x, y).why) == (None, "zone_unknown")
    found = guess_projection(x, y, (place[0] + 0.7, place[1] - 0.5))
    assert (found.crs.to_epsg(), found.why) == (epsg, "zone_found")


def test_a_place_in_another_part_of_the_country_finds_no_zone():
    x, y = (np.array(values) for values in metres(4543))
    assert guess_projection(x, y, (102.5, 40.0)).why == "zone_unknown"


@pytest.mark.parametrize("epsg", [4522, 4543])
def test_northing_before_easting(epsg):
    x, y = (np.array(values) for values in metres(epsg))
    found = guess_projection(y, x, YUXI)
    assert (found.crs.to_epsg(), found.swapped) == (epsg, True)


def test_single_mistakes_do_not_hide_the_grid():
    x, y = (np.array(values) for values in metres(4522, n=40))
    x[3], y[4], x[5], y[6] = 3444900.0, 0.0, np.nan, np.nan
    found = guess_projection(x, y)
    assert found.crs.to_epsg() == 4522
    assert np.flatnonzero(~found.fits).tolist() == [3, 4]


def test_rows_of_another_zone_do_not_fit():
    x, y = (np.array(values) for values in metres(4522))
    x[0] += 1e6
    assert guess_projection(x, y).fits.tolist() == [False] + [True] * 19


def test_degrees_with_a_few_mistakes_are_degrees():
    found = guess_projection(np.array([102.5, 102.6, 34_500_000.0, np.nan]), np.array([24.3, 24.4, 2_690_000.0, 1.0]))
    assert found.why == "degrees"
    assert found.fits.tolist() == [True, True, False, True]
    assert guess_projection(np.array([np.nan]), np.array([np.nan])).why == "degrees"


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [
        (102_500_000, 24_300_000, "scaled"),
        (1_025_000_000, 243_000_000, "scaled"),
        (24_300_000, 102_500_000, "scaled"),
        (11_415_000, 2_795_000, "web_mercator"),
        (2_795_000, 11_415_000, "web_mercator"),
        (1234, 5678, "unknown"),
        (50_000.0, 60_000.0, "unknown"),
    ],
)
def test_what_no_grid_explains(x, y, why):
    found = guess_projection(np.full(3, float(x)), np.full(3, float(y)), YUXI)
    assert (found.crs, found.why) == (None, why)


def test_scattered_numbers_are_no_grid():
    rng = np.random.default_rng(0)
    assert guess_projection(rng.uniform(0, 1e8, 50), rng.uniform(0, 1e7, 50)).why == "unknown"


@pytest.mark.parametrize("epsg", [4490, 4326, 4522, 4496, 4543, 4507, 4509, 32648, 3857])
def test_layers_in_what_they_say_have_no_problem(epsg):
    place = (105.3, 24.3) if epsg in {4496, 4507, 4509} else YUXI
    x, y = (np.array(values) for values in metres(epsg, *place))
    assert contradicts(x, y, CRS.from_epsg(epsg)) is None


@pytest.mark.parametrize(
    ("really", "said", "why"),
    [
        (4522, 4326, "zone_prefix"),
        (4522, 4490, "zone_prefix"),
        (4543, 4490, "zone_unknown"),
        (3857, 4326, "web_mercator"),
        (4490, 4543, "degrees"),
        (4490, 32648, "degrees"),
        (4522, 4543, "zone_prefix"),
        (4543, 4522, "zone_unknown"),
        (4521, 4522, "zone_prefix"),
    ],
)
def test_layers_that_are_not_what_they_say(really, said, why):
    x, y = (np.array(values) for values in metres(really))
    found = contradicts(x, y, CRS.from_epsg(said))
    assert found.why == why
    layer = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs=said)
    with use_language("en"):
        message = layer_problem(layer.geometry, layer.crs, "a.shp").message()
    assert CRS.from_epsg(said).name in message
    assert "a.shp" in message


def test_a_layer_with_its_axes_swapped_is_told_so():
    x, y = metres(4522)
    layer = gpd.GeoDataFrame(geometry=gpd.points_from_xy(y, x), crs=4522)
    assert "次序相反" in layer_problem(layer.geometry, layer.crs).message()


def test_layers_without_a_system_or_without_shapes_are_left_to_others():
    assert layer_problem(gpd.GeoSeries(gpd.points_from_xy([5e5], [2.7e6])), None) is None
    assert layer_problem(gpd.GeoSeries([None, None]), CRS.from_epsg(4326)) is None
