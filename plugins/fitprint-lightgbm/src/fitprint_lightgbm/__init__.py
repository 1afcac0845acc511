"""The LightGBM plugin of fitprint: every training is recorded, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_frameworks() -> Sequence[Any]:
    from fitprint_lightgbm.framework import LightGBMFramework

    return [LightGBMFramework()]


@hookimpl
def register_flavors() -> Sequence[Any]:
    from fitprint_lightgbm.flavor import LightGBMFlavor

    return [LightGBMFlavor()]
