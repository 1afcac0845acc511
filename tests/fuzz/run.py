"""Feed hostile models to a program that loads them and predicts, and count how often it dies:
never, or this exits with status 1.

    python tests/fuzz/run.py pickles --count 100000 --seconds 600
    python tests/fuzz/run.py xgboost catboost lightgbm keras skops --count 2000

The same seed gives the same models. Each format has one program that lives as long as it can; one
that died, or that is silent for a minute, is started again behind the model that did it, which is
kept.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

KINDS = ("pickles", "xgboost", "catboost", "lightgbm", "keras", "skops", "savedmodel")
SILENCE = 300  # seconds for one model, a trial's limit among them
DEBUGGED = {
    "PYTHONMALLOC": "debug",
    "MALLOC_PERTURB_": "165",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", default=KINDS[:-1], choices=KINDS, metavar="KIND")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seconds",
        type=float,
        default=1800.0,
        help="after which no further models are tried, for each kind",
    )
    parser.add_argument("--keep", type=Path, help="folder for the models that did it")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker is not None:
        work(given.kinds[0], given.seed, given.worker, given.count, given.keep)
        return 0
    return max([run(kind, given) for kind in given.kinds], default=0)


def run(kind: str, given: argparse.Namespace) -> int:
    """Feed the models of one kind; return 1 if a program died."""
    begun, next_one = time.monotonic(), 0
    told, deaths = Counter(), []
    with tempfile.TemporaryDirectory(prefix="fitprint-fuzz-") as state:
        while next_one < given.count and (left := given.seconds - (time.monotonic() - begun)) > 0:
            last, how = _work(kind, next_one, given, state, left, told)
            if how is not None:
                deaths.append((last, how))
            next_one = last + 1
            if how is None and last + 1 < given.count:
                break  # out of time
    print(
        f"{kind}: {next_one} models in {time.monotonic() - begun:.0f} s; {dict(told)}; deaths: "
        f"{deaths or 'none'}",
        flush=True,
    )
    return 1 if deaths else 0


def _work(kind, start, given, state, seconds, told):
    """Return the last model that a program was fed, and how it died; None if it did not."""
    command = [
        sys.executable,
        __file__,
        kind,
        "--seed",
        str(given.seed),
        "--count",
        str(given.count),
        "--worker",
        str(start),
    ]
    if given.keep is not None:
        command += ["--keep", str(given.keep)]
    environment = {
        **os.environ,
        **(DEBUGGED if kind in {"pickles", "skops"} else {}),
        "XDG_STATE_HOME": state,
        "FITPRINT_HOME": f"{state}/home",
    }
    last, end = start - 1, time.monotonic() + seconds
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
        start_new_session=True,
    ) as program:
        try:
            for line in program.stdout:
                number, _, how = line.strip().partition(" ")
                if how:
                    told[how] += 1
                else:
                    last = int(number)
                if time.monotonic() > end:
                    return last, None
            code = program.wait(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
    if code == 0:
        return given.count - 1, None
    return last, signal.Signals(-code).name if code < 0 else f"status {code}"


def work(kind, seed, start, count, keep):
    """Be the program: load each model, read all of it and predict."""
    warnings.simplefilter("ignore")
    faulthandler.enable()
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # a model may ask for much, but not take the machine with it
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
    with tempfile.TemporaryDirectory(prefix="fitprint-fuzz-") as folder:
        attempt = (
            _pickles(seed, Path(folder)) if kind == "pickles" else _files(kind, seed, Path(folder))
        )
        for number in range(start, count):
            channel.write(f"{number}\n")
            signal.alarm(SILENCE)
            data, how = attempt(number, keep)
            channel.write(f"{number} {how}\n")
            del data
    signal.alarm(0)


def _pickles(seed, folder):
    from grammar import Grammar
    from models import pickled

    from fitprint.errors import FitprintError
    from fitprint.models import pickles
    from fitprint.models.trust import Trust
    from fitprint_sklearn import trust
    from fitprint_sklearn.flavor import SklearnFlavor

    seeds = pickled()
    names = sorted(
        {
            (module, name)
            for table in (pickles._HARMLESS, trust._TYPES)
            for module, found in table.items()
            for name in found
        }
    )
    names += [
        ("sklearn.tree._classes", "DecisionTreeClassifier"),
        ("sklearn.neighbors._classification", "KNeighborsClassifier"),
    ]
    names += [
        ("sklearn.svm._classes", "SVC"),
        ("sklearn.cluster._kmeans", "KMeans"),
        ("sklearn.ensemble._gb", "GradientBoostingClassifier"),
    ]

    def attempt(number, keep):
        data = Grammar(f"{seed}-{number}", seeds, names).pickle()
        if keep is not None:
            keep.write_bytes(data)
        try:
            (folder / "model.pkl").write_bytes(data)
            model = SklearnFlavor().load(folder, {"pickled_model": "model.pkl"}, Trust())
        except FitprintError as error:
            return data, type(error).__name__
        except Exception as error:  # noqa: BLE001 - it is counted
            return data, f"raw {type(error).__name__}"
        use(model)
        return data, "loaded"

    return attempt


def _files(kind, seed, folder):
    from models import mutated, native, rezipped

    from fitprint.errors import FitprintError
    from fitprint.models.loading import load_directory

    found, flavors = native(kind, folder)
    whole = {file: file.read_bytes() for _, file in found}
    trusted = ["tensorflow.saved_model.load"] if kind == "savedmodel" else []

    def attempt(number, keep):
        draw = random.Random(f"{seed}-{number}")
        directory, file = found[number % len(found)]
        change = rezipped if kind in {"keras", "skops"} and draw.random() < 0.8 else mutated
        data = change(whole[file], draw)
        file.write_bytes(data)
        if keep is not None:
            keep.write_bytes(data)
        try:
            model = load_directory(directory, flavors, trusted)
        except FitprintError as error:
            return data, "died elsewhere" if "that tried it first" in str(error) else type(
                error
            ).__name__
        except Exception as error:  # noqa: BLE001 - it is counted
            return data, f"raw {type(error).__name__}"
        finally:
            file.write_bytes(whole[file])
        use(model)
        if kind not in {"skops", "pickles"}:
            with contextlib.suppress(Exception):
                flavors[0].trial(directory, {})(model, None)
        return data, "loaded"

    return attempt


def use(model, depth=0):
    """Read all elements of what was loaded, and predict with what predicts;
    errors are no matter.
    """
    import numpy as np
    import scipy.sparse

    rows = [np.zeros((5, width)) for width in (1, 2, 3)] + [
        np.random.RandomState(0).normal(size=(20, 3)) * 1e3
    ]
    rows.append(scipy.sparse.csr_matrix(rows[-1]))
    with contextlib.redirect_stdout(io.StringIO()):
        for read in (repr, lambda found: list(found)[:1000], lambda found: hash(found)):
            with contextlib.suppress(Exception):
                read(model)
        for name in (
            "random_raw",
            "random",
            "normal",
            "rand",
            "tolist",
            "toarray",
            "sum",
            "transpose",
        ):
            with contextlib.suppress(Exception):
                repr(getattr(model, name)())
        for name in (
            "predict",
            "predict_proba",
            "decision_function",
            "transform",
            "score_samples",
            "kneighbors",
            "apply",
            "decision_path",
            "dot",
            "query",
        ):
            for given in rows:
                with contextlib.suppress(Exception):
                    getattr(model, name)(given)
        if type(model) in {list, tuple, set, frozenset, dict} and depth < 3:
            for part in list(model.values() if type(model) is dict else model)[:50]:
                use(part, depth + 1)


if __name__ == "__main__":
    sys.exit(main())
