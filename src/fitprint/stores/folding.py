"""How events become a run: the one place that knows, shared by every store of ours.

A :class:`Draft` is what some events say of one run. The memory store folds all of a run's events
into one draft; the SQL store folds a batch's events into a draft that begins with the run's stored
:class:`Life`, and writes down what it says. :mod:`fitprint.stores.records` hands each event to the
draft of its subject.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import filterfalse
from typing import Any, Literal

from fitprint.entities import (
    Artifact,
    Dataset,
    History,
    LoggedModel,
    MetricSummary,
    Param,
    RunStatus,
)
from fitprint.errors import StoreError
from fitprint.events import (
    ArtifactsLogged,
    Batch,
    DatasetLogged,
    DocumentLogged,
    MetricPoints,
    ModelLogged,
    ParamsLogged,
    RunAct,
    RunDeleted,
    RunEnded,
    RunEvent,
    RunMoved,
    RunNoted,
    RunRenamed,
    RunRestored,
    RunStarted,
    TagsSet,
)
from fitprint.query.goals import goal_of
from fitprint.stores.experiments import Experiments

__all__ = ["LOST_AFTER", "Draft", "Life", "Points", "is_new", "is_sign_of_life"]

LOST_AFTER = 300.0
"""Seconds without a sign of life of its writer after which an open run is LOST."""

NEVER = -(2**63)


@dataclass(slots=True)
class Life:
    """The life-cycle of a run, as events in any order of arrival tell it.

    The earliest start gives the run its experiment, parent, kind and start time; the latest gives
    it its name and its owner. An end that is older than the latest start is the end of an earlier
    life and changes nothing. Where somebody moved or renamed the run, that counts in place of what
    starts say.

    Attributes:
        experiment: the experiment's id; None until the first start: such a run stays hidden.
        opened: time of the latest start.
        owner: the journal of the latest start.
        moved: time of the latest move to another experiment, and ``renamed`` that of the latest
            renaming; None if there was none.
    """

    id: str
    name: str = ""
    experiment: str | None = None
    status: RunStatus = "RUNNING"
    start_time: int = 0
    end_time: int | None = None
    last_time: int = NEVER
    parent_id: str | None = None
    kind: str = "user"
    error: str | None = None
    deleted_time: int | None = None
    opened: int = NEVER
    owner: str | None = None
    moved: int | None = None
    renamed: int | None = None

    def start(self, event: RunStarted, journal: str, experiments: Experiments) -> None:
        if self.experiment is None or event.time < self.start_time:
            if self.experiment is None or self.moved is None:
                self.experiment = experiments.of_start(event)
            self.parent_id, self.kind, self.start_time = event.parent, event.kind, event.time
        if event.time < self.opened:
            return
        self.opened, self.owner = event.time, journal
        if self.renamed is None:
            self.name = event.name or self.name
        if self.end_time is None or (event.resumed and event.time >= self.end_time):
            self.status, self.end_time, self.error = "RUNNING", None, None

    def end(self, event: RunEnded) -> None:
        if event.time >= self.opened:
            self.status, self.end_time, self.error = event.status, event.time, event.error

    def rename(self, event: RunRenamed) -> None:
        if self.renamed is None or event.time >= self.renamed:
            self.renamed, self.name = event.time, event.name

    def move(self, event: RunMoved) -> None:
        if self.moved is None or event.time >= self.moved:
            self.moved, self.experiment = event.time, event.experiment


_NO_POINTS = History()


@dataclass(slots=True)
class Points:
    """Points of one metric in the order in which they arrived, and the summary of those before
    them.

    Attributes:
        before: summary of the points that came before ``history[seen:]``; None if none did.
        goal: the goal that was given last; None if none was.
    """

    key: str
    before: MetricSummary | None = None
    seen: int = 0
    goal: Literal["min", "max"] | None = None
    history: History = _NO_POINTS
    _lent: bool = False

    def add(self, event: MetricPoints) -> None:
        """Add points; a first event, as of most metrics of a run that has very many, lends its
        columns until there is another.
        """
        if not len(self.history):
            self.history, self._lent = event.points, True
        else:
            if self._lent:
                self.history, self._lent = self.history.part(), False
            self.history.extend(event.points)
        self.goal = event.goal or self.goal

    def summary(self) -> MetricSummary:
        """Return the summary of all points so far (at least one)."""
        before, history = self.before, self.history
        total = len(history.value)
        if before is not None and self.seen == total:
            return before
        goal = self.goal or (before.goal if before else goal_of(self.key))
        if before is None and total == 1:  # as of most metrics of a run that has very many
            value, step = history.value[0], history.step[0]
            self.seen = 1
            self.before = MetricSummary(
                value, step, history.timestamp[0], value, step, value, step, value, 1, goal
            )
            return self.before
        # a list, for they are gone through several times, and an array would make each number anew
        steps, values = history.step[self.seen :], history.value[self.seen :].tolist()
        first, count = values[0], len(values)
        least, most = _extremes(values)
        least_step, most_step = (
            (steps[values.index(least)], steps[values.index(most)])
            if not math.isnan(least)
            else (steps[0], steps[0])
        )
        if before is not None:
            first, count = before.first, before.count + count
            # where all are NaN, too, the first one is told, however points came in batches
            if not least < before.min and (before.min == before.min or math.isnan(least)):
                least, least_step = before.min, before.min_step
            if not most > before.max and (before.max == before.max or math.isnan(most)):
                most, most_step = before.max, before.max_step
        self.seen = total
        self.before = MetricSummary(
            values[-1],
            steps[-1],
            history.timestamp[-1],
            least,
            least_step,
            most,
            most_step,
            first,
            count,
            goal,
        )
        return self.before


def _extremes(values: list[float]) -> tuple[float, float]:
    """Return the least and the greatest value, NaN passed over; NaN twice if there is no other."""
    if not math.isnan(sum(values)):  # no NaN inside
        return min(values), max(values)
    real = list(filterfalse(math.isnan, values))
    return (min(real), max(real)) if real else (values[0], values[0])


@dataclass(slots=True)
class Draft:
    """What events say of one run. A tag that was removed is None."""

    life: Life
    params: dict[str, Param] = field(default_factory=dict)
    tags: dict[str, str | None] = field(default_factory=dict)
    points: dict[str, Points] = field(default_factory=dict)
    datasets: dict[tuple[str, str, str], Dataset] = field(default_factory=dict)
    models: dict[str, LoggedModel] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    ended: bool = False

    def fold(self, event: RunEvent, journal: str, experiments: Experiments) -> None:
        """Add what ``event``, read from ``journal``, says."""
        life = self.life
        if isinstance(event, MetricPoints):
            if len(event.points):
                points = self.points.get(event.key)
                if points is None:
                    points = self.points[event.key] = Points(event.key)
                points.add(event)
        elif isinstance(event, ParamsLogged):
            self.params.update(event.params)
        elif isinstance(event, TagsSet):
            self.tags.update(event.tags)
        elif isinstance(event, RunStarted):
            life.start(event, journal, experiments)
            self.ended = False
        elif isinstance(event, RunEnded):
            life.end(event)
            self.ended = True
        elif isinstance(event, DatasetLogged):
            dataset = event.dataset
            self.datasets[dataset.name, dataset.role, dataset.digest] = dataset
        elif isinstance(event, ArtifactsLogged):
            self.artifacts.update((artifact.path, artifact) for artifact in event.artifacts)
        elif isinstance(event, ModelLogged):
            self.models[event.model.path] = event.model
        elif isinstance(event, DocumentLogged):
            self.documents[event.name] = event.content
        else:
            self._follow(event)
            return  # what people do to the record of a run is not activity of the run
        life.last_time = max(life.last_time, event.time)

    def _follow(self, act: RunAct) -> None:
        life = self.life
        if isinstance(act, RunDeleted):
            life.deleted_time = act.time
        elif isinstance(act, RunRestored):
            life.deleted_time = None
        elif isinstance(act, RunRenamed):
            life.rename(act)
        elif isinstance(act, RunMoved):
            life.move(act)
        elif isinstance(act, RunNoted):
            self.documents["note"] = act.text


def is_sign_of_life(batch: Batch, position: int) -> bool:
    """Return whether the batch says no more than that the journal's writer lives."""
    return not batch.events and batch.start == batch.end == position


def is_new(batch: Batch, position: int) -> bool:
    """Return whether a store that has kept the batch's journal up to ``position`` is to fold the
    batch in.

    Raises:
        StoreError: it is new, but does not begin there: somebody else has delivered in the
            meantime, or the store is another than before.
    """
    if batch.end > position != batch.start:
        raise StoreError(
            f"the store has journal {batch.journal} up to {position}, not up to {batch.start}: "
            "another process was faster, or the store was replaced meanwhile; nothing is lost, try "
            "again"
        )
    return batch.end > position
