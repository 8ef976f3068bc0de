"""The map a planner opens with a double click: one Folium page, everything inside it."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import jinja2

from carecircle.language import Language, catalogue, current_language, text
from carecircle.report import facts, mapdata, offline

if TYPE_CHECKING:
    from carecircle.model import Study

CLUSTER_FROM = mapdata.CLUSTER_FROM

_OVERLAYS = ("uncovered", "borders", "names", "streets")


def map_html(
    study: Study,
    *,
    language: Language | None = None,
    tiles: Literal["osm", "tianditu"] | None = None,
    tianditu_key: str | None = None,
    note: str | None = None,
) -> str:
    """Return the study's map as one page that works with the network unplugged.

    Parameters
    ----------
    study
        What to show. `provenance` is read for ``elevation``: where it names none, the page says that slopes
        are not counted.
    language
        ``"zh"`` or ``"en"``; defaults to the language in force.
    tiles
        An online base map, ``"osm"`` or ``"tianditu"``; by default none: the page holds no address at all.
    tianditu_key
        Key for Tianditu's tiles.
    note
        The line on how the map may be used, such as its review number; by default: for internal use only.

    Returns
    -------
    str
        HTML; the same study gives the same text.

    Raises
    ------
    UsageError
        `tiles` is unknown, or Tianditu is asked for without a proper key.
    """
    language = language or current_language()
    kinds = mapdata.kinds(study, language)
    data = _data(study, kinds, language, base=tiles is None)
    west, south, east, north = data["view"]
    page = offline.OfflineMap(
        location=[(south + north) / 2, (west + east) / 2],
        tiles=None,
        font_size="13px",
        zoom_control=False,
        attribution_control=tiles is not None,
        zoom_snap=0.25 if tiles is None else 1.0,
        zoom_delta=1.0,
    )
    page.options |= {"min_zoom": 5, "max_zoom": 19}  # Folium's arguments of these names are for tiles only
    figure = offline.figure(page)
    figure.title = escape(study.title)
    clusters = data["clusters"] or data["gaps"].get("clusters", False)
    figure.header.add_child(offline.Verbatim(offline.head(clusters=clusters)))
    for layer in (*offline.tile_layers(tiles, tianditu_key, language), *_groups(data, kinds, language)):
        page.add_child(layer)
    page.add_child(offline.Layers(position="topright", collapsed=False, autoZIndex=False))
    figure.html.add_child(offline.Verbatim(_panels(study, data, language, note)))
    block = f'<script type="application/json" id="cc-data">{offline.safe_json(data)}</script>'
    figure.html.add_child(offline.Verbatim(block))
    page.add_child(offline.Script(_start(data, kinds)))
    return offline.seal(figure.render(), tiles)


def _data(study: Study, kinds: list[mapdata.Plain], language: Language, *, base: bool) -> mapdata.Plain:
    areas = mapdata.areas(study, language)
    words = {key[4:]: said[language] for key, said in catalogue().items() if key.startswith("map.")}
    return {
        "language": language,
        "view": mapdata.view(study),
        "words": words,
        "kinds": kinds,
        "clusters": len(study.facilities) >= CLUSTER_FROM,
        "facilities": mapdata.facilities(study, [kind["label"] for kind in kinds], language),
        "bands": mapdata.bands(study),
        "streets": mapdata.streets(study),
        "levels": areas["levels"],
        "ground": areas["ground"] if base else None,
        "colours": list(mapdata.CLASS_COLOURS),
        "uncovered": mapdata.uncovered(study, language),
        "gaps": mapdata.gaps(study, language),
    }


def _themes(data: mapdata.Plain, language: Language) -> list[tuple[str, str]]:
    limits = facts.limits(tuple(band["minutes"] for band in data["bands"][::-1]), language)
    rings = [("theme_rings", text("map.theme_rings", language, minutes=limits))] if data["bands"] else []
    levels = [
        (f"theme_{level['level']}", text("map.theme_level", language, level=level["label"])) for level in data["levels"]
    ]
    return [*rings, *levels, ("theme_none", text("map.theme_none", language))]


def _groups(data: mapdata.Plain, kinds: list[mapdata.Plain], language: Language) -> list[offline.Group]:
    themes = [
        offline.Group(variable, offline.plain(label), overlay=False, show=number == 0)
        for number, (variable, label) in enumerate(_themes(data, language))
    ]
    entries = _gap_entry(data, language)
    entries |= {
        f"kind_{number}": _entry(kind["icons"]["open"], kind["label"], f"{kind['count']:,d}")
        for number, kind in enumerate(kinds)
    }
    entries |= {
        name: _entry(f'<i class="cc-swatch cc-{name}"></i>', text(f"map.layer_{name}", language)) for name in _OVERLAYS
    }
    overlays = [offline.Group(name, label, overlay=True, show=True) for name, label in entries.items()]
    return [*themes, *overlays]


def _gap_entry(data: mapdata.Plain, language: Language) -> dict[str, str]:
    """Return the entry of the gaps; a study without any has none."""
    if not data["gaps"]["gaps"]:
        return {}
    mark = next(iter(data["gaps"]["icons"].values()))
    shown, unplaced = f"{len(data['gaps']['gaps']):,d}", data["gaps"]["unplaced"]
    if not unplaced:
        return {"gaps": _entry(mark, text("gap.layer", language), shown)}
    return {"gaps": _entry(mark, text("gap.layer_unplaced", language, shown=shown, count=f"{unplaced:,d}"))}


def _entry(mark: str, words: str, number: str = "") -> str:
    return f'{mark}<span>{offline.plain(words)}</span><span class="cc-count">{number}</span>'


def _start(data: mapdata.Plain, kinds: list[mapdata.Plain]) -> str:
    names = [variable for variable, _ in _themes(data, "en")]
    names += [*(f"kind_{number}" for number in range(len(kinds))), *_OVERLAYS]
    names += ["gaps"] if data["gaps"]["gaps"] else []
    return f"carecircle.start(carecircle_map, {{{', '.join(names)}}}, carecircle_layers);"


def _panels(study: Study, data: mapdata.Plain, language: Language, note: str | None) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(offline.own_text("templates", "panels.html"))
    covered, total = facts.headline(study)
    known = facts.state(covered, total) == "known"
    measure = facts.label("fact.measure_", facts.headline_measure(study), language)
    largest = f"{max(study.minutes):g}"
    parts = [f"{part:,d}" for part in facts.whole_covered(covered, total)] if known else []
    counts = dict(zip(("covered", "total", "uncovered"), parts, strict=False))
    return template.render(
        w=data["words"],
        study=study,
        note=note or text("map.internal", language),
        as_of=text("map.as_of", language, date=facts.day(study.as_of, language)),
        share_of=text("map.coverage", language, minutes=largest, measure=measure),
        share=facts.percent(covered, total, language),
        width=f"{float(facts.thousandths(covered, total)) / 10:.1f}" if known else "0",
        counts=text("map.covered_of", language, **counts) if known else "",
        foot=_foot(study, language),
        rings=_ring_legend(data, language),
        classes=_class_legend(language),
        no_data=text("fact.no_data", language),
        not_applicable=text("fact.not_applicable", language),
        largest=text("map.coverage", language, minutes=largest, measure=measure),
        levels=data["levels"],
        sizes=data["uncovered"]["sizes"],
        unknown=0 in data["uncovered"].get("known", []),
        marks=_status_legend(study, language),
        gap_heading=text("gap.legend", language),
        gap_marks=[(mark, text(f"gap.kind_{kind}", language)) for kind, mark in data["gaps"].get("icons", {}).items()],
        show_all=text("gap.all", language),
    )


def _foot(study: Study, language: Language) -> list[str]:
    slope = "map.with_slope" if study.provenance.get("elevation") else "map.no_slope"
    return [
        text(
            "map.profile",
            language,
            profile=facts.label("fact.profile_", study.profile.name, language),
            speed=facts.speed(study.profile, language),
        ),
        text("map.rings_at", language, minutes=facts.limits(study.minutes, language)),
        text(slope, language),
        text("map.as_of", language, date=facts.day(study.as_of, language)),
        text("map.datum", language),
    ]


def _ring_legend(data: mapdata.Plain, language: Language) -> list[tuple[str, str]]:
    return [
        (band["colour"], text("map.legend_within", language, minutes=f"{band['minutes']:g}"))
        for band in data["bands"][::-1]
    ]


def _class_legend(language: Language) -> list[tuple[str, str]]:
    edges = [0.0, *mapdata.CLASS_BREAKS]
    words = [
        text("map.class_between", language, low=f"{low / 10:g}", high=f"{high / 10:g}") for low, high in pairwise(edges)
    ]
    words.append(text("map.class_from", language, low=f"{edges[-1] / 10:g}"))
    return list(zip(mapdata.CLASS_COLOURS, words, strict=True))


def _status_legend(study: Study, language: Language) -> list[tuple[str, str]]:
    present = set(mapdata.status_of(study.facilities))
    return [
        (mapdata.icon(0, status, mapdata.NEUTRAL_COLOUR), text(f"fact.status_{status}", language))
        for status in mapdata.STATUSES
        if status in present
    ]
