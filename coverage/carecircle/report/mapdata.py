"""The map's data as compact plain values: geometry in whole steps, every number already worded by `facts`."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.gaps import KINDS as GAP_KINDS
from carecircle.language import Language, text
from carecircle.report import facts, gapwords
from carecircle.sources.facilities import in_operation, is_coming

if TYPE_CHECKING:
    from carecircle.model import Study

Plain = dict[str, Any]

DIGITS, STREET_DIGITS = 6, 5
"""Decimals of a degree that are kept: 0.1 m, and 1 m for streets."""
# Tolerances of what is drawn, never of what is counted; a degree of latitude is 111.32 km.
_AREA_TOLERANCE, _RING_TOLERANCE, _STREET_TOLERANCE = 8 / 111_320, 4 / 111_320, 3 / 111_320

_STREETS = {
    "motorway": 0,
    "trunk": 0,
    "primary": 0,
    "secondary": 1,
    "tertiary": 1,
    "motorway_link": 1,
    "trunk_link": 1,
    "primary_link": 1,
    "secondary_link": 1,
    "tertiary_link": 1,
}
_MINOR = 2

# ColorBrewer YlGnBu, six classes: one direction of lightness, safe for every kind of colour blindness.
CLASS_BREAKS = (200.0, 400.0, 600.0, 800.0, 900.0)
CLASS_COLOURS = ("#ffffcc", "#c7e9b4", "#7fcdbb", "#41b6c4", "#2c7fb8", "#253494")
_NO_DATA_CLASS, _NOT_APPLICABLE_CLASS = -1, -2

# ColorBrewer Blues; the innermost ring is the darkest.
_RING_COLOURS = ("#1f6fb4", "#6baed6", "#b5d4ea", "#d6e6f4", "#e8f1f9")

# Radius in pixels of the largest circle of people not covered, and from how many circles on it shrinks.
_WIDEST, _CROWD = 11.0, 600

_SHAPES = (
    '<circle cx="10" cy="10" r="7"/>',
    '<rect x="3.6" y="3.6" width="12.8" height="12.8" rx="1.4"/>',
    '<path d="M10 2.4 18 16.4H2z"/>',
    '<path d="M10 1.4 18.6 10 10 18.6 1.4 10z"/>',
    '<path d="M10 1.6 18 7.4 15 16.8H5L2 7.4z"/>',
    '<path d="M10 1.4 17.4 5.7v8.6L10 18.6 2.6 14.3V5.7z"/>',
    '<path d="M10 1.2l2.5 5.6 6.1.6-4.6 4 1.4 6L10 14.3l-5.4 3.1 1.4-6-4.6-4 6.1-.6z"/>',
    '<path d="M7 2h6v5h5v6h-5v5H7v-5H2V7h5z"/>',
)
_COLOURS = ("#6a1b9a", "#00695c", "#b35900", "#ad1457", "#37474f", "#5d4037", "#1b5e20", "#880e4f")
_CLOSED_COLOUR = "#7d828b"
NEUTRAL_COLOUR = "#3d4553"
STATUSES = ("open", "planned", "closed")

CLUSTER_FROM = 400
"""From this many marks on, neighbours are one mark with a number until one zooms in."""
_GAP_SIGNS = {
    "none": ("#b3261e", '<path d="M10 5.6v5.2M10 12.6v2"/>'),
    "few": ("#8c4a00", '<path d="M6.4 10h7.2"/>'),
    "beyond": ("#253494", '<circle cx="10" cy="10" r="3.6"/><path d="M10 7.6V10l1.6 1"/>'),
    "closed": ("#4a5260", '<path d="M7.4 7.4l5.2 5.2m0-5.2-5.2 5.2"/>'),
    "functions": ("#7a3e9d", '<path d="M10 6a4 4 0 1 0 4 4"/>'),
    "too_small": ("#00695c", '<rect x="8.2" y="8.2" width="3.6" height="3.6"/>'),
}


def pack(geometries: NDArray[np.object_], digits: int) -> Plain:
    """Return geometries as steps of 10^-digits degrees from one vertex to the next, and how they group.

    Returns
    -------
    dict
        ``k`` decimals, ``d`` steps lon, lat, lon, lat, ..., ``o`` group sizes, innermost first: none for
        points, two lists for lines (vertices a line, lines a geometry), three for polygons.
    """
    kind, coordinates, offsets = shapely.to_ragged_array(geometries)
    steps = np.rint(coordinates[:, :2] * 10**digits).astype(np.int64)
    sizes = [np.diff(offset).tolist() for offset in offsets]
    if kind in {shapely.GeometryType.LINESTRING, shapely.GeometryType.POLYGON}:
        sizes.append([1] * len(geometries))
    moves = np.diff(steps, axis=0, prepend=np.zeros((1, 2), np.int64))
    return {"k": digits, "d": moves.ravel().tolist(), "o": sizes}


def drawable(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows that have something to draw."""
    shapes = frame.geometry.to_numpy()
    return frame[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]


def icon(shape: int, status: str, colour: str = "") -> str:
    """Return a facility's mark as SVG: shape and colour say the kind, the filling says the status."""
    colour = colour or _COLOURS[(shape + shape // len(_SHAPES)) % len(_COLOURS)]
    style = {
        "open": f'fill="{colour}" stroke="#fff" stroke-width="1.4"',
        "planned": f'fill="#fff" stroke="{colour}" stroke-width="2" stroke-dasharray="3 1.6"',
        "closed": f'fill="#fff" stroke="{_CLOSED_COLOUR}" stroke-width="1.6"',
    }[status]
    cross = f'<path d="M7 7l6 6m0-6l-6 6" stroke="{_CLOSED_COLOUR}" stroke-width="1.6"/>'
    return (
        f'<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><g {style}>'
        f"{_SHAPES[shape % len(_SHAPES)]}</g>{cross if status == 'closed' else ''}</svg>"
    )


def status_of(facilities: pd.DataFrame) -> pd.Series:
    """Return each facility's status as one of `STATUSES`: what does not count as in operation is drawn otherwise.

    Examples
    --------
    >>> status_of(pd.DataFrame({"status": ["open", None, "拟建", "暂停", "planned"]})).tolist()
    ['open', 'open', 'planned', 'closed', 'planned']
    """
    if "status" not in facilities:
        return pd.Series("open", index=facilities.index)
    found = pd.Series("closed", index=facilities.index).mask(is_coming(facilities), "planned")
    return found.mask(in_operation(facilities), "open")


def kinds(study: Study, language: Language | None) -> list[Plain]:
    """Return the kinds of facilities, most frequent first: label, number, and the mark of each status."""
    labels = facility_kinds(study.facilities, language)
    counts = labels.value_counts().rename_axis("label").reset_index(name="count")
    counts = counts.sort_values(["count", "label"], ascending=[False, True])
    return [
        {"label": label, "count": count, "icons": {status: icon(shape, status) for status in STATUSES}}
        for shape, label, count in counts.reset_index(drop=True).itertuples()
    ]


def facility_kinds(facilities: pd.DataFrame, language: Language | None) -> pd.Series:
    """Return each facility's kind in words."""
    if "kind" not in facilities:
        return pd.Series(text("kind.unknown", language), index=facilities.index)
    return facilities["kind"].map(partial(_label, "kind.", language))


def _label(section: str, language: Language | None, key: object) -> str:
    return facts.label(section, key, language)


def facilities(study: Study, kind_labels: list[str], language: Language | None) -> Plain:
    """Return the facilities as columns, and each one's own rings."""
    frame = drawable(study.facilities)
    called = facts.names(frame["name"], language) if "name" in frame else frame["facility_id"]
    kind = pd.Index(kind_labels).get_indexer(pd.Index(facility_kinds(frame, language)))
    return {
        "at": pack(frame.geometry.to_numpy(), DIGITS) if len(frame) else None,
        "name": called.tolist(),
        "kind": kind.tolist(),
        "status": status_of(frame).tolist(),
        "rows": _facility_rows(study, frame, language),
        "rings": _own_rings(study, frame["facility_id"]),
    }


def _facility_rows(study: Study, frame: gpd.GeoDataFrame, language: Language | None) -> list[list[list[str]]]:
    number = partial(facts.count, language=language)
    words = {name: partial(_label, section, language) for name, section in facts.FACILITY_WORDS.items()}
    ways = words | dict.fromkeys(facts.FACILITY_NUMBERS, number)
    columns = {
        text(f"workbook.{name}", language): frame[name].map(way).where(frame[name].notna())
        for name, way in ways.items()
        if name in frame
    }
    served = facts.served_people(study).reindex(frame["facility_id"]).map(number).set_axis(frame.index)
    heading = text("map.served", language, minutes=f"{max(study.minutes):g}")
    columns[heading] = served.where(status_of(frame) == "open")
    records = pd.DataFrame(columns, index=frame.index).to_dict("records")
    return [[[str(key), value] for key, value in row.items() if isinstance(value, str)] for row in records]


def _own_rings(study: Study, ids: pd.Series) -> Plain | None:
    rings = study.isochrones
    own = drawable(rings[rings["facility_id"] != "all"]) if len(rings) else rings
    if own.empty:
        return None
    owner = pd.Series(pd.Index(ids).get_indexer(own["facility_id"]), index=own.index)
    own = own.assign(owner=owner)[owner >= 0].sort_values(["owner", "minutes"], ascending=[True, False])
    shapes = shapely.simplify(own.geometry.to_numpy(), 2 * _RING_TOLERANCE)
    return {"at": pack(shapes, STREET_DIGITS), "owner": own["owner"].tolist()}


def bands(study: Study) -> list[Plain]:
    """Return the union rings as bands that do not overlap, outermost first: limit, colour, geometry."""
    if study.isochrones.empty:
        return []
    union = drawable(study.isochrones[study.isochrones["facility_id"] == "all"]).sort_values("minutes")
    shapes = shapely.simplify(union.geometry.to_numpy(), _RING_TOLERANCE)
    parts = shapely.difference(shapes, np.concatenate([[shapely.Polygon()], shapes])[: len(shapes)])
    found = [
        {
            "minutes": limit,
            "colour": _RING_COLOURS[min(place, len(_RING_COLOURS) - 1)],
            "at": None if band.is_empty else pack(np.array([band]), DIGITS),
        }
        for place, (limit, band) in enumerate(zip(union["minutes"], parts, strict=True))
    ]
    return found[::-1]


def streets(study: Study) -> list[Plain]:
    """Return the streets in three classes, the finest first: class 0 are main roads."""
    frame = drawable(study.streets)
    if frame.empty:
        return []
    rank = frame["highway"].map(_STREETS).fillna(_MINOR).astype(int).to_numpy()
    lines = shapely.simplify(frame.geometry.to_numpy(), _STREET_TOLERANCE)
    return [
        {"class": number, "at": pack(lines[rank == number], STREET_DIGITS)}
        for number in (2, 1, 0)
        if (rank == number).any()
    ]


def areas(study: Study, language: Language | None) -> Plain:
    """Return the areas of each level: outlines, borders once each, names, figures and class of coverage."""
    found: Plain = {"levels": [], "ground": None}
    for level in facts.levels(study):
        frame = drawable(study.areas[study.areas["level"] == level])
        if frame.empty:
            continue
        shapes = shapely.coverage_simplify(frame.geometry.to_numpy(), _AREA_TOLERANCE)
        numbers = facts.coverage_numbers(study, level).loc[frame["area_id"]]
        border = shapely.line_merge(shapely.union_all(shapely.boundary(shapes)))
        middle = shapely.get_coordinates(shapely.point_on_surface(shapes))[:, ::-1]
        found["levels"].append(
            {
                "level": level,
                "label": text(f"fact.level_{level}", language),
                "at": pack(shapes, DIGITS),
                "border": pack(np.array([border]), DIGITS),
                "name": facts.names(frame["name"], language).tolist(),
                "middle": middle.round(DIGITS).tolist(),
                "box": shapely.bounds(shapes).round(DIGITS).tolist(),
                "class": _classes(numbers["covered_" + f"{max(study.minutes):g}"], numbers["total"]).tolist(),
                "rows": _area_rows(study, level, numbers, language),
            }
        )
        if found["ground"] is None:
            found["ground"] = pack(np.array([shapely.union_all(shapes)]), DIGITS)
    return found


def _classes(covered: pd.Series, total: pd.Series) -> NDArray[np.int64]:
    cut = facts.thousandths(covered, total)
    classes = np.searchsorted(CLASS_BREAKS, np.nan_to_num(cut), side="right")
    classes[np.isnan(cut)] = _NO_DATA_CLASS
    classes[(total == 0).to_numpy()] = _NOT_APPLICABLE_CLASS
    return classes


def _area_rows(study: Study, level: str, numbers: pd.DataFrame, language: Language | None) -> list[list[list[str]]]:
    measure = facts.label("fact.measure_", facts.headline_measure(study), language)
    parts = [(text("workbook.parent", language), facts.names(numbers["parent"], language).tolist())]
    parts.append((measure, [facts.count(value, language) for value in numbers["total"]]))
    for limit in study.minutes:
        pairs = zip(numbers[f"covered_{limit:g}"], numbers["total"], strict=True)
        heading = text("map.legend_within", language, minutes=f"{limit:g}")
        parts.append((heading, [facts.share(*pair, language) for pair in pairs]))
    for column in [name for name in numbers if f"{name}_total" in numbers]:
        which, unit = str(column).split("_", 1)
        pairs = zip(numbers[column], numbers[f"{column}_total"], strict=True)
        heading = text(
            f"workbook.{which}", language, level=text(f"fact.level_{unit}", language), minutes=f"{max(study.minutes):g}"
        )
        parts.append((heading, [facts.share(*p, language) for p in pairs]))
    known = parts if numbers["parent"].notna().any() else parts[1:]
    rows = [
        [list(pair) for pair in zip([heading for heading, _ in known], values, strict=True)]
        for values in zip(*(values for _, values in known), strict=True)
    ]
    head = [text("map.level", language), text(f"fact.level_{level}", language)]
    return [[head, *row] for row in rows]


def uncovered(study: Study, language: Language | None) -> Plain:
    """Return the demand that no facility reaches, with circles whose area follows the people over 60."""
    frame = drawable(facts.uncovered(study))
    if frame.empty:
        return {"at": None, "sizes": []}
    people = frame["people_60"].where(np.isfinite(frame["people_60"])).to_numpy(float)
    reference = nice(float(np.nanquantile(people, 0.98))) if np.isfinite(people).any() else 1.0
    named = study.areas.set_index("area_id")["name"] if len(study.areas) else pd.Series(dtype=object)
    place = frame["area_id"].map(named) if "area_id" in frame else pd.Series(index=frame.index, dtype=object)
    nearest = pd.Index(drawable(study.facilities)["facility_id"]).get_indexer(frame["facility_id"])
    widest = _WIDEST * min(1.0, max(0.5, math.sqrt(_CROWD / len(frame))))
    steps = sorted({nice(reference / part) for part in (20, 4, 1)} - {0.0}) if np.isfinite(people).any() else []
    return {
        "at": pack(frame.geometry.to_numpy(), DIGITS),
        "radius": radius(people, reference, widest).tolist(),
        "people": frame["people_60"].map(partial(facts.count, language=language)).tolist(),
        "known": np.isfinite(people).astype(int).tolist(),
        "minutes": frame["minutes"].map(partial(facts.minutes, language=language)).tolist(),
        "metres": frame["metres"].map(partial(facts.metres, language=language)).tolist(),
        "place": place.where(place.notna(), "").astype(str).tolist(),
        "nearest": nearest.tolist(),
        "sizes": [
            [facts.count(step, language), float(radius(np.array([step]), reference, widest)[0])] for step in steps
        ],
    }


def gaps(study: Study, language: Language | None) -> Plain:
    """Return what is lacking: one mark a unit with the gravest of its gaps, and each gap worded; empty without any."""
    frame = drawable(study.gaps) if study.gaps is not None else None
    if frame is None or frame.empty:
        return {"units": [], "gaps": [], "at": None}
    unplaced = 0 if study.gaps is None else len(study.gaps) - len(frame)
    frame = frame.sort_values("rank")
    first = frame.drop_duplicates("area_id")
    number = partial(facts.count, language=language)
    people = zip(first["people_60"].map(number), first["people_80"].map(number), strict=True)
    heads = text("fact.measure_people_60", language), text("fact.measure_people_80", language)
    names = zip(facts.names(first["name"], language), gapwords.around(first), people, strict=True)
    columns = {
        "id": frame["gap_id"],
        "target": frame["target_id"],
        "title": gapwords.target_titles(frame, study.judgements, language),
        "unit": pd.Index(first["area_id"]).get_indexer(frame["area_id"]),
        "kind": frame["gap"],
        "rows": pd.Series(_gap_rows(study, frame, language), index=frame.index),
    }
    return {
        "at": pack(first.geometry.to_numpy(), DIGITS),
        "units": [
            {"name": name, "place": place, "rows": [list(row) for row in zip(heads, said, strict=True)]}
            for name, place, said in names
        ],
        "gaps": pd.DataFrame(columns).to_dict("records"),
        "icons": {kind: gap_icon(kind) for kind in GAP_KINDS if kind in set(frame["gap"])},
        "only": text("gap.only", language, target="{target}"),
        "clusters": len(first) >= CLUSTER_FROM,
        "unplaced": unplaced,
    }


def _gap_rows(study: Study, frame: gpd.GeoDataFrame, language: Language | None) -> list[list[list[str]]]:
    """Return what a window says of each gap: heading and words."""
    known = frame["people_60_out"].notna()
    absent = gapwords.without_nearest(study, frame, language)
    columns = {
        text("gap.legend", language): frame["gap"].map(partial(_label, "gap.kind_", language)),
        text("gap.out", language): frame["people_60_out"].map(partial(facts.count, language=language)).where(known),
        text("map.nearest", language): facts.names(frame["nearest_name"], language).where(
            frame["nearest_facility"].notna(), absent
        ),
        text("map.distance", language): frame["metres"]
        .map(partial(facts.metres, language=language))
        .where(frame["metres"].notna(), absent),
        text("map.travel", language): frame["minutes"]
        .map(partial(facts.minutes, language=language))
        .where(frame["minutes"].notna(), absent),
        text("gap.measure", language): frame["measure"].map(partial(_label, "gap.measure_", language)),
        text("gap.year", language): frame["year"].astype(str),
        text("gap.also", language): frame["also"].where(frame["also"].fillna("").ne("")),
    }
    records = pd.DataFrame(columns, index=frame.index).to_dict("records")
    return [[[str(key), value] for key, value in row.items() if isinstance(value, str)] for row in records]


def gap_icon(kind: str) -> str:
    """Return the mark of a kind of gap as SVG: a white plate with a sign of its own, told apart without colours too."""
    colour, sign = _GAP_SIGNS[kind]
    return (
        f'<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="M10 .9 19.1 10 10 19.1.9 10z" '
        f'fill="#fff" stroke="{colour}" stroke-width="1.8"/><g fill="none" stroke="{colour}" stroke-width="2">'
        f"{sign}</g></svg>"
    )


def radius(people: NDArray[np.float64], reference: float, widest: float) -> NDArray[np.float64]:
    """Return circle radii in pixels: the area follows the people, up to `widest`; fixed where unknown."""
    size = np.maximum(widest * np.sqrt(np.clip(people / reference, 0.04, 1)), 2.0)
    return np.where(np.isnan(people), widest / 4, size).round(1)


def nice(value: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is not above `value`; 1 at least.

    Examples
    --------
    >>> nice(73), nice(180), nice(0.3)
    (50.0, 100.0, 1.0)
    """
    if value < 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= value)


def view(study: Study) -> list[float]:
    """Return west, south, east, north of what the map should show at first."""
    frames = [study.areas, study.isochrones, study.facilities, study.demand, study.streets]
    first = next((found for found in map(drawable, frames) if len(found)), None)
    edges = [0.0, 0.0, 1.0, 1.0] if first is None else first.total_bounds.round(DIGITS)
    return [float(edge) for edge in edges]
