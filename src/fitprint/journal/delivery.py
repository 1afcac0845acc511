"""From journals to a store, exactly once, and the truth about writers that are gone.

A journal's lock is held by its writer. Who can take it knows that the writer has ended, however it
ended: the runs that it left open become KILLED with the time of their last record.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint.access import make_file, open_regular, read_regular
from fitprint.errors import FitprintError, StoreBusyError, StoreError, StoreVersionError
from fitprint.events import Batch, RunEnded
from fitprint.journal.frames import FORMAT, segment_name, split_position
from fitprint.journal.reader import Damage, read_journal, segments
from fitprint.journal.turn import turn
from fitprint.journal.writer import is_own
from fitprint.platform.locks import try_lock

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = [
    "PATIENCE",
    "Delivery",
    "deliver",
    "former_destination",
    "is_for",
    "journals",
    "leftovers",
    "read_writer",
    "set_aside",
    "writer_is_gone",
]

PATIENCE = 60.0
"""Seconds that a delivery waits for others which deliver to the same store."""

_TORN = "a record that was not written whole"
_DAMAGED = "damaged"  # a file of this name in a journal: nothing of it is to be removed
_DELIVERED = ".delivered-"  # begins the name of a journal that is being removed
_UNBORN = re.compile(r"\.[0-9a-f]{32}")  # what a writer makes before its journal appears
_OLD_SECONDS = 3600
_told_life: dict[tuple[str, str], float] = {}  # when to tell the next time, by store and journal
_TOGETHER = 64  # journals of which the beginnings are delivered at once
_LITTLE = 1 << 18  # bytes of a journal that is not delivered by itself
_MOST_REFUSALS = 3  # of journals, and none accepted: it is the store that does not work


@dataclass(slots=True)
class Delivery:
    """What one delivery did: batches kept, runs it had to end, and by journal: damage, why it was
    not delivered, what else is wrong.
    """

    batches: int = 0
    killed: list[str] = field(default_factory=list)
    damage: dict[str, list[Damage]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def former_destination(uri: str) -> str:
    """Return the word for a store that journals kept before they kept its address: a digest of the
    whole URI.
    """
    return hashlib.sha256(uri.encode()).hexdigest()[:16]


def journals(root: Path) -> list[Path]:
    """Return the journals below ``root``, oldest first."""
    return _journals_and_leftovers(root)[0]


def leftovers(root: Path) -> list[Path]:
    """Return what processes that were killed have left below ``root``: journals half removed, or
    never begun.
    """
    try:
        return _journals_and_leftovers(root)[1]
    except OSError:
        return []


def _journals_and_leftovers(root: Path) -> tuple[list[Path], list[Path]]:
    """Return both, from one look."""
    try:
        with os.scandir(root) as entries:
            found = sorted((entry for entry in entries), key=lambda entry: entry.name)
    except FileNotFoundError:
        return [], []
    names = [entry.name for entry in found if entry.name.startswith(".")]
    left = [
        root / name
        for name in names
        if name.startswith(_DELIVERED) or (_UNBORN.fullmatch(name) and _is_abandoned(root / name))
    ]
    return [
        Path(entry.path) for entry in found if not entry.name.startswith(".") and entry.is_dir()
    ], left


def _is_abandoned(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _OLD_SECONDS and writer_is_gone(folder)
    except OSError:
        return False


def read_writer(journal: Path) -> dict[str, Any]:
    """Return what the writer said of itself; {} if that is lost."""
    try:
        # a text spares what a Path takes
        content = json.loads(read_regular(f"{journal}/writer.json"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def writer_is_gone(journal: Path) -> bool:
    """Tell whether the process that wrote the journal has ended (or closed the journal)."""
    if is_own(journal.name):
        return False
    try:
        with open_regular(journal / "writer.lock") as lock:
            return try_lock(lock.fileno())
    except FileNotFoundError:
        return True
    except OSError:
        return False


def deliver(
    root: Path, store: Store, destinations: Collection[str] = ("",), *, patience: float = PATIENCE
) -> Delivery:
    """Hand everything that the journals below ``root`` hold for this store to it, and settle the
    journals of ended writers.

    ``destinations`` are the words for the store that writers may have written down ("destination"
    in ``writer.json``; "" for the home's own store): what was recorded for one store is not
    delivered to another. Where a writer knew the store's id, that counts, too.

    A journal that was delivered whole and whose writer is gone is removed; where part of it could
    not be read it is kept as ``.damaged-<id>`` for a human. One that cannot be delivered stays as
    it is, is named in :attr:`Delivery.failed`, and holds up no other. Processes that deliver the
    same folder take turns.

    Raises:
        StoreBusyError: for ``patience`` seconds others did not let us; of the journals only those
            of this process were delivered.
        StoreVersionError: only a newer fitprint may write to the store.
        StoreError: the store refused; what it did not keep stays in the journals.
    """
    done = Delivery()
    found, old = _journals_and_leftovers(root)
    if not found and not old:
        return done
    deadline = time.monotonic() + patience
    with turn(root, patience) as holder:
        store.patience = max(deadline - time.monotonic(), 0.0)
        # it knows nothing of records that came meanwhile; those of this process are ours to deliver
        # at any time
        if holder:
            found, old = [journal for journal in found if is_own(journal.name)], []
        for folder in old:
            shutil.rmtree(folder, ignore_errors=True)
        _deliver_each(found, store, destinations, done)
    if holder:
        raise StoreBusyError(holder)
    return done


def _deliver_each(
    found: list[Path], store: Store, destinations: Collection[str], done: Delivery
) -> None:
    """Deliver the journals one by one; what is wrong with one holds up no other.

    Raises:
        StoreError: the store refused every journal that it was offered.
    """
    refusals: list[StoreError] = []
    accepted = 0
    known: dict[str, tuple[int, int]] = {}
    for number, journal in enumerate(found):
        some = found[number : number + _TOGETHER]
        if number % _TOGETHER == 0 and len(some) > 1:
            known = _deliver_beginnings(some, store, destinations, done)
        writer = read_writer(journal)
        if not journal.is_dir():
            continue
        try:
            if not is_for(writer, store, destinations):
                continue
            _check_writer(journal, writer, store)
            _deliver_journal(journal, store, writer, done, known.get(journal.name))
            accepted += 1
        except (StoreBusyError, StoreVersionError):
            raise
        except StoreError as error:
            done.failed[journal.name] = str(error)
            refusals.append(error)
            if not accepted and len(refusals) == _MOST_REFUSALS:
                break  # each may cost the time of a connection
        except Exception as error:  # noqa: BLE001 - a journal is a file, and may hold anything
            done.failed[journal.name] = (
                str(error)
                if isinstance(error, FitprintError)
                else f"{type(error).__name__}: {error}"
            )
    if refusals and not accepted:
        raise refusals[0]


def _deliver_beginnings(
    some: Sequence[Path], store: Store, destinations: Collection[str], done: Delivery
) -> dict[str, tuple[int, int]]:
    """Give the store at once what it lacks of the first of some journals, if that is little, for to
    make it last is most of the work; return up to where it had them, and has them now.

    A journal that is not plain, and all behind it, are left to be delivered one by one, in order.

    Raises:
        StoreBusyError: others have not let us for as long as we wait.
        StoreVersionError: only a newer fitprint may write to the store.
    """
    batches: list[Batch] = []
    known: dict[str, tuple[int, int]] = {}
    try:
        for journal in some:
            writer = read_writer(journal)
            if not writer or not is_for(writer, store, destinations):
                continue
            batch = _beginning(journal, store.position(journal.name), writer)
            if batch is None:
                break
            known[journal.name] = batch.start, batch.start
            if batch.end > batch.start:
                batches.append(batch)
        if len(batches) > 1:
            store.append_all(batches)
            known.update({batch.journal: (batch.start, batch.end) for batch in batches})
            done.batches += len(batches)
    except (StoreBusyError, StoreVersionError):
        raise
    except Exception:  # noqa: BLE001 - what is wrong is told when each is delivered by itself
        return {}
    return known


def _beginning(journal: Path, start: int, writer: dict[str, Any]) -> Batch | None:
    """Return what is new in a journal; None if that is much, or not plain."""
    number, offset = split_position(start)
    waiting = (journal / segment_name(number)).stat().st_size - offset
    if waiting > _LITTLE or writer.get("format", FORMAT) > FORMAT:
        return None
    stretches = list(islice(read_journal(journal, start), 2))
    if len(stretches) > 1 or any(each.damage or each.unknown for each in stretches):
        return None
    end, events = (stretches[0].end, stretches[0].events) if stretches else (start, [])
    return Batch(journal.name, start, end, events, writer)


def is_for(writer: dict[str, Any], store: Store, destinations: Collection[str]) -> bool:
    """Tell whether a journal, of which its writer says this, is for the store."""
    destination = writer.get("destination", "")
    return destination in destinations or bool(
        destination and writer.get("store") and writer["store"] == store.id
    )


def _check_writer(journal: Path, writer: dict[str, Any], store: Store) -> None:
    """Refuse a journal that was half removed, and may have been for another store than the home's
    own.
    """
    if not writer and not (journal / "writer.json").exists() and not store.position(journal.name):
        raise FitprintError("its writer.json is gone, which says for which store it was recorded")


def _deliver_journal(
    journal: Path,
    store: Store,
    writer: dict[str, Any],
    done: Delivery,
    known: tuple[int, int] | None,
) -> None:
    # asked before reading: what a writer wrote last is then read for certain
    gone = writer_is_gone(journal)
    before, start = known or (store.position(journal.name),) * 2
    while True:
        try:
            position, whole = _hand_over(journal, store, start, writer, done, gone=gone)
            break
        except StoreError:
            # another process may have delivered some of this in the meantime
            further = store.position(journal.name)
            if further <= start:
                raise
            start = further
    gone = gone and whole  # a newer fitprint will know how its runs ended
    if gone:
        position = _settle(journal, store, position, writer, done)
    else:
        if whole:
            _tell_life(journal.name, position, store, writer)
        if position == before:
            return
    if store.position(journal.name) < position:  # the URI leads to another store by now
        raise StoreError(
            f"the store {store.uri} was replaced while it was filled; the journals keep what it "
            "lacks: try again"
        )
    _remove(journal) if gone else _drop_delivered_segments(journal, position)


def _tell_life(journal: str, position: int, store: Store, writer: dict[str, Any]) -> None:
    """Tell a store that wants to know it, now and then, that the writer of a journal lives."""
    if store.lost_after is None:
        return
    now = time.monotonic()
    if now >= _told_life.get((store.uri, journal), now):
        _told_life[store.uri, journal] = now + store.lost_after / 10
        store.append(Batch(journal, position, position, (), writer))


def _hand_over(
    journal: Path,
    store: Store,
    position: int,
    writer: dict[str, Any],
    done: Delivery,
    *,
    gone: bool,
) -> tuple[int, bool]:
    """Give the store what the journal holds from ``position`` on; return the position behind that,
    and whether that is all of it.
    """
    _tell_gap(journal, position, done)
    if writer.get("format", FORMAT) > FORMAT:
        _tell_newer(journal, f"records of format {writer['format']}", writer, done)
        return position, False
    for stretch in read_journal(journal, position):
        if stretch.damage:
            _mark_damaged(journal)
        torn = (
            [Damage("the last segment", stretch.end & 0xFFFFFFFFFF, stretch.torn, _TORN)]
            if stretch.torn and gone
            else []
        )
        if stretch.damage or torn:
            done.damage.setdefault(journal.name, []).extend([*stretch.damage, *torn])
        if stretch.end > position:
            store.append(Batch(journal.name, position, stretch.end, stretch.events, writer))
            position = stretch.end
            done.batches += 1
        if stretch.unknown:
            _tell_newer(journal, stretch.unknown, writer, done)
            return position, False
    return position, True


def _tell_newer(journal: Path, what: str, writer: dict[str, Any], done: Delivery) -> None:
    by = f"by fitprint {writer['fitprint']}" if "fitprint" in writer else "by a newer fitprint"
    done.problems[journal.name] = (
        f"the journal {journal} was written {by} and holds {what}, which this version does not "
        "know: upgrade fitprint to see the rest of it (everything before is delivered, nothing is "
        "removed)"
    )


def _tell_gap(journal: Path, position: int, done: Delivery) -> None:
    """Tell of segments that this store lacks and nobody can give it any more."""
    next_segment = split_position(position)[0]
    # as nearly always; cheaper than a list of Paths
    if os.path.exists(f"{journal}/{segment_name(next_segment)}"):  # noqa: PTH110
        return
    first = next((int(path.stem) for path in segments(journal)), 1)
    if first > next_segment:
        done.problems[journal.name] = (
            f"the beginning of the journal {journal} (before {segment_name(first)}) is missing in "
            "this store: it was delivered to the one that was here before, and removed then; bring "
            "that file back, and read again, to have all of it"
        )


def _settle(
    journal: Path, store: Store, position: int, writer: dict[str, Any], done: Delivery
) -> int:
    """End the runs that a writer, now gone, left open; return the position behind that."""
    _told_life.pop((store.uri, journal.name), None)
    left = store.open_runs(journal.name)
    if left:
        ended = [RunEnded(run.id, run.last_time, "KILLED", None) for run in left]
        store.append(Batch(journal.name, position, position + 1, ended, writer))
        done.killed += [run.id for run in left]
    return position + bool(left)


def _mark_damaged(journal: Path) -> None:
    try:
        make_file(journal / _DAMAGED)
    except OSError:
        pass  # a folder that cannot be written loses nothing either


def _drop_delivered_segments(journal: Path, position: int) -> None:
    if (journal / _DAMAGED).exists():
        return
    for path in segments(journal):
        if int(path.stem) < position >> 40:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                pass  # the position says that it was delivered


def _remove(journal: Path) -> None:
    """Take a delivered journal away.

    It loses its name first: one that is half removed must not be taken for a journal.
    """
    if (journal / _DAMAGED).exists():
        set_aside(journal)
        return
    doomed = journal.with_name(_DELIVERED + journal.name)
    try:
        journal.rename(doomed)
    except OSError as error:
        if journal.is_dir() and os.access(journal.parent, os.W_OK):
            raise FitprintError(
                f"the delivered journal {journal} cannot be removed: {error}; remove it by hand"
            ) from error
    shutil.rmtree(doomed, ignore_errors=True)  # what is left of it goes with a later delivery


def set_aside(journal: Path) -> Path:
    """Rename a journal so that deliveries pass over it, and return its new place; renamed back it
    is a journal again.

    Raises:
        FitprintError: it cannot be renamed.
    """
    aside = journal.with_name(f".damaged-{journal.name}")
    try:
        journal.rename(aside)
    except OSError as error:
        if journal.is_dir() and os.access(journal.parent, os.W_OK):
            raise FitprintError(
                f"the journal {journal} cannot be renamed to {aside.name}: {error}; do it by hand"
            ) from error
    return aside
