"""Registered models and versions as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Any

from fitprint import clock
from fitprint.cli.grid import Column, render
from fitprint.cli.terminal import Terminal
from fitprint.entities import Decision
from fitprint.recording.versions import RegisteredModel
from fitprint.registered import ModelVersionRecord
from fitprint.views.model_versions import deed
from fitprint.views.wording import age, clean, moment, number

__all__ = [
    "aliases_text",
    "bytes_of",
    "pairs_text",
    "print_history",
    "print_lines",
    "print_table",
    "version_columns",
]


_INDENT = " " * 4
_NARROW, _WIDE = 40, 100  # characters of a line: at least, and where nothing is known


def version_columns(found: Sequence[ModelVersionRecord]) -> Iterator[Column]:
    """Yield the columns of a table of versions."""
    now = clock.now()
    yield Column(
        "version",
        [f"{clean(each.name)}/{each.version}" for each in found],
        styles=["bold"] * len(found),
    )
    yield Column("aliases", [" ".join(f"@{alias}" for alias in each.aliases) for each in found], 1)
    yield Column("registered", [age((now - each.created) / 1e6) for each in found], 2, right=True)
    yield Column("by", [clean(each.actor) for each in found], 5)
    yield Column("flavor", [clean(each.model.flavor) for each in found], 4)
    keys = sorted(
        {
            f"{data}_{metric}"
            for each in found
            for data, one in each.evaluations.items()
            for metric in one.metrics
        }
    )
    for place, key in enumerate(keys):
        yield Column(
            clean(key),
            [_evaluated(each, key) for each in found],
            3 if place == 0 else 7 + place,
            right=True,
        )
    if any(each.stage != "None" for each in found):
        yield Column("stage", [each.stage for each in found], 4)
    yield Column("run", [each.run_id[-6:] for each in found], 3)
    yield Column("tags", [clean(pairs_text(each.tags)) for each in found], 6)


def print_history(found: Sequence[Decision]) -> None:
    """Print what was done, when, by whom, and below it why, or why not."""
    terminal = Terminal()
    for each in found:
        head = terminal.style(f"{moment(each.decided_at)}  {clean(each.actor)}", "dim")
        print(f"{head}  {deed(each)}")
        for line in filter(None, (each.reason, each.refusal)):
            print(
                fill(
                    clean(line),
                    max(terminal.width or _WIDE, _NARROW),
                    initial_indent=_INDENT,
                    subsequent_indent=_INDENT,
                )
            )


def _evaluated(version: ModelVersionRecord, key: str) -> str:
    for data, one in version.evaluations.items():
        if key.startswith(f"{data}_") and key[len(data) + 1 :] in one.metrics:
            return number(one.metrics[key[len(data) + 1 :]])
    return ""


def bytes_of(version: ModelVersionRecord) -> int:
    """Return how many bytes the files of a version have."""
    return sum(file.size for file in version.artifacts)


def print_lines(lines: Sequence[tuple[str, str]]) -> None:
    """Print titles and their texts, those that are not empty."""
    shown = [(title, text) for title, text in lines if text]
    width = max((len(title) for title, _ in shown), default=0)
    for title, text in shown:
        first, *others = text.splitlines()
        print(f"  {clean(title):{width}}  {clean(first)}")
        for line in others:
            print(f"  {'':{width}}  {clean(line)}")


def aliases_text(model: RegisteredModel) -> str:
    """Return the aliases of a registered model, each with its version."""
    return " ".join(f"@{alias}={version}" for alias, version in model.aliases.items())


def pairs_text(tags: Any) -> str:
    """Return tags as ``key=value``."""
    return ", ".join(f"{key}={value}" for key, value in sorted(tags.items()))


def print_table(*columns: Column) -> None:
    """Print a table that fits the terminal."""
    print(render(columns, Terminal(), most=60)[0])
