"""The core's own tests of stores, with this one."""

# ruff: noqa: F403

import pytest
import test_differential as differential
import test_differential_registry as registries
from hypothesis import HealthCheck, given, settings
from test_acts import *
from test_following import *
from test_happenings import *
from test_metrics import *
from test_points import *
from test_runs import *

from fitprint_postgres.store import PostgresStore


@pytest.fixture
def sqlite(store):
    """What some of these tests call the SQL store."""
    return store


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(batches=differential.BATCHES, queries=differential.QUERIES)
def test_the_store_agrees_with_the_reference(emptied, batches, queries):
    store = PostgresStore(emptied())
    try:
        differential.agrees(store, batches, queries)
    finally:
        store.close()


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(batches=registries.BATCHES, queries=registries.QUERIES)
def test_the_registry_agrees_with_the_reference(emptied, batches, queries):
    store = PostgresStore(emptied())
    try:
        registries.agrees(store, batches, queries)
    finally:
        store.close()


@pytest.mark.parametrize("name", ["e", "a\0b", "\ud800"])
def test_experiments_have_the_same_id_everywhere(store, name):
    memory = differential.MemoryStore()
    for each in (memory, store):
        each.append(differential.Batch("j", 0, 1, [differential.RunStarted("r1", 1, name, "a")]))
    assert [each.id for each in memory.experiments()] == [each.id for each in store.experiments()]
