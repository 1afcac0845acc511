"""The observer of ``partial_fit``: all calls with one object are one run."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitprint.autologging.fit import Fit
from fitprint.autologging.side_table import SideTable
from fitprint.errors import SignatureError
from fitprint.models.signature import Signature, infer_signature
from fitprint.recording.run import Run
from fitprint_sklearn.data import read_call
from fitprint_sklearn.estimators import record_call, record_model

__all__ = ["observe_partial_fit"]

_PATIENCE = 20  # saving the model takes at most one part in so many of the time
_LOSSES = (("loss_", "loss"), ("inertia_", "inertia"), ("bound_", "bound"))


@dataclass
class _Progress:
    """How far a sequence has come."""

    calls: int = 0
    rows: int = 0
    saved_call: int = 0
    saved_at: float = 0.0
    saving_took: float = 0.0
    signature: Signature | None = None


_progress = SideTable()


def observe_partial_fit(fit: Fit) -> Generator[None, Any, None]:
    """Record one call of a sequence: params and data at the first, rows, loss and, now and then,
    the model at each.
    """
    estimator = fit.instance
    call = read_call(fit.arguments, fit.given)
    progress = _progress.recall(estimator) if fit.call > 1 else None
    if progress is None:
        progress = _Progress()
        _progress.remember(estimator, progress)
    if fit.call == 1:
        record_call(fit, estimator, call)
    yield
    progress.calls = fit.call
    rows = fit.described(call.features).rows
    if rows is not None:
        progress.rows += rows
        fit.metric("batch_rows", rows, step=fit.call - 1)
        fit.metric("rows", progress.rows, step=fit.call - 1)
    for attribute, name in _LOSSES:
        value = getattr(estimator, "__dict__", {}).get(attribute)
        if isinstance(value, (int, float, np.number)):
            fit.metric(name, float(value), step=fit.call - 1, goal="min")
    if fit.call == 1:
        with contextlib.suppress(SignatureError):
            progress.signature = infer_signature(fit.described(call.features))
        fit.when_sequence_ends(
            _saving_of_last_state(
                weakref.ref(estimator), progress, fit.run, models=fit.setting("models")
            )
        )
    began = time.monotonic()
    if began - progress.saved_at >= _PATIENCE * progress.saving_took:
        record_model(fit, estimator, call, None)
        progress.saved_at = time.monotonic()
        progress.saving_took = progress.saved_at - began
        progress.saved_call = fit.call


def _saving_of_last_state(
    reference: weakref.ref[Any], progress: _Progress, run: Run, *, models: bool
) -> Callable[[], None]:
    """Return what saves the model as the last call left it, if the model still lives and was not
    saved since.
    """

    def save() -> None:
        estimator = reference()
        if models and estimator is not None and progress.calls > progress.saved_call:
            run.log_model(estimator, "model", signature=progress.signature)

    return save
