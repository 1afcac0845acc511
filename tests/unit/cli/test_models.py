"""``fitprint models``: what each verb prints, as text and as JSON, and what is told of mistakes."""

from __future__ import annotations

import json

import pytest

import fitprint


class Adds:
    """A model."""

    def __init__(self, number):
        self.number = number

    def predict(self, rows):
        return [row + self.number for row in rows]


@pytest.fixture
def churn(home):
    """Two runs with a model each, the first registered as churn/1."""
    runs = []
    for number in (1, 2):
        with fitprint.start_run(f"run-{number}") as run:
            run.log_param("number", number)
            run.log_metric("acc", number / 10)
            run.log_model(Adds(number))
        runs.append(run)
    fitprint.register_model(
        runs[0], "churn", note="first\x1b[2J", tags={"team": "a"}, reason="why not"
    )
    return runs


def test_the_day_of_a_model(command, churn):
    """Registered, promoted, looked at, rolled back."""
    done = command(
        "models",
        "register",
        "run-2",
        "churn",
        "--alias",
        "challenger",
        "--tag",
        "ok",
        "--note",
        "second",
        "--reason",
        "better",
    )
    assert (0, "fitprint: churn/2 is registered\n") == (done.status, done.err)
    assert (
        "churn@champion points to version 1\n"
        in command("models", "promote", "churn", "1", "champion").err
    )
    assert (
        "points to version 2 (before: 1)"
        in command("models", "promote", "churn", "challenger", "@champion", "--reason", "July").err
    )
    listed = command("models").out
    assert "@challenger=2 @champion=2" in listed
    assert ["churn", "2"] == listed.splitlines()[1].split()[:2]
    assert (
        "is back at version 1 (before: 2)" in command("models", "rollback", "churn", "champion").err
    )
    told = command("models", "history", "churn").out
    assert "@champion: version 2 → version 1, back" in told
    assert "July" in told
    acts = command("models", "history", "churn", "--alias", "champion").out.splitlines()
    assert 3 == len([line for line in acts if "@champion" in line])
    assert ["    July"] == [line for line in acts if line.startswith(" ")]
    assert "@champion" in command("models", "show", "churn/1").out


def test_listings_are_json(command, churn):
    """Models, versions, one of each, history; the empty list where there is nothing."""
    (model,) = json.loads(command("models", "--json").out)
    assert ("churn", 1, {}) == (model["name"], model["latest"], model["aliases"])
    (version,) = json.loads(command("models", "ls", "-q", "tags.team = 'a'", "--json").out)
    assert ("models:/churn/1", churn[0].id, "pickle") == (
        version["uri"],
        version["run_id"],
        version["flavor"],
    )
    assert version == json.loads(command("models", "show", "models:/churn/1", "--json").out)
    assert [version] == json.loads(command("models", "show", "churn", "--json").out)["versions"]
    (line,) = json.loads(command("models", "history", "churn", "--json").out)
    assert ("ModelVersionCreated", 1, "why not", None) == (
        line["act"],
        line["version"],
        line["reason"],
        line["refusal"],
    )
    assert [] == json.loads(command("models", "ls", "-q", "version > 7", "--json").out)
    assert (
        "churn"
        == json.loads(command("models", "rename", "churn", "leaving", "--json").out)[
            "former_names"
        ][0]
    )


def test_nothing_is_registered(command, home):
    """An empty home, and one with runs alone."""
    assert "[]\n" == command("models", "--json").out
    with fitprint.start_run():
        pass
    assert "no model is registered: `fitprint models register RUN NAME`" in command("models").err


def test_versions_are_shown_so_that_no_terminal_is_harmed(command, churn):
    """Notes come with their control characters spelled out."""
    shown = command("models", "show", "churn/1").out
    assert "first\\x1b[2J" in shown
    assert 'fitprint.load_model("models:/churn/1")' in shown
    assert "team=a" in shown


def test_rules_and_approvals(command, churn):
    """A rule says in words what it asks for, and a refusal what to do."""
    done = command(
        "models", "rules", "churn", "champion", "--approvals", "1", "--beats", "test_acc"
    )
    assert "another person approves and better test_acc than the version before" in done.err
    refused = command("models", "promote", "churn", "1", "champion")
    assert 1 == refused.status
    assert "`fitprint models approve churn 1 champion`" in refused.err
    assert (
        "approved churn/1 for @champion"
        in command("models", "approve", "churn", "1", "champion").err
    )
    assert "refused: @champion → version 1" in command("models", "history", "churn").out
    assert "rules of @champion" in command("models", "show", "churn").out
    assert "another person approves" in command("models", "rules", "churn", "champion").err
    assert (
        "no rules"
        in command("models", "rules", "churn", "champion", "--approvals", "0", "--beats", "").err
    )
    assert 0 == command("models", "promote", "churn", "1", "champion").status


def test_two_versions_are_compared(command, churn):
    """Callers first, then what differs."""
    command("models", "register", "run-2", "churn")
    found = command("models", "compare", "churn/1", "churn/2").out
    assert found.startswith("callers: nothing breaks")
    assert "number" in found
    assert {"metric", "param", "model"} <= {
        each["section"]
        for each in json.loads(command("models", "compare", "churn/1", "churn/2", "--json").out)[
            "differences"
        ]
    }
    assert "nothing differs" in command("models", "compare", "churn/1", "churn/1").err


def test_everything_else_is_edited(command, churn):
    """Tags, notes, stages, copies, aliases, removal."""
    assert (
        "tagged churn/1" in command("models", "tag", "churn/1", "ok", "a=b", "--remove", "team").err
    )
    assert {"ok": "true", "a": "b"} == fitprint.get_model_version("churn/1").tags
    assert "wrote the note of churn" in command("models", "note", "churn", "about").err
    assert "is in the stage Production" in command("models", "stage", "churn/1", "production").err
    assert "stable/1 is a copy of churn/1" in command("models", "copy", "churn/1", "stable").err
    assert "points to version 1" in command("models", "alias", "churn", "champion", "1").err
    refused = command("models", "rm", "churn/1")
    assert (1, True) == (refused.status, "is in use by @champion" in refused.err)
    assert "churn@champion is removed" in command("models", "alias", "churn", "champion").err
    assert (
        "`fitprint models restore churn/1` brings it back" in command("models", "rm", "churn/1").err
    )
    assert 1 == command("models", "show", "churn/1").status
    assert "churn/1 is back" in command("models", "restore", "churn/1").err
    assert "removed churn;" in command("models", "rm", "churn", "--reason", "old").err
    assert "churn" not in command("models").out
    assert ["churn"] == [
        each["name"] for each in json.loads(command("models", "ls", "--removed", "--json").out)
    ]
    assert "churn is back" in command("models", "restore", "churn").err
    assert "no registered model was removed" in command("models", "--removed").err


def test_reasons_are_told_whole_however_narrow_the_terminal(command, churn, monkeypatch):
    """They are what one looks for later."""
    monkeypatch.setenv("COLUMNS", "60")
    reason = "the second one failed in the night, so back to the first \x1b[2J"
    fitprint.get_registered_model("churn").set_alias("champion", 1, reason=reason)
    done = command("models", "history", "churn", "--alias", "champion")
    lines = done.out.splitlines()[1:]
    assert all(line.startswith("    ") and len(line) <= 60 for line in lines)
    assert reason.replace("\x1b", "\\x1b") == " ".join(line.strip() for line in lines)


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (["show", "chrun"], 1, "did you mean 'churn'"),
        (["register", "nobody", "churn"], 1, "no run"),
        (["promote", "churn", "9", "champion"], 1, "no version 9"),
        (["promote", "churn", "1", "latest"], 1, "an alias cannot be called 'latest'"),
        (["rollback", "churn", "champion"], 1, "has no previous version"),
        (["stage", "churn/1", "Best"], 1, "a stage is one of None, Staging"),
        (["-q", "verion = 1"], 1, "did you mean attributes.version"),
        (["unknown"], 2, "invalid choice"),
        (["promote", "churn"], 2, "required"),
    ],
)
def test_mistakes_are_told(command, churn, words, status, part):
    """In one line with the remedy."""
    done = command("models", *words)
    assert (status, True) == (done.status, part in done.err), done.err
