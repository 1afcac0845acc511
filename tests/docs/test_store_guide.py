"""The guide for stores: what its example promises beyond what the conformance kit checks."""

from __future__ import annotations

import re
import shutil
import types
from pathlib import Path

import pytest

from fitprint.errors import StoreError
from fitprint.events import Batch, TagsSet
from fitprint.ids import new_id

pytest.importorskip("fcntl", reason="the example locks files as POSIX does")

GUIDE = (Path(__file__).parents[2] / "docs/plugins/store.md").read_text(encoding="utf-8")
FILE = re.compile(
    r"^<!-- file: fitprint-lines/src/fitprint_lines/store.py -->\n+```python\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture
def lines(tmp_path):
    """The store of the guide, open, and its file."""
    module = types.ModuleType("lines")
    exec(compile(FILE.search(GUIDE)[1], "store.md", "exec"), vars(module))
    file = tmp_path / "runs.jsonl"
    store = module.LinesStore(f"lines://{file}")
    yield store, file
    store.close()


def batch(start):
    return Batch("journal", start, start + 100, [TagsSet(new_id(), 1, {"start": str(start)})], {})


def test_an_older_copy_that_is_written_over_the_open_file_is_noticed(lines):
    """The position is that of the copy, so that the journal is delivered again from there; and what
    is delivered is kept.
    """
    store, file = lines
    store.append(batch(0))
    older = file.with_name("older")
    shutil.copyfile(file, older)
    store.append(batch(100))
    shutil.copyfile(older, file)
    assert store.position("journal") == 100
    with pytest.raises(StoreError, match="up to 100, not up to 200"):
        store.append(batch(200))
    store.append(batch(100))
    assert store.position("journal") == 200
