"""Measure fitprint against its limits and against MLflow, in one run, and print the table.

Run with ``tox -e bench``, or ``python tests/bench/run.py [CASE ...]`` in an environment with
fitprint, fitprint-sklearn, scikit-learn and MLflow. The exit status is 1 if a figure misses what it
must reach.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

HERE = Path(__file__).parent
REPEATS = {"switch_on": 7}

Figures = dict[str, float]


@dataclass(frozen=True)
class Row:
    """A line of the table: what, from which case, our figure, its bounds, and the peer's figure."""

    what: str
    case: str
    ours: Callable[[Figures], float]
    must: float
    aim: float | None
    unit: str
    theirs: Callable[[Figures], float] | None = None
    script: str = "cases.py"


POSTGRES = (
    ("PostgreSQL, one long metric, one client", "long_metrics", "narrow_us", 0.67, 0.2, "µs"),
    (
        "PostgreSQL, 1000 live runs x 100 keys, one client, a delivery",
        "live_runs",
        "together_us",
        5,
        2,
        "µs",
    ),
    (
        "PostgreSQL, the same, a transaction for each run",
        "live_runs",
        "alone_us",
        5,
        2,
        "µs",
    ),
    ("PostgreSQL, bytes a point, float32 origin", "long_metrics", "narrow_bytes", 5, 4.1, "B"),
    ("PostgreSQL, bytes a point, float64", "long_metrics", "wide_bytes", 8.5, 7.3, "B"),
    ("PostgreSQL, 1 000 000 points: down-sample to 1000", "one_history", "view_ms", 20, 8, "ms"),
    ("PostgreSQL, 1 000 000 points: read all", "one_history", "whole_ms", 60, 40, "ms"),
    (
        "PostgreSQL, 200 000 runs: first page by a metric, in SQL",
        "many_runs",
        "page_ms",
        2,
        0.3,
        "ms",
    ),
    (
        "PostgreSQL, the same with a filter of 0.01 %, in SQL",
        "many_runs",
        "filtered_ms",
        10,
        3,
        "ms",
    ),
)
REGISTRY: tuple[tuple[str, str, float, float], ...] = (
    ("100 000 model versions: list, first in a process", "first_list", 20, 5),
    ("100 000 model versions: list", "list", 5, 2),
    ("100 000 model versions: search by a tag", "tag", 5, 2),
    ("100 000 model versions: alias", "alias", 5, 2),
    ("register a version, above the store's own commit", "register", 3, 1),
    ("move an alias, above the store's own commit", "move", 3, 1),
)
FLOWS = (
    ("importing fitprint_flow above the core, CPU", "import", 30, 15),
    ("a flow of 20 steps with nothing to do, imports included, CPU", "nothing", 150, 80),
    ("a chain of 1000 steps planned, CPU", "plan", 1000, 500),
    ("a step in line, added CPU", "inline", 5, 2),
    ("a step in a process of its own, by the clock", "process", 150, 80),
)
SERVING = (
    ("serve: one row in JSON, asked alone, CPU", "one", 0.5, 0.3, "ms"),
    ("serve: the same, of MLflow's CPU", "share", 0.125, 0.067, ""),
    ("serve: one row in JSON, answered together, CPU", "together", 0.25, 0.17, "ms"),
    ("serve: 1000 x 10 rows in JSON, CPU", "many", 2.5, 1.9, "ms"),
    ("serve: start to first answer above the framework, CPU", "start", 0.5, 0.3, "s"),
)
ROWS = (
    Row(
        "import fitprint above bare Python, CPU",
        "import_alone",
        lambda f: f["ours"] - f["bare"],
        60,
        30,
        "ms",
        lambda f: f["theirs"] - f["bare"],
    ),
    Row(
        "import + autolog(), scikit-learn imported, CPU",
        "switch_on",
        lambda f: f["ours"],
        150,
        100,
        "ms",
        lambda f: f["theirs"],
    ),
    Row(
        "fitprint run above the bare script, warm, CPU",
        "run_project",
        lambda f: f["ours"] - f["bare"],
        400,
        200,
        "ms",
    ),
    Row(
        "log_metric, p50, SIGKILL-safe",
        "log_metric",
        lambda f: f["p50_us"],
        4,
        2,
        "µs",
        lambda f: f["p50_us"],
    ),
    Row(
        "log_metric / os.write of the same bytes",
        "log_metric",
        lambda f: f["p50_us"] / f["write_us"],
        4,
        None,
        "x",
    ),
    Row("acknowledged points lost over 50 SIGKILLs", "kills", lambda f: f["lost"], 0, None, ""),
    Row("killed runs not KILLED afterwards", "kills", lambda f: f["wrong_status"], 0, None, ""),
    Row(
        "LogisticRegression on digits, all but the model, added CPU",
        "fit_without_model",
        lambda f: f["added"],
        10,
        2,
        "ms",
        lambda f: f["added"],
    ),
    Row(
        "the same with the model, less serialization",
        "fit_with_model",
        lambda f: f["added"] - f["serialization"],
        25,
        8,
        "ms",
        lambda f: f["added"],
    ),
    *(
        row
        for name, library in (("XGBoost", "xgboost"), ("LightGBM", "lightgbm"))
        for row in (
            Row(
                f"{name}, 200 rounds, 2 eval sets, all but the model, added CPU",
                f"{library}_without_model",
                lambda f: f["added"],
                12,
                3,
                "ms",
                lambda f: f["added"],
            ),
            Row(
                "the same with the model, less serialization",
                f"{library}_with_model",
                lambda f: f["added"] - f["serialization"],
                32,
                11,
                "ms",
                lambda f: f["added"],
            ),
        )
    ),
    Row(
        "Keras, 20 epochs on 5000 rows, all but the model, added wall",
        "keras_epochs",
        lambda f: 100 * f["added"] / f["bare"],
        2,
        0.5,
        "%",
        lambda f: 100 * f["added"] / f["bare"],
    ),
    Row(
        "log a 100 MB model: above the framework's own save",
        "large_model",
        lambda f: 100 * (f["log"] / f["save"] - 1),
        15,
        5,
        "%",
    ),
    Row(
        "load it: above the framework's own load",
        "large_model",
        lambda f: 100 * (f["load_model"] / f["load"] - 1),
        15,
        5,
        "%",
    ),
    Row(
        "predict one row of 10 numbers, CPU",
        "predictions",
        itemgetter("one"),
        0.35,
        0.25,
        "ms",
        script="predictions.py",
    ),
    Row(
        "the same / scikit-learn's own predict of an array",
        "predictions",
        lambda f: f["one"] / f["own_one"],
        2,
        1.3,
        "x",
        script="predictions.py",
    ),
    Row(
        "predict 1000 such rows / its own predict and np.array of the rows",
        "predictions",
        lambda f: f["many"] / (f["own_many"] + f["made_many"]),
        3,
        2,
        "x",
        script="predictions.py",
    ),
    Row(
        "sparse matrix of 2000 x 3000: added memory",
        "sparse_data",
        lambda f: f["added_mib"],
        2,
        None,
        "MiB",
    ),
    Row(
        "1000 fits: growth of memory above bare",
        "thousand_fits",
        lambda f: f["mib"] - max(0.0, f["bare_mib"]),
        8,
        None,
        "MiB",
    ),
    Row("1000 fits: growth of open files", "thousand_fits", lambda f: f["files"], 1, None, ""),
    Row("1000 fits: growth of threads", "thousand_fits", lambda f: f["threads"], 1, None, ""),
    Row(
        "GridSearchCV 20 candidates x 5 folds, added CPU",
        "grid_search",
        lambda f: f["added"],
        60,
        20,
        "ms",
    ),
    Row(
        "10 000 runs: first 100 by a metric, two filters",
        "search",
        lambda f: f["search_ms"],
        50,
        20,
        "ms",
        lambda f: f["search_ms"],
    ),
    Row(
        "1 000 000 points: deliver",
        "million_points",
        lambda f: f["deliver_s"],
        2,
        0.5,
        "s",
        lambda f: f["deliver_s"],
    ),
    Row(
        "1 000 000 points: read all",
        "million_points",
        lambda f: f["read_s"],
        0.2,
        0.1,
        "s",
        lambda f: f["read_s"],
    ),
    Row(
        "1 000 000 points: down-sample to 1000",
        "million_points",
        lambda f: f["sample_s"],
        0.2,
        0.1,
        "s",
    ),
    Row(
        "100 000 metrics of one point: deliver, CPU",
        "many_metrics",
        lambda f: f["deliver_s"],
        6,
        4,
        "s",
    ),
    Row(
        "tree digest of 400 MB, all read",
        "tree_digest",
        lambda f: f["cold_s"],
        1,
        0.4,
        "s",
        script="trees.py",
    ),
    Row(
        "tree digest of 50 000 files that have not changed",
        "tree_digest",
        lambda f: f["warm_s"],
        1,
        0.5,
        "s",
        script="trees.py",
    ),
    Row(
        "bytes a point on disk",
        "million_points",
        lambda f: f["bytes_a_point"],
        30,
        10,
        "B",
        lambda f: f["bytes_a_point"],
    ),
    Row("32 processes x 2000 points: errors", "writers", lambda f: f["errors"], 0, None, ""),
    Row("32 processes x 2000 points: lost", "writers", lambda f: f["lost"], 0, None, ""),
    Row("fitprint ls with 10 000 runs, CPU", "search", lambda f: f["ls_cpu"], 250, 150, "ms"),
    Row(
        "fitprint compare of 50 runs, CPU", "differing", lambda f: f["compare_cpu"], 300, 150, "ms"
    ),
    Row(
        "fitprint diff of two commits with patches, CPU",
        "differing",
        lambda f: f["diff_cpu"],
        300,
        150,
        "ms",
    ),
    *(
        Row(what, case, itemgetter(figure), must, aim, unit, script="postgres.py")
        for what, case, figure, must, aim, unit in POSTGRES
    ),
    *(
        Row(what, "versions", itemgetter(figure), must, aim, "ms", script="registry.py")
        for what, figure, must, aim in REGISTRY
    ),
    *(
        Row(what, "mlflow_import", itemgetter(figure), 8, 3, "s", script="imports.py")
        for what, figure in (
            ("import of 1000 runs, 200 000 points, 50 versions of MLflow", "first"),
            ("the same again", "again"),
        )
    ),
    *(
        Row(what, "flow_costs", itemgetter(figure), must, aim, "ms", script="flows.py")
        for what, figure, must, aim in FLOWS
    ),
    *(
        Row(what, "serving", itemgetter(figure), must, aim, unit, script="serving.py")
        for what, figure, must, aim, unit in SERVING
    ),
    Row(
        "200 files of 1 MiB into S3, CPU above a bare parallel put",
        "uploads",
        lambda f: f["more"],
        25,
        10,
        "%",
        script="buckets.py",
    ),
)


def measure(script: str, case: str) -> Figures:
    """Run a case in a process of its own, and return its figures (medians over repeats)."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("FITPRINT_")
    }
    found: list[Figures] = []
    for _ in range(REPEATS.get(case, 1)):
        done = subprocess.run(
            [sys.executable, str(HERE / script), case],
            check=True,
            env=environment,
            stdout=subprocess.PIPE,
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: statistics.median(figures[name] for figures in found) for name in found[0]}


def _has_postgres() -> bool:
    if importlib.util.find_spec("fitprint_postgres") is None:
        return False
    from fitprint_postgres.server import programs

    return programs() is not None


def main(chosen: list[str]) -> int:
    rows = [row for row in ROWS if not chosen or row.case in chosen]
    if not _has_postgres():
        print("PostgreSQL is not here: rows about it are left out")
        rows = [row for row in rows if row.script != "postgres.py"]
    if importlib.util.find_spec("fitprint_objectstore") is None:
        print("fitprint-objectstore is not here: rows about buckets are left out")
        rows = [row for row in rows if row.script != "buckets.py"]
    peer = importlib.util.find_spec("mlflow") is not None
    if not peer or importlib.util.find_spec("fitprint_mlflow") is None:
        print("MLflow or fitprint-mlflow is not here: rows about imports are left out")
        rows = [row for row in rows if row.script != "imports.py"]
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}, load "
        f"{os.getloadavg()[0]:.1f}"
    )
    if not peer:
        print("MLflow is not installed here: its column stays empty")
    print(f"{'what':62} {'must':>8} {'aim':>7} {'fitprint':>10} {'MLflow':>10} {'ratio':>8}")
    ours: dict[str, Figures] = {}
    theirs: dict[str, Figures] = {}
    missed = 0
    for row in rows:
        if row.case not in ours:
            ours[row.case] = measure(row.script, row.case)
        figure = row.ours(ours[row.case])
        told = ratio = ""
        if peer and row.theirs is not None:
            if row.case not in theirs:
                theirs[row.case] = measure("peer.py", row.case)
            other = row.theirs(theirs[row.case])
            told, ratio = f"{other:,.3g}", f"{other / figure:,.0f}x" if figure > 0 else "noise"
        verdict = "" if figure <= row.must else "  MISSED"
        missed += figure > row.must
        aim = "" if row.aim is None else f"{row.aim:g}"
        print(
            f"{row.what:62} {row.must:>8g} {aim:>7} {figure:>10.3g} {told:>10} {ratio:>8} "
            f"{row.unit}{verdict}",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
