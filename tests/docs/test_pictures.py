"""Pictures of what commands print are what the commands print now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "pictures"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return the folder with the pictures, drawn now."""
    folder = tmp_path_factory.mktemp("pictures")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")
    } | {"TZ": "UTC"}
    command = [sys.executable, "-W", "error", str(ROOT / "docs" / "pictures.py"), str(folder)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert (0, "") == (done.returncode, done.stderr)
    return folder


def test_pictures_show_what_the_program_prints(drawn):
    """`python docs/pictures.py` draws them anew, after a change of what is printed."""
    assert [path.name for path in sorted(KEPT.iterdir())] == [
        path.name for path in sorted(drawn.iterdir())
    ]
    for path in drawn.iterdir():
        assert path.read_text(encoding="utf-8") == (KEPT / path.name).read_text(encoding="utf-8"), (
            f"run {sys.executable} docs/pictures.py"
        )


@pytest.mark.parametrize("path", sorted(KEPT.iterdir()), ids=lambda path: path.name)
def test_a_picture_is_small_and_sound(path):
    """It is one drawing of text that asks for nothing, and a page shows it."""
    text = path.read_text(encoding="utf-8")
    assert len(text) < 40_000
    assert {"svg", "title", "rect", "g", "text"} == {
        element.tag.rpartition("}")[2] for element in ET.fromstring(text).iter()
    }
    assert "href" not in text
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert any(f"pictures/{path.name}" in page.read_text(encoding="utf-8") for page in pages)
