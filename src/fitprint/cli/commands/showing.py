"""``fitprint show``."""

from __future__ import annotations

import argparse
from typing import Any

from fitprint.cli import reading
from fitprint.cli.details import run_details, sections
from fitprint.cli.terminal import Terminal
from fitprint.errors import FitprintError
from fitprint.ids import short_id
from fitprint.recording.run import Run
from fitprint.views.fields import dumped, timestamp
from fitprint.views.finding import WORDS
from fitprint.views.wording import clean

__all__ = ["COMMAND", "Showing"]

_NAMED = 20  # metrics of a run in a message


class Showing:
    """By default, what fits on a screen is shown: first the metric by which the run is judged, then
    parameters that were set, and what could not be captured. --all also shows defaults, profiles of
    the data, all files, packages, seeds and the whole capture report.

    --json prints an object with the fields of `fitprint ls --json`, with large parameters whole,
    and with provenance (of each parameter), environment, children (ids), documents and, if
    --history is given, history: the columns step, epoch, timestamp and value of each metric.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help=WORDS)
        parser.add_argument(
            "--all", action="store_true", help="show everything, not only what fits a screen"
        )
        parser.add_argument(
            "--history",
            metavar="METRIC",
            help="print every point of a metric instead; 'all' for all metrics",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        run = reading.run_named(arguments.run)
        keys = [] if arguments.history is None else _keys(run, arguments.history)
        if arguments.json:
            print(
                dumped(
                    run_details(run)
                    | ({"history": {key: _columns(run, key) for key in keys}} if keys else {})
                )
            )
        elif keys:
            _print_points(run, keys)
        else:
            terminal = Terminal()
            for title, lines in sections(run, terminal, whole=arguments.all):
                print(
                    *([f"\n{terminal.style(title.upper(), 'bold', 'cyan')}"] if title else []),
                    *lines,
                    sep="\n",
                )
        return 0


COMMAND = Showing()


def _keys(run: Run, wanted: str) -> list[str]:
    have = sorted(run.record.metrics)
    if wanted in have:
        return [wanted]
    if wanted == "all" and have:
        return have
    from difflib import get_close_matches

    near = get_close_matches(wanted[:200], have, 1)
    hint = (
        f"did you mean {near[0]!r}?"
        if near
        else (
            "its metrics: "
            f"{', '.join(have[:_NAMED]) or 'none'}{' ...' if len(have) > _NAMED else ''}"
        )
    )
    raise FitprintError(f"the run {short_id(run.id)} has no metric {wanted!r}; {hint}")


def _columns(run: Run, key: str) -> dict[str, Any]:
    history = run.history(key)
    return {
        "step": list(history.step),
        "epoch": [None if epoch != epoch else epoch for epoch in history.epoch],
        "timestamp": [timestamp(time) for time in history.timestamp],
        "value": list(history.value),
    }


def _print_points(run: Run, keys: list[str]) -> None:
    """Print tab-separated lines, values exact."""
    print("metric", "step", "epoch", "timestamp", "value", sep="\t")
    for key in keys:
        columns = _columns(run, key)
        for step, epoch, time, value in zip(*columns.values(), strict=True):
            print(clean(key), step, "" if epoch is None else epoch, time, repr(value), sep="\t")
