"""The command line as a process: pipes, terminals, colors, and what it costs to start."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

SEED = """
import fitprint
for number in range(3):
    with fitprint.start_run(name=f"run {number}") as run:
        run.log_params({"learning_rate": number / 10, "a_parameter_with_a_long_name": number, "ü": number})
        run.log_history("validation_loss", [3.0, 2.0, number])
        run.log_text("hello", "hello.txt")
"""  # noqa: E501


@pytest.fixture
def environment(tmp_path):
    """A home with three runs."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FITPRINT_", "NO_COLOR", "COLUMNS"))
    }
    made = inherited | {
        "FITPRINT_HOME": str(tmp_path / "home"),
        "FITPRINT_NOTICE": "false",
        "FITPRINT_CONTEXT": "false",
        "TERM": "xterm",
    }
    subprocess.run([sys.executable, "-c", SEED], env=made, check=True)
    return made


def fitprint(environment, *words, **more):
    """Run fitprint with pipes, warnings as errors."""
    command = [sys.executable, "-W", "error", "-m", "fitprint", *words]
    return subprocess.run(
        command, env=environment | more, capture_output=True, check=False, timeout=120
    )


def on_terminal(environment, columns, *words, **more):
    """Run fitprint on a terminal of this width; return what it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "fitprint", *words],
        env=environment | more,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    process.communicate(timeout=60)
    assert 0 == process.returncode
    return shown.decode().replace("\r\n", "\n")


def plain(text):
    """Return the text without styles."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_pipe_gets_plain_text(environment):
    """No escapes, titles in one line, data alone."""
    done = fitprint(environment, "ls")
    assert (0, b"") == (done.returncode, done.stderr)
    assert b"\x1b" not in done.stdout
    assert "a_parameter_with_a_long_name" in done.stdout.decode().splitlines()[0]


def test_a_terminal_gets_colors_and_its_width(environment):
    """No line is wider than the terminal; what has no room is left out."""
    for columns in (50, 70, 90, 200):
        shown = on_terminal(environment, columns, "ls")
        assert "\x1b[" in shown
        assert max(map(len, plain(shown).splitlines())) <= columns


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colors_can_be_switched_off(environment, more):
    """By the usual variables."""
    assert "\x1b" not in on_terminal(environment, 100, "ls", **more)


def test_an_encoding_without_our_signs_gets_others(environment):
    """ASCII is enough to read everything."""
    done = fitprint(environment, "ls", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert 0 == done.returncode
    text = done.stdout.decode("ascii")
    assert "FINISHED" in text
    assert "\\xfc" in text
    assert (
        json.loads(fitprint(environment, "ls", "--json", PYTHONIOENCODING="ascii").stdout)[0][
            "params"
        ]["ü"]
        == 2
    )


def test_a_reader_that_has_seen_enough_is_no_error(environment):
    """``fitprint show | head -1`` ends quietly."""
    command = f"{sys.executable} -m fitprint show @last --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (0, b"{", b"") == (done.returncode, done.stdout, done.stderr)


def test_get_writes_bytes_to_standard_output(environment):
    """``-o -`` writes the file as it is."""
    done = fitprint(environment, "get", "@last", "hello.txt", "-o", "-")
    assert (0, b"hello", b"") == (done.returncode, done.stdout, done.stderr)


def test_a_plugin_that_cannot_be_imported_costs_nothing_else(environment, tmp_path):
    """It is told on standard error, and the command goes on."""
    (tmp_path / "site" / "broken-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "broken-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n"
    )
    (tmp_path / "site" / "broken-1.0.dist-info" / "entry_points.txt").write_text(
        "[fitprint]\nbroken = broken_plugin\n"
    )
    (tmp_path / "site" / "broken_plugin.py").write_text("1 / 0")
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [environment.get("PYTHONPATH")])])
    done = fitprint(environment, "ls", PYTHONPATH=path)
    assert 0 == done.returncode
    assert b"the plugin 'broken' cannot be used: ZeroDivisionError" in done.stderr
    assert 4 == len(done.stdout.splitlines())
    done = fitprint(environment, "plugins", PYTHONPATH=path)
    assert 1 == done.returncode
    (line,) = [line for line in done.stdout.decode().splitlines() if line.startswith("broken")]
    assert ["broken", "broken", "broken", "1.0", "ZeroDivisionError:"] == line.split()[:5]


def test_one_command_imports_no_other(environment):
    """Nor any framework, nor what a listing has no use for."""
    code = (
        "import sys; from fitprint.cli import main; main(['ls']); print(*sys.modules, "
        "sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=60
    )
    loaded = set(done.stderr.decode().split())
    commands = {name for name in loaded if name.startswith("fitprint.cli.commands.")}
    assert {"fitprint.cli.commands.listing"} == commands
    assert set() == loaded & {
        "numpy",
        "pandas",
        "sklearn",
        "wrapt",
        "asyncio",
        "urllib.request",
        "http.client",
        "subprocess",
        "unittest",
    }
    # Python's own included; what this costs in time is measured in `tests/bench`
    assert len(loaded) < 300


def test_a_program_that_was_killed_has_lost_nothing(environment):
    """The listing says KILLED, and every point that was logged before is shown."""
    code = """
import fitprint, os, signal
fitprint.start_run("victim")
for step in range(1234):
    fitprint.log_metric("loss", 1 / (step + 1))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert (
        -9
        == subprocess.run(
            [sys.executable, "-c", code], env=environment, check=False, timeout=60
        ).returncode
    )
    listed = json.loads(fitprint(environment, "ls", "--json", "-q", "name = 'victim'").stdout)
    assert ["KILLED"] == [run["status"] for run in listed]
    assert 1234 == listed[0]["summaries"]["loss"]["count"]
    _, *points = (
        fitprint(environment, "show", "victim", "--history", "loss").stdout.decode().splitlines()
    )
    assert [repr(1 / (step + 1)) for step in range(1234)] == [
        line.split("\t")[-1] for line in points
    ]
    shown = fitprint(environment, "show", "victim").stdout.decode()
    assert "KILLED" in shown
    assert " 1234 " in shown


def test_recording_loads_nothing_that_looks_at_records(environment):
    """Neither the language of filters nor what tables and pages are made of: a training never needs
    them.
    """
    code = (
        "import sys, fitprint\n"
        "with fitprint.start_run('a') as run:\n"
        "    run.log_params({'a': 1}); run.log_metric('loss', 1.0); run.set_tag('t', 'x')\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('fitprint.views', "
        "'fitprint.query', 'fitprint.tables'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "" == done.stdout.strip()
