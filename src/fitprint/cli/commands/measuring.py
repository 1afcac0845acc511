"""``fitprint du``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import NamedTuple

from fitprint.cli import reading
from fitprint.cli.command import whole_number
from fitprint.cli.grid import Column, render
from fitprint.cli.terminal import Terminal, tell
from fitprint.entities import RunRecord
from fitprint.ids import short_id
from fitprint.query.grammar import parse
from fitprint.stores.paging import every_run
from fitprint.views.fields import dumped
from fitprint.views.wording import clean, size

__all__ = ["COMMAND", "Measuring"]


class Measuring:
    """Bytes that several runs share are counted once in each line, and once in the sum. ALONE
    counts the bytes that no other line has: removing the line's runs would free them. Runs in the
    trash count.

    --json prints an object: by, total (distinct bytes), and lines, largest first: name, id (of a
    run), runs, files, bytes, alone.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--by",
            choices=("experiment", "run"),
            default="experiment",
            help="print a line for each of these (experiment)",
        )
        parser.add_argument(
            "--top",
            metavar="N",
            type=whole_number(1),
            default=20,
            help="at most N lines, largest first (20)",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        if nothing := reading.nothing_yet():
            tell(nothing)
            return 0
        lines, total = _lines(
            every_run(reading.store(), parse("", deleted="include")), by_run=arguments.by == "run"
        )
        shown = lines[: arguments.top]
        if arguments.json:
            print(
                dumped(
                    {
                        "by": arguments.by,
                        "total": total,
                        "lines": [line._asdict() for line in shown],
                    }
                )
            )
            return 0
        print(
            render(
                [
                    Column(
                        arguments.by,
                        [clean(line.name) for line in shown],
                        styles=["bold"] * len(shown),
                    ),
                    *(
                        [Column("id", [short_id(line.id or "") for line in shown], 1)]
                        if arguments.by == "run"
                        else []
                    ),
                    *(
                        [Column("runs", [str(line.runs) for line in shown], 2, right=True)]
                        if arguments.by != "run"
                        else []
                    ),
                    Column("files", [str(line.files) for line in shown], 2, right=True),
                    Column("size", [size(line.bytes) for line in shown], right=True),
                    Column("alone", [size(line.alone) for line in shown], 1, right=True),
                ],
                Terminal(),
                most=60,
            )[0]
        )
        hidden = len(lines) - len(shown)
        more = f", {hidden} more {'line' if hidden == 1 else 'lines'} (--top)" if hidden else ""
        tell(f"{size(total)} in all{more}; `fitprint gc --dry-run` says what nothing refers to")
        return 0


class _Line(NamedTuple):
    name: str
    id: str | None
    runs: int
    files: int
    bytes: int
    alone: int


COMMAND = Measuring()


def _lines(runs: Iterable[RunRecord], *, by_run: bool) -> tuple[list[_Line], int]:
    """Return what each experiment or run takes, largest first, and what all take together."""
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(run.id if by_run else run.experiment, []).append(run)
    sizes: dict[str, int] = {}
    holders: dict[str, set[str]] = {}
    for key, members in groups.items():
        for file in (file for run in members for file in run.artifacts):
            sizes[file.digest] = file.size
            holders.setdefault(file.digest, set()).add(key)
    found = []
    for key, members in groups.items():
        own = {file.digest for run in members for file in run.artifacts}
        alone = sum(sizes[digest] for digest in own if len(holders[digest]) == 1)
        files = sum(len(run.artifacts) for run in members)
        name = members[0].name if by_run else key
        found.append(
            _Line(
                name,
                key if by_run else None,
                len(members),
                files,
                sum(sizes[digest] for digest in own),
                alone,
            )
        )
    return sorted(found, key=lambda line: (-line.bytes, line.name)), sum(sizes.values())
