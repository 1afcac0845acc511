"""What a booster says of itself: its configuration, features and rounds."""

from __future__ import annotations

import json
from typing import Any

from fitprint.autologging.fit import Fit

__all__ = ["record_config"]

_NAMES = 1000  # of features that are listed


def record_config(fit: Fit, booster: Any) -> None:
    """Record the configuration that XGBoost made of the user's parameters, and what the booster has learnt from."""
    with fit.part("xgboost_config"):
        config = json.loads(booster.save_config())
        config.get("learner", {}).get("generic_param", {}).pop("rng_state", None)  # thousands of digits
        fit.document("xgboost_config", config)
    with fit.part("booster", quiet=True):
        facts: dict[str, Any] = {"rounds": int(booster.num_boosted_rounds()), "features": int(booster.num_features())}
        if booster.feature_names is not None:
            facts["feature_names"] = [str(name) for name in booster.feature_names[:_NAMES]]
        fit.document("booster", facts)
