"""The SQL store against the reference: whatever happened and whatever is asked, both answer the
same.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fitprint.entities import Artifact, Dataset, Experiment, History, LoggedModel, Param, RunRecord
from fitprint.errors import QueryError, RunNotFoundError
from fitprint.events import (
    ArtifactsLogged,
    ArtifactStoreChosen,
    Batch,
    BytesArrived,
    BytesFreed,
    ChangesFollowed,
    DatasetLogged,
    DocumentLogged,
    Event,
    ExperimentArchived,
    ExperimentCreated,
    ExperimentNoted,
    ExperimentRenamed,
    ExperimentRestored,
    ExperimentTagged,
    MetricPoints,
    ModelLogged,
    ParamsLogged,
    RunDeleted,
    RunEnded,
    RunMoved,
    RunNoted,
    RunPurged,
    RunRenamed,
    RunRestored,
    RunStarted,
    TagsSet,
)
from fitprint.query.grammar import parse
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import Store
from fitprint.stores.sql.sqlite import open_sqlite

RUNS = st.sampled_from(["r1", "r2", "r3"])
KEYS = st.sampled_from(["x", "y", "loss"])
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, math.nan, math.inf, -math.inf]), st.floats()
)
TIMES = st.integers(0, 30)
TEXTS = st.sampled_from(
    [
        "",
        "a",
        "A",
        "ab",
        "1",
        "1.0",
        "True",
        "nan",
        "None",
        "é",
        "É",
        "ſ",
        "İ",
        "%",
        "a_b",
        "[a]*?",
        "٣",
    ]
)
VALUES = st.one_of(
    TEXTS,
    NUMBERS,
    st.integers(-3, 3),
    st.booleans(),
    st.none(),
    st.lists(st.integers(0, 2), max_size=2),
)


@st.composite
def metric_points(draw: Any) -> MetricPoints:
    values = draw(st.lists(NUMBERS, max_size=4))
    steps = draw(st.lists(TIMES, min_size=len(values), max_size=len(values)))
    times = array("q", steps[::-1])
    epochs = array("d", [0.5] * len(values))
    goal = draw(st.sampled_from([None, None, "min", "max"]))
    return MetricPoints(
        draw(RUNS),
        draw(TIMES),
        draw(KEYS),
        History(array("q", steps), times, array("d", values), epochs),
        goal,
    )


ACTS = st.uuids().map(lambda drawn: drawn.hex)
ACTORS = st.sampled_from(["", "ann"])
GROUPS = st.sampled_from(["e", "f", "g", ""])
NUMBERED = st.sampled_from(["1" * 32, "2" * 32, "3" * 32])

EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        RunStarted,
        RUNS,
        TIMES,
        st.sampled_from(["e", "f"]),
        TEXTS,
        st.sampled_from([None, "r1"]),
        st.just("fit"),
        st.booleans(),
    ),
    st.builds(
        RunEnded, RUNS, TIMES, st.sampled_from(["FINISHED", "FAILED"]), st.one_of(st.none(), TEXTS)
    ),
    st.builds(RunDeleted, RUNS, TIMES),
    st.builds(RunRestored, RUNS, TIMES),
    st.builds(RunPurged, RUNS, TIMES, ACTS, ACTORS),
    st.builds(RunRenamed, RUNS, TIMES, ACTS, ACTORS, TEXTS),
    st.builds(RunNoted, RUNS, TIMES, ACTS, ACTORS, TEXTS),
    st.builds(RunMoved, RUNS, TIMES, ACTS, ACTORS, NUMBERED),
    st.builds(ExperimentCreated, NUMBERED, TIMES, ACTS, ACTORS, GROUPS),
    st.builds(ExperimentRenamed, NUMBERED, TIMES, ACTS, ACTORS, GROUPS),
    st.builds(
        ExperimentTagged,
        NUMBERED,
        TIMES,
        ACTS,
        ACTORS,
        st.dictionaries(KEYS, st.one_of(st.none(), TEXTS), max_size=3),
    ),
    st.builds(ExperimentNoted, NUMBERED, TIMES, ACTS, ACTORS, TEXTS),
    st.builds(ExperimentArchived, NUMBERED, TIMES, ACTS, ACTORS),
    st.builds(ExperimentRestored, NUMBERED, TIMES, ACTS, ACTORS),
    st.builds(ParamsLogged, RUNS, TIMES, st.dictionaries(KEYS, VALUES.map(Param), max_size=3)),
    st.builds(TagsSet, RUNS, TIMES, st.dictionaries(KEYS, st.one_of(st.none(), TEXTS), max_size=3)),
    metric_points(),
    st.builds(
        DatasetLogged,
        RUNS,
        TIMES,
        st.builds(Dataset, KEYS, st.sampled_from(["train", "test"]), TEXTS),
    ),
    st.builds(
        ArtifactsLogged, RUNS, TIMES, st.tuples(st.builds(Artifact, KEYS, TEXTS, st.integers(0, 9)))
    ),
    st.builds(ModelLogged, RUNS, TIMES, st.builds(LoggedModel, KEYS, TEXTS, TEXTS)),
    st.builds(DocumentLogged, RUNS, TIMES, KEYS, VALUES.filter(lambda value: value == value)),
    st.builds(ArtifactStoreChosen, TIMES, KEYS),
    st.builds(BytesArrived, TIMES, st.lists(TEXTS, max_size=3).map(tuple)),
    st.builds(BytesFreed, TIMES, st.lists(TEXTS, max_size=3).map(tuple)),
    st.builds(
        ChangesFollowed,
        TIMES,
        st.just("hooks"),
        ACTORS,
        st.sampled_from([0, 3600]),
        st.sampled_from([None, "1", "2"]),
    ),
)

FIELDS = st.sampled_from(
    (
        "metrics.x metrics.loss min(loss) max(x) best(loss) first(y) count(x) params.x "
        "params.y tags.x tags.loss name status experiment parent_id error start_time end_time "
        "last_time duration datasets.name datasets.role datasets.digest metrics.none "
        "params.none"
    ).split()
)
QUOTED = TEXTS.map(lambda text: "'" + text + "'")
NUMERALS = st.one_of(
    st.sampled_from("0 1 2 nan inf -inf -1.5".split()), st.floats(allow_nan=False).map(repr)
)
LITERALS = st.one_of(
    QUOTED, NUMERALS, st.sampled_from(["true", "false", "none", "'1970-01-01T00:00:00.000010'"])
)


def composed(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(parts, st.sampled_from(["and", "or"]), parts).map(
            lambda found: f"({' '.join(found)})"
        ),
        parts.map("not {}".format),
    )


LISTS = st.lists(LITERALS, min_size=1, max_size=3).map(lambda each: f"({', '.join(each)})")
COMPARISONS = st.one_of(
    st.tuples(FIELDS, st.sampled_from("= != < <= > >=".split()), LITERALS).map(" ".join),
    st.tuples(FIELDS, st.sampled_from(["in", "not in"]), LISTS).map(" ".join),
    st.tuples(FIELDS, st.sampled_from(["like", "ilike", "not like", "not ilike"]), QUOTED).map(
        " ".join
    ),
    st.tuples(FIELDS, st.sampled_from(["is null", "is not null"])).map(" ".join),
)


def readable(text: str) -> bool:
    try:
        parse(text, order_by=[] if " " in text else [text])
    except QueryError:
        return False
    return True


FILTERS = st.recursive(COMPARISONS.filter(readable), composed, max_leaves=5)
ORDERS = st.lists(
    st.tuples(
        FIELDS.filter(lambda field: "dataset" not in field), st.sampled_from(["", " desc"])
    ).map("".join),
    max_size=3,
)


def comparable(run: RunRecord) -> str:
    """Return all of a run as text, in which NaN equals NaN, order of keys does not matter, and
    summaries need no sign of zero.
    """
    mappings: dict[str, Any] = {
        name: dict(sorted(getattr(run, name).items()))
        for name in ("params", "metrics", "tags", "documents")
    }
    mappings["metrics"] = {
        key: [0.0 if value == 0 else value for value in astuple(summary)]
        for key, summary in mappings["metrics"].items()
    }
    return repr(
        replace(
            run,
            datasets=tuple(sorted(run.datasets, key=repr)),
            models=tuple(sorted(run.models, key=repr)),
            **mappings,
        )
    )


def experiments(store: Store) -> list[Experiment]:
    """Return all experiments but for what each store draws or counts by itself."""
    given = ("1" * 32, "2" * 32, "3" * 32)
    return [
        replace(each, id=each.id if each.id in given else "", number=0)
        for each in store.experiments()
    ]


def decided(store: Store, act: str) -> object:
    decision = store.decision(act)
    return decision and (replace(decision, decided_at=0, refusal=decision.refusal and "refused"))


def followed(store: Store) -> object:
    known = store.consumer("hooks")
    return known and (known.holder, known.cursor)


def outcome(store: Store, run: str) -> str:
    try:
        return comparable(store.run(run))
    except RunNotFoundError:
        return "unknown"


BATCHES = st.lists(
    st.tuples(st.sampled_from(["j1", "j2"]), st.lists(EVENTS, max_size=12)), min_size=1, max_size=5
)
QUERIES = st.lists(
    st.tuples(FILTERS, ORDERS, st.sampled_from(["exclude", "include", "only"])),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


@pytest.mark.parametrize("name", ["e", "a\0b", "\ud800"])
def test_experiments_have_the_same_id_everywhere(folder: Path, name: str) -> None:
    """It follows from the name as it was given and from the run, however a store spells texts."""
    memory, sql = MemoryStore(), open_sqlite(f"sqlite:///{folder / uuid4().hex}.db")
    for store in (memory, sql):
        store.append(Batch("j", 0, 1, [RunStarted("r1", 1, name, "a")]))
    found = [[each.id for each in store.experiments()] for store in (memory, sql)]
    sql.close()
    assert found[0] == found[1]


@pytest.mark.thorough
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(batches=BATCHES, queries=QUERIES)
def test_both_stores_agree(
    folder: Path,
    batches: Sequence[tuple[str, list[Event]]],
    queries: Sequence[tuple[str, list[str], Any]],
) -> None:
    path = folder / f"{uuid4().hex}.db"
    sql = open_sqlite(f"sqlite:///{path}")
    try:
        agrees(sql, batches, queries)
    finally:
        sql.close()
        path.unlink()


def agrees(
    sql: Store,
    batches: Sequence[tuple[str, list[Event]]],
    queries: Sequence[tuple[str, list[str], Any]],
) -> None:
    """After any events in any batches: the same runs, histories, experiments, keys, and the same
    answers page by page.
    """
    memory = MemoryStore()
    for store in (memory, sql):
        for journal, events in batches:
            start = store.position(journal)
            store.append(Batch(journal, start, start + len(events) + 1, events))
    for run in ("r1", "r2", "r3"):
        assert outcome(sql, run) == outcome(memory, run)
        for key in ("x", "y", "loss"):
            assert repr(sql.metric_history(run, key)) == repr(memory.metric_history(run, key))
    for journal in ("j1", "j2"):
        assert sorted(map(repr, sql.open_runs(journal))) == sorted(
            map(repr, memory.open_runs(journal))
        )
    for since in ("", *map(str, range(1, int(memory.changes().cursor or 0) + 1))):
        assert sql.changes(since, limit=3) == memory.changes(since, limit=3)
    assert followed(sql) == followed(memory)
    assert sql.artifact_uri == memory.artifact_uri
    assert {item.digest for item in sql.pending()} == {item.digest for item in memory.pending()}
    assert experiments(sql) == experiments(memory)
    acts = [event.id for _, events in batches for event in events if hasattr(event, "id")]
    assert [decided(sql, act) for act in acts] == [decided(memory, act) for act in acts]
    for text, order_by, deleted in queries:
        query = parse(text, order_by=order_by, deleted=deleted)
        token = None
        while True:
            expected = memory.search_runs(query, limit=2, token=token)
            found = sql.search_runs(query, limit=2, token=token)
            assert [comparable(run) for run in found.runs] == [
                comparable(run) for run in expected.runs
            ]
            assert (found.token is None) == (expected.token is None)
            token = expected.token
            if token is None:
                break
