"""What JSON has no values for: times come as texts of ISO 8601, bytes as texts of base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fitprint.data.schema import Field, Schema
from fitprint.errors import SignatureError
from fitprint.models.texts import times_from_texts
from fitprint_serve.asked import Asked

__all__ = ["read_texts"]


def read_texts(asked: Asked, schema: Schema | None) -> Asked:
    """Return what is asked, with values in the place of texts where the model's columns are times
    or bytes.

    Raises:
        SignatureError: a text is of no such kind; the error names column and row.
    """
    if schema is None or schema.container != "table":
        return asked
    fields = [field for field in schema.fields if field.type.startswith(("datetime[", "bytes"))]
    if not fields:
        return asked
    columns = _columns(asked, schema)
    if columns is None:
        return asked
    for field in fields:
        values = columns.get(field.name)
        if isinstance(values, list):
            read = _bytes_from_texts if field.type == "bytes" else _times_from_texts
            columns[field.name] = read(field, values, field.name)
    return Asked("columns", columns, about=asked.about)


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


def _times_from_texts(field: Field, values: Sequence[Any], column: object) -> list[Any]:
    found = list(times_from_texts(field, values, column))
    is_aware = "," in field.type
    for row, value in enumerate(found):
        if isinstance(value, datetime) and (value.tzinfo is not None) != is_aware:
            wanted = "a time zone" if is_aware else "no time zone"
            raise SignatureError(
                f"column {column!r}, row {row}: a time where one with {wanted} is expected",
                column,
                row,
            )
    return found


def _bytes_from_texts(field: Field, values: Sequence[Any], column: object) -> list[Any]:  # noqa: ARG001 - as for times
    found: list[Any] = []
    for row, value in enumerate(values):
        try:
            is_text = isinstance(value, str)
            found.append(base64.b64decode(value, validate=True) if is_text else value)
        except (binascii.Error, ValueError):
            raise SignatureError(
                f"column {column!r}, row {row}: text where base64 is expected", column, row
            ) from None
    return found
