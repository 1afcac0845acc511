"""Runs as OpenMetrics text, read by Prometheus' own parser."""

from __future__ import annotations

import math

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families

import fitprint
from fitprint.cli import main
from fitprint.views.openmetrics import openmetrics

ODD = 'a"b\\c\nd µ\u2028 {x="1"} # EOF'


def record(**metrics):
    with fitprint.start_run(experiment=ODD) as run:
        run.log_metrics(metrics)
    return run


def read(text):
    """Return each sample: name, labels, value."""
    return [
        (sample.name, sample.labels, sample.value)
        for family in families(text)
        for sample in family.samples
    ]


def test_one_run(home):
    """A series has no name that another run's has not; texts of any kind come through."""
    numbers = {ODD: 0.1, "big": 1e300, "inf": math.inf, "low": -math.inf, "nan": math.nan, "n": 3}
    run = record(**numbers, **{"system/cpu": 1.0})
    samples = read(openmetrics([run.record]))
    found = {
        labels["metric"]: value for name, labels, value in samples if name == "fitprint_metric"
    }
    assert list(numbers) == list(found)
    assert math.isnan(found.pop("nan"))
    assert {key: value for key, value in numbers.items() if key != "nan"} == found
    assert ("fitprint_duration_seconds", {"experiment": ODD}) == samples[-1][:2]


def test_several_runs(home):
    """Each has its own series."""
    runs = [record(a=1.0), record(a=2.0)]
    samples = read(openmetrics([run.record for run in runs]))
    assert [(runs[0].id, 1.0), (runs[1].id, 2.0)] == [
        (labels["run"], value) for name, labels, value in samples if name == "fitprint_metric"
    ]


def test_models(home):
    """The bytes of each."""
    with fitprint.start_run() as run:
        run.log_model({"a": 1}, "m")
    run.refresh()
    expected = sum(file.size for file in run.artifacts if file.path.startswith("m/"))
    samples = read(openmetrics([run.record]))
    assert ("fitprint_model_bytes", {"experiment": "Default", "model": "m"}, expected) in samples


def test_nothing(home):
    """A run without anything, and no run, are a whole text."""
    with fitprint.start_run() as run:
        assert "# EOF\n" == openmetrics([run.record])
    assert [] == read(openmetrics([]))


def test_the_command_writes_a_file(home, tmp_path, capsys):
    """Its path is printed."""
    run = record(a=1.0)
    file = tmp_path / "metrics.txt"
    assert 0 == main(["export", run.id, "--openmetrics", "-o", str(file)])
    assert (f"{file}\n", openmetrics([fitprint.get_run(run.id).record])) == (
        capsys.readouterr().out,
        file.read_text(encoding="utf-8"),
    )
    assert 2 == main(["export", run.id, "--openmetrics", "--html"])


@pytest.mark.parametrize("damage", ["", "\n# EOF\nmore", "# TYPE a gauge\na 1\n"])
def test_the_parser_minds(damage):
    """What reads the text here refuses what is none."""
    with pytest.raises((ValueError, StopIteration)):
        read(damage)
