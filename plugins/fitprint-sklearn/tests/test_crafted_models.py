"""Whole models whose parts are of known types, and which would lead compiled code astray when they
predict.
"""

import functools
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import Birch, BisectingKMeans
from sklearn.cluster._kmeans import _kmeans_single_lloyd
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics.pairwise import linear_kernel
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, RadiusNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer, OneHotEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor
from sklearn.utils.validation import check_array

from fitprint.errors import IntegrityError
from fitprint.models.trust import Trust
from fitprint_sklearn.flavor import SklearnFlavor

X = np.random.RandomState(0).normal(size=(60, 3)).round(1)
y = np.arange(60) % 3
_FAR = 1 << 30


def load(model, folder):
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    return SklearnFlavor().load(folder, {"pickled_model": "model.pkl"}, Trust())


class _Remade:
    """Is pickled as a tree for neighbours that has another state."""

    def __init__(self, tree, **changes):
        self.kind, state = type(tree), list(tree.__getstate__())
        for place, value in changes.items():
            state[int(place[1:])] = value
        self.state = tuple(state)

    def __reduce__(self):
        return sys.modules[self.kind.__module__].newObj, (self.kind,), self.state


def wide(kind=DecisionTreeClassifier):
    """Return a tree for very many features, sound in itself."""
    model = kind(max_depth=2).fit(X, y)
    make, arguments, state = model.tree_.__reduce__()
    state["nodes"]["feature"][state["nodes"]["feature"] >= 0] = _FAR - 1
    model.tree_ = make(_FAR, *arguments[1:])
    model.tree_.__setstate__(state)
    model.n_features_in_ = _FAR
    return model


def tree(width):
    model = wide()
    if width is None:
        del model.n_features_in_
    else:
        model.n_features_in_ = width
    return model


def forest(members, **attributes):
    model = RandomForestClassifier(2).fit(X, y)
    model.estimators_ = members(model.estimators_[0])
    vars(model).update(attributes)
    return model


def isolation():
    model = IsolationForest(n_estimators=2).fit(X)
    model.estimators_ = [model.estimators_[0], wide(ExtraTreeRegressor)]
    return model


def boosting():
    model = GradientBoostingClassifier(n_estimators=2).fit(X, y)
    model.estimators_[-1, -1] = wide(DecisionTreeRegressor)
    model.n_features_in_ = 3.0
    return model


def histograms():
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2).fit(X, y)
    model._predictors[0][0].nodes["feature_idx"] = _FAR
    model.n_features_in_ = 3.0
    return model


def neighbours(**attributes):
    model = KNeighborsClassifier(3, algorithm="brute").fit(X, y)
    vars(model).update(attributes)
    return model


def searching(change):
    model = KNeighborsClassifier(3, algorithm="kd_tree", leaf_size=5).fit(X, y)
    model._tree = _Remade(model._tree, **change(model._tree.__getstate__()))
    return model


def no_leaves(state):
    nodes = state[2].copy()
    nodes["is_leaf"] = 0
    return {"_2": nodes}


def renamed(state):
    nodes = state[2].copy()
    nodes["is_leaf"], nodes["idx_start"] = nodes["idx_start"].copy(), -_FAR
    names = ["is_leaf", "idx_end", "idx_start", "radius"]
    return {
        "_2": np.frombuffer(
            nodes.tobytes(), list(zip(names, (kind for _, kind in nodes.dtype.descr), strict=True))
        )
    }


def weighing():
    model = KernelDensity().fit(X, sample_weight=np.ones(60))
    model.tree_ = _Remade(model.tree_, _12=np.ones(1))
    return model


def machine():
    model = SVC(kernel=linear_kernel).fit(X, y)
    model.support_ = np.full(len(model.support_), _FAR, dtype=np.int32)
    return model


def words(model, data):
    model.fit(data)
    model.vocabulary_ = dict.fromkeys(model.vocabulary_, _FAR)
    return model


def labels():
    model = MultiLabelBinarizer().fit([["a", "b"]])
    model._cached_dict = {"a": _FAR, "b": 1}
    return model


def columns(**attributes):
    model = OneHotEncoder().fit([[number] for number in range(5)])
    vars(model).update(attributes)
    return model


def clustering(holder):
    return FunctionTransformer(
        holder,
        kw_args={
            "sample_weight": np.ones(1),
            "centers_init": np.zeros((4, _FAR // 1000)),
            "max_iter": 2,
        },
    )


def memory():
    """Return a model whose number lies, as NumPy is told, at an address."""
    model = DummyRegressor().fit(X, y)
    model.constant_ = LinearRegression()
    lies = {"data": (4096, False), "shape": (1,), "typestr": "<f8", "version": 3}
    vars(model.constant_)["__array_interface__"] = lies
    return model


def beside(model, **attributes):
    """Give an object attributes that go before the methods of its class."""
    vars(model).update(attributes)
    return model


def unchecked():
    model = LogisticRegression().fit(X, y).sparsify()
    model.coef_.indices = np.full(len(model.coef_.indices), _FAR, dtype=np.int32)
    beside(model.coef_, check_format=dict)
    return model


def beginning(**attributes):
    first = beside(DummyRegressor().fit(X, y), **attributes)
    model = GradientBoostingRegressor(n_estimators=2).fit(X, y)
    model.init_ = first if attributes else make_pipeline(FunctionTransformer(), first)
    return model


def histograms_of(change):
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2).fit(X, y)
    change(model)
    return model


def frame():
    return pd.DataFrame({"a": pd.Categorical(list("xyz") * 20), "b": X[:, 0]})


def categories(**attributes):
    model = HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype")
    beside(model.fit(frame(), y)._preprocessor, **attributes)
    return model


def few_stored():
    model = SVC().fit(csr_matrix(X), y)
    model._dual_coef_ = csr_matrix(model._dual_coef_.shape)
    return model


def by_column():
    model = SVC().fit(csr_matrix(X), y)
    model.support_vectors_ = model.support_vectors_.tocsc()
    return model


CRAFTED = {
    "a number at an address": memory,
    "a matrix that checks itself": unchecked,
    "a tree that does not look at data": lambda: beside(
        tree(3), _validate_X_predict=functools.partial(check_array, dtype=np.float32)
    ),
    "boosting that begins with nothing": lambda: beginning(
        n_outputs_=0, constant_=np.zeros((1, 0))
    ),
    "boosting that begins with anything": beginning,
    "histograms of what is no more there": lambda: histograms_of(
        lambda model: beside(model, _preprocessor=FunctionTransformer())
    ),
    "histograms in training": lambda: histograms_of(lambda model: beside(model, _in_fit=True)),
    "histograms of fewer columns": lambda: categories(
        _transformer_to_input_indices={"encoder": [0], "numerical": []}
    ),
    "lengths of one center": lambda: beside(Birch().fit(X), _subcluster_norms=np.zeros(1)),
    "lengths of one sample": lambda: neighbours(
        effective_metric_params_={"Y_norm_squared": np.zeros(1)}
    ),
    "vectors without coefficients": few_stored,
    "vectors by column": by_column,
    "a tree without a width": lambda: tree(None),
    "a tree whose width is a fraction": lambda: tree(3.0),
    "a tree whose width is an array": lambda: tree(np.array([3])),
    "a forest with a wide tree": lambda: forest(lambda sound: [sound, wide()]),
    "a forest that speaks of features of its own": lambda: forest(
        lambda sound: [sound, wide()], estimators_features_=[]
    ),
    "a forest of a pipeline": lambda: forest(lambda sound: [sound, make_pipeline(wide())]),
    "a forest in a dict": lambda: forest(lambda sound: {sound: 0, wide(): 1, 0: sound}),
    "an isolation forest": isolation,
    "boosting": boosting,
    "boosting of histograms": histograms,
    "neighbours in fewer columns": lambda: neighbours(n_features_in_=_FAR),
    "neighbours of other classes": lambda: neighbours(_y=np.full(60, _FAR)),
    "more neighbours than samples": lambda: neighbours(n_samples_fit_=_FAR, n_neighbors=_FAR),
    "a search without leaves": lambda: searching(no_leaves),
    "a search with fields of other names": lambda: searching(renamed),
    "a search with few bounds": lambda: searching(
        lambda state: {"_3": np.zeros((1, state[3].shape[1], 1))}
    ),
    "weights of one sample": weighing,
    "vectors of a kernel": machine,
    "words": lambda: words(CountVectorizer(), ["some words"]),
    "names": lambda: words(DictVectorizer(sparse=False), [{"a": 1}]),
    "labels": labels,
    "fewer columns": lambda: columns(_n_features_outs=[1]),
    "a category that is dropped before the first": lambda: columns(
        _drop_idx_after_grouping=np.array([-5], dtype=object)
    ),
    "categories without order": lambda: columns(categories_=[np.array([4, 3, 2, 1, 0])]),
    "a function that clusters": lambda: clustering(_kmeans_single_lloyd),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_fault_2_a_crafted_model_is_refused_before_it_predicts(name, tmp_path):
    """Each of these has a sound form; its numbers, names or parts would be followed out of an
    array.
    """
    model = CRAFTED[name]()
    with pytest.raises(IntegrityError, match="is damaged"):
        load(model, tmp_path)


HONEST = {
    "sparse vectors": lambda: SVC().fit(csr_matrix(X), y),
    "categories of a frame": categories,
    "categories by place": lambda: HistGradientBoostingClassifier(
        max_iter=2, categorical_features=[0]
    ).fit(np.column_stack([y, X]), y),
    "subclusters": lambda: Birch().fit(X),
    "boosting that begins with a line": lambda: GradientBoostingRegressor(
        n_estimators=2, init=LinearRegression()
    ).fit(X, y),
    "boosting that begins with a tree": lambda: GradientBoostingClassifier(
        n_estimators=2, init=DecisionTreeClassifier(max_depth=1)
    ).fit(X, y % 2),
    "callable kernel": lambda: SVC(kernel=linear_kernel).fit(X, y),
    "precomputed kernel": lambda: SVC(kernel="precomputed").fit(X @ X.T, y),
    "clusters": lambda: BisectingKMeans(3, random_state=0).fit(X),
    "features of an isolation forest": lambda: IsolationForest(n_estimators=3, max_features=2).fit(
        X
    ),
    "two outputs": lambda: KNeighborsClassifier(algorithm="brute").fit(
        X, np.column_stack([y, y % 2])
    ),
    "names of classes": lambda: KNeighborsClassifier(algorithm="ball_tree").fit(
        X, np.array(list("abc"))[y]
    ),
    "numbers for neighbours": lambda: RadiusNeighborsRegressor(algorithm="brute").fit(X, X),
    "dropped categories": lambda: OneHotEncoder(drop="if_binary").fit(
        [["a", 1], ["b", 2], ["a", 3]]
    ),
    "rare categories": lambda: OneHotEncoder(
        min_frequency=2, handle_unknown="infrequent_if_exist"
    ).fit([["a"], ["a"], ["b"], ["c"]]),
    "missing categories": lambda: OneHotEncoder(drop="first").fit([[1.0], [np.nan], [2.0]]),
    "rows of few": lambda: OneHotEncoder(max_categories=2, drop="first").fit([[1], [1], [2], [3]]),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_an_honest_model_holds_is_let_through(name, tmp_path):
    assert type(load(HONEST[name](), tmp_path)).__name__ == type(HONEST[name]()).__name__


def test_labels_that_were_used_are_let_through(tmp_path):
    model = MultiLabelBinarizer().fit([["a", "b"]])
    model.transform([["a"]])
    assert list(load(model, tmp_path).classes_) == ["a", "b"]
