"""Reads the files of one kind that come in on the standard input, and says of each what came of it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

from .fuzz import failure
from .judge import READERS
from .targets import attempt
from .worker import limit_memory


def _allow_many_files() -> None:
    """Let this process have many files open: libosmium leaves some PBF files open whose head it refuses."""
    import resource  # noqa: PLC0415  fuzzing is done on Linux

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1 << 16, most), most))


def main() -> None:
    """Read until the input ends."""
    warnings.simplefilter("ignore")
    kind = sys.argv[1]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what native libraries print must not mix with the answers
    limit_memory()
    _allow_many_files()
    with tempfile.TemporaryDirectory() as place:
        while head := sys.stdin.buffer.read(8):
            content = sys.stdin.buffer.read(int.from_bytes(head, "big"))
            error, told = attempt(kind, content, READERS, Path(place))
            answers.write(json.dumps({"told": told} if error is None else failure(error)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
