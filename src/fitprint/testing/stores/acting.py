"""What a store makes of what people do to runs and experiments: names that lead on, decisions, the
archive, purges.
"""

from __future__ import annotations

from pathlib import Path

from fitprint.events import (
    ExperimentArchived,
    ExperimentCreated,
    ExperimentRenamed,
    RunDeleted,
    RunPurged,
)
from fitprint.ids import new_id
from fitprint.testing.checks import Check, expect
from fitprint.testing.stores.feeding import EPOCH, SECOND, Feed, names, params, points, started
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]


def experiments_are_counted(conformance: StoreSubject, folder: Path) -> None:
    """Experiments come by name, with their runs counted and the times of their first start and last
    event.
    """
    runs = [new_id() for _ in range(3)]
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(runs[0], experiment="beta", at=EPOCH + 5),
            started(runs[1], experiment="alpha", at=EPOCH + 7),
        )
        feed.send(
            started(runs[2], experiment="beta", at=EPOCH + 6),
            points(runs[0], "loss", [1.0], times=[EPOCH + 50]),
        )
        found = [
            (item.name, item.run_count, item.created, item.last_activity)
            for item in store.experiments()
        ]
        expect(
            found == [("alpha", 1, EPOCH + 7, EPOCH + 7), ("beta", 2, EPOCH + 5, EPOCH + 50)],
            f"the experiments are {found}",
        )
        expect(len({item.id for item in store.experiments()}) == 2, "two experiments have one id")


def names_that_were_lead_on(conformance: StoreSubject, folder: Path) -> None:
    """Runs that start under a former name come to the renamed experiment, whatever journal says so,
    until somebody creates another.
    """
    runs = [new_id() for _ in range(3)]
    with conformance.opened(folder) as store:
        feed, offline = Feed(store), Feed(store)
        feed.send(started(runs[0], experiment="before"))
        (made,) = store.experiments()
        feed.send(ExperimentRenamed(made.id, EPOCH + SECOND, new_id(), "", "after"))
        offline.send(started(runs[1], experiment="before", at=EPOCH + 2 * SECOND))
        found = [
            (item.id, item.name, tuple(item.former_names), item.run_count)
            for item in store.experiments()
        ]
        expect(
            found == [(made.id, "after", ("before",), 2)],
            f"after a renaming the experiments are {found}",
        )
        expect(
            store.run(runs[1]).experiment == "after",
            "a run that started under the former name is elsewhere",
        )
        feed.send(ExperimentCreated(new_id(), EPOCH + 4 * SECOND, new_id(), "", "before"))
        offline.send(started(runs[2], experiment="before", at=EPOCH + 3 * SECOND))
        expect(
            store.run(runs[2]).experiment == "after",
            "a run of before the name passed on is in the experiment that has it now",
        )


def acts_are_decided(conformance: StoreSubject, folder: Path) -> None:
    """What somebody does is done or refused where it is folded, and the decision is read back by
    its id, also after a replay.
    """
    run, act, again = new_id(), new_id(), new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(started(run, experiment="one"), started(new_id(), experiment="two"))
        one = next(item.id for item in store.experiments() if item.name == "one")
        batch = feed.send(
            ExperimentRenamed(one, EPOCH + SECOND, act, "ann", "two"),
            ExperimentRenamed(one, EPOCH + SECOND, again, "ann", "three"),
        )
        expect(store.decision(new_id()) is None, "an act that never came has a decision")
        first, second = store.decision(act), store.decision(again)
        expect(
            first is not None and first.refusal is not None,
            "a name that another experiment has was given a second time",
        )
        expect(
            second is not None and second.refusal is None,
            f"a renaming that nothing stands against was refused: {second}",
        )
        expect(
            first is not None and (first.actor, first.requested_at) == ("ann", EPOCH + SECOND),
            f"the decision is {first}",
        )
        store.append(batch)
        expect(store.decision(act) == first, "a batch that came again changed a decision")
        before = [(item.id, item.name) for item in store.experiments()]
        expect(sorted(name for _, name in before) == ["three", "two"], "the renaming was not done")
    with conformance.opened(folder) as store:
        expect(
            store.decision(act) == first,
            f"opened again, the store says {store.decision(act)}, not {first}",
        )
        expect(
            [(item.id, item.name) for item in store.experiments()] == before,
            "opened again, the store has other experiments",
        )


def purged_runs_stay_away(conformance: StoreSubject, folder: Path) -> None:
    """A run that is purged is gone, with all it had, and what comes for it later is passed over;
    one outside the trash stays.
    """
    run, refused, done = new_id(), new_id(), new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(run, "gone"),
            params(run, C=1),
            points(run, "loss", [1.0]),
            RunPurged(run, EPOCH + SECOND, refused, ""),
        )
        expect(names(store) == ["gone"], "a run that is not in the trash was purged")
        feed.send(RunDeleted(run, EPOCH + SECOND), RunPurged(run, EPOCH + SECOND, done, ""))
        Feed(store).send(
            points(run, "loss", [2.0]), started(run, "gone", at=EPOCH + 9 * SECOND, resumed=True)
        )
        expect(names(store, deleted="include") == [], "a purged run is found")
        expect(len(store.metric_history(run, "loss")) == 0, "a purged run has a history")
        decisions = (store.decision(refused), store.decision(done))
        expect(
            [each and each.refusal is None for each in decisions] == [False, True],
            f"the decisions are {decisions}",
        )


def archived_experiments_are_out_of_sight(conformance: StoreSubject, folder: Path) -> None:
    """Runs of an experiment in the archive are found where the query names it, and a run that
    starts there brings it back.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(run, "away", experiment="old"), started(new_id(), "here", experiment="new")
        )
        old = next(item.id for item in store.experiments() if item.name == "old")
        feed.send(ExperimentArchived(old, EPOCH + SECOND, new_id(), ""))
        expect(names(store) == ["here"], "a run of an experiment in the archive is listed")
        expect(
            names(store, experiments="old") == ["away"],
            "a run of an experiment in the archive is not found by the experiment's name",
        )
        feed.send(started(new_id(), "later", experiment="old", at=EPOCH + 2 * SECOND))
        expect(
            sorted(names(store)) == ["away", "here", "later"],
            "a run that started in an experiment did not bring it back",
        )


CHECKS: tuple[Check, ...] = (
    experiments_are_counted,
    names_that_were_lead_on,
    acts_are_decided,
    purged_runs_stay_away,
    archived_experiments_are_out_of_sight,
)
