"""Hand-written loops of ``Booster.update`` inside ``fitprint.loop``: the loop's run tells what is
trained, and how it went.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.autologging.side_table import SideTable
from fitprint.recording.context import POSITION, current_run
from fitprint_lightgbm.boosters import record_config
from fitprint_lightgbm.data import record_dataset
from fitprint_lightgbm.parameters import under_own_names, written

__all__ = ["observe_evaluation", "observe_update"]

_looped = SideTable()  # boosters that are trained in a loop, with the loop's run


def observe_update(fit: Fit) -> Generator[None, Any, None]:
    """Record, at the first update of a booster in a loop, its parameters and data on the loop's
    run.
    """
    run, booster = current_run(), fit.instance
    if run is None or POSITION.get() is None or _looped.recall(booster) is run:
        fit.skip("it is no first update in a loop of fitprint")
        return
    _looped.remember(booster, run)
    fit.note_on(run)
    fit.link(booster)
    params = dict(getattr(booster, "params", None) or {})
    fit.params({str(name): written(value) for name, value in params.items()})
    fit.params(
        {name: written(value) for name, value in under_own_names(params).items()}, resolved=True
    )
    fit.identify("lightgbm.basic.Booster")
    if fit.setting("datasets"):
        with fit.part("datasets", quiet=True):
            record_dataset(
                fit,
                fit.argument("train_set") or getattr(booster, "train_set", None),
                name="train",
                role="train",
            )
            for name, data in zip(
                getattr(booster, "name_valid_sets", ()),
                getattr(booster, "valid_sets", ()),
                strict=False,
            ):
                record_dataset(fit, data, name=str(name), role="eval")
    yield
    record_config(fit, booster)


def observe_evaluation(fit: Fit) -> Generator[None, Any, None]:
    """Record what an evaluation of a booster in a loop tells, at the loop's step."""
    run, position = _looped.recall(fit.instance), POSITION.get()
    if run is None or position is None or not run.is_open:
        return
    fit.note_on(run)
    results = yield
    for result in results:
        fit.metric(f"{result[0]}-{result[1]}", result[2], goal="max" if result[3] else "min")
