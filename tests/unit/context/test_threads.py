"""How many threads compute, as modules tell that the program has imported."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from fitprint.context.threads import describe_threads


@pytest.fixture
def alone(monkeypatch):
    """A program that has imported none of these modules."""
    for name in ("threadpoolctl", "torch", "numexpr", "numpy.__config__"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("alone")
def test_nothing_is_imported_to_be_asked():
    before = set(sys.modules)
    assert describe_threads() == {}
    assert set(sys.modules) == before


@pytest.mark.usefixtures("alone")
def test_imported_modules_are_asked(monkeypatch):
    pool = {
        "user_api": "blas",
        "internal_api": "openblas",
        "num_threads": 4,
        "architecture": "Haswell",
        "filepath": "/home/me/x.so",
    }
    monkeypatch.setitem(
        sys.modules, "threadpoolctl", SimpleNamespace(threadpool_info=lambda: [pool])
    )
    monkeypatch.setitem(
        sys.modules,
        "torch",
        SimpleNamespace(get_num_threads=lambda: 3, get_num_interop_threads=lambda: 2),
    )
    assert describe_threads() == {
        "pools": [{"kind": "blas", "library": "openblas", "threads": 4, "kernel": "Haswell"}],
        "torch": 3,
        "torch_interop": 2,
    }


@pytest.mark.usefixtures("alone")
def test_one_that_fails_fails_alone(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "threadpoolctl", SimpleNamespace(threadpool_info=lambda: 1 / 0)
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(get_num_threads=lambda: 3))
    assert describe_threads() == {
        "pools": "cannot be told: ZeroDivisionError: division by zero",
        "torch": 3,
    }


def test_the_blas_of_numpy_is_told():
    pytest.importorskip("numpy")
    pytest.importorskip("threadpoolctl")
    facts = describe_threads()
    assert any(pool["kind"] == "blas" for pool in facts["pools"])
