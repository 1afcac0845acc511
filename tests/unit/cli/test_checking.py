"""``fitprint check``, and ``fitprint.check``."""

from __future__ import annotations

import json
import math
import subprocess
from xml.etree import ElementTree as ET

import pytest

import fitprint
from fitprint.bundles import export_runs
from fitprint.errors import FitprintError, QueryError, RunNotFinishedError
from fitprint.recording.workspace import current


def record(name, metrics=None, params=None, commit=None, dirty=False, status="FINISHED"):
    """Record a run, and return its id."""
    run = fitprint.start_run(name=name)
    run.log_metrics(metrics or {})
    run.log_params(params or {})
    if commit:
        run.log_dict({"git": {"commit": commit, "dirty": dirty}}, "environment.json")
    if status:
        run.end(status)
    return run.id


@pytest.fixture
def two(home):
    """The run of before, and the one that is to be judged."""
    return (
        record("old", {"val_auc": 0.9, "val_loss": 0.30, "odd": 1.0}),
        record("new", {"val_auc": 0.895, "val_loss": 0.35, "odd": 1.0, "nan_score": math.nan}),
    )


@pytest.mark.parametrize(
    ("requirement", "passed"),
    [
        ("metrics.val_auc >= 0.895", True),
        ("metrics.val_auc >= 0.9", False),
        ("metrics.val_auc >= 0.8 and metrics.val_loss < 0.4", True),
        ("metrics.gone >= 0", False),
        ("not (metrics.gone > 1)", False),
        ("not metrics.val_auc < 0.5", True),
        ("metrics.gone > 1 or metrics.val_auc > 0.5", True),
        ("not (metrics.gone > 1 and metrics.val_auc < 0.5)", True),
        ("metrics.nan_score > 0", False),
        ("not (metrics.nan_score > 0)", False),
        ("metrics.nan_score != 1", False),
        ("metrics.nan_score = nan", True),
        ("metrics.gone is null", True),
        ("status = 'FINISHED'", True),
        ("params.fill = 'nan'", True),
        ("tags.team = 'a'", False),
    ],
)
def test_requirements(command, home, requirement, passed):
    """What is missing or NaN neither holds nor does its opposite, whatever stands around it."""
    metrics = {"val_auc": 0.895, "val_loss": 0.35, "nan_score": math.nan}
    record("new", metrics, {"fill": "nan"})
    assert passed is bool(fitprint.check("new", requirement))
    done = command("check", "new", "--require", requirement)
    assert (0 if passed else 1, "passed" if passed else "FAILED") == (done.status, done.out[:6])


def test_every_requirement_counts(command, two):
    """Each has a line with the values that decided."""
    done = command(
        "check", "new", "--require", "metrics.val_auc > 0.5", "--require", "metrics.val_lost < 1"
    )
    assert 1 == done.status
    assert [
        "passed  metrics.val_auc > 0.5: val_auc is 0.895",
        "FAILED  metrics.val_lost < 1: there is no metric 'val_lost'; did you mean 'val_loss'?",
    ] == done.out.splitlines()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--metric", "val_auc"], 1),
        (["--metric", "val_auc", "--tolerance", "0.005"], 0),  # in binary, the difference is more
        (["--metric", "val_auc", "--tolerance", "0.004999"], 1),
        (["--metric", "val_loss", "--tolerance", "0.05"], 0),
        (["--metric", "val_loss", "--tolerance", "0.04"], 1),
        (["--metric", "val_loss", "--goal", "max"], 0),
        (["--metric", "odd", "--goal", "max"], 0),
        (["--metric", "odd"], 2),
        (["--metric", "gone"], 1),
        (["--metric", "nan_score"], 1),
        (["--require", "metrics.val_auc > 0", "--tolerance", "0.005"], 0),
        ([], 2),
        (["--tolerance", "-1", "--metric", "val_auc"], 2),
        (["--tolerance", "nan", "--metric", "val_auc"], 2),
    ],
)
def test_no_worse_than(command, two, words, status):
    """By the direction that a name says, or that is given; what is ambiguous is asked for."""
    assert status == command("check", "new", "--no-worse-than", "old", *words).status


def test_the_metric_by_which_runs_are_judged(two):
    """The setting says it where nobody else does."""
    fitprint.configure(metric=["val_loss"])
    gate = fitprint.check("new", no_worse_than="old")
    assert ["val_loss"] == [check.name for check in gate.checks]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--require", "metrics.val_auc >="],
        ["--require", ""],
        ["--require", "metrics.val_auc > 0", "--tolerance", "1"],
        ["--no-worse-than", "git:", "--metric", "val_auc"],
        ["--no-worse-than", "git:--all", "--metric", "val_auc"],
        ["--require", "metrics.val_auc > 0", "--junit", "none/such/folder.xml"],
        ["--nonsense"],
    ],
)
def test_what_makes_no_sense(command, two, words):
    """Status 2, so that nobody takes it for a verdict, and a sentence on why."""
    done = command("check", "new", *words)
    assert (2, "", True) == (done.status, done.out, bool(done.err))


def test_what_is_not_there_or_not_finished(command, two, tmp_path):
    """Status 3, for the run and the baseline alike."""
    record("failed", {"val_auc": 1.0}, status="FAILED")
    for words in (
        ("gone", "--require", "metrics.val_auc > 0"),
        ("failed", "--require", "metrics.val_auc > 0"),
        ("new", "--no-worse-than", "failed", "--metric", "val_auc"),
        ("new", "--no-worse-than", "gone", "--metric", "val_auc"),
        ("new", "--no-worse-than", "models:/churn@champion", "--metric", "val_auc"),
        ("new", "--no-worse-than", str(tmp_path / "gone.zip"), "--metric", "val_auc"),
    ):
        done = command("check", *words)
        assert (3, "") == (done.status, done.out), words
    with fitprint.start_run(name="open"), pytest.raises(RunNotFinishedError, match="RUNNING"):
        fitprint.check("open", "metrics.val_auc > 0")


def test_without_a_store(command, home):
    """Nothing was recorded: not there."""
    assert 3 == command("check", "@last", "--require", "metrics.a > 0").status


def test_a_bundle_as_the_baseline(command, two, tmp_path):
    """It is read and not imported; one with several runs is no baseline."""
    one, both = tmp_path / "old.fitprint.zip", tmp_path / "both.zip"
    export_runs(current(), [two[0]], one)
    export_runs(current(), two, both)
    fitprint.purge_run(fitprint.delete_run("old")[0])
    gate = fitprint.check("new", no_worse_than=one, metric="val_auc", tolerance=0.01)
    assert (True, two[0]) == (gate.passed, gate.baseline.run.id)
    assert ["new"] == [run.name for run in fitprint.search_runs()]
    assert 2 == command("check", "new", "--no-worse-than", str(both), "--metric", "val_auc").status
    broken = tmp_path / "broken.zip"
    broken.write_bytes(one.read_bytes()[:-30])
    assert 2 == command("check", "new", "--no-worse-than", str(broken)).status


def test_a_registered_model_as_the_baseline(command, two):
    """The run that recorded the version; while it is there."""
    with fitprint.start_run(name="champion") as run:
        run.log_metric("val_auc", 0.8)
        run.log_model(dict, "model")
    fitprint.register_model(run, "churn").name  # noqa: B018 - it is there
    fitprint.get_registered_model("churn").set_alias("champion", 1)
    words = ("check", "new", "--no-worse-than", "models:/churn@champion", "--metric", "val_auc")
    assert 0 == command(*words).status
    fitprint.delete_run(run)
    fitprint.purge_run(run)
    assert 3 == command(*words).status


def test_a_commit_as_the_baseline(command, home, tmp_path, monkeypatch):
    """The newest finished run of the experiment there, with nothing uncommitted."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    commit = head.stdout.strip()
    monkeypatch.chdir(tmp_path)
    record("new", {"val_auc": 0.8}, commit="d" * 40)
    done = command("check", "new", "--no-worse-than", "git:main", "--metric", "val_auc")
    assert (3, True) == (done.status, "no finished run" in done.err)
    record("first", {"val_auc": 0.1}, commit=commit)
    wanted = record("second", {"val_auc": 0.7}, commit=commit)
    record("changed", {"val_auc": 0.9}, commit=commit, dirty=True)
    record("failed", {"val_auc": 0.9}, commit=commit, status="FAILED")
    for name in ("git:main", "git:HEAD", f"git:{commit[:10]}"):
        gate = fitprint.check("new", no_worse_than=name, metric="val_auc")
        assert (True, wanted) == (gate.passed, gate.baseline.run.id)
    done = command("check", "new", "--no-worse-than", "git:gone", "--metric", "val_auc")
    assert (3, True) == (done.status, "git knows no commit" in done.err)


def test_json(command, two):
    """The form that is documented."""
    words = ["--require", "metrics.nan_score > 0", "--no-worse-than", "old", "--metric", "val_auc"]
    done = command("check", "new", *words, "--json")
    content = json.loads(done.out)
    assert 1 == done.status
    assert {
        "schema": 1,
        "passed": False,
        "run": {"id": two[1], "name": "new", "status": "FINISHED", "experiment": "Default"},
        "baseline": {"asked": "old", "id": two[0], "name": "old"},
        "checks": [
            {
                "kind": "require",
                "name": "metrics.nan_score > 0",
                "passed": False,
                "reason": "nan_score is nan",
            },
            {
                "kind": "no-worse-than",
                "name": "val_auc",
                "passed": False,
                "reason": "0.895 against 0.9 of old: 0.005 less",
                "goal": "max",
                "value": 0.895,
                "baseline": 0.9,
                "delta": 0.895 - 0.9,
                "tolerance": 0.0,
            },
        ],
    } == content


def test_junit(command, home, tmp_path):
    """A test for each check; what XML cannot hold is replaced."""
    record("a\x00<b>&", {"val_auc": 0.5})
    file = tmp_path / "check.xml"
    words = ["--require", "metrics.val_auc > 0", "--require", 'metrics.`<\x01"` > 1']
    assert 1 == command("check", "@last", *words, "--junit", str(file)).status
    root = ET.parse(file).getroot()
    assert ("testsuites", "2", "1") == (root.tag, root.get("tests"), root.get("failures"))
    first, second = root.iter("testcase")
    assert ("metrics.val_auc > 0", None) == (first.get("name"), first.find("failure"))
    assert 'metrics.`<\ufffd"` > 1' == second.get("name")
    assert "there is no metric" in second.find("failure").get("message")


def test_in_python(two):
    """The verb raises where the command tells."""
    assert fitprint.check(two[1], ["metrics.val_auc > 0.8", "metrics.val_loss < 1"])
    for wrong in (
        {"require": "metrics.val_auc >"},
        {"require": 1},
        {"require": ""},
    ):
        with pytest.raises(QueryError):
            fitprint.check("new", **wrong)
    for wrong in (
        {},
        {"no_worse_than": 1},
        {"no_worse_than": "old", "metric": "val_auc", "tolerance": True},
        {"no_worse_than": "old", "metric": "val_auc", "goal": "up"},
        {"no_worse_than": "old"},
    ):
        with pytest.raises(FitprintError):
            fitprint.check("new", **wrong)


@pytest.mark.parametrize(
    "words",
    [
        {"no_worse_than": "git:a\0b"},
        {"no_worse_than": "git:\ud800"},
        {"no_worse_than": "a" * 5000 + ".zip"},
        {"no_worse_than": "\0.zip"},
        {"no_worse_than": "@last", "metric": "val_accuracy", "tolerance": 10**400},
    ],
)
def test_texts_and_numbers_that_no_program_takes(two, words):
    """They are errors like others."""
    with pytest.raises(fitprint.FitprintError):
        fitprint.check("@last", **words)
