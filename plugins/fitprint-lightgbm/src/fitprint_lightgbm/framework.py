"""LightGBM's targets: which calls train, and which add to a booster's run later."""

from __future__ import annotations

from collections.abc import Sequence

from fitprint.autologging.framework import Function, Target
from fitprint_lightgbm import observers

__all__ = ["LightGBMFramework"]


class LightGBMFramework:
    """LightGBM: ``train``, ``cv``, the scikit-learn wrappers, and loops of ``Booster.update``."""

    name = "lightgbm"
    distribution = "lightgbm"
    within = ("sklearn",)

    def targets(self) -> Sequence[Target]:
        return [
            Function("lightgbm.engine:train", observers.observe_train, nested=observers.observe_nested_train),
        ]
