"""Searches, cross-validation, sequences of partial fits, and what is scored later."""

from __future__ import annotations

import csv
import gc
import io
import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - has to be imported
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    classification_report,
    confusion_matrix,
    f1_score,
    fbeta_score,
    mean_squared_error,
    roc_auc_score,
    silhouette_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import fitprint

X, y = load_diabetes(return_X_y=True)


# -- searches --------------------------------------------------------------------------------------


def test_grid_search(tracked):
    """A search is one run; every candidate is a child with its params, scores, ranks and times."""
    search = GridSearchCV(
        Ridge(), {"alpha": [0.1, 1.0, 10.0], "fit_intercept": [True, False]}, cv=4
    )
    run = tracked.of(lambda: search.fit(X, y))
    assert (run.kind, run.status) == ("search", "FINISHED")
    assert {name: value for name, value in run.params.items() if name.startswith("best_")} == {
        f"best_{name}": value for name, value in search.best_params_.items()
    }
    assert run.record.params["best_alpha"].provenance == "resolved"
    assert run.metrics["best_cv_score"] == search.best_score_
    children = run.children()
    assert [child.params for child in children] == search.cv_results_["params"]
    for position, child in enumerate(children):
        assert (child.kind, child.status) == ("candidate", "FINISHED")
        assert child.metrics["mean_test_score"] == search.cv_results_["mean_test_score"][position]
        assert child.metrics["rank_test_score"] == search.cv_results_["rank_test_score"][position]
        assert list(child.history("test_score").value) == [
            search.cv_results_[f"split{split}_test_score"][position] for split in range(4)
        ]
        assert {"mean_fit_time", "mean_score_time", "std_fit_time", "std_test_score"} <= set(
            child.metrics
        )
        assert run.start_time <= child.start_time <= child.end_time <= run.end_time
    assert children[0].name == "alpha=0.1, fit_intercept=True"


def test_results_table(tracked):
    """All results are a table."""
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]})
    run = tracked.of(lambda: search.fit(X, y))
    rows = list(csv.DictReader(io.StringIO(run.read("cv_results.csv").decode())))
    assert [json.loads(row["params"]) for row in rows] == search.cv_results_["params"]
    assert [float(row["mean_test_score"]) for row in rows] == search.cv_results_[
        "mean_test_score"
    ].tolist()


def test_search_with_several_metrics(tracked):
    """Each metric has its scores, ranks and splits; the refit metric decides what is best."""
    search = GridSearchCV(
        Ridge(),
        {"alpha": [0.1, 10.0]},
        scoring=["r2", "neg_mean_squared_error"],
        refit="r2",
        return_train_score=True,
    )
    run = tracked.of(lambda: search.fit(X, y))
    child = run.children()[1]
    assert {"mean_test_r2", "rank_test_neg_mean_squared_error", "mean_train_r2"} <= set(
        child.metrics
    )
    assert len(child.history("test_r2")) == len(child.history("train_neg_mean_squared_error")) == 5
    assert run.metrics["best_cv_score"] == search.best_score_


def test_search_without_refit(tracked):
    """Without refit there is no model, and the report says so."""
    run = tracked.of(lambda: GridSearchCV(Ridge(), {"alpha": [1, 2]}, refit=False).fit(X, y))
    assert "model" in run.capture["skipped"]
    assert "best_alpha" in run.params


def test_randomized_search(tracked):
    """Random searches have their candidates, estimators among the values included."""
    space = {
        "ridge__alpha": np.logspace(-2, 2, 50),
        "standardscaler": [StandardScaler(), None, StandardScaler(with_mean=False)],
    }
    search = RandomizedSearchCV(
        make_pipeline(StandardScaler(), Ridge()), space, n_iter=6, random_state=0
    )
    run = tracked.of(lambda: search.fit(X, y))
    assert len(run.children()) == 6
    assert {child.params["standardscaler"] for child in run.children()} <= {
        "StandardScaler()",
        None,
        "StandardScaler(with_mean=False)",
    }


def test_halving_search(tracked):
    """Each evaluation of a halving search is a child with its iteration and resources."""
    search = HalvingGridSearchCV(
        Ridge(), {"alpha": [0.1, 1.0, 10.0, 100.0]}, factor=2, random_state=0
    )
    run = tracked.of(lambda: search.fit(X, y))
    assert len(run.children()) == len(search.cv_results_["params"])
    assert [child.metrics["n_resources"] for child in run.children()] == search.cv_results_[
        "n_resources"
    ].tolist()
    assert run.children()[-1].name.startswith(f"iteration {max(search.cv_results_['iter'])}: ")


@pytest.mark.filterwarnings("ignore")
def test_candidate_that_fails(tracked):
    """A candidate none of whose splits could be fitted is FAILED, its scores NaN."""

    class Picky(BaseEstimator):
        def __init__(self, a=0):
            self.a = a

        def fit(self, X, y):
            if self.a:
                raise ValueError("not this one")
            return self

        def predict(self, X):
            return np.zeros(len(X))

        def score(self, X, y):
            return 0.5

    run = tracked.of(lambda: GridSearchCV(Picky(), {"a": [0, 1]}, refit=False).fit(X, y))
    assert [child.status for child in run.children()] == ["FINISHED", "FAILED"]
    assert math.isnan(run.children()[1].metrics["mean_test_score"])


def test_search_that_fails(tracked):
    """A search that raises is FAILED."""
    with pytest.raises(ValueError, match="Invalid parameter"):
        GridSearchCV(Ridge(), {"nonsense": [1]}).fit(X, y)
    assert tracked.run().status == "FAILED"


def test_best_candidates_only(tracked):
    """A setting bounds the candidates that are recorded to the best."""
    fitprint.configure(sklearn={"max_candidates": 2})
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0, 1000.0]})
    run = tracked.of(lambda: search.fit(X, y))
    assert sorted(child.metrics["rank_test_score"] for child in run.children()) == [1, 2]
    assert "2 of 4" in run.capture["skipped"]["candidates"]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_parallel_search(tracked, backend):
    """In threads and in processes a search is one run with its candidates."""
    from joblib import parallel_config

    with parallel_config(backend=backend):
        run = tracked.of(
            lambda: GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, n_jobs=2).fit(X, y)
        )
    assert len(run.children()) == 3
    assert len(tracked.all()) == 4


# -- cross-validation ------------------------------------------------------------------------------


def test_cross_val_score(tracked):
    """It is one run with the score of every fold, the estimator's params,
    and how it was validated.
    """
    scores = []
    run = tracked.of(
        lambda: scores.extend(cross_val_score(Ridge(alpha=3), X, y, cv=KFold(4), scoring="r2"))
    )
    assert (run.kind, run.name) == ("cross-validation", "cross_val_score Ridge")
    assert list(run.history("test_score").value) == scores
    assert run.metrics["mean_test_score"] == pytest.approx(np.mean(scores))
    assert (run.params["alpha"], run.params["cv"], run.params["scoring"]) == (
        3,
        "KFold(n_splits=4)",
        "r2",
    )
    assert len(tracked.all()) == 1


def test_cross_validate(tracked):
    """Every score and time of every fold is a history."""
    result = {}
    run = tracked.of(
        lambda: result.update(
            cross_validate(
                Ridge(), X, y, scoring=("r2", "neg_mean_squared_error"), return_train_score=True
            )
        )
    )
    for name in (
        "test_r2",
        "test_neg_mean_squared_error",
        "train_r2",
        "train_neg_mean_squared_error",
    ):
        assert list(run.history(name).value) == result[name].tolist()
    assert list(run.history("fold_fit_time").value) == result["fit_time"].tolist()


def test_splits_are_not_consumed(tracked):
    """Splits that can be read only once are read by scikit-learn alone."""
    splits = KFold(3).split(X)
    run = tracked.of(lambda: cross_val_score(Ridge(), X, y, cv=splits))
    assert len(run.history("test_score")) == 3
    assert run.params["cv"] == "<generator>"


def test_cross_val_predict(tracked):
    """The predictions are judged as a whole and by fold, and later scores of them join the run."""
    predicted = []
    run = tracked.of(lambda: predicted.append(cross_val_predict(Ridge(), X, y)))
    assert run.metrics["test_mean_squared_error"] == pytest.approx(np.mean((predicted[0] - y) ** 2))
    folds = [test for _, test in KFold(5).split(X)]
    expected = [
        1 - ((y[fold] - predicted[0][fold]) ** 2).sum() / ((y[fold] - y[fold].mean()) ** 2).sum()
        for fold in folds
    ]
    assert list(run.history("test_score").value) == pytest.approx(expected)
    mean_squared_error(y, predicted[0])
    assert "mean_squared_error" in tracked.run().metrics


def test_cross_val_predict_with_random_splits(tracked):
    """Splits that draw random numbers are not made again."""
    np.random.seed(0)
    cross_val_predict(Ridge(), X, y, cv=KFold(3, shuffle=True))
    after = np.random.random()
    np.random.seed(0)
    with fitprint.off():
        cross_val_predict(Ridge(), X, y, cv=KFold(3, shuffle=True))
    assert np.random.random() == after
    assert "test_score" not in tracked.run().metrics


def test_learning_curve(tracked):
    """The step is the number of rows."""
    result = []
    run = tracked.of(
        lambda: result.extend(learning_curve(Ridge(), X, y, train_sizes=[50, 100, 200], cv=3))
    )
    history = run.history("test_score")
    assert list(history.step) == [50] * 3 + [100] * 3 + [200] * 3
    assert list(history.value) == result[2].ravel().tolist()
    assert list(run.history("mean_train_score").step) == [50, 100, 200]


def test_validation_curve(tracked):
    """The epoch is the value of the parameter."""
    run = tracked.of(
        lambda: validation_curve(Ridge(), X, y, param_name="alpha", param_range=[0.5, 5.0], cv=3)
    )
    assert list(run.history("mean_test_score").epoch) == [0.5, 5.0]
    assert len(run.history("train_score")) == 6
    assert run.params["param_name"] == "alpha"


def test_permutation_test(tracked):
    """Score, permutations and p-value are recorded."""
    result = []
    run = tracked.of(
        lambda: result.extend(permutation_test_score(Ridge(), X, y, n_permutations=7, cv=3))
    )
    assert run.metrics["test_score"] == result[0]
    assert list(run.history("permutation_score").value) == result[1].tolist()
    assert run.metrics["p_value"] == result[2]


def test_params_of_function_and_estimator_do_not_clash(tracked):
    """An argument of the function that the estimator has, too, is recorded under the function's
    name.
    """
    run = tracked.of(
        lambda: learning_curve(
            Ridge(random_state=3), X, y, random_state=4, cv=ShuffleSplit(2, random_state=0)
        )
    )
    assert (run.params["random_state"], run.params["learning_curve__random_state"]) == (3, 4)


# -- sequences -------------------------------------------------------------------------------------


def test_partial_fit(tracked):
    """All calls with one object are one run, which counts rows."""
    data, target = load_digits(return_X_y=True)
    model = SGDClassifier(alpha=0.5)
    for start in range(0, 300, 100):
        model.partial_fit(
            data[start : start + 100], target[start : start + 100], classes=list(range(10))
        )
    run = tracked.run()
    assert list(run.history("rows").value) == [100, 200, 300]
    assert (run.params["alpha"], run.params["fit__classes"], run.status) == (
        0.5,
        list(range(10)),
        "RUNNING",
    )
    del model
    gc.collect()
    assert tracked.run().status == "FINISHED"


def test_loss_of_partial_fits(tracked):
    """The loss of each call is a history where the estimator tells it."""
    model = MLPClassifier((5,), random_state=0)
    losses = []
    for _ in range(3):
        model.partial_fit(*load_iris(return_X_y=True), classes=[0, 1, 2])
        losses.append(model.loss_)
    assert list(tracked.run().history("loss").value) == losses


def test_fit_ends_a_sequence(tracked):
    """A fit of the same object is a run of its own, and so is the sequence after it."""
    model = SGDClassifier()
    data = load_iris(return_X_y=True)
    model.partial_fit(*data, classes=[0, 1, 2])
    model.fit(*data)
    model.partial_fit(*data)
    assert [run.status for run in tracked.runs()] == ["FINISHED", "FINISHED", "RUNNING"]


# -- later -----------------------------------------------------------------------------------------


@pytest.fixture
def judged(tracked):
    """A model that was trained on one half, and the other half."""
    X_train, X_test, y_train, y_test = train_test_split(
        *load_breast_cancer(return_X_y=True), random_state=0
    )
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X_train, y_train)
    return model, X_train, X_test, y_train, y_test


def test_later_score(tracked, judged):
    """``score`` joins the model's run, on other data and on the training data apart."""
    model, X_train, X_test, y_train, y_test = judged
    value = model.score(X_test, y_test)
    model.score(X_train, y_train)
    run = tracked.run()
    assert list(run.history("score").value) == [value]
    assert len(run.history("training_score")) == 2


def test_later_metrics(tracked, judged):
    """Metrics of predictions join the model's run, also of a column of the probabilities and of a
    Series.
    """
    model, _, X_test, _, y_test = judged
    accuracy = accuracy_score(y_test, model.predict(X_test))
    area = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    f1 = f1_score(y_true=y_test, y_pred=model.predict(X_test), average="macro")
    fbeta_score(y_test, model.predict(X_test), beta=2)
    predicted = model.predict(X_test)
    accuracy_score(y_test, pd.Series(predicted, copy=False))
    run = tracked.run()
    assert list(run.history("accuracy_score").value) == [accuracy] * 2
    assert run.metrics["roc_auc_score"] == area
    assert run.metrics["f1_score_macro"] == f1
    assert "fbeta_score_beta_2" in run.metrics


def test_later_metrics_of_training_data(tracked, judged):
    """Predictions for the very training data are told apart."""
    model, X_train, _, y_train, _ = judged
    accuracy_score(y_train, model.predict(X_train))
    run = tracked.run()
    assert "accuracy_score" not in run.metrics
    assert len(run.history("training_accuracy_score")) == 2


def test_later_tables(tracked, judged):
    """What is no single number becomes an artifact."""
    model, _, X_test, _, y_test = judged
    predicted = model.predict(X_test)
    matrix = confusion_matrix(y_test, predicted)
    report = classification_report(y_test, predicted)
    classification_report(y_test, predicted, output_dict=True)
    run = tracked.run()
    assert json.loads(run.read("evaluation/confusion_matrix.json")) == matrix.tolist()
    assert run.read("evaluation/classification_report.txt").decode() == report
    assert "accuracy" in json.loads(run.read("evaluation/classification_report.json"))


def test_scores_of_strangers(tracked):
    """Metrics of what no recorded model predicted are recorded nowhere."""
    accuracy_score([1, 0], [1, 1])
    assert tracked.all() == []


def test_clusters_are_judged_later(tracked):
    """Labels of a clustering are known as its predictions."""
    data, target = load_iris(return_X_y=True)
    model = KMeans(3, n_init=1, random_state=0).fit(data)
    silhouette_score(data, model.labels_)
    adjusted_rand_score(target, model.fit_predict(data))
    first, second = tracked.runs()
    assert "silhouette_score" in first.metrics
    assert "adjusted_rand_score" in second.metrics


def test_best_estimator_is_known(tracked):
    """Search and best estimator lead to the search's run."""
    search = GridSearchCV(Ridge(), {"alpha": [1, 2]}).fit(X, y)
    other = X[:100].copy()
    mean_squared_error(y[:100], search.predict(other))
    mean_squared_error(y[:100], search.best_estimator_.predict(other))
    assert len(tracked.run().history("mean_squared_error")) == 2


def test_permutation_importance(tracked, judged):
    """Its many scores are not the model's; its result is."""
    model, _, X_test, _, y_test = judged
    result = permutation_importance(model, X_test, y_test, n_repeats=2, random_state=0)
    run = tracked.run()
    assert "score" not in run.metrics
    assert (
        json.loads(run.read("plots/permutation_importances.json"))["values"]
        == result.importances_mean.tolist()
    )


def test_transformers(tracked):
    """A transformer by itself is a run, with what it found."""
    model = PCA(3)
    run = tracked.of(lambda: model.fit_transform(load_iris().data))
    assert run.name == "PCA"
    assert (
        list(run.history("explained_variance_ratio").value)
        == model.explained_variance_ratio_.tolist()
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_models_out_of_loops(tracked):
    """Many fits in a loop are a run each."""
    for C in (0.1, 1, 10):
        LogisticRegression(C=C, max_iter=5).fit(*load_iris(return_X_y=True))
    assert [run.params["C"] for run in tracked.runs()] == [0.1, 1, 10]
