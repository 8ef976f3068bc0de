"""What is peculiar to Chinese data: shifted coordinates and the headers of registries."""

from carecircle.china.coordinates import (
    DATUMS,
    Datum,
    bd09_to_gcj02,
    bd09_to_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    inside_shifted_region,
    to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from carecircle.china.headers import is_personal, known_headers, match_headers, normal_header, words

__all__ = [
    "DATUMS",
    "Datum",
    "bd09_to_gcj02",
    "bd09_to_wgs84",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "inside_shifted_region",
    "is_personal",
    "known_headers",
    "match_headers",
    "normal_header",
    "to_wgs84",
    "wgs84_to_bd09",
    "wgs84_to_gcj02",
    "words",
]
