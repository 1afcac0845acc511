"""Whether a reproduction came out the same: data, parameters, metrics point by point, models."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import fitprint
from fitprint.entities import History, LoggedModel
from fitprint.errors import FitprintError
from fitprint.recording.run import Run
from fitprint.views.comparison import ABSENT, Comparison, Row
from fitprint.views.wording import value_text
from fitprint_projects.reproducing.reports import Item, Outcome

__all__ = ["Predictions", "Tolerance", "judge", "relative_difference"]

# Returns what both models predict for the same rows, and which rows; raises FitprintError.
Predictions = Callable[[str], tuple[Sequence[Any], Sequence[Any], str]]
_UNKNOWN = (
    "nothing that was recorded differs: something draws without a seed, or adds up in the order of "
    "threads"
)
# of an error: addresses in memory, and the folders of files
_PLACES = re.compile(r"0x[0-9a-fA-F]+|/[^\s'\"]*/")
_UNSEEDED = ("random_state", "seed", "random_seed")


class Tolerance:
    """Relative differences that are tolerated.

    Args:
        usual: where none is given.
        given: by name of the metric or pattern of names; for models the name is their path.
    """

    def __init__(self, usual: float, given: Mapping[str, float]) -> None:
        self.usual, self.given = usual, given

    def of(self, name: str) -> float:
        """Return that of a metric or a model; an exact name goes before patterns."""
        if name in self.given:
            return self.given[name]
        found = [most for glob, most in self.given.items() if fnmatchcase(name, glob)]
        return found[-1] if found else self.usual


def judge(
    then: Run,
    now: Run,
    tolerance: Tolerance,
    differences: Sequence[tuple[str, str]],
    predictions: Predictions,
    root: Path,
) -> list[Item]:
    """Return an item for each data set, parameter, metric and model of the two runs.

    How long something took, and what the machine used, is not compared.

    Args:
        then: the recorded run.
        now: its reproduction.
        tolerance: for metrics and predictions.
        differences: of the surroundings, from which reasons are taken.
        predictions: of the models at a path, asked if their bytes differ.
        root: the fresh folder with the code; it stands for the folder of then in parameters.
    """
    comparison = fitprint.compare([then, now], all=True)
    data = list(_rows(comparison, "data", _is_content))
    items = [
        *data,
        *(_moved(item, root) for item in _rows(comparison, "params", lambda _: True)),
        *_metrics(comparison, then, now, tolerance),
        *_models(then, now, tolerance, predictions),
    ]
    before, after = (_last_line(run.error) for run in (then, now))
    if then.record.status != now.record.status:
        statuses = then.record.status, now.record.status
        items.append(Item("run", "status", "different", *statuses, detail=after))
    elif _PLACES.sub("", before) != _PLACES.sub("", after):
        items.append(Item("run", "error", "different", before, after, f"{before} → {after}"))
    reasons = [f"{what}: {detail}" for what, detail in differences]
    changed = [
        f"data: {item.name} {item.detail or 'differs'}" for item in data if item.outcome != "same"
    ]
    unseeded = list(_unseeded(then))
    found = []
    for item in items:
        if item.outcome != "same":
            causes = _ordered(reasons, [] if item.section == "data" else changed, unseeded)
            item = replace(item, reasons=tuple(causes) or (_UNKNOWN,))  # noqa: PLW2901
        found.append(item)
    return found


def _last_line(error: str | None) -> str:
    return (error or "").strip().rpartition("\n")[2][:200]


def _moved(item: Item, root: Path) -> Item:
    """Return the item of a parameter, which is the same if it is a path below the folder of the
    code, then and now.
    """
    for folder in dict.fromkeys((str(root), str(root.resolve()))):
        if item.outcome != "different" or not isinstance(item.now, str) or folder not in item.now:
            continue
        pieces, old = item.now.split(folder), str(item.recorded)
        first = len(pieces[0])
        length = (len(old) - len("".join(pieces))) // (len(pieces) - 1)
        place = old[first : first + length] if length > 0 else ""
        if place.startswith(("/", "~")) and place.join(pieces) == old:
            return replace(item, outcome="same", detail="")
    return item


def _ordered(reasons: Sequence[str], data: Sequence[str], unseeded: Sequence[str]) -> Iterator[str]:
    """Yield reasons, code first, then data, then all else."""
    yield from (reason for reason in reasons if reason.startswith("code:"))
    yield from data
    yield from (reason for reason in reasons if reason.startswith(("package:", "Python:")))
    yield from unseeded
    yield from (
        reason for reason in reasons if not reason.startswith(("code:", "package:", "Python:"))
    )


def _unseeded(run: Run) -> Iterator[str]:
    for name, param in run.record.params.items():
        if name.rpartition(".")[2].rpartition("__")[2] in _UNSEEDED and param.value is None:
            yield f"seed: the parameter {name} was never set"


def _is_content(row: Row) -> bool:
    return row.key.endswith((" digest", " target", " shape"))


def _rows(comparison: Comparison, section: str, is_wanted: Callable[[Row], bool]) -> Iterator[Item]:
    for row in comparison.section(section).rows:
        if not is_wanted(row):
            continue
        old, new = (None if value is ABSENT else value for value in row.values)
        outcome: Outcome = "different" if row.differs else "same"
        if row.differs and row.values[1] is ABSENT:
            outcome = "missing"
        elif row.differs and row.values[0] is ABSENT:
            outcome = "added"
        detail = f"{_told(row.values[0])} → {_told(row.values[1])}" if row.differs else ""
        yield Item(section, row.key, outcome, old, new, detail)


def _told(value: Any) -> str:
    return "none" if value is ABSENT else value_text(value)[:40]


def _metrics(comparison: Comparison, then: Run, now: Run, tolerance: Tolerance) -> Iterator[Item]:
    for row in comparison.section("metrics").rows:
        if not row.counts:
            continue
        old, new = (None if value is ABSENT else value for value in row.values)
        if old is None or new is None:
            yield Item("metrics", row.key, "added" if old is None else "missing", old, new)
            continue
        outcome, detail = _points(
            then.history(row.key), now.history(row.key), tolerance.of(row.key)
        )
        yield Item("metrics", row.key, outcome, old, new, detail)


def _points(old: History, new: History, most: float) -> tuple[Outcome, str]:
    """Compare the points of a metric one by one; when each was logged is no matter."""
    if len(old) != len(new):
        return "different", f"{len(old)} points, now {len(new)}"
    if old.step != new.step:
        first = next(
            at
            for at, steps in enumerate(zip(old.step, new.step, strict=True))
            if steps[0] != steps[1]
        )
        return "different", f"point {first + 1} has step {old.step[first]}, now {new.step[first]}"
    largest, at = 0.0, -1
    for place, (before, after) in enumerate(zip(old.value, new.value, strict=True)):
        difference = relative_difference(before, after)
        if difference > largest:
            largest, at = difference, place
    if not largest:
        return "same", ""
    where = f" at step {old.step[at]}" if len(old) > 1 else ""
    told = "no number" if math.isinf(largest) else f"{largest:.2g} relative"
    return "within" if largest <= most else "different", f"{told}{where}, {most:g} tolerated"


def relative_difference(old: float, new: float) -> float:
    """Return how far two numbers are apart, as a part of the larger one; infinite where one is NaN
    or infinite and the other is not the same.
    """
    if old == new or (old != old and new != new):
        return 0.0
    if not (math.isfinite(old) and math.isfinite(new)):
        return math.inf
    largest = max(abs(old), abs(new))
    return abs(old / largest - new / largest)  # the difference itself may be too large for a float


def _models(then: Run, now: Run, tolerance: Tolerance, predictions: Predictions) -> Iterator[Item]:
    before, after = ({model.path: model for model in run.models} for run in (then, now))
    for path in dict.fromkeys([*before, *after]):
        old, new = before.get(path), after.get(path)
        then_digest, now_digest = (None if each is None else each.digest for each in (old, new))
        digests = then_digest, now_digest
        if old is None or new is None:
            yield Item("models", path, "added" if old is None else "missing", *digests)
        elif old.digest == new.digest:
            yield Item("models", path, "same", *digests)
        else:
            outcome, detail = _predicted(path, old, new, tolerance.of(path), predictions)
            yield Item("models", path, outcome, *digests, detail=detail)


def _predicted(
    path: str, old: LoggedModel, new: LoggedModel, most: float, predictions: Predictions
) -> tuple[Outcome, str]:
    if old.facts.get("class") != new.facts.get("class"):
        return "different", f"{old.facts.get('class')} → {new.facts.get('class')}"
    try:
        before, after, rows = predictions(path)
    except FitprintError as error:
        return "different", f"the bytes differ, and predictions cannot be compared: {error}"
    if len(before) != len(after):
        return "different", f"{len(before)} numbers are predicted for {rows}, now {len(after)}"
    largest = 0.0
    for one, other in zip(before, after, strict=True):
        if isinstance(one, (int, float)) and isinstance(other, (int, float)):
            largest = max(largest, relative_difference(one, other))
        elif one != other:
            return "different", f"{rows}: {one!r} is predicted, now {other!r}"
    told = f"the bytes differ; predictions for {rows} "
    if not largest:
        return "within", f"{told}are the same"
    return (
        "within" if largest <= most else "different",
        f"{told}differ by {largest:.2g} relative, {most:g} tolerated",
    )
