"""The ground: valleys that branch like a river system, hills between them, and a ridge before the city.

Only the shape of the mountain roads and borders comes from it; no elevation is written to any file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from .frame import Array

VALLEYS = (
    [
        (-2700, 2600),
        (-4300, 3700),
        (-6200, 3600),
        (-8000, 3000),
        (-9500, 3200),
        (-11200, 4200),
        (-13200, 4500),
    ],
    [(-13200, 4500), (-15000, 3600), (-17000, 4000), (-19200, 5200), (-21000, 4900), (-23000, 5900)],
    [(-6200, 3600), (-7000, 5600), (-6500, 7800), (-5000, 9600), (-5300, 11900)],
    [(-9500, 3200), (-8800, 1000), (-9700, -1400), (-9800, -3600), (-10900, -5700)],
    [(-13200, 4500), (-12600, 6600), (-13400, 9000), (-12300, 10800), (-12600, 12500)],
    [(-17000, 4000), (-16000, 1800), (-17300, -200), (-17300, -2200), (-18800, -4300)],
    [(-19200, 5200), (-18600, 7400), (-19700, 9300), (-18700, 11200)],
    [(-9700, -1400), (-7200, -2600), (-5600, -2100), (-4200, -2500), (-2200, -3600), (-1200, -2600)],
)
RIDGE_X, RIDGE_HEIGHT, RIDGE_WIDTH = -1650.0, 260.0, 480.0


@dataclass(frozen=True)
class Terrain:
    """Valley lines and the random waves that roughen the slopes: rows of (kx, ky, phase, metres)."""

    valleys: shapely.MultiLineString
    waves: Array

    def height(self, xy: Array) -> Array:
        """Return heights in metres at local coordinates of shape (..., 2)."""
        x, y = xy[..., 0], xy[..., 1]
        away = shapely.distance(shapely.points(x, y), self.valleys)
        slopes = 430.0 * (1 - np.exp(-((away / 1250.0) ** 2)))
        rough = sum(m * np.sin(kx * x + ky * y + p) for kx, ky, p, m in self.waves)
        ridge = RIDGE_HEIGHT * np.exp(-(((x - RIDGE_X) / RIDGE_WIDTH) ** 2))
        return np.asarray(1500.0 - 0.012 * x + slopes + rough * (0.25 + slopes / 430.0) + ridge)


def make_terrain(rng: np.random.Generator) -> Terrain:
    """Bend the valleys a little and draw the waves."""
    lines = []
    for corners in VALLEYS:
        line = shapely.segmentize(shapely.LineString(corners), 500.0)
        xy = shapely.get_coordinates(line)
        xy[1:-1] += rng.normal(0, 110, (len(xy) - 2, 2))
        lines.append(shapely.LineString(xy))
    wavelength, angle = rng.uniform(900, 4200, 14), rng.uniform(0, np.pi, 14)
    k = 2 * np.pi / wavelength
    waves = np.column_stack(
        [k * np.cos(angle), k * np.sin(angle), rng.uniform(0, 6.28, 14), wavelength / 190]
    )
    return Terrain(shapely.MultiLineString(lines), waves)
