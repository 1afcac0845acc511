"""JSON: bytes to values and back, with orjson where it is installed."""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fitprint_serve.refusals import bad

__all__ = ["plain", "read_json", "read_object", "write_json"]

_write: Callable[[Any], bytes]
_read: Callable[[bytes], Any]
try:
    import orjson
except ImportError:
    _read = json.loads

    def _write(value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

else:
    _read = orjson.loads
    _write = orjson.dumps


def read_json(body: bytes) -> Any:
    """Return what a body says. As Python's own writer leaves them, NaN and Infinity are taken.

    Raises:
        RefusalError: it is no JSON, or nested too deeply.
    """
    try:
        return _read(body)
    except (ValueError, RecursionError) as error:
        if _read is not json.loads and (b"NaN" in body or b"Infinity" in body):
            try:
                return json.loads(body)
            except (ValueError, RecursionError):
                pass
        if isinstance(error, json.JSONDecodeError):
            where = f"line {error.lineno}, column {error.colno}"
            raise bad(f"the body is not JSON: {where}") from None
        raise bad("the body is not JSON in UTF-8, or it is nested too deeply") from None


def read_object(body: bytes) -> dict[str, Any]:
    """Return the object that a body is.

    Raises:
        RefusalError: it is none.
    """
    found = read_json(body)
    if not isinstance(found, dict):
        raise bad(f"the body must be a JSON object, not {_kind(found)}")
    return found


def write_json(value: Any) -> bytes:
    """Return values, as :func:`plain` makes them, as bytes."""
    try:
        return _write(value)
    except (TypeError, UnicodeEncodeError):  # a large whole number, or half of a surrogate pair
        return json.dumps(value, separators=(",", ":")).encode()


def plain(value: Any) -> Any:
    """Return what a model predicted as values of JSON: null for what is missing or not finite,
    texts for times, base64 for bytes. A data frame or series becomes a list of records.

    Raises:
        TypeError: a value says nothing outside of this process, such as a function.
    """
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is list or kind is tuple:
        return [plain(item) for item in value]
    if value is None or kind in (bool, int, str):
        return value
    if hasattr(value, "dtype") and hasattr(value, "tolist") and not hasattr(value, "to_frame"):
        return _array(value)
    if hasattr(value, "to_frame") and hasattr(value, "iloc"):
        value = value.to_frame(0 if value.name is None else value.name)
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        names = [str(name) for name in value.columns]
        columns = [_array(value.iloc[:, place].to_numpy()) for place in range(len(names))]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    if hasattr(value, "to_dicts"):  # polars
        return [plain(row) for row in value.to_dicts()]
    if hasattr(value, "toarray"):
        return _array(value.toarray())
    if hasattr(value, "numpy"):
        return _array(value.numpy())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "isoformat"):
        return value.isoformat() if value == value else None  # a missing time differs from itself
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    text = str(value)
    if callable(value) or isinstance(value, Iterator) or " object at 0x" in text:
        raise TypeError(f"{type(value).__qualname__} has no form in JSON")
    return text


def _array(array: Any) -> Any:
    kind = array.dtype.kind
    if kind in "biuUS":
        return plain(array.tolist()) if kind == "S" else array.tolist()
    if kind == "f":
        if array.dtype.itemsize > 8:
            array = array.astype("float64")
        if sys.modules["numpy"].isfinite(array).all():
            return array.tolist()
        return plain(array.tolist())
    if kind in "mM":
        missing = sys.modules["numpy"].isnat(array)
        texts = array.astype("datetime64[ns]" if kind == "M" else array.dtype).astype(str)
        return sys.modules["numpy"].where(missing, None, texts).tolist()
    return plain(array.tolist())


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a single value"
