"""Curves as a figure of Matplotlib or Plotly, which nothing else of fitprint needs.

A figure belongs to who gets it: no global state of Matplotlib is read or changed but the settings that its own figures have.
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

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["COLORS", "POINTS", "figure_of", "matplotlib_figure"]

COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
"""The colors of curves, in their order: those that color-blind people can tell apart (M. Okabe and K. Ito, 2008)."""

_DASHES = ("-", "--", ":", "-.")  # for curves behind those that have a color of their own
_PLOTLY_DASHES = ("solid", "dash", "dot", "dashdot")
_SIZE = (7.0, 2.8)  # inches of a panel
_MOST_NAMED = 20  # curves in a legend
POINTS = 2000
"""Points of a curve in a picture, at most."""


def figure_of(store: Store, runs: Sequence[RunRecord], metrics: Sequence[str], *, axis: Axis, log: bool, goals: Goals | None = None) -> Any:
    """Return a figure of Matplotlib, or of Plotly where only that is imported, with a panel for each metric.

    Raises:
        FitprintError: there is no such metric or axis, or neither library is installed.
    """
    checked_truth(log, "log")
    if axis not in AXES:
        raise FitprintError(f"x must be {', '.join(map(repr, AXES))}, not {shown(axis)}")
    found = panels(store, runs, [checked_text(name, "a metric's name") for name in metrics], axis=axis, goals=goals, points=POINTS)
    if "plotly" in sys.modules and "matplotlib" not in sys.modules:
        return _plotly_figure(found, log=log)
    return matplotlib_figure(found, log=log)


def matplotlib_figure(panels: Sequence[Panel], *, log: bool = False) -> Any:
    """Return a ``matplotlib.figure.Figure`` that pyplot does not know: a notebook shows it, and nobody needs to close it.

    Raises:
        FitprintError: Matplotlib is not installed.
    """
    try:
        made = import_module("matplotlib.figure").Figure(figsize=(_SIZE[0], _SIZE[1] * len(panels)), layout="constrained")
    except ImportError:
        raise FitprintError("a figure needs Matplotlib: pip install 'fitprint[plot]'") from None
    for axes, panel in zip(made.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        lines = []
        for place, curve in enumerate(panel.curves):
            style = {"color": COLORS[place % len(COLORS)], "linestyle": _DASHES[place // len(COLORS) % len(_DASHES)], "linewidth": 1.5}
            parts = [list(zip(*part, strict=True)) for part in curve.segments(log=log)]
            drawn = [axes.plot(*part, marker="o" if len(part[0]) == 1 else "", markersize=4, **style)[0] for part in parts]
            lines += [(drawn[0], curve.label)] if drawn else []
        if log and lines:
            axes.set_yscale("log")
        if not lines:
            axes.text(0.5, 0.5, "there is no number to draw", ha="center", va="center", transform=axes.transAxes)
        axes.set_ylabel(panel.title, parse_math=False)
        axes.set_xlabel(panel.below, parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        if lines:
            named = lines[:_MOST_NAMED]
            # A label that begins with an underscore would be left out
            legend = axes.legend([line for line, _ in named], [f" {label}" for _, label in named], frameon=False, fontsize="small")
            for text in legend.get_texts():
                text.set_parse_math(False)
    made._repr_png_ = partial(_png, made)
    return made


def _png(made: Any) -> bytes:
    buffer = BytesIO()
    made.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _plotly_figure(panels: Sequence[Panel], *, log: bool) -> Any:
    subplots = import_module("plotly.subplots")
    made = subplots.make_subplots(rows=len(panels), cols=1)
    for row, panel in enumerate(panels, 1):
        for place, curve in enumerate(panel.curves):
            points = [point for part in curve.segments(log=log) for point in [*part, (part[-1][0], None)]]
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
        made.update_yaxes(title_text=panel.title.replace("<", "&lt;"), type="log" if log else "linear", row=row, col=1)
        made.update_xaxes(title_text=panel.below, row=row, col=1)
    return made
