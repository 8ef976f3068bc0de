"""Refusals of files that would fill the memory or the disk, made before any library opens them.

Every limit is a named constant with its reason. A guard raises `InputError` saying what is wrong and how to mend
it, and returns nothing for a file that may be read; a file that is merely damaged is left to its reader.
"""

from carecircle.guards.archives import refuse_zip_bomb
from carecircle.guards.markup import refuse_xml_entities
from carecircle.guards.roads import most_vertices, refuse_osm_bomb, refuse_pbf_bomb
from carecircle.guards.sizes import (
    MAX_PLAN_BYTES,
    MAX_TABLE_BYTES,
    refuse_endless_views,
    refuse_large,
    refuse_many_cells,
    refuse_parquet_bomb,
    refuse_raster_bomb,
)
from carecircle.guards.workbooks import MAX_SHEET_CELLS, refuse_wide_sheet, refuse_workbook_bomb

__all__ = [
    "MAX_PLAN_BYTES",
    "MAX_SHEET_CELLS",
    "MAX_TABLE_BYTES",
    "most_vertices",
    "refuse_endless_views",
    "refuse_large",
    "refuse_many_cells",
    "refuse_osm_bomb",
    "refuse_parquet_bomb",
    "refuse_pbf_bomb",
    "refuse_raster_bomb",
    "refuse_wide_sheet",
    "refuse_workbook_bomb",
    "refuse_xml_entities",
    "refuse_zip_bomb",
]
