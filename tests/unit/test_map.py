"""The page: nothing from outside, the same bytes, names that stay names, and Folium left as it was."""

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import folium
import geopandas as gpd
import numpy as np
import pytest
import shapely

from carecircle.errors import UsageError
from carecircle.report import map_html, mapdata, offline
from carecircle.report.map import CLUSTER_FROM

made = runpy.run_path(str(Path(__file__).parents[1] / "browser" / "town.py"))
town, NASTY = made["town"], made["NASTY"]


@pytest.fixture(scope="module")
def study():
    return town()


@pytest.fixture(scope="module")
def page(study):
    return map_html(study)


def data_of(page):
    return json.loads(
        re.search(r'<script type="application/json" id="cc-data">(.*?)</script>', page, re.DOTALL)[1]
    )


def unpacked(packed):
    """What geometry.js does, in Python."""
    found = (np.cumsum(np.array(packed["d"]).reshape(-1, 2), axis=0) / 10 ** packed["k"]).tolist()
    for sizes in packed["o"]:
        ends = np.cumsum(sizes)
        found = [found[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    return found


def test_no_address_in_the_page(page):
    assert set(re.findall(r"https?://[^/\s\"']*", page)) == {"http://www.w3.org"}
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*\b(?:src|href)=", page)
    assert not re.search(r"url\((?!data:|#)", page)
    assert "sourceMappingURL" not in page


def test_the_policy_names_every_script(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert page.index("Content-Security-Policy") < page.index("<script>")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.split(";")[1]
    assert policy.split("; ")[3] == "img-src data:"


def test_same_study_same_bytes(page):
    assert map_html(town()) == page


def test_folium_is_left_as_it_was(study):
    before = (list(folium.Map.default_js), list(folium.Map.default_css), list(folium.LayerControl.__dict__))
    map_html(study)
    map_html(study, tiles="osm")
    assert (
        list(folium.Map.default_js),
        list(folium.Map.default_css),
        list(folium.LayerControl.__dict__),
    ) == before
    plain = folium.Map().get_root().render()
    assert all(url in plain for _, url in [*folium.Map.default_js, *folium.Map.default_css])
    assert offline.OfflineMap.default_js == []


def test_hostile_names_stay_text():
    page = map_html(town(nasty=True))
    assert "<img" not in page
    assert "alert(2)</script>" not in page
    assert page.count("<script>") == map_html(town()).count("<script>")
    layers = re.search(r"carecircle_layers_layers = (.*?)let carecircle_layers", page, re.DOTALL)[1]
    assert "&#123;&#123; 7 * 7 &#125;&#125;".replace("&", r"\u0026") in layers
    assert "`" not in layers
    assert set(NASTY) <= set(data_of(page)["facilities"]["name"])


def test_safe_json_has_no_markup():
    words = "".join(NASTY) + "&\u2029"
    assert json.loads(offline.safe_json(words)) == words
    assert not set("<>&'\u2028\u2029") & set(offline.safe_json(words))
    with pytest.raises(ValueError, match="JSON"):
        offline.safe_json(float("nan"))


def test_language_and_words(study, page):
    assert "内部工作用图，不得公开" in page
    assert "未计坡度" in page
    assert "虚构数据，仅供演示" in page
    english = map_html(study, language="en", note="Review number 1")
    assert "Review number 1" in english
    assert "Internal working map" not in re.sub(r"<script type=.*?</script>", "", english, flags=re.DOTALL)
    real = map_html(replace(study, fictional=False, provenance={"elevation": "dem.tif"}))
    assert '<p class="cc-banner">' not in real
    assert "已计坡度" in real


def test_one_layer_a_kind_and_a_theme_a_level(study, page):
    kinds = study.facilities["kind"].nunique()
    assert len(re.findall(r"var kind_\d+ = L.featureGroup", page)) == kinds
    assert [level for level in ("county", "township", "community") if f"var theme_{level} =" in page] == [
        "county",
        "township",
        "community",
    ]


def test_tiles_are_only_asked_for(study, page):
    assert "L.tileLayer(\n" not in page
    osm = map_html(study, tiles="osm")
    assert "https://tile.openstreetmap.org/{z}/{x}/{y}.png" in osm
    assert "img-src data: https://tile.openstreetmap.org;" in osm
    chinese = map_html(study, tiles="tianditu", tianditu_key="0123456789abcdef")
    assert chinese.count("tk=0123456789abcdef") == 2


@pytest.mark.parametrize(
    ("tiles", "key"), [("baidu", None), ("tianditu", None), ("tianditu", "'};alert(1)//")]
)
def test_tiles_that_cannot_be(study, tiles, key):
    with pytest.raises(UsageError):
        map_html(study, tiles=tiles, tianditu_key=key)


def test_geometry_comes_back(study):
    shapes = study.areas.geometry.to_numpy()
    back = unpacked(mapdata.pack(shapes, 6))
    assert len(back) == len(shapes)
    again = [shapely.MultiPolygon([(part[0], part[1:]) for part in area]) for area in back]
    assert shapely.hausdorff_distance(np.array(again), shapes).max() < 1e-6
    points = study.demand.geometry.to_numpy()
    assert np.allclose(unpacked(mapdata.pack(points, 6)), shapely.get_coordinates(points), atol=6e-7)


def test_borders_keep_their_topology(study):
    level = data_of(map_html(study))["levels"][-1]
    drawn = [shapely.MultiPolygon([(part[0], part[1:]) for part in area]) for area in unpacked(level["at"])]
    assert shapely.coverage_is_valid(drawn)


def test_bands_do_not_overlap(study):
    bands = [
        shapely.MultiPolygon([(p[0], p[1:]) for p in unpacked(band["at"])[0]])
        for band in mapdata.bands(study)
    ]
    union = study.isochrones.query("facility_id == 'all' and minutes == 15").geometry.iloc[0]
    assert sum(band.area for band in bands) == pytest.approx(union.area, rel=1e-2)
    assert len(bands) == 3


def test_classes_follow_what_is_shown(study):
    level = data_of(map_html(study))["levels"][-1]
    assert -1 in level["class"]
    assert -2 in level["class"]
    pairs = zip(level["rows"], level["class"], strict=True)
    assert all(("不适用" in rows[-1][1]) == (number == -2) for rows, number in pairs)


def test_little_is_enough(study):
    def empty(frame):
        return gpd.GeoDataFrame(frame.iloc[:0], crs="EPSG:4326")

    bare = replace(
        study,
        areas=empty(study.areas),
        isochrones=empty(study.isochrones),
        streets=empty(study.streets),
        demand=empty(study.demand),
        cover=study.cover.iloc[:0],
        facilities=study.facilities[["facility_id", "geometry"]],
    )
    page = map_html(bare)
    assert "无数据" in page
    assert "未注明" in page


def test_many_facilities_are_gathered(study):
    assert "markerClusterGroup=" not in map_html(study)
    assert "markerClusterGroup=" in map_html(town(facilities=CLUSTER_FROM))
