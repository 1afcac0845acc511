"""What a store promises to several processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fitprint.errors import StoreError
from fitprint.events import Event
from fitprint.ids import new_id
from fitprint.platform.copies import copy
from fitprint.platform.processes import no_file_above
from fitprint.testing.checks import Check, NotApplicable, expect
from fitprint.testing.processes import forked
from fitprint.testing.stores.feeding import Feed, ended, points, started, tags
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]


def concurrent_processes(conformance: StoreSubject, folder: Path) -> None:
    """Processes that append at once lose nothing."""
    _need_processes(conformance)
    runs = [new_id() for _ in range(4)]

    def work() -> None:
        children = []
        ready, says_ready = os.pipe()
        begin, says_begin = os.pipe()  # it ends when all have the store open
        for run in runs:
            child = copy()
            if child == 0:
                os.close(says_begin)
                os._exit(_status(conformance, folder, run, begin, says_ready))
            children.append(child)
        os.close(says_ready)
        for _ in runs:
            os.read(ready, 1)
        os.close(says_begin)
        failed = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        expect(failed == [0] * len(runs), f"writers ended with the status {failed}")

    forked(work, timeout=120)
    with conformance.opened(folder) as store:
        for run in runs:
            expect(store.run(run).status == "FINISHED", "a run of another process did not end")
            expect(
                list(store.metric_history(run, "loss").step) == list(range(10)),
                "points of another process are lost or out of order",
            )


def _status(conformance: StoreSubject, folder: Path, run: str, begin: int, says_ready: int) -> int:
    import traceback

    try:
        with conformance.opened(folder) as store:
            os.write(says_ready, b"1")
            os.read(begin, 1)
            feed = Feed(store)
            feed.send(started(run))
            for step in range(10):
                feed.send(points(run, "loss", [float(step)], steps=[step]))
            feed.send(ended(run))
    except BaseException:  # noqa: BLE001 - told by the status
        os.write(says_ready, b"0")  # the others are not to wait for it
        traceback.print_exc()
        return 1
    return 0


def killed_while_appending(conformance: StoreSubject, folder: Path) -> None:
    """A process that dies within append() leaves the store as it was before the batch,
    and usable.
    """
    _need_processes(conformance)
    run, journal = new_id(), new_id()
    with conformance.opened(folder) as store:
        Feed(store, journal).send(started(run), points(run, "loss", [1.0]))

    def die() -> None:
        store = conformance.open(folder)
        feed = Feed(store, journal)
        store.append(
            feed.batch(_Deadly([points(run, "loss", [2.0] * 100), started(new_id(), "half")]))
        )

    try:
        forked(die)
    except AssertionError:
        pass
    with conformance.opened(folder) as store:
        expect(
            len(store.metric_history(run, "loss")) == 1,
            "points of a batch are kept whose writer died before its end",
        )
        expect(
            not store.resolve("half"), "a run of a batch is kept whose writer died before its end"
        )
        Feed(store, journal).send(points(run, "loss", [2.0]))
        expect(
            len(store.metric_history(run, "loss")) == 2,
            "after a writer died, the store keeps nothing more",
        )


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


def _see(conformance: StoreSubject, folder: Path, run: str, count: int = 1) -> None:
    with conformance.opened(folder) as store:
        expect(
            store.run(run).name == "seen" and len(store.metric_history(run, "loss")) == count,
            "another process does not see what was kept",
        )


def full_disk_keeps_nothing(conformance: StoreSubject, folder: Path) -> None:
    """A batch for which there is no room is a StoreError, leaves the store as it was, and is kept
    when there is room again.
    """
    _need_processes(conformance)
    forked(partial(_fill_disk, conformance, folder))


def _fill_disk(conformance: StoreSubject, folder: Path) -> None:
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(started(run, "seen"), points(run, "loss", [1.0]))
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        if not sizes:
            return  # its files are elsewhere
        batch = feed.batch(
            [*(tags(run, text=new_id() * 1000) for _ in range(40)), points(run, "loss", [2.0])]
        )
        try:
            with no_file_above(max(sizes) + 100):
                store.append(batch)
        except StoreError:
            pass
        except Exception as error:
            raise AssertionError(
                f"a full disk is a {type(error).__name__}, not a StoreError: {error}"
            ) from error
        else:
            raise AssertionError(
                "a batch of a megabyte was kept, though no file could grow by that: it must be on "
                "disk by then"
            )
        found = store.position(feed.journal)
        expect(
            found == feed.position,
            f"the position moved from {feed.position} to {found} with a batch that a full disk "
            "refused",
        )
        expect(
            len(store.metric_history(run, "loss")) == 1,
            "points of a batch that a full disk refused are found",
        )
        store.append(batch)
    with conformance.opened(folder) as store:
        expect(
            len(store.metric_history(run, "loss")) == 2,
            "the batch that a full disk had refused was not kept when it was offered again",
        )


def id_is_kept(conformance: StoreSubject, folder: Path) -> None:
    """A store has an id of its own: the same after reopening, in another process and in another
    place; another one for another store.
    """
    with conformance.opened(folder) as store:
        given = store.id
        expect(
            len(given) >= 16,
            f"the id of the store is {given!r}, which is not long enough to be its own",
        )
        expect(store.id == given, "the id of the store is another at each look")
        # some stores make their files for the first batch
        Feed(store).send(started(new_id(), "kept"))
    with tempfile.TemporaryDirectory() as other, conformance.opened(Path(other)) as store:
        expect(store.id != given, "another store has the same id")
    _need_processes(conformance)
    with conformance.opened(folder) as store:
        expect(store.id == given, "the store has another id after reopening")
    forked(partial(_see_id, conformance, folder, given))
    if any(folder.iterdir()):
        with tempfile.TemporaryDirectory() as other:
            moved = shutil.copytree(folder, Path(other).resolve() / "moved")
            with conformance.opened(moved) as store:
                expect(
                    store.id == given,
                    "the store has another id after its files were moved: keep the id in them",
                )


def _see_id(conformance: StoreSubject, folder: Path, given: str) -> None:
    with conformance.opened(folder) as store:
        expect(store.id == given, "another process sees another id")


def deleted_while_open(conformance: StoreSubject, folder: Path) -> None:
    """A store whose files are deleted while it is open does not speak of what is gone, and keeps
    what comes where others find it.
    """
    _need_processes(conformance)
    run, journal = new_id(), new_id()
    with conformance.opened(folder) as store:
        Feed(store, journal).send(started(run, "gone"), points(run, "lost", [1.0]))
        if not any(folder.iterdir()):
            raise NotApplicable("the store keeps no file in the folder")
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        found = store.position(journal)
        expect(
            found == 0,
            f"the position of a journal is {found} after all of the store was deleted: the journal "
            "would be removed",
        )
        expect(not store.resolve("gone"), "a run is found after all of the store was deleted")
        Feed(store, journal).send(started(run, "seen"), points(run, "loss", [1.0]))
        forked(partial(_see, conformance, folder, run))


def brought_back_while_open(conformance: StoreSubject, folder: Path) -> None:
    """Where an older copy of the files takes their place while the store is open, answers are the
    copy's, and what follows is kept.
    """
    _need_processes(conformance)
    run, journal = new_id(), new_id()
    with conformance.opened(folder) as store:
        kept = Feed(store, journal).send(started(run, "seen"), points(run, "loss", [1.0]))
    with tempfile.TemporaryDirectory() as other:
        copied = shutil.copytree(folder, Path(other) / "copy")
        if not any(copied.iterdir()):
            raise NotApplicable("the store keeps no file in the folder")
        with conformance.opened(folder) as store:
            feed = Feed(store, journal)
            feed.send(points(run, "lost", [1.0]))
            feed.send(points(run, "lost", [2.0]))
            _bring_back(copied, folder)
            found = store.position(journal)
            expect(
                found == kept.end,
                f"the position of a journal is {found}, and {kept.end} in the older copy that was "
                "brought back: what lies between is lost with the journal; see at each call "
                "whether the files are those that were read",
            )
            Feed(store, journal).send(points(run, "loss", [2.0]))
            values = list(store.metric_history(run, "loss").value)
            expect(
                values == [1.0, 2.0],
                f"after an older copy was brought back and went on, a metric is {values}, not "
                "[1.0, 2.0]",
            )
            forked(partial(_see, conformance, folder, run, 2))


def _bring_back(copied: Path, folder: Path) -> None:
    """Put the files of a copy in the place of those of a folder, each as a new file, as programs
    that restore backups do.
    """
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if not (copied / path.relative_to(folder)).exists():
            path.unlink()
    for path in [path for path in copied.rglob("*") if path.is_file()]:
        place = folder / path.relative_to(copied)
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_name(f"{place.name}.fresh")
        shutil.copyfile(path, fresh)
        fresh.replace(place)


def _need_processes(conformance: StoreSubject) -> None:
    if not conformance.across_processes:
        raise NotApplicable("the store lasts as long as its process")


CHECKS: tuple[Check, ...] = (
    concurrent_processes,
    killed_while_appending,
    full_disk_keeps_nothing,
    seen_by_another_process,
    id_is_kept,
    deleted_while_open,
    brought_back_while_open,
)
