"""Runs recorded in isolation, with settings and plugins of their own, and what was recorded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.query.grammar import parse
from fitprint.recording import workspace
from fitprint.recording.run import Run
from fitprint.settings import load_settings
from fitprint.testing.isolation import isolated

__all__ = ["CapturedRuns", "captured_runs", "plugin_of"]


class CapturedRuns:
    """The runs that were recorded since :func:`captured_runs` began.

    Attributes:
        workspace: where they are recorded.
        problems: what fitprint reported through ``on_problem``.
    """

    def __init__(self, where: workspace.Workspace, problems: list[str]) -> None:
        self.workspace = where
        self.problems = problems

    def __len__(self) -> int:
        return len(self.all())

    def all(self) -> list[Run]:
        """Return all runs, oldest first, children too."""
        page = self.workspace.store.search_runs(
            parse("", order_by="start_time asc, id asc"), limit=100_000
        )
        return [Run(self.workspace, record.id, record=record) for record in page.runs]

    def roots(self) -> list[Run]:
        """Return the runs without a parent, oldest first."""
        return [run for run in self.all() if run.parent_id is None]

    def one(self) -> Run:
        """Return the one run without a parent.

        Raises:
            AssertionError: there is none, or more than one.
        """
        found = self.roots()
        if len(found) != 1:
            raise AssertionError(
                f"expected one run, found {len(found)}: "
                f"{', '.join(run.name for run in found) or 'nothing was recorded'}"
            )
        return found[0]


@contextmanager
def captured_runs(
    *,
    plugins: Mapping[str, Any] | None = None,
    installed: bool | None = None,
    strict: bool = True,
    **settings: Any,
) -> Iterator[CapturedRuns]:
    """Record into a temporary home and a memory store; afterwards everything is as before, and
    autologging is off.

    Environment variables and ``pyproject.toml`` are ignored. Ids and times are real: the time of a
    metric point comes from the kernel.

    Args:
        plugins: plugins to use with fitprint's own, by name; by default the installed ones.
        installed: whether to use the installed ones, too; by default only if ``plugins`` is None.
        strict: raise errors of plugins and of fitprint itself, instead of reporting them.
        settings: any settings; ``context``, ``profile`` and ``notice`` are off unless they are
            given.
    """
    installed = plugins is None if installed is None else installed
    problems: list[str] = []
    listener = ModuleType("listener")
    listener.on_problem = hookimpl(lambda problem: problems.append(problem))  # type: ignore[attr-defined]  # noqa: PLW0108
    extra = {"fitprint.testing": listener, **(plugins or {})}
    with (
        tempfile.TemporaryDirectory(prefix="fitprint-", ignore_cleanup_errors=True) as folder,
        isolated(f"{folder}/home"),
    ):
        call = {
            "home": f"{folder}/home",
            "store": f"memory://{folder}",
            "context": False,
            "profile": "off",
            "notice": False,
            **settings,
        }
        manager.reset(
            manager.Hooks(strict=strict, extra=extra, disabled=() if installed else ("*",))
        )
        workspace.inherit(call)
        workspace.use(
            workspace.Workspace(
                load_settings(
                    workspace.declared_settings(), call=call, environment={}, start=Path(folder)
                )
            )
        )
        yield CapturedRuns(workspace.current(), problems)


def plugin_of(package: ModuleType | None, **replaced: Any) -> ModuleType:
    """Return a plugin with the hooks that a package implements, some of them replaced by functions
    without arguments.
    """
    plugin = ModuleType("plugin")
    for name, value in vars(package).items() if package is not None else ():
        if hasattr(value, "fitprint_impl"):
            setattr(plugin, name, value)
    for name, function in replaced.items():
        setattr(plugin, name, hookimpl(function))
    return plugin
