"""Run a framework's own tests and demos without and with autologging, and compare the outcomes one
by one.

    python tests/compat/run.py FRAMEWORK [--checkout FOLDER] [--models] [--demos] [--sample N
    [--offset K]] [--jobs N] [TEST ...]

FRAMEWORK is one of the suites below. XGBoost and LightGBM do not install their tests, nor
scikit-learn its gallery: FOLDER is a working tree of their repository, or an unpacked source
distribution, at the installed version. A TEST is named as the suite names its own. Prints every
difference, what the recorded runs say of failures of our own, and for demos the CPU time with and
without; exits with 1 if there is a difference or a failure, or if a test could not be collected.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_RECORDED = """
import os, random, runpy, sys
import numpy
random.seed(0)
numpy.random.seed(0)
if "TRANSPARENCY_HOME" in os.environ:
    import fitprint
    models = os.environ["TRANSPARENCY_MODELS"] == "1"
    fitprint.configure(home=os.environ["TRANSPARENCY_HOME"], models=models, notice=False, context=False)
    fitprint.autolog()
sys.argv = sys.argv[1:]
sys.path[0] = ""
runpy.run_path(sys.argv[0], run_name="__main__")
"""  # noqa: E501
# Addresses, times, places, and what LightGBM chooses by measuring time.
_VARYING = re.compile(
    r"0x[0-9a-f]+|\b[0-9.e-]+ ?(?:s|sec|seconds)\b|/tmp/\S+|\[\d\d:\d\d:\d\d\]"
    r"|(?<='time': )[\d.e-]+|(?<=time: )[\d.e-]+|(?<=Error in: )[\d.e-]+"
    r"|^.*(?:Auto-choosing|`force_(?:col|row)_wise=true`).*\n",
    re.MULTILINE,
)

# of a traceback that ends a demo: the call went through them
_OUR_FRAMES = re.compile(
    r'^  File "[^"\n]*/fitprint(?:_\w+)?/[^"\n]*", line .*\n(?:    .*\n)*', re.MULTILINE
)

# no tool can save what tests have put on their models
_UNSAVED = ("unittest.mock", "'generator' object")


@dataclass(frozen=True)
class Suite:
    """A framework's own tests.

    Attributes:
        tests: those that train, as pytest's arguments relative to ``folder``, or as packages.
        folder: where they lie, in the checkout, or in the installed package.
        package: the installed package that brings them, or "".
        as_package: whether they are named as packages (``--pyargs``).
        options: more arguments for pytest.
        environment: more variables.
        demos: a pattern for scripts in the checkout.
        not_here: names of demos that need a cluster, a GPU, or data from elsewhere.
        downloads: what the text of a demo says that needs data from elsewhere.
    """

    tests: Sequence[str]
    folder: str = "."
    package: str = ""
    as_package: bool = False
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    demos: str = ""
    not_here: frozenset[str] = frozenset()
    downloads: str = r"\Z.\A"


SUITES = {
    "sklearn": Suite(
        [
            "sklearn.linear_model",
            "sklearn.tests.test_pipeline",
            "sklearn.model_selection",
            "sklearn.ensemble",
            "sklearn.tests.test_common",
        ],
        package="sklearn",
        folder="..",
        as_package=True,
        demos="examples/**/plot_*.py",
        downloads=r"\bfetch_|read_csv\(|urlopen|urlretrieve",
    ),
    "imblearn": Suite(
        [
            f"imblearn.{part}"
            for part in (
                "combine ensemble metrics model_selection over_sampling pipeline tests "
                "under_sampling utils"
            ).split()
        ],
        package="imblearn",
        folder="..",
        as_package=True,
    ),
    "keras": Suite(
        [
            *(
                f"trainers/{name}_test.py"
                for name in ("trainer", "epoch_iterator", "compile_utils")
            ),
            *(
                f"callbacks/{name}_test.py"
                for name in (
                    "backup_and_restore callback csv_logger early_stopping "
                    "lambda_callback learning_rate_scheduler model_checkpoint "
                    "monitor_callback reduce_lr_on_plateau swap_ema_weights tensorboard "
                    "terminate_on_nan"
                ).split()
            ),
            "models/model_test.py",
            "models/sequential_test.py",
        ],
        package="keras",
        folder="src",
        options=["--import-mode=importlib"],
        environment={"TF_CPP_MIN_LOG_LEVEL": "3"},
    ),
    "xgboost": Suite(
        [
            f"test_{name}.py"
            for name in (
                "basic basic_models callback config data_iterator dmatrix early_stopping "
                "eval_metrics linear model_io multi_target pickling quantile_dmatrix "
                "ranking survival training_continuation with_pandas with_scipy "
                "with_sklearn"
            ).split()
        ],
        folder="tests/python",
        demos="demo/guide-python/*.py",
        not_here=frozenset(
            {
                "cat_in_the_dat",
                "cover_type",
                "distributed_extmem_basic",
                "gpu_tree_shap",
                "spark_estimator_examples",
            }
        ),
    ),
    "lightgbm": Suite(
        [
            f"test_{name}.py"
            for name in ("engine", "callback", "sklearn", "basic", "utilities", "consistency")
        ],
        folder="tests/python_package_test",
        demos="examples/python-guide/*.py",
        not_here=frozenset({"plot_example"}),
    ),
}


def run_tests(
    suite: Suite,
    root: Path,
    folder: Path,
    environment: Mapping[str, str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Run the tests and return their outcomes and the details of failures, by node id."""
    outcomes = folder / "outcomes.json"
    environment = {**environment, "PYTHONPATH": str(HERE), "TRANSPARENCY_OUTCOMES": str(outcomes)}
    environment["TRANSPARENCY_SAMPLE"] = f"{options.sample}/{options.offset}"
    place = (root / suite.folder).resolve()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "outcomes",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-q",
        "--tb=short",
    ]
    command += [
        "-c",
        os.devnull,
        "--rootdir",
        str(place),
        "--continue-on-collection-errors",
        *suite.options,
    ]
    command += ["-n", str(options.jobs)] * (options.jobs > 1)
    tests = options.tests or suite.tests
    command += ["--pyargs", *tests] if suite.as_package else [str(place / test) for test in tests]
    with (folder / "output.txt").open("w") as output:
        cwd = folder if suite.package else place
        subprocess.run(
            command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if not outcomes.is_file():
        sys.exit(f"the tests did not end; see below\n{(folder / 'output.txt').read_text()[-4000:]}")
    content: dict[str, Any] = json.loads(outcomes.read_text(encoding="utf-8"))
    return content


def run_demos(
    suite: Suite,
    root: Path,
    folder: Path,
    environment: Mapping[str, str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Run the demos; return exit status and output of each, without what differs from one run to
    the next, and its CPU seconds.
    """
    told, seconds = {}, {}
    near = [
        path
        for path in sorted(root.glob(suite.demos))
        if not re.search(suite.downloads, path.read_text(encoding="utf-8"))
    ]
    for path in near[options.offset :: options.sample]:
        if path.stem in suite.not_here or (options.tests and path.name not in options.tests):
            continue
        command = [sys.executable, "-c", _RECORDED, str(path)]
        before = _cpu_of_children()
        with tempfile.TemporaryDirectory() as place:
            try:
                done = subprocess.run(
                    command,
                    cwd=place,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=900,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                told[path.name] = ["did not end in 900 s"]
                continue
        seconds[path.name] = _cpu_of_children() - before
        told[path.name] = [
            f"exit {done.returncode}",
            _VARYING.sub("", done.stdout),
            _VARYING.sub("", _OUR_FRAMES.sub("", done.stderr)),
        ]
    return {"outcomes": told, "details": {}, "seconds": seconds}


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tell_seconds(bare: Mapping[str, float], recorded: Mapping[str, float]) -> None:
    """Print what recording cost the demos that ended by themselves: in all, the median one, and the
    dearest five.
    """
    both = sorted(bare.keys() & recorded.keys(), key=lambda name: recorded[name] - bare[name])
    if not both:
        return
    before, after = sum(bare[name] for name in both), sum(recorded[name] for name in both)
    median = statistics.median(recorded[name] - bare[name] for name in both)
    print(
        f"CPU seconds of {len(both)} demos: bare {before:.1f}, recorded {after:.1f} "
        f"({after / before:.2f} x); the median {median:+.2f}"
    )
    for name in reversed(both[-5:]):
        print(f"    {name}: bare {bare[name]:.2f}, recorded {recorded[name]:.2f}")


def own_failures(home: Path) -> tuple[Counter[str], Counter[str]]:
    """Return the statuses of the runs that were recorded, and what failed of ours in them."""
    from fitprint.journal.delivery import deliver
    from fitprint.query.grammar import parse
    from fitprint.stores.memory import MemoryStore

    store = MemoryStore()
    deliver(home / "journal", store)
    runs = store.search_runs(parse(""), limit=1_000_000).runs
    failed: Counter[str] = Counter()
    for run in runs:
        for part, reason in run.documents.get("capture", {}).get("failed", {}).items():
            if part == "model" and any(thing in reason for thing in _UNSAVED):
                continue
            failed[f"{run.tags.get('estimator_name', run.name)}: {part}: {reason[:300]}"] += 1
    return Counter(run.status for run in runs), failed


def compare(bare: Mapping[str, Any], recorded: Mapping[str, Any]) -> int:
    """Print every test whose outcome differs, and return how many there are."""
    differences = 0
    for node in sorted(bare["outcomes"].keys() | recorded["outcomes"].keys()):
        before, after = bare["outcomes"].get(node), recorded["outcomes"].get(node)
        if before != after:
            differences += 1
            print(f"DIFFERS {node}\n    bare: {before}\n    recorded: {after}")
            print(
                "    "
                + (recorded["details"].get(node) or bare["details"].get(node, "")).replace(
                    "\n", "\n    "
                )
            )
    return differences


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("framework", choices=SUITES)
    parser.add_argument("tests", nargs="*", help="only these")
    parser.add_argument("--checkout", type=Path, help="working tree of the framework's repository")
    parser.add_argument("--demos", action="store_true", help="the demos instead of the tests")
    parser.add_argument("--models", action="store_true", help="record models, too")
    parser.add_argument("--sample", type=int, default=1, help="every n-th test or demo only")
    parser.add_argument("--offset", type=int, default=0, help="which of the n samples")
    parser.add_argument("--jobs", type=int, default=1, help="processes (pytest-xdist)")
    parser.add_argument("--keep", type=Path, help="folder for outputs; a temporary one by default")
    options = parser.parse_intermixed_args()
    suite = SUITES[options.framework]
    root = _root_of(suite, options.checkout, parser.error)
    run: Callable[..., dict[str, Any]] = run_demos if options.demos else run_tests
    with tempfile.TemporaryDirectory() as temporary:
        results = {}
        for name in ("bare", "recorded"):
            folder = (options.keep or Path(temporary)).resolve() / name
            folder.mkdir(parents=True)
            environment = {
                key: value for key, value in os.environ.items() if not key.startswith("FITPRINT_")
            }
            environment |= {**suite.environment, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
            environment["PYTHONHASHSEED"] = "0"  # some tests are made from sets
            environment["TRANSPARENCY_MODELS"] = str(int(options.models))
            if name == "recorded":
                environment["TRANSPARENCY_HOME"] = str(folder / "home")
            started = time.monotonic()
            results[name] = run(suite, root, folder, environment, options)
            print(
                f"{name}: {len(results[name]['outcomes'])} in {time.monotonic() - started:.0f} s",
                flush=True,
            )
        differences = compare(results["bare"], results["recorded"])
        tell_seconds(results["bare"].get("seconds", {}), results["recorded"].get("seconds", {}))
        statuses, failed = own_failures(folder / "home")
    uncollected = [
        node
        for node, outcome in results["bare"]["outcomes"].items()
        if outcome == ["collect:failed"]
    ]
    for node in uncollected:
        print(f"NOT COLLECTED {node}\n    {results['bare']['details'][node]}")
    print(f"runs recorded: {statuses.total()} {dict(statuses)}")
    if not statuses:
        print("nothing was recorded: no test trains, or the plugin is not installed")
    for reason, times in failed.most_common(50):
        print(f"failed of ours ({times}x): {reason}")
    print(
        f"{differences} differences, {failed.total()} failures of ours, {len(uncollected)} files "
        "not collected"
    )
    return int(bool(differences or failed or uncollected or not statuses))


def _root_of(suite: Suite, checkout: Path | None, complain: Callable[[str], Any]) -> Path:
    if checkout is not None:
        return checkout.resolve()
    found = find_spec(suite.package) if suite.package else None
    if found is None or found.origin is None:
        complain(
            f"{suite.package} is not installed"
            if suite.package
            else "its tests are not installed with it: name a --checkout"
        )
        raise AssertionError
    return Path(found.origin).parent


if __name__ == "__main__":
    sys.exit(main())
