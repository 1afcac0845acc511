"""`fitprint flow`: flows of commands, the template, and DVC's stages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fitprint
from fitprint.cli import main
from fitprint.models.yaml_text import load
from fitprint.platform.processes import is_gone
from fitprint_flow import commands, programs

FLOW = f"""
name = "churn"

[params.train]
lr = 0.5
word = "a; touch pwned; $(touch pwned) 'x' "

[step.report]
run = [{sys.executable!r}, "report.py", "{{train.word}}"]
inputs = ["report.py", "made/clean.txt"]
outputs = ["report.txt"]
params = ["train.word"]

[step.clean]
run = [{sys.executable!r}, "clean.py"]
inputs = ["clean.py", "raw.txt"]
outputs = ["made"]
params = ["settings.yaml:depth.most"]
""".replace("'/", '"/').replace("', ", '", ')
CLEAN = """
import fitprint
fitprint.log_metric("rows", 3)
open("made/clean.txt", "w").write(open("raw.txt").read().strip().lower())
"""
REPORT = """
import sys
open("report.txt", "w").write(open("made/clean.txt").read() + sys.argv[1])
"""


@pytest.fixture
def project(place: Path) -> Path:
    """A flow of two commands in the working directory."""
    for name, text in {
        "fitprint.flow.toml": FLOW,
        "clean.py": CLEAN.replace(
            'open("made', "__import__('os').makedirs('made', exist_ok=True)\nopen(\"made"
        ),
        "report.py": REPORT,
        "raw.txt": "ABC\n",
        "settings.yaml": "depth:\n  most: 3\n",
    }.items():
        (place / name).write_text(text)
    return place


def run(capsys, *words) -> tuple[int, dict[str, str], str]:
    """Run a command; return its status, what it said of each step, and its messages."""
    status = main(["flow", *words])
    output, error = capsys.readouterr()
    return (
        status,
        {
            line.partition(":")[0]: line.partition(": ")[2].partition(" ")[0].rstrip(":")
            for line in output.splitlines()
        },
        error,
    )


def test_commands_run_where_something_changed(project, capsys):
    assert (0, {"clean": "run", "report": "run"}) == run(capsys, "run")[:2]
    text = (project / "report.txt").read_text()
    assert "abca; touch pwned; $(touch pwned) 'x' " == text
    assert not (project / "pwned").exists()
    clean = fitprint.get_run("clean")
    assert ({"rows": 3.0}, {"settings.yaml:depth.most": 3}) == (clean.metrics, clean.params)
    assert (0, {"clean": "cached", "report": "cached"}) == run(capsys, "run")[:2]
    # what is gone or was changed by hand is brought back
    (project / "report.txt").unlink()
    (project / "made" / "clean.txt").write_text("other")
    assert {"clean": "cached", "report": "cached"} == run(capsys, "run")[1]
    assert ("abc", text) == (
        (project / "made" / "clean.txt").read_text(),
        (project / "report.txt").read_text(),
    )
    # equal results stop the wave
    (project / "raw.txt").write_text("abc")
    assert {"clean": "runs", "report": "runs"} == run(capsys, "run", "--dry-run")[1]
    assert {"clean": "run", "report": "cached"} == run(capsys, "run")[1]
    (project / "settings.yaml").write_text("depth:\n  most: 4\n  least: 1\n")
    assert main(["flow", "why", "clean"]) == 0
    assert "parameter settings.yaml:depth.most changed\n" == capsys.readouterr().out
    assert {"clean": "run", "report": "cached"} == run(capsys, "run", "--jobs", "2")[1]
    assert main(["flow", "why", "clean"]) == 0
    assert capsys.readouterr().out.startswith("nothing changed: cached from ")


def test_the_graph_is_shown(project, capsys):
    assert 0 == main(["flow", "graph"])
    assert "clean\nreport ← clean\n" == capsys.readouterr().out
    assert 0 == main(["flow", "graph", "--mermaid"])
    assert [
        "flowchart TD",
        '  s0["clean"]',
        '  s1["report"]',
        "  s0 --> s1",
    ] == capsys.readouterr().out.splitlines()


def test_old_runs_of_a_flow_go_to_the_trash_and_the_cache_stays(project, capsys):
    for _ in range(3):
        main(["flow", "run"])
    capsys.readouterr()
    assert 0 == main(["flow", "gc", "--keep", "1", "--dry-run"])
    assert 2 == len(capsys.readouterr().out.split())
    assert 3 == len(fitprint.search_runs())
    assert 0 == main(["flow", "gc", "--keep", "1"])
    assert 1 == len(fitprint.search_runs())
    capsys.readouterr()
    assert {"clean": "cached", "report": "cached"} == run(capsys, "run")[1]


def command(run="['true']", **more) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f"[step.one]\nrun = {run}\n{lines}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no step"),
        ("[step.one", "cannot be read"),
        ("[steps.one]", "there is no key 'steps'; did you mean 'step'?"),
        (command(input="['a']"), "step one: there is no key 'input'; did you mean 'inputs'?"),
        ("[step.one]\ninputs = []", "run is missing"),
        (command("'python a.py'"), "run has a value of the wrong type"),
        (command("['a', 3]"), "run is a list of texts"),
        (command(inputs="['a']"), "there is no file a, which the step 'one' takes"),
        (command(outputs="['../a']"), "lies outside of the flow's folder"),
        (command(outputs="['/a']"), "lies outside of the flow's folder"),
        (command(outputs="['a']"), "did not write a, which is among its outputs"),
        (command("['false']"), "false ended with status 1"),
        (command("['no-such-program']"), "no-such-program cannot be run"),
        (command("['sleep', '60']", timeout=0.2), "longer than its timeout of 0.2 s"),
        (command(params="['a.b']"), "there is no parameter a.b in the table [params]"),
        (command(params="['a.json:b']"), "a.json cannot be read"),
        (command(params="['a.ini:b']"), "from .json, .toml and .yaml files"),
        (command("['sh', '-c', 'kill -9 $$']"), "sh was killed by signal 9"),
        (command(retries=-1), "retries must be 0 or more"),
        (command(timeout="inf"), "timeout above 0 seconds"),
        ("[params]\nday = 2020-01-01\n" + command(params="['day']"), "the parameter day is "),
        ("[step.'']\nrun = ['true']", "a step's name"),
        (command(outputs="['.']"), "holds what fitprint itself writes"),
        (command(outputs="['.fitprint/x']"), "holds what fitprint itself writes"),
        (
            command(outputs="['a']") + command(outputs="['a/b/c']").replace("one", "two"),
            "'two' writes a/b/c into a, an output of 'one'",
        ),
        (
            command(outputs="['a']") + command(outputs="['a']").replace("one", "two"),
            "'one' and 'two' both write a",
        ),
        (
            command(inputs="['b']", outputs="['a']")
            + command(inputs="['a']", outputs="['b']").replace("one", "two"),
            "in a circle: ",
        ),
    ],
)
def test_bad_files_say_what_to_do(place, capsys, text, told):
    (place / "fitprint.flow.toml").write_text(text)
    assert 1 == main(["flow", "run"])
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error


def test_an_output_that_the_command_left_alone_is_not_taken_for_its(place, capsys):
    (place / "a").write_text("old")
    (place / "fitprint.flow.toml").write_text(command(outputs="['a']"))
    assert 1 == main(["flow", "run"])
    assert "left a as it was" in capsys.readouterr().err
    assert "old" == (place / "a").read_text()


def exported(capsys, *words) -> str:
    assert 0 == main(["flow", "export", *words])
    return capsys.readouterr().out


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_a_flow_of_commands_as_a_makefile(project, capsys):
    """It runs what changed, without fitprint, and no value steers it."""
    clean = (project / "clean.py").read_text()
    (project / "clean.py").write_text(clean.replace("fitprint.log_metric", "print"))
    (project / "Makefile").write_text(exported(capsys, "--to", "make"))
    make = ["make", "-s"]
    subprocess.run(make, check=True)
    assert "abca; touch pwned; $(touch pwned) 'x' " == (project / "report.txt").read_text()
    assert not (project / "pwned").exists()
    assert 0 == subprocess.run([*make, "-q"], check=False).returncode
    (project / "raw.txt").write_text("other")
    os.utime(project / "raw.txt", (time.time() + 100,) * 2)
    assert 1 == subprocess.run([*make, "-q"], check=False).returncode
    assert not (project / ".fitprint").exists()


def test_what_make_has_no_words_for_is_named(place, capsys):
    for text, told in (
        (command("['echo', 'a\\nb']").replace("'a\\nb'", '"a\\nb"'), "it has new lines"),
        (command(outputs="['a b']"), "the path 'a b'"),
    ):
        (place / "fitprint.flow.toml").write_text(text)
        assert 1 == main(["flow", "export", "--to", "make"])
        assert told in capsys.readouterr().err


ODD = """
from fitprint_flow import Flow
def step(*args):
    return len(args)
flow = Flow("odd: ${{ secrets.KEY }}")
first = flow.add(step, name="first")
second = flow.add(step, first, name="--force '$(touch pwned)' ${{ secrets.KEY }}")
"""


@pytest.mark.skipif(os.name != "posix", reason="no shell of POSIX here")
@pytest.mark.parametrize("form", ["github", "gitlab", "make"])
def test_a_flow_of_functions_is_run_step_by_step(place, capsys, monkeypatch, form):
    """What others run is `fitprint flow run --only STEP`, and names steer neither it nor them."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = f"odd_{form}.py"  # each a module of its own
    (place / name).write_text(ODD)
    text = exported(capsys, "--to", form, name)
    assert text == exported(capsys, name, "--to", form)
    bin_folder = place / "bin"
    bin_folder.mkdir()
    program = bin_folder / "fitprint"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fitprint "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    if form == "make":
        if shutil.which("make") is None:
            pytest.skip("there is no make here")
        (place / "Makefile").write_text(text)
        calls = ["make -s"]
    elif form == "gitlab":
        calls = load(text)["flow"]["script"][1:]
    else:
        said = load(text)
        shown = "${{ '${{' }}"
        assert f"odd: {shown} secrets.KEY }}}}" == said["name"]
        calls = [
            each["run"].replace(shown, "${{")
            for each in said["jobs"]["flow"]["steps"]
            if "flow run" in each.get("run", "")
        ]
    for call in calls:
        subprocess.run(["sh", "-c", call], check=True)
    assert not (place / "pwned").exists()
    found = {child.name for flow in fitprint.search_runs() for child in flow.children()}
    assert {"first", "--force '$(touch pwned)' ${{ secrets.KEY }}"} == found


SLOW = f"""
[step.slow]
run = [{json.dumps(sys.executable)}, "slow.py"]
inputs = ["slow.py"]
outputs = ["out.txt"]
"""
# writes half of its output, says which process it is, and waits
HALF = """
import os, time
with open("out.txt", "w") as file:
    file.write("half")
    file.flush()
    open("pid.new", "w").write(str(os.getpid()))
    os.rename("pid.new", "pid")
    while not os.path.exists("go"):
        time.sleep(0.01)
    file.write(" and half")
"""


def until(condition):
    deadline = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < deadline
    return found


@pytest.mark.skipif(os.name != "posix", reason="no groups of processes here")
@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_nothing_of_a_killed_flow_runs_on_or_writes_beside_the_next(place, capsys, executor):
    (place / "fitprint.flow.toml").write_text(SLOW)
    (place / "slow.py").write_text(HALF)
    words = [sys.executable, "-m", "fitprint", "flow", "run", "--executor", executor]
    flow = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = int(until(lambda: (place / "pid").exists() and (place / "pid").read_text()))
    flow.kill()
    flow.wait()
    (place / "go").touch()
    assert (0, {"slow": "run"}) == run(capsys, "run")[:2]
    assert "half and half" == (place / "out.txt").read_text()
    # a process that nobody has waited for yet has a status and no command line
    until(lambda: is_gone(pid) or not Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.mark.skipif(os.name != "posix", reason="no groups of processes here")
def test_two_flows_do_not_write_into_one_folder_at_once(place, capsys, monkeypatch):
    monkeypatch.setattr(programs, "_PATIENCE", 0.1)
    (place / "fitprint.flow.toml").write_text(SLOW)
    (place / "slow.py").write_text(HALF)
    first = subprocess.Popen(
        [sys.executable, "-m", "fitprint", "flow", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    until((place / "pid").exists)
    status, _, error = run(capsys, "run")
    assert (1, True) == (status, "another flow runs in" in error)
    assert (0, {"slow": "runs"}) == run(capsys, "run", "--dry-run")[:2]
    (place / "go").touch()
    assert first.communicate(timeout=60)[0].startswith(b"slow: run ")
    assert (0, {"slow": "cached"}) == run(capsys, "run")[:2]
    assert "half and half" == (place / "out.txt").read_text()


@pytest.mark.skipif(os.name != "posix", reason="no groups of processes here")
def test_a_timeout_ends_all_that_the_command_has_started(place, capsys):
    text = "sleep 60 & echo $! > pid.new; mv pid.new pid; wait"
    (place / "fitprint.flow.toml").write_text(command(f"['sh', '-c', '{text}']", timeout=1))
    assert 1 == main(["flow", "run"])
    assert "longer than its timeout of 1 s" in capsys.readouterr().err
    pid = int((place / "pid").read_text())
    until(lambda: is_gone(pid) or not Path(f"/proc/{pid}/cmdline").read_bytes())


def test_an_output_comes_back_without_files_of_another_run(place, capsys, caplog):
    """Who reads the folder would read them, too; a file that nobody keeps, such as one of a command
    that was killed, is moved aside and named.
    """
    text = "[params]\nname = '{}'\n" + command(
        "['sh', '-c', 'rm -rf made; mkdir made; echo 1 > made/{name}']",
        outputs="['made']",
        params="['name']",
    )
    for name, state in (("a", "run"), ("b", "run"), ("a", "cached")):
        (place / "fitprint.flow.toml").write_text(text.format(name, name="{name}"))
        assert (0, {"one": state}) == run(capsys, "run")[:2]
        assert [name] == os.listdir(place / "made")
    (place / "made" / "mine").write_text("mine")
    assert (0, {"one": "cached"}) == run(capsys, "run")[:2]
    assert f"no run has kept mine in {place / 'made'}" in caplog.text
    assert ["a"] == os.listdir(place / "made")
    (aside,) = (place / ".fitprint" / "flow-aside").glob("*/mine")
    assert "mine" == aside.read_text()


def test_nothing_outside_of_the_folder_is_written(place, capsys):
    (place / "fitprint.flow.toml").write_text(
        command("['sh', '-c', 'echo made > d/a.txt']", outputs="['d/a.txt']")
    )
    (place / "d").mkdir()
    assert 0 == main(["flow", "run"])
    outside = place.parent / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("precious")
    (place / "d" / "a.txt").unlink()
    (place / "d").rmdir()
    (place / "d").symlink_to(outside)
    for words in (["run"], ["run", "--force"]):
        assert 1 == main(["flow", *words])
        assert "behind a link that leads out of" in capsys.readouterr().err
    assert "precious" == (outside / "a.txt").read_text()
    # a link in the place of the output itself is replaced, not what it leads to
    (place / "d").unlink()
    (place / "d").mkdir()
    (place / "other.txt").write_text("other")
    (place / "d" / "a.txt").symlink_to("../other.txt")
    assert (0, {"one": "cached"}) == run(capsys, "run")[:2]
    assert ("made\n", "other") == (
        (place / "d" / "a.txt").read_text(),
        (place / "other.txt").read_text(),
    )


def test_a_folder_in_the_place_of_an_output_is_named(place, capsys):
    (place / "fitprint.flow.toml").write_text(
        command("['sh', '-c', 'echo made > a']", outputs="['a']")
    )
    assert 0 == main(["flow", "run"])
    (place / "a").unlink()
    (place / "a" / "b").mkdir(parents=True)
    assert 1 == main(["flow", "run"])
    assert "the output a cannot be brought back" in capsys.readouterr().err


def test_a_step_may_close_the_output_and_names_steer_no_terminal(place, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (place / "closing.py").write_text(
        "import sys\nfrom fitprint_flow import Flow\n"
        "def close():\n    sys.stdout.close()\n"
        "def say(x):\n    return 1\n"
        "flow = Flow('f')\nflow.add(say, flow.add(close), name='a\\n\\x1b[31m')\n"
    )
    assert 0 == main(["flow", "graph", "closing.py"])
    assert "close\na\\n\\x1b[31m ← close\n" == capsys.readouterr().out
    done = subprocess.run(
        [sys.executable, "-m", "fitprint", "flow", "run", "closing.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, True) == (done.returncode, "2 of 2 steps were run" in done.stderr), done.stderr


@pytest.mark.parametrize(
    ("files", "words", "told"),
    [
        ({}, ["run"], "`fitprint flow new` writes an example"),
        ({"two.py": "from fitprint_flow import Flow\na, b = Flow('a'), Flow('b')"},
         ["run", "two.py"], "several flows"),
        ({"none.py": ""}, ["run", "none.py"], "no flow"),
        ({"bad.py": "\nimport nowhere"}, ["run", "bad.py"],
         "bad.py cannot be imported (line 2): ModuleNotFoundError"),
        ({"bad.py": "def ("}, ["run", "bad.py"], "bad.py cannot be imported: "),
        ({"ends.py": "raise SystemExit(0)"}, ["run", "ends.py"], "ends.py cannot be imported"),
        ({"json.py": ""}, ["run", "json.py"], "the name of another module"),
        ({"a.txt": ""}, ["run", "a.txt"], "neither a Python file nor"),
        ({}, ["run", "gone.py"], "there is no file gone.py"),
        ({"flow.py": ""}, ["new"], "is there already"),
        ({"fitprint.flow.toml": ""}, ["import"], "is there already"),
        ({}, ["import"], "dvc.yaml cannot be read"),
        ({"dvc.yaml": "a: 1"}, ["import"], "has no stages"),
    ],
)  # fmt: skip
def test_bad_arguments_say_what_to_do(place, capsys, monkeypatch, files, words, told):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, text in files.items():
        (place / name).write_text(text)
    assert 1 == main(["flow", *words])
    assert told in capsys.readouterr().err


DVC = f"""
stages:
  prepare:
    cmd: {sys.executable} prepare.py
    deps: [prepare.py, raw.txt]
    params:
      - prepare.least
      - other.json: [seed]
    outs:
      - clean.txt:
          cache: true
  count:
    wdir: sub
    cmd: wc -c < ../clean.txt > count.txt
    deps: [../clean.txt]
    metrics:
      - count.txt:
          cache: false
  many:
    foreach: [1, 2]
    do:
      cmd: echo ${{item}}
"""


def test_stages_of_dvc_become_a_flow(place, capsys):
    (place / "sub").mkdir()
    for name, text in {
        "dvc.yaml": DVC,
        "params.yaml": "prepare:\n  least: 1\n",
        "other.json": '{"seed": 3}',
        "raw.txt": "abc",
        "prepare.py": "open('clean.txt', 'w').write(open('raw.txt').read())",
    }.items():
        (place / name).write_text(text)
    assert 1 == main(["flow", "import"])  # not all of it
    assert "not brought over: the stage many: it is made by foreach" in capsys.readouterr().err
    assert {"prepare": "run", "count": "run"} == run(capsys, "run")[1]
    assert "3" == (place / "sub" / "count.txt").read_text().strip()
    assert {"prepare.least": 1, "seed": 3} == {
        key.partition(":")[2]: value for key, value in fitprint.get_run("prepare").params.items()
    }
    assert {"prepare": "cached", "count": "cached"} == run(capsys, "run")[1]
    (place / "other.json").write_text('{"seed": 4}')
    assert {"prepare": "run", "count": "cached"} == run(capsys, "run")[1]


STAGES = {
    "cmd: FOO=1 sh a.sh": ["sh", "-c", "FOO=1 sh a.sh"],
    'cmd: ["true || x", "echo 1 # a"]': [
        "sh", "-c", "set -e\n(\ntrue || x\n)\n(\necho 1 # a\n)",
    ],
    "{cmd: cat x, wdir: a b}": ["sh", "-c", "set -e\ncd 'a b'\ncat x"],
    "{cmd: ls, outs_persist: [a]}": "the key outs_persist",
    "{cmd: ls, frozen: true}": "it is frozen",
    "{cmd: ls, deps: ['s3://b/x']}": "s3://b/x is no file",
    "{cmd: ls, outs: out.txt}": "outs is no list of paths",
    "{cmd: ls, outs: [null]}": "outs is no list of paths",
    "{cmd: ls, outs: [{}]}": "outs is no list of paths",
    "{cmd: ls, outs: [../x]}": "../x lies outside",
    "{cmd: ls, wdir: .., metrics: [x]}": "../x lies outside",
    "{cmd: ls, outs: [/x]}": "/x lies outside",
    "{cmd: ls, params: [{params.py: [a]}]}": "not params.py:a",
    "cmd: ''": "it has no cmd",
    "cmd: []": "it has no cmd",
    "cmd: [3]": "it has no cmd",
    "deps: [a]": "it has no cmd",
    "3": "it is no table",
}  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_of_dvc_is_brought_over_as_it_is_or_named(place, capsys, stage):
    (place / "dvc.yaml").write_text(f"stages:\n  one:\n    {stage}\n")
    expected = STAGES[stage]
    assert isinstance(expected, str) == main(["flow", "import"])
    if isinstance(expected, str):
        told = capsys.readouterr().err
        assert "not brought over: the stage one: " in told
        assert expected in told
    else:
        assert expected == commands.read_flow(place / "fitprint.flow.toml").steps["one"].argv


def test_the_template_is_cached_the_second_time_and_an_edit_runs_what_depends_on_it(place):
    """A program for each look, as a user has it."""
    pytest.importorskip("sklearn")

    def flow(*words):
        done = subprocess.run(
            [sys.executable, "-m", "fitprint", "flow", *words, "flow.py"],
            capture_output=True, text=True, check=True, env=os.environ,
        )  # fmt: skip
        return {
            line.partition(":")[0]: line.partition(": ")[2].partition(" ")[0]
            for line in done.stdout.splitlines()
        }

    assert 0 == main(["flow", "new"])
    steps = ["ingest", "split", "preprocess", "train", "evaluate", "check", "register"]
    assert dict.fromkeys(steps, "run") == flow("run")
    assert dict.fromkeys(steps, "cached") == flow("run", "--executor", "processes")
    text = Path("flow.py").read_text()
    Path("flow.py").write_text(text.replace("scaled, C=1.0", "scaled, C=0.5"))
    assert {**dict.fromkeys(steps[:3], "cached"), **dict.fromkeys(steps[3:], "run")} == flow("run")
    assert [1, 2] == [each.version for each in fitprint.search_model_versions("")][::-1]
