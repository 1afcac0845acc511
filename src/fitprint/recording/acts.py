"""What people do to records, from the wish to the store's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitprint import clock
from fitprint.arguments import checked_name, checked_text
from fitprint.errors import RefusedError, StoreError
from fitprint.events import Act, RunMoved, RunNoted, RunRenamed
from fitprint.ids import new_id
from fitprint.recording.reading import RunReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fitprint.entities import Decision, Experiment
    from fitprint.recording.answering import Waiting
    from fitprint.recording.workspace import Workspace

__all__ = ["RunActs", "perform", "raise_refusals"]


def perform(
    workspace: Workspace,
    *acts: Act,
    patience: float | None = None,
    waiting: Waiting | None = None,
) -> None:
    """Write the acts down, deliver them, and see that they were done.

    Args:
        workspace: where.
        acts: what is wanted.
        patience: seconds to wait for others who deliver; by default as long as a look at runs does.
        waiting: what limits the wait for the store itself; by default nothing does.

    Raises:
        RefusedError: the store refused one of them; the others are done.
        StoreError: the store has not answered. The acts stay in the journal, and are decided when
            that is delivered.
    """
    workspace.writer.append(*acts)
    kept = (
        "; your request is kept, and will be done or refused when it is delivered "
        "(see `fitprint sync`)"
    )

    def decide() -> list[Decision | None]:
        if patience is None:
            store = workspace.store
        else:
            workspace.sync(patience)
            store = workspace.known_store()
        return [store.decision(act.id) for act in acts]

    try:
        decisions = decide() if waiting is None else waiting.answer(decide)
    except StoreError as error:
        raise type(error)(f"{error}{kept}") from error
    if None in decisions:
        raise StoreError(f"the store {workspace.store_uri} has not taken it yet{kept}")
    raise_refusals(decisions)


def raise_refusals(decisions: Iterable[Decision | None]) -> None:
    """Raise a RefusedError with what a store said no to, if there is such a thing."""
    refusals = [
        decision.refusal
        for decision in decisions
        if decision is not None and decision.refusal is not None
    ]
    if refusals:
        raise RefusedError("; ".join(refusals))


class RunActs(RunReader):
    """A run that can be named, noted and moved, while it is open and afterwards."""

    def rename(self, name: str) -> None:
        """Give the run another name, which it keeps when it goes on.

        Raises:
            FitprintError: it is no text, or one without a letter.
        """
        perform(
            self.workspace,
            RunRenamed(self.id, clock.now(), new_id(), "", checked_name(name, "the name of a run")),
        )
        self._changed(name=name)

    def move(self, experiment: str | Experiment) -> None:
        """Let the run, without those below it, belong to another experiment.

        Raises:
            ExperimentNotFoundError: there is none of this name; :func:`fitprint.create_experiment`
                makes one.
        """
        from fitprint.stores.naming import find_experiment

        found = find_experiment(self.workspace.store, experiment)
        perform(self.workspace, RunMoved(self.id, clock.now(), new_id(), "", found.id))
        self._changed(experiment=found.name)

    def set_note(self, text: str) -> None:
        """Write down what the run is about (Markdown), in place of the note before."""
        perform(
            self.workspace,
            RunNoted(self.id, clock.now(), new_id(), "", checked_text(text, "a note", empty=True)),
        )
        self._changed()

    @property
    def note(self) -> str:
        """What somebody wrote down about the run (Markdown); setting it writes a new one in its
        place.
        """
        return str(self.record.documents.get("note", ""))

    @note.setter
    def note(self, text: str) -> None:
        self.set_note(text)

    def _changed(self, name: str | None = None, experiment: str | None = None) -> None:  # noqa: ARG002 - for runs that are open
        """Know of the new name or experiment."""
        self.refresh()
