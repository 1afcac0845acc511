"""Experiments between their tables and the drafts that events are folded into."""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fitprint.entities import Experiment
from fitprint.events import (
    EXPERIMENT_ACTS,
    Event,
    ExperimentCreated,
    ExperimentRenamed,
    RunMoved,
    RunStarted,
)
from fitprint.ids import new_id
from fitprint.stores.experiments import ExperimentDraft, Experiments
from fitprint.stores.sql import damage
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.keys import marks, sliced
from fitprint.stores.sql.rows import storable

__all__ = ["Shelf", "all_experiments"]


class Shelf:
    """The experiments that events name or need, taken from the tables and brought back there.

    Args:
        events: what will be folded.
        ids: of experiments of which the numbers are needed besides.
    """

    def __init__(
        self, transaction: Transaction, events: Iterable[Event], ids: Iterable[str | None]
    ) -> None:
        self.experiments = Experiments(storable)
        self._numbers: dict[str, int] = {}
        names = {storable(name) for event in events if (name := _name(event)) is not None}
        wanted = {
            event.experiment for event in events if isinstance(event, (*EXPERIMENT_ACTS, RunMoved))
        }
        self._read(
            transaction,
            sorted(names),
            sorted({storable(id_) for id_ in (*wanted, *ids) if id_ is not None}),
        )
        self._before = {
            id_: replace(draft, tags={}) for id_, draft in self.experiments.by_id.items()
        }
        self._borne = {name: len(bearers) for name, bearers in self.experiments.bearers.items()}

    def _read(self, transaction: Transaction, names: Sequence[str], ids: Sequence[str]) -> None:
        bearers: list[tuple[str, int, int]] = []
        for part in sliced(names):
            rows = transaction.rows(
                "SELECT name, since, experiment FROM fp_experiment_names WHERE name IN "
                f"({marks(part)}) ORDER BY name, since",
                part,
            )
            bearers += [
                (damage.text(name), damage.number(since), damage.number(number))
                for name, since, number in rows
            ]
        self._take(transaction, "no", sorted({number for _, _, number in bearers}))
        self._take(transaction, "id", ids)
        ids_by_number = {number: id_ for id_, number in self._numbers.items()}
        for name, since, number in bearers:
            self.experiments.bearers.setdefault(name, []).append((since, ids_by_number[number]))

    def _take(self, transaction: Transaction, column: str, values: Sequence[Any]) -> None:
        for part in sliced(values):
            rows = transaction.rows(
                f"SELECT no, id, name, created, archived, note FROM fp_experiments WHERE {column} "
                f"IN ({marks(part)})",
                part,
            )
            for number, id_, name, created, archived, note in rows:
                draft = ExperimentDraft(
                    id=damage.text(id_),
                    name=damage.text(name),
                    created=damage.time(created),
                    archived=damage.time_or_none(archived),
                    note=damage.text(note),
                )
                self.experiments.by_id[draft.id] = draft
                self._numbers[draft.id] = damage.number(number)

    def write(self, transaction: Transaction) -> Mapping[str, int]:
        """Bring back what has changed, and return the numbers of all experiments on the shelf, by
        id.
        """
        changed = [
            draft for id_, draft in self.experiments.by_id.items() if draft != self._before.get(id_)
        ]
        known = [draft for draft in changed if draft.id in self._numbers]
        # A name may pass from one experiment to another: nobody has it in between.
        transaction.many(
            "UPDATE fp_experiments SET name = ? WHERE no = ?",
            [(new_id(), self._numbers[draft.id]) for draft in known],
        )
        transaction.many(
            "INSERT INTO fp_experiments (id, name, created) VALUES (?, ?, ?)",
            [
                (storable(draft.id), draft.name, draft.created)
                for draft in changed
                if draft.id not in self._numbers
            ],
        )
        self._number(transaction, [draft.id for draft in changed if draft.id not in self._numbers])
        transaction.many(
            "UPDATE fp_experiments SET name = ?, created = ?, archived = ?, note = ? WHERE no = ?",
            [
                (
                    draft.name,
                    draft.created,
                    draft.archived,
                    storable(draft.note),
                    self._numbers[draft.id],
                )
                for draft in changed
            ],
        )
        self._write_tags(transaction, changed)
        self._write_names(transaction)
        return self._numbers

    def _number(self, transaction: Transaction, ids: Sequence[str]) -> None:
        given = {storable(id_): id_ for id_ in ids}
        for part in sliced(list(given)):
            for number, id_ in transaction.rows(
                f"SELECT no, id FROM fp_experiments WHERE id IN ({marks(part)})", part
            ):
                self._numbers[given[id_]] = number

    def _write_tags(self, transaction: Transaction, drafts: Iterable[ExperimentDraft]) -> None:
        tags = [
            (self._numbers[draft.id], storable(name), value)
            for draft in drafts
            for name, value in draft.tags.items()
        ]
        transaction.many(
            "DELETE FROM fp_experiment_tags WHERE experiment = ? AND name = ?",
            [tag[:2] for tag in tags],
        )
        transaction.many(
            "INSERT INTO fp_experiment_tags (experiment, name, value) VALUES (?, ?, ?)",
            [(number, name, storable(value)) for number, name, value in tags if value is not None],
        )

    def _write_names(self, transaction: Transaction) -> None:
        transaction.many(
            "INSERT INTO fp_experiment_names (name, since, experiment) VALUES (?, ?, ?)",
            [
                (name, since, self._numbers[id_])
                for name, bearers in self.experiments.bearers.items()
                for since, id_ in bearers[self._borne.get(name, 0) :]
            ],
        )


def _name(event: Any) -> str | None:
    """Return the name of an experiment that the event uses."""
    if isinstance(event, RunStarted):
        return event.experiment
    return event.name if isinstance(event, (ExperimentCreated, ExperimentRenamed)) else None


def all_experiments(transaction: Transaction) -> list[Experiment]:
    """Return all experiments, by name."""
    tags: dict[int, dict[str, str]] = {}
    for number, name, value in transaction.rows(
        "SELECT experiment, name, value FROM fp_experiment_tags ORDER BY name"
    ):
        tags.setdefault(number, {})[damage.text(name)] = damage.text(value)
    former: dict[int, list[str]] = {}
    for number, name in transaction.rows(
        "SELECT n.experiment, n.name FROM fp_experiment_names n JOIN fp_experiments e ON e.no = "
        "n.experiment WHERE e.name <> n.name"
        " AND n.since = (SELECT MAX(since) FROM fp_experiment_names WHERE name = n.name) ORDER BY "
        "n.name"
    ):
        former.setdefault(number, []).append(damage.text(name))
    rows = transaction.rows(
        "SELECT e.id, e.no, e.name, e.created, e.archived, e.note, COUNT(r.no), MAX(r.last_time) "
        "FROM fp_experiments e"
        " LEFT JOIN fp_runs r ON r.experiment = e.no AND r.deleted_time IS NULL"
        " GROUP BY e.no, e.id, e.name, e.created, e.archived, e.note ORDER BY e.name"
    )
    return [
        Experiment(
            id=damage.text(id_),
            number=damage.number(number),
            name=damage.text(name),
            created=damage.time(created),
            archived_time=damage.time_or_none(archived),
            former_names=tuple(former.get(number, ())),
            tags=tags.get(number, {}),
            note=damage.text(note),
            run_count=count,
            last_activity=damage.time_or_none(last),
        )
        for id_, number, name, created, archived, note, count, last in rows
    ]
