"""The examples for CI run as the page has them: the lines of each job, step by step, in clones of a
repository whose training is a real one.

Steps that are a platform's own (checkout, cache) are done here as the platform does them. Of its
programs, `pip` says that what it is asked for is there, and `gh` keeps comments in a file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

pytest.importorskip("sklearn")

PAGE = (Path(__file__).parents[2] / "docs/how-to/ci.md").read_text(encoding="utf-8")
PIP = """#!{python}
import sys
from importlib.metadata import distribution
assert sys.argv[1:] == ["install", "fitprint[sklearn]"], sys.argv
distribution("fitprint"), distribution("fitprint-sklearn")
"""
GH = """#!{python}
import json, pathlib, sys
kept = pathlib.Path({comments!r})
comments = json.loads(kept.read_text()) if kept.exists() else []
words = sys.argv[1:]
assert words.pop(0) == "api"
patch = words[:2] == ["-X", "PATCH"]
path = words[2] if patch else words[0]
if "--jq" in words:
    assert path == "repos/a/b/issues/7/comments" and "--paginate" in words, words
    assert words[-1] == r'.[] | "\\(.id) \\(.body | split("\\n")[0])"', words
    for number, body in enumerate(comments):
        print(number + 100, body.split("\\n")[0])
    sys.exit()
field = words[words.index("-F") + 1]
assert field.startswith("body=@") and "--silent" in words, words
body = pathlib.Path(field[6:]).read_text()
if patch:
    start, _, number = path.rpartition("/")
    assert start == "repos/a/b/issues/comments", words
    comments[int(number) - 100] = body
else:
    assert path == "repos/a/b/issues/7/comments", words
    comments.append(body)
kept.write_text(json.dumps(comments))
"""


def block(mark):
    """Return the block of the page behind a mark."""
    return re.search(rf"^<!-- {mark} -->\n+```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]


class Place:
    """A repository, what a platform keeps beside it, and its programs."""

    def __init__(self, root):
        self.root, self.origin, self.cache = root, root / "origin", root / "cache"
        self.comments = root / "comments.json"
        self.origin.mkdir()
        self.cache.mkdir()
        programs = root / "programs"
        programs.mkdir()
        for name, text in (("pip", PIP), ("gh", GH)):
            text = text.replace("{python}", sys.executable)
            (programs / name).write_text(text.replace("{comments!r}", repr(str(self.comments))))
            (programs / name).chmod(0o755)
        self.variables = {
            name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")
        }
        paths = [programs, Path(sys.executable).parent, os.environ["PATH"]]
        self.variables |= {
            "PATH": os.pathsep.join(map(str, paths)),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b",
            "FITPRINT_EXIT_WAIT": "60",  # a machine may be busy
        }
        self.git("init", "-q", "-b", "main")
        self.commit("1.0")

    def git(self, *words, folder=None):
        done = subprocess.run(
            ["git", *words],
            cwd=folder or self.origin,
            env=self.variables,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, regularization, branch="main"):
        """Commit the program of the page with this C on a branch."""
        if branch not in self.git("branch", "--format=%(refname:short)").split():
            self.git("checkout", "-q", "-b", branch, *(["main"] if branch != "main" else []))
        self.git("checkout", "-q", branch) if self.git("log", "--all", "-1", "--format=%H") else 0
        text = block("file: train.py").replace("C=1.0", f"C={regularization}")
        (self.origin / "train.py").write_text(text)
        (self.origin / ".gitignore").write_text(".fitprint/\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", regularization)

    def checkout(self, branch):
        """Return a fresh clone, as a runner has it."""
        clone = self.root / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        self.git("clone", "-q", "-b", branch, str(self.origin), str(clone), folder=self.root)
        return clone

    def run(self, lines, folder, shell, **variables):
        """Run the lines of a step, and return the exit status and what was printed."""
        done = subprocess.run(
            [*shell, lines],
            cwd=folder,
            env={**self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
        )
        print(done.stdout)
        return done.returncode


@pytest.fixture
def place(tmp_path):
    distribution("fitprint-sklearn")
    return Place(tmp_path)


def github(place, event, branch):
    """Run the job of the workflow; return the name of the step that failed, and the folder."""
    job = yaml.safe_load(block("github"))["jobs"]["train"]
    folder = place.checkout(branch)
    told = {
        "github.sha": place.git("rev-parse", branch),
        "github.event.pull_request.base.sha": place.git("rev-parse", "main"),
        "github.repository": "a/b",
        "github.event.number": "7",
        "github.token": "none",
    }

    def filled(text):
        return re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: told[found[1]], text)

    def holds(condition):
        python = re.sub(r"hashFiles\('([^']+)'\)", r"hashed('\1')", condition)
        python = python.replace("github.event_name", "event").replace("&&", "and")
        names = {"event": event, "hashed": lambda name: "x" * (folder / name).exists()}
        return eval(python, {"__builtins__": {}}, names)

    for step in job["steps"]:
        if not holds(step.get("if", "True")):
            continue
        own = {key: filled(value) for key, value in step.get("with", {}).items()}
        use = step.get("uses", "").partition("@")[0]
        if use == "actions/cache/save":
            shutil.copy(folder / own["path"], place.cache / own["key"])
        elif use == "actions/cache/restore":
            keys = sorted(place.cache.glob(f"{own['restore-keys']}*"))
            exact = place.cache / own["key"]
            found = [exact] if exact.exists() else keys[-1:]
            for file in found:
                shutil.copy(file, folder / own["path"])
        elif use:
            assert use in ("actions/checkout", "actions/setup-python")
        else:
            variables = {key: filled(value) for key, value in step.get("env", {}).items()}
            variables["GITHUB_STEP_SUMMARY"] = str(folder / "summary.md")
            if place.run(step["run"], folder, ["bash", "-e", "-c"], **variables):
                return step.get("name"), folder
    return None, folder


def test_github(place):
    """The main branch, a pull request with two pushes, and one that makes the model worse."""
    assert github(place, "pull_request", "main")[0] is None  # nothing to compare with yet
    assert not place.comments.exists()
    assert github(place, "push", "main")[0] is None
    place.commit("0.5", "try")
    failed, folder = github(place, "pull_request", "try")
    assert failed is None
    (comment,) = json.loads(place.comments.read_text())
    assert "| C | 1.0 | 0.5 |" in comment.splitlines()
    assert comment == (folder / "summary.md").read_text()
    place.comments.write_text(json.dumps(["of somebody else", comment]))
    place.commit("0.00001", "try")
    failed, folder = github(place, "pull_request", "try")
    assert "Check that it is no worse" == failed
    other, comment = json.loads(place.comments.read_text())
    assert ("of somebody else", True) == (other, "| C | 1.0 | 1e-05 |" in comment.splitlines())


def gitlab(place, branch, base=""):
    """Run the script of the job; return its exit status, and the folder."""
    job = yaml.safe_load(block("gitlab"))["model"]
    folder = place.checkout(branch)
    (kept,) = job["cache"]["paths"]
    if (place.cache / kept).exists():
        shutil.copytree(place.cache / kept, folder / kept)
    variables = {**job["variables"], "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    # a runner makes one script of all lines, which ends with the first that fails
    status = place.run(
        "\n".join(job["script"]), folder, ["bash", "-eo", "pipefail", "-c"], **variables
    )
    if status == 0:  # as a runner keeps a cache
        shutil.rmtree(place.cache / kept, ignore_errors=True)
        shutil.copytree(folder / kept, place.cache / kept)
    return status, folder


def test_gitlab(place):
    """The main branch, a merge request, one without a base, and one that is worse."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    assert 0 == gitlab(place, "main")[0]
    base = place.git("rev-parse", "main")
    place.commit("0.5", "try")
    status, folder = gitlab(place, "try", base)
    assert 0 == status
    reports = yaml.safe_load(block("gitlab"))["model"]["artifacts"]["reports"]
    families = text_string_to_metric_families((folder / reports["metrics"]).read_text())
    metrics = [sample.labels["metric"] for sample in next(iter(families)).samples]
    assert ("val_accuracy" in metrics, "0") == (
        True,
        ET.parse(folder / reports["junit"]).getroot().get("failures"),
    )
    place.commit("0.6", "worse")
    place.commit("0.4", "main")
    assert 3 == gitlab(place, "worse", place.git("rev-parse", "main"))[0]  # not trained there
    place.commit("0.00001", "worse")
    assert 1 == gitlab(place, "worse", base)[0]
