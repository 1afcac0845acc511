"""What nobody needs goes, and nothing else: bytes of runs, of versions, of the trash, of journals
that wait, of other stores.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.errors import FitprintError, StoreError
from fitprint.recording.workspace import current


def blobs() -> set[bytes]:
    """Return the contents of all bytes in the home that a test of this file put there."""
    found = {path.read_bytes() for path in current().staging.root.glob("??/*")}
    return {content for content in found if content.startswith(b"kept ")}


def run_with(text: str, name: str | None = None) -> fitprint.Run:
    with fitprint.start_run(name) as run:
        run.log_text(f"kept {text}", "file.txt")
    return run


def collected(**options: Any) -> Any:
    return fitprint.collect_garbage(**{"grace_hours": 0, **options})


@pytest.fixture(autouse=True)
def quiet(home: Any) -> None:
    """Runs record nothing but what a test says."""
    fitprint.configure(context=False)


def test_bytes_go_when_nothing_refers_to_them() -> None:
    """Those of a purged run; what another run has stays, and so does what is in the trash."""
    gone, other, removed = run_with("one"), run_with("both"), run_with("three")
    with fitprint.start_run(run_id=gone.id):
        fitprint.log_text("kept both", "same.txt")
    for run in (gone, removed):
        fitprint.delete_run(run.id)
    fitprint.purge_run(gone.id)
    before = collected(dry_run=True)
    assert (1, 8, ()) == (before.blobs, before.size, before.runs)
    assert {b"kept one", b"kept both", b"kept three"} == blobs()
    assert before == collected()
    assert {b"kept both", b"kept three"} == blobs()
    assert "kept both" == other.read("file.txt").decode()


def test_runs_long_in_the_trash_are_purged_where_somebody_asks() -> None:
    """By the argument or the setting, with the runs below them; a dry run changes nothing."""
    run, stays = run_with("one"), run_with("two")
    fitprint.delete_run(run.id)
    assert () == collected().runs
    assert () == collected(trash_days=1).runs
    assert ((run.id,), 1) == collected(trash_days=0, dry_run=True)[:2]
    fitprint.configure(trash_days=0)
    assert ((run.id,), 1) == collected()[:2]
    assert {b"kept two"} == blobs()
    assert [stays.id] == [each.id for each in fitprint.search_runs()]


def test_a_version_keeps_its_bytes() -> None:
    """Also a removed one, whose run was purged."""

    with fitprint.start_run() as run:
        run.log_model({"weights": [1.0]})
    version = fitprint.register_model(run, "adds")
    fitprint.delete_run(run.id)
    fitprint.purge_run(run.id)
    version.delete()
    assert 0 == collected().blobs
    version.restore()
    assert version.download(Path("copy")).is_dir()


def test_what_was_put_lately_stays_and_to_put_it_again_counts() -> None:
    """By the time of its file, which is made new."""
    staging = current().staging
    digest = staging.put_bytes(b"kept lately")
    assert 0 == collected(grace_hours=24).blobs
    old = staging.path_of(digest)
    os.utime(old, (1, 1))
    staging.put_bytes(b"kept lately")
    assert 0 == collected(grace_hours=24).blobs
    os.utime(old, (1, 1))
    assert (1, 11) == collected(grace_hours=24)[1:3]


def test_what_a_journal_speaks_of_that_is_not_delivered_stays() -> None:
    """Also of one that was put aside as damaged."""
    run = run_with("one")
    workspace = current()
    journal = next(iter((workspace.home / "journal").iterdir()))
    kept = [path.read_bytes() for path in journal.glob("*.log")]
    fitprint.delete_run(run.id)
    fitprint.purge_run(run.id)
    aside = workspace.home / "journal" / ".damaged-18ec0000000000000000000000000000"
    aside.mkdir()
    for number, content in enumerate(kept, 1):
        (aside / f"{number:08d}.log").write_bytes(content)
    assert 0 == collected().blobs
    for path in aside.iterdir():
        path.unlink()
    aside.rmdir()
    assert 1 == collected().blobs


def test_stores_into_which_the_home_recorded_are_asked(tmp_path: Path) -> None:
    """One that cannot be asked keeps everything where it is, and the message says what to do."""
    other = f"sqlite:///{tmp_path / 'other.db'}"
    fitprint.configure(store=other)
    run_with("elsewhere")
    fitprint.search_runs()
    fitprint.configure(store=None)
    run_with("here")
    found = collected()
    assert (0, 2) == (found.blobs, len(found.stores))
    assert {b"kept elsewhere", b"kept here"} == blobs()
    for path in tmp_path.glob("other.db*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(
        StoreError,
        match=r"nothing is freed: .* is another store than it was .*take it out of .*stores.json",
    ):
        collected()
    assert {b"kept elsewhere", b"kept here"} == blobs()


@pytest.mark.parametrize(
    "options",
    [
        {"trash_days": -1},
        {"trash_days": "1"},
        {"grace_hours": True},
        {"grace_hours": float("nan")},
        {"trash_days": float("inf")},
    ],
)
def test_odd_numbers_are_refused(options: dict[str, Any]) -> None:
    """Nothing is freed."""
    with pytest.raises(FitprintError, match="must be a number from 0 on"):
        fitprint.collect_garbage(**options)


def test_what_is_delivered_while_it_is_collected_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journals are read before the stores: a record that passes from the one to the other is
    seen.
    """
    run_with("moves")
    workspace = current()
    original = type(workspace.known_store()).digests

    def late(store: Any, without: Any = ()) -> set[str]:
        found = original(store, without)
        workspace.sync()
        return found

    fitprint.search_runs()
    run_with("moves, too")
    monkeypatch.setattr(type(workspace.known_store()), "digests", late)
    monkeypatch.setattr(type(workspace), "store", property(lambda self: self.known_store()))
    assert 0 == collected().blobs


def test_nothing_outside_is_touched(tmp_path: Path) -> None:
    """Neither behind a link in the place of a folder, nor a folder in the place of a file; what a
    killed collection left is put back.
    """
    root = current().staging.root
    digest = current().staging.put_bytes(b"kept back")
    place = current().staging.path_of(digest)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ("e" * 62)).write_bytes(b"mine")
    (root / "ad").symlink_to(outside)
    (root / "ae").mkdir()
    (root / "ae" / ("e" * 62)).mkdir()
    place.rename(place.with_name(f".gc-{place.name}"))
    run = fitprint.start_run()
    run.log_text("kept back", "again.txt")
    run.end()
    assert 0 == collected().blobs
    assert b"mine" == (outside / ("e" * 62)).read_bytes()
    assert b"kept back" == place.read_bytes()
    assert (root / "ae" / ("e" * 62)).is_dir()


def test_a_journal_of_a_newer_fitprint_keeps_everything() -> None:
    """It may name any bytes: nothing is freed or purged until this version is upgraded."""
    run = run_with("one")
    fitprint.delete_run(run.id)
    aside = current().home / "journal" / "18ec0000000000000000000000000000"
    aside.mkdir()
    (aside / "writer.json").write_text('{"format": 99, "destination": "", "fitprint": "9.0"}')
    with pytest.raises(StoreError, match="nothing is freed: .* of a newer fitprint"):
        collected(trash_days=0)
    assert {b"kept one"} == blobs()
    assert fitprint.get_run(run.id).record.deleted_time is not None
