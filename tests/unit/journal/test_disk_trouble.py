"""A disk that is full, refuses, or comes back: nothing is raised, what fits in memory is written
later, and it is told once.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fitprint import events
from fitprint.journal.delivery import journals
from fitprint.journal.reader import read_journal
from fitprint.journal.writer import JournalWriter


@pytest.fixture
def file_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the test limit the size of files, as a full disk would."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # half a .pyc would stay behind
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, previous)


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def unlimit_files() -> None:
    limit_files(resource.getrlimit(resource.RLIMIT_FSIZE)[1])


def read_points(root: Path) -> dict[str, list[int]]:
    """Return the steps of each metric; nothing may be damaged."""
    steps: dict[str, list[int]] = {}
    for journal in journals(root):
        for stretch in read_journal(journal):
            assert [] == stretch.damage
            for event in stretch.events:
                if isinstance(event, events.MetricPoints):
                    steps.setdefault(event.key, []).extend(event.points.step)
    return steps


@pytest.mark.parametrize("room", range(150, 330, 9))
def test_a_full_disk_loses_nothing_that_fits_in_memory(
    tmp_path: Path, file_limit: None, room: int
) -> None:
    """Wherever in a record the disk is full, records are held, written when there is room again,
    and the trouble is told once.
    """
    told: list[str] = []
    writer = JournalWriter(tmp_path, on_problem=told.append)
    writer.open()
    limit_files(room)
    for step in range(50):
        writer.point("r", "ab"[step % 2], step, step, 0.0)
    assert 1 == len(told)
    assert "cannot be written" in told[0]
    unlimit_files()
    writer._retry_at = 0.0  # instead of waiting
    writer.point("r", "a", 50, 50, 0.0)
    assert {"a": list(range(0, 51, 2)), "b": list(range(1, 50, 2))} == read_points(tmp_path)
    writer.close()
    assert 1 == len(told)


def test_the_end_of_the_journal_writes_what_was_held(tmp_path: Path, file_limit: None) -> None:
    """What is in memory when the program ends gets a last chance."""
    writer = JournalWriter(tmp_path)
    writer.open()
    limit_files(200)
    for step in range(50):
        writer.point("r", "a", step, step, 0.0)
    unlimit_files()
    writer.close()
    assert {"a": list(range(50))} == read_points(tmp_path)


def test_what_does_not_fit_in_memory_is_lost_and_that_is_told(
    tmp_path: Path, file_limit: None
) -> None:
    """Memory is bounded; what comes after the gap is recorded under the right names, and the end
    says that something is lost.
    """
    told: list[str] = []
    writer = JournalWriter(tmp_path, on_problem=told.append, held_bytes=1000)
    writer.open()
    limit_files(200)
    for step in range(100):
        writer.point("r", f"early {step}", 0, step, 0.0)
    assert len(writer._held) <= 1000
    unlimit_files()
    writer._retry_at = 0.0
    for step in range(100):
        writer.point("r", f"early {step}", 1, step, 1.0)
    writer.close()
    steps = read_points(tmp_path)
    assert all(1 in steps[f"early {step}"] for step in range(100))
    assert 2 == len(told)
    assert "are lost" in told[1]


def test_a_record_larger_than_memory_allows_is_not_cut_in_half(
    tmp_path: Path, file_limit: None
) -> None:
    """What the disk took the beginning of is finished later, however large."""
    writer = JournalWriter(tmp_path, held_bytes=100)
    writer.open()
    limit_files(500)
    text = "x" * 5000
    writer.append(events.TagsSet("r", 1, {"a": text}))
    writer.append(events.TagsSet("r", 2, {"b": text}))
    unlimit_files()
    writer._retry_at = 0.0
    writer.append(events.TagsSet("r", 3, {"c": "d"}))
    writer.close()
    (journal,) = journals(tmp_path)
    assert [{"a": text}, {"c": "d"}] == [
        event.tags
        for part in read_journal(journal)
        for event in part.events
        if isinstance(event, events.TagsSet)
    ]


def test_a_disk_that_is_full_at_the_end_of_a_segment_is_no_error(
    tmp_path: Path, file_limit: None
) -> None:
    """Neither the last frame of a segment nor the first of the next may raise."""
    writer = JournalWriter(tmp_path, segment_bytes=400)
    writer.open()
    limit_files(430)
    for step in range(100):
        writer.point("r", "a", step, step, 0.0)
    limit_files(10)
    for step in range(100, 120):
        writer.point("r", "a", step, step, 0.0)
    unlimit_files()
    writer.close()
    assert {"a": list(range(120))} == read_points(tmp_path)


def test_a_folder_that_cannot_be_made_leaves_no_litter(tmp_path: Path, file_limit: None) -> None:
    """Opening again and again on a full disk does not fill the folder with half-made journals."""
    writer = JournalWriter(tmp_path / "journal", facts=lambda: {"fact": "x" * 100})
    limit_files(20)
    for step in range(5):
        writer._retry_at = 0.0
        writer.point("r", "a", step, step, 0.0)
    assert [] == list((tmp_path / "journal").iterdir())
    unlimit_files()
    writer._retry_at = 0.0
    writer.point("r", "b", 0, 0, 0.0)
    writer.point("r", "a", 5, 5, 0.0)
    writer.close()
    assert {"a": list(range(6)), "b": [0]} == read_points(tmp_path / "journal")


def test_opening_says_if_the_folder_cannot_be_written(tmp_path: Path) -> None:
    """``open()`` is where a caller learns that it must record somewhere else."""
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="Not a directory"):
        JournalWriter(tmp_path / "file" / "journal").open()


def test_a_disk_that_cannot_be_made_safe_is_told_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of ``fdatasync`` does not reach the caller, nor is a record written twice."""

    def refuse(number: int) -> None:
        raise OSError(5, "Input/output error")

    told: list[str] = []
    writer = JournalWriter(tmp_path, on_problem=told.append, durability="power")
    writer.point("r", "a", 0, 0, 0.0)
    monkeypatch.setattr(os, "fdatasync", refuse)
    for step in range(1, 4):
        writer.point("r", "a", step, step, 0.0)
    writer.close()
    assert {"a": [0, 1, 2, 3]} == read_points(tmp_path)
    assert 1 == len(told)


def test_what_a_full_disk_refused_just_now_is_there_for_who_looks_when_there_is_room(
    tmp_path: Path, file_limit: None
) -> None:
    """Nobody waits for the next time that it is tried."""
    writer = JournalWriter(tmp_path)
    writer.open()
    limit_files(1)
    writer.point("r", "a", 0, 1, 0.0)
    unlimit_files()
    writer.point("r", "a", 1, 2, 0.0)
    writer.settle()
    assert {"a": [0, 1]} == read_points(tmp_path)
