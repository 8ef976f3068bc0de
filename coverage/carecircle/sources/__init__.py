"""Readers: every file is checked and put into the contract of its table once, here.

A reader takes a path (or a frame), collects everything that is wrong with it and raises one `InputError`, or
returns a table in longitudes and latitudes that keeps its contract, with what was done to it in
``attrs["notes"]``.
"""

from carecircle.sources.areas import read_areas
from carecircle.sources.candidates import read_candidates
from carecircle.sources.facilities import open_facilities, read_facilities, read_points
from carecircle.sources.inspection import Inspection, inspect_file
from carecircle.sources.layers.reading import read_layer
from carecircle.sources.population import population_by_area, read_population
from carecircle.sources.tables.reading import SourceTable, read_table

__all__ = [
    "Inspection",
    "SourceTable",
    "inspect_file",
    "open_facilities",
    "population_by_area",
    "read_areas",
    "read_candidates",
    "read_facilities",
    "read_layer",
    "read_points",
    "read_population",
    "read_table",
]
