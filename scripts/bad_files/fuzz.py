"""Fuzz the readers outside CI: mutated files must be read or refused, never end in an error of the program or a crash.

Each file is read in a process of its own that is kept from file to file, so that crashes of native libraries, endless
loops (a minute) and hunger for memory (3 GB) are found too. With atheris installed, ``--engine atheris`` is guided by
the lines that a file reaches; without it files are mutated by chance, from a seed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import select
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from .mutations import blind, spliced
from .targets import TARGETS, attempt, seeds

MOST_SECONDS = 60
MOST_FILES = 3000  # that one process reads: libosmium leaves some PBF files open whose head it refuses
_KEPT_SEEDS = 200


def main() -> None:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10.0, help="in all, shared out among the kinds")
    parser.add_argument("--kind", action="append", choices=sorted(TARGETS), help="repeat for more; default: all")
    parser.add_argument(
        "--out", type=Path, default=Path("results/fuzz"), help="folder for the files that break something"
    )
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--engine", choices=("mutation", "atheris"), default="mutation")
    parser.add_argument("--again", type=Path, help="read one file that broke something, of the kind given")
    options = parser.parse_args()
    kinds = options.kind or list(TARGETS)
    if options.again is not None:
        _again(kinds[0], options.again)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    run = _atheris if options.engine == "atheris" else _mutate
    for kind in kinds:
        run(kind, 60 * options.minutes / len(kinds), options.out, options.seed)


def _again(kind: str, path: Path) -> None:
    from .judge import READERS  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as place:
        error, told = attempt(kind, path.read_bytes(), READERS, Path(place))
    print(f"as it should be: {told}" if error is None else "".join(traceback.format_exception(error)))


# Mutation


@dataclass
class Tally:
    """What came of fuzzing one kind."""

    executions: int = 0
    broken: dict[str, int] = field(default_factory=dict)

    def say(self, kind: str, seconds: float) -> None:
        """Print the numbers."""
        count = f"{self.executions:,} executions in {seconds / 60:.1f} minutes"
        print(f"{kind}: {count}, {len(self.broken)} sorts of failure", flush=True)
        for what, count in sorted(self.broken.items(), key=lambda item: -item[1]):
            print(f"    {count:>5} x {what}", flush=True)


def _mutate(kind: str, seconds: float, out: Path, seed: int) -> None:
    rng, target, pool = random.Random(f"{seed} {kind}"), TARGETS[kind], seeds(kind)  # noqa: S311  no secret
    reader, tally, begun = Reader(kind), Tally(), time.monotonic()
    known: set[str] = set()
    while time.monotonic() - begun < seconds:
        content = rng.choice(pool)
        content = spliced(content, rng.choice(pool), rng) if rng.random() < 0.03 else content
        content = (target.mutate if rng.random() < 0.8 else blind)(content, rng)
        said = reader.read(content)
        tally.executions += 1
        if said.get("what"):
            tally.broken[said["what"]] = tally.broken.get(said["what"], 0) + 1
            keep(out, kind, content, said)
        elif said.get("told") not in known and len(pool) < _KEPT_SEEDS:  # it got somewhere new: go on from there
            known.add(said.get("told", ""))
            pool.append(content)
    reader.close()
    tally.say(kind, time.monotonic() - begun)


def keep(out: Path, kind: str, content: bytes, said: dict[str, str]) -> None:
    """Keep the smallest file for each sort of failure."""
    name = f"{kind}-{hashlib.sha256(said['what'].encode()).hexdigest()[:8]}"
    path = out / f"{name}{Path(TARGETS[kind].file).suffix}"
    if not path.exists() or path.stat().st_size > len(content):
        path.write_bytes(content)
        (out / f"{name}.txt").write_text(f"{said['what']}\n\n{said.get('trace', '')}", "utf-8")


class Reader:
    """A process that reads one file after the other, started anew when a file has ended it."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0
        self._trouble = tempfile.TemporaryFile()  # noqa: SIM115  closed with this

    def read(self, content: bytes) -> dict[str, str]:
        """Return ``{"what": sort of failure, "trace": ...}``, or ``{"told": ...}`` when all is well."""
        self._count += 1
        if self._count % MOST_FILES == 0:
            self._end()
        if self._process is None or self._process.poll() is not None:
            self._trouble.seek(0)
            self._trouble.truncate()
            self._process = self._started()
        process = self._process
        if process.stdin is None or process.stdout is None:  # never: it has pipes
            raise AssertionError
        try:
            process.stdin.write(len(content).to_bytes(8, "big") + content)
            process.stdin.flush()
        except BrokenPipeError:  # it ended at its start, or after the last answer
            return self._ended(process.wait())
        ready, _, _ = select.select([process.stdout], [], [], MOST_SECONDS)
        if not ready:
            process.kill()
            process.wait()
            return {"what": f"no end within {MOST_SECONDS} s"}
        line = process.stdout.readline()
        if not line:
            return self._ended(process.wait())
        answer: dict[str, str] = json.loads(line)
        return answer

    def _ended(self, code: int) -> dict[str, str]:
        self._trouble.seek(0)
        trace = self._trouble.read().decode("utf-8", "replace").split("Extension modules:")[0][-6000:]
        where = next(
            (line for line in trace.splitlines() if "carecircle" in line and line.lstrip().startswith("File")), ""
        )
        return {"what": f"the process ended with {code} {where.strip()}", "trace": trace}

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-X", "faulthandler", "-m", "bad_files.fuzz_worker", self._kind]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._trouble, env=environment
        )

    def _end(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def close(self) -> None:
        """End the process."""
        self._end()
        self._trouble.close()


def failure(error: BaseException) -> dict[str, str]:
    """Return the sort of a failure: the error, and where in the package it arose."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/carecircle/" in frame.filename] or frames
    where = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
    trace = "".join(traceback.format_exception(error))
    return {"what": f"{type(error).__name__} at {where}", "trace": trace[-6000:]}


# Atheris


def _atheris(kind: str, seconds: float, out: Path, seed: int) -> None:
    """Fuzz one kind in processes of their own, anew after each crash: libFuzzer does not return."""
    begun, executions, broken = time.monotonic(), 0, set[str]()
    with tempfile.TemporaryDirectory() as place:
        for number, content in enumerate(seeds(kind)):
            (Path(place) / str(number)).write_bytes(content)
        while (left := int(seconds - (time.monotonic() - begun))) > 0:
            command = [sys.executable, "-m", "bad_files.fuzz_atheris", kind, str(out), str(left), str(seed), place]
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
            ran = subprocess.run(command, env=environment, check=False, capture_output=True)
            said = (ran.stdout + ran.stderr).decode("utf-8", "replace")
            executions += sum(map(int, re.findall(r"number_of_executed_units: *(\d+)", said)))
            broken |= set(re.findall(r"BROKEN (.*)", said))
            if ran.returncode:
                broken.add(f"the process ended with {ran.returncode}: {said.strip()[-300:]}")
            seed += 1
    Tally(executions, dict.fromkeys(broken, 1)).say(kind, time.monotonic() - begun)


if __name__ == "__main__":
    main()
