"""What a person mistypes gets one line that says what to do, and loses nothing."""

from __future__ import annotations

import io
import math
import sys

import pytest

import fitprint
from fitprint.cli import main


@pytest.fixture
def recorded(home):
    """Two runs: one with 12 000 metrics, and one with nothing but NaN."""
    with fitprint.start_run("many", nested=False) as run:
        run.log_metrics({f"metric_{place:05}": float(place) for place in range(12_000)})
        run.log_param("C", 1)
    with fitprint.start_run("nanny", nested=False) as run:
        run.log_metric("broken", math.nan)


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ("ls --top -3", 2, "argument --top: must be a whole number from 1 on, not '-3'"),
        ("ls --tpo 3", 2, "unrecognized arguments: --tpo; did you mean '--top'?"),
        ("ls many words", 2, "unrecognized arguments: words; `fitprint ls --help` shows"),
        (
            "ls -q metrics.xyz>1",
            1,
            "no run has a metric 'xyz'; there are: 'broken', 'metric_00000'",
        ),
        ("ls -q params.c=1", 1, "no run has a parameter 'c'; did you mean 'C'?"),
        ("ls -m xyz", 1, "by which to judge runs; there are: 'broken', 'metric_00000'"),
        ("show", 2, "the following arguments are required: RUN; `fitprint show --help` shows"),
        ("show @best:xyz", 1, "no run has a metric 'xyz'; there are: 'broken'"),
        ("show @best:broken", 1, "no runs with a number for the metric 'broken'"),
        ("compare nanny", 1, "only nanny"),
        ("plot nanny -x foo", 2, "invalid choice: 'foo'"),
        ("export nanny --html -o nope/x.html", 1, "there is no folder nope; create it, or choose"),
        ("tail nanny -n -1", 2, "must be a whole number from 0 on, not '-1'"),
        ("get nanny", 1, "has no artifacts"),
        ("du --top -1", 2, "argument --top: must be a whole number from 1 on, not '-1'"),
        ("gc --grace -1", 2, "argument --grace: must be a number from 0 on, not '-1'"),
        ("gc --grace soon", 2, "argument --grace: must be a number from 0 on, not 'soon'"),
        ("gc --trash nan", 2, "argument --trash: must be a number from 0 on, not 'nan'"),
        ("models promot churn 1 a", 2, "; did you mean 'promote'?"),
        ("models tag churn", 1, "name the tags: churn KEY=VALUE ..., or --remove KEY"),
        ("experiments tag Default", 2, "name the tags: Default KEY=VALUE ..., or --remove KEY"),
        ("query --top 99999999999 x", 2, "must be a whole number from 1 on"),
    ],
)
def test_a_mistyped_line_gets_one_line_with_the_remedy(command, words, status, told):
    """Nothing is printed but that line, on standard error."""
    done = command(*words.split())
    assert (status, "", 1) == (done.status, done.out, done.err.count("\n"))
    assert told in done.err


@pytest.mark.usefixtures("recorded")
def test_a_pattern_that_fits_thousands_of_metrics_plots_the_first_ones(command):
    """How many there are is said."""
    done = command("plot", "many", "-m", "metric_*")
    assert "these are the first 40 of 12000 metrics; name fewer with -m" in done.err
    assert ("metric_00039" in done.out, "metric_00040" in done.out) == (True, False)


class Screen(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("words", [("ls", "--csv"), ("query", "--csv", "select name from runs")])
def test_control_characters_reach_a_pipe_and_no_terminal(home, monkeypatch, words):
    """A name must not steer the terminal of who looks at it; a program gets it as it is."""
    fitprint.configure(store=f"sqlite:///{home}/here.db")
    with fitprint.start_run("a\x1b[31mb"):
        pass
    for stream, name in ((Screen(), "a\\x1b[31mb"), (io.StringIO(), "a\x1b[31mb")):
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(words) == 0
        assert name in stream.getvalue()
