"""Mending polygons: what changes, what stays to the last digit, and what is said."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from carecircle.language import use_language
from carecircle.sources.layers.shapes import LISTED_OVERLAPS, flat, mended_polygons, overlaps
from carecircle.sources.tables.reading import SourceTable

METRE = 1 / 111_195.0
"""Degrees of latitude."""


def gaps(found):
    return found.values  # noqa: PD011


def source_of(shapes, **columns):
    frame = gpd.GeoDataFrame(columns, geometry=list(shapes), crs=4326)
    return SourceTable(frame, pd.Series(range(1, len(frame) + 1), index=frame.index), "a.shp")


def mend(*shapes):
    source = source_of(shapes)
    frame, found = mended_polygons(source.frame, source)
    return frame.geometry.to_list(), found


def said(found):
    return [(one.action, one.key, one.row) for one in found]


def square(x=0.0, y=0.0, side=1.0):
    return shapely.box(x, y, x + side, y + side)


def metres(x, y, width, height, lat=24.0):
    """A rectangle in metres from (102, lat)."""
    across = METRE / np.cos(np.radians(lat))
    return shapely.box(102 + x * across, lat + y * METRE, 102 + (x + width) * across, lat + (y + height) * METRE)


def test_good_polygons_stay_to_the_last_vertex():
    shapes = [square(), square().difference(square(0.4, 0.4, 0.2)), shapely.MultiPolygon([square(), square(5)])]
    after, found = mend(*shapes, None)
    assert found == ()
    assert all(a.equals_exact(b, 0) for a, b in zip(after, shapes, strict=False))
    assert after[3] is None


def test_a_bow_tie_is_two_triangles():
    after, found = mend(square(), shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]))
    assert after[1].is_valid
    assert after[1].area == pytest.approx(0.5)
    # Its area was 0 by the signs of its halves: nobody can say what it should have been.
    assert said(found) == [("doubtful", "polygon_crosses", 2)]
    with use_language("en"):
        assert "? %" in found[0].message()


def test_a_small_crossing_is_mended_and_told_with_its_area():
    spike = shapely.Polygon([(0, 0), (1, 0), (1, 1), (0.5, 1), (0.502, 1.002), (0.5, 1.004), (0.502, 1), (0, 1)])
    assert not spike.is_valid
    after, found = mend(spike)
    assert after[0].is_valid
    assert said(found) == [("mended", "polygon_crosses", 1)]
    change = float(gaps(found[0])["percent"])
    assert change == pytest.approx(100 * (after[0].area / spike.area - 1), abs=0.01)
    assert abs(change) < 1


def test_what_overlaps_itself_counts_once():
    """Two rings of one polygon that overlap (a layer drawn part by part)."""
    after, found = mend(shapely.MultiPolygon([square(), square(0.5)]))
    assert after[0].area == pytest.approx(1.5)
    assert said(found) == [("doubtful", "polygon_crosses", 1)]
    assert gaps(found[0])["percent"] == "-25.00"


def test_a_part_inside_another():
    after, found = mend(shapely.MultiPolygon([square(), square(0.25, 0.25, 0.5)]))
    assert after[0].area == pytest.approx(1)
    assert said(found) == [("doubtful", "polygon_parts", 1)]


def test_a_hole_outside_is_a_part_drawn_the_wrong_way_round():
    after, found = mend(shapely.Polygon(square().exterior, [square(3, 3, 0.05).exterior]))
    assert after[0].equals(shapely.MultiPolygon([square(), square(3, 3, 0.05)]))
    assert said(found) == [("mended", "polygon_hole", 1)]
    assert gaps(found[0])["percent"] == "+0.50"


def test_a_loop_that_touches_itself():
    """A hole drawn as part of the outer ring, as some programs do."""
    ring = [(0, 0), (2, 0), (2, 2), (0, 2), (0, 0), (0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1), (0.5, 0.5), (0, 0)]
    after, found = mend(shapely.Polygon(ring))
    assert after[0].is_valid
    assert len(found) == 1
    assert found[0].key in {"polygon_touches", "polygon_crosses"}


def test_wrong_orientation_is_no_fault():
    after, found = mend(
        shapely.Polygon([(0, 0), (0, 1), (1, 1), (1, 0)]), shapely.Polygon([(0, 0), (1, 0), (1, 1), (0, 1)])
    )
    assert found == ()
    assert [shape.area for shape in after] == [1, 1]


def test_repeated_vertices_are_dropped_in_one_finding():
    twice = shapely.Polygon([(0, 0), (0, 0), (1, 0), (1, 1), (1, 1), (1, 1), (0, 1)])
    after, found = mend(twice, square(3), twice)
    assert [shapely.get_num_coordinates(shape) for shape in after] == [5, 5, 5]
    assert said(found) == [("mended", "repeated_vertices", 1)]
    assert found[0].count == 2
    assert gaps(found[0])["rows"] == "1, 3"


def test_of_a_collection_the_polygons_are_kept():
    mixed = shapely.GeometryCollection([shapely.Point(5, 5), square(), shapely.LineString([(0, 0), (9, 9)]), square(3)])
    nested = shapely.GeometryCollection([mixed, shapely.MultiPolygon([square(7), square(9)])])
    lines = shapely.GeometryCollection([shapely.Point(5, 5)])
    after, found = mend(mixed, square(), nested, lines)
    assert after[0].equals(shapely.MultiPolygon([square(), square(3)]))
    assert after[2].area == pytest.approx(4)
    assert after[3].equals(lines), "left for the contract to refuse"
    assert said(found) == [("mended", "lines_beside_polygons", 1)]
    assert gaps(found[0])["rows"] == "1, 3"


def test_slivers_that_mending_leaves_are_dropped():
    """A polygon of 100 m with a flap of 30 m by some centimetres that hangs on by a crossing."""
    whole = metres(0, 0, 100, 100)
    across = METRE / np.cos(np.radians(24.0))

    def at(x, y):
        return (102 + x * across, 24 + y * METRE)

    flaps = shapely.Polygon(
        [at(0, 0), at(100, 0), at(100, 100), at(130, 100), at(130, 100.05), at(100, 99.95), at(0, 99.95)]
    )
    assert not flaps.is_valid
    after, found = mend(flaps)
    assert after[0].geom_type == "Polygon"
    assert after[0].area == pytest.approx(whole.area, rel=2e-3)
    assert [one.key for one in found] == ["polygon_touches", "slivers"]
    assert gaps(found[1])["parts"] == 2


def test_small_parts_that_were_drawn_stay():
    """Slivers are what mending makes; a surveyed island of half a square metre is not for us to drop."""
    island = shapely.MultiPolygon([metres(0, 0, 100, 100), metres(200, 0, 0.7, 0.7)])
    after, found = mend(island)
    assert found == ()
    assert len(after[0].geoms) == 2


def test_a_polygon_of_nothing_but_slivers_keeps_its_largest():
    tie = shapely.Polygon([(102, 24), (102 + METRE / 5, 24 + METRE / 5), (102 + METRE / 5, 24), (102, 24 + METRE / 4)])
    after, found = mend(tie)
    assert after[0].geom_type == "Polygon"
    assert after[0].area > 0
    assert [one.key for one in found] == ["polygon_crosses", "slivers"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=4, max_size=12), st.integers(0, 3))
def test_any_ring_becomes_a_valid_polygon_within_its_hull(points, turns):
    ring = affinity.rotate(shapely.Polygon([(x / 10, y / 10) for x, y in points]), 90 * turns, origin=(0, 0))
    (after,), found = mend(ring)
    assert after.is_valid
    assert after.geom_type in {"Polygon", "MultiPolygon"}
    assert after.is_empty or after.within(shapely.convex_hull(ring).buffer(1e-9))
    assert bool([one for one in found if one.key.startswith("polygon_")]) == (not ring.is_valid)
    # Mending again changes nothing.
    (again,), more = mend(after)
    assert again.equals_exact(after, 0)
    assert more == ()


# Reading


def test_heights_and_measures_are_dropped_and_said_once():
    shapes = [
        shapely.Point(102, 24, 1900),
        shapely.Point(102, 24, 0),
        shapely.from_wkt("POINT M (102 24 7)"),
        shapely.Point(1, 2),
    ]
    source = flat(source_of(shapes))
    assert not source.frame.has_z.any()
    assert source.frame.geometry.to_list() == [shapely.Point(102, 24)] * 3 + [shapely.Point(1, 2)]
    assert said(source.findings) == [("mended", "heights_dropped", 1)]
    assert source.findings[0].count == (2 if shapely.geos_version >= (3, 12, 0) else 1)


def test_rows_without_a_shape_and_without_numbers_are_said():
    shapes = [
        shapely.Point(1, 2),
        None,
        shapely.Point(),
        shapely.Point(np.nan, 24),
        shapely.LineString([(0, 0), (np.inf, 1)]),
    ]
    source = flat(source_of(shapes))
    assert source.frame.geometry.isna().tolist() == [False, True, False, True, True]
    assert [(one.key, gaps(one)["rows"]) for one in source.findings] == [("no_numbers", "4-5"), ("no_shape", "2-3")]


def test_a_table_has_no_shapes_to_flatten():
    source = SourceTable(pd.DataFrame({"a": [1]}), pd.Series([2]))
    assert flat(source) is source


# Overlaps


def areas_of(*shapes, level="township"):
    level = [level] * len(shapes) if isinstance(level, str) else level
    codes = [f"53040200{place}" for place in range(len(shapes))]
    names = [f"街道{place}" if place else None for place in range(len(shapes))]
    return gpd.GeoDataFrame({"area_id": codes, "name": names, "level": level}, geometry=list(shapes), crs=4326)


def test_neighbours_do_not_overlap():
    assert overlaps(areas_of(metres(0, 0, 100, 100), metres(100, 0, 100, 100), metres(100, 100, 100, 100), None)) == ()


def test_overlaps_are_said_with_share_and_area():
    areas = areas_of(
        metres(0, 0, 1000, 1000),
        metres(900, 0, 1000, 1000),  # 10 % of both
        metres(1895, 0, 1000, 1000),  # 0.5 %: below the limit
        metres(0, 5000, 100, 100),
        metres(0, 5000, 1000, 1000),  # holds the one before
    )
    found = overlaps(areas)
    assert [(one.action, one.key) for one in found] == [("doubtful", "overlap_repeated"), ("doubtful", "overlap")]
    assert gaps(found[0])["percent"] == "100.0"
    assert gaps(found[0])["other"] == "街道4 530402004"
    assert (gaps(found[1])["name"], gaps(found[1])["percent"], gaps(found[1])["hectares"]) == (
        "530402000",
        "10.0",
        "10.00",
    )
    assert "重复" in found[0].message()


def test_levels_lie_over_each_other_rightly():
    areas = areas_of(metres(0, 0, 1000, 1000), metres(0, 0, 500, 500), level=["county", "township"])
    assert overlaps(areas) == ()
    assert len(overlaps(areas.drop(columns="level"))) == 1


def test_overlaps_have_an_address():
    areas = areas_of(metres(0, 0, 10, 10), metres(0, 0, 10, 10))
    areas.index = [7, 3]
    source = SourceTable(areas, pd.Series([11, 12], index=[7, 3]), "areas.shp", "面")
    (found,) = overlaps(areas, source)
    assert (found.file, found.sheet, found.row) == ("areas.shp", "面", 11)


def test_many_overlaps_are_counted():
    areas = areas_of(*[metres(0, 0, 10, 10)] * 20)
    found = overlaps(areas)
    assert len(found) == LISTED_OVERLAPS + 1
    assert (found[-1].key, found[-1].count) == ("overlap_more", 20 * 19 // 2 - LISTED_OVERLAPS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(1, 60)] * 2), min_size=2, max_size=8))
def test_overlaps_are_those_of_rectangles(boxes):
    """Oracle: rectangles, whose overlaps can be reckoned by hand."""
    found = overlaps(areas_of(*(metres(*box) for box in boxes)))
    wanted = {}
    for first in range(len(boxes)):
        for second in range(first + 1, len(boxes)):
            (x, y, w, h), (u, v, a, b) = boxes[first], boxes[second]
            common = max(0, min(x + w, u + a) - max(x, u)) * max(0, min(y + h, v + b) - max(y, v))
            share = common / min(w * h, a * b)
            if share > 0.0101:
                wanted[first, second] = share
            elif share > 0.0099:
                return  # too near the limit to call
    assert len(found) == len(wanted)
    for one in found:
        pair = tuple(int(gaps(one)[key][-1]) for key in ("name", "other"))
        assert float(gaps(one)["percent"]) == pytest.approx(100 * wanted[pair], abs=0.1)
