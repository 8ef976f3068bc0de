"""In which datum coordinates are: WGS 84, GCJ-02 or BD-09, judged by what lies around them or said by a column.

Points are compared with streets and with the areas they are said to belong to (`judge_datum`), layers of areas with
the borders of counties (`judge_area_datum`). How sure the answer is, and where the method comes from, is told in
`carecircle.sources.positions.alignment`. A judgement that is not sure is a question to the user, never a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import shapely
from numpy.typing import ArrayLike, NDArray

from carecircle.china.codes import significant_code
from carecircle.china.coordinates import (
    DATUMS,
    Datum,
    inside_shifted_region,
    to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from carecircle.china.headers import match_headers, plain, words
from carecircle.crs import GEOGRAPHIC, metric_crs, project, to_geographic
from carecircle.errors import UsageError
from carecircle.language import Language, text
from carecircle.schema import AREAS
from carecircle.sources.positions import alignment
from carecircle.sources.roads.streets import ranges
from carecircle.sources.tables.cells import as_text

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]

_POINTS, _VERTICES = 150, 300  # as many are compared; more would not make the answer surer
_FIRST_LOOK = 4000  # vertices of the reference among which those near the layer are found
_NEAR_STREETS, _NEAR_BORDERS = 1000.0, 1500.0  # metres; when it is farther in every datum there is nothing near
_MARGIN_DEG = 0.04  # around the points; farther streets cannot be the nearest of any translation
_PIECE = 16  # steps of a piece of border
_COUNTY_DIGITS = 6
_SHORTEST_WORD = 2
_NOT_A_GUESS = 0.5  # below, no datum is named
_MOST_SAID = 0.999  # nothing is said to be 100 % sure
_UNIT = 1e-5  # degrees that a whole number of the reference counts


@dataclass(frozen=True)
class DatumEvidence:
    """What speaks for one datum.

    Parameters
    ----------
    probability
        That it is this one.
    median_metres
        From the points to the nearest street, or from vertices of the reference to the nearest border; NaN when there
        was nothing to measure to.
    share_inside
        Of the points, inside the area that they are said to belong to; NaN when none says one.
    """

    probability: float
    median_metres: float = np.nan
    share_inside: float = np.nan


@dataclass(frozen=True)
class DatumJudgement:
    """In which datum coordinates are, and how sure that is.

    Parameters
    ----------
    best
        The most probable datum; None when there was nothing to judge by.
    sure
        Whether it may be used without asking.
    confidence
        Probability that `best` is right.
    reason
        Name of the sentence in the catalogue's section ``datum``: ``fits``, ``unclear``, ``mixed`` (some rows in one
        datum, some in another), ``not_shifted`` (outside China all datums are one), ``no_points``, ``nothing_near``,
        ``no_common_code``.
    points
        How many were compared.
    evidence, shares
        By datum: what was measured, and for ``mixed`` the share of the points in it.
    against
        What was measured to.
    """

    best: Datum | None
    sure: bool
    confidence: float
    reason: str
    points: int = 0
    evidence: Mapping[Datum, DatumEvidence] = field(default_factory=dict)
    shares: Mapping[Datum, float] = field(default_factory=dict)
    against: Literal["streets", "borders"] = "streets"

    @property
    def datum(self) -> Datum | None:
        """The datum, when it may be used without asking."""
        return self.best if self.sure else None

    def sentence(self, language: Language | None = None) -> str:
        """Return what was found, in words (no full stop: it may stand in a longer sentence)."""
        phrases = [self._measured(datum, found, language) for datum, found in self.evidence.items()]
        shares = [
            text("datum.share", language, name=text(f"datum.{datum}", language), share=f"{share:.0%}")
            for datum, share in self.shares.items()
        ]
        join = text("where.join", language).join
        values = {
            "name": text(f"datum.{self.best or 'unknown'}", language),
            "share": _per_cent(min(self.confidence, _MOST_SAID)),
            "points": self.points,
            "measured": join(phrases),
            "shares": join(shares),
        }
        tied = self.reason == "unclear" and self.confidence < _NOT_A_GUESS
        return text("datum.tied" if tied else f"datum.{self.reason}", language, **values)

    def _measured(self, datum: Datum, found: DatumEvidence, language: Language | None) -> str:
        """Return the evidence for one datum as a phrase."""
        metres, share = found.median_metres, found.share_inside
        parts = [
            "" if np.isnan(metres) else text(f"datum.to_{self.against}", language, metres=round(metres)),
            "" if np.isnan(share) else text("datum.inside", language, share=_per_cent(share)),
        ]
        measured = text("datum.and", language).join(filter(None, parts))
        return text("datum.measured", language, name=text(f"datum.{datum}", language), measured=measured)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``; what was not measured is None."""
        return {
            "best": self.best,
            "sure": self.sure,
            "confidence": round(self.confidence, 6),
            "reason": self.reason,
            "points": self.points,
            "against": self.against,
            "evidence": {datum: _plain(found) for datum, found in self.evidence.items()},
            "shares": dict(self.shares),
            "message": self.sentence(),
        }


def _per_cent(share: float) -> str:
    """Return a share in per cent, cut so that it never reads as more than it is."""
    return f"{np.floor(share * 1000) / 10:g}%"


def _plain(found: DatumEvidence) -> dict[str, float | None]:
    numbers = {
        "probability": round(found.probability, 6),
        "median_metres": round(found.median_metres, 1),
        "share_inside": round(found.share_inside, 4),
    }
    return {name: None if np.isnan(value) else float(value) for name, value in numbers.items()}


def judge_datum(
    lonlat: ArrayLike,
    *,
    streets: Any = None,
    areas: gpd.GeoDataFrame | None = None,
    codes: pd.Series | None = None,
) -> DatumJudgement:
    """Judge in which datum points are, by streets and by the areas they say they belong to.

    Parameters
    ----------
    lonlat
        (n, 2) longitudes and latitudes as they stand in the file.
    streets
        Lines in WGS 84: an array of shapely lines in degrees, a GeoSeries or GeoDataFrame of any system, or what has
        `to_frame()`, such as a `RoadNetwork`.
    areas
        Areas in WGS 84 with `area_id` and geometry (`schema.AREAS`).
    codes
        (n,) statistical code of the area that each point is said to belong to, in the order of `lonlat`; the finest
        area with that code, or with the beginning of it, is used.

    Returns
    -------
    DatumJudgement
        At most 150 points are compared, drawn by a fixed seed: the same points give the same answer.

    Examples
    --------
    >>> judge_datum([[-8.61, 41.15]]).sentence("en")
    'outside China, where the three datums are one'
    """
    points = np.asarray(lonlat, dtype=float).reshape(-1, 2)
    known = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(known):
        return DatumJudgement(None, False, 0.0, "no_points")
    known = known[inside_shifted_region(*points[known].T)]
    if not len(known):
        return DatumJudgement("wgs84", True, 1.0, "not_shifted")
    drawn = known[_drawn(points[known], _POINTS)]
    metric = _metric(points[drawn])
    lon, lat = points[drawn].T
    hypotheses = np.stack([metric(np.column_stack(to_wgs84(lon, lat, datum))) for datum in DATUMS])
    own = shapely.transform(_own_areas(areas, codes, len(points))[drawn], metric)
    tree = _street_tree(streets, points[drawn], metric)
    metres = alignment.distances(hypotheses, tree)
    used = ~shapely.is_missing(own) | (metres.min(axis=0) <= _NEAR_STREETS)
    if not used.any():
        return DatumJudgement(None, False, 0.0, "nothing_near", len(drawn))
    return _points_judged(hypotheses[:, used], own[used], tree)


def _points_judged(hypotheses: Floats, own: Shapes, tree: shapely.STRtree) -> DatumJudgement:
    """Judge points, (3, n, 2) metres, by their own areas, (n,) or None, and by streets."""
    count, model = len(hypotheses), alignment.STREETS
    xy = alignment.positions(hypotheses)
    within = alignment.inside(xy, own)
    metres = alignment.distances(xy, tree)
    ratios = np.where(shapely.is_missing(own), 0.0, alignment.area_ratios(within, count))
    ways = [np.broadcast_to(ratios, (len(model), *ratios.shape))]
    seen = metres[:count].min(axis=0) <= _NEAR_STREETS
    if seen.any():
        nearby = alignment.distances(alignment.around(xy), tree)
        by_street = [
            np.where(seen, alignment.line_ratios(metres, density, model, alignment.STREETS_FARTHEST), 0.0)
            for density in alignment.street_densities(metres, nearby, count)
        ]
        ways = by_street if shapely.is_missing(own).all() else alignment.with_areas(by_street, ratios)
    scores = [alignment.row_scores(way, model) for way in ways]
    shown = np.where(seen, metres[:count], np.nan)
    inside = np.where(shapely.is_missing(own), np.nan, within[:count].astype(float))
    found = _judged(alignment.verdict(scores, count), shown, inside)
    mixed = alignment.mixture(scores[0], count)
    return found if mixed is None else _of_two(found, mixed)


def _judged(verdict: alignment.Verdict, metres: Floats, inside: Floats | None = None) -> DatumJudgement:
    """Return the judgement with what was measured, (3, n) each."""
    median = _each(np.nanmedian, metres)
    share = _each(np.nanmean, np.full_like(metres, np.nan) if inside is None else inside)
    probability = verdict.probability.tolist()
    evidence = {
        datum: DatumEvidence(p, m, s) for datum, p, m, s in zip(DATUMS, probability, median, share, strict=True)
    }
    reason = "fits" if verdict.sure else "unclear"
    best = DATUMS[verdict.best]
    return DatumJudgement(best, verdict.sure, probability[verdict.best], reason, metres.shape[1], evidence)


def _each(measure: Callable[..., Any], values: Floats) -> list[float]:
    """Return a measure of each row, NaN for rows of NaN."""
    return [float(measure(row)) if np.isfinite(row).any() else np.nan for row in values]


def _of_two(found: DatumJudgement, mixed: alignment.Mixture) -> DatumJudgement:
    """Return the judgement when the points seem to be of two datums: not sure of either."""
    shares = {DATUMS[mixed.first]: mixed.share, DATUMS[mixed.second]: round(1 - mixed.share, 6)}
    best = max(shares, key=lambda datum: shares[datum])
    return replace(found, best=best, sure=False, confidence=shares[best], reason="mixed", shares=shares)


def _drawn(points: Floats, most: int) -> NDArray[np.intp]:
    """Return positions of different points, at most so many, drawn by a fixed seed, in order."""
    _, first = np.unique(points, axis=0, return_index=True)
    first.sort()
    if len(first) <= most:
        return np.asarray(first)
    return np.sort(np.random.default_rng(alignment.SEED).choice(first, most, replace=False))


def _metric(points: Floats) -> Callable[[Floats], Floats]:
    """Return the projection from degrees to metres for a place."""
    return partial(project, crs=metric_crs(*np.median(points, axis=0).tolist()))


def _street_tree(streets: Any, points: Floats, metric: Callable[[Floats], Floats]) -> shapely.STRtree:
    """Return the streets around the points, in metres, for finding the nearest."""
    lines = street_lines(streets)
    west, south, east, north = shapely.bounds(lines).T
    low, high = points.min(axis=0) - _MARGIN_DEG, points.max(axis=0) + _MARGIN_DEG
    near = (east >= low[0]) & (west <= high[0]) & (north >= low[1]) & (south <= high[1])
    return shapely.STRtree(shapely.transform(lines[near], metric))


def street_lines(streets: Any) -> Shapes:
    """Return streets as lines in EPSG:4326: of a `RoadNetwork` (anything with ``to_frame``), a frame, or an array.

    Raises
    ------
    UsageError
        It is the path of a file: `read_network` reads it.
    """
    if isinstance(streets, str | Path):
        raise UsageError(text("usage.streets_path", value=streets))
    if hasattr(streets, "to_frame") and not isinstance(streets, gpd.GeoSeries | gpd.GeoDataFrame):
        streets = streets.to_frame()
    if isinstance(streets, gpd.GeoSeries | gpd.GeoDataFrame):
        streets = streets.geometry.to_crs(GEOGRAPHIC).to_numpy()
    lines: Shapes = np.asarray(streets if streets is not None else [], dtype=object)
    return lines[~(shapely.is_missing(lines) | shapely.is_empty(lines))]


def _own_areas(areas: gpd.GeoDataFrame | None, codes: pd.Series | None, count: int) -> Shapes:
    """Return the finest area of each point's code, (n,), None where there is none."""
    own: Shapes = np.full(count, None, dtype=object)
    if areas is None or codes is None:
        return own
    drawn = areas[areas.geometry.notna() & ~areas.geometry.is_empty]
    known = significant_code(drawn["area_id"])
    shapes = drawn.geometry.to_numpy()[known.notna().to_numpy()]
    index = pd.Index(known.dropna())
    said = significant_code(codes.reset_index(drop=True)).fillna("")
    for digits in (2, 4, 6, 9, 12):
        found = index.drop_duplicates().get_indexer(said.where(said.str.len() >= digits, "").str[:digits])
        own[found >= 0] = shapes[~index.duplicated()][found[found >= 0]]
    return own


@cache
def county_reference() -> pd.DataFrame:
    """Return vertices of the borders of China's counties in CGCS2000: code (text), lon and lat (degrees).

    See ``china/county_reference.md`` for the source.

    Examples
    --------
    >>> county_reference()["code"].nunique()
    2891
    """
    file = resources.files("carecircle.china").joinpath("county_reference.parquet")
    with resources.as_file(file) as path:
        table = pq.read_table(path).to_pandas()
    return pd.DataFrame({"code": table["code"].astype(str), "lon": table["lon"] * _UNIT, "lat": table["lat"] * _UNIT})


def judge_area_datum(
    areas: gpd.GeoDataFrame, *, codes: pd.Series | None = None, reference: pd.DataFrame | None = None
) -> DatumJudgement:
    """Judge in which datum a layer of areas is, by the borders of the counties it holds.

    Parameters
    ----------
    areas
        Polygons as they stand in the file; the datum that its system names is not believed.
    codes
        Statistical code of each area, of any level: finer areas are put together to counties, of wider ones the
        borders are compared with those of their counties. Not needed when a column is called so.
    reference
        Vertices of county borders in WGS 84, as `county_reference` (the default) gives them.

    Returns
    -------
    DatumJudgement
        Not sure, with the reason ``no_common_code``, when the layer and the reference have no county in common.
    """
    known = county_reference() if reference is None else reference
    shapes = areas if areas.crs is None or areas.crs.is_geographic else to_geographic(areas)
    bounds = shapes.geometry.bounds.dropna()
    if len(bounds) and not _in_china(bounds):
        return DatumJudgement("wgs84", True, 1.0, "not_shifted")
    codes = _codes_of(areas) if codes is None else codes
    found = _counties(shapes.geometry, significant_code(codes).str[:_COUNTY_DIGITS], known)
    if found.empty:
        return DatumJudgement(None, False, 0.0, "no_common_code")
    vertices = _common_vertices(found.index, known)
    vertices = vertices[_drawn(vertices, _FIRST_LOOK)]
    metric = _metric(vertices)
    tree = shapely.STRtree(_pieces(shapely.transform(shapely.boundary(found.to_numpy()), metric)))
    shifted = (vertices, np.column_stack(wgs84_to_gcj02(*vertices.T)), np.column_stack(wgs84_to_bd09(*vertices.T)))
    hypotheses = np.stack([metric(lonlat) for lonlat in shifted])
    near = np.flatnonzero(alignment.distances(hypotheses, tree).min(axis=0) <= _NEAR_BORDERS)
    if not len(near):
        return DatumJudgement(None, False, 0.0, "nothing_near", len(vertices))
    return _borders_judged(hypotheses[:, near[_drawn(hypotheses[0, near], _VERTICES)]], tree)


def _borders_judged(hypotheses: Floats, tree: shapely.STRtree) -> DatumJudgement:
    """Judge a layer by where vertices of the reference would be in its own coordinates, (3, n, 2) metres."""
    count, model = len(hypotheses), alignment.BORDERS
    metres = alignment.distances(alignment.positions(hypotheses), tree)
    density = alignment.border_density(metres, count)
    ratios = alignment.line_ratios(metres, density, model, alignment.BORDERS_FARTHEST)
    found = _judged(alignment.verdict([alignment.row_scores(ratios, model)], count), metres[:count])
    return replace(found, against="borders")


def _codes_of(areas: gpd.GeoDataFrame) -> pd.Series:
    """Return the column of statistical codes, empty when there is none."""
    matched, _ = match_headers(map(str, areas.columns), ("area_id",), AREAS.name)
    column = matched.get("area_id")
    return pd.Series(None, index=areas.index, dtype=object) if column is None else areas[column]


def _in_china(bounds: pd.DataFrame) -> bool:
    """Whether a corner of any of these boxes is where coordinates are shifted."""
    low = inside_shifted_region(bounds["minx"], bounds["miny"])
    return bool((low | inside_shifted_region(bounds["maxx"], bounds["maxy"])).any())


def _counties(shapes: gpd.GeoSeries, codes: pd.Series, reference: pd.DataFrame) -> gpd.GeoSeries:
    """Return polygons by county code, or by the shorter code of a wider area; finer areas are put together.

    Only those that the reference knows.
    """
    known = {code[:digits] for code in reference["code"].unique() for digits in (2, 4, _COUNTY_DIGITS)}
    kept = codes.isin(known) & shapes.notna() & shapes.geom_type.isin(["Polygon", "MultiPolygon"])
    flat = gpd.GeoSeries(shapely.force_2d(shapes[kept].to_numpy()), index=codes[kept].astype(str))
    if flat.index.is_unique:
        return flat
    return gpd.GeoSeries(flat.make_valid().groupby(level=0).agg(shapely.union_all))


def _common_vertices(codes: pd.Index, reference: pd.DataFrame) -> Floats:
    """Return the vertices, (n, 2) degrees, of the reference's counties that are, or are in, areas of these codes."""
    common = pd.Series(False, index=reference.index)
    for digits in (2, 4, 6):
        common |= reference["code"].str[:digits].isin(codes)
    return reference.loc[common, ["lon", "lat"]].to_numpy(float)


def _pieces(lines: Shapes) -> Shapes:
    """Cut lines into short pieces, of which a tree finds the nearest sooner."""
    xy, line = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    counts = np.bincount(line)
    counts = counts[counts > 0]
    first = np.cumsum(counts) - counts
    pieces = -(-(counts - 1) // _PIECE)
    start = np.repeat(first, pieces) + _PIECE * ranges(np.zeros_like(pieces), pieces)
    length = np.minimum(_PIECE, np.repeat(first + counts - 1, pieces) - start) + 1
    vertex = ranges(start, length)
    return np.asarray(shapely.linestrings(xy[vertex], indices=np.repeat(np.arange(len(start)), length)))


def datum_of_words(cells: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the datum that each cell of a column such as 坐标系 names, None for none, and which cells name none.

    A cell that names two different ones is not understood; an empty cell is.

    Examples
    --------
    >>> datums, unknown = datum_of_words(pd.Series(["GCJ-02（高德）", "WGS-84坐标系", "地方坐标", None]))
    >>> datums.tolist(), unknown.tolist()
    (['gcj02', 'wgs84', None, None], [False, False, True, False])
    """
    said = as_text(cells).astype(object)
    datums = said.map({cell: _datum_of_word(cell) for cell in said.dropna().unique()}).astype(object)
    datums = datums.where(datums.notna(), None)
    return datums, (said.notna() & datums.isna()).astype(bool)


def _datum_of_word(said: str) -> Datum | None:
    folded, known = plain(said), words("datums")
    named = {datum for word, datum in known.items() if len(word) >= _SHORTEST_WORD and word in folded}
    return next((datum for datum in DATUMS if {datum} == named), None)


def coordinate_source(datums: pd.Series) -> pd.Series:
    """Return where the coordinates in the table come from: ``given``, ``converted:gcj02`` or ``converted:bd09``.

    Examples
    --------
    >>> coordinate_source(pd.Series(["wgs84", "bd09"])).tolist()
    ['given', 'converted:bd09']
    """
    converted = "converted:" + datums.astype(str)
    return converted.where(datums.ne("wgs84"), "given").astype(object)
