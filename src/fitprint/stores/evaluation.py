"""Queries evaluated on records in plain Python: the meaning with which every other store agrees."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from functools import cmp_to_key, partial
from typing import Any, Protocol

from fitprint.query.expressions import And, Comparison, Expression, Field, Not, Operator, Query
from fitprint.stores import paging
from fitprint.stores.paging import Place, SortColumn
from fitprint.stores.values import number_of, text_of, texts_equal_to

__all__ = ["Searched", "is_wanted", "matches", "order", "page", "place_of"]

_POSITIVE: dict[Operator, Operator] = {
    "!=": "=",
    "not in": "in",
    "not like": "like",
    "not ilike": "ilike",
}
_ORDERINGS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Searched(Protocol):
    """What a query is evaluated on, a run or a version of a registered model; its attributes have
    the names of the query's.
    """

    @property
    def id(self) -> str: ...
    @property
    def params(self) -> Mapping[str, Any]: ...
    @property
    def metrics(self) -> Mapping[str, Any]: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def datasets(self) -> Sequence[Any]: ...


def is_wanted(query: Query, deleted_time: int | None) -> bool:
    """Tell whether the query asks for what was removed at this time, or never."""
    return query.deleted == "include" or (deleted_time is not None) == (query.deleted == "only")


def page(query: Query, places: Iterable[Place], token: str | None) -> list[Place]:
    """Return the places in the query's order, those behind the token's.

    Raises:
        QueryError: the token is none of this query.
    """
    columns = paging.columns(query)
    found = sorted(places, key=cmp_to_key(partial(order, columns)))
    if token is None:
        return found
    start = paging.place(query, token)
    return [place for place in found if order(columns, place, start) > 0]


def matches(where: Expression | None, run: Searched) -> bool:
    """Return whether the run fulfils the condition; None is fulfilled by every run."""
    if where is None:
        return True
    if isinstance(where, Comparison):
        return _compare(where, _values(where.field, run))
    if isinstance(where, Not):
        return not matches(where.part, run)
    results = (matches(part, run) for part in where.parts)
    return all(results) if isinstance(where, And) else any(results)


def place_of(run: Searched, columns: Sequence[SortColumn]) -> Place:
    """Return the run's place in the ordering: its value in each column (None: missing or NaN), then
    its id.
    """
    place: Place = []
    for column in columns:
        found = _values(column.field, run)
        value = found[0] if found else None
        if column.field.entity == "param" and found:
            number = number_of(value)
            value = number if not column.text else text_of(value) if number is None else None
        place.append(None if _is_nan(value) else value)
    return [*place, run.id]


def order(columns: Sequence[SortColumn], one: Place, other: Place) -> int:
    """Return less than 0, 0 or more than 0 as ``one`` comes before ``other``, is it, or comes after
    it.
    """
    # the id, which comes last, has no column
    for column, left, right in zip(columns, one, other, strict=False):
        if left == right:
            continue
        if left is None or right is None:
            return 1 if left is None else -1
        # a column holds one type
        return -1 if (left < right) != column.descending else 1  # type: ignore[operator]
    return (str(one[-1]) > str(other[-1])) - (str(one[-1]) < str(other[-1]))


def _values(field: Field, run: Searched) -> Sequence[Any]:
    """Return what the run has for a field: nothing, one value, or for data sets any number."""
    if field.entity == "metric":
        return (
            (getattr(run.metrics[field.key], field.aggregate),) if field.key in run.metrics else ()
        )
    if field.entity == "param":
        return (run.params[field.key].value,) if field.key in run.params else ()
    if field.entity == "tag":
        return (run.tags[field.key],) if field.key in run.tags else ()
    if field.entity == "dataset":
        return [getattr(dataset, field.key) for dataset in run.datasets]
    value = getattr(run, field.key) if field.key != "duration" else _duration(run)
    if isinstance(value, tuple):  # the aliases of a version
        return value
    return () if value is None else (value,)


def _duration(run: Any) -> float | None:
    return None if run.end_time is None else (run.end_time - run.start_time) / 1e6


def _compare(comparison: Comparison, values: Sequence[Any]) -> bool:
    if comparison.operator == "is null":
        return not values
    if comparison.operator == "is not null":
        return bool(values)
    positive = _POSITIVE.get(comparison.operator)
    if positive is None:
        return any(
            _holds(comparison.field, comparison.operator, comparison.value, value)
            for value in values
        )
    return any(not _holds(comparison.field, positive, comparison.value, value) for value in values)


def _holds(field: Field, sign: Operator, literal: Any, value: Any) -> bool:
    if sign == "in":
        return any(_holds(field, "=", item, value) for item in literal)
    if sign in {"like", "ilike"}:
        text, pattern = text_of(value), literal
        if sign == "ilike":
            text, pattern = text.lower(), pattern.lower()
        return _is_like(text, pattern)
    if sign == "=":
        if field.entity == "param":
            texts = texts_equal_to(literal)
            return text_of(value) in texts if texts else number_of(value) == literal
        return bool(value == literal) or (_is_nan(literal) and _is_nan(value))
    number = number_of(value)
    return number is not None and bool(_ORDERINGS[sign](number, literal))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_like(text: str, pattern: str) -> bool:
    """Tell whether a text fulfils a pattern of ``%`` (anything) and ``_`` (one character).

    Each part between two ``%`` is taken where it comes first: to try the later places, as a regular
    expression does, takes time without bound and finds nothing else.
    """
    first, *others = pattern.split("%")
    if not others:
        return len(text) == len(first) and _fits(text, 0, first)
    *middle, last = others
    end = len(text) - len(last)
    at = len(first)
    if at > end or not _fits(text, 0, first) or not _fits(text, end, last):
        return False
    for part in middle:
        found = _find(text, part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _find(text: str, part: str, at: int, end: int) -> int:
    if "_" not in part:
        return text.find(part, at, end)
    return next((place for place in range(at, end - len(part) + 1) if _fits(text, place, part)), -1)


def _fits(text: str, at: int, part: str) -> bool:
    if "_" not in part:
        return text.startswith(part, at)
    return all(
        wanted in ("_", found)
        for wanted, found in zip(part, text[at : at + len(part)], strict=True)
    )
