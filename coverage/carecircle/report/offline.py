"""A Folium map as one file that asks the network for nothing.

Folium links its scripts to content delivery networks, keeps the links in lists shared by all maps, gives its
elements random names, and renders what its elements render a second time as a template. So here a subclass of
the map has no links of its own, layers carry names that say what they are, and all that is not Folium's goes
into the page as it is (`Verbatim`). Leaflet and its styles come from the installed ``xstatic`` packages. A
content security policy names the hash of every script in the page: markup that slipped in through data could
neither run nor load anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import escape
from importlib import resources
from pathlib import Path

import folium
from branca.element import Element, Figure
from xstatic.pkg import leaflet, leaflet_markercluster

from carecircle.errors import UsageError
from carecircle.language import Language, text

POLICY = "<!-- policy -->"
"""Where a page's content security policy will stand: see `seal`."""
_UNSAFE = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&'\u2028\u2029"}
_TIANDITU = (
    "https://t{{s}}.tianditu.gov.cn/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
    "&LAYER={layer}&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={{z}}&TILEROW={{y}}"
    "&TILECOL={{x}}&tk={key}"
)
_SCRIPTS = ("geometry.js", "layers.js", "panels.js", "search.js", "gaps.js", "map.js")
_HOSTS = {"osm": "https://tile.openstreetmap.org", "tianditu": "https://*.tianditu.gov.cn"}


class Verbatim(Element):
    """An element that renders to exactly its text: never read as a template."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.content = content

    def render(self, **_: object) -> str:
        """Return the text."""
        return self.content


class OfflineMap(folium.Map):
    """A Folium map whose scripts and styles are inside the page."""

    default_js: list[tuple[str, str]] = []  # noqa: RUF012  Folium has class lists here; these stay empty
    default_css: list[tuple[str, str]] = []  # noqa: RUF012

    def get_name(self) -> str:
        """Return the name of the variable and of the page's element."""
        return "carecircle_map"


class Group(folium.FeatureGroup):
    """A layer under a lasting variable name.

    Parameters
    ----------
    variable
        The variable's name in the page.
    label
        What the layer control shows, as safe HTML (see `plain`).
    overlay
        A tick box, or one of the choices of which a single one is shown.
    """

    def __init__(self, variable: str, label: str, *, overlay: bool, show: bool) -> None:
        self.variable = variable
        super().__init__(name=label, overlay=overlay, show=show)

    def get_name(self) -> str:
        """Return the variable's name."""
        return self.variable


class Tiles(folium.TileLayer):
    """An online base map under a lasting variable name."""

    def __init__(
        self, variable: str, url: str, label: str, attribution: str, *, hosts: str = "", max_zoom: int = 18
    ) -> None:
        self.variable = variable
        super().__init__(tiles=url, attr=attribution, name=label, overlay=True, subdomains=hosts, max_zoom=max_zoom)

    def get_name(self) -> str:
        """Return the variable's name."""
        return self.variable


class Layers(folium.LayerControl):
    """The layer control under a lasting variable name."""

    def get_name(self) -> str:
        """Return the variable's name."""
        return "carecircle_layers"


class Script(Element):
    """A script that runs once the layers before it exist; it joins the page's when the map is rendered."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.content = content

    def render(self, **_: object) -> str:
        """Add the script to the page."""
        figure(self).script.add_child(Verbatim(self.content), name="carecircle_script")
        return ""


def figure(element: Element) -> Figure:
    """Return the page that an element is part of."""
    root = element.get_root()
    if not isinstance(root, Figure):
        raise TypeError(type(root))
    return root


def plain(words: str) -> str:
    """Return text as HTML that is inert in a page and in Folium's second rendering.

    Examples
    --------
    >>> plain("<b>{{ 7 * 7 }}</b>")
    '&lt;b&gt;&#123;&#123; 7 * 7 &#125;&#125;&lt;/b&gt;'
    """
    return escape(words).translate({ord(mark): f"&#{ord(mark)};" for mark in "{}`\\"})


def safe_json(data: object) -> str:
    r"""Return compact JSON that can stand inside a script element: no markup, no line separators, no NaN.

    Examples
    --------
    >>> print(safe_json({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE)


def own_text(folder: str, name: str) -> str:
    """Return one of the package's own scripts, styles or templates."""
    return resources.files("carecircle.report").joinpath(folder, name).read_text("utf-8")


def head(*, clusters: bool) -> str:
    """Return Leaflet and the page's own scripts and styles as elements of the page's head."""
    base, more = Path(leaflet.BASE_DIR), Path(leaflet_markercluster.BASE_DIR)
    styles = [_styles(base / "leaflet.css"), own_text("static", "map.css")]
    scripts = [_library(base / "leaflet.js")]
    if clusters:
        styles.insert(1, _styles(more / "MarkerCluster.css"))
        scripts.append(_library(more / "leaflet.markercluster.js"))
    scripts.append("\n".join(own_text("static", name) for name in _SCRIPTS))
    return "\n".join(
        [
            POLICY,
            *(f"<style>{style}</style>" for style in styles),
            *(f"<script>{script}</script>" for script in scripts),
        ]
    )


def _library(path: Path) -> str:
    # The links in a library's banner and attribution lose their scheme and the source map is not asked for,
    # so that "no address in the page" can be checked by reading it; the names of XML vocabularies stay.
    script = re.sub(r"//# sourceMappingURL=\S+", "", path.read_text("utf-8"))
    return _unlinked(script).replace("\r\n", "\n").strip()


def _styles(path: Path) -> str:
    css = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
    css = re.sub(r"[^{}]*\{[^{}]*#default#VML[^{}]*\}", "", css)
    css = re.sub(r"url\((images/[\w.-]+\.png)\)", lambda found: _data_uri(path.parent / found[1]), css)
    return _unlinked(css)


def _unlinked(words: str) -> str:
    return re.sub(r"https?://(?!www\.w3\.org/)", "", words)


def _data_uri(path: Path) -> str:
    return f"url(data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')})"


def tile_layers(tiles: str | None, key: str | None, language: Language | None) -> list[Tiles]:
    """Return the online layers of a base map, none where it is None."""
    if tiles is None:
        return []
    if tiles not in _HOSTS:
        raise UsageError(text("usage.tiles", language, value=tiles, known="osm, tianditu"))
    if tiles == "osm":
        label, url = plain(text("map.layer_tiles_osm", language)), f"{_HOSTS['osm']}/{{z}}/{{x}}/{{y}}.png"
        return [Tiles("tiles_osm", url, label, "© OpenStreetMap contributors", max_zoom=19)]
    if not re.fullmatch(r"[0-9A-Za-z]{8,64}", key or ""):
        raise UsageError(text("usage.tianditu_key", language))
    names = {"vec": "layer_tiles_tianditu", "cva": "layer_tiles_tianditu_labels"}
    return [
        Tiles(
            f"tiles_{layer}",
            _TIANDITU.format(layer=layer, key=key),
            plain(text(f"map.{name}", language)),
            "天地图",
            hosts="01234567",
        )
        for layer, name in names.items()
    ]


def seal(page: str, tiles: str | None) -> str:
    """Return the page with its content security policy: its scripts by hash, its images, and tiles."""
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = dict.fromkeys(hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests)
    images = f"img-src data: {_HOSTS[tiles] if tiles else ''}".strip()
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {allowed}",
            "style-src 'unsafe-inline'",
            images,
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return page.replace(POLICY, f'<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)
