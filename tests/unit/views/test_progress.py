"""What has come to a run since one last looked."""

from __future__ import annotations

import fitprint
from fitprint.recording.workspace import current
from fitprint.views.progress import Progress


def look(progress, run, most=100):
    """Return the steps and values that are new."""
    store = current().store
    return [(step.step, step.values) for step in progress.new(store, store.run(run.id), most)]


def test_each_point_comes_once(home):
    """Whether one or several are new."""
    progress = Progress()
    with fitprint.start_run() as run:
        run.log_metrics({"a": 1.0, "b": 2.0}, step=5)
        assert [(5, {"a": 1.0, "b": 2.0})] == look(progress, run)
        assert [] == look(progress, run)
        run.log_metric("a", 3.0)
        assert [(6, {"a": 3.0})] == look(progress, run)
        run.log_metric("a", 4.0)
        run.log_metric("a", 5.0)
        assert [(7, {"a": 4.0}), (8, {"a": 5.0})] == look(progress, run)


def test_what_is_too_much_is_counted(home):
    """The last points are those that come."""
    progress = Progress(["a"])
    with fitprint.start_run() as run:
        run.log_history("a", [float(value) for value in range(50)])
        run.log_metric("b", 0.0)
        assert [48, 49] == [step for step, _ in look(progress, run, most=2)]
        assert 48 == progress.left_out
        run.log_metric("a", 0.0)
        assert [50] == [step for step, _ in look(progress, run, most=2)]
        assert 0 == progress.left_out
