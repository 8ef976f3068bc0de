"""What the map of a siting plan shows, as compact plain values: before, after, by year, sites, and candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from carecircle.language import Language, catalogue, text
from carecircle.report import facts, mapdata, offline, sitewords
from carecircle.report.sitewords import number, said, words

if TYPE_CHECKING:
    from carecircle.model import SitingPlan, Study

MOST_CANDIDATES = 4_000
"""Candidates not chosen that the map draws: more make old browsers crawl."""
_KEPT, _WON = "#9ec5e8", "#f2a33a"
_YEARS = ("#b3261e", "#1f5f9e", "#00795c", "#6a1b9a", "#7a5200")
_TOLERANCE = 4 / 111_320
Plain = dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """What a page shows around the chosen sites, all of it optional.

    Parameters
    ----------
    rings_before, rings_after
        Areas within reach of existing facilities (default: the study's), and of the new sites too: ``facility_id``
        ("all" for the union), ``minutes``, geometry.
    rings_by_year
        Areas within reach at the end of each year of a phased plan.
    candidates
        All candidates; those not chosen are small grey points.
    note
        The line on how the map may be used; by default: for internal use only.
    """

    rings_before: gpd.GeoDataFrame | None = None
    rings_after: gpd.GeoDataFrame | None = None
    rings_by_year: Mapping[int, gpd.GeoDataFrame] = field(default_factory=dict)
    candidates: gpd.GeoDataFrame | None = None
    note: str | None = None


def scene(plan: SitingPlan, study: Study, around: Surroundings, language: Language) -> Plain:
    """Return the data of the map; the first `MOST_CANDIDATES` of the candidates that were not chosen are drawn."""
    shown = study if around.rings_before is None else replace(study, isochrones=around.rings_before)
    kinds = mapdata.kinds(shown, language)
    areas = mapdata.areas(shown, language)
    map_words = {key[4:]: one[language] for key, one in catalogue().items() if key.startswith("map.")}
    people = _people(plan, study, language)
    return {
        "language": language,
        "view": mapdata.view(study),
        "words": map_words,
        "kinds": kinds,
        "clusters": len(study.facilities) >= mapdata.CLUSTER_FROM,
        "facilities": mapdata.facilities(shown, [kind["label"] for kind in kinds], language),
        "streets": mapdata.streets(study),
        "levels": areas["levels"],
        "ground": areas["ground"],
        "themes": themes(plan, shown, around, language),
        "uncovered": people,
        "sites": sites(plan, language),
        "candidates": others(plan, around.candidates, language),
        "groups": _groups(plan, people, around.candidates, language),
    }


# Circles


def themes(plan: SitingPlan, study: Study, around: Surroundings, language: Language) -> list[Plain]:
    """Return what the map can be coloured by: the change, before, each year, after, and nothing; the first is shown."""
    limit, after = sitewords.limit(plan, study), around.rings_after if len(plan.chosen) else None
    found = []
    change = [] if after is None else _change(study.isochrones, after, limit)
    if change:
        keys = [[_KEPT, said("legend_kept", language)], [_WON, said("legend_won", language)]]
        label = said("theme_change", language, minutes=f"{limit:g}")
        found.append({"label": offline.plain(label), "bands": change, "keys": keys})
    found.append(_rings(study, study.isochrones, said("theme_before", language), language))
    for year, rings in sorted(around.rings_by_year.items()):
        found.append(_rings(study, rings, said("theme_year", language, year=year), language))
    if after is not None and not any(rings is after for rings in around.rings_by_year.values()):
        found.append(_rings(study, after, said("theme_after", language), language))
    return [*found, {"label": offline.plain(text("map.theme_none", language)), "bands": [], "keys": []}]


def _rings(study: Study, rings: gpd.GeoDataFrame, label: str, language: Language) -> Plain:
    bands = mapdata.bands(replace(study, isochrones=rings))
    keys = [[one["colour"], text("map.legend_within", language, minutes=f"{one['minutes']:g}")] for one in bands[::-1]]
    return {"label": offline.plain(label), "bands": bands, "keys": keys}


def _change(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, limit: float) -> list[Plain]:
    """Return what is within the limit already, and what only the new sites bring."""
    old, new = _union(before, limit), _union(after, limit)
    if new is None:
        return []
    kept = shapely.Polygon() if old is None else old
    parts = ((_WON, shapely.difference(new, kept)), (_KEPT, kept))
    return [
        {"minutes": limit, "colour": colour, "at": None if part.is_empty else mapdata.pack(np.array([part]), 6)}
        for colour, part in parts
    ]


def _union(rings: gpd.GeoDataFrame, limit: float) -> Any | None:
    """Return the area within the limit, None where the rings have none of it."""
    if rings.empty:
        return None
    all_of_them = mapdata.drawable(rings[(rings["facility_id"] == "all") & np.isclose(rings["minutes"], limit)])
    found = _areal(shapely.simplify(all_of_them.geometry.to_numpy(), _TOLERANCE))
    return None if found.is_empty else found


def _areal(shapes: Any) -> Any:
    return shapely.union_all(shapely.make_valid(shapes))


# People


def _people(plan: SitingPlan, study: Study, language: Language) -> Plain:
    """Return the people who are not reached, before and after; after only where the plan says who goes where."""
    found = {"before": mapdata.uncovered(_served(study, plan, None), language), "after": None}
    both = sitewords.reached(plan, study)
    if both is not None:
        found["after"] = mapdata.uncovered(_served(study, plan, both[1]), language)
    return found


def _served(study: Study, plan: SitingPlan, reached: Any) -> Study:
    """Return the study at the plan's limit, its demand as near as the limit where it is reached."""
    limit = sitewords.limit(plan, study)
    if reached is None or "minutes" not in study.demand:
        return replace(study, minutes=(limit,))
    minutes = study.demand["minutes"].mask(reached, 0.0)
    return replace(study, minutes=(limit,), demand=study.demand.assign(minutes=minutes))


# Sites and candidates


def sites(plan: SitingPlan, language: Language) -> list[Plain]:
    """Return the chosen sites, each with what its window says; colours tell the years apart."""
    found = sitewords.records(plan)
    places = {year: place for place, year in enumerate(sitewords.years(plan))}
    return [
        {
            "at": [round(site["lat"], 6), round(site["lon"], 6)],
            "rank": f"{site['rank']:.0f}",
            "name": sitewords.name_of(site),
            "under": _under(site, language),
            "year": year,
            "colour": _colour(year),
            "rows": _rows(site, language),
        }
        for site, year in zip(found, (places.get(sitewords.year_of(site), -1) for site in found), strict=True)
    ]


def _under(site: Plain, language: Language) -> str:
    return said("popup_rank", language, rank=f"{site['rank']:.0f}", source=sitewords.source_of(site, language))


def _rows(site: Plain, language: Language) -> list[list[str]]:
    """Return what the window of a site says: why it stands here first, and nothing that is not known but numbers."""
    floor, cost = number(site["floor_m2"]), number(site["cost"])
    rate = facts.share(number(site["covered"]), number(site["total"]), language)
    pairs = {
        "popup_why": words(site["reason"]),
        "added_people": facts.count(number(site["people_60"]), language),
        "added_units": facts.count(number(site["units_count"]), language),
        "popup_units": words(site["units"]),
        "cumulative": rate,
        "popup_place": sitewords.place_of(site),
        "state": words(site["status"]),
        "floor": "" if math.isnan(floor) else f"{facts.down(floor, 1):,.10g}",
        "ownership": words(site["ownership"]),
        "land_use": words(site["land_use"]),
        "built_as": facts.label("kind.", words(site["built_as"]), language) if words(site["built_as"]) else "",
        "conflicts": words(site["conflicts"]),
        "cost": "" if math.isnan(cost) else f"{cost:,.10g}",
        "year": sitewords.year_of(site),
    }
    return [[text(f"siting_report.{key}", language), shown] for key, shown in pairs.items() if shown]


def others(plan: SitingPlan, candidates: gpd.GeoDataFrame | None, language: Language) -> Plain:
    """Return the candidates that were not chosen: places, names and sources; of many the first ones."""
    if candidates is None or candidates.empty:
        return {"at": None, "name": [], "source": [], "sources": [], "all": 0}
    left = mapdata.drawable(candidates[~candidates["candidate_id"].isin(plan.chosen["candidate_id"])])
    part = left.head(MOST_CANDIDATES)
    names = part["name"] if "name" in part else part["candidate_id"]
    codes, sources = part["source"].astype(object).fillna("").astype(str).factorize()
    return {
        "at": mapdata.pack(part.geometry.to_numpy(), mapdata.DIGITS) if len(part) else None,
        "name": [words(one) or words(key) for one, key in zip(names, part["candidate_id"], strict=True)],
        "source": codes.tolist(),
        "sources": [facts.label("siting_report.source_", one, language) for one in sources],
        "heading": said("popup_source", language),
        "all": len(left),
    }


def _groups(plan: SitingPlan, people: Plain, candidates: gpd.GeoDataFrame | None, language: Language) -> list[Plain]:
    """Return the layers that can be switched: key, label, and whether they are shown at first."""
    after = people["after"] is not None
    found = [(*one, True) for one in _site_layers(plan, language)]
    found += [("left", _label("layer_left", language), True)] if after else []
    found.append(("before", _label("layer_before", language), not after))
    if candidates is not None and len(candidates):
        found.append(("candidates", _label("layer_candidates", language), True))
    found.append(("facilities", _label("layer_facilities", language), True))
    found += [(key, offline.plain(text(f"map.layer_{key}", language)), True) for key in ("borders", "names", "streets")]
    return [{"key": key, "label": label, "shown": shown} for key, label, shown in found]


def _site_layers(plan: SitingPlan, language: Language) -> list[tuple[str, str]]:
    """Return the layers of sites, one a year with its colour, and one for those without a year."""
    found = [
        (f"year_{place}", _label("layer_sites_year", language, colour=_colour(place), year=year))
        for place, year in enumerate(sitewords.years(plan))
    ]
    undated = any(not sitewords.year_of(site) for site in sitewords.records(plan))
    return [*found, ("sites", _label("layer_sites", language, colour=_colour(0)))] if undated else found


def _colour(year: int) -> str:
    return _YEARS[max(year, 0) % len(_YEARS)]


def _label(key: str, language: Language, *, colour: str = "", **values: object) -> str:
    """Return what the list of layers shows, as HTML: a dot of the layer's colour where it has one, and words."""
    shown = offline.plain(text(f"siting_report.{key}", language, **values))
    return f'<i class="dot" style="background:{colour}"></i>{shown}' if colour else shown
