"""The Neptune plugin of fitprint: what neptune-exporter wrote to disk is taken in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_importers() -> Mapping[str, Any]:
    from fitprint.copying.origin import Importer
    from fitprint_neptune.origin import open_neptune

    return {"neptune": Importer(open_neptune)}
