"""A notebook, executed by a real kernel: what its cells show of runs."""

from __future__ import annotations

import os
import re

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

TRAINING = """
import fitprint
fitprint.autolog(notice=False)
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
for C in (0.1, 1.0):
    LogisticRegression(C=C, max_iter=500).fit(X, y)
with fitprint.start_run("<b>by hand</b>") as run:
    for step in fitprint.loop(range(10), progress=False):
        run.log_metric("val_loss", 1 / (1 + step))
"""
CELLS = [
    TRAINING,
    "fitprint.search_runs()",
    "run",
    "run.history('val_loss')",
    "fitprint.experiments()",
    "fitprint.compare(fitprint.search_runs(filter_string=\"name = 'LogisticRegression'\"))",
]


@pytest.fixture
def outputs(tmp_path):
    """The outputs of the cells, each a list."""
    cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")
    }
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(
        env=environment
        | {"FITPRINT_HOME": str(tmp_path / "home"), "IPYTHONDIR": str(tmp_path / "ipython")}
    )
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.filterwarnings("ignore")  # of what runs notebooks, and none of it ours
def test_cells_show_tables_with_curves(outputs):
    """Each result has a plain text and HTML; a name with markup stays a name."""
    assert [] == outputs[0]
    pages = []
    for (output,) in outputs[1:]:
        assert "execute_result" == output["output_type"]
        assert len(output["data"]["text/plain"]) > 0
        pages.append(output["data"]["text/html"])
    runs, one, history, experiments, comparison = pages
    assert 1 == runs.count("<svg")
    assert runs.count("LogisticRegression") == 2
    assert "&lt;b&gt;by hand&lt;/b&gt;" in runs
    assert "<svg" in one
    assert "<svg" in history
    assert "Default" in experiments
    assert {"C", "0.1", "1.0"} <= set(re.findall(r">([^<>]+)<", comparison))
