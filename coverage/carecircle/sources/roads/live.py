"""Live OpenStreetMap: the roads of a place, fetched once through OSMnx and kept as a file.

OSMnx does the asking (one slot of the Overpass server at a time, one question a second to Nominatim, long
pauses when a server is busy). What the servers answered lies in a cache folder of its own for every question,
whole and untouched, and the file is made of that: ways are never cut, filtered or re-ordered, all their tags
and the barriers on their nodes are there, so that one file serves every mode of travel.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import geopandas as gpd
import osmium
import osmnx as ox
import requests
import shapely
from osmium.osm.mutable import Node, Way
from rich.console import Console

from carecircle.errors import CarecircleError, InputError, OfflineError, OutputError, UsageError, problem
from carecircle.language import text
from carecircle.sources.roads.reading import OSM_ENDINGS, as_polygon
from carecircle.sources.roads.store import store_folder
from carecircle.traffic import KEYS
from carecircle.web import why_unanswered

_NAME = f"carecircle/{version('carecircle')} (through OSMnx)"
_ROADS = '["highway"]'
"""Overpass filter: every road whatever its class, because each mode of travel has rules of its own."""

_TRIES = 3
"""How often a busy server (HTTP 429, 504) is asked; OSMnx waits 55 seconds in between, and for ever."""

_STATUS_CHECKS = 60
"""How often in a row the server's own queue is looked at: every five seconds while it works for us."""

_CONNECT_SECONDS = 10
_LARGE = 10
"""Areas of more than this many Overpass questions are better served by an extract."""

_BYTES_EACH = 300
"""Of a node or way as text, generously."""

Boundary: TypeAlias = str | Path | shapely.Geometry | gpd.GeoSeries | gpd.GeoDataFrame
Area: TypeAlias = shapely.Polygon | shapely.MultiPolygon

_COMPLETE = "complete.txt"
_one_at_a_time = threading.Lock()  # osmnx.settings belongs to the whole process


@dataclass(frozen=True)
class FetchResult:
    """What was fetched.

    Parameters
    ----------
    path
        The file that was written.
    ways, nodes
        How many it holds.
    seconds
        How long it took.
    from_cache
        Whether no server was asked.
    notes
        Where the roads are from, how recent they are, and what a user should know of them.
    """

    path: Path
    ways: int
    nodes: int
    seconds: float
    from_cache: bool
    notes: tuple[str, ...] = ()


@dataclass
class _Desk:
    """One fetch under way: whom to ask for what, and how it is going."""

    overpass: str
    nominatim: str
    cache: Path
    timeout: float
    say: Callable[[str], None]
    asked: str = ""
    server: str = ""
    answers: int = 0
    turned_away: int = 0
    status_checks: int = 0
    notes: list[str] = field(default_factory=list)

    def failed(self, why: str, **values: object) -> OfflineError:
        """Return the error that says what was asked of whom, why there is no answer, and what to do."""
        reason = text(f"fetch.{why}", **values) if values else text(f"fetch.{why}")
        return OfflineError(
            text("fetch.offline", asked=self.asked, server=self.server, why=reason, advice=text("fetch.advice"))
        )

    def look(self, response: requests.Response, *_: object, **__: object) -> None:
        """Judge an answer before OSMnx does (it would retry for ever, and use half an answer)."""
        self.answers += 1
        if response.is_redirect:
            return
        if response.status_code in {429, 504}:
            self._wait(response.status_code)
        elif urlsplit(response.url).path.endswith("/status"):
            self.status_checks += 1
            if self.status_checks > _STATUS_CHECKS:
                raise self.failed("why_busy", status=response.status_code, tries=self.status_checks)
        elif not response.ok:
            raise self.failed("why_status", status=response.status_code)
        else:
            self.turned_away = self.status_checks = 0
            self._check_body(response)

    def _wait(self, status: int) -> None:
        self.turned_away += 1
        if self.turned_away >= _TRIES:
            raise self.failed("why_busy", status=status, tries=self.turned_away)
        self.say(text("fetch.say_busy", server=self.server))

    def _check_body(self, response: requests.Response) -> None:
        body = response.content
        if body.lstrip()[:1] not in {b"{", b"["}:
            raise self.failed("why_strange")
        if b'"remark"' in body:
            with suppress(ValueError, TypeError, KeyError):
                remark = response.json()["remark"]
                raise self.failed("why_remark", remark=remark)


def fetch_roads(
    *,
    place: str | None = None,
    boundary: Boundary | None = None,
    out: str | Path,
    overpass_url: str | None = None,
    nominatim_url: str | None = None,
    cache_folder: str | Path | None = None,
    timeout: float = 180,
    quiet: bool = False,
) -> FetchResult:
    """Fetch the roads of a place from OpenStreetMap and write them to a file.

    Every way that touches the place, or the half kilometre around it, is in the file in full length.

    Parameters
    ----------
    place
        Name that OpenStreetMap knows with an area, such as ``"五华区, 昆明市"``.
    boundary
        Instead of a name: polygon (shapely in longitude and latitude, GeoSeries, GeoDataFrame, or a file of
        polygons). Holes are filled, and several polygons are fetched as their convex hull.
    out
        ``.osm.pbf``, ``.pbf``, ``.osm``, ``.osm.gz``, ``.osm.bz2``, or ``.graphml``. OpenStreetMap files keep
        everything; GraphML is a graph for other programs, made by OSMnx's one-way rules. An existing file is
        replaced only by success.
    overpass_url, nominatim_url
        Servers, without ``/interpreter`` and ``/search``; those of `osmnx.settings` when not given.
    cache_folder
        Where answers are kept; a question that was answered is never asked again until its folder is deleted.
        ``osm`` in carecircle's own cache folder when not given.
    timeout
        Seconds to wait for one answer.
    quiet
        Do not say on standard error what is going on.

    Raises
    ------
    UsageError
        Neither or both of `place` and `boundary`, or an unknown ending of `out`.
    InputError
        The boundary has no polygon, the place is not known or has no area, or there is no road.
    OfflineError
        No network, or the server is busy or refuses.
    OutputError
        The file or the cache cannot be written.
    """
    started, path = time.monotonic(), Path(out)
    console = Console(stderr=True, quiet=quiet, soft_wrap=True, markup=False, highlight=False)
    desk = _Desk(
        overpass_url or ox.settings.overpass_url,
        nominatim_url or ox.settings.nominatim_url,
        Path(cache_folder) if cache_folder else store_folder() / "osm",
        timeout,
        console.print,
    )
    _check(place, boundary, path, desk)
    polygon = None if boundary is None else _given_polygon(boundary)
    with _one_at_a_time, _plain_errors(desk):
        if polygon is None:
            polygon = _find_place(str(place).strip(), desk)
        nodes, ways, stamp = _merge(_download(polygon, desk), desk)
    desk.notes.append(text("fetch.note_source", server=desk.overpass, date=stamp or "-"))
    desk.notes.append(text("fetch.note_extent"))
    _save(path, nodes, ways, stamp, desk)
    seconds = time.monotonic() - started
    return FetchResult(path, len(ways), len(nodes), seconds, desk.answers == 0, tuple(desk.notes))


def _check(place: str | None, boundary: Boundary | None, out: Path, desk: _Desk) -> None:
    if bool(place and place.strip()) == (boundary is not None):
        raise UsageError(text("fetch.one_of"))
    known = (*OSM_ENDINGS, ".graphml")
    if not out.name.lower().endswith(known):
        raise UsageError(text("fetch.ending", file=out, known=" ".join(known)))
    if not desk.timeout > 0:
        raise UsageError(text("fetch.timeout", value=desk.timeout))
    for url in (desk.overpass, desk.nominatim):
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise UsageError(text("fetch.server", value=url))


def _given_polygon(boundary: Boundary) -> Area:
    file = boundary if isinstance(boundary, str | Path) else None
    given = as_polygon(boundary)
    polygon = _polygonal(given)
    if polygon.is_empty:
        found = type(given).__name__
        raise InputError(problem("wrong_geometry", file=file, wanted="polygon", found=found))
    return polygon


def _polygonal(geometry: shapely.Geometry | None) -> Area:
    """Return what has an area in a geometry, as a valid polygon or multi-polygon (empty when nothing has)."""
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(shapely.force_2d(geometry))))
    return cast("Area", shapely.union_all(parts[shapely.get_dimensions(parts) == 2]))


@contextmanager
def _plain_errors(desk: _Desk) -> Iterator[None]:
    """Turn what networks and disks can do into one sentence each."""
    try:
        yield
    except CarecircleError:
        raise
    except requests.RequestException as error:
        why = why_unanswered(error)
        raise desk.failed(why, **({"seconds": desk.timeout} if why == "why_time" else {})) from error
    except OSError as error:
        raise OutputError(text("usage.not_written", file=desk.cache, why=error)) from error


@contextmanager
def _osmnx(desk: _Desk, folder: Path, **more: object) -> Iterator[None]:
    """Set `osmnx.settings` for one question, and put back whatever was there, `socket.getaddrinfo` too.

    Names are resolved by the system only: OSMnx would ask a third party when the system cannot.
    """
    settings, resolve = ox.settings, socket.getaddrinfo
    wanted = {
        "use_cache": True,
        "cache_folder": folder,
        "overpass_url": desk.overpass,
        "nominatim_url": desk.nominatim,
        "overpass_rate_limit": True,
        "requests_timeout": desk.timeout,
        "doh_url_template": None,
        "http_user_agent": _NAME,
        "http_referer": _NAME,
        "http_accept_language": "zh-CN,zh;q=0.9,en;q=0.5",
        "requests_kwargs": {**settings.requests_kwargs, "hooks": {"response": desk.look}},
        **more,
    }
    before = {name: getattr(settings, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)
        socket.getaddrinfo = resolve


def _folder(desk: _Desk, *question: object) -> Path:
    """Return the folder of one question's answers, without what an interrupted run left half written."""
    key = json.dumps([str(part) for part in (ox.__version__, *question)])
    folder = desk.cache / hashlib.sha256(key.encode()).hexdigest()[:24]
    for file in folder.glob("*.json"):
        try:
            json.loads(file.read_bytes())
        except ValueError:
            file.unlink()
    return folder


def _find_place(place: str, desk: _Desk) -> Area:
    """Return the area of a place."""
    desk.asked, desk.server = text("fetch.asked_place", place=place), desk.nominatim
    desk.say(text("fetch.say_place", place=place, server=desk.nominatim))
    folder = _folder(desk, "place", desk.nominatim, place)
    with _osmnx(desk, folder):
        try:
            found = ox.geocoder.geocode_to_gdf(place)
        except requests.RequestException:
            raise
        except (TypeError, ValueError) as error:
            shutil.rmtree(folder, ignore_errors=True)  # it may be mapped tomorrow
            key = "place_without_area" if isinstance(error, TypeError) else "place_not_found"
            raise InputError(problem(key, place=place, server=desk.nominatim)) from error
    desk.notes.append(text("fetch.note_place", place=place, found=found["display_name"].iloc[0]))
    return _polygonal(found.geometry.iloc[0])


def _download(polygon: Area, desk: _Desk) -> list[Path]:
    """Return the files that hold the Overpass server's answers, asking for those that are not there."""
    bounds = ", ".join(f"{edge:.4f}" for edge in polygon.bounds)
    desk.asked, desk.server = desk.asked or text("fetch.asked_area", bounds=bounds), desk.overpass
    settings = ox.settings
    folder = _folder(
        desk,
        "roads",
        desk.overpass,
        desk.timeout,
        settings.overpass_settings,
        settings.overpass_memory,
        settings.max_query_area_size,
        _ROADS,
        shapely.to_wkt(polygon, rounding_precision=7),
    )
    listed = folder / _COMPLETE
    if listed.exists():
        answers = [folder / name for name in listed.read_text("utf-8").split()]
        if answers and all(answer.exists() for answer in answers):
            desk.notes.append(text("fetch.note_cached", folder=folder))
            return answers
    _ask(polygon, folder, desk)
    answers = sorted(folder.glob("*.json"))
    _replace(listed, lambda draft: draft.write_text("\n".join(file.name for file in answers), "utf-8"))
    return answers


def _ask(polygon: Area, folder: Path, desk: _Desk) -> None:
    """Let OSMnx fill the folder; it takes large areas apart and waits for its turn."""
    desk.say(text("fetch.say_roads", asked=desk.asked, server=desk.overpass))
    area = shapely.area(shapely.convex_hull(ox.projection.project_geometry(polygon)[0]))
    if area > _LARGE * ox.settings.max_query_area_size:
        desk.notes.append(text("fetch.note_large", km2=f"{area / 1e6:,.0f}"))
        desk.say(desk.notes[-1])
    with _osmnx(desk, folder, cache_only_mode=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This area is", UserWarning)  # said above, in the user's language
        # OSMnx takes a server that cannot be reached for a busy one and waits a minute: look first.
        requests.get(
            f"{desk.overpass.rstrip('/')}/status",
            timeout=(min(_CONNECT_SECONDS, desk.timeout), desk.timeout),
            headers={"User-Agent": _NAME, "Referer": _NAME},
            **ox.settings.requests_kwargs,
        )
        try:
            ox.graph.graph_from_polygon(
                polygon,
                network_type="all",
                simplify=False,
                retain_all=True,
                truncate_by_edge=True,
                custom_filter=_ROADS,
            )
        except InterruptedError:  # how OSMnx says that all answers are in the cache
            return
        except requests.RequestException:
            raise
        except ValueError as error:
            raise desk.failed("why_strange") from error


def _merge(answers: list[Path], desk: _Desk) -> tuple[dict[int, Any], dict[int, Any], str]:
    """Return nodes and ways by number, in order, and the date of the oldest answer."""
    found: dict[str, dict[int, Any]] = {"node": {}, "way": {}}
    stamps = set()
    for file in answers:
        answer = json.loads(file.read_bytes())
        stamps.add(answer.get("osm3s", {}).get("timestamp_osm_base", ""))
        for element in answer.get("elements", ()):
            found.get(element["type"], {})[element["id"]] = element
    if not found["way"]:
        for folder in {file.parent for file in answers}:
            shutil.rmtree(folder, ignore_errors=True)
        raise InputError(problem("no_roads_fetched", asked=desk.asked, server=desk.overpass))
    stamp = min(stamps)
    return (
        dict(sorted(found["node"].items())),
        dict(sorted(found["way"].items())),
        stamp if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp) else "",
    )


def _save(path: Path, nodes: dict[int, Any], ways: dict[int, Any], stamp: str, desk: _Desk) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _require_space(path.parent, len(nodes), len(ways))
        if path.name.lower().endswith(".graphml"):
            desk.notes.append(text("fetch.note_graphml"))
            _replace(path, lambda draft: _write_graph(draft, nodes, ways, stamp, desk))
        else:
            _replace(path, lambda draft: _write_osm(draft, _format(path), nodes, ways, stamp))
    except CarecircleError:
        raise
    except (OSError, RuntimeError) as error:
        raise OutputError(text("usage.not_written", file=path, why=error)) from error


def _require_space(folder: Path, nodes: int, ways: int) -> None:
    """Raise `OSError` where the file does not fit: pyosmium ends the whole process when a disk is full."""
    if shutil.disk_usage(folder).free < _BYTES_EACH * (nodes + ways):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _format(path: Path) -> str:
    """Return pyosmium's name for the format of a file; it does not know endings in capitals."""
    ending = path.suffix.lower()[1:]
    return f"osm.{ending}" if ending in {"gz", "bz2"} else ending


def _write_osm(path: Path, form: str, nodes: dict[int, Any], ways: dict[int, Any], stamp: str) -> None:
    header = osmium.io.Header()
    header.set("generator", "carecircle")
    header.set("sorting", "Type_then_ID")
    if stamp:
        header.set("osmosis_replication_timestamp", stamp)
    with osmium.SimpleWriter(osmium.io.File(str(path), form), header=header, overwrite=True) as writer:
        for number, node in nodes.items():
            writer.add_node(Node(id=number, location=(node["lon"], node["lat"]), tags=node.get("tags", {})))
        for number, way in ways.items():
            writer.add_way(Way(id=number, nodes=way["nodes"], tags=way.get("tags", {})))


def _write_graph(path: Path, nodes: dict[int, Any], ways: dict[int, Any], stamp: str, desk: _Desk) -> None:
    """Write OSMnx's own graph of the same ways, unsimplified, with the tags that traffic rules read."""
    way_tags, node_tags = ox.settings.useful_tags_way, ox.settings.useful_tags_node
    with (
        tempfile.TemporaryDirectory() as folder,
        _one_at_a_time,
        _osmnx(
            desk,
            Path(folder),
            all_oneway=False,
            useful_tags_way=sorted(KEYS.union(way_tags)),
            useful_tags_node=sorted(KEYS.union(node_tags)),
        ),
    ):
        _write_osm(Path(folder) / "roads.osm", "osm", nodes, ways, "")
        try:
            graph = ox.graph.graph_from_xml(Path(folder) / "roads.osm", simplify=False, retain_all=True)
        except ValueError as error:  # ways without their nodes
            raise desk.failed("why_strange") from error
        graph.graph["created_date"] = stamp  # OSMnx puts the clock's time here: same roads, same bytes
        ox.io.save_graphml(graph, path)
