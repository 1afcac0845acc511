"""Which columns a table of runs has: first what each run is judged by, then what else tells the
runs apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from fitprint.entities import RunRecord
from fitprint.errors import FitprintError
from fitprint.stores.protocol import Keys
from fitprint.views.ranking import (
    Goals,
    is_held_out,
    model_of,
    own_metric,
    ranked_metrics,
    ranked_params,
)
from fitprint.views.wording import clean, value_text

__all__ = ["ATTRIBUTES", "Key", "chosen", "curve_key", "grouping", "telling"]

ATTRIBUTES = ("experiment", "kind", "parent_id", "start_time", "end_time", "error")


@dataclass(frozen=True, slots=True)
class Key:
    """Something that a column shows.

    Attributes:
        kind: of what it is. "own" is the metric of each run by which one would judge it, with its
            name.
        name: the key; of what is "own", the title.
        others: metrics that stand in where a run has none of this name.
        chosen: of what is "own", the metric by the run's id; runs whose metric has a column of its
            own are left out.
    """

    kind: Literal["metrics", "params", "tags", "attributes", "own"]
    name: str
    others: tuple[str, ...] = ()
    chosen: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def of(self, run: RunRecord) -> Any:
        """Return the run's value; None where it has none."""
        if self.kind in ("metrics", "own"):
            metric = self.metric_of(run)
            return None if metric is None else run.metrics[metric].last
        if self.kind == "params":
            param = run.params.get(self.name)
            return None if param is None else param.value
        return run.tags.get(self.name) if self.kind == "tags" else getattr(run, self.name)

    def metric_of(self, run: RunRecord) -> str | None:
        """Return the metric that the column shows of a run; None where it shows none."""
        if self.kind == "own":
            return self.chosen.get(run.id)
        return (
            next((name for name in (self.name, *self.others) if name in run.metrics), None)
            if self.kind == "metrics"
            else None
        )

    def is_in(self, run: RunRecord) -> bool:
        """Tell whether the run has it, be it None."""
        if self.kind in ("metrics", "own"):
            return self.metric_of(run) is not None
        return self.kind == "attributes" or self.name in getattr(run, self.kind)


def telling(
    runs: Sequence[RunRecord], goals: Goals | None = None, *, first: Sequence[Key] = ()
) -> list[Key]:
    """Return what each run is judged by, so that no run is without its metric, then ``first``, and
    then what else differs.

    Parameters tell what to try next, and are mostly narrow: there are four, and then two for each
    further metric.
    """
    judged = _judged(runs, goals or Goals())
    shown = {name for key in judged if key.kind == "metrics" for name in (key.name, *key.others)}
    leading = [*judged, *(key for key in first if key.kind != "metrics" or key.name not in shown)]
    metrics = [
        key
        for name in ranked_metrics(runs)
        if name not in shown and (key := Key("metrics", name)) not in leading
    ]
    params = [key for name in ranked_params(runs) if (key := Key("params", name)) not in leading]
    mixed: list[Key] = params[:2]
    del params[:2]
    while metrics or params:
        mixed += [*params[:2], *metrics[:1]]
        del params[:2], metrics[:1]
    return [*leading, *mixed]


def _judged(runs: Sequence[RunRecord], goals: Goals) -> list[Key]:
    """Return one column where one metric is that of all runs; else that of most of them, if it is,
    and one for the others.
    """
    measured = [run for run in runs if run.metrics]
    own = {run.id: own_metric(run, goals) for run in measured}
    counts = Counter(name for name in own.values() if name is not None)
    if not counts:
        return []
    goal = next((run for run in measured if goals.metric_of(run) is not None), None)
    if goal is not None:
        title, *others = goals.of(goal)
        key = Key("metrics", title, tuple(others))
    else:
        most, count = counts.most_common(1)[0]
        key = Key("metrics", most)
        if 2 * count < len(measured):
            return [
                Key(
                    "own",
                    "metric",
                    chosen={run: name for run, name in own.items() if name is not None},
                )
            ]
    covered = {key.name, *key.others}
    # A run of another experiment may have this metric, too, and be judged by another one.
    left = [
        run
        for run in measured
        if own[run.id] is not None
        and (covered.isdisjoint(run.metrics) or goals.metric_of(run) not in (None, *covered))
    ]
    if not left:
        return [key]
    names = {run.id: str(own[run.id]) for run in left}
    alone = set(names.values())
    return [
        key,
        Key("metrics", alone.pop())
        if len(alone) == 1
        else Key("own", "other metric", chosen=names),
    ]


def chosen(patterns: str, runs: Sequence[RunRecord], known: Keys | None = None) -> list[Key]:
    """Return what ``val_*,params.lr,status`` names, in that order.

    Args:
        patterns: names, with ``*`` and ``?`` for letters, with commas between.
        runs: that are shown.
        known: what all runs of the store have: a name of these may be asked for where no shown run
            has it.

    Raises:
        FitprintError: a name or pattern fits nothing that the runs have.
    """
    have = {
        "metrics": sorted({key for run in runs for key in run.metrics}),
        "params": sorted({key for run in runs for key in run.params}),
        "tags": sorted({key for run in runs for key in run.tags}),
        "attributes": list(ATTRIBUTES),
    }
    every = known or Keys()
    elsewhere = {"metrics": every.metrics, "params": every.params, "tags": every.tags}
    keys: dict[Key, None] = {}
    for pattern in filter(None, map(str.strip, patterns.split(","))):
        kind, dot, rest = pattern.partition(".")
        found = [
            Key(each, name)  # type: ignore[arg-type]
            for each, names in have.items()
            for name in names
            if name == pattern
            or fnmatchcase(name, pattern)
            or (dot and each == kind and (name == rest or fnmatchcase(name, rest)))
        ]
        found = (
            found
            or [
                Key(each, name)  # type: ignore[arg-type]
                for each, names in elsewhere.items()
                for name in names
                if name == pattern or (dot and each == kind and name == rest)
            ][:1]
        )
        if not found and runs:
            from difflib import get_close_matches

            near = get_close_matches(
                rest or pattern, [name for names in have.values() for name in names], 1
            )
            hint = f"did you mean {near[0]!r}?" if near else "patterns such as 'val_*' work, too"
            raise FitprintError(
                f"none of these runs has a metric, parameter or tag {pattern!r}; {hint}"
            )
        keys.update(dict.fromkeys(found))
    return list(keys)


def grouping(by: str, runs: Sequence[RunRecord]) -> Callable[[RunRecord], str]:
    """Return what gives the title of the group that a run belongs to, by its model or by the value
    of a key; "" where it has none.

    Raises:
        FitprintError: no run has such a key.
    """
    if by == "model":
        return lambda run: clean(model_of(run))
    if not by:
        raise FitprintError(
            "--by needs a key: 'model', a parameter, a tag, experiment, status or kind"
        )
    key = Key("attributes", by) if by in ("status", "name") else chosen(by, runs)[0]
    return lambda run: clean(value_text(key.of(run))) if key.is_in(run) else ""


def curve_key(runs: Sequence[RunRecord], keys: Sequence[Key]) -> Key | None:
    """Return that metric of ``keys`` whose curve is drawn: one with several points, a loss if there
    is one.
    """
    metrics = [
        key
        for key in keys
        if key.kind == "metrics"
        and any(run.metrics[key.name].count > 1 for run in runs if key.name in run.metrics)
    ]
    return min(
        metrics,
        key=lambda key: (
            "loss" not in key.name.lower(),
            not is_held_out(key.name),
            keys.index(key),
        ),
        default=None,
    )
