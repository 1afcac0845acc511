"""Runs as a table for analysis."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from fitprint.entities import RunRecord
from fitprint.errors import FitprintError

__all__ = ["to_frame"]


def to_frame(records: Sequence[RunRecord]) -> Any:
    """Return a ``pandas.DataFrame`` with a row for each run, in the order given.

    Columns: ``run_id``, ``name``, ``experiment``, ``status``, ``start_time``, ``end_time`` (UTC; NaT while a run goes on),
    then ``params.KEY`` (values with their types), ``metrics.KEY`` (float64, the last values) and ``tags.KEY``, each sorted.
    What a run lacks is missing.

    Raises:
        FitprintError: pandas is not installed.
    """
    try:
        pandas: Any = import_module("pandas")
    except ImportError:
        raise FitprintError('output_format="pandas" needs pandas: pip install pandas') from None
    columns: dict[str, Any] = {
        "run_id": pandas.Series([record.id for record in records], dtype=object),
        "name": pandas.Series([record.name for record in records], dtype=object),
        "experiment": pandas.Series([record.experiment for record in records], dtype=object),
        "status": pandas.Series([record.status for record in records], dtype=object),
        "start_time": _times(pandas, [record.start_time for record in records]),
        "end_time": _times(pandas, [record.end_time for record in records]),
    }
    for key in sorted({key for record in records for key in record.params}):
        columns[f"params.{key}"] = _column(pandas, [record.params[key].value if key in record.params else None for record in records])
    for key in sorted({key for record in records for key in record.metrics}):
        last = [record.metrics[key].last if key in record.metrics else float("nan") for record in records]
        columns[f"metrics.{key}"] = pandas.Series(last, dtype="float64")
    for key in sorted({key for record in records for key in record.tags}):
        columns[f"tags.{key}"] = pandas.Series([record.tags.get(key) for record in records], dtype=object)
    return pandas.DataFrame(columns)


def _times(pandas: Any, times: Sequence[int | None]) -> Any:
    return pandas.Series(pandas.to_datetime(times, unit="us", utc=True))


def _column(pandas: Any, values: Sequence[Any]) -> Any:
    """Return numbers of one type as such a column, and all else as objects, so that no value changes its type."""
    kinds = {type(value) for value in values}
    dtype = {float: "float64", int: "int64", bool: "bool"}.get(next(iter(kinds))) if len(kinds) == 1 else None
    if dtype == "int64" and any(abs(value) >= 1 << 63 for value in values):
        dtype = None
    return pandas.Series(list(values), dtype=dtype or object)
