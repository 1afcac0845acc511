"""Which runs a listing shows, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal

from fitprint.arguments import shown, suggested
from fitprint.entities import RunRecord
from fitprint.errors import FitprintError, QueryError
from fitprint.query.expressions import And, Comparison, Expression, Field, Not, Query
from fitprint.query.fields import AGGREGATES, ENTITIES, attribute
from fitprint.query.grammar import parse
from fitprint.stores.paging import every_run
from fitprint.views.saved import joined

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["Selected", "has_parts", "matching", "ordering", "question", "sort_keys", "tree"]

_PAGE = 500
_HEADINGS = {"age": "start_time", "time": "duration"}
_EXPERIMENT = Field("attribute", "experiment")
_NO_CHILD = Comparison(Field("attribute", "parent_id"), "is null")


@dataclass(frozen=True, slots=True)
class Selected:
    """A run to list: how deep below a listed parent it stands, and how many children it has that
    are not listed.
    """

    run: RunRecord
    depth: int = 0
    folded: int = 0


def ordering(store: Store, text: str) -> list[str]:
    """Return ``-val_auc,lr`` as the items of an ordering: a dash means descending; names without a
    prefix are looked up.

    Raises:
        FitprintError: no run has such a key.
    """
    return [_order(store, item.strip()) for item in text.split(",") if item.strip()]


def _order(store: Store, item: str) -> str:
    name, direction = (item[1:].strip(), " desc") if item.startswith("-") else (item, "")
    if name in _HEADINGS:  # as the table calls them; the youngest run began last
        turned = (name == "age") != bool(direction)
        return f"{_HEADINGS[name]}{' desc' if turned else ''}"
    key = name.removesuffix(" asc").removesuffix(" desc")
    if attribute(key):
        return name + direction
    keys = store.keys()
    for entity, known in (("metrics", keys.metrics), ("params", keys.params), ("tags", keys.tags)):
        if key in known:
            quoted = key.replace("`", "``")
            return f"{entity}.`{quoted}`{name[len(key) :]}{direction}"
    prefix = re.split(r"[.(]", key)[0].lower()
    if (prefix in ENTITIES and "." in key) or (prefix in AGGREGATES and "(" in key):
        return name + direction
    from difflib import get_close_matches

    near = get_close_matches(key, [*keys.metrics, *keys.params, *keys.tags], 1)
    hint = (
        f"did you mean {near[0]!r}?"
        if near
        else "sort by a metric, a parameter, a tag, or by name, status, start_time, duration"
    )
    raise FitprintError(f"no run has a metric, parameter or tag {key!r} to sort by; {hint}")


def question(
    store: Store,
    filter_string: str,
    order_by: Sequence[str] = (),
    experiments: Sequence[str] | str | None = None,
    *,
    deleted: Literal["exclude", "only"] = "exclude",
    parts: bool = False,
) -> Query:
    """Return a filter as what a store answers.

    Args:
        store: the one that is asked: it knows which keys there are.
        filter_string: in the language of filters.
        order_by: what :func:`ordering` returns.
        experiments: names of experiments; all by default.
        deleted: whether it is about the trash.
        parts: return runs that are part of another one, too; a filter with ``parent_id`` asks for
            them by itself.

    Raises:
        QueryError: filter or ordering cannot be understood, or no run has a metric, a parameter, a
            tag or an experiment that the filter names (``is null`` may ask for what no run has).
    """
    query = parse(filter_string, order_by=order_by, experiments=experiments, deleted=deleted)
    if query.where is not None:
        _check_keys(store, query.where)
    if parts:
        return query
    if query.where is None:
        return replace(query, where=_NO_CHILD)
    if any(comparison.field == _NO_CHILD.field for comparison in _comparisons(query.where)):
        return query
    return replace(query, where=And((_NO_CHILD, query.where)))


def matching(
    store: Store,
    filter_string: str,
    order_by: Sequence[str],
    experiment: str | None,
    *,
    limit: int | None,
    deleted: Literal["exclude", "only"] = "exclude",
    parts: bool = False,
) -> tuple[list[RunRecord], bool]:
    """Return the runs that match, and whether there are more of them than ``limit``; see
    :func:`question`.
    """
    query = question(store, filter_string, order_by, experiment, deleted=deleted, parts=parts)
    runs = every_run(store, query, _PAGE if limit is None else min(_PAGE, limit + 1))
    found = list(runs if limit is None else islice(runs, limit + 1))
    more = limit is not None and len(found) > limit
    return found[:limit], more


def has_parts(store: Store, filter_string: str, experiment: str | None = None) -> bool:
    """Tell whether runs that are part of another one match."""
    asked = joined(filter_string, "parent_id is not null")
    return bool(matching(store, asked, [], experiment, limit=1)[0])


def _check_keys(store: Store, where: Expression) -> None:
    """Refuse a filter with a key that no run has: it is mistyped, and nobody would know why no run
    matches.

    ``is null`` may ask for what no run has yet, such as a tag that is still to be set.
    """
    known = store.keys()
    names = {
        "metric": ("metric", known.metrics),
        "param": ("parameter", known.params),
        "tag": ("tag", known.tags),
    }
    if not any(keys for _, keys in names.values()):
        return
    for comparison in _comparisons(where):
        if comparison.operator == "is null":
            continue
        key = comparison.field.key
        word, keys = names.get(comparison.field.entity, ("", (key,)))
        if comparison.field == _EXPERIMENT and comparison.operator == "=":
            word, key, keys = (
                "experiment",
                str(comparison.value),
                [each.name for each in store.experiments()],
            )
        if key not in keys:
            elsewhere = next(
                (
                    f"; there is a {name} of this name"
                    for name, have in names.values()
                    if key in have
                ),
                "",
            )
            raise QueryError(
                f"no run has {'an' if word[0] in 'aeiou' else 'a'} {word} "
                f"{shown(key)}{elsewhere or suggested(key, keys)}"
            )


def _comparisons(where: Expression) -> Iterator[Comparison]:
    if isinstance(where, Comparison):
        yield where
    else:
        for part in (where.part,) if isinstance(where, Not) else where.parts:
            yield from _comparisons(part)


def sort_keys(order_by: Sequence[str]) -> list[Field]:
    """Return the metrics, parameters and tags by which an ordering sorts."""
    return [
        item.field
        for item in parse("", order_by=order_by).order
        if item.field.entity in ("metric", "param", "tag")
    ]


def tree(store: Store, runs: Sequence[RunRecord], *, unfold: bool) -> list[Selected]:
    """Return the runs, each followed by its children if ``unfold`` is set,
    else with their number.
    """
    listed: list[Selected] = []
    _add(store, runs, (), listed, unfold=unfold)
    return listed


def _add(
    store: Store,
    runs: Sequence[RunRecord],
    above: tuple[str, ...],
    listed: list[Selected],
    *,
    unfold: bool,
) -> None:
    counts = store.child_counts([run.id for run in runs])
    for run in runs:
        count = counts.get(run.id, 0)
        listed.append(Selected(run, len(above), 0 if unfold else count))
        if unfold and count and run.id not in above:  # a record may say that a run is below itself
            _add(store, store.children(run.id), (*above, run.id), listed, unfold=True)
