"""The table on the screen and the words under it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from .runs import TASKS, Row

HEAD = ("", "seconds", "ratio", "peak MB", "recall %", "over-reach %", "")

FOOT = """\
seconds      best of the runs after one warm-up run; moving the places to the network is included, reading
             the network is not (except in its own row). A slow task is run once, without a warm-up.
ratio        seconds divided by carecircle's: above 1 is slower than carecircle.
peak MB      highest resident memory of the process that ran the task, with interpreter, libraries, network.
recall %     length of the street in reach that lies inside the polygon, of all street in reach.
over-reach % length of the street inside the polygon that is out of reach, of all street inside it.
             Both are summed over the 50 facilities. In reach, exactly: the place is joined to the nearest
             point of the nearest street, the way there is walked at the same speed, streets are cut where
             the time is up (scripts/peers/reference.py, which shares no code with carecircle).
streets      every highway=* way but motorways and their links, roads not in use, busways, platforms, rest
             areas, lifts and areas; not foot=no; not access=no|private without foot=yes|designated|
             permissive; no one-way rule; the largest component. Valhalla has rules of its own.
scipy        the bare search kernel, node to node, without the way to the network and without polygons.
shared reader: the peer reads no PBF and was given the graph of scripts/peers/walkgraph.py (pyosmium).
Peers other than carecircle and Valhalla move places to the nearest node. Speed 1.2 m/s."""


def table(title: str, rows: Sequence[Row], tasks: Mapping[str, str] = TASKS) -> str:
    """All tasks of one extract, aligned."""
    lines = [HEAD]
    for task, words in tasks.items():
        here = [row for row in rows if row.task == task]
        if here:
            ours = next((row.seconds for row in here if row.label == "carecircle"), None)
            lines += [(words,) + ("",) * 6, *(_cells(row, ours) for row in here)]
    widths = [max(len(line[i]) for line in lines) for i in range(6)]
    return "\n".join([title, *(_aligned(line, widths) for line in lines)])


def _cells(row: Row, ours: float | None) -> tuple[str, ...]:
    ratio = row.seconds / ours if row.seconds and ours else None
    numbers = (_seconds(row.seconds), _plain(ratio, ".2f"), _plain(row.peak_mb, ",.0f"))
    return (f"  {row.label}", *numbers, _plain(row.recall, ".1f"), _plain(row.over_reach, ".1f"), row.note)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (cell.rjust(width) for cell, width in zip(line[1:6], widths[1:], strict=True))
    return "  ".join([line[0].ljust(widths[0]), *numbers, line[6]]).rstrip()


def _plain(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def machine() -> dict[str, str | int]:
    """Where and when the numbers were taken."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": usable or 1,
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "date": datetime.now().astimezone().date().isoformat(),
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text("utf-8").splitlines() if about.is_file() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )
