"""The observers by name, each loading its module, and with it numpy, at the first call: the targets are listed before that."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit

__all__ = [
    "observe_cluster_train",
    "observe_cv",
    "observe_evaluation",
    "observe_fit",
    "observe_nested_train",
    "observe_prediction",
    "observe_train",
]

Observation = Generator[None, Any, None]


def observe_train(fit: Fit) -> Observation:
    from fitprint_xgboost import training

    return training.observe_train(fit)


def observe_cluster_train(fit: Fit) -> Observation:
    from fitprint_xgboost import clusters

    return clusters.observe_cluster_train(fit)


def observe_nested_train(fit: Fit) -> Observation:
    from fitprint_xgboost import training

    return training.observe_nested_train(fit)


def observe_cv(fit: Fit) -> Observation:
    from fitprint_xgboost import validation

    return validation.observe_cv(fit)


def observe_fit(fit: Fit) -> Observation:
    from fitprint_xgboost import estimators

    return estimators.observe_fit(fit)


def observe_evaluation(fit: Fit) -> Observation:
    from fitprint_xgboost import loops

    return loops.observe_evaluation(fit)


def observe_prediction(fit: Fit) -> Observation:
    from fitprint_xgboost import loops

    return loops.observe_prediction(fit)
