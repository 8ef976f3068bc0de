"""What a planner takes away: the map that opens without a network, the workbook, CSV files and the quality report."""

from carecircle.report.map import map_html
from carecircle.report.quality import quality_html, quality_summary, study_basis, write_quality
from carecircle.report.suppression import published
from carecircle.report.workbook import write_csv, write_workbook

__all__ = [
    "map_html",
    "published",
    "quality_html",
    "quality_summary",
    "study_basis",
    "write_csv",
    "write_quality",
    "write_workbook",
]
