"""What a store keeps of what it is given: all of it, exactly, once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fitprint.entities import Artifact
from fitprint.errors import RunNotFoundError, StoreError
from fitprint.events import ArtifactsLogged, DocumentLogged, Event, RunStarted
from fitprint.ids import new_id
from fitprint.stores.protocol import Store
from fitprint.testing.checks import Check, expect
from fitprint.testing.comparison import difference
from fitprint.testing.stores.feeding import (
    EPOCH,
    SECOND,
    Feed,
    digest,
    ended,
    params,
    points,
    started,
    tags,
    whole_run,
)
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]


class _Interrupted(list[Event]):
    """Events that cannot be read to their end."""

    def __iter__(self) -> Iterator[Event]:
        yield from list.__iter__(self)
        raise OSError("the events cannot be read further")


def append_is_atomic(conformance: StoreSubject, folder: Path) -> None:
    """A batch that fails in its middle leaves the store as it was, and can be offered again."""
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(started(run, "first"), points(run, "loss", [1.0]))
        more: list[Event] = [
            points(run, "loss", [2.0, 3.0]),
            tags(run, late="yes"),
            started(new_id(), "second"),
        ]
        try:
            store.append(feed.batch(_Interrupted(more)))
        except Exception:  # noqa: BLE001, S110 - however it says so
            pass
        else:
            raise AssertionError("append() kept a batch whose events it could not read")
        expect(
            store.position(feed.journal) == feed.position,
            "the position moved with a batch that failed",
        )
        expect(
            len(store.metric_history(run, "loss")) == 1, "points of a batch that failed were kept"
        )
        expect("late" not in store.run(run).tags, "a tag of a batch that failed was kept")
        expect(not store.resolve("second"), "a run of a batch that failed was kept")
        feed.send(*more)
        expect(
            len(store.metric_history(run, "loss")) == 3,
            "the batch that had failed was not kept when it was offered again",
        )


def replay_is_idempotent(conformance: StoreSubject, folder: Path) -> None:
    """A batch that is delivered again changes nothing, at once or after others, in this store
    object or another.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        batches = [
            feed.send(started(run, "once"), params(run, C=1)),
            feed.send(points(run, "loss", [1.0, 2.0]), tags(run, color="red")),
            feed.send(tags(run, color=None), params(run, C=2), ended(run)),
        ]
        before = store.run(run)
        for batch in (batches[2], batches[0], batches[1]):
            store.append(batch)
        _expect_unchanged(store, before, feed)
    with conformance.opened(folder) as store:
        for batch in batches:
            store.append(batch)
        _expect_unchanged(store, before, feed)


def gaps_are_refused(conformance: StoreSubject, folder: Path) -> None:
    """A batch that begins beyond the position is refused with a StoreError: what lies between would
    be lost.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(started(run))
        batch = feed.batch([points(run, "loss", [1.0])])
        try:
            store.append(replace(batch, start=batch.start + 10))
        except StoreError:
            pass
        else:
            raise AssertionError(
                "append() kept a batch that begins behind what it has of the journal"
            )
        found = store.position(feed.journal)
        expect(
            found == feed.position,
            f"after a batch that was refused the position is {found}, not {feed.position}",
        )
        store.append(batch)
        expect(
            len(store.metric_history(run, "loss")) == 1,
            "after a batch that was refused the right one is not kept",
        )


def _expect_unchanged(store: Store, before: Any, feed: Feed) -> None:
    told = difference(before, store.run(before.id))
    expect(not told, f"batches that were delivered twice changed the run: {told}")
    count = len(store.metric_history(before.id, "loss"))
    expect(count == 2, f"a batch of 2 points that was delivered twice gives {count}")
    expect(
        store.position(feed.journal) == feed.position,
        "a batch that was delivered twice moved the position",
    )


def positions_are_kept(conformance: StoreSubject, folder: Path) -> None:
    """The position of each journal is the end of its last batch, also of an empty one and after
    reopening; 0 if there is none.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        expect(
            store.position(new_id()) == 0,
            "a journal that the store has never seen has a position other than 0",
        )
        one, two = Feed(store), Feed(store)
        one.send(started(run))
        one.send()
        two.send(points(run, "loss", [1.0]))
        for feed in (one, two):
            expect(
                store.position(feed.journal) == feed.position,
                f"the position is {store.position(feed.journal)}, not {feed.position}",
            )
    with conformance.opened(folder) as store:
        for feed in (one, two):
            found = store.position(feed.journal)
            expect(
                found == feed.position,
                f"after reopening the position is {found}, not {feed.position}",
            )


def order_within_run(conformance: StoreSubject, folder: Path) -> None:
    """Later events prevail over earlier ones, in one batch and across batches, and points stay in
    the order they were logged in.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(run),
            params(run, C=1, keep="as is"),
            params(run, C=2),
            tags(run, a="1", b="1"),
            tags(run, a=None, b="2"),
        )
        feed.send(points(run, "loss", [3.0, 1.0], steps=[5, 1]))
        feed.send(points(run, "loss", [2.0], steps=[3]), params(run, C=3), tags(run, c="1"))
        feed.send(
            tags(run, c=None), ArtifactsLogged(run, EPOCH, (Artifact("a.txt", digest(1), 1),))
        )
        feed.send(
            ArtifactsLogged(run, EPOCH, (Artifact("a.txt", digest(2), 2),)),
            DocumentLogged(run, EPOCH, "note", {"version": 1}),
        )
        feed.send(DocumentLogged(run, EPOCH, "note", {"version": 2}))
        record = store.run(run)
        expect(
            {key: param.value for key, param in record.params.items()} == {"C": 3, "keep": "as is"},
            f"the params are {record.params}",
        )
        expect(dict(record.tags) == {"b": "2"}, f"the tags are {record.tags}")
        expect(
            list(store.metric_history(run, "loss").step) == [5, 1, 3],
            "points are not in the order they were logged in",
        )
        expect(record.metrics["loss"].last == 2.0, "`last` is not the value logged last")
        expect(
            record.artifacts == (Artifact("a.txt", digest(2), 2),),
            f"the artifacts are {record.artifacts}",
        )
        expect(
            record.documents["note"] == {"version": 2},
            f"the document is {record.documents['note']}",
        )


def large_batch(conformance: StoreSubject, folder: Path) -> None:
    """One batch may hold a hundred thousand points of one metric, hundreds of metrics and
    parameters, and megabytes of text.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        events: list[Event] = [
            started(run),
            points(run, "long", (number / 7 for number in range(100_000))),
        ]
        events += [points(run, f"m{number:03}", [float(number)]) for number in range(300)]
        events += [
            params(run, **{f"p{number:03}": number for number in range(500)}),
            params(run, big="x" * 2_000_000),
        ]
        feed.send(*events)
        record = store.run(run)
        expect(len(record.metrics) == 301, f"{len(record.metrics)} metrics instead of 301")
        expect(len(record.params) == 501, f"{len(record.params)} parameters instead of 501")
        expect(
            len(record.params["big"].value) == 2_000_000,
            "a text of two million characters is not whole",
        )
        history = store.metric_history(run, "long")
        expect(
            list(history.value[::9973]) == [number / 7 for number in range(0, 100_000, 9973)],
            "points of a long metric are wrong",
        )
        expect(list(history.step[-2:]) == [99_998, 99_999], "the steps of a long metric are wrong")


def many_small_batches(conformance: StoreSubject, folder: Path) -> None:
    """Points that arrive one by one, over reopenings and a resumption, are one history in order."""
    run = new_id()
    journal = new_id()
    for part in range(3):
        with conformance.opened(folder) as store:
            feed = Feed(store, journal)
            feed.send(started(run, at=EPOCH + part * 100 * SECOND, resumed=part > 0))
            for number in range(40 * part, 40 * (part + 1)):
                feed.send(
                    points(run, "loss", [float(number)], steps=[number], times=[EPOCH + number])
                )
            feed.send(ended(run, at=EPOCH + (part * 100 + 50) * SECOND))
            summary = store.run(run).metrics["loss"]
            count = 40 * (part + 1)
            found = (summary.count, summary.last, summary.max)
            expect(
                found == (count, count - 1.0, count - 1.0),
                f"after {count} points the summary is {summary}",
            )
    with conformance.opened(folder) as store:
        expect(
            list(store.metric_history(run, "loss").step) == list(range(120)),
            "the history is not whole and in order",
        )


def concurrent_writers(conformance: StoreSubject, folder: Path) -> None:
    """Threads that append at once, to one store object and to several, lose nothing and mix
    nothing.
    """
    runs = [new_id() for _ in range(6)]
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(runs))
    with conformance.opened(folder) as shared:

        def work(number: int) -> None:
            try:
                store = shared if number % 2 else conformance.open(folder)
                barrier.wait(60)
                feed = Feed(store)
                feed.send(started(runs[number], f"run-{number}"))
                for step in range(10):
                    feed.send(points(runs[number], "loss", [float(step)], steps=[step]))
                    store.run(runs[number])
                feed.send(ended(runs[number]))
                if store is not shared:
                    store.close()
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(runs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        for number, run in enumerate(runs):
            expect(shared.run(run).name == f"run-{number}", "runs of different threads are mixed")
            expect(
                list(shared.metric_history(run, "loss").step) == list(range(10)),
                "points of a thread are lost or out of order",
            )


def reopen_after_close(conformance: StoreSubject, folder: Path) -> None:
    """What was kept is there when the store is opened again, and goes on from there."""
    first, second = new_id(), new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(*whole_run(first, "first", loss=1.0))
        before = store.run(first)
    with conformance.opened(folder) as store:
        told = difference(before, store.run(first))
        expect(not told, f"after reopening the run is another: {told}")
        Feed(store, feed.journal).send(*whole_run(second, "second", loss=2.0))
    with conformance.opened(folder) as store:
        expect(
            sorted(store.run(run).name for run in (first, second)) == ["first", "second"],
            "a run is lost after reopening",
        )


def close_twice(conformance: StoreSubject, folder: Path) -> None:
    """Closing a store twice does nothing the second time."""
    store = conformance.open(folder)
    Feed(store).send(started(new_id()))
    store.close()
    store.close()


def two_journals_for_one_run(conformance: StoreSubject, folder: Path) -> None:
    """Several journals may write to one run; what each brought is there, whichever was delivered
    first.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        main, worker = Feed(store), Feed(store)
        main.send(started(run, "together"))
        worker.send(points(run, "loss", [1.0, 2.0]), params(run, worker=True))
        main.send(points(run, "loss", [3.0], steps=[2]), params(run, main=True))
        worker.send(points(run, "loss", [4.0], steps=[3]))
        record = store.run(run)
        expect(
            sorted(record.params) == ["main", "worker"],
            f"the parameters of both are {sorted(record.params)}",
        )
        expect(
            sorted(store.metric_history(run, "loss").value) == [1.0, 2.0, 3.0, 4.0],
            "points of one journal are lost",
        )
        expect(
            record.metrics["loss"].count == 4,
            f"the summary counts {record.metrics['loss'].count} points instead of 4",
        )


def events_before_start(conformance: StoreSubject, folder: Path) -> None:
    """Events of a run that the store has not seen are kept, and the run stays hidden until it
    starts.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        worker = Feed(store)
        worker.send(points(run, "loss", [1.0]), params(run, C=1), tags(run, team="a"))
        _expect_hidden(store, run)
    with conformance.opened(folder) as store:
        _expect_hidden(store, run)
        Feed(store).send(RunStarted(run, EPOCH, "late", "late"))
        record = store.run(run)
        expect(
            record.params["C"].value == 1 and record.tags["team"] == "a",
            "params or tags that came before the start are lost",
        )
        expect(
            list(store.metric_history(run, "loss").value) == [1.0],
            "points that came before the start are lost",
        )
        expect(
            record.metrics["loss"].count == 1, "the summary lacks points that came before the start"
        )


def _expect_hidden(store: Store, run: str) -> None:
    try:
        store.run(run)
    except RunNotFoundError:
        pass
    else:
        raise AssertionError("run() gives a run that has not started")
    expect(not store.resolve(run[:20]), "resolve() gives a run that has not started")


CHECKS: tuple[Check, ...] = (
    append_is_atomic,
    replay_is_idempotent,
    gaps_are_refused,
    positions_are_kept,
    order_within_run,
    large_batch,
    many_small_batches,
    concurrent_writers,
    reopen_after_close,
    close_twice,
    two_journals_for_one_run,
    events_before_start,
)
