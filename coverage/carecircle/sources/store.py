"""What was read from a road file, kept for the next run and found again by the file's content.

The store lies in ``$CARECIRCLE_CACHE``, else in the user's cache folder. Entries are plain arrays (no pickles); an
entry that cannot be read is ignored and written anew.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from carecircle.language import current_language
from carecircle.sources.streets import Streets

_VERSION = "streets-2"
_SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_DAMAGED = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)
_ARRAYS = ("lonlat", "vertex_id", "sequence", "offsets", "way_id", "way_tags", "barrier_vertex", "barrier_tags")


def store_folder() -> Path:
    """Return the folder of the store."""
    base = os.environ.get("CARECIRCLE_CACHE")
    if base:
        return Path(base)
    home = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "carecircle"


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal text; a shapefile is all of its files."""
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
        return Streets(**{name: saved[name] for name in _ARRAYS}, tags=tags, notes=tuple(extra["notes"]))
    return None


def remember(path: Path, boundary: shapely.Geometry | None, streets: Streets) -> None:
    """Keep the streets of a file. A store that cannot be written is no reason to fail: the next run reads again."""
    entry = _entry(path, boundary)
    tags = streets.tags.astype(object).where(streets.tags.notna(), None)
    extra = {"columns": list(tags.columns), "tags": tags.to_numpy().tolist(), "notes": list(streets.notes)}
    with suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=entry.parent, suffix=".npz", delete=False) as stream:
            np.savez(
                stream,
                extra=np.array(json.dumps(extra, ensure_ascii=False)),
                **{name: getattr(streets, name) for name in _ARRAYS},
            )
        Path(stream.name).replace(entry)


def _entry(path: Path, boundary: shapely.Geometry | None) -> Path:
    area = b"" if boundary is None else shapely.to_wkb(boundary)
    suffix = "".join(path.suffixes[-2:]).lower()
    key = hashlib.sha256(f"{_VERSION}|{current_language()}|{suffix}|{file_hash(path)}|".encode() + area).hexdigest()
    return store_folder() / f"{key[:40]}.npz"
