"""Run XGBoost's own tests and demos without and with autologging, and compare the outcomes one by one.

    python run.py CHECKOUT [--models] [--demos] [--keep FOLDER] [TEST ...] [--extra PYTEST-ARGUMENTS]

CHECKOUT is a folder with XGBoost's sources of the version that is installed, of which ``tests/python`` and ``demo`` are used. Prints every
difference, and what the recorded runs say of failures of our own; exits with 1 if there is any.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TESTS = (
    "test_basic test_basic_models test_callback test_config test_data_iterator test_dmatrix test_early_stopping test_eval_metrics "
    "test_linear test_model_io test_multi_target test_pickling test_quantile_dmatrix test_ranking test_survival test_training_continuation "
    "test_with_pandas test_with_scipy test_with_sklearn"
).split()
# They need a cluster, a GPU, or data from elsewhere.
LEFT_OUT = {"cat_in_the_dat", "cover_type", "distributed_extmem_basic", "gpu_tree_shap", "spark_estimator_examples"}
KIT = Path(__file__).parents[3] / "fitprint-sklearn" / "tests" / "transparency"
START = """
import os, runpy, sys
if "TRANSPARENCY_HOME" in os.environ:
    import fitprint
    fitprint.configure(notice=False, context=False)
    fitprint.autolog()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_tests(checkout: Path, tests: list[str], folder: Path, environment: Mapping[str, str], extra: list[str]) -> dict[str, Any]:
    """Run the tests and return their outcomes and the details of failures, by node id."""
    outcomes = folder / "outcomes.json"
    environment = {**environment, "PYTHONPATH": str(KIT), "TRANSPARENCY_OUTCOMES": str(outcomes)}
    targets = [f"tests/python/{test}.py" for test in tests]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-c", os.devnull, "--rootdir", str(checkout)]
    command += ["-p", "outcomes", "-p", "no:cacheprovider", "-p", "no:randomly", *targets, *extra]
    with (folder / "output.txt").open("w") as output:
        subprocess.run(command, cwd=checkout, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
    if not outcomes.is_file():
        sys.exit(f"the tests did not end; see below\n{(folder / 'output.txt').read_text()[-4000:]}")
    content: dict[str, Any] = json.loads(outcomes.read_text(encoding="utf-8"))
    return content


def run_demos(checkout: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run the demos and return exit status and output of each; times and addresses are left out."""
    told = {}
    for path in sorted((checkout / "demo" / "guide-python").glob("*.py")):
        if path.stem in LEFT_OUT:
            continue
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-c", START, str(path)]
            done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=600, check=False)
        output = re.sub(r"0x[0-9a-f]+|[0-9.e-]+ ?(?:s|sec|seconds)\b|/tmp/\S+|\[\d\d:\d\d:\d\d\]", "…", done.stdout + done.stderr)
        told[path.stem] = [f"exit {done.returncode}", output]
    return {"outcomes": told, "details": {}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("tests", nargs="*", default=TESTS)
    parser.add_argument("--models", action="store_true", help="record models, too")
    parser.add_argument("--demos", action="store_true", help="run the demos instead of the tests")
    parser.add_argument("--keep", type=Path, help="folder for outputs; a temporary one by default")
    parser.add_argument("--extra", nargs=argparse.REMAINDER, default=[], help="what follows goes to pytest")
    options = parser.parse_args()
    kit = _kit()
    with tempfile.TemporaryDirectory() as temporary:
        results = {}
        for name in ("bare", "recorded"):
            folder = (options.keep or Path(temporary)) / name
            folder.mkdir(parents=True)
            environment = {key: value for key, value in os.environ.items() if not key.startswith("FITPRINT_")} | {"OMP_NUM_THREADS": "1"}
            if name == "recorded":
                models = str(int(options.models))
                environment |= {"TRANSPARENCY_HOME": str(folder / "home"), "TRANSPARENCY_MODELS": models}
                environment |= {"FITPRINT_HOME": str(folder / "home"), "FITPRINT_MODELS": models}
            started = time.monotonic()
            if options.demos:
                results[name] = run_demos(options.checkout.resolve(), environment)
            else:
                results[name] = run_tests(options.checkout.resolve(), options.tests, folder, environment, options.extra)
            print(f"{name}: {len(results[name]['outcomes'])} in {time.monotonic() - started:.0f} s", flush=True)
        differences = kit.compare(results["bare"], results["recorded"])
        count, statuses, failed = kit.own_failures(folder / "home")
        print(f"runs recorded: {count} {dict(statuses)}")
        for failure, times in failed.most_common(50):
            print(f"failed of ours ({times}x): {failure}")
        print(f"{differences} differences, {sum(failed.values())} failures of ours")
        return int(bool(differences or failed))


def _kit() -> Any:
    """Return the module with which scikit-learn's tests are compared."""
    spec = importlib.util.spec_from_file_location("kit", KIT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
