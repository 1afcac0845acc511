"""Stores that keep batches as they come, and fold them in memory to answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from fitprint.entities import (
    Changes,
    Consumer,
    Decision,
    Experiment,
    History,
    PendingBytes,
    RunRecord,
)
from fitprint.query.grammar import Query
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import Keys, ModelRegistry, OpenRun, Page, Store

__all__ = ["FoldedStore"]


class FoldedStore(Store):
    """A store that answers as the memory store does; how it keeps batches (``append``), and its
    ``id``, are its own.
    """

    @abstractmethod
    def folded(self) -> MemoryStore:
        """Return everything in memory, with what others have appended since; asked at each call.

        Acts are decided once: set :attr:`fitprint.stores.memory.MemoryStore.now` to the time at
        which a batch was kept, before it is appended there.
        """

    def position(self, journal: str) -> int:
        return self.folded().position(journal)

    def open_runs(self, journal: str) -> Sequence[OpenRun]:
        return self.folded().open_runs(journal)

    def run(self, run_id: str) -> RunRecord:
        return self.folded().run(run_id)

    def resolve(self, text: str) -> Sequence[str]:
        return self.folded().resolve(text)

    def children(self, run_id: str) -> Sequence[RunRecord]:
        return self.folded().children(run_id)

    def child_counts(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        return self.folded().child_counts(run_ids)

    def search_runs(self, query: Query, *, limit: int = 100, token: str | None = None) -> Page:
        return self.folded().search_runs(query, limit=limit, token=token)

    def metric_history(self, run_id: str, key: str, *, max_points: int | None = None) -> History:
        return self.folded().metric_history(run_id, key, max_points=max_points)

    def experiments(self) -> Sequence[Experiment]:
        return self.folded().experiments()

    def decision(self, act_id: str) -> Decision | None:
        return self.folded().decision(act_id)

    def changes(self, since: str = "", *, limit: int = 1000) -> Changes:
        return self.folded().changes(since, limit=limit)

    def consumer(self, name: str) -> Consumer | None:
        return self.folded().consumer(name)

    def keys(self, experiment: str | None = None) -> Keys:
        return self.folded().keys(experiment)

    @property
    def artifact_uri(self) -> str | None:
        return self.folded().artifact_uri

    def pending(self, digests: Iterable[str] | None = None) -> Sequence[PendingBytes]:
        return self.folded().pending(digests)

    @property
    def registry(self) -> ModelRegistry:
        from fitprint.stores.memory_registry import MemoryRegistry

        return MemoryRegistry(self.folded)
