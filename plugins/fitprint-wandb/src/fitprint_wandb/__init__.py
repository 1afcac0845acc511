"""The Weights & Biases plugin of fitprint: what its offline mode recorded is taken in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_importers() -> Mapping[str, Any]:
    from fitprint.copying.origin import Importer
    from fitprint_wandb.origin import open_wandb

    return {"wandb": Importer(open_wandb)}
