"""Records and histories out of the tables."""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fitprint.entities import Artifact, Dataset, LoggedModel, MetricSummary, RunRecord
from fitprint.stores.sql.damage import number as whole_number
from fitprint.stores.sql.damage import text
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.keys import KeyNumbers, marks, sliced
from fitprint.stores.sql.rows import (
    SUMMARY_COLUMNS,
    Lazy,
    facts,
    life,
    param,
    run_columns,
    summary,
    unpacked,
)

__all__ = ["records", "summaries"]

_Row = tuple[Any, ...]
_SUMMARY = ", ".join(SUMMARY_COLUMNS)


def records(
    transaction: Transaction, runs: Sequence[int], keys: KeyNumbers, now: int
) -> list[RunRecord]:
    """Return the runs with these numbers, in this order, as they are at this time of the
    database's clock.
    """
    params = _by_key(
        transaction, runs, "type, number, text, provenance, spilled FROM fp_params", keys
    )
    metrics = _by_key(transaction, runs, f"{_SUMMARY} FROM fp_metrics", keys)
    tags = _by_key(transaction, runs, "value FROM fp_tags", keys)
    datasets = _by_run(transaction, runs, "name, role, digest, facts FROM fp_datasets", "no")
    models = _by_run(transaction, runs, "path, flavor, digest, facts FROM fp_models", "no")
    artifacts = _by_run(transaction, runs, "path, digest, size FROM fp_artifacts", "path")
    documents = _by_run(transaction, runs, "name, content FROM fp_documents", "name")
    lives = _of(
        transaction,
        runs,
        f"SELECT r.no, {run_columns(now)} FROM fp_runs r "
        "JOIN fp_experiments e ON e.no = r.experiment WHERE r.no",
    )
    made = {}
    for row in lives:
        number = row[0]
        made[number] = RunRecord(
            **life(row[1:]),
            params=Lazy(params[number], param),
            metrics=Lazy(metrics[number], summary),
            tags={key: text(tag[-1]) for key, tag in tags[number].items()},
            datasets=tuple(
                Dataset(name=text(name), role=text(role), digest=text(digest), facts=facts(content))
                for _, name, role, digest, content in datasets[number]
            ),
            models=tuple(
                LoggedModel(
                    path=text(path), flavor=text(flavor), digest=text(digest), facts=facts(content)
                )
                for _, path, flavor, digest, content in models[number]
            ),
            artifacts=tuple(
                Artifact(path=text(path), digest=text(digest), size=whole_number(size))
                for _, path, digest, size in artifacts[number]
            ),
            documents=Lazy(
                {text(name): content for _, name, content in documents[number]}, unpacked
            ),
        )
    return [made[number] for number in runs]


def summaries(
    transaction: Transaction, wanted: Mapping[int, Collection[str]], keys: KeyNumbers
) -> dict[int, dict[str, MetricSummary]]:
    """Return, by the number of a run, those of the metrics wanted of it that it has."""
    alike: dict[frozenset[str], list[int]] = defaultdict(list)  # runs of one program have the same
    for run, metrics in wanted.items():
        alike[frozenset(metrics)].append(run)
    found: dict[int, dict[str, MetricSummary]] = {run: {} for run in wanted}
    for metrics, runs in alike.items():
        names = {number: key for key, number in keys.find(transaction, metrics).items()}
        for some in sliced(runs):
            for part in sliced(list(names)):
                rows = transaction.rows(
                    f"SELECT run, key, {_SUMMARY} FROM fp_metrics WHERE run IN ({marks(some)}) AND "
                    f"key IN ({marks(part)})",
                    (*some, *part),
                )
                for row in rows:
                    found[row[0]][names[row[1]]] = summary(row)
    return found


def _by_key(
    transaction: Transaction, runs: Sequence[int], select: str, keys: KeyNumbers
) -> Mapping[int, Mapping[str, _Row]]:
    """Return rows by run and key; each begins with the two."""
    rows = _of(transaction, runs, f"SELECT run, key, {select} WHERE run")
    names = keys.names(transaction, {row[1] for row in rows})
    found: dict[int, dict[str, _Row]] = defaultdict(dict)
    for row in rows:
        found[row[0]][names[row[1]]] = row
    return found


def _by_run(
    transaction: Transaction, runs: Sequence[int], select: str, order: str
) -> Mapping[int, list[_Row]]:
    """Return rows by run, in the order of a column; each begins with the run."""
    found: dict[int, list[_Row]] = defaultdict(list)
    for row in _of(transaction, runs, f"SELECT run, {select} WHERE run", order):
        found[row[0]].append(row)
    return found


def _of(transaction: Transaction, runs: Sequence[int], select: str, order: str = "") -> list[_Row]:
    """Return the rows that belong to the runs, whose numbers complete the
    statement's last words.
    """
    rows: list[_Row] = []
    for part in sliced(runs):
        rows += transaction.rows(
            f"{select} IN ({marks(part)})" + (f" ORDER BY {order}" if order else ""), part
        )
    return rows
