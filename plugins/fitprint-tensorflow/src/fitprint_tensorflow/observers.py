"""The observers by name, each loading its module at the first call: the targets are listed before that."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit

__all__ = ["observe_batch", "observe_evaluation", "observe_fit", "observe_nested_fit", "observe_prediction", "observe_scalar"]

Observation = Generator[None, Any, None]


def observe_fit(fit: Fit) -> Observation:
    from fitprint_tensorflow import training

    return training.observe_fit(fit)


def observe_nested_fit(fit: Fit) -> Observation:
    from fitprint_tensorflow import training

    return training.observe_nested_fit(fit)


def observe_batch(fit: Fit) -> Observation:
    from fitprint_tensorflow import batches

    return batches.observe_batch(fit)


def observe_evaluation(fit: Fit) -> Observation:
    from fitprint_tensorflow import evaluation

    return evaluation.observe_evaluation(fit)


def observe_prediction(fit: Fit) -> Observation:
    from fitprint_tensorflow import evaluation

    return evaluation.observe_prediction(fit)


def observe_scalar(fit: Fit) -> Observation:
    from fitprint_tensorflow import scalars

    return scalars.observe_scalar(fit)
