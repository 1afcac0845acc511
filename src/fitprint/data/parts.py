"""Parts of data: one column of them, all others, and some of their rows.

The data themselves stay as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from fitprint.arguments import shown
from fitprint.data.buffers import on_host
from fitprint.data.kinds import is_array, is_sparse, kind_of
from fitprint.data.rows import row_count
from fitprint.data.values import type_name
from fitprint.errors import FitprintError

__all__ = [
    "column_of",
    "labels_of",
    "length_of",
    "missing_rows",
    "rows_of",
    "values_of",
    "with_columns",
    "without_column",
]

_MOST_NAMED = 8


def labels_of(data: Any) -> list[Any] | None:
    """Return the labels of the columns; None of data without named columns."""
    kind = kind_of(data)
    if kind == "arrow":
        return list(data.column_names)
    if kind in ("frame", "polars"):
        return list(data.columns)
    if isinstance(data, Mapping):
        return list(data)
    if _is_records(data):
        return list(dict.fromkeys(key for row in data for key in row))
    names = getattr(getattr(data, "dtype", None), "names", None)
    return list(names) if names else None


def column_of(data: Any, label: Any, what: str) -> Any:
    """Return a column's values.

    Args:
        data: named columns.
        label: of the column.
        what: what the column is, for the text of errors: "the target".

    Raises:
        FitprintError: there is no such column, or there are several.
    """
    labels = labels_of(data)
    if labels is None:
        raise FitprintError(
            f"{what} {shown(label)} names a column, and a {type_name(data)} has no named columns: "
            "give the values themselves"
        )
    count = labels.count(label)
    if count != 1:
        near = (
            get_close_matches(label, [each for each in labels if isinstance(each, str)], 1)
            if isinstance(label, str)
            else []
        )
        named = ", ".join(map(shown, labels[:_MOST_NAMED])) + (
            " and more" if len(labels) > _MOST_NAMED else ""
        )
        remedy = f"did you mean {shown(near[0])}?" if near else f"its columns are {named}"
        raise FitprintError(
            f"the data have {count or 'no'} column{'s' if count > 1 else ''} {shown(label)} for "
            f"{what}; {remedy}"
        )
    if kind_of(data) == "sequence":
        return [row.get(label) for row in data]
    return data[label]


def without_column(data: Any, label: Any) -> Any:
    """Return the data without one of their columns."""
    if hasattr(data, "iloc"):  # labels may be repeated
        return data.iloc[:, [place for place, each in enumerate(data.columns) if each != label]]
    return with_columns(data, [each for each in labels_of(data) or () if each != label])


def with_columns(data: Any, labels: Sequence[Any]) -> Any:
    """Return these columns of the data, in this order."""
    labels = list(labels)
    kind = kind_of(data)
    if kind == "arrow":
        return data.select(labels)
    if kind == "sequence":
        return [{label: row[label] for label in labels if label in row} for row in data]
    if isinstance(data, Mapping):
        return {label: data[label] for label in labels}
    return data[labels]


def length_of(data: Any) -> int | None:
    """Return the number of rows, of a dict those of its first column; None where that cannot be
    told.
    """
    if isinstance(data, Mapping):
        lengths = {row_count(value) for value in data.values()}
        if len(lengths) > 1:
            told = ", ".join(
                f"{shown(label)} {row_count(value)}"
                for label, value in list(data.items())[:_MOST_NAMED]
            )
            raise FitprintError(f"the columns of the data differ in their numbers of rows: {told}")
        return lengths.pop() if lengths else 0
    return row_count(data)


def values_of(data: Any) -> Any:
    """Return a column, a target or predictions as a numpy array, lists as they are where numpy is
    not loaded; (n, 1) becomes (n,).
    """
    kind = kind_of(data)
    if kind in ("torch", "cupy"):
        data = on_host(data.detach() if kind == "torch" else data)
        data = data.numpy() if hasattr(data, "numpy") else data
    elif kind in ("frame", "column", "index", "polars", "polars-column"):
        data = _of_column(data)
    elif not is_array(data) and hasattr(data, "to_numpy"):  # of pyarrow
        data = data.to_numpy()
    elif (
        hasattr(data, "shape")
        and kind != "array"
        and not is_sparse(data)
        and hasattr(data, "__array__")
    ):
        data = import_module("numpy").asarray(data)
    elif isinstance(data, (list, tuple)):
        data = _of_list(data)
    if is_array(data) and len(data.shape) == 2 and data.shape[1] == 1 and not is_sparse(data):
        data = data[:, 0]
    return data


def _of_column(data: Any) -> Any:
    found = data.to_numpy()
    if found.dtype != object:
        return found
    # of a column with a type of pandas's own, or of texts
    plain = import_module("numpy").asarray(found.tolist())
    return (
        plain
        if plain.shape == found.shape and plain.dtype.kind in "biufU" and _is_one_kind(found)
        else found
    )


def _is_one_kind(values: Any) -> bool:
    return len({isinstance(value, str) for value in values.ravel().tolist()}) <= 1


def _of_list(data: Sequence[Any]) -> Any:
    if sys.modules.get("numpy") is None:
        return list(data)
    numpy = import_module("numpy")
    try:
        found = numpy.asarray(data)
    except ValueError:  # of rows that differ in length
        return list(data)
    return (
        found
        if found.dtype.kind != "U" or _is_one_kind(numpy.asarray(data, dtype=object))
        else numpy.asarray(data, dtype=object)
    )


def rows_of(values: Any, rows: Sequence[int]) -> Any:
    """Return some of the values, which are a list or an array."""
    return (
        None
        if values is None
        else values[list(rows)]
        if is_array(values)
        else [values[row] for row in rows]
    )


def missing_rows(values: Any) -> list[int]:
    """Return the rows in which a value is missing: None, NaN,
    or what a library has in their place.
    """
    if is_array(values) and values.dtype.kind in "biuSU":
        return []
    if is_array(values) and values.dtype.kind in "fc":
        missing = values != values
        return [
            int(row)
            for row in (
                missing if missing.ndim == 1 else missing.any(axis=tuple(range(1, missing.ndim)))
            ).nonzero()[0]
        ]
    items = values.tolist() if hasattr(values, "tolist") else values
    return [row for row, value in enumerate(items) if _is_missing(value)]


def _is_missing(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_missing, value))
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):  # pandas.NA is neither equal nor unequal
        return type(value).__name__ == "NAType"


def _is_records(data: Any) -> bool:
    return (
        isinstance(data, (list, tuple))
        and len(data) > 0
        and all(isinstance(row, Mapping) for row in data)
    )
