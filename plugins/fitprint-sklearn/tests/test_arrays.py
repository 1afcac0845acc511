"""What predicts for an array predicts what the estimator predicts for a frame."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.utils import all_estimators

from fitprint_sklearn.arrays import on_array

RANDOM = np.random.default_rng(0)
MIXED = pd.DataFrame(
    {
        "size": RANDOM.uniform(0.1, 3, 60),
        "age": RANDOM.integers(1, 50, 60),
        "rate": RANDOM.uniform(0.1, 1, 60),
    }
)
WHOLE = pd.DataFrame(RANDOM.integers(0, 4, (60, 3)), columns=list("abc"))
TARGET = np.arange(60) % 2


def as_array(frame):
    return np.asfortranarray(frame.to_numpy())


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
def test_all_of_scikit_learn_predicts_the_same():
    """To the last bit, of the same type and without a warning of names: whatever is allowed an
    array.
    """
    seen = []
    for name, kind in all_estimators():
        for frame in (MIXED, WHOLE):
            try:
                model = kind().fit(frame, TARGET)
            except Exception:  # noqa: BLE001 - it needs other data, or other parameters
                continue
            predict = on_array(model)
            if predict is None:
                continue
            expected = model.predict(frame)
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message=".*feature name")
                found = predict(as_array(frame))
            assert type(expected) is type(found), name
            assert np.asarray(expected).dtype == np.asarray(found).dtype, name
            np.testing.assert_array_equal(expected, found, err_msg=name)
            assert list(model.feature_names_in_) == list(frame.columns), name
            seen.append(name)
    assert len(set(seen)) > 60
    assert {"LogisticRegression", "RandomForestClassifier", "SVC", "MLPRegressor"} <= set(seen)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline("passthrough", StandardScaler(), LogisticRegression()),
        make_pipeline(MinMaxScaler(), PolynomialFeatures(), Ridge()),
        make_pipeline(KBinsDiscretizer(encode="ordinal", quantile_method="linear"), Ridge())
        if "quantile_method" in KBinsDiscretizer().get_params()
        else make_pipeline(KBinsDiscretizer(encode="ordinal"), Ridge()),
    ],
    ids=["scaled", "passed through", "polynomial", "bins"],
)
def test_pipelines_of_such_steps(model):
    """The first that does something knows the names."""
    model.fit(MIXED, TARGET)

    found = on_array(model)(as_array(MIXED))

    assert model.predict(MIXED).tolist() == found.tolist()


def test_changes_of_the_model_count():
    """The user may go on with it."""
    model = LinearRegression().fit(MIXED, TARGET)
    predict = on_array(model)

    model.fit(MIXED, TARGET * 2)

    assert model.predict(MIXED).tolist() == predict(as_array(MIXED)).tolist()


class Own(BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return X["age"]


class Derived(LinearRegression):
    def predict(self, X):
        return X["age"]


@pytest.mark.parametrize(
    "model",
    [
        Own(),
        Derived(),
        make_pipeline(make_column_transformer((StandardScaler(), ["size"])), LinearRegression()),
        make_pipeline(FunctionTransformer(lambda X: X[["age"]]), LinearRegression()),
        make_pipeline(SelectFromModel(LinearRegression()), LinearRegression()),
        make_pipeline(StandardScaler().set_output(transform="pandas"), LinearRegression()),
        make_pipeline(Own(), LinearRegression()),
        VotingClassifier([("a", LogisticRegression())]),
        GridSearchCV(LogisticRegression(), {"C": [1]}, cv=2),
        KNeighborsClassifier(metric=lambda one, other: abs(one - other).sum()),
        HistGradientBoostingClassifier(categorical_features=["age"]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_doubtful_models_get_a_frame(model):
    """Own code, columns by name, estimators in estimators."""
    try:
        model.fit(MIXED, TARGET)
    except (AttributeError, TypeError, ValueError):
        pass

    assert on_array(model) is None


def test_what_has_no_predict_gets_nothing():
    """Its error is the flavor's."""
    assert on_array(StandardScaler().fit(MIXED)) is None
    assert on_array(RandomForestClassifier(n_estimators=2).fit(MIXED.to_numpy(), TARGET))
