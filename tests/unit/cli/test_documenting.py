"""``fitprint docs``: the reference in the terminal."""

from __future__ import annotations

import pytest

import fitprint
from fitprint.settings import CORE_SETTINGS


def test_topics_are_listed(command):
    """Without a word."""
    assert ["filters", "settings", "commands", "verbs", "errors", "NAME"] == [
        line.split()[0] for line in command("docs").out.splitlines()
    ]


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("filters", ["comparison := field", "NaN equals"]),
        ("settings", [f"{setting.name} (" for setting in CORE_SETTINGS]),
        ("commands", ["compare", "docs"]),
        ("verbs", list(fitprint.__all__)),
        ("errors", ["RunNotFoundError"]),
        ("search_runs", ["search_runs(experiment_names: ", "Raises:"]),
        ("fitprint.Run", ["Run(", ".log_metric"]),
        ("Run.log_metric", ["Run.log_metric(self, key: str, value: float", "When this returns"]),
        ("Run.duration", ["Seconds from start to end"]),
        ("QueryError", ["cannot be understood"]),
    ],
)
def test_a_topic_is_printed(command, topic, expected):
    """With what it is known by."""
    done = command("docs", topic)
    assert (0, "") == (done.status, done.err)
    assert [] == [text for text in expected if text not in done.out]


@pytest.mark.parametrize(
    "topic", ["Run._record", "Run.nope", "nope", "os", "__import__", "Run.log_metric.__globals__"]
)
def test_what_is_not_public_is_no_topic(command, topic):
    """Status 1, and where to look."""
    done = command("docs", topic)
    assert (1, "") == (done.status, done.out)
    assert f"there is no topic {topic!r}" in done.err


def test_a_mistyped_topic_gets_a_suggestion(command):
    """Among topics and names."""
    assert "did you mean 'search_runs'?" in command("docs", "serch_runs").err
