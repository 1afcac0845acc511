"""Whether a column's values are still like those of the training: a change is told only if it is
both unlikely by chance and large enough to matter, over enough rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from fitprint_monitor import statistics
from fitprint_monitor.cells import Cells, Counts

__all__ = [
    "CHANCE",
    "FEWEST_ROWS",
    "KS",
    "LARGE_PSI",
    "MISSING",
    "NEW",
    "PSI",
    "SHIFT",
    "ColumnDrift",
    "compare_columns",
]

CHANCE = 0.01  # share of false findings among those that are told
PSI = 0.1
LARGE_PSI = 0.25
KS = 0.1
SHIFT = 0.1  # standard deviations of the training's values
MISSING = 0.05  # difference of the shares that are missing
NEW = 0.01  # share of values that the training did not have
FEWEST_ROWS = 500

_GROUPS = 8  # of numbers' cells, with about as many of the training's values in each
_MANY_ROWS, _MANY_GROUPS = 5000, 32
Counted = Sequence[float]
Groups = tuple[Counted, Counted]  # counts of the reference and of now

_EXPECTED = 5  # rows in a group of the smaller side, below which it joins its neighbour


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How a column's values differ from those of the reference.

    Attributes:
        name: of the column.
        verdict: "drift", "same", "few rows" (fewer than 500), or "not compared": of these only
            how many values are missing is.
        reasons: why it is "drift" or "not compared", in words.
        rows: values that were looked at, of the reference and now; ``missing`` the shares of them
            that are missing.
        psi: population stability index, and ``chance`` how likely it is at least so large if
            nothing has changed, corrected for the number of comparisons.
        ks: distance of Kolmogorov and Smirnov between numbers, at the ends of cells, and
            ``ks_chance`` how likely that is, not corrected.
        shift: Wasserstein distance in standard deviations of the reference.
        js: Jensen-Shannon distance to the base 2.
        new: share of values that the reference did not have, beyond those that it would have
            missed anyway; of listed numbers and texts.
        medians: of numbers, of the reference and now.
    """

    name: str
    verdict: str = "not compared"
    reasons: tuple[str, ...] = ()
    rows: tuple[float, float] = (0, 0)
    missing: tuple[float, float] | None = None
    psi: float | None = None
    chance: float | None = None
    ks: float | None = None
    ks_chance: float | None = None
    shift: float | None = None
    js: float | None = None
    new: float | None = None
    medians: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        fields = {name: getattr(self, name) for name in ColumnDrift.__slots__}
        pairs = ("rows", "missing", "medians")
        return {
            key: dict(zip(("reference", "current"), value, strict=True))
            if key in pairs and value is not None
            else list(value)
            if key == "reasons"
            else value
            for key, value in fields.items()
        }


class _Test(NamedTuple):
    """A question, to be answered when the chances of all are known."""

    column: int
    name: str
    chance: float
    reason: str  # "" where the effect is small


def compare_columns(pairs: Sequence[tuple[Cells, Counts]]) -> list[ColumnDrift]:
    """Compare the counts of each column with those of its reference, and correct the chances for
    the number of all.
    """
    columns, tests = list[ColumnDrift](), list[_Test]()
    for place, (cells, counts) in enumerate(pairs):
        found, asked = _measured(cells, counts)
        columns.append(found)
        tests += [each._replace(column=place) for each in asked]
    chances = statistics.adjusted([test.chance for test in tests])
    for test, chance in zip(tests, chances, strict=True):
        column = columns[test.column]
        if test.name == "values":
            column = replace(column, chance=chance)
        if test.reason and chance < CHANCE:
            earlier = column.reasons if column.verdict == "drift" else ()
            column = replace(column, verdict="drift", reasons=(*earlier, test.reason))
        columns[test.column] = column
    return columns


def _measured(cells: Cells, counts: Counts) -> tuple[ColumnDrift, list[_Test]]:
    reference = cells.reference
    found = ColumnDrift(cells.name, rows=(reference.rows, counts.rows))
    if not reference.rows or not counts.rows:
        return replace(found, reasons=("it has no rows",)), []
    share = counts.strange / counts.rows
    if share and (
        counts.strange == counts.rows - counts.missing
        or (share > NEW and counts.rows >= FEWEST_ROWS)
    ):
        reason = f"{_percent(share)} of the values are no {_KINDS[cells.kind]}"
        return replace(found, verdict="drift", reasons=(reason,)), []
    missing = (reference.missing / reference.rows, counts.missing / counts.rows)
    found = replace(found, verdict="same", missing=missing)
    groups = _grouped(cells, counts) if cells.can_compare and counts.present else ([], [])
    has_values = bool(groups[0] and reference.present)
    if has_values:
        found = _with_values(found, cells, counts, groups)
    if counts.rows < FEWEST_ROWS:
        return replace(found, verdict="few rows"), []
    tests = [
        _Test(
            0,
            "missing",
            statistics.two_shares_tail(
                (reference.missing, reference.rows), (counts.missing, counts.rows)
            ),
            f"{_percent(missing[1])} are missing, were {_percent(missing[0])}"
            if abs(missing[1] - missing[0]) >= MISSING
            else "",
        )
    ]
    if not has_values:
        return replace(found, verdict="not compared", reasons=(_why_not(cells, counts),)), tests
    if counts.present < FEWEST_ROWS:
        return replace(found, verdict="few rows"), tests
    tests.append(
        _Test(0, "values", _chance(found.psi or 0.0, *groups), _effect(found, cells, counts))
    )
    if found.new is not None:
        reason = f"{_percent(found.new)} are values that the reference did not have"
        tests.append(
            _Test(
                0,
                "new",
                statistics.two_shares_tail(
                    (cells.unknown(reference), reference.present),
                    (cells.unknown(counts), counts.present),
                ),
                reason if found.new >= NEW else "",
            )
        )
    return found, tests


_KINDS = {"number": "numbers", "text": "texts", "time": "times"}


def _why_not(cells: Cells, counts: Counts) -> str:
    if cells.can_compare:
        return "it has no values now" if not counts.present else "it had no values"
    if cells.kind == "time":
        return "later times are later"
    if cells.kind == "text":
        return "its texts are too many to be listed"
    return "its profile tells no values"


def _with_values(found: ColumnDrift, cells: Cells, counts: Counts, groups: Groups) -> ColumnDrift:
    r, c = groups
    psi = statistics.psi(r, c)
    new = None
    if cells.is_listed:
        one, two = cells.unknown(cells.reference), cells.unknown(counts)
        new = max(0.0, two / counts.present - one / cells.reference.present)
    found = replace(found, psi=psi, js=statistics.jensen_shannon(r, c), new=new)
    if cells.spread is None:
        return found
    m, n = cells.reference.present, counts.present
    before = [below / m for below in _below(cells.reference.cells)]
    now = [below / n for below in _below(counts.cells)]
    ks = max(abs(q - p) for p, q in zip(before, now, strict=True))
    points = [min(counts.low, cells.points[0]), *cells.points, max(counts.high, cells.points[-1])]
    area = statistics.wasserstein(points, [0, *before, 1], [0, *now, 1])
    spread = replace(cells.spread, points=tuple(points), below=(0, *_below(counts.cells), n))
    return replace(
        found,
        ks=ks,
        ks_chance=statistics.kolmogorov_tail(ks, m, n),
        shift=_ratio(area, cells.std),
        medians=(cells.spread.where(0.5), spread.where(0.5)),
    )


def _ratio(area: float, std: float) -> float | None:
    """Return an area in standard deviations; None where that is no number, as at the ends of what
    floats can hold.
    """
    found = area / std if std else math.nan
    return found if math.isfinite(found) else None


def _below(counts: Sequence[float]) -> list[float]:
    """Return how many values are up to the end of each cell but the last."""
    found, total = list[float](), 0.0
    for count in counts[:-1]:
        total += count
        found.append(total)
    return found


def _effect(found: ColumnDrift, cells: Cells, counts: Counts) -> str:
    """Return what is large enough to matter, in words; "" if nothing is."""
    reached: Mapping[str, Callable[[], bool]] = {
        "PSI": lambda: (found.psi or 0) >= PSI,
        "KS": lambda: (found.ks or 0) >= KS,
        "shift": lambda: (found.shift or 0) >= SHIFT,
    }
    if not any(each() for each in reached.values()):
        return ""
    size = "large" if (found.psi or 0) >= LARGE_PSI else "moderate"
    if found.medians is None:
        return f"{size} change: other shares of the values"
    if cells.is_listed:
        return f"{size} change: {_most_changed(cells, counts)}"
    before, now = found.medians
    moved = f"the median is {now:.4g}, was {before:.4g}"
    if cells.std and abs(now - before) < SHIFT * cells.std:
        moved = "another spread about the same median"
    return f"{size} change: {moved}"


def _most_changed(cells: Cells, counts: Counts) -> str:
    """Return the shares of the listed number, or of new ones, that changed most."""
    m, n = cells.reference.present, counts.present
    shares = [(c / n, r / m) for r, c in zip(cells.reference.cells, counts.cells, strict=True)]
    place = max(range(len(shares)), key=lambda each: abs(shares[each][0] - shares[each][1]))
    now, before = map(_percent, shares[place])
    if place % 2 == 0:
        return f"{now} are new values"
    return f"{(cells.points[place - 1] + cells.points[place]) / 2:g} is {now}, was {before}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


# -- groups of cells -------------------------------------------------------------------------------


def _chance(psi: float, r: Counted, c: Counted) -> float:
    """Return how likely the PSI of groups is by chance: over the sum of both sides' sampling errors
    it is a chi-square variable.
    """
    if len(r) < 2:
        return 1.0
    m, n = sum(r), sum(c)
    return statistics.chi_square_tail(psi / (1 / m + 1 / n), len(r) - 1)


def _grouped(cells: Cells, counts: Counts) -> Groups:
    """Join cells until each holds enough of the reference, and of both sides together enough to
    tell anything.
    """
    m, n = cells.reference.present, counts.present
    pairs = list(zip(cells.reference.cells, counts.cells, strict=True))
    if cells.points:
        groups = _GROUPS if min(m, n) < _MANY_ROWS else _MANY_GROUPS
        pairs = _even(pairs, m / groups)
    else:
        pairs.sort(key=sum)  # texts have no order: rare ones join others
    least = _EXPECTED * (m + n) / min(m, n)
    return _enough(pairs, least)


def _even(pairs: Sequence[tuple[float, float]], wanted: float) -> list[tuple[float, float]]:
    """Join neighbours until each group has as much of the reference as is wanted; what lies outside
    of its range stays apart.
    """
    groups = [pairs[0]]
    r = c = 0.0
    for one, two in pairs[1:-1]:
        if r and one >= wanted:
            groups.append((r, c))
            r = c = 0.0
        r, c = r + one, c + two
        if r >= wanted * 0.999:
            groups.append((r, c))
            r = c = 0.0
    return [*groups, (r, c), pairs[-1]] if r or c else [*groups, pairs[-1]]


def _enough(pairs: Sequence[tuple[float, float]], least: float) -> tuple[list[float], list[float]]:
    """Join neighbours until each group has at least so many of both sides together."""
    groups: list[tuple[float, float]] = []
    r = c = 0.0
    for one, two in pairs:
        r, c = r + one, c + two
        if r + c >= least:
            groups.append((r, c))
            r = c = 0.0
    if (r or c) and groups:
        groups[-1] = (groups[-1][0] + r, groups[-1][1] + c)
    elif r or c:
        groups.append((r, c))
    return [one for one, _ in groups], [two for _, two in groups]
