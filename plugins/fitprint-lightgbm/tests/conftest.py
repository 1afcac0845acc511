"""Runs are recorded into a place of each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fitprint
from fitprint.testing.capture import CapturedRuns, captured_runs
from fitprint.testing.fixtures import runs

__all__ = ["runs"]


@pytest.fixture
def tracked() -> Iterator[CapturedRuns]:
    """Autologging is on, models are not recorded, and nothing that goes wrong is hidden."""
    with captured_runs(models=False) as captured:
        fitprint.autolog()
        yield captured


@pytest.fixture
def data() -> Callable[..., tuple[Any, Any]]:
    """Give training data and held-out data of LightGBM."""
    import lightgbm
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)

    def datasets(**options: Any) -> tuple[Any, Any]:
        train = lightgbm.Dataset(X[:400], y[:400], **options)
        return train, lightgbm.Dataset(X[400:], y[400:], reference=train, **options)

    return datasets


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let LightGBM before 4.2 use what NumPy 1.25 deprecates, and tell where it takes the number of
    rounds from.
    """
    for told in (
        "np.find_common_type is deprecated:DeprecationWarning",
        "Found `num_iterations` in params:UserWarning",
    ):
        item.add_marker(pytest.mark.filterwarnings(f"ignore:{told}"))
