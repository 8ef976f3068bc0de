"""Facilities for seniors out of OpenStreetMap files.

What counts (https://wiki.openstreetmap.org/wiki/Tag:amenity=social_facility): ``amenity=social_facility``
with ``social_facility:for=senior``; ``social_facility=nursing_home``; and the older ``amenity=nursing_home``.
The kind is the value of ``social_facility``, else that of ``amenity``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import osmium
import pandas as pd
import shapely

from carecircle.crs import GEOGRAPHIC
from carecircle.errors import InputError, problem
from carecircle.guards import refuse_osm_bomb
from carecircle.sources.roads.osm import DAMAGE
from carecircle.sources.tables.cells import as_date, as_number
from carecircle.sources.tables.reading import SourceTable, unreadable, without_personal

OsmObject = osmium.osm.Node | osmium.osm.Way | osmium.osm.Relation | osmium.osm.Area | osmium.osm.Changeset

OSM_ENDINGS = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf", ".pbf")

_TAGS = (("amenity", "social_facility"), ("amenity", "nursing_home"), ("social_facility", "nursing_home"))
_SENIORS = {"senior", "seniors", "elderly"}
_CARRIED = ("name", "amenity", "social_facility", "social_facility:for", "operator", "opening_hours")


def is_osm(path: Path) -> bool:
    """Whether a file is an OpenStreetMap file by its ending."""
    return path.name.lower().endswith(OSM_ENDINGS)


def osm_facilities(file: Path) -> SourceTable:
    """Return the facilities for seniors in an OpenStreetMap file: nodes, and a point inside each way or area.

    Raises
    ------
    InputError
        The file is damaged or holds no such facility.
    """
    try:
        found = _objects(file)
    except InputError:
        raise
    except DAMAGE as error:
        raise unreadable(file, error) from error
    if not found:
        raise InputError(problem("no_osm_facilities", file=file))
    table = pd.DataFrame(list(found.values()), index=list(found)).rename_axis("facility_id").reset_index()
    geometry = shapely.from_wkb(table.pop("wkb").to_numpy())
    # Mappers write "~50" and "1990s": what is no number or date is unknown, for no planner can mend it.
    table["beds"], table["opened"] = as_number(table["beds"], "beds")[0], as_date(table["opened"])[0]
    table = table.dropna(axis=1, how="all")
    frame = gpd.GeoDataFrame(table, geometry=shapely.point_on_surface(geometry), crs=GEOGRAPHIC)
    return without_personal(SourceTable(frame, pd.Series(range(1, len(frame) + 1), index=frame.index), file))


def count_seniors(file: Path) -> int:
    """Return the number of facilities for seniors in an OpenStreetMap file."""
    return len(_objects(file))


def _objects(file: Path) -> dict[str, dict[str, Any]]:
    """Return ``{"node/1": row}``; an area takes the place of the way it is made of."""
    refuse_osm_bomb(file)
    wanted = osmium.filter.TagFilter(*_TAGS)
    factory = osmium.geom.WKBFactory()
    found: dict[str, dict[str, Any]] = {}
    for item in osmium.FileProcessor(file).with_areas(wanted).with_filter(wanted):
        tags = {tag.k: tag.v for tag in item.tags}
        geometry = _wkb(item, factory) if _for_seniors(tags) else None
        if geometry is not None:
            found[_name(item)] = {**_row(tags), "wkb": geometry}
    return found


def _for_seniors(tags: dict[str, str]) -> bool:
    if "nursing_home" in {tags.get("amenity"), tags.get("social_facility")}:
        return True
    return bool(_SENIORS & {word.strip() for word in tags.get("social_facility:for", "").split(";")})


def _wkb(item: OsmObject, factory: osmium.geom.WKBFactory) -> str | None:
    if isinstance(item, osmium.osm.Node):
        return str(factory.create_point(item))
    if isinstance(item, osmium.osm.Area):
        return str(factory.create_multipolygon(item))
    if isinstance(item, osmium.osm.Way) and not item.is_closed() and len(item.nodes) > 1:
        return str(factory.create_linestring(item))
    return None


def _name(item: OsmObject) -> str:
    if isinstance(item, osmium.osm.Area):
        return f"{'way' if item.from_way() else 'relation'}/{item.orig_id()}"
    return f"{'node' if isinstance(item, osmium.osm.Node) else 'way'}/{item.id}"


def _row(tags: dict[str, str]) -> dict[str, str | None]:
    carried = {key: tags[key] for key in _CARRIED if key in tags}
    said = {
        "beds": tags.get("capacity:beds", tags.get("capacity")),
        "ownership": tags.get("operator:type"),
        "opened": tags.get("start_date"),
    }
    return {"name": None, "kind": tags.get("social_facility", tags.get("amenity")), **carried, **said}
