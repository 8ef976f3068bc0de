"""What was read from a road file, kept for the next run and found again by the file's content.

The store lies in ``$CARECIRCLE_CACHE``, else in the user's cache folder; only the user can look into what it makes
there. Entries are plain arrays and tables (no pickles); one that cannot be read is ignored and written anew. Those
that nobody uses go after a while (`tidy`). Finished stages of a run (`carecircle.stages`) are kept here too.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import secrets
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from carecircle.language import current_language
from carecircle.sources.roads.streets import Streets

_VERSION = "streets-2"
_SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_DAMAGED = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)
DAYS, BYTES = 30, 2_000_000_000
"""Entries that nobody used for so long are removed, and the least recently used ones beyond this size."""

_DRAFT_SECONDS = 86_400.0
_KEY = 40
_HEX = "[0-9a-f]"
_ENTRIES = (f"{_HEX * _KEY}.npz", f"stages/*-{_HEX * _KEY}.parquet", f"geocode/*/{_HEX * _KEY}.json")
_DRAFTS = tuple(f"{folder}.{_HEX * 16}.draft" for folder in ("", "stages/", "geocode/*/"))
"""Names of ours: the folder may hold other files of the user's."""

_ARRAYS = ("lonlat", "vertex_id", "sequence", "offsets", "way_id", "way_tags", "barrier_vertex", "barrier_tags")


def store_folder() -> Path:
    """Return the folder of the store."""
    base = os.environ.get("CARECIRCLE_CACHE")
    if base:
        return Path(base)
    home = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "carecircle"


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal text; of a shapefile or a folder, of all of its files."""
    if path.is_dir():
        named = sorted(f"{found.relative_to(path)} {_digest(found)}" for found in path.rglob("*") if found.is_file())
        return hashlib.sha256("\n".join(named).encode()).hexdigest()
    if path.suffix.lower() == ".shp":
        beside = path.parent.glob(f"{glob.escape(path.stem)}.*")
        parts = [found for found in beside if found.suffix.lower() in _SHAPEFILE]
        named = sorted(f"{found.suffix.lower()} {_digest(found)}" for found in parts)
        return hashlib.sha256("\n".join(named).encode()).hexdigest()
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def recall(path: Path, boundary: shapely.Geometry | None) -> Streets | None:
    """Return the streets that were read from a file of this content, or None."""
    entry = _entry(path, boundary)
    with suppress(*_DAMAGED), np.load(entry, allow_pickle=False) as saved:
        extra = json.loads(str(saved["extra"]))
        tags = (
            pd.DataFrame(extra["tags"], columns=extra["columns"])
            .astype("str")
            .where(pd.DataFrame(extra["tags"], columns=extra["columns"]).notna())
        )
        touch(entry)
        return Streets(**{name: saved[name] for name in _ARRAYS}, tags=tags, notes=tuple(extra["notes"]))
    return None


def remember(path: Path, boundary: shapely.Geometry | None, streets: Streets) -> None:
    """Keep the streets of a file. A store that cannot be written is no reason to fail: the next run reads again."""
    entry = _entry(path, boundary)
    tags = streets.tags.astype(object).where(streets.tags.notna(), None)
    extra = {"columns": list(tags.columns), "tags": tags.to_numpy().tolist(), "notes": list(streets.notes)}

    def write(draft: Path) -> None:
        arrays = {name: getattr(streets, name) for name in _ARRAYS}
        with draft.open("wb") as stream:
            np.savez(stream, extra=np.array(json.dumps(extra, ensure_ascii=False)), **arrays)

    keep(entry, write)


def keep(entry: Path, write: Callable[[Path], object]) -> bool:
    """Write an entry under a name of its own, then move it to its place; return whether that went well."""
    draft = entry.with_name(f".{secrets.token_hex(8)}.draft")
    try:
        for folder in (store_folder(), entry.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(draft)
        draft.replace(entry)
    except OSError:
        return False
    else:
        return True
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def touch(entry: Path) -> None:
    """Note that an entry was used now."""
    with suppress(OSError):
        os.utime(entry)


def tidy(*, days: float = DAYS, most_bytes: float = BYTES) -> None:
    """Remove entries that were not used for so many days, then the least recently used ones beyond a size."""
    folder, now = store_folder(), time.time()
    entries = [(*used, path) for path in _found(folder, _ENTRIES) if (used := _used(path))]
    kept, total = sorted(entries, reverse=True), 0
    for seconds, size, path in kept:
        total += size
        if total > most_bytes or now - seconds > days * 86_400:
            _remove(path)
    for path in _found(folder, _DRAFTS):
        if (used := _used(path)) and now - used[0] > _DRAFT_SECONDS:
            _remove(path)


def _found(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return [path for pattern in patterns for path in folder.glob(pattern)]


def _used(path: Path) -> tuple[float, int] | None:
    """Return when an entry was last used, and its size; None where another run has just removed it."""
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime, found.st_size
    return None


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _entry(path: Path, boundary: shapely.Geometry | None) -> Path:
    area = b"" if boundary is None else shapely.to_wkb(boundary)
    suffix = "".join(path.suffixes[-2:]).lower()
    key = hashlib.sha256(f"{_VERSION}|{current_language()}|{suffix}|{file_hash(path)}|".encode() + area).hexdigest()
    return store_folder() / f"{key[:_KEY]}.npz"
