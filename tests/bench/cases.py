"""What is measured of fitprint: each function runs in a process of its own and returns figures by
name.

CPU is user and system time of the process in milliseconds unless a name says otherwise.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trainings

Figures = dict[str, float]


def import_alone() -> Figures:
    """CPU of a whole process that imports fitprint, and of one that does nothing."""
    bare, ours = [], []
    for _ in range(15):
        bare.append(_cpu_of_process("pass"))
        ours.append(_cpu_of_process("import fitprint"))
    return {"bare": statistics.median(bare), "ours": statistics.median(ours)}


def run_project() -> Figures:
    """CPU of ``fitprint run`` of a project of one line, its command included, and of the command
    alone; byte code is there, as after the first run.
    """
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "t.py").write_text("print(1)\n", encoding="utf-8")
        (project / "MLproject").write_text(
            "entry_points: {main: {parameters: {x: {type: float, default: 1}}, "
            "command: 'python t.py {x}'}}",
            encoding="utf-8",
        )
        variables = {
            **{key: each for key, each in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
            "FITPRINT_HOME": str(project / "home"),
            "PYTHONPYCACHEPREFIX": str(project / "bytes"),
        }
        alone = [sys.executable, str(project / "t.py"), "1"]
        through = [sys.executable, "-m", "fitprint", "run", folder]
        for _ in range(10):
            bare.append(_cpu_of_command(alone, variables))
            ours.append(_cpu_of_command(through, variables))
    return {"bare": statistics.median(bare[1:]), "ours": statistics.median(ours[1:])}


def _cpu_of_command(command: list[str], variables: dict[str, str]) -> float:
    """Return the CPU milliseconds of a command and of what it starts."""
    before = os.times()
    subprocess.run(command, env=variables, check=True, capture_output=True)
    after = os.times()
    return 1000 * (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


def switch_on() -> Figures:
    """CPU of importing fitprint and switching on, in a process that has imported scikit-learn."""
    before = time.process_time()
    import fitprint

    fitprint.autolog()
    return {"ours": (time.process_time() - before) * 1000}


def log_metric() -> Figures:
    """Microseconds of one acknowledged point: median and 99th percentile; the same bytes by
    ``os.write`` alone.
    """
    import fitprint

    with tempfile.TemporaryDirectory() as home:
        fitprint.configure(home=home, context=False)
        raw = os.open(Path(home) / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        data = b"x" * 49
        with fitprint.start_run():
            ours, bare = [], []
            log, clock, write = fitprint.log_metric, time.perf_counter_ns, os.write
            for _ in range(40):
                for _ in range(1000):
                    before = clock()
                    log("loss", 0.5)
                    ours.append(clock() - before)
                for _ in range(1000):
                    before = clock()
                    write(raw, data)
                    bare.append(clock() - before)
    empty = []
    for _ in range(10_000):
        before = clock()
        empty.append(clock() - before)
    base = statistics.median(empty)
    return {
        "p50_us": (statistics.median(ours) - base) / 1000,
        "p99_us": (statistics.quantiles(ours, n=100)[-1] - base) / 1000,
        "write_us": (statistics.median(bare) - base) / 1000,
    }


_VICTIM = """
import os, sys, fitprint
fitprint.configure(home=sys.argv[1], context=False, notice=False)
run = fitprint.start_run()
print(run.id, flush=True)
i = 0
while True:
    run.log_metric("loss", float(i))
    os.write(1, b"%d\\n" % i)
    i += 1
"""


def kills() -> Figures:
    """Acknowledged points that are missing after SIGKILL in a tight loop, over 50 kills, and runs
    not KILLED.
    """
    import fitprint

    lost = acknowledged = wrong_status = not_killed = 0
    with tempfile.TemporaryDirectory() as home:
        fitprint.configure(home=home, context=False, notice=False)
        for turn in range(50):
            victim = subprocess.Popen([sys.executable, "-c", _VICTIM, home], stdout=subprocess.PIPE)
            assert victim.stdout is not None
            run_id = victim.stdout.readline().decode().strip()
            for _ in range(50 + 37 * turn):
                victim.stdout.readline()
            victim.kill()
            told = victim.stdout.read().split(b"\n")
            not_killed += victim.wait() != -signal.SIGKILL
            last = max((int(line) for line in told[:-1] if line), default=49 + 37 * turn)
            run = fitprint.get_run(run_id)
            values = list(run.history("loss").value)
            acknowledged += last + 1
            lost += sum(
                1 for index in range(last + 1) if index >= len(values) or values[index] != index
            )
            wrong_status += run.status != "KILLED"
    assert not_killed == 0
    return {"acknowledged": acknowledged, "lost": lost, "wrong_status": wrong_status}


def _added(
    train: Callable[[], Any],
    repeat: int,
    *,
    clock: Callable[[], float] = time.process_time,
    **settings: Any,
) -> Figures:
    """What recording adds to a training: medians of interleaved bare and recorded ones."""
    import fitprint

    with tempfile.TemporaryDirectory() as home:
        fitprint.configure(home=home, notice=False, **settings)
        bare, ours = [], []
        # Switched on throughout: putting patches in and out makes the interpreter drop what it has
        # cached of the classes.
        with fitprint.autolog():
            train()
            time.sleep(1.5)  # the environment is collected once per process, in the background
            for _ in range(repeat + 3):
                before = clock()
                with fitprint.off():
                    train()
                bare.append(clock() - before)
                before = clock()
                train()
                ours.append(clock() - before)
        recorded = fitprint.search_runs()
        assert len(recorded) == repeat + 4, recorded
        assert not any(run.capture.get("failed") for run in recorded), [
            run.capture for run in recorded
        ]
        fitprint.configure(home=None)
    pairs = sorted(b - a for a, b in zip(bare[3:], ours[3:], strict=True))
    return {"bare": statistics.median(bare[3:]) * 1000, "added": statistics.median(pairs) * 1000}


def _cost(action: Callable[[], Any]) -> float:
    """Median CPU of an action in milliseconds."""
    costs = []
    for _ in range(20):
        before = time.process_time()
        action()
        costs.append(time.process_time() - before)
    return statistics.median(costs) * 1000


def fit_without_model() -> Figures:
    """LogisticRegression on digits, all but the model."""
    return _one_thread(lambda: _added(trainings.logistic(), 40, models=False))


def fit_with_model() -> Figures:
    """LogisticRegression on digits with the model; serialization by skops alone beside it."""
    import skops.io

    train = trainings.logistic()
    figures = _one_thread(lambda: _added(train, 40))
    model = train()
    return {**figures, "serialization": _cost(lambda: skops.io.dumps(model))}


def xgboost_without_model() -> Figures:
    """200 rounds of XGBoost with two evaluation sets, all but the model."""
    return _added(trainings.xgboost(), 20, models=False)


def xgboost_with_model() -> Figures:
    """The same with the model; serialization by XGBoost alone beside it."""
    train = trainings.xgboost()
    figures = _added(train, 20)
    model = train()
    return {**figures, "serialization": _cost(lambda: model.save_raw("ubj"))}


def lightgbm_without_model() -> Figures:
    """200 rounds of LightGBM with two evaluation sets, all but the model."""
    return _added(trainings.lightgbm(), 20, models=False)


def lightgbm_with_model() -> Figures:
    """The same with the model; serialization by LightGBM alone beside it."""
    train = trainings.lightgbm()
    figures = _added(train, 20)
    model = train()
    return {**figures, "serialization": _cost(model.model_to_string)}


def keras_epochs() -> Figures:
    """A perceptron of Keras, 20 epochs, all but the model: wall time."""
    return _added(trainings.keras(), 10, clock=time.perf_counter, models=False)


def sparse_data() -> Figures:
    """How much more memory a process needs at its peak that records a training on a sparse matrix,
    once it has recorded a small one.
    """
    peaks: dict[str, list[float]] = {"fitprint.off()": [], "fitprint.autolog()": []}
    for _ in range(5):
        for state, found in peaks.items():
            code = f"""
import fitprint, trainings
from fitprint.platform.processes import own_peak, usage
small, train = trainings.sparse(rows=20), trainings.sparse()
fitprint.autolog(models=False, notice=False)
small()
with {state}:
    train()
    train()
print(own_peak(usage()) / 2**20)
"""
            with tempfile.TemporaryDirectory() as home:
                environment = {
                    **os.environ,
                    "FITPRINT_HOME": home,
                    "PYTHONPATH": str(Path(__file__).parent),
                }
                done = subprocess.run(
                    [sys.executable, "-c", code],
                    check=True,
                    env=environment,
                    stdout=subprocess.PIPE,
                )
            found.append(float(done.stdout.split()[-1]))
    bare, ours = (statistics.median(found) for found in peaks.values())
    return {"bare_mib": bare, "added_mib": ours - bare}


def large_model() -> Figures:
    """Logging and loading a model of 100 MB, and the framework's own writing and reading: wall
    time.

    Whoever comes second finds the memory and the disk busy: in every other turn ours comes first,
    and both orders count the same.
    """
    import fitprint

    model, save, load = trainings.large()
    figures: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in ("save", "log", "load", "load_model")
    }

    with tempfile.TemporaryDirectory() as home:
        fitprint.configure(home=home, notice=False)
        for turn in range(14):
            path = f"{home}/model{turn}.skops"
            model.leaf_size = 30 + turn  # or its bytes would be known, and not written again
            with fitprint.start_run() as run:
                actions: dict[str, Callable[[], Any]] = {
                    "save": lambda path=path: save(path),
                    "log": lambda run=run: run.log_model(model, "model"),
                    "load": lambda path=path: load(path),
                    "load_model": lambda run=run: fitprint.load_model(f"runs:/{run.id}/model"),
                }
                order = (
                    ("save", "log", "load", "load_model")
                    if turn % 2
                    else ("log", "save", "load_model", "load")
                )
                for name in order:
                    before = time.perf_counter()
                    actions[name]()
                    figures[name][turn % 2].append(time.perf_counter() - before)
        fitprint.configure(home=None)
    return {
        name: statistics.mean(statistics.median(found[1:]) for found in orders)
        for name, orders in figures.items()
    }


def grid_search() -> Figures:
    """GridSearchCV, 20 candidates x 5 folds, models off."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV
    from sklearn.tree import DecisionTreeClassifier

    grid = {"max_depth": [1, 2, 3, 4], "min_samples_leaf": [1, 5, 10, 20, 40]}
    X, y = load_digits(return_X_y=True)

    def train() -> Any:
        return GridSearchCV(DecisionTreeClassifier(random_state=0), grid, cv=5).fit(X / 16, y)

    return _one_thread(lambda: _added(train, 5, models=False))


def _one_thread(measure: Callable[[], Figures]) -> Figures:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # spinning BLAS threads would drown the difference
        return measure()


def thousand_fits() -> Figures:
    """Growth of memory, open files and threads over 1000 recorded fits, after 200 to warm up; and
    of the same fits bare.
    """
    from sklearn.datasets import load_iris

    import fitprint

    train = trainings.logistic(load_iris)

    def grow(fits: int) -> tuple[float, int, int]:
        for _ in range(fits):
            train()
        gc.collect()
        status = dict(
            line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
        )
        return (
            int(status["VmRSS"].split()[0]) / 1024,
            len(list(Path("/proc/self/fd").iterdir())),
            int(status["Threads"]),
        )

    with tempfile.TemporaryDirectory() as home:
        grow(200)
        first, second = grow(0), grow(1000)
        fitprint.configure(home=home, notice=False)
        fitprint.autolog()
        start, end = grow(200), grow(1000)
    return {
        "bare_mib": second[0] - first[0],
        "mib": end[0] - start[0],
        "files": end[1] - start[1],
        "threads": end[2] - start[2],
    }


def fill(home: str, runs: int) -> None:
    """Record ``runs`` runs with 50 params and 20 metrics each."""
    import fitprint
    from fitprint.recording.opening import open_run

    fitprint.configure(home=home, context=False, notice=False)
    for number in range(runs):
        run = open_run(name=f"run-{number}")
        params: dict[str, Any] = {
            f"p{index}": (number * (index + 7)) % 1000 / 10 for index in range(40)
        }
        params |= {f"s{index}": f"value-{(number + index) % 17}" for index in range(10)}
        run.log_params(params)
        run.log_metrics(
            {
                f"m{index}": (number * 7919 + index * 104729) % 100_003 / 100_003
                for index in range(20)
            }
        )
        run.end()
    fitprint.search_runs(max_results=1)


def search() -> Figures:
    """Milliseconds (wall) of the first 100 of 10 000 runs by a metric, with a metric and a
    numeric-param filter; CPU of ``fitprint ls``.
    """
    import fitprint

    with tempfile.TemporaryDirectory() as home:
        fill(home, 10_000)
        costs = []
        for _ in range(15):
            before = time.perf_counter()
            found = fitprint.search_runs(
                None, "metrics.m1 > 0.25 and params.p3 >= 30", ["metrics.m0 DESC"], 100
            )
            costs.append(time.perf_counter() - before)
        assert len(found) == 100
        environment = {**os.environ, "FITPRINT_HOME": home}
        listing = [_cpu_of_process("", ["-m", "fitprint", "ls"], environment) for _ in range(7)]
        return {"search_ms": statistics.median(costs) * 1000, "ls_cpu": statistics.median(listing)}


def differing() -> Figures:
    """CPU of ``fitprint compare`` of 50 runs, and of ``fitprint diff`` of two with a commit and a
    patch each, git's included.
    """
    import fitprint

    with tempfile.TemporaryDirectory() as folder:
        fill(str(Path(folder, "home")), 50)
        commits, patches = _commits(Path(folder))
        for number, run in enumerate(fitprint.search_runs()):
            git = {"commit": commits[number % 2], "patch": {"exact": True}}
            packages = {f"package-{index}": f"1.{index}" for index in range(400)} | {
                "numpy": f"2.{number % 4}"
            }
            run.log_dict(
                {"git": git, "packages": {"installed": packages, "imported": ["numpy"]}},
                "environment.json",
            )
            run.log_text(patches[number % 2], "code/uncommitted.patch")
        ids = [run.id for run in fitprint.search_runs(max_results=2)]
        environment = {**os.environ, "FITPRINT_HOME": str(Path(folder, "home"))}
        commands = {"compare_cpu": ["compare", "-q", ""], "diff_cpu": ["diff", *ids]}
        costs = {name: [] for name in commands}
        os.chdir(folder)
        for _ in range(7):
            for name, words in commands.items():
                costs[name].append(_cpu_of_process("", ["-m", "fitprint", *words], environment))
        os.chdir("/")
        return {name: statistics.median(found) for name, found in costs.items()}


def _commits(folder: Path) -> tuple[list[str], list[str]]:
    """Make two commits of 500 files that differ in ten, and return their names and a patch for
    each.
    """

    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words]
        return subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    (folder / ".git" / "info" / "exclude").write_text("home\n", encoding="utf-8")
    commits, patches = [], []
    for version in range(2):
        for number in range(500):
            lines = [f"line {line} of {number}" for line in range(200)]
            lines[100] = f"version {version if number < 10 else 0}"
            (folder / f"module_{number}.py").write_text("\n".join(lines), encoding="utf-8")
        git("add", ".")
        git("commit", "-q", "-m", "a version")
        commits.append(git("rev-parse", "HEAD").strip())
        (folder / "module_0.py").write_text(f"changed {version}\n", encoding="utf-8")
        patches.append(git("diff", "HEAD"))
    return commits, patches


def million_points() -> Figures:
    """Seconds to deliver, read and down-sample a metric of 1 000 000 points, and bytes a point on
    disk.
    """
    import random

    import fitprint
    from fitprint.recording.workspace import current

    draw = random.Random(7)
    with tempfile.TemporaryDirectory() as home:
        fitprint.configure(home=home, context=False, notice=False)
        run = fitprint.start_run()
        for step in range(1_000_000):
            run.log_metric("loss", 1 / (1 + step / 1000) + draw.random() * 0.01)
        run.end()
        current().writer.close()
        before = time.perf_counter()
        current().sync()
        deliver = time.perf_counter() - before
        reads, samples = [], []
        for _ in range(5):
            before = time.perf_counter()
            history = run.history("loss")
            array("d", history.value), array("q", history.step), array("q", history.timestamp)
            reads.append(time.perf_counter() - before)
            before = time.perf_counter()
            sampled = run.history("loss", max_points=1000)
            samples.append(time.perf_counter() - before)
        assert len(history) == 1_000_000
        assert 500 <= len(sampled) <= 1000
        current().close()
        size = sum(file.stat().st_size for file in Path(home).rglob("*") if file.is_file())
        return {
            "deliver_s": deliver,
            "read_s": statistics.median(reads),
            "sample_s": statistics.median(samples),
            "bytes_a_point": size / 1e6,
        }


def many_metrics() -> Figures:
    """Seconds of CPU to deliver a run with 100 000 metrics of one point, and bytes a metric on
    disk.
    """
    import fitprint
    from fitprint.recording.workspace import current

    with tempfile.TemporaryDirectory() as home:
        fitprint.configure(home=home, context=False, notice=False)
        run = fitprint.start_run()
        for start in range(0, 100_000, 1000):
            run.log_metrics(
                {f"metric/{number:06}": number / 7 for number in range(start, start + 1000)}, step=1
            )
        run.end()
        current().writer.close()
        before = time.process_time()
        current().sync()
        deliver = time.process_time() - before
        assert len(run.history("metric/000007")) == 1
        current().close()
        size = sum(file.stat().st_size for file in Path(home).rglob("*") if file.is_file())
        return {"deliver_s": deliver, "bytes_a_metric": size / 1e5}


_WRITER = """
import sys, fitprint
fitprint.configure(home=sys.argv[1], context=False, notice=False)
with fitprint.start_run(sys.argv[2]) as run:
    for i in range(2000):
        run.log_metric("loss", float(i))
        if i % 500 == 0:
            fitprint.search_runs(max_results=1)
"""


def writers() -> Figures:
    """32 processes x 2000 points into one store at once, each reading now and then: errors, and
    points lost.
    """
    import fitprint

    with tempfile.TemporaryDirectory() as home:
        fitprint.configure(home=home, context=False, notice=False)
        before = time.perf_counter()
        processes = [
            subprocess.Popen([sys.executable, "-c", _WRITER, home, f"w{index}"])
            for index in range(32)
        ]
        errors = sum(process.wait() != 0 for process in processes)
        elapsed = time.perf_counter() - before
        runs = fitprint.search_runs()
        lost = 32 * 2000 - sum(len(run.history("loss")) for run in runs)
        return {
            "errors": errors,
            "lost": lost,
            "finished": sum(run.status == "FINISHED" for run in runs),
            "seconds": elapsed,
        }


def _cpu_of_process(
    code: str, arguments: list[str] | None = None, environment: dict[str, str] | None = None
) -> float:
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *(arguments or ["-c", code])],
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000


if __name__ == "__main__":
    if sys.argv[1] == "switch_on":
        import sklearn.ensemble
        import sklearn.linear_model
        import sklearn.model_selection
        import sklearn.pipeline  # noqa: F401 - the point is that it is loaded
    print(json.dumps(globals()[sys.argv[1]]()))
