"""Places where projects run. The programs of a cluster are stand-ins that write down what they are
given, and do what the real ones promise.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import fitprint
from fitprint.cli import main
from fitprint.hooks.manager import Hooks
from fitprint.hooks.runners import Job
from fitprint_projects.errors import ProjectError
from fitprint_projects.runners.kubernetes import KubernetesRunner, manifest

STUB = """#!{python}
import json, os, subprocess, sys
with open({log!r}, "a") as file:
    json.dump({{"argv": sys.argv[1:], "run": os.environ.get("FITPRINT_RUN", ""),
               "stdin": "" if sys.stdin.isatty() or {tty} else sys.stdin.read()}}, file)
    file.write("\\n")
{code}
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Make a program of a name; return what reads how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def make(name, code="", *, reads=False):
        log = tmp_path / f"{name}.log"
        path = folder / name
        path.write_text(STUB.format(python=sys.executable, log=str(log), code=code, tty=not reads))
        path.chmod(0o755)
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    return make


DOCKER = """
docker_env: {image: "trainer:1", volumes: ["./data:/data"], environment: [["NEW", "v"], "COPIED"]}
entry_points: {main: {parameters: {x: string}, command: "python t.py {x}"}}
"""


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_a_container_gets_the_code_and_the_run_and_shows_no_value_of_a_variable(
    made, home, stand_in, monkeypatch, engine
):
    calls = stand_in(engine, "sys.exit(5)")
    monkeypatch.setenv("COPIED", "hidden-value")
    folder = made().write(MLproject=DOCKER, t__py="").folder
    assert 5 == main(["run", str(folder), "-P", "x=$(a) b"])
    (call,) = calls()
    run = fitprint.get_run("@last")
    words = call["argv"]
    assert run.id == call["run"]
    assert ["trainer:1", "python", "t.py", "$(a) b"] == words[-4:]
    assert ["run", "--rm"] == words[:2]
    assert f"{folder}:/mlflow/projects/code" in words
    assert f"{home}:{home}" in words
    assert f"{folder}/data:/data" in words
    assert {"NEW", "COPIED", "FITPRINT_RUN", "FITPRINT_HOME"} <= {
        after for word, after in pairwise(words) if word == "--env"
    }
    assert "hidden-value" not in " ".join(words)
    assert ("FAILED", "container") == (
        run.status,
        json.loads(run.read("project.json"))["environment"]["kind"],
    )


def test_without_an_engine_or_a_variable_it_says_what_is_missing(
    made, home, stand_in, monkeypatch, capsys
):
    folder = made().write(MLproject=DOCKER, t__py="").folder
    monkeypatch.setenv("PATH", str(folder))
    assert 2 == main(["run", str(folder), "-P", "x=1"])
    assert "needs COPIED from here; set it" in capsys.readouterr().err
    monkeypatch.setenv("COPIED", "1")
    assert 2 == main(["run", str(folder), "-P", "x=1"])
    assert "there is no podman or docker here; install one" in capsys.readouterr().err


SBATCH = """
at = next(n for n, word in enumerate(sys.argv) if n and not word.startswith("--"))
script = open(sys.argv[at]).read()
print("4711;cluster", flush=True)
out = next(w for w in sys.argv if w.startswith("--output="))[9:]
with open(out, "a") as file:
    folder = next(w for w in sys.argv if w.startswith("--chdir="))[8:]
    command = ["bash", "-c", script, *sys.argv[at:]]
    sys.exit(subprocess.run(command, cwd=folder, stdout=file).returncode)
"""


def test_slurm_runs_the_command_as_arguments_of_a_script_without_text_of_the_users(
    made, home, stand_in
):
    calls = stand_in("sbatch", SBATCH)
    script = "import sys, fitprint\nfitprint.log_metric('m', 1)\nprint(sys.argv)\nsys.exit(4)"
    folder = made().write(t__py=script).folder
    value = "a; $(touch pwned) 'b'"
    words = ["--runner", "slurm", "--option", "partition=gpu", "--name", "a b"]
    assert 4 == main(["run", str(folder / "t.py"), "-P", f"x={value}", *words])
    (call,) = calls()
    assert {"--parsable", "--wait", "--export=ALL", "--partition=gpu", "--job-name=a-b"} <= set(
        call["argv"]
    )
    run = fitprint.get_run("a b")
    assert (run.id, "FAILED", {"m": 1.0}) == (call["run"], run.status, run.metrics)
    assert value in (home / "jobs" / f"{run.id}.log").read_text()
    assert not (folder / "pwned").exists()


def test_slurm_that_refuses_is_told(made, home, stand_in, capsys):
    stand_in("sbatch", "sys.exit(1)")
    folder = made().write(t__py="").folder
    assert 2 == main(["run", str(folder / "t.py"), "--runner", "slurm"])
    assert "sbatch refused the job (status 1)" in capsys.readouterr().err
    assert "FAILED" == fitprint.get_run("@last").status


def job(*command, **options):
    return Job("a" * 32, "name", command, Path(), Path(), {"V": "$(x)"}, "image:1", options=options)


def test_a_job_of_kubernetes_has_the_fields_of_batch_v1():
    found = manifest(job("python", "t.py", cpu="2", memory="4Gi", gpus="1"))
    assert ("batch/v1", "Job") == (found["apiVersion"], found["kind"])
    assert f"fitprint-{'a' * 32}" == found["metadata"]["name"]
    spec = found["spec"]
    assert (0, "Never") == (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"])
    (container,) = spec["template"]["spec"]["containers"]
    assert {"name", "image", "command", "env", "resources"} == set(container)
    assert {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"nvidia.com/gpu": "1"}} == (
        container["resources"]
    )


def test_the_cluster_expands_no_value():
    (container,) = manifest(job("echo", "$(HOME)", "$HOME", "$$(a)", "a$"))["spec"]["template"][
        "spec"
    ]["containers"]
    assert ["echo", "$$(HOME)", "$$HOME", "$$$$(a)", "a$$"] == container["command"]
    assert [{"name": "V", "value": "$$(x)"}] == container["env"]


KUBECTL = """
if "get" in sys.argv:
    print(json.dumps({"status": {"failed": 1}}))
elif "create" in sys.argv:
    print("job.batch/one")
elif "logs" in sys.argv:
    print("line")
"""


def test_kubernetes_is_asked_through_kubectl(stand_in):
    calls = stand_in("kubectl", KUBECTL, reads=True)
    runner = KubernetesRunner()
    handle = runner.submit(runner.prepare(job("python", "t.py", namespace="ml")))
    assert (1, "FAILED", ["line"]) == (
        runner.wait(handle),
        runner.status(handle),
        list(runner.logs(handle)),
    )
    runner.cancel(handle)
    asked = [call["argv"] for call in calls()]
    assert ["--namespace=ml", "create", "--filename=-", "--output=name"] == asked[0]
    assert ["--namespace=ml", "delete", "job.batch/one", "--wait=false"] == asked[-1]
    assert "Job" == json.loads(calls()[0]["stdin"])["kind"]


def test_kubernetes_needs_a_store_that_it_reaches_and_an_image(made, home, capsys):
    folder = made().write(t__py="").folder
    assert 2 == main(["run", str(folder / "t.py"), "--runner", "kubernetes"])
    assert "the store cannot be reached from there; set one that can" in capsys.readouterr().err
    with pytest.raises(ProjectError, match="needs an image that holds the project"):
        manifest(Job("a" * 32, "name", ["x"], Path(), Path()))


def test_register_project_runners_has_the_four():
    found = Hooks().registered("register_project_runners")
    assert {"local", "container", "slurm", "kubernetes"} <= set(found)


CONDA = """
prefix = sys.argv[sys.argv.index("--prefix") + 1]
os.makedirs(prefix + "/bin")
os.symlink(sys.executable, prefix + "/bin/python")
"""


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("micromamba", ["create", "--yes"]),
        ("mamba", ["env", "create"]),
        ("conda", ["env", "create"]),
    ],
)
def test_conda_environments_are_made_once(made, answer, home, stand_in, capsys, program, words):
    text = "conda_env: conda.yaml\nentry_points: {main: {command: python t.py}}"
    say = "import json, os, sys; json.dump(sys.executable, open(os.environ['ANSWER'], 'w'))"
    folder = made().write(MLproject=text, conda__yaml="dependencies: [python]", t__py=say).folder
    assert 2 == main(["run", str(folder)])
    assert "there is no micromamba, mamba or conda here" in capsys.readouterr().err
    calls = stand_in(program, CONDA)
    for _ in range(2):
        assert 0 == main(["run", str(folder)])
    (call,) = calls()
    prefix = call["argv"][-3]
    given = ["--prefix", prefix, "--file", str(folder / "conda.yaml")]
    assert [*words, *given] == call["argv"]
    assert prefix in json.loads(answer.read_text())


def test_a_conda_environment_that_fails_is_not_kept(made, answer, home, stand_in, capsys):
    text = "conda_env: conda.yaml\nentry_points: {main: {command: python t.py}}"
    folder = made().write(MLproject=text, conda__yaml="x", t__py="").folder
    calls = stand_in("conda", CONDA + "sys.exit(1)")
    for _ in range(2):
        assert 2 == main(["run", str(folder)])
    assert 2 == len(calls())
    assert "could not build the environment of conda.yaml" in capsys.readouterr().err
