"""Which run is current: the documented rule, in threads, tasks, nested runs, and after every way of
ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.errors import NoActiveRunError
from fitprint.recording import context

pytestmark = pytest.mark.usefixtures("home")


def in_thread(function: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def current() -> str | None:
    run = fitprint.active_run()
    return None if run is None else run.name


def test_the_innermost_open_run_is_current() -> None:
    """Runs nest, by blocks or plainly, and the one around is current again when the
    inner one ends.
    """
    assert current() is None
    with fitprint.start_run("a"):
        with fitprint.start_run("b"):
            fitprint.start_run("c")
            assert "c" == current()
            fitprint.end_run()
            assert "b" == current()
        assert "a" == current()
    assert current() is None


def test_runs_may_end_in_any_order() -> None:
    """An outer run that ends first leaves the inner one current."""
    outer = fitprint.start_run("outer")
    inner = fitprint.start_run("inner")
    outer.end()
    assert "inner" == current()
    inner.end()
    assert current() is None
    fitprint.end_run()


@pytest.mark.parametrize("verb", ["log_param", "log_metric", "set_tag", "log_text", "log_dict"])
def test_without_a_run_verbs_say_what_to_do(verb: str) -> None:
    """The error names the verb and the way out."""
    with pytest.raises(
        NoActiveRunError,
        match=rf"{verb} needs a current run: call it inside `with fitprint.start_run",
    ):
        getattr(fitprint, verb)("a", 1)


def test_a_thread_shares_the_run_of_the_main_thread() -> None:
    """Threads that opened none log to the innermost run of the main thread, also threads that began
    before it.
    """
    go_on, done = threading.Event(), threading.Event()
    seen: list[str | None] = []

    def work() -> None:
        seen.append(current())
        go_on.wait(60)
        seen.append(current())
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    with fitprint.start_run("a"), fitprint.start_run("b"):
        assert "b" == in_thread(current)
        go_on.set()
        done.wait(60)
    thread.join()
    assert [None, "b"] == seen
    assert in_thread(current) is None


def test_a_run_of_a_thread_is_its_own() -> None:
    """What a thread opens is current there and nowhere else, and below what it shares."""
    ready, go_on = threading.Event(), threading.Event()
    parents: list[str | None] = []

    def work() -> None:
        with fitprint.start_run("of thread") as run:
            parents.append(run.parent_id)
            ready.set()
            go_on.wait(60)
            assert "of thread" == current()

    with fitprint.start_run("main") as main:
        thread = threading.Thread(target=work)
        thread.start()
        ready.wait(60)
        assert "main" == current() == in_thread(current)
        go_on.set()
        thread.join()
    assert [main.id] == parents


def test_runs_of_the_main_thread_that_are_not_nested_are_not_shared() -> None:
    """Where it cannot be told which run is meant, a thread has none."""
    with fitprint.start_run("a"), fitprint.start_run("b", nested=False):
        assert "b" == current()
        assert in_thread(current) is None


def test_tasks_have_the_run_of_the_task_that_made_them_and_then_their_own() -> None:
    """Each coroutine opens, logs to and ends its own run, however they interleave."""

    async def work(number: int) -> tuple[str | None, int]:
        assert "outer" == current()
        with fitprint.start_run(f"task {number}") as run:
            for step in range(5):
                await asyncio.sleep(0)
                fitprint.log_metric("number", number, step)
            assert f"task {number}" == current()
            seen = await asyncio.to_thread(current)
        assert "outer" == current()
        return seen, run.summary("number").count

    async def main() -> list[tuple[str | None, int]]:
        with fitprint.start_run("outer"):
            return await asyncio.gather(*(work(number) for number in range(5)))

    assert [(f"task {number}", 5) for number in range(5)] == asyncio.run(main())


def test_a_run_that_ended_elsewhere_is_no_longer_current() -> None:
    """A run that another thread or context ended is current nowhere."""
    run = fitprint.start_run("a")
    copied = contextvars.copy_context()
    assert "a" == copied.run(current)
    in_thread(run.end)
    assert current() is None
    assert copied.run(current) is None


def test_a_generator_that_is_dropped_inside_a_block_ends_its_run() -> None:
    """A ``with`` block inside a generator is left when the generator is closed, also in another
    context.
    """

    def work() -> Any:
        with fitprint.start_run("inside"):
            yield 1

    generator = work()
    contextvars.copy_context().run(next, generator)
    generator.close()
    del generator
    gc.collect()
    assert current() is None
    (run,) = fitprint.search_runs()
    assert "FINISHED" == run.status


def test_a_task_that_is_cancelled_leaves_a_killed_run() -> None:
    """Cancelling is how Ctrl-C reaches a coroutine."""

    async def work() -> None:
        with fitprint.start_run("task"):
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    (run,) = fitprint.search_runs()
    assert "KILLED" == run.status


def test_the_variable_names_a_run_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """``FITPRINT_RUN`` makes a run current wherever this process has no other; it is not ended
    here.
    """
    run = fitprint.start_run("of another process")
    variables = run.environ()
    contextvars.copy_context().run(run.end)
    context.inherit_run(None)
    assert {"FITPRINT_RUN", "FITPRINT_HOME", "FITPRINT_STORE"} == set(variables)
    monkeypatch.setenv("FITPRINT_RUN", variables["FITPRINT_RUN"])
    attached = fitprint.active_run()
    assert attached is not None
    assert run.id == attached.id
    assert attached is fitprint.active_run()
    fitprint.log_metric("loss", 1)
    with fitprint.start_run("own") as own:
        assert "own" == current()
    fitprint.end_run()
    assert run.id == own.parent_id
    assert run.id == in_thread(lambda: fitprint.active_run().id)  # type: ignore[union-attr]
    assert {"loss": 1.0} == attached.metrics


def test_the_place_of_files_that_was_configured_goes_to_children(tmp_path: Path) -> None:
    """As it may be seen: without a password."""
    fitprint.configure(artifacts=f"file://{tmp_path}/bytes")
    with fitprint.start_run() as run:
        assert f"file://{tmp_path}/bytes" == run.environ()["FITPRINT_ARTIFACTS"]


def test_a_run_that_was_handed_on_and_is_not_in_the_store_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, problems: list[str]
) -> None:
    """A run inside it begins in the experiment that the settings say, and that is told."""
    monkeypatch.setenv("FITPRINT_RUN", "0123456789abcdef" * 2)
    context.inherit_run(None)
    with fitprint.start_run("inner") as run:
        assert ("Default", "0123456789abcdef" * 2) == (run.experiment, run.parent_id)
    assert 1 == len(problems)
    assert (
        "the experiment of the run 0123456789abcdef0123456789abcdef is not known here"
        in problems[0]
    )


def test_many_runs_leave_nothing_behind() -> None:
    """Neither memory, threads nor open files grow with the number of runs."""

    def size() -> tuple[int, int, int]:
        gc.collect()
        return (
            threading.active_count(),
            len(list(Path("/proc/self/fd").iterdir())),
            len(context._runs.get()),
        )

    def work(count: int) -> None:
        for number in range(count):
            with fitprint.start_run(tags={"a": "b"}) as run:
                fitprint.log_metric("loss", number)
                run.log_params({"C": number})

    work(10)
    before, objects = size(), len(gc.get_objects())
    work(1000)
    assert before == size()
    assert len(gc.get_objects()) - objects < 1000
