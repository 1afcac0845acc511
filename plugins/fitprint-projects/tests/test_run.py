"""``fitprint run``: what is started, what it is given, and what is recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fitprint
from fitprint.cli import main

SAY = """
import json, os, sys
with open(os.environ["ANSWER"], "w") as file:
    json.dump({"argv": sys.argv, "folder": os.getcwd()}, file)
"""
MLPROJECT = """
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.5}
      text: string
    command: "python train.py --alpha {alpha} '{text}'"
"""


def run_of(name="@last"):
    return fitprint.get_run(name)


def test_values_arrive_byte_exact_and_are_recorded_without_shell_quotes(
    made, answer, home, values, capfd
):
    """Through an unchanged MLproject, whose author wrote quotes as one does."""
    names = [f"p{number}" for number in range(len(values))]
    command = " ".join(f"'{{{name}}}'" for name in names)
    parameters = "".join(f"      {name}: string\n" for name in names)
    project = f"entry_points:\n  main:\n    parameters:\n{parameters}    command: >\n      "
    folder = made().write(MLproject=f"{project}python t.py {command}\n", t__py=SAY).folder
    words = [word for pair in zip(names, values, strict=True) for word in ("-P", "=".join(pair))]
    assert 0 == main(["run", str(folder), *words])
    said = json.loads(answer.read_text())
    assert ["t.py", *values] == said["argv"]
    assert str(folder) == said["folder"]
    run = run_of()
    recorded = {name: each.value for name, each in run.record.params.items() if name in names}
    long = {name for name, value in zip(names, values, strict=True) if len(value) > 8000}
    assert {name: value for name, value in zip(names, values, strict=True) if name not in long} == {
        name: value for name, value in recorded.items() if name not in long
    }
    assert {"set"} == {run.record.params[name].provenance for name in names}
    assert ["MLproject", "t.py"] == sorted(each.name for each in folder.iterdir())


def test_bytes_that_are_no_text_arrive_as_they_are(made, answer, home):
    folder = made().write(t__py=SAY).folder
    value = os.fsdecode(b"a\xff\xfe")
    assert 0 == main(["run", str(folder / "t.py"), "-P", f"k={value}"])
    assert ["t.py", "--k", value] == json.loads(answer.read_text())["argv"]


def test_a_nul_is_refused(made, home, capsys):
    folder = made().write(t__py=SAY).folder
    assert 2 == main(["run", str(folder), "-e", "t.py", "-P", "k=a\0b"])
    assert "a NUL character" in capsys.readouterr().err


def test_the_child_records_on_the_same_run(made, home, capfd):
    """Typed parameters with their origin, the project, and what the script logs and trains."""
    script = "import fitprint\nfitprint.log_metric('loss', 0.25)\nprint('hello')\n"
    project = made().write(MLproject=MLPROJECT, train__py=script)
    commit = project.commit()
    assert 0 == main(["run", str(project.folder), "-P", "text=a", "-P", "more=3", "--name", "mine"])
    run = run_of("mine")
    params = {name: (each.value, each.provenance) for name, each in run.record.params.items()}
    assert {"alpha": (0.5, "default"), "text": ("a", "set"), "more": (3, "set")} == {
        name: each for name, each in params.items() if not name.startswith("config.")
    }
    assert ("FINISHED", {"loss": 0.25}) == (run.status, run.metrics)
    assert {
        "project": str(project.folder),
        "project.entry": "main",
        "project.revision": commit,
    } == dict(run.tags)
    assert [] == fitprint.search_runs(filter_string=f"parent_id = '{run.id}'")
    facts = json.loads(run.read("project.json"))
    assert (commit, False, "main") == (facts["revision"], facts["dirty"], facts["entry"])
    assert commit == run.environment["git"]["commit"]
    command = run.environment["process"]["command"]
    assert ["train.py", "--alpha", "0.5", "a", "--more", "3"] == command[-6:]
    assert "hello\n" == capfd.readouterr().out


@pytest.mark.parametrize(
    ("code", "status", "ending", "words"),
    [
        ("raise SystemExit(3)", 3, "FAILED", "exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", 137, "KILLED", "a kill"),
    ],
)
def test_the_exit_status_is_passed_on(made, home, code, status, ending, words):
    folder = made().write(t__py=code).folder
    assert status == main(["run", str(folder / "t.py")])
    run = run_of()
    assert ending == run.status
    assert words in run.record.error


def test_a_table_and_a_shell_template_run(made, answer, home):
    table = (
        '[tool.fitprint.project.entry.main]\nrun = ["python", "t.py", "{x}"]\n'
        'parameters.x = {type = "int", default = 1, max = 3}\n'
    )
    folder = made().write(pyproject__toml=table, t__py=SAY).folder
    assert 0 == main(["run", str(folder)])
    assert ["t.py", "1"] == json.loads(answer.read_text())["argv"]
    assert 2 == main(["run", str(folder), "-P", "x=4"])
    text = "entry_points: {only: {parameters: {x: string}, command: 'cd . && python t.py {x}'}}"
    folder = made("second").write(MLproject=text, t__py=SAY).folder
    assert 0 == main(["run", str(folder), "-P", "x=$(touch pwned)'"])
    assert ["t.py", "$(touch pwned)'"] == json.loads(answer.read_text())["argv"]
    assert not (folder / "pwned").exists()


@pytest.mark.parametrize(
    "command",
    [
        "|\n      python t.py \\\n        --rate={rate} \\\n        --mode {mode}\n",
        ">\n      python -O t.py --rate={rate}\n      --mode {mode}\n",
        '"python t.py --rate={rate}\n             --mode {mode}"\n',
    ],
)
def test_commands_over_several_lines_run_as_in_mlflow(made, answer, home, command):
    """With a backslash at the end of a line, folded, and in quotes, as its examples have it."""
    text = (
        "python_env: python_env.yaml\nentry_points:\n  main:\n    parameters:\n"
        "      rate: {type: float, default: 1e-1}\n      mode: {type str, default: 'min'}\n"
        f"    command: {command}"
    )
    made().write(MLproject=text, t__py=SAY, python_env__yaml="dependencies: [nowhere]")
    assert 0 == main(["run", str(made().folder), "--env", "local"])
    assert ["t.py", "--rate=1e-1", "--mode", "min"] == json.loads(answer.read_text())["argv"]
    assert {"rate": 0.1, "mode": "min"}.items() <= run_of().params.items()


def test_a_parameter_that_the_table_does_not_declare_is_refused(made, home, capsys):
    """A slip of the pen trains with the default otherwise; nothing is recorded."""
    table = (
        '[tool.fitprint.project.entry.main]\nrun = ["python", "t.py", "{alpha}"]\n'
        "parameters.alpha = {type = 'float', default = 1}\n"
    )
    folder = made().write(pyproject__toml=table, t__py="").folder
    assert 2 == main(["run", str(folder), "-P", "alhpa=2"])
    told = "declares no parameter 'alhpa'; did you mean 'alpha'?"
    assert told in capsys.readouterr().err
    assert [] == fitprint.search_runs()


def test_a_parameter_that_an_mlproject_does_not_declare_is_told(made, answer, home, problems):
    """It is added, as by MLflow, and as to a script, which declares none."""
    folder = made().write(MLproject=MLPROJECT, train__py=SAY).folder
    assert 0 == main(["run", str(folder), "-P", "text=a", "-P", "alhpa=2"])
    assert ["--alpha", "0.5", "a", "--alhpa", "2"] == json.loads(answer.read_text())["argv"][1:]
    (told,) = problems
    assert "declares no parameter 'alhpa'; added to the command, as --NAME VALUE; did you" in told
    assert 0 == main(["run", str(folder / "train.py"), "-P", "alhpa=2"])
    assert 1 == len(problems)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "there is no 'nowhere'; give a folder"),
        (["."], "has no MLproject"),
        ([".", "-e", "nope"], "no entry point 'nope'"),
        (["project", "-P", "text=a", "-P", "alpha=x"], "'alpha' must be a number, not 'x'"),
        (["project"], "needs text; give -P text=…"),
        (["project", "-P", "text"], "-P needs NAME=VALUE"),
        (["project#../..", "-P", "text=a"], "leads out of the project"),
        (["project", "-P", "text=a", "--version", "main"], "lies in no repository"),
        (["project", "-P", "text=a", "--version", "--upload-pack=x"], "cannot be a revision"),
        (["project", "-P", "text=a", "--runner", "moon"], "there is no runner 'moon'"),
        (["project", "-P", "text=a", "--option", "a=b"], "has no option 'a'"),
        (["project", "-P", "text=a", "--env", "uv"], "describes an environment"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy(made, home, capsys, words, told):
    """The exit status is 2, and nothing is recorded."""
    made("work/project").write(MLproject=MLPROJECT, train__py="")
    if words[-2:-1] == ["--version"]:
        words = [*words[:-2], f"--version={words[-1]}"]
    assert 2 == main(["run", *words])
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not home.exists()


def test_a_dry_run_says_what_would_be_run_and_records_nothing(made, home, capsys):
    folder = made().write(MLproject=MLPROJECT, train__py="1/0").folder
    assert 0 == main(["run", str(folder), "-P", "text=a b", "--dry-run"])
    output = capsys.readouterr().out
    assert "command   python train.py --alpha 0.5 'a b'" in output
    assert 0 == main(["run", str(folder), "-P", "text=a b", "-n", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert ["python", "train.py", "--alpha", "0.5", "a b"] == said["command"]
    assert not home.exists()


def test_json_is_alone_on_standard_output(made, home, capfd):
    folder = made().write(t__py="print('talk')").folder
    assert 0 == main(["run", str(folder / "t.py"), "--json"])
    captured = capfd.readouterr()
    said = json.loads(captured.out)
    assert (run_of().id, 0, "t.py") == (said["run"], said["status"], said["entry"])
    assert "talk" in captured.err


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or waits for somebody to ask how it ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("command", ["python t.py", "python t.py | cat", "true && python t.py; :"])
def test_an_interrupt_ends_the_command_and_the_run_is_killed(made, home, command):
    """A request to end, too: no process stays behind, of a shell's commands neither."""
    script = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    mlproject = f"entry_points: {{main: {{command: {json.dumps(command)}}}}}"
    folder = made().write(t__py=script, MLproject=mlproject).folder
    process = subprocess.Popen(
        [sys.executable, "-m", "fitprint", "run", str(folder)], stderr=subprocess.DEVNULL
    )
    pid = folder / "pid"
    deadline = time.monotonic() + 60
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert 130 == process.wait(60)
    assert has_ended(int(pid.read_text()))


def test_a_secret_is_not_recorded_and_a_clone_asks_for_it(made, answer, home, capsys):
    folder = made().write(t__py=SAY).folder
    assert 0 == main(["run", str(folder / "t.py"), "-P", "api_key=hunter2", "-P", "n=1"])
    assert ["t.py", "--api_key", "hunter2", "--n", "1"] == json.loads(answer.read_text())["argv"]
    run = run_of()
    for artifact in run.artifacts:
        assert b"hunter2" not in run.read(artifact.path), artifact.path
    capsys.readouterr()
    assert 2 == main(["clone", run.id])
    assert "give -P api_key=…" in capsys.readouterr().err
    assert 0 == main(["clone", run.id, "-P", "api_key=other", "-P", "n=2"])
    assert ["t.py", "--api_key", "other", "--n", "2"] == json.loads(answer.read_text())["argv"]
    assert run.id == run_of().tags["cloned_from"]


def test_a_run_of_somebody_else_is_cloned_only_where_that_is_said(
    made, answer, home, tmp_path, monkeypatch, capsys
):
    folder = made().write(t__py=SAY).folder
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "theirs"))
    assert 0 == main(["run", str(folder / "t.py"), "-P", "k=1", "--name", "other"])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    assert 2 == main(["clone", "other", "-P", "k=2"])
    assert "no program of yours recorded the run other" in capsys.readouterr().err
    assert 0 == main(["clone", "other", "-P", "k=2", "--trust"])
    assert ["t.py", "--k", "2"] == json.loads(answer.read_text())["argv"]


def test_a_run_that_was_not_made_by_run_is_not_cloned(home, capsys):
    with fitprint.start_run("plain"):
        pass
    assert 2 == main(["clone", "plain"])
    assert "was not made by `fitprint run`" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["python t.py {password}", "python t.py {password} | cat"])
def test_secrets_are_in_no_record_and_in_no_dry_run(made, home, capfd, command):
    """Wherever they stand in a command, the program gets them and nobody else."""
    project = made().write(
        MLproject="entry_points: {main: {parameters: {password: string, lr: float}, command: "
        f"{json.dumps(command)}}}}}",
        t__py="import sys, fitprint\nassert sys.argv[1][-3:] == 'Xy7'\nfitprint.log_metric('m', 1)",
    )
    words = ["run", str(project.folder), "-P", "password=hunter2-Xy7"]
    assert 0 == main([*words, "--matrix", "lr=1,2"])
    assert 0 == main([*words, "-P", "lr=3", "--json"])
    for more in (["-P", "lr=3"], ["-P", "lr=3", "--json"], ["--matrix", "lr=1,2"]):
        assert 0 == main([*words, *more, "--dry-run"])
    assert "hunter2" not in "".join(capfd.readouterr())
    assert 2 == main([*words[:2], "-P", "lr=1", "--matrix", "password=a-Xy7,b-Xy7"])
    assert "is recorded; run the project once for each" in capfd.readouterr().err
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"hunter2" in path.read_bytes()]
    assert fitprint.get_run("@last").metrics == {"m": 1.0}


def test_a_matrix_with_secrets_goes_on_when_they_are_given_again(made, home, capfd):
    project = made().write(
        MLproject="entry_points: {main: {parameters: {password: string, lr: float}, command: "
        "'python t.py {lr}'}}",
        t__py="import os, sys\nif sys.argv[1] == '2': assert os.path.exists('ready')",
    )
    words = ["run", str(project.folder), "--matrix", "lr=1,2"]
    assert 1 == main([*words, "-P", "password=hunter2-Xy7", "--name", "all"])
    project.write(ready="")
    capfd.readouterr()
    assert 2 == main([*words, "--resume", "all"])
    assert "give all parameters by -P again" in capfd.readouterr().err
    assert 0 == main([*words, "--resume", "all", "-P", "password=hunter2-Xy7"])
    assert "1 of 2 combinations to run" in capfd.readouterr().err
