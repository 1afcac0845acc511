"""Which model is meant, and the run that it belongs to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from fitprint.api import get_run, load_predictor, off
from fitprint.data.values import type_name
from fitprint.entities import LoggedModel
from fitprint.errors import FitprintError, RunNotFoundError, StoreError
from fitprint.hooks.manager import hooks
from fitprint.ids import short_id
from fitprint.models.flavor import choose_flavor
from fitprint.models.predictor import Predictor
from fitprint.recording.context import current_run
from fitprint.recording.run import Run
from fitprint.recording.versions import ModelVersion, get_model_version

__all__ = ["Subject", "subject_of"]


class Subject(NamedTuple):
    """A model, the run on which its evaluation is recorded, if there is one, and the version of a
    registered model that it is, if it is.
    """

    predictor: Predictor
    run: Run | None
    version: ModelVersion | None = None

    @property
    def path(self) -> str:
        """Where the model is in its run."""
        return self.predictor.uri.partition(":/")[2].partition("/")[2] or "model"

    @property
    def digest(self) -> str:
        """The digest over the model's files; "" if it was not recorded."""
        if self.version is not None:
            return self.version.record.model.digest
        if self.run is None:
            return ""
        models: Iterable[LoggedModel]
        try:
            models = self.run.record.models
        except StoreError:  # out of reach
            models = [logged for logged, _ in self.run.models_here.values()]
        return next((model.digest for model in models if model.path == self.path), "")


def subject_of(model: Any, trust: Collection[str] | None) -> Subject:
    """Return what :func:`fitprint.evaluate` takes for a model."""
    if isinstance(model, Run):
        return _recorded_model(model, "", trust)
    if isinstance(model, ModelVersion):
        return _version(model, trust)
    if isinstance(model, os.PathLike):
        model = os.fspath(model)
    if isinstance(model, str):
        return _named_model(model, trust)
    if isinstance(model, Predictor):
        return Subject(model, _run_of(model.uri) or current_run())
    if isinstance(model, type):
        raise FitprintError(f"give a trained model, not the class {model.__name__}")
    if not callable(getattr(model, "predict", None)) and not callable(model):
        told = f"a {type_name(model)} is not a model: it has no method predict"
        raise FitprintError(
            f"{told}; give a model, a run, or what names a run: an id, a name, @last, "
            "runs:/RUN/model"
        )
    from fitprint.autologging.activation import engine

    run: Run | None = engine().origins.recall(model)
    flavor = choose_flavor(model, hooks().registered("register_flavors").values())
    return Subject(Predictor(model, flavor), run or current_run())


def _named_model(text: str, trust: Collection[str] | None) -> Subject:
    if os.path.isfile(os.path.join(text, "MLmodel")) or (":/" in text and not text.startswith("@")):  # noqa: PTH113, PTH118 - no error
        if text.startswith("models:/"):
            return _version(get_model_version(text), trust)
        with off():
            return Subject(load_predictor(text, trust), _run_of(text) or current_run())
    try:
        return _recorded_model(get_run(text), "", trust)
    except RunNotFoundError as error:
        run_name, _, path = text.partition("/")
        if run_name and path and not os.path.isdir(text):  # noqa: PTH112
            try:
                return _recorded_model(get_run(run_name), path, trust)
            except RunNotFoundError:
                pass
        raise RunNotFoundError(
            f"{error}; nor is there a folder of this name with an MLmodel file (a registered model "
            "is written models:/NAME)"
        ) from None


def _recorded_model(run: Run, path: str, trust: Collection[str] | None) -> Subject:
    paths = [model.path for model in run.record.models]
    if not paths:
        told = f"the run {run.name} ({short_id(run.id)}) has no model"
        raise FitprintError(
            f"{told}: record models (the setting `models`), call run.log_model(model), or give the "
            "model itself"
        )
    if not path:
        if len(paths) > 1 and "model" not in paths:
            told = ", ".join(sorted(paths)[:8])
            raise FitprintError(
                f"the run {run.name} has {len(paths)} models: {told}; give {run.name}/PATH"
            )
        path = "model" if "model" in paths else paths[0]
    with off():
        return Subject(load_predictor(f"runs:/{run.id}/{path}", trust), run)


def _version(version: ModelVersion, trust: Collection[str] | None) -> Subject:
    """Return a version of a registered model; its evaluation is recorded on its run, too, while
    there is one.
    """
    run = None
    if version.run_id is not None:
        try:
            run = get_run(version.run_id)
        except RunNotFoundError:
            pass
    with off():
        return Subject(load_predictor(version.uri, trust), run, version)


def _run_of(uri: str) -> Run | None:
    scheme, _, rest = uri.partition(":/")
    return (
        get_run(rest.strip("/").partition("/")[0]) if scheme == "runs" and rest.strip("/") else None
    )
