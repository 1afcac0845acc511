"""``fitprint import``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fitprint.bundles import import_runs
from fitprint.cli.terminal import tell
from fitprint.recording.workspace import current

__all__ = ["COMMAND", "Importing"]


class Importing:
    """Every byte is checked before anything appears. Importing twice changes nothing: a run that is
    there already, which its id tells, stays as it is. The ids of the runs that were added are
    printed.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("bundle", metavar="FILE", type=Path, help="the bundle")

    def run(self, arguments: argparse.Namespace) -> int:
        done = import_runs(current(), arguments.bundle)
        for run in done.added:
            print(run)
        present = f", {len(done.present)} were there already" if done.present else ""
        tell(f"{len(done.added)} {'run' if len(done.added) == 1 else 'runs'} imported{present}")
        return 0


COMMAND = Importing()
