"""The workbook that counties fill in: read back, and turned into tallies of targets.

`reading` ends in tables with the vocabulary's columns (cell by cell in `cells`, dates and periods in `periods`);
`tallies` judges a target by them: which rows count (`rows`), what each gives (`parts`), checklists (`documents`), what
the registry says instead (`registered`), and what is demanded of the sums (`goals`).
"""

from carecircle.policy.sheets.goals import SheetResult
from carecircle.policy.sheets.reading import read_inputs_book
from carecircle.policy.sheets.tallies import declared, tally_sheets

__all__ = ["SheetResult", "declared", "read_inputs_book", "tally_sheets"]
