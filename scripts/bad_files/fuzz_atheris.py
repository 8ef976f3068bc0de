"""Fuzz one kind of file with atheris (https://github.com/google/atheris), guided by the lines that it reaches."""

from __future__ import annotations

import random
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["carecircle"]):
    from .judge import READERS

from .fuzz import failure, keep
from .mutations import blind
from .targets import TARGETS, attempt


def main() -> None:
    """Fuzz until the time is over; an error is kept and told once, a crash of a native library ends the process."""
    warnings.simplefilter("ignore")
    kind, out, seconds, seed, folder = sys.argv[1:6]
    place = Path(tempfile.mkdtemp())
    known: set[str] = set()

    def test(content: bytes) -> None:
        error, _ = attempt(kind, content, READERS, place)
        if error is not None and (said := failure(error))["what"] not in known:
            known.add(said["what"])
            keep(Path(out), kind, content, said)
            print(f"BROKEN {said['what']}", flush=True)

    def mutate(content: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)  # noqa: S311  no secret
        return (TARGETS[kind].mutate if rng.random() < 0.8 else blind)(content, rng)[:most]

    arguments = [
        sys.argv[0],
        f"-artifact_prefix={out}/{kind}-",
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        "-max_len=2000000",
        "-timeout=60",
        "-rss_limit_mb=4000",
        "-print_final_stats=1",
        "-verbosity=0",
        folder,
    ]
    atheris.Setup(arguments, test, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
