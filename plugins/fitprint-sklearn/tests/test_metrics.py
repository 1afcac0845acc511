"""Our metrics equal scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn.metrics as theirs
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris

from fitprint_sklearn import metrics as ours
from fitprint_sklearn import plots

EXACT = {"rel": 1e-12, "abs": 1e-12}


def labels(classes: int, *, rows: int = 300, seed: int = 0):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, rows)
    predicted = np.where(rng.random(rows) < 0.6, true, rng.integers(0, classes, rows))
    proba = rng.random((rows, classes)).round(2) + 0.01 + 2 * np.eye(classes)[predicted]
    return true, predicted, proba / proba.sum(axis=1, keepdims=True), rng.random(rows) + 0.1


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_classification(classes, weighted):
    """Accuracy and the weighted averages of precision, recall and F1 are scikit-learn's."""
    true, predicted, _, weight = labels(classes)
    weight = weight if weighted else None
    options = {"average": "weighted", "sample_weight": weight, "zero_division": 0}
    assert ours.classification(true, predicted, classes, weight) == pytest.approx(
        {
            "accuracy_score": theirs.accuracy_score(true, predicted, sample_weight=weight),
            "precision_score": theirs.precision_score(true, predicted, **options),
            "recall_score": theirs.recall_score(true, predicted, **options),
            "f1_score": theirs.f1_score(true, predicted, **options),
        },
        **EXACT,
    )


def test_classification_of_a_class_never_predicted():
    """A class that is never predicted counts with precision 0, as in scikit-learn, and nothing is
    divided by 0.
    """
    true, predicted = np.array([0, 1, 2, 2]), np.array([0, 1, 1, 0])
    with np.errstate(all="raise"):
        found = ours.classification(true, predicted, 3)
    assert found["precision_score"] == pytest.approx(
        theirs.precision_score(true, predicted, average="weighted", zero_division=0), **EXACT
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 5])
def test_confusion(classes, weighted):
    """The matrix is scikit-learn's, rows being true classes."""
    true, predicted, _, weight = labels(classes)
    weight = weight if weighted else None
    assert ours.confusion(true, predicted, classes, weight) == pytest.approx(
        theirs.confusion_matrix(true, predicted, sample_weight=weight, labels=range(classes)),
        **EXACT,
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_log_loss(classes, weighted):
    """Logarithmic loss is scikit-learn's, certain predictions that are wrong included."""
    true, _, proba, weight = labels(classes)
    proba[0] = 0
    proba[0, (true[0] + 1) % classes] = 1
    weight = weight if weighted else None
    assert ours.log_loss(true, proba, weight) == pytest.approx(
        theirs.log_loss(true, proba, sample_weight=weight), **EXACT
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("decimals", [1, 15])
def test_binary_auc(decimals, weighted):
    """The area under the ROC curve is scikit-learn's, with and without ties."""
    true, _, proba, weight = labels(2)
    scores, weight = proba[:, 1].round(decimals), weight if weighted else None
    assert ours.roc_auc(true, scores, 2, weight) == pytest.approx(
        theirs.roc_auc_score(true, scores, sample_weight=weight), **EXACT
    )


@pytest.mark.parametrize("classes", [3, 10])
@pytest.mark.parametrize("decimals", [1, 15])
def test_auc_of_several_classes(classes, decimals):
    """With several classes it is the "ovo" area, weighted by frequency, with and without ties."""
    true, _, proba, _ = labels(classes)
    proba = proba.round(decimals)
    proba /= proba.sum(axis=1, keepdims=True)
    expected = theirs.roc_auc_score(true, proba, average="weighted", multi_class="ovo")
    assert ours.roc_auc(true, proba, classes) == pytest.approx(expected, **EXACT)


def test_auc_that_is_not_defined():
    """Where a class has no samples there is no area."""
    assert ours.roc_auc(np.zeros(5, dtype=int), np.ones((5, 1)), 1) is None
    assert ours.roc_auc(np.zeros(5, dtype=int), np.arange(5.0), 2) is None
    assert ours.roc_auc(np.array([0, 1, 1]), np.ones((3, 3)) / 3, 3) is None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
def test_regression(outputs, weighted):
    """Errors and R² are scikit-learn's, with several outputs too."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=(100, outputs)).squeeze()
    predicted = true + rng.normal(scale=0.3, size=true.shape)
    weight = rng.random(100) if weighted else None
    assert ours.regression(true, predicted, weight) == pytest.approx(
        {
            "mean_squared_error": theirs.mean_squared_error(true, predicted, sample_weight=weight),
            "mean_absolute_error": theirs.mean_absolute_error(
                true, predicted, sample_weight=weight
            ),
            "r2_score": theirs.r2_score(true, predicted, sample_weight=weight),
            "root_mean_squared_error": theirs.root_mean_squared_error(
                true, predicted, sample_weight=weight
            ),
        },
        **EXACT,
    )


@pytest.mark.parametrize(
    ("true", "predicted"), [([3.0, 3.0], [3.0, 3.0]), ([3.0, 3.0], [3.0, 4.0]), ([3.0], [4.0])]
)
def test_r2_of_a_constant(true, predicted):
    """R² of a constant target is 1 if it is met and 0 if not; of a single row it is not defined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs.r2_score(true, predicted)
    assert ours.regression(np.array(true), np.array(predicted))["r2_score"] == pytest.approx(
        expected, nan_ok=True
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
def test_multilabel(container, weighted):
    """Subset accuracy and weighted averages over labels are scikit-learn's, for arrays and sparse
    matrices.
    """
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, (80, 5))
    predicted = np.where(rng.random((80, 5)) < 0.7, true, 1 - true)
    weight = rng.random(80) if weighted else None
    options = {"average": "weighted", "sample_weight": weight}
    assert ours.multilabel(container(true), container(predicted), weight) == pytest.approx(
        {
            "accuracy_score": theirs.accuracy_score(true, predicted, sample_weight=weight),
            "precision_score": theirs.precision_score(true, predicted, **options),
            "recall_score": theirs.recall_score(true, predicted, **options),
            "f1_score": theirs.f1_score(true, predicted, **options),
        },
        **EXACT,
    )


def test_multilabel_auc():
    """The area over labels is scikit-learn's, weighted by frequency."""
    rng = np.random.default_rng(0)
    true, scores = rng.integers(0, 2, (80, 5)), rng.random((80, 5)).round(1)
    assert ours.multilabel_auc(true, scores) == pytest.approx(
        theirs.roc_auc_score(true, scores, average="weighted"), **EXACT
    )


@pytest.mark.parametrize("clusters", [2, 3, 7])
def test_silhouette(clusters):
    """The mean silhouette is scikit-learn's."""
    points = load_iris().data
    found = np.random.default_rng(0).integers(0, clusters, len(points))
    found[:1] = clusters  # a cluster of one point
    assert ours.silhouette(points, found) == pytest.approx(
        theirs.silhouette_score(points, found), rel=1e-9
    )


def test_silhouette_of_one_cluster():
    """One cluster has no silhouette."""
    assert ours.silhouette(load_iris().data, np.zeros(150, dtype=int)) is None


@pytest.mark.parametrize("rows", [2, 66, 67, 400])
def test_fault_13c_points_of_a_curve_are_evenly_along_it(rows):
    """The quick way to them leads to the same points as numpy's own functions."""
    rng = np.random.default_rng(rows)
    hits, misses = (np.cumsum(rng.integers(0, 2, rows)) + 1 for _ in range(2))
    along = hits * (1 / hits[-1]) + misses * (1 / misses[-1])
    expected = np.searchsorted(along, np.linspace(along[0], along[-1], 66))
    expected[-1] = rows - 1
    expected = np.unique(expected) if rows > 66 else np.arange(rows)
    assert hits[expected].tolist() == hits[plots._thinned(hits, misses, 66)].tolist()
