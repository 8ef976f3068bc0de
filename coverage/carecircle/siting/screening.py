"""Which candidates can be built on: outside land to be kept free, large enough, far enough apart, on a street.

Whatever is left out is listed with every reason. What is only a reservation (a soft exclusion) stays, in words, in the
column `conflicts`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from carecircle.crs import metric_crs, project, to_geographic
from carecircle.errors import InputError, UsageError, problem
from carecircle.language import text
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.schema import CANDIDATES, SOURCES, check
from carecircle.snap import MAX_SNAP_METRES, snap
from carecircle.sources.layers.reading import CrsLike, read_layer

REASONS = ("excluded", "floor", "off_network", "near_facility", "same_place", "spacing")
"""Why a candidate is left out, in the order in which it is told."""

MOST_PAIRS = 20_000_000
"""Pairs that `spacing_conflicts` returns at most (320 MB)."""

_TOLERANCE = 1e-3  # metres: rounding of the projection must not make 500 m out of 499.9999
_NAMES = ("名称", "name", "NAME", "Name")
_TYPES = ("类型", "类别", "type", "TYPE", "Type")


@dataclass(frozen=True, eq=False)
class Exclusion:
    """Land on which nothing may be built, or (``hard=False``) with reservations.

    Parameters
    ----------
    name
        What it is called in reasons: 地质灾害隐患区.
    polygons
        Polygons with a reference system; a column ``name`` names each.
    hard
        Whether candidates inside are left out; else it is put down under `conflicts`.
    """

    name: str
    polygons: gpd.GeoDataFrame
    hard: bool = True


@dataclass(frozen=True, eq=False)
class Screened:
    """What screening gave.

    Parameters
    ----------
    kept
        The candidates that can be built on, in the order given, with `conflicts` and `note` completed.
    dropped
        The others, in the order given: `candidate_id`, `name`, `source`, `reason` (the first of `REASONS` that holds)
        and `why` (all of them in words).
    """

    kept: gpd.GeoDataFrame
    dropped: pd.DataFrame


def read_exclusions(
    path: str | Path,
    *,
    layer: str | None = None,
    crs: CrsLike | None = None,
    name: str | None = None,
    soft: Collection[str] = (),
) -> tuple[Exclusion, ...]:
    """Read polygons of land to be kept free (landslide, flood, red line) from any layer.

    Parameters
    ----------
    path, layer, crs
        As for `carecircle.sources.read_layer`.
    name
        What all the polygons are called together; by default one exclusion for each word in the column 类型 (type), or
        one under the file's name.
    soft
        Names of exclusions that are reservations only.

    Raises
    ------
    InputError
        The file cannot be read or holds other things than polygons.
    UsageError
        `soft` names an exclusion that is not there.
    """
    frame = read_layer(path, layer, crs=crs)
    kinds = frame.geometry.geom_type.str.removeprefix("Multi")
    if (kinds != "Polygon").any():
        found = "、".join(sorted(set(kinds)))
        raise InputError(problem("wrong_geometry", file=path, wanted="polygon", found=found))
    own = gpd.GeoDataFrame({"name": _column(frame, _NAMES)}, geometry=frame.geometry.make_valid(), crs=frame.crs)
    sort = pd.Series(None, index=frame.index, dtype=object) if name else _column(frame, _TYPES)
    sort = sort.fillna(name or layer or Path(path).stem)
    strange = sorted(set(soft) - set(sort))
    if strange:
        known = "、".join(sorted(set(sort)))
        raise UsageError(text("candidate.unknown_exclusion", value="、".join(strange), known=known))
    return tuple(Exclusion(str(kind), own[sort == kind], kind not in soft) for kind in sorted(set(sort)))


def _column(frame: gpd.GeoDataFrame, titles: Sequence[str]) -> pd.Series:
    title = next((title for title in titles if title in frame), None)
    return pd.Series(None, index=frame.index, dtype=object) if title is None else frame[title].astype(object)


def screen_candidates(
    candidates: gpd.GeoDataFrame,
    *,
    exclusions: Sequence[Exclusion] = (),
    min_floor_m2: float | None = None,
    spacing_metres: float = 0.0,
    same_metres: float = 1.0,
    facilities: gpd.GeoDataFrame | None = None,
    network: RoadNetwork | None = None,
    snap_metres: float = MAX_SNAP_METRES,
) -> Screened:
    """Leave out the candidates that cannot be built on.

    Parameters
    ----------
    candidates
        From `read_candidates` and `propose_candidates`.
    exclusions
        From `read_exclusions`. A point on the border is inside.
    min_floor_m2
        Least floor area. A candidate of unknown area stays; one of the user's list gets a note that says so.
    spacing_metres
        Least straight distance to `facilities` and between two candidates; exactly this far is far enough. Of two that
        are nearer the better one stays: idle property first, then the larger floor area, then the order of
        `schema.SOURCES`, then the smaller id. Any choice among those kept keeps the distance. The price: a worse
        candidate may be the better site; leave it at 0 and give `spacing_conflicts` to a solver where that matters.
    same_metres
        Candidates no farther apart than this are one place; the better one stays.
    facilities
        Those that exist, closed ones left out by the caller; they matter to `spacing_metres` only.
    network, snap_metres
        Candidates farther from every street than this are left out.

    Raises
    ------
    UsageError
        A distance or area is negative.
    InputError
        The candidates do not keep `schema.CANDIDATES`: a key is there twice, a place is missing.

    Notes
    -----
    Distances are straight and in the metric system of the place (`carecircle.crs.metric_crs`). Candidates that are left
    out for themselves do not take room from others.
    """
    _refuse(min_floor_m2 or 0.0, spacing_metres, same_metres, snap_metres)
    points = to_geographic(candidates).reset_index(drop=True)
    points = check(points, CANDIDATES) if len(points) else points
    xy, stand = _metres(points, facilities)
    hard, soft = ([one for one in exclusions if one.hard is wanted] for wanted in (True, False))
    why = {
        "excluded": _inside(points, hard),
        "floor": _too_small(points, min_floor_m2),
        "off_network": _off(points, network, snap_metres),
        "near_facility": _near_facilities(xy, stand, facilities, spacing_metres),
    }
    good = np.logical_and.reduce([reason.isna().to_numpy() for reason in why.values()])
    order = precedence(points)
    why["same_place"] = _thinned(points, xy, order[good[order]], same_metres + _TOLERANCE, "same_place")
    good &= why["same_place"].isna().to_numpy()
    why["spacing"] = _thinned(points, xy, order[good[order]], spacing_metres - _TOLERANCE, "spacing")
    good &= why["spacing"].isna().to_numpy()
    kept = _annotated(points, _inside(points, soft), min_floor_m2)
    return Screened(kept[good].reset_index(drop=True), _dropped(points[~good], pd.DataFrame(why)[~good]))


def _refuse(*values: float) -> None:
    for value in values:
        if not 0 <= value < np.inf:
            raise UsageError(text("candidate.negative", value=value))


def _metres(points: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame | None) -> tuple[Floats, Floats]:
    """Return (n, 2) and (m, 2) places of candidates and facilities in metres of one system."""
    lonlat = _lonlat(points)
    there = np.empty((0, 2)) if facilities is None else _lonlat(facilities)
    if len(lonlat) == 0:
        return lonlat, there
    crs = metric_crs(*np.median(lonlat, axis=0).tolist())
    return project(lonlat, crs), project(there, crs)


def _lonlat(points: gpd.GeoDataFrame) -> Floats:
    at = to_geographic(points).geometry
    return np.column_stack([at.x, at.y])


def precedence(candidates: gpd.GeoDataFrame) -> Ints:
    """Return positions, the most welcome candidate first.

    Idle property before all others, then the larger floor area (unknown last), then the order of `schema.SOURCES`,
    then the smaller id.

    Examples
    --------
    >>> import pandas as pd
    >>> floors = {"candidate_id": ["b", "a", "c"], "source": ["road", "idle", "idle"], "floor_m2": [None, None, 300]}
    >>> precedence(pd.DataFrame(floors)).tolist()
    [2, 1, 0]
    """
    rank = candidates["source"].map({source: place for place, source in enumerate(SOURCES)}).fillna(len(SOURCES))
    ids = np.unique(candidates["candidate_id"].astype(str).to_numpy(object), return_inverse=True)[1].ravel()
    return np.lexsort(
        (ids, rank.to_numpy(float), -_floor(candidates).fillna(-1.0).to_numpy(float), rank.to_numpy() > 0)
    )


def _floor(candidates: pd.DataFrame) -> pd.Series:
    if "floor_m2" not in candidates:
        return pd.Series(np.nan, index=candidates.index)
    return candidates["floor_m2"].astype(float)


# Reasons: a Series of words on the candidates' index, None where there is nothing to say


def _words(points: pd.DataFrame, rows: NDArray[np.intp], words: Sequence[str]) -> pd.Series:
    said = pd.Series(None, index=points.index, dtype=object)
    said.iloc[rows] = words
    return said


def _inside(points: gpd.GeoDataFrame, exclusions: Sequence[Exclusion]) -> pd.Series:
    """Say in which exclusions, and in which of their polygons, candidates lie."""
    found = [_inside_one(points, exclusion) for exclusion in exclusions]
    together = pd.concat([pd.Series(dtype=object), *found])
    said = together.groupby(level=0).agg("；".join)
    return _words(points, points.index.get_indexer(said.index), said.tolist())


def _inside_one(points: gpd.GeoDataFrame, exclusion: Exclusion) -> pd.Series:
    shapes = to_geographic(exclusion.polygons)
    found = shapely.STRtree(shapes.geometry.to_numpy()).query(points.geometry.to_numpy(), predicate="intersects")
    at, polygon = found[:, np.lexsort((found[1], found[0]))]
    names = _column(shapes, ("name",)).to_numpy(object)[polygon]
    label = exclusion.name
    words = [
        text("candidate.inside_named", layer=label, name=name)
        if isinstance(name, str)
        else text("candidate.inside", layer=label)
        for name in names
    ]
    once = ~pd.DataFrame({"at": at, "words": words}).duplicated().to_numpy()
    return pd.Series(words, index=points.index[at], dtype=object)[once]


def _too_small(points: gpd.GeoDataFrame, least: float | None) -> pd.Series:
    floor = _floor(points)
    rows = np.flatnonzero(floor < least) if least is not None else np.empty(0, np.intp)
    return _words(points, rows, [text("candidate.floor", floor=f"{floor[k]:g}", least=f"{least:g}") for k in rows])


def _off(points: gpd.GeoDataFrame, network: RoadNetwork | None, metres: float) -> pd.Series:
    if network is None or points.empty:
        return _words(points, np.empty(0, np.intp), [])
    rows = np.flatnonzero(~snap(points, network, max_metres=metres).on_network)
    return _words(points, rows, [text("candidate.off_network", metres=f"{metres:g}")] * len(rows))


def _near_facilities(xy: Floats, stand: Floats, facilities: gpd.GeoDataFrame | None, metres: float) -> pd.Series:
    """Say which facility is nearer than the spacing; of equals the first in the table."""
    said = pd.Series(None, index=range(len(xy)), dtype=object)
    usable = np.flatnonzero(np.isfinite(stand).all(axis=1))
    if facilities is None or metres <= 0 or len(usable) == 0 or len(xy) == 0:
        return said
    away, which = cKDTree(stand[usable]).query(xy)
    rows = np.flatnonzero(away < metres - _TOLERANCE)
    names = _titles(facilities, "facility_id").to_numpy(object)[usable[which[rows]]]
    gaps = zip(names, away[rows], strict=True)
    said.iloc[rows] = [
        text("candidate.near_facility", name=name, metres=f"{far:.0f}", least=f"{metres:g}") for name, far in gaps
    ]
    return said


def _titles(frame: pd.DataFrame, key: str) -> pd.Series:
    """Return the names of rows, their keys where they have none."""
    return frame[key].astype(object) if "name" not in frame else frame["name"].astype(object).fillna(frame[key])


def _thinned(points: gpd.GeoDataFrame, xy: Floats, order: Ints, metres: float, reason: str) -> pd.Series:
    """Go through candidates in order; each that stands drops those within the distance that come after it."""
    said = pd.Series(None, index=points.index, dtype=object)
    if metres <= 0 or len(order) < 2:
        return said
    by = _dropped_by(xy[order], metres)
    rows = np.flatnonzero(by >= 0)
    better = _titles(points, "candidate_id").to_numpy(object)[order[by[rows]]]
    away = np.hypot(*(xy[order[rows]] - xy[order[by[rows]]]).T)
    said.iloc[order[rows]] = [
        text(f"candidate.{reason}", name=name, metres=f"{far:.0f}", least=f"{round(metres, 2):g}")
        for name, far in zip(better, away, strict=True)
    ]
    return said


def _dropped_by(xy: Floats, metres: float) -> Ints:
    """Return for each point, in order, the earlier kept point within the distance that drops it; -1 = kept.

    The loop runs over the kept points only: they are far apart, so that neither time nor memory grows with the number
    of pairs.
    """
    tree = cKDTree(xy)
    by = np.full(len(xy), -1)
    open_points = np.ones(len(xy), bool)
    for row in range(len(xy)):
        if open_points[row]:
            near = np.asarray(tree.query_ball_point(xy[row], metres))
            fresh = near[open_points[near] & (near != row)]
            by[fresh] = row
            open_points[near] = False
    return by


# Results


def _annotated(points: gpd.GeoDataFrame, reservations: pd.Series, least: float | None) -> gpd.GeoDataFrame:
    """Put down reservations under `conflicts`, and that a floor area was not known, under `note`."""
    unknown = _floor(points).isna() & points["source"].eq("idle") & (least is not None)
    notes = pd.Series(None, index=points.index, dtype=object).mask(unknown, text("candidate.floor_unknown"))
    return points.assign(
        conflicts=_joined(_column(points, ("conflicts",)), reservations),
        note=_joined(_column(points, ("note",)), notes),
    )


def _joined(before: pd.Series, added: pd.Series) -> pd.Series:
    """Return both texts joined by ；, without what is said already; where nothing is added, the text as it is."""
    said = before.where(before.notna(), None)
    rows = np.flatnonzero(added.notna())
    pairs = [[*(said.iloc[row] or "").split("；"), *added.iloc[row].split("；")] for row in rows]
    said.iloc[rows] = ["；".join(dict.fromkeys(filter(None, parts))) for parts in pairs]
    return said


def _dropped(points: gpd.GeoDataFrame, why: pd.DataFrame) -> pd.DataFrame:
    said = why.notna().to_numpy()
    first = np.array(list(why.columns), dtype=object)[said.argmax(axis=1)] if len(why) else np.empty(0, object)
    words = ["；".join(part for part in row if isinstance(part, str)) for row in why.to_numpy(object)]
    table = {
        "candidate_id": points["candidate_id"],
        "name": _titles(points, "candidate_id"),
        "source": points["source"],
    }
    return pd.DataFrame(table).astype(object).assign(reason=first, why=words).reset_index(drop=True)


def spacing_conflicts(candidates: gpd.GeoDataFrame, metres: float) -> Ints:
    """Return the pairs of candidates that are nearer to each other than `metres`.

    Parameters
    ----------
    candidates
        Points in any reference system.
    metres
        Least straight distance; exactly this far is no conflict.

    Returns
    -------
    numpy.ndarray
        (m, 2) positions, the smaller first, sorted.

    Raises
    ------
    UsageError
        There are more than `MOST_PAIRS`: thin the candidates first.
    """
    _refuse(metres)
    xy = _metres(to_geographic(candidates), None)[0]
    reach = metres - _TOLERANCE
    if len(xy) < 2 or reach <= 0:
        return np.empty((0, 2), np.int64)
    tree = cKDTree(xy)
    count = (int(tree.count_neighbors(tree, reach)) - len(xy)) // 2
    if count > MOST_PAIRS:
        raise UsageError(text("candidate.pairs", count=f"{count:,}", most=f"{MOST_PAIRS:,}"))
    pairs = tree.query_pairs(reach, output_type="ndarray").astype(np.int64)
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))])
