"""Attributes of estimators that do not fit together: compiled code would read or write beyond
arrays.
"""

import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn.cluster import BisectingKMeans, KMeans
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.feature_extraction import FeatureHasher
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import SplineTransformer
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from fitprint.errors import IntegrityError
from fitprint.models.trust import Trust
from fitprint_sklearn.flavor import SklearnFlavor

X = np.random.RandomState(0).normal(size=(60, 3)).round(1)
y = np.arange(60) % 3


def load(model, folder):
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    return SklearnFlavor().load(folder, {"pickled_model": "model.pkl"}, Trust())


def shorten(name, axis=0):
    def change(model):
        setattr(model, name, getattr(model, name).take([0], axis))

    return change


def assign(name, value):
    return lambda model: setattr(model, name, value)


def spline(model):
    inner = getattr(model.bsplines_[0], "_delegate_to", model.bsplines_[0])
    inner.k = 40


def deeper(model):
    state = model.tree_.__getstate__()
    model.tree_.__setstate__(state | {"max_depth": 0})


def known(model):
    model._bin_mapper.is_categorical_ = np.zeros(1, dtype=np.uint8)


def truths(model):
    model.mask_ = np.frombuffer(b"\x07\x01", dtype=bool)


def lists(model):
    model.matrix_ = scipy.sparse.lil_matrix(np.eye(3))
    model.matrix_.rows[0] = [1 << 40]


def diagonals(model):
    model.matrix_ = scipy.sparse.dia_matrix(np.eye(3))
    model.matrix_.offsets = np.arange(9, dtype="i4")


CHANGES = {
    "support vectors": (SVC, shorten("support_vectors_")),
    "features of support vectors": (SVC, shorten("support_vectors_", 1)),
    "coefficients": (SVC, shorten("_dual_coef_")),
    "intercepts": (SVC, shorten("_intercept_")),
    "counts of vectors": (SVC, assign("_n_support", np.array([1, 1, 1 << 20], dtype="i4"))),
    "another kind of machine": (SVR, assign("_impl", "c_svc")),
    "the width of centers": (KMeans, shorten("cluster_centers_", 1)),
    "no centers": (KMeans, assign("cluster_centers_", np.zeros((0, 3)))),
    "centers in a tree": (
        BisectingKMeans,
        lambda model: setattr(model._bisecting_tree.left, "center", np.zeros(1)),
    ),
    "trees by class": (GradientBoostingClassifier, shorten("estimators_", 1)),
    "what is no tree": (
        GradientBoostingClassifier,
        lambda model: setattr(model.estimators_[0, 0], "tree_", 1),
    ),
    "classes of the first prediction": (
        GradientBoostingClassifier,
        lambda model: setattr(model.init_, "class_prior_", np.ones(1)),
    ),
    "kinds of features": (HistGradientBoostingClassifier, known),
    "the degree of a spline": (SplineTransformer, spline),
    "depth": (DecisionTreeClassifier, deeper),
    "truth values": (DecisionTreeClassifier, truths),
    "rows of lists": (DecisionTreeClassifier, lists),
    "diagonals": (DecisionTreeClassifier, diagonals),
    "no buckets": (FeatureHasher, assign("n_features", 0)),
}


@pytest.mark.filterwarnings("ignore:Solver terminated early")
@pytest.mark.parametrize("name", CHANGES)
def test_fault_1_attributes_have_to_fit_together(name, tmp_path):
    """As they are, the model loads; changed, it is refused before anything predicts."""
    kind, change = CHANGES[name]
    limits = (
        {"n_estimators": 2}
        if kind is GradientBoostingClassifier
        else {"max_iter": 2}
        if hasattr(kind(), "max_iter")
        else {}
    )
    model = kind(**limits)
    if kind is not FeatureHasher:
        model.fit(X, y)
    load(model, tmp_path)
    change(model)
    with pytest.raises(IntegrityError, match="is damaged"):
        load(model, tmp_path)


@pytest.mark.parametrize(
    "weights",
    [[1.0], [-1.0, 1.0, 1.0], [np.nan, 1.0, 1.0]],
    ids=["too few", "negative", "no numbers"],
)
def test_fault_1_a_metric_has_the_dimensions_of_its_space(tmp_path, weights):
    """One weight for three columns would be read beyond its end, and distances that are no numbers
    lead a search astray.
    """
    model = KernelDensity(
        metric="seuclidean", metric_params={"V": np.ones(3)}, algorithm="ball_tree"
    ).fit(X)
    load(model, tmp_path)
    metric = model.tree_.__getstate__()[11]
    state = metric.__getstate__()
    metric.__setstate__((state[0], np.array(weights), *state[2:]))
    with pytest.raises(IntegrityError, match="space"):
        load(model, tmp_path)
