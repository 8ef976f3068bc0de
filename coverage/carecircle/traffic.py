"""Traffic rules: which streets a mode may use, in which direction, and how fast.

Rules work on *distinct combinations of tags* (a few thousand in a city of fifty thousand streets), so they are
plain table arithmetic. What is open and how fast is data: `traffic.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carecircle.errors import UsageError
from carecircle.language import text
from carecircle.model import Mode, Profile

KEYS = frozenset(
    {
        "highway",
        "area",
        "access",
        "foot",
        "wheelchair",
        "vehicle",
        "bicycle",
        "electric_bicycle",
        "motor_vehicle",
        "motorcar",
        "motorroad",
        "oneway",
        "oneway:foot",
        "oneway:bicycle",
        "oneway:electric_bicycle",
        "oneway:motor_vehicle",
        "oneway:motorcar",
        "junction",
        "cycleway",
        "cycleway:left",
        "cycleway:right",
        "cycleway:both",
        "conveying",
        "maxspeed",
        "service",
        "smoothness",
        "sac_scale",
        "ramp:wheelchair",
        "bridge",
        "tunnel",
        "layer",
        "barrier",
        "locked",
        "kerb",
    }
)
"""Tags that a rule reads; every other tag is dropped while reading."""

_NAMED = ("yes", "designated", "permissive", "official", "destination", "limited", "customers")
_FORWARD, _BACKWARD = ("yes", "true", "1"), ("-1", "reverse")
_KMH_PER_MPH = 1.609344


@dataclass(frozen=True)
class Rules:
    """What the rules say of each row of a tag table.

    Parameters
    ----------
    forward, backward
        Whether the way may be used along and against its drawing direction, (n,) bool.
    kmh
        Speed in km/h, (n,); meaningless where both directions are closed.
    """

    forward: NDArray[np.bool_]
    backward: NDArray[np.bool_]
    kmh: NDArray[np.float64]


@cache
def table() -> dict[str, Any]:
    """Return `traffic.toml`."""
    return tomllib.loads(resources.files("carecircle").joinpath("traffic.toml").read_text("utf-8"))


def rules(tags: pd.DataFrame, profile: Profile, speeds: Mapping[str, float] | None = None) -> Rules:
    """Return who may go where, for each combination of tags.

    Parameters
    ----------
    tags
        One row per combination, columns out of `KEYS` (missing columns and values count as untagged).
    profile
        Mode and speeds.
    speeds
        km/h by highway class, laid over the mode's table; 0 closes a class.

    Notes
    -----
    On foot and by wheelchair every open street is walked at the profile's speed, unless `speeds` names its class.
    Otherwise the speed is the least of class, ``maxspeed`` and profile.
    """
    tagged = tags.reindex(columns=sorted(KEYS)).astype("str").where(tags.reindex(columns=sorted(KEYS)).notna(), "")
    classes = _class_speeds(profile.mode, speeds)
    kmh = tagged["highway"].map(classes)
    kmh = kmh.where(kmh.notna() | (tagged["highway"] == ""), classes.get("other", np.nan))
    is_open = _is_open(tagged, profile.mode, kmh.fillna(0) > 0) & (kmh != 0)
    forward, backward = _directions(tagged, profile.mode)
    return Rules((is_open & forward).to_numpy(), (is_open & backward).to_numpy(), _speed(tagged, profile, kmh, speeds))


def passable(tags: pd.DataFrame, mode: Mode) -> NDArray[np.bool_]:
    """Return whether each barrier on a street lets the mode through, (n,) bool.

    A gate is open unless tagged ``locked=yes`` or closed to the public; a wall, a stile for a wheelchair or a
    bollard for a car is closed unless an access tag of the mode opens it.
    """
    tagged = tags.reindex(columns=sorted(KEYS)).astype("str").where(tags.reindex(columns=sorted(KEYS)).notna(), "")
    access = _decisive(tagged, table()[mode]["keys"])
    specific = _decisive(tagged, table()[mode]["keys"][1:])
    closed = access.isin(table()["closed"]["values"]) | ((tagged["locked"] == "yes") & (specific == ""))
    opened = tagged["wheelchair"] if mode == "wheelchair" else specific  # a stile with foot=yes is still a stile
    solid = tagged["barrier"].isin(table()[mode]["barriers"]) & (opened == "")
    if mode == "wheelchair":
        solid |= (tagged["kerb"] == "raised") & (tagged["wheelchair"] == "")
    return (~(closed | solid)).to_numpy()


def check_speeds(speeds: Mapping[str, float]) -> dict[str, float]:
    """Return the user's speeds as numbers, or raise `UsageError` naming what is wrong."""
    known = {name for mode in ("walk", "drive", "bike") for name in table()[mode]["classes"]}
    wrong = [
        f"{name} = {value}"
        for name, value in speeds.items()
        if name not in known or isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 200
    ]
    if wrong:
        raise UsageError(text("usage.speeds", wrong=", ".join(wrong), known=", ".join(sorted(known))))
    return {name: float(value) for name, value in speeds.items()}


def _class_speeds(mode: Mode, speeds: Mapping[str, float] | None) -> dict[str, float]:
    return {**table()[mode]["classes"], **check_speeds(speeds or {})}


def _decisive(tagged: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Return the value of the most specific access tag that is present."""
    value = pd.Series("", index=tagged.index)
    for key in keys:
        value = tagged[key].where(tagged[key] != "", value)
    return value


def _is_open(tagged: pd.DataFrame, mode: Mode, class_open: pd.Series) -> pd.Series:
    rule = table()[mode]
    access = _decisive(tagged, rule["keys"])
    specific = _decisive(tagged, rule["keys"][1:])
    named = specific.isin(_NAMED)
    is_open = (class_open | named) & ~access.isin(table()["closed"]["values"])
    is_open &= ~tagged["highway"].isin(table()["closed"]["classes"])
    is_open &= ~tagged["smoothness"].isin(table()["closed"]["smoothness"])
    is_open &= ~((tagged["service"] == "private") & ~named)
    if not rule["motorroad"]:
        is_open &= ~((tagged["motorroad"] == "yes") & ~named)
    return is_open & _mode_limits(tagged, mode, named)


def _mode_limits(tagged: pd.DataFrame, mode: Mode, named: pd.Series) -> pd.Series:
    """Return what is open to one mode only in a special case."""
    if mode == "wheelchair":
        ramp = tagged["ramp:wheelchair"] == "yes"
        named = tagged["wheelchair"].isin(_NAMED)  # steps with foot=yes are still steps
        return (
            ~((tagged["highway"] == "steps") & ~named & ~ramp)
            & (tagged["sac_scale"] == "")
            & (tagged["smoothness"] != "horrible")
        )
    if mode in {"bike", "e-bike"}:
        return (tagged["highway"] != "steps") & ((tagged["highway"] != "pedestrian") | named)
    if mode == "drive":
        return (tagged["area"] != "yes") & (tagged["service"] != "emergency_access")
    return pd.Series(data=True, index=tagged.index)


def _directions(tagged: pd.DataFrame, mode: Mode) -> tuple[pd.Series, pd.Series]:
    """Return (forward, backward): oneway, roundabouts, contraflow cycling, escalators."""
    oneway = _decisive(tagged, table()[mode]["oneway_keys"])
    if mode in {"walk", "wheelchair"}:
        forward = oneway.isin(_FORWARD) | (tagged["conveying"] == "forward")
        backward = oneway.isin(_BACKWARD) | (tagged["conveying"] == "backward")
        return ~backward, ~forward
    implied = tagged["junction"].isin(["roundabout", "circular"]) | tagged["highway"].isin(["motorway"])
    forward = oneway.isin(_FORWARD) | (implied & (oneway == ""))
    backward = oneway.isin(_BACKWARD)
    if mode in {"bike", "e-bike"}:
        lanes = ["cycleway", "cycleway:left", "cycleway:right", "cycleway:both"]
        contraflow = tagged[lanes].apply(lambda lane: lane.str.startswith("opposite")).any(axis=1)
        forward, backward = forward & ~contraflow, backward & ~contraflow
    return ~backward, ~forward


def _speed(
    tagged: pd.DataFrame, profile: Profile, kmh: pd.Series, speeds: Mapping[str, float] | None
) -> NDArray[np.float64]:
    own = profile.speed_mps * 3.6
    if profile.on_foot:
        overridden = tagged["highway"].isin(list(speeds or {}))
        return kmh.where(overridden, own).to_numpy(float)
    limit = pd.concat([kmh.fillna(table()[profile.mode]["opened"]), maxspeed(tagged["maxspeed"])], axis=1)
    return limit.min(axis=1).clip(upper=own).to_numpy(float)


def maxspeed(values: pd.Series) -> pd.Series:
    """Return ``maxspeed`` tags in km/h, NaN where there is no number.

    Examples
    --------
    >>> maxspeed(pd.Series(["50", "30 mph", "walk", ""])).round(1).tolist()
    [50.0, 48.3, nan, nan]
    """
    number = pd.to_numeric(values.str.extract(r"^\s*(\d+(?:\.\d+)?)", expand=False), errors="coerce")
    number = number.where(number > 0)
    return number.where(~values.str.contains("mph"), number * _KMH_PER_MPH).astype(float)
