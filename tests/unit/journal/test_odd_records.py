"""Records whose checksums are right and whose content is not: what is good around them is
delivered, nothing wrong reaches a store.
"""

from __future__ import annotations

import json
import os
import random
import struct
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from fitprint import events
from fitprint.entities import Artifact, Dataset, LoggedModel, Param
from fitprint.errors import FitprintError, InvalidMetricError
from fitprint.journal import frames
from fitprint.journal.codec import UnknownRecordError, decode_event, encode_event
from fitprint.journal.delivery import deliver, journals
from fitprint.journal.writer import JournalWriter
from fitprint.query.grammar import parse
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import Store
from fitprint.stores.sql.sqlite import open_sqlite

DIGEST = "sha256:" + "0" * 64
GOOD: list[events.Event] = [
    events.RunStarted("odd", 1, "Default", "name", "parent", "fit"),
    events.RunEnded("odd", 2, "FAILED", "traceback"),
    events.RunDeleted("odd", 3),
    events.RunRestored("odd", 4),
    events.ParamsLogged(
        "odd", 5, {"C": Param(1.5), "long": Param("x", "default", "params/long.json")}
    ),
    events.TagsSet("odd", 6, {"team": "a", "gone": None}),
    events.DatasetLogged("odd", 7, Dataset("X", "train", DIGEST, {"shape": [1, 2]})),
    events.ArtifactsLogged("odd", 8, (Artifact("a.txt", DIGEST, 3),)),
    events.ModelLogged("odd", 9, LoggedModel("model", "sklearn", DIGEST, {"size": 3})),
    events.DocumentLogged("odd", 10, "capture", {"captured": []}),
    events.ExperimentCreated("e" * 32, 11, "1" * 32, "ann", "made"),
    events.ExperimentRenamed("e" * 32, 12, "2" * 32, "ann", "called"),
    events.ExperimentTagged("e" * 32, 13, "3" * 32, "ann", {"team": "a", "gone": None}),
    events.ExperimentNoted("e" * 32, 14, "4" * 32, "ann", "about"),
    events.ExperimentArchived("e" * 32, 15, "5" * 32, "ann"),
    events.ExperimentRestored("e" * 32, 16, "6" * 32, "ann"),
    events.RunMoved("odd", 17, "7" * 32, "ann", "e" * 32),
    events.RunRenamed("odd", 18, "8" * 32, "ann", "called"),
    events.RunNoted("odd", 19, "9" * 32, "ann", "about"),
    events.RunPurged("odd", 20, "a" * 32, "ann"),
    events.ArtifactStoreChosen(21, "file:///there"),
    events.BytesArrived(22, (DIGEST,)),
    events.BytesFreed(22, (DIGEST,)),
    events.ChangesFollowed(23, "hooks", "one", 60.0, "7"),
]
DEEP = "[" * 5000 + "]" * 5000
ODD_VALUES: list[Any] = [
    None, True, 0, -1, 1.5, float("nan"), float("inf"), 2**63, 2**70, -(2**70), 10**400, "", "text",
    "\0", "\ud800", "x" * 100_000, [], {}, [[]], {"": None}, [1, 2, 3], {"a": {"b": [None]}},
    [None] * 50, {"\ud800": 1},
]  # fmt: skip
ODD_PAYLOADS: list[bytes] = [
    b"\3", b"\3[]", b"\3{}", b"\3null", b"\3[[]]", b"\3[{}]", b"\3[null]", b'\3["RunStarted"]',
    b'\3["RunEnded","odd"]', b'\3"RunEnded"', b"\3" + DEEP.encode(),
    b'\3["DocumentLogged","odd",1,"deep",' + DEEP.encode() + b"]",
    b'\3["RunDeleted","odd",' + b"9" * 5000 + b"]", b"\3\xff\xfe", b"\2", b"\2[]", b"\2[[],1,2,3]",
    b'\2["a","odd","loss",null]', b'\2[0,1,"loss",null]', b'\2[0,"odd",5,null]',
    b'\2[0,"odd","loss","up"]', b'\2[0,"odd","loss",[]]', b"\2" + DEEP.encode(), b"\4",
    b"\4\0\0\0\0", struct.pack("<BII", 4, 0, 0), struct.pack("<BII", 4, 0, 2**32 - 1),
    struct.pack("<BIIqq", 4, 0, 1, 5, 5), struct.pack("<BII", 4, 0, 3) + b"\0" * 95,
    struct.pack("<BIIqqdd", 4, 0, 1, 2**63 - 1, 2**63 - 1, 1.0, 1.0),
    struct.pack("<BIqqdd", 1, 0, -(2**63), -(2**63), 1.0, 1.0),
    struct.pack("<BIqqd", 1, 0, 0, 0, 1.0), b"\6[]", b"\6null", b"\6{", b"\5[]", b"\0",
    b"\xff" * 40,
]  # fmt: skip


def mutated(event: events.Event, random: random.Random) -> bytes:
    """Return the event's JSON with one part of it, at any depth, replaced, removed or doubled."""
    content = json.loads(encode_event(event))
    place: Any = content
    while True:
        index = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
        inner = place[index]
        if not isinstance(inner, (list, dict)) or not inner or random.random() < 0.4:
            break
        place = inner
    action = random.randrange(6)
    if action == 0:
        del place[index]
    elif action == 1 and isinstance(place, list):
        place.insert(index, inner)
    else:
        place[index] = random.choice(ODD_VALUES)
    return b"\3" + json.dumps(content).encode()


def odd_payload(random: random.Random) -> bytes:
    """Return what stands in a frame: an event with an odd part, an odd frame, or bytes of a good
    one overwritten; no event to come.
    """
    while True:
        payload = any_payload(random)
        try:
            decode_event(payload[1:])
        except UnknownRecordError:
            continue
        except ValueError:
            pass
        return payload


def any_payload(random: random.Random) -> bytes:
    kind = random.randrange(4)
    if kind == 0:
        return random.choice(ODD_PAYLOADS)
    if kind == 1:
        payload = bytearray(b"\3" + encode_event(random.choice(GOOD)))
        for _ in range(random.randrange(1, 4)):
            payload[random.randrange(1, len(payload))] = random.choice(b'[]{},:"0e-n\\\0\xff')
        return bytes(payload)
    return mutated(random.choice(GOOD), random)


def journal_around(root: Path, payloads: list[bytes]) -> None:
    """Write a journal with a good run, in the middle of which the payloads stand."""
    writer = JournalWriter(root)
    writer.append(events.RunStarted("good", 1, "Default", "good"))
    writer.point("good", "loss", 0, 1, 1.0)
    for payload in payloads:
        os.write(writer._file, frames.frame(payload))
    writer._series.clear()  # what the payloads define is not what the writer knows
    writer.point("good", "loss", 1, 2, 0.5)
    writer.append(events.RunEnded("good", 3, "FINISHED"))
    writer.close()


def read_everything(store: Store) -> dict[str, Any]:
    """Read all that a store knows, values that are made late included,
    and return the runs by name.
    """
    runs = store.search_runs(parse("", deleted="include")).runs
    for run in runs:
        for part in (run.params, run.metrics, run.tags, run.documents):
            dict(part)
        for key in run.metrics:
            store.metric_history(run.id, key)
        for time in (run.start_time, run.end_time or 0, run.last_time, run.deleted_time or 0):
            datetime.fromtimestamp(time / 1e6, tz=timezone.utc).astimezone().isoformat()
        json.dumps(
            [
                dict(run.tags),
                [dict(dataset.facts) for dataset in run.datasets],
                [dict(model.facts) for model in run.models],
            ]
        )
        store.children(run.id)
    store.experiments()
    store.keys()
    return {run.name: run for run in runs}


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Make empty stores."""
    made = iter(range(10_000))
    return lambda: (
        MemoryStore()
        if request.param == "memory"
        else open_sqlite(f"sqlite:///{tmp_path}/{next(made)}.db")
    )


@pytest.mark.parametrize("payload", ODD_PAYLOADS)
def test_fault_7_what_is_good_around_an_odd_frame_is_delivered(
    tmp_path: Path, stores: Any, payload: bytes
) -> None:
    """A frame that holds what no record holds is damage like any other: the run around it is
    complete.
    """
    journal_around(tmp_path / "journal", [payload])
    with closing(stores()) as store:
        deliver(tmp_path / "journal", store)
        run = read_everything(store)["good"]
        assert "FINISHED" == run.status
        assert {0.5} == {summary.last for key, summary in run.metrics.items() if key == "loss"}


@pytest.mark.parametrize("seed", range(8))
def test_fault_7_no_odd_event_reaches_a_store(tmp_path: Path, stores: Any, seed: int) -> None:
    """Whatever stands in a field of an event, stores stay readable and good runs complete."""
    chosen = random.Random(seed)
    for number in range(12):
        root = tmp_path / f"journal{number}"
        payloads = [odd_payload(chosen) for _ in range(chosen.randrange(1, 8))]
        journal_around(root, payloads)
        with closing(stores()) as store:
            deliver(root, store)
            assert "FINISHED" == read_everything(store)["good"].status, payloads


@pytest.mark.parametrize("field", range(1, 7))
def test_fault_7_an_event_that_cannot_be_read_is_not_written(field: int) -> None:
    """What a decoder refuses, the encoder refuses before: with the same odd value in the same place
    both say no, or neither.
    """
    for event in GOOD:
        for value in ODD_VALUES:
            content = json.loads(encode_event(event))
            if field >= len(content):
                continue
            content[field] = value
            try:
                decoded = decode_event(json.dumps(content).encode())
            except ValueError:
                continue
            assert decoded == decode_event(encode_event(decoded)) or value != value


def test_fault_7_a_run_does_not_end_at_a_time_that_no_calendar_has(home: Path) -> None:
    """The call says what is wrong, the run stays open, and the home readable."""
    from fitprint import get_run, start_run

    run = start_run("a")
    for time in (2**70, -(2**70), 2**62, 1.5, float("nan"), "now", True):
        with pytest.raises(FitprintError, match="whole microseconds"):
            run.end(at=time)  # type: ignore[arg-type]
    assert run.is_open
    run.end()
    assert "FINISHED" == get_run("a").status


@pytest.mark.parametrize(
    "arguments",
    [
        {"timestamp": 2**62}, {"timestamp": float("nan")},
        {"timestamp": datetime(9999, 1, 1, tzinfo=timezone.utc)}, {"step": 2**63}, {"step": 0.5},
        {"epoch": 10**400}, {"goal": "up"}, {"goal": ["max"]},
    ],
)  # fmt: skip
def test_fault_7_a_point_with_an_impossible_number_is_refused(
    home: Path, arguments: dict[str, Any]
) -> None:
    """The point is refused with an error that names the metric; those before and after it are
    recorded.
    """
    from fitprint import start_run

    with start_run("a") as run:
        run.log_metric("good", 1.0)
        with pytest.raises(InvalidMetricError, match="'bad' was not recorded"):
            run.log_metric("bad", 1.0, **arguments)
        run.log_metric("good", 2.0)
    assert [1.0, 2.0] == list(run.history("good").value)
    assert 0 == len(run.history("bad"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"times": [2**62]},
        {"times": [2**70]},
        {"steps": [2**63]},
        {"epochs": ["x"]},
        {"goal": "up"},
        {"times": []},
    ],
)
def test_fault_7_a_curve_with_an_impossible_number_is_refused(
    home: Path, arguments: dict[str, Any]
) -> None:
    """The same for a curve."""
    from fitprint import start_run

    with start_run("a") as run, pytest.raises(InvalidMetricError, match="'bad' was not recorded"):
        run.log_history("bad", [1.0], **arguments)
    assert {} == run.metrics


@pytest.mark.parametrize(
    "call", ["start_run(name=5)", "start_run(experiment=5)", "start_run(experiment=['a'])"]
)
def test_fault_7_a_run_needs_names_that_are_texts(home: Path, call: str) -> None:
    """A name of another type is refused where it is given."""
    import fitprint

    with pytest.raises(FitprintError, match="name must be a text, not"):
        eval(f"fitprint.{call}")
    assert [] == fitprint.search_runs()


def test_fault_7_one_journals_fault_does_not_stop_the_others(tmp_path: Path) -> None:
    """A journal that cannot be read is named, those before and after it are delivered."""
    for _ in range(3):
        journal_around(tmp_path, [])
    first, second, third = journals(tmp_path)
    (second / "00000001.log").unlink()
    (second / "00000001.log").mkdir()
    store = MemoryStore()
    done = deliver(tmp_path, store)
    assert [second.name] == list(done.failed)
    assert "IsADirectoryError" in done.failed[second.name]
    assert (
        store.position(first.name) > 0,
        store.position(second.name),
        store.position(third.name) > 0,
    ) == (True, 0, True)


def test_fault_7_a_store_that_refuses_one_batch_gets_the_others(tmp_path: Path) -> None:
    """What a store does not take of one journal holds up no other; when it takes nothing at all
    that is raised.
    """

    class Choosy(MemoryStore):
        def append(self, batch: events.Batch) -> None:
            if batch.journal in refused:
                raise FitprintError("not this one")
            super().append(batch)

    for _ in range(3):
        journal_around(tmp_path, [])
    refused = {journals(tmp_path)[0].name}
    done = deliver(tmp_path, Choosy())
    assert dict.fromkeys(refused, "not this one") == done.failed
    assert refused == {journal.name for journal in journals(tmp_path)}
