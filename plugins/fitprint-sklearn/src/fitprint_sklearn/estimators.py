"""The observer of training calls: ``fit``, ``fit_transform``, ``fit_predict``."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from fitprint import clock
from fitprint.autologging.fit import Fit
from fitprint_sklearn import post_training
from fitprint_sklearn.curves import record_curves_of_training, record_facts
from fitprint_sklearn.data import Call, read_call
from fitprint_sklearn.importances import record_importances
from fitprint_sklearn.parameters import parameters, plain
from fitprint_sklearn.searches import is_search, record_search
from fitprint_sklearn.structure import describe_estimator, facts_after_fit, kind_of, version_tags
from fitprint_sklearn.training import record_training

__all__ = ["observe_fit", "record_call", "record_data", "record_model", "record_params"]


def observe_fit(fit: Fit, call: Call | None = None) -> Generator[None, Any, Any]:
    """Record one training call of an estimator.

    Args:
        fit: the call.
        call: its arguments by their meaning, from a plugin that knows them better; by default they
            are told by their names.

    Returns:
        What the call returned (the value of ``yield from``).
    """
    estimator = fit.instance
    searching = is_search(estimator)
    if searching:
        fit.kind = "search"
    call = call or read_call(fit.arguments, fit.given)
    params = record_call(fit, estimator, call)
    started = clock.now()
    result = yield
    with np.errstate(all="ignore"):
        prediction = record_training(fit, estimator, call, params, result)
        fit.profile(prediction, name="prediction")
        with fit.part("curves", quiet=True):
            record_curves_of_training(fit, estimator)
            record_facts(fit, estimator)
        with fit.part("importances", quiet=True):
            record_importances(fit, estimator)
        facts = facts_after_fit(estimator)
        if facts:
            fit.document("fitted", facts)
        if searching:
            record_search(fit, estimator, started)
        record_model(fit, estimator, call, prediction)
        post_training.remember_training(estimator, call.features)
    return result


def record_call(fit: Fit, estimator: Any, call: Call) -> Mapping[str, Any]:
    """Record what is known before training: parameters, what the estimator is, and the data.

    Return the parameters.
    """
    params = record_params(fit, estimator)
    fit.identify(type(estimator), **version_tags(estimator))
    with fit.part("estimator", quiet=True):
        fit.document("estimator", describe_estimator(estimator, params))
    record_data(fit, call, discrete=True if kind_of(estimator) == "classifier" else None)
    return params


def record_params(fit: Fit, estimator: Any) -> Mapping[str, Any]:
    """Record the parameters of an estimator, and return them as they are."""
    try:
        params, defaults = parameters(estimator)
    except Exception as error:  # noqa: BLE001 - the user's own get_params may fail in any way
        fit.skipped("params", f"`get_params` failed: {type(error).__name__}: {error}")
        return {}
    fit.params({name: plain(value) for name, value in params.items()}, defaults=defaults)
    return params


def record_data(fit: Fit, call: Call, *, discrete: bool | None = None) -> None:
    """Record facts on the data of a call, and what else was given with it."""
    fit.dataset(call.features, name="X")
    fit.dataset(call.target, name="y", kind="target", discrete=discrete)
    fit.dataset(call.weight, name="sample_weight", kind="weights")
    given = {}
    rows = fit.described(call.features).rows
    for name, value in call.others.items():
        if name.endswith("sample_weight"):
            fit.dataset(value, name=name, kind="weights")
        elif getattr(value, "shape", ()) or (isinstance(value, list) and len(value) == rows):
            fit.dataset(value, name=name)
        else:
            given[f"fit__{name}"] = plain(value)
    if given:
        fit.params(given)


def record_model(fit: Fit, estimator: Any, call: Call, prediction: Any) -> None:
    """Record the fitted model with its signature; of a search, the best estimator."""
    model = estimator
    if is_search(estimator):
        fit.link(estimator)
        model = getattr(estimator, "best_estimator_", None)
        if model is None:
            fit.skipped("model", "the search did not refit its best candidate")
            return
    options: dict[str, Any] = {}
    if call.features is None:
        fit.skipped("signature", "it learnt from a target alone")
    elif hasattr(call.features, "shape") or isinstance(call.features, (list, tuple, dict)):
        inputs = fit.described(call.features)
        options = {"inputs": inputs, "outputs": prediction}
        if fit.setting("input_examples"):
            options["input_example"] = inputs.example
    fit.model(model, **options)
