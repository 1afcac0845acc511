"""The Open Inference Protocol, version 2, in JSON: ``/v2/models/NAME/infer``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from fitprint.data.schema import Field, Schema
from fitprint.models.signature import Signature
from fitprint_serve.asked import Answer, Asked
from fitprint_serve.jsons import plain, read_object, write_json
from fitprint_serve.refusals import RefusalError, bad

__all__ = ["metadata", "read", "refuse", "write"]

_DTYPES = {
    "BOOL": "bool",
    **{
        f"{sign}INT{bits}": f"{sign}int{bits}".lower()
        for sign in ("", "U")
        for bits in (8, 16, 32, 64)
    },
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
_WORDS = {dtype: word for word, dtype in _DTYPES.items()}


def read(body: bytes, headers: Mapping[str, str], signature: Signature | None) -> Asked:  # noqa: ARG001 - other protocols need them
    """Return what a body asks: one tensor for each column or input, or one for all.

    Raises:
        RefusalError: it says nothing that a model could be asked.
    """
    found = read_object(body)
    inputs = found.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise bad("the body must have the key inputs, a list of at least one tensor")
    about = {"id": found.get("id"), "outputs": _wanted(found.get("outputs"))}
    tensors = [_tensor(each, number) for number, each in enumerate(inputs)]
    schema = signature.inputs if signature is not None else None
    if len(tensors) == 1 and (
        schema is None
        or schema.container in {"array", "sparse", "list"}
        or (len(tensors[0][1]) == 2 and tensors[0][0] not in schema.names)
    ):
        return Asked("array", tensors[0][2], about=about)
    names = [name for name, _, _ in tensors]
    if len(set(names)) != len(names):
        raise bad("two tensors have the same name")
    columns = {}
    for name, shape, values in tensors:
        narrow = schema is not None and schema.container == "table"
        if narrow and (len(shape) > 2 or (len(shape) == 2 and shape[1] != 1)):
            raise bad(f"column {name!r} must be a tensor of the shape [n] or [n, 1]", column=name)
        columns[name] = _flat(values) if narrow else values
    lengths = {shape[0] if shape else 1 for _, shape, _ in tensors}
    if len(lengths) > 1:
        raise bad("the tensors differ in their numbers of rows")
    return Asked("columns", columns, about=about)


def write(predictions: Any, asked: Asked, name: str) -> Answer:
    """Return the answer: one tensor, or one for each column or output that the model gives."""
    outputs = [_output(*each) for each in _named(predictions)]
    wanted = asked.about.get("outputs")
    if wanted is not None:
        there = {each["name"]: each for each in outputs}
        for each in wanted:
            if each not in there:
                raise bad(f"the model has no output of that name; it has: {', '.join(there)}")
        outputs = [there[each] for each in wanted]
    answer: dict[str, Any] = {"model_name": name, "outputs": outputs}
    if asked.about.get("id") is not None:
        answer["id"] = asked.about["id"]
    return Answer(write_json(answer))


def refuse(refusal: RefusalError, request: str) -> bytes:
    """Return the body of an error."""
    return write_json({"error": refusal.message, **refusal.place, "request_id": request})


def metadata(
    name: str, versions: Sequence[str], platform: str, signature: Signature | None
) -> dict[str, Any]:
    """Return what the protocol tells of a model."""
    inputs = signature.inputs if signature is not None else None
    outputs = signature.outputs if signature is not None else None
    return {
        "name": name,
        "versions": list(versions),
        "platform": platform,
        "inputs": _described(inputs, "input"),
        "outputs": _described(outputs, "predict"),
    }


def _described(schema: Schema | None, word: str) -> list[dict[str, Any]]:
    if schema is None:
        return []
    return [
        {
            "name": word if field.name is None else str(field.name),
            "datatype": _word(field),
            "shape": list(field.shape),
        }
        for field in schema.fields
    ]


def _word(field: Field) -> str:
    return _WORDS.get(field.type, "BYTES")


# -- tensors ---------------------------------------------------------------------------------------


def _wanted(found: Any) -> list[str] | None:
    if found is None or found == []:
        return None
    if not isinstance(found, list) or not all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in found
    ):
        raise bad("outputs must be a list of objects with the key name")
    return [each["name"] for each in found]


def _tensor(found: Any, number: int) -> tuple[str, list[int], Any]:
    """Return name, shape and values: a numpy array of numbers, or nested lists of texts."""
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise bad(f"tensor {number} must be an object with a name")
    name, shape, word = found["name"], found.get("shape"), found.get("datatype")
    if not isinstance(shape, list) or not all(type(each) is int and each >= 0 for each in shape):
        raise bad(f"tensor {name!r} has no shape: a list of lengths", column=name)
    if not isinstance(word, str) or (word not in _DTYPES and word != "BYTES"):
        raise bad(
            f"tensor {name!r} has no datatype of these: {', '.join(_DTYPES)}, BYTES", column=name
        )
    data = found.get("data")
    if not isinstance(data, list):
        raise bad(f"tensor {name!r} has no data: a list", column=name)
    numpy = import_module("numpy")
    try:
        array = numpy.array(data, dtype=object if word == "BYTES" else None)
    except (ValueError, OverflowError):
        raise bad(f"tensor {name!r}: its rows differ in length", column=name) from None
    if array.size != math.prod(shape):
        raise bad(f"tensor {name!r} has {array.size} values for the shape {shape}", column=name)
    array = array.reshape(shape)
    if word == "BYTES":
        if not all(isinstance(each, str) for each in array.flat):
            raise bad(f"tensor {name!r} must hold texts, as BYTES", column=name)
        return name, shape, array.tolist()
    return name, shape, _typed(array, _DTYPES[word], name, word)


def _typed(array: Any, dtype: str, name: str, word: str) -> Any:
    numpy = import_module("numpy")
    if array.size == 0:
        return array.astype(dtype)
    floats = word.startswith("FP")
    if array.dtype == object and floats:
        given = array.ravel().tolist()
        if all(each is None or type(each) in (int, float) for each in given):
            array = array.astype("float64")
    allowed = "iuf" if floats else "b" if word == "BOOL" else "iu"
    if array.dtype.kind not in allowed:
        raise bad(f"tensor {name!r} holds other values than {word}", column=name)
    if not floats and word != "BOOL":
        limits = numpy.iinfo(dtype)
        if array.min() < limits.min or array.max() > limits.max:
            raise bad(f"tensor {name!r} holds numbers that do not fit into {word}", column=name)
    return array.astype(dtype)


def _flat(values: Any) -> Any:
    if isinstance(values, list):
        return [row[0] if isinstance(row, list) else row for row in values]
    return values.reshape(-1)


def _named(predictions: Any) -> list[tuple[str, Any]]:
    if hasattr(predictions, "columns") and hasattr(predictions, "iloc"):
        return [
            (str(name), predictions.iloc[:, place].to_numpy())
            for place, name in enumerate(predictions.columns)
        ]
    if isinstance(predictions, Mapping):
        return [(str(name), values) for name, values in predictions.items()]
    if isinstance(predictions, tuple) or (
        isinstance(predictions, list) and predictions and hasattr(predictions[0], "shape")
    ):
        return [(f"predict-{number}", each) for number, each in enumerate(predictions)]
    return [("predict", predictions)]


def _output(name: str, values: Any) -> dict[str, Any]:
    numpy = import_module("numpy")
    if hasattr(values, "toarray"):
        values = values.toarray()
    array = numpy.asarray(values)
    word = _WORDS.get(array.dtype.name, "BYTES")
    data = plain(array.reshape(-1))
    if word == "BYTES":
        data = ["" if each is None else each if type(each) is str else str(each) for each in data]
    return {"name": name, "datatype": word, "shape": list(array.shape), "data": data}
