"""Where the next centres go, how few are enough, and in which year; every plan says how sure it is.

>>> import carecircle as cc
>>> from carecircle import siting
>>> network = cc.read_network(cc.demo_file("roads"), profile="elder")
>>> facilities = cc.open_facilities(cc.read_facilities(cc.demo_file("facilities"), datum="gcj02"))
>>> people = cc.read_population(cc.demo_file("people"))
>>> candidates = siting.propose_candidates(people, network, sources=["settlement"])
>>> reach = siting.site_reach(people, candidates, facilities, network, minutes=15)
>>> plan = siting.maximum_coverage(reach, sites=3)
>>> plan.status, len(plan.chosen)
('optimal', 3)

Names are loaded when they are first used: compiling the searches takes a moment that nobody else should wait for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "SiteOptions": "options",
    "SiteReach": "reach",
    "site_reach": "reach",
    "propose_candidates": "candidates",
    "screen_candidates": "screening",
    "read_exclusions": "screening",
    "maximum_coverage": "problems",
    "set_cover": "problems",
    "p_median": "problems",
    "p_center": "problems",
    "capacitated": "problems",
    "equity": "problems",
    "reach_target": "reaching",
    "Share": "reaching",
    "phased": "phased",
    "variants": "robust",
    "units_of": "tables",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  the names of the table above


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"carecircle.siting.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, *globals()]
