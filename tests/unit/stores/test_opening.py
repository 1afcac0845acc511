"""Stores by URI."""

from __future__ import annotations

from pathlib import Path

import pytest

from fitprint.errors import PluginError, StoreError, UnknownStoreError
from fitprint.hooks.openers import Opener
from fitprint.stores.memory import MemoryStore
from fitprint.stores.opening import BUILTIN, open_store
from fitprint.stores.sql.store import SqlStore


def test_sqlite(tmp_path: Path) -> None:
    """The scheme sqlite opens a file."""
    store = open_store(f"sqlite:///{tmp_path}/a.db")
    assert isinstance(store, SqlStore)
    assert store.uri == f"sqlite:///{tmp_path}/a.db"
    store.close()


def test_memory_is_one_store_for_each_name() -> None:
    """Whoever opens the same name in this process gets the same store."""
    one = open_store("memory://test-opening-one")
    assert isinstance(one, MemoryStore)
    assert open_store("memory://test-opening-one") is one
    assert open_store("memory://test-opening-two") is not one


def test_factories_of_plugins() -> None:
    """A plugin's scheme opens with the plugin's factory, which is given the whole URI."""
    store = MemoryStore("mine://x")
    assert (
        open_store(
            "mine://x",
            {**BUILTIN, "mine": Opener(lambda uri: store if uri == "mine://x" else MemoryStore())},
        )
        is store
    )


def test_a_store_that_keeps_something_in_the_home_is_given_it(tmp_path: Path) -> None:
    """Where there is no home, that is said."""
    given: list[tuple[str, Path]] = []

    def made(uri: str, home: Path) -> MemoryStore:
        given.append((uri, home))
        return MemoryStore(uri)

    openers = {"mine": Opener(made, at_home=True)}
    open_store("mine://x", openers, tmp_path)
    assert [("mine://x", tmp_path)] == given
    with pytest.raises(StoreError, match="the store mine://y is one of a home"):
        open_store("mine://y", openers)


def test_fault_8_a_store_that_does_not_derive_is_told() -> None:
    """Members that all stores have would be missing: what it has to derive from is named."""
    with pytest.raises(
        PluginError,
        match=r"a object, for mine://, does not derive from fitprint\.stores\.protocol\.Store",
    ):
        open_store("mine://x", {"mine": Opener(lambda _: object())})


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("sqlit:///a.db", "did you mean sqlite://"),
        ("redis://host", "memory://, sqlite://"),
        (
            "postgresql://host/db",
            "use memory://, sqlite://, or install a plugin that brings this one",
        ),
        ("runs.db", "sqlite:///runs.db"),
        ("", "needs a scheme"),
    ],
)
def test_unknown_schemes_are_told_with_what_to_do(uri: str, words: str) -> None:
    """The message names the schemes there are, a near miss, and what to do; no package that there
    is not.
    """
    with pytest.raises(UnknownStoreError) as caught:
        open_store(uri)
    assert words in str(caught.value)
