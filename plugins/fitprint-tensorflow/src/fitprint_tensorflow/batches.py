"""Training by hand, batch by batch: ``train_on_batch``."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.autologging.side_table import SideTable
from fitprint.recording.context import current_run
from fitprint.recording.run import Run
from fitprint_tensorflow.structure import backend, describe_model
from fitprint_tensorflow.training import record_compilation, record_seed
from fitprint_tensorflow.watching import goal_of

__all__ = ["observe_batch"]


class _Batches:
    """What is known of a model that is trained by batches."""

    def __init__(self, run: Run, prefix: str) -> None:
        self.run = run
        self.prefix = prefix
        self.names: list[str] | None = None


_known = SideTable()  # model -> _Batches
_counts = SideTable()  # run -> how many models train on it


def observe_batch(fit: Fit) -> Generator[None, Any, None]:
    """Record what a batch tells: inside ``fitprint.loop`` or another run on that run, else all
    batches of a model on one of its own.
    """
    model = fit.instance
    around = current_run()
    if around is not None:
        fit.note_on(around)
    run = fit.run
    batches = _known.recall(model)
    if batches is None or batches.run.id != run.id:
        batches = _begin(fit, model, run)
    result = yield
    if batches.names is None:
        with fit.part("names of metrics", quiet=True):
            batches.names = _names(model, result)
        with fit.part("model", quiet=True):
            describe_model(fit, model)
    values = result if isinstance(result, dict) else dict(zip(batches.names or (), _values(result)))  # noqa: B905 - names may be lost
    for key, value in values.items():
        fit.metric(f"{batches.prefix}{key}", value, goal=goal_of(key))


def _begin(fit: Fit, model: Any, run: Run) -> _Batches:
    count = (_counts.recall(run) or 0) + 1
    _counts.remember(run, count)
    batches = _Batches(run, "" if count == 1 else f"{model.name}_")
    _known.remember(model, batches)
    fit.link(model)
    if count == 1:
        fit.identify(type(model), **backend())
        record_compilation(fit, model)
        with fit.part("seed", quiet=True):
            record_seed(fit)
    return batches


def _names(model: Any, result: Any) -> list[str]:
    """Return the names of the numbers that a call without ``return_dict`` gives: the loss, then the
    others in alphabetical order.
    """
    values = _values(result)
    if len(values) == 1:
        return ["loss"]
    others = sorted(name for name in model.get_metrics_result() if name != "loss")
    return (
        ["loss", *others]
        if len(others) + 1 == len(values)
        else ["loss", *(f"metric_{n}" for n in range(1, len(values)))]
    )


def _values(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]
