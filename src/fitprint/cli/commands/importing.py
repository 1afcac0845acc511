"""``fitprint import``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fitprint.bundles import import_runs
from fitprint.cli.terminal import tell
from fitprint.cli.transfers import report, show_progress
from fitprint.copying import import_from
from fitprint.recording.workspace import current

__all__ = ["COMMAND", "Importing"]


class Importing:
    """Every byte is checked before anything appears in the store. Importing twice changes nothing:
    a run whose id is there already stays as it is. The ids of the runs that were added are printed.

    Examples:
      fitprint import runs.zip
      fitprint import --from mlflow sqlite:///mlflow.db
      fitprint import --from tensorboard logs

    --from NAME imports what another program recorded, with the plugin fitprint-NAME. With it,
    --dry-run says what would be imported, and --json prints an object like that of `fitprint copy`.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "bundle",
            metavar="FILE",
            help="the bundle; with --from, where the other program's records are",
        )
        parser.add_argument(
            "--from",
            metavar="NAME",
            dest="importer",
            help="import what another program recorded, such as mlflow",
        )
        parser.add_argument(
            "-n",
            "--dry-run",
            action="store_true",
            help="with --from: only say what would be imported",
        )
        parser.add_argument("--json", action="store_true", help="with --from: print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.importer is not None:
            done = import_from(
                arguments.importer,
                arguments.bundle,
                dry_run=arguments.dry_run,
                progress=show_progress,
            )
            return report(done, "imported", json=arguments.json)
        if arguments.dry_run or arguments.json:
            tell("--dry-run and --json go with --from")
            return 2
        return _import_bundle(Path(arguments.bundle))


def _import_bundle(bundle: Path) -> int:
    done = import_runs(current(), bundle)
    for run in done.added:
        print(run)
    present = f", {len(done.present)} were there already" if done.present else ""
    tell(f"{len(done.added)} {'run' if len(done.added) == 1 else 'runs'} imported{present}")
    return 0


COMMAND = Importing()
