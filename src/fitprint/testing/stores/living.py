"""What a store says of runs whose writers give no sign of life any more, if it keeps such signs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fitprint import clock
from fitprint.events import Batch
from fitprint.ids import new_id
from fitprint.stores.protocol import Store
from fitprint.testing.checks import Check, NotApplicable, expect
from fitprint.testing.stores.feeding import EPOCH, SECOND, Feed, ended, names, started
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]


def silent_runs_are_lost(conformance: StoreSubject, folder: Path) -> None:
    """An open run is LOST while its writer is silent for long, and RUNNING with the next sign; who
    gives no signs is never lost.
    """
    run, quiet = new_id(), new_id()
    with conformance.opened(folder) as store, clock.replaced(lambda: EPOCH):
        wait = _wait(store)
        feed = Feed(store)
        feed.send(started(run, "heard"))
        Feed(store).send(started(quiet, "quiet"))
        _live(store, feed)
        expect(
            _statuses(store, run, quiet) == ("RUNNING", "RUNNING"),
            f"runs that go on are {_statuses(store, run, quiet)}",
        )
        with clock.replaced(wait):
            expect(
                _statuses(store, run, quiet) == ("LOST", "RUNNING"),
                f"after a silence the runs are {_statuses(store, run, quiet)}",
            )
            expect(
                names(store, "status = 'LOST'") == ["heard"],
                f"LOST are {names(store, 'status = ' + repr('LOST'))}",
            )
            expect(
                names(store, "status = 'RUNNING'") == ["quiet"],
                "a run that is LOST is found as RUNNING",
            )
            _live(store, feed)
            expect(
                _statuses(store, run) == ("RUNNING",),
                f"after a sign of life the run is {_statuses(store, run)}",
            )
    if conformance.across_processes:
        with (
            conformance.opened(folder) as store,
            clock.replaced(lambda: wait() + 2 * (wait() - EPOCH)),
        ):
            expect(
                _statuses(store, run) == ("LOST",),
                f"after reopening the silent run is {_statuses(store, run)}",
            )


def ends_count_more_than_silence(conformance: StoreSubject, folder: Path) -> None:
    """A run that ended is what it became, however long its writer is silent; a sign of life changes
    nothing else.
    """
    run = new_id()
    with conformance.opened(folder) as store, clock.replaced(lambda: EPOCH):
        wait = _wait(store)
        feed = Feed(store)
        feed.send(started(run))
        _live(store, feed)
        before = store.changes().cursor
        _live(store, feed)
        expect(store.changes().cursor == before, "a sign of life is a change")
        expect(
            store.position(feed.journal) == feed.position,
            "a sign of life moves the position of its journal",
        )
        with clock.replaced(wait):
            feed.send(ended(run))
            expect(
                _statuses(store, run) == ("FINISHED",),
                f"a run that ended late is {_statuses(store, run)}",
            )
            with clock.replaced(lambda: wait() + 1000 * SECOND):
                expect(
                    _statuses(store, run) == ("FINISHED",),
                    f"after its end a silent run is {_statuses(store, run)}",
                )


def records_are_signs_of_life(conformance: StoreSubject, folder: Path) -> None:
    """What a writer records says as much as a sign."""
    run, other = new_id(), new_id()
    with conformance.opened(folder) as store, clock.replaced(lambda: EPOCH):
        wait = _wait(store)
        feed = Feed(store)
        feed.send(started(run))
        _live(store, feed)
        with clock.replaced(wait):
            feed.send(started(other))
            expect(
                _statuses(store, run) == ("RUNNING",),
                f"a run whose writer records is {_statuses(store, run)}",
            )


def _wait(store: Store) -> Callable[[], int]:
    """Return a clock of the time at which a silence has lasted long enough."""
    if store.lost_after is None:
        raise NotApplicable("the store keeps no signs of life")
    later = EPOCH + round((store.lost_after + 60) * SECOND)
    return lambda: later


def _live(store: Store, feed: Feed) -> None:
    store.append(Batch(feed.journal, feed.position, feed.position, (), {}))


def _statuses(store: Store, *runs: str) -> tuple[str, ...]:
    return tuple(store.run(run).status for run in runs)


CHECKS: tuple[Check, ...] = (
    silent_runs_are_lost,
    ends_count_more_than_silence,
    records_are_signs_of_life,
)
