"""What can be added to a run by whoever observes a call, each item failing alone.

Nothing here raises: what cannot be recorded becomes a line of the run's capture report.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Literal

from fitprint import clock
from fitprint.context.secrecy import told
from fitprint.entities import RunStatus
from fitprint.errors import StoreError
from fitprint.hooks.manager import hooks
from fitprint.recording import media
from fitprint.recording.run import Run

__all__ = ["Child", "Recorder"]

# the same reasons come again and again, and may quote an error of the user's
_told = functools.lru_cache(maxsize=256)(told)


class Recorder:
    """What can be added to a run, each item failing alone.

    The base of :class:`fitprint.autologging.fit.Fit` and :class:`Child`.
    """

    def __init__(self, report: dict[str, Any]) -> None:
        self._report = report

    @property
    def run(self) -> Run:
        """The run that is recorded on."""
        raise NotImplementedError

    def params(
        self, params: Mapping[str, Any], *, defaults: Iterable[str] = (), resolved: bool = False
    ) -> None:
        """Record hyperparameters.

        Args:
            params: values by name.
            defaults: names of those that the user left at the framework's default.
            resolved: the values are what the framework made of the user's.
        """
        with self.part("params"):
            self.run.log_params(
                params, provenance="resolved" if resolved else "set", defaults=defaults
            )

    def metric(
        self,
        key: str,
        value: float,
        *,
        step: int | None = None,
        epoch: float | None = None,
        goal: Literal["min", "max"] | None = None,
    ) -> None:
        """Record one point of a metric, at once."""
        with self.part(f"metric {key}", quiet=True):
            self.run.log_metric(key, value, step, epoch, goal=goal)

    def metrics(
        self, metrics: Mapping[str, float], *, step: int | None = None, epoch: float | None = None
    ) -> None:
        """Record one point of each metric, at once."""
        try:
            self.run.log_metrics(metrics, step, epoch)
        except Exception as error:  # noqa: BLE001
            # written out, since this is called in every round of a training
            self._gone_wrong("metrics", error)

    def history(
        self,
        key: str,
        values: Iterable[float],
        *,
        steps: Iterable[int] | None = None,
        goal: Literal["min", "max"] | None = None,
    ) -> None:
        """Record a whole curve."""
        with self.part(f"history {key}"):
            self.run.log_history(key, values, steps=steps, goal=goal)

    def tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        with self.part("tags", quiet=True):
            self.run.set_tags(tags)

    def data(self, path: str, content: Any) -> None:
        """Record a JSON artifact, such as the points of a curve from which a plot is
        drawn later.
        """
        with self.part(path):
            self.run.log_bytes(media.json_bytes(content), path)

    def text(self, path: str, text: str) -> None:
        """Record a text artifact."""
        with self.part(path):
            self.run.log_bytes(media.text_bytes(text), path)

    def document(self, name: str, content: Any) -> None:
        """Record a small JSON document of the run."""
        with self.part(name):
            self.run.log_document(name, content)

    def skipped(self, what: str, why: str) -> None:
        """Put in the capture report that something was left out, and why."""
        self._report.setdefault("skipped", {})[what] = _told(why)

    def failed(self, what: str, error: BaseException) -> None:
        """Put a failure of ours in the capture report."""
        self._report.setdefault("failed", {})[what] = _told(f"{type(error).__name__}: {error}")

    def _gone_wrong(self, name: str, error: Exception) -> None:
        self.failed(name, error)
        if isinstance(error, StoreError):  # such as a disk that is full
            self.run.tell_lost(name, error)
            return
        hooks().problem(
            f"recording {name} failed: {type(error).__name__}: {error}", "autolog", error
        )

    def part(self, name: str, *, quiet: bool = False) -> AbstractContextManager[None]:
        """Run a part of the observer by itself: if it fails, the capture report says so, and the
        rest goes on.

        Args:
            name: the part, as the capture report names it.
            quiet: list it in the report only if it fails.
        """
        return _Part(self, name, quiet)

    def _gone_right(self, name: str) -> None:
        captured = self._report.setdefault("captured", [])
        if name not in captured:
            captured.append(name)


class _Part(AbstractContextManager[None]):
    """A part of an observer; written out, for a fit has dozens of them, and a generator for each
    costs twice as much.
    """

    __slots__ = ("_name", "_quiet", "_recorder")

    def __init__(self, recorder: Recorder, name: str, quiet: bool) -> None:
        self._recorder = recorder
        self._name = name
        self._quiet = quiet

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None:
            if not self._quiet:
                # the other half of this class
                self._recorder._gone_right(self._name)  # noqa: SLF001
        elif isinstance(error, Exception):  # a failure of ours must not become one of the user's
            self._recorder._gone_wrong(self._name, error)  # noqa: SLF001 - the same
            return True
        return False


class Child(Recorder):
    """A child run that an observer writes."""

    def __init__(self, run: Run, report: dict[str, Any]) -> None:
        super().__init__(report)
        self._child = run

    @property
    def run(self) -> Run:
        """The child run."""
        return self._child

    def end(
        self, status: RunStatus = "FINISHED", *, error: str | None = None, at: int | None = None
    ) -> None:
        """End the child run; ``at`` is its end in microseconds, now by default."""
        self._child.end(status, error=error, at=clock.now() if at is None else at)
