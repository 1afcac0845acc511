"""``fitprint export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fitprint.api import get_run
from fitprint.bundles import export_runs
from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.cli.wording import size
from fitprint.recording.workspace import current

__all__ = ["COMMAND", "Exporting"]


class Exporting:
    """The children of a run go with it. Models are written anew with what their frameworks and your own classes need: where these
    are in files of this folder, write `PYTHONPATH=. fitprint export RUN`. `fitprint import` takes a bundle into any store.
    """

    name = "export"
    help = "Write runs with their artifacts to one portable file."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="+", help="id, beginning of an id, name, or @last")
        parser.add_argument(
            "-o", "--output", metavar="FILE", type=Path, help="file to write; by default the first run's id and .fitprint.zip"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        reading.store()
        ids = [get_run(run).id for run in arguments.runs]
        file: Path = arguments.output or Path(f"{ids[0][:12]}.fitprint.zip")
        exported = export_runs(current(), ids, file)
        tell(f"{len(exported)} {'run' if len(exported) == 1 else 'runs'}, {size(file.stat().st_size)}")
        print(file)
        return 0


COMMAND = Exporting()
