"""What every worker shares: the command line, the clock, the peak memory and the answer file.

A worker is started once per task, as ``python <peer>_.py job.json <task> answer.json``, in the peer's own
environment. It says ``ready`` once its network is in memory, then ``run <seconds>`` after each run, so
that the driver can tell a slow set-up from a slow task and stop either. Standard library only.
"""

from __future__ import annotations

import csv
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

Job = dict[str, Any]

REPEAT_BUDGET = 60.0
"""Seconds after which a task is not run again: a slow task is timed once, without a warm-up."""


@dataclass(frozen=True)
class Task:
    """One thing to time.

    ``run(job, network)`` is timed. ``finish(job, network, result)`` is not: it returns a mapping with any of
    ``note`` (what the result was, in a few words) and ``polygons`` (facility id to GeoJSON geometry,
    longitude and latitude).
    """

    run: Callable[[Job, Any], Any]
    finish: Callable[[Job, Any, Any], Mapping[str, Any]] = lambda _job, _network, _result: {}


def read_places(path: str) -> tuple[list[str], list[float], list[float]]:
    """Ids, longitudes and latitudes of a prepared CSV (columns ``id,lon,lat``)."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [r["id"] for r in rows], [float(r["lon"]) for r in rows], [float(r["lat"]) for r in rows]


def main(*, packages: Sequence[str], setup: Callable[[Job], Any], tasks: Mapping[str, Task]) -> None:
    """Run the task named on the command line and write its answer."""
    say = _private_stdout()
    job_file, name, answer_file = sys.argv[1:4]
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    task = tasks[name]
    network = None if name == "load" else setup(job)
    say("ready")
    times, result = _timed(lambda: task.run(job, network), job["repeat"], say)
    peak = _peak_mb()
    answer = {
        "seconds": min(times[1:] or times),
        "runs": max(len(times) - 1, 1),
        "warmed": len(times) > 1,
        "peak_mb": peak,
        "versions": {name: version(name) for name in packages},
        **task.finish(job, network, result),
    }
    Path(answer_file).write_text(json.dumps(answer), encoding="utf-8")


def _timed(call: Callable[[], Any], repeat: int, say: Callable[[str], None]) -> tuple[list[float], Any]:
    """Give the times of one warm-up and at most `repeat` runs, and the last result."""
    times: list[float] = []
    result = None
    while not times or (len(times) <= repeat and sum(times) + times[-1] <= REPEAT_BUDGET):
        result = None  # the last run's result must not count in this run's memory
        gc.collect()
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
        say(f"run {times[-1]:.6f}")
    return times, result


def _peak_mb() -> float:
    """Highest resident memory, in MB, of this process or of any one child it waited for (Linux: KiB)."""
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(peaks) * unit / 1e6


def _private_stdout() -> Callable[[str], None]:
    """Make a `say` on the real standard output; what libraries print goes to standard error from now on."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(line: str) -> None:
        print(line, file=channel, flush=True)

    return say
