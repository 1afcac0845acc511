"""``fitprint gc``."""

from __future__ import annotations

import argparse

from fitprint.cli import reading
from fitprint.cli.terminal import agreed, tell
from fitprint.recording.collecting import Collected, collect_garbage
from fitprint.views.fields import dumped
from fitprint.views.wording import counted_runs, size

__all__ = ["COMMAND", "Collecting"]


_MOST = 1e7  # days or hours


class Collecting:
    """Removes files from this home, and from the artifact store if no other store keeps files
    there. Bytes are kept if a run has them (even one in the trash), if a version of a
    registered model has them, if a journal that is not delivered refers to them, or if they were
    written in the last 24 hours (--grace; less than one hour is safe only while nothing records
    into this home). Every store into which this home has recorded is asked. Runs in the trash are
    purged only if --trash or the setting trash_days says after how many days.

    Examples:
      fitprint gc --dry-run
      fitprint gc --trash 30 --yes

    --json prints an object: runs (ids of those purged from the trash), blobs, bytes, stores,
    artifact_store (null, or uri, blobs, bytes, note), dry_run.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--trash",
            metavar="DAYS",
            type=_amount,
            help="purge runs that have been in the trash for this many days",
        )
        parser.add_argument(
            "--grace",
            metavar="HOURS",
            type=_amount,
            default=24.0,
            help="keep what was written in the last HOURS hours (24)",
        )
        parser.add_argument(
            "-n", "--dry-run", action="store_true", help="only say what would be freed"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        if nothing := reading.nothing_yet():
            tell(nothing)
            return 0
        found = collect_garbage(
            trash_days=arguments.trash, grace_hours=arguments.grace, dry_run=True
        )
        has_some = bool(found.runs or found.blobs or (found.shared and found.shared.blobs))
        if not arguments.dry_run and has_some:
            if not arguments.yes and not agreed(f"free {_told(found)}, for good? [y/N] "):
                tell(
                    f"nothing was freed of {_told(found)}; add --yes to free it without being asked"
                )
                return 1
            found = collect_garbage(trash_days=arguments.trash, grace_hours=arguments.grace)
        if arguments.json:
            content = {
                "runs": list(found.runs),
                "blobs": found.blobs,
                "bytes": found.size,
                "stores": list(found.stores),
                "artifact_store": found.shared
                and {
                    "uri": found.shared.uri,
                    "blobs": found.shared.blobs,
                    "bytes": found.shared.size,
                    "note": found.shared.note,
                },
            }
            print(dumped({**content, "dry_run": arguments.dry_run}))
        if found.shared and found.shared.note:
            tell(f"in {found.shared.uri}: {found.shared.note}")
        if not has_some:
            tell("there is nothing to free")
        else:
            tell(f"{'would free' if arguments.dry_run else 'freed'} {_told(found)}")
        return 0


COMMAND = Collecting()


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount <= _MOST:
        raise argparse.ArgumentTypeError(f"must be a number from 0 on, not {text!r}")
    return amount


def _told(found: Collected) -> str:
    parts = [f"{counted_runs(len(found.runs))} of the trash"] if found.runs else []
    if found.blobs or not (parts or (found.shared and found.shared.blobs)):
        parts.append(_files(found.blobs, found.size))
    if found.shared and found.shared.blobs:
        parts.append(f"{_files(found.shared.blobs, found.shared.size)} in {found.shared.uri}")
    return " and ".join(parts)


def _files(count: int, total: int) -> str:
    return f"{count} {'file' if count == 1 else 'files'} ({size(total)})"
