"""The XGBoost plugin of fitprint: every training is recorded, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_frameworks() -> Sequence[Any]:
    from fitprint_xgboost.framework import XGBoostFramework

    return [XGBoostFramework()]


@hookimpl
def register_flavors() -> Sequence[Any]:
    from fitprint_xgboost.flavor import XGBoostFlavor

    return [XGBoostFlavor()]
