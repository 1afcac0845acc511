"""Which experiment somebody means who says a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitprint.arguments import checked_text, shown
from fitprint.entities import Experiment
from fitprint.errors import ExperimentNotFoundError

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["find_experiment"]


def find_experiment(store: Store, name: str | Experiment) -> Experiment:
    """Return the experiment with this name or id, or else the one that was called so before.

    Raises:
        ExperimentNotFoundError: there is none; the message says what there is.
        FitprintError: the name is no text.
    """
    name = (
        name.id
        if isinstance(name, Experiment)
        else checked_text(name, "an experiment's name or id")
    )
    known = store.experiments()
    for is_meant in (
        lambda each: name in (each.name, each.id),
        lambda each: name in each.former_names,
    ):
        found = next(filter(is_meant, known), None)
        if found is not None:
            return found
    from difflib import get_close_matches

    names = [each.name for each in known]
    near = get_close_matches(name, names, 1)
    have = (
        f"did you mean {shown(near[0])}?"
        if near
        else f"there are: {', '.join(map(shown, names[:20])) or 'none'}"
    )
    raise ExperimentNotFoundError(f"there is no experiment {shown(name)}; {have}")
