"""What a store promises to homes that share it, on one host or several: where the bytes of
artifacts go, and which have arrived.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fitprint.artifacts.folder import FolderArtifacts
from fitprint.entities import Artifact
from fitprint.errors import PendingBytesError
from fitprint.events import (
    ArtifactsLogged,
    ArtifactStoreChosen,
    BytesArrived,
    BytesFreed,
    RunDeleted,
    RunPurged,
)
from fitprint.ids import new_id
from fitprint.recording.workspace import Workspace
from fitprint.settings import CORE_SETTINGS, Settings, load_settings
from fitprint.stores.protocol import Store
from fitprint.testing.checks import Check, expect
from fitprint.testing.stores.feeding import EPOCH, SECOND, Feed, started
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]


def artifact_store_is_chosen_once(conformance: StoreSubject, folder: Path) -> None:
    """A store has no artifact store until one is chosen; the first that is, in whichever journal,
    counts for all and is kept.
    """
    with conformance.opened(folder) as store:
        expect(
            store.artifact_uri is None,
            f"a new store says that artifacts go to {store.artifact_uri!r}",
        )
        Feed(store).send(ArtifactStoreChosen(EPOCH, "file:///first"))
        Feed(store).send(ArtifactStoreChosen(EPOCH - SECOND, "file:///second"))
        expect(
            store.artifact_uri == "file:///first",
            f"after a second choice artifacts go to {store.artifact_uri!r}",
        )
    if conformance.across_processes:
        with conformance.opened(folder) as store:
            expect(
                store.artifact_uri == "file:///first",
                f"after reopening artifacts go to {store.artifact_uri!r}",
            )


def nothing_is_pending_at_home(conformance: StoreSubject, folder: Path) -> None:
    """Without an artifact store nothing is pending; when one is chosen, all that was logged before
    is.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(started(run), _logged(run, b"before"))
        expect(not store.pending(), "bytes are pending although no artifact store was chosen")
        feed.send(_logged(run, b"with it", path="b"), ArtifactStoreChosen(EPOCH, "file:///there"))
        _expect_pending(store, b"before", b"with it")


def bytes_are_pending_until_they_arrive(conformance: StoreSubject, folder: Path) -> None:
    """Bytes of artifacts are pending until their arrival is told, by whichever journal; their size
    is known, and who recorded them.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        Feed(store).send(ArtifactStoreChosen(EPOCH, "file:///there"))
        Feed(store).send(started(run), _logged(run, b"one"), _logged(run, b"second", path="b"))
        _expect_pending(store, b"one", b"second")
        (asked,) = store.pending([_digest(b"second"), _digest(b"unknown")])
        expect(asked.size == 6, f"six bytes are pending as {asked.size}")
        expect(
            asked.writer.get("host") == "here", f"the writer of pending bytes is {asked.writer!r}"
        )
        Feed(store).send(BytesArrived(EPOCH, (_digest(b"one"),)))
        _expect_pending(store, b"second")
        expect(not store.pending([_digest(b"one")]), "bytes that arrived are pending")
    if conformance.across_processes:
        with conformance.opened(folder) as store:
            _expect_pending(store, b"second")


def arrivals_come_in_any_order(conformance: StoreSubject, folder: Path) -> None:
    """Bytes that arrived before their artifact was logged, are logged again, or arrive twice, are
    not pending.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        Feed(store).send(ArtifactStoreChosen(EPOCH, "file:///there"))
        Feed(store).send(BytesArrived(EPOCH, (_digest(b"early"),)))
        Feed(store).send(started(run), _logged(run, b"early"), _logged(run, b"early", path="again"))
        _expect_pending(store)
        Feed(store).send(BytesArrived(EPOCH, (_digest(b"early"), _digest(b"of nobody"))))
        _expect_pending(store)


def nobody_waits_for_purged_runs(conformance: StoreSubject, folder: Path) -> None:
    """Bytes that only a purged run has are not pending any more, also those that are logged to it
    later; what another has, too, is.
    """
    gone, kept = new_id(), new_id()
    with conformance.opened(folder) as store:
        Feed(store).send(ArtifactStoreChosen(EPOCH, "file:///there"))
        Feed(store).send(
            started(gone),
            started(kept),
            _logged(gone, b"own"),
            _logged(gone, b"both", path="b"),
            _logged(kept, b"both"),
        )
        Feed(store).send(RunDeleted(gone, EPOCH), RunPurged(gone, EPOCH, new_id(), "ada"))
        Feed(store).send(_logged(gone, b"late"))
        _expect_pending(store, b"both")


def freed_bytes_have_not_arrived(conformance: StoreSubject, folder: Path) -> None:
    """Bytes that were freed are pending if a run has them, or logs them later; nobody waits for
    those that no run has.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        Feed(store).send(ArtifactStoreChosen(EPOCH, "file:///there"))
        Feed(store).send(started(run), _logged(run, b"had"))
        every = tuple(_digest(data) for data in (b"had", b"of nobody", b"logged later"))
        Feed(store).send(BytesArrived(EPOCH, every))
        _expect_pending(store)
        Feed(store).send(BytesFreed(EPOCH, every))
        _expect_pending(store, b"had")
        Feed(store).send(_logged(run, b"logged later", path="b"))
        _expect_pending(store, b"had", b"logged later")
        Feed(store).send(BytesArrived(EPOCH, every))
        _expect_pending(store)


def arrivals_leave_runs_alone(conformance: StoreSubject, folder: Path) -> None:
    """What is told of bytes makes no run, and changes none."""
    run = new_id()
    with conformance.opened(folder) as store:
        Feed(store).send(started(run, "only"), _logged(run, b"one"))
        before = store.run(run)
        Feed(store).send(
            ArtifactStoreChosen(EPOCH + SECOND, "file:///there"),
            BytesArrived(EPOCH + SECOND, (_digest(b"one"),)),
        )
        expect(store.run(run) == before, "the arrival of bytes changes the run")
        expect(
            [each.run_count for each in store.experiments()] == [1],
            "the arrival of bytes makes a run or an experiment",
        )


def homes_of_several_hosts_share_bytes(conformance: StoreSubject, folder: Path) -> None:
    """Homes of several hosts on one store: each reads what others brought; what they did not bring
    yet is an error that names them.
    """
    with _homes(conformance, folder, "alpha", "beta") as (alpha, beta):
        run = _record(alpha, b"of alpha")
        try:
            beta.blobs.read(_digest(b"of alpha"))
        except PendingBytesError as error:
            expect(
                "alpha" in str(error) and "fitprint sync" in str(error),
                f"pending bytes are told as {error}",
            )
        else:
            raise AssertionError("bytes are read that never left the home of another host")
        alpha.bring()
        expect(
            beta.blobs.read(_digest(b"of alpha")) == b"of alpha",
            "the home of another host reads other bytes",
        )
        expect(
            [each.digest for each in beta.known_store().run(run).artifacts]
            == [_digest(b"of alpha")],
            "the run has other artifacts",
        )
        _record(beta, b"of beta")
        beta.bring()
        expect(
            alpha.blobs.read(_digest(b"of beta")) == b"of beta",
            "the home of another host reads other bytes",
        )
        expect(
            not alpha.known_store().pending(),
            "bytes are pending although both homes brought theirs",
        )


def bytes_arrive_after_an_end_in_the_middle(conformance: StoreSubject, folder: Path) -> None:
    """An upload whose writer died before it was told is found by the next one, of any home; nobody
    brings it again.
    """
    with _homes(conformance, folder, "alpha", "beta") as (alpha, beta):
        _record(alpha, b"of alpha")
        expect(
            beta.shared.uri.startswith("file://"),
            "the second home does not find the artifact store",
        )
        FolderArtifacts(beta.shared.uri).put(_digest(b"of alpha"), io.BytesIO(b"of alpha"), 8)
        brought = beta.bring()
        expect(
            brought is not None and len(brought.arrived) == 1, "bytes that are there are not found"
        )
        expect(not alpha.known_store().pending(), "bytes that are there are pending")


@contextmanager
def _homes(conformance: StoreSubject, folder: Path, *hosts: str) -> Iterator[list[Workspace]]:
    """Yield a workspace for each host, all on one store and one artifact store."""
    (folder / "store").mkdir()
    stores = [conformance.open(folder / "store") for _ in hosts]
    opened = []
    for host, store in zip(hosts, stores, strict=True):
        call = {
            "home": str(folder / host),
            "store": store.uri,
            "artifacts": f"file://{folder}/bytes",
            "context": False,
            "notice": False,
        }
        settings = load_settings(CORE_SETTINGS, call=call, environment={}, start=folder)
        opened.append(_Home(settings, host, store))
    try:
        yield list(opened)
    finally:
        for workspace in opened:
            workspace.close()
        for store in stores:
            store.close()


class _Home(Workspace):
    """A home on a host of this name, whose store is at hand."""

    def __init__(self, settings: Settings, host: str, store: Store) -> None:
        super().__init__(settings)
        self._host = host
        self._given_store = store

    def known_store(self) -> Store:
        return self._given_store

    def facts(self, home: Path | None = None) -> dict[str, Any]:
        return {**super().facts(home), "host": self._host}


def _record(home: Workspace, data: bytes) -> str:
    """Record a run with one artifact, and deliver its events; return its id."""
    run = new_id()
    digest = home.staging.put_bytes(data)
    home.writer.append(
        started(run), ArtifactsLogged(run, EPOCH, (Artifact("a", digest, len(data)),))
    )
    home.sync()
    return run


def _logged(run: str, data: bytes, path: str = "a") -> ArtifactsLogged:
    return ArtifactsLogged(run, EPOCH, (Artifact(path, _digest(data), len(data)),))


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _expect_pending(store: Store, *data: bytes) -> None:
    found = sorted(item.digest for item in store.pending())
    expect(
        found == sorted(map(_digest, data)),
        f"{len(found)} digests are pending, or others, where {len(data)} should be",
    )


CHECKS: tuple[Check, ...] = (
    artifact_store_is_chosen_once,
    nothing_is_pending_at_home,
    bytes_are_pending_until_they_arrive,
    arrivals_come_in_any_order,
    nobody_waits_for_purged_runs,
    freed_bytes_have_not_arrived,
    arrivals_leave_runs_alone,
    homes_of_several_hosts_share_bytes,
    bytes_arrive_after_an_end_in_the_middle,
)
