"""The bytes of artifacts where all can read them who use the store: which artifact store that is,
and what is brought there.

Bytes travel behind the events that speak of them. What is still to be brought is written down
nowhere here: it is what the store says is pending and this home has. So it survives whatever
happens to the process: bytes that arrived without a word are found there by the next one, a word
without bytes is never given.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO
from weakref import WeakSet

from fitprint import clock
from fitprint.artifacts.opening import OF_A_HOME, default_for, open_artifact_store, resolved
from fitprint.artifacts.protocol import Source
from fitprint.entities import Artifact, PendingBytes
from fitprint.errors import ArtifactNotFoundError, IntegrityError, PendingBytesError, StoreError
from fitprint.events import ArtifactStoreChosen, Batch, BytesArrived, BytesFreed, StoreEvent
from fitprint.hooks.manager import hooks
from fitprint.hooks.openers import is_at_hand
from fitprint.ids import new_id
from fitprint.platform.processes import at_fork
from fitprint.recording.deferred import end_before_fork
from fitprint.recording.ending import at_end
from fitprint.stores.addresses import address_of, hidden, public, whole

if TYPE_CHECKING:
    from fitprint.artifacts.protocol import ArtifactStore
    from fitprint.recording.workspace import Workspace
    from fitprint.stores.protocol import Store

__all__ = ["SharedBytes", "Uploaded"]

# digests and bytes after which their arrival is told, so that little is done twice
_TOLD_TOGETHER, _TOLD_BYTES = 200, 256 << 20
_FREED_TOGETHER = 1000  # digests in one event
_MOST_REFUSALS = 3  # one after the other: each may cost the time of a connection
_MOST_AT_A_LOOK = 64 << 20  # bytes that a look at runs brings
_EVERY_SECONDS = 1.0
# seconds between attempts in the background while they fail
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0


@dataclass(slots=True)
class Uploaded:
    """What became of the bytes that were pending.

    Attributes:
        arrived: those that this round brought, or found there.
        left: those that are here and would have been too much for this round.
        elsewhere: those that are neither here nor there: another home has them.
        failed: why some could not be brought, by digest.
        refusals: how often the artifact store itself refused, one time after the other.
    """

    arrived: list[PendingBytes] = field(default_factory=list)
    left: list[PendingBytes] = field(default_factory=list)
    elsewhere: list[PendingBytes] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    refusals: int = 0


class SharedBytes:
    """The artifact store of a workspace's store. Safe from several threads.

    Args:
        workspace: the home whose bytes others are to read.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._staging = workspace.staging
        self._chosen: str | None = workspace.settings["artifacts"]
        self._journal = f"bytes-{new_id()}"
        self._lock = threading.Lock()  # of who brings
        self._telling = threading.Lock()
        self._thread: threading.Thread | None = None
        self._opened: ArtifactStore | None = None
        self._opened_with = self._entire = ""
        self._claimed: str | None = None  # the artifact store that knows whose bytes these are
        self._pause, self._retry_at = 0.0, 0.0
        self._more_came = False

    # -- which artifact store ----------------------------------------------------------------------

    def place(self, store: Store) -> ArtifactStore | None:
        """Return the artifact store of the store; None if the bytes stay in the homes that recorded
        them.

        The first who comes chooses it for all, by the setting ``artifacts`` or by the store's
        default.

        Raises:
            StoreError: it cannot be opened; the message holds no password.
        """
        kept = store.artifact_uri
        if kept is None:
            wanted = self._wanted(store)
            if wanted is None:
                return None
            try:
                self._append(store, ArtifactStoreChosen(clock.now(), wanted))
            except StoreError:
                pass  # who may only read the store looks where others would bring them
            kept = store.artifact_uri or wanted
        self._compare(kept, store)
        return self._open(resolved(kept, store.uri))

    @property
    def uri(self) -> str:
        """The URL of the artifact store, without a password; "" if there is none.

        Raises:
            StoreError: it cannot be opened.
        """
        place = self.place(self._workspace.known_store())
        return "" if place is None else public(place.uri)

    def _wanted(self, store: Store) -> str | None:
        if self._chosen:
            self._open_whole(self._chosen).close()  # a mistake is told before it binds
            return public(self._chosen)
        return (
            None
            if self._workspace.destination.is_own(self._workspace.home)
            else default_for(store.uri)
        )

    def _compare(self, kept: str, store: Store) -> None:
        if self._chosen and address_of(self._chosen) != address_of(resolved(kept, store.uri)):
            hooks().problem(
                f"the store {store.uri} keeps its artifacts in {resolved(kept, store.uri)}, as was "
                f"chosen when it was first used; the setting artifacts = {public(self._chosen)} is "
                "ignored: remove it",
                "artifacts",
            )

    def _open(self, uri: str) -> ArtifactStore:
        """Open the artifact store, in the spelling of the setting if that names it."""
        if self._opened is None or self._opened_with != uri:
            same = self._chosen and address_of(self._chosen) == address_of(uri)
            self._opened = self._open_whole(self._chosen if same and self._chosen else uri)
            self._opened_with = uri
        return self._opened

    def _open_whole(self, uri: str) -> ArtifactStore:
        """Open an artifact store with its password, wherever this process finds that."""
        self._entire = whole(uri)
        with self._discreet():
            return open_artifact_store(self._entire, hooks().registered("register_artifact_stores"))

    @contextmanager
    def _discreet(self) -> Iterator[None]:
        """Keep passwords out of what the artifact store raises."""
        try:
            yield
        except StoreError as error:
            told = hidden(str(error), self._entire)
            if told == str(error):
                raise
            raise type(error)(told) from None

    def _append(self, store: Store, event: StoreEvent) -> None:
        """Tell the store, in a journal that is nobody else's."""
        with self._telling:
            start = store.position(self._journal)
            store.append(Batch(self._journal, start, start + 1, [event], self._workspace.facts()))

    def claim(self, place: ArtifactStore) -> None:
        """Let the artifact store know that this store keeps bytes there.

        Raises:
            StoreError: it cannot be reached.
        """
        store = self._workspace.known_store()
        # the files of a home are that home's, which alone frees them
        if self._claimed != place.uri and store.artifact_uri != OF_A_HOME:
            with self._discreet():
                place.claim(store.mark)
            self._claimed = place.uri

    def tell_freed(self, digests: Sequence[str]) -> None:
        """Tell the store that these bytes are not in the artifact store, or will not be in a
        moment: what refers to them later is to bring them again.
        """
        store = self._workspace.known_store()
        for start in range(0, len(digests), _FREED_TOGETHER):
            part = tuple(digests[start : start + _FREED_TOGETHER])
            self._append(store, BytesFreed(clock.now(), part))

    # -- reading -----------------------------------------------------------------------------------

    def open(self, digest: str) -> BinaryIO:
        """Open bytes that are not in this home, unchecked.

        Raises:
            PendingBytesError: they are in the home where they were recorded, which the message
                names.
            ArtifactNotFoundError: they are lost, or no artifact store was chosen.
            StoreError: the artifact store cannot be reached.
        """
        store = self._workspace.known_store()
        place = self.place(store)
        if place is None:
            raise ArtifactNotFoundError(
                f"the bytes of {digest} are not in {self._staging.root}, and the store {store.uri} "
                "has no artifact store: set FITPRINT_ARTIFACTS to one that all can reach, and run "
                "`fitprint sync` where the run was recorded"
            )
        try:
            with self._discreet():
                return self._fetched(digest, place) if self.is_distant else place.open(digest)
        except ArtifactNotFoundError:
            raise self._missing(digest, store, place) from None

    def link(self, digest: str) -> str:
        """Return a URL with which anybody can read the bytes for a while.

        Raises:
            StoreError: the artifact store gives no links; others as :meth:`open` does.
        """
        store = self._workspace.known_store()
        found, where = "", str(self._staging.root)
        if place := self.place(store):
            where = public(place.uri)
            try:
                with self._discreet():
                    found = place.link(digest)
            except ArtifactNotFoundError:
                raise self._missing(digest, store, place) from None
        if not found:
            raise StoreError(
                f"there are no links to files in {where}, as there are to files in a bucket: copy "
                "the file, with `fitprint get` without --link"
            )
        return found

    def _missing(self, digest: str, store: Store, place: ArtifactStore) -> ArtifactNotFoundError:
        """Return the error for bytes that are not where all can read them."""
        waiting = next(iter(store.pending([digest])), None)
        if waiting is not None:
            return PendingBytesError(
                f"the bytes of {digest} have not arrived in {public(place.uri)}: "
                f"{self._whereabouts(waiting)}"
            )
        return ArtifactNotFoundError(
            f"the bytes of {digest} are lost: they arrived in {public(place.uri)} and are gone "
            "from there: `fitprint doctor` in the home that recorded them puts them there "
            "again, if it still has them"
        )

    def _fetched(self, digest: str, place: ArtifactStore) -> BinaryIO:
        """Keep bytes of a distant artifact store in this home, so that they travel once, and open
        them.
        """
        with place.open(digest) as source:
            try:
                self._staging.take(digest, source, -1)
            except IntegrityError:
                raise IntegrityError(
                    f"the bytes of {digest} in {public(place.uri)} have changed: they do not match "
                    "their name"
                ) from None
            except StoreError:
                return place.open(digest)  # a home that cannot be written, or is full
        return self._staging.open(digest)

    def is_lost(self, waiting: PendingBytes) -> bool:
        """Tell whether pending bytes were recorded in this home, which has them no more."""
        here = self._workspace.facts()
        mine = all(
            waiting.writer.get(name) and waiting.writer[name] == here.get(name)
            for name in ("host", "home")
        )
        return mine and waiting.digest not in self._staging

    def _whereabouts(self, waiting: PendingBytes) -> str:
        """Say in words where pending bytes lie, and what is to be done."""
        if self.is_lost(waiting):
            return (
                f"they were recorded here, and {self._staging.root} does not have them any "
                "more: they are lost, unless there is a copy"
            )
        if not waiting.origin:
            return "who recorded them is unknown; run `fitprint sync` in all homes of this store"
        home = waiting.writer.get("home")
        return f"they were recorded {waiting.origin}; run `fitprint sync` there" + (
            f" with FITPRINT_HOME={home}" if home else ""
        )

    # -- bringing ----------------------------------------------------------------------------------

    def bring(
        self, *, most: float = float("inf"), between: Callable[[], None] = lambda: None
    ) -> Uploaded:
        """Bring what is pending and lies here, small things first, and tell the store what has
        arrived.

        Args:
            most: bytes to bring now; what does not fit is left.
            between: called between two pieces; what it raises ends the round.

        Raises:
            StoreError: the artifact store cannot be opened, or the store does not answer; nothing
                is lost.
        """
        done = Uploaded()
        store = self._workspace.known_store()
        place = self.place(store)
        # who only looks does not wait for another thread
        if place is None or not self._lock.acquire(blocking=most == float("inf")):
            return done
        told = _Arrived(lambda digests: self._append(store, BytesArrived(clock.now(), digests)))
        try:
            for item in sorted(store.pending(), key=lambda item: (item.size, item.digest)):
                if self._bring_one(item, place, most, between, done):
                    told.add(item)
                    done.arrived.append(item)
                    most -= item.size
                elif done.refusals == _MOST_REFUSALS:
                    break
            told.flush()
        finally:
            self._lock.release()
        return done

    def _bring_one(
        self,
        item: PendingBytes,
        place: ArtifactStore,
        most: float,
        between: Callable[[], None],
        done: Uploaded,
    ) -> bool:
        """Tell whether the bytes are in the artifact store now; if not, ``done`` says why."""
        try:
            if item.digest not in self._staging:
                if item.digest in place:  # who brought them was killed before it could say so
                    return True
                done.elsewhere.append(item)
            elif item.size > most:
                done.left.append(item)
            else:
                self.claim(place)
                with self._staging.open(item.digest) as source, self._discreet():
                    place.put(item.digest, _Pieces(source, between), item.size)
                done.refusals = 0
                return True
        except IntegrityError:
            done.failed[item.digest] = (
                f"{self._staging.path_of(item.digest)} has changed since it was recorded"
            )
        except ArtifactNotFoundError:
            done.elsewhere.append(item)  # removed under our hands
        except (StoreError, OSError) as error:
            done.failed[item.digest] = str(error)
            done.refusals += 1
        return False

    def carry(
        self, files: Iterable[Artifact], opened: Callable[[str], BinaryIO]
    ) -> list[Artifact] | None:
        """Bring bytes that lie elsewhere, past this home, and tell the store; None if there is no
        artifact store.

        Args:
            files: what is wanted; what is there already is not read.
            opened: opens bytes by their digest.

        Returns:
            The files whose bytes travelled.

        Raises:
            ArtifactNotFoundError, IntegrityError: ``opened`` does not have them, or other ones.
            StoreError: the artifact store does not take them.
        """
        store = self._workspace.known_store()
        place = self.place(store)
        if place is None:
            return None
        done: list[Artifact] = []
        told = _Arrived(lambda digests: self._append(store, BytesArrived(clock.now(), digests)))
        try:
            for file in files:
                self.claim(place)
                # the runs that have it come later: until then it counts as put just now
                if not place.touch(file.digest):
                    with opened(file.digest) as source, self._discreet():
                        place.put(file.digest, source, file.size)
                    done.append(file)
                told.add(PendingBytes(file.digest, file.size))
        finally:
            told.flush()
        return done

    def bring_to_read(self) -> None:
        """Bring what can be brought in a moment, and tell what cannot.

        A program that records leaves it to a thread of its own; what goes to a distant artifact
        store is left to background delivery.
        """
        try:
            place = self.place(self._workspace.known_store())
            if place is None or self.is_distant:
                return
            if place.uri.startswith("memory:") or not self._workspace.records:
                self._tell(self.bring(most=_MOST_AT_A_LOOK), place)
            elif self._thread is None or not self._thread.is_alive():
                self._start()
        except StoreError as error:
            self._tell_delay(str(error))

    def bring_in_background(self) -> bool:
        """Bring everything, and deliver events meanwhile, unless that failed a moment ago; tell
        whether something may be left.
        """
        if time.monotonic() < self._retry_at:
            return True
        self._more_came = False
        try:
            failed = self.bring(between=self._deliver_events()).failed
        except StoreError as error:
            failed = {"": str(error)}
        if failed:
            self._tell_delay(next(iter(failed.values())))
            # events go on meanwhile
            self._pause = min(max(2 * self._pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)
            self._retry_at = time.monotonic() + self._pause
        else:
            self._pause = self._retry_at = 0.0
        return bool(failed) or self._more_came

    @property
    def is_distant(self) -> bool:
        """Whether bytes go to an artifact store that is known to be distant."""
        return self._opened is not None and not is_at_hand(
            self._opened_with, hooks().registered("register_artifact_stores")
        )

    def _deliver_events(self) -> Callable[[], None]:
        """Return what delivers events once a second, however large the bytes are that travel
        meanwhile.
        """
        delivered_at = time.monotonic()

        def deliver() -> None:
            nonlocal delivered_at
            if time.monotonic() - delivered_at > _EVERY_SECONDS:
                try:
                    self._more_came |= bool(self._workspace.sync().batches)
                except StoreError:
                    pass  # the next round tries again, and tells
                delivered_at = time.monotonic()

        return deliver

    def _tell_delay(self, reason: str) -> None:
        told = (
            f"artifacts could not be brought to where others read them ({reason}); they stay "
            f"in {self._staging.root}"
        )
        hooks().problem(f"{told}, and `fitprint sync` brings them", "artifacts")

    def _tell(self, done: Uploaded, place: ArtifactStore) -> None:
        """Tell once what did not work or was too much."""
        if done.failed:
            self._tell_delay(next(iter(done.failed.values())))
        if done.left:
            size = sum(item.size for item in done.left)
            hooks().problem(
                f"{len(done.left)} large files ({size / 1e6:.0f} MB) are not in "
                f"{public(place.uri)} yet, so that others cannot read them: run `fitprint sync`",
                "artifacts",
            )

    def restore(self, digests: Iterable[str]) -> list[str]:
        """Bring bytes again that had arrived, are not in the artifact store any more, and are here;
        return their digests.

        Raises:
            StoreError: the artifact store does not take them.
        """
        store = self._workspace.known_store()
        place = self.place(store)
        if place is None:
            return []
        waiting = {item.digest for item in store.pending()}
        gone = [
            digest
            for digest in digests
            if digest not in waiting and digest in self._staging and digest not in place
        ]
        for digest in gone:
            self.claim(place)
            with self._staging.open(digest) as source:
                place.put(digest, source, self._staging.size_of(digest) or 0)
        return gone

    # -- the thread of a program that records ------------------------------------------------------

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="fitprint-bytes", daemon=True)
        _watch_forks()
        try:
            self._thread.start()
        except RuntimeError:
            # the interpreter is about to end, or has too many: `fitprint sync` brings them
            self._thread = None
            return
        _threads.add(self._thread)
        at_end(self.finish)

    def _work(self) -> None:
        try:
            place = self.place(self._workspace.known_store())
            if place is not None:
                self._tell(self.bring(), place)
        except Exception as error:  # noqa: BLE001
            # the background must not end in a traceback on the user's screen
            self._tell_delay(str(error) or type(error).__name__)

    def finish(self) -> None:
        """Wait for the thread, at most as long as the setting ``exit_wait`` says."""
        thread = self._thread
        limit = self._workspace.settings["exit_wait"]
        if thread is not None:
            thread.join(limit)
            if thread.is_alive():
                hooks().problem(
                    f"artifacts could not all be brought within {limit:g} s; `fitprint sync` "
                    "brings the rest",
                    "artifacts",
                )

    def close(self) -> None:
        """Close the artifact store; it is opened again when it is needed."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()


_threads: WeakSet[threading.Thread] = WeakSet()
_watches_forks = False


def _watch_forks() -> None:
    global _watches_forks
    if not _watches_forks:
        _watches_forks = True
        # only now: of what is called before a fork, the latest comes first, and stores stop the
        # thread
        at_fork(before=_before_fork)


def _before_fork() -> None:
    """Let threads end that are about to: what they hold could not be given back in the child."""
    for thread in list(_threads):
        end_before_fork(thread)


class _Arrived:
    """Digests whose arrival is to be told, some at a time."""

    def __init__(self, tell: Callable[[tuple[str, ...]], None]) -> None:
        self._tell = tell
        self._digests: list[str] = []
        self._size = 0

    def add(self, item: PendingBytes) -> None:
        self._digests.append(item.digest)
        self._size += item.size
        if len(self._digests) >= _TOLD_TOGETHER or self._size >= _TOLD_BYTES:
            self.flush()

    def flush(self) -> None:
        digests, self._digests, self._size = tuple(self._digests), [], 0
        if digests:
            self._tell(digests)


class _Pieces:
    """A source between whose pieces something else is done."""

    def __init__(self, source: Source, between: Callable[[], None]) -> None:
        self._source = source
        self._between = between

    def read(self, size: int, /) -> bytes:
        self._between()
        return self._source.read(size)
