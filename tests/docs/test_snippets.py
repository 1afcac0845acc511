"""Every marked snippet of the documentation runs.

A page's snippets run in order, in one folder of their own. The comment ``<!-- run -->`` before a
``python`` block runs it (all blocks of a page share their names), before a ``sh`` block runs its
lines; ``<!-- file: NAME -->`` keeps a block as a file. Everything else is only shown. A page that
shows how to name a database and a bucket finds both: a PostgreSQL and an S3 server are started.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
]
BLOCK = re.compile(
    r"^<!-- (?P<what>run|file: (?P<name>[\w./-]+)) -->\n+```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# what needs a database and a bucket that several machines share
SHARED = {ROOT / "docs/tutorial/a-team.md"}
DRIVER = """
import json, subprocess, sys
names = {"__name__": "__main__"}
with open("steps.json", encoding="utf-8") as file:
    steps = json.load(file)
for number, (kind, text) in enumerate(steps, 1):
    if kind == "python":
        exec(compile(text, f"snippet {number}", "exec"), names)
    else:
        subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)
"""


FRAMEWORKS = re.compile(
    r"^\s*(?:from|import) (?:catboost|keras|lightgbm|mlflow|tensorflow|xgboost)\b", re.MULTILINE
)


def steps(page: Path) -> list[re.Match[str]]:
    """Return the marked blocks of a page."""
    return list(BLOCK.finditer(page.read_text(encoding="utf-8")))


@pytest.fixture
def servers():
    """Start a PostgreSQL and an S3 server; give the variables that lead to a database and a bucket
    of them, empty ones.
    """
    from fitprint_objectstore import server as s3
    from fitprint_postgres import server as postgresql

    database, buckets = postgresql.Server(fsync="off"), s3.Server()
    buckets.ask("runs", "PUT")
    yield {
        **buckets.environment,
        "FITPRINT_STORE": database.uri(),
        "FITPRINT_ARTIFACTS": "s3://runs/team",
    }
    buckets.stop()
    database.remove()


def pages():
    """Yield the pages with snippets; those that need another framework than scikit-learn run where
    all are installed.
    """
    for page in PAGES:
        found = steps(page)
        if found:
            needs_all = page in SHARED or any(FRAMEWORKS.search(block["text"]) for block in found)
            marks = [pytest.mark.together] if needs_all else []
            yield pytest.param(page, id=str(page.relative_to(ROOT)), marks=marks)


@pytest.mark.parametrize("page", list(pages()))
def test_snippets_run(page, tmp_path, request):
    """What a page shows works as shown."""
    program = []
    for block in steps(page):
        if block["name"]:
            path = tmp_path / block["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["text"], encoding="utf-8")
        else:
            assert block["language"] in ("python", "sh"), (
                f"a {block['language']} block cannot be run"
            )
            program.append((block["language"], block["text"]))
    (tmp_path / "steps.json").write_text(json.dumps(program), encoding="utf-8")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")
    }
    environment |= {
        "FITPRINT_EXIT_WAIT": "60",  # a machine may be busy
        "FITPRINT_HOME": str(tmp_path / ".fitprint"),
        # a server of MLflow would start seven more processes, which no page needs
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
    }
    if page in SHARED:
        environment |= request.getfixturevalue("servers")
    command = [sys.executable, "-W", "error", "-c", DRIVER]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]


def test_marks_are_well_formed():
    """A mark that no block follows would silently run nothing."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(re.findall(r"^<!-- (?:run|file:)", text, re.MULTILINE)) == len(steps(page)), page


def test_the_documentation_has_snippets_that_run():
    """The way into fitprint is executed: the README and the tutorial."""
    assert {"README.md", "first-runs.md"} <= {page.name for page in PAGES if steps(page)}
