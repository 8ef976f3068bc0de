"""What a slope does to a walker. Travel times do not use it yet; reports say with it how much that leaves out."""

from __future__ import annotations

import math

_STEEPNESS, _EASIEST = 3.5, -0.05
"""Tobler's hiking function: speed = 6 exp(-3.5 |slope + 0.05|) km/h (W. Tobler, NCGIA Technical Report 93-1, 1993)."""


def speed_ratio(slope: float) -> float:
    """Return the speed on a slope over that on the level, 1 at the most: older people do not walk faster downhill.

    Parameters
    ----------
    slope
        Rise over run, positive uphill.

    Examples
    --------
    >>> [round(speed_ratio(slope), 2) for slope in (0.0, 0.05, 0.1, 0.2, -0.05)]
    [1.0, 0.84, 0.7, 0.5, 1.0]
    """
    return min(1.0, math.exp(-_STEEPNESS * (abs(slope - _EASIEST) - abs(_EASIEST))))
