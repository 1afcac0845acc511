"""What a backend store is: one write method, and reads.

A store folds the events of journals into records. It is never called on a training thread.

Every answer is that of the store which the URI leads to at the time, also where its files were
deleted, replaced or brought back from a copy since it was opened: a journal is removed on the word
of ``position``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fitprint import clock
from fitprint.entities import (
    Changes,
    Consumer,
    Decision,
    Experiment,
    History,
    PendingBytes,
    RunRecord,
)
from fitprint.errors import StoreError
from fitprint.events import Batch

if TYPE_CHECKING:
    from fitprint.query.grammar import Query
    from fitprint.registered import ModelVersionRecord, RegisteredModelRecord, VersionPage
    from fitprint.stores.views import QueryResult, View

__all__ = ["Forwarded", "Health", "Keys", "ModelRegistry", "OpenRun", "Page", "Store"]


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that a journal started or resumed and that has not ended, with the time of its last
    event.
    """

    id: str
    last_time: int


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that runs have or had, each kind sorted."""

    params: Sequence[str] = ()
    metrics: Sequence[str] = ()
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs, and the token that fetches those after them (None: there are no more)."""

    runs: Sequence[RunRecord]
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What a store found when it looked at itself.

    Attributes:
        size: bytes that it takes; None if it does not know.
        details: what else one may want to know of it, in words, such as its version.
        problems: what is broken in it, each with what to do; none where all is well.
    """

    size: int | None = None
    details: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What :meth:`Store.forward` did.

    Attributes:
        done: number of runs, experiments and registered models that are there now as they are here.
        problems: what could not be brought there, each with the reason; it will be tried again.
        left: of problems that were told before, those that there still are.
    """

    done: int = 0
    problems: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class ModelRegistry(ABC):
    """The registered models of a store, as the acts on them that the store folded say (see
    :mod:`fitprint.stores.registry`).
    """

    @abstractmethod
    def models(self) -> Sequence[RegisteredModelRecord]:
        """Return all registered models, by name, removed ones too."""

    @abstractmethod
    def model(self, name: str) -> RegisteredModelRecord:
        """Return the registered model of this name, or else the one that was called so before,
        removed ones too.

        Raises:
            RegisteredModelNotFoundError: there is none.
        """

    @abstractmethod
    def version(self, name: str, number: int) -> ModelVersionRecord:
        """Return a version of a registered model (see :meth:`model`), removed ones too.

        Raises:
            RegisteredModelNotFoundError: there is no such registered model, or it has no such
                version.
        """

    @abstractmethod
    def search(self, query: Query, *, limit: int = 100, token: str | None = None) -> VersionPage:
        """Return the versions that match a query in the vocabulary of versions, in its order;
        removed ones as ``query.deleted`` says.

        Raises:
            QueryError: the token is not one that this store returned for this query.
        """

    @abstractmethod
    def decisions(
        self,
        model_id: str,
        *,
        act: str | None = None,
        alias: str | None = None,
        until: int | None = None,
        limit: int = 1000,
    ) -> Sequence[Decision]:
        """Return what was decided about a registered model, the latest first, refusals too.

        Args:
            model_id: the registered model's id.
            act: only acts of this kind, such as "AliasMoved".
            alias: only acts on this alias.
            until: only what was decided up to this time.
            limit: at most so many.
        """


class Store(ABC):
    """A backend store; a plugin's derives from this class, and defines all that has no default
    here.

    Instances may be used from several threads, one call at a time each.

    Attributes:
        uri: what the store was opened with, without a password: it is shown.
        patience: seconds that a call waits for others which write to the store; who delivers sets
            it. A store that waits for nobody need not look at it.
        lost_after: seconds after the last sign of life of a writer, by the store's clock, from
            which its open runs are LOST; None where the store keeps no such signs.
    """

    uri: str
    patience: float = 0.0
    lost_after: float | None = None

    @property
    @abstractmethod
    def id(self) -> str:
        """A text drawn when the store was made (see :func:`fitprint.ids.new_id`) and kept in it,
        the same for all who open it.
        """

    @property
    def place(self) -> str:
        """Where the store's data lie, in a text that is another for a copy of the store, which has
        the same id; "" where that is not known.
        """
        return ""

    @property
    def mark(self) -> str:
        """What the store leaves in an artifact store in which it keeps files: id and place."""
        return f"{self.id}.{place}" if (place := self.place) else self.id

    def is_made(self) -> bool:
        """Tell whether there is something to read; a store that is made with its first use answers
        without making it.
        """
        return True

    @abstractmethod
    def append(self, batch: Batch) -> None:
        """Fold the batch in, atomically, together with its end position.

        A batch whose ``end`` is not beyond :meth:`position` changes nothing (delivery may repeat
        itself). One without events that begins and ends there says that the writer lives: a store
        that keeps such signs (``lost_after``) keeps its time. Events of runs that the store has not
        seen are kept; such a run stays hidden until its ``RunStarted``. Acts (see
        :mod:`fitprint.events`) are decided here, once; :class:`fitprint.stores.records.Records`
        does all of it.

        Raises:
            StoreError: nothing of the batch was kept, such as where it does not begin at
                :meth:`position`; it will be offered again from there. See
                :func:`fitprint.stores.folding.is_new`.
            StoreVersionError: a newer fitprint made the store such that this one must not write to
                it; it can be read.
        """

    def append_all(self, batches: Sequence[Batch]) -> None:
        """Fold batches in, one after the other, as :meth:`append` does with one.

        By default each is kept by itself. A store to which it is dear to make something last may
        keep all of them at once; then it keeps all or none.

        Raises:
            StoreError: as :meth:`append`, of any of them; those before it may have been kept.
            StoreVersionError: as :meth:`append`.
        """
        for batch in batches:
            self.append(batch)

    @abstractmethod
    def position(self, journal: str) -> int:
        """Return the end position of the last batch of this journal that was kept, where the URI
        leads now; 0 if none was.
        """

    @abstractmethod
    def open_runs(self, journal: str) -> Sequence[OpenRun]:
        """Return the runs that this journal owns (it started or resumed them last) and that are
        RUNNING.
        """

    @abstractmethod
    def run(self, run_id: str) -> RunRecord:
        """Return one run, deleted ones too.

        Raises:
            RunNotFoundError: no run has this id.
        """

    @abstractmethod
    def resolve(self, text: str) -> Sequence[str]:
        """Return up to ten ids of runs whose name is ``text``, whose id begins with it, or for
        whose id it is short.

        What is short for an id says :func:`fitprint.ids.is_short_for`. Newest first, those in the
        trash last.
        """

    @abstractmethod
    def children(self, run_id: str) -> Sequence[RunRecord]:
        """Return the runs whose parent is ``run_id``, oldest first, deleted ones left out."""

    def child_counts(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        """Return how many runs :meth:`children` would return for each of these runs that has any.

        By default they are asked for; a store that can count them does.
        """
        counts = {run_id: len(self.children(run_id)) for run_id in run_ids}
        return {run_id: count for run_id, count in counts.items() if count}

    @abstractmethod
    def search_runs(self, query: Query, *, limit: int = 100, token: str | None = None) -> Page:
        """Return the runs that match, in the query's order; those of experiments in the archive
        only where the query names experiments.

        Raises:
            QueryError: the token is not one that this store returned for this query.
        """

    @abstractmethod
    def metric_history(self, run_id: str, key: str, *, max_points: int | None = None) -> History:
        """Return the points of one metric in the order logged; an empty history for an unknown key.

        With ``max_points`` (at least 4) at most that many: first, last and the extremes of even
        stretches.
        """

    @abstractmethod
    def experiments(self) -> Sequence[Experiment]:
        """Return all experiments, by name, those in the archive too."""

    @abstractmethod
    def decision(self, act_id: str) -> Decision | None:
        """Return what was decided about the act with this id; None where it has not come, or
        carried no id.
        """

    @abstractmethod
    def changes(self, since: str = "", *, limit: int = 1000) -> Changes:
        """Return what happened to runs and experiments after the cursor ``since`` ("": from the
        beginning), in the order it was kept.

        A change is after all that anybody could read before it was kept: who goes on from cursor to
        cursor misses nothing, however many write at once and however old the events are. For each
        kind of change of a subject the latest counts, so what happens again moves behind, and the
        feed is no longer than there are subjects. A run shows once its start has come. What is told
        of bytes is no change (see :meth:`pending`).

        Raises:
            QueryError: the cursor is none of the store to which the URI leads now.
        """

    @abstractmethod
    def consumer(self, name: str) -> Consumer | None:
        """Return who follows the changes under this name, as
        :class:`fitprint.events.ChangesFollowed` said it; None if nobody ever did.
        """

    @abstractmethod
    def keys(self, experiment: str | None = None) -> Keys:
        """Return the keys used in one experiment, or in all; none for an unknown experiment."""

    @property
    @abstractmethod
    def artifact_uri(self) -> str | None:
        """The URL of the artifact store, as the first :class:`fitprint.events.ArtifactStoreChosen`
        said it.

        None where none did: artifacts stay in the homes that recorded them, and nothing is pending.
        """

    @abstractmethod
    def pending(self, digests: Iterable[str] | None = None) -> Sequence[PendingBytes]:
        """Return the bytes of artifacts that have not arrived in the artifact store, all or those
        of ``digests``.

        Bytes count as arrived once :class:`fitprint.events.BytesArrived` has named them, before or
        after their artifacts were logged. Nobody waits for what only purged runs have.
        """

    def digests(self, without: Collection[str] = ()) -> set[str]:
        """Return the digests of all bytes that runs and versions of registered models have, those
        in the trash and removed ones too.

        By default they are gathered from the records; a store that knows them sooner says so.

        Args:
            without: ids of runs that do not count.
        """
        from fitprint.query.expressions import Field, Order, Query
        from fitprint.stores.paging import every_run, every_version

        everything = Query(None, (Order(Field("attribute", "start_time")),), deleted="include")
        found = {
            file.digest
            for run in every_run(self, everything)
            if run.id not in without
            for file in run.artifacts
        }
        if self.registry is not None:
            all_versions = Query(None, (Order(Field("attribute", "created")),), deleted="include")
            versions = every_version(self.registry, all_versions)
            found.update(file.digest for version in versions for file in version.artifacts)
        return found

    @property
    def views(self) -> Sequence[View]:
        """What :meth:`query` reads: all of :data:`fitprint.stores.views.VIEWS`, or by default
        nothing, for the store has no SQL.
        """
        return ()

    def query(self, sql: str, *, limit: int = 10_000, timeout: float = 10.0) -> QueryResult:  # noqa: ARG002 - for those that have SQL
        """Return up to ``limit`` rows that one statement of SQL gives over the :attr:`views`; it
        reads, and can do nothing else.

        By default a store has no SQL.

        Raises:
            QueryError: the statement cannot be understood, would do something else than read the
                views, or takes longer than ``timeout`` seconds.
            StoreError: the store has no SQL.
        """
        raise StoreError(
            f"the store {self.uri} has no SQL; filters work on every store: "
            "`fitprint ls -q FILTER`, fitprint.search_runs()"
        )

    @property
    def registry(self) -> ModelRegistry | None:
        """The registered models that the store keeps; by default None, for it keeps none."""
        return None

    def now(self) -> int:
        """Return the time by the clock that counts for the store, in microseconds since the epoch:
        signs of life, decisions and leases go by it. By default it is this machine's.
        """
        return clock.now()

    def forward(self, patience: float) -> Forwarded:  # noqa: ARG002 - for those that forward
        """Bring what the store has kept to where others look, for a store that keeps it on this
        machine first; by default all is there already.

        Called by who delivers, behind the deliveries, in the background or by ``fitprint sync``;
        never by who reads. It may take long, and be killed at any instant.

        Args:
            patience: seconds to wait for another process that does the same.

        Raises:
            StoreBusyError: another process does it.
            StoreError: that place cannot be reached; it is tried again later.
        """
        return Forwarded()

    def check(self) -> Health:
        """Look at all that the store keeps, as ``fitprint doctor`` asks it to; it may take as long
        as reading everything.

        By default there is nothing to look at.

        Raises:
            StoreError: it cannot be looked at, such as where it cannot be reached.
        """
        return Health()

    @abstractmethod
    def close(self) -> None:
        """Release everything; closing twice is fine."""
