"""The conformance classes of fitprint's own stores, carriers and flavors."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from fitprint.carriers import environment, joblib, multiprocessing
from fitprint.models.pickle_flavor import PickleFlavor
from fitprint.testing.artifacts import ArtifactStoreConformance
from fitprint.testing.carriers import CarrierConformance
from fitprint.testing.checks import NotApplicable
from fitprint.testing.flavors import FlavorConformance, ModelCase
from fitprint.testing.stores.conformance import StoreConformance

__all__ = [
    "EnvironmentConformance",
    "FolderArtifactsConformance",
    "JoblibConformance",
    "MemoryArtifactsConformance",
    "MemoryStoreConformance",
    "MultiprocessingConformance",
    "PickleFlavorConformance",
    "SqliteStoreConformance",
]


class MemoryStoreConformance(StoreConformance):
    """The reference store."""

    uri = "memory://{folder}"
    across_processes = False


class SqliteStoreConformance(StoreConformance):
    """The default store."""

    uri = "sqlite:///{folder}/fitprint.db"


class FolderArtifactsConformance(ArtifactStoreConformance):
    """Artifacts in a folder."""

    uri = "file://{folder}/bytes"


class MemoryArtifactsConformance(ArtifactStoreConformance):
    """Artifacts in memory."""

    uri = "memory://{folder}"
    across_processes = False


class JoblibConformance(CarrierConformance):
    """Worker processes of joblib."""

    carrier = joblib.CARRIER
    library = "joblib"

    def send(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            parallel: Any = importlib.import_module("joblib")
        except ImportError:
            raise NotApplicable("joblib is not installed") from None
        return parallel.Parallel(n_jobs=2, backend="loky")(
            [parallel.delayed(function)(*arguments)]
        )[0]


class MultiprocessingConformance(CarrierConformance):
    """Processes that are spawned."""

    carrier = multiprocessing.CARRIER
    library = "multiprocessing"

    def send(self, function: Callable[..., Any], *arguments: Any) -> Any:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(function, *arguments).result()


_CHILD = """
import pickle, sys
try:
    function, arguments = pickle.load(sys.stdin.buffer)
    answer = function(*arguments), None
except Exception as error:
    answer = None, error
sys.stdout.buffer.write(pickle.dumps(answer))
"""


class EnvironmentConformance(CarrierConformance):
    """Child processes that are given the variables of a run."""

    carrier = environment.CARRIER
    library = "subprocess"
    takes_settings = False
    takes_observation = False

    def send(self, function: Callable[..., Any], *arguments: Any) -> Any:
        from fitprint.recording.context import current_run

        run = current_run()
        variables = {
            **os.environ,
            "FITPRINT_NOTICE": "false",
            **({} if run is None else run.environ()),
        }
        variables["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))
        work = pickle.dumps((function, arguments))
        done = subprocess.run(
            [sys.executable, "-c", _CHILD],
            input=work,
            env=variables,
            capture_output=True,
            check=True,
        )
        result, error = pickle.loads(done.stdout)  # noqa: S301 - of the child
        if error is not None:
            raise error
        return result


class Line:
    """A model of nobody's framework."""

    def __init__(self, slope: float, extra: Any = None) -> None:
        self.slope = slope
        self.extra = extra

    def predict(self, values: list[float]) -> list[float]:
        return [self.slope * value for value in values]


def _predict(model: Line) -> list[float]:
    return model.predict([1.0, 2.5])


def _line() -> Line:
    return Line(0.5)


def _values() -> dict[str, Any]:
    return {
        "weights": [0.1 + 0.2, float("inf"), None],
        "classes": ("a", b"b"),
        "nested": {"deep": {1, 2}},
    }


def _holding(thing: Any) -> Line:
    return Line(0.5, thing)


class PickleFlavorConformance(FlavorConformance):
    """The flavor of last resort."""

    flavor = PickleFlavor()
    cases = (
        ModelCase("object", _line, _predict, holding=_holding, safe=False),
        ModelCase("values", _values, safe=False),
    )
