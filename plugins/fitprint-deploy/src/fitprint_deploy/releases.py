"""From a model's URI to what a target renders: everything is read from the record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import fitprint
from fitprint.arguments import nearest, shown
from fitprint.entities import LoggedModel
from fitprint.errors import ArtifactNotFoundError, ModelNotFoundError, RunNotFoundError
from fitprint.hooks.manager import hooks
from fitprint.hooks.targets import Release, Target
from fitprint.models.directory import MANIFEST
from fitprint.models.requirements import installed_version
from fitprint.recording.reading import RunReader
from fitprint.recording.versions import ModelVersion, get_model_version
from fitprint.versions import PLUGINS, normal
from fitprint_deploy.errors import DeployError

__all__ = ["found_target", "name_for", "read_release"]

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
_MOST_LETTERS = 40  # of a name, to which targets add words of their own
_VERSION = re.compile(r"[A-Za-z0-9.+!_-]+")


def found_target(name: str, options: Mapping[str, str]) -> Target:
    """Return the target of this name, if it has these options.

    Raises:
        DeployError: it does not exist, or has no such option.
    """
    targets: Mapping[str, Target] = hooks().registered("register_deploy_targets")
    if name not in targets:
        hint = nearest(name, targets) or f"; there are {', '.join(sorted(targets))}"
        raise DeployError(f"there is no target {shown(name)}{hint}")
    target = targets[name]
    for option in options:
        if option not in target.options:
            hint = nearest(option, target.options)
            hint = hint or f"; it has {', '.join(target.options) or 'none'}"
            raise DeployError(f"the target {name} has no option {shown(option)}{hint}")
    return target


def name_for(text: str, given: str = "") -> str:
    """Return the name of a deployment: the one that is given, or one made of a model's.

    Raises:
        DeployError: the one that is given cannot be a name everywhere.
    """
    if given:
        if not _NAME.fullmatch(given):
            raise DeployError(
                f"a deployment cannot be called {shown(given)}: a name is 1 to {_MOST_LETTERS} "
                "lower-case letters, digits and dashes, and begins with a letter"
            )
        return given
    words = "-".join(re.findall(r"[a-z0-9]+", text.lower()))
    words = words if words[:1].isalpha() else f"model-{words}"
    return words[:_MOST_LETTERS].strip("-")


def read_release(uri: str, name: str, options: Mapping[str, str]) -> tuple[Release, RunReader, str]:
    """Return the model that a URI leads to as a release, what has its files, and their folder
    there.

    Args:
        uri: ``models:/NAME@ALIAS`` and the like, or ``runs:/RUN/PATH``.
        name: of the deployment; "" for one that is made of the model's.
        options: of the target.

    Raises:
        ModelNotFoundError: there is no model at the URI.
        DeployError: the name is none.
    """
    scheme, _, rest = uri.partition(":/")
    if scheme == "models":
        version = get_model_version(uri)
        run = _run_of(version)
        source, path, logged = version.source, "model", version.record.model
        about: dict[str, Any] = {
            "name": name_for(version.name, name),
            "uri": version.uri,
            "model": version.name,
            "version": version.version,
            "run": version.record.run_id or "",
            "created": version.record.created // 1_000_000,
        }
    elif scheme == "runs":
        source = run = fitprint.get_run(rest.strip("/").partition("/")[0])
        path = rest.strip("/").partition("/")[2] or "model"
        found = next((each for each in run.models if each.path == path), None)
        if found is None:
            have = ", ".join(each.path for each in run.models) or "none"
            raise ModelNotFoundError(
                f"the run {run.name} has no model {shown(path)}; it has {have}"
            )
        logged = found
        about = {
            "name": name_for(run.name, name),
            "uri": f"runs:/{run.id}/{path}",
            "run": run.id,
            "created": run.record.start_time // 1_000_000,
        }
    else:
        raise ModelNotFoundError(
            f"{shown(uri)} is not a recorded model: give models:/NAME@ALIAS, models:/NAME/3 or "
            "runs:/RUN/model; a folder becomes one by `fitprint models register FOLDER NAME`"
        )
    packages = _packages(run)
    release = Release(
        **about,
        digest=logged.digest,
        flavor=logged.flavor,
        python=_python(source, path),
        requirements=tuple(sorted(logged.facts.get("requirements") or ())),
        runtime=_runtime(logged, packages),
        packages=packages,
        options=dict(sorted(options.items())),
    )
    for told in (release.uri, release.digest, release.run):
        if not told.isprintable():  # a line of its own would be an instruction of a Dockerfile
            raise DeployError(f"the record has control characters: {shown(told)}")
    return release, source, path


def _run_of(version: ModelVersion) -> RunReader | None:
    try:
        return fitprint.get_run(version.record.run_id) if version.record.run_id else None
    except RunNotFoundError:
        return None


def _packages(run: RunReader | None) -> dict[str, str]:
    """Return what was installed when the model was recorded."""
    facts = run.environment.get("packages") if run is not None else None
    installed = facts.get("installed") if isinstance(facts, Mapping) else None
    return {
        name: version
        for name, version in (installed or {}).items()
        if _VERSION.fullmatch(name) and isinstance(version, str) and _VERSION.fullmatch(version)
    }


def _python(source: RunReader, path: str) -> str:
    try:
        content = json.loads(source.read(f"{path}/{MANIFEST}"))
    except (ArtifactNotFoundError, ValueError, RecursionError):
        return ""
    found = content.get("python") if isinstance(content, dict) else None
    return found if isinstance(found, str) and re.fullmatch(r"\d+\.\d[\w.+]*", found) else ""


def _runtime(model: LoggedModel, packages: Mapping[str, str]) -> tuple[str, ...]:
    """Return the requirements of what loads the model and answers, each with one version: that
    which is installed here, or was when the model was recorded. The sisters of one release have
    the same version.
    """
    own = installed_version("fitprint") or fitprint.__version__
    plugin = PLUGINS.get(model.flavor)
    names = ["fitprint", "fitprint-serve", *([plugin] if plugin else [])]
    lines = [
        f"{name}=={installed_version(name) or packages.get(normal(name)) or own}" for name in names
    ]
    # a model of named columns gets a data frame
    frames = packages.get("pandas") or installed_version("pandas")
    if frames and _takes_a_table(model):
        lines.append(f"pandas=={frames}")
    return tuple(lines)


def _takes_a_table(model: LoggedModel) -> bool:
    signature = model.facts.get("signature")
    inputs = signature.get("inputs") if isinstance(signature, Mapping) else None
    return isinstance(inputs, Mapping) and inputs.get("container") == "table"
