"""Run Keras' own installed tests without and with autologging, and compare the outcomes one by one.

    python run.py [--models] [--tests FILE ...] [--sample N [--offset K]] [--keep FOLDER] [--extra PYTEST-ARGUMENTS]

Files are relative to ``keras/src``; the backend is that of ``KERAS_BACKEND``. Prints every difference, and what the recorded runs say of
failures of our own; exits with 1 if there is any.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[3] / "fitprint-sklearn" / "tests" / "transparency"
sys.path.insert(0, str(SHARED))

import run as shared  # noqa: E402 - the folder of the scikit-learn plugin's comparison

_CALLBACKS = (
    "backup_and_restore callback csv_logger early_stopping lambda_callback learning_rate_scheduler model_checkpoint monitor_callback "
    "reduce_lr_on_plateau swap_ema_weights tensorboard terminate_on_nan"
)
TESTS = (
    "trainers/trainer_test.py",
    "trainers/epoch_iterator_test.py",
    "trainers/compile_utils_test.py",
    *(f"callbacks/{name}_test.py" for name in _CALLBACKS.split()),
    "models/model_test.py",
    "models/sequential_test.py",
)


def run_tests(source: Path, folder: Path, options: argparse.Namespace, *, recorded: bool) -> dict[str, Any]:
    """Run the tests and return their outcomes and the details of failures, by node id."""
    folder.mkdir(parents=True)
    outcomes = folder / "outcomes.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")} | {
        "PYTHONPATH": str(SHARED),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TRANSPARENCY_OUTCOMES": str(outcomes),
        "TRANSPARENCY_SAMPLE": f"{options.sample}/{options.offset}",
        "TRANSPARENCY_MODELS": str(int(options.models)),
    }
    if recorded:
        environment["TRANSPARENCY_HOME"] = str(folder / "home")
    command = [sys.executable, "-m", "pytest", "-p", "outcomes", "-p", "no:cacheprovider", "-p", "no:randomly", "-q", "--tb=short"]
    command += ["-c", os.devnull, "--rootdir", str(source), "--import-mode=importlib", "--continue-on-collection-errors"]
    command += [*(str(source / name) for name in options.tests)]
    with (folder / "output.txt").open("w") as output:
        subprocess.run([*command, *options.extra], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
    if not outcomes.is_file():
        sys.exit(f"the tests did not end; see below\n{(folder / 'output.txt').read_text()[-4000:]}")
    content: dict[str, Any] = shared.json.loads(outcomes.read_text(encoding="utf-8"))
    return content


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", nargs="+", default=None)
    parser.add_argument("--models", action="store_true", help="record models, too")
    parser.add_argument("--sample", type=int, default=1, help="every n-th test only")
    parser.add_argument("--offset", type=int, default=0, help="which of the n samples")
    parser.add_argument("--keep", type=Path, help="folder for outputs; a temporary one by default")
    parser.add_argument("--extra", nargs=argparse.REMAINDER, default=[], help="what follows goes to pytest")
    options = parser.parse_args()
    found = find_spec("keras")
    if found is None or found.origin is None:
        sys.exit("Keras is not installed")
    source = Path(found.origin).parent / "src"
    options.tests = [name for name in options.tests or TESTS if (source / name).is_file()]
    if not options.tests:
        sys.exit("the installed Keras brings no tests")
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        bare = run_tests(source, folder / "bare", options, recorded=False)
        print(f"bare: {len(bare['outcomes'])} tests", flush=True)
        recorded = run_tests(source, folder / "recorded", options, recorded=True)
        print(f"recorded: {len(recorded['outcomes'])} tests", flush=True)
        differences = shared.compare(bare, recorded)
        count, statuses, reasons = shared.own_failures(folder / "recorded" / "home")
        print(f"runs recorded: {count} {dict(statuses)}")
        for reason, times in reasons.most_common(50):
            print(f"failed of ours ({times}x): {reason}")
        print(f"{differences} differences, {sum(reasons.values())} failures of ours")
        return int(bool(differences or reasons))


if __name__ == "__main__":
    sys.exit(main())
