"""``drift``: how data differ from a reference, column by column, and what that means in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Any

from fitprint.arguments import nearest, shown
from fitprint.cli.grid import Column, markdown, render
from fitprint.cli.terminal import Terminal
from fitprint.views.wording import clean
from fitprint_monitor.cells import Cells, Counts, cells_of, counts_of_profile, kind_of
from fitprint_monitor.comparing import (
    CHANCE,
    FEWEST_ROWS,
    KS,
    MISSING,
    NEW,
    PSI,
    SHIFT,
    ColumnDrift,
    compare_columns,
)
from fitprint_monitor.counting import count_column
from fitprint_monitor.sides import DriftError, Side, find_side, side_of

__all__ = ["RULE", "Drift", "compare_sides", "drift", "name_of"]

RULE = (
    f"drift: less than {CHANCE:.0%} of what is told is by chance, and PSI >= {PSI:g}, KS >= {KS:g} "
    f"or shift >= {SHIFT:g} sd; or {100 * MISSING:g} points more or less missing, or "
    f"{NEW:.0%} new values; from {FEWEST_ROWS} rows on"
)
_MOST_REASONS = 20
_MOST_NAMES = 20
_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Drift:
    """How data differ from a reference. In a condition it is true if anything drifts.

    Attributes:
        reference: what was named as the reference, and ``current`` what was compared with it.
        columns: each column of the reference that is still there.
        faults: columns that are missing now, or hold another kind of values, each with what is
            wrong.
        extra: names of columns that the reference does not have; they are no drift.
    """

    reference: str
    current: str
    columns: tuple[ColumnDrift, ...]
    faults: tuple[tuple[str, str], ...] = ()
    extra: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.faults) or any(each.verdict == "drift" for each in self.columns)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "schema": 1,
            "reference": self.reference,
            "current": self.current,
            "drift": bool(self),
            "rule": {
                "chance": CHANCE,
                "psi": PSI,
                "ks": KS,
                "shift": SHIFT,
                "missing": MISSING,
                "new": NEW,
                "rows": FEWEST_ROWS,
            },
            "columns": [each.to_dict() for each in self.columns],
            "faults": [{"column": name, "reason": reason} for name, reason in self.faults],
            "extra": list(self.extra),
        }

    def to_text(self, terminal: Terminal) -> str:
        """Return a table, and below it what it means."""
        table, _ = render(self._table(), terminal, most=20)
        told = [wrap(line, _WIDTH, subsequent_indent="  ") for line in (*self.told(), "", RULE)]
        return "\n".join([*([table, ""] if self.columns else []), *map("\n".join, told)])

    def to_markdown(self) -> str:
        """Return the table in GitHub's Markdown, and what it means."""
        lines = [f"- {line}" for line in self.told()]
        return "\n".join([markdown(self._table()), "", *lines, "", f"<sub>{RULE}</sub>"])

    def told(self) -> list[str]:
        """Return in words what drifts, and what could not be compared."""
        lines = [f"{name_of(name)}: {reason}" for name, reason in self.faults]
        lines += [
            f"{name_of(each.name)}: {'; '.join(each.reasons)}"
            for each in self.columns
            if each.verdict == "drift"
        ]
        if len(lines) > _MOST_REASONS:
            lines[_MOST_REASONS:] = [f"and {len(lines) - _MOST_REASONS} more"]
        few = [each for each in self.columns if each.verdict == "few rows"]
        if few:
            lines.append(
                f"not judged, with fewer than {FEWEST_ROWS} values: "
                f"{_listed([each.name for each in few])}"
            )
        if not self and not few:
            lines.append("no column has changed more than chance explains")
        for reason in dict.fromkeys(r for each in self._passed_over() for r in each.reasons):
            names = [each.name for each in self._passed_over() if reason in each.reasons]
            lines.append(f"only what is missing is compared ({reason}): {_listed(names)}")
        if self.extra:
            lines.append(f"not in the reference: {_listed(self.extra)}")
        return lines

    def _passed_over(self) -> list[ColumnDrift]:
        return [each for each in self.columns if each.verdict == "not compared"]

    def _table(self) -> list[Column]:
        columns = sorted(self.columns, key=_urgency)
        cells: list[tuple[str, Callable[[ColumnDrift], str]]] = [
            ("verdict", lambda each: each.verdict),
            ("PSI", lambda each: _decimal(each.psi)),
            ("chance", lambda each: _chance(each.chance)),
            ("KS", lambda each: _decimal(each.ks)),
            ("shift", lambda each: _decimal(each.shift)),
            ("JS", lambda each: _decimal(each.js)),
            ("missing", lambda each: _missing(each.missing)),
            ("new", lambda each: _share(each.new)),
        ]
        named = Column("column", [name_of(each.name) for each in columns])
        return [
            named,
            *(
                Column(
                    title,
                    [tell(each) for each in columns],
                    right=title != "verdict",
                    styles=[
                        "red" if each.verdict == "drift" and title == "verdict" else ""
                        for each in columns
                    ],
                )
                for title, tell in cells
            ),
        ]


def drift(reference: Any, current: Any, columns: Iterable[str] = ()) -> Drift:
    """Compare data with a reference.

    Args:
        reference: a text that names data (see :func:`fitprint_monitor.sides.find_side`), or data in
            memory: a data frame, a dict of columns, a list of records or an array.
        current: the same.
        columns: names of the columns to compare; all by default.

    Raises:
        MissingDataError, StoreError: there are no such data, or no profile of them.
        DriftError: they cannot be read, or have no such column.
    """
    sides = [
        find_side(each) if isinstance(each, str) else side_of(name, each)
        for each, name in ((reference, "the reference"), (current, "the current data"))
    ]
    return compare_sides(*sides, columns=columns)


def compare_sides(reference: Side, current: Side, *, columns: Iterable[str] = ()) -> Drift:
    """Compare two sides; see :func:`drift`. Where they have as many columns and no name in common,
    as an array and a table, columns are compared in their order.
    """
    chosen = list(columns) or list(reference.columns)
    for name in chosen:
        if name not in reference.columns:
            raise DriftError(
                f"{reference.name} has no column {shown(name)}{nearest(name, reference.columns)}"
            )
    if len(reference.columns) == len(current.columns) and not (
        reference.columns.keys() & current.columns.keys()
    ):
        current = _renamed(current, list(reference.columns))
    faults: list[tuple[str, str]] = []
    pairs: list[tuple[Cells, Counts]] = []
    for name in chosen:
        if name not in current.columns:
            faults.append((name, "the column is missing"))
            continue
        cells, counts = _counted(reference, current, name)
        if counts.strange and counts.strange == counts.rows - counts.missing:
            now = kind_of(current.columns[name])
            faults.append((name, f"the column holds {_KINDS[now]}, held {_KINDS[cells.kind]}"))
        else:
            pairs.append((cells, counts))
    extra = () if columns else tuple(each for each in current.columns if each not in chosen)
    return Drift(reference.name, current.name, tuple(compare_columns(pairs)), tuple(faults), extra)


def _counted(reference: Side, current: Side, name: str) -> tuple[Cells, Counts]:
    try:
        cells = cells_of(reference.columns[name])
        if name in current.values:
            return cells, count_column(cells, current.values[name])
        return cells, counts_of_profile(cells, current.columns[name])
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DriftError(
            f"what the profiles tell of the column {shown(name)} cannot be used: "
            f"{type(error).__name__}: {error}"
        ) from error


def _renamed(side: Side, names: Sequence[str]) -> Side:
    new = dict(zip(side.columns, names, strict=True))
    return replace(
        side,
        columns={new[name]: told for name, told in side.columns.items()},
        values={new[name]: column for name, column in side.values.items()},
    )


_KINDS = {
    "number": "numbers",
    "text": "texts",
    "time": "times",
    "mixed": "values of several kinds",
    "empty": "nothing",
}
_URGENCY = ("drift", "few rows", "same", "not compared")


def _urgency(column: ColumnDrift) -> tuple[int, float]:
    return _URGENCY.index(column.verdict), -(column.psi or 0)


def name_of(name: str) -> str:
    """Return the name of a column as it is shown."""
    return clean(name) or "(values)"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(map(name_of, names[:_MOST_NAMES])) + more


def _decimal(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.3g}"


def _chance(value: float | None) -> str:
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def _missing(shares: tuple[float, float] | None) -> str:
    if shares is None:
        return "-"
    before, now = map(_share, shares)
    return now if before == now else f"{before}>{now}"
