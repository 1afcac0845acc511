"""Frozen records that cross the boundaries between rooms: what a store returns and a reader sees.

Times are integers: microseconds since the Unix epoch, UTC. Digests are ``sha256:`` followed by 64
hexadecimal digits.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "OPEN_STATUSES",
    "PROVENANCES",
    "STATUSES",
    "TERMINAL_STATUSES",
    "Artifact",
    "Change",
    "ChangeKind",
    "Changes",
    "Consumer",
    "Dataset",
    "Decision",
    "Experiment",
    "History",
    "LoggedModel",
    "MetricSummary",
    "Param",
    "PendingBytes",
    "Provenance",
    "RunRecord",
    "RunStatus",
    "from_little",
    "to_little",
]

RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED", "LOST"]
"""LOST is a run that goes on, as far as is known, of whose writer there was no sign of life for a
while; nobody writes it down.
"""

STATUSES: tuple[RunStatus, ...] = ("RUNNING", "FINISHED", "FAILED", "KILLED", "LOST")
OPEN_STATUSES: tuple[RunStatus, ...] = ("RUNNING", "LOST")
TERMINAL_STATUSES: tuple[RunStatus, ...] = ("FINISHED", "FAILED", "KILLED")

Provenance = Literal["set", "config", "default", "resolved"]
PROVENANCES: tuple[Provenance, ...] = ("set", "config", "default", "resolved")


@dataclass(frozen=True, slots=True)
class Param:
    """A hyperparameter: a JSON value with its type kept.

    Attributes:
        value: None, bool, int, float (NaN and infinities included), str, list or dict.
        provenance: "set" by the user's code, "config" where the program was configured with it,
            "default" of the framework, or "resolved" by the framework at run time.
        spilled: path of the run's artifact that holds the whole value where ``value`` is only a
            preview of it.
    """

    value: Any
    provenance: Provenance = "set"
    spilled: str | None = None


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """Facts on one metric's history.

    ``min``, ``max`` and ``best`` pass over NaN; they are NaN if every value is.

    Attributes:
        last: value that was logged last, and ``last_step`` its step.
        best: ``min`` or ``max``, whichever is better for this metric (see ``goal``).
        goal: "min" or "max".
        count: number of points, NaN included.
    """

    last: float
    last_step: int
    last_time: int
    min: float
    min_step: int
    max: float
    max_step: int
    first: float
    count: int
    goal: Literal["min", "max"]

    @property
    def best(self) -> float:
        return self.min if self.goal == "min" else self.max

    @property
    def best_step(self) -> int:
        return self.min_step if self.goal == "min" else self.max_step


@dataclass(frozen=True, slots=True, repr=False)
class History:
    """The points of one metric in the order in which they were logged, as four columns of equal
    length.

    The columns are :class:`array.array`; ``numpy.asarray(history.value)`` makes a view without
    copying. Their order here is that of their bytes in journals, chunks and bundles.

    Attributes:
        step: int64.
        timestamp: int64, microseconds since the epoch (UTC).
        value: float64, exact (NaN and infinities included).
        epoch: float64, NaN where no epoch was given.
    """

    step: array[int] = field(default_factory=lambda: array("q"))
    timestamp: array[int] = field(default_factory=lambda: array("q"))
    value: array[float] = field(default_factory=lambda: array("d"))
    epoch: array[float] = field(default_factory=lambda: array("d"))

    @classmethod
    def from_bytes(cls, raw: bytes) -> History:
        """Return the points that :meth:`to_bytes` gave.

        Raises:
            ValueError: these are not the bytes of whole points.
        """
        if len(raw) % 32:
            raise ValueError(f"{len(raw)} bytes are not four columns of numbers")
        size = len(raw) // 4
        return cls(
            from_little("q", raw[:size]),
            from_little("q", raw[size : 2 * size]),
            from_little("d", raw[2 * size : 3 * size]),
            from_little("d", raw[3 * size :]),
        )

    @classmethod
    def blank(cls, count: int) -> History:
        """Return so many points of zeros, to be replaced."""
        return cls(
            array("q", [0]) * count,
            array("q", [0]) * count,
            array("d", [0]) * count,
            array("d", [0]) * count,
        )

    @classmethod
    def joined(cls, pieces: Iterable[History]) -> History:
        """Return the points of all pieces, one after the other; to add them one by one would move
        those before again and again.
        """
        pieces = list(pieces)
        whole = cls.blank(sum(map(len, pieces)))
        start = 0
        for piece in pieces:
            whole.put(start, piece)
            start += len(piece)
        return whole

    def to_bytes(self) -> bytes:
        """Return the columns one after the other, little-endian."""
        return b"".join([to_little(column) for column in self.columns])

    @property
    def columns(self) -> tuple[array[int], array[int], array[float], array[float]]:
        return self.step, self.timestamp, self.value, self.epoch

    def extend(self, more: History) -> None:
        """Add the points of ``more`` behind these."""
        self.step.extend(more.step)
        self.timestamp.extend(more.timestamp)
        self.value.extend(more.value)
        self.epoch.extend(more.epoch)

    def put(self, start: int, points: History) -> None:
        """Put ``points`` in the place of as many from ``start`` on."""
        end = start + len(points)
        self.step[start:end] = points.step
        self.timestamp[start:end] = points.timestamp
        self.value[start:end] = points.value
        self.epoch[start:end] = points.epoch

    def part(self, start: int = 0, end: int | None = None) -> History:
        """Return a copy of the points from ``start`` up to ``end``."""
        return History(
            self.step[start:end],
            self.timestamp[start:end],
            self.value[start:end],
            self.epoch[start:end],
        )

    def at(self, places: Iterable[int]) -> History:
        """Return the points at these places, in this order."""
        chosen = list(places)
        return History(
            array("q", [self.step[place] for place in chosen]),
            array("q", [self.timestamp[place] for place in chosen]),
            array("d", [self.value[place] for place in chosen]),
            array("d", [self.epoch[place] for place in chosen]),
        )

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"History({len(self)} points)"


def to_little(column: array[Any]) -> bytes:
    """Return the numbers of a column as little-endian bytes, whatever this machine's order is."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def from_little(code: str, raw: bytes | bytearray) -> array[Any]:
    """Return the numbers of a type code of :mod:`array` that little-endian bytes hold."""
    column: array[Any] = array(code, raw)
    if sys.byteorder == "big":
        column.byteswap()
    return column


@dataclass(frozen=True, slots=True)
class Dataset:
    """Data that a run used: never the data itself, only facts about it.

    Attributes:
        name: a short name, such as "X" or the user's own.
        role: "train", "eval", "test" or any other word.
        digest: content digest, or "" where none was taken; ``facts["digest_of"]`` says if it covers
            a sample only.
        facts: JSON facts: shape, dtypes, schema, target summary ...
    """

    name: str
    role: str
    digest: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a run: its path inside the run (``/`` between parts), the digest of its bytes and
    their number.
    """

    path: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class PendingBytes:
    """Bytes of an artifact that have not arrived in the artifact store.

    Attributes:
        digest: of the bytes, and ``size`` their number.
        writer: facts on the process that recorded them (host, user, home ...), {} if they are not
            known.
    """

    digest: str
    size: int
    writer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Where they were recorded, in words; "" if that is not known."""
        host, home, user = (str(self.writer.get(name, "")) for name in ("host", "home", "user"))
        return (
            ", ".join(
                [
                    f"on the host {host}",
                    *([f"in {home}"] if home else []),
                    *([f"by {user}"] if user else []),
                ]
            )
            if host
            else ""
        )


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model recorded on a run: a directory of artifacts below ``path``.

    Attributes:
        path: directory inside the run, such as "model".
        flavor: name of the flavor that wrote it, such as "sklearn".
        digest: digest over the directory's paths and digests.
        facts: JSON facts: class, serialization format, size in bytes, signature, requirements ...
    """

    path: str
    flavor: str
    digest: str
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class Experiment:
    """A named group of runs.

    Attributes:
        id: 32 hexadecimal digits, the same for as long as the store lives, whatever the name.
        number: a short number of this store.
        created: time of its creation or first run, whichever is earlier.
        archived_time: None unless it is in the archive.
        former_names: names under which runs that start come here, too.
        note: what it is about (Markdown).
        run_count: number of its runs outside the trash, and ``last_activity`` the time of the last
            event of one.
    """

    id: str
    number: int
    name: str
    created: int
    archived_time: int | None = None
    former_names: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    run_count: int = 0
    last_activity: int | None = None

    def __repr__(self) -> str:
        archived = "" if self.archived_time is None else ", archived"
        return (
            f"<fitprint.Experiment {self.name!r}, {self.run_count} "
            f"{'run' if self.run_count == 1 else 'runs'}{archived}>"
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What a store decided about an act (see :mod:`fitprint.events`).

    Attributes:
        id: that of the act.
        act: its kind, such as "ExperimentRenamed", done to the ``subject`` ("run", "experiment" or
            "registered model") with the id ``subject_id``.
        actor: who did it.
        requested_at: the time that the act carries; ``decided_at`` is the time by the store's own
            clock.
        refusal: why it was refused; None where it was done.
        version: of a registered model: the version that was made or changed, or that an alias leads
            to now (0: to none).
        alias: that was moved, approved for or given rules; ``before`` is the version to which it
            led (0: to none).
        reason: why somebody did it, in their words.
        about: what was set, in words.
    """

    id: str
    act: str
    subject: str
    subject_id: str
    actor: str
    requested_at: int
    decided_at: int
    refusal: str | None = None
    version: int | None = None
    alias: str | None = None
    before: int | None = None
    reason: str = ""
    about: str = ""


ChangeKind = Literal["started", "recorded", "ended", "edited", "purged"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a subject in a store since a cursor.

    Attributes:
        subject: "run", "experiment" or "registered model", with the id ``id``.
        kinds: each once, however often it happened: "started" (it came to be, or a run went on),
            "recorded" (a run got parameters, metrics, tags, data, files or models), "ended",
            "edited" (somebody named, noted, tagged, moved, hid or restored it), "purged" (it is
            gone: then this alone).
    """

    subject: str
    id: str
    kinds: tuple[ChangeKind, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Some changes, and the cursor that asks for those after them; without ``items`` there are no
    more.
    """

    items: tuple[Change, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who follows the changes of a store under a name.

    Attributes:
        name: the consumer's, such as "webhooks".
        holder: the process that has the lease, or had it last.
        cursor: everything up to there was handled.
        until: when the lease ends, by the store's clock.
    """

    name: str
    holder: str
    cursor: str
    until: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """All that a store knows of one run, histories and bytes apart.

    Attributes:
        kind: "user" (opened by ``start_run``), or a framework's word: "fit", "search", "candidate",
            "cross-validation" ...
        documents: small JSON documents by name, such as "capture"; "note" is what somebody wrote
            down about the run.
    """

    id: str
    name: str
    experiment: str
    status: RunStatus
    start_time: int
    end_time: int | None = None
    last_time: int = 0
    parent_id: str | None = None
    kind: str = "user"
    error: str | None = field(default=None, repr=False)
    deleted_time: int | None = None
    params: Mapping[str, Param] = field(default_factory=dict, repr=False)
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict, repr=False)
    datasets: tuple[Dataset, ...] = field(default=(), repr=False)
    models: tuple[LoggedModel, ...] = field(default=(), repr=False)
    artifacts: tuple[Artifact, ...] = field(default=(), repr=False)
    documents: Mapping[str, Any] = field(default_factory=dict, repr=False)
