"""``fitprint plugins``."""

from __future__ import annotations

import argparse
import logging
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

from fitprint.cli.grid import Column, render
from fitprint.cli.terminal import Terminal, tell
from fitprint.errors import FitprintError
from fitprint.hooks.manager import hooks
from fitprint.recording.workspace import current
from fitprint.views.fields import dumped_lines
from fitprint.views.wording import clean

__all__ = ["COMMAND", "Plugins"]


class Plugins:
    """Without an argument, all plugins are listed: those that work, those that do not and why, and
    those that the setting disable_plugins turns off. `fitprint plugins check NAME` checks one with
    the conformance kit. `fitprint plugins new NAME` writes a package fitprint-NAME whose tests pass
    at once; marks in it say what to change.

    --json prints a list of objects with name, distribution, version, state ("ok", "broken" or
    "disabled") and problem. The exit status is 1 if a plugin is broken, or fails the kit.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "action",
            nargs="?",
            choices=("list", "check", "new"),
            default="list",
            help="what to do; list by default",
        )
        parser.add_argument(
            "plugin",
            metavar="NAME",
            nargs="?",
            help="the plugin to check, or the framework that a new one is for",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--directory",
            metavar="D",
            help="new: where to create the package's folder; the working directory by default",
        )
        parser.add_argument(
            "--framework",
            metavar="MODULE:FUNCTION",
            help=(
                "new: the function that trains in an installed framework, such as "
                "toylearn:Mean.train; by default the package contains a tiny stand-in"
            ),
        )

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.action != "new" and (
            arguments.directory is not None or arguments.framework is not None
        ):
            tell("--directory and --framework go with `fitprint plugins new NAME`")
            return 2
        found = listed()
        if arguments.action == "new":
            return _new(
                arguments.plugin,
                arguments.directory or ".",
                arguments.framework or "",
                {plugin["name"] for plugin in found},
            )
        if arguments.action == "check":
            return _check(arguments.plugin, [plugin["name"] for plugin in found])
        if arguments.json:
            print(*dumped_lines(found), sep="\n")
        else:
            colors = {"ok": "green", "broken": "red", "disabled": "dim"}
            columns = [
                Column("plugin", [clean(plugin["name"]) for plugin in found]),
                Column(
                    "state",
                    [plugin["state"] for plugin in found],
                    styles=[colors[plugin["state"]] for plugin in found],
                ),
                Column(
                    "distribution",
                    [clean(f"{plugin['distribution']} {plugin['version']}") for plugin in found],
                    1,
                ),
                Column("problem", [clean(plugin["problem"]) for plugin in found], 2),
            ]
            print(render(columns, Terminal(), most=100)[0])
        return int(any(plugin["state"] == "broken" for plugin in found))


COMMAND = Plugins()


def listed() -> list[dict[str, str]]:
    """Return what is known of every plugin, those that the settings leave out included."""
    from fnmatch import fnmatchcase
    from importlib.metadata import entry_points

    import fitprint

    disabled = current().settings["disable_plugins"]
    found = [
        {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version
            or (fitprint.__version__ if plugin.distribution == "fitprint" else ""),
            "state": "broken" if plugin.problem else "ok",
            "problem": plugin.problem,
        }
        for plugin in hooks().found
    ]
    for point in entry_points(group="fitprint"):
        if any(fnmatchcase(point.name, glob) for glob in disabled):
            name, version = (
                (point.dist.name, point.dist.version) if point.dist is not None else ("", "")
            )
            found.append(
                {
                    "name": point.name,
                    "distribution": name,
                    "version": version,
                    "state": "disabled",
                    "problem": "",
                }
            )
    return found


def _check(name: str | None, have: list[str]) -> int:
    if name is None:
        raise FitprintError(f"which plugin is to be checked? There are: {', '.join(have)}")
    if name not in have:
        raise FitprintError(f"there is no plugin {name!r}; there are: {', '.join(have)}")
    # a kit for authors, which no other module of ours may import
    kit = import_module("fitprint.testing")
    log = logging.getLogger("fitprint")
    log.disabled = True  # the kit makes things fail on purpose
    try:
        report = kit.check_plugin(name, told=_Telling())
    finally:
        log.disabled = False
    print(str(report).splitlines()[-1])
    return int(not report.passed)


def _new(name: str | None, directory: str, framework: str, taken: set[str]) -> int:
    if name is None:
        raise FitprintError(
            "which framework is the plugin for? Write `fitprint plugins new NAME`, such as "
            "`fitprint plugins new toylearn`"
        )
    from fitprint.cli.scaffolding import framework_name, write_package

    chosen = framework_name(name, taken)
    folder = write_package(chosen, Path(directory), framework)
    made = "To try it" if framework else "Its tests pass as it is"
    install = shlex.quote(f"{folder}[framework,test]")
    print(f"{folder} is made. {made}:\n")
    print(
        f"  pip install -e {install}\n"
        f"  pytest {shlex.quote(str(folder))}\n"
        f"  fitprint plugins check {chosen}\n"
    )
    print(f"What to change is marked CHANGE; {folder / 'README.md'} says in which order.")
    return 0


class _Telling:
    """Prints how each check ended, under the name of its class, with all that there is to say of
    one that failed.
    """

    def __init__(self) -> None:
        self._subject = ""

    def __call__(self, result: Any) -> None:
        if result.subject != self._subject:
            self._subject = result.subject
            print(clean(result.subject))
        first, *more = [clean(line) for line in result.detail.strip().splitlines()] or [""]
        print(f"  {result.outcome:8}{clean(result.check)}  {first}".rstrip(), flush=True)
        if result.outcome == "failed":
            print(*(f"          {line}" for line in more), sep="\n", end="\n" if more else "")
