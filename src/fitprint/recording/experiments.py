"""The verbs on experiments: making, finding, renaming and putting them away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitprint import clock, events
from fitprint.arguments import checked_items, checked_name, checked_text
from fitprint.context.secrecy import tag_texts
from fitprint.entities import Experiment
from fitprint.errors import SettingsError
from fitprint.ids import new_id
from fitprint.recording.acts import perform
from fitprint.recording.workspace import configure, current
from fitprint.stores.naming import find_experiment

__all__ = [
    "archive_experiment",
    "create_experiment",
    "experiments",
    "get_experiment",
    "rename_experiment",
    "restore_experiment",
    "set_experiment",
    "set_experiment_note",
    "set_experiment_tags",
]


class Experiments(list[Experiment]):
    """All experiments, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        from fitprint.views.markup import experiments_table

        return experiments_table(self)


def experiments() -> Experiments:
    """Return all experiments, by name, those in the archive too."""
    return Experiments(current().store.experiments())


def set_experiment(name: str) -> None:
    """Let new runs belong to the experiment ``name``, which begins to exist with its first run.

    A name that the experiment had before leads there, too (see :func:`rename_experiment`).
    """
    configure(experiment=checked_text(name, "an experiment's name", SettingsError, empty=True))


def get_experiment(name: str | Experiment) -> Experiment:
    """Return the experiment with this name or id, or else the one that was called so before.

    Raises:
        ExperimentNotFoundError: there is none; the message says what there is.
    """
    return find_experiment(current().store, name)


def create_experiment(
    name: str, *, tags: Mapping[str, Any] | None = None, note: str = ""
) -> Experiment:
    """Make an experiment without a run.

    Nobody has to: an experiment begins to exist with its first run. A former name of another
    experiment belongs to the new one from now on.

    Raises:
        RefusedError: there is an experiment of this name.
    """
    checked_name(name, "the name of an experiment")
    made, time = new_id(), clock.now()
    more: list[events.Act] = []
    if tags is not None:
        more.append(events.ExperimentTagged(made, time, new_id(), "", _texts(tags)))
    if checked_text(note, "a note", empty=True):
        more.append(events.ExperimentNoted(made, time, new_id(), "", note))
    perform(current(), events.ExperimentCreated(made, time, new_id(), "", name))
    if more:
        perform(current(), *more)
    return get_experiment(made)


def rename_experiment(name: str | Experiment, new_name: str) -> Experiment:
    """Give an experiment another name, and return it.

    Runs that start under the former name belong to it all the same, such as those of scripts that
    still say it and of machines that were offline, until another experiment gets that name, by
    :func:`create_experiment` or by this.

    Raises:
        ExperimentNotFoundError: there is no experiment ``name``.
        RefusedError: another experiment has the new name.
    """
    checked_name(new_name, "the name of an experiment")
    return _performed(name, events.ExperimentRenamed, new_name)


def archive_experiment(name: str | Experiment) -> Experiment:
    """Hide an experiment and its runs from listings, unless they are asked for by its name, and
    return it; nothing is deleted.

    ``search_runs(["flowers"])`` and ``fitprint ls flowers`` ask for it; a filter does not.

    A run that starts in it later brings it back, and :func:`restore_experiment` does.

    Raises:
        ExperimentNotFoundError: there is no experiment ``name``.
    """
    return _performed(name, events.ExperimentArchived)


def restore_experiment(name: str | Experiment) -> Experiment:
    """Bring an experiment back from the archive, and return it.

    Raises:
        ExperimentNotFoundError: there is no experiment ``name``.
    """
    return _performed(name, events.ExperimentRestored)


def set_experiment_tags(name: str | Experiment, tags: Mapping[str, Any]) -> Experiment:
    """Set tags of an experiment, and return it; values become text, under the name of a secret
    ``[redacted]``; None removes a tag.

    Raises:
        ExperimentNotFoundError: there is no experiment ``name``.
    """
    return _performed(name, events.ExperimentTagged, _texts(tags))


def set_experiment_note(name: str | Experiment, text: str) -> Experiment:
    """Write down what an experiment is about (Markdown), in place of the note before, and return
    it.

    Raises:
        ExperimentNotFoundError: there is no experiment ``name``.
    """
    return _performed(name, events.ExperimentNoted, checked_text(text, "a note", empty=True))


def _performed(name: str | Experiment, act: Any, *content: Any) -> Experiment:
    workspace = current()
    experiment = find_experiment(workspace.store, name)
    perform(workspace, act(experiment.id, clock.now(), new_id(), "", *content))
    return get_experiment(experiment.id)


def _texts(tags: Mapping[str, Any]) -> dict[str, str | None]:
    items = checked_items(tags, "{'team': 'a'}")
    for key, _ in items:
        checked_text(key, "a tag's name")
    return tag_texts(items)
