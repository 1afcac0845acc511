"""Rows of the registry's tables, as records and drafts."""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fitprint.entities import Decision, LoggedModel
from fitprint.registered import ModelEvaluation
from fitprint.stores.registry import ModelDraft, VersionDraft
from fitprint.stores.sql import damage
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.rows import facts

__all__ = ["DECISION", "MODEL", "decision", "model_draft", "versions"]

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
    return Decision(
        **{
            field: check(value)
            for (field, (_, check)), value in zip(DECISION.items(), row, strict=True)
        }
    )


MODEL = (
    "m.no, m.id, m.name, m.created, m.changed, m.note, m.rules, m.last, m.versions, m.held, "
    "m.deleted, m.cleared"
)
"""The columns of a registered model."""
_VERSION = (
    "v.no, v.model, v.number, v.id, v.run, v.path, v.flavor, v.digest, v.facts, v.created, "
    "v.actor, v.note, v.stage, v.evaluations,"
    " v.approvals, v.deleted"
)


def _mapping(content: str | bytes) -> dict[str, Any]:
    """Return the object that JSON holds; most are empty, and there are many."""
    if content in ("{}", b"{}"):
        return {}
    return dict(json.loads(content)) if isinstance(content, str) else facts(content)


def model_draft(row: Sequence[Any]) -> tuple[int, ModelDraft]:
    """Return the number and the draft, without tags and versions, of the columns :data:`MODEL`."""
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
        held={
            alias: tuple(map(damage.number, numbers)) for alias, numbers in _mapping(held).items()
        },
        deleted=damage.time_or_none(deleted),
        cleared=damage.time_or_none(cleared),
    )
    return damage.number(number), draft


def versions(
    transaction: Transaction,
    condition: str,
    arguments: Sequence[Any],
    models: Mapping[int, ModelDraft],
) -> list[tuple[ModelDraft, tuple[int, VersionDraft]]]:
    """Return the drafts of versions, without tags and files, each with its row's number and its
    model.
    """
    found = []
    for row in transaction.rows(
        f"SELECT {_VERSION} FROM fp_model_versions v WHERE {condition}", arguments
    ):
        (
            no,
            model,
            number,
            id_,
            run,
            path,
            flavor,
            digest,
            content,
            created,
            actor,
            note,
            stage,
            evaluations,
            approvals,
            deleted,
        ) = row
        draft = VersionDraft(
            number=damage.number(number),
            id=damage.text(id_),
            run=damage.text(run),
            model=LoggedModel(
                damage.text(path), damage.text(flavor), damage.text(digest), facts(content)
            ),
            artifacts=(),
            created=damage.time(created),
            actor=damage.text(actor),
            note=damage.text(note),
            stage=damage.text(stage),
            evaluations={
                name: ModelEvaluation(*each) for name, each in _mapping(evaluations).items()
            },
            approvals={
                alias: tuple(map(damage.text, names))
                for alias, names in _mapping(approvals).items()
            },
            deleted=damage.time_or_none(deleted),
        )
        found.append((models[model], (damage.number(no), draft)))
    return found
