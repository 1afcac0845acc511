"""Points are one record: its order and its bytes are said once."""

from __future__ import annotations

import struct
import sys
from array import array
from dataclasses import fields
from pathlib import Path

import pytest

import fitprint
from fitprint.entities import History
from fitprint.events import MetricPoints
from fitprint.journal.reader import read_journal
from fitprint.journal.writer import JournalWriter
from fitprint.stores import chunks

HISTORY = History(
    array("q", [1, 2]), array("q", [30, 40]), array("d", [0.5, 0.25]), array("d", [7.0, 8.0])
)


def test_fault_9_points_have_one_order_in_memory_in_the_journal_and_in_chunks(
    tmp_path: Path,
) -> None:
    """Steps, times, values, epochs."""
    raw = struct.pack("<4q4d", 1, 2, 30, 40, 0.5, 0.25, 7.0, 8.0)
    assert [field.name for field in fields(History)] == ["step", "timestamp", "value", "epoch"]
    assert (HISTORY.to_bytes(), History.from_bytes(raw)) == (raw, HISTORY)
    writer = JournalWriter(tmp_path)
    writer.append(MetricPoints("r", 40, "loss", HISTORY))
    writer.close()
    (journal,) = (folder for folder in tmp_path.iterdir() if folder.is_dir())
    assert raw in (journal / "00000001.log").read_bytes()
    assert [event for stretch in read_journal(journal) for event in stretch.events] == [
        MetricPoints("r", 40, "loss", HISTORY)
    ]
    places = [
        chunks.encode(HISTORY).index(part)
        for part in (struct.pack("<qq", 1, 1), struct.pack("<qq", 30, 10))
    ]
    assert places == sorted(places)


def test_fault_9_the_order_of_bytes_is_looked_at_in_one_place() -> None:
    """Whoever writes or reads numbers asks for little-endian bytes."""
    source = Path(fitprint.__file__).parent
    assert [
        path.name for path in source.rglob("*.py") if "byteswap" in path.read_text(encoding="utf-8")
    ] == ["entities.py"]


def test_bytes_are_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has the other order, numbers are turned both ways."""
    raw = HISTORY.to_bytes()
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    turned = HISTORY.to_bytes()
    assert turned == b"".join(raw[at : at + 8][::-1] for at in range(0, len(raw), 8))
    assert History.from_bytes(turned) == HISTORY
    assert HISTORY.step == array("q", [1, 2])


def test_bytes_of_half_a_point_are_refused() -> None:
    """Columns that would differ in length are none."""
    with pytest.raises(ValueError, match="four columns"):
        History.from_bytes(HISTORY.to_bytes()[:-8])


def test_histories_are_joined_in_order() -> None:
    """None gives none, and the pieces stay as they are."""
    assert History.joined([]) == History()
    whole = History.joined([HISTORY, HISTORY.part(1)])
    assert (list(whole.step), list(whole.value), len(HISTORY)) == ([1, 2, 2], [0.5, 0.25, 0.25], 2)
