"""What lies around a training, and may be missing: the working directory, the user's folder, the
temporary folder, the outputs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = """
import os, time, warnings
import fitprint

fitprint.autolog()
with fitprint.start_run("a") as run:
    fitprint.log_param("p", 1)
    fitprint.log_metric("m", 1.0)
    fitprint.set_tag("t", "x")
    fitprint.log_text("hello", "t.txt")
    fitprint.log_dict({"a": 1}, "d.json")
    for _ in fitprint.loop(range(3)):
        pass
fitprint.set_experiment("other")
fitprint.delete_run("a")
fitprint.restore_run("a")
assert 1 == fitprint.get_run("a").params["p"]
assert ["a"] == [found.name for found in fitprint.search_runs(["Default"])]
if os.environ["FITPRINT_CONTEXT"] == "true":
    while "environment.json" not in [artifact.path for artifact in fitprint.get_run("a").artifacts]:
        time.sleep(0.01)
    import json

    facts = json.loads(run.read("environment.json"))
    assert [] == [name for name, section in facts.items() if "error" in section], facts
with open(os.environ["ANSWER"], "w") as answer:
    answer.write(str(run.workspace.home))
"""

Started = Callable[..., tuple[int, str, str]]


@pytest.fixture
def started(tmp_path: Path) -> Started:
    """Run Python in a folder that is removed before it starts; return its status, its errors and
    what the program answered.
    """

    def start(
        *command: str, shell: str = "", gone: bool = True, **environment: str | None
    ) -> tuple[int, str, str]:
        folder, answer = tmp_path / "gone", tmp_path / "answer"
        folder.mkdir(exist_ok=True)
        answer.write_text("")
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        variables = {
            **os.environ,
            "ANSWER": str(answer),
            "TMPDIR": str(temporary),
            "FITPRINT_CONTEXT": "false",
            "FITPRINT_NOTICE": "false",
        }
        variables = {
            name: value for name, value in {**variables, **environment}.items() if value is not None
        }
        script = f'{"/bin/rmdir ../gone; " if gone else ""}exec "$@" {shell}'
        (tmp_path / "program.py").write_text(PROGRAM)
        command = tuple(
            word.format(program=tmp_path / "program.py", tmp=tmp_path) for word in command
        )
        words = ["/bin/sh", "-c", script, "sh", sys.executable, "-W", "error", *command]
        done = subprocess.run(
            words,
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stderr, answer.read_text()

    return start


def test_fault_12_without_a_working_directory_runs_go_to_the_home_that_was_chosen(
    started: Started, tmp_path: Path
) -> None:
    """Every verb works as ever, and nothing needs to be said."""
    home = str(tmp_path / "home")
    assert (0, "", home) == started("{program}", FITPRINT_HOME=home, FITPRINT_CONTEXT="true")


@pytest.mark.parametrize("chosen", [None, "relative/home"])
def test_fault_12_without_a_working_directory_and_a_home_the_temporary_one_is_told(
    started: Started, tmp_path: Path, chosen: str | None
) -> None:
    """The line says why, where the runs are, and how to choose."""
    home = tmp_path / "temporary" / f"fitprint-{os.getuid()}"
    status, errors, answer = started("{program}", FITPRINT_HOME=chosen)
    reason = "the working directory cannot be found (No such file or directory)"
    told = (
        f"fitprint: {reason}; recording to {home} instead: set FITPRINT_HOME to a folder of yours\n"
    )
    assert (0, told, str(home)) == (status, errors, answer)


@pytest.mark.parametrize(
    "variables",
    [
        {"TMPDIR": "/nowhere", "TMP": "/nowhere", "TEMP": "/nowhere"},
        {"HOME": None, "USER": None, "LOGNAME": None},
        {"HOME": "/nowhere", "PATH": "/nowhere"},
        {"FITPRINT_MODELS": "perhaps", "FITPRINT_NONSENSE": "1", "FITPRINT_CONTEXT": "perhaps"},
    ],
)
def test_fault_12_what_else_is_missing_or_wrong_does_not_stop_a_training(
    started: Started, tmp_path: Path, variables: dict[str, str | None]
) -> None:
    """The runs are in the home that was chosen."""
    home = str(tmp_path / "home")
    status, errors, answer = started("{program}", **{"FITPRINT_HOME": home, **variables})
    assert (0, home) == (status, answer), errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("chosen", ["~nobody-of-this-name/runs", "/dev/null/home", "/proc/home"])
def test_fault_12_a_home_that_cannot_be_is_told(
    started: Started, tmp_path: Path, chosen: str
) -> None:
    """The runs are in the temporary home, and one line says so."""
    status, errors, answer = started("{program}", FITPRINT_HOME=chosen)
    assert (0, str(tmp_path / "temporary" / f"fitprint-{os.getuid()}")) == (status, answer), errors
    assert 1 == len(errors.splitlines())


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-", ">&-"])
def test_fault_12_outputs_that_are_closed_do_not_stop_a_training(
    started: Started, tmp_path: Path, closed: str
) -> None:
    """Where nobody listens nothing is said, also not by a loop or the notice."""
    home = str(tmp_path / "home")
    answer = started(
        "{program}", shell=closed, gone=False, FITPRINT_HOME=home, FITPRINT_NOTICE="true"
    )[::2]
    assert (0, home) == answer


def test_fault_12_a_program_without_arguments_is_recorded(started: Started, tmp_path: Path) -> None:
    """A program read from standard input, or one that has emptied ``sys.argv``, has no file."""
    home = str(tmp_path / "home")
    program = f"import sys\nsys.argv.clear()\ndel __spec__, __file__\n{PROGRAM}"
    (tmp_path / "other.py").write_text(program)
    assert (0, "", home) == started("{tmp}/other.py", FITPRINT_HOME=home, FITPRINT_CONTEXT="true")


COMMANDS = [
    "ls",
    "show @last",
    "get @last t.txt -o {tmp}/got",
    "export @last -o {tmp}/bundle.zip",
    "import {tmp}/bundle.zip",
    "sync",
]
COMMANDS += [
    "doctor",
    "config",
    "plugins",
    "rm @last",
    "restore a",
    "exec {tmp}/script.py",
    "--help",
]


@pytest.mark.parametrize("chosen", [True, False])
def test_fault_12_every_command_works_without_a_working_directory(
    started: Started, tmp_path: Path, chosen: bool
) -> None:
    """What a command is given in full it does, in the home that was chosen or in the
    temporary one.
    """
    (tmp_path / "script.py").write_text("import fitprint\nfitprint.start_run('b').end()\n")
    home = str(tmp_path / "home") if chosen else None
    assert 0 == started("{program}", FITPRINT_HOME=home)[0]
    for command in COMMANDS:
        status, errors, _ = started("-m", "fitprint", *command.split(), FITPRINT_HOME=home)
        assert (0, False) == (status, "Traceback" in errors), (command, errors)


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-"])
def test_fault_12_commands_work_where_nobody_listens(
    started: Started, tmp_path: Path, closed: str
) -> None:
    """A closed output takes what is written to it."""
    home = str(tmp_path / "home")
    assert 0 == started("{program}", FITPRINT_HOME=home)[0]
    for command in ("ls --csv", "get a t.txt -o -", "doctor", "--help"):
        assert (
            0
            == started(
                "-m", "fitprint", *command.split(), shell=closed, gone=False, FITPRINT_HOME=home
            )[0]
        ), command


def test_fault_12_a_module_is_run_without_a_working_directory(
    started: Started, tmp_path: Path
) -> None:
    """``-m`` finds what Python itself would find."""
    status, errors, _ = started(
        "-m", "fitprint", "exec", "-m", "platform", FITPRINT_HOME=str(tmp_path / "home")
    )
    assert (0, "") == (status, errors)


def test_fault_26_tests_see_nothing_outside_their_own_folders(tmp_path: Path) -> None:
    """On a machine with a used temporary home, marks and settings above the temporary folder, and
    odd variables, tests pass.
    """
    temporary = tmp_path / "temporary"
    for folder in (
        temporary / f"fitprint-{os.getuid()}" / "journal",
        temporary / ".fitprint",
        tmp_path / ".config/fitprint",
    ):
        folder.mkdir(parents=True)
        (folder / "left").write_text("by a user")
    (temporary / "pyproject.toml").write_text(
        "[tool.fitprint]\nnonsense = 1\nhome = '/elsewhere'\n"
    )
    before = sorted(tmp_path.rglob("*"))
    odd = {
        "FITPRINT_HOME": "/elsewhere",
        "FITPRINT_STORE": "nonsense",
        "FITPRINT_NONSENSE": "1",
        "FITPRINT_RUN": "none",
        "FITPRINT_STRICT": "?",
    }
    environment = {
        **os.environ,
        **odd,
        "TMPDIR": str(temporary),
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / ".config"),
    }
    tests = ["tests/unit/test_settings.py", "tests/unit/cli/test_upkeep.py"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "doctor or project or healthy",
        *tests,
    ]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout[-3000:]
    assert before == sorted(tmp_path.rglob("*"))
