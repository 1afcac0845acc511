"""Following the changes of a store: by one process at a time, each change at least once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fitprint.entities import Change
from fitprint.events import Batch, ChangesFollowed, RunEnded, RunRenamed, RunStarted
from fitprint.ids import new_id
from fitprint.stores.following import follow
from fitprint.stores.protocol import Store
from fitprint.stores.sql.sqlite import open_sqlite

RUNS = [f"{number:032x}" for number in range(1, 4)]


@pytest.fixture
def runs(write: Callable[..., None]) -> None:
    """Three runs that ended."""
    for run in RUNS:
        write(RunStarted(run, 1, "iris", "name"), RunEnded(run, 2, "FINISHED"))


def ask(store: Store, holder: str, seconds: float) -> None:
    position = store.position("lease")
    store.append(
        Batch("lease", position, position + 1, [ChangesFollowed(1, "hooks", holder, seconds)])
    )


@pytest.mark.usefixtures("runs")
def test_fault_8_each_change_is_handed_over_once(store: Store, write: Callable[..., None]) -> None:
    """The first time all there is, then what came; another consumer begins anew."""
    told: list[Change] = []
    assert follow(store, "hooks", told.append) == 4  # three runs and their experiment
    assert [change.kinds for change in told if change.id == RUNS[0]] == [("started", "ended")]
    assert follow(store, "hooks", told.append) == 0
    told.clear()
    write(RunRenamed(RUNS[1], 3, new_id(), "", "other"))
    assert follow(store, "hooks", told.append) == 1
    assert told == [Change("run", RUNS[1], ("edited",))]
    assert follow(store, "others", told.append) == 4


@pytest.mark.usefixtures("runs")
def test_fault_8_what_was_not_finished_comes_again(store: Store) -> None:
    """An error of the consumer is its caller's, who gets the change again, from whichever process
    asks next.
    """
    told: list[str] = []

    def fail_at_the_third(change: Change) -> None:
        told.append(change.id)
        if len(told) == 3:
            raise OSError("the line is down")

    with pytest.raises(OSError, match="the line is down"):
        follow(store, "hooks", fail_at_the_third)
    assert follow(store, "hooks", lambda change: told.append(change.id)) == 4
    assert set(told[3:]) == {change.id for change in store.changes().items}


@pytest.mark.usefixtures("runs")
def test_fault_8_one_process_follows_at_a_time(store: Store) -> None:
    """While another has the lease nothing is handed over; once it gave it back, or it ran out,
    everything is.
    """
    told: list[Change] = []
    ask(store, "another process", 3600)
    assert (follow(store, "hooks", told.append), told) == (0, [])
    ask(store, "another process", 0)
    assert follow(store, "hooks", told.append) == 4


@pytest.mark.usefixtures("runs")
def test_fault_8_nobody_else_gets_in_while_one_follows(store: Store) -> None:
    """Not even from within; what a consumer changes itself comes the next time, so that it comes to
    an end.
    """
    inner: list[int] = []

    def change_and_follow(change: Change) -> None:
        position = store.position("mine")
        store.append(
            Batch("mine", position, position + 1, [RunRenamed(RUNS[0], 5, new_id(), "", "again")])
        )
        inner.append(follow(store, "hooks", lambda _: None))

    assert follow(store, "hooks", change_and_follow) == 4
    assert inner == [0] * 4
    assert follow(store, "hooks", lambda _: None) == 1


@pytest.mark.usefixtures("runs")
def test_fault_8_who_lost_the_lease_stops(store: Store) -> None:
    """A lease that ran out while a change was handled may be another's: then it goes on with what
    was not finished.
    """
    told: list[Change] = []

    def lose_it(change: Change) -> None:
        told.append(change)
        ask(store, "another process", 3600)

    assert follow(store, "hooks", lose_it, seconds=1e-9) == 1
    known = store.consumer("hooks")
    assert known is not None
    assert (known.holder, known.cursor) == ("another process", "")


def test_fault_8_a_store_that_fails_meanwhile_does_not_hide_the_error_of_the_consumer(
    tmp_path: Path,
) -> None:
    """Where the lease cannot be given back it runs out;
    the caller gets what the consumer raised.
    """
    store = open_sqlite(f"sqlite:///{tmp_path}/fitprint.db")
    store.append(Batch("j", 0, 1, [RunStarted(RUNS[0], 1, "iris", "name")]))

    def break_both(change: Change) -> None:
        store.close()
        (tmp_path / "fitprint.db").write_bytes(b"no database" * 1000)
        raise OSError("the line is down")

    with pytest.raises(OSError, match="the line is down"):
        follow(store, "hooks", break_both)


FOLLOWING = """
import sys
from fitprint.stores.following import follow
from fitprint.stores.sql.sqlite import open_sqlite
store = open_sqlite(sys.argv[1])
sys.stdin.readline()
while True:
    follow(store, "hooks", lambda change: print(change.id, *change.kinds, flush=True))
    known = store.consumer("hooks")
    if known is not None and not store.changes(known.cursor).items:
        break
"""


def test_fault_8_processes_that_follow_at_once_hand_over_everything(tmp_path: Path) -> None:
    """Of three that begin together each change is handed over by one, and none is lost."""
    store = open_sqlite(f"sqlite:///{tmp_path}/fitprint.db")
    runs = [f"{number:032x}" for number in range(250)]
    store.append(
        Batch(
            "j",
            0,
            1,
            [
                event
                for run in runs
                for event in (RunStarted(run, 1, "iris", "name"), RunEnded(run, 2, "FINISHED"))
            ],
        )
    )
    store.close()
    command = [sys.executable, "-c", FOLLOWING, store.uri]
    children = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
        )
        for _ in range(3)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    printed = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0] * 3
    told = [line.split()[0] for text in printed for line in text.splitlines()]
    assert sorted(run for run in told if run in set(runs)) == runs
