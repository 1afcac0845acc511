"""Isolation: tests of a program that records leave no runs anywhere else, and nothing of the
surroundings has a say in them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fitprint.artifacts import memory as artifacts
from fitprint.hooks import manager
from fitprint.recording import context, workspace
from fitprint.settings import flat, load_settings, variable_of
from fitprint.stores import memory

__all__ = ["isolated"]


@contextmanager
def isolated(home: str | Path, **settings: Any) -> Iterator[None]:
    """Let this process, and those that it starts, record into a home and a store of their own;
    afterwards everything is as before.

    Variables and ``configure`` calls of before have no say; a ``pyproject.toml`` around the working
    directory has. At the end open runs are ended, autologging is switched off, and what is in a
    memory store is gone.

    Args:
        home: the home folder; it is made by the first record.
        settings: given as variables, but for those that are None; by default ``store`` is a memory
            store, and ``notice`` is off.

    Raises:
        SettingsError: a setting has an unknown name, or a value of the wrong type.
    """
    chosen = {"store": f"memory://{home}", "notice": False, **settings, "home": home}
    said = flat({name: value for name, value in chosen.items() if value is not None})
    # a mistake is told before it is a variable
    load_settings(workspace.declared_settings(), call=said, environment={}, start=Path(home))
    variables = {variable_of(name): _text_of(value) for name, value in said.items()}
    outside = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("FITPRINT_")
    }
    os.environ.update(variables)
    given, before, others = workspace.given(), workspace.use(None), set(workspace.all_open())
    workspace.inherit({})
    manager.reset()
    try:
        with context.apart():
            try:
                yield
            finally:
                _switch_off()
    finally:
        inside = [each for each in workspace.all_open() if each not in others]
        workspace.use(None)
        for each in inside:
            each.close()
        # they would last as long as the process
        for kept in (memory._shared, artifacts._shared):  # noqa: SLF001
            kept.pop(str(said.get("store")), None)
        manager.reset()
        for name in [name for name in os.environ if name.startswith("FITPRINT_")]:
            del os.environ[name]
        os.environ.update(outside)
        workspace.inherit(given)
        workspace.use(before)


def _text_of(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, (list, tuple)) else str(value)


def _switch_off() -> None:
    from fitprint.autologging.activation import autolog, is_on

    if is_on():
        autolog(disable=True)
    while (run := context.current_run()) is not None and run.is_owned:
        run.end()
