"""The views that a store with SQL shows, the same on every such store: one for each kind of fact,
with a row for each fact.

Ids are texts. Times are ISO 8601 in UTC, to the millisecond, such as ``2026-11-27T16:46:00.000Z``;
SQL's own functions for dates read them, and they sort as texts. Durations are seconds. NaN is null.
Runs in the trash are there, too: ``deleted_time IS NULL`` leaves them out. Facts about data and
models, and documents, are JSON: ``json_extract(facts, '$.shape[0]')`` takes a part of one.

The points of metrics are in no view, for they are packed: a metric's row says how it began, ended,
and what was best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any

from fitprint.errors import FitprintError, QueryError

__all__ = ["HINT", "VIEWS", "QueryResult", "View", "query_result"]

_MOST_BYTES = 1 << 26  # of texts in all rows


@dataclass(frozen=True, slots=True)
class View:
    """A view: its name, what a row is, and what each column holds."""

    name: str
    row: str
    columns: Mapping[str, str]


_RUN = "the run's id"
_MODEL = "the name of the registered model"

VIEWS: Sequence[View] = (
    View(
        "runs",
        "a run",
        {
            "id": "32 hexadecimal digits",
            "name": "its name",
            "experiment": "the present name of its experiment",
            "status": "RUNNING, FINISHED, FAILED or KILLED",
            "start_time": "when it began",
            "end_time": "when it ended; null while it goes on",
            "duration": "seconds from begin to end",
            "parent_id": "the id of the run that it is part of; null if it is part of none",
            "kind": "user, fit, search, candidate ...",
            "error": "the traceback of what it failed with",
            "last_time": "when it last recorded something",
            "deleted_time": "when it went to the trash; null if it is not there",
        },
    ),
    View(
        "params",
        "a parameter of a run",
        {
            "run_id": _RUN,
            "key": "the parameter's name",
            "value": (
                "a number or a text; True and False are texts, lists and dicts are JSON, "
                "None is null, and so is NaN"
            ),
            "type": "str, int, float, bool, none or json",
            "provenance": "set, config, default or resolved",
            "artifact": "where the value is only a preview: the run's artifact that has all of it",
        },
    ),
    View(
        "metrics",
        "a metric of a run",
        {
            "run_id": _RUN,
            "key": "the metric's name",
            "last": "the value that was logged last",
            "last_step": "its step",
            "last_time": "when it was logged",
            "first": "the value that was logged first",
            "min": "the least value",
            "min_step": "its step",
            "max": "the greatest value",
            "max_step": "its step",
            "best": "the least or the greatest value, as the goal says",
            "best_step": "its step",
            "goal": "min or max",
            "count": "the number of points",
        },
    ),
    View("tags", "a tag of a run", {"run_id": _RUN, "key": "the tag's name", "value": "its text"}),
    View(
        "datasets",
        "data that a run used",
        {
            "run_id": _RUN,
            "name": "a short name, such as X",
            "role": "train, eval, test ...",
            "digest": "of the content; empty where none was taken",
            "facts": "JSON: shape, dtypes, schema ...",
        },
    ),
    View(
        "models",
        "a model that a run recorded",
        {
            "run_id": _RUN,
            "path": "where it is inside the run",
            "flavor": "sklearn, xgboost ...",
            "digest": "over its files",
            "facts": "JSON: class, size, signature, requirements ...",
        },
    ),
    View(
        "artifacts",
        "a file of a run",
        {
            "run_id": _RUN,
            "path": "where it is inside the run",
            "digest": "of its bytes",
            "size": "the number of its bytes",
        },
    ),
    View(
        "documents",
        "a JSON document of a run",
        {"run_id": _RUN, "name": "capture, environment, note ...", "content": "JSON"},
    ),
    View(
        "experiments",
        "an experiment",
        {
            "id": "32 hexadecimal digits",
            "number": "a short number of this store",
            "name": "its present name",
            "note": "what somebody wrote down about it",
            "created": "when it was made, or its first run began",
            "archived_time": "when it went to the archive; null if it is not there",
            "run_count": "the number of its runs outside the trash",
        },
    ),
    View(
        "experiment_tags",
        "a tag of an experiment",
        {"experiment_id": "the experiment's id", "key": "the tag's name", "value": "its text"},
    ),
    View(
        "decisions",
        "an act of a person, such as a removal, and what became of it",
        {
            "id": "the act's id",
            "act": "RunDeleted, ExperimentRenamed, AliasMoved ...",
            "subject": "run, experiment or registered model",
            "subject_id": "its id",
            "actor": "who did it",
            "requested_at": "when somebody asked for it",
            "decided_at": "when it was decided, by the store's clock",
            "refusal": "why it was refused; null where it was done",
            "version": (
                "of a registered model: the version that was made or changed, or to which "
                "an alias leads (0: to none)"
            ),
            "alias": "that was moved, approved for or given rules",
            "before": "the version to which the alias led before; 0: to none",
            "reason": "why, in the words of who did it",
            "about": "what was set",
        },
    ),
    View(
        "registered_models",
        "a registered model",
        {
            "id": "32 hexadecimal digits",
            "name": "its present name",
            "note": "what somebody wrote down about it",
            "created": "when it was made, or its first version was registered",
            "changed": "when something was done to it last",
            "latest": "the number of its newest version; null if it has none",
            "deleted_time": "when it was removed; null if it was not",
        },
    ),
    View(
        "registered_model_tags",
        "a tag of a registered model",
        {"name": _MODEL, "key": "the tag's name", "value": "its text"},
    ),
    View(
        "model_aliases",
        "an alias of a registered model",
        {"name": _MODEL, "alias": "its name", "version": "to which it leads"},
    ),
    View(
        "model_versions",
        "a version of a registered model",
        {
            "name": _MODEL,
            "version": "its number",
            "run_id": "the id of the run that recorded it; empty if none is known",
            "path": "where it was inside the run",
            "flavor": "sklearn, xgboost ...",
            "digest": "over its files",
            "facts": "JSON: class, size, signature, requirements ...",
            "created": "when it was registered",
            "actor": "who registered it",
            "note": "what somebody wrote down about it",
            "stage": "None, Staging, Production or Archived",
            "deleted_time": "when it was removed; null if it was not",
        },
    ),
    View(
        "model_version_tags",
        "a tag of a version of a registered model",
        {"name": _MODEL, "version": "its number", "key": "the tag's name", "value": "its text"},
    ),
)


HINT = (
    "`fitprint query` without SQL shows the columns of the views: "
    f"{', '.join(view.name for view in VIEWS)}"
)
"""What to do for somebody who names what is no view."""


@dataclass(frozen=True, slots=True, repr=False)
class QueryResult:
    """The rows that a statement of SQL gave; going through it goes through the rows.

    Attributes:
        columns: their names, each once: a second ``id`` is called ``id_2``.
        rows: tuples of None, int, float, str and bytes.
        more: whether there are more rows than were asked for.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool = False

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return (
            f"QueryResult({len(self)} "
            f"{'row' if len(self) == 1 else 'rows'}{' of more' if self.more else ''}: "
            f"{', '.join(self.columns)})"
        )

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame``.

        Raises:
            FitprintError: pandas is not installed.
        """
        pandas = _library("pandas")
        return pandas.DataFrame.from_records(self.rows, columns=list(self.columns))

    def to_polars(self) -> Any:
        """Return a ``polars.DataFrame``; a column of numbers and texts becomes one of texts.

        Raises:
            FitprintError: polars is not installed.
        """
        polars = _library("polars")
        columns = zip(
            self.columns,
            zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns),
            strict=True,
        )
        return polars.DataFrame({name: _of_one_type(values) for name, values in columns})


def query_result(names: Sequence[str], rows: Iterable[tuple[Any, ...]], limit: int) -> QueryResult:
    """Take at most so many rows of an answer, and see whether there is another.

    Raises:
        QueryError: they hold too much text.
    """
    taken: list[tuple[Any, ...]] = []
    size = 0
    for row in islice(rows, limit + 1):
        for value in row:
            if value.__class__ is str or value.__class__ is bytes:
                size += len(value)
        if size > _MOST_BYTES:
            raise QueryError(
                f"the rows hold more than {_MOST_BYTES >> 20} MB of text; select fewer columns "
                "or rows"
            )
        taken.append(row)
    return QueryResult(tuple(_distinct(names)), taken[:limit], more=len(taken) > limit)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise FitprintError(f"this needs {name}: pip install {name}") from None


def _of_one_type(values: Sequence[Any]) -> list[Any]:
    """Return the values as floats where some are, as texts where they are of several types."""
    kinds = {type(value) for value in values} - {type(None)}
    if len(kinds) < 2:
        return list(values)
    kind = float if kinds == {int, float} else str
    return [None if value is None else kind(value) for value in values]


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """Yield the names, with a number behind one that was there before."""
    seen: Counter[str] = Counter()
    taken = set(names)
    for name in names:
        seen[name] += 1
        chosen = name
        while seen[name] > 1 and chosen in taken:
            chosen = f"{name}_{seen[name]}"
            seen[name] += chosen in taken
        taken.add(chosen)
        yield chosen
