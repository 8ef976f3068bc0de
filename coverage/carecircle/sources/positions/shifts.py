"""Which datum points are in: what the user says, what the table says of each row, or what streets and areas show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carecircle.china.coordinates import DATUMS, Datum, to_wgs84
from carecircle.china.headers import plain, words
from carecircle.errors import InputError, UsageError, problem
from carecircle.findings import Action, Finding
from carecircle.language import text
from carecircle.sources.layers.reading import datum_note
from carecircle.sources.positions.datums import coordinate_source, datum_of_words, judge_datum
from carecircle.sources.records import Draft, with_shapes
from carecircle.sources.tables.reading import column_finding, row_findings

NAMES = {"wgs84": "WGS 84", "gcj02": "GCJ-02", "bd09": "BD-09"}


def street_lines(streets: Any) -> NDArray[np.object_]:
    """Return streets as lines in EPSG:4326: of a `RoadNetwork` (anything with ``to_frame``), a frame, or an array.

    Raises
    ------
    UsageError
        It is the path of a file: `read_network` reads it.
    """
    if isinstance(streets, str | Path):
        raise UsageError(text("usage.streets_path", value=streets))
    frame = streets.to_frame() if hasattr(streets, "to_frame") else streets
    if isinstance(frame, gpd.GeoDataFrame | gpd.GeoSeries):
        return np.asarray(frame.geometry.to_crs("EPSG:4326").to_numpy(), dtype=object)
    return np.asarray(frame, dtype=object)


def on_wgs84(draft: Draft, *, official: bool) -> Draft:
    """Undo the shift of the datum that each row is in, and say in `coordinate_source` where its coordinates come from.

    Parameters
    ----------
    draft
        Points in degrees as they stand in the file.
    official
        Whether the file's coordinate system is one that is never shifted.
    """
    said = _said(draft)
    draft = _with_datum(draft, said, official=official)
    datum = draft.frame["_datum"]
    frame = gpd.GeoDataFrame(draft.frame.drop(columns="_datum"))
    shapes = frame.geometry.to_numpy().copy()
    points = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    for name in DATUMS[1:]:
        rows = points & datum.eq(name).to_numpy()
        lon, lat = to_wgs84(shapely.get_x(shapes[rows]), shapely.get_y(shapes[rows]), name)
        shapes[rows] = shapely.points(lon, lat)
        converted = pd.Series(rows, index=frame.index)
        findings = column_finding("converted", "datum_converted", converted, draft.source, None, datum=NAMES[name])
        draft = draft.adding(notes=datum_note(name) if rows.any() else (), findings=findings)
    stated = frame["coordinate_source"] if "coordinate_source" in frame else pd.Series(None, index=frame.index)
    whence = coordinate_source(datum).where(datum.ne("wgs84") | stated.isna(), stated.astype(object))
    return draft.adding(with_shapes(frame.assign(coordinate_source=whence), shapes))


def _said(draft: Draft) -> pd.Series:
    """Return the datum that a column of the file (坐标系) says of each row, None where it says none that is known."""
    headers = words("datum_header")
    saying = [column for column in draft.frame.columns if plain(str(column)) in headers]
    if not saying:
        return pd.Series(None, index=draft.frame.index, dtype=object)
    return datum_of_words(draft.frame[saying[0]])[0]


def _with_datum(draft: Draft, said: pd.Series, *, official: bool) -> Draft:
    """Give each row its datum in a column ``_datum``."""
    choice = draft.reading.datum
    if choice != "auto":
        other = said.notna() & said.ne(choice)
        findings = row_findings("doubtful", "datum_said", other, draft.source, said=said.map(NAMES))
        notes = (text("note.datum_said", count=int(other.sum()), datum=NAMES[choice]),) if other.any() else ()
        return draft.adding(draft.frame.assign(_datum=choice), notes=notes, findings=findings)
    located = gpd.GeoDataFrame(draft.frame).geometry.notna()
    unsaid = said.isna() & located
    rest: Datum = "wgs84"
    if unsaid.any() and not official:
        draft, rest = _judged(draft, unsaid)
    return draft.adding(draft.frame.assign(_datum=said.where(said.notna(), rest)))


def _judged(draft: Draft, rows: pd.Series) -> tuple[Draft, Datum]:
    """Return the datum that streets and areas show; it is a problem when they do not show one."""
    points = gpd.GeoDataFrame(draft.frame).geometry[rows]
    lonlat = np.column_stack([points.x, points.y])
    reading = draft.reading
    codes = next((draft.frame.loc[rows, name] for name in ("area_code", "area_id") if name in draft.frame), None)
    found = judge_datum(lonlat, streets=reading.streets, areas=reading.areas, codes=codes)
    file, sheet, said = draft.source.file, draft.source.sheet, found.sentence()
    if not found.sure or found.best is None:
        raise InputError([*draft.problems, problem("datum_unclear", file=file, sheet=sheet, said=said)])
    action: Action = "read" if found.best == "wgs84" else "converted"
    judged = Finding(action, "datum_judged", file, sheet, count=found.points, values={"said": said})
    return draft.adding(notes=(said,), findings=(judged,)), found.best
