"""What is written to a journal is what is read from it."""

from __future__ import annotations

import json
import math
import os
import struct
import threading
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitprint import clock, events
from fitprint.entities import Artifact, Dataset, History, LoggedModel, Param
from fitprint.errors import FitprintError
from fitprint.journal.codec import UnknownRecordError, decode_event, encode_event
from fitprint.journal.delivery import journals
from fitprint.journal.reader import read_journal
from fitprint.journal.writer import JournalWriter

TEXT = st.text(max_size=8)
NAME = st.text(min_size=1, max_size=8)
GROUP = st.text("0123456789abcdef", min_size=32, max_size=32)
DIGEST = st.sampled_from(["sha256:0", "none"])
SIZE = st.integers(0, 2**63 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
TIME = st.integers(clock.EARLIEST, clock.LATEST)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
EVENTS = st.one_of(
    st.builds(events.RunStarted, NAME, TIME, NAME, TEXT, st.none() | NAME, TEXT, st.booleans()),
    st.builds(
        events.RunEnded,
        NAME,
        TIME,
        st.sampled_from(["FINISHED", "FAILED", "KILLED"]),
        st.none() | TEXT,
    ),
    st.builds(events.RunDeleted, NAME, TIME, TEXT, TEXT),
    st.builds(events.RunRestored, NAME, TIME, TEXT, TEXT),
    st.builds(events.RunPurged, NAME, TIME, TEXT, TEXT),
    *(
        st.builds(act, GROUP, TIME, TEXT, TEXT)
        for act in (events.ExperimentArchived, events.ExperimentRestored)
    ),
    *(st.builds(act, NAME, TIME, TEXT, TEXT, TEXT) for act in (events.RunRenamed, events.RunNoted)),
    *(
        st.builds(act, GROUP, TIME, TEXT, TEXT, TEXT)
        for act in (events.ExperimentCreated, events.ExperimentRenamed, events.ExperimentNoted)
    ),
    st.builds(events.RunMoved, NAME, TIME, TEXT, TEXT, GROUP),
    st.builds(
        events.ExperimentTagged, GROUP, TIME, TEXT, TEXT, st.dictionaries(TEXT, st.none() | TEXT)
    ),
    st.builds(
        events.ParamsLogged,
        NAME,
        TIME,
        st.dictionaries(TEXT, st.builds(Param, JSON, st.just("default"), st.none() | TEXT)),
    ),
    st.builds(events.TagsSet, NAME, TIME, st.dictionaries(TEXT, st.none() | TEXT)),
    st.builds(
        events.DatasetLogged,
        NAME,
        TIME,
        st.builds(Dataset, TEXT, TEXT, TEXT, st.dictionaries(TEXT, JSON)),
    ),
    st.builds(
        events.ArtifactsLogged,
        NAME,
        TIME,
        st.lists(st.builds(Artifact, NAME, DIGEST, SIZE), max_size=2).map(tuple),
    ),
    st.builds(
        events.ModelLogged,
        NAME,
        TIME,
        st.builds(LoggedModel, NAME, TEXT, DIGEST, st.dictionaries(TEXT, JSON)),
    ),
    st.builds(events.DocumentLogged, NAME, TIME, TEXT, JSON),
    st.builds(events.ArtifactStoreChosen, TIME, NAME),
    st.builds(events.BytesArrived, TIME, st.lists(DIGEST, max_size=2).map(tuple)),
    st.builds(events.BytesFreed, TIME, st.lists(DIGEST, max_size=2).map(tuple)),
    st.builds(
        events.ChangesFollowed, TIME, NAME, NAME, st.floats(0, 1e9), st.one_of(st.none(), TEXT)
    ),
)


def contents(root: Path, *, position: int = 0) -> list[events.Event]:
    """Return all events below ``root`` after checking that nothing is damaged."""
    found: list[events.Event] = []
    for journal in journals(root):
        for stretch in read_journal(journal, position):
            assert not stretch.damage
            assert not stretch.torn
            found += stretch.events
    return found


def points(found: list[events.Event]) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """Return (step, value) of all points by run and metric."""
    rows: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for event in found:
        if isinstance(event, events.MetricPoints):
            rows.setdefault((event.run, event.key), []).extend(
                zip(event.points.step, event.points.value, strict=True)
            )
    return rows


@pytest.mark.parametrize("name", ["", "e", "e\0", "\ud801", "E" * 32, "e" * 33, "e" * 31 + "\n"])
def test_the_id_of_an_experiment_has_one_spelling(name: str) -> None:
    """Ids that stores would spell in another way, so that two are one to the database, are not
    written and not read.
    """
    act = events.ExperimentArchived(name, 1, "a" * 32, "")
    with pytest.raises(FitprintError):
        encode_event(act)
    with pytest.raises(ValueError, match="'experiment' cannot be"):
        decode_event(json.dumps(["ExperimentArchived", name, 1, "a" * 32, ""]).encode())


@given(EVENTS)
def test_an_event_survives_its_encoding(event: events.Event) -> None:
    """Each event is read back as written; NaN counts as equal to itself."""
    assert repr(event) == repr(decode_event(encode_event(event)))


@pytest.mark.parametrize("name", events.RESERVED)
def test_names_that_are_kept_for_later_are_none_of_ours(name: str) -> None:
    """A record that a later version writes under one of these names stops this one, and is not
    taken for damage.
    """
    with pytest.raises(UnknownRecordError):
        decode_event(f'["{name}","r",1]'.encode())


def test_a_lone_surrogate_survives_its_encoding() -> None:
    """Texts that cannot be UTF-8 (file names, command lines) come back as they were."""
    event = events.TagsSet("r", 1, {"file": "caf\udce9 \\ud800"})
    assert event == decode_event(encode_event(event))


def test_fields_and_events_of_a_newer_fitprint_are_told_apart() -> None:
    """A field added at the end is passed over; an event of another name is an error."""
    assert events.RunDeleted("r", 1) == decode_event(b'["RunDeleted","r",1,"","","new"]')
    with pytest.raises(ValueError, match="the unknown event 'Later'"):
        decode_event(b'["Later"]')


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from(["x", "y"]),
            INT64,
            TIME,
            st.floats(),
            st.floats(),
        ),
        max_size=60,
    ),
    st.integers(100, 900),
)
def test_points_survive_in_order_and_to_the_bit(
    rows: list[tuple[str, str, int, int, float, float]], segment_bytes: int
) -> None:
    """Points of several series keep their order, their 64-bit steps and times and their exact
    values, also over several segments.
    """
    expected: dict[tuple[str, str], list[bytes]] = {}
    with TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder), segment_bytes=segment_bytes)
        for run, key, step, time, value, epoch in rows:
            writer.point(run, key, step, time, value, epoch)
            expected.setdefault((run, key), []).append(
                array("q", [step, time]).tobytes() + array("d", [value, epoch]).tobytes()
            )
        writer.close()
        found = contents(Path(folder))
    actual: dict[tuple[str, str], list[bytes]] = {}
    for event in found:
        assert isinstance(event, events.MetricPoints)
        assert event.time == event.points.timestamp[-1]
        for step, time, value, epoch in zip(*event.points.columns, strict=True):
            actual.setdefault((event.run, event.key), []).append(
                array("q", [step, time]).tobytes() + array("d", [value, epoch]).tobytes()
            )
    assert expected == actual


def test_columns_and_single_points_of_one_series_keep_their_order(tmp_path: Path) -> None:
    """A curve logged whole between single points stands between them."""
    writer = JournalWriter(tmp_path)
    writer.point("r", "loss", 0, 10, 0.5)
    writer.append(
        events.MetricPoints(
            "r",
            12,
            "loss",
            History(
                array("q", [1, 2]),
                array("q", [11, 12]),
                array("d", [0.4, 0.3]),
                array("d", [math.nan] * 2),
            ),
        )
    )
    writer.point("r", "loss", 3, 13, 0.2)
    writer.close()
    assert {("r", "loss"): [(0, 0.5), (1, 0.4), (2, 0.3), (3, 0.2)]} == points(contents(tmp_path))


def test_an_event_does_not_overtake_the_points_before_it(tmp_path: Path) -> None:
    """The end of a run is read after its points, and the points of a resumed run after its new
    start.
    """
    writer = JournalWriter(tmp_path)
    writer.point("r", "loss", 0, 10, 0.5)
    writer.append(events.RunEnded("r", 11, "FINISHED"))
    writer.point("r", "loss", 1, 12, 0.4)
    writer.close()
    found = contents(tmp_path)
    assert ["MetricPoints", "RunEnded", "MetricPoints"] == [type(event).__name__ for event in found]


@pytest.mark.parametrize("segment_bytes", range(60, 700, 7))
def test_series_are_defined_anew_in_each_segment(tmp_path: Path, segment_bytes: int) -> None:
    """Wherever a segment ends, before a definition or between it and its point, each point is read
    under its own name.
    """
    writer = JournalWriter(tmp_path, segment_bytes=segment_bytes)
    expected: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for step in range(12):
        for key in ("a", "b", "c"):
            writer.point("r", key, step, step, step + ord(key))
            expected.setdefault(("r", key), []).append((step, step + ord(key)))
        curves = [
            events.MetricPoints("r", 0, f"curve {key}", History(*columns(step))) for key in "xy"
        ]
        writer.append(*curves, events.TagsSet("r", 0, {"step": str(step)}))
        for curve in curves:
            expected.setdefault(("r", curve.key), []).append((step, float(step)))
    writer.close()
    assert expected == points(contents(tmp_path))


def columns(step: int) -> tuple[array[int], array[int], array[float], array[float]]:
    return array("q", [step]), array("q", [0]), array("d", [step]), array("d", [math.nan])


def test_a_segment_that_is_full_is_ended_and_another_begun(tmp_path: Path) -> None:
    """Segments stay near their size, and each says which one it is."""
    writer = JournalWriter(tmp_path, segment_bytes=1000)
    for step in range(100):
        writer.point("r", "loss", step, 0, 0.0)
    writer.close()
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*/*.log"))]
    assert len(sizes) >= 5
    assert max(sizes) < 1200


def test_reading_resumes_at_every_position(tmp_path: Path) -> None:
    """Whatever stretches a reader took before, going on where it stopped gives each event once,
    series defined earlier included.
    """
    writer = JournalWriter(tmp_path, segment_bytes=700)
    whole: list[tuple[int, float]] = []
    for step in range(40):
        writer.point("r", "loss", step, step, float(step))
        whole.append((step, float(step)))
        if step % 7 == 0:
            writer.append(events.TagsSet("r", step, {"step": str(step)}))
    writer.close()
    (journal,) = journals(tmp_path)
    for size in (1, 60, 200, 500):
        position, gathered = 0, []
        while True:
            stretch = next(read_journal(journal, position, batch_bytes=size), None)
            if stretch is None or stretch.end == position:
                break
            assert stretch.start == position or not stretch.start % (1 << 40)
            gathered += stretch.events
            position = stretch.end
        assert {("r", "loss"): whole} == points(gathered)


def test_what_has_no_json_form_is_refused_whole(tmp_path: Path) -> None:
    """Nothing of a call is written if a part of it cannot be."""
    writer = JournalWriter(tmp_path)
    with pytest.raises(
        FitprintError,
        match="a record of the kind DocumentLogged cannot be written, for object has no JSON form",
    ):
        writer.append(
            events.TagsSet("r", 1, {"a": "b"}), events.DocumentLogged("r", 1, "d", object())
        )
    writer.close()
    assert [] == contents(tmp_path)


def test_writing_makes_each_record_safe_from_a_power_cut_if_asked_to(tmp_path: Path) -> None:
    """With ``durability="power"`` the same is recorded."""
    writer = JournalWriter(tmp_path, durability="power")
    writer.point("r", "loss", 0, 0, 1.0)
    writer.append(events.RunEnded("r", 1, "FINISHED"))
    writer.close()
    assert 2 == len(contents(tmp_path))


def test_a_closed_journal_is_followed_by_another(tmp_path: Path) -> None:
    """A record after the end opens a new journal."""
    writer = JournalWriter(tmp_path)
    writer.point("r", "loss", 0, 0, 1.0)
    writer.close()
    writer.point("r", "loss", 1, 0, 2.0)
    writer.close()
    assert 2 == len(journals(tmp_path))
    assert {("r", "loss"): [(0, 1.0), (1, 2.0)]} == points(contents(tmp_path))


def test_fault_13c_a_series_comes_with_its_first_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fit has many metrics of one point each: none of them takes two writes, and a round of new
    ones takes one.
    """
    write, sizes = os.write, []
    writer = JournalWriter(tmp_path)
    writer.append(events.RunStarted("r", 1, "Default", "n"))
    monkeypatch.setattr(
        os, "write", lambda number, data: sizes.append(len(data)) or write(number, data)
    )
    writer.point("r", "alone", 0, 1, 0.5, goal="max")
    writer.points("r", {"a": 1.0, "b": 2.0}, 0, 1)
    monkeypatch.undo()
    assert 2 == len(sizes)
    assert {("r", "alone"): [(0, 0.5)], ("r", "a"): [(0, 1.0)], ("r", "b"): [(0, 2.0)]} == points(
        contents(tmp_path)
    )


def test_fault_13c_points_that_are_refused_leave_no_series_without_definition(
    tmp_path: Path,
) -> None:
    """The points that come after them are read."""
    writer = JournalWriter(tmp_path)
    writer.append(events.RunStarted("r", 1, "Default", "n"))
    with pytest.raises(struct.error):
        writer.points("r", {"a": 1.0}, 2**70, 1)
    with pytest.raises(struct.error):
        writer.point("r", "b", 2**70, 1, 1.0)
    curve = History(array("q", [0]), array("q", [1]), array("d", [3.0]), array("d", [math.nan]))
    with pytest.raises(ValueError, match="goal"):
        writer.append(
            events.MetricPoints("r", 1, "c", curve),
            events.MetricPoints("r", 1, "d", curve, goal="most"),
        )  # type: ignore[arg-type]
    for key in "abcd":
        writer.point("r", key, 0, 1, 0.5)
    assert {("r", key): [(0, 0.5)] for key in "abcd"} == points(contents(tmp_path))


def test_fault_13c_records_that_are_gathered_are_one_write_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the file when they are settled, a metric's first point among them."""
    write, sizes = os.write, []
    writer = JournalWriter(tmp_path)
    writer.open()
    monkeypatch.setattr(
        os, "write", lambda number, data: sizes.append(len(data)) or write(number, data)
    )
    writer.gather()
    writer.append(events.RunStarted("r", 1, "Default", "n"))
    writer.point("r", "alone", 0, 1, 0.5)
    writer.points("r", {"a": 1.0}, 0, 1)
    writer.append(events.RunEnded("r", 2, "FINISHED"))
    assert [] == sizes
    writer.settle()
    writer.append(events.RunStarted("s", 3, "Default", "n"))
    monkeypatch.undo()
    assert 2 == len(sizes)
    found = contents(tmp_path)
    assert {("r", "alone"): [(0, 0.5)], ("r", "a"): [(0, 1.0)]} == points(found)
    others = [type(event) for event in found if not isinstance(event, events.MetricPoints)]
    assert [events.RunStarted, events.RunEnded, events.RunStarted] == others


def test_fault_13c_what_another_thread_records_comes_behind_what_was_gathered(
    tmp_path: Path,
) -> None:
    """Its record is in the file at once, and what was there before it, too."""
    writer = JournalWriter(tmp_path)
    writer.open()
    writer.gather()
    writer.append(events.RunStarted("r", 1, "Default", "n"))
    thread = threading.Thread(target=writer.point, args=("r", "loss", 0, 1, 0.5))
    thread.start()
    thread.join()
    found = contents(tmp_path)
    assert [events.RunStarted, events.MetricPoints] == [type(event) for event in found]
    writer.settle()


def test_fault_13c_what_is_gathered_stays_within_a_limit(tmp_path: Path) -> None:
    """A step that records much holds little of it."""
    writer = JournalWriter(tmp_path)
    writer.gather()
    for number in range(100):
        writer.append(events.DocumentLogged("r", number + 1, "d", "x" * 4096))
    assert len(contents(tmp_path)) > 80
    writer.settle()
    assert 100 == len(contents(tmp_path))


def test_a_signal_during_a_write_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its handler raises as the write returns, such as for Ctrl-C: what was written stays so."""
    writer = JournalWriter(tmp_path)
    writer.append(events.RunStarted("r", 1, "e", "n"))
    original = os.write

    def interrupted(number: int, data: bytes) -> int:
        original(number, data)
        raise KeyboardInterrupt

    writer.gather()
    writer.append(events.TagsSet("r", 2, {"a": "b"}))
    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.settle()
    monkeypatch.setattr(os, "write", original)
    writer.append(events.TagsSet("r", 3, {"c": "d"}))
    writer.close()
    (journal,) = (path for path in tmp_path.iterdir() if path.is_dir())
    found = [event for stretch in read_journal(journal) for event in stretch.events]
    assert ["RunStarted", "TagsSet", "TagsSet"] == [type(event).__name__ for event in found]
