"""Pages of runs, and the tokens that say where the next one begins: the place of the last run
shown, not a count of runs.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Union

from fitprint.entities import RunRecord
from fitprint.errors import QueryError
from fitprint.query.expressions import Field, Query
from fitprint.query.fields import kind

if TYPE_CHECKING:
    from fitprint.registered import ModelVersionRecord
    from fitprint.stores.protocol import ModelRegistry, Store

__all__ = [
    "Place",
    "SortColumn",
    "SortValue",
    "columns",
    "every_run",
    "every_version",
    "place",
    "token",
]

SortValue = Union[float, int, str, None]
Place = list[SortValue]  # a run's value in each column of an ordering, then its id


class SortColumn(NamedTuple):
    """What an ordering compares: numbers or texts, with missing ones last in both directions."""

    field: Field
    text: bool
    descending: bool


def every_run(store: Store, query: Query, page_size: int = 500) -> Iterator[RunRecord]:
    """Yield all runs that match, page by page."""
    token = None
    while True:
        page = store.search_runs(query, limit=page_size, token=token)
        yield from page.runs
        token = page.token
        if token is None:
            return


def every_version(
    registry: ModelRegistry, query: Query, page_size: int = 1000
) -> Iterator[ModelVersionRecord]:
    """Yield all versions of registered models that match, page by page."""
    token = None
    while True:
        page = registry.search(query, limit=page_size, token=token)
        yield from page.versions
        token = page.token
        if token is None:
            return


def columns(query: Query) -> Sequence[SortColumn]:
    """Return the columns of the query's ordering; an item of params has two, its numbers and then
    its texts.
    """
    result = []
    for item in query.order:
        if item.field.entity == "param":
            result.append(SortColumn(item.field, text=False, descending=item.descending))
        result.append(
            SortColumn(
                item.field, text=kind(item.field) in ("text", "param"), descending=item.descending
            )
        )
    return result


def token(query: Query, last: Place) -> str:
    """Return the token of the page after the run at ``last``."""
    return base64.urlsafe_b64encode(json.dumps([_mark(query), *last]).encode()).decode().rstrip("=")


def place(query: Query, token: str) -> Place:
    """Return the place that :func:`token` was given.

    Raises:
        QueryError: the token belongs to another query, or is none at all.
    """
    expected: list[type | tuple[type, ...]] = [
        str if column.text else (int, float) for column in columns(query)
    ]
    try:
        mark: object
        last: Place
        mark, *last = json.loads(
            base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        )
    except (ValueError, TypeError):
        mark, last = None, []
    if (
        mark != _mark(query)
        or len(last) != len(expected) + 1
        or not isinstance(last[-1], str)
        or not all(
            value is None or isinstance(value, types)
            for value, types in zip(last, expected, strict=False)
        )
    ):
        raise QueryError("this page token belongs to another query; ask for the first page again")
    return last


def _mark(query: Query) -> int:
    return zlib.crc32(repr(query).encode(errors="backslashreplace"))
