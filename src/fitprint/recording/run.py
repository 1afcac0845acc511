"""A run, from ``start_run`` to its end. Every method may be called from any thread."""

from __future__ import annotations

import json
import math
import os
import struct
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from time import time_ns
from types import TracebackType
from typing import Any, Literal

from fitprint import clock, events
from fitprint.arguments import checked_items, checked_text, shown
from fitprint.artifacts.paths import file_name
from fitprint.context.secrecy import tag_texts, told, withheld
from fitprint.data.values import param_value, preview
from fitprint.entities import TERMINAL_STATUSES, History, Param, Provenance, RunRecord, RunStatus
from fitprint.errors import FitprintError, InvalidMetricError, InvalidParamError
from fitprint.hooks.manager import hooks
from fitprint.platform.processes import Usage, usage
from fitprint.recording import media
from fitprint.recording.contents import RunContents
from fitprint.recording.context import POSITION, leave_run
from fitprint.recording.ending import (
    at_end,
    outcome_of,
    outcome_of_program,
    unwatch_exit,
    watch_exit,
)
from fitprint.recording.environment import attach_environment
from fitprint.recording.resources import used_since
from fitprint.recording.surroundings import Surroundings
from fitprint.recording.tags import Tags
from fitprint.recording.token import RunToken
from fitprint.recording.values import check_curve, metric_value, microseconds
from fitprint.recording.workspace import Workspace
from fitprint.settings import wanted

__all__ = ["Run"]


_NAN = math.nan


class Run(RunContents):
    """A handle on a run: logs to it while it is open, and reads it at any time.

    ``is_open`` tells whether the run was started, resumed or inherited through this handle and has
    not ended. Used as a context manager it ends with the block: FINISHED, FAILED if an exception
    leaves the block, KILLED at an interrupt.
    """

    def __init__(
        self, workspace: Workspace, run_id: str, *, record: RunRecord | None = None
    ) -> None:
        super().__init__(workspace, run_id, record)
        self._process = 0  # the process that opened it here and may end it
        self._claims = 0  # the process that does the work of a run which another one opened
        self._fits = 0
        self._next_step: dict[str, int | None] = {}
        self._watches_exit = False
        self._started: events.RunStarted | None = None
        self._told_experiment = ""  # by the process that opened it
        self._surroundings = Surroundings()
        self._before: Usage | None = None  # what the process had used when the run began
        self._before_end: list[Callable[[Run, RunStatus], None]] = []

    # -- life --------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name; setting it renames the run (see :meth:`rename`)."""
        return self._started.name if self._started is not None else super().name

    @name.setter
    def name(self, name: str) -> None:
        self.rename(name)

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        known = self._started.experiment if self._started is not None else self._told_experiment
        return known or super().experiment

    @property
    def parent_id(self) -> str | None:
        return (
            self._started.parent
            if self._started is not None and not self._started.resumed
            else super().parent_id
        )

    def start(self, started: events.RunStarted, *, is_now: bool = True) -> None:
        """Write down that the run begins, now or at a time that is past."""
        self._process = os.getpid()
        self.is_open = True
        self._started, self._known = started, "RUNNING"
        self._record = None
        self._before = usage() if is_now else None
        stands_alone = started.parent is None or started.kind == "user"
        self.workspace.writer.append(
            started, *(self._surroundings.news(self) if stands_alone and is_now else ())
        )
        if stands_alone and is_now:
            self._surroundings.watch(self)
        elif stands_alone:
            attach_environment(self.workspace, self.id)

    def end(
        self, status: RunStatus = "FINISHED", *, error: str | None = None, at: int | None = None
    ) -> None:
        """End the run; ending it twice changes nothing, and a forked child cannot end its parent's
        run.

        Args:
            status: FINISHED, FAILED or KILLED.
            error: text of the traceback, if there is one; secrets in it are replaced.
            at: time of the end in microseconds, now by default; not before the start, whatever the
                clock says.

        Raises:
            FitprintError: there is no such status or no such time.
        """
        if status not in TERMINAL_STATUSES:
            raise FitprintError(f"a run ends as FINISHED, FAILED or KILLED, not {status!r}")
        if at is not None and not clock.is_time(at):
            raise FitprintError(
                "a run ends at a time in whole microseconds since the Unix epoch (time.time_ns() "
                f"// 1000), not at {at!r}"
            )
        if not self.is_owned:
            if self._process:  # a forked child takes its leave
                self.is_open = False
                leave_run(self)
            return
        while self._before_end:
            self._before_end.pop()(self, status)
        with self._lock:
            if not self._process:
                return
            self._process = 0
            self.is_open = False
            self.__dict__.pop("_point", None)
        self._known = status
        self._surroundings.unwatch(self)
        leave_run(self)
        _open.pop(self.id, None)
        if self._watches_exit:
            self._watches_exit = False
            unwatch_exit()
        ended = max(
            clock.now() if at is None else at,
            self._started.time if self._started is not None else 0,
        )
        end = events.RunEnded(self.id, ended, status, None if error is None else told(str(error)))
        if self._before is not None:
            self.workspace.writer.append(
                events.DocumentLogged(self.id, ended, "usage", used_since(self._before)), end
            )
        else:
            self.workspace.writer.append(end)
        hooks().notify("on_run_ended", run=self.id, status=status, home=str(self.workspace.home))

    def before_end(self, action: Callable[[Run, RunStatus], None]) -> None:
        """Call this with the run and its status before the run ends here; added again, it is called
        once. It must not raise.
        """
        if action not in self._before_end:
            self._before_end.append(action)

    def end_with_program(self) -> None:
        """See to it that the run ends with the program at the latest, as the program does."""
        self._watches_exit = True
        watch_exit()
        at_end(_end_with_program)
        _open[self.id] = self

    def __enter__(self) -> Run:
        if self._watches_exit:  # the block itself will see how it ends
            self._watches_exit = False
            unwatch_exit()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        status, text = outcome_of(error)
        self.end(status, error=text)

    @property
    def is_owned(self) -> bool:
        """Whether this very process opened the run, and so may end it."""
        return self._process == os.getpid()

    def claim_fit(self) -> bool:
        """Tell the first observed training call of this run that it is the first, and all others
        that they are not.
        """
        if os.getpid() not in (self._process, self._claims):
            return False
        with self._lock:
            self._fits += 1
            is_first = self._fits == 1
        if is_first and (told := self._surroundings.news(self)):
            self.workspace.writer.append(*told)
        return is_first

    def environ(self, *, whole: bool = False) -> dict[str, str]:
        """Return the variables that make this run current in a child process. No password is among
        them: a child that is to read from a store which needs one finds it in its own
        ``FITPRINT_STORE``, or in ``~/.config/fitprint/credentials``; recording needs none.

        Args:
            whole: the child does all the work of the run: its first training call is recorded on
                the run itself, and so are its surroundings. The run still ends here.

        Example:
            >>> subprocess.run(command, env={**os.environ, **run.environ()})
        """
        told = hooks().ask_each("register_carriers", lambda carrier: carrier.variables(self))
        return {name: value for variables in told for name, value in variables.items()} | (
            {"FITPRINT_WHOLE": self.id} if whole else {}
        )

    def token(self) -> RunToken:
        """Return what another process needs to log to this run."""
        experiment = (
            self._started.experiment if self._started is not None else self._told_experiment
        )
        return replace(self.workspace.token(), run=self.id, experiment=experiment)

    def attach(self, experiment: str, *, whole: bool = False) -> Run:
        """Open this handle on a run that another process has open, and ends; return it.

        Args:
            experiment: name of the run's experiment.
            whole: this process does all the work of the run (see :meth:`environ`).
        """
        self.is_open, self._told_experiment = True, experiment
        if whole:
            self._claims = os.getpid()
            begun = self._surroundings.news(self)
            if begun:
                self.workspace.writer.append(*begun)
            self._surroundings.watch(self)
        return self

    # -- params and tags ---------------------------------------------------------------------------

    def log_param(self, key: str, value: Any, *, provenance: Provenance = "set") -> None:
        """Record one hyperparameter; logged again, the later value stands.

        Raises:
            InvalidParamError: the value cannot be represented, or the name is no text.
        """
        self.log_params(
            {checked_text(key, "a parameter's name", InvalidParamError): value},
            provenance=provenance,
        )

    def log_params(
        self,
        params: Mapping[Any, Any],
        *,
        provenance: Provenance = "set",
        defaults: Iterable[str] = (),
    ) -> None:
        """Record hyperparameters. Numbers, booleans, None, texts, lists and dicts keep their type;
        other objects become text. Texts under the name of a secret (``api_key``, ``password``),
        also inside a dict, become ``[redacted]``.

        What is longer than 8 KiB as JSON is kept whole as an artifact ``params/<key>.json``.

        Args:
            params: values by name.
            provenance: of all that are not in ``defaults``.
            defaults: names of those that have the framework's default.

        Raises:
            InvalidParamError: some could not be represented; the message names them, all others are
                recorded.
        """
        items = checked_items(params, "log_params({'lr': 0.1})", InvalidParamError)
        settings = self.workspace.settings
        include, exclude = settings["include_params"], settings["exclude_params"]
        choosy = include != ["*"] or exclude
        good: dict[str, Param] = {}
        bad: list[str] = []
        defaults = frozenset(defaults)
        for key, value in items:
            if not isinstance(key, str) or key == "":
                bad.append(f"{shown(key)} (a name must be a text that is not empty)")
                continue
            if choosy and not wanted(key, include, exclude):
                continue
            try:
                good[key] = self._param(
                    key,
                    withheld(key, param_value(value)),
                    "default" if key in defaults else provenance,
                )
            except InvalidParamError as error:
                bad.append(f"{key!r} ({error})")
        if good:
            self._journal.append(events.ParamsLogged(self.id, clock.now(), good))
        if bad:
            raise InvalidParamError(
                f"not recorded: {', '.join(bad)}; log a text of your own instead, such as "
                "repr(value)"
            )

    def _param(self, key: str, value: Any, provenance: Any) -> Param:
        """Return what is recorded of a parameter; a long value is kept whole as an artifact."""
        shown = preview(value)
        if shown is value:
            return Param(value, provenance)
        path = f"params/{file_name(key)}.json"
        # with NaN as NaN, for it is read back
        kept = self._put(path, media.text_bytes(json.dumps(value, ensure_ascii=False)))
        return Param(shown, provenance, path if kept else None)

    @property
    def tags(self) -> Tags:
        """The tags, which can be set, changed and removed as the items of a dict."""
        return Tags(self.record.tags, self.set_tags)

    def set_tag(self, key: str, value: Any) -> None:
        """Set a tag; the value becomes text, None removes the tag."""
        self.set_tags({checked_text(key, "a tag's name"): value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; values become text, under the name of a secret ``[redacted]``; None removes a
        tag.

        Raises:
            FitprintError: some names are no text; the message names them, all other tags are set.
        """
        items = checked_items(tags, "set_tags({'team': 'a'})")
        texts = tag_texts((key, value) for key, value in items if isinstance(key, str) and key)
        if texts or not items:
            self._journal.append(events.TagsSet(self.id, clock.now(), texts))
        for key, _ in items:
            checked_text(key, "a tag's name")

    def _changed(self, name: str | None = None, experiment: str | None = None) -> None:
        super()._changed(name, experiment)
        if self._started is not None:
            started = self._started
            self._started = replace(
                started, name=name or started.name, experiment=experiment or started.experiment
            )

    # -- metrics -----------------------------------------------------------------------------------

    def log_metric(
        self,
        key: str,
        value: float,
        step: int | None = None,
        epoch: float | None = None,
        timestamp: datetime | int | None = None,
        *,
        goal: Literal["min", "max"] | None = None,
    ) -> None:
        """Record one point of a metric. When this returns, the point outlives the process.

        Args:
            key: name of the metric.
            value: a number; NaN and infinities are kept exactly.
            step: whole number; by default that of the ``fitprint.loop`` around, else one more than
                the step before, from 0.
            epoch: number of the epoch, also a fraction; by default, where no step is given either,
                that of the loops around.
            timestamp: a ``datetime``, or milliseconds since the Unix epoch; now by default.
            goal: whether less or more is better, for ``best``; by default guessed from the name.

        Raises:
            InvalidMetricError: value, step, epoch, timestamp or goal is not such a value.
        """
        # The hot path of every training loop.
        if type(value) is not float:
            value = metric_value(key, value)
        try:
            following = self._next_step[key]
        except (KeyError, TypeError):
            following = self._admit(key)
        if following is None:
            return
        counted = False
        if step is None:
            position = POSITION.get()
            if position is None:
                with self._lock:
                    step = self._next_step[key] or 0
                    self._next_step[key] = step + 1
                counted = True
            else:
                step = position.step
                if epoch is None:
                    epoch = position.epoch
        try:
            # of a known metric the writer does not look at it
            if goal is not None and goal not in ("min", "max"):
                raise ValueError(goal)
            now = time_ns() // 1000 if timestamp is None else microseconds(timestamp)
            self._point(self.id, key, step, now, value, _NAN if epoch is None else epoch, goal)
            if not counted:
                self._next_step[key] = (step if type(step) is int else int(step)) + 1
        except (struct.error, TypeError, ValueError, OverflowError) as error:
            raise InvalidMetricError(
                f"metric {key!r} was not recorded: step must be a whole number, epoch a number, "
                "timestamp a datetime or milliseconds, and goal 'min' or 'max', not "
                f"{shown(step)}, {shown(epoch)}, {shown(timestamp)} and {shown(goal)}"
            ) from error

    def _point(self, *point: Any) -> None:
        """Record a point; while the run is open, the writer's own function lies over this one,
        which costs a call less.
        """
        self._journal.point(*point)

    def _admit(self, key: Any) -> int | None:
        """Decide on a metric seen for the first time: its first step, or None to leave it out."""
        if not isinstance(key, str) or not key:
            raise InvalidMetricError(
                f"a metric's name must be a text that is not empty, not {key!r}"
            )
        settings = self.workspace.settings
        if self.is_open:
            self._point = self._journal.point  # type: ignore[method-assign]
        following: int | None = None
        if wanted(key, settings["include_metrics"], settings["exclude_metrics"]):
            following = 0
            if self._started is None or self._started.resumed:
                try:
                    following = max(self.history(key).step, default=-1) + 1
                except FitprintError as error:  # recording does not depend on the store
                    hooks().problem(
                        f"steps of {key!r} are counted from 0, for the store cannot be read: "
                        f"{error}",
                        "store",
                        error,
                    )
        return self._next_step.setdefault(key, following)  # another thread may have been faster

    def log_metrics(
        self,
        metrics: Mapping[str, float],
        step: int | None = None,
        epoch: float | None = None,
        timestamp: datetime | int | None = None,
    ) -> None:
        """Record one point of each metric; see :meth:`log_metric`.

        Raises:
            InvalidMetricError: some are not numbers; the message names them, all others are
                recorded.
        """
        if timestamp is None:
            if self._log_round(metrics, step, epoch):
                return
            timestamp = clock.now() // 1000
        bad: list[str] = []
        for key, value in checked_items(metrics, "log_metrics({'loss': 0.1})", InvalidMetricError):
            try:
                self.log_metric(key, value, step, epoch, timestamp)
            except InvalidMetricError as error:
                bad.append(str(error))
        if bad:
            raise InvalidMetricError("; ".join(bad))

    def _log_round(
        self, metrics: Mapping[str, float], step: int | None, epoch: float | None
    ) -> bool:
        """Record the metrics of a round with one write; False, and nothing recorded, where one of
        them needs a closer look.
        """
        following = self._next_step
        if (
            step is None
            and isinstance(metrics, dict)
            and metrics
            and following.keys().isdisjoint(metrics)
            and POSITION.get() is None
        ):
            return self._log_first(metrics, epoch)
        if type(step) is not int:
            return False
        try:
            for key, value in metrics.items():
                if type(value) is not float or following[key] is None:
                    return False
            self._adds_later = self._adds_later or not self.is_open
            self.workspace.writer.points(
                self.id, metrics, step, time_ns() // 1000, _NAN if epoch is None else epoch
            )
            for key in metrics:
                following[key] = step + 1
        except (AttributeError, KeyError, TypeError, struct.error):
            return False
        return True

    def _log_first(self, metrics: Mapping[str, float], epoch: float | None) -> bool:
        """Do so with the first points of metrics, of which nobody gave the step."""
        with self._lock:
            plain = all(type(value) is float for value in metrics.values())
            return (
                plain
                and all(self._admit(key) == 0 for key in metrics)
                and self._log_round(metrics, 0, epoch)
            )

    def log_history(
        self,
        key: str,
        values: Iterable[float],
        *,
        steps: Iterable[int] | None = None,
        epochs: Iterable[float] | None = None,
        times: Iterable[int] | None = None,
        goal: Literal["min", "max"] | None = None,
    ) -> None:
        """Record a whole curve in one write.

        Args:
            key: name of the metric.
            values: the points, oldest first.
            steps: as many whole numbers; 0, 1, 2 ... by default.
            epochs: as many numbers.
            times: as many times in microseconds; now by default.
            goal: as for :meth:`log_metric`.

        Raises:
            InvalidMetricError: a value is not a number, or the columns differ in length; nothing is
                recorded.
        """
        try:
            column = array("d", values)
            count = len(column)
            now = clock.now()
            points = History(
                array("q", range(count) if steps is None else steps),
                array("q", [now] * count if times is None else times),
                column,
                array("d", [_NAN] * count if epochs is None else epochs),
            )
            check_curve(key, goal, () if times is None else points.timestamp)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidMetricError(f"metric {key!r} was not recorded: {error}") from error
        if {len(each) for each in points.columns} != {count}:
            raise InvalidMetricError(
                f"metric {key!r} was not recorded: {count} values need as many steps, epochs and "
                "times"
            )
        if (
            count
            and (self._next_step[key] if key in self._next_step else self._admit(key)) is not None
        ):
            self._journal.append(events.MetricPoints(self.id, now, key, points, goal))
            self._next_step[key] = points.step[-1] + 1


_open: dict[str, Run] = {}


def _end_with_program() -> None:
    status, error = outcome_of_program()
    for run in reversed(list(_open.values())):
        run.end(status, error=error)
