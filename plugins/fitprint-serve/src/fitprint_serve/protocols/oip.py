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
_MOST_LENGTHS = 32  # of a tensor, as numpy has them
_WORDS = {dtype: word for word, dtype in _DTYPES.items()}


def read(body: bytes, headers: Mapping[str, str], signature: Signature | None) -> Asked:
    """Return what a body asks: one tensor for each column or input, or one for all.

    Raises:
        RefusalError: it says nothing that a model could be asked.
    """
    told = headers.get("inference-header-content-length")
    binary = memoryview(b"")
    if told is not None:
        if not told.isdecimal() or len(told) > 18 or int(told) > len(body):
            raise bad("Inference-Header-Content-Length must be the length of the JSON in the body")
        body, binary = body[: int(told)], memoryview(body)[int(told) :]
    found = read_object(body)
    inputs = found.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise bad("the body must have the key inputs, a list of at least one tensor")
    if not isinstance(found.get("id"), str | int | None):
        raise bad("id must be a text")
    about = {"id": found.get("id"), **_wanted(found.get("outputs"), found.get("parameters"))}
    tensors = []
    for number, each in enumerate(inputs):
        tensor, taken = _tensor(each, number, binary)
        tensors.append(tensor)
        binary = binary[taken:]
    if len(binary):
        raise bad("the body has more bytes than its tensors")
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
    there = dict(_named(predictions))
    wanted: dict[str, bool | None] = asked.about.get("outputs") or dict.fromkeys(there)
    if not wanted.keys() <= there.keys():
        raise bad(f"the model has no output of that name; it has: {', '.join(there)}")
    outputs: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for each, binary in wanted.items():
        packed = asked.about.get("binary", False) if binary is None else binary
        outputs.append(_output(each, there[each], parts if packed else None))
    answer: dict[str, Any] = {"model_name": name, "outputs": outputs}
    if asked.about.get("id") is not None:
        answer["id"] = asked.about["id"]
    body = write_json(answer)
    if not parts:
        return Answer(body)
    length = str(len(body)).encode()
    return Answer(
        b"".join((body, *parts)),
        b"application/octet-stream",
        headers=((b"inference-header-content-length", length),),
    )


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


def _wanted(outputs: Any, parameters: Any) -> dict[str, Any]:
    """Return the outputs that are wanted, and whether as bytes; None: as all are wanted."""
    if outputs is None:
        outputs = []
    if not isinstance(outputs, list) or not all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in outputs
    ):
        raise bad("outputs must be a list of objects with the key name")
    wanted = {each["name"]: _parameter(each.get("parameters"), "binary_data") for each in outputs}
    return {"outputs": wanted, "binary": bool(_parameter(parameters, "binary_data_output"))}


def _parameter(parameters: Any, name: str) -> Any:
    return parameters.get(name) if isinstance(parameters, dict) else None


_Tensor = tuple[str, list[int], Any]


def _tensor(found: Any, number: int, binary: memoryview) -> tuple[_Tensor, int]:
    """Return name, shape and values of a tensor: a numpy array of numbers, or nested lists of
    texts; and how many of the bytes are its own.
    """
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise bad(f"tensor {number} must be an object with a name")
    name, shape, word = found["name"], found.get("shape"), found.get("datatype")
    if not isinstance(shape, list) or not all(type(each) is int and each >= 0 for each in shape):
        raise bad(f"tensor {name!r} has no shape: a list of lengths", column=name)
    if len(shape) > _MOST_LENGTHS:
        raise bad(f"tensor {name!r} has more than {_MOST_LENGTHS} lengths", column=name)
    shape = shape or [1]
    if not isinstance(word, str) or (word not in _DTYPES and word != "BYTES"):
        raise bad(
            f"tensor {name!r} has no datatype of these: {', '.join(_DTYPES)}, BYTES", column=name
        )
    numpy = import_module("numpy")
    size = _parameter(found.get("parameters"), "binary_data_size")
    if size is not None:
        count = math.prod(shape)
        if type(size) is not int or not 0 <= size <= len(binary):
            raise bad(f"tensor {name!r} has no such number of bytes in the body", column=name)
        if word == "BYTES":
            texts = _texts(binary[:size], name)
            if len(texts) != count:
                raise bad(
                    f"tensor {name!r} has {len(texts)} values for the shape {shape}", column=name
                )
            array = numpy.array(texts, dtype=object)
            return (name, shape, _shaped(array, shape, name).tolist()), size
        dtype = numpy.dtype(_DTYPES[word]).newbyteorder("<")
        if size != count * dtype.itemsize:
            raise bad(f"tensor {name!r} has {size} bytes for the shape {shape}", column=name)
        array = numpy.frombuffer(binary[:size], dtype)
        return (name, shape, _shaped(array.astype(_DTYPES[word]), shape, name)), size
    data = found.get("data")
    if not isinstance(data, list):
        raise bad(f"tensor {name!r} has no data: a list", column=name)
    try:
        array = numpy.array(data, dtype=object if word == "BYTES" else None)
    except (ValueError, OverflowError):
        raise bad(f"tensor {name!r}: its rows differ in length", column=name) from None
    if array.size != math.prod(shape):
        raise bad(f"tensor {name!r} has {array.size} values for the shape {shape}", column=name)
    array = _shaped(array, shape, name)
    if word == "BYTES":
        if not all(isinstance(each, str) for each in array.flat):
            raise bad(f"tensor {name!r} must hold texts, as BYTES", column=name)
        return (name, shape, array.tolist()), 0
    return (name, shape, _typed(array, _DTYPES[word], name, word)), 0


def _shaped(array: Any, shape: list[int], name: str) -> Any:
    try:
        return array.reshape(shape)
    except ValueError:  # it has no values, and lengths whose product is too large
        raise bad(f"tensor {name!r} has lengths that are too large", column=name) from None


def _texts(packed: memoryview, name: str) -> list[str]:
    """Return texts, each of which has its length before it."""
    found, start = [], 0
    while start < len(packed):
        end = start + 4 + int.from_bytes(packed[start : start + 4], "little")
        if end > len(packed):
            raise bad(f"tensor {name!r} is cut short", column=name)
        try:
            found.append(str(packed[start + 4 : end], "utf-8"))
        except UnicodeDecodeError:
            raise bad(f"tensor {name!r} holds a text that is not UTF-8", column=name) from None
        start = end
    return found


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
    with numpy.errstate(over="ignore"):
        found = array.astype(dtype)
    if floats and (numpy.isinf(found) & numpy.isfinite(array)).any():
        raise bad(f"tensor {name!r} holds numbers that do not fit into {word}", column=name)
    return found


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


def _output(name: str, values: Any, parts: list[bytes] | None) -> dict[str, Any]:
    """Return a tensor; its values are appended to the parts, if there are any."""
    numpy = import_module("numpy")
    if hasattr(values, "toarray"):
        values = values.toarray()
    array = numpy.asarray(values)
    word = _WORDS.get(array.dtype.name, "BYTES")
    told: dict[str, Any] = {"name": name, "datatype": word, "shape": list(array.shape)}
    if parts is not None and word != "BYTES":
        packed = array.astype(array.dtype.newbyteorder("<")).tobytes()
    else:
        data = plain(array.reshape(-1))
        if word == "BYTES":
            data = ["" if each is None else str(each) for each in data]
        if parts is None:
            return {**told, "data": data}
        texts = [each.encode() for each in data]
        packed = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    parts.append(packed)
    return {**told, "parameters": {"binary_data_size": len(packed)}}
