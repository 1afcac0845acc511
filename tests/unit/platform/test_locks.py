"""Locks on files, as this system has them, and as Windows has them,
with a stand-in for its module.
"""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fitprint.platform import files, locks

ANOTHER = """
import os, sys
from fitprint.platform.locks import try_lock
print(try_lock(os.open(sys.argv[1], os.O_RDWR)))
"""


def taken_elsewhere(path: Path) -> bool:
    """Tell whether another process can take the lock."""
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER, str(path)], capture_output=True, text=True, check=True
    )
    return done.stdout == "True\n"


def test_a_lock_keeps_other_processes_out_until_it_is_given_back(tmp_path: Path) -> None:
    number = os.open(tmp_path / "lock", files.NEW)
    assert locks.try_lock(number)
    assert not taken_elsewhere(tmp_path / "lock")
    locks.unlock(number)
    assert taken_elsewhere(tmp_path / "lock")
    os.close(number)


def test_a_lock_ends_with_the_file(tmp_path: Path) -> None:
    number = os.open(tmp_path / "lock", files.NEW)
    assert locks.try_lock(number)
    os.close(number)
    assert taken_elsewhere(tmp_path / "lock")


class Msvcrt(ModuleType):
    """The locks of Windows: of a range of bytes, from where the file stands; held against others by
    their open files.
    """

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.held: dict[tuple[int, int], int] = {}

    def locking(self, number: int, mode: int, count: int) -> None:
        assert 1 == count
        place = (os.fstat(number).st_ino, os.lseek(number, 0, os.SEEK_CUR))
        if mode == self.LK_UNLCK:
            assert number == self.held.pop(place)
        elif self.held.setdefault(place, number) != number:
            raise OSError(errno.EACCES, "Permission denied")


@pytest.fixture
def of_windows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is where there is no fcntl."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt())
    spec = importlib.util.spec_from_file_location("locks_of_windows", locks.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_on_windows_a_byte_is_locked_that_no_file_has(
    of_windows: ModuleType, tmp_path: Path
) -> None:
    """So that others can read the file; where the file stands does not change."""
    first = os.open(tmp_path / "lock", files.NEW)
    second = os.open(tmp_path / "lock", files.OPEN)
    os.write(first, b"text")
    assert of_windows.try_lock(first)
    assert not of_windows.try_lock(second)
    assert b"text" == os.read(second, 10)
    os.write(first, b" goes on")
    of_windows.unlock(first)
    assert of_windows.try_lock(second)
    assert b"text goes on" == (tmp_path / "lock").read_bytes()
    os.close(first)
    os.close(second)


def test_a_file_system_without_locks_is_an_error(
    of_windows: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks decides what then."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    number = os.open(tmp_path / "lock", files.NEW)
    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(sys.modules["msvcrt"], "locking", refuse)
    for module in (locks, of_windows):
        with pytest.raises(OSError, match="No locks available"):
            module.try_lock(number)
    os.close(number)


IGNORED = """
import fcntl
fcntl.flock = fcntl.{} = lambda number, how: None
"""
REFUSED = """
import fcntl
def refuse(number, how):
    raise OSError(37, "No locks available")
fcntl.flock = refuse
"""


def test_locks_are_tried_with_two_processes(tmp_path: Path) -> None:
    """And nothing of it stays."""
    assert "" == locks.faults(tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (IGNORED.format("flock"), "two processes get the same lock at once (flock)"),
        (IGNORED.format("lockf"), "two processes get the same lock at once (flock, lockf)"),
        (REFUSED, "they are refused (OSError: [Errno 37] No locks available)"),
        ("import time; time.sleep(600)", "they give no answer within 0.1 s"),
    ],
)
def test_what_is_wrong_with_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, told: str
) -> None:
    """With a stand-in for a file system that has none."""
    monkeypatch.setattr(locks, "_PROBE", f"{before}\n{locks._PROBE}")
    assert told == locks.faults(tmp_path, 0.1 if "sleep" in before else 30)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("mount", "option"),
    [
        ("36 25 0:32 / {} rw,relatime - nfs4 host:/x rw,vers=4.2,local_lock=none", ""),
        ("36 25 0:32 / {} rw,relatime - nfs host:/x rw,vers=3,local_lock=all", "local_lock=all"),
        ("36 25 0:32 / {} rw,relatime - nfs host:/x rw,vers=3,nolock", "nolock"),
        ("36 25 0:32 / {} rw shared:1 - cifs //host/x rw,nobrl", "nobrl"),
        ("36 25 0:32 / {} rw,relatime - ext4 /dev/sda1 rw,nolock", ""),
        ("36 25 0:32 / {}x rw,relatime - nfs host:/x rw,nolock", ""),
    ],
)
def test_mounts_whose_locks_stay_here_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: str, option: str
) -> None:
    (tmp_path / "with space" / "home").mkdir(parents=True)
    place = str(tmp_path / "with space").replace(" ", "\\040")
    mounts = tmp_path / "mounts"
    lines = ("1 1 8:1 / / rw - ext4 /dev/sda1 rw", mount.format(place))
    mounts.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(locks, "_MOUNTS", str(mounts))
    assert option == locks.local_option(tmp_path / "with space" / "home")
