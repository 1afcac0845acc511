"""What surrounds a run: kept once for many runs, with the code that no commit has; and where random
generators stood.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import fitprint
from fitprint.recording import deferred, environment

pytestmark = pytest.mark.usefixtures("home")


def git(folder: Path, *arguments: str) -> None:
    settings = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, env=environment
    )


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory as a repository with a change, an untracked source and no script."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = Path.cwd()
    (root / "model.py").write_text("depth = 1\n")
    git(root, "init", "-q")
    git(root, "add", "model.py")
    git(root, "commit", "-q", "-m", "first")
    (root / "model.py").write_text("depth = 2\n")
    (root / "extra.py").write_text("extra = 1\n")
    monkeypatch.setattr("fitprint.context.code.find_script", lambda: None)
    fitprint.configure(context=True)
    return root


def recorded(name: str) -> fitprint.Run:
    with fitprint.start_run(name) as run:
        pass
    deferred.finish(30)
    return run


def test_the_patch_and_untracked_sources_are_artifacts(repository: Path) -> None:
    """As they were, byte by byte; the environment names them and holds no text of them."""
    run = recorded("a")
    git(repository, "checkout", "-q", "--force", "HEAD")
    subprocess.run(
        ["git", "apply", "-"], cwd=repository, input=run.read("code/uncommitted.patch"), check=True
    )
    assert "depth = 2\n" == (repository / "model.py").read_text()
    with zipfile.ZipFile(io.BytesIO(run.read("code/untracked.zip"))) as archive:
        assert {"extra.py": b"extra = 1\n"} == {
            name: archive.read(name) for name in archive.namelist()
        }
    told = run.environment["git"]
    assert {"artifact": "code/uncommitted.patch", "exact": True} == told["patch"]
    assert {"artifact": "code/untracked.zip", "count": 1} == told["sources"]


def test_many_runs_share_the_bytes(repository: Path) -> None:
    """Also where the facts are collected anew: what did not change has the digest that it had."""
    runs = [recorded("a"), recorded("b")]
    environment._state.known.clear()
    (repository / "notes.txt").write_text("is no part of the patch\n")
    runs.append(recorded("c"))
    digests = [{artifact.path: artifact.digest for artifact in run.artifacts} for run in runs]
    assert digests[0] == digests[1]
    assert {digests[0]["code/uncommitted.patch"]} == {
        found["code/uncommitted.patch"] for found in digests
    }
    assert digests[1]["code/untracked.zip"] != digests[2]["code/untracked.zip"]


def test_a_patch_with_secrets_is_marked(repository: Path) -> None:
    (repository / "model.py").write_text("password = 'hunter2'\n")
    run = recorded("a")
    assert {
        "artifact": "code/uncommitted.patch",
        "exact": False,
        "left_out": ["secrets"],
    } == run.environment["git"]["patch"]
    assert b"hunter2" not in run.read("code/uncommitted.patch")


def test_code_is_kept_only_where_that_is_wanted(repository: Path) -> None:
    fitprint.configure(code_patch=False)
    run = recorded("a")
    assert ["environment.json"] == [artifact.path for artifact in run.artifacts]


def test_what_a_program_of_this_users_recorded_has_a_seal(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds for the facts and for the texts of the code, and under the user's key alone."""
    run = recorded("a")
    assert environment.is_own_environment(run)
    (repository / "model.py").write_text("depth = 3\n")
    environment._state.known.clear()
    other = recorded("b")
    assert environment.is_own_environment(other)
    assert run.environment["seal"] != other.environment["seal"]

    with fitprint.start_run() as forged:  # its context is that of another run
        forged.log_bytes(run.read("environment.json"), "environment.json")
        forged.log_bytes(other.read("code/uncommitted.patch"), "code/uncommitted.patch")
        forged.log_bytes(run.read("code/untracked.zip"), "code/untracked.zip")
    assert not environment.is_own_environment(forged)
    forged.log_bytes(run.read("code/uncommitted.patch"), "code/uncommitted.patch")
    assert environment.is_own_environment(forged)
    about = {**run.environment, "process": {"command": ["python", "other.py"]}}
    forged.log_dict(about, "environment.json")
    assert not environment.is_own_environment(forged)

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert not environment.is_own_environment(run)


# -- seeds -----------------------------------------------------------------------------------------


@pytest.fixture
def kept_generator() -> object:
    state = random.getstate()
    yield
    random.setstate(state)


@pytest.mark.usefixtures("kept_generator")
def test_a_run_knows_where_generators_stood() -> None:
    """Runs that begin at the same state have the same digest."""
    fitprint.configure(context=True)
    runs = []
    for seed in (3, 3, 4):
        random.seed(seed)
        with fitprint.start_run() as run:
            random.random()
        runs.append(run)
    first, second, third = (run.seeds["random"] for run in runs)
    assert (True, False) == (first == second, first == third)


@pytest.mark.usefixtures("kept_generator")
def test_the_first_training_of_a_run_tells_where_they_stand_then() -> None:
    """What the block did before it is past."""
    fitprint.configure(context=True)
    with fitprint.start_run() as run:
        random.seed(3)
        assert run.claim_fit()
        begun = run.seeds
        random.seed(4)
        assert not run.claim_fit()
    random.seed(3)
    with fitprint.start_run() as other:
        pass
    assert begun == run.seeds == other.seeds


def test_seeds_of_the_past_and_of_inner_runs_are_not_told() -> None:
    """A run of the past had others; what a framework runs inside has those of the run around."""
    from fitprint.recording.opening import open_run

    fitprint.configure(context=True)
    past = open_run(at=1_700_000_000_000_000)
    with fitprint.start_run() as outer:
        inner = open_run(parent=outer, kind="candidate")
        inner.end()
    past.end()
    deferred.finish(30)
    assert ({}, {}) == (past.seeds, inner.seeds)


def test_without_context_nothing_is_told() -> None:
    with fitprint.start_run() as run:
        pass
    assert ({}, ()) == (run.seeds, run.artifacts)
