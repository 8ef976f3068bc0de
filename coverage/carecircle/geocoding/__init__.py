"""Coordinates for lists that have only addresses: by a map service that is asked, or by a sheet that people fill in.

Nothing here runs unless it is called, and nothing else imports it but its command.
"""

from carecircle.geocoding.asking import GeocodeOptions, geocode
from carecircle.geocoding.forms import address_sheet, merge_filled, write_list
from carecircle.geocoding.services import SERVICES

__all__ = ["SERVICES", "GeocodeOptions", "address_sheet", "geocode", "merge_filled", "write_list"]
