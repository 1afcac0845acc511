"""Run scikit-learn's own installed tests without and with autologging, and compare the outcomes test by test.

    python run.py [--models] [--sample N [--offset K]] [--jobs N] [--keep FOLDER] [TARGET ...] [--extra PYTEST-ARGUMENTS]

Targets are what ``pytest --pyargs`` takes, such as ``sklearn.linear_model``. Prints every difference, and what the recorded runs say of
failures of our own; exits with 1 if there is any.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

TARGETS = ("sklearn.linear_model", "sklearn.pipeline", "sklearn.model_selection", "sklearn.ensemble", "sklearn.tests.test_common")
_ALONE = {"sklearn.pipeline": "sklearn.tests.test_pipeline"}  # its tests lie elsewhere
HERE = Path(__file__).parent


def run_tests(
    targets: list[str], folder: Path, *, recorded: bool, models: bool, sample: str, jobs: int, extra: list[str]
) -> dict[str, Any]:
    """Run the tests in a folder of their own and return their outcomes and the details of failures, by node id."""
    folder.mkdir(parents=True)
    outcomes = folder / "outcomes.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(HERE), environment.get("PYTHONPATH", "")]),
        "TRANSPARENCY_OUTCOMES": str(outcomes),
        "TRANSPARENCY_SAMPLE": sample,
        "TRANSPARENCY_MODELS": str(int(models)),
        "OMP_NUM_THREADS": "1",
    }
    if recorded:
        environment["TRANSPARENCY_HOME"] = str(folder / "home")
    command = [sys.executable, "-m", "pytest", "-p", "outcomes", "-p", "no:cacheprovider", "-p", "no:randomly", "-q", "--tb=short"]
    command += [
        "-c",
        os.devnull,
        "--rootdir",
        str(_site()),
        "--pyargs",
        *targets,
        "-n",
        str(jobs),
        *extra,
    ]
    with (folder / "output.txt").open("w") as output:
        subprocess.run(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
    if not outcomes.is_file():
        sys.exit(f"the tests did not end; see below\n{(folder / 'output.txt').read_text()[-4000:]}")
    content: dict[str, Any] = json.loads(outcomes.read_text(encoding="utf-8"))
    return content


def _site() -> Path:
    """Return the folder that holds scikit-learn, so that node ids say which package a test belongs to."""
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]


def own_failures(home: Path) -> tuple[int, Counter[str], Counter[str]]:
    """Return the number of runs recorded, by their statuses, and what failed of ours in them."""
    from fitprint.journal.delivery import deliver
    from fitprint.query.grammar import parse
    from fitprint.stores.memory import MemoryStore

    store = MemoryStore()
    deliver(home / "journal", store)
    runs, token = [], None
    while not runs or token is not None:
        page = store.search_runs(parse(""), limit=1000, token=token)
        if not page.runs:
            break
        runs += page.runs
        token = page.token
    failed: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for run in runs:
        statuses[run.status] += 1
        for part, reason in run.documents.get("capture", {}).get("failed", {}).items():
            if part == "model" and "unittest.mock" in reason:  # no tool can save the mock that a test has put on its model
                continue
            failed[f"{run.tags.get('estimator_name', run.name)}: {part}: {reason[:300]}"] += 1
    return len(runs), statuses, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    parser.add_argument("--models", action="store_true", help="record models, too")
    parser.add_argument("--sample", type=int, default=1, help="every n-th test only")
    parser.add_argument("--offset", type=int, default=0, help="which of the n samples")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for outputs; a temporary one by default")
    parser.add_argument("--extra", nargs=argparse.REMAINDER, default=[], help="what follows goes to pytest")
    options = parser.parse_args()
    targets = [_ALONE.get(target, target) for target in options.targets]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        results, seconds = {}, {}
        for name in ("bare", "recorded"):
            started = time.monotonic()
            results[name] = run_tests(
                targets,
                folder / name,
                recorded=name == "recorded",
                models=options.models,
                sample=f"{options.sample}/{options.offset}",
                jobs=options.jobs,
                extra=options.extra,
            )
            seconds[name] = time.monotonic() - started
            print(f"{name}: {len(results[name]['outcomes'])} tests in {seconds[name]:.0f} s", flush=True)
        differences = compare(results["bare"], results["recorded"])
        count, statuses, failed = own_failures(folder / "recorded" / "home")
        print(f"runs recorded: {count} {dict(statuses)}")
        for failure, times in failed.most_common(50):
            print(f"failed of ours ({times}x): {failure}")
        print(f"{differences} differences, {sum(failed.values())} failures of ours")
        return int(bool(differences or failed))


def compare(bare: dict[str, Any], recorded: dict[str, Any]) -> int:
    """Print every test whose outcome differs, and return how many there are."""
    differences = 0
    for node in sorted(bare["outcomes"].keys() | recorded["outcomes"].keys()):
        before, after = bare["outcomes"].get(node), recorded["outcomes"].get(node)
        if before != after:
            differences += 1
            print(f"DIFFERS {node}\n    bare: {before}\n    recorded: {after}")
            print("    " + (recorded["details"].get(node) or bare["details"].get(node, "")).replace("\n", "\n    "))
    return differences


if __name__ == "__main__":
    sys.exit(main())
