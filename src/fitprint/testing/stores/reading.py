"""What a store tells of its runs: their life, their children, their curves, their keys."""

from __future__ import annotations

import math
from pathlib import Path

from fitprint.errors import RunNotFoundError, StoreError
from fitprint.events import Event, RunDeleted, RunRestored
from fitprint.ids import new_id
from fitprint.stores.protocol import Store
from fitprint.testing.checks import Check, NotApplicable, expect
from fitprint.testing.stores.feeding import (
    EPOCH,
    SECOND,
    Feed,
    ended,
    names,
    params,
    points,
    started,
    tags,
    whole_run,
)
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]


def unknown_run_error(conformance: StoreSubject, folder: Path) -> None:
    """A run that does not exist is a RunNotFoundError that names it; its children and histories are
    empty.
    """
    with conformance.opened(folder) as store:
        Feed(store).send(started(new_id()))
        unknown = new_id()
        try:
            store.run(unknown)
        except RunNotFoundError as error:
            expect(unknown in str(error), f"the error does not name the run: {error}")
        else:
            raise AssertionError("run() gives a run that does not exist")
        expect(len(store.metric_history(unknown, "loss")) == 0, "an unknown run has a history")
        expect(list(store.children(unknown)) == [], "an unknown run has children")
        expect(list(store.resolve(unknown)) == [], "resolve() gives a run that does not exist")


def empty_store(conformance: StoreSubject, folder: Path) -> None:
    """A store without runs answers every question with nothing."""
    with conformance.opened(folder) as store:
        found = (
            names(store),
            list(store.experiments()),
            list(store.resolve("")),
            list(store.open_runs(new_id())),
        )
        expect(found == ([], [], [], []), f"a store without runs gives {found}")
        keys = store.keys("unknown")
        expect(
            (list(keys.params), list(keys.metrics), list(keys.tags)) == ([], [], []),
            "a store without runs has keys",
        )


def read_your_writes(conformance: StoreSubject, folder: Path) -> None:
    """What append() kept is seen by every read that begins afterwards, also through a store object
    that was opened before.
    """
    with conformance.opened(folder) as store, conformance.opened(folder) as other:
        feed = Feed(store)
        for number in range(3):
            run = new_id()
            feed.send(*whole_run(run, f"run-{number}", loss=float(number)))
            for reader in (store, other):
                expect(
                    reader.run(run).status == "FINISHED", "run() does not see what was just kept"
                )
                expect(
                    names(reader, f"metrics.loss = {number}") == [f"run-{number}"],
                    "a search does not see what was just kept",
                )
                expect(
                    len(reader.metric_history(run, "loss")) == 1,
                    "a history does not see what was just kept",
                )


def life_of_a_run(conformance: StoreSubject, folder: Path) -> None:
    """Status, times and error follow the run's life; times are kept to the microsecond."""
    run, failed = new_id(), new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(started(run, "good", at=EPOCH + 1, kind="fit"))
        record = store.run(run)
        expect(
            (record.status, record.start_time, record.end_time) == ("RUNNING", EPOCH + 1, None),
            f"a run that goes on is {record}",
        )
        feed.send(points(run, "loss", [1.0], times=[EPOCH + 7]))
        expect(store.run(run).last_time == EPOCH + 7, "last_time is not the time of the last event")
        feed.send(
            ended(run, at=EPOCH + 11),
            started(failed, "bad"),
            ended(failed, status="FAILED", error="Traceback: boom"),
        )
        record = store.run(run)
        found = (record.status, record.end_time, record.error, record.kind)
        expect(found == ("FINISHED", EPOCH + 11, None, "fit"), f"an ended run is {record}")
        record = store.run(failed)
        expect(
            (record.status, record.error) == ("FAILED", "Traceback: boom"),
            f"a failed run is {record.status}: {record.error}",
        )


def resumed_run(conformance: StoreSubject, folder: Path) -> None:
    """A resumed run is RUNNING again, keeps start, experiment, parent and everything logged, takes
    a new name, and ends again.
    """
    parent, run = new_id(), new_id()
    with conformance.opened(folder) as store:
        feed, later = Feed(store), Feed(store)
        feed.send(started(parent), started(run, "first", experiment="e", parent=parent, kind="fit"))
        feed.send(params(run, C=1), points(run, "loss", [1.0]))
        feed.send(ended(run, at=EPOCH + 5 * SECOND, status="FAILED", error="boom"))
        later.send(started(run, "again", at=EPOCH + 60 * SECOND, experiment="other", resumed=True))
        record = store.run(run)
        expect(
            (record.status, record.end_time, record.error) == ("RUNNING", None, None),
            f"a resumed run is {record.status}, {record.error}",
        )
        expect(
            (record.start_time, record.experiment, record.parent_id, record.kind)
            == (EPOCH, "e", parent, "fit"),
            "a resumed run is another",
        )
        expect(record.name == "again", f"a resumed run is named {record.name!r}")
        expect(
            "C" in record.params and record.metrics["loss"].count == 1,
            "a resumed run lost what it had",
        )
        expect(
            [found.id for found in store.open_runs(later.journal)] == [run],
            "the journal that resumed a run does not own it",
        )
        owned = [found.id for found in store.open_runs(feed.journal)]
        expect(run not in owned, "the journal that started a run owns it after another resumed it")
        feed.send(ended(run, at=EPOCH + 6 * SECOND, status="KILLED"))
        expect(
            store.run(run).status == "RUNNING",
            "an end that is older than the resumption ended the run",
        )
        later.send(ended(run, at=EPOCH + 90 * SECOND))
        record = store.run(run)
        expect(
            (record.status, record.end_time) == ("FINISHED", EPOCH + 90 * SECOND),
            f"the run ended as {record.status} at {record.end_time}",
        )


def open_runs(conformance: StoreSubject, folder: Path) -> None:
    """A journal's open runs are those that it started and that have not ended, with the time of
    their last event from any journal.
    """
    first, second, third = new_id(), new_id(), new_id()
    with conformance.opened(folder) as store:
        feed, other = Feed(store), Feed(store)
        feed.send(started(first), started(second), points(first, "loss", [1.0], times=[EPOCH + 3]))
        other.send(started(third), points(second, "loss", [1.0], times=[EPOCH + 9]))
        feed.send(RunDeleted(second, EPOCH + 99))
        found = sorted((run.id, run.last_time) for run in store.open_runs(feed.journal))
        expect(found == [(first, EPOCH + 3), (second, EPOCH + 9)], f"the open runs are {found}")
        other.send(ended(first))
        expect(
            [run.id for run in store.open_runs(feed.journal)] == [second],
            "a run that another journal ended is open",
        )
    with conformance.opened(folder) as store:
        expect(
            [run.id for run in store.open_runs(feed.journal)] == [second],
            "after reopening other runs are open",
        )


def children(conformance: StoreSubject, folder: Path) -> None:
    """The children of a run are those that name it, oldest first, deleted ones left out; their own
    children are not among them.
    """
    parent, early, late, gone, deeper = (new_id() for _ in range(5))
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(late, "late", at=EPOCH + 2 * SECOND, parent=parent, kind="candidate"),
            started(parent, "parent"),
        )
        feed.send(
            started(early, "early", at=EPOCH + SECOND, parent=parent),
            started(gone, "gone", at=EPOCH + 3 * SECOND, parent=parent),
        )
        feed.send(
            started(deeper, "deeper", at=EPOCH + 4 * SECOND, parent=early),
            RunDeleted(gone, EPOCH + 5 * SECOND),
        )
        found = [run.name for run in store.children(parent)]
        expect(found == ["early", "late"], f"the children are {found}")
        expect(
            [run.kind for run in store.children(parent)] == ["user", "candidate"],
            "children lack their facts",
        )
        expect(
            names(store, parent=parent, order_by="name asc") == ["early", "late"],
            "a search for children gives others",
        )
        counts = dict(store.child_counts([parent, early, late, new_id()]))
        expect(
            counts == {parent: 2, early: 1},
            f"of two runs, with two children and one, the counts are {counts}",
        )


def deleted_run_hidden_and_restored(conformance: StoreSubject, folder: Path) -> None:
    """A deleted run is found by its id alone, and by searches that ask for the trash; restored, it
    is as before.
    """
    run, other = new_id(), new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(*whole_run(run, "deleted", loss=1.0), *whole_run(other, "other", loss=2.0))
        before = store.run(run)
        feed.send(RunDeleted(run, EPOCH + 99 * SECOND))
        expect(names(store) == ["other"], "a search gives a deleted run")
        expect(
            names(store, deleted="only") == ["deleted"],
            "a search in the trash does not give the deleted run alone",
        )
        expect(
            sorted(names(store, deleted="include")) == ["deleted", "other"],
            "a search with the trash does not give both",
        )
        expect(
            store.run(run).deleted_time == EPOCH + 99 * SECOND,
            "run() does not tell when the run was deleted",
        )
        expect(
            [experiment.run_count for experiment in store.experiments()] == [1],
            "a deleted run is counted",
        )
    with conformance.opened(folder) as store:
        feed.store = store
        feed.send(RunRestored(run, EPOCH + 100 * SECOND))
        expect(sorted(names(store)) == ["deleted", "other"], "a restored run is not found")
        expect(store.run(run) == before, "a restored run is another")


def keys_by_experiment(conformance: StoreSubject, folder: Path) -> None:
    """The keys of an experiment are those that its runs used, sorted; of all, those of all."""
    first, second = new_id(), new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(first, experiment="a"),
            params(first, z=1, y=2),
            points(first, "loss", [1.0]),
            tags(first, team="a"),
        )
        feed.send(
            started(second, experiment="b"), params(second, x=1), points(second, "acc", [1.0])
        )
        keys = store.keys("a")
        found = (list(keys.params), list(keys.metrics), list(keys.tags))
        expect(found == (["y", "z"], ["loss"], ["team"]), f"the keys of an experiment are {found}")
        keys = store.keys()
        found = (list(keys.params), list(keys.metrics), list(keys.tags))
        expect(
            found == (["x", "y", "z"], ["acc", "loss"], ["team"]),
            f"the keys of all experiments are {found}",
        )


def resolve_by_prefix_or_name(conformance: StoreSubject, folder: Path) -> None:
    """The beginning or end of the id, or the whole name, leads to the runs, newest first and those
    in the trash last, at most ten.
    """
    prefix = new_id()[:16]
    runs = [f"{prefix}{number:016x}" for number in range(12)]
    with conformance.opened(folder) as store:
        events: list[Event] = [
            started(run, f"name-{number % 2}", at=EPOCH + number) for number, run in enumerate(runs)
        ]
        feed = Feed(store)
        feed.send(*events)
        expect(list(store.resolve(runs[3])) == [runs[3]], "a whole id does not lead to its run")
        expect(
            list(store.resolve(prefix)) == runs[:1:-1],
            "a prefix does not lead to the ten newest runs",
        )
        expect(
            list(store.resolve("0003")) == [runs[3]],
            "the last four digits of an id do not lead to its run",
        )
        expect(
            list(store.resolve("000001")) == [runs[1]],
            "the last six digits of an id do not lead to its run",
        )
        expect(
            list(store.resolve("00000")) == runs[:1:-1],
            "the first of the last six digits of ids do not lead to their runs",
        )
        expect(
            list(store.resolve("003")) == [],
            "less than four digits of the end of an id lead to its run",
        )
        expect(
            list(store.resolve("name-1")) == runs[11::-2],
            "a name does not lead to its runs, newest first",
        )
        feed.send(RunDeleted(runs[11], EPOCH + 100 * SECOND))
        expect(
            list(store.resolve("name-1")) == [*runs[9::-2], runs[11]],
            "a run in the trash comes before live ones of its name",
        )
        expect(list(store.resolve("name-")) == [], "a part of a name leads to runs")
        expect(
            list(store.resolve("%")) == list(store.resolve("_")) == [], "a wildcard leads to runs"
        )


def summaries(conformance: StoreSubject, folder: Path) -> None:
    """A summary tells last, first, least and greatest value with their steps, and the better one by
    the given goal or the name.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(run),
            points(run, "val_loss", [3.0, math.nan, 1.0], steps=[1, 2, 3]),
            points(run, "accuracy", [0.5]),
        )
        feed.send(
            points(run, "val_loss", [2.0], steps=[4]),
            points(run, "accuracy", [0.75, 0.25], steps=[1, 2]),
            points(run, "odd", [1.0, 2.0], goal="min"),
        )
        loss, accuracy, odd = (
            store.run(run).metrics[key] for key in ("val_loss", "accuracy", "odd")
        )
        found = (
            loss.first,
            loss.last,
            loss.last_step,
            loss.min,
            loss.min_step,
            loss.max,
            loss.max_step,
            loss.count,
            loss.best,
        )
        expect(found == (3.0, 2.0, 4, 1.0, 3, 3.0, 1, 4, 1.0), f"the summary of a loss is {loss}")
        better = (accuracy.best, accuracy.best_step, accuracy.goal, accuracy.last, accuracy.count)
        expect(better == (0.75, 1, "max", 0.25, 3), f"the summary of an accuracy is {accuracy}")
        expect(
            (odd.best, odd.goal) == (1.0, "min"), f"the goal that was given does not count: {odd}"
        )


def series_downsampling_keeps_extremes(conformance: StoreSubject, folder: Path) -> None:
    """A sampled history has at most as many points as asked for, in order, with first, last and
    both extremes.
    """
    values = [math.sin(number / 50) for number in range(5000)]
    values[1234], values[4321], values[2500] = 99.0, -99.0, math.nan
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(started(run), points(run, "wave", values[:3000]))
        feed.send(
            points(run, "wave", values[3000:], steps=range(3000, 5000)),
            points(run, "short", [1.0, 2.0]),
        )
        _expect_sampled(store, run, values)
        feed.send(ended(run))
        _expect_sampled(store, run, values)


def _expect_sampled(store: Store, run: str, values: list[float]) -> None:
    for most in (4, 10, 1000):
        history = store.metric_history(run, "wave", max_points=most)
        steps = list(history.step)
        expect(4 <= len(steps) <= most, f"asked for at most {most} points, it gives {len(steps)}")
        expect(steps == sorted(set(steps)), "sampled points are out of order")
        expect((steps[0], steps[-1]) == (0, 4999), "sampling loses the first or the last point")
        expect({99.0, -99.0} <= set(history.value), "sampling loses an extreme")
        sampled = zip(steps, history.value, strict=True)
        expect(
            all(value == values[step] or math.isnan(value) for step, value in sampled),
            "sampled values are made up",
        )
    expect(
        list(store.metric_history(run, "short", max_points=100).value) == [1.0, 2.0],
        "a short history is not whole",
    )


def check_tells_damage(conformance: StoreSubject, folder: Path) -> None:
    """A whole store has no problems; one whose files were written over says so, by check() or where
    it is opened or looked at.
    """
    with conformance.opened(folder) as store:
        Feed(store).send(*whole_run(new_id(), loss=1.0))
        found = store.check()
        expect(
            not found.problems, f"a whole store is said to be broken: {', '.join(found.problems)}"
        )
        expect(found.size is None or found.size > 0, f"a store with a run has {found.size} bytes")
    files = [path for path in folder.rglob("*") if path.is_file()]
    if not files:
        raise NotApplicable("the store keeps no file in the folder")
    for path in files:
        content = path.read_bytes()
        third = len(content) // 3
        path.write_bytes(content[:third] + b"\xa5" * third + content[2 * third :])
    try:
        with conformance.opened(folder) as store:
            problems = store.check().problems
    except StoreError:
        return
    expect(
        problems and all(problems),
        "a third of each of the store's files was written over, and check() has no problems",
    )


CHECKS: tuple[Check, ...] = (
    unknown_run_error,
    empty_store,
    read_your_writes,
    life_of_a_run,
    resumed_run,
    open_runs,
    children,
    deleted_run_hidden_and_restored,
    keys_by_experiment,
    resolve_by_prefix_or_name,
    summaries,
    series_downsampling_keeps_extremes,
    check_tells_damage,
)
