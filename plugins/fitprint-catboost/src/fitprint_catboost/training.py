"""The observers of ``fit``."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Mapping
from typing import Any, Literal

from fitprint.autologging.fit import Fit
from fitprint_catboost.curves import Curves
from fitprint_catboost.data import DATA, record_data
from fitprint_catboost.parameters import record_given, record_model_params, record_resolved, written
from fitprint_catboost.signatures import signature_options

__all__ = ["observe_fit", "observe_nested_fit", "record_fitted", "record_model"]

_FEATURES = 1000  # whose importance is recorded, the most important
_CLASSIFIER = "CatBoostClassifier"


def observe_fit(fit: Fit) -> Generator[None, Any, None]:
    """Record one training call."""
    arguments = fit.arguments
    model = fit.instance
    given = record_model_params(fit, model)
    record_given(fit, arguments, DATA)
    fit.identify(type(model))
    record_data(fit, arguments, discrete=True if _is_classifier(model) else None)
    fit.continues(arguments.get("init_model"), lambda model: int(model.tree_count_))
    curves = _watched(fit, arguments, given)
    yield
    record_fitted(fit, model, given, curves)
    record_model(fit, model, arguments.get("X"))


def observe_nested_fit(fit: Fit) -> Generator[None, Any, None]:
    """Record the rounds of a training inside another one, such as in a pipeline, on the outer one's
    run.
    """
    model = fit.instance
    given = model.get_params()
    curves = _watched(fit, fit.arguments, given)
    yield
    record_fitted(fit, model, given, curves)


def _watched(fit: Fit, arguments: Mapping[str, Any], given: Mapping[str, Any]) -> Curves:
    curves = Curves(fit, _own_goals(given), _period(arguments, given))
    callbacks = arguments.get("callbacks")
    is_live = fit.options().get("live") and given.get("task_type") != "GPU"
    if callbacks or is_live:
        if callbacks:
            fit.params({"fit__callbacks": [written(callback) for callback in callbacks]})
        # before those that may end the training
        fit.replace_argument("callbacks", [curves, *(callbacks or ())])
    return curves


def _period(arguments: Mapping[str, Any], given: Mapping[str, Any]) -> int:
    chosen = arguments.get("metric_period")
    chosen = given.get("metric_period") if chosen is None else chosen
    return chosen if isinstance(chosen, int) else 1


def _own_goals(given: Mapping[str, Any]) -> dict[str, Literal["min", "max"]]:
    """Return of the user's own metrics, by the name that CatBoost gives their curves, whether more
    is better.
    """
    custom = given.get("custom_metric")
    goals: dict[str, Literal["min", "max"]] = {}
    for metric in (
        given.get("eval_metric"),
        *(custom if isinstance(custom, (list, tuple)) else (custom,)),
    ):
        if hasattr(metric, "is_max_optimal") and hasattr(metric, "evaluate"):
            goals[type(metric).__name__] = "max" if metric.is_max_optimal() else "min"
    return goals


def _is_classifier(model: Any) -> bool:
    return any(base.__name__ == _CLASSIFIER for base in type(model).__mro__)


def record_fitted(fit: Fit, model: Any, given: Mapping[str, Any], curves: Curves | None) -> None:
    """Record what a fitted model tells: resolved parameters, curves, early stopping, trees and
    importances.
    """
    suffix = f"_part{fit.position}" if fit.position > 1 else ""
    resolved = record_resolved(fit, model, given, suffix)
    if curves is not None:
        with fit.part(f"curves{suffix}", quiet=True):
            curves.finish(model, resolved)
    with fit.part(f"booster{suffix}"):
        classes = list(model.classes_)
        facts = {
            "trees": model.tree_count_,
            "features": len(model.feature_names_),
            "feature_names": model.feature_names_[:_FEATURES],
        }
        fit.document(
            f"booster{suffix}",
            facts | ({"classes": [_plain(label) for label in classes]} if classes else {}),
        )
    with fit.part(f"importances{suffix}", quiet=True):
        _record_importances(fit, model, suffix)


def _record_importances(fit: Fit, model: Any, suffix: str) -> None:
    """Record the importances that CatBoost has computed by itself, in percent; none are computed
    here.
    """
    values = model.feature_importances_
    if getattr(values, "ndim", 0) != 1:
        fit.skipped(
            f"importances{suffix}",
            "CatBoost computes none by itself for ranking: call get_feature_importance",
        )
        return
    pairs = list(zip(map(str, model.feature_names_), map(float, values), strict=True))
    shown = sorted(sorted(range(len(pairs)), key=lambda place: -pairs[place][1])[:_FEATURES])
    content: dict[str, Any] = {
        "kind": "importances",
        "features": [pairs[place][0] for place in shown],
    }
    content["values"] = [
        float(f"{pairs[place][1]:.7g}") if math.isfinite(pairs[place][1]) else None
        for place in shown
    ]
    if len(shown) < len(pairs):
        content["of"] = len(pairs)
    fit.text(f"plots/feature_importances{suffix}.json", json.dumps(content, allow_nan=False))


def record_model(fit: Fit, model: Any, features: Any) -> None:
    """Record the fitted model, with a signature from what five rows give: the data are not gone
    through again.
    """
    options: dict[str, Any] = {}
    with fit.part("signature", quiet=True):
        if fit.setting("models"):
            options = signature_options(
                model, fit.described(features), with_example=fit.setting("input_examples")
            )
    fit.model(model, **options)


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label
