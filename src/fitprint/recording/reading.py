"""The reading side of a run: what the store knows of it, fresh at each look."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint import clock
from fitprint.arguments import checked_place, checked_text, shown
from fitprint.artifacts.paths import checked_path
from fitprint.entities import (
    OPEN_STATUSES,
    Artifact,
    Dataset,
    LoggedModel,
    MetricSummary,
    RunRecord,
    RunStatus,
)
from fitprint.errors import (
    ArtifactNotFoundError,
    FitprintError,
    IntegrityError,
    MetricNotFoundError,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from fitprint.journal.writer import JournalWriter
    from fitprint.recording.console import ConsoleLine
    from fitprint.recording.histories import MetricHistory
    from fitprint.recording.workspace import Workspace
    from fitprint.views.curves import Axis

from fitprint.ids import short_id

__all__ = ["RunReader"]

_NAME = 60  # characters of a metric's name in a short text


class RunReader:
    """One run as the store knows it.

    A run that is still going on is looked up at each access, and so is one to which this handle has
    added something after its end; any other is looked up once.
    """

    def __init__(self, workspace: Workspace, run_id: str, record: RunRecord | None = None) -> None:
        self.workspace = workspace
        self._record = record
        # the status, where it is known without a look into the store
        self._known: RunStatus | None = None
        # whether something was recorded through this handle while the run was not open
        self._adds_later = False
        self.is_open = False
        self.id = run_id

    def __repr__(self) -> str:
        """What is known here, or in a store at hand: one of another place may be silent."""
        from fitprint.views.ranking import own_metric
        from fitprint.views.wording import clean, number

        try:
            if self._known == "RUNNING":  # what it logs need not be delivered for this
                return f"<fitprint.Run {short_id(self.id)} {shown(self.name)}, RUNNING>"
            if self._is_asked and self.workspace.destination.is_shared(self.workspace.home):
                return f"<fitprint.Run {short_id(self.id)}>"
            record = self.record
            metric = own_metric(record)
            value = (
                ""
                if metric is None
                else f", {clean(metric[:_NAME])} {number(record.metrics[metric].last)}"
            )
            return (
                f"<fitprint.Run {short_id(self.id)} {shown(record.name)}, {record.status}{value}>"
            )
        except FitprintError:  # the store cannot be read
            return f"<fitprint.Run {short_id(self.id)}>"

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, RunReader) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def _repr_html_(self) -> str:
        from fitprint.views.curves import curves_of
        from fitprint.views.markup import run_page

        return run_page(self.record, curves_of(self.workspace.store))

    @property
    def record(self) -> RunRecord:
        """All facts on the run in one frozen record.

        Raises:
            RunNotFoundError: the store does not know the run.
        """
        if self._is_asked:
            self._record = self.workspace.store.run(self.id)
        assert self._record is not None
        return self._record

    @property
    def _is_asked(self) -> bool:
        """Whether the next look at the record asks the store."""
        record = self._record
        return record is None or record.status in OPEN_STATUSES or self._adds_later

    @property
    def _journal(self) -> JournalWriter:
        """What the methods that record write to."""
        self._adds_later = self._adds_later or not self.is_open
        return self.workspace.writer

    def refresh(self) -> None:
        """Look the run up anew at the next access."""
        self._record = None

    def _settle(self) -> None:
        """Wait for what this process still records in the background, and look the run up anew."""
        from fitprint.recording import deferred

        deferred.finish(self.workspace.settings["exit_wait"])
        self.refresh()

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def status(self) -> RunStatus:
        """RUNNING, FINISHED, FAILED, KILLED, or LOST: it goes on, but its machine gave no sign of
        life for five minutes.
        """
        return self.record.status

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return self.record.experiment

    @property
    def parent_id(self) -> str | None:
        return self.record.parent_id

    @property
    def kind(self) -> str:
        """Who opened the run: "user", or a framework plugin's word such as "fit" or "search"."""
        return self.record.kind

    @property
    def start_time(self) -> datetime:
        """Start, in UTC."""
        return _datetime(self.record.start_time)

    @property
    def end_time(self) -> datetime | None:
        """End in UTC, or None while the run goes on."""
        return None if self.record.end_time is None else _datetime(self.record.end_time)

    @property
    def duration(self) -> float:
        """Seconds from start to end; up to now while the run goes on."""
        record = self.record
        return (
            (clock.now() if record.end_time is None else record.end_time) - record.start_time
        ) / 1e6

    @property
    def error(self) -> str | None:
        """The traceback of the exception that ended the run."""
        return self.record.error

    @property
    def params(self) -> dict[str, Any]:
        """Hyperparameters with their types.

        A large value is whole, also where the store keeps a preview only.
        """
        return {
            key: self._whole(param.spilled) if param.spilled else param.value
            for key, param in self.record.params.items()
        }

    def _whole(self, path: str) -> Any:
        try:
            return json.loads(self.read(path))
        except (ValueError, RecursionError) as error:
            raise IntegrityError(
                f"the artifact {path!r} of run {self.id} holds no parameter any more: other bytes "
                "were logged there"
            ) from error

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric."""
        return {key: summary.last for key, summary in self.record.metrics.items()}

    def summary(self, key: str) -> MetricSummary:
        """Return last, min, max, first, best and count of a metric.

        Raises:
            MetricNotFoundError: the run has no such metric; the message lists what it has.
        """
        metrics = self.record.metrics
        if checked_text(key, "a metric's name", MetricNotFoundError, empty=True) not in metrics:
            raise MetricNotFoundError(
                f"run {self.id} has no metric {shown(key)}; its metrics: "
                f"{', '.join(sorted(metrics)[:20]) or 'none'}"
            )
        return metrics[key]

    def history(self, key: str, *, max_points: int | None = None) -> MetricHistory:
        """Return the points of a metric in the order logged; none for an unknown key.

        Args:
            key: name of the metric.
            max_points: return at most so many (at least 4): first, last and the extremes of even
                stretches.
        """
        from fitprint.recording.histories import MetricHistory

        name = checked_text(key, "a metric's name", empty=True)
        return MetricHistory.of(
            self.workspace.store.metric_history(self.id, name, max_points=max_points)
        )

    def plot(self, *metrics: str, x: Axis = "step", log: bool = False) -> Any:
        """Return a figure with a panel for each metric: of Matplotlib, or of Plotly where only that
        is imported.

        Args:
            metrics: names or patterns such as "val_*"; by default the metric by which one would
                judge the run.
            x: draw over the "step", the "time" or the "epoch".
            log: whether the axis of the values is logarithmic.

        Raises:
            FitprintError: the run has no such metric, or neither library is installed.
        """
        from fitprint.views.figures import figure_of

        return figure_of(self.workspace.store, [self.record], metrics, axis=x, log=log)

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        return self.record.datasets

    @property
    def models(self) -> tuple[LoggedModel, ...]:
        return self.record.models

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        return self.record.artifacts

    @property
    def capture(self) -> Mapping[str, Any]:
        """The capture report: what was captured, skipped or failed, and how many milliseconds it
        cost.
        """
        report = self.record.documents.get("capture", {})
        return report if isinstance(report, Mapping) else {}

    @property
    def usage(self) -> Mapping[str, Any]:
        """What the process used from the start of the run to its end; {} while it goes on, and for
        a run that was killed.

        ``cpu_seconds`` of all threads; ``peak_memory``, the most bytes that the process had since
        it began; ``read_bytes`` and ``written_bytes`` from and to disks; where processes that it
        had started ended meanwhile, ``children_cpu_seconds``; and ``children_peak_memory``, the
        most bytes that the largest of them had, if that is more than this process had. Runs that
        are open at the same time in one process are not told apart.
        """
        used = self.record.documents.get("usage", {})
        return used if isinstance(used, Mapping) else {}

    @property
    def seeds(self) -> Mapping[str, Any]:
        """Where the random generators of the process stood when the training began; {} if that was
        not recorded.

        Seeds where they can be seen, else digests of states: equal digests mean that the same
        numbers followed. ``PYTHONHASHSEED`` and ``PL_GLOBAL_SEED`` as they were set, ``random``,
        ``numpy`` (its global generator) and ``torch``.
        """
        seeds = self.record.documents.get("seeds", {})
        return seeds if isinstance(seeds, Mapping) else {}

    @property
    def environment(self) -> Mapping[str, Any]:
        """Facts on process, packages, hardware and code; {} if they were not collected (yet)."""
        return self._json("environment.json")

    @property
    def console(self) -> tuple[ConsoleLine, ...]:
        """What the program printed during the run, if the setting ``console`` was on; what this
        process still does for it is waited for.
        """
        from fitprint.recording.console import FOLDER, read_lines

        self._settle()
        paths = sorted(
            artifact.path
            for artifact in self.record.artifacts
            if artifact.path.startswith(f"{FOLDER}/")
        )
        return tuple(read_lines(map(self.read, paths)))

    def _json(self, path: str) -> Mapping[str, Any]:
        try:
            content = json.loads(self.read(path))
        except (ArtifactNotFoundError, ValueError, RecursionError):
            # the file may be one of the user's own
            return {}
        return content if isinstance(content, Mapping) else {}

    def profile(self, name: str, role: str = "train") -> Mapping[str, Any]:
        """Return what the values of a data set were like; {} if that was not recorded.

        What this process still does for it is waited for.

        ``rows`` and ``columns``: of each ``name``, ``type``, ``count`` of the cells looked at,
        ``missing``, and what fits the type: ``quantiles``, ``mean`` and ``std``, or ``top``, the
        most frequent values with their counts. The columns that were too many are named in
        ``others``. The profile of the prediction for the training data has the name "prediction",
        if there was one.

        Args:
            name: of the data set.
            role: of the data set.
        """
        from fitprint.recording.profiling import profile_path

        self._settle()
        return self._json(profile_path(name, role))

    def children(self) -> list[Self]:
        """Return the runs below this one, oldest first."""
        return [
            type(self)(self.workspace, record.id, record=record)
            for record in self.workspace.store.children(self.id)
        ]

    def read(self, path: str) -> bytes:
        """Return the bytes of an artifact, checked against their digest.

        Raises:
            ArtifactNotFoundError: the run has no artifact at this path; the message lists what it
                has.
            PendingBytesError: its bytes are still where they were recorded; the message says where,
                and what to do.
            IntegrityError: the stored bytes have changed.
        """
        return self.workspace.blobs.read(self._artifact(path).digest)

    def link(self, path: str) -> str:
        """Return a URL with which anybody can read an artifact for an hour, from a bucket.

        Raises:
            ArtifactNotFoundError: as for :meth:`read`.
            PendingBytesError: its bytes are not in the bucket yet; the message says where they are,
                and what to do.
            StoreError: the artifact store gives no links, or cannot be reached.
        """
        return self.workspace.shared.link(self._artifact(path).digest)

    def _artifact(self, path: str) -> Artifact:
        checked_text(path, "an artifact's path", empty=True)
        for artifact in self.record.artifacts:
            if artifact.path == path:
                return artifact
        have = sorted(artifact.path for artifact in self.record.artifacts)
        folder = f"{path.rstrip('/')}/" if path else ""
        if below := [name for name in have if name.startswith(folder)]:
            what = repr(path) if path else "all"
            raise ArtifactNotFoundError(
                f"{what} of run {self.id} is a folder; name one of its files: "
                f"{', '.join(below[:20])}"
            )
        if not have:
            raise ArtifactNotFoundError(f"run {self.id} has no artifacts")
        more = f" and {len(have) - 20} more" if len(have) > 20 else ""
        raise ArtifactNotFoundError(
            f"run {self.id} has no artifact {path!r}; its artifacts: {', '.join(have[:20])}{more}"
        )

    def download(self, path: str = "", destination: str | Path | None = None) -> Path:
        """Copy an artifact, or all below a folder of artifacts, and return where it lies.

        Args:
            path: of a file or folder inside the run; "" for all.
            destination: a file is written to this path, or into it if it is a folder; a folder's
                content is written below it. By default a new folder named after the run's id.

        Raises:
            ArtifactNotFoundError: the run has nothing at this path.
            PendingBytesError: bytes are still where they were recorded; the message says where, and
                what to do.
            IntegrityError: the stored bytes have changed.
            FitprintError: some files could not be written; the message names them, all others are
                there.
        """
        folder = checked_text(path, "an artifact's path", empty=True).strip("/")
        chosen = [
            artifact
            for artifact in self.record.artifacts
            if not folder or artifact.path == folder or artifact.path.startswith(f"{folder}/")
        ]
        if not chosen:
            self.read(folder)  # raises, with the list of what there is
        target = (
            checked_place(destination, "the place to copy to")
            if destination is not None
            else Path(f"run-{short_id(self.id)}")
        )
        if len(chosen) == 1 and chosen[0].path == folder:
            file = target / Path(folder).name if target.is_dir() or destination is None else target
            self._copy(chosen[0], file)
            return file
        failed = []
        for artifact in chosen:
            try:
                self._copy(
                    artifact, target / checked_path(artifact.path[len(folder) :].lstrip("/"))
                )
            except (OSError, UnicodeError) as error:
                failed.append(f"{artifact.path!r} ({_reason(artifact, chosen, error)})")
        if failed:
            told = ", ".join(failed[:5]) + (
                f" and {len(failed) - 5} more" if len(failed) > 5 else ""
            )
            raise FitprintError(
                f"not copied to {target}: {told}; all else is there. "
                "`fitprint get RUN PATH -o FILE` copies one file"
            )
        return target

    def _copy(self, artifact: Artifact, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        total = hashlib.sha256()
        with self.workspace.blobs.open(artifact.digest) as source, open(file, "wb") as copy:
            while piece := source.read(1 << 20):
                total.update(piece)
                copy.write(piece)
        if f"sha256:{total.hexdigest()}" != artifact.digest:
            file.unlink()
            raise IntegrityError(
                f"the bytes of {artifact.path!r} have changed since they were recorded; "
                "`fitprint doctor` checks all"
            )


def _reason(artifact: Artifact, others: Iterable[Artifact], error: Exception) -> str:
    """Return why the artifact could not be copied: another one may have its path, or that of a
    folder of it.
    """
    for other in others:
        if artifact.path.startswith(f"{other.path}/"):
            return f"{other.path!r} is a file"
        if other.path.startswith(f"{artifact.path}/"):
            return f"{other.path!r} needs a folder of that name"
    return str(getattr(error, "strerror", None) or error)


def _datetime(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1_000_000, tz=timezone.utc)
