"""A program that is handed a token which it cannot use goes on, says so once, and loses nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fitprint.recording.token import Local, RunToken

if TYPE_CHECKING:
    from conftest import Programs

RUN = "0123456789abcdef" * 2
WORK = """
import fitprint
for _ in range(3):
    if fitprint.active_run() is None:
        fitprint.start_run("own")
    fitprint.log_metric("loss", 1.0)
print(fitprint.active_run().name)
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("none", "it is not a token of fitprint"),
        ("../../etc/passwd", "it is not a token of fitprint"),
        (f"{RUN}0", "it is not a token of fitprint"),
        ("fitprint.1.e30x", "it is damaged"),
        ("fitprint.2.e30", "it is a token of version 2"),
    ],
)
def test_a_text_that_is_no_token_is_told_once(programs: Programs, text: str, words: str) -> None:
    """The program's runs are its own."""
    status, output, errors = programs.run(WORK, FITPRINT_RUN=text)
    assert (0, "own\n", 1) == (status, output, len(errors.splitlines()))
    assert f"through environment, and cannot use it: {words}" in errors
    assert errors.endswith("it records by itself\n")
    assert 3 == programs.runs()["own"].metrics["loss"].count


@pytest.mark.parametrize("where", ["another host", "a home that is gone"])
def test_a_run_that_cannot_be_reached_is_told_once(programs: Programs, where: str) -> None:
    """What the program logs is a run of its own home, below that run and in its experiment."""
    local = (
        Local("/home/ada/.fitprint", "far", "01234567")
        if where == "another host"
        else Local.of(programs.folder / "gone")
    )
    token = RunToken(
        RUN,
        experiment="theirs",
        settings={"exclude_metrics": ["left"]},
        store=f"sqlite://{local.home}/a.db",
        local=local,
    )
    status, output, errors = programs.run(
        f"{WORK}\nfitprint.log_metric('left', 1.0)", FITPRINT_RUN=token.encode()
    )
    assert (0, 1) == (status, len(errors.splitlines()))
    assert f"the run {RUN} cannot be continued from here: its home {local.home}" in errors
    assert (
        f"this process records to {programs.home} instead, on the run {output.strip()} below it"
        in errors
    )
    ((name, run),) = programs.runs().items()
    assert (output.strip(), RUN, "theirs", "FINISHED", 3) == (
        name,
        run.parent_id,
        run.experiment,
        run.status,
        run.metrics["loss"].count,
    )
    assert {"loss"} == set(run.metrics)


def test_a_token_of_another_host_with_a_store_that_both_reach_needs_nothing(
    programs: Programs,
) -> None:
    """Its journal names that store, also by the id that the token told, and the sender's run."""
    token = RunToken(
        RUN,
        store="vault://bob@host/runs",
        store_id="f" * 32,
        local=Local("/home/ada", "far", "01234567"),
    )
    status, _, errors = programs.run(
        "import fitprint, os\nfitprint.set_tag('a', 'b')\nos._exit(0)", FITPRINT_RUN=token.encode()
    )
    assert (0, "") == (status, errors)
    (journal,) = (programs.home / "journal").iterdir()
    facts = json.loads((journal / "writer.json").read_text())
    assert ("vault://host/runs", "f" * 32) == (facts["destination"], facts["store"])
    assert any(
        RUN.encode() in path.read_bytes() or bytes.fromhex(RUN) in path.read_bytes()
        for path in journal.glob("*.log")
    )


def test_settings_that_are_not_known_here_are_told_and_passed_over(programs: Programs) -> None:
    """The worker may lack a plugin that the sender has, or be of another version."""
    token = RunToken(
        settings={"nobody.limit": 3, "models": "perhaps", "experiment": "theirs"}, role="quiet"
    )
    status, _, errors = programs.run(WORK, FITPRINT_RUN=token.encode())
    assert (0, 2) == (status, len(errors.splitlines()))
    assert "no installed plugin has settings of 'nobody'" in errors
    assert "theirs" == programs.runs()["own"].experiment


def test_a_child_of_a_child_attaches_without_asking_the_store(programs: Programs) -> None:
    """The token says to which experiment the run belongs."""
    script = """
import multiprocessing, sys
import fitprint

def child():
    fitprint.start_run("inner").end()
    assert "sqlite3" not in sys.modules

if __name__ == "__main__":
    with fitprint.start_run("outer", experiment="mine"):
        process = multiprocessing.get_context("spawn").Process(target=child)
        process.start()
        process.join()
        assert 0 == process.exitcode
"""
    assert (0, "", "") == programs.run(script)
    assert "mine" == programs.runs()["inner"].experiment


def test_a_child_that_does_the_whole_work_records_it_on_the_run_itself(programs: Programs) -> None:
    """Its first training, its flags and its surroundings are the run's; its own children's are
    not, and the run ends where it began.
    """
    script = """
import os, subprocess, sys
import fitprint

CHILD = '''
import subprocess, sys, os
import fitprint
run = fitprint.active_run()
print([run.claim_fit() for _ in range(2)], "FITPRINT_WHOLE" in os.environ, flush=True)
subprocess.run([sys.executable, "-c", "import fitprint; print(fitprint.active_run().claim_fit())"])
'''
with open("child.py", "w") as file:
    file.write(CHILD)
with fitprint.start_run("outer") as run:
    command = [sys.executable, "-m", "fitprint", "child.py", "--depth", "3"]
    variables = {**os.environ, **run.environ(whole=True), "FITPRINT_CONTEXT": "true"}
    subprocess.run(command, env=variables, check=True)
    assert run.is_open
"""
    status, output, errors = programs.run(script)
    assert (0, "", ["[True, False] False", "False"]) == (status, errors, output.splitlines())
    run = programs.runs()["outer"]
    assert ("FINISHED", 3) == (run.status, run.params["config.depth"].value)
    assert "environment.json" in [each.path for each in run.artifacts]
