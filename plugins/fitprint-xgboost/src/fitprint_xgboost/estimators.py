"""The observer of estimators' ``fit``: what scikit-learn's plugin records of any estimator, and what is XGBoost's own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_sklearn import estimators
from fitprint_sklearn.data import Call

__all__ = ["observe_fit"]

# Arguments of `fit` that are data, or recorded otherwise: those of evaluation sets with the matrices that are made of them.
_RECORDED_OTHERWISE = frozenset(
    "X y sample_weight eval_set sample_weight_eval_set base_margin_eval_set eval_group eval_qid xgb_model callbacks".split()
)


def observe_fit(fit: Fit) -> Generator[None, Any, None]:
    """Record one training call of an estimator."""
    try:
        call = _read(fit)
    except TypeError:
        fit.skip("the call does not fit the method, which will say so itself")
        return
    estimator = fit.instance
    observation = estimators.observe_fit(fit, call)
    with _undrawn(estimator):
        next(observation, None)
    if fit.skip_reason:
        return
    result = yield
    with _undrawn(estimator):
        try:
            observation.send(result)
        except StopIteration:
            pass


def _read(fit: Fit) -> Call:
    arguments = fit.arguments
    others = {name: value for name, value in arguments.items() if name not in _RECORDED_OTHERWISE and value is not None and fit.given(name)}
    return Call(arguments["X"], arguments.get("y"), arguments.get("sample_weight"), others)


@contextmanager
def _undrawn(estimator: Any) -> Iterator[None]:
    """Put the estimator's own random generator back: its ``get_params`` draws from it."""
    generator: Any = getattr(estimator, "random_state", None)
    if hasattr(generator, "get_state"):
        state = generator.get_state()
    elif hasattr(generator, "bit_generator"):
        state = generator.bit_generator.state
    else:
        yield
        return
    try:
        yield
    finally:
        if hasattr(generator, "get_state"):
            generator.set_state(state)
        else:
            generator.bit_generator.state = state
