"""Bytes on their way to a distant artifact store, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fitprint
from fitprint.artifacts.memory import MemoryArtifacts
from fitprint.errors import (
    ArtifactNotFoundError,
    FitprintError,
    IntegrityError,
    PendingBytesError,
    StoreError,
)
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener
from fitprint.recording import sharing
from fitprint.stores.addresses import public
from fitprint.testing import CapturedRuns, captured_runs

URL = "distant://bob:hunter2@host/bytes"


class Distant(MemoryArtifacts):
    """An artifact store behind a password, whose line may break."""

    def __init__(self, uri: str) -> None:
        if ":hunter2@" not in uri:
            raise StoreError(f"access to {uri} is denied")
        super().__init__(public(uri))
        self.whole_uri = uri
        self.is_down = False
        self.attempts = 0
        self.opened = 0
        self.at_piece: Any = None

    def put(self, digest: str, source: Any, size: int) -> None:
        self.attempts += 1
        if self.is_down:
            raise StoreError(f"{self.whole_uri} does not answer")
        super().put(digest, _Watched(source, self.at_piece) if self.at_piece else source, size)

    def open(self, digest: str) -> Any:
        self.opened += 1
        return super().open(digest)

    def link(self, digest: str) -> str:
        super().open(digest).close()
        return f"https://host/{digest}?signed"


class _Watched:
    def __init__(self, source: Any, at_piece: Any) -> None:
        self._source = source
        self._at_piece = at_piece

    def read(self, size: int) -> bytes:
        self._at_piece()
        return self._source.read(size)


@pytest.fixture
def distant() -> dict[str, Distant]:
    return {}


@pytest.fixture
def runs(distant: dict[str, Distant]) -> Iterator[CapturedRuns]:
    plugin = ModuleType("plugin")
    plugin.register_artifact_stores = hookimpl(  # type: ignore[attr-defined]
        lambda: {
            "distant": Opener(
                lambda uri: distant.setdefault("it", Distant(uri)), delivery="background"
            )
        }
    )
    with captured_runs(plugins={"plugin": plugin}, strict=False) as found:
        # opened without a delivery in the background, so that only the test brings anything
        assert found.workspace.writer
        found.workspace.settings = replace(
            found.workspace.settings, values={**found.workspace.settings.values, "artifacts": URL}
        )
        yield found


def record(**texts: str) -> None:
    with fitprint.start_run():
        for name, text in texts.items():
            fitprint.log_text(text, f"{name}.txt")


def other_home(runs: CapturedRuns) -> None:
    """Go on as if in another home: what is staged here is gone."""
    for path in runs.workspace.staging.root.rglob("*"):
        if path.is_file():
            path.unlink()


def test_the_password_stays_where_it_was_set(
    runs: CapturedRuns, distant: dict[str, Distant]
) -> None:
    """The store keeps the URL without it; who has it in a setting uploads and reads."""
    record(a="first")
    runs.workspace.sync()
    runs.workspace.bring()
    assert "distant://bob@host/bytes" == runs.workspace.known_store().artifact_uri
    assert URL == distant["it"].whole_uri
    other_home(runs)
    assert b"first" == runs.one().read("a.txt")


def test_no_message_holds_the_password(runs: CapturedRuns, distant: dict[str, Distant]) -> None:
    """Whatever an artifact store says."""
    record(a="first")
    runs.workspace.sync()
    assert runs.workspace.shared.uri
    distant["it"].is_down = True
    failed = runs.workspace.bring().failed
    assert ["distant://bob@host/bytes does not answer"] == list(failed.values())
    assert runs.workspace.shared.bring_in_background()
    assert "hunter2" not in " ".join(runs.problems)


def test_a_setting_is_shown_without_its_password(runs: CapturedRuns) -> None:
    """To plugins that collect facts, and by `fitprint config`."""
    assert "distant://bob@host/bytes" == runs.workspace.shown_settings()["artifacts"]


def test_events_go_on_while_a_large_file_travels(
    runs: CapturedRuns, distant: dict[str, Distant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is logged after an upload began is in the store before it ends."""
    monkeypatch.setattr(sharing, "_EVERY_SECONDS", -1.0)
    seen = []
    with fitprint.start_run() as run:
        fitprint.log_text("x" * (3 << 20), "large.txt")
        runs.workspace.sync()
        assert runs.workspace.shared.uri

        def at_piece() -> None:
            seen.append(len(runs.workspace.known_store().metric_history(run.id, "loss")))
            fitprint.log_metric("loss", 1.0)

        distant["it"].at_piece = at_piece
        more = runs.workspace.shared.bring_in_background()
    assert [0, 1, 2, 3] == seen[:4]
    assert more  # something came meanwhile, which may have bytes, too


def test_fetched_bytes_travel_once(runs: CapturedRuns, distant: dict[str, Distant]) -> None:
    """They are kept in the home, and compared with their digest."""
    record(a="first")
    runs.workspace.sync()
    runs.workspace.bring()
    other_home(runs)
    assert [b"first", b"first"] == [runs.one().read("a.txt"), runs.one().read("a.txt")]
    assert 1 == distant["it"].opened


def test_wrong_bytes_are_refused(runs: CapturedRuns, distant: dict[str, Distant]) -> None:
    """And not kept."""
    record(a="first")
    runs.workspace.sync()
    runs.workspace.bring()
    other_home(runs)
    (digest,) = distant["it"]._kept
    distant["it"]._kept[digest] = b"other"
    with pytest.raises(IntegrityError, match="distant://bob@host/bytes have changed"):
        runs.one().read("a.txt")
    distant["it"]._kept[digest] = b"first"
    assert b"first" == runs.one().read("a.txt")


def test_a_store_that_does_not_answer_is_not_asked_for_each_file(
    runs: CapturedRuns, distant: dict[str, Distant]
) -> None:
    """A round ends after some refusals, the next begins later, and it is told once; nothing is
    lost.
    """
    record(**{f"t{number}": str(number) for number in range(20)})
    runs.workspace.sync()
    assert runs.workspace.shared.uri
    distant["it"].is_down = True
    assert [True, True] == [runs.workspace.shared.bring_in_background() for _ in range(2)]
    assert 3 == distant["it"].attempts
    assert 1 == sum("could not be brought" in problem for problem in runs.problems)
    distant["it"].is_down = False
    assert 20 == len(runs.workspace.bring().arrived)
    assert [] == list(runs.workspace.known_store().pending())


def test_a_changed_file_holds_up_no_other(runs: CapturedRuns) -> None:
    """It is named, and stays pending."""
    record(**{f"t{number}": str(number) for number in range(5)})
    runs.workspace.sync()
    bad = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4)]
    for digest in bad:
        runs.workspace.staging.path_of(f"sha256:{digest}").write_bytes(b"?")
    done = runs.workspace.bring()
    assert 1 == len(done.arrived)
    assert {f"sha256:{digest}" for digest in bad} == set(done.failed)
    assert all("has changed since it was recorded" in reason for reason in done.failed.values())


def test_a_wrong_setting_is_told_and_binds_nobody(tmp_path: Path) -> None:
    """Runs are recorded and read; the store has no artifact store."""
    with captured_runs(plugins={}, strict=False, artifacts="buckets://host/x") as runs:
        record(a="first")
        assert b"first" == runs.one().read("a.txt")
        assert runs.workspace.known_store().artifact_uri is None
        assert any(
            "no installed plugin provides artifact stores at buckets://" in problem
            for problem in runs.problems
        )


def test_two_threads_bring_each_file_once(runs: CapturedRuns, distant: dict[str, Distant]) -> None:
    """Who only looks does not wait for the one who brings."""
    record(a="first")
    runs.workspace.sync()
    assert runs.workspace.shared.uri
    looks = []
    distant["it"].at_piece = lambda: looks.append(runs.workspace.shared.bring(most=1000))
    runs.workspace.bring()
    assert [0, 0] == [len(done.arrived) for done in looks]
    assert 1 == distant["it"].attempts


def test_runs_of_a_store_without_an_artifact_store_say_what_to_do(tmp_path: Path) -> None:
    """A store of a plugin has none until somebody chooses; then what was recorded before is
    brought, too.
    """
    from fitprint.stores.memory import MemoryStore

    stores: dict[str, MemoryStore] = {}
    plugin = ModuleType("plugin")
    plugin.register_stores = hookimpl(
        lambda: {"mine": Opener(lambda uri: stores.setdefault(uri, MemoryStore(uri)))}
    )  # type: ignore[attr-defined]
    with captured_runs(plugins={"plugin": plugin}, store="mine://here") as runs:
        record(a="first")
        (digest,) = [artifact.digest for artifact in runs.one().artifacts]
        fitprint.configure(home=str(tmp_path / "other"))
        run = fitprint.get_run("@last")
        with pytest.raises(FitprintError, match="has no artifact store: set FITPRINT_ARTIFACTS"):
            run.read("a.txt")
        fitprint.configure(home=str(runs.workspace.home), artifacts=f"file://{tmp_path}/bytes")
        brought = fitprint.recording.workspace.current().bring()
        assert [digest] == [item.digest for item in brought.arrived]
        fitprint.configure(home=str(tmp_path / "other"), artifacts=None)
        assert b"first" == fitprint.get_run("@last").read("a.txt")


def test_a_file_has_a_link_once_it_has_arrived(
    runs: CapturedRuns, distant: dict[str, Distant]
) -> None:
    record(a="first")
    runs.workspace.sync()
    with pytest.raises(PendingBytesError, match="run `fitprint sync`"):
        runs.one().link("a.txt")
    runs.workspace.bring()
    digest = f"sha256:{hashlib.sha256(b'first').hexdigest()}"
    assert f"https://host/{digest}?signed" == runs.one().link("a.txt")
    assert 0 == distant["it"].opened
    with pytest.raises(ArtifactNotFoundError, match=r"no artifact 'b\.txt'"):
        runs.one().link("b.txt")
