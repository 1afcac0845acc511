"""Runs as OpenMetrics text, version 1.0, as GitLab and what collects metrics read it.

The families are gauges: ``fitprint_metric`` (the last value; label ``metric``),
``fitprint_duration_seconds`` and ``fitprint_model_bytes`` (label ``model``, the path). Each has the
label ``experiment``, and ``run`` (the id) only where there are several runs: so a series of one run
keeps its name, and a program that compares two texts finds it. Metrics of the machine are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from fitprint.artifacts.paths import files_below
from fitprint.entities import RunRecord

__all__ = ["openmetrics"]

# metrics of what the process and the machine used, which say nothing about a model
_OF_MACHINE = "system/"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

_Samples = Iterable[tuple[Mapping[str, str], float]]


def openmetrics(runs: Sequence[RunRecord]) -> str:
    """Return the text, which ends with ``# EOF`` and a newline."""
    labels = [
        {"experiment": run.experiment, **({"run": run.id} if len(runs) > 1 else {})} for run in runs
    ]
    both = list(zip(runs, labels, strict=True))
    metrics = (
        ({**own, "metric": key}, summary.last)
        for run, own in both
        for key, summary in run.metrics.items()
        if not key.startswith(_OF_MACHINE)
    )
    durations = (
        (own, (run.end_time - run.start_time) / 1e6)
        for run, own in both
        if run.end_time is not None
    )
    sizes = (
        (
            {**own, "model": model.path},
            sum(file.size for file in files_below(run.artifacts, model.path)),
        )
        for run, own in both
        for model in run.models
    )
    lines = [
        *_family("fitprint_metric", "Last value of a metric.", metrics),
        *_family("fitprint_duration_seconds", "How long a run took.", durations, "seconds"),
        *_family("fitprint_model_bytes", "Size of a recorded model.", sizes, "bytes"),
        "# EOF\n",
    ]
    return "\n".join(lines)


def _family(name: str, told: str, samples: _Samples, unit: str = "") -> list[str]:
    lines = [f"{name}{{{_labels(labels)}}} {_number(value)}" for labels, value in samples]
    if not lines:
        return []
    units = [f"# UNIT {name} {unit}"] if unit else []
    return [f"# TYPE {name} gauge", *units, f"# HELP {name} {told}", *lines]


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{key}="{_text(value)}"' for key, value in labels.items())


def _text(value: str) -> str:
    """Return a label's value: UTF-8, of which half a character is no part."""
    return value.encode("utf-8", "replace").decode("utf-8").translate(_ESCAPES)


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else "+Inf" if value > 0 else "-Inf"
