"""What was counted is kept with the runs, and shown against the training."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

import fitprint
from fitprint import clock
from fitprint_monitor import watch_model
from fitprint_monitor.keeping import kept_windows
from fitprint_monitor.windows import HOUR, merged

numpy: Any = pytest.importorskip("numpy")
linear_model: Any = pytest.importorskip("sklearn.linear_model")
NOON = 20_000 * 24 * HOUR + 12 * HOUR


def data(rows, seed, shift=0.0):
    """Return numbers in three columns."""
    return numpy.random.default_rng(seed).normal(shift, size=(rows, 3))


@pytest.fixture
def model(place):
    """Version 1 of a registered model, with its profiles."""
    X = data(2000, 0)
    model = linear_model.LogisticRegression().fit(X, X[:, 0] > 0)
    with fitprint.start_run(name="trained") as run:
        fitprint.log_input(X, name="X")
        fitprint.log_input(model.predict(X), name="prediction")
        fitprint.log_model(model, "model")
    fitprint.register_model(run, "churn", alias="champion")
    return model


@pytest.fixture
def hour():
    """A clock that stands still until it is told to go on."""
    time = [NOON]
    with clock.replaced(lambda: time[0]):
        yield time


def whole(version="1"):
    """Return all that was kept of a version, as one window."""
    (found,) = (each for each in kept_windows("churn", 0) if each.version == version)
    return merged(found.windows, 1 << 62)[0]


def test_data_like_those_of_the_training_are_quiet(model, command):
    """The windows and the columns are shown, predictions among them; the status is 0."""
    with watch_model("models:/churn@champion") as watched:
        watched.observe(data(1000, 1), model.predict(data(1000, 1)))
    said = command("monitor", "report", "churn")
    assert (0, "") == (said.status, said.err)
    assert said.out.startswith("churn version 1: 1000 rows\n")
    assert "prediction" in said.out
    assert all(len(line) <= 80 for line in said.out.splitlines())


def test_drift_is_told_by_window(model, command, hour):
    """The hour in which it began; the status is 1 if all together drifts."""
    with watch_model("models:/churn/1") as watched:
        watched.observe(data(600, 1), model.predict(data(600, 1)))
        hour[0] += HOUR
        watched.observe(data(600, 2, 1), model.predict(data(600, 2, 1)))
    said = command("monitor", "report", "models:/churn@champion", "--json")
    (found,) = json.loads(said.out)
    assert 1 == said.status
    assert [(600, "same", []), (600, "drift", ["0", "1", "2", "prediction"])] == [
        (each["seen"], each["verdict"], each["columns"]) for each in found["windows"]
    ]
    assert command("monitor", "report", "churn", "--md").out.startswith("**churn version 1")


def test_an_alarm_stands_while_the_whole_is_quiet(model, command, hour):
    """Many quiet hours hide a change of the last two from all together, and not from the status."""
    with watch_model("models:/churn/1") as watched:
        for number in range(20):
            watched.observe(data(1000, number + 1, 0.3 if number > 17 else 0))
            hour[0] += HOUR
    said = command("monitor", "report", "churn", "--json")
    (found,) = json.loads(said.out)
    assert (1, False) == (said.status, found["whole"]["drift"])
    assert {"0", "1", "2"} == {each["column"] for each in found["alarms"]}
    assert {("2024-10-05 06:00", None)} == {
        (each["since"], each["until"]) for each in found["alarms"]
    }
    shown = command("monitor", "report", "churn").out
    assert "alarm: 0 since 2024-10-05 06:00: moderate change" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_what_is_written_again_counts_once(model, hour):
    """Each writing holds the whole hour."""
    with watch_model("models:/churn/1") as watched:
        for number in range(5):
            watched.observe(data(10, number))
            watched.flush()
        watched.flush()
    assert (50, 50) == (whole().seen, whole().inputs["0"].rows)
    (run,) = fitprint.search_runs(filter_string="kind = 'monitor'")
    assert ("FINISHED", 1) == (run.status, len(run.artifacts))


def test_several_processes_are_added(model):
    """Each has a run of its own."""
    for number in range(3):
        with watch_model("models:/churn/1") as watched:
            watched.observe(data(20, number))
    assert 60 == whole().seen
    assert 3 == len(fitprint.search_runs(filter_string="kind = 'monitor'"))


def test_a_day_is_a_run(model, hour, command):
    """So old days can be removed; a long time is shown by days."""
    with watch_model("models:/churn/1") as watched:
        for _ in range(6):
            watched.observe(data(10, 1))
            watched.flush()
            hour[0] += 12 * HOUR
    runs = fitprint.search_runs(filter_string="kind = 'monitor'", order_by="start_time asc")
    assert [
        "churn/1 2024-10-04",
        "churn/1 2024-10-05",
        "churn/1 2024-10-06",
        "churn/1 2024-10-07",
    ] == [run.name for run in runs]
    assert {"FINISHED"} == {run.status for run in runs}
    said = command("monitor", "report", "churn", "--since", "9d", "--json")
    assert [10, 20, 20, 10] == [each["seen"] for each in json.loads(said.out)[0]["windows"]]


def test_a_model_that_is_not_registered(model, command):
    """It is named by its run."""
    with watch_model("runs:/trained/model") as watched:
        watched.observe(data(30, 1))
    assert command("monitor", "report", "runs:/trained/model").status == 0


def test_counts_in_other_cells_are_refused(model, command, hour):
    """A column with another number of cells was counted by another version."""
    with watch_model("models:/churn/1") as watched:
        watched.observe(data(5, 1))
    (run,) = fitprint.search_runs(filter_string="kind = 'monitor'")
    (path,) = (each.path for each in run.artifacts if each.path.startswith("windows/"))
    content = json.loads(run.read(path))
    content["inputs"]["1"][-1] = [1, 2]
    run.log_text(json.dumps(content), path)
    said = command("monitor", "report", "churn")
    assert (2, True) == (said.status, "the column '1' has other cells" in said.err)
    run.log_text("{}", path)
    assert 3 == command("monitor", "report", "churn").status


def test_a_model_that_is_not_there_is_named(model, command):
    """Instead of one of which nothing was counted."""
    said = command("monitor", "report", "chrn")
    assert (3, True) == (said.status, "no registered model 'chrn'; did you mean" in said.err)
    assert "`fitprint serve` and watch_model() count" in command("monitor", "report", "churn").err


def test_the_newest_run_is_the_training(model):
    """What is counted is no training."""
    with watch_model("models:/churn/1") as watched:
        watched.observe(data(5, 1))
    assert "trained" == fitprint.get_run("@last").name


def test_what_cannot_be_written_is_kept_and_tried_again(model, hour, monkeypatch):
    """A disk that is full loses nothing, as long as the process lives."""
    with watch_model("models:/churn/1") as watched:
        watched.observe(data(10, 1))
        staging = type(watched._workspace.staging)
        with monkeypatch.context() as patch:
            for name in ("put_bytes", "put_file", "put"):
                if hasattr(staging, name):
                    patch.setattr(staging, name, _full)
            watched.flush()
        watched.observe(data(10, 2))
    assert 20 == whole().seen


def _full(*_args, **_kwargs):
    raise OSError(28, "No space left on device")


def test_a_killed_process_is_told(model, command, place):
    """What it had written stays; what it may have lost is said."""
    script = (
        "import sys, numpy\n"
        "from fitprint_monitor import watch_model\n"
        "watched = watch_model('models:/churn/1')\n"
        "watched.observe(numpy.zeros((40, 3)))\n"
        "watched.flush()\n"
        "print('written', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "FITPRINT_HOME": str(place / ".fitprint")},
    )
    with process:
        assert b"written\n" == process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    said = command("monitor", "report", "churn")
    assert (0, True) == (said.status, "1 processes were killed" in said.out)
    assert 40 == whole().seen


def test_what_is_not_there(model, command):
    """Status 3 for what was never counted, 2 for a time that is none."""
    assert 3 == command("monitor", "report", "churn").status
    assert 3 == command("monitor", "report", "models:/none@champion").status
    assert 2 == command("monitor", "report", "churn", "--since", "soon").status
