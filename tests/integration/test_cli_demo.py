"""``fitprint demo``: the first minute with fitprint."""

from __future__ import annotations

import json
import os
import subprocess
import sys


def fitprint(folder, *words, python=("-W", "error"), **more):
    """Run fitprint in a folder of its own."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")
    }
    command = [sys.executable, *python, "-m", "fitprint", *words]
    return subprocess.run(
        command,
        cwd=folder,
        env=inherited | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_demo_trains_and_lists(tmp_path):
    """A pipeline, a search with every candidate, a network with its curve, an estimator of one's
    own; warnings are errors.
    """
    done = fitprint(tmp_path, "demo")
    assert 0 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert 6 == len(lines)
    for name in ("Pipeline", "GridSearchCV (+4)", "MLPClassifier", "NearestMean"):
        assert any(name in line for line in lines), name
    assert any("best_validation_score" in line and "MLPClassifier" in line for line in lines)
    assert (tmp_path / ".fitprint" / "fitprint.db").is_file()
    runs = json.loads(fitprint(tmp_path, "ls", "--json").stdout)
    assert {"FINISHED"} == {run["status"] for run in runs}
    assert [] == [run["name"] for run in runs if run["capture"].get("failed")]
    assert 0 == fitprint(tmp_path, "doctor", "--deep").returncode


def test_the_demo_lists_its_own_runs_alone(tmp_path):
    """Others in the same store are none of its business."""
    fitprint(tmp_path, "demo")
    assert 6 == len(fitprint(tmp_path, "demo").stdout.splitlines())


def test_the_script_can_be_read(tmp_path):
    """And run by oneself."""
    script = fitprint(tmp_path, "demo", "--script").stdout
    assert "fitprint.autolog()" in script
    compile(script, "demo.py", "exec")


def test_without_scikit_learn_the_demo_says_what_to_install(tmp_path):
    """One line, status 1."""
    code = (
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'sklearn' else real(name, *a)\n"
        "from fitprint.cli import main; raise SystemExit(main(['demo']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (1, "fitprint: the demo needs scikit-learn: pip install scikit-learn\n") == (
        done.returncode,
        done.stderr,
    )
