"""A folder of results that changes as a whole: it holds all files of one run or all of another, never some of each.

A run is the only one that writes to its folder (`claimed`). Its files are written to a draft beside the folder, which
then takes the folder's place (`whole_folder`): on Linux both change places in one step (``renameat2`` with
``RENAME_EXCHANGE``, where the file system can do that), elsewhere the folder is put aside and the draft renamed.
Whatever the moment a run is killed or the power fails at, what it leaves is set right when the folder is next opened.

Files of the user's own that lie in the folder stay: they are linked into the draft (the same file under two names),
and the folder that was put aside is emptied file by file; what is not ours and not in its new place moves there. A
folder is left where it is, and our files moved into it one by one under a journal, where exchanging it could do harm
or cannot be done: it holds folders of the user's or many files, is the working folder, the home folder or a mount
point, its parent cannot be written, links cannot be made, or a program keeps it from being renamed (as on Windows). A
run that is killed while it moves leaves a mixture until the folder is next opened, and then the moves are finished.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from carecircle.errors import OutputError
from carecircle.language import text
from carecircle.outputs import refuse_folder, saying, settle, settle_names
from carecircle.sources.roads.store import store_folder

MOST_LOOSE = 2_000
"""A folder with more files of the user's own than this is not exchanged."""

_WORK = ".carecircle-moving"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""From ``<fcntl.h>`` and ``<linux/fs.h>``; renameat2(2), Linux 3.15, glibc 2.28."""


@contextmanager
def claimed(path: str | Path, ours: Collection[str], sign: str) -> Iterator[Path]:
    """Hold a folder for a run, so that nobody else of this user and computer writes to it, and see that it can be used.

    Parameters
    ----------
    path
        The folder; it need not exist. A link to a folder stays one.
    ours
        Names of all files that a run may write.
    sign
        The one of them that shows that the folder holds results: a JSON file that speaks of ``"carecircle"``.

    Yields
    ------
    pathlib.Path
        The folder, without links.

    Raises
    ------
    OutputError
        Another run holds the folder, it cannot be written, or it holds files of these names that are not results.
    """
    folder = Path(os.path.realpath(path))
    with _locked(folder):
        with saying(path):
            recover(folder, ours)
            _check_writable(folder)
            for name in ours:
                refuse_folder(folder / name)
        _refuse_strangers(folder, ours, sign)
        yield folder


@contextmanager
def whole_folder(path: str | Path, ours: Collection[str], sign: str) -> Iterator[Path]:
    """Give an empty folder to write to; when the block ends well its files are the results in `path`, else nothing is.

    Results of an earlier run that are not written anew are dropped; whatever else is in the folder stays (see the
    module). Parameters and errors are those of `claimed`; the block may write files with the names `ours` only.
    """
    with claimed(path, ours, sign) as folder, saying(path):
        try:
            draft = _new_draft(folder, ours)
            yield draft
            _finish(draft, folder, ours)
        finally:
            recover(folder, ours)


def recover(folder: Path, ours: Collection[str]) -> None:
    """Set right what a run that was killed left of a folder; only for who holds it."""
    previous = _beside(folder, "carecircle-previous")
    if os.path.lexists(previous):
        if os.path.lexists(folder):
            with suppress(OSError):  # what is left goes next time
                _empty(previous, folder, ours)
        else:
            previous.rename(folder)
    shutil.rmtree(_beside(folder, "carecircle-draft"), ignore_errors=True)
    work = folder / _WORK
    if (work / "journal.json").exists():
        _carry_out(work)
    shutil.rmtree(work, ignore_errors=True)


# Claims


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the locks of a folder; the system releases them when the process ends, however it ends.

    One lies in the store. Runs with other stores (of a timer, another shell, another computer with the same disk) meet
    at the other, a hidden file in the nearest folder above that is there.
    """
    key = hashlib.sha256(os.path.normcase(folder).encode("utf-8", "surrogateescape")).hexdigest()[:40]
    with ExitStack() as held:
        held.callback(_acquired(folder, f"{key}.lock").release)
        held.callback(_beside_acquired(folder, f".carecircle-{key[:16]}.lock"))
        yield


def _beside_acquired(folder: Path, name: str) -> Callable[[], object]:
    """Take the lock above a folder and return what releases it; on a disk without locks there is none to release."""
    above = next(place for place in folder.parents if place.is_dir())
    lock = FileLock(above / name, timeout=0, is_singleton=True)
    try:
        _hold(lock, folder)
    except OutputError:
        raise
    except (OSError, NotImplementedError):
        return int
    return partial(_let_go, lock)


def _let_go(lock: FileLock) -> None:
    """Release a lock above results and take its file away; who opens it just then sees that it has no name any more."""
    try:
        if lock.lock_counter == 1:
            with suppress(OSError):  # Windows keeps files that are open
                Path(lock.lock_file).unlink()
    finally:
        lock.release()


def _hold(lock: FileLock, folder: Path) -> None:
    try:
        lock.acquire()
    except Timeout:
        raise OutputError(text("output.busy", path=folder)) from None


def _acquired(folder: Path, name: str) -> FileLock:
    """Return the lock, held: it lies in the store, else in the temporary folder, so that results stay alone."""
    user = getattr(os, "getuid", int)()
    why: Exception | None = None
    for home in (store_folder() / "locks", Path(tempfile.gettempdir()) / f"carecircle-locks-{user}"):
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(home / name, timeout=0, is_singleton=True)
            _hold(lock, folder)
        except OutputError:
            raise
        except (OSError, NotImplementedError) as error:
            why = error
        else:
            return lock
    raise OutputError(text("output.no_lock", path=folder, why=why))


def _check_writable(folder: Path) -> None:
    """Make a folder in the folder (or in the nearest one above it that is there) and remove it."""
    missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    probe = missing[-1] if missing else folder / _WORK
    probe.mkdir()
    probe.rmdir()


def _refuse_strangers(folder: Path, ours: Collection[str], sign: str) -> None:
    """Raise when files with our names are not known to be results: they would be lost."""
    found = sorted(name for name in ours if os.path.lexists(folder / name))
    with suppress(OSError):
        if b'"carecircle"' in (folder / sign).read_bytes():
            return
    if found:
        raise OutputError(text("output.strangers", path=folder, names="、".join(found)))


# Drafts


def _beside(folder: Path, ending: str) -> Path:
    """Return the name of a helper beside a folder, cut where the system would find it too long."""
    name = folder.name
    if len(name.encode("utf-8", "surrogateescape")) > 200:
        name = f"{name[:40]}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
    return folder.parent / f".{name}.{ending}"


def _new_draft(folder: Path, ours: Collection[str]) -> Path:
    """Make the folder to write to: beside the results where they can be exchanged, else inside."""
    if _may_exchange(folder, ours):
        draft = _beside(folder, "carecircle-draft")
        with suppress(OSError):
            draft.parent.mkdir(parents=True, exist_ok=True)
            draft.mkdir()
            return draft
    draft = folder / _WORK / "new"
    draft.mkdir(parents=True)
    return draft


def _may_exchange(folder: Path, ours: Collection[str]) -> bool:
    if not folder.exists():
        return True
    kept = {os.path.realpath(place) for place in (Path.home(), os.curdir)}
    if str(folder) in kept or os.path.ismount(folder):
        return False
    others = [entry for entry in os.scandir(folder) if entry.name not in ours]
    return len(others) <= MOST_LOOSE and not any(entry.is_dir(follow_symlinks=False) for entry in others)


def _finish(draft: Path, folder: Path, ours: Collection[str]) -> None:
    """Put the files of a draft into their place."""
    names = sorted(entry.name for entry in draft.iterdir())
    if not set(names) <= set(ours):
        raise ValueError(f"not among the names of results: {sorted(set(names) - set(ours))}")
    settle(draft)
    if draft.parent.name != _WORK:
        with suppress(OSError):
            _link_others(folder, draft, ours)
            _exchange(draft, folder)
            settle_names(folder.parent)
            return
        draft = _bring_in(draft, folder, names)
    _journal(draft.parent, names, [name for name in sorted(ours) if name not in names])
    _carry_out(draft.parent)


# The way of exchanging


def _link_others(folder: Path, draft: Path, ours: Collection[str]) -> None:
    """Give the draft what is not ours in the folder, and the folder's permissions."""
    if not folder.exists():
        return
    follow = os.link not in os.supports_follow_symlinks
    for entry in folder.iterdir():
        if entry.name not in ours:
            os.link(entry, draft / entry.name, follow_symlinks=follow)
    shutil.copystat(folder, draft)
    os.utime(draft)
    if sys.platform != "win32":
        owner = folder.stat()
        os.chown(draft, owner.st_uid, owner.st_gid)


def _exchange(draft: Path, folder: Path) -> None:
    """Let a draft take the place of a folder."""
    previous = _beside(folder, "carecircle-previous")
    if not folder.exists():
        draft.rename(folder)
        return
    draft.rename(previous)
    if _swap(previous, folder):
        return
    previous.rename(draft)
    folder.rename(previous)
    try:
        draft.rename(folder)
    except OSError:
        previous.rename(folder)
        raise


def _swap(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; return False where the system cannot."""
    if sys.platform != "linux":
        return False
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return False
    return bool(renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _empty(previous: Path, folder: Path, ours: Collection[str]) -> None:
    """Remove a folder that was put aside; what is not ours and not in its new place (saved just now) moves there."""
    for entry in sorted(previous.iterdir()):
        place = folder / entry.name
        is_folder = entry.is_dir() and not entry.is_symlink()
        if not is_folder and (entry.name in ours or _same(entry, place)):
            entry.unlink()
        else:
            entry.rename(_free(place))
    previous.rmdir()


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(one.lstat(), other.lstat())
    except OSError:
        return False


def _free(place: Path) -> Path:
    """Return a place, or the first like it that is not taken: ``notes (2).docx``."""
    number, free = 1, place
    while os.path.lexists(free):
        number += 1
        free = place.with_name(f"{place.stem} ({number}){place.suffix}")
    return free


# The way of moving one by one


def _bring_in(draft: Path, folder: Path, names: Collection[str]) -> Path:
    """Move our files of a draft beside the folder into it."""
    new = folder / _WORK / "new"
    new.mkdir(parents=True)
    for name in names:
        shutil.move(draft / name, new / name)
    settle(new)
    return new


def _journal(work: Path, place: list[str], drop: list[str]) -> None:
    """Write down what is to be done. From here on every file, old and new, is somewhere until all is done or undone."""
    (work / "old").mkdir()
    begun = work / "journal.part"
    begun.write_text(json.dumps({"place": place, "drop": drop}), encoding="utf-8")
    with begun.open("r+b") as stream:
        os.fsync(stream.fileno())
    begun.rename(work / "journal.json")
    settle_names(work)


def _carry_out(work: Path) -> None:
    """Do what the journal says, or undo it where something cannot be moved (it is open elsewhere)."""
    journal = work / "journal.json"
    todo = json.loads(journal.read_text(encoding="utf-8"))
    try:
        _forward(work, todo["place"], todo["drop"])
    except OSError:
        _back(work, todo["place"], todo["drop"])
        journal.unlink()
        raise
    settle_names(work.parent)
    journal.unlink()


def _forward(work: Path, place: list[str], drop: list[str]) -> None:
    folder = work.parent
    for name in place:
        if os.path.lexists(work / "new" / name):
            _aside(work, name)
            (work / "new" / name).rename(folder / name)
    for name in drop:
        _aside(work, name)


def _aside(work: Path, name: str) -> None:
    refuse_folder(work.parent / name)
    if os.path.lexists(work.parent / name):
        (work.parent / name).replace(work / "old" / name)


def _back(work: Path, place: list[str], drop: list[str]) -> None:
    folder = work.parent
    for name in place:
        if not os.path.lexists(work / "new" / name) and os.path.lexists(folder / name):
            (folder / name).rename(work / "new" / name)
    for name in (*place, *drop):
        if os.path.lexists(work / "old" / name):
            (work / "old" / name).rename(folder / name)
