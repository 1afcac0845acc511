"""Registered models between their tables and the drafts that acts are folded into, and what the tables say of them."""

# ruff: noqa: S608 - values are always arguments; what is put into statements is written in this package

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from typing import Any

from fitprint.entities import Artifact, Decision, LoggedModel
from fitprint.errors import RegisteredModelNotFoundError
from fitprint.events import MODEL_ACTS, AliasMoved, Batch, ModelAct, ModelVersionCreated, ModelVersionEdited, RegisteredModelEdited
from fitprint.query.grammar import Query
from fitprint.registered import ModelEvaluation, ModelVersionRecord, RegisteredModelRecord, VersionPage
from fitprint.stores import paging
from fitprint.stores.protocol import ModelRegistry
from fitprint.stores.registry import ModelDraft, Registry, VersionDraft, model_record, version_record
from fitprint.stores.sql import compiler, damage
from fitprint.stores.sql.driver import Driver, Transaction
from fitprint.stores.sql.keys import KeyNumbers, marks, sliced
from fitprint.stores.sql.rows import facts, packed, storable

__all__ = ["DECISION", "RegistryShelf", "SqlRegistry", "decision"]

DECISION: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    **{field: (field, damage.text) for field in ("id", "act", "subject", "subject_id", "actor")},
    **{field: (field, damage.time) for field in ("requested_at", "decided_at")},
    "refusal": ("refusal", damage.text_or_none),
    "version": ("version", damage.number_or_none),
    "alias": ("alias", damage.text_or_none),
    "before": ("earlier", damage.number_or_none),
    "reason": ("reason", damage.text),
    "about": ("about", damage.text),
}
"""The fields of a decision, each with its column and its check."""


def decision(row: Sequence[Any]) -> Decision:
    """Return the decision whose columns, those of :data:`DECISION`, are ``row``."""
    return Decision(**{field: check(value) for (field, (_, check)), value in zip(DECISION.items(), row, strict=True)})


_MODEL = "m.no, m.id, m.name, m.created, m.changed, m.note, m.rules, m.last, m.versions, m.held, m.deleted, m.cleared"
_VERSION = (
    "v.no, v.model, v.number, v.id, v.run, v.path, v.flavor, v.digest, v.facts, v.created, v.actor, v.note, v.stage, v.evaluations,"
    " v.approvals, v.deleted"
)
_IS_THERE = "v.deleted IS NULL AND (m.cleared IS NULL OR v.created >= m.cleared)"  # in a model that was not removed
_REMOVED = "COALESCE(v.deleted, m.deleted, CASE WHEN v.created < m.cleared THEN m.cleared END)"


class RegistryShelf:
    """The registered models and versions that a batch names or needs, taken from the tables and brought back there."""

    def __init__(self, transaction: Transaction, batch: Batch) -> None:
        self.registry = Registry(storable)
        self._numbers: dict[str, int] = {}
        self._version_numbers: dict[str, int] = {}
        acts = [event for event in batch.events if isinstance(event, MODEL_ACTS)]
        if acts:
            self._take_models(transaction, acts)
            self._take_versions(transaction, acts)
        self._held_before = {id_: dict(draft.held) for id_, draft in self.registry.by_id.items()}
        self._changed_before = {id_: draft.changed for id_, draft in self.registry.by_id.items()}
        self._versions_before = {each.id: deepcopy(each) for draft in self._drafts() for each in draft.versions.values()}
        self._names_before = dict(self.registry.names)

    def _drafts(self) -> Iterable[ModelDraft]:
        return self.registry.by_id.values()

    def _take_models(self, transaction: Transaction, acts: Iterable[ModelAct]) -> None:
        names = {storable(act.name) for act in acts}
        names |= {storable(str(act.changes.get("name", ""))) for act in acts if isinstance(act, RegisteredModelEdited)}
        for part in sliced(sorted(names)):
            rows = transaction.rows(
                f"SELECT n.name, {_MODEL} FROM fp_registered_model_names n JOIN fp_registered_models m ON m.no = n.model"
                f" WHERE n.name IN ({marks(part)})",
                part,
            )
            for name, *row in rows:
                number, draft = _model_draft(row)
                draft = self.registry.by_id.setdefault(draft.id, draft)
                self._numbers[draft.id] = number
                self.registry.names[damage.text(name)] = draft.id

    def _take_versions(self, transaction: Transaction, acts: Iterable[ModelAct]) -> None:
        wanted: dict[int, set[int]] = {}
        runs: dict[int, set[str]] = {}
        for act in acts:
            draft = self.registry.find(act.name)
            if draft is None:
                continue
            number = self._numbers[draft.id]
            if isinstance(act, ModelVersionCreated) and act.run:
                runs.setdefault(number, set()).add(storable(act.run))
            elif isinstance(act, (ModelVersionEdited, AliasMoved)):
                held = draft.held.get(act.alias, ()) if isinstance(act, AliasMoved) else ()
                wanted.setdefault(number, set()).update((act.version, *held))
        by_number = {self._numbers[draft.id]: draft for draft in self._drafts()}
        for column, chosen in (("number", wanted), ("run", runs)):
            for model, values in chosen.items():  # of few models: those that a batch names
                for part in sliced(sorted(values)):
                    condition = f"v.model = ? AND v.{column} IN ({marks(part)})"
                    for draft, each in _versions(transaction, condition, (model, *part), by_number):
                        draft.versions[each[1].number] = each[1]
                        self._version_numbers[each[1].id] = each[0]

    def write(self, transaction: Transaction) -> None:
        """Bring back what has changed."""
        changed = [draft for draft in self._drafts() if draft.changed != self._changed_before.get(draft.id)]
        known = [draft for draft in changed if draft.id in self._numbers]
        # A name may pass from one model to another: nobody has it in between.
        transaction.many("UPDATE fp_registered_models SET name = id WHERE no = ?", [(self._numbers[draft.id],) for draft in known])
        transaction.many(
            "INSERT INTO fp_registered_models (id, name, created, changed, note, rules, last, versions, held)"
            " VALUES (?, ?, ?, 0, '', '', 0, 0, '')",
            [(draft.id, draft.name, draft.created) for draft in changed if draft.id not in self._numbers],
        )
        self._number(transaction, [draft.id for draft in changed if draft.id not in self._numbers])
        transaction.many(
            "UPDATE fp_registered_models SET name = ?, changed = ?, note = ?, rules = ?, last = ?, versions = ?, held = ?, deleted = ?,"
            " cleared = ? WHERE no = ?",
            [
                (
                    draft.name,
                    draft.changed,
                    storable(draft.note),
                    storable(json.dumps(draft.rules)),
                    draft.last,
                    draft.count,
                    json.dumps(draft.held),
                    draft.deleted,
                    draft.cleared,
                    self._numbers[draft.id],
                )
                for draft in changed
            ],
        )
        self._write_names_and_aliases(transaction, changed)
        self._write_tags(transaction, "fp_registered_model_tags", "model", [(self._numbers[each.id], each.tags) for each in changed])
        for draft in changed:
            self._write_versions(transaction, self._numbers[draft.id], draft.versions.values())

    def _number(self, transaction: Transaction, ids: Sequence[str]) -> None:
        for part in sliced(ids):
            self._numbers.update(
                {id_: no for no, id_ in transaction.rows(f"SELECT no, id FROM fp_registered_models WHERE id IN ({marks(part)})", part)}
            )

    def _write_names_and_aliases(self, transaction: Transaction, changed: Sequence[ModelDraft]) -> None:
        transaction.many(
            "INSERT INTO fp_registered_model_names (name, model) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET model = excluded.model",
            [(name, self._numbers[id_]) for name, id_ in self.registry.names.items() if self._names_before.get(name) != id_],
        )
        moved = [
            (self._numbers[draft.id], alias, held[-1])
            for draft in changed
            for alias, held in draft.held.items()
            if held != self._held_before.get(draft.id, {}).get(alias)
        ]
        transaction.many("DELETE FROM fp_model_aliases WHERE model = ? AND alias = ?", [each[:2] for each in moved])
        transaction.many("INSERT INTO fp_model_aliases (model, alias, version) VALUES (?, ?, ?)", [each for each in moved if each[2]])

    def _write_tags(
        self, transaction: Transaction, table: str, column: str, tagged: Sequence[tuple[int, Mapping[str, str | None]]]
    ) -> None:
        tags = [(number, storable(name), value) for number, each in tagged for name, value in each.items()]
        transaction.many(f"DELETE FROM {table} WHERE {column} = ? AND name = ?", [tag[:2] for tag in tags])
        transaction.many(
            f"INSERT INTO {table} ({column}, name, value) VALUES (?, ?, ?)",
            [(number, name, storable(value)) for number, name, value in tags if value is not None],
        )

    def _write_versions(self, transaction: Transaction, model: int, versions: Iterable[VersionDraft]) -> None:
        changed = [each for each in versions if each != self._versions_before.get(each.id)]
        if not changed:
            return
        new = [each for each in changed if each.id not in self._version_numbers]
        transaction.many(
            "INSERT INTO fp_model_versions (id, model, number, run, path, flavor, digest, facts, created, actor, note, stage, evaluations,"
            " approvals) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', ?, '')",
            [
                (
                    storable(each.id),
                    model,
                    each.number,
                    storable(each.run),
                    storable(each.model.path),
                    storable(each.model.flavor),
                    storable(each.model.digest),
                    packed(each.model.facts),
                    each.created,
                    storable(each.actor),
                    b"",
                )
                for each in new
            ],
        )
        for part in sliced([each.number for each in new]):
            rows = transaction.rows(f"SELECT id, no FROM fp_model_versions WHERE model = ? AND number IN ({marks(part)})", (model, *part))
            self._version_numbers.update(rows)
        transaction.many(
            "INSERT INTO fp_model_version_artifacts (version, path, digest, size) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                (self._version_numbers[storable(each.id)], storable(file.path), file.digest, file.size)
                for each in new
                for file in each.artifacts
            ],
        )
        transaction.many(
            "UPDATE fp_model_versions SET note = ?, stage = ?, evaluations = ?, approvals = ?, deleted = ? WHERE no = ?",
            [
                (
                    storable(each.note),
                    each.stage,
                    packed({name: [e.digest, e.target_digest, e.metrics, e.goals] for name, e in each.evaluations.items()}),
                    storable(json.dumps(each.approvals)),
                    each.deleted,
                    self._version_numbers[storable(each.id)],
                )
                for each in changed
            ],
        )
        tagged = [(self._version_numbers[storable(each.id)], each.tags) for each in changed]
        self._write_tags(transaction, "fp_model_version_tags", "version", tagged)


class SqlRegistry(ModelRegistry):
    """The registered models of a store in a relational database.

    Args:
        uri: of the store.
        driver: of its database.
        reading: begins to read.
        keys: what is known of the names of params, metrics and tags.
    """

    def __init__(
        self, uri: str, driver: Driver, reading: Callable[[], AbstractContextManager[Transaction]], keys: Callable[[], KeyNumbers]
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
            found = _records(transaction, "WHERE m.no = (SELECT model FROM fp_registered_model_names WHERE name = ?)", (storable(name),))
        if not found:
            raise RegisteredModelNotFoundError(f"there is no registered model {name!r} in {self._uri}")
        return found[0]

    def version(self, name: str, number: int) -> ModelVersionRecord:
        condition = "v.number = ? AND v.model = (SELECT model FROM fp_registered_model_names WHERE name = ?)"
        with self._reading() as transaction:
            found = _version_records(transaction, condition, (_bound(number), storable(name)))
        if not found:
            raise RegisteredModelNotFoundError(f"the registered model {self.model(name).name!r} has no version {number}")
        return found[0]

    def search(self, query: Query, *, limit: int = 100, token: str | None = None) -> VersionPage:
        after = None if token is None else paging.place(query, token)
        with self._reading() as transaction:
            numbers = self._keys().find(transaction, compiler.keys(query))
            statement, arguments = compiler.search_versions(
                query, limit + 1, after, self._driver, lambda key: numbers.get(key, compiler.NO_KEY), _REMOVED
            )
            rows = transaction.rows(statement, arguments)
            places = [row[0] for row in rows[:limit]]
            found: dict[int, ModelVersionRecord] = {}
            for part in sliced(places):
                records = _numbered_versions(transaction, f"v.no IN ({marks(part)})", part)
                found.update(records)
            versions = [found[number] for number in places]
            return VersionPage(versions, paging.token(query, list(rows[limit - 1][1:])) if len(rows) > limit else None)

    def decisions(
        self, model_id: str, *, act: str | None = None, alias: str | None = None, until: int | None = None, limit: int = 1000
    ) -> Sequence[Decision]:
        asked = {"subject_id =": model_id, "act =": act, "alias =": alias, "decided_at <=": until}
        given = {column: storable(value) if isinstance(value, str) else value for column, value in asked.items() if value is not None}
        columns = ", ".join(column for column, _ in DECISION.values())
        with self._reading() as transaction:
            condition = " AND ".join(f"{column} ?" for column in given)
            statement = f"SELECT {columns} FROM fp_decisions WHERE {condition} ORDER BY decided_at DESC LIMIT ?"
            rows = transaction.rows(statement, [*given.values(), limit])
            return [decision(row) for row in rows]


def _bound(number: int) -> int:
    """Return a number that a database takes."""
    return number if 0 <= number < 1 << 63 else 0


def _mapping(content: str | bytes) -> dict[str, Any]:
    """Return the object that JSON holds; most are empty, and there are many."""
    if content in ("{}", b"{}"):
        return {}
    return dict(json.loads(content)) if isinstance(content, str) else facts(content)


def _model_draft(row: Sequence[Any]) -> tuple[int, ModelDraft]:
    """Return the number and the draft, without tags and versions, of the columns ``_MODEL``."""
    number, id_, name, created, changed, note, rules, last, count, held, deleted, cleared = row
    draft = ModelDraft(
        id=damage.text(id_),
        name=damage.text(name),
        created=damage.time(created),
        changed=damage.time(changed),
        note=damage.text(note),
        rules=_mapping(rules),
        last=damage.number(last),
        count=damage.number(count),
        held={alias: tuple(map(damage.number, numbers)) for alias, numbers in _mapping(held).items()},
        deleted=damage.time_or_none(deleted),
        cleared=damage.time_or_none(cleared),
    )
    return damage.number(number), draft


def _records(transaction: Transaction, condition: str, arguments: Sequence[Any]) -> list[RegisteredModelRecord]:
    """Return the registered models that fulfil a condition, by name, in a constant number of statements."""
    drafts = dict(
        map(_model_draft, transaction.rows(f"SELECT {_MODEL} FROM fp_registered_models m {condition} ORDER BY m.name", arguments))
    )
    only = "" if not condition else f"WHERE t.model IN (SELECT m.no FROM fp_registered_models m {condition})"
    for model, name, value in transaction.rows(f"SELECT t.model, t.name, t.value FROM fp_registered_model_tags t {only}", arguments):
        if model in drafts:
            drafts[model].tags[damage.text(name)] = damage.text(value)
    former: dict[int, list[str]] = {}
    for model, name in transaction.rows(f"SELECT t.model, t.name FROM fp_registered_model_names t {only}", arguments):
        if model in drafts and name != drafts[model].name:
            former.setdefault(model, []).append(damage.text(name))
    newest = f"SELECT v.number FROM fp_model_versions v WHERE v.model = m.no AND {_IS_THERE} ORDER BY v.number DESC LIMIT 1"
    latest = dict(transaction.rows(f"SELECT m.no, ({newest}) FROM fp_registered_models m {condition}", arguments))
    return [model_record(draft, tuple(sorted(former.get(no, ()))), damage.number_or_none(latest.get(no))) for no, draft in drafts.items()]


def _version_records(transaction: Transaction, condition: str, arguments: Sequence[Any]) -> list[ModelVersionRecord]:
    return [record for _, record in _numbered_versions(transaction, condition, arguments)]


def _numbered_versions(transaction: Transaction, condition: str, arguments: Sequence[Any]) -> list[tuple[int, ModelVersionRecord]]:
    """Return the versions that fulfil a condition, each with its row's number, in a constant number of statements."""
    rows = transaction.rows(
        f"SELECT {_MODEL} FROM fp_registered_models m WHERE m.no IN (SELECT v.model FROM fp_model_versions v WHERE {condition})", arguments
    )
    drafts = _versions(transaction, condition, arguments, dict(map(_model_draft, rows)))
    by_number = {number: version for _, (number, version) in drafts}
    for part in sliced(list(by_number)):
        for number, name, value in transaction.rows(
            f"SELECT version, name, value FROM fp_model_version_tags WHERE version IN ({marks(part)})", part
        ):
            by_number[number].tags[damage.text(name)] = damage.text(value)
        files: dict[int, list[Artifact]] = {}
        for number, path, digest, size in transaction.rows(
            f"SELECT version, path, digest, size FROM fp_model_version_artifacts WHERE version IN ({marks(part)})", part
        ):
            files.setdefault(number, []).append(Artifact(damage.text(path), damage.text(digest), damage.number(size)))
        for number, found in files.items():
            by_number[number].artifacts = tuple(found)
    return [(number, version_record(model, version)) for model, (number, version) in drafts]


def _versions(
    transaction: Transaction, condition: str, arguments: Sequence[Any], models: Mapping[int, ModelDraft]
) -> list[tuple[ModelDraft, tuple[int, VersionDraft]]]:
    """Return the drafts of versions, without tags and files, each with its row's number and its model."""
    found = []
    for row in transaction.rows(f"SELECT {_VERSION} FROM fp_model_versions v WHERE {condition}", arguments):
        no, model, number, id_, run, path, flavor, digest, content, created, actor, note, stage, evaluations, approvals, deleted = row
        draft = VersionDraft(
            number=damage.number(number),
            id=damage.text(id_),
            run=damage.text(run),
            model=LoggedModel(damage.text(path), damage.text(flavor), damage.text(digest), facts(content)),
            artifacts=(),
            created=damage.time(created),
            actor=damage.text(actor),
            note=damage.text(note),
            stage=damage.text(stage),
            evaluations={name: ModelEvaluation(*each) for name, each in _mapping(evaluations).items()},
            approvals={alias: tuple(map(damage.text, names)) for alias, names in _mapping(approvals).items()},
            deleted=damage.time_or_none(deleted),
        )
        found.append((models[model], (damage.number(no), draft)))
    return found
