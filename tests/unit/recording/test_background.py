"""Delivery in the background: others see what is recorded, and the thread ends with what it belongs to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import fitprint
from fitprint.errors import RunNotFoundError
from fitprint.recording import background, workspace
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


def threads() -> int:
    return sum(thread.name == "fitprint-delivery" for thread in threading.enumerate())


def test_others_see_a_run_while_it_goes_on(shared: Path) -> None:
    with fitprint.start_run() as run:
        for key in ("first", "second"):
            run.log_metric(key, 1.0)
            assert wait_for(lambda key=key: sees(shared, run.id, key))


def test_the_thread_ends_with_its_workspace_and_begins_again_with_the_next_record(shared: Path) -> None:
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


def test_a_store_that_nobody_shares_has_no_thread(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FITPRINT_STORE")
    with fitprint.start_run() as run:
        run.log_metric("loss", 1.0)
        assert 0 == threads()
