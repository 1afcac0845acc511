"""``fitprint tail`` of what is there already."""

from __future__ import annotations

import json
import re

import pytest

import fitprint


@pytest.fixture
def run(home):
    """A run with two metrics that were logged together, one of its own steps, and one of the
    machine.
    """
    with fitprint.start_run("a\x1b[2J") as run:
        for step in range(30):
            run.log_metrics({"loss": 1 / (step + 1), "val_loss": 2 / (step + 1)}, step=step)
        run.log_metric("system/cpu", 1.0)
        run.log_metric("auc", float("nan"), step=29)
    return run


def test_the_last_lines_are_printed_and_then_the_end(command, run):
    """Metrics that were logged together stand together; those of the machine are left out."""
    done = command("tail", run.id, "-n", "2")
    assert 0 == done.status
    first, second = done.out.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  step 29    loss 0.03333  val_loss 0.06667", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d  step 29    auc NaN", second)
    assert re.search(r"a\\x1b\[2J FINISHED at \d{4}-", done.err)


def test_ten_lines_are_printed_unless_one_says_otherwise(command, run):
    """As the program of this name does; none is a number, too."""
    assert 10 == len(command("tail", run.id).out.splitlines())
    assert 31 == len(command("tail", run.id, "--lines", "1000").out.splitlines())
    assert "" == command("tail", run.id, "-n", "0").out


def test_metrics_are_chosen_by_name_and_pattern(command, run):
    """Also those of the machine."""
    assert (
        "val_loss 0.06667"
        == command("tail", run.id, "-m", "val_*", "-n", "1").out.split("    ")[1].strip()
    )
    assert "system/cpu 1" in command("tail", run.id, "-m", "system/cpu").out


def test_a_metric_that_an_ended_run_has_not_is_an_error(command, run):
    """The message names those that it has."""
    done = command("tail", run.id, "-m", "accuracy")
    assert (1, "") == (done.status, done.out)
    assert (
        "the run has no metric 'accuracy'; its metrics: auc, loss, system/cpu, val_loss" in done.err
    )


@pytest.mark.parametrize("words", [(), ("-n", "-1"), ("-n", "many")])
def test_arguments_without_sense_are_refused(command, run, words):
    """With the status for that."""
    assert 2 == command("tail", *([run.id] if words else []), *words).status


def test_an_unknown_run_is_an_error(command, run):
    """As everywhere."""
    assert 1 == command("tail", "nothing").status


def test_json_has_an_object_a_line(command, run):
    """Numbers are exact, and the last object is the end."""
    *points, end = [
        json.loads(line) for line in command("tail", run.id, "--json", "-n", "2").out.splitlines()
    ]
    assert [{"loss": 1 / 30, "val_loss": 2 / 30}, {"auc": "NaN"}] == [
        point["metrics"] for point in points
    ]
    assert [29, 29] == [point["step"] for point in points]
    assert {"time": run.end_time.isoformat(), "status": "FINISHED"} == end


def test_a_run_that_goes_on_is_not_waited_for(command, home):
    """With --no-follow."""
    with fitprint.start_run("open") as run:
        run.log_metric("loss", 1.0)
        done = command("tail", "open", "--no-follow")
    assert 0 == done.status
    assert "loss 1" in done.out
    assert "open is still going on" in done.err


def test_a_metric_that_a_running_run_has_not_may_come_yet(command, home):
    """It is no error."""
    with fitprint.start_run("open"):
        done = command("tail", "open", "-m", "later", "--no-follow")
    assert (0, "") == (done.status, done.out)


def test_a_run_that_failed_says_why(command, home):
    """The last line of its traceback."""
    with pytest.raises(ValueError, match="too much"), fitprint.start_run("failed"):
        raise ValueError("too much")
    done = command("tail", "failed")
    assert 0 == done.status
    assert re.search(r"failed FAILED at .*: ValueError: too much", done.err)


def test_what_the_program_printed_comes_in_its_place(command, home):
    """Where the run keeps it; nothing of it steers the terminal."""
    fitprint.configure(console=True)
    with fitprint.start_run("speaking") as run:
        print("hello\x07")
        run.log_metric("loss", 1.0)
    run.console  # noqa: B018 - waits until it is written down
    hello, point = command("tail", "speaking").out.splitlines()
    assert "stdout     hello\\x07" in hello
    assert "step 0     loss 1" in point
