"""The files of recorded models: how often they are stored, and what becomes of damaged ones."""

import json
import os

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fitprint
from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.directory import MANIFEST, pack
from fitprint.models.hashing import digest_of
from fitprint.models.loading import load_directory
from fitprint.models.trust import Trust
from fitprint.recording.workspace import current
from fitprint_sklearn.flavor import SklearnFlavor

X = np.random.default_rng(0).normal(size=(13_000, 200))  # 20 MB
LARGE = KNeighborsRegressor(algorithm="brute").fit(X, X[:, 0])


class Plain(BaseEstimator):
    """A user's own estimator."""


def stored():
    """Return the bytes that all blobs take."""
    return sum(path.stat().st_size for path in current().staging.root.rglob("*") if path.is_file())


def logged(model):
    with fitprint.start_run() as run:
        run.log_model(model)
    return run


def blob_of(run, path="model/model.pkl"):
    (found,) = [artifact for artifact in run.artifacts if artifact.path == path]
    return current().staging.path_of(found.digest)


def test_bytes_logged_twice_are_stored_once(untracked):
    """Twenty megabytes in two runs, and in one run under two paths."""
    first = logged(LARGE)
    before = stored()

    second = logged(LARGE)
    with fitprint.start_run() as third:
        third.log_model(LARGE, "other")

    assert before > 20e6
    assert before == stored()
    assert first.models[0].digest == second.models[0].digest == third.models[0].digest
    assert (
        fitprint.load_model(f"runs:/{third.id}/other").predict(X[:3]).tolist()
        == LARGE.predict(X[:3]).tolist()
    )


def test_loading_leaves_the_blobs_alone(untracked):
    """They are read in their place: nothing is left beside them, nothing is taken away, nothing is
    open to others.
    """
    run = logged(LARGE)
    before = {
        path: (path.stat().st_size, path.stat().st_mode)
        for path in current().staging.root.rglob("*")
    }

    fitprint.load_model(f"runs:/{run.id}/model")

    assert before == {
        path: (path.stat().st_size, path.stat().st_mode)
        for path in current().staging.root.rglob("*")
    }
    assert blob_of(run).stat().st_nlink == 1


def test_models_load_where_files_cannot_have_second_names(untracked, monkeypatch):
    """Another file system, or a folder of others: the files are copied."""
    run = logged(LARGE)
    monkeypatch.setattr(
        os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no links here"))
    )

    assert (
        fitprint.load_model(f"runs:/{run.id}/model").predict(X[:3]).tolist()
        == LARGE.predict(X[:3]).tolist()
    )


@pytest.mark.parametrize("where", [0.3, 0.999])
@pytest.mark.parametrize("how", ["a bit", "cut", "empty"])
def test_large_damaged_blobs_are_named(untracked, where, how):
    """Although reading begins before their digests are known, no model comes out of it, and no
    other error.
    """
    run = logged(LARGE)
    blob = blob_of(run)
    data = bytearray(blob.read_bytes())
    place = int(len(data) * where)
    data[place] ^= 1
    blob.write_bytes({"a bit": data, "cut": data[:place], "empty": b""}[how])

    with pytest.raises(IntegrityError, match=r"'model/model\.pkl' have changed"):
        fitprint.load_model(f"runs:/{run.id}/model")


def test_named_trust_and_other_frameworks_wait_for_the_digests():
    """Who trusts code trusts it for the bytes that were recorded; and a booster's reader may not
    survive damaged ones.
    """
    own, foreign = (
        {
            "serialization_format": "skops",
            "skops_trusted_types": ["sklearn.svm._classes.SVC", *more],
        }
        for more in ((), ["lightgbm.basic.Booster"])
    )
    assert [True, False] == [
        SklearnFlavor().reads_unverified(options, Trust()) for options in (own, foreign)
    ]
    assert SklearnFlavor().reads_unverified({"serialization_format": "skops"}, Trust())
    assert not SklearnFlavor().reads_unverified({"serialization_format": "skops"}, Trust(["a.B"]))
    assert not SklearnFlavor().reads_unverified({"serialization_format": "pickle"}, Trust())
    assert not SklearnFlavor().reads_unverified({}, Trust())


@pytest.mark.parametrize("nested", [False, True])
def test_what_cannot_be_saved_is_named(untracked, nested):
    """The attribute that holds it, and what to do."""
    part = Plain()
    part.stream_ = (line for line in "")
    model = make_pipeline(StandardScaler(), part) if nested else part
    path = r"steps\[1\]\[1\]\.stream_" if nested else r"\.stream_"

    with (
        fitprint.start_run() as run,
        pytest.raises(FitprintError, match=rf"{path}, a generator.*del"),
    ):
        run.log_model(model)


def test_models_of_newer_versions_say_so(tmp_path):
    """Both versions, and what to install."""
    pack(make_pipeline(StandardScaler()).fit(X[:5]), tmp_path, flavors=[SklearnFlavor()])
    (tmp_path / "model.skops").write_bytes(b"a format of the future")
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["files"]["model.skops"] = list(digest_of(tmp_path / "model.skops"))
    manifest["requirements"] = [
        line if not line.startswith("skops") else "skops==99.0" for line in manifest["requirements"]
    ]
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(
        FitprintError, match=r"made with skops 99\.0 \(here 0\.[0-9.]+\): pip install skops==99\.0"
    ):
        load_directory(tmp_path, [SklearnFlavor()])
