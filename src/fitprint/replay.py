"""Runs and experiments made anew in a store, from what another place says of them; each exactly
once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fitprint import clock, events
from fitprint.entities import RunRecord
from fitprint.errors import ExperimentNotFoundError, RunNotFoundError
from fitprint.events import Batch, Event, RunStarted
from fitprint.ids import new_id
from fitprint.recording.acts import raise_refusals
from fitprint.stores.naming import find_experiment
from fitprint.stores.protocol import Store

__all__ = ["act", "describe", "events_of", "has_run", "keep", "with_known_parent"]

_PARENT_TAG = "fitprint.parent"


def events_of(record: RunRecord) -> Iterator[Event]:
    """Yield what makes the run anew, metrics apart: its start first, its end behind all else but
    what put it in the trash.
    """
    run, time = record.id, record.start_time
    yield RunStarted(run, time, record.experiment, record.name, record.parent_id, record.kind)
    yield events.ParamsLogged(run, time, dict(sorted(record.params.items())))
    yield events.TagsSet(run, record.last_time, dict(sorted(record.tags.items())))
    for dataset in record.datasets:
        yield events.DatasetLogged(run, time, dataset)
    yield events.ArtifactsLogged(run, time, record.artifacts)
    for model in record.models:
        yield events.ModelLogged(run, time, model)
    for name, content in sorted(record.documents.items(), key=lambda item: item[0]):
        yield events.DocumentLogged(
            run, time, name, dict(content) if isinstance(content, Mapping) else content
        )
    yield events.RunEnded(run, max(time, record.end_time or 0), record.status, record.error)
    if record.deleted_time is not None:
        yield events.RunDeleted(run, record.deleted_time)


def with_known_parent(found: Iterable[Event], is_known: Callable[[str], bool]) -> list[Event]:
    """Return the events of a run, its start first, without a parent that is nowhere: its id becomes
    the tag ``fitprint.parent``.
    """
    start, *others = found
    if isinstance(start, RunStarted) and start.parent and not is_known(start.parent):
        return [
            replace(start, parent=None),
            events.TagsSet(start.run, start.time, {_PARENT_TAG: start.parent}),
            *others,
        ]
    return [start, *others]


def has_run(store: Store, run_id: str) -> bool:
    """Tell whether a store has a run."""
    try:
        store.run(run_id)
    except RunNotFoundError:
        return False
    return True


def keep(
    store: Store, journal: str, found: Sequence[Event], writer: Mapping[str, Any], place: int = 0
) -> None:
    """Let a store fold these events as one position of a journal that is no file: delivered once,
    it is never taken in again.

    That holds also where several do this at a time.
    """
    store.append(Batch(journal, place, place + 1, found, writer))


def act(store: Store, acts: Sequence[events.Act], writer: Mapping[str, Any]) -> None:
    """Let a store decide acts at once, each of which has an id.

    Raises:
        RefusedError: it refused one of them; the others are done.
    """
    keep(store, f"acts-{new_id()}", acts, writer)
    raise_refusals(store.decision(each.id) for each in acts)


def describe(
    store: Store, name: str, tags: Mapping[str, str], note: str, writer: Mapping[str, Any]
) -> None:
    """Give an experiment the tags that it has not, and the note if it has none; one that is not
    there, or is called otherwise, is left.
    """
    try:
        experiment = find_experiment(store, name)
    except ExperimentNotFoundError:
        return
    if experiment.name != name:
        return
    new = {key: value for key, value in tags.items() if key not in experiment.tags}
    acts: list[events.Act] = []
    if new:
        acts.append(events.ExperimentTagged(experiment.id, clock.now(), new_id(), "", new))
    if note and not experiment.note:
        acts.append(events.ExperimentNoted(experiment.id, clock.now(), new_id(), "", note))
    if acts:
        act(store, acts, writer)
