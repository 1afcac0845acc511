"""The MLflow plugin of fitprint: what MLflow recorded is taken in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_importers() -> Mapping[str, Any]:
    from fitprint.copying.origin import Importer
    from fitprint_mlflow.opening import open_mlflow

    return {"mlflow": Importer(open_mlflow)}
