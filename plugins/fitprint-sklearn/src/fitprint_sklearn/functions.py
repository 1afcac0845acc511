"""The observer of functions that train: clusterings, and linear models without an estimator around
them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from fitprint.autologging.fit import Fit
from fitprint_sklearn.data import read_call
from fitprint_sklearn.estimators import record_data
from fitprint_sklearn.parameters import plain

__all__ = ["observe_function"]

_DATA = {"X", "y", "S", "affinity", "sample_weight", "Xy", "Gram"}
# where the labels are
_OUTPUTS = {
    "k_means": 1,
    "dbscan": 1,
    "affinity_propagation": 1,
    "mean_shift": 1,
    "spectral_clustering": None,
}


def observe_function(fit: Fit) -> Generator[None, Any, None]:
    """Record one call of a function that trains: its options and data, and of a clustering what it
    found. It gives no model to save.
    """
    options = {name: value for name, value in fit.arguments.items() if name not in _DATA}
    fit.params(
        {name: plain(value) for name, value in options.items()},
        defaults=[name for name in options if not fit.given(name)],
    )
    fit.identify(fit.function)
    call = read_call(fit.arguments, fit.given)
    record_data(fit, call)
    for name in ("S", "affinity"):
        fit.dataset(fit.argument(name), name=name)
    result = yield
    if fit.function.__name__ in _OUTPUTS:
        place = _OUTPUTS[fit.function.__name__]
        with fit.part("clusters", quiet=True):
            labels = np.asarray(result if place is None else result[place])
            noise = labels < 0
            fit.metric("n_clusters", len(np.unique(labels[~noise])))
            if noise.any():
                fit.metric("noise_share", float(noise.mean()), goal="min")
