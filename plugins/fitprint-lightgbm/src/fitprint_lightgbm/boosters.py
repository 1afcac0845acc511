"""What a trained booster tells, and which model a training goes on from."""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from fitprint.autologging.fit import Fit
from fitprint_lightgbm.iterations import Iterations
from fitprint_lightgbm.parameters import resolved_params
from fitprint_sklearn.plots import record_plot

__all__ = ["record_booster", "record_importances", "record_origin"]

_PARTS = 20  # trainings inside one run whose boosters are described
_FEATURES = 1000  # recorded, the most important


def record_booster(fit: Fit, booster: Any, iterations: Iterations, training: str | None) -> None:
    """Record what a trained booster says of itself: resolved parameters, trees, early stopping, importances."""
    best = getattr(booster, "best_iteration", 0)
    with fit.part("early stopping", quiet=True):
        if isinstance(best, int) and best > 0 and iterations.done:
            iterations.stopped(best, training)
    if fit.position > _PARTS:
        return
    suffix = f"_part{fit.position}" if fit.position > 1 else ""
    with fit.part(f"booster{suffix}"):
        fit.document(
            f"booster{suffix}",
            {
                "iterations": booster.current_iteration(),
                "trees": booster.num_trees(),
                "trees_per_iteration": booster.num_model_per_iteration(),
                "features": booster.num_feature(),
                "params": resolved_params(booster),
            },
        )
    with fit.part(f"importances{suffix}", quiet=True):
        record_importances(fit, booster, suffix)


def record_importances(fit: Fit, booster: Any, suffix: str = "") -> None:
    """Record how often the trees split on each feature, and what they gained by it."""
    names = [str(name) for name in booster.feature_name()]
    for kind in ("split", "gain"):
        values = np.asarray(booster.feature_importance(importance_type=kind), dtype=float)
        content: dict[str, Any] = {"kind": "importances", "importance_type": kind}
        shown = range(len(names))
        if len(names) > _FEATURES:
            shown = np.sort(np.argpartition(values, -_FEATURES)[-_FEATURES:]).tolist()
            content["of"] = len(names)
        content |= {"features": [names[place] for place in shown], "values": [float(f"{values[place]:.7g}") for place in shown]}
        record_plot(fit, f"feature_importances_{kind}{suffix}", content)


def record_origin(fit: Fit, model: Any) -> None:
    """Record which model a training goes on from, and the run that it came from, if that is known."""
    if model is None:
        return
    with fit.part("origin", quiet=True):
        origin: dict[str, Any] = {}
        if isinstance(model, (str, PathLike)):
            data = Path(model).read_bytes()
            origin = {"file": str(model), "sha256": hashlib.sha256(data).hexdigest()}
        else:
            booster = getattr(model, "_Booster", model)
            run = fit.linked(model) or fit.linked(booster)
            if hasattr(booster, "current_iteration"):
                origin["iterations"] = booster.current_iteration()
            if run is not None:
                origin |= {"run": run.id, "model": "model"}
                fit.tags({"continued_from": run.id})
        fit.document("continued_from", origin)
