"""Administrative areas: polygons with their statistical codes, or tables of codes and names.

Codes follow the rules of the National Bureau of Statistics (统计用区划代码编制规则): two digits each for
province, city and county, three each for township and community, so that the code of an area begins with that
of the one it belongs to. Codes padded with zeros to six, nine or twelve digits are understood; the codes
themselves are kept as given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from carecircle.china.codes import code_level, parent_code, significant_code
from carecircle.china.headers import plain, words
from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, UsageError, problem
from carecircle.findings import QualityLog
from carecircle.language import text
from carecircle.schema import AREAS, LEVELS
from carecircle.sources.layers.reading import CrsLike
from carecircle.sources.layers.shapes import mended_polygons, overlaps
from carecircle.sources.positions.points import areas_on_wgs84
from carecircle.sources.records import (
    BadRows,
    DatumChoice,
    Draft,
    Reading,
    Source,
    filled,
    finish,
    interpret,
    load,
    missing_header,
)
from carecircle.sources.tables.reading import row_problems

_TABLE_ONLY = replace(AREAS, geometry="")
_LISTED_NAMES = 10


def read_areas(
    path: Source | Sequence[Source],
    *,
    level: str | None = None,
    crs: CrsLike | None = None,
    datum: DatumChoice = "wgs84",
    layer: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    columns: Mapping[str, str] | None = None,
    bad_rows: BadRows = "stop",
    log: QualityLog | None = None,
) -> gpd.GeoDataFrame:
    """Read administrative areas.

    Parameters
    ----------
    path
        A polygon layer, a table of codes and names, a frame, or a list of them (one for each level, say).
    level
        Level of all areas in the file, one of `schema.LEVELS`; not needed when a column says it or the codes
        do.
    crs, datum, layer, sheet, encoding, columns, bad_rows, log
        As for `read_facilities`.

    Returns
    -------
    geopandas.GeoDataFrame
        Polygons in EPSG:4326 (None for the rows of a table) that keep `schema.AREAS`, with `name`,
        `level_name` (the file's own word for the level, None where there is none), `parent_id` (from the code
        where no column gives it) and `urban_class` always there. Polygons that cross themselves are mended,
        which the notes say.

    Raises
    ------
    InputError
        Everything that is wrong with the file, row by row.

    Examples
    --------
    >>> import pandas as pd
    >>> areas = read_areas(pd.DataFrame({"代码": ["530402", "530402001"], "名称": ["红塔区", "玉兴街道"]}))
    >>> areas[["area_id", "level", "parent_id"]].to_numpy().tolist()
    [['530402', 'county', '5304'], ['530402001', 'township', '530402']]
    """
    if level is not None and level not in LEVELS:
        raise UsageError(text("usage.level", value=level, known="、".join(LEVELS)))
    if isinstance(path, str | Path | pd.DataFrame):
        sources: Sequence[Source] = [path]
    else:
        sources = path
    reading = Reading(crs, datum, layer, sheet, encoding, columns or {}, bad_rows, log=log)
    parts = [_read_one(source, level, reading) for source in sources]
    together = parts[0] if len(parts) == 1 else _joined(parts)
    return together.assign(parent_id=_parents(together))


def _read_one(source: Source, level: str | None, reading: Reading) -> gpd.GeoDataFrame:
    draft = interpret(load(source, reading), replace(AREAS, geometry=""), reading)
    if "area_id" not in draft.frame.columns and "area_id" not in {found.column for found in draft.problems}:
        draft = draft.adding(problems=[missing_header(draft, "area_id")])
    if "area_id" not in draft.frame.columns:
        raise InputError(draft.problems)
    draft = _with_level(draft, level)
    if not draft.is_layer:
        bare = gpd.GeoDataFrame(draft.frame, geometry=_nothing(draft.frame), crs=GEOGRAPHIC)
        return _finish(draft.adding(bare), has_shapes=False)
    return _finish(_mended(areas_on_wgs84(draft)), has_shapes=True)


def _nothing(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([None] * len(frame), index=frame.index, dtype=object)


def _finish(draft: Draft, *, has_shapes: bool) -> gpd.GeoDataFrame:
    whole = draft.adding(filled(draft.frame, ("name", "parent_id", "urban_class")))
    return finish(whole, AREAS if has_shapes else _TABLE_ONLY)


def _with_level(draft: Draft, level: str | None) -> Draft:
    """Give every row its level: the one asked for, else by the file's word, else by its code."""
    frame = draft.frame
    by_code = code_level(frame["area_id"])
    word = frame["level"] if "level" in frame.columns else _nothing(frame)
    if level is not None:
        return draft.adding(frame.assign(level=level, level_name=word))
    known = words("levels")
    by_word = word.map(lambda said: known.get(plain(str(said))), na_action="ignore").astype(object)
    county_city = word.eq("市") & by_code.eq("county")
    found = by_word.mask(county_city, "county").where(word.notna(), by_code)
    unclear = found.isna() & frame["area_id"].notna()
    shown = word.where(word.notna(), frame["area_id"])
    problems = row_problems("unknown_level", unclear, draft.source, value=shown)
    return draft.adding(frame.assign(level=found, level_name=word), problems)


def _mended(draft: Draft) -> Draft:
    """Mend polygons that cross themselves, and point out areas of one level that overlap."""
    frame, mends = mended_polygons(gpd.GeoDataFrame(draft.frame), draft.source)
    broken = ~shapely.is_valid(draft.frame.geometry.to_numpy()) & draft.frame.geometry.notna().to_numpy()
    notes: tuple[str, ...] = ()
    if broken.any():
        names = "、".join(frame.loc[broken, "area_id"].dropna().head(_LISTED_NAMES))
        notes = (text("note.mended_polygons", count=int(broken.sum()), found=names),)
    return draft.adding(frame, notes=notes, findings=(*mends, *overlaps(frame, draft.source)))


def _joined(parts: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Put the parts together, the widest areas first; a code in two of them is a problem."""
    notes = [note for part in parts for note in part.attrs["notes"]]
    for part in parts:
        part.attrs = {}
    together = gpd.GeoDataFrame(
        pd.concat([part.astype({"geometry": object}) for part in parts], ignore_index=True),
        geometry="geometry",
        crs=GEOGRAPHIC,
    )
    order = together["level"].map({level: place for place, level in enumerate(LEVELS)})
    together = together.iloc[order.argsort(kind="stable")].reset_index(drop=True)
    repeated = together.loc[together["area_id"].duplicated(), "area_id"]
    if len(repeated):
        raise InputError([problem("repeated_key", column="area_id", value=value) for value in repeated])
    together.attrs = {"notes": notes}
    return together


def _parents(areas: gpd.GeoDataFrame) -> pd.Series:
    """Return the parent given, else the area (or code) that the code says it belongs to."""
    own, wider = significant_code(areas["area_id"]), parent_code(areas["area_id"])
    wider = wider.where(wider.str.len().gt(2))  # a province is no area of a study
    given = dict(zip(own.dropna(), areas.loc[own.notna(), "area_id"], strict=True))
    found = wider.map(given).astype(object)
    found = found.where(found.notna(), wider.astype(object))
    given_parent: pd.Series = areas["parent_id"].astype(object)
    result = given_parent.where(given_parent.notna(), found)
    return result.where(result.notna(), None)
