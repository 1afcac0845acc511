"""``fitprint.evaluate`` on scikit-learn's models: the numbers are those of scikit-learn's own
functions.
"""

import inspect
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_multilabel_classification,
)
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

import fitprint
from fitprint.errors import FitprintError, SignatureError
from fitprint_sklearn.verdicts import METRICS

IRIS = load_iris(as_frame=True)
CANCER = load_breast_cancer(as_frame=True)
DIABETES = load_diabetes(as_frame=True)
WEIGHTED = {"average": "weighted", "zero_division": 0}
# a model that predicts twice need not say the same to the last bit: libraries look at where arrays
# lie in memory
AS_CLOSE = 1e-12


def halves(bunch):
    return bunch.data[::2], bunch.target[::2], bunch.data[1::2], bunch.target[1::2]


def evaluated(model, bunch, **options):
    """Train on one half, judge on the other; return model, features, target and the verdict."""
    X, y, test, true = halves(bunch)
    model.fit(X, y)
    return model, test, true, fitprint.evaluate(model, test, true, **options)


def test_classes_have_the_numbers_of_scikit_learn(tracked):
    """Of three classes."""
    model, X, y, found = evaluated(LogisticRegression(max_iter=1000), IRIS)
    said, probabilities = model.predict(X), model.predict_proba(X)
    expected = {
        "accuracy_score": metrics.accuracy_score(y, said),
        "precision_score": metrics.precision_score(y, said, **WEIGHTED),
        "recall_score": metrics.recall_score(y, said, **WEIGHTED),
        "f1_score": metrics.f1_score(y, said, **WEIGHTED),
        "log_loss": metrics.log_loss(y, probabilities),
        "roc_auc_score": metrics.roc_auc_score(
            y, probabilities, multi_class="ovo", average="weighted"
        ),
    }
    assert pytest.approx(expected, rel=AS_CLOSE) == found.metrics
    assert () == found.notes


def test_two_classes_have_the_numbers_of_scikit_learn(tracked):
    """The area under the curve, and what else ranks, is of the second class."""
    names = [
        "roc_auc_score",
        "average_precision_score",
        "brier_score_loss",
        "log_loss",
        "matthews_corrcoef",
        "balanced_accuracy_score",
    ]
    model, X, y, found = evaluated(
        make_pipeline(StandardScaler(), LogisticRegression()), CANCER, metrics=names
    )
    said, probabilities = model.predict(X), model.predict_proba(X)
    expected = {
        "roc_auc_score": metrics.roc_auc_score(y, probabilities[:, 1]),
        "average_precision_score": metrics.average_precision_score(y, probabilities[:, 1]),
        "brier_score_loss": metrics.brier_score_loss(y, probabilities[:, 1]),
        "log_loss": metrics.log_loss(y, probabilities),
        "matthews_corrcoef": metrics.matthews_corrcoef(y, said),
        "balanced_accuracy_score": metrics.balanced_accuracy_score(y, said),
    }
    assert pytest.approx(expected, rel=AS_CLOSE) == found.metrics


def test_a_model_without_probabilities_has_the_other_metrics(tracked):
    """Its decision function ranks as well."""
    model, X, y, found = evaluated(make_pipeline(StandardScaler(), LinearSVC()), CANCER)
    assert (
        pytest.approx(metrics.roc_auc_score(y, model.decision_function(X)), rel=AS_CLOSE)
        == found.metrics["roc_auc_score"]
    )
    assert "log_loss" not in found.metrics
    with pytest.raises(
        FitprintError,
        match="log_loss takes probabilities, which a sklearn.pipeline.Pipeline does not give",
    ):
        fitprint.evaluate(model, X, y, "log_loss")


def test_quantities_have_the_numbers_of_scikit_learn(tracked):
    """One output or several."""
    model, X, y, found = evaluated(LinearRegression(), DIABETES)
    said = model.predict(X)
    expected = {
        "r2_score": metrics.r2_score(y, said),
        "mean_absolute_error": metrics.mean_absolute_error(y, said),
        "root_mean_squared_error": metrics.root_mean_squared_error(y, said),
        "median_absolute_error": metrics.median_absolute_error(y, said),
    }
    assert pytest.approx(expected, rel=AS_CLOSE) == found.metrics
    several = np.column_stack([y, y**2])
    both = LinearRegression().fit(X, several)
    expected = metrics.r2_score(several, both.predict(X))
    assert (
        pytest.approx(expected, rel=AS_CLOSE)
        == fitprint.evaluate(both, X, several).metrics["r2_score"]
    )


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_the_function_of_its_name(tracked, name):
    """With the options that the module describes."""
    base = next(
        base
        for base in (name, name.removesuffix("_macro"), name.removesuffix("_micro"))
        if hasattr(metrics, base)
    )
    function = getattr(metrics, base)
    known = inspect.signature(function).parameters
    options = (
        {"average": name[len(base) + 1 :] or "weighted", "zero_division": 0}
        if "zero_division" in known
        else {}
    )
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 2, (60, 2))
    is_class = (
        "y_proba" in known or "y_score" in known or "y_prob" in known or "zero_division" in known
    )
    true = (
        (X[:, 0] + rng.uniform(0, 1, 60) > 2).astype(int)
        if is_class or not _is_of_quantities(name)
        else X[:, 0] + rng.uniform(0, 1, 60)
    )
    model = (LogisticRegression() if set(true) == {0, 1} else LinearRegression()).fit(X, true)
    if METRICS[name].takes == "predictions":
        second = model.predict(X)
    else:
        second = model.predict_proba(X) if name == "log_loss" else model.predict_proba(X)[:, 1]
    expected = function(true, second, **options)
    assert (
        pytest.approx(expected, rel=AS_CLOSE)
        == fitprint.evaluate(model, X, true, name).metrics[name]
    )


def _is_of_quantities(name):
    return name in list(METRICS)[list(METRICS).index("r2_score") :]


def test_models_and_data_of_many_kinds_are_judged(tracked):
    """Searches, pipelines with texts, targets of texts and categories, several labels."""
    frame = pd.DataFrame(
        {"town": list("abab") * 5, "size": range(20), "kind": ["x", "y", "x", "x"] * 5}
    )
    columns = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(frame[["town", "size"]], frame["kind"])
    expected = model.score(frame[["town", "size"]], frame["kind"])
    for data in (frame, frame.astype({"kind": "category"}), frame.convert_dtypes()):
        assert expected == fitprint.evaluate(model, data, "kind").metrics["accuracy_score"]
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1, 2]}, cv=2)
    *_, found = evaluated(search, IRIS)
    assert 6 == len(found.metrics)
    X, labels = make_multilabel_classification(n_samples=40, random_state=0)
    several = KNeighborsClassifier().fit(X, labels)
    assert (
        metrics.f1_score(labels, several.predict(X), **WEIGHTED)
        == fitprint.evaluate(several, X, labels).metrics["f1_score"]
    )


def test_columns_and_records_are_tables_to_a_model_of_tables(tracked):
    """In any order, with others beside them; without names they count by position."""
    X, y, test, true = halves(IRIS)
    named, bare = (LogisticRegression(max_iter=1000).fit(data, y) for data in (X, X.to_numpy()))
    mixed = test[test.columns[::-1]].assign(more=1)
    expected = named.score(test, true)
    for data in (mixed.to_dict("list"), mixed.to_dict("records"), mixed.to_records(index=False)):
        assert expected == fitprint.evaluate(named, data, true).metrics["accuracy_score"]
    for data in (test.to_dict("list"), test.to_dict("records")):
        assert expected == fitprint.evaluate(bare, data, true).metrics["accuracy_score"]


def test_dates_are_slices(tracked):
    """A day is shown as a day, and an interval as an interval."""
    X, y = IRIS.data[:4], IRIS.target[:4]
    model = DummyClassifier().fit(X, y)
    days = pd.to_datetime(["2024-01-10", "2024-01-10", None, "2024-02-01"])
    assert ["2024-01-10", "2024-02-01", "missing"] == [
        each.label for each in fitprint.evaluate(model, X, y, by=days).slices
    ]
    sizes = pd.cut([1, 2, 3, 4], [0, 2, 4])
    assert ["(0, 2]", "(2, 4]"] == [
        each.label for each in fitprint.evaluate(model, X, y, by=sizes).slices
    ]


def test_labels_of_clusters_are_compared_as_they_are(tracked):
    """And the verdict says so."""
    model = KMeans(3, n_init=1, random_state=0).fit(IRIS.data)
    assert (
        "the model is a clustering: its labels are compared with the target as they are"
        in fitprint.evaluate(model, IRIS.data, IRIS.target).notes
    )


def test_the_task_is_what_the_model_says(tracked):
    """A regression on whole numbers is none of classes, though they look like that."""
    X, y = IRIS.data, IRIS.target
    assert "regression" == fitprint.evaluate(DecisionTreeRegressor().fit(X, y), X, y).task
    assert "classification" == fitprint.evaluate(DummyClassifier().fit(X, y), X, y).task


def test_the_run_is_the_one_that_trained_the_model(tracked):
    """Nothing else is recorded: no run, no metric of the predictions, no score."""
    model, X, y, found = evaluated(LogisticRegression(max_iter=1000), IRIS)
    (run,) = fitprint.search_runs()
    fitprint.evaluate(model, X, y)
    assert found.run == run.id
    assert {f"test_{name}" for name in found.metrics} == {
        name for name in fitprint.get_run(run.id).metrics if name.startswith("test_")
    }
    before = set(run.metrics)
    fitprint.evaluate(model, X, y, {"own": metrics.accuracy_score})
    assert {"test_own"} == set(fitprint.get_run(run.id).metrics) - before
    assert 1 == len(fitprint.search_runs())


def test_an_unknown_object_has_no_run(tracked):
    """Nothing is recorded of a model that was trained where nobody looked."""
    with fitprint.off():
        model = LogisticRegression(max_iter=1000).fit(IRIS.data, IRIS.target)
    found = fitprint.evaluate(model, IRIS.data, IRIS.target)
    assert (None, []) == (found.run, list(fitprint.search_runs()))


def test_a_recorded_model_is_judged_by_its_name(untracked):
    """Columns in any order, with others beside them, from a frame and from lists."""
    fitprint.autolog()
    X, y, test, true = halves(IRIS)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    expected = model.score(test, true)
    frame = test[test.columns[::-1]].assign(more="x", label=true, side=np.arange(len(test)) % 2)
    found = fitprint.evaluate("@last", frame, "label", by="side")
    assert expected == found.metrics["accuracy_score"]
    assert (
        expected
        == fitprint.evaluate("@last", frame.to_dict("list"), "label", name="again").metrics[
            "accuracy_score"
        ]
    )
    assert [
        model.score(part[test.columns], part["label"]) for _, part in frame.groupby("side")
    ] == [
        part.metrics["accuracy_score"] for part in sorted(found.slices, key=lambda part: part.value)
    ]
    with pytest.raises(SignatureError, match="column 'petal length"):
        fitprint.evaluate("@last", frame.drop(columns="petal length (cm)"), "label")
    array = LogisticRegression(max_iter=1000).fit(X.to_numpy(), y)
    assert (
        array.score(test.to_numpy(), true)
        == fitprint.evaluate("@last", test.to_numpy(), true.to_numpy()).metrics["accuracy_score"]
    )
    sides = test.assign(side=0, y=true)
    assert (
        array.score(test.to_numpy(), true)
        == fitprint.evaluate("@last", sides, "y", by="side", name="b").metrics["accuracy_score"]
    )


def test_one_class_alone_is_noted(tracked):
    """The area under its curve is nothing; all else is there."""
    X, y, test, true = halves(CANCER)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    found = fitprint.evaluate(model, test[true == 1], true[true == 1])
    assert "roc_auc_score" not in found.metrics
    assert any("roc_auc_score" in note and "one class" in note for note in found.notes)
    assert 5 == len(found.metrics)


def test_what_does_not_fit_together_is_told(tracked):
    """A target of texts for a model of numbers; a class that the model does not know."""
    X, y = CANCER.data, CANCER.target
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    with pytest.raises(
        FitprintError,
        match=(
            r"the target holds texts \('no', 'yes'\), and the model predicts numbers \(0, 1\): "
            r"give"
        ),
    ):
        fitprint.evaluate(model, X, y.map({0: "no", 1: "yes"}))
    with pytest.raises(
        FitprintError, match="the target holds times, and there are no metrics for times"
    ):
        fitprint.evaluate(model, X, pd.date_range("2024", periods=len(y)))
    with pytest.raises(FitprintError, match="failed on these data: ValueError: ") as caught:
        fitprint.evaluate(model, X.drop(columns="mean radius"), y)
    assert "\n" not in str(caught.value)
    with pytest.raises(
        FitprintError,
        match=(
            "roc_auc_score could not be computed: the target has values that the model does "
            "not know: 2"
        ),
    ):
        fitprint.evaluate(model, X, y + 1, "roc_auc_score")


def test_the_model_and_the_data_stay_as_they_were(tracked):
    """Neither is written to."""
    X, y, test, true = halves(IRIS)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    before = (dict(vars(model)), model.coef_.copy(), test.copy(), np.random.get_state()[1].tolist())
    fitprint.evaluate(model, test.assign(y=true), "y")
    assert before[0].keys() == vars(model).keys()
    assert np.array_equal(before[1], model.coef_)
    assert before[2].equals(test)
    assert before[3] == np.random.get_state()[1].tolist()


def test_naming_the_metrics_imports_no_scikit_learn():
    """It is imported where a number is computed."""
    code = (
        "import sys, fitprint_sklearn.verdicts; assert not {'sklearn', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
