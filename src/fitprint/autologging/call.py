"""One observed call, as the engine drives it: step by step, the user's own call exactly once, and
every failure of ours kept here.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fitprint import clock
from fitprint.autologging.arguments import Arguments, ImpossibleCall
from fitprint.autologging.fit import Fit
from fitprint.autologging.framework import Function, Target, observer_of
from fitprint.context.secrecy import told
from fitprint.entities import RunStatus
from fitprint.hooks.manager import hooks
from fitprint.recording import context
from fitprint.recording.ending import outcome_of
from fitprint.recording.run import Run
from fitprint.recording.workspace import current

if TYPE_CHECKING:
    from fitprint.autologging.observing import Engine
    from fitprint.journal.writer import JournalWriter

__all__ = ["Call"]

# kinds of runs whose inner calls are no part of one training
_MANY_TRAININGS = {"search", "cross-validation"}


class Call:
    """One observed call.

    Attributes:
        engine: what runs it.
        framework: name of the framework.
        target: what is called.
        is_note: whether it is no run of its own, but may add to a recorded one.
        function: what the user calls, unpatched.
        arguments: what it is called with.
        instance: the object whose method is called; None for a function.
        outer: the call that this one is nested in, on whose run it records; None for an outermost
            call.
        position: number of this nested call within the outer one, from 1; 0 for an outermost call.
        fit: what its observer gets.
        run: what it records on; None before that begins.
        report: items of the capture report, which nested calls share.
        warnings: that were shown during the call, which nested calls share.
        skip_reason: why it is not recorded; None if it is.
        in_user_code: whether code of the user's, or of a framework, runs, and none of ours.
        ended: whether it has returned or raised.
    """

    def __init__(
        self,
        engine: Engine,
        framework: str,
        target: Target,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        outer: Call | None = None,
    ) -> None:
        is_method = not isinstance(target, Function)
        self.engine = engine
        self.framework = framework
        self.target = target
        self.is_note = target.role == "note" or outer is not None
        self.function = function
        self.arguments = Arguments(function, args, kwargs, is_method=is_method)
        self.instance: Any = args[0] if is_method and args else None
        self.outer = outer
        # of this class
        self.position: int = 0 if outer is None else next(outer._nested)  # noqa: SLF001
        self.report: dict[str, Any] = {} if outer is None else outer.report
        self.warnings: list[dict[str, Any]] = [] if outer is None else outer.warnings
        self.run: Run | None = None if outer is None else outer.run
        self.skip_reason: str | None = None
        self.in_user_code = True
        self.ended = False
        self.children: list[Run] = []  # that its observers began; some may have ended
        self._ends_run = False
        self._nested: Iterator[int] = itertools.count(1)
        self._begin: list[Callable[[], None]] = []
        self._observer: Any = None
        self._cost = 0.0  # seconds of the steps of ours that have ended
        self._step_began = 0.0
        self._gathering: JournalWriter | None = None
        self.fit: Fit = Fit(self)

    # -- what others ask ---------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether it has not turned out yet if this call is to be observed."""
        return bool(self._begin)

    def begin(self) -> None:
        """Observe this call from here on, if it waits for that: of several threads the first does
        so.
        """
        try:
            begin = self._begin.pop()
        except IndexError:
            return
        begin()

    @property
    def takes_nested(self) -> bool:
        """Whether a call that the user's code makes now, inside this one, is a part of its
        training.
        """
        is_training = not self.is_note and self.fit.kind not in _MANY_TRAININGS
        return (
            is_training and self.run is not None and self.in_user_code and self.skip_reason is None
        )

    def begun_run(self) -> Run:
        """Return the run of this call, which begins now if it has not."""
        if self.run is None:
            if not self.in_user_code:  # what is known before the call needs one write
                self._gathering = current().writer
                self._gathering.gather()
            self.run, self._ends_run = self.engine.run_for(self)
        return self.run

    def record_on(self, run: Run, *, as_note: bool = False) -> None:
        """Record what follows on a run that is there; ``as_note``:
        the call is no run of its own.
        """
        self.run, self._ends_run = run, False
        self.is_note = self.is_note or as_note

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Count what is done inside the user's call as ours: its warnings, and its time."""
        before, began, self.in_user_code = self.in_user_code, time.perf_counter(), False
        try:
            yield
        finally:
            self.in_user_code = before
            self.fit.overhead += time.perf_counter() - began

    def release(self) -> None:
        """Forget the user's objects: a context that was copied inside the call may keep this one
        alive.
        """
        self.ended = True
        self.instance, self.outer = None, None
        self.arguments.release()
        self._begin.clear()
        self.fit.release()

    # -- step by step ------------------------------------------------------------------------------

    def make(self) -> Any:
        """Make the user's call, observed. What it returns and raises is the function's own."""
        fit = self.fit
        before = None
        started = time.perf_counter()
        try:
            self._guarded("the call", self._before)
            args, kwargs = self._arguments()
            if self.run is not None and not self.is_note:
                # what the user's code logs inside the call belongs to its run
                before = context.push(self.run)
            started = time.perf_counter()
            result = self.function(*args, **kwargs)
        except BaseException as error:
            fit.elapsed = time.perf_counter() - started
            if before is not None:
                context.restore(before)
            self._guarded("the failure", functools.partial(self._failed, error))
            raise
        fit.elapsed = time.perf_counter() - started
        if before is not None:
            context.restore(before)
        self._guarded("the result", functools.partial(self._after, result))
        return result

    def _guarded(self, what: str, step: Callable[[], None]) -> None:
        """Run a step of ours; whatever goes wrong is told and stays here."""
        self._step_began = time.perf_counter()
        self.in_user_code = False
        try:
            try:
                step()
            finally:
                self._settle()
        except Exception as error:  # noqa: BLE001
            # a failure of ours must not become one of the user's
            fit = self.fit
            fit.failed(what, error)
            problem = (
                f"observing {what} of {fit.framework}'s {fit.subject} failed: "
                f"{type(error).__name__}: {error}"
            )
            hooks().problem(problem, fit.framework, error)
        finally:
            self.in_user_code = True
            self._cost += time.perf_counter() - self._step_began

    def _settle(self) -> None:
        """Write what was gathered."""
        gathering, self._gathering = self._gathering, None
        if gathering is not None:
            gathering.settle()

    def _arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        # skipped, or it failed: perhaps before it had replaced all that it meant to
        if self._observer is None:
            return self.arguments.args, self.arguments.kwargs
        try:
            return self.arguments.final()
        except (TypeError, ValueError):
            # the call does not fit the function, which will say so itself
            return self.arguments.args, self.arguments.kwargs

    def _before(self) -> None:
        if not self.engine.wants_class(self):
            self.skip_reason = "the settings leave it out"
        elif self.engine.wants_framework(self.framework):
            self._observe()
        elif self.target.role == "run" and not self.is_note:
            self._begin.append(functools.partial(self._guarded, "the call", self._observe))

    def _observe(self) -> None:
        if not self.is_note and self.target.role == "sequence":
            sequence = self.engine.sequence_of(self.instance)
            if sequence is not None:
                sequence.calls += 1
                self.fit.call = sequence.calls
                self.record_on(sequence.run)
        elif not self.is_note and self.instance is not None:
            self.engine.end_sequence(self.instance)
        observer = observer_of(self.target.observe)(self.fit)
        if observer is None:
            raise TypeError(
                "the observer is no generator: it needs one `yield`, above which the call has not "
                "happened yet"
            )
        try:
            next(observer)
        except StopIteration:
            self.skip_reason = "its observer has nothing to say"
            return
        except ImpossibleCall:
            self.skip_reason = "the call does not fit the function, which will say so itself"
            return
        self._observer = observer
        if self.skip_reason:
            observer.close()
            self._observer = None
        elif not self.is_note:
            self.begun_run()  # the run begins before the call does

    def _after(self, result: Any) -> None:
        try:
            if self._observer is not None:
                try:
                    self._observer.send(result)
                except StopIteration:
                    pass
                else:
                    self._observer.close()
                    raise RuntimeError("the observer must yield exactly once")
        except Exception as error:
            self.fit.failed("the result", error)  # before the report is written
            raise
        finally:
            self._finish("FINISHED", None)

    def _failed(self, error: BaseException) -> None:
        try:
            if self._observer is not None:
                self._observer.close()
        finally:
            status, text = outcome_of(error)
            for child in self.children:
                child.end(status, error=text)  # those that have ended stay as they are
            self._finish(status, text)

    def _finish(self, status: RunStatus, error: str | None) -> None:
        fit, run = self.fit, self.run
        if fit.outer is not None:
            fit.outer.overhead += fit.overhead + self._cost + time.perf_counter() - self._step_began
        if run is None or self.is_note:
            return
        self._gathering = run.workspace.writer
        self._gathering.gather()
        try:
            fit.metric("fit_time", fit.elapsed, goal="min")
            report = self._whole_report()
            if fit.call == 1 or report.get("failed"):
                run.log_document("capture", report)
        finally:
            if self._ends_run:
                run.end(status, error=error, at=clock.now())
            elif error is not None:
                run.log_document("failure", {"subject": fit.subject, "error": told(error)})

    def _whole_report(self) -> dict[str, Any]:
        cost = self._cost + time.perf_counter() - self._step_began + self.fit.overhead
        head = {
            "framework": self.framework,
            "function": self.function.__qualname__,
            "cost_ms": round(cost * 1000, 3),
        }
        return {**head, **self.report, **({"warnings": self.warnings} if self.warnings else {})}
