"""The MLflow plugin of fitprint: what MLflow recorded is taken in, and what fitprint records is
brought to an MLflow server.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener


@hookimpl
def register_importers() -> Mapping[str, Any]:
    from fitprint.copying.origin import Importer
    from fitprint_mlflow.opening import open_mlflow

    return {"mlflow": Importer(open_mlflow)}


def _open(uri: str, home: Path) -> Any:
    from fitprint_mlflow.store import MlflowStore

    return MlflowStore(uri, home)


@hookimpl
def register_stores() -> Mapping[str, Opener]:
    return {scheme: Opener(_open, at_home=True) for scheme in ("mlflow+http", "mlflow+https")}
