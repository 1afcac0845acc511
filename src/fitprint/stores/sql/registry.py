"""What the tables say of registered models."""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from fitprint.entities import Artifact, Decision
from fitprint.errors import RegisteredModelNotFoundError
from fitprint.query.grammar import Query
from fitprint.registered import ModelVersionRecord, RegisteredModelRecord, VersionPage
from fitprint.stores import paging
from fitprint.stores.protocol import ModelRegistry
from fitprint.stores.registry import model_record, version_record
from fitprint.stores.sql import compiler, damage
from fitprint.stores.sql.driver import Driver, Transaction
from fitprint.stores.sql.keys import KeyNumbers, marks, sliced
from fitprint.stores.sql.registry_rows import DECISION, MODEL, decision, model_draft, versions
from fitprint.stores.sql.rows import storable

__all__ = ["SqlRegistry"]

_IS_THERE = (  # in a model that was not removed
    "COALESCE(v.deleted, 0) <= 0 AND (m.cleared IS NULL OR v.created >= m.cleared OR -v.deleted >= "
    "m.cleared)"
)
_REMOVED = (
    "COALESCE(CASE WHEN v.deleted > 0 THEN v.deleted END, m.deleted,"
    " CASE WHEN v.created < m.cleared AND COALESCE(-v.deleted, 0) < m.cleared THEN m.cleared END)"
)


class SqlRegistry(ModelRegistry):
    """The registered models of a store in a relational database.

    Args:
        uri: of the store.
        driver: of its database.
        reading: begins to read.
        keys: what is known of the names of params, metrics and tags.
    """

    def __init__(
        self,
        uri: str,
        driver: Driver,
        reading: Callable[[], AbstractContextManager[Transaction]],
        keys: Callable[[], KeyNumbers],
    ) -> None:
        self._uri = uri
        self._driver = driver
        self._reading = reading
        self._keys = keys

    def models(self) -> Sequence[RegisteredModelRecord]:
        with self._reading() as transaction:
            return _records(transaction, "", ())

    def model(self, name: str) -> RegisteredModelRecord:
        with self._reading() as transaction:
            found = _records(
                transaction,
                "WHERE m.no = (SELECT model FROM fp_registered_model_names WHERE name = ?)",
                (storable(name),),
            )
        if not found:
            raise RegisteredModelNotFoundError(
                f"there is no registered model {name!r} in {self._uri}"
            )
        return found[0]

    def version(self, name: str, number: int) -> ModelVersionRecord:
        condition = (
            "v.number = ? AND v.model = (SELECT model FROM fp_registered_model_names "
            "WHERE name = ?)"
        )
        with self._reading() as transaction:
            found = _version_records(transaction, condition, (_bound(number), storable(name)))
        if not found:
            raise RegisteredModelNotFoundError(
                f"the registered model {self.model(name).name!r} has no version {number}"
            )
        return found[0]

    def search(self, query: Query, *, limit: int = 100, token: str | None = None) -> VersionPage:
        after = None if token is None else paging.place(query, token)
        with self._reading() as transaction:
            numbers = self._keys().find(transaction, compiler.keys(query))
            statement, arguments = compiler.search_versions(
                query,
                limit + 1,
                after,
                self._driver,
                lambda key: numbers.get(key, compiler.NO_KEY),
                _REMOVED,
            )
            rows = transaction.rows(statement, arguments)
            places = [row[0] for row in rows[:limit]]
            found: dict[int, ModelVersionRecord] = {}
            for part in sliced(places):
                records = _numbered_versions(transaction, f"v.no IN ({marks(part)})", part)
                found.update(records)
            versions = [found[number] for number in places]
            return VersionPage(
                versions,
                paging.token(query, list(rows[limit - 1][1:])) if len(rows) > limit else None,
            )

    def decisions(
        self,
        model_id: str,
        *,
        act: str | None = None,
        alias: str | None = None,
        until: int | None = None,
        limit: int = 1000,
    ) -> Sequence[Decision]:
        asked = {"subject_id =": model_id, "act =": act, "alias =": alias, "decided_at <=": until}
        given = {
            column: storable(value) if isinstance(value, str) else value
            for column, value in asked.items()
            if value is not None
        }
        columns = ", ".join(column for column, _ in DECISION.values())
        with self._reading() as transaction:
            condition = " AND ".join(f"{column} ?" for column in given)
            statement = (
                f"SELECT {columns} FROM fp_decisions WHERE {condition} ORDER BY "
                "decided_at DESC LIMIT ?"
            )
            rows = transaction.rows(statement, [*given.values(), limit])
            return [decision(row) for row in rows]


def _bound(number: int) -> int:
    """Return a number that a database takes."""
    return number if 0 <= number < 1 << 63 else 0


def _records(
    transaction: Transaction, condition: str, arguments: Sequence[Any]
) -> list[RegisteredModelRecord]:
    """Return the registered models that fulfil a condition, by name, in a constant number of
    statements.
    """
    drafts = dict(
        map(
            model_draft,
            transaction.rows(
                f"SELECT {MODEL} FROM fp_registered_models m {condition} ORDER BY m.name", arguments
            ),
        )
    )
    only = (
        ""
        if not condition
        else f"WHERE t.model IN (SELECT m.no FROM fp_registered_models m {condition})"
    )
    for model, name, value in transaction.rows(
        f"SELECT t.model, t.name, t.value FROM fp_registered_model_tags t {only}", arguments
    ):
        if model in drafts:
            drafts[model].tags[damage.text(name)] = damage.text(value)
    former: dict[int, list[str]] = {}
    for model, name in transaction.rows(
        f"SELECT t.model, t.name FROM fp_registered_model_names t {only}", arguments
    ):
        if model in drafts and name != drafts[model].name:
            former.setdefault(model, []).append(damage.text(name))
    newest = (
        f"SELECT v.number FROM fp_model_versions v WHERE v.model = m.no AND {_IS_THERE} "
        "ORDER BY v.number DESC LIMIT 1"
    )
    latest = dict(
        transaction.rows(
            f"SELECT m.no, ({newest}) FROM fp_registered_models m {condition}", arguments
        )
    )
    return [
        model_record(
            draft, tuple(sorted(former.get(no, ()))), damage.number_or_none(latest.get(no))
        )
        for no, draft in drafts.items()
    ]


def _version_records(
    transaction: Transaction, condition: str, arguments: Sequence[Any]
) -> list[ModelVersionRecord]:
    return [record for _, record in _numbered_versions(transaction, condition, arguments)]


def _numbered_versions(
    transaction: Transaction, condition: str, arguments: Sequence[Any]
) -> list[tuple[int, ModelVersionRecord]]:
    """Return the versions that fulfil a condition, each with its row's number, in a constant number
    of statements.
    """
    rows = transaction.rows(
        f"SELECT {MODEL} FROM fp_registered_models m WHERE m.no IN (SELECT v.model FROM "
        f"fp_model_versions v WHERE {condition})",
        arguments,
    )
    drafts = versions(transaction, condition, arguments, dict(map(model_draft, rows)))
    by_number = {number: version for _, (number, version) in drafts}
    for part in sliced(list(by_number)):
        for number, name, value in transaction.rows(
            "SELECT version, name, value FROM fp_model_version_tags WHERE version IN "
            f"({marks(part)})",
            part,
        ):
            by_number[number].tags[damage.text(name)] = damage.text(value)
        files: dict[int, list[Artifact]] = {}
        for number, path, digest, size in transaction.rows(
            "SELECT version, path, digest, size FROM fp_model_version_artifacts WHERE version IN "
            f"({marks(part)})",
            part,
        ):
            files.setdefault(number, []).append(
                Artifact(damage.text(path), damage.text(digest), damage.number(size))
            )
        for number, found in files.items():
            by_number[number].artifacts = tuple(found)
    return [(number, version_record(model, version)) for model, (number, version) in drafts]
