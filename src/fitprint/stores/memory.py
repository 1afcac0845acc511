"""The reference store: everything in plain Python objects of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fitprint.entities import (
    Artifact,
    Changes,
    Consumer,
    Decision,
    Experiment,
    History,
    PendingBytes,
    RunRecord,
    RunStatus,
)
from fitprint.errors import RunNotFoundError
from fitprint.events import (
    ArtifactsLogged,
    Batch,
    BytesFreed,
    ChangesFollowed,
    Event,
    ModelVersionCreated,
    RunPurged,
)
from fitprint.ids import is_short_for, new_id
from fitprint.query.grammar import Query
from fitprint.stores import evaluation, paging
from fitprint.stores.arrivals import Arrivals
from fitprint.stores.changes import ChangeLog, followed
from fitprint.stores.folding import LOST_AFTER, Draft, is_new, is_sign_of_life
from fitprint.stores.protocol import Keys, ModelRegistry, OpenRun, Page, Store
from fitprint.stores.records import Records
from fitprint.stores.sampling import sampled

__all__ = ["MemoryStore", "shared"]

_shared: dict[str, MemoryStore] = {}
_lock = threading.Lock()


def shared(uri: str) -> MemoryStore:
    """Return the one store of this process for the URI ``memory://NAME``."""
    with _lock:
        if uri not in _shared:
            _shared[uri] = MemoryStore(uri)
        return _shared[uri]


class MemoryStore(Store):
    """A store that lasts as long as the object; its methods may be called from several threads at
    once.

    A store that keeps batches and folds them anew can use one, and set ``now`` to the time at which
    it first took the batch.
    """

    lost_after = LOST_AFTER

    def __init__(self, uri: str = "memory://") -> None:
        self.uri = uri
        self._id = new_id()
        self._records = Records()
        self._arrivals = Arrivals()
        self._writers: dict[str, Mapping[str, Any]] = {}
        self._positions: dict[str, int] = {}
        # when journals whose writers give signs of life were heard last
        self._heard: dict[str, int] = {}
        self._changes = ChangeLog()
        self._consumers: dict[str, Consumer] = {}
        self._lock = threading.RLock()

    @property
    def id(self) -> str:
        return self._id

    @property
    def now(self) -> Callable[[], int]:
        """The store's clock, by which acts are decided."""
        return self._records.now

    @now.setter
    def now(self, clock: Callable[[], int]) -> None:
        self._records.now = clock

    def append(self, batch: Batch) -> None:
        with self._lock:
            if is_sign_of_life(batch, self.position(batch.journal)):
                self._heard[batch.journal] = self.now()
            if not is_new(batch, self.position(batch.journal)):
                return
            events = tuple(batch.events)  # read to their end before anything is kept
            asked = {
                event.run for event in events if isinstance(event, RunPurged)
            } - self._records.purged
            had = {run: self._digests_of([run]) for run in asked}
            for event in events:
                self._records.fold(event, batch)
            # a purge may have been refused
            doomed = {digest for run in asked & self._records.purged for digest in had[run]}
            freed = {
                digest
                for event in events
                if isinstance(event, BytesFreed)
                for digest in event.digests
            }
            self._arrivals.free(freed)
            doomed |= freed
            self._arrivals.forget(
                doomed - {artifact.digest for artifact, _ in self._artifacts()} if doomed else ()
            )
            self._arrivals.fold(
                [event for event in events if self._has_files(event)],
                batch.journal,
                self._artifacts,
            )
            for event in events:
                if isinstance(event, ChangesFollowed):
                    self._follow(event)
            self._changes.add(self._records.take_touched())
            self._positions[batch.journal] = batch.end
            self._writers[batch.journal] = batch.writer
            if batch.journal in self._heard:
                self._heard[batch.journal] = self.now()

    def _has_files(self, event: Event) -> bool:
        """Tell whether the files that the event logs, if it logs any, belong to something that is
        there.
        """
        if isinstance(event, ArtifactsLogged):
            return event.run not in self._records.purged
        return (
            not isinstance(event, ModelVersionCreated)
            or getattr(self._records.decisions.get(event.id), "refusal", None) is None
        )

    def _follow(self, event: ChangesFollowed) -> None:
        known = followed(self._consumers.get(event.consumer), event, self.now())
        if known is not None:
            self._consumers[event.consumer] = known

    def position(self, journal: str) -> int:
        with self._lock:
            return self._positions.get(journal, 0)

    def open_runs(self, journal: str) -> Sequence[OpenRun]:
        with self._lock:
            lives = [draft.life for draft in self._records.runs.values()]
            return [
                OpenRun(life.id, life.last_time)
                for life in lives
                if life.owner == journal and life.status == "RUNNING"
            ]

    def run(self, run_id: str) -> RunRecord:
        with self._lock:
            draft = self._records.runs.get(run_id)
            if draft is None or draft.life.experiment is None:
                raise RunNotFoundError(f"there is no run {run_id!r} in {self.uri}")
            return self._run(draft)

    def resolve(self, text: str) -> Sequence[str]:
        found = [
            run
            for run in self.runs()
            if run.id.startswith(text) or run.name == text or is_short_for(text, run.id)
        ]
        return [
            run.id
            for run in sorted(
                found, key=lambda run: (run.deleted_time is not None, -run.start_time, run.id)
            )
        ][:10]

    def children(self, run_id: str) -> Sequence[RunRecord]:
        found = [run for run in self.runs() if run.parent_id == run_id and run.deleted_time is None]
        return sorted(found, key=lambda run: (run.start_time, run.id))

    def search_runs(self, query: Query, *, limit: int = 100, token: str | None = None) -> Page:
        columns = paging.columns(query)
        archived = (
            self._archived() if query.experiments is None and query.deleted == "exclude" else set()
        )
        runs = [
            run for run in self.runs() if run.experiment not in archived and _in_scope(query, run)
        ]
        found = {run.id: (evaluation.place_of(run, columns), run) for run in runs}
        places = evaluation.page(query, [place for place, _ in found.values()], token)
        page = [found[str(place[-1])][1] for place in places[:limit]]
        return Page(page, paging.token(query, places[limit - 1]) if len(places) > limit else None)

    def metric_history(self, run_id: str, key: str, *, max_points: int | None = None) -> History:
        with self._lock:
            draft = self._records.runs.get(run_id)
            if draft is None or key not in draft.points:
                return History()
            copy = draft.points[key].history.part()
        return copy if max_points is None else sampled(copy, max_points)

    def experiments(self) -> Sequence[Experiment]:
        with self._lock:
            drafts = list(self._records.experiments.by_id.values())
            former = self._former_names()
            lives = [
                draft.life
                for draft in self._records.runs.values()
                if draft.life.deleted_time is None
            ]
        times: dict[str | None, list[int]] = {}
        for life in lives:
            times.setdefault(life.experiment, []).append(life.last_time)
        return [
            Experiment(
                id=draft.id,
                number=number,
                name=draft.name,
                created=draft.created,
                archived_time=draft.archived,
                former_names=tuple(sorted(former.get(draft.id, ()))),
                tags={key: value for key, value in draft.tags.items() if value is not None},
                note=draft.note,
                run_count=len(times.get(draft.id, ())),
                last_activity=max(times.get(draft.id, ()), default=None),
            )
            for number, draft in sorted(enumerate(drafts, 1), key=lambda item: item[1].name)
        ]

    def _archived(self) -> set[str]:
        with self._lock:
            return {
                draft.name
                for draft in self._records.experiments.by_id.values()
                if draft.archived is not None
            }

    def _former_names(self) -> dict[str, list[str]]:
        """Return, by experiment, the names that lead there now and are not its own."""
        found: dict[str, list[str]] = {}
        experiments = self._records.experiments
        for name, bearers in experiments.bearers.items():
            bearer = experiments.by_id[bearers[-1][1]]
            if bearer.name != name:
                found.setdefault(bearer.id, []).append(name)
        return found

    def decision(self, act_id: str) -> Decision | None:
        with self._lock:
            return self._records.decisions.get(act_id)

    def changes(self, since: str = "", *, limit: int = 1000) -> Changes:
        with self._lock:
            return self._changes.since(since, limit, self._is_shown)

    def _is_shown(self, subject: tuple[str, str]) -> bool:
        draft = self._records.runs.get(subject[1]) if subject[0] == "run" else None
        return draft is None or draft.life.experiment is not None

    def consumer(self, name: str) -> Consumer | None:
        with self._lock:
            return self._consumers.get(name)

    def keys(self, experiment: str | None = None) -> Keys:
        with self._lock:
            drafts = [
                draft for draft in self._records.runs.values() if draft.life.experiment is not None
            ]
            chosen = [
                draft
                for draft in drafts
                if experiment is None or experiment == self._name_of(draft)
            ]
            return Keys(
                params=tuple(sorted({key for draft in chosen for key in draft.params})),
                metrics=tuple(sorted({key for draft in chosen for key in draft.points})),
                tags=tuple(sorted({key for draft in chosen for key in draft.tags})),
            )

    @property
    def artifact_uri(self) -> str | None:
        return self._arrivals.uri

    def pending(self, digests: Iterable[str] | None = None) -> Sequence[PendingBytes]:
        with self._lock:
            logged, arrived = self._arrivals.logged, self._arrivals.arrived
            if self._arrivals.uri is None:
                return []
            waiting = (
                digest
                for digest in (logged if digests is None else digests)
                if digest in logged and digest not in arrived
            )
            return [
                PendingBytes(digest, logged[digest][0], self._writers.get(logged[digest][1], {}))
                for digest in waiting
            ]

    @property
    def registry(self) -> ModelRegistry:
        from fitprint.stores.memory_registry import MemoryRegistry

        return MemoryRegistry(lambda: self)

    @contextmanager
    def held(self) -> Iterator[Records]:
        """Give what is folded, which stays as it is inside the block."""
        with self._lock:
            yield self._records

    def close(self) -> None:
        """Keep everything: the store is gone when nobody refers to it."""

    def _digests_of(self, runs: Iterable[str]) -> set[str]:
        found = (
            self._records.runs[run].artifacts.values() for run in runs if run in self._records.runs
        )
        return {artifact.digest for artifacts in found for artifact in artifacts}

    def _artifacts(self) -> Iterator[tuple[Artifact, str]]:
        """Yield all artifacts, each with the journal that started its run."""
        for draft in self._records.runs.values():
            for artifact in draft.artifacts.values():
                yield artifact, draft.life.owner or ""
        for model in self._records.registry.by_id.values():
            for version in model.versions.values():
                for artifact in version.artifacts:
                    yield artifact, ""

    def _name_of(self, draft: Draft) -> str:
        return self._records.experiments.by_id[draft.life.experiment or ""].name

    def _run(self, draft: Draft) -> RunRecord:
        heard = self._heard.get(draft.life.owner or "")
        is_lost = (
            heard is not None
            and draft.life.status == "RUNNING"
            and heard + LOST_AFTER * 1e6 < self.now()
        )
        return _record(draft, self._name_of(draft), "LOST" if is_lost else draft.life.status)

    def runs(self) -> list[RunRecord]:
        """Return all runs, those in the trash too."""
        with self._lock:
            return [
                self._run(draft)
                for draft in self._records.runs.values()
                if draft.life.experiment is not None
            ]


def _in_scope(query: Query, run: RunRecord) -> bool:
    if query.experiments is not None and run.experiment not in query.experiments:
        return False
    return evaluation.is_wanted(query, run.deleted_time) and evaluation.matches(query.where, run)


def _record(draft: Draft, experiment: str, status: RunStatus) -> RunRecord:
    life = draft.life
    return RunRecord(
        id=life.id,
        name=life.name,
        experiment=experiment,
        status=status,
        start_time=life.start_time,
        end_time=life.end_time,
        last_time=life.last_time,
        parent_id=life.parent_id,
        kind=life.kind,
        error=life.error,
        deleted_time=life.deleted_time,
        params=dict(draft.params),
        metrics={key: points.summary() for key, points in draft.points.items()},
        tags={key: value for key, value in draft.tags.items() if value is not None},
        datasets=tuple(draft.datasets.values()),
        models=tuple(draft.models.values()),
        artifacts=tuple(draft.artifacts[path] for path in sorted(draft.artifacts)),
        documents=dict(draft.documents),
    )
