"""carecircle: fifteen-minute elderly-care circles along real roads.

Tables of facilities, areas and people, and a road network, go in; travel times, isochrones and additive coverage
tallies come out as plain (Geo)DataFrames. `run` does the whole job of a plan file.

>>> import carecircle as cc
>>> network = cc.read_network(cc.demo_file("roads"), profile="elder")
>>> facilities = cc.open_facilities(cc.read_facilities(cc.demo_file("facilities"), datum="gcj02"))
>>> circles = cc.isochrones(facilities.head(2), network, minutes=[5, 15])
>>> circles["minutes"].tolist()
[5.0, 15.0, 5.0, 15.0]
"""

from carecircle.config import Plan, load_plan
from carecircle.cover import assign_areas, coverage
from carecircle.datasets import demo_file, demo_path
from carecircle.edit import with_barriers
from carecircle.errors import CarecircleError, InputError, OfflineError, OutputError, PlanError, UsageError
from carecircle.findings import QualityLog
from carecircle.gaps import find_gaps
from carecircle.geocoding import GeocodeOptions, address_sheet, geocode, merge_filled
from carecircle.isochrones import IsochroneOptions, isochrones, reached_streets
from carecircle.language import use_language
from carecircle.model import MODES, PROFILES, Profile, SitingPlan, Study, profile
from carecircle.network import RoadNetwork, read_network
from carecircle.pipeline import run, site
from carecircle.policy import Evidence, Judgement, assess, load_pack, read_inputs_book
from carecircle.raster import minutes_raster, write_minutes_raster
from carecircle.reach import nearest, nearest_to_nodes, travel_matrix, travel_times
from carecircle.snap import snap
from carecircle.sources import (
    inspect_file,
    open_facilities,
    population_by_area,
    read_areas,
    read_candidates,
    read_facilities,
    read_points,
    read_population,
)
from carecircle.sources.positions.datums import DatumJudgement, judge_area_datum, judge_datum
from carecircle.sources.roads.live import fetch_roads

__all__ = [
    "MODES",
    "PROFILES",
    "CarecircleError",
    "DatumJudgement",
    "Evidence",
    "GeocodeOptions",
    "InputError",
    "IsochroneOptions",
    "Judgement",
    "OfflineError",
    "OutputError",
    "Plan",
    "PlanError",
    "Profile",
    "QualityLog",
    "RoadNetwork",
    "SitingPlan",
    "Study",
    "UsageError",
    "address_sheet",
    "assess",
    "assign_areas",
    "coverage",
    "demo_file",
    "demo_path",
    "fetch_roads",
    "find_gaps",
    "geocode",
    "inspect_file",
    "isochrones",
    "judge_area_datum",
    "judge_datum",
    "load_pack",
    "load_plan",
    "merge_filled",
    "minutes_raster",
    "nearest",
    "nearest_to_nodes",
    "open_facilities",
    "population_by_area",
    "profile",
    "reached_streets",
    "read_areas",
    "read_candidates",
    "read_facilities",
    "read_inputs_book",
    "read_network",
    "read_points",
    "read_population",
    "run",
    "site",
    "snap",
    "travel_matrix",
    "travel_times",
    "use_language",
    "with_barriers",
    "write_minutes_raster",
]
