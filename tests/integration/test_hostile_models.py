"""A slice of what the tox environment `fuzz` does at length."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / "fuzz" / "run.py"


@pytest.mark.parametrize(("kind", "count"), [("pickles", 200), ("skops", 40)])
def test_fault_1_hostile_models_end_no_program(kind, count, tmp_path):
    """They are refused, or load and can be read and predicted with; under an allocator that shows
    wrong uses of memory.
    """
    command = [sys.executable, RUN, kind, "--count", str(count)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, cwd=tmp_path
    )
    assert (0, f"{kind}: {count} models") == (done.returncode, done.stdout.partition(" in ")[0]), (
        done.stdout + done.stderr
    )
    assert "'loaded'" in done.stdout
