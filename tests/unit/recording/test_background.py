"""Delivery in the background: others see what is recorded, and the thread ends with what it belongs
to.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import fitprint
from fitprint.errors import RunNotFoundError, StoreBusyError, StoreError
from fitprint.recording import background, workspace
from fitprint.stores.sql.files import descriptors
from fitprint.stores.sql.sqlite import open_sqlite
from fitprint.testing.processes import forked


@pytest.fixture
def shared(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database that is not the home's own."""
    monkeypatch.setattr(background, "_EVERY_SECONDS", 0.01)
    (tmp_path / "shared").mkdir()
    fitprint.configure(store=f"sqlite:///{tmp_path}/shared/team.db")
    return tmp_path / "shared" / "team.db"


def wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    pause = threading.Event()
    while not (is_so := condition()) and time.monotonic() < deadline:
        pause.wait(0.005)
    return is_so


def sees(database: Path, run: str, key: str) -> bool:
    """Tell whether somebody else, who knows only the database, finds a metric there."""
    if not database.exists():
        return False
    with closing(open_sqlite(f"sqlite:///{database}")) as store:
        try:
            return key in store.run(run).metrics
        except RunNotFoundError:
            return False


def files_open(database: Path) -> int:
    """Return how many descriptors of this process lead to a file."""
    found = database.stat()
    return sum(os.path.samestat(found, os.fstat(number)) for number in descriptors())


def threads() -> int:
    return sum(thread.name == "fitprint-delivery" for thread in threading.enumerate())


def test_others_see_a_run_while_it_goes_on(shared: Path) -> None:
    with fitprint.start_run() as run:
        for key in ("first", "second"):
            run.log_metric(key, 1.0)
            assert wait_for(lambda key=key: sees(shared, run.id, key))


def test_the_thread_ends_with_its_workspace_and_begins_again_with_the_next_record(
    shared: Path,
) -> None:
    """The end delivers what is left; one thread delivers, however often that happens."""
    run = fitprint.start_run()
    assert 1 == threads()
    for key in ("first", "second"):
        run.log_metric(key, 1.0)
        assert 1 == threads()
        workspace.current().close()
        assert 0 == threads()
        assert sees(shared, run.id, key)
    run.end()


def test_a_forked_child_delivers_what_it_records(shared: Path) -> None:
    def work() -> None:
        with fitprint.start_run(name="of the child") as run:
            run.log_metric("loss", 1.0)
            assert wait_for(lambda: sees(shared, run.id, "loss"))

    with fitprint.start_run() as run:
        run.log_metric("loss", 1.0)
        forked(work)


def test_a_store_that_nobody_shares_has_no_thread(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FITPRINT_STORE")
    with fitprint.start_run() as run:
        run.log_metric("loss", 1.0)
        assert 0 == threads()


def test_a_program_that_can_start_no_thread_records_all_the_same(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it recorded waits in the journal for whoever looks."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with fitprint.start_run() as run:
        run.log_metric("loss", 1.0)
    monkeypatch.undo()
    assert {"loss": 1.0} == fitprint.get_run(run.id).metrics


def test_delivery_begins_anew_after_an_end_that_took_too_long() -> None:
    """The thread that is about to end delivers once more, and another one goes on."""
    entered, go_on = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def deliver() -> bool:
        threads.append(threading.current_thread())
        entered.set()
        return go_on.wait(60)

    told: list[str] = []
    delivery = background.BackgroundDelivery(deliver, told.append)
    delivery.begin()
    delivery.finish(0)
    assert entered.wait(60)
    delivery.begin()
    go_on.set()
    delivery.finish(60)
    assert 2 == len(set(threads))
    assert ["delivery did not end within 0 s; `fitprint sync` delivers the rest"] == told


def test_a_thread_whose_end_took_too_long_gives_back_what_it_opened() -> None:
    """Its workspace has closed its store by then, and delivering has opened it anew."""
    entered, go_on, released = threading.Event(), threading.Event(), threading.Event()

    def deliver() -> bool:
        entered.set()
        return go_on.wait(60)

    delivery = background.BackgroundDelivery(
        deliver, lambda _: None, lambda: None, lambda: released.set()
    )
    delivery.begin()
    delivery.finish(0)
    assert entered.wait(60)
    assert not released.is_set()
    go_on.set()
    assert released.wait(60)
    released.clear()
    delivery.begin()
    delivery.finish(60)
    assert not released.is_set()


def test_a_store_that_was_used_after_its_end_is_closed_with_the_delivery(shared: Path) -> None:
    """A delivery that was left behind may have got it before its workspace was closed."""
    with fitprint.start_run():
        pass
    mine = workspace.current()
    store = mine.known_store()
    mine.close()
    assert 0 == store.position("nothing")
    assert files_open(shared)
    mine._close_store()
    assert not files_open(shared)


def test_a_store_that_others_write_to_is_tried_again_and_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It can be reached; only the last time says what is left."""
    thrice, told = threading.Semaphore(0), []

    def deliver() -> bool:
        thrice.release()
        raise StoreBusyError("others write")

    monkeypatch.setattr(background, "_EVERY_SECONDS", 0.001)
    delivery = background.BackgroundDelivery(deliver, told.append)
    delivery.begin()
    for _ in range(3):
        assert thrice.acquire(timeout=60)
    assert [] == told
    delivery.finish(60)
    assert ["others write; `fitprint sync` delivers what is left"] == told


def test_forks_wait_for_a_delivery_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child could not import what was being imported; but a store that hangs does not hold up
    each fork.
    """
    monkeypatch.setattr(background, "_FORK_SECONDS", 0.01)
    monkeypatch.setattr(background, "_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(background, "_forks", background._Forks())
    entered, go_on, waits = threading.Event(), threading.Event(), []

    def deliver() -> bool:
        entered.set()
        go_on.wait(60)
        return False

    delivery = background.BackgroundDelivery(deliver, lambda _: None)
    delivery.begin()
    assert entered.wait(60)
    for _ in range(2):
        background._before_fork()
        waits.append((background._forks.holder != 0, background._forks.is_slow))
        background._after_fork_in_parent()
    go_on.set()
    delivery.finish(60)
    background._before_fork()
    waits.append((background._forks.holder != 0, background._forks.is_slow))
    background._after_fork_in_parent()
    assert [(False, True), (False, True), (True, False)] == waits


def test_threads_that_fork_at_once_give_back_what_they_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that did not get the lock in time does not keep the other from giving it back."""
    monkeypatch.setattr(background, "_FORK_SECONDS", 0.01)
    monkeypatch.setattr(background, "_forks", background._Forks())
    background._before_fork()
    other = threading.Thread(
        target=lambda: (background._before_fork(), background._after_fork_in_parent())
    )
    other.start()
    other.join()
    assert background._forks.delivering.locked()
    background._after_fork_in_parent()
    assert not background._forks.delivering.locked()


def test_no_fork_waits_for_what_is_brought_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for others, who may never answer; what goes wrong there is told like the rest."""
    monkeypatch.setattr(background, "_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(background, "_forks", background._Forks())
    entered, go_on = threading.Event(), threading.Event()
    told: list[str] = []

    def forward() -> None:
        entered.set()
        go_on.wait(60)
        raise StoreError("nobody answers")

    delivery = background.BackgroundDelivery(lambda: True, told.append, forward)
    delivery.begin()
    assert entered.wait(60)
    background._before_fork()
    assert (True, False) == (background._forks.holder != 0, background._forks.is_slow)
    background._after_fork_in_parent()
    go_on.set()
    delivery.finish(60)
    (line,) = told
    assert line.startswith("the store cannot be reached (nobody answers)")


def test_an_end_that_takes_too_long_is_told_unless_the_reason_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line is enough to say how the rest gets there."""
    monkeypatch.setattr(background, "_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(background, "_SLOWEST_SECONDS", 0.0)
    told: list[str] = []
    failed, go_on = threading.Event(), threading.Event()

    def deliver() -> bool:
        if told:
            failed.set()
            go_on.wait(60)
        raise StoreError("nobody answers")

    delivery = background.BackgroundDelivery(deliver, told.append)
    delivery.begin()
    assert failed.wait(60)
    delivery.finish(0)
    go_on.set()
    assert 1 == len(told)
