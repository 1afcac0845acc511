"""Registered models made anew in a store: versions under their numbers where that can be, then
aliases, then rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from fitprint import clock, events
from fitprint.copying.origin import Origin, is_of_all, reason_of
from fitprint.entities import Artifact, LoggedModel
from fitprint.errors import (
    ArtifactNotFoundError,
    IntegrityError,
    RefusedError,
    RegisteredModelNotFoundError,
)
from fitprint.ids import new_id
from fitprint.registered import ModelVersionRecord, RegisteredModelRecord
from fitprint.replay import act, keep
from fitprint.stores.protocol import ModelRegistry, Store

__all__ = ["CopiedVersion", "copy_registry"]

_MISSING = LoggedModel("model", "", "")


@dataclass(frozen=True, slots=True)
class CopiedVersion:
    """A version that was copied: of the registered model ``name``, its number where it came from,
    and its number now.
    """

    name: str
    origin: int
    version: int


@dataclass
class _Copying:
    """One registered model on its way."""

    origin: Origin
    store: Store
    registry: ModelRegistry
    model: RegisteredModelRecord
    bring: Callable[[tuple[Artifact, ...]], None]
    writer: Mapping[str, Any]
    numbers: dict[int, int] = field(default_factory=dict)
    added: list[CopiedVersion] = field(default_factory=list)

    def do(self) -> None:
        known = self._known()
        last = 0
        for version in self.origin.versions(self.model):
            for number in range(last + 1, version.version):
                self._version(_gap(self.model, number))
            last = version.version
            self._version(version)
        shifted = [each for each in self.added if each.origin != each.version]
        if shifted:
            told = ", ".join(
                f"version {each.origin} is {each.version}" for each in shifted[:10]
            ) + (", …" if len(shifted) > 10 else "")
            self.origin.problems.append(
                f"there was a registered model {self.model.name!r} already, so numbers changed: "
                f"{told}"
            )
        self._describe(known)
        self._lead()

    def _known(self) -> RegisteredModelRecord | None:
        try:
            return self.registry.model(self.model.name)
        except RegisteredModelNotFoundError:
            return None

    def _version(self, version: ModelVersionRecord) -> None:
        """Register a version unless that was done before; a removed one, too, for its number is
        taken.
        """
        journal = f"copy-{self.model.id}"
        # asked for first: who copies at the same time cannot come in between
        place = self.store.position(journal)
        decision = self.store.decision(version.id)
        if decision is None:
            keep(self.store, journal, self._acts(version), self.writer, place)
            decision = self.store.decision(version.id)
            if (
                decision is not None
                and decision.version is not None
                and decision.refusal is None
                and version.deleted_time is None
            ):
                self.added.append(CopiedVersion(self.model.name, version.version, decision.version))
        if decision is None or decision.refusal is not None:
            reason = decision.refusal if decision is not None else "the store says nothing of it"
            self.origin.problems.append(
                f"version {version.version} of {self.model.name!r} was not copied: {reason}"
            )
            return
        self.numbers[version.version] = number = decision.version or 0
        if version.deleted_time is not None:
            removed = events.ModelVersionEdited(
                self.model.name,
                clock.now(),
                "",
                "",
                number,
                {"deleted": True},
                self._reason(version),
            )
            self._once(version.id, removed)

    def _once(self, what: str, wanted: events.ModelAct) -> None:
        """Do what nobody has done for this before, also in a copying that was killed."""
        id_ = hashlib.sha256(f"{self.model.id}\0{what}".encode()).hexdigest()[:32]
        if self.store.decision(id_) is None:
            self._try(replace(wanted, id=id_))

    def _acts(self, version: ModelVersionRecord) -> list[events.Event]:
        if version.deleted_time is None:
            self.bring(version.artifacts)
        else:
            try:
                self.bring(version.artifacts)
            except (ArtifactNotFoundError, IntegrityError):  # nobody needs them
                version = replace(version, artifacts=())
        evaluations = {data: e.to_json() for data, e in version.evaluations.items()}
        stage = version.stage if version.stage != "None" else ""
        changes = {
            "tags": dict(version.tags),
            "note": version.note,
            "evaluations": evaluations,
            "stage": stage,
        }
        given = {key: value for key, value in changes.items() if value}
        reason = self._reason(version)
        made = events.ModelVersionCreated(
            self.model.name,
            clock.now(),
            version.id,
            "",
            version.run_id,
            version.model,
            version.artifacts,
            given,
            reason,
        )
        if version.approvals and version.deleted_time is None:
            who = ", ".join(
                sorted({each for names in version.approvals.values() for each in names})
            )
            self.origin.problems.append(
                f"version {version.version} of {self.model.name!r}: approvals stay behind (by "
                f"{who})"
            )
        return [made]

    def _reason(self, version: ModelVersionRecord) -> str:
        if version.model is _MISSING:
            return f"{self.origin.uri} has no version {version.version}"
        by = f" by {version.actor}" if version.actor else ""
        return (
            f"copied from {self.origin.uri}: version {version.version}, registered "
            f"{_utc(version.created)}{by}"
        )

    def _describe(self, known: RegisteredModelRecord | None) -> None:
        """Give the registered model what it has not been told."""
        tags = {
            key: value
            for key, value in self.model.tags.items()
            if known is None or key not in known.tags
        }
        note = self.model.note if known is None or not known.note else ""
        changes = {"created": known is None and not self.numbers, "tags": tags, "note": note}
        self._edit({key: value for key, value in changes.items() if value})

    def _edit(self, changes: Mapping[str, Any]) -> None:
        if changes:
            reason = f"copied from {self.origin.uri}"
            self._try(
                events.RegisteredModelEdited(
                    self.model.name, clock.now(), new_id(), "", changes, reason
                )
            )

    def _lead(self) -> None:
        """Let aliases lead where they led, then let the rules hold; what leads elsewhere here, or
        has rules, stays as it is.
        """
        known = self._known()
        if known is None:
            return
        for alias, number in sorted(self.model.aliases.items()):
            wanted, held = self.numbers.get(number), known.aliases.get(alias, 0)
            if wanted is None or held == wanted:
                continue
            if held:
                told = (
                    f"{self.model.name}@{alias} points to version {held} and stays there; in "
                    f"{self.origin.uri} it points to what is {wanted}"
                )
                self.origin.problems.append(
                    f"{told} here: `fitprint models promote {self.model.name} {wanted} {alias}` "
                    "moves it"
                )
                continue
            reason = f"copied from {self.origin.uri}, where it led to version {number}"
            self._try(
                events.AliasMoved(
                    self.model.name, clock.now(), new_id(), "", alias, wanted, 0, reason=reason
                )
            )
        rules = {
            alias: rules for alias, rules in self.model.rules.items() if not known.rules.get(alias)
        }
        if rules:
            reason = f"copied from {self.origin.uri}"
            self._once(
                "rules",
                events.RegisteredModelEdited(
                    self.model.name, clock.now(), "", "", {"rules": rules}, reason
                ),
            )

    def _try(self, wanted: events.ModelAct) -> None:
        try:
            act(self.store, [wanted], self.writer)
        except RefusedError as error:
            self.origin.problems.append(f"the registered model {self.model.name!r}: {error}")


def copy_registry(
    origin: Origin,
    store: Store,
    bring: Callable[[tuple[Artifact, ...]], None],
    writer: Mapping[str, Any],
) -> list[CopiedVersion]:
    """Copy the registered models of an origin, and return the versions that were added.

    Args:
        origin: where they come from; what could not be copied is added to its problems.
        store: where they go.
        bring: brings the bytes of files to where the readers of the store find them.
        writer: facts on who copies.
    """
    added: list[CopiedVersion] = []
    registry, left = store.registry, 0
    for model in origin.models():
        if registry is None:
            left += 1
            continue
        copying = _Copying(origin, store, registry, model, bring, writer)
        try:
            copying.do()
        except Exception as error:
            if is_of_all(error):
                raise
            origin.problems.append(
                f"the registered model {model.name!r} was not copied to its end: {reason_of(error)}"
            )
        added += copying.added
    if left:
        origin.problems.append(
            f"{left} registered models stay behind: the store {store.uri} keeps none; a SQLite "
            "file does"
        )
    return added


def _utc(time: int) -> str:
    return datetime.fromtimestamp(time / 1e6, timezone.utc).isoformat(timespec="seconds")


def _gap(model: RegisteredModelRecord, number: int) -> ModelVersionRecord:
    """Return what takes a number that the origin gave to a version which is not there any more."""
    id_ = hashlib.sha256(f"{model.id}\0{number}".encode()).hexdigest()[:32]
    return ModelVersionRecord(id_, model.name, number, "", _MISSING, deleted_time=model.created)
