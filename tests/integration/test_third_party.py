"""Two plugins of a third party, a framework's and a store, in a fresh environment that holds
nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheels

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT, *sorted((ROOT / "tests/integration/third_party").iterdir())]


def run(*command: object, **options) -> str:
    """Run a command, and return what it printed; show it if it fails."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout


@pytest.fixture(scope="module")
def binaries(tmp_path_factory):
    """The folder of commands of a new virtual environment, with the wheels installed as a user
    installs them.
    """
    wheels, environment = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("environment")
    for source in SOURCES:
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, source)
    run(sys.executable, "-m", "venv", environment)
    install = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
    run(*install, *wheels.glob("fitprint-0*.whl"))  # brings what the core depends on
    run(
        *install,
        "--no-index",
        "--find-links",
        wheels,
        "fitprint-toyboost[framework]",
        "fitprint-folder",
    )
    return environment / "bin"


@pytest.fixture
def command(binaries, tmp_path):
    """Run a command of the environment in an empty folder,
    recording into the third party's store.
    """
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FITPRINT_", "PYTHON"))
    }
    ours = {
        "FITPRINT_HOME": str(tmp_path / ".fitprint"),
        "FITPRINT_STORE": f"folder://{tmp_path / 'runs'}",
        "NO_COLOR": "1",
    }

    def command(name: str, *arguments: object) -> str:
        return run(
            binaries / name,
            *arguments,
            cwd=tmp_path,
            env={**clean, **ours, "PYTHONWARNINGS": "error"},
        )

    return command


def test_nothing_else_is_installed(command):
    """The environment has the core with its dependencies, the framework and the two plugins."""
    code = (
        "from importlib.metadata import distributions; print(*{found.name.lower() for found "
        "in distributions()})"
    )
    found = set(command("python", "-c", code).split())
    ours = {"fitprint", "fitprint-folder", "fitprint-toyboost", "toyboost"}
    assert ours <= found
    assert found <= ours | {"pip", "setuptools", "pluggy", "wrapt", "tomli"}


def test_both_plugins_are_discovered(command):
    """The command line lists them with their distributions."""
    found = {
        plugin["name"]: plugin for plugin in json.loads(command("fitprint", "plugins", "--json"))
    }
    assert ("ok", "fitprint-toyboost", "0.3.0") == tuple(
        found["toyboost"][key] for key in ("state", "distribution", "version")
    )
    assert ("ok", "fitprint-folder", "0.2.0") == tuple(
        found["folder"][key] for key in ("state", "distribution", "version")
    )


@pytest.mark.parametrize("plugin", ["toyboost", "folder"])
def test_both_pass_the_kit(command, plugin):
    """Without pytest, and without anything else that tests need."""
    *lines, summary = command("fitprint", "plugins", "check", plugin).splitlines()
    assert not [line for line in lines if line.strip().startswith("failed")]
    assert summary.startswith(f"{plugin}: ")
    assert " passed" in summary


def test_the_range_is_known(command):
    """The kit reads the supported range of the framework from the plugin's own metadata."""
    (line,) = (
        line
        for line in command("fitprint", "plugins", "check", "toyboost").splitlines()
        if "range_declared" in line
    )
    assert ["passed", "range_declared", "2.1", "in"] == line.split()[:-1]
    assert {">=2.0", "<3"} == set(line.split()[-1].split(","))


def test_a_script_is_recorded(command, tmp_path):
    """One line in a script, and its training is found in the third party's store,
    with every step.
    """
    script = tmp_path / "train.py"
    script.write_text(
        "from toyboost import train, Booster\n"
        "import fitprint\n"
        "fitprint.autolog()\n"
        "data = [1.0, 2.0, 4.0]\n"
        "train({'rate': 0.25, 'rounds': 5}, data)\n"
        "Booster(rounds=3).fit(data)\n",
        encoding="utf-8",
    )
    command("python", script)
    estimator, function = json.loads(command("fitprint", "ls", "--json"))
    assert ["FINISHED", "FINISHED"] == [estimator["status"], function["status"]]
    assert {"rate": 0.25, "rounds": 5} == function["params"]
    assert {"rate": 0.5, "rounds": 3} == estimator["params"]
    shown = "import fitprint; print(list(fitprint.get_run('{}').history('loss').step))".format(
        function["id"]
    )
    assert "[0, 1, 2, 3, 4]" == command("python", "-c", shown).strip()
    assert list((tmp_path / "runs").glob("*.jsonl"))
