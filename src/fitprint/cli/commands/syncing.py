"""``fitprint sync``."""

from __future__ import annotations

import argparse

from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.recording.workspace import current

__all__ = ["COMMAND", "Syncing"]


class Syncing:
    """Reading does this by itself; it is needed for a distant store that was out of reach when a program ended."""

    name = "sync"
    help = "Deliver what the journals hold to the store."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """There are none."""

    def run(self, arguments: argparse.Namespace) -> int:  # noqa: ARG002 - the shape of every command
        if nothing := reading.nothing_yet():
            tell(nothing)
            return 0
        done = current().sync()
        tell(f"{current().store_uri} is up to date; {done.batches} {'batch' if done.batches == 1 else 'batches'} delivered")
        for journal, reason in done.failed.items():
            tell(f"the journal {journal} cannot be delivered: {reason}; `fitprint doctor` says what to do")
        for run in done.killed:
            tell(f"the process that recorded {run[:12]} is gone: the run is KILLED")
        for journal, damages in done.damage.items():
            tell(f"the journal {journal} has damaged records; `fitprint doctor` tells more")
            for damage in damages:
                tell(f"  {damage.segment}, byte {damage.offset}, {damage.size} bytes: {damage.reason}")
        return int(bool(done.failed))


COMMAND = Syncing()
