"""Polygons that are not what they should be, mended where that is safe, and every mend reported.

Measures are in metres on a sphere's tangent at each shape's own latitude: good to a few parts in a thousand, which is
what a threshold needs.
"""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.findings import Finding
from carecircle.sources.tables.reading import SourceTable, column_finding, row_findings

SLIVER_M2, SLIVER_METRES = 1.0, 0.1
"""A part that mending leaves is a sliver when it is smaller or thinner than this: below what any survey draws."""
SAFE_PERCENT = 1.0
"""A mend that changes the area by more is doubtful: someone has to look at the shape."""
OVERLAP_SHARE, REPEATED_SHARE = 0.01, 0.5
"""Areas of one level that overlap by more of the smaller one are doubtful; by more than half, the same area twice."""
LISTED_OVERLAPS = 100

_METRES_PER_DEGREE = 111_195.0  # of a sphere of 6,371 km
_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_COLLECTION = shapely.GeometryType.GEOMETRYCOLLECTION
_REASONS = {
    "self-intersection": "polygon_crosses",
    "ring self-intersection": "polygon_touches",
    "interior is disconnected": "polygon_touches",
    "nested shells": "polygon_parts",
    "duplicate rings": "polygon_parts",
    "hole lies outside shell": "polygon_hole",
    "holes are nested": "polygon_hole",
}
"""Sentences for what GEOS says is wrong; the place it names is left out."""
_OTHER_REASON = "polygon_invalid"

Shapes = NDArray[np.object_]
Flags = NDArray[np.bool_]


def flat(source: SourceTable) -> SourceTable:
    """Return a layer without heights and measures, and without shapes that hold no numbers; the findings say so.

    Rows without a shape stay, for the contract of the table to judge, with a finding.
    """
    frame = source.frame
    if not isinstance(frame, gpd.GeoDataFrame):
        return source
    shapes = frame.geometry.to_numpy()
    tall = _marked(_has_heights(shapes), frame)
    shapes = shapely.force_2d(shapes)
    endless = _endless(shapes)
    shapes = np.where(endless, None, shapes)
    none = _marked(shapely.is_missing(shapes) | shapely.is_empty(shapes), frame) & ~_marked(endless, frame)
    found = (
        *column_finding("mended", "heights_dropped", tall, source),
        *column_finding("doubtful", "no_numbers", _marked(endless, frame), source),
        *column_finding("doubtful", "no_shape", none, source),
    )
    frame = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
    return replace(source, frame=frame, findings=(*source.findings, *found))


def mended_polygons(frame: gpd.GeoDataFrame, source: SourceTable) -> tuple[gpd.GeoDataFrame, tuple[Finding, ...]]:
    """Mend polygons: crossing and overlapping rings, repeated vertices, collections, slivers.

    Valid polygons come back vertex for vertex. What is no polygon (points, lines, nothing) stays as it is, for the
    contract of the table to judge.

    Parameters
    ----------
    frame
        Shapes in longitudes and latitudes (EPSG:4326).
    source
        Where they come from; its `rows` are on the frame's index.

    Returns
    -------
    frame, findings
        The frame with mended shapes (its index and columns unchanged), and one finding for each shape that somebody
        should look at, with the change of its area in per cent; one together for mends that change nothing.

    Notes
    -----
    Crossing rings are mended by ``make_valid`` of GEOS with the method "structure": rings are made valid, shells
    united, holes taken out, so that what overlaps counts once and lines and points fall away. Where holes are not
    inside their shell, rings were drawn the wrong way round or listed in the wrong order; then what lies within an odd
    number of rings is inside ("linework").
    """
    before = frame.geometry.to_numpy()
    collected = _without_lines(before)
    lines = (shapely.get_type_id(before) == _COLLECTION) & (shapely.get_type_id(collected) != _COLLECTION)
    broken = _is_polygonal(collected) & ~shapely.is_valid(collected)
    plain = _without_repeated_vertices(collected, _is_polygonal(collected) & ~broken)
    repeated = shapely.get_num_coordinates(plain) < shapely.get_num_coordinates(collected)
    valid = np.array(plain, dtype=object)
    reason = _reasons(plain, broken)
    valid[broken] = _made_valid(plain[broken], (reason[broken] == "polygon_hole"))
    whole, slivers = _without_slivers(valid, broken)
    found = (
        *column_finding("mended", "lines_beside_polygons", _marked(lines, frame), source),
        *column_finding("mended", "repeated_vertices", _marked(repeated, frame), source),
        *_mends(frame, source, plain, whole, reason),
        *row_findings(
            "mended", "slivers", _marked(slivers > 0, frame), source, parts=pd.Series(slivers, index=frame.index)
        ),
    )
    return frame.set_geometry(gpd.GeoSeries(whole, index=frame.index, crs=frame.crs)), found


def overlaps(areas: gpd.GeoDataFrame, source: SourceTable | None = None) -> tuple[Finding, ...]:
    """Return pairs of areas of one level that overlap by more than `OVERLAP_SHARE` of the smaller one.

    Parameters
    ----------
    areas
        Valid polygons in EPSG:4326 with `area_id` and, where they have them, `name` and `level`.
    source
        Where they come from, to address the findings: its `rows` are on the index of `areas`.

    Returns
    -------
    tuple of Finding
        The largest shares first, at most `LISTED_OVERLAPS` and one that counts the rest.
    """
    shapes = areas.geometry.to_numpy()
    level = areas["level"].to_numpy(dtype=object) if "level" in areas.columns else np.full(len(areas), "")
    first, second = _neighbours(shapes, level)
    size = _square_metres(shapes)
    smaller = np.minimum(size[first], size[second])
    common = _square_metres(shapely.intersection(shapes[first], shapes[second]))
    share = np.divide(common, smaller, out=np.zeros(len(common)), where=smaller > 0)
    order = np.lexsort((second, first, -share))
    order = order[share[order] > OVERLAP_SHARE]
    titles = _titles(areas)
    rows = None if source is None else source.rows.loc[areas.index].to_numpy()
    found = tuple(
        Finding(
            "doubtful",
            "overlap_repeated" if share[pair] > REPEATED_SHARE else "overlap",
            None if source is None else source.file,
            None if source is None else source.sheet,
            None if rows is None else int(rows[first[pair]]),
            values={
                "name": titles[first[pair]],
                "other": titles[second[pair]],
                "percent": f"{100 * share[pair]:.1f}",
                "hectares": f"{common[pair] / 10_000:.2f}",
            },
        )
        for pair in order[:LISTED_OVERLAPS].tolist()
    )
    more = len(order) - len(found)
    file = None if source is None else source.file
    return (*found, Finding("doubtful", "overlap_more", file, count=more)) if more > 0 else found


def _marked(flags: Flags, frame: pd.DataFrame) -> pd.Series:
    return pd.Series(np.asarray(flags, dtype=bool), index=frame.index)


def _is_polygonal(shapes: Shapes) -> Flags:
    return np.isin(shapely.get_type_id(shapes), _POLYGONAL)


def _has_heights(shapes: Shapes) -> Flags:
    """Return which shapes have heights other than 0, or measures."""
    tall = shapely.has_z(shapes)
    if tall.any():
        coordinates, owner = shapely.get_coordinates(shapes[tall], include_z=True, return_index=True)
        higher = np.nan_to_num(coordinates[:, 2]) != 0
        tall[tall] = np.bincount(owner[higher], minlength=int(tall.sum())) > 0
    return tall | shapely.has_m(shapes) if shapely.geos_version >= (3, 12, 0) else tall


def _endless(shapes: Shapes) -> Flags:
    """Return which shapes have a coordinate that is no number or infinite."""
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    wrong = ~np.isfinite(coordinates).all(axis=1)
    return np.bincount(owner[wrong], minlength=len(shapes)) > 0


def _without_lines(shapes: Shapes) -> Shapes:
    """Return collections that hold a polygon as their polygons only; other shapes are the same objects."""
    result = np.array(shapes, dtype=object)
    mixed = np.flatnonzero(shapely.get_type_id(result) == _COLLECTION)
    parts, owner = shapely.get_parts(result[mixed], return_index=True)
    while (shapely.get_type_id(parts) == _COLLECTION).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        owner = owner[inner]
    parts, inner = shapely.get_parts(parts, return_index=True)
    owner = owner[inner]
    polygons = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    if polygons.any():
        kept = np.unique(owner[polygons])
        united = shapely.multipolygons(parts[polygons], indices=np.searchsorted(kept, owner[polygons]))
        result[mixed[kept]] = united
    return result


def _made_valid(shapes: Shapes, astray: Flags) -> Shapes:
    """Return valid polygons; `astray` marks those whose holes are not inside.

    Where edges lie on each other GEOS needs a second pass (seen with GEOS 3.14).
    """
    result = np.array(shapes, dtype=object)
    result[astray] = _without_lines(shapely.make_valid(result[astray], method="linework"))
    for _ in range(2):
        still = ~shapely.is_valid(result)
        result[still] = _without_lines(shapely.make_valid(result[still], method="structure", keep_collapsed=False))
    still = ~shapely.is_valid(result)
    result[still] = _without_lines(shapely.make_valid(result[still], method="linework"))
    return result


def _reasons(shapes: Shapes, broken: Flags) -> Shapes:
    """Return the sentence for what is wrong with each broken shape, "" for the others."""
    reason: Shapes = np.full(len(shapes), "", dtype=object)
    reason[broken] = [_sentence(said) for said in shapely.is_valid_reason(shapes[broken])]
    return reason


def _without_repeated_vertices(shapes: Shapes, sound: Flags) -> Shapes:
    """Return shapes, the sound (valid) polygons among them without vertices that repeat the one before."""
    result = np.array(shapes, dtype=object)
    thin = shapely.remove_repeated_points(result[sound], tolerance=0.0)
    fewer = shapely.get_num_coordinates(thin) < shapely.get_num_coordinates(result[sound])
    result[sound] = np.where(fewer, thin, result[sound])
    return result


def _without_slivers(shapes: Shapes, broken: Flags) -> tuple[Shapes, NDArray[np.int64]]:
    """Return mended shapes without parts that are slivers (the largest always stays), and how many each lost."""
    result, lost = np.array(shapes, dtype=object), np.zeros(len(shapes), dtype=np.int64)
    several = np.flatnonzero(broken & (shapely.get_num_geometries(shapes) > 1))
    parts, owner = shapely.get_parts(result[several], return_index=True)
    if len(parts) == 0:
        return result, lost
    local = _in_metres(parts)
    size = shapely.area(local)
    width = np.divide(2 * size, shapely.length(local), out=np.zeros(len(parts)), where=shapely.length(local) > 0)
    largest = np.zeros(len(several))
    np.maximum.at(largest, owner, size)
    sliver = ((size < SLIVER_M2) | (width < SLIVER_METRES)) & (size < largest[owner])
    touched = np.unique(owner[sliver])
    stays = ~sliver & np.isin(owner, touched)
    if len(touched):
        result[several[touched]] = _joined(parts[stays], np.searchsorted(touched, owner[stays]))
    lost[several] = np.bincount(owner[sliver], minlength=len(several))
    return result, lost


def _joined(parts: Shapes, owner: NDArray[np.intp]) -> Shapes:
    """Return one shape for each owner: a polygon of one part, a multipolygon of several."""
    united = np.asarray(shapely.multipolygons(parts, indices=owner), dtype=object)
    return np.where(shapely.get_num_geometries(united) == 1, shapely.get_geometry(united, 0), united)


def _mends(
    frame: gpd.GeoDataFrame, source: SourceTable, before: Shapes, after: Shapes, reason: Shapes
) -> tuple[Finding, ...]:
    """Return a finding for each shape that was invalid: mended when its area hardly changed, else doubtful."""
    old, new = np.abs(shapely.area(before)), shapely.area(after)
    change = 100 * np.divide(new - old, old, out=np.full(len(old), np.nan), where=old > 0)
    safe = np.abs(np.nan_to_num(change, nan=np.inf)) <= SAFE_PERCENT
    percent = pd.Series([f"{value:+.2f}" if np.isfinite(value) else "?" for value in change], index=frame.index)
    found: tuple[Finding, ...] = ()
    for key in sorted(set(reason) - {""}):
        own = reason == key
        found += row_findings("mended", key, _marked(own & safe, frame), source, percent=percent)
        found += row_findings("doubtful", key, _marked(own & ~safe, frame), source, percent=percent)
    return found


def _sentence(reason: str) -> str:
    """Return the sentence for a reason such as ``Self-intersection[102.5 24.3]``."""
    return _REASONS.get(reason.partition("[")[0].lower(), _OTHER_REASON)


def _in_metres(shapes: Shapes) -> Shapes:
    """Return shapes in metres on a plane that touches the sphere at the middle latitude of each."""
    bounds = shapely.bounds(shapes)
    middle = np.radians((bounds[:, 1] + bounds[:, 3]) / 2)
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    # Offsets from the corner keep the digits: areas of slivers are differences of large products.
    local = (coordinates - bounds[owner, :2]) * _METRES_PER_DEGREE
    local[:, 0] *= np.cos(middle)[owner]
    return np.asarray(shapely.set_coordinates(np.array(shapes, dtype=object), local), dtype=object)


def _square_metres(shapes: Shapes) -> NDArray[np.float64]:
    """Return areas in square metres, 0 for what has none."""
    bounds = shapely.bounds(shapes)
    scale = np.cos(np.radians((bounds[:, 1] + bounds[:, 3]) / 2)) * _METRES_PER_DEGREE**2
    return np.nan_to_num(shapely.area(shapes) * scale)


def _neighbours(shapes: Shapes, level: NDArray[np.object_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return pairs of one level whose boxes share more than `OVERLAP_SHARE` of the smaller area."""
    first, second = shapely.STRtree(shapes).query(shapes)
    alike = (first < second) & (level[first] == level[second])
    first, second = first[alike], second[alike]
    bounds, size = shapely.bounds(shapes), shapely.area(shapes)
    sides = np.minimum(bounds[first, 2:], bounds[second, 2:]) - np.maximum(bounds[first, :2], bounds[second, :2])
    enough = sides.clip(min=0).prod(axis=1) > OVERLAP_SHARE * np.minimum(size[first], size[second])
    return first[enough], second[enough]


def _titles(areas: pd.DataFrame) -> list[str]:
    """Return names with their codes, the codes alone where there is no name."""
    code = areas["area_id"].astype(str)
    if "name" not in areas.columns:
        return code.tolist()
    return code.where(areas["name"].isna(), areas["name"].astype(str) + " " + code).tolist()
