"""``fitprint plot``."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fitprint.cli import reading
from fitprint.cli.charts import chart_lines
from fitprint.cli.selecting import add_metrics, add_view, apply_view, listed
from fitprint.cli.terminal import Terminal, tell
from fitprint.errors import FitprintError
from fitprint.ids import short_ids
from fitprint.views.curves import AXES, Panel, panels, shown_metrics
from fitprint.views.figures import POINTS, matplotlib_figure
from fitprint.views.finding import WORDS
from fitprint.views.recorded import RECORDED, Chart, charts_of
from fitprint.views.wording import clean

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = ["COMMAND", "Plotting"]

_FORMATS = (".png", ".svg", ".pdf")
_MOST_CURVES = 10  # of a view, unless it says otherwise
_MOST_PANELS = 40
_MOST_ROWS, _FEWEST_ROWS = 18, 6  # of a panel in a terminal


class Plotting:
    """Each run is a curve, and each metric a panel. Without -m, the metric by which one would judge
    the first run is plotted, among those that all the runs have. NaN and infinities are gaps; long
    curves are reduced to their extremes.

    --confusion, --roc and --importances plot what plugins recorded with the model, if they did.

    To plot to a file (PNG, SVG or PDF), install Matplotlib: pip install 'fitprint[plot]'.

    Examples:
      fitprint plot @last
      fitprint plot @last @best:val_loss -m loss -m val_loss --log
      fitprint plot 9b6559 ab12cd -m 'val_*' -x time -o curves.png
      fitprint plot @last --confusion
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="*", help=WORDS)
        add_view(parser)
        add_metrics(parser, "by default the metric by which one would judge the first run")
        parser.add_argument(
            "-x",
            "--axis",
            choices=list(AXES),
            default="step",
            help="what to plot over (step by default)",
        )
        parser.add_argument("--log", action="store_true", help="make the value axis logarithmic")
        parser.add_argument(
            "-o",
            "--output",
            metavar="FILE",
            type=_file,
            help=f"write a picture to this file ({', '.join(_FORMATS)}) instead",
        )

        kind = parser.add_mutually_exclusive_group()
        for name, recorded in RECORDED.items():
            text = f"plot the {recorded.name} that was recorded with each run instead"
            kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=text)

    def run(self, arguments: argparse.Namespace) -> int:
        runs = _runs(arguments)
        if not runs:
            tell("name the runs: RUN ..., or --view NAME")
            return 2
        terminal = Terminal()
        width = terminal.width or 80
        found: Sequence[Chart]
        if arguments.kind is None:
            found = _curves(runs, arguments, 4 * width if arguments.output is None else POINTS)
        elif arguments.metric or arguments.log or arguments.axis != "step":
            tell(f"--{arguments.kind} has no -m, -x or --log: it shows what was recorded")
            return 2
        else:
            found = _recorded(runs, arguments.kind)
        if arguments.output is not None:
            _write(found, arguments.output, log=arguments.log)
            return 0
        height = _height(terminal, found)
        for place, chart in enumerate(found):
            print(
                *([""] if place else []),
                *chart_lines(chart, terminal, width, height, log=arguments.log),
                sep="\n",
            )
        return 0


COMMAND = Plotting()


def _runs(arguments: argparse.Namespace) -> list[Run]:
    """Return the runs that are named, and those of the view."""
    runs = [reading.run_named(name) for name in arguments.runs]
    if arguments.view is not None:
        arguments.query, metric = "", arguments.metric
        apply_view(arguments)
        if arguments.kind is not None:
            arguments.metric = metric
        found, more = listed(arguments, _MOST_CURVES)
        if not found:
            raise FitprintError(
                f"no run matches the view {arguments.view!r}; `fitprint ls` lists runs"
            )
        if more:
            tell(
                f"these are the first {len(found)} runs of the view; `fitprint views save` with "
                "--top says how many it has"
            )
        runs += found
    return list({run.id: run for run in runs}.values())


def _curves(runs: Sequence[Run], arguments: argparse.Namespace, points: int) -> list[Panel]:
    records = [run.record for run in runs]
    goals = reading.goals()
    metrics = shown_metrics(records, arguments.metric, goals)
    if len(metrics) > _MOST_PANELS:
        tell(f"these are the first {_MOST_PANELS} of {len(metrics)} metrics; name fewer with -m")
    found = panels(
        reading.store(),
        records,
        metrics[:_MOST_PANELS],
        axis=arguments.axis,
        goals=goals,
        points=points,
    )
    for panel in found:
        if missing := len(records) - len(panel.curves):
            tell(
                f"{missing} of these {len(records)} runs {'has' if missing == 1 else 'have'} no "
                f"{panel.title!r}"
            )
    return found


def _recorded(runs: Sequence[Run], kind: str) -> Sequence[Chart]:
    labels = [
        f"{clean(run.name)} ({short})"
        for run, short in zip(runs, short_ids([run.id for run in runs]), strict=True)
    ]
    return charts_of(
        kind, [(label, partial(_bytes, run)) for label, run in zip(labels, runs, strict=True)]
    )


def _bytes(run: Run, path: str) -> bytes | None:
    return (
        run.read(path) if any(artifact.path == path for artifact in run.record.artifacts) else None
    )


def _write(found: Sequence[Chart], file: Path, *, log: bool) -> None:
    figure = matplotlib_figure(found, log=log)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font has not
        figure.savefig(file, dpi=150)
    tell(f"written to {file}")


def _height(terminal: Terminal, found: Sequence[Chart]) -> int:
    """Return the rows of a panel, so that all are seen at once if that can be."""
    if not terminal.is_interactive:
        return _MOST_ROWS
    try:
        lines = os.get_terminal_size(terminal.stream.fileno()).lines
    except (OSError, ValueError):
        return _MOST_ROWS
    legend = max(len(chart.curves) if isinstance(chart, Panel) else 0 for chart in found)
    return max(_FEWEST_ROWS, min(_MOST_ROWS, lines // len(found) - 4 - min(legend, 6)))


def _file(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in _FORMATS:
        raise argparse.ArgumentTypeError(
            f"the file's name must end with {', '.join(_FORMATS)}, not {text!r}"
        )
    return path
