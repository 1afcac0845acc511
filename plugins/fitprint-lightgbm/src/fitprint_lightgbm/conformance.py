"""What the plugin is held against: calls that train, and models that are saved."""

from __future__ import annotations

from typing import Any

from fitprint.testing import Case, FlavorConformance, FrameworkConformance, ModelCase
from fitprint_lightgbm.flavor import LightGBMFlavor
from fitprint_lightgbm.framework import LightGBMFramework

__all__ = ["LightGBMConformance", "LightGBMFlavorConformance"]

_QUIET = {"verbosity": -1, "num_threads": 1, "deterministic": True, "min_data_in_leaf": 5}


def _data() -> tuple[Any, Any]:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return X[:, :6], y


def build_native() -> dict[str, Any]:
    import lightgbm

    X, y = _data()
    train = lightgbm.Dataset(X[:400], y[:400])
    valid = lightgbm.Dataset(X[400:], y[400:], reference=train)
    return {
        "params": {"objective": "binary", **_QUIET},
        "train_set": train,
        "valid_sets": [train, valid],
        "callbacks": [],
    }


def train(**given: Any) -> Any:
    import lightgbm

    return lightgbm.train(num_boost_round=8, valid_names=["train", "held_out"], **given)


def build_stopping() -> dict[str, Any]:
    import lightgbm

    callbacks = [
        lightgbm.early_stopping(2, verbose=False),
        lightgbm.reset_parameter(learning_rate=lambda step: 0.5 * 0.9**step),
    ]
    return {**build_native(), "callbacks": callbacks}


def train_until_stopped(**given: Any) -> Any:
    import lightgbm

    return lightgbm.train(num_boost_round=60, **given)


def validate(params: Any, train_set: Any, **_others: Any) -> Any:
    import lightgbm

    return lightgbm.cv(params, train_set, num_boost_round=5, nfold=3, seed=0)


def _predict(model: Any) -> Any:
    return model.predict(_data()[0])


def _text(booster: Any) -> Any:
    return (
        booster.model_to_string(),
        booster.best_iteration,
        dict(booster.best_score),
        _predict(booster),
    )


def build_classifier() -> dict[str, Any]:
    from lightgbm import LGBMClassifier

    X, y = _data()
    return {"model": LGBMClassifier(n_estimators=6, verbosity=-1, n_jobs=1), "X": X, "y": y}


def build_regressor() -> dict[str, Any]:
    from lightgbm import LGBMRegressor

    X, y = _data()
    return {
        "model": LGBMRegressor(n_estimators=6, verbosity=-1, n_jobs=1),
        "X": X,
        "y": y.astype(float),
    }


def build_ranker() -> dict[str, Any]:
    from lightgbm import LGBMRanker

    X, y = _data()
    return {
        "model": LGBMRanker(n_estimators=6, verbosity=-1, n_jobs=1),
        "X": X[:560],
        "y": y[:560],
        "group": [56] * 10,
    }


def fit(model: Any, X: Any, y: Any, **given: Any) -> Any:
    return model.fit(X, y, **given)


def fit_evaluated(model: Any, X: Any, y: Any) -> Any:
    import inspect

    # From 4.7 on the one is deprecated, before there is no other.
    new = "eval_X" in inspect.signature(type(model).fit).parameters
    held_out = (
        {"eval_X": (X[400:],), "eval_y": (y[400:],)} if new else {"eval_set": [(X[400:], y[400:])]}
    )
    return model.fit(X[:400], y[:400], **held_out)


class LightGBMConformance(FrameworkConformance):
    """The native interface, cross-validation and the estimators."""

    framework = LightGBMFramework()
    cases = (
        Case(
            "train",
            build_native,
            train,
            _text,
            params={"objective"},
            metrics={"held_out-binary_logloss": 8, "train-binary_logloss": 8},
        ),
        Case(
            "stopping",
            build_stopping,
            train_until_stopped,
            _text,
            metrics={"best_iteration": 1, "stopped_iteration": 1},
        ),
        Case(
            "cv",
            build_native,
            validate,
            model=None,
            kind="cross-validation",
            metrics={"valid-binary_logloss-mean": 5},
        ),
        Case(
            "classifier",
            build_classifier,
            fit_evaluated,
            _predict,
            params={"n_estimators"},
            metrics={"valid_0-binary_logloss": 6},
        ),
        Case(
            "regressor",
            build_regressor,
            fit,
            _predict,
            params={"n_estimators"},
            metrics={"training_r2_score": 1},
        ),
        Case("ranker", build_ranker, fit, _predict, params={"n_estimators"}),
    )


def _table() -> Any:
    import pandas as pd

    return pd.DataFrame(_data()[0])


def _booster() -> Any:
    return train(**build_native())


def _fitted(build: Any) -> Any:
    return fit(**build())


def _holding(thing: Any) -> Any:
    model = _fitted(build_classifier)
    model.kept_ = thing
    return model


class LightGBMFlavorConformance(FlavorConformance):
    """Boosters and estimators."""

    flavor = LightGBMFlavor()
    cases = (
        ModelCase("booster", _booster, _predict, table=_table),
        ModelCase("stopped booster", lambda: train_until_stopped(**build_stopping()), _predict),
        ModelCase("classifier", lambda: _fitted(build_classifier), _predict, _holding),
        ModelCase("regressor", lambda: _fitted(build_regressor), _predict),
        ModelCase("ranker", lambda: _fitted(build_ranker), _predict),
    )
