"""The observers of ``Model.fit``: called by the user, and inside another training call."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_tensorflow.arguments import record_arguments, record_data
from fitprint_tensorflow.checkpoints import Checkpoints
from fitprint_tensorflow.compilation import compile_params
from fitprint_tensorflow.signatures import head, signature_of
from fitprint_tensorflow.stopping import record_callbacks, record_stop
from fitprint_tensorflow.structure import backend
from fitprint_tensorflow.watching import Watch, callback_types, flat, with_ours

__all__ = ["observe_fit", "observe_nested_fit", "record_compilation", "record_seed"]

_NO_CHIEF = "of several workers only the chief records"


def observe_fit(fit: Fit) -> Generator[None, Any, None]:
    """Record one call of ``Model.fit``."""
    arguments, model = fit.arguments, fit.instance
    if not _is_chief(model):
        fit.skip(_NO_CHIEF)
        return
    before = fit.linked(model)
    fit.identify(type(model), **backend())
    if before is not None:
        fit.tags({"continues_run": before.id})
    record_data(fit, arguments, model)
    watch, callbacks = _observe(fit, model, arguments)
    fit.link(model)  # what is left of a training that is broken off can still be evaluated
    yield
    _conclude(fit, model, watch, callbacks)
    options: dict[str, Any] = {}
    with fit.part("signature", quiet=True):
        options["signature"] = signature_of(model, arguments.get("x"))
    if fit.setting("input_examples"):
        options["input_example"] = head(arguments.get("x"))
    fit.model(model, **options)


def observe_nested_fit(fit: Fit) -> Generator[None, Any, None]:
    """Record on the run of the training call around what Keras tells: that of a wrapper of the
    user's, or of another model.
    """
    arguments, model = fit.arguments, fit.instance
    if not _is_chief(model):
        fit.skip(_NO_CHIEF)
        return
    if fit.outer is not None and fit.outer.framework == fit.framework:
        fit.position += 1  # a model that is trained by a callback of another one's
    if fit.position == 1:
        fit.identify(None, **backend())
        watch, callbacks = _observe(fit, model, arguments)
    else:
        callbacks = flat(arguments.get("callbacks"))
        watch = _watch(fit, arguments, Checkpoints(()), describes=False)
    fit.link(model)
    yield
    _conclude(fit, model, watch, callbacks)


def _observe(fit: Fit, model: Any, arguments: Mapping[str, Any]) -> tuple[Watch, list[Any]]:
    """Record what is known before, and let callbacks of ours take part in the call."""
    with fit.part("params", quiet=True):
        record_arguments(fit, arguments)
    record_compilation(fit, model)
    with fit.part("seed", quiet=True):
        record_seed(fit)
    callbacks = flat(arguments.get("callbacks"))
    with fit.part("callbacks", quiet=True):
        record_callbacks(fit, callbacks)
    checkpoints = Checkpoints(())
    with fit.part("checkpoints", quiet=True):
        checkpoints = Checkpoints(callbacks)
    return _watch(fit, arguments, checkpoints), callbacks


def _watch(
    fit: Fit, arguments: Mapping[str, Any], checkpoints: Checkpoints, *, describes: bool = True
) -> Watch:
    points = int(fit.options().get("batch_metrics") or 0)
    watch = Watch(fit, batch_points=points, checkpoints=checkpoints, describes=describes)
    opening, closing = callback_types()
    if points > 0:
        rule = (
            f"at most {points} points of each in an epoch, evenly spread; their values are "
            "those of the epoch so far, as Keras tells them"
        )
        fit.document(
            "batch_metrics",
            {"points": points, "rule": rule, "step": "number of the batch in the training, from 0"},
        )
    fit.replace_argument(
        "callbacks",
        with_ours(arguments.get("callbacks"), opening(watch), closing(watch), fit.instance),
    )
    return watch


def record_compilation(fit: Fit, model: Any) -> None:
    """Record optimizer, loss and metrics."""
    with fit.part("compilation", quiet=True):
        fit.params(compile_params(fit, model), resolved=True)


def record_seed(fit: Fit) -> None:
    """Record the seed of the random generators, where one was set."""
    found = {}
    keras_seed = getattr(sys.modules.get("keras.src.utils.rng_utils"), "get_random_seed", None)
    if keras_seed is not None and keras_seed() is not None:
        found["random_seed"] = int(keras_seed())
    context = sys.modules.get("tensorflow.python.eager.context")
    seed = (
        context.global_seed() if context is not None and hasattr(context, "global_seed") else None
    )
    if seed is not None:
        found.setdefault("random_seed", int(seed))
    if found:
        fit.params(found)


def _conclude(fit: Fit, model: Any, watch: Watch, callbacks: list[Any]) -> None:
    with fit.part("early stopping", quiet=True):
        record_stop(fit, callbacks, watch)
    if watch.checkpoints:
        with fit.part("checkpoints", quiet=True):
            watch.checkpoints.look(fit, watch.last, {})
            if fit.setting("models"):
                watch.checkpoints.keep(fit)
    watch.describe(model)


def _is_chief(model: Any) -> bool:
    """Tell whether this process is to record: of several that train one model together, only the
    chief does.
    """
    strategy = getattr(model, "_distribute_strategy", None)  # of the TensorFlow backend
    return bool(getattr(getattr(strategy, "extended", None), "should_save_summary", True))
