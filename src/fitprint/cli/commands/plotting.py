"""``fitprint plot``."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from fitprint.cli import reading
from fitprint.cli.drawing import draw
from fitprint.cli.terminal import Terminal, tell
from fitprint.views.curves import AXES, Panel, panels
from fitprint.views.figures import POINTS, matplotlib_figure
from fitprint.views.finding import WORDS

__all__ = ["COMMAND", "Plotting"]

_FORMATS = (".png", ".svg", ".pdf")
_MOST_ROWS, _FEWEST_ROWS = 18, 6  # of a panel in a terminal


class Plotting:
    """Several runs are several curves, several metrics are panels one below the other. Without -m it is the metric by which one would
    judge the first run, of those that all the runs have. NaN and infinities are gaps; of long curves the extremes are shown.

    The terminal needs nothing more; a file (PNG, SVG or PDF) needs Matplotlib: pip install 'fitprint[plot]'.

    Examples:
      fitprint plot @last
      fitprint plot @last @best:val_loss -m loss -m val_loss --log
      fitprint plot 9b6559 ab12cd -m 'val_*' -x time -o curves.png
    """

    name = "plot"
    help = "Plot curves of runs, in the terminal or to a file."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="+", help=WORDS)
        parser.add_argument(
            "-m",
            "--metric",
            metavar="METRIC",
            action="append",
            default=[],
            help="a metric, or a pattern such as 'val_*'; may be given several times",
        )
        parser.add_argument("-x", "--axis", choices=list(AXES), default="step", help="what to plot over (step by default)")
        parser.add_argument("--log", action="store_true", help="make the axis of the values logarithmic")
        parser.add_argument(
            "-o", "--output", metavar="FILE", type=_file, help=f"write a picture to this file ({', '.join(_FORMATS)}) instead"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        records = {run.id: run.record for run in map(reading.run_named, arguments.runs)}
        terminal = Terminal()
        width = terminal.width or 80
        points = 4 * width if arguments.output is None else POINTS
        found = panels(reading.store(), list(records.values()), arguments.metric, axis=arguments.axis, goals=reading.goals(), points=points)
        for panel in found:
            if missing := len(records) - len(panel.curves):
                tell(f"{missing} of these {len(records)} runs {'has' if missing == 1 else 'have'} no {panel.title!r}")
        if arguments.output is not None:
            _write(found, arguments.output, log=arguments.log)
            return 0
        height = _height(terminal, found)
        for place, panel in enumerate(found):
            print(*([""] if place else []), *draw(panel, terminal, width, height, log=arguments.log), sep="\n")
        return 0


COMMAND = Plotting()


def _write(found: Sequence[Panel], file: Path, *, log: bool) -> None:
    figure = matplotlib_figure(found, log=log)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font has not
        figure.savefig(file, dpi=150)
    tell(f"written to {file}")


def _height(terminal: Terminal, found: Sequence[Panel]) -> int:
    """Return the rows of a panel, so that all are seen at once if that can be."""
    if not terminal.is_interactive:
        return _MOST_ROWS
    try:
        lines = os.get_terminal_size(terminal.stream.fileno()).lines
    except (OSError, ValueError):
        return _MOST_ROWS
    legend = max(len(panel.curves) for panel in found)
    return max(_FEWEST_ROWS, min(_MOST_ROWS, lines // len(found) - 4 - min(legend, 6)))


def _file(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in _FORMATS:
        raise argparse.ArgumentTypeError(f"the file's name must end with {', '.join(_FORMATS)}, not {text!r}")
    return path
