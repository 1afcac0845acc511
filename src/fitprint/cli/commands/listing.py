"""``fitprint ls``."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from fitprint import clock
from fitprint.cli import reading
from fitprint.cli.command import whole_number
from fitprint.cli.grid import Column, add_forms, markdown, render
from fitprint.cli.selecting import add_view, apply_view
from fitprint.cli.sparklines import sparkline
from fitprint.cli.terminal import Terminal, as_data, tell
from fitprint.cli.watching import seconds, watch
from fitprint.entities import RunRecord
from fitprint.ids import short_ids
from fitprint.query.expressions import Field
from fitprint.recording.workspace import current
from fitprint.stores.naming import find_experiment
from fitprint.stores.protocol import Store
from fitprint.views import columns
from fitprint.views.columns import Key
from fitprint.views.fields import dumped_lines, run_fields, strict, timestamp
from fitprint.views.selection import Selected, has_parts, matching, ordering, sort_keys, tree
from fitprint.views.wording import age, clean, duration, moment, number, value_text

__all__ = ["COMMAND", "Listing", "show_table"]

_ROWS = 30
_WATCH = 2.0
_CURVE = 12
# columns of a terminal below which a sign stands for the status, and names are shorter
_NARROW = 120
_NARROW_NAME = 22
_MOST_KEYS = 40  # metrics and parameters for which room is sought
_GROUPS = 50
_OWN = 36  # characters of a metric with its name
_MOST_CURVES = 8  # columns of which one may get a curve
_TITLE = 200  # characters of a name; a column shows fewer
# of all curves together; a longer history would be read whole for twelve characters
_MOST_POINTS = 200_000


class Listing:
    """The table shows the runs that are not part of other runs, newest first, each with the number
    of its parts (such as the candidates of a search); --all and filters on parent_id list the
    parts, too. Each run is shown with the metric by which to judge it: the one that the setting
    `metric` names (or the tag `metric` of its experiment), otherwise one on held-out data,
    otherwise one on the training data. Then come, as far as there is room, the parameters that tell
    the runs apart, most informative first, and further metrics.

    --json prints a list of objects with the fields id, name, status, experiment, parent_id, kind,
    start_time, end_time (ISO 8601, UTC), duration (seconds), error, params, metrics (last values),
    summaries (last, min, max, best, first, count ... of each metric), tags, datasets, models,
    artifacts, capture. NaN and infinities are the texts "NaN", "Infinity" and "-Infinity". Without
    --top, --json and --csv print all runs.

    Examples:
      fitprint ls iris --sort -val_auc --top 10
      fitprint ls -q "params.C >= 1 and metrics.val_loss < 0.3" --cols 'C,val_*'
      fitprint ls --by model

    filters:
      metrics.loss < 0.3            the last value; min(loss), max(loss), best(loss), first(loss), count(loss)
      params.C >= 1                 as a number; params.solver = 'lbfgs' as a text; params.deep = true
      tags.team = 'a'               datasets.name = 'X', datasets.digest = 'sha256:...'
      name like 'try%'              ilike ignores case; % is any text, _ any one character
      status = 'FAILED'             experiment, kind, id, parent_id, error, duration (seconds)
      start_time > '2026-05-01'     UTC; end_time, last_time
      tags.team in ('a', 'b')       not in; params.C is null, is not null
      not (... or ...) and ...      and binds closer than or; `odd key!` in backticks
    """  # noqa: E501

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("experiment", nargs="?", help="only runs of this experiment")
        parser.add_argument(
            "-q",
            "--query",
            default="",
            metavar="FILTER",
            help="only runs that match, such as 'metrics.val_loss < 0.3 and params.C >= 1'",
        )
        parser.add_argument(
            "--sort",
            default="",
            metavar="KEYS",
            help="order by metrics, parameters or attributes; -KEY for the greatest first",
        )
        parser.add_argument(
            "--top",
            type=whole_number(1),
            metavar="N",
            help=f"list at most N runs (in a table {_ROWS} by default)",
        )
        parser.add_argument(
            "--cols",
            metavar="NAMES",
            help="columns to show instead: names or patterns such as 'val_*,lr'",
        )
        parser.add_argument(
            "--by",
            metavar="KEY",
            help=(
                "print a table for each value of this: 'model', a parameter, a tag, experiment, "
                "status or kind"
            ),
        )
        parser.add_argument(
            "-m",
            "--metric",
            metavar="METRIC",
            action="append",
            default=[],
            help=(
                "the metric by which to judge runs, instead of the setting `metric`; may be "
                "given several times if it has several names"
            ),
        )
        add_view(parser)
        parser.add_argument(
            "--all",
            action="store_true",
            help="also list runs that are part of other runs; without a filter, below those",
        )
        parser.add_argument("--trash", action="store_true", help="list the runs that were removed")
        parser.add_argument(
            "--watch",
            nargs="?",
            type=seconds,
            const=_WATCH,
            metavar="SECONDS",
            help=(
                f"refresh the list every SECONDS ({_WATCH:g} by default), until Ctrl-C; to a "
                "pipe, print it again only when something has changed"
            ),
        )
        add_forms(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        apply_view(arguments)
        if arguments.watch is None and (nothing := reading.nothing_yet()):
            tell(nothing)
            if arguments.form == "json":
                print("[]")
            return 0
        if arguments.watch is None:
            _show(_found(arguments), arguments)
        elif arguments.form in ("json", "csv"):
            tell(
                "--watch shows a table, not --json or --csv; `fitprint tail RUN --json` follows a "
                "run"
            )
            return 2
        else:
            watch(
                lambda: reading.nothing_yet() or _found(arguments),
                lambda found: _show(found, arguments),
                arguments.watch,
            )
        return 0


COMMAND = Listing()


class _Found(NamedTuple):
    """What a listing shows: runs with their places in the table, and whether there are more."""

    listed: Sequence[Selected]
    more: bool
    first: Sequence[Key]


class _Layout(NamedTuple):
    """How tables are laid out: the columns that are wanted, those that come behind the metric by
    which runs are judged, whatever they tell, and what that metric is if the arguments say so.
    """

    cols: str | None = None
    first: Sequence[Key] = ()
    metric: Sequence[str] = ()
    as_markdown: bool = False


_PLAIN = _Layout()


def _found(arguments: argparse.Namespace) -> _Found:
    store = reading.store()
    experiment = arguments.experiment and find_experiment(store, arguments.experiment).name
    data = arguments.form in ("json", "csv")
    flat = arguments.trash or bool(arguments.all and (data or arguments.query))
    order = ordering(store, arguments.sort)
    runs, more = matching(
        store,
        arguments.query,
        order,
        experiment,
        limit=arguments.top or (None if data else _ROWS),
        deleted="only" if arguments.trash else "exclude",
        parts=flat,
    )
    if (
        arguments.query
        and not flat
        and not any(run.parent_id for run in runs)
        and has_parts(store, arguments.query, experiment)
    ):
        tell("runs that are part of other runs match, too; --all lists them")
    listed = (
        [Selected(run) for run in runs] if flat or data else tree(store, runs, unfold=arguments.all)
    )
    return _Found(listed, more, [_key_of(field) for field in sort_keys(order)])


def _show(found: _Found | str, arguments: argparse.Namespace) -> None:
    if isinstance(found, str):
        tell(found)
        return
    store, listed = current().known_store(), found.listed
    if arguments.form == "json":
        print(*dumped_lines(run_fields(item.run) for item in listed), sep="\n")
    elif arguments.form == "csv":
        _write_csv([item.run for item in listed], arguments.cols)
    else:
        layout = _Layout(arguments.cols, found.first, arguments.metric, arguments.form == "md")
        if (
            not listed
            and not (arguments.query or arguments.trash)
            and (hidden := reading.archived(store))
        ):
            tell(
                f"all runs are in archived experiments: {hidden}; `fitprint ls EXPERIMENT` lists "
                "those of one"
            )
        elif arguments.by is not None:
            _show_groups(store, listed, arguments.by, layout)
        else:
            show_table(store, listed, layout)
        if found.more:
            what = "first" if arguments.sort else "newest"
            tell(
                f"these are the {what} {sum(not item.depth for item in listed)}; --top N shows more"
            )


def show_table(store: Store, listed: Sequence[Selected], layout: _Layout = _PLAIN) -> None:
    """Print a table of runs to standard output, and say on standard error how many columns it does
    not show.
    """
    if not listed:
        tell("no run matches")
    elif hidden := _print_table(store, listed, layout):
        _tell_hidden(
            f"{hidden} {'column is' if hidden == 1 else 'columns are'} hidden", layout.cols
        )


def _tell_hidden(told: str, cols: str | None) -> None:
    tell(
        f"{told}; choose with --cols NAMES, or use --csv for all"
        if cols is None
        else f"{told}: use a wider terminal, a pipe, or --csv"
    )


def _print_table(store: Store, listed: Sequence[Selected], layout: _Layout) -> int:
    """Print a table of runs, and return how many columns it does not show."""
    runs = [item.run for item in listed]
    terminal = Terminal()
    cols = layout.cols
    keys = (
        columns.telling(runs, reading.goals(layout.metric), first=layout.first)
        if cols is None
        else columns.chosen(cols, runs, store.keys())
    )
    most = len(keys) if cols is not None or layout.as_markdown else _MOST_KEYS
    built = _columns(store, listed, keys[:most], terminal, curves=not layout.as_markdown)
    if layout.as_markdown:
        print(markdown(built))
        return 0
    text, dropped = render(built, terminal, whole=cols is not None and not terminal.is_interactive)
    print(text)
    return len(dropped) + len(keys[most:])


def _key_of(field: Field) -> Key:
    kinds: dict[str, Literal["metrics", "params", "tags"]] = {
        "metric": "metrics",
        "param": "params",
        "tag": "tags",
    }
    return Key(kinds[field.entity], field.key)


def _show_groups(store: Store, listed: Sequence[Selected], by: str, layout: _Layout) -> None:
    """Print a table for each value of a key, in the order in which the values come."""
    groups: dict[str, list[Selected]] = {}
    group = ""
    if not listed:
        tell("no run matches")
        return
    value_of = columns.grouping(by, [item.run for item in listed])
    for item in listed:
        if item.depth == 0:  # those below a run stay with it
            group = value_of(item.run)
        groups.setdefault(group, []).append(item)
    terminal = Terminal()
    hidden = 0
    for place, (title, items) in enumerate(list(groups.items())[:_GROUPS]):
        heading = (
            f"{title or f'without {clean(by)}'}, {len(items)} "
            f"{'run' if len(items) == 1 else 'runs'}"
        )
        print(
            *([""] if place else []),
            f"**{heading}**\n" if layout.as_markdown else terminal.style(heading, "bold", "cyan"),
            sep="\n",
        )
        hidden = max(hidden, _print_table(store, items, layout))
    if hidden:
        _tell_hidden(f"up to {hidden} columns of a table are hidden", layout.cols)
    if len(groups) > _GROUPS:
        tell(f"these are the first {_GROUPS} of {len(groups)} values of {by}")


def _columns(
    store: Store,
    listed: Sequence[Selected],
    keys: Sequence[Key],
    terminal: Terminal,
    *,
    curves: bool,
) -> list[Column]:
    runs = [item.run for item in listed]
    now = clock.now()
    narrow = (
        terminal.is_interactive
        and terminal.unicode
        and terminal.width is not None
        and terminal.width < _NARROW
    )
    styles = [terminal.status_style(run.status) for run in runs]
    built = [
        Column("", [terminal.status_sign(run.status).strip() for run in runs], styles=styles)
        if narrow
        else Column(
            "status",
            [f"{terminal.status_sign(run.status)}{run.status}" for run in runs],
            styles=styles,
        ),
        Column("id", short_ids([run.id for run in runs]), styles=["cyan"] * len(runs)),
        Column("name", [_name(item) for item in listed], most=_NARROW_NAME if narrow else None),
    ]
    if len({run.experiment for run in runs}) > 1:
        built.append(Column("experiment", [clean(run.experiment) for run in runs], rank=2))
    built += [
        Column(
            "age",
            [age((now - run.start_time) / 1e6) for run in runs],
            rank=3,
            right=True,
            styles=["dim"] * len(runs),
        ),
        Column(
            "time",
            [_duration(run, now) for run in runs],
            rank=5,
            right=True,
            styles=["dim"] * len(runs),
        ),
    ]
    curve = columns.curve_key(runs, keys[:_MOST_CURVES]) if curves else None
    # so that no row is without its metric
    judged = 2 if any(key.kind == "own" for key in keys[:2]) else 1
    for place, key in enumerate(keys):
        rank = 0 if place < judged and key.kind in ("metrics", "own") else 4 + place
        built.append(_column(key, runs, rank))
        if key is curve:
            built.append(
                Column("", _curves(store, runs, key.name, terminal), max(rank, 6), attached=True)
            )
    return built


def _name(item: Selected) -> str:
    branch = "  " * (item.depth - 1) + "└ " if item.depth or item.run.parent_id else ""
    return f"{branch}{clean(item.run.name)}" + (f" (+{item.folded})" if item.folded else "")


def _duration(run: RunRecord, now: int) -> str:
    return duration(((now if run.end_time is None else run.end_time) - run.start_time) / 1e6)


def _column(key: Key, runs: Sequence[RunRecord], rank: int) -> Column:
    values = [key.of(run) for run in runs]
    title = clean(key.name[:_TITLE])
    if key.kind == "own":
        named = [(key.metric_of(run), run) for run in runs]
        return Column(
            title,
            [
                "" if name is None else f"{clean(name[:_TITLE])} {number(run.metrics[name].last)}"
                for name, run in named
            ],
            rank,
            most=_OWN,
            styles=["yellow"] * len(runs),
        )
    if key.kind != "metrics":
        cells = [
            _cell(key, value) if key.is_in(run) else ""
            for run, value in zip(runs, values, strict=True)
        ]
        return Column(
            title,
            cells,
            rank,
            right=all(isinstance(value, (int, float, type(None))) for value in values),
        )
    goals = {run.metrics[name].goal for run in runs if (name := key.metric_of(run)) is not None}
    finite = [value for value in values if value is not None and value == value]
    best = (
        None
        if len(finite) < 2 or len(goals) != 1
        else min(finite)
        if goals == {"min"}
        else max(finite)
    )
    return Column(
        title,
        ["" if value is None else number(value) for value in values],
        rank,
        right=True,
        styles=[
            "bold yellow" if best is not None and value == best else "yellow" for value in values
        ],
    )


def _cell(key: Key, value: Any) -> str:
    if key.kind == "attributes" and (value is None or key.name.endswith("_time")):
        return "" if value is None else moment(value)
    return value_text(value)


def _curves(store: Store, runs: Sequence[RunRecord], key: str, terminal: Terminal) -> list[str]:
    left = _MOST_POINTS
    cells = []
    for run in runs:
        summary = run.metrics.get(key)
        cell = ""
        if summary is not None and 1 < summary.count <= left:
            left -= summary.count
            values = store.metric_history(run.id, key, max_points=4 * _CURVE).value
            cell = sparkline(values, _CURVE, unicode=terminal.unicode)
        cells.append(cell)
    return cells


def _write_csv(runs: Sequence[RunRecord], cols: str | None) -> None:
    if cols is None:
        keys = [
            *(Key("metrics", key) for key in sorted({key for run in runs for key in run.metrics})),
            *(Key("params", key) for key in sorted({key for run in runs for key in run.params})),
            *(Key("tags", key) for key in sorted({key for run in runs for key in run.tags})),
        ]
    else:
        keys = columns.chosen(cols, runs)
    fixed = ("id", "name", "status", "experiment", "parent_id", "kind", "start_time", "end_time")
    writer = csv.writer(as_data(), lineterminator="\n")
    writer.writerow([*fixed, *(f"{key.kind}.{key.name}" for key in keys)])
    for run in runs:
        values = [
            timestamp(getattr(run, name)) if name.endswith("_time") else getattr(run, name)
            for name in fixed
        ]
        writer.writerow([*values, *(_csv_cell(key, run) for key in keys)])


def _csv_cell(key: Key, run: RunRecord) -> Any:
    value = key.of(run)
    if isinstance(value, (list, dict)):
        return json.dumps(strict(value), ensure_ascii=False)
    return "None" if value is None and key.kind == "params" and key.is_in(run) else value
