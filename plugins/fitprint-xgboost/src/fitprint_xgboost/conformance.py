"""What the plugin is held against: calls that train, and models that are saved."""

from __future__ import annotations

from typing import Any

from fitprint.testing import Case, FlavorConformance, FrameworkConformance, ModelCase
from fitprint_xgboost.flavor import XGBoostFlavor
from fitprint_xgboost.framework import XGBoostFramework

__all__ = ["XGBoostConformance", "XGBoostFlavorConformance"]

_ROUNDS = 5
_BINARY = {
    "objective": "binary:logistic",
    "eval_metric": ["logloss", "auc"],
    "max_depth": 2,
    "nthread": 1,
}


def _arrays() -> tuple[Any, Any]:
    import numpy as np

    draw = np.random.RandomState(0)
    features = draw.normal(size=(60, 4))
    return features, (features[:, 0] + features[:, 1] > 0).astype(int)


def _matrix() -> Any:
    import xgboost

    features, target = _arrays()
    return xgboost.DMatrix(features, label=target)


def build_training() -> dict[str, Any]:
    return {"params": dict(_BINARY), "dtrain": _matrix(), "dtest": _matrix(), "callbacks": None}


def build_training_with_callbacks() -> dict[str, Any]:
    from xgboost.callback import EarlyStopping, LearningRateScheduler

    callbacks = [LearningRateScheduler([0.5, 0.4, 0.3, 0.2, 0.1]), EarlyStopping(rounds=3)]
    return build_training() | {"callbacks": callbacks}


def train(params: Any, dtrain: Any, dtest: Any, callbacks: Any) -> Any:
    import xgboost

    evals = [(dtrain, "train"), (dtest, "test")]
    return xgboost.train(
        params, dtrain, _ROUNDS, evals=evals, callbacks=callbacks, verbose_eval=False
    )


# all of what is built
def cross_validate(params: Any, dtrain: Any, dtest: Any, callbacks: Any) -> Any:  # noqa: ARG001
    import xgboost

    return xgboost.cv(params, dtrain, _ROUNDS, nfold=3, callbacks=callbacks, as_pandas=False)


def predict(booster: Any) -> Any:
    return booster.predict(_matrix())


def build_estimator() -> dict[str, Any]:
    from xgboost import XGBClassifier

    features, target = _arrays()
    return {
        "model": XGBClassifier(n_estimators=_ROUNDS, max_depth=2, n_jobs=1),
        "X": features,
        "y": target,
    }


def build_forest() -> dict[str, Any]:
    """Return a forest that draws from a generator of its own."""
    import numpy as np
    from xgboost import XGBRegressor

    features, _ = _arrays()
    generator = np.random.RandomState(3)
    model = XGBRegressor(
        n_estimators=1,
        num_parallel_tree=_ROUNDS,
        max_depth=2,
        subsample=0.5,
        random_state=generator,
        n_jobs=1,
    )
    return {"model": model, "X": features, "y": features[:, 0]}


def build_ranker() -> dict[str, Any]:
    import numpy as np
    from xgboost import XGBRanker

    features, target = _arrays()
    return {
        "model": XGBRanker(n_estimators=_ROUNDS, n_jobs=1),
        "X": features,
        "y": target,
        "qid": np.repeat(range(6), 10),
    }


def fit(model: Any, X: Any, y: Any, **more: Any) -> Any:
    return model.fit(X, y, **more)


def fit_with_evaluation(model: Any, X: Any, y: Any) -> Any:
    return model.fit(X, y, eval_set=[(X, y)], verbose=False)


def predict_with_estimator(model: Any) -> Any:
    return model.predict(_arrays()[0])


class XGBoostConformance(FrameworkConformance):
    """Training, cross-validation and estimators."""

    framework = XGBoostFramework()
    cases = (
        Case(
            "train",
            build_training,
            train,
            predict,
            params={"objective", "max_depth", "num_boost_round"},
            metrics={
                f"{data}-{metric}": _ROUNDS
                for data in ("train", "test")
                for metric in ("logloss", "auc")
            },
        ),
        Case(
            "callbacks",
            build_training_with_callbacks,
            train,
            predict,
            params={"callbacks"},
            metrics={
                "test-auc": _ROUNDS,
                "learning_rate": _ROUNDS,
                "best_iteration": 1,
                "best_score": 1,
                "stopped_iteration": 1,
            },
        ),
        Case(
            "cv",
            build_training,
            cross_validate,
            params={"nfold"},
            metrics={
                "test-auc-mean": _ROUNDS,
                "test-auc-std": _ROUNDS,
                "train-logloss-mean": _ROUNDS,
            },
            model=None,
            kind="cross-validation",
        ),
        Case(
            "classifier",
            build_estimator,
            fit_with_evaluation,
            predict_with_estimator,
            params={"max_depth", "n_estimators"},
            metrics={"validation_0-logloss": _ROUNDS, "training_score": 1},
        ),
        Case(
            "forest",
            build_forest,
            fit,
            predict_with_estimator,
            params={"n_estimators"},
            metrics={"training_score": 1},
        ),
        Case("ranker", build_ranker, fit, predict_with_estimator, params={"n_estimators"}),
    )


def _table() -> Any:
    import pandas as pd

    return pd.DataFrame(_arrays()[0], columns=["a", "b", "c", "d"])


def _predict_table(model: Any) -> Any:
    return model.predict(_table())


def _booster() -> Any:
    return train(**build_training())


def _fitted(given: dict[str, Any]) -> Any:
    return fit(**given)


class XGBoostFlavorConformance(FlavorConformance):
    """Boosters and estimators in XGBoost's own format, which holds no code."""

    flavor = XGBoostFlavor()
    cases = (
        ModelCase("booster", _booster, predict),
        ModelCase("classifier", lambda: _fitted(build_estimator()), predict_with_estimator),
        ModelCase(
            "named",
            lambda: _fitted({**build_estimator(), "X": _table()}),
            _predict_table,
            table=_table,
        ),
        ModelCase("forest", lambda: _fitted(build_forest()), predict_with_estimator),
        ModelCase("ranker", lambda: _fitted(build_ranker()), predict_with_estimator),
    )
