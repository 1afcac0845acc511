"""``fitprint gc`` and ``fitprint du``."""

from __future__ import annotations

import json

import pytest

import fitprint
from fitprint.recording.workspace import current


def kept():
    """Return the contents of the files in the home that the test put there."""
    found = {path.read_bytes() for path in current().staging.root.glob("??/*")}
    return {content for content in found if content.startswith(b"kept ")}


@pytest.fixture
def runs(home):
    """Two runs with the same file, and one with another in another experiment."""
    fitprint.configure(context=False)
    made = []
    for name, experiment, text in (
        ("a", "one", "kept both"),
        ("b", "one", "kept both"),
        ("c", "two", "kept third"),
    ):
        with fitprint.start_run(name, experiment=experiment) as run:
            run.log_text(text, "file.txt")
        made.append(run)
    return made


def test_bytes_are_counted(command, runs):
    """What runs have in common counts once; what a line has alone is told."""
    found = json.loads(command("du", "--json").out)
    assert 19 == found["total"]
    assert [("two", 1, 10, 10), ("one", 2, 9, 9)] == [
        (each["name"], each["runs"], each["bytes"], each["alone"]) for each in found["lines"]
    ]
    by_run = json.loads(command("du", "--by", "run", "--json").out)["lines"]
    assert [("c", 10, 10), ("a", 9, 0), ("b", 9, 0)] == [
        (each["name"], each["bytes"], each["alone"]) for each in by_run
    ]
    assert "19 B in all, 1 more line (--top)" in command("du", "--top", "1").err


def test_what_is_freed_is_asked_for(command, runs):
    """And said, as text and as JSON."""
    assert "nothing to free" in command("gc", "--grace", "0").err
    for run in runs[1:]:
        fitprint.delete_run(run.id)
    place = current().shared.uri
    both = f"2 runs of the trash and 1 file (10 B) and 1 file (10 B) in {place}"
    asked = command("gc", "--grace", "0", "--trash", "0")
    assert (1, True) == (
        asked.status,
        f"nothing was freed of {both}; add --yes" in asked.err,
    )
    assert f"would free {both}" in command("gc", "--grace", "0", "--trash", "0", "--dry-run").err
    done = json.loads(command("gc", "--grace", "0", "--trash", "0", "--yes", "--json").out)
    assert ({each.id for each in runs[1:]}, 1, False) == (
        set(done["runs"]),
        done["blobs"],
        done["dry_run"],
    )
    assert {"uri": place, "blobs": 1, "bytes": 10, "note": ""} == done["artifact_store"]
    assert {b"kept both"} == kept()


def test_nothing_is_there(command, home):
    """An empty home is no mistake."""
    assert 0 == command("gc").status
    assert 0 == command("du").status
