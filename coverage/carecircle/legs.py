"""Parts of an edge: from a place in the middle to its ends, and from place to place on the same edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.network import Floats, Ints, RoadNetwork
from carecircle.snap import Places
from carecircle.sources.roads.streets import ranges

Direction = Literal["to", "from"]
"""Travel to the facility or from it; it matters where streets are one-way."""


def _share(fraction: Floats, seconds: Floats) -> Floats:
    """Return a share of an edge's seconds; no share of a closed direction takes no time."""
    return np.asarray(np.where(fraction == 0, 0.0, np.where(fraction == 0, 1.0, fraction) * seconds))


def check_direction(direction: str) -> None:
    """Raise `UsageError` for anything but ``"to"`` and ``"from"``."""
    if direction not in {"to", "from"}:
        raise UsageError(text("usage.choice", option="direction", value=direction, known="to, from"))


def check_limits(minutes: float | Sequence[float]) -> list[float]:
    """Return limits in minutes, ascending, each once; raise `UsageError` for anything but numbers above 0."""
    try:
        given = [] if isinstance(minutes, str) else np.atleast_1d(np.asarray(minutes, dtype=float)).tolist()
    except (TypeError, ValueError):
        given = []
    limits = sorted(set(given))
    if not limits or not limits[0] > 0 or not np.isfinite(limits[-1]):
        raise UsageError(text("usage.limits", value=minutes))
    return limits


def ends_of(network: RoadNetwork, places: Places, *, leaving: bool) -> tuple[Floats, Floats]:
    """Return the seconds between each place and the two ends (u, v) of its edge, leaving it or coming to it."""
    edge = np.maximum(places.edge, 0)
    forward, backward = network.forward_seconds[edge], network.backward_seconds[edge]
    if leaving:
        to_u, to_v = _share(places.fraction, backward), _share(1 - places.fraction, forward)
    else:
        to_u, to_v = _share(places.fraction, forward), _share(1 - places.fraction, backward)
    off = ~places.on_network
    return np.where(off, np.inf, to_u), np.where(off, np.inf, to_v)


def _direct(network: RoadNetwork, edge: Ints, start: Floats, end: Floats) -> Floats:
    """Return the seconds along one edge from one fraction to another."""
    ahead = _share(np.maximum(end - start, 0), network.forward_seconds[edge])
    back = _share(np.maximum(start - end, 0), network.backward_seconds[edge])
    return np.maximum(ahead, back)


def same_edge(at: Places, to: Places) -> tuple[Ints, Ints]:
    """Return all (point, facility) positions that lie on a common edge."""
    order = np.argsort(to.edge, kind="stable")
    low = np.searchsorted(to.edge[order], at.edge, side="left")
    high = np.searchsorted(to.edge[order], at.edge, side="right")
    count = np.where(at.on_network, high - low, 0)
    return np.repeat(np.arange(len(at)), count), order[ranges(low, count)]


def direct_seconds(
    network: RoadNetwork, at: Places, to: Places, point: Ints, facility: Ints, direction: Direction
) -> Floats:
    """Return the seconds along the common edge of points and facilities (inf where a direction is closed)."""
    here, there = at.fraction[point], to.fraction[facility]
    return _direct(network, at.edge[point], *((here, there) if direction == "to" else (there, here)))
