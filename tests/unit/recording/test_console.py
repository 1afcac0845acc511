"""What a program printed: recorded while its streams stay what they are."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
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
    """The same objects, of the same type, with the same answers; behind the run nothing of ours is left in them."""

    def facts() -> list[Any]:
        found: list[Any] = []
        for stream in (sys.stdout, sys.stderr):
            found += [id(stream), type(stream), stream.encoding, stream.errors, stream.isatty(), id(stream.buffer), stream.line_buffering]
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


def test_a_stream_that_lets_no_one_see_is_told(monkeypatch: pytest.MonkeyPatch, problems: list[str]) -> None:
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
    assert ["console: what is written to sys.stdout cannot be recorded: a Closed lets no one see it"] == problems


def test_wrappers_of_other_tools_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was there before is put back, one that came after stays and is not recorded any more."""
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
        print("-----BEGIN RSA PRIVATE KEY-----", "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1P", sep="\n")
        print("-----END RSA PRIVATE KEY-----")
    text = "\n".join(line.text for line in run.console)
    assert ("password = '[redacted]'", False, False) == (text.splitlines()[0], "hunter2" in text, "MIIBOg" in text)


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
    with fitprint.start_run() as run:
        for number in range(100):
            print(f"line {number:04}")
        print("x" * 30, end="")
    assert ["line 0000", "line 0001", "line 0002"] == [line.text for line in run.console][:3]
    assert ["… 96 lines are left out …", "line 0099", "x" * 20 + "…"] == [line.text for line in run.console][3:]


def test_lines_are_written_down_while_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces, so that a program which is killed leaves what it has printed."""
    monkeypatch.setattr(console, "_PIECE", 100)
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
    assert (["one", "two", "three"], ["two"]) == ([line.text for line in outer.console], [line.text for line in inner.console])


def test_what_threads_print_counts_for_the_run() -> None:
    with fitprint.start_run() as run:
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()
    assert [("stdout", "from a thread")] == told(run)


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
    """It is written by Python itself, behind the last line of the program; a child's output is its own."""
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
