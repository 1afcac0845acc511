"""A batch of events on its way into the tables."""

# ruff: noqa: S608 - values are always arguments; what is put into statements is written in this package

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from fitprint.entities import Decision, History
from fitprint.events import EXPERIMENT_ACTS, STORE_EVENTS, Batch, MetricPoints, RunMoved, RunStarted
from fitprint.stores import chunks
from fitprint.stores.folding import Draft, Life, Points
from fitprint.stores.records import Records
from fitprint.stores.sql import arrivals, damage, experiments
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.keys import KeyNumbers, marks, sliced
from fitprint.stores.sql.reading import summaries
from fitprint.stores.sql.rows import packed, param_row, storable, summary_row

__all__ = ["write"]

_Drafts = Mapping[int, Draft]  # by the run's number


def write(transaction: Transaction, batch: Batch, keys: KeyNumbers, uri: str) -> None:
    """Fold a batch that is new into the tables of the store at ``uri``, and note its end."""
    with damage.told(f"the store {uri}"):
        ids = {event.run: storable(event.run) for event in batch.events if not isinstance(event, (*EXPERIMENT_ACTS, *STORE_EVENTS))}
        lives, numbers = _lives(transaction, ids.values())
        records = Records(_drafts(transaction, batch, ids, lives, numbers, keys), purged=_purged(transaction, ids, lives))
        shelf = experiments.Shelf(transaction, batch, {life.experiment for life in lives.values()})
        records.experiments = shelf.experiments
    gone = set(records.purged)
    for event in batch.events:
        records.fold(event, batch)
    _write_runs(transaction, list(records.runs.values()), shelf.write(transaction), keys, _begun(batch))
    _purge(transaction, [ids[run] for run in records.purged - gone])
    _write_decisions(transaction, records.decisions.values())
    arrivals.write(transaction, batch, records.purged)
    transaction.many(
        _upsert("journals", "journal", "position, writer"), [(storable(batch.journal), batch.end, json.dumps(dict(batch.writer)))]
    )


def _begun(batch: Batch) -> set[str]:
    """Return the runs that may have come to an experiment with what they had before."""
    return {storable(event.run) for event in batch.events if isinstance(event, (RunStarted, RunMoved))}


def _write_runs(
    transaction: Transaction, drafts: Sequence[Draft], experiment_numbers: Mapping[str, int], keys: KeyNumbers, begun: set[str]
) -> None:
    numbered = _write_lives(transaction, drafts, experiment_numbers)
    numbers = keys.make(transaction, {key for draft in drafts for key in (*draft.params, *draft.points, *draft.tags)})
    _write_params_and_tags(transaction, numbered, numbers)
    _write_metrics(transaction, numbered, numbers)
    _write_files_and_facts(transaction, numbered)
    _write_catalogue(transaction, numbered, numbers, begun)


def _purge(transaction: Transaction, ids: Sequence[str]) -> None:
    """Remove all that the tables hold of the runs, and remember that they are gone."""
    digests = arrivals.digests_of(transaction, ids)
    for table in ("params", "metrics", "tags", "chunks", "datasets", "models", "artifacts", "documents"):
        transaction.many(f"DELETE FROM {table} WHERE run = (SELECT no FROM runs WHERE id = ?)", [(run,) for run in ids])
    transaction.many("DELETE FROM runs WHERE id = ?", [(run,) for run in ids])
    transaction.many(_upsert("purged", "run"), [(run,) for run in ids])
    arrivals.forget(transaction, digests)


def _write_decisions(transaction: Transaction, decisions: Iterable[Decision]) -> None:
    transaction.many(
        _upsert("decisions", "id", "act, subject, subject_id, actor, requested_at, decided_at, refusal"),
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
            )
            for each in decisions
        ],
    )


def _upsert(table: str, key: str, others: str = "") -> str:
    columns = f"{key}, {others}".rstrip(", ").split(", ")
    update = ", ".join(f"{column} = excluded.{column}" for column in others.split(", ")) if others else ""
    action = f"UPDATE SET {update}" if update else "NOTHING"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks(columns)}) ON CONFLICT ({key}) DO {action}"


_TEXT, _TEXT_OR_NULL, _NUMBER, _TIME_OR_NULL = damage.text, damage.text_or_none, damage.number, damage.time_or_none
_COLUMNS_OF_LIFE: tuple[Callable[[Any], Any], ...] = (
    *(_TEXT, _TEXT, _TEXT_OR_NULL, _TEXT, _NUMBER, _TIME_OR_NULL, _NUMBER),  # id to last_time
    *(_TEXT_OR_NULL, _TEXT, _TEXT_OR_NULL, _TIME_OR_NULL, _NUMBER, _TEXT_OR_NULL, _TIME_OR_NULL, _TIME_OR_NULL),  # parent_id to renamed
)


def _lives(transaction: Transaction, ids: Iterable[str]) -> tuple[dict[str, Life], dict[str, int]]:
    """Return the lives of those runs that the tables have, and their numbers, by id."""
    lives, numbers = {}, {}
    for part in sliced(sorted(ids)):
        rows = transaction.rows(
            "SELECT r.no, r.id, r.name, e.id, r.status, r.start_time, r.end_time, r.last_time, r.parent_id, r.kind, r.error,"
            " r.deleted_time, r.opened, r.owner, r.moved, r.renamed FROM runs r LEFT JOIN experiments e ON e.no = r.experiment"
            f" WHERE r.id IN ({marks(part)})",
            part,
        )
        for number, *columns in rows:
            life = Life(*(check(column) for check, column in zip(_COLUMNS_OF_LIFE, columns, strict=True)))
            lives[life.id] = life
            numbers[life.id] = number
    return lives, numbers


def _purged(transaction: Transaction, ids: Mapping[str, str], lives: Mapping[str, Life]) -> set[str]:
    """Return those of the runs that are gone for good."""
    unknown = {stored: run for run, stored in ids.items() if stored not in lives}
    found: set[str] = set()
    for part in sliced(sorted(unknown)):
        found.update(unknown[run] for (run,) in transaction.rows(f"SELECT run FROM purged WHERE run IN ({marks(part)})", part))
    return found


def _drafts(
    transaction: Transaction, batch: Batch, ids: Mapping[str, str], lives: Mapping[str, Life], numbers: Mapping[str, int], keys: KeyNumbers
) -> dict[str, Draft]:
    """Return a draft for each run of the batch that the tables have, which begins with what of it the batch may change."""
    measured: dict[str, set[str]] = {}
    for event in batch.events:
        if isinstance(event, MetricPoints) and ids[event.run] in numbers:
            measured.setdefault(event.run, set()).add(event.key)
    drafts = {}
    for run, stored in ids.items():
        if stored in lives:
            known = summaries(transaction, numbers[stored], measured[run], keys) if run in measured else {}
            drafts[run] = Draft(lives[stored], points={key: Points(key, before) for key, before in known.items()})
    return drafts


def _write_lives(transaction: Transaction, drafts: Sequence[Draft], experiment_numbers: Mapping[str, int]) -> _Drafts:
    """Write the runs' own rows, and return the drafts by number."""
    columns = (
        "name, experiment, status, start_time, end_time, last_time, parent_id, kind, error, deleted_time, opened, owner, moved, renamed"
    )
    transaction.many(
        _upsert("runs", "id", columns),
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
    numbered = {}
    for part in sliced(list(by_id)):
        for number, run in transaction.rows(f"SELECT no, id FROM runs WHERE id IN ({marks(part)})", part):
            numbered[number] = by_id[run]
    return numbered


def _write_params_and_tags(transaction: Transaction, drafts: _Drafts, numbers: Mapping[str, int]) -> None:
    transaction.many(
        _upsert("params", "run, key", "type, number, text, provenance, spilled"),
        ((run, numbers[key], *param_row(value)) for run, draft in drafts.items() for key, value in draft.params.items()),
    )
    tags = [(run, numbers[key], value) for run, draft in drafts.items() for key, value in draft.tags.items()]
    transaction.many(_upsert("tags", "run, key", "value"), [(run, key, storable(value)) for run, key, value in tags if value is not None])
    transaction.many("DELETE FROM tags WHERE run = ? AND key = ?", [(run, key) for run, key, value in tags if value is None])


def _write_metrics(transaction: Transaction, drafts: _Drafts, numbers: Mapping[str, int]) -> None:
    summed: list[tuple[Any, ...]] = []
    added: list[tuple[Any, ...]] = []
    for run, draft in drafts.items():
        for key, points in draft.points.items():
            if not len(points.history):
                continue
            start = points.before.count if points.before else 0
            summed.append((run, numbers[key], *summary_row(points.summary())))
            added += _chunk_rows(transaction, run, numbers[key], points.history, start)
    columns = "last, last_step, last_time, least, least_step, most, most_step, first, points, goal, best"
    transaction.many(_upsert("metrics", "run, key", columns), summed)
    transaction.many(_NEW_CHUNK, added)
    for run, draft in drafts.items():
        if draft.ended:
            _compact(transaction, run)


_NEW_CHUNK = "INSERT INTO chunks (run, key, start, points, content) VALUES (?, ?, ?, ?, ?)"


def _chunk_rows(
    transaction: Transaction, run: int, key: int, history: History, start: int, *, whole: bool = False
) -> Iterator[tuple[Any, ...]]:
    """Return rows for points that follow the first ``start``, and take back the chunks before them that are better rewritten.

    A chunk that is not full is rewritten together with as many points as it has, or more; so however points arrive, each is
    rewritten a few times and a history has few chunks. ``whole`` rewrites all that are not full.
    """
    absorbed = []
    if start:
        rows = transaction.rows("SELECT start, points FROM chunks WHERE run = ? AND key = ? ORDER BY start DESC", (run, key))
        total = len(history)
        for first, count in rows:
            if count >= chunks.FULL or (count > total and not whole):
                break
            total += count
            absorbed.append(first)
    if absorbed:
        start = absorbed[-1]
        earlier = History()
        arguments = (run, key, start)
        for (content,) in transaction.rows("SELECT content FROM chunks WHERE run = ? AND key = ? AND start >= ? ORDER BY start", arguments):
            chunks.decode(content, earlier)
        transaction.many("DELETE FROM chunks WHERE run = ? AND key = ? AND start >= ?", [arguments])
        for column, more in zip(_columns(earlier), _columns(history), strict=True):
            column.extend(more)
        history = earlier
    for at in range(0, len(history), chunks.FULL):
        piece = history if len(history) <= chunks.FULL else History(*(column[at : at + chunks.FULL] for column in _columns(history)))
        yield run, key, start + at, len(piece), chunks.encode(piece)


def _columns(history: History) -> tuple[Any, ...]:
    return history.step, history.epoch, history.timestamp, history.value


def _compact(transaction: Transaction, run: int) -> None:
    """Rewrite the chunks of a run that has ended into as few as can be."""
    rows = transaction.rows(
        "SELECT key, SUM(points) FROM chunks WHERE run = ? AND points < ? GROUP BY key HAVING COUNT(*) > 1", (run, chunks.FULL)
    )
    for key, count in rows:
        transaction.many(_NEW_CHUNK, list(_chunk_rows(transaction, run, key, History(), int(count), whole=True)))


def _write_files_and_facts(transaction: Transaction, drafts: _Drafts) -> None:
    transaction.many(
        _upsert("datasets", "run, name, role, digest", "facts"),
        [
            (run, storable(item.name), storable(item.role), storable(item.digest), packed(item.facts))
            for run, draft in drafts.items()
            for item in draft.datasets.values()
        ],
    )
    transaction.many(
        _upsert("models", "run, path", "flavor, digest, facts"),
        [
            (run, storable(item.path), storable(item.flavor), item.digest, packed(item.facts))
            for run, draft in drafts.items()
            for item in draft.models.values()
        ],
    )
    transaction.many(
        _upsert("artifacts", "run, path", "digest, size"),
        [(run, storable(item.path), item.digest, item.size) for run, draft in drafts.items() for item in draft.artifacts.values()],
    )
    transaction.many(
        _upsert("documents", "run, name", "content"),
        [(run, storable(name), packed(content)) for run, draft in drafts.items() for name, content in draft.documents.items()],
    )


def _write_catalogue(transaction: Transaction, drafts: _Drafts, numbers: Mapping[str, int], begun: set[str]) -> None:
    """Note which keys the experiments have: all of a run that comes there, for it may have had some before, and what is new of others."""
    whole, added = [], []
    for run, draft in drafts.items():
        if draft.life.experiment is None:
            continue
        if storable(draft.life.id) in begun:
            whole.append((run,))
        else:
            added += [("params", numbers[key], run) for key in draft.params]
            added += [("metrics", numbers[key], run) for key, points in draft.points.items() if len(points.history)]
            added += [("tags", numbers[key], run) for key, value in draft.tags.items() if value is not None]
    for table in ("params", "metrics", "tags"):
        transaction.many(
            f"INSERT INTO catalogue (experiment, entity, key) SELECT r.experiment, '{table}', t.key"
            f" FROM runs r JOIN {table} t ON t.run = r.no WHERE r.no = ? ON CONFLICT DO NOTHING",
            whole,
        )
    transaction.many(
        "INSERT INTO catalogue (experiment, entity, key) SELECT experiment, ?, ? FROM runs WHERE no = ? ON CONFLICT DO NOTHING", added
    )
