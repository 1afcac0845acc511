"""``fitprint doctor``."""

from __future__ import annotations

import argparse

from fitprint.cli.health import findings
from fitprint.cli.terminal import Terminal
from fitprint.views.fields import dumped_lines
from fitprint.views.wording import clean

__all__ = ["COMMAND", "Doctor"]

_SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "broken": ("✕", "red")}


class Doctor:
    """It checks versions, settings, plugins, the home folder, its disk and locks, the journals, the
    store and the artifacts. The exit status is 1 if something is broken; each such line says what
    to do. --set-aside renames journals that cannot be delivered, so that later deliveries ignore
    them; rename them back to use them again.

    --json prints a list of objects with check, state ("ok", "warning" or "broken") and message.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--deep", action="store_true", help="read every artifact instead of a sample"
        )
        parser.add_argument(
            "--set-aside",
            action="store_true",
            help="set aside the journals that cannot be delivered; nothing is removed",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        terminal = Terminal()
        broken = False
        found = []
        for finding in findings(deep=arguments.deep, aside=arguments.set_aside):
            broken = broken or finding.state == "broken"
            if arguments.json:
                found.append(
                    {"check": finding.check, "state": finding.state, "message": finding.message}
                )
                continue
            sign, color = _SIGNS[finding.state]
            state = f"{terminal.style(sign if terminal.unicode else finding.state, color)}"
            print(
                f"{state} {terminal.style(f'{finding.check:10}', 'bold')} {clean(finding.message)}",
                flush=True,
            )
        if arguments.json:
            print(*dumped_lines(found), sep="\n")
        return int(broken)


COMMAND = Doctor()
