"""A request that a model would take, made of its signature alone."""

from __future__ import annotations

from typing import Any

from fitprint.data.schema import Field, family_of
from fitprint.models.signature import Signature
from fitprint_serve.jsons import plain

__all__ = ["example_of", "schema_of_field"]

_VALUES: dict[str, Any] = {"bool": True, "int": 1, "uint": 1, "float": 0.5, "string": "text"}
_WORDS = {
    "bool": "boolean",
    "int": "integer",
    "uint": "integer",
    "float": "number",
    "string": "string",
}


def example_of(signature: Signature | None) -> Any:
    """Return one row: a list with one dict for a model of named columns, a list of lists for one of
    an array; None where it cannot be told.
    """
    schema = signature.inputs if signature is not None else None
    if schema is None or not schema.fields:
        return None
    if schema.container in {"table", "records"}:
        row = {field.name: _value(field) for field in schema.fields}
        return None if None in row.values() else [row]
    field = schema.fields[0]
    if schema.container in {"array", "list"} and len(field.shape) == 2 and field.shape[1] > 0:
        value = _value(field)
        return None if value is None else [[value] * field.shape[1]]
    return None


def schema_of_field(field: Field) -> dict[str, Any]:
    """Return what OpenAPI says of a column's values."""
    word = _WORDS.get(family_of(field.type))
    told: dict[str, Any] = (
        {} if word is None else {"type": [word, "null"] if field.nullable else word}
    )
    if field.categories is not None and len(field.categories) <= 100:
        told["examples"] = plain(list(field.categories))
    return told


def _value(field: Field) -> Any:
    if field.categories:
        return field.categories[0]
    return _VALUES.get(family_of(field.type))
