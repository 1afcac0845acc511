"""The fixture `runs`: a home, a store and settings for one test; what a plugin does wrong is
raised.
"""

import warnings

import pytest

from fitprint.testing.fixtures import runs

__all__ = ["runs"]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the oldest one's first import warns of numpy's size
    import catboost  # noqa: F401


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """CatBoost writes into the current folder."""
    monkeypatch.chdir(tmp_path)
