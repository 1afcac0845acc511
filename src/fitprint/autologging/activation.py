"""``autolog()``: switching observation on and off."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fitprint.arguments import checked_truth
from fitprint.autologging import parsers
from fitprint.autologging.call import Call
from fitprint.autologging.observing import INSIDE, Engine, inside, note_warning
from fitprint.autologging.patching import Patcher
from fitprint.errors import SettingsError
from fitprint.hooks.manager import hooks
from fitprint.platform.processes import at_fork
from fitprint.recording import context, workspace
from fitprint.recording.token import Role
from fitprint.settings import Settings, wanted
from fitprint.versions import PLUGINS, misfits

__all__ = ["Autolog", "autolog", "engine", "follow", "is_on", "present"]

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
    """What ``autolog()`` returns: as a context manager it puts everything back as it was before the
    call.
    """

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

    It does not matter whether frameworks are imported before or after, or whether functions of
    theirs were. Called again, it takes up what came since. Used in a ``with`` statement, everything
    is as before when the block is left.

    Args:
        disable: switch off instead, and restore every patched attribute.
        settings: any settings, as for :func:`fitprint.configure`; a framework's own by a dict under
            its name, such as ``sklearn={"max_candidates": 20}``.

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


def _role() -> tuple[Role, str]:
    """Return the role of workers that are sent work here, and the run of the call under way (see
    ``RunToken``).
    """
    if not _patcher.on:
        return "off", ""
    call = inside()
    if call is None and not context.is_off():
        return "observer", ""
    return "quiet", call.run.id if isinstance(call, Call) and call.run is not None else ""


context.tell_role(_role)


def follow(role: Role) -> None:
    """In a process that was started, or sent a task, by another: observe as its role says."""
    with _lock:
        if role == "observer":
            _switch_on()
        elif role == "quiet":
            INSIDE.set(True)
        elif role == "off" and _patcher.on:
            _switch_off()


def present(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a function or bound method that was obtained before it was patched would be by
    now.
    """
    return _patcher.present(function)


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    _engine.after_fork_in_child()


at_fork(after_in_child=_after_fork_in_child)


def _switch_on() -> None:
    chosen = workspace.current().settings
    frameworks = hooks().registered("register_frameworks")
    if not frameworks:
        hooks().problem(
            "no framework plugin is installed, so nothing is recorded: install one, such as "
            "fitprint-sklearn",
            "autolog",
        )
    if not _patcher.on:
        _patcher.on = True
        for patches in hooks().ask_each("register_carriers", lambda carrier: carrier.patches()):
            for path, choose in patches.items():
                _patcher.replace(path, choose)
        if chosen["configuration"]:
            for path, choose in parsers.PATCHES.items():
                _patcher.replace(path, choose)
        _watch_warnings()
        _tell_misfits()
        if frameworks:
            _watch_unrecorded(chosen)
    chosen_names = {
        name
        for name in frameworks
        if wanted(name, chosen["include_frameworks"], chosen["exclude_frameworks"])
    }
    needed = chosen_names.union(*(frameworks[name].within for name in chosen_names))
    for framework in frameworks.values():
        if framework.name in _patcher.installed or framework.name not in needed:
            continue
        try:
            targets = framework.targets()
            _engine.callers.add(framework, targets)
            _patcher.install(framework.name, targets)
        except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
            hooks().problem(
                f"{framework.name} cannot be observed: {type(error).__name__}: {error}",
                framework.name,
                error,
            )
    _patcher.refresh()


def _tell_misfits() -> None:
    """Say once of each plugin that is for another version of its framework;
    what works still works.
    """
    for distribution in sorted(
        {
            plugin.distribution
            for plugin in hooks().found
            if plugin.distribution not in ("", "fitprint")
        }
    ):
        try:
            found = misfits(distribution)
        except (ValueError, ImportError):  # a range or metadata of another's that cannot be read
            continue
        for sentence in found:
            hooks().problem(sentence, distribution)


def _watch_unrecorded(chosen: Settings) -> None:
    """Say of each framework that is imported, and that one more plugin would record, which plugin
    that is.
    """
    have = {plugin.distribution for plugin in hooks().found} | {
        PLUGINS.get(name, "") for name in hooks().registered("register_frameworks")
    }
    include, exclude = chosen["include_frameworks"], chosen["exclude_frameworks"]
    for name, package in PLUGINS.items():
        if package not in have and not hooks().leaves_out(name) and wanted(name, include, exclude):
            _patcher.when_imported(name, _tell_unrecorded)


def _tell_unrecorded(module: ModuleType) -> None:
    name = module.__name__
    others = [other for other in PLUGINS if other != name and other in sys.modules]
    # these two are imported by the others, for purposes of their own
    if name not in ("sklearn", "tensorflow") or not others:
        hooks().problem(
            f"{name} is imported, and no installed plugin records its trainings: pip install "
            f"{PLUGINS[name]}",
            "autolog",
        )


def _switch_off() -> None:
    _patcher.undo()
    _engine.callers.clear()
    _engine.end_sequences()
    _unwatch_warnings()


# The interpreter calls ``warnings._showwarnmsg`` for each warning that passes the user's filters.
# Ours calls the one before it, so that everything is shown, collected or raised as ever; filters
# and ``showwarning`` are not touched.
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
