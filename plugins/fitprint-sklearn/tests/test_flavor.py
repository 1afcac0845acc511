import functools
import io
import json
import os
import pickle
import zipfile

import joblib
import numpy as np
import pytest
import scipy.stats
import skops.io
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import Birch
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold
from sklearn.neighbors import KDTree, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from fitprint.errors import FitprintError, IntegrityError, UntrustedModelError
from fitprint.models import pickles
from fitprint.models.directory import MANIFEST, pack
from fitprint.models.flavor import choose_flavor
from fitprint.models.loading import load_directory
from fitprint.models.pickle_flavor import PickleFlavor
from fitprint.models.trust import Trust
from fitprint_sklearn.compiled import BUILDERS, MAKERS
from fitprint_sklearn.flavor import SklearnFlavor
from fitprint_sklearn.indices import out_of_bounds
from fitprint_sklearn.trust import is_constructor, is_trusted

FLAVORS = [PickleFlavor(), SklearnFlavor()]
rng = np.random.RandomState(0)
X = np.abs(rng.normal(size=(60, 6)))
y = (X[:, 0] > X[:, 1]).astype(int)


class Threshold(ClassifierMixin, BaseEstimator):
    """A user's own estimator."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.cut_ = X[:, 0].mean()
        return self

    def predict(self, X):
        return (X[:, 0] > self.cut_).astype(int)


class Guarded(TransformerMixin, BaseEstimator):
    """Runs code of its own when its state is set."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X

    def __setstate__(self, state):
        os.environ["FLAVOR_TEST_RAN"] = "1"
        super().__setstate__(state)


def shifted(values, by=1.0):
    return values + by


def test_estimators_are_known_without_importing_anything():
    """The class and its bases tell."""
    assert [True, True, False] == [
        SklearnFlavor().accepts(model) for model in (Threshold(), LogisticRegression(), {})
    ]
    assert "sklearn" == choose_flavor(Threshold(), FLAVORS).name


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(
            StandardScaler(),
            SelectKBest(chi2, k=2).set_params(score_func=chi2),
            LogisticRegression(),
        ).set_params(
            standardscaler="passthrough",
        ),
        make_pipeline(
            ColumnTransformer(
                [("log", FunctionTransformer(np.log1p), [0, 1])], remainder="passthrough"
            ),
            LogisticRegression(),
        ),
        make_pipeline(
            FunctionTransformer(functools.partial(np.clip, a_min=0.1, a_max=0.9)),
            LogisticRegression(),
        ),
        RandomForestClassifier(5),
        HistGradientBoostingClassifier(max_iter=5, categorical_features=[5]).set_params(max_bins=8),
        GradientBoostingClassifier(n_estimators=3),
        KNeighborsClassifier(algorithm="ball_tree", metric="minkowski", p=3),
        GridSearchCV(
            LogisticRegression(), {"C": [0.1, 1.0]}, cv=StratifiedKFold(2), scoring="roc_auc"
        ),
        GridSearchCV(
            LogisticRegression(),
            {"C": [0.1, 1.0]},
            cv=2,
            scoring=make_scorer(mean_squared_error),
            refit=True,
        ),
        IsolationForest(n_estimators=3, max_features=0.5, random_state=np.random.RandomState(0)),
    ],
    ids=lambda model: str(model)[:60].replace("\n", ""),
)
def test_safe_models_come_back(tmp_path, model):
    """The framework's own models are stored without code, need no trust, and predict the same."""
    data = (
        (X * 8).astype(int).clip(0, 7) if isinstance(model, HistGradientBoostingClassifier) else X
    )
    model.fit(data, y)

    packed = pack(model, tmp_path, flavors=FLAVORS)

    assert ("skops", True, []) == (
        packed.facts["serialization"],
        packed.facts["safe"],
        packed.facts["needs"],
    )
    assert model.predict(data).tolist() == load_directory(tmp_path, FLAVORS).predict(data).tolist()


def estimators():
    from sklearn.utils import all_estimators

    return dict(all_estimators())


def instances(kind):
    """Small instances of an estimator class; scikit-learn's own makers of them,
    which have moved.
    """
    try:
        from sklearn.utils._test_common.instance_generator import _construct_instances
    except ImportError:
        from sklearn.utils.estimator_checks import _construct_instance

        return [_construct_instance(kind)]
    return list(_construct_instances(kind))


PAIRS = np.column_stack([y, 1 - y])
FITS = [
    (X, y),
    (X, y + 1),
    (np.column_stack([y, y]).astype(float), PAIRS),
    (X, PAIRS),
    (["a b c", "b c", "d e"] * 5,),
    ([{"a": 1, "b": 2.0}] * 3,),
    (X[:, 0], y),
    (X @ X.T, y),
]

# Those that scikit-learn's own makers make no usable instance of.
NOT_MADE = {
    "ColumnTransformer",
    "CountVectorizer",
    "FeatureUnion",
    "FrozenEstimator",
    "GaussianRandomProjection",
    "GridSearchCV",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "Pipeline",
    "RandomizedSearchCV",
    "SparseCoder",
    "SparseRandomProjection",
    "TfidfVectorizer",
}
# Those that skops cannot write; their pickles hold nothing but the framework's own types.
PICKLED = {"Birch"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(estimators()))
def test_every_estimator_comes_back(tmp_path, name):
    """Each of scikit-learn's estimators is stored safely, or as a pickle in a stated list, and
    gives the same afterwards.
    """
    try:
        made = instances(estimators()[name])
    except BaseException as error:
        if type(error).__name__ != "SkipTest":
            raise
        made = []
    fitted = [
        fit for number, model in enumerate(made) if (fit := _fitted(model, number)) is not None
    ]
    assert fitted or name in NOT_MADE

    for number, (model, data) in enumerate(fitted):
        packed = pack(model, tmp_path / str(number), flavors=FLAVORS)
        assert (name not in PICKLED, []) == (packed.facts["safe"], packed.facts["needs"])
        _assert_same(model, load_directory(tmp_path / str(number), FLAVORS), data)
        _assert_same(
            model,
            pickles.load(
                pickles.dump(model)[0],
                Trust(),
                "model.pkl",
                is_trusted,
                is_constructor,
                makers=MAKERS,
                builders=BUILDERS,
            ),
            data,
        )


def _fitted(model, number):
    for arguments in FITS:
        try:
            return model.fit(*arguments), arguments[0]
        except Exception:  # noqa: BLE001
            # most estimators refuse most kinds of data, each in its own way
            continue
    return None


def _assert_same(model, loaded, data):
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        if not hasattr(model, method):
            continue
        np.random.seed(0)
        try:
            expected = getattr(model, method)(data)
        except (ValueError, AttributeError, NotImplementedError):
            continue
        np.random.seed(0)
        found = getattr(loaded, method)(data)
        expected, found = (
            np.asarray(value.toarray() if hasattr(value, "toarray") else value)
            for value in (expected, found)
        )
        if expected.dtype.kind in "fc":
            np.testing.assert_allclose(expected, found, rtol=1e-12, atol=1e-12)
        else:
            assert expected.tolist() == found.tolist()


def test_own_class_loads_once_it_is_named(tmp_path):
    """A class of an importable module is stored as skops; its name is all that a caller has to
    give.
    """
    model = make_pipeline(StandardScaler(), Threshold()).fit(X, y)
    name = f"{Threshold.__module__}.Threshold"

    packed = pack(model, tmp_path, flavors=FLAVORS)

    assert ("skops", [name]) == (packed.facts["serialization"], packed.facts["needs"])
    with pytest.raises(UntrustedModelError, match=name):
        load_directory(tmp_path, FLAVORS)
    assert (
        model.predict(X).tolist()
        == load_directory(tmp_path, FLAVORS, trust=[name]).predict(X).tolist()
    )


def test_own_function_loads_once_it_is_named(tmp_path):
    """So is a function that a model holds."""
    model = make_pipeline(
        FunctionTransformer(shifted, kw_args={"by": 2.0}), LogisticRegression()
    ).fit(X, y)
    name = f"{shifted.__module__}.shifted"

    pack(model, tmp_path, flavors=FLAVORS)

    with pytest.raises(UntrustedModelError, match=name):
        load_directory(tmp_path, FLAVORS)
    assert (
        model.predict(X).tolist()
        == load_directory(tmp_path, FLAVORS, trust=[name]).predict(X).tolist()
    )


def test_untrusted_class_runs_nothing(tmp_path, monkeypatch):
    """Refusal comes before any of the model's code."""
    model = Guarded().fit(X)
    pack(model, tmp_path, flavors=FLAVORS)
    monkeypatch.delenv("FLAVOR_TEST_RAN", raising=False)

    with pytest.raises(UntrustedModelError):
        load_directory(tmp_path, FLAVORS)

    assert "FLAVOR_TEST_RAN" not in os.environ


def test_lambdas_are_pickled_by_value(tmp_path):
    """What skops and pickle cannot refer to is packed by cloudpickle, and marked."""
    model = FunctionTransformer(lambda values: values * 2).fit(X)

    packed = pack(model, tmp_path, flavors=FLAVORS)

    assert ("cloudpickle", False, ["cloudpickle"]) == (
        packed.facts["serialization"],
        packed.facts["safe"],
        packed.facts["needs"],
    )
    with pytest.raises(
        UntrustedModelError,
        match=r'cloudpickle   <- can run any code(.|\n)*trust=\["cloudpickle"\]',
    ):
        load_directory(tmp_path, FLAVORS)
    loaded = load_directory(tmp_path, FLAVORS, trust=["cloudpickle"])
    assert (X * 2).tolist() == loaded.transform(X).tolist()


def test_search_over_distributions_comes_back(tmp_path):
    """Distributions of scipy are no part of the trusted types; the search loads when they are
    named.
    """
    model = RandomizedSearchCV(
        LogisticRegression(), {"C": scipy.stats.loguniform(0.1, 1)}, n_iter=2, cv=2, random_state=0
    ).fit(X, y)

    packed = pack(model, tmp_path, flavors=FLAVORS)

    assert (
        model.predict(X).tolist()
        == load_directory(tmp_path, FLAVORS, trust=packed.facts["needs"]).predict(X).tolist()
    )


def test_vast_vocabularies_are_pickles(tmp_path):
    """For them skops would take minutes and gigabytes; the pickle holds nothing but the framework's
    own types.
    """
    model = CountVectorizer().fit([" ".join(f"word{number}" for number in range(100_001))])

    packed = pack(model, tmp_path, flavors=FLAVORS)

    assert ("pickle", []) == (packed.facts["serialization"], packed.facts["needs"])
    assert model.vocabulary_ == load_directory(tmp_path, FLAVORS).vocabulary_


def test_requirements_are_what_the_model_needs(tmp_path):
    """No package that happens to be installed beside it."""
    packed = pack(LogisticRegression().fit(X, y), tmp_path, flavors=FLAVORS)

    assert ["numpy", "scikit-learn", "scipy", "skops"] == [
        line.partition("==")[0] for line in packed.facts["requirements"]
    ]


def _as_mlflow(tmp_path, file, data, options):
    """A directory without digests, such as another tool writes: all in it is the attacker's."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(data)
    (tmp_path / "MLmodel").write_text(
        json.dumps({"flavors": {"sklearn": {"pickled_model": file, **options}}})
    )
    return tmp_path


def test_malicious_pickle_is_never_run(tmp_path):
    """A command inside of a scikit-learn model is refused by name."""

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    model = LogisticRegression().fit(X, y)
    model.note = Bomb()
    folder = _as_mlflow(
        tmp_path / "model",
        "model.pkl",
        pickle.dumps(model),
        {"serialization_format": "cloudpickle"},
    )

    with pytest.raises(UntrustedModelError, match=r"mkdir +<- can run any code"):
        load_directory(folder, FLAVORS)

    assert not (tmp_path / "made").exists()


def test_trust_list_of_the_file_is_ignored(tmp_path):
    """What MLflow would take from the model's own file opens nothing here."""
    model = FunctionTransformer(os.system)
    options = {
        "serialization_format": "skops",
        "skops_trusted_types": [f"{os.system.__module__}.system", "posix.system", "nt.system"],
    }
    folder = _as_mlflow(tmp_path, "model.skops", skops.io.dumps(model), options)

    with pytest.raises(UntrustedModelError, match=r"\.system"):
        load_directory(folder, FLAVORS)


@pytest.mark.parametrize(
    "function", [np.load, np.frompyfunc, np.fromfile, joblib.load, eval, os.path.join, np.vectorize]
)
def test_functions_that_open_doors_are_not_trusted(tmp_path, function):
    """The frameworks' own readers of files and makers of functions have to be named."""
    folder = _as_mlflow(tmp_path, "model.pkl", pickle.dumps(FunctionTransformer(function)), {})

    with pytest.raises(UntrustedModelError):
        load_directory(folder, FLAVORS)


@pytest.mark.parametrize(
    "name",
    [
        "sklearn.datasets._base.load_files",
        "sklearn.utils.estimator_checks.check_estimator",
        "sklearn.externals._arff.load",
        "sklearn.tests.test_base.MyEstimator",
        "sklearn.base.clone",
        "sklearn.pipeline.make_pipeline",
        "sklearn.linear_model._logistic.np.load",
        "sklearn.linear_model.LogisticRegression.fit",
        "sklearn.no_such_module.Estimator",
    ],
)
def test_only_estimators_are_trusted_by_rule(name):
    """Other names below scikit-learn are code like any other."""
    module, _, attribute = name.rpartition(".")

    assert not is_trusted(module, attribute)


def test_pickles_may_refer_to_functions_but_not_call_them():
    """A metric that a model holds is honest; a pickle that calls it is not."""
    metric = f"c{mean_squared_error.__module__}\nmean_squared_error\n".encode()

    assert mean_squared_error is pickles.load(
        metric + b".",
        Trust(),
        "model.pkl",
        is_trusted,
        is_constructor,
        makers=MAKERS,
        builders=BUILDERS,
    )
    with pytest.raises(UntrustedModelError, match="mean_squared_error"):
        pickles.load(
            metric + b"(K\x01K\x02tR.",
            Trust(),
            "model.pkl",
            is_trusted,
            is_constructor,
            makers=MAKERS,
            builders=BUILDERS,
        )


def test_pickles_may_not_change_a_class():
    """A trusted class stays as the framework made it."""
    data = (
        b"\x80\x04csklearn.model_selection._split\nKFold\nN}\x8c\x05splitcbuiltins\nlist\ns\x86b."
    )

    with pytest.raises(UntrustedModelError, match="KFold"):
        pickles.load(
            data, Trust(), "model.pkl", is_trusted, is_constructor, makers=MAKERS, builders=BUILDERS
        )


FORGED_FIELDS = b"(K\x03S'|'\nN(S'a'\nt}S'a'\n(cnumpy\ndtype\n(S'O8'\ntRK\x00tsK\x08K\x01K\x00tb"
FORGED_OFFSET = b"(K\x03S'|'\nN(S'a'\nt}S'a'\n(cnumpy\ndtype\n(S'f8'\ntRK\x01tsK\x08K\x01K\x00tb"
FORGED_INNER = b"(K\x03S'|'\n(cnumpy\ndtype\n(S'O8'\ntR(K\x01ttNNK\x08K\x01K\x00tb"


@pytest.mark.parametrize(
    "data",
    [
        b"cnumpy\nndarray\n((K\x01tcnumpy\ndtype\n(S'O'\ntR\x43\x0812345678tR.",
        b"cnumpy\nndarray\n((K\x01tcnumpy\ndtype\n(S'O'\ntR\x43\x0812345678t\x81.",
        *(
            b"cnumpy\ndtype\n(S'V8'\ntR" + state + b"."
            for state in (FORGED_FIELDS, FORGED_OFFSET, FORGED_INNER)
        ),
        b"cnumpy\ndtype\n(S'S8'\ntR\x94h\x00(K\x03S'|'\nNNNK\x40K\x01K\x00tb0.",
    ],
    ids=["call", "new", "objects in fields", "fields outside", "objects inside", "a dtype in use"],
)
def test_raw_bytes_are_never_taken_for_objects(data):
    """NumPy believes what a pickle tells of memory; so we do not let it tell."""
    with pytest.raises((IntegrityError, UntrustedModelError), match=r"numpy\.(ndarray|dtype)"):
        pickles.load(
            b"\x80\x04" + data,
            Trust(),
            "model.pkl",
            is_trusted,
            is_constructor,
            makers=MAKERS,
            builders=BUILDERS,
        )


def test_no_file_gets_hold_of_the_array_type(tmp_path):
    """Bound to raw bytes it would do its harm later, when the model calls it."""
    bomb = FunctionTransformer(functools.partial(np.ndarray, (1,), np.dtype("O"), b"12345678"))

    loaded = load_directory(
        _as_mlflow(
            tmp_path / "pickle", "model.pkl", pickle.dumps(FunctionTransformer(np.ndarray)), {}
        ),
        FLAVORS,
    )
    assert np.ndarray is not loaded.func
    with pytest.raises(FitprintError):
        load_directory(_as_mlflow(tmp_path / "bound", "model.pkl", pickle.dumps(bomb), {}), FLAVORS)
    with pytest.raises(UntrustedModelError, match=r"numpy\.ndarray"):
        load_directory(
            _as_mlflow(
                tmp_path / "skops",
                "model.skops",
                skops.io.dumps(bomb),
                {"serialization_format": "skops"},
            ),
            FLAVORS,
        )


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(2, dtype=[("a", "i4"), ("b", "f8", (2,)), ("c", [("d", "U3")])]),
        np.array(["a", None], dtype=object),
        np.array(["2024-01-01"], dtype="datetime64[D]"),
        np.zeros((2, 3), order="F").T[::2],
        np.ma.masked_array([1, 2], [True, False]),
        np.float32(1.5),
        np.dtype(">f8"),
        np.array(["ab", "c"]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_honest_arrays_need_no_trust(array, protocol):
    """Whatever its dtype and layout."""
    loaded = pickles.load(
        pickle.dumps([array, array], protocol=protocol),
        Trust(),
        "model.pkl",
        is_trusted,
        is_constructor,
        makers=MAKERS,
        builders=BUILDERS,
    )[1]

    assert (repr(array), array.dtype if hasattr(array, "dtype") else None) == (
        repr(loaded),
        getattr(loaded, "dtype", None),
    )


def test_skops_archives_make_no_arrays_by_call(tmp_path):
    """Neither does an archive call the array type with raw bytes."""
    with zipfile.ZipFile(
        io.BytesIO(
            skops.io.dumps(
                FunctionTransformer(kw_args={"x": ((1,), np.dtype("O").str, b"12345678")})
            )
        )
    ) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    content = schema["content"]["content"]["kw_args"]["content"]
    content["x"] = {
        "__class__": "ndarray",
        "__module__": "numpy",
        "__loader__": "ConstructorFromReduceNode",
        "content": content["x"],
    }
    files["schema.json"] = json.dumps(schema).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    folder = _as_mlflow(
        tmp_path, "model.skops", target.getvalue(), {"serialization_format": "skops"}
    )

    with pytest.raises(UntrustedModelError, match=r"numpy\.ndarray"):
        load_directory(folder, FLAVORS)


def test_sparse_matrices_that_point_outside_are_refused(tmp_path):
    """So would a crafted sparse matrix."""
    model = LogisticRegression().fit(X, y).sparsify()
    assert out_of_bounds(model) is None
    pack(model, tmp_path, flavors=FLAVORS)
    assert model.predict(X).tolist() == load_directory(tmp_path, FLAVORS).predict(X).tolist()

    model.coef_.indices[0] = 10**6

    assert "a csr_matrix points outside of itself" in out_of_bounds(model)


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
@pytest.mark.parametrize("form", ["skops", "pickle"])
def test_truncated_files_are_damaged(tmp_path, keep, form):
    """Half a model is refused by the name of its file, digests or not."""
    model = RandomForestClassifier(2).fit(X, y)
    data = skops.io.dumps(model) if form == "skops" else pickle.dumps(model)
    folder = _as_mlflow(tmp_path, "model.bin", data[:keep], {"serialization_format": form})

    with pytest.raises(IntegrityError, match=r"model\.bin"):
        load_directory(folder, FLAVORS)


def test_tampered_bytes_are_refused(tmp_path):
    """One bit is enough."""
    pack(LogisticRegression().fit(X, y), tmp_path, flavors=FLAVORS)
    data = bytearray((tmp_path / "model.skops").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "model.skops").write_bytes(data)

    with pytest.raises(IntegrityError, match=r"model\.skops has changed"):
        load_directory(tmp_path, FLAVORS)


def test_model_of_a_directory_without_digests_is_still_checked(tmp_path):
    """Removing the manifest removes no protection from code."""
    model = Threshold().fit(X, y)
    pack(model, tmp_path, flavors=FLAVORS)
    (tmp_path / MANIFEST).unlink()

    with pytest.raises(UntrustedModelError):
        load_directory(tmp_path, FLAVORS)


def _crafted(model, change):
    """The model with the first tree's nodes changed, as skops."""
    data = skops.io.dumps(model)
    tree = model.tree_ if hasattr(model, "tree_") else model.estimators_[0].tree_
    nodes = tree.__getstate__()["nodes"]
    target, buffer = io.BytesIO(), io.BytesIO()
    np.save(buffer, nodes, allow_pickle=False)
    changed = nodes.copy()
    change(changed)
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if content == buffer.getvalue():
                replacement = io.BytesIO()
                np.save(replacement, changed, allow_pickle=False)
                content = replacement.getvalue()
            new.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize("model", [DecisionTreeClassifier(), RandomForestClassifier(2)])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left_child", 10**6),
        ("right_child", -7),
        ("left_child", 0),
        ("feature", 99),
        ("feature", -9),
    ],
)
def test_trees_that_point_outside_are_refused(tmp_path, model, field, value):
    """A crafted tree would make predict read foreign memory, or never end."""
    model.fit(X, y)

    def change(nodes):
        nodes[field][0] = value

    folder = _as_mlflow(
        tmp_path, "model.skops", _crafted(model, change), {"serialization_format": "skops"}
    )

    with pytest.raises(IntegrityError, match="damaged: a Tree"):
        load_directory(folder, FLAVORS)


def test_boosted_trees_that_point_outside_are_refused():
    """So would a crafted histogram tree."""
    model = HistGradientBoostingClassifier(max_iter=2).fit(X, y)
    assert out_of_bounds(model) is None

    model._predictors[0][0].nodes["feature_idx"][0] = 99

    assert (
        "a HistGradientBoostingClassifier has a tree that reads more features than the estimator "
        "takes"
    ) == out_of_bounds(model)


def test_trees_wider_than_their_forest_are_refused():
    """The forest checks the width of its input for its trees."""
    model = RandomForestClassifier(2).fit(X, y)
    model.estimators_[1] = DecisionTreeClassifier().fit(np.hstack([X, X]), y)

    assert (
        "a RandomForestClassifier has a tree that reads more features than the estimator takes"
        == out_of_bounds(model)
    )


def test_neighbour_trees_that_point_outside_are_refused():
    """So would a crafted tree of neighbours."""
    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, y)
    assert out_of_bounds(model) is None
    state = list(model._tree.__getstate__())
    state[1] = np.asarray(state[1]).copy()
    state[1][0] = 10**6
    crafted = KDTree.__new__(type(model._tree))
    crafted.__setstate__(tuple(state))
    model._tree = crafted

    assert (
        f"a {type(model._tree).__name__} points to samples that it does not have"
        == out_of_bounds(model)
    )


def test_unpicklable_estimator_is_said(tmp_path):
    """The error names the class and the cause."""
    model = FunctionTransformer(kw_args={"x": (value for value in ())})

    with pytest.raises(FitprintError, match="a FunctionTransformer cannot be pickled"):
        pack(model, tmp_path, flavors=FLAVORS)


def test_birch_is_a_pickle_of_framework_types(tmp_path):
    """The one estimator that skops cannot write is marked as a pickle, and needs no trust."""
    model = Birch(n_clusters=2).fit(X)

    packed = pack(model, tmp_path, flavors=FLAVORS)

    assert ("pickle", False, []) == (
        packed.facts["serialization"],
        packed.facts["safe"],
        packed.facts["needs"],
    )
    assert model.predict(X).tolist() == load_directory(tmp_path, FLAVORS).predict(X).tolist()
