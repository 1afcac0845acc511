"""Queries as SQL, for every database the same.

Each param, metric and tag that a query names is joined once (``j0``, ``j1`` ...); what a run lacks
is null there. A comparison may come out null; ``IS NOT TRUE`` around what is negated makes logic
two-valued, as the grammar promises.
"""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from fitprint.query.expressions import And, Comparison, Expression, Field, Not, Operator, Query
from fitprint.stores import paging
from fitprint.stores.paging import Place, SortColumn
from fitprint.stores.sql.driver import Driver
from fitprint.stores.sql.rows import status_column, storable
from fitprint.stores.values import number_of, texts_equal_to

__all__ = ["NO_KEY", "Ranked", "keys", "search", "search_versions"]

NO_KEY = -1
"""The number of a key that no run has."""

_TABLES = {"param": "fp_params", "metric": "fp_metrics", "tag": "fp_tags"}
_AGGREGATES = {
    "last": "last",
    "min": "least",
    "max": "most",
    "best": "best",
    "first": "first",
    "count": "points",
}
_ATTRIBUTES = {
    "experiment": "e.name",
    "duration": "CAST(r.end_time - r.start_time AS DOUBLE PRECISION) / 1000000",
}
_NULLABLE = ("end_time", "duration", "parent_id", "error", "run_id")
_POSITIVE: dict[Operator, Operator] = {
    "!=": "=",
    "not in": "in",
    "not like": "like",
    "not ilike": "ilike",
}
_JOIN = "JOIN {} {{0}} ON {{0}}.run = r.no AND {{0}}.key = ?"
_NEVER = "0 = 1"


class Ranked(NamedTuple):
    """Runs that have a rank in the index of the metric by which a query orders first.

    Attributes:
        experiments: the numbers of all that the query looks in.
        border: the last value that is wanted; None where all are.
    """

    experiments: Sequence[int]
    border: float | None


def search(
    query: Query,
    limit: int,
    after: Place | None,
    driver: Driver,
    key: Callable[[str], int],
    only: Ranked | Literal["RUNNING"] | None = None,
) -> tuple[str, list[Any]]:
    """Return a statement and its arguments; its rows are a run's number, its value in each column
    of the ordering, and its id.

    ``key`` returns the number of a key, or one that no key has; ``only`` says to which runs the
    search is confined, beside what the query says.
    """
    compiler = _Compiler(driver, key)
    conditions = ["r.experiment IS NOT NULL"]
    if isinstance(only, Ranked):
        conditions += compiler.ranked_by(query, only)
    elif only is not None:
        conditions.append(f"r.status = '{only}'")
    if query.deleted != "include":
        conditions.append(f"r.deleted_time IS {'NOT ' if query.deleted == 'only' else ''}NULL")
    if isinstance(only, Ranked):
        pass  # the index has the experiment
    elif query.experiments is not None:
        names = compiler.among(query.experiments) if query.experiments else "IS NULL"
        conditions.append(f"r.experiment IN (SELECT no FROM fp_experiments WHERE name {names})")
    elif query.deleted == "exclude":
        conditions.append(
            "r.experiment NOT IN (SELECT no FROM fp_experiments WHERE archived IS NOT NULL)"
        )
    if query.where is not None:
        conditions.append(compiler.condition(query.where))
    return compiler.statement(
        query,
        conditions,
        after,
        "r.no",
        "r.id",
        f"fp_runs r {{}} WHERE {{}} ORDER BY {{}} LIMIT {limit}",
    )


def search_versions(
    query: Query,
    limit: int,
    after: Place | None,
    driver: Driver,
    key: Callable[[str], int],
    removed: str,
) -> tuple[str, list[Any]]:
    """Return the same for versions of registered models; ``removed`` is an expression that is null
    for those that are there.
    """
    compiler = _VersionCompiler(driver, key)
    conditions = ["0 = 0"]
    if query.deleted != "include":
        conditions.append(f"{removed} IS {'NOT ' if query.deleted == 'only' else ''}NULL")
    if query.where is not None:
        conditions.append(compiler.condition(query.where))
    tables = (
        "fp_model_versions v JOIN fp_registered_models m ON m.no = v.model LEFT JOIN "
        "fp_runs r ON r.id = v.run AND r.experiment IS NOT NULL"
    )
    return compiler.statement(
        query,
        conditions,
        after,
        "v.no",
        "v.id",
        f"{tables} {{}} WHERE {{}} ORDER BY {{}} LIMIT {limit}",
    )


def keys(query: Query) -> set[str]:
    """Return the keys that the query names."""
    fields = {item.field for item in query.order}
    nodes = [] if query.where is None else [query.where]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Comparison):
            fields.add(node.field)
        elif isinstance(node, Not):
            nodes.append(node.part)
        else:
            nodes.extend(node.parts)
    return {field.key for field in fields if field.entity in _TABLES}


class _Compiler:
    """Collects joins and arguments while conditions are written; arguments must be asked for in the
    order of the text.
    """

    def __init__(self, driver: Driver, key: Callable[[str], int]) -> None:
        self.driver = driver
        self.key = key
        self.aliases: dict[tuple[str, str], str] = {}
        self.ranked: Field | None = None
        self.joins: list[str] = []
        self.join_arguments: list[int | str] = []
        self.arguments: list[Any] = []

    def statement(
        self,
        query: Query,
        conditions: list[str],
        after: Place | None,
        number: str,
        last: str,
        text: str,
    ) -> tuple[str, list[Any]]:
        """Return a statement and its arguments: ``text`` has places for joins, conditions and the
        ordering, which ends with ``last``.
        """
        columns = [(self.sorted_by(column), column) for column in paging.columns(query)]
        if after is not None:
            conditions.append(self.beyond(columns, after, last))
        order = []
        for name, column in columns:
            if self.nullable(column):
                order.append(f"{name} IS NULL")
            order.append(f"{name} DESC" if column.descending else name)
        rest = text.format(
            " ".join(self.joins), " AND ".join(conditions), ", ".join([*order, last])
        )
        statement = (
            f"SELECT {', '.join([number, *(name for name, _ in columns), last])} FROM {rest}"
        )
        return statement, [*self.join_arguments, *self.arguments]

    def ranked_by(self, query: Query, only: Ranked) -> list[str]:
        """Let the index lead to the runs, and return the conditions on it."""
        first = query.order[0]
        self.ranked = first.field
        self.join("metric", first.field.key, _JOIN.format("fp_metrics"))
        numbers = ", ".join(map(str, only.experiments))
        conditions = [f"j0.experiment IN ({numbers})", "j0.ranked IS NOT NULL"]
        if only.border is not None:
            sign = ">=" if first.descending else "<="
            conditions.append(f"j0.ranked {sign} {self.bound(only.border)}")
        return conditions

    def nullable(self, column: SortColumn) -> bool:
        return column.field != self.ranked and (
            column.field.entity != "attribute" or column.field.key in _NULLABLE
        )

    def condition(self, node: Expression) -> str:
        if isinstance(node, Comparison):
            return self.comparison(node)
        if isinstance(node, Not):
            return f"({self.condition(node.part)}) IS NOT TRUE"
        return (
            "("
            + (" AND " if isinstance(node, And) else " OR ").join(map(self.condition, node.parts))
            + ")"
        )

    def comparison(self, node: Comparison) -> str:
        if node.field.entity == "dataset":
            if node.operator == "is null":
                return "NOT EXISTS (SELECT 1 FROM fp_datasets d WHERE d.run = r.no)"
            return (
                f"EXISTS (SELECT 1 FROM fp_datasets d WHERE d.run = r.no AND {self.relation(node)})"
            )
        if node.field.entity in _TABLES:
            return self.driver.of_a_run(self.relation(node))
        return self.relation(node)

    def relation(self, node: Comparison) -> str:
        presence = self.presence(node.field)
        if node.operator == "is null":
            return f"{presence} IS NULL"
        if node.operator == "is not null":
            return f"{presence} IS NOT NULL"
        if positive := _POSITIVE.get(node.operator):
            return (
                f"({presence} IS NOT NULL AND "
                f"({self.positive(node.field, positive, node.value)}) IS NOT TRUE)"
            )
        return self.positive(node.field, node.operator, node.value)

    def positive(self, field: Field, operator: Operator, value: Any) -> str:
        if operator == "in":
            return "(" + " OR ".join(self.parts_of_list(field, value)) + ")"
        text = self.value(field, text=True)
        if operator in {"like", "ilike"}:
            condition, pattern = self.driver.like(
                text, storable(value), ignore_case=operator == "ilike"
            )
            self.arguments.append(pattern)
            return condition
        if operator == "=" and field.entity == "param" and (texts := texts_equal_to(value)):
            return f"{text} {self.among(texts)}"
        number = self.value(field, text=False)
        if isinstance(value, float) and math.isnan(value):
            return (
                f"({self.presence(field)} IS NOT NULL AND {number} IS NULL)"
                if operator == "="
                else _NEVER
            )
        return f"{number} {operator} {self.bound(value)}"

    def parts_of_list(self, field: Field, values: Sequence[Any]) -> Iterable[str]:
        """Yield conditions that together say "is one of": one for all numbers, one for all texts,
        one for NaN.
        """
        if field.entity != "param":
            plain = [
                value for value in values if not (isinstance(value, float) and math.isnan(value))
            ]
            if plain:
                yield f"{self.value(field, text=False)} {self.among(plain)}"
            if len(plain) < len(values):
                yield self.positive(field, "=", math.nan)
            return
        numbers = [value for value in values if not texts_equal_to(value)]
        if numbers:
            yield f"{self.value(field, text=False)} {self.among(numbers)}"
        texts = [text for value in values for text in texts_equal_to(value)]
        if texts:
            yield f"{self.value(field, text=True)} {self.among(texts)}"

    def sorted_by(self, column: SortColumn) -> str:
        name = self.value(column.field, text=column.text)
        if column.field.entity == "param" and column.text:
            return f"CASE WHEN {self.value(column.field, text=False)} IS NULL THEN {name} END"
        return name

    def beyond(self, columns: Sequence[tuple[str, SortColumn]], after: Place, last: str) -> str:
        """Return the condition that a run comes after a place: later in one column, and level in
        all columns before it.
        """
        if not columns:
            return f"{last} > {self.bound(after[-1])}"
        (name, column), value = columns[0], after[0]
        if value is None:
            return f"({name} IS NULL AND {self.beyond(columns[1:], after[1:], last)})"
        sign = "<" if column.descending else ">"
        later = f"{name} {sign} {self.bound(value)}" + (
            f" OR {name} IS NULL" if self.nullable(column) else ""
        )
        condition = (
            f"({later} OR ({name} = {self.bound(value)} AND "
            f"{self.beyond(columns[1:], after[1:], last)}))"
        )
        if self.nullable(column):
            return condition
        return f"({condition} AND {name} {sign}= {self.bound(value)})"  # for the index

    def presence(self, field: Field) -> str:
        """Return a column that is null where the run lacks the field."""
        if field.entity in _TABLES:
            return f"{self.alias(field)}.run"
        return self.value(field, text=True)

    def value(self, field: Field, *, text: bool) -> str:
        if field == self.ranked:
            return f"{self.alias(field)}.ranked"
        if field.entity == "metric":
            return f"{self.alias(field)}.{_AGGREGATES[field.aggregate]}"
        if field.entity == "param":
            return f"{self.alias(field)}.{'text' if text else 'number'}"
        if field.entity == "tag":
            return f"{self.alias(field)}.value"
        if field.entity == "dataset":
            return f"d.{field.key}"
        if field.key == "status":
            return status_column(self.driver.now())
        if field.key == "experiment":
            self.join("experiment", "", "JOIN fp_experiments e ON e.no = r.experiment")
        return _ATTRIBUTES.get(field.key, f"r.{field.key}")

    def alias(self, field: Field) -> str:
        return self.join(field.entity, field.key, f"LEFT {_JOIN.format(_TABLES[field.entity])}")

    def join(self, entity: str, key: str, clause: str) -> str:
        if (entity, key) not in self.aliases:
            alias = self.aliases[entity, key] = f"j{len(self.aliases)}"
            self.joins.append(clause.format(alias))
            if key:
                self.join_arguments.append(self.key(key))
        return self.aliases[entity, key]

    def among(self, values: Iterable[Any]) -> str:
        return f"IN ({', '.join(map(self.bound, values))})"

    def bound(self, value: Any) -> str:
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            # a float, which databases compare with their whole numbers exactly
            value = number_of(value)
        self.arguments.append(storable(value) if isinstance(value, str) else value)
        return "?"


_OF_VERSIONS = {"name": "m.name", "version": "v.number", "run_id": "NULLIF(v.run, '')"}


class _VersionCompiler(_Compiler):
    """Versions have attributes and tags of their own, and of their runs all else."""

    def comparison(self, node: Comparison) -> str:
        if node.operator in ("=", "in") and (known := self.known(node)):
            return known
        if node.field == Field("attribute", "alias"):
            which = (
                "SELECT 1 FROM fp_model_aliases a WHERE a.model = v.model AND a.version = v.number"
            )
            if node.operator == "is null":
                return f"NOT EXISTS ({which})"
            return f"EXISTS ({which} AND {self.relation(node)})"
        return super().comparison(node)

    def known(self, node: Comparison) -> str:
        """Return a condition for which there is an index, for what has one; there may be very many
        versions.
        """
        values = node.value if isinstance(node.value, tuple) else (node.value,)
        if node.field.entity == "tag":
            self.arguments.append(storable(node.field.key))
            return (
                "v.no IN (SELECT version FROM fp_model_version_tags WHERE name = ? AND value "
                f"{self.among(values)})"
            )
        if node.field == Field("attribute", "alias"):
            return (
                "(v.model, v.number) IN (SELECT model, version FROM fp_model_aliases WHERE "
                f"alias {self.among(values)})"
            )
        if node.field == Field("attribute", "run_id") and "" not in values:
            return f"v.run {self.among(values)}"
        return ""

    def value(self, field: Field, *, text: bool) -> str:
        if field.entity == "attribute":
            return (
                "a.alias" if field.key == "alias" else _OF_VERSIONS.get(field.key, f"v.{field.key}")
            )
        return super().value(field, text=text)

    def presence(self, field: Field) -> str:
        return f"{self.alias(field)}.version" if field.entity == "tag" else super().presence(field)

    def alias(self, field: Field) -> str:
        if field.entity != "tag":
            return super().alias(field)
        if ("tag", field.key) not in self.aliases:
            alias = self.aliases["tag", field.key] = f"j{len(self.aliases)}"
            self.joins.append(
                f"LEFT JOIN fp_model_version_tags {alias} ON {alias}.version = v.no AND "
                f"{alias}.name = ?"
            )
            self.join_arguments.append(storable(field.key))
        return self.aliases["tag", field.key]
