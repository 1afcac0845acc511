"""The verb that draws curves of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fitprint.api import get_run
from fitprint.arguments import checked_names, shown
from fitprint.errors import FitprintError
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint.views.curves import Axis
from fitprint.views.figures import figure_of
from fitprint.views.ranking import Goals

__all__ = ["plot"]


def plot(
    runs: Iterable[Run | str] | Run | str,
    metric: str | Iterable[str] | None = None,
    *,
    x: Axis = "step",
    log: bool = False,
) -> Any:
    """Return a figure with a curve of each run: of Matplotlib, or of Plotly where only that is
    imported.

    A notebook shows it; ``figure.savefig("curves.png")`` writes a Matplotlib figure to a file.
    Matplotlib's settings are not changed.

    Args:
        runs: one run or several, each as a :class:`Run` or as what names one (see
            :func:`get_run`).
        metric: a name or a pattern such as "val_*", or several; each metric gets a panel. By
            default it is one that all the runs have, and by which the first run is judged.
        x: draw over the "step", the "time" or the "epoch".
        log: whether the axis of the values is logarithmic.

    Raises:
        RunNotFoundError, AmbiguousRunError: a text names no run, or several.
        FitprintError: none of the runs has such a metric, or neither library is installed.
    """
    if isinstance(runs, Mapping) or not isinstance(runs, (str, Run, Iterable)):
        raise FitprintError(f"the runs must be a run or a list of them, not {shown(runs)}")
    found = {run.id: run for run in map(get_run, [runs] if isinstance(runs, (str, Run)) else runs)}
    metrics = [] if metric is None else checked_names(metric, "the metrics")
    store = current().store
    goals = Goals.told(current().settings["metric"], store.experiments())
    return figure_of(
        store, [run.record for run in found.values()], metrics, axis=x, log=log, goals=goals
    )
