"""Signatures: what a model was given and gave, and whether other data fits it."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fitprint.data.description import described
from fitprint.data.kinds import is_array, is_arrow, is_frame, is_series, is_sparse
from fitprint.data.schema import (
    Field,
    FrameColumn,
    Label,
    Schema,
    columns,
    family_of,
    schema_of,
    type_of,
)
from fitprint.errors import SignatureError

__all__ = ["Signature", "fits", "infer_signature"]


@dataclass(frozen=True, slots=True)
class Signature:
    """Schemas of a model's inputs and outputs; either may be unknown."""

    inputs: Schema | None = None
    outputs: Schema | None = None

    def enforce(self, data: Any) -> Any:
        """Return the data if the model's inputs may look like this, with columns in the model's
        order and no others.

        Data from which the signature was inferred always fits. Widening fits (integers for floats,
        other widths), and so does an integer column that pandas turned into floats to make room for
        missing values. Whether the model can take missing values is the model's to say. Values are
        never converted; nothing is copied unless columns are moved or left out.

        Raises:
            SignatureError: it names the column that is missing or of another type.
        """
        schema = self.inputs
        if schema is None or schema.container == "scalar":
            return data
        if is_frame(data):
            return _enforce_frame(schema, data)
        if is_arrow(data):
            return _enforce_arrow(schema, data)
        if isinstance(data, Mapping):
            return _enforce_mapping(schema, data)
        if schema.container in _NAMED and not (is_array(data) or is_series(data)):
            return _enforce_rows(schema, data)
        _enforce_array(schema, data)
        return data

    def to_json(self, *, values: bool = True) -> dict[str, Any]:
        """Return the signature as JSON values; without ``values`` it holds none of the data's own,
        such as categories.
        """
        return {
            "inputs": self.inputs.to_json(values=values) if self.inputs is not None else None,
            "outputs": self.outputs.to_json(values=values) if self.outputs is not None else None,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Signature:
        """Return the signature that :meth:`to_json` wrote."""
        inputs, outputs = content.get("inputs"), content.get("outputs")
        return cls(
            Schema.from_json(inputs) if inputs is not None else None,
            Schema.from_json(outputs) if outputs is not None else None,
        )


def infer_signature(inputs: object, outputs: object = None) -> Signature:
    """Return the signature of a model that was given ``inputs`` and, where known, gave ``outputs``.

    Takes numpy arrays, pandas and polars frames and series, Arrow tables, scipy sparse matrices,
    dicts of arrays, lists and scalars, and what :func:`fitprint.data.description.described` told of
    them. Nothing is copied, and at most 100 values of each object column are read.

    Raises:
        SignatureError: the data is of none of these kinds.
    """
    return Signature(
        described(inputs).schema, described(outputs).schema if outputs is not None else None
    )


def _enforce_frame(schema: Schema, frame: Any) -> Any:
    found = columns(frame)
    if schema.container not in _NAMED:
        _enforce_columns(schema, found)
        return frame
    # a label may occur more than once: its occurrences match in order
    places: dict[Label, list[FrameColumn]] = defaultdict(list)
    for column in found:
        places[column.label].append(column)
    order = []
    for field in schema.fields:
        if not places[field.name]:
            if not field.required:
                continue
            raise _missing(field, [column.label for column in found], schema)
        column = places[field.name].pop(0)
        order.append(column.position)
        _check_column(field, column)
    if order == list(range(len(found))):
        return frame
    return frame.iloc[:, order] if hasattr(frame, "iloc") else frame[:, order]


def _enforce_arrow(schema: Schema, table: Any) -> Any:
    found = schema_of(table)
    if schema.container not in _NAMED:
        if len(schema.fields[0].shape) != 2 or schema.fields[0].shape[1] != len(found.fields):
            raise SignatureError(f"the model takes {_told(schema)}; it was given {_told(found)}")
        for field in found.fields:
            _check_type(
                replace(schema.fields[0], name=field.name),
                field.type,
                partial(_floats, table, field.name),
            )
        return table
    types = {field.name: field.type for field in found.fields}
    for field in schema.fields:
        if field.name in types:
            _check_type(field, types[field.name], partial(_floats, table, field.name))
        elif field.required:
            raise _missing(field, list(types), schema)
    names = [name for name in schema.names if name in types]
    return table if names == list(types) else table.select(names)


def _enforce_mapping(schema: Schema, data: Mapping[Any, Any]) -> Mapping[Any, Any]:
    if schema.container not in _NAMED:
        raise SignatureError(
            f"the model takes {_told(schema)}, not a dict with the keys {_names(data)}"
        )
    found = dict(zip(data, schema_of(data).fields, strict=True))
    keys = {field.name: key for key, field in found.items()}
    for field in schema.fields:
        if field.name not in keys:
            if not field.required:
                continue
            raise _missing(field, list(keys), schema)
        key = keys[field.name]
        if schema.container == "arrays":
            _check_shape(field, found[key].shape)
        _check_type(field, found[key].type, partial(_floats, data[key]))
    if list(keys) == list(schema.names):
        return data
    return {keys[name]: data[keys[name]] for name in schema.names if name in keys}


def _enforce_rows(schema: Schema, data: Any) -> Any:
    """Check a list, of dicts or of rows, against a schema with labels."""
    found = schema_of(data)
    if found.container == "records":
        types = {field.name: field.type for field in found.fields}
        for field in schema.fields:
            if field.name in types:
                _check_type(field, types[field.name], partial(_key_floats, data, field.name))
            elif not field.nullable:
                raise _missing(field, list(types), schema)
        return data
    if (
        found.container != "list"
        or len(found.fields[0].shape) != 2
        or found.fields[0].shape[1] not in {-1, len(schema.fields)}
    ):
        raise SignatureError(f"the model takes {_told(schema)}; it was given {_told(found)}")
    if any(len(row) != len(schema.fields) for row in data):
        raise SignatureError(f"the model takes {_told(schema)}; the rows differ in length")
    for position, field in enumerate(schema.fields):
        values = [row[position] for row in data]
        _check_type(field, schema_of(values).fields[0].type, partial(_key_floats, data, position))
    return data


def _enforce_array(schema: Schema, data: Any) -> None:
    if is_series(data):
        _enforce_columns(schema, columns(data))
        return
    found = schema_of(data)
    field = found.fields[0]
    if schema.container == "arrays":
        raise SignatureError(
            f"the model takes a dict with the keys {_names(schema.names)}; it was given "
            f"{_told(found)}"
        )
    if schema.container not in _NAMED:
        _check_shape(schema.fields[0], field.shape)
        _check_type(schema.fields[0], field.type, partial(_floats, data))
        return
    if len(field.shape) != 2 or field.shape[1] != len(schema.fields):
        raise SignatureError(f"the model takes {_told(schema)}; it was given {_told(found)}")
    for position, expected in enumerate(schema.fields):
        _check_type(expected, field.type, partial(_floats, data, position))


def _enforce_columns(schema: Schema, found: Sequence[FrameColumn]) -> None:
    """Check the columns of a frame, or a series, against a schema that knows no labels, or only
    one.
    """
    first = schema.fields[0]
    width = (
        len(schema.fields)
        if schema.container in _NAMED
        else first.shape[1]
        if len(first.shape) == 2
        else 1
    )
    if len(found) != width or len(first.shape) > 2:
        raise SignatureError(
            f"the model takes {_told(schema)}; it was given {len(found)} "
            f"column{'s' if len(found) != 1 else ''}"
        )
    for column in found:
        _check_column(replace(first, name=column.label), column)


def _check_column(field: Field, column: FrameColumn) -> None:
    word = type_of(column.dtype, column.peek)[0]
    if fits(field.type, word) or not column.is_missing():
        _check_type(field, word, column.floats)


def _check_type(field: Field, word: str, floats: Callable[[], Any]) -> None:
    if not fits(field.type, word) and not (
        word.startswith("float") and _fits_by_value(field.type, floats())
    ):
        where = "the data" if field.name is None else f"column {field.name!r}"
        raise SignatureError(
            f"{where} is {word}, where the model was given {field.type}: "
            f"{_remedy(field.type, word)}",
            field.name,
        )


def _remedy(expected: str, word: str) -> str:
    """Tell how data of the type ``word`` is made what the model was given."""
    family, other = (text.partition("[")[0].rstrip("0123456789") for text in (expected, word))
    if family == other == "datetime":
        return (
            "take its time zone away with .dt.tz_localize(None)"
            if "," in word
            else "give it a time zone with .dt.tz_localize"
        )
    if family == "datetime":
        return "convert it with pandas.to_datetime"
    if family in {"int", "uint"} and other == "float":
        return "it holds more than whole numbers; round it if that is meant"
    if family in _WIDTH and other in {"string", "category"}:
        return "convert it with pandas.to_numeric"
    if family in {"string", "category"} and "string" in expected:
        return "convert it with .astype(str)"
    return f"convert it to {expected}"


def _check_shape(field: Field, shape: tuple[int, ...]) -> None:
    if len(field.shape) != len(shape) or any(
        -1 not in pair and pair[0] != pair[1] for pair in zip(field.shape, shape, strict=True)
    ):
        where = "the data" if field.name is None else f"input {field.name!r}"
        raise SignatureError(
            f"{where} has the shape {_shape(shape)}, where the model was given "
            f"{_shape(field.shape)}",
            field.name,
        )


_NAMED = {"table", "arrays", "records"}
_WIDTH = {"bool": 0, "uint": 1, "int": 1, "float": 2, "complex": 3}


def fits(expected: str, word: str) -> bool:
    """Tell if data of the type ``word`` may stand where the type ``expected`` was."""
    if word == expected or "object" in (word, expected) or "null" in (word, expected):
        return True
    if expected.startswith("category["):
        return fits(expected[9:-1], word[9:-1] if word.startswith("category[") else word)
    if word.startswith("category["):
        return fits(expected, word[9:-1])
    family, other = (text.rstrip("0123456789") for text in (expected, word))
    if family in _WIDTH and other in _WIDTH:
        return _WIDTH[other] <= _WIDTH[family]
    family, other = (text.partition("[")[0] for text in (expected, word))
    if family == other == "datetime":
        return ("," in expected) == ("," in word)  # with a time zone or without
    return family == other == "timedelta"


def _fits_by_value(expected: str, found: Any) -> bool:
    """Tell if floats are nothing but integers (or booleans) and missing values, or nothing but
    missing values.
    """
    numpy: Any = sys.modules.get("numpy")
    family = family_of(expected)
    if numpy is None or isinstance(found, list | tuple):
        # NaN differs from itself
        present = [value for value in found if value is not None and value == value]
        if family in {"int", "uint"}:
            return all(
                not isinstance(value, str | bytes)
                and (float(value).is_integer() or math.isinf(value))
                for value in present
            )
        return not present or (family == "bool" and all(value in {0, 1} for value in present))
    found = numpy.asarray(found)
    if found.dtype == object:
        return _fits_by_value(expected, found.ravel().tolist())
    missing = numpy.isnan(found)
    if family in {"int", "uint"}:
        return bool((missing | (numpy.trunc(found) == found)).all())
    return bool(missing.all()) or (
        family == "bool" and bool((missing | (found == 0) | (found == 1)).all())
    )


def _floats(data: Any, position: Label = None) -> Any:
    """Return the floats of an array, a series or a list, or of one column of a two-dimensional
    array or an Arrow table.
    """
    if is_arrow(data):
        return data.column(position).to_pylist()
    if is_sparse(data):
        return data.data
    if is_series(data):
        return columns(data)[0].floats()
    return data if position is None else data[:, position]


def _key_floats(rows: Any, key: Label) -> list[Any]:
    return [row[key] for row in rows if not isinstance(row, Mapping) or key in row]


def _missing(field: Field, found: Sequence[Label], schema: Schema) -> SignatureError:
    known = set(schema.names)
    extra = [name for name in found if name not in known]
    beside = f"; the data has {_names(extra)}, which the model does not know" if extra else ""
    what = "input" if len(field.shape) > 1 else "column"
    return SignatureError(
        f"{what} {field.name!r} ({field.type}) is missing{beside}: add it, or give it the name "
        "that the model knows",
        field.name,
    )


def _names(names: Any) -> str:
    listed = [repr(name) for name in names]
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "")


def _told(schema: Schema) -> str:
    if schema.container in _NAMED:
        return f"{len(schema.fields)} columns ({_names(schema.names)})"
    return (
        f"{'an' if schema.container == 'array' else 'a'} {schema.container} of shape "
        f"{_shape(schema.fields[0].shape)}"
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join("n" if length == -1 else str(length) for length in shape) + ")"
