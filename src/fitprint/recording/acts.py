"""What people do to records, from the wish to the store's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitprint.errors import RefusedError, StoreError
from fitprint.events import Act

if TYPE_CHECKING:
    from fitprint.recording.workspace import Workspace

__all__ = ["perform"]


def perform(workspace: Workspace, *acts: Act) -> None:
    """Write the acts down, deliver them, and see that they were done.

    Raises:
        RefusedError: the store refused one of them; the others are done.
        StoreError: the store has not answered. The acts stay in the journal, and are decided when that is delivered.
    """
    workspace.writer.append(*acts)
    waiting = "; what you asked for is written down, and is done or refused when it is delivered (see `fitprint sync`)"
    try:
        store = workspace.store
        decisions = [store.decision(act.id) for act in acts]
    except StoreError as error:
        raise type(error)(f"{error}{waiting}") from error
    if None in decisions:
        raise StoreError(f"the store {workspace.store_uri} has not taken it yet{waiting}")
    refusals = [decision.refusal for decision in decisions if decision is not None and decision.refusal is not None]
    if refusals:
        raise RefusedError("; ".join(refusals))
