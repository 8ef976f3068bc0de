"""Shapefiles as they are passed around: text in GBK that does not say so, parts missing, damaged or from another file.

The formats are those of the ESRI Shapefile Technical Description (July 1998) and of dBASE III (``.dbf``). Nothing is
ever written beside the user's files: what has to be rebuilt is rebuilt in a temporary folder.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from pyogrio.errors import CRSError
from pyproj import CRS
from pyproj.exceptions import ProjError

from carecircle.errors import InputError, problem
from carecircle.findings import Finding
from carecircle.language import text
from carecircle.sources.layers.encodings import (
    BYTES,
    Guess,
    Word,
    decoded,
    guess,
    known_encoding,
    sample,
    share_fitting,
)
from carecircle.sources.layers.formats import Flags, opened_safely, read_features, warnings_found
from carecircle.sources.tables.reading import SourceTable, column_finding

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")

_HEADER = 100  # bytes before the first record of .shp and .shx
_FIELD, _END_OF_FIELDS, _NAME_BYTES = 32, 0x0D, 10
_LANGUAGE_AT, _LANGUAGES = 29, {0x4D: "gb18030", 0x4F: "big5", 0x78: "big5", 0x7A: "gb18030"}
"""Language driver of a .dbf file. What says "ANSI" (0x57, 0x03) is written whatever the text is, and means nothing."""
_NUMBERED = re.compile(rb"_\d+$")  # what programs put behind names that are alike once cut
_FITTING = 0.9


@dataclass(frozen=True)
class Attributes:
    """Head of a ``.dbf`` file.

    Parameters
    ----------
    rows
        Number of rows, deleted ones too.
    names
        Names of the fields as bytes.
    widths
        Bytes of each field that holds text, None for other fields.
    language
        Encoding by the language driver, None when it says none.
    """

    rows: int
    names: tuple[bytes, ...]
    widths: tuple[int | None, ...]
    language: str | None


@dataclass(frozen=True)
class Texts:
    """The columns of text of a shapefile, still as bytes: names of all columns, and the width of those with text."""

    raw: pd.DataFrame
    names: tuple[str, ...]
    widths: Mapping[str, int]

    def words(self) -> list[Word]:
        """Return field names and values beyond ASCII."""
        titles = [
            Word(_NUMBERED.sub(b"", raw), len(raw) >= _NAME_BYTES) for raw in (n.encode(BYTES) for n in self.names)
        ]
        values = [word for name, width in self.widths.items() for word in sample(self.raw[name], width)]
        return [*(word for word in titles if not word.raw.isascii()), *values]


def read_shapefile(file: Path, encoding: str | None = None) -> SourceTable:
    """Read a shapefile in its own coordinate system; rows count from 1 as in a GIS, deleted ones too.

    Parameters
    ----------
    file
        The ``.shp``; the other parts stand beside it, in any case of letters.
    encoding
        Of its text. When not given: what its ``.cpg`` or ``.dbf`` says, if the text can be that and is not clearly
        something else, else UTF-8 if it can be, else GB 18030.

    Raises
    ------
    InputError
        Files are cut short, or the numbers of shapes and rows differ, so that nobody can say which belong together.
    """
    parts = find_parts(file)
    _refuse_cut(file)
    attributes = read_attributes(parts[".dbf"]) if ".dbf" in parts else None
    system = _system_in_gbk(parts)
    try:
        raw, closed, found, rebuilt = _read(parts, attributes)
        raw = raw if system is None else raw.set_crs(system)
    except (CRSError, ProjError):  # its .prj says something, but nothing that is a coordinate system
        spoilt = parts.pop(".prj", file)
        raw, closed, found, rebuilt = _read(parts, attributes)
        found = (*found, Finding("doubtful", "system_unreadable", spoilt))
    rows = pd.Series(np.asarray(raw.index) + 1, index=range(len(raw)))
    source = SourceTable(raw.reset_index(drop=True), rows, file)
    found = (*found, *column_finding("mended", "ring_closed", pd.Series(closed), source))
    found = (*found, *_parts_found(file, parts, rebuilt), *_deleted(source, attributes))
    notes = [text("note.index_rebuilt")] if rebuilt else []
    notes += [] if ".dbf" in parts else [text("note.table_missing")]
    source = source.adding(found, notes)
    return source if attributes is None else _with_text(source, attributes, parts, encoding)


def _system_in_gbk(parts: dict[str, Path]) -> CRS | None:
    """Return the system of a .prj with Chinese names, and take the file away, which pyogrio cannot read; else None."""
    said = parts[".prj"].read_bytes() if ".prj" in parts else b""
    try:
        said.decode("utf-8")
    except UnicodeDecodeError:
        del parts[".prj"]
        with suppress(ProjError):
            return CRS.from_wkt(said.decode("gb18030", "replace"))
    return None


def _read(
    parts: Mapping[str, Path], attributes: Attributes | None
) -> tuple[gpd.GeoDataFrame, Flags, tuple[Finding, ...], bool]:
    """Return the table as bytes, which rings were closed, what was found, and whether the index was rebuilt."""
    file = parts[".shp"]
    with _complete(parts) as (path, rebuilt):
        _refuse_other_rows(file, path, attributes)
        raw, closed, said = read_features(str(path), encoding=BYTES)
        return gpd.GeoDataFrame(raw), closed, warnings_found(said, file, path), rebuilt


def find_parts(file: Path) -> dict[str, Path]:
    """Return the parts of a shapefile by their endings in lower case.

    A part of the very same name goes before one that differs in the case of its letters.
    """
    beside = sorted(file.parent.iterdir(), key=lambda path: (path.stem == file.stem, path.suffix.islower(), path.name))
    same = {path.suffix.lower(): path for path in beside if path.stem.casefold() == file.stem.casefold()}
    return {ending: path for ending, path in same.items() if ending in PARTS} | {".shp": file}


def read_attributes(file: Path) -> Attributes:
    """Read the head of a ``.dbf`` file.

    Raises
    ------
    InputError
        The file is shorter than its head says, or two fields have the same name.
    """
    raw = file.read_bytes()[: 1 << 16]
    size = file.stat().st_size
    if size < _FIELD + 1:
        raise InputError(problem("cut_short", file=file, wanted=_FIELD + 1, there=size))
    rows, head, width = (int.from_bytes(raw[at:to], "little") for at, to in ((4, 8), (8, 10), (10, 12)))
    wanted = head + rows * width
    if size < wanted:
        raise InputError(problem("cut_short", file=file, wanted=wanted, there=size))
    starts = range(_FIELD, min(head, len(raw)) - 1, _FIELD)
    fields = [raw[at : at + _FIELD] for at in starts if _END_OF_FIELDS not in raw[_FIELD : at + 1 : _FIELD]]
    names = tuple(field[:11].split(b"\0")[0] for field in fields)
    widths = tuple(field[16] + 256 * field[17] if field[11:12] == b"C" else None for field in fields)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        likely = guess([Word(name, full=True) for name in repeated]) or Guess("gb18030")
        shown = "、".join(name.decode(likely.encoding, "ignore") for name in repeated)
        raise InputError(problem("repeated_headers", file=file, found=shown))
    return Attributes(rows, names, widths, _LANGUAGES.get(raw[_LANGUAGE_AT]))


def _refuse_cut(file: Path) -> None:
    """Raise when a .shp is shorter than its header says: its last shapes would silently be missing.

    The length in 16-bit words stands in bytes 24-27, big-endian.
    """
    with file.open("rb") as stream:
        wanted = 2 * int.from_bytes(stream.read(28)[24:], "big")
    there = file.stat().st_size
    if there < max(wanted, _HEADER):
        raise InputError(problem("cut_short", file=file, wanted=max(wanted, _HEADER), there=there))


# Parts


@contextmanager
def _complete(parts: Mapping[str, Path]) -> Iterator[tuple[Path, bool]]:
    """Give the .shp to read, and whether its index had to be rebuilt (then it is a copy)."""
    file = parts[".shp"]
    rebuilt = ".shx" not in parts or not index_is_sound(parts[".shx"], file)
    in_place = all(path.stem == file.stem and path.suffix in _cases(path) for path in parts.values())
    if not rebuilt and in_place and set(parts) == set(find_parts(file)):
        with opened_safely(file) as path:
            yield path, False
        return
    with tempfile.TemporaryDirectory(prefix="carecircle-") as folder:
        for ending in PARTS if not rebuilt else (".shp", ".dbf", ".prj"):
            if ending in parts:
                shutil.copyfile(parts[ending], Path(folder) / f"layer{ending}")
        path = Path(folder) / "layer.shp"
        if rebuilt:
            _rebuild(path)
        yield path, rebuilt


def _cases(path: Path) -> set[str]:
    """Return the endings in which GDAL looks for a part where names depend on case."""
    return {path.suffix.lower(), path.suffix.upper()}


def _rebuild(file: Path) -> None:
    """Let GDAL write the .shx beside a copy of the .shp."""
    before = pyogrio.get_gdal_config_option("SHAPE_RESTORE_SHX")
    pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": True})
    try:
        pyogrio.read_info(file)
    finally:
        pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": before})


def index_is_sound(index: Path, shapes: Path) -> bool:
    """Whether every entry of a .shx points at a record of the .shp that has the length it says."""
    size, end = index.stat().st_size, shapes.stat().st_size
    if size < _HEADER or (size - _HEADER) % 8:
        return False
    words = np.fromfile(index, dtype=">i4")
    offsets, lengths = words[_HEADER // 4 :: 2].astype(np.int64), words[_HEADER // 4 + 1 :: 2].astype(np.int64)
    inside = (offsets >= _HEADER // 2) & (lengths >= 2) & (2 * (offsets + lengths) + 8 <= end) & (offsets % 2 == 0)
    if words[0] != 9994 or not inside.all():
        return False
    records = np.memmap(shapes, dtype=">i4", mode="r", shape=(end // 4,))
    return bool((records[offsets // 2 + 1] == lengths).all())


def _refuse_other_rows(file: Path, path: Path, attributes: Attributes | None) -> None:
    """Raise when there are not as many rows as shapes: they belong together by their order only."""
    index = next((found for ending in (".shx", ".SHX") if (found := path.with_suffix(ending)).exists()), None)
    if attributes is None or index is None:
        return
    shapes = (index.stat().st_size - _HEADER) // 8
    if shapes != attributes.rows:
        raise InputError(problem("rows_differ", file=file, shapes=shapes, rows=attributes.rows))


def _parts_found(file: Path, parts: Mapping[str, Path], rebuilt: bool) -> tuple[Finding, ...]:  # noqa: FBT001
    found = []
    if rebuilt:
        key = "index_damaged" if ".shx" in parts else "index_rebuilt"
        found.append(Finding("mended", key, file))
    if ".dbf" not in parts:
        found.append(Finding("doubtful", "table_missing", file))
    return tuple(found)


def _deleted(source: SourceTable, attributes: Attributes | None) -> tuple[Finding, ...]:
    """Return the finding that rows are marked as deleted, which leaves gaps in the row numbers."""
    gone = 0 if attributes is None else attributes.rows - len(source.frame)
    return (Finding("aside", "rows_deleted", source.file, count=gone),) if gone > 0 else ()


# Text


def _with_text(
    source: SourceTable, attributes: Attributes, parts: Mapping[str, Path], encoding: str | None
) -> SourceTable:
    """Return the table with its text decoded."""
    names = tuple(str(name) for name in source.frame.columns if name != "geometry")
    widths = {name: width for name, width in zip(names, attributes.widths, strict=False) if width is not None}
    texts = Texts(source.frame, names, widths)
    words = texts.words()
    if not words:
        return source
    file = parts[".shp"]
    declared, said = _declared(parts, attributes)
    chosen = _given(words, file, encoding) if encoding is not None else guess(words, declared)
    if chosen is None:
        raise InputError(problem("encoding_unknown", file=file))
    found = _encoding_found(file, chosen, declared, said, given=encoding is not None)
    frame, names_of, more = _decoded_columns(source, texts, chosen.encoding)
    return replace(
        source,
        frame=frame.rename(columns=names_of),
        notes=(*source.notes, text("note.encoding", encoding=chosen.encoding.upper())),
        findings=(*source.findings, *found, *more),
    )


def _given(words: list[Word], file: Path, encoding: str) -> Guess:
    """Return the encoding the user names, or raise when there is none of this name or the text is not that."""
    known = known_encoding(encoding)
    if known is None:
        raise InputError(problem("unknown_encoding", file=file, value=encoding))
    if share_fitting(words, known) < _FITTING:
        likely = guess(words)
        shown = "?" if likely is None else likely.encoding.upper()
        raise InputError(problem("other_encoding", file=file, value=encoding, likely=shown))
    return Guess(known)


def _declared(parts: Mapping[str, Path], attributes: Attributes) -> tuple[str | None, str]:
    """Return the encoding that the .cpg names, else that of the .dbf; and the words of the .cpg."""
    said = parts[".cpg"].read_bytes()[:40].decode("ascii", "replace").strip() if ".cpg" in parts else ""
    return known_encoding(said) if said else attributes.language, said


def _encoding_found(file: Path, chosen: Guess, declared: str | None, said: str, *, given: bool) -> tuple[Finding, ...]:
    values: dict[str, Any] = {"encoding": chosen.encoding.upper(), "said": said}
    if given:
        return ()
    if declared is None and said:
        return (Finding("mended", "encoding_nonsense", file, values=values),)
    if declared is not None and declared != chosen.encoding:
        return (Finding("mended", "encoding_lies", file, values={**values, "said": said or declared.upper()}),)
    if not chosen.sure:
        return (Finding("doubtful", "encoding_unsure", file, values={"encoding": chosen.encoding.upper()}),)
    return () if declared else (Finding("mended", "encoding_unsaid", file, values={"encoding": values["encoding"]}),)


def _decoded_columns(
    source: SourceTable, texts: Texts, encoding: str
) -> tuple[gpd.GeoDataFrame, dict[str, str], tuple[Finding, ...]]:
    """Decode names and values; what was cut in the middle of a character loses it, which the findings say."""
    titles = pd.Series(texts.names, index=texts.names, dtype=object)
    whole, cut_title, broken = decoded(titles, encoding)
    whole = whole.str.replace("\ufffd", "")
    again = whole.groupby(whole).cumcount()  # names that are alike once the broken ends are off
    whole = whole.where(again.eq(0), whole + "_" + (again + 1).astype(str))
    names = {str(name): str(title) for name, title in whole.items()}
    shown = "、".join(str(title) for title in whole[cut_title | broken])
    found = [Finding("mended", "header_cut", source.file, values={"found": shown})] if shown else []
    columns = {}
    for name in texts.widths:
        columns[name], cut, damaged = decoded(source.frame[name], encoding)
        found += column_finding("doubtful", "text_cut", cut, source, names[name])
        found += column_finding("doubtful", "text_damaged", damaged, source, names[name])
    return source.frame.assign(**columns), names, tuple(found)
