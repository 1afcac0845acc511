"""What the plugin is held against: calls that train, and models that are saved."""

from __future__ import annotations

import tempfile
from typing import Any

from fitprint.testing import Case, FlavorConformance, FrameworkConformance, ModelCase
from fitprint_catboost.flavor import CatBoostFlavor
from fitprint_catboost.framework import CatBoostFramework

__all__ = ["CatBoostConformance", "CatBoostFlavorConformance"]

_QUIET = {
    "logging_level": "Silent",
    "allow_writing_files": False,
    "thread_count": 1,
    "random_seed": 0,
}


def data() -> dict[str, Any]:
    import numpy as np

    draw = np.random.RandomState(0)
    X = draw.normal(size=(80, 4))
    return {"X": X, "y": (X[:, 0] + X[:, 1] > 0).astype(int)}


def frame() -> dict[str, Any]:
    import pandas as pd

    given = data()
    X = pd.DataFrame(given["X"], columns=["width", "height", "depth", "weight"])
    X["colour"] = ["red", "green", "blue", "green"] * 20
    return {"X": X, "y": given["y"]}


def fit(model: Any, X: Any, y: Any) -> Any:
    return model.fit(X, y)


def predict(model: Any) -> Any:
    return model.predict(data()["X"])


def predict_frame(model: Any) -> Any:
    return model.predict_proba(frame()["X"])


def build_classifier() -> dict[str, Any]:
    from catboost import CatBoostClassifier

    return {
        "model": CatBoostClassifier(iterations=8, depth=2, custom_metric=["AUC"], **_QUIET),
        **data(),
    }


def fit_with_eval_sets(model: Any, X: Any, y: Any) -> Any:
    return model.fit(X, y, eval_set=[(X[:40], y[:40]), (X[40:], y[40:])])


def build_categories() -> dict[str, Any]:
    from catboost import CatBoostClassifier

    return {
        "model": CatBoostClassifier(iterations=5, depth=2, cat_features=["colour"], **_QUIET),
        **frame(),
    }


def build_pools() -> dict[str, Any]:
    from catboost import CatBoostRegressor, Pool

    given = data()
    pools = {
        "train": Pool(given["X"][:60], given["y"][:60]),
        "test": Pool(given["X"][60:], given["y"][60:]),
    }
    return {
        "model": CatBoostRegressor(iterations=40, learning_rate=0.9, depth=3, **_QUIET),
        **pools,
    }


def fit_pools(model: Any, train: Any, test: Any) -> Any:
    return model.fit(train, eval_set=test, early_stopping_rounds=3)


def build_callbacks() -> dict[str, Any]:
    return {**build_classifier(), "callbacks": [Counting()]}


def fit_callbacks(model: Any, X: Any, y: Any, callbacks: Any) -> Any:
    return model.fit(X, y, callbacks=callbacks)


class Counting:
    """A callback of the user's."""

    def __init__(self) -> None:
        self.rounds = 0

    def after_iteration(self, info: Any) -> bool:
        self.rounds = info.iteration
        return True


def build_train() -> dict[str, Any]:
    from catboost import Pool

    given = data()
    return {
        "params": {"iterations": 6, "depth": 2, "loss_function": "Logloss", **_QUIET},
        "pool": Pool(given["X"], given["y"]),
    }


def train(params: Any, pool: Any) -> Any:
    import catboost

    return catboost.train(pool, params)


def cross_validate(params: Any, pool: Any) -> Any:
    import catboost

    # where it makes folders that stay empty
    with tempfile.TemporaryDirectory(prefix="fitprint-") as folder:
        return catboost.cv(pool, {**params, "train_dir": folder}, fold_count=3, as_pandas=False)


def build_search() -> dict[str, Any]:
    from catboost import CatBoostClassifier

    return {
        "model": CatBoostClassifier(iterations=4, **_QUIET),
        "grid": {"depth": [1, 2]},
        **data(),
    }


def search(model: Any, grid: Any, X: Any, y: Any) -> Any:
    model.grid_search(grid, X, y, cv=2, verbose=False)
    return model


_CURVES = {
    "learn-Logloss": 8,
    "validation_0-Logloss": 8,
    "validation_1-AUC": 8,
    "best_iteration": 1,
    "fit_time": 1,
}


class CatBoostConformance(FrameworkConformance):
    """Models, pools, callbacks, ``train``, ``cv`` and the grid search."""

    framework = CatBoostFramework()
    cases = (
        Case(
            "classifier",
            build_classifier,
            fit_with_eval_sets,
            predict,
            params={"depth", "l2_leaf_reg"},
            metrics=_CURVES,
        ),
        Case(
            "categories",
            build_categories,
            fit,
            predict_frame,
            params={"cat_features"},
            metrics={"learn-Logloss": 5},
        ),
        Case(
            "pools",
            build_pools,
            fit_pools,
            predict,
            params={"fit__early_stopping_rounds"},
            metrics={"best_score": 1, "stopped_iteration": 1},
        ),
        Case(
            "callbacks",
            build_callbacks,
            fit_callbacks,
            predict,
            params={"fit__callbacks"},
            metrics={"learn-Logloss": 8},
        ),
        Case("train", build_train, train, predict, params={"depth"}, metrics={"learn-Logloss": 6}),
        Case(
            "cv",
            build_train,
            cross_validate,
            params={"fold_count"},
            metrics={"test-Logloss-mean": 6},
            model=None,
            kind="cross-validation",
        ),
        Case(
            "search",
            build_search,
            search,
            predict,
            params={"best_depth"},
            metrics={"test-Logloss-mean": 4},
            kind="search",
        ),
    )


def fitted(given: dict[str, Any]) -> Any:
    return given["model"].fit(given["X"], given["y"])


def table() -> Any:
    import pandas as pd

    return pd.DataFrame(data()["X"])


def build_ranker() -> Any:
    from catboost import CatBoostRanker

    given = data()
    return CatBoostRanker(iterations=3, depth=2, **_QUIET).fit(
        given["X"], given["y"], group_id=[number // 10 for number in range(80)]
    )


def build_regressor() -> Any:
    from catboost import CatBoostRegressor

    given = data()
    return CatBoostRegressor(iterations=3, depth=2, **_QUIET).fit(given["X"], given["y"])


class CatBoostFlavorConformance(FlavorConformance):
    """Models in CatBoost's own format."""

    flavor = CatBoostFlavor()
    cases = (
        ModelCase("classifier", lambda: fitted(build_classifier()), predict),
        ModelCase("categories", lambda: fitted(build_categories()), predict_frame),
        ModelCase("regressor", build_regressor, predict, table=table),
        ModelCase("ranker", build_ranker, predict),
        ModelCase("plain", lambda: train(**build_train()), predict),
    )
