"""Programs that close descriptors which are not theirs, or delete and move what is open: nothing of
theirs is harmed, little is lost.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from fitprint import events
from fitprint.journal.delivery import deliver, journals, writer_is_gone
from fitprint.journal.writer import JournalWriter
from fitprint.stores.memory import MemoryStore

SECOND = 1_000_000


def record(writer: JournalWriter, steps: range, *, seconds: int = 0) -> None:
    for step in steps:
        writer.point("r", "loss", step, step + seconds * SECOND, float(step))


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def writer(tmp_path: Path, told: list[str]) -> JournalWriter:
    """A writer that has begun a run."""
    writer = JournalWriter(tmp_path / "home" / "journal", on_problem=told.append)
    writer.append(events.RunStarted("r", 1, "Default", "name"))
    return writer


def reading(root: Path) -> MemoryStore:
    store = MemoryStore()
    done = deliver(root, store)
    assert ({}, {}) == (done.damage, done.failed)
    assert "name" == store.run("r").name
    return store


def steps(root: Path) -> list[int]:
    return list(reading(root).metric_history("r", "loss").step)


def test_fault_10_the_usual_ranges_do_not_reach_the_journal(
    writer: JournalWriter, told: list[str], tmp_path: Path
) -> None:
    """The descriptors lie above those that programs close by number."""
    assert min(writer._file, writer._lock_file) >= 500
    record(writer, range(10))
    writer.close()
    assert (list(range(10)), []) == (steps(tmp_path / "home" / "journal"), told)


@pytest.mark.parametrize("which", ["file", "lock", "both"])
def test_fault_10_a_descriptor_that_is_closed_is_opened_again(
    writer: JournalWriter, told: list[str], which: str, tmp_path: Path
) -> None:
    """Every point is there, the program does not count as dead, and it is told once."""
    record(writer, range(10))
    for number in {
        "file": [writer._file],
        "lock": [writer._lock_file],
        "both": [writer._file, writer._lock_file],
    }[which]:
        os.close(number)
    record(writer, range(10, 3000))
    (journal,) = journals(tmp_path / "home" / "journal")
    with open(journal / "writer.lock", "rb") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    writer.close()
    assert list(range(3000)) == steps(tmp_path / "home" / "journal")
    assert 1 == len(told)
    assert "nothing is lost" in told[0]


def test_fault_10_what_goes_astray_is_bounded_by_count(
    writer: JournalWriter, told: list[str], tmp_path: Path
) -> None:
    """A file that got our number takes a thousand points at the most; all others are in the
    journal, and it is told.
    """
    record(writer, range(1500))
    with open(tmp_path / "theirs", "w+b", buffering=0) as theirs:
        os.dup2(theirs.fileno(), writer._file)
        number = writer._file
        record(writer, range(1500, 5000))
        size = os.fstat(theirs.fileno()).st_size
        assert 0 < size <= 49 * 1001
        # the number is theirs, and stays open
        assert os.path.samestat(os.fstat(number), os.fstat(theirs.fileno()))
        os.close(number)
    writer.close()
    found = steps(tmp_path / "home" / "journal")
    assert 5000 - len(found) == size // 49
    assert set(range(1500)) | set(range(2600, 5000)) <= set(found)
    assert 1 == len(told)
    assert f"up to {size} bytes of records went astray" in told[0]


def test_fault_10_what_goes_astray_is_bounded_by_time(
    writer: JournalWriter, told: list[str], tmp_path: Path
) -> None:
    """A program that records now and then looks each time, before it writes."""
    record(writer, range(2))
    with open(tmp_path / "theirs", "w+b") as theirs:
        os.dup2(theirs.fileno(), writer._file)
        number = writer._file
        record(writer, range(2, 4), seconds=2)
        assert 0 == os.fstat(theirs.fileno()).st_size
        os.close(number)
    writer.close()
    assert list(range(4)) == steps(tmp_path / "home" / "journal")
    assert "nothing is lost" in told[0]


def test_fault_10_the_end_of_a_writer_closes_nothing_of_others(
    writer: JournalWriter, tmp_path: Path
) -> None:
    """Numbers that are another's by now stay open, and nothing is written to them."""
    with open(tmp_path / "theirs", "w+b") as theirs:
        numbers = [writer._file, writer._lock_file]
        for number in numbers:
            os.dup2(theirs.fileno(), number)
        writer.close()
        assert [0, 0] == [os.fstat(number).st_size for number in numbers]
        for number in numbers:
            os.close(number)


def test_fault_10_a_journal_that_a_reader_took_away_is_followed_by_another(
    writer: JournalWriter, told: list[str], tmp_path: Path
) -> None:
    """Where the lock was lost and a reader took the program for dead, what is recorded afterwards
    is kept, and it is told.
    """
    root = tmp_path / "home" / "journal"
    record(writer, range(10))
    for number in (writer._file, writer._lock_file):
        os.close(number)
    shutil.rmtree(next(root.iterdir()))  # as the reader did
    record(writer, range(10, 20))
    writer.append(events.RunStarted("r", 99, "Default", "name", resumed=True))
    writer.close()
    assert list(range(10, 20)) == steps(root)
    assert "taken for KILLED" in told[0]


def test_fault_10_a_point_costs_one_write_and_nothing_else(
    writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand points within a second: as many writes as points, and looks at our files for
    every thousandth.
    """
    record(writer, range(10))
    looks: list[Any] = []
    for name in ("fstat", "stat"):
        original = getattr(os, name)
        monkeypatch.setattr(
            os,
            name,
            lambda what, original=original, **how: looks.append(what) or original(what, **how),
        )

    def writes() -> int:
        """Count those of this thread: another one, of the test runner's, may write meanwhile."""
        return int(Path("/proc/thread-self/io").read_text().split("syscw: ")[1].split()[0])

    before = writes()
    record(writer, range(10, 10_010))
    assert 10_000 == writes() - before
    assert 0 < len(looks) <= 3 * 11
    monkeypatch.undo()
    writer.close()


def test_fault_13c_records_that_wait_when_descriptors_are_closed_are_written(
    writer: JournalWriter, told: list[str], tmp_path: Path
) -> None:
    """They are there as soon as they are settled, in files that were opened again."""
    writer.gather()
    record(writer, range(1))
    os.close(writer._file)
    writer.append(events.TagsSet("r", 2, {"a": "b"}))
    writer.settle()
    found = reading(tmp_path / "home" / "journal")
    assert [0] == list(found.metric_history("r", "loss").step)
    assert "b" == found.run("r").tags["a"]
    assert 1 == len(told)


@pytest.mark.parametrize("before", [100, 3000])
def test_fault_6_a_home_that_is_deleted_while_a_run_is_open_loses_nothing(
    writer: JournalWriter, told: list[str], before: int, tmp_path: Path
) -> None:
    """What was recorded before the home was deleted is there again with what follows, and it is
    told once.
    """
    record(writer, range(before))
    shutil.rmtree(tmp_path / "home")
    record(writer, range(before, before + 3000))
    (journal,) = journals(tmp_path / "home" / "journal")
    assert not writer_is_gone(journal)
    writer.close()
    assert list(range(before + 3000)) == steps(tmp_path / "home" / "journal")
    assert 1 == len(told)
    assert "was deleted while this program records" in told[0]


@pytest.mark.parametrize("name", ["00000001.log", "*"])
def test_fault_6_files_that_are_deleted_from_a_journal_are_written_anew(
    writer: JournalWriter, told: list[str], name: str, tmp_path: Path
) -> None:
    """Also where the folder stays; a store that had a part of it gets each point once."""
    root = tmp_path / "home" / "journal"
    record(writer, range(100))
    store = MemoryStore()
    deliver(root, store)
    for path in list(journals(root)[0].glob(name)):
        path.unlink()
    record(writer, range(100, 3000))
    writer.close()
    deliver(root, store)
    assert list(range(3000)) == list(store.metric_history("r", "loss").step)
    assert 1 == len(told)


def test_fault_6_a_program_that_ends_after_its_home_was_deleted_loses_nothing(
    writer: JournalWriter, tmp_path: Path
) -> None:
    """The end is the last look."""
    record(writer, range(10))
    shutil.rmtree(tmp_path / "home")
    writer.close()
    assert list(range(10)) == steps(tmp_path / "home" / "journal")


def test_fault_6_a_home_that_is_moved_takes_its_open_journal_along(
    writer: JournalWriter, told: list[str], tmp_path: Path
) -> None:
    """What is recorded after the move lies where the home lies now, segments included, and it is
    told once.
    """
    record(writer, range(10))
    (tmp_path / "home").rename(tmp_path / "moved")
    writer._segment_bytes = 10_000
    record(writer, range(10, 5000))
    writer.close()
    assert list(range(5000)) == steps(tmp_path / "moved" / "journal")
    assert not (tmp_path / "home").exists()
    assert 1 == len(told)
    assert "was moved" in told[0]


def test_fault_6_a_copy_of_a_home_changes_nothing(
    writer: JournalWriter, told: list[str], tmp_path: Path
) -> None:
    """The copy has what was recorded until then, the home has all."""
    record(writer, range(10))
    shutil.copytree(tmp_path / "home", tmp_path / "copy")
    record(writer, range(10, 3000))
    writer.close()
    assert list(range(10)) == steps(tmp_path / "copy" / "journal")
    assert (list(range(3000)), []) == (steps(tmp_path / "home" / "journal"), told)
