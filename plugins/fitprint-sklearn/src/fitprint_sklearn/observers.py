"""The observers by name, each loading its module, and with it numpy, at the first call: the targets are listed before that."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit

__all__ = [
    "observe_fit",
    "observe_function",
    "observe_inspection",
    "observe_metric",
    "observe_partial_fit",
    "observe_prediction",
    "observe_score",
    "observe_validation",
]

Observation = Generator[None, Any, None]


def observe_fit(fit: Fit) -> Observation:
    from fitprint_sklearn import estimators

    return estimators.observe_fit(fit)


def observe_function(fit: Fit) -> Observation:
    from fitprint_sklearn import functions

    return functions.observe_function(fit)


def observe_partial_fit(fit: Fit) -> Observation:
    from fitprint_sklearn import sequences

    return sequences.observe_partial_fit(fit)


def observe_validation(fit: Fit) -> Observation:
    from fitprint_sklearn import validation

    return validation.observe_validation(fit)


def observe_prediction(fit: Fit) -> Observation:
    from fitprint_sklearn import scoring

    return scoring.observe_prediction(fit)


def observe_score(fit: Fit) -> Observation:
    from fitprint_sklearn import scoring

    return scoring.observe_score(fit)


def observe_metric(fit: Fit) -> Observation:
    from fitprint_sklearn import scoring

    return scoring.observe_metric(fit)


def observe_inspection(fit: Fit) -> Observation:
    from fitprint_sklearn import scoring

    return scoring.observe_inspection(fit)
