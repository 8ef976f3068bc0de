"""In which datum coordinates are: right, or not sure; never sure and wrong."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from carecircle.china.coordinates import DATUMS, gcj02_to_wgs84, wgs84_to_bd09, wgs84_to_gcj02
from carecircle.datasets import demo_file
from carecircle.language import use_language
from carecircle.sources.areas import read_areas
from carecircle.sources.facilities import read_facilities
from carecircle.sources.positions import alignment
from carecircle.sources.positions.datums import (
    coordinate_source,
    county_reference,
    datum_of_words,
    judge_area_datum,
    judge_datum,
)
from carecircle.sources.roads.reading import read_streets
from carecircle.sources.tables.reading import read_table

SHIFTS = {"wgs84": lambda lon, lat: (lon, lat), "gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}


def shifted(lonlat, datum):
    return np.column_stack(SHIFTS[datum](*np.asarray(lonlat, float).T))


@pytest.fixture(scope="module")
def roads():
    """The streets of the demo city, as lines in degrees."""
    streets = read_streets(demo_file("roads"))
    parts = np.repeat(np.arange(len(streets.way_id)), np.diff(streets.offsets))
    return shapely.linestrings(streets.lonlat[streets.sequence], indices=parts)


@pytest.fixture(scope="module")
def registry():
    """The facilities of the demo city as they stand in the file: in GCJ-02."""
    return read_table(demo_file("facilities")).frame


@pytest.fixture(scope="module")
def facilities(registry):
    return registry[["经度", "纬度"]].to_numpy(float)


@pytest.fixture(scope="module")
def buildings():
    """The buildings of the demo city: in WGS 84."""
    return read_table(demo_file("people")).frame[["经度", "纬度"]].astype(float).to_numpy()


@pytest.fixture(scope="module")
def areas():
    return read_areas([demo_file("counties"), demo_file("townships"), demo_file("communities")])


# Points


def test_the_demo_city_is_what_its_notes_say(facilities, buildings, roads):
    for points, datum in ((facilities, "gcj02"), (buildings, "wgs84")):
        found = judge_datum(points, streets=roads)
        assert (found.datum, found.best, found.sure, found.reason) == (datum, datum, True, "fits")
        assert found.confidence > 0.999
        metres = {name: evidence.median_metres for name, evidence in found.evidence.items()}
        assert min(metres, key=metres.get) == datum
        assert metres[datum] < 30


def test_the_same_places_in_bd09(facilities, roads):
    assert judge_datum(shifted(np.column_stack(gcj02_to_wgs84(*facilities.T)), "bd09"), streets=roads).datum == "bd09"


def test_declared_areas_alone_tell_the_datum_too(registry, facilities, areas):
    found = judge_datum(facilities, areas=areas, codes=registry["行政区划代码"])
    inside = {name: evidence.share_inside for name, evidence in found.evidence.items()}
    assert found.best == "gcj02"
    assert inside["gcj02"] > max(inside["wgs84"], inside["bd09"])
    assert np.isnan(found.evidence["gcj02"].median_metres)


def test_streets_and_areas_together_are_surer_than_streets_alone(registry, facilities, areas, roads):
    few = slice(0, 14)
    alone = judge_datum(facilities[few], streets=roads)
    together = judge_datum(facilities[few], streets=roads, areas=areas, codes=registry["行政区划代码"][few])
    assert together.best == "gcj02"
    assert together.confidence > alone.evidence["gcj02"].probability


def test_the_demo_registry_without_its_column_of_the_datum(registry, areas, roads):
    """Streets and areas given, as in a run: GCJ-02, and nobody is asked."""
    unsaid = registry.drop(columns="坐标系")
    codes = unsaid["行政区划代码"]
    found = judge_datum(unsaid[["经度", "纬度"]].astype(float), streets=roads, areas=areas, codes=codes)
    assert (found.datum, found.best, found.sure, found.reason) == ("gcj02", "gcj02", True, "fits")
    assert found.confidence > 0.9999
    read = read_facilities(unsaid, datum="auto", streets=roads, areas=areas)
    assert read["coordinate_source"].unique().tolist() == ["converted:gcj02"]
    assert read.geometry.geom_equals(read_facilities(registry, datum="gcj02").geometry).all()


@pytest.mark.parametrize("level", ["county", "township", "community"])
def test_areas_of_any_size_do_not_hide_what_streets_say(registry, facilities, areas, roads, level):
    """Nearly every place is in its county in every datum: that is no reason to be less sure."""
    codes = registry["行政区划代码"]
    found = judge_datum(facilities, streets=roads, areas=areas[areas["level"] == level], codes=codes)
    assert found.datum == "gcj02"
    assert found.confidence > 1 - 1e-9


def test_three_points_are_too_few(facilities, roads):
    found = judge_datum(facilities[:3], streets=roads)
    assert (found.sure, found.datum, found.reason, found.points) == (False, None, "unclear", 3)
    assert found.confidence < alignment.SURE


@pytest.mark.parametrize("seed", range(4))
def test_places_at_random_are_in_no_datum(roads, seed):
    west, south, east, north = shapely.total_bounds(roads)
    points = np.random.default_rng(seed).uniform([west, south], [east, north], (80, 2))
    assert not judge_datum(points, streets=roads).sure


def test_two_datums_in_one_file_are_seen(buildings, roads):
    some = buildings[np.random.default_rng(1).choice(len(buildings), 140, replace=False)]
    mixed = np.concatenate([some[:70], shifted(some[70:], "gcj02")])
    found = judge_datum(mixed, streets=roads)
    assert (found.reason, found.sure, found.datum) == ("mixed", False, None)
    assert set(found.shares) == {"wgs84", "gcj02"}
    assert sum(found.shares.values()) == pytest.approx(1)
    assert "混用" in found.sentence("zh")


def test_outside_china_all_datums_are_one(roads):
    found = judge_datum([[-8.61, 41.15], [1.5, 42.5], [np.nan, 1.0]], streets=roads)
    assert (found.datum, found.sure, found.confidence, found.reason) == ("wgs84", True, 1.0, "not_shifted")


@pytest.mark.parametrize(
    ("lonlat", "reason"),
    [(np.empty((0, 2)), "no_points"), ([[np.nan, 24.3]], "no_points"), ([[116.4, 39.9]], "nothing_near")],
)
def test_nothing_to_judge_by(lonlat, reason, roads):
    found = judge_datum(lonlat, streets=roads)
    assert (found.best, found.datum, found.sure, found.reason) == (None, None, False, reason)
    assert judge_datum([[116.4, 39.9]]).reason == "nothing_near"


def test_the_answer_depends_on_the_set_of_points_alone(facilities, roads):
    found = judge_datum(facilities, streets=roads)
    assert judge_datum(facilities, streets=roads) == found
    padded = np.concatenate([facilities, facilities[:9], [[np.nan, np.nan], [-8.6, 41.1]]])
    assert judge_datum(padded, streets=roads) == found
    order = np.random.default_rng(0).permutation(len(facilities))
    again = judge_datum(facilities[order], streets=roads)
    assert (again.datum, again.confidence) == (found.datum, pytest.approx(found.confidence, rel=1e-6))


def test_streets_in_any_form(facilities, roads):
    class Network:
        def to_frame(self):
            return gpd.GeoDataFrame(geometry=roads, crs=4326).to_crs(4543)

    frame = gpd.GeoDataFrame(geometry=[*roads, None, shapely.LineString()], crs=4326)
    found = judge_datum(facilities[:12], streets=roads)
    assert judge_datum(facilities[:12], streets=frame) == found
    assert judge_datum(facilities[:12], streets=frame.geometry) == found
    near = judge_datum(facilities[:12], streets=Network())
    assert near.confidence == pytest.approx(found.confidence, abs=1e-4)


def test_the_finest_area_of_a_code_is_used(registry, facilities, areas):
    """With counties alone nearly every place is inside in every datum; with communities it is not."""
    codes = registry["行政区划代码"]
    wide = judge_datum(facilities, areas=areas[areas["level"] == "county"], codes=codes)
    fine = judge_datum(facilities, areas=areas, codes=codes)
    assert wide.evidence["wgs84"].share_inside > 0.9
    assert fine.evidence["wgs84"].share_inside < wide.evidence["wgs84"].share_inside
    other = judge_datum(facilities, areas=areas, codes=pd.Series(["530402"] * len(facilities)))
    assert other.reason == "nothing_near"


def test_a_judgement_in_words_and_as_data(facilities, roads):
    found = judge_datum(facilities, streets=roads)
    assert "GCJ-02" in found.sentence("zh")
    assert "median" in found.sentence("en")
    assert "100%" not in found.sentence("zh")
    with use_language("en"):
        plain = json.loads(json.dumps(found.as_dict()))
    assert plain["best"] == "gcj02"
    assert plain["evidence"]["wgs84"]["share_inside"] is None
    assert plain["message"] == found.sentence("en")


# Layers


@pytest.fixture(scope="module")
def counties():
    """Counties of Yuxi (玉溪) and Lincang (临沧), drawn through the vertices of the reference."""
    reference = county_reference()
    groups = reference[reference["code"].str[:4].isin(["5304", "5309"])].groupby("code")
    rings = {code: shapely.Polygon(part[["lon", "lat"]].to_numpy()) for code, part in groups}
    return gpd.GeoDataFrame({"代码": list(rings)}, geometry=shapely.make_valid(list(rings.values())), crs=4326)


def in_datum(layer, datum):
    """The layer shifted, its borders redrawn by somebody else some forty metres off."""
    shapes = shapely.transform(layer.geometry.to_numpy(), lambda xy: shifted(xy, datum))
    shapes = shapely.simplify(shapely.segmentize(shapes, 0.004), 0.0002)
    return layer.set_geometry(gpd.GeoSeries(shapes, index=layer.index, crs=layer.crs))


@pytest.mark.parametrize("datum", DATUMS)
def test_layers_of_counties(counties, datum):
    found = judge_area_datum(in_datum(counties, datum))
    assert (found.datum, found.reason, found.against) == (datum, "fits", "borders")
    assert "县界" in found.sentence("zh")


@pytest.mark.parametrize("datum", DATUMS)
def test_finer_areas_are_put_together_to_counties(counties, datum):
    """Every county cut into four townships."""
    layer = in_datum(counties.head(6), datum)
    cut = [
        (f"{code}{100 + part}", shapely.intersection(shape, box))
        for code, shape in zip(layer["代码"], layer.geometry, strict=True)
        for part, box in enumerate(quarters(shape))
    ]
    townships = gpd.GeoDataFrame({"代码": [c for c, _ in cut]}, geometry=[s for _, s in cut], crs=4326)
    assert judge_area_datum(townships[~townships.is_empty]).datum == datum


def quarters(shape):
    west, south, east, north = shape.bounds
    x, y = (west + east) / 2, (south + north) / 2
    return [
        shapely.box(*box)
        for box in ((west, south, x, y), (x, south, east, y), (west, y, x, north), (x, y, east, north))
    ]


def test_a_wider_area_is_compared_with_its_counties(counties):
    cities = counties.assign(代码=counties["代码"].str[:4]).dissolve("代码").reset_index()
    assert judge_area_datum(in_datum(cities, "gcj02")).datum == "gcj02"


def test_a_single_county_is_never_surely_wrong(counties):
    for row in range(0, len(counties), 4):
        for datum in DATUMS:
            found = judge_area_datum(in_datum(counties.iloc[[row]], datum))
            assert found.best == datum


def test_layers_in_metres_are_judged_as_well(counties):
    assert judge_area_datum(in_datum(counties.head(9), "gcj02").to_crs(4490).to_crs(4543)).datum == "gcj02"


def test_codes_may_be_given_or_have_another_name(counties):
    layer = in_datum(counties, "gcj02").rename(columns={"代码": "其他"})
    assert judge_area_datum(layer).reason == "no_common_code"
    assert judge_area_datum(layer, codes=layer["其他"] + "000000").datum == "gcj02"
    assert judge_area_datum(layer.rename(columns={"其他": "gb"}).assign(gb="156" + layer["其他"])).datum == "gcj02"


def test_layers_that_cannot_be_judged(counties):
    """Made-up codes; codes of another province; no shape at all; China's codes in Portugal."""
    assert judge_area_datum(counties.assign(代码="539901")).reason == "no_common_code"
    assert judge_area_datum(counties.assign(代码=counties["代码"].str.replace("53", "13"))).reason == "nothing_near"
    assert judge_area_datum(counties.assign(geometry=None).set_geometry("geometry")).datum is None
    moved = counties.set_geometry(counties.translate(-110, 16))
    assert judge_area_datum(moved).reason == "not_shifted"


def test_borders_at_random_are_in_no_datum(counties):
    """Boxes about as large as the counties, where the counties are."""
    rng = np.random.default_rng(2)
    box = counties.bounds + rng.uniform(-0.05, 0.05, (len(counties), 4))
    layer = counties.set_geometry(gpd.GeoSeries(shapely.box(*box.to_numpy().T), index=counties.index, crs=4326))
    assert not judge_area_datum(layer).sure


def test_another_reference_can_be_given(counties):
    wrong = county_reference().assign(lat=lambda table: table["lat"] + 0.0032)
    found = judge_area_datum(in_datum(counties, "wgs84"), reference=wrong)
    assert found.datum != "wgs84"


def test_the_reference():
    reference = county_reference()
    assert reference.columns.tolist() == ["code", "lon", "lat"]
    assert reference["code"].str.fullmatch(r"[1-8]\d{5}").all()
    assert reference["lon"].between(73, 136).all()
    assert reference["lat"].between(3, 54).all()
    assert reference.groupby("code").size().max() == 96
    assert {"530402", "530902", "430211", "430903", "530181", "530702", "532502"} <= set(reference["code"])


# Words


@pytest.mark.parametrize(
    ("cell", "datum"),
    [
        ("GCJ-02", "gcj02"),
        ("ＧＣＪ０２", "gcj02"),
        ("高德地图", "gcj02"),
        ("火星坐标系", "gcj02"),
        ("WGS-84", "wgs84"),
        ("CGCS2000", "wgs84"),
        ("2000国家大地坐标系", "wgs84"),
        ("天地图", "wgs84"),
        ("GPS", "wgs84"),
        ("BD-09", "bd09"),
        ("百度地图坐标", "bd09"),
        ("百度坐标（BD09）", "bd09"),
        ("GCJ-02转WGS-84", None),
        ("西安80", None),
        ("地方坐标", None),
        (2000, None),
        ("不清楚", None),
    ],
)
def test_words_for_datums(cell, datum):
    datums, unknown = datum_of_words(pd.Series([cell, None], index=[5, 9], dtype=object))
    assert datums.tolist() == [datum, None]
    assert unknown.tolist() == [datum is None, False]
    assert datums.index.tolist() == [5, 9]


def test_source_of_coordinates():
    assert coordinate_source(pd.Series(["wgs84", "gcj02", "bd09"])).tolist() == [
        "given",
        "converted:gcj02",
        "converted:bd09",
    ]


# Statistics


def test_translations_are_as_long_as_the_ways_between_hypotheses_and_clear_of_them():
    rng = np.random.default_rng(0)
    cloud = rng.uniform(0, 5000, (30, 2))
    hypotheses = np.stack([cloud + np.array(move) for move in ((0, 0), (400, 0), (-700, 500))])
    xy = alignment.positions(hypotheses)
    np.testing.assert_array_equal(xy[:3], hypotheses)
    np.testing.assert_array_equal(xy, alignment.positions(hypotheses))
    gap = np.hypot(*(xy[3:, None].mean(axis=2) - hypotheses.mean(axis=1)).transpose(2, 0, 1))
    assert gap.min() > 250
    assert gap.min(axis=1).max() < 1.5 * np.hypot(1100, 500)
    assert len(xy) > 60
    shape = xy - xy.mean(axis=1, keepdims=True)
    assert np.abs(shape - shape[0]).max() < 1e-6


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(0.01, 30))
def test_wrong_positions_win_no_bet_on_average(seed, mean, spread):
    """The mean of the e-values over the translations is at most 1, whatever the scores."""
    scores = np.random.default_rng(seed).normal(mean, spread, (1, 83, 1))
    evidence = alignment._e_values(scores, 3)
    assert np.exp(evidence[3:]).mean() <= 1 + 1e-9


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(0, 50))
def test_a_verdict_is_a_probability(seed, ways, lead):
    rng = np.random.default_rng(seed)
    scores = [rng.normal(-1, 1, (4, 60, 8)) for _ in range(ways)]
    for way in scores:
        way[:, 1] += lead
    found = alignment.verdict(scores, 3)
    assert 0 <= found.probability.sum() <= 1 + 1e-12
    assert found.best == 1 or lead < 10
    assert not found.sure or found.probability[found.best] >= alignment.SURE


def test_one_translation_that_does_better_takes_the_sureness_away():
    scores = np.full((1, 60, 10), -2.0)
    scores[:, 0] = 3.0
    assert alignment.verdict([scores], 3).sure
    scores[:, 17] = 3.1
    assert not alignment.verdict([scores], 3).sure


def test_how_often_hypotheses_without_merit_are_called_sure():
    """Three positions no better than the translations: none of 400 trials may be sure."""
    rng = np.random.default_rng(4)
    sure = [alignment.verdict([rng.normal(-2, 2, (1, 100, 5))], 3).sure for _ in range(400)]
    assert sum(sure) <= 2


def test_streets_and_areas_are_counted_together_in_several_ways():
    streets, areas = np.full((2, 4, 3), 1.5), np.full((4, 3), 2.0)
    areas[1, 2] = -np.inf
    ways = alignment.with_areas([streets, streets + 1], areas)
    assert len(ways) == 2 * len(alignment.AREA_PARTS)
    np.testing.assert_array_equal(ways[0], streets + areas)
    np.testing.assert_array_equal(ways[2], streets + areas / 2)
    np.testing.assert_array_equal(ways[-1], streets + 1)


def test_mixtures():
    """Half of the points fit the first position, half the second, none any other."""
    scores = np.full((1, 50, 60), -1.0)
    scores[:, 0, :30] = scores[:, 1, 30:] = 1.5
    found = alignment.mixture(scores, 3)
    assert (found.first, found.second, found.share) == (0, 1, 0.5)
    scores[:, 0] = 1.5
    assert alignment.mixture(scores, 3) is None
