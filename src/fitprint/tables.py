"""Runs as a table for analysis, with pandas or polars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import Any

from fitprint.entities import History, RunRecord
from fitprint.errors import FitprintError

__all__ = ["history_frame", "to_pandas", "to_polars"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TEXTS = ("run_id", "name", "experiment", "status", "kind", "parent_id")
# of pandas, where some are missing; as a fraction that is NaN
_NULLABLE = {"int64": "Int64", "bool": "boolean", "float64": "float64"}
_TIMES = ("start_time", "end_time")


def to_pandas(records: Sequence[RunRecord]) -> Any:
    """Return a ``pandas.DataFrame`` with a row for each run, in the order given.

    Columns: ``run_id``, ``name``, ``experiment``, ``status``, ``kind``, ``parent_id``,
    ``start_time``, ``end_time`` (UTC; NaT while a run goes on), ``duration`` (seconds), then
    ``params.KEY`` (numbers where all values are numbers, else values with their types),
    ``metrics.KEY`` (float64, the last values) and ``tags.KEY``, each sorted. What a run lacks is
    missing.

    Raises:
        FitprintError: pandas is not installed.
    """
    pandas = _library("pandas")
    columns: dict[str, Any] = {
        name: pandas.Series(values, dtype=object) for name, values in _texts(records).items()
    }
    for name in _TIMES:
        columns[name] = pandas.Series(
            pandas.to_datetime([getattr(record, name) for record in records], unit="us", utc=True)
        )
    columns["duration"] = pandas.Series(_durations(records), dtype="float64")
    for key, values in _params(records).items():
        dtype = _dtype(values)
        if dtype is not None and None in values:
            dtype = _NULLABLE[dtype]
        columns[f"params.{key}"] = pandas.Series(values, dtype=dtype or object)
    for key, numbers in _metrics(records).items():
        columns[f"metrics.{key}"] = pandas.Series(numbers, dtype="float64")
    for key, tags in _tags(records).items():
        columns[f"tags.{key}"] = pandas.Series(tags, dtype=object)
    return pandas.DataFrame(columns)


def to_polars(records: Sequence[RunRecord]) -> Any:
    """Return a ``polars.DataFrame`` with the columns of :func:`to_pandas`.

    Parameters of one type are numbers, booleans or texts; of several types, or lists and dicts,
    they are texts as Python writes them. What a run lacks is null, a NaN stays NaN.

    Raises:
        FitprintError: polars is not installed.
    """
    polars = _library("polars")
    columns = [
        polars.Series(name, values, dtype=polars.String) for name, values in _texts(records).items()
    ]
    zone = polars.Datetime("us", "UTC")
    columns += [
        polars.Series(name, [_moment(getattr(record, name)) for record in records], dtype=zone)
        for name in _TIMES
    ]
    columns.append(polars.Series("duration", _durations(records), dtype=polars.Float64))
    types = {"float64": polars.Float64, "int64": polars.Int64, "bool": polars.Boolean}
    for key, values in _params(records).items():
        dtype = _dtype(values)
        shown = values if dtype else [None if value is None else str(value) for value in values]
        columns.append(
            polars.Series(
                f"params.{key}", shown, dtype=types[dtype] if dtype else polars.String, strict=False
            )
        )
    for key, numbers in _metrics(records, None).items():
        columns.append(polars.Series(f"metrics.{key}", numbers, dtype=polars.Float64))
    for key, tags in _tags(records).items():
        columns.append(polars.Series(f"tags.{key}", tags, dtype=polars.String))
    return polars.DataFrame(columns)


def history_frame(history: History, library: str) -> Any:
    """Return the points of a metric as a data frame of ``pandas`` or ``polars``.

    Columns: ``step`` (int64), ``timestamp`` (UTC), ``value`` (float64) and ``epoch`` (float64,
    missing where none was given).

    Raises:
        FitprintError: the library is not installed.
    """
    module = _library(library)
    columns = {
        "step": list(history.step),
        "value": list(history.value),
        "epoch": list(history.epoch),
    }
    if library == "pandas":
        columns["timestamp"] = module.to_datetime(list(history.timestamp), unit="us", utc=True)
        return module.DataFrame(columns)[["step", "timestamp", "value", "epoch"]]
    times = module.Series("timestamp", list(history.timestamp), dtype=module.Int64).cast(
        module.Datetime("us", "UTC")
    )
    steps = module.Series("step", columns["step"], dtype=module.Int64)
    value, epoch = (
        module.Series(name, columns[name], dtype=module.Float64) for name in ("value", "epoch")
    )
    return module.DataFrame([steps, times, value, epoch.fill_nan(None)])


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise FitprintError(f"a data frame of {name} needs {name}: pip install {name}") from None


def _texts(records: Sequence[RunRecord]) -> dict[str, list[str | None]]:
    return {
        name: [getattr(record, "id" if name == "run_id" else name) for record in records]
        for name in _TEXTS
    }


def _moment(time: int | None) -> datetime | None:
    return None if time is None else _EPOCH + timedelta(microseconds=time)


def _durations(records: Sequence[RunRecord]) -> list[float | None]:
    return [
        None if record.end_time is None else (record.end_time - record.start_time) / 1e6
        for record in records
    ]


def _params(records: Sequence[RunRecord]) -> dict[str, list[Any]]:
    keys = sorted({key for record in records for key in record.params})
    return {
        key: [record.params[key].value if key in record.params else None for record in records]
        for key in keys
    }


def _metrics(
    records: Sequence[RunRecord], missing: float | None = float("nan")
) -> dict[str, list[float | None]]:
    keys = sorted({key for record in records for key in record.metrics})
    return {
        key: [record.metrics[key].last if key in record.metrics else missing for record in records]
        for key in keys
    }


def _tags(records: Sequence[RunRecord]) -> dict[str, list[str | None]]:
    keys = sorted({key for record in records for key in record.tags})
    return {key: [record.tags.get(key) for record in records] for key in keys}


def _dtype(values: Sequence[Any]) -> str | None:
    """Return "float64", "int64" or "bool" where all values that are there are such; None for all
    else.

    Whole numbers beside fractions are float64, if that keeps each of them exactly.
    """
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if kinds == {bool}:
        return "bool"
    if not kinds or not kinds <= {int, float}:
        return None
    largest = max((abs(value) for value in present if type(value) is int), default=0)
    if kinds == {int}:
        return "int64" if largest < 1 << 63 else None
    return "float64" if largest <= 1 << 53 else None
