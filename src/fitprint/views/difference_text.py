"""A difference as text, and as Markdown for a comment.

A comment begins with a line that is not shown, ``<!-- fitprint diff EXPERIMENT -->``: the same for
all runs of an experiment, so that a program finds the comment of before and replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from fitprint.artifacts.paths import files_below
from fitprint.entities import RunRecord
from fitprint.views import comparison_markdown, comparison_table
from fitprint.views.comparison import Comparison, Row, Section
from fitprint.views.comparison_table import PLAIN, Page
from fitprint.views.facts import ABSENT, named_data
from fitprint.views.wording import clean, size

if TYPE_CHECKING:
    from fitprint.views.difference import Changed, Difference

__all__ = ["markdown", "render"]

_MOST_NAMES = 30  # packages or columns
_MOST_LINES = 300  # of code
# characters; a comment on GitHub has at most 65 536
_MOST_COMMENT, _MOST_TABLE, _MOST_MARKDOWN = 64_000, 20_000, 40_000
_MOST_LINE, _MOST_NOTE = 500, 400  # characters
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def render(
    difference: Difference, page: Page = PLAIN, *, whole: bool = False
) -> tuple[str, list[str]]:
    """Return the text, and sentences on what it leaves out.

    Args:
        difference: what to show.
        page: where.
        whole: whether all names and lines are wanted, however many.
    """
    comparison = difference.comparison
    # Packages that differ are told by sign, and columns in a section of their own.
    sections = tuple(
        replace(section, rows=()) if section.name == "packages" else section
        for section in comparison.sections
    )
    text, hints = comparison_table.render(replace(comparison, sections=sections), page, whole=whole)
    lines = [text]
    for changed in (difference.packages, *difference.columns):
        if changed:
            title = "packages" if changed is difference.packages else f"columns of {changed.what}"
            named = list(_names(changed))
            shown = named if whole else named[:_MOST_NAMES]
            lines += ["", _title(title, page), *(_signed(line, page) for line in shown)]
            if len(shown) < len(named):
                hints.append(
                    f"these are the first {len(shown)} of {len(named)} {clean(title)}; "
                    f"{page.everything} shows all"
                )
    for change in difference.code:
        found = change.text.rstrip("\n").split("\n")
        shown = found if whole else found[:_MOST_LINES]
        lines += [
            "",
            _title(change.what, page),
            *(_signed(line.expandtabs(4)[:_MOST_LINE], page) for line in shown),
        ]
        if len(shown) < len(found):
            hints.append(
                f"these are the first {len(shown)} of {len(found)} lines of {change.what}; "
                f"{page.everything} shows all"
            )
        if change.is_cut:
            hints.append(f"{change.what}: the difference is too large, and its end is missing")
    return "\n".join(lines), hints


def _title(text: str, page: Page) -> str:
    return page.style(clean(text).upper(), "bold", "cyan")


def _names(changed: Changed) -> Iterator[str]:
    yield from (f"+ {name} {value}" for name, value in changed.added.items())
    yield from (f"- {name} {value}" for name, value in changed.removed.items())
    yield from (f"~ {name} {old} → {new}" for name, (old, new) in changed.changed.items())


def _signed(line: str, page: Page) -> str:
    if not page.unicode:
        line = line.replace("→", "->")
    style = (
        "bold" if line.startswith(("--- ", "+++ ", "diff --git ")) else _STYLES.get(line[:1], "")
    )
    return page.style(clean(line), *style.split())


def markdown(difference: Difference) -> str:
    """Return the difference in GitHub's Markdown, short enough for a comment: a line that names it
    to programs, a table, and the code to unfold.
    """
    comparison = difference.comparison
    parts = [_mark(comparison.runs[-1]), _table(comparison)]
    for changed in difference.columns:
        named = list(_names(changed))
        more = [f"... {len(named) - _MOST_NAMES} more"] if len(named) > _MOST_NAMES else []
        parts.append(
            _folded(f"columns of {changed.what}", "\n".join([*named[:_MOST_NAMES], *more]))
        )
    left = _MOST_MARKDOWN
    for change in difference.code:
        text = (
            change.text[:left].rsplit("\n", 1)[0]
            if len(change.text) > left
            else change.text.rstrip("\n")
        )
        left -= len(text)
        end = (
            "\n... there is more"
            if change.is_cut or len(text) < len(change.text.rstrip("\n"))
            else ""
        )
        parts.append(_folded(change.what, text + end))
    parts += [comparison_markdown.escaped(note, _MOST_NOTE) for note in comparison.notes]
    return _within(parts)


def _mark(run: RunRecord) -> str:
    name = re.sub(r"[^\w. -]|-(?=-)|-\Z", "_", run.experiment[:200])
    return f"<!-- fitprint diff {name} -->"


def _within(parts: list[str]) -> str:
    """Return as many parts as a comment holds, and say so if that is not all."""
    shown: list[str] = []
    left = _MOST_COMMENT
    for part in parts:
        left -= len(part) + 2
        if left < 0:
            return "\n\n".join([*shown, "There is more than a comment holds."])
        shown.append(part)
    return "\n\n".join(shown)


def _table(comparison: Comparison) -> str:
    sections = [
        replace(section, rows=(*section.rows, *_same_data(comparison.runs, section)))
        if section.name == "data"
        else section
        for section in comparison.sections
    ]
    sections.insert(2, Section("models", tuple(_sizes(comparison.runs))))
    rows = comparison_markdown.markdown(replace(comparison, sections=tuple(sections))).split("\n")
    kept, left = 0, _MOST_TABLE
    for row in rows:
        left -= len(row) + 1
        if left < 0:
            break
        kept += 1
    more = [f"\nNot shown: {len(rows) - kept} more rows."] if kept < len(rows) else []
    return "\n".join([*rows[:kept], *more])


def _same_data(runs: tuple[RunRecord, ...], section: Section) -> Iterator[Row]:
    """Yield digests that are the same, which a comparison leaves out: that says something, too."""
    old, new = named_data(runs)
    known = {row.key for row in section.rows}
    for name, data in old.items():
        key = f"{name} digest"
        if name in new and key not in known and "" != data.digest == new[name].digest:
            yield Row(key, (data.digest, data.digest), differs=False)


def _sizes(runs: tuple[RunRecord, ...]) -> Iterator[Row]:
    sizes = [
        {
            model.path: size(sum(file.size for file in files_below(run.artifacts, model.path)))
            for model in run.models
        }
        for run in runs
    ]
    for path in dict.fromkeys(path for each in sizes for path in each):
        values = tuple(each.get(path, ABSENT) for each in sizes)
        yield Row(f"{path} size", values, differs=len(set(values)) > 1)


def _folded(title: str, text: str) -> str:
    """Return text of any content inside a fence that it cannot end."""
    lines = [clean(line.expandtabs(4)[:_MOST_LINE]) for line in text.split("\n")]
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", "\n".join(lines))), default=0))
    title = re.sub(r"[<>&]", "", clean(title))
    return "\n".join(
        [
            f"<details><summary>{title}</summary>",
            "",
            f"{fence}diff",
            *lines,
            fence,
            "",
            "</details>",
        ]
    )
