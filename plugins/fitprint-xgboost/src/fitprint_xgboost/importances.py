"""Feature importances of a booster, of every type that it knows, in the form of the scikit-learn
plugin's plots.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from fitprint.autologging.fit import Fit

__all__ = ["record_importances"]

_FEATURES = 1000  # recorded, the largest


def record_importances(fit: Fit, booster: Any, *, only_by_type: bool = False) -> None:
    """Record ``plots/feature_importances.json`` (share of the gain) and
    ``plots/feature_importances_by_type.json``.

    A linear booster has coefficients instead: ``plots/feature_coefficients.json``.

    Args:
        fit: where to.
        booster: a trained booster.
        only_by_type: leave out the first, which the scikit-learn plugin records.
    """
    names = booster.feature_names or [
        f"f{position}" for position in range(int(booster.num_features()))
    ]
    weights = booster.get_score(importance_type="weight")
    if not weights:
        return
    if _is_linear(booster):
        if not only_by_type:
            _record_coefficients(fit, weights, names)
        return
    scores = _scores(booster, weights)
    gain, count = scores["gain"], len(names)
    if count > _FEATURES:
        names = sorted(names, key=lambda name: -gain.get(name, 0.0))[:_FEATURES]
    of = {"of": count} if count > _FEATURES else {}
    features = [str(name) for name in names]
    if not only_by_type:
        total = sum(gain.values())
        shares = [_rounded(gain.get(name, 0.0) / total) if total else 0.0 for name in names]
        _write(
            fit,
            "feature_importances",
            {"kind": "importances", "features": features, "values": shares, **of},
        )
    rows = [[_rounded(values.get(name, 0.0)) for name in names] for values in scores.values()]
    _write(
        fit,
        "feature_importances_by_type",
        {"kind": "importances", "features": features, "rows": rows, "labels": list(scores), **of},
    )


def _scores(booster: Any, weights: dict[str, float]) -> dict[str, dict[str, float]]:
    """Return all types: gain and cover are averages of the totals over the splits, in the single
    precision that XGBoost divides in.
    """
    totals = {
        kind: booster.get_score(importance_type=f"total_{kind}") for kind in ("gain", "cover")
    }
    means = {
        kind: {
            name: float(np.float32(total) / np.float32(weights[name]))
            for name, total in of_kind.items()
        }
        for kind, of_kind in totals.items()
    }
    return {
        "gain": means["gain"],
        "weight": weights,
        "cover": means["cover"],
        "total_gain": totals["gain"],
        "total_cover": totals["cover"],
    }


def _record_coefficients(fit: Fit, weights: dict[str, Any], names: list[str]) -> None:
    names = names[:_FEATURES]
    values = [weights.get(name, 0.0) for name in names]
    content: dict[str, Any] = {"kind": "coefficients", "features": [str(name) for name in names]}
    if any(isinstance(value, list) for value in values):
        width = max(len(value) for value in values if isinstance(value, list))
        by_feature = [value if isinstance(value, list) else [value] * width for value in values]
        content["rows"] = [
            [_rounded(value) for value in row] for row in zip(*by_feature, strict=True)
        ]
        content["labels"] = [str(number) for number in range(width)]
    else:
        content["values"] = [_rounded(value) for value in values]
    _write(fit, "feature_coefficients", content)


def _is_linear(booster: Any) -> bool:
    return bool(
        json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear"
    )


def _rounded(value: float) -> float | None:
    """Return a number to seven digits; None for what is not finite."""
    return float(f"{value:.7g}") if math.isfinite(value) else None


def _write(fit: Fit, name: str, content: dict[str, Any]) -> None:
    fit.text(f"plots/{name}.json", json.dumps(content, allow_nan=False))
