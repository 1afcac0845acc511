"""The bytes in an artifact store to which nothing in the backend store refers, and how they go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from fitprint.artifacts.opening import OF_A_HOME
from fitprint.errors import StoreError
from fitprint.stores.addresses import public

if TYPE_CHECKING:
    from fitprint.artifacts.protocol import ArtifactStore, Kept
    from fitprint.recording.workspace import Workspace
    from fitprint.stores.protocol import Store

__all__ = ["Shared", "free_shared", "is_doomed"]

_AT_ONCE = 16  # each waits for answers, mostly
_TOGETHER = 200  # files, after which the store is told which are gone


class Shared(NamedTuple):
    """What was freed in the store's artifact store, or would be.

    Attributes:
        uri: of the artifact store, without a password.
        blobs: how many files of bytes are gone, and ``size`` how many bytes they had.
        note: why there is not more, and what to do about it; "" if that is all.
    """

    uri: str
    blobs: int
    size: int
    note: str


def free_shared(
    workspace: Workspace, needed: Collection[str], grace: float, *, dry_run: bool
) -> Shared | None:
    """Free bytes in the artifact store of the workspace's store; None if it has none.

    First the store is told, in one transaction, that the bytes count as not arrived. Who refers to
    them from then on has to bring them, and finds them there, which touches them, or not. Only then
    they are removed, if the store still refers to none of them and nobody has touched them.
    Afterwards the store is told again, for what was found there in the last moment.

    Args:
        workspace: whose store is meant.
        needed: digests of bytes that stay.
        grace: seconds for which bytes stay that were put or touched.
        dry_run: free nothing, and say what would be.
    """
    store = workspace.known_store()
    # the files of a home go when that home's are collected
    if store.artifact_uri in (None, OF_A_HOME):
        return None
    uri = public(store.artifact_uri or "")
    done: list[Kept] = []
    try:
        place = workspace.shared.place(store)
        if place is None:
            return None
        uri = public(place.uri)
        now = place.clock()
        if now is None:
            return Shared(
                uri, 0, 0, "its plugin cannot say what is kept there, so nothing is removed"
            )
        if note := _not_alone(place, store):
            return Shared(uri, 0, 0, note)
        before = now - grace
        doomed = [each for each in place.kept() if is_doomed(each, needed, before)]
        if dry_run:
            done = doomed
        elif doomed:
            workspace.shared.tell_freed([each.digest for each in doomed])
            needed = store.digests()
            _remove(
                place,
                [each for each in doomed if each.digest not in needed],
                before,
                workspace.shared.tell_freed,
                done,
            )
        note = ""
    except StoreError as error:
        note = workspace.destination.hide(str(error))
    return Shared(uri, len(done), sum(each.size for each in done), note)


def is_doomed(kept: Kept, needed: Collection[str], before: float) -> bool:
    """Tell whether nobody needs bytes, or has touched them since."""
    return kept.touched <= before and kept.digest not in needed


def _not_alone(place: ArtifactStore, store: Store) -> str:
    """Return why it is not known that the place is this store's alone; "" if it is."""
    mine = store.mark
    owners = set(place.owners())
    if mine not in owners:
        return (
            "no mark says that only this store keeps files there, so nothing is removed; the next "
            "upload leaves one"
        )
    others = sorted(owners - {mine, store.id})  # an older fitprint left the id alone
    if copies := [other for other in others if other.startswith(f"{store.id}.")]:
        return (
            "a copy of this store keeps files in the same place, or this one did before it was "
            "moved or restored, so nothing is removed; if there is no copy in use, remove the "
            f"mark, the file or object owners/{copies[0]} there"
        )
    if others:
        return (
            f"other stores keep files in the same place ({', '.join(others)}) and cannot be asked "
            "from here, so nothing is removed; if one is gone for good, remove its mark, the file "
            f"or object owners/{others[0]} there"
        )
    return ""


def _remove(
    place: ArtifactStore,
    doomed: Sequence[Kept],
    before: float,
    tell: Callable[[Sequence[str]], None],
    done: list[Kept],
) -> None:
    """Remove bytes, and add to ``done`` what is gone; an error ends it after what was begun."""
    with ThreadPoolExecutor(_AT_ONCE, "fitprint-gc") as threads:
        for start in range(0, len(doomed), _TOGETHER):
            part = doomed[start : start + _TOGETHER]
            asked = [(each, threads.submit(place.remove, each.digest, before)) for each in part]
            failures = [future.exception() for _, future in asked]
            gone = [each for each, future in asked if not future.exception() and future.result()]
            done += gone
            tell([each.digest for each in gone])
            for failure in failures:
                if failure is not None:
                    raise failure
