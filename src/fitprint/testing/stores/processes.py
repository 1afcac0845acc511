"""What a store promises to several processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fitprint.events import Event
from fitprint.ids import new_id
from fitprint.platform.copies import copy
from fitprint.testing.checks import Check, NotApplicable, expect
from fitprint.testing.processes import forked
from fitprint.testing.stores.feeding import Feed, ended, points, started
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]


def concurrent_processes(conformance: StoreSubject, folder: Path) -> None:
    """Processes that append at once lose nothing."""
    _need_processes(conformance)
    runs = [new_id() for _ in range(4)]

    def work() -> None:
        children = []
        for run in runs:
            child = copy()
            if child == 0:
                os._exit(_status(conformance, folder, run))
            children.append(child)
        failed = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        expect(failed == [0] * len(runs), f"writers ended with the status {failed}")

    forked(work, timeout=120)
    with conformance.opened(folder) as store:
        for run in runs:
            expect(store.run(run).status == "FINISHED", "a run of another process did not end")
            expect(list(store.metric_history(run, "loss").step) == list(range(10)), "points of another process are lost or out of order")


def _status(conformance: StoreSubject, folder: Path, run: str) -> int:
    import traceback

    try:
        with conformance.opened(folder) as store:
            feed = Feed(store)
            feed.send(started(run))
            for step in range(10):
                feed.send(points(run, "loss", [float(step)], steps=[step]))
            feed.send(ended(run))
    except BaseException:  # noqa: BLE001 - told by the status
        traceback.print_exc()
        return 1
    return 0


def killed_while_appending(conformance: StoreSubject, folder: Path) -> None:
    """A process that dies within append() leaves the store as it was before the batch, and usable."""
    _need_processes(conformance)
    run, journal = new_id(), new_id()
    with conformance.opened(folder) as store:
        Feed(store, journal).send(started(run), points(run, "loss", [1.0]))

    def die() -> None:
        store = conformance.open(folder)
        feed = Feed(store, journal)
        store.append(feed.batch(_Deadly([points(run, "loss", [2.0] * 100), started(new_id(), "half")])))

    try:
        forked(die)
    except AssertionError:
        pass
    with conformance.opened(folder) as store:
        expect(len(store.metric_history(run, "loss")) == 1, "points of a batch are kept whose writer died before its end")
        expect(not store.resolve("half"), "a run of a batch is kept whose writer died before its end")
        Feed(store, journal).send(points(run, "loss", [2.0]))
        expect(len(store.metric_history(run, "loss")) == 2, "after a writer died, the store keeps nothing more")


class _Deadly(list[Event]):
    """Events at whose end the process dies."""

    def __iter__(self) -> Iterator[Event]:
        yield from list.__iter__(self)
        os._exit(9)


def seen_by_another_process(conformance: StoreSubject, folder: Path) -> None:
    """What append() kept is seen by a process that opens the same URI."""
    _need_processes(conformance)
    run = new_id()
    with conformance.opened(folder) as store:
        Feed(store).send(started(run, "seen"), points(run, "loss", [1.0]))
        forked(partial(_see, conformance, folder, run))


def _see(conformance: StoreSubject, folder: Path, run: str) -> None:
    with conformance.opened(folder) as store:
        expect(store.run(run).name == "seen" and len(store.metric_history(run, "loss")) == 1, "another process does not see what was kept")


def id_is_kept(conformance: StoreSubject, folder: Path) -> None:
    """A store has an id of its own: the same after reopening and in another process, and another one for another store."""
    with conformance.opened(folder) as store:
        given = store.id
        expect(len(given) >= 16, f"the id of the store is {given!r}, which is not long enough to be its own")
        expect(store.id == given, "the id of the store is another at each look")
    with tempfile.TemporaryDirectory() as other, conformance.opened(Path(other)) as store:
        expect(store.id != given, "another store has the same id")
    _need_processes(conformance)
    with conformance.opened(folder) as store:
        expect(store.id == given, "the store has another id after reopening")
    forked(partial(_see_id, conformance, folder, given))


def _see_id(conformance: StoreSubject, folder: Path, given: str) -> None:
    with conformance.opened(folder) as store:
        expect(store.id == given, "another process sees another id")


def deleted_while_open(conformance: StoreSubject, folder: Path) -> None:
    """A store whose files are deleted while it is open does not speak of what is gone, and keeps what comes where others find it."""
    _need_processes(conformance)
    run, journal = new_id(), new_id()
    with conformance.opened(folder) as store:
        Feed(store, journal).send(started(run, "gone"), points(run, "lost", [1.0]))
        if not any(folder.iterdir()):
            raise NotApplicable("the store keeps no file in the folder")
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        found = store.position(journal)
        expect(found == 0, f"the position of a journal is {found} after all of the store was deleted: the journal would be removed")
        expect(not store.resolve("gone"), "a run is found after all of the store was deleted")
        Feed(store, journal).send(started(run, "seen"), points(run, "loss", [1.0]))
        forked(partial(_see, conformance, folder, run))


def _need_processes(conformance: StoreSubject) -> None:
    if not conformance.across_processes:
        raise NotApplicable("the store lasts as long as its process")


CHECKS: tuple[Check, ...] = (concurrent_processes, killed_while_appending, seen_by_another_process, id_is_kept, deleted_while_open)
