"""The verbs on registered models: registering, finding and making them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fitprint import clock
from fitprint.arguments import checked_count, checked_items, checked_text
from fitprint.artifacts.paths import checked_path, files_below
from fitprint.context.secrecy import tag_texts
from fitprint.entities import Artifact, LoggedModel, RunRecord
from fitprint.errors import (
    FitprintError,
    ModelNotFoundError,
    RefusedError,
    RegistryUnreachableError,
    StoreError,
)
from fitprint.events import ModelVersionCreated, RegisteredModelEdited
from fitprint.ids import new_id
from fitprint.recording.answering import Waiting
from fitprint.recording.contents import RunContents
from fitprint.recording.model_uris import SCHEME, found_model, registry_of
from fitprint.recording.reading import RunReader
from fitprint.recording.versions import (
    ModelVersion,
    RegisteredModel,
    decided,
    get_model_version,
    searched,
)
from fitprint.recording.workspace import Workspace, current
from fitprint.registered import ModelEvaluation
from fitprint.stores.registry import KNOWN

__all__ = [
    "create_registered_model",
    "described_model",
    "evaluations_of",
    "get_registered_model",
    "register_model",
    "registered_models",
    "search_model_versions",
]

_MOST = 1000  # versions that a search returns


def register_model(
    model: str | RunReader | ModelVersion,
    name: str,
    *,
    alias: str | None = None,
    tags: Mapping[str, Any] | None = None,
    note: str = "",
    reason: str = "",
) -> ModelVersion:
    """Register a recorded model under a name, and return its version.

    The version keeps the model's files, whatever becomes of its run. The same model of the same run
    is registered once: the next time, the version that there is is returned. What
    :func:`fitprint.evaluate` found on the run goes with it.

    Args:
        model: a run (its model ``model``), ``runs:/RUN/PATH``, ``models:/NAME/VERSION``, or a
            folder with an ``MLmodel`` file.
        name: of the registered model, which begins to exist with its first version.
        alias: an alias that is to lead to the version.
        tags: tags of the version.
        note: what the version is about (Markdown).
        reason: why; it stands in the history.

    Raises:
        ModelNotFoundError: ``model`` leads to no model.
        RefusedError: the name is none, or a rule does not let the version have the alias (it is
            registered all the same).
        RegistryUnreachableError: the store cannot be reached within the setting ``registry_wait``;
            the request is written down, and the version appears when it is delivered; or it was
            out of reach just after that, and the message says the version.
        StoreError: it cannot be reached, and only the store knows the model: nothing is written
            down. (A model that was recorded through the run which is given is known without.)
    """
    workspace = current()
    name = checked_text(name, "the name of a registered model")
    waiting = Waiting(workspace)
    act = _request(
        waiting,
        workspace,
        model,
        name,
        _texts(tags or {}),
        checked_text(note, "a note", empty=True),
        reason,
    )
    decision = decided(workspace, act, waiting)
    number = decision.version or 0
    try:
        made = ModelVersion(workspace, registry_of(workspace.known_store()).version(name, number))
    except StoreError as error:
        raise RegistryUnreachableError(
            f"{name}/{number} is registered, and cannot be read: {error}; to register it again "
            "returns it"
        ) from error
    if decision.about == KNOWN:  # what was said of it now is to hold all the same
        if act.changes.get("tags"):
            made.set_tags(act.changes["tags"])
        if note:
            made.set_note(note)
    if alias is not None:
        try:
            get_registered_model(name).promote(made.version, alias, reason=reason)
        except RefusedError as error:
            raise RefusedError(
                f"{error} ({name}/{made.version} is registered all the same)"
            ) from error
        made.refresh()
    return made


def _request(
    waiting: Waiting,
    workspace: Workspace,
    model: Any,
    name: str,
    tags: Mapping[str, str | None],
    note: str,
    reason: str,
) -> ModelVersionCreated:
    reason = checked_text(reason, "a reason", empty=True)
    run_id, logged, files, evaluations = _material(waiting, workspace, model)
    changes: dict[str, Any] = {"tags": tags, "note": note, "evaluations": evaluations}
    given = {key: value for key, value in changes.items() if value}
    return ModelVersionCreated(
        name, clock.now(), new_id(), "", run_id, logged, files, given, reason
    )


def _material(
    waiting: Waiting, workspace: Workspace, model: Any
) -> tuple[str, LoggedModel, tuple[Artifact, ...], Mapping[str, Any]]:
    """Return the run, the model, its files and what is known of how good it is."""
    if isinstance(model, os.PathLike):
        model = os.fspath(model)
    if isinstance(model, str) and model.startswith(SCHEME):
        uri = model
        model = waiting.answer(lambda: get_model_version(uri))
    if isinstance(model, ModelVersion):
        record = model.record
        evaluations = {data: each.to_json() for data, each in record.evaluations.items()}
        return record.run_id, record.model, record.artifacts, evaluations
    run, path = _run_of(waiting, workspace, model)
    if run is None:
        return _from_folder(workspace, path)
    run.refresh()  # somebody may have recorded a model by another handle
    try:
        known = waiting.answer(lambda: run.record)
    except StoreError:
        here = run.models_here if isinstance(run, RunContents) else {}
        logged, files = here.get(_path_of_model(path, list(here)), (None, ()))
        if logged is None:
            raise
        return run.id, logged, files, {}
    path = _path_of_model(path, [each.path for each in known.models])
    logged = next((each for each in known.models if each.path == path), None)
    if logged is None:
        have = ", ".join(f"runs:/{run.id}/{each.path}" for each in known.models) or "none"
        raise ModelNotFoundError(f"the run {known.name} has no model {path!r}; its models: {have}")
    return run.id, logged, files_below(known.artifacts, path), evaluations_of(run, known, logged)


def _path_of_model(path: str, known: Sequence[str]) -> str:
    """Return the path that is meant: of a run that has one model, that one, unless said."""
    return path or (known[0] if len(known) == 1 else "model")


def _run_of(waiting: Waiting, workspace: Workspace, model: Any) -> tuple[RunReader | None, str]:
    """Return the run and the path of its model that are meant ("": it was not said); no run for a
    folder.
    """
    if isinstance(model, RunReader):
        return model, ""
    text = checked_text(
        model,
        "the model to register: a run, runs:/RUN/PATH, models:/NAME/VERSION or a folder",
        ModelNotFoundError,
    )
    # no error for odd names
    if os.path.isfile(os.path.join(text, "MLmodel")):  # noqa: PTH113, PTH118
        return None, text
    name, _, path = text.removeprefix("runs:/").strip("/").partition("/")
    return waiting.answer(lambda: _run_named(workspace, name)), path


def _run_named(workspace: Workspace, name: str) -> RunReader:
    from fitprint.views.finding import find_run

    record = find_run(workspace.store, name, workspace.settings["metric"]).record
    return RunReader(workspace, record.id, record)


def _from_folder(
    workspace: Workspace, folder: str
) -> tuple[str, LoggedModel, tuple[Artifact, ...], Mapping[str, Any]]:
    """Keep the files of a model directory, and return what they are."""
    root = Path(folder)
    files = []
    for path in sorted(each for each in root.rglob("*") if each.is_file()):
        digest, size = workspace.staging.put_file(path)
        files.append(Artifact(checked_path(path.relative_to(root).as_posix()), digest, size))
    return "", described_model(root, "model", files), tuple(files), {}


def described_model(folder: Path, path: str, files: Sequence[Artifact]) -> LoggedModel:
    """Return what a model directory is, as if a run had recorded it at ``path``.

    Args:
        folder: where it is now.
        path: where it is in the run.
        files: all its files, by paths inside it.

    Raises:
        FitprintError: its ``MLmodel`` file cannot be understood.
    """
    from fitprint.models.directory import directory_digest, read_manifest

    manifest = read_manifest(folder)
    digest = directory_digest({file.path: file.digest for file in files})
    flavor = manifest.flavor or next(
        (each for each in manifest.flavors if each != "python_function"), "python_function"
    )
    facts = {
        "class": manifest.class_name,
        "serialization": manifest.serialization,
        "safe": manifest.safe,
        "needs": list(manifest.needs),
        "requirements": list(manifest.requirements),
        "signature": manifest.signature.to_json(values=False)
        if manifest.signature is not None
        else None,
        "size": sum(file.size for file in files),
    }
    return LoggedModel(path, flavor, digest, facts)


def evaluations_of(run: RunReader, known: RunRecord, model: LoggedModel) -> dict[str, Any]:
    """Return what :func:`fitprint.evaluate` recorded on a run of this model, as acts carry it.

    Args:
        run: whose bytes are read.
        known: what is known of it.
        model: one of its models.
    """
    found: dict[str, Any] = {}
    for artifact in known.artifacts:
        folder, _, name = artifact.path.partition("/")
        if folder != "evaluations" or not name.endswith(".json"):
            continue
        try:
            content = json.loads(run.read(artifact.path))
            if content["model_digest"] != model.digest:
                continue
            data = name.removesuffix(".json")
            metrics = {key: float(value) for key, value in content["metrics"].items()}
            summaries = known.metrics
            goals = {
                key: summaries[f"{data}_{key}"].goal
                for key in metrics
                if f"{data}_{key}" in summaries
            }
            digests = str(content["digest"]), str(content["target_digest"])
            found[data] = ModelEvaluation(*digests, metrics, goals).to_json()
        except (FitprintError, ValueError, TypeError, KeyError, AttributeError):
            continue  # a file of the user's own
    return found


def create_registered_model(
    name: str, *, tags: Mapping[str, Any] | None = None, note: str = ""
) -> RegisteredModel:
    """Make a registered model without a version; nobody has to, for it begins to exist with its
    first one.

    Raises:
        RefusedError: there is one of this name.
    """
    workspace = current()
    changes: dict[str, Any] = {
        "created": True,
        "note": checked_text(note, "a note", empty=True),
        "tags": _texts(tags or {}),
    }
    given = {key: value for key, value in changes.items() if value}
    decided(
        workspace,
        RegisteredModelEdited(checked_text(name, "a name"), clock.now(), new_id(), "", given),
    )
    return get_registered_model(name)


def registered_models(*, removed: bool = False) -> list[RegisteredModel]:
    """Return all registered models, by name; or those that were removed."""
    workspace = current()
    return [
        RegisteredModel(workspace, record)
        for record in registry_of(workspace.store).models()
        if (record.deleted_time is not None) == removed
    ]


def get_registered_model(name: str) -> RegisteredModel:
    """Return a registered model, by its name or one that it had.

    Raises:
        RegisteredModelNotFoundError: there is none; the message says what there is.
    """
    workspace = current()
    return RegisteredModel(
        workspace,
        found_model(
            registry_of(workspace.store), checked_text(name, "the name of a registered model")
        ),
    )


def search_model_versions(
    filter_string: str | None = None,
    order_by: Iterable[str] | str | None = None,
    max_results: int | None = None,
) -> list[ModelVersion]:
    """Return the versions of registered models that match a filter.

    Args:
        filter_string: such as ``name = 'churn' and metrics.val_auc > 0.9``: attributes and tags of
            versions, params, metrics and data sets of their runs; see :mod:`fitprint.query`.
        order_by: such as ``"metrics.val_auc desc"``; newest first by default.
        max_results: return at most so many, 1000 by default.

    Raises:
        QueryError: the filter or the ordering cannot be understood.
    """
    most = _MOST if max_results is None else checked_count(max_results, "max_results")
    return searched(current(), filter_string, order_by or (), most)


def _texts(tags: Mapping[str, Any]) -> dict[str, str | None]:
    return tag_texts(checked_items(tags, "{'team': 'a'}"))
