"""The closed union of facts that can happen to a run. The journal keeps them, stores fold them into records.

Each event names its run and carries its time (microseconds since the epoch, UTC). Events of a run may reach a store
before its :class:`RunStarted` where another process logs to the run; a store then keeps what it is given.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from fitprint.entities import Artifact, Dataset, LoggedModel, Param, RunStatus

__all__ = [
    "ArtifactsLogged",
    "Batch",
    "DatasetLogged",
    "DocumentLogged",
    "Event",
    "MetricPoints",
    "ModelLogged",
    "ParamsLogged",
    "RunDeleted",
    "RunEnded",
    "RunRestored",
    "RunStarted",
    "TagsSet",
]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins, or (``resumed``) goes on: a resumed run is RUNNING again and keeps everything that it has."""

    run: str
    time: int
    experiment: str
    name: str
    parent: str | None = None
    kind: str = "user"
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run ends. ``error`` is the traceback's text where the user's code raised."""

    run: str
    time: int
    status: RunStatus
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunDeleted:
    """The run moves to the trash."""

    run: str
    time: int


@dataclass(frozen=True, slots=True)
class RunRestored:
    """The run comes back from the trash."""

    run: str
    time: int


@dataclass(frozen=True, slots=True)
class ParamsLogged:
    """Hyperparameters; a key that is logged again takes the later value."""

    run: str
    time: int
    params: Mapping[str, Param]


@dataclass(frozen=True, slots=True)
class TagsSet:
    """Tags; None removes one. The tag ``name`` is an ordinary tag; a run is renamed by :class:`RunStarted` alone."""

    run: str
    time: int
    tags: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class MetricPoints:
    """Points of one metric, oldest first, as columns of equal length.

    ``time`` is the time of the last point; steps and times are int64, values and epochs float64 (NaN: no epoch).
    """

    run: str
    time: int
    key: str
    steps: array[int]
    times: array[int]
    values: array[float]
    epochs: array[float]
    goal: Literal["min", "max"] | None = None


@dataclass(frozen=True, slots=True)
class DatasetLogged:
    run: str
    time: int
    dataset: Dataset


@dataclass(frozen=True, slots=True)
class ArtifactsLogged:
    """Files whose bytes already lie in the blob store; a path that is logged again takes the later bytes."""

    run: str
    time: int
    artifacts: tuple[Artifact, ...]


@dataclass(frozen=True, slots=True)
class ModelLogged:
    """A model whose files were logged by an earlier :class:`ArtifactsLogged`."""

    run: str
    time: int
    model: LoggedModel


@dataclass(frozen=True, slots=True)
class DocumentLogged:
    """A small JSON document by name, such as "capture"; logged again, it is replaced."""

    run: str
    time: int
    name: str
    content: Any


Event = Union[
    RunStarted,
    RunEnded,
    RunDeleted,
    RunRestored,
    ParamsLogged,
    TagsSet,
    MetricPoints,
    DatasetLogged,
    ArtifactsLogged,
    ModelLogged,
    DocumentLogged,
]


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive events of one journal, from position ``start`` up to (not including) position ``end``.

    A position is an integer that grows along the journal. A store that has acknowledged ``end`` or more for this
    journal has seen the batch before and must leave everything as it is.

    Attributes:
        journal: id of the journal.
        writer: facts on the writing process (host, pid, user ...), JSON.
    """

    journal: str
    start: int
    end: int
    events: Sequence[Event]
    writer: Mapping[str, Any] = field(default_factory=dict)
