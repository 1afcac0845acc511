"""Registered models between their tables and the drafts that acts are folded into."""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy

from fitprint.events import (
    MODEL_ACTS,
    AliasMoved,
    Event,
    ModelAct,
    ModelVersionCreated,
    ModelVersionEdited,
    RegisteredModelEdited,
)
from fitprint.stores.registry import ModelDraft, Registry, VersionDraft
from fitprint.stores.sql import damage
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.keys import marks, sliced
from fitprint.stores.sql.registry_rows import MODEL, model_draft, versions
from fitprint.stores.sql.rows import packed, storable

__all__ = ["RegistryShelf"]


class RegistryShelf:
    """The registered models and versions that events name or need, taken from the tables and
    brought back there.
    """

    def __init__(self, transaction: Transaction, events: Iterable[Event]) -> None:
        self.registry = Registry(storable)
        self._numbers: dict[str, int] = {}
        self._version_numbers: dict[str, int] = {}
        acts = [event for event in events if isinstance(event, MODEL_ACTS)]
        if acts:
            self._take_models(transaction, acts)
            self._take_versions(transaction, acts)
        self._held_before = {id_: dict(draft.held) for id_, draft in self.registry.by_id.items()}
        self._changed_before = {id_: draft.changed for id_, draft in self.registry.by_id.items()}
        self._versions_before = {
            each.id: deepcopy(each) for draft in self._drafts() for each in draft.versions.values()
        }
        self._names_before = dict(self.registry.names)

    def _drafts(self) -> Iterable[ModelDraft]:
        return self.registry.by_id.values()

    def _take_models(self, transaction: Transaction, acts: Iterable[ModelAct]) -> None:
        names = {storable(act.name) for act in acts}
        names |= {
            storable(str(act.changes.get("name", "")))
            for act in acts
            if isinstance(act, RegisteredModelEdited)
        }
        for part in sliced(sorted(names)):
            rows = transaction.rows(
                f"SELECT n.name, {MODEL} FROM fp_registered_model_names n JOIN "
                "fp_registered_models m ON m.no = n.model"
                f" WHERE n.name IN ({marks(part)})",
                part,
            )
            for name, *row in rows:
                number, draft = model_draft(row)
                draft = self.registry.by_id.setdefault(draft.id, draft)
                self._numbers[draft.id] = number
                self.registry.names[damage.text(name)] = draft.id

    def _take_versions(self, transaction: Transaction, acts: Iterable[ModelAct]) -> None:
        wanted: dict[int, set[int]] = {}
        runs: dict[int, set[str]] = {}
        # a name may pass to another model in the batch
        leads = {name: {id_} for name, id_ in self.registry.names.items()}
        for act in acts:
            meant = leads.get(storable(act.name), set())
            if isinstance(act, RegisteredModelEdited):
                leads.setdefault(storable(str(act.changes.get("name", ""))), set()).update(meant)
            for draft in (self.registry.by_id[id_] for id_ in meant):
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
                    for draft, each in versions(transaction, condition, (model, *part), by_number):
                        draft.versions[each[1].number] = each[1]
                        self._version_numbers[each[1].id] = each[0]

    def write(self, transaction: Transaction) -> None:
        """Bring back what has changed."""
        changed = [
            draft for draft in self._drafts() if draft.changed != self._changed_before.get(draft.id)
        ]
        known = [draft for draft in changed if draft.id in self._numbers]
        # A name may pass from one model to another: nobody has it in between.
        transaction.many(
            "UPDATE fp_registered_models SET name = id WHERE no = ?",
            [(self._numbers[draft.id],) for draft in known],
        )
        transaction.many(
            "INSERT INTO fp_registered_models (id, name, created, changed, note, rules, last, "
            "versions, held)"
            " VALUES (?, ?, ?, 0, '', '', 0, 0, '')",
            [
                (draft.id, draft.name, draft.created)
                for draft in changed
                if draft.id not in self._numbers
            ],
        )
        self._number(transaction, [draft.id for draft in changed if draft.id not in self._numbers])
        transaction.many(
            "UPDATE fp_registered_models SET name = ?, changed = ?, note = ?, rules = ?, last = ?, "
            "versions = ?, held = ?, deleted = ?,"
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
        self._write_tags(
            transaction,
            "fp_registered_model_tags",
            "model",
            [(self._numbers[each.id], each.tags) for each in changed],
        )
        for draft in changed:
            self._write_versions(transaction, self._numbers[draft.id], draft.versions.values())

    def _number(self, transaction: Transaction, ids: Sequence[str]) -> None:
        for part in sliced(ids):
            self._numbers.update(
                {
                    id_: no
                    for no, id_ in transaction.rows(
                        f"SELECT no, id FROM fp_registered_models WHERE id IN ({marks(part)})", part
                    )
                }
            )

    def _write_names_and_aliases(
        self, transaction: Transaction, changed: Sequence[ModelDraft]
    ) -> None:
        transaction.many(
            "INSERT INTO fp_registered_model_names (name, model) VALUES (?, ?) ON CONFLICT (name) "
            "DO UPDATE SET model = excluded.model",
            [
                (name, self._numbers[id_])
                for name, id_ in self.registry.names.items()
                if self._names_before.get(name) != id_
            ],
        )
        moved = [
            (self._numbers[draft.id], alias, held[-1])
            for draft in changed
            for alias, held in draft.held.items()
            if held != self._held_before.get(draft.id, {}).get(alias)
        ]
        transaction.many(
            "DELETE FROM fp_model_aliases WHERE model = ? AND alias = ?",
            [each[:2] for each in moved],
        )
        transaction.many(
            "INSERT INTO fp_model_aliases (model, alias, version) VALUES (?, ?, ?)",
            [each for each in moved if each[2]],
        )

    def _write_tags(
        self,
        transaction: Transaction,
        table: str,
        column: str,
        tagged: Sequence[tuple[int, Mapping[str, str | None]]],
    ) -> None:
        tags = [
            (number, storable(name), value)
            for number, each in tagged
            for name, value in each.items()
        ]
        transaction.many(
            f"DELETE FROM {table} WHERE {column} = ? AND name = ?", [tag[:2] for tag in tags]
        )
        transaction.many(
            f"INSERT INTO {table} ({column}, name, value) VALUES (?, ?, ?)",
            [(number, name, storable(value)) for number, name, value in tags if value is not None],
        )

    def _write_versions(
        self, transaction: Transaction, model: int, versions: Iterable[VersionDraft]
    ) -> None:
        changed = [each for each in versions if each != self._versions_before.get(each.id)]
        if not changed:
            return
        new = [each for each in changed if each.id not in self._version_numbers]
        transaction.many(
            "INSERT INTO fp_model_versions (id, model, number, run, path, flavor, digest, facts, "
            "created, actor, note, stage, evaluations,"
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
            rows = transaction.rows(
                "SELECT id, no FROM fp_model_versions WHERE model = ? AND number IN "
                f"({marks(part)})",
                (model, *part),
            )
            self._version_numbers.update(rows)
        transaction.many(
            "INSERT INTO fp_model_version_artifacts (version, path, digest, size) VALUES (?, ?, ?, "
            "?) ON CONFLICT DO NOTHING",
            [
                (
                    self._version_numbers[storable(each.id)],
                    storable(file.path),
                    file.digest,
                    file.size,
                )
                for each in new
                for file in each.artifacts
            ],
        )
        transaction.many(
            "UPDATE fp_model_versions SET note = ?, stage = ?, evaluations = ?, approvals = ?, "
            "deleted = ? WHERE no = ?",
            [
                (
                    storable(each.note),
                    each.stage,
                    packed({name: e.to_json() for name, e in each.evaluations.items()}),
                    storable(json.dumps(each.approvals)),
                    each.deleted,
                    self._version_numbers[storable(each.id)],
                )
                for each in changed
            ],
        )
        tagged = [(self._version_numbers[storable(each.id)], each.tags) for each in changed]
        self._write_tags(transaction, "fp_model_version_tags", "version", tagged)
