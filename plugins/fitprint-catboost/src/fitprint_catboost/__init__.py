"""The CatBoost plugin of fitprint: every training is recorded, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl
from fitprint.settings import Setting


@hookimpl
def register_frameworks() -> Sequence[Any]:
    from fitprint_catboost.framework import CatBoostFramework

    return [CatBoostFramework()]


@hookimpl
def register_flavors() -> Sequence[Any]:
    from fitprint_catboost.flavor import CatBoostFlavor

    return [CatBoostFlavor()]


@hookimpl
def register_settings() -> Sequence[Setting]:
    return [
        Setting(
            "catboost.live",
            bool,
            False,
            "Write metrics during training; CatBoost's callbacks take time that grows with rounds "
            "squared.",
        )
    ]
