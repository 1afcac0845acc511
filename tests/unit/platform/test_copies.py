"""Copies of a process that do one thing and end, and pipes that are waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from fitprint.platform import copies, files, machine

SLEEP = "import sys, time; print(1, flush=True); time.sleep(60)"
ASK = """
import os, signal, sys, time
from fitprint.platform.copies import limit_time, run_copy
WORK = {"tells": lambda: b"done", "dies": lambda: os.kill(os.getpid(), signal.SIGSEGV), "leaves": lambda: os._exit(3),
        "hangs": lambda: time.sleep(60), "is limited": lambda: limit_time(1) or time.sleep(60)}
print(*run_copy(WORK[sys.argv[1]], float(sys.argv[2]), sys.stdin.fileno()))
"""  # noqa: E501


@pytest.mark.parametrize(
    ("work", "seconds", "expected"),
    [
        ("tells", 30, "b'done' 0 0"),
        ("dies", 30, f"b'' {signal.SIGSEGV.value} 0"),
        ("leaves", 30, "b'' 0 3"),
        ("hangs", 0.2, f"None {signal.SIGKILL.value} 0"),
        ("is limited", 30, f"b'' {signal.SIGALRM.value} 0"),
    ],
)
def test_how_a_copy_ended_is_told(work: str, seconds: float, expected: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, work, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert f"{expected}\n" == process.stdout.readline()
    process.communicate(timeout=30)


def test_a_copy_ends_when_nobody_waits_for_it() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, "hangs", "60"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    output, _ = process.communicate("", timeout=30)
    assert f"None {signal.SIGKILL.value} 0\n" == output


def test_signals_of_time_are_told_from_others() -> None:
    assert copies.is_out_of_time(signal.SIGALRM)
    assert copies.is_out_of_time(signal.SIGXCPU)
    assert copies.is_out_of_time(signal.SIGXCPU, of_cpu=True)
    assert not copies.is_out_of_time(signal.SIGALRM, of_cpu=True)
    assert not copies.is_out_of_time(signal.SIGSEGV)
    assert not copies.is_out_of_time(0)


@pytest.mark.parametrize("platform", [sys.platform, "win32"])
def test_a_line_is_waited_for_on_every_system(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where pipes cannot be waited for, a thread reads them."""
    monkeypatch.setattr(copies.sys, "platform", platform)
    reading, writing = os.pipe()
    os.write(writing, b"first\n")
    assert b"first\n" == copies.read_line(reading, 30)
    assert copies.read_line(reading, 0.05) is None
    os.close(writing)


def test_a_pipe_that_ends_gives_what_there_is() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"half")
    os.close(writing)
    assert b"half" == copies.read_line(reading, 30)
    os.close(reading)


def test_without_forks_nothing_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies.sys, "platform", "win32")
    with pytest.raises(OSError, match="cannot be copied here"):
        copies.copy()


@pytest.mark.parametrize("platform", [sys.platform, "win32"])
def test_bytes_are_read_from_a_place(
    platform: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = os.open(f"{tmp_path}/file", files.NEW | os.O_APPEND)
    os.write(number, b"0123456789")
    monkeypatch.setattr(files.sys, "platform", platform)
    assert b"345" == files.read_at(number, 3, 3)
    os.write(number, b"!")
    assert b"89!" == files.read_at(number, 10, 8)
    os.close(number)


def test_what_the_system_does_not_say_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (machine.usable_processors() or 1) >= 1
    monkeypatch.setattr(machine.sys, "platform", "win32")
    assert (None, None, None) == (
        machine.usable_processors(),
        machine.memory(),
        machine.c_library(),
    )
