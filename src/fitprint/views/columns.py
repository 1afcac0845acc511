"""Which metrics and parameters are worth a column: those that tell the shown runs apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from fitprint.entities import RunRecord
from fitprint.errors import FitprintError

__all__ = ["ATTRIBUTES", "Key", "chosen", "curve_key", "telling"]

ATTRIBUTES = ("experiment", "kind", "parent_id", "start_time", "end_time", "error")
_MOST = 8  # columns of metrics, and of parameters, unless they are asked for
_MOST_OF_TRAINING = 4  # of those columns
_OF_MACHINE = "system/"  # metrics of what the process and the machine used, which say nothing about a model
_LONG = 24  # characters of a value that is no help in a table


@dataclass(frozen=True, slots=True)
class Key:
    """Something that a column shows."""

    kind: Literal["metrics", "params", "tags", "attributes"]
    name: str

    def of(self, run: RunRecord) -> Any:
        """Return the run's value; None where it has none."""
        if self.kind == "metrics":
            summary = run.metrics.get(self.name)
            return None if summary is None else summary.last
        if self.kind == "params":
            param = run.params.get(self.name)
            return None if param is None else param.value
        return run.tags.get(self.name) if self.kind == "tags" else getattr(run, self.name)

    def is_in(self, run: RunRecord) -> bool:
        """Tell whether the run has it, be it None."""
        return self.kind == "attributes" or self.name in getattr(run, self.kind)


def telling(runs: Sequence[RunRecord]) -> list[Key]:
    """Return the metrics that differ between the runs, then the parameters that do, those that most runs have first."""
    metrics = [Key("metrics", key) for key in _metrics(runs)]
    shown = metrics[:_MOST]
    curve = curve_key(runs, metrics)
    if curve is not None and curve not in shown:
        shown[-1] = curve
    return [*shown, *(Key("params", key) for key in _params(runs)[:_MOST])]


def _metrics(runs: Sequence[RunRecord]) -> list[str]:
    values: dict[str, set[Any]] = {}
    counts: dict[str, int] = {}
    for run in runs:
        for key, summary in run.metrics.items():
            if key.startswith(_OF_MACHINE):
                continue
            values.setdefault(key, set()).add(summary.last)
            counts[key] = counts.get(key, 0) + 1
    telling = [key for key, count in counts.items() if len(values[key]) > 1 or count < len(runs) or len(runs) == 1]
    # What most runs have comes first, and of that what was measured on data held out, then the rest, then what says less.
    ranked = sorted(telling, key=lambda key: (_is_time(key), 2 * counts[key] < len(runs), _group(key), -counts[key], _natural(key)))
    of_training = [key for key in ranked if key.startswith("train")]
    return [key for key in ranked if key not in of_training[_MOST_OF_TRAINING:]]


def _group(key: str) -> int:
    return 0 if _is_held_out(key) else 2 if key.startswith("train") else 1


def _is_time(key: str) -> bool:
    return key.endswith(("_time", "_seconds", "duration"))


def _params(runs: Sequence[RunRecord]) -> list[str]:
    values: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    set_by_user: set[str] = set()
    for run in runs:
        for key, param in run.params.items():
            values.setdefault(key, set()).add(repr(param.value))
            counts[key] = counts.get(key, 0) + 1
            if param.provenance == "set":
                set_by_user.add(key)
    # What one kind of model has by default and another lacks tells nothing.
    telling = [key for key, count in counts.items() if len(values[key]) > 1 or (count < len(runs) and key in set_by_user)]
    if len(runs) == 1:
        telling = sorted(set_by_user)
    longest = {key: max(map(len, values[key])) for key in telling}
    return sorted(telling, key=lambda key: (key not in set_by_user, longest[key] > _LONG, -counts[key], _natural(key)))


def _is_held_out(key: str) -> bool:
    return key.startswith(("val", "test", "eval", "best_", "mean_test"))


def _natural(key: str) -> list[tuple[int, str]]:
    """Order ``fold2`` before ``fold10``."""
    return [(int(digits or 0), letters) for letters, digits in re.findall(r"(\D*)(\d*)", key)]


def chosen(patterns: str, runs: Sequence[RunRecord]) -> list[Key]:
    """Return what ``val_*,params.lr,status`` names, in that order.

    Raises:
        FitprintError: a name or pattern fits nothing that the runs have.
    """
    have = {
        "metrics": sorted({key for run in runs for key in run.metrics}),
        "params": sorted({key for run in runs for key in run.params}),
        "tags": sorted({key for run in runs for key in run.tags}),
        "attributes": list(ATTRIBUTES),
    }
    keys: dict[Key, None] = {}
    for pattern in filter(None, map(str.strip, patterns.split(","))):
        kind, dot, rest = pattern.partition(".")
        found = [
            Key(each, name)  # type: ignore[arg-type]
            for each, names in have.items()
            for name in names
            if name == pattern or fnmatchcase(name, pattern) or (dot and each == kind and (name == rest or fnmatchcase(name, rest)))
        ]
        if not found and runs:
            from difflib import get_close_matches

            near = get_close_matches(rest or pattern, [name for names in have.values() for name in names], 1)
            hint = f"did you mean {near[0]!r}?" if near else "patterns such as 'val_*' are understood"
            raise FitprintError(f"none of these runs has a metric, parameter or tag {pattern!r}; {hint}")
        keys.update(dict.fromkeys(found))
    return list(keys)


def curve_key(runs: Sequence[RunRecord], keys: Sequence[Key]) -> Key | None:
    """Return that metric of ``keys`` whose curve is drawn: one with several points, a loss if there is one."""
    metrics = [key for key in keys if key.kind == "metrics" and any(key.is_in(run) and run.metrics[key.name].count > 1 for run in runs)]
    return min(
        metrics,
        key=lambda key: ("loss" not in key.name.lower(), not _is_held_out(key.name), keys.index(key)),
        default=None,
    )
