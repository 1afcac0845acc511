"""A report as text for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fitprint.cli.grid import Column, markdown, render
from fitprint.cli.terminal import Terminal
from fitprint.ids import short_id
from fitprint.views.wording import clean, value_text
from fitprint_projects.reproducing.reports import Item, Report

__all__ = ["as_markdown", "as_text"]

_STYLES = {
    "EXACT": "green",
    "WITHIN": "green",
    "DIFFERENT": "red",
    "IMPOSSIBLE": "yellow",
    "same": "",
    "within": "",
    "different": "red",
    "missing": "red",
    "added": "red",
}
_MOST_REASONS = 3


def as_text(report: Report, terminal: Terminal, *, whole: bool) -> str:
    """Return the report for a terminal.

    Args:
        report: the report.
        terminal: where it is shown.
        whole: show what is the same, too.
    """
    verdict = terminal.style(report.verdict, "bold", _STYLES[report.verdict])
    lines = [f"{verdict}  {clean(report.summary)}"]
    if report.reproduction is not None:
        lines.append(
            f"new run: {clean(report.reproduction.name)} ({short_id(report.reproduction.id)})"
        )
    lines += [f"  {clean(reason)}" for reason in report.reasons]
    items = _shown(report, whole=whole)
    if items:
        table, _ = render(_columns(items), terminal, most=60, whole=False)
        lines += ["", table]
    for title, texts in _lists(report):
        lines += ["", terminal.style(title, "bold"), *(f"  {clean(text)}" for text in texts)]
    return "\n".join(lines)


def as_markdown(report: Report, *, whole: bool) -> str:
    """Return the report for a comment."""
    lines = [f"**{report.verdict}**: {clean(report.summary)}"]
    if report.reproduction is not None:
        new = report.reproduction
        lines[0] += f"; the new run is {clean(new.name)} (`{short_id(new.id)}`)"
    lines += [f"- {clean(reason)}" for reason in report.reasons]
    items = _shown(report, whole=whole)
    if items:
        lines += ["", markdown(_columns(items))]
    for title, texts in _lists(report):
        lines += ["", f"{title}:", "", *(f"- {clean(text)}" for text in texts)]
    return "\n".join(lines)


def _shown(report: Report, *, whole: bool) -> Sequence[Item]:
    return [item for item in report.items if whole or item.outcome != "same" or item.detail]


def _lists(report: Report) -> Iterator[tuple[str, Sequence[str]]]:
    reasons = dict.fromkeys(
        reason
        for item in report.items
        if item.outcome not in ("same", "within")
        for reason in item.reasons[:_MOST_REASONS]
    )
    if reasons:
        yield "what may have made the difference", list(reasons)
    # that a generator was never seeded is no news where all is the same
    others = [f"{what}: {detail}" for what, detail in report.differences if what != "seed"]
    if others and not reasons:
        yield "what was otherwise", others
    if report.notes:
        yield "notes", report.notes


def _columns(items: Sequence[Item]) -> list[Column]:
    return [
        Column("what", [item.section for item in items]),
        Column("name", [clean(item.name) for item in items]),
        Column(
            "outcome",
            [item.outcome for item in items],
            styles=[_STYLES[item.outcome] for item in items],
        ),
        Column(
            "recorded",
            ["" if item.outcome == "added" else _value(item.recorded) for item in items],
            rank=2,
            most=24,
        ),
        Column(
            "now",
            ["" if item.outcome == "missing" else _value(item.now) for item in items],
            rank=2,
            most=24,
        ),
        Column("how", [clean(item.detail) for item in items], rank=1),
    ]


def _value(value: Any) -> str:
    text = value_text(value)
    return clean(text.removeprefix("sha256:")[:12] if text.startswith("sha256:") else text)
