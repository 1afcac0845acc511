"""A store as the origin of runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from fitprint.artifacts.blobs import Blobs
from fitprint.artifacts.opening import default_for, open_artifact_store, resolved
from fitprint.copying.origin import Described, Listed, Origin
from fitprint.entities import OPEN_STATUSES, RunRecord
from fitprint.errors import ArtifactNotFoundError, RegisteredModelNotFoundError
from fitprint.events import MetricPoints
from fitprint.hooks.manager import hooks
from fitprint.query.grammar import parse
from fitprint.recording.workspace import Workspace
from fitprint.registered import ModelVersionRecord, RegisteredModelRecord
from fitprint.stores.lineage import moved_together
from fitprint.stores.paging import every_run
from fitprint.views.selection import question

if TYPE_CHECKING:
    from fitprint.artifacts.protocol import ArtifactStore

__all__ = ["StoreOrigin"]


class StoreOrigin(Origin):
    """The runs of a workspace's store: all, or those that match a filter, with all below them.

    Nothing is written there.

    Args:
        workspace: which reads the store.
        filter_string: in the language of filters; with one, runs in the trash and those of archived
            experiments are left out, and of registered models those that no chosen run has a
            version of.
    """

    def __init__(self, workspace: Workspace, filter_string: str = "") -> None:
        super().__init__(workspace.store_uri)
        self._store = workspace.store
        self._filter = filter_string
        self._chosen: set[str] = set()
        self._experiments: set[str] = set()
        self._place = _Place(workspace)
        self._blobs = (
            workspace.blobs
            if self._store.artifact_uri is not None
            else Blobs(workspace.staging, lambda: self._place)
        )

    def runs(self) -> Iterator[Listed]:
        store = self._store
        self._chosen = set()
        if not self._filter:
            # named, those in the archive count, too
            names = [each.name for each in store.experiments()]
            query = parse("", order_by=["start_time", "id"], experiments=names, deleted="include")
        else:
            query = question(store, self._filter, ["start_time", "id"], parts=True)
        for record in every_run(store, query):
            for each in moved_together(store, record) if self._filter else (record,):
                if each.id not in self._chosen:
                    self._chosen.add(each.id)
                    self._experiments.add(each.experiment)
                    yield Listed(each.id, each.parent_id, each.status in OPEN_STATUSES)

    def run(self, run_id: str) -> RunRecord:
        return self._store.run(run_id)

    def points(self, run: RunRecord) -> Iterator[MetricPoints]:
        for key, summary in sorted(run.metrics.items()):
            history = self._store.metric_history(run.id, key)
            if len(history):
                yield MetricPoints(run.id, history.timestamp[-1], key, history, summary.goal)

    def open(self, digest: str) -> BinaryIO:
        return self._blobs.open(digest)

    def experiments(self) -> Iterator[Described]:
        for each in self._store.experiments():
            if not self._filter or each.name in self._experiments:
                yield Described(each.name, each.tags, each.note, each.archived_time is not None)

    def models(self) -> Iterator[RegisteredModelRecord]:
        registry = self._store.registry
        for model in registry.models() if registry is not None else ():
            if model.deleted_time is None and (
                not self._filter or any(v.run_id in self._chosen for v in self.versions(model))
            ):
                yield model

    def versions(self, model: RegisteredModelRecord) -> Iterator[ModelVersionRecord]:
        registry, number = self._store.registry, 0
        while registry is not None:
            number += 1
            try:
                yield registry.version(model.name, number)
            except RegisteredModelNotFoundError:  # numbers have no gaps: this was the last
                return

    def close(self) -> None:
        self._place.close()


class _Place:
    """The bytes beside a store for which nobody has chosen an artifact store; who reads does not
    choose one.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._opened: ArtifactStore | None = None

    def open(self, digest: str) -> BinaryIO:
        if self._opened is None:
            uri = self._workspace.known_store().uri
            place = default_for(uri)
            if place is None:
                raise ArtifactNotFoundError(
                    f"the bytes of {digest} are in the home that recorded them: copy from there"
                )
            self._opened = open_artifact_store(
                resolved(place, uri), hooks().registered("register_artifact_stores")
            )
        return self._opened.open(digest)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
