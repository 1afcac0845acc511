"""Runs are recorded into a place of each test's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.testing.capture import CapturedRuns, captured_runs
from fitprint.testing.fixtures import runs

__all__ = ["runs"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# it announces itself on standard error, with the time
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

_THEIRS = tuple(
    f"ignore::{name}:(keras|tensorflow|jax|torch|h5py)"
    for name in ("DeprecationWarning", "FutureWarning", "UserWarning")
)
# which a finite generator is meant to
_THEIRS += ("ignore:Your input ran out of data:UserWarning",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the frameworks warn of what their own code does; everything else stays an error."""
    for item in items:
        for warning in _THEIRS if Path(__file__).parent in item.path.parents else ():
            item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture
def tracked() -> Iterator[CapturedRuns]:
    """Autologging is on, models are not recorded, and nothing that goes wrong is hidden."""
    with captured_runs(models=False) as captured:
        fitprint.autolog()
        yield captured


@pytest.fixture(scope="session")
def data() -> tuple[Any, Any]:
    """Give scaled features and classes of 569 tumours."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return ((X - X.mean(0)) / X.std(0)).astype("float32"), y.astype("float32")


@pytest.fixture
def make() -> Callable[..., Any]:
    """Give what makes a small compiled network; run eagerly, since tracing takes longer than
    training.
    """
    import keras

    def model(*layers: Any, loss: Any = "binary_crossentropy", **options: Any) -> Any:
        keras.utils.set_random_seed(3)
        made = keras.Sequential(
            [keras.Input((30,)), *layers, keras.layers.Dense(1, "sigmoid", name="out")],
            name="network",
        )
        made.compile(
            **{
                "optimizer": "adam",
                "loss": loss,
                "metrics": ["accuracy"],
                "jit_compile": False,
                **options,
            }
        )
        return made

    return model
