"""Rows and records: how each part of a run lies in its table."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from operator import attrgetter
from typing import Any, TypeVar

from fitprint.clock import EARLIEST, LATEST
from fitprint.entities import PROVENANCES, STATUSES, MetricSummary, Param
from fitprint.stores.folding import LOST_AFTER
from fitprint.stores.sql import damage
from fitprint.stores.values import number_of, text_of

__all__ = [
    "JSON_FUNCTION",
    "SUMMARY_COLUMNS",
    "Deflated",
    "Lazy",
    "facts",
    "json_text",
    "life",
    "packed",
    "param",
    "param_row",
    "run_columns",
    "status_column",
    "storable",
    "summary",
    "summary_row",
    "unpacked",
]

_Value = TypeVar("_Value")


def storable(text: str) -> str:
    """Return the text without what databases refuse: NUL and lone surrogates, spelled out as
    escapes.
    """
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
    if provenance not in PROVENANCES:
        raise ValueError(f"the provenance {provenance!r}")
    return Param(
        value=_READERS[kind](number, damage.text(text)),
        provenance=provenance,
        spilled=damage.text_or_none(spilled),
    )


_READERS: dict[str, Any] = {
    "str": lambda _, text: text,
    "float": lambda _, text: float(text),  # exact, and it knows NaN and the sign of zero
    "int": lambda _, text: int(text),
    "bool": lambda _, text: text == "True",
    "none": lambda *_: None,
    "json": lambda _, text: json.loads(text),
}


_SUMMARY: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "last": ("last", damage.real),
    "last_step": ("last_step", damage.number),
    "last_time": ("last_time", damage.time),
    "min": ("least", damage.real),
    "min_step": ("least_step", damage.number),
    "max": ("most", damage.real),
    "max_step": ("most_step", damage.number),
    "first": ("first", damage.real),
    "count": ("points", damage.number),
    "goal": ("goal", damage.goal),
}
SUMMARY_COLUMNS = tuple(column for column, _ in _SUMMARY.values())

summary_row = attrgetter(*_SUMMARY, "best")
"""Return the columns of :data:`SUMMARY_COLUMNS`, and then "best", of a summary."""


def summary(row: tuple[Any, ...]) -> MetricSummary:
    """Return the summary whose columns, those of :data:`SUMMARY_COLUMNS`, end ``row``."""
    values = zip(_SUMMARY.items(), row[-len(_SUMMARY) :], strict=True)
    return MetricSummary(**{field: check(value) for (field, (_, check)), value in values})


_NO: Any = type(None)
_RUN: dict[str, tuple[str, tuple[type, ...], Callable[[Any], Any]]] = {
    "id": ("r.id", (str,), damage.text),
    "name": ("r.name", (str,), damage.text),
    "experiment": ("e.name", (str,), damage.text),
    "status": ("{status}", (str,), damage.status),
    "start_time": ("r.start_time", (int,), damage.time),
    "end_time": ("r.end_time", (int, _NO), damage.time_or_none),
    "last_time": ("r.last_time", (int,), damage.time),
    "parent_id": ("r.parent_id", (str, _NO), damage.text_or_none),
    "kind": ("r.kind", (str,), damage.text),
    "error": ("r.error", (str, _NO), damage.text_or_none),
    "deleted_time": ("r.deleted_time", (int, _NO), damage.time_or_none),
}
_COLUMNS = ", ".join(column for column, _, _ in _RUN.values())
_STATUS = (
    "CASE WHEN r.status = 'RUNNING' AND (SELECT j.heard FROM fp_journals j WHERE j.journal "
    "= r.owner) < {} THEN 'LOST' ELSE r.status END"
)
_STEP = 10_000_000  # microseconds for which a statement is the same, so that databases know it


def status_column(now: int) -> str:
    """Return the expression of a run's status: an open run is LOST where its writer was not heard
    of for long, by the database's clock.
    """
    return _STATUS.format((now - round(LOST_AFTER * 1_000_000)) // _STEP * _STEP)


def run_columns(now: int) -> str:
    """Return the columns of a run's own row, as :func:`life` takes them, by the database's
    clock.
    """
    return _COLUMNS.format(status=status_column(now))


# the types that a sound row may have
_SOUND = frozenset(product(*(types for _, types, _ in _RUN.values())))
_TIMES = ("start_time", "end_time", "last_time", "deleted_time")


def life(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return what the columns :func:`run_columns` of a run's own row say, by the names of a record,
    each found to be what it should be.
    """
    found = dict(zip(_RUN, row, strict=True))
    if tuple(map(type, row)) in _SOUND and found["status"] in STATUSES:
        times = [found[name] for name in _TIMES]
        if all(at is None or EARLIEST <= at <= LATEST for at in times):
            # as nearly always: many runs are looked at, and one by one their columns take several
            # times as long
            return found
    return {name: check(found[name]) for name, (_, _, check) in _RUN.items()}


class Deflated(bytes):
    """JSON that :func:`packed` deflated; a database whose SQL cannot inflate keeps :attr:`json`,
    which is read as well.
    """

    __slots__ = ()

    @property
    def json(self) -> bytes:
        """The JSON itself."""
        return zlib.decompress(self)


def packed(content: Any) -> bytes:
    """Return JSON as bytes, deflated if it is long."""
    text = json.dumps(content, separators=(",", ":")).encode()
    return Deflated(zlib.compress(text, 6)) if len(text) > 300 else text


def facts(content: bytes) -> dict[str, Any]:
    """Return the object that the bytes hold."""
    found = unpacked(content)
    if not isinstance(found, dict):
        raise TypeError(f"{str(found)[:60]!r} in place of facts")
    return found


def unpacked(content: bytes) -> Any:
    # no JSON begins with an x
    return json.loads(zlib.decompress(content) if content[:1] == b"x" else content)


JSON_FUNCTION = "fitprint_json"
"""The name of :func:`json_text` in SQL."""


def json_text(content: Any) -> str | None:
    """Return the text of what :func:`packed` packed."""
    if not isinstance(content, bytes):
        return None
    return (
        zlib.decompressobj().decompress(content, 1 << 30) if content[:1] == b"x" else content
    ).decode()


class Lazy(Mapping[str, _Value]):
    """A mapping whose values are made of what the database gave when they are asked for: a page of
    runs shows few of them.
    """

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
