"""What the plugin is held against: calls that train, and models that are saved."""

from __future__ import annotations

from typing import Any

from fitprint.testing import Case, FlavorConformance, FrameworkConformance, ModelCase
from fitprint_sklearn.flavor import SklearnFlavor
from fitprint_sklearn.framework import SklearnFramework

__all__ = ["SklearnConformance", "SklearnFlavorConformance"]


def _data() -> dict[str, Any]:
    import numpy as np

    draw = np.random.RandomState(0)
    X = draw.normal(size=(60, 4))
    return {"X": X, "y": (X[:, 0] + X[:, 1] > 0).astype(int)}


def _fit(model: Any, X: Any, y: Any) -> Any:
    return model.fit(X, y)


def _predict(model: Any) -> Any:
    return model.predict(_data()["X"])


def build_logistic() -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    return {"model": LogisticRegression(C=0.5), **_data()}


def build_boosting() -> dict[str, Any]:
    from sklearn.ensemble import GradientBoostingClassifier

    # draws from numpy's global generator
    return {"model": GradientBoostingClassifier(n_estimators=5, subsample=0.5), **_data()}


def build_pipeline() -> dict[str, Any]:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {"model": make_pipeline(StandardScaler(), Ridge(alpha=2.0)), **_data()}


def build_forest() -> dict[str, Any]:
    from sklearn.ensemble import RandomForestClassifier

    return {"model": RandomForestClassifier(n_estimators=4, n_jobs=2, random_state=0), **_data()}


def build_search() -> dict[str, Any]:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV

    return {"model": GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=3), **_data()}


def build_clusters() -> dict[str, Any]:
    from sklearn.cluster import KMeans

    return {"model": KMeans(3, n_init=1, random_state=0), "X": _data()["X"]}


def fit_predict(model: Any, X: Any) -> Any:
    return model.fit_predict(X)


def build_frame() -> dict[str, Any]:
    from sklearn.preprocessing import StandardScaler

    return {"model": StandardScaler(), "X": _data()["X"]}


def fit_transform(model: Any, X: Any) -> Any:
    return model.fit_transform(X)


def build_steps() -> dict[str, Any]:
    from sklearn.linear_model import SGDClassifier

    return {"model": SGDClassifier(random_state=0), **_data()}


def partial_fit(model: Any, X: Any, y: Any) -> Any:
    return model.partial_fit(X[:30], y[:30], classes=[0, 1]).partial_fit(X[30:], y[30:])


def cross_validate(model: Any, X: Any, y: Any) -> Any:
    from sklearn.model_selection import cross_val_score

    return cross_val_score(model, X, y, cv=3)


class SklearnConformance(FrameworkConformance):
    """Estimators, meta-estimators, searches, sequences and cross-validation."""

    framework = SklearnFramework()
    cases = (
        Case(
            "logistic",
            build_logistic,
            _fit,
            _predict,
            params={"C", "solver"},
            metrics={"training_score": 1, "fit_time": 1},
        ),
        Case(
            "boosting",
            build_boosting,
            _fit,
            _predict,
            params={"subsample"},
            metrics={"training_score": 1},
        ),
        Case(
            "pipeline",
            build_pipeline,
            _fit,
            _predict,
            params={"ridge__alpha"},
            metrics={"training_score": 1},
        ),
        Case(
            "forest",
            build_forest,
            _fit,
            _predict,
            params={"n_estimators"},
            metrics={"training_score": 1},
        ),
        Case("search", build_search, _fit, _predict, kind="search", children=3),
        Case("clusters", build_clusters, fit_predict, params={"n_clusters"}),
        Case("transformer", build_frame, fit_transform, params={"with_mean"}),
        Case("sequence", build_steps, partial_fit, _predict, params={"alpha"}),
        Case("validation", build_logistic, cross_validate, model=None, kind="cross-validation"),
    )


def _fitted(given: dict[str, Any]) -> Any:
    return given["model"].fit(*(given[name] for name in ("X", "y") if name in given))


def _table() -> Any:
    import pandas as pd

    found = _data()["X"]
    return pd.DataFrame(found, columns=[f"x{number}" for number in range(found.shape[1])])


def _predict_table(model: Any) -> Any:
    return model.predict(_table())


def _holding(thing: Any) -> Any:
    model = _fitted(build_logistic())
    model.kept_ = thing
    return model


class SklearnFlavorConformance(FlavorConformance):
    """Estimators in the safe format."""

    flavor = SklearnFlavor()
    cases = (
        ModelCase("logistic", lambda: _fitted(build_logistic()), _predict, _holding),
        ModelCase(
            "named",
            lambda: _fitted({**build_logistic(), "X": _table()}),
            _predict_table,
            table=_table,
        ),
        ModelCase("forest", lambda: _fitted(build_forest()), _predict),
        ModelCase("pipeline", lambda: _fitted(build_pipeline()), _predict),
        ModelCase("search", lambda: _fitted(build_search()), _predict),
        ModelCase("clusters", lambda: _fitted(build_clusters()), _predict),
    )
