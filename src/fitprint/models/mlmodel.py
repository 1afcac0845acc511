"""The ``MLmodel`` file, MLflow's description of a model directory, and the forms that MLflow gives
to signatures and examples.
"""

from __future__ import annotations

import base64
import json
import math
import platform
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fitprint.access import read_regular
from fitprint.data.kinds import is_array, is_frame, is_sparse
from fitprint.data.schema import Field, Schema, columns
from fitprint.errors import FitprintError, IntegrityError
from fitprint.models import yaml_text
from fitprint.models.flavor import FlavorEntry
from fitprint.models.signature import Signature

__all__ = [
    "FILE",
    "Example",
    "example_files",
    "mlmodel_texts",
    "read_example",
    "read_mlmodel",
    "signature_from_mlflow",
]

FILE = "MLmodel"
EXAMPLE_ROWS = 5


def mlmodel_texts(
    name: str, entry: FlavorEntry, signature: Signature | None, example: Mapping[str, Any] | None
) -> dict[str, str]:
    """Return the texts of ``MLmodel`` and of the ``python_env.yaml`` that MLflow makes an
    environment from, by name.
    """
    python = platform.python_version()
    flavors: dict[str, Any] = {name: entry.options}
    if entry.pyfunc is not None:
        flavors["python_function"] = {
            **entry.pyfunc,
            "env": {"virtualenv": "python_env.yaml"},
            "python_version": python,
        }
    content: dict[str, Any] = {"flavors": flavors}
    if example is not None:
        content["saved_input_example_info"] = example
    if signature is not None and (told := _signature_to_mlflow(signature)) is not None:
        content["signature"] = told
    return {FILE: yaml_text.dump(content), "python_env.yaml": _environment(python)}


@lru_cache(maxsize=4)
def _environment(python: str) -> str:
    return yaml_text.dump(
        {
            "python": python,
            "build_dependencies": ["pip", "setuptools", "wheel"],
            "dependencies": ["-r requirements.txt", "mlflow"],
        }
    )


def read_mlmodel(directory: Path) -> dict[str, Any]:
    """Return the content of a directory's ``MLmodel``, ours or MLflow's.

    Raises:
        FitprintError: there is none: the directory holds no model.
        IntegrityError: it cannot be read.
    """
    try:
        content = yaml_text.load(read_regular(directory / FILE).decode())
    except FileNotFoundError:
        raise FitprintError(
            f"{directory.name} is not a model directory: it has neither a fitprint.json nor an "
            f"{FILE} file"
        ) from None
    except (yaml_text.YamlError, UnicodeDecodeError, OSError) as error:
        raise IntegrityError(f"{FILE} cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("flavors"), dict):
        raise IntegrityError(f"{FILE} cannot be read: it names no flavors")
    return content


def signature_from_mlflow(content: Mapping[str, Any] | None) -> Signature | None:
    """Return the signature of an ``MLmodel`` file, as far as our words tell it; None where it has
    none.
    """
    if not content:
        return None
    inputs, outputs = (_schema_from_mlflow(content.get(side)) for side in ("inputs", "outputs"))
    return Signature(inputs, outputs) if inputs is not None or outputs is not None else None


def _signature_to_mlflow(signature: Signature) -> dict[str, str | None] | None:
    """Return MLflow's ``signature``; None where it can tell neither side.

    MLflow converts what it is given until it fits. Inputs are told only if its words for them let
    the very data that they were inferred from through unchanged, so that a model predicts the same
    under MLflow as under its own framework: not so for nullable integers and booleans, categories,
    time zones, unnamed or repeated columns, sparse data, lists and series.
    """
    inputs = _columns_to_mlflow(signature.inputs) or _tensors_to_mlflow(signature.inputs)
    outputs = _columns_to_mlflow(signature.outputs) or _tensors_to_mlflow(signature.outputs)
    if inputs is None and outputs is None:
        return None
    return {
        "inputs": json.dumps(inputs) if inputs is not None else None,
        "outputs": json.dumps(outputs) if outputs is not None else None,
        "params": None,
    }


_TO_MLFLOW = {
    "bool": "boolean",
    "bytes": "binary",
    "datetime": "datetime",
    "float32": "float",
    "float64": "double",
    "int16": "integer",
    "int32": "integer",
    "int64": "long",
    "int8": "integer",
    "string": "string",
    "uint16": "integer",
    "uint32": "long",
    "uint8": "integer",
}
_FROM_MLFLOW = {
    "boolean": "bool",
    "binary": "bytes",
    "datetime": "datetime[ns]",
    "float": "float32",
    "double": "float64",
    "integer": "int32",
    "long": "int64",
    "string": "string",
}


def _columns_to_mlflow(schema: Schema | None) -> list[dict[str, Any]] | None:
    if (
        schema is None
        or schema.container != "table"
        or len(set(schema.names)) != len(schema.names)
        or not schema.fields
    ):
        return None
    numbered = schema.names == tuple(range(len(schema.names)))
    told = []
    for field in schema.fields:
        word = _TO_MLFLOW.get(
            "datetime"
            if field.type.startswith("datetime[") and "," not in field.type
            else field.type
        )
        exact = not field.nullable or word in {"float", "double", "string", "binary", "datetime"}
        if (
            word is None
            or not exact
            or not (numbered or (isinstance(field.name, str) and field.name))
        ):
            return None
        # "required" tells MLflow if the column may be absent, not if its values may
        told.append(
            {"type": word, "required": True}
            if numbered
            else {"type": word, "name": field.name, "required": True}
        )
    return told


def _tensors_to_mlflow(schema: Schema | None) -> list[dict[str, Any]] | None:
    if schema is None or schema.container not in {"array", "arrays"} or not schema.fields:
        return None
    told = []
    for field in schema.fields:
        dtype = {"string": "str"}.get(field.type, field.type)
        known = dtype in {"str", "bytes", "object"} or dtype.rstrip("0123456789") in {
            "bool",
            "int",
            "uint",
            "float",
            "complex",
        }
        named = schema.container == "arrays"
        if (
            not known
            or not field.shape
            or (named and not (isinstance(field.name, str) and field.name))
        ):
            return None
        tensor = {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": list(field.shape)}}
        told.append({"name": field.name, **tensor} if named else tensor)
    return told


def _schema_from_mlflow(text: Any) -> Schema | None:
    if not isinstance(text, str):
        return None
    try:
        entries = json.loads(text)
        if not entries:
            return None
        named = all("name" in entry for entry in entries)
        if entries[0].get("type") == "tensor":
            fields = tuple(_tensor_from_mlflow(entry) for entry in entries)
            return Schema("arrays" if named else "array", fields)
        fields = tuple(
            Field(
                entry["name"] if named else position,
                _FROM_MLFLOW.get(entry["type"], "object"),
                nullable=not entry.get("required", True)
                or entry["type"] not in {"boolean", "integer", "long"},
                required=entry.get("required", True),
            )
            for position, entry in enumerate(entries)
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"the signature in {FILE} cannot be read: {error!r}") from error
    return Schema("table", fields)


def _tensor_from_mlflow(entry: Mapping[str, Any]) -> Field:
    dtype = entry["tensor-spec"]["dtype"]
    word = {"str": "string"}.get(dtype, dtype)
    return Field(
        entry.get("name"),
        word,
        tuple(entry["tensor-spec"]["shape"]),
        nullable=word.startswith(("float", "complex", "object")),
    )


class Example(NamedTuple):
    """An input example in MLflow's form: what ``MLmodel`` says of it, and the texts of its files,
    by name.
    """

    info: dict[str, Any]
    texts: dict[str, str]


def read_example(directory: Path) -> Example | None:
    """Return the input example of a model directory of ours; None if it has none."""
    info = read_mlmodel(directory).get("saved_input_example_info")
    if not isinstance(info, dict):
        return None
    names = [
        name
        for key in ("artifact_path", "serving_input_path")
        if isinstance(name := info.get(key), str)
    ]
    return Example(info, {name: (directory / name).read_text(encoding="utf-8") for name in names})


def example_files(data: Any) -> Example:
    """Put an input example into MLflow's form: what ``MLmodel`` says of it, and the files, by name.

    Of tables and arrays the first five rows are kept.

    Raises:
        FitprintError: there is no form for such data.
    """
    info: dict[str, Any] = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
    }
    if is_frame(data):
        found = columns(data[:EXAMPLE_ROWS])
        rows = [
            list(row)
            for row in zip(*(_plain(column.series().to_list()) for column in found), strict=True)
        ]
        labels = [column.label for column in found]
        content: Any = (
            {"data": rows}
            if labels == list(range(len(labels)))
            else {"columns": labels, "data": rows}
        )
        info |= {
            "type": "dataframe",
            "pandas_orient": "split" if "columns" in content else "values",
        }
        serving = {"dataframe_split": content}
    elif is_sparse(data):
        if data.format not in {"csr", "csc"}:
            raise FitprintError(
                f"an input example may be a csr or csc matrix, not a {data.format} one"
            )
        part = data[:EXAMPLE_ROWS]
        content = {name: getattr(part, name).tolist() for name in ("data", "indices", "indptr")} | {
            "shape": list(part.shape)
        }
        info["type"] = f"sparse_matrix_{data.format}"
        serving = {"inputs": part.toarray().tolist()}
    elif is_array(data) and hasattr(data, "tolist"):
        content = _plain((data[:EXAMPLE_ROWS] if data.shape else data).tolist())
        info["type"] = "ndarray"
        serving = {"inputs": content}
    elif isinstance(data, Mapping) and data and all(is_array(value) for value in data.values()):
        content = {str(key): _plain(value[:EXAMPLE_ROWS].tolist()) for key, value in data.items()}
        info["type"] = "ndarray"
        serving = {"inputs": content}
    elif isinstance(data, Mapping | list | tuple | str | int | float):
        content = _plain(data)
        info["type"] = "json_object"
        serving = {"inputs": content}
    else:
        raise FitprintError(
            f"a {type(data).__module__}.{type(data).__qualname__} cannot be kept as an input "
            "example"
        )
    return Example(
        info,
        {
            "input_example.json": json.dumps(content),
            "serving_input_example.json": json.dumps(serving),
        },
    )


def _plain(value: Any) -> Any:
    """Return the value as JSON: null for missing values, text for times, base64 for bytes."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    elif hasattr(value, "tolist") and hasattr(value, "dtype"):
        return _plain(value[:EXAMPLE_ROWS].tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "isoformat") and value == value:  # a missing time differs from itself
        return value.isoformat()
    return None if type(value).__name__ in {"NAType", "NaTType"} else str(value)
