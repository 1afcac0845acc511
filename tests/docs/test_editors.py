"""What an editor knows of the public names, by pyright (basedpyright, which comes with all that it
needs from a package index).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fitprint

pytest.importorskip("basedpyright")

ROOT = Path(__file__).parents[2]
NAMES = [name for name in fitprint.__all__ if not name.startswith("_")]
# What is written, and the type that it has.
TYPES = {
    "fitprint.search_runs()": "Runs",
    "fitprint.search_runs()[0]": "Run",
    "fitprint.search_runs(output_format='pandas')": "Any",
    "fitprint.get_run('a').metrics": "dict[str, float]",
    "fitprint.get_run('a').children()": "list[Run]",
    "fitprint.start_run().__enter__()": "Run",
    "fitprint.compare([])": "Comparison",
    "fitprint.diff('a', 'b')": "Difference",
    "fitprint.get_experiment('a')": "Experiment",
    "fitprint.get_run('a').history('loss').value": "array[float]",
}
MISTAKES = [
    "fitprint.search_runs(childen=True)",
    "fitprint.log_metric('a', 'b')",
    "fitprint.autolog(modls=False)",
    "fitprint.nothing",
]


def judged(folder: Path, lines: list[str]) -> list[tuple[str, int, str]]:
    """Return severity, line and text of what pyright says of a module."""
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"extraPaths": [str(ROOT / "src")], "typeCheckingMode": "strict"})
    )
    (folder / "use.py").write_text("\n".join(["import fitprint", *lines, ""]))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--project", str(folder)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [(each["severity"], each["range"]["start"]["line"], each["message"]) for each in found]


def revealed(folder: Path, expressions: list[str]) -> list[str]:
    """Return the types of expressions."""
    said = judged(folder, [f"reveal_type({each})" for each in expressions])
    assert [] == [each for each in said if each[0] == "error"]
    types = {
        line: re.fullmatch(r'Type of ".*" is "(.*)"', text, re.DOTALL) for _, line, text in said
    }
    return [
        found[1] if (found := types.get(number)) else ""
        for number in range(1, len(expressions) + 1)
    ]


def test_every_public_name_has_a_type(tmp_path):
    """With all of its arguments: nothing is unknown to an editor."""
    found = dict(
        zip(NAMES, revealed(tmp_path, [f"fitprint.{name}" for name in NAMES]), strict=True)
    )
    assert {} == {name: text for name, text in found.items() if not text or "Unknown" in text}


def test_results_have_types(tmp_path):
    """So that an editor completes what one does with them."""
    assert TYPES == dict(zip(TYPES, revealed(tmp_path, list(TYPES)), strict=True))


def test_mistakes_are_seen_before_the_program_runs(tmp_path):
    """Each is an error where it is written."""
    said = judged(tmp_path, MISTAKES)
    assert [1, 2, 3, 4] == sorted({line for severity, line, _ in said if severity == "error"})
