"""Deployments in the registry: an alias says which version serves where, a tag of the version with
which files.

An alias has what a deployment needs on every store: who moved it, when and why, where it led
before, the rules that must hold, and the way back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fitprint.hooks.targets import Rendering
from fitprint.recording.versions import ModelVersion, RegisteredModel
from fitprint_deploy.errors import DeployError

__all__ = ["Deployment", "alias_of", "deployed", "options_of", "remember"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What serves somewhere.

    Attributes:
        version: number of the version, recorded by ``actor`` for a ``reason``.
        since: in microseconds since the Unix epoch, by the store's clock; 0 if that is not known.
        files: digest of the rendered files.
        options: of the target.
        known: what the target knows it by, such as ``image``.
    """

    version: int
    since: int = 0
    actor: str = ""
    reason: str = ""
    files: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)


def alias_of(target: str, name: str) -> str:
    """Return the alias that leads to the version that serves; MLflow's servers take it, too."""
    return f"deployed-{target}-{name}"


def remember(
    version: ModelVersion, alias: str, rendering: Rendering, known: Mapping[str, str]
) -> None:
    """Note on a version with which files and options it serves."""
    noted = {"files": rendering.digest, "options": rendering.release.options, **known}
    version.set_tags({alias: json.dumps(noted, sort_keys=True, ensure_ascii=False)})


def options_of(version: ModelVersion, alias: str) -> Mapping[str, str]:
    """Return the options with which a version was deployed.

    Raises:
        DeployError: it was not, or the note was changed.
    """
    options = _noted(version, alias).get("options")
    if not isinstance(options, dict):
        raise DeployError(
            f"the tag {alias} of {version.name}/{version.version} does not say how it was "
            "deployed: `fitprint deploy apply` it anew"
        )
    return {str(name): str(value) for name, value in options.items()}


def deployed(model: RegisteredModel, alias: str) -> Deployment | None:
    """Return what serves now, as it is recorded; None if nothing does."""
    number = model.aliases.get(alias)
    if not number:
        return None
    noted = _noted(model.version(number), alias)
    move = next(
        (
            each
            for each in model.history(alias)
            if each.act == "AliasMoved" and each.refusal is None and each.version == number
        ),
        None,
    )
    options = noted.pop("options", None)
    return Deployment(
        number,
        move.decided_at if move else 0,
        move.actor if move else "",
        move.reason if move else "",
        str(noted.pop("files", "")),
        options if isinstance(options, dict) else {},
        {key: str(value) for key, value in noted.items()},
    )


def _noted(version: ModelVersion, alias: str) -> dict[str, Any]:
    try:
        found = json.loads(version.tags.get(alias, "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
