"""What a home holds that nobody needs any more, and how it goes: runs long in the trash, and bytes
to which no record refers.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fitprint import clock
from fitprint.arguments import shown
from fitprint.artifacts.opening import OF_A_HOME
from fitprint.errors import FitprintError, StoreError
from fitprint.events import ArtifactsLogged, ModelVersionCreated, RunPurged
from fitprint.hooks.manager import hooks
from fitprint.ids import new_id
from fitprint.journal.delivery import read_writer
from fitprint.journal.frames import FORMAT
from fitprint.journal.reader import read_journal
from fitprint.recording.acts import perform
from fitprint.recording.freeing import Shared, free_shared, is_doomed
from fitprint.recording.workspace import Workspace, current
from fitprint.stores.lineage import moved_together

if TYPE_CHECKING:
    from fitprint.artifacts.protocol import Kept
    from fitprint.stores.protocol import Store

__all__ = ["Collected", "collect_garbage"]

_DAY = 86_400.0  # seconds
_MOST = 1e7  # days or hours
_GRACE_HOURS = 24.0


class Collected(NamedTuple):
    """What was freed, or would be.

    Attributes:
        runs: ids of the runs that were purged from the trash.
        blobs: how many files of bytes are gone, and ``size`` how many bytes they had.
        stores: the stores that were asked what they refer to, without passwords.
        shared: what became of the store's artifact store; None if it has none.
    """

    runs: tuple[str, ...]
    blobs: int
    size: int
    stores: tuple[str, ...]
    shared: Shared | None = None


def collect_garbage(
    *, trash_days: float | None = None, grace_hours: float | None = None, dry_run: bool = False
) -> Collected:
    """Free what nobody needs: runs that were in the trash for long, and bytes in this home, and in
    the artifact store of its store, to which nothing refers.

    Bytes are kept that a run has, also one in the trash; that a version of a registered model has,
    also a removed one; that a journal speaks of which is not delivered; and that somebody put here,
    or would have put here again, in the last hours. All stores are asked into which this home has
    ever recorded.

    In the artifact store bytes go to which its store does not refer, if no other store keeps bytes
    there. Where that cannot be done, ``shared.note`` says why, and the rest is freed.

    Args:
        trash_days: purge runs that are in the trash for so many days; by default as the setting
            ``trash_days`` says, and none without it.
        grace_hours: keep bytes that were put here in so many hours, 24 by default. Less than one is
            safe only while nothing records into this home: a run may be about to name bytes that
            are here already.
        dry_run: free nothing, and say what would be.

    Raises:
        StoreError: one of the stores cannot be asked; nothing is freed.
    """
    workspace = current()
    days = workspace.settings["trash_days"] if trash_days is None else trash_days
    grace_hours = _GRACE_HOURS if grace_hours is None else grace_hours
    for value, name in ((days, "trash_days"), (grace_hours, "grace_hours")):
        if value is None and name == "trash_days":
            continue
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not 0 <= value <= _MOST
        ):
            raise FitprintError(f"{name} must be a number from 0 on, not {shown(value)}")
    store = workspace.store
    runs = (
        [] if days is None else list(_long_in_trash(store, clock.now() - round(days * _DAY * 1e6)))
    )
    others = _other_stores(workspace)
    try:
        stores = [workspace.known_store(), *others]
        # before the stores: what is delivered meanwhile is then seen by one of both
        needed = set(_waiting(workspace, stores))
        if runs and not dry_run:
            perform(workspace, *(RunPurged(run, clock.now(), new_id(), "") for run in runs))
        for each in stores:
            needed |= each.digests(without=set(runs) if dry_run else set())
        asked = tuple(each.uri for each in stores)
    finally:
        for other in others:
            other.close()
    grace = grace_hours * 3600
    found = _free_here(workspace, needed, time.time() - grace, dry_run)
    shared = free_shared(workspace, needed, grace, dry_run=dry_run)
    return Collected(tuple(runs), len(found), sum(each.size for each in found), asked, shared)


def _free_here(
    workspace: Workspace, needed: Collection[str], before: float, dry_run: bool
) -> list[Kept]:
    """Free the bytes of the home that nobody needs, and return them."""
    staging = workspace.staging
    doomed = [each for each in staging.kept() if is_doomed(each, needed, before)]
    if dry_run:
        return doomed
    if workspace.known_store().artifact_uri == OF_A_HOME:  # others may bring bytes here
        workspace.shared.tell_freed([each.digest for each in doomed])
    found = []
    for each in doomed:
        with suppress(StoreError):  # a file of somebody else's
            if staging.remove(each.digest, before):
                found.append(each)
    return found


def _long_in_trash(store: Store, until: int) -> Iterator[str]:
    from fitprint.query.grammar import parse
    from fitprint.stores.paging import every_run

    seen: set[str] = set()
    for record in every_run(store, parse("", deleted="only")):
        if (
            record.id not in seen
            and record.deleted_time is not None
            and record.deleted_time <= until
        ):
            together = [each.id for each in moved_together(store, record) if each.id not in seen]
            seen.update(together)
            yield from together


def _other_stores(workspace: Workspace) -> list[Store]:
    """Open the stores into which this home has recorded besides the one that is chosen now."""
    from fitprint.stores.opening import open_store

    openers = hooks().registered("register_stores")
    found: list[Store] = []
    for uri, id_ in workspace.destination.others(workspace.home):
        try:
            found.append(open_store(uri, openers, workspace.home))
            # a file that was removed is a new store, which refers to nothing
            if id_ not in ("", found[-1].id):
                raise StoreError(f"{found[-1].uri} is another store than it was")
        except StoreError as error:
            for store in found:
                store.close()
            file = workspace.home / "stores.json"
            told = (
                "this home has recorded into that store, which must say what it refers to; if "
                f"it is gone for good, take it out of {file}"
            )
            raise StoreError(
                f"nothing is freed: {workspace.destination.hide(str(error))} ({told})"
            ) from error
    return found


def _waiting(workspace: Workspace, stores: Sequence[Store]) -> Iterator[str]:
    """Yield the digests of the bytes of which journals speak that no store has taken in yet.

    Raises:
        StoreError: a journal holds what only a newer fitprint knows.
    """
    for folder in (workspace.home / "journal").glob("*"):
        if folder.is_dir():
            # 0 for one that was put aside
            delivered = max(store.position(folder.name) for store in stores)
            try:
                yield from _spoken_of(folder, delivered)
            except FileNotFoundError:
                continue  # it was delivered meanwhile


def _spoken_of(journal: Path, position: int) -> Iterator[str]:
    """Yield the digests of the bytes that a journal speaks of from a position on."""
    newer = read_writer(journal).get("format", FORMAT) > FORMAT
    for stretch in () if newer else read_journal(journal, position):
        newer = newer or bool(stretch.unknown)
        for event in stretch.events:
            if isinstance(event, (ArtifactsLogged, ModelVersionCreated)):
                yield from (artifact.digest for artifact in event.artifacts)
    if newer:
        told = "the journal holds records of a newer fitprint, which may name any bytes"
        raise StoreError(f"nothing is freed: {journal}: {told}; upgrade fitprint")
