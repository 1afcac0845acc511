"""A batch of events on its way into the tables."""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from fitprint.entities import Decision
from fitprint.events import (
    EXPERIMENT_ACTS,
    MODEL_ACTS,
    STORE_EVENTS,
    Batch,
    Event,
    MetricPoints,
    RunMoved,
    RunStarted,
)
from fitprint.stores.chunks import Piece
from fitprint.stores.folding import Draft, Life, Points
from fitprint.stores.records import Records
from fitprint.stores.sql import arrivals, changes, damage, experiments, points
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.keys import KeyNumbers, marks, sliced
from fitprint.stores.sql.reading import summaries
from fitprint.stores.sql.registry_shelf import RegistryShelf
from fitprint.stores.sql.rows import SUMMARY_COLUMNS, packed, param_row, storable, summary_row

__all__ = ["hear", "write"]

_Drafts = Mapping[int, Draft]  # by the run's number
_NOT_OF_RUNS = (*EXPERIMENT_ACTS, *MODEL_ACTS, *STORE_EVENTS)


def write(
    transaction: Transaction,
    batches: Sequence[Batch],
    keys: KeyNumbers,
    uri: str,
    now: Callable[[], int],
) -> None:
    """Fold batches that are new into the tables of the store at ``uri``, one after the other, and
    note their ends. A statement does for all of them what it does for one.

    Args:
        now: the database's clock.
    """
    told = partial(damage.told, f"the store {uri}")
    events = [event for batch in batches for event in batch.events]
    with told():
        ids = {
            event.run: storable(event.run)
            for event in events
            if not isinstance(event, _NOT_OF_RUNS)
        }
        lives, numbers = _lives(transaction, ids.values())
        records = Records(
            _drafts(transaction, events, ids, lives, numbers, keys),
            purged=_purged(transaction, ids, lives),
        )
        records.now = now
        shelf = experiments.Shelf(transaction, events, {life.experiment for life in lives.values()})
        records.experiments = shelf.experiments
        registry_shelf = RegistryShelf(transaction, events)
        records.registry = registry_shelf.registry
    gone = set(records.purged)
    ranked = {numbers[id_]: _ranked(life) for id_, life in lives.items()}
    for batch in batches:
        for event in batch.events:
            records.fold(event, batch)
    drafts = list(records.runs.values())
    experiment_numbers = shelf.write(transaction)
    numbered = _write_lives(transaction, drafts, experiment_numbers, numbers)
    key_numbers = keys.make(
        transaction,
        {key for draft in drafts for key in (*draft.params, *draft.points, *draft.tags)},
    )
    _write_params_and_tags(transaction, numbered, key_numbers)
    with told():
        _write_metrics(transaction, numbered, key_numbers, experiment_numbers, ranked)
    _write_files_and_facts(transaction, numbered)
    registry_shelf.write(transaction)
    _write_catalogue(transaction, numbered, experiment_numbers, key_numbers, _begun(events))
    with told():
        last = changes.last(transaction)  # what is purged may have it
    _purge(transaction, [ids[run] for run in records.purged - gone])
    _write_decisions(transaction, records.decisions.values())
    with told():
        changes.write(transaction, records.take_touched(), last)
        changes.write_consumers(transaction, events, records.now)
    refused = {each.id for each in records.decisions.values() if each.refusal is not None}
    for batch in batches:
        arrivals.write(transaction, batch, records.purged, refused)
    ends = {batch.journal: batch for batch in batches}
    transaction.many(
        _upsert("fp_journals", "journal", "position, writer"),
        [
            (storable(journal), batch.end, json.dumps(dict(batch.writer)))
            for journal, batch in ends.items()
        ],
    )
    transaction.many(
        "UPDATE fp_journals SET heard = ? WHERE journal = ? AND heard IS NOT NULL",
        [(records.now(), storable(journal)) for journal in ends],
    )


def hear(transaction: Transaction, journal: str, now: int) -> None:
    """Note that the journal's writer lives."""
    transaction.many(
        "UPDATE fp_journals SET heard = ? WHERE journal = ?", [(now, storable(journal))]
    )


def _begun(events: Iterable[Event]) -> set[str]:
    """Return the runs that may have come to an experiment with what they had before."""
    return {storable(event.run) for event in events if isinstance(event, (RunStarted, RunMoved))}


def _purge(transaction: Transaction, ids: Sequence[str]) -> None:
    """Remove all that the tables hold of the runs, and remember that they are gone."""
    digests = arrivals.digests_of(transaction, ids)
    for part in (
        "params",
        "metrics",
        "tags",
        "chunks",
        "packs",
        "datasets",
        "models",
        "artifacts",
        "documents",
    ):
        transaction.many(
            f"DELETE FROM fp_{part} WHERE run = (SELECT no FROM fp_runs WHERE id = ?)",
            [(run,) for run in ids],
        )
    transaction.many("DELETE FROM fp_runs WHERE id = ?", [(run,) for run in ids])
    transaction.many(_upsert("fp_purged", "run"), [(run,) for run in ids])
    arrivals.forget(transaction, digests)


def _write_decisions(transaction: Transaction, decisions: Iterable[Decision]) -> None:
    transaction.many(
        _upsert(
            "fp_decisions",
            "id",
            "act, subject, subject_id, actor, requested_at, decided_at, refusal, version, alias, "
            "earlier, reason, about",
        ),
        [
            (
                storable(each.id),
                each.act,
                each.subject,
                storable(each.subject_id),
                storable(each.actor),
                each.requested_at,
                each.decided_at,
                each.refusal and storable(each.refusal),
                each.version,
                each.alias and storable(each.alias),
                each.before,
                storable(each.reason),
                storable(each.about),
            )
            for each in decisions
        ],
    )


def _upsert(table: str, key: str, others: str = "") -> str:
    columns = f"{key}, {others}".rstrip(", ").split(", ")
    update = (
        ", ".join(f"{column} = excluded.{column}" for column in others.split(", "))
        if others
        else ""
    )
    action = f"UPDATE SET {update}" if update else "NOTHING"
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks(columns)}) ON CONFLICT "
        f"({key}) DO {action}"
    )


_METRICS = _upsert(
    "fp_metrics", "run, key", ", ".join([*SUMMARY_COLUMNS, "best", "experiment", "ranked"])
)
_LIFE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "id": ("r.id", damage.text),
    "name": ("r.name", damage.text),
    "experiment": ("e.id", damage.text_or_none),
    "status": ("r.status", damage.status),
    "start_time": ("r.start_time", damage.number),
    "end_time": ("r.end_time", damage.time_or_none),
    "last_time": ("r.last_time", damage.number),
    "parent_id": ("r.parent_id", damage.text_or_none),
    "kind": ("r.kind", damage.text),
    "error": ("r.error", damage.text_or_none),
    "deleted_time": ("r.deleted_time", damage.time_or_none),
    "opened": ("r.opened", damage.number),
    "owner": ("r.owner", damage.text_or_none),
    "moved": ("r.moved", damage.time_or_none),
    "renamed": ("r.renamed", damage.time_or_none),
}


def _lives(transaction: Transaction, ids: Iterable[str]) -> tuple[dict[str, Life], dict[str, int]]:
    """Return the lives of those runs that the tables have, and their numbers, by id."""
    lives, numbers = {}, {}
    for part in sliced(sorted(ids)):
        rows = transaction.rows(
            f"SELECT r.no, {', '.join(column for column, _ in _LIFE.values())} FROM fp_runs r"
            f" LEFT JOIN fp_experiments e ON e.no = r.experiment WHERE r.id IN ({marks(part)})",
            part,
        )
        for number, *columns in rows:
            life = Life(
                **{
                    field: check(value)
                    for (field, (_, check)), value in zip(_LIFE.items(), columns, strict=True)
                }
            )
            lives[life.id] = life
            numbers[life.id] = number
    return lives, numbers


def _purged(
    transaction: Transaction, ids: Mapping[str, str], lives: Mapping[str, Life]
) -> set[str]:
    """Return those of the runs that are gone for good."""
    unknown = {stored: run for run, stored in ids.items() if stored not in lives}
    found: set[str] = set()
    for part in sliced(sorted(unknown)):
        found.update(
            unknown[run]
            for (run,) in transaction.rows(
                f"SELECT run FROM fp_purged WHERE run IN ({marks(part)})", part
            )
        )
    return found


def _drafts(
    transaction: Transaction,
    events: Iterable[Event],
    ids: Mapping[str, str],
    lives: Mapping[str, Life],
    numbers: Mapping[str, int],
    keys: KeyNumbers,
) -> dict[str, Draft]:
    """Return a draft for each run of the events that the tables have, which begins with what of it
    the events may change.
    """
    measured: dict[int, set[str]] = {}
    for event in events:
        if isinstance(event, MetricPoints) and (number := numbers.get(ids[event.run])) is not None:
            measured.setdefault(number, set()).add(event.key)
    known = summaries(transaction, measured, keys)
    return {
        run: Draft(
            lives[stored],
            points={
                key: Points(key, before) for key, before in known.get(numbers[stored], {}).items()
            },
        )
        for run, stored in ids.items()
        if stored in lives
    }


def _write_lives(
    transaction: Transaction,
    drafts: Sequence[Draft],
    experiment_numbers: Mapping[str, int],
    known: Mapping[str, int],
) -> _Drafts:
    """Write the runs' own rows, and return the drafts by number; ``known`` has the numbers of those
    that the tables had before.
    """
    columns = (
        "name, experiment, status, start_time, end_time, last_time, parent_id, kind, "
        "error, deleted_time, opened, owner, moved, renamed"
    )
    transaction.many(
        _upsert("fp_runs", "id", columns),
        [
            (
                storable(life.id),
                storable(life.name),
                None if life.experiment is None else experiment_numbers[life.experiment],
                life.status,
                life.start_time,
                life.end_time,
                life.last_time,
                life.parent_id and storable(life.parent_id),
                storable(life.kind),
                life.error and storable(life.error),
                life.deleted_time,
                life.opened,
                life.owner and storable(life.owner),
                life.moved,
                life.renamed,
            )
            for life in (draft.life for draft in drafts)
        ],
    )
    by_id = {storable(draft.life.id): draft for draft in drafts}
    numbered = {known[run]: draft for run, draft in by_id.items() if run in known}
    for part in sliced([run for run in by_id if run not in known]):
        for number, run in transaction.rows(
            f"SELECT no, id FROM fp_runs WHERE id IN ({marks(part)})", part
        ):
            numbered[number] = by_id[run]
    return numbered


def _write_params_and_tags(
    transaction: Transaction, drafts: _Drafts, numbers: Mapping[str, int]
) -> None:
    transaction.many(
        _upsert("fp_params", "run, key", "type, number, text, provenance, spilled"),
        (
            (run, numbers[key], *param_row(value))
            for run, draft in drafts.items()
            for key, value in draft.params.items()
        ),
    )
    tags = [
        (run, numbers[key], value)
        for run, draft in drafts.items()
        for key, value in draft.tags.items()
    ]
    transaction.many(
        _upsert("fp_tags", "run, key", "value"),
        [(run, key, storable(value)) for run, key, value in tags if value is not None],
    )
    transaction.many(
        "DELETE FROM fp_tags WHERE run = ? AND key = ?",
        [(run, key) for run, key, value in tags if value is None],
    )


def _ranked(life: Life) -> str | None:
    """Return the experiment among whose metrics those of a run have their rank; None while the run
    goes on.
    """
    return None if life.status == "RUNNING" else life.experiment


def _write_metrics(
    transaction: Transaction,
    drafts: _Drafts,
    numbers: Mapping[str, int],
    experiment_numbers: Mapping[str, int],
    ranked: Mapping[int, str | None],
) -> None:
    """Write summaries and points; ``ranked`` has those runs that the tables had before, with the
    experiment where they had a rank.
    """
    summaries, arrived, moved = [], [], []
    for run, draft in drafts.items():
        now = _ranked(draft.life)
        before = ranked.get(run, now)
        experiment = None if before is None else experiment_numbers[before]
        pieces = []
        for key, series in draft.points.items():
            if count := len(series.history):
                number, summary = numbers[key], series.summary()
                rank = None if experiment is None else summary.last
                summaries.append((run, number, *summary_row(summary), experiment, rank))
                pieces.append(Piece(number, summary.count - count, series.history))
        if pieces or draft.ended:
            arrived.append(points.Arrived(run, pieces, run not in ranked, draft.ended))
        if now != before:
            moved.append((None if now is None else experiment_numbers[now], run))
    points.write(transaction, arrived)
    transaction.many(_METRICS, summaries)
    transaction.many(
        "UPDATE fp_metrics SET experiment = ?, ranked = last WHERE run = ?",
        [(experiment, run) for experiment, run in moved if experiment is not None],
    )
    transaction.many(
        "UPDATE fp_metrics SET experiment = NULL, ranked = NULL WHERE run = ?",
        [(run,) for experiment, run in moved if experiment is None],
    )


def _write_files_and_facts(transaction: Transaction, drafts: _Drafts) -> None:
    transaction.many(
        _upsert("fp_datasets", "run, name, role, digest", "facts"),
        [
            (
                run,
                storable(item.name),
                storable(item.role),
                storable(item.digest),
                packed(item.facts),
            )
            for run, draft in drafts.items()
            for item in draft.datasets.values()
        ],
    )
    transaction.many(
        _upsert("fp_models", "run, path", "flavor, digest, facts"),
        [
            (run, storable(item.path), storable(item.flavor), item.digest, packed(item.facts))
            for run, draft in drafts.items()
            for item in draft.models.values()
        ],
    )
    transaction.many(
        _upsert("fp_artifacts", "run, path", "digest, size"),
        [
            (run, storable(item.path), item.digest, item.size)
            for run, draft in drafts.items()
            for item in draft.artifacts.values()
        ],
    )
    transaction.many(
        _upsert("fp_documents", "run, name", "content"),
        [
            (run, storable(name), packed(content))
            for run, draft in drafts.items()
            for name, content in draft.documents.items()
        ],
    )


def _write_catalogue(
    transaction: Transaction,
    drafts: _Drafts,
    experiment_numbers: Mapping[str, int],
    numbers: Mapping[str, int],
    begun: set[str],
) -> None:
    """Note which keys the experiments have: all of a run that comes there, for it may have had some
    before, and what is new of others.
    """
    whole, added = [], []
    for run, draft in drafts.items():
        if draft.life.experiment is None:
            continue
        if storable(draft.life.id) in begun:
            whole.append((run,))
        else:
            experiment = experiment_numbers[draft.life.experiment]
            added += [(experiment, "params", numbers[key]) for key in draft.params]
            measured = ((key, points, len(points.history)) for key, points in draft.points.items())
            new = (
                key for key, points, count in measured if count and points.summary().count == count
            )
            added += [(experiment, "metrics", numbers[key]) for key in new]
            added += [
                (experiment, "tags", numbers[key])
                for key, value in draft.tags.items()
                if value is not None
            ]
    for table in ("params", "metrics", "tags"):
        transaction.many(
            f"INSERT INTO fp_catalogue (experiment, entity, key) SELECT r.experiment, '{table}', "
            "t.key"
            f" FROM fp_runs r JOIN fp_{table} t ON t.run = r.no WHERE r.no = ? ON CONFLICT DO "
            "NOTHING",
            whole,
        )
    transaction.many(
        "INSERT INTO fp_catalogue (experiment, entity, key) VALUES (?, ?, ?) ON CONFLICT DO "
        "NOTHING",
        dict.fromkeys(added),
    )
