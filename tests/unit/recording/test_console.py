"""What a program printed: recorded while its streams stay what they are."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.recording import console, deferred
from fitprint.recording.console import ConsoleLine

pytestmark = pytest.mark.usefixtures("wanted")


@pytest.fixture
def wanted(home: Path) -> None:
    fitprint.configure(console=True)


def told(run: fitprint.Run) -> list[tuple[str, str]]:
    return [(line.stream, line.text) for line in run.console]


def test_lines_are_kept_in_order_with_their_times() -> None:
    """Of both streams, and those of a logger; a last line that has no end counts."""
    logger = logging.getLogger("a test of what is printed")
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(sys.stderr))
    with fitprint.start_run() as run:
        print("a", "b")
        logger.warning("careful")
        print("three\nfour")
        sys.stdout.writelines(["five\n", "six"])
    lines = run.console
    assert [
        ("stdout", "a b"),
        ("stderr", "careful"),
        ("stdout", "three"),
        ("stdout", "four"),
        ("stdout", "five"),
        ("stdout", "six"),
    ] == told(run)
    times = [line.time for line in lines]
    assert sorted(times) == times
    assert run.record.start_time <= times[0]


def test_what_is_printed_outside_is_not_kept() -> None:
    print("before")
    with fitprint.start_run() as run:
        print("inside")
    print("after")
    assert [("stdout", "inside")] == told(run)


def test_without_the_setting_streams_are_left_alone() -> None:
    fitprint.configure(console=False)
    before = dict(vars(sys.stdout))
    with fitprint.start_run() as run:
        assert before == dict(vars(sys.stdout))
        print("a")
    assert () == run.console


def test_streams_stay_what_they_are() -> None:
    """The same objects, of the same type, with the same answers; behind the run nothing of ours is
    left in them.
    """

    def facts() -> list[Any]:
        found: list[Any] = []
        for stream in (sys.stdout, sys.stderr):
            found += [
                id(stream),
                type(stream),
                stream.encoding,
                stream.errors,
                stream.isatty(),
                id(stream.buffer),
                stream.line_buffering,
            ]
            found += [stream.name, stream.mode, stream.writable(), stream.newlines]
        return found

    before, kept = facts(), [dict(vars(stream)) for stream in (sys.stdout, sys.stderr)]
    with fitprint.start_run():
        assert before == facts()
        assert 2 == sys.stdout.write("ab")
        assert "write" == sys.stdout.write.__name__
    assert kept == [dict(vars(stream)) for stream in (sys.stdout, sys.stderr)]


def test_what_the_program_reads_is_what_it_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is added, held back, or written in another order."""
    with fitprint.start_run():
        print("a", end="")
        print("b", file=sys.stderr)
        print("c", flush=True)
    assert ("ac\n", "b\n") == capsys.readouterr()


def test_errors_of_a_stream_are_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("no space")

    monkeypatch.setattr(sys, "stdout", Full())
    with fitprint.start_run() as run:
        with pytest.raises(OSError, match="no space"):
            print("a")
        with pytest.raises(TypeError):
            sys.stderr.write(b"bytes")  # type: ignore[arg-type]
    assert () == run.console


def test_a_stream_that_lets_no_one_see_is_told(
    monkeypatch: pytest.MonkeyPatch, problems: list[str]
) -> None:
    class Closed:
        __slots__ = ()

        def write(self, text: str) -> int:
            return len(text)

    monkeypatch.setattr(sys, "stdout", Closed())
    fitprint.configure(console=True)
    with fitprint.start_run() as run:
        print("a")
        print("b", file=sys.stderr)
    assert [("stderr", "b")] == told(run)
    assert [
        "console: what is written to sys.stdout cannot be recorded: a Closed lets no one see it"
    ] == problems


def test_wrappers_of_other_tools_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was there before is put back, one that came after stays and is not recorded any
    more.
    """
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    plain = stream.write
    stream.write = first = lambda text: plain(text.upper())  # type: ignore[method-assign]
    with fitprint.start_run() as run:
        print("a")
        ours = stream.write
        stream.write = second = lambda text: ours(f"<{text}>")  # type: ignore[method-assign]
    sys.stdout.write("b")
    assert (second, "A\n<B>") == (stream.write, stream.getvalue())
    stream.write = first  # type: ignore[method-assign]
    with fitprint.start_run():
        pass
    assert first is stream.write
    assert [("stdout", "a")] == told(run)


def test_secrets_are_taken_out() -> None:
    with fitprint.start_run() as run:
        print("password = 'hunter2'")
        print(
            "-----BEGIN RSA PRIVATE KEY-----",
            "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1P",
            sep="\n",
        )
        print("-----END RSA PRIVATE KEY-----")
    text = "\n".join(line.text for line in run.console)
    assert ("password = '[redacted]'", False, False) == (
        text.splitlines()[0],
        "hunter2" in text,
        "MIIBOg" in text,
    )


def test_a_progress_bar_is_one_line() -> None:
    """Of what is written over itself the last state is kept."""
    with fitprint.start_run() as run:
        for percent in range(0, 101, 10):
            print(f"\r{percent} %", end="")
        print()
        print("crlf\r\nnext", end="\r\n")
    assert [("stdout", "100 %"), ("stdout", "crlf"), ("stdout", "next")] == told(run)


def test_much_text_is_cut_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning and the end stay, a long line is cut, and what is missing is counted."""
    monkeypatch.setattr(console, "_HEAD", 30)
    monkeypatch.setattr(console, "_TAIL", 40)
    monkeypatch.setattr(console, "_LONGEST", 20)
    monkeypatch.setattr(console, "_LINE", 1)
    with fitprint.start_run() as run:
        for number in range(100):
            print(f"line {number:04}")
        print("x" * 30, end="")
    assert ["line 0000", "line 0001", "line 0002"] == [line.text for line in run.console][:3]
    assert ["… 96 lines are left out …", "line 0099", "x" * 20 + "…"] == [
        line.text for line in run.console
    ][3:]


def test_lines_are_written_down_while_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces, so that a program which is killed leaves what it has printed."""
    monkeypatch.setattr(console, "_PIECE", 100)
    monkeypatch.setattr(console, "_LINE", 1)
    with fitprint.start_run() as run:
        for number in range(30):
            print(f"line {number:04}")
        deferred.finish(30)
        paths = [artifact.path for artifact in run.artifacts]
        assert ["console/0001.jsonl", "console/0002.jsonl"] == paths
    assert [f"line {number:04}" for number in range(30)] == [line.text for line in run.console]


def test_each_line_is_a_line_of_json() -> None:
    with fitprint.start_run() as run:
        print("grüße")
    deferred.finish(30)
    (line,) = run.console
    assert f'[{line.time}, "stdout", "grüße"]\n'.encode() == run.read("console/0001.jsonl")
    assert ConsoleLine(*json.loads(run.read("console/0001.jsonl"))) == line


def test_inner_runs_of_the_users_print_on_those_around_and_others_do_not() -> None:
    with fitprint.start_run() as outer:
        print("one")
        with fitprint.start_run() as inner:
            print("two")
        with fitprint.start_run(nested=False):
            print("three")
    assert (["one", "two", "three"], ["two"]) == (
        [line.text for line in outer.console],
        [line.text for line in inner.console],
    )


def test_what_threads_print_counts_for_the_run() -> None:
    with fitprint.start_run() as run:
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()
    assert [("stdout", "from a thread")] == told(run)


class Proxy:
    """A stream that passes on to another what is asked of it, and what is set."""

    def __init__(self, inner: Any) -> None:
        self.__dict__["inner"] = inner

    def write(self, text: str) -> int:
        return int(self.inner.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.inner, name, value)


def test_fault_1_a_stream_that_passes_attributes_on_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """During the run and behind it, and the one within is left alone."""
    inner = io.StringIO()
    monkeypatch.setattr(sys, "stdout", Proxy(inner))
    with fitprint.start_run() as run:
        print("a")
        assert {} == vars(inner)
    print("b")
    assert ("a\nb\n", ["inner"]) == (inner.getvalue(), list(vars(sys.stdout)))
    assert [("stdout", "a")] == told(run)


class Reading(Proxy):
    """One that also passes on what is asked of it first."""

    def __getattribute__(self, name: str) -> Any:
        return (
            getattr(object.__getattribute__(self, "__dict__")["inner"], name)
            if name == "write"
            else object.__getattribute__(self, name)
        )


class Exchanging(Proxy):
    """One whose class decides what becomes of its method."""

    write = property(
        lambda self: self.inner.write, lambda self, value: setattr(self.inner, "write", value)
    )  # type: ignore[assignment]


@pytest.mark.parametrize("kind", [Reading, Exchanging])
def test_fault_1_where_ours_would_not_stand_in_the_stream_it_is_told(
    kind: type[Proxy], monkeypatch: pytest.MonkeyPatch, problems: list[str]
) -> None:
    inner = io.StringIO()
    monkeypatch.setattr(sys, "stdout", kind(inner))
    fitprint.configure(console=True)
    with fitprint.start_run() as run:
        print("a")
        assert ({}, {"inner": inner}) == (
            vars(inner),
            object.__getattribute__(sys.stdout, "__dict__"),
        )
    print("b")
    assert ("a\nb\n", []) == (inner.getvalue(), told(run))
    assert [
        (
            f"console: what is written to sys.stdout cannot be recorded: a {kind.__name__} lets no "
            "one see it"
        )
    ] == problems


def test_fault_4_no_lock_is_held_where_lines_are_handed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who has the lock of the background may print,
    while a thread that has printed waits for it.
    """
    monkeypatch.setattr(console, "_PIECE", 10)
    with fitprint.start_run() as run:
        thread = threading.Thread(target=print, args=("long enough for a piece",))
        with deferred._state.lock:
            thread.start()
            deadline = time.monotonic() + 30
            while "defer" != sys._current_frames()[thread.ident or 0].f_code.co_name:
                assert time.monotonic() < deadline
            is_free = console._state.lock.acquire(timeout=60)
            if is_free:
                console._state.lock.release()
        thread.join()
    assert (True, [("stdout", "long enough for a piece")]) == (is_free, told(run))


def test_fault_7_one_text_of_many_lines_costs_little() -> None:
    """Of a million empty ones; and of others the same lines are kept as if they were printed one by
    one.
    """
    text = "\n" * 1_000_000
    with fitprint.start_run() as run:
        sys.stdout.write("first\n")
        tracemalloc.start()
        try:
            sys.stdout.write(text)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    lines = told(run)
    assert most < 16 << 20
    assert ("stdout", "first") == lines[0]
    (gap,) = [line for stream, line in lines if not stream]
    assert f"… {1_000_001 - (len(lines) - 1)} lines are left out …" == gap


@pytest.mark.parametrize("begun", [0, 3, 300])
def test_fault_7_one_text_is_kept_like_its_lines_one_by_one(
    begun: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_HEAD", 3000)
    monkeypatch.setattr(console, "_TAIL", 2000)
    monkeypatch.setattr(console, "_LINE", 50)
    monkeypatch.setattr(console, "_LONGEST", 20)
    lines = [f"{number}\n" for number in range(800)]
    with fitprint.start_run() as one:
        print(*lines[:begun], "begun", sep="", end="")
        print("".join(lines), end="part")
    with fitprint.start_run() as other:
        print(*lines[:begun], "begun", sep="", end="")
        for line in lines:
            print(line, end="")
        print("part", end="")
    assert told(other) == told(one)
    assert ("", f"… {801 + begun - len(told(one)) + 1} lines are left out …") in told(one)


def test_fault_8_a_stream_may_name_its_text_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def __init__(self) -> None:
            self.texts: list[str] = []

        def write(self, message: str) -> str:
            self.texts.append(message)
            return "what it returns"

    monkeypatch.setattr(sys, "stdout", stream := Stream())
    with fitprint.start_run() as run:
        assert "what it returns" == sys.stdout.write(message="a\n")  # type: ignore[call-arg]
        print("b")
    assert ["a\n", "b", "\n"] == stream.texts
    assert [("stdout", "a"), ("stdout", "b")] == told(run)


def test_fault_9_colours_hide_no_secret() -> None:
    """They, links and titles of the terminal are not among what is kept."""
    with fitprint.start_run() as run:
        print("token \x1b[94mghp_abcdefghijklmnopqrstuvwxyz0123456789\x1b[0m")
        print("token \x1b(Bghp_abcdefghijklmnopqrstuvwxyz0123456789\x1b(B\x1b[m")
        print("\x1b[32m'api_key'\x1b[0m: \x1b[38;5;32m'hunter2hunter2'\x1b[0m")
        print(
            "\x1b]0;a title\x07\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ \x1b[2K[1] "
            "\x1b]no end"
        )
    texts = [text for _, text in told(run)]
    assert [
        "token [redacted]",
        "token [redacted]",
        "'api_key': '[redacted]'",
        "link [1] no end",
    ] == texts


def test_fault_15_a_text_may_hold_what_else_ends_a_line() -> None:
    texts = ["a\u2028b", "a\x85b", "a\x0cb", "a\x1cb", "a\u2029b"]
    with fitprint.start_run() as run:
        print(*texts, sep="\n")
    assert texts == [text for _, text in told(run)]


def test_fault_16_ours_that_another_tool_keeps_notes_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", stream := io.StringIO())
    with fitprint.start_run():
        ours = stream.write
        stream.write = lambda text: ours(text)  # type: ignore[method-assign]
    with fitprint.start_run() as run:
        print("a")
    assert ([("stdout", "a")], "a\n") == (told(run), stream.getvalue())


def test_fault_16_a_slot_gets_its_own_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slotted:
        __slots__ = ("write",)

        def __init__(self, write: Any) -> None:
            self.write = write

    texts: list[str] = []
    own = texts.append
    monkeypatch.setattr(sys, "stdout", stream := Slotted(own))
    for _ in range(3):
        with fitprint.start_run() as run:
            print("a")
        assert own is stream.write
        assert [("stdout", "a")] == told(run)
    assert ["a", "\n"] * 3 == texts


def test_fault_17_a_text_at_the_end_of_the_stack_is_all_that_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    def deep(number: int) -> None:
        print(number)
        deep(number + 1)

    with fitprint.start_run() as run:
        for _ in range(5):
            with pytest.raises(RecursionError):
                deep(0)
        print("\nafter")
    assert (("stdout", "0"), ("stdout", "after")) == (told(run)[0], told(run)[-1])


def test_fault_17_failures_cost_one_text_each_and_then_what_follows(
    monkeypatch: pytest.MonkeyPatch, problems: list[str]
) -> None:
    """What was noted before stays, and what the program prints is written in any case."""
    fitprint.configure(console=True)
    monkeypatch.setattr(sys, "stdout", stream := io.StringIO())
    with fitprint.start_run() as run:
        print("one")
        for text in ("two\n", "four\n", "six\n"):
            with monkeypatch.context() as broken:
                broken.setattr(console, "_LONGEST", None)
                sys.stdout.write(text)
            print("more")
    assert "one\ntwo\nmore\nfour\nmore\nsix\nmore\n" == stream.getvalue()
    assert [("stdout", "one"), ("stdout", "more"), ("stdout", "more")] == told(run)
    assert 1 == len(problems)
    assert problems[0].startswith("console: what the program prints cannot be recorded: TypeError")


def test_fault_22_a_stream_that_came_later_is_recorded_by_the_runs_begun_then() -> None:
    """And is as before when they end, though others go on."""
    with fitprint.start_run() as outer:
        print("one")
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            with fitprint.start_run() as inner:
                print("two")
            assert {} == vars(stream)
        print("three")
    assert "two\n" == stream.getvalue()
    assert (["one", "two", "three"], ["two"]) == (
        [line.text for line in outer.console],
        [line.text for line in inner.console],
    )


def test_fault_22_what_one_stream_writes_to_another_counts_once() -> None:
    with (
        fitprint.start_run() as outer,
        contextlib.redirect_stdout(Proxy(sys.stdout)),
        fitprint.start_run() as inner,
    ):
        print("a")
    assert ([("stdout", "a")], [("stdout", "a")]) == (told(outer), told(inner))


SCRIPT = """
import fitprint, os, sys
fitprint.configure(console=True)
run = fitprint.start_run("a")
print("one")
os.write(1, b"past us\\n")
child = os.fork() if hasattr(os, "fork") else None
if child == 0:
    print("in the child", flush=True)
    assert "write" not in vars(sys.stdout)
    os._exit(0)
if child:
    os.waitpid(child, 0)
raise ValueError("the end")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_a_program_that_fails_leaves_its_traceback(programs: Any) -> None:
    """It is written by Python itself, behind the last line of the program; a child's output is its
    own.
    """
    status, output, errors = programs.run(SCRIPT)
    assert (1, 1) == (status, output.count("past us"))
    found = programs.runs()["a"]
    files = [artifact for artifact in found.artifacts if artifact.path.startswith("console/")]
    assert 1 == len(files)
    blobs = programs.home / "blobs" / files[0].digest[7:9] / files[0].digest[9:]
    lines = [json.loads(line) for line in blobs.read_text().splitlines()]
    assert ["one"] == [text for _, stream, text in lines if stream == "stdout"]
    assert errors.splitlines() == [text for _, stream, text in lines if stream == "stderr"]


@pytest.fixture(autouse=True)
def nothing_left(home: Path) -> Iterator[None]:
    yield
    assert ([], {}) == (console._state.replaced, console._state.tapes)
