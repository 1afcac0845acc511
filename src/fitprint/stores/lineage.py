"""Which runs belong together: a run and all below it, those in the trash included where they are
meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from fitprint.entities import RunRecord
from fitprint.query.expressions import Comparison, Field
from fitprint.query.grammar import parse
from fitprint.stores.paging import every_run

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["family", "moved_together"]

_PARENT = Field("attribute", "parent_id")


def moved_together(store: Store, run: RunRecord) -> list[RunRecord]:
    """Return the run and what goes with it to the trash or out of it: all runs below it that are
    live, or that went there with it.
    """
    return list(family(store, run, lambda child: child.deleted_time == run.deleted_time))


def family(
    store: Store, run: RunRecord, belongs: Callable[[RunRecord], bool]
) -> Iterator[RunRecord]:
    """Yield the run and all runs below it that belong to it, each once, parents first."""
    seen = {run.id}
    waiting = [run]
    while waiting:
        record = waiting.pop(0)
        yield record
        for child in _children(store, record.id):
            if child.id not in seen and belongs(child):
                seen.add(child.id)
                waiting.append(child)


def _children(store: Store, run_id: str) -> Iterator[RunRecord]:
    query = replace(
        parse("", order_by=["start_time", "id"], deleted="include"),
        where=Comparison(_PARENT, "=", run_id),
    )
    return every_run(store, query)
