"""What MLflow's client gives, in our words."""

from __future__ import annotations

import ast
import json
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from fitprint import clock
from fitprint.entities import Dataset, History

__all__ = ["dataset_of", "history_of", "micros", "other_tags", "typed"]

_SAID_ELSEWHERE = (
    "mlflow.runName",
    "mlflow.parentRunId",
    "mlflow.note.content",
    "mlflow.log-model.history",
)
_ROLES = {
    "training": "train",
    "train": "train",
    "evaluation": "eval",
    "eval": "eval",
    "validation": "eval",
    "testing": "test",
    "test": "test",
}
_SHORTEST, _LONGEST = 1, 10_000  # letters of a text that may be a value


def typed(text: str) -> Any:
    """Return the value whose text this is, as MLflow writes it, or the text; so ``str`` of what is
    returned is the text again.
    """
    if text in ("nan", "inf", "-inf"):
        return float(text)
    if not _SHORTEST <= len(text) <= _LONGEST or not (
        text[0] in "-[{" or text[0].isdigit() or text in ("True", "False", "None")
    ):
        return text
    try:
        value = ast.literal_eval(text)
        is_value = str(value) == text and json.loads(json.dumps(value)) == value
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value if is_value else text


def other_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags without those that say what a run's name, parent, note and models say."""
    return {key: str(value) for key, value in tags.items() if key not in _SAID_ELSEWHERE}


def micros(milliseconds: int) -> int:
    """Return a time of MLflow as one of ours, the nearest that a record may have: some programs
    tell MLflow nanoseconds.
    """
    return min(max(int(milliseconds) * 1000, clock.EARLIEST), clock.LATEST)


def history_of(metrics: Iterable[Any]) -> History:
    """Return the points of a metric by step, then time: MLflow takes the last of these for the
    latest.
    """
    found = sorted(metrics, key=lambda point: (point.step, point.timestamp))
    return History(
        array("q", [point.step for point in found]),
        array("q", [micros(point.timestamp) for point in found]),
        array("d", [point.value for point in found]),
        array("d", [float("nan")]) * len(found),
    )


def dataset_of(given: Any) -> Dataset:
    """Return the facts on a data set; its digest is MLflow's,
    and says nothing to digests of ours.
    """
    data, tags = given.dataset, {tag.key: tag.value for tag in given.tags}
    context = tags.pop("mlflow.data.context", "")
    facts = {
        "source": data.source,
        "source_type": data.source_type,
        "schema": _parsed(data.schema),
        "profile": _parsed(data.profile),
        "tags": tags,
    }
    role = _ROLES.get(context.lower(), context or "train")
    return Dataset(
        data.name,
        role,
        f"mlflow:{data.digest}",
        {key: value for key, value in facts.items() if value},
    )


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
