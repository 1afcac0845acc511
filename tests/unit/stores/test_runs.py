"""Runs out of events: the same in every store, whatever order the events arrive in."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from fitprint.entities import Artifact, Dataset, LoggedModel, Param
from fitprint.errors import RunNotFoundError, StoreError
from fitprint.events import (
    ArtifactsLogged,
    Batch,
    DatasetLogged,
    DocumentLogged,
    ModelLogged,
    ParamsLogged,
    RunDeleted,
    RunEnded,
    RunRestored,
    RunStarted,
    TagsSet,
)
from fitprint.query.grammar import parse
from fitprint.stores.protocol import Keys, OpenRun, Store

RUN = "0" * 31 + "1"
OTHER = "0" * 31 + "2"


def started(run: str = RUN, time: int = 10, **fields: Any) -> RunStarted:
    return replace(RunStarted(run, time, "iris", "swift-otter-1"), **fields)


def found(store: Store, **arguments: Any) -> list[str]:
    return [run.id for run in store.search_runs(parse(**arguments)).runs]


def test_everything_of_a_run_comes_back(store: Store, write: Any, points: Any) -> None:
    """A record holds what the events said."""
    dataset = Dataset("X", "train", "sha256:aa", {"shape": [150, 4]})
    model = LoggedModel("model", "sklearn", "sha256:bb", {"class": "LogisticRegression"})
    artifacts = (Artifact("model/model.skops", "sha256:cc", 12), Artifact("a.txt", "sha256:dd", 3))
    write(
        started(parent=OTHER, kind="fit"),
        ParamsLogged(
            RUN, 11, {"C": Param(1.0), "solver": Param("lbfgs", "default", "params/solver.json")}
        ),
        TagsSet(RUN, 12, {"team": "a", "gone": "x"}),
        TagsSet(RUN, 13, {"gone": None}),
        points(RUN, "loss", [3.0, 1.0, 2.0]),
        DatasetLogged(RUN, 14, dataset),
        ArtifactsLogged(RUN, 15, artifacts),
        ModelLogged(RUN, 16, model),
        DocumentLogged(RUN, 17, "capture", {"skipped": ["π"], "ms": 1.5}),
        RunEnded(RUN, 9_000_000, "FAILED", "Traceback"),
    )
    run = store.run(RUN)
    assert (run.id, run.name, run.experiment, run.status, run.kind) == (
        RUN,
        "swift-otter-1",
        "iris",
        "FAILED",
        "fit",
    )
    assert (run.start_time, run.end_time, run.last_time, run.parent_id, run.error) == (
        10,
        9_000_000,
        9_000_000,
        OTHER,
        "Traceback",
    )
    assert run.params == {
        "C": Param(1.0),
        "solver": Param("lbfgs", "default", "params/solver.json"),
    }
    assert run.tags == {"team": "a"}
    assert run.metrics.keys() == {"loss"}
    assert (run.datasets, run.models) == ((dataset,), (model,))
    assert run.artifacts == (artifacts[1], artifacts[0])
    assert run.documents == {"capture": {"skipped": ["π"], "ms": 1.5}}
    assert run.deleted_time is None


VALUES = [
    None,
    True,
    False,
    0,
    -(2**70),
    10**400,
    1.0,
    -0.0,
    1e-320,
    math.inf,
    -math.inf,
    "",
    "1.0",
    "None",
    "naïve 🎲",
    "nul \0 inside",
    "lone \ud800 surrogate",
    [1, 2.5, None, "x"],
    {"a": {"b": [True]}, "ü": "\ud800"},
    [],
    {},
]


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_parameters_keep_value_and_type(store: Store, write: Any, value: Any) -> None:
    """A parameter comes back as it was given, with its type."""
    write(started(), ParamsLogged(RUN, 11, {"p": Param(value)}))
    kept = store.run(RUN).params["p"].value
    assert kept == value
    assert type(kept) is type(value)


def test_nan_parameter(store: Store, write: Any) -> None:
    """NaN is a parameter like another."""
    write(started(), ParamsLogged(RUN, 11, {"p": Param(math.nan)}))
    assert math.isnan(store.run(RUN).params["p"].value)


@pytest.mark.parametrize(
    "key",
    ["π/θ", "a.b.c", "with space", "`quoted`", "k" * 100_000, "👩‍🔬"],
    ids=lambda key: ascii(key)[:20],
)
def test_keys_may_be_any_text(store: Store, write: Any, points: Any, key: str) -> None:
    """Keys of params, tags and metrics are unlimited in length and alphabet."""
    write(
        started(),
        ParamsLogged(RUN, 11, {key: Param(1)}),
        TagsSet(RUN, 11, {key: key}),
        points(RUN, key, [1.0]),
    )
    run = store.run(RUN)
    assert (list(run.params), run.tags, list(run.metrics)) == ([key], {key: key}, [key])
    assert list(store.metric_history(RUN, key).value) == [1.0]


def test_texts_that_no_database_takes_do_not_stop_delivery(store: Store, write: Any) -> None:
    """Lone surrogates and NUL, as file names can bring them, are kept in some spelling, and the run
    with them.
    """
    write(
        started(name="a\ud800b\0"),
        TagsSet(RUN, 12, {"path\ud800": "x\ud800"}),
        RunEnded(RUN, 13, "FAILED", "error \udcff"),
    )
    run = store.run(RUN)
    assert run.status == "FAILED"
    assert len(run.tags) == 1


def test_later_values_replace_earlier_ones(store: Store, write: Any) -> None:
    """Params, tags, documents, artifacts, models and facts of a data set: what was logged last
    counts.
    """
    for number in (1, 2):
        write(
            started(),
            ParamsLogged(RUN, 11, {"p": Param(number)}),
            TagsSet(RUN, 11, {"t": str(number)}),
            DocumentLogged(RUN, 11, "d", number),
            ArtifactsLogged(RUN, 11, (Artifact("a", f"sha256:{number}", number),)),
            ModelLogged(RUN, 11, LoggedModel("m", "f", str(number))),
            DatasetLogged(RUN, 11, Dataset("X", "train", "same", {"n": number})),
        )
    run = store.run(RUN)
    assert (run.params["p"].value, run.tags["t"], run.documents["d"]) == (2, "2", 2)
    assert (run.artifacts, run.models) == (
        (Artifact("a", "sha256:2", 2),),
        (LoggedModel("m", "f", "2"),),
    )
    assert run.datasets == (Dataset("X", "train", "same", {"n": 2}),)


def test_a_batch_that_comes_again_changes_nothing(store: Store, points: Any) -> None:
    """Delivery may repeat itself: points are not doubled."""
    batch = Batch("journal", 0, 2, [started(), points(RUN, "loss", [1.0, 2.0])])
    for _ in range(3):
        store.append(batch)
    assert store.position("journal") == 2
    assert len(store.metric_history(RUN, "loss")) == 2
    assert store.run(RUN).metrics["loss"].count == 2


def test_a_batch_that_is_new_in_part_is_refused(store: Store, points: Any) -> None:
    """Where another process has delivered the beginning meanwhile, nothing is folded twice."""
    store.append(Batch("journal", 0, 1, [started()]))
    with pytest.raises(StoreError, match="nothing is lost, try again"):
        store.append(Batch("journal", 0, 2, [started(), points(RUN, "loss", [1.0])]))
    assert (store.position("journal"), dict(store.run(RUN).metrics)) == (1, {})


def test_a_batch_behind_a_gap_is_refused(store: Store) -> None:
    """What lies between would be lost without a word; who knows that nobody has it any more says so
    by beginning at the position.
    """
    with pytest.raises(StoreError, match="nothing is lost, try again"):
        store.append(Batch("journal", 500, 501, [started()]))
    assert store.position("journal") == 0
    store.append(Batch("journal", 0, 501, [started()]))
    assert (501, 0) == (store.position("journal"), store.position("other"))


def test_a_run_is_hidden_until_it_starts(store: Store, write: Any, points: Any) -> None:
    """What another process logs to a run is kept until the run's own journal arrives."""
    write(
        points(RUN, "loss", [1.0]),
        ParamsLogged(RUN, 5, {"p": Param(1)}),
        TagsSet(RUN, 5, {"t": "1"}),
        journal="helper",
    )
    with pytest.raises(RunNotFoundError, match=RUN):
        store.run(RUN)
    assert (found(store), store.resolve(RUN), store.experiments(), store.keys()) == (
        [],
        [],
        [],
        Keys(),
    )
    write(started())
    run = store.run(RUN)
    assert (run.status, run.params["p"].value, run.metrics["loss"].count) == ("RUNNING", 1, 1)
    assert store.keys("iris") == Keys(("p",), ("loss",), ("t",))


def test_an_end_may_arrive_before_the_start(store: Store, write: Any) -> None:
    """Another journal's end of the run stands when the older start arrives."""
    write(RunEnded(RUN, 50, "FAILED", "boom"), journal="helper")
    write(started(time=10))
    assert (store.run(RUN).status, store.run(RUN).end_time, store.run(RUN).start_time) == (
        "FAILED",
        50,
        10,
    )
    assert store.open_runs("journal") == []


def test_a_resumed_run_goes_on(store: Store, write: Any) -> None:
    """Resuming makes the run RUNNING again under its new owner and keeps what it has."""
    write(
        started(),
        ParamsLogged(RUN, 11, {"p": Param(1)}),
        RunEnded(RUN, 20, "FAILED", "boom"),
        journal="first",
    )
    assert store.open_runs("first") == []
    write(started(time=30, name="", experiment="elsewhere", resumed=True), journal="second")
    run = store.run(RUN)
    assert (run.status, run.end_time, run.error, run.start_time) == ("RUNNING", None, None, 10)
    assert (run.name, run.experiment, run.params["p"].value) == ("swift-otter-1", "iris", 1)
    assert (store.open_runs("first"), store.open_runs("second")) == ([], [OpenRun(RUN, 30)])
    write(RunEnded(RUN, 40, "FINISHED"), journal="second")
    assert (store.run(RUN).status, store.open_runs("second")) == ("FINISHED", [])


def test_an_end_of_an_earlier_life_changes_nothing(store: Store, write: Any) -> None:
    """The old journal may be delivered after the one that resumed the run."""
    write(started(time=30, resumed=True), journal="second")
    write(started(time=10, name="original"), RunEnded(RUN, 20, "KILLED"), journal="first")
    run = store.run(RUN)
    assert (run.status, run.start_time, run.name, run.end_time) == (
        "RUNNING",
        10,
        "swift-otter-1",
        None,
    )
    assert store.open_runs("second") == [OpenRun(RUN, 30)]


def test_resuming_under_a_new_name_renames(store: Store, write: Any) -> None:
    """A start that is later gives the name."""
    write(started(), started(time=30, name="better", resumed=True))
    assert store.run(RUN).name == "better"


def test_open_runs_know_their_last_event(store: Store, write: Any, points: Any) -> None:
    """A dead writer's runs end with the time of their last event."""
    write(
        started(),
        started(OTHER),
        points(RUN, "loss", [1.0, 2.0], time=500),
        RunEnded(OTHER, 30, "FINISHED"),
    )
    assert store.open_runs("journal") == [OpenRun(RUN, 1_000_500)]


def test_deleted_runs_are_hidden_and_come_back(store: Store, write: Any) -> None:
    """The trash hides a run from searches, children and counts, not from whoever names it."""
    write(started(parent=OTHER), RunDeleted(RUN, 99))
    assert (found(store), found(store, deleted="only"), found(store, deleted="include")) == (
        [],
        [RUN],
        [RUN],
    )
    assert (store.children(OTHER), store.experiments()[0].run_count) == ([], 0)
    assert (store.run(RUN).deleted_time, store.run(RUN).last_time, store.resolve(RUN[:31])) == (
        99,
        10,
        [RUN],
    )
    write(RunRestored(RUN, 100))
    assert (found(store), found(store, deleted="only"), store.run(RUN).deleted_time) == (
        [RUN],
        [],
        None,
    )


def test_unknown_run(store: Store) -> None:
    """An unknown run is an error that names it; its metrics are empty."""
    with pytest.raises(RunNotFoundError, match="nobody"):
        store.run("nobody")
    assert len(store.metric_history("nobody", "loss")) == 0


def test_resolving_prefixes_and_names(store: Store, write: Any) -> None:
    """A prefix gives up to ten ids, newest first; a name is matched as a whole."""
    for number in range(12):
        write(started(f"aa{number:030x}", time=number, name=f"name-{number}"))
    write(started("bb" + "0" * 30, time=99, name="aa"))
    assert store.resolve("aa") == [
        "bb" + "0" * 30,
        *(f"aa{number:030x}" for number in range(11, 2, -1)),
    ]
    assert store.resolve("name-3") == [f"aa{3:030x}"]
    assert store.resolve("name-") == []
    assert store.resolve("%") == []


def test_children_come_oldest_first(store: Store, write: Any) -> None:
    """The candidates of a search come in the order in which they were tried."""
    for number in (3, 1, 2):
        write(started(f"{number:032x}", time=number, parent=OTHER))
    assert [run.start_time for run in store.children(OTHER)] == [1, 2, 3]
    assert store.children("nobody") == []


def test_experiments_count_their_runs(store: Store, write: Any) -> None:
    """Experiments come by name, with their age, size and last activity."""
    write(
        started(time=20, experiment="b"),
        started(OTHER, time=5, experiment="a"),
        started("3" * 32, time=10, experiment="b"),
    )
    write(RunEnded("3" * 32, 70, "FINISHED"))
    listed = [
        (each.name, each.created, each.run_count, each.last_activity)
        for each in store.experiments()
    ]
    assert listed == [("a", 5, 1, 5), ("b", 10, 2, 70)]
    assert len({experiment.id for experiment in store.experiments()}) == 2


def test_keys_by_experiment(store: Store, write: Any, points: Any) -> None:
    """The keys of one experiment, or of all."""
    write(
        started(),
        ParamsLogged(RUN, 11, {"b": Param(1), "a": Param(1)}),
        TagsSet(RUN, 11, {"t": "1"}),
    )
    write(
        started(OTHER, experiment="other"),
        points(OTHER, "loss", [1.0]),
        ParamsLogged(OTHER, 11, {"a": Param(1)}),
    )
    assert store.keys("iris") == Keys(("a", "b"), (), ("t",))
    assert store.keys() == Keys(("a", "b"), ("loss",), ("t",))
    assert store.keys("nothing") == Keys()


def test_empty_batches_move_the_position(store: Store) -> None:
    """A stretch of a journal without events is delivered, too."""
    store.append(Batch("journal", 0, 64, []))
    assert store.position("journal") == 64


def test_closing_twice_is_fine(store: Store) -> None:
    """Closing is idempotent."""
    store.close()
    store.close()
