"""Curves as a figure of Matplotlib or Plotly, which nothing else of fitprint needs.

A figure belongs to who gets it: no global state of Matplotlib is read or changed but the settings
that its own figures have.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

from fitprint.arguments import checked_text, checked_truth, shown
from fitprint.entities import RunRecord
from fitprint.errors import FitprintError
from fitprint.views.curves import AXES, Axis, Panel, panels
from fitprint.views.ranking import Goals
from fitprint.views.recorded import Bars, Chart, Matrix

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["COLORS", "POINTS", "figure_of", "matplotlib_figure"]

COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
"""The colors of curves, in their order: those that color-blind people can tell apart (M.

Okabe and K. Ito, 2008).
"""

_DASHES = ("-", "--", ":", "-.")  # for curves behind those that have a color of their own
_PLOTLY_DASHES = ("solid", "dash", "dot", "dashdot")
_SIZE = (7.0, 2.8)  # inches of a panel
_SQUARE = 5.0  # inches of what is about as high as wide
_MOST_NAMED = 20  # curves in a legend, and bars
_MOST_WRITTEN = 12  # classes of a matrix whose counts are written into it
POINTS = 2000
"""Points of a curve in a picture, at most."""


def figure_of(
    store: Store,
    runs: Sequence[RunRecord],
    metrics: Sequence[str],
    *,
    axis: Axis,
    log: bool,
    goals: Goals | None = None,
) -> Any:
    """Return a figure of Matplotlib, or of Plotly where only that is imported, with a panel for
    each metric.

    Raises:
        FitprintError: there is no such metric or axis, or neither library is installed.
    """
    checked_truth(log, "log")
    if axis not in AXES:
        raise FitprintError(f"x must be {', '.join(map(repr, AXES))}, not {shown(axis)}")
    found = panels(
        store,
        runs,
        [checked_text(name, "a metric's name") for name in metrics],
        axis=axis,
        goals=goals,
        points=POINTS,
    )
    if "plotly" in sys.modules and "matplotlib" not in sys.modules:
        return _plotly_figure(found, log=log)
    return matplotlib_figure(found, log=log)


def matplotlib_figure(charts: Sequence[Chart], *, log: bool = False) -> Any:
    """Return a ``matplotlib.figure.Figure`` that pyplot does not know: a notebook shows it, and
    nobody needs to close it.

    Raises:
        FitprintError: Matplotlib is not installed.
    """
    try:
        new = import_module("matplotlib.figure").Figure
    except ImportError:
        raise FitprintError("a figure needs Matplotlib: pip install 'fitprint[plot]'") from None
    heights = [_SIZE[1] if isinstance(chart, Panel) else _SQUARE for chart in charts]
    made = new(figsize=(_SIZE[0], sum(heights)), layout="constrained")
    grid = made.subplots(len(charts), squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, chart in zip(grid[:, 0], charts, strict=True):
        if isinstance(chart, Panel):
            _draw_curves(axes, chart, log=log)
        elif isinstance(chart, Matrix):
            _draw_matrix(axes, chart)
        else:
            _draw_bars(axes, chart)
    made._repr_png_ = partial(_png, made)
    return made


def _draw_curves(axes: Any, panel: Panel, *, log: bool) -> None:
    lines = []
    for place, curve in enumerate(panel.curves):
        style = {
            "color": COLORS[place % len(COLORS)],
            "linestyle": _DASHES[place // len(COLORS) % len(_DASHES)],
            "linewidth": 1.5,
        }
        parts = [list(zip(*part, strict=True)) for part in curve.segments(log=log)]
        drawn = [
            axes.plot(*part, marker="o" if len(part[0]) == 1 else "", markersize=4, **style)[0]
            for part in parts
        ]
        lines += [(drawn[0], curve.label)] if drawn else []
    axes.set_ylabel(panel.title, parse_math=False)
    axes.set_xlabel(panel.below, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    if not lines:
        axes.text(
            0.5,
            0.5,
            "there is no number to draw",
            ha="center",
            va="center",
            transform=axes.transAxes,
        )
        return
    if log:
        axes.set_yscale("log")
    named = lines[:_MOST_NAMED]
    # A label that begins with an underscore would be left out
    legend = axes.legend(
        [line for line, _ in named],
        [f" {label}" for _, label in named],
        frameon=False,
        fontsize="small",
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _draw_matrix(axes: Any, matrix: Matrix) -> None:
    most = max((count for row in matrix.counts for count in row), default=0.0)
    axes.imshow(matrix.counts, cmap="Blues", vmin=0, vmax=most or 1)
    places = range(len(matrix.labels))
    axes.set_xticks(
        places, matrix.labels, parse_math=False, rotation=90 if len(places) > _MOST_WRITTEN else 0
    )
    axes.set_yticks(places, matrix.labels, parse_math=False)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(matrix.title, parse_math=False, fontsize="medium")
    if len(places) <= _MOST_WRITTEN:
        for row, counts in enumerate(matrix.counts):
            for column, count in enumerate(counts):
                axes.text(
                    column,
                    row,
                    f"{count:g}",
                    ha="center",
                    va="center",
                    color="white" if count > most / 2 else "black",
                )


def _draw_bars(axes: Any, bars: Bars) -> None:
    shown = bars.values[:_MOST_NAMED]
    axes.barh(range(len(shown)), [value for _, value in shown], color=COLORS[0])
    axes.set_yticks(
        range(len(shown)), [name for name, _ in shown], parse_math=False, fontsize="small"
    )
    axes.invert_yaxis()
    axes.set_title(bars.title, parse_math=False, fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)


def _png(made: Any) -> bytes:
    buffer = BytesIO()
    made.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _plotly_figure(panels: Sequence[Panel], *, log: bool) -> Any:
    subplots = import_module("plotly.subplots")
    made = subplots.make_subplots(rows=len(panels), cols=1)
    for row, panel in enumerate(panels, 1):
        for place, curve in enumerate(panel.curves):
            points = [
                point for part in curve.segments(log=log) for point in [*part, (part[-1][0], None)]
            ]
            dash = _PLOTLY_DASHES[place // len(COLORS) % len(_PLOTLY_DASHES)]
            made.add_scatter(
                x=[x for x, _ in points],
                y=[y for _, y in points],
                name=curve.label.replace("<", "&lt;"),
                mode="lines+markers" if len(points) < 3 else "lines",
                line={"color": COLORS[place % len(COLORS)], "dash": dash},
                legendgroup=curve.label,
                showlegend=row == 1,
                row=row,
                col=1,
            )
        made.update_yaxes(
            title_text=panel.title.replace("<", "&lt;"),
            type="log" if log else "linear",
            row=row,
            col=1,
        )
        made.update_xaxes(title_text=panel.below, row=row, col=1)
    return made
