"""Registered models and their versions, as handles, and what a model URI leads to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint import clock
from fitprint.arguments import checked_count, checked_items, checked_text, shown
from fitprint.context.secrecy import tag_texts
from fitprint.entities import Artifact, Decision, LoggedModel, RunRecord
from fitprint.errors import (
    FitprintError,
    ModelNotFoundError,
    RefusedError,
    RegisteredModelNotFoundError,
    RegistryUnreachableError,
    RunNotFoundError,
    StoreError,
)
from fitprint.events import AliasMoved, ModelVersionEdited, RegisteredModelEdited
from fitprint.hooks.manager import hooks
from fitprint.ids import new_id
from fitprint.recording.acts import perform
from fitprint.recording.answering import Waiting
from fitprint.recording.model_uris import (
    SCHEME,
    ModelURI,
    found_model,
    number_of,
    of_alias,
    registry_of,
    told_time,
)
from fitprint.recording.reading import RunReader
from fitprint.recording.workspace import Workspace, current
from fitprint.registered import STAGES, ModelEvaluation, ModelVersionRecord, RegisteredModelRecord

if TYPE_CHECKING:
    from fitprint.events import ModelAct
    from fitprint.stores.protocol import ModelRegistry, Store
    from fitprint.views.model_versions import VersionComparison

__all__ = ["ModelVersion", "RegisteredModel", "decided", "get_model_version", "searched"]

_MOST = 1000  # acts of a history
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TAGS = "{'team': 'a'}"


def get_model_version(uri: str | ModelVersion) -> ModelVersion:
    """Return the version that a URI leads to.

    Args:
        uri: ``models:/NAME@ALIAS``, ``models:/NAME/3``, ``models:/NAME/latest``, or a stage in the
            place of a number. With ``?at=2026-05-01T12:00:00Z`` it is the version of that time, by
            the store's clock (stages have no past, and ``latest`` is then the newest that had been
            registered, removed or not). ``models:/`` may be left out.

    Raises:
        RegisteredModelNotFoundError: there is no such version; the message says what there is.
        ModelNotFoundError: it is no URI of a registered model.
    """
    if isinstance(uri, ModelVersion):
        return uri
    asked = ModelURI.read(checked_text(uri, "the URI of a version", ModelNotFoundError))
    workspace = current()
    registry = registry_of(workspace.store)
    model = found_model(registry, asked.name)
    number = number_of(registry, model, asked)
    record = registry.version(asked.name, number)
    if asked.at is not None and record.created > asked.at:
        raise RegisteredModelNotFoundError(
            f"version {number} of {model.name} was registered later: {told_time(record.created)}"
        )
    if asked.at is None and record.deleted_time is not None:
        raise RegisteredModelNotFoundError(
            f"version {number} of {model.name} was removed: `fitprint models restore "
            f"{model.name}/{number}`"
        )
    return ModelVersion(workspace, record)


class ModelVersion:
    """A version of a registered model.

    What it says is as it was when it was looked up; :meth:`refresh` looks again.
    """

    def __init__(self, workspace: Workspace, record: ModelVersionRecord) -> None:
        self.workspace = workspace
        self.record = record

    def __repr__(self) -> str:
        aliases = "".join(f" @{alias}" for alias in self.aliases)
        return (
            f"<fitprint.ModelVersion {self.name}/{self.version}{aliases}, "
            f"{self.record.model.flavor}>"
        )

    def __eq__(self, other: object) -> bool:
        return (
            self.record.id == other.record.id if isinstance(other, ModelVersion) else NotImplemented
        )

    def __hash__(self) -> int:
        return hash(self.record.id)

    @property
    def name(self) -> str:
        """The name of the registered model."""
        return self.record.name

    @property
    def version(self) -> int:
        """Its number: 1, 2 ..."""
        return self.record.version

    @property
    def uri(self) -> str:
        """What leads to it: ``models:/NAME/3``."""
        return f"{SCHEME}{self.name}/{self.version}"

    @property
    def run_id(self) -> str | None:
        """The run that recorded it, if that is known."""
        return self.record.run_id or None

    @property
    def aliases(self) -> tuple[str, ...]:
        return self.record.aliases

    @property
    def tags(self) -> Mapping[str, str]:
        return self.record.tags

    @property
    def note(self) -> str:
        return self.record.note

    @property
    def stage(self) -> str:
        """One of MLflow's stages, for those who use them."""
        return self.record.stage

    @property
    def created(self) -> datetime:
        """When it was registered, in UTC, by the store's clock."""
        return datetime.fromtimestamp(self.record.created / 1e6, tz=timezone.utc)

    @property
    def metrics(self) -> Mapping[str, float]:
        """What is known of how good it is: ``DATA_METRIC`` for each evaluation."""
        evaluations = self.record.evaluations.items()
        return {
            f"{data}_{metric}": value
            for data, each in evaluations
            for metric, value in each.metrics.items()
        }

    @property
    def source(self) -> RunReader:
        """The version as a run that has it as its model ``model``: what reads and downloads a run's
        files does so for the version's.
        """
        model = self.record.model
        logged = LoggedModel("model", model.flavor, model.digest, model.facts)
        files = tuple(
            Artifact(f"model/{file.path}", file.digest, file.size) for file in self.record.artifacts
        )
        shown_as = RunRecord(
            f"{self.name}/{self.version}",
            self.name,
            "",
            "FINISHED",
            self.record.created,
            models=(logged,),
            artifacts=files,
        )
        return RunReader(self.workspace, shown_as.id, record=shown_as)

    def refresh(self) -> None:
        """Look it up anew."""
        self.record = registry_of(self.workspace.store).version(self.name, self.version)

    def download(self, destination: str | Path | None = None) -> Path:
        """Copy the model's files, and return the folder; by default a new one, ``NAME-VERSION``.

        Raises:
            PendingBytesError: bytes are still where they were recorded.
            IntegrityError: the stored bytes have changed.
        """
        return self.source.download(
            "model", destination if destination is not None else Path(f"{self.name}-{self.version}")
        )

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; values become text, and None removes one."""
        self._edit({"tags": tag_texts(checked_items(tags, _TAGS))})

    def set_note(self, text: str) -> None:
        """Write down what the version is about (Markdown), in place of the note before."""
        self._edit({"note": checked_text(text, "a note", empty=True)})

    def set_stage(self, stage: str, *, reason: str = "") -> None:
        """Put it into one of MLflow's stages: None, Staging, Production or Archived.

        Aliases say more.
        """
        known = next((each for each in STAGES if each.lower() == str(stage).lower()), stage)
        self._edit({"stage": known}, reason)

    def compare(self, other: ModelVersion | str) -> VersionComparison:
        """Return how ``other``, a version or its URI, differs from this one: would callers break,
        model, evaluations, its run.
        """
        other = get_model_version(other)
        from fitprint.views.model_versions import compared_versions

        return compared_versions(self.record, other.record, [each._run() for each in (self, other)])  # noqa: SLF001 - of this class

    def _run(self) -> RunRecord | None:
        try:
            return (
                self.workspace.known_store().run(self.record.run_id) if self.record.run_id else None
            )
        except RunNotFoundError:
            return None

    def tell_evaluation(self, data: str, found: ModelEvaluation) -> None:
        """Record how good it is on named data; :func:`fitprint.evaluate` does."""
        self._edit({"evaluations": {data: found.to_json()}})

    def approve(self, alias: str, *, reason: str = "") -> None:
        """Approve that an alias leads to it, where the alias asks for approvals by others (see
        :meth:`RegisteredModel.set_rules`).
        """
        self._edit({"approved": _checked_alias(alias)}, reason)

    def delete(self, *, reason: str = "") -> None:
        """Take it out of the lists; its number is not given again, and :meth:`restore` brings it
        back.

        Raises:
            RefusedError: an alias leads to it.
        """
        self._edit({"deleted": True}, reason)

    def restore(self, *, reason: str = "") -> None:
        """Bring it back."""
        self._edit({"deleted": False}, reason)

    def _edit(self, changes: Mapping[str, Any], reason: str = "") -> None:
        reason = checked_text(reason, "a reason", empty=True)
        decided(
            self.workspace,
            ModelVersionEdited(self.name, clock.now(), new_id(), "", self.version, changes, reason),
        )
        self.record = _known(self.workspace).version(self.name, self.version)


class RegisteredModel:
    """A registered model, its versions and aliases.

    What it says is as it was when it was looked up; each of its verbs looks again.
    """

    def __init__(self, workspace: Workspace, record: RegisteredModelRecord) -> None:
        self.workspace = workspace
        self.record = record

    def __repr__(self) -> str:
        count = self.record.version_count
        aliases = "".join(f", @{alias} is {number}" for alias, number in self.aliases.items())
        return (
            f"<fitprint.RegisteredModel {self.name!r}, {count} "
            f"{'version' if count == 1 else 'versions'}{aliases}>"
        )

    def __eq__(self, other: object) -> bool:
        return (
            self.record.id == other.record.id
            if isinstance(other, RegisteredModel)
            else NotImplemented
        )

    def __hash__(self) -> int:
        return hash(self.record.id)

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def note(self) -> str:
        return self.record.note

    @property
    def tags(self) -> Mapping[str, str]:
        return self.record.tags

    @property
    def aliases(self) -> Mapping[str, int]:
        """The number of the version to which each alias leads."""
        return self.record.aliases

    @property
    def rules(self) -> Mapping[str, Mapping[str, Any]]:
        """What must hold before an alias is moved, by alias."""
        return self.record.rules

    @property
    def latest(self) -> int | None:
        """The number of the newest version; None if it has none."""
        return self.record.latest

    def refresh(self) -> None:
        """Look it up anew."""
        self.record = registry_of(self.workspace.store).model(self.name)

    def versions(self, filter_string: str | None = None) -> list[ModelVersion]:
        """Return its versions that match a filter, newest first (see
        :func:`search_model_versions`).
        """
        from fitprint.query.expressions import And, Comparison, Expression, Field

        self.refresh()

        def of_this(where: Expression | None) -> Expression:
            own = Comparison(Field("attribute", "name"), "=", self.name)
            return own if where is None else And((own, where))

        return searched(self.workspace, filter_string, narrowed=of_this)

    def version(self, version: int | str) -> ModelVersion:
        """Return a version, by its number, an alias, or "latest"."""
        if isinstance(version, str) and not version.isdecimal() and version != "latest":
            return get_model_version(f"{SCHEME}{self.name}@{version.removeprefix('@')}")
        return get_model_version(f"{SCHEME}{self.name}/{version}")

    def removed_version(self, version: int) -> ModelVersion:
        """Return a version that was removed, or not, by its number."""
        return ModelVersion(
            self.workspace, registry_of(self.workspace.store).version(self.name, version)
        )

    def promote(self, version: int | str, alias: str, *, reason: str = "") -> ModelVersion:
        """Let an alias lead to a version, if it still leads to where it did when this handle was
        looked up, and return the version.

        Args:
            version: its number, another alias, or "latest".
            alias: 1 to 100 letters, digits, ``_``, ``.`` and ``-``.
            reason: why; it stands in the history.

        Raises:
            RefusedError: somebody else has moved it meanwhile, or a rule says no; the message says
                why.
        """
        found = self.version(version)
        alias = _checked_alias(alias)
        self._ask_plugins(found, alias)
        self._move(alias, found.version, self.aliases.get(alias, 0), reason=reason)
        return ModelVersion(
            self.workspace, _known(self.workspace).version(self.name, found.version)
        )

    def set_alias(self, alias: str, version: int | str, *, reason: str = "") -> None:
        """Let an alias lead to a version, wherever it led before; rules hold all the same."""
        found = self.version(version)
        alias = _checked_alias(alias)
        self._ask_plugins(found, alias)
        self._move(alias, found.version, None, reason=reason)

    def delete_alias(self, alias: str, *, reason: str = "") -> None:
        """Remove an alias."""
        self._move(_checked_alias(alias), 0, None, reason=reason)

    def rollback(self, alias: str, *, reason: str = "") -> ModelVersion:
        """Let an alias lead to the version to which it led before, and return that; no rule is
        asked, for it had passed them.

        Raises:
            RefusedError: it has no previous version that is still there.
        """
        alias = _checked_alias(alias)
        self._move(alias, 0, self.aliases.get(alias, 0), back=True, reason=reason)
        return self.version(alias)

    def set_rules(
        self, alias: str, *, approvals: int = 0, beats: str = "", reason: str = ""
    ) -> None:
        """Say what must hold before an alias leads to another version, in place of what held
        before.

        On a store that many open directly this is advice: who can write to the database can change
        it.

        Args:
            alias: the alias.
            approvals: how many people, others than the one who moves it, must approve a version
                (:meth:`ModelVersion.approve`).
            beats: a metric such as "test_accuracy_score", by which a version must be better than
                the one before, both evaluated on the same data by :func:`fitprint.evaluate`.
            reason: why.
        """
        alias = _checked_alias(alias)
        self._edit({"rules": {alias: {"approvals": approvals, "beats": beats}}}, reason)

    def rename(self, name: str) -> None:
        """Give it another name; the one that it had leads to it until another gets it."""
        self._edit({"name": checked_text(name, "the name of a registered model")})

    def set_note(self, text: str) -> None:
        """Write down what it is about (Markdown), in place of the note before."""
        self._edit({"note": checked_text(text, "a note", empty=True)})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; values become text, and None removes one."""
        self._edit({"tags": tag_texts(checked_items(tags, _TAGS))})

    def delete(self, *, reason: str = "") -> None:
        """Take it out of the lists with all its versions; :meth:`restore` brings them back.

        Raises:
            RefusedError: an alias leads to one of them.
        """
        self._edit({"deleted": True}, reason)

    def restore(self, *, reason: str = "") -> None:
        """Bring it back, with the versions that were removed with it."""
        self._edit({"deleted": False}, reason)

    def history(self, alias: str | None = None, *, limit: int | None = None) -> Sequence[Decision]:
        """Return what was done to it, or to one alias, the latest first; refusals too.

        ``limit`` is the greatest number of acts that are returned, 1000 by default.
        """
        alias = None if alias is None else _checked_alias(alias)
        most = _MOST if limit is None else checked_count(limit, "limit")
        return registry_of(self.workspace.store).decisions(self.record.id, alias=alias, limit=most)

    def at(self, time: datetime, alias: str) -> ModelVersion | None:
        """Return the version to which an alias led at a time; None if it led to none."""
        alias = _checked_alias(alias)
        if not isinstance(time, datetime):
            raise FitprintError(f"at() takes a datetime, not {shown(time)}")
        moment = (time.astimezone(timezone.utc) - _EPOCH) // timedelta(microseconds=1)
        try:
            number = of_alias(registry_of(self.workspace.store), self.record, alias, moment)
        except RegisteredModelNotFoundError:
            return None
        return ModelVersion(
            self.workspace, registry_of(self.workspace.store).version(self.name, number)
        )

    def _ask_plugins(self, version: ModelVersion, alias: str) -> None:
        """Let plugins say no. One that fails says no, too."""
        for plugin, answer in hooks().decide(
            "decide_transition", name=self.name, version=version.version, alias=alias
        ):
            raise RefusedError(
                f"the plugin {plugin} does not let version {version.version} of {self.name} have "
                f"@{alias}: {answer}"
            )

    def _move(
        self, alias: str, version: int, expected: int | None, *, back: bool = False, reason: str
    ) -> None:
        reason = checked_text(reason, "a reason", empty=True)
        decided(
            self.workspace,
            AliasMoved(
                self.name, clock.now(), new_id(), "", alias, version, expected, back, reason
            ),
        )
        self.record = _known(self.workspace).model(self.name)

    def _edit(self, changes: Mapping[str, Any], reason: str = "") -> None:
        reason = checked_text(reason, "a reason", empty=True)
        decided(
            self.workspace,
            RegisteredModelEdited(self.name, clock.now(), new_id(), "", changes, reason),
        )
        self.record = _known(self.workspace).model(changes.get("name", self.name))


def _known(workspace: Workspace) -> ModelRegistry:
    """Return the registered models as the last delivery left them."""
    return registry_of(workspace.known_store())


def _checked_alias(alias: str) -> str:
    """Return an alias, which may have been written with the @ of a URI."""
    return checked_text(alias, "an alias").removeprefix("@")


def searched(
    workspace: Workspace,
    text: str | None = None,
    order_by: Any = (),
    most: int = 100_000,
    narrowed: Callable[[Any], Any] = lambda where: where,
) -> list[ModelVersion]:
    """Return the versions that match a filter, whose condition ``narrowed`` may change."""
    from dataclasses import replace

    from fitprint.query.fields import VERSIONS
    from fitprint.query.grammar import parse
    from fitprint.stores.paging import every_version

    query = parse("" if text is None else text, order_by=order_by, vocabulary=VERSIONS)
    query = replace(query, where=narrowed(query.where))
    found = every_version(registry_of(workspace.store), query, min(1000, most))
    return [ModelVersion(workspace, record) for record in islice(found, most)]


def decided(workspace: Workspace, act: ModelAct, waiting: Waiting | None = None) -> Decision:
    """Ask for one act, wait at most as long as the setting says (and not longer than is left of the
    wait that has begun), and return what was decided.

    Raises:
        RefusedError: the store refused it.
        RegistryUnreachableError: it has not answered.
    """
    waiting = waiting or Waiting(workspace)
    try:
        store: Store | None = waiting.answer(workspace.known_store)
    except StoreError:
        store = None  # what is wanted is written down all the same
    if store is not None:
        registry_of(store)
    try:
        perform(workspace, act, patience=workspace.settings["registry_wait"], waiting=waiting)
        decision = waiting.answer(lambda: workspace.known_store().decision(act.id))
    except (RefusedError, RegistryUnreachableError):
        raise
    except StoreError as error:
        raise RegistryUnreachableError(str(error)) from error
    assert decision is not None
    return decision
