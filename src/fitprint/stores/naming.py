"""Which experiment somebody means who says a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitprint.entities import Experiment
from fitprint.errors import ExperimentNotFoundError

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["find_experiment"]


def find_experiment(store: Store, name: str) -> Experiment:
    """Return the experiment with this name or id, or else the one that was called so before.

    Raises:
        ExperimentNotFoundError: there is none; the message says what there is.
    """
    known = store.experiments()
    for is_meant in (lambda each: name in (each.name, each.id), lambda each: name in each.former_names):
        found = next(filter(is_meant, known), None)
        if found is not None:
            return found
    from difflib import get_close_matches

    names = [each.name for each in known]
    near = get_close_matches(name, names, 1)
    have = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(map(repr, names)) or 'none'}"
    raise ExperimentNotFoundError(f"there is no experiment {name!r}; {have}")
