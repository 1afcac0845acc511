"""``fitprint sync``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.recording.workspace import current
from fitprint.views.wording import counted

if TYPE_CHECKING:
    from fitprint.recording.sharing import Uploaded

from fitprint.ids import short_id

__all__ = ["COMMAND", "Syncing"]


class Syncing:
    """Commands that read do most of this by themselves. You need `sync` if a remote store could not
    be reached when a program ended, and to send large artifacts to an artifact store outside the
    home, so that others can read them.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """There are none."""

    # the shape of every command
    def run(self, arguments: argparse.Namespace) -> int:  # noqa: ARG002
        if nothing := reading.nothing_yet():
            tell(nothing)
            return 0
        done = current().sync()
        tell(
            f"{current().store_uri} is up to date; {done.batches} "
            f"{'batch' if done.batches == 1 else 'batches'} delivered"
        )
        for journal, reason in done.failed.items():
            tell(
                f"the journal {journal} cannot be delivered: {reason}; `fitprint doctor` says what "
                "to do"
            )
        for run in done.killed:
            tell(f"the process that recorded {short_id(run)} is gone: the run is KILLED")
        for journal, damages in done.damage.items():
            tell(f"the journal {journal} has damaged records; `fitprint doctor` tells more")
            for damage in damages:
                tell(
                    f"  {damage.segment}, byte {damage.offset}, {damage.size} bytes: "
                    f"{damage.reason}"
                )
        brought = current().bring()
        if brought is not None:
            _tell_bytes(brought)
        forwarded = current().forward()
        if forwarded.done:
            tell(f"{forwarded.done} runs, experiments or models brought there from this machine")
        not_brought = (*forwarded.problems, *forwarded.left)
        for problem in not_brought:
            tell(f"not brought: {problem}")
        return int(bool(done.failed or (brought and brought.failed) or not_brought))


def _tell_bytes(brought: Uploaded) -> None:
    place = current().shared.uri
    if not place:
        return  # they stay in this home
    tell(
        f"{counted(brought.arrived)} brought to {place}"
        if brought.arrived
        else f"{place} has all artifacts of this home"
    )
    for reason in brought.failed.values():
        tell(f"not brought: {reason}")
    for origin in sorted({item.origin for item in brought.elsewhere}):
        items = [item for item in brought.elsewhere if item.origin == origin]
        tell(
            f"{counted(items)} recorded {origin or 'elsewhere'} not there yet: run `fitprint sync` "
            "where they were recorded"
        )


COMMAND = Syncing()
