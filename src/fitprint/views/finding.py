"""Which run somebody means who names one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fitprint import clock
from fitprint.arguments import nearest, shown, suggested
from fitprint.entities import RunRecord
from fitprint.errors import AmbiguousRunError, FitprintError, RunNotFoundError
from fitprint.ids import short_id
from fitprint.query.expressions import And, Comparison, Expression, Field, Order
from fitprint.query.grammar import parse
from fitprint.views.ranking import Goals, own_metric
from fitprint.views.wording import age, clean, number

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["WORDS", "FoundRun", "find_only", "find_run", "in_trash", "listed"]

WORDS = (
    "id, beginning or end of one, name, @last, @last:NAME, @best, @best:METRIC, "
    "@best:METRIC:FILTER or #tag"
)
"""What names a run, for help and messages."""

_MOST_CANDIDATES = 5
_NEWEST = 200  # runs whose names are looked at for a mistyped one
_NAME = Field("attribute", "name")
_TOP = And(
    (
        Comparison(Field("attribute", "parent_id"), "is null"),
        # what `fitprint data add` records is no training, nor is what a server counts
        Comparison(Field("attribute", "kind"), "!=", "data"),
        Comparison(Field("attribute", "kind"), "!=", "monitor"),
    )
)


class FoundRun(NamedTuple):
    """A run that was named.

    Attributes:
        record: the run.
        namesakes: whether others, older ones, have the same name, by which it was asked for.
    """

    record: RunRecord
    namesakes: bool = False


def find_run(store: Store, name: Any, judged_by: Sequence[str] = ()) -> FoundRun:
    """Return the run that is named by its id, the beginning or the end of that (from 4 digits on),
    its name, or what it is.

    Of several runs of one name the newest is meant. What is in the trash stands in nobody's way,
    and is found where nothing else has the name. ``@last`` is the newest run without a parent, but
    of `fitprint data` and `fitprint monitor`, ``@last:NAME`` the newest of that name,
    ``@best:METRIC`` the one with the best last value of a metric (as the metric's goal says),
    ``@best:METRIC:FILTER`` the best of those that match, ``@best`` the best by the first metric of
    ``judged_by`` that any run has, or by the tag ``metric`` of the experiments, if they agree;
    ``#key`` is the newest run with a tag of that name, ``#key=value`` the newest with that tag.

    Raises:
        RunNotFoundError: there is none.
        AmbiguousRunError: it is the beginning or the end of several ids; the message lists runs.
        QueryError: the filter cannot be understood.
        FitprintError: the name is no text.
    """
    if not isinstance(name, str) or not name:  # an empty text is the beginning of every id
        raise FitprintError(f"a run is named by a text ({WORDS}), not by {shown(name)}")
    if name == "@last" or name.startswith("@last:"):
        return FoundRun(_last(store, name[6:]))
    if name == "@best" or name.startswith("@best:"):
        return FoundRun(_best(store, name[6:], judged_by))
    if name.startswith("#") and len(name) > 1:
        return FoundRun(_tagged(store, name[1:]))
    found = store.resolve(name)
    if name in found:
        return FoundRun(store.run(name))
    if not found:
        raise RunNotFoundError(
            f"no run has the name or id {shown(name)} in {store.uri}{_like(store, name)}; "
            "`fitprint ls` lists runs"
        )
    records = [store.run(run_id) for run_id in found]
    records = [record for record in records if record.deleted_time is None] or records
    by_id = [record for record in records if record.name != name]
    if len(by_id) > 1:
        raise AmbiguousRunError(
            f"{shown(name)} is part of several run ids: {listed(by_id)}; give more digits"
        )
    return FoundRun((by_id or records)[0], namesakes=not by_id and len(records) > 1)


def find_only(store: Store, name: Any, judged_by: Sequence[str] = ()) -> RunRecord:
    """Return the run that is named, where it is the only one of its name: for what cannot be looked
    at again before it is done.

    Raises:
        AmbiguousRunError: several runs have the name, or a part of an id that is given; the message
            lists them.
        RunNotFoundError, QueryError, FitprintError: as :func:`find_run` does.
    """
    found = find_run(store, name, judged_by)
    if found.namesakes:
        same = [
            record for record in map(store.run, store.resolve(name)) if record.deleted_time is None
        ] or [found.record]
        raise AmbiguousRunError(
            f"several runs are called {shown(name)}: {listed(same)}; say which by its id, or the "
            f"newest by @last:{clean(name)}"
        )
    return found.record


def _like(store: Store, name: str) -> str:
    """Return a guess at what was meant, among the words and the names of the newest runs."""
    newest = store.search_runs(parse(""), limit=_NEWEST).runs
    return nearest(name, ["@last", "@best", *dict.fromkeys(run.name for run in newest)])


def in_trash(store: Store, name: Any) -> RunRecord | None:
    """Return the newest run of this name in the trash, where live ones may have the name, too."""
    if not isinstance(name, str):
        return None  # whoever looks among all runs says what is wrong
    return _first(store, Comparison(_NAME, "=", name), deleted=True)


def listed(records: Sequence[RunRecord]) -> str:
    """Return the runs in words: the end of the id, name, age and metric of each."""
    now = clock.now()
    told = []
    for record in records[:_MOST_CANDIDATES]:
        metric = own_metric(record)
        value = "" if metric is None else f", {clean(metric)} {number(record.metrics[metric].last)}"
        told.append(
            f"{short_id(record.id)} ({clean(record.name)}, {age((now - record.start_time) / 1e6)} "
            f"ago{value})"
        )
    return "; ".join(told) + (" and more" if len(records) > _MOST_CANDIDATES else "")


def _last(store: Store, name: str) -> RunRecord:
    record = _first(store, Comparison(_NAME, "=", name) if name else _TOP)
    if record is None:
        what = f"no run is called {shown(name)}" if name else "there is no run yet"
        raise RunNotFoundError(f"{what} in {store.uri}; `fitprint ls` lists runs")
    return record


def _tagged(store: Store, tag: str) -> RunRecord:
    key, sign, value = tag.partition("=")
    if not key:
        raise FitprintError(f"write the tag's name before the =: #key=value, not #{shown(tag)}")
    record = _first(
        store,
        Comparison(Field("tag", key), "=", value)
        if sign
        else Comparison(Field("tag", key), "is not null"),
    )
    if record is None:
        raise RunNotFoundError(
            f"no run has the tag {shown(tag)}{nearest(key, store.keys().tags)}; "
            f"`fitprint tag RUN {tag}` sets one"
        )
    return record


def _best(store: Store, rest: str, judged_by: Sequence[str]) -> RunRecord:
    known = store.keys().metrics
    if not rest:
        of_experiments = {*Goals.told((), store.experiments()).of_experiments.values()}
        agreed = judged_by or (of_experiments.pop() if len(of_experiments) == 1 else ())
        names = [name for name in agreed if name in known]
        if not names and agreed:
            raise FitprintError(
                f"no run has a metric {shown(agreed[0])} by which to judge "
                f"runs{suggested(agreed[0], known)}"
            )
        if not names:
            raise FitprintError(
                "@best needs a metric: @best:METRIC, or the setting `metric` (metric = ['val_auc'] "
                "in [tool.fitprint])"
            )
        metric, condition = names[0], ""
    else:  # a metric's name may have colons of its own
        fitting = [key for key in known if rest == key or rest.startswith(f"{key}:")]
        if not fitting:
            metric = rest.partition(":")[0]
            raise RunNotFoundError(f"no run has a metric {shown(metric)}{suggested(metric, known)}")
        metric = max(fitting, key=len)
        condition = rest[len(metric) + 1 :]
    field = Field("metric", metric)
    is_number = (Comparison(field, ">", float("-inf")), Comparison(field, "<", float("inf")))
    wanted = parse(condition).where
    where = And(is_number if wanted is None else (*is_number, wanted))
    some = _first(store, where)
    if some is None:
        matching = f" that match {shown(condition)}" if condition else ""
        raise RunNotFoundError(
            f"there are no runs{matching} with a number for the metric {shown(metric)}"
        )
    best = _first(store, where, Order(field, descending=some.metrics[metric].goal == "max"))
    return some if best is None else best


def _first(
    store: Store, where: Expression, *order: Order, deleted: bool = False
) -> RunRecord | None:
    """Return the first run that meets a condition, in this order and then the newest; None if there
    is none.
    """
    query = parse("", deleted="only" if deleted else "exclude")
    found = store.search_runs(
        replace(query, where=where, order=(*order, *query.order)), limit=1
    ).runs
    return found[0] if found else None
