"""``fitprint restore``."""

from __future__ import annotations

import argparse

from fitprint.api import get_run, restore_run
from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.ids import short_id
from fitprint.views.wording import below

__all__ = ["COMMAND", "Restoring"]


class Restoring:
    """The runs below a run that were moved to the trash with it are restored with it. The exit
    status is 1 if a run was not in the trash.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "runs",
            metavar="RUN",
            nargs="+",
            help="id, beginning or end of one, or name; `fitprint ls --trash` lists them",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        reading.store()
        live = False
        for name in arguments.runs:
            moved = restore_run(name)
            run = get_run(moved[0] if moved else name)
            live = live or not moved
            told = (
                f"{below(len(moved) - 1)} back"
                if moved
                else " was not in the trash; nothing is changed"
            )
            tell(f"{run.name} ({short_id(run.id)}){told}")
        return int(live)


COMMAND = Restoring()
