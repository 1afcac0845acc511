"""The observers by name, each loading its module at the first call: the targets are listed before LightGBM is imported."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit

__all__ = ["observe_nested_train", "observe_train"]

Observation = Generator[None, Any, None]


def observe_train(fit: Fit) -> Observation:
    from fitprint_lightgbm import training

    return training.observe_train(fit)


def observe_nested_train(fit: Fit) -> Observation:
    from fitprint_lightgbm import training

    return training.observe_nested_train(fit)
