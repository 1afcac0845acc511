"""The verbs: render, apply, roll back, delete, and how it stands."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fitprint.arguments import shown
from fitprint.errors import ModelNotFoundError
from fitprint.hooks.targets import Release, Rendering, Target
from fitprint.recording.model_uris import ModelURI
from fitprint.recording.reading import RunReader
from fitprint.recording.registering import get_registered_model
from fitprint.recording.versions import ModelVersion, RegisteredModel
from fitprint_deploy.engines import pinned
from fitprint_deploy.errors import DeployError, TargetRefusedError
from fitprint_deploy.records import Deployment, alias_of, deployed, options_of, remember
from fitprint_deploy.releases import found_target, name_for, read_release
from fitprint_deploy.writing import write

__all__ = ["Rendered", "Wish", "apply", "delete", "place_of", "render", "rolled_back", "status"]

_MOST_REASON = 500  # letters


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks for: the model at ``uri`` on a target, as a deployment of that name ("" for
    the model's), its files in ``folder`` (None: nowhere for long).
    """

    target: str
    uri: str
    name: str = ""
    options: Mapping[str, str] | None = None
    folder: Path | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Files, where they come from, and the target that they are for."""

    target: Target
    rendering: Rendering
    source: RunReader
    path: str

    @property
    def release(self) -> Release:
        return self.rendering.release

    def problems(self) -> list[str]:
        """Return what is wrong with the files."""
        return list(self.target.validate(self.rendering))

    @contextmanager
    def written(self, folder: Path | None) -> Iterator[Path]:
        """Give the folder with the files: this one, or one that is removed afterwards."""
        if folder is not None:
            write(self.rendering, self.source, self.path, folder)
            yield folder
            return
        with tempfile.TemporaryDirectory(prefix="fitprint-deploy-") as place:
            whole = Path(place) / "files"
            write(self.rendering, self.source, self.path, whole)
            yield whole


def render(wish: Wish) -> Rendered:
    """Return the files of a deployment. Only a base of an image that is named by a tag is asked
    for elsewhere.

    Raises:
        ModelNotFoundError: there is no such model.
        DeployError: something is missing.
    """
    options = dict(wish.options or {})
    target = found_target(wish.target, options)
    release, source, path = read_release(wish.uri, wish.name, options)
    if "base" in target.options:
        options["base"] = pinned(options.get("base", ""), release)
        release = replace(release, options=dict(sorted(options.items())))
    return Rendered(target, target.render(release), source, path)


def apply(wish: Wish, tell: Callable[[str], None]) -> Deployment:
    """Let a version serve, and return what is recorded of it.

    The record comes first: a rule of the alias, or somebody who was faster, stops it before
    anything has changed. If the target fails, the record goes back.

    Raises:
        DeployError: the model is not registered, or something is missing.
        TargetRefusedError: the files are not sound, or the target says no.
        RefusedError: a rule of the alias does not hold, or somebody else has just deployed.
    """
    rendered = render(wish)
    release = rendered.release
    if not release.version:
        raise DeployError(
            f"only a registered model is deployed, so that it is known what serves: `fitprint "
            f"models register {release.uri} NAME`, then models:/NAME/1"
        )
    problems = rendered.problems()
    if problems:
        raise TargetRefusedError("the files are not sound: " + "; ".join(problems))
    for note in rendered.rendering.notes:
        tell(note)
    model = get_registered_model(release.model)
    alias = alias_of(rendered.target.name, release.name)
    before = model.aliases.get(alias)
    version = model.version(release.version)
    with rendered.written(wish.folder) as folder:
        remember(version, alias, rendered.rendering, {})
        model.promote(release.version, alias, reason=wish.reason)
        try:
            known = rendered.target.apply(rendered.rendering, folder)
        except BaseException as error:  # Ctrl+C, too
            _undo(model, alias, before, release.version, error)
            raise
    remember(version, alias, rendered.rendering, known)
    found = deployed(get_registered_model(release.model), alias)
    assert found is not None
    return found


def rolled_back(wish: Wish, tell: Callable[[str], None]) -> Deployment:
    """Let the version serve that served before, with the options that it had, and return it.

    Raises:
        DeployError: nothing is deployed.
        RefusedError: there was none before.
        TargetRefusedError: the target says no; the record is as it was.
    """
    model, name = _registered(wish)
    target = found_target(wish.target, {})
    alias = alias_of(target.name, name)
    before = _deployed(model, alias, wish).version
    version = model.rollback(alias, reason=wish.reason)
    try:
        options = options_of(version, alias)
        again = replace(wish, uri=version.uri, name=name, options=options)
        rendered = render(again)
        tell(f"back to version {version.version}, from {before}")
        with rendered.written(wish.folder) as folder:
            known = rendered.target.apply(rendered.rendering, folder)
    except BaseException:  # Ctrl+C, too
        model.refresh()
        model.set_alias(alias, before, reason="the target did not take the version before")
        raise
    remember(version, alias, rendered.rendering, known)
    found = deployed(get_registered_model(model.name), alias)
    assert found is not None
    return found


def status(wish: Wish) -> tuple[Deployment, str]:
    """Return what is recorded to serve, and what the target says.

    Raises:
        DeployError: nothing is deployed, or the target cannot be asked.
    """
    model, name = _registered(wish)
    target = found_target(wish.target, {})
    alias = alias_of(target.name, name)
    found = _deployed(model, alias, wish)
    return found, target.status(_release_of(model.version(found.version), name, alias))


def delete(wish: Wish) -> Deployment:
    """Take a deployment away, and return what it was; its history stays.

    Raises:
        DeployError: nothing is deployed, or something is missing.
    """
    model, name = _registered(wish)
    target = found_target(wish.target, {})
    alias = alias_of(target.name, name)
    found = _deployed(model, alias, wish)
    target.delete(_release_of(model.version(found.version), name, alias))
    model.delete_alias(alias, reason=wish.reason)
    return found


def place_of(wish: Wish) -> tuple[str, str]:
    """Return the names of the registered model and of its deployment."""
    model, name = _registered(wish)
    return model.name, name


def _undo(
    model: RegisteredModel, alias: str, before: int | None, version: int, error: BaseException
) -> None:
    """Let the alias lead to where it led before."""
    why = str(error) or type(error).__name__
    reason = f"the target did not take version {version}: {why}"[:_MOST_REASON]
    if before is None:
        model.delete_alias(alias, reason=reason)
    elif before != version:
        model.rollback(alias, reason=reason)


def _registered(wish: Wish) -> tuple[RegisteredModel, str]:
    """Return the registered model that a URI is about, and the name of its deployment."""
    if not wish.uri.startswith("models:/"):
        raise ModelNotFoundError(
            f"{shown(wish.uri)} is no registered model: give models:/NAME, whose deployment it is"
        )
    model = get_registered_model(ModelURI.read(wish.uri).name)
    return model, name_for(model.name, wish.name)


def _deployed(model: RegisteredModel, alias: str, wish: Wish) -> Deployment:
    found = deployed(model, alias)
    if found is None:
        have = ", ".join(f"@{each}" for each in model.aliases if each.startswith("deployed-"))
        raise DeployError(
            f"{model.name} is not deployed as @{alias}; it is {f'as {have}' if have else 'nowhere'}"
            f": `fitprint deploy apply {wish.target} models:/{model.name}/latest`"
        )
    return found


def _release_of(version: ModelVersion, name: str, alias: str) -> Release:
    return read_release(version.uri, name, options_of(version, alias))[0]
