"""What a store tells to those who follow what happens in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fitprint.entities import Change
from fitprint.errors import QueryError
from fitprint.events import (
    Batch,
    ChangesFollowed,
    ExperimentCreated,
    ExperimentNoted,
    ExperimentRenamed,
    RunDeleted,
    RunPurged,
    RunRenamed,
)
from fitprint.ids import new_id
from fitprint.platform.copies import copy, status_of
from fitprint.stores.protocol import Store
from fitprint.testing.checks import Check, NotApplicable, expect
from fitprint.testing.processes import forked
from fitprint.testing.stores.feeding import (
    EPOCH,
    SECOND,
    Feed,
    ended,
    params,
    points,
    started,
    whole_run,
)
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]

Told = set[tuple[str, str, tuple[str, ...]]]


def changes_say_what_happened(conformance: StoreSubject, folder: Path) -> None:
    """Each batch's changes come after the cursor of before, with the kinds of what happened; what
    was refused or repeated is no change.
    """
    run, made = new_id(), new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        expect(store.changes().items == (), "a new store tells changes")
        cursor = store.changes().cursor
        feed.send(started(run, experiment="e"), points(run, "loss", [1.0]))
        (experiment,) = (found.id for found in store.experiments())
        cursor = _expect_told(
            store,
            cursor,
            {("run", run, ("started", "recorded")), ("experiment", experiment, ("started",))},
        )
        feed.send(params(run, C=1), ended(run), RunRenamed(run, EPOCH, new_id(), "", "named"))
        cursor = _expect_told(store, cursor, {("run", run, ("recorded", "ended", "edited"))})
        last = feed.send(
            ExperimentCreated(made, EPOCH, new_id(), "", "made"),
            ExperimentNoted(experiment, EPOCH, new_id(), "", "note"),
        )
        cursor = _expect_told(
            store,
            cursor,
            {("experiment", made, ("started",)), ("experiment", experiment, ("edited",))},
        )
        store.append(last)
        feed.send(
            ExperimentRenamed(made, EPOCH, new_id(), "", "e"), RunPurged(run, EPOCH, new_id(), "")
        )
        cursor = _expect_told(store, cursor, set())
        feed.send(RunDeleted(run, EPOCH))
        cursor = _expect_told(store, cursor, {("run", run, ("edited",))})
        feed.send(RunPurged(run, EPOCH, new_id(), ""))  # of what changed last
        _expect_told(store, cursor, {("run", run, ("purged",))})
        hidden = new_id()
        feed.send(points(hidden, "loss", [1.0]), ended(hidden))
        cursor = _expect_told(store, store.changes(cursor).cursor, set())
        feed.send(started(hidden, experiment="e"))
        _expect_told(store, cursor, {("run", hidden, ("started", "recorded", "ended"))})
    if conformance.across_processes:
        with conformance.opened(folder) as store:
            _expect_told(store, cursor, {("run", hidden, ("started", "recorded", "ended"))})


def _expect_told(store: Store, cursor: str, expected: Told) -> str:
    """Expect these changes after the cursor, and return the cursor after them."""
    found = store.changes(cursor)
    told = {(change.subject, change.id, tuple(change.kinds)) for change in found.items}
    expect(
        told == expected and len(found.items) == len(expected),
        f"the changes are {sorted(told)}, not {sorted(expected)}",
    )
    return found.cursor


def old_events_are_new_changes(conformance: StoreSubject, folder: Path) -> None:
    """What comes late, from a journal that was offline, comes after the cursor, however old its
    events are; a run shows with its start.
    """
    first, late = new_id(), new_id()
    with conformance.opened(folder) as store:
        Feed(store).send(*whole_run(first, at=EPOCH + 1000 * SECOND))
        offline = Feed(store)
        offline.send(points(late, "loss", [1.0]))
        cursor = store.changes().cursor
        expect(
            late not in {change.id for change in store.changes().items},
            "a run is told whose start has not come",
        )
        offline.send(started(late))
        found = [change for change in store.changes(cursor).items if change.subject == "run"]
        expect(
            [change.id for change in found] == [late],
            "a run of an old journal does not come after the cursor",
        )
        expect(
            "started" in found[0].kinds,
            f"of a run that started it is told that it {' and '.join(found[0].kinds)}",
        )


def changes_come_in_pages(conformance: StoreSubject, folder: Path) -> None:
    """From cursor to cursor, whatever the limit, each change comes once; at the end there are none,
    and the cursor stays.
    """
    runs = [new_id() for _ in range(7)]
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(*(event for run in runs for event in whole_run(run)))
        cursor, seen = "", []
        for _ in range(100):
            page = store.changes(cursor, limit=3)
            expect(len(page.items) <= 3, f"a page of 3 has {len(page.items)} changes")
            if not page.items:
                break
            seen += [change.id for change in page.items if change.subject == "run"]
            cursor = page.cursor
        expect(
            sorted(seen) == sorted(runs), f"the pages hold {len(seen)} changes of {len(runs)} runs"
        )
        expect(store.changes(cursor).cursor == cursor, "without changes the cursor is another")
        whole = [change.id for change in store.changes().items if change.subject == "run"]
        expect(whole == seen, "the pages are in another order than the whole")


def changes_stay_few(conformance: StoreSubject, folder: Path) -> None:
    """However often something happens to a run, there is one change of it, which moves behind the
    others.
    """
    run, other = new_id(), new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(started(run), started(other))
        for step in range(50):
            feed.send(points(run, "loss", [float(step)], steps=[step]))
        found = [change.id for change in store.changes().items if change.subject == "run"]
        expect(
            found == [other, run],
            f"after 50 batches of one run of two there are {len(found)} changes of runs",
        )


def foreign_cursors_are_refused(conformance: StoreSubject, folder: Path) -> None:
    """A cursor that the store never gave, such as that of the one which was there before, is a
    QueryError.
    """
    with conformance.opened(folder) as store:
        feed = Feed(store)
        for _ in range(3):
            feed.send(*whole_run(new_id()))
        cursor = store.changes().cursor
    other = folder / "other"
    other.mkdir()
    with conformance.opened(other) as store:
        for wrong in (cursor, "no cursor"):
            try:
                store.changes(wrong)
            except QueryError:
                continue
            raise AssertionError(
                f"changes() takes the cursor {wrong!r}, which is none of this store"
            )


def followers_miss_nothing(conformance: StoreSubject, folder: Path) -> None:
    """While processes append at once, who goes from cursor to cursor sees every run end."""
    if not conformance.across_processes:
        raise NotApplicable("the store lasts as long as its process")
    runs = [new_id() for _ in range(24)]

    def work() -> None:
        with conformance.opened(folder):
            pass
        children = {_child(conformance, folder, runs[number::3]) for number in range(3)}
        with conformance.opened(folder) as store:
            cursor, seen = "", set[str]()
            while children:
                for child in list(children):
                    status = status_of(child)
                    if status is not None:
                        expect(status == 0, f"a writer ended with the status {status}")
                        children.discard(child)
                page = store.changes(cursor, limit=5)
                seen.update(_ended(page.items))
                cursor = page.cursor
            while (page := store.changes(cursor, limit=5)).items:
                seen.update(_ended(page.items))
                cursor = page.cursor
        expect(
            seen == set(runs),
            f"of {len(runs)} runs that ended while changes were read, {len(set(runs) - seen)} were "
            "missed",
        )

    forked(work, timeout=120)


def _ended(changes: Iterable[Change]) -> list[str]:
    return [change.id for change in changes if "ended" in change.kinds]


def _child(conformance: StoreSubject, folder: Path, runs: list[str]) -> int:
    child = copy()
    if child:
        return child
    status = 1
    try:
        with conformance.opened(folder) as store:
            for run in runs:
                feed = Feed(store)
                feed.send(started(run))
                feed.send(ended(run))
        status = 0
    finally:
        os._exit(status)


def one_process_has_the_lease(conformance: StoreSubject, folder: Path) -> None:
    """Of those who follow under one name, one has the lease until it runs out or is given back; the
    cursor outlives who has it.
    """
    with conformance.opened(folder) as store:
        expect(store.consumer("hooks") is None, "somebody follows the changes of a new store")
        _ask(store, "one", 3600)
        _expect_consumer(store, "one", "")
        _ask(store, "two", 3600)
        _expect_consumer(store, "one", "")
        _ask(store, "two", 3600, cursor="9")
        _ask(store, "one", 3600, cursor="5")
        _expect_consumer(store, "one", "5")
        _ask(store, "one", 0)
        _ask(store, "two", 0)
        _expect_consumer(store, "two", "5")
        _ask(store, "one", 3600, cursor="4")
        _expect_consumer(store, "two", "5")
        _ask(store, "one", 3600)
        _expect_consumer(store, "one", "5")
        _ask(store, "two", 3600, consumer="others")
        expect(store.changes().items == (), "who follows changes is a change itself")
    if conformance.across_processes:
        with conformance.opened(folder) as store:
            _expect_consumer(store, "one", "5")


def _ask(
    store: Store, holder: str, seconds: float, *, consumer: str = "hooks", **options: Any
) -> None:
    position = store.position("lease")
    store.append(
        Batch(
            "lease",
            position,
            position + 1,
            [ChangesFollowed(EPOCH, consumer, holder, seconds, **options)],
        )
    )


def _expect_consumer(store: Store, holder: str, cursor: str) -> None:
    known = store.consumer("hooks")
    expect(known is not None, "nobody has the lease")
    assert known is not None
    expect(
        (known.name, known.holder, known.cursor) == ("hooks", holder, cursor),
        f"the lease is {known}, not {holder}'s at {cursor!r}",
    )


CHECKS: tuple[Check, ...] = (
    changes_say_what_happened,
    old_events_are_new_changes,
    changes_come_in_pages,
    changes_stay_few,
    foreign_cursors_are_refused,
    followers_miss_nothing,
    one_process_has_the_lease,
)
