"""The truth about how the program ends, without touching signals.

A process that is killed leaves its journal's lock behind, and readers draw the conclusion. For all
other ends this module knows: an exception that ended the program, and the status that ``sys.exit``
was called with while a run stood open. The status of a ``raise SystemExit(status)`` cannot be known
outside a ``with`` block; it counts as a good end.
"""

from __future__ import annotations

import atexit
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from fitprint.entities import RunStatus
from fitprint.hooks.manager import hooks
from fitprint.platform.processes import at_fork

__all__ = ["at_end", "outcome_of", "outcome_of_program", "unwatch_exit", "watch_exit"]

_callbacks: list[Callable[[], None]] = []
_exit_status: Any = None
_watchers = 0
_watched: tuple[Any, Any] | None = None
_outermost: FrameType | None = None  # the program's own frame, which tells how it was left


def at_end(callback: Callable[[], None]) -> None:
    """Call this when the program ends, before those that were added earlier; added again, it is
    called once. It must not raise.
    """
    if not _callbacks:
        atexit.register(_run_callbacks)
        if _is_child():
            # Such a process ends without atexit; multiprocessing has finalizers of its own.
            sys.modules["multiprocessing.util"].Finalize(None, _run_callbacks, exitpriority=10)
    if callback not in _callbacks:
        _callbacks.append(callback)


def _run_callbacks() -> None:
    while _callbacks:
        _callbacks.pop()()
    if _was_interrupted():
        # Python lets a program that Ctrl-C ended die of the signal, but forgets about it as soon as
        # a text is executed: what was imported since may have done that. An interrupt that is
        # raised the same way once more brings it back.
        try:
            exec("raise KeyboardInterrupt")  # noqa: S102 - as said above
        except KeyboardInterrupt:
            pass


def _was_interrupted() -> bool:
    """Tell whether a script, or the text of ``-c``, was ended by Ctrl-C: not a module of ``-m``,
    and nothing in an interpreter.
    """
    main: Any = sys.modules.get("__main__")
    found = getattr(sys, "last_traceback", None)
    if (
        found is None
        or hasattr(sys, "ps1")
        or not isinstance(getattr(sys, "last_value", None), KeyboardInterrupt)
    ):
        return False
    frame = found.tb_frame
    return (
        frame.f_back is None
        and frame.f_globals is vars(main)
        and getattr(main, "__spec__", None) is None
    )


def outcome_of(error: BaseException | None) -> tuple[RunStatus, str | None]:
    """Return status and traceback text of a block that ended with ``error`` (None: it ended well).

    An exception means FAILED, an interrupt by the user and the cancellation of a task KILLED.
    ``SystemExit`` is judged by its status: 0 or None means FINISHED; so does the closing of a
    generator that holds the block.
    """
    if (
        error is None
        or isinstance(error, GeneratorExit)
        or (isinstance(error, SystemExit) and error.code in (None, 0))
    ):
        return "FINISHED", None
    text = _told(error)
    if isinstance(error, SystemExit):
        return "FAILED", f"the program ended with exit status {error.code!r}\n{text}"
    asyncio = sys.modules.get("asyncio")
    interrupted = isinstance(error, KeyboardInterrupt) or (
        asyncio is not None and isinstance(error, asyncio.CancelledError)
    )
    return ("KILLED" if interrupted else "FAILED"), text


def _told(error: BaseException) -> str:
    """Return the traceback as the user knows it: without our frames between the others.

    The exception itself is not touched.
    """
    told = traceback.TracebackException(type(error), error, error.__traceback__)
    ours = hooks().folders()
    waiting, seen = [told], {id(told)}
    for each in waiting:
        each.stack = traceback.StackSummary.from_list(_without(ours, each.stack))
        # of a group
        linked = (each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ()))
        for other in linked:
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)
    return "".join(told.format())


def _without(
    folders: tuple[str, ...], stack: traceback.StackSummary
) -> list[traceback.FrameSummary]:
    """Leave out frames of files in the folders, but for the last ones: what raised the error is a
    part of the story.
    """
    last = max(
        (number for number, frame in enumerate(stack) if not frame.filename.startswith(folders)),
        default=-1,
    )
    return [
        frame
        for number, frame in enumerate(stack)
        if number > last or not frame.filename.startswith(folders)
    ]


def outcome_of_program() -> tuple[RunStatus, str | None]:
    """Return status and traceback text for runs that stand open when the interpreter, or a process
    of multiprocessing, ends.
    """
    error = sys.exc_info()[1]
    if error is not None:
        return outcome_of(error)
    if _exit_status is not None and not _has_returned(_outermost):
        return outcome_of(SystemExit(_exit_status))
    if hasattr(sys, "ps1"):
        return "FINISHED", None
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if error is None and _is_child() and _outermost is not None and not _has_returned(_outermost):
        return (
            "FAILED",
            (
                "the process was ended by an exception, which multiprocessing has written to "
                "standard error"
            ),
        )
    return outcome_of(error)


def _is_child() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _find_outermost() -> FrameType:
    """Return the frame in which the program, or the work of a process of multiprocessing, runs as a
    whole.
    """
    frame = sys._getframe()  # noqa: SLF001 - documented, for purposes like this
    while (outer := frame.f_back) is not None:
        if (
            outer.f_code.co_name == "_bootstrap"
            and outer.f_globals.get("__name__") == "multiprocessing.process"
        ):
            break
        frame = outer
    return frame


def _has_returned(frame: FrameType | None) -> bool:
    """Tell whether the frame was left by a return, rather than by an exception or not at all."""
    from opcode import opname

    return frame is not None and opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN_")


def watch_exit() -> None:
    """Note the status given to ``sys.exit`` from here on, until :func:`unwatch_exit` was called as
    often.
    """
    global _watchers, _watched, _exit_status, _outermost
    _watchers += 1
    _exit_status = None
    if _outermost is None and threading.current_thread() is threading.main_thread():
        _outermost = _find_outermost()
    if _watched is None:
        original = sys.exit

        def exit(status: Any = None, /) -> Any:  # noqa: A001 - it stands in for sys.exit
            global _exit_status
            if threading.current_thread() is threading.main_thread():
                _exit_status = status
            original(status)

        exit.__doc__ = original.__doc__
        _watched = (original, exit)
        sys.exit = exit


def unwatch_exit() -> None:
    """Take one watch back; ``sys.exit`` is as before when the last one goes."""
    global _watchers, _watched
    _watchers -= 1
    if _watchers == 0 and _watched is not None:
        original, ours = _watched
        if sys.exit is ours:
            sys.exit = original
        _watched = None


def _after_fork_in_child() -> None:
    """A forked child must not end its parent's runs, and ends in a way of its own."""
    global _exit_status, _outermost
    _exit_status, _outermost = None, None
    _callbacks.clear()
    atexit.unregister(_run_callbacks)


at_fork(after_in_child=_after_fork_in_child)
