"""``fitprint docs``."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable

from fitprint.cli.terminal import Terminal, tell

__all__ = ["COMMAND", "Documenting"]


class Documenting:
    """Topics are `filters` (the search language), `settings`, `commands`, `verbs`, `errors`, the
    name of a function or class of `fitprint`, such as `search_runs` or `Run`, and of its methods,
    such as `Run.log_metric`.

    Examples:
      fitprint docs
      fitprint docs filters
      fitprint docs search_runs
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "topic",
            metavar="TOPIC",
            nargs="?",
            help="what to read about; without it, the topics are listed",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        terminal = Terminal()
        topic = arguments.topic
        if topic is None:
            for name, (summary, _) in _TOPICS.items():
                print(f"{terminal.style(f'{name:10}', 'bold')}{summary}")
            print(
                terminal.style("NAME      ", "bold")
                + "a function or class of fitprint, or a method: search_runs, Run, Run.log_metric"
            )
            return 0
        if topic in _TOPICS:
            print(_TOPICS[topic][1]())
            return 0
        text = _documented(topic)
        if text is None:
            tell(_unknown(topic))
            return 1
        print(text)
        return 0


COMMAND = Documenting()


def _filters() -> str:
    from fitprint.query import grammar

    return inspect.getdoc(grammar) or ""


def _settings() -> str:
    from fitprint.recording.workspace import declared_settings
    from fitprint.settings import variable_of

    lines = []
    for setting in declared_settings():
        choices = f", one of {', '.join(map(str, setting.choices))}" if setting.choices else ""
        lines.append(
            f"{setting.name} ({setting.type.__name__}{choices}; {variable_of(setting.name)})\n"
            f"    {setting.help}"
        )
    return "\n".join(lines)


def _commands() -> str:
    from fitprint.cli.catalogue import all_commands, built_in

    commands = {command.name: command.help for command in (*built_in(), *all_commands().values())}
    width = max(map(len, commands))
    return "\n".join(f"{name:{width}}  {text}" for name, text in commands.items())


def _verbs() -> str:
    import fitprint

    return "\n".join(f"{name:24}{_summary(getattr(fitprint, name))}" for name in fitprint.__all__)


def _errors() -> str:
    from fitprint import errors

    return "\n".join(f"{name:24}{_summary(getattr(errors, name))}" for name in errors.__all__)


_TOPICS: dict[str, tuple[str, Callable[[], str]]] = {
    "filters": ("the search language of `ls -q` and search_runs", _filters),
    "settings": ("every setting, with its environment variable", _settings),
    "commands": ("every command of the command line", _commands),
    "verbs": ("every function and class of fitprint", _verbs),
    "errors": ("every error that fitprint raises", _errors),
}


def _summary(value: object) -> str:
    return " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())


def _documented(topic: str) -> str | None:
    """Return signature and docstring of a public name, and of a class its public methods; None if
    there is no such name.
    """
    import fitprint
    from fitprint import errors

    first, *rest = topic.removeprefix("fitprint.").split(".")
    if first not in fitprint.__all__ and first not in errors.__all__:
        return None
    value = getattr(fitprint, first) if first in fitprint.__all__ else getattr(errors, first)
    for name in rest:
        value = None if name.startswith("_") else inspect.getattr_static(value, name, None)
        if value is None:
            return None
    parts = [f"{topic}{_signature(value)}", inspect.getdoc(value) or ""]
    if inspect.isclass(value):
        members = [name for name in dir(value) if not name.startswith("_")]
        parts.append(
            "\n".join(
                f"  .{name:20} {_summary(inspect.getattr_static(value, name))}" for name in members
            )
        )
    return "\n\n".join(filter(None, parts))


def _signature(value: object) -> str:
    try:
        return str(inspect.signature(value)).replace("'", "") if callable(value) else ""
    except ValueError:
        return ""


def _unknown(topic: str) -> str:
    from difflib import get_close_matches

    import fitprint

    near = get_close_matches(topic, [*_TOPICS, *fitprint.__all__], 1)
    hint = f"did you mean {near[0]!r}?" if near else "`fitprint docs` lists the topics"
    return f"there is no topic {topic!r}; {hint}"
