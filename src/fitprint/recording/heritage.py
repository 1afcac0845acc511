"""What a child process of ``multiprocessing`` has from its parent: settings, the current run, and whether autologging is on.

A forked child has its parent's memory. One that is spawned, or comes from a fork server, gets its ``Process`` object through a pipe, and
in it the configuration that ``multiprocessing`` hands from each process to its children. There lies an object of ours, pickled when the
child is started, as what its parent knows at that moment. Nothing is patched and no variable is set; a child that does not use fitprint,
of a parent that does not autolog, does not import it.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

from fitprint.hooks.manager import hooks

__all__ = ["arrive", "inherited_run", "inherited_settings", "leave", "take_settings", "tell"]

_KEY = "fitprint"
# Runs in the child while it reads its Process object, when its import path is its parent's. Whatever goes wrong there stays ours.
_ARRIVAL = """
import sys
module = "fitprint.autologging.activation"
if facts["autologging"] != "on" and module not in sys.modules:
    module = "fitprint.recording.heritage"
if facts["autologging"] == "on" or "fitprint.recording.workspace" in sys.modules:
    try:
        __import__(module)
        sys.modules[module].arrive(facts)
    except Exception:
        pass
"""
_arrived: dict[str, Any] = {}
_tellers: dict[str, Callable[[], Any]] = {}
_taker: Callable[[dict[str, Any]], None] | None = None


class _Estate:
    """Stands for what the parent knows, and becomes plain values on the way to the child."""

    def __reduce__(self) -> Any:
        facts = _known()
        return operator.getitem, ((facts, _Arrival(facts)), 0)


class _Arrival:
    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = facts

    def __reduce__(self) -> Any:
        return exec, (_ARRIVAL, {"facts": self._facts})


_ESTATE = _Estate()


class _Watch:
    """Waits in ``sys.meta_path`` for ``multiprocessing``, and finds nothing itself."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "multiprocessing.reduction":  # imported right after the module that we need
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            leave()


_WATCH = _Watch()


def leave() -> None:
    """See to it that processes which this one starts get what it knows."""
    process: Any = sys.modules.get("multiprocessing.process")
    if hasattr(process, "current_process"):
        process.current_process()._config[_KEY] = _ESTATE  # noqa: SLF001 - the one thing that all ways to start a process hand on
    elif _WATCH not in sys.meta_path:
        sys.meta_path.insert(0, _WATCH)


def tell(name: str, teller: Callable[[], Any]) -> None:
    """Let children know what ``teller`` returns, a plain value, when they are started.

    Args:
        name: "settings", those that were given in code; "run", the id of the current run or None; "autologging": "on", "quiet" (inside an
            observed call, or switched off for a block), "off" or "" (never asked for).
        teller: called in the parent for each child.
    """
    _tellers[name] = teller


def take_settings(taker: Callable[[dict[str, Any]], None]) -> None:
    """Have the parent's settings given to ``taker`` if they arrive when this process has settings already."""
    global _taker
    _taker = taker


def _known() -> dict[str, Any]:
    """Return what a child that is being started gets to know: plain values only."""
    facts: dict[str, Any] = {"settings": inherited_settings(), "run": inherited_run(), "autologging": ""}
    try:
        from multiprocessing.context import get_spawning_popen
        from multiprocessing.process import current_process

        # Processes of joblib's are told with each task, and others copy the object for reasons of their own.
        if not type(get_spawning_popen()).__module__.startswith("multiprocessing."):
            return facts
        for name, teller in _tellers.items():
            facts[name] = teller()
    except Exception as error:  # noqa: BLE001 - the user's process is to start, whatever we have to tell it
        hooks().problem(f"the process that {current_process().name} starts does not record as this one: {error}", "heritage", error)
    return facts


def arrive(facts: dict[str, Any]) -> None:
    """In a child: take over what the parent knows, in the place of what importing the program may have set."""
    from multiprocessing import util

    _arrived.update(facts)
    util.register_after_fork(_ESTATE, _leave_again)
    if _taker is not None:
        _taker(facts["settings"])


def _leave_again(_: _Estate) -> None:
    """Called in each new process of multiprocessing, when it is the current one."""
    leave()


def _facts() -> dict[str, Any]:
    if not _arrived:
        process: Any = sys.modules.get("multiprocessing.process")
        found = process.current_process()._config.get(_KEY) if hasattr(process, "current_process") else None  # noqa: SLF001 - see ``leave``
        if isinstance(found, dict):
            _arrived.update(found)
    return _arrived


def inherited_settings() -> dict[str, Any]:
    """Return the settings of the parent, {} in a program that has none of ours."""
    return dict(_facts().get("settings", {}))


def inherited_run() -> str | None:
    """Return the id of the run that was current where this process was started."""
    run: str | None = _arrived.get("run")
    return run
