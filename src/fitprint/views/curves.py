"""Curves of metrics, thinned out as far as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store
    from fitprint.views.markup import Curves

__all__ = ["curves_of"]


def curves_of(store: Store) -> Curves:
    """Return what looks up the curves of runs in a store."""

    def values(run_id: str, key: str, points: int) -> Sequence[float]:
        return store.metric_history(run_id, key, max_points=points).value

    return values
