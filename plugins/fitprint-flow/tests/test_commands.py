"""`fitprint flow`: flows of commands, the template, and DVC's stages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fitprint
from fitprint.cli import main

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
        (command(retries=-1), "retries must be 0 or more"),
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


@pytest.mark.parametrize(
    ("files", "words", "told"),
    [
        ({}, ["run"], "`fitprint flow new` writes an example"),
        ({"two.py": "from fitprint_flow import Flow\na, b = Flow('a'), Flow('b')"},
         ["run", "two.py"], "several flows"),
        ({"none.py": ""}, ["run", "none.py"], "no flow"),
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
