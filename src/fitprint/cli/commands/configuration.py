"""``fitprint config``."""

from __future__ import annotations

import argparse

from fitprint.cli.terminal import Terminal
from fitprint.recording.workspace import current, declared_settings
from fitprint.settings import variable_of
from fitprint.views.fields import dumped
from fitprint.views.wording import clean

__all__ = ["COMMAND", "Configuration"]


class Configuration:
    """A value given in code comes first, then an environment variable, then [tool.fitprint] in
    pyproject.toml.

    --json prints a list of objects with name, value, origin, default, type, choices, variable and
    help.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        workspace = current()
        settings = workspace.settings
        effective = {
            **workspace.shown_settings(),
            "home": str(workspace.home),
            "store": workspace.store_uri,
        }
        rows = [
            {
                "name": setting.name,
                "value": effective[setting.name],
                "origin": settings.origins[setting.name],
                "default": setting.default,
                "type": setting.type.__name__,
                "choices": list(setting.choices),
                "variable": variable_of(setting.name),
                "help": setting.help,
            }
            for setting in declared_settings()
        ]
        if arguments.json:
            print(dumped(rows))
            return 0
        terminal = Terminal()
        for row in rows:
            origin = "" if row["origin"] == "default" else f"  (from {row['origin']})"
            print(
                f"{terminal.style(row['name'], 'bold')} = "
                f"{_value(row['value'])}{terminal.style(origin, 'yellow')}"
            )
            print(terminal.style(f"    {row['help']}", "dim"))
        return 0


COMMAND = Configuration()


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return (
        ""
        if value is None
        else clean(str(value).lower() if isinstance(value, bool) else str(value))
    )
