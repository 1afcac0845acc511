"""What people do to runs and experiments: done or refused once, where it is folded, the same in
every store.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fitprint.entities import Artifact, Decision, Experiment, Param
from fitprint.errors import RunNotFoundError
from fitprint.events import (
    ArtifactsLogged,
    ArtifactStoreChosen,
    ExperimentArchived,
    ExperimentCreated,
    ExperimentNoted,
    ExperimentRenamed,
    ExperimentRestored,
    ExperimentTagged,
    ParamsLogged,
    RunDeleted,
    RunEnded,
    RunMoved,
    RunNoted,
    RunPurged,
    RunRenamed,
    RunStarted,
    TagsSet,
)
from fitprint.ids import new_id
from fitprint.query.grammar import parse
from fitprint.stores.protocol import Keys, Store

RUN = "0" * 31 + "1"
OTHER = "0" * 31 + "2"
MADE = "e" * 32


def started(
    run: str = RUN, at: int = 10, experiment: str = "iris", *, resumed: bool = False
) -> RunStarted:
    return RunStarted(run, at, experiment, f"run-{run[-1]}", resumed=resumed)


def named(store: Store, name: str) -> Experiment:
    (found,) = [each for each in store.experiments() if each.name == name]
    return found


def listed(store: Store, **arguments: Any) -> dict[str, str]:
    """Return the experiments of the runs that a search finds."""
    return {run.id: run.experiment for run in store.search_runs(parse(**arguments)).runs}


def decided(store: Store, act: str) -> Decision:
    decision = store.decision(act)
    assert decision is not None
    return decision


def test_runs_that_start_under_a_former_name_come_to_the_renamed_experiment(
    store: Store, write: Any
) -> None:
    """A journal that was offline during a renaming does not bring the old name back, and nor does a
    script that still says it.
    """
    write(started())
    iris = named(store, "iris")
    write(ExperimentRenamed(iris.id, 20, new_id(), "", "flowers"))
    write(started(OTHER, 15), journal="offline")
    write(started("0" * 31 + "3", 30))
    assert [("flowers", ("iris",), 3)] == [
        (each.name, each.former_names, each.run_count) for each in store.experiments()
    ]
    assert {"flowers"} == set(listed(store).values())
    assert iris.id == named(store, "flowers").id


def test_whoever_creates_an_experiment_under_a_former_name_gets_it_from_then_on(
    store: Store, write: Any
) -> None:
    """Runs of before belong where the name led then."""
    write(started())
    write(
        ExperimentRenamed(named(store, "iris").id, 20, new_id(), "", "flowers"),
        ExperimentCreated(MADE, 30, new_id(), "", "iris"),
    )
    write(started(OTHER, 25), journal="offline")
    write(started("0" * 31 + "3", 35))
    assert {RUN: "flowers", OTHER: "flowers", "0" * 31 + "3": "iris"} == listed(store)
    assert ((), ()) == tuple(each.former_names for each in store.experiments())


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (
            ExperimentRenamed("IRIS", 20, new_id(), "ann", "wine"),
            "there is an experiment 'wine' already",
        ),
        (ExperimentRenamed("IRIS", 20, new_id(), "ann", ""), "cannot be empty"),
        (
            ExperimentCreated(MADE, 20, new_id(), "ann", "wine"),
            "there is an experiment 'wine' already",
        ),
        (ExperimentCreated("IRIS", 20, new_id(), "ann", "new"), "has an experiment with the id"),
        (
            ExperimentTagged(MADE, 20, new_id(), "ann", {"a": "b"}),
            f"no experiment with the id {MADE}",
        ),
        (ExperimentArchived(MADE, 20, new_id(), "ann"), f"no experiment with the id {MADE}"),
        (RunMoved(RUN, 20, new_id(), "ann", MADE), f"no experiment with the id {MADE}"),
        (RunMoved("0" * 32, 20, new_id(), "ann", "IRIS"), "has no run 0000"),
        (RunPurged(RUN, 20, new_id(), "ann"), "is not in the trash"),
        (RunPurged("0" * 32, 20, new_id(), "ann"), "has no run 0000"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    store: Store, write: Any, act: Any, reason: str
) -> None:
    """The refusal is read back by the act's id, and nothing else has changed."""
    write(started(), started(OTHER, 10, "wine"))
    before = (store.experiments(), store.run(RUN))
    iris = named(store, "iris").id
    fields = {name: iris for name in ("experiment",) if getattr(act, name, "") == "IRIS"}
    write(replace(act, **fields))
    decision = decided(store, act.id)
    assert reason in (decision.refusal or "")
    assert ("ann", 20, type(act).__name__) == (decision.actor, decision.requested_at, decision.act)
    assert before == (store.experiments(), store.run(RUN))


def test_an_act_without_an_actor_is_that_of_the_journals_user(store: Store, write: Any) -> None:
    """The store says who did what, to what and when; of what it has not seen it says nothing."""
    act = new_id()
    write(started(), RunRenamed(RUN, 20, act, "", "better"))
    decision = decided(store, act)
    assert ("RunRenamed", "run", RUN, "bob", 20, None) == (
        decision.act, decision.subject, decision.subject_id, decision.actor, decision.requested_at,
        decision.refusal,
    )  # fmt: skip
    assert decision.decided_at > 20
    assert store.decision(new_id()) is None


def test_a_renamed_run_keeps_its_name_when_it_goes_on(store: Store, write: Any) -> None:
    """The latest renaming counts, whatever starts say and in whatever order renamings arrive."""
    write(
        started(),
        RunRenamed(RUN, 30, new_id(), "", "better"),
        RunRenamed(RUN, 20, new_id(), "", "earlier"),
    )
    write(started(at=40, resumed=True), started(at=5))
    assert store.run(RUN).name == "better"
    assert store.resolve("better") == [RUN]


def test_a_moved_run_takes_its_keys_along_and_stays(store: Store, write: Any) -> None:
    """The experiment's keys include those of the run; a start that arrives late does not take it
    back.
    """
    write(
        started(),
        ParamsLogged(RUN, 11, {"C": Param(1)}),
        ExperimentCreated(MADE, 12, new_id(), "", "wine"),
    )
    write(RunMoved(RUN, 13, new_id(), "", MADE))
    write(started(at=5), journal="late")
    assert (store.run(RUN).experiment, store.run(RUN).start_time) == ("wine", 5)
    assert store.keys("wine") == Keys(params=("C",))


def test_a_purged_run_is_gone_for_good(store: Store, write: Any, points: Any) -> None:
    """Nothing of it is left, and what was still on its way does not bring it back."""
    act = new_id()
    write(
        started(),
        ParamsLogged(RUN, 11, {"C": Param(1)}),
        TagsSet(RUN, 11, {"a": "b"}),
        points(RUN, "loss", [1.0, 2.0]),
    )
    write(
        ArtifactsLogged(RUN, 12, (Artifact("a.txt", "sha256:dd", 3),)),
        RunDeleted(RUN, 13),
        RunPurged(RUN, 14, act, ""),
    )
    write(
        points(RUN, "loss", [3.0]),
        RunEnded(RUN, 15, "FINISHED"),
        RunRenamed(RUN, 16, new_id(), "", "x"),
        journal="late",
    )
    write(started(at=20, resumed=True), started(OTHER))
    assert decided(store, act).refusal is None
    with pytest.raises(RunNotFoundError):
        store.run(RUN)
    assert {OTHER: "iris"} == listed(store, deleted="include")
    assert (len(store.metric_history(RUN, "loss")), store.resolve(RUN), store.resolve("x")) == (
        0,
        [],
        [],
    )
    assert named(store, "iris").run_count == 1


def test_an_experiment_in_the_archive_is_found_by_its_name_alone(store: Store, write: Any) -> None:
    """Its runs leave the lists that name no experiment; a run that starts there, or somebody,
    brings it back.
    """
    write(started(), started(OTHER, 10, "wine"))
    iris = named(store, "iris").id
    write(ExperimentArchived(iris, 20, new_id(), ""))
    assert (set(listed(store)), set(listed(store, experiments="iris"))) == ({OTHER}, {RUN})
    assert named(store, "iris").archived_time == 20
    write(ExperimentRestored(iris, 21, new_id(), ""))
    assert set(listed(store)) == {RUN, OTHER}
    write(ExperimentArchived(iris, 22, new_id(), ""))
    write(started("0" * 31 + "3", 15), journal="offline")
    assert named(store, "iris").archived_time == 22
    write(started("0" * 31 + "4", 23))
    assert (named(store, "iris").archived_time, len(listed(store))) == (None, 4)


def test_experiments_have_tags_and_a_note(store: Store, write: Any) -> None:
    """A tag that is set to None is gone; the latest note counts."""
    write(
        ExperimentCreated(MADE, 10, new_id(), "", "iris"),
        ExperimentTagged(MADE, 11, new_id(), "", {"team": "a", "gone": "x"}),
    )
    write(
        ExperimentTagged(MADE, 12, new_id(), "", {"gone": None}),
        ExperimentNoted(MADE, 13, new_id(), "", "# Flowers"),
    )
    iris = named(store, "iris")
    assert (iris.id, iris.tags, iris.note, iris.created, iris.run_count) == (
        MADE,
        {"team": "a"},
        "# Flowers",
        10,
        0,
    )


def test_a_note_on_a_run(store: Store, write: Any) -> None:
    """The latest note is a document of the run."""
    write(
        started(),
        RunNoted(RUN, 11, new_id(), "", "first"),
        RunNoted(RUN, 12, new_id(), "", "second"),
    )
    assert dict(store.run(RUN).documents) == {"note": "second"}


def test_names_pass_from_one_experiment_to_another(store: Store, write: Any) -> None:
    """Two experiments can swap their names in one batch."""
    write(started(), started(OTHER, 10, "wine"))
    iris, wine = named(store, "iris").id, named(store, "wine").id
    write(
        ExperimentRenamed(iris, 20, new_id(), "", "between"),
        ExperimentRenamed(wine, 21, new_id(), "", "iris"),
        ExperimentRenamed(iris, 22, new_id(), "", "wine"),
    )
    assert {RUN: "wine", OTHER: "iris"} == listed(store)
    assert [("iris", ()), ("wine", ("between",))] == [
        (each.name, each.former_names) for each in store.experiments()
    ]


def test_a_purge_that_is_refused_forgets_no_bytes(store: Store, write: Any) -> None:
    """Also where the run logs another file at the same path in the same batch."""
    write(
        ArtifactStoreChosen(0, "memory:///bytes"),
        ArtifactsLogged(RUN, 1, (Artifact("y", "sha256:a", 1),)),
    )
    write(RunPurged(RUN, 2, new_id(), ""), ArtifactsLogged(RUN, 3, (Artifact("y", "sha256:b", 1),)))
    assert {"sha256:a", "sha256:b"} == {item.digest for item in store.pending()}
