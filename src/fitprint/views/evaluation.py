"""What an evaluation found: the metrics of a model on named data, and of slices of the data.

As JSON (``to_dict``, ``fitprint evaluate --json``, the artifact ``evaluations/NAME.json``) it is an
object with ``schema`` (1), ``name``, ``run`` (an id, or null), ``run_name``, ``model``, ``task``
("classification" or "regression"), ``target``, ``rows``, ``metrics`` (by name), ``by`` (a column,
or null), ``slices``, ``digest`` and ``target_digest`` of the data, ``model_digest``, ``time``
(ISO 8601, UTC) and ``notes``.
A slice has ``value`` (null where the value is missing), ``others`` (how many further
values are in it, for the slice of all small groups), ``rows`` and ``metrics`` (those that can be
computed). A later version may add fields; ``schema`` changes if one is taken away or means
something else. NaN and infinities are texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any

from fitprint.errors import FitprintError
from fitprint.hooks.metrics import Task
from fitprint.ids import short_id
from fitprint.views import markup
from fitprint.views.fields import strict, timestamp
from fitprint.views.widths import cut, display_width
from fitprint.views.wording import clean, number, value_text

__all__ = ["Evaluation", "Slice", "rendered"]

_WIDTH = 120
_MOST_VALUE = 60
_MOST_LABEL = 28  # columns of a terminal for a slice's value


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows that have one value in common.

    Attributes:
        value: the value; None where it is missing, and of the slice of all small groups.
        rows: their number.
        metrics: by name; those that cannot be computed of these rows are left out.
        others: of the slice of all small groups the number of their values, else 0.
    """

    value: Any
    rows: int
    metrics: Mapping[str, float]
    others: int = 0

    @property
    def label(self) -> str:
        """The value in words."""
        return (
            f"{self.others} others"
            if self.others
            else "missing"
            if self.value is None
            else cut(value_text(self.value), _MOST_VALUE)
        )


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """What a model is worth on some data. ``print`` shows it as a table.

    Attributes:
        name: of the data.
        model: class of the model.
        run: id of the run on which it is recorded; None if it is recorded nowhere.
        run_name: name of that run, or "".
        task: "classification" or "regression".
        target: label of the target's column; None if its values were given.
        rows: number of rows.
        metrics: by name.
        by: label of the column by which the data are sliced; None if they are not, or the values
            were given.
        slices: those of the largest groups, largest first, then one of all others.
        digest: of the features.
        target_digest: of the target.
        model_digest: over the model's files; "" if it was not recorded.
        time: when it was done, in microseconds since the epoch.
        notes: what a reader should know, such as metrics that could not be computed.
    """

    name: str
    model: str
    run: str | None
    run_name: str
    task: Task
    target: Any
    rows: int
    metrics: Mapping[str, float]
    by: Any
    slices: tuple[Slice, ...]
    digest: str
    target_digest: str
    time: int
    notes: tuple[str, ...] = ()
    model_digest: str = ""

    def __repr__(self) -> str:
        told = ", ".join(
            f"{clean(key)} {number(value)}" for key, value in list(self.metrics.items())[:3]
        )
        more = f" and {len(self.metrics) - 3} more" if len(self.metrics) > 3 else ""
        return (
            f"<fitprint.Evaluation {self.name!r} of {_rows(self.rows)}: "
            f"{told or 'no metric'}{more}>"
        )

    def __str__(self) -> str:
        return rendered(self)

    def _repr_html_(self) -> str:
        head, *rows = _grid(self)
        cells = [[markup.text(cell) for cell in row] for row in rows]
        notes = [f'<div class="w">{escape(clean(note))}</div>' for note in self.notes]
        table = markup.table([markup.text(title) for title in head], cells, range(1, len(head)))
        return markup.page(f"<div>{escape(_headline(self))}</div>", table, *notes)

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as JSON values, in the form that the module describes."""
        content = {
            "schema": 1,
            "name": self.name,
            "run": self.run,
            "run_name": self.run_name,
            "model": self.model,
            "task": self.task,
            "target": self.target,
            "rows": self.rows,
            "metrics": dict(self.metrics),
            "by": self.by,
            "slices": [
                {
                    "value": each.value,
                    "others": each.others,
                    "rows": each.rows,
                    "metrics": dict(each.metrics),
                }
                for each in self.slices
            ],
            "digest": self.digest,
            "target_digest": self.target_digest,
            "model_digest": self.model_digest,
            "time": timestamp(self.time),
            "notes": list(self.notes),
        }
        fields: dict[str, Any] = strict(content)
        return fields

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` with a row for all data, then one for each slice:
        ``slice``, ``rows`` and a column for each metric (float64, NaN where it cannot be computed).

        Raises:
            FitprintError: pandas is not installed.
        """
        try:
            pandas: Any = import_module("pandas")
        except ImportError:
            raise FitprintError("to_pandas() needs pandas: pip install pandas") from None
        parts = [
            ("all", self.rows, self.metrics),
            *((each.label, each.rows, each.metrics) for each in self.slices),
        ]
        columns: dict[str, Any] = {
            "slice": [part[0] for part in parts],
            "rows": [part[1] for part in parts],
        }
        for key in self.metrics:
            columns[key] = pandas.Series([part[2].get(key) for part in parts], dtype="float64")
        return pandas.DataFrame(columns)


def rendered(evaluation: Evaluation, width: int | None = _WIDTH) -> str:
    """Return the evaluation as a text: a line for each metric, or with slices for each slice.

    Args:
        width: columns of the terminal; metrics that do not fit beside the slices are named below
            them. None for any.
    """
    head, *rows = _grid(evaluation)
    widths = [max(display_width(row[place]) for row in (head, *rows)) for place in range(len(head))]
    shown = len(head)
    while shown > 3 and width is not None and sum(widths[:shown]) + 2 * (shown - 1) > width:
        shown -= 1
    lines = [_headline(evaluation), ""]
    for row in (head, *rows):
        cells = [
            _set(cell, widths[place], right=place > 0) for place, cell in enumerate(row[:shown])
        ]
        lines.append("  ".join(cells).rstrip())
    if shown < len(head):
        more = "1 more metric" if len(head) - shown == 1 else f"{len(head) - shown} more metrics"
        lines += ["", f"{more}: {', '.join(head[shown:])}"]
    notes = [f"- {clean(note)}" for note in evaluation.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def _set(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - display_width(text))
    return blanks + text if right else text + blanks


def _headline(evaluation: Evaluation) -> str:
    model = evaluation.model.rpartition(".")[2]
    where = (
        f", recorded on {clean(evaluation.run_name)} ({short_id(evaluation.run)})"
        if evaluation.run is not None
        else ", not recorded"
    )
    return f"{evaluation.name}: {clean(model)} on {_rows(evaluation.rows)}{where}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _grid(evaluation: Evaluation) -> Sequence[Sequence[str]]:
    """Return the lines of the table, the first one of titles."""
    keys = [clean(key) for key in evaluation.metrics]
    if not evaluation.slices:
        return [
            ("metric", "value"),
            *zip(keys, map(number, evaluation.metrics.values()), strict=True),
        ]
    title = "slice" if evaluation.by is None else cut(clean(str(evaluation.by)), _MOST_LABEL)
    lines = [
        (title, "rows", *keys),
        ("all", str(evaluation.rows), *map(number, evaluation.metrics.values())),
    ]
    for each in evaluation.slices:
        values = [
            number(each.metrics[key]) if key in each.metrics else "-" for key in evaluation.metrics
        ]
        lines.append((cut(each.label, _MOST_LABEL), str(each.rows), *values))
    return lines
