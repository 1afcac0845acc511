"""A run, from start to end: what is logged is what is read, each item fails alone, and every thread
may log.
"""

from __future__ import annotations

import json
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint import clock
from fitprint.entities import Dataset
from fitprint.errors import (
    ArtifactNotFoundError,
    FitprintError,
    IntegrityError,
    InvalidMetricError,
    InvalidParamError,
    MetricNotFoundError,
)
from fitprint.recording import workspace

pytestmark = pytest.mark.usefixtures("home")


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


# -- life ------------------------------------------------------------------------------------------


def test_a_run_has_a_name_times_and_an_end() -> None:
    """Id, name, experiment, kind, status and times are there while it goes on and when it has
    ended.
    """
    before = datetime.now(timezone.utc)
    with fitprint.start_run("mine", experiment="tests", tags={"team": "a", "number": 3}) as run:
        assert 32 == len(run.id)
        assert ("mine", "tests", "user", "RUNNING", None) == (
            run.name,
            run.experiment,
            run.kind,
            run.status,
            run.end_time,
        )
        assert run.is_open
    assert not run.is_open
    assert ("FINISHED", None) == (run.status, run.error)
    assert run.end_time is not None
    assert (
        before - timedelta(milliseconds=1)
        <= run.start_time
        <= run.end_time
        <= datetime.now(timezone.utc)
    )
    assert {"team": "a", "number": "3"} == run.tags


def test_runs_get_readable_names_and_ordered_ids() -> None:
    """Names are drawn, ids sort by time."""
    runs = [fitprint.start_run(nested=False) for _ in range(20)]
    assert sorted(run.id for run in runs) == [run.id for run in runs]
    assert all(run.name.count("-") == 2 for run in runs)


def test_an_exception_fails_the_run_and_passes() -> None:
    """The traceback is kept, the exception is the user's."""
    error = ValueError("bad input")
    with pytest.raises(ValueError, match="bad input") as caught, fitprint.start_run() as run:
        raise error
    assert error is caught.value
    assert "FAILED" == run.status
    assert "ValueError: bad input" in (run.error or "")
    assert "test_an_exception_fails_the_run_and_passes" in (run.error or "")


def test_a_run_ends_once() -> None:
    """The first end stands, by block, by hand or by verb."""
    with fitprint.start_run() as run:
        fitprint.end_run("KILLED")
        run.end("FAILED")
    assert "KILLED" == run.status


@pytest.mark.parametrize("status", ["DONE", "RUNNING", "finished", None])
def test_a_status_that_there_is_not_is_refused(status: Any) -> None:
    """The message says which there are, and the run goes on."""
    run = fitprint.start_run()
    with pytest.raises(FitprintError, match="FINISHED, FAILED or KILLED"):
        run.end(status)
    assert run.is_open


def test_a_resumed_run_keeps_what_it_has() -> None:
    """By id, prefix or name: status RUNNING again, parent, params and steps go on; the new end
    counts.
    """
    with fitprint.start_run("outer") as outer, fitprint.start_run("mine", tags={"a": "b"}) as run:
        run.log_params({"C": 1})
        run.log_metric("loss", 3.0)
    with fitprint.start_run(run_id=run.id, tags={"c": "d"}) as again:
        assert (run.id, "mine", outer.id, "RUNNING") == (
            again.id,
            again.name,
            again.parent_id,
            again.status,
        )
        again.log_metric("loss", 2.0)
        again.log_params({"gamma": 2})
    run.refresh()
    assert ("FINISHED", {"C": 1, "gamma": 2}, {"a": "b", "c": "d"}) == (
        run.status,
        run.params,
        run.tags,
    )
    assert ([0, 1], [3.0, 2.0]) == (list(run.history("loss").step), list(run.history("loss").value))


def test_children_are_below_their_parent() -> None:
    """Oldest first, with the parent's experiment."""
    with fitprint.start_run("outer", experiment="tests") as outer:
        for name in ("a", "b"):
            with fitprint.start_run(name):
                pass
        with fitprint.start_run("apart", nested=False):
            pass
    assert [("a", "tests"), ("b", "tests")] == [
        (child.name, child.experiment) for child in outer.children()
    ]
    assert "Default" == fitprint.get_run("apart").experiment


# -- params and tags -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        None,
        0,
        -1,
        2**70,
        1.5,
        math.inf,
        -math.inf,
        "",
        "text",
        "caf\udce9",
        [1, [2.0, None]],
        {"a": {"b": [True]}},
    ],
)
def test_params_keep_their_type(value: Any) -> None:
    """What JSON knows comes back as it was, non-finite numbers included."""
    with fitprint.start_run() as run:
        fitprint.log_param("value", value)
    assert [(type(value), value)] == [(type(run.params["value"]), run.params["value"])]


def test_nan_is_a_param() -> None:
    """It comes back as NaN."""
    with fitprint.start_run() as run:
        fitprint.log_params({"a": math.nan, "b": [math.nan]})
    assert math.isnan(run.params["a"])
    assert math.isnan(run.params["b"][0])


def test_a_param_that_cannot_be_recorded_costs_no_other() -> None:
    """The error names each of them, all others are recorded."""
    with fitprint.start_run() as run:
        with pytest.raises(InvalidParamError) as caught:
            fitprint.log_params({"a": 1, "bad": Unspeakable(), "b": 2, "": 3, 4: 5})  # type: ignore[dict-item]
        assert all(name in str(caught.value) for name in ("'bad'", "''", "4"))
    assert {"a": 1, "b": 2} == run.params


def test_a_large_param_is_whole() -> None:
    """It spills to an artifact, with a preview in the record, and reads back as it was."""
    text, nested = "x" * 100_000, {"values": [math.inf, *range(5000)]}
    with fitprint.start_run() as run:
        fitprint.log_params({"text": text, "nested": nested, "small": "y"})
    assert {"text": text, "nested": nested, "small": "y"} == run.params
    assert len(json.dumps(run.record.params["text"].value)) < 10_000
    assert {"params/text.json", "params/nested.json"} == {
        artifact.path for artifact in run.artifacts
    }


def test_the_later_param_stands_and_tags_can_be_removed() -> None:
    """Logged again, a value is replaced; a tag that is None is gone."""
    with fitprint.start_run() as run:
        fitprint.log_param("C", 1)
        fitprint.log_param("C", "two")
        fitprint.set_tags({"a": 1, "b": True, "c": "x"})
        fitprint.set_tag("b", None)
    assert ({"C": "two"}, {"a": "1", "c": "x"}) == (run.params, run.tags)


# -- metrics ---------------------------------------------------------------------------------------


def test_points_are_exact() -> None:
    """Value, step, epoch and time come back to the bit; NaN and infinities too."""
    values = [0.1, math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308]
    moment = datetime(2024, 2, 29, 12, 30, 15, 250_000, tzinfo=timezone.utc)
    with fitprint.start_run() as run:
        for value in values:
            fitprint.log_metric("loss", value)
        fitprint.log_metric("other", 1, step=7, epoch=2.5, timestamp=moment)
        fitprint.log_metric("other", 2, step=-3, timestamp=1_700_000_000_123)
    history = run.history("loss")
    assert [value.hex() if value == value else "nan" for value in values] == [
        value.hex() if value == value else "nan" for value in history.value
    ]
    assert list(range(7)) == list(history.step)
    other = run.history("other")
    assert ([7, -3], [2.5], [int(moment.timestamp() * 1e6), 1_700_000_000_123_000]) == (
        list(other.step),
        [epoch for epoch in other.epoch if epoch == epoch],
        list(other.timestamp),
    )


def test_steps_count_on_from_the_last() -> None:
    """Without a step each point is one after the one before, whatever that was."""
    with fitprint.start_run() as run:
        for step in (None, None, 10, None, 3, None):
            run.log_metric("loss", 1.0, step)
        run.log_history("loss", [1.0, 2.0], steps=[20, 30])
        run.log_metric("loss", 1.0)
        run.log_history("curve", [3.0, 2.0])
        run.log_metric("curve", 1.0)
    assert [0, 1, 10, 11, 3, 4, 20, 30, 31] == list(run.history("loss").step)
    assert [0, 1, 2] == list(run.history("curve").step)


def test_a_summary_knows_the_best() -> None:
    """First, last, least, greatest, best by goal, and how many."""
    with fitprint.start_run() as run:
        for value in (3.0, 1.0, math.nan, 2.0):
            fitprint.log_metric("loss", value)
            fitprint.log_metric("score", value, goal="max")
    summary = run.summary("loss")
    assert (3.0, 2.0, 1.0, 3.0, 4) == (
        summary.first,
        summary.last,
        summary.min,
        summary.max,
        summary.count,
    )
    assert ((1.0, 1), (3.0, 0)) == (
        (summary.best, summary.best_step),
        (run.summary("score").best, run.summary("score").best_step),
    )
    with pytest.raises(
        MetricNotFoundError, match="has no metric 'nothing'; its metrics: loss, score"
    ):
        run.summary("nothing")
    assert 0 == len(run.history("nothing"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("loss", "1.0"),
            "metric 'loss' must be one real number, not str '1.0'; convert it with float",
        ),
        (("loss", None), "metric 'loss' must be one real number, not NoneType"),
        (("loss", [1.0]), "metric 'loss' must be one real number, not list"),
        (("loss", 1j), "metric 'loss' must be one real number, not complex"),
        (("", 1.0), "must be a text that is not empty"),
        ((3, 1.0), "must be a text that is not empty, not 3"),
        ((["loss"], 1.0), "must be a text that is not empty"),
        (("loss", 1.0, 1.5), "step must be a whole number"),
        (("loss", 1.0, 2**63), "step must be a whole number"),
        (("loss", 1.0, 0, "one"), "epoch a number"),
        (("loss", 1.0, 0, None, "today"), "timestamp a datetime or milliseconds"),
        (("loss", 1.0, 0, None, math.nan), "timestamp a datetime or milliseconds"),
        (("loss", 1.0, 0, None, 2**62), "timestamp a datetime or milliseconds"),
    ],
)
def test_what_is_no_point_is_refused_by_name(arguments: tuple[Any, ...], message: str) -> None:
    """The error names the metric and says what it must be; the run goes on."""
    with fitprint.start_run() as run:
        with pytest.raises(InvalidMetricError) as caught:
            fitprint.log_metric(*arguments)
        assert message in str(caught.value)
        fitprint.log_metric("loss", 1.0)
    assert 1 == run.summary("loss").count


def test_a_metric_that_is_no_number_costs_no_other() -> None:
    """The error names each of them, all others are recorded, at one time."""
    with fitprint.start_run() as run, pytest.raises(InvalidMetricError, match=r"'bad'.*'worse'"):
        fitprint.log_metrics({"a": 1, "bad": "x", "b": 2, "worse": None}, step=5)  # type: ignore[dict-item]
    assert {"a": 1.0, "b": 2.0} == run.metrics
    assert {5} == {run.summary(key).last_step for key in "ab"}
    assert run.summary("a").last_time == run.summary("b").last_time


def test_the_metrics_of_a_round_are_what_they_are_one_by_one() -> None:
    """Rounds after the first are written at once: nothing of a point is different, and what comes
    without a step goes on from there.
    """
    rounds = [
        {"loss": 0.5, "score": float("nan")},
        {"loss": 0.25, "score": float("inf")},
        {"loss": 0.125, "score": 3, "late": 1.0},
    ]
    with (
        fitprint.start_run(name="rounds") as together,
        fitprint.start_run(name="points", nested=True) as one_by_one,
    ):
        for step, values in enumerate(rounds, 7):
            together.log_metrics(values, step, epoch=step / 2)
            for key, value in values.items():
                one_by_one.log_metric(key, value, step, step / 2)
        for run in (together, one_by_one):
            run.log_metrics({"loss": 0.0, "score": 0.0})
    for key in ("loss", "score", "late"):
        first, second = together.history(key), one_by_one.history(key)
        assert (list(first.step), str(list(first.value)), str(list(first.epoch))) == (
            list(second.step),
            str(list(second.value)),
            str(list(second.epoch)),
        )
    assert list(together.history("loss").step) == [7, 8, 9, 10]


def test_fault_13c_first_metrics_without_a_step_are_what_they_are_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are one write; what comes later without a step goes on from there."""
    write, sizes = os.write, []
    values = {"a": 0.5, "b": math.inf, "c": -1.0}
    with (
        fitprint.start_run(name="together") as together,
        fitprint.start_run(name="points", nested=True) as one_by_one,
    ):
        for key, value in values.items():
            one_by_one.log_metric(key, value)
        monkeypatch.setattr(
            os, "write", lambda number, data: sizes.append(len(data)) or write(number, data)
        )
        together.log_metrics(values)
        monkeypatch.undo()
        for run in (together, one_by_one):
            run.log_metrics({**values, "late": 1})
    assert 1 == len(sizes)
    for key in (*values, "late"):
        first, second = together.history(key), one_by_one.history(key)
        assert (list(first.step), list(first.value)) == (list(second.step), list(second.value))
    assert [0, 1] == list(together.history("a").step)


@pytest.mark.parametrize("step", [2**63, 1.5, "one"])
def test_a_round_that_has_no_number_is_refused(step: Any) -> None:
    """The error names the metrics; nothing of the round is recorded."""
    with fitprint.start_run() as run:
        run.log_metrics({"a": 1.0, "b": 2.0}, 0)
        with pytest.raises(InvalidMetricError, match=r"'a'.*'b'"):
            run.log_metrics({"a": 3.0, "b": 4.0}, step)
    assert {"a": 1.0, "b": 2.0} == run.metrics


@pytest.mark.parametrize(
    "columns",
    [
        {"values": [1.0, "x"]},
        {"values": [1.0], "steps": [1, 2]},
        {"values": [1.0], "steps": [1.5]},
        {"values": [1.0, 2.0], "epochs": [1.0]},
        {"values": [1.0], "times": [2**64]},
    ],
)
def test_a_curve_that_does_not_fit_is_refused_whole(columns: dict[str, Any]) -> None:
    """Columns of different length or of no numbers record nothing."""
    with fitprint.start_run() as run:
        with pytest.raises(InvalidMetricError, match="metric 'curve' was not recorded"):
            run.log_history("curve", **columns)
        run.log_history("empty", [])
    assert {} == run.metrics


def test_what_the_settings_leave_out_is_left_out() -> None:
    """Globs of params and metrics count for what is logged by hand, too."""
    fitprint.configure(
        include_metrics=["val_*"], exclude_metrics=["*_debug"], exclude_params=["secret*"]
    )
    with fitprint.start_run() as run:
        fitprint.log_metrics({"val_loss": 1, "loss": 2, "val_debug": 3})
        run.log_history("loss", [1.0])
        fitprint.log_params({"C": 1, "secret_key": 2})
    assert ({"val_loss": 1.0}, {"C": 1}) == (run.metrics, run.params)


# -- files -----------------------------------------------------------------------------------------


def test_files_come_back_byte_by_byte(tmp_path: Path) -> None:
    """Texts, JSON, files and folders are recorded and read, one or all."""
    folder = tmp_path / "folder" / "deeper"
    folder.mkdir(parents=True)
    (folder / "b.bin").write_bytes(bytes(range(256)))
    (folder.parent / "a.txt").write_text("a")
    with fitprint.start_run("files") as run:
        fitprint.log_text("héllo\n", "notes/hello.txt")
        fitprint.log_dict({"a": [1, None]}, "notes/a.json")
        fitprint.log_artifact(folder / "b.bin")
        fitprint.log_artifact(folder / "b.bin", "other/name.bin")
        fitprint.log_artifacts(folder.parent, "all")
    assert [
        "all/a.txt",
        "all/deeper/b.bin",
        "b.bin",
        "notes/a.json",
        "notes/hello.txt",
        "other/name.bin",
    ] == [a.path for a in run.artifacts]
    assert "héllo\n".encode() == run.read("notes/hello.txt")
    assert {"a": [1, None]} == json.loads(run.read("notes/a.json"))
    assert bytes(range(256)) == run.download("b.bin", tmp_path / "copy.bin").read_bytes()
    target = run.download("all", tmp_path / "target")
    assert ["a.txt", "deeper/b.bin"] == sorted(
        path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()
    )
    assert 6 == len([path for path in run.download().rglob("*") if path.is_file()])


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a\0b"])
def test_a_path_that_leads_out_of_the_run_is_refused(path: str) -> None:
    """Artifacts stay inside."""
    with (
        fitprint.start_run() as run,
        pytest.raises(FitprintError, match="must be relative and stay inside the run"),
    ):
        fitprint.log_text("x", path)
    assert () == run.artifacts


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """Missing files, folders and artifacts are errors that say what there is."""
    with fitprint.start_run() as run:
        fitprint.log_text("x", "a.txt")
        with pytest.raises(FitprintError, match="there is no file"):
            fitprint.log_artifact(tmp_path / "nothing")
        with pytest.raises(FitprintError, match="log_artifacts takes a folder"):
            fitprint.log_artifact(tmp_path)
        with pytest.raises(FitprintError, match="there is no folder"):
            fitprint.log_artifacts(tmp_path / "nothing")
    with pytest.raises(
        ArtifactNotFoundError, match=r"has no artifact 'b\.txt'; its artifacts: a\.txt"
    ):
        run.read("b.txt")


def test_bytes_that_changed_are_not_handed_out(tmp_path: Path) -> None:
    """Reading and downloading check digests."""
    with fitprint.start_run() as run:
        fitprint.log_text("right", "a.txt")
    (artifact,) = run.artifacts
    workspace.current().staging.path_of(artifact.digest).write_text("wrong")
    with pytest.raises(IntegrityError):
        run.read("a.txt")
    with pytest.raises(IntegrityError):
        run.download("a.txt", tmp_path / "copy.txt")
    assert not (tmp_path / "copy.txt").exists()


def test_data_leave_facts_only() -> None:
    """What is recorded of data is what they are, not the data."""
    with fitprint.start_run() as run:
        fitprint.log_input([[1, 2], [3, 4]], "X", "train")
        fitprint.log_input(Dataset("mine", "test", "sha256:" + "0" * 64, {"rows": 2}))
    assert [("X", "train"), ("mine", "test")] == [
        (dataset.name, dataset.role) for dataset in run.datasets
    ]
    assert {"rows": 2} == run.datasets[1].facts


# -- threads ---------------------------------------------------------------------------------------


def test_a_handle_may_be_used_from_any_thread() -> None:
    """Eight threads log to one run at once: nothing is lost, no step is given twice, and each
    thread's points are in order.
    """
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        for index in range(500):
            run.log_metric("shared", number)
            run.log_metric(f"own {number}", index)
        run.log_params({f"p{number}": number})

    with fitprint.start_run() as run, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert list(range(4000)) == sorted(run.history("shared").step)
    for number in range(8):
        assert list(range(500)) == list(run.history(f"own {number}").value)
    assert {f"p{number}": number for number in range(8)} == run.params


def test_many_threads_may_end_a_run() -> None:
    """One of them does."""
    run = fitprint.start_run()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run.end, ["FINISHED", "FAILED"] * 20))
    assert run.status in ("FINISHED", "FAILED")
    assert not run.is_open


# -- time ------------------------------------------------------------------------------------------


def test_a_clock_that_goes_back_loses_nothing() -> None:
    """Times are as the clock told them; a run that ends before it began has ended."""
    with clock.replaced(lambda: 2_000_000):
        run = fitprint.start_run()
    with clock.replaced(lambda: 1_000_000):
        run.log_params({"a": 1})
        run.end()
    assert {"a": 1} == run.params
    assert "FINISHED" == run.status


@pytest.mark.parametrize(
    ("first", "second"), [("a", "a/b"), ("a/b", "a"), ("x/y", "x/y/z/w"), ("x/y/z", "x")]
)
def test_fault_9_a_path_is_not_both_a_file_and_a_folder(
    first: str, second: str, tmp_path: Path
) -> None:
    """The second is refused where it is logged, by a message with both; the first is recorded,
    again, too.
    """
    with fitprint.start_run() as run:
        run.log_text("one", first)
        run.log_text("two", first)
        with pytest.raises(FitprintError, match=f"'{second}' cannot be recorded"):
            run.log_text("three", second)
    assert [first] == [artifact.path for artifact in run.artifacts]
    assert "two" == (run.download("", tmp_path / "all") / first).read_text()


def test_fault_9_what_can_be_copied_is_copied_beside_a_clash(tmp_path: Path) -> None:
    """Two handles recorded a file and a folder of one name: the error names both, all else is
    there.
    """
    from fitprint.recording.opening import attached_run

    with fitprint.start_run() as run:
        run.log_text("one", "a")
        run.log_text("two", "c/d")
        attached_run(run.id).log_text("three", "a/b")
    with pytest.raises(FitprintError, match=r"'a/b' \('a' is a file\)"):
        run.download("", tmp_path / "all")
    assert ["one", "two"] == [(tmp_path / "all" / path).read_text() for path in ("a", "c/d")]


@pytest.mark.parametrize(
    "path", ["x" * 256, "é" * 128, "a/" + "x" * 300 + "/b", "a\ud800", "../a", "/a", "a/../b", ""]
)
def test_fault_9_a_path_that_no_file_can_have_is_refused(path: str) -> None:
    """It could be recorded and never be copied."""
    with fitprint.start_run() as run, pytest.raises(FitprintError):
        run.log_text("text", path)
    assert () == run.artifacts


@pytest.mark.parametrize("key", ["k" * 300, "é" * 200, "a\0b", "a\\b", "\ud800", "a/b"])
def test_fault_9_a_large_parameter_of_any_name_is_kept_whole(key: str) -> None:
    """The file that holds it has a name that files can have."""
    with fitprint.start_run() as run:
        run.log_param(key, "x" * 20_000)
    (value,) = run.params.values()
    assert "x" * 20_000 == value
