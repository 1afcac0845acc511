"""What commands say of runs that come from elsewhere: how far they are, and what became of them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from fitprint.cli.terminal import Terminal, tell
from fitprint.ids import short_id
from fitprint.views.fields import dumped
from fitprint.views.wording import clean, counted_runs, size

if TYPE_CHECKING:
    from fitprint.copying import Copied

__all__ = ["report", "show_progress"]

_MOST_TOLD = 20


def show_progress(done: int, of: int) -> None:
    """Say on a terminal, in one line, how many runs are done."""
    if of and Terminal(sys.stderr).is_interactive:
        print(
            f"\r{done} of {counted_runs(of)}",
            end="\n" if done == of else "",
            file=sys.stderr,
            flush=True,
        )


def report(done: Copied, verb: str, *, json: bool) -> int:
    """Print what became of the runs, and return the exit status: 1 if one of them could not be
    taken.
    """
    if json:
        print(dumped(asdict(done)))
    else:
        for run in done.added:
            print(run)
    parts = [f"{counted_runs(len(done.added))} {'would be ' if done.dry_run else ''}{verb}"]
    if done.files:
        parts.append(f"{done.files} {'file' if done.files == 1 else 'files'} ({size(done.size)})")
    if done.versions:
        parts.append(
            f"{len(done.versions)} {'version' if len(done.versions) == 1 else 'versions'} of "
            "registered models"
        )
    if done.present:
        parts.append(f"{done.present} were there already")
    tell(", ".join(parts))
    if done.open:
        tell(
            f"{counted_runs(len(done.open))} left out for now, which go on or are below one that "
            "does; run it again when they have ended"
        )
    for run, reason in list(done.failed.items())[:_MOST_TOLD]:
        tell(f"left out: {short_id(run)}: {clean(reason)}")
    for problem in done.problems[:_MOST_TOLD]:
        tell(clean(problem))
    more = max(0, len(done.failed) - _MOST_TOLD) + max(0, len(done.problems) - _MOST_TOLD)
    if more:
        tell(f"and {more} more (--json has all)")
    return int(bool(done.failed))
