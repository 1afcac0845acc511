"""Addresses of stores: what all spellings have in common, and nothing that opens them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fitprint.errors import StoreError, UnknownStoreError
from fitprint.stores.addresses import address_of, hidden, public, whole
from fitprint.stores.opening import open_store


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://host/db",
        "postgresql://bob:secret@host/db",
        "postgres://alice:other@HOST:5432/db/",
        "PostgreSQL://host:5432/db",
        "postgresql://host/db?password=secret",
        "postgresql://bob:se/cret@host/db",
        "postgresql://bob:se@cret@host/db",
        "postgresql://bob@host/db#part",
    ],
)
def test_fault_25_all_spellings_of_a_store_have_one_address(uri: str) -> None:
    """Neither user nor password, nor the usual port,
    nor the case of the host makes another store.
    """
    assert "postgresql://host/db" == address_of(uri)


def test_fault_25_other_stores_have_other_addresses() -> None:
    """Host, port, path and what a query chooses tell stores apart."""
    uris = [
        "pg://a/db",
        "pg://b/db",
        "pg://a:1/db",
        "pg://a/other",
        "pg://a/db?schema=x",
        "pg://a/db?schema=y",
        "memory://a",
        "memory://b",
    ]
    assert len(uris) == len(set(map(address_of, uris)))
    assert address_of("pg://a/db?b=2&a=1") == address_of("pg://a/db?a=1&b=2")


def test_fault_25_a_relative_path_is_that_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folders have two stores of one relative name, and one store has one address, however its
    path is written.
    """
    monkeypatch.chdir(tmp_path)
    assert (
        f"sqlite:///{tmp_path}/runs.db"
        == address_of("sqlite:///runs.db")
        == address_of(f"sqlite:///{tmp_path}/x/../runs.db")
    )


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        (
            "postgresql://bob:secret@host:5432/db?sslmode=require",
            "postgresql://bob@host:5432/db?sslmode=require",
        ),
        ("postgresql://bob:se/cr?et@host/db", "postgresql://bob@host/db"),
        ("postgresql://host/db?user=bob&password=secret", "postgresql://host/db"),
        ("https://0123456789secret0123456789@host/runs", "https://host/runs"),
        ("https://secret@host/runs?api_key=secret", "https://host/runs"),
        ("postgresql:bob:secret@host/db", "…@host/db"),
        ("sqlite:////srv/a@b/runs.db", "sqlite:////srv/a@b/runs.db"),
        ("lines:///srv/a/runs.jsonl", "lines:///srv/a/runs.jsonl"),
    ],
)
def test_fault_25_what_is_shown_of_a_store_opens_nothing(uri: str, shown: str) -> None:
    """The URI as it was given, without password, token or secret part of the query."""
    assert shown == public(uri)
    assert "secret" not in address_of(uri)
    assert f"no {shown}, denied" == hidden(f"no {uri}, denied", uri)


def test_fault_25_errors_of_a_database_hold_no_password() -> None:
    """What a driver says of the password alone goes, too."""
    assert "login bob:[redacted] failed" == hidden(
        "login bob:hunter2 failed", "postgresql://bob:hunter2@host/db"
    )


@pytest.mark.parametrize(
    "uri",
    [
        "postgresq://bob:hunter2@host/db",
        "postgresql:bob:hunter2@host/db",
        "postgresql://bob:hunter2@host/db",
    ],
)
def test_fault_25_a_store_that_nobody_provides_is_told_without_its_password(uri: str) -> None:
    """A typing error does not put a password on the screen."""
    with pytest.raises(UnknownStoreError) as raised:
        open_store(uri)
    assert "hunter2" not in str(raised.value)


def test_fault_25_a_password_is_found_where_it_is_kept(tmp_path: Path) -> None:
    """The variable comes first, then a file that nobody else can read; another store's password is
    none.
    """
    file = tmp_path / "fitprint" / "credentials"
    file.parent.mkdir()
    file.write_text(
        "# stores\npostgresql://bob:other@elsewhere/db\npostgresql://bob:from-file@HOST:5432/db\n"
    )
    file.chmod(0o600)
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert "postgresql://bob:from-file@HOST:5432/db" == whole("postgresql://host/db", environment)
    environment["FITPRINT_STORE"] = "postgresql://bob:from-variable@host/db"
    assert "postgresql://bob:from-variable@host/db" == whole("postgresql://host/db", environment)
    assert "postgresql://nobody/db" == whole("postgresql://nobody/db", environment)
    assert "postgresql://bob:mine@host/db" == whole("postgresql://bob:mine@host/db", environment)


def test_fault_25_passwords_that_others_can_read_are_refused(tmp_path: Path) -> None:
    """The message says what to do."""
    file = tmp_path / "fitprint" / "credentials"
    file.parent.mkdir()
    file.write_text("postgresql://bob:secret@host/db")
    file.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        whole("postgresql://host/db", {"XDG_CONFIG_HOME": str(tmp_path)})
