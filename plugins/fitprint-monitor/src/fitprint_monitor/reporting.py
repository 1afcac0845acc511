"""``monitor report``: what a model was given, hour by hour or day by day, against its training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from textwrap import wrap
from typing import Any

from fitprint import clock
from fitprint.api import get_run
from fitprint.arguments import shown
from fitprint.cli.grid import Column, markdown, render
from fitprint.cli.terminal import Terminal
from fitprint.errors import ModelNotFoundError
from fitprint.query.times import microseconds
from fitprint.views.wording import clean
from fitprint_monitor.alarms import Alarm, alarms_of
from fitprint_monitor.cells import Cells, Counts, cells_of
from fitprint_monitor.comparing import compare_columns
from fitprint_monitor.drifting import Drift, name_of
from fitprint_monitor.keeping import Kept, Model, kept_windows, model_named
from fitprint_monitor.sides import DriftError, MissingDataError
from fitprint_monitor.windows import HOUR, Window, merged

__all__ = ["Report", "Row", "report", "since_of"]

_UNITS = {"h": HOUR, "d": 24 * HOUR}
_BY_HOUR = 48 * HOUR  # a longer time is shown by days
_NAMED = 3  # columns of a row


@dataclass(frozen=True, slots=True)
class Row:
    """A window against the training.

    Attributes:
        start: its beginning, microseconds since the epoch, UTC.
        seen: rows that the model was given, and how many of them were ``counted`` and ``lost``.
        drift: what differs.
    """

    start: int
    seen: int
    counted: float
    lost: int
    drift: Drift

    @property
    def verdict(self) -> str:
        """What is said of it: "drift", "same", or "few rows" where no column has enough."""
        if self.drift:
            return "drift"
        verdicts = {each.verdict for each in self.drift.columns}
        return "few rows" if verdicts <= {"few rows", "not compared"} else "same"


@dataclass(frozen=True, slots=True)
class Report:
    """What a version of a model was given. In a condition it is true if an alarm stands, or if all
    windows together drift.

    Attributes:
        model: its name, and ``version``.
        width: of a window, in microseconds.
        rows: the windows, oldest first.
        whole: all of them together.
        pending: windows whose bytes have not arrived here.
        killed: processes that were killed: each has lost up to five minutes.
    """

    model: str
    version: str
    width: int
    rows: tuple[Row, ...]
    whole: Row
    pending: int = 0
    killed: int = 0

    def __bool__(self) -> bool:
        return bool(self.whole.drift) or any(each.until is None for each in self.alarms)

    @property
    def alarms(self) -> list[Alarm]:
        """Columns that drifted in two windows one after the other; also those that do no more."""
        return alarms_of((each.start, each.drift.columns) for each in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "schema": 1,
            "model": self.model,
            "version": self.version,
            "drift": bool(self),
            "windows": [
                {
                    "start": _told(each.start, HOUR),
                    "hours": self.width // HOUR,
                    "seen": each.seen,
                    "counted": each.counted,
                    "lost": each.lost,
                    "verdict": each.verdict,
                    "columns": _drifting(each.drift),
                }
                for each in self.rows
            ],
            "alarms": [
                {
                    "column": each.column,
                    "since": _told(each.since, HOUR),
                    "until": None if each.until is None else _told(each.until, HOUR),
                    "reason": each.reason,
                }
                for each in self.alarms
            ],
            "whole": self.whole.drift.to_dict(),
            "pending": self.pending,
            "killed": self.killed,
        }

    def to_text(self, terminal: Terminal) -> str:
        """Return the windows, then all of them together column by column."""
        table, _ = render(self._table(), terminal)
        told = [each for line in self._notes() for each in wrap(line, 80, subsequent_indent="  ")]
        return "\n".join(
            [
                *(self._title(), "", table, *told, "", "all together:", ""),
                self.whole.drift.to_text(terminal),
            ]
        )

    def to_markdown(self) -> str:
        """Return the same in GitHub's Markdown."""
        parts = [f"**{self._title()}**", markdown(self._table()), *self._notes()]
        return "\n\n".join([*parts, "All together:", self.whole.drift.to_markdown()])

    def _title(self) -> str:
        version = f" version {self.version}" if self.version else ""
        rows = "1 row" if self.whole.seen == 1 else f"{self.whole.seen} rows"
        return f"{clean(self.model)}{version}: {rows}"

    def _notes(self) -> list[str]:
        notes = [
            f"alarm: {name_of(each.column)} since {_told(each.since, self.width)}"
            + (f", until {_told(each.until, self.width)}" if each.until is not None else "")
            + f": {each.reason}"
            for each in self.alarms
        ]
        if self.whole.lost:
            notes.append(f"{self.whole.lost} rows were lost before they were counted")
        if self.killed:
            notes.append(f"{self.killed} processes were killed, and lost up to five minutes each")
        if self.pending:
            notes.append(f"{self.pending} windows are still where they were recorded")
        return notes

    def _table(self) -> list[Column]:
        rows = self.rows
        return [
            Column("from (UTC)", [_told(each.start, self.width) for each in rows]),
            Column("rows", [str(each.seen) for each in rows], right=True),
            Column("counted", [f"{each.counted:.0f}" for each in rows], right=True),
            Column(
                "verdict",
                [each.verdict for each in rows],
                styles=["red" if each.verdict == "drift" else "" for each in rows],
            ),
            Column("columns", [_shortened(_drifting(each.drift)) for each in rows], most=40),
        ]


def since_of(text: str) -> int:
    """Return the moment that ``24h``, ``7d`` or a time such as ``2026-11-28`` means, in
    microseconds since the epoch.

    Raises:
        DriftError: it is none of these.
    """
    found = re.fullmatch(r"([0-9]{1,5})([hd])", text)
    if found:
        return clock.now() - int(found[1]) * _UNITS[found[2]]
    moment = microseconds(text)
    if moment is None:
        raise DriftError(f"{text!r} is no time: write 24h, 7d or 2026-11-28T09:00")
    return moment


def report(model: str, since: str = "24h") -> list[Report]:
    """Return what each version of a model was given since a time, the newest version first.

    Args:
        model: the name of a registered model for all of its versions; ``models:/NAME@ALIAS`` or
            ``models:/NAME/3`` for one; ``runs:/RUN/model``.
        since: see :func:`since_of`.

    Raises:
        MissingDataError: nothing was counted, or the training's profile is gone.
        StoreError: there is no such model.
        DriftError: the time cannot be understood.
    """
    start = since_of(since)
    wanted: Model | None = None
    unknown: ModelNotFoundError | None = None  # what was counted outlives a model
    name = model
    try:
        wanted = model_named(model)
        name = wanted.name
    except ModelNotFoundError as error:
        if ":/" in model:
            raise
        unknown = error
    one_version = wanted is not None and ":/" in model
    kept = [
        each
        for each in kept_windows(name, start)
        if each.windows and (not one_version or wanted is None or each.version == wanted.version)
    ]
    if not kept and unknown is not None:
        raise unknown
    if not kept:
        raise MissingDataError(
            f"nothing of {clean(model)} was counted since {_told(start, HOUR)} (UTC); "
            "`fitprint serve` and watch_model() count"
        )
    return [_reported(name, each, clock.now() - start) for each in kept]


def _reported(name: str, kept: Kept, length: int) -> Report:
    inputs, predictions = Model(name, kept.version, get_run(kept.run_id)).profiles()
    cells = (
        {each.name: each for each in map(cells_of, inputs.get("columns", ()))},
        {each.name: each for each in map(cells_of, predictions.get("columns", ()))},
    )
    width = HOUR if length <= _BY_HOUR else 24 * HOUR
    windows = merged(kept.windows, width)
    rows = [_row(start, window, cells, name) for start, window in windows.items()]
    whole = Window.joined(list(windows.values()))
    return Report(
        name,
        kept.version,
        width,
        tuple(rows),
        _row(whole.start, whole, cells, name),
        kept.pending,
        kept.killed,
    )


def _row(
    start: int, window: Window, cells: tuple[Mapping[str, Cells], Mapping[str, Cells]], name: str
) -> Row:
    pairs: list[tuple[Cells, Counts]] = []
    for known, counted, title in (
        (cells[0], window.inputs, "{}"),
        (cells[1], window.predictions, "prediction {}"),
    ):
        for column, each in known.items():
            counts = counted.get(column)
            if counts is not None:
                if len(counts.cells) not in (0, len(each.reference.cells)):
                    raise DriftError(
                        f"what was counted of the column {shown(column)} has other cells than the "
                        "training's profile gives: another version of fitprint-monitor counted it"
                    )
                named = title.format(column).rstrip()
                pairs.append((replace(each, name=named), counts))
    drift = Drift("the training", name, tuple(compare_columns(pairs)))
    counted_rows = max((each.rows for each in window.inputs.values()), default=0)
    return Row(start, window.seen, counted_rows, window.lost, drift)


def _drifting(drift: Drift) -> list[str]:
    return [each.name for each in drift.columns if each.verdict == "drift"]


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(name_of, names[:_NAMED])) + more


def _told(moment: int, width: int) -> str:
    shown = datetime.fromtimestamp(moment // 1_000_000, tz=timezone.utc)
    return f"{shown:%Y-%m-%d %H:%M}" if width == HOUR else f"{shown:%Y-%m-%d}"
