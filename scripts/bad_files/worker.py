"""Judges cases in a process of its own, with little memory: a crash or a bomb ends it and not the tests.

It reads lines of JSON (a case's name and what its file is read from) and answers each with a line of JSON (what is
wrong).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

SPARE_MEMORY = 3 << 30
"""Bytes beyond what the libraries take at their start: enough for any honest case, too little for a bomb."""
MOST_SECONDS = 30
"""How long a case may take, on a slow and busy computer."""


class Worker:
    """A process that judges one case after the other, and is started anew when a case has ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def judge(self, name: str, given: Any) -> list[str]:
        """Return what is wrong with a case."""
        if self._process is None or self._process.poll() is not None:
            self._process = self._started()
        if self._process.stdin is None or self._process.stdout is None:  # never: it has pipes
            raise AssertionError
        path = isinstance(given, Path)
        self._process.stdin.write(json.dumps({"name": name, "path": path, "given": str(given)}) + "\n")
        self._process.stdin.flush()
        timer = threading.Timer(MOST_SECONDS, self._process.kill)
        timer.start()
        answer = self._process.stdout.readline()
        timer.cancel()
        if not answer:
            return [f"the process ended with {self._process.wait()} (-9: no end within {MOST_SECONDS} s)"]
        found: list[str] = json.loads(answer)
        return found

    def _started(self) -> subprocess.Popen[str]:
        here = Path(__file__).parents[1]
        environment = {**os.environ, "PYTHONPATH": str(here)}
        command = [sys.executable, "-m", "bad_files.worker"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()


def limit_memory() -> None:
    """Let this process have `SPARE_MEMORY` more than it has now, where the system can do that."""
    try:
        import resource  # noqa: PLC0415  not there on Windows
    except ImportError:
        return
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        most = pages * resource.getpagesize() + SPARE_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> None:
    """Judge what is asked for on the standard input."""
    from .judge import judge  # noqa: PLC0415  the parent need not import it
    from .registry import CASES  # noqa: PLC0415

    cases = {case.name: case for case in CASES}
    answers, sys.stdout = sys.stdout, sys.stderr
    limit_memory()
    for line in sys.stdin:
        asked = json.loads(line)
        given = Path(asked["given"]) if asked["path"] else asked["given"]
        answers.write(json.dumps(judge(cases[asked["name"]], given)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
