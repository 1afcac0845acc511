"""From journals to a store exactly once, whoever fails on the way, and the truth about writers that
are gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fitprint import events
from fitprint.errors import StoreError
from fitprint.journal import delivery
from fitprint.journal.delivery import (
    deliver,
    former_destination,
    journals,
    leftovers,
    read_writer,
    writer_is_gone,
)
from fitprint.journal.writer import JournalWriter
from fitprint.stores.memory import MemoryStore
from fitprint.stores.records import Records


def begin(writer: JournalWriter, run: str = "r", time: int = 1) -> None:
    writer.append(events.RunStarted(run, time, "Default", f"name of {run}"))


class Failing(MemoryStore):
    """A store that refuses some of the batches: before it keeps them, or after (its answer is lost
    on the way).
    """

    def __init__(self, *, before: set[int] = frozenset(), after: set[int] = frozenset()) -> None:
        super().__init__()
        self.calls = 0
        self._before = before
        self._after = after

    def append(self, batch: events.Batch) -> None:
        self.calls += 1
        if self.calls in self._before:
            raise StoreError("no")
        super().append(batch)
        if self.calls in self._after:
            raise StoreError("no answer")


@pytest.mark.parametrize("call", range(1, 8))
@pytest.mark.parametrize("kept", [True, False])
def test_a_store_that_fails_midway_gets_everything_exactly_once(
    tmp_path: Path, call: int, *, kept: bool
) -> None:
    """Whether the batch that failed was kept or not, and wherever it stood, repeating the delivery
    neither loses nor doubles a point.
    """
    writer = JournalWriter(tmp_path, segment_bytes=600)
    begin(writer)
    for step in range(50):
        writer.point("r", "loss", step, step, float(step))
    writer.close()
    store = Failing(after={call}) if kept else Failing(before={call})
    try:
        deliver(tmp_path, store)
    except StoreError:
        deliver(tmp_path, store)
    assert list(range(50)) == list(store.metric_history("r", "loss").step)
    assert "KILLED" == store.run("r").status
    assert [] == journals(tmp_path)


def test_delivering_again_changes_nothing(tmp_path: Path) -> None:
    """A second delivery, with nothing new, hands the store nothing."""
    writer = JournalWriter(tmp_path)
    begin(writer)
    store = MemoryStore()
    assert 1 == deliver(tmp_path, store).batches
    assert 0 == deliver(tmp_path, store).batches
    writer.point("r", "loss", 0, 2, 1.0)
    assert 1 == deliver(tmp_path, store).batches
    assert "RUNNING" == store.run("r").status
    writer.close()


def test_a_writer_that_lives_is_told_now_and_then(tmp_path: Path) -> None:
    """Once where there is nothing new, not with every look; a store that keeps no signs of life is
    not asked.
    """
    writer = JournalWriter(tmp_path)
    begin(writer)
    store, without = Failing(), Failing()
    without.lost_after = None
    for each, calls in ((store, 2), (without, 1)):
        for _ in range(4):
            deliver(tmp_path, each)
        assert calls == each.calls
    writer.close()


def test_a_writer_that_always_records_is_told_to_live(tmp_path: Path) -> None:
    """Its run is LOST when it falls silent, though each delivery had something new."""
    writer = JournalWriter(tmp_path)
    begin(writer)
    store = MemoryStore()
    for step in range(3):
        writer.point("r", "loss", step, step, float(step))
        deliver(tmp_path, store)
    store.now = lambda: 2 * 10**18
    assert "LOST" == store.run("r").status
    writer.close()


def test_a_process_that_reads_for_long_forgets_journals_that_are_gone(tmp_path: Path) -> None:
    """What it knows does not grow with all that was ever recorded."""
    writer = JournalWriter(tmp_path)
    begin(writer)
    store = MemoryStore()
    deliver(tmp_path, store)
    assert (store.uri, writer.id) in delivery._told_life
    writer.close()
    deliver(tmp_path, store)
    assert (store.uri, writer.id) not in delivery._told_life


def test_two_deliverers_at_once_take_turns(tmp_path: Path) -> None:
    """Many threads delivering one folder to one store while a writer writes: each point arrives
    once, in order.
    """
    writer = JournalWriter(tmp_path, segment_bytes=2000)
    begin(writer)
    store = MemoryStore()
    finished = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not finished.is_set():
                deliver(tmp_path, store)
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for step in range(1000):
        writer.point("r", "loss", step, step, float(step))
    writer.append(events.RunEnded("r", 9999, "FINISHED"))
    writer.close()
    finished.set()
    for thread in threads:
        thread.join()
    deliver(tmp_path, store)
    assert [] == errors
    assert list(range(1000)) == list(store.metric_history("r", "loss").step)
    assert ("FINISHED", 9999) == (store.run("r").status, store.run("r").end_time)


def test_a_process_forked_during_a_delivery_does_not_hold_it_up(tmp_path: Path) -> None:
    """The turn is given back although a child, forked meanwhile and still alive, has the lock's
    file open.
    """
    writer = JournalWriter(tmp_path)
    begin(writer)
    read, write = os.pipe()
    children: list[int] = []

    class Forking(MemoryStore):
        def append(self, batch: events.Batch) -> None:
            child = os.fork()
            if child == 0:
                os.close(write)
                os.read(read, 1)  # until the parent closes its end
                os._exit(0)
            children.append(child)
            super().append(batch)

    deliver(tmp_path, Forking())
    second = MemoryStore()
    thread = threading.Thread(target=deliver, args=(tmp_path, second), daemon=True)
    thread.start()
    thread.join(10)
    stuck = thread.is_alive()
    os.close(write)
    os.close(read)
    for child in children:
        os.waitpid(child, 0)
    assert not stuck
    writer.close()


def test_segments_of_a_living_writer_go_when_they_are_delivered(tmp_path: Path) -> None:
    """A program that runs for weeks does not fill the disk with what the store already has."""
    writer = JournalWriter(tmp_path, segment_bytes=500)
    begin(writer)
    store = MemoryStore()
    for step in range(200):
        writer.point("r", "loss", step, step, float(step))
        if step % 20 == 0:
            deliver(tmp_path, store)
            assert len(list(tmp_path.glob("*/*.log"))) <= 5
    deliver(tmp_path, store)
    assert 200 == store.run("r").metrics["loss"].count
    assert 1 == len(list(tmp_path.glob("*/*.log")))
    writer.close()


def test_a_run_that_its_writer_left_open_is_killed_at_its_last_record(tmp_path: Path) -> None:
    """The time of death is that of the last point, and other runs of the journal are left as they
    ended.
    """
    writer = JournalWriter(tmp_path)
    begin(writer, "a", 1)
    begin(writer, "b", 2)
    writer.append(events.RunEnded("b", 3, "FAILED", "traceback"))
    writer.point("a", "loss", 0, 77, 1.0)
    writer.close()
    store = MemoryStore()
    assert ["a"] == deliver(tmp_path, store).killed
    assert ("KILLED", 77) == (store.run("a").status, store.run("a").end_time)
    assert ("FAILED", 3) == (store.run("b").status, store.run("b").end_time)


def test_a_record_of_another_writer_counts_for_the_time_of_death(tmp_path: Path) -> None:
    """A child process that logs to its parent's run shows that the run lived on."""
    parent, child = JournalWriter(tmp_path), JournalWriter(tmp_path)
    begin(parent)
    child.point("r", "loss", 0, 50, 1.0)
    parent.close()
    store = MemoryStore()
    deliver(tmp_path, store)
    assert ("KILLED", 50) == (store.run("r").status, store.run("r").end_time)
    child.point("r", "loss", 1, 60, 1.0)
    child.close()
    deliver(tmp_path, store)
    assert "KILLED" == store.run("r").status
    assert 2 == store.run("r").metrics["loss"].count


def test_a_run_that_another_process_went_on_with_stays_running(tmp_path: Path) -> None:
    """The journal that resumed a run last is the one whose end matters."""
    first, second = JournalWriter(tmp_path), JournalWriter(tmp_path)
    begin(first)
    second.append(events.RunStarted("r", 5, "Default", "name", resumed=True))
    first.close()
    store = MemoryStore()
    deliver(tmp_path, store)
    assert "RUNNING" == store.run("r").status
    second.close()
    deliver(tmp_path, store)
    assert ("KILLED", 5) == (store.run("r").status, store.run("r").end_time)


def test_the_writer_of_this_process_is_not_gone(tmp_path: Path) -> None:
    """While it is open, a journal of our own is that of a living writer; closed, it is not."""
    writer = JournalWriter(tmp_path)
    writer.open()
    (journal,) = journals(tmp_path)
    assert not writer_is_gone(journal)
    writer.close()
    assert writer_is_gone(journal)


def test_what_was_recorded_for_one_store_is_not_delivered_to_another(tmp_path: Path) -> None:
    """A journal names its store, and waits for that one."""
    writer = JournalWriter(tmp_path, facts=lambda: {"destination": "postgresql://host/db"})
    begin(writer)
    writer.close()
    (journal,) = journals(tmp_path)
    store = MemoryStore()
    assert 0 == deliver(tmp_path, store).batches
    assert 0 == deliver(tmp_path, store, ["postgresql://other/db"]).batches
    assert "postgresql://host/db" == read_writer(journal)["destination"]
    assert 1 == deliver(tmp_path, store, ["postgresql://host/db", "else"]).batches


@pytest.mark.parametrize(
    "said",
    [
        lambda store: {"destination": "postgresql://former-host/db", "store": store.id},
        lambda store: {
            "destination": "postgresql://host/db",
            "store": "another, which was here before",
        },
        lambda store: {"destination": former_destination("postgresql://user:secret@host/db")},
    ],
    ids=["by id", "by address", "by the digest of before"],
)
def test_fault_25_a_journal_finds_its_store(tmp_path: Path, said: Any) -> None:
    """The store's id is enough, and so is its address; journals that earlier versions wrote are
    found by the digest of the URI.
    """
    store = MemoryStore()
    writer = JournalWriter(tmp_path, facts=lambda: said(store))
    begin(writer)
    writer.close()
    names = ["postgresql://host/db", former_destination("postgresql://user:secret@host/db")]
    assert 1 == deliver(tmp_path, store, names).batches


class Replaced(MemoryStore):
    """A store that is replaced by an empty one once it has kept so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self._batches = batches

    def append(self, batch: events.Batch) -> None:
        super().append(batch)
        self._batches -= 1
        if self._batches == 0:
            self._records, self._positions = Records(), {}


@pytest.mark.parametrize("batches", range(1, 6))
@pytest.mark.parametrize("closed", [True, False])
def test_fault_6_a_store_that_is_replaced_during_a_delivery_gets_everything(
    tmp_path: Path, batches: int, *, closed: bool
) -> None:
    """No journal and no segment is removed before the store that lies there in the end has it,
    whenever it came there.
    """
    writer = JournalWriter(tmp_path, segment_bytes=500)
    begin(writer)
    for step in range(40):
        writer.point("r", "loss", step, step, float(step))
    if closed:
        writer.close()
    store = Replaced(batches)
    with pytest.raises(StoreError, match="replaced"):
        deliver(tmp_path, store)
    deliver(tmp_path, store)
    assert list(range(40)) == list(store.metric_history("r", "loss").step)
    assert "name of r" == store.run("r").name
    writer.close()


def test_fault_6_what_an_older_store_lacks_for_good_is_told(tmp_path: Path) -> None:
    """A store that was brought back from a copy, after segments that it lacks were removed, gets
    the rest, and the gap is named.
    """
    writer = JournalWriter(tmp_path, segment_bytes=500)
    begin(writer)
    store = MemoryStore()
    for step in range(50):
        writer.point("r", "loss", step, step, float(step))
    deliver(tmp_path, store)
    writer.point("r", "loss", 50, 50, 50.0)
    older = MemoryStore()
    done = deliver(tmp_path, older)
    (told,) = done.problems.values()
    assert "before 0000" in told
    assert "bring that file back" in told
    assert 50 == older.metric_history("r", "loss").step[-1]
    assert {} == deliver(tmp_path, older).problems
    writer.close()


def test_fault_13_a_delivery_of_nothing_looks_once(tmp_path: Path) -> None:
    """Whoever reads runs again and again pays for one look at the folder and one at each journal,
    and for no file that is there already.
    """
    writer = JournalWriter(tmp_path)
    begin(writer)
    store = MemoryStore()
    deliver(tmp_path, store)
    looking, seen = [True], []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if (
            looking
            and event in ("open", "os.listdir", "os.scandir")
            and str(arguments[0]).startswith(str(tmp_path))
        ):
            seen.append(str(arguments[0]).removeprefix(f"{tmp_path}/"))

    sys.addaudithook(watch)  # it cannot be taken back, and looks no more behind this test
    assert 0 == deliver(tmp_path, store).batches
    looking.clear()
    assert sorted(
        [str(tmp_path), ".delivery.lock", f"{writer.id}/writer.json", writer.id]
    ) == sorted(seen)
    writer.close()


def test_a_folder_without_journals_has_nothing_to_deliver(tmp_path: Path) -> None:
    """Neither a missing folder nor an empty one is an error."""
    assert 0 == deliver(tmp_path / "nothing", MemoryStore()).batches
    assert 0 == deliver(tmp_path, MemoryStore()).batches


@pytest.mark.parametrize("removed", range(4))
def test_fault_9_a_reader_killed_while_it_removes_a_journal_leaves_none(
    tmp_path: Path, removed: int
) -> None:
    """However many of its files are gone, what is left is no journal that another store would be
    given; the next delivery sweeps it.
    """
    writer = JournalWriter(tmp_path, facts=lambda: {"destination": "elsewhere"})
    begin(writer)
    writer.append(events.RunEnded("r", 2, "FINISHED"))
    writer.close()
    child = os.fork()
    if child == 0:
        left, unlink = iter(range(removed)), os.unlink

        def unlink_or_die(*arguments: object, **options: object) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            unlink(*arguments, **options)  # type: ignore[arg-type]

        os.unlink = unlink_or_die
        os.rmdir = unlink_or_die
        try:
            deliver(tmp_path, MemoryStore(), "elsewhere")
        finally:
            os._exit(0)
    assert signal.SIGKILL == os.WTERMSIG(os.waitpid(child, 0)[1])
    assert [] == journals(tmp_path)
    assert 1 == len(leftovers(tmp_path))
    assert 0 == deliver(tmp_path, MemoryStore()).batches
    assert [] == leftovers(tmp_path)


def test_fault_9_a_journal_without_its_facts_is_given_to_no_store_but_its_own(
    tmp_path: Path,
) -> None:
    """Half removed by an older fitprint, a journal is delivered only to the store that has some of
    it; others name it.
    """
    writer = JournalWriter(tmp_path, facts=lambda: {"destination": "elsewhere"})
    begin(writer)
    own, other = MemoryStore(), MemoryStore()
    deliver(tmp_path, own, "elsewhere")
    writer.append(events.RunEnded("r", 2, "FINISHED"))
    writer.close()
    (journal,) = journals(tmp_path)
    (journal / "writer.json").unlink()
    assert "writer.json is gone" in deliver(tmp_path, other).failed[journal.name]
    assert 0 == other.position(journal.name)
    deliver(tmp_path, own)
    assert "FINISHED" == own.run("r").status
    assert [] == journals(tmp_path)


def test_fault_9_a_journal_that_never_began_is_swept_when_its_writer_is_gone(
    tmp_path: Path,
) -> None:
    """What a writer that was killed at its very beginning left goes after an hour; that of a writer
    which is at work stays.
    """
    unborn = tmp_path / f".{'0' * 32}"
    unborn.mkdir()
    assert [] == leftovers(tmp_path)
    os.utime(unborn, (1, 1))
    assert [unborn] == leftovers(tmp_path)
    deliver(tmp_path, MemoryStore())
    assert not unborn.exists()


class Counting(MemoryStore):
    """A store that notes what comes at once, and may refuse to take several journals so."""

    def __init__(self, *, refuses: bool = False) -> None:
        super().__init__()
        self.refuses = refuses
        self.together: list[list[str]] = []

    def append_all(self, batches: Sequence[events.Batch]) -> None:
        self.together.append([batch.journal for batch in batches])
        if self.refuses:
            super().append_all(batches[:2])
            raise StoreError("no")
        super().append_all(batches)


def many(root: Path, count: int) -> list[str]:
    """Write journals of one run each, and return their names."""
    names = []
    for number in range(count):
        writer = JournalWriter(root)
        begin(writer, f"r{number}")
        writer.point(f"r{number}", "loss", 1, 1, float(number))
        names.append(writer.id)
        writer.close()
    return sorted(names)


@pytest.mark.parametrize("refuses", [False, True])
def test_what_is_little_of_several_journals_is_delivered_at_once(
    tmp_path: Path, *, refuses: bool
) -> None:
    """One by one where the store refuses that; either way each once."""
    names = many(tmp_path, 5)
    store = Counting(refuses=refuses)
    done = deliver(tmp_path, store)
    assert [names] == store.together
    assert {} == done.failed
    assert 5 == len(done.killed)
    assert [1] * 5 == [len(store.metric_history(f"r{number}", "loss")) for number in range(5)]
    assert [] == journals(tmp_path)


def test_nothing_overtakes_a_journal_that_is_damaged(tmp_path: Path) -> None:
    """What stands behind it may be about what it holds."""
    names = many(tmp_path, 4)
    (segment,) = (tmp_path / names[2]).glob("*.log")
    raw = bytearray(segment.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    segment.write_bytes(raw)
    store = Counting()
    done = deliver(tmp_path, store)
    assert [names[:2]] == store.together
    assert [names[2]] == list(done.damage)
    assert [f".damaged-{names[2]}"] == [path.name for path in tmp_path.glob(".damaged-*")]
