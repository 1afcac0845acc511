"""The observer of estimators' ``fit``: what scikit-learn's plugin records of any estimator, and
what is LightGBM's own.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_lightgbm.boosters import record_config
from fitprint_lightgbm.logs import silent
from fitprint_lightgbm.parameters import callbacks_of, described, written
from fitprint_sklearn import estimators
from fitprint_sklearn.data import Call

__all__ = ["observe_fit"]

# Arguments of `fit` that are data, or are recorded otherwise.
_RECORDED_OTHERWISE = frozenset(
    """
    X y sample_weight callbacks eval_X eval_class_weight eval_group eval_init_score eval_metric
    eval_sample_weight eval_set eval_y group init_model
    """.split()
)
_EACH = {"eval_sample_weight": "weight", "eval_group": "group"}


def observe_fit(fit: Fit) -> Generator[None, Any, None]:
    """Record one training call of an estimator; its rounds are recorded by the training inside."""
    arguments = fit.arguments
    others = {
        name: value
        for name, value in arguments.items()
        if name not in _RECORDED_OTHERWISE and value is not None and fit.given(name)
    }
    call = Call(arguments.get("X"), arguments.get("y"), arguments.get("sample_weight"), others)
    if _is_part_of_distributed(fit.instance):
        fit.skip("it is one of several workers that train one model")
        return
    if hasattr(fit.instance, "to_local"):
        yield from _observe_distributed(fit, call)
        return
    observation = estimators.observe_fit(fit, call)
    next(observation, None)
    if fit.is_skipped:
        return
    _record_arguments(fit, arguments)
    with fit.part("evaluation sets", quiet=True):
        _record_evaluation_sets(fit, arguments)
    result = yield
    with silent():
        try:
            observation.send(result)
        except StopIteration:
            pass


def _observe_distributed(fit: Fit, call: Call) -> Generator[None, Any, None]:
    """Record a training that Dask spreads over workers: nothing is computed for it, and the model
    is the one without Dask.
    """
    estimators.record_call(fit, fit.instance, call)
    yield
    with fit.part("booster", quiet=True):
        local = fit.instance.to_local()
        fit.link(fit.instance)
        record_config(fit, local.booster_)
        fit.skipped("signature", "the data are spread over workers")
        fit.model(local)


def _is_part_of_distributed(estimator: Any) -> bool:
    """Tell whether a task of Dask fits this estimator together with others of its kind."""
    state = getattr(sys.modules.get("distributed.worker"), "thread_state", None)
    return hasattr(state, "execution_state") and "num_machines" in estimator.get_params()


def _record_arguments(fit: Fit, arguments: Mapping[str, Any]) -> None:
    given = {}
    if arguments.get("eval_metric") is not None:
        given["fit__eval_metric"] = written(arguments["eval_metric"])
    if callbacks_of(arguments):
        given["fit__callbacks"] = [described(callback) for callback in callbacks_of(arguments)]
    if arguments.get("eval_class_weight") is not None:
        given["fit__eval_class_weight"] = arguments["eval_class_weight"]
    if given:
        fit.params(given)
    fit.dataset(arguments.get("group"), name="group", kind="weights")


def _record_evaluation_sets(fit: Fit, arguments: Mapping[str, Any]) -> None:
    """Record facts on each evaluation set, by the name that its metrics have; the training data
    themselves are not told again.
    """
    names = arguments.get("eval_names")
    is_classifier = getattr(fit.instance, "_estimator_type", None) == "classifier" or hasattr(
        fit.instance, "predict_proba"
    )
    for position, (features, target) in enumerate(_evaluation_sets(arguments)):
        if features is arguments.get("X") and target is arguments.get("y"):
            continue
        named = isinstance(names, (list, tuple)) and position < len(names)
        name = str(names[position]) if named and names is not None else f"valid_{position}"
        fit.dataset(
            features,
            name=name,
            role="eval",
            target=target,
            discrete=True if is_classifier else None,
        )
        for argument, part in _EACH.items():
            values = arguments.get(argument)
            value = (
                values[position]
                if isinstance(values, (list, tuple)) and position < len(values)
                else None
            )
            fit.dataset(value, name=f"{name} {part}", role="eval", kind="weights")


def _evaluation_sets(arguments: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    sets = arguments.get("eval_set")
    if sets is None and arguments.get("eval_X") is not None:
        features, targets = arguments["eval_X"], arguments.get("eval_y")
        yield from (
            zip(features, targets, strict=False)
            if isinstance(features, tuple) and targets is not None
            else [(features, targets)]
        )
    for pair in [sets] if isinstance(sets, tuple) else sets if isinstance(sets, list) else ():
        features, target = pair
        yield features, target
