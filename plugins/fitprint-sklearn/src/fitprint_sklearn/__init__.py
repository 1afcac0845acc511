"""The scikit-learn plugin of fitprint: every estimator's training is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_frameworks() -> Sequence[Any]:
    from fitprint_sklearn.framework import SklearnFramework

    return [SklearnFramework()]


@hookimpl
def register_flavors() -> Sequence[Any]:
    from fitprint_sklearn.flavor import SklearnFlavor

    return [SklearnFlavor()]
