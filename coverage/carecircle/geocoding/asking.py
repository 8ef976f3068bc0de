"""Coordinates for lists that have only addresses: a map service is asked, its answers are kept and checked.

Nothing is sent unless `geocode` is called, and then nothing but the addresses of rows without coordinates (with the
facility's name before them where that is asked for). Telephone and identity numbers that stand in an address are
taken out first. See docs/geocoding.md.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.china.coordinates import Datum
from carecircle.errors import UsageError
from carecircle.findings import Action, Finding
from carecircle.geocoding.lists import AddressList, GeocodeResult, ListLike, read_addresses
from carecircle.geocoding.matches import PLACE, Where, matches_of, polygons_of
from carecircle.geocoding.services import FINE, SERVICES, Answer, Candidate, Desk, Said, Service, Trouble
from carecircle.keys import ENVIRONMENT, Key, find_key, keyring
from carecircle.language import text
from carecircle.sources.roads.store import keep, store_folder, touch
from carecircle.sources.tables.reading import column_finding, row_findings

_VERSION = "geocode-1"
_LONGEST = 200
_LOW_SCORE = 60.0
_SHARED = 3
"""So many different addresses at the very same point are more likely the centre of something."""
_SILENT = 3
"""After so many addresses without an answer in a row nobody is asked any more; after one when none came at all."""

_BESIDE_CHINESE = re.compile(r"(?<=[\u3400-\u9fff]) | (?=[\u3400-\u9fff])")
_NUMBERS = re.compile(r"(?<!\d)(?:1[3-9]\d[- ]?\d{4}[- ]?\d{4}|\d{17}[\dXx]|\d{15}|0\d{2,3}[-—]\d{7,8})(?!\d)|\*{3,}")
_CONTACT = re.compile(r"[\s,;(]*(?:(?:联系人|联系方式|联系电话)|(?:电话|手机|负责人|法人|tel)\s*:).*$", re.IGNORECASE)

_SENTENCES: Mapping[str, Action] = {
    "geocode_no_address": "unmatched",
    "geocode_nothing": "unmatched",
    "geocode_unanswered": "unmatched",
    "geocode_not_asked": "unmatched",
    "geocode_outside_china": "doubtful",
    "geocode_elsewhere": "doubtful",
    "geocode_coarse": "doubtful",
    "geocode_several": "doubtful",
    "geocode_rough": "doubtful",
    "geocode_score": "doubtful",
    "geocode_shared": "doubtful",
}
"""Sentences about a row; after the first eight it has no coordinates, the last three leave them."""
_KEPT = ("geocode_rough", "geocode_score", "geocode_shared")
_FINAL = {"stop", "slow"}
_ROUTINE: Mapping[Datum, str] = {"wgs84": "geocode_found", "gcj02": "geocode_converted"}


@dataclass(frozen=True)
class GeocodeOptions:
    """How a list is read and a service asked.

    Parameters
    ----------
    columns, sheet, encoding, datum
        As for `read_addresses`.
    with_name
        Also send the facility's name, behind the address.
    accept_coarse
        Take the centre of a county or township where nothing better is known (kilometres off: for overviews only).
    per_second
        Questions a second at most; default: what a free account may ask (AMap 3, Tianditu 5).
    timeout
        Seconds to wait for one answer.
    tries
        How often a busy server is asked before it is given up.
    progress
        Called with (addresses done, addresses in all).
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None
    encoding: str | None = None
    datum: Datum = "wgs84"
    with_name: bool = False
    accept_coarse: bool = False
    per_second: float | None = None
    timeout: float = 10.0
    tries: int = 4
    progress: Callable[[int, int], None] | None = None


def geocode(
    table: ListLike,
    *,
    service: str = "tianditu",
    key: str | Key | None = None,
    city: str | None = None,
    areas: gpd.GeoDataFrame | str | Path | None = None,
    cache: bool = True,
    server: str | None = None,
    options: GeocodeOptions | None = None,
) -> GeocodeResult:
    """Ask a map service where the addresses of a list are.

    Rows that have coordinates keep them. An address is asked once, and with `cache` never again: a run that was
    stopped (the day's quota is used up, say) goes on where it ended.

    Parameters
    ----------
    table
        A file (CSV, Excel, Parquet), a frame, or a table that is already read, with a column of addresses.
    service
        ``"tianditu"`` (CGCS2000) or ``"amap"`` (GCJ-02, turned into WGS 84).
    key
        Key of the service; default: ``CARECIRCLE_TIANDITU_KEY`` or ``CARECIRCLE_AMAP_KEY`` of the environment,
        else the keyring file (see `carecircle.keys`).
    city
        City to look in (name; for AMap also its code).
    areas
        Areas (frame or file). With counties among them a place must be inside the county that the row's code,
        county column or address names; otherwise inside any of the areas.
    cache
        Whether answers are kept in carecircle's cache folder and taken from there.
    server
        Base address of a gateway instead of the service's own host.
    options
        See `GeocodeOptions`.

    Returns
    -------
    GeocodeResult
        The list with lon, lat (WGS 84), datum, coordinate_source (``"geocoded:amap"``), geocode_level,
        geocode_score, geocode_match (the address as the service knows it) and geocode_problem. Matches that only
        name a county, township or the like, that lie elsewhere or are several get no coordinates. `stopped` says
        why the service was not asked to the end.

    Raises
    ------
    UsageError
        No key, unknown service, wrong server address or limits. Nothing was sent.
    InputError
        The list or the areas cannot be read.
    """
    options = options or GeocodeOptions()
    if service not in SERVICES:
        raise UsageError(text("usage.choice", option="service", value=service, known=", ".join(SERVICES)))
    chosen = SERVICES[service]
    key = _require_key(chosen, key)  # from here on nothing holds the key as text
    desk = Desk(
        chosen,
        key,
        _tidy(city or ""),
        server or "",
        chosen.per_second if options.per_second is None else options.per_second,
        options.timeout,
        options.tries,
    )
    listing = read_addresses(
        table, columns=options.columns, sheet=options.sheet, encoding=options.encoding, datum=options.datum
    )
    polygons = polygons_of(areas)
    queries, trimmed = _queries(listing, with_name=options.with_name)
    round_ = _ask_all(queries.dropna().unique().tolist(), desk, _Kept(desk, cache), options.progress)
    matches = matches_of(queries, round_.answers, chosen, Where(listing, polygons), coarse=options.accept_coarse)
    return _result(listing, queries, trimmed, round_, matches, chosen)


def _require_key(service: Service, given: str | Key | None) -> Key:
    key = find_key(service.name, given)
    if key is None:
        raise UsageError(
            text(
                "geocode.no_key",
                service=text(f"geocode.service_{service.name}"),
                where=text(f"geocode.apply_{service.name}"),
                variable=ENVIRONMENT[service.name],
                file=keyring(),
                name=service.name,
            )
        )
    return key


# --- what is sent ---


def _queries(listing: AddressList, *, with_name: bool) -> tuple[pd.Series, pd.Series]:
    """Return what is asked for each row (None: nothing), and in which rows numbers were taken out of it."""
    cells = listing.cells
    whole = cells["address"].map(_tidy, na_action="ignore").astype(object)
    private = whole.map(_without_contacts, na_action="ignore").astype(object)
    asked = private.where(private.map(_fit, na_action="ignore").eq(True) & ~listing.located, None)
    if with_name:
        names = cells["name"].map(_tidy, na_action="ignore").map(_without_contacts, na_action="ignore").fillna("")
        asked = asked.where(asked.isna(), asked.astype(object) + names)
    asked = asked.where(asked.notna(), None)
    return asked, asked.notna() & private.ne(whole)


def _tidy(words: str) -> str:
    """Return text in half-width forms, on one line, without marks that cannot be seen.

    Examples
    --------
    >>> _tidy("红塔区　玉兴路 １２号")
    '红塔区玉兴路12号'
    """
    seen = "".join(mark for mark in words if unicodedata.category(mark) != "Cf")
    plain = "".join(mark if mark.isprintable() else " " for mark in unicodedata.normalize("NFKC", seen))
    return _BESIDE_CHINESE.sub("", " ".join(plain.split()))


def _without_contacts(address: str) -> str:
    """Return an address without telephone and identity numbers and what is said about whom to call.

    Examples
    --------
    >>> _without_contacts("玉兴路12号 联系人:张三"), _without_contacts("玉兴路12号(13812345678)")
    ('玉兴路12号', '玉兴路12号')
    """
    return re.sub(r"\(\s*\)", "", _NUMBERS.sub("", _CONTACT.sub("", address))).strip(" ,;()")


def _fit(address: str) -> bool:
    return any(mark.isalpha() for mark in address) and len(address) <= _LONGEST


# --- asking, and what is kept of it ---


@dataclass(frozen=True)
class _Round:
    """What a service said to the addresses of a list."""

    answers: Mapping[str, Said]
    asked: int
    cached: int
    unkept: int
    stopped: str | None


class _Kept:
    """Answers on disk, one small file for each question; its name is a hash, and no key is in it."""

    def __init__(self, desk: Desk, wanted: bool) -> None:  # noqa: FBT001
        self._folder = store_folder() / "geocode" / desk.service.name if wanted else None
        self._question = (_VERSION, desk.service.name, desk.server, desk.city)

    def _file(self, folder: Path, address: str) -> Path:
        return folder / f"{hashlib.sha256(json.dumps([*self._question, address]).encode()).hexdigest()[:40]}.json"

    def recall(self, address: str) -> Answer | None:
        """Return the answer that was kept; a damaged one is none."""
        if self._folder is None:
            return None
        entry = self._file(self._folder, address)
        try:
            listed = json.loads(entry.read_bytes())["candidates"]
            answer = Answer(tuple(_restored(*found) for found in listed))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        touch(entry)
        return answer

    def remember(self, address: str, answer: Answer) -> bool:
        """Keep an answer; False when the disk does not take it."""
        if self._folder is None:
            return True
        content = [[c.lon, c.lat, c.level, None if math.isnan(c.score) else c.score, c.matched]
                   for c in answer.candidates]  # fmt: skip

        def write(draft: Path) -> None:
            draft.touch(mode=0o600)  # a folder that was there before may be open to others
            draft.write_text(json.dumps({"candidates": content}, ensure_ascii=False), "utf-8")

        with suppress(OSError):
            for folder in (store_folder(), self._folder.parent):  # `keep` would leave the one between to the umask
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return keep(self._file(self._folder, address), write)


def _restored(lon: float, lat: float, level: str, score: float | None, matched: str) -> Candidate:
    if not (abs(lon) <= 180 and abs(lat) <= 90 and isinstance(level, str) and isinstance(matched, str)):
        raise ValueError
    return Candidate(float(lon), float(lat), level, math.nan if score is None else float(score), matched)


def _ask_all(addresses: list[str], desk: Desk, kept: _Kept, progress: Callable[[int, int], None] | None) -> _Round:
    """Take what is kept, ask for the rest until there is a reason to stop."""
    answers: dict[str, Said] = {a: found for a in addresses if (found := kept.recall(a)) is not None}
    cached, unkept, asked, silent, stopped = len(answers), 0, 0, 0, None
    tell = progress or (lambda _done, _total: None)
    tell(cached, len(addresses))
    for address in [a for a in addresses if a not in answers]:
        said = desk.ask(address)
        asked += 1
        if isinstance(said, Answer):
            unkept += not kept.remember(address, said)
        silent = silent + 1 if isinstance(said, Trouble) and said.kind in {"down", "strange"} else 0
        if isinstance(said, Answer) or said.kind not in _FINAL:  # else it is not about this address
            answers[address] = said
        if isinstance(said, Trouble) and _ends(said, silent, heard=asked > silent):
            stopped = text("geocode.stopped", why=said.message())
            break
        tell(cached + asked, len(addresses))
    desk.close()
    return _Round(answers, asked, cached, unkept, stopped)


def _ends(trouble: Trouble, silent: int, *, heard: bool) -> bool:
    return trouble.kind in _FINAL or silent >= (_SILENT if heard else 1)


# --- what becomes of the list ---


def _result(
    listing: AddressList,
    queries: pd.Series,
    trimmed: pd.Series,
    round_: _Round,
    matches: pd.DataFrame,
    service: Service,
) -> GeocodeResult:
    rows = listing.cells.index
    found = matches.reindex(rows)
    taken = found["reason"].eq("")
    places = listing.cells[[*PLACE, "coordinate_source"]].copy()
    places.loc[taken, PLACE] = found.loc[taken, PLACE]
    places.loc[taken, "coordinate_source"] = f"geocoded:{service.name}"
    sentences = _sentences(listing, queries, round_, found)
    findings, problems = _said_of_rows(listing, queries, round_, found, sentences)
    extra = {
        "geocode_level": found["level"].where(taken, None),
        "geocode_score": found["score"].astype(float).where(taken),
        "geocode_match": found["matched"].where(taken, None),
        "geocode_problem": problems,
    }
    counts = {
        "rows": len(rows),
        "given": int(listing.located.sum()),
        "found": int(taken.sum()),
        "doubtful": int(pd.concat([sentences[key] for key in _KEPT], axis=1).any(axis=1).sum()),
        "missing": int((~taken & ~listing.located).sum()),
        "asked": round_.asked,
        "cached": round_.cached,
    }
    name = text(f"geocode.service_{service.name}")
    header = listing.headers["address"]
    routine = (
        *column_finding("mended", "geocode_trimmed", trimmed, listing.source, header),
        *column_finding("converted", _ROUTINE[service.datum], taken, listing.source, header, service=name),
    )
    notes = (*listing.source.notes, *_notes(name, counts, round_, trimmed))
    return GeocodeResult(
        listing.with_places(places, extra),
        (*listing.source.findings, *findings, *routine),
        counts,
        notes,
        round_.stopped,
    )


def _sentences(listing: AddressList, queries: pd.Series, round_: _Round, found: pd.DataFrame) -> dict[str, pd.Series]:
    """Return for each sentence the rows it is said of."""
    said = queries.map(round_.answers, na_action="ignore")
    answered = said.map(lambda what: isinstance(what, Answer), na_action="ignore").eq(True)
    refused = said.map(lambda what: isinstance(what, Trouble), na_action="ignore").eq(True)
    taken, level = found["reason"].eq(""), found["level"]
    spots = found.loc[taken, PLACE].round(6).assign(query=queries[taken])
    sharers = spots.groupby(PLACE)["query"].transform("nunique").reindex(queries.index)
    rows = {
        "geocode_no_address": queries.isna() & ~listing.located,
        "geocode_nothing": answered & found["reason"].isna(),
        "geocode_unanswered": refused,
        "geocode_not_asked": queries.notna() & said.isna(),
        "geocode_rough": taken & ~level.isin(FINE),
        "geocode_score": taken & found["score"].lt(_LOW_SCORE),
        "geocode_shared": taken & sharers.ge(_SHARED),
    }
    return {key: rows[key] if key in rows else found["reason"].eq(key) for key in _SENTENCES}


def _said_of_rows(
    listing: AddressList, queries: pd.Series, round_: _Round, found: pd.DataFrame, sentences: Mapping[str, pd.Series]
) -> tuple[list[Finding], pd.Series]:
    """Return the findings, and for each row what is said of it ("" when nothing is)."""
    troubles = queries.map({a: s.message() for a, s in round_.answers.items() if isinstance(s, Trouble)})
    gaps = {
        "name": listing.cells["name"].fillna(listing.cells["facility_id"]).fillna("-"),
        "address": listing.cells["address"].fillna("-"),
        "level": found["level"].fillna("").replace("", "-"),
        "score": found["score"].map("{:g}".format),
        "lon": found["lon"].map("{:.6f}".format),
        "lat": found["lat"].map("{:.6f}".format),
        "count": found["count"].fillna(0).astype(int),
        "county": found["county"].fillna("").replace("", "-"),
        "why": troubles.astype(object).fillna(""),
    }
    findings: list[Finding] = []
    problems = pd.Series("", index=queries.index, dtype=object)
    for key, action in _SENTENCES.items():
        chosen = sentences[key]
        of_rows = row_findings(action, key, chosen, listing.source, listing.headers["address"], **gaps)
        problems[chosen] += _messages(of_rows)
        findings += of_rows
    return findings, problems


def _messages(findings: Iterable[Finding]) -> NDArray[np.object_]:
    return np.array([found.message() for found in findings], dtype=object)


def _notes(service: str, counts: Mapping[str, int], round_: _Round, trimmed: pd.Series) -> list[str]:
    notes = [text("geocode.note_done", service=service, **counts)]
    if trimmed.any():
        notes.append(text("geocode.note_trimmed", count=int(trimmed.sum())))
    if round_.unkept:
        notes.append(text("geocode.note_unkept", folder=store_folder()))
    return notes
