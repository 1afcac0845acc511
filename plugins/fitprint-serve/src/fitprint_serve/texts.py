"""What JSON has no values for: times come as texts of ISO 8601, bytes as texts of base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from fitprint.data.schema import Field, Schema
from fitprint_serve.asked import Asked
from fitprint_serve.refusals import RefusalError

__all__ = ["read_texts"]


def read_texts(asked: Asked, schema: Schema | None) -> Asked:
    """Return what is asked, with values in the place of texts where the model's columns are times
    or bytes.

    Raises:
        RefusalError: a text is of no such kind; the error names column and row.
    """
    if schema is None or schema.container != "table":
        return asked
    readers = {field.name: read for field in schema.fields if (read := _reader(field)) is not None}
    if not readers:
        return asked
    columns = _columns(asked, schema)
    if columns is None:
        return asked
    for name, read in readers.items():
        if name in columns and isinstance(columns[name], list):
            columns[name] = read(name, columns[name])
    return Asked("columns", columns, about=asked.about)


def _reader(field: Field) -> Callable[[Any, list[Any]], Any] | None:
    if field.type.startswith("datetime["):
        return _aware if "," in field.type else _naive
    return _bytes if field.type == "bytes" else None


def _columns(asked: Asked, schema: Schema) -> dict[Any, Any] | None:
    """Return the columns of what is asked; None if it has no such form, which the model's reader
    tells.
    """
    data = asked.data
    if asked.form == "columns":
        return dict(data)
    if asked.form == "records":
        names = dict.fromkeys(key for row in data for key in row)
        return {name: [row.get(name) for row in data] for name in names} if data else None
    names = dict.fromkeys(asked.names if asked.names is not None else schema.names)
    rows = data if isinstance(data, list) else data.tolist()
    if not rows or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _naive(name: Any, values: list[Any]) -> Any:
    return _times(name, values, aware=False)


def _aware(name: Any, values: list[Any]) -> Any:
    return _times(name, values, aware=True)


def _times(name: Any, values: list[Any], *, aware: bool) -> Any:
    if not all(value is None or isinstance(value, str) for value in values):
        return values  # the model's reader says what is wrong
    pandas = import_module("pandas")
    found = [pandas.NaT] * len(values)
    for row, value in enumerate(values):
        if value is not None:
            try:
                found[row] = pandas.Timestamp(value)
            except (ValueError, OverflowError):
                raise _fault(name, row, "a time such as 2024-01-31T12:00:00") from None
            if (found[row].tzinfo is not None) != aware:
                zone = "a time with a time zone" if aware else "a time without a time zone"
                raise _fault(name, row, zone)
    return pandas.Series(pandas.to_datetime(found, utc=aware))


def _bytes(name: Any, values: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for row, value in enumerate(values):
        try:
            is_text = isinstance(value, str)
            found.append(base64.b64decode(value, validate=True) if is_text else value)
        except (binascii.Error, ValueError):
            raise _fault(name, row, "base64") from None
    return found


def _fault(name: Any, row: int, wanted: str) -> RefusalError:
    place: Mapping[str, Any] = {"column": name, "row": row}
    message = f"column {name!r}, row {row}: text where {wanted} is expected"
    return RefusalError(400, "INVALID_PARAMETER_VALUE", message, place)
