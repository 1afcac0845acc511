"""Commands that look again and again, beside programs that record."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

import pytest

pytestmark = pytest.mark.thorough

WRITER = """
import sys
import fitprint
with fitprint.start_run("followed") as run:
    for number, line in enumerate(sys.stdin):
        run.log_metrics({"loss": float(line), "twice": 2 * float(line)}, step=number)
        print("logged", flush=True)
"""


class Writer:
    """A program that logs what it is told to, when it is told to."""

    def __init__(self, programs):
        self.process = programs.start(WRITER)

    def log(self, *values):
        """Log these values, each as a point; return when they are in the journal."""
        for value in values:
            self.process.stdin.write(f"{value}\n")
            self.process.stdin.flush()
            assert "logged\n" == self.process.stdout.readline()

    def end(self):
        """Let the run end."""
        self.process.communicate(timeout=60)


@pytest.fixture
def writer(programs):
    """A program that has logged its first point."""
    made = Writer(programs)
    made.log(0.5)
    yield made
    made.process.kill()
    made.process.communicate(timeout=60)


@pytest.fixture
def follow(programs):
    """Start a command of fitprint that ends with the test at the latest."""
    started = []

    def start(*words):
        command = [sys.executable, "-W", "error", "-m", "fitprint", *words]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command,
            cwd=programs.folder,
            env=programs.environment,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def test_points_are_printed_as_they_come_until_the_run_ends(writer, follow):
    """Each once, one or several at a time."""
    tail = follow("tail", "followed", "--json")
    told = [json.loads(tail.stdout.readline())]
    writer.log(0.25)
    told.append(json.loads(tail.stdout.readline()))
    writer.log(0.125, 0.0625, 0.03125)
    told += [json.loads(tail.stdout.readline()) for _ in range(3)]
    writer.end()
    rest, errors = tail.communicate(timeout=60)
    assert [{"loss": 0.5**power, "twice": 0.5 ** (power - 1)} for power in range(1, 6)] == [
        each["metrics"] for each in told
    ]
    assert list(range(5)) == [each["step"] for each in told]
    assert ["FINISHED"] == [json.loads(line)["status"] for line in rest.splitlines()]
    assert (0, "") == (tail.returncode, errors)


def test_a_program_that_is_killed_ends_the_tail(writer, follow):
    """The run is KILLED at the next look, and that is said."""
    tail = follow("tail", "followed")
    assert "loss 0.5" in tail.stdout.readline()
    os.kill(writer.process.pid, signal.SIGKILL)
    rest, errors = tail.communicate(timeout=60)
    assert (0, "") == (tail.returncode, rest)
    assert "followed KILLED at " in errors


def test_an_interrupt_ends_the_tail_and_not_the_run(writer, follow):
    """With the status that shells know."""
    tail = follow("tail", "followed")
    assert "loss 0.5" in tail.stdout.readline()
    tail.send_signal(signal.SIGINT)
    assert ("", "") == tail.communicate(timeout=60)
    assert 130 == tail.returncode
    writer.log(0.25)


def test_a_listing_is_printed_again_when_something_has_changed(writer, follow):
    """Between these times nothing is printed, though runs grow older; an interrupt ends it."""
    listing = follow("ls", "--watch", "0.5", "--cols", "loss")
    shown = [listing.stdout.readline() for _ in range(2)]
    assert "0.5" in shown[1].split()
    writer.log(0.25)
    shown += [listing.stdout.readline() for _ in range(2)]
    assert shown[0].split() == shown[2].split()
    assert "0.25" in shown[3].split()
    writer.end()
    shown += [listing.stdout.readline() for _ in range(2)]
    assert "FINISHED" in shown[5]
    listing.send_signal(signal.SIGINT)
    assert "" == listing.communicate(timeout=60)[0]
    assert 130 == listing.returncode


def test_the_first_run_is_waited_for(programs, follow):
    """Nothing is made where there is none."""
    listing = follow("ls", "--watch", "0.5")
    assert "no runs are recorded yet" in listing.stderr.readline()
    assert not programs.home.exists()
    assert 0 == programs.run("import fitprint\nwith fitprint.start_run('first'): pass")[0]
    assert "status" in listing.stdout.readline()
    assert "first" in listing.stdout.readline()


def test_a_terminal_shows_the_listing_in_one_place_and_then_what_was_there(writer, programs):
    """On a screen of its own, no more lines than that has."""
    for number in range(8):
        assert (
            0
            == programs.run(
                "import fitprint\n"
                f"with fitprint.start_run('run {number}') as run: run.log_metric('loss', {number})"
            )[0]
        )
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 100, 0, 0))
    command = [sys.executable, "-m", "fitprint", "ls", "--watch", "0.5"]
    environment = {**programs.environment, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    listing = subprocess.Popen(
        command, cwd=programs.folder, env=environment, stdout=theirs, stderr=subprocess.PIPE
    )
    os.close(theirs)
    try:
        shown = b""
        while shown.count(b"\x1b[H") < 3:
            shown += os.read(ours, 65536)
        listing.send_signal(signal.SIGINT)
        listing.wait(timeout=60)
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # the other end is closed
            pass
    finally:
        listing.kill()
        listing.communicate(timeout=60)
        os.close(ours)
    assert 130 == listing.returncode
    before, *pages = shown.decode().split("\x1b[H")
    assert "\x1b[?1049h\x1b[?25l" == before
    assert pages[-1].endswith("\x1b[?25h\x1b[?1049l")
    assert {5} == {len(page.split("\r\n")) for page in pages}
    assert "… 6 more lines" in pages[0]
