"""Plots whose data were recorded with a run: the confusion matrix, ROC curves, and the importances
of features.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fitprint.errors import FitprintError
from fitprint.views.curves import Curve, Panel
from fitprint.views.wording import clean

__all__ = ["RECORDED", "Bars", "Chart", "Matrix", "Recorded", "charts_of"]

_MOST_BYTES = 16 << 20  # of the data of a plot


@dataclass(frozen=True, slots=True)
class Matrix:
    """How often samples of each true class (a row) were taken for each class (a column)."""

    title: str
    labels: Sequence[str]
    counts: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Bars:
    """Values by name, those that are farthest from zero first."""

    title: str
    values: Sequence[tuple[str, float]]


Chart = Panel | Matrix | Bars


@dataclass(frozen=True, slots=True)
class Recorded:
    """A plot that runs may have.

    Attributes:
        name: in words; ``paths`` are those of the artifacts that have its data, the first that is
            there counts.
        chart: makes it of the data and a title.
    """

    name: str
    paths: Sequence[str]
    chart: Callable[[Any, str], Chart]


def charts_of(kind: str, runs: Sequence[tuple[str, Callable[[str], bytes | None]]]) -> list[Chart]:
    """Return a plot of each run; curves of several runs share a panel.

    Args:
        kind: a key of :data:`RECORDED`.
        runs: of each the label, and what returns the bytes of an artifact (None if the run has none
            at this path).

    Raises:
        FitprintError: nothing of the kind was recorded with a run, or it cannot be read.
    """
    recorded = RECORDED[kind]
    charts: list[Chart] = []
    for label, read in runs:
        data = next((found for path in recorded.paths if (found := read(path)) is not None), None)
        if data is None:
            raise FitprintError(
                f"no {recorded.name} was recorded with {label}: the run has no artifact "
                f"{' or '.join(recorded.paths)}"
            )
        try:
            if len(data) > _MOST_BYTES:
                raise ValueError("too large")
            charts.append(recorded.chart(json.loads(data), label))
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ):
            raise FitprintError(
                f"the {recorded.name} of {label} cannot be read: the artifact has another form"
            ) from None
    panels = [chart for chart in charts if isinstance(chart, Panel)]
    return (
        charts
        if not panels
        else [
            Panel(
                panels[0].title,
                panels[0].below,
                [curve for panel in panels for curve in panel.curves],
            )
        ]
    )


def _confusion(content: Any, label: str) -> Matrix:
    labels = [clean(str(name)) for name in content["labels"]]
    counts = [[float(count) for count in row] for row in content["counts"]]
    if len(counts) != len(labels) or any(len(row) != len(labels) for row in counts):
        raise ValueError("not square")
    return Matrix(label, labels, counts)


def _roc(content: Any, label: str) -> Panel:
    curves = []
    for one in content["curves"]:
        x = [0.0, *(count / one["negatives"] for count in one["false_positives"])]
        y = [0.0, *(count / one["positives"] for count in one["true_positives"])]
        curves.append(Curve(f"{clean(str(one['label']))} of {label}", x, y))
    return Panel("true positive rate (ROC)", "false positive rate", curves)


def _importances(content: Any, label: str) -> Bars:
    rows = [content["values"]] if "values" in content else content["rows"]
    columns = [
        [0.0 if value is None else float(value) for value in column]
        for column in zip(*rows, strict=True)
    ]
    values = [
        column[0] if len(column) == 1 else math.fsum(map(abs, column)) / len(column)
        for column in columns
    ]
    named = zip((clean(str(name)) for name in content["features"]), values, strict=True)
    return Bars(label, sorted(named, key=lambda item: -abs(item[1])))


RECORDED = {
    "confusion": Recorded("confusion matrix", ["plots/confusion_matrix.json"], _confusion),
    "roc": Recorded("ROC curve", ["plots/roc_and_precision_recall.json"], _roc),
    "importances": Recorded(
        "importances of features",
        [
            "plots/feature_importances.json",
            "plots/feature_coefficients.json",
            "plots/permutation_importances.json",
        ],
        _importances,
    ),
}
"""The plots that there are, by the option that asks for them."""
