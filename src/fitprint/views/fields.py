"""Runs as JSON, in the form that scripts may rely on.

- Names are those of :class:`fitprint.Run`; a later version may add some, and takes none away.
- Times are ISO 8601 in UTC with microseconds, or null; ``duration`` is in seconds, null while a run
  goes on.
- ``params`` keep their types. ``metrics`` are the last values; ``summaries`` have last, min, max,
  best, first, their steps, count and goal.
- JSON has no NaN and no infinities: they are the texts "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from fitprint.entities import Experiment, MetricSummary, RunRecord

__all__ = ["dumped", "dumped_lines", "experiment_fields", "run_fields", "strict", "timestamp"]


def run_fields(record: RunRecord) -> dict[str, Any]:
    """Return what the listing says of a run."""
    return {
        "id": record.id,
        "name": record.name,
        "status": record.status,
        "experiment": record.experiment,
        "parent_id": record.parent_id,
        "kind": record.kind,
        "start_time": timestamp(record.start_time),
        "end_time": timestamp(record.end_time),
        "duration": None
        if record.end_time is None
        else (record.end_time - record.start_time) / 1e6,
        "error": record.error,
        "params": {key: param.value for key, param in record.params.items()},
        "metrics": {key: summary.last for key, summary in record.metrics.items()},
        "summaries": {key: _summary(summary) for key, summary in record.metrics.items()},
        "tags": dict(record.tags),
        "datasets": [
            {
                "name": dataset.name,
                "role": dataset.role,
                "digest": dataset.digest,
                "facts": dict(dataset.facts),
            }
            for dataset in record.datasets
        ],
        "models": [
            {
                "path": model.path,
                "flavor": model.flavor,
                "digest": model.digest,
                "facts": dict(model.facts),
            }
            for model in record.models
        ],
        "artifacts": [
            {"path": artifact.path, "digest": artifact.digest, "size": artifact.size}
            for artifact in record.artifacts
        ],
        "capture": record.documents.get("capture", {}),
        "usage": record.documents.get("usage", {}),
    }


def _summary(summary: MetricSummary) -> dict[str, Any]:
    return {
        "last": summary.last,
        "last_step": summary.last_step,
        "last_time": timestamp(summary.last_time),
        "min": summary.min,
        "min_step": summary.min_step,
        "max": summary.max,
        "max_step": summary.max_step,
        "best": summary.best,
        "best_step": summary.best_step,
        "first": summary.first,
        "count": summary.count,
        "goal": summary.goal,
    }


def experiment_fields(experiment: Experiment) -> dict[str, Any]:
    """Return what the listing says of an experiment."""
    return {
        "id": experiment.id,
        "name": experiment.name,
        "number": experiment.number,
        "created": timestamp(experiment.created),
        "last_activity": timestamp(experiment.last_activity),
        "archived_time": timestamp(experiment.archived_time),
        "run_count": experiment.run_count,
        "former_names": list(experiment.former_names),
        "tags": dict(experiment.tags),
        "note": experiment.note,
    }


def timestamp(time: int | None) -> str | None:
    """Return a time in microseconds as ISO 8601, UTC."""
    if time is None:
        return None
    seconds, microseconds = divmod(time, 1_000_000)
    return (
        datetime.fromtimestamp(seconds, tz=timezone.utc)
        .replace(microsecond=microseconds)
        .isoformat(timespec="microseconds")
    )


def dumped(content: Any) -> str:
    """Return strict JSON, indented; non-finite numbers as texts."""
    return json.dumps(strict(content), indent=2, allow_nan=False)


def dumped_lines(items: Iterable[Any]) -> Iterator[str]:
    """Yield a strict JSON list, an item in each line; lists may be long, and indented JSON takes
    ten times as long to write.
    """
    opening = "["
    for item in items:
        yield f"{opening}{_compact(item)}"
        opening = ","
    yield "]" if opening == "," else "[]"


def _compact(content: Any) -> str:
    try:
        return json.dumps(content, allow_nan=False)
    except (TypeError, ValueError):  # mappings that are read late, or non-finite numbers
        return json.dumps(strict(content), allow_nan=False)


def strict(content: Any) -> Any:
    """Return the same with texts in the place of non-finite numbers."""
    if isinstance(content, float):
        if math.isfinite(content):
            return content
        return "NaN" if math.isnan(content) else "Infinity" if content > 0 else "-Infinity"
    if isinstance(content, Mapping):
        return {str(key): strict(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [strict(value) for value in content]
    return content
