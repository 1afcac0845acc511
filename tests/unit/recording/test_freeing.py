"""What nobody needs goes from an artifact store that homes share, and nothing else."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import fitprint
from fitprint.artifacts.folder import FolderArtifacts
from fitprint.artifacts.memory import MemoryArtifacts
from fitprint.errors import StoreError
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener
from fitprint.recording.workspace import current
from fitprint.testing import captured_runs

if TYPE_CHECKING:
    from conftest import Programs


@pytest.fixture
def team(home: Path, tmp_path: Path) -> Iterator[Path]:
    """A store that homes share; return the folder of its artifact store."""
    fitprint.configure(context=False, store=f"sqlite:///{tmp_path / 'team.db'}")
    yield tmp_path / "team.db.artifacts"
    current().close()


def there(place: Path) -> set[str]:
    """Return the texts that a test of this file put into an artifact store in a folder."""
    texts = {path.read_bytes().decode() for path in place.glob("??/*")}
    return {text for text in texts if text.startswith("kept ")}


def deliver() -> None:
    current().sync()
    current().shared.bring()


def run_with(*texts: str) -> fitprint.Run:
    """Record a run whose files are there when this returns."""
    with fitprint.start_run() as run:
        for text in texts:
            run.log_text(f"kept {text}", f"{text}.txt")
    deliver()
    return run


def purged(*texts: str) -> None:
    run = run_with(*texts)
    fitprint.delete_run(run.id)
    fitprint.purge_run(run.id)


def file_of(place: Path, text: str) -> Path:
    digest = hashlib.sha256(f"kept {text}".encode()).hexdigest()
    return place / digest[:2] / digest[2:]


def shared(**options: Any) -> Any:
    return fitprint.collect_garbage(**{"grace_hours": 0, **options}).shared


def test_files_to_which_nothing_refers_go(team: Path) -> None:
    """Those of purged runs; a dry run says how many bytes, and takes none."""
    other = run_with("both")
    purged("one", "both")
    removed = run_with("in the trash")
    fitprint.delete_run(removed.id)
    before = shared(dry_run=True)
    assert (1, 8, "", f"file://{team}") == (before.blobs, before.size, before.note, before.uri)
    assert {"kept one", "kept both", "kept in the trash"} == there(team)
    assert before == shared()
    assert {"kept both", "kept in the trash"} == there(team)
    assert (0, "") == (shared().blobs, shared().note)
    assert b"kept both" == other.read("both.txt")


def test_a_version_keeps_its_files(team: Path) -> None:
    """Also a removed one, which can be restored."""
    with fitprint.start_run() as run:
        run.log_model({"weights": [1.0]})
    deliver()
    version = fitprint.register_model(run, "adds")
    deliver()
    fitprint.delete_run(run.id)
    fitprint.purge_run(run.id)
    version.delete()
    assert 0 == shared().blobs


def test_what_was_put_or_touched_lately_stays(team: Path) -> None:
    """By the time of the file, which is made new where it is put again."""
    purged("one")
    assert 0 == shared(grace_hours=24).blobs
    os.utime(file_of(team, "one"), (1, 1))
    assert 1 == shared(grace_hours=24, dry_run=True).blobs
    place = FolderArtifacts(f"file://{team}")
    place.touch(f"sha256:{hashlib.sha256(b'kept one').hexdigest()}")
    assert 0 == shared(grace_hours=24).blobs
    assert {"kept one"} == there(team)


def test_bytes_that_went_are_brought_again(team: Path) -> None:
    """A run that has them later brings them: they count as not arrived."""
    purged("one")
    assert 1 == shared().blobs
    assert set() == there(team)
    run_with("one")
    assert {"kept one"} == there(team)


Remove = Callable[[FolderArtifacts, str, float], bool]


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., bool]], None]:
    """Return what lets something happen around the removal of each file."""
    original = FolderArtifacts.remove

    def wrap(happen: Callable[[Remove, FolderArtifacts, str, float], bool]) -> None:
        monkeypatch.setattr(
            FolderArtifacts, "remove", lambda *given: happen(original, *given), raising=True
        )

    return wrap


def test_bytes_that_somebody_refers_to_meanwhile_stay(
    team: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who records them while the place is listed, and is told that they are there already."""
    purged("one")
    original = FolderArtifacts.kept

    def late(place: FolderArtifacts) -> Iterator[Any]:
        yield from list(original(place))
        with fitprint.start_run() as run:
            run.log_text("kept one", "again.txt")
        current().sync()

    monkeypatch.setattr(FolderArtifacts, "kept", late)
    assert 0 == shared().blobs
    monkeypatch.undo()
    deliver()
    assert {"kept one"} == there(team)
    assert [] == list(current().known_store().pending())


def test_bytes_that_are_put_again_in_the_last_moment_stay(
    team: Path, around: Callable[[Callable[..., bool]], None]
) -> None:
    """Their time is looked at last of all."""
    purged("one")
    os.utime(file_of(team, "one"), (1, 1))

    def happen(original: Remove, place: FolderArtifacts, digest: str, before: float) -> bool:
        run_with("one")
        return original(place, digest, before)

    around(happen)
    assert 0 == shared(grace_hours=1).blobs
    assert {"kept one"} == there(team)


def test_bytes_that_are_found_there_while_they_go_are_brought_again(
    team: Path, around: Callable[[Callable[..., bool]], None]
) -> None:
    """Where the place cannot look and remove in one: the store is told afterwards."""
    purged("one")

    def happen(original: Remove, place: FolderArtifacts, digest: str, before: float) -> bool:
        run_with("one")  # finds them there
        return original(place, digest, time.time() + 3600)

    around(happen)
    assert 1 == shared().blobs
    assert set() == there(team)
    deliver()
    assert {"kept one"} == there(team)


def test_a_collection_that_is_killed_costs_nothing(programs: Programs) -> None:
    """What others have is there, the next one frees the rest, and what went is brought again."""
    settings = {"FITPRINT_STORE": f"sqlite:///{programs.folder}/team.db"}

    def run(script: str, expected: int = 0) -> str:
        status, out, errors = programs.run(script, **settings)
        assert expected == status, errors
        return out

    record = """
import sys, fitprint
fitprint.configure(context=False)
from fitprint.recording.workspace import current
def record(*texts):
    with fitprint.start_run() as run:
        for text in texts:
            run.log_text(text, text + ".txt")
    current().sync()
    current().shared.bring()
    return run
"""
    run(f"""{record}
record("stays")
gone = record("one", "two", "three")
fitprint.delete_run(gone.id)
fitprint.purge_run(gone.id)
""")
    run(
        """
import os, fitprint
from fitprint.recording import freeing
from fitprint.artifacts.folder import FolderArtifacts
freeing._AT_ONCE = 1
original = FolderArtifacts.remove
def remove(*given):
    original(*given)
    os._exit(9)
FolderArtifacts.remove = remove
fitprint.collect_garbage(grace_hours=0)
""",
        9,
    )
    place = programs.folder / "team.db.artifacts"
    assert 3 == len(list(place.glob("??/*")))
    assert "2\n" == run(
        "import fitprint\nprint(fitprint.collect_garbage(grace_hours=0).shared.blobs)"
    )
    assert [b"stays"] == [path.read_bytes() for path in place.glob("??/*")]
    run(f'{record}\nrecord("one", "two", "three")')
    assert [b"one", b"stays", b"three", b"two"] == sorted(
        path.read_bytes() for path in place.glob("??/*")
    )


def test_a_place_of_two_stores_is_left_alone(team: Path, tmp_path: Path) -> None:
    """Neither knows what the other needs."""
    purged("one")
    store = f"sqlite:///{tmp_path / 'team.db'}"
    fitprint.configure(store=f"sqlite:///{tmp_path / 'other.db'}", artifacts=f"file://{team}")
    other = current().store.mark
    run_with("two")
    assert "other stores keep files in the same place" in shared().note
    fitprint.configure(store=store, artifacts=None)
    found = shared()
    assert 0 == found.blobs
    assert f"owners/{other}" in found.note
    assert {"kept one", "kept two"} == there(team)
    (team / "owners" / other).unlink()
    assert 1 == shared().blobs
    assert {"kept two"} == there(team)  # this home knows the other store, and has asked it, too


def test_a_place_of_a_copied_store_is_left_alone(team: Path, tmp_path: Path) -> None:
    """A copy has the id of the store, and may need what that one needs no more."""
    purged("one")
    store, copy = tmp_path / "team.db", tmp_path / "copy.db"
    current().close()
    copy.write_bytes(store.read_bytes())
    fitprint.configure(store=f"sqlite:///{copy}", artifacts=f"file://{team}")
    assert "no mark says that only this store keeps files there" in shared().note
    run_with("two")
    assert "a copy of this store keeps files in the same place" in shared().note
    fitprint.configure(store=f"sqlite:///{store}", artifacts=None)
    assert "a copy of this store keeps files in the same place" in shared().note
    assert {"kept one", "kept two"} == there(team)


def test_a_place_without_a_mark_is_left_alone(team: Path) -> None:
    """It is not known whose it is, until somebody brings a file."""
    purged("one")
    for mark in (team / "owners").iterdir():
        mark.unlink()
    assert "no mark says that only this store keeps files there" in shared().note
    assert {"kept one"} == there(team)


def test_a_place_that_cannot_be_reached_is_told(
    team: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home is collected all the same."""
    purged("one")

    def down(place: FolderArtifacts) -> float:
        raise StoreError("the line is cut")

    monkeypatch.setattr(FolderArtifacts, "clock", down)
    found = fitprint.collect_garbage(grace_hours=0)
    assert (1, 0, "the line is cut") == (found.blobs, found.shared.blobs, found.shared.note)


class Others:
    """An artifact store that derives from nothing."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._kept = MemoryArtifacts()
        self.put, self.open, self.close = self._kept.put, self._kept.open, self._kept.close

    def __contains__(self, digest: str) -> bool:
        return digest in self._kept


def test_an_artifact_store_of_others_that_frees_nothing_is_told() -> None:
    """It works as before, and what lies there stays."""
    kept = Others("others://here")
    plugin = ModuleType("plugin")
    plugin.register_artifact_stores = hookimpl(  # type: ignore[attr-defined]
        lambda: {"others": Opener(lambda uri: kept)}
    )
    with captured_runs(plugins={"plugin": plugin}) as found:
        settings = found.workspace.settings
        found.workspace.settings = replace(
            settings, values={**settings.values, "artifacts": kept.uri}
        )
        purged("one")
        assert "its plugin cannot say what is kept there" in shared().note
    assert f"sha256:{hashlib.sha256(b'kept one').hexdigest()}" in kept


def test_the_files_of_a_home_go_from_it_alone(home: Path, tmp_path: Path) -> None:
    """Its own database has them as its artifact store, where another home records into that."""
    fitprint.configure(context=False, store=f"sqlite:///{tmp_path / 'ada' / 'fitprint.db'}")
    (tmp_path / "ada").mkdir()
    purged("one")
    assert shared() is None
    assert {"kept one"} == there(tmp_path / "ada" / "blobs")
    assert not (tmp_path / "ada" / "blobs" / "owners").exists()
