"""The TensorBoard plugin of fitprint: what event files hold is taken in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_importers() -> Mapping[str, Any]:
    from fitprint.copying.origin import Importer
    from fitprint_tensorboard.origin import open_tensorboard

    return {"tensorboard": Importer(open_tensorboard)}
