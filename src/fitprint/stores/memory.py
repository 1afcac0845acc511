"""The reference store: everything in plain Python objects of this process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cmp_to_key, partial
from typing import Literal

from fitprint.entities import Experiment, History, RunRecord
from fitprint.errors import RunNotFoundError
from fitprint.events import Batch
from fitprint.ids import new_id
from fitprint.query.grammar import Query
from fitprint.stores import evaluation, paging
from fitprint.stores.folding import Draft, Life, is_new
from fitprint.stores.protocol import Keys, OpenRun, Page
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


class MemoryStore:
    """A store that lasts as long as the object; its methods may be called from several threads at once."""

    delivery: Literal["on-read", "background"] = "on-read"

    def __init__(self, uri: str = "memory://") -> None:
        self.uri = uri
        self.id = new_id()
        self._drafts: dict[str, Draft] = {}
        self._positions: dict[str, int] = {}
        self._experiments: dict[str, Experiment] = {}
        self._lock = threading.RLock()

    def append(self, batch: Batch) -> None:
        with self._lock:
            if not is_new(batch, self.position(batch.journal)):
                return
            for event in tuple(batch.events):  # read to their end before anything is kept
                draft = self._drafts.get(event.run)
                if draft is None:
                    draft = self._drafts[event.run] = Draft(Life(event.run))
                draft.fold(event, batch.journal)
            for run in {event.run for event in batch.events}:
                life = self._drafts[run].life
                if life.experiment is not None:
                    known = self._experiments.get(life.experiment) or Experiment(
                        len(self._experiments) + 1, life.experiment, life.start_time
                    )
                    self._experiments[life.experiment] = replace(known, created=min(known.created, life.start_time))
            self._positions[batch.journal] = batch.end

    def position(self, journal: str) -> int:
        with self._lock:
            return self._positions.get(journal, 0)

    def open_runs(self, journal: str) -> Sequence[OpenRun]:
        with self._lock:
            lives = [draft.life for draft in self._drafts.values()]
            return [OpenRun(life.id, life.last_time) for life in lives if life.owner == journal and life.status == "RUNNING"]

    def run(self, run_id: str) -> RunRecord:
        with self._lock:
            draft = self._drafts.get(run_id)
            if draft is None or draft.life.experiment is None:
                raise RunNotFoundError(f"there is no run {run_id!r} in {self.uri}")
            return _record(draft)

    def resolve(self, prefix: str) -> Sequence[str]:
        found = [run for run in self._records() if run.id.startswith(prefix) or run.name == prefix]
        return [run.id for run in sorted(found, key=lambda run: (run.deleted_time is not None, -run.start_time, run.id))][:10]

    def children(self, run_id: str) -> Sequence[RunRecord]:
        found = [run for run in self._records() if run.parent_id == run_id and run.deleted_time is None]
        return sorted(found, key=lambda run: (run.start_time, run.id))

    def search_runs(self, query: Query, *, limit: int = 100, token: str | None = None) -> Page:
        columns = paging.columns(query)
        found = {run.id: (evaluation.place_of(run, columns), run) for run in self._records() if _in_scope(query, run)}
        places = sorted((place for place, _ in found.values()), key=cmp_to_key(partial(evaluation.order, columns)))
        if token is not None:
            start = paging.place(query, token)
            places = [place for place in places if evaluation.order(columns, place, start) > 0]
        page = [found[str(place[-1])][1] for place in places[:limit]]
        return Page(page, paging.token(query, places[limit - 1]) if len(places) > limit else None)

    def metric_history(self, run_id: str, key: str, *, max_points: int | None = None) -> History:
        with self._lock:
            draft = self._drafts.get(run_id)
            if draft is None or key not in draft.points:
                return History()
            history = draft.points[key].history
            copy = History(history.step[:], history.epoch[:], history.timestamp[:], history.value[:])
        return copy if max_points is None else sampled(copy, max_points)

    def experiments(self) -> Sequence[Experiment]:
        with self._lock:
            known = sorted(self._experiments.values(), key=lambda experiment: experiment.name)
            runs = [run for run in self._records() if run.deleted_time is None]
        result = []
        for experiment in known:
            times = [run.last_time for run in runs if run.experiment == experiment.name]
            result.append(replace(experiment, run_count=len(times), last_activity=max(times, default=None)))
        return result

    def keys(self, experiment: str | None = None) -> Keys:
        with self._lock:
            drafts = [draft for draft in self._drafts.values() if draft.life.experiment is not None]
            chosen = [draft for draft in drafts if experiment in (None, draft.life.experiment)]
            return Keys(
                params=tuple(sorted({key for draft in chosen for key in draft.params})),
                metrics=tuple(sorted({key for draft in chosen for key in draft.points})),
                tags=tuple(sorted({key for draft in chosen for key in draft.tags})),
            )

    def close(self) -> None:
        """Keep everything: the store is gone when nobody refers to it."""

    def _records(self) -> list[RunRecord]:
        with self._lock:
            return [_record(draft) for draft in self._drafts.values() if draft.life.experiment is not None]


def _in_scope(query: Query, run: RunRecord) -> bool:
    if query.experiments is not None and run.experiment not in query.experiments:
        return False
    if query.deleted != "include" and (run.deleted_time is not None) != (query.deleted == "only"):
        return False
    return evaluation.matches(query.where, run)


def _record(draft: Draft) -> RunRecord:
    life = draft.life
    return RunRecord(
        id=life.id,
        name=life.name,
        experiment=life.experiment or "",
        status=life.status,
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
