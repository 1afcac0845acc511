"""What watches count, kept with the runs: a run of the kind "monitor" for each version, process and
day, with an artifact for each hour.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from fitprint import clock
from fitprint.entities import RunRecord
from fitprint.errors import PendingBytesError
from fitprint.hooks.manager import hooks
from fitprint.query.expressions import And, Comparison, Field, Query
from fitprint.query.grammar import parse
from fitprint.recording.ending import at_end
from fitprint.recording.opening import open_run
from fitprint.recording.run import Run
from fitprint.recording.workspace import Workspace, current
from fitprint.stores.paging import every_run
from fitprint_monitor.sides import MissingDataError, profile_of
from fitprint_monitor.watching import Watch
from fitprint_monitor.windows import HOUR, Window

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Kept", "Model", "Watched", "kept_windows", "model_named", "watch_model"]

_KIND = "monitor"  # of the runs that keep windows
_EXPERIMENT = "monitoring"
_SECONDS = 300.0  # between two writings
_DAY = 24 * HOUR
_SETTLED = 48  # hours of which what was counted is known, to be written again


class Model(NamedTuple):
    """A model that is watched.

    Attributes:
        name: of the registered model, or ``runs:/ID/PATH``.
        version: its number as text, "" for a model that is not registered.
        run: that recorded it.
    """

    name: str
    version: str
    run: Run

    def profiles(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the profiles of the training data, and of the predictions for them ({} if there is
        none).

        Raises:
            MissingDataError: there is no profile of the training data.
        """
        inputs = profile_of(self.run)
        try:
            return inputs, profile_of(self.run, "prediction")
        except MissingDataError:
            return inputs, {}


def model_named(uri: str) -> Model:
    """Return the model that ``models:/NAME@ALIAS``, ``models:/NAME/3``, ``runs:/RUN/model`` or the
    name of a registered model leads to.

    Raises:
        StoreError: there is none, or its run is not known.
    """
    from fitprint.api import get_run
    from fitprint.recording.versions import get_model_version

    if "/" in uri and not uri.startswith(("runs:/", "models:/")):
        raise MissingDataError(
            f"{uri} is a folder, which has no record of the training; name the model as "
            "models:/NAME/VERSION or runs:/RUN/model"
        )
    if uri.startswith("runs:/"):
        name, _, path = uri.removeprefix("runs:/").strip("/").partition("/")
        run = get_run(name)
        return Model(f"runs:/{run.id}/{path or 'model'}", "", run)
    version = get_model_version(uri)
    if version.run_id is None:
        raise MissingDataError(f"no run is known that has recorded {version.uri}")
    return Model(version.name, str(version.version), get_run(version.run_id))


def watch_model(uri: str) -> Watched:
    """Begin to watch a model; see :class:`Watched`.

    Args:
        uri: see :func:`model_named`. An alias is followed once, now: a server that loads another
            version watches that one anew.

    Raises:
        StoreError: there is no such model, or no profile of its training data.
    """
    return Watched(model_named(uri))


class Watched:
    """A model that is watched: :meth:`observe` counts, and a thread writes what was counted every
    five minutes, and when the program ends.

    Each writing holds all that this process has counted in the hour, so one that is repeated counts
    nothing twice, and a process that is killed loses five minutes at most. What cannot be written
    is kept in memory for two days and tried again.
    """

    def __init__(self, model: Model, workspace: Workspace | None = None) -> None:
        self.model = model
        self._watch = Watch(*model.profiles())
        self.observe = self._watch.observe
        self._workspace = workspace or current()
        self._windows: dict[int, Window] = {}
        self._unwritten: set[int] = set()
        self._runs: dict[int, Run] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._told = ""
        at_end(self.close)
        threading.Thread(target=self._write_on, name="fitprint-monitor", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def flush(self) -> None:
        """Write what was counted so far. Nothing is raised; what is wrong is told once."""
        with self._lock:
            try:
                for window in self._watch.take():
                    before = self._windows.get(window.start)
                    self._windows[window.start] = before + window if before else window
                    self._unwritten.add(window.start)
                for start in sorted(self._unwritten):
                    window = self._windows[start]
                    self._run(start).log_text(window.to_json(), window.path)
                    self._unwritten.discard(start)
                self._settle()
                problem = self._watch.problem
            except Exception as error:  # noqa: BLE001 - a server goes on, whatever the disk does
                problem = f"{type(error).__name__}: {error}"
        if problem and problem != self._told:
            self._told = problem
            hooks().problem(f"counts of {self.model.name} are incomplete: {problem}", _KIND)

    def close(self) -> None:
        """Write what was counted, and end; what is observed later is lost."""
        if self._ended.is_set():
            return
        self._ended.set()
        self.flush()
        for run in self._runs.values():
            run.end()
        self._runs.clear()

    def _write_on(self) -> None:
        while not self._ended.wait(_SECONDS):
            self.flush()

    def _run(self, start: int) -> Run:
        """Return the run of the day of a window."""
        day = start // _DAY
        if day not in self._runs:
            moment = datetime.fromtimestamp(start // 1_000_000, tz=timezone.utc)
            name = self.model.name.rpartition("/")[2] + (
                self.model.version and f"/{self.model.version}"
            )
            self._runs[day] = open_run(
                name=f"{name} {moment:%Y-%m-%d}",
                experiment=_EXPERIMENT,
                kind=_KIND,
                at=clock.now(),  # so the process is not watched for it, which may serve for days
                tags={
                    "monitor.model": self.model.name,
                    "monitor.version": self.model.version,
                    "monitor.run": self.model.run.id,
                },
                workspace=self._workspace,
            )
        return self._runs[day]

    def _settle(self) -> None:
        """End the runs of days that are over, and forget their windows."""
        newest = max(self._windows, default=0)
        for start in [each for each in self._windows if each < newest - _SETTLED * HOUR]:
            del self._windows[start]
        for day in [each for each in self._runs if each < newest // _DAY]:
            self._runs.pop(day).end()


class Kept(NamedTuple):
    """Windows of a version that were kept.

    Attributes:
        version: its number as text.
        run_id: the run that recorded the model.
        windows: of all processes, in no order.
        pending: windows whose bytes are still where they were recorded.
        killed: runs that ended without writing what they had counted last.
    """

    version: str
    run_id: str
    windows: list[Window]
    pending: int
    killed: int


def kept_windows(name: str, since: int) -> list[Kept]:
    """Return the windows of a model from a moment on (microseconds since the epoch), by version,
    the newest version first.
    """
    workspace = current()
    records: dict[tuple[str, str], list[RunRecord]] = {}
    for record in _records(workspace, name, since):
        key = record.tags.get("monitor.version", ""), record.tags.get("monitor.run", "")
        records.setdefault(key, []).append(record)
    found = []
    for (version, run_id), runs in records.items():
        windows, pending = list[Window](), 0
        for record in runs:
            for artifact in record.artifacts:
                if artifact.path.startswith("windows/"):
                    try:
                        window = Window.from_json(workspace.blobs.read(artifact.digest))
                    except PendingBytesError:
                        pending += 1
                        continue
                    if window.start + HOUR > since:
                        windows.append(window)
        killed = sum(record.status == "KILLED" for record in runs)
        found.append(Kept(version, run_id, windows, pending, killed))
    return sorted(found, key=lambda each: (len(each.version), each.version), reverse=True)


def _records(workspace: Workspace, name: str, since: int) -> Iterator[RunRecord]:
    conditions = (
        Comparison(Field("attribute", "kind"), "=", _KIND),
        Comparison(Field("tag", "monitor.model"), "=", name),
        Comparison(Field("attribute", "start_time"), ">=", since - 2 * _DAY),
    )
    return every_run(workspace.store, Query(And(conditions), parse("").order))
