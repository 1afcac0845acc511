"""scikit-learn's targets."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.autologging.framework import SubclassMethod, Target

BASE = "sklearn.base:BaseEstimator"


class SklearnFramework:
    """scikit-learn and everything that derives from its ``BaseEstimator``."""

    name = "sklearn"
    distribution = "scikit-learn"

    def targets(self) -> Sequence[Target]:
        return [SubclassMethod(BASE, name, observe_fit) for name in ("fit", "fit_transform", "fit_predict")]


def observe_fit(fit: Fit) -> Generator[None, Any, None]:
    fit.params(fit.instance.get_params())
    yield
    fit.tags({"estimator_name": fit.subject})
