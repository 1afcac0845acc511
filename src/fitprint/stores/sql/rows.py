"""Rows and records: how each part of a run lies in its table."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from math import nan
from typing import Any, TypeVar

from fitprint.entities import MetricSummary, Param
from fitprint.stores.values import number_of, text_of

__all__ = ["Lazy", "packed", "param", "param_row", "storable", "summary", "summary_row", "unpacked"]

_Value = TypeVar("_Value")


def storable(text: str) -> str:
    """Return the text without what databases refuse: NUL and lone surrogates, spelled out as escapes."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def param_row(param: Param) -> tuple[Any, ...]:
    """Return the columns type, number, text, provenance and spilled."""
    value = param.value
    kind = "none" if value is None else type(value).__name__
    text = text_of(value)
    if kind not in _READERS or storable(text) != text:
        kind, text = "json", json.dumps(value, ensure_ascii=storable(text) != text)
    return kind, number_of(value), text, param.provenance, param.spilled and storable(param.spilled)


def param(row: tuple[Any, ...]) -> Param:
    """Return the parameter whose columns, type to spilled, end ``row``."""
    kind, number, text, provenance, spilled = row[-5:]
    return Param(text if kind == "str" else _READERS[kind](number, text), provenance, spilled)


_READERS: dict[str, Any] = {
    "str": lambda _, text: text,
    "float": lambda _, text: float(text),  # exact, and it knows NaN and the sign of zero
    "int": lambda _, text: int(text),
    "bool": lambda _, text: text == "True",
    "none": lambda *_: None,
    "json": lambda _, text: json.loads(text),
}


def summary_row(summary: MetricSummary) -> tuple[Any, ...]:
    """Return the columns last to best, in the order of the table."""
    return (
        summary.last,
        summary.last_step,
        summary.last_time,
        summary.min,
        summary.min_step,
        summary.max,
        summary.max_step,
        summary.first,
        summary.count,
        summary.goal,
        summary.best,
    )


def summary(row: tuple[Any, ...]) -> MetricSummary:
    """Return the summary whose columns, last to goal, end ``row``."""
    columns: list[Any] = [nan if value is None else value for value in row[-10:]]
    return MetricSummary(*columns)


def packed(content: Any) -> bytes:
    """Return JSON as bytes, deflated if it is long."""
    text = json.dumps(content, separators=(",", ":")).encode()
    return zlib.compress(text, 6) if len(text) > 300 else text


def unpacked(content: bytes) -> Any:
    return json.loads(zlib.decompress(content) if content[:1] == b"x" else content)  # no JSON begins with an x


class Lazy(Mapping[str, _Value]):
    """A mapping whose values are made of what the database gave when they are asked for: a page of runs shows few of them."""

    def __init__(self, raw: Mapping[str, Any], make: Callable[[Any], _Value]) -> None:
        self._raw = raw
        self._make = make

    def __getitem__(self, key: str) -> _Value:
        return self._make(self._raw[key])

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __repr__(self) -> str:
        return repr(dict(self))
