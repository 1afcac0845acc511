"""``fitprint query``."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fitprint.cli import reading
from fitprint.cli.command import whole_number
from fitprint.cli.grid import Column, add_forms, markdown, render
from fitprint.cli.terminal import Terminal, as_data, tell
from fitprint.stores.views import VIEWS, QueryResult
from fitprint.views.fields import dumped_lines
from fitprint.views.wording import clean, value_text

__all__ = ["COMMAND", "Querying"]

_ROWS = 10_000
_SECONDS = 10.0
_MOST = 60  # characters of a cell
_EXAMPLE = """\
fitprint query "SELECT r.name, p.value AS C, m.best FROM runs r JOIN params p ON p.run_id = r.id AND p.key = 'C'
  JOIN metrics m ON m.run_id = r.id AND m.key = 'loss' WHERE r.deleted_time IS NULL ORDER BY m.best\""""  # noqa: E501


class Querying:
    """SQL is one statement that reads the views: runs, params, metrics, tags, datasets, models,
    artifacts, documents, experiments, experiment_tags, decisions, registered_models,
    registered_model_tags, model_aliases, model_versions and model_version_tags. Without SQL, the
    command shows the views with their columns, and an example. Times are texts such as
    2026-11-27T16:46:00.000Z, in UTC.

    --json prints a list with an object for each row, whose fields are the columns; infinities are
    the texts "Infinity" and "-Infinity", bytes are hexadecimal digits.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "sql", metavar="SQL", nargs="?", help='such as "SELECT name, status FROM runs"'
        )
        parser.add_argument(
            "--top",
            type=whole_number(1),
            default=_ROWS,
            metavar="N",
            help=f"give at most N rows; {_ROWS} by default",
        )
        parser.add_argument(
            "--timeout",
            type=_seconds,
            default=_SECONDS,
            metavar="S",
            help=f"stop after S seconds; {_SECONDS:g} by default",
        )
        add_forms(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.sql is None:
            _show_views(arguments.form)
            return 0
        found = reading.store().query(arguments.sql, limit=arguments.top, timeout=arguments.timeout)
        _print(found, arguments.form)
        if found.more:
            tell(f"these are the first {len(found)} rows; --top N gives more")
        return 0


COMMAND = Querying()


def _print(found: QueryResult, form: str | None) -> None:
    if form == "json":
        print(
            *dumped_lines(dict(zip(found.columns, map(_plain, row), strict=True)) for row in found),
            sep="\n",
        )
    elif form == "csv":
        writer = csv.writer(as_data(), lineterminator="\n")
        writer.writerow(found.columns)
        writer.writerows([_plain(value) for value in row] for row in found)
    else:
        _show(
            [
                _column(name, [row[place] for row in found], place)
                for place, name in enumerate(found.columns)
            ],
            form,
        )
        if not found.rows:
            tell("no row matches")


def _show(columns: Sequence[Column], form: str | None) -> None:
    if form == "md":
        print(markdown(columns))
        return
    terminal = Terminal()
    text, dropped = render(columns, terminal, most=_MOST, whole=not terminal.is_interactive)
    print(text)
    if dropped:
        tell(f"no room for {', '.join(dropped)}; select fewer columns, or --csv")


def _column(title: str, values: Sequence[Any], rank: int) -> Column:
    numbers = all(isinstance(value, (int, float)) for value in values if value is not None)
    return Column(
        clean(title),
        ["" if value is None else value_text(_plain(value)) for value in values],
        rank,
        right=numbers,
    )


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _show_views(form: str | None) -> None:
    if form == "json":
        print(*dumped_lines(map(asdict, VIEWS)), sep="\n")
        return
    rows = [
        (view.name, column, meaning) for view in VIEWS for column, meaning in view.columns.items()
    ]
    if form == "csv":
        _print(QueryResult(("view", "column", "meaning"), list(rows)), form)
        return
    firsts = [not place or rows[place - 1][0] != name for place, (name, _, _) in enumerate(rows)]
    columns = [
        Column(
            "view",
            [name if first else "" for first, (name, _, _) in zip(firsts, rows, strict=True)],
            styles=["bold"] * len(rows),
        ),
        Column("column", [column for _, column, _ in rows]),
        Column("meaning", [meaning for _, _, meaning in rows], 1, styles=["dim"] * len(rows)),
    ]
    if form == "md":
        print(markdown(columns))
        return
    print(render(columns, Terminal(), most=120, whole=True)[0])
    print(f"\n{_EXAMPLE}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(
            f"must be a number of seconds, more than 0 and up to a day, not {text!r}"
        )
    return seconds
