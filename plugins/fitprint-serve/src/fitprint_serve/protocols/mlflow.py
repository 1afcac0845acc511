"""The contract of MLflow's scoring server: ``/invocations``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fitprint.data.schema import Field, family_of
from fitprint.errors import SignatureError
from fitprint.models.signature import Signature
from fitprint.models.texts import from_texts
from fitprint_serve.asked import Answer, Asked
from fitprint_serve.jsons import plain, read_object, write_json
from fitprint_serve.refusals import RefusalError, bad

__all__ = ["instances", "read", "refuse", "write"]

_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_TAKEN = "application/json and text/csv"
_MISSING = {"NA", "NaN", "nan", "null", "NULL", "None"}


def read(body: bytes, headers: Mapping[str, str], signature: Signature | None) -> Asked:
    """Return what a body asks, by its content type; JSON if it has none.

    Raises:
        RefusalError: it says nothing that a model could be asked.
        SignatureError: a text of a CSV is none of its column's type.
    """
    kind, _, rest = headers.get("content-type", "application/json").partition(";")
    kind = kind.strip().lower()
    for parameter in filter(None, map(str.strip, rest.split(";"))):
        name, _, value = parameter.partition("=")
        if name.strip().lower() != "charset" or value.strip(' "').lower() != "utf-8":
            raise RefusalError(
                415, "BAD_REQUEST", "the only parameter of a content type is charset=utf-8"
            )
    if kind == "text/csv":
        return _csv(body, signature)
    if kind != "application/json":
        raise RefusalError(
            415,
            "BAD_REQUEST",
            f"the content types that are taken are {_TAKEN}; send the header Content-Type",
        )
    found = read_object(body)
    keys = [key for key in _KEYS if key in found]
    if len(keys) != 1:
        told = f"it has {' and '.join(keys)}" if keys else "it has none of them"
        raise bad(f"the body must have exactly one of the keys {', '.join(_KEYS)}; {told}")
    if found.get("params"):
        raise bad("the model takes no params: leave the key out")
    key = keys[0]
    if key == "dataframe_split":
        return _split(found[key])
    if key == "dataframe_records":
        if not _is_records(found[key]):
            raise bad("dataframe_records must be a list of objects")
        return Asked("records", found[key])
    if key == "inputs" and isinstance(found[key], dict):
        return Asked("columns", found[key])
    return instances(found[key], key)


def instances(data: Any, key: str = "instances") -> Asked:
    """Return what a list of rows, objects or nested lists asks.

    Raises:
        RefusalError: it is no list.
    """
    if not isinstance(data, list):
        raise bad(f"{key} must be a list")
    if data and isinstance(data[0], dict):
        if not _is_records(data):
            raise bad(f"{key} must have objects only, or none")
        return Asked("records", data)
    return Asked("array", data)


def write(predictions: Any, asked: Asked, name: str) -> Answer:  # noqa: ARG001 - other protocols need them
    """Return the answer."""
    return Answer(write_json({"predictions": plain(predictions)}))


def refuse(refusal: RefusalError, request: str) -> bytes:
    """Return the body of an error."""
    return write_json(
        {
            "error_code": refusal.code,
            "message": refusal.message,
            **refusal.place,
            "request_id": request,
        }
    )


def _is_records(data: Any) -> bool:
    return isinstance(data, list) and all(type(row) is dict for row in data)


def _split(found: Any) -> Asked:
    if not isinstance(found, dict) or not found.keys() <= {"columns", "data", "index"}:
        raise bad("dataframe_split must be an object with the keys columns, data and perhaps index")
    names, rows = found.get("columns"), found.get("data")
    if not isinstance(rows, list) or not all(type(row) is list for row in rows):
        raise bad("data of dataframe_split must be a list of rows, each a list")
    if names is None:
        return Asked("array", rows)
    if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
        raise bad("columns of dataframe_split must be a list of names")
    if len(set(names)) != len(names):
        raise bad("columns of dataframe_split has a name twice")
    width = len(names)
    for number, row in enumerate(rows):
        if len(row) != width:
            raise bad(f"row {number} has {len(row)} values for {width} columns", row=number)
    return Asked("rows", rows, names)


# -- CSV -------------------------------------------------------------------------------------------


def _csv(body: bytes, signature: Signature | None) -> Asked:
    try:
        names, *rows = csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True)
    except UnicodeDecodeError:
        raise bad("the body is not text in UTF-8") from None
    except csv.Error:
        raise bad("the body is not CSV: a quote is not closed, or not doubled") from None
    except ValueError:
        raise bad("the body has no header line with the names of the columns") from None
    rows = [row for row in rows if row]
    if len(set(names)) != len(names):
        raise bad("the header has a name twice")
    for number, row in enumerate(rows):
        if len(row) != len(names):
            raise bad(f"row {number} has {len(row)} values for {len(names)} columns", row=number)
    schema = signature.inputs if signature is not None else None
    fields = {field.name: field for field in schema.fields} if schema is not None else {}
    turned = list(map(list, zip(*rows, strict=True))) if rows else [[] for _ in names]
    columns = {}
    for name, texts in zip(names, turned, strict=True):
        field = fields.get(name, fields.get(None))
        columns[name] = (
            _guessed(texts) if field is None else _column(replace(field, name=name), texts)
        )
    if schema is not None and schema.container in {"array", "list", "sparse"}:
        return Asked("array", [list(row) for row in zip(*columns.values(), strict=True)])
    return Asked("columns", columns)


def _column(field: Field, texts: list[str]) -> list[Any]:
    family = family_of(field.type)
    if family == "bytes":
        return list(texts)
    if family in {"bool", "float", "int", "uint"}:
        texts = ["" if text in _MISSING else text for text in texts]
    return from_texts(field, texts, field.name)


def _guessed(texts: list[str]) -> list[Any]:
    for word in ("int64", "float64"):
        try:
            return _column(Field(None, word, nullable=True), texts)
        except SignatureError:
            pass
    return list(texts)
