"""What is done with a recorded model later: evaluations and predictions, which join the model's
run.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_tensorflow.arguments import batch_size_of
from fitprint_tensorflow.watching import goal_of, with_ours

__all__ = ["observe_evaluation", "observe_prediction"]


def observe_evaluation(fit: Fit) -> Generator[None, Any, None]:
    """Record ``Model.evaluate`` on the model's run: each metric as ``test_<metric>``, which gets a
    further point each time.
    """
    run = fit.linked(fit.instance)
    if run is None:
        return
    try:
        arguments = fit.arguments
    except TypeError:
        return
    fit.note_on(run)
    seen: dict[str, float] = {}
    fit.replace_argument(
        "callbacks",
        with_ours(arguments.get("callbacks"), _evaluated()(seen), _silent()(), fit.instance),
    )
    fit.dataset(arguments.get("x"), name="x_test", role="test")
    fit.dataset(arguments.get("y"), name="y_test", role="test", kind="target")
    yield
    for key, value in seen.items():
        fit.metric(f"test_{key}", value, goal=goal_of(key))
    with fit.part("evaluation", quiet=True):
        told = {
            "batch_size": batch_size_of(arguments.get("x"), arguments.get("batch_size")),
            "steps": arguments.get("steps"),
        }
        fit.document(
            "evaluation", {"metrics": {f"test_{key}": value for key, value in seen.items()}, **told}
        )


def observe_prediction(fit: Fit) -> Generator[None, Any, None]:
    """Link the predictions of a recorded model to its run, so that scores of them join it."""
    run = fit.linked(fit.instance)
    if run is None:
        return
    result = yield
    fit.note_on(run)
    for part in _parts(result):
        fit.link(part)


def _parts(result: Any) -> list[Any]:
    if isinstance(result, Mapping):
        result = list(result.values())
    return list(result) if isinstance(result, (list, tuple)) else [result]


@functools.lru_cache(maxsize=1)
def _evaluated() -> Any:
    from keras.callbacks import Callback

    class Evaluated(Callback):  # type: ignore[misc]  # Keras is not typed
        async_safe = True

        def __init__(self, seen: dict[str, float]) -> None:
            super().__init__()
            self._seen = seen

        def on_test_end(self, logs: Any = None) -> None:
            self._seen.update(
                {
                    key: float(value)
                    for key, value in (logs or {}).items()
                    if hasattr(value, "__float__")
                }
            )

    return Evaluated


@functools.lru_cache(maxsize=1)
def _silent() -> Any:
    from keras.callbacks import Callback

    return Callback
