"""Rows and records: how each part of a run lies in its table."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import nan
from typing import Any, TypeVar, get_args

from fitprint.clock import EARLIEST, LATEST
from fitprint.entities import MetricSummary, Param, RunStatus
from fitprint.stores.sql import damage
from fitprint.stores.values import number_of, text_of

__all__ = ["Lazy", "facts", "life", "packed", "param", "param_row", "storable", "summary", "summary_row", "unpacked"]

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
    if provenance not in ("set", "default", "resolved"):
        raise ValueError(f"the provenance {provenance!r}")
    return Param(_READERS[kind](number, damage.text(text)), provenance, damage.text_or_none(spilled))


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
    last, last_step, last_time, least, least_step, most, most_step, first, points, goal = row[-10:]
    values = (last, least, most, first)
    if goal not in ("min", "max") or not all(value is None or type(value) is float for value in values):
        raise ValueError(f"the summary of a metric {row[-10:]!r}")
    steps = map(damage.number, (last_step, least_step, most_step, points))
    last, least, most, first = (nan if value is None else value for value in values)
    last_step, least_step, most_step, points = steps
    return MetricSummary(last, last_step, damage.time(last_time), least, least_step, most, most_step, first, points, goal)


def life(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the columns of a run's own row, from its id to its deletion, each found to be what it should be."""
    times = (*row[4:7], row[10])
    if tuple(map(type, row)) in _SOUND and row[3] in _STATUSES and all(at is None or EARLIEST <= at <= LATEST for at in times):
        return row  # as nearly always: many runs are looked at, and one by one their columns take several times as long
    run, name, experiment, status, start, end, last, parent, kind, error, deleted = row
    if status not in _STATUSES:
        raise ValueError(f"the status {status!r}")
    names = (damage.text(run), damage.text(name), damage.text(experiment), status)
    times = (damage.time(start), damage.time_or_none(end), damage.time(last))
    return (
        *names,
        *times,
        damage.text_or_none(parent),
        damage.text(kind),
        damage.text_or_none(error),
        damage.time_or_none(deleted),
    )


_STATUSES = get_args(RunStatus)
_NO: Any = type(None)
# The types that a sound row may have.
_SOUND = frozenset(product((str,), (str,), (str,), (str,), (int,), (int, _NO), (int,), (str, _NO), (str,), (str, _NO), (int, _NO)))


def packed(content: Any) -> bytes:
    """Return JSON as bytes, deflated if it is long."""
    text = json.dumps(content, separators=(",", ":")).encode()
    return zlib.compress(text, 6) if len(text) > 300 else text


def facts(content: bytes) -> dict[str, Any]:
    """Return the object that the bytes hold."""
    found = unpacked(content)
    if not isinstance(found, dict):
        raise TypeError(f"{str(found)[:60]!r} in place of facts")
    return found


def unpacked(content: bytes) -> Any:
    return json.loads(zlib.decompress(content) if content[:1] == b"x" else content)  # no JSON begins with an x


class Lazy(Mapping[str, _Value]):
    """A mapping whose values are made of what the database gave when they are asked for: a page of runs shows few of them."""

    def __init__(self, raw: Mapping[str, Any], make: Callable[[Any], _Value]) -> None:
        self._raw = raw
        self._make = make

    def __getitem__(self, key: str) -> _Value:
        raw = self._raw[key]
        with damage.told(f"the value of {key!r}"):
            return self._make(raw)

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __repr__(self) -> str:
        return repr(dict(self))
