"""The runs that a command changes: those that it names, or all that match a filter."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint.views.selection import matching

__all__ = ["add_metrics", "add_query", "selected", "tags_of"]


def add_query(parser: argparse.ArgumentParser) -> None:
    """Declare the option ``-q FILTER``."""
    parser.add_argument("-q", "--query", metavar="FILTER", help="all runs that match instead, such as \"status = 'FAILED'\"")


def add_metrics(parser: argparse.ArgumentParser, told: str) -> None:
    """Declare the option ``-m METRIC``, which says ``told`` behind what it takes."""
    words = f"a metric, or a pattern such as 'val_*'; may be given several times ({told})"
    parser.add_argument("-m", "--metric", metavar="METRIC", action="append", default=[], help=words)


def tags_of(words: list[str], removed: list[str]) -> dict[str, str | None]:
    """Return the tags that ``KEY=VALUE`` and ``KEY`` set, and None for those to remove."""
    pairs = [word.partition("=") for word in words]
    return {**{key: value if sign else "true" for key, sign, value in pairs}, **dict.fromkeys(removed)}


def selected(names: Sequence[str], query: str | None, *, everything: bool = False) -> Sequence[Run] | None:
    """Return the runs, all or none: a name that fits nothing, or several runs, is an error before anything is done.

    Where both names and a filter are given, or neither, that is said, and None returned.
    """
    if bool(names) + (query is not None) + everything != 1:
        tell("say which runs: RUN ..., or -q FILTER")
        return None
    store = reading.store()
    if names:
        return [reading.only_run(name) for name in names]
    found, _ = matching(store, query or "", [], None, limit=None)
    if not found:
        tell("no run matches")
    return [Run(current(), record.id, record=record) for record in found]
