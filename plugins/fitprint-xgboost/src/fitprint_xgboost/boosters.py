"""What a booster says of itself: its configuration, features and rounds."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.data.schema import Field, Schema
from fitprint.data.values import number_or_text
from fitprint.models.signature import Signature

__all__ = [
    "is_as_trained",
    "note_trained",
    "record_config",
    "record_resolved",
    "signature_of",
    "unsettle",
]

_NAMES = 1000  # of features that are listed
# second names of the same parameters
_ALIASES = frozenset("alpha eta lambda min_split_loss".split())


# of features, and their names in signatures
_TYPES = {"float": "float64", "q": "float64", "int": "int64", "i": "bool"}

# rounds of boosters when `train` had made them
_trained: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def note_trained(booster: Any) -> None:
    """Remember how many rounds a booster has that `xgboost.train` made."""
    _trained[booster] = int(booster.num_boosted_rounds())


def unsettle(booster: Any) -> None:
    """Leave a linear booster as its training did: unconfigured, so that it warns when the user
    first uses it.

    XGBoost before 3.0 leaves boosters configured.
    """
    if hasattr(booster, "reset"):
        booster.reset()


def is_as_trained(booster: Any) -> bool:
    """Tell whether a booster is as `xgboost.train` made it, and no loop has trained it on."""
    rounds = _trained.get(booster)
    return rounds is not None and rounds == int(booster.num_boosted_rounds())


def signature_of(booster: Any) -> Signature | None:
    """Return what a booster takes, by the names and types of its features; None where one of them
    is of another type than a number.

    Its outputs are not told: they would have to be predicted.
    """
    names, types = booster.feature_names, booster.feature_types
    if types is not None and not set(types) <= _TYPES.keys():
        return None
    if names is None:
        return Signature(
            Schema(
                "array", (Field(None, "float64", (-1, int(booster.num_features())), nullable=True),)
            )
        )
    kinds = types or ["float"] * len(names)
    return Signature(
        Schema(
            "table",
            tuple(
                Field(name, _TYPES[kind], nullable=True)
                for name, kind in zip(names, kinds, strict=True)
            ),
        )
    )


def record_config(fit: Fit, booster: Any) -> dict[str, Any]:
    """Record the configuration that XGBoost made of the user's parameters, and what the booster has
    learnt from; return the former.
    """
    config: dict[str, Any] = {}
    with fit.part("xgboost_config"):
        config = json.loads(booster.save_config())
        # thousands of digits
        config.get("learner", {}).get("generic_param", {}).pop("rng_state", None)
        fit.document("xgboost_config", config)
    with fit.part("booster", quiet=True):
        facts: dict[str, Any] = {
            "rounds": int(booster.num_boosted_rounds()),
            "features": int(booster.num_features()),
        }
        if booster.feature_names is not None:
            facts["feature_names"] = [str(name) for name in booster.feature_names[:_NAMES]]
        fit.document("booster", facts)
    return config


def record_resolved(fit: Fit, config: Mapping[str, Any]) -> None:
    """Record the parameters of a booster of which nobody knows which the user set."""
    learner = config.get("learner", {})
    params = {"objective": learner.get("objective", {}).get("name")}
    params |= {
        name: learner.get("learner_train_param", {}).get(name)
        for name in ("booster", "multi_strategy")
    }
    inner = learner.get("gradient_booster", {})
    inner = inner.get("gbtree", inner)  # dart
    for part in ("tree_train_param", "linear_train_param"):
        params |= {
            name: number_or_text(value)
            for name, value in inner.get(part, {}).items()
            if name not in _ALIASES
        }
    metrics = [metric["name"] for metric in learner.get("metrics", ())]
    fit.params(
        {
            name: value
            for name, value in {**params, "eval_metric": metrics}.items()
            if value not in (None, [])
        },
        resolved=True,
    )
