"""Driving observers: whether a call is a run, running it exactly once, and keeping every failure of
ours to ourselves.
"""

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from types import FrameType, FunctionType
from typing import Any

from fitprint.autologging.call import Call
from fitprint.autologging.callers import Callers, frame_beyond
from fitprint.autologging.framework import Function, Method, SubclassMethod, Target
from fitprint.autologging.replacements import StandIn, is_replacement
from fitprint.autologging.side_table import SideTable
from fitprint.context.secrecy import told
from fitprint.entities import RunStatus
from fitprint.hooks.manager import hooks
from fitprint.recording.context import current_run, is_off
from fitprint.recording.ending import at_end, outcome_of_program
from fitprint.recording.opening import open_run
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint.settings import wanted

__all__ = ["INSIDE", "Engine", "inside", "note_warning"]

# The observed call that this context is in; True in one of another thread or process, and in a call
# that is no run and holds none.
INSIDE: ContextVar[Call | bool | None] = ContextVar("fitprint_inside", default=None)

_MOST_WARNINGS = 100


def _caller() -> FrameType | None:
    """Return the frame of what calls a replacement; None if no code of Python's does."""
    try:
        # this, choose, the hook, the replacement; nothing else costs less
        return sys._getframe(4)  # noqa: SLF001
    except ValueError:
        return None


def _call_unseen(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Make a call that is no run, such as a prediction, or a training that is a step of a
    framework's: nor is anything inside it.
    """
    token = INSIDE.set(True)
    try:
        return function(*args, **kwargs)
    finally:
        INSIDE.reset(token)


def _is_same(target: Target, other: Target) -> bool:
    """Tell whether two calls are of one function, such as of another tool's wrapper and of what
    that calls in turn.
    """
    return (
        isinstance(target, Function) and isinstance(other, Function) and target.path == other.path
    )


def inside() -> Call | bool | None:
    """Return the observed call under way in this context, True if no call in it is to be seen, None
    if there is none.
    """
    call = INSIDE.get()
    return None if isinstance(call, Call) and call.ended else call


class _Sequence:
    """Calls with one instance that are one run, such as those of ``partial_fit``; that may be the
    user's run ``around`` them.
    """

    def __init__(self, run: Run, around: Run | None) -> None:
        self.run = run
        self.around = around
        self.calls = 0
        self.at_end: Callable[[], None] | None = None


class Engine:
    """Runs observed calls. One per process, for all threads."""

    def __init__(self) -> None:
        self.origins = SideTable()
        self.callers = Callers()
        self._sequences: dict[int, tuple[weakref.ref[Any], _Sequence]] = {}
        self._orphans: deque[_Sequence] = deque()
        self._lock = threading.Lock()

    # -- what a call asks --------------------------------------------------------------------------

    def setting(self, name: str) -> Any:
        return current().settings[name]

    def options(self, framework: str) -> Mapping[str, Any]:
        return current().settings.namespace(framework)

    def run_for(self, call: Call) -> tuple[Run, bool]:
        """Return the run of a call that has none yet, and whether it ends with the call.

        The first call inside a run that the user opened is recorded on that run, each further one
        on a child of it.
        """
        around = current_run()
        role = "note" if call.is_note else call.target.role
        if around is not None and role != "note" and around.claim_fit():
            if role == "sequence":
                self._begin_sequence(call.instance, around, around)
            return around, False
        run = open_run(name=call.fit.subject, parent=around, kind=call.fit.kind)
        return run, role != "sequence" or not self._begin_sequence(call.instance, run, around)

    # -- calls -------------------------------------------------------------------------------------

    def choose(self, framework: str, target: Target, args: tuple[Any, ...]) -> StandIn | None:
        """Return what is to make a call of the code two frames above, None if nobody is to see it:
        it is inside another, or not the user's.

        What is looked up here has returned when the call is made: a call that nobody sees has no
        frame of the engine's below it.
        """
        around = INSIDE.get()
        if around is not None and not (isinstance(around, Call) and around.ended):
            return self._choose_inside(around, framework, target)
        if is_off():
            return None
        if (
            self._is_strange(target, args)
            if target.role == "note"
            else not self._is_users(target, args, _caller())
        ):
            return _call_unseen
        return functools.partial(self.call, framework, target)

    def _choose_inside(self, around: Call | bool, framework: str, target: Target) -> StandIn | None:
        if not isinstance(around, Call) or is_off():
            return None
        if around.waits and target.role != "note" and self.wants_framework(framework):
            around.begin()
        if target.nested is None or not around.takes_nested or _is_same(around.target, target):
            return None
        return functools.partial(
            self._call_nested, around, framework, replace(target, observe=target.nested)
        )

    def _is_users(self, target: Target, args: tuple[Any, ...], frame: FrameType | None) -> bool:
        """Tell whether a call that a frame makes is the user's, also where another tool's wrapper
        stands between them.
        """
        if not self.callers.is_user(frame):
            return False
        if isinstance(target, Function) or not args:
            return True
        name = target.name if isinstance(target, SubclassMethod) else target.path.rpartition(".")[2]
        standing = getattr(type(args[0]), name, None)
        if is_replacement(standing) or type(standing) is not FunctionType:
            return True
        return self.callers.is_user(frame_beyond(frame, standing.__code__))

    def call(
        self,
        framework: str,
        target: Target,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run the user's call, observed. What it returns and raises is the function's own."""
        call = Call(self, framework, target, function, args, kwargs)
        token = INSIDE.set(call)
        try:
            return call.make()
        finally:
            INSIDE.reset(token)
            call.release()
            if self._orphans:
                self.end_orphans()

    def _call_nested(
        self,
        outer: Call,
        framework: str,
        target: Target,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        call = Call(self, framework, target, function, args, kwargs, outer)
        token = INSIDE.set(call)
        try:
            return call.make()
        finally:
            INSIDE.reset(token)
            call.release()

    def _is_strange(self, target: Target, args: tuple[Any, ...]) -> bool:
        """Tell whether a method to be noted belongs to an object that no run knows, and may not
        join one.
        """
        if isinstance(target, Function) or not args or self.origins.recall(args[0]) is not None:
            return False
        return not (isinstance(target, Method) and target.joins and current_run() is not None)

    def wants_framework(self, name: str) -> bool:
        """Tell whether the settings let calls of a framework be recorded."""
        settings = current().settings
        return wanted(name, settings["include_frameworks"], settings["exclude_frameworks"])

    def wants_class(self, call: Call) -> bool:
        """Tell whether the settings let calls of this class or function be recorded."""
        settings = current().settings
        if settings["include_classes"] == ["*"] and not settings["exclude_classes"]:
            return True
        subject = type(call.instance) if call.instance is not None else call.function
        return wanted(
            f"{subject.__module__}.{subject.__qualname__}",
            settings["include_classes"],
            settings["exclude_classes"],
        )

    # -- sequences ---------------------------------------------------------------------------------

    def _begin_sequence(self, instance: Any, run: Run, around: Run | None) -> bool:
        """Let further calls with the instance be recorded on the run; False if its death could not
        be seen.
        """
        key, sequence, orphans, sequences = (
            id(instance),
            _Sequence(run, around),
            self._orphans,
            self._sequences,
        )

        def forget(reference: weakref.ref[Any]) -> None:
            # Run by the garbage collector: no lock, no logging. The next observed call ends the
            # run.
            entry = sequences.get(key)
            if entry is not None and entry[0] is reference:
                del sequences[key]
                orphans.append(sequence)

        sequence.calls = 1
        try:
            sequences[key] = (weakref.ref(instance, forget), sequence)
        except TypeError:
            return False
        at_end(self._end_with_program)
        if around is not None:
            around.before_end(self._end_within)
        return True

    def sequence_of(self, instance: Any) -> _Sequence | None:
        """Return the sequence that an instance is in, or None."""
        entry = self._sequences.get(id(instance))
        return entry[1] if entry is not None and entry[0]() is instance else None

    def end_sequence(self, instance: Any) -> None:
        """End the run of a sequence because the instance begins something new."""
        sequence = self.sequence_of(instance)
        if sequence is not None:
            self._sequences.pop(id(instance), None)
            self._end(sequence, "FINISHED", None)

    def _end(self, sequence: _Sequence, status: RunStatus, error: str | None) -> None:
        try:
            if sequence.at_end is not None:
                sequence.at_end()
        except Exception as failure:  # noqa: BLE001
            # the end of a run must not become an error of the user's program
            hooks().problem(
                f"the end of a run could not be recorded whole: {failure}", "autolog", failure
            )
        if sequence.run is not sequence.around:
            sequence.run.end(status, error=error)

    def end_orphans(self) -> None:
        """End the runs of sequences whose instance has died."""
        while self._orphans:
            try:
                orphan = self._orphans.popleft()
            except IndexError:  # another thread was faster
                return
            self._end(orphan, "FINISHED", None)

    def _end_within(self, run: Run, status: RunStatus) -> None:
        """End the sequences in a run of the user's that is about to end."""
        self.end_orphans()
        for key, (_, sequence) in list(self._sequences.items()):
            if sequence.around is run and self._sequences.pop(key, None) is not None:
                self._end(sequence, status, None)

    def _end_with_program(self) -> None:
        self.end_sequences(*outcome_of_program())

    def end_sequences(self, status: RunStatus = "FINISHED", error: str | None = None) -> None:
        """End the runs of all sequences."""
        self.end_orphans()
        for key in list(self._sequences):
            entry = self._sequences.pop(key, None)
            if entry is not None:
                self._end(entry[1], status, error)

    def after_fork_in_child(self) -> None:
        """Leave the sequences to the parent: a forked child begins its own."""
        self._sequences.clear()
        self._orphans.clear()


def note_warning(message: Any) -> bool:
    """Take note of a warning about to be shown; True if it is one of ours, which the user is not to
    see.
    """
    call = inside()
    if not isinstance(call, Call):
        return False
    if len(call.warnings) < _MOST_WARNINGS:
        call.warnings.append(
            {
                "category": message.category.__name__,
                "message": told(str(message.message)),
                "file": message.filename,
                "line": message.lineno,
            }
            | ({} if call.in_user_code else {"raised_by": "fitprint"})
        )
    return not call.in_user_code
