"""Everything that was recorded is there once, whatever failed meanwhile; `tox -e chaos` takes
minutes for it, this a moment.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "chaos/run.py"


@pytest.mark.together
def test_nothing_is_lost_and_nothing_doubled_where_all_fail():
    """Programs are killed and stopped, the database is restarted, the bucket is out of reach."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--seconds", "10", "--seed", "3"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    facts = re.search(r"(\d+) facts.*: 0 wrong", done.stdout)
    assert facts is not None
    assert int(facts[1]) > 100
