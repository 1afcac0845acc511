"""Work in the background: in order, each piece failing alone, and never more than fits."""

from __future__ import annotations

import os
import threading

import pytest

import fitprint
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.recording import deferred
from fitprint.recording.workspace import current

pytestmark = pytest.mark.usefixtures("home")


def test_work_is_done_in_order_by_one_thread():
    """And the thread ends when there is no more."""
    done = []
    for number in range(5):
        assert deferred.defer(
            "a number",
            lambda number=number: done.append((number, threading.current_thread().name)),
            limit=1,
        )
    deferred.finish(60)
    assert [(number, "fitprint-deferred") for number in range(5)] == done
    assert "fitprint-deferred" not in [thread.name for thread in threading.enumerate()]


def test_a_thread_that_has_done_its_work_is_waited_for_until_it_is_gone(monkeypatch):
    """Between its last piece of work and its end lies a moment."""
    work, at_its_end, go = deferred._work, threading.Event(), threading.Event()
    monkeypatch.setattr(deferred, "_work", lambda: (work(), at_its_end.set(), go.wait(60)))
    deferred.defer("nothing", lambda: None, limit=1)
    assert at_its_end.wait(60)
    waiter = threading.Thread(target=deferred.finish, args=(60,), daemon=True)
    waiter.start()
    waiter.join(0.1)
    waits = waiter.is_alive()
    go.set()
    waiter.join(60)
    assert waits
    assert not waiter.is_alive()


def test_a_signal_handler_may_defer_while_its_thread_does(monkeypatch):
    """The lock is the thread's own: a handler that records in the middle of it does not wait for
    itself. One thread does the work of both, so that who waits for it waits for all.
    """
    done, workers = [], set()
    start = threading.Thread.start

    def do(what):
        done.append(what)
        workers.add(threading.get_ident())

    def interrupted(thread):
        monkeypatch.undo()
        deferred.defer("of the handler", lambda: do("handler"), limit=1)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    caller = threading.Thread(
        target=lambda: deferred.defer("of the thread", lambda: do("thread"), limit=1),
        daemon=True,
    )
    start(caller)
    caller.join(30)
    assert not caller.is_alive()
    deferred.finish(60)
    assert sorted(done) == ["handler", "thread"]
    assert 1 == len(workers)
    assert "fitprint-deferred" not in [thread.name for thread in threading.enumerate()]


def test_forks_wait_once_for_a_thread_that_does_not_end(monkeypatch):
    """A long piece of work, such as a large upload, does not hold up each fork anew."""
    go, waits = threading.Event(), []
    thread = threading.Thread(target=lambda: go.wait(60), daemon=True)
    thread.start()
    monkeypatch.setattr(deferred, "_FORK_SECONDS", 0.01)
    join = threading.Thread.join
    monkeypatch.setattr(
        threading.Thread,
        "join",
        lambda self, timeout=None: (waits.append(timeout), join(self, timeout))[1],
    )
    for _ in range(3):
        deferred.end_before_fork(thread)
    monkeypatch.undo()
    go.set()
    thread.join(60)
    assert waits == [0.01]


def test_what_fails_is_told_and_the_rest_is_done():
    """A failure is no traceback on the user's screen."""
    told, done = [], []

    class Listener:
        @hookimpl
        def on_problem(self, problem):
            told.append(problem)

    manager.reset(manager.Hooks(strict=False, extra={"listener": Listener()}))
    deferred.defer("the answer", lambda: 1 // 0, limit=1)
    deferred.defer("the next", lambda: done.append(True), limit=1)
    deferred.finish(60)
    manager.reset()
    assert [True] == done
    assert any("the answer could not be recorded" in problem for problem in told)


def test_what_does_not_fit_is_left_out():
    """Each piece may hold some megabytes."""
    begun, go = threading.Event(), threading.Event()
    deferred.defer("a wait", lambda: begun.set() or go.wait(60), limit=1)
    begun.wait(60)
    taken = [deferred.defer("nothing", lambda: None, limit=1) for _ in range(100)]
    go.set()
    deferred.finish(60)
    assert [True] * 64 + [False] * 36 == taken


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_fork_waits_for_the_thread_and_the_child_has_none():
    """What the thread was importing could not be imported in the child any more."""
    done = []
    deferred.defer("a moment", lambda: done.append(True), limit=1)
    child = os.fork()
    if not child:
        os._exit(0 if done == [True] and deferred.defer("more", lambda: None, limit=1) else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_closing_waits_for_the_background():
    """What was asked for before lies in the journal."""
    with fitprint.start_run() as run:
        deferred.defer("a text", lambda: run.log_text("late", "late.txt"), limit=60)
    current().close()
    assert b"late" == fitprint.get_run(run.id).read("late.txt")
