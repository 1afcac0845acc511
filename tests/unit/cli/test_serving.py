"""What programs may ask through ``fitprint mcp``, without the protocol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fitprint
from fitprint.cli import answers
from fitprint.errors import FitprintError, MetricNotFoundError
from fitprint.views.excerpt import MOST, excerpt


@pytest.fixture
def recorded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three runs in a store with SQL, the last one inside the second."""
    monkeypatch.delenv("FITPRINT_STORE")
    for C in (1.0, 0.5):
        with fitprint.start_run(name=f"C {C}", experiment="iris"):
            fitprint.log_params({"C": C, "solver": "lbfgs"})
            for step in range(20):
                fitprint.log_metric("loss", C / (step + 1))
            if C < 1:
                with fitprint.start_run(name="inner"):
                    fitprint.log_metric("loss", 2.0)


WITHOUT = """
import sys
sys.modules["mcp"] = None
from fitprint.cli import main
sys.exit(main(["mcp"]))
"""


def test_without_the_sdk_the_remedy_is_said(programs):
    """On standard error, with status 1."""
    status, output, errors = programs.run(WITHOUT)
    assert (1, "") == (status, output)
    assert errors.endswith("pip install 'fitprint[mcp]'\n")


@pytest.mark.parametrize("answer", answers.ANSWERS, ids=lambda answer: answer.__name__)
def test_every_answer_says_when_to_ask_for_it(answer):
    """In what a program is told of it, without indentation; the arguments are there."""
    text = answers.description(answer)
    assert "Use it " in text
    assert not text.startswith(" ")
    assert [] == [
        name for name in answer.__annotations__ if name != "return" and f"    {name}: " not in text
    ]


def test_a_query_is_told_the_views():
    """With their columns."""
    assert "    tags(run_id, key, value)" in answers.description(answers.query)


def test_nothing_recorded_yet_is_said(home, monkeypatch):
    """And no store is made."""
    monkeypatch.delenv("FITPRINT_STORE")
    with pytest.raises(FitprintError, match="no runs are recorded yet"):
        answers.list_experiments()
    assert not home.exists()


@pytest.mark.usefixtures("recorded")
class TestAnswers:
    """Answers about three runs."""

    def test_runs_are_listed_newest_first(self):
        """Without those inside others, with metrics and parameters."""
        found = answers.list_runs()
        assert ["C 0.5", "C 1.0"] == [run["name"] for run in found["runs"]]
        assert {"C": 0.5, "solver": "lbfgs"} == found["runs"][0]["params"]
        assert {"loss": 0.025} == found["runs"][0]["metrics"]
        assert found["more"] is False

    def test_runs_are_filtered_sorted_and_limited(self):
        """Those inside others are among those that match only if the filter asks for them."""

        def found(filter_string):
            listed = answers.list_runs(filter_string, experiment="iris")["runs"]
            return [run["name"] for run in listed]

        assert [] == found("metrics.loss > 1")
        assert ["inner"] == found("metrics.loss > 1 and parent_id is not null")
        found = answers.list_runs(sort="-C", limit=1, experiment="iris")
        assert (["C 1.0"], True) == ([run["name"] for run in found["runs"]], found["more"])

    @pytest.mark.parametrize("limit", [0, 101])
    def test_limits_are_bounded(self, limit):
        """By a sentence with the bounds."""
        with pytest.raises(
            FitprintError, match=f"limit is a whole number from 1 to 100, not {limit}"
        ):
            answers.list_runs(limit=limit)

    def test_a_run_is_shown(self, command):
        """As ``show --json`` does."""
        assert json.loads(command("show", "C 0.5", "--json").out) == json.loads(
            excerpt(answers.show_run("C 0.5"))
        )

    def test_a_run_with_very_many_keys_is_cut(self):
        """The answer is bounded, and says so."""
        with fitprint.start_run(name="large"):
            fitprint.log_params({f"parameter {number}": number for number in range(5000)})
        text = excerpt(answers.show_run("large"))
        assert len(text) <= MOST
        part = json.loads(text)
        assert "large" == part["name"]
        assert any(
            note.startswith("params: ") and note.endswith(" of 5000 entries")
            for note in part["left_out"]
        )

    def test_runs_are_compared(self):
        """As by the verbs."""
        assert fitprint.compare(["C 1.0", "C 0.5"]).to_dict() == answers.compare_runs(
            ["C 1.0", "C 0.5"]
        )
        assert (
            fitprint.get_run("inner").id
            == answers.compare_runs(["C 1.0", "C 0.5"], baseline="inner")["baseline"]
        )
        assert fitprint.diff("C 1.0", "C 0.5").to_dict() == answers.diff_runs("C 1.0", "C 0.5")

    def test_a_history_is_thinned_out(self):
        """First and last point are there."""
        found = answers.metric_history("C 1.0", "loss", max_points=6)
        assert (20, "min") == (found["count"], found["goal"])
        values = [point[found["columns"].index("value")] for point in found["points"]]
        assert len(values) <= 6
        assert [1.0, 0.05] == [values[0], values[-1]]

    def test_an_unknown_metric_is_an_error(self):
        """With those that there are."""
        with pytest.raises(MetricNotFoundError, match="its metrics: loss"):
            answers.metric_history("C 1.0", "los")

    def test_sql_gives_rows(self):
        """Bytes are digits."""
        found = answers.query("SELECT name, x'00ff' FROM runs ORDER BY name", limit=2)
        assert ([["C 0.5", "00ff"], ["C 1.0", "00ff"]], True) == (found["rows"], found["more"])

    def test_experiments_are_listed(self):
        """With the number of their runs."""
        assert {"iris": 3} == {
            each["name"]: each["run_count"] for each in answers.list_experiments()["experiments"]
        }
