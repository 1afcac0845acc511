"""No regular expression of ours takes more time than in proportion to its text."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

MEASURE = Path(__file__).with_name("patterns.py")


@pytest.mark.thorough
def test_fault_11_redaction_is_linear():
    """Each pattern in the sources, on texts of its own words, and the redaction of any text; in a
    process that is ended if it hangs.
    """
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(MEASURE)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    *faults, number = ran.stdout.splitlines() or [ran.stderr]
    assert faults == []
    assert int(number.removesuffix(" patterns")) >= 150


def test_what_backtracks_is_found():
    """The measure tells what is exponential, what is quadratic, and what is neither."""
    grows = runpy.run_path(str(MEASURE))["grows"]
    quoted = re.compile(r"(['\"])(?:(?!\1)(?:\\.|.))*\1")
    assert grows(quoted.search, lambda n: "'" + "\\" * n) == float("inf")
    assert grows(re.compile(r"\s+at").search, lambda n: " " * n) > 3
    assert grows(re.compile(r"\s+at").match, lambda n: " " * n) < 3
