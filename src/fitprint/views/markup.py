"""Runs, experiments and curves as small pieces of HTML, for notebooks: without scripts, without
anything from a network.

Every text of a record is escaped; colors are such that they can be read on a light and on a dark
ground, and all else has the color of the text around it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

from fitprint import clock
from fitprint.entities import Experiment, History, MetricSummary, RunRecord
from fitprint.ids import short_id
from fitprint.stores.sampling import sampled
from fitprint.views.columns import Key, curve_key, telling
from fitprint.views.ranking import Goals, own_metric, ranked_metrics, ranked_params
from fitprint.views.wording import age, clean, duration, moment, number, value_text

__all__ = [
    "Curves",
    "experiments_table",
    "history_page",
    "page",
    "run_page",
    "runs_table",
    "svg_curve",
    "table",
    "text",
]

Curves = Callable[[str, str, int], Sequence[float]]
"""Given a run's id, a metric and a number of points, returns values of its curve,
at most so many.
"""

_MOST_RUNS = 100
_MOST_KEYS = 8
_MOST_ROWS = 40  # metrics, and parameters, of one run
_MOST_TEXT = 60
_POINTS = 24  # of a curve in a table
_MOST_POINTS = 400  # of a large curve
_COLORS = {
    "RUNNING": "#3b82d6",
    "FINISHED": "#2f9e53",
    "FAILED": "#d4473d",
    "KILLED": "#c48a1c",
    "LOST": "#8b5cb8",
}
_STYLE = (
    "<style>.fitprint{overflow-x:auto}.fitprint "
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    ".fitprint th,.fitprint td{text-align:left;padding:2px 8px;border:0;border-bottom:1px solid "
    "#8884;white-space:nowrap}"
    ".fitprint .n{text-align:right}.fitprint .w{opacity:.65}.fitprint svg{vertical-align:middle}"
    ".fitprint "
    "i{font-style:normal;display:inline-block;width:8px;height:8px;border-radius:4px;margin-right:6px}</style>"
)


def page(*parts: str) -> str:
    """Return pieces of HTML as one that a notebook shows."""
    return f'{_STYLE}<div class="fitprint">{"".join(parts)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    """Return a table of cells that are HTML already; the columns ``numeric`` are flush right."""
    classes = dict.fromkeys(numeric, ' class="n"')
    lines = [
        "<table><tr>",
        *(f"<th{classes.get(place, '')}>{title}" for place, title in enumerate(head)),
        "</tr>",
    ]
    for row in rows:
        lines += [
            "<tr>",
            *(f"<td{classes.get(place, '')}>{cell}" for place, cell in enumerate(row)),
            "</tr>",
        ]
    return "".join([*lines, "</table>"])


def text(value: str) -> str:
    """Return a text of a record as HTML: in one line, no longer than a cell, escaped."""
    shown = clean(value[: _MOST_TEXT + 1])
    return escape(shown if len(value) <= _MOST_TEXT else f"{shown[:_MOST_TEXT]}…")


def svg_curve(values: Sequence[float], width: int = 80, height: int = 16) -> str:
    """Return a curve as inline SVG, in the color of the text; NaN and infinities are gaps. "" for
    less than two numbers.
    """
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return ""
    least, most = min(finite), max(finite)
    span = most / 2 - least / 2  # halved, so that the range of the largest floats is still one
    path, pen = [], "M"
    for place, value in enumerate(values):
        if math.isfinite(value):
            level = 0.5 if span == 0 else (value / 2 - least / 2) / span
            path.append(
                f"{pen}{place * width / (len(values) - 1):.0f} {1 + (1 - level) * (height - 2):.0f}"
            )
            pen = "L"
        else:
            pen = "M"
    return (
        f'<svg width="{width}" height="{height}"><path d="{"".join(path)}" fill="none" '
        'stroke="currentColor" stroke-width="1.3"/></svg>'
    )


def runs_table(
    runs: Sequence[RunRecord],
    curves: Curves,
    goals: Goals | None = None,
    keys: Sequence[Key] | None = None,
) -> str:
    """Return a table of runs, in the order given, with these columns, or those that
    :mod:`fitprint.views.columns` chooses.
    """
    shown = list(runs[:_MOST_RUNS])
    if not shown:
        return page("no runs")
    now = clock.now()
    keys = telling(shown, goals)[:_MOST_KEYS] if keys is None else keys
    curve = curve_key(shown, keys)
    many = len({run.experiment for run in shown}) > 1
    head = ["name", "id", *(["experiment"] if many else []), "age", "time"]
    fixed = len(head)
    for key in keys:
        head += [text(key.name), *([""] if key is curve else [])]
    rows = []
    for run in shown:
        end = now if run.end_time is None else run.end_time
        row = [
            f"{_dot(run.status)}{text(run.name)}",
            short_id(run.id),
            *([text(run.experiment)] if many else []),
        ]
        row += [age((now - run.start_time) / 1e6), duration((end - run.start_time) / 1e6)]
        for key in keys:
            row.append(_cell(key, run))
            if key is curve:
                row.append(_curve(run.id, run.metrics.get(key.name), key.name, curves))
        rows.append(row)
    numeric = [
        place
        for place in range(fixed - 2, len(head))
        if all(_is_number(row[place]) for row in rows)
    ]
    more = (
        f'<div class="w">{len(runs) - len(shown)} more runs</div>' if len(runs) > len(shown) else ""
    )
    return page(table(head, rows, numeric), more)


def run_page(run: RunRecord, curves: Curves) -> str:
    """Return what is most worth knowing of one run."""
    now = clock.now()
    end = now if run.end_time is None else run.end_time
    own = own_metric(run)
    facts = (
        f"{escape(run.status)} · {text(run.experiment)} · {moment(run.start_time)} · "
        f"{duration((end - run.start_time) / 1e6)}"
    )
    parts = [
        (
            f'<div>{_dot(run.status)}<b>{text(run.name)}</b> <span class="w">{run.id} · '
            f"{facts}</span></div>"
        )
    ]
    if note := str(run.documents.get("note", "")):
        parts.append(f"<div>{text(note)}</div>")
    if run.tags:
        parts.append(
            '<div class="w">'
            f"{', '.join(f'{text(key)}={text(value)}' for key, value in sorted(run.tags.items()))}"
            "</div>"
        )
    names = list(dict.fromkeys([*([] if own is None else [own]), *ranked_metrics([run])]))
    if names:
        parts.append(
            table(
                ["metric", "last", "best", "at step", ""],
                [_metric(run, key, curves) for key in names[:_MOST_ROWS]],
                (1, 2, 3),
            )
        )
    params = ranked_params([run])
    if params:
        parts.append(
            table(
                ["parameter", "value"],
                [
                    (text(key), text(value_text(run.params[key].value)))
                    for key in params[:_MOST_ROWS]
                ],
            )
        )
    left = len(names[_MOST_ROWS:]) + len(run.params) - len(params[:_MOST_ROWS])
    told = [f"{left} more metrics and parameters"] if left > 0 else []
    told += [f"{len(run.artifacts)} artifacts"] if run.artifacts else []
    told += [f"model {text(model.path)} ({text(model.flavor)})" for model in run.models[:3]]
    if told:
        parts.append(f'<div class="w">{" · ".join(told)}</div>')
    return page(*parts)


def experiments_table(experiments: Sequence[Experiment]) -> str:
    """Return a table of experiments."""
    now = clock.now()
    rows = [
        (
            text(each.name)
            + (' <span class="w">(archived)</span>' if each.archived_time is not None else ""),
            str(each.run_count),
            "" if each.last_activity is None else age((now - each.last_activity) / 1e6),
            text(each.note),
        )
        for each in experiments
    ]
    return page(table(["experiment", "runs", "last run", "note"], rows, (1, 2)))


def history_page(history: History) -> str:
    """Return the curve of a metric, with its ends and extremes."""
    values = history.value
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return page(f"{len(history)} points, none of them a number")
    facts = {"first": values[0], "last": values[-1], "least": min(finite), "greatest": max(finite)}
    told = " · ".join(f"{name} {number(value)}" for name, value in facts.items())
    return page(
        f'<div>{len(history)} points <span class="w">{told}</span></div>',
        svg_curve(sampled(history, _MOST_POINTS).value, 420, 90),
    )


def _dot(status: str) -> str:
    return f'<i style="background:{_COLORS.get(status, "#888")}" title="{escape(status)}"></i>'


def _cell(key: Key, run: RunRecord) -> str:
    metric = key.metric_of(run)
    if metric is not None:
        value = number(run.metrics[metric].last)
        return f"{text(metric)} {value}" if key.kind == "own" else value
    return (
        text(value_text(key.of(run)))
        if key.kind not in ("metrics", "own") and key.is_in(run)
        else ""
    )


def _metric(run: RunRecord, key: str, curves: Curves) -> Sequence[str]:
    summary = run.metrics[key]
    is_curve = summary.count > 1
    best = (number(summary.best), str(summary.best_step)) if is_curve else ("", "")
    return (text(key), number(summary.last), *best, _curve(run.id, summary, key, curves))


def _curve(run_id: str, summary: MetricSummary | None, key: str, curves: Curves) -> str:
    return (
        svg_curve(curves(run_id, key, _POINTS)) if summary is not None and summary.count > 1 else ""
    )


def _is_number(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] == "-" or cell in ("NaN", "inf", "None")
