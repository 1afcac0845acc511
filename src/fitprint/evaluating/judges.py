"""Judging what a model said: which metrics are meant, and their numbers,
of all rows and of slices.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

from fitprint.arguments import shown
from fitprint.data.values import error_text
from fitprint.errors import FitprintError, InvalidMetricError
from fitprint.hooks.manager import hooks
from fitprint.hooks.metrics import Metric, Outcome, Task
from fitprint.models.outcomes import part_of
from fitprint.query.goals import goal_of
from fitprint.recording.values import metric_value
from fitprint.views.evaluation import Slice

__all__ = ["Judge", "chosen_judges", "default_judges", "judged", "registered_metrics", "slices_of"]

_MOST_SLICES = 20
_NO_METRICS = (
    "no plugin brings metrics: pip install fitprint-sklearn, or give functions, such "
    "as metrics={'cost': function}"
)


@dataclass(frozen=True, slots=True)
class Judge:
    """A metric to compute."""

    name: str
    compute: Callable[[Outcome], Any]
    goal: Literal["min", "max"]
    takes: str = "predictions"


def registered_metrics() -> Mapping[str, Metric]:
    return hooks().registered("register_metrics")


def chosen_judges(metrics: Any) -> list[Judge]:
    """Return the metrics that somebody chose; none if nobody did.

    Raises:
        FitprintError: one is not known, or no plugin brings any.
    """
    if metrics is None:
        if not any(metric.default_for for metric in registered_metrics().values()):
            raise FitprintError(_NO_METRICS)
        return []
    if isinstance(metrics, Mapping):
        pairs = list(metrics.items())
    else:
        items = [metrics] if isinstance(metrics, str) or callable(metrics) else metrics
        if isinstance(items, (bytes, bytearray)) or not isinstance(items, Collection):
            raise FitprintError(
                "metrics are names or functions, such as ['f1_score'] or {'cost': function}, not "
                f"{shown(metrics)}"
            )
        pairs = [
            (getattr(item, "__name__", None) if callable(item) else item, item) for item in items
        ]
    if not pairs:
        raise FitprintError("the list of metrics is empty; leave it out for the usual ones")
    return list(
        {each.name: each for each in (_one_judge(key, item) for key, item in pairs)}.values()
    )


def _one_judge(name: Any, metric: Any) -> Judge:
    if not isinstance(name, str) or not name.strip() or name == "<lambda>":
        raise FitprintError(
            "a metric needs a name: give {'name': function} instead of "
            f"{shown(metric if name == '<lambda>' else name)}"
        )
    if callable(metric):
        return Judge(name, lambda outcome: metric(outcome.true, outcome.predicted), goal_of(name))
    if not isinstance(metric, str):
        raise FitprintError(
            f"the metric {shown(name)} must be a name or a function, not {shown(metric)}"
        )
    registered = registered_metrics()
    if not registered:
        raise FitprintError(f"the metric {shown(metric)} is not known: {_NO_METRICS}")
    found = registered.get(metric)
    if found is None:
        near = get_close_matches(metric, registered, 1, 0.5)
        known = (
            f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(registered))}"
        )
        raise FitprintError(f"the metric {shown(metric)} is not known; {known}")
    return Judge(name, found.compute, found.goal, found.takes)


def default_judges(task: Task) -> list[Judge]:
    found = [
        Judge(name, each.compute, each.goal, each.takes)
        for name, each in registered_metrics().items()
        if task in each.default_for
    ]
    if not found:
        raise FitprintError(f"no plugin brings metrics for {task}; choose some with metrics=[...]")
    return found


def judged(
    wanted: list[Judge], outcome: Outcome, model: str, *, chosen: bool
) -> tuple[dict[str, float], list[str]]:
    """Return the metrics, and what is to be said of them.

    Args:
        chosen: somebody chose them: one that fails is an error. Of the usual ones, one that fails
            is left out, with a note.
    """
    found: dict[str, float] = {}
    notes: list[str] = []
    problems: list[FitprintError] = []
    for metric in wanted:
        if not _can_be_had(metric, outcome):
            if chosen:
                takes = (
                    "probabilities, or a decision function for two classes"
                    if metric.takes == "scores"
                    else metric.takes
                )
                raise FitprintError(f"{metric.name} takes {takes}, which a {model} does not give")
            continue
        try:
            value, told = _value(metric, outcome)
        except FitprintError as error:
            if chosen:
                raise
            problems.append(error)
            notes.append(str(error))
            continue
        notes += told
        if value == value or chosen:  # NaN is what one class has as the area under its curve
            found[metric.name] = value
    if not found and problems:
        raise problems[0]
    return found, list(dict.fromkeys(notes))


def _can_be_had(metric: Judge, outcome: Outcome) -> bool:
    if metric.takes == "predictions" or outcome.probabilities is not None:
        return True
    return metric.takes == "scores" and outcome.scores is not None


def _value(metric: Judge, outcome: Outcome) -> tuple[float, list[str]]:
    """Return a metric and what it warned of.

    Raises:
        FitprintError: it failed, or returned no number.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = metric_value(metric.name, metric.compute(outcome))
        except InvalidMetricError:
            raise
        except Exception as error:
            reason = (
                str(error)
                if isinstance(error, FitprintError)
                else f"{type(error).__name__}: {error_text(error)}"
            )
            raise FitprintError(
                f"{metric.name} could not be computed: {' '.join(reason.split())}"
            ) from error
    return value, [
        f"{metric.name}: {error_text(each.message)}"
        for each in caught
        if isinstance(each.message, Warning)
    ]


def slices_of(wanted: list[Judge], outcome: Outcome, groups: list[Any] | None) -> tuple[Slice, ...]:
    """Return the slices, the largest first; the smallest groups are one."""
    members: dict[Any, list[int]] = defaultdict(list)
    for row, value in enumerate(groups or ()):
        members[value].append(row)
    ordered = sorted(members, key=lambda value: (-len(members[value]), str(value)))
    shown_values, others = ordered[:_MOST_SLICES], ordered[_MOST_SLICES:]
    slices = [_slice(value, members[value], wanted, outcome) for value in shown_values]
    if others:
        rest = sorted(row for value in others for row in members[value])
        slices.append(replace(_slice(None, rest, wanted, outcome), others=len(others)))
    return tuple(slices)


def _slice(value: Any, rows: list[int], wanted: list[Judge], outcome: Outcome) -> Slice:
    part = part_of(outcome, rows)
    found: dict[str, float] = {}
    for metric in wanted:
        try:
            number, _ = _value(metric, part)
        except FitprintError:  # of these rows there is no such number: they are of one class, say
            continue
        if number == number:
            found[metric.name] = number
    return Slice(value, len(rows), found)
