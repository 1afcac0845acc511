"""Seeing what the program's own parsers return: argparse's, and Hydra's configuration of a job."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from fitprint.autologging.replacements import Choose, StandIn
from fitprint.hooks.manager import hooks
from fitprint.recording.configuration import note_configuration, plain_configuration

__all__ = ["PATCHES"]

# Programs and libraries that parse flags for purposes of their own, such as those of the test
# runner that runs the user's code.
_OTHERS = frozenset(
    "IPython _pytest coverage fitprint hydra ipykernel pytest traitlets unittest".split()
)
_OURS = f"{__package__}."
_inner: ContextVar[bool] = ContextVar("fitprint_parses", default=False)


def _choose_parse(_: tuple[Any, ...]) -> StandIn | None:
    """Let parsers of subcommands, which are called inside, tell nothing: the one around them tells
    it all.
    """
    return None if _inner.get() else _parse


def _choose_job(_: tuple[Any, ...]) -> StandIn | None:
    return _run_job


def _parse(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    token = _inner.set(True)
    try:
        result = function(*args, **kwargs)
    finally:
        _inner.reset(token)
    _attempt(lambda: _note_parsed(args[0], result[0] if isinstance(result, tuple) else result))
    return result


def _note_parsed(parser: Any, namespace: Any) -> None:
    frame: Any = sys._getframe()  # noqa: SLF001 - documented, for purposes like this
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name != "argparse" and not name.startswith(_OURS):
            break
        frame = frame.f_back
    values = getattr(namespace, "__dict__", None)
    if isinstance(values, dict) and (frame is None or name.partition(".")[0] not in _OTHERS):
        note_configuration(f"argparse {parser.prog}", values)


def _run_job(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    _attempt(lambda: _note_job([*args, *kwargs.values()]))
    return function(*args, **kwargs)


def _note_job(values: list[Any]) -> None:
    kind = sys.modules["omegaconf"].DictConfig
    configuration = plain_configuration(next(value for value in values if isinstance(value, kind)))
    configuration.pop("hydra", None)  # Hydra's own
    note_configuration("hydra", configuration)


def _attempt(note: Callable[[], None]) -> None:
    try:
        note()
    except Exception as error:  # noqa: BLE001
        # a failure of ours must not become one of the user's program
        hooks().problem(
            f"the configuration cannot be recorded: {type(error).__name__}: {error}",
            "configuration",
            error,
        )


PATCHES: dict[str, Choose] = {
    # The outermost of these is asked: a subclass may add to what it returns, and not each of them
    # calls the next in every Python.
    "argparse:ArgumentParser.parse_args": _choose_parse,
    "argparse:ArgumentParser.parse_intermixed_args": _choose_parse,
    "argparse:ArgumentParser.parse_known_args": _choose_parse,
    "argparse:ArgumentParser.parse_known_intermixed_args": _choose_parse,
    "hydra.core.utils:run_job": _choose_job,
}
"""What stands in the place of parsers while autologging is on: see
:meth:`fitprint.autologging.patching.Patcher.replace`.
"""
