"""The observers of CatBoost's own searches, feature selection,
and sampling of a Gaussian process.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_catboost.curves import Curves
from fitprint_catboost.data import DATA, record_data
from fitprint_catboost.parameters import record_given, record_model_params, written
from fitprint_catboost.training import record_fitted, record_model
from fitprint_catboost.validation import record_cv_results

__all__ = ["observe_sampling", "observe_search", "observe_selection"]

_GRIDS = ("param_grid", "param_distributions")


def observe_search(fit: Fit) -> Generator[None, Any, None]:
    """Record one ``grid_search`` or ``randomized_search``.

    CatBoost tells the best candidate alone, and its cross-validation.
    """
    arguments = fit.arguments
    model = fit.instance
    given = record_model_params(fit, model)
    fit.identify(type(model))
    record_given(fit, arguments, {*DATA, *_GRIDS})
    grid = next((arguments[name] for name in _GRIDS if arguments.get(name) is not None), None)
    grids = grid if isinstance(grid, list) else [grid] if isinstance(grid, Mapping) else []
    if grids:
        fit.params(
            {
                "param_grid": [
                    {str(name): written(_plain(values)) for name, values in each.items()}
                    for each in grids
                ]
            }
        )
    record_data(fit, arguments)
    result = yield
    fit.params({f"best_{name}": value for name, value in result["params"].items()}, resolved=True)
    with fit.part("cross-validation", quiet=True):
        if result.get("cv_results"):
            record_cv_results(fit, result["cv_results"])
    if model.is_fitted():
        # A curve of the final training would stand among those of the cross-validation.
        record_fitted(fit, model, given, None)
        record_model(fit, model, arguments.get("X"))


def _plain(values: Any) -> Any:
    """Return the values of a grid as a list, and a distribution as it is."""
    return values.tolist() if hasattr(values, "tolist") else values


def observe_selection(fit: Fit) -> Generator[None, Any, None]:
    """Record one ``select_features``: which features remain, and how the loss changed with each
    that went.
    """
    arguments = fit.arguments
    model = fit.instance
    given = record_model_params(fit, model)
    fit.identify(type(model))
    record_given(fit, arguments, DATA)
    record_data(fit, arguments)
    result = yield
    fit.data("feature_selection.json", dict(result))
    fit.metric("selected_features", len(result.get("selected_features", ())))
    graph = result.get("loss_graph") or {}
    if graph.get("loss_values"):
        fit.history("loss", graph["loss_values"])
    if arguments.get("train_final_model") and model.is_fitted():
        record_fitted(fit, model, given, Curves(fit, {}))
        record_model(fit, model, None)


def observe_sampling(fit: Fit) -> Generator[None, Any, None]:
    """Record one ``sample_gaussian_process``; the models that it returns belong to the run."""
    arguments = fit.arguments
    others = {
        name: value
        for name, value in arguments.items()
        if isinstance(value, (bool, int, float, str))
    }
    fit.params(others, defaults=[name for name in others if not fit.given(name)])
    record_data(fit, arguments)
    models = yield
    for model in models:
        fit.link(model)
    fit.skipped("model", "there are several: `log_model` records those that are to be kept")
