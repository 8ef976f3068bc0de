"""Layers: shapes that are broken, thin, empty, or of the wrong kind."""

from __future__ import annotations

import math

import numpy as np
import shapely

from .case import AREA_LAYER, FACILITIES, LOOK, PEOPLE, ROADS, At, Case, Found, Tells, reads, refused
from .layers_on_disk import areas, geojson, layer, points, shape, shapes, streets, value
from .town import box_of

CODE = "539901001001"
W, S, E, N = box_of(CODE)
WHOLE = (E - W) * (N - S)
TIE = shapely.Polygon([(W, S), (E, N), (E, S), (W, N)])
"""A bow tie: half of the box in two triangles."""
SPIKED = shapely.Polygon([(W, S), (E, S), (E, N), (W + 0.005, N), (W + 0.005, N + 0.03), (W + 0.005, N), (W, N)])
HOLED = shapely.Polygon(
    [(W, S), (E, S), (E, N), (W, N)],
    [[(W + 0.002, S + 0.002), (E - 0.002, S + 0.002), (E - 0.002, N - 0.002), (W + 0.002, N - 0.002)]],
)
OUTER_HOLE = shapely.Polygon([(W, S), (E, S), (E, N), (W, N)], [[(E + 1, S), (E + 1.1, S), (E + 1.1, N)]])
FLAT = shapely.Polygon([(W, S), (E, S), (W, S)])
NESTED = shapely.MultiPolygon([shapely.box(W, S, E, N), shapely.box(W + 0.002, S + 0.002, E - 0.002, N - 0.002)])
MIXED = shapely.GeometryCollection([shapely.box(W, S, E, N), shapely.LineString([(W, S), (W - 0.01, S)])])


def _area(new: object, *how: object, name: str = "areas.gpkg") -> object:
    return layer(areas, shape(CODE, lambda _: new), *how, name=name)


def _nan(content: dict) -> dict:
    content["features"][0]["geometry"]["coordinates"][0][1] = [math.nan, 24.31]
    return content


CASES = (
    Case(
        "polygon-bow-tie",
        "a polygon that crosses itself",
        "mended, and reported for the user to look at",
        _area(TIE),
        AREA_LAYER,
        reads(14, Found("doubtful", "polygon_crosses", 7), **{CODE: {"inside": WHOLE / 2}}),
    ),
    Case(
        "polygon-bow-tie-no-code",
        "a polygon that crosses itself, and has no code",
        "refused, by row",
        layer(areas, shape(CODE, lambda _: TIE), value(CODE, "代码", None), name="areas.gpkg"),
        AREA_LAYER,
        refused(At("empty_key", 7)),
    ),
    Case(
        "polygon-spike",
        "a polygon with a spike that leads out and back",
        "mended and reported; the spike is gone",
        _area(SPIKED),
        AREA_LAYER,
        reads(14, Found("mended"), **{CODE: {"inside": WHOLE}}),
    ),
    Case(
        "polygon-hole",
        "a polygon with a lake in it",
        "read as it is",
        _area(HOLED),
        AREA_LAYER,
        reads(14, **{CODE: {"inside": HOLED.area}}),
    ),
    Case(
        "polygon-hole-outside",
        "a hole that lies outside its polygon",
        "read as a part of it, and reported for the user to look at",
        _area(OUTER_HOLE),
        AREA_LAYER,
        reads(14, Found("doubtful", "polygon_hole", 7), **{CODE: {"inside": 6 * WHOLE}}),
    ),
    Case(
        "polygon-nested",
        "parts of one polygon that lie in each other",
        "mended and reported: counted once",
        _area(NESTED),
        AREA_LAYER,
        reads(14, Found("doubtful", "polygon_parts", 7), **{CODE: {"inside": WHOLE}}),
    ),
    Case(
        "polygon-flat",
        "a polygon without any area",
        "refused, by row: nothing is left of it",
        _area(FLAT),
        AREA_LAYER,
        refused(At("empty_geometry", 7), also=("wrong_geometry",)),
    ),
    Case(
        "polygon-empty",
        "an empty polygon",
        "refused, by row",
        _area(shapely.Polygon()),
        AREA_LAYER,
        refused(At("empty_geometry", 7)),
    ),
    Case(
        "polygon-none",
        "an area without a shape",
        "refused, by row",
        _area(None),
        AREA_LAYER,
        refused(At("empty_geometry", 7)),
    ),
    Case(
        "polygon-heights",
        "polygons with heights",
        "read without them",
        layer(areas, shapes(lambda found: shapely.force_3d(found, 1200.0)), name="areas.gpkg"),
        AREA_LAYER,
        reads(14, **{CODE: {"inside": WHOLE}}),
    ),
    Case(
        "polygon-measures",
        "a shapefile of polygons with heights",
        "read without them",
        layer(areas, shapes(lambda found: shapely.force_3d(found, 1200.0)), name="areas.shp"),
        AREA_LAYER,
        reads(14, **{CODE: {"inside": WHOLE}}),
    ),
    Case(
        "polygon-with-line",
        "a polygon and a stray line in one shape",
        "the polygon is kept; reported",
        _area(MIXED),
        AREA_LAYER,
        reads(14, Found("mended"), **{CODE: {"inside": WHOLE}}),
    ),
    Case(
        "polygon-among-points",
        "one area that is a point",
        "refused: polygons are needed",
        _area(shapely.Point(W, S)),
        AREA_LAYER,
        refused("wrong_geometry"),
    ),
    Case(
        "polygons-overlap",
        "two communities that overlap by a tenth",
        "read, listed as doubtful",
        _area(shapely.box(W, S, E + 0.001, N)),
        AREA_LAYER,
        reads(14, Found("doubtful")),
    ),
    Case(
        "polygons-gap",
        "slivers between communities",
        "read",
        _area(shapely.box(W, S, E - 1e-5, N - 1e-5)),
        AREA_LAYER,
        reads(14),
    ),
    Case(
        "polygon-wrong-way",
        "rings that turn the wrong way",
        "read as they are",
        layer(areas, shapes(shapely.reverse), name="areas.geojson"),
        AREA_LAYER,
        reads(14, **{CODE: {"inside": WHOLE}}),
    ),
    Case(
        "polygon-many-vertices",
        "a border of 100,000 vertices",
        "read",
        _area(shapely.segmentize(shapely.box(W, S, E, N), 4e-7)),
        AREA_LAYER,
        reads(14, **{CODE: {"inside": WHOLE}}),
    ),
    Case(
        "polygon-repeated-vertices",
        "every vertex of a border twice",
        "read",
        _area(shapely.Polygon(np.repeat(shapely.get_coordinates(shapely.box(W, S, E, N)), 2, axis=0))),
        AREA_LAYER,
        reads(14, **{CODE: {"inside": WHOLE}}),
    ),
    Case(
        "polygon-not-a-number",
        "a border with NaN in it",
        "refused, by row",
        geojson(_nan),
        AREA_LAYER,
        refused(At("empty_geometry", 1)),
    ),
    Case(
        "polygon-off-earth",
        "an area at longitude 1025",
        "refused, by row",
        _area(shapely.box(1025, 24, 1026, 25)),
        AREA_LAYER,
        refused(At("outside_coordinates", 7)),
    ),
    Case(
        "lines-for-areas",
        "borders as lines where areas should be",
        "refused: polygons are needed",
        layer(areas, shapes(shapely.boundary), name="areas.gpkg"),
        AREA_LAYER,
        refused("wrong_geometry"),
    ),
    Case(
        "points-for-areas",
        "points where areas should be",
        "refused: polygons are needed",
        layer(areas, shapes(shapely.centroid), name="areas.gpkg"),
        AREA_LAYER,
        refused("wrong_geometry"),
    ),
    Case(
        "polygons-for-facilities",
        "footprints where facilities should be",
        "refused, or a point inside each",
        layer(points, shapes(lambda found: shapely.buffer(found, 1e-4)), name="homes.gpkg"),
        FACILITIES,
        refused("wrong_geometry"),
    ),
    Case(
        "multipoints-of-one",
        "each facility as a multipoint of one point",
        "read",
        layer(points, shapes(lambda found: shapely.multipoints(found, indices=range(12))), name="homes.gpkg"),
        FACILITIES,
        reads(12),
    ),
    Case(
        "multipoints-of-two",
        "a facility of two points",
        "refused, by row",
        layer(points, shape("F03", lambda point: shapely.MultiPoint([point, shapely.Point(W, S)])), name="homes.gpkg"),
        FACILITIES,
        refused(At("several_parts", 3)),
    ),
    Case(
        "points-empty",
        "a facility with an empty point",
        "refused, by row",
        layer(points, shape("F03", lambda _: shapely.Point()), name="homes.gpkg"),
        FACILITIES,
        refused(At("empty_geometry", 3)),
    ),
    Case(
        "points-heights",
        "facilities with heights",
        "read without them",
        layer(points, shapes(lambda found: shapely.force_3d(found, 1200.0)), name="homes.gpkg"),
        FACILITIES,
        reads(12),
    ),
    Case(
        "people-points-empty",
        "a residential point with an empty point",
        "refused, by row",
        layer(lambda: points(people=True), shape("D03", lambda _: None), name="people.gpkg"),
        PEOPLE,
        refused(At("empty_geometry", 3)),
    ),
    Case(
        "streets-as-polygons",
        "a street layer of polygons",
        "refused: lines are needed",
        layer(areas, name="streets.gpkg"),
        ROADS,
        refused("wrong_geometry"),
    ),
    Case(
        "streets-zero-length",
        "streets of no length among the others",
        "read without them",
        layer(streets, shape("经1路", lambda _: shapely.LineString([(W, S), (W, S)])), name="streets.gpkg"),
        ROADS,
        reads(),
    ),
    Case(
        "streets-empty-lines",
        "empty streets among the others",
        "read without them",
        layer(streets, shape("经1路", lambda _: shapely.LineString()), name="streets.gpkg"),
        ROADS,
        reads(),
    ),
    Case(
        "streets-none-left",
        "a layer of empty streets",
        "refused: no streets in it",
        layer(
            streets, shapes(lambda found: np.full(len(found), shapely.LineString(), dtype=object)), name="streets.gpkg"
        ),
        ROADS,
        refused("wrong_geometry", also=("no_roads",)),
    ),
    Case(
        "streets-unknown-class",
        "a class of street that is no known word",
        "read as plain streets; the notes say so",
        layer(lambda: streets().assign(**{"class": "乙类"}), name="streets.gpkg"),
        ROADS,
        reads(notes=("乙类",)),
    ),
    Case(
        "polygon-inspected",
        "polygons that cross themselves, looked at",
        "their number is said",
        _area(TIE),
        LOOK,
        Tells(says=("无效图形 1 个",)),
    ),
)
