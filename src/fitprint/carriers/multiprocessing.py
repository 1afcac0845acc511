"""multiprocessing: processes that are spawned, or that come from a fork server; a forked child has
its parent's memory.

Such a child gets its ``Process`` object through a pipe, and in it the configuration that
``multiprocessing`` hands from each process to its children. There lies an object of ours, pickled
when the child is started, as what its parent knows at that moment. Nothing is patched and no
variable is set; a child that does not use fitprint, of a parent that does not autolog, does not
import it.
"""

from __future__ import annotations

import operator
import os
import sys
from dataclasses import replace
from typing import Any

from fitprint.carriers import Carrier
from fitprint.hooks.manager import hooks
from fitprint.recording.token import RunToken, inherited_token

__all__ = ["CARRIER", "Multiprocessing", "arrive"]

_KEY = "fitprint"
# Runs in the child while it reads its Process object, when its import path is its parent's.
# Whatever goes wrong there stays ours.
_ARRIVAL = """
import sys
if facts[0] == "observer" or "fitprint.recording.workspace" in sys.modules:
    try:
        __import__("fitprint.carriers.multiprocessing")
        sys.modules["fitprint.carriers.multiprocessing"].arrive(facts)
    except Exception:
        pass
"""
# What goes to a child: its role, the text of the token, and the whole URIs of stores, which only
# this pipe may carry.
Facts = tuple[str, str, tuple[str, ...]]
_received: Facts = ("", "", ())


class _Estate:
    """Stands for what the parent knows, and becomes plain values on the way to the child."""

    def __reduce__(self) -> Any:
        facts = _known()
        return operator.getitem, ((facts, _Arrival(facts)), 0)


class _Arrival:
    def __init__(self, facts: Facts) -> None:
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
            CARRIER.begin()


_WATCH = _Watch()


class Multiprocessing(Carrier):
    """Lays an object into the configuration of the current process, and finds there what its parent
    has laid.
    """

    name = "multiprocessing"

    def begin(self) -> None:
        process: Any = sys.modules.get("multiprocessing.process")
        if hasattr(process, "current_process"):
            # the one thing that all ways to start a process hand on
            process.current_process()._config[_KEY] = _ESTATE  # noqa: SLF001
        elif _WATCH not in sys.meta_path:
            sys.meta_path.insert(0, _WATCH)

    def received(self) -> RunToken | None:
        process: Any = sys.modules.get("multiprocessing.process")
        found = (
            process.current_process()._config.get(_KEY)  # noqa: SLF001 - see ``begin``
            if hasattr(process, "current_process")
            else None
        )
        return _take(found) if isinstance(found, tuple) and found[1] else None


CARRIER = Multiprocessing()


def _take(facts: Facts) -> RunToken:
    global _received
    token = RunToken.decode(facts[1])
    _received = facts
    if facts[2]:
        from fitprint.stores.addresses import remember

        for uri in facts[2]:
            remember(uri)
    return token


def _known() -> Facts:
    """Return what a child that is being started gets to know."""
    try:
        from multiprocessing.context import get_spawning_popen

        # Processes of joblib's are told with each task, and others copy the object for reasons of
        # their own.
        if not type(get_spawning_popen()).__module__.startswith("multiprocessing."):
            inherited_token()
            return "", *_received[1:]
        return _here()
    except Exception as error:  # noqa: BLE001
        # the user's process is to start, whatever we have to tell it
        hooks().problem(
            f"a process that is started does not record as this one: {error}", "carriers", error
        )
        return "", *_received[1:]


def _here() -> Facts:
    from fitprint.recording.context import current_token
    from fitprint.recording.workspace import existing, given

    token, here, chosen = current_token(), existing(), given()
    if here is None:
        return token.role, token.encode(), _received[2]
    # what variables and files say reaches the child by itself, as it is by then
    if "store" not in chosen:
        token = replace(token, store="", store_id="")
    if token.local is not None and "home" not in chosen and "FITPRINT_HOME" in os.environ:
        token = replace(token, local=replace(token.local, home=""))
    return token.role, token.encode(), tuple(dict.fromkeys((*_received[2], *here.whole_uris())))


def arrive(facts: Facts) -> None:
    """In a child: take over what the parent knows, in the place of what importing the program may
    have set.
    """
    from multiprocessing import util

    from fitprint.recording import context, workspace

    try:
        token = _take(facts)
        # in each new process of multiprocessing, when it is the current one
        util.register_after_fork(_ESTATE, lambda _: CARRIER.begin())
        context.inherit(token)
        workspace.inherit(workspace.admitted(token))
        if token.role == "observer" or "fitprint.autologging.activation" in sys.modules:
            from fitprint.autologging import activation

            activation.follow(token.role)
    except Exception as error:  # noqa: BLE001
        # a failure of ours must not become one of the user's process
        hooks().problem(
            f"a process does not record as its parent: {type(error).__name__}: {error}",
            "carriers",
            error,
        )
