"""``kill -9`` in the middle of everything: nothing that was acknowledged is lost."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Programs

# The child says "a" for each point whose logging call has returned.
LOOP = """
import fitprint, os
run = fitprint.start_run("loop")
print("ready", flush=True)
log, write = run.log_metric, os.write
step = 0
while True:
    log("loss", step * 0.5, step)
    write(1, b"a")
    step += 1
"""


def kill(process: subprocess.Popen[str], *, after: int) -> int:
    """Kill the loop after it acknowledged so many points or more; return how many it did."""
    assert process.stdout is not None
    reader = process.stdout.buffer  # type: ignore[attr-defined]
    assert b"ready\n" == reader.readline()
    acknowledged = 0
    while acknowledged < after:
        acknowledged += len(reader.read1(65536))
    process.kill()
    acknowledged += len(reader.read())
    process.communicate()
    return acknowledged


@pytest.mark.parametrize("seed", range(20))
def test_no_acknowledged_point_is_lost(programs: Programs, seed: int) -> None:
    """Killed at any moment of a tight loop, the run is KILLED at the time of its last record and
    has every point, exact.
    """
    acknowledged = kill(programs.start(LOOP), after=random.Random(seed).randrange(1, 20000))
    run = programs.runs()["loop"]
    history = programs.history("loop", "loss")
    assert acknowledged <= len(history) <= acknowledged + 1
    assert list(range(len(history))) == list(history.step)
    assert [step * 0.5 for step in history.step] == list(history.value)
    assert ("KILLED", history.timestamp[-1]) == (run.status, run.end_time)
    assert [] == list((programs.home / "journal").glob("[!.]*"))


def test_a_look_in_between_changes_nothing(programs: Programs) -> None:
    """Readers that look again and again while the loop runs see it RUNNING and growing; after the
    kill nothing is missing or double.
    """
    process = programs.start(LOOP)
    assert process.stdout is not None
    reader = process.stdout.buffer  # type: ignore[attr-defined]
    reader.readline()
    acknowledged, seen = 0, 0
    for _ in range(10):
        acknowledged += len(reader.read1(5000))
        run = programs.runs()["loop"]
        count = run.metrics["loss"].count if "loss" in run.metrics else 0
        assert "RUNNING" == run.status
        assert acknowledged <= count
        assert seen <= count
        seen = count
    process.kill()
    acknowledged += len(reader.read())
    process.communicate()
    steps = programs.steps("loop", "loss")
    assert list(range(len(steps))) == steps
    assert acknowledged <= len(steps)
    assert "KILLED" == programs.runs()["loop"].status


def test_several_segments_survive_a_kill(programs: Programs) -> None:
    """A journal of many segments is as safe as a short one."""
    script = """
import fitprint, os
from fitprint.recording.workspace import current
current().writer._segment_bytes = 4000
""" + LOOP.removeprefix("\nimport fitprint, os\n")
    acknowledged = kill(programs.start(script), after=3000)
    steps = programs.steps("loop", "loss")
    assert list(range(len(steps))) == steps
    assert acknowledged <= len(steps)


def test_params_tags_and_files_survive_a_kill(programs: Programs) -> None:
    """Not only points: all that was acknowledged is there."""
    script = """
import fitprint, os, signal
run = fitprint.start_run("all", tags={"a": "b"})
fitprint.log_params({"C": 1.5, "deep": {"x": [1, None]}, "long": "x" * 100000})
fitprint.log_text("text", "notes/a.txt")
run.log_history("curve", [3.0, 2.0, 1.0])
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert -signal.SIGKILL == programs.run(script)[0]
    run = programs.runs()["all"]
    assert {"a": "b"} == run.tags
    assert (1.5, {"x": [1, None]}) == (run.params["C"].value, run.params["deep"].value)
    assert run.params["long"].spilled is not None
    assert 3 == run.metrics["curve"].count
    assert {"notes/a.txt", run.params["long"].spilled} == {
        artifact.path for artifact in run.artifacts
    }
    for artifact in run.artifacts:
        digest = artifact.digest.removeprefix("sha256:")
        assert artifact.size == (programs.home / "blobs" / digest[:2] / digest[2:]).stat().st_size


def test_every_thread_of_a_killed_program_keeps_its_points(programs: Programs) -> None:
    """Several threads, one journal: what each was told is kept, in order."""
    script = """
import fitprint, os, threading
def work(name):
    with fitprint.start_run(name):
        for step in range(10**9):
            fitprint.log_metric("loss", step, step)
            os.write(1, name.encode())
threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in "abcd"]
print("ready", flush=True)
for thread in threads:
    thread.start()
threads[0].join()
"""
    process = programs.start(script)
    assert process.stdout is not None
    reader = process.stdout.buffer  # type: ignore[attr-defined]
    reader.readline()
    acknowledged = b""
    while min(acknowledged.count(name) for name in (b"a", b"b", b"c", b"d")) < 50:
        acknowledged += reader.read1(65536)
    process.kill()
    acknowledged += reader.read()
    process.communicate()
    runs = programs.runs()
    for name in "abcd":
        steps = programs.steps(name, "loss")
        assert list(range(len(steps))) == steps
        assert acknowledged.count(name.encode()) <= len(steps)
        assert "KILLED" == runs[name].status


def test_a_stopped_program_is_not_taken_for_dead(programs: Programs) -> None:
    """A process that is suspended still lives, and goes on where it was."""
    process = programs.start(LOOP)
    assert process.stdout is not None
    reader = process.stdout.buffer  # type: ignore[attr-defined]
    reader.readline()
    reader.read1(10)
    process.send_signal(signal.SIGSTOP)
    assert "RUNNING" == programs.runs()["loop"].status
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.communicate()
    assert "KILLED" == programs.runs()["loop"].status


def test_the_time_of_death_is_the_last_record_not_the_look(programs: Programs) -> None:
    """A run that died long before anybody looked does not seem to have lived until then."""
    kill(programs.start(LOOP), after=10)
    dead = time.time_ns() // 1000
    run = programs.runs()["loop"]
    assert run.end_time is not None
    assert run.end_time <= dead
