"""Stores, each with one fault."""

import math
import pickle
import tempfile
from array import array
from dataclasses import replace
from pathlib import Path

from fitprint.entities import Change, Changes, Consumer, Param, PendingBytes
from fitprint.errors import QueryError
from fitprint.events import (
    ArtifactStoreChosen,
    Batch,
    BytesArrived,
    BytesFreed,
    ChangesFollowed,
    ExperimentCreated,
    MetricPoints,
    ParamsLogged,
    RunDeleted,
    RunPurged,
    RunStarted,
)
from fitprint.ids import new_id
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import Health, Page
from fitprint.stores.sql.sqlite import open_sqlite
from fitprint.stores.views import VIEWS, QueryResult


class ForgetsPositions(MemoryStore):
    def position(self, journal):
        return 0


class KeepsHalfABatch(MemoryStore):
    def append(self, batch):
        if batch.end > self.position(batch.journal):
            for number, event in enumerate(batch.events):
                super().append(Batch(f"{batch.journal}-{number}", 0, batch.end, [event]))
            super().append(replace(batch, events=[]))


class DrawsIds(MemoryStore):
    @property
    def id(self):
        return new_id()

    @id.setter
    def id(self, value):
        pass


class AcceptsGaps(MemoryStore):
    def append(self, batch):
        super().append(replace(batch, start=self.position(batch.journal)))


class Rewriting(MemoryStore):
    """Keeps something else than it is given."""

    def append(self, batch):
        super().append(replace(batch, events=[self.rewritten(event) for event in batch.events]))


class LosesNaN(Rewriting):
    def rewritten(self, event):
        if isinstance(event, MetricPoints):
            values = array(
                "d", [0.0 if math.isnan(value) else value for value in event.points.value]
            )
            return replace(event, points=replace(event.points, value=values))
        return event


class MakesTexts(Rewriting):
    def rewritten(self, event):
        if isinstance(event, ParamsLogged):
            return replace(
                event, params={key: Param(str(param.value)) for key, param in event.params.items()}
            )
        return event


class CutsKeys(Rewriting):
    def rewritten(self, event):
        return replace(event, key=event.key[:250]) if isinstance(event, MetricPoints) else event


class RoundsTimes(Rewriting):
    def rewritten(self, event):
        return replace(event, time=event.time // 1000 * 1000)


class PagesByCount(MemoryStore):
    def search_runs(self, query, *, limit=100, token=None):
        start = int(token or 0)
        found = super().search_runs(query, limit=10_000).runs
        return Page(
            found[start : start + limit], str(start + limit) if len(found) > start + limit else None
        )


class FindsTooMuch(MemoryStore):
    def search_runs(self, query, *, limit=100, token=None):
        return super().search_runs(replace(query, where=None), limit=limit, token=token)


class IgnoresOrder(MemoryStore):
    def search_runs(self, query, *, limit=100, token=None):
        return super().search_runs(replace(query, order=query.order[-1:]), limit=limit, token=token)


class ShowsTheTrash(MemoryStore):
    def search_runs(self, query, *, limit=100, token=None):
        return super().search_runs(replace(query, deleted="include"), limit=limit, token=token)


class RaisesKeyError(MemoryStore):
    def run(self, run_id):
        return {record.id: record for record in self._runs()}[run_id]


class SamplesByStride(MemoryStore):
    def metric_history(self, run_id, key, *, max_points=None):
        history = super().metric_history(run_id, key)
        stride = -(-len(history) // (max_points or len(history) or 1)) or 1
        return history.at(range(0, len(history), stride))


class BringsNamesBack(MemoryStore):
    """Knows an experiment by its present name alone: others are made anew."""

    def append(self, batch):
        known = {experiment.name for experiment in self.experiments()}
        made = [
            ExperimentCreated(new_id(), event.time, "", "", event.experiment)
            for event in batch.events
            if isinstance(event, RunStarted) and event.experiment not in known
        ]
        super().append(replace(batch, events=[*made, *batch.events]))


class ForgetsDecisions(MemoryStore):
    def decision(self, act_id):
        return None


class DecidesAnew(MemoryStore):
    def decision(self, act_id):
        decision = super().decision(act_id)
        return decision and replace(decision, decided_at=self.now())


class PurgesAtWill(MemoryStore):
    def append(self, batch):
        events = []
        for event in batch.events:
            events += (
                [RunDeleted(event.run, event.time), event]
                if isinstance(event, RunPurged)
                else [event]
            )
        super().append(replace(batch, events=events))


class ListsTheArchive(MemoryStore):
    def search_runs(self, query, *, limit=100, token=None):
        names = query.experiments or tuple(experiment.name for experiment in self.experiments())
        return super().search_runs(replace(query, experiments=names), limit=limit, token=token)


class NewestChildFirst(MemoryStore):
    def children(self, run_id):
        return super().children(run_id)[::-1]


class CountsTheTrash(MemoryStore):
    def child_counts(self, run_ids):
        return {run_id: sum(run.parent_id == run_id for run in self._runs()) for run_id in run_ids}


class OwnsAllRuns(MemoryStore):
    def open_runs(self, journal):
        return [
            found
            for owner in list(self._positions)
            for found in super(OwnsAllRuns, self).open_runs(owner)
        ]


class ClosesOnce(MemoryStore):
    closed = False

    def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class ChoosesAgain(MemoryStore):
    def append(self, batch):
        if any(isinstance(event, ArtifactStoreChosen) for event in batch.events):
            self._arrivals.uri = None
        super().append(batch)


class HasPendingBytesAtHome(MemoryStore):
    def pending(self, digests=None):
        return super().pending(digests) or [
            PendingBytes(artifact.digest, artifact.size) for artifact, _ in self._artifacts()
        ]


class ForgetsWhoRecorded(MemoryStore):
    def pending(self, digests=None):
        return [PendingBytes(item.digest, item.size) for item in super().pending(digests)]


class NeedsArtifactsFirst(MemoryStore):
    def append(self, batch):
        super().append(batch)
        self._arrivals.arrived &= set(self._arrivals.logged)


class WaitsForever(MemoryStore):
    def _digests_of(self, runs):
        return set()


class ForgetsWhatWasFreed(MemoryStore):
    def append(self, batch):
        super().append(
            replace(
                batch, events=[each for each in batch.events if not isinstance(each, BytesFreed)]
            )
        )


class TakesArrivalsForRuns(MemoryStore):
    def append(self, batch):
        told = [event for event in batch.events if isinstance(event, BytesArrived)]
        super().append(
            replace(
                batch,
                events=[
                    *batch.events,
                    *(RunStarted(new_id(), event.time, "Default", "arrived") for event in told),
                ],
            )
        )


class ForgetsArrivals(MemoryStore):
    def append(self, batch):
        super().append(
            replace(
                batch,
                events=[event for event in batch.events if not isinstance(event, BytesArrived)],
            )
        )


class TellsRefusals(MemoryStore):
    """What somebody asked for counts as done."""

    def append(self, batch):
        for event in batch.events:
            if isinstance(event, RunPurged):
                self._records.touched["run", event.run] = {"edited"}
        super().append(batch)


class NumbersByTime(MemoryStore):
    """The number of a change is the time of its event."""

    def changes(self, since="", *, limit=1000):
        times = [(run.last_time, run.id) for run in self._runs() if run.last_time > int(since or 0)]
        found = sorted(times)[:limit]
        return Changes(
            tuple(Change("run", run, ("started",)) for _, run in found),
            str(found[-1][0]) if found else since,
        )


class SkipsTheRestOfAPage(MemoryStore):
    def changes(self, since="", *, limit=1000):
        return replace(super().changes(since, limit=limit), cursor=str(self._changes.last))


class KeepsEachChange(MemoryStore):
    """The feed is as long as there were batches."""

    def __init__(self):
        super().__init__()
        self._kept = []

    def append(self, batch):
        super().append(batch)
        self._kept += [
            Change("run", event.run, ("recorded",))
            for event in batch.events
            if hasattr(event, "run")
        ]

    def changes(self, since="", *, limit=1000):
        start = int(since or 0)
        found = self._kept[start : start + limit]
        return Changes(tuple(found), str(start + len(found)))


class TakesAnyCursor(MemoryStore):
    def changes(self, since="", *, limit=1000):
        try:
            return super().changes(since, limit=limit)
        except QueryError:
            return Changes((), since)


class GivesLeasesToAll(MemoryStore):
    def append(self, batch):
        super().append(batch)
        for event in batch.events:
            if isinstance(event, ChangesFollowed):
                self._consumers[event.consumer] = Consumer(
                    event.consumer, event.holder, event.cursor or "", 0
                )


class HasSql(MemoryStore):
    """Keeps runs in a second store, too, which is asked in SQL; without a fault."""

    views = VIEWS

    def __init__(self):
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._asked = open_sqlite(f"sqlite:///{self._folder.name}/runs.db")

    def append(self, batch):
        super().append(batch)
        self._asked.append(batch)

    def query(self, sql, *, limit=10_000, timeout=10.0):
        return self._asked.query(sql, limit=limit, timeout=timeout)

    def close(self):
        self._asked.close()
        self._folder.cleanup()


class ShowsTimesAsNumbers(HasSql):
    def query(self, sql, *, limit=10_000, timeout=10.0):
        found = super().query(sql, limit=limit, timeout=timeout)
        return replace(
            found,
            rows=[
                tuple(1 if str(value).endswith("Z") else value for value in row)
                for row in found.rows
            ],
        )


class RunsAnything(HasSql):
    def query(self, sql, *, limit=10_000, timeout=10.0):
        try:
            return super().query(sql, limit=limit, timeout=timeout)
        except QueryError:
            return QueryResult((), [])


class GivesAllRows(HasSql):
    def query(self, sql, *, limit=10_000, timeout=10.0):
        return super().query(sql, timeout=timeout)


class HidesItsViews(HasSql):
    views = ()


class FindsFaultWithItself(MemoryStore):
    def check(self):
        return Health(problems=("something may be wrong",))


class ReadsOnceAndWritesWhole(MemoryStore):
    """Keeps its batches in a file that it reads when it is opened, and writes whole."""

    def __init__(self, path):
        super().__init__(f"whole://{path}")
        self._path = Path(path)
        self._batches = []
        if self._path.exists():
            for batch in pickle.loads(self._path.read_bytes()):
                self._batches.append(batch)
                super().append(batch)

    def append(self, batch):
        batch = replace(batch, events=list(batch.events))
        super().append(batch)
        self._batches.append(batch)
        self._path.write_bytes(pickle.dumps(self._batches))


class IsNamedByItsPlace(ReadsOnceAndWritesWhole):
    """Has the same id at each opening, as long as it stays where it is."""

    @property
    def id(self):
        return f"the store at {self._path}"


class StartsAnewWhereItCannotRead(ReadsOnceAndWritesWhole):
    """Whatever it finds damaged, all is well."""

    def __init__(self, path):
        try:
            super().__init__(path)
        except pickle.UnpicklingError:
            path.unlink()
            super().__init__(path)
