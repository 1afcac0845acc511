"""How the verdict on a model is shown: as a text, in a notebook, as JSON."""

from __future__ import annotations

import json
import math

import pytest

from fitprint.views.evaluation import Evaluation, Slice, rendered
from fitprint.views.widths import display_width

KEYS = (
    "accuracy_score",
    "balanced_accuracy_score",
    "log_loss",
    "matthews_corrcoef",
    "roc_auc_score",
)


def made(*slices: Slice, metrics=None, notes=(), by="town", run="18ebf88736f4710400006f1ce7cdbe06"):
    found = {"accuracy_score": 0.75, "log_loss": 0.123456} if metrics is None else metrics
    return Evaluation(
        name="test",
        model="package.module.Model",
        run=run,
        run_name="first" if run else "",
        task="classification",
        target="kind",
        rows=4,
        metrics=found,
        by=by,
        slices=slices,
        digest="sha256:1",
        target_digest="sha256:2",
        time=0,
        notes=tuple(notes),
    )


def test_a_metric_is_a_line():
    """Below what was judged on how much, and where that is recorded."""
    expected = """\
test: Model on 4 rows, recorded on first (cdbe06)

metric           value
accuracy_score    0.75
log_loss        0.1235

- a note"""
    assert expected == str(made(notes=["a note"]))
    assert "test: Model on 4 rows, not recorded" == str(made(run=None)).splitlines()[0]
    assert "<fitprint.Evaluation 'test' of 4 rows: accuracy_score 0.75, log_loss 0.1235>" == repr(
        made()
    )


def test_a_slice_is_a_line():
    """Behind all rows; what cannot be computed is a dash."""
    slices = (
        Slice("Oslo", 2, {"accuracy_score": 1.0, "log_loss": 0.1}),
        Slice(None, 1, {"accuracy_score": 0.5}),
        Slice(None, 1, {}, 3),
    )
    expected = """\
town      rows  accuracy_score  log_loss
all          4            0.75    0.1235
Oslo         2               1       0.1
missing      1             0.5         -
3 others     1               -         -"""
    assert expected == "\n".join(str(made(*slices)).splitlines()[2:])


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_table_keeps_to_the_width(width):
    """Metrics that have no room are named below it."""
    numbers = dict.fromkeys(KEYS, 0.123456)
    lines = rendered(
        made(Slice("a" * 99, 4, numbers), metrics=numbers, by="b" * 99), width
    ).splitlines()
    assert max(display_width(line) for line in lines[2:5]) <= max(width, 28 + 4 + 14 + 4)
    shown = [key for key in KEYS if key in lines[2]]
    hidden = [key for key in KEYS if key not in lines[2]]
    assert (
        not hidden
        or lines[-1] == f"{len(hidden)} more metric{'s' * (len(hidden) > 1)}: {', '.join(hidden)}"
    )
    assert list(KEYS) == shown + hidden


def test_json_is_strict():
    """NaN and infinities are texts; a slice tells what it is of."""
    content = made(Slice(True, 4, {"log_loss": math.inf}), metrics={"log_loss": math.nan}).to_dict()
    assert content == json.loads(json.dumps(content, allow_nan=False))
    assert (1, {"log_loss": "NaN"}) == (content["schema"], content["metrics"])
    assert [
        {"value": True, "others": 0, "rows": 4, "metrics": {"log_loss": "Infinity"}}
    ] == content["slices"]


def test_texts_of_data_harm_no_terminal_and_no_page():
    """Control characters are escaped, markup is text."""
    hostile = "<script>alert(1)</script>\x1b[2J\nx"
    found = made(
        Slice(hostile, 4, {hostile: 1.0}), metrics={hostile: 1.0}, notes=[hostile], by=hostile
    )
    page = found._repr_html_()
    assert "<script" not in page
    assert "\x1b" not in page + str(found) + repr(found)
    assert 4 + 1 + 2 == len(str(found).splitlines())


def test_a_frame_has_a_row_for_each_slice():
    """What cannot be computed is NaN."""
    pytest.importorskip("pandas")
    frame = made(Slice("Oslo", 2, {"accuracy_score": 1.0})).to_pandas()
    assert ["slice", "rows", "accuracy_score", "log_loss"] == list(frame.columns)
    assert (["all", "Oslo"], [4, 2], [0.75, 1.0]) == tuple(
        frame[name].tolist() for name in ("slice", "rows", "accuracy_score")
    )
    assert ("float64", True) == (str(frame["log_loss"].dtype), math.isnan(frame["log_loss"][1]))
