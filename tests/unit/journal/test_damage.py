"""Torn and corrupted journals: what is intact is read, and what is not is named."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitprint import events
from fitprint.errors import StoreError
from fitprint.events import MetricPoints
from fitprint.journal import codec, frames
from fitprint.journal.delivery import deliver, journals
from fitprint.journal.reader import Damage, read_journal
from fitprint.journal.writer import JournalWriter
from fitprint.stores.memory import MemoryStore


def written(root: Path, *, count: int = 30, segment_bytes: int = 1 << 20) -> bytes:
    """Write a run with points of one metric and a tag every tenth; return the first segment's
    bytes.
    """
    writer = JournalWriter(root, segment_bytes=segment_bytes)
    writer.append(events.RunStarted("r", 1, "Default", "name"))
    for step in range(count):
        writer.point("r", "loss", step, step, float(step))
        if step % 10 == 9:
            writer.append(events.TagsSet("r", step, {f"tag {step}": "x"}))
    writer.close()
    return min(root.glob("*/*.log")).read_bytes()


def frame_ends(data: bytes) -> list[int]:
    """Return the offsets at which frames end."""
    ends, at = [], 0
    while at < len(data):
        at += 12 + frames.HEADER.unpack_from(data, at)[1]
        ends.append(at)
    return ends


def read(segment: bytes, folder: Path) -> tuple[list[int], list[str], list[Damage], int]:
    """Return steps, tags, damage and torn bytes of a journal with this one segment."""
    folder.mkdir(exist_ok=True)
    (folder / frames.segment_name(1)).write_bytes(segment)
    steps: list[int] = []
    tags: list[str] = []
    damage: list[Damage] = []
    torn = 0
    for stretch in read_journal(folder):
        torn += stretch.torn
        damage += stretch.damage
        for event in stretch.events:
            if isinstance(event, MetricPoints):
                steps += event.points.step
            elif isinstance(event, events.TagsSet):
                tags += event.tags
    return steps, tags, damage, torn


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("sample"))


@pytest.mark.thorough
def test_a_tail_torn_at_any_byte_loses_only_the_record_that_is_torn(
    sample: bytes, tmp_path: Path
) -> None:
    """Cut anywhere, a segment gives every whole record before the cut, and says how many bytes are
    left.
    """
    ends = frame_ends(sample)
    folder = tmp_path / "journal"
    for cut in range(len(sample) + 1):
        steps, tags, damage, torn = read(sample[:cut], folder)
        whole = max((end for end in ends if end <= cut), default=0)
        assert cut - whole == torn
        assert not damage
        everything = read(sample[:whole], folder)
        assert (steps, tags) == everything[:2]
    assert list(range(30)) == steps


def test_reading_goes_on_where_a_torn_tail_was_completed(sample: bytes, tmp_path: Path) -> None:
    """A record that was half there at the first look is read at the second,
    and none is read twice.
    """
    ends = frame_ends(sample)
    for end in ends[3:20]:
        (tmp_path / frames.segment_name(1)).write_bytes(sample[: end - 5])
        first = list(read_journal(tmp_path))
        (tmp_path / frames.segment_name(1)).write_bytes(sample)
        second = list(read_journal(tmp_path, first[-1].end))
        steps = [
            step
            for part in (*first, *second)
            for event in part.events
            if isinstance(event, MetricPoints)
            for step in event.points.step
        ]
        assert list(range(30)) == steps


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_corruption_in_the_middle_costs_only_the_records_it_hits(
    sample: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bytes overwritten with anything: every record that they do not touch is read, and the damage
    is named.
    """
    ends = frame_ends(sample)
    first = ends[2]  # behind start, run and definition of the metric
    at = data.draw(st.integers(first, len(sample) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=150))
    spoilt = (sample[:at] + junk + sample[at + len(junk) :])[: len(sample)]
    steps, tags, damage, torn = read(spoilt, tmp_path_factory.mktemp("journal"))
    touched = {
        index
        for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
        if spoilt[start:end] != sample[start:end]
    }
    kept_steps, kept_tags = expected(sample, ends, touched)
    assert (kept_steps, kept_tags) == (steps, tags)
    assert bool(touched) == bool(damage or torn)


def expected(data: bytes, ends: list[int], without: set[int]) -> tuple[list[int], list[str]]:
    """Return steps and tags in all frames but some."""
    steps, tags = [], []
    for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        payload = data[start + 12 : end]
        if index in without:
            continue
        if payload[0] == frames.POINT:
            steps.append(frames.POINT_BODY.unpack(payload)[2])
        elif payload[0] == frames.EVENT and b"TagsSet" in payload:
            (tag,) = json.loads(payload[1:])[3]
            tags.append(tag)
    return steps, tags


def test_bytes_put_in_or_taken_out_of_the_middle_cost_only_what_they_hit(
    sample: bytes, tmp_path: Path
) -> None:
    """Frames are found again wherever they lie."""
    ends = frame_ends(sample)
    draw = random.Random(3)
    for _ in range(40):
        at = draw.randrange(ends[2], ends[-2])
        width = draw.randrange(1, 60)
        longer = sample[:at] + draw.randbytes(width) + sample[at:]
        shorter = sample[:at] + sample[at + width :]
        hit = {
            index
            for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
            if start < at < end
        }
        assert expected(sample, ends, hit) == read(longer, tmp_path)[:2]
        hit = {
            index
            for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
            if start < at + width and end > at
        }
        assert expected(sample, ends, hit) == read(shorter, tmp_path)[:2]


def test_points_whose_definition_is_lost_are_counted(sample: bytes, tmp_path: Path) -> None:
    """Points that nobody can name any more are damage, not silence, and the other records stay."""
    ends = frame_ends(sample)
    spoilt = bytearray(sample)
    spoilt[ends[2] - 3] ^= 0xFF
    steps, tags, damage, _ = read(bytes(spoilt), tmp_path)
    assert [] == steps
    assert 3 == len(tags)
    assert any("30 metric points whose definition is lost" in item.reason for item in damage)


def test_a_damaged_segment_that_is_not_the_last_holds_nothing_up(tmp_path: Path) -> None:
    """What follows a segment whose end is gone is read."""
    written(tmp_path, segment_bytes=600)
    (journal,) = journals(tmp_path)
    paths = sorted(journal.glob("*.log"))
    assert len(paths) > 3
    paths[1].write_bytes(paths[1].read_bytes()[:-70])
    stretches = list(read_journal(journal))
    steps = [
        step
        for stretch in stretches
        for event in stretch.events
        if isinstance(event, MetricPoints)
        for step in event.points.step
    ]
    assert 29 in steps
    assert len(steps) >= 27
    assert ["no intact record"] == [item.reason for stretch in stretches for item in stretch.damage]


def test_an_empty_segment_and_one_that_is_gone_hold_nothing_up(tmp_path: Path) -> None:
    """Segments that vanished or hold nothing are passed over."""
    written(tmp_path, segment_bytes=600)
    (journal,) = journals(tmp_path)
    paths = sorted(journal.glob("*.log"))
    paths[1].write_bytes(b"")
    paths[2].unlink()
    steps = [
        step
        for part in read_journal(journal)
        for event in part.events
        if isinstance(event, MetricPoints)
        for step in event.points.step
    ]
    assert 0 in steps
    assert 29 in steps


def test_a_damaged_journal_is_delivered_and_kept_for_a_human(tmp_path: Path) -> None:
    """The store gets what is intact, the journal stays as ``.damaged-…``, and the delivery names
    the damage once.
    """
    sample = written(tmp_path)
    (journal,) = journals(tmp_path)
    at = frame_ends(sample)[10]
    (journal / frames.segment_name(1)).write_bytes(
        sample[: at - 20] + b"?" * 10 + sample[at - 10 :]
    )
    store = MemoryStore()
    damage = deliver(tmp_path, store).damage
    assert [(at - 49, 49)] == [(item.offset, item.size) for item in damage[journal.name]]
    assert 29 == store.run("r").metrics["loss"].count
    assert (tmp_path / f".damaged-{journal.name}").is_dir()
    assert {} == deliver(tmp_path, store).damage


def test_damage_met_while_the_writer_lives_is_still_kept_for_a_human(tmp_path: Path) -> None:
    """A damaged segment is not removed because a delivery before the end already passed over it."""
    writer = JournalWriter(tmp_path, segment_bytes=600)
    writer.append(events.RunStarted("r", 1, "Default", "name"))
    for step in range(30):
        writer.point("r", "loss", step, step, float(step))
    (journal,) = journals(tmp_path)
    path = min(journal.glob("*.log"))
    spoilt = bytearray(path.read_bytes())
    spoilt[-60] ^= 0xFF
    path.write_bytes(spoilt)
    store = MemoryStore()
    assert deliver(tmp_path, store).damage
    writer.close()
    deliver(tmp_path, store)
    kept = tmp_path / f".damaged-{journal.name}"
    assert bytes(spoilt) == (kept / path.name).read_bytes()


def test_a_journal_whose_facts_are_gone_is_delivered(tmp_path: Path) -> None:
    """Neither a missing lock nor a missing ``writer.json`` keeps records from the store."""
    written(tmp_path)
    (journal,) = journals(tmp_path)
    (journal / "writer.json").write_text("{")
    (journal / "writer.lock").unlink()
    store = MemoryStore()
    deliver(tmp_path, store)
    assert 30 == store.run("r").metrics["loss"].count


LATER = {
    "an event": frames.frame(b'\3["FromTheFuture","r",1]'),
    "a kind of frame": frames.frame(b"\x09something"),
    "a format": frames.frame(b'\5{"format": 2, "journal": "j", "segment": 1}'),
}


@pytest.mark.parametrize("later", LATER.values(), ids=LATER)
@pytest.mark.parametrize("closed", [True, False])
def test_fault_24_delivery_stops_before_what_only_a_newer_version_knows(
    tmp_path: Path, later: bytes, *, closed: bool
) -> None:
    """What stands before it is delivered, it is told who wrote it, nothing is removed or called
    damaged, and other journals go on.
    """
    writer = JournalWriter(tmp_path, facts=lambda: {"fitprint": "7.8.9"}, segment_bytes=400)
    writer.append(events.RunStarted("r", 1, "Default", "name"))
    for step in range(20):
        writer.point("r", "loss", step, step, float(step))
    os_write(writer, later)
    for step in range(20, 40):
        writer.point("r", "loss", step, step, float(step))
    writer.append(events.RunEnded("r", 99, "FINISHED"))
    if closed:
        writer.close()
    other = JournalWriter(tmp_path)
    other.append(
        events.RunStarted("other", 1, "Default", "name"), events.RunEnded("other", 2, "FINISHED")
    )
    other.close()
    store = MemoryStore()
    for _ in range(2):
        done = deliver(tmp_path, store)
        (told,) = done.problems.values()
        assert "written by fitprint 7.8.9" in told
        assert "upgrade fitprint" in told
        assert ({}, {}, []) == (done.damage, done.failed, done.killed)
    assert ("RUNNING", list(range(20))) == (
        store.run("r").status,
        list(store.metric_history("r", "loss").step),
    )
    assert "FINISHED" == store.run("other").status
    assert 1 == len(journals(tmp_path))
    writer.close()


def test_fault_24_the_next_version_goes_on_where_this_one_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that knows the event has all of the journal, each point once, however far others
    had come.
    """
    writer = JournalWriter(tmp_path)
    writer.append(events.RunStarted("r", 1, "Default", "name"))
    writer.point("r", "loss", 0, 0, 0.0)
    os_write(writer, frames.frame(b'\3["LaterDeleted","r",1]'))
    writer.point("r", "loss", 1, 1, 1.0)
    writer.append(events.RunEnded("r", 2, "FINISHED"))
    writer.close()
    store = MemoryStore()
    deliver(tmp_path, store)
    monkeypatch.setitem(codec._BY_NAME, "LaterDeleted", events.RunDeleted)
    monkeypatch.setitem(codec._FIELDS, "LaterDeleted", codec._FIELDS["RunDeleted"])
    assert {} == deliver(tmp_path, store).problems
    run = store.run("r")
    assert ("FINISHED", 1, [0, 1]) == (
        run.status,
        run.deleted_time,
        list(store.metric_history("r", "loss").step),
    )
    assert [] == journals(tmp_path)


def test_fault_24_a_journal_says_which_version_can_read_it(tmp_path: Path) -> None:
    """Its ``writer.json`` names the format, and one that is beyond this version is left alone."""
    writer = JournalWriter(tmp_path)
    writer.append(events.RunStarted("r", 1, "Default", "name"))
    writer.close()
    (journal,) = journals(tmp_path)
    said = json.loads((journal / "writer.json").read_text())
    assert frames.FORMAT == said["format"]
    (journal / "writer.json").write_text(json.dumps({**said, "format": frames.FORMAT + 1}))
    store = MemoryStore()
    done = deliver(tmp_path, store)
    assert (0, 1) == (done.batches, len(done.problems))
    assert [journal] == journals(tmp_path)


def os_write(writer: JournalWriter, data: bytes) -> None:
    os.write(writer._file, data)


def test_a_store_that_refuses_leaves_the_journal_as_it_is(tmp_path: Path) -> None:
    """Nothing is removed that was not kept."""

    class Refusing(MemoryStore):
        def append(self, batch: events.Batch) -> None:
            raise StoreError("full")

    written(tmp_path)
    with pytest.raises(StoreError, match="full"):
        deliver(tmp_path, Refusing())
    store = MemoryStore()
    deliver(tmp_path, store)
    assert 30 == store.run("r").metrics["loss"].count
