"""The scikit-learn plugin of fitprint: every estimator's training is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl
from fitprint.settings import Setting


@hookimpl
def register_frameworks() -> Sequence[Any]:
    from fitprint_sklearn.framework import SklearnFramework

    return [SklearnFramework()]


@hookimpl
def register_flavors() -> Sequence[Any]:
    from fitprint_sklearn.flavor import SklearnFlavor

    return [SklearnFlavor()]


@hookimpl
def register_metrics() -> Mapping[str, Any]:
    from fitprint_sklearn.verdicts import METRICS

    return METRICS


@hookimpl
def register_settings() -> Sequence[Setting]:
    return [
        Setting(
            "sklearn.max_candidates",
            int,
            None,
            "Most candidates of a search that are recorded, the best; all by default.",
            least=0,
        )
    ]
