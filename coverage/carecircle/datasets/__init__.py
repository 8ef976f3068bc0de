"""The built-in demo city: a made-up place of two counties, in the file formats that offices really have."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

FILES = {
    "plan": "demo.toml",
    "roads": "roads/roads.osm.pbf",
    "facilities": "facilities/facilities.xlsx",
    "counties": "boundaries/counties.shp",
    "townships": "boundaries/townships.shp",
    "communities": "boundaries/communities.shp",
    "people": "population/buildings.csv",
    "people_grid": "population/people_grid.tif",
    "inputs": "indicators/inputs.xlsx",
    "idle": "facilities/idle.xlsx",
    "exclusions": "boundaries/exclusions.gpkg",
}
"""The files of the demo city, by what they hold."""


def demo_path() -> Path:
    """Return the folder of the demo city.

    In a wheel it lies in this package; in a checkout it is the ``data`` folder that the wheel is made from.
    """
    packaged = Path(str(resources.files("carecircle.datasets"))) / "demo_city"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3] / "data"


def demo_file(name: str) -> Path:
    """Return one file of the demo city, by its name in `FILES`.

    Examples
    --------
    >>> demo_file("roads").name
    'roads.osm.pbf'
    """
    return demo_path() / FILES[name]
