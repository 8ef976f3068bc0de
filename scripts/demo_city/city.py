"""Grow the city step by step, then write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from . import formats
from .areas import Areas, make_areas
from .estates import Homes, draw_estates, draw_oddities, reserved_cells
from .facilities import make_facilities
from .frame import CITY, NOTE, Array, stream
from .inputs import make_inputs
from .lattice import Lattice
from .mountain import draw_mountains
from .names import TOWNSHIPS, URBAN
from .people import make_people
from .roads import RoadSet
from .sites import Sites, make_sites
from .terrain import make_terrain
from .urban import choose_streets, draw_motorway, draw_river, draw_streets, intensity, urban_lattice


@dataclass(frozen=True)
class City:
    """All layers of the demo city, in local metres."""

    areas: Areas
    roads: RoadSet
    people: pd.DataFrame
    facilities: pd.DataFrame
    inputs: dict[str, pd.DataFrame]
    sites: Sites


def make_city(seed: int) -> City:
    """Grow the city from a seed."""
    lattice = urban_lattice(stream(seed, "lattice"))
    terrain = make_terrain(stream(seed, "terrain"))
    areas = make_areas(stream(seed, "areas"), lattice, terrain)
    roads, homes = RoadSet(), Homes([], [], [])
    _draw_urban(seed, roads, lattice, areas, homes)
    draw_mountains(stream(seed, "mountain"), roads, areas, terrain, lattice, homes)
    people = make_people(stream(seed, "people"), homes, areas)
    facilities = make_facilities(stream(seed, "facilities"), people, areas, roads)
    for township in TOWNSHIPS:
        kind = "suburb" if township.level == "街道" else "town"
        roads.place(np.add(township.seat, 25.0), place=kind, name=township.name)
    roads.place(np.array([3050.0, 3050.0]), place="city", name=CITY, note=NOTE)
    sites = make_sites(stream(seed, "sites"), people, areas, roads)
    return City(areas, roads, people, facilities, make_inputs(seed, facilities, people), sites)


def _draw_urban(seed: int, roads: RoadSet, lattice: Lattice, areas: Areas, homes: Homes) -> None:
    """Draw streets, estates, river and motorway of the urban district."""
    villages = _fringe(areas)
    streets = choose_streets(stream(seed, "streets"), lattice, villages)
    rows, columns = lattice.shape
    middles = np.array(
        [[lattice.inside(r, c, np.array([[0.5, 0.5]]))[0] for c in range(columns)] for r in range(rows)]
    )
    rng, built = stream(seed, "estates"), intensity(middles, villages)
    inserts = draw_estates(rng, roads, lattice, streets, built, homes, reserved=reserved_cells())
    draw_oddities(rng, roads, lattice, streets, homes, inserts)
    draw_motorway(roads, lattice, inserts)
    draw_streets(roads, lattice, streets, inserts)
    draw_river(roads, lattice)


def _fringe(areas: Areas) -> Array:
    """Return the seats of the urban district's communities, each of which has at least a small centre."""
    return np.asarray(areas.seats[areas.communities["code"].str.startswith(URBAN).to_numpy()])


def write_city(city: City, out: Path) -> list[Path]:
    """Write all files aside, then move them below `out` in one go; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out) as name:
        aside = Path(name)
        formats.write_areas(aside / "boundaries", city.areas)
        formats.write_facilities(aside / "facilities" / "facilities.xlsx", city.facilities)
        formats.write_roads(aside / "roads" / "roads.osm.pbf", city.roads)
        formats.write_grid(aside / "population" / "people_grid.tif", city.people, city.areas)
        formats.write_buildings(aside / "population" / "buildings.csv", city.people)
        formats.write_inputs(aside / "indicators" / "inputs.xlsx", city.inputs)
        formats.write_idle(aside / "facilities" / "idle.xlsx", city.sites.idle)
        formats.write_zones(aside / "boundaries" / "exclusions.gpkg", city.sites.zones)
        made = sorted(path.relative_to(aside) for path in aside.rglob("*") if path.is_file())
        for path in made:
            (out / path).parent.mkdir(exist_ok=True)
            (aside / path).replace(out / path)
    return [out / path for path in made]
