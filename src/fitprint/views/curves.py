"""Curves of metrics, thinned out as far as they are shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from fitprint.entities import RunRecord
from fitprint.errors import FitprintError
from fitprint.ids import short_ids
from fitprint.views.ranking import Goals, natural, own_metric
from fitprint.views.wording import clean

if TYPE_CHECKING:
    from fitprint.entities import History
    from fitprint.stores.protocol import Store
    from fitprint.views.markup import Curves

__all__ = ["AXES", "Axis", "Curve", "Panel", "curves_of", "panels", "shown_metrics"]

Axis = Literal["step", "time", "epoch"]
AXES: dict[Axis, str] = {"step": "step", "time": "seconds since the start", "epoch": "epoch"}
"""What a curve may be drawn over, with the words that stand at that axis."""

_NAME = 40  # characters of a run's name beside a curve


def curves_of(store: Store) -> Curves:
    """Return what looks up the curves of runs in a store."""

    def values(run_id: str, key: str, points: int) -> Sequence[float]:
        return store.metric_history(run_id, key, max_points=points).value

    return values


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve: what stands beside it, and its points in their order.
    NaN and infinities are gaps.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]

    def segments(self, *, log: bool = False) -> list[list[tuple[float, float]]]:
        """Return the parts between gaps; on a logarithmic axis what is not above zero is a gap,
        too.
        """
        parts: list[list[tuple[float, float]]] = [[]]
        for x, y in zip(self.x, self.y, strict=True):
            if math.isfinite(x) and math.isfinite(y) and (y > 0 or not log):
                parts[-1].append((x, y))
            elif parts[-1]:
                parts.append([])
        return [part for part in parts if part]


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that share their axes.

    Attributes:
        title: what the curves show, such as the name of a metric; ``below`` stands at the other
            axis.
    """

    title: str
    below: str
    curves: Sequence[Curve]


def panels(
    store: Store,
    runs: Sequence[RunRecord],
    metrics: Sequence[str] = (),
    *,
    axis: Axis = "step",
    goals: Goals | None = None,
    points: int,
) -> list[Panel]:
    """Return a panel for each metric, with the curve of each run that has it.

    Args:
        store: where the points are.
        runs: in the order in which they are shown.
        metrics: names or patterns; by default the metric that says most and that all the runs have.
        axis: what the curves are drawn over.
        goals: the metrics by which runs are judged.
        points: at most so many of each curve: first, last and the extremes of even stretches.

    Raises:
        FitprintError: none of the runs has such a metric, they share none, or no epochs were
            recorded.
    """
    labels = [
        f"{clean(run.name[:_NAME])} ({short})"
        for run, short in zip(runs, short_ids([run.id for run in runs]), strict=True)
    ]
    found = []
    for key in shown_metrics(runs, metrics, goals):
        curves = []
        for run, label in zip(runs, labels, strict=True):
            if key in run.metrics:
                history = store.metric_history(run.id, key, max_points=points)
                curves.append(Curve(label, _places(history, run, axis), history.value))
        if not any(math.isfinite(x) for curve in curves for x in curve.x):
            raise FitprintError(
                f"no {axis} was recorded with {key!r}; draw it over the step or the time"
            )
        found.append(Panel(key, AXES[axis], curves))
    return found


def _places(history: History, run: RunRecord, axis: Axis) -> Sequence[float]:
    if axis == "time":
        return [(time - run.start_time) / 1e6 for time in history.timestamp]
    return history.epoch if axis == "epoch" else history.step


def shown_metrics(
    runs: Sequence[RunRecord], wanted: Sequence[str] = (), goals: Goals | None = None
) -> list[str]:
    """Return the metrics of some of the runs that these names and patterns mean, or the one that
    says most and that all have.
    """
    if not wanted:
        return [_telling(runs, goals)]
    have = sorted({key for run in runs for key in run.metrics}, key=natural)
    chosen: dict[str, None] = {}
    for pattern in wanted:
        found = [key for key in have if key == pattern] or [
            key for key in have if fnmatchcase(key, pattern)
        ]
        if not found:
            from difflib import get_close_matches

            near = get_close_matches(pattern, have, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {_listed(have)}"
            raise FitprintError(f"none of these runs has a metric {pattern!r}; {hint}")
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def _telling(runs: Sequence[RunRecord], goals: Goals | None) -> str:
    """Return the metric by which one would judge the first run, of those that all have, with a
    curve if there is such.
    """
    shared = set.intersection(*(set(run.metrics) for run in runs)) if runs else set()
    curved = {key for key in shared if any(run.metrics[key].count > 1 for run in runs)}
    for keys in (curved, shared):
        first = (
            replace(runs[0], metrics={key: runs[0].metrics[key] for key in keys}) if keys else None
        )
        if first is not None and (own := own_metric(first, goals)) is not None:
            return own
    have = _listed(sorted({key for run in runs for key in run.metrics}, key=natural))
    what = "the run has" if len(runs) == 1 else "these runs share"
    raise FitprintError(
        f"{what} no metric to plot; there are: {have}"
        if have
        else f"{what} no metrics: there is nothing to plot"
    )


def _listed(keys: Iterable[str]) -> str:
    keys = list(keys)
    return ", ".join(clean(key) for key in keys[:10]) + (
        f" and {len(keys) - 10} more" if len(keys) > 10 else ""
    )
