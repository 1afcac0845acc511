"""Deployments are records of the registry: which version, since when, by whom, with which files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

import fitprint
from fitprint import checking
from fitprint.models.signature import infer_signature
from fitprint_deploy.errors import DeployError
from fitprint_deploy.releases import read_release

Register = Callable[..., int]
Command = Callable[..., tuple[int, str, str]]
URI = "models:/Churn rate"
ALIAS = "deployed-shelf-churn-rate"


def test_apply_records_which_version_serves_since_when_by_whom_with_which_files(
    shelf: Any, register: Register, command: Command
) -> None:
    register()
    words = ["--option", "size=3", "--reason", "first"]
    status, output, _ = command("deploy", "apply", "shelf", f"{URI}/1", *words)
    assert (0, "Churn rate/1 serves as churn-rate on shelf") == (status, output.splitlines()[0])
    model = fitprint.get_registered_model("Churn rate")
    assert {ALIAS: 1} == dict(model.aliases)
    move = model.history(ALIAS)[0]
    assert (1, "first") == (move.version, move.reason)
    noted = json.loads(model.version(1).tags[ALIAS])
    assert {"size": "3"} == noted["options"]
    assert noted["files"].startswith("sha256:")
    assert noted["image"].endswith("0123456789abcdef")
    status, output, _ = command("deploy", "status", "shelf", URI, "--json")
    told = json.loads(output)
    assert (0, 1, move.actor, move.decided_at, "1 lies there") == (
        status,
        told["version"],
        told["actor"],
        told["since"],
        told["state"],
    )


def test_a_failing_check_stops_apply(shelf: Any, register: Register, command: Command) -> None:
    """Nothing is applied, and nothing recorded; what holds lets it pass."""
    register(accuracy=0.8)
    apply = ("deploy", "apply", "shelf", f"{URI}/1", "--require")
    status, _, errors = command(*apply, "metrics.accuracy >= 0.9")
    assert 1 == status
    assert "metrics.accuracy >= 0.9" in errors
    assert [] == shelf.served
    assert {} == dict(fitprint.get_registered_model("Churn rate").aliases)
    status, _, _ = command(*apply, "metrics.accuracy >= 0.7")
    assert (0, [1]) == (status, [version for version, _ in shelf.served])


def test_a_version_is_compared_with_the_one_that_serves(
    shelf: Any, register: Register, command: Command
) -> None:
    register(accuracy=0.9)
    register(accuracy=0.8)
    command("deploy", "apply", "shelf", f"{URI}/1")
    better = ["--no-worse-than", f"{URI}@{ALIAS}", "--metric", "accuracy"]
    status, _, errors = command("deploy", "apply", "shelf", f"{URI}/2", *better)
    assert (1, [1]) == (status, [version for version, _ in shelf.served])
    assert "accuracy" in errors


def test_rollback_brings_back_the_version_before_with_its_options(
    shelf: Any, register: Register, command: Command
) -> None:
    register(accuracy=0.8)
    register(accuracy=0.9)
    command("deploy", "apply", "shelf", f"{URI}/1", "--option", "size=3")
    command("deploy", "apply", "shelf", f"{URI}/2", "--option", "size=5")
    status, output, _ = command("deploy", "rollback", "shelf", URI, "--reason", "too slow")
    assert (0, "Churn rate/1 serves again as churn-rate on shelf") == (
        status,
        output.splitlines()[0],
    )
    assert [(1, "3"), (2, "5"), (1, "3")] == [(n, options["size"]) for n, options in shelf.served]
    move = fitprint.get_registered_model("Churn rate").history(ALIAS)[0]
    assert (1, 2, "too slow") == (move.version, move.before, move.reason)


def test_delete_takes_it_away_and_leaves_the_history(
    shelf: Any, register: Register, command: Command
) -> None:
    register()
    command("deploy", "apply", "shelf", f"{URI}/1")
    assert 0 == command("deploy", "delete", "shelf", URI, "--reason", "no more")[0]
    model = fitprint.get_registered_model("Churn rate")
    assert ({}, [1, -1]) == (dict(model.aliases), [version for version, _ in shelf.served])
    assert [0, 1] == [each.version for each in model.history(ALIAS)]
    status, _, errors = command("deploy", "status", "shelf", URI)
    assert 2 == status
    assert "it is nowhere" in errors


@pytest.mark.parametrize("first", [False, True])
def test_fault_9_a_target_that_refuses_leaves_the_record_as_it_was(
    first: bool, shelf: Any, register: Register, command: Command
) -> None:
    register(accuracy=0.8)
    register(accuracy=0.9)
    if not first:
        command("deploy", "apply", "shelf", f"{URI}/1")
    shelf.refuses = {2}
    status, _, errors = command("deploy", "apply", "shelf", f"{URI}/2")
    assert 1 == status
    assert "the shelf is full" in errors
    model = fitprint.get_registered_model("Churn rate")
    assert ({} if first else {ALIAS: 1}) == dict(model.aliases)
    assert "the shelf is full" in model.history(ALIAS)[0].reason


def test_fault_9_a_target_that_refuses_the_way_back_keeps_the_version(
    shelf: Any, register: Register, command: Command
) -> None:
    register(accuracy=0.8)
    register(accuracy=0.9)
    command("deploy", "apply", "shelf", f"{URI}/1")
    command("deploy", "apply", "shelf", f"{URI}/2")
    shelf.refuses = {1}
    assert 1 == command("deploy", "rollback", "shelf", URI)[0]
    assert {ALIAS: 2} == dict(fitprint.get_registered_model("Churn rate").aliases)
    shelf.refuses = set()
    assert 0 == command("deploy", "rollback", "shelf", URI)[0]
    assert {ALIAS: 1} == dict(fitprint.get_registered_model("Churn rate").aliases)


def test_rules_of_the_alias_hold_before_anything_is_applied(
    shelf: Any, register: Register, command: Command
) -> None:
    register()
    fitprint.get_registered_model("Churn rate").set_rules(ALIAS, approvals=1)
    status, _, errors = command("deploy", "apply", "shelf", f"{URI}/1")
    assert (1, []) == (status, shelf.served)
    assert "approv" in errors


def test_two_deployments_of_one_model_have_names(
    shelf: Any, register: Register, command: Command
) -> None:
    register(accuracy=0.8)
    register(accuracy=0.9)
    command("deploy", "apply", "shelf", f"{URI}/1", "--name", "staging")
    command("deploy", "apply", "shelf", f"{URI}/2")
    assert {"deployed-shelf-staging": 1, ALIAS: 2} == dict(
        fitprint.get_registered_model("Churn rate").aliases
    )


def test_what_is_rendered_twice_has_the_same_bytes(
    shelf: Any, register: Register, command: Command, place: Path
) -> None:
    """The folder holds the model, too; all files are old as the version is, so that archives of
    them are the same.
    """
    register()
    for folder in ("one", "two"):
        assert 0 == command("deploy", "render", "shelf", f"{URI}/1", "-o", folder)[0]
    found = [
        {
            str(file.relative_to(place / folder)): (file.read_bytes(), file.stat().st_mtime)
            for file in (place / folder).rglob("*")
            if file.is_file()
        }
        for folder in ("one", "two")
    ]
    assert found[0] == found[1]
    assert "model/MLmodel" in found[0]
    created = fitprint.get_model_version(f"{URI}/1").record.created // 1_000_000
    assert {float(created)} == {time for _, time in found[0].values()}


def test_a_folder_is_rendered_anew_and_one_of_somebody_else_is_not_touched(
    shelf: Any, register: Register, command: Command, place: Path
) -> None:
    register()
    command("deploy", "render", "shelf", f"{URI}/1", "-o", "ours")
    (place / "ours/old").write_text("of an older rendering")
    assert 0 == command("deploy", "render", "shelf", f"{URI}/1", "-o", "ours")[0]
    assert not (place / "ours/old").exists()
    (place / "theirs").mkdir()
    (place / "theirs/thesis").write_text("text")
    status, _, errors = command("deploy", "render", "shelf", f"{URI}/1", "-o", "theirs")
    assert (2, "text") == (status, (place / "theirs/thesis").read_text())
    assert "give an empty folder" in errors


def test_the_model_of_a_run_is_rendered_but_not_deployed(
    shelf: Any, register: Register, command: Command
) -> None:
    register()
    (run,) = fitprint.search_runs()
    uri = f"runs:/{run.id}/model"
    assert 0 == command("deploy", "render", "shelf", uri)[0]
    status, _, errors = command("deploy", "apply", "shelf", uri)
    assert (2, []) == (status, shelf.served)
    assert f"fitprint models register {uri} NAME" in errors


@pytest.mark.parametrize(
    ("words", "expected", "told"),
    [
        (("apply", "shelf", f"{URI}/7"), 3, "version 7"),
        (("apply", "shelf", "models:/Chum rate/1"), 3, "did you mean 'Churn rate'"),
        (("render", "shelf", "runs:/nothing/model"), 3, "nothing"),
        (("render", "shelf", "folder"), 3, "fitprint models register FOLDER NAME"),
        (("status", "shelf", "runs:/nothing/model"), 3, "no registered model"),
        (("apply", "shelv", f"{URI}/1"), 2, "did you mean 'shelf'"),
        (("apply", "shelf", f"{URI}/1", "--option", "sizes=3"), 2, "did you mean 'size'"),
        (("apply", "shelf", f"{URI}/1", "--option", "size"), 2, "needs NAME=VALUE"),
        (("apply", "shelf", f"{URI}/1", "--name", "A b"), 2, "lower-case letters"),
        (("apply", "shelf", f"{URI}/1", "--require", "metrics.x >"), 2, "metrics.x"),
        (("rollback", "shelf", URI), 2, "it is nowhere"),
        (("delete", "shelf", URI), 2, "it is nowhere"),
        (
            ("apply", "image", f"{URI}/1", "--option", "base=python@sha256:" + "0" * 64),
            2,
            "image build",
        ),
    ],
)
def test_fault_9_bad_input_ends_with_its_status_and_the_remedy(
    words: tuple[str, ...],
    expected: int,
    told: str,
    shelf: Any,
    register: Register,
    command: Command,
) -> None:
    register()
    status, _, errors = command("deploy", *words)
    assert expected == status
    assert told in errors
    assert [] == shelf.served


def test_fault_9_before_anything_is_recorded_there_is_nothing_to_deploy(
    place: Path, command: Command
) -> None:
    assert 3 == command("deploy", "status", "kubernetes", "models:/churn")[0]
    assert not (place / ".fitprint").exists()


def test_rollback_without_a_version_before_is_refused(
    shelf: Any, register: Register, command: Command
) -> None:
    register()
    command("deploy", "apply", "shelf", f"{URI}/1")
    status, _, errors = command("deploy", "rollback", "shelf", URI)
    assert 1 == status
    assert "no previous version" in errors


def test_a_model_of_named_columns_brings_pandas_and_one_of_an_array_does_not(
    shelf: Any, register: Register
) -> None:
    """What answers makes a data frame of the columns that a request names."""
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    register("bare")
    rows = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    with fitprint.start_run() as run:
        model = LogisticRegression().fit(rows, [0, 0, 1, 1])
        fitprint.log_model(model, signature=infer_signature(rows))
    fitprint.register_model(run, "named")
    found = {name: read_release(f"models:/{name}/1", "", {})[0] for name in ("bare", "named")}
    assert f"pandas=={pd.__version__}" in found["named"].runtime
    assert not [line for line in found["bare"].runtime if line.startswith("pandas")]
    assert fitprint.get_run(run.id).record.id == found["named"].run


def test_what_was_judged_is_what_serves(
    shelf: Any, register: Register, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    """An alias that moves after the check brings no version in that nobody has judged."""
    register(accuracy=0.9)
    register(accuracy=0.1)
    model = fitprint.get_registered_model("Churn rate")
    model.set_alias("champion", 1)
    judge = checking.check

    def then_moved(*arguments: Any, **options: Any) -> Any:
        gate = judge(*arguments, **options)
        model.set_alias("champion", 2)
        return gate

    monkeypatch.setattr(checking, "check", then_moved)
    wish = ("deploy", "apply", "shelf", f"{URI}@champion", "--require", "metrics.accuracy >= 0.5")
    assert 0 == command(*wish)[0]
    assert [1] == [version for version, _ in shelf.served]


@pytest.mark.parametrize("back", [False, True])
def test_fault_9_who_ends_it_by_hand_leaves_the_record_as_it_was(
    back: bool,
    shelf: Any,
    register: Register,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
) -> None:
    register(accuracy=0.8)
    register(accuracy=0.9)
    command("deploy", "apply", "shelf", f"{URI}/1")
    if back:
        command("deploy", "apply", "shelf", f"{URI}/2")

    def interrupted(rendering: Any, folder: Path) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(shelf, "apply", interrupted)
    words = ("rollback", "shelf", URI) if back else ("apply", "shelf", f"{URI}/2")
    try:
        status = command("deploy", *words)[0]
    except KeyboardInterrupt:
        status = 130
    assert 0 != status
    assert {ALIAS: 2 if back else 1} == dict(fitprint.get_registered_model("Churn rate").aliases)


def test_fault_9_a_name_in_the_record_is_no_instruction(place: Path) -> None:
    """A line of its own in a Dockerfile or a unit would be run."""
    with fitprint.start_run() as run:
        run.log_model(LogisticRegression().fit([[0], [1]], [0, 1]), "m\nRUN evil")
    with pytest.raises(DeployError, match="control characters"):
        read_release(f"runs:/{run.id}/m\nRUN evil", "", {})
