"""Keeping random generators as they were: predictions of ours must not move the user's random numbers on."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from fitprint_sklearn.parameters import is_estimator

__all__ = ["undisturbed"]

_DRAWING = {"BernoulliRBM", "DummyClassifier"}  # scikit-learn's own that draw when they predict
_LOOK = 500  # objects looked at on the way to generators


def undisturbed(estimator: Any, params: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Return a guard inside which the estimator's methods may draw random numbers that nobody will miss.

    It puts back the global generators of ``random``, numpy and torch, and those that the estimator or its parts hold.
    scikit-learn's own estimators are known not to draw; for them it does nothing.

    Args:
        estimator: the estimator.
        params: its parameters, nested ones included.
    """
    parts = [estimator, *(value for value in params.values() if is_estimator(value))]
    if all(type(part).__module__.startswith("sklearn.") and type(part).__name__ not in _DRAWING for part in parts):
        return nullcontext()
    return _put_back(parts)


@contextmanager
def _put_back(parts: list[Any]) -> Iterator[None]:
    restorations = list(_restorations(parts))
    try:
        yield
    finally:
        for restore in restorations:
            restore()


def _restorations(parts: list[Any]) -> Iterator[Callable[[], None]]:
    yield _setting(random.setstate, random.getstate())
    yield _setting(np.random.set_state, np.random.get_state())
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        yield _setting(torch.set_rng_state, torch.get_rng_state())
    for generator in _generators(parts):
        if isinstance(generator, random.Random):
            yield _setting(generator.setstate, generator.getstate())
        elif isinstance(generator, np.random.RandomState):
            yield _setting(generator.set_state, generator.get_state(legacy=False))
        else:
            source = getattr(generator, "bit_generator", generator)
            yield _setting(lambda state, source=source: setattr(source, "state", state), source.state)  # type: ignore[misc]


def _setting(restore: Callable[[Any], Any], state: Any) -> Callable[[], None]:
    return lambda: restore(state)


def _generators(parts: Iterable[Any]) -> Iterator[Any]:
    waiting, seen = list(parts), set()
    while waiting and len(seen) < _LOOK:
        subject = waiting.pop()
        if id(subject) in seen:
            continue
        seen.add(id(subject))
        if isinstance(subject, (random.Random, np.random.RandomState, np.random.Generator, np.random.BitGenerator)):
            yield subject
        elif is_estimator(subject):
            waiting += getattr(subject, "__dict__", {}).values()
        elif isinstance(subject, (list, tuple)) and len(subject) <= _LOOK:
            waiting += subject
        elif isinstance(subject, dict) and len(subject) <= _LOOK:
            waiting += subject.values()
