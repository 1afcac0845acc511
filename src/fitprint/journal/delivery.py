"""From journals to a store, exactly once, and the truth about writers that are gone.

A journal's lock is held by its writer. Who can take it knows that the writer has ended, however it ended: the runs
that it left open become KILLED with the time of their last record.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint.errors import StoreError
from fitprint.events import Batch, RunEnded
from fitprint.journal.frames import segment_name, split_position
from fitprint.journal.reader import Damage, read_journal, segments
from fitprint.journal.writer import is_own

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["Delivery", "deliver", "destination_of", "journals", "read_writer", "writer_is_gone"]


_TORN = "a record that was not written whole"
_DAMAGED = "damaged"  # a file of this name in a journal: nothing of it is to be removed


@dataclass(slots=True)
class Delivery:
    """What one delivery did: batches kept, runs that it had to end, damage that it met, by journal, and what else went wrong, likewise."""

    batches: int = 0
    killed: list[str] = field(default_factory=list)
    damage: dict[str, list[Damage]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def destination_of(store: str | None) -> str:
    """Return the word for a store that a journal keeps: "" for the home's own, else a digest, for the URI may hold a password."""
    return hashlib.sha256(store.encode()).hexdigest()[:16] if store else ""


def journals(root: Path) -> list[Path]:
    """Return the journals below ``root``, oldest first."""
    try:
        with os.scandir(root) as entries:
            return sorted(Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except FileNotFoundError:
        return []


def read_writer(journal: Path) -> dict[str, Any]:
    """Return what the writer said of itself; {} if that is lost."""
    try:
        content = json.loads((journal / "writer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def writer_is_gone(journal: Path) -> bool:
    """Tell whether the process that wrote the journal has ended (or closed the journal)."""
    if is_own(journal.name):
        return False
    try:
        with open(journal / "writer.lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def deliver(root: Path, store: Store, destination: str = "") -> Delivery:
    """Hand everything that the journals below ``root`` hold for this store to it, and settle the journals of ended writers.

    ``destination`` is the word for the store that the journals' writers wrote down (see :func:`destination_of`): what was recorded
    for one store is not delivered to another.

    A journal that was delivered whole and whose writer is gone is removed; where part of it could not be read it is
    kept as ``.damaged-<id>`` for a human. Processes that deliver the same folder take turns.

    Raises:
        StoreError: the store refused; what it did not keep stays in the journals.
    """
    done = Delivery()
    found = journals(root)
    if found:
        with _turn(root):
            for journal in found:
                writer = read_writer(journal)
                if journal.is_dir() and writer.get("destination", "") == destination:
                    _deliver_journal(journal, store, writer, done)
    return done


@contextmanager
def _turn(root: Path) -> Iterator[None]:
    """Wait for our turn to deliver. In a folder that cannot be written nobody else delivers either."""
    try:
        lock = open(root / ".delivery.lock", "ab")  # noqa: SIM115 - closed below
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # Closing is not enough: a process forked in the meantime has the file, and with it the lock, too.
            fcntl.flock(lock, fcntl.LOCK_UN)


def _deliver_journal(journal: Path, store: Store, writer: dict[str, Any], done: Delivery) -> None:
    gone = writer_is_gone(journal)  # asked before reading: what a writer wrote last is then read for certain
    start = store.position(journal.name)
    position = _hand_over(journal, store, start, writer, done, gone=gone)
    if gone:
        position = _settle(journal, store, position, writer, done)
    elif position == start:
        return
    if store.position(journal.name) < position:  # the URI leads to another store by now
        raise StoreError(f"the store {store.uri} was replaced while it was filled; the journals keep what it lacks: try again")
    _remove(journal) if gone else _drop_delivered_segments(journal, position)


def _hand_over(journal: Path, store: Store, position: int, writer: dict[str, Any], done: Delivery, *, gone: bool) -> int:
    """Give the store what the journal holds from ``position`` on, and return the position behind that."""
    _tell_gap(journal, position, done)
    damage: list[Damage] = []
    for stretch in read_journal(journal, position):
        damage += stretch.damage
        if stretch.torn and gone:
            damage.append(Damage("the last segment", stretch.end & 0xFFFFFFFFFF, stretch.torn, _TORN))
        if stretch.end > position:
            store.append(Batch(journal.name, position, stretch.end, stretch.events, writer))
            position = stretch.end
            done.batches += 1
    if damage:
        done.damage[journal.name] = damage
        if any(item.reason != _TORN for item in damage):
            _mark_damaged(journal)
    return position


def _tell_gap(journal: Path, position: int, done: Delivery) -> None:
    """Tell of segments that this store lacks and nobody can give it any more."""
    first = next((int(path.stem) for path in segments(journal)), 1)
    if first > split_position(position)[0]:
        done.problems[journal.name] = (
            f"the beginning of the journal {journal} (before {segment_name(first)}) is missing in this store: it was delivered to the "
            "one that was here before, and removed then; bring that file back, and read again, to have all of it"
        )


def _settle(journal: Path, store: Store, position: int, writer: dict[str, Any], done: Delivery) -> int:
    """End the runs that a writer, now gone, left open; return the position behind that."""
    left = store.open_runs(journal.name)
    if left:
        ended = [RunEnded(run.id, run.last_time, "KILLED", None) for run in left]
        store.append(Batch(journal.name, position, position + 1, ended, writer))
        done.killed += [run.id for run in left]
    return position + bool(left)


def _mark_damaged(journal: Path) -> None:
    try:
        (journal / _DAMAGED).touch()
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
    try:
        if (journal / _DAMAGED).exists():
            journal.rename(journal.with_name(f".damaged-{journal.name}"))
        else:
            shutil.rmtree(journal)
    except OSError as error:
        if journal.is_dir() and os.access(journal.parent, os.W_OK):
            raise StoreError(f"the delivered journal {journal} cannot be removed: {error}; remove it by hand") from error
