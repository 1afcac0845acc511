"""How acts become registered models and their versions: the one place that knows, shared by every
store of ours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fitprint.entities import Artifact, ChangeKind, LoggedModel
from fitprint.errors import RefusedError
from fitprint.events import AliasMoved, ModelAct, ModelVersionCreated, RegisteredModelEdited
from fitprint.registered import (
    STAGES,
    ModelEvaluation,
    ModelVersionRecord,
    RegisteredModelRecord,
    why_no_name,
)
from fitprint.stores.promotion import checked_rules, judge, spoken

__all__ = [
    "KNOWN",
    "ModelDraft",
    "Outcome",
    "Registry",
    "VersionDraft",
    "model_record",
    "version_record",
]

_ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_TAKEN = re.compile(r"latest|v?[0-9]+", re.IGNORECASE)  # what means a version by itself
_MOST_HELD = 100  # versions that an alias remembers
_MOST_SHOWN = 80  # letters of what was set


@dataclass(slots=True)
class VersionDraft:
    """What acts say of one version. A tag that was removed is None; ``deleted`` is when it was
    removed, None, or, with a minus, when it was brought back though those of its time are gone.
    """

    number: int
    id: str
    run: str
    model: LoggedModel
    artifacts: tuple[Artifact, ...]
    created: int
    actor: str
    note: str = ""
    tags: dict[str, str | None] = field(default_factory=dict)
    stage: str = "None"
    evaluations: dict[str, ModelEvaluation] = field(default_factory=dict)
    approvals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    deleted: int | None = None


KNOWN = "is registered already"
"""What the decision about a version says that was there."""


@dataclass(slots=True)
class ModelDraft:
    """What acts say of one registered model. A tag that was removed is None.

    Attributes:
        changed: time of the last act on it, done or refused: the next one is later, whatever the
            clock says.
        last: number of the last version that it ever had.
        count: how many versions there are that were not removed by themselves.
        held: the versions to which each alias led, oldest first, the last of them now; 0 for none.
        versions: by number; a store may have fewer of them in memory than there are.
        deleted: when it was removed; None if it was not.
        cleared: when a removed model came back with a new version: those from before are gone.
    """

    id: str
    name: str
    created: int
    changed: int
    note: str = ""
    tags: dict[str, str | None] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    last: int = 0
    count: int = 0
    held: dict[str, tuple[int, ...]] = field(default_factory=dict)
    versions: dict[int, VersionDraft] = field(default_factory=dict)
    deleted: int | None = None
    cleared: int | None = None

    @property
    def aliases(self) -> dict[str, int]:
        """The version to which each alias leads."""
        return {alias: held[-1] for alias, held in self.held.items() if held and held[-1]}

    def clear(self, now: int) -> None:
        """Begin anew with a removed model: its versions stay removed."""
        self.deleted, self.cleared, self.count = None, now, 0

    def removed(self, created: int, deleted: int | None) -> int | None:
        """Return since when a version is removed, by itself or with the model;
        None if it is not.
        """
        if deleted is not None and deleted > 0:
            return deleted
        if self.deleted is not None:
            return self.deleted
        return (
            self.cleared
            if self.cleared is not None and max(created, -(deleted or 0)) < self.cleared
            else None
        )


class Outcome(NamedTuple):
    """What an act did, for its decision."""

    subject_id: str = ""
    version: int | None = None
    alias: str | None = None
    before: int | None = None
    about: str = ""


class Registry:
    """Registered models by id, and the names that lead to them: their own, and those that they had.

    Args:
        spelled: gives a text the form in which the store keeps it.
    """

    def __init__(self, spelled: Callable[[str], str] = str) -> None:
        self.by_id: dict[str, ModelDraft] = {}
        self.names: dict[str, str] = {}
        self.touched: dict[str, set[ChangeKind]] = {}
        self._spelled = spelled

    def find(self, name: str) -> ModelDraft | None:
        """Return the registered model to which a name leads."""
        return self.by_id.get(self.names.get(self._spelled(name), ""))

    def time_of(self, act: ModelAct, now: int) -> int:
        """Return the time at which the act is decided: now, or right after what was decided of its
        model before.
        """
        model = self.find(act.name)
        return now if model is None else max(now, model.changed + 1)

    def fold(self, act: ModelAct, actor: str, now: int) -> Outcome:
        """Do the act, asked for by ``actor`` and decided at ``now``.

        Raises:
            RefusedError: it cannot be done, and nothing of it is.
        """
        if isinstance(act, ModelVersionCreated):
            outcome = self._register(act, actor, now)
        elif isinstance(act, RegisteredModelEdited):
            outcome = self._edit(act, now)
        elif isinstance(act, AliasMoved):
            outcome = self._move(act, actor)
        else:
            model, version = self._version(act.name, act.version)
            about = _edited(model, version, act.changes, actor, now, self._spelled)
            outcome = Outcome(
                model.id, version.number, _text(act.changes.get("approved")) or None, about=about
            )
        self.by_id[outcome.subject_id].changed = now
        kind: ChangeKind = "recorded" if isinstance(act, ModelVersionCreated) else "edited"
        self.touched.setdefault(outcome.subject_id, set()).add(kind)
        return outcome

    def _register(self, act: ModelVersionCreated, actor: str, now: int) -> Outcome:
        model = self.find(act.name)
        if model is not None and act.run and model.deleted is None:
            key = (act.run, act.model.path, act.model.digest)
            for known in model.versions.values():
                if (known.run, known.model.path, known.model.digest) == key and model.removed(
                    known.created, known.deleted
                ) is None:
                    return Outcome(model.id, known.number, about=KNOWN)
        version = VersionDraft(
            (model.last if model else 0) + 1, "", act.run, act.model, act.artifacts, now, actor
        )
        told = _edited(None, version, act.changes, actor, now, self._spelled)
        if model is None:
            model = self._add(act.name, act.id, now)
        # whatever ids acts have, no two versions have the same
        version.id = _drawn(f"{model.id}/{version.number}", act.id)
        if model.deleted is not None:
            model.clear(now)
        model.last = version.number
        model.count += 1
        model.versions[version.number] = version
        return Outcome(model.id, version.number, about=told)

    def _edit(self, act: RegisteredModelEdited, now: int) -> Outcome:
        changes = dict(act.changes)
        model = self.find(act.name)
        is_made = changes.pop("created", False)
        if is_made and (model is None or model.name != self._spelled(act.name)):
            wanted = _ModelChanges(self, None, now, changes)
            model = self._add(act.name, act.id, now)
            return Outcome(model.id, about="; ".join(filter(None, ("created", wanted.do(model)))))
        if model is None:
            raise RefusedError(f"the store has no registered model {act.name!r}")
        if is_made and model.deleted is None:
            raise RefusedError(f"there is a registered model {model.name!r} already")
        if not is_made and model.deleted is not None and "deleted" not in changes:
            raise RefusedError(f"the registered model {model.name!r} was removed: restore it first")
        wanted = _ModelChanges(self, model, now, changes)
        if is_made:
            model.clear(now)
        told = filter(None, ("created" if is_made else "", wanted.do(model)))
        return Outcome(model.id, alias=wanted.alias, about="; ".join(told))

    def _move(self, act: AliasMoved, actor: str) -> Outcome:
        model = self._model(act.name)
        alias = _checked_alias(act.alias)
        held = model.held.get(alias, ())
        before = held[-1] if held else 0
        if act.expected is not None and act.expected != before:
            raise RefusedError(
                f"{model.name}@{alias} now points to {_spoken_version(before)}, not to "
                f"{_spoken_version(act.expected)}"
            )
        if act.back:
            places = [
                place
                for place, number in enumerate(held[:-1])
                if number not in (0, before) and self._is_there(model, number)
            ]
            if not places:
                raise RefusedError(
                    f"{model.name}@{alias} has no previous version that still exists"
                )
            model.held[alias] = held[: places[-1] + 1]
            return Outcome(model.id, model.held[alias][-1], alias, before, "back")
        if not act.version:
            if not before:
                raise RefusedError(
                    f"there is no alias {model.name}@{alias}; `fitprint models show {model.name}` "
                    "shows the aliases"
                )
            model.held[alias] = (*held, 0)[-_MOST_HELD:]
            return Outcome(model.id, 0, alias, before)
        if not self._is_there(model, act.version):
            raise RefusedError(f"the registered model {model.name!r} has no version {act.version}")
        version = model.versions[act.version]
        if before != act.version:
            # it may have been taken from the alias
            last = next((number for number in reversed(held) if number), 0)
            judge(
                model.rules.get(alias, {}),
                model.name,
                alias,
                version,
                model.versions.get(last),
                self._spelled(actor),
            )
            model.held[alias] = (*held, act.version)[-_MOST_HELD:]
        return Outcome(model.id, act.version, alias, before)

    def _model(self, name: str) -> ModelDraft:
        model = self.find(name)
        if model is None or model.deleted is not None:
            raise RefusedError(f"the store has no registered model {name!r}")
        return model

    def _version(self, name: str, number: int) -> tuple[ModelDraft, VersionDraft]:
        """Return a version, a removed one only where the model is not: it may be brought back."""
        model = self._model(name)
        version = model.versions.get(number)
        if version is None:
            raise RefusedError(f"the registered model {model.name!r} has no version {number}")
        return model, version

    def _is_there(self, model: ModelDraft, number: int) -> bool:
        version = model.versions.get(number)
        return version is not None and model.removed(version.created, version.deleted) is None

    def _add(self, name: str, act_id: str, now: int) -> ModelDraft:
        spelled = self.free(name)
        model = ModelDraft(_drawn(name, act_id), spelled, now, now)
        self.by_id[model.id] = model
        self.names[spelled] = model.id
        self.touched.setdefault(model.id, set()).add("started")
        return model

    def free(self, text: str) -> str:
        """Return the name in its spelling, which no registered model has now."""
        name = self._spelled(text)
        if wrong := why_no_name(text):
            raise RefusedError(wrong)
        bearer = self.by_id.get(self.names.get(name, ""))
        if bearer is not None and bearer.name == name:
            raise RefusedError(f"there is a registered model {name!r} already")
        return name


class _ModelChanges:
    """Changes of a registered model, all checked before any is made.

    Attributes:
        alias: the one alias whose rules are changed; None if there is no such one.
    """

    def __init__(
        self, registry: Registry, model: ModelDraft | None, now: int, changes: Mapping[str, Any]
    ) -> None:
        _check_names(changes, {"name", "note", "tags", "rules", "deleted"}, "registered model")
        self._registry = registry
        self._now = now
        self.name = None if "name" not in changes else _checked_text(changes["name"], "a name")
        if model is not None and self.name == model.name:
            self.name = None
        if self.name is not None:
            self.name = registry.free(self.name)
        self.note = None if "note" not in changes else _checked_text(changes["note"], "a note")
        self.tags = _checked_tags(changes.get("tags", {}))
        rules = changes.get("rules", {})
        if not isinstance(rules, Mapping):
            raise RefusedError("rules are given by alias")
        self.rules = {_checked_alias(alias): checked_rules(each) for alias, each in rules.items()}
        self.alias = next(iter(self.rules)) if len(self.rules) == 1 else None
        self.deleted = changes.get("deleted")
        if self.deleted not in (None, True, False):
            raise RefusedError("'deleted' is true or false")
        if self.deleted is False and model is not None and model.deleted is None:
            told = (
                f"; its versions from before it was removed come back one by one: {model.name}/1"
                if model.cleared is not None
                else ""
            )
            raise RefusedError(f"the registered model {model.name!r} is not removed{told}")
        if self.deleted and model is not None and (aliases := model.aliases):
            led = ", ".join(
                f"@{alias} points to version {number}" for alias, number in sorted(aliases.items())
            )
            raise RefusedError(
                f"the registered model {model.name!r} is in use: {led}; remove the alias first"
            )

    def do(self, model: ModelDraft) -> str:
        """Make the changes, and return them in words."""
        told = []
        if self.name is not None:
            told.append(f"renamed from {model.name}")
            model.name = self.name
            self._registry.names[self.name] = model.id
        if self.note is not None:
            model.note = self.note
            told.append("note")
        if self.tags:
            model.tags.update(self.tags)
            told.append(_told_tags(self.tags))
        for alias, rules in self.rules.items():
            model.rules[alias] = rules
            told.append(f"@{alias}: {spoken(rules)}")
        if self.deleted is not None:
            model.deleted = (model.deleted or self._now) if self.deleted else None
            told.append("removed" if self.deleted else "restored")
        return "; ".join(told)


def _edited(
    model: ModelDraft | None,
    version: VersionDraft,
    changes: Mapping[str, Any],
    actor: str,
    now: int,
    spelled: Callable[[str], str],
) -> str:
    """Make changes of a version, all checked before, and return them in words."""
    _check_names(
        changes, {"note", "tags", "stage", "evaluations", "approved", "deleted"}, "model version"
    )
    note = None if "note" not in changes else _checked_text(changes["note"], "a note")
    tags = _checked_tags(changes.get("tags", {}))
    stage = changes.get("stage")
    if stage is not None and stage not in STAGES:
        raise RefusedError(f"a stage is one of {', '.join(STAGES)}, not {str(stage)[:40]!r}")
    evaluations = _checked_evaluations(changes.get("evaluations", {}))
    approved = None if changes.get("approved") is None else _checked_alias(changes["approved"])
    deleted = changes.get("deleted")
    if deleted not in (None, True, False) or (model is None and deleted is not None):
        raise RefusedError("'deleted' is true or false, of a version that is there")
    if deleted and model is not None:
        leading = sorted(
            alias for alias, number in model.aliases.items() if number == version.number
        )
        if leading:
            led = " and ".join(f"@{alias}" for alias in leading)
            raise RefusedError(
                f"version {version.number} of {model.name!r} is in use by {led}: move the alias "
                "first"
            )
    is_removed = model is not None and model.removed(version.created, version.deleted) is not None
    if deleted is None and is_removed:
        raise RefusedError(f"version {version.number} was removed: restore it first")
    if deleted is False and not is_removed:
        raise RefusedError(f"version {version.number} is not removed")
    told = []
    if note is not None:
        version.note = note
        told.append("note")
    if tags:
        version.tags.update(tags)
        told.append(_told_tags(tags))
    if stage is not None:
        version.stage = stage
        told.append(f"stage {stage}")
    if evaluations:
        version.evaluations.update(evaluations)
        told.append(f"evaluated on {', '.join(sorted(evaluations))}"[:_MOST_SHOWN])
    if approved is not None:
        version.approvals[approved] = tuple(
            dict.fromkeys((*version.approvals.get(approved, ()), spelled(actor)))
        )
        told.append("approved")
    if deleted is not None:
        if model is not None and deleted != is_removed:
            model.count += -1 if deleted else 1
        if deleted:
            version.deleted = version.deleted if (version.deleted or 0) > 0 else now
        else:
            version.deleted = (
                None if model is None or model.removed(version.created, None) is None else -now
            )
        told.append("removed" if deleted else "restored")
    return "; ".join(told)


def _check_names(changes: Mapping[str, Any], known: set[str], what: str) -> None:
    unknown = set(changes) - known
    if unknown:
        raise RefusedError(
            f"a {what} has no {', '.join(sorted(unknown))[:_MOST_SHOWN]!r} that this fitprint "
            "could change: upgrade it"
        )


def _checked_text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise RefusedError(f"{what} is a text, not {str(value)[:40]!r}")
    return value


def _checked_tags(tags: Any) -> dict[str, str | None]:
    if not isinstance(tags, Mapping) or not all(
        isinstance(key, str) and key and (value is None or isinstance(value, str))
        for key, value in tags.items()
    ):
        raise RefusedError("tags are texts by name")
    return dict(tags)


def _checked_evaluations(evaluations: Any) -> dict[str, ModelEvaluation]:
    if not isinstance(evaluations, Mapping):
        raise RefusedError("evaluations are given by the name of the data")
    return {name: _checked_evaluation(name, value) for name, value in evaluations.items()}


def _checked_evaluation(name: str, value: Any) -> ModelEvaluation:
    try:
        digest, target_digest, metrics, goals = value
        texts = (name, digest + "-", target_digest + "-", *metrics, *goals)
        if not all(map(_text, texts)) or not set(goals.values()) <= {"min", "max"}:
            raise TypeError
        if not {type(number) for number in metrics.values()} <= {int, float}:
            raise TypeError
        return ModelEvaluation(
            digest,
            target_digest,
            {key: float(number) for key, number in metrics.items()},
            dict(goals),
        )
    except (TypeError, ValueError, AttributeError, OverflowError):
        raise RefusedError(f"the evaluation on {name[:_MOST_SHOWN]!r} is none") from None


def _checked_alias(alias: Any) -> str:
    if not isinstance(alias, str) or not _ALIAS.fullmatch(alias) or _TAKEN.fullmatch(alias):
        raise RefusedError(
            f"an alias cannot be called {str(alias)[:_MOST_SHOWN]!r}: it is 1 to 100 letters, "
            "digits, '_', '.' and '-', and neither 'latest' nor a number"
        )
    return alias


def _told_tags(tags: Mapping[str, str | None]) -> str:
    return ", ".join(
        f"{key} removed" if value is None else f"{key}={value}"
        for key, value in sorted(tags.items())
    )[:_MOST_SHOWN]


def _drawn(name: str, act_id: str) -> str:
    """Return an id, the same whenever a store folds its acts anew."""
    return hashlib.sha256(f"{act_id}\0{name}".encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _spoken_version(number: int) -> str:
    return f"version {number}" if number else "no version"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def model_record(
    draft: ModelDraft, former_names: tuple[str, ...], latest: int | None
) -> RegisteredModelRecord:
    """Return what a store tells of a registered model."""
    return RegisteredModelRecord(
        id=draft.id,
        name=draft.name,
        created=draft.created,
        changed=draft.changed,
        former_names=former_names,
        note=draft.note,
        tags={key: value for key, value in sorted(draft.tags.items()) if value is not None},
        aliases=dict(sorted(draft.aliases.items())),
        rules={alias: rules for alias, rules in sorted(draft.rules.items()) if rules},
        latest=latest if draft.deleted is None else None,
        version_count=draft.count if draft.deleted is None else 0,
        deleted_time=draft.deleted,
    )


def version_record(model: ModelDraft, draft: VersionDraft) -> ModelVersionRecord:
    """Return what a store tells of a version."""
    return ModelVersionRecord(
        id=draft.id,
        name=model.name,
        version=draft.number,
        run_id=draft.run,
        model=draft.model,
        artifacts=tuple(sorted(draft.artifacts, key=lambda artifact: artifact.path)),
        created=draft.created,
        actor=draft.actor,
        note=draft.note,
        tags={key: value for key, value in sorted(draft.tags.items()) if value is not None},
        aliases=tuple(
            sorted(alias for alias, number in model.aliases.items() if number == draft.number)
        ),
        stage=draft.stage,
        evaluations=dict(draft.evaluations),
        approvals=dict(draft.approvals),
        deleted_time=model.removed(draft.created, draft.deleted),
    )
