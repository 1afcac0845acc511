"""What the guide shows works as shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("catboost")
pytest.importorskip("fitprint_sklearn")
pytest.importorskip("pandas")

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "catboost.md"


def test_the_guide_runs(runs, tmp_path, monkeypatch, capsys):
    """Its blocks of Python, in order, and the run holds what it says."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), names)
    run = runs.one()
    assert {"learn-Logloss", "validation-Logloss", "best_iteration", "best_score", "stopped_iteration", "score", "f1_score"} <= set(
        run.metrics
    )
    assert "f1_score" in capsys.readouterr().out
