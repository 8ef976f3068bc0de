"""Running workers: each task a process of its own, watched by a clock."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

from .environments import PEERS_DIR, LeftOutError, Version, clean_environ

TASKS = {
    "load": "loading the PBF",
    "iso1": "1 isochrone of 15 min",
    "iso50": "50 isochrones of 15 min",
    "nearest": "nearest of 50, every street node",
    "many": "500 candidates x 5,000 points within 15 min",
}


@dataclass(frozen=True)
class Peer:
    """A program to compare with: its Python, its recipes for polygons, and what it has no call for."""

    name: str
    python: Version | None = None
    recipes: tuple[str, ...] = ("",)
    cannot: Mapping[str, str] = field(default_factory=dict)

    def rows(self, task: str) -> list[tuple[str, str]]:
        """Name of the worker's task and label of the row, for each recipe."""
        if not task.startswith("iso"):
            return [(task, self.name)]
        return [(f"{task}:{r}" if r else task, f"{self.name}, {r}" if r else self.name) for r in self.recipes]


PEERS = {
    peer.name: peer
    for peer in (
        Peer("carecircle"),
        Peer("scipy"),
        Peer("osmnx", recipes=("hull", "buffer")),
        Peer("pandana"),
        Peer("geosnap"),
        Peer(
            "city2graph",
            python=(3, 12),
            recipes=("default", "buffer"),
            cannot={"nearest": "no such call", "many": "no such call"},
        ),
        Peer("valhalla", python=(3, 12)),
    )
}


@dataclass
class Row:
    """One line of the table; what is missing is None."""

    task: str
    label: str
    seconds: float | None = None
    peak_mb: float | None = None
    recall: float | None = None
    over_reach: float | None = None
    note: str = ""
    runs: int = 0
    versions: dict[str, str] = field(default_factory=dict)


def run_row(python: Path, peer: Peer, task: str, label: str, job: dict[str, Any], limit: float) -> Row:
    """Run one task of one peer; a failure or a time-out is a row that says so."""
    row = Row(task.partition(":")[0], label)
    state = Path(job["state"])
    answer_file, log = state / f"{task.replace(':', '-')}.json", state / f"{task.replace(':', '-')}.log"
    answer_file.unlink(missing_ok=True)
    job_file = state / "job.json"
    job_file.write_text(json.dumps(job), encoding="utf-8")
    command = [str(python), str(PEERS_DIR / f"{peer.name}_.py"), str(job_file), task, str(answer_file)]
    lines, late = watch(command, log, limit)
    if not answer_file.is_file():
        row.note = _stopped(lines, limit) if late else _failure(log)
        return row
    answer = json.loads(answer_file.read_text("utf-8"))
    row.seconds, row.peak_mb, row.runs = answer["seconds"], answer["peak_mb"], answer["runs"]
    row.versions, row.note = answer["versions"], answer.get("note", "")
    if not answer["warmed"]:
        row.note = "; ".join(filter(None, [row.note, "one run, no warm-up"]))
    return row


def watch(command: list[str], log: Path, limit: float) -> tuple[list[str], bool]:
    """Lines a worker said, and whether it was stopped, silent for `limit` seconds."""
    lines: list[str] = []
    late: list[bool] = []
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=clean_environ(),
            start_new_session=True,
        ) as worker,
    ):

        def stop() -> None:
            late.append(True)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)

        clock = _start(limit, stop)
        for line in worker.stdout or ():
            clock.cancel()
            lines.append(line.strip())
            clock = _start(limit, stop)
        worker.wait()
        clock.cancel()
    return lines, bool(late)


def _start(limit: float, stop: Any) -> Timer:
    clock = Timer(limit, stop)
    clock.daemon = True
    clock.start()
    return clock


def _stopped(lines: list[str], limit: float) -> str:
    return f"{'task' if 'ready' in lines else 'set-up'} stopped after {limit:.0f} s"


def _failure(log: Path) -> str:
    said = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return f"failed: {said[-1][:100] if said else 'without a word'} (log: {log.name})"


def step(python: Path, script: str, *arguments: str) -> None:
    """Run one of the preparing or scoring scripts to its end."""
    command = [str(python), str(PEERS_DIR / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environ())
    if done.returncode:
        raise LeftOutError(f"{script} failed: {done.stderr.strip().splitlines()[-1]}")


def score(python: Path, job: dict[str, Any], row: Row, task: str) -> None:
    """Add street recall and over-reach to a row whose worker left polygons."""
    answer = json.loads((Path(job["state"]) / f"{task.replace(':', '-')}.json").read_text("utf-8"))
    if "polygons" not in answer:
        return
    polygons, found = Path(job["state"]) / "polygons.json", Path(job["state"]) / "score.json"
    polygons.write_text(json.dumps(answer["polygons"]), encoding="utf-8")
    try:
        step(python, "reference.py", "score", job["extract"], job["reach"], str(polygons), str(found))
    except LeftOutError as why:
        row.note = f"not scored: {why}"
        return
    result = json.loads(found.read_text("utf-8"))
    row.recall, row.over_reach = result["recall"], result["over_reach"]
    row.note = "; ".join(filter(None, [row.note, f"{result['polygons']} polygons"]))
