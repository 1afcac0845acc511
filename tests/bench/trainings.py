"""The trainings that are measured, the same for fitprint and for the peer. Each function returns
what trains once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

ROUNDS = 200
EPOCHS = 20


def logistic(load: Callable[..., Any] | None = None) -> Callable[[], Any]:
    """LogisticRegression on the digits, or on other data of scikit-learn's."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    X, y = (load or load_digits)(return_X_y=True)
    X = X / 16
    return lambda: LogisticRegression(max_iter=30, tol=1e9).fit(X, y)


def xgboost() -> Callable[[], Any]:
    """xgboost.train on breast cancer: 200 rounds, two evaluation sets, one thread."""
    import xgboost
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    train, test = xgboost.DMatrix(X[:400], y[:400]), xgboost.DMatrix(X[400:], y[400:])
    params = {
        "objective": "binary:logistic",
        "eval_metric": ["logloss", "auc"],
        "max_depth": 3,
        "nthread": 1,
    }
    evals = [(train, "train"), (test, "test")]
    return lambda: xgboost.train(params, train, ROUNDS, evals=evals, verbose_eval=False)


def lightgbm() -> Callable[[], Any]:
    """lightgbm.train on breast cancer: 200 rounds, two evaluation sets, one thread."""
    import lightgbm
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    params = {
        "objective": "binary",
        "metric": ["binary_logloss", "auc"],
        "num_leaves": 7,
        "num_threads": 1,
        "verbosity": -1,
    }

    def train() -> Any:
        data = lightgbm.Dataset(X[:400], y[:400])
        test = lightgbm.Dataset(X[400:], y[400:], reference=data)
        return lightgbm.train(
            params, data, ROUNDS, valid_sets=[data, test], valid_names=["train", "test"]
        )

    return train


def keras() -> Callable[[], Any]:
    """A perceptron of Keras on 5000 rows, 20 epochs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import numpy as np

    draw = np.random.default_rng(0)
    X = draw.normal(size=(5000, 20)).astype("float32")
    y = (X[:, 0] * X[:, 1] > 0).astype("float32")
    model = keras.Sequential(
        [keras.Input((20,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(X, y, epochs=EPOCHS, batch_size=32, verbose=0) and model


def sparse(rows: int = 2000) -> Callable[[], Any]:
    """An estimator of XGBoost on a sparse matrix of 2000 x 3000, two rounds."""
    import scipy.sparse
    import xgboost

    X = scipy.sparse.random(rows, 3000, density=0.01, format="csr", random_state=0)
    y = [row % 2 for row in range(rows)]
    return lambda: xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, y)


def large() -> tuple[Any, Callable[[str], Any], Callable[[str], Any]]:
    """Return a model of some 100 MB, and what writes it to a file and reads it back with the
    framework's own means.
    """
    import numpy as np
    import skops.io
    from sklearn.neighbors import KNeighborsRegressor

    X = np.random.default_rng(0).normal(size=(60_000, 200))
    model = KNeighborsRegressor(algorithm="brute").fit(X, X[:, 0])
    return model, lambda path: skops.io.dump(model, path), skops.io.load
