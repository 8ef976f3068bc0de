"""A folder of results that changes as a whole, whatever happens on the way and at whatever moment."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from carecircle import folders
from carecircle.errors import OutputError
from carecircle.folders import claimed, recover, whole_folder

OURS = ("study.json", "a.txt", "b.txt", "c.txt")
SIGN = "study.json"
OLD = {"study.json": '{"carecircle": "1", "run": "old"}', "a.txt": "old a", "b.txt": "old b"}
NEW = {"study.json": '{"carecircle": "1", "run": "new"}', "a.txt": "new a", "c.txt": "new c"}


@pytest.fixture
def results(tmp_path):
    """A folder with the results of an earlier run."""
    folder = tmp_path / "place" / "results"
    folder.mkdir(parents=True)
    for name, content in OLD.items():
        (folder / name).write_text(content)
    return folder


def write(folder, content=None):
    with whole_folder(folder, OURS, SIGN) as draft:
        for name, words in (NEW if content is None else content).items():
            (draft / name).write_text(words)


def held(folder, *, hidden=False):
    """Return name -> content; helpers of ours only when asked for."""
    return {
        path.name: path.read_text() if path.is_file() else sorted(inner.name for inner in path.iterdir())
        for path in folder.iterdir()
        if hidden or path.name != ".carecircle-moving"
    }


# What is in the folder afterwards


def test_the_first_run_makes_the_folder(tmp_path):
    write(tmp_path / "deep" / "er" / "results")
    assert held(tmp_path / "deep" / "er" / "results", hidden=True) == NEW
    assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["results"]


def test_new_results_take_the_place_of_all_old_ones(results):
    write(results)
    assert held(results, hidden=True) == NEW, "b.txt is ours and was not written anew"
    assert [path.name for path in results.parent.iterdir()] == ["results"]


def test_what_the_user_put_there_stays(results, tmp_path):
    (results / "笔记.docx").write_text("mine")
    (results / "link.txt").symlink_to("笔记.docx")
    (results / "nowhere").symlink_to(tmp_path / "gone")
    before = (results / "笔记.docx").stat()
    write(results)
    assert {path.name for path in results.iterdir()} == {*NEW, "笔记.docx", "link.txt", "nowhere"}
    assert (results / "link.txt").read_text() == "mine"
    assert (results / "link.txt").is_symlink()
    assert (results / "nowhere").is_symlink()
    after = (results / "笔记.docx").stat()
    assert (before.st_ino, before.st_mtime_ns, after.st_nlink) == (after.st_ino, after.st_mtime_ns, 1)


def test_a_folder_of_the_user_stays_and_nothing_is_exchanged(results):
    (results / "maps").mkdir()
    (results / "maps" / "mine.txt").write_text("mine")
    number = results.stat().st_ino
    write(results)
    assert held(results, hidden=True) == {**NEW, "maps": ["mine.txt"]}
    assert results.stat().st_ino == number


def test_many_files_of_the_user_stay_where_they_are(results, monkeypatch):
    monkeypatch.setattr(folders, "MOST_LOOSE", 3)
    for number in range(4):
        (results / f"{number}.jpg").write_text("mine")
    number = results.stat().st_ino
    write(results)
    assert held(results, hidden=True) == {**NEW, **{f"{number}.jpg": "mine" for number in range(4)}}
    assert results.stat().st_ino == number


@pytest.mark.parametrize("place", ["working folder", "home"])
def test_folders_that_are_in_use_are_not_exchanged(results, monkeypatch, place):
    if place == "home":
        monkeypatch.setattr(Path, "home", lambda: results)
    else:
        monkeypatch.chdir(results)
    number = results.stat().st_ino
    write(Path() if place == "working folder" else results)
    assert held(results, hidden=True) == NEW
    assert results.stat().st_ino == number


def test_links_to_a_folder_stay_links(results, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(results, target_is_directory=True)
    write(link)
    assert link.is_symlink()
    assert held(results, hidden=True) == NEW
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "place"]


def test_a_link_to_nothing_yet(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "results")
    write(tmp_path / "link")
    assert held(tmp_path / "disk" / "results") == NEW
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_permissions_are_those_of_anything_new(tmp_path, mask):
    before = os.umask(mask)
    try:
        write(tmp_path / "results")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "results").stat().st_mode) == 0o777 & ~mask
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "results").iterdir()} == {0o666 & ~mask}


def test_the_folder_keeps_its_own_permissions(results):
    results.chmod(0o2770)
    write(results)
    assert stat.S_IMODE(results.stat().st_mode) == 0o2770
    assert held(results) == NEW


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only the administrator gives folders away")
def test_the_folder_keeps_its_owner(results):
    os.chown(results, 12345, 54321)
    write(results)
    assert (results.stat().st_uid, results.stat().st_gid) == (12345, 54321)


def test_a_very_long_name(tmp_path):
    folder = tmp_path / ("养老服务" * 20)
    write(folder, OLD)
    write(folder)
    assert held(folder, hidden=True) == NEW
    assert len(list(tmp_path.iterdir())) == 1


# What goes wrong


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError(errno.ENOSPC, "full"), MemoryError])
@pytest.mark.parametrize("inner", [False, True])
def test_a_failure_leaves_the_earlier_results(results, error, inner):
    if inner:
        (results / "maps").mkdir()
    kind = OutputError if isinstance(error, OSError) else error

    def fail():
        with whole_folder(results, OURS, SIGN) as draft:
            (draft / "a.txt").write_text("half")
            raise error

    with pytest.raises(kind):
        fail()
    assert held(results, hidden=True) == ({**OLD, "maps": []} if inner else OLD)
    assert [path.name for path in results.parent.iterdir()] == ["results"]


def test_a_failed_first_run_leaves_nothing(tmp_path):
    def fail():
        with whole_folder(tmp_path / "results", OURS, SIGN) as draft:
            (draft / "a.txt").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_ours_is_a_mistake_in_the_program(results):
    with pytest.raises(ValueError, match=r"extra\.txt"):
        write(results, {"extra.txt": "x"})
    assert held(results, hidden=True) == OLD


def test_a_folder_where_a_file_is_to_go_is_refused_before_the_work(results):
    (results / "c.txt").mkdir()
    (results / "c.txt" / "mine").write_text("mine")
    with pytest.raises(OutputError, match="无法写入"), claimed(results, OURS, SIGN):
        pytest.fail("the work begins")
    assert held(results, hidden=True) == {**OLD, "c.txt": ["mine"]}


@pytest.mark.parametrize("sign", [None, '{"title": "of another program"}'])
def test_files_of_our_names_that_are_not_results_are_not_overwritten(tmp_path, sign):
    (tmp_path / "a.txt").write_text("mine")
    if sign:
        (tmp_path / "study.json").write_text(sign)
    with pytest.raises(OutputError, match=r"已有同名文件（a\.txt.*）") as error, claimed(tmp_path, OURS, SIGN):
        pytest.fail("the work begins")
    assert str(tmp_path) in str(error.value)
    assert (tmp_path / "a.txt").read_text() == "mine"


def test_a_folder_that_only_holds_other_files_is_used(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    write(tmp_path)
    assert held(tmp_path, hidden=True) == {**NEW, "mine.txt": "mine"}


@pytest.mark.parametrize("place", ["file", "file/inner", "file/inner/deep"])
def test_a_place_that_cannot_be_a_folder(tmp_path, place):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="无法写入") as error, claimed(tmp_path / place, OURS, SIGN):
        pytest.fail("the work begins")
    assert str(tmp_path / place) in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def read_only(tmp_path):
    """A folder with earlier results that nobody can write to."""
    folder = tmp_path / "disk" / "results"
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path / "disk"], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("the administrator can write everywhere, and nothing can be mounted here")
    folder.mkdir()
    for name, content in OLD.items():
        (folder / name).write_text(content)
    subprocess.run(["mount", "-o", "remount,ro", tmp_path / "disk"], check=True)
    yield folder
    subprocess.run(["umount", tmp_path / "disk"], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("inner", [".", "new", "new/deep"])
def test_a_read_only_folder_is_found_out_before_the_work(read_only, inner):
    before = held(read_only)
    with pytest.raises(OutputError, match=r"无法写入.*请检查") as error, claimed(read_only / inner, OURS, SIGN):
        pytest.fail("the work begins")
    assert str(read_only) in str(error.value)
    assert held(read_only, hidden=True) == before


def test_a_parent_that_cannot_be_written(results, monkeypatch):
    """As where a folder of one's own lies on somebody else's disk: files are moved one by one."""
    make = Path.mkdir

    def refuse(self, *given, **options):
        if self.parent == results.parent and self != results:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return make(self, *given, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    write(results)
    assert held(results, hidden=True) == NEW


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="mounting is for the administrator")
def test_a_mount_point(results):
    if subprocess.run(["mount", "--bind", results, results], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        write(results)
        assert held(results, hidden=True) == NEW
        assert [path.name for path in results.parent.iterdir()] == ["results"]
    finally:
        subprocess.run(["umount", results], check=True)


WAYS = {
    "exchange": (),
    "rename": ("no swap",),
    "links cannot be made": ("notes", "no links"),
    "the folder cannot be renamed": ("no swap", "no renaming"),
    "moving": ("folder",),
    "exchange with notes": ("notes",),
    "rename with notes": ("notes", "no swap"),
    "first run": ("nothing",),
    "first run into a folder with notes": ("nothing", "notes"),
}


def set_up(results, conditions, patch):
    """Put a folder and the system into a state; return what is to be found in the folder besides results."""
    extra = {}
    if "nothing" in conditions:
        for path in results.iterdir():
            path.unlink()
        if "notes" not in conditions:
            results.rmdir()
    if "notes" in conditions:
        (results / "notes.txt").write_text("mine")
        extra["notes.txt"] = "mine"
    if "folder" in conditions:
        (results / "maps").mkdir()
        (results / "maps" / "mine.txt").write_text("mine")
        extra["maps"] = ["mine.txt"]
    refused = {
        "no swap": (folders, "_swap", lambda *_: False),
        "no links": (os, "link", refuse_to_link),
        "no renaming": (Path, "rename", renaming_but(results)),
    }
    for condition in refused.keys() & set(conditions):
        patch.setattr(*refused[condition])
    return extra


def refuse_to_link(*_given, **_options):
    raise OSError(errno.EPERM, "Operation not permitted")


def renaming_but(folder):
    """Return a `Path.rename` that refuses to move a folder, as Windows does when something in it is open."""
    rename = Path.rename

    def renamed(self, target):
        if self == folder:
            raise PermissionError(errno.EACCES, "Access is denied", str(self))
        return rename(self, target)

    return renamed


@pytest.mark.parametrize("way", WAYS)
def test_every_way_ends_the_same(results, way, monkeypatch):
    extra = set_up(results, WAYS[way], monkeypatch)
    write(results)
    assert held(results, hidden=True) == {**NEW, **extra}
    assert [path.name for path in results.parent.iterdir()] == ["results"]


@pytest.mark.parametrize("stuck", ["a.txt", "c.txt", "study.json", "b.txt"])
def test_one_file_that_cannot_be_moved_brings_all_back(results, monkeypatch, stuck):
    """As when a workbook is open in another program."""
    (results / "maps").mkdir()
    rename, replace = Path.rename, Path.replace

    def refusing(move):
        def moved(self, target):
            if results / stuck in (self, Path(target)):
                raise PermissionError(errno.EACCES, "Access is denied", str(self))
            return move(self, target)

        return moved

    monkeypatch.setattr(Path, "rename", refusing(rename))
    monkeypatch.setattr(Path, "replace", refusing(replace))
    with pytest.raises(OutputError, match=r"无法写入.*Access is denied.*正被打开"):
        write(results)
    assert held(results, hidden=True) == {**OLD, "maps": []}


def test_what_is_saved_at_the_last_moment_is_not_lost(results, monkeypatch):
    """Another program writes into the folder just before it is exchanged."""
    (results / "notes.txt").write_text("before")
    swap = folders._swap

    def late(one, other):
        (results / "notes.txt").unlink()
        (results / "notes.txt").write_text("saved late")
        (results / "late.txt").write_text("new")
        (results / "maps").mkdir()
        return swap(one, other)

    monkeypatch.setattr(folders, "_swap", late)
    write(results)
    found = held(results, hidden=True)
    assert found == {**NEW, "notes.txt": "before", "notes (2).txt": "saved late", "late.txt": "new", "maps": []}
    assert [path.name for path in results.parent.iterdir()] == ["results"]


# Two at once


def test_only_one_run_holds_a_folder(results, tmp_path):
    (tmp_path / "link").symlink_to(results, target_is_directory=True)
    found = []

    def second():
        for place in (results, tmp_path / "link", results / ".." / "results"):
            try:
                write(place)
            except OutputError as error:
                found.append(str(error))

    with claimed(results, OURS, SIGN):
        other = threading.Thread(target=second)
        other.start()
        other.join()
        assert len(found) == 3
        assert all("另一次运行正在写入" in words and str(results) in words for words in found)
        write(results)
        write(results.with_name("beside"))
    assert held(results) == NEW
    other = threading.Thread(target=second)
    other.start()
    other.join()
    assert len(found) == 3


def test_the_locks_lie_in_the_store_and_above_the_results(results, tmp_path, monkeypatch):
    monkeypatch.setenv("CARECIRCLE_CACHE", str(tmp_path / "store"))
    with claimed(results, OURS, SIGN):
        assert [path.suffix for path in (tmp_path / "store" / "locks").iterdir()] == [".lock"]
        assert stat.S_IMODE((tmp_path / "store" / "locks").stat().st_mode) == 0o700
        assert held(results, hidden=True) == OLD
        beside = [path.name for path in results.parent.iterdir()]
        assert len(beside) == 2
        assert sum(name.startswith(".carecircle-") and name.endswith(".lock") for name in beside) == 1


def test_runs_with_different_stores_do_not_mix(results, tmp_path, monkeypatch):
    """A run of a timer and one of a shell: their locks in the store are two, the one above the results is the same."""
    script = "import sys; from carecircle.folders import claimed\nwith claimed(sys.argv[1], ['a'], 'a'): pass"
    monkeypatch.setenv("CARECIRCLE_CACHE", str(tmp_path / "mine"))
    with claimed(results, OURS, SIGN):
        environment = {**os.environ, "CARECIRCLE_CACHE": str(tmp_path / "theirs")}
        ran = subprocess.run(
            [sys.executable, "-c", script, str(results)], env=environment, capture_output=True, text=True, check=False
        )
    assert ran.returncode == 1
    assert "另一次运行正在写入" in ran.stderr


def test_without_a_store_the_lock_lies_in_the_temporary_folder(results, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("CARECIRCLE_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    write(results)
    assert held(results) == NEW
    (locks,) = (tmp_path / "temporary").iterdir()
    assert [path.suffix for path in locks.iterdir()] == [".lock"]
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"无法.*加锁.*CARECIRCLE_CACHE"):
        write(results, OLD)
    assert held(results) == NEW


# Killed at every step


CHANGES = {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.utime", "open"}


class Killed(BaseException):
    """From here on nothing changes on the disk, whatever handlers and `finally` blocks try."""


@pytest.fixture(scope="module")
def stop():
    """A counter of changes on the disk; the n-th and all later ones are refused. A hook cannot be taken away again."""
    counter = {"at": None, "steps": 0}

    def tick():
        counter["steps"] += 1
        if counter["at"] is not None and counter["steps"] >= counter["at"]:
            raise Killed

    def hook(event, given):
        reads = event == "open" and not set("wax+") & set(str(given[1])) and not (given[2] & (os.O_WRONLY | os.O_RDWR))
        if event in CHANGES and not reads:
            tick()

    sys.addaudithook(hook)
    counter["tick"] = tick
    yield counter
    counter["at"] = None


@pytest.fixture
def killed(stop, monkeypatch):
    """Do something until before its n-th change on the disk; return whether it came so far.

    This is what SIGKILL leaves on the disk, without a process for each of some thousand steps; real ones are killed in
    test_killed.py.
    """
    swap, tick = folders._swap, stop["tick"]

    def swapped(one, other):
        tick()
        done = swap(one, other)
        tick()
        return done

    monkeypatch.setattr(os, "fsync", lambda _: None)  # only a power failure would show whether it is called
    monkeypatch.setattr(folders, "_swap", swapped)

    def run(step, action):
        stop.update(at=step, steps=0)
        try:
            action()
        except Killed:
            return True
        finally:
            stop["at"] = None
        return False

    return run


def put_back(results, snapshot):
    shutil.rmtree(results.parent)
    shutil.copytree(snapshot, results.parent)


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_any_step_leaves_all_old_or_all_new(results, tmp_path, way, monkeypatch, killed):
    extra = set_up(results, WAYS[way], monkeypatch)
    old = {**({} if "nothing" in WAYS[way] else OLD), **extra}
    before = old if results.exists() else None
    shutil.copytree(results.parent, tmp_path / "snapshot")
    outcomes, step = Counter(), 1
    while killed(step, lambda: write(results)):
        at_once = held(results) if results.exists() else None
        if way in ("exchange", "exchange with notes"):
            assert at_once in (old, {**NEW, **extra}), f"step {step}: nobody ever sees anything else"
        with claimed(results, OURS, SIGN):
            pass
        after = held(results, hidden=True) if results.exists() else None
        if before is None and after == {}:  # the folder was made and nothing else done
            after = None
        assert after in (before, {**NEW, **extra}), f"step {step}"
        assert [path.name for path in results.parent.iterdir()] in (["results"], [] if before is None else ["results"])
        outcomes["old" if after == before else "new"] += 1
        put_back(results, tmp_path / "snapshot")
        step += 1
    assert held(results, hidden=True) == {**NEW, **extra}
    assert outcomes["old"] > 3
    assert outcomes["new"] > 1 or "nothing" in WAYS[way]


@pytest.mark.parametrize("way", ["exchange with notes", "rename with notes", "moving"])
def test_killed_again_while_setting_right(results, tmp_path, way, monkeypatch, killed):
    """Each step of the recovery from everything that a killed run can leave."""
    extra = set_up(results, WAYS[way], monkeypatch)
    step, tries, seen = 0, 0, set()
    shutil.copytree(results.parent, tmp_path / "snapshot")
    while killed(step := step + 1, lambda: write(results)):
        left = tuple(sorted((path, path.is_file() and path.read_text()) for path in results.parent.rglob("*")))
        again = 1
        while left not in seen and killed(again, lambda: recover(results, OURS)):
            again += 1
            tries += 1
        recover(results, OURS)
        assert held(results, hidden=True) in ({**OLD, **extra}, {**NEW, **extra}), (step, again)
        left_over = [path.name for path in results.parent.iterdir() if path.suffix != ".lock"]
        assert left_over == ["results"]  # and the lock's file, which the next run takes away
        put_back(results, tmp_path / "snapshot")
        seen.add(left)
    assert tries > 20


@pytest.mark.parametrize("both", [False, True])
def test_killed_while_bringing_back(results, tmp_path, monkeypatch, killed, both):
    """A file is open elsewhere (and its earlier version cannot come back either), and the run is killed meanwhile."""
    (results / "maps").mkdir()
    shutil.copytree(results.parent, tmp_path / "snapshot")

    rename = Path.rename

    def moved(self, target):
        if Path(target) == results / "study.json" and (both or self.parent.name == "new"):
            raise PermissionError(errno.EACCES, "Access is denied", str(self))
        return rename(self, target)

    def stuck():
        with monkeypatch.context() as patch, suppress(OutputError):
            patch.setattr(Path, "rename", moved)
            write(results)

    step = 1
    while killed(step, stuck):
        recover(results, OURS)
        assert held(results, hidden=True) in ({**OLD, "maps": []}, {**NEW, "maps": []}), step
        put_back(results, tmp_path / "snapshot")
        step += 1
    assert step > 20
    recover(results, OURS)
    assert held(results, hidden=True) == {**(NEW if both else OLD), "maps": []}


def test_results_put_aside_come_back(results):
    """What a run without exchange leaves between its two renamings."""
    results.rename(results.with_name(".results.carecircle-previous"))
    draft = results.with_name(".results.carecircle-draft")
    draft.mkdir()
    (draft / "a.txt").write_text("half")
    recover(results, OURS)
    assert held(results, hidden=True) == OLD
    assert [path.name for path in results.parent.iterdir()] == ["results"]


def test_a_journal_is_carried_out(results):
    work = results / ".carecircle-moving"
    (work / "new").mkdir(parents=True)
    (work / "old").mkdir()
    (work / "new" / "a.txt").write_text("new a")
    (work / "journal.json").write_text(json.dumps({"place": ["a.txt", "study.json"], "drop": ["b.txt", "c.txt"]}))
    recover(results, OURS)
    assert held(results, hidden=True) == {"a.txt": "new a", "study.json": OLD["study.json"]}
