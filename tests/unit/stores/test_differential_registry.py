"""The registry of the SQL store against that of the reference: whatever acts came and whatever is
asked, both answer the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fitprint import clock
from fitprint.entities import Artifact, History, LoggedModel, Param
from fitprint.errors import QueryError, RegisteredModelNotFoundError
from fitprint.events import (
    AliasMoved,
    ArtifactStoreChosen,
    Batch,
    Event,
    MetricPoints,
    ModelVersionCreated,
    ModelVersionEdited,
    ParamsLogged,
    RegisteredModelEdited,
    RunDeleted,
    RunPurged,
    RunStarted,
)
from fitprint.query.fields import VERSIONS
from fitprint.query.grammar import parse
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import ModelRegistry, Store
from fitprint.stores.sql.sqlite import open_sqlite

NAMES = st.sampled_from(["churn", "churn", "fraud", "é", "a/b", "", "a\0b", "\ud800"])
RUNS = st.sampled_from(["r1", "r2", ""])
TEXTS = st.sampled_from(["", "a", "A", "é", "1", "x%", "a\0b"])
KEYS = st.sampled_from(["x", "y"])
ACTS = st.one_of(st.uuids().map(lambda drawn: drawn.hex), st.sampled_from(["1" * 32, "2" * 32]))
ACTORS = st.sampled_from(["", "ann", "bob"])
ALIASES = st.sampled_from(["champion", "spare", "latest", "3", "é"])
NUMBERS = st.integers(0, 4)
TIMES = st.just(1)
TAGS = st.dictionaries(KEYS, st.one_of(st.none(), TEXTS), max_size=2)
EVALUATIONS = st.dictionaries(
    st.sampled_from(["test", "held"]),
    st.tuples(
        st.sampled_from(["d1", "d2", 0]),
        st.just("t"),
        st.dictionaries(
            KEYS, st.one_of(st.floats(0, 1), st.sampled_from([10**400, "1", True, 0])), max_size=2
        ),
        st.just({"x": "min"}),
    ).map(list),
    max_size=2,
)
RULES = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "approvals": st.integers(-1, 2),
            "beats": st.sampled_from(["test_x", "held_y", "none"]),
        },
    ),
    st.just("wrong"),
)
OF_VERSIONS = st.fixed_dictionaries(
    {},
    optional={
        "note": TEXTS,
        "tags": TAGS,
        "stage": st.sampled_from(["None", "Staging", "Best"]),
        "evaluations": EVALUATIONS,
        "approved": ALIASES,
        "deleted": st.booleans(),
    },
)
OF_MODELS = st.fixed_dictionaries(
    {},
    optional={
        "created": st.booleans(),
        "name": NAMES,
        "note": TEXTS,
        "tags": TAGS,
        "rules": st.dictionaries(ALIASES, RULES, max_size=2),
        "deleted": st.booleans(),
        "unheard": st.just(1),
    },
)
FILES = st.lists(
    st.builds(
        Artifact,
        st.sampled_from(["MLmodel", "data"]),
        st.sampled_from(["d1", "d2"]),
        st.integers(0, 9),
    ),
    max_size=2,
)
MODELS = st.builds(LoggedModel, st.just("model"), TEXTS, st.sampled_from(["m1", "m2", "m3"]))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        ModelVersionCreated,
        NAMES,
        TIMES,
        ACTS,
        ACTORS,
        RUNS,
        MODELS,
        FILES.map(lambda found: tuple({each.path: each for each in found}.values())),
        OF_VERSIONS,
    ),
    st.builds(
        ModelVersionCreated, st.just("churn"), TIMES, ACTS, ACTORS, RUNS, MODELS, st.just(())
    ),
    st.builds(RegisteredModelEdited, NAMES, TIMES, ACTS, ACTORS, OF_MODELS, TEXTS),
    st.builds(ModelVersionEdited, NAMES, TIMES, ACTS, ACTORS, NUMBERS, OF_VERSIONS, TEXTS),
    st.builds(
        AliasMoved,
        NAMES,
        TIMES,
        ACTS,
        ACTORS,
        ALIASES,
        NUMBERS,
        st.one_of(st.none(), NUMBERS),
        st.booleans(),
        TEXTS,
    ),
    st.builds(
        AliasMoved, st.just("churn"), TIMES, ACTS, ACTORS, st.just("champion"), st.integers(1, 3)
    ),
    st.builds(RunStarted, st.sampled_from(["r1", "r2"]), TIMES, st.just("e"), TEXTS),
    st.builds(
        ParamsLogged,
        st.sampled_from(["r1", "r2"]),
        TIMES,
        st.dictionaries(KEYS, st.integers(0, 2).map(Param), max_size=2),
    ),
    st.builds(MetricPoints, st.sampled_from(["r1", "r2"]), TIMES, KEYS, st.just(History())),
    st.builds(RunDeleted, st.sampled_from(["r1", "r2"]), TIMES),
    st.builds(RunPurged, st.sampled_from(["r1", "r2"]), TIMES, ACTS, ACTORS),
    st.builds(ArtifactStoreChosen, TIMES, KEYS),
)

FIELDS = (
    "name version alias run_id flavor digest stage actor note created tags.x tags.y "
    "params.x metrics.y"
).split()
LITERALS = st.one_of(
    TEXTS.filter(lambda text: "\0" not in text).map("'{}'".format),
    st.sampled_from(["0", "1", "2", "'churn'", "'champion'", "'ann'"]),
)
COMPARISONS = st.one_of(
    st.tuples(st.sampled_from(FIELDS), st.sampled_from("= != < >= like".split()), LITERALS).map(
        " ".join
    ),
    st.tuples(
        st.sampled_from(FIELDS), st.sampled_from(["in", "not in"]), LITERALS.map("({})".format)
    ).map(" ".join),
    st.tuples(st.sampled_from(FIELDS), st.sampled_from(["is null", "is not null"])).map(" ".join),
)


def readable(text: str) -> bool:
    try:
        parse(text, vocabulary=VERSIONS)
    except QueryError:
        return False
    return True


READABLE = COMPARISONS.filter(readable)
FILTERS = st.one_of(
    READABLE,
    READABLE.map("not {}".format),
    st.tuples(READABLE, READABLE).map(" or ".join),
    st.just(""),
)
ORDERS = st.lists(st.sampled_from([field for field in FIELDS if field != "alias"]), max_size=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


def told(registry: ModelRegistry) -> list[object]:
    """Return all that a registry says without a filter."""
    found: list[object] = []
    for model in registry.models():
        found += [model, registry.model(model.name), *registry.decisions(model.id)]
        for alias in ("champion", "spare"):
            found += registry.decisions(
                model.id, act="AliasMoved", alias=alias, until=model.changed - 1, limit=2
            )
        for number in range(1, 6):
            try:
                found.append(registry.version(model.name, number))
            except RegisteredModelNotFoundError as error:
                found.append(str(error))
    return found


def plain(found: object) -> str:
    return repr(found).replace("a\\\\x00b", "a\\x00b")  # databases refuse this letter


BATCHES = st.lists(st.lists(EVENTS, max_size=14), min_size=1, max_size=4)
QUERIES = st.lists(
    st.tuples(FILTERS, ORDERS, st.sampled_from(["exclude", "include", "only"])),
    min_size=1,
    max_size=6,
)


@pytest.mark.thorough
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(batches=BATCHES, queries=QUERIES)
def test_both_registries_agree(
    folder: Path, batches: Sequence[list[Event]], queries: Sequence[tuple[str, list[str], Any]]
) -> None:
    path = folder / f"{uuid4().hex}.db"
    sql = open_sqlite(f"sqlite:///{path}")
    try:
        agrees(sql, batches, queries)
    finally:
        sql.close()
        path.unlink()


def agrees(
    sql: Store, batches: Sequence[list[Event]], queries: Sequence[tuple[str, list[str], Any]]
) -> None:
    """After any acts in any batches: the same models, versions and decisions, and the same answers
    page by page.
    """
    with clock.replaced(lambda: 1_700_000_000_000_000):
        memory = MemoryStore("memory://")
        memory.now = clock.now
        for store in (memory, sql):
            for events in batches:
                start = store.position("j")
                store.append(Batch("j", start, start + len(events) + 1, events, {"user": "eve"}))
        assert plain(told(sql.registry)) == plain(told(memory.registry))
        assert sql.changes() == memory.changes()
        assert {item.digest for item in sql.pending()} == {item.digest for item in memory.pending()}
        for text, order_by, deleted in queries:
            query = parse(text, order_by=order_by, deleted=deleted, vocabulary=VERSIONS)
            token = None
            while True:
                expected, found = (
                    store.registry.search(query, limit=2, token=token) for store in (memory, sql)
                )
                assert plain(found.versions) == plain(expected.versions)
                assert (found.token is None) == (expected.token is None)
                token = expected.token
                if token is None:
                    break
