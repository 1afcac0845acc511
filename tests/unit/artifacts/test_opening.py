"""Artifact stores by URL."""

from __future__ import annotations

import pytest

from fitprint.artifacts.opening import default_for, open_artifact_store, resolved
from fitprint.errors import StoreError, UnknownStoreError
from fitprint.hooks.openers import Opener, is_at_hand


@pytest.mark.parametrize(
    ("store", "default", "place"),
    [
        ("sqlite:////shared/team.db", "team.db.artifacts", "file:///shared/team.db.artifacts"),
        (
            "sqlite:////shared/a b/%41.db",
            "%41.db.artifacts",
            "file:///shared/a%20b/%2541.db.artifacts",
        ),
        ("sqlite:////home/ada/.fitprint/fitprint.db", "blobs", "file:///home/ada/.fitprint/blobs"),
        ("memory://here", "memory://here", "memory://here"),
    ],
)
def test_where_files_go_if_nobody_chose(store: str, default: str, place: str) -> None:
    """Beside the database, by a name that holds wherever that lies; in memory with a store that is
    there.
    """
    assert default == default_for(store)
    assert place == resolved(default, store)
    assert place == open_artifact_store(place).uri


@pytest.mark.parametrize("place", ["/etc", "..", "../elsewhere", "a/../../x", "a/b", ""])
def test_a_place_beside_the_database_is_a_name(place: str) -> None:
    """Whoever can write to a store cannot lead others' files out of its folder by a path."""
    with pytest.raises(StoreError, match="is not the name of a folder next to its database"):
        resolved(place, "sqlite:////shared/team.db")


def test_other_stores_have_no_default() -> None:
    """Nobody knows what lies beside them."""
    assert [None, None] == [default_for("postgresql://host/db"), default_for("lines:///runs.jsonl")]


@pytest.mark.parametrize(
    "uri", ["file://", "file:///", "file://host/path", "file://relative", "file:///a%00b"]
)
def test_what_is_no_folder_is_refused(uri: str) -> None:
    """With the way to write one."""
    with pytest.raises(StoreError, match="file:///absolute/path"):
        open_artifact_store(uri)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("/shared/bytes", "needs a scheme"),
        ("fil:///shared/bytes", "did you mean file://?"),
        (
            "bucket://bob:secret@host/runs",
            (
                "no installed plugin provides artifact stores at bucket://; use file://, "
                "memory://, or install a plugin"
            ),
        ),
    ],
)
def test_an_unknown_scheme_is_told(uri: str, told: str) -> None:
    """With the schemes that there are, and no password."""
    with pytest.raises(UnknownStoreError, match=told) as caught:
        open_artifact_store(uri)
    assert "secret" not in str(caught.value)


def test_a_scheme_with_a_plus_stands_for_all_that_begin_so():
    """But for those that are registered themselves; and it is told as such."""
    opened = []
    openers = {
        "far+": Opener(lambda uri: opened.append("any") or open_artifact_store("memory://any")),
        "far+near": Opener(
            lambda uri: opened.append("near") or open_artifact_store("memory://near"), "on-read"
        ),
    }

    open_artifact_store("far+sftp://host/path", openers)
    open_artifact_store("far+near://host/path", openers)

    assert ["any", "near"] == opened
    assert [False, True] == [is_at_hand(f"far+{name}://x", openers) for name in ("sftp", "near")]
    with pytest.raises(UnknownStoreError, match=r"use far\+…://, far\+near://, or install"):
        open_artifact_store("far://host/path", openers)
