"""Which datum points are in: what the user says, what the table says of each row, or what streets and areas show."""

from __future__ import annotations

from functools import partial

import geopandas as gpd
import pandas as pd
import shapely

from carecircle.china.coordinates import DATUMS, Datum
from carecircle.china.headers import is_datum_header
from carecircle.errors import InputError, problem
from carecircle.findings import Action, Finding
from carecircle.language import text
from carecircle.sources.layers.reading import datum_note, unshifted
from carecircle.sources.positions.datums import coordinate_source, datum_of_words, judge_datum
from carecircle.sources.records import Draft, with_shapes
from carecircle.sources.tables.reading import column_finding, row_findings

NAMES = {"wgs84": "WGS 84", "gcj02": "GCJ-02", "bd09": "BD-09"}


def on_wgs84(draft: Draft, *, official: bool) -> Draft:
    """Undo the shift of the datum that each row is in, and say in `coordinate_source` where its coordinates come from.

    Parameters
    ----------
    draft
        Points or other shapes in degrees as they stand in the file.
    official
        Whether the file's coordinate system is one that is never shifted.
    """
    said = _said(draft)
    draft = _with_datum(draft, said, official=official)
    datum = draft.frame["_datum"]
    frame = gpd.GeoDataFrame(draft.frame.drop(columns="_datum"))
    shapes = frame.geometry.to_numpy().copy()
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    for name in DATUMS[1:]:
        rows = there & datum.eq(name).to_numpy()
        shapes[rows] = shapely.transform(shapes[rows], partial(unshifted, datum=name))
        converted = pd.Series(rows, index=frame.index)
        findings = column_finding("converted", "datum_converted", converted, draft.source, None, datum=NAMES[name])
        draft = draft.adding(notes=datum_note(name) if rows.any() else (), findings=findings)
    stated = frame["coordinate_source"] if "coordinate_source" in frame else pd.Series(None, index=frame.index)
    whence = coordinate_source(datum).where(datum.ne("wgs84") | stated.isna(), stated.astype(object))
    return draft.adding(with_shapes(frame.assign(coordinate_source=whence), shapes))


def _said(draft: Draft) -> pd.Series:
    """Return the datum that the file says of each row (坐标系, 坐标来源), None where it says none that is known."""
    saying = [column for column in draft.frame.columns if is_datum_header(str(column))]
    nothing = pd.Series(None, index=draft.frame.index, dtype=object)
    said = datum_of_words(draft.frame[saying[0]])[0] if saying else nothing
    whence = draft.frame.get("coordinate_source", nothing)
    return said.where(said.notna(), _datum_of_source(whence))


def _datum_of_source(whence: pd.Series) -> pd.Series:
    """Return the datum of coordinates by where they come from (高德地图); those that were converted are on WGS 84."""
    converted = whence.astype("string").str.contains("converted|纠偏|转换").fillna(value=False).astype(bool)
    named = datum_of_words(whence.where(~converted, None))[0]
    return named.mask(converted, "wgs84")


def _with_datum(draft: Draft, said: pd.Series, *, official: bool) -> Draft:
    """Give each row its datum in a column ``_datum``."""
    choice = draft.reading.datum
    if choice != "auto":
        other = said.notna() & said.ne(choice)
        findings = row_findings("doubtful", "datum_said", other, draft.source, said=said.map(NAMES))
        notes = (text("note.datum_said", count=int(other.sum()), datum=NAMES[choice]),) if other.any() else ()
        return draft.adding(draft.frame.assign(_datum=choice), notes=notes, findings=findings)
    shapes = gpd.GeoDataFrame(draft.frame).geometry.to_numpy()
    unsaid = said.isna() & ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    rest: Datum = "wgs84"
    if unsaid.any() and not official:
        draft, rest = _judged(draft, unsaid)
    return draft.adding(draft.frame.assign(_datum=said.where(said.notna(), rest)))


def _judged(draft: Draft, rows: pd.Series) -> tuple[Draft, Datum]:
    """Return the datum that streets and areas show; it is a problem when they do not show one."""
    lonlat = shapely.get_coordinates(shapely.centroid(gpd.GeoDataFrame(draft.frame).geometry[rows].to_numpy()))
    reading = draft.reading
    codes = next((draft.frame.loc[rows, name] for name in ("area_code", "area_id") if name in draft.frame), None)
    found = judge_datum(lonlat, streets=reading.streets, areas=reading.areas, codes=codes)
    file, sheet, said = draft.source.file, draft.source.sheet, found.sentence()
    if not found.sure or found.best is None:
        raise InputError([*draft.problems, problem("datum_unclear", file=file, sheet=sheet, said=said)])
    action: Action = "read" if found.best == "wgs84" else "converted"
    judged = Finding(action, "datum_judged", file, sheet, values={"said": said})
    return draft.adding(notes=(said,), findings=(judged,)), found.best
