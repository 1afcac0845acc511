"""User values as recorded values: JSON with the types kept."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import partial
from typing import Any

from fitprint.context.secrecy import KNOWN, is_withheld, withheld
from fitprint.errors import InvalidParamError

__all__ = [
    "PREVIEW_LIMIT",
    "error_text",
    "number_or_text",
    "param_value",
    "preview",
    "strip_addresses",
    "type_name",
]

PREVIEW_LIMIT = 8192
"""Longest JSON text, in characters, that a parameter has without spilling to an artifact."""

_PREVIEW = 1000  # characters of the whole that a preview shows
_DEPTH = 24  # levels of nested containers
_NODES = 1_000_000  # values inside one parameter
_ELEMENTS = 1000  # of an array that is written out
_BYTES = 1024  # of a byte string that is written out
# integers from here on are written in hexadecimal: decimal text of them takes quadratic time
_HUGE = 1 << 4096

_SCALARS = frozenset({str, float, bool, type(None)})
_PLAIN = _SCALARS | {int}
_ADDRESS = re.compile(r"(?<!\s)\s+(?:at|@)\s+0x[0-9A-Fa-f]+")


def strip_addresses(text: str) -> str:
    """Return a ``repr`` without its memory addresses: ``<f at 0x7f01>`` becomes ``<f>``."""
    return _ADDRESS.sub("", text) if "0x" in text else text


def error_text(error: BaseException) -> str:
    """Return what an exception says, briefly and without memory addresses."""
    try:
        return strip_addresses(str(error))[:300]
    except Exception:  # noqa: BLE001 - an exception's own text may fail too
        return "no text"


def number_or_text(value: Any) -> Any:
    """Return the number that a text writes, as an int where it is one; what writes none, or is no
    text, as it is.
    """
    for kind in (int, float) if isinstance(value, str) else ():
        try:
            return kind(value)
        except ValueError:
            pass
    return value


def type_name(value: Any) -> str:
    """Return the name by which users know the class: that of the outermost package that has it,
    such as ``pandas.DataFrame``.
    """
    cls = type(value)
    if cls.__module__ == "builtins":
        return str(cls.__qualname__)
    parts = cls.__module__.split(".")
    packages = (".".join(parts[:count]) for count in range(1, len(parts)))
    public = next(
        (
            package
            for package in packages
            if vars(sys.modules.get(package, sys)).get(cls.__name__) is cls
        ),
        cls.__module__,
    )
    return f"{public}.{cls.__qualname__}"


def param_value(value: Any, key: str = "") -> Any:
    """Return the JSON value of a parameter: None, bool, int, float (NaN and infinities exact), str,
    list or dict.

    The same value gives the same result in every process. What JSON does not know is written so:

    - tuples and deques as lists, sets as sorted lists; arrays of up to 1000 elements as nested
      lists, larger ones and tables as ``{"type", "shape", "dtype", "digest"}``;
    - keys of dicts as the text of their own JSON value (``1`` as ``"1"``), with `` (int)`` behind
      it where two keys would be one;
    - an Enum member as ``Class.NAME``, one that is also a str or number as its value; paths, dates
      and times as text;
    - functions and classes as ``module.qualname``; bytes as their ``repr`` up to 1 KiB, else as
      type, size and digest;
    - any other object as its ``repr`` without memory addresses;
    - a text in a dict under the name of a secret, such as ``password``, as ``[redacted]``;
    - a container inside itself, below 24 levels, or beyond a million values as a short text in
      ``<>``.

    Args:
        value: anything; it is neither changed nor kept.
        key: name of the parameter, for the error's text.

    Raises:
        InvalidParamError: the object's own code (``repr``, iteration) failed.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is int and -_HUGE < value < _HUGE:
        return value
    try:
        return _Conversion().convert(value)
    except Exception as error:
        named = f"parameter {key!r} of" if key else "a value of"
        reason = f"{type(error).__name__}: {error_text(error)}"
        raise InvalidParamError(
            f"{named} type {type_name(value)} has no recordable form, its own code failed with "
            f"{reason}"
        ) from error


def preview(value: Any, limit: int = PREVIEW_LIMIT) -> Any:
    """Return ``value`` itself (the same object) if its JSON has at most ``limit`` characters, else
    a text with its beginning.

    Args:
        value: what :func:`param_value` returned.
        limit: in characters.
    """
    kind = type(value)
    if kind is str:
        if len(value) <= limit:
            return value
        whole = value
    elif kind is list or kind is dict:
        whole = json.dumps(value, ensure_ascii=False, separators=(",", ":"), check_circular=False)
        if len(whole) <= limit:
            return value
    else:
        return value
    return f"{whole[: min(_PREVIEW, limit)]}… ({len(whole)} characters)"


class _Conversion:
    """One parameter's way to JSON; ``left`` counts down the values that may still be written."""

    __slots__ = ("left", "open")

    def __init__(self) -> None:
        self.left = _NODES
        self.open: list[int] = []  # ids of the containers around the present value

    def convert(self, value: Any) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            return value
        if isinstance(value, Enum):
            if not isinstance(value, (str, int, float)):
                return str(value)
            return self.convert(value.value)
        if isinstance(value, int):
            return int(value) if -_HUGE < value < _HUGE else f"{value:#x}"
        if isinstance(value, float):
            return float(value)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, (list, tuple, deque, set, frozenset, Mapping)):
            return self.container(value)
        return self.leaf(value)

    def container(self, value: Any) -> Any:
        if id(value) in self.open:
            return f"<{type_name(value)} inside itself>"
        if len(self.open) >= _DEPTH:
            return f"<{type_name(value)} below {_DEPTH} levels>"
        self.open.append(id(value))
        try:
            if isinstance(value, Mapping):
                return self.mapping(value)
            if isinstance(value, (set, frozenset)):
                value = _in_order(value)
            return self.sequence(value)
        finally:
            self.open.pop()

    def sequence(self, value: Sequence[Any]) -> list[Any]:
        count = len(value)
        if count <= self.left and _SCALARS.issuperset(map(type, value)):
            self.left -= count
            return list(value)
        converted: list[Any] = []
        for item in value:
            if self.left <= 0:
                converted.append(f"<{count - len(converted)} more>")
                break
            self.left -= 1
            converted.append(self.convert(item))
        return converted

    def mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        converted: dict[str, Any] = {}
        for key, item in value.items():
            if self.left <= 0:
                converted["<more>"] = f"<{len(value) - len(converted)} more>"
                break
            self.left -= 1
            name = self.name(key)
            if name in converted:
                name = f"{name} ({type(key).__name__})"
            secret = KNOWN.get(name)
            if secret is None:
                secret = is_withheld(name)
            converted[name] = withheld(name, self.convert(item)) if secret else self.convert(item)
        return converted

    def name(self, key: Any) -> str:
        plain = self.convert(key)
        return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)

    def leaf(self, value: Any) -> Any:
        cls = type(value)
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        if isinstance(value, timedelta):
            return str(value)
        if isinstance(value, os.PathLike):
            return os.fsdecode(value)
        if isinstance(value, (bytes, bytearray)):
            return (
                repr(bytes(value))
                if len(value) <= _BYTES
                else {**_summary(value), "size": len(value)}
            )
        if isinstance(value, partial):
            return self.partial(value)
        if hasattr(cls, "shape") or hasattr(cls, "tolist"):
            return self.array(value)
        name = _qualified(value)
        return name if name is not None else strip_addresses(repr(value))

    def partial(self, value: partial[Any]) -> str:
        arguments = [str(self.convert(value.func)), *(self.text(item) for item in value.args)]
        arguments += [f"{name}={self.text(item)}" for name, item in value.keywords.items()]
        return f"functools.partial({', '.join(arguments)})"

    def text(self, item: Any) -> str:
        return repr(self.convert(item))

    def array(self, value: Any) -> Any:
        shape = getattr(value, "shape", None)
        size = (
            math.prod(shape)
            if isinstance(shape, tuple) and all(isinstance(side, int) for side in shape)
            else len(value)
        )
        if size > _ELEMENTS or not hasattr(value, "tolist"):
            return _summary(value)
        # dates: numbers without their unit else
        if getattr(getattr(value, "dtype", None), "kind", "") in ("M", "m"):
            value = value.astype(str)
        plain = value.tolist()
        if type(plain) is type(value):  # numpy's long double has no Python counterpart
            return float(plain)
        self.left -= size
        return self.convert(plain)


def _summary(value: Any) -> dict[str, Any]:
    summary: dict[str, Any] = {"type": type_name(value)}
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        summary["shape"] = list(shape)
    if getattr(value, "dtype", None) is not None:
        summary["dtype"] = str(value.dtype)
    from fitprint.data.digests import digest_data

    digest, coverage = digest_data(value)
    if digest:
        summary["digest"] = digest
    if coverage == "sample":
        summary["digest_of"] = coverage
    return summary


def _in_order(value: set[Any] | frozenset[Any]) -> list[Any]:
    """Return a set's members in an order that does not depend on hashes, hence on the process."""
    if len(set(map(type, value))) == 1:
        try:
            return sorted(value)
        except TypeError:
            pass
    return sorted(value, key=lambda item: (type(item).__name__, strip_addresses(repr(item))))


def _qualified(value: Any) -> str | None:
    """Return ``module.qualname`` of a class or function, None for anything else."""
    name = getattr(value, "__qualname__", None)
    if not isinstance(name, str) or not callable(value):
        return None
    module = getattr(value, "__module__", None)
    return f"{module}.{name}" if isinstance(module, str) else name
