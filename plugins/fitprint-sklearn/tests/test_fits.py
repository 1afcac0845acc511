"""What one training call records."""

from __future__ import annotations

import json
import os
import threading

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_multilabel_classification,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    mean_squared_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import fitprint


def artifact(run, path):
    return json.loads(run.read(path))


# -- parameters ------------------------------------------------------------------------------------


def test_params_keep_type_and_provenance(tracked):
    """Every parameter is recorded with its type; those that the user set are told from defaults."""
    run = tracked.of(lambda: Ridge(alpha=2.0, max_iter=7).fit(*load_diabetes(return_X_y=True)))
    assert run.params == Ridge(alpha=2.0, max_iter=7).get_params()
    provenance = {name: param.provenance for name, param in run.record.params.items()}
    assert {name for name, word in provenance.items() if word == "set"} == {"alpha", "max_iter"}


def test_nested_params(tracked):
    """Steps' parameters are recorded as ``step__name``, estimators as the call that makes them."""
    model = make_pipeline(StandardScaler(with_mean=False), Ridge(alpha=3))
    run = tracked.of(lambda: model.fit(*load_diabetes(return_X_y=True)))
    assert run.params["ridge__alpha"] == 3
    assert run.params["ridge"] == "Ridge(alpha=3)"
    assert run.params["steps"] == [
        ["standardscaler", "StandardScaler(with_mean=False)"],
        ["ridge", "Ridge(alpha=3)"],
    ]
    assert run.record.params["ridge__alpha"].provenance == "set"
    assert run.record.params["ridge__tol"].provenance == "default"


def test_params_of_nan_default(tracked):
    """A default that is NaN is a default."""
    run = tracked.of(lambda: SimpleImputer().fit(load_iris().data))
    assert run.record.params["missing_values"].provenance == "default"


def test_params_that_cannot_be_read(tracked):
    """An estimator whose ``get_params`` fails is recorded without params,
    and the report says why.
    """

    class Odd(BaseEstimator):
        def get_params(self, deep=True):
            raise RuntimeError("no params here")

        def fit(self, X):
            return self

    run = tracked.of(lambda: Odd().fit([[1]]))
    assert run.params == {}
    assert "no params here" in run.capture["skipped"]["params"]


def test_chosen_hyperparameters_are_resolved(tracked):
    """What training chose by itself is a param with the provenance "resolved"."""
    run = tracked.of(lambda: RidgeCV(alphas=[1e-3, 1e3]).fit(*load_diabetes(return_X_y=True)))
    assert run.params["alpha_"] == 1e-3
    assert run.record.params["alpha_"].provenance == "resolved"


# -- what it is ------------------------------------------------------------------------------------


def test_identity(tracked):
    """Class and versions are tags; capabilities are in the document "estimator"."""
    run = tracked.of(lambda: Ridge().fit(*load_diabetes(return_X_y=True)))
    assert (run.name, run.kind, run.status) == ("Ridge", "fit", "FINISHED")
    assert run.tags["estimator_name"] == "Ridge"
    assert run.tags["estimator_class"] == "sklearn.linear_model._ridge.Ridge"
    assert run.tags["sklearn_version"][0].isdigit()
    assert run.record.documents["estimator"]["kind"] == "regressor"


def test_structure_of_composites(tracked):
    """The parts of a composite are recorded as a tree, with columns."""
    columns = ColumnTransformer([("number", StandardScaler(), [0, 1]), ("rest", "drop", [2])])
    model = Pipeline(
        [
            ("columns", columns),
            (
                "vote",
                VotingClassifier([("a", LogisticRegression(C=2)), ("b", DecisionTreeClassifier())]),
            ),
        ]
    )
    run = tracked.of(lambda: model.fit(*load_iris(return_X_y=True)))
    transformer, vote = run.record.documents["estimator"]["structure"]["parts"]
    assert transformer["class"] == "sklearn.compose._column_transformer.ColumnTransformer"
    assert [(part["name"], part["columns"]) for part in transformer["parts"]] == [
        ("number", [0, 1]),
        ("rest", [2]),
    ]
    assert transformer["parts"][1]["value"] == "drop"
    assert [part["name"] for part in vote["parts"]] == ["a", "b"]
    assert vote["parts"][0]["params"] == {"C": 2}


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())]),
        BaggingClassifier(DecisionTreeClassifier(), n_estimators=3),
        OneVsRestClassifier(LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_composites_are_one_run(tracked, model):
    """However many models a composite fits, it is one run."""
    model.fit(StandardScaler().set_output().fit_transform(load_iris().data), load_iris().target)
    assert [run.name for run in tracked.all()] == ["StandardScaler", type(model).__name__]


def test_stacking_is_one_run(tracked):
    """Stacking, with its inner cross-validation, is one run."""
    StackingRegressor([("a", Ridge()), ("b", LinearRegression())]).fit(
        *load_diabetes(return_X_y=True)
    )
    assert [run.name for run in tracked.all()] == ["StackingRegressor"]


# -- data ------------------------------------------------------------------------------------------


def test_facts_on_data(tracked):
    """Shape, dtype and digest of X, and the classes of y, are recorded."""
    X, y = load_wine(return_X_y=True)
    run = tracked.of(lambda: DecisionTreeClassifier().fit(X, y))
    features, target = run.datasets
    assert (features.name, features.role, features.facts["shape"]) == ("X", "train", [178, 13])
    assert features.digest
    assert target.facts["summary"]["counts"] == np.bincount(y).tolist()


def test_frame(tracked):
    """Feature names of a frame are recorded, with the data and as what the estimator saw."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    run = tracked.of(lambda: DecisionTreeClassifier().fit(X, y))
    assert run.datasets[0].facts["feature_names"] == list(X.columns)
    assert run.record.documents["fitted"]["feature_names_in"] == list(X.columns)
    assert run.record.documents["fitted"]["classes"] == [0, 1, 2]


def test_target_alone(tracked):
    """A label encoder has a target and no features."""
    run = tracked.of(lambda: LabelEncoder().fit(["a", "b", "a"]))
    assert [(data.name, data.facts["summary"]["counts"]) for data in run.datasets] == [
        ("y", [2, 1])
    ]


def test_weights_and_further_arguments(tracked):
    """Sample weights are summarized, other arguments are params."""
    X, y = load_iris(return_X_y=True)
    weight = np.linspace(1, 2, len(y))
    run = tracked.of(lambda: KNeighborsClassifier().fit(X, y))
    assert [data.name for data in run.datasets] == ["X", "y"]
    run = tracked.of(
        lambda: DecisionTreeClassifier(max_depth=2).fit(X, y, weight, check_input=True)
    )
    assert run.datasets[2].name == "sample_weight"
    assert run.datasets[2].facts["summary"]["max"] == 2
    assert run.params["fit__check_input"] is True


def test_weights_of_a_step(tracked):
    """Weights that a pipeline hands to a step are noted under their name."""
    X, y = load_iris(return_X_y=True)
    run = tracked.of(lambda: make_pipeline(Ridge()).fit(X, y, ridge__sample_weight=np.ones(len(y))))
    assert [data.name for data in run.datasets] == ["X", "y", "ridge__sample_weight"]


def test_generator_of_texts_is_not_consumed(tracked):
    """Documents that can be read only once are read by the estimator alone."""
    documents = (text for text in ["one two", "two three"])
    model = CountVectorizer()
    run = tracked.of(lambda: model.fit(documents))
    assert sorted(model.vocabulary_) == ["one", "three", "two"]
    assert run.status == "FINISHED"


# -- training metrics ------------------------------------------------------------------------------


def training(run):
    return {name: value for name, value in run.metrics.items() if name.startswith("training_")}


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=30),
        SVC(),
        DecisionTreeClassifier(max_depth=3),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        RandomForestClassifier(3, max_depth=2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("load", [load_digits, load_breast_cancer])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_metrics_of_classifiers(tracked, load, model):
    """They equal what scikit-learn's functions say of the model's predictions."""
    fitprint.configure(training_metrics_work=10_000.0)
    X, y = load(return_X_y=True)
    run = tracked.of(lambda: model.fit(X, y))
    predicted = model.predict(X)
    options = {"average": "weighted", "zero_division": 0}
    expected = {
        "training_score": model.score(X, y),
        "training_accuracy_score": accuracy_score(y, predicted),
        "training_precision_score": precision_score(y, predicted, **options),
        "training_recall_score": recall_score(y, predicted, **options),
        "training_f1_score": f1_score(y, predicted, **options),
    }
    if hasattr(model, "predict_proba"):
        proba = model.predict_proba(X)
        expected["training_log_loss"] = log_loss(y, proba)
        scores = proba[:, 1] if proba.shape[1] == 2 else proba
        expected["training_roc_auc"] = roc_auc_score(
            y, scores, average="weighted", multi_class="ovo"
        )
    with fitprint.off():
        assert training(run) == pytest.approx(expected, rel=1e-12)


def test_metrics_of_texts_as_classes(tracked):
    """Classes may be texts."""
    X, y = load_iris(return_X_y=True)
    run = tracked.of(lambda: DecisionTreeClassifier().fit(X, load_iris().target_names[y]))
    assert run.metrics["training_accuracy_score"] == 1
    assert artifact(run, "plots/confusion_matrix.json") == {
        "labels": ["setosa", "versicolor", "virginica"],
        "counts": [[50, 0, 0], [0, 50, 0], [0, 0, 50]],
    }


@pytest.mark.parametrize(
    "model",
    [Ridge(), DecisionTreeRegressor(max_depth=3), LinearRegression()],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("outputs", [1, 2])
def test_metrics_of_regressors(tracked, model, outputs):
    """They equal what scikit-learn's functions say of the model's predictions, with several outputs
    too.
    """
    X, y = load_diabetes(return_X_y=True)
    y = y if outputs == 1 else np.column_stack([y, X[:, 0]])
    run = tracked.of(lambda: model.fit(X, y))
    with fitprint.off():
        predicted = model.predict(X)
        expected = {
            "training_score": model.score(X, y),
            "training_r2_score": r2_score(y, predicted),
            "training_mean_squared_error": mean_squared_error(y, predicted),
        }
    assert {name: training(run)[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_metrics_with_weights(tracked):
    """Sample weights of the fit weigh the metrics, too."""
    X, y = load_breast_cancer(return_X_y=True)
    weight = np.linspace(1, 3, len(y))
    model = DecisionTreeClassifier(max_depth=2)
    run = tracked.of(lambda: model.fit(X, y, sample_weight=weight))
    with fitprint.off():
        assert run.metrics["training_accuracy_score"] == pytest.approx(
            accuracy_score(y, model.predict(X), sample_weight=weight)
        )
        assert run.metrics["training_roc_auc"] == pytest.approx(
            roc_auc_score(y, model.predict_proba(X)[:, 1], sample_weight=weight)
        )


def test_metrics_of_several_labels(tracked):
    """Multilabel targets have subset accuracy, weighted averages and the area under the curves."""
    X, y = make_multilabel_classification(200, random_state=0)
    model = RandomForestClassifier(5, max_depth=3, random_state=0)
    run = tracked.of(lambda: model.fit(X, y))
    with fitprint.off():
        scores = np.column_stack([proba[:, 1] for proba in model.predict_proba(X)])
        assert run.metrics["training_accuracy_score"] == pytest.approx(
            accuracy_score(y, model.predict(X))
        )
        assert run.metrics["training_f1_score"] == pytest.approx(
            f1_score(y, model.predict(X), average="weighted")
        )
        assert run.metrics["training_roc_auc"] == pytest.approx(
            roc_auc_score(y, scores, average="weighted")
        )


def test_metrics_of_several_outputs(tracked):
    """Targets with several outputs of several classes have the share of rows that are
    right in all.
    """
    X, y = load_iris(return_X_y=True)
    model = MultiOutputClassifier(DecisionTreeClassifier(max_depth=2))
    both = np.column_stack([y, y[::-1]])
    run = tracked.of(lambda: model.fit(X, both))
    with fitprint.off():
        assert run.metrics["training_accuracy_score"] == pytest.approx(model.score(X, both))


def test_own_score_is_asked(asked):
    """A ``score`` of the estimator's own is what ``training_score`` says."""

    class Generous(DecisionTreeClassifier):
        def score(self, X, y):
            return 42.0

    run = asked.of(lambda: Generous().fit(*load_iris(return_X_y=True)))
    assert run.metrics["training_score"] == 42
    assert run.metrics["training_accuracy_score"] == 1


def test_metrics_of_clusters(tracked):
    """Clusterings have their number, the silhouette and the inertia; noise has its share."""
    X = StandardScaler().fit(load_iris().data).transform(load_iris().data)
    run = tracked.of(lambda: KMeans(3, n_init=1, random_state=0).fit(X))
    assert run.metrics["n_clusters"] == 3
    assert 0.3 < run.metrics["training_silhouette_score"] < 0.7
    assert run.metrics["inertia"] > 0
    model = DBSCAN(eps=0.5)
    run = tracked.of(lambda: model.fit_predict(X))
    assert run.metrics["noise_share"] == pytest.approx((model.labels_ == -1).mean())


def test_metrics_of_outlier_detectors(tracked):
    """Outlier detectors have the share of outliers in the training data."""
    run = tracked.of(
        lambda: IsolationForest(n_estimators=20, contamination=0.1, random_state=0).fit(
            load_iris().data
        )
    )
    assert run.metrics["outlier_share"] == pytest.approx(0.1, abs=0.01)


def test_metrics_of_an_own_estimator_without_mixins(asked):
    """An estimator that does not say what it is, is judged by its target."""

    class Median(BaseEstimator):
        def fit(self, X, y):
            self.median_ = np.median(y)
            return self

        def predict(self, X):
            return np.full(len(X), self.median_)

    run = asked.of(lambda: Median().fit(*load_diabetes(return_X_y=True)))
    assert run.metrics["training_r2_score"] < 0.1


def test_metrics_switched_off(tracked):
    """They are switched off by a setting, and the report says so."""
    fitprint.configure(training_metrics=False)
    run = tracked.of(lambda: Ridge().fit(*load_diabetes(return_X_y=True)))
    assert training(run) == {}
    assert "training_metrics" in run.capture["skipped"]["training metrics"]


def test_metrics_beyond_the_limit(tracked):
    """Where a prediction is more work than the limit allows none is made,
    and the report says so.
    """
    fitprint.configure(training_metrics_work=1e-6, training_metrics_code=["*"])
    predictions = []

    class Slow(KNeighborsClassifier):
        def predict(self, X):
            predictions.append(len(X))
            return super().predict(X)

    run = tracked.of(lambda: Slow().fit(*load_digits(return_X_y=True)))
    assert training(run) == {}
    assert (
        "million steps of work, `training_metrics_work` allows 1e-06"
        in run.capture["skipped"]["training metrics"]
    )
    assert predictions == []


def test_failing_predictions(asked):
    """An estimator that cannot predict its training data is recorded without metrics, and the
    report says why.
    """

    class Shy(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            raise ValueError("not today")

    run = asked.of(lambda: Shy().fit(*load_iris(return_X_y=True)))
    assert run.status == "FINISHED"
    assert "not today" in run.capture["skipped"]["training metrics"]


# -- curves, plots, facts --------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_loss_curve(tracked):
    """The loss of each iteration is a history."""
    model = MLPClassifier((5,), max_iter=7, early_stopping=True, random_state=0)
    run = tracked.of(lambda: model.fit(*load_iris(return_X_y=True)))
    assert list(run.history("loss").value) == model.loss_curve_
    assert list(run.history("loss").step) == list(range(1, 8))
    assert list(run.history("validation_score").value) == model.validation_scores_
    assert run.metrics["n_iter"] == 7


@pytest.mark.filterwarnings("ignore:The SAMME.R algorithm:FutureWarning")
def test_scores_of_boosting(tracked):
    """Gradient boosting's losses, histogram boosting's scores and AdaBoost's staged scores are
    histories.
    """
    X, y = load_breast_cancer(return_X_y=True)
    model = GradientBoostingClassifier(n_estimators=4, subsample=0.5, random_state=0)
    run = tracked.of(lambda: model.fit(X, y))
    assert list(run.history("train_score").value) == model.train_score_.tolist()
    assert list(run.history("oob_improvement").value) == model.oob_improvement_.tolist()
    assert run.summary("train_score").goal == "min"
    model = HistGradientBoostingRegressor(max_iter=4, early_stopping=True, random_state=0)
    run = tracked.of(lambda: model.fit(X, y))
    assert list(run.history("validation_score").value) == model.validation_score_.tolist()
    assert list(run.history("validation_score").step) == [0, 1, 2, 3, 4]
    model = AdaBoostClassifier(n_estimators=3, random_state=0)
    run = tracked.of(lambda: model.fit(X, y))
    with fitprint.off():
        assert list(run.history("training_staged_score").value) == pytest.approx(
            list(model.staged_score(X, y))
        )


def test_fault_23_stages_that_ask_all_members_again_are_counted(tracked):
    """A curve that takes many times the work of the fit is not made; a short one is."""
    X, y = load_diabetes(return_X_y=True)
    model = AdaBoostRegressor(n_estimators=3, random_state=0)
    run = tracked.of(lambda: model.fit(X, y))
    assert 3 == len(run.history("training_staged_score").value)
    run = tracked.of(
        lambda: AdaBoostRegressor(
            DecisionTreeRegressor(max_depth=8), n_estimators=100, random_state=0
        ).fit(X, y)
    )
    assert "training_staged_score" in run.capture["skipped"]
    assert "training_r2_score" in run.metrics


def test_curves_of_classifiers(tracked):
    """The counts from which ROC and precision-recall curves are drawn agree with scikit-learn, and
    are bounded.
    """
    X, y = load_breast_cancer(return_X_y=True)
    model = LogisticRegression(max_iter=5000)
    run = tracked.of(lambda: model.fit(X, y))
    (curve,) = artifact(run, "plots/roc_and_precision_recall.json")["curves"]
    assert (curve["label"], curve["positives"], curve["negatives"]) == (1, 357, 212)
    assert len(curve["thresholds"]) <= 200
    with fitprint.off():
        fpr, tpr, _ = roc_curve(y, model.predict_proba(X)[:, 1], drop_intermediate=False)
    exact = set(
        zip(
            (fpr * 212).round().astype(int).tolist(),
            (tpr * 357).round().astype(int).tolist(),
            strict=True,
        )
    )
    assert set(zip(curve["false_positives"], curve["true_positives"], strict=True)) <= exact


def test_curves_of_several_classes(tracked):
    """With several classes each has a curve against all others."""
    run = tracked.of(lambda: LogisticRegression(max_iter=5000).fit(*load_iris(return_X_y=True)))
    curves = artifact(run, "plots/roc_and_precision_recall.json")["curves"]
    assert [curve["label"] for curve in curves] == [0, 1, 2]
    assert all(
        curve["true_positives"][-1] == 50 and curve["false_positives"][-1] == 100
        for curve in curves
    )


def test_importances(tracked):
    """Importances are recorded by name of the feature, and are the estimator's."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(5, random_state=0)
    run = tracked.of(lambda: model.fit(X, y))
    content = artifact(run, "plots/feature_importances.json")
    assert content["features"] == list(X.columns)
    assert content["values"] == pytest.approx(model.feature_importances_, rel=1e-6)


def test_coefficients_of_a_pipeline(tracked):
    """Coefficients of a pipeline's last step carry the names that its transformers give."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = make_pipeline(
        OneHotEncoder(min_frequency=30, handle_unknown="ignore"), LogisticRegression()
    )
    run = tracked.of(lambda: model.fit(X, y))
    content = artifact(run, "plots/feature_coefficients.json")
    assert content["features"] == list(model[:-1].get_feature_names_out())
    assert content["labels"] == ["0", "1", "2"]
    assert np.array(content["rows"]) == pytest.approx(model[-1].coef_, abs=1e-6)


def test_most_important_of_many_features(tracked):
    """Of many features the thousand with the largest values are recorded."""
    X = sparse.random(50, 3000, density=0.05, format="csr", random_state=0)
    run = tracked.of(lambda: Ridge().fit(X, np.arange(50.0)))
    content = artifact(run, "plots/feature_coefficients.json")
    assert (len(content["features"]), content["of"]) == (1000, 3000)


def test_sparse_data_stay_sparse(tracked):
    """A sparse matrix that would not fit into memory is tracked as it is."""
    X = sparse.eye(200_000, format="csr")
    run = tracked.of(lambda: Lasso(max_iter=2).fit(X[:300], np.arange(300.0)))
    assert run.datasets[0].facts["format"] == "csr"
    assert training(run)


# -- ways to fail ----------------------------------------------------------------------------------


def test_failure(tracked):
    """The user's exception leaves unchanged, and the run is FAILED with its traceback and the
    params.
    """
    X, _ = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="inconsistent numbers of samples") as caught:
        Ridge(alpha=5).fit(X, [1, 2])
    run = tracked.run()
    assert run.status == "FAILED"
    assert str(caught.value) in run.error
    assert run.params["alpha"] == 5
    assert caught.value.__context__ is None


def test_call_that_does_not_fit(tracked):
    """A call with wrong arguments fails with scikit-learn's own message, and is no run."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        Ridge().fit([[1]], [1], nonsense=1)
    with pytest.raises(TypeError, match="missing"):
        Ridge().fit()
    assert tracked.runs() == []


def test_warnings_are_recorded_and_shown(tracked):
    """A warning raised during the fit reaches the user, and is in the capture report."""
    with pytest.warns(UserWarning, match="converge"):
        LogisticRegression(max_iter=1).fit(*load_iris(return_X_y=True))
    (warning,) = tracked.run().capture["warnings"]
    assert warning["category"] == "ConvergenceWarning"


def test_regressor_of_own(asked):
    """The user's own class is recorded with its parameters and metrics."""

    class Mean(RegressorMixin, BaseEstimator):
        def __init__(self, shift=0):
            self.shift = shift

        def fit(self, X, y):
            self.mean_ = y.mean() + self.shift
            return self

        def predict(self, X):
            return np.full(len(X), self.mean_)

    run = asked.of(lambda: Mean(shift=1).fit(*load_diabetes(return_X_y=True)))
    assert run.name == "Mean"
    assert run.params == {"shift": 1}
    assert run.metrics["training_mean_squared_error"] > 0


def test_defaults_of_a_constructor_that_hands_keywords_on(tracked):
    """What a base class's constructor gives defaults is a default of a subclass that hands it
    further keywords, too.
    """

    class Base(RegressorMixin, BaseEstimator):
        def __init__(self, *, shift=0, scale=None):
            self.shift = shift
            self.scale = scale

        def get_params(self, deep=True):
            return {"shift": self.shift, "scale": self.scale}

        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.zeros(len(X))

    class Special(Base):
        def __init__(self, *, shift=2, **kwargs):
            super().__init__(shift=shift, **kwargs)

    run = tracked.of(lambda: Special(scale=3).fit(*load_diabetes(return_X_y=True)))
    assert {name: entry.provenance for name, entry in run.record.params.items()} == {
        "shift": "default",
        "scale": "set",
    }


def test_fault_13c_a_small_fit_is_recorded_in_few_writes(tracked, monkeypatch):
    """What is known before the call is one write, and so is its end; between them come metrics,
    importances and facts.
    """
    X, y = np.eye(8), np.arange(8.0)
    for _ in range(3):
        LinearRegression().fit(X, y)
    fitprint.recording.deferred.finish(10)
    write, writes = os.write, []
    monkeypatch.setattr(
        os,
        "write",
        lambda number, data: writes.append(threading.get_ident()) or write(number, data),
    )
    LinearRegression().fit(X, y)
    monkeypatch.undo()
    assert writes.count(threading.get_ident()) <= 6
    assert {"training_score", "training_r2_score", "fit_time"} <= tracked.runs()[-1].metrics.keys()
