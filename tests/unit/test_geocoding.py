"""Geocoding against a stand-in that speaks as AMap and as Tianditu; the sheet to fill in; keys that never show.

Nothing here leaves the machine: connections elsewhere than 127.0.0.1 and look-ups of names are refused.
"""

import gzip
import io
import json
import logging
import math
import os
import pickle
import re
import socket
import stat
import sys
import threading
import time
import traceback
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from carecircle.china.coordinates import gcj02_to_wgs84, wgs84_to_bd09, wgs84_to_gcj02
from carecircle.china.headers import address_header
from carecircle.errors import InputError, MissingInputError, OutputError, UsageError
from carecircle.geocoding.asking import GeocodeOptions, _tidy, _without_contacts, geocode
from carecircle.geocoding.forms import address_sheet, merge_filled, write_list
from carecircle.geocoding.lists import read_addresses
from carecircle.geocoding.services import SERVICES, Answer, Desk, Trouble
from carecircle.keys import Key, find_key, keyring
from carecircle.language import use_language
from carecircle.sources import read_facilities
from carecircle.sources.roads.store import tidy

SLEEP = time.sleep
KEY = "S3cret+Key/of=Office9876"
LISTED = pd.DataFrame(
    {
        "编号": ["A01", "A02", "A03"],
        "机构名称": ["翠湖养老院", "玉兴日间照料中心", "北城敬老院"],
        "地址": ["玉溪市红塔区玉兴路12号", "玉溪市红塔区人民路3号", "玉溪市红塔区北城街道5号"],
        "床位数": [120, 30, 45],
        "内部备注": ["不外传甲", "不外传乙", "不外传丙"],
    }
)
SPOT = (102.5468, 24.3512)
"""Where the stand-in puts every address that a test does not place, in the service's own datum."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, url = self.server, urlsplit(self.path)
        asked = dict(parse_qsl(url.query, keep_blank_values=True))
        server.seen.append(SimpleNamespace(at=time.monotonic(), path=url.path, asked=asked, headers=dict(self.headers)))
        plan = server.plans.pop(0) if server.plans else None
        if callable(plan):
            plan(self, asked)
        elif plan is not None:
            self.answer(*plan)
        elif url.path == "/v3/geocode/geo":
            self.answer(200, self.as_amap(asked))
        elif url.path == "/geocoder":
            self.answer(200, self.as_tianditu(asked))
        else:
            self.answer(404, "nothing here")

    def as_amap(self, asked):
        if asked.get("key") != KEY:
            return amap_error("10001", "INVALID_USER_KEY")
        places = self.server.places.get(asked["address"], [(*SPOT, "门牌号")])
        return {
            "status": "1",
            "info": "OK",
            "infocode": "10000",
            "count": str(len(places)),
            "geocodes": [
                {
                    "formatted_address": f"云南省{asked['address']}",
                    "country": "中国",
                    "city": [],
                    "adcode": "530402",
                    "location": f"{lon},{lat}",
                    "level": level,
                }
                for lon, lat, level, *_ in places
            ],
        }

    def as_tianditu(self, asked):
        if asked.get("tk") != KEY:
            return {"code": 301003, "msg": "非法key", "resolve": "请申请key"}
        word = json.loads(asked["ds"])["keyWord"]
        places = self.server.places.get(word, [(*SPOT, "门址", 96)])
        if not places:
            return {"msg": "无结果", "searchVersion": "6.4.9V", "status": "404"}
        lon, lat, level, score = places[0]
        return {
            "msg": "ok",
            "searchVersion": "6.4.9V",
            "status": "0",
            "location": {"score": score, "level": level, "lon": str(lon), "lat": lat, "keyWord": word},
        }

    def answer(self, status, body, headers=()):
        raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


def amap_error(code, info):
    return {"status": "0", "info": info, "infocode": code}


@pytest.fixture(scope="module")
def standin():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads, httpd.block_on_close = True, False
        httpd.url = f"http://127.0.0.1:{httpd.server_port}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


@pytest.fixture
def server(standin):
    standin.seen, standin.plans, standin.places, standin.over = [], [], {}, threading.Event()
    yield standin
    standin.over.set()


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """An empty home and cache, no keys, no proxies, and no way out of the machine."""
    tried, connect, resolve = [], socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self, address):
        if address[0] != "127.0.0.1":
            tried.append(address)
            raise ConnectionRefusedError(address)
        return connect(self, address)

    def guarded_resolve(host, *args, **kwargs):
        if host != "127.0.0.1":
            tried.extend([] if str(host).endswith(".invalid") else [host])
            raise socket.gaierror(-2, "Name or service not known")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "CARECIRCLE_AMAP_KEY",
        "CARECIRCLE_TIANDITU_KEY",
        "CARECIRCLE_KEYS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CARECIRCLE_CACHE", str(tmp_path / "cache"))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    yield tried
    assert tried == []


@pytest.fixture(autouse=True)
def slept(monkeypatch):
    """Pauses are noted, not waited for."""
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


@pytest.fixture
def find(server):
    """Geocode a list through the stand-in, in English, at a pace that never makes it wait."""

    def run(table=LISTED, service="amap", **more):
        chosen = {"per_second": 100, "timeout": 5, **{k: more.pop(k) for k in list(more) if k in OPTIONS}}
        with use_language("en"):
            return geocode(
                table, service=service, **{"key": KEY, "server": server.url, **more}, options=GeocodeOptions(**chosen)
            )

    return run


OPTIONS = set(GeocodeOptions.__dataclass_fields__)


def listed(*addresses, **columns):
    """Return a list of facilities with these addresses."""
    keys = [f"A{number}" for number in range(len(addresses))]
    return pd.DataFrame({"编号": keys, "名称": keys, "地址": list(addresses), **columns})


def keys_of(result):
    return [finding.key for finding in result.findings]


def asked(server):
    return [
        seen.asked["address"] if "address" in seen.asked else json.loads(seen.asked["ds"])["keyWord"]
        for seen in server.seen
    ]


def shifted(shift, lon, lat):
    return tuple(float(value) for value in shift(lon, lat))


def places(result):
    return list(zip(result.frame["lon"], result.frame["lat"], strict=True))


# --- what is asked, and what comes back ---


def test_amap_is_turned_into_wgs84(find, server):
    result = find()
    lon, lat = gcj02_to_wgs84(*SPOT)
    assert places(result) == [(pytest.approx(lon, abs=1e-7), pytest.approx(lat, abs=1e-7))] * 3
    assert abs(lon - SPOT[0]) > 1e-3
    assert set(result.frame["coordinate_source"]) == {"geocoded:amap"}
    assert set(result.frame["datum"]) == {"wgs84"}
    assert set(result.frame["geocode_level"]) == {"门牌号"}
    assert list(result.frame["geocode_match"]) == [f"云南省{address}" for address in LISTED["地址"]]
    assert result.counts == {"rows": 3, "given": 0, "found": 3, "doubtful": 3, "missing": 0, "asked": 3, "cached": 0}
    assert result.stopped is None
    assert {seen.path for seen in server.seen} == {"/v3/geocode/geo"}


def test_tianditu_is_taken_as_it_is(find, server):
    server.places = {LISTED["地址"][0]: [(102.5, 24.3, "地名地址", 88)]}
    result = find(service="tianditu")
    assert places(result) == [(102.5, 24.3), SPOT, SPOT]
    assert list(result.frame["geocode_score"]) == [88, 96, 96]
    assert set(result.frame["coordinate_source"]) == {"geocoded:tianditu"}
    assert {seen.path for seen in server.seen} == {"/geocoder"}
    assert "geocode_found" in keys_of(result)


@pytest.mark.parametrize("service", ["amap", "tianditu"])
def test_nothing_but_the_addresses_leaves(find, server, service):
    find(service=service)
    assert asked(server) == LISTED["地址"].tolist()
    sent = " ".join(f"{seen.asked} {seen.headers}" for seen in server.seen)
    for cell in [*LISTED["编号"], *LISTED["机构名称"], *LISTED["内部备注"], "120"]:
        assert cell not in sent
    names = {"amap": {"key", "address", "output"}, "tianditu": {"ds", "tk"}}[service]
    assert {name for seen in server.seen for name in seen.asked} == names
    assert all(seen.headers["User-Agent"].startswith("carecircle/") for seen in server.seen)


def test_the_name_goes_along_only_when_asked(find, server):
    find(with_name=True)
    assert asked(server) == [a + n for a, n in zip(LISTED["地址"], LISTED["机构名称"], strict=True)]


def test_the_city(find, server):
    find(listed("人民路3号"), city="玉溪市")
    assert server.seen[0].asked["city"] == "玉溪市"
    find(listed("人民路3号", "玉溪市红塔区5号"), service="tianditu", city="玉溪市")
    assert asked(server)[1:] == ["玉溪市人民路3号", "玉溪市红塔区5号"]


def test_an_address_is_asked_once(find, server):
    table = listed("玉兴路12号", "玉兴路１２号 ", "玉兴路\u200b12号", "另一条路1号")
    result = find(table)
    assert asked(server) == ["玉兴路12号", "另一条路1号"]
    assert result.frame["lon"].notna().all()
    assert result.counts["asked"] == 2


def test_the_second_run_asks_nothing(find, server):
    server.places = {LISTED["地址"][1]: []}
    first = find()
    assert len(server.seen) == 3
    second = find()
    assert len(server.seen) == 3
    assert second.counts | {"asked": 3, "cached": 0} == first.counts
    assert second.counts["cached"] == 3
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert [f.message() for f in first.findings] == [f.message() for f in second.findings]


def test_another_city_service_or_server_is_another_question(find, server):
    find()
    for more in ({"city": "玉溪"}, {"service": "tianditu"}, {"server": f"{server.url}/"}):
        before = len(server.seen)
        find(**more)
        assert len(server.seen) == before + (0 if "server" in more else 3)  # a slash at the end is no difference


def test_without_cache_nothing_is_kept(find, server, tmp_path):
    find(cache=False)
    find(cache=False)
    assert len(server.seen) == 6
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"candidates": [[1, 2]]}',
        b'{"candidates": [["a", 2, "", 1, ""]]}',
        b'{"candidates": [[NaN, 24, "", 1, ""]]}',
        b"[" * 50_000,
        b"\xff\xfe",
    ],
)
def test_damaged_answers_are_asked_for_again(find, server, tmp_path, damage):
    first = find()
    for file in (tmp_path / "cache").rglob("*.json"):
        file.write_bytes(damage)
    again = find()
    assert len(server.seen) == 6
    pd.testing.assert_frame_equal(first.frame, again.frame)


def test_a_cache_that_cannot_be_written_is_told(find, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    result = find()
    assert result.counts["found"] == 3
    assert any("could not be kept" in note for note in result.notes)


def test_rows_with_coordinates_are_left_alone(find, server):
    table = LISTED.assign(经度=["102.51", "", None], 纬度=[24.31, None, "—"])
    result = find(table)
    assert len(server.seen) == 2
    assert places(result)[0] == (102.51, 24.31)
    assert list(result.frame["coordinate_source"]) == ["given", "geocoded:amap", "geocoded:amap"]
    assert "经度" not in result.frame
    assert result.counts["given"] == 1


def test_given_coordinates_are_turned_too_so_that_the_list_has_one_datum(find):
    lon, lat = 102.5, 24.3
    gcj, bd = shifted(wgs84_to_gcj02, lon, lat), shifted(wgs84_to_bd09, lon, lat)
    table = listed("甲路1号", "乙路1号", "丙路1号", "丁路1号").assign(
        经度=[lon, gcj[0], bd[0], np.nan], 纬度=[lat, gcj[1], bd[1], np.nan], 坐标系=["CGCS2000", "高德", None, None]
    )
    result = find(table, datum="bd09")
    assert places(result)[:3] == [(pytest.approx(lon, abs=1e-7), pytest.approx(lat, abs=1e-7))] * 3
    assert list(result.frame["coordinate_source"]) == ["given", "converted:gcj02", "converted:bd09", "geocoded:amap"]
    assert "坐标系" not in result.frame


def test_a_result_can_be_geocoded_again_and_nothing_is_turned_twice(find, server, tmp_path):
    first = find()
    write_list(first.frame, tmp_path / "first.xlsx")
    again = find(tmp_path / "first.xlsx", datum="gcj02")
    assert len(server.seen) == 3
    assert places(again) == places(first)
    assert set(again.frame["coordinate_source"]) == {"geocoded:amap"}
    assert places(find(first.frame.drop(columns="datum"), datum="gcj02")) == places(first)


def test_coordinates_in_one_cell(find, server):
    result = find(
        listed("甲路1号", "乙路1号", "丙路1号", "丁路1号").assign(
            坐标=["102.51，24.31", "（24.32, 102.52）", None, "—"]
        )
    )
    assert asked(server) == ["丙路1号", "丁路1号"]
    assert places(result)[:2] == [(102.51, 24.31), (102.52, 24.32)]
    assert "坐标" not in result.frame
    with pytest.raises(InputError, match="东经"):
        find(listed("甲路1号").assign(坐标=["东经102度"]))


def test_where_coordinates_come_from_may_be_said_in_chinese(find):
    result = find(
        listed("甲路1号", "乙路1号").assign(坐标来源=["现场实测", None], 经度=[102.5, None], 纬度=[24.3, None])
    )
    assert list(result.frame["coordinate_source"]) == ["现场实测", "geocoded:amap"]
    assert "坐标来源" not in result.frame
    turned = read_addresses(listed("甲路1号").assign(坐标来源="现场实测", 经度=102.5, 纬度=24.3, 坐标系="高德地图"))
    assert turned.cells["coordinate_source"].tolist() == ["converted:gcj02"]


def test_the_index_stays(find):
    table = LISTED.set_axis([7, 3, 11])
    assert list(find(table).frame.index) == [7, 3, 11]


def test_progress(find):
    told = []
    find(progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    told.clear()
    find(progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]


def test_the_pace_is_kept(find, monkeypatch):
    monkeypatch.setattr("time.sleep", SLEEP)
    starts, exchange = [], Desk._exchange

    def noted(desk, address):
        starts.append(time.monotonic())
        return exchange(desk, address)

    monkeypatch.setattr(Desk, "_exchange", noted)
    result = find(listed(*(f"玉兴路{number}号" for number in range(6))), per_second=25, cache=False)
    assert result.counts["found"] == len(starts) == 6
    assert min(np.diff(starts)) >= 0.0399


def test_the_usual_pace_is_that_of_a_free_account(server, slept, monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    for service, second in (("amap", 3.0), ("tianditu", 5.0)):
        slept.clear()
        geocode(LISTED, service=service, key=KEY, server=server.url)
        assert slept == [pytest.approx(1 / second)] * 2


def test_headers(find, server):
    assert find(pd.DataFrame({"设施地址（必填）": ["玉兴路1号"]})).counts["found"] == 1
    assert address_header(["名称", "注册地址", "机构地址"]) == "机构地址"
    assert address_header(["名称", "经度"]) is None
    assert find(pd.DataFrame({"在哪": ["玉兴路1号"]}), columns={"address": "在哪"}).counts["found"] == 1
    with pytest.raises(InputError) as error:
        find(pd.DataFrame({"名称": ["甲"], "经度": [1]}))
    assert [found.key for found in error.value.problems] == ["missing_header"]
    with pytest.raises(InputError, match="地址"):
        find(LISTED, columns={"address": "没有"})
    assert {seen.asked["address"] for seen in server.seen} == {"玉兴路1号"}


def test_a_column_of_homes_is_not_read(find):
    with pytest.raises(InputError):
        find(pd.DataFrame({"家庭住址": ["玉兴路1号"]}))


def test_a_list_without_keys_gets_them(find):
    result = find(LISTED.drop(columns="编号"))
    assert list(result.frame["facility_id"]) == ["F0001", "F0002", "F0003"]


def test_rows_without_an_address(find, server):
    result = find(listed("—", None, "12", "联系人：王大爷", "长" * 201, "玉兴路1号"))
    assert asked(server) == ["玉兴路1号"]
    assert keys_of(result)[:5] == ["geocode_no_address"] * 5
    assert [finding.row for finding in result.findings][:5] == [1, 2, 3, 4, 5]
    assert result.frame["geocode_problem"].str.contains("no address").tolist() == [True] * 5 + [False]


def test_findings_point_at_the_users_rows(find, server, tmp_path):
    server.places = {LISTED["地址"][1]: []}
    LISTED.to_excel(tmp_path / "名单.xlsx", index=False, sheet_name="表")
    found = [finding for finding in find(tmp_path / "名单.xlsx").findings if finding.key == "geocode_nothing"]
    assert [(f.file.name, f.sheet, f.row, f.column, f.action) for f in found] == [
        ("名单.xlsx", "表", 3, "地址", "unmatched")
    ]
    assert "人民路3号" in found[0].message("zh")


# --- private numbers stay here ---


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("玉兴路12号 13812345678", "玉兴路12号"),
        ("玉兴路12号（１３８ 1234 5678）", "玉兴路12号"),
        ("玉兴路12号，联系人张三13812345678", "玉兴路12号"),
        ("玉兴路12号 电话：0877-2021234", "玉兴路12号"),
        ("玉兴路12号 530402199001011234", "玉兴路12号"),
        ("玉兴路12号53040219900101123X", "玉兴路12号"),
        ("北城街道电话局宿舍2栋", "北城街道电话局宿舍2栋"),
        ("G213国道1380123号", "G213国道1380123号"),
    ],
)
def test_telephone_and_identity_numbers_are_not_sent(find, server, address, sent):
    result = find(listed(address))
    assert asked(server) == [sent]
    assert ("geocode_trimmed" in keys_of(result)) == (sent != address)
    assert list(result.frame["地址"]) == [address]


@given(
    st.text(alphabet="玉兴路号街道栋A区 ,（）", max_size=20),
    st.from_regex(r"1[3-9]\d{9}", fullmatch=True),
    st.text(alphabet="玉兴路号街道栋A区 ,（）", max_size=20),
)
def test_no_mobile_number_gets_through(before, number, after):
    assert number not in _without_contacts(_tidy(before + number + after))


# --- what is taken ---


@pytest.mark.parametrize("level", ["省", "市", "区县", "乡镇", "开发区", "热点商圈", "街道"])
def test_the_centre_of_an_area_is_no_place_of_a_facility(find, server, level):
    server.places = {"玉兴路1号": [(*SPOT, level)]}
    result = find(listed("玉兴路1号"))
    assert result.missing.all()
    assert result.frame["coordinate_source"].isna().all()
    assert keys_of(result) == ["geocode_coarse"]
    assert level in result.findings[0].message("zh")
    assert result.findings[0].action == "doubtful"
    assert result.counts | {"asked": 0, "cached": 0} == {
        "rows": 1,
        "given": 0,
        "found": 0,
        "doubtful": 0,
        "missing": 1,
        "asked": 0,
        "cached": 0,
    }
    taken = find(listed("玉兴路1号"), accept_coarse=True)
    assert not taken.missing.any()
    assert "geocode_rough" in keys_of(taken)
    assert taken.counts["doubtful"] == 1


@pytest.mark.parametrize(
    ("level", "flagged"),
    [("村庄", True), ("道路", True), ("未知", True), ("", True), ("门址", False), ("兴趣点", False), ("住宅区", False)],
)
def test_rough_places_are_pointed_out(find, server, level, flagged):
    server.places = {"玉兴路1号": [(*SPOT, level)]}
    result = find(listed("玉兴路1号"))
    assert not result.missing.any()
    assert ("geocode_rough" in keys_of(result)) == flagged


@pytest.mark.parametrize(("score", "flagged"), [(59, True), (60, False), ("30", True), (None, False), ("?", False)])
def test_low_scores_are_pointed_out(find, server, score, flagged):
    server.places = {"玉兴路1号": [(*SPOT, "门址", score)]}
    result = find(listed("玉兴路1号"), service="tianditu")
    assert not result.missing.any()
    assert ("geocode_score" in keys_of(result)) == flagged


@pytest.mark.parametrize("place", [(0, 0), (-0.1, 51.5), (139.7, 35.7), (24.35, 102.54), (102.5, 2.0)])
def test_places_outside_china(find, server, place):
    server.places = {"玉兴路1号": [(*place, "门址", 90)]}
    for service in ("amap", "tianditu"):
        result = find(listed("玉兴路1号"), service=service)
        assert result.missing.all()
        wanted = "geocode_nothing" if abs(place[1]) > 90 else "geocode_outside_china"
        assert keys_of(result) == [wanted]


def test_several_places(find, server):
    far, near, coarse = (102.60, 24.35, "门址"), (102.5470, 24.3514, "门址"), (102.9, 24.9, "区县")
    server.places = {
        "远路1号": [(*SPOT, "门址"), far],
        "近路1号": [(*SPOT, "门址"), near],
        "粗路1号": [(*SPOT, "门址"), coarse],
        "先粗路1号": [coarse, (*SPOT, "门址")],
    }
    result = find(listed("远路1号", "近路1号", "粗路1号", "先粗路1号"))
    assert list(result.missing) == [True, False, False, False]
    assert keys_of(result)[0] == "geocode_several"
    assert "2 places" in result.frame["geocode_problem"].iloc[0]
    assert places(result)[1] == places(result)[2] == places(result)[3]


def test_many_addresses_at_one_point(find, server):
    server.places = {"别处1号": [(102.7, 24.5, "门址")]}
    result = find(listed("甲路1号", "乙路1号", "丙路1号", "别处1号"))
    assert not result.missing.any()
    assert [f.row for f in result.findings if f.key == "geocode_shared"] == [1, 2, 3]
    assert "geocode_shared" not in keys_of(find(listed("甲路1号", "甲路 1号", "甲路1号", "乙路1号")))


AREAS = gpd.GeoDataFrame(
    {
        "area_id": ["530402", "530403000000"],
        "name": ["红塔区", "江川区"],
        "level": "county",
        "parent_id": "5304",
        "urban_class": None,
    },
    geometry=[shapely.box(102.4, 24.2, 102.6, 24.5), shapely.box(102.6, 24.2, 102.9, 24.5)],
    crs=4326,
)


@pytest.mark.parametrize(
    ("row", "taken"),
    [
        ({"行政区划代码": "530402001"}, True),
        ({"行政区划代码": "530403001002"}, False),
        ({"行政区划代码": 530403001002.0}, False),
        ({"行政区划代码": "530103"}, True),  # a county that is not among the areas: nothing can be said
        ({"行政区划代码": "530400"}, True),  # the city's code states no county
        ({"区县": "红塔区"}, True),
        ({"区县": "江川区"}, False),
        ({"地址": "玉溪市红塔区玉兴路1号"}, True),
        ({"地址": "玉溪市江川区玉兴路1号"}, False),
        ({"行政区划代码": "530402", "地址": "江川区玉兴路1号"}, True),  # the code goes before the words
        ({}, True),
    ],
)
def test_the_place_is_in_the_county_that_the_row_states(find, row, taken):
    table = listed(row.pop("地址", "玉兴路1号"), **{name: [value] for name, value in row.items()})
    result = find(table, areas=AREAS, service="tianditu")
    assert result.missing.tolist() == [not taken]
    assert ("geocode_elsewhere" in keys_of(result)) != taken
    if not taken:
        assert "江川区" in result.frame["geocode_problem"].iloc[0]


def test_outside_all_areas_and_just_across_the_border(find, server):
    server.places = {
        "远1号": [(101.0, 24.3, "门址", 90)],
        "界内1号": [(102.396, 24.3, "门址", 90)],
        "界外1号": [(102.390, 24.3, "门址", 90)],
    }
    codes = {"行政区划代码": [None, None, None, "530103"]}
    result = find(listed("远1号", "界内1号", "界外1号", "远1号", **codes), areas=AREAS, service="tianditu")
    assert list(result.missing) == [True, False, True, False]  # nothing is known of the county 530103


def test_areas_choose_between_places(find, server):
    server.places = {"红塔区1号": [(102.8, 24.3, "门址"), (102.5, 24.3, "门址")]}
    assert find(listed("红塔区1号"), areas=AREAS).frame["lon"].iloc[0] == pytest.approx(102.4985, abs=1e-3)
    assert keys_of(find(listed("红塔区1号"))) == ["geocode_several"]


def test_areas_of_other_kinds(find, tmp_path):
    towns = AREAS.assign(level="township")
    assert not find(listed("江川区1号"), areas=towns, service="tianditu").missing.any()
    own = AREAS.assign(area_id=["C1", "C2"])
    assert find(listed("江川区1号", 行政区划代码=["530402"]), areas=own, service="tianditu").missing.all()
    AREAS.to_file(tmp_path / "areas.gpkg")
    assert find(listed("江川区1号"), areas=tmp_path / "areas.gpkg", service="tianditu").missing.all()
    with pytest.raises(InputError):
        find(listed("江川区1号"), areas=AREAS.set_geometry(gpd.GeoSeries([None, None], crs=4326)))


# --- when it does not work ---


@pytest.mark.parametrize(
    ("code", "info", "says"),
    [
        ("10001", "INVALID_USER_KEY", "does not accept the key"),
        ("10009", "USERKEY_PLAT_NOMATCH", "wrong type"),
        ("10005", "INVALID_USER_IP", "listed addresses"),
        ("10003", "DAILY_QUERY_OVER_LIMIT", "used up"),
        ("10044", "USER_DAILY_QUERY_OVER_LIMIT", "used up"),
    ],
)
def test_a_refusal_ends_the_questions_and_the_next_run_goes_on(find, server, slept, code, info, says):
    server.plans = [None, (200, amap_error(code, info))]
    result = find()
    assert len(server.seen) == 2
    assert max(slept, default=0) < 1
    assert says in result.stopped
    assert f"{code} {info}" in result.stopped
    assert list(result.missing) == [False, True, True]
    assert keys_of(result)[:2] == ["geocode_not_asked"] * 2
    again = find()
    assert asked(server)[2:] == LISTED["地址"].tolist()[1:]
    assert again.stopped is None
    assert not again.missing.any()
    assert again.counts["cached"] == 1


def test_what_is_kept_is_used_even_when_the_key_is_refused(find, server):
    find(LISTED.iloc[[2]])
    server.plans = [(200, amap_error("10001", "INVALID_USER_KEY"))]
    result = find()
    assert list(result.missing) == [True, True, False]
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (
            (403, {"code": 301012, "msg": "权限类型错误", "resolve": "Key权限类型为:浏览器端，请使用浏览器访问！"}),
            "wrong type",
        ),
        ((403, {"code": 301003, "msg": "非法key", "resolve": "请申请"}), "does not accept the key"),
        ((200, {"code": 301003, "msg": "非法key"}), "does not accept the key"),
        ((403, {"code": 301018, "msg": "今日访问次数超出上限"}), "used up"),
        ((418, "I am a teapot"), "HTTP 418"),
        ((401, ""), "HTTP 401"),
    ],
)
def test_refusals_of_tianditu(find, server, reply, says):
    server.plans = [reply]
    result = find(service="tianditu")
    assert len(server.seen) == 1
    assert says in result.stopped
    assert "\n" not in result.stopped


@pytest.mark.parametrize(
    ("service", "reply", "pauses"),
    [
        ("amap", (200, amap_error("10021", "CUQPS_HAS_EXCEEDED_THE_LIMIT")), [1, 2]),
        ("amap", (200, amap_error("10004", "ACCESS_TOO_FREQUENT")), [60, 60]),
        ("tianditu", (429, ""), [1, 2]),
        ("tianditu", (429, "", {"Retry-After": "7"}), [7, 7]),
        ("tianditu", (429, "", {"Retry-After": "99999"}), [60, 60]),
        ("tianditu", (429, "", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}), [1, 2]),
        ("amap", (503, "busy"), [1, 2]),
        ("amap", (200, amap_error("10016", "SERVER_IS_BUSY")), [1, 2]),
    ],
)
def test_a_busy_server_is_asked_again_with_growing_pauses(find, server, slept, service, reply, pauses):
    server.plans = [reply, reply]
    result = find(listed("玉兴路1号"), service=service)
    assert [pause for pause in slept if pause >= 1] == pauses
    assert len(server.seen) == 3
    assert not result.missing.any()


def test_a_server_that_stays_busy_is_left_alone(find, server, slept):
    server.plans = [None] + [(200, amap_error("10021", "CUQPS_HAS_EXCEEDED_THE_LIMIT"))] * 4
    result = find()
    assert [pause for pause in slept if pause >= 1] == [1, 2, 4]
    assert len(server.seen) == 5
    assert "too many questions" in result.stopped
    assert list(result.missing) == [False, True, True]


def test_a_server_that_is_down_is_given_up_at_once(find, server):
    server.plans = [(500, "")] * 100
    result = find(tries=2)
    assert len(server.seen) == 2
    assert "HTTP 500" in result.stopped


def test_one_address_that_breaks_the_server_does_not_stop_the_rest(find, server):
    server.plans = [None, (500, ""), (500, ""), None]
    result = find(tries=2)
    assert result.stopped is None
    assert list(result.missing) == [False, True, False]
    assert "HTTP 500" in result.frame["geocode_problem"].iloc[1]
    assert find().counts["asked"] == 1


def test_three_in_a_row_are_enough(find, server):
    table = listed(*(f"玉兴路{number}号" for number in range(8)))
    server.plans = [None, None] + [(502, "")] * 100
    result = find(table, tries=1)
    assert result.counts["asked"] == 5
    assert list(result.missing) == [False] * 2 + [True] * 6
    assert keys_of(result).count("geocode_not_asked") == 3


@pytest.mark.parametrize("code", ["20000", "20012"])
def test_an_address_that_is_not_taken(find, server, code):
    server.plans = [(200, amap_error(code, "ILLEGAL_CONTENT"))] * 3
    result = find()
    assert result.stopped is None
    assert len(server.seen) == 3
    assert keys_of(result) == ["geocode_unanswered"] * 3


STRANGE = {
    "html": "<html><body>请登录</body></html>",
    "empty": "",
    "list": "[]",
    "number": "1",
    "deep": "[" * 100_000,
    "deep object": '{"a":' * 40_000,
    "not utf-8": b"\xff\xfe\x00",
    "cut": '{"status": "1", "geocodes": [',
    "digits": '{"status": ' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("service", ["amap", "tianditu"])
@pytest.mark.parametrize("body", list(STRANGE.values()), ids=list(STRANGE))
def test_answers_that_are_none(find, server, service, body):
    server.plans = [(200, body)]
    result = find(service=service)
    assert len(server.seen) == 1
    assert "something else" in result.stopped
    assert result.missing.all()


ODD = [
    {"status": "1", "geocodes": []},
    {"status": "1"},
    {"status": 1, "count": "0", "geocodes": None},
    {"status": "1", "geocodes": {"location": "102,24"}},
    {"status": "1", "geocodes": ["102,24", None, 3]},
    {"status": "1", "geocodes": [{"location": []}]},
    {"status": "1", "geocodes": [{"location": "102.5"}]},
    {"status": "1", "geocodes": [{"location": "102.5,24.3,1"}]},
    {"status": "1", "geocodes": [{"location": "nan,24"}]},
    {"status": "1", "geocodes": [{"location": "1e999,24"}]},
    {"status": "1", "geocodes": [{"location": "经度,纬度"}]},
]


@pytest.mark.parametrize("content", ODD)
def test_amap_without_a_place(find, server, content):
    server.plans = [(200, content)]
    result = find(listed("玉兴路1号"))
    assert keys_of(result) == ["geocode_nothing"]
    find(listed("玉兴路1号"))
    assert len(server.seen) == 1  # that there is nothing is kept too


@pytest.mark.parametrize(
    "content",
    [
        {"status": "101", "msg": "结果为空"},
        {"status": "404", "msg": "无结果"},
        {"status": 0, "msg": "ok", "location": None},
        {"status": "0", "location": {}},
        {"status": "0", "location": {"lon": "x", "lat": []}},
        {"status": "0", "location": {"lon": 1e999, "lat": 24}},
        {"status": "0", "location": []},
    ],
)
def test_tianditu_without_a_place(find, server, content):
    server.plans = [(200, content)]
    assert keys_of(find(listed("玉兴路1号"), service="tianditu")) == ["geocode_nothing"]


@pytest.mark.parametrize("status", [200, 302, 500])
def test_an_endless_answer_is_cut(find, server, status):
    sent = []

    def flood(handler, _):
        handler.send_response(status)
        handler.send_header("Location", "http://127.0.0.1/")
        handler.end_headers()
        try:
            while len(sent) < 3000:
                handler.wfile.write(b" " * 65536)
                sent.append(65536)
        except OSError:
            return

    server.plans = [flood]
    result = find(tries=1)
    assert {200: "too long", 302: "not followed", 500: "HTTP 500"}[status] in result.stopped
    server.over.wait(0.3)
    assert sum(sent) < 50e6


def test_a_packed_bomb_is_not_unpacked(find, server):
    packed = gzip.compress(b" " * 200_000_000, 9)
    server.plans = [(200, packed, {"Content-Encoding": "gzip"})]
    before = peak()
    assert "too long" in find().stopped
    assert peak() - before < 100_000  # kilobytes


def peak():
    resource = pytest.importorskip("resource")
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 1024 if sys.platform == "darwin" else size


def test_a_packed_answer_is_read(find, server):
    body = gzip.compress(
        json.dumps({"status": "1", "geocodes": [{"location": "102.5,24.3", "level": "门址"}]}).encode()
    )
    server.plans = [(200, body, {"Content-Encoding": "gzip"})]
    assert not find(listed("玉兴路1号")).missing.any()


def test_silence(find, server):
    server.plans = [lambda *_: server.over.wait(3)] * 2
    result = find(timeout=0.2, tries=2)
    assert len(server.seen) == 2
    assert "within 0.2 seconds" in result.stopped


def test_an_answer_in_drops(find, server):
    def drip(handler, _):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            if server.over.wait(0.05):
                return
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    server.plans = [drip]
    started = time.monotonic()
    result = find(timeout=0.3, tries=1)
    assert "within 0.3 seconds" in result.stopped
    assert time.monotonic() - started < 2


def test_a_connection_that_breaks(find, server):
    def cut(handler, _):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"status"')
        handler.connection.shutdown(socket.SHUT_RDWR)

    server.plans = [cut]
    result = find(listed("玉兴路1号"))
    assert len(server.seen) == 2
    assert not result.missing.any()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(find, server, status):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        other.seen, other.plans, other.places = [], [], {}
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        server.plans = [(status, "", {"Location": f"http://127.0.0.1:{other.server_port}/v3/geocode/geo?key={KEY}"})]
        result = find()
        other.shutdown()
        thread.join()
    assert other.seen == []
    assert len(server.seen) == 1
    assert "was not followed" in result.stopped


@pytest.mark.parametrize("location", ["", "http://[bad", "/elsewhere", "//", "\xff"])
def test_a_redirect_to_nowhere(find, server, location):
    server.plans = [(302, "", {"Location": location})]
    assert "was not followed" in find().stopped


def test_nobody_listens(find, slept):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        result = find(server=url)
    assert "cannot be reached" in result.stopped
    assert [pause for pause in slept if pause >= 1] == [1, 2, 4]
    assert result.counts["asked"] == 1


def test_the_name_is_not_known(find):
    assert "cannot be resolved" in find(server="https://maps.invalid").stopped


def test_the_proxy_is_not_there(find, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NO_PROXY", "")
        assert "proxy" in find(server="http://maps.invalid").stopped


@pytest.mark.parametrize(
    "server_url",
    [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "127.0.0.1:80",
        "http://",
        "https://user:topsecret@host/",
        "http://host/?tk=topsecret",
        "http://host/#topsecret",
        "http://[bad",
    ],
)
def test_other_servers_are_refused(find, server_url):
    with pytest.raises(UsageError) as error:
        find(server=server_url)
    assert "topsecret" not in str(error.value)


@pytest.mark.parametrize(
    "limits",
    [{"per_second": 0}, {"per_second": 1000}, {"timeout": 0}, {"tries": 0}, {"tries": 99}, {"timeout": math.nan}],
)
def test_limits_out_of_range(find, server, limits):
    with pytest.raises(UsageError, match="out of range"):
        find(**limits)
    assert server.seen == []


def test_an_unknown_service(find, server):
    with pytest.raises(UsageError, match="google"):
        find(service="google")
    assert server.seen == []


def test_the_services_own_hosts_are_asked_by_https():
    assert {name: service.host for name, service in SERVICES.items()} == {
        "tianditu": "https://api.tianditu.gov.cn",
        "amap": "https://restapi.amap.com",
    }
    assert Desk(SERVICES["amap"], Key(KEY)).shown == "restapi.amap.com"


# --- odd addresses and odd answers ---


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(codec=None), min_size=1, max_size=60))
@example("\ud800半个字")
@example("a&key=other#frag?x=%00")
@example('"}{"keyWord":"x')
@example('=HYPERLINK("http://x")')
@example("𠮷野家🏠１２号\x00\r\nHost: x")
def test_any_address_arrives_as_it_was_sent(server, address):
    server.seen.clear()
    tidy = _tidy(address)
    assert tidy == _tidy(tidy)
    assert tidy.isprintable() or not tidy
    for service in ("amap", "tianditu"):
        said = Desk(SERVICES[service], Key(KEY), server=server.url, per_second=100).ask(tidy)
        assert isinstance(said, Answer)
    assert asked(server) == [tidy, tidy]
    assert {seen.path for seen in server.seen} == {"/v3/geocode/geo", "/geocoder"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.text(max_size=30), st.floats(), st.integers(), st.dates()), min_size=1, max_size=6)
)
def test_any_column_of_addresses(find, cells):
    result = find(pd.DataFrame({"地址": pd.Series(cells, dtype=object)}))
    assert len(result.frame) == len(cells)
    assert result.stopped is None
    assert (result.missing == result.frame["coordinate_source"].isna()).all()
    assert result.counts["found"] + result.counts["missing"] == len(cells)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "status",
                    "geocodes",
                    "location",
                    "lon",
                    "lat",
                    "level",
                    "score",
                    "infocode",
                    "info",
                    "msg",
                    "code",
                    "formatted_address",
                    "keyWord",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
OBJECT = st.dictionaries(
    st.sampled_from(["status", "geocodes", "location", "infocode", "info", "msg", "code"]),
    JSON | st.sampled_from(["0", "1", "101", "10001", "102.5,24.3"]),
    max_size=6,
)


@given(OBJECT)
@example({"status": "0", "location": {"lon": 10**400, "lat": 1}})
@example({"status": "1", "geocodes": [{"location": "9" * 400 + ",1"}]})
def test_no_answer_breaks_the_judges(content):
    for service in SERVICES.values():
        said = service.judge(content, lambda value: value if isinstance(value, str) else "")
        if isinstance(said, Answer):
            assert all(abs(c.lon) <= 180 and abs(c.lat) <= 90 and isinstance(c.level, str) for c in said.candidates)
        else:
            assert isinstance(said, Trouble)
            with use_language("zh"):
                gaps = {"server": "x", "status": 1} | dict(said.values)
                assert Trouble(said.kind, said.key, gaps).message()


# --- keys ---


def forms(key):
    return {form.lower() for form in (key, quote(key, safe=""), quote_plus(key), quote(key))}


def holds_key(words):
    """Whether text holds the key, or eight signs of it in a row."""
    windows = {form[start : start + 8] for form in forms(KEY) for start in range(len(form) - 7)}
    return any(window in words.lower() for window in windows)


def everything(error):
    """Return all text of an exception and of those behind it, with the variables of the package's frames."""
    told, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        told += [str(error), repr(error), repr(error.args), repr(vars(error))]
        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        told += [f"{frame.locals}" for frame in frames if f"{os.sep}carecircle{os.sep}" in frame.filename]
        error = error.__cause__ or error.__context__
    return "\n".join(told)


def files_with_key(folder):
    found = []
    for path in folder.rglob("*"):
        raw = path.read_bytes() if path.is_file() else b""
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(io.BytesIO(raw)) as book:
                raw = b"".join(book.read(name) for name in book.namelist())
        if holds_key(str(path)) or holds_key(raw.decode("utf-8", "replace")):
            found.append(path)
    return found


LONG = f"http://127.0.0.1/v3/geocode/geo?key={quote_plus(KEY)}&tk={quote(KEY, safe='')}&address=x"
ECHOES = {
    "key in info": ("amap", (200, amap_error("10001", f"INVALID_USER_KEY {KEY}"))),
    "address in info": ("amap", (200, amap_error("20000", LONG))),
    "key in infocode": ("amap", (200, amap_error(KEY, "X"))),
    "key in msg": ("tianditu", (403, {"code": 301003, "msg": f"非法key {KEY.upper()}"})),
    "key in code": ("tianditu", (403, {"code": KEY, "msg": LONG})),
    "key in the page": ("amap", (200, f"<a href='{LONG}'>{KEY}</a>")),
    "key in an error page": ("amap", (500, LONG)),
    "key in the redirect": ("amap", (302, "", {"Location": f"http://{KEY}.{quote(KEY, safe='')}.example/{LONG}"})),
    "key in the answer": (
        "amap",
        (200, {"status": "1", "geocodes": [{"location": "102.5,24.3", "level": KEY, "formatted_address": LONG}]}),
    ),
    "key in the place": (
        "tianditu",
        (200, {"status": "0", "location": {"lon": 102.5, "lat": 24.3, "level": LONG, "keyWord": KEY}}),
    ),
    "key in a header": ("amap", (503, "", {"Retry-After": KEY})),
    "key after a cut": ("amap", (200, amap_error("10001", "x" * 70 + KEY))),
}


@pytest.mark.parametrize(("service", "reply"), list(ECHOES.values()), ids=list(ECHOES))
def test_a_server_that_echoes_the_key(find, server, tmp_path, capsys, caplog, service, reply):
    caplog.set_level(logging.DEBUG)
    server.plans = [reply] * 20
    result = find(service=service, tries=2)
    assert len(server.seen) >= 1
    assert any(holds_key(str(seen.asked)) for seen in server.seen)  # it did get the key
    write_list(result.frame, tmp_path / "out.xlsx")
    if result.missing.any():
        address_sheet(result.frame, tmp_path / "form.xlsx")
    told = [
        repr(result),
        result.frame.to_csv(),
        result.stopped or "",
        *result.notes,
        repr(result.findings),
        *(finding.message(language) for finding in result.findings for language in ("zh", "en")),
    ]
    assert not holds_key("\n".join(told))
    assert_quiet(tmp_path, capsys, caplog)


def assert_quiet(tmp_path, capsys, caplog):
    told = capsys.readouterr()
    assert not holds_key(told.out + told.err)
    for record in caplog.records:
        assert not holds_key(f"{record.getMessage()} {record.msg} {record.args} {record.__dict__}")
    assert files_with_key(tmp_path) == []


@pytest.mark.parametrize("url", ["http://maps.invalid", "closed", "https", "silent"])
def test_a_failure_of_the_network_does_not_tell_the_key(find, server, tmp_path, capsys, caplog, url):
    """What `requests` raises holds the whole address; it must not come out, nor hang on what does."""
    caplog.set_level(logging.DEBUG)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server.plans = [lambda *_: server.over.wait(2)] * 4 if url == "silent" else []
        place = {
            "closed": f"http://127.0.0.1:{unused.getsockname()[1]}",
            "silent": server.url,
            "https": server.url.replace("http:", "https:"),
        }.get(url, url)
        result = find(server=place, timeout=0.2, tries=2)
    assert result.stopped
    assert result.missing.all()
    assert not holds_key(repr(result) + result.stopped + result.frame.to_csv())
    assert_quiet(tmp_path, capsys, caplog)
    assert caplog.records  # the library did log; the filter is gone afterwards
    assert logging.getLogger("urllib3.connectionpool").filters == []


def test_the_library_logs_whole_addresses_and_we_do_not(find, caplog):
    caplog.set_level(logging.DEBUG)
    find(listed("玉兴路1号"))
    said = [record.getMessage() for record in caplog.records if "/v3/geocode/geo" in record.getMessage()]
    assert len(said) == 1
    assert "key=***" in said[0]


def test_exceptions_do_not_tell_the_key(find, tmp_path):
    tries = [
        {"table": pd.DataFrame({"名称": ["甲"]})},
        {"table": tmp_path / "missing.xlsx"},
        {"per_second": 0},
        {"server": "ftp://host/"},
        {"areas": tmp_path / "missing.gpkg"},
        {"table": LISTED.assign(经度="东经一百度", 纬度="x")},
    ]
    for given_ in tries:
        with pytest.raises((InputError, UsageError)) as error:
            find(**given_)
        assert not holds_key(everything(error.value))
    with pytest.raises(UsageError) as error:
        find(server=f"ftp://{KEY}/")
    assert not holds_key(str(error.value))


def test_an_interruption_does_not_tell_the_key(find, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("carecircle.geocoding.services._judge_amap", interrupt)
    monkeypatch.setattr("carecircle.geocoding.services.Desk._pace", interrupt)
    with pytest.raises(KeyboardInterrupt) as error:
        find()
    assert not holds_key(everything(error.value))


def test_an_interrupted_run_keeps_its_answers(find, server):
    done = []

    def tell(count, _):
        done.append(count)
        if count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(progress=tell)
    assert find().counts["cached"] == 2
    assert len(server.seen) == 3


def test_a_key_does_not_show_itself():
    key = Key(KEY)
    assert not holds_key(f"{key} {key!r} {key!s} {key:>9} {[key]} {Desk(SERVICES['amap'], key)!r}")
    assert not hasattr(key, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(key)
    assert key.reveal() == KEY


@given(st.from_regex(r"[!-~]{8,40}", fullmatch=True), st.text(max_size=10), st.text(max_size=10))
def test_hide_takes_out_every_form(secret, before, after):
    hidden = Key(secret)
    for form in (secret, quote(secret, safe=""), quote_plus(secret), secret.upper()):
        middle = hidden.hide(f"{before} {form} {after}")
        assert form not in middle.replace(before, "").replace(after, "")


def keyfile(path, content, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def test_where_a_key_comes_from(monkeypatch, tmp_path):
    assert find_key("amap") is None
    keyfile(keyring(), 'amap = "from-the-keyring"\n')
    assert keyring().is_relative_to(tmp_path)
    assert find_key("amap").reveal() == "from-the-keyring"
    assert find_key("tianditu") is None
    named = keyfile(tmp_path / "other.toml", '\ufeffamap = " from-the-other-file\\n"')
    monkeypatch.setenv("CARECIRCLE_KEYS", str(named))
    assert find_key("amap").reveal() == "from-the-other-file"
    monkeypatch.setenv("CARECIRCLE_AMAP_KEY", "  from-the-environment\n")
    assert find_key("amap").reveal() == "from-the-environment"
    assert find_key("amap", " given-by-hand ").reveal() == "given-by-hand"
    monkeypatch.setenv("CARECIRCLE_AMAP_KEY", "  ")
    assert find_key("amap").reveal() == "from-the-other-file"
    monkeypatch.setenv("CARECIRCLE_KEYS", str(tmp_path / "nowhere.toml"))
    with pytest.raises(MissingInputError):
        find_key("amap")


def test_the_environments_key_is_used(find, monkeypatch):
    monkeypatch.setenv("CARECIRCLE_TIANDITU_KEY", KEY)
    assert not find(service="tianditu", key=None).missing.any()
    with pytest.raises(UsageError):
        find(service="amap", key=None)


@pytest.mark.skipif(os.name != "posix", reason="Windows does not say in the mode who can read a file")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666, 0o620, 0o601])
def test_a_keyring_that_others_can_read_is_refused(mode):
    keyfile(keyring(), f'amap = "{KEY}"', mode)
    with pytest.raises(UsageError, match=r"chmod 600") as error:
        find_key("amap")
    assert not holds_key(everything(error.value))


@pytest.mark.parametrize(
    "content",
    [
        f'amap = "{KEY}',
        f"amap = {KEY}",
        f'"{KEY}" = = 1',
        b'amap = "\xff' + KEY.encode(),
        f'amap = ["{KEY}"]',
        f"amap = '中文{KEY}'",
        'amap = ""',
        "amap = 12345678901",
        f'amap = "{KEY} {KEY}"',
        f'amap = "{KEY * 20}"',
        "[" * 30_000,
        "x=1\n" * 40_000,
    ],
)
def test_a_keyring_that_cannot_be_used(content):
    keyfile(keyring(), content)
    with pytest.raises(UsageError) as error:
        find_key("amap")
    assert not holds_key(str(error.value))
    assert error.value.__cause__ is None
    assert error.value.__context__ is None


def test_a_keyring_that_is_a_folder():
    keyring().mkdir(parents=True)
    with pytest.raises(UsageError):
        find_key("amap")


@pytest.mark.parametrize("unfit", ["", "short", "with blank inside", "密钥密钥密钥密钥", "x" * 300])
def test_what_is_no_key_is_not_sent(find, server, unfit):
    with pytest.raises(UsageError) as error:
        find(key=unfit)
    assert server.seen == []
    assert not unfit or unfit not in str(error.value)


@pytest.mark.parametrize("service", ["amap", "tianditu"])
def test_without_a_key_the_message_says_how_to_get_one(server, service):
    with pytest.raises(UsageError) as error:
        geocode(LISTED, service=service, server=server.url)
    message = str(error.value)
    assert f"CARECIRCLE_{service.upper()}_KEY" in message
    assert "keys.toml" in message
    assert "--sheet-only" in message
    assert {"amap": "console.amap.com", "tianditu": "console.tianditu.gov.cn"}[service] in message
    assert server.seen == []


# --- the sheet to fill in ---


def cells_of(path, sheet=0):
    book = openpyxl.load_workbook(path)
    return [[cell.value for cell in row] for row in book.worksheets[sheet].iter_rows()]


def fill(path, entries, out=None):
    """Fill in a sheet: {id: (lon, lat, datum)}."""
    book = openpyxl.load_workbook(path)
    form = book.worksheets[0]
    for row in form.iter_rows(min_row=2):
        if row[0].value in entries:
            for cell, value in zip(row[3:6], entries[row[0].value], strict=True):
                cell.value = value
    book.save(out or path)
    return out or path


def test_the_sheet(tmp_path):
    table = LISTED.assign(经度=[102.5, None, None], 纬度=[24.3, None, None], 编号=["001", "002", "003"])
    assert address_sheet(table, tmp_path / "form.xlsx") == 2
    assert cells_of(tmp_path / "form.xlsx") == [
        ["编号", "名称", "地址", "经度", "纬度", "坐标系", "备注"],
        ["002", "玉兴日间照料中心", "玉溪市红塔区人民路3号", None, None, None, None],
        ["003", "北城敬老院", "玉溪市红塔区北城街道5号", None, None, None, None],
    ]
    book = openpyxl.load_workbook(tmp_path / "form.xlsx")
    assert book.sheetnames == ["待填坐标", "填写说明"]
    rules = {str(rule.sqref): rule for rule in book["待填坐标"].data_validations.dataValidation}
    assert rules["F2:F3"].formula1 == '"CGCS2000,WGS84,GCJ-02,BD-09"'
    assert rules["D2:D3"].type == rules["E2:E3"].type == "decimal"
    steps = " ".join(str(row[0]) for row in cells_of(tmp_path / "form.xlsx", 1))
    for word in ("坐标系必须选", "--filled", "不要写反"):
        assert word in steps
    assert "不外传" not in str(cells_of(tmp_path / "form.xlsx"))


def test_the_same_list_gives_the_same_bytes(tmp_path):
    for name in ("a.xlsx", "b.xlsx"):
        address_sheet(LISTED, tmp_path / name)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


ATTACKS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    '=HYPERLINK("http://x","y")',
    "http://x.example",
    "<script>alert(1)</script>",
    "\t=1",
    "{=1}",
    "mailto:a@b",
    "a\x01b\x1f",
    "'=1",
]


def test_text_stays_text(tmp_path):
    table = pd.DataFrame({"编号": [f"={n}" for n in range(len(ATTACKS))], "名称": ATTACKS, "地址": ATTACKS})
    assert address_sheet(table, tmp_path / "form.xlsx") == len(ATTACKS)
    write_list(table, tmp_path / "list.xlsx")
    for name, sheets in (("form.xlsx", 2), ("list.xlsx", 1)):
        with zipfile.ZipFile(tmp_path / name) as book:
            written = [book.read(f"xl/worksheets/sheet{n}.xml").decode() for n in range(1, sheets + 1)]
            assert not any("hyperlink" in part for part in book.namelist())
        assert "<f>" not in "".join(written)
        assert "<hyperlink" not in "".join(written)
    form = openpyxl.load_workbook(tmp_path / "form.xlsx").worksheets[0]
    assert {cell.data_type for row in form.iter_rows(min_row=2, max_col=3) for cell in row} == {"s"}
    merged = merge_filled(table, fill(tmp_path / "form.xlsx", {"=0": (102.5, 24.3, "WGS84")}))
    assert merged.counts["filled"] == 1
    assert merged.frame["编号"].tolist() == table["编号"].tolist()


@pytest.mark.parametrize("change", [{"编号": ["A1", "A1", "A2"]}, {"编号": ["A1", None, "A2"]}])
def test_keys_that_do_not_tell_rows_apart(tmp_path, change):
    with pytest.raises(InputError) as error:
        address_sheet(LISTED.assign(**change), tmp_path / "form.xlsx")
    assert {found.key for found in error.value.problems} <= {"repeated_key", "empty_key"}
    assert not (tmp_path / "form.xlsx").exists()


def test_what_the_sheet_refuses(tmp_path):
    LISTED.to_excel(tmp_path / "list.xlsx", index=False)
    before = (tmp_path / "list.xlsx").read_bytes()
    with pytest.raises(UsageError):
        address_sheet(tmp_path / "list.xlsx", tmp_path / "list.xlsx")
    with pytest.raises(UsageError):
        address_sheet(LISTED, tmp_path / "form.csv")
    with pytest.raises(UsageError):
        address_sheet(LISTED.assign(经度=102.5, 纬度=24.3), tmp_path / "form.xlsx")
    (tmp_path / "form.xlsx").mkdir()
    with pytest.raises(OutputError):
        address_sheet(LISTED, tmp_path / "form.xlsx")
    assert (tmp_path / "list.xlsx").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} <= {"list.xlsx", "form.xlsx"}


def test_filled_in_and_merged(tmp_path):
    lon, lat = 102.5468, 24.3512
    table = LISTED.assign(编号=["001", "002", "003"])
    table.to_csv(tmp_path / "list.csv", index=False, encoding="gb18030")
    address_sheet(tmp_path / "list.csv", tmp_path / "form.xlsx")
    gcj, bd = shifted(wgs84_to_gcj02, lon, lat), shifted(wgs84_to_bd09, lon, lat)
    fill(tmp_path / "form.xlsx", {"001": (lon, lat, "CGCS2000"), "002": (*gcj, "GCJ-02"), "003": (*bd, "BD-09")})
    merged = merge_filled(tmp_path / "list.csv", tmp_path / "form.xlsx")
    assert places(merged) == [(pytest.approx(lon, abs=1e-7), pytest.approx(lat, abs=1e-7))] * 3
    assert list(merged.frame["coordinate_source"]) == ["given", "converted:gcj02", "converted:bd09"]
    assert merged.findings == ()
    assert merged.counts == {"rows": 3, "filled": 3, "refused": 0, "missing": 0}
    write_list(merged.frame, tmp_path / "done.xlsx")
    read = read_facilities(tmp_path / "done.xlsx")
    assert list(read["facility_id"]) == ["001", "002", "003"]
    assert np.allclose(shapely.get_coordinates(read.geometry), [lon, lat], atol=1e-7)
    assert list(read["beds"]) == [120, 30, 45]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_either_language_comes_back(tmp_path, language):
    with use_language(language):
        address_sheet(LISTED, tmp_path / "form.xlsx")
    fill(tmp_path / "form.xlsx", {"A02": (102.5, 24.3, "WGS84")})
    merged = merge_filled(LISTED, tmp_path / "form.xlsx")
    assert merged.missing.tolist() == [True, False, True]
    assert [finding.key for finding in merged.findings] == ["filled_open"] * 2
    assert [finding.row for finding in merged.findings] == [1, 3]


@pytest.mark.parametrize(
    ("entry", "key", "action"),
    [
        (("A09", 102.5, 24.3, "WGS84"), "filled_unknown", "unmatched"),
        (("A01", "东边", 24.3, "WGS84"), "filled_number", "doubtful"),
        (("A01", 102.5, None, "WGS84"), "filled_half", "doubtful"),
        (("A01", 24.3, 102.5, "WGS84"), "filled_outside", "doubtful"),
        (("A01", 0, 0, "WGS84"), "filled_outside", "doubtful"),
        (("A01", 102.5, 24.3, None), "filled_datum", "doubtful"),
        (("A01", 102.5, 24.3, "北京54"), "filled_datum", "doubtful"),
    ],
)
def test_rows_of_the_sheet_that_are_not_taken(tmp_path, entry, key, action):
    form = pd.DataFrame([entry, ("A02", "１０２．５", "24.3", "wgs84")], columns=["编号", "经度", "纬度", "坐标系"])
    form.to_csv(tmp_path / "form.csv", index=False)
    merged = merge_filled(LISTED, tmp_path / "form.csv")
    assert [(f.key, f.action, f.row) for f in merged.findings if f.key != "filled_open"] == [(key, action, 2)]
    assert merged.missing.tolist() == [True, False, True]
    assert merged.counts["refused"] == 1
    for language in ("zh", "en"):
        assert entry[0] in merged.findings[0].message(language)


def test_the_datum_can_be_said_for_the_whole_sheet(tmp_path):
    pd.DataFrame({"编号": ["A01"], "经度": [102.5], "纬度": [24.3]}).to_csv(tmp_path / "form.csv", index=False)
    assert merge_filled(LISTED, tmp_path / "form.csv").counts["filled"] == 0
    merged = merge_filled(LISTED, tmp_path / "form.csv", datum="gcj02")
    assert places(merged)[0] == tuple(pytest.approx(float(v), abs=1e-7) for v in gcj02_to_wgs84(102.5, 24.3))


def test_the_same_key_twice(tmp_path):
    form = pd.DataFrame(
        {"编号": ["A01", "A01", "A02", "A02"], "经度": [102.5, 102.6, 102.5, 102.5], "纬度": 24.3, "坐标系": "WGS84"}
    )
    form.to_csv(tmp_path / "form.csv", index=False)
    merged = merge_filled(LISTED, tmp_path / "form.csv")
    assert [f.key for f in merged.findings if f.key != "filled_open"] == ["filled_twice"] * 2
    assert merged.missing.tolist() == [True, False, True]


def test_numbered_rows_that_have_moved(tmp_path):
    table = LISTED.drop(columns="编号")
    address_sheet(table, tmp_path / "form.xlsx")
    fill(tmp_path / "form.xlsx", {"F0001": (102.5, 24.3, "WGS84"), "F0003": (102.6, 24.4, "WGS84")})
    assert merge_filled(table, tmp_path / "form.xlsx").missing.tolist() == [False, True, False]
    moved = merge_filled(table.iloc[[1, 0, 2]].reset_index(drop=True), tmp_path / "form.xlsx")
    assert moved.missing.tolist() == [True, True, False]
    assert "filled_moved" in keys_of(moved)


def test_what_is_filled_in_goes_before_what_was_there(tmp_path):
    table = LISTED.assign(经度=102.4, 纬度=24.2)
    pd.DataFrame({"编号": ["A02"], "经度": [102.5], "纬度": [24.3], "坐标系": ["WGS84"]}).to_csv(
        tmp_path / "f.csv", index=False
    )
    assert places(merge_filled(table, tmp_path / "f.csv")) == [(102.4, 24.2), (102.5, 24.3), (102.4, 24.2)]


def test_rows_are_matched_by_their_keys_and_not_by_their_order(tmp_path):
    entries = {"编号": ["A03", "A01"], "经度": [102.53, 102.51], "纬度": [24.33, 24.31], "坐标系": ["WGS84", "WGS84"]}
    pd.DataFrame(entries).to_csv(tmp_path / "form.csv", index=False)
    merged = merge_filled(LISTED, tmp_path / "form.csv")
    assert places(merged)[::2] == [(102.51, 24.31), (102.53, 24.33)]
    assert merged.missing.tolist() == [False, True, False]


def test_a_sheet_that_is_none(tmp_path):
    pd.DataFrame({"编号": ["A02"], "经度": [1]}).to_csv(tmp_path / "form.csv", index=False)
    with pytest.raises(InputError, match="纬度"):
        merge_filled(LISTED, tmp_path / "form.csv")
    with pytest.raises(MissingInputError):
        merge_filled(LISTED, tmp_path / "nothing.xlsx")


def test_geocode_then_fill_in_the_rest(find, server, tmp_path):
    server.places = {LISTED["地址"][1]: [(*SPOT, "区县")]}
    found = find()
    assert address_sheet(found.frame, tmp_path / "form.xlsx") == 1
    with_one = merge_filled(found.frame, fill(tmp_path / "form.xlsx", {"A02": (102.55, 24.36, "CGCS2000")}))
    assert list(with_one.frame["coordinate_source"]) == ["geocoded:amap", "given", "geocoded:amap"]
    assert places(with_one)[::2] == places(found)[::2]
    assert found.frame["geocode_problem"].iloc[1]
    assert pd.isna(with_one.frame["geocode_problem"].iloc[1])
    assert with_one.frame["geocode_level"].iloc[0] == "门牌号"


def test_read_addresses_says_which_rows_have_a_place():
    read = read_addresses(LISTED.assign(lon=[102.5, 0, None], lat=[24.3, 0, 24.3]))
    assert read.located.tolist() == [True, False, False]
    with pytest.raises(UsageError):
        read_addresses(LISTED, datum="itrf")


@pytest.mark.parametrize(
    "columns",
    [
        {"经度": "102 30 15", "纬度": "24 18 36"},
        {"经度": "102°30′15″E", "纬度": "北纬24度18分36秒"},
        {"经度": "１０２．５", "纬度": "24.3°"},
        {"经度": 24.3, "纬度": 102.5},
        {"坐标": "102.5，24.3"},
        {"坐标": "N24.3 E102.5"},
        {"坐标": "POINT (102.5 24.3)"},
        {"坐标": "东经-8.61"},
        {"坐标": "-8.61,41.15"},
        {"坐标": "经度-8.61,纬度41.15"},
        {"经度": -8.61, "纬度": 41.15},
        {"经度": "102.5,24.3", "纬度": 24.3},
        {"经度": "东边", "纬度": "北边"},
    ],
)
def test_given_coordinates_are_read_as_the_facilities_are(columns):
    """One way of reading coordinates: what is refused, mended and understood is the same."""
    table = listed("甲路1号").assign(**columns)

    def read(call):
        try:
            return call(table)
        except InputError as error:
            return {found.key for found in error.problems}

    places_of_facilities = read(lambda table: shapely.get_coordinates(read_facilities(table).geometry).tolist())
    assert read(lambda table: read_addresses(table).cells[["lon", "lat"]].to_numpy().tolist()) == places_of_facilities


def test_what_is_mended_of_given_coordinates_is_said():
    table = listed("甲路1号", "乙路1号", "丙路1号", "丁路1号").assign(
        经度=["102 30 15", 24.3, None, 102.5],
        纬度=["24 18 36", 102.5, 24.5, None],
        坐标=[None, None, "102.6,24.4", None],
    )
    read = read_addresses(table)
    assert read.cells["lon"].round(6).tolist()[:3] == [102.504167, 102.5, 102.6]
    assert read.cells["lat"].round(6).tolist()[:3] == [24.31, 24.3, 24.4]
    assert read.located.tolist() == [True, True, True, False]
    assert {(found.key, found.row) for found in read.source.findings} == {
        ("degrees_in_words", 1),
        ("swapped_coordinates", 2),
        ("pair_in_cell", 3),
    }
    assert len(read.source.notes) == 1


def test_all_wrong_coordinates_are_told_together():
    table = listed("甲路1号", "乙路1号").assign(经度=["东边", 102.5], 纬度=["24.3", "北边"], 坐标=["102.5", None])
    with pytest.raises(InputError) as error:
        read_addresses(table)
    assert [(found.key, found.row, found.column) for found in error.value.problems] == [
        ("not_a_position", 1, "经度"),
        ("not_a_position", 2, "纬度"),
        ("not_a_pair", 1, "坐标"),
    ]


def test_metres_of_a_map_grid_are_no_degrees():
    table = listed("甲路1号", "乙路1号").assign(经度=[34_449_000.0, 102.5], 纬度=[2_690_000.0, 24.3])
    with pytest.raises(InputError) as error:
        read_addresses(table)
    assert [(found.key, found.row) for found in error.value.problems] == [("outside_coordinates", 1)]


def test_the_datum_of_given_coordinates_may_be_said_in_many_words():
    lon, lat = 102.5, 24.3
    gcj, bd = shifted(wgs84_to_gcj02, lon, lat), shifted(wgs84_to_bd09, lon, lat)
    said = ["GCJ-02（高德）", "高德地图", "百度地图坐标", "WGS-84坐标系", "地方坐标"]
    x, y = zip(gcj, gcj, bd, (lon, lat), (lon, lat), strict=True)
    read = read_addresses(listed(*(f"甲路{n}号" for n in range(5))).assign(经度=x, 纬度=y, 坐标系=said))
    assert np.allclose(read.cells[["lon", "lat"]].to_numpy(float), [lon, lat], atol=1e-7)
    sources = ["converted:gcj02", "converted:gcj02", "converted:bd09", "given", "given"]
    assert read.cells["coordinate_source"].tolist() == sources
    (found,) = read.source.findings
    assert (found.action, found.key, found.row) == ("doubtful", "datum_unknown", 5)
    for language in ("zh", "en"):
        assert "地方坐标" in found.message(language)
        assert "WGS 84" in found.message(language)


def test_a_sheet_is_read_as_every_list(tmp_path):
    lon, lat = shifted(wgs84_to_gcj02, 102.504167, 24.31)
    rows = [
        ("A01", "102°30′15″", "24 18 36", "CGCS2000"),
        ("A02", lon, lat, "GCJ-02（高德）"),
        ("A03", lon, lat, "北京54"),
    ]
    pd.DataFrame(rows, columns=["编号", "经度", "纬度", "坐标系"]).to_csv(tmp_path / "form.csv", index=False)
    merged = merge_filled(LISTED, tmp_path / "form.csv", datum="gcj02")
    assert np.allclose(places(merged)[:2], [102.504167, 24.31], atol=1e-6)
    assert merged.frame["coordinate_source"].tolist()[:2] == ["given", "converted:gcj02"]
    assert [found.key for found in merged.findings] == ["filled_datum", "filled_open"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
@pytest.mark.parametrize("there", [False, True])
def test_nobody_else_can_read_what_is_kept(find, tmp_path, there):
    before = os.umask(0o022)
    try:
        if there:
            (tmp_path / "cache" / "geocode" / "amap").mkdir(parents=True)
        find()
    finally:
        os.umask(before)
    entries = sorted((tmp_path / "cache" / "geocode").rglob("*"))
    files = [path for path in entries if path.is_file()]
    assert len(files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    if not there:
        folders = [tmp_path / "cache", *(path.parent for path in entries)]
        assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_answers_that_nobody_uses_go(find, server, tmp_path):
    find()
    files = sorted((tmp_path / "cache" / "geocode" / "amap").iterdir())
    other = files[0].with_name("notes.json")
    other.write_text("{}")
    draft = files[0].with_name(f".{'0' * 16}.draft")
    draft.touch()
    old = time.time() - 40 * 86_400
    for path in (*files, other, draft):
        os.utime(path, (old, old))
    find(LISTED[:2])  # what is asked for again stays
    assert len(server.seen) == 3
    tidy()
    assert other.exists()
    assert not draft.exists()
    assert sum(path.exists() for path in files) == 2


def test_every_sentence_can_be_said(find, server):
    """Gaps of sentences are filled whatever the finding; nothing unfilled is left in them."""
    server.places = {
        "甲路1号": [(*SPOT, "区县")],
        "乙路1号": [],
        "丙路1号": [(*SPOT, "道路")],
        "丁路1号": [(0, 0, "门址")],
        "戊路1号": [(*SPOT, "门址"), (103, 25, "门址")],
    }
    result = find(listed("甲路1号", "乙路1号", "丙路1号", "丁路1号", "戊路1号", None))
    assert len(result.findings) == 7
    for finding in result.findings:
        for language in ("zh", "en"):
            assert not re.search(r"[{}]|nan|None", finding.message(language))
