"""Run LightGBM's own tests, and the scripts of its guide, without and with autologging, and compare the outcomes one by one.

    python run.py CHECKOUT [--models] [--sample N [--offset K]] [--keep FOLDER] [--extra PYTEST-ARGUMENTS]

CHECKOUT is a working tree of LightGBM's repository at the installed version. Prints every difference, and what the recorded runs say
of failures of our own; exits with 1 if there is any.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[3] / "fitprint-sklearn" / "tests" / "transparency"
sys.path.insert(0, str(SHARED))

import run as shared  # noqa: E402 - the folder of the scikit-learn plugin's comparison

TESTS = ("test_engine.py", "test_callback.py", "test_sklearn.py", "test_basic.py", "test_utilities.py", "test_consistency.py")
SCRIPTS = ("simple_example.py", "sklearn_example.py", "advanced_example.py", "logistic_regression.py")

# Addresses, times, and what LightGBM chooses by measuring time.
_VARYING = re.compile(
    r"0x[0-9a-f]+|\d+\.\d+ ?s(econds)?\b|(?<='time': )[\d.e-]+|(?<=time: )[\d.e-]+"
    r"|^.*(Auto-choosing|`force_(col|row)_wise=true`).*\n",
    re.MULTILINE,
)
_RECORDED = """
import runpy, sys, warnings
import fitprint
fitprint.configure(home=sys.argv[1], models={models}, notice=False, context=False)
fitprint.autolog()
sys.argv = sys.argv[2:]
sys.path[0] = ""
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_tests(checkout: Path, folder: Path, options: argparse.Namespace, *, recorded: bool) -> dict[str, Any]:
    """Run the tests in their own folder and return their outcomes and the details of failures, by node id."""
    folder.mkdir(parents=True)
    outcomes = folder / "outcomes.json"
    environment = _environment() | {
        "PYTHONPATH": str(SHARED),
        "TRANSPARENCY_OUTCOMES": str(outcomes),
        "TRANSPARENCY_SAMPLE": f"{options.sample}/{options.offset}",
        "TRANSPARENCY_MODELS": str(int(options.models)),
    }
    if recorded:
        environment["TRANSPARENCY_HOME"] = str(folder / "home")
    command = [sys.executable, "-m", "pytest", "-p", "outcomes", "-p", "no:cacheprovider", "-p", "no:randomly", "-q", "--tb=short"]
    with (folder / "output.txt").open("w") as output:
        subprocess.run(
            [*command, *options.tests, *options.extra],
            cwd=checkout / "tests" / "python_package_test",
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if not outcomes.is_file():
        sys.exit(f"the tests did not end; see below\n{(folder / 'output.txt').read_text()[-4000:]}")
    content: dict[str, Any] = shared.json.loads(outcomes.read_text(encoding="utf-8"))
    return content


def run_script(script: Path, home: Path | None, *, models: bool) -> tuple[int, str, str]:
    """Return exit code and output of a script of the guide, without what differs from one run to the next."""
    command = [sys.executable, str(script)]
    if home is not None:
        command = [sys.executable, "-c", _RECORDED.format(models=models), str(home), str(script)]
    done = subprocess.run(command, cwd=script.parent, env=_environment(), capture_output=True, text=True, check=False)
    return done.returncode, _VARYING.sub("", done.stdout), _VARYING.sub("", done.stderr)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")}
    return kept | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}  # tests are made from sets


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--tests", nargs="+", default=list(TESTS))
    parser.add_argument("--models", action="store_true", help="record models, too")
    parser.add_argument("--sample", type=int, default=1, help="every n-th test only")
    parser.add_argument("--offset", type=int, default=0, help="which of the n samples")
    parser.add_argument("--keep", type=Path, help="folder for outputs; a temporary one by default")
    parser.add_argument("--extra", nargs=argparse.REMAINDER, default=[], help="what follows goes to pytest")
    options = parser.parse_args()
    checkout = options.checkout.resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        bare = run_tests(checkout, folder / "bare", options, recorded=False)
        print(f"bare: {len(bare['outcomes'])} tests", flush=True)
        recorded = run_tests(checkout, folder / "recorded", options, recorded=True)
        print(f"recorded: {len(recorded['outcomes'])} tests", flush=True)
        differences = shared.compare(bare, recorded)
        for name in SCRIPTS:
            script = checkout / "examples" / "python-guide" / name
            before, after = run_script(script, None, models=False), run_script(script, folder / "guide", models=options.models)
            print(f"{name}: exit codes {before[0]} and {after[0]}, output {'the same' if before == after else 'DIFFERS'}")
            differences += before != after
            if before != after:
                print(*before[1:], "-- recorded:", *after[1:], sep="\n")
        failed = 0
        for home in (folder / "recorded" / "home", folder / "guide"):
            count, statuses, reasons = shared.own_failures(home)
            print(f"runs recorded: {count} {dict(statuses)}")
            for reason, times in reasons.most_common(50):
                print(f"failed of ours ({times}x): {reason}")
            failed += sum(reasons.values())
        print(f"{differences} differences, {failed} failures of ours")
        return int(bool(differences or failed))


if __name__ == "__main__":
    sys.exit(main())
