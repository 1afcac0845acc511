"""The closed union of facts: what can happen to runs, experiments, registered models and the store
itself.

The journal keeps them, stores fold them. Each event names its subject first, the id of a run or of
an experiment, or the name of a registered model, and then its time (microseconds since the epoch,
UTC); what happens to the store has no other subject. Events of a run may reach a store before its
:class:`RunStarted` where another process logs to the run; a store then keeps what it is given.

*Acts* are what people do to records, beside training. An act carries an ``id`` of its own and its
``actor`` ("" stands for the user whose journal it is in). Some can be refused, such as a name that
is taken; that is decided where the act is folded, by the store's clock and once, and
:meth:`fitprint.stores.protocol.Store.decision` says how. An act without an ``id`` leaves no
decision behind.

An event of a name that a version does not know stops the delivery of its journal there, until a
newer version reads it. The names in :data:`RESERVED` are kept for what is known to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from fitprint.entities import Artifact, Dataset, History, LoggedModel, Param, RunStatus

__all__ = [
    "EXPERIMENT_ACTS",
    "MODEL_ACTS",
    "RESERVED",
    "RUN_ACTS",
    "STORE_EVENTS",
    "Act",
    "AliasMoved",
    "ArtifactStoreChosen",
    "ArtifactsLogged",
    "Batch",
    "BytesArrived",
    "BytesFreed",
    "ChangesFollowed",
    "DatasetLogged",
    "DocumentLogged",
    "Event",
    "ExperimentAct",
    "ExperimentArchived",
    "ExperimentCreated",
    "ExperimentNoted",
    "ExperimentRenamed",
    "ExperimentRestored",
    "ExperimentTagged",
    "MetricPoints",
    "ModelAct",
    "ModelLogged",
    "ModelVersionCreated",
    "ModelVersionEdited",
    "ParamsLogged",
    "RegisteredModelEdited",
    "RunAct",
    "RunDeleted",
    "RunEnded",
    "RunEvent",
    "RunMoved",
    "RunNoted",
    "RunPurged",
    "RunRenamed",
    "RunRestored",
    "RunStarted",
    "StoreEvent",
    "TagsSet",
]

RESERVED = (
    "AlertRaised",
    "AttemptStarted",
    "ConsoleWritten",
    "HistogramsLogged",
    "MediaLogged",
    "RunForked",
    "WriterJoined",
)
"""Names of events to come: an alert, an attempt of a resumed run, console text, histograms and
media by step, a run forked from another at a step, one of several writers of a run. (Metrics with a
context get a kind of frame: see :mod:`fitprint.journal.frames`.)
"""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins, or (``resumed``) goes on: a resumed run is RUNNING again and keeps everything
    that it has.
    """

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
    """The run moves to the trash. This act and :class:`RunRestored` are never refused."""

    run: str
    time: int
    id: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class RunRestored:
    """The run comes back from the trash."""

    run: str
    time: int
    id: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class RunPurged:
    """The run is gone for good, and what is still on its way to it is passed over; refused unless
    it is in the trash.
    """

    run: str
    time: int
    id: str
    actor: str


@dataclass(frozen=True, slots=True)
class RunRenamed:
    """The run has another name from now on, whatever later starts of it say."""

    run: str
    time: int
    id: str
    actor: str
    name: str


@dataclass(frozen=True, slots=True)
class RunMoved:
    """The run belongs to the experiment with the id ``experiment``; refused where the store has no
    such run or experiment.
    """

    run: str
    time: int
    id: str
    actor: str
    experiment: str


@dataclass(frozen=True, slots=True)
class RunNoted:
    """Somebody writes down what the run is about (Markdown); the later note replaces the one
    before.
    """

    run: str
    time: int
    id: str
    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class ExperimentCreated:
    """An experiment begins to exist without a run; refused where another has the name.

    An experiment that nobody creates begins to exist with its first run.
    """

    experiment: str
    time: int
    id: str
    actor: str
    name: str


@dataclass(frozen=True, slots=True)
class ExperimentRenamed:
    """The experiment has another name; refused where another experiment has it.

    Runs that start under the former name belong to the experiment all the same, until another
    experiment gets that name.
    """

    experiment: str
    time: int
    id: str
    actor: str
    name: str


@dataclass(frozen=True, slots=True)
class ExperimentTagged:
    """Tags of an experiment; None removes one.

    Refused, like all that follow, where the store has no such experiment.
    """

    experiment: str
    time: int
    id: str
    actor: str
    tags: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ExperimentNoted:
    """Somebody writes down what the experiment is about (Markdown)."""

    experiment: str
    time: int
    id: str
    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class ExperimentArchived:
    """The experiment and its runs leave the lists; a run that starts in it later brings it back."""

    experiment: str
    time: int
    id: str
    actor: str


@dataclass(frozen=True, slots=True)
class ExperimentRestored:
    """The experiment is back from the archive."""

    experiment: str
    time: int
    id: str
    actor: str


@dataclass(frozen=True, slots=True)
class RegisteredModelEdited:
    """Somebody makes or changes a registered model.

    Attributes:
        name: of the registered model, here and in what follows: its name, or one that it had. It
            needs no making, for it begins to exist with its first version.
        changes: what becomes of it, by what it is: "created" (True; refused where there is one),
            "name" (a new one, refused where another has it; the former leads here until another
            gets it), "note" (Markdown), "tags" (None removes one), "rules" (by alias, see
            :mod:`fitprint.stores.promotion`), "deleted" (True takes it out of the lists with all
            its versions, False brings it back).
        reason: why, in the words of who does it.
    """

    name: str
    time: int
    id: str
    actor: str
    changes: Mapping[str, Any]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelVersionCreated:
    """The registered model has a further version, whose number is the next one.

    The same model of the same run is registered once: the next time, the decision names the version
    that there is.

    Attributes:
        run: that recorded it, or "".
        model: as it was recorded; ``artifacts`` are its files, by paths inside its directory.
        changes: what is known of it from the start, as of :class:`ModelVersionEdited`.
    """

    name: str
    time: int
    id: str
    actor: str
    run: str
    model: LoggedModel
    artifacts: tuple[Artifact, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelVersionEdited:
    """Somebody changes what is said of a version; never its files.

    Attributes:
        changes: what becomes of it: "note", "tags", "stage", "evaluations" (by the name of the
            data, a list of the fields of a :class:`fitprint.registered.ModelEvaluation`),
            "approved" (an alias that may lead to it), "deleted" (True takes it out of the lists,
            False brings it back; its number is not given again).
    """

    name: str
    time: int
    id: str
    actor: str
    version: int
    changes: Mapping[str, Any]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AliasMoved:
    """An alias of a registered model leads to another version; refused where a rule says no.

    Attributes:
        version: to which it leads; 0 removes the alias.
        expected: the version to which it must have led until now (0: to none), or the act is
            refused; None: whatever it was.
        back: it goes back to where it led before, for which no rule is asked again; ``version`` is
            passed over.
    """

    name: str
    time: int
    id: str
    actor: str
    alias: str
    version: int
    expected: int | None = None
    back: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ParamsLogged:
    """Hyperparameters; a key that is logged again takes the later value."""

    run: str
    time: int
    params: Mapping[str, Param]


@dataclass(frozen=True, slots=True)
class TagsSet:
    """Tags; None removes one.

    The tag ``name`` is an ordinary tag; a run is renamed by :class:`RunStarted` alone.
    """

    run: str
    time: int
    tags: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class MetricPoints:
    """Points of one metric, oldest first; ``time`` is that of the last.

    Who folds the event leaves its columns as they are.
    """

    run: str
    time: int
    key: str
    points: History
    goal: Literal["min", "max"] | None = None


@dataclass(frozen=True, slots=True)
class DatasetLogged:
    run: str
    time: int
    dataset: Dataset


@dataclass(frozen=True, slots=True)
class ArtifactsLogged:
    """Files whose bytes already lie in the home of who recorded them; a path that is logged again
    takes the later bytes.

    Where the store has an artifact store, the bytes are *pending* until :class:`BytesArrived` says
    that they are there.
    """

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


@dataclass(frozen=True, slots=True)
class ArtifactStoreChosen:
    """The bytes of all runs go to the artifact store ``uri``, a URL without a password or a folder
    beside the database file.

    The first of these events counts, whoever sends others: the place is the same for all who use
    the store.
    """

    time: int
    uri: str


@dataclass(frozen=True, slots=True)
class BytesArrived:
    """The bytes with these digests are in the artifact store; told when they are there, by who
    brought them.
    """

    time: int
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BytesFreed:
    """The bytes with these digests are not in the artifact store any more, or will not be in a
    moment; told before they are removed, and after it, by who removes them.

    They count as if they had never arrived: if something refers to them, or does so later, they are
    pending.
    """

    time: int
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangesFollowed:
    """A process asks for the lease of a consumer of the store's changes, renews it, or gives it
    back (``seconds`` is 0).

    It is passed over while another process has the lease, by the store's clock;
    :meth:`fitprint.stores.protocol.Store.consumer` says who. With a ``cursor`` the holder says that
    everything up to there was handled; without one the cursor stays. It goes to the store at once,
    and never into a journal of runs.
    """

    time: int
    consumer: str
    holder: str
    seconds: float
    cursor: str | None = None


STORE_EVENTS = (ArtifactStoreChosen, BytesArrived, BytesFreed, ChangesFollowed)
RUN_ACTS = (RunDeleted, RunRestored, RunPurged, RunRenamed, RunMoved, RunNoted)
EXPERIMENT_ACTS = (
    ExperimentCreated,
    ExperimentRenamed,
    ExperimentTagged,
    ExperimentNoted,
    ExperimentArchived,
    ExperimentRestored,
)
MODEL_ACTS = (RegisteredModelEdited, ModelVersionCreated, ModelVersionEdited, AliasMoved)
RunAct = Union[RunDeleted, RunRestored, RunPurged, RunRenamed, RunMoved, RunNoted]
ExperimentAct = Union[
    ExperimentCreated,
    ExperimentRenamed,
    ExperimentTagged,
    ExperimentNoted,
    ExperimentArchived,
    ExperimentRestored,
]
ModelAct = Union[RegisteredModelEdited, ModelVersionCreated, ModelVersionEdited, AliasMoved]
Act = Union[RunAct, ExperimentAct, ModelAct]
StoreEvent = Union[ArtifactStoreChosen, BytesArrived, BytesFreed, ChangesFollowed]
RunEvent = Union[
    RunStarted,
    RunEnded,
    ParamsLogged,
    TagsSet,
    MetricPoints,
    DatasetLogged,
    ArtifactsLogged,
    ModelLogged,
    DocumentLogged,
    RunAct,
]
Event = Union[RunEvent, ExperimentAct, ModelAct, StoreEvent]


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive events of one journal, from position ``start`` up to (not including) position
    ``end``.

    A position is an integer that grows along the journal. A store that has acknowledged ``end`` or
    more for this journal has seen the batch before and must leave everything as it is.

    Attributes:
        journal: id of the journal.
        writer: facts on the writing process (host, pid, user ...), JSON.
    """

    journal: str
    start: int
    end: int
    events: Sequence[Event]
    writer: Mapping[str, Any] = field(default_factory=dict)
