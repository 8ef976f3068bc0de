"""What a planner takes away: the map that opens without a network, the workbook and the CSV file."""

from carecircle.report.map import map_html
from carecircle.report.workbook import write_csv, write_workbook

__all__ = ["map_html", "write_csv", "write_workbook"]
