import io
import json
import zipfile

import numpy as np
import pytest
import scipy.sparse
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fitprint_sklearn.archives import canonical

X = np.random.default_rng(0).normal(size=(40, 3))
y = np.arange(40) % 2
MODELS = {
    "pipeline": make_pipeline(
        make_column_transformer((StandardScaler(), [0, 1]), remainder="passthrough"),
        LogisticRegression(),
    ),
    "texts": make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()),
    "forest": RandomForestClassifier(3, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=2, random_state=np.random.RandomState(0)),
    "sparse": KNeighborsClassifier(),
}


def fitted(name):
    return MODELS[name].fit(scipy.sparse.csr_matrix(X) if name == "sparse" else X, y)


def form(model):
    return b"".join(map(bytes, canonical(memoryview(skops.io.dumps(model)))))


@pytest.mark.parametrize("name", MODELS)
def test_the_same_model_gives_the_same_bytes(name):
    """Although skops names files at random and notes addresses; what it holds is unchanged, and the
    archive whole.
    """
    model = fitted(name)

    first = form(model)

    assert first == form(model)
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.testzip() is None
    data = scipy.sparse.csr_matrix(X) if name == "sparse" else X
    trusted = skops.io.get_untrusted_types(data=first)
    assert (
        model.predict_proba(data).tolist()
        == skops.io.loads(first, trusted=trusted).predict_proba(data).tolist()
    )


def test_arrays_are_not_copied():
    """They are what is large."""
    data = memoryview(skops.io.dumps(fitted("forest")))

    pieces = canonical(data)

    assert all(
        piece.obj is data.obj
        for piece in pieces
        if isinstance(piece, memoryview) and piece is not pieces[-2]
    )


def archive(names, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as made:
        for name in names:
            made.writestr(name, json.dumps({}))
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive at all, and long enough to be one",
        archive([]),
        archive(["schema.json", "more.npy"]),
        archive(["a.npy", "schema.json"], compression=zipfile.ZIP_DEFLATED),
        archive(["ä.npy", "schema.json"]),
        archive(["a.npy", "schema.json"]) + b"more",
    ],
    ids=[
        "empty",
        "no archive",
        "no files",
        "another order",
        "compressed",
        "other names",
        "more behind it",
    ],
)
def test_what_skops_would_not_write_is_left_alone(data):
    """Better twice than wrong."""
    assert [data] == canonical(memoryview(data))
