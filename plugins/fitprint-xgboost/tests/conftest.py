"""Isolation, and data to train on."""

from __future__ import annotations

import pytest
import xgboost
from sklearn.datasets import load_breast_cancer

from fitprint.testing.fixtures import runs

__all__ = ["runs"]


@pytest.fixture
def split():
    """Training and test data with two classes: (X, y), (X, y)."""
    features, target = load_breast_cancer(return_X_y=True)
    return (features[:400], target[:400]), (features[400:], target[400:])


@pytest.fixture
def matrices(split):
    """The same as matrices of XGBoost's."""
    return tuple(xgboost.DMatrix(features, target) for features, target in split)
