"""Layers that are text: GeoJSON and its kin, KML, MapInfo; brought to UTF-8 and freed of what leads elsewhere."""

from __future__ import annotations

import html
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyogrio
from pyproj import CRS
from pyproj.exceptions import CRSError

from carecircle.errors import InputError, problem
from carecircle.findings import Finding
from carecircle.guards import refuse_xml_entities
from carecircle.language import text
from carecircle.sources.layers.encodings import BYTES, Word, decoded, guess, known_encoding, sample, share_fitting
from carecircle.sources.layers.formats import Flags, read_features, warnings_found
from carecircle.sources.tables.reading import unreadable

Read = tuple[pd.DataFrame, Flags, tuple[str, ...], tuple[Finding, ...]]
"""Frame, rows whose rings were closed, notes, findings."""

_CRS = re.compile(r'"crs"\s*:\s*')
_CRS_NAME = re.compile(
    r"(urn:ogc:def:crs:[\w:.\-]+|(EPSG|OGC|CRS):?:?[\w.]+|https?://www\.opengis\.net/(def|gml)/[\w/.#:\-]+)",
    re.IGNORECASE,
)
_ESCAPED_LETTERS = re.compile(r"\\u00[4-7]", re.IGNORECASE)
_TEXT_COORDINATES = re.compile(r'"coordinates"\s*:[\s\[]*"')
_UTF16_MARKS = {b"\xff\xfe", b"\xfe\xff"}
_SECOND_FEATURE = re.compile(r"\}(?=[^\S\r\n]*+[\r\n])\s*+\{")  # the mark of records, \x1e, is a blank too
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_DECLARED = re.compile(r"encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_DATA = re.compile(r"<Data\s+name\s*=\s*(\"|')(.*?)\1")
_UTF8_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_KML_STYLE = {"timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude", "visibility", "drawOrder", "icon",
              "snippet"}  # fmt: skip


def read_json(file: Path, path: Path, layer: str | None, encoding: str | None) -> Read:
    """Read GeoJSON, a sequence of GeoJSON features, TopoJSON or Esri JSON.

    Text in GBK and coordinates that are text are mended. A ``crs`` member that is a link is refused: GDAL would follow
    it.

    Parameters
    ----------
    file, path
        The user's file, and the path to read it from.
    """
    with _safe_json(file, path, encoding) as (driver, target, mended):
        several = driver == "TopoJSON"
        frame, closed, said = read_features(f"{driver}:{target}", layer if several else None)
        found = (*mended, *warnings_found(said, file, target))
    return frame, closed, _notes(found), found


def json_layers(file: Path, path: Path) -> list[str]:
    """Return the names of the layers of a JSON file; only TopoJSON can have several."""
    with path.open("rb") as stream:
        head = stream.read(1 << 16).replace(bytes(1), b"").decode(BYTES)  # without the zeros of UTF-16
    if _json_driver(head) != "TopoJSON":
        return [file.stem]
    with _safe_json(file, path, None) as (driver, target, _):
        return [str(name) for name in pyogrio.list_layers(f"{driver}:{target}")[:, 0]]


@contextmanager
def _safe_json(file: Path, path: Path, encoding: str | None) -> Iterator[tuple[str, Path, tuple[Finding, ...]]]:
    """Give driver and path of a JSON file that holds no links, and what was mended for that."""
    words, found = _as_text(file, path.read_bytes(), encoding)
    rewritten = bool(found)
    if _ESCAPED_LETTERS.search(words) or _TEXT_COORDINATES.search(words):
        words, mended = _rewritten(file, words)
        found, rewritten = (*found, *mended), True
    _refuse_links(file, words)
    with _readable(path, words if rewritten else None) as target:
        yield _json_driver(words), target, found


def read_kml(file: Path, path: Path, layer: str | None, encoding: str | None) -> Read:
    """Read KML; its columns of style are left out.

    Document types are refused: entities could name files. KML in GBK is brought to UTF-8.
    """
    raw = path.read_bytes()
    words, found = _kml_words(file, raw, encoding)
    words, titles = _with_plain_titles(words, raw)
    with _readable(path, words) as target:
        refuse_xml_entities(target)
        frame, closed, said = read_features(str(target), layer)
        found = (*found, *warnings_found(said, file, target))
    frame = frame.rename(columns=titles)
    empty = [column for column in frame.columns if column != "geometry" and frame[column].isna().all()]
    return frame.drop(columns=[*{*empty, *(_KML_STYLE & set(frame.columns))}]), closed, _notes(found), found


def _with_plain_titles(words: str | None, raw: bytes) -> tuple[str | None, dict[str, str]]:
    """Return the text with ASCII names of fields, and the true name of each: GDAL makes "_" of other letters."""
    if words is None and raw[:2] in _UTF16_MARKS:
        words = f"{_UTF8_HEAD}{_DECLARATION.sub('', raw.decode('utf-16'))}"
    plain = words if words is not None else raw.decode("utf-8-sig")
    strange = dict.fromkeys(name for _, name in _DATA.findall(plain) if not re.fullmatch(r"\w+", name, re.ASCII))
    titles = {name: f"carecircle_{number}" for number, name in enumerate(strange)}
    if not titles:
        return words, {}
    renamed = _DATA.sub(lambda one: one.group().replace(one[2], titles.get(one[2], one[2])), plain)
    return renamed, {made: html.unescape(name) for name, made in titles.items()}


def kml_layers(file: Path, path: Path) -> list[str]:
    """Return the folders of a KML file that hold shapes."""
    with _readable(path, _kml_words(file, path.read_bytes(), None)[0]) as target:
        refuse_xml_entities(target)
        names = [str(name) for name in pyogrio.list_layers(target)[:, 0]]
        counts = {name: pyogrio.read_info(target, layer=name, force_feature_count=True)["features"] for name in names}
    return [name for name in names if counts[name]] or names[:1]


def _kml_words(file: Path, raw: bytes, encoding: str | None) -> tuple[str | None, tuple[Finding, ...]]:
    """Return the text under a new declaration, None when the parser can read the file as it stands."""
    declared = _xml_encoding(raw)
    if _is_utf8(raw, declared):
        return None, ()
    words, found = _as_text(file, raw, encoding or declared)
    return f"{_UTF8_HEAD}{_DECLARATION.sub('', words)}", found


def read_mapinfo(file: Path, path: Path, layer: str | None, encoding: str | None) -> Read:
    """Read MapInfo (.tab, .mif): text by the charset that the file names, found out where it names none."""
    found: tuple[Finding, ...] = ()
    try:
        frame, closed, said = read_features(str(path), layer, encoding)
    except UnicodeDecodeError:
        frame, closed, said = read_features(str(path), layer, BYTES)
        frame, found = _decoded_frame(frame, file)
    return frame, closed, _notes(found), (*found, *warnings_found(said, file, path))


def _decoded_frame(frame: pd.DataFrame, file: Path) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    names = [column for column in frame.columns if column != "geometry"]
    texts = [name for name in names if pd.api.types.is_string_dtype(frame[name]) or frame[name].dtype == object]
    words = [*sample(pd.Series(names)), *(word for name in texts for word in sample(frame[name]))]
    best = guess(words)
    if best is None:
        raise InputError(problem("encoding_unknown", file=file))
    frame = frame.assign(**{name: decoded(frame[name], best.encoding)[0] for name in texts})
    whole, _, _ = decoded(pd.Series(names, index=names), best.encoding)
    return frame.rename(columns=dict(whole.items())), (_recoded(file, best.encoding),)


def _recoded(file: Path, encoding: str) -> Finding:
    return Finding("mended", "text_recoded", file, values={"encoding": encoding.upper()})


def _notes(found: tuple[Finding, ...]) -> tuple[str, ...]:
    """Return what a user of the terminal should know of the findings: the encoding that was found out."""
    return tuple(text("note.encoding", **one.values) for one in found if one.key == "text_recoded")


def _as_text(file: Path, raw: bytes, encoding: str | None) -> tuple[str, tuple[Finding, ...]]:
    """Decode a text: by its byte order mark, as UTF-8, as asked, else as what it can be."""
    given = "utf-16" if raw[:2] in _UTF16_MARKS else None if encoding is None else known_encoding(encoding)
    for name in ("utf-8-sig", *([] if given is None else [given])):
        try:
            return raw.decode(name), () if name == "utf-8-sig" else (_recoded(file, name),)
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":  # the file breaks off amid a character
                raise unreadable(file, error) from error
    best = guess([Word(line) for line in raw.splitlines() if not line.isascii()][:5000] or [Word(raw)])
    if best is None or share_fitting([Word(raw)], best.encoding) < 1:
        raise InputError(problem("encoding_unknown", file=file))
    return raw.decode(best.encoding), (_recoded(file, best.encoding),)


@contextmanager
def _readable(path: Path, words: str | None) -> Iterator[Path]:
    """Give the path itself, or that of a temporary file with other words."""
    if words is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="carecircle-") as folder:
        target = Path(folder) / path.name  # layers without a name are called by that of the file
        target.write_text(words, "utf-8", newline="")
        yield target


# GeoJSON


def _json_driver(words: str) -> str:
    """Return GDAL's name of the kind of JSON; named before a path it keeps all other drivers away."""
    head = words[: 1 << 16]
    if re.search(r'"type"\s*:\s*"Topology"', head):
        return "TopoJSON"
    if "esriGeometry" in head or re.search(r'"features"\s*:\s*\[\s*\{\s*"attributes"', head):
        return "ESRIJSON"
    collection = re.search(r'"FeatureCollection"', head)
    return "GeoJSONSeq" if head[:1] == "\x1e" or (not collection and _SECOND_FEATURE.search(head)) else "GeoJSON"


def _refuse_links(file: Path, words: str) -> None:
    """Raise for a ``crs`` member, at any level, that is no plain name of a coordinate system."""
    decoder = json.JSONDecoder()
    for found in _CRS.finditer(words):
        if words[found.end() : found.end() + 1] != "{":
            continue
        try:
            _refuse_link(file, decoder.raw_decode(words, found.end())[0])
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(problem("unreadable_file", file=file, why=str(error)[:200])) from error


def _refuse_link(file: Path, crs: Any) -> None:
    properties = crs.get("properties") if isinstance(crs.get("properties"), dict) else {}
    if crs.get("type") == "EPSG":
        properties = {"name": f"EPSG:{properties.get('code')}"}
    elif crs.get("type") != "name":
        raise InputError(problem("linked_crs", file=file, value=str(crs)[:100]))
    name = str(properties.get("name"))
    if not _CRS_NAME.fullmatch(name):
        raise InputError(problem("linked_crs", file=file, value=name[:100]))
    try:
        CRS.from_user_input(name)
    except CRSError as error:
        raise InputError(problem("unknown_crs", file=file, value=name[:100])) from error


def _rewritten(file: Path, words: str) -> tuple[str, tuple[Finding, ...]]:
    """Return the JSON with coordinates that are numbers and without needless escapes."""
    mended: list[bool] = []
    hook = _mending(mended)
    try:
        lines = words.splitlines() if _json_driver(words) == "GeoJSONSeq" else [words]
        whole = "\n".join(
            json.dumps(json.loads(line.lstrip("\x1e"), object_pairs_hook=hook), ensure_ascii=False)
            for line in lines
            if line.strip("\x1e \t")
        )
    except (ValueError, RecursionError) as error:
        raise InputError(problem("unreadable_file", file=file, why=str(error)[:200])) from error
    count = sum(mended)
    return whole, (Finding("mended", "text_coordinates", file, count=count),) if count else ()


def _mending(mended: list[bool]) -> Callable[[list[tuple[str, Any]]], Any]:
    """Return a hook that turns the coordinates of each geometry into numbers; a geometry that has others is none."""

    def hook(pairs: list[tuple[str, Any]]) -> Any:
        made = dict(pairs)
        if not (isinstance(made.get("coordinates"), list) and isinstance(made.get("type"), str)):
            return made
        try:
            numbers = _numbers(made["coordinates"])
        except (ValueError, TypeError):
            return None
        if numbers != made["coordinates"]:
            mended.append(True)
        return {**made, "coordinates": numbers}

    return hook


def _numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    number = float(value) if isinstance(value, str) else value
    if not math.isfinite(number):
        raise ValueError
    return number


# XML


def _xml_encoding(raw: bytes) -> str | None:
    """Return the encoding that an XML declaration names."""
    head = _DECLARATION.match(raw.removeprefix(b"\xef\xbb\xbf")[:300].decode(BYTES))
    named = _DECLARED.search(head.group()) if head else None
    return None if named is None else known_encoding(named.group(1))


def _is_utf8(raw: bytes, declared: str | None) -> bool:
    """Whether the library's parser can read the text as it stands: UTF-8, or UTF-16 with its mark."""
    if raw[:2] in _UTF16_MARKS:
        return True
    if declared not in {None, "utf-8", "ascii"}:
        return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
