"""``autolog()``: switching observation on and off."""

from __future__ import annotations

import functools
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from fitprint.arguments import checked_truth
from fitprint.autologging.carrier import Worker, carry_tasks
from fitprint.autologging.observing import INSIDE, Engine, inside, note_warning
from fitprint.autologging.patching import Patcher
from fitprint.autologging.replacements import Call, Hook, replacement_of
from fitprint.errors import SettingsError
from fitprint.hooks.manager import hooks
from fitprint.platform.processes import at_fork
from fitprint.recording import context, heritage, workspace
from fitprint.recording.opening import attached_run
from fitprint.settings import Settings, wanted
from fitprint.versions import PLUGINS, misfits

__all__ = ["Autolog", "autolog", "engine", "is_on", "observe_like", "observing_for"]

_lock = threading.RLock()
_engine = Engine()
_patcher = Patcher(_engine.choose)


def engine() -> Engine:
    """Return the engine of this process."""
    return _engine


def is_on() -> bool:
    """Tell whether autologging is switched on in this process."""
    return _patcher.on


class Autolog:
    """What ``autolog()`` returns: as a context manager it puts everything back as it was before the call."""

    def __init__(self, was_on: bool, given: dict[str, Any]) -> None:
        self._was_on = was_on
        self._given = given

    def __enter__(self) -> Autolog:
        return self

    def __exit__(self, *exception: object) -> None:
        with _lock:
            workspace.configure(**dict.fromkeys(workspace.given(), None) | self._given)
            if not self._was_on:
                _switch_off()
            elif not _patcher.on:
                _switch_on()


def autolog(*, disable: bool = False, **settings: Any) -> Autolog:
    """Record every training call of every framework that a plugin is installed for, from here on.

    It does not matter whether frameworks are imported before or after, or whether functions of theirs were. Called again, it
    takes up what came since. Used in a ``with`` statement, everything is as before when the block is left.

    Args:
        disable: switch off instead, and restore every patched attribute.
        settings: any settings, as for :func:`fitprint.configure`; a framework's own by a dict under its name,
            such as ``sklearn={"max_candidates": 20}``.

    Raises:
        SettingsError: an unknown setting or a value of the wrong type; nothing is changed.
    """
    checked_truth(disable, "disable", SettingsError)
    with _lock:
        handle = Autolog(_patcher.on, workspace.given())
        if settings:
            workspace.configure(**settings)
        if disable:
            _switch_off()
        else:
            _switch_on()
        return handle


def _state() -> str:
    """Return what children of this process are to know of autologging (see :func:`fitprint.recording.heritage.tell`)."""
    if not _patcher.on:
        return "off"
    return "on" if inside() is None and not context.is_off() else "quiet"


heritage.tell("autologging", _state)


def arrive(facts: dict[str, Any]) -> None:
    """In a process of multiprocessing: observe as the one does that started it."""
    with _lock:
        try:
            heritage.arrive(facts)
            if facts["autologging"] == "on":
                _switch_on()
            elif facts["autologging"] == "quiet":
                INSIDE.set(True)
            elif _patcher.on:
                _switch_off()
        except Exception as error:  # noqa: BLE001 - a failure of ours must not become one of the user's process
            hooks().problem(f"a process does not record as its parent: {type(error).__name__}: {error}", "autolog", error)


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    _engine.after_fork_in_child()


at_fork(after_in_child=_after_fork_in_child)


def _switch_on() -> None:
    chosen = workspace.current().settings
    frameworks = hooks().registered("register_frameworks")
    if not frameworks:
        hooks().problem("no framework plugin is installed, so nothing is recorded: install one, such as fitprint-sklearn", "autolog")
    if not _patcher.on:
        _patcher.on = True
        _patcher.when_imported("joblib.parallel", _watch_joblib)
        _watch_warnings()
        _tell_misfits()
        if frameworks:
            _watch_unrecorded(chosen)
    chosen_names = {name for name in frameworks if wanted(name, chosen["include_frameworks"], chosen["exclude_frameworks"])}
    needed = chosen_names.union(*(getattr(frameworks[name], "within", ()) for name in chosen_names))
    for framework in frameworks.values():
        if framework.name in _patcher.installed or framework.name not in needed:
            continue
        try:
            targets = framework.targets()
            _engine.callers.add(framework, targets)
            _patcher.install(framework.name, targets)
        except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
            hooks().problem(f"{framework.name} cannot be observed: {type(error).__name__}: {error}", framework.name, error)
    _patcher.refresh()


def _tell_misfits() -> None:
    """Say once of each plugin that is for another version of its framework; what works still works."""
    for distribution in sorted({plugin.distribution for plugin in hooks().found if plugin.distribution not in ("", "fitprint")}):
        try:
            found = misfits(distribution)
        except (ValueError, ImportError):  # a range or metadata of another's that cannot be read
            continue
        for sentence in found:
            hooks().problem(sentence, distribution)


def _watch_unrecorded(chosen: Settings) -> None:
    """Say of each framework that is imported, and that one more plugin would record, which plugin that is."""
    have = {plugin.distribution for plugin in hooks().found} | {PLUGINS.get(name, "") for name in hooks().registered("register_frameworks")}
    include, exclude = chosen["include_frameworks"], chosen["exclude_frameworks"]
    for name, package in PLUGINS.items():
        if package not in have and not hooks().leaves_out(name) and wanted(name, include, exclude):
            _patcher.when_imported(name, _tell_unrecorded)


def _tell_unrecorded(module: ModuleType) -> None:
    name = module.__name__
    others = [other for other in PLUGINS if other != name and other in sys.modules]
    if name not in ("sklearn", "tensorflow") or not others:  # these two are imported by the others, for purposes of their own
        hooks().problem(f"{name} is imported, and no installed plugin records its trainings: pip install {PLUGINS[name]}", "autolog")


def _switch_off() -> None:
    _patcher.undo()
    _engine.callers.clear()
    _engine.end_sequences()
    _unwatch_warnings()


def _watch_joblib(module: ModuleType) -> None:
    def choose(args: tuple[Any, ...]) -> Call | None:
        # Tasks that run one after another in this very thread have nothing to be told.
        return None if args and getattr(args[0], "n_jobs", None) == 1 else carry

    def carry(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return carry_tasks(workspace.given, Worker(observe_like, observing_for), function, args, kwargs)

    _patcher.replace_method(module.Parallel, "__call__", functools.partial(replacement_of, hook=Hook(_patcher, choose)))


# The interpreter calls ``warnings._showwarnmsg`` for each warning that passes the user's filters. Ours calls the one
# before it, so that everything is shown, collected or raised as ever; filters and ``showwarning`` are not touched.
_shown: tuple[Any, Any] | None = None


def _watch_warnings() -> None:
    global _shown
    original = getattr(warnings, "_showwarnmsg", None)
    if original is None or _shown is not None:
        return

    def _showwarnmsg(message: Any) -> None:
        if not note_warning(message):
            original(message)

    _shown = (original, _showwarnmsg)
    warnings._showwarnmsg = _showwarnmsg  # type: ignore[attr-defined]  # noqa: SLF001 - see above


def _unwatch_warnings() -> None:
    global _shown
    if _shown is not None:
        original, ours = _shown
        if warnings._showwarnmsg is ours:  # type: ignore[attr-defined]  # noqa: SLF001 - see above
            warnings._showwarnmsg = original  # type: ignore[attr-defined]  # noqa: SLF001
        _shown = None


def observe_like(token: dict[str, Any]) -> None:
    """In a worker process: be ready to observe as the process does that sent the token."""
    with _lock:
        try:
            if workspace.given() != token["settings"]:
                workspace.configure(**dict.fromkeys(workspace.given(), None) | token["settings"])
            _switch_on()
        except Exception as error:  # noqa: BLE001 - a failure of ours must not become one of the user's task
            hooks().problem(f"a worker process cannot record: {type(error).__name__}: {error}", "autolog", error)


@contextmanager
def observing_for(token: dict[str, Any], function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """In a worker process: observe for the length of a task, and return its function as it is to be called."""
    observe_like(token)
    run = None if token["run"] is None else attached_run(token["run"])
    inside = INSIDE.set(None)
    before = context.enter_worker(run, is_off=token["off"])
    try:
        yield _patcher.present(function)
    finally:
        context.restore(before)
        INSIDE.reset(inside)
        _engine.end_orphans()
        # Until the next such task this worker observes nothing.
        INSIDE.set(True)
