"""Two map services that say where an address is: AMap and Tianditu, asked politely.

Nothing is asked unless a caller asks. Requests keep to a pace, are repeated with growing pauses when a server is
busy, are never redirected, and answers are read up to a limit. No message, log record or exception carries the key:
what `requests` raises holds the whole address of the request and goes no further than `_exchange`.

Sources
-------
AMap: https://lbs.amap.com/api/webservice/guide/api/georegeo (page of 2026-02-02): ``GET /v3/geocode/geo`` with
``key``, ``address``, ``city``; answers ``status`` ("1" or "0"), ``info``, ``infocode``, ``count`` and ``geocodes``
of ``formatted_address``, ``location`` ("lon,lat" in GCJ-02) and ``level``; a field without a value is an empty list.
Codes: https://lbs.amap.com/api/webservice/guide/tools/info. A personal account may ask 3 times a second.

Tianditu: http://lbs.tianditu.gov.cn/server/geocodinginterface.html: ``GET /geocoder`` with ``ds``
(``{"keyWord": address}``) and ``tk``; answers ``status`` ("0", "101" nothing found, "404" error, which also comes with
``msg`` 无结果), ``msg`` and ``location`` of ``lon``, ``lat`` (numbers or text, CGCS2000), ``level``, ``score`` (0-100).
The gateway before it refuses keys with ``code`` (301...), ``msg`` and ``resolve``, and HTTP 403, 418 or 429. The
service does not publish its levels; those met are in `COARSE` and `FINE`.
"""

from __future__ import annotations

import http.client
import json
import logging
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import requests
import urllib3

from carecircle.china.coordinates import Datum
from carecircle.errors import UsageError
from carecircle.keys import Key
from carecircle.language import text
from carecircle.web import why_unanswered

ServiceName = Literal["tianditu", "amap"]

CHINA = (73.0, 3.0, 136.0, 54.0)
"""West, south, east, north in degrees around all of China (73.5 to 135.1 E, 3.9 to 53.6 N), rounded outwards."""

COARSE = frozenset([
    "国家", "省", "直辖市", "市", "城市", "地级市", "区县", "区", "县", "县级市", "开发区", "乡镇", "乡", "镇",
    "街道", "乡镇街道", "行政区", "行政区划", "热点商圈", "商圈",
])  # fmt: skip
"""Levels of a match that stand for an area: kilometres off, never the place of a facility."""

FINE = frozenset([
    "门牌号", "门址", "门牌", "单元号", "楼层", "房间", "楼栋", "建筑物", "兴趣点", "POI", "地名地址", "住宅区",
    "小区", "小巷", "道路交叉路口", "道路交叉口", "公交地铁站点",
])  # fmt: skip
"""Levels good enough to use. The others (村庄, 道路, 未知 ...) are used and pointed out."""

_AGENT = f"carecircle/{version('carecircle')}"
_CONNECT_SECONDS = 10
_MOST_BYTES = 1 << 18
_CHUNK = 1 << 14
_LONGEST_PAUSE = 60.0
_KEPT_CANDIDATES = 5
_LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")
_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


@dataclass(frozen=True)
class Candidate:
    """A place a service offers for an address, in degrees of the service's own datum (`score` NaN: not given)."""

    lon: float
    lat: float
    level: str
    score: float
    matched: str


@dataclass(frozen=True)
class Answer:
    """What a service knows of an address; no candidates: nothing."""

    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Trouble:
    """Why there is no answer.

    Parameters
    ----------
    kind
        ``stop``: no later address would fare better (key, quota, redirect). ``slow``: too many questions; asked
        again, and in the end a reason to stop. ``down``: the server does not work; asked again. ``strange``: the
        server answers with something else, and would again. ``unfit``: it will not take this address.
    key, values
        The sentence (``geocode.why_...``) and its gaps.
    wait
        Seconds the server wants to be left alone.
    """

    kind: Literal["stop", "slow", "down", "strange", "unfit"]
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    wait: float = 0.0

    def message(self) -> str:
        """Return the sentence."""
        return text(f"geocode.{self.key}", **self.values) if self.values else text(f"geocode.{self.key}")


Said: TypeAlias = Answer | Trouble
Clean: TypeAlias = Callable[[Any], str]


@dataclass(frozen=True)
class Service:
    """A map service: where it is, how it is asked, and what its answers mean."""

    name: ServiceName
    host: str
    path: str
    datum: Datum
    per_second: float
    question: Callable[[str, str, str], dict[str, str]]
    judge: Callable[[Mapping[str, Any], Clean], Said]


@dataclass(frozen=True)
class _Reply:
    status: int
    location: str
    wait: float
    body: bytes


class _Session(requests.Session):
    """A session that takes no redirect for one: `requests` would read the whole page, to be ready to follow."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        return None


@dataclass
class Desk:
    """Asks one service, one address at a time.

    Parameters
    ----------
    service, key, city
        Whom, with which key, and in which city ("" for all of China).
    server
        Base address of a stand-in or a gateway; "" for the service's own host.
    per_second, timeout, tries
        Requests started in a second at most; seconds to wait for an answer; how often a busy server is asked.
    """

    service: Service
    key: Key
    city: str = ""
    server: str = ""
    per_second: float = 1.0
    timeout: float = 10.0
    tries: int = 4
    _session: requests.Session = field(default_factory=_Session, repr=False)
    _next: float = 0.0

    def __post_init__(self) -> None:
        self.server = _checked(self.server, self.key)
        if not (0 < self.per_second <= 100 and 0 < self.timeout <= 600 and 1 <= self.tries <= 10):
            raise UsageError(text("geocode.limits", rate=self.per_second, timeout=self.timeout, tries=self.tries))

    @property
    def shown(self) -> str:
        """The server's name, as messages show it."""
        return self.key.hide(urlsplit(self.server or self.service.host).netloc)

    def ask(self, address: str) -> Said:
        """Return what the service knows of an address, or why it does not say."""
        said: Said = Trouble("down", "why_refused", {"server": self.shown})
        for attempt in range(self.tries):
            self._pace()
            said = self._once(address)
            if isinstance(said, Answer) or said.kind not in {"slow", "down"}:
                return said
            if attempt + 1 < self.tries:
                time.sleep(min(max(said.wait, 2.0**attempt), _LONGEST_PAUSE))
        return said

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _pace(self) -> None:
        early = self._next - time.monotonic()
        if early > 0:
            time.sleep(early)
        self._next = time.monotonic() + 1.0 / self.per_second

    def _once(self, address: str) -> Said:
        with _discreet_logs(self.key):
            reply = self._exchange(address)
        return reply if isinstance(reply, Trouble) else self._judge(reply)

    def _exchange(self, address: str) -> _Reply | Trouble:
        """Return the server's reply, or what hindered it; nothing is raised, for exceptions here know the key."""
        parameters = self.service.question(address, self.city, self.key.reveal())
        try:
            with self._session.get(
                (self.server or self.service.host) + self.service.path,
                params=parameters,
                timeout=(min(_CONNECT_SECONDS, self.timeout), self.timeout),
                headers={"User-Agent": _AGENT, "Accept": "application/json"},
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _body(response, time.monotonic() + self.timeout)
                headers = response.headers
                return _Reply(response.status_code, headers.get("Location", ""), _pause(headers), body)
        except _FAILURES as error:
            return Trouble("down", why_unanswered(error), {"server": self.shown, "seconds": f"{self.timeout:g}"})

    def _judge(self, reply: _Reply) -> Said:
        """Return what a reply means: first by its HTTP status, then by what the service says."""
        if 300 <= reply.status < 400:
            elsewhere = self._clean(_host(self.key.hide(reply.location)))
            return Trouble("stop", "why_redirect", {"server": self.shown, "elsewhere": elsewhere})
        if reply.status >= 500:
            return Trouble("down", "why_status", {"server": self.shown, "status": reply.status}, reply.wait)
        content = _content(reply.body)
        said = self.service.judge(content, self._clean) if content else None
        if said is None or (reply.status != 200 and isinstance(said, Answer)):
            return self._by_status(reply)
        if isinstance(said, Trouble):
            return Trouble(said.kind, said.key, {"server": self.shown, **said.values}, max(said.wait, reply.wait))
        return said

    def _by_status(self, reply: _Reply) -> Trouble:
        """Return what a reply without an answer means."""
        values = {"server": self.shown, "status": reply.status}
        if reply.status == 429:
            return Trouble("slow", "why_slow", {"server": self.shown, "info": "HTTP 429"}, reply.wait)
        if reply.status in {401, 403, 418}:
            return Trouble("stop", "why_key", {"server": self.shown, "info": f"HTTP {reply.status}"})
        if len(reply.body) > _MOST_BYTES:
            return Trouble("strange", "why_long", values)
        return Trouble("strange", "why_strange" if reply.status == 200 else "why_status", values)

    def _clean(self, value: Any) -> str:
        """Return text of a server as it may be shown: one line, not long, without the key; "" for anything else."""
        if not isinstance(value, str):
            return ""
        return " ".join("".join(mark if mark.isprintable() else " " for mark in self.key.hide(value)).split())[:80]


def _checked(server: str, key: Key) -> str:
    """Return the base address of a server, or refuse it without showing what may be a secret in it."""
    if not server:
        return ""
    bare = server.partition("?")[0].partition("#")[0].rstrip("/")
    plain = bare == server.rstrip("/") and "@" not in bare
    if not plain or not bare.startswith(("http://", "https://")) or _host(bare) == "-":
        raise UsageError(text("fetch.server", value=key.hide(bare.rpartition("@")[2])))
    return bare


def _host(address: str) -> str:
    """Return the name of the host in an address, "-" where there is none."""
    try:
        return urlsplit(address).hostname or "-"
    except ValueError:
        return "-"


@contextmanager
def _discreet_logs(key: Key) -> Iterator[None]:
    """Take the key out of what the HTTP library logs: at level DEBUG it writes down whole addresses."""

    def discreet(record: logging.LogRecord) -> bool:
        record.msg, record.args = key.hide(record.getMessage()), None
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(discreet)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(discreet)


def _body(response: requests.Response, deadline: float) -> bytes:
    """Return the body, one byte more than is allowed when it is longer; drops in a trickle end in a timeout."""
    take = getattr(response.raw, "read1", response.raw.read)  # `read` waits until it has a whole chunk
    body = b""
    while len(body) <= _MOST_BYTES and (chunk := take(_CHUNK, decode_content=True)):
        body += chunk
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout
    return body


def _pause(headers: Mapping[str, str]) -> float:
    """Return the seconds of ``Retry-After`` (0 for a date, or nothing)."""
    said = headers.get("Retry-After", "").strip()
    return float(said) if re.fullmatch(r"\d{1,5}", said) else 0.0


def _content(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a body, None when it is none."""
    if len(body) > _MOST_BYTES:
        return None
    try:
        content = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _degrees(lon: Any, lat: Any) -> tuple[float, float] | None:
    """Return degrees, None when they are none."""
    try:
        place = float(lon), float(lat)
    except (TypeError, ValueError, OverflowError):
        return None
    return place if abs(place[0]) <= 180 and abs(place[1]) <= 90 else None


# --- AMap ---

_AMAP_STOPS = {
    **dict.fromkeys(("10001", "10008", "10013", "10026"), "why_key"),
    **dict.fromkeys(("10002", "10009", "10011", "10012", "10041"), "why_rights"),
    **dict.fromkeys(("10005", "10006", "10007"), "why_lists"),
    **dict.fromkeys(("10003", "10010", "10044", "10045"), "why_quota"),
}
_AMAP_SLOW = {"10004": 60.0, **dict.fromkeys(("10014", "10015", "10019", "10020", "10021", "10029"), 1.0)}
_AMAP_UNFIT = {"20000", "20001", "20011", "20012"}


def _ask_amap(address: str, city: str, key: str) -> dict[str, str]:
    return {"key": key, "address": address, "output": "JSON", **({"city": city} if city else {})}


def _judge_amap(content: Mapping[str, Any], clean: Clean) -> Said:
    """Return what AMap says: candidates in its own order, or why there are none."""
    if str(content.get("status")) == "1":
        listed = content.get("geocodes")
        offered = [found for found in listed if isinstance(found, dict)] if isinstance(listed, list) else []
        places = [_amap_place(found, clean) for found in offered]
        return Answer(tuple(place for place in places if place)[:_KEPT_CANDIDATES])
    code = clean(str(content.get("infocode", "")))
    values = {"info": f"{code} {clean(content.get('info'))}".strip() or "-"}
    if code in _AMAP_STOPS:
        return Trouble("stop", _AMAP_STOPS[code], values)
    if code in _AMAP_SLOW:
        return Trouble("slow", "why_slow", values, _AMAP_SLOW[code])
    if code in _AMAP_UNFIT:
        return Trouble("unfit", "why_unfit", values)
    return Trouble("down", "why_error", values)


def _amap_place(found: Mapping[str, Any], clean: Clean) -> Candidate | None:
    place = _degrees(*str(found.get("location")).split(",")) if str(found.get("location")).count(",") == 1 else None
    if place is None:
        return None
    return Candidate(*place, clean(found.get("level")), math.nan, clean(found.get("formatted_address")))


# --- Tianditu ---

_QUOTA_WORDS = re.compile("配额|次数|流量|超限|超出|上限|limit|quota", re.IGNORECASE)
_RIGHTS_WORDS = re.compile("类型|白名单|权限", re.IGNORECASE)
_KEY_WORDS = re.compile("key|tk|密钥|许可|认证|非法|黑名单", re.IGNORECASE)
_NOTHING_WORDS = re.compile("无结果|没有结果|结果为空|no result", re.IGNORECASE)


def _ask_tianditu(address: str, city: str, key: str) -> dict[str, str]:
    """Return the parameters; Tianditu has none for the city, so that it goes before the address."""
    whole = address if not city or city in address else city + address
    return {"ds": json.dumps({"keyWord": whole}, ensure_ascii=False), "tk": key}


def _judge_tianditu(content: Mapping[str, Any], clean: Clean) -> Said:
    status, words = clean(str(content.get("status", ""))), clean(content.get("msg"))
    place = content.get("location")
    if status == "0" and isinstance(place, dict):
        degrees = _degrees(place.get("lon"), place.get("lat"))
        score = _degrees(place.get("score"), 0)
        if degrees is None:
            return Answer()
        return Answer((Candidate(*degrees, clean(place.get("level")), score[0] if score else math.nan, ""),))
    if status in {"0", "101"} or _NOTHING_WORDS.search(words):
        return Answer()
    code = clean(str(content.get("code", "")))
    return _tianditu_trouble(code, words, {"info": " ".join(filter(None, (code or status, words))) or "-"})


def _tianditu_trouble(code: str, words: str, values: dict[str, str]) -> Trouble:
    if _QUOTA_WORDS.search(words):
        return Trouble("stop", "why_quota", values)
    if _RIGHTS_WORDS.search(words):
        return Trouble("stop", "why_rights", values)
    if code.startswith("301") or _KEY_WORDS.search(words):
        return Trouble("stop", "why_key", values)
    return Trouble("down", "why_error", values)


SERVICES: Mapping[str, Service] = {
    "tianditu": Service(
        "tianditu", "https://api.tianditu.gov.cn", "/geocoder", "wgs84", 5.0, _ask_tianditu, _judge_tianditu
    ),
    "amap": Service("amap", "https://restapi.amap.com", "/v3/geocode/geo", "gcj02", 3.0, _ask_amap, _judge_amap),
}
"""Services by name."""
