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
        assert deferred.defer("a number", lambda number=number: done.append((number, threading.current_thread().name)), limit=1)
    deferred.finish(60)
    assert [(number, "fitprint-deferred") for number in range(5)] == done
    assert "fitprint-deferred" not in [thread.name for thread in threading.enumerate()]


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
        deferred.defer("a text", lambda: run.log_text("late", "late.txt"), limit=1)
    current().close()
    assert b"late" == fitprint.get_run(run.id).read("late.txt")
