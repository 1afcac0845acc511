"""Predictions: what a predictor costs beside the framework's own ``predict``, for one row and for a
thousand.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

WIDTH = 10
REPEATS = 7


def _cpu(action: Callable[[], object], count: int) -> float:
    """Return the CPU milliseconds of a call, the best of some series."""
    best = float("inf")
    for _ in range(REPEATS):
        before = time.process_time()
        for _ in range(count):
            action()
        best = min(best, (time.process_time() - before) / count)
    return best * 1000


def predictions() -> dict[str, float]:
    """CPU milliseconds of rows of Python values through a predictor (``one``, ``many``), of
    scikit-learn's own ``predict`` for an array that is there (``own_one``, ``own_many``), and of
    making the array (``made_many``).
    """
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    from fitprint.models.predictor import Predictor
    from fitprint.models.signature import infer_signature
    from fitprint_sklearn.flavor import SklearnFlavor

    draw = np.random.default_rng(0)
    names = [f"f{number}" for number in range(WIDTH)]
    X = pd.DataFrame(draw.normal(size=(1000, WIDTH)), columns=names)
    model = LogisticRegression().fit(X, X.f0 > 0)
    bare = LogisticRegression().fit(X.to_numpy(), X.f0 > 0)
    predictor = Predictor(model, SklearnFlavor(), infer_signature(X, model.predict(X)))
    array = np.asfortranarray(X.to_numpy())
    rows = array.tolist()
    assert predictor.predict(rows).tolist() == bare.predict(array).tolist()

    def predict(given: list[list[float]]) -> object:
        return predictor.predict_batch(predictor.reader.from_rows(given, names))

    return {
        "one": _cpu(lambda: predict(rows[:1]), 200),
        "own_one": _cpu(lambda: bare.predict(array[:1]), 200),
        "many": _cpu(lambda: predict(rows), 20),
        "own_many": _cpu(lambda: bare.predict(array), 20),
        "made_many": _cpu(lambda: np.array(rows), 20),
    }


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()))
