"""Threads of ours, which no program finds among its own."""

from __future__ import annotations

import threading

from fitprint.platform.threads import UnseenThread


def test_a_thread_is_not_listed_and_can_be_waited_for() -> None:
    before = threading.enumerate()
    may_end = threading.Event()
    done: list[bool] = []
    thread = UnseenThread(lambda: done.append(may_end.wait(30)))
    thread.join(0.001)
    assert (True, before, []) == (thread.is_alive(), threading.enumerate(), done)
    may_end.set()
    thread.join(30)
    thread.join(30)
    assert (False, before, [True]) == (thread.is_alive(), threading.enumerate(), done)
