"""How many threads compute, and which kernels: results may differ in the last digits with both."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["describe_threads"]


def describe_threads() -> dict[str, Any]:
    """Return what modules that the program has imported tell; variables such as ``OMP_NUM_THREADS``
    stand with those of the process.

    ``pools``, from threadpoolctl, one for each library: ``kind``, ``library``, ``version``,
    ``threads`` and, of BLAS, ``kernel`` and ``layer``; ``torch``, ``torch_interop`` and
    ``numexpr``, numbers of threads; ``numpy_blas``, what numpy was built with.
    """
    asked: dict[str, Callable[[], Any]] = {
        "pools": _pools,
        "torch": lambda: _called("torch", "get_num_threads"),
        "torch_interop": lambda: _called("torch", "get_num_interop_threads"),
        "numexpr": lambda: _called("numexpr", "get_num_threads"),
        "numpy_blas": _numpy_blas,
    }
    facts = {}
    for name, ask in asked.items():
        try:
            told = ask()
        except Exception as error:  # noqa: BLE001 - libraries of any version; each fact fails alone
            told = f"cannot be told: {type(error).__name__}: {error}"
        if told:
            facts[name] = told
    return facts


def _pools() -> list[dict[str, Any]]:
    names = {
        "user_api": "kind",
        "internal_api": "library",
        "version": "version",
        "num_threads": "threads",
        "architecture": "kernel",
        "threading_layer": "layer",
    }
    pools = _called("threadpoolctl", "threadpool_info") or []
    return [
        {name: pool[given] for given, name in names.items() if pool.get(given) is not None}
        for pool in pools
    ]


def _called(module: str, function: str) -> Any:
    """Return what a function without arguments says; None where the program has not imported it."""
    found = getattr(sys.modules.get(module), function, None)
    return None if found is None else found()


def _numpy_blas() -> str:
    build = (
        getattr(sys.modules.get("numpy.__config__"), "CONFIG", {})
        .get("Build Dependencies", {})
        .get("blas", {})
    )
    return f"{build.get('name', '')} {build.get('version', '')}".strip()
