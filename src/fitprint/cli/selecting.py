"""The runs that a command changes: those that it names, or all that match a filter."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.recording.workspace import current
from fitprint.stores.naming import find_experiment
from fitprint.views.saved import find_view, joined
from fitprint.views.selection import has_parts, matching, ordering

if TYPE_CHECKING:
    from fitprint.recording.run import Run
    from fitprint.stores.protocol import Store

__all__ = [
    "add_metrics",
    "add_query",
    "add_view",
    "apply_view",
    "listed",
    "selected",
    "tags_of",
    "tell_none",
]


def add_query(parser: argparse.ArgumentParser) -> None:
    """Declare the option ``-q FILTER``."""
    parser.add_argument(
        "-q",
        "--query",
        metavar="FILTER",
        help=(
            "all runs that match instead, such as \"status = 'FAILED'\"; runs that are part of "
            "others only where the filter names parent_id"
        ),
    )


def add_metrics(parser: argparse.ArgumentParser, told: str) -> None:
    """Declare the option ``-m METRIC``, which says ``told`` behind what it takes."""
    words = f"a metric, or a pattern such as 'val_*'; may be given several times ({told})"
    parser.add_argument("-m", "--metric", metavar="METRIC", action="append", default=[], help=words)


def add_view(parser: argparse.ArgumentParser) -> None:
    """Declare the option ``--view NAME``."""
    words = (
        "a saved listing (see `fitprint views`); if you also give a filter, both apply, and "
        "other options replace those of the view"
    )
    parser.add_argument("--view", metavar="NAME", help=words)


def apply_view(arguments: argparse.Namespace) -> None:
    """Let the view that is named say what the other arguments leave open.

    Raises:
        FitprintError: there is no such view.
    """
    if arguments.view is None:
        return
    view = find_view(arguments.view, current().settings["home"])
    arguments.query = joined(view.filter, arguments.query or "")
    said = {
        "experiment": view.experiment,
        "sort": view.sort,
        "cols": view.columns,
        "metric": list(view.metric),
        "by": view.by,
        "top": view.top,
    }
    for name, value in said.items():
        if value and not getattr(arguments, name, None):
            setattr(arguments, name, value)


def listed(arguments: argparse.Namespace, most: int | None) -> tuple[list[Run], bool]:
    """Return the runs of a filter, or of a view, in its order, and whether there are more; at most
    ``most`` unless --top says otherwise.
    """
    store = reading.store()
    given = vars(arguments)
    name = given.get("experiment")
    records, more = matching(
        store,
        arguments.query or "",
        ordering(store, given.get("sort") or ""),
        find_experiment(store, name).name if name else None,
        limit=given.get("top") or most,
    )
    return [reading.run_of(record) for record in records], more


def tell_none(store: Store, filter_string: str) -> None:
    """Say that no run matches, and which would if the filter asked for them."""
    ask = "; ask for runs that are part of other runs with `and parent_id is not null`"
    tell(f"no run matches{ask if has_parts(store, filter_string) else ''}")


def tags_of(words: list[str], removed: list[str]) -> dict[str, str | None]:
    """Return the tags that ``KEY=VALUE`` and ``KEY`` set, and None for those to remove."""
    pairs = [word.partition("=") for word in words]
    return {
        **{key: value if sign else "true" for key, sign, value in pairs},
        **dict.fromkeys(removed),
    }


def selected(
    names: Sequence[str], query: str | None, *, everything: bool = False
) -> Sequence[Run] | None:
    """Return the runs, all or none: a name that fits nothing, or several runs, is an error before
    anything is done.

    Where both names and a filter are given, or neither, that is said, and None returned.
    """
    if bool(names) + (query is not None) + everything != 1:
        tell("name the runs: RUN ..., or -q FILTER")
        return None
    store = reading.store()
    if names:
        return [reading.only_run(name) for name in names]
    found, _ = matching(store, query or "", [], None, limit=None, parts=everything)
    if not found:
        tell_none(store, query or "")
    return [reading.run_of(record) for record in found]
