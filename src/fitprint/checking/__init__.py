"""The verb that says whether a run is good enough: for CI, and before a model is promoted."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Literal

from fitprint.api import get_run
from fitprint.arguments import checked_names, nearest, shown
from fitprint.checking.baselines import baseline_of
from fitprint.entities import RunRecord
from fitprint.errors import FitprintError, QueryError, RunNotFinishedError
from fitprint.ids import short_id
from fitprint.query.expressions import Comparison, Expression, Field, Not, Or
from fitprint.query.goals import is_told
from fitprint.query.grammar import parse
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint.stores.evaluation import matches
from fitprint.stores.values import text_of
from fitprint.views.gates import Baseline, Check, Gate
from fitprint.views.ranking import Goals

__all__ = ["check"]

_NAN = float("nan")
_MOST_TEXT = 60  # characters of a value in a sentence


def check(
    run: Run | str,
    require: Iterable[str] | str = (),
    *,
    no_worse_than: Any = None,
    metric: Iterable[str] | str = (),
    tolerance: float = 0.0,
    goal: Literal["min", "max"] | None = None,
) -> Gate:
    """Return whether a finished run is good enough.

    The result is true in a condition if everything holds. ``print`` shows it, ``to_dict()`` is what
    ``fitprint check --json`` prints, and ``to_junit()`` what ``--junit`` writes.

    Args:
        run: a run, or what names one (see :func:`get_run`).
        require: what must hold: filters, such as ``"metrics.val_auc >= 0.9"``. In contrast to a
            search, a comparison with what the run has not, or with a metric that is NaN, neither
            holds nor does its opposite: the filter fails unless the rest decides.
        no_worse_than: a run, or what names one; a version of a registered model, or its URI
            ``models:/NAME@ALIAS``; the path of a file of ``fitprint export``; or ``git:REF``, the
            newest finished run of the same experiment at that commit, with nothing uncommitted.
        metric: the metrics by which both are compared, by their last values. By default those that
            ``require`` names, else the one by which runs are judged (the setting ``metric``), else
            the only one that both have and whose name says which direction is better.
        tolerance: by how much a metric may be worse, in its own unit.
        goal: which direction is better, where a metric's name does not say so.

    Raises:
        RunNotFoundError, RegisteredModelNotFoundError: the run or the baseline is not there.
        RunNotFinishedError: one of them goes on, or did not end well.
        QueryError: a filter cannot be understood.
        FitprintError: nothing is required, or it is not clear by which metric or in which
            direction.
    """
    wanted = [(text, _parsed(text)) for text in checked_names(require, "a requirement", QueryError)]
    metrics = checked_names(metric, "a metric")
    if not wanted and no_worse_than is None:
        raise FitprintError(
            'nothing is required: give require="metrics.val_auc >= 0.9" or no_worse_than=RUN'
        )
    if no_worse_than is None and (metrics or tolerance or goal):
        raise FitprintError("metric, tolerance and goal are for no_worse_than, which is not given")
    if goal not in (None, "min", "max"):
        raise FitprintError(f'the goal is "min" or "max", not {shown(goal)}')
    allowed = _tolerated(tolerance)
    record = _finished(get_run(run).record)
    checks = [_required(text, where, record) for text, where in wanted]
    base = None
    if no_worse_than is not None:
        base = baseline_of(no_worse_than, record.experiment)
        _finished(base.run, f"the baseline {base.asked}")
        named = metrics or _named([where for _, where in wanted])
        checks += [
            _compared(key, record, base, allowed, goal)
            for key in named or _only(record, base.run, goal)
        ]
    return Gate(record, tuple(checks), base)


def _parsed(text: str) -> Expression:
    where = parse(text).where
    if where is None:
        raise QueryError("a requirement is a filter such as metrics.val_auc >= 0.9, not empty")
    return where


def _tolerated(tolerance: Any) -> float:
    number = isinstance(tolerance, (int, float)) and not isinstance(tolerance, bool)
    if not number or not 0 <= tolerance <= sys.float_info.max:
        raise FitprintError(f"the tolerance is a number from 0 on, not {shown(tolerance)}")
    return float(tolerance)


def _finished(record: RunRecord, what: str = "") -> RunRecord:
    if record.status != "FINISHED" or record.deleted_time is not None:
        state = record.status if record.deleted_time is None else "in the trash"
        raise RunNotFinishedError(
            f"{what or 'the run'} {record.name} ({short_id(record.id)}) is {state}, and only a "
            "finished run can be judged"
        )
    return record


# -- requirements ----------------------------------------------------------------------------------


def _required(text: str, where: Expression, record: RunRecord) -> Check:
    told = ", ".join(dict.fromkeys(_told(field, record) for field in _fields(where)))
    return Check("require", text, _holds(where, record) is True, told)


def _holds(where: Expression, record: RunRecord) -> bool | None:
    """Tell whether an expression holds; None where that depends on what is missing or NaN."""
    if isinstance(where, Comparison):
        return None if _is_unknown(where, record) else matches(where, record)
    if isinstance(where, Not):
        inner = _holds(where.part, record)
        return None if inner is None else not inner
    found = [_holds(part, record) for part in where.parts]
    decisive = isinstance(where, Or)
    if decisive in found:
        return decisive
    return None if None in found else not decisive


def _is_unknown(comparison: Comparison, record: RunRecord) -> bool:
    if comparison.operator in ("is null", "is not null"):
        return False
    field = comparison.field
    if matches(Comparison(field, "is null"), record):
        return True
    value = comparison.value
    if field.entity not in ("metric", "param") or isinstance(value, str) or value != value:
        return False  # what has no NaN, or was asked for it
    return matches(Comparison(field, "=", _NAN), record)


def _fields(where: Expression) -> Iterator[Field]:
    if isinstance(where, Comparison):
        yield where.field
    elif isinstance(where, Not):
        yield from _fields(where.part)
    else:
        for part in where.parts:
            yield from _fields(part)


def _told(field: Field, record: RunRecord) -> str:
    """Return a field and its value in words."""
    if field.entity == "metric":
        if field.key not in record.metrics:
            return f"there is no metric {field.key!r}{nearest(field.key, record.metrics)}"
        value: Any = getattr(record.metrics[field.key], field.aggregate)
        name = field.key if field.aggregate == "last" else f"{field.aggregate}({field.key})"
        return f"{name} is {value}"
    if field.entity in ("param", "tag"):
        known: Any = record.params if field.entity == "param" else record.tags
        if field.key not in known:
            return f"there is no {field.entity} {field.key!r}{nearest(field.key, known)}"
        value = known[field.key] if field.entity == "tag" else known[field.key].value
        return f"{field.key} is {text_of(value)[:_MOST_TEXT]}"
    if field.entity == "dataset":
        have = ", ".join(str(getattr(each, field.key)) for each in record.datasets)
        return f"the data sets' {field.key} is {have[:_MOST_TEXT] or 'not known'}"
    if field.key == "duration":
        return f"duration is {((record.end_time or 0) - record.start_time) / 1e6}"
    return f"{field.key} is {text_of(getattr(record, field.key))[:_MOST_TEXT]}"


# -- comparisons -----------------------------------------------------------------------------------


def _named(wanted: Iterable[Expression]) -> list[str]:
    """Return the metrics that requirements name."""
    fields = [field for where in wanted for field in _fields(where)]
    return list(dict.fromkeys(field.key for field in fields if field.entity == "metric"))


def _only(record: RunRecord, base: RunRecord, goal: str | None) -> list[str]:
    """Return the metric by which runs are judged, or the only one that both have."""
    both = [key for key in record.metrics if key in base.metrics]
    goals = Goals.told(current().settings["metric"], current().known_store().experiments())
    judged = goals.metric_of(record)
    if judged is not None and judged in both:
        return [judged]
    clear = both if goal else [key for key in both if is_told(key)]
    if len(clear) == 1:
        return clear
    have = ", ".join(clear or both) or "they have none in common"
    raise FitprintError(f"say by which metric they are compared (--metric, metric=): {have[:1000]}")


def _compared(
    key: str,
    record: RunRecord,
    base: Baseline,
    tolerance: float,
    goal: Literal["min", "max"] | None,
) -> Check:
    mine, theirs = record.metrics.get(key), base.run.metrics.get(key)
    known = mine or theirs
    if known is not None and goal is None:
        if known.goal == "max" and not is_told(key):
            raise FitprintError(
                f"the name of the metric {key!r} does not say whether more of it is better: say so "
                "(--goal max or --goal min)"
            )
        goal = known.goal
    value = None if mine is None else mine.last
    other = None if theirs is None else theirs.last
    if value is None:
        passed, reason = False, f"there is no metric {key!r}{nearest(key, record.metrics)}"
    elif other is None:
        near = nearest(key, base.run.metrics)
        passed, reason = False, f"the baseline {base.asked} has no metric {key!r}{near}"
    else:
        passed = _no_worse(value, other, tolerance, goal)
        reason = f"{value} against {other} of {base.asked}"
        if not passed and not math.isnan(value - other):
            allowed = f", and {tolerance} is tolerated" if tolerance else ""
            reason += f": {abs(value - other):.6g} {'more' if goal == 'min' else 'less'}{allowed}"
    return Check("no-worse-than", key, passed, reason, goal, value, other, tolerance)


def _no_worse(value: float, other: float, tolerance: float, goal: str | None) -> bool:
    if math.isnan(value) or math.isnan(other):
        return False
    # as people write them: in binary, 0.9 - 0.895 is more than 0.005
    mine, theirs, allowed = (Decimal(repr(float(each))) for each in (value, other, tolerance))
    return mine <= theirs + allowed if goal == "min" else mine >= theirs - allowed
