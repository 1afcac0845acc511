"""Signatures: what a model was given and gave, and whether other data fits it."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fitprint.errors import SignatureError
from fitprint.models.schema import (
    Field,
    Label,
    Schema,
    columns,
    describe,
    is_array,
    is_frame,
    is_series,
    is_sparse,
    label,
    peek_array,
    series,
    type_of,
)

__all__ = ["Signature", "infer_signature"]


@dataclass(frozen=True, slots=True)
class Signature:
    """Schemas of a model's inputs and outputs; either may be unknown."""

    inputs: Schema | None = None
    outputs: Schema | None = None

    def enforce(self, data: Any) -> Any:
        """Return the data if the model's inputs may look like this, with columns in the model's order and no others.

        Data from which the signature was inferred always fits. Widening fits (integers for floats, other widths), and so does
        an integer column that pandas turned into floats to make room for missing values. Whether the model can take missing
        values is the model's to say. Values are never converted; nothing is copied unless columns are moved or left out.

        Raises:
            SignatureError: it names the column that is missing or of another type.
        """
        schema = self.inputs
        if schema is None or schema.container == "scalar":
            return data
        if is_frame(data):
            return _enforce_frame(schema, data)
        if isinstance(data, Mapping):
            return _enforce_mapping(schema, data)
        if schema.container in {"table", "arrays", "records"} and not (is_array(data) or is_series(data)):
            return _enforce_rows(schema, data)
        _enforce_array(schema, data)
        return data

    def to_json(self) -> dict[str, Any]:
        """Return the signature as JSON values."""
        return {
            "inputs": self.inputs.to_json() if self.inputs is not None else None,
            "outputs": self.outputs.to_json() if self.outputs is not None else None,
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

    Takes numpy arrays, pandas and polars frames and series, scipy sparse matrices, dicts of arrays, lists and scalars.
    Nothing is copied, and at most 100 values of each object column are read.

    Raises:
        SignatureError: the data is of none of these kinds.
    """
    return Signature(describe(inputs), describe(outputs) if outputs is not None else None)


def _enforce_frame(schema: Schema, frame: Any) -> Any:
    found = list(columns(frame))
    if schema.container not in {"table", "arrays", "records"}:
        _enforce_by_position(schema, [(name, dtype, peek, frame, place) for place, (name, dtype, peek) in enumerate(found)])
        return frame
    places = defaultdict(list)  # a label may occur more than once: its occurrences are matched in order
    for place, (name, _, _) in enumerate(found):
        places[name].append(place)
    order = []
    for field in schema.fields:
        if not places[field.name]:
            raise _missing(field, [name for name, _, _ in found], schema)
        place = places[field.name].pop(0)
        order.append(place)
        _, dtype, peek = found[place]
        _check(field, dtype, peek, lambda place=place: _frame_values(frame, place))
    if order == list(range(len(found))):
        return frame
    return frame.iloc[:, order] if hasattr(frame, "iloc") else frame[:, order]


def _enforce_mapping(schema: Schema, data: Mapping[Any, Any]) -> Mapping[Any, Any]:
    if schema.container not in {"table", "arrays", "records"}:
        raise SignatureError(f"the model takes one {schema.container}, not a dict with the keys {_names(data)}")
    keys = {label(key): key for key in data}
    for field in schema.fields:
        if field.name not in keys:
            raise _missing(field, list(keys), schema)
        entry = describe({field.name: data[keys[field.name]]}).fields[0]
        value = data[keys[field.name]]
        if schema.container == "arrays":
            _check_shape(field, entry.shape)
        _check_word(field, entry.type, lambda value=value: value)
    if list(keys) == list(schema.names):
        return data
    return {keys[name]: data[keys[name]] for name in schema.names}


def _enforce_rows(schema: Schema, data: Any) -> Any:
    found = describe(data)
    if found.container == "records":
        types = {field.name: field.type for field in found.fields}
        for field in schema.fields:
            if field.name in types:
                _check_word(field, types[field.name], None)
            elif not field.nullable:
                raise _missing(field, list(types), schema)
        return data
    if found.container != "list" or len(found.fields[0].shape) != 2 or found.fields[0].shape[1] not in (-1, len(schema.fields)):
        raise SignatureError(f"the model takes {_width(schema)}; it was given {_told(found)}")
    for position, field in enumerate(schema.fields):
        values = [row[position] for row in data[: 10 * len(schema.fields)] if position < len(row)]
        _check_word(field, describe(values).fields[0].type, None)
    return data


def _enforce_array(schema: Schema, data: Any) -> None:
    if is_series(data):
        name, dtype, peek = series(data)
        _enforce_by_position(schema, [(name, dtype, peek, data, None)])
        return
    found = describe(data)
    field = found.fields[0]
    if schema.container in {"table", "records"}:
        width = field.shape[1] if len(field.shape) == 2 else None
        if width != len(schema.fields):
            raise SignatureError(f"the model takes {_width(schema)}; it was given {_told(found)}")
        for position, expected in enumerate(schema.fields):
            if field.type == "object":
                _check_word(expected, describe(list(data[:100, position])).fields[0].type, None)
            else:
                _check_word(expected, field.type, None if is_sparse(data) else lambda position=position: data[:, position])
        return
    if schema.container == "arrays":
        raise SignatureError(f"the model takes a dict with the keys {_names(schema.names)}; it was given {_told(found)}")
    expected = schema.fields[0]
    _check_shape(expected, field.shape)
    _check_word(expected, field.type, (lambda: data.data) if is_sparse(data) else (lambda: data))


def _enforce_by_position(schema: Schema, found: Sequence[tuple[Label, object, Callable[[], Sequence[Any]], Any, int | None]]) -> None:
    """Check the columns of a frame, or a series, against a schema that is no table."""
    if schema.container in {"table", "arrays", "records"} and len(schema.fields) != len(found):
        raise SignatureError(f"the model takes {_width(schema)}; it was given a series")
    expected = schema.fields[0]
    if schema.container in {"array", "sparse", "list"} and len(expected.shape) > 1 and expected.shape[1:] != (len(found),):
        raise SignatureError(f"the model takes {_width(schema)}; it was given {len(found)} columns")
    if len(expected.shape) == 1 and len(found) != 1:
        raise SignatureError(f"the model takes {_width(schema)}; it was given {len(found)} columns")
    for name, dtype, peek, data, place in found:
        field = schema.fields[0] if len(schema.fields) == 1 else schema.fields[len(schema.fields) - len(found)]
        _check(Field(name, field.type, nullable=field.nullable), dtype, peek, lambda data=data, place=place: _frame_values(data, place))


def _check(field: Field, dtype: object, peek: Callable[[], Sequence[Any]], values: Callable[[], Any]) -> None:
    word, _ = type_of(dtype, peek)
    _check_word(field, word, values)


def _check_word(field: Field, word: str, values: Callable[[], Any] | None) -> None:
    if not _fits(field.type, word) and not (values is not None and _fits_by_value(field.type, word, values)):
        where = "the data" if field.name is None else f"column {field.name!r}"
        raise SignatureError(f"{where} is {word}, where the model was given {field.type}")


def _check_shape(field: Field, shape: tuple[int, ...]) -> None:
    if len(field.shape) != len(shape) or any(-1 not in pair and pair[0] != pair[1] for pair in zip(field.shape, shape, strict=True)):
        where = "the data" if field.name is None else f"input {field.name!r}"
        raise SignatureError(f"{where} has the shape {_shape(shape)}, where the model was given {_shape(field.shape)}")


_WIDTH = {"bool": 0, "uint": 1, "int": 1, "float": 2, "complex": 3}


def _fits(expected: str, word: str) -> bool:
    """Tell if data of the type ``word`` may stand where the type ``expected`` was."""
    if word == expected or "object" in (word, expected) or "null" in (word, expected):
        return True
    if expected.startswith("category["):
        return _fits(expected[9:-1], word[9:-1] if word.startswith("category[") else word)
    if word.startswith("category["):
        return _fits(expected, word[9:-1])
    family, other = (text.rstrip("0123456789") for text in (expected, word))
    if family in _WIDTH and other in _WIDTH:
        return _WIDTH[other] <= _WIDTH[family]
    family, other = (text.partition("[")[0] for text in (expected, word))
    if family == other == "datetime":
        return ("," in expected) == ("," in word)  # with a time zone or without
    return family == other == "timedelta"


def _fits_by_value(expected: str, word: str, values: Callable[[], Any]) -> bool:
    """Tell if floats are nothing but integers (or booleans) and missing values, or any column nothing but missing values."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not word.startswith("float"):
        return False
    found = numpy.asarray(values(), dtype="float64")
    missing = numpy.isnan(found)
    if missing.all():
        return True
    family = expected.rstrip("0123456789")
    if family in {"int", "uint"}:
        return bool((missing | (numpy.trunc(found) == found)).all())
    return family == "bool" and bool((missing | (found == 0) | (found == 1)).all())


def _frame_values(data: Any, place: int | None) -> Any:
    if place is None:
        column = data
    else:
        column = data.iloc[:, place] if hasattr(data, "iloc") else data[:, place]
    to_numpy = column.to_numpy
    return to_numpy(dtype="float64", na_value=float("nan")) if hasattr(column, "iloc") else to_numpy()


def _missing(field: Field, found: Sequence[Label], schema: Schema) -> SignatureError:
    known = set(schema.names)
    extra = [name for name in found if name not in known]
    beside = f"; the data has {_names(extra)}, which the model does not know" if extra else ""
    return SignatureError(f"column {field.name!r} ({field.type}) is missing{beside}")


def _names(names: Any) -> str:
    listed = [repr(name) for name in names]
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "")


def _width(schema: Schema) -> str:
    if schema.container in {"table", "records"}:
        return f"{len(schema.fields)} columns ({_names(schema.names)})"
    return _told(schema)


def _told(schema: Schema) -> str:
    return f"a {schema.container} of shape {_shape(schema.fields[0].shape)}" if len(schema.fields) == 1 else f"a {schema.container}"


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join("n" if length == -1 else str(length) for length in shape) + ")"
